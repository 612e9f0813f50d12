/* When somebody may get something: rules by examples and by trying every minute; rows. */
#include "time_help.h"

#include "postrider/base/hash.h"
#include "postrider/campaign/split.h"
#include "postrider/campaign/timing.h"
#include "postrider/ledger.h"

#include <stdio.h>
#include <stdlib.h>

static struct pr_window
window(const char *text)
{
	struct pr_window w = {0};
	if (*text)
		ck_assert_msg(pr_window_parse(pr_str(text), &w) == NULL, "%s", text);
	return w;
}

static struct pr_when
when(const char *text)
{
	struct pr_when w = {0};
	if (*text)
		ck_assert_msg(pr_when_parse(pr_str(text), &w), "%s", text);
	return w;
}

/* ---- the start ---- */

static const struct {
	const char *zone, *start, *accepted;
	int passed;
	const char *wanted; /* "": never */
} starts[] = {
    /* the date line: 25 hours between the first and the last */
    {"Pacific/Kiritimati", "2026-12-01T09:00", "2026-11-29T00:00", PR_PASSED_NEXT_DAY,
     "2026-11-30T19:00"},
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-11-29T00:00", PR_PASSED_NEXT_DAY,
     "2026-11-30T20:00"},
    {"Asia/Kolkata", "2026-12-01T09:00", "2026-11-29T00:00", PR_PASSED_NEXT_DAY,
     "2026-12-01T03:30"},
    {"Europe/Berlin", "2026-12-01T09:00", "2026-11-29T00:00", PR_PASSED_NEXT_DAY,
     "2026-12-01T08:00"},
    {"Pacific/Pago_Pago", "2026-12-01T09:00", "2026-11-29T00:00", PR_PASSED_NEXT_DAY,
     "2026-12-01T20:00"},
    /* passed */
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-12-01T00:00", PR_PASSED_NEXT_DAY,
     "2026-12-01T20:00"},
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-12-01T00:00", PR_PASSED_NOW, "2026-12-01T00:00"},
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-12-01T00:00", PR_PASSED_SKIP, ""},
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-11-30T20:14", PR_PASSED_SKIP,
     "2026-11-30T20:00"},
    {"Pacific/Auckland", "2026-12-01T09:00", "2026-11-30T20:15", PR_PASSED_SKIP, ""},
    /* the next day has another offset: Berlin, 29 March; Auckland, 5 April */
    {"Europe/Berlin", "2026-03-28T09:00", "2026-03-28T12:00", PR_PASSED_NEXT_DAY,
     "2026-03-29T07:00"},
    {"Pacific/Auckland", "2026-04-04T09:00", "2026-04-04T12:00", PR_PASSED_NEXT_DAY,
     "2026-04-04T21:00"},
    /* the next day has no such hour */
    {"Europe/Berlin", "2026-03-28T02:30", "2026-03-28T12:00", PR_PASSED_NEXT_DAY,
     "2026-03-29T01:30"},
};

START_TEST(a_start_is_by_the_clock_of_the_recipient)
{
	struct pr_schedule s = {
	    .start = when(starts[_i].start), .passed = starts[_i].passed, .by_recipient = true};
	pr_zone *z = zone(starts[_i].zone);
	struct pr_place p = {.campaign = z, .person = z};
	int64_t got = pr_place_start_ms(&s, &p, 0, utc(starts[_i].accepted));
	ck_instant_eq(got, *starts[_i].wanted ? utc(starts[_i].wanted) : PR_NEVER_MS);
	pr_zone_unref(z);
}
END_TEST

