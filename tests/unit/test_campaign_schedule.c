/* Zones, windows and schedules on the days when clocks change. */
#include "time_help.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *zone, *local, *utc;
} instants[] = {
    {"UTC", "2026-12-01T08:00", "2026-12-01T08:00"},
    {"Europe/Berlin", "2026-12-01T08:00", "2026-12-01T07:00"},
    {"Europe/Berlin", "2026-07-01T08:00:30", "2026-07-01T06:00:30"},
    {"Europe/Berlin", "2026-07-01 08:00", "2026-07-01T06:00"},
    /* 29 March 2026: 02:00 CET becomes 03:00 CEST */
    {"Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59"},
    {"Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"},
    {"Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30"},
    {"Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"},
    /* 25 October 2026: 03:00 CEST becomes 02:00 CET; 02:30 comes twice */
    {"Europe/Berlin", "2026-10-25T01:59", "2026-10-24T23:59"},
    {"Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"},
    {"Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"},
    /* 8 March and 1 November 2026 */
    {"America/New_York", "2026-03-08T02:30", "2026-03-08T07:30"},
    {"America/New_York", "2026-03-08T03:00", "2026-03-08T07:00"},
    {"America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"},
    {"America/New_York", "2026-11-01T02:00", "2026-11-01T07:00"},
    /* Lord Howe moves by half an hour: 5 April and 4 October 2026, at 02:00 */
    {"Australia/Lord_Howe", "2026-10-04T01:59", "2026-10-03T15:29"},
    {"Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45"},
    {"Australia/Lord_Howe", "2026-10-04T02:30", "2026-10-03T15:30"},
    {"Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"},
    {"Australia/Lord_Howe", "2026-04-05T02:00", "2026-04-04T15:30"},
    {"Asia/Kathmandu", "2026-06-01T00:00", "2026-05-31T18:15"},
    /* an offset in the text wins over the zone */
    {"Europe/Berlin", "2026-12-01T08:00Z", "2026-12-01T08:00"},
    {"Europe/Berlin", "2026-12-01T08:00-05:30", "2026-12-01T13:30"},
    {"Asia/Kathmandu", "2024-02-29T08:00:00+02:00", "2024-02-29T06:00"},
};

START_TEST(local_time_becomes_utc)
{
	struct pr_when when;
	pr_zone *z = zone(instants[_i].zone);
	ck_assert(pr_when_parse(pr_str(instants[_i].local), &when));
	int64_t wanted = utc(instants[_i].utc) + (instants[_i].utc[16] ? 30 * PR_SECOND_MS : 0);
	ck_instant_eq(pr_when_utc_ms(&when, z), wanted);
	pr_zone_unref(z);
}
END_TEST

START_TEST(what_is_no_day_and_time_is_refused)
{
	static const char *const wrong[] = {"",
	                                    "2026-12-01",
	                                    "08:00",
	                                    "2026-12-1T08:00",
	                                    "2026-13-01T08:00",
	                                    "2026-02-29T08:00",
	                                    "2026-04-31T08:00",
	                                    "2026-12-01T24:00",
	                                    "2026-12-01T08:60",
	                                    "2026-12-01T8:00",
	                                    "2026-12-01T08:00:61",
	                                    "2026-12-01T08:00 PM",
	                                    "2026-12-01T08:00+1",
	                                    "2026-12-01T08:00+15:00",
	                                    "1999-12-01T08:00",
	                                    "2100-01-01T08:00",
	                                    "2026-12-01T08:00ZZ",
	                                    "26-12-01T08:00",
	                                    "2026-12-01T08",
	                                    "2026/12/01T08:00",
	                                    "+026-12-01T08:00"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct pr_when when = {0};
		ck_assert_msg(!pr_when_parse(pr_str(wrong[i]), &when), "%s", wrong[i]);
		ck_assert(!when.set);
	}
}
END_TEST

