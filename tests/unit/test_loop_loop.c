/* The loop: timers, phases of a turn's end, posts, lanes, lag. */
#include "suite.h"

#include "postrider/base/clock.h"
#include "postrider/loop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

static pr_loop *loop;
static char trace[256];

static void
note(const char *word)
{
	strncat(trace, word, sizeof trace - strlen(trace) - 1);
}

static void
setup(void)
{
	struct pr_error e;
	trace[0] = 0;
	ck_assert_int_eq(pr_loop_create(&loop, &e), 0);
}

static void
teardown(void)
{
	pr_loop_destroy(loop);
}

/* ---- timers ---- */

struct named_timer {
	struct pr_timer timer;
	char name[4];
	int64_t again_ms; /* restart with this delay; < 0: do not */
	int fired;
};

static void
on_timer(struct pr_timer *t)
{
	struct named_timer *n = PR_CONTAINER(t, struct named_timer, timer);
	ck_assert(!pr_timer_running(t));
	note(n->name);
	n->fired++;
	if (n->again_ms >= 0)
		pr_timer_start(t, n->again_ms);
}

static void
timer_init(struct named_timer *n, const char *name)
{
	*n = (struct named_timer){.again_ms = -1};
	strcpy(n->name, name);
	pr_timer_init(&n->timer, loop, on_timer);
}

START_TEST(timers_fire_in_order_of_their_time_when_the_clock_reaches_it)
{
	struct named_timer a, b, c;
	pr_loop_fake_clock(loop, 1000);
	timer_init(&a, "a");
	timer_init(&b, "b");
	timer_init(&c, "c");
	pr_timer_start(&a.timer, 300);
	pr_timer_start(&b.timer, 100);
	pr_timer_start(&c.timer, 200);
	ck_assert(pr_loop_turn(loop));
	ck_assert_str_eq(trace, "");
	pr_loop_fake_clock(loop, 1099);
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "");
	pr_loop_fake_clock(loop, 1200);
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "bc");
	pr_timer_start(&a.timer, 50); /* restarts: sooner than it was */
	pr_loop_fake_clock(loop, 1250);
	ck_assert(!pr_loop_turn(loop));
	ck_assert_str_eq(trace, "bca");
}
END_TEST

START_TEST(stopped_timer_does_not_fire_and_stop_may_be_repeated)
{
	struct named_timer a;
	pr_loop_fake_clock(loop, 0);
	timer_init(&a, "a");
	pr_timer_stop(&a.timer);
	pr_timer_start(&a.timer, 1);
	ck_assert(pr_timer_running(&a.timer));
	pr_timer_stop(&a.timer);
	pr_timer_stop(&a.timer);
	pr_loop_fake_clock(loop, 10);
	ck_assert(!pr_loop_turn(loop));
	ck_assert_int_eq(a.fired, 0);
}
END_TEST

START_TEST(timer_restarted_without_delay_does_not_hold_the_turn)
{
	struct named_timer a;
	pr_loop_fake_clock(loop, 5);
	timer_init(&a, "a");
	a.again_ms = 0;
	pr_timer_start(&a.timer, 0);
	pr_loop_turn(loop);
	ck_assert_int_eq(a.fired, 1);
	pr_loop_turn_wait(loop); /* due at once: does not wait */
	ck_assert_int_eq(a.fired, 2);
	pr_timer_stop(&a.timer);
}
END_TEST

START_TEST(endless_delay_does_not_overflow)
{
	struct named_timer a;
	pr_loop_fake_clock(loop, 1000);
	timer_init(&a, "a");
	pr_timer_start(&a.timer, INT64_MAX);
	pr_loop_turn(loop);
	pr_timer_start(&a.timer, -7);
	pr_loop_turn(loop);
	ck_assert_int_eq(a.fired, 1);
}
END_TEST

static void
stop_on_timer(struct pr_timer *t)
{
	pr_loop_stop(t->loop);
}

