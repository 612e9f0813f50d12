/* Slots; see slot.h. */
#include "slot.h"

#include <stdio.h>

#define IDLE_MS 5000

static struct slot *
slot_of(pr_connection *c)
{
	return PR_CONTAINER(c, struct slot, base);
}

static void
free_slot(struct slot *s)
{
	pr_turn_hook_finish(&s->hand_over);
	s->kind->free(s);
}

/* Memory goes with the timer or with the work: our callers up the stack still hold it. */
static void
end(struct slot *s, const struct pr_smtp_result *r)
{
	if (s->ended)
		return;
	s->ended = true;
	pr_turn_hook_finish(&s->hand_over);
	if (!s->running)
		pr_timer_start(&s->timer, 0);
	else
		pr_timer_stop(&s->timer);
	route_ended(&s->base, r);
}

static void
leave(struct slot *s, const char *why)
{
	end(s, &(struct pr_smtp_result){.stage = PR_STAGE_QUIT, .why = why});
}

static void
refuse(struct slot *s, struct pr_envelope *m, const char *why)
{
	s->base.events.result(
	    s->base.context, m,
	    &(struct pr_smtp_result){.stage = PR_STAGE_MAIL, .why = why, .permanent = true});
}

static void
take(struct slot *s, struct pr_envelope *m)
{
	const char *why = s->kind->unfit ? s->kind->unfit(m) : NULL;
	if (why) {
		refuse(s, m, why);
		return;
	}
	s->m = m;
	pr_timer_stop(&s->timer);
	s->kind->load(s, m);
	s->base.events.wire(s->base.context, m);
	if (!s->ended)
		pr_turn_ask(&s->hand_over);
}

static struct pr_envelope *
ask(struct slot *s)
{
	s->asking = true;
	struct pr_envelope *m = s->base.events.next(s->base.context);
	s->asking = false;
	return m;
}

/* Ask for a message when there is none; a callback may end everything. */
static void
advance(struct slot *s)
{
	unsigned max = s->base.target->options.messages_max;
	int64_t idle = s->base.target->options.idle_ms;
	while (!s->ended && s->begun && !s->m && !s->asking) {
		if (s->quitting || (max && s->accepted >= max)) {
			leave(s, "done");
			return;
		}
		struct pr_envelope *m = ask(s);
		if (!m) {
			if (!s->ended && !pr_timer_running(&s->timer))
				pr_timer_start(&s->timer, idle ? idle : IDLE_MS);
			return;
		}
		take(s, m);
	}
}

static void
on_hand_over(struct pr_turn_hook *hook)
{
	struct slot *s = PR_CONTAINER(hook, struct slot, hand_over);
	s->running = true;
	s->kind->work(s);
}

static void
on_timer(struct pr_timer *timer)
{
	struct slot *s = PR_CONTAINER(timer, struct slot, timer);
	if (s->ended) {
		free_slot(s);
	} else if (!s->begun) {
		s->begun = true;
		advance(s);
	} else {
		leave(s, "idle");
	}
}

void
slot_init(struct slot *s, const struct slot_kind *kind, pr_loop *loop, const char *peer)
{
	snprintf(s->base.peer, sizeof s->base.peer, "%s", peer);
	s->kind = kind;
	pr_timer_init(&s->timer, loop, on_timer);
	pr_turn_hook_init(&s->hand_over, loop, PR_TURN_NET, on_hand_over);
}

void
slot_done(struct slot *s, bool tried, const struct pr_smtp_result *r)
{
	struct pr_envelope *m = s->m;
	s->running = false;
	if (s->ended) {
		free_slot(s);
		return;
	}
	s->m = NULL;
	if (!tried) {
		s->base.events.returned(s->base.context, m);
		end(s, r);
		return;
	}
	s->accepted += r->answered && r->stage == PR_STAGE_DOT && r->reply.code < 300;
	s->base.events.result(s->base.context, m, r);
	if (r->answered || r->permanent) {
		advance(s);
		return;
	}
	struct pr_smtp_result over = *r; /* the message was in doubt, the connection is not */
	over.in_doubt = false;
	end(s, &over);
}

/* ---- what routes.h asks ---- */

void
slot_begin(pr_connection *c)
{
	pr_timer_start(&slot_of(c)->timer, 0);
}

void
slot_wake(pr_connection *c)
{
	advance(slot_of(c));
}

void
slot_quit(pr_connection *c)
{
	struct slot *s = slot_of(c);
	s->quitting = true;
	if (!s->m)
		leave(s, "done");
}

/* In doubt also where the work has not begun yet: the wire mark says so. */
void
slot_abort(pr_connection *c, const char *why)
{
	struct slot *s = slot_of(c);
	struct pr_envelope *m = s->m;
	struct pr_smtp_result r = {
	    .stage = m ? PR_STAGE_DOT : PR_STAGE_IDLE, .why = why, .in_doubt = m != NULL};
	s->m = NULL;
	if (m)
		s->base.events.result(s->base.context, m, &r);
	r.in_doubt = false;
	end(s, &r);
}

unsigned
slot_accepted(const pr_connection *c)
{
	return ((const struct slot *)c)->accepted;
}
