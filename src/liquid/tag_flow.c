/*
 * Tags that choose: if, unless, case, ifchanged, break, continue.
 *
 *   if A      IF A        -> next        case X   CASE            -> first when
 *   ..        ..                         when 1   WHEN X 1        -> next
 *   elsif B   JUMP end                   ..       ..; WHEN_END; JUMP matched
 *   ..        next: IF B  -> next        when 2   matched: WHEN   -> next, ...
 *
 * In `case` every `when` that is equal is rendered, once for each equal value, and
 * `else` only when none was: the frame of CASE remembers.
 */
#include "parser.h"

/* The branch before ends here: it jumps to the end, its condition jumps here. */
static void
end_branch(struct lq_parser *p, struct lq_block *b)
{
	if (!b->dead)
		lq_wait(p, &b->ends, lq_emit(p, LQ_OP_JUMP));
	if (b->next != LQ_NONE)
		lq_op_at(p, b->next)->target = p->t->n_ops;
	b->next = LQ_NONE;
}

/* Operations whose error ends the block wait in a chain through fail. */
static void
fails_to_end(struct lq_parser *p, struct lq_block *b, uint32_t op)
{
	lq_op_at(p, op)->fail = b->fails;
	b->fails = op;
}

static bool
open_condition(struct lq_parser *p, struct lq_block *b, enum lq_code code, struct pr_str markup)
{
	uint32_t first = 0;
	bool ok = lq_parse_condition(p, markup, &first);
	uint32_t op = lq_emit(p, code);
	lq_op_at(p, op)->a = first;
	b->next = op;
	fails_to_end(p, b, op);
	return ok;
}

static bool
parse_if(struct lq_parser *p, struct pr_str markup)
{
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_IF, "if");
	return b && open_condition(p, b, LQ_OP_IF, markup);
}

static bool
parse_unless(struct lq_parser *p, struct pr_str markup)
{
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_UNLESS, "unless");
	return b && open_condition(p, b, LQ_OP_UNLESS, markup);
}

static bool
parse_elsif(struct lq_parser *p, struct lq_block *b, struct pr_str markup)
{
	end_branch(p, b);
	bool ok = open_condition(p, b, LQ_OP_IF, markup);
	if (p->source->forgiving) /* Ruby names the line of the `if` */
		lq_op_at(p, b->next)->line = lq_op_at(p, b->head)->line;
	return ok;
}

/* After an else nothing else is rendered, but Liquid reads on. */
static bool
parse_else(struct lq_parser *p, struct lq_block *b, struct pr_str markup)
{
	bool old = lq_is_old(p) || p->source->forgiving;
	if (pr_str_trim(markup).n && !old)
		return lq_error(p, markup.p, "write {% elsif ... %} for a further condition",
		                "'else' takes no condition");
	end_branch(p, b);
	b->has_else = true;
	return true;
}

static bool
parse_case(struct lq_parser *p, struct pr_str markup)
{
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_CASE, "case");
	struct pr_str fragment, rest = markup;
	bool ok = true;
	if (!b)
		return false;
	if (lq_is_old(p)) {
		ok = lq_lax_fragment(&rest, &fragment) ||
		     lq_error(p, markup.p, NULL,
		              "Syntax Error in 'case' - Valid syntax: case [condition]");
		b->value = ok ? lq_lax_expression(p, fragment, LQ_IN_VALUE) : 0;
	} else {
		ok = lq_lex_markup(p, markup) && lq_parse_expression(p, LQ_IN_VALUE, &b->value) &&
		     lq_expect(p, LQ_LEX_END, NULL);
	}
	b->next = lq_emit(p, LQ_OP_CASE);
	b->dead = true;
	lq_frame_open(p);
	return ok;
}

/* The values of `when` onto the scratch stack. */
static bool
when_values(struct lq_parser *p, struct pr_str markup)
{
	uint32_t expr;
	if (!lq_lex_markup(p, markup))
		return false;
	do {
		if (!lq_parse_expression(p, LQ_IN_CONDITION, &expr))
			return false;
		lq_push_scratch(p, expr);
	} while (lq_accept_word(p, "or") || lq_accept(p, LQ_LEX_COMMA));
	return lq_expect(p, LQ_LEX_END, NULL);
}

/* "a or b, c": after a fragment only "or" or a comma leads to another. */
static bool
old_when_values(struct lq_parser *p, struct pr_str markup)
{
	struct pr_str rest = markup, fragment;
	do {
		if (!lq_lax_fragment(&rest, &fragment))
			return lq_error(p, markup.p, NULL,
			                "Syntax Error in tag 'case' - Valid when condition: "
			                "{%% when [condition] [or condition2...] %%}");
		lq_push_scratch(p, lq_lax_expression(p, fragment, LQ_IN_CONDITION));
		size_t spaces = 0;
		while (spaces < rest.n && pr_is_space(rest.p[spaces]))
			spaces++;
		rest.p += spaces;
		rest.n -= spaces;
		if (rest.n && rest.p[0] == ',') {
			rest.p++;
			rest.n--;
		} else if (spaces && rest.n > 2 && pr_str_starts(rest, "or") &&
		           pr_is_space(rest.p[2])) {
			rest.p += 2;
			rest.n -= 2;
		} else {
			return true;
		}
	} while (pr_str_trim(rest).n);
	return true;
}

