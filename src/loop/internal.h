/* Inside the loop's room: what loop.c, turn.c, timer.c and lane.c share. */
#ifndef POSTRIDER_LOOP_INTERNAL_H
#define POSTRIDER_LOOP_INTERNAL_H

#include "postrider/loop.h"

#include <stdatomic.h>
#include <uv.h>

struct pr_loop {
	uv_loop_t uv;
	uv_prepare_t before_poll;
	uv_check_t after_poll;
	uv_timer_t alarm; /* ends the wait; timers themselves run before the poll */
	uv_async_t wake;

	struct pr_heap timers;
	bool fake_clock;
	int64_t fake_now_ms;

	struct pr_list asked[PR_TURN_PHASES];

	_Atomic(struct pr_post *) posts; /* newest first */
	unsigned jobs;                   /* of all lanes: submitted and not yet done */

	/* Lag: busy time is wall time less the time that libuv spent in the poll. */
	uint64_t turn_began_ns, idle_ns;
	int64_t lag_max_us;
	uint64_t lag_histogram[PR_LOOP_LAG_BUCKETS], lag_us_total;
};

/* Run the timers that are due, each at most once. */
void pr_timers_run(pr_loop *loop);
/* Run the hooks asked for, phase by phase. */
void pr_turn_end(pr_loop *loop);
bool pr_turn_asked(const pr_loop *loop);

#endif
