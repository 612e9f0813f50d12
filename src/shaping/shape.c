/*
 * A lane's shape: what may happen now, and what has happened.
 *
 * Each question looks at all limits and answers with the one that lasts longest; nothing is
 * debited until the caller says that it happened, so that a limit that refuses never costs
 * another one its turn. Answers are times, not timers: who asks earlier hears the same.
 *
 * Lanes of a provider share its connections. One that has been refused is the group's waiter: as
 * long as it keeps asking, lanes that have a connection already get no further one, so that a
 * lane with much to send cannot keep the others out.
 */
#include "internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#define WAITER_MS (5 * PR_SHAPE_POLL_MS) /* one that has not asked for so long has given up */
#define NEVER_MS (INT64_MIN / 2)

/* ---- coming and going ---- */

double
shape_start(const struct pr_shape *s)
{
	double start = (double)s->policy->start.n;
	return start < s->connections_max ? start : s->connections_max;
}

static void
set_policy(struct pr_shape *s, const struct pr_shaping_policy *policy, unsigned connections_max)
{
	unsigned max = (unsigned)policy->connections.n;
	PR_ASSERT(connections_max > 0);
	s->policy = policy;
	s->connections_max = connections_max < max ? connections_max : max;
}

/* Who comes later finds the group's pace as it is. */
static void
join(struct pr_shape *s, struct pr_shape_group *group)
{
	s->group = group;
	if (!group)
		return;
	group->connections += s->connections;
	if (group->messages.interval_us <= 0)
		pr_gcra_set(&group->messages, s->policy->provider_message_rate.rate);
	pr_gcra_save(&group->messages, 1);
}

static void
leave(struct pr_shape *s)
{
	if (!s->group)
		return;
	s->group->connections -= s->connections;
	if (s->group->waiter == s)
		s->group->waiter = NULL;
}

void
pr_shape_init(struct pr_shape *s, pr_shaping *shaping, const struct pr_shaping_policy *policy,
              struct pr_shape_group *group, unsigned connections_max)
{
	*s = (struct pr_shape){.shaping = pr_shaping_ref(shaping), .fell_ms = NEVER_MS};
	set_policy(s, policy, connections_max);
	s->limit = shape_start(s);
	join(s, group);
	shape_tune(s, 0);
}

void
pr_shape_finish(struct pr_shape *s)
{
	leave(s);
	free(s->trouble);
	pr_shaping_unref(s->shaping);
}

void
pr_shape_configure(struct pr_shape *s, pr_shaping *shaping, const struct pr_shaping_policy *policy,
                   struct pr_shape_group *group, unsigned connections_max, int64_t now_ms)
{
	pr_shaping *old = s->shaping;
	bool untouched = s->limit == shape_start(s);
	leave(s);
	s->shaping = pr_shaping_ref(shaping);
	set_policy(s, policy, connections_max);
	if (untouched || s->limit > s->connections_max)
		s->limit = untouched ? shape_start(s) : s->connections_max;
	join(s, group);
	if (group)
		pr_gcra_change(&group->messages, policy->provider_message_rate.rate, now_ms * 1000);
	shape_move_trouble(s);
	shape_tune(s, now_ms);
	pr_shaping_unref(old);
}

/* ---- limits ---- */

/* What a rule has slowed down saves nothing up. */
static void
tune(struct pr_shape *s, struct pr_gcra *g, enum kind kind, int64_t burst, int64_t now_ms)
{
	pr_gcra_change(g, shape_rate(s, kind, now_ms).rate, now_ms * 1000);
	pr_gcra_save(g, shape_setting(s, kind, now_ms) ? 1 : (unsigned)burst);
}

void
shape_tune(struct pr_shape *s, int64_t now_ms)
{
	tune(s, &s->messages, SET_MESSAGE_RATE, s->policy->burst.n, now_ms);
	tune(s, &s->connects, SET_CONNECTION_RATE, s->connections_max, now_ms);
}

struct pr_shape_limit
shape_connections(struct pr_shape *s, int64_t now_ms, unsigned *n)
{
	const struct setting *set = shape_setting(s, SET_CONNECTIONS, now_ms);
	bool by_route = s->connections_max < (unsigned)s->policy->connections.n;
	struct pr_shape_limit l = {.name = "connections",
	                           .who = by_route ? "route" : s->policy->connections.who};
	*n = s->connections_max;
	if (s->limit < *n) {
		*n = (unsigned)s->limit;
		l.who = "adaptive";
	}
	if (set && set->n < *n) {
		*n = set->n;
		l.who = set->rule->who;
		l.lifts_ms = set->lifts_ms;
	}
	return l;
}

unsigned
pr_shape_connections(struct pr_shape *s, int64_t now_ms)
{
	unsigned n;
	shape_connections(s, now_ms, &n);
	return shape_setting(s, SET_SUSPEND, now_ms) ? 0 : n;
}

unsigned
pr_shape_messages(struct pr_shape *s, int64_t now_ms)
{
	const struct setting *set = shape_setting(s, SET_MESSAGES, now_ms);
	unsigned n = (unsigned)s->policy->messages.n;
	return set && set->n < n ? set->n : n;
}

/* ---- questions ---- */

struct wait {
	int64_t until_ms; /* 0: none */
	struct pr_shape_why why;
};

static void
wait_for(struct wait *w, int64_t until_ms, const char *limit, const char *who)
{
	if (until_ms <= w->until_ms)
		return;
	*w = (struct wait){until_ms, {limit, who}};
}

