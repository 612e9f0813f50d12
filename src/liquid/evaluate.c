/*
 * Expressions at run time. A path that leads nowhere is nil, never an error; what can
 * fail is a range with a bound that is no number, a comparison of things that cannot
 * be compared, a filter.
 */
#include "machine.h"
#include "number.h"

static bool follow(struct lq_machine *m, const struct lq_expr *e, lq_value *v);
static bool make_range(struct lq_machine *m, const struct lq_expr *e, lq_value *v);

/* Most expressions are a variable or a constant: those without a call. */
static inline bool
evaluate(struct lq_machine *m, uint32_t expr, lq_value *v)
{
	const struct lq_expr *e = &m->t->exprs[expr];
	switch ((enum lq_expr_kind)e->kind) {
	case LQ_CONST: *v = e->value; return true;
	case LQ_CELL: *v = m->scope->cells[e->name].v; return true;
	case LQ_PATH: return follow(m, e, v);
	default: return make_range(m, e, v);
	}
}

lq_value
lq_cell_value(struct lq_machine *m, uint32_t name)
{
	const struct lq_cell *cell = &m->scope->cells[name];
	if (name == m->t->self && !cell->scoped && cell->v.type == PR_LIQUID_NIL)
		return lq_object(LQ_SELF, m->scope);
	return cell->v;
}

lq_value
lq_variable(struct lq_machine *m, struct pr_str name)
{
	uint32_t i = lq_name_find(m->t, name);
	return i == LQ_NONE ? lq_nil() : lq_cell_value(m, i);
}

/* self.name: in the scope that self was taken from. */
static lq_value
variable_of(struct lq_machine *m, const lq_value *self, struct pr_str name)
{
	struct lq_scope *here = m->scope;
	m->scope = (struct lq_scope *)(void *)(uintptr_t)(const void *)self->items;
	lq_value v = lq_variable(m, name);
	m->scope = here;
	return v;
}

/* size, first and last of what has them. */
static bool
command(struct lq_machine *m, const lq_value *object, enum lq_word word, lq_value *v)
{
	bool list = object->type == PR_LIQUID_ARRAY || object->type == LQ_RANGE;
	uint64_t n = list || object->type == PR_LIQUID_HASH ? lq_count_elements(object) : 0;
	if (word == LQ_WORD_SIZE && object->type == PR_LIQUID_STRING)
		*v = lq_int((int64_t)lq_utf8_length(lq_str(object)));
	else if (object->type == PR_LIQUID_STRING)
		return lq_end_of(m, object, word == LQ_WORD_LAST, v);
	else if (word == LQ_WORD_SIZE && object->type == PR_LIQUID_INT)
		*v = lq_int(8);
	else if (word == LQ_WORD_SIZE && (list || object->type == PR_LIQUID_HASH))
		*v = lq_int((int64_t)n);
	else if (word == LQ_WORD_FIRST && n)
		lq_element(m, object, 0, v);
	else if (word == LQ_WORD_LAST && n && list)
		lq_element(m, object, n - 1, v);
	else
		return false;
	return true;
}

static bool
index_of(const lq_value *array, int64_t i, lq_value *v)
{
	if (i < 0)
		i += array->n;
	if (i < 0 || i >= array->n)
		return false;
	*v = array->items[i];
	return true;
}

/* One step of a path by name. */
static lq_value
named_member(struct lq_machine *m, const lq_value *object, const struct lq_segment *s)
{
	const lq_value *found;
	lq_value v = lq_nil();
	switch (object->type) {
	case PR_LIQUID_HASH:
		found = lq_hash_get(object, s->name);
		if (found)
			return *found;
		break;
	case LQ_FORLOOP:
	case LQ_TABLEROW: return lq_loop_member(object, (enum lq_word)s->word);
	case LQ_SELF: return variable_of(m, object, s->name);
	default: break;
	}
	if (s->word)
		command(m, object, (enum lq_word)s->word, &v);
	return v;
}

/* One step of a path by [key]. */
static lq_value
keyed_member(struct lq_machine *m, const lq_value *object, const lq_value *key)
{
	lq_value v = lq_nil();
	if (object->type == PR_LIQUID_ARRAY && key->type == PR_LIQUID_INT)
		index_of(object, key->i, &v);
	if (key->type == PR_LIQUID_STRING && object->type != PR_LIQUID_ARRAY)
		return lq_member(m, object, lq_str(key));
	return v;
}

