/*
 * Expressions, conditions and filter chains by the strict grammar:
 *
 *   pipe       = [ expression { "|" id [ ":" arguments ] } ]
 *   condition  = comparison { ("and" | "or") comparison }
 *   comparison = expression [ operator expression ]
 *   expression = string | number | "(" expression ".." expression ")"
 *              | ( id | "[" expression "]" ) { "." id | "[" expression "]" }
 *
 * The first error is told where it stands and ends the tag. In lax mode the same
 * markup is then read by lax.c.
 */
#include "number.h"
#include "parser.h"

#include <stdio.h>
#include <stdlib.h>

bool
lq_lex_markup(struct lq_parser *p, struct pr_str markup)
{
	enum lq_lexeme_kind before = LQ_LEX_END;
	struct pr_str rest = markup;
	p->n_lexemes = 0;
	p->at = 0;
	do {
		struct lq_lexeme *lexeme = LQ_ADD(p, lexemes);
		if (!lq_lex(&rest, before, lexeme)) {
			uint32_t code;
			size_t n = pr_utf8_decode(rest.p, rest.n, &code);
			return lq_error(p, rest.p, NULL, "Unexpected character %.*s",
			                (int)(n ? n : 1), rest.p);
		}
		before = lexeme->kind;
	} while (before != LQ_LEX_END);
	return true;
}

struct lq_lexeme *
lq_peek(struct lq_parser *p, unsigned ahead)
{
	uint32_t i = p->at + ahead;
	return &p->lexemes[i < p->n_lexemes ? i : p->n_lexemes - 1];
}

bool
lq_look(struct lq_parser *p, enum lq_lexeme_kind kind)
{
	return lq_peek(p, 0)->kind == kind;
}

bool
lq_accept(struct lq_parser *p, enum lq_lexeme_kind kind)
{
	bool is = lq_look(p, kind);
	p->at += is && kind != LQ_LEX_END;
	return is;
}

bool
lq_accept_word(struct lq_parser *p, const char *word)
{
	return lq_look(p, LQ_LEX_ID) && pr_str_is(lq_peek(p, 0)->text, word) &&
	       lq_accept(p, LQ_LEX_ID);
}

bool
lq_expect(struct lq_parser *p, enum lq_lexeme_kind kind, struct pr_str *text)
{
	struct lq_lexeme *lexeme = lq_peek(p, 0);
	if (lexeme->kind != kind)
		return lq_error(p, lexeme->text.p, NULL, "Expected %s but found %s",
		                lq_lexeme_word(kind), lq_lexeme_word(lexeme->kind));
	if (text)
		*text = lexeme->text;
	return lq_accept(p, kind);
}

static uint32_t
add_expr(struct lq_parser *p, struct lq_expr e)
{
	*LQ_ADD(p->t, exprs) = e;
	return p->t->n_exprs - 1;
}

uint32_t
lq_const(struct lq_parser *p, lq_value v)
{
	return add_expr(p, (struct lq_expr){.kind = LQ_CONST, .value = v});
}

uint32_t
lq_expr_number(struct lq_parser *p, struct pr_str text)
{
	char copy[400];
	lq_value whole = pr_liquid_string(text);
	if (!memchr(text.p, '.', text.n))
		return lq_const(p, lq_number_value(&p->t->arena, lq_number_of(&whole)));
	snprintf(copy, sizeof copy, "%.*s", (int)text.n, text.p);
	return lq_const(p, lq_float(strtod(copy, NULL)));
}

bool
lq_word_constant(struct pr_str word, enum lq_place place, lq_value *v)
{
	if (pr_str_is(word, "nil") || pr_str_is(word, "null"))
		*v = lq_nil();
	else if (pr_str_is(word, "true") || pr_str_is(word, "false"))
		*v = lq_bool(word.p[0] == 't');
	else if (pr_str_is(word, "blank") || pr_str_is(word, "empty"))
		*v = place == LQ_IN_VALUE
		         ? pr_liquid_string(PR_STR(""))
		         : (lq_value){.type = word.p[0] == 'b' ? LQ_BLANK : LQ_EMPTY};
	else
		return false;
	return true;
}

