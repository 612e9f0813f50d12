/*
 * What happens to contacts that a series of messages may wait for: a day of theirs comes, they did
 * something, they did not do it again. Whether anybody wants to write to them is not asked here.
 *
 * Words
 *   occurrence  what makes one time differ from another, as a number: the day (since
 *               1970-01-01), or the time of the event (ms, UTC)
 *   arrival     an event that has just become known, whatever its own time; only of watched
 *               names, of events younger than PR_ARRIVALS_KEPT_MS, and kept for so long
 *
 * 0, where it is not said otherwise; errors as in audience.h.
 */
#ifndef POSTRIDER_AUDIENCE_OCCUR_H
#define POSTRIDER_AUDIENCE_OCCUR_H

#include "postrider/audience.h"

#define PR_ARRIVALS_KEPT_MS (35 * PR_DAY_MS)
#define PR_OCCUR_DAYS_MAX 64u

struct pr_occurrence { /* views until `each` returns */
	int64_t contact;
	struct pr_str address, timezone; /* timezone n 0: not known */
	int64_t occurrence;
};
/* Returns false to stop. */
typedef bool pr_occur_each(void *context, const struct pr_occurrence *o);

/* Contacts whose attribute has one of these days (since 1970-01-01; at most PR_OCCUR_DAYS_MAX);
 * every year, from its own on: whatever its year. Who is of 29 February has 28 February in other
 * years. PR_ENOENT: there is no such attribute, or it is no date. */
int pr_occur_dates(pr_audience *a, struct pr_str attribute, const int64_t *days, size_t n,
                   bool every_year, pr_occur_each *each, void *context, struct pr_error *e);
/* Contacts whose last event of this name was at from_ms <= t < to_ms. */
int pr_occur_absences(pr_audience *a, struct pr_str event, int64_t from_ms, int64_t to_ms,
                      pr_occur_each *each, void *context, struct pr_error *e);

/* Arrivals are kept from now on. Within a transaction. */
int pr_occur_watch(pr_audience *a, struct pr_str event, struct pr_error *e);
/* Where the arrivals were then: those that came later are behind it. */
int pr_occur_before(pr_audience *a, int64_t utc_ms, int64_t *seq, struct pr_error *e);
/* Those behind *seq, at most max, in their order; *seq: the last that was given, or looked past. */
int pr_occur_events(pr_audience *a, struct pr_str event, unsigned max, int64_t *seq,
                    pr_occur_each *each, void *context, struct pr_error *e);
/* 1: the contact has an event of this name after that time. */
int pr_occur_since(pr_audience *a, int64_t contact, struct pr_str event, int64_t after_ms,
                   struct pr_error *e);

#endif
