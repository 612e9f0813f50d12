/*
 * Lanes: a queue, some threads. A job goes
 *
 *   submit -> queue -> work() on a worker -> post -> done() on the loop
 *
 * and belongs to the lane between submit and done. Completions use the loop's
 * posts, so many of them cost one wake. A worker is signalled only when one
 * sleeps: under load the queue is never empty and nobody pays for a wake.
 */
#include "internal.h"

#include <stdlib.h>

struct pr_lane {
	pr_loop *loop;
	pthread_mutex_t lock;
	pthread_cond_t work, completion;
	struct pr_post *first, **last; /* the queue, through job->post.next */
	unsigned sleeping;
	bool ending;
	uint64_t completed; /* posted to the loop; under lock */

	uint64_t collected; /* done() called; the loop's */
	unsigned pending;   /* the loop's */

	void *(*enter)(void *);
	void (*leave)(void *);
	void *context;
	unsigned n;
	pthread_t threads[];
};

static struct pr_job *
job_of(struct pr_post *post)
{
	return PR_CONTAINER(post, struct pr_job, post);
}

static void
on_done(struct pr_post *post)
{
	struct pr_job *job = job_of(post);
	job->lane->collected++;
	job->lane->pending--;
	job->lane->loop->jobs--;
	job->done(job);
}

/* Locked. Waits for a job; NULL when the lane ends. */
static struct pr_job *
take(pr_lane *lane)
{
	while (!lane->first && !lane->ending) {
		lane->sleeping++;
		pthread_cond_wait(&lane->work, &lane->lock);
		lane->sleeping--;
	}
	struct pr_post *post = lane->first;
	if (!post)
		return NULL;
	lane->first = post->next;
	if (!lane->first)
		lane->last = &lane->first;
	return job_of(post);
}

static void *
worker(void *argument)
{
	pr_lane *lane = argument;
	void *state = lane->enter ? lane->enter(lane->context) : NULL;
	struct pr_job *job;
	pthread_mutex_lock(&lane->lock);
	while ((job = take(lane))) {
		pthread_mutex_unlock(&lane->lock);
		job->work(job, state);
		job->post.run = on_done;
		pr_loop_post(lane->loop, &job->post); /* from here on it is the loop's */
		pthread_mutex_lock(&lane->lock);
		lane->completed++;
		pthread_cond_signal(&lane->completion);
	}
	pthread_mutex_unlock(&lane->lock);
	if (lane->leave)
		lane->leave(state);
	return NULL;
}

static void
end_threads(pr_lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->ending = true;
	pthread_cond_broadcast(&lane->work);
	pthread_mutex_unlock(&lane->lock);
	for (unsigned i = 0; i < lane->n; i++)
		pthread_join(lane->threads[i], NULL);
	pthread_cond_destroy(&lane->work);
	pthread_cond_destroy(&lane->completion);
	pthread_mutex_destroy(&lane->lock);
	free(lane);
}

int
pr_lane_create(pr_loop *loop, const struct pr_lane_options *o, pr_lane **out, struct pr_error *e)
{
	PR_ASSERT(o->threads > 0);
	pr_lane *lane = pr_calloc(1, sizeof *lane + o->threads * sizeof lane->threads[0]);
	lane->loop = loop;
	lane->last = &lane->first;
	lane->enter = o->enter;
	lane->leave = o->leave;
	lane->context = o->context;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->work, NULL);
	pthread_cond_init(&lane->completion, NULL);
	for (; lane->n < o->threads; lane->n++) {
		int r = pr_thread_start(&lane->threads[lane->n], o->name, o->nice, worker, lane, e);
		if (r < 0) {
			end_threads(lane);
			return r;
		}
	}
	*out = lane;
	return 0;
}

void
pr_lane_submit(pr_lane *lane, struct pr_job *job)
{
	job->lane = lane;
	job->post.next = NULL;
	lane->pending++;
	lane->loop->jobs++;
	pthread_mutex_lock(&lane->lock);
	*lane->last = &job->post;
	lane->last = &job->post.next;
	bool wake = lane->sleeping > 0;
	pthread_mutex_unlock(&lane->lock);
	if (wake)
		pthread_cond_signal(&lane->work);
}

unsigned
pr_lane_pending(const pr_lane *lane)
{
	return lane->pending;
}

void
pr_lane_destroy(pr_lane *lane)
{
	if (!lane)
		return;
	for (;;) {
		pr_loop_run_posts(lane->loop);
		if (lane->pending == 0)
			break;
		pthread_mutex_lock(&lane->lock);
		while (lane->completed == lane->collected)
			pthread_cond_wait(&lane->completion, &lane->lock);
		pthread_mutex_unlock(&lane->lock);
	}
	end_threads(lane);
}
