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
 * Look-ups have a window; rows of other unknown domains are behind until it has room. What a
 * look-up that failed says is the outcome of the rows that waited for it.
 *
 * A receiver that cannot be reached gets its rows back to the ledger, deferred by their schedule
 * like rows that it would have refused (site.c): a campaign ends although a receiver is dead.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOKUPS_MAX 1000u
#define LOOKUP_ROWS 32u /* that wait with a look-up */
#define FLOW_ROWS 64u   /* that wait in a flow, or for a tenth of a second of its rate */
#define FLOW_ROWS_MAX 4096u
#define READ_AGAIN_MS 20 /* a batch this often, also when no site asks for more */
#define HELD_MAX 20000u  /* rows of a campaign in memory, before new domains wait */
#define ASK_AGAIN_S 300u /* after so long the exchangers of a domain may be others */
#define ANSWER_S 2u      /* until the answer to that may be there */

struct lookup {
	struct pr_dns_wait wait;
	struct pr_list link; /* campaign->lookups */
	struct pr_campaign *campaign;
	uint32_t domain;
	char name[PR_DNS_NAME_SIZE];
	const struct pr_mx *mx; /* known: its policy is asked for */
	struct pr_list rows;    /* of struct held */
	unsigned rows_n;
};

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

/* ---- a domain's site is known ---- */

static uint32_t
now_s(const struct pr_campaign *c)
{
	return (uint32_t)(pr_loop_now_ms(c->delivery->loop) / PR_SECOND_MS);
}

static void
lead_to(struct pr_campaign *c, uint32_t number, struct flow *f)
{
	struct domain *d = domain_of(c, number);
	d->at = f;
	d->stage = DOMAIN_FLOW;
	d->asked_s = now_s(c);
	d->previous = 0;
	d->next = f->domains;
	if (d->next)
		c->domains[d->next].previous = number;
	f->domains = number;
}

/* Its rows in the flow stay there. */
static void
leave_flow(struct pr_campaign *c, struct domain *d)
{
	struct flow *f = d->at;
	*(d->previous ? &c->domains[d->previous].next : &f->domains) = d->next;
	if (d->next)
		c->domains[d->next].previous = d->previous;
	d->at = NULL;
	d->stage = DOMAIN_UNKNOWN;
}

static void
verdict_of(const struct pr_mx *mx, struct pr_smtp_result *r, struct pr_verdict *v)
{
	static const struct {
		int code;
		uint8_t enhanced[3];
		enum pr_class class_;
	} table[] = {
	    [PR_MX_NULL] = {556, {5, 1, 10}, PR_CLASS_MAIL_REFUSED}, /* RFC 7505 section 4.2 */
	    [PR_MX_NO_DOMAIN] = {550, {5, 1, 2}, PR_CLASS_DOMAIN_UNKNOWN},
	    [PR_MX_NO_HOST] = {550, {5, 4, 4}, PR_CLASS_DOMAIN_UNKNOWN},
	    [PR_MX_TEMP] = {451, {4, 4, 3}, PR_CLASS_NETWORK},
	    /* exchangers, and the domain's policy names none of them: RFC 8461 section 5.1 */
	    [PR_MX_OK] = {451, {4, 7, 5}, PR_CLASS_TLS},
	};
	*r = (struct pr_smtp_result){.stage = PR_STAGE_CONNECT, .answered = true};
	r->reply.code = table[mx->kind].code;
	memcpy(r->reply.enhanced, table[mx->kind].enhanced, 3);
	r->reply.text = mx->kind == PR_MX_OK
	                    ? PR_STR("the domain's MTA-STS policy names none of its exchangers")
	                    : pr_str(mx->why);
	*v = (struct pr_verdict){.state = r->reply.code < 500 ? PR_DEFERRED : PR_BOUNCED,
	                         .class_ = table[mx->kind].class_};
}

static void
settle_rows(struct pr_campaign *c, struct pr_list *rows, const struct pr_smtp_result *r,
            const struct pr_verdict *v, int64_t since_ms)
{
	struct pr_list *link;
	while ((link = pr_list_shift(rows))) {
		struct held *h = PR_CONTAINER(link, struct held, link);
		outcome_unroutable(c, &h->row, r, v, since_ms);
		held_free(c, h);
	}
}

