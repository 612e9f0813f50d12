/*
 * The desk of conversions: orders are taken in rounds, one at a time.
 *
 *   waiting -> (clicks of before are folded) -> lane: touches -> audience's desk: events and
 *     credits, one transaction -> journal: conversions -> durable -> done
 *
 * How it fails. Killed before the transaction: nothing happened, and nobody was answered. Killed
 * behind it: whoever brings the order again finds event and credit, and the conversion goes to the
 * journal then; the ledger counts it once, whether it was there already or not. What is durable in
 * the journal is noted with the credit later (told), so that an order brought again says nothing
 * twice to those who follow events.
 *
 * A click of a moment ago may not be in its ledger yet: a round waits until what the journal had
 * when its orders came is folded, at most FOLD_WAIT_MS.
 */
#include "find.h"

#include <stdlib.h>

#define WAITING_MAX 4096u /* orders */
#define ROUND_ORDERS 1024u
#define ROUND_EVENTS 8192u /* of several orders; one alone may have more */
#define FOLD_WAIT_MS 1000
#define FOLD_LOOK_MS 10
#define TOLD_WAIT_MS 1000

struct told { /* conversions that are durable, not noted with their credits yet */
	struct pr_str *addresses;
	uint64_t *keys;
	size_t n, cap;
};

struct round {
	struct pr_job job;
	struct pr_audience_work work;
	struct pr_journal_waiter waiter;
	pr_conversions_desk *desk;
	struct pr_config *config;
	struct pr_order **orders;
	size_t n, at;
	size_t noted; /* of what was told */
};

struct pr_conversions_desk {
	struct pr_conversions_options options;
	const struct pr_config *config;
	pr_lane *lane;
	struct finder *finder;
	struct pr_list waiting;
	unsigned waiting_n;
	struct round *round; /* NULL: none under way */
	struct pr_timer timer;
	struct told told;
	struct pr_map told_keys;
	/* Our own records need no folding: when the journal ends with them, what was needed before
	 * them is enough. */
	uint64_t own_end, own_needs;
	bool stopping;
	struct pr_conversions_counts counts;
};

static char here; /* in maps that are sets */

static void consider(pr_conversions_desk *d);

static uint64_t
needs(const pr_conversions_desk *d)
{
	uint64_t end = pr_journal_end(d->options.journal);
	return end == d->own_end ? d->own_needs : end;
}

/* ---- what is told ---- */

static void
note_told(pr_conversions_desk *d, struct pr_str address, uint64_t key)
{
	struct told *t = &d->told;
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->addresses = pr_realloc(t->addresses, t->cap * sizeof *t->addresses);
		t->keys = pr_realloc(t->keys, t->cap * sizeof *t->keys);
	}
	t->addresses[t->n] = pr_str_n(pr_strndup(address.p, address.n), address.n);
	t->keys[t->n++] = key;
}

static void
drop_told(pr_conversions_desk *d, size_t n)
{
	struct told *t = &d->told;
	for (size_t i = 0; i < n; i++) {
		pr_map_remove(&d->told_keys, t->keys[i]);
		free((char *)(uintptr_t)t->addresses[i].p);
	}
	t->n -= n;
	for (size_t i = 0; i < t->n; i++) {
		t->addresses[i] = t->addresses[n + i];
		t->keys[i] = t->keys[n + i];
	}
}

/* ---- the end of a round ---- */

static void
finish_order(struct pr_order *o, int result, const struct pr_error *e)
{
	o->added = o->batch.added;
	o->there = o->batch.there;
	o->made = o->batch.made;
	o->forgotten = o->batch.forgotten;
	struct pr_arena arena = o->arena;
	o->done(o, result, e); /* o is its owner's again */
	pr_arena_finish(&arena);
}

static void
end_round(struct round *r, int result, const struct pr_error *e)
{
	pr_conversions_desk *d = r->desk;
	struct pr_error own;
	d->round = NULL;
	if (result == 0)
		drop_told(d, r->noted);
	for (size_t i = 0; i < r->n; i++) {
		struct pr_order *o = r->orders[i];
		if (result == 0 && o->result == PR_ENOENT)
			pr_fail(&own, PR_ENOENT, "the token's campaign is gone");
		else if (result == 0 && o->result < 0)
			pr_fail(&own, o->result, "there are too many names of events");
		bool failed = result == 0 && o->result < 0;
		finish_order(o, failed ? o->result : result, failed ? &own : e);
	}
	pr_config_unref(r->config);
	free(r->orders);
	free(r);
	consider(d);
}

/* ---- the journal ---- */

static void
on_durable(struct pr_journal_waiter *w)
{
	end_round(PR_CONTAINER(w, struct round, waiter), 0, NULL);
}

static void
fill_amount(const struct pr_customer_event *v, struct pr_conversion *c)
{
	if (v->amount.n == 0 || !pr_amount_parse(v->amount, &c->amount.micros))
		return;
	if (!pr_currency_parse(v->currency, c->amount.currency))
		memcpy(c->amount.currency, PR_NO_CURRENCY, sizeof c->amount.currency);
	c->refund |= c->amount.micros < 0;
	if (c->refund && c->amount.micros > 0)
		c->amount.micros = -c->amount.micros;
}

