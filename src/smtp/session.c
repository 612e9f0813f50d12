/*
 * The client session (RFC 5321, RFC 2920, RFC 3030, RFC 3207).
 *
 * A conversation is a plan: a queue of steps, each an utterance and the reply it waits
 * for. Two cursors run over it. `sent` goes ahead as far as the protocol allows: one step
 * a round trip without PIPELINING, whole groups with it. `answered` follows as replies
 * come in, each handed to the step that asked for it:
 *
 *   BANNER  EHLO [HELO]  [STARTTLS  HANDSHAKE  EHLO]  [AUTH ...]
 *   [RSET] MAIL RCPT DATA  DOT  [RSET] MAIL RCPT DATA  DOT ...  QUIT
 *                 answered ^    sent ^                  planned ^
 *   [RSET] MAIL RCPT BDAT   RSET  MAIL RCPT BDAT ...  QUIT
 *
 * DOT is the message and its final dot; it enters the plan when DATA was answered 354. BDAT
 * is a command with the message behind it (RFC 3030): with PIPELINING it needs no answer
 * before, and all of a message is one flight. Once a message is sent the session asks its
 * owner for the next one, which follows in the same flight (look-ahead): one round trip a
 * message, two messages unanswered at most. By DATA one of them can be in doubt, by BDAT
 * both.
 *
 * What goes wrong. A refused MAIL, RCPT or DATA ends its transaction, not the session;
 * the next group begins with RSET, since a refused RCPT can leave the peer with a sender
 * that the next message would inherit. One that travels behind a chunk begins with RSET in
 * any case: whether it is needed is known too late. Nothing that was committed can be taken back: a
 * peer that answers 354 although it refused the envelope is left at once, because any
 * octet, a lone dot too, could deliver something wrong. By BDAT the octets are out already,
 * and their answer says what came of them (transaction.c). All that is not SMTP ends the
 * session, and so do silence, loss and 421. Then a message that is not answered is in
 * doubt if its last octets had been handed over, unless 421 said that nothing more is
 * taken; if not, it was tried in vain (the one the peer was to answer for) or goes back to
 * the owner (one that travelled behind).
 *
 * Calls may come from within callbacks: they leave their wish behind, and the outermost
 * call moves the plan, sends the flight and ends the session, in this order and once.
 */
#include "session.h"

#include "postrider/base/clock.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define OUT_KEEP 16384u /* a larger buffer is not kept between flights */

const char *
pr_smtp_stage_word(enum pr_smtp_stage s)
{
	static const char *const words[] = {
	    [PR_STAGE_CONNECT] = "connect", [PR_STAGE_BANNER] = "banner", [PR_STAGE_EHLO] = "ehlo",
	    [PR_STAGE_TLS] = "tls",         [PR_STAGE_AUTH] = "auth",     [PR_STAGE_MAIL] = "mail",
	    [PR_STAGE_RCPT] = "rcpt",       [PR_STAGE_DATA] = "data",     [PR_STAGE_BODY] = "body",
	    [PR_STAGE_DOT] = "dot",         [PR_STAGE_RSET] = "rset",     [PR_STAGE_QUIT] = "quit",
	    [PR_STAGE_IDLE] = "idle",
	};
	return (unsigned)s < sizeof words / sizeof *words ? words[s] : "";
}

/* ---- the end ---- */

void
smtp_end_answered(pr_smtp *s, enum pr_smtp_stage stage, const struct pr_reply *reply)
{
	if (s->over)
		return;
	s->over = true;
	s->end = (struct pr_smtp_result){.stage = stage, .answered = true, .reply = *reply};
}

void
smtp_end(pr_smtp *s, enum pr_smtp_stage stage, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->end = (struct pr_smtp_result){.stage = stage, .why = why};
}

/* 421 says what became of all that was not answered before it: nothing. */
static bool
in_doubt(const pr_smtp *s, const struct transaction *t)
{
	return t->whole && !(s->end.answered && s->end.reply.code == 421);
}

/* The message that the peer was to answer for is told as such: it may be what the peer
 * cannot bear. One that only travelled behind it is not to blame. */
