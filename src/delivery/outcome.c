/*
 * Outcomes: what became of a row. The one place where counts move, by the table of legal
 * moves, and where outcomes are appended to the journal.
 *
 * A result is judged (verdict.c), then the campaign's policy is laid over it: a deferral
 * beyond give_up is a bounce (`expired`); a row in doubt is sent again on the retry
 * schedule at most DOUBT_RESENDS times, or held for a person. A campaign under a mass mark
 * (cancelled, deadline passed) sends nothing again: what comes back from the wire as
 * unsent follows the mark.
 */
#include "internal.h"

#include "postrider/classify/policy.h"

#include <stdlib.h>

void
counts_move(struct pr_campaign *c, uint32_t row, enum pr_state from, enum pr_state to)
{
	struct pr_counts *n = counts_of(c, row);
	PR_ASSERT(pr_state_may_move(from, to));
	PR_ASSERT(n->of[from] > 0);
	n->of[from]--;
	n->of[to]++;
}

void
counts_hold_doubts(struct pr_campaign *c)
{
	c->counts.needs_decision = c->counts.of[PR_IN_DOUBT];
	c->seeds.needs_decision = c->seeds.of[PR_IN_DOUBT];
}

void
counts_tried(struct pr_campaign *c, uint32_t row, unsigned attempts)
{
	c->untried -= attempts == 0 && c->untried > 0 && !pr_row_is_seed(row);
}

void
outcome_append_ended(struct pr_delivery *d, uint32_t serial, uint32_t row,
                     const struct pr_outcome *o)
{
	struct pr_buf *payload = &d->scratch;
	pr_buf_clear(payload);
	pr_outcome_encode(o, payload);
	struct pr_record r = {.type = PR_RECORD_OUTCOME,
	                      .campaign = serial,
	                      .row = row,
	                      .at_ms = pr_utc_ms(),
	                      .payload = payload->data,
	                      .payload_n = (uint16_t)payload->len};
	pr_journal_append(d->journal, &r);
	d->outcome_records++;
}

void
outcome_append(struct pr_campaign *c, uint32_t row, const struct pr_outcome *o)
{
	struct pr_delivery *d = c->delivery;
	outcome_append_ended(d, c->serial, row, o);
	c->last_lsn = pr_journal_end(d->journal);
	if (o->due_ms)
		refill_note_due(c, o->due_ms);
}

/* Count what people watch: totals, rates, the first pass. */
static void
tell(struct pr_campaign *c, const struct send *s, const struct pr_outcome *o)
{
	struct pr_delivery *d = c->delivery;
	int64_t now = pr_loop_now_ms(d->loop);
	d->messages[o->state]++;
	if (o->state == PR_PENDING)
		return;
	meter_add(&c->meter, now);
	meter_add(&d->meter, now);
	if (s->lane)
		meter_add(&s->lane->meter, now);
	if (s->lane && s->lane->group)
		s->lane->group->tally->messages[o->state]++;
	if (o->attempts > s->attempts)
		counts_of(c, s->number)->attempts++;
	counts_tried(c, s->number, s->attempts);
}

static const struct pr_retry *
retry_of(const struct pr_delivery *d, struct pr_retry *out)
{
	*out = (struct pr_retry){.first_ms = d->config->retry.first,
	                         .max_ms = d->config->retry.max,
	                         .give_up_ms = d->config->retry.give_up,
	                         .factor = d->config->retry.factor,
	                         .jitter = d->config->retry.jitter};
	return out;
}

static int64_t
retry_due(struct pr_campaign *c, uint32_t row, unsigned tries)
{
	struct pr_retry retry;
	uint64_t seed = pr_mix64((uint64_t)c->serial << 32 | row);
	return campaign_now(c) + pr_retry_delay_ms(retry_of(c->delivery, &retry), tries, seed);
}

/* o->doubts counts this doubt already. */
void
outcome_doubt_policy(struct pr_campaign *c, uint32_t row, struct pr_outcome *o)
{
	bool hold = c->doubt_hold || o->doubts > DOUBT_RESENDS || c->mass != PR_STATES;
	o->flags = (uint8_t)(hold ? o->flags | PR_OUTCOME_HELD : o->flags & ~PR_OUTCOME_HELD);
	o->due_ms = hold ? 0 : retry_due(c, row, o->attempts ? o->attempts : 1);
	counts_of(c, row)->needs_decision += hold;
	counts_of(c, row)->in_doubt_ever += o->doubts == 1;
	c->delivery->in_doubt_total++;
}

