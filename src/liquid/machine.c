/*
 * The machine: runs a unit's operations one after the other and writes into the
 * caller's buffer.
 *
 * An operation that fails puts its reason into `error` and goes on behind its node
 * (op->fail) with the message in the output, where the caller wants it so; else
 * rendering stops. A limit always stops it. break and continue set `interrupt` and
 * jump from barrier to barrier until a loop takes it.
 */
#include "machine.h"

#include "postrider/base/error.h"

#include <stdio.h>
#include <stdlib.h>

bool
lq_raise(struct lq_machine *m, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(m->error, sizeof m->error, format, ap);
	va_end(ap);
	return false;
}

static bool
exceed(struct lq_machine *m, const char *what)
{
	m->status = PR_ELIMIT;
	return lq_raise(m, "%s", what);
}

void *
lq_alloc(struct lq_machine *m, size_t n)
{
	if (m->arena->used > m->arena_max || n > m->arena_max - m->arena->used) {
		exceed(m, "Memory limits exceeded: the template builds too much");
		return NULL;
	}
	return pr_arena_alloc(m->arena, n);
}

bool
lq_out_of_steps(struct lq_machine *m)
{
	m->steps = 0;
	return exceed(m, "Step limit exceeded: the template loops too long");
}

static bool
within_limits(struct lq_machine *m)
{
	if (m->out->len > m->out_max)
		return exceed(m, "Output limit exceeded: the result is too large");
	return m->arena->used <= m->arena_max ||
	       exceed(m, "Memory limits exceeded: the template builds too much");
}

/* The message in the place where Ruby's has it: "Liquid error (name line 3): ...". */
static void
full_message(struct lq_machine *m, const struct lq_op *op, char *text, size_t size)
{
	if (m->whole_message)
		snprintf(text, size, "%s", m->error);
	else
		snprintf(text, size, "Liquid error (%.*s%sline %u): %s", (int)m->unit->name.n,
		         m->unit->name.p, m->unit->name.n ? " " : "", op->line, m->error);
	m->whole_message = false;
}

/* True when rendering goes on behind the failed operation. */
static bool
recover(struct lq_machine *m, const struct lq_op *op)
{
	char text[700];
	full_message(m, op, text, sizeof text);
	if (m->status == 0 && m->run->render_errors) {
		if (!(op->flags & LQ_SILENT))
			pr_buf_adds(m->out, text);
		return within_limits(m);
	}
	struct pr_liquid_failure *failure = m->failure;
	if (m->status == 0)
		m->status = PR_EINVAL;
	if (failure && failure->error.code == 0) {
		failure->line = op->line;
		failure->column = op->column;
		failure->file = m->unit->file;
		pr_fail(&failure->error, m->status, "%s", m->status == PR_EINVAL ? text : m->error);
	}
	return false;
}

static bool
end_capture(struct lq_machine *m, const struct lq_op *op)
{
	size_t mark = m->frames[op->depth].mark, n = m->out->len - mark;
	char *copy = lq_alloc(m, n + 1);
	if (!copy)
		return false;
	if (n)
		memcpy(copy, m->out->data + mark, n);
	m->out->len = mark;
	lq_value v = pr_liquid_string((struct pr_str){copy, n});
	v.flags = op->flags & LQ_ESCAPE ? LQ_SAFE | LQ_FINAL : 0;
	lq_assign(m, op->b, v);
	return true;
}

static bool
end_ifchanged(struct lq_machine *m, const struct lq_op *op)
{
	size_t mark = m->frames[op->depth].mark;
	struct pr_str now = {m->out->data + mark, m->out->len - mark};
	if (!lq_spend(m, now.n / 1024))
		return false;
	if (pr_str_eq(now, m->changed)) {
		m->out->len = mark;
		return true;
	}
	char *copy = lq_alloc(m, now.n + 1);
	if (!copy)
		return false;
	memcpy(copy, now.p, now.n);
	m->changed = (struct pr_str){copy, now.n};
	return true;
}

/* Counts the equal values of a `when`; each renders the body once. */
static bool
test_when(struct lq_machine *m, const struct lq_op *op, bool *any)
{
	struct lq_frame *frame = &m->frames[op->depth];
	lq_value left, right;
	uint32_t n = 0;
	for (uint32_t i = 0; i < op->n; i++) {
		if (!lq_evaluate(m, op->a, &left) ||
		    !lq_evaluate(m, m->t->list[op->b + i], &right) || !lq_weigh(m, &left))
			return false;
		n += lq_equal(&left, &right);
	}
	*any = n > 0;
	frame->choice.matched |= n > 0;
	frame->choice.left = n;
	return true;
}

static bool
print_pipe(struct lq_machine *m, const struct lq_op *op)
{
	lq_value v;
	m->escape = op->flags & LQ_ESCAPE;
	if (!lq_evaluate_pipe(m, &m->t->pipes[op->a], &v))
		return false;
	lq_output(m, &v);
	return true;
}

static bool
assign_pipe(struct lq_machine *m, const struct lq_op *op)
{
	lq_value v;
	m->escape = op->flags & LQ_ESCAPE;
	if (!lq_evaluate_pipe(m, &m->t->pipes[op->a], &v))
		return false;
	lq_assign(m, op->b, v);
	return true;
}

static bool
print_cycle(struct lq_machine *m, const struct lq_op *op)
{
	lq_value v;
	m->escape = op->flags & LQ_ESCAPE;
	if (!lq_cycle(m, &m->t->cycles[op->a], &v))
		return false;
	lq_output(m, &v);
	return true;
}

