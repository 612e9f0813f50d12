/*
 * Time. The program runs on the monotonic clock and keeps UTC on disk. All
 * instants are 64-bit milliseconds: `_ms` alone or `mono_ms` on the monotonic
 * clock, `utc_ms` since 1970-01-01T00:00Z.
 */
#ifndef POSTRIDER_BASE_CLOCK_H
#define POSTRIDER_BASE_CLOCK_H

#include "postrider/base/str.h"

#define PR_SECOND_MS 1000LL
#define PR_MINUTE_MS (60 * PR_SECOND_MS)
#define PR_HOUR_MS (60 * PR_MINUTE_MS)
#define PR_DAY_MS (24 * PR_HOUR_MS)

int64_t pr_mono_ms(void);
int64_t pr_mono_us(void);
int64_t pr_utc_ms(void);

#define PR_RFC3339_SIZE 25
/* "2026-12-01T08:00:00.000Z" (RFC 3339, UTC, ms) into out[PR_RFC3339_SIZE]. */
char *pr_format_rfc3339(int64_t utc_ms, char *out);
/* What people and programs write of it: a day alone (its begin in UTC), or a day, T or a space,
 * hours and minutes, seconds and their fraction if wanted, then Z, +01:00 or nothing (UTC). Years
 * 1970 to 9999. False when not so. */
bool pr_parse_rfc3339(struct pr_str s, int64_t *utc_ms);
/* "90s", "15m", "2h", "3d", "250ms"; digits and one unit. False when not so. */
bool pr_parse_duration(struct pr_str s, int64_t *ms);
/* "25M": digits and an optional K, M, G (powers of 1024). */
bool pr_parse_size(struct pr_str s, uint64_t *octets);

/* Rates are kept exact: count messages in period_ms. */
struct pr_rate {
	uint32_t count;     /* 0: no limit */
	uint32_t period_ms; /* 1000, 60000, 3600000, 86400000 */
};
/* "100/s", "5000/h", also /m and /d. */
bool pr_parse_rate(struct pr_str s, struct pr_rate *out);

#endif
