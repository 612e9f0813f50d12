/* Instants with their offset from UTC, read from text and formatted as Ruby does. */
#ifndef POSTRIDER_LIQUID_DATE_H
#define POSTRIDER_LIQUID_DATE_H

#include "filter.h"

struct lq_time {
	int64_t seconds; /* since 1970-01-01T00:00Z */
	int32_t nanos;
	int32_t offset;                 /* local time is seconds + offset */
	char zone[8];                   /* "UTC", "CET"; "" where only the offset is known */
	const struct lq_locale *locale; /* of names; NULL: English */
};

struct lq_civil {
	int64_t year;
	int month, day, hour, minute, second; /* month 1-12 */
	int weekday, yearday;                 /* Sunday 0; January 1st 0 */
};

int64_t lq_days(int64_t year, int month, int day); /* since 1970-01-01 */
struct lq_civil lq_civil_of(const struct lq_time *t);

/* As Ruby's Time.parse: what is not given comes from `now`; a time without a zone is
 * in the zone of `zone` (an IANA name or NULL for UTC). False where there is neither
 * date nor time in it. */
bool lq_time_parse(struct pr_str s, const struct lq_time *now, const char *zone, struct lq_time *t);
/* The same for what machines write (2024-01-31[T10:20[:30]][Z]) alone: at once, and
 * without `now`. */
bool lq_time_parse_iso(struct pr_str s, const char *zone, struct lq_time *t);
void lq_time_format(struct lq_builder *b, const struct lq_time *t, struct pr_str format,
                    unsigned depth);

/* zone.c: give t the offset and abbreviation in force then. UTC, and false, for a zone
 * that is not known. */
bool lq_zone_apply(const char *name, struct lq_time *t);
/* The same for a local time (seconds as if it were UTC). */
bool lq_zone_from_local(const char *name, int64_t local, struct lq_time *t);

#endif