START_TEST(real_clock_waits_for_the_timer_and_no_longer)
{
	struct pr_timer t;
	pr_timer_init(&t, loop, stop_on_timer);
	int64_t began = pr_loop_now_ms(loop); /* timers count from the turn's own time */
	pr_timer_start(&t, 20);
	pr_loop_run(loop);
	int64_t took = pr_loop_now_ms(loop) - began;
	ck_assert_int_ge(took, 20);
	ck_assert_int_lt(took, 5000);
}
END_TEST

/* ---- hooks ---- */

struct named_hook {
	struct pr_turn_hook hook;
	char name[4];
	struct pr_turn_hook *ask[3]; /* when it runs */
	int runs;
};

static void
on_hook(struct pr_turn_hook *hook)
{
	struct named_hook *n = PR_CONTAINER(hook, struct named_hook, hook);
	note(n->name);
	n->runs++;
	for (int i = 0; i < 3; i++)
		if (n->ask[i])
			pr_turn_ask(n->ask[i]);
	memset(n->ask, 0, sizeof n->ask);
}

static void
hook_init(struct named_hook *n, const char *name, enum pr_turn_phase phase)
{
	*n = (struct named_hook){.runs = 0};
	strcpy(n->name, name);
	pr_turn_hook_init(&n->hook, loop, phase, on_hook);
}

START_TEST(hooks_run_once_in_the_order_of_their_phases)
{
	struct named_hook w, j, n;
	hook_init(&n, "n", PR_TURN_NET);
	hook_init(&w, "w", PR_TURN_WORK);
	hook_init(&j, "j", PR_TURN_JOURNAL);
	pr_turn_ask(&n.hook);
	pr_turn_ask(&n.hook);
	w.ask[0] = &j.hook; /* asked in an earlier phase: still this turn */
	pr_turn_ask(&w.hook);
	ck_assert(!pr_loop_turn(loop));
	ck_assert_str_eq(trace, "wjn");
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "wjn");
}
END_TEST

START_TEST(hook_asked_in_a_later_phase_waits_for_a_turn_that_does_not_wait)
{
	struct named_hook w, n;
	hook_init(&w, "w", PR_TURN_WORK);
	hook_init(&n, "n", PR_TURN_NET);
	n.ask[0] = &w.hook;
	n.ask[1] = &n.hook;
	pr_turn_ask(&n.hook);
	pr_loop_turn_wait(loop);     /* would hang if the poll waited */
	ck_assert_int_eq(w.runs, 1); /* prepare ran n; check, the turn's end, ran w and n */
	ck_assert_str_eq(trace, "nwn");
}
END_TEST

START_TEST(what_a_net_hook_appends_is_written_before_the_next_net_hook)
{
	struct named_hook j, a, b;
	hook_init(&j, "j", PR_TURN_JOURNAL);
	hook_init(&a, "a", PR_TURN_NET);
	hook_init(&b, "b", PR_TURN_NET);
	a.ask[0] = &j.hook;
	pr_turn_ask(&a.hook);
	pr_turn_ask(&b.hook);
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "ajb");
}
END_TEST

static void
finish_other(struct pr_turn_hook *hook)
{
	struct named_hook *n = PR_CONTAINER(hook, struct named_hook, hook);
	note(n->name);
	pr_turn_hook_finish(n->ask[0]);
}

START_TEST(finished_hook_does_not_run_even_when_its_phase_has_begun)
{
	struct named_hook a, b;
	hook_init(&a, "a", PR_TURN_WORK);
	a.hook.run = finish_other;
	hook_init(&b, "b", PR_TURN_WORK);
	a.ask[0] = &b.hook;
	pr_turn_ask(&a.hook);
	pr_turn_ask(&b.hook);
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "a");
}
END_TEST

static struct named_hook from_timer;

static void
ask_on_timer(struct pr_timer *t)
{
	(void)t;
	note("t");
	pr_turn_ask(&from_timer.hook);
}

