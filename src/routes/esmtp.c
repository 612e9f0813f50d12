/*
 * The esmtp route: smart hosts by libesmtp, which knows SASL and blocks. It never runs on the
 * loop: a target has a lane of as many threads as the route has connections, at most
 * THREADS_MAX, and each message is a session of its own (esmtp_session.c).
 *
 * A connection has one message at a time. The wire mark is set when the message is taken, and the
 * job is handed over in the NET phase: coarser than native SMTP, where it is set before the last
 * octets only. After a power cut a message may thus be in doubt that never left. A session that
 * fails before MAIL was answered gives the message back unblamed and ends the connection, as a
 * server that cannot be reached does.
 *
 * libesmtp cannot: TLS 1.3 (net/tls.c), TLS from the first octet, SMTPUTF8, a source address, an
 * IPv6 address as the host. A handshake that fails is not tried again in clear. An abort leaves the
 * session to its own times, and closing the target waits for it.
 */
#include "esmtp.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS 5000
#define THREADS_MAX 64u

struct esmtp_target {
	struct pr_route_target base;
	struct esmtp_server server;
	pr_lane *lane;
};

struct esmtp_connection {
	pr_connection base;
	struct pr_timer timer; /* begins, ends when idle, frees */
	struct pr_turn_hook hand_over;
	struct pr_job job;
	struct pr_envelope *m; /* the owner's, until it has its result */
	bool running;          /* try is the job's, untouched by the loop */
	struct esmtp_try try;
	unsigned accepted;
	bool begun, asking, quitting, ended;
};

static struct esmtp_connection *
esmtp_of(pr_connection *c)
{
	return PR_CONTAINER(c, struct esmtp_connection, base);
}

static struct esmtp_target *
target_of(const struct esmtp_connection *c)
{
	return PR_CONTAINER(c->base.target, struct esmtp_target, base);
}

static void
work_try(struct pr_job *job, void *worker)
{
	(void)worker;
	esmtp_try(&PR_CONTAINER(job, struct esmtp_connection, job)->try);
}

/* ---- the connection's life ---- */

static void
free_connection(struct esmtp_connection *c)
{
	pr_turn_hook_finish(&c->hand_over);
	esmtp_try_finish(&c->try);
	free(c);
}

/* Memory goes with the timer or with the job: our callers up the stack still hold it. */
static void
end(struct esmtp_connection *c, const struct pr_smtp_result *r)
{
	if (c->ended)
		return;
	c->ended = true;
	pr_turn_hook_finish(&c->hand_over);
	if (!c->running)
		pr_timer_start(&c->timer, 0);
	else
		pr_timer_stop(&c->timer);
	route_ended(&c->base, r);
}

static void
leave(struct esmtp_connection *c, const char *why)
{
	end(c, &(struct pr_smtp_result){.stage = PR_STAGE_QUIT, .why = why});
}

static void
take(struct esmtp_connection *c, struct pr_envelope *m)
{
	c->m = m;
	pr_timer_stop(&c->timer);
	esmtp_try_clear(&c->try);
	c->try.from = pr_strdup(m->from);
	c->try.to = pr_strdup(m->to);
	c->try.eight_bit = m->eight_bit;
	pr_buf_add(&c->try.octets, m->data, m->size);
	pr_buf_add(&c->try.octets, m->tail, m->tail_n);
	c->base.events.wire(c->base.context, m);
	if (!c->ended)
		pr_turn_ask(&c->hand_over);
}

static void
refuse(struct esmtp_connection *c, struct pr_envelope *m, const char *why)
{
	c->base.events.result(
	    c->base.context, m,
	    &(struct pr_smtp_result){.stage = PR_STAGE_MAIL, .why = why, .permanent = true});
}

static struct pr_envelope *
ask(struct esmtp_connection *c)
{
	c->asking = true;
	struct pr_envelope *m = c->base.events.next(c->base.context);
	c->asking = false;
	return m;
}

