/*
 * Grants: which row goes next.
 *
 *   choose -> intent appended -> composer -> (composed and durable) -> lane
 *
 * Within a lane campaigns take turns by deficit round robin: each turn adds the
 * campaign's weight to its credit, each grant costs COST. A campaign that waits for
 * its refill keeps its credit (up to a bound), so that slow reading does not cost it
 * its share; one that has nothing to send loses it.
 *
 * Two things bound what is granted and not yet sent: the lane's room (what it will send
 * soon) and the ready pool in octets. Nothing is granted while everything is paused, the
 * disk is short, or the daemon drains.
 */
#include "internal.h"

#include <stdlib.h>

#define COST 2u             /* priority 0 weighs 1, priority p weighs 2p */
#define CREDIT_ROUNDS 2048u /* rounds of credit a starved campaign keeps */

struct compose_job {
	struct pr_job job;
	struct pr_delivery *delivery;
	unsigned n;
	struct send *sends[COMPOSE_BATCH];
};

static struct send *
send_create(struct pr_delivery *d)
{
	struct send *s = d->free_sends;
	if (s)
		d->free_sends = (struct send *)(void *)s->link.next;
	else
		s = pr_alloc(sizeof *s);
	*s = (struct send){0};
	pr_list_init(&s->link);
	pr_list_init(&s->order);
	pr_list_init(&s->undurable);
	return s;
}

/* The row is not needed any more: it is composed, or settled. */
static void
release_row(struct send *s)
{
	if (s->batch)
		pr_batch_unref(s->batch);
	free(s->held);
	s->batch = NULL;
	s->held = NULL;
	s->row = NULL;
}

void
send_free(struct send *s)
{
	struct pr_delivery *d = s->campaign->delivery;
	struct flow *flow = s->flow;
	pr_list_remove(&s->link);
	pr_list_remove(&s->order);
	pr_list_remove(&s->undurable);
	release_row(s);
	if (s->message) {
		d->ready_octets -= s->message->size;
		d->ready_messages--;
		pr_message_destroy(s->message);
	}
	if (s->content)
		pr_content_unref(s->content);
	free(s->why);
	s->campaign->sends--;
	d->sends--;
	if (s->lane)
		s->lane->sends--;
	s->campaign = NULL;
	s->link.next = (struct pr_list *)(void *)d->free_sends;
	d->free_sends = s;
	if (flow) {
		flow->sends--;
		flow_update(flow);
	}
	pump_ask(d);
}

uint64_t
send_record(const struct send *s, enum pr_record_type type)
{
	struct pr_delivery *d = s->campaign->delivery;
	struct pr_intent i = {.version = s->version, .variant = s->variant, .person = s->person};
	pr_buf_clear(&d->scratch);
	pr_intent_encode(&i, &d->scratch);
	struct pr_record r = {.type = (uint8_t)type,
	                      .campaign = s->campaign->serial,
	                      .row = s->number,
	                      .at_ms = pr_utc_ms(),
	                      .payload = d->scratch.data,
	                      .payload_n = (uint16_t)d->scratch.len};
	return pr_journal_append(d->journal, &r);
}

/* ---- composing ---- */

static void
work_compose(struct pr_job *job, void *worker)
{
	struct compose_job *j = PR_CONTAINER(job, struct compose_job, job);
	for (unsigned i = 0; i < j->n; i++) {
		struct send *s = j->sends[i];
		struct pr_error e = {0};
		if (pr_compose(worker, s->content, s->row, s->variant, pr_utc_ms(), &s->message,
		               &e) < 0)
			s->why = pr_strdup(e.text);
	}
}

bool
send_may_go(const struct send *s)
{
	return campaign_may_send(s->campaign) && !send_is_stale(s) && !slice_stops_send(s) &&
	       !timed_stops(s);
}

/* Composed and durable: it may go, unless its campaign may not any more. */
static void
advance(struct send *s)
{
	if (!s->composed || !s->durable)
		return;
	if (send_may_go(s))
		lane_ready(s->lane, s);
	else
		outcome_withdraw(s);
}

