/*
 * Connections of lanes: what they ask and tell, how many there are.
 *
 * One that asked for a message and got none is *hungry* when it has none, and *ahead* when it still
 * waits for the answer to one. A message that becomes ready wakes a hungry one; else more
 * connections are opened, up to the route's limit and the daemon's; only then it travels behind
 * another message, and never behind one that has waited for its answer for long: a peer that stalls
 * holds nothing but what it has.
 *
 * A message that comes back unanswered again and again may itself be what the peer cannot bear:
 * after RETURNS_MAX it is deferred like any other.
 */
#include "internal.h"

#include <stdlib.h>

#define RETURNS_MAX 3
#define UNREACHED 3       /* failed tries in a row, and what is for there is deferred */
#define AHEAD_MAX_MS 1000 /* how long after its last message a connection takes one ahead */

static struct pr_envelope *on_next(void *context);
static void on_wire(void *context, struct pr_envelope *m);
static void on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r);
static void on_returned(void *context, struct pr_envelope *m);
static void on_ended(void *context, const struct pr_smtp_result *r);

static const struct pr_connection_events events = {.next = on_next,
                                                   .wire = on_wire,
                                                   .result = on_result,
                                                   .returned = on_returned,
                                                   .ended = on_ended};

static struct send *
send_of(struct pr_envelope *m)
{
	return PR_CONTAINER(m, struct send, envelope);
}

/* ---- ready messages ---- */

static void
wake(struct conn *n)
{
	pr_list_remove(&n->hungry);
	pr_list_remove(&n->idle);
	pr_connection_wake(n->connection);
}

void
lane_feed(struct lane *l)
{
	while (l->ready_n > 0 && !pr_list_empty(&l->hungry) && shaped_lets_send(l))
		wake(PR_CONTAINER(l->hungry.next, struct conn, hungry));
}

/* The last in the list asked last. */
static void
feed_ahead(struct lane *l)
{
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	while (l->ready_n > l->opening_n && !pr_list_empty(&l->ahead)) {
		struct conn *n = PR_CONTAINER(l->ahead.prev, struct conn, hungry);
		if (now - n->asked_ms > AHEAD_MAX_MS || !shaped_lets_send(l))
			return;
		wake(n);
	}
}

/* ---- what a connection asks and tells ---- */

static void
go_hungry(struct conn *n)
{
	struct lane *l = n->lane;
	pr_list_remove(&n->hungry);
	pr_list_push(n->flying ? &l->ahead : &l->hungry, &n->hungry);
	pr_list_remove(&n->idle);
	if (!n->flying)
		pr_list_push(&l->delivery->idle_conns, &n->idle);
	n->asked_ms = pr_loop_now_ms(l->delivery->loop);
}

/* Whoever has left since the row was read gets nothing any more; nor who has quiet hours now. NULL:
 * none is ready. */
static struct send *
next_ready(struct lane *l)
{
	while (l->ready_n > 0) {
		struct send *s = PR_CONTAINER(l->ready.next, struct send, link);
		if (!suppress_stops(s) && !timed_stops(s))
			return s;
		lane_unready(l, s);
		outcome_withdraw(s);
	}
	return NULL;
}

static struct pr_envelope *
on_next(void *context)
{
	struct conn *n = context;
	struct lane *l = n->lane;
	if (!n->live) {
		n->live = true;
		l->live_n++;
		l->opening_n--;
	}
	if (l->ready_n == 0 && l->waiting > 0)
		lane_stretch(l);
	struct send *s = next_ready(l);
	if (!s || !shaped_lets_send(l)) {
		go_hungry(n);
		return NULL;
	}
	lane_unready(l, s);
	pr_list_remove(&n->hungry);
	pr_list_remove(&n->idle);
	s->flying = true;
	l->waiting--;
	l->busy_n += n->flying++ == 0;
	shaped_sent(l);
	lane_ask(l);
	return &s->envelope;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	(void)context;
	struct send *s = send_of(m);
	s->wired = true;
	s->wired_ms = pr_loop_now_ms(s->lane->delivery->loop);
	send_record(s, PR_RECORD_WIRE);
}

static void
landed(struct conn *n)
{
	n->lane->busy_n -= --n->flying == 0;
}

/* What the answer means for the lane; a rule of shaping may change what it means for the row. */
static void
judge(struct conn *n, struct send *s, const struct pr_smtp_result *r, struct pr_verdict *v)
{
	struct lane *l = n->lane;
	struct pr_shape_done done = {0};
	if (v->state == PR_DELIVERED) {
		shaped_accepted(l, s->wired_ms);
	} else if (r->answered) {
		lane_note_reply(l, r);
		done = shaped_heard(l, r, v->class_);
		n->heard_ms = pr_loop_now_ms(l->delivery->loop);
	}
	if (done.actions & PR_SHAPE_DEFER) {
		v->state = PR_DEFERRED;
		v->retry_ms = done.retry_ms;
	}
	if (v->lane_backs_off && !done.matched)
		lane_back_off(n, r);
	else if (v->state == PR_DELIVERED && l->failures)
		lane_well(l);
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct conn *n = context;
	struct lane *l = n->lane;
	struct send *s = send_of(m);
	struct pr_verdict v = pr_verdict_message(l->delivery->config->rules, r);
	landed(n);
	judge(n, s, r, &v);
	if (v.state == PR_PENDING && ++s->returns < RETURNS_MAX) {
		lane_take_back(l, s);
		return;
	}
	if (v.state == PR_PENDING)
		v.state = PR_DEFERRED;
	outcome_result(s, r, pr_connection_peer(n->connection), &v);
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	struct conn *n = context;
	landed(n);
	lane_take_back(n->lane, send_of(m));
}