static void
on_poll_ended(uv_check_t *probe)
{
	(void)probe;
	note("p");
}

START_TEST(what_timers_ask_for_runs_before_the_wait)
{
	struct pr_timer t;
	uv_check_t probe; /* the check handle that was started last runs first */
	uv_check_init(pr_loop_uv(loop), &probe);
	uv_check_start(&probe, on_poll_ended);
	hook_init(&from_timer, "n", PR_TURN_NET);
	pr_timer_init(&t, loop, ask_on_timer);
	pr_loop_fake_clock(loop, 0);
	pr_timer_start(&t, 0);
	pr_loop_turn(loop);
	ck_assert_str_eq(trace, "tnp");
	uv_close((uv_handle_t *)&probe, NULL);
	pr_loop_turn(loop);
}
END_TEST

/* ---- posts ---- */

#define POSTERS 3
#define POSTS 2000

struct numbered_post {
	struct pr_post post;
	int thread, number;
};
static int last_number[POSTERS], posts_seen;

static void
on_post(struct pr_post *post)
{
	struct numbered_post *p = (struct numbered_post *)post;
	ck_assert_int_eq(p->number, last_number[p->thread] + 1);
	last_number[p->thread] = p->number;
	posts_seen++;
	free(p);
}

static void *
poster(void *argument)
{
	for (int i = 1; i <= POSTS; i++) {
		struct numbered_post *p = calloc(1, sizeof *p);
		p->post.run = on_post;
		p->thread = (int)(intptr_t)argument;
		p->number = i;
		pr_loop_post(loop, &p->post);
	}
	return NULL;
}

START_TEST(posts_of_many_threads_arrive_each_once_in_their_order)
{
	pthread_t threads[POSTERS];
	memset(last_number, 0, sizeof last_number);
	posts_seen = 0;
	for (int i = 0; i < POSTERS; i++)
		ck_assert_int_eq(
		    pr_thread_start(&threads[i], "poster", 0, poster, (void *)(intptr_t)i, NULL),
		    0);
	while (posts_seen < POSTERS * POSTS)
		pr_loop_turn_wait(loop);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(posts_seen, POSTERS * POSTS);
}
END_TEST

/* ---- lanes ---- */

#define JOBS 3000

struct numbered_job {
	struct pr_job job;
	int number, result;
};
static struct numbered_job jobs[JOBS + 1];
static int jobs_done;
static _Atomic int entered, left;
static pr_lane *lane;
static pthread_t loop_thread;

static void *
enter(void *context)
{
	entered++;
	return context;
}

static void
leave(void *worker)
{
	ck_assert_ptr_eq(worker, &jobs_done);
	left++;
}

static void
work(struct pr_job *job, void *worker)
{
	struct numbered_job *j = (struct numbered_job *)job;
	ck_assert_ptr_eq(worker, &jobs_done);
	ck_assert(!pthread_equal(pthread_self(), loop_thread));
	j->result = j->number * 2;
}

static void
done(struct pr_job *job)
{
	struct numbered_job *j = (struct numbered_job *)job;
	ck_assert(pthread_equal(pthread_self(), loop_thread));
	ck_assert_int_eq(j->result, j->number * 2);
	jobs_done++;
}

static void
done_in_order(struct pr_job *job)
{
	ck_assert_int_eq(((struct numbered_job *)job)->number, jobs_done);
	done(job);
}

static void
submit_jobs(unsigned threads, void (*on_done)(struct pr_job *))
{
	struct pr_error e;
	struct pr_lane_options o = {.name = "test",
	                            .threads = threads,
	                            .nice = 1,
	                            .enter = enter,
	                            .leave = leave,
	                            .context = &jobs_done};
	loop_thread = pthread_self();
	jobs_done = 0;
	entered = 0;
	left = 0;
	ck_assert_int_eq(pr_lane_create(loop, &o, &lane, &e), 0);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] =
		    (struct numbered_job){.job = {.work = work, .done = on_done}, .number = i};
		pr_lane_submit(lane, &jobs[i].job);
	}
}