static const struct {
	const char *zone, *now, *day, *day_end, *week, *month, *month_end; /* UTC */
} calendars[] = {
    {"UTC", "2026-11-26T23:59:59Z", "2026-11-26", "2026-11-27", "2026-11-23", "2026-11-01",
     "2026-12-01"},
    {"Europe/Berlin", "2026-11-26T23:30:00Z", "2026-11-26T23:00Z", "2026-11-27T23:00Z",
     "2026-11-22T23:00Z", "2026-10-31T23:00Z", "2026-11-30T23:00Z"},
    {"Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z",
     "2026-10-18T22:00Z", "2026-09-30T22:00Z", "2026-10-31T23:00Z"}, /* a day of 25 hours */
    {"Pacific/Kiritimati", "2026-12-31T11:00:00Z", "2026-12-31T10:00Z", "2027-01-01T10:00Z",
     "2026-12-27T10:00Z", "2026-12-31T10:00Z", "2027-01-31T10:00Z"}, /* its New Year */
    {"Pacific/Pago_Pago", "2027-01-01T10:59:00Z", "2026-12-31T11:00Z", "2027-01-01T11:00Z",
     "2026-12-28T11:00Z", "2026-12-01T11:00Z", "2027-01-01T11:00Z"},
    {"Asia/Kathmandu", "2026-03-01T18:20:00Z", "2026-03-01T18:15Z", "2026-03-02T18:15Z",
     "2026-03-01T18:15Z", "2026-02-28T18:15Z", "2026-03-31T18:15Z"},
};

static int64_t
instant(const char *text)
{
	int64_t ms;
	ck_assert_msg(pr_parse_rfc3339(pr_str(text), &ms), "%s", text);
	return ms;
}

START_TEST(days_weeks_and_months_are_those_of_the_zone)
{
	struct pr_calendar c;
	pr_zone *z;
	ck_assert_int_eq(pr_zone_open(calendars[_i].zone, &z, NULL), 0);
	pr_calendar_at(z, instant(calendars[_i].now), &c);
	ck_assert_int_eq(c.since_ms[PR_CALENDAR_DAY], instant(calendars[_i].day));
	ck_assert_int_eq(c.until_ms[PR_CALENDAR_DAY], instant(calendars[_i].day_end));
	ck_assert_int_eq(c.since_ms[PR_CALENDAR_WEEK], instant(calendars[_i].week));
	ck_assert_int_eq(c.since_ms[PR_CALENDAR_MONTH], instant(calendars[_i].month));
	ck_assert_int_eq(c.until_ms[PR_CALENDAR_MONTH], instant(calendars[_i].month_end));
	pr_zone_unref(z);
}
END_TEST

START_TEST(only_names_of_the_tz_database_are_zones)
{
	static const char *const wrong[] = {"",
	                                    "Mars/Olympus",
	                                    "Europe/Berln",
	                                    "../../../etc/passwd",
	                                    "/etc/localtime",
	                                    "Europe",
	                                    "Europe/",
	                                    "zone.tab",
	                                    "tzdata.zi",
	                                    "+01:00",
	                                    "Europe/Berlin\n",
	                                    "recipient",
	                                    "Europe//Berlin/../Berlin"};
	pr_zone *z = NULL;
	struct pr_error e;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(pr_zone_open(wrong[i], &z, &e) == PR_EINVAL && !z, "%s", wrong[i]);
}
END_TEST

static const struct {
	const char *text, *spans; /* "from-to from-to": minutes of the week */
} windows[] = {
    {"08:00-11:00", "480-660 1920-2100 3360-3540 4800-4980 6240-6420 7680-7860 9120-9300"},
    {"Mon 08:00-11:00", "480-660"},
    {"monday 8:00-11:00", "480-660"},
    {"Mon-Wed 00:00-24:00", "0-4320"},
    {"Mon,Wed 08:00-11:00", "480-660 3360-3540"},
    {"Mon , Wed-Thu 08:00 - 11:00", "480-660 3360-3540 4800-4980"},
    {"Mon 08:00-11:00, 14:00-15:00", "480-660 840-900"},
    {"Mon 08:00-11:00, Tue 09:00-10:00", "480-660 1980-2040"},
    {"Mon 08:00-11:00, 10:00-12:00", "480-720"},
    {"Mon 08:00-11:00, 11:00-12:00", "480-720"},
    {"Mon 22:00-06:00", "1320-1800"},
    {"Sun 22:00-06:00", "0-360 9960-10080"},
    {"Sat-Mon 09:00-10:00", "540-600 7740-7800 9180-9240"},
    {"00:00-24:00", "0-10080"},
    {"FRI 23:00-24:00", "7140-7200"},
};