static void
composed(struct send *s)
{
	struct pr_delivery *d = s->campaign->delivery;
	release_row(s);
	s->composed = true;
	d->composing--;
	if (s->why && !send_is_stale(s)) {
		outcome_unsendable(s);
		return;
	}
	d->ready_octets += s->message->size;
	d->ready_messages++;
	d->average_size += ((double)s->message->size - d->average_size) / 64;
	s->envelope = pr_envelope_of(s->message);
	advance(s);
}

static void
compose_done(struct pr_job *job)
{
	struct compose_job *j = PR_CONTAINER(job, struct compose_job, job);
	struct pr_delivery *d = j->delivery;
	for (unsigned i = 0; i < j->n; i++)
		composed(j->sends[i]);
	free(j);
	pump_ask(d);
}

static void
compose_submit(struct pr_delivery *d)
{
	struct compose_job *j = d->filling;
	if (!j)
		return;
	d->filling = NULL;
	j->job.work = work_compose;
	j->job.done = compose_done;
	pr_lane_submit(d->composers, &j->job);
}

static void
compose_later(struct pr_delivery *d, struct send *s)
{
	if (!d->filling) {
		d->filling = pr_alloc(sizeof *d->filling);
		d->filling->delivery = d;
		d->filling->n = 0;
	}
	d->filling->sends[d->filling->n++] = s;
	d->composing++;
	if (d->filling->n == COMPOSE_BATCH)
		compose_submit(d);
}

/* ---- durability ---- */

void
grant_durable(struct pr_delivery *d, uint64_t lsn)
{
	while (!pr_list_empty(&d->undurable)) {
		struct send *s = PR_CONTAINER(d->undurable.next, struct send, undurable);
		if (s->lsn >= lsn)
			break;
		pr_list_remove(&s->undurable);
		s->durable = true;
		advance(s);
	}
}

/* ---- granting ---- */

/* The first row of the flow, and what its memory is. */
static const struct pr_row *
take_row(struct flow *f, struct pr_batch **batch, struct held **held)
{
	struct pr_campaign *c = f->campaign;
	if (f->rows_n) {
		*held = PR_CONTAINER(pr_list_shift(&f->rows), struct held, link);
		f->rows_n--;
		c->held_n--;
		return &(*held)->row;
	}
	const struct pr_row *row = refill_peek(c, batch);
	(*batch)->refs++;
	refill_take(c, *batch);
	return row;
}

struct send *
send_of_row(struct pr_campaign *c, const struct pr_row *row)
{
	struct pr_delivery *d = c->delivery;
	struct send *s = send_create(d);
	s->campaign = c;
	s->number = row->row;
	s->attempts = row->attempts;
	s->doubts = row->doubts;
	s->first_ms = row->first_ms;
	s->version_before = row->version;
	s->version = c->version;
	s->variant_before = row->variant;
	s->variant = (uint8_t)variant_of(c, row);
	s->stamp = row->stamp;
	s->until_ms = row->until_ms;
	s->row = row;
	counts_move(c, row->row, (enum pr_state)row->state, PR_SENDING);
	c->sends++;
	d->sends++;
	return s;
}

/* False: its person may have had enough; it is looked at again. */
static bool
grant(struct flow *f, struct lane *l)
{
	struct pr_campaign *c = f->campaign;
	struct pr_delivery *d = c->delivery;
	struct pr_batch *batch = NULL;
	struct held *held = NULL;
	const struct pr_row *row = take_row(f, &batch, &held);
	if (!caps_let(c, row)) {
		caps_again(c, row);
		pr_batch_unref(batch);
		free(held);
		return false;
	}
	struct send *s = send_of_row(c, row);
	s->batch = batch;
	s->held = held;
	s->flow = f;
	s->lane = l;
	s->content = c->content;
	pr_content_ref(s->content);
	caps_granted(s);
	s->lsn = send_record(s, PR_RECORD_INTENT);
	pr_list_push(&d->open, &s->order);
	pr_list_push(&d->undurable, &s->undurable);
	f->sends++;
	l->sends++;
	l->waiting++;
	compose_later(d, s);
	return true;
}

