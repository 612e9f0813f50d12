/*
 * The steps.
 *
 *   gate shut -> to its next opening
 *   else      -> waves that are due become ready, a new day has new quotas,
 *                each site wants what its pace allows,
 *                groups share, then all share the campaign's rate, and that is sent
 *   nobody may -> to the next wave, day or change of the gate
 *
 * A step ends where something changes. The first after a pause is short, later ones grow, so that
 * a plan of weeks takes some thousand steps and one of seconds is exact.
 */
#include "internal.h"

#include "postrider/base/str.h"
#include "postrider/shaping/quota.h"

#include <math.h>
#include <stdlib.h>

#define STEP_MS 20.0
#define STEPS_AN_AGE 200.0 /* steps are so much of the time since the last pause */

struct site {
	const struct pr_plan_site *in;
	size_t wave;
	double ready;      /* of one */
	double since_ms;   /* of its first; < 0: none */
	double want, most; /* in this step, of one: most by its own pace */
	enum pr_plan_limit held;
};

struct group {
	const struct pr_shaping_policy *policy;
	struct want *rooms; /* of the day, a source each */
	enum pr_plan_limit day_limit;
	double ends_ms;     /* of the day */
	unsigned open;      /* sources with room */
	double pace, there; /* in this step: by its pace, and by the day as well */
	double sent;
};

struct sim {
	const struct pr_plan_input *in;
	double now_ms, paused_ms, next_ms; /* next_ms: when something changes */
	bool begun, over, late;
	double gate_until_ms;
	struct site *sites; /* with something left, by group */
	size_t n;
	struct group *groups;
	struct telling *tells, all;
	int64_t day; /* to tell of */
	double day_ends_ms;
};

static unsigned
group_of(const struct sim *s, const struct site *site)
{
	return s->in->receivers[site->in->receiver].group;
}

static void
changes_at(struct sim *s, double at_ms)
{
	if (at_ms < s->next_ms)
		s->next_ms = at_ms;
}

/* ---- time ---- */

static int64_t
day_of(const pr_zone *zone, int64_t utc_ms, double *ends_ms)
{
	int64_t local = utc_ms + pr_zone_offset_s(zone, utc_ms) * PR_SECOND_MS;
	int64_t day = local / PR_DAY_MS - (local % PR_DAY_MS < 0);
	struct pr_when midnight = {.set = true, .local_ms = (day + 1) * PR_DAY_MS};
	*ends_ms = (double)pr_when_utc_ms(&midnight, zone);
	return day;
}

/* Whether it may send; else it is later now, or over. */
static bool
pass_gate(struct sim *s)
{
	int64_t next;
	if (s->now_ms < s->gate_until_ms)
		return true;
	int64_t now = (int64_t)ceil(s->now_ms);
	enum pr_gate gate = pr_timetable_gate(s->in->timetable, s->begun, now, &next);
	if (gate == PR_GATE_LATE) {
		s->late = true;
		s->begun = true; /* as if it had been let go */
		gate = pr_timetable_gate(s->in->timetable, true, now, &next);
	}
	s->over = gate == PR_GATE_OVER;
	if (gate == PR_GATE_OPEN) {
		s->gate_until_ms = (double)next;
		return true;
	}
	s->now_ms = s->paused_ms = (double)next;
	return false;
}

static void
begin_group_day(struct sim *s, struct group *g)
{
	static const struct pr_shaping_policy none = {0};
	int64_t now = (int64_t)ceil(s->now_ms);
	g->day_limit = PR_PLAN_DAILY;
	for (size_t i = 0; i < s->in->sources_n; i++) {
		const struct pr_plan_source *source = &s->in->sources[i];
		struct pr_allowance a = pr_quota_today(g->policy ? g->policy : &none,
		                                       g->policy ? source->warm_up : NULL,
		                                       source->since, s->in->zone, now, now);
		bool warms = source->warm_up && a.who == source->warm_up->who;
		if (warms && a.n != INT64_MAX)
			g->day_limit = PR_PLAN_WARM_UP;
		g->rooms[i] = (struct want){a.n == INT64_MAX ? INFINITY : (double)a.n, 1};
		g->ends_ms = (double)a.ends_ms;
	}
}

static void
begin_days(struct sim *s)
{
	if (s->now_ms >= s->day_ends_ms)
		s->day = day_of(s->in->timetable->zone, (int64_t)ceil(s->now_ms), &s->day_ends_ms);
	changes_at(s, s->day_ends_ms);
	for (size_t i = 0; i < s->in->groups_n; i++) {
		struct group *g = &s->groups[i];
		if (s->now_ms >= g->ends_ms)
			begin_group_day(s, g);
		changes_at(s, g->ends_ms);
		g->sent = 0;
		g->open = 0;
		for (size_t k = 0; k < s->in->sources_n; k++)
			g->open += g->rooms[k].rows > PLAN_LITTLE;
	}
}

