/*
 * Time zones, and points in time as people write them.
 *
 * GLib reads the tz database; what it does with local times that do not exist, or exist
 * twice, is not left to it: pr_local_to_utc_ms asks for the offsets a day before and a day after
 * and tries both, the earlier first (RFC 5545 section 3.3.5). A zone is a GTimeZone under
 * another name: counted references, shared by threads.
 */
#include "postrider/base/clock.h"
#include "postrider/campaign/schedule.h"

#include <glib.h>
#include <stdio.h>

#define NAME_MAX_ 64

static GTimeZone *
glib(const pr_zone *z)
{
	return (GTimeZone *)z; /* its functions take it without const, and leave it alone */
}

/* Only what can be a name of the tz database: GLib joins it to a path. */
static bool
name_is_plain(struct pr_str name)
{
	if (name.n == 0 || name.n > NAME_MAX_)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = pr_lower(c) >= 'a' && pr_lower(c) <= 'z';
		if (i == 0 && !letter)
			return false;
		if (!letter && !pr_is_digit(c) && !strchr("_-+/", c))
			return false;
	}
	return !pr_str_ends(name, "/");
}

int
pr_zone_open(const char *name, pr_zone **out, struct pr_error *e)
{
	char shown[80];
	GTimeZone *z = name_is_plain(pr_str(name)) ? g_time_zone_new_identifier(name) : NULL;
	if (!z)
		return pr_fail(e, PR_EINVAL, "no such time zone: %s",
		               pr_str_show(pr_str(name), shown, sizeof shown));
	*out = (pr_zone *)z;
	return 0;
}

void
pr_zone_unref(pr_zone *z)
{
	if (z)
		g_time_zone_unref(glib(z));
}

static int64_t
floor_seconds(int64_t ms)
{
	return ms >= 0 ? ms / 1000 : -((999 - ms) / 1000);
}

int64_t
pr_zone_offset_s(const pr_zone *z, int64_t utc_ms)
{
	int interval =
	    g_time_zone_find_interval(glib(z), G_TIME_TYPE_UNIVERSAL, floor_seconds(utc_ms));
	return interval < 0 ? 0 : g_time_zone_get_offset(glib(z), interval);
}

int64_t
pr_local_ms(const pr_zone *z, int64_t utc_ms)
{
	return utc_ms + pr_zone_offset_s(z, utc_ms) * 1000;
}

int64_t
pr_local_to_utc_ms(const pr_zone *z, int64_t local_ms)
{
	int64_t before = pr_zone_offset_s(z, local_ms - PR_DAY_MS) * 1000;
	int64_t after = pr_zone_offset_s(z, local_ms + PR_DAY_MS) * 1000;
	if (pr_zone_offset_s(z, local_ms - before) * 1000 == before)
		return local_ms - before;
	if (pr_zone_offset_s(z, local_ms - after) * 1000 == after)
		return local_ms - after;
	return local_ms - before; /* within the gap */
}

int64_t
pr_when_utc_ms(const struct pr_when *when, const pr_zone *z)
{
	return when->fixed ? when->local_ms : pr_local_to_utc_ms(z, when->local_ms);
}

/* ---- reading "2026-12-01T08:00" ---- */

/* Exactly `digits` digits, then `end` (0: nothing to follow is asked for). */
static bool
take_number(struct pr_str *s, size_t digits, char end, int *out)
{
	uint64_t number;
	if (s->n < digits + (end != 0) || !pr_str_u64(pr_str_n(s->p, digits), &number))
		return false;
	if (end && s->p[digits] != end)
		return false;
	size_t used = digits + (end != 0);
	*s = pr_str_n(s->p + used, s->n - used);
	*out = (int)number;
	return true;
}

static bool
take_date(struct pr_str *s, int64_t *days)
{
	int year, month, day;
	if (!take_number(s, 4, '-', &year) || !take_number(s, 2, '-', &month) ||
	    !take_number(s, 2, 0, &day) || year < 2000 || year > 2099)
		return false;
	if (month < 1 || month > 12 || day < 1 ||
	    day > g_date_get_days_in_month((GDateMonth)month, (GDateYear)year))
		return false;
	GDate date, epoch;
	g_date_clear(&date, 1);
	g_date_clear(&epoch, 1);
	g_date_set_dmy(&date, (GDateDay)day, (GDateMonth)month, (GDateYear)year);
	g_date_set_dmy(&epoch, 1, G_DATE_JANUARY, 1970);
	*days = g_date_days_between(&epoch, &date);
	return true;
}

static bool
take_time(struct pr_str *s, int64_t *ms)
{
	int hour, minute, second = 0;
	if (!take_number(s, 2, ':', &hour) || !take_number(s, 2, 0, &minute))
		return false;
	if (s->n && s->p[0] == ':') {
		*s = pr_str_n(s->p + 1, s->n - 1);
		if (!take_number(s, 2, 0, &second))
			return false;
	}
	*ms = hour * PR_HOUR_MS + minute * PR_MINUTE_MS + second * PR_SECOND_MS;
	return hour < 24 && minute < 60 && second < 60;
}

/* "", "Z" or "+01:00". */
static bool
take_offset(struct pr_str *s, struct pr_when *when)
{
	int hours, minutes;
	when->fixed = s->n > 0;
	if (s->n == 0)
		return true;
	char sign = s->p[0];
	*s = pr_str_n(s->p + 1, s->n - 1);
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !take_number(s, 2, ':', &hours) ||
	    !take_number(s, 2, 0, &minutes) || hours > 14 || minutes > 59)
		return false;
	int64_t offset = hours * PR_HOUR_MS + minutes * PR_MINUTE_MS;
	when->local_ms -= sign == '+' ? offset : -offset;
	return true;
}

bool
pr_when_parse(struct pr_str text, struct pr_when *out)
{
	struct pr_str s = pr_str_trim(text);
	struct pr_when when = {.set = true};
	int64_t days, ms;
	if (!take_date(&s, &days) || s.n == 0 || !strchr("Tt ", s.p[0]))
		return false;
	s = pr_str_n(s.p + 1, s.n - 1);
	if (!take_time(&s, &ms))
		return false;
	when.local_ms = days * PR_DAY_MS + ms;
	if (!take_offset(&s, &when) || s.n)
		return false;
	*out = when;
	return true;
}
