/*
 * Pacing: the generic cell rate algorithm (ITU-T I.371), on the monotonic clock in
 * microseconds: one event an interval, each due when the one before it was due, not when it
 * happened. So late timers and a loop that stalls cost no rate: what they held up follows at
 * once, as long as they were not later than PR_GCRA_CATCH_UP_US. Nothing else is made up: a
 * campaign that begins, or had nothing to send, has nothing saved, unless pr_gcra_save says so.
 * Pure.
 */
#ifndef POSTRIDER_SHAPING_GCRA_H
#define POSTRIDER_SHAPING_GCRA_H

#include "postrider/base/clock.h"

#define PR_GCRA_CATCH_UP_US 100000.0
#define PR_GCRA_SAVED_US 20000.0 /* at least, where something is saved up: late timers */

struct pr_gcra {
	double interval_us; /* 0: no limit */
	double next_us;     /* when the next event is due */
	double saved_us;    /* how much of the time that has passed unused counts */
	bool held;          /* it is this limit that the next event waits for */
};

static inline void
pr_gcra_set(struct pr_gcra *g, struct pr_rate rate)
{
	g->interval_us = rate.count ? (double)rate.period_ms * 1000.0 / rate.count : 0;
}

/* Another rate from now on: nothing waits by the old one. */
static inline void
pr_gcra_change(struct pr_gcra *g, struct pr_rate rate, int64_t now_us)
{
	pr_gcra_set(g, rate);
	if (g->next_us > (double)now_us + g->interval_us)
		g->next_us = (double)now_us + g->interval_us;
}

/* After idleness `burst` events (1 or more) may go at once, or 20 ms of the rate. It takes the
 * place of catching up: over any time t no more than rate * t and that go. */
static inline void
pr_gcra_save(struct pr_gcra *g, unsigned burst)
{
	double whole = g->interval_us * (burst - 1);
	g->saved_us = whole > PR_GCRA_SAVED_US ? whole : PR_GCRA_SAVED_US;
}

/* How long the next event has to wait; 0 or less: not at all. */
static inline double
pr_gcra_early_us(const struct pr_gcra *g, int64_t now_us)
{
	return g->interval_us <= 0 ? 0 : g->next_us - (double)now_us;
}

/* May an event happen now? Else *wait_us says how long to wait. */
static inline bool
pr_gcra_ready(struct pr_gcra *g, int64_t now_us, int64_t *wait_us)
{
	double early = pr_gcra_early_us(g, now_us);
	if (early <= 0)
		return true;
	g->held = true;
	*wait_us = (int64_t)early + 1;
	return false;
}

static inline void
pr_gcra_take(struct pr_gcra *g, int64_t now_us)
{
	double catch_up = g->held && g->saved_us <= 0 ? PR_GCRA_CATCH_UP_US : g->saved_us;
	double since = (double)now_us - catch_up;
	if (g->next_us < since)
		g->next_us = since;
	g->next_us += g->interval_us;
}

/* There is nothing to send: the time that passes is not made up. */
static inline void
pr_gcra_rest(struct pr_gcra *g)
{
	g->held = false;
}

#endif