START_TEST(the_best_hour_is_the_next_of_its_kind_behind_start)
{
	pr_zone *z = zone("America/New_York");
	struct pr_place p = {.campaign = z, .person = z};
	struct pr_schedule s = {
	    .start = when("2026-12-01T09:00"), .best_hour = true, .by_recipient = true};
	int64_t before = utc("2026-11-30T00:00");
	ck_instant_eq(pr_place_start_ms(&s, &p, 20 * 60, before), utc("2026-12-02T01:00"));
	ck_instant_eq(pr_place_start_ms(&s, &p, 7 * 60, before), utc("2026-12-02T12:00"));
	s.start.set = false;
	ck_instant_eq(pr_place_start_ms(&s, &p, 7 * 60, utc("2026-12-01T12:00")),
	              utc("2026-12-01T12:00"));
	ck_instant_eq(pr_place_start_ms(&s, &p, 7 * 60, utc("2026-12-01T12:01")),
	              utc("2026-12-02T12:00"));
	pr_zone_unref(z);
}
END_TEST

/* ---- openings ---- */

static const char holidays_text[] = "countries:\n"
				    "  DE: 2026-12-25 2026-12-26, 2027-01-01\n"
				    "  US: >-\n"
				    "    2026-11-26\n"
				    "    2026-12-25\n";

static struct pr_holidays *
some_holidays(void)
{
	struct pr_holidays *h = NULL;
	struct pr_problems problems = {0};
	ck_assert_int_eq(pr_holidays_parse(pr_str(holidays_text), "h", &problems, &h), 0);
	pr_problems_finish(&problems);
	return h;
}

static const struct {
	const char *campaign, *person, *window, *quiet, *country, *deadline, *at, *from, *to;
} openings[] = {
    {"UTC", "UTC", "", "", "", "", "2026-12-01T00:00", "2026-12-01T00:00", ""},
    {"UTC", "Europe/Berlin", "", "21:00-08:00", "", "", "2026-12-01T19:59", "2026-12-01T19:59",
     "2026-12-01T20:00"},
    {"UTC", "Europe/Berlin", "", "21:00-08:00", "", "", "2026-12-01T20:00", "2026-12-02T07:00",
     "2026-12-02T20:00"},
    /* window by the campaign's clock, quiet hours by the person's */
    {"Europe/Berlin", "America/Los_Angeles", "09:00-18:00", "21:00-08:00", "", "",
     "2026-12-01T08:00", "2026-12-01T16:00", "2026-12-01T17:00"},
    /* the clocks change in the night: 29 March and 25 October */
    {"UTC", "Europe/Berlin", "", "21:00-08:00", "", "", "2026-03-28T21:00", "2026-03-29T06:00",
     "2026-03-29T19:00"},
    {"UTC", "Europe/Berlin", "", "21:00-08:00", "", "", "2026-10-24T20:00", "2026-10-25T07:00",
     "2026-10-25T20:00"},
    /* an hour that comes twice is quiet twice; one that does not exist not at all */
    {"UTC", "Europe/Berlin", "", "02:00-03:00", "", "", "2026-10-25T00:00", "2026-10-25T02:00",
     "2026-10-26T01:00"},
    {"UTC", "Europe/Berlin", "", "02:00-03:00", "", "", "2026-03-29T00:59", "2026-03-29T00:59",
     "2026-03-30T00:00"},
    {"UTC", "Asia/Kathmandu", "", "21:00-08:00", "", "", "2026-12-01T20:00", "2026-12-02T02:15",
     "2026-12-02T15:15"},
    {"UTC", "Europe/Berlin", "", "", "DE", "", "2026-12-24T22:59", "2026-12-24T22:59",
     "2026-12-24T23:00"},
    {"UTC", "Europe/Berlin", "", "", "DE", "", "2026-12-24T23:00", "2026-12-26T23:00",
     "2026-12-31T23:00"},
    {"UTC", "America/New_York", "", "", "US", "", "2026-11-26T12:00", "2026-11-27T05:00",
     "2026-12-25T05:00"},
    {"Europe/Berlin", "Europe/Berlin", "Fri 09:00-10:00", "", "DE", "", "2026-12-19T00:00",
     "2027-01-08T08:00", "2027-01-08T09:00"},
    /* deadlines */
    {"Europe/Berlin", "Europe/Berlin", "", "", "", "2026-12-01T20:00", "2026-12-01T18:59",
     "2026-12-01T18:59", "2026-12-01T19:00"},
    {"Europe/Berlin", "Europe/Berlin", "", "", "", "2026-12-01T20:00", "2026-12-01T19:00", "", ""},
    {"Europe/Berlin", "Europe/Berlin", "", "18:00-24:00", "", "2026-12-01T20:00",
     "2026-12-01T18:00", "", ""},
    {"UTC", "UTC", "Mon 08:00-09:00", "Mon 00:00-24:00", "", "", "2026-12-01T00:00", "", ""},
};

