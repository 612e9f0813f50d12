/*
 * The steps of a session: for each what is said (send_x), how long its answer may take,
 * and what the answer means (on_x_reply); those of the connection are here. Replies other than
 * those named in RFC 5321 section 4.3.2 for a command are read by their first digit; one whose
 * first digit makes no sense there ends the session (smtp_nonsense).
 */
#include "session.h"

#include "postrider/base/clock.h"

/* After QUIT nothing depends on the peer any more. */
#define QUIT_WAIT_MS (5 * PR_SECOND_MS)

void
smtp_nonsense(pr_smtp *s, enum pr_smtp_stage stage)
{
	smtp_end(s, stage, "the peer's answer makes no sense here");
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
	if (smtp_good(r))
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

/* EHLO or HELO is behind us: first TLS, then AUTH, then messages. */
static void
go_on(pr_smtp *s)
{
	bool wanted = s->options.starttls != PR_SMTP_NO_TLS && !s->secured && !s->tls_refused;
	if (wanted && s->features & PR_SMTP_STARTTLS)
		smtp_plan(s, STEP_STARTTLS, NULL);
	else if (wanted && s->options.starttls == PR_SMTP_MUST_TLS)
		smtp_end(s, PR_STAGE_TLS, "the peer does not offer STARTTLS");
	else if (s->options.user)
		smtp_begin_auth(s);
	else
		s->ready = true;
}

static void
on_ehlo_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (smtp_good(r)) {
		smtp_read_features(s, r->text);
		go_on(s);
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
	if (smtp_good(r))
		go_on(s);
	else
		smtp_end_answered(s, PR_STAGE_EHLO, r);
}

static bool
send_starttls(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "STARTTLS\r\n");
	return true;
}

static void
on_starttls_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (smtp_good(r)) {
		smtp_plan(s, STEP_HANDSHAKE, NULL);
	} else if (!smtp_refused(r)) {
		smtp_nonsense(s, PR_STAGE_TLS);
	} else if (s->options.starttls == PR_SMTP_MUST_TLS) {
		smtp_end_answered(s, PR_STAGE_TLS, r);
	} else {
		s->tls_refused = true;
		go_on(s);
	}
}

/* All that was read is used up when a step is sent: what was behind the 220 has ended the
 * session before it comes to this. */
static bool
send_handshake(pr_smtp *s, struct transaction *t)
{
	(void)t;
	s->events.secure(s->context);
	return true;
}

static void
on_handshake_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t, (void)r;
	smtp_nonsense(s, PR_STAGE_TLS);
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
	if (smtp_good(r))
		s->reset_due = false;
	else
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

/* ---- the table ---- */

static const struct {
	enum pr_smtp_stage stage;
	bool (*send)(pr_smtp *s, struct transaction *t);
	void (*on_reply)(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
} steps[STEPS] = {
    [STEP_BANNER] = {PR_STAGE_BANNER, send_nothing, on_banner_reply},
    [STEP_EHLO] = {PR_STAGE_EHLO, send_ehlo, on_ehlo_reply},
    [STEP_HELO] = {PR_STAGE_EHLO, send_helo, on_helo_reply},
    [STEP_STARTTLS] = {PR_STAGE_TLS, send_starttls, on_starttls_reply},
    [STEP_HANDSHAKE] = {PR_STAGE_TLS, send_handshake, on_handshake_reply},
    [STEP_AUTH] = {PR_STAGE_AUTH, smtp_send_auth, smtp_on_auth_reply},
    [STEP_AUTH_MORE] = {PR_STAGE_AUTH, smtp_send_auth_more, smtp_on_auth_reply},
    [STEP_RSET] = {PR_STAGE_RSET, send_rset, on_rset_reply},
    [STEP_MAIL] = {PR_STAGE_MAIL, smtp_send_mail, smtp_on_mail_reply},
    [STEP_RCPT] = {PR_STAGE_RCPT, smtp_send_rcpt, smtp_on_rcpt_reply},
    [STEP_DATA] = {PR_STAGE_DATA, smtp_send_data, smtp_on_data_reply},
    [STEP_BDAT] = {PR_STAGE_DOT, smtp_send_bdat, smtp_on_message_reply},
    [STEP_DOT] = {PR_STAGE_DOT, smtp_send_dot, smtp_on_message_reply},
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
	case STEP_BDAT:
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

/* 421 may answer anything: the peer closes (RFC 5321 section 3.8). To a whole message it is
 * an answer; elsewhere it says nothing about the message. */
void
smtp_step_reply(pr_smtp *s, const struct planned *p, const struct pr_reply *reply)
{
	if (reply->code == 421 && p->step != STEP_DOT && p->step != STEP_BDAT)
		smtp_end_answered(s, steps[p->step].stage, reply);
	else
		steps[p->step].on_reply(s, p->t, reply);
}

/* A peer may say why it closes, or refuse a message before its end. Nothing else is due. */
void
smtp_unasked_reply(pr_smtp *s, const struct pr_reply *reply)
{
	enum pr_smtp_stage stage = smtp_stage(s);
	if (!smtp_refused(reply)) {
		smtp_end(s, stage, "the peer spoke out of turn");
		return;
	}
	if (stage == PR_STAGE_BODY && reply->code != 421 && !s->newest->refused)
		smtp_refuse(s, s->newest, PR_STAGE_BODY, reply);
	smtp_end_answered(s, stage, reply);
}
