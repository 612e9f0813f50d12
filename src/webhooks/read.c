/*
 * On the lane: where the webhook stands goes to state.db; what is beyond keep is counted and
 * passed over; what comes then is a batch, bounded in events, in octets and in records looked at.
 */
#include "internal.h"

#include <stdlib.h>

#define LOOK_MAX (16u << 20) /* octets of journal at a time: others wait for the lane */

/* ---- on the lane ---- */

static void
save(struct hook_read *r)
{
	struct pr_str text = r->forget ? pr_str_n(NULL, 0) : pr_buf_str(&r->fact);
	struct pr_fact fact = {.key = r->hook->key, .value = text};
	r->saved = pr_statedb_set_all(r->statedb, &fact, 1, &r->error);
}

static bool
is_wanted(const struct pr_webhook *spec, const struct pr_event *event)
{
	uint32_t bit = 1u << PR_SENDING;
	if (event->has_change)
		bit = PR_WEBHOOK_CAMPAIGN;
	else if (event->has_outcome)
		bit = 1u << event->outcome.state;
	else if (event->has_engagement)
		bit = PR_WEBHOOK_ENGAGED(event->engagement.kind);
	return event->type.n > 0 && (spec->wanted & bit);
}

static void
miss(struct hook_read *r, const struct pr_event *event)
{
	r->missed.events += is_wanted(r->spec, event);
	r->missed.octets += pr_events_position(r->events) - r->position;
	if (!r->missed.at_ms)
		r->missed.from = event->id;
	r->missed.to = event->id;
	r->missed.at_ms = pr_utc_ms();
	r->position = pr_events_position(r->events);
}

/* False: it has no room any more. */
static bool
add(struct hook_read *r, struct pr_event *event)
{
	struct hook_batch *b = &r->batch;
	size_t before = b->body.len;
	pr_events_name(r->events, event);
	pr_buf_addc(&b->body, b->n ? ',' : '[');
	if (r->spec->format == PR_WEBHOOK_SENDGRID)
		hook_sendgrid(event, &b->body);
	else
		pr_event_json(event, &b->body);
	if (b->body.len >= HOOK_OCTETS_MAX && b->n) {
		b->body.len = before;
		return false;
	}
	if (b->n++ == 0)
		b->oldest_ms = event->at_ms;
	return true;
}

/* Where the journal was released nevertheless (the disk was nearly full) nobody can count. */
static void
miss_released(struct hook_read *r, uint64_t begins)
{
	if (begins <= r->from)
		return;
	r->missed = (struct pr_webhook_missed){
	    .octets = begins - r->from, .from = r->from, .to = begins, .at_ms = pr_utc_ms()};
	r->position = begins;
}

static void
read_events(struct hook_read *r)
{
	struct hook_batch *b = &r->batch;
	struct pr_event event;
	uint64_t end = r->position + LOOK_MAX;
	int got = 0;
	b->end = r->position;
	while (b->n < HOOK_EVENTS_MAX && b->end < end &&
	       (got = pr_events_next(r->events, r->limit, &event, &r->error)) > 0) {
		if (event.id < r->least || (b->n == 0 && event.at_ms < r->since_ms))
			miss(r, &event);
		else if (is_wanted(r->spec, &event) && !add(r, &event))
			break;
		b->end = pr_events_position(r->events);
	}
	if (got == 0) /* over what is no record, too */
		b->end = pr_events_position(r->events);
	r->result = got < 0 ? got : 0;
	r->more = b->end < r->limit && got != 0;
	if (b->n)
		pr_buf_addc(&b->body, ']');
	else
		r->position = b->end;
}

static void
work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct hook_read *r = PR_CONTAINER(job, struct hook_read, job);
	uint64_t begins;
	if (r->save)
		save(r);
	r->position = r->from;
	if (!r->events || r->saved < 0)
		return;
	r->result = pr_events_begin(r->events, r->from, &begins, &r->error);
	if (r->result == 0) {
		miss_released(r, begins);
		read_events(r);
	}
	pr_events_end(r->events);
}

/* Campaigns that earlier runs finished: state.db knows them all. On the lane. */
static bool
find(void *context, uint32_t serial, struct pr_event_campaign *out)
{
	struct pr_accepted found;
	if (pr_statedb_campaign(context, serial, &found, NULL) < 0)
		return false;
	memcpy(out->id, found.id, sizeof out->id);
	out->owner = found.owner;
	return true;
}

/* ---- on the loop ---- */

static void
done(struct pr_job *job)
{
	struct hook_read *r = PR_CONTAINER(job, struct hook_read, job);
	struct hook *h = r->hook;
	h->read = NULL;
	if (r->events)
		pr_events_destroy(r->events);
	if (r->forget)
		hook_free(h);
	else
		hook_on_read(h, r);
	pr_buf_finish(&r->fact);
	pr_config_unref(r->config);
	free(r);
}

static struct hook_read *
create(struct hook *h)
{
	struct hook_read *r = pr_calloc(1, sizeof *r);
	r->job.work = work;
	r->job.done = done;
	r->hook = h;
	r->config = pr_config_ref(h->config);
	r->spec = h->spec;
	r->statedb = h->owner->options.statedb;
	r->from = h->kept.position;
	hook_kept_text(&h->kept, &r->fact);
	h->read = r;
	return r;
}

void
hook_read_submit(struct hook *h, bool keep_place)
{
	struct pr_webhooks *w = h->owner;
	const struct pr_keep *keep = &h->spec->keep;
	struct pr_events_source source = {.journal_dir = w->options.journal_dir,
	                                  .done_dir = w->done_dir,
	                                  .context = w->options.statedb,
	                                  .find = find};
	struct hook_read *r = create(h);
	r->save = keep_place;
	r->events = pr_events_create(&source, w->options.delivery);
	r->limit = pr_journal_durable(w->options.journal);
	r->least = keep->octets && r->limit > keep->octets ? r->limit - keep->octets : 0;
	r->since_ms = keep->ms ? hook_now_ms(h) - keep->ms : INT64_MIN;
	pr_lane_submit(w->lane, &r->job);
}

void
hook_save_submit(struct hook *h, bool forget)
{
	struct hook_read *r = create(h);
	r->save = true;
	r->forget = forget;
	pr_lane_submit(h->owner->lane, &r->job);
}
