/*
 * The turn. libuv goes round like this, and so do we:
 *
 *   prepare   due timers fire, hooks run, the alarm is set to the next timer
 *             (or to now, where hooks are still asked for)
 *   poll      waits; callbacks of sockets, posts of other threads
 *   check     hooks run: what the callbacks wrote leaves at once
 *
 * Timers run in prepare and not from libuv's timer, which only ends the wait: so
 * one path serves the real clock and the fake one. Hooks run twice a round since
 * timers, too, write things that must not wait for the next event.
 *
 * How it fails: only creation can (no descriptors left). What callbacks do wrong
 * is theirs to tell.
 */
#include "internal.h"

#include "postrider/base/error.h"

#include <stdlib.h>

static void
lag_begin(pr_loop *loop)
{
	loop->turn_began_ns = uv_hrtime();
	loop->idle_ns = uv_metrics_idle_time(&loop->uv);
}

/* Right before the poll: how long were we away from the last one? */
static void
lag_measure(pr_loop *loop)
{
	uint64_t began = loop->turn_began_ns, idle = loop->idle_ns;
	lag_begin(loop);
	uint64_t wall = loop->turn_began_ns - began, waited = loop->idle_ns - idle;
	int64_t busy_us = wall > waited ? (int64_t)((wall - waited) / 1000) : 0;
	if (busy_us > loop->lag_max_us)
		loop->lag_max_us = busy_us;
	unsigned i = 0;
	while (i < PR_LOOP_LAG_BUCKETS - 1 && busy_us > (int64_t)1000 << i)
		i++;
	loop->lag_histogram[i]++;
	loop->lag_us_total += (uint64_t)busy_us;
}

static void
on_alarm(uv_timer_t *alarm)
{
	(void)alarm; /* the poll ended: that was all it is for */
}

static void
set_alarm(pr_loop *loop)
{
	struct pr_heap_node *first = pr_heap_first(&loop->timers);
	int64_t now = pr_loop_now_ms(loop), due = first ? (int64_t)first->key : INT64_MAX;
	if (pr_turn_asked(loop) || due <= now)
		uv_timer_start(&loop->alarm, on_alarm, 0, 0);
	else if (first && !loop->fake_clock)
		uv_timer_start(&loop->alarm, on_alarm, (uint64_t)(due - now), 0);
	else
		uv_timer_stop(&loop->alarm);
}

static void
on_before_poll(uv_prepare_t *handle)
{
	pr_loop *loop = handle->data;
	pr_timers_run(loop);
	pr_turn_end(loop);
	uv_update_time(&loop->uv); /* the wait is counted from here, not from the turn's begin */
	set_alarm(loop);
	lag_measure(loop);
}

static void
on_after_poll(uv_check_t *handle)
{
	pr_turn_end(handle->data);
}

static void
on_wake(uv_async_t *handle)
{
	pr_loop_run_posts(handle->data);
}

static void
start_handles(pr_loop *loop)
{
	uv_prepare_init(&loop->uv, &loop->before_poll);
	uv_check_init(&loop->uv, &loop->after_poll);
	uv_timer_init(&loop->uv, &loop->alarm);
	loop->before_poll.data = loop->after_poll.data = loop->wake.data = loop;
	uv_prepare_start(&loop->before_poll, on_before_poll);
	uv_check_start(&loop->after_poll, on_after_poll);
	/* Ours do not count as alive; pr_loop_run holds the loop by itself. */
	uv_unref((uv_handle_t *)&loop->before_poll);
	uv_unref((uv_handle_t *)&loop->after_poll);
	uv_unref((uv_handle_t *)&loop->alarm);
	uv_unref((uv_handle_t *)&loop->wake);
}

int
pr_loop_create(pr_loop **out, struct pr_error *e)
{
	pr_loop *loop = pr_calloc(1, sizeof *loop);
	int r = uv_loop_init(&loop->uv);
	if (r < 0) {
		free(loop);
		return pr_fail(e, PR_ESYSTEM, "cannot make an event loop: %s", uv_strerror(r));
	}
	r = uv_async_init(&loop->uv, &loop->wake, on_wake);
	if (r < 0) {
		uv_loop_close(&loop->uv);
		free(loop);
		return pr_fail(e, PR_ESYSTEM, "cannot make an event loop: %s", uv_strerror(r));
	}
	for (unsigned i = 0; i < PR_TURN_PHASES; i++)
		pr_list_init(&loop->asked[i]);
	uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
	start_handles(loop);
	*out = loop;
	return 0;
}

void
pr_loop_destroy(pr_loop *loop)
{
	if (!loop)
		return;
	pr_loop_run_posts(loop);
	PR_ASSERT(loop->timers.n == 0);
	uv_close((uv_handle_t *)&loop->before_poll, NULL);
	uv_close((uv_handle_t *)&loop->after_poll, NULL);
	uv_close((uv_handle_t *)&loop->alarm, NULL);
	uv_close((uv_handle_t *)&loop->wake, NULL);
	/* Close callbacks, also those of others, that may close more; never wait for what
	 * somebody forgot to close. */
	for (unsigned i = 0; i < 8 && uv_run(&loop->uv, UV_RUN_NOWAIT); i++)
		;
	int busy = uv_loop_close(&loop->uv);
	PR_ASSERT(busy == 0);
	pr_heap_finish(&loop->timers);
	free(loop);
}

/* Held by the wake handle, or libuv would not go round with nothing else alive. */
static void
run(pr_loop *loop, uv_run_mode mode)
{
	uv_ref((uv_handle_t *)&loop->wake);
	lag_begin(loop);
	uv_run(&loop->uv, mode);
	uv_unref((uv_handle_t *)&loop->wake);
}

void
pr_loop_run(pr_loop *loop)
{
	run(loop, UV_RUN_DEFAULT);
}

void
pr_loop_stop(pr_loop *loop)
{
	uv_stop(&loop->uv);
}

static int
is_alive(const pr_loop *loop)
{
	return uv_loop_alive(&loop->uv) || loop->timers.n > 0 || pr_turn_asked(loop) ||
	       loop->jobs > 0 || atomic_load(&loop->posts) != NULL;
}

int
pr_loop_turn(pr_loop *loop)
{
	run(loop, UV_RUN_NOWAIT);
	return is_alive(loop);
}

int
pr_loop_turn_wait(pr_loop *loop)
{
	run(loop, UV_RUN_ONCE);
	return is_alive(loop);
}

struct uv_loop_s *
pr_loop_uv(pr_loop *loop)
{
	return &loop->uv;
}

int64_t
pr_loop_now_ms(const pr_loop *loop)
{
	return loop->fake_clock ? loop->fake_now_ms : (int64_t)uv_now(&loop->uv);
}

void
pr_loop_fake_clock(pr_loop *loop, int64_t now_ms)
{
	loop->fake_clock = true;
	loop->fake_now_ms = now_ms;
}

int64_t
pr_loop_lag_us(pr_loop *loop)
{
	int64_t max = loop->lag_max_us;
	loop->lag_max_us = 0;
	return max;
}

const uint64_t *
pr_loop_lag_histogram(const pr_loop *loop)
{
	return loop->lag_histogram;
}

uint64_t
pr_loop_lag_us_total(const pr_loop *loop)
{
	return loop->lag_us_total;
}
