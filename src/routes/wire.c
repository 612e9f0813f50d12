/*
 * One stream, one session and one timer a connection, glued together.
 *
 * The first hop is looked for a turn after the connection was made: what is known at once, as that
 * there is none, is not told before the owner has the connection in hand. The session begins when
 * the stream is up (and secured, where TLS is implicit). A hop that cannot be reached, or whose
 * greeting refuses, makes place for the next one; the last one's reason is told.
 *
 * The timer serves that first turn, then the connect timeout, then the session's deadline. That
 * deadline moves with every reply, mostly further away: the timer is moved only when it comes
 * nearer, and looks again when it fires.
 *
 * Opportunistic TLS that breaks is remembered for the peer (memory.c): the next connection speaks
 * in clear. Nothing else falls back.
 */
#include "wire.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 30000

static int64_t
now_ms(const struct wire *w)
{
	return pr_loop_now_ms(w->base.target->loop);
}

/* ---- time ---- */

static void
start_timer(struct wire *w, int64_t due_ms)
{
	int64_t delay = due_ms - now_ms(w);
	w->due_ms = due_ms;
	pr_timer_start(&w->timer, delay > 0 ? delay : 0);
}

/* After anything that the session was told. It may have ended by that. */
static void
rearm(struct wire *w)
{
	if (!w->smtp)
		return;
	int64_t due = pr_smtp_deadline(w->smtp);
	if (due != INT64_MAX && (!pr_timer_running(&w->timer) || due < w->due_ms))
		start_timer(w, due);
}

static void
on_timer(struct pr_timer *timer)
{
	struct wire *w = PR_CONTAINER(timer, struct wire, timer);
	if (w->over) {
		free(w);
	} else if (!w->begun) {
		w->begun = true;
		w->kind->next_hop(w);
	} else if (!w->smtp) {
		snprintf(w->why, sizeof w->why, "timed out");
		pr_stream_close(w->stream); /* on_close tries the next address */
	} else {
		pr_smtp_tick(w->smtp, now_ms(w));
		rearm(w);
	}
}

/* ---- the session's side ---- */

static void
on_send(void *context, const char *data, size_t n)
{
	struct wire *w = context;
	if (w->stream)
		pr_stream_write(w->stream, data, n);
}

static void
note_offers(struct wire *w)
{
	if (pr_smtp_offers(w->smtp))
		w->base.target->offers = pr_smtp_offers(w->smtp);
}

static struct pr_envelope *
on_next(void *context)
{
	struct wire *w = context;
	note_offers(w);
	return w->base.events.next(w->base.context);
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	struct wire *w = context;
	w->base.events.wire(w->base.context, m);
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct wire *w = context;
	bool stalled = r->chunked && r->in_doubt && strcmp(r->why, "timed out") == 0;
	if (stalled || r->wrong_return_path)
		pr_target_forgo(w->base.target, stalled, r->wrong_return_path);
	w->base.events.result(w->base.context, m, r);
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	struct wire *w = context;
	w->base.events.returned(w->base.context, m);
}

static void
secure(struct wire *w)
{
	char session[300], ip[64] = "";
	const struct hop *h = &w->hop;
	getnameinfo((const struct sockaddr *)&h->address.sa, h->address.n, ip, sizeof ip, NULL, 0,
	            NI_NUMERICHOST);
	snprintf(session, sizeof session, "%s %u", ip, (unsigned)w->base.target->port);
	pr_stream_secure(w->stream, w->base.target->options.tls,
	                 &(struct pr_tls_want){.name = *h->name ? h->name : NULL,
	                                       .check = h->dane ? PR_TLS_DANE
	                                                : h->tls >= PR_ROUTE_TLS_VERIFIED
	                                                    ? PR_TLS_PKIX
	                                                    : PR_TLS_ANY,
	                                       .tlsa = h->tlsa,
	                                       .tlsa_n = h->tlsa_n,
	                                       .session = session});
}

static void
on_starttls(void *context)
{
	secure(context);
}

/* The memory goes when libuv has let go of the stream; without one, with the timer: our
 * callers up the stack still hold it. */
static void
finish(struct wire *w, const struct pr_smtp_result *r)
{
	w->over = true;
	pr_timer_stop(&w->timer);
	w->kind->forget(w);
	route_ended(&w->base, r);
	if (w->smtp)
		pr_smtp_destroy(w->smtp);
	w->smtp = NULL;
	if (w->stream)
		pr_stream_close(w->stream);
	else
		pr_timer_start(&w->timer, 0);
}

