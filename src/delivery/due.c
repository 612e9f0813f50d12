/*
 * Due rows of routes via mx: deferred ones whose time has come.
 *
 *   due batch -> flow of the site (dispatch.c) | put off in the ledger
 *
 * The ledger gives them by time, for all receivers together. Those whose site has enough waiting
 * are put off until it will have sent about that, so that a slow receiver's rows are not read
 * over and over, and a quick one does not wait for its own. Nothing of it goes to the journal: a
 * restart finds them due again.
 *
 * Rows of a paused slice are parked: their time is one that never comes, until the slice goes on
 * (slice.c); so are those of a paused variant, and those that wait for a winner (variants.c).
 */
#include "internal.h"

#include <stdlib.h>

#define PUT_OFF_MIN_MS 100
#define PUT_OFF_NEW_MS PR_SECOND_MS /* the site's speed is not known yet */
#define PUT_OFF_MAX_MS (20 * PR_SECOND_MS)
#define ROWS_FACTOR 4u /* times as many rows as usual may wait: they are read less often */

struct put_off_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	pr_ledger *ledger;
	int64_t soonest_ms;
	size_t n;
	int result;
	struct pr_error error;
	struct pr_put_off rows[];
};

static void
work_put_off(struct pr_job *job, void *worker)
{
	(void)worker;
	struct put_off_job *j = PR_CONTAINER(job, struct put_off_job, job);
	j->result = pr_ledger_put_off(j->ledger, j->rows, j->n, &j->error);
}

static void
put_off_done(struct pr_job *job)
{
	struct put_off_job *j = PR_CONTAINER(job, struct put_off_job, job);
	struct pr_campaign *c = j->campaign;
	c->reads--;
	if (j->result < 0 && j->result != PR_ENOSPC)
		campaign_fail(c, j->error.text);
	refill_note_due(c, j->soonest_ms);
	free(j);
	campaign_check_end(c);
}

/* Until about half of what waits for its site is sent. */
static int64_t
wait_of(struct pr_campaign *c, const struct pr_row *row)
{
	const struct domain *d = domain_of(c, row->domain);
	if (d->stage != DOMAIN_FLOW)
		return PUT_OFF_NEW_MS;
	const struct flow *f = d->at;
	if (!site_has_healthy_lane(f->site))
		return PUT_OFF_MAX_MS;
	double rate = site_rate(f->site);
	int64_t wait = rate > 0 ? (int64_t)(f->rows_n * 500.0 / rate) : PUT_OFF_NEW_MS;
	/* What a site has done in its first moments looks slow: connections had to be made. */
	int64_t most = site_has_pace(f->site) ? PUT_OFF_MAX_MS : PUT_OFF_NEW_MS;
	return wait < PUT_OFF_MIN_MS ? PUT_OFF_MIN_MS : wait > most ? most : wait;
}

static void
put_off(struct pr_campaign *c, struct put_off_job *j)
{
	j->job.work = work_put_off;
	j->job.done = put_off_done;
	j->campaign = c;
	j->ledger = c->ledger;
	c->reads++;
	pr_lane_submit(c->delivery->folder_lane, &j->job);
}

void
due_put_off(struct pr_campaign *c, const struct pr_put_off *rows, size_t n)
{
	if (n == 0)
		return;
	struct put_off_job *j = pr_calloc(1, sizeof *j + n * sizeof *j->rows);
	memcpy(j->rows, rows, n * sizeof *j->rows);
	j->n = n;
	j->soonest_ms = INT64_MAX;
	for (size_t i = 0; i < n; i++)
		if (rows[i].due_utc_ms < j->soonest_ms)
			j->soonest_ms = rows[i].due_utc_ms;
	if (j->soonest_ms >= PR_LEDGER_PARKED_MS)
		j->soonest_ms = INT64_MAX;
	put_off(c, j);
}

static struct put_off_job *
parking(unsigned n)
{
	struct put_off_job *j = pr_calloc(1, sizeof *j + n * sizeof *j->rows);
	j->soonest_ms = INT64_MAX;
	return j;
}

static void
park_row(struct put_off_job *j, uint32_t row)
{
	j->rows[j->n++] = (struct pr_put_off){.row = row, .due_utc_ms = PR_LEDGER_PARKED_MS};
}

static void
park(struct pr_campaign *c, struct put_off_job *j)
{
	if (j->n)
		put_off(c, j);
	else
		free(j);
}

void
due_park(struct pr_campaign *c, struct pr_batch *b)
{
	unsigned kept = 0;
	if (pr_list_empty(&c->paused) && c->split.variants == 0)
		return;
	struct put_off_job *j = parking(b->n);
	for (unsigned i = 0; i < b->n; i++)
		if (slice_stops(c, b->rows[i].email) || variants_hold(c, &b->rows[i]))
			park_row(j, b->rows[i].row);
		else
			b->rows[kept++] = b->rows[i];
	b->n = kept;
	park(c, j);
}

void
due_park_all(struct pr_campaign *c, const struct pr_batch *b)
{
	struct put_off_job *j = parking(b->n);
	for (unsigned i = 0; i < b->n; i++)
		park_row(j, b->rows[i].row);
	park(c, j);
}

void
dispatch_due(struct pr_campaign *c, struct pr_batch *b)
{
	int64_t now = campaign_now(c);
	struct put_off_job *j = pr_calloc(1, sizeof *j + b->n * sizeof *j->rows);
	j->soonest_ms = now + PUT_OFF_MAX_MS;
	for (unsigned i = 0; i < b->n; i++) {
		const struct pr_row *row = &b->rows[i];
		if (dispatch_place(c, row, true, ROWS_FACTOR))
			continue;
		int64_t due = now + wait_of(c, row);
		j->rows[j->n++] = (struct pr_put_off){.row = row->row, .due_utc_ms = due};
		if (due < j->soonest_ms)
			j->soonest_ms = due;
	}
	pr_batch_unref(b);
	if (j->n)
		put_off(c, j);
	else
		free(j);
}
