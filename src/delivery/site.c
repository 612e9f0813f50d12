/*
 * Sites, and the flows of campaigns into them.
 *
 *   outlet (a route) -> sites (sets of exchangers) -> lanes (one a source)
 *   campaign -> flows (one a site): rows that wait for a lane of the site
 *
 * A route to one next server, or to a folder, has one site with one lane. A route via mx has as
 * many sites as its campaigns' domains lead to; they come with their first row and go when they
 * have had nothing to do for a while, so that a campaign to 100,000 domains costs no memory
 * afterwards. What a receiver does to one site costs the others nothing: the pump looks only at
 * sites that ask for it.
 */
#include "internal.h"

#include "postrider/base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define FLOW_LOW 16u                    /* rows in a flow that are fewer are made more */
#define IDLE_KEEP_MS (5 * PR_SECOND_MS) /* a failing one longer: its back-off is its memory */

/* ---- flows ---- */

bool
flow_has_rows(const struct flow *f)
{
	return f->rows_n > 0 || (!f->site->outlet->mx && refill_has_rows(f->campaign));
}

static struct flow *
flow_find(const struct pr_campaign *c, const struct site *s)
{
	PR_LIST_EACH(link, &s->flows) {
		struct flow *f = PR_CONTAINER(link, struct flow, of_site);
		if (f->campaign == c)
			return f;
	}
	return NULL;
}

struct flow *
flow_of(struct pr_campaign *c, struct site *s)
{
	struct flow *f = flow_find(c, s);
	if (f)
		return f;
	f = pr_calloc(1, sizeof *f);
	f->campaign = c;
	f->site = s;
	pr_list_init(&f->ring);
	pr_list_init(&f->rows);
	pr_list_push(&c->flows, &f->link);
	pr_list_push(&s->flows, &f->of_site);
	pr_list_remove(&s->idle);
	return f;
}

static void
ring_leave(struct flow *f)
{
	if (pr_list_empty(&f->ring))
		return;
	pr_list_remove(&f->ring);
	f->site->ring_n--;
	f->deficit = 0;
}

static void
go_idle(struct site *s)
{
	struct pr_delivery *d = s->outlet->delivery;
	if (!s->outlet->mx || !pr_list_empty(&s->flows) || !pr_list_empty(&s->idle))
		return;
	s->idle_ms = pr_loop_now_ms(d->loop);
	pr_list_push(&d->idle_sites, &s->idle);
}

/* Its domains have to ask for their site again. */
static void
flow_destroy(struct flow *f)
{
	struct pr_campaign *c = f->campaign;
	struct site *s = f->site;
	PR_ASSERT(f->sends == 0 && f->rows_n == 0);
	ring_leave(f);
	for (uint32_t n = f->domains; n; n = c->domains[n].next) {
		c->domains[n].at = NULL;
		c->domains[n].stage = DOMAIN_UNKNOWN;
	}
	pr_list_remove(&f->link);
	pr_list_remove(&f->of_site);
	free(f);
	go_idle(s);
}

/* A site that is served runs out of rows: more of its own, or the next of the file. */
static void
want_more(struct flow *f)
{
	if (f->rows_n >= FLOW_LOW)
		return;
	if (f->behind_first)
		behind_ask(f->campaign, f);
	else
		f->campaign->wants_fresh = f->site->outlet->mx;
	refill_ask(f->campaign);
}

void
flow_update(struct flow *f)
{
	struct site *s = f->site;
	bool mx = s->outlet->mx;
	bool wanted = f->campaign->sending && (!mx || f->rows_n > 0);
	if (!wanted)
		ring_leave(f);
	else if (pr_list_empty(&f->ring)) {
		pr_list_push(&s->ring, &f->ring);
		s->ring_n++;
	}
	if (wanted)
		site_ask(s);
	if (f->campaign->sending && (mx || f->behind_first))
		want_more(f);
	bool needed = f->rows_n || f->behind_first || f->reading || (!mx && f->campaign->sending);
	if (!needed && f->sends == 0)
		flow_destroy(f);
}