static void
take_waves(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct site *site = &s->sites[i];
		const struct pr_plan_wave *waves = site->in->waves;
		while (site->wave < site->in->waves_n &&
		       (double)waves[site->wave].from_ms <= s->now_ms)
			site->ready += (double)waves[site->wave++].rows;
		if (site->wave < site->in->waves_n)
			changes_at(s, (double)waves[site->wave].from_ms);
	}
}

/* ---- sharing ---- */

static void
want_site(struct sim *s, struct site *site, double ms)
{
	const struct group *g = &s->groups[group_of(s, site)];
	double for_ms = site->since_ms < 0 ? 0 : s->now_ms - site->since_ms;
	struct pace p = plan_pace_site(s->in, g->policy, for_ms);
	site->most = p.per_ms * g->open * ms;
	site->want = fmin(site->ready, site->most);
	site->held = site->want < site->ready ? p.limit : PR_PLAN_NONE;
	if (g->open == 0 && site->ready > 0)
		site->held = g->day_limit;
}

/* What n sites want is cut to what there is. */
static void
cut(struct site *sites, size_t n, struct want *room, double there, enum pr_plan_limit limit)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		room[i] = (struct want){sites[i].want, (double)sites[i].in->count};
		sum += room[i].rows * room[i].count;
	}
	if (sum <= there)
		return;
	double each = plan_share(room, n, there);
	for (size_t i = 0; i < n; i++) {
		if (sites[i].want > each)
			sites[i].held = limit;
		sites[i].want = fmin(sites[i].want, each);
	}
}

static void
share_group(struct sim *s, size_t first, size_t n, struct want *room, double ms)
{
	struct group *g = &s->groups[group_of(s, &s->sites[first])];
	struct pace p = plan_pace_group(s->in, g->policy);
	double there = 0;
	for (size_t k = 0; k < s->in->sources_n; k++)
		there += fmin(p.per_ms * ms, g->rooms[k].rows);
	g->pace = p.per_ms * ms * g->open;
	bool by_day = there < g->pace - PLAN_LITTLE;
	if (!isinf(there))
		cut(&s->sites[first], n, room, there, by_day ? g->day_limit : p.limit);
}

static void
share(struct sim *s, struct want *room, double ms)
{
	struct pace all = plan_pace_all(s->in);
	for (size_t i = 0; i < s->n; i++)
		want_site(s, &s->sites[i], ms);
	for (size_t first = 0, n; first < s->n; first += n) {
		unsigned group = group_of(s, &s->sites[first]);
		for (n = 1; first + n < s->n && group_of(s, &s->sites[first + n]) == group; n++)
			;
		share_group(s, first, n, room, ms);
	}
	cut(s->sites, s->n, room, all.per_ms * ms, all.limit);
}

/* ---- sending ---- */

/* The day's rooms of a group's sources are less. */
static void
use_rooms(struct sim *s)
{
	for (size_t i = 0; i < s->in->groups_n; i++) {
		struct group *g = &s->groups[i];
		double each = plan_share(g->rooms, s->in->sources_n, g->sent);
		for (size_t k = 0; k < s->in->sources_n; k++)
			g->rooms[k].rows -= fmin(g->rooms[k].rows, each);
	}
}

static double
sum_of(struct sim *s)
{
	double sum = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct site *site = &s->sites[i];
		double rows = site->want * (double)site->in->count;
		s->groups[group_of(s, site)].sent += rows;
		sum += rows;
	}
	return sum;
}

/* What part of a step it took: all of it where something held it up. */
static double
part_of(const struct sim *s, const struct site *site, double of_all)
{
	const struct group *g = &s->groups[group_of(s, site)];
	double part = fmax(of_all, site->want / site->most);
	if (!isinf(g->pace))
		part = fmax(part, g->sent / g->pace);
	return fmin(1, part);
}

static double
send(struct sim *s, double ms)
{
	double sum = sum_of(s), last = 0;
	double of_all = sum / (plan_pace_all(s->in).per_ms * ms);
	for (size_t i = 0; i < s->n; i++) {
		struct site *site = &s->sites[i];
		struct telling *t = &s->tells[site->in->receiver];
		if (site->ready > 0) /* else it waits for a wave: nothing holds that up */
			t->held_ms[site->held] += ms;
		if (site->want <= 0)
			continue;
		double until = s->now_ms + ms * part_of(s, site, of_all);
		plan_tell_sent(t, site->want * (double)site->in->count, s->day, s->now_ms, until);
		last = fmax(last, until);
		if (site->since_ms < 0)
			site->since_ms = s->now_ms;
		site->ready = site->ready - site->want > PLAN_LITTLE ? site->ready - site->want : 0;
	}
	plan_tell_sent(&s->all, sum, s->day, s->now_ms, last);
	use_rooms(s);
	return sum;
}

