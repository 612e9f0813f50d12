/*
 * The end of a campaign: results.csv, report.json and report.html are written into
 * active/ID, synced, and the folder moves to done/ID. Killed in between, the next start finds
 * the campaign settled and does it again.
 */
#include "daemon.h"

#include "postrider/base/file.h"
#include "postrider/base/log.h"
#include "postrider/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct finish_job {
	struct pr_job job;
	struct daemon *daemon;
	struct pr_campaign *campaign;
	struct pr_report_source source;
	char done[4096];
	int result;
	struct pr_error error;
};

static int
write_all(struct finish_job *j, pr_ledger *l, int dir)
{
	int r = pr_report_write_csv(&j->source, l, dir, &j->error);
	if (r == 0)
		r = pr_report_write_pages(&j->source, l, dir, &j->error);
	return r;
}

static int
move_to_done(struct finish_job *j)
{
	char parent[4200];
	const char *from = j->source.dir;
	if (rename(from, j->done) < 0)
		return pr_fail_errno(&j->error, "cannot move %s to %s", from, j->done);
	snprintf(parent, sizeof parent, "%s/..", j->done);
	if (pr_fsync_dir(AT_FDCWD, parent) < 0)
		return pr_fail_errno(&j->error, "cannot sync %s", parent);
	return 0;
}

static void
work_finish(struct pr_job *job, void *worker)
{
	(void)worker;
	struct finish_job *j = PR_CONTAINER(job, struct finish_job, job);
	char path[4200];
	pr_ledger *l = NULL;
	snprintf(path, sizeof path, "%s/ledger.db", j->source.dir);
	int dir = open(j->source.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	j->result = dir < 0 ? pr_fail_errno(&j->error, "cannot open %s", j->source.dir)
	                    : pr_ledger_open(path, PR_LEDGER_READ, &l, &j->error);
	if (j->result == 0)
		j->result = write_all(j, l, dir);
	if (l)
		pr_ledger_close(l);
	if (dir >= 0)
		close(dir);
	if (j->result == 0)
		j->result = move_to_done(j);
}

static void
finish_done(struct pr_job *job)
{
	struct finish_job *j = PR_CONTAINER(job, struct finish_job, job);
	if (j->result < 0)
		pr_log(PR_LOG_ERROR,
		       &(struct pr_log_about){.event = "report_failed", .campaign = j->source.id},
		       "%s", j->error.text);
	pr_delivery_closed(j->daemon->delivery, j->campaign, j->done,
	                   j->result < 0 ? &j->error : NULL);
	free(j);
}

void
daemon_finish_campaign(void *context, struct pr_campaign *c)
{
	struct daemon *d = context;
	struct pr_campaign_view view;
	struct finish_job *j = pr_calloc(1, sizeof *j);
	pr_campaign_view(c, &view);
	pr_report_source_init(&j->source, &view, true);
	pr_report_source_configure(&j->source, d->config);
	snprintf(j->done, sizeof j->done, "%s/done/%s", d->config->spool.p, view.id);
	j->source.view.dir = j->done; /* where it will be when somebody reads the report */
	j->daemon = d;
	j->campaign = c;
	j->job.work = work_finish;
	j->job.done = finish_done;
	pr_lane_submit(d->reports, &j->job);
}