void
flows_enter(struct pr_campaign *c)
{
	if (c->sending || !c->outlet)
		return;
	c->sending = true;
	if (!c->outlet->mx)
		flow_of(c, PR_CONTAINER(c->outlet->sites.next, struct site, link));
	PR_LIST_EACH(link, &c->flows)
		flow_update(PR_CONTAINER(link, struct flow, link));
	pump_ask(c->delivery);
}

void
flows_leave(struct pr_campaign *c)
{
	if (!c->sending)
		return;
	c->sending = false;
	pr_gcra_rest(&c->gcra);
	PR_LIST_EACH(link, &c->flows)
		flow_update(PR_CONTAINER(link, struct flow, link));
}

void
flows_withdraw(struct pr_campaign *c)
{
	PR_LIST_EACH(link, &c->flows) {
		struct flow *f = PR_CONTAINER(link, struct flow, link);
		f->sends++; /* stays while we look */
		PR_LIST_EACH(of, &f->site->lanes)
			lane_withdraw(PR_CONTAINER(of, struct lane, of_site), c);
		f->sends--;
		flow_update(f);
	}
}

/* ---- sites ---- */

void
site_ask(struct site *s)
{
	struct pr_delivery *d = s->outlet->delivery;
	if (pr_list_empty(&s->wanting))
		pr_list_push(&d->wanting, &s->wanting);
	pump_ask(d);
}

double
site_rate(const struct site *s)
{
	double rate = 0;
	int64_t now = pr_loop_now_ms(s->outlet->delivery->loop);
	PR_LIST_EACH(link, &s->lanes)
		rate += meter_recent(&PR_CONTAINER(link, struct lane, of_site)->meter, now);
	return rate;
}

bool
site_has_pace(const struct site *s)
{
	int64_t now = pr_loop_now_ms(s->outlet->delivery->loop);
	PR_LIST_EACH(link, &s->lanes)
		if (meter_is_ripe(&PR_CONTAINER(link, struct lane, of_site)->meter, now))
			return true;
	return false;
}

/* One that does not fail, and may send before that time. */
static bool
has_lane(const struct site *s, int64_t by_ms)
{
	PR_LIST_EACH(link, &s->lanes) {
		const struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if (l->way && !l->retired && !l->failures && l->shut_until_ms <= by_ms)
			return true;
	}
	return false;
}

bool
site_has_healthy_lane(const struct site *s)
{
	return has_lane(s, pr_loop_now_ms(s->outlet->delivery->loop) + PR_SECOND_MS);
}

/* Via mx: after some tries its rows are deferred, those that are ready too; what comes by then
 * waits for the next try. A relay is the operator's own, and its rows just wait for it. */
void
site_unreached(struct site *s, const struct pr_smtp_result *r, int64_t since_ms)
{
	struct pr_delivery *d = s->outlet->delivery;
	struct pr_verdict v = pr_verdict_connection(d->config->rules, r);
	v.state = PR_DEFERRED;
	if (!s->outlet->mx || d->draining || has_lane(s, INT64_MAX)) /* its turn may be later */
		return;
	s->given_up = due_now(d) - since_ms > d->config->retry.give_up;
	PR_LIST_EACH(link, &s->lanes)
		lane_defer(PR_CONTAINER(link, struct lane, of_site), r, &v, since_ms);
	PR_LIST_EACH(link, &s->flows)
		dispatch_defer(PR_CONTAINER(link, struct flow, of_site), r, &v, since_ms);
}

/* Smooth: the lane that has least under way for its weight. One that fails waits for its time
 * while others do not. */
struct lane *
site_lane(struct site *s)
{
	struct lane *best = NULL;
	bool healthy = site_has_healthy_lane(s);
	int64_t now = pr_loop_now_ms(s->outlet->delivery->loop);
	PR_LIST_EACH(link, &s->lanes) {
		struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if ((healthy && l->failures && now < l->retry_at_ms) || lane_room(l) == 0)
			continue;
		if (!best || (uint64_t)l->sends * best->weight < (uint64_t)best->sends * l->weight)
			best = l;
	}
	return best;
}

