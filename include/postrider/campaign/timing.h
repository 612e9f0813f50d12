/*
 * When a recipient may get something: start, window and deadline by the wall clock of the
 * campaign or of the recipient, the recipient's quiet hours and holidays, the hour that suits
 * best, and a little jitter.
 *
 * Words
 *   place     where somebody is, as a campaign sees it: zones and holidays. Many recipients
 *             share one
 *   opening   a stretch of time in which a place may get something
 *   first     the time a row has from the start: it is looked at once, when the campaign is
 *             imported
 *
 * The rules are pure: time comes in. pr_timing puts them to the rows of a campaign: it knows which
 * columns say where somebody is, and keeps what it found out of each place.
 */
#ifndef POSTRIDER_CAMPAIGN_TIMING_H
#define POSTRIDER_CAMPAIGN_TIMING_H

#include "postrider/campaign/config.h"
#include "postrider/campaign/holidays.h"
#include "postrider/campaign/manifest.h"

#define PR_NEVER_MS INT64_MAX

/* ---- the rules ---- */

struct pr_place {
	const pr_zone *campaign; /* whose clock start, window and deadline follow */
	const pr_zone *person;   /* ... quiet hours, holidays and the hour: the recipient's */
	const struct pr_days *holidays; /* NULL: none */
};
struct pr_opening { /* from <= t < to; from PR_NEVER_MS: never again */
	int64_t from_ms, to_ms;
};
/* What of the first opening that ends after utc_ms is left then: from_ms utc_ms, where it is open.
 * quiet: not in it. */
struct pr_opening pr_place_opening(const struct pr_schedule *s, const struct pr_window *quiet,
                                   const struct pr_place *place, int64_t utc_ms);
int64_t pr_place_deadline_ms(const struct pr_schedule *s, const struct pr_place *place);
/* When somebody's time begins, openings left aside. minute: of the day, where the schedule goes by
 * the hour that suits best. By recipients a start may have passed at accepted_ms, if by more than
 * PR_PASSED_GRACE_MS; PR_NEVER_MS: it has, and those are skipped. */
#define PR_PASSED_GRACE_MS (15 * PR_MINUTE_MS)
int64_t pr_place_start_ms(const struct pr_schedule *s, const struct pr_place *place, int minute,
                          int64_t accepted_ms);

/* The quiet hours in force: the manifest's, else, for marketing, the configuration's. */
const struct pr_window *pr_quiet_of(const struct pr_manifest *m, const struct pr_config *config);

/* ---- the rows of a campaign ---- */

/* Columns that say where somebody is, whatever their case, blanks, - and _. */
#define PR_TIMING_ZONE "timezone"
#define PR_TIMING_COUNTRY "country"
bool pr_timing_has_column(const struct pr_str *columns, size_t n, const char *plain);

typedef struct pr_timing pr_timing; /* counted references; used by one thread at a time */

struct pr_timing_source {
	const struct pr_manifest *manifest; /* both outlive the call only */
	const struct pr_config *config;
	const struct pr_str *columns; /* names of the rows' fields */
	size_t columns_n;
	const char *campaign_id; /* who gets which variant depends on it */
	uint32_t serial;         /* of the campaign: jitter depends on it */
	int64_t accepted_ms;     /* UTC: what has passed has passed then */
};
/* *out NULL: the rows have no times of their own, the timetable of the campaign is enough.
 * PR_EINVAL: a zone is not known here. */
int pr_timing_create(const struct pr_timing_source *source, pr_timing **out, struct pr_error *e);
pr_timing *pr_timing_ref(pr_timing *t);
void pr_timing_unref(pr_timing *t); /* NULL: nothing */

struct pr_timing_row {
	uint32_t row;
	struct pr_str data; /* packed fields */
	struct pr_str
	    address;     /* where variants have times of their own; else it is not looked at */
	uint8_t variant; /* it was sent with; 0: the one it will get */
};
struct pr_first {
	int64_t due_ms; /* PR_NEVER_MS: it gets nothing */
	bool passed;    /* never: its start had passed; else its deadline comes before */
};
/* hour: that suits best, 0 to 23, by the recipient's clock; -1: not known. Where
 * that does not come before the deadline the fallback hour holds, then the start. due_ms 0: as soon
 * as the campaign may send. */
struct pr_first pr_timing_first(pr_timing *t, const struct pr_timing_row *row, int hour);
/* May it go at utc_ms? What pr_place_opening says, and not before its start; jitter is added to a
 * time that is to come. */
struct pr_opening pr_timing_next(pr_timing *t, const struct pr_timing_row *row, int64_t utc_ms);
bool pr_timing_wants_hours(const pr_timing *t);
const pr_zone *pr_timing_fallback(const pr_timing *t);
/* Zone of the row, for whoever reads times by it; the name is a view. */
const pr_zone *pr_timing_zone(pr_timing *t, const struct pr_timing_row *row, const char **name);

/* What was found among the rows so far. */
struct pr_timing_found {
	uint64_t without, wrong; /* rows: no time zone, one that is none; both got the fallback */
	uint32_t wrong_row;      /* the first of these */
	char wrong_name[60];
	int64_t last_deadline_ms; /* of all places; PR_NEVER_MS: none */
};
void pr_timing_found(const pr_timing *t, struct pr_timing_found *out);
/* By the recipients' clocks: the campaign's own start, window and deadline hold for nobody. */
bool pr_timing_by_recipient(const pr_timing *t);
/* Some variant has a start of its own. Rows that wait for the winner of a test go by the
 * campaign's. */
bool pr_timing_by_variant(const pr_timing *t);

#endif