static void
append(pr_conversions_desk *d, const struct pr_customer_event *v, const struct pr_event_credit *k)
{
	struct pr_buf payload = {0};
	struct pr_conversion c = {
	    .key = k->key, .link = k->link, .refund = k->refund, .event = v->name, .order = v->id};
	fill_amount(v, &c);
	pr_conversion_encode(&c, &payload);
	struct pr_record r = {.campaign = k->serial,
	                      .row = k->row,
	                      .at_ms = k->at_ms,
	                      .type = PR_RECORD_ENGAGEMENT,
	                      .payload_n = (uint16_t)payload.len,
	                      .payload = payload.data};
	pr_journal_append(d->options.journal, &r);
	pr_buf_finish(&payload);
	note_told(d, v->address, k->key);
	pr_map_put(&d->told_keys, k->key, &here);
}

static void
append_order(pr_conversions_desk *d, struct pr_order *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct pr_event_credit *k = &o->batch.credits[i];
		if (!k->serial)
			continue;
		o->credited++;
		if (k->told || pr_map_get(&d->told_keys, k->key))
			continue;
		append(d, &o->events[i], k);
		o->told++;
	}
	d->counts.events += o->batch.added;
	d->counts.credited += o->told;
}

static void
to_journal(struct round *r)
{
	pr_conversions_desk *d = r->desk;
	uint64_t needed = needs(d), end = pr_journal_end(d->options.journal);
	for (size_t i = 0; i < r->n; i++)
		if (r->orders[i]->result == 0)
			append_order(d, r->orders[i]);
	if (pr_journal_end(d->options.journal) == end) {
		end_round(r, 0, NULL);
		return;
	}
	d->own_needs = needed;
	d->own_end = pr_journal_end(d->options.journal);
	r->waiter.durable = on_durable;
	pr_journal_wait(d->options.journal, &r->waiter);
}

/* ---- the audience ---- */

static int
audit(pr_audience *a, const struct pr_order *o, struct pr_error *e)
{
	struct pr_audit line = {.at_ms = pr_utc_ms(),
	                        .uid = o->uid,
	                        .by = pr_str(o->by),
	                        .verb = PR_STR("track put"),
	                        .address = PR_STR(""),
	                        .scope = PR_STR(""),
	                        .reason = PR_STR(""),
	                        .source = pr_str(o->source ? o->source : ""),
	                        .n = o->batch.added};
	return o->by ? pr_audience_audit(a, &line, e) : 0;
}

/* An event that cannot be (a name too many) is its order's failure, not the round's. */
static int
put_order(pr_audience *a, struct pr_order *o, int64_t end_mono_ms, struct pr_error *e)
{
	int r = pr_events_put(a, &o->batch, end_mono_ms, e);
	if (r == PR_ELIMIT || r == PR_EINVAL) {
		o->result = r;
		o->batch.at = o->batch.n;
		return 0;
	}
	return r < 0 || o->batch.at < o->batch.n ? r : audit(a, o, e);
}

static int
put_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct round *r = PR_CONTAINER(w, struct round, work);
	struct told *t = &r->desk->told; /* nobody changes it while a round is here */
	int result = 0;
	if (r->at == 0 && t->n > r->noted) {
		result = pr_event_credits_told(a, t->addresses, t->keys, t->n, &w->error);
		r->noted = t->n;
	}
	while (result == 0 && r->at < r->n) {
		struct pr_order *o = r->orders[r->at];
		if (o->result == 0)
			result = put_order(a, o, end_mono_ms, &w->error);
		if (result == 0 && o->result == 0 && o->batch.at < o->batch.n)
			return 1;
		r->at++;
		if (result == 0 && r->at < r->n && pr_mono_ms() >= end_mono_ms)
			return 1;
	}
	return result;
}

static void
put_done(struct pr_audience_work *w, int result)
{
	struct round *r = PR_CONTAINER(w, struct round, work);
	if (result < 0)
		end_round(r, result, &w->error);
	else
		to_journal(r);
}

/* ---- touches ---- */

static void
find_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct round *r = PR_CONTAINER(job, struct round, job);
	find_credits(r->desk->finder, r->config, r->orders, r->n);
}

static void
find_done(struct pr_job *job)
{
	struct round *r = PR_CONTAINER(job, struct round, job);
	r->work.step = put_step;
	r->work.done = put_done;
	pr_audience_desk_work(r->desk->options.audience, &r->work);
}

/* ---- rounds ---- */

static bool
is_ready(const pr_conversions_desk *d, const struct pr_order *o)
{
	return pr_delivery_folded(d->options.delivery) >= o->asked_lsn ||
	       pr_mono_ms() - o->asked_ms >= FOLD_WAIT_MS;
}

