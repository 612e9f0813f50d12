/*
 * The steps of one message: MAIL, RCPT, then DATA and the final dot, or BDAT.
 *
 * By DATA the message leaves when its envelope was accepted: a refusal ends the transaction
 * at once. By BDAT (RFC 3030), with PIPELINING, its octets leave before the envelope was
 * answered. Once they are announced they must follow, a command among them would be read as
 * text. So a refusal is held back until BDAT was answered, which then says 503 or 554 as a
 * rule, and the refusal is told. A peer that accepts the message all the same has it: that
 * is told instead, with a word about the return path where it was MAIL that was refused.
 */
#include "session.h"

/* To be told later: the reply is the parser's only until the next one. */
static void
hold(struct transaction *t, enum pr_smtp_stage stage, const struct pr_reply *r)
{
	pr_buf_clear(&t->refusal_text);
	pr_buf_add_str(&t->refusal_text, r->text);
	t->held = true;
	t->refusal = (struct pr_smtp_result){.stage = stage, .answered = true, .reply = *r};
	t->refusal.reply.text = pr_buf_str(&t->refusal_text);
}

void
smtp_refuse(pr_smtp *s, struct transaction *t, enum pr_smtp_stage stage, const struct pr_reply *r)
{
	t->refused = true;
	s->reset_due = true;
	if (t->announced) {
		hold(t, stage, r);
		return;
	}
	smtp_cut(s);
	smtp_settle(s, t, &(struct pr_smtp_result){.stage = stage, .answered = true, .reply = *r});
}

bool
smtp_send_mail(pr_smtp *s, struct transaction *t)
{
	smtp_add_mail(s, t->m);
	return true;
}

/* 503 to an envelope that travelled behind a message which was then refused speaks of the
 * one before (a peer that keeps its sender until RSET), not of this one. Only by DATA: behind
 * a chunk all begin with RSET. */
static void
give_back(pr_smtp *s, struct transaction *t)
{
	t->refused = true;
	smtp_return(s, t);
}

void
smtp_on_mail_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (smtp_good(r))
		return;
	if (!smtp_refused(r)) {
		smtp_nonsense(s, PR_STAGE_MAIL);
		return;
	}
	t->sender_refused = true;
	if (r->code == 503 && t->unclean)
		give_back(s, t);
	else
		smtp_refuse(s, t, PR_STAGE_MAIL, r);
}

bool
smtp_send_rcpt(pr_smtp *s, struct transaction *t)
{
	smtp_add_rcpt(s, t->m);
	return true;
}

void
smtp_on_rcpt_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (smtp_good(r))
		t->suspect = t->sender_refused;
	else if (!smtp_refused(r))
		smtp_nonsense(s, PR_STAGE_RCPT);
	else if (!t->refused)
		smtp_refuse(s, t, PR_STAGE_RCPT, r);
}

/* The next part of the message. True: that was the last. */
static bool
send_part(pr_smtp *s, struct transaction *t)
{
	size_t left = pr_envelope_octets(t->m) - t->handed;
	size_t n = left < BODY_CHUNK ? left : BODY_CHUNK;
	bool last = n == left;
	if (last) {
		t->whole = true;
		s->events.wire(s->context, t->m);
	}
	if (t->chunks)
		smtp_add_octets(&s->out, t->m, t->handed, n);
	else
		smtp_add_body(&s->out, t->m, t->handed, n);
	t->handed += n;
	s->stalled = !last;
	return last;
}

/* BDAT or the final dot was answered: that is about the whole message. */
void
smtp_on_message_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	struct pr_smtp_result result = {.stage = PR_STAGE_DOT, .answered = true, .reply = *r};
	if (!smtp_good(r) && !smtp_refused(r)) {
		smtp_nonsense(s, PR_STAGE_DOT);
		return;
	}
	s->accepted += smtp_good(r);
	s->reset_due = smtp_refused(r);
	struct transaction *behind = smtp_follower(s, t);
	if (behind && smtp_refused(r))
		behind->unclean = !behind->fresh;
	result.wrong_return_path = smtp_good(r) && t->sender_refused;
	if (t->held && smtp_refused(r))
		smtp_settle(s, t, &t->refusal);
	else
		smtp_settle(s, t, &result);
	if (result.wrong_return_path)
		s->quitting = true;
	if (r->code == 421)
		smtp_end_answered(s, PR_STAGE_DOT, r);
}

/* ---- by BDAT ---- */

bool
smtp_send_bdat(pr_smtp *s, struct transaction *t)
{
	if (s->stalled)
		return false;
	if (!t->announced)
		smtp_add_bdat(s, t->m);
	t->announced = true;
	return send_part(s, t);
}

/* ---- by DATA ---- */

bool
smtp_send_data(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "DATA\r\n");
	return true;
}

/* RFC 2920 section 3.1 would have a lone dot follow a 354 without recipients. A peer that
 * refused the envelope and still wants the message is not one to be trusted with that. */
void
smtp_on_data_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	if (smtp_good(r)) {
		smtp_nonsense(s, PR_STAGE_DATA);
	} else if (smtp_refused(r)) {
		if (!t->refused)
			smtp_refuse(s, t, PR_STAGE_DATA, r);
	} else if (t->refused) {
		smtp_end(s, PR_STAGE_DATA, "the peer wants a message whose envelope it refused");
	} else {
		s->reset_due = false;
		smtp_plan(s, STEP_DOT, t);
	}
}

bool
smtp_send_dot(pr_smtp *s, struct transaction *t)
{
	if (s->stalled || !send_part(s, t))
		return false;
	smtp_add_end(&s->out, t->m);
	return true;
}
