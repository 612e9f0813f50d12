/*
 * How fast each visitor may ask: a table of fixed size, so that no crowd of addresses makes it
 * grow. Of those that fall into the same few places the one that waited longest gives way; it is
 * then new, which is nearly what it was.
 */
#include "internal.h"

#include <stdlib.h>

#define WAYS 4u
#define SLOTS (1u << 15)
#define BURST_SECONDS 2 /* of the rate, at once */

struct slot {
	uint64_t visitor;
	int64_t due_us; /* when the next request would be due at the rate */
};

struct track_rates {
	struct slot slots[SLOTS];
};

struct track_rates *
track_rates_create(void)
{
	return pr_calloc(1, sizeof(struct track_rates));
}

void
track_rates_destroy(struct track_rates *r)
{
	free(r);
}

static struct slot *
find(struct track_rates *r, uint64_t visitor)
{
	struct slot *set = &r->slots[(size_t)visitor % (SLOTS / WAYS) * WAYS], *oldest = set;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].visitor == visitor)
			return &set[i];
		if (set[i].due_us < oldest->due_us)
			oldest = &set[i];
	}
	*oldest = (struct slot){.visitor = visitor};
	return oldest;
}

bool
track_rate_take(struct track_rates *r, struct pr_rate rate, uint64_t visitor, int64_t now_us)
{
	return track_rate_take_burst(r, rate, BURST_SECONDS * 1000000LL, visitor, now_us);
}

bool
track_rate_take_burst(struct track_rates *r, struct pr_rate rate, int64_t burst_us,
                      uint64_t visitor, int64_t now_us)
{
	if (rate.count == 0)
		return true;
	struct slot *s = find(r, visitor);
	int64_t interval = (int64_t)rate.period_ms * 1000 / rate.count;
	int64_t due = s->due_us > now_us ? s->due_us : now_us;
	if (due - now_us > burst_us - interval)
		return false;
	s->due_us = due + interval;
	return true;
}
