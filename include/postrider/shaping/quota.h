/*
 * Quotas: how many messages a day one source may send to one provider, by a warm-up or by the
 * provider's `daily`. Pure; the owner makes durable what a claim says, and counts by it.
 *
 * A *claim* is made durable before its messages are used: after a crash what was claimed counts
 * as sent. So a crash wastes at most a claim, and never is more sent than allowed.
 *
 *   begin (each day, each reload, each minute) -> claim -> write pr_quota_save -> durable -> take
 *
 * Days are numbered by the wall clock of the configured zone: 1970-01-01 is 0. A day once begun
 * is not begun again when the clock is set back by less than a day.
 */
#ifndef POSTRIDER_SHAPING_QUOTA_H
#define POSTRIDER_SHAPING_QUOTA_H

#include "postrider/campaign/schedule.h"
#include "postrider/shaping.h"

/* What a day allows. */
struct pr_allowance {
	int64_t day;
	int64_t n;       /* messages on it; INT64_MAX: not limited */
	int64_t ends_ms; /* when the next day begins, on the clock of now_ms */
	const char *who; /* "" where it is not limited; lives as long as its pr_shaping */
};
/* The lesser of the policy's `daily` and the warm-up (NULL: none) that began on the day `since`.
 * now_ms: monotonic, utc_ms: the same instant. */
struct pr_allowance pr_quota_today(const struct pr_shaping_policy *policy,
                                   const struct pr_warm_up *warm_up, int64_t since,
                                   const pr_zone *zone, int64_t now_ms, int64_t utc_ms);
/* "2026-11-01"; false: no such day. Years 2000 to 2099. */
bool pr_quota_parse_day(struct pr_str text, int64_t *day);

/* Zeroes: nothing used, not limited. */
struct pr_quota {
	struct pr_allowance today;
	bool limited;
	int64_t claimed; /* today, durably */
	int64_t asked;   /* today, with what is being made durable; claimed or more */
	int64_t used;    /* today */
};

/* Another day, or other figures for the same. Days and clocks that jump: see above. */
void pr_quota_begin(struct pr_quota *q, const struct pr_allowance *today);
/* Room for n messages is wanted (n: a block, what a crash may waste). How many more have to be
 * made durable first: save, write, and say pr_quota_durable when it is there. 0: half of n and
 * more is there, a claim is under way, or the day has no more. A write that failed is repeated
 * with what pr_quota_save gives. */
int64_t pr_quota_claim(struct pr_quota *q, int64_t n);
#define PR_QUOTA_TEXT_MAX 64
/* "20783 1500": the day and all that is claimed on it. Its length; 0: nothing to keep. */
size_t pr_quota_save(const struct pr_quota *q, char out[PR_QUOTA_TEXT_MAX]);
/* What pr_quota_save had given is durable. Of another day: nothing happens. */
void pr_quota_durable(struct pr_quota *q, struct pr_str saved);
/* After a start, before pr_quota_begin. PR_EINVAL: it is none; q is as it was. */
int pr_quota_restore(struct pr_quota *q, struct pr_str saved);

/* How many may be sent now; INT64_MAX: not limited. */
int64_t pr_quota_room(const struct pr_quota *q);
/* How many the day still has, claimed or not; INT64_MAX: not limited. */
int64_t pr_quota_left(const struct pr_quota *q);
void pr_quota_take(struct pr_quota *q); /* one is sent */

#endif