static void
defer_or_expire(struct send *s, const struct pr_verdict *v, struct pr_outcome *o)
{
	struct pr_campaign *c = s->campaign;
	unsigned tries = v->early_retry && o->attempts == 1 ? 0 : o->attempts;
	o->due_ms = v->retry_ms ? campaign_now(c) + v->retry_ms : retry_due(c, s->number, tries);
	if (o->due_ms <= o->first_ms + c->delivery->config->retry.give_up)
		return;
	o->state = PR_BOUNCED;
	o->class_ = PR_CLASS_EXPIRED;
	o->due_ms = 0;
}

/* One line without control characters, bounded. */
static struct pr_str
one_line(struct pr_str text, char *out, size_t size)
{
	pr_str_show(text, out, size);
	for (char *p = out; *p; p++)
		if (*p == '?' && (size_t)(p - out) < text.n && text.p[p - out] == '\n')
			*p = ' ';
	return pr_str_trim(pr_str(out));
}

/* Under a mass mark a row that came back unsent follows the mark. */
static void
follow_mark(struct pr_campaign *c, uint32_t row, struct pr_outcome *o)
{
	if (c->mass == PR_STATES || (o->state != PR_DEFERRED && o->state != PR_PENDING))
		return;
	counts_move(c, row, (enum pr_state)o->state, c->mass);
	o->state = (uint8_t)c->mass;
	o->due_ms = 0;
	outcome_append(c, row, o);
}

static void
finish(struct send *s, struct pr_outcome *o)
{
	struct pr_campaign *c = s->campaign;
	uint32_t row = s->number;
	counts_move(c, row, PR_SENDING, (enum pr_state)o->state);
	caps_before_outcome(s);
	outcome_append(c, row, o);
	caps_after_outcome(s, o);
	tell(c, s, o);
	follow_mark(c, row, o);
	send_free(s);
	campaign_check_end(c);
}

/* By what it was before give_up made it `expired`. */
static uint8_t
flags_of(const struct send *s, const struct pr_smtp_result *r, const struct pr_verdict *v,
         enum pr_state state)
{
	const struct pr_delivery_options *o = &s->campaign->delivery->options;
	bool soft = state == PR_BOUNCED && !v->suppress && pr_soft_counts(v->class_);
	bool ends =
	    state == PR_DELIVERED && o->is_bouncing && o->is_bouncing(o->context, s->envelope.to);
	return (uint8_t)((r->wrong_return_path ? PR_OUTCOME_WRONG_RETURN : 0) |
	                 (v->suppress ? PR_OUTCOME_SUPPRESS : 0) | (soft ? PR_OUTCOME_SOFT : 0) |
	                 (ends ? PR_OUTCOME_ENDS : 0));
}

void
outcome_result(struct send *s, const struct pr_smtp_result *r, const char *mx,
               const struct pr_verdict *said)
{
	char line[PR_REPLY_MAX];
	struct pr_verdict judged = *said, *v = &judged;
	struct pr_campaign *c = s->campaign;
	struct pr_str text = r->answered ? r->reply.text : pr_str(r->why ? r->why : "");
	if (r->answered)
		storm_judge(s, v);
	struct pr_outcome o = {
	    .state = (uint8_t)v->state,
	    .class_ = (uint8_t)v->class_,
	    .code = r->answered ? (uint16_t)r->reply.code : 0,
	    .attempts = (uint16_t)(s->attempts + (s->attempts < UINT16_MAX)),
	    .doubts = s->doubts,
	    .version = s->version,
	    .variant = s->variant,
	    .first_ms = s->first_ms ? s->first_ms : campaign_now(c),
	    .reply = one_line(text, line, sizeof line),
	    .mx = pr_str(mx),
	};
	if (r->answered)
		memcpy(o.enhanced, r->reply.enhanced, sizeof o.enhanced);
	if (v->state == PR_DEFERRED)
		defer_or_expire(s, v, &o);
	if (v->state == PR_IN_DOUBT) {
		o.doubts++;
		outcome_doubt_policy(c, s->number, &o);
	}
	if (r->answered)
		slice_count(s, &o);
	o.flags |= flags_of(s, r, v, (enum pr_state)o.state);
	finish(s, &o);
}