static void
release(pr_smtp *s, struct transaction *t)
{
	bool spoken_of = !smtp_nothing_planned(s) && smtp_planned_at(s, s->answered)->t == t;
	bool doubt = in_doubt(s, t);
	if (!t->m)
		return;
	if (t->held && !(doubt && t->suspect)) {
		smtp_settle(s, t, &t->refusal);
		return;
	}
	if (!doubt && !spoken_of) {
		smtp_return(s, t);
		return;
	}
	struct pr_smtp_result r = {.stage = doubt ? PR_STAGE_DOT : s->end.stage, .in_doubt = doubt};
	r.why = s->end.answered ? "the peer closes the connection" : s->end.why;
	smtp_settle(s, t, &r);
}

/* ---- moving ---- */

/* RFC 2920 section 3.1: what must be the last of its group waits for all before it. */
static bool
may_send(pr_smtp *s)
{
	if (s->sent == s->planned)
		return false;
	enum step step = smtp_planned_at(s, s->sent)->step;
	return s->answered == s->sent ||
	       (smtp_pipelines(s) && step >= STEP_RSET && step <= STEP_BDAT);
}

static void
move(pr_smtp *s)
{
	while (!s->over) {
		if (may_send(s)) {
			if (!smtp_step_send(s, smtp_planned_at(s, s->sent)))
				return;
			if (s->answered == s->sent++)
				s->since_ms = s->now_ms;
		} else if (smtp_may_take(s)) {
			smtp_take(s);
		} else if (s->ready && smtp_nothing_planned(s) &&
		           (s->quitting || smtp_used_up(s))) {
			smtp_plan(s, STEP_QUIT, NULL);
		} else {
			return;
		}
	}
}

static void
flush(pr_smtp *s)
{
	if (s->out.len)
		s->events.send(s->context, s->out.data, s->out.len);
	if (s->out.len && !s->ready) /* a password may be in it */
		OPENSSL_cleanse(s->out.data, s->out.len);
	pr_buf_clear(&s->out);
	if (s->out.cap > OUT_KEEP)
		pr_buf_finish(&s->out);
}

static bool
enter(pr_smtp *s, int64_t now_ms)
{
	if (s->told)
		return false;
	s->now_ms = now_ms;
	s->depth++;
	return true;
}

/* Nothing of s is touched after `ended`: its owner may have destroyed it. */
static void
leave(pr_smtp *s)
{
	if (s->depth == 1) {
		move(s);
		flush(s);
	}
	s->depth--;
	if (s->depth || !s->over || s->told)
		return;
	s->told = true;
	struct transaction *t = s->transactions;
	release(s, s->newest == &t[1] ? &t[0] : &t[1]);
	release(s, s->newest == &t[1] ? &t[1] : &t[0]);
	struct pr_smtp_result end = s->end;
	s->events.ended(s->context, &end);
}

/* ---- what the owner calls ---- */

/* The argument of EHLO comes from configuration: it must not end the line. */
static char *
copy_hostname(const char *name)
{
	size_t n = 0;
	while (name && (unsigned char)name[n] > ' ' && name[n] != 0x7F)
		n++;
	return pr_strdup(n && !name[n] ? name : "localhost");
}

pr_smtp *
pr_smtp_create(const struct pr_smtp_options *options, const struct pr_smtp_events *events,
               void *context)
{
	pr_smtp *s = pr_calloc(1, sizeof *s);
	s->options = *options;
	s->options.hostname = copy_hostname(options->hostname);
	s->options.user = options->user ? pr_strdup(options->user) : NULL;
	s->options.password = pr_strdup(options->password ? options->password : "");
	s->secured = options->secured;
	if (s->options.idle_ms == 0)
		s->options.idle_ms = 5 * PR_SECOND_MS;
	s->events = *events;
	s->context = context;
	pr_reply_parser_init(&s->parser);
	return s;
}

void
pr_smtp_destroy(pr_smtp *s)
{
	PR_ASSERT(!s->transactions[0].m && !s->transactions[1].m);
	pr_reply_parser_finish(&s->parser);
	pr_buf_finish(&s->out);
	pr_buf_finish(&s->auth_line);
	for (size_t i = 0; i < 2; i++)
		pr_buf_finish(&s->transactions[i].refusal_text);
	while (s->domains_n)
		free(s->domains[--s->domains_n]);
	OPENSSL_cleanse((char *)s->options.password, strlen(s->options.password));
	free((char *)s->options.password);
	free((char *)s->options.user);
	free((char *)s->options.hostname);
	free(s);
}

