/*
 * Intake, the loop's side: when to look, and what to tell.
 *
 * One job goes round: the loop submits it (an event in incoming/, the time of a folder, at
 * the latest PR_INTAKE_RESCAN_MS), the thread looks, takes and imports, the job comes home
 * with findings, the timer is set. Asked for while it runs, it goes again at once. What
 * happens to campaigns comes by posts meanwhile, so sending begins while others import.
 *
 * How it fails: opening says why. Afterwards nothing ends intake: what a folder suffers is
 * told (trouble, PROBLEM.txt, errors.txt) and tried again.
 */
#include "intake_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS_MS 100 /* events of one upload are looked at together */
#define AT_LEAST_MS 20

/* ---- to the loop ---- */

enum told { TOLD_IMPORTING, TOLD_IMPORTED, TOLD_REJECTED, TOLD_TROUBLE };

struct tell {
	struct pr_post post;
	pr_intake *intake;
	enum told what;
	struct pr_taken *taken;
	char *name;
	struct pr_error error;
};

static void
tell_now(struct tell *t)
{
	const struct pr_intake_events *to = t->intake->options.events;
	void *context = t->intake->options.context;
	switch (t->what) {
	case TOLD_IMPORTING: to->importing(context, t->taken); break;
	case TOLD_IMPORTED:
		to->imported(context, t->taken);
		t->taken = NULL;
		break;
	case TOLD_REJECTED: to->rejected(context, t->taken, t->name); break;
	case TOLD_TROUBLE:
		if (to->trouble)
			to->trouble(context, t->name, &t->error);
		break;
	}
}

static void
on_tell(struct pr_post *post)
{
	struct tell *t = PR_CONTAINER(post, struct tell, post);
	if (!t->intake->closing)
		tell_now(t);
	pr_taken_free(t->taken);
	free(t->name);
	free(t);
}

static void
tell(pr_intake *i, enum told what, struct pr_taken *taken, const char *name,
     const struct pr_error *e)
{
	struct tell *t = pr_calloc(1, sizeof *t);
	t->post.run = on_tell;
	t->intake = i;
	t->what = what;
	t->taken = taken;
	t->name = name ? pr_strdup(name) : NULL;
	if (e)
		t->error = *e;
	pr_loop_post(i->options.loop, &t->post);
}

void
intake_tell_importing(pr_intake *i, const struct pr_taken *t)
{
	struct pr_taken *copy = pr_calloc(1, sizeof *copy); /* the thread goes on with t */
	*copy = *t;
	copy->dir = pr_strdup(t->dir);
	copy->name = t->manifest ? pr_strndup(t->manifest->name.p, t->manifest->name.n) : NULL;
	copy->manifest = NULL;
	copy->ledger = NULL;
	tell(i, TOLD_IMPORTING, copy, NULL, NULL);
}

void
intake_tell_imported(pr_intake *i, struct pr_taken *t)
{
	tell(i, TOLD_IMPORTED, t, NULL, NULL);
}

void
intake_tell_rejected(pr_intake *i, struct pr_taken *t, const char *name)
{
	tell(i, TOLD_REJECTED, t, name, NULL);
}

void
intake_tell_trouble(pr_intake *i, const char *name, const struct pr_error *e)
{
	tell(i, TOLD_TROUBLE, NULL, name, e);
}

void
pr_taken_free(struct pr_taken *t)
{
	if (!t)
		return;
	pr_manifest_destroy(t->manifest);
	if (t->ledger)
		pr_ledger_close(t->ledger);
	free(t->dir);
	free(t->name);
	free(t);
}

int64_t
intake_utc_ms(const pr_intake *i)
{
	return i->options.utc_ms ? i->options.utc_ms() : pr_utc_ms();
}

void
intake_step(pr_intake *i, const char *name)
{
	if (i->options.step)
		i->options.step(name);
}

/* ---- rounds ---- */

static void
work(struct pr_job *job, void *worker)
{
	(void)worker;
	pr_intake *i = PR_CONTAINER(job, struct pr_intake, job);
	if (!i->started)
		intake_start(i);
	i->started = true;
	intake_withdraw_all(i);
	intake_scan(i);
	intake_retry_imports(i);
}

