/*
 * What rules have set on a lane, and for how long. Made when a rule first hears something: most
 * lanes never have any.
 */
#include "internal.h"

bool
rate_is_slower(struct pr_rate a, struct pr_rate b)
{
	return (double)a.count * b.period_ms < (double)b.count * a.period_ms;
}

static bool
is_rate(enum kind kind)
{
	return kind == SET_MESSAGE_RATE || kind == SET_CONNECTION_RATE;
}

const struct setting *
shape_setting(struct pr_shape *s, enum kind kind, int64_t now_ms)
{
	struct setting *set = s->trouble ? &s->trouble->set[kind] : NULL;
	if (!set || !set->rule)
		return NULL;
	if (now_ms < set->lifts_ms)
		return set;
	set->rule = NULL;
	if (is_rate(kind))
		shape_tune(s, now_ms);
	return NULL;
}

struct pr_rate_figure
shape_rate(struct pr_shape *s, enum kind kind, int64_t now_ms)
{
	const struct setting *set = shape_setting(s, kind, now_ms);
	struct pr_rate_figure own =
	    kind == SET_MESSAGE_RATE ? s->policy->message_rate : s->policy->connection_rate;
	if (set && rate_is_slower(set->rate, own.rate))
		return (struct pr_rate_figure){set->rate, set->rule->who};
	return own;
}

/* Less than 0: a is stricter. */
static int
compare(enum kind kind, const struct setting *a, const struct setting *b)
{
	if (is_rate(kind))
		return rate_is_slower(b->rate, a->rate) - rate_is_slower(a->rate, b->rate);
	return (a->n > b->n) - (a->n < b->n);
}

/* Half of half of half, by the replies that were under way when it was halved first? */
static bool
has_just_acted(const struct setting *old, const struct setting *wanted)
{
	const struct rule *r = wanted->rule;
	bool absolute =
	    r->action == ACTION_SUSPEND || r->to || r->rate.count || r->connection_rate.count;
	return old->rule == r && !absolute && wanted->set_ms - old->set_ms < PR_SHAPE_FALL_MS;
}

const struct setting *
shape_set(struct pr_shape *s, enum kind kind, const struct setting *wanted)
{
	struct setting *old = &s->trouble->set[kind];
	if (shape_setting(s, kind, wanted->set_ms)) {
		int stricter = compare(kind, wanted, old);
		if (stricter > 0 || has_just_acted(old, wanted))
			return NULL;
		if (stricter == 0 && wanted->lifts_ms < old->lifts_ms)
			return old;
	}
	*old = *wanted;
	if (is_rate(kind))
		shape_tune(s, wanted->set_ms);
	return old;
}

const struct rule *
shape_rule(const struct pr_shape *s, int64_t id)
{
	for (size_t i = 0; i < s->shaping->rules_n; i++) {
		const struct rule *r = &s->shaping->rules[i];
		if (r->id == id && (!r->policy || r->policy == s->policy))
			return r;
	}
	return NULL;
}

void
shape_move_trouble(struct pr_shape *s)
{
	struct pr_shape_trouble *t = s->trouble;
	for (int i = 0; t && i < KINDS; i++)
		if (t->set[i].rule)
			t->set[i].rule = shape_rule(s, t->set[i].rule->id);
	for (int i = 0; t && i < HEARD_MAX; i++)
		if (t->heard[i].rule)
			t->heard[i].rule = shape_rule(s, t->heard[i].rule->id);
}
