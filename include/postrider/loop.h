/*
 * The loop: one thread that owns all state of sending, on libuv.
 *
 * Words
 *   turn   one round of the loop. What the turn's callbacks wrote to the journal
 *          and to sockets leaves at its end, in that order: the journal first.
 *   lane   a pool of worker threads. Work leaves the loop by pr_lane_submit and
 *          comes home by one callback on the loop. Nothing else is shared.
 *   post   the one call that other threads may make at any time.
 *
 * Unless said otherwise every function is called on the loop's thread.
 */
#ifndef POSTRIDER_LOOP_H
#define POSTRIDER_LOOP_H

#include "postrider/base/error.h"
#include "postrider/base/heap.h"
#include "postrider/base/list.h"

#include <pthread.h>
#include <stdint.h>

typedef struct pr_loop pr_loop;

int pr_loop_create(pr_loop **out, struct pr_error *e);
void pr_loop_destroy(pr_loop *loop); /* all lanes, streams and timers ended before */
void pr_loop_run(pr_loop *loop);     /* until pr_loop_stop */
void pr_loop_stop(pr_loop *loop);    /* from any callback; pr_loop_run returns after the turn */
/* One turn that does not wait: for tests. Returns whether anything is alive: a handle of
 * libuv, a timer, a hook asked for, a job of a lane. */
int pr_loop_turn(pr_loop *loop);
int pr_loop_turn_wait(pr_loop *loop);        /* the same, but waits for an event or a timer */
struct uv_loop_s *pr_loop_uv(pr_loop *loop); /* for loop/, net/ and the programs */

/* Monotonic ms (the clock of pr_mono_ms) as of this turn's begin: cheap. Tests may set a
 * fake clock; then timers go by it. */
int64_t pr_loop_now_ms(const pr_loop *loop);
void pr_loop_fake_clock(pr_loop *loop, int64_t now_ms); /* tests: time stands until set again */

/* Longest time one turn's callbacks took since the last call, in us: the loop's lag. */
int64_t pr_loop_lag_us(pr_loop *loop);
/* Histogram of turns: count of turns no longer than 1 ms << i; the last: longer. */
#define PR_LOOP_LAG_BUCKETS 12
const uint64_t *pr_loop_lag_histogram(const pr_loop *loop);
uint64_t pr_loop_lag_us_total(const pr_loop *loop); /* of all turns together */

/* ---- timers: embedded, one-shot, 1 ms grain ---- */
struct pr_timer {
	struct pr_heap_node node; /* key: due, monotonic ms */
	void (*fire)(struct pr_timer *timer);
	pr_loop *loop;
};
void pr_timer_init(struct pr_timer *t, pr_loop *loop, void (*fire)(struct pr_timer *));
void pr_timer_start(struct pr_timer *t, int64_t delay_ms); /* restarts when running */
void pr_timer_stop(struct pr_timer *t);                    /* no-op when not running */
static inline int
pr_timer_running(const struct pr_timer *t)
{
	return t->node.at != 0;
}

/* ---- end of turn ---- */
enum pr_turn_phase {
	PR_TURN_WORK,    /* grants, refills: what a turn's events made possible */
	PR_TURN_JOURNAL, /* pwrite what was appended */
	PR_TURN_NET,     /* then let octets go to sockets */
	PR_TURN_PHASES
};
struct pr_turn_hook {
	struct pr_list link;
	void (*run)(struct pr_turn_hook *hook);
	/* set once by add: */
	pr_loop *loop;
	enum pr_turn_phase phase;
};
/* A hook runs at the end of each turn for which it was asked (pr_turn_ask), once, in the
 * order of phases; a hook asked for while its own or a later phase runs waits for the next
 * turn, which then does not wait for events. One exception keeps the promise of the phases:
 * a JOURNAL hook asked for by a NET hook runs before the next NET hook does, so no octet
 * ever leaves while something appended is unwritten. */
void pr_turn_hook_init(struct pr_turn_hook *hook, pr_loop *loop, enum pr_turn_phase phase,
                       void (*run)(struct pr_turn_hook *));
void pr_turn_ask(struct pr_turn_hook *hook); /* cheap when already asked */
void pr_turn_hook_finish(struct pr_turn_hook *hook);

/* ---- other threads ---- */
struct pr_post { /* embedded; belongs to the loop until run is called */
	struct pr_post *next;
	void (*run)(struct pr_post *post); /* on the loop */
};
void pr_loop_post(pr_loop *loop, struct pr_post *post); /* from any thread */
/* Run now what was posted until now: for owners of a thread, which must have its last
 * posts behind them before they free what those are embedded in. */
void pr_loop_run_posts(pr_loop *loop);

struct pr_job {                                         /* embedded in what the work is about */
	struct pr_post post;                            /* the lane's */
	struct pr_lane *lane;                           /* set by submit */
	void (*work)(struct pr_job *job, void *worker); /* on a worker; `worker`: see create */
	void (*done)(struct pr_job *job);               /* on the loop, in order of completion */
};

typedef struct pr_lane pr_lane;
struct pr_lane_options {
	const char *name; /* of the threads, up to 15 octets */
	unsigned threads; /* at least 1 */
	int nice;         /* added to the threads' niceness */
	/* Per-thread state, made and ended on the thread; may be NULL. */
	void *(*enter)(void *context);
	void (*leave)(void *worker);
	void *context;
};
int pr_lane_create(pr_loop *loop, const struct pr_lane_options *options, pr_lane **out,
                   struct pr_error *e);
/* FIFO. A lane with one thread runs jobs strictly in order. */
void pr_lane_submit(pr_lane *lane, struct pr_job *job);
unsigned pr_lane_pending(const pr_lane *lane); /* submitted and not yet done() */
/* Waits for the jobs that were submitted (their done() are called, and the posts that came
 * before them; done() may submit more), ends the threads. */
void pr_lane_destroy(pr_lane *lane);

/* A thread of one's own, for what is not a queue of jobs. Signals are blocked on it: they
 * belong to the loop. name up to 15 octets; nice is added to the thread's niceness. */
int pr_thread_start(pthread_t *out, const char *name, int nice, void *(*run)(void *), void *context,
                    struct pr_error *e);

#endif