uint32_t
lq_expr_path(struct lq_parser *p, uint32_t name, uint32_t root, uint32_t from)
{
	struct lq_expr e = {.kind = LQ_PATH, .name = name, .root = root};
	e.first = p->t->n_segments;
	e.n = p->n_path - from;
	for (uint32_t i = from; i < p->n_path; i++)
		*LQ_ADD(p->t, segments) = p->path[i];
	p->n_path = from;
	if (e.n == 0 && name != LQ_NONE && !pr_str_is(p->t->names[name].text, "self"))
		e.kind = LQ_CELL;
	return add_expr(p, e);
}

uint32_t
lq_expr_name(struct lq_parser *p, struct pr_str name, const char *at)
{
	return lq_expr_path(p, lq_use_name(p, name, at), LQ_NONE, p->n_path);
}

uint32_t
lq_span(struct lq_parser *p, uint32_t first, uint32_t last)
{
	return add_expr(p, (struct lq_expr){.kind = LQ_SPAN, .first = first, .n = last});
}

/* { "." id | "[" expression "]" } onto the path. */
static bool
parse_lookups(struct lq_parser *p)
{
	for (;;) {
		struct lq_segment s = {.expr = LQ_NONE};
		if (lq_accept(p, LQ_LEX_OPEN_SQUARE)) {
			if (!lq_parse_expression(p, LQ_IN_VALUE, &s.expr) ||
			    !lq_expect(p, LQ_LEX_CLOSE_SQUARE, NULL))
				return false;
		} else if (lq_accept(p, LQ_LEX_DOT)) {
			if (!lq_expect(p, LQ_LEX_ID, &s.name))
				return false;
			s.word = (uint8_t)lq_word_find(s.name);
		} else {
			return true;
		}
		*LQ_ADD(p, path) = s;
	}
}

static bool
parse_variable(struct lq_parser *p, enum lq_place place, uint32_t *expr)
{
	uint32_t from = p->n_path, root = LQ_NONE, name = LQ_NONE;
	struct lq_lexeme id = *lq_peek(p, 0);
	lq_value v;
	if (lq_accept(p, LQ_LEX_OPEN_SQUARE)) {
		if (p->source->mode == PR_LIQUID_STRICT2)
			return lq_error(
			    p, id.text.p, NULL,
			    "Bare bracket access is not allowed. Use self['...'] instead");
		if (!lq_parse_expression(p, LQ_IN_VALUE, &root) ||
		    !lq_expect(p, LQ_LEX_CLOSE_SQUARE, NULL))
			return false;
	} else {
		lq_accept(p, LQ_LEX_ID);
	}
	if (!parse_lookups(p))
		return false;
	if (root == LQ_NONE) {
		if (p->n_path == from && lq_word_constant(id.text, place, &v)) {
			*expr = lq_const(p, v);
			return true;
		}
		name = lq_use_name(p, id.text, id.text.p);
	}
	*expr = lq_expr_path(p, name, root, from);
	return true;
}

static bool
parse_range(struct lq_parser *p, uint32_t *expr)
{
	uint32_t first, last;
	lq_accept(p, LQ_LEX_OPEN_ROUND);
	if (!lq_parse_expression(p, LQ_IN_VALUE, &first) || !lq_expect(p, LQ_LEX_DOTDOT, NULL) ||
	    !lq_parse_expression(p, LQ_IN_VALUE, &last) || !lq_expect(p, LQ_LEX_CLOSE_ROUND, NULL))
		return false;
	*expr = lq_span(p, first, last);
	return true;
}

static bool
parse_primary(struct lq_parser *p, enum lq_place place, uint32_t *expr)
{
	struct lq_lexeme lexeme = *lq_peek(p, 0);
	switch (lexeme.kind) {
	case LQ_LEX_ID:
	case LQ_LEX_OPEN_SQUARE: return parse_variable(p, place, expr);
	case LQ_LEX_STRING:
		lq_accept(p, LQ_LEX_STRING);
		*expr = lq_const(
		    p, pr_liquid_string((struct pr_str){lexeme.text.p + 1, lexeme.text.n - 2}));
		return true;
	case LQ_LEX_NUMBER:
		lq_accept(p, LQ_LEX_NUMBER);
		*expr = lq_expr_number(p, lexeme.text);
		return true;
	case LQ_LEX_OPEN_ROUND: return parse_range(p, expr);
	case LQ_LEX_END:
		return lq_error(p, lexeme.text.p,
		                "a variable, a text in quotes or a number is missing here",
		                "[:end_of_string] is not a valid expression");
	default:
		return lq_error(p, lexeme.text.p, NULL, "[:%s, \"%.*s\"] is not a valid expression",
		                lq_lexeme_word(lexeme.kind), (int)lexeme.text.n, lexeme.text.p);
	}
}

