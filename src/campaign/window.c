/*
 * Windows as people write them: "Mon-Fri 08:00-11:00, Sat 10:00-12:00".
 *
 * The text falls at its commas into items: days alone ("Mon" of "Mon,Wed 08:00-11:00") wait
 * for the next item with hours; hours alone take the days of the item before. Each item adds
 * a span a day; spans are sorted and merged at the end.
 */
#include "postrider/campaign/schedule.h"

#include <stdlib.h>

#define DAY 1440
#define WEEK (7 * DAY)
#define EVERY_DAY 0x7Fu

static const char bad_form[] = "is not a window of days and hours";
static const char too_many[] = "has too many parts";

struct reading {
	struct pr_window *w;
	unsigned days; /* bits, Monday is 1; those of the last item */
	bool waiting;  /* days were named and wait for their hours */
};

/* "mon", "Monday": 0 to 6, -1 when no day. */
static int
day_number(struct pr_str s)
{
	static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
	                                    "friday", "saturday", "sunday"};
	for (int i = 0; i < 7; i++)
		if (s.n >= 3 && pr_str_eq_nocase(pr_str_n(names[i], s.n < 3 ? 3 : s.n), s) &&
		    s.n <= strlen(names[i]) && (s.n == 3 || s.n == strlen(names[i])))
			return i;
	return -1;
}

/* "Mon" or "Fri-Mon" to bits; false when neither. */
static bool
read_days(struct pr_str s, unsigned *bits)
{
	const char *dash = memchr(s.p, '-', s.n);
	size_t n = dash ? (size_t)(dash - s.p) : s.n;
	int first = day_number(pr_str_trim(pr_str_n(s.p, n)));
	int last = dash ? day_number(pr_str_trim(pr_str_n(dash + 1, s.n - n - 1))) : first;
	if (first < 0 || last < 0)
		return false;
	*bits = 1u << first;
	for (int day = first; day != last; day = (day + 1) % 7)
		*bits |= 1u << (day + 1) % 7;
	return true;
}

int
pr_clock_parse(struct pr_str s)
{
	uint64_t hour, minute;
	const char *colon = memchr(s.p, ':', s.n);
	if (!colon || s.p + s.n - colon != 3 || colon - s.p > 2 ||
	    !pr_str_u64(pr_str_n(s.p, (size_t)(colon - s.p)), &hour) ||
	    !pr_str_u64(pr_str_n(colon + 1, 2), &minute))
		return -1;
	return minute > 59 || hour > 24 || (hour == 24 && minute) ? -1 : (int)(hour * 60 + minute);
}

static bool
add_span(struct pr_window *w, int from, int to)
{
	if (w->n == PR_WINDOW_SPANS)
		return false;
	w->spans[w->n].from = (uint16_t)from;
	w->spans[w->n++].to = (uint16_t)to;
	return true;
}

/* One day's hours; over midnight they run into the next day, over Sunday into Monday. */
static bool
add_day(struct pr_window *w, int day, int from, int to)
{
	int begin = day * DAY + from, end = day * DAY + (to > from ? to : to + DAY);
	if (end <= WEEK)
		return add_span(w, begin, end);
	return add_span(w, begin, WEEK) && add_span(w, 0, end - WEEK);
}

static const char *
read_hours(struct reading *r, struct pr_str s)
{
	const char *dash = memchr(s.p, '-', s.n);
	if (!dash)
		return bad_form;
	int from = pr_clock_parse(pr_str_trim(pr_str_n(s.p, (size_t)(dash - s.p))));
	int to = pr_clock_parse(pr_str_trim(pr_str_n(dash + 1, (size_t)(s.p + s.n - dash - 1))));
	if (from < 0 || to < 0 || from == DAY)
		return bad_form;
	if (from == to)
		return "has hours that end when they begin; a whole day is 00:00-24:00";
	for (int day = 0; day < 7; day++)
		if (r->days >> day & 1 && !add_day(r->w, day, from, to))
			return too_many;
	r->waiting = false;
	return NULL;
}

static const char *
read_item(struct reading *r, struct pr_str item)
{
	size_t n = 0; /* the days: all before the first digit */
	while (n < item.n && !pr_is_digit(item.p[n]))
		n++;
	struct pr_str days = pr_str_trim(pr_str_n(item.p, n));
	struct pr_str hours = pr_str_n(item.p + n, item.n - n);
	unsigned bits;
	if (days.n) {
		if (!read_days(days, &bits))
			return bad_form;
		r->days = r->waiting ? r->days | bits : bits;
		r->waiting = true;
	}
	return hours.n ? read_hours(r, hours) : days.n ? NULL : bad_form;
}

static int
by_start(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static void
sort_and_merge(struct pr_window *w)
{
	unsigned kept = 0;
	qsort(w->spans, w->n, sizeof w->spans[0], by_start);
	for (unsigned i = 1; i < w->n; i++) {
		if (w->spans[i].from > w->spans[kept].to)
			w->spans[++kept] = w->spans[i];
		else if (w->spans[i].to > w->spans[kept].to)
			w->spans[kept].to = w->spans[i].to;
	}
	w->n = kept + 1;
}

const char *
pr_window_parse(struct pr_str text, struct pr_window *out)
{
	struct pr_window w = {0};
	struct reading r = {.w = &w, .days = EVERY_DAY};
	for (const char *p = text.p, *end = text.p + text.n;;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma ? comma : end) - p);
		const char *wrong = read_item(&r, pr_str_trim(pr_str_n(p, n)));
		if (wrong)
			return wrong;
		if (!comma)
			break;
		p = comma + 1;
	}
	if (r.waiting)
		return "names days without hours";
	sort_and_merge(&w);
	*out = w;
	return NULL;
}

const char *
pr_quiet_parse(struct pr_str text, void *quiet)
{
	struct pr_quiet q = {.set = 1};
	const char *wrong =
	    pr_str_is(pr_str_trim(text), "none") ? NULL : pr_window_parse(text, &q.window);
	if (!wrong)
		*(struct pr_quiet *)quiet = q;
	return wrong;
}

/* ---- one window without another ---- */

/* The first span of w that ends behind `at`; w->n: none. */
static unsigned
span_behind(const struct pr_window *w, int at)
{
	unsigned i = 0;
	while (i < w->n && w->spans[i].to <= at)
		i++;
	return i;
}

/* Adds what of [at, end) lies outside `out`. */
static bool
add_outside(struct pr_window *w, int at, int end, const struct pr_window *out)
{
	while (at < end) {
		unsigned i = span_behind(out, at);
		int hole = i < out->n ? out->spans[i].from : end;
		int to = hole < end ? hole : end;
		if (to > at && !add_span(w, at, to))
			return false;
		at = i < out->n && to < end ? out->spans[i].to : end;
	}
	return true;
}

bool
pr_window_without(const struct pr_window *w, const struct pr_window *out, struct pr_window *left)
{
	struct pr_window result = {0};
	if (out->n == 0) {
		*left = *w;
		return true;
	}
	if (w->n == 0 && !add_outside(&result, 0, WEEK, out))
		return false;
	for (unsigned i = 0; i < w->n; i++)
		if (!add_outside(&result, w->spans[i].from, w->spans[i].to, out))
			return false;
	if (result.n == 0)
		return false;
	*left = result;
	return true;
}
