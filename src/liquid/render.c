/* pr_liquid_render: sets the machine up; and the texts of values in a render. */
#include "machine.h"
#include "number.h"

#include "postrider/base/error.h"

bool
lq_text(struct lq_machine *m, const lq_value *v, struct pr_str *s)
{
	if (v->type == PR_LIQUID_STRING) {
		*s = lq_str(v);
		return true;
	}
	if (v->type == PR_LIQUID_ARRAY || v->type == PR_LIQUID_HASH || v->type == LQ_RANGE)
		return lq_text_inspect(m, v, s);
	char *text = lq_alloc(m, LQ_BIG_SIZE);
	if (!text)
		return false;
	if (v->type == PR_LIQUID_INT)
		*s = (struct pr_str){text, lq_int_text(v->i, text)};
	else if (v->type == LQ_BIG)
		*s = (struct pr_str){text, lq_big_text(lq_big(v), text)};
	else if (v->type == PR_LIQUID_FLOAT)
		*s = (struct pr_str){text, lq_float_text(v->f, text)};
	else if (v->type == PR_LIQUID_BOOL)
		*s = v->i ? PR_STR("true") : PR_STR("false");
	else
		*s = pr_str(v->type == PR_LIQUID_NIL ? "" : lq_class_name(v));
	return true;
}

/* What lies behind `mark` in the output, taken from it into the arena. */
static bool
take_output(struct lq_machine *m, size_t mark, struct pr_str *s)
{
	size_t n = m->out->len - mark;
	char *text = lq_alloc(m, n + 1);
	m->out->len = mark;
	if (!text)
		return false;
	memcpy(text, m->out->data + mark, n);
	*s = (struct pr_str){text, n};
	return true;
}

bool
lq_text_inspect(struct lq_machine *m, const lq_value *v, struct pr_str *s)
{
	size_t mark = m->out->len;
	lq_inspect(m->out, v, m->out_max);
	return take_output(m, mark, s);
}

bool
lq_text_printed(struct lq_machine *m, const lq_value *v, struct pr_str *s)
{
	size_t mark = m->out->len;
	if (v->type != PR_LIQUID_ARRAY)
		return lq_text(m, v, s);
	lq_print(m->out, v, m->out_max);
	return take_output(m, mark, s);
}

bool
lq_integer(struct lq_machine *m, const lq_value *v, int64_t *i)
{
	if (v->type == PR_LIQUID_INT) {
		*i = v->i;
		return true;
	}
	struct pr_str s = v->type == PR_LIQUID_STRING ? lq_str(v) : PR_STR("");
	if (v->type == LQ_BIG) {
		*i = lq_big(v) < 0 ? INT64_MIN : INT64_MAX;
		return true;
	}
	if (s.n > 21 && s.p[s.n - 1] == 0) /* so does Ruby, for numbers beyond 64 bits only */
		s.n--;
	s = pr_str_trim(s);
	size_t at = s.n && (s.p[0] == '-' || s.p[0] == '+');
	if (at == s.n)
		return lq_raise(m, "invalid integer");
	for (; at < s.n; at++)
		if (!pr_is_digit(s.p[at]) &&
		    !(s.p[at] == '_' && at && pr_is_digit(s.p[at - 1]) && at + 1 < s.n))
			return lq_raise(m, "invalid integer");
	*i = lq_text_to_i(s);
	return true;
}

void
lq_output(struct lq_machine *m, const lq_value *v)
{
	char text[LQ_FLOAT_SIZE];
	struct pr_str s;
	size_t mark = m->out->len;
	switch (v->type) {
	case PR_LIQUID_INT: pr_buf_add(m->out, text, lq_int_text(v->i, text)); return;
	case PR_LIQUID_FLOAT: pr_buf_add(m->out, text, lq_float_text(v->f, text)); return;
	case PR_LIQUID_STRING:
		if (m->escape && m->t->markdown && !(v->flags & LQ_FINAL))
			lq_escape_markdown(m->out, lq_str(v), !(v->flags & LQ_SAFE));
		else if (m->escape && !(v->flags & LQ_SAFE))
			lq_escape(m->out, lq_str(v));
		else
			pr_buf_add(m->out, v->s, v->n);
		return;
	default: break;
	}
	lq_print(m->out, v, m->out_max);
	if (m->escape && (v->type == PR_LIQUID_ARRAY || v->type == PR_LIQUID_HASH) &&
	    take_output(m, mark, &s)) {
		if (m->t->markdown)
			lq_escape_markdown(m->out, s, true);
		else
			lq_escape(m->out, s);
	}
}

int
pr_liquid_render(const pr_liquid *t, const struct pr_liquid_run *run, struct pr_arena *arena,
                 struct pr_buf *out, struct pr_liquid_failure *failure)
{
	const struct pr_liquid_limits *limits =
	    run->limits ? run->limits : &pr_liquid_limits_default;
	struct lq_machine m;
	memset(&m, 0, offsetof(struct lq_machine, error));
	m.t = t;
	m.run = run;
	m.arena = arena;
	m.out = out;
	m.unit = &t->units[0];
	m.steps = limits->steps;
	m.out_max = out->len + limits->output;
	m.arena_max = arena->used + limits->memory;
	m.nesting_max = limits->nesting;
	m.random = run->random_seed;
	m.failure = failure;
	m.error[0] = 0;
	if (failure)
		*failure = (struct pr_liquid_failure){.line = 1, .file = m.unit->file};
	pr_buf_grow(out, 0);
	m.scope = lq_scope_create(&m);
	if (m.scope && m.unit->frames)
		m.frames = lq_alloc(&m, m.unit->frames * sizeof *m.frames);
	if (!m.scope || (m.unit->frames && !m.frames)) {
		if (failure)
			pr_fail(&failure->error, PR_ELIMIT, "%s", m.error);
		return PR_ELIMIT;
	}
	return lq_run(&m, m.unit) ? 0 : m.status;
}
