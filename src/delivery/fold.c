/*
 * Folding: the folder lane follows the journal with a cursor and applies what is durable to the
 * ledgers (fold_slice.c). Here it is decided when, and what was folded comes home to the loop.
 *
 * The position up to which everything is folded is kept in state.db, so that a restart
 * begins to read there; each ledger also keeps its own, so reading too much twice changes
 * nothing.
 */
#include "fold.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLD_DELAY_MS 50
#define FOLD_EAGER_OCTETS (128u << 10)
#define RELEASE_OCTETS (16u << 20)

struct fold_job {
	struct pr_job job;
	struct pr_delivery *delivery;
	struct folder *folder;
	uint64_t limit;
	bool save;        /* keep where a restart begins, and the clock, in state.db */
	uint64_t needed;  /* where it begins; 0: as before */
	int64_t clock[2]; /* due clock, wall clock */
	int result;
	uint64_t position, records;
	uint64_t caps_need, kept_back;
	int64_t caps_oldest_ms;
	struct answer *answers; /* the job's */
	size_t answers_n;
	struct hard hard; /* likewise */
	unsigned failed_n;
	struct {
		uint32_t serial;
		struct pr_error error;
	} failed[FAILED_MAX];
	struct pr_error error;
};

static int
save_position(struct folder *f, const struct fold_job *j, struct pr_error *e)
{
	char text[128];
	if (j->needed)
		f->kept.lsn = j->needed;
	if (j->needed >= f->start_end)
		memcpy(f->kept.boot, f->boot, sizeof f->boot);
	snprintf(text, sizeof text, "%llu %s", (unsigned long long)f->kept.lsn, f->kept.boot);
	int r = pr_statedb_set(f->statedb, "replay", pr_str(text), e);
	if (r < 0)
		return r;
	clock_text(j->clock[0], j->clock[1], text, sizeof text);
	return pr_statedb_set(f->statedb, "clock", pr_str(text), e);
}

static void
work_fold(struct pr_job *job, void *worker)
{
	(void)worker;
	struct fold_job *j = PR_CONTAINER(job, struct fold_job, job);
	struct folder *f = j->folder;
	j->result = finished_is_full(f->finished) ? 0 : fold_slice(f, j->limit, &j->error);
	if (j->needed > finished_needs(f->finished))
		j->needed = finished_needs(f->finished);
	if (j->result < 0 || !j->save || save_position(f, j, &j->error) < 0)
		j->needed = 0;
	if (j->result >= 0 && j->save)
		fold_caps_sweep(f, j->caps_oldest_ms, &j->error);
	j->caps_need = pr_caps_needs(f->caps);
	j->kept_back = finished_needs(f->finished);
	j->position = f->position;
	j->records = f->folded_records;
	j->failed_n = f->failed_n;
	memcpy(j->failed, f->failed, sizeof j->failed);
	f->failed_n = 0;
	j->answers = f->answers;
	j->answers_n = f->answers_n;
	f->answers = NULL;
	f->answers_n = f->answers_cap = 0;
	j->hard = f->hard;
	f->hard = (struct hard){0};
}

static void
check_ends(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		suppress_folded(c);
		campaign_check_end(c);
	}
}

static void
tell_failures(struct pr_delivery *d, const struct fold_job *j)
{
	for (unsigned i = 0; i < j->failed_n; i++) {
		struct pr_campaign *c = pr_map_get(&d->by_serial, j->failed[i].serial);
		if (c && !c->closed) {
			c->ledger = NULL;
			campaign_fail(c, j->failed[i].error.text);
		} else
			PR_LOG(PR_LOG_ERROR, "answers_lost", "of a campaign that has ended: %s",
			       j->failed[i].error.text);
	}
}

static void
fold_done(struct pr_job *job)
{
	struct fold_job *j = PR_CONTAINER(job, struct fold_job, job);
	struct pr_delivery *d = j->delivery;
	d->fold_running = false;
	d->folded = j->position;
	d->fold_records = j->records;
	d->caps_need = j->caps_need;
	d->kept_back = j->kept_back;
	tell_failures(d, j);
	for (size_t i = 0; i < j->answers_n; i++)
		answer_apply(d, &j->answers[i]);
	free(j->answers);
	hard_tell(d, &j->hard);
	if (j->needed) {
		d->released_at = j->needed;
		pr_journal_release(d->journal, j->needed, EVENTS_KEEP);
	}
	if (j->result < 0 && j->result != PR_ENOSPC)
		d->options.on_fatal(d->options.context, &j->error);
	else if (j->result < 0)
		pr_timer_start(&d->fold_timer, PR_SECOND_MS);
	else if (j->result > 0)
		fold_start(d);
	else
		fold_ask(d);
	check_ends(d);
	free(j);
}

static uint64_t
fold_needed(const struct pr_delivery *d)
{
	uint64_t needed = d->folded;
	uint64_t bounced =
	    d->options.bounced_needs ? d->options.bounced_needs(d->options.context) : UINT64_MAX;
	if (bounced < needed)
		needed = bounced;
	if (d->caps_need < needed)
		needed = d->caps_need;
	if (pr_list_empty(&d->open))
		return needed;
	uint64_t oldest = PR_CONTAINER(d->open.next, struct send, order)->lsn;
	return oldest < needed ? oldest : needed;
}

/* Where a restart must begin to read moves on in two steps. Intents of rows that are not
 * open now may be forgotten only when their outcomes are durable; the same holds for intents
 * that were written again. So what is needed now counts once all of now is durable. */
static void
advance_needed(struct pr_delivery *d)
{
	if (d->needed_next && pr_journal_durable(d->journal) >= d->needed_when) {
		d->needed = d->needed_next;
		d->needed_next = 0;
	}
	if (!d->needed_next) {
		d->needed_next = fold_needed(d);
		d->needed_when = pr_journal_end(d->journal);
	}
}

/* An old intent is written again, or its wire mark, which says the same and more, so that
 * the segment it stands in can go. */
static void
refresh_old(struct pr_delivery *d)
{
	while (!pr_list_empty(&d->open)) {
		struct send *s = PR_CONTAINER(d->open.next, struct send, order);
		if (!s->durable || s->lsn + REFRESH_OCTETS > pr_journal_end(d->journal))
			return;
		s->lsn = send_record(s, s->wired ? PR_RECORD_WIRE : PR_RECORD_INTENT);
		pr_list_remove(&s->order);
		pr_list_push(&d->open, &s->order);
	}
}

void
fold_start(struct pr_delivery *d)
{
	struct fold_job *j = pr_calloc(1, sizeof *j);
	refresh_old(d);
	j->job.work = work_fold;
	j->job.done = fold_done;
	j->delivery = d;
	j->folder = d->folder;
	j->limit = pr_journal_durable(d->journal);
	advance_needed(d);
	j->save = d->save_asked || d->needed > d->released_at + RELEASE_OCTETS;
	j->needed = d->needed;
	if (j->save)
		d->save_asked = false;
	j->caps_oldest_ms = caps_oldest_ms(d);
	j->clock[0] = due_now(d);
	j->clock[1] = pr_utc_ms();
	d->fold_running = true;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
fold_ask(struct pr_delivery *d)
{
	uint64_t durable = pr_journal_durable(d->journal);
	if (d->fold_running || durable <= d->folded)
		return;
	if (durable - d->folded >= FOLD_EAGER_OCTETS) {
		pr_timer_stop(&d->fold_timer);
		fold_start(d);
	} else if (!pr_timer_running(&d->fold_timer))
		pr_timer_start(&d->fold_timer, FOLD_DELAY_MS);
}
