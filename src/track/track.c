/*
 * Opening, reloading, ending.
 *
 * It ends in two steps. stop: the web thread answers what it can, ends, and what it had seen is
 * appended; asks that are with others are given up. close, when the journal and delivery have
 * ended and with them the last of those: they are freed.
 */
#include "internal.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const unsigned statuses[TRACK_STATUSES] = {200, 302, 400, 401, 403, 404,
                                                  405, 410, 413, 429, 503};

void
track_count(pr_track *t, enum pr_track_path path, unsigned status)
{
	for (unsigned i = 0; i < TRACK_STATUSES; i++)
		if (statuses[i] == status)
			t->answers[path][i]++;
}

void
track_wake(pr_track *t)
{
	eventfd_write(t->wake, 1);
}

/* ---- threads ---- */

static void *
run_web(void *context)
{
	pr_track *t = context;
	web_run(&t->web);
	return NULL;
}

/* A worker's own connection; NULL: pages do without. */
static void *
enter_lane(void *context)
{
	pr_track *t = context;
	struct pr_error e;
	pr_statedb *db;
	return pr_statedb_open(t->options.state_path, &db, &e) == 0 ? db : NULL;
}

static void
leave_lane(void *worker)
{
	pr_statedb_close(worker);
}

/* ---- opening ---- */

static int
start(pr_track *t, struct pr_error *e)
{
	struct pr_lane_options lane = {.name = "track-pages",
	                               .threads = 1,
	                               .nice = 5,
	                               .enter = enter_lane,
	                               .leave = leave_lane,
	                               .context = t};
	g_mime_init();
	t->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->wake < 0)
		return pr_fail_errno(e, "cannot make an eventfd");
	int r = pr_lane_create(t->loop, &lane, &t->lane, e);
	if (r == 0)
		r = web_open(&t->web, t, e);
	if (r == 0)
		r = pr_thread_start(&t->thread, "track", 5, run_web, t, e);
	t->running = r == 0;
	return r;
}

int
pr_track_open(const struct pr_track_options *options, pr_track **out, struct pr_error *e)
{
	pr_track *t = pr_calloc(1, sizeof *t);
	t->options = *options;
	t->options.state_path = pr_strdup(options->state_path);
	t->options.audience_path = pr_strdup(options->audience_path);
	t->loop = options->loop;
	t->config = options->config;
	t->wake = -1;
	pr_list_init(&t->home);
	pthread_mutex_init(&t->home_lock, NULL);
	track_queue_init(&t->queue, t);
	int r = options->config->track.listen.host[0] ? start(t, e) : 0;
	if (r < 0) {
		pr_track_stop(t);
		pr_track_close(t);
		return r;
	}
	*out = t;
	return 0;
}

void
pr_track_reload(pr_track *t, const struct pr_config *config)
{
	t->config = config;
	if (t->running)
		track_wake(t);
}

void
pr_track_on_space(pr_track *t, bool full)
{
	t->full = full;
}

/* ---- ending ---- */

void
pr_track_stop(pr_track *t)
{
	t->stopping = true;
	if (t->running) {
		track_wake(t);
		pthread_join(t->thread, NULL);
	}
	t->running = false;
	web_close(&t->web);
	pr_loop_run_posts(t->loop); /* the last of the web thread's */
	track_queue_take(&t->queue);
	if (t->lane)
		pr_lane_destroy(t->lane);
	t->lane = NULL;
}

void
pr_track_close(pr_track *t)
{
	if (t->web.track)
		asks_come_home(&t->web);
	PR_ASSERT(t->web.away == 0);
	track_queue_finish(&t->queue);
	pthread_mutex_destroy(&t->home_lock);
	if (t->wake >= 0)
		close(t->wake);
	free((char *)(uintptr_t)t->options.state_path);
	free((char *)(uintptr_t)t->options.audience_path);
	free(t);
}

/* ---- looking ---- */

void
pr_track_counts(const pr_track *t, struct pr_track_counts *out)
{
	*out = (struct pr_track_counts){
	    .listening = t->running, .recorded = t->recorded, .dropped = t->queue.dropped};
}

void
pr_track_each_answer(const pr_track *t,
                     void (*each)(void *context, enum pr_track_path path, unsigned status,
                                  uint64_t n),
                     void *context)
{
	for (int p = 0; p < PR_TRACK_PATHS; p++)
		for (unsigned i = 0; i < TRACK_STATUSES; i++)
			if (t->answers[p][i])
				each(context, (enum pr_track_path)p, statuses[i], t->answers[p][i]);
}