/* Whose exchangers these are the senders' lists and strangers' DNS say: not to be foreseen. */
static uint64_t
hash_of(const struct outlet *o, const char *key)
{
	return pr_siphash(o->key_of_keys, key, strlen(key));
}

static struct site *
site_find(const struct outlet *o, const char *key)
{
	struct site *s = pr_map_get(&o->by_key, hash_of(o, key));
	while (s && strcmp(s->key, key) != 0)
		s = s->chained;
	return s;
}

static void
need_lane(struct site *s, const char *source)
{
	PR_LIST_EACH(link, &s->lanes) {
		if (strcmp(PR_CONTAINER(link, struct lane, of_site)->source, source) == 0)
			return;
	}
	lane_create(s, source);
}

/* One a source of the route; without any the system chooses. */
static void
make_lanes(struct site *s)
{
	const struct pr_route *r = s->outlet->route;
	for (size_t i = 0; i < r->sources.n; i++)
		need_lane(s, r->sources.items[i].p);
	if (r->sources.n == 0)
		need_lane(s, "");
}

static void
forget_exchangers(struct site *s)
{
	for (size_t i = 0; i < s->exchangers_n; i++)
		free((char *)s->exchangers[i].name);
	free(s->exchangers);
}

static void
keep_exchangers(struct site *s, const struct pr_exchanger *to, size_t n)
{
	s->exchangers = pr_calloc(n + 1, sizeof *to);
	for (size_t i = 0; i < n; i++) {
		s->exchangers[i] = to[i];
		s->exchangers[i].name = pr_strdup(to[i].name);
	}
	s->exchangers_n = n;
}

static struct site *
site_create(struct outlet *o, const char *key, const char *domain, const struct pr_exchanger *to,
            size_t n)
{
	struct site *s = pr_calloc(1, sizeof *s);
	s->outlet = o;
	s->key = pr_strdup(key);
	s->domain = domain ? pr_strdup(domain) : NULL;
	keep_exchangers(s, to, n);
	pr_list_init(&s->wanting);
	pr_list_init(&s->flows);
	pr_list_init(&s->ring);
	pr_list_init(&s->lanes);
	pr_list_init(&s->idle);
	s->chained = pr_map_put(&o->by_key, hash_of(o, key), s);
	pr_list_push(&o->sites, &s->link);
	o->sites_n++;
	if (o->route)
		make_lanes(s);
	go_idle(s);
	return s;
}

static void
site_destroy(struct site *s)
{
	struct outlet *o = s->outlet;
	uint64_t hash = hash_of(o, s->key);
	struct site *first = pr_map_remove(&o->by_key, hash), **at = &first;
	while (*at != s)
		at = &(*at)->chained;
	*at = s->chained;
	if (first)
		pr_map_put(&o->by_key, hash, first);
	PR_LIST_EACH(link, &s->lanes)
		lane_destroy(PR_CONTAINER(link, struct lane, of_site));
	pr_list_remove(&s->link);
	pr_list_remove(&s->wanting);
	pr_list_remove(&s->idle);
	o->sites_n--;
	forget_exchangers(s);
	free(s->key);
	free(s->domain);
	free(s);
}

static bool
same_exchangers(const struct site *s, const struct pr_exchanger *to, size_t n)
{
	bool same = s->exchangers_n == n;
	for (size_t i = 0; same && i < n; i++)
		same = s->exchangers[i].preference == to[i].preference &&
		       s->exchangers[i].secure == to[i].secure &&
		       strcmp(s->exchangers[i].name, to[i].name) == 0;
	return same;
}