START_TEST(an_opening_is_what_nothing_shuts)
{
	struct pr_holidays *h = some_holidays();
	pr_zone *campaign = zone(openings[_i].campaign), *person = zone(openings[_i].person);
	struct pr_schedule s = {.window = window(openings[_i].window),
	                        .deadline = when(openings[_i].deadline)};
	struct pr_window quiet = window(openings[_i].quiet);
	struct pr_place p = {campaign, person, pr_holidays_of(h, pr_str(openings[_i].country))};
	struct pr_opening o = pr_place_opening(&s, &quiet, &p, utc(openings[_i].at));
	ck_instant_eq(o.from_ms, *openings[_i].from ? utc(openings[_i].from) : PR_NEVER_MS);
	ck_instant_eq(o.to_ms, *openings[_i].to ? utc(openings[_i].to) : PR_NEVER_MS);
	pr_zone_unref(campaign);
	pr_zone_unref(person);
	pr_holidays_destroy(h);
}
END_TEST

/* ---- every minute ---- */

static const char *const zones[] = {
    "UTC",          "Europe/Berlin",    "Pacific/Kiritimati", "Pacific/Pago_Pago",
    "Asia/Kolkata", "Asia/Kathmandu",   "America/St_Johns",   "Australia/Lord_Howe",
    "Africa/Cairo", "America/Santiago", "Pacific/Auckland",   "America/Sao_Paulo",
    "Asia/Beirut",  "Pacific/Chatham",  "America/New_York",   "Africa/Casablanca",
    "Asia/Tehran",  "Antarctica/Troll", "Europe/Dublin",      "America/Havana",
};
#define ZONES (sizeof zones / sizeof *zones)

static const char *const windows[] = {"", "Mon-Fri 08:00-11:00", "00:00-01:00", "22:00-06:00",
                                      "Sat,Sun 10:00-10:30, Wed 23:30-02:15"};
static const char *const quiets[] = {"", "21:00-08:00", "00:00-00:30", "Sat-Sun 00:00-24:00",
                                     "12:00-13:00"};

/* The same said minute by minute, from the wall clock alone. */
static bool
may_go(const struct pr_schedule *s, const struct pr_window *quiet, const struct pr_place *p,
       int64_t ms)
{
	int64_t local = ms + pr_zone_offset_s(p->person, ms) * 1000;
	if (ms >= pr_place_deadline_ms(s, p))
		return false;
	if (!pr_window_open(&s->window, p->campaign, ms))
		return false;
	if (quiet->n && pr_window_open(quiet, p->person, ms))
		return false;
	for (uint32_t i = 0; p->holidays && i < p->holidays->n; i++)
		if (p->holidays->days[i] == local / PR_DAY_MS)
			return false;
	return true;
}

#define TRY_MINUTES (9 * 24 * 60)

