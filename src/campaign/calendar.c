/* Days, weeks and months of a wall clock: counted in local time, turned to UTC at their ends. */
#include "postrider/campaign/schedule.h"

#include "postrider/base/clock.h"

#include <time.h>

static int64_t
to_utc(const pr_zone *z, int64_t local_ms)
{
	struct pr_when when = {.set = true, .local_ms = local_ms};
	return pr_when_utc_ms(&when, z);
}

/* The first of the month that is `months` later than that of the day. */
static int64_t
first_of_month(int64_t day_ms, int months)
{
	time_t s = (time_t)(day_ms / 1000);
	struct tm tm = {0};
	gmtime_r(&s, &tm);
	tm.tm_mday = 1;
	tm.tm_mon += months;
	return (int64_t)timegm(&tm) * 1000;
}

void
pr_calendar_at(const pr_zone *z, int64_t utc_ms, struct pr_calendar *out)
{
	int64_t local = utc_ms + pr_zone_offset_s(z, utc_ms) * 1000;
	int64_t day = local - (local % PR_DAY_MS + PR_DAY_MS) % PR_DAY_MS;
	int64_t weekday = ((day / PR_DAY_MS + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	int64_t monday = day - weekday * PR_DAY_MS;
	out->since_ms[PR_CALENDAR_DAY] = to_utc(z, day);
	out->until_ms[PR_CALENDAR_DAY] = to_utc(z, day + PR_DAY_MS);
	out->since_ms[PR_CALENDAR_WEEK] = to_utc(z, monday);
	out->until_ms[PR_CALENDAR_WEEK] = to_utc(z, monday + 7 * PR_DAY_MS);
	out->since_ms[PR_CALENDAR_MONTH] = to_utc(z, first_of_month(day, 0));
	out->until_ms[PR_CALENDAR_MONTH] = to_utc(z, first_of_month(day, 1));
}