lq_value
lq_member(struct lq_machine *m, const lq_value *object, struct pr_str key)
{
	const lq_value *found;
	switch (object->type) {
	case PR_LIQUID_HASH: found = lq_hash_get(object, key); return found ? *found : lq_nil();
	case LQ_SELF: return variable_of(m, object, key);
	case LQ_FORLOOP:
	case LQ_TABLEROW: return lq_loop_member(object, lq_word_find(key));
	default: return lq_nil();
	}
}

static bool
follow(struct lq_machine *m, const struct lq_expr *e, lq_value *v)
{
	lq_value key;
	if (e->name != LQ_NONE) {
		*v = lq_cell_value(m, e->name);
	} else {
		if (!lq_evaluate(m, e->root, &key))
			return false;
		*v = key.type == PR_LIQUID_STRING ? lq_variable(m, lq_str(&key)) : lq_nil();
	}
	for (uint32_t i = 0; i < e->n && v->type != PR_LIQUID_NIL; i++) {
		const struct lq_segment *s = &m->t->segments[e->first + i];
		if (s->expr == LQ_NONE) {
			*v = named_member(m, v, s);
			continue;
		}
		if (!lq_evaluate(m, s->expr, &key))
			return false;
		*v = keyed_member(m, v, &key);
	}
	return true;
}

/* A bound of a range: floats only where both are written as numbers, as in Ruby. */
static bool
bound(struct lq_machine *m, uint32_t expr, bool constant, int64_t *i)
{
	lq_value v;
	if (!lq_evaluate(m, expr, &v))
		return false;
	if (v.type == PR_LIQUID_FLOAT && !constant)
		return lq_raise(m, "invalid integer");
	return lq_to_i(&v, i) || lq_raise(m, "invalid integer");
}

static bool
make_range(struct lq_machine *m, const struct lq_expr *e, lq_value *v)
{
	const struct lq_expr *exprs = m->t->exprs;
	bool constant = exprs[e->first].kind == LQ_CONST && exprs[e->n].kind == LQ_CONST;
	int64_t first, last;
	if (!bound(m, e->first, constant, &first) || !bound(m, e->n, constant, &last))
		return false;
	lq_value *ends = lq_alloc(m, 2 * sizeof *ends);
	if (!ends)
		return false;
	ends[0] = lq_int(first);
	ends[1] = lq_int(last);
	*v = lq_object(LQ_RANGE, ends);
	return true;
}

bool
lq_evaluate(struct lq_machine *m, uint32_t expr, lq_value *v)
{
	return evaluate(m, expr, v);
}

/* As constant_arguments() of the parser lays them out. */
static bool
evaluate_arguments(struct lq_machine *m, const struct lq_filter_call *call, lq_value *args)
{
	const uint32_t *list = m->t->list;
	lq_value *pairs;
	for (uint32_t i = 0; i < call->n; i++)
		if (!evaluate(m, list[call->args + i], &args[i]))
			return false;
	if (!call->nkeywords)
		return true;
	if (!(pairs = lq_alloc(m, call->nkeywords * sizeof *pairs)))
		return false;
	for (uint32_t i = 0; i < call->nkeywords; i++)
		if (!evaluate(m, list[call->keywords + i], &pairs[i]))
			return false;
	args[call->n] = (lq_value){.type = PR_LIQUID_HASH, .n = call->nkeywords / 2};
	args[call->n].items = pairs;
	return true;
}

static bool
wrong_number(struct lq_machine *m, const struct lq_filter *filter, unsigned given)
{
	unsigned min = filter->min + 1u, max = filter->max + 1u;
	if (min == max)
		return lq_raise(m, "wrong number of arguments (given %u, expected %u)", given + 1,
		                min);
	return lq_raise(m, "wrong number of arguments (given %u, expected %u..%u)", given + 1, min,
	                max);
}

static bool
call_filter(struct lq_machine *m, const struct lq_filter_call *call, lq_value *v,
            const lq_value *args)
{
	unsigned n = call->n + (call->nkeywords > 0);
	if (n < call->filter->min || n > call->filter->max)
		return wrong_number(m, call->filter, n);
	return call->filter->run(m, v, args, n);
}

