/*
 * Reports of campaigns that have ended, written anew while answers come in: on the reports lane,
 * one at a time, each at most every AGAIN_MS, large ones more seldom (REST times as long as it
 * took). results.csv only where rows have changed (late bounces): openings stand in none of its
 * columns.
 *
 *   delivery: answered -> stale -> job: older report, ledger as it is now -> files replaced
 *
 * What is stale when the daemon is killed is said again at the next start, as far as the journal
 * is read then; the status socket asks the ledger, which has it in any case.
 */
#include "daemon.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"
#include "postrider/base/log.h"
#include "postrider/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS PR_SECOND_MS
#define AGAIN_MS (10 * PR_SECOND_MS)
#define REST 20 /* a report costs a twentieth of a core at most */

struct stale {
	struct pr_list link; /* daemon->stale */
	char id[PR_CAMPAIGN_ID_MAX];
	bool changed;     /* since it was written last */
	int64_t after_ms; /* monotonic: not before */
};

struct refresh_job {
	struct pr_job job;
	struct daemon *daemon;
	char id[PR_CAMPAIGN_ID_MAX], dir[4096];
	struct pr_report_source source;
	int64_t took_ms;
	int result;
	struct pr_error error;
};

static int
write_reports(struct refresh_job *j, int dir)
{
	char path[4200];
	pr_ledger *l;
	snprintf(path, sizeof path, "%s/ledger.db", j->dir);
	int r = pr_ledger_open(path, PR_LEDGER_READ, &l, &j->error);
	if (r < 0)
		return r;
	r = pr_report_source_read(&j->source, j->dir, dir, l, &j->error);
	if (r == 0 && j->source.rows_changed)
		r = pr_report_write_csv(&j->source, l, dir, &j->error);
	if (r == 0)
		r = pr_report_write_pages(&j->source, l, dir, &j->error);
	pr_ledger_close(l);
	return r;
}

static void
work_refresh(struct pr_job *job, void *worker)
{
	(void)worker;
	struct refresh_job *j = PR_CONTAINER(job, struct refresh_job, job);
	int64_t begin = pr_mono_ms();
	int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return; /* taken up again, or removed */
	j->result = write_reports(j, dir);
	close(dir);
	j->took_ms = pr_mono_ms() - begin;
}

static struct stale *
find(struct daemon *d, const char *id)
{
	PR_LIST_EACH(link, &d->stale) {
		struct stale *s = PR_CONTAINER(link, struct stale, link);
		if (strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

static void
refresh_done(struct pr_job *job)
{
	struct refresh_job *j = PR_CONTAINER(job, struct refresh_job, job);
	struct stale *s = find(j->daemon, j->id);
	if (s && REST * j->took_ms > AGAIN_MS)
		s->after_ms = pr_loop_now_ms(j->daemon->loop) + REST * j->took_ms;
	if (j->result < 0)
		pr_log(PR_LOG_WARNING,
		       &(struct pr_log_about){.event = "report_stale", .campaign = j->id}, "%s",
		       j->error.text);
	free(j);
}

static void
submit(struct daemon *d, struct stale *s)
{
	struct refresh_job *j = pr_calloc(1, sizeof *j);
	j->daemon = d;
	memcpy(j->id, s->id, sizeof j->id);
	snprintf(j->dir, sizeof j->dir, "%s/done/%s", d->config->spool.p, s->id);
	j->job.work = work_refresh;
	j->job.done = refresh_done;
	s->changed = false;
	s->after_ms = pr_loop_now_ms(d->loop) + AGAIN_MS;
	pr_lane_submit(d->reports, &j->job);
}

static void
on_look(struct pr_timer *t)
{
	struct daemon *d = PR_CONTAINER(t, struct daemon, refresh);
	int64_t now = pr_loop_now_ms(d->loop);
	PR_LIST_EACH(link, &d->stale) {
		struct stale *s = PR_CONTAINER(link, struct stale, link);
		if (now < s->after_ms)
			continue;
		if (s->changed && pr_lane_pending(d->reports) == 0)
			submit(d, s);
		else if (!s->changed) {
			pr_list_remove(&s->link);
			free(s);
		}
	}
	if (!pr_list_empty(&d->stale))
		pr_timer_start(t, LOOK_MS);
}

void
daemon_answered(void *context, const char *id)
{
	struct daemon *d = context;
	if (!d->reports)
		return; /* it ends: the next start is told again */
	struct stale *s = find(d, id);
	if (!s) {
		s = pr_calloc(1, sizeof *s);
		snprintf(s->id, sizeof s->id, "%s", id);
		pr_list_push(&d->stale, &s->link);
	}
	s->changed = true;
	if (!pr_timer_running(&d->refresh))
		pr_timer_start(&d->refresh, LOOK_MS);
}

void
refresh_open(struct daemon *d)
{
	pr_list_init(&d->stale);
	pr_timer_init(&d->refresh, d->loop, on_look);
}

void
refresh_close(struct daemon *d)
{
	pr_timer_stop(&d->refresh);
	while (!pr_list_empty(&d->stale)) {
		struct stale *s = PR_CONTAINER(pr_list_shift(&d->stale), struct stale, link);
		if (s->changed)
			submit(d, s); /* the lane ends when it has written it */
		free(s);
	}
}