static void
settle_unroutable(struct pr_campaign *c, struct pr_list *rows, const struct pr_mx *mx)
{
	struct pr_smtp_result r;
	struct pr_verdict v;
	verdict_of(mx, &r, &v);
	settle_rows(c, rows, &r, &v, due_now(c->delivery));
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
	settle_rows(f->campaign, &rows, r, v, since_ms);
	f->sends--;
	flow_update(f);
}

/* A resolver that is not there stops the whole campaign: its operator is to see why. */
static void
tell_unknown(const struct lookup *l, const struct pr_mx *mx)
{
	char text[PR_DETAIL_MAX];
	if (mx->kind != PR_MX_TEMP)
		return;
	snprintf(text, sizeof text, "the exchangers of %s are not known now: %s", l->name, mx->why);
	campaign_note_error(l->campaign, text);
}

/* It has an answer: no site, or one that is known. The rows that waited go on by it. */
static void
end_lookup(struct lookup *l, const struct pr_mx *mx, struct site *site)
{
	struct pr_campaign *c = l->campaign;
	uint32_t number = l->domain;
	struct domain *d = domain_of(c, number);
	struct pr_list rows;
	pr_list_init(&rows);
	pr_list_splice(&rows, &l->rows);
	pr_list_remove(&l->link);
	c->lookups_n--;
	d->stage = DOMAIN_UNKNOWN;
	d->at = NULL;
	struct flow *f = site ? flow_of(c, site) : NULL;
	if (f) {
		lead_to(c, number, f);
		f->rows_n += l->rows_n;
		pr_list_splice(&f->rows, &rows);
	} else {
		tell_unknown(l, mx);
		settle_unroutable(c, &rows, mx);
	}
	if (d->behind && !d->queued)
		behind_push(c, number);
	if (f)
		flow_update(f);
	pr_mx_unref(mx);
	free(l);
	refill_ask(c);
	campaign_check_end(c);
}

/* Domains with the same exchangers share a site, but for those that shaping names, and those whose
 * exchangers a policy has chosen: others may have none, or another. */
static struct site *
enter_site(struct lookup *l, const char *exchangers, bool chosen, const struct pr_exchanger *to,
           size_t n)
{
	char key[PR_MX_SITE_SIZE + PR_DNS_NAME_SIZE + 16];
	struct pr_campaign *c = l->campaign;
	pr_shaping *shaping = c->delivery->config->shapes;
	bool own = pr_shaping_match_domain(shaping, pr_str(l->name)) != NULL;
	snprintf(key, sizeof key, "%s%s%s%s%s", exchangers, own ? " (" : "", own ? l->name : "",
	         own ? ")" : "", chosen ? " (sts)" : "");
	return site_of(c->outlet, key, own ? l->name : NULL, to, n);
}

/* NULL: the domain's policy names none of its exchangers. */
static struct site *
find_site(struct lookup *l, const struct pr_sts_policy *policy)
{
	struct pr_exchanger to[PR_EXCHANGERS_MAX];
	const char *names[PR_EXCHANGERS_MAX] = {NULL};
	char key[PR_MX_SITE_SIZE];
	size_t n = pr_exchangers_of(l->mx, policy, to);
	if (n == 0)
		return NULL;
	bool chosen = to[0].verified;
	for (size_t i = 0; chosen && i < n; i++)
		names[i] = to[i].name;
	if (chosen)
		pr_mx_site(names, n, key);
	return enter_site(l, chosen ? key : l->mx->site, chosen, to, n);
}

static void
take_policy(struct lookup *l, const struct pr_sts_policy *policy)
{
	struct pr_campaign *c = l->campaign;
	struct site *site = c->outlet ? find_site(l, policy) : NULL;
	pr_sts_policy_unref(policy);
	end_lookup(l, l->mx, site);
}

static void
on_policy(struct pr_dns_wait *w, const struct pr_sts_policy *policy)
{
	struct lookup *l = PR_CONTAINER(w, struct lookup, wait);
	pump_ask(l->campaign->delivery);
	take_policy(l, policy);
}

