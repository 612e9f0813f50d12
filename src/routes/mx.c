/*
 * Mail exchangers (RFC 5321 section 5.1): the owner says which, best first; equal ones are taken
 * in an order of each connection's own. A connection looks up the addresses of one exchanger
 * after the other, and its TLSA records where DNSSEC vouches for all that led to it (RFC 7672).
 *
 *   exchanger -> addresses [-> TLSA] -> each address -> next exchanger -> ... -> given up
 *
 * How much TLS a hop must have: what a TLSA record says goes before what MTA-STS says, and that
 * before the route's own wish. An exchanger whose TLSA records cannot be known now is passed
 * over, never spoken to in clear. Addresses that did not answer lately (memory.c) are passed
 * over in a first round, and tried after all when nothing else is left.
 */
#include "wire.h"

#include "postrider/base/hash.h"

#include <stdio.h>
#include <stdlib.h>

struct exchanger {
	char *name;
	unsigned preference;
	bool secure, verified;
};

struct mx_target {
	struct pr_route_target base;
	struct exchanger exchangers[PR_EXCHANGERS_MAX];
	unsigned n;
	uint64_t connections; /* so far: seeds the order of equals */
};

struct mx_connection {
	struct wire wire;
	struct pr_dns_wait wait;
	struct exchanger plan[PR_EXCHANGERS_MAX]; /* names are its own */
	unsigned plan_n, at;                      /* the one at hand */
	const struct pr_dns_hosts *hosts;         /* of it; NULL: not looked up */
	unsigned host;                            /* the next address of it */
	const struct pr_dns_answer *tlsa;
	const char *base;  /* whose TLSA records these are; NULL: none were asked for */
	bool second_round; /* also those that did not answer lately */
	bool passed;       /* some were passed over */
	bool temporary;    /* something was not known now */
};

static struct mx_connection *
mx_of(struct wire *w)
{
	return PR_CONTAINER(w, struct mx_connection, wire);
}

static struct mx_target *
target_of(const struct wire *w)
{
	return PR_CONTAINER(w->base.target, struct mx_target, base);
}

static void go_to(struct mx_connection *c);

/* ---- one exchanger after the other ---- */

static void
leave_exchanger(struct mx_connection *c)
{
	pr_dns_hosts_unref(c->hosts);
	pr_dns_answer_unref(c->tlsa);
	c->hosts = NULL;
	c->tlsa = NULL;
	c->base = NULL;
	c->host = 0;
}

static void
next_exchanger(struct mx_connection *c)
{
	leave_exchanger(c);
	c->at++;
	go_to(c);
}

static void
end_of_plan(struct mx_connection *c)
{
	char text[600];
	if (c->passed && !c->second_round) {
		c->second_round = true;
		c->at = 0;
		go_to(c);
		return;
	}
	if (*c->wire.why)
		snprintf(text, sizeof text, "cannot connect: %.500s", c->wire.why);
	else
		snprintf(text, sizeof text, "no mail exchanger has an address%s",
		         c->temporary ? " that is known now" : "");
	wire_give_up(&c->wire, text);
}

/* ---- how much TLS ---- */

static int
tls_of(const struct mx_connection *c)
{
	const struct pr_route_target *t = c->wire.base.target;
	int tls = t->tls > t->options.tls_least ? t->tls : t->options.tls_least;
	if (tls == PR_ROUTE_TLS_OPPORTUNISTIC && t->options.no_opportunistic)
		tls = PR_ROUTE_TLS_NONE;
	if (c->plan[c->at].verified && tls < PR_ROUTE_TLS_VERIFIED)
		tls = PR_ROUTE_TLS_VERIFIED;
	return tls;
}

/* Records that DNSSEC does not vouch for are as if there were none. */
static bool
has_tlsa(const struct mx_connection *c)
{
	return c->tlsa && c->tlsa->secure && c->tlsa->n > 0;
}

