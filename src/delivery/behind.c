/*
 * Domains that are behind: rows of them were passed over while their site had enough to do. They
 * are read again by the ledger's index of domains, some domains at a time, when the site asks,
 * or when there is room to look up sites that are not known.
 *
 *   queue of a flow, or of those of unknown site -> job on the folder lane -> dispatch_read
 *
 * A domain that has more rows goes to the end of its queue. Until the index is complete nothing
 * is read here; the rows wait, and the file's order brings others.
 */
#include "internal.h"

#include <stdlib.h>

#define DOMAINS_MAX 64u /* of a job */
#define ROWS_MAX 256u
#define OCTETS_MAX (256u << 10)
#define UNKNOWN_ROWS 1u /* of a domain whose site is not known: to find out */

struct queue {
	uint32_t *first, *last;
};

static struct queue
queue_of(struct pr_campaign *c, struct flow *f)
{
	if (f)
		return (struct queue){&f->behind_first, &f->behind_last};
	return (struct queue){&c->unknown_first, &c->unknown_last};
}

void
behind_push(struct pr_campaign *c, uint32_t number)
{
	struct domain *d = domain_of(c, number);
	if (d->stage == DOMAIN_LOOKUP || d->queued || d->parked)
		return; /* when it is known, or goes on */
	if (d->stage == DOMAIN_UNKNOWN && c->outlet && !c->outlet->mx)
		lookup_lead(c, number,
		            flow_of(c, PR_CONTAINER(c->outlet->sites.next, struct site, link)));
	struct queue q = queue_of(c, d->stage == DOMAIN_FLOW ? d->at : NULL);
	d->next_behind = 0;
	d->queued = true;
	if (*q.last)
		c->domains[*q.last].next_behind = number;
	else
		*q.first = number;
	*q.last = number;
}

static uint32_t
shift(struct pr_campaign *c, struct queue q)
{
	uint32_t number = *q.first;
	struct domain *d = domain_of(c, number);
	*q.first = d->next_behind;
	if (!*q.first)
		*q.last = 0;
	d->queued = false;
	return number;
}

/* ---- the job ---- */

struct read_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	struct flow *flow; /* NULL: of unknown site */
	pr_ledger *ledger;
	struct suppressing *suppressing;
	struct pr_audience_who who;
	pr_timing *timing; /* NULL: none */
	struct folder *folder;
	struct caps_ask *caps;
	unsigned epoch, n, each;
	struct {
		uint32_t number, from;
		struct pr_batch *batch; /* NULL: not read */
	} domains[DOMAINS_MAX];
	int result;
	struct pr_error error;
};

static void
work_read(struct pr_job *job, void *worker)
{
	(void)worker;
	struct read_job *j = PR_CONTAINER(job, struct read_job, job);
	unsigned rows = 0;
	for (unsigned i = 0; i < j->n && rows < ROWS_MAX && j->result == 0; i++) {
		unsigned max = j->each < ROWS_MAX - rows ? j->each : ROWS_MAX - rows;
		j->result =
		    pr_ledger_refill_fresh(j->ledger, j->domains[i].number, j->domains[i].from, max,
		                           OCTETS_MAX, &j->domains[i].batch, &j->error);
		if (j->result == 0)
			j->result =
			    work_suppress(j->suppressing, j->domains[i].batch, &j->who, &j->error);
		if (j->result == 0)
			j->result = work_fold_caps(j->folder, j->caps, j->ledger,
			                           j->domains[i].batch, &j->error);
		if (j->result == 0) {
			work_timed(j->timing, j->domains[i].batch);
			rows += j->domains[i].batch->n;
		}
	}
}

/* What was read of a domain. Rows that found no place are read once more. Another job may have read
 * from the same row on meanwhile: what it brought was taken, and is not taken again. */
static void
take(struct read_job *j, uint32_t number, struct pr_batch *b)
{
	struct pr_campaign *c = j->campaign;
	suppress_settle(c, b);
	variants_settle(c, b, false);
	timed_settle(c, b);
	caps_settle(c, b, false);
	for (unsigned i = 0; i < b->n; i++) {
		dispatch_read(c, &b->rows[i]);
		if (domain_of(c, number)->from <= b->rows[i].row)
			return;
	}
	struct domain *d = domain_of(c, number);
	if (b->end) {
		d->behind = false;
		d->from = UINT32_MAX; /* the index knows of no more; nor does the file */
	} else if (d->from < b->next_row)
		d->from = b->next_row;
}

static void
read_done(struct pr_job *job)
{
	struct read_job *j = PR_CONTAINER(job, struct read_job, job);
	struct pr_campaign *c = j->campaign;
	bool dropped = j->epoch != c->epoch;
	c->reads--;
	for (unsigned i = 0; i < j->n; i++) {
		uint32_t number = j->domains[i].number;
		struct pr_batch *b = j->domains[i].batch;
		if (b && !dropped && j->result == 0 && !suppress_is_old(c->delivery, b->stamp))
			take(j, number, b);
		if (domain_of(c, number)->behind)
			behind_push(c, number);
		pr_batch_unref(b);
	}
	if (j->result < 0 && j->result != PR_EAGAIN)
		campaign_fail(c, j->error.text);
	if (j->flow) {
		j->flow->reading = false;
		flow_update(j->flow);
	}
	pr_timing_unref(j->timing);
	caps_ask_free(j->caps);
	free(j);
	refill_ask(c);
	campaign_check_end(c);
	pump_ask(c->delivery);
}

void
behind_ask(struct pr_campaign *c, struct flow *f)
{
	struct queue q = queue_of(c, f);
	if (!*q.first || !c->sending || !c->indexed || !c->ledger ||
	    (f ? f->reading : c->reads > 4 || !dispatch_may_look(c)))
		return;
	struct read_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_read;
	j->job.done = read_done;
	j->campaign = c;
	j->flow = f;
	j->ledger = c->ledger;
	j->suppressing = c->delivery->suppressing;
	j->who = suppress_who(c);
	j->timing = c->timed.timing ? pr_timing_ref(c->timed.timing) : NULL;
	j->folder = c->delivery->folder;
	j->caps = caps_ask_of(c);
	j->epoch = c->epoch;
	j->each = f ? ROWS_MAX : UNKNOWN_ROWS;
	for (; j->n < DOMAINS_MAX && *q.first; j->n++) {
		uint32_t number = shift(c, q);
		j->domains[j->n].number = number;
		j->domains[j->n].from = domain_of(c, number)->from;
	}
	if (f)
		f->reading = true;
	c->reads++;
	pr_lane_submit(c->delivery->folder_lane, &j->job);
}
