/*
 * Pacing: the generic cell rate algorithm (ITU-T I.371), on the monotonic clock in
 * microseconds: one event an interval, each due when the one before it was due, not when it
 * happened. So late timers and a loop that stalls cost no rate: what they held up follows at
 * once, as long as they were not later than PR_GCRA_CATCH_UP_US. Nothing else is made up: a
 * campaign that begins, or had nothing to send, has nothing saved. Pure.
 */
#ifndef DELIVERY_GCRA_H
#define DELIVERY_GCRA_H

#include "postrider/base/clock.h"

#define PR_GCRA_CATCH_UP_US 100000.0

struct gcra {
	double interval_us; /* 0: no limit */
	double next_us;     /* when the next event is due */
	bool held;          /* it is this limit that the next event waits for */
};

static inline void
gcra_set(struct gcra *g, struct pr_rate rate)
{
	g->interval_us = rate.count ? (double)rate.period_ms * 1000.0 / rate.count : 0;
}

/* Another rate from now on: nothing waits by the old one. */
static inline void
gcra_change(struct gcra *g, struct pr_rate rate, int64_t now_us)
{
	gcra_set(g, rate);
	if (g->next_us > (double)now_us + g->interval_us)
		g->next_us = (double)now_us + g->interval_us;
}

/* May an event happen now? Else *wait_us says how long to wait. */
static inline bool
gcra_ready(struct gcra *g, int64_t now_us, int64_t *wait_us)
{
	double early = g->next_us - (double)now_us;
	if (g->interval_us <= 0 || early <= 0)
		return true;
	g->held = true;
	*wait_us = (int64_t)early + 1;
	return false;
}

static inline void
gcra_take(struct gcra *g, int64_t now_us)
{
	double since = (double)now_us - (g->held ? PR_GCRA_CATCH_UP_US : 0);
	if (g->next_us < since)
		g->next_us = since;
	g->next_us += g->interval_us;
}

/* There is nothing to send: the time that passes is not made up. */
static inline void
gcra_rest(struct gcra *g)
{
	g->held = false;
}

#endif
