/*
 * The relay: a fixed next hop spoken to by our own SMTP. One stream, one session and one
 * timer a connection, glued together.
 *
 *   look up -> connect (address by address) -> the session speaks -> ended -> stream closed
 *
 * The session decides about everything once the stream is up; before that a failure to
 * connect tries the next address, and the last one's is told as stage CONNECT. The timer
 * serves the connect timeout first and then the session's deadline. That deadline moves
 * with every reply, mostly further away: the timer is moved only when it comes nearer, and
 * looks again when it fires.
 */
#include "internal.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 30000

struct relay_target {
	struct pr_route_target base;
	struct resolver resolver;
};

struct relay_connection {
	pr_connection base;
	struct resolve_wait wait;
	pr_stream *stream; /* NULL: none, or gone */
	pr_smtp *smtp;     /* NULL: ended */
	struct pr_timer timer;
	int64_t due_ms;            /* of the timer while it runs */
	unsigned first, tried, at; /* addresses: where we began, how many, the one in use */
	bool connected;
	char why[600];
};

static struct relay_connection *
relay_of(pr_connection *c)
{
	return PR_CONTAINER(c, struct relay_connection, base);
}

static struct resolver *
resolver_of(const struct relay_connection *c)
{
	return &PR_CONTAINER(c->base.target, struct relay_target, base)->resolver;
}

static int64_t
now_ms(const struct relay_connection *c)
{
	return pr_loop_now_ms(c->base.target->loop);
}

/* ---- time ---- */

static void
start_timer(struct relay_connection *c, int64_t due_ms)
{
	int64_t delay = due_ms - now_ms(c);
	c->due_ms = due_ms;
	pr_timer_start(&c->timer, delay > 0 ? delay : 0);
}

/* After anything that the session was told. It may have ended by that. */
static void
rearm(struct relay_connection *c)
{
	if (!c->smtp)
		return;
	int64_t due = pr_smtp_deadline(c->smtp);
	if (due != INT64_MAX && (!pr_timer_running(&c->timer) || due < c->due_ms))
		start_timer(c, due);
}

static void
on_timer(struct pr_timer *timer)
{
	struct relay_connection *c = PR_CONTAINER(timer, struct relay_connection, timer);
	if (!c->smtp) {
		free(c);
	} else if (!c->connected) {
		snprintf(c->why, sizeof c->why, "timed out");
		pr_stream_close(c->stream); /* on_close tries the next address */
	} else {
		pr_smtp_tick(c->smtp, now_ms(c));
		rearm(c);
	}
}

/* ---- the session's side ---- */

static void
on_send(void *context, const char *data, size_t n)
{
	struct relay_connection *c = context;
	if (c->stream)
		pr_stream_write(c->stream, data, n);
}

static struct pr_envelope *
on_next(void *context)
{
	struct relay_connection *c = context;
	return c->base.events.next(c->base.context);
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	struct relay_connection *c = context;
	c->base.events.wire(c->base.context, m);
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct relay_connection *c = context;
	c->base.events.result(c->base.context, m, r);
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	struct relay_connection *c = context;
	c->base.events.returned(c->base.context, m);
}

/* The memory goes when libuv has let go of the stream; without one, with the timer: our
 * callers up the stack still hold it. */
static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct relay_connection *c = context;
	pr_timer_stop(&c->timer);
	resolver_forget(&c->wait);
	route_ended(&c->base, r);
	pr_smtp_destroy(c->smtp);
	c->smtp = NULL;
	if (c->stream)
		pr_stream_close(c->stream);
	else
		pr_timer_start(&c->timer, 0);
}

static const struct pr_smtp_events session_events = {on_send,   on_next,     NULL,    on_wire,
                                                     on_result, on_returned, on_ended};

/* ---- the stream's side ---- */

static void try_address(struct relay_connection *c);

static void
name_peer(struct relay_connection *c)
{
	struct resolver *r = resolver_of(c);
	char ip[64];
	const struct pr_address *a = &r->addresses[c->at];
	if (getnameinfo((const struct sockaddr *)&a->sa, a->n, ip, sizeof ip, NULL, 0,
	                NI_NUMERICHOST) != 0)
		snprintf(ip, sizeof ip, "?");
	if (r->numeric)
		snprintf(c->base.peer, sizeof c->base.peer, "%s", ip);
	else
		snprintf(c->base.peer, sizeof c->base.peer, "%.240s[%s]", r->host, ip);
}

