/*
 * Ways: where a lane leads. A reload may lead its route elsewhere, or change how one talks there: a
 * new way takes the messages at once, and the connections of the old one end what they hold,
 * however long their peer takes.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

static struct way *
way_open(struct lane *l, const struct pr_route *route, const struct pr_target_options *o)
{
	struct pr_error e;
	struct pr_route_target *target;
	if (pr_target_open(l->delivery->loop, route, o, &target, &e) < 0) {
		struct pr_log_about about = {.event = "route_unusable",
		                             .route = l->site->outlet->name};
		pr_log(PR_LOG_ERROR, &about, "%s", e.text);
		return NULL;
	}
	struct way *w = pr_calloc(1, sizeof *w);
	struct pr_buf place = {0};
	pr_buf_addf(&place, "%s %d %s", route->host.p ? route->host.p : "", (int)route->port,
	            route->path.p ? route->path.p : "");
	w->target = target;
	w->place = place.data;
	pr_list_push(&l->ways, &w->link);
	return w;
}

static void
way_close(struct way *w)
{
	pr_list_remove(&w->link);
	pr_target_close(w->target);
	free(w->place);
	free(w);
}

void
ways_close(struct lane *l)
{
	while (!pr_list_empty(&l->ways))
		way_close(PR_CONTAINER(l->ways.next, struct way, link));
}

void
way_left(struct conn *n)
{
	if (--n->way->conns_n == 0 && n->way != n->lane->way)
		way_close(n->way);
}

/* What counts against the route's limit: the peer does not care why a connection is there. */
unsigned
lane_conns_there(const struct lane *l)
{
	unsigned n = 0;
	PR_LIST_EACH(link, &l->ways) {
		struct way *w = PR_CONTAINER(link, struct way, link);
		if (strcmp(w->place, l->way->place) == 0)
			n += w->conns_n;
	}
	return n;
}

/* The address of its source. False: the configuration has none that can be used. */
static bool
find_source(struct lane *l, struct pr_target_options *o)
{
	const struct pr_config *config = l->delivery->config;
	const struct pr_source_address *s = pr_config_source(config, pr_str(l->source));
	l->weight = s ? (unsigned)s->weight : 1;
	l->retired = false;
	return !*l->source || pr_target_source(o, config, l->source) == 0;
}

void
lane_configure(struct lane *l)
{
	const struct pr_route *route = l->site->outlet->route;
	struct pr_target_options o = {.hostname = l->delivery->config->hostname.p,
	                              .dns = l->delivery->options.dns,
	                              .tls = l->delivery->options.tls};
	l->connections_max = (unsigned)route->connections;
	shaped_configure(l, l->connections_max);
	const struct pr_shaping_policy *policy = shaped_policy(l);
	if (policy)
		pr_target_shape(&o, policy);
	if (!find_source(l, &o))
		return;
	if (!l->way || pr_target_differs(l->way->target, route, &o)) {
		struct way *old = l->way, *new_ = way_open(l, route, &o);
		if (!new_)
			return; /* as it was */
		lane_quit(l);
		l->way = new_;
		if (old && old->conns_n == 0)
			way_close(old);
		l->failures = 0; /* they speak of the old way */
		l->retry_at_ms = l->hush_until_ms = 0;
		if (old)
			lane_keep_wait(l);
	}
	if (o.no_chunking) /* the way that stays, too */
		pr_target_forgo(l->way->target, true, false);
	lane_lead(l);
	lane_shrink(l, l->connections_max);
}

void
lane_lead(struct lane *l)
{
	if (l->way && l->site->outlet->mx)
		pr_target_lead(l->way->target, l->site->exchangers, l->site->exchangers_n);
}