/* Those that have all behind them leave. */
static void
leave(struct sim *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->sites[i].ready > 0 || s->sites[i].wave < s->sites[i].in->waves_n)
			s->sites[kept++] = s->sites[i];
	s->n = kept;
}

static void
step(struct sim *s, struct want *room)
{
	if (!pass_gate(s))
		return;
	s->next_ms = s->gate_until_ms;
	take_waves(s);
	begin_days(s);
	double ms = fmax(STEP_MS, (s->now_ms - s->paused_ms) / STEPS_AN_AGE);
	ms = fmin(ms, s->next_ms - s->now_ms);
	share(s, room, ms);
	if (send(s, ms) > 0) {
		s->begun = true;
		s->now_ms += ms;
	} else {
		for (size_t i = 0; i < s->n; i++)
			if (s->sites[i].ready > 0)
				s->tells[s->sites[i].in->receiver].held_ms[s->sites[i].held] +=
				    s->next_ms - s->now_ms - ms;
		s->now_ms = s->paused_ms = s->next_ms;
	}
	leave(s);
}

/* ---- all of it ---- */

static int
by_group(const void *a, const void *b, void *context)
{
	unsigned x = group_of(context, a), y = group_of(context, b);
	return x < y ? -1 : x > y;
}

static void
begin(struct sim *s, struct pr_plan *out)
{
	const struct pr_plan_input *in = s->in;
	s->sites = pr_calloc(in->sites_n + 1, sizeof *s->sites);
	s->groups = pr_calloc(in->groups_n + 1, sizeof *s->groups);
	s->tells = pr_calloc(in->receivers_n + 1, sizeof *s->tells);
	for (size_t i = 0; i < in->groups_n; i++) {
		s->groups[i].policy = in->groups[i].policy;
		s->groups[i].rooms = pr_calloc(in->sources_n, sizeof *s->groups[i].rooms);
	}
	for (size_t i = 0; i < in->receivers_n; i++)
		s->tells[i].line = &out->receivers[i];
	s->all.line = &out->all;
	for (size_t i = 0; i < in->sites_n; i++) {
		const struct pr_plan_site *site = &in->sites[i];
		s->sites[s->n++] = (struct site){.in = site, .since_ms = -1};
		for (size_t k = 0; k < site->waves_n; k++) {
			double rows = (double)site->waves[k].rows * (double)site->count;
			s->tells[site->receiver].rows += rows;
			s->all.rows += rows;
		}
	}
	qsort_r(s->sites, s->n, sizeof *s->sites, by_group, s);
	s->now_ms = s->paused_ms = (double)in->now_ms;
}

static void
finish(struct sim *s, struct pr_plan *out)
{
	for (size_t i = 0; i < s->in->receivers_n; i++)
		plan_tell_finish(&s->tells[i], s->over);
	plan_tell_finish(&s->all, s->over);
	const struct pr_plan_line *last = NULL; /* whoever is done last holds up all */
	for (size_t i = 0; i < s->in->receivers_n; i++) {
		const struct pr_plan_line *l = &out->receivers[i];
		if (!last || l->cut + l->left > last->cut + last->left ||
		    (l->cut + l->left == last->cut + last->left && l->done_ms > last->done_ms))
			last = l;
	}
	out->all.limit = last ? last->limit : PR_PLAN_NONE;
	out->late = s->late;
	for (size_t i = 0; i < s->in->groups_n; i++)
		free(s->groups[i].rooms);
	free(s->groups);
	free(s->tells);
	free(s->sites);
}

void
pr_plan_make(const struct pr_plan_input *in, struct pr_plan *out)
{
	struct sim s = {.in = in};
	*out = (struct pr_plan){.receivers = pr_calloc(in->receivers_n + 1, sizeof *out->receivers),
	                        .receivers_n = in->receivers_n};
	begin(&s, out);
	struct want *room = pr_calloc(s.n + 1, sizeof *room);
	leave(&s);
	while (s.n && !s.over && s.now_ms - (double)in->now_ms < (double)PR_PLAN_HORIZON_MS)
		step(&s, room);
	free(room);
	finish(&s, out);
}

void
pr_plan_finish(struct pr_plan *p)
{
	for (size_t i = 0; i < p->receivers_n; i++)
		free(p->receivers[i].days);
	free(p->receivers);
	free(p->all.days);
}