/* A when's test; both kinds of arrival (nothing matched yet, something did) pass it. */
static void
end_when(struct lq_parser *p, struct lq_block *b)
{
	if (b->matched != LQ_NONE) {
		uint32_t op = lq_emit(p, LQ_OP_WHEN_END);
		lq_op_at(p, op)->depth--;
		lq_op_at(p, op)->target = b->matched + 1;
	}
	if (b->next != LQ_NONE)
		lq_op_at(p, b->next)->target = p->t->n_ops;
	b->next = b->matched = LQ_NONE;
	b->dead = false;
}

static bool
parse_when(struct lq_parser *p, struct lq_block *b, struct pr_str markup)
{
	uint32_t from = p->n_scratch;
	end_when(p, b);
	bool ok = lq_is_old(p) ? old_when_values(p, markup) : when_values(p, markup);
	uint32_t n = p->n_scratch - from, first = lq_take_list(p, from);
	uint32_t op = lq_emit(p, LQ_OP_WHEN);
	struct lq_op *when = lq_op_at(p, op);
	when->a = b->value;
	when->b = first;
	when->n = n;
	when->depth--;
	b->next = b->matched = op;
	fails_to_end(p, b, op);
	return ok;
}

static bool
parse_case_else(struct lq_parser *p, struct lq_block *b, struct pr_str markup)
{
	end_when(p, b);
	uint32_t op = lq_emit(p, LQ_OP_CASE_ELSE);
	lq_op_at(p, op)->depth--;
	b->next = op;
	if (pr_str_trim(markup).n)
		return lq_error(p, markup.p, NULL,
		                "Syntax Error in tag 'case' - Valid else condition: "
		                "{%% else %%} (no parameters) ");
	return true;
}

bool
lq_flow_branch(struct lq_parser *p, struct pr_str name, struct pr_str markup, bool *known)
{
	struct lq_block *b = lq_block_top(p);
	bool chooses = b->kind == LQ_BLOCK_IF || b->kind == LQ_BLOCK_UNLESS;
	*known = true;
	if (chooses && pr_str_is(name, "elsif"))
		return parse_elsif(p, b, markup);
	if (chooses && pr_str_is(name, "else"))
		return parse_else(p, b, markup);
	if (b->kind == LQ_BLOCK_CASE && pr_str_is(name, "when"))
		return parse_when(p, b, markup);
	if (b->kind == LQ_BLOCK_CASE && pr_str_is(name, "else"))
		return parse_case_else(p, b, markup);
	*known = false;
	return false;
}

static bool
parse_ifchanged(struct lq_parser *p, struct pr_str markup)
{
	(void)markup;
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_IFCHANGED, "ifchanged");
	if (!b)
		return false;
	lq_emit(p, LQ_OP_IFCHANGED);
	lq_frame_open(p);
	return true;
}

static void
end_ifchanged(struct lq_parser *p, struct lq_block *b)
{
	uint32_t waiting = b->barrier;
	lq_frame_close(p);
	uint32_t op = lq_emit(p, LQ_OP_IFCHANGED_END);
	lq_patch(p, waiting, op);
	lq_block_close(p);
	lq_wait_barrier(p, op);
}

void
lq_flow_end(struct lq_parser *p)
{
	struct lq_block *b = lq_block_top(p);
	if (b->kind == LQ_BLOCK_IFCHANGED) {
		end_ifchanged(p, b);
		return;
	}
	if (b->kind == LQ_BLOCK_CASE) {
		end_when(p, b);
		lq_frame_close(p);
	}
	uint32_t end = p->t->n_ops;
	if (b->next != LQ_NONE)
		lq_op_at(p, b->next)->target = end;
	lq_patch(p, b->ends, end);
	for (uint32_t i = b->fails; i != LQ_NONE;) {
		uint32_t next = lq_op_at(p, i)->fail;
		lq_op_at(p, i)->fail = end;
		i = next;
	}
	lq_block_close(p);
}

static bool
interrupt(struct lq_parser *p, enum lq_code code)
{
	lq_not_blank(p);
	lq_wait_barrier(p, lq_emit(p, code));
	return true;
}

static bool
parse_break(struct lq_parser *p, struct pr_str markup)
{
	(void)markup;
	return interrupt(p, LQ_OP_BREAK);
}

static bool
parse_continue(struct lq_parser *p, struct pr_str markup)
{
	(void)markup;
	return interrupt(p, LQ_OP_CONTINUE);
}

const struct lq_tag lq_flow_tags[] = {
    {"if", parse_if},       {"unless", parse_unless},
    {"case", parse_case},   {"ifchanged", parse_ifchanged},
    {"break", parse_break}, {"continue", parse_continue},
    {NULL, NULL},
};