static void
use_tlsa(struct mx_connection *c)
{
	struct hop *h = &c->wire.hop;
	h->tlsa_n = 0;
	size_t n = has_tlsa(c) ? c->tlsa->n : 0;
	for (size_t i = 0; i < n && h->tlsa_n < WIRE_TLSA_MAX; i++) {
		const struct pr_dns_record *r = &c->tlsa->records[i];
		struct pr_tlsa record = {.usage = r->u.tlsa.usage,
		                         .selector = r->u.tlsa.selector,
		                         .matching = r->u.tlsa.matching,
		                         .data = (const uint8_t *)r->u.tlsa.data.p,
		                         .n = r->u.tlsa.data.n};
		if (pr_tlsa_usable(&record))
			h->tlsa[h->tlsa_n++] = record;
	}
	h->dane = h->tlsa_n > 0;
	if (n > 0 && h->tls < PR_ROUTE_TLS_REQUIRED)
		h->tls = PR_ROUTE_TLS_REQUIRED; /* also where none can be used (section 2.2) */
}

/* ---- addresses of an exchanger ---- */

static bool
other_family(const struct mx_connection *c, const struct pr_address *a)
{
	const struct pr_address *source = &c->wire.base.target->options.source;
	return source->n && source->sa.ss_family != a->sa.ss_family;
}

static void
try_address(struct mx_connection *c)
{
	struct wire *w = &c->wire;
	int64_t now = pr_loop_now_ms(w->base.target->loop);
	while (c->host < c->hosts->n) {
		struct pr_address *to = &w->hop.address;
		pr_dns_address_at(&c->hosts->addresses[c->host++], w->base.target->port, to);
		if (other_family(c, to))
			continue;
		if (unreachable(to, &c->wire.base.target->options.source, now) != c->second_round) {
			c->passed = true;
			continue;
		}
		w->hop.tls = tls_of(c);
		use_tlsa(c);
		snprintf(w->hop.name, sizeof w->hop.name, "%s",
		         w->hop.dane ? c->base : c->plan[c->at].name);
		wire_connect(w);
		return;
	}
	next_exchanger(c);
}

static void ask_tlsa(struct mx_connection *c, const char *base);

/* An alias's own records count where its target has none (RFC 7672 section 2.2.2). */
static void
take_tlsa(struct mx_connection *c, const struct pr_dns_answer *answer)
{
	const char *own = c->plan[c->at].name;
	c->tlsa = answer;
	if (answer->status == PR_DNS_TEMP) {
		c->temporary = true;
		snprintf(c->wire.why, sizeof c->wire.why,
		         "the TLSA records of %s are not known now", c->base);
		next_exchanger(c);
	} else if (!has_tlsa(c) && strcmp(c->base, own) != 0) {
		pr_dns_answer_unref(answer);
		c->tlsa = NULL;
		ask_tlsa(c, own);
	} else {
		try_address(c);
	}
}

static void
on_tlsa(struct pr_dns_wait *wait, const struct pr_dns_answer *answer)
{
	take_tlsa(PR_CONTAINER(wait, struct mx_connection, wait), answer);
}

static void
ask_tlsa(struct mx_connection *c, const char *base)
{
	char name[PR_DNS_NAME_SIZE];
	const struct pr_route_target *t = c->wire.base.target;
	c->base = base;
	snprintf(name, sizeof name, "_%u._tcp.%s", (unsigned)t->port, base);
	c->wait.done.answer = on_tlsa;
	const struct pr_dns_answer *now = pr_dns_ask(t->options.dns, name, PR_DNS_TLSA, &c->wait);
	if (now)
		take_tlsa(c, now);
}

static void
take_hosts(struct mx_connection *c, const struct pr_dns_hosts *hosts)
{
	c->hosts = hosts;
	if (hosts->status == PR_DNS_TEMP) {
		c->temporary = true;
		snprintf(c->wire.why, sizeof c->wire.why, "%s: %.500s", c->plan[c->at].name,
		         hosts->why);
	}
	if (hosts->status == PR_DNS_OK && hosts->secure && c->plan[c->at].secure &&
	    c->wire.base.target->options.tls)
		ask_tlsa(c, hosts->name);
	else
		try_address(c);
}

static void
on_hosts(struct pr_dns_wait *wait, const struct pr_dns_hosts *hosts)
{
	take_hosts(PR_CONTAINER(wait, struct mx_connection, wait), hosts);
}

static void
go_to(struct mx_connection *c)
{
	if (c->at >= c->plan_n) {
		end_of_plan(c);
		return;
	}
	c->wait.done.hosts = on_hosts;
	const struct pr_dns_hosts *now =
	    pr_dns_host(c->wire.base.target->options.dns, c->plan[c->at].name, &c->wait);
	if (now)
		take_hosts(c, now);
}

/* ---- the plan ---- */

