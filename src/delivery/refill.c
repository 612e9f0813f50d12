/*
 * Refill: rows are read from the ledger on the folder lane, a batch at a time, and
 * granted from memory.
 *
 *   fresh  rows nobody has tried, in file order, by a cursor. While one batch is granted
 *          the next is read. After a restart the first one waits until what recovery found
 *          in doubt is folded: the ledger would call those rows fresh.
 *   due    rows whose time has come. The ledger knows a row's last outcome only when that
 *          is folded, so a due refill waits until all that was appended before it is
 *          durable, and folds it first. Rows handed out and still open are not read again
 *          by the ledger until their outcome is folded or they are given back.
 *
 * Dropping batches (pause, cancel) is cheap: the cursor goes back to the first row that
 * was not granted. Answers of an earlier epoch are ignored.
 *
 * Whoever has left, or had enough, is found here, when the batch has been read (suppress.c,
 * caps.c).
 */
#include "internal.h"

#include <stdlib.h>

struct refill_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	struct pr_journal_waiter waiter;
	struct folder *folder;
	pr_ledger *ledger;
	struct suppressing *suppressing;
	struct pr_audience_who who;
	pr_timing *timing; /* NULL: none */
	struct caps_ask *caps;
	unsigned epoch, max;
	bool due;
	uint32_t from;
	int64_t now_ms;
	uint64_t fold_to;
	int result;
	struct pr_batch *batch;
	struct pr_error error;
};

static int
read_rows(struct refill_job *j)
{
	if (j->due)
		return pr_ledger_refill_due(j->ledger, 0, j->now_ms, j->max, &j->batch, &j->error);
	return pr_ledger_refill_fresh(j->ledger, 0, j->from, j->max, REFILL_OCTETS, &j->batch,
	                              &j->error);
}

static void
work_refill(struct pr_job *job, void *worker)
{
	(void)worker;
	struct refill_job *j = PR_CONTAINER(job, struct refill_job, job);
	j->result = work_fold_to(j->folder, j->fold_to, &j->error);
	if (j->result == 0)
		j->result = read_rows(j);
	if (j->result == 0)
		j->result = work_suppress(j->suppressing, j->batch, &j->who, &j->error);
	if (j->result == 0)
		j->result = work_fold_caps(j->folder, j->caps, j->ledger, j->batch, &j->error);
	if (j->result == 0)
		work_timed(j->timing, j->batch);
}

static void
take_fresh(struct pr_campaign *c, struct pr_batch *b)
{
	c->cursor = b->next_row;
	c->fresh_end = b->end;
	if (c->outlet && c->outlet->mx) {
		dispatch_fresh(c, b);
		return;
	}
	dispatch_pass_over(c, b);
	if (b->n == 0)
		pr_batch_unref(b);
	else if (!c->fresh)
		c->fresh = b;
	else
		c->fresh_next = b;
}

/* ---- rows of a due batch that were not granted go back ---- */

struct give_back_job {
	struct pr_job job;
	pr_ledger *ledger;
	struct pr_batch *batch;
};

static void
work_give_back(struct pr_job *job, void *worker)
{
	(void)worker;
	struct give_back_job *j = PR_CONTAINER(job, struct give_back_job, job);
	for (unsigned i = j->batch->taken; i < j->batch->n; i++)
		pr_ledger_give_back(j->ledger, j->batch->rows[i].row);
}

static void
give_back_done(struct pr_job *job)
{
	struct give_back_job *j = PR_CONTAINER(job, struct give_back_job, job);
	pr_batch_unref(j->batch);
	free(j);
}

void
refill_give_back(struct pr_campaign *c, struct pr_batch *b)
{
	if (!c->ledger || c->delivery->closing) {
		pr_batch_unref(b);
		return;
	}
	struct give_back_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_give_back;
	j->job.done = give_back_done;
	j->ledger = c->ledger;
	j->batch = b;
	pr_lane_submit(c->delivery->folder_lane, &j->job);
	refill_note_due(c, campaign_now(c));
}

static void
take_due(struct pr_campaign *c, struct pr_batch *b)
{
	if (!b->end)
		refill_note_due(c, campaign_now(c)); /* more are due already */
	if (b->next_due_ms)
		refill_note_due(c, b->next_due_ms);
	due_park(c, b);
	if (b->n == 0)
		pr_batch_unref(b);
	else if (c->outlet && c->outlet->mx)
		dispatch_due(c, b);
	else
		c->due = b;
}

/* Answers of an earlier epoch are ignored, and of one before many had left. */
static bool
is_stale(const struct refill_job *j)
{
	const struct pr_campaign *c = j->campaign;
	return j->epoch != c->epoch || suppress_is_old(c->delivery, j->batch->stamp);
}

static void
take(struct pr_campaign *c, struct refill_job *j)
{
	suppress_settle(c, j->batch);
	variants_settle(c, j->batch, j->due);
	timed_settle(c, j->batch);
	caps_settle(c, j->batch, j->due);
	if (j->due)
		take_due(c, j->batch);
	else
		take_fresh(c, j->batch);
}

