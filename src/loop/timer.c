/*
 * Timers on one heap: as many as there are connections and campaigns, each
 * started and stopped in a few comparisons.
 */
#include "internal.h"

void
pr_timer_init(struct pr_timer *t, pr_loop *loop, void (*fire)(struct pr_timer *))
{
	*t = (struct pr_timer){.fire = fire, .loop = loop};
}

void
pr_timer_start(struct pr_timer *t, int64_t delay_ms)
{
	int64_t now = pr_loop_now_ms(t->loop);
	delay_ms = delay_ms < 0 ? 0 : delay_ms;
	int64_t due = delay_ms > INT64_MAX - now ? INT64_MAX : now + delay_ms;
	pr_heap_remove(&t->loop->timers, &t->node);
	pr_heap_add(&t->loop->timers, &t->node, (uint64_t)due);
}

void
pr_timer_stop(struct pr_timer *t)
{
	pr_heap_remove(&t->loop->timers, &t->node);
}

/* A timer that starts itself with no delay would hold the turn forever, so a turn
 * fires no more than were there at its begin; the rest is due in the next one. */
void
pr_timers_run(pr_loop *loop)
{
	size_t left = loop->timers.n;
	uint64_t now = (uint64_t)pr_loop_now_ms(loop);
	for (; left > 0; left--) {
		struct pr_heap_node *first = pr_heap_first(&loop->timers);
		if (!first || first->key > now)
			return;
		struct pr_timer *t = PR_CONTAINER(first, struct pr_timer, node);
		pr_heap_remove(&loop->timers, first);
		t->fire(t);
	}
}