static void
try_one(uint64_t seed)
{
	int32_t days[6];
	pr_zone *campaign = zone(zones[seed % ZONES]);
	pr_zone *person = zone(zones[pr_mix64(seed) % ZONES]);
	struct pr_schedule s = {.window = window(windows[pr_mix64(seed + 1) % 5])};
	struct pr_window quiet = window(quiets[pr_mix64(seed + 2) % 5]);
	int64_t at = utc("2026-01-01T00:00") +
	             (int64_t)(pr_mix64(seed + 3) % (730 * 24 * 60)) * PR_MINUTE_MS;
	/* near one of the changes of this year, half of the time */
	static const char *const changes[] = {"2026-03-28T12:00", "2026-10-24T12:00",
	                                      "2026-04-04T12:00", "2026-09-26T12:00",
	                                      "2026-09-05T20:00", "2026-04-23T12:00"};
	if (seed % 2)
		at = utc(changes[pr_mix64(seed + 4) % 6]) +
		     (int64_t)(pr_mix64(seed + 3) % 2880) * PR_MINUTE_MS;
	for (int i = 0; i < 6; i++)
		days[i] = (int32_t)(at / PR_DAY_MS) + i + (int32_t)(pr_mix64(seed + 5) % 2) * i;
	struct pr_days d = {.country = "XX", .n = (uint32_t)(pr_mix64(seed + 6) % 6), .days = days};
	struct pr_place p = {campaign, person, d.n ? &d : NULL};
	struct pr_opening o = pr_place_opening(&s, &quiet, &p, at);
	int64_t t = at, end = at + TRY_MINUTES * PR_MINUTE_MS;
	while (t < end && !may_go(&s, &quiet, &p, t))
		t += PR_MINUTE_MS;
	if (t < end)
		ck_assert_msg(o.from_ms == t, "seed %llu: got %s, wanted %s",
		              (unsigned long long)seed, show(o.from_ms), show(t));
	else
		ck_assert_msg(o.from_ms >= end, "seed %llu", (unsigned long long)seed);
	while (t < end && may_go(&s, &quiet, &p, t))
		t += PR_MINUTE_MS;
	if (o.from_ms < end && t < end)
		ck_assert_msg(o.to_ms == t, "seed %llu: ends %s, wanted %s",
		              (unsigned long long)seed, show(o.to_ms), show(t));
	pr_zone_unref(campaign);
	pr_zone_unref(person);
}

START_TEST(no_minute_earlier_would_have_done_and_all_of_an_opening_do)
{
	for (uint64_t seed = 0; seed < 2500; seed++)
		try_one(seed);
}
END_TEST

/* ---- quiet hours out of a window ---- */

START_TEST(a_window_without_another_has_the_minutes_of_the_first_alone)
{
	pr_zone *z = zone("UTC");
	for (unsigned i = 0; i < 25; i++) {
		struct pr_window w = window(windows[i / 5]), out = window(quiets[i % 5]), left;
		bool any = false, there = pr_window_without(&w, &out, &left);
		for (int64_t m = 0; m < 10080; m++) {
			int64_t t = utc("2026-06-01T00:00") + m * PR_MINUTE_MS;
			bool may =
			    pr_window_open(&w, z, t) && !(out.n && pr_window_open(&out, z, t));
			any |= may;
			if (there)
				ck_assert_int_eq(may, pr_window_open(&left, z, t));
		}
		ck_assert_int_eq(any, there);
	}
	pr_zone_unref(z);
}
END_TEST

/* ---- holidays ---- */

START_TEST(everything_wrong_with_holidays_is_told)
{
	static const char text[] = "countries:\n"
				   "  DEU: 2026-12-25\n"
				   "  FR: 2026-02-30 tomorrow 2026-07-14\n"
				   "  fr: 2026-07-14\n"
				   "  IT: 2026-01-06\n";
	struct pr_problems problems = {0};
	struct pr_holidays *h = NULL;
	struct pr_buf told = {0};
	ck_assert_int_eq(pr_holidays_parse(pr_str(text), "h.yaml", &problems, &h), PR_EINVAL);
	ck_assert_uint_eq(problems.problems, 4);
	pr_problems_text(&problems, &told);
	ck_assert_ptr_nonnull(strstr(told.data, "h.yaml:2"));
	ck_assert_ptr_nonnull(strstr(told.data, "\"2026-02-30\" is not a day"));
	ck_assert_ptr_nonnull(strstr(told.data, "\"tomorrow\" is not a day"));
	ck_assert_ptr_nonnull(strstr(told.data, "FR is there twice"));
	pr_buf_finish(&told);
	pr_problems_finish(&problems);
}
END_TEST

