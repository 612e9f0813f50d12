/* What is told of a receiver, and of all. */
#include "internal.h"

#include "postrider/base/str.h"

#include <math.h>

static void
add_to_day(struct telling *t, double rows, int64_t day)
{
	struct pr_plan_line *l = t->line;
	bool other = !l->days_n || l->days[l->days_n - 1].day != day;
	if (other && l->days_n < PR_PLAN_DAYS_MAX) {
		if ((l->days_n & (l->days_n - 1)) == 0) /* at 0, 1, 2, 4 ... there is no room */
			l->days =
			    pr_realloc(l->days, (l->days_n ? 2 * l->days_n : 1) * sizeof *l->days);
		l->days[l->days_n++] = (struct pr_plan_day){.day = day};
		t->of_day = 0;
	}
	t->of_day += rows;
	l->days[l->days_n - 1].rows = (uint64_t)llround(t->of_day);
}

void
plan_tell_sent(struct telling *t, double rows, int64_t day, double from_ms, double until_ms)
{
	struct pr_plan_line *l = t->line;
	double half = t->rows / 2 - PLAN_LITTLE;
	if (rows <= 0)
		return;
	if (!l->begins_ms)
		l->begins_ms = (int64_t)from_ms;
	if (!l->half_ms && t->sent + rows >= half)
		l->half_ms =
		    (int64_t)(from_ms + (until_ms - from_ms) * fmax(0, half - t->sent) / rows);
	t->sent += rows;
	l->done_ms = (int64_t)ceil(until_ms);
	add_to_day(t, rows, day);
}

/* That held it up longest, if for more than a moment. */
static enum pr_plan_limit
longest(const struct telling *t)
{
	enum pr_plan_limit limit = PR_PLAN_NONE;
	for (enum pr_plan_limit i = 1; i < PR_PLAN_LIMITS; i++)
		if (t->held_ms[i] > t->held_ms[limit])
			limit = i;
	return limit;
}

void
plan_tell_finish(struct telling *t, bool over)
{
	struct pr_plan_line *l = t->line;
	l->rows = (uint64_t)llround(t->rows);
	l->sent = (uint64_t)llround(t->sent);
	if (over)
		l->cut = l->rows - l->sent;
	else
		l->left = l->rows - l->sent;
	l->limit = longest(t);
}
