/*
 * Lanes as people see them: what is on its way by each, and what it waits for. Only looks;
 * on the loop, and never for long: a lane costs a few reads.
 */
#include "internal.h"

#include <stdio.h>

/* Rows of the route's campaigns wait for its one lane in their batches. */
static unsigned
left_in(const struct pr_batch *b)
{
	return b ? b->n - b->taken : 0;
}

static unsigned
queued_for(const struct site *s)
{
	unsigned n = 0;
	PR_LIST_EACH(link, &s->flows) {
		const struct flow *f = PR_CONTAINER(link, struct flow, of_site);
		const struct pr_campaign *c = f->campaign;
		n += f->rows_n;
		if (!s->outlet->mx)
			n += left_in(c->due) + left_in(c->fresh) + left_in(c->fresh_next);
	}
	return n;
}

/* What is nearest to the people who can change it comes first. */
static const char *
limit_of(const struct lane *l)
{
	const struct pr_delivery *d = l->delivery;
	if (d->draining)
		return "drain";
	if (d->paused_all)
		return "pause of all sending";
	if (d->low_space || d->journal_full)
		return "full disk";
	if (l->site->outlet->gone)
		return "route is gone";
	if (!l->way)
		return "route cannot be used";
	if (l->retired)
		return "source is not in use";
	if (l->failures)
		return "back-off";
	if (l->waits_for)
		return l->waits_for;
	if (l->ready_n == 0)
		return "";
	if (lane_conns_there(l) >= l->connections_max)
		return "route connections";
	return d->connections >= (unsigned)d->config->max_connections ? "max_connections" : "";
}

static void
lane_view(struct lane *l, int64_t now_ms, struct pr_lane_view *out)
{
	*out = (struct pr_lane_view){.route = l->site->outlet->name,
	                             .site = l->site->key,
	                             .source = l->source,
	                             .connections = l->conns_n,
	                             .connections_max = l->connections_max,
	                             .busy = l->busy_n,
	                             .ready = l->ready_n,
	                             .waiting = l->waiting,
	                             .queued = queued_for(l->site),
	                             .rate = meter_rate(&l->meter, now_ms),
	                             .failures = l->failures,
	                             .last_code = l->last_code,
	                             .last_reply = l->last_reply,
	                             .offers = l->way ? pr_target_offers(l->way->target) : 0,
	                             .limited_by = limit_of(l),
	                             .provider = l->group ? l->shape.policy->provider : "",
	                             .lane = l};
	PR_LIST_EACH(link, &l->ways)
		pr_target_tls_counts(PR_CONTAINER(link, struct way, link)->target, &out->tls);
	if (l->failures && l->retry_at_ms > now_ms)
		out->retry_ms = l->retry_at_ms - now_ms;
}

/* ---- limits ---- */

struct visit {
	const struct lane *lane;
	void (*each)(void *context, const struct pr_lane_limit *limit);
	void *context;
};

static void
on_shape_limit(void *context, const struct pr_shape_limit *s)
{
	const struct visit *v = context;
	char by[200];
	bool by_route = strcmp(s->who, "route") == 0;
	snprintf(by, sizeof by, "route %s", v->lane->site->outlet->name);
	struct pr_lane_limit l = {.what = *s->value ? s->name : "suspended",
	                          .value = s->value,
	                          .by = by_route ? by : s->who};
	if (s->lifts_ms)
		l.lifts_ms = s->lifts_ms - pr_loop_now_ms(v->lane->delivery->loop);
	v->each(v->context, &l);
}

static void
visit_route(const struct visit *v)
{
	char by[200], value[16];
	snprintf(by, sizeof by, "route %s", v->lane->site->outlet->name);
	snprintf(value, sizeof value, "%u", v->lane->connections_max);
	v->each(v->context,
	        &(struct pr_lane_limit){.what = "connections", .value = value, .by = by});
}

/* A failing lane waits; then it may try with one connection. */
static void
visit_back_off(const struct visit *v)
{
	char by[60];
	const struct lane *l = v->lane;
	int64_t now_ms = pr_loop_now_ms(l->delivery->loop);
	bool waits = l->retry_at_ms > now_ms;
	snprintf(by, sizeof by, "back-off after %u failure%s", l->failures,
	         l->failures == 1 ? "" : "s");
	v->each(v->context,
	        &(struct pr_lane_limit){.what = waits ? "suspended" : "connections",
	                                .value = waits ? "" : "1",
	                                .by = by,
	                                .lifts_ms = waits ? l->retry_at_ms - now_ms : 0});
}

static void
visit_hush(const struct visit *v)
{
	int64_t now_ms = pr_loop_now_ms(v->lane->delivery->loop);
	v->each(v->context, &(struct pr_lane_limit){.what = "suspended",
	                                            .value = "",
	                                            .by = "Retry-After",
	                                            .lifts_ms = v->lane->hush_until_ms - now_ms});
}

void
pr_lane_limits(const struct pr_lane_view *view,
               void (*each)(void *context, const struct pr_lane_limit *limit), void *context)
{
	struct lane *l = view->lane;
	struct visit v = {l, each, context};
	if (l->group)
		pr_shape_limits(&l->shape, pr_loop_now_ms(l->delivery->loop), on_shape_limit, &v);
	else
		visit_route(&v);
	if (l->hush_until_ms > pr_loop_now_ms(l->delivery->loop))
		visit_hush(&v);
	if (l->failures)
		visit_back_off(&v);
}

/* ---- lanes ---- */

void
pr_delivery_each_lane(pr_delivery *d, bool (*each)(void *context, const struct pr_lane_view *v),
                      void *context)
{
	int64_t now_ms = pr_loop_now_ms(d->loop);
	PR_LIST_EACH(link, &d->lanes) {
		struct pr_lane_view v;
		lane_view(PR_CONTAINER(link, struct lane, link), now_ms, &v);
		if (!each(context, &v))
			return;
	}
}
