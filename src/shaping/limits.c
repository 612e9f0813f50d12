/* The limits in force, for people: one a thing that is limited, the one that binds. */
#include "internal.h"

#include <stdio.h>

struct visit {
	void (*each)(void *context, const struct pr_shape_limit *limit);
	void *context;
};

static void
visit(const struct visit *v, const struct pr_shape_limit *l)
{
	v->each(v->context, l);
}

static void
visit_count(const struct visit *v, struct pr_shape_limit l, int64_t n)
{
	if (n == 0)
		return;
	snprintf(l.value, sizeof l.value, "%lld", (long long)n);
	visit(v, &l);
}

/* "10/m" as it is written; what a factor has made of it by the largest unit that says enough. */
static void
show_rate(struct pr_rate rate, char out[24])
{
	static const struct {
		int64_t period_ms;
		char word;
	} units[] = {{PR_SECOND_MS, 's'}, {PR_MINUTE_MS, 'm'}, {PR_HOUR_MS, 'h'}, {PR_DAY_MS, 'd'}};
	unsigned i = 0, exact = 0;
	while (exact < 4 && units[exact].period_ms != rate.period_ms)
		exact++;
	double per_ms = (double)rate.count / rate.period_ms;
	while (i < 3 && per_ms * (double)units[i].period_ms < 1)
		i++;
	if (exact < 4)
		snprintf(out, 24, "%u/%c", rate.count, units[exact].word);
	else
		snprintf(out, 24, "%.3g/%c", per_ms * (double)units[i].period_ms, units[i].word);
}

static void
visit_rate(const struct visit *v, struct pr_shape_limit l, struct pr_rate rate)
{
	if (rate.count == 0)
		return;
	show_rate(rate, l.value);
	visit(v, &l);
}

static void
visit_messages(const struct visit *v, struct pr_shape *s, int64_t now_ms)
{
	const struct setting *set = shape_setting(s, SET_MESSAGES, now_ms);
	unsigned n = pr_shape_messages(s, now_ms);
	struct pr_shape_limit l = {.name = "messages_per_connection",
	                           .who = s->policy->messages.who};
	if (set && set->n < s->policy->messages.n) {
		l.who = set->rule->who;
		l.lifts_ms = set->lifts_ms;
	}
	visit_count(v, l, n);
}

static void
visit_pace(const struct visit *v, struct pr_shape *s, enum kind kind, const char *name,
           int64_t now_ms)
{
	const struct setting *set = shape_setting(s, kind, now_ms);
	struct pr_rate_figure f = shape_rate(s, kind, now_ms);
	struct pr_shape_limit l = {.name = name, .who = f.who};
	if (set && f.who == set->rule->who)
		l.lifts_ms = set->lifts_ms;
	visit_rate(v, l, f.rate);
}

static void
visit_group(const struct visit *v, const struct pr_shape *s)
{
	const struct pr_shaping_policy *p = s->policy;
	const struct pr_quota *q = s->group ? &s->group->quota : NULL;
	if (!q)
		return;
	visit_count(v,
	            (struct pr_shape_limit){.name = "provider_connections",
	                                    .who = p->provider_connections.who},
	            p->provider_connections.n);
	visit_rate(v,
	           (struct pr_shape_limit){.name = "provider_message_rate",
	                                   .who = p->provider_message_rate.who},
	           p->provider_message_rate.rate);
	if (!q->limited)
		return;
	struct pr_shape_limit daily = {
	    .name = "daily", .who = q->today.who, .lifts_ms = q->today.ends_ms};
	snprintf(daily.value, sizeof daily.value, "%lld", (long long)q->today.n);
	visit(v, &daily);
}

void
pr_shape_limits(struct pr_shape *s, int64_t now_ms,
                void (*each)(void *context, const struct pr_shape_limit *limit), void *context)
{
	struct visit v = {each, context};
	unsigned n;
	struct pr_shape_limit l = shape_connections(s, now_ms, &n);
	visit_count(&v, l, n);
	visit_messages(&v, s, now_ms);
	visit_pace(&v, s, SET_MESSAGE_RATE, "message_rate", now_ms);
	visit_pace(&v, s, SET_CONNECTION_RATE, "connection_rate", now_ms);
	const struct setting *set = shape_setting(s, SET_SUSPEND, now_ms);
	if (set)
		visit(&v, &(struct pr_shape_limit){
			      .name = "suspend", .who = set->rule->who, .lifts_ms = set->lifts_ms});
	visit_group(&v, s);
}
