/*
 * Rows in doubt outlive their campaign's end: it finished without them, and a person resolves
 * them later, perhaps after a restart. Then it is taken up again:
 *
 *   done/ID (has it rows in doubt? is it ours?) -> active/ID, synced -> as at a start: ledger,
 *   manifest, counts, content -> the verb, as on any campaign -> it finishes again, and its
 *   report is written anew
 *
 * Killed on the way, the next start finds it under active/, settled, and finishes it again. A
 * verb that comes while the report is being written waits for that.
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct reopen_job {
	struct pr_job job;
	struct pr_delivery *delivery;
	struct pr_verb *verb;
	struct pr_statedb *statedb;
	struct folder *folder;
	char spool[4096], id[PR_CAMPAIGN_ID_MAX], dir[4096];
	int result;
	struct pr_accepted accepted;
	pr_ledger *ledger;
	struct pr_error error;
};

/* ---- on the folder lane ---- */

static int
open_ledger(struct reopen_job *j, const char *dir)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/ledger.db", dir);
	return pr_ledger_open(path, PR_LEDGER_FOLD, &j->ledger, &j->error);
}

static int
is_worth_it(struct reopen_job *j)
{
	struct pr_counts counts, seeds = {0};
	bool restored = false;
	int r = pr_ledger_counts(j->ledger, &counts, &j->error);
	if (r == 0)
		r = pr_ledger_seed_counts(j->ledger, &seeds, &j->error);
	if (r == 0 && counts.of[PR_IN_DOUBT] + seeds.of[PR_IN_DOUBT] == 0)
		r = pr_fail(&j->error, PR_ESTATE, "no row of the campaign is in doubt");
	if (r == 0)
		r = pr_statedb_check_ledger(j->statedb, j->ledger, &restored, &j->error);
	if (r == 0 && restored)
		r = pr_fail(&j->error, PR_ESTATE,
		            "the folder comes from a backup or another daemon");
	pr_ledger_close(j->ledger);
	j->ledger = NULL;
	return r;
}

static int
move_back(struct reopen_job *j, const char *from)
{
	char parents[2][4200];
	struct stat there;
	snprintf(parents[0], sizeof parents[0], "%s/active", j->spool);
	snprintf(parents[1], sizeof parents[1], "%s/done", j->spool);
	if (stat(j->dir, &there) == 0)
		return pr_fail(&j->error, PR_ESTATE, "%s is there already", j->dir);
	if (rename(from, j->dir) < 0 || pr_fsync_dir(AT_FDCWD, parents[0]) < 0 ||
	    pr_fsync_dir(AT_FDCWD, parents[1]) < 0)
		return pr_fail_errno(&j->error, "cannot move %s to %s", from, j->dir);
	return 0;
}

/* The id came from outside: it is one that state.db knows before it becomes a path. */
static void
work_reopen(struct pr_job *job, void *worker)
{
	(void)worker;
	struct reopen_job *j = PR_CONTAINER(job, struct reopen_job, job);
	char from[4096];
	j->result = pr_statedb_campaign_by_id(j->statedb, j->id, &j->accepted, &j->error);
	if (j->result == 0 &&
	    (snprintf(from, sizeof from, "%s/done/%s", j->spool, j->id) >= (int)sizeof from ||
	     snprintf(j->dir, sizeof j->dir, "%s/active/%s", j->spool, j->id) >=
	         (int)sizeof j->dir))
		j->result = pr_fail(&j->error, PR_EINVAL, "path too long: %s", j->spool);
	if (j->result == 0)
		j->result = open_ledger(j, from);
	if (j->result == 0)
		j->result = is_worth_it(j);
	if (j->result == 0) {
		work_fold_leave(j->folder, j->accepted.serial);
		j->result = move_back(j, from);
	}
	if (j->result == 0)
		j->result = open_ledger(j, j->dir);
}

/* ---- on the loop ---- */

static void
take_up(struct reopen_job *j)
{
	struct pr_delivery *d = j->delivery;
	struct pr_campaign *c = pr_delivery_find(d, j->id);
	if (c)
		campaign_destroy(c);
	j->result = recover_reopened(d, j->dir, j->ledger, &j->accepted, &j->error);
	if (j->result < 0)
		pr_ledger_close(j->ledger);
	else
		fold_attach(d, j->accepted.serial, j->ledger);
}

static void
reopen_done(struct pr_job *job)
{
	struct reopen_job *j = PR_CONTAINER(job, struct reopen_job, job);
	struct pr_campaign *c = pr_delivery_find(j->delivery, j->id);
	bool by_another = c && !c->closed; /* for a verb that came before this one */
	if (j->result == 0)
		take_up(j);
	if (j->result == 0 || by_another)
		pr_delivery_verb(j->delivery, j->verb);
	else
		j->verb->done(j->verb, j->result, j->error.text);
	free(j);
}

void
reopen_start(struct pr_delivery *d, struct pr_verb *v)
{
	struct reopen_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_reopen;
	j->job.done = reopen_done;
	j->delivery = d;
	j->verb = v;
	j->statedb = d->options.statedb;
	j->folder = d->folder;
	snprintf(j->spool, sizeof j->spool, "%s", d->config->spool.p);
	snprintf(j->id, sizeof j->id, "%s", v->id);
	pr_lane_submit(d->folder_lane, &j->job);
}

/* ---- verbs that wait for the end of a report ---- */

void
reopen_later(struct pr_delivery *d, struct pr_verb *v)
{
	pr_list_push(&d->reopen_later, &v->waiter.link);
}

void
reopen_give_up(struct pr_delivery *d)
{
	struct pr_list *link;
	while ((link = pr_list_shift(&d->reopen_later))) {
		struct pr_verb *v = PR_CONTAINER(link, struct pr_verb, waiter.link);
		v->done(v, PR_ESTATE, "the daemon ends");
	}
}

void
reopen_closed(struct pr_delivery *d, const struct pr_campaign *c)
{
	PR_LIST_EACH(link, &d->reopen_later) {
		struct pr_verb *v = PR_CONTAINER(link, struct pr_verb, waiter.link);
		if (strcmp(v->id, c->id) != 0)
			continue;
		pr_list_remove(link);
		reopen_start(d, v);
	}
}
