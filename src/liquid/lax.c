/*
 * Shopify's first parser, for templates written against it: it matches patterns and
 * reads over what they do not cover, so that hardly anything is an error.
 *
 *   fragment   "..." | '...' | a run without white space , | (quoted parts inside it)
 *   attribute  word ":" fragment
 *
 * A fragment that is neither text, number, range nor literal is a path: its words
 * and [brackets], whatever stands between them.
 */
#include "number.h"
#include "parser.h"

static struct pr_str
skip(struct pr_str s, size_t n)
{
	return (struct pr_str){s.p + n, s.n - n};
}

/* Length of a quoted text at the beginning of s, 0 when there is none. */
static size_t
quoted(struct pr_str s)
{
	if (s.n == 0 || (s.p[0] != '"' && s.p[0] != '\''))
		return 0;
	const char *close = memchr(s.p + 1, s.p[0], s.n - 1);
	return close ? (size_t)(close - s.p) + 1 : 0;
}

static size_t
fragment_length(struct pr_str s)
{
	size_t n = quoted(s);
	if (n)
		return n;
	while (n < s.n) {
		char c = s.p[n];
		size_t q = quoted(skip(s, n));
		if (q)
			n += q;
		else if (pr_is_space(c) || c == ',' || c == '|' || c == '"' || c == '\'')
			break;
		else
			n++;
	}
	return n;
}

bool
lq_lax_fragment(struct pr_str *rest, struct pr_str *fragment)
{
	for (size_t i = 0; i < rest->n; i++) {
		size_t n = fragment_length(skip(*rest, i));
		if (n == 0)
			continue;
		*fragment = (struct pr_str){rest->p + i, n};
		*rest = skip(*rest, i + n);
		return true;
	}
	return false;
}

static size_t
spaces(struct pr_str s)
{
	size_t n = 0;
	while (n < s.n && pr_is_space(s.p[n]))
		n++;
	return n;
}

static size_t
word_length(struct pr_str s)
{
	size_t n = 0;
	while (n < s.n && (lq_is_word(s.p[n]) || (n && s.p[n] == '-')))
		n++;
	return n;
}

/* `key : fragment` exactly at the beginning; its length, or 0. */
static size_t
attribute_length(struct pr_str s, struct pr_str *key, struct pr_str *value)
{
	size_t n = word_length(s);
	*key = (struct pr_str){s.p, n};
	n += spaces(skip(s, n));
	if (key->n == 0 || n == s.n || s.p[n] != ':')
		return 0;
	n++;
	n += spaces(skip(s, n));
	*value = (struct pr_str){s.p + n, fragment_length(skip(s, n))};
	return value->n ? n + value->n : 0;
}

bool
lq_lax_attribute(struct pr_str *rest, struct pr_str *key, struct pr_str *value)
{
	size_t i = 0;
	while (i < rest->n) {
		size_t n = attribute_length(skip(*rest, i), key, value);
		if (n) {
			*rest = skip(*rest, i + n);
			return true;
		}
		size_t word = word_length(skip(*rest, i));
		i += word ? word : 1;
	}
	return false;
}