/* Whether it failed: before it was of any use. A receiver that says why is heard in any case, once.
 */
static bool
has_failed(struct conn *n, const struct pr_smtp_result *r)
{
	struct lane *l = n->lane;
	struct pr_verdict v = pr_verdict_connection(l->delivery->config->rules, r);
	struct pr_shape_done done = {0};
	bool failed = v.lane_backs_off && pr_connection_accepted(n->connection) == 0;
	bool news = n->heard_ms != pr_loop_now_ms(l->delivery->loop);
	if (news && (failed || (r->answered && v.lane_backs_off)))
		done = shaped_heard(l, r, v.class_);
	if (done.actions & PR_SHAPE_SUSPENDED)
		lane_note_trouble(l, r);
	else if (failed)
		lane_back_off(n, r);
	return failed;
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct conn *n = context;
	struct lane *l = n->lane;
	bool failed = has_failed(n, r);
	pr_list_remove(&n->link);
	pr_list_remove(&n->hungry);
	pr_list_remove(&n->idle);
	l->conns_n--;
	*(n->live ? &l->live_n : &l->opening_n) -= 1;
	l->delivery->connections--;
	shaped_closed(l);
	way_left(n);
	lane_ask(l);
	free(n);
	if (failed && l->failures >= UNREACHED)
		site_unreached(l->site, r, l->failing_since_ms);
}

/* ---- connections ---- */

static void
open_one(struct lane *l)
{
	struct conn *n = pr_calloc(1, sizeof *n);
	n->lane = l;
	n->way = l->way;
	pr_list_init(&n->hungry);
	pr_list_init(&n->idle);
	pr_list_push(&l->conns, &n->link);
	l->way->conns_n++;
	l->conns_n++;
	l->opening_n++;
	l->delivery->connections++;
	shaped_connected(l);
	pr_target_limit(l->way->target, shaped_messages(l));
	n->connection = pr_connection_open(l->way->target, &events, n);
}

/* It ends what it holds and takes no more. It may be gone when this returns. */
static void
leave(struct conn *n)
{
	n->leaving = true;
	pr_list_remove(&n->hungry);
	pr_list_remove(&n->idle);
	pr_connection_quit(n->connection);
}

/* The connection that has been idle longest, of a lane that has nothing for it, makes room. group:
 * one of its lanes; NULL: whichever. */
static void
leave_idle(struct pr_delivery *d, const struct group *group)
{
	PR_LIST_EACH(link, &d->idle_conns) {
		struct conn *n = PR_CONTAINER(link, struct conn, idle);
		if (n->lane->ready_n > 0 || (group && n->lane->group != group))
			continue;
		leave(n);
		return;
	}
}

static bool
make_room(struct pr_delivery *d)
{
	if (d->connections >= (unsigned)d->config->max_connections)
		leave_idle(d, NULL);
	return d->connections < (unsigned)d->config->max_connections;
}

/* How many it may have; those too many leave. */
static unsigned
limit_connections(struct lane *l)
{
	unsigned limit = shaped_connections(l);
	if (l->conns_n > limit)
		lane_shrink(l, limit);
	return l->failures && limit > 1 ? 1 : limit;
}

bool
lane_connect(struct lane *l)
{
	struct pr_delivery *d = l->delivery;
	bool room = true;
	unsigned limit = limit_connections(l);
	lane_feed(l);
	if (!l->way || l->site->outlet->gone || d->draining || !pr_list_empty(&l->hungry))
		return false;
	if (pr_loop_now_ms(d->loop) < l->retry_at_ms) {
		lane_ask_at(l, l->retry_at_ms);
		return false;
	}
	unsigned there = l->opening_n < l->ready_n ? lane_conns_there(l) : 0;
	for (; l->opening_n < l->ready_n && there < limit && (room = make_room(d)); there++) {
		if (!shaped_lets_connect(l)) {
			if (strcmp(l->waits_for, "provider_connections") == 0)
				leave_idle(d, l->group);
			break;
		}
		open_one(l);
	}
	feed_ahead(l);
	return !room;
}

void
lane_quit(struct lane *l)
{
	PR_LIST_EACH(link, &l->conns)
		leave(PR_CONTAINER(link, struct conn, link));
}

void
lane_abort(struct lane *l, const char *why)
{
	while (!pr_list_empty(&l->conns))
		pr_connection_abort(PR_CONTAINER(l->conns.next, struct conn, link)->connection,
		                    why);
}

unsigned
lane_staying(const struct lane *l)
{
	unsigned n = 0;
	PR_LIST_EACH(link, &l->conns)
		n += !PR_CONTAINER(link, struct conn, link)->leaving;
	return n;
}

void
lane_shrink(struct lane *l, unsigned limit)
{
	unsigned n = 0;
	PR_LIST_EACH(link, &l->conns) {
		struct conn *c = PR_CONTAINER(link, struct conn, link);
		if (!c->leaving && ++n > limit)
			leave(c);
	}
}