START_TEST(windows_are_read_as_people_write_them)
{
	struct pr_window w;
	struct pr_buf {
		char text[400];
		size_t n;
	} b = {{0}, 0};
	const char *wrong = pr_window_parse(pr_str(windows[_i].text), &w);
	ck_assert_msg(!wrong, "%s %s", windows[_i].text, wrong);
	for (unsigned i = 0; i < w.n; i++)
		b.n += (size_t)snprintf(b.text + b.n, sizeof b.text - b.n, "%s%u-%u", i ? " " : "",
		                        w.spans[i].from, w.spans[i].to);
	ck_assert_str_eq(b.text, windows[_i].spans);
}
END_TEST

START_TEST(what_is_no_window_is_refused)
{
	static const char *const wrong[] = {"",
	                                    " ",
	                                    ",",
	                                    "Mon",
	                                    "Mon-Fri",
	                                    "Mon-Fri 8-11",
	                                    "Mon-Fri 08:00",
	                                    "Mon 08:00-25:00",
	                                    "Mon 08:00-08:00",
	                                    "Mon 08:60-09:00",
	                                    "Mon 24:00-09:00",
	                                    "Foo 08:00-09:00",
	                                    "Mo 08:00-09:00",
	                                    "Mon- 08:00-09:00",
	                                    "08:00-09:00,",
	                                    "Mon 08:00-09:00 Tue",
	                                    "Mond 08:00-09:00",
	                                    "Mon 08:00-09:00-10:00",
	                                    "Mon 24:01-09:00",
	                                    "08:00-11:00, Tue",
	                                    "-08:00-09:00"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct pr_window w = {.n = 77};
		ck_assert_msg(pr_window_parse(pr_str(wrong[i]), &w) != NULL, "%s", wrong[i]);
		ck_assert_uint_eq(w.n, 77);
	}
}
END_TEST

START_TEST(windows_have_a_bound)
{
	char text[40 * 20] = "";
	struct pr_window w;
	for (unsigned i = 0; i < 20; i++)
		sprintf(text + strlen(text), "%s%02u:00-%02u:30", i ? "," : "", i, i);
	ck_assert_str_eq(pr_window_parse(pr_str(text), &w), "has too many parts");
}
END_TEST

