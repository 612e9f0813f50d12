/*
 * What happens to contacts. Days are found by one pass over the column of the attribute; absences
 * by what is derived of orders, and of other events by a look into each contact's; arrivals stand
 * in a log that import fills (track.c).
 */
#include "internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/occur.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ORDER 1 /* its number among the names of events (store.c) */
#define DAY_SIZE 16

static int
give(sqlite3_stmt *s, int64_t occurrence, pr_occur_each *each, void *context)
{
	struct pr_occurrence o = {.contact = sqlite3_column_int64(s, 0),
	                          .address = pr_db_text(s, 1),
	                          .timezone = pr_db_text(s, 2),
	                          .occurrence = occurrence};
	return each(context, &o) ? 0 : 2;
}

/* ---- days ---- */

struct days {
	const int64_t *of;
	size_t n;
	bool every_year;
	char text[PR_OCCUR_DAYS_MAX][DAY_SIZE]; /* 2026-03-01 */
	bool leaps_over[PR_OCCUR_DAYS_MAX];     /* 28 February, and no 29th comes behind it */
};

static void
write_day(int64_t day, char out[DAY_SIZE])
{
	time_t t = (time_t)(day * 86400);
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(out, DAY_SIZE, "%Y-%m-%d", &tm);
}

static void
write_days(struct days *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char next[DAY_SIZE];
		write_day(d->of[i], d->text[i]);
		write_day(d->of[i] + 1, next);
		d->leaps_over[i] =
		    strcmp(d->text[i] + 5, "02-28") == 0 && strcmp(next + 5, "02-29") != 0;
	}
}

static void
add_days(const struct days *d, struct pr_buf *b)
{
	for (size_t i = 0; i < d->n; i++) {
		pr_buf_addf(b, "%s'%s'", i ? ", " : "", d->text[i] + (d->every_year ? 5 : 0));
		if (d->every_year && d->leaps_over[i])
			pr_buf_adds(b, ", '02-29'");
	}
}

/* Which of the days it is that this value has; n: none. */
static size_t
find_day(const struct days *d, struct pr_str value)
{
	for (size_t i = 0; i < d->n; i++) {
		bool whole = value.n >= 10 && memcmp(value.p, d->text[i], 10) == 0;
		bool in_year = value.n >= 10 && memcmp(value.p + 5, d->text[i] + 5, 5) == 0;
		bool leaps =
		    d->leaps_over[i] && value.n >= 10 && memcmp(value.p + 5, "02-29", 5) == 0;
		bool begun = value.n >= 10 && memcmp(value.p, d->text[i], 4) <= 0;
		if (whole || (d->every_year && begun && (in_year || leaps)))
			return i;
	}
	return d->n;
}

static int
check_attribute(pr_audience *a, struct pr_str name, struct pr_error *e)
{
	struct pr_attribute *all = NULL;
	size_t n = 0, i = 0;
	int r = pr_contact_attributes(a, &all, &n, e);
	while (r == 0 && i < n && !pr_str_is(name, all[i].name))
		i++;
	if (r == 0 && i == n)
		r = pr_fail(e, PR_ENOENT, "contacts have no attribute %.*s", (int)name.n, name.p);
	else if (r == 0 && all[i].type != PR_ATTRIBUTE_DATE)
		r = pr_fail(e, PR_ENOENT, "the attribute %s is a %s, no date", all[i].name,
		            pr_attribute_word(all[i].type));
	free(all);
	return r;
}

static int
each_day(pr_audience *a, struct pr_str attribute, const struct days *d, pr_occur_each *each,
         void *context, struct pr_error *e)
{
	struct pr_buf sql = {0};
	sqlite3_stmt *s = NULL;
	int name = (int)attribute.n;
	pr_buf_addf(&sql, "SELECT id, address, timezone, \"a_%.*s\" FROM contacts WHERE substr(",
	            name, attribute.p);
	pr_buf_addf(&sql, "\"a_%.*s\", %s) IN (", name, attribute.p,
	            d->every_year ? "6, 5" : "1, 10");
	add_days(d, &sql);
	pr_buf_adds(&sql, ")");
	int r = pr_db_prepare(a->db, sql.data, &s, e);
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		size_t i = find_day(d, pr_db_text(s, 3));
		r = i < d->n ? give(s, d->of[i], each, context) : 0;
	}
	sqlite3_finalize(s);
	pr_buf_finish(&sql);
	return r < 0 ? r : 0;
}

