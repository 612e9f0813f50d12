/*
 * Tags that repeat: for, tablerow, cycle.
 *
 *   for x in list      FOR        -> else (nothing to do), fail: end
 *     ..               body
 *                      FOR_NEXT   -> body; at the end goes on behind it
 *   else               JUMP end
 *     ..               else:
 *   endfor             end:
 */
#include "parser.h"

#include <stdio.h>

/* Slots are shared by equal keys: `offset: continue` goes on where the loop with the
 * same variable and collection stopped, cycles with the same values take turns. */
static uint32_t
loop_slot(struct lq_parser *p, struct pr_str title)
{
	for (uint32_t i = 0; i + 1 < p->t->n_loops; i++)
		if (pr_str_eq(p->t->loops[i].title, title))
			return p->t->loops[i].slot;
	return p->t->offsets++;
}

static struct pr_str
title_of(struct lq_parser *p, struct pr_str item, struct pr_str collection)
{
	struct pr_buf b = {0};
	pr_buf_add_str(&b, item);
	pr_buf_addc(&b, '-');
	pr_buf_add_str(&b, collection);
	struct pr_str title = pr_arena_copy(&p->t->arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return title;
}

/* What stands between two lexemes, as Ruby puts an expression together again: without
 * white space. */
static struct pr_str
joined(struct lq_parser *p, uint32_t from, uint32_t to)
{
	struct pr_buf b = {0};
	for (uint32_t i = from; i < to; i++)
		pr_buf_add_str(&b, p->lexemes[i].text);
	struct pr_str text = pr_arena_copy(&p->t->arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return text;
}

static void
clear_info(struct lq_loop_info *info)
{
	*info = (struct lq_loop_info){.limit = LQ_NONE, .offset = LQ_NONE, .cols = LQ_NONE};
}

/* "item in collection" */
static bool
strict_head(struct lq_parser *p, struct pr_str markup, struct lq_loop_info *info)
{
	struct pr_str item;
	if (!lq_lex_markup(p, markup) || !lq_expect(p, LQ_LEX_ID, &item))
		return false;
	if (!lq_accept_word(p, "in"))
		return lq_error(p, lq_peek(p, 0)->text.p, NULL, "For loops require an 'in' clause");
	uint32_t from = p->at;
	if (!lq_parse_expression(p, LQ_IN_VALUE, &info->collection))
		return false;
	info->title = title_of(p, item, joined(p, from, p->at));
	info->item = lq_bind_name(p, item);
	return true;
}

static bool
strict_for(struct lq_parser *p, struct pr_str markup, struct lq_loop_info *info)
{
	if (!strict_head(p, markup, info))
		return false;
	info->reversed = lq_accept_word(p, "reversed");
	while (lq_look(p, LQ_LEX_COMMA) || lq_look(p, LQ_LEX_ID)) {
		lq_accept(p, LQ_LEX_COMMA);
		bool limit = lq_accept_word(p, "limit");
		if (!limit && !lq_accept_word(p, "offset"))
			return lq_error(p, lq_peek(p, 0)->text.p, NULL,
			                "Invalid attribute in for loop. Valid attributes are "
			                "limit and offset");
		if (!lq_expect(p, LQ_LEX_COLON, NULL))
			return false;
		bool resumes = !limit && pr_str_is(lq_peek(p, 0)->text, "continue");
		uint32_t at = p->at;
		if (!lq_parse_expression(p, LQ_IN_VALUE, limit ? &info->limit : &info->offset))
			return false;
		if (!limit)
			info->resumes = resumes && p->at == at + 1;
		if (info->resumes)
			info->offset = LQ_NONE;
	}
	return lq_expect(p, LQ_LEX_END, NULL);
}

/* "word in fragment ..." by pattern; where names the loop in the complaint. */
static bool
lax_head(struct lq_parser *p, struct pr_str *rest, struct lq_loop_info *info)
{
	struct pr_str item = {rest->p, 0}, in, collection;
	struct pr_str whole = *rest;
	while (item.n < rest->n && (lq_is_word(item.p[item.n]) || item.p[item.n] == '-'))
		item.n++;
	rest->p += item.n;
	rest->n -= item.n;
	if (item.n == 0 || !lq_lax_fragment(rest, &in) || !pr_str_is(in, "in") ||
	    in.p == item.p + item.n || !lq_lax_fragment(rest, &collection))
		return lq_error(
		    p, whole.p, NULL,
		    "Syntax Error in 'for loop' - Valid syntax: for [item] in [collection]");
	info->collection = lq_lax_expression(p, collection, LQ_IN_VALUE);
	info->item = lq_bind_name(p, item);
	info->title = title_of(p, item, collection);
	return true;
}

static bool
lax_for(struct lq_parser *p, struct pr_str markup, struct lq_loop_info *info)
{
	struct pr_str rest = markup, key, value;
	if (!lax_head(p, &rest, info))
		return false;
	struct pr_str after = pr_str_trim(rest);
	info->reversed = pr_str_starts(after, "reversed");
	while (lq_lax_attribute(&rest, &key, &value)) {
		if (pr_str_is(key, "limit"))
			info->limit = lq_lax_expression(p, value, LQ_IN_VALUE);
		if (!pr_str_is(key, "offset"))
			continue;
		info->resumes = pr_str_is(value, "continue");
		info->offset = info->resumes ? LQ_NONE : lq_lax_expression(p, value, LQ_IN_VALUE);
	}
	return true;
}

static bool
parse_for(struct lq_parser *p, struct pr_str markup)
{
	struct lq_loop_info info;
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_FOR, "for");
	if (!b)
		return false;
	clear_info(&info);
	bool ok = lq_is_lax(p) ? lax_for(p, markup, &info) : strict_for(p, markup, &info);
	*LQ_ADD(p->t, loops) = info;
	p->t->loops[p->t->n_loops - 1].slot = loop_slot(p, info.title);
	b->next = lq_emit(p, LQ_OP_FOR);
	lq_op_at(p, b->next)->a = p->t->n_loops - 1;
	b->head = b->next;
	lq_frame_open(p);
	return ok;
}

/* The end of the repeated part: back to its beginning, and barrier. */
static void
emit_next(struct lq_parser *p, struct lq_block *b, enum lq_code code)
{
	lq_frame_close(p);
	uint32_t op = lq_emit(p, code);
	lq_op_at(p, op)->target = b->head + 1;
	lq_op_at(p, op)->a = lq_op_at(p, b->head)->a;
	lq_patch(p, b->barrier, op);
	b->barrier = LQ_NONE;
}

bool
lq_loop_else(struct lq_parser *p)
{
	struct lq_block *b = lq_block_top(p);
	emit_next(p, b, LQ_OP_FOR_NEXT);
	lq_wait(p, &b->ends, lq_emit(p, LQ_OP_JUMP));
	lq_op_at(p, b->next)->target = p->t->n_ops;
	b->next = LQ_NONE;
	b->has_else = true;
	return true;
}

void
lq_loop_end(struct lq_parser *p)
{
	struct lq_block *b = lq_block_top(p);
	if (!b->has_else)
		emit_next(p, b, b->kind == LQ_BLOCK_FOR ? LQ_OP_FOR_NEXT : LQ_OP_TABLEROW_NEXT);
	uint32_t end = p->t->n_ops;
	if (b->next != LQ_NONE)
		lq_op_at(p, b->next)->target = end;
	lq_op_at(p, b->head)->fail = end;
	lq_patch(p, b->ends, end);
	lq_block_close(p);
}

/* A tablerow's attribute, where it is kept; NULL for what it does not know. */
static uint32_t *
attribute(struct lq_loop_info *info, struct pr_str key, uint32_t *ignored)
{
	if (pr_str_is(key, "limit"))
		return &info->limit;
	if (pr_str_is(key, "offset"))
		return &info->offset;
	if (pr_str_is(key, "cols"))
		return &info->cols;
	return pr_str_is(key, "range") ? ignored : NULL;
}

static bool
strict_tablerow(struct lq_parser *p, struct pr_str markup, struct lq_loop_info *info)
{
	struct pr_str key;
	uint32_t ignored;
	if (!strict_head(p, markup, info))
		return false;
	lq_accept(p, LQ_LEX_COMMA);
	while (lq_look(p, LQ_LEX_ID)) {
		lq_expect(p, LQ_LEX_ID, &key);
		uint32_t *expr = attribute(info, key, &ignored);
		if (!expr)
			return lq_error(
			    p, key.p, NULL,
			    "Invalid attribute '%.*s' in tablerow loop. Valid attributes "
			    "are cols, limit, offset, and range",
			    (int)key.n, key.p);
		if (!lq_expect(p, LQ_LEX_COLON, NULL) || !lq_parse_expression(p, LQ_IN_VALUE, expr))
			return false;
		lq_accept(p, LQ_LEX_COMMA);
	}
	return lq_expect(p, LQ_LEX_END, NULL);
}

static bool
old_tablerow(struct lq_parser *p, struct pr_str markup, struct lq_loop_info *info)
{
	struct pr_str rest = markup, key, value;
	uint32_t ignored;
	if (!lax_head(p, &rest, info))
		return false;
	while (lq_lax_attribute(&rest, &key, &value)) {
		uint32_t *expr = attribute(info, key, &ignored);
		if (expr)
			*expr = lq_lax_expression(p, value, LQ_IN_VALUE);
	}
	return true;
}

static bool
parse_tablerow(struct lq_parser *p, struct pr_str markup)
{
	struct lq_loop_info info;
	struct lq_block *b = lq_block_open(p, LQ_BLOCK_TABLEROW, "tablerow");
	if (!b)
		return false;
	lq_not_blank(p);
	clear_info(&info);
	bool ok = lq_is_old(p) ? old_tablerow(p, markup, &info) : strict_tablerow(p, markup, &info);
	*LQ_ADD(p->t, loops) = info;
	b->next = lq_emit(p, LQ_OP_TABLEROW);
	lq_op_at(p, b->next)->a = p->t->n_loops - 1;
	b->head = b->next;
	lq_frame_open(p);
	return ok;
}

/* Cycles of the same constants, or of the same constant group, share a position. */
static bool
same_constant(const pr_liquid *t, uint32_t a, uint32_t b)
{
	const struct lq_expr *x = &t->exprs[a], *y = &t->exprs[b];
	return x->kind == LQ_CONST && y->kind == LQ_CONST && x->value.type == y->value.type &&
	       lq_equal(&x->value, &y->value);
}

static bool
same_cycle(const pr_liquid *t, const struct lq_cycle *a, const struct lq_cycle *b)
{
	if ((a->group == LQ_NONE) != (b->group == LQ_NONE))
		return false;
	if (a->group != LQ_NONE)
		return same_constant(t, a->group, b->group);
	for (uint32_t i = 0; i < a->n; i++)
		if (a->n != b->n || !same_constant(t, t->list[a->first + i], t->list[b->first + i]))
			return false;
	return a->n == b->n;
}

static void
add_cycle(struct lq_parser *p, struct lq_cycle c)
{
	pr_liquid *t = p->t;
	bool by_value = c.group != LQ_NONE && t->exprs[c.group].kind != LQ_CONST;
	c.slot = LQ_NONE;
	for (uint32_t i = 0; i < t->n_cycles && c.slot == LQ_NONE && !by_value; i++)
		if (same_cycle(t, &t->cycles[i], &c))
			c.slot = t->cycles[i].slot;
	if (c.slot == LQ_NONE && !by_value)
		c.slot = t->cycle_slots++;
	*LQ_ADD(t, cycles) = c;
	uint32_t op = lq_emit(p, LQ_OP_CYCLE);
	lq_op_at(p, op)->a = t->n_cycles - 1;
}

static bool
strict_cycle(struct lq_parser *p, struct pr_str markup, uint32_t *group)
{
	uint32_t expr;
	if (!lq_lex_markup(p, markup))
		return false;
	if (lq_look(p, LQ_LEX_END))
		return lq_error(
		    p, markup.p, NULL,
		    "Syntax Error in 'cycle' - Valid syntax: cycle [name :] var [, var2, "
		    "var3 ...]");
	if (!lq_parse_expression(p, LQ_IN_VALUE, &expr))
		return false;
	if (lq_accept(p, LQ_LEX_COLON)) {
		*group = expr;
		if (!lq_parse_expression(p, LQ_IN_VALUE, &expr))
			return false;
	}
	lq_push_scratch(p, expr);
	while (lq_accept(p, LQ_LEX_COMMA) && !lq_look(p, LQ_LEX_END)) {
		if (!lq_parse_expression(p, LQ_IN_VALUE, &expr))
			return false;
		lq_push_scratch(p, expr);
	}
	return lq_expect(p, LQ_LEX_END, NULL);
}

/* "name :" at the beginning of a cycle; *rest moves behind the colon. */
static bool
cycle_name(struct pr_str *rest, struct pr_str *name)
{
	struct pr_str head = pr_str_trim(*rest);
	if (head.n == 0 || !lq_lax_fragment(&head, name) || name->p != pr_str_trim(*rest).p)
		return false;
	head = pr_str_trim(head);
	if (head.n == 0 || head.p[0] != ':') { /* a fragment may have taken the colon in */
		const char *colon =
		    name->p[0] == '"' || name->p[0] == '\'' ? NULL : memrchr(name->p, ':', name->n);
		if (!colon || colon == name->p)
			return false;
		name->n = (size_t)(colon - name->p);
		head.p = colon;
	}
	rest->n -= (size_t)(head.p + 1 - rest->p);
	rest->p = head.p + 1;
	return true;
}

static bool
old_cycle(struct lq_parser *p, struct pr_str markup, uint32_t *group)
{
	struct pr_str rest = markup, fragment;
	if (cycle_name(&rest, &fragment))
		*group = lq_lax_expression(p, fragment, LQ_IN_VALUE);
	while (rest.n) {
		const char *comma = memchr(rest.p, ',', rest.n);
		struct pr_str part = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
		rest.p += part.n + (comma != NULL);
		rest.n -= part.n + (comma != NULL);
		if (lq_lax_fragment(&part, &fragment))
			lq_push_scratch(p, lq_lax_expression(p, fragment, LQ_IN_VALUE));
	}
	return *group != LQ_NONE || p->n_scratch ||
	       lq_error(
		   p, markup.p, NULL,
		   "Syntax Error in 'cycle' - Valid syntax: cycle [name :] var [, var2, var3 ...]");
}

static bool
parse_cycle(struct lq_parser *p, struct pr_str markup)
{
	struct lq_cycle c = {.group = LQ_NONE};
	uint32_t from = p->n_scratch;
	lq_not_blank(p);
	bool ok = lq_is_old(p) ? old_cycle(p, markup, &c.group) : strict_cycle(p, markup, &c.group);
	c.n = p->n_scratch - from;
	c.first = lq_take_list(p, from);
	if (ok)
		add_cycle(p, c);
	return ok;
}

const struct lq_tag lq_loop_tags[] = {
    {"for", parse_for},
    {"tablerow", parse_tablerow},
    {"cycle", parse_cycle},
    {NULL, NULL},
};
