/*
 * for and tablerow at run time. Nothing is copied: a loop walks its array, hash or
 * range in place; an element of a hash is a view of its key and value.
 */
#include "machine.h"
#include "number.h"

uint64_t
lq_count_elements(const lq_value *c)
{
	switch (c->type) {
	case PR_LIQUID_ARRAY:
	case PR_LIQUID_HASH: return c->n;
	case PR_LIQUID_STRING: return c->n > 0; /* a text counts as one element, as in old Ruby */
	case LQ_RANGE: return lq_range_size(c);
	default: return 0;
	}
}

bool
lq_element(struct lq_machine *m, const lq_value *c, uint64_t i, lq_value *v)
{
	(void)m;
	switch (c->type) {
	case PR_LIQUID_ARRAY: *v = c->items[i]; return true;
	case PR_LIQUID_HASH: *v = lq_array(&c->items[2 * i], 2); return true;
	case LQ_RANGE: *v = lq_int((int64_t)((uint64_t)lq_range_first(c) + i)); return true;
	default: *v = *c; return true;
	}
}

/* An attribute that must be a whole number; left alone when it is nil. */
static bool
attribute(struct lq_machine *m, uint32_t expr, bool *given, int64_t *i)
{
	lq_value v;
	*given = false;
	if (expr == LQ_NONE)
		return true;
	if (!lq_evaluate(m, expr, &v))
		return false;
	*given = v.type != PR_LIQUID_NIL;
	return !*given || lq_integer(m, &v, i);
}

/* The part of the collection that offset and limit leave. */
static void
segment(struct lq_loop *loop, int64_t from, bool limited, int64_t limit)
{
	int64_t n = (int64_t)lq_count_elements(&loop->collection), to;
	if (n < 0)
		n = INT64_MAX;
	if (!limited || __builtin_add_overflow(from, limit, &to) || to > n)
		to = n;
	if (loop->collection.type == PR_LIQUID_STRING && n) { /* never cut */
		from = 0;
		to = 1;
	}
	if (from < 0)
		from = 0;
	loop->from = (uint64_t)from;
	loop->length = to > from ? (uint64_t)(to - from) : 0;
}

static bool
for_segment(struct lq_machine *m, struct lq_loop *loop)
{
	const struct lq_loop_info *info = loop->info;
	int64_t from = 0, limit = 0, *remembered = &m->scope->offsets[info->slot];
	bool given, limited;
	if (!lq_evaluate(m, info->collection, &loop->collection))
		return false;
	if (!attribute(m, info->offset, &given, &from) ||
	    !attribute(m, info->limit, &limited, &limit))
		return false;
	if (info->resumes)
		from = *remembered;
	segment(loop, from, limited, limit);
	*remembered = from + (int64_t)loop->length;
	return true;
}

static bool
current(struct lq_machine *m, struct lq_loop *loop, lq_value *v)
{
	uint64_t i = loop->index++;
	return lq_element(m, &loop->collection,
	                  loop->from + (loop->reversed ? loop->length - 1 - i : i), v);
}

static bool
begin(struct lq_machine *m, struct lq_loop *loop, uint32_t drop_name, lq_value drop_value)
{
	lq_value item;
	loop->saves = m->scope->n_saves;
	loop->index = 0;
	if (!current(m, loop, &item) || !lq_bind(m, drop_name, drop_value) ||
	    !lq_bind(m, loop->info->item, item))
		return false;
	return true;
}

bool
lq_for_begin(struct lq_machine *m, const struct lq_op *op, bool *any)
{
	struct lq_loop *loop = &m->frames[op->depth].loop;
	*loop = (struct lq_loop){.info = &m->t->loops[op->a], .parent = m->scope->loop};
	if (!for_segment(m, loop))
		return false;
	*any = loop->length > 0;
	if (!*any)
		return true;
	loop->reversed = loop->info->reversed;
	loop->title = loop->info->title;
	m->scope->loop = loop;
	return begin(m, loop, m->t->forloop, lq_object(LQ_FORLOOP, loop));
}

/* The next element bound, or everything put back. */
static bool
next(struct lq_machine *m, struct lq_loop *loop, bool broken)
{
	lq_value item;
	if (broken || loop->index == loop->length) {
		lq_restore(m, loop->saves);
		return false;
	}
	current(m, loop, &item);
	m->scope->cells[loop->info->item].v = item;
	return true;
}

bool
lq_for_next(struct lq_machine *m, const struct lq_op *op)
{
	struct lq_loop *loop = &m->frames[op->depth].loop;
	bool broken = m->interrupt == LQ_BREAK;
	m->interrupt = LQ_NO_INTERRUPT;
	if (next(m, loop, broken))
		return true;
	m->scope->loop = loop->parent;
	return false;
}