/* Ask for a message when there is none; a callback may end everything. */
static void
advance(struct esmtp_connection *c)
{
	unsigned max = c->base.target->options.messages_max;
	int64_t idle = c->base.target->options.idle_ms;
	while (!c->ended && c->begun && !c->m && !c->asking) {
		if (c->quitting || (max && c->accepted >= max)) {
			leave(c, "done");
			return;
		}
		struct pr_envelope *m = ask(c);
		if (!m) {
			if (!c->ended && !pr_timer_running(&c->timer))
				pr_timer_start(&c->timer, idle ? idle : IDLE_MS);
			return;
		}
		if (m->smtputf8)
			refuse(c, m, "libesmtp does not know SMTPUTF8: use via: relay");
		else
			take(c, m);
	}
}

static void
on_hand_over(struct pr_turn_hook *hook)
{
	struct esmtp_connection *c = PR_CONTAINER(hook, struct esmtp_connection, hand_over);
	c->running = true;
	pr_lane_submit(target_of(c)->lane, &c->job);
}

static void
done_try(struct pr_job *job)
{
	struct esmtp_connection *c = PR_CONTAINER(job, struct esmtp_connection, job);
	c->running = false;
	if (c->ended) {
		free_connection(c);
		return;
	}
	struct pr_envelope *m = c->m;
	struct pr_smtp_result *r = &c->try.result;
	c->m = NULL;
	if (!c->try.begun) {
		c->base.events.returned(c->base.context, m);
		end(c, r);
		return;
	}
	c->accepted += r->answered && r->stage == PR_STAGE_DOT && r->reply.code < 300;
	c->base.events.result(c->base.context, m, r);
	if (r->answered || r->permanent) {
		advance(c);
	} else {
		r->in_doubt = false; /* the message was, the connection is over */
		end(c, r);
	}
}

static void
on_timer(struct pr_timer *timer)
{
	struct esmtp_connection *c = PR_CONTAINER(timer, struct esmtp_connection, timer);
	if (c->ended) {
		free_connection(c);
	} else if (!c->begun) {
		c->begun = true;
		advance(c);
	} else {
		leave(c, "idle");
	}
}

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
	struct esmtp_target *t = PR_CONTAINER(base, struct esmtp_target, base);
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
	struct esmtp_target *t = PR_CONTAINER(base, struct esmtp_target, base);
	pr_lane_destroy(t->lane);
	pr_tls_context_free(t->server.context);
}

static pr_connection *
esmtp_create(struct pr_route_target *base)
{
	struct esmtp_connection *c = pr_calloc(1, sizeof *c);
	c->try.server = &PR_CONTAINER(base, struct esmtp_target, base)->server;
	c->job = (struct pr_job){.work = work_try, .done = done_try};
	pr_timer_init(&c->timer, base->loop, on_timer);
	pr_turn_hook_init(&c->hand_over, base->loop, PR_TURN_NET, on_hand_over);
	return &c->base;
}

static void
esmtp_begin(pr_connection *base)
{
	struct esmtp_connection *c = esmtp_of(base);
	snprintf(c->base.peer, sizeof c->base.peer, "%s", base->target->where);
	pr_timer_start(&c->timer, 0);
}

static void
esmtp_wake(pr_connection *base)
{
	advance(esmtp_of(base));
}

static void
esmtp_quit(pr_connection *base)
{
	struct esmtp_connection *c = esmtp_of(base);
	c->quitting = true;
	if (!c->m)
		leave(c, "done");
}

/* In doubt also where the job was not handed over yet: the wire mark says so. */
static void
esmtp_abort(pr_connection *base, const char *why)
{
	struct esmtp_connection *c = esmtp_of(base);
	struct pr_envelope *m = c->m;
	struct pr_smtp_result r = {
	    .stage = m ? PR_STAGE_DOT : PR_STAGE_IDLE, .why = why, .in_doubt = m != NULL};
	c->m = NULL;
	if (m)
		c->base.events.result(c->base.context, m, &r);
	r.in_doubt = false;
	end(c, &r);
}

static unsigned
esmtp_accepted(const pr_connection *base)
{
	return ((const struct esmtp_connection *)base)->accepted;
}

const struct pr_route_ops route_esmtp = {
    .via = "esmtp",
    .target_size = sizeof(struct esmtp_target),
    .start = esmtp_start,
    .stop = esmtp_stop,
    .create = esmtp_create,
    .begin = esmtp_begin,
    .wake = esmtp_wake,
    .quit = esmtp_quit,
    .abort = esmtp_abort,
    .accepted = esmtp_accepted,
};
