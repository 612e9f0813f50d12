/*
 * The two scanners. Neither fails: what cannot be cut is handed on as a BROKEN
 * token or a false, and the parser says what is wrong with it.
 *
 * The outer scanner knows no quotes: {{ "}}" }} ends at the first }}, as in every
 * Liquid. A tag begun inside an output ({{ a {% b %}) makes the output broken.
 */
#include "lexer.h"

#include <string.h>

static struct pr_str
between(const char *from, const char *to)
{
	return (struct pr_str){from, to > from ? (size_t)(to - from) : 0};
}

static const char *
find_two(const char *p, const char *end, char a, char b)
{
	while (p + 1 < end) {
		p = memchr(p, a, (size_t)(end - p - 1));
		if (!p)
			return NULL;
		if (p[1] == b)
			return p;
		p++;
	}
	return NULL;
}

/* The next {{ or {%, or end. */
static const char *
next_opening(const char *p, const char *end)
{
	while (p + 1 < end) {
		p = memchr(p, '{', (size_t)(end - p - 1));
		if (!p)
			return end;
		if (p[1] == '{' || p[1] == '%')
			return p;
		p++;
	}
	return end;
}

static void
scan_text(struct lq_scanner *s, struct lq_token *token)
{
	const char *stop = next_opening(s->p, s->end);
	const char *from = s->p, *to = stop;
	if (s->trim)
		while (from < to && pr_is_space(*from))
			from++;
	if (stop + 2 < s->end && stop[2] == '-')
		while (to > from && (pr_is_space(to[-1]) || to[-1] == 0))
			to--;
	token->kind = LQ_TOKEN_TEXT;
	token->whole = between(s->p, stop);
	token->text = between(from, to);
	s->p = stop;
	s->trim = false;
}

/* The markup of an output or tag, without braces and dashes. */
static struct pr_str
inside(struct lq_scanner *s, struct pr_str whole)
{
	const char *from = whole.p + 2, *to = whole.p + whole.n - 2;
	s->trim = to > whole.p + 2 && to[-1] == '-';
	if (from < to && *from == '-')
		from++;
	if (to > from && to[-1] == '-')
		to--;
	return between(from, to);
}

/* "{{ a }": Ruby takes a single brace before the next opening for the end too. */
static void
scan_output(struct lq_scanner *s, struct lq_token *token)
{
	const char *close = find_two(s->p + 2, s->end, '}', '}');
	const char *tag = find_two(s->p + 2, close ? close : s->end, '{', '%');
	const char *tag_end = tag ? find_two(tag + 2, s->end, '%', '}') : NULL;
	if (tag || !close) {
		token->kind = LQ_TOKEN_BROKEN;
		token->whole = between(s->p, tag ? (tag_end ? tag_end + 2 : s->end) : s->end);
		token->text = token->whole;
		s->p = token->whole.p + token->whole.n;
		return;
	}
	token->kind = LQ_TOKEN_OUTPUT;
	token->whole = between(s->p, close + 2);
	token->text = inside(s, token->whole);
	s->p = close + 2;
}

/* Name and rest of "name rest", into token; false when there is no name. */
static bool
split_tag(struct pr_str markup, struct lq_token *token)
{
	const char *p = markup.p, *end = markup.p + markup.n;
	while (p < end && pr_is_space(*p))
		p++;
	const char *name = p;
	if (p < end && *p == '#')
		p++;
	else
		while (p < end && lq_is_word(*p))
			p++;
	token->name = between(name, p);
	while (p < end && pr_is_space(*p))
		p++;
	token->text = between(p, end);
	return token->name.n > 0;
}

static void
scan_tag(struct lq_scanner *s, struct lq_token *token)
{
	const char *close = find_two(s->p + 2, s->end, '%', '}');
	token->kind = LQ_TOKEN_TAG;
	token->whole = between(s->p, close ? close + 2 : s->end);
	s->p = token->whole.p + token->whole.n;
	if (!close || !split_tag(inside(s, token->whole), token)) {
		token->kind = LQ_TOKEN_BROKEN;
		token->text = token->whole;
	}
}

static void
scan_line(struct lq_scanner *s, struct lq_token *token)
{
	while (s->p < s->end) {
		const char *eol = memchr(s->p, '\n', (size_t)(s->end - s->p));
		struct pr_str line = between(s->p, eol ? eol : s->end);
		s->p = eol ? eol + 1 : s->end;
		struct pr_str trimmed = pr_str_trim(line);
		if (trimmed.n == 0)
			continue;
		token->whole = trimmed;
		token->kind = LQ_TOKEN_TAG;
		if (!split_tag(trimmed, token)) {
			token->kind = LQ_TOKEN_BROKEN;
			token->text = trimmed;
		}
		return;
	}
}

void
lq_scan(struct lq_scanner *s, struct lq_token *token)
{
	*token = (struct lq_token){.kind = LQ_TOKEN_END, .whole = {s->p, 0}, .text = {s->p, 0}};
	if (s->lines)
		scan_line(s, token);
	else if (s->p == s->end)
		return;
	else if (s->end - s->p >= 2 && s->p[0] == '{' && s->p[1] == '{')
		scan_output(s, token);
	else if (s->end - s->p >= 2 && s->p[0] == '{' && s->p[1] == '%')
		scan_tag(s, token);
	else
		scan_text(s, token);
}