static const struct {
	const char *zone, *window, *at;
	bool open;
	const char *change; /* UTC; NULL: never */
} changes[] = {
    {"UTC", "Mon-Fri 08:00-11:00", "2026-12-01T07:59", false, "2026-12-01T08:00"},
    {"UTC", "Mon-Fri 08:00-11:00", "2026-12-01T08:00", true, "2026-12-01T11:00"},
    {"UTC", "Mon-Fri 08:00-11:00", "2026-12-01T11:00", false, "2026-12-02T08:00"},
    {"UTC", "Mon-Fri 08:00-11:00", "2026-12-04T11:00", false, "2026-12-07T08:00"},
    {"UTC", "00:00-24:00", "2026-12-04T11:00", true, NULL},
    {"UTC", "Sun 22:00-06:00", "2026-12-06T23:00", true, "2026-12-07T06:00"},
    {"UTC", "Mon 00:00-24:00", "2026-12-08T00:00", false, "2026-12-14T00:00"},
    {"Asia/Kathmandu", "08:00-11:00", "2026-12-01T00:00", false, "2026-12-01T02:15"},
    {"Asia/Kathmandu", "08:00-11:00", "2026-12-01T02:15", true, "2026-12-01T05:15"},
    /* Berlin, the day summer time begins */
    {"Europe/Berlin", "Sun 01:00-04:00", "2026-03-29T00:00", true, "2026-03-29T02:00"},
    {"Europe/Berlin", "Sun 02:00-02:30", "2026-03-28T12:00", false, "2026-04-05T00:00"},
    {"Europe/Berlin", "Sun 02:30-04:00", "2026-03-29T00:30", false, "2026-03-29T01:00"},
    {"Europe/Berlin", "Sun 01:00-02:30", "2026-03-29T00:30", true, "2026-03-29T01:00"},
    {"Europe/Berlin", "Mon 08:00-11:00", "2026-03-28T12:00", false, "2026-03-30T06:00"},
    /* and the day it ends: 02:00-03:00 comes twice */
    {"Europe/Berlin", "Sun 02:00-03:00", "2026-10-25T00:00", true, "2026-10-25T02:00"},
    {"Europe/Berlin", "Sun 02:00-02:30", "2026-10-25T00:00", true, "2026-10-25T00:30"},
    {"Europe/Berlin", "Sun 02:00-02:30", "2026-10-25T00:30", false, "2026-10-25T01:00"},
    {"Europe/Berlin", "Sun 02:00-02:30", "2026-10-25T01:00", true, "2026-10-25T01:30"},
    {"America/New_York", "22:00-06:00", "2026-03-08T03:00", true, "2026-03-08T10:00"},
    {"America/New_York", "22:00-06:00", "2026-11-01T02:00", true, "2026-11-01T11:00"},
    /* Lord Howe: 02:00 becomes 02:30 on 4 October, 01:30 on 5 April */
    {"Australia/Lord_Howe", "Sun 01:00-02:15", "2026-10-03T15:00", true, "2026-10-03T15:30"},
    {"Australia/Lord_Howe", "Sun 01:00-03:00", "2026-10-03T15:00", true, "2026-10-03T16:00"},
    {"Australia/Lord_Howe", "Sun 01:45-03:00", "2026-04-04T14:45", true, "2026-04-04T15:00"},
    {"Australia/Lord_Howe", "Sun 01:45-03:00", "2026-04-04T15:00", false, "2026-04-04T15:15"},
};

START_TEST(windows_open_and_close_by_the_wall_clock)
{
	struct pr_window w;
	pr_zone *z = zone(changes[_i].zone);
	int64_t at = utc(changes[_i].at);
	ck_assert_ptr_null(pr_window_parse(pr_str(changes[_i].window), &w));
	ck_assert_int_eq(pr_window_open(&w, z, at), changes[_i].open);
	ck_instant_eq(pr_window_next_change(&w, z, at),
	              changes[_i].change ? utc(changes[_i].change) : INT64_MAX);
	pr_zone_unref(z);
}
END_TEST

/* The truth, minute by minute: over three weeks around each change of the clocks. */
START_TEST(next_change_agrees_with_looking_every_minute)
{
	static const char *const zones[] = {"Europe/Berlin", "America/New_York",
	                                    "Australia/Lord_Howe", "Asia/Kathmandu"};
	static const char *const texts[] = {"Mon-Fri 08:00-11:00",
	                                    "Sun 01:30-02:45, Sat 22:00-03:15", "23:50-00:10",
	                                    "Sun 02:00-02:30, 03:00-03:30"};
	static const char *const begins[] = {"2026-03-20T00:07", "2026-10-15T00:07"};
	for (unsigned i = 0; i < 32; i++) {
		struct pr_window w;
		pr_zone *z = zone(zones[i % 4]);
		ck_assert_ptr_null(pr_window_parse(pr_str(texts[i / 4 % 4]), &w));
		int64_t t = utc(begins[i / 16]), end = t + 21 * PR_DAY_MS;
		while (t < end) {
			int64_t next = t;
			bool open = pr_window_open(&w, z, t);
			while (pr_window_open(&w, z, next) == open)
				next += PR_MINUTE_MS;
			next -= next % PR_MINUTE_MS;
			ck_instant_eq(pr_window_next_change(&w, z, t), next);
			t = next + 17 * PR_SECOND_MS;
		}
		pr_zone_unref(z);
	}
}
END_TEST

