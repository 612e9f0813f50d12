/*
 * Dispatch: which site a row belongs to, for routes via mx.
 *
 *   fresh rows, in file order -> by domain -> flow of its site          (known)
 *                                          -> look-up, rows wait with it (unknown)
 *                                          -> behind                     (no room there)
 *
 * Rows are read in the order of the file, once: as fast as some site asks for more, and slowly when
 * none does, for the next row may be for a site that nobody has heard of. A row whose site has
 * enough waiting (it is slow, throttled or dead) is not kept: its domain is *behind*
 * from that row on, and its rows are read by the domain's index when the site asks for them
 * (behind.c). So a dead receiver holds a few rows in memory, and nobody else up.
 *
 * Look-ups (lookup.c) have a window; rows of other unknown domains are behind until it has room.
 *
 * A receiver that cannot be reached gets its rows back to the ledger, deferred by their schedule
 * like rows that it would have refused (site.c): a campaign ends although a receiver is dead.
 */
#include "internal.h"

#include <stdlib.h>

#define LOOKUPS_MAX 1000u
#define FLOW_ROWS 64u /* that wait in a flow, or for a tenth of a second of its rate */
#define FLOW_ROWS_MAX 4096u
#define READ_AGAIN_MS 20 /* a batch this often, also when no site asks for more */
#define HELD_MAX 20000u  /* rows of a campaign in memory, before new domains wait */

/* ---- domains ---- */

struct domain *
domain_of(struct pr_campaign *c, uint32_t number)
{
	if (number >= c->domains_n) {
		uint32_t n = c->domains_n ? c->domains_n : 64;
		while (n <= number)
			n *= 2;
		c->domains = pr_realloc(c->domains, n * sizeof *c->domains);
		memset(c->domains + c->domains_n, 0, (n - c->domains_n) * sizeof *c->domains);
		c->domains_n = n;
	}
	return &c->domains[number];
}

/* ---- rows in memory ---- */

static struct held *
hold(struct pr_campaign *c, const struct pr_row *row, bool due)
{
	struct held *h = pr_alloc(sizeof *h + row->email.n + row->data.n);
	h->row = *row;
	h->due = due;
	memcpy(h->octets, row->email.p, row->email.n);
	memcpy(h->octets + row->email.n, row->data.p, row->data.n);
	h->row.email.p = h->octets;
	h->row.data.p = h->octets + row->email.n;
	pr_list_init(&h->link);
	c->held_n++;
	return h;
}

static void
held_free(struct pr_campaign *c, struct held *h)
{
	pr_list_remove(&h->link);
	c->held_n--;
	free(h);
}

static unsigned
flow_rows_max(struct flow *f)
{
	double rows = site_rate(f->site) / 10;
	if (f->site->given_up || rows > FLOW_ROWS_MAX)
		return FLOW_ROWS_MAX;
	return rows < FLOW_ROWS ? FLOW_ROWS : (unsigned)rows;
}

/* ---- rows come by ---- */

bool
dispatch_may_look(const struct pr_campaign *c)
{
	return c->lookups_n < LOOKUPS_MAX && c->held_n < HELD_MAX;
}

bool
dispatch_place(struct pr_campaign *c, const struct pr_row *row, bool due, unsigned factor)
{
	struct domain *d = domain_of(c, row->domain);
	if (slice_stops(c, row->email)) {
		d->parked = true;
		return false;
	}
	if (d->stage == DOMAIN_FLOW && c->outlet->mx)
		lookup_again(c, d, row->email);
	if (d->stage == DOMAIN_FLOW) {
		struct flow *f = d->at;
		if (f->rows_n >= factor * flow_rows_max(f))
			return false;
		struct held *h = hold(c, row, due);
		f->rows_n++;
		if (due)
			pr_list_unshift(&f->rows, &h->link);
		else
			pr_list_push(&f->rows, &h->link);
		flow_update(f);
		return true;
	}
	if (d->stage == DOMAIN_LOOKUP) {
		if (!lookup_has_room(d, factor))
			return false;
		lookup_add(d, hold(c, row, due));
		return true;
	}
	if (!dispatch_may_look(c))
		return false;
	lookup_begin(c, hold(c, row, due));
	return true;
}

static void
dispatch_row(struct pr_campaign *c, const struct pr_row *row)
{
	struct domain *d = domain_of(c, row->domain);
	if (d->behind || row->row < d->from)
		return; /* its index brings it, or has brought it */
	if (dispatch_place(c, row, false, 1))
		return;
	d->from = row->row;
	d->behind = true;
	behind_push(c, row->domain);
}

void
dispatch_fresh(struct pr_campaign *c, struct pr_batch *b)
{
	c->wants_fresh = false;
	for (unsigned i = 0; i < b->n; i++)
		dispatch_row(c, &b->rows[i]);
	pr_batch_unref(b);
}

void
dispatch_read(struct pr_campaign *c, const struct pr_row *row)
{
	struct domain *d = domain_of(c, row->domain);
	uint32_t from = d->from;
	if (row->row < from)
		return;
	d->from = row->row + 1; /* before: a site that is known at once may have the rest read */
	if (!dispatch_place(c, row, false, 2))
		d->from = from;
}

bool
dispatch_wants(const struct pr_campaign *c)
{
	int64_t now = pr_loop_now_ms(c->delivery->loop);
	int64_t wait = c->fresh_read_ms + READ_AGAIN_MS - now;
	if (!campaign_may_send(c) || c->fresh_end || c->fresh_running)
		return false;
	if (wait <= 0 || (c->wants_fresh && dispatch_may_look(c)))
		return true;
	if (!pr_timer_running(&c->delivery->read_again))
		pr_timer_start(&c->delivery->read_again, wait);
	return false;
}