static void
keep_last(struct wire *w, const struct pr_smtp_result *r)
{
	w->last = *r;
	pr_str_show(r->answered ? r->reply.text : pr_str(r->why), w->last_text,
	            sizeof w->last_text);
	w->last.reply.text = pr_str(w->last_text);
	w->last.why = w->last_text;
}

/* Refused before any message was at stake: the next hop may like us better. */
static void
go_on(struct wire *w, const struct pr_smtp_result *r)
{
	keep_last(w, r);
	pr_smtp_destroy(w->smtp);
	w->smtp = NULL;
	pr_timer_stop(&w->timer);
	if (w->stream)
		pr_stream_close(w->stream); /* on_close goes on */
	else
		w->kind->next_hop(w);
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct wire *w = context;
	bool early = r->stage >= PR_STAGE_BANNER && r->stage <= PR_STAGE_TLS;
	note_offers(w);
	if (r->stage == PR_STAGE_TLS && !(pr_smtp_offers(w->smtp) & PR_SMTP_STARTTLS))
		tls_note_failure(w->base.target, "starttls-not-supported");
	if (early && w->kind->goes_on && !w->aborted)
		go_on(w, r);
	else
		finish(w, r);
}

static const struct pr_smtp_events session_events = {.send = on_send,
                                                     .next = on_next,
                                                     .secure = on_starttls,
                                                     .wire = on_wire,
                                                     .result = on_result,
                                                     .returned = on_returned,
                                                     .ended = on_ended};

static int
starttls_of(const struct wire *w)
{
	int tls = w->hop.tls;
	if (!w->base.target->options.tls || tls == PR_ROUTE_TLS_NONE || w->in_clear)
		return PR_SMTP_NO_TLS;
	return tls == PR_ROUTE_TLS_OPPORTUNISTIC ? PR_SMTP_MAY_TLS
	       : tls == PR_ROUTE_TLS_IMPLICIT    ? PR_SMTP_NO_TLS
	                                         : PR_SMTP_MUST_TLS;
}

static void
open_session(struct wire *w)
{
	const struct pr_target_options *o = &w->base.target->options;
	struct pr_smtp_options options = {
	    .hostname = o->hostname,
	    .messages_max = o->messages_max,
	    .lookahead = !o->no_lookahead,
	    .chunking = !o->no_chunking,
	    .chunk_alone = w->kind->chunk_alone,
	    .dsn = w->base.target->dsn,
	    .starttls = starttls_of(w),
	    .secured = w->hop.tls == PR_ROUTE_TLS_IMPLICIT,
	    .idle_ms = o->idle_ms,
	    .user = w->base.target->user,
	    .password = w->base.target->password,
	    .auth_in_clear = w->base.target->auth_in_clear,
	    .timeout_banner_ms = o->timeout_banner_ms,
	    .timeout_command_ms = o->timeout_command_ms,
	    .timeout_data_ms = o->timeout_data_ms,
	    .timeout_block_ms = o->timeout_block_ms,
	    .timeout_dot_ms = o->timeout_dot_ms,
	};
	w->smtp = pr_smtp_create(&options, &session_events, w);
}

/* ---- the stream's side ---- */

static void
name_peer(struct wire *w)
{
	char ip[64];
	const struct pr_address *a = &w->hop.address;
	if (getnameinfo((const struct sockaddr *)&a->sa, a->n, ip, sizeof ip, NULL, 0,
	                NI_NUMERICHOST) != 0)
		snprintf(ip, sizeof ip, "?");
	if (*w->hop.name && strcmp(w->hop.name, ip) != 0)
		snprintf(w->base.peer, sizeof w->base.peer, "%.240s[%s]", w->hop.name, ip);
	else
		snprintf(w->base.peer, sizeof w->base.peer, "%s", ip);
}

static void
begin_session(struct wire *w)
{
	w->kind->reached(w);
	pr_timer_stop(&w->timer);
	open_session(w);
	pr_smtp_connected(w->smtp, now_ms(w));
	rearm(w);
}

static void
on_connect(void *context)
{
	struct wire *w = context;
	if (w->hop.tls == PR_ROUTE_TLS_IMPLICIT)
		secure(w);
	else
		begin_session(w);
}