bool
lq_scan_verbatim(struct lq_scanner *s, const char *name, struct pr_str *text)
{
	size_t n = strlen(name);
	const char *from = s->p, *p = s->p;
	while ((p = find_two(p, s->end, '{', '%'))) {
		const char *q = p + 2;
		if (q < s->end && *q == '-')
			q++;
		while (q < s->end && pr_is_space(*q))
			q++;
		const char *close = find_two(q, s->end, '%', '}');
		if (close && (size_t)(close - q) >= n && memcmp(q, name, n) == 0 &&
		    !lq_is_word(q[n])) {
			*text = between(from, p);
			s->p = close + 2;
			s->trim = close > q + n && close[-1] == '-';
			return true;
		}
		p++;
	}
	return false;
}

const char *
lq_lexeme_word(enum lq_lexeme_kind kind)
{
	static const char *const words[] = {
	    [LQ_LEX_END] = "end_of_string",
	    [LQ_LEX_PIPE] = "pipe",
	    [LQ_LEX_DOT] = "dot",
	    [LQ_LEX_COLON] = "colon",
	    [LQ_LEX_COMMA] = "comma",
	    [LQ_LEX_OPEN_SQUARE] = "open_square",
	    [LQ_LEX_CLOSE_SQUARE] = "close_square",
	    [LQ_LEX_OPEN_ROUND] = "open_round",
	    [LQ_LEX_CLOSE_ROUND] = "close_round",
	    [LQ_LEX_QUESTION] = "question",
	    [LQ_LEX_DASH] = "dash",
	    [LQ_LEX_DOTDOT] = "dotdot",
	    [LQ_LEX_COMPARISON] = "comparison",
	    [LQ_LEX_STRING] = "string",
	    [LQ_LEX_NUMBER] = "number",
	    [LQ_LEX_ID] = "id",
	};
	return words[kind];
}

static enum lq_lexeme_kind
special(char c)
{
	switch (c) {
	case '|': return LQ_LEX_PIPE;
	case '.': return LQ_LEX_DOT;
	case ':': return LQ_LEX_COLON;
	case ',': return LQ_LEX_COMMA;
	case '[': return LQ_LEX_OPEN_SQUARE;
	case ']': return LQ_LEX_CLOSE_SQUARE;
	case '(': return LQ_LEX_OPEN_ROUND;
	case ')': return LQ_LEX_CLOSE_ROUND;
	case '?': return LQ_LEX_QUESTION;
	case '-': return LQ_LEX_DASH;
	default: return LQ_LEX_END;
	}
}

static size_t
number_length(struct pr_str s)
{
	size_t i = s.p[0] == '-';
	while (i < s.n && pr_is_digit(s.p[i]))
		i++;
	if (i + 1 < s.n && s.p[i] == '.' && pr_is_digit(s.p[i + 1])) {
		i++;
		while (i < s.n && pr_is_digit(s.p[i]))
			i++;
	}
	return i;
}

static size_t
id_length(struct pr_str s)
{
	size_t i = 1;
	while (i < s.n && (lq_is_word(s.p[i]) || s.p[i] == '-'))
		i++;
	return i + (i < s.n && s.p[i] == '?');
}

/* Length of == != <> <= >= < >, 0 when there is none. */
static size_t
comparison_length(struct pr_str s)
{
	char c = s.p[0], d = s.n > 1 ? s.p[1] : 0;
	if (c == '=' || c == '!')
		return d == '=' ? 2 : 0;
	if (c == '<')
		return d == '=' || d == '>' ? 2 : 1;
	return c == '>' ? (d == '=' ? 2 : 1) : 0;
}

/* Kind and length of the lexeme at s; 0 when none begins there. */
static size_t
measure(struct pr_str s, enum lq_lexeme_kind *kind)
{
	char c = s.p[0];
	bool number = pr_is_digit(c) || (c == '-' && s.n > 1 && pr_is_digit(s.p[1]));
	if (number) {
		*kind = LQ_LEX_NUMBER;
		return number_length(s);
	}
	if (c == '.' && s.n > 1 && s.p[1] == '.') {
		*kind = LQ_LEX_DOTDOT;
		return 2;
	}
	if ((*kind = special(c)) != LQ_LEX_END)
		return 1;
	if (c == '"' || c == '\'') {
		const char *close = memchr(s.p + 1, c, s.n - 1);
		*kind = LQ_LEX_STRING;
		return close ? (size_t)(close - s.p) + 1 : 0;
	}
	if (lq_is_word(c)) {
		*kind = LQ_LEX_ID;
		return id_length(s);
	}
	*kind = LQ_LEX_COMPARISON;
	return comparison_length(s);
}

bool
lq_lex(struct pr_str *rest, enum lq_lexeme_kind before, struct lq_lexeme *out)
{
	while (rest->n && pr_is_space(*rest->p)) {
		rest->p++;
		rest->n--;
	}
	*out = (struct lq_lexeme){LQ_LEX_END, {rest->p, 0}};
	if (rest->n == 0)
		return true;
	size_t n = measure(*rest, &out->kind);
	if (n == 0)
		return false;
	out->text = (struct pr_str){rest->p, n};
	if (out->kind == LQ_LEX_ID && before != LQ_LEX_DOT && pr_str_is(out->text, "contains"))
		out->kind = LQ_LEX_COMPARISON;
	rest->p += n;
	rest->n -= n;
	return true;
}