static void
wait_for_pace(struct wait *w, const struct pr_gcra *g, int64_t now_ms, const char *limit,
              const char *who)
{
	double early = pr_gcra_early_us(g, now_ms * 1000);
	if (early > 0)
		wait_for(w, now_ms + (int64_t)ceil(early / 1000), limit, who);
}

static void
wait_while_suspended(struct wait *w, struct pr_shape *s, int64_t now_ms)
{
	const struct setting *set = shape_setting(s, SET_SUSPEND, now_ms);
	if (set)
		wait_for(w, set->lifts_ms, "suspend", set->rule->who);
}

/* Is the next connection of the group another lane's? */
static bool
must_give_way(const struct pr_shape *s, int64_t now_ms)
{
	const struct pr_shape_group *g = s->group;
	return g->waiter && g->waiter != s && s->connections > 0 &&
	       now_ms - g->waited_ms < WAITER_MS;
}

static void
wait_for_group(struct wait *w, struct pr_shape *s, int64_t now_ms)
{
	struct pr_shape_group *g = s->group;
	const struct pr_figure *max = &s->policy->provider_connections;
	if (!g || max->n == 0)
		return;
	bool full = g->connections >= (unsigned)max->n;
	if (full && (!g->waiter || g->waiter == s || now_ms - g->waited_ms >= WAITER_MS)) {
		g->waiter = s;
		g->waited_ms = now_ms;
	}
	if (full || must_give_way(s, now_ms))
		wait_for(w, now_ms + PR_SHAPE_POLL_MS, "provider_connections", max->who);
}

static int64_t
answer(const struct wait *w, struct pr_shape_why *why)
{
	if (w->until_ms)
		*why = w->why;
	return w->until_ms;
}

int64_t
pr_shape_may_connect(struct pr_shape *s, int64_t now_ms, struct pr_shape_why *why)
{
	struct wait w = {0};
	unsigned n;
	wait_while_suspended(&w, s, now_ms);
	struct pr_shape_limit l = shape_connections(s, now_ms, &n);
	if (s->connections >= n)
		wait_for(&w, l.lifts_ms ? l.lifts_ms : INT64_MAX, l.name, l.who);
	wait_for_pace(&w, &s->connects, now_ms, "connection_rate",
	              shape_rate(s, SET_CONNECTION_RATE, now_ms).who);
	if (!w.until_ms) /* who waits in the group can use what it gets */
		wait_for_group(&w, s, now_ms);
	return answer(&w, why);
}

static void
wait_for_quota(struct wait *w, const struct pr_shape_group *g, int64_t now_ms)
{
	int64_t again_ms = now_ms + PR_SHAPE_POLL_MS;
	if (pr_quota_room(&g->quota) > 0)
		return;
	if (pr_quota_left(&g->quota) == 0 && g->quota.today.ends_ms > again_ms)
		again_ms = g->quota.today.ends_ms;
	wait_for(w, again_ms, "daily", g->quota.today.who);
}

int64_t
pr_shape_may_send(struct pr_shape *s, int64_t now_ms, struct pr_shape_why *why)
{
	struct wait w = {0};
	wait_while_suspended(&w, s, now_ms);
	const char *who = shape_rate(s, SET_MESSAGE_RATE, now_ms).who;
	wait_for_pace(&w, &s->messages, now_ms, "message_rate", who);
	if (s->group) {
		wait_for_pace(&w, &s->group->messages, now_ms, "provider_message_rate",
		              s->policy->provider_message_rate.who);
		wait_for_quota(&w, s->group, now_ms);
	}
	return answer(&w, why);
}

static unsigned
room_of_pace(const struct pr_gcra *g, int64_t now_ms, int64_t until_ms)
{
	if (g->interval_us <= 0)
		return UINT_MAX;
	double since = (double)now_ms * 1000 - g->saved_us, until = (double)until_ms * 1000;
	double from = g->next_us > since ? g->next_us : since;
	double n = from > until ? 0 : floor((until - from) / g->interval_us) + 1;
	return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
pr_shape_room(struct pr_shape *s, int64_t now_ms, int64_t until_ms)
{
	if (shape_setting(s, SET_SUSPEND, now_ms))
		return 0;
	shape_setting(s, SET_MESSAGE_RATE, now_ms); /* one that has lifted is gone */
	unsigned n = room_of_pace(&s->messages, now_ms, until_ms);
	if (!s->group)
		return n;
	int64_t day = pr_quota_room(&s->group->quota);
	n = least(n, room_of_pace(&s->group->messages, now_ms, until_ms));
	return day < n ? (unsigned)day : n;
}

/* ---- what happened ---- */

void
pr_shape_connected(struct pr_shape *s, int64_t now_ms)
{
	pr_gcra_take(&s->connects, now_ms * 1000);
	s->connections++;
	if (!s->group)
		return;
	s->group->connections++;
	if (s->group->waiter == s)
		s->group->waiter = NULL;
}

void
pr_shape_closed(struct pr_shape *s)
{
	PR_ASSERT(s->connections > 0);
	s->connections--;
	if (s->group)
		s->group->connections--;
}

void
pr_shape_sent(struct pr_shape *s, int64_t now_ms)
{
	pr_gcra_take(&s->messages, now_ms * 1000);
	if (!s->group)
		return;
	pr_gcra_take(&s->group->messages, now_ms * 1000);
	pr_quota_take(&s->group->quota);
}