/* Length of [ ... ] with the brackets inside it, 0 where it never closes. */
static size_t
bracket_length(struct pr_str s)
{
	unsigned depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		depth += s.p[i] == '[';
		if (s.p[i] == ']' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* The next word or bracket of a path. */
static bool
next_part(struct pr_str *rest, struct pr_str *part)
{
	for (size_t i = 0; i < rest->n; i++) {
		struct pr_str s = skip(*rest, i);
		size_t n = s.p[0] == '[' ? bracket_length(s) : 0;
		while (s.p[0] != '[' && n < s.n && (lq_is_word(s.p[n]) || s.p[n] == '-'))
			n++;
		if (n == 0)
			continue;
		n += s.p[0] != '[' && n < s.n && s.p[n] == '?';
		*part = (struct pr_str){s.p, n};
		*rest = skip(*rest, i + n);
		return true;
	}
	return false;
}

static uint32_t
bracket_expression(struct lq_parser *p, struct pr_str part)
{
	if (p->nesting == LQ_NESTING_MAX) {
		lq_error(p, part.p, NULL, "Nesting too deep");
		return lq_const(p, lq_nil());
	}
	p->nesting++;
	uint32_t expr = lq_lax_expression(p, (struct pr_str){part.p + 1, part.n - 2}, LQ_IN_VALUE);
	p->nesting--;
	return expr;
}

static uint32_t
path(struct lq_parser *p, struct pr_str markup)
{
	uint32_t from = p->n_path, name = LQ_NONE, root = LQ_NONE;
	struct pr_str rest = markup, part;
	if (!next_part(&rest, &part))
		return lq_expr_name(p, PR_STR(""), markup.p);
	if (part.p[0] == '[')
		root = bracket_expression(p, part);
	else
		name = lq_use_name(p, part, part.p);
	while (next_part(&rest, &part)) {
		struct lq_segment s = {.expr = LQ_NONE, .name = part};
		if (part.p[0] == '[')
			s.expr = bracket_expression(p, part);
		else
			s.word = (uint8_t)lq_word_find(part);
		*LQ_ADD(p, path) = s;
	}
	return lq_expr_path(p, name, root, from);
}

/* "(a..b)" with neither part empty or spaced. */
static bool
split_range(struct pr_str s, struct pr_str *first, struct pr_str *last)
{
	if (s.n < 2 || s.p[0] != '(' || s.p[s.n - 1] != ')')
		return false;
	struct pr_str in = pr_str_trim((struct pr_str){s.p + 1, s.n - 2});
	for (size_t i = in.n; i-- > 2;) {
		if (in.p[i] != '.' || in.p[i - 1] != '.')
			continue;
		*first = pr_str_trim((struct pr_str){in.p, i - 1});
		*last = pr_str_trim(skip(in, i + 1));
		return first->n && last->n;
	}
	return false;
}

static bool
is_number(struct pr_str s, struct pr_str *number)
{
	unsigned dots = 0;
	*number = s;
	if (s.n == 0 || pr_str_is(s, "-") || !(pr_is_digit(s.p[0]) || s.p[0] == '-'))
		return false;
	for (size_t i = s.p[0] == '-'; i < s.n; i++) {
		if (!pr_is_digit(s.p[i]) && s.p[i] != '.')
			return false;
		if (s.p[i] == '.' && ++dots == 2)
			number->n = i;
	}
	return true;
}

uint32_t
lq_lax_expression(struct lq_parser *p, struct pr_str markup, enum lq_place place)
{
	struct pr_str s = pr_str_trim(markup), first, last, number;
	lq_value v;
	if (s.n == 0)
		return lq_const(p, lq_nil());
	if (s.n > 1 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return lq_const(p, pr_liquid_string((struct pr_str){s.p + 1, s.n - 2}));
	if (lq_word_constant(s, place, &v))
		return lq_const(p, v);
	if (p->nesting < LQ_NESTING_MAX && split_range(s, &first, &last)) {
		p->nesting++;
		uint32_t a = lq_lax_expression(p, first, LQ_IN_VALUE);
		uint32_t b = lq_lax_expression(p, last, LQ_IN_VALUE);
		p->nesting--;
		return lq_span(p, a, b);
	}
	if (is_number(s, &number))
		return lq_expr_number(p, number);
	return path(p, s);
}

/* "name: a, key: b" up to the next | into a call. */
static bool
lax_filter(struct lq_parser *p, struct pr_str f, uint32_t *n)
{
	uint32_t keywords[2 * LQ_ARGS_MAX], n_keywords = 0, from = p->n_scratch;
	struct pr_str name = f, key, value;
	while (name.n && !lq_is_word(name.p[0]))
		name = skip(name, 1);
	name.n = word_length(name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '-')
			name.n = i;
	for (size_t i = 0; i < f.n;) {
		size_t q = f.p[i] == ':' || f.p[i] == ',' ? 0 : quoted(skip(f, i));
		struct pr_str rest = skip(f, i + 1);
		bool begins = f.p[i] == ':' || f.p[i] == ',';
		i += q ? q : 1;
		if (!begins)
			continue;
		rest = skip(rest, spaces(rest));
		size_t m = attribute_length(rest, &key, &value);
		size_t length = m ? m : fragment_length(rest);
		if (length == 0)
			continue;
		uint32_t expr =
		    lq_lax_expression(p, m ? value : (struct pr_str){rest.p, length}, LQ_IN_VALUE);
		if (!m) {
			lq_push_scratch(p, expr);
		} else if (n_keywords < 2 * LQ_ARGS_MAX) {
			keywords[n_keywords++] = lq_const(p, pr_liquid_string(key));
			keywords[n_keywords++] = expr;
		}
		i = (size_t)(rest.p - f.p) + length;
	}
	uint32_t args = p->n_scratch - from;
	for (uint32_t i = 0; i < n_keywords; i++)
		lq_push_scratch(p, keywords[i]);
	return args <= LQ_ARGS_MAX ? lq_add_filter(p, name, args, n_keywords, n)
	                           : lq_error(p, f.p, NULL, "Too many arguments");
}

/* A filter's part of the markup: up to a | outside quotes, or a quote never closed. */
static struct pr_str
filter_part(struct pr_str s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] != '|') {
		size_t q = quoted(skip(s, n));
		if (!q && (s.p[n] == '"' || s.p[n] == '\''))
			break;
		n += q ? q : 1;
	}
	return (struct pr_str){s.p, n};
}

static bool
has_word(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (lq_is_word(s.p[i]))
			return true;
	return false;
}

bool
lq_lax_pipe(struct lq_parser *p, struct pr_str markup, uint32_t *pipe)
{
	struct pr_str rest = markup, fragment;
	uint32_t first = p->t->n_calls, n = 0;
	if (!lq_lax_fragment(&rest, &fragment)) {
		*pipe = lq_add_pipe(p, lq_const(p, lq_nil()), first, 0);
		return true;
	}
	uint32_t expr = lq_lax_expression(p, fragment, LQ_IN_VALUE);
	const char *bar = memchr(rest.p, '|', rest.n);
	rest = bar ? skip(rest, (size_t)(bar - rest.p) + 1) : (struct pr_str){rest.p, 0};
	while (rest.n) {
		struct pr_str f = filter_part(rest);
		if (has_word(f) && !lax_filter(p, f, &n))
			return false;
		rest = skip(rest, f.n < rest.n ? f.n + 1 : f.n);
	}
	*pipe = lq_add_pipe(p, expr, first, n);
	return true;
}

static bool
is_operator_char(char c)
{
	return c == '=' || c == '!' || c == '<' || c == '>' || c == '_' || (c >= 'a' && c <= 'z');
}

/* left [operator [right]]; what follows is read over. */
static bool
lax_comparison(struct lq_parser *p, struct pr_str markup, struct lq_condition *c)
{
	struct pr_str rest = markup, fragment;
	*c = (struct lq_condition){.operator= LQ_TRUTH };
	if (!lq_lax_fragment(&rest, &fragment))
		return lq_error(p, markup.p, NULL,
		                "Syntax Error in tag 'if' - Valid syntax: if [expression]");
	c->left = lq_lax_expression(p, fragment, LQ_IN_CONDITION);
	rest = skip(rest, spaces(rest));
	struct pr_str word = {rest.p, 0};
	while (word.n < rest.n && is_operator_char(word.p[word.n]))
		word.n++;
	if (word.n == 0)
		return true;
	rest = skip(rest, word.n);
	rest = skip(rest, spaces(rest));
	c->operator=(uint8_t) lq_operator_find(word);
	c->word = word;
	c->right =
	    lq_lax_expression(p, (struct pr_str){rest.p, fragment_length(rest)}, LQ_IN_CONDITION);
	return true;
}

/* Where the next lone `and` or `or` begins; s.n when there is none. */
static size_t
find_join(struct pr_str s, size_t *length)
{
	size_t i = 0;
	while (i < s.n) {
		size_t n = fragment_length(skip(s, i));
		struct pr_str word = {s.p + i, n};
		if (pr_str_is(word, "and") || pr_str_is(word, "or")) {
			*length = n;
			return i;
		}
		i += n ? n : 1;
	}
	return s.n;
}

bool
lq_lax_condition(struct lq_parser *p, struct pr_str markup, uint32_t *first)
{
	struct pr_str rest = markup;
	*first = p->t->n_conditions;
	for (;;) {
		struct lq_condition c;
		size_t length = 0, at = find_join(rest, &length);
		if (!lax_comparison(p, (struct pr_str){rest.p, at}, &c))
			return false;
		if (at < rest.n)
			c.relation = rest.p[at] == 'a' ? LQ_AND : LQ_OR;
		*LQ_ADD(p->t, conditions) = c;
		if (at == rest.n)
			return true;
		rest = skip(rest, at + length);
	}
}