START_TEST(days_are_found_by_any_case)
{
	struct pr_holidays *h = some_holidays();
	const struct pr_days *d = pr_holidays_of(h, PR_STR("de"));
	ck_assert_ptr_nonnull(d);
	ck_assert_uint_eq(d->n, 3);
	ck_assert(pr_days_has(d, utc("2027-01-01T00:00") / PR_DAY_MS));
	ck_assert(!pr_days_has(d, utc("2027-01-02T00:00") / PR_DAY_MS));
	ck_assert_ptr_null(pr_holidays_of(h, PR_STR("XX")));
	ck_assert_ptr_null(pr_holidays_of(h, PR_STR("Germany")));
	ck_assert_ptr_null(pr_holidays_of(NULL, PR_STR("DE")));
	pr_holidays_destroy(h);
}
END_TEST

/* ---- rows ---- */

struct world {
	struct pr_manifest *m;
	struct pr_config *config;
	pr_timing *t;
	struct pr_buf data;
};

static void
build(struct world *w, const char *schedule, const char *more_config, const char *accepted)
{
	static const struct pr_str columns[] = {{"email", 5}, {"Time Zone", 9}, {"COUNTRY", 7}};
	struct pr_problems problems = {0};
	struct pr_error e = {0};
	char text[600];
	*w = (struct world){0};
	snprintf(text, sizeof text, "from: a@b.example\nsubject: x\nschedule: {%s}\n", schedule);
	int r = pr_manifest_parse(pr_str(text), "x", &problems, &w->m);
	ck_assert_msg(r == 0, "%s", problems.n ? problems.items[0].what : "");
	snprintf(text, sizeof text,
	         "hostname: a.example\nroutes: {default: {via: relay, host: 127.0.0.1}}\n%s\n",
	         more_config);
	r = pr_config_parse(pr_str(text), "p", "/", &problems, &w->config);
	ck_assert_msg(r == 0, "%s", problems.n ? problems.items[0].what : "");
	w->config->calendar = some_holidays();
	w->config->end_calendar = pr_holidays_destroy;
	struct pr_timing_source s = {.manifest = w->m,
	                             .config = w->config,
	                             .columns = columns,
	                             .columns_n = 3,
	                             .serial = 7,
	                             .accepted_ms = utc(accepted)};
	ck_assert_msg(pr_timing_create(&s, &w->t, &e) == 0, "%s", e.text);
	pr_problems_finish(&problems);
}

static void
finish(struct world *w)
{
	pr_timing_unref(w->t);
	pr_manifest_destroy(w->m);
	pr_config_unref(w->config);
	pr_buf_finish(&w->data);
}

static struct pr_timing_row
row(struct world *w, uint32_t number, const char *timezone, const char *country)
{
	struct pr_str fields[] = {pr_str("a@b.example"), pr_str(timezone), pr_str(country)};
	pr_buf_clear(&w->data);
	pr_fields_pack(&w->data, fields, 3);
	return (struct pr_timing_row){.row = number, .data = pr_buf_str(&w->data)};
}

static int64_t
first(struct world *w, uint32_t number, const char *timezone, const char *country, int hour)
{
	struct pr_timing_row r = row(w, number, timezone, country);
	return pr_timing_first(w->t, &r, hour).due_ms;
}

