/*
 * The steps of a session: for each what is said (send_x), how long its answer may take,
 * and what the answer means (on_x_reply). Replies other than those named in RFC 5321
 * section 4.3.2 for a command are read by their first digit; one whose first digit makes
 * no sense there ends the session (`nonsense`).
 */
#include "session.h"

#include "postrider/base/clock.h"

/* After QUIT nothing depends on the peer any more. */
#define QUIT_WAIT_MS (5 * PR_SECOND_MS)

static bool
good(const struct pr_reply *r)
{
	return r->code < 300;
}

static bool
refused(const struct pr_reply *r)
{
	return r->code >= 400;
}

static void
nonsense(pr_smtp *s, enum pr_smtp_stage stage)
{
	smtp_end(s, stage, "the peer's answer makes no sense here");
}

/* The transaction ends here with the peer's answer; the session goes on. */
static void
refuse(pr_smtp *s, struct transaction *t, enum pr_smtp_stage stage, const struct pr_reply *r)
{
	t->refused = true;
	s->reset_due = true;
	smtp_cut(s);
	smtp_settle(s, t, &(struct pr_smtp_result){.stage = stage, .answered = true, .reply = *r});
}

/* ---- the connection ---- */

static bool
send_nothing(pr_smtp *s, struct transaction *t)
{
	(void)s, (void)t;
	return true;
}

static void
on_banner_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (good(r))
		smtp_plan(s, STEP_EHLO, NULL);
	else
		smtp_end_answered(s, PR_STAGE_BANNER, r);
}

static bool
send_ehlo(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "EHLO ");
	pr_buf_adds(&s->out, s->options.hostname);
	pr_buf_adds(&s->out, "\r\n");
	return true;
}

static void
on_ehlo_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (good(r)) {
		s->features = PR_SMTP_ESMTP;
		smtp_read_features(s, r->text);
		s->ready = true;
	} else if (r->code >= 500) {
		smtp_plan(s, STEP_HELO, NULL);
	} else {
		smtp_end_answered(s, PR_STAGE_EHLO, r);
	}
}

static bool
send_helo(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "HELO ");
	pr_buf_adds(&s->out, s->options.hostname);
	pr_buf_adds(&s->out, "\r\n");
	return true;
}

static void
on_helo_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (good(r))
		s->ready = true;
	else
		smtp_end_answered(s, PR_STAGE_EHLO, r);
}

static bool
send_rset(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "RSET\r\n");
	return true;
}

/* Without a clean slate the envelope behind it cannot be trusted. */
static void
on_rset_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (!good(r))
		smtp_end_answered(s, PR_STAGE_RSET, r);
}

static bool
send_quit(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "QUIT\r\n");
	return true;
}

static void
on_quit_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	smtp_end_answered(s, PR_STAGE_QUIT, r);
}

/* ---- a transaction ---- */

static bool
send_mail(pr_smtp *s, struct transaction *t)
{
	smtp_add_mail(s, t->m);
	return true;
}

/* 503 to an envelope that travelled behind a dot which was then refused speaks of the
 * one before (a peer that keeps its sender until RSET), not of this one. */
static void
on_mail_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (good(r))
		return;
	if (!refused(r)) {
		nonsense(s, PR_STAGE_MAIL);
	} else if (r->code == 503 && s->reset_due) {
		t->refused = true;
		smtp_return(s, t);
	} else {
		refuse(s, t, PR_STAGE_MAIL, r);
	}
}

static bool
send_rcpt(pr_smtp *s, struct transaction *t)
{
	smtp_add_rcpt(s, t->m);
	return true;
}

static void
on_rcpt_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (good(r))
		return;
	if (!refused(r))
		nonsense(s, PR_STAGE_RCPT);
	else if (!t->refused)
		refuse(s, t, PR_STAGE_RCPT, r);
}

static bool
send_data(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "DATA\r\n");
	return true;
}

/* RFC 2920 section 3.1 would have a lone dot follow a 354 without recipients. A peer that
 * refused the envelope and still wants the message is not one to be trusted with that. */
static void
on_data_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (good(r)) {
		nonsense(s, PR_STAGE_DATA);
	} else if (refused(r)) {
		if (!t->refused)
			refuse(s, t, PR_STAGE_DATA, r);
	} else if (t->refused) {
		smtp_end(s, PR_STAGE_DATA, "the peer wants a message whose envelope it refused");
	} else {
		s->reset_due = false;
		smtp_plan(s, STEP_DOT, t);
	}
}

