/*
 * Windows and schedules: may a campaign send now, and when does that change?
 *
 * A window is a set of minutes of the local week. Whether it is open follows from the wall
 * clock alone; the next change is looked for from edge to edge, stopping at each shift of
 * the zone's offset on the way. Nothing here can fail once a schedule has been read.
 */
#include "postrider/campaign/schedule.h"

#include "postrider/base/clock.h"

#define WEEK_MS (7 * PR_DAY_MS)
#define EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday; Monday is 0 */
#define STEPS_MAX 32    /* edges and shifts to pass before "never"; one or two are usual */

/* Milliseconds since Monday 00:00 on the wall clock. */
static int64_t
week_position(const pr_zone *z, int64_t utc_ms)
{
	int64_t local = utc_ms + pr_zone_offset_s(z, utc_ms) * 1000 + EPOCH_WEEKDAY * PR_DAY_MS;
	int64_t position = local % WEEK_MS;
	return position < 0 ? position + WEEK_MS : position;
}

bool
pr_window_open(const struct pr_window *w, const pr_zone *z, int64_t utc_ms)
{
	if (w->n == 0)
		return true;
	int64_t minute = week_position(z, utc_ms) / PR_MINUTE_MS;
	for (unsigned i = 0; i < w->n; i++)
		if (minute >= w->spans[i].from && minute < w->spans[i].to)
			return true;
	return false;
}

/* From position to the next edge after it, going round the week. */
static int64_t
until_edge(const struct pr_window *w, int64_t position)
{
	int64_t least = WEEK_MS;
	for (unsigned i = 0; i < 2 * w->n; i++) {
		unsigned minute = i % 2 ? w->spans[i / 2].to : w->spans[i / 2].from;
		int64_t d = (minute * PR_MINUTE_MS - position + WEEK_MS) % WEEK_MS;
		if (d > 0 && d < least)
			least = d;
	}
	return least;
}

/* The first instant in (from, to] with another offset than at `from`, else `to`. The offset
 * changes on whole seconds, at most once within a week. */
static int64_t
until_shift(const pr_zone *z, int64_t from, int64_t to)
{
	int64_t offset = pr_zone_offset_s(z, from);
	if (pr_zone_offset_s(z, to) == offset)
		return to;
	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;
		if (pr_zone_offset_s(z, middle) == offset)
			from = middle;
		else
			to = middle;
	}
	return to;
}

int64_t
pr_window_next_change(const struct pr_window *w, const pr_zone *z, int64_t utc_ms)
{
	bool now = pr_window_open(w, z, utc_ms);
	int64_t t = utc_ms;
	for (unsigned i = 0; w->n && i < STEPS_MAX; i++) {
		t = until_shift(z, t, t + until_edge(w, week_position(z, t)));
		if (pr_window_open(w, z, t) != now)
			return t;
	}
	return INT64_MAX;
}

int
pr_timetable_init(const struct pr_schedule *s, const char *timezone_default,
                  struct pr_timetable *out, struct pr_error *e)
{
	struct pr_timetable t = {
	    .deadline_ms = INT64_MAX, .late_ms = s->late_ms, .window = s->window};
	const char *name = s->by_recipient ? s->fallback_timezone : s->timezone;
	int r = pr_zone_open(name ? name : timezone_default, &t.zone, e);
	if (r < 0)
		return r;
	if (s->start.set) {
		t.start_ms = pr_when_utc_ms(&s->start, t.zone);
		t.begin_ms = t.start_ms;
		if (!pr_window_open(&t.window, t.zone, t.start_ms))
			t.begin_ms = pr_window_next_change(&t.window, t.zone, t.start_ms);
	}
	if (s->deadline.set)
		t.deadline_ms = pr_when_utc_ms(&s->deadline, t.zone);
	*out = t;
	return 0;
}

int64_t
pr_timetable_first_ms(const struct pr_timetable *t, const struct pr_schedule *s)
{
	bool everywhere = s->by_recipient && s->start.set && !s->start.fixed;
	return everywhere ? s->start.local_ms - PR_ZONE_EASTMOST_MS : t->start_ms;
}

void
pr_timetable_finish(struct pr_timetable *t)
{
	pr_zone_unref(t->zone);
	t->zone = NULL;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum pr_gate
pr_timetable_gate(const struct pr_timetable *t, bool begun, int64_t utc_ms, int64_t *next_ms)
{
	*next_ms = INT64_MAX;
	if (utc_ms >= t->deadline_ms)
		return PR_GATE_OVER;
	*next_ms = t->deadline_ms;
	if (utc_ms < t->start_ms) {
		*next_ms = earlier(*next_ms, t->start_ms);
		return PR_GATE_EARLY;
	}
	bool may_be_late = !begun && t->start_ms && t->begin_ms < INT64_MAX - t->late_ms;
	if (may_be_late && utc_ms - t->begin_ms > t->late_ms)
		return PR_GATE_LATE;
	if (may_be_late)
		*next_ms = earlier(*next_ms, t->begin_ms + t->late_ms + 1);
	*next_ms = earlier(*next_ms, pr_window_next_change(&t->window, t->zone, utc_ms));
	return pr_window_open(&t->window, t->zone, utc_ms) ? PR_GATE_OPEN : PR_GATE_SHUT;
}