void
pr_smtp_connected(pr_smtp *s, int64_t now_ms)
{
	if (s->connected || !enter(s, now_ms))
		return;
	s->connected = true;
	smtp_plan(s, STEP_BANNER, NULL);
	leave(s);
}

bool
smtp_in_handshake(const pr_smtp *s)
{
	return !smtp_nothing_planned(s) && s->plan[s->answered % PLAN_MAX].step == STEP_HANDSHAKE;
}

void
pr_smtp_secured(pr_smtp *s, int64_t now_ms)
{
	if (!smtp_in_handshake(s) || !enter(s, now_ms))
		return;
	s->since_ms = now_ms;
	s->answered++;
	s->secured = true;
	smtp_plan(s, STEP_EHLO, NULL);
	leave(s);
}

/* A reply belongs to the oldest step that was sent and not answered. */
static void
on_reply(pr_smtp *s, const struct pr_reply *reply)
{
	if (s->answered == s->sent) {
		smtp_unasked_reply(s, reply);
		return;
	}
	struct planned p = *smtp_planned_at(s, s->answered);
	s->since_ms = s->now_ms;
	smtp_step_reply(s, &p, reply);
	if (s->over) /* and the plan still says where it ended */
		return;
	s->answered++;
	if (p.t)
		p.t->open--;
	if (smtp_nothing_planned(s))
		s->dry = false;
}

void
pr_smtp_receive(pr_smtp *s, const char *data, size_t n, int64_t now_ms)
{
	if (!enter(s, now_ms))
		return;
	while (n && !s->over) {
		if (smtp_in_handshake(s)) { /* RFC 3207 section 6: somebody between put it there */
			smtp_end(s, PR_STAGE_TLS, "the peer sent more in clear after STARTTLS");
			break;
		}
		struct pr_reply reply;
		size_t used = n;
		int rc = pr_reply_feed(&s->parser, data, n, &used, &reply);
		if (rc < 0)
			smtp_end(s, smtp_stage(s), "the peer sent what is not SMTP");
		else if (rc > 0)
			on_reply(s, &reply);
		data += used;
		n -= used;
	}
	leave(s);
}

void
pr_smtp_drained(pr_smtp *s, int64_t now_ms)
{
	if (!s->stalled || !enter(s, now_ms))
		return;
	s->stalled = false;
	s->since_ms = now_ms;
	leave(s);
}

void
pr_smtp_lost(pr_smtp *s, const char *why, int64_t now_ms)
{
	if (!enter(s, now_ms))
		return;
	smtp_end(s, smtp_stage(s), why);
	leave(s);
}

void
pr_smtp_wake(pr_smtp *s, int64_t now_ms)
{
	if (!enter(s, now_ms))
		return;
	s->dry = false;
	leave(s);
}

void
pr_smtp_quit(pr_smtp *s, int64_t now_ms)
{
	if (!enter(s, now_ms))
		return;
	s->quitting = true;
	if (!s->ready) /* nothing is at stake yet: no need to wait for a slow banner */
		smtp_end(s, PR_STAGE_QUIT, "not needed any more");
	leave(s);
}

int64_t
pr_smtp_deadline(const pr_smtp *s)
{
	if (s->over || !s->connected)
		return INT64_MAX;
	if (smtp_nothing_planned(s))
		return s->since_ms + s->options.idle_ms;
	return s->since_ms + smtp_step_timeout_ms(s, s->plan[s->answered % PLAN_MAX].step);
}

void
pr_smtp_tick(pr_smtp *s, int64_t now_ms)
{
	if (now_ms < pr_smtp_deadline(s) || !enter(s, now_ms))
		return;
	if (smtp_nothing_planned(s))
		s->quitting = true;
	else
		smtp_end(s, smtp_stage(s), "timed out");
	leave(s);
}

unsigned
pr_smtp_accepted(const pr_smtp *s)
{
	return s->accepted;
}

unsigned
pr_smtp_offers(const pr_smtp *s)
{
	return s->features;
}

enum pr_smtp_stage
smtp_stage(const pr_smtp *s)
{
	if (!s->connected)
		return PR_STAGE_CONNECT;
	if (smtp_nothing_planned(s))
		return PR_STAGE_IDLE;
	enum step step = s->plan[s->answered % PLAN_MAX].step;
	if (s->answered == s->sent && (step == STEP_DOT || step == STEP_BDAT))
		return PR_STAGE_BODY;
	return smtp_step_stage(step);
}