static void
refill_done(struct pr_job *job)
{
	struct refill_job *j = PR_CONTAINER(job, struct refill_job, job);
	struct pr_campaign *c = j->campaign;
	if (j->due)
		c->due_running = false;
	else
		c->fresh_running = false;
	if (j->result == PR_ENOSPC) /* folding waits for room; ask again later */
		refill_note_due(c, campaign_now(c) + PR_SECOND_MS);
	else if (j->result < 0)
		campaign_fail(c, j->error.text);
	else if (is_stale(j) && j->due)
		refill_give_back(c, j->batch);
	else if (is_stale(j))
		pr_batch_unref(j->batch);
	else
		take(c, j);
	pr_timing_unref(j->timing);
	caps_ask_free(j->caps);
	free(j);
	PR_LIST_EACH(link, &c->flows)
		flow_update(PR_CONTAINER(link, struct flow, link));
	campaign_check_end(c);
	pump_ask(c->delivery);
}

static void
submit(struct refill_job *j)
{
	j->job.work = work_refill;
	j->job.done = refill_done;
	pr_lane_submit(j->campaign->delivery->folder_lane, &j->job);
}

static void
on_durable(struct pr_journal_waiter *w)
{
	submit(PR_CONTAINER(w, struct refill_job, waiter));
}

static void
submit_when_durable(struct refill_job *j)
{
	j->waiter.durable = on_durable;
	pr_journal_wait(j->campaign->delivery->journal, &j->waiter);
}

static struct refill_job *
job_create(struct pr_campaign *c, bool due)
{
	struct refill_job *j = pr_calloc(1, sizeof *j);
	j->campaign = c;
	j->epoch = c->epoch;
	j->ledger = c->ledger;
	j->folder = c->delivery->folder;
	j->suppressing = c->delivery->suppressing;
	j->who = suppress_who(c);
	j->timing = c->timed.timing ? pr_timing_ref(c->timed.timing) : NULL;
	j->caps = caps_ask_of(c);
	j->due = due;
	j->max = REFILL_ROWS;
	return j;
}

/* Rows for a tenth of a second: what the folder lane may need to come by again. */
static unsigned
rows_ahead(struct pr_campaign *c)
{
	double rows = meter_recent(&c->meter, pr_loop_now_ms(c->delivery->loop)) / 10;
	return rows < REFILL_ROWS_MAX ? (unsigned)rows : REFILL_ROWS_MAX;
}

static void
ask_fresh(struct pr_campaign *c)
{
	unsigned left = c->fresh ? c->fresh->n - c->fresh->taken : 0;
	if (c->fresh_end || c->fresh_running || c->fresh_next)
		return;
	unsigned ahead = rows_ahead(c);
	if (c->outlet && c->outlet->mx && !dispatch_wants(c))
		return;
	if (left > REFILL_ROWS / 2 && left > ahead)
		return;
	struct refill_job *j = job_create(c, false);
	if (j->max < ahead)
		j->max = ahead;
	j->from = c->cursor;
	c->fresh_read_ms = pr_loop_now_ms(c->delivery->loop);
	j->fold_to = c->fresh_after;
	c->fresh_running = true;
	if (c->fresh_after <= pr_journal_durable(c->delivery->journal))
		submit(j);
	else
		submit_when_durable(j);
}

static void
ask_due(struct pr_campaign *c)
{
	struct pr_delivery *d = c->delivery;
	int64_t now = campaign_now(c);
	if (c->due || c->due_running || c->next_due_ms > now)
		return;
	struct refill_job *j = job_create(c, true);
	j->now_ms = now;
	j->fold_to = pr_journal_end(d->journal);
	c->due_running = true;
	c->next_due_ms = INT64_MAX;
	submit_when_durable(j);
}

void
refill_ask(struct pr_campaign *c)
{
	if (!c->ledger || c->restored) /* what the journal says is not about this copy: not yet */
		return;
	ask_fresh(c);
	ask_due(c);
	behind_ask(c, NULL);
}

/* What is due later is found by the look of each second. */
static void
wake_at(struct pr_delivery *d, int64_t wait_ms)
{
	int64_t at = pr_loop_now_ms(d->loop) + wait_ms;
	if (wait_ms <= 0 || wait_ms >= PR_SECOND_MS || d->closing ||
	    (pr_timer_running(&d->due) && d->due_at_ms <= at))
		return;
	d->due_at_ms = at;
	pr_timer_start(&d->due, wait_ms);
}

void
refill_note_due(struct pr_campaign *c, int64_t due_ms)
{
	if (due_ms >= c->next_due_ms || due_ms >= PR_LEDGER_PARKED_MS)
		return;
	c->next_due_ms = due_ms;
	wake_at(c->delivery, due_ms - campaign_now(c));
}

bool
refill_has_rows(const struct pr_campaign *c)
{
	return c->due || c->fresh;
}

const struct pr_row *
refill_peek(struct pr_campaign *c, struct pr_batch **batch)
{
	*batch = c->due ? c->due : c->fresh;
	return &(*batch)->rows[(*batch)->taken];
}

void
refill_take(struct pr_campaign *c, struct pr_batch *batch)
{
	if (++batch->taken == batch->n) {
		if (batch == c->due)
			c->due = NULL;
		else {
			c->fresh = c->fresh_next;
			c->fresh_next = NULL;
		}
		pr_batch_unref(batch);
	}
	refill_ask(c);
}

void
refill_drop(struct pr_campaign *c)
{
	c->epoch++;
	dispatch_drop(c);
	if (c->fresh) {
		c->cursor = c->fresh->rows[c->fresh->taken].row;
		c->fresh_end = false;
		pr_batch_unref(c->fresh);
	}
	if (c->fresh_next)
		pr_batch_unref(c->fresh_next);
	if (c->due)
		refill_give_back(c, c->due);
	c->fresh = c->fresh_next = c->due = NULL;
}
