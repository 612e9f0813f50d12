/*
 * Live reports: while a campaign is sending, report.html and report.json in its folder are
 * written anew every LIVE_MS, one campaign at a time, on the reports lane. Large ones take longer,
 * so they are written more seldom: REST times as long as it took nothing is written. results.csv is
 * made when somebody asks for it (`postrider report ID --csv`) and at the end: on millions of rows
 * it is no small file.
 */
#include "daemon.h"

#include "postrider/base/clock.h"
#include "postrider/base/log.h"
#include "postrider/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIVE_MS (10 * PR_SECOND_MS)
#define REST 20 /* reports cost a twentieth of a core at most */

struct live_job {
	struct pr_job job;
	struct daemon *daemon;
	struct pr_report_source source;
	int64_t took_ms;
	int result;
	struct pr_error error;
};

static void
work_live(struct pr_job *job, void *worker)
{
	(void)worker;
	struct live_job *j = PR_CONTAINER(job, struct live_job, job);
	char path[4200];
	pr_ledger *l;
	int64_t begin = pr_mono_ms();
	snprintf(path, sizeof path, "%s/ledger.db", j->source.dir);
	int dir = open(j->source.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return; /* it has just been moved to done/ */
	j->result = pr_ledger_open(path, PR_LEDGER_READ, &l, &j->error);
	if (j->result == 0) {
		j->result = pr_report_write_pages(&j->source, l, dir, &j->error);
		pr_ledger_close(l);
	}
	close(dir);
	j->took_ms = pr_mono_ms() - begin;
}

static void
live_done(struct pr_job *job)
{
	struct live_job *j = PR_CONTAINER(job, struct live_job, job);
	struct daemon *d = j->daemon;
	int64_t now = pr_loop_now_ms(d->loop);
	d->live_after_ms = (now > d->live_after_ms ? now : d->live_after_ms) + REST * j->took_ms;
	if (j->result < 0) {
		struct pr_log_about about = {.event = "live_report", .campaign = j->source.id};
		pr_log(PR_LOG_WARNING, &about, "%s", j->error.text);
	}
	free(j);
}

static void
write_live(struct daemon *d, const struct pr_campaign_view *view)
{
	struct live_job *j = pr_calloc(1, sizeof *j);
	j->daemon = d;
	pr_report_source_init(&j->source, view, false);
	pr_report_source_configure(&j->source, d->config);
	j->job.work = work_live;
	j->job.done = live_done;
	pr_lane_submit(d->reports, &j->job);
}

static void
on_live(struct pr_timer *t)
{
	struct daemon *d = PR_CONTAINER(t, struct daemon, live);
	bool rested = pr_loop_now_ms(d->loop) >= d->live_after_ms;
	if (rested && pr_lane_pending(d->reports) == 0) /* else the lane has more to do than this */
		for (pr_campaign *c = pr_delivery_next(d->delivery, NULL); c;
		     c = pr_delivery_next(d->delivery, c)) {
			struct pr_campaign_view view;
			pr_campaign_view(c, &view);
			if (view.state == PR_CAMPAIGN_SENDING && view.started_ms)
				write_live(d, &view);
		}
	pr_timer_start(t, LIVE_MS);
}

void
live_open(struct daemon *d)
{
	pr_timer_init(&d->live, d->loop, on_live);
	pr_timer_start(&d->live, LIVE_MS);
}