/* ---- rows go back ---- */

void
dispatch_settle(struct pr_campaign *c, struct pr_list *rows, const struct pr_smtp_result *r,
                const struct pr_verdict *v, int64_t since_ms)
{
	struct pr_list *link;
	while ((link = pr_list_shift(rows))) {
		struct held *h = PR_CONTAINER(link, struct held, link);
		outcome_unroutable(c, &h->row, r, v, since_ms);
		held_free(c, h);
	}
}

void
dispatch_defer(struct flow *f, const struct pr_smtp_result *r, const struct pr_verdict *v,
               int64_t since_ms)
{
	struct pr_list rows;
	pr_list_init(&rows);
	pr_list_splice(&rows, &f->rows);
	f->rows_n = 0;
	f->sends++; /* stays while we look */
	dispatch_settle(f->campaign, &rows, r, v, since_ms);
	f->sends--;
	flow_update(f);
}

static void
return_row(struct pr_campaign *c, struct held *h, struct pr_batch *due)
{
	struct domain *d = domain_of(c, h->row.domain);
	if (h->due)
		due->rows[due->n++] = h->row;
	else if (!d->behind || h->row.row < d->from) {
		d->from = h->row.row;
		d->behind = true;
	}
	held_free(c, h);
}

static void
return_rows(struct pr_campaign *c, struct pr_list *rows, struct pr_batch *due)
{
	while (!pr_list_empty(rows))
		return_row(c, PR_CONTAINER(rows->next, struct held, link), due);
}

static void
drop_lookup(struct pr_campaign *c, struct pr_batch *due)
{
	struct pr_list rows;
	pr_list_init(&rows);
	uint32_t number = lookup_drop(c->lookups.next, &rows);
	return_rows(c, &rows, due);
	if (domain_of(c, number)->behind && !domain_of(c, number)->queued)
		behind_push(c, number);
}

static void
queue_behind(struct flow *f)
{
	struct pr_campaign *c = f->campaign;
	for (uint32_t n = f->domains, next; n; n = next) {
		next = c->domains[n].next;
		if (c->domains[n].behind && !c->domains[n].queued)
			behind_push(c, n);
	}
}

/* For due rows that go back. */
static struct pr_batch *
batch_for(unsigned n)
{
	struct pr_batch *b = pr_calloc(1, sizeof *b);
	pr_arena_init(&b->arena);
	b->refs = 1;
	b->rows = pr_arena_alloc(&b->arena, (n + 1) * sizeof *b->rows);
	return b;
}

void
dispatch_drop(struct pr_campaign *c)
{
	struct pr_batch *due = batch_for(c->held_n);
	while (!pr_list_empty(&c->lookups))
		drop_lookup(c, due);
	PR_LIST_EACH(link, &c->flows) {
		struct flow *f = PR_CONTAINER(link, struct flow, link);
		return_rows(c, &f->rows, due);
		f->rows_n = 0;
		queue_behind(f);
		flow_update(f);
	}
	if (due->n)
		refill_give_back(c, due);
	else
		pr_batch_unref(due);
}

void
dispatch_forget(struct pr_campaign *c)
{
	dispatch_drop(c);
	for (uint32_t n = 0; n < c->domains_n; n++)
		c->domains[n].behind = c->domains[n].queued = c->domains[n].parked = false;
	c->unknown_first = c->unknown_last = 0;
	PR_LIST_EACH(link, &c->flows) {
		struct flow *f = PR_CONTAINER(link, struct flow, link);
		f->behind_first = f->behind_last = 0;
		flow_update(f);
	}
	if (pr_list_empty(&c->flows) && c->reads == 0) {
		free(c->domains);
		c->domains = NULL;
		c->domains_n = 0;
	}
}

/* ---- paused slices ---- */

void
dispatch_park(struct pr_campaign *c, struct pr_list *rows, unsigned rows_n)
{
	struct pr_batch *due = batch_for(rows_n);
	return_rows(c, rows, due); /* their numbers are what is left of them */
	due_park_all(c, due);
	pr_batch_unref(due);
}

void
dispatch_unpark(struct pr_campaign *c)
{
	for (uint32_t n = 0; n < c->domains_n; n++) {
		struct domain *d = &c->domains[n];
		if (!d->parked)
			continue;
		d->parked = false;
		if (d->behind)
			behind_push(c, n);
	}
	PR_LIST_EACH(link, &c->flows)
		flow_update(PR_CONTAINER(link, struct flow, link));
	refill_ask(c);
}

static bool
is_passed_over(struct pr_campaign *c, const struct pr_row *row)
{
	struct domain *d = domain_of(c, row->domain);
	if (d->behind || row->row < d->from)
		return true; /* its index brings it, or has brought it */
	if (!slice_stops(c, row->email))
		return false;
	d->from = row->row;
	d->behind = d->parked = true;
	return true;
}

void
dispatch_pass_over(struct pr_campaign *c, struct pr_batch *b)
{
	unsigned kept = 0;
	if (pr_list_empty(&c->paused) && c->domains_n == 0)
		return;
	for (unsigned i = 0; i < b->n; i++)
		if (!is_passed_over(c, &b->rows[i]))
			b->rows[kept++] = b->rows[i];
	b->n = kept;
}