bool
lq_parse_expression(struct lq_parser *p, enum lq_place place, uint32_t *expr)
{
	if (p->nesting == LQ_NESTING_MAX)
		return lq_error(p, lq_peek(p, 0)->text.p, NULL, "Nesting too deep");
	uint32_t from = p->n_path;
	p->nesting++;
	bool ok = parse_primary(p, place, expr);
	p->nesting--;
	p->n_path = from;
	return ok;
}

enum lq_operator
lq_operator_find(struct pr_str word)
{
	static const char *const words[] = {
	    [LQ_TRUTH] = "", [LQ_EQ] = "==", [LQ_NE] = "!=", [LQ_LT] = "<",
	    [LQ_GT] = ">",   [LQ_LE] = "<=", [LQ_GE] = ">=", [LQ_CONTAINS] = "contains",
	};
	if (pr_str_is(word, "<>"))
		return LQ_NE;
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (pr_str_is(word, words[i]))
			return (enum lq_operator)i;
	return LQ_UNKNOWN_OPERATOR;
}

static bool
parse_comparison(struct lq_parser *p, struct lq_condition *c)
{
	*c = (struct lq_condition){.operator= LQ_TRUTH };
	if (!lq_parse_expression(p, LQ_IN_CONDITION, &c->left))
		return false;
	struct lq_lexeme lexeme = *lq_peek(p, 0);
	if (!lq_accept(p, LQ_LEX_COMPARISON))
		return true;
	c->operator=(uint8_t) lq_operator_find(lexeme.text);
	return lq_parse_expression(p, LQ_IN_CONDITION, &c->right);
}

static bool
strict_condition(struct lq_parser *p, struct pr_str markup, uint32_t *first)
{
	struct lq_condition c;
	if (!lq_lex_markup(p, markup))
		return false;
	*first = p->t->n_conditions;
	do {
		if (!parse_comparison(p, &c))
			return false;
		if (lq_accept_word(p, "and"))
			c.relation = LQ_AND;
		else if (lq_accept_word(p, "or"))
			c.relation = LQ_OR;
		*LQ_ADD(p->t, conditions) = c;
	} while (c.relation != LQ_LAST);
	if (lq_look(p, LQ_LEX_COMPARISON) && p->source->mode == PR_LIQUID_OURS)
		return lq_error(p, lq_peek(p, 0)->text.p, "join two comparisons with `and`",
		                "Expected end_of_string but found comparison");
	return lq_expect(p, LQ_LEX_END, NULL);
}

bool
lq_parse_condition(struct lq_parser *p, struct pr_str markup, uint32_t *first)
{
	return lq_is_lax(p) ? lq_lax_condition(p, markup, first)
	                    : strict_condition(p, markup, first);
}

/* One argument onto the scratch stack; a keyword with its key onto keywords. */
static bool
parse_argument(struct lq_parser *p, uint32_t keywords[2 * LQ_ARGS_MAX], uint32_t *n_keywords)
{
	uint32_t expr;
	struct lq_lexeme key = *lq_peek(p, 0);
	bool keyword = key.kind == LQ_LEX_ID && lq_peek(p, 1)->kind == LQ_LEX_COLON;
	p->at += keyword ? 2 : 0;
	if (!lq_parse_expression(p, LQ_IN_VALUE, &expr))
		return false;
	if (!keyword) {
		lq_push_scratch(p, expr);
		return true;
	}
	if (*n_keywords == 2 * LQ_ARGS_MAX)
		return lq_error(p, key.text.p, NULL, "Too many arguments");
	keywords[(*n_keywords)++] = lq_const(p, pr_liquid_string(key.text));
	keywords[(*n_keywords)++] = expr;
	return true;
}

static bool
end_of_arguments(struct lq_parser *p)
{
	return lq_look(p, LQ_LEX_PIPE) || lq_look(p, LQ_LEX_END);
}