static void
go(pr_intake *i)
{
	i->again = i->running && !i->closing;
	if (i->running || i->closing)
		return;
	i->running = true;
	while (!pr_list_empty(&i->asked)) {
		struct pr_list *first = i->asked.next;
		pr_list_remove(first);
		pr_list_push(&i->withdrawn, first);
	}
	i->options.config = i->config; /* the thread looks at it only while it runs */
	i->now_ms = pr_loop_now_ms(i->options.loop);
	pr_timer_stop(&i->timer);
	pr_lane_submit(i->lane, &i->job);
}

static void
on_timer(struct pr_timer *t)
{
	go(PR_CONTAINER(t, struct pr_intake, timer));
}

static void
look_within(pr_intake *i, int64_t delay_ms)
{
	int64_t due = pr_loop_now_ms(i->options.loop) + delay_ms;
	if (i->running)
		i->again = true;
	else if (!pr_timer_running(&i->timer) || (int64_t)i->timer.node.key > due)
		pr_timer_start(&i->timer, delay_ms);
}

static void
on_changed(void *context)
{
	look_within(context, EVENTS_MS);
}

static void
free_left(struct pr_left_behind *left, size_t n)
{
	for (size_t k = 0; k < n; k++)
		free(left[k].name);
	free(left);
}

static void
close_watches(pr_intake *i)
{
	for (size_t k = 0; k < i->watches_n; k++) {
		pr_watch_close(i->watches[k]);
		free(i->watched[k]);
	}
	i->watches_n = 0;
}

static bool
same_watches(const pr_intake *i)
{
	const struct findings *f = &i->findings;
	if (f->watch_n != i->watches_n)
		return false;
	for (size_t k = 0; k < f->watch_n; k++)
		if (strcmp(f->watch[k], i->watched[k]) != 0)
			return false;
	return true;
}

/* Uploads are watched so that a `.ready` added last is seen at once. A watch that cannot be had
 * costs nothing but time: the next round looks anyway. */
static void
take_watches(pr_intake *i)
{
	struct findings *f = &i->findings;
	bool same = same_watches(i);
	if (!same)
		close_watches(i);
	for (size_t k = 0; k < f->watch_n; k++) {
		size_t at = i->watches_n;
		if (!same && pr_watch_open(i->options.loop, f->watch[k], on_changed, i,
		                           &i->watches[at], NULL) == 0) {
			i->watched[at] = pr_strdup(f->watch[k]);
			i->watches_n++;
			look_within(i, EVENTS_MS); /* what came before the watch */
		}
		free(f->watch[k]);
	}
	f->watch_n = 0;
}

static void
watch_incoming(pr_intake *i)
{
	char path[4096];
	if (i->watch)
		return;
	snprintf(path, sizeof path, "%s/incoming", i->options.config->spool.p);
	pr_watch_open(i->options.loop, path, on_changed, i, &i->watch, NULL);
}

static void
on_done(struct pr_job *job)
{
	pr_intake *i = PR_CONTAINER(job, struct pr_intake, job);
	struct findings *f = &i->findings;
	i->running = false;
	free_left(i->left, i->left_n);
	i->left = f->left;
	i->left_n = f->left_n;
	i->waiting_n = f->waiting_n;
	f->left = NULL;
	f->left_n = 0;
	if (i->closing)
		return;
	int64_t delay = f->next_ms - pr_loop_now_ms(i->options.loop);
	delay = delay < AT_LEAST_MS ? AT_LEAST_MS : delay;
	pr_timer_start(&i->timer, delay);
	if (i->again)
		look_within(i, EVENTS_MS);
	i->again = false;
	watch_incoming(i);
	take_watches(i);
}

/* ---- opening and closing ---- */

static int
open_folder(pr_intake *i, const char *name, int *out, struct pr_error *e)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", i->options.config->spool.p, name);
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? pr_fail_errno(e, "cannot open %s", path) : 0;
}