static void
on_connect(void *context)
{
	struct relay_connection *c = context;
	c->connected = true;
	resolver_of(c)->best = c->at;
	pr_timer_stop(&c->timer);
	pr_smtp_connected(c->smtp, now_ms(c));
	rearm(c);
}

static void
on_data(void *context, const char *data, size_t n)
{
	struct relay_connection *c = context;
	if (!c->smtp)
		return;
	pr_smtp_receive(c->smtp, data, n, now_ms(c));
	rearm(c);
}

static void
on_drain(void *context)
{
	struct relay_connection *c = context;
	if (!c->smtp)
		return;
	pr_smtp_drained(c->smtp, now_ms(c));
	rearm(c);
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct relay_connection *c = context;
	c->stream = NULL;
	if (!c->smtp) {
		free(c);
		return;
	}
	if (c->connected) {
		snprintf(c->why, sizeof c->why, "connection lost: %s", why->text);
		pr_smtp_lost(c->smtp, c->why, now_ms(c));
		return;
	}
	if (why->code)
		snprintf(c->why, sizeof c->why, "%s", why->text);
	try_address(c);
}

static const struct pr_stream_events stream_events = {on_connect, on_data, on_drain, on_close};

static void
fail_to_connect(struct relay_connection *c)
{
	char text[sizeof c->why];
	resolver_of(c)->stale = true;
	snprintf(text, sizeof text, "cannot connect: %.500s", c->why);
	memcpy(c->why, text, sizeof text);
	pr_smtp_lost(c->smtp, c->why, now_ms(c));
}

/* The next address of the host; the one that answered last comes first. */
static void
try_address(struct relay_connection *c)
{
	struct resolver *r = resolver_of(c);
	if (c->tried >= r->n) {
		fail_to_connect(c);
		return;
	}
	if (c->tried == 0)
		c->first = r->best;
	c->at = (c->first + c->tried++) % r->n;
	name_peer(c);
	int64_t timeout = c->base.target->options.connect_timeout_ms;
	start_timer(c, now_ms(c) + (timeout ? timeout : CONNECT_TIMEOUT_MS));
	c->stream = pr_stream_connect(r->loop, &r->addresses[c->at], NULL, &stream_events, c);
}

static void
on_resolved(struct resolve_wait *w, const char *failure)
{
	struct relay_connection *c = PR_CONTAINER(w, struct relay_connection, wait);
	if (!failure) {
		try_address(c);
		return;
	}
	snprintf(c->why, sizeof c->why, "%s", failure);
	pr_smtp_lost(c->smtp, c->why, now_ms(c));
}

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
	const struct pr_target_options *o = &t->options;
	struct pr_smtp_options options = {
	    .hostname = o->hostname,
	    .messages_max = o->messages_max,
	    .lookahead = true,
	    .idle_ms = o->idle_ms,
	    .timeout_banner_ms = o->timeout_banner_ms,
	    .timeout_command_ms = o->timeout_command_ms,
	    .timeout_data_ms = o->timeout_data_ms,
	    .timeout_block_ms = o->timeout_block_ms,
	    .timeout_dot_ms = o->timeout_dot_ms,
	};
	c->smtp = pr_smtp_create(&options, &session_events, c);
	c->wait.done = on_resolved;
	pr_timer_init(&c->timer, t->loop, on_timer);
	return &c->base;
}

static void
relay_begin(pr_connection *base)
{
	struct relay_connection *c = relay_of(base);
	if (resolver_ask(resolver_of(c), &c->wait))
		try_address(c);
}

static void
relay_wake(pr_connection *base)
{
	struct relay_connection *c = relay_of(base);
	pr_smtp_wake(c->smtp, now_ms(c));
	rearm(c);
}

static void
relay_quit(pr_connection *base)
{
	struct relay_connection *c = relay_of(base);
	pr_smtp_quit(c->smtp, now_ms(c));
	rearm(c);
}

static void
relay_abort(pr_connection *base, const char *why)
{
	struct relay_connection *c = relay_of(base);
	pr_smtp_lost(c->smtp, why, now_ms(c));
}

static unsigned
relay_accepted(const pr_connection *c)
{
	return pr_smtp_accepted(((const struct relay_connection *)c)->smtp);
}

const struct pr_route_ops route_relay = {
    .via = "relay",
    .target_size = sizeof(struct relay_target),
    .start = relay_start,
    .stop = relay_stop,
    .create = relay_create,
    .begin = relay_begin,
    .wake = relay_wake,
    .quit = relay_quit,
    .abort = relay_abort,
    .accepted = relay_accepted,
};