START_TEST(rows_begin_by_their_own_clocks_and_bad_zones_by_the_fallback)
{
	struct world w;
	struct pr_timing_found found;
	build(&w,
	      "start: '2026-12-01T09:00', timezone: recipient, fallback_timezone: Europe/Berlin,"
	      " deadline: '2026-12-01T20:00'",
	      "", "2026-11-29T00:00");
	ck_instant_eq(first(&w, 1, "Pacific/Auckland", "", -1), utc("2026-11-30T20:00"));
	ck_instant_eq(first(&w, 2, " Asia/Tokyo ", "", -1), utc("2026-12-01T00:00"));
	ck_instant_eq(first(&w, 3, "", "", -1), utc("2026-12-01T08:00"));
	ck_instant_eq(first(&w, 4, "Mars/Olympus", "", -1), utc("2026-12-01T08:00"));
	ck_instant_eq(first(&w, 5, "Mars/Olympus", "", -1), utc("2026-12-01T08:00"));
	ck_instant_eq(first(&w, 6, "America/Los_Angeles", "", -1), utc("2026-12-01T17:00"));
	pr_timing_found(w.t, &found);
	ck_assert_uint_eq(found.without, 1);
	ck_assert_uint_eq(found.wrong, 2);
	ck_assert_uint_eq(found.wrong_row, 4);
	ck_assert_str_eq(found.wrong_name, "Mars/Olympus");
	ck_instant_eq(found.last_deadline_ms, utc("2026-12-02T04:00"));
	finish(&w);
}
END_TEST

START_TEST(a_deadline_before_the_first_opening_is_never)
{
	struct world w;
	build(&w,
	      "start: '2026-12-01T09:00', timezone: recipient, deadline: '2026-12-01T20:00',"
	      " quiet: '08:00-20:00'",
	      "", "2026-11-29T00:00");
	ck_instant_eq(first(&w, 1, "Asia/Tokyo", "", -1), PR_NEVER_MS);
	finish(&w);
	build(&w, "start: '2026-12-01T09:00', timezone: recipient, passed: skip", "",
	      "2026-12-01T12:00");
	struct pr_timing_row r = row(&w, 1, "Asia/Tokyo", "");
	struct pr_first f = pr_timing_first(w.t, &r, -1);
	ck_assert(f.due_ms == PR_NEVER_MS && f.passed);
	ck_instant_eq(first(&w, 2, "America/Los_Angeles", "", -1), utc("2026-12-01T17:00"));
	finish(&w);
}
END_TEST

