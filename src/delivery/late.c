/*
 * Bounces that come late, and other evidence by mail.
 *
 *   asked -> all up to now is durable -> folder lane: folds it, reads the rows as they are
 *         -> loop: an outcome for each row that it may concern -> durable -> done
 *
 * Many are looked up together, but one round follows the other: what a round found in a ledger is
 * still so when it appends, for only late outcomes move a row that was delivered. A row in doubt
 * others move as well: it is left for another time if its campaign went on meanwhile. A campaign
 * that has ended is not taken up again: the record is enough, folding brings it to its ledger in
 * done/ (finished.c), where the same table of moves is asked once more.
 */
#include "internal.h"

#include "postrider/classify/policy.h"
#include "postrider/delivery/late.h"

#include <stdlib.h>

#define ROUND_MAX 64u
/* What is on its way has mostly come to rest by then; who brings the mail would wait far longer
 * before it comes again. */
#define AGAIN_MS 250
#define TRIES 40u

struct round {
	struct pr_job job;
	struct pr_journal_waiter waiter;
	struct pr_delivery *delivery; /* NULL: the daemon ends */
	struct folder *folder;
	uint64_t fold_to;
	int result;
	struct pr_error error;
	struct pr_late *asked[ROUND_MAX];
	unsigned n;
};

/* ---- on the folder lane ---- */

/* Texts are views: those of ours stay. */
static bool
take_known(void *context, const struct pr_known *k)
{
	struct pr_late *l = context;
	l->found = k->row == l->row;
	l->known = *k;
	l->known.email = l->known.reply = l->known.mx = PR_STR("");
	return false;
}

static int
look_up(struct round *r, struct pr_late *l)
{
	pr_ledger *ledger;
	int result = work_fold_ledger(r->folder, l->serial, &ledger, l->id, &r->error);
	if (result < 0 || l->row == 0)
		return result == PR_ENOENT ? 0 : result;
	return pr_ledger_page(ledger, PR_STATES, l->row - 1, 1, take_known, l, &r->error);
}

static void
work_round(struct pr_job *job, void *worker)
{
	(void)worker;
	struct round *r = PR_CONTAINER(job, struct round, job);
	r->result = work_fold_to(r->folder, r->fold_to, &r->error);
	for (unsigned i = 0; r->result == 0 && i < r->n; i++)
		r->asked[i]->result = look_up(r, r->asked[i]);
}

/* ---- on the loop ---- */

static bool
is_open(const struct pr_delivery *d, const struct pr_late *l)
{
	PR_LIST_EACH(link, &d->open) {
		const struct send *s = PR_CONTAINER(link, struct send, order);
		if (s->campaign->serial == l->serial && s->number == l->row)
			return true;
	}
	return false;
}

/* Where the address is no good it is suppressed by whoever has learnt so. */
static uint8_t
soft_flag(const struct pr_late *l)
{
	return !l->hard && pr_soft_counts((enum pr_class)l->class_) ? PR_OUTCOME_SOFT : 0;
}

static void
append(struct pr_delivery *d, struct pr_late *l)
{
	struct pr_campaign *c = pr_map_get(&d->by_serial, l->serial);
	struct pr_outcome o = {.state = PR_BOUNCED,
	                       .class_ = l->class_,
	                       .code = l->code,
	                       .flags = (uint8_t)(PR_OUTCOME_LATE | soft_flag(l)),
	                       .attempts = l->known.attempts,
	                       .doubts = l->known.doubts,
	                       .version = l->known.version,
	                       .variant = l->known.variant,
	                       .first_ms = l->known.first_ms,
	                       .reply = l->reply,
	                       .mx = l->mx};
	memcpy(o.enhanced, l->enhanced, sizeof o.enhanced);
	l->moved = true;
	d->messages[PR_BOUNCED]++;
	if (!c || c->closed) {
		outcome_append_ended(d, l->serial, l->row, &o);
		return;
	}
	if (l->known.state == PR_IN_DOUBT) {
		refill_drop(c); /* it may be here, to be sent again */
		struct pr_counts *n = counts_of(c, l->row);
		n->needs_decision -= l->known.flags & PR_OUTCOME_HELD && n->needs_decision > 0;
	}
	counts_move(c, l->row, l->known.state, PR_BOUNCED);
	outcome_append(c, l->row, &o);
	campaign_check_end(c);
}

static void
resolved(struct pr_verb *v, int result, const char *text)
{
	struct pr_late *l = PR_CONTAINER(v, struct pr_late, verb);
	struct pr_error e;
	l->moved = v->changed > 0;
	if (result < 0)
		pr_fail(&e, PR_EAGAIN, "%s", text);
	l->done(l, result < 0 ? PR_EAGAIN : 0, &e);
}

static void
resolve(struct pr_delivery *d, struct pr_late *l)
{
	l->verb = (struct pr_verb){.kind = PR_VERB_RESOLVE,
	                           .id = l->id,
	                           .by = "postriderd",
	                           .delivered = true,
	                           .rows = &l->row,
	                           .rows_n = 1,
	                           .why = "a report about it came back",
	                           .done = resolved};
	pr_delivery_verb(d, &l->verb);
}

