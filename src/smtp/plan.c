/*
 * The plan's ends: how messages come into it, and how they leave it. A message takes one of
 * two places; its steps go to the end of the queue. What stands in the queue and was not
 * sent can be cut off; what was sent can only be answered. See session.c.
 */
#include "session.h"

/* ---- the plan ---- */

void
smtp_plan(pr_smtp *s, enum step step, struct transaction *t)
{
	PR_ASSERT(s->planned - s->answered < PLAN_MAX);
	*smtp_planned_at(s, s->planned++) = (struct planned){step, t};
	if (t)
		t->open++;
}

void
smtp_cut(pr_smtp *s)
{
	while (s->planned != s->sent) {
		struct transaction *t = smtp_planned_at(s, --s->planned)->t;
		if (t)
			t->open--;
	}
}

bool
smtp_pipelines(const pr_smtp *s)
{
	return s->features & PR_SMTP_PIPELINING;
}

/* ---- messages come and go ---- */

void
smtp_settle(pr_smtp *s, struct transaction *t, const struct pr_smtp_result *r)
{
	struct pr_envelope *m = t->m;
	struct pr_smtp_result told = *r;
	told.chunked = t->announced;
	t->m = NULL;
	s->events.result(s->context, m, &told);
}

void
smtp_return(pr_smtp *s, struct transaction *t)
{
	struct pr_envelope *m = t->m;
	t->m = NULL;
	s->events.returned(s->context, m);
}

struct transaction *
smtp_follower(pr_smtp *s, const struct transaction *t)
{
	return s->newest != t && s->newest->open ? s->newest : NULL;
}

bool
smtp_used_up(const pr_smtp *s)
{
	return (s->options.messages_max && s->begun >= s->options.messages_max) ||
	       (s->mails_limit && s->begun >= s->mails_limit);
}

/* Where the next message goes: the place of the one before the newest. */
static struct transaction *
next_place(pr_smtp *s)
{
	return &s->transactions[s->newest == &s->transactions[0]];
}

/* Behind a whole message, or when nothing is under way. */
bool
smtp_may_take(pr_smtp *s)
{
	if (!s->ready || s->quitting || s->dry || smtp_used_up(s) || s->sent != s->planned)
		return false;
	if (smtp_nothing_planned(s))
		return true;
	enum step last = smtp_planned_at(s, s->planned - 1)->step;
	return s->options.lookahead && smtp_pipelines(s) && !next_place(s)->open &&
	       (last == STEP_DOT || (last == STEP_BDAT && !s->options.chunk_alone));
}

/* Where nobody knows yet what becomes of the message before, and it or this one travels with
 * its octets, a clean slate goes between them: a refused recipient leaves the peer with a
 * sender, and this message would be taken in its name (seen with Postfix). By DATA there is
 * time to see that (transaction.c). */
static bool
needs_reset(pr_smtp *s, bool chunks)
{
	if (s->reset_due || smtp_nothing_planned(s))
		return s->reset_due;
	return chunks || smtp_planned_at(s, s->planned - 1)->step == STEP_BDAT;
}

static void
begin(pr_smtp *s, struct pr_envelope *m)
{
	struct transaction *t = next_place(s);
	PR_ASSERT(t->open == 0 && !t->m);
	*t = (struct transaction){.m = m, .refusal_text = t->refusal_text};
	t->chunks = s->options.chunking && s->features & PR_SMTP_CHUNKING && pr_envelope_octets(m);
	s->newest = t;
	s->begun++;
	t->fresh = needs_reset(s, t->chunks);
	if (t->fresh)
		smtp_plan(s, STEP_RSET, NULL);
	s->reset_due = false;
	smtp_plan(s, STEP_MAIL, t);
	smtp_plan(s, STEP_RCPT, t);
	smtp_plan(s, t->chunks ? STEP_BDAT : STEP_DATA, t);
}

/* Ask the owner for one message; what cannot go by this session is told at once. */
void
smtp_take(pr_smtp *s)
{
	struct pr_envelope *m = s->events.next(s->context);
	if (!m) {
		s->dry = true;
		return;
	}
	struct pr_smtp_result r = {.stage = PR_STAGE_MAIL, .permanent = true};
	r.why = smtp_unfit(s, m, &r.too_large);
	if (r.why) {
		s->events.result(s->context, m, &r);
	} else if (smtp_admit_domain(s, m)) {
		begin(s, m);
	} else {
		s->quitting = true;
		s->events.returned(s->context, m);
	}
}