static struct pr_timetable
timetable(const char *start, const char *deadline, const char *window)
{
	struct pr_schedule s = {.late_ms = 6 * PR_HOUR_MS, .timezone = "Europe/Berlin"};
	struct pr_timetable t;
	ck_assert(!start || pr_when_parse(pr_str(start), &s.start));
	ck_assert(!deadline || pr_when_parse(pr_str(deadline), &s.deadline));
	ck_assert(!window || !pr_window_parse(pr_str(window), &s.window));
	ck_assert_int_eq(pr_timetable_init(&s, "UTC", &t, NULL), 0);
	return t;
}

/* Berlin in December is an hour ahead of UTC. 5 December 2026 is a Saturday. */
static const struct {
	const char *start, *deadline, *window, *at;
	bool begun;
	enum pr_gate gate;
	const char *next;
} gates[] = {
    {NULL, NULL, NULL, "2026-12-01T00:00", false, PR_GATE_OPEN, NULL},
    {"2026-12-01T08:00", NULL, NULL, "2026-12-01T06:59", false, PR_GATE_EARLY, "2026-12-01T07:00"},
    {"2026-12-01T08:00", NULL, NULL, "2026-12-01T13:00", false, PR_GATE_OPEN, NULL},
    {"2026-12-01T08:00", NULL, NULL, "2026-12-01T13:01", false, PR_GATE_LATE, NULL},
    {"2026-12-01T08:00", NULL, NULL, "2026-12-01T13:01", true, PR_GATE_OPEN, NULL},
    {"2026-12-01T08:00", "2026-12-01T20:00", NULL, "2026-12-01T13:01", true, PR_GATE_OPEN,
     "2026-12-01T19:00"},
    {"2026-12-01T08:00", "2026-12-01T20:00", NULL, "2026-12-01T19:00", true, PR_GATE_OVER, NULL},
    {"2026-12-01T08:00", "2026-12-01T20:00", NULL, "2026-12-01T13:01", false, PR_GATE_LATE,
     "2026-12-01T19:00"},
    {NULL, NULL, "Mon-Fri 08:00-11:00", "2026-12-05T12:00", false, PR_GATE_SHUT,
     "2026-12-07T07:00"},
    {NULL, "2026-12-06T08:00", "Mon-Fri 08:00-11:00", "2026-12-05T12:00", false, PR_GATE_SHUT,
     "2026-12-06T07:00"},
    /* begins outside its window: not late before the window has opened */
    {"2026-12-05T08:00", NULL, "Mon-Fri 08:00-11:00", "2026-12-07T06:00", false, PR_GATE_SHUT,
     "2026-12-07T07:00"},
    {"2026-12-05T08:00", NULL, "Mon-Fri 08:00-11:00", "2026-12-07T08:00", false, PR_GATE_OPEN,
     "2026-12-07T10:00"},
    {"2026-12-05T08:00", NULL, "Mon-Fri 08:00-11:00", "2026-12-07T13:01", false, PR_GATE_LATE,
     NULL},
    {"2026-12-05T08:00", NULL, "Mon-Fri 08:00-11:00", "2026-12-07T13:01", true, PR_GATE_SHUT,
     "2026-12-08T07:00"},
};

START_TEST(schedule_says_what_holds_and_until_when)
{
	struct pr_timetable t = timetable(gates[_i].start, gates[_i].deadline, gates[_i].window);
	int64_t next;
	ck_assert_int_eq(pr_timetable_gate(&t, gates[_i].begun, utc(gates[_i].at), &next),
	                 gates[_i].gate);
	if (gates[_i].next)
		ck_instant_eq(next, utc(gates[_i].next));
	else if (gates[_i].gate != PR_GATE_OPEN && gates[_i].gate != PR_GATE_SHUT)
		ck_instant_eq(next, INT64_MAX);
	pr_timetable_finish(&t);
}
END_TEST