/* False: it is answered elsewhere. */
static bool
settle(struct round *r, struct pr_late *l)
{
	struct pr_delivery *d = r->delivery;
	const struct pr_campaign *c = pr_map_get(&d->by_serial, l->serial);
	bool active = c && !c->closed, doubt = l->known.state == PR_IN_DOUBT;
	if (l->result < 0 || !l->found || !(doubt || l->known.state == PR_DELIVERED) ||
	    (!doubt && !l->failed))
		return true;
	if (is_open(d, l) || d->journal_full ||
	    (active && (c->finishing || c->restored || !c->ledger)) ||
	    (active && doubt && l->failed && c->last_lsn > r->fold_to))
		l->result = PR_EAGAIN;
	else if (l->failed)
		append(d, l);
	else {
		resolve(d, l);
		return false;
	}
	return true;
}

static void late_start(struct pr_delivery *d);

static bool
waits(struct pr_delivery *d, struct pr_late *l)
{
	if (!d || d->closing || l->result != PR_EAGAIN || ++l->tries > TRIES)
		return false;
	pr_list_push(&d->late_again, &l->link);
	if (!pr_timer_running(&d->late_timer))
		pr_timer_start(&d->late_timer, AGAIN_MS);
	return true;
}

static void
on_again(struct pr_timer *t)
{
	struct pr_delivery *d = PR_CONTAINER(t, struct pr_delivery, late_timer);
	pr_list_splice(&d->late, &d->late_again);
	late_start(d);
}

static void
round_end(struct round *r)
{
	struct pr_delivery *d = r->delivery;
	struct pr_error again;
	pr_fail(&again, PR_EAGAIN, "the row, or its campaign's folder, is on its way");
	for (unsigned i = 0; i < r->n; i++) {
		struct pr_late *l = r->asked[i];
		if (!waits(d, l))
			l->done(l, l->result, l->result == PR_EAGAIN ? &again : &r->error);
	}
	free(r);
	if (!d)
		return;
	d->late_round = NULL;
	late_start(d);
}

static void
round_durable(struct pr_journal_waiter *w)
{
	round_end(PR_CONTAINER(w, struct round, waiter));
}

static void
round_cancel(struct round *r)
{
	for (unsigned i = 0; i < r->n; i++)
		r->asked[i]->result = PR_EAGAIN;
	round_end(r);
}

static void
round_done(struct pr_job *job)
{
	struct round *r = PR_CONTAINER(job, struct round, job);
	unsigned n = 0;
	if (!r->delivery) {
		round_cancel(r);
		return;
	}
	for (unsigned i = 0; i < r->n; i++) {
		struct pr_late *l = r->asked[i];
		if (r->result < 0)
			l->result = r->result;
		if (settle(r, l))
			r->asked[n++] = l;
	}
	r->n = n;
	r->waiter.durable = round_durable;
	pr_journal_wait(r->delivery->journal, &r->waiter);
}

static void
round_folds(struct pr_journal_waiter *w)
{
	struct round *r = PR_CONTAINER(w, struct round, waiter);
	if (r->delivery)
		pr_lane_submit(r->delivery->folder_lane, &r->job);
	else
		round_cancel(r);
}

static bool
holds(const struct round *r, const struct pr_late *l)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->asked[i]->serial == l->serial && r->asked[i]->row == l->row)
			return true;
	return false;
}

/* Two of one row are not for the same round. */
static void
late_start(struct pr_delivery *d)
{
	if (d->late_round || pr_list_empty(&d->late) || d->closing)
		return;
	struct round *r = pr_calloc(1, sizeof *r);
	PR_LIST_EACH(link, &d->late) {
		struct pr_late *l = PR_CONTAINER(link, struct pr_late, link);
		if (r->n == ROUND_MAX || holds(r, l))
			continue;
		l->moved = l->found = false;
		l->result = 0;
		pr_list_remove(&l->link);
		r->asked[r->n++] = l;
	}
	d->late_round = r;
	r->job.work = work_round;
	r->job.done = round_done;
	r->delivery = d;
	r->folder = d->folder;
	r->fold_to = pr_journal_end(d->journal);
	r->waiter.durable = round_folds;
	pr_journal_wait(d->journal, &r->waiter);
}

void
pr_delivery_late(pr_delivery *d, struct pr_late *l)
{
	l->tries = 0;
	pr_list_push(&d->late, &l->link);
	late_start(d);
}

void
late_init(struct pr_delivery *d)
{
	pr_list_init(&d->late);
	pr_list_init(&d->late_again);
	pr_timer_init(&d->late_timer, d->loop, on_again);
}

void
late_give_up(struct pr_delivery *d)
{
	struct pr_error e;
	struct pr_list *link;
	pr_fail(&e, PR_EAGAIN, "the daemon ends");
	if (d->late_round)
		d->late_round->delivery = NULL;
	pr_timer_stop(&d->late_timer);
	pr_list_splice(&d->late, &d->late_again);
	while ((link = pr_list_shift(&d->late))) {
		struct pr_late *l = PR_CONTAINER(link, struct pr_late, link);
		l->done(l, PR_EAGAIN, &e);
	}
}
