/*
 * Ledgers come to the folder and go: a campaign's is attached when it is ready, and detached
 * before its folder moves to done/, from where finished.c opens it again when it must.
 */
#include "fold.h"

#include <stdlib.h>

/* ---- on the folder lane ---- */

void
work_fold_attach(struct folder *f, uint32_t serial, pr_ledger *l)
{
	pr_map_put(&f->ledgers, serial, l);
}

int
work_fold_ledger(struct folder *f, uint32_t serial, pr_ledger **ledger, char id[PR_CAMPAIGN_ID_MAX],
                 struct pr_error *e)
{
	struct pr_ledger_identity identity;
	const char *of;
	pr_ledger *l = pr_map_get(&f->ledgers, serial);
	if (!l && finished_is_ending(f->finished, serial))
		return pr_fail(e, PR_EAGAIN, "the campaign's folder is moving");
	int r = l ? 0 : finished_ledger(f->finished, serial, &l, &of, e);
	if (r < 0)
		return r;
	pr_ledger_identity(l, &identity);
	memcpy(id, identity.id, PR_CAMPAIGN_ID_MAX);
	*ledger = l;
	return 0;
}

void
work_fold_leave(struct folder *f, uint32_t serial)
{
	finished_close(f->finished, serial);
}

/* ---- the jobs ---- */

struct attach_job {
	struct pr_job job;
	struct folder *folder;
	struct pr_campaign *campaign; /* detach: told when it is closed */
	uint32_t serial;
	pr_ledger *ledger; /* NULL: detach */
};

static void
work_attach(struct pr_job *job, void *worker)
{
	(void)worker;
	struct attach_job *j = PR_CONTAINER(job, struct attach_job, job);
	if (j->ledger) {
		work_fold_attach(j->folder, j->serial, j->ledger);
		return;
	}
	pr_ledger *l = pr_map_remove(&j->folder->ledgers, j->serial);
	if (l)
		pr_ledger_close(l);
	finished_begin(j->folder->finished, j->serial);
}

static void
attach_done(struct pr_job *job)
{
	struct attach_job *j = PR_CONTAINER(job, struct attach_job, job);
	if (j->campaign)
		campaign_detached(j->campaign);
	free(j);
}

static void
attach(struct pr_delivery *d, uint32_t serial, pr_ledger *l, struct pr_campaign *c)
{
	struct attach_job *j = pr_calloc(1, sizeof *j);
	*j = (struct attach_job){.folder = d->folder, .campaign = c, .serial = serial, .ledger = l};
	j->job.work = work_attach;
	j->job.done = attach_done;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
fold_attach(struct pr_delivery *d, uint32_t serial, pr_ledger *l)
{
	attach(d, serial, l, NULL);
}

void
fold_detach(struct pr_delivery *d, struct pr_campaign *c)
{
	c->ledger = NULL;
	attach(d, c->serial, NULL, c);
}

struct ended_job {
	struct pr_job job;
	struct folder *folder;
	uint32_t serial;
};

static void
work_ended(struct pr_job *job, void *worker)
{
	(void)worker;
	struct ended_job *j = PR_CONTAINER(job, struct ended_job, job);
	finished_end(j->folder->finished, j->serial);
}

static void
ended_done(struct pr_job *job)
{
	free(PR_CONTAINER(job, struct ended_job, job));
}

void
fold_ended(struct pr_delivery *d, const struct pr_campaign *c)
{
	struct ended_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_ended;
	j->job.done = ended_done;
	j->folder = d->folder;
	j->serial = c->serial;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
fold_adopt(struct pr_delivery *d, uint32_t serial, pr_ledger *l)
{
	work_fold_attach(d->folder, serial, l);
}