/* Whether it could be granted a row now; notes when a pacing limit lets it. */
static bool
paced(struct pr_campaign *c, int64_t now_us, int64_t *wait_us)
{
	int64_t wait = 0;
	if (pr_gcra_ready(&c->gcra, now_us, &wait))
		return true;
	if (wait < *wait_us)
		*wait_us = wait;
	return false;
}

static void
pass_turn(struct site *s, struct flow *f)
{
	pr_list_remove(&f->ring);
	pr_list_push(&s->ring, &f->ring);
	struct flow *next = PR_CONTAINER(s->ring.next, struct flow, ring);
	unsigned weight = next->campaign->weight;
	unsigned bound = COST + weight * CREDIT_ROUNDS;
	next->deficit = next->deficit + weight < bound ? next->deficit + weight : bound;
}

/* It has nothing to send, unless more is being read. */
static void
rest(struct flow *f)
{
	struct pr_campaign *c = f->campaign;
	refill_ask(c);
	if (c->fresh_running || c->due_running)
		return;
	f->deficit = 0;
	pr_gcra_rest(&c->gcra);
}

static struct flow *
choose(struct site *s, int64_t now_us, int64_t *wait_us)
{
	for (unsigned visits = 0; visits <= 2 * s->ring_n && s->ring_n; visits++) {
		struct flow *f = PR_CONTAINER(s->ring.next, struct flow, ring);
		if (!flow_has_rows(f)) {
			rest(f);
		} else if (!paced(f->campaign, now_us, wait_us)) {
			f->deficit = 0;
		} else if (f->deficit >= COST) {
			f->deficit -= COST;
			return f;
		}
		pass_turn(s, f);
	}
	return NULL;
}

static bool
pool_has_room(const struct pr_delivery *d)
{
	double used = (double)d->ready_octets + d->average_size * d->composing;
	return d->sends == 0 || used + d->average_size <= (double)d->config->ready;
}

static bool
may_grant(const struct pr_delivery *d)
{
	return !d->paused_all && !d->draining && !d->journal_full && !d->low_space;
}

/* Whether it is to be looked at again when the daemon has room, or time has come: nothing of its
 * own will say so. */
static bool
grant_site(struct site *s, int64_t now_us, int64_t *wait_us)
{
	struct pr_delivery *d = s->outlet->delivery;
	struct lane *l = NULL;
	while (may_grant(d) && pool_has_room(d) && (l = site_lane(s))) {
		struct flow *f = choose(s, now_us, wait_us);
		if (!f)
			break;
		f->sends++; /* it stays while we look */
		if (grant(f, l))
			pr_gcra_take(&f->campaign->gcra, now_us);
		f->sends--;
		flow_update(f);
	}
	bool again = s->ring_n > 0 && (l || !pool_has_room(d) || !may_grant(d));
	PR_LIST_EACH(link, &s->lanes)
		again |= lane_connect(PR_CONTAINER(link, struct lane, of_site));
	return again;
}

void
grant_pump(struct pr_delivery *d)
{
	struct pr_list now;
	int64_t now_us = pr_mono_us(), wait_us = INT64_MAX;
	pr_list_init(&now);
	pr_list_splice(&now, &d->wanting);
	while (!pr_list_empty(&now)) {
		struct site *s = PR_CONTAINER(now.next, struct site, wanting);
		pr_list_remove(&s->wanting);
		if (grant_site(s, now_us, &wait_us) && pr_list_empty(&s->wanting))
			pr_list_push(&d->wanting, &s->wanting);
	}
	compose_submit(d);
	if (wait_us != INT64_MAX)
		pr_timer_start(&d->pace, wait_us / 1000 + 1);
}