static bool
abort_render(struct lq_machine *m, const struct lq_op *op)
{
	lq_value v;
	struct pr_str reason;
	if (!lq_evaluate_pipe(m, &m->t->pipes[op->a], &v) || !lq_text(m, &v, &reason))
		return false;
	m->status = PR_ECANCELLED;
	return lq_raise(m, "%.*s", (int)(reason.n < 400 ? reason.n : 400), reason.p);
}

/* One of the rarer operations. *pc is behind it and may be moved. */
static __attribute__((noinline)) bool
execute(struct lq_machine *m, const struct lq_op *op, uint32_t *pc)
{
	bool truth = false;
	switch ((enum lq_code)op->code) {
	case LQ_OP_ASSIGN: return assign_pipe(m, op);
	case LQ_OP_IF:
	case LQ_OP_UNLESS:
		if (!lq_test(m, op->a, &truth))
			return false;
		if (truth == (op->code == LQ_OP_UNLESS))
			*pc = op->target;
		return true;
	case LQ_OP_WHEN:
		if (!test_when(m, op, &truth))
			return false;
		if (!truth)
			*pc = op->target;
		return true;
	case LQ_OP_FOR:
		if (!lq_for_begin(m, op, &truth))
			return false;
		if (!truth)
			*pc = op->target;
		return true;
	case LQ_OP_TABLEROW:
		if (!lq_tablerow_begin(m, op, &truth))
			return false;
		if (!truth)
			*pc = op->target;
		return true;
	case LQ_OP_CYCLE: return print_cycle(m, op);
	case LQ_OP_RENDER: return lq_render_partial(m, op);
	case LQ_OP_INCLUDE:
		truth = lq_include_partial(m, op);
		if (truth && m->interrupt)
			*pc = op->target;
		return truth;
	case LQ_OP_ABORT: return abort_render(m, op);
	default: return true;
	}
}

/* Ends of bodies, where an interrupt may pass. */
static bool
leave(struct lq_machine *m, const struct lq_op *op, uint32_t *pc)
{
	switch ((enum lq_code)op->code) {
	case LQ_OP_FOR_NEXT:
		if (lq_for_next(m, op))
			*pc = op->target;
		return true;
	case LQ_OP_TABLEROW_NEXT:
		if (lq_tablerow_next(m, op))
			*pc = op->target;
		return true;
	case LQ_OP_WHEN_END:
		if (--m->frames[op->depth].choice.left)
			*pc = op->target;
		return true;
	case LQ_OP_CAPTURE_END:
	case LQ_OP_IFCHANGED_END:
		if (m->interrupt)
			*pc = op->target; /* on to the next barrier */
		return op->code == LQ_OP_CAPTURE_END ? end_capture(m, op) : end_ifchanged(m, op);
	default: return true;
	}
}

static void
print_cell(struct lq_machine *m, const struct lq_op *op)
{
	const lq_value *v = &m->scope->cells[op->a].v;
	if (v->type == PR_LIQUID_STRING && !(op->flags & LQ_ESCAPE)) {
		pr_buf_add(m->out, v->s, v->n);
		return;
	}
	m->escape = op->flags & LQ_ESCAPE;
	lq_output(m, v);
}

bool
lq_run(struct lq_machine *m, const struct lq_unit *unit)
{
	const struct lq_op *ops = m->t->ops, *op;
	uint32_t pc = unit->entry;
	for (;;) {
		bool ok = true;
		op = &ops[pc++];
		switch ((enum lq_code)op->code) {
		case LQ_OP_TEXT: pr_buf_add(m->out, op->text.p, op->text.n); break;
		case LQ_OP_PRINT_CELL: print_cell(m, op); break;
		case LQ_OP_PRINT: ok = print_pipe(m, op); break;
		case LQ_OP_JUMP: pc = op->target; break;
		case LQ_OP_CASE:
			m->frames[op->depth].choice.matched = false;
			pc = op->target;
			break;
		case LQ_OP_CASE_ELSE:
			if (m->frames[op->depth].choice.matched)
				pc = op->target;
			break;
		case LQ_OP_BREAK:
		case LQ_OP_CONTINUE:
			m->interrupt = op->code == LQ_OP_BREAK ? LQ_BREAK : LQ_CONTINUE;
			pc = op->target;
			break;
		case LQ_OP_CAPTURE:
		case LQ_OP_IFCHANGED: m->frames[op->depth].mark = m->out->len; break;
		case LQ_OP_INCREMENT: lq_count(m, op, 1); break;
		case LQ_OP_DECREMENT: lq_count(m, op, -1); break;
		case LQ_OP_END: return true;
		case LQ_OP_FOR_NEXT:
		case LQ_OP_TABLEROW_NEXT:
		case LQ_OP_WHEN_END:
		case LQ_OP_CAPTURE_END:
		case LQ_OP_IFCHANGED_END: ok = leave(m, op, &pc); break;
		default: ok = execute(m, op, &pc);
		}
		if (__builtin_expect(ok && m->steps && m->out->len <= m->out_max &&
		                         m->arena->used <= m->arena_max,
		                     1)) {
			m->steps--;
			continue;
		}
		if (ok && lq_spend(m, 1) && within_limits(m))
			continue;
		if (!recover(m, op))
			return false;
		if (op->fail != LQ_NONE)
			pc = op->fail;
	}
}