static __attribute__((noinline)) bool
evaluate_and_call(struct lq_machine *m, const struct lq_filter_call *call, lq_value *v)
{
	lq_value args[LQ_ARGS_MAX + 1];
	return evaluate_arguments(m, call, args) && call_filter(m, call, v, args);
}

static inline bool
apply(struct lq_machine *m, const struct lq_filter_call *call, lq_value *v)
{
	if (!call->filter)
		return true;
	if (call->constants)
		return call_filter(m, call, v, call->constants);
	return evaluate_and_call(m, call, v);
}

bool
lq_evaluate_pipe(struct lq_machine *m, const struct lq_pipe *pipe, lq_value *v)
{
	if (!evaluate(m, pipe->expr, v))
		return false;
	for (uint32_t i = 0; i < pipe->n; i++)
		if (!lq_spend(m, 1) || !lq_weigh(m, v) ||
		    !apply(m, &m->t->calls[pipe->first + i], v))
			return false;
	return true;
}

static bool
orders(const lq_value *v)
{
	return lq_is_number(v) || v->type == PR_LIQUID_STRING;
}

static bool
compare(struct lq_machine *m, const struct lq_condition *c, const lq_value *a, const lq_value *b,
        bool *truth)
{
	int order;
	*truth = false;
	if (!orders(a) || !orders(b))
		return true;
	if (lq_is_number(a) != lq_is_number(b)) {
		struct pr_str shown;
		if (lq_is_number(a) || !lq_text(m, b, &shown))
			return lq_raise(m, "comparison of %s with %s failed", lq_class_name(a),
			                lq_class_name(b));
		return lq_raise(m, "comparison of %s with %.*s failed", lq_class_name(a),
		                (int)shown.n, shown.p);
	}
	if (!lq_order(a, b, &order))
		return true;
	*truth = c->operator== LQ_LT   ? order < 0
	         : c->operator== LQ_GT ? order > 0
	         : c->operator== LQ_LE ? order <= 0
	                               : order >= 0;
	return true;
}

static bool
contains(struct lq_machine *m, const lq_value *a, const lq_value *b, bool *truth)
{
	struct pr_str text;
	*truth = false;
	if (!lq_truthy(a) || !lq_truthy(b))
		return true;
	if (a->type == PR_LIQUID_STRING) {
		if (!lq_text(m, b, &text))
			return false;
		*truth = text.n == 0 || memmem(a->s, a->n, text.p, text.n) != NULL;
	} else if (a->type == PR_LIQUID_HASH) {
		*truth = b->type == PR_LIQUID_STRING && lq_hash_get(a, lq_str(b));
	} else if (a->type == LQ_RANGE && b->type == PR_LIQUID_INT) {
		*truth = b->i >= a->items[0].i && b->i <= a->items[1].i;
	} else if (a->type == PR_LIQUID_ARRAY) {
		for (uint32_t i = 0; i < a->n && !*truth; i++)
			*truth = lq_equal(&a->items[i], b);
	}
	return true;
}

static bool
test_one(struct lq_machine *m, const struct lq_condition *c, bool *truth)
{
	lq_value a, b;
	if (!evaluate(m, c->left, &a))
		return false;
	if (c->operator== LQ_TRUTH) {
		*truth = lq_truthy(&a);
		return true;
	}
	if (!evaluate(m, c->right, &b) || !lq_weigh(m, &a))
		return false;
	switch ((enum lq_operator)c->operator) {
	case LQ_EQ:
	case LQ_NE: *truth = lq_equal(&a, &b) == (c->operator== LQ_EQ); return true;
	case LQ_CONTAINS: return contains(m, &a, &b, truth);
	case LQ_UNKNOWN_OPERATOR:
		return lq_raise(m, "Unknown operator %.*s", (int)c->word.n, c->word.p);
	default: return compare(m, c, &a, &b, truth);
	}
}

bool
lq_test(struct lq_machine *m, uint32_t condition, bool *truth)
{
	const struct lq_condition *c = &m->t->conditions[condition];
	for (;; c++) {
		if (!test_one(m, c, truth))
			return false;
		if (c->relation == LQ_LAST || *truth == (c->relation == LQ_OR))
			return true;
	}
}