static void
swap(struct exchanger *a, struct exchanger *b)
{
	struct exchanger t = *a;
	*a = *b;
	*b = t;
}

/* Equal preferences in another order each time (RFC 5321 section 5.1). */
static void
shuffle_equals(struct mx_connection *c, uint64_t seed)
{
	for (unsigned i = 0; i < c->plan_n; i++) {
		unsigned same = 1;
		while (i + same < c->plan_n &&
		       c->plan[i + same].preference == c->plan[i].preference)
			same++;
		swap(&c->plan[i], &c->plan[i + pr_mix64(seed + i) % same]);
	}
}

static void
make_plan(struct mx_connection *c)
{
	struct mx_target *t = target_of(&c->wire);
	for (unsigned i = 0; i < t->n; i++) {
		c->plan[i] = t->exchangers[i];
		c->plan[i].name = pr_strdup(t->exchangers[i].name);
	}
	c->plan_n = t->n;
	shuffle_equals(c, pr_mix64(++t->connections));
}

static void
next_hop(struct wire *w)
{
	struct mx_connection *c = mx_of(w);
	if (c->hosts)
		try_address(c);
	else
		go_to(c);
}

static void
reached(struct wire *w)
{
	unreachable_forget(&w->hop.address, &w->base.target->options.source);
}

static void
missed(struct wire *w)
{
	unreachable_note(&w->hop.address, &w->base.target->options.source,
	                 pr_loop_now_ms(w->base.target->loop));
}

static void
forget(struct wire *w)
{
	struct mx_connection *c = mx_of(w);
	pr_dns_forget(&c->wait);
	leave_exchanger(c);
	for (unsigned i = 0; i < c->plan_n; i++)
		free(c->plan[i].name);
	c->plan_n = 0;
}

static const struct wire_kind kind = {.next_hop = next_hop,
                                      .reached = reached,
                                      .missed = missed,
                                      .forget = forget,
                                      .goes_on = true,
                                      .chunk_alone = true};

/* ---- what routes.h asks ---- */

static int
mx_start(struct pr_route_target *t, struct pr_error *e)
{
	t->dsn = true;
	return t->options.dns ? 0 : pr_fail(e, PR_EINVAL, "there is no resolver");
}

static void
clear(struct mx_target *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->exchangers[i].name);
	t->n = 0;
}

static void
mx_stop(struct pr_route_target *t)
{
	clear(PR_CONTAINER(t, struct mx_target, base));
}

static pr_connection *
mx_create(struct pr_route_target *t)
{
	struct mx_connection *c = pr_calloc(1, sizeof *c);
	wire_init(&c->wire, &kind, t);
	make_plan(c);
	return &c->wire.base;
}

const struct pr_route_ops route_mx = {
    .via = "mx",
    .target_size = sizeof(struct mx_target),
    .start = mx_start,
    .stop = mx_stop,
    .create = mx_create,
    .begin = wire_begin,
    .wake = wire_wake,
    .quit = wire_quit,
    .abort = wire_abort,
    .accepted = wire_accepted,
};

void
pr_target_lead(struct pr_route_target *base, const struct pr_exchanger *exchangers, size_t n)
{
	struct mx_target *t = PR_CONTAINER(base, struct mx_target, base);
	PR_ASSERT(base->ops == &route_mx);
	clear(t);
	for (; t->n < n && t->n < PR_EXCHANGERS_MAX; t->n++)
		t->exchangers[t->n] = (struct exchanger){.name = pr_strdup(exchangers[t->n].name),
		                                         .preference = exchangers[t->n].preference,
		                                         .secure = exchangers[t->n].secure,
		                                         .verified = exchangers[t->n].verified};
}

size_t
pr_exchangers_of(const struct pr_mx *mx, const struct pr_sts_policy *policy,
                 struct pr_exchanger out[PR_EXCHANGERS_MAX])
{
	bool enforce = policy && policy->mode == PR_STS_ENFORCE;
	size_t n = 0;
	for (size_t i = 0; i < mx->n && n < PR_EXCHANGERS_MAX; i++)
		if (!enforce || pr_sts_matches(policy, mx->exchangers[i].name))
			out[n++] = (struct pr_exchanger){.name = mx->exchangers[i].name,
			                                 .preference = mx->exchangers[i].preference,
			                                 .secure = mx->secure,
			                                 .verified = enforce};
	return n;
}
