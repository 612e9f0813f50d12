/*
 * Look-ups: the site of a domain, for routes via mx. Exchangers first, then the domain's MTA-STS
 * policy where that is asked for; rows wait meanwhile.
 *
 *   unknown -> look-up -> flow of its site          -> looked up again after a while
 *                      -> no site: what DNS says is the outcome of the rows
 *
 * Domains with the same exchangers share a site. Those of a site may be others after a while, also
 * while the domain has rows under way.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOKUP_ROWS 32u  /* that wait with a look-up */
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

/* ---- a domain's site is known ---- */

static uint32_t
now_s(const struct pr_campaign *c)
{
	return (uint32_t)(pr_loop_now_ms(c->delivery->loop) / PR_SECOND_MS);
}

void
lookup_lead(struct pr_campaign *c, uint32_t number, struct flow *f)
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
settle_unroutable(struct pr_campaign *c, struct pr_list *rows, const struct pr_mx *mx)
{
	struct pr_smtp_result r;
	struct pr_verdict v;
	verdict_of(mx, &r, &v);
	dispatch_settle(c, rows, &r, &v, due_now(c->delivery));
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

/* All of one domain. */
static void
take_rows(struct flow *f, const struct lookup *l, struct pr_list *rows)
{
	struct pr_campaign *c = l->campaign;
	if (slice_stops(c, pr_str(l->name))) {
		domain_of(c, l->domain)->parked = true;
		dispatch_park(c, rows, l->rows_n);
		return;
	}
	f->rows_n += l->rows_n;
	pr_list_splice(&f->rows, rows);
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
		slice_of_site(c, l->name, site);
		lookup_lead(c, number, f);
		take_rows(f, l, &rows);
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

void
lookup_begin(struct pr_campaign *c, struct held *h)
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

bool
lookup_has_room(const struct domain *d, unsigned factor)
{
	const struct lookup *l = d->at;
	return l->rows_n < factor * LOOKUP_ROWS;
}

void
lookup_add(struct domain *d, struct held *h)
{
	struct lookup *l = d->at;
	pr_list_push(&l->rows, &h->link);
	l->rows_n++;
}

uint32_t
lookup_drop(struct pr_list *link, struct pr_list *rows)
{
	struct lookup *l = PR_CONTAINER(link, struct lookup, link);
	struct domain *d = domain_of(l->campaign, l->domain);
	uint32_t number = l->domain;
	pr_dns_forget(&l->wait);
	pr_mx_unref(l->mx);
	pr_list_splice(rows, &l->rows);
	d->at = NULL;
	d->stage = DOMAIN_UNKNOWN;
	pr_list_remove(&l->link);
	l->campaign->lookups_n--;
	free(l);
	return number;
}

/* ---- again ---- */

/* Exchangers change while a campaign runs. Now and then those of a domain are asked for again, in
 * the cache of DNS, which keeps them as long as they say; those that are known are good until there
 * is an answer. True: there is. */
static bool
has_answer(struct pr_campaign *c, struct domain *d, struct pr_str email)
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

void
lookup_again(struct pr_campaign *c, struct domain *d, struct pr_str email)
{
	if (has_answer(c, d, email))
		leave_flow(c, d);
}