static void
take_orders(pr_conversions_desk *d, struct round *r)
{
	size_t events = 0;
	r->orders = pr_calloc(ROUND_ORDERS, sizeof *r->orders);
	while (!pr_list_empty(&d->waiting) && r->n < ROUND_ORDERS) {
		struct pr_order *o = PR_CONTAINER(d->waiting.next, struct pr_order, link);
		events += o->n;
		if (!is_ready(d, o) || (r->n && events > ROUND_EVENTS))
			return;
		pr_list_remove(&o->link);
		d->waiting_n--;
		r->orders[r->n++] = o;
	}
}

static bool
is_full(pr_conversions_desk *d)
{
	struct pr_delivery_status s;
	pr_delivery_status(d->options.delivery, &s);
	return s.journal_full;
}

static void
begin_round(pr_conversions_desk *d)
{
	struct round *r = pr_calloc(1, sizeof *r);
	struct pr_error full;
	r->desk = d;
	r->config = pr_config_ref((struct pr_config *)(uintptr_t)d->config);
	take_orders(d, r);
	d->round = r;
	if (is_full(d)) {
		pr_fail(&full, PR_ENOSPC, "no room for the journal");
		end_round(r, PR_ENOSPC, &full);
		return;
	}
	r->job.work = find_work;
	r->job.done = find_done;
	pr_lane_submit(d->lane, &r->job);
}

/* What is there to do, and when. May be called at any time. */
static void
consider(pr_conversions_desk *d)
{
	if (d->round || d->stopping)
		return;
	if (pr_list_empty(&d->waiting)) {
		if (d->told.n && !pr_timer_running(&d->timer))
			pr_timer_start(&d->timer, TOLD_WAIT_MS);
		return;
	}
	pr_timer_stop(&d->timer);
	if (is_ready(d, PR_CONTAINER(d->waiting.next, struct pr_order, link)))
		begin_round(d);
	else
		pr_timer_start(&d->timer, FOLD_LOOK_MS);
}

static void
on_timer(struct pr_timer *t)
{
	pr_conversions_desk *d = PR_CONTAINER(t, pr_conversions_desk, timer);
	if (!d->round && !d->stopping && pr_list_empty(&d->waiting) && d->told.n)
		begin_round(d); /* of nobody: notes what was told */
	else
		consider(d);
}

void
pr_conversions_order(pr_conversions_desk *d, struct pr_order *o)
{
	struct pr_error e;
	pr_arena_init(&o->arena);
	o->result = 0;
	o->credited = o->told = 0;
	o->batch = (struct pr_event_batch){
	    .events = o->events,
	    .n = o->n,
	    .forgotten = pr_arena_zero(&o->arena, o->n + 1),
	    .credits = pr_arena_zero(&o->arena, (o->n + 1) * sizeof *o->batch.credits)};
	if (d->stopping || d->waiting_n >= WAITING_MAX) {
		pr_fail(&e, PR_EAGAIN, "too much is waiting, or the daemon ends");
		finish_order(o, PR_EAGAIN, &e);
		return;
	}
	o->asked_ms = pr_mono_ms();
	o->asked_lsn = needs(d);
	pr_list_push(&d->waiting, &o->link);
	d->waiting_n++;
	consider(d);
}

/* ---- coming and going ---- */

int
pr_conversions_open(const struct pr_conversions_options *options, pr_conversions_desk **out,
                    struct pr_error *e)
{
	pr_conversions_desk *d = pr_calloc(1, sizeof *d);
	struct pr_lane_options lane = {.name = "conversions", .threads = 1, .nice = 5};
	d->options = *options;
	d->config = options->config;
	pr_list_init(&d->waiting);
	pr_timer_init(&d->timer, options->loop, on_timer);
	d->finder = finder_create(options->config->spool.p, options->state_path, e);
	int r = d->finder ? pr_lane_create(options->loop, &lane, &d->lane, e) : PR_EIO;
	if (r < 0) {
		pr_conversions_close(d);
		return r;
	}
	*out = d;
	return 0;
}

void
pr_conversions_reload(pr_conversions_desk *d, const struct pr_config *config)
{
	d->config = config;
}

void
pr_conversions_stop(pr_conversions_desk *d)
{
	struct pr_error e;
	pr_fail(&e, PR_ESTATE, "the daemon ends");
	d->stopping = true;
	pr_timer_stop(&d->timer);
	while (!pr_list_empty(&d->waiting)) {
		struct pr_list *link = pr_list_shift(&d->waiting);
		d->waiting_n--;
		finish_order(PR_CONTAINER(link, struct pr_order, link), PR_ESTATE, &e);
	}
	pr_lane_destroy(d->lane);
	d->lane = NULL;
}

void
pr_conversions_settle(pr_conversions_desk *d)
{
	while (d->round)
		pr_loop_turn(d->options.loop);
}

void
pr_conversions_close(pr_conversions_desk *d)
{
	if (!d)
		return;
	PR_ASSERT(!d->round);
	pr_lane_destroy(d->lane);
	drop_told(d, d->told.n);
	free(d->told.addresses);
	free(d->told.keys);
	pr_map_finish(&d->told_keys);
	finder_destroy(d->finder);
	free(d);
}

void
pr_conversions_counts(const pr_conversions_desk *d, struct pr_conversions_counts *out)
{
	*out = d->counts;
	out->waiting = d->waiting_n;
}
