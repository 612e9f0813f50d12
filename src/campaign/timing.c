/*
 * When somebody may get something. Three clocks have their say: window and deadline by that of
 * the campaign (the recipient's, where the schedule goes by it), quiet hours and holidays by the
 * recipient's. An opening is looked for from edge to edge: whatever shuts says when it may end,
 * until nothing shuts; then whatever comes first ends it. Nothing here can fail.
 */
#include "postrider/campaign/timing.h"

/* Edges to pass before "never": a window of an hour a week beside a year of holidays. */
#define STEPS_MAX 800

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
local_day(const pr_zone *z, int64_t utc_ms)
{
	return floor_div(pr_local_ms(z, utc_ms), PR_DAY_MS);
}

/* When the wall clock of z comes to this day and minute for the first time. */
static int64_t
day_time(const pr_zone *z, int64_t day, int minute)
{
	return pr_local_to_utc_ms(z, day * PR_DAY_MS + minute * PR_MINUTE_MS);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what shuts ---- */

/* utc_ms, where nothing shuts then; else a later instant before which something does. */
static int64_t
pass_shut(const struct pr_schedule *s, const struct pr_window *quiet, const struct pr_place *p,
          int64_t utc_ms)
{
	if (!pr_window_open(&s->window, p->campaign, utc_ms))
		return pr_window_next_change(&s->window, p->campaign, utc_ms);
	if (quiet->n && pr_window_open(quiet, p->person, utc_ms))
		return pr_window_next_change(quiet, p->person, utc_ms);
	if (!p->holidays)
		return utc_ms;
	int64_t day = local_day(p->person, utc_ms);
	if (!pr_days_has(p->holidays, day))
		return utc_ms;
	int64_t next = day_time(p->person, day + 1, 0);
	return next > utc_ms ? next : utc_ms + PR_MINUTE_MS; /* midnight came twice */
}

/* When an opening that lasts at utc_ms ends. */
static int64_t
end_of(const struct pr_schedule *s, const struct pr_window *quiet, const struct pr_place *p,
       int64_t utc_ms)
{
	int64_t end = pr_window_next_change(&s->window, p->campaign, utc_ms);
	if (quiet->n)
		end = earlier(end, pr_window_next_change(quiet, p->person, utc_ms));
	if (!p->holidays)
		return end;
	int64_t day = pr_days_next(p->holidays, local_day(p->person, utc_ms));
	return day == INT64_MAX ? end : earlier(end, day_time(p->person, day, 0));
}

int64_t
pr_place_deadline_ms(const struct pr_schedule *s, const struct pr_place *place)
{
	return s->deadline.set ? pr_when_utc_ms(&s->deadline, place->campaign) : PR_NEVER_MS;
}

struct pr_opening
pr_place_opening(const struct pr_schedule *s, const struct pr_window *quiet,
                 const struct pr_place *place, int64_t utc_ms)
{
	static const struct pr_opening never = {PR_NEVER_MS, PR_NEVER_MS};
	int64_t deadline = pr_place_deadline_ms(s, place), at = utc_ms;
	for (unsigned i = 0; i < STEPS_MAX && at < deadline; i++) {
		int64_t next = pass_shut(s, quiet, place, at);
		if (next == at)
			return (struct pr_opening){at,
			                           earlier(deadline, end_of(s, quiet, place, at))};
		at = next;
	}
	return never;
}

/* ---- where it begins ---- */

/* The first instant from utc_ms on at which the clock of z shows the minute. */
static int64_t
next_minute(const pr_zone *z, int minute, int64_t utc_ms)
{
	int64_t day = local_day(z, utc_ms), at;
	while ((at = day_time(z, day, minute)) < utc_ms)
		day++;
	return at;
}

int64_t
pr_place_start_ms(const struct pr_schedule *s, const struct pr_place *place, int minute,
                  int64_t accepted_ms)
{
	int64_t start = s->start.set ? pr_when_utc_ms(&s->start, place->campaign) : accepted_ms;
	bool passed = s->by_recipient && start + PR_PASSED_GRACE_MS <= accepted_ms;
	if (passed && s->passed == PR_PASSED_SKIP)
		return PR_NEVER_MS;
	if (passed && s->passed == PR_PASSED_NOW)
		return accepted_ms;
	if (s->best_hour)
		return next_minute(place->person, minute,
		                   start > accepted_ms ? start : accepted_ms);
	if (!passed || s->start.fixed) /* an instant has no next day */
		return start;
	int64_t in_day = s->start.local_ms % PR_DAY_MS; /* years 2000 to 2099: not negative */
	int64_t day = local_day(place->campaign, accepted_ms), at;
	while ((at = pr_local_to_utc_ms(place->campaign, day * PR_DAY_MS + in_day)) < accepted_ms)
		day++;
	return at;
}

const struct pr_window *
pr_quiet_of(const struct pr_manifest *m, const struct pr_config *config)
{
	static const struct pr_window none = {0};
	if (m->schedule.quiet.set)
		return &m->schedule.quiet.window;
	return m->class_ == PR_MARKETING ? &config->quiet.window : &none;
}
