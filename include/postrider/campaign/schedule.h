/*
 * When a campaign may send: start, window, deadline, lateness. Pure: time comes in as an
 * argument; time zones are IANA names, read through GLib from the system's tz database.
 *
 * Local times that do not exist (summer time begins) are read with the offset before the
 * gap: 02:30 becomes 03:30. Local times that exist twice (it ends) mean the first of the two.
 * Both as RFC 5545 section 3.3.5 has it. A window follows the wall clock: hours that do not
 * exist do not open it, hours that come twice open it twice.
 */
#ifndef POSTRIDER_CAMPAIGN_SCHEDULE_H
#define POSTRIDER_CAMPAIGN_SCHEDULE_H

#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/base/str.h"
#include "postrider/base/yaml.h"

/* ---- time zones ---- */
typedef struct pr_zone pr_zone; /* immutable, any thread */
/* "Europe/Berlin", "UTC". PR_EINVAL when the system knows no such zone. */
int pr_zone_open(const char *name, pr_zone **out, struct pr_error *e);
void pr_zone_unref(pr_zone *z);                             /* NULL: nothing */
int64_t pr_zone_offset_s(const pr_zone *z, int64_t utc_ms); /* east is positive */

/* ---- a point in time as people write it ---- */
struct pr_when {
	bool set, fixed;  /* fixed: it had Z or an offset, the zone does not matter */
	int64_t local_ms; /* as if it were UTC; fixed: UTC */
};
/* "2026-12-01T08:00", also with seconds, a space for the T, Z or +01:00 at the end. False when
 * not so or no such day. Years 2000 to 2099. */
bool pr_when_parse(struct pr_str text, struct pr_when *out);
int64_t pr_when_utc_ms(const struct pr_when *when, const pr_zone *z);
/* "08:00", "8:30", "24:00"; minutes of the day, -1 when not so. */
int pr_clock_parse(struct pr_str text);
int64_t pr_local_ms(const pr_zone *z, int64_t utc_ms); /* the wall clock, as if it were UTC */
int64_t pr_local_to_utc_ms(const pr_zone *z, int64_t local_ms); /* and back */

/* The day, the week (from Monday) and the month around utc_ms on the wall clock: when they began
 * and end, in UTC. */
enum { PR_CALENDAR_DAY, PR_CALENDAR_WEEK, PR_CALENDAR_MONTH, PR_CALENDAR_SPANS };
struct pr_calendar {
	int64_t since_ms[PR_CALENDAR_SPANS], until_ms[PR_CALENDAR_SPANS];
};
void pr_calendar_at(const pr_zone *z, int64_t utc_ms, struct pr_calendar *out);

/* ---- windows ---- */
#define PR_WINDOW_SPANS 64
struct pr_window { /* no spans: always open */
	unsigned n;
	struct {
		uint16_t from, to; /* minutes of the week, Monday 00:00 = 0; from < to <= 10080 */
	} spans[PR_WINDOW_SPANS];  /* sorted, neither touch nor overlap */
};
/* "Mon-Fri 08:00-11:00", several separated by commas; "Mon,Wed 08:00-11:00"; without days:
 * those of the one before, else every day; "22:00-06:00" ends on the next day.
 * NULL, or what is wrong (static text). */
const char *pr_window_parse(struct pr_str text, struct pr_window *out);
bool pr_window_open(const struct pr_window *w, const pr_zone *z, int64_t utc_ms);
/* The first instant after utc_ms at which pr_window_open answers otherwise; INT64_MAX: never. */
int64_t pr_window_next_change(const struct pr_window *w, const pr_zone *z, int64_t utc_ms);
/* What of w (no spans: of the week) lies outside `out`. False: nothing does, or too many parts. */
bool pr_window_without(const struct pr_window *w, const struct pr_window *out,
                       struct pr_window *left);

/* ---- a campaign's schedule ---- */
/* Quiet hours: a window in which nobody gets anything. */
struct pr_quiet {
	unsigned set;            /* 0: not said */
	struct pr_window window; /* no spans: none */
};
/* Like a window, or "none"; for schemas. */
const char *pr_quiet_parse(struct pr_str text, void *quiet);
enum pr_passed { /* a recipient's start has passed when the campaign comes: */
	         PR_PASSED_NEXT_DAY,
	         PR_PASSED_NOW,
	         PR_PASSED_SKIP,
};
struct pr_schedule { /* as in the manifest */
	struct pr_when start, deadline;
	const char *timezone;          /* NULL: that of postrider.yaml, or by_recipient */
	const char *fallback_timezone; /* NULL: the same */
	bool by_recipient;             /* `timezone: recipient`: see campaign/timing.h */
	int64_t late_ms;
	struct pr_window window;
	struct pr_quiet quiet;
	struct pr_texts holidays; /* codes of countries; n 0: none are kept */
	int64_t jitter_ms;
	bool best_hour;
	int fallback_minute; /* of the day: who has no best hour */
	int passed;          /* enum pr_passed */
};
struct pr_timetable { /* the same in UTC */
	pr_zone *zone;
	int64_t start_ms;    /* 0: at once */
	int64_t begin_ms;    /* when it may first send: start, or the window's opening after it */
	int64_t deadline_ms; /* INT64_MAX: none */
	int64_t late_ms;
	struct pr_window window;
};
/* Of a schedule by recipient: as it is for whoever is in the fallback zone. */
int pr_timetable_init(const struct pr_schedule *s, const char *timezone_default,
                      struct pr_timetable *out, struct pr_error *e);
/* When its start comes for anybody, UTC; 0: at once. By recipients that is in the zone where days
 * begin first, whether or not somebody lives there: before the rows are chosen nobody knows. */
#define PR_ZONE_EASTMOST_MS (14 * PR_HOUR_MS) /* Kiritimati's, ahead of UTC */
int64_t pr_timetable_first_ms(const struct pr_timetable *t, const struct pr_schedule *s);
void pr_timetable_finish(struct pr_timetable *t);

enum pr_gate {
	PR_GATE_EARLY, /* before start */
	PR_GATE_LATE,  /* has not begun and begin_ms is longer ago than late_ms: hold it */
	PR_GATE_SHUT,  /* outside the window */
	PR_GATE_OPEN,
	PR_GATE_OVER, /* the deadline has passed: what is unsent is skipped */
};
/* What holds at utc_ms. begun: something of it has been sent before. *next_ms: when to ask again
 * (the answer may change then); INT64_MAX: never. A jump of the clock calls for asking at once. */
enum pr_gate pr_timetable_gate(const struct pr_timetable *t, bool begun, int64_t utc_ms,
                               int64_t *next_ms);

#endif