static bool
parse_filter(struct lq_parser *p, uint32_t *n)
{
	uint32_t keywords[2 * LQ_ARGS_MAX], n_keywords = 0, from = p->n_scratch;
	bool strict2 = !lq_is_old(p);
	struct pr_str name;
	if (!lq_expect(p, LQ_LEX_ID, &name))
		return false;
	if (lq_accept(p, LQ_LEX_COLON) && !(strict2 && end_of_arguments(p))) {
		do {
			if (strict2 && end_of_arguments(p))
				break;
			if (!parse_argument(p, keywords, &n_keywords))
				return false;
		} while (lq_accept(p, LQ_LEX_COMMA));
	}
	uint32_t n_args = p->n_scratch - from;
	for (uint32_t i = 0; i < n_keywords; i++)
		lq_push_scratch(p, keywords[i]);
	if (n_args > LQ_ARGS_MAX)
		return lq_error(p, name.p, NULL, "Too many arguments");
	return lq_add_filter(p, name, n_args, n_keywords, n);
}

/* Keyword arguments arrive as one hash behind the others, as in Ruby. */
static const lq_value *
constant_arguments(struct lq_parser *p, const struct lq_filter_call *call)
{
	uint32_t n = call->n + call->nkeywords;
	lq_value *values = pr_arena_alloc(&p->t->arena, (n + 1) * sizeof *values);
	lq_value *pairs = values + call->n + 1;
	for (uint32_t i = 0; i < n; i++) {
		const struct lq_expr *e = &p->t->exprs[p->t->list[call->args + i]];
		if (e->kind != LQ_CONST)
			return NULL;
		*(i < call->n ? &values[i] : &pairs[i - call->n]) = e->value;
	}
	values[call->n] = (lq_value){.type = PR_LIQUID_HASH, .n = call->nkeywords / 2};
	values[call->n].items = pairs;
	return values;
}

/* The call's arguments and keywords are the last of the scratch stack. */
bool
lq_add_filter(struct lq_parser *p, struct pr_str name, uint32_t args, uint32_t keywords,
              uint32_t *n)
{
	char hint[100];
	struct lq_filter_call call = {
	    .filter = lq_filter_find(name), .n = args, .nkeywords = keywords};
	uint32_t given = args + (keywords > 0);
	if (!call.filter && !p->source->forgiving)
		return lq_error(p, name.p, lq_did_you_mean(name, lq_filter_names, hint),
		                "Unknown filter '%.*s'", (int)name.n, name.p);
	if (call.filter && !p->source->forgiving &&
	    (given < call.filter->min || given > call.filter->max))
		return lq_error(p, name.p, NULL,
		                "The filter '%s' takes %u to %u arguments, %u are given",
		                call.filter->name, call.filter->min, call.filter->max, given);
	call.args = lq_take_list(p, p->n_scratch - args - keywords);
	call.keywords = call.args + args;
	call.constants = constant_arguments(p, &call);
	*LQ_ADD(p->t, calls) = call;
	++*n;
	return true;
}

uint32_t
lq_add_pipe(struct lq_parser *p, uint32_t expr, uint32_t first, uint32_t n)
{
	*LQ_ADD(p->t, pipes) = (struct lq_pipe){.expr = expr, .first = first, .n = n};
	return p->t->n_pipes - 1;
}

static bool
strict_pipe(struct lq_parser *p, struct pr_str markup, uint32_t *pipe)
{
	uint32_t expr, first = p->t->n_calls, n = 0;
	if (!lq_lex_markup(p, markup))
		return false;
	if (lq_look(p, LQ_LEX_END)) {
		*pipe = lq_add_pipe(p, lq_const(p, lq_nil()), first, 0);
		return true;
	}
	if (!lq_parse_expression(p, LQ_IN_VALUE, &expr))
		return false;
	while (lq_accept(p, LQ_LEX_PIPE))
		if (!parse_filter(p, &n))
			return false;
	if (!lq_expect(p, LQ_LEX_END, NULL))
		return false;
	*pipe = lq_add_pipe(p, expr, first, n);
	return true;
}

bool
lq_parse_pipe(struct lq_parser *p, struct pr_str markup, uint32_t *pipe)
{
	uint32_t from = p->n_scratch;
	p->quiet += lq_is_lax(p);
	bool ok = strict_pipe(p, markup, pipe);
	p->quiet -= lq_is_lax(p);
	p->n_scratch = from;
	return ok || (lq_is_lax(p) && lq_lax_pipe(p, markup, pipe));
}
