/*
 * Rows of a person who is to be forgotten, in a campaign that is under way.
 *
 *   loop         none of them is on its way? rows in memory go back
 *   folder lane  all up to now is folded; what are they?
 *   loop         unsent ones become suppressed -> durable -> folder lane, once more
 *   folder lane  none is unsent: the ledger has their last word -> done
 *
 * Between the two steps a refill may read such a row. It finds the address suppressed and settles
 * the row itself; `settled` tells, for the answer of that refill cannot be folded before this job
 * has come back.
 *
 * To series rows come while a person is forgotten, of whom a round has found before: rounds are
 * dropped first. Erasing ends who is under way: they are counted anew behind it.
 */
#include "internal.h"

#include <stdlib.h>

struct forget_job {
	struct pr_job job;
	struct pr_journal_waiter waiter;
	struct pr_campaign *campaign;
	struct pr_delivery_forgetting *order;
	struct folder *folder;
	pr_ledger *ledger;
	uint64_t fold_to;
	struct pr_row *unsent; /* without address and fields */
	size_t n;
	int result;
	struct pr_error error;
};

static int
read_row(struct forget_job *j, uint32_t number)
{
	struct pr_batch *b;
	int r = pr_ledger_row(j->ledger, number, &b, &j->error);
	if (r < 0)
		return r;
	struct pr_row row = b->rows[0];
	pr_batch_unref(b);
	row.email = row.data = PR_STR("");
	if (row.state == PR_PENDING || row.state == PR_DEFERRED)
		j->unsent[j->n++] = row;
	return 0;
}

static void
work_forget(struct pr_job *job, void *worker)
{
	(void)worker;
	struct forget_job *j = PR_CONTAINER(job, struct forget_job, job);
	j->n = 0;
	j->result = work_fold_to(j->folder, j->fold_to, &j->error);
	for (size_t i = 0; i < j->order->n && j->result == 0; i++)
		j->result = read_row(j, j->order->rows[i]);
}

static void
answer(struct forget_job *j, int result, const char *text)
{
	struct pr_campaign *c = j->campaign;
	j->order->done(j->order, result, text);
	c->resolving--;
	pump_ask(c->delivery);
	campaign_check_end(c);
	free(j->unsent);
	free(j);
}

static bool
any_is_open(struct pr_campaign *c, const struct pr_delivery_forgetting *f)
{
	struct pr_map open = {0};
	bool any = false;
	open_rows(c, &open);
	for (size_t i = 0; i < f->n; i++)
		any |= pr_map_get(&open, f->rows[i]) != NULL;
	pr_map_finish(&open);
	return any;
}

static void
on_durable(struct pr_journal_waiter *w)
{
	struct forget_job *j = PR_CONTAINER(w, struct forget_job, waiter);
	pr_lane_submit(j->campaign->delivery->folder_lane, &j->job);
}

static void
look(struct forget_job *j)
{
	j->fold_to = pr_journal_end(j->campaign->delivery->journal);
	j->waiter.durable = on_durable;
	pr_journal_wait(j->campaign->delivery->journal, &j->waiter);
}

static void
forget_done(struct pr_job *job)
{
	struct forget_job *j = PR_CONTAINER(job, struct forget_job, job);
	struct pr_campaign *c = j->campaign;
	if (j->result < 0)
		answer(j, j->result, j->error.text);
	else if (any_is_open(c, j->order))
		answer(j, PR_EAGAIN, "a message is on its way");
	else if (j->n == 0)
		answer(j, 0, "");
	else {
		refill_drop(c);
		for (size_t i = 0; i < j->n; i++)
			if (!suppress_is_settled(c, j->unsent[i].row)) {
				suppress_row(c, &j->unsent[i], "forgotten");
				j->order->settled++;
			}
		look(j);
	}
}

/* A ledger that is nobody's but its reader's: it has ended, or waits to be adopted. */
static bool
is_at_rest(const struct pr_campaign *c)
{
	return !c || c->restored || c->closed || c->state == PR_CAMPAIGN_FAILED;
}

