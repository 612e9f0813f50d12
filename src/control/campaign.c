/*
 * One campaign: its object as of now, with its history, which its ledger keeps and a reader
 * gets. A ledger that cannot be read yet (importing) has none.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

struct campaign_job {
	struct pr_job job;
	struct request *request;
	char dir[4096];
	struct pr_buf out;
};

static void
work_history(struct pr_job *job, void *worker)
{
	(void)worker;
	struct campaign_job *j = PR_CONTAINER(job, struct campaign_job, job);
	pr_ledger *l;
	struct pr_error e;
	if (open_ledger(j->dir, &l, &e) < 0) {
		pr_buf_adds(&j->out, "\"decision\":null,\"history\":[]");
		return;
	}
	pr_report_decision_json(l, &j->out);
	pr_buf_addc(&j->out, ',');
	pr_report_history_json(l, &j->out);
	pr_ledger_close(l);
}

static void
history_done(struct pr_job *job)
{
	struct campaign_job *j = PR_CONTAINER(job, struct campaign_job, job);
	pr_buf_addc(&j->out, '}');
	request_json(j->request, &j->out);
	request_done(j->request);
	free(j);
}

void
get_campaign(struct request *q)
{
	struct pr_campaign_view v;
	pr_campaign *c = pr_delivery_find(q->control->options.delivery, q->segments[2]);
	if (!c) {
		shelf_get(q, q->segments[2]);
		return;
	}
	struct campaign_job *j = pr_calloc(1, sizeof *j);
	pr_campaign_view(c, &v);
	snprintf(j->dir, sizeof j->dir, "%s", v.dir);
	if (!may_see_rows(q, v.owner))
		v.last_error = NULL; /* may quote an address */
	pr_report_campaign_json(&v, &j->out);
	j->out.data[j->out.len - 1] = ','; /* the object goes on */
	pr_report_slices_json(c, &j->out);
	pr_buf_addc(&j->out, ',');
	j->request = q;
	j->job.work = work_history;
	j->job.done = history_done;
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}