static int
open_folders(pr_intake *i, struct pr_error *e)
{
	int r = open_folder(i, ".", &i->spool, e);
	if (r == 0)
		r = open_folder(i, "incoming", &i->incoming, e);
	if (r == 0)
		r = open_folder(i, "active", &i->active, e);
	if (r == 0)
		r = open_folder(i, "done", &i->done, e);
	if (r == 0)
		r = open_folder(i, "rejected", &i->rejected, e);
	return r;
}

static void
finish(pr_intake *i)
{
	int *folders[] = {&i->spool, &i->incoming, &i->active, &i->done, &i->rejected};
	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
		if (*folders[k] >= 0) {
			close(*folders[k]);
			*folders[k] = -1;
		}
	while (!pr_list_empty(&i->waiting))
		intake_drop_waiting(i, PR_CONTAINER(i->waiting.next, struct waiting, link));
	PR_LIST_EACH(node, &i->pending) {
		struct pending *p = PR_CONTAINER(node, struct pending, link);
		pr_taken_free(p->taken);
		free(p);
	}
	PR_LIST_EACH(node, &i->asked)
		free(PR_CONTAINER(node, struct withdrawn, link));
	PR_LIST_EACH(node, &i->withdrawn)
		free(PR_CONTAINER(node, struct withdrawn, link));
	PR_LIST_EACH(node, &i->unfinished)
		free(PR_CONTAINER(node, struct unfinished, link));
	for (size_t k = 0; k < i->findings.watch_n; k++)
		free(i->findings.watch[k]);
	pr_map_finish(&i->names);
	pr_moves_close(i->moves);
	free_left(i->left, i->left_n);
	free(i);
}

int
pr_intake_open(const struct pr_intake_options *options, pr_intake **out, struct pr_error *e)
{
	pr_intake *i = pr_calloc(1, sizeof *i);
	char path[4096];
	i->options = *options;
	i->config = options->config;
	i->statedb = options->statedb;
	i->spool = i->incoming = i->active = i->done = i->rejected = -1;
	i->job.work = work;
	i->job.done = on_done;
	pr_list_init(&i->waiting);
	pr_list_init(&i->pending);
	pr_list_init(&i->unfinished);
	pr_list_init(&i->asked);
	pr_list_init(&i->withdrawn);
	pr_hash_key_random(&i->names_key);
	pr_timer_init(&i->timer, options->loop, on_timer);
	struct pr_lane_options lane = {.name = "intake", .threads = 1, .nice = 5};
	int r = open_folders(i, e);
	if (r == 0)
		r = pr_lane_create(options->loop, &lane, &i->lane, e);
	if (r < 0) {
		finish(i);
		return r;
	}
	snprintf(path, sizeof path, "%s/incoming", options->config->spool.p);
	i->moves = pr_moves_open(path);
	watch_incoming(i);
	*out = i;
	go(i);
	return 0;
}

void
pr_intake_hold(pr_intake *i, bool hold)
{
	bool was = atomic_exchange(&i->hold, hold);
	if (was && !hold)
		pr_intake_rescan(i);
}

void
pr_intake_rescan(pr_intake *i)
{
	go(i);
}

void
pr_intake_withdraw(pr_intake *i, const char *id, const char *by)
{
	struct withdrawn *w = pr_calloc(1, sizeof *w);
	snprintf(w->id, sizeof w->id, "%s", id);
	snprintf(w->by, sizeof w->by, "%s", by);
	pr_list_push(&i->asked, &w->link);
	go(i);
}

void
pr_intake_reconfigure(pr_intake *i, const struct pr_config *config)
{
	i->config = config;
	go(i);
}

void
pr_intake_close(pr_intake *i)
{
	if (!i)
		return;
	i->closing = true;
	atomic_store(&i->stop, true);
	pr_timer_stop(&i->timer);
	pr_watch_close(i->watch);
	close_watches(i);
	pr_lane_destroy(i->lane);
	finish(i);
}

size_t
pr_intake_left_behind(const pr_intake *i, const struct pr_left_behind **list)
{
	*list = i->left;
	return i->left_n;
}

size_t
pr_intake_waiting(const pr_intake *i)
{
	return i->waiting_n;
}
