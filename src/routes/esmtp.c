/*
 * The esmtp route: smart hosts by libesmtp, which knows SASL and blocks. It never runs on the
 * loop: a target has a lane of as many threads as the route has connections, at most
 * THREADS_MAX, and each message is a session of its own (esmtp_session.c).
 *
 * A connection is a slot. A session that fails before MAIL was answered gives the message back
 * unblamed and ends the connection, as a server that cannot be reached does.
 *
 * libesmtp cannot: TLS 1.3 (net/tls.c), TLS from the first octet, SMTPUTF8, a source address, an
 * IPv6 address as the host. A handshake that fails is not tried again in clear. An abort leaves the
 * session to its own times, and closing the target waits for it.
 */
#include "esmtp.h"
#include "slot.h"

#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 64u

struct esmtp_target {
	struct pr_route_target base;
	struct esmtp_server server;
	pr_lane *lane;
};

struct esmtp_connection {
	struct slot slot;
	struct pr_job job;
	struct esmtp_try try;
};

static struct esmtp_connection *
esmtp_of(struct slot *s)
{
	return PR_CONTAINER(s, struct esmtp_connection, slot);
}

static struct esmtp_target *
target_of(struct pr_route_target *t)
{
	return PR_CONTAINER(t, struct esmtp_target, base);
}

/* ---- a message ---- */

static const char *
unfit(const struct pr_envelope *m)
{
	return m->smtputf8 ? "libesmtp does not know SMTPUTF8: use via: relay" : NULL;
}

static void
load(struct slot *s, const struct pr_envelope *m)
{
	struct esmtp_try *t = &esmtp_of(s)->try;
	esmtp_try_clear(t);
	t->from = pr_strdup(m->from);
	t->to = pr_strdup(m->to);
	t->eight_bit = m->eight_bit;
	pr_buf_add(&t->octets, m->data, m->size);
	pr_buf_add(&t->octets, m->tail, m->tail_n);
}

static void
work(struct slot *s)
{
	pr_lane_submit(target_of(s->base.target)->lane, &esmtp_of(s)->job);
}

static void
work_try(struct pr_job *job, void *worker)
{
	(void)worker;
	esmtp_try(&PR_CONTAINER(job, struct esmtp_connection, job)->try);
}

static void
done_try(struct pr_job *job)
{
	struct esmtp_connection *c = PR_CONTAINER(job, struct esmtp_connection, job);
	slot_done(&c->slot, c->try.begun, &c->try.result);
}

static void
free_connection(struct slot *s)
{
	struct esmtp_connection *c = esmtp_of(s);
	esmtp_try_finish(&c->try);
	free(c);
}

static const struct slot_kind kind = {
    .unfit = unfit, .load = load, .work = work, .free = free_connection};

/* ---- what routes.h asks ---- */

static int
refuse_target(const struct pr_route_target *t, int tls, struct pr_error *e)
{
	if (!t->where[0])
		return pr_fail(e, PR_EINVAL, "an esmtp route needs a host");
	if (tls == PR_ROUTE_TLS_IMPLICIT)
		return pr_fail(e, PR_EINVAL, "via: esmtp cannot do tls: implicit; use via: relay");
	if (strchr(t->where, ':'))
		return pr_fail(
		    e, PR_EINVAL,
		    "via: esmtp takes no IPv6 address as host; use its name, or via: relay");
	if (t->options.source.n)
		return pr_fail(e, PR_EINVAL,
		               "via: esmtp cannot choose its source address; use via: relay");
	return 0;
}

static void
fill_server(struct esmtp_server *s, const struct pr_route_target *t, int tls)
{
	const struct pr_target_options *o = &t->options;
	snprintf(s->place, sizeof s->place, "%s:%u", t->where, t->port);
	s->hostname = o->hostname;
	s->user = t->user;
	s->password = t->password;
	s->auth_in_clear = t->auth_in_clear;
	s->tls = tls;
	s->context = o->tls && tls != PR_ROUTE_TLS_NONE ? pr_tls_context(o->tls) : NULL;
	s->banner_ms = o->timeout_banner_ms;
	s->command_ms = o->timeout_command_ms;
	s->data_ms = o->timeout_data_ms;
	s->block_ms = o->timeout_block_ms;
	s->dot_ms = o->timeout_dot_ms;
}

static int
esmtp_start(struct pr_route_target *base, struct pr_error *e)
{
	struct esmtp_target *t = target_of(base);
	int tls = base->tls > base->options.tls_least ? base->tls : base->options.tls_least;
	unsigned threads = base->most ? base->most : 1;
	struct pr_lane_options lane = {.name = "esmtp",
	                               .threads = threads < THREADS_MAX ? threads : THREADS_MAX};
	if (refuse_target(base, tls, e) < 0)
		return PR_EINVAL;
	if (!base->options.tls && tls > PR_ROUTE_TLS_OPPORTUNISTIC)
		return pr_fail(e, PR_EINVAL, "TLS is asked for, and there is none");
	esmtp_init();
	fill_server(&t->server, base, tls);
	int rc = pr_lane_create(base->loop, &lane, &t->lane, e);
	if (rc < 0)
		pr_tls_context_free(t->server.context);
	return rc;
}

static void
esmtp_stop(struct pr_route_target *base)
{
	struct esmtp_target *t = target_of(base);
	pr_lane_destroy(t->lane);
	pr_tls_context_free(t->server.context);
}

static pr_connection *
esmtp_create(struct pr_route_target *base)
{
	struct esmtp_connection *c = pr_calloc(1, sizeof *c);
	c->try.server = &target_of(base)->server;
	c->job = (struct pr_job){.work = work_try, .done = done_try};
	slot_init(&c->slot, &kind, base->loop, base->where);
	return &c->slot.base;
}

const struct pr_route_ops route_esmtp = {
    .via = "esmtp",
    .target_size = sizeof(struct esmtp_target),
    .start = esmtp_start,
    .stop = esmtp_stop,
    .create = esmtp_create,
    SLOT_OPS,
};