static void
take_mx(struct lookup *l, const struct pr_mx *mx)
{
	struct pr_delivery *d = l->campaign->delivery;
	l->mx = mx;
	if (mx->kind != PR_MX_OK) {
		end_lookup(l, mx, NULL);
	} else if (!d->options.sts || !d->config->tls.mta_sts || mx->literal) {
		take_policy(l, NULL);
	} else {
		l->wait.done.policy = on_policy;
		const struct pr_sts_policy *now = pr_sts_find(d->options.sts, l->name, &l->wait);
		if (now)
			take_policy(l, now);
	}
}

static void
on_mx(struct pr_dns_wait *w, const struct pr_mx *mx)
{
	struct lookup *l = PR_CONTAINER(w, struct lookup, wait);
	pump_ask(l->campaign->delivery);
	take_mx(l, mx);
}

/* "" for one that is too long for DNS. */
static void
name_domain(struct pr_str email, char out[PR_DNS_NAME_SIZE])
{
	const char *at = memrchr(email.p, '@', email.n);
	struct pr_str domain = at ? pr_str_n(at + 1, (size_t)(email.p + email.n - at - 1)) : email;
	*out = 0;
	if (domain.n >= PR_DNS_NAME_SIZE)
		return;
	memcpy(out, domain.p, domain.n);
	out[domain.n] = 0;
}

static void
look_up(struct pr_campaign *c, struct held *h)
{
	struct lookup *l = pr_calloc(1, sizeof *l);
	name_domain(h->row.email, l->name);
	struct domain *d = domain_of(c, h->row.domain);
	l->campaign = c;
	l->domain = h->row.domain;
	l->wait.done.mx = on_mx;
	pr_list_init(&l->rows);
	pr_list_push(&l->rows, &h->link);
	l->rows_n = 1;
	pr_list_push(&c->lookups, &l->link);
	c->lookups_n++;
	d->at = l;
	d->stage = DOMAIN_LOOKUP;
	const struct pr_mx *mx = pr_dns_mx(c->delivery->options.dns, l->name, &l->wait);
	if (mx)
		take_mx(l, mx);
}

/* Exchangers change while a campaign runs. Now and then those of a domain are asked for again, in
 * the cache of DNS, which keeps them as long as they say; those that are known are good until there
 * is an answer. True: there is, and the next look-up has it at once. */
static bool
ask_again(struct pr_campaign *c, struct domain *d, struct pr_str email)
{
	struct pr_dns_wait w = {{0}};
	char name[PR_DNS_NAME_SIZE];
	uint32_t now = now_s(c);
	if (d->queued || now - d->asked_s < ASK_AGAIN_S)
		return false;
	name_domain(email, name);
	const struct pr_mx *mx = pr_dns_mx(c->delivery->options.dns, name, &w);
	pr_dns_forget(&w);
	d->asked_s = mx ? now : now - ASK_AGAIN_S + ANSWER_S;
	bool told = mx && mx->kind != PR_MX_TEMP;
	pr_mx_unref(mx);
	return told;
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
	if (d->stage == DOMAIN_FLOW && ask_again(c, d, row->email))
		leave_flow(c, d);
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
		struct lookup *l = d->at;
		if (l->rows_n >= factor * LOOKUP_ROWS)
			return false;
		pr_list_push(&l->rows, &hold(c, row, due)->link);
		l->rows_n++;
		return true;
	}
	if (!dispatch_may_look(c))
		return false;
	look_up(c, hold(c, row, due));
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
drop_lookup(struct pr_campaign *c, struct lookup *l, struct pr_batch *due)
{
	struct domain *d = domain_of(c, l->domain);
	uint32_t number = l->domain;
	pr_dns_forget(&l->wait);
	pr_mx_unref(l->mx);
	return_rows(c, &l->rows, due);
	d->at = NULL;
	d->stage = DOMAIN_UNKNOWN;
	pr_list_remove(&l->link);
	c->lookups_n--;
	free(l);
	if (d->behind && !d->queued)
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

void
dispatch_drop(struct pr_campaign *c)
{
	struct pr_batch *due = pr_calloc(1, sizeof *due);
	pr_arena_init(&due->arena);
	due->refs = 1;
	due->rows = pr_arena_alloc(&due->arena, (c->held_n + 1) * sizeof *due->rows);
	while (!pr_list_empty(&c->lookups))
		drop_lookup(c, PR_CONTAINER(c->lookups.next, struct lookup, link), due);
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
		c->domains[n].behind = c->domains[n].queued = false;
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