int
pr_occur_dates(pr_audience *a, struct pr_str attribute, const int64_t *days, size_t n,
               bool every_year, pr_occur_each *each, void *context, struct pr_error *e)
{
	struct days d = {.of = days, .n = n, .every_year = every_year};
	PR_ASSERT(n <= PR_OCCUR_DAYS_MAX && pr_attribute_name_is_good(attribute));
	write_days(&d);
	int r = check_attribute(a, attribute, e);
	return r < 0 || n == 0 ? r : each_day(a, attribute, &d, each, context, e);
}

/* ---- absences ---- */

int
pr_occur_absences(pr_audience *a, struct pr_str event, int64_t from_ms, int64_t to_ms,
                  pr_occur_each *each, void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t name;
	int r = audience_id_of(a, AU_EVENT_NAME, event, &name, e);
	if (r <= 0) /* nobody ever did */
		return r;
	r = audience_statement(a, name == ORDER ? AU_ABSENT_ORDERS : AU_ABSENT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, from_ms);
	sqlite3_bind_int64(s, 2, to_ms);
	if (name != ORDER)
		sqlite3_bind_int64(s, 3, name);
	while (r == 0 && (r = pr_db_step(s, e)) == 1)
		r = give(s, sqlite3_column_int64(s, 3), each, context);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* ---- events ---- */

int
pr_occur_watch(pr_audience *a, struct pr_str event, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t name;
	int r = audience_event_name(a, event, &name, e);
	if (r == 0)
		r = audience_statement(a, AU_WATCH, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, name);
	return pr_db_run(s, e);
}

int
audience_arrive(pr_audience *a, int64_t contact, int64_t name, int64_t at_ms, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t now = pr_utc_ms();
	if (at_ms < now - PR_ARRIVALS_KEPT_MS)
		return 0;
	int r = audience_statement(a, AU_ARRIVE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, name);
	sqlite3_bind_int64(s, 2, contact);
	sqlite3_bind_int64(s, 3, at_ms);
	sqlite3_bind_int64(s, 4, now);
	return pr_db_run(s, e);
}

int
audience_drop_arrivals(pr_audience *a, size_t n, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ARRIVALS_OLD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, pr_utc_ms() - PR_ARRIVALS_KEPT_MS);
	sqlite3_bind_int64(s, 2, (int64_t)n + 1);
	return pr_db_run(s, e);
}

static int
number_of(sqlite3_stmt *s, int64_t *out, struct pr_error *e)
{
	int r = pr_db_step(s, e);
	if (r >= 0)
		*out = r == 1 ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_occur_before(pr_audience *a, int64_t utc_ms, int64_t *seq, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ARRIVED_BEFORE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, utc_ms);
	return number_of(s, seq, e);
}

static int
last_arrival(pr_audience *a, int64_t *seq, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ARRIVED_LAST, &s, e);
	return r < 0 ? r : number_of(s, seq, e);
}

int
pr_occur_events(pr_audience *a, struct pr_str event, unsigned max, int64_t *seq,
                pr_occur_each *each, void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t name, last, at = *seq;
	unsigned n = 0;
	int r = audience_id_of(a, AU_EVENT_NAME, event, &name, e);
	if (r <= 0 || (r = last_arrival(a, &last, e)) < 0 ||
	    (r = audience_statement(a, AU_ARRIVED, &s, e)) < 0)
		return r;
	sqlite3_bind_int64(s, 1, *seq);
	sqlite3_bind_int64(s, 2, last);
	sqlite3_bind_int64(s, 3, name);
	sqlite3_bind_int64(s, 4, max);
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		n++;
		at = sqlite3_column_int64(s, 4);
		r = give(s, sqlite3_column_int64(s, 3), each, context);
	}
	sqlite3_reset(s);
	if (r < 0)
		return r;
	*seq = r == 0 && n < max ? (last > at ? last : at) : at;
	return 0;
}

int
pr_occur_since(pr_audience *a, int64_t contact, struct pr_str event, int64_t after_ms,
               struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t name;
	int r = audience_id_of(a, AU_EVENT_NAME, event, &name, e);
	if (r <= 0 || (r = audience_statement(a, AU_EVENT_SINCE, &s, e)) < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, name);
	sqlite3_bind_int64(s, 3, after_ms);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r;
}