/* The exchangers of a site may change their preferences: the newest are used. */
static void
lead_anew(struct site *s, const struct pr_exchanger *to, size_t n)
{
	if (same_exchangers(s, to, n))
		return;
	forget_exchangers(s);
	keep_exchangers(s, to, n);
	PR_LIST_EACH(link, &s->lanes)
		lane_lead(PR_CONTAINER(link, struct lane, of_site));
}

struct site *
site_of(struct outlet *o, const char *key, const char *domain, const struct pr_exchanger *to,
        size_t n)
{
	struct site *s = site_find(o, key);
	if (!s)
		return site_create(o, key, domain, to, n);
	lead_anew(s, to, n);
	return s;
}

static bool
at_rest(const struct site *s)
{
	PR_LIST_EACH(link, &s->lanes) {
		const struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if (l->conns_n || l->sends)
			return false;
	}
	return true;
}

static int64_t
keep_ms(const struct site *s)
{
	int64_t keep = IDLE_KEEP_MS;
	PR_LIST_EACH(link, &s->lanes) {
		const struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if (l->failures)
			keep = 10 * PR_MINUTE_MS;
	}
	return keep;
}

void
sites_tidy(struct pr_delivery *d)
{
	int64_t now = pr_loop_now_ms(d->loop);
	PR_LIST_EACH(link, &d->idle_sites) {
		struct site *s = PR_CONTAINER(link, struct site, idle);
		if (now - s->idle_ms < IDLE_KEEP_MS)
			return;
		if (now - s->idle_ms >= keep_ms(s) && at_rest(s))
			site_destroy(s);
	}
}

/* ---- outlets ---- */

static bool
has_source(const struct pr_route *r, const struct lane *l)
{
	bool any = r->sources.n == 0 && !*l->source;
	for (size_t i = 0; !any && i < r->sources.n; i++)
		any = strcmp(r->sources.items[i].p, l->source) == 0;
	return any;
}

static void
configure_site(struct site *s)
{
	const struct pr_route *r = s->outlet->route;
	PR_LIST_EACH(link, &s->lanes) {
		struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if (has_source(r, l))
			lane_configure(l);
		else
			lane_retire(l);
	}
	make_lanes(s);
	site_ask(s);
}

void
outlet_configure(struct outlet *o, const struct pr_route *route)
{
	o->gone = false;
	o->route = route;
	PR_LIST_EACH(link, &o->sites)
		configure_site(PR_CONTAINER(link, struct site, link));
}

struct outlet *
outlet_create(struct pr_delivery *d, const struct pr_route *route)
{
	struct outlet *o = pr_calloc(1, sizeof *o);
	o->delivery = d;
	o->route = route;
	o->mx = route->via == PR_VIA_MX;
	o->name = pr_strndup(route->name.p, route->name.n);
	pr_hash_key_random(&o->key_of_keys);
	pr_list_init(&o->sites);
	pr_list_push(&d->outlets, &o->link);
	if (!o->mx)
		site_create(o, "", NULL, NULL, 0);
	return o;
}

void
outlet_take_away(struct outlet *o)
{
	char told[200];
	snprintf(told, sizeof told,
	         o->superseded ? "route %s leads to others now than when this campaign began: "
	                         "restart postriderd, or change it back and reload"
	                       : "postrider.yaml has no route %s any more: add it and reload",
	         o->name);
	o->route = NULL;
	PR_LIST_EACH(link, &o->delivery->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->outlet == o && !c->closed)
			campaign_note_error(c, told);
	}
	PR_LIST_EACH(link, &o->sites) {
		struct site *s = PR_CONTAINER(link, struct site, link);
		PR_LIST_EACH(of, &s->lanes) {
			struct lane *l = PR_CONTAINER(of, struct lane, of_site);
			lane_withdraw(l, NULL);
			lane_quit(l);
		}
	}
}

void
outlet_destroy(struct outlet *o)
{
	PR_LIST_EACH(link, &o->sites)
		site_destroy(PR_CONTAINER(link, struct site, link));
	pr_map_finish(&o->by_key);
	pr_list_remove(&o->link);
	free(o->name);
	free(o);
}
