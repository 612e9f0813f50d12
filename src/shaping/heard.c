/*
 * What receivers say, and what follows for the lane.
 *
 *   reply -> rules that match -> counted -> enough: what they set
 *         -> none matches     -> its class: about us, so half the connections; else nothing
 *
 * Rules are looked at for refusals only. What ended without an answer is no reply: it counts as
 * a connection lost.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

#define SLOWEST_MS PR_HOUR_MS /* no factor makes it slower than one in this time */
/* Latency that keeps the limit from rising: so much above the best, which drifts towards what
 * is usual by this share a message. */
#define SLOW_FACTOR 2.0
#define SLOW_MS 100.0
#define LATENCY_DRIFT (1.0 / 256)

/* ---- the adaptive limit ---- */

static bool
is_slow(struct pr_shape *s, double latency_ms)
{
	if (latency_ms <= 0)
		return false;
	if (s->latency_ms <= 0 || latency_ms < s->latency_ms)
		s->latency_ms = latency_ms;
	else
		s->latency_ms += (latency_ms - s->latency_ms) * LATENCY_DRIFT;
	return latency_ms > s->latency_ms * SLOW_FACTOR + SLOW_MS;
}

void
pr_shape_accepted(struct pr_shape *s, double latency_ms)
{
	if (is_slow(s, latency_ms) || s->connections < (unsigned)s->limit)
		return; /* a limit that is not reached is not found too low */
	s->limit += 1 / (PR_SHAPE_RISE * s->limit);
	if (s->limit > s->connections_max)
		s->limit = s->connections_max;
}

static bool
fall(struct pr_shape *s, int64_t now_ms)
{
	if (s->limit <= 1 || now_ms - s->fell_ms < PR_SHAPE_FALL_MS)
		return false;
	s->limit = s->limit > 2 ? s->limit / 2 : 1;
	s->fell_ms = now_ms;
	return true;
}

/* The receiver speaks of us: of how often we come, or how we stand with it. */
static bool
speaks_of_us(const struct pr_shape_reply *r)
{
	bool early = r->stage < PR_STAGE_RCPT;
	if (r->code == 0)
		return r->stage != PR_STAGE_IDLE && r->stage != PR_STAGE_QUIT;
	if (r->class_ == PR_CLASS_GREYLISTED || r->enhanced[1] == 1 || r->enhanced[1] == 2)
		return false; /* RFC 3463: of an address, of a mailbox */
	switch (r->class_) {
	case PR_CLASS_RATE_LIMITED: return true;
	case PR_CLASS_REPUTATION:
	case PR_CLASS_POLICY: return early || r->code < 500;
	default: return r->code == 421 || r->stage <= PR_STAGE_EHLO;
	}
}

/* ---- what a rule sets ---- */

static struct pr_rate
slowed(struct pr_rate rate, double factor)
{
	double period_ms = rate.period_ms / factor, interval_ms = ceil(period_ms / rate.count);
	if (interval_ms > (double)SLOWEST_MS)
		return (struct pr_rate){1, (uint32_t)SLOWEST_MS};
	if (period_ms > UINT32_MAX)
		return (struct pr_rate){1, (uint32_t)interval_ms};
	return (struct pr_rate){rate.count, (uint32_t)period_ms};
}

static unsigned
fewer(const struct rule *r, unsigned now)
{
	return r->to ? r->to : now > 1 ? now / 2 : 1;
}

/* What it wants set, and the kind. */
static enum kind
wish(struct pr_shape *s, const struct rule *r, int64_t now_ms, struct setting *out)
{
	unsigned n;
	*out = (struct setting){.rule = r, .set_ms = now_ms, .lifts_ms = now_ms + r->for_ms};
	switch (r->action) {
	case ACTION_FEWER_CONNECTIONS:
		shape_connections(s, now_ms, &n);
		out->n = fewer(r, n);
		return SET_CONNECTIONS;
	case ACTION_FEWER_MESSAGES:
		out->n = fewer(r, pr_shape_messages(s, now_ms));
		return SET_MESSAGES;
	case ACTION_THROTTLE:
		out->rate = r->connection_rate.count ? r->connection_rate : r->rate;
		if (r->factor > 0)
			out->rate = slowed(shape_rate(s, SET_MESSAGE_RATE, now_ms).rate, r->factor);
		return r->connection_rate.count ? SET_CONNECTION_RATE : SET_MESSAGE_RATE;
	default: return SET_SUSPEND;
	}
}

