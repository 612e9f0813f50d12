/*
 * render and include at run time. Each runs a unit of the same program: render in a
 * scope of its own, include in the caller's with its arguments bound around it. How
 * deep they nest is bounded, whoever calls whom.
 */
#include "machine.h"

#include <stdio.h>

static void
raise_missing(struct lq_machine *m, struct pr_str name)
{
	if (m->t->partial_missing) {
		lq_raise(m, "%s", m->t->partial_missing);
		return;
	}
	m->whole_message = true;
	lq_raise(m, "Liquid error: Could not find asset %.*s", (int)(name.n < 200 ? name.n : 200),
	         name.p);
}

/* The unit of a call whose name may only be known now; NULL: an error was raised. */
static const struct lq_unit *
find_unit(struct lq_machine *m, const struct lq_call *call)
{
	lq_value name;
	uint32_t i = call->unit;
	if (!lq_evaluate(m, call->name, &name))
		return NULL;
	if (name.type != PR_LIQUID_STRING) {
		lq_raise(m, "Argument error in tag 'include' - Illegal template name");
		return NULL;
	}
	if (i == LQ_NONE)
		i = lq_unit_find(m->t, lq_str(&name));
	if (i == LQ_NONE || m->t->units[i].missing) {
		raise_missing(m, lq_str(&name));
		return NULL;
	}
	const struct lq_unit *unit = &m->t->units[i];
	if (unit->broken) {
		m->whole_message = true;
		lq_raise(m, "%s", unit->broken);
		return NULL;
	}
	return unit;
}

/* Run a unit in the scope at hand. */
static bool
enter(struct lq_machine *m, const struct lq_unit *unit)
{
	const struct lq_unit *outer = m->unit;
	struct lq_frame *frames = m->frames;
	if (m->nesting == m->nesting_max)
		return lq_raise(m, "Nesting too deep");
	if (unit->frames && !(m->frames = lq_alloc(m, unit->frames * sizeof *frames))) {
		m->frames = frames;
		return false;
	}
	m->nesting++;
	m->unit = unit;
	bool ok = lq_run(m, unit);
	m->nesting--;
	m->unit = outer;
	m->frames = frames;
	return ok;
}

/* Arguments of a render are variables of its scope: the partial may assign them. */
static bool
set_arguments(struct lq_machine *m, const struct lq_call *call, struct lq_scope *outer)
{
	struct lq_scope *inner = m->scope;
	const uint32_t *args = &m->t->list[call->args];
	lq_value v;
	for (uint32_t i = 0; i < call->n; i++) {
		m->scope = outer;
		bool ok = lq_evaluate(m, args[2 * i + 1], &v);
		m->scope = inner;
		if (!ok)
			return false;
		lq_assign(m, args[2 * i], v);
	}
	return true;
}

static bool
bind_arguments(struct lq_machine *m, const struct lq_call *call)
{
	const uint32_t *args = &m->t->list[call->args];
	lq_value v;
	for (uint32_t i = 0; i < call->n; i++)
		if (!lq_evaluate(m, args[2 * i + 1], &v) || !lq_bind(m, args[2 * i], v))
			return false;
	return true;
}

static bool
render_once(struct lq_machine *m, const struct lq_call *call, const struct lq_unit *unit,
            const lq_value *item, struct lq_loop *loop)
{
	struct lq_scope *outer = m->scope;
	uint32_t as = call->as == LQ_NONE ? unit->title : call->as;
	bool isolated = m->isolated;
	if (!(m->scope = lq_scope_create(m))) {
		m->scope = outer;
		return false;
	}
	if (loop)
		lq_assign(m, m->t->forloop, lq_object(LQ_FORLOOP, loop));
	bool ok = set_arguments(m, call, outer);
	if (ok && item)
		lq_assign(m, as, *item);
	m->isolated = true;
	ok = ok && enter(m, unit);
	m->isolated = isolated;
	m->interrupt = LQ_NO_INTERRUPT;
	m->scope = outer;
	return ok;
}

static bool
render_each(struct lq_machine *m, const struct lq_call *call, const struct lq_unit *unit,
            const lq_value *list)
{
	struct lq_loop *loop = lq_alloc(m, sizeof *loop);
	lq_value item;
	if (!loop)
		return false;
	*loop = (struct lq_loop){.length = lq_count_elements(list), .title = unit->name};
	while (loop->index < loop->length) {
		lq_element(m, list, loop->index++, &item);
		if (!lq_spend(m, 1) || !render_once(m, call, unit, &item, loop))
			return false;
	}
	return true;
}

static bool
is_list(const lq_value *v)
{
	return v->type == PR_LIQUID_ARRAY || v->type == LQ_RANGE;
}

bool
lq_render_partial(struct lq_machine *m, const struct lq_op *op)
{
	const struct lq_call *call = &m->t->partials[op->a];
	const struct lq_unit *unit = find_unit(m, call);
	lq_value with;
	if (!unit)
		return false;
	if (call->with == LQ_NONE)
		return render_once(m, call, unit, NULL, NULL);
	if (!lq_evaluate(m, call->with, &with))
		return false;
	if (call->each && (is_list(&with) || with.type == PR_LIQUID_HASH))
		return render_each(m, call, unit, &with);
	return render_once(m, call, unit, with.type == PR_LIQUID_NIL ? NULL : &with, NULL);
}

/* What `with` gives: by default the variable that has the partial's name. */
static bool
included_value(struct lq_machine *m, const struct lq_call *call, const struct lq_unit *unit,
               lq_value *v)
{
	if (call->with != LQ_NONE)
		return lq_evaluate(m, call->with, v);
	*v = lq_variable(m, unit->name);
	return true;
}

bool
lq_include_partial(struct lq_machine *m, const struct lq_op *op)
{
	const struct lq_call *call = &m->t->partials[op->a];
	const struct lq_unit *unit;
	uint32_t saves = m->scope->n_saves;
	lq_value with, item;
	if (m->isolated)
		return lq_raise(m, "include usage is not allowed in this context");
	if (!(unit = find_unit(m, call)) || !included_value(m, call, unit, &with))
		return false;
	uint32_t as = call->as == LQ_NONE ? unit->title : call->as;
	uint64_t n = with.type == PR_LIQUID_ARRAY ? with.n : 1;
	bool ok = bind_arguments(m, call) && lq_bind(m, as, lq_nil());
	for (uint64_t i = 0; ok && i < n; i++) {
		item = with;
		if (with.type == PR_LIQUID_ARRAY)
			lq_element(m, &with, i, &item);
		m->scope->cells[as].v = item;
		ok = enter(m, unit);
		if (m->interrupt)
			break;
	}
	lq_restore(m, saves);
	return ok;
}