/* Of a tablerow: whatever Ruby's to_i takes. */
static bool
table_attribute(struct lq_machine *m, uint32_t expr, int64_t *i)
{
	lq_value v;
	return expr == LQ_NONE ||
	       (lq_evaluate(m, expr, &v) && (lq_to_i(&v, i) || lq_raise(m, "invalid integer")));
}

static bool
table_segment(struct lq_machine *m, struct lq_loop *loop)
{
	const struct lq_loop_info *info = loop->info;
	int64_t from = 0, limit = 0, cols = 0;
	if (!table_attribute(m, info->offset, &from) || !table_attribute(m, info->limit, &limit))
		return false;
	segment(loop, from, info->limit != LQ_NONE, limit);
	if (!table_attribute(m, info->cols, &cols))
		return false;
	loop->cols = info->cols == LQ_NONE ? loop->length : cols > 0 ? (uint64_t)cols : 0;
	return true;
}

static void
open_cell(struct lq_machine *m, struct lq_loop *loop)
{
	loop->col++;
	pr_buf_addf(m->out, "<td class=\"col%llu\">", (unsigned long long)loop->col);
}

bool
lq_tablerow_begin(struct lq_machine *m, const struct lq_op *op, bool *any)
{
	struct lq_loop *loop = &m->frames[op->depth].loop;
	*loop = (struct lq_loop){.info = &m->t->loops[op->a], .row = 1};
	*any = false;
	if (!lq_evaluate(m, loop->info->collection, &loop->collection))
		return false;
	if (!lq_truthy(&loop->collection))
		return true;
	if (!table_segment(m, loop))
		return false;
	pr_buf_adds(m->out, "<tr class=\"row1\">\n");
	*any = loop->length > 0;
	if (!*any) {
		pr_buf_adds(m->out, "</tr>\n");
		return true;
	}
	if (!begin(m, loop, m->t->tablerowloop, lq_object(LQ_TABLEROW, loop)))
		return false;
	open_cell(m, loop);
	return true;
}

bool
lq_tablerow_next(struct lq_machine *m, const struct lq_op *op)
{
	struct lq_loop *loop = &m->frames[op->depth].loop;
	bool broken = m->interrupt == LQ_BREAK, last = loop->index == loop->length;
	m->interrupt = LQ_NO_INTERRUPT;
	pr_buf_adds(m->out, "</td>");
	if (!broken && !last && loop->col == loop->cols) {
		loop->row++;
		loop->col = 0;
		pr_buf_addf(m->out, "</tr>\n<tr class=\"row%llu\">", (unsigned long long)loop->row);
	}
	if (next(m, loop, broken)) {
		open_cell(m, loop);
		return true;
	}
	pr_buf_adds(m->out, "</tr>\n");
	return false;
}

lq_value
lq_loop_member(const lq_value *v, enum lq_word word)
{
	struct lq_loop *loop = (struct lq_loop *)(void *)(uintptr_t)(const void *)v->items;
	int64_t index = (int64_t)loop->index, length = (int64_t)loop->length;
	bool table = v->type == LQ_TABLEROW;
	switch (word) {
	case LQ_WORD_INDEX: return lq_int(index);
	case LQ_WORD_INDEX0: return lq_int(index - 1);
	case LQ_WORD_RINDEX: return lq_int(length - index + 1);
	case LQ_WORD_RINDEX0: return lq_int(length - index);
	case LQ_WORD_FIRST: return lq_bool(index == 1);
	case LQ_WORD_LAST: return lq_bool(index == length);
	case LQ_WORD_LENGTH: return lq_int(length);
	case LQ_WORD_NAME: return table ? lq_nil() : pr_liquid_string(loop->title);
	case LQ_WORD_PARENTLOOP:
		return table || !loop->parent ? lq_nil() : lq_object(LQ_FORLOOP, loop->parent);
	case LQ_WORD_COL: return table ? lq_int((int64_t)loop->col) : lq_nil();
	case LQ_WORD_COL0: return table ? lq_int((int64_t)loop->col - 1) : lq_nil();
	case LQ_WORD_COL_FIRST: return table ? lq_bool(loop->col == 1) : lq_nil();
	case LQ_WORD_COL_LAST: return table ? lq_bool(loop->col == loop->cols) : lq_nil();
	case LQ_WORD_ROW: return table ? lq_int((int64_t)loop->row) : lq_nil();
	default: return lq_nil();
	}
}
