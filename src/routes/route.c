/* Targets and connections of any kind: what is the same for all, then the kind's own. */
#include "internal.h"

#include <stdlib.h>

static const struct pr_route_ops *
ops_of(const struct pr_route *route)
{
	switch (route->via) {
	case PR_VIA_RELAY: return &route_relay;
	case PR_VIA_MAILDIR: return &route_maildir;
	default: return NULL;
	}
}

static struct pr_str
where_of(const struct pr_route *route)
{
	return pr_text_str(route->via == PR_VIA_MAILDIR ? &route->path : &route->host);
}

static void
free_target(struct pr_route_target *t)
{
	free(t->where);
	free((char *)t->options.hostname);
	free(t);
}

int
pr_target_open(pr_loop *loop, const struct pr_route *route, const struct pr_target_options *options,
               struct pr_route_target **out, struct pr_error *e)
{
	const struct pr_route_ops *ops = ops_of(route);
	if (!ops)
		return pr_fail(e, PR_EUNAVAILABLE, "this kind of route is not available yet");
	if (route->via == PR_VIA_RELAY && route->tls != PR_ROUTE_TLS_NONE)
		return pr_fail(e, PR_EUNAVAILABLE, "tls other than none is not available yet");
	struct pr_route_target *t = pr_calloc(1, ops->target_size);
	struct pr_str where = where_of(route);
	t->ops = ops;
	t->loop = loop;
	t->where = pr_strndup(where.p, where.n);
	t->port = (uint16_t)route->port;
	t->options = *options;
	t->options.hostname = pr_strdup(options->hostname ? options->hostname : "");
	int rc = ops->start(t, e);
	if (rc < 0)
		free_target(t);
	else
		*out = t;
	return rc;
}

void
pr_target_close(struct pr_route_target *t)
{
	if (!t)
		return;
	PR_ASSERT(t->connections == 0);
	t->ops->stop(t);
	free_target(t);
}

bool
pr_target_differs(const struct pr_route_target *t, const struct pr_route *route,
                  const struct pr_target_options *options)
{
	struct pr_target_options a = t->options, b = *options;
	const char *hostname = b.hostname ? b.hostname : "";
	if (t->ops != ops_of(route) || !pr_str_eq(pr_str(t->where), where_of(route)) ||
	    t->port != (uint16_t)route->port || strcmp(a.hostname, hostname) != 0)
		return true;
	return a.messages_max != b.messages_max || a.idle_ms != b.idle_ms ||
	       a.connect_timeout_ms != b.connect_timeout_ms ||
	       a.timeout_banner_ms != b.timeout_banner_ms ||
	       a.timeout_command_ms != b.timeout_command_ms ||
	       a.timeout_data_ms != b.timeout_data_ms || a.timeout_block_ms != b.timeout_block_ms ||
	       a.timeout_dot_ms != b.timeout_dot_ms;
}

pr_connection *
pr_connection_open(struct pr_route_target *t, const struct pr_connection_events *events,
                   void *context)
{
	pr_connection *c = t->ops->create(t);
	c->target = t;
	c->events = *events;
	c->context = context;
	t->connections++;
	t->ops->begin(c);
	return c;
}

void
route_ended(pr_connection *c, const struct pr_smtp_result *r)
{
	c->target->connections--; /* the owner may close the target from within ended */
	c->events.ended(c->context, r);
}

void
pr_connection_wake(pr_connection *c)
{
	c->target->ops->wake(c);
}

void
pr_connection_quit(pr_connection *c)
{
	c->target->ops->quit(c);
}

void
pr_connection_abort(pr_connection *c, const char *why)
{
	c->target->ops->abort(c, why);
}

unsigned
pr_connection_accepted(const pr_connection *c)
{
	return c->target->ops->accepted(c);
}

const char *
pr_connection_peer(const pr_connection *c)
{
	return c->peer;
}