/* Whoever asks again at *next_ms, and never in between, misses nothing. */
START_TEST(asking_at_next_misses_no_change)
{
	struct pr_timetable t = timetable("2026-10-24T20:00", "2026-10-28T12:00",
	                                  "Sun 02:00-02:30, Mon-Fri 08:00-11:00");
	int64_t next = 0;
	enum pr_gate now = PR_GATE_EARLY;
	for (int64_t at = utc("2026-10-23T00:00"); at < utc("2026-10-30T00:00");
	     at += PR_MINUTE_MS) {
		int64_t unused;
		bool begun = at > utc("2026-10-25T01:10");
		if (at >= next)
			now = pr_timetable_gate(&t, begun, at, &next);
		ck_assert_int_eq(now, pr_timetable_gate(&t, begun, at, &unused));
	}
	ck_assert_int_eq(now, PR_GATE_OVER);
	pr_timetable_finish(&t);
}
END_TEST

/* What is chosen at the start must be there when the first of the world gets it. */
START_TEST(by_recipients_it_comes_first_in_kiritimati)
{
	struct pr_schedule s = {.fallback_timezone = "America/New_York", .by_recipient = true};
	struct pr_timetable t;
	pr_zone *kiritimati;
	ck_assert(pr_when_parse(pr_str("2026-12-01T09:00"), &s.start));
	ck_assert_int_eq(pr_timetable_init(&s, "UTC", &t, NULL), 0);
	ck_instant_eq(t.start_ms, utc("2026-12-01T14:00"));
	ck_instant_eq(pr_timetable_first_ms(&t, &s), utc("2026-11-30T19:00"));
	ck_assert_int_eq(pr_zone_open("Pacific/Kiritimati", &kiritimati, NULL), 0);
	ck_instant_eq(pr_when_utc_ms(&s.start, kiritimati), utc("2026-11-30T19:00"));
	pr_zone_unref(kiritimati);
	pr_timetable_finish(&t);
}
END_TEST

START_TEST(by_one_clock_or_none_the_start_is_the_first)
{
	struct pr_schedule s = {.fallback_timezone = "America/New_York", .by_recipient = true};
	struct pr_timetable t = timetable("2026-12-01T08:00", NULL, NULL);
	struct pr_schedule one = {.timezone = "Europe/Berlin"};
	ck_instant_eq(pr_timetable_first_ms(&t, &one), utc("2026-12-01T07:00"));
	pr_timetable_finish(&t);
	ck_assert_int_eq(pr_timetable_init(&s, "UTC", &t, NULL), 0);
	ck_instant_eq(pr_timetable_first_ms(&t, &s), 0);
	pr_timetable_finish(&t);
	ck_assert(pr_when_parse(pr_str("2026-12-01T09:00Z"), &s.start));
	ck_assert_int_eq(pr_timetable_init(&s, "UTC", &t, NULL), 0);
	ck_instant_eq(pr_timetable_first_ms(&t, &s), utc("2026-12-01T09:00"));
	pr_timetable_finish(&t);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {local_time_becomes_utc, ROWS(instants)},
	    {days_weeks_and_months_are_those_of_the_zone, ROWS(calendars)},
	    {what_is_no_day_and_time_is_refused},
	    {only_names_of_the_tz_database_are_zones},
	    {windows_are_read_as_people_write_them, ROWS(windows)},
	    {what_is_no_window_is_refused},
	    {windows_have_a_bound},
	    {windows_open_and_close_by_the_wall_clock, ROWS(changes)},
	    {next_change_agrees_with_looking_every_minute},
	    {schedule_says_what_holds_and_until_when, ROWS(gates)},
	    {asking_at_next_misses_no_change},
	    {by_recipients_it_comes_first_in_kiritimati},
	    {by_one_clock_or_none_the_start_is_the_first},
	};
	return suite_run("campaign_schedule", NULL, NULL, tests, ROWS(tests));
}