START_TEST(quiet_hours_hold_a_row_back_until_they_end)
{
	struct world w;
	build(&w, "window: '06:00-20:00'", "quiet: '21:00-08:00'", "2026-12-01T12:00");
	struct pr_timing_row r = row(&w, 1, "Asia/Tokyo", ""); /* 21:00 there */
	struct pr_opening o = pr_timing_next(w.t, &r, utc("2026-12-01T12:00"));
	ck_instant_eq(o.from_ms, utc("2026-12-02T06:00")); /* the campaign's clock is UTC */
	ck_instant_eq(o.to_ms, utc("2026-12-02T12:00"));
	o = pr_timing_next(w.t, &r, utc("2026-12-02T11:59")); /* asked again, later and earlier */
	ck_instant_eq(o.from_ms, utc("2026-12-02T11:59"));
	o = pr_timing_next(w.t, &r, utc("2026-12-01T11:59"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T11:59"));
	ck_instant_eq(first(&w, 2, "Europe/Berlin", "", -1), 0); /* may go with the others */
	ck_instant_eq(first(&w, 3, "Asia/Tokyo", "", -1), utc("2026-12-02T06:00"));
	finish(&w);
}
END_TEST

START_TEST(nothing_goes_before_its_start_whatever_the_ledger_says)
{
	struct world w;
	build(&w, "start: '2026-12-01T09:00', timezone: recipient, hour: best", "",
	      "2026-11-29T00:00");
	struct pr_timing_row r = row(&w, 1, "Asia/Tokyo", "");
	struct pr_opening o = pr_timing_next(w.t, &r, utc("2026-11-30T00:00"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T00:00"));
	o = pr_timing_next(w.t, &r, utc("2026-11-30T23:59"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T00:00"));
	o = pr_timing_next(w.t, &r, utc("2026-12-01T00:00"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T00:00"));
	finish(&w);
	build(&w, "start: '2026-12-01T09:00', timezone: recipient, passed: skip", "",
	      "2026-12-02T00:00");
	r = row(&w, 1, "Asia/Tokyo", "");
	o = pr_timing_next(w.t, &r, utc("2026-12-02T00:01"));
	ck_instant_eq(o.from_ms, utc("2026-12-02T00:01"));
	finish(&w);
}
END_TEST

START_TEST(holidays_are_those_of_the_country_if_they_are_kept)
{
	struct world w;
	build(&w, "start: '2026-12-25T09:00', timezone: recipient, holidays: [DE]", "",
	      "2026-12-01T12:00");
	ck_instant_eq(first(&w, 1, "Europe/Berlin", "de", -1), utc("2026-12-26T23:00"));
	ck_instant_eq(first(&w, 2, "Europe/Berlin", "US", -1), utc("2026-12-25T08:00"));
	ck_instant_eq(first(&w, 3, "Europe/Berlin", "", -1), utc("2026-12-25T08:00"));
	finish(&w);
}
END_TEST

START_TEST(jitter_spreads_rows_within_the_opening_and_is_the_same_again)
{
	struct world w;
	int64_t start = utc("2026-12-01T08:00"), least = INT64_MAX, most = 0;
	build(&w,
	      "start: '2026-12-01T09:00', timezone: recipient, jitter: 10m, window: '09:00-09:05'",
	      "", "2026-11-29T00:00");
	for (uint32_t i = 1; i <= 500; i++) {
		int64_t due = first(&w, i, "Europe/Berlin", "", -1);
		ck_instant_eq(due, first(&w, i, "Europe/Berlin", "", -1));
		ck_assert(due >= start && due < start + 5 * PR_MINUTE_MS);
		least = due < least ? due : least;
		most = due > most ? due : most;
	}
	ck_assert(most - least > 4 * PR_MINUTE_MS);
	finish(&w);
}
END_TEST

START_TEST(the_best_hour_of_a_row_else_the_fallback_hour)
{
	struct world w;
	build(&w,
	      "start: '2026-12-01T00:00', timezone: recipient, hour: best, fallback_hour: '10:30',"
	      " deadline: '2026-12-01T22:00'",
	      "", "2026-11-29T00:00");
	ck_instant_eq(first(&w, 1, "Asia/Tokyo", "", 19), utc("2026-12-01T10:00"));
	ck_instant_eq(first(&w, 2, "Asia/Tokyo", "", -1), utc("2026-12-01T01:30"));
	ck_instant_eq(first(&w, 3, "Asia/Tokyo", "", 0), utc("2026-11-30T15:00"));
	/* its hour is behind the deadline: better at another than never */
	ck_instant_eq(first(&w, 4, "Asia/Tokyo", "", 23), utc("2026-12-01T01:30"));
	finish(&w);
	build(&w,
	      "start: '2026-12-01T12:00', timezone: recipient, hour: best, fallback_hour: '10:30',"
	      " deadline: '2026-12-01T22:00'",
	      "", "2026-11-29T00:00");
	ck_instant_eq(first(&w, 1, "Asia/Tokyo", "", 9), utc("2026-12-01T03:00"));
	finish(&w);
}
END_TEST

START_TEST(without_anything_of_the_rows_the_timetable_is_enough)
{
	struct world w;
	build(&w, "start: '2026-12-01T09:00', window: '09:00-18:00'", "", "2026-11-29T00:00");
	ck_assert_ptr_null(w.t);
	finish(&w);
	build(&w, "quiet: none", "quiet: '21:00-08:00'", "2026-11-29T00:00");
	ck_assert_ptr_null(w.t);
	finish(&w);
}
END_TEST

START_TEST(a_variant_begins_at_its_own_time_by_the_same_clock)
{
	struct world w;
	char address[40];
	unsigned n[3] = {0};
	build(&w,
	      "start: '2026-12-01T09:00', timezone: recipient}\n"
	      "variants: {early: {}, late: {start: '2026-12-01T18:00'}",
	      "", "2026-11-29T00:00");
	ck_assert(pr_timing_by_variant(w.t));
	struct pr_timing_row r = row(&w, 1, "Asia/Tokyo", "");
	for (r.variant = 1; r.variant <= 2; r.variant++)
		ck_instant_eq(pr_timing_first(w.t, &r, -1).due_ms,
		              utc(r.variant == 1 ? "2026-12-01T00:00" : "2026-12-01T09:00"));
	struct pr_opening o = pr_timing_next(w.t, &r, utc("2026-12-01T08:00"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T08:00")); /* there is no third: the campaign's */
	r.variant = 2;
	o = pr_timing_next(w.t, &r, utc("2026-12-01T08:00"));
	ck_instant_eq(o.from_ms, utc("2026-12-01T09:00"));
	struct pr_split split;
	pr_split_init(&split, w.m, "");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(address, sizeof address, "user%u@x.example", i);
		r.address = pr_str(address);
		r.variant = 0;
		unsigned variant = pr_split_variant(&split, r.address, NULL);
		ck_instant_eq(pr_timing_first(w.t, &r, -1).due_ms,
		              utc(variant == 1 ? "2026-12-01T00:00" : "2026-12-01T09:00"));
		n[variant]++;
	}
	ck_assert(n[1] > 50 && n[2] > 50);
	finish(&w);
}
END_TEST

START_TEST(who_waits_for_the_winner_goes_by_the_start_of_the_campaign)
{
	struct world w;
	char address[40];
	unsigned rest = 0;
	struct pr_split split;
	build(&w,
	      "start: '2026-12-01T09:00'}\ntest: {share: 20%, wait: 4h}\n"
	      "variants: {a: {start: '2026-12-01T12:00'}, b: {start: '2026-12-01T18:00'}",
	      "", "2026-11-29T00:00");
	pr_split_init(&split, w.m, "");
	for (unsigned i = 0; i < 100; i++) {
		struct pr_timing_row r = row(&w, i + 1, "", "");
		snprintf(address, sizeof address, "user%u@x.example", i);
		r.address = pr_str(address);
		bool waits = pr_split_group(&split, r.address) == PR_GROUP_REST;
		ck_assert((pr_timing_first(w.t, &r, -1).due_ms == 0) == waits);
		rest += waits;
	}
	ck_assert_uint_gt(rest, 50);
	finish(&w);
}
END_TEST

START_TEST(names_that_people_make_up_do_not_pile_up)
{
	struct world w;
	char name[40];
	build(&w, "start: '2026-12-01T09:00', timezone: recipient", "", "2026-11-29T00:00");
	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(name, sizeof name, "No/Zone_%u", i);
		ck_instant_eq(first(&w, i, name, "", -1), utc("2026-12-01T09:00"));
	}
	ck_instant_eq(first(&w, 1, "Asia/Tokyo", "", -1), utc("2026-12-01T00:00"));
	finish(&w);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_start_is_by_the_clock_of_the_recipient, ROWS(starts)},
	    {the_best_hour_is_the_next_of_its_kind_behind_start},
	    {an_opening_is_what_nothing_shuts, ROWS(openings)},
	    {no_minute_earlier_would_have_done_and_all_of_an_opening_do},
	    {a_window_without_another_has_the_minutes_of_the_first_alone},
	    {everything_wrong_with_holidays_is_told},
	    {days_are_found_by_any_case},
	    {rows_begin_by_their_own_clocks_and_bad_zones_by_the_fallback},
	    {a_deadline_before_the_first_opening_is_never},
	    {quiet_hours_hold_a_row_back_until_they_end},
	    {nothing_goes_before_its_start_whatever_the_ledger_says},
	    {holidays_are_those_of_the_country_if_they_are_kept},
	    {jitter_spreads_rows_within_the_opening_and_is_the_same_again},
	    {the_best_hour_of_a_row_else_the_fallback_hour},
	    {without_anything_of_the_rows_the_timetable_is_enough},
	    {a_variant_begins_at_its_own_time_by_the_same_clock},
	    {who_waits_for_the_winner_goes_by_the_start_of_the_campaign},
	    {names_that_people_make_up_do_not_pile_up},
	};
	return suite_run("campaign_timing", NULL, NULL, tests, ROWS(tests));
}
