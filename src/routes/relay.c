/*
 * The relay: a fixed next hop, its addresses tried one by one, the one that answered last first.
 * What a connection does is told in wire.c.
 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

struct relay_target {
	struct pr_route_target base;
	struct resolver resolver;
};

struct relay_connection {
	struct wire wire;
	struct resolve_wait wait;
	unsigned first, tried, at; /* addresses: where we began, how many, the one in use */
};

static struct relay_connection *
relay_of(struct wire *w)
{
	return PR_CONTAINER(w, struct relay_connection, wire);
}

static struct resolver *
resolver_of(const struct wire *w)
{
	return &PR_CONTAINER(w->base.target, struct relay_target, base)->resolver;
}

static void
give_up(struct wire *w)
{
	char text[600];
	resolver_of(w)->stale = true;
	snprintf(text, sizeof text, "cannot connect: %.500s", w->why);
	wire_give_up(w, text);
}

/* The next address of the host; the one that answered last comes first. */
static void
try_address(struct wire *w)
{
	struct relay_connection *c = relay_of(w);
	struct resolver *r = resolver_of(w);
	if (c->tried >= r->n) {
		give_up(w);
		return;
	}
	if (c->tried == 0)
		c->first = r->best;
	c->at = (c->first + c->tried++) % r->n;
	w->hop.address = r->addresses[c->at];
	w->hop.tls = w->base.target->tls;
	snprintf(w->hop.name, sizeof w->hop.name, "%s", r->host);
	wire_connect(w);
}

static void
on_resolved(struct resolve_wait *wait, const char *failure)
{
	struct relay_connection *c = PR_CONTAINER(wait, struct relay_connection, wait);
	if (failure)
		wire_give_up(&c->wire, failure);
	else
		try_address(&c->wire);
}

static void
next_hop(struct wire *w)
{
	struct relay_connection *c = relay_of(w);
	if (c->tried || resolver_ask(resolver_of(w), &c->wait))
		try_address(w);
}

static void
reached(struct wire *w)
{
	resolver_of(w)->best = relay_of(w)->at;
}

static void
missed(struct wire *w)
{
	(void)w;
}

static void
forget(struct wire *w)
{
	resolver_forget(&relay_of(w)->wait);
}

static const struct wire_kind kind = {
    .next_hop = next_hop, .reached = reached, .missed = missed, .forget = forget};

/* ---- what routes.h asks ---- */

static int
relay_start(struct pr_route_target *t, struct pr_error *e)
{
	struct relay_target *r = PR_CONTAINER(t, struct relay_target, base);
	return resolver_start(&r->resolver, t->loop, t->where, t->port, e);
}

static void
relay_stop(struct pr_route_target *t)
{
	resolver_stop(&PR_CONTAINER(t, struct relay_target, base)->resolver);
}

static pr_connection *
relay_create(struct pr_route_target *t)
{
	struct relay_connection *c = pr_calloc(1, sizeof *c);
	c->wait.done = on_resolved;
	wire_init(&c->wire, &kind, t);
	return &c->wire.base;
}

const struct pr_route_ops route_relay = {
    .via = "relay",
    .target_size = sizeof(struct relay_target),
    .start = relay_start,
    .stop = relay_stop,
    .create = relay_create,
    .begin = wire_begin,
    .wake = wire_wake,
    .quit = wire_quit,
    .abort = wire_abort,
    .accepted = wire_accepted,
};