void
outcome_unroutable(struct pr_campaign *c, const struct pr_row *row, const struct pr_smtp_result *r,
                   const struct pr_verdict *v, int64_t since_ms)
{
	outcome_unreachable(send_of_row(c, row), r, v, since_ms);
}

void
outcome_unreachable(struct send *s, const struct pr_smtp_result *r, const struct pr_verdict *v,
                    int64_t since_ms)
{
	if (!s->first_ms)
		s->first_ms = since_ms;
	outcome_result(s, r, "", v);
}

/* It is what it was before this try, but for its state. */
static struct pr_outcome
unsent(const struct send *s, enum pr_state state)
{
	return (struct pr_outcome){.state = (uint8_t)state,
	                           .attempts = s->attempts,
	                           .doubts = s->doubts,
	                           .version = s->version_before,
	                           .variant = s->variant_before,
	                           .first_ms = s->first_ms};
}

/* It never was on its way. */
static void
settle_unsent(struct pr_campaign *c, const struct pr_row *row, enum pr_state state,
              enum pr_class class_, const char *why)
{
	struct send *s = send_of_row(c, row);
	struct pr_outcome o = unsent(s, state);
	o.class_ = (uint8_t)class_;
	o.reply = pr_str(why);
	finish(s, &o);
}

void
outcome_suppressed(struct pr_campaign *c, const struct pr_row *row, const char *why)
{
	settle_unsent(c, row, PR_SUPPRESSED, PR_CLASS_SUPPRESSED, why);
}

void
outcome_skipped(struct pr_campaign *c, const struct pr_row *row, const char *why)
{
	settle_unsent(c, row, PR_SKIPPED, (enum pr_class)0, why);
}

void
outcome_capped(struct pr_campaign *c, const struct pr_row *row, const char *why)
{
	counts_of(c, row->row)->capped++;
	settle_unsent(c, row, PR_SKIPPED, PR_CLASS_CAPPED, why);
}

void
outcome_put_off(struct pr_campaign *c, const struct pr_row *row, int64_t due_ms)
{
	struct send *s = send_of_row(c, row);
	struct pr_outcome o = unsent(s, PR_PENDING);
	o.due_ms = due_ms;
	finish(s, &o);
}

void
outcome_withdraw(struct send *s)
{
	struct pr_outcome o = unsent(s, PR_PENDING);
	o.due_ms = campaign_now(s->campaign);
	s->lane->waiting -= !s->flying;
	finish(s, &o);
}

void
outcome_unsendable(struct send *s)
{
	char line[PR_REPLY_MAX];
	struct pr_outcome o = unsent(s, PR_SKIPPED);
	o.reply = one_line(pr_str(s->why), line, sizeof line);
	s->lane->waiting--;
	campaign_note_error(s->campaign, line);
	finish(s, &o);
}

void
outcome_hold(struct pr_campaign *c, const struct pr_row *row, const char *why)
{
	struct pr_outcome o = {.state = PR_IN_DOUBT,
	                       .flags = PR_OUTCOME_HELD,
	                       .attempts = row->attempts,
	                       .doubts = row->doubts,
	                       .version = row->version,
	                       .variant = row->variant,
	                       .first_ms = row->first_ms,
	                       .reply = pr_str(why)};
	counts_of(c, row->row)->needs_decision++;
	outcome_append(c, row->row, &o);
}

void
outcome_settle(struct pr_campaign *c, const struct pr_row *row, enum pr_state from,
               enum pr_state to, uint8_t flags, const char *why)
{
	struct pr_outcome o = {.state = (uint8_t)to,
	                       .flags = flags,
	                       .attempts = row->attempts,
	                       .doubts = row->doubts,
	                       .version = row->version,
	                       .variant = row->variant,
	                       .first_ms = row->first_ms,
	                       .reply = pr_str(why)};
	if (to == PR_DELIVERED)
		o.class_ = PR_CLASS_DELIVERED;
	counts_move(c, row->row, from, to);
	outcome_append(c, row->row, &o);
}
