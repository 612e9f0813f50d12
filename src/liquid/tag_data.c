/* Tags that keep or print a value: assign, capture, increment, decrement, echo,
 * autoescape, abort. */
#include "parser.h"

static bool
is_signature(char c)
{
	return lq_is_word(c) || c == '-' || c == '.' || c == '[' || c == ']' || c == '(' ||
	       c == ')';
}

/* The first run of characters that a name may have. */
static struct pr_str
signature(struct pr_str s)
{
	size_t i = 0, n = 0;
	while (i < s.n && !is_signature(s.p[i]))
		i++;
	while (i + n < s.n && is_signature(s.p[i + n]))
		n++;
	return (struct pr_str){s.p + i, n};
}

static struct pr_str
from_here(struct pr_str s, const char *p)
{
	return (struct pr_str){p, (size_t)(s.p + s.n - p)};
}

/* "name = value"; old readers also find it behind something else. */
static bool
split_assign(struct pr_str markup, struct pr_str *name, struct pr_str *value)
{
	struct pr_str rest = markup;
	for (;;) {
		*name = signature(rest);
		if (name->n == 0)
			return false;
		rest = from_here(markup, name->p + name->n);
		struct pr_str after = pr_str_trim(rest);
		if (after.n && after.p[0] == '=') {
			*value = from_here(after, after.p + 1);
			return true;
		}
	}
}

/* The markup is one name and nothing else. */
static bool
whole_name(struct lq_parser *p, struct pr_str markup, enum lq_lexeme_kind kind, struct pr_str *name)
{
	return lq_lex_markup(p, markup) && lq_expect(p, kind, name) &&
	       lq_expect(p, LQ_LEX_END, NULL);
}

static bool
parse_assign(struct lq_parser *p, struct pr_str markup)
{
	struct pr_str name, value;
	uint32_t pipe;
	if (!split_assign(markup, &name, &value))
		return lq_error(p, markup.p, NULL,
		                "Syntax Error in 'assign' - Valid syntax: assign [var] = [source]");
	if (!lq_is_old(p) && !whole_name(p, name, LQ_LEX_ID, NULL))
		return false;
	uint32_t bound = lq_bind_name(p, name);
	if (!lq_parse_pipe(p, value, &pipe))
		return false;
	uint32_t op = lq_emit(p, LQ_OP_ASSIGN);
	lq_op_at(p, op)->a = pipe;
	lq_op_at(p, op)->b = bound;
	lq_op_at(p, op)->flags |= LQ_SILENT; /* it prints nothing: nor does its error */
	return true;
}

static bool
parse_capture(struct lq_parser *p, struct pr_str markup)
{
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_CAPTURE, "capture");
	struct pr_str name = signature(markup);
	if (!b)
		return false;
	b->value = name.n ? lq_bind_name(p, name) : 0;
	lq_emit(p, LQ_OP_CAPTURE);
	lq_frame_open(p);
	if (!lq_is_old(p)) {
		char c = pr_str_trim(markup).n ? pr_str_trim(markup).p[0] : 0;
		bool quoted = c == '"' || c == '\'';
		return whole_name(p, markup, quoted ? LQ_LEX_STRING : LQ_LEX_ID, NULL);
	}
	return name.n || lq_error(p, markup.p, NULL,
	                          "Syntax Error in 'capture' - Valid syntax: capture [var]");
}

static void
end_capture(struct lq_parser *p, struct lq_block *b)
{
	uint32_t waiting = b->barrier, name = b->value;
	lq_frame_close(p);
	uint32_t op = lq_emit(p, LQ_OP_CAPTURE_END);
	lq_op_at(p, op)->b = name;
	lq_patch(p, waiting, op);
	lq_block_close(p);
	lq_wait_barrier(p, op);
}

void
lq_data_end(struct lq_parser *p)
{
	struct lq_block *b = lq_block_top(p);
	if (b->kind == LQ_BLOCK_CAPTURE) {
		end_capture(p, b);
		return;
	}
	p->escape = b->escape;
	lq_block_close(p);
}

/* {% autoescape false %} ... {% endautoescape %}: decided when compiled. */
static bool
parse_autoescape(struct lq_parser *p, struct pr_str markup)
{
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_AUTOESCAPE, "autoescape");
	struct pr_str word = pr_str_trim(markup);
	bool on = pr_str_is(word, "true"), off = pr_str_is(word, "false");
	if (!b)
		return false;
	b->escape = p->escape;
	p->escape = on;
	return on || off ||
	       lq_error(p, markup.p, "write {% autoescape true %} or {% autoescape false %}",
	                "Syntax Error in 'autoescape' - Valid syntax: autoescape true|false");
}

static uint32_t
counter(struct lq_parser *p, uint32_t name)
{
	for (uint32_t i = 0; i < p->t->n_counters; i++)
		if (p->t->counters[i] == name)
			return i;
	*LQ_ADD(p->t, counters) = name;
	return p->t->n_counters - 1;
}

static bool
count(struct lq_parser *p, struct pr_str markup, enum lq_code code)
{
	struct pr_str text = pr_str_trim(markup);
	if (!lq_is_old(p) && !whole_name(p, markup, LQ_LEX_ID, NULL))
		return false;
	uint32_t name = lq_bind_name(p, text), i = counter(p, name);
	uint32_t op = lq_emit(p, code);
	lq_op_at(p, op)->a = i;
	lq_op_at(p, op)->b = name;
	lq_not_blank(p);
	return true;
}

static bool
parse_increment(struct lq_parser *p, struct pr_str markup)
{
	return count(p, markup, LQ_OP_INCREMENT);
}

static bool
parse_decrement(struct lq_parser *p, struct pr_str markup)
{
	return count(p, markup, LQ_OP_DECREMENT);
}

static bool
parse_echo(struct lq_parser *p, struct pr_str markup)
{
	uint32_t pipe;
	lq_not_blank(p);
	if (!lq_parse_pipe(p, markup, &pipe))
		return false;
	uint32_t op = lq_emit(p, LQ_OP_PRINT);
	lq_op_at(p, op)->a = pipe;
	return true;
}

/* {% abort 'reason' %}: this recipient is skipped. */
static bool
parse_abort(struct lq_parser *p, struct pr_str markup)
{
	uint32_t pipe;
	lq_not_blank(p);
	if (!lq_parse_pipe(p, markup, &pipe))
		return false;
	uint32_t op = lq_emit(p, LQ_OP_ABORT);
	lq_op_at(p, op)->a = pipe;
	return true;
}

const struct lq_tag lq_data_tags[] = {
    {"assign", parse_assign},       {"capture", parse_capture},
    {"increment", parse_increment}, {"decrement", parse_decrement},
    {"echo", parse_echo},           {"autoescape", parse_autoescape},
    {"abort", parse_abort},         {NULL, NULL},
};