/* The message in parts of BODY_CHUNK; most have one. */
static bool
send_dot(pr_smtp *s, struct transaction *t)
{
	if (s->stalled)
		return false;
	size_t left = pr_envelope_octets(t->m) - t->handed;
	size_t n = left < BODY_CHUNK ? left : BODY_CHUNK;
	bool last = n == left;
	if (last) {
		t->whole = true;
		s->events.wire(s->context, t->m);
	}
	smtp_add_body(&s->out, t->m, t->handed, n);
	t->handed += n;
	if (last)
		smtp_add_end(&s->out, t->m);
	s->stalled = !last;
	return last;
}

static void
on_dot_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (!good(r) && !refused(r)) {
		nonsense(s, PR_STAGE_DOT);
		return;
	}
	s->accepted += good(r);
	s->reset_due = refused(r);
	smtp_settle(s, t,
	            &(struct pr_smtp_result){.stage = PR_STAGE_DOT, .answered = true, .reply = *r});
	if (r->code == 421)
		smtp_end_answered(s, PR_STAGE_DOT, r);
}

/* ---- the table ---- */

static const struct {
	enum pr_smtp_stage stage;
	bool (*send)(pr_smtp *s, struct transaction *t);
	void (*on_reply)(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
} steps[STEPS] = {
    [STEP_BANNER] = {PR_STAGE_BANNER, send_nothing, on_banner_reply},
    [STEP_EHLO] = {PR_STAGE_EHLO, send_ehlo, on_ehlo_reply},
    [STEP_HELO] = {PR_STAGE_EHLO, send_helo, on_helo_reply},
    [STEP_RSET] = {PR_STAGE_RSET, send_rset, on_rset_reply},
    [STEP_MAIL] = {PR_STAGE_MAIL, send_mail, on_mail_reply},
    [STEP_RCPT] = {PR_STAGE_RCPT, send_rcpt, on_rcpt_reply},
    [STEP_DATA] = {PR_STAGE_DATA, send_data, on_data_reply},
    [STEP_DOT] = {PR_STAGE_DOT, send_dot, on_dot_reply},
    [STEP_QUIT] = {PR_STAGE_QUIT, send_quit, on_quit_reply},
};

enum pr_smtp_stage
smtp_step_stage(enum step step)
{
	return steps[step].stage;
}

static int64_t
timeout_or(int64_t configured, int64_t rfc)
{
	return configured ? configured : rfc;
}

/* RFC 5321 section 4.5.3.2. */
int64_t
smtp_step_timeout_ms(const pr_smtp *s, enum step step)
{
	const struct pr_smtp_options *o = &s->options;
	switch (step) {
	case STEP_BANNER: return timeout_or(o->timeout_banner_ms, 5 * PR_MINUTE_MS);
	case STEP_DATA: return timeout_or(o->timeout_data_ms, 2 * PR_MINUTE_MS);
	case STEP_QUIT: return QUIT_WAIT_MS;
	case STEP_DOT:
		if (s->answered == s->sent) /* parts of it are still on their way */
			return timeout_or(o->timeout_block_ms, 3 * PR_MINUTE_MS);
		return timeout_or(o->timeout_dot_ms, 10 * PR_MINUTE_MS);
	default: return timeout_or(o->timeout_command_ms, 5 * PR_MINUTE_MS);
	}
}

bool
smtp_step_send(pr_smtp *s, const struct planned *p)
{
	return steps[p->step].send(s, p->t);
}

/* 421 may answer anything: the peer closes (RFC 5321 section 3.8). To the final dot it is
 * an answer; elsewhere it says nothing about the message. */
void
smtp_step_reply(pr_smtp *s, const struct planned *p, const struct pr_reply *reply)
{
	if (reply->code == 421 && p->step != STEP_DOT)
		smtp_end_answered(s, steps[p->step].stage, reply);
	else
		steps[p->step].on_reply(s, p->t, reply);
}

/* A peer may say why it closes, or refuse a message before its end. Nothing else is due. */
void
smtp_unasked_reply(pr_smtp *s, const struct pr_reply *reply)
{
	enum pr_smtp_stage stage = smtp_stage(s);
	if (!refused(reply)) {
		smtp_end(s, stage, "the peer spoke out of turn");
		return;
	}
	if (stage == PR_STAGE_BODY && reply->code != 421)
		refuse(s, s->newest, PR_STAGE_BODY, reply);
	smtp_end_answered(s, stage, reply);
}