void
pr_delivery_forget(pr_delivery *d, struct pr_delivery_forgetting *f)
{
	struct pr_campaign *c = pr_delivery_find(d, f->id);
	f->settled = 0;
	if (is_at_rest(c)) {
		f->done(f, 0, "");
		return;
	}
	if (!c->ledger || c->finishing || any_is_open(c, f)) {
		f->done(f, PR_EAGAIN,
		        c->finishing ? "its report is being written" : "it is busy with that row");
		return;
	}
	struct forget_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_forget;
	j->job.done = forget_done;
	j->campaign = c;
	j->order = f;
	j->folder = d->folder;
	j->ledger = c->ledger;
	j->unsent = pr_alloc((f->n + 1) * sizeof *j->unsent);
	c->resolving++;
	refill_drop(c);
	look(j);
}

/* ---- what caps count ---- */

static void
work_uncount(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_delivery_uncount *u = PR_CONTAINER(job, struct pr_delivery_uncount, job);
	struct folder *f = u->delivery->folder;
	struct pr_state_identity id;
	pr_statedb_identity(u->delivery->options.statedb, &id);
	u->result = work_fold_to(f, u->fold_to, &u->error);
	if (u->result == 0)
		u->result = work_fold_uncount(f, pr_caps_person(id.address_key, u->address, false),
		                              &u->error);
}

static void
uncount_done(struct pr_job *job)
{
	struct pr_delivery_uncount *u = PR_CONTAINER(job, struct pr_delivery_uncount, job);
	u->done(u, u->result, u->result < 0 ? u->error.text : "");
}

static void
uncount_durable(struct pr_journal_waiter *w)
{
	struct pr_delivery_uncount *u = PR_CONTAINER(w, struct pr_delivery_uncount, waiter);
	u->job.work = work_uncount;
	u->job.done = uncount_done;
	pr_lane_submit(u->delivery->folder_lane, &u->job);
}

void
pr_delivery_uncount(pr_delivery *d, struct pr_delivery_uncount *u)
{
	u->delivery = d;
	u->fold_to = pr_journal_end(d->journal);
	u->waiter.durable = uncount_durable;
	pr_journal_wait(d->journal, &u->waiter);
}

/* ---- series ---- */

static void
work_nothing(struct pr_job *job, void *worker)
{
	(void)job;
	(void)worker;
}

static void
rounds_done(struct pr_job *job)
{
	struct pr_delivery_rounds *r = PR_CONTAINER(job, struct pr_delivery_rounds, job);
	r->done(r);
}

/* What a round has handed to the folder lane already is written before this job has its turn. */
void
pr_delivery_drop_rounds(pr_delivery *d, struct pr_delivery_rounds *r)
{
	PR_LIST_EACH(link, &d->campaigns)
		series_drop(PR_CONTAINER(link, struct pr_campaign, link));
	r->job.work = work_nothing;
	r->job.done = rounds_done;
	pr_lane_submit(d->folder_lane, &r->job);
}

struct recount_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	pr_ledger *ledger;
	struct pr_series_tally tally;
	int result;
	struct pr_error error;
};

static void
work_recount(struct pr_job *job, void *worker)
{
	(void)worker;
	struct recount_job *j = PR_CONTAINER(job, struct recount_job, job);
	j->result = pr_series_tally(j->ledger, &j->tally, &j->error);
}

/* Jobs of the lane come home in their order: what rounds add is added to it, or is in it. */
static void
recount_done(struct pr_job *job)
{
	struct recount_job *j = PR_CONTAINER(job, struct recount_job, job);
	struct pr_campaign *c = j->campaign;
	if (j->result == 0)
		series_count(c, &j->tally);
	else
		campaign_note_error(c, j->error.text);
	c->resolving--;
	campaign_check_end(c);
	free(j);
}

void
pr_delivery_recount(pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (is_at_rest(c) || !c->series || !c->ledger || c->finishing)
			continue;
		struct recount_job *j = pr_calloc(1, sizeof *j);
		j->job.work = work_recount;
		j->job.done = recount_done;
		j->campaign = c;
		j->ledger = c->ledger;
		c->resolving++;
		pr_lane_submit(d->folder_lane, &j->job);
	}
}

void
pr_delivery_mask(pr_delivery *d, const struct pr_trace *t)
{
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->last_error)
			pr_trace_mask(t, c->last_error, strlen(c->last_error));
	}
	PR_LIST_EACH(link, &d->lanes) {
		struct lane *l = PR_CONTAINER(link, struct lane, link);
		pr_trace_mask(t, l->last_reply, strlen(l->last_reply));
	}
}
