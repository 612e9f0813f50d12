/*
 * The hour that suits somebody best: when people opened and clicked, by their own clock.
 *
 * What one person did is little and what everybody did is much: the person's events, each worth
 * half of what it was after 60 days and a click as much as two openings, are spread a little over
 * the hours beside theirs and added to what a few events of everybody would come to. Who did too
 * little has no best hour. Pure; the events come from audience.db (audience/track.h), where only
 * those of people are, not of machines.
 */
#ifndef POSTRIDER_AUDIENCE_HOURS_H
#define POSTRIDER_AUDIENCE_HOURS_H

#include "postrider/audience.h"

#define PR_HOURS 24
#define PR_HOURS_AGE_MS (180 * PR_DAY_MS) /* older events are not asked for */

struct pr_hours {
	double of[PR_HOURS]; /* weights by the hour of the local day */
	unsigned n;          /* events */
};
/* local_ms: the wall clock as if it were UTC; age_ms: not negative. */
void pr_hours_add(struct pr_hours *h, int64_t local_ms, int64_t age_ms, bool click);
/* 0 to 23; -1: not known. everybody: may be empty. */
int pr_hours_best(const struct pr_hours *h, const struct pr_hours *everybody);

/* The clicks of an address since then, then its openings, each the latest first, 400 at most in
 * all; no contact: none. */
int pr_engaged_times(pr_audience *a, struct pr_str address, int64_t since_ms,
                     void (*each)(void *context, int64_t at_ms, bool click), void *context,
                     struct pr_error *e);
/* The same of at most n contacts, evenly taken of all, with their time zones (empty: not known). */
int pr_engaged_sample(pr_audience *a, unsigned n, int64_t since_ms,
                      void (*each)(void *context, struct pr_str timezone, int64_t at_ms,
                                   bool click),
                      void *context, struct pr_error *e);

#endif