static void
act(struct pr_shape *s, const struct rule *r, int64_t now_ms, struct pr_shape_done *done)
{
	static const unsigned bits[KINDS] = {
	    [SET_CONNECTIONS] = PR_SHAPE_FEWER_CONNECTIONS,
	    [SET_MESSAGES] = PR_SHAPE_FEWER_MESSAGES,
	    [SET_MESSAGE_RATE] = PR_SHAPE_THROTTLED,
	    [SET_CONNECTION_RATE] = PR_SHAPE_THROTTLED,
	    [SET_SUSPEND] = PR_SHAPE_SUSPENDED,
	};
	struct setting wanted;
	enum kind kind = wish(s, r, now_ms, &wanted);
	const struct setting *set = shape_set(s, kind, &wanted);
	if (!set)
		return;
	done->actions |= bits[kind];
	done->who = r->who;
	done->reply = r->pattern;
	if (set->lifts_ms > done->lifts_ms)
		done->lifts_ms = set->lifts_ms;
}

/* ---- counting ---- */

/* The rule's count; a free one, or the one that heard longest ago. */
static struct heard *
count_of(struct pr_shape_trouble *t, const struct rule *r)
{
	struct heard *found = t->heard;
	int64_t oldest = INT64_MAX;
	for (struct heard *h = t->heard; h < t->heard + HEARD_MAX; h++) {
		if (h->rule == r)
			return h;
		int64_t latest = h->rule ? h->at_ms[h->n - 1] : INT64_MIN;
		if (latest < oldest) {
			oldest = latest;
			found = h;
		}
	}
	*found = (struct heard){.rule = r};
	return found;
}

/* Heard once more: is it often enough? Then it begins again. */
static bool
is_enough(struct pr_shape_trouble *t, const struct rule *r, int64_t now_ms)
{
	struct heard *h = count_of(t, r);
	unsigned past = 0;
	while (past < h->n && h->at_ms[past] <= now_ms - r->within_ms)
		past++;
	h->n -= past;
	memmove(h->at_ms, h->at_ms + past, h->n * sizeof *h->at_ms);
	PR_ASSERT(h->n < PR_SHAPING_COUNT_MAX);
	h->at_ms[h->n++] = now_ms;
	if (h->n < r->count)
		return false;
	h->rule = NULL;
	return true;
}

static void
on_match(struct pr_shape *s, const struct rule *r, int64_t now_ms, struct pr_shape_done *done)
{
	done->matched = true;
	if (!done->who) {
		done->who = r->who;
		done->reply = r->pattern;
	}
	if (r->action == ACTION_DEFER) {
		done->actions |= PR_SHAPE_DEFER;
		done->retry_ms = r->retry_ms > done->retry_ms ? r->retry_ms : done->retry_ms;
		return;
	}
	if (!s->trouble)
		s->trouble = pr_calloc(1, sizeof *s->trouble);
	if (r->count <= 1 || is_enough(s->trouble, r, now_ms))
		act(s, r, now_ms, done);
}

static void
ask_rules(struct pr_shape *s, int64_t now_ms, const struct pr_shape_reply *reply,
          struct pr_shape_done *done)
{
	struct subject subject;
	pr_matcher *matcher = pr_matcher_create();
	shaping_subject(reply, &subject);
	for (size_t i = 0; i < s->shaping->rules_n; i++) {
		const struct rule *r = &s->shaping->rules[i];
		if ((!r->policy || r->policy == s->policy) &&
		    pr_pattern_matches(r->compiled, pr_str_n(subject.text, subject.n), matcher))
			on_match(s, r, now_ms, done);
	}
	pr_matcher_destroy(matcher);
}

struct pr_shape_done
pr_shape_heard(struct pr_shape *s, int64_t now_ms, const struct pr_shape_reply *reply)
{
	struct pr_shape_done done = {0};
	if (reply->code >= 400)
		ask_rules(s, now_ms, reply, &done);
	if (!done.matched && (reply->code >= 400 || reply->code == 0) && speaks_of_us(reply) &&
	    fall(s, now_ms))
		done.actions = PR_SHAPE_HALVED;
	return done;
}