static void
on_secure(void *context, const struct pr_tls_info *info)
{
	(void)info;
	struct wire *w = context;
	if (w->over)
		return;
	tls_note_success(w->base.target);
	if (!w->smtp) {
		begin_session(w);
		return;
	}
	pr_smtp_secured(w->smtp, now_ms(w));
	rearm(w);
}

static void
on_data(void *context, const char *data, size_t n)
{
	struct wire *w = context;
	if (!w->smtp)
		return;
	pr_smtp_receive(w->smtp, data, n, now_ms(w));
	rearm(w);
}

static void
on_drain(void *context)
{
	struct wire *w = context;
	if (!w->smtp)
		return;
	pr_smtp_drained(w->smtp, now_ms(w));
	rearm(w);
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct wire *w = context;
	const char *failure = why->code == PR_ETLS ? pr_stream_tls_failure(w->stream) : NULL;
	w->stream = NULL;
	if (failure) {
		tls_note_failure(w->over ? NULL : w->base.target, failure);
		if (w->hop.tls == PR_ROUTE_TLS_OPPORTUNISTIC)
			broken_note(&w->hop.address, now_ms(w));
	}
	if (w->over) {
		free(w);
	} else if (w->smtp) {
		snprintf(w->why, sizeof w->why, "%s%s",
		         failure ? "" : "connection lost: ", why->text);
		pr_smtp_lost(w->smtp, w->why, now_ms(w));
	} else {
		if (why->code)
			snprintf(w->why, sizeof w->why, "%s", why->text);
		if (*w->why) {
			w->last = (struct pr_smtp_result){0};
			w->kind->missed(w);
		}
		w->kind->next_hop(w);
	}
}

static const struct pr_stream_events stream_events = {.on_connect = on_connect,
                                                      .on_data = on_data,
                                                      .on_drain = on_drain,
                                                      .on_close = on_close,
                                                      .on_secure = on_secure};

void
wire_connect(struct wire *w)
{
	const struct pr_target_options *o = &w->base.target->options;
	int64_t timeout = o->connect_timeout_ms;
	*w->why = 0;
	w->in_clear =
	    w->hop.tls == PR_ROUTE_TLS_OPPORTUNISTIC && broken_tls(&w->hop.address, now_ms(w));
	name_peer(w);
	start_timer(w, now_ms(w) + (timeout ? timeout : CONNECT_TIMEOUT_MS));
	w->stream = pr_stream_connect(w->base.target->loop, &w->hop.address,
	                              o->source.n ? &o->source : NULL, &stream_events, w);
}

void
wire_give_up(struct wire *w, const char *why)
{
	if (w->last.answered || w->last.why) {
		finish(w, &w->last);
		return;
	}
	finish(w, &(struct pr_smtp_result){.stage = PR_STAGE_CONNECT, .why = why});
}

/* ---- what routes.h asks ---- */

void
wire_init(struct wire *w, const struct wire_kind *kind, struct pr_route_target *t)
{
	w->kind = kind;
	w->base.target = t;
	pr_timer_init(&w->timer, t->loop, on_timer);
}

void
wire_begin(pr_connection *base)
{
	pr_timer_start(&wire_of(base)->timer, 0);
}

void
wire_wake(pr_connection *base)
{
	struct wire *w = wire_of(base);
	if (w->smtp)
		pr_smtp_wake(w->smtp, now_ms(w));
	rearm(w);
}

void
wire_quit(pr_connection *base)
{
	struct wire *w = wire_of(base);
	w->aborted = true;
	if (w->smtp)
		pr_smtp_quit(w->smtp, now_ms(w));
	else
		finish(w, &(struct pr_smtp_result){.stage = PR_STAGE_QUIT,
		                                   .why = "not needed any more"});
	rearm(w);
}

void
wire_abort(pr_connection *base, const char *why)
{
	struct wire *w = wire_of(base);
	w->aborted = true;
	if (w->smtp)
		pr_smtp_lost(w->smtp, why, now_ms(w));
	else
		finish(w, &(struct pr_smtp_result){.stage = PR_STAGE_CONNECT, .why = why});
}

unsigned
wire_accepted(const pr_connection *c)
{
	const struct wire *w = PR_CONTAINER((pr_connection *)c, struct wire, base);
	return w->smtp ? pr_smtp_accepted(w->smtp) : 0;
}
