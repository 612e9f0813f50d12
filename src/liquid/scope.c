/*
 * Scopes: one cell for each name, hidden values on a stack. All lies in the arena.
 * Also what the tags remember per scope: counters and cycles.
 */
#include "machine.h"

struct lq_scope *
lq_scope_create(struct lq_machine *m)
{
	const pr_liquid *t = m->t;
	size_t cells = t->n_names * sizeof(struct lq_cell);
	size_t counters = t->n_counters * sizeof(int64_t);
	size_t cycles = (t->cycle_slots + 1) / 2 * 2 * sizeof(uint32_t);
	size_t offsets = t->offsets * sizeof(int64_t), rest = counters + offsets + cycles;
	struct lq_scope *s = lq_alloc(m, sizeof *s + cells + rest);
	if (!s)
		return NULL;
	*s = (struct lq_scope){.cells = (struct lq_cell *)(void *)(s + 1)};
	for (uint32_t i = 0; i < t->given; i++)
		s->cells[i] = (struct lq_cell){.v = m->run->values[i]};
	memset(s->cells + t->given, 0, cells - t->given * sizeof *s->cells + rest);
	char *p = (char *)s->cells + cells;
	s->counters = (int64_t *)(void *)p;
	s->offsets = (int64_t *)(void *)(p + counters);
	s->cycles = (uint32_t *)(void *)(p + counters + offsets);
	return s;
}

static bool
save(struct lq_machine *m, uint32_t name)
{
	struct lq_scope *s = m->scope;
	if (s->n_saves == s->cap_saves) {
		uint32_t cap = s->cap_saves ? 2 * s->cap_saves : 16;
		struct lq_saved *saves = lq_alloc(m, cap * sizeof *saves);
		if (!saves)
			return false;
		if (s->n_saves)
			memcpy(saves, s->saves, s->n_saves * sizeof *saves);
		s->saves = saves;
		s->cap_saves = cap;
	}
	s->saves[s->n_saves++] = (struct lq_saved){name, s->cells[name]};
	return true;
}

bool
lq_bind(struct lq_machine *m, uint32_t name, lq_value v)
{
	struct lq_cell *cell = &m->scope->cells[name];
	if (!save(m, name))
		return false;
	if (!cell->saved)
		cell->saved = m->scope->n_saves;
	cell->v = v;
	cell->scoped = true;
	return true;
}

void
lq_assign(struct lq_machine *m, uint32_t name, lq_value v)
{
	struct lq_cell *cell = &m->scope->cells[name];
	if (cell->saved)
		cell = &m->scope->saves[cell->saved - 1].cell;
	cell->v = v;
	cell->scoped = true;
}

void
lq_restore(struct lq_machine *m, uint32_t saves)
{
	struct lq_scope *s = m->scope;
	while (s->n_saves > saves) {
		const struct lq_saved *saved = &s->saves[--s->n_saves];
		s->cells[saved->name] = saved->cell;
	}
}

/* Counters live between the data and the assigned variables: they hide the one and are
 * hidden by the other. increment prints, then adds; decrement
 * subtracts, then prints. */
void
lq_count(struct lq_machine *m, const struct lq_op *op, int64_t by)
{
	struct lq_scope *s = m->scope;
	struct lq_cell *cell = &s->cells[op->b];
	int64_t now = s->counters[op->a], next = now + by; /* steps end long before 2^63 */
	char text[LQ_FLOAT_SIZE];
	pr_buf_add(m->out, text, lq_int_text(by < 0 ? next : now, text));
	s->counters[op->a] = next;
	if (cell->saved)
		cell = &s->saves[cell->saved - 1].cell;
	if (!cell->scoped)
		cell->v = lq_int(next);
}

static uint32_t *
group_position(struct lq_machine *m, const lq_value *key)
{
	for (struct lq_group *g = m->scope->groups; g; g = g->next)
		if (lq_equal(&g->key, key))
			return &g->position;
	struct lq_group *g = lq_alloc(m, sizeof *g);
	if (!g)
		return NULL;
	*g = (struct lq_group){.next = m->scope->groups, .key = *key};
	m->scope->groups = g;
	return &g->position;
}

bool
lq_cycle(struct lq_machine *m, const struct lq_cycle *cycle, lq_value *v)
{
	uint32_t *position;
	lq_value key;
	if (cycle->slot != LQ_NONE) {
		position = &m->scope->cycles[cycle->slot];
	} else {
		if (!lq_evaluate(m, cycle->group, &key))
			return false;
		position = group_position(m, &key);
	}
	*v = lq_nil();
	if (!position)
		return false;
	if (*position < cycle->n && !lq_evaluate(m, m->t->list[cycle->first + *position], v))
		return false;
	*position = *position + 1 >= cycle->n ? 0 : *position + 1;
	return true;
}