START_TEST(lane_of_many_threads_does_every_job_once)
{
	submit_jobs(4, done);
	while (pr_lane_pending(lane) > 0)
		pr_loop_turn_wait(loop);
	ck_assert_int_eq(jobs_done, JOBS);
	pr_lane_destroy(lane);
	ck_assert_int_eq(entered, 4);
	ck_assert_int_eq(left, 4);
}
END_TEST

START_TEST(lane_of_one_thread_keeps_the_order)
{
	submit_jobs(1, done_in_order);
	ck_assert(pr_loop_turn(loop)); /* alive: jobs are pending or were done */
	pr_lane_destroy(lane);
	ck_assert_int_eq(jobs_done, JOBS);
}
END_TEST

static void
done_submits_once_more(struct pr_job *job)
{
	struct numbered_job *j = (struct numbered_job *)job;
	done(job);
	if (j->number == JOBS - 1) {
		jobs[JOBS] =
		    (struct numbered_job){.job = {.work = work, .done = done}, .number = JOBS};
		pr_lane_submit(lane, &jobs[JOBS].job);
	}
}

START_TEST(ending_lane_finishes_also_what_done_submits)
{
	submit_jobs(2, done_submits_once_more);
	pr_lane_destroy(lane);
	ck_assert_int_eq(jobs_done, JOBS + 1);
}
END_TEST

/* ---- lag ---- */

static void
busy_3ms(struct pr_timer *t)
{
	(void)t;
	int64_t until = pr_mono_us() + 3000;
	while (pr_mono_us() < until)
		;
}

START_TEST(lag_is_the_time_of_callbacks_and_not_of_waiting)
{
	struct pr_timer t, end;
	pr_timer_init(&t, loop, busy_3ms);
	pr_timer_init(&end, loop, stop_on_timer);
	int64_t began = pr_mono_us();
	pr_timer_start(&end, 60);
	pr_loop_run(loop);
	int64_t all = pr_mono_us() - began;
	int64_t waited = (int64_t)(uv_metrics_idle_time(pr_loop_uv(loop)) / 1000);
	ck_assert_int_gt(waited, 0);
	ck_assert_int_le(pr_loop_lag_us(loop), all - waited + 2);
	pr_timer_start(&t, 0);
	pr_loop_turn(loop);
	ck_assert_int_ge(pr_loop_lag_us(loop), 3000 - 2); /* clocks cut to whole us */
	ck_assert_int_eq(pr_loop_lag_us(loop), 0);        /* since the last call */
	const uint64_t *h = pr_loop_lag_histogram(loop);
	uint64_t slow = 0;
	for (int i = 2; i < PR_LOOP_LAG_BUCKETS; i++)
		slow += h[i];
	ck_assert_uint_ge(slow, 1);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {timers_fire_in_order_of_their_time_when_the_clock_reaches_it},
	    {stopped_timer_does_not_fire_and_stop_may_be_repeated},
	    {timer_restarted_without_delay_does_not_hold_the_turn},
	    {endless_delay_does_not_overflow},
	    {real_clock_waits_for_the_timer_and_no_longer},
	    {hooks_run_once_in_the_order_of_their_phases},
	    {hook_asked_in_a_later_phase_waits_for_a_turn_that_does_not_wait},
	    {what_a_net_hook_appends_is_written_before_the_next_net_hook},
	    {finished_hook_does_not_run_even_when_its_phase_has_begun},
	    {what_timers_ask_for_runs_before_the_wait},
	    {posts_of_many_threads_arrive_each_once_in_their_order},
	    {lane_of_many_threads_does_every_job_once},
	    {lane_of_one_thread_keeps_the_order},
	    {ending_lane_finishes_also_what_done_submits},
	    {lag_is_the_time_of_callbacks_and_not_of_waiting},
	};
	return suite_run("loop_loop", setup, teardown, tests, ROWS(tests));
}
