/*
 * One webhook, from its cursor to the answer and round again.
 *
 *   nothing new -> gathering -> reading -> posting -> answered: the cursor moves, is saved with the
 *                  (1 s, or     (lane)     (fetch      next reading, or at once
 *                  enough of               thread)
 *                  them)                   failed: the batch stays in hand, waits, is posted again
 *                                          410: ends; a reload begins again
 *
 * hook_drain asks for what comes next and does nothing while something is under way. Whoever waits
 * or has ended is looked at now and then: what lies beyond keep is passed over, so that the journal
 * can be released.
 */
#include "internal.h"

#include "postrider/base/hash.h"
#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define GATHER_MS PR_SECOND_MS      /* after the first event */
#define ENOUGH_OCTETS (128u << 10)  /* of journal: about a full batch */
#define SAVE_OCTETS (4u << 20)      /* passed without a batch: save the cursor */
#define LOOK_MS (30 * PR_SECOND_MS) /* at keep, while waiting */
#define TROUBLE_MS PR_SECOND_MS     /* until the lane is asked again */
#define TELL_MS PR_MINUTE_MS        /* between lines of the log about what is missed */
#define RETRY_AFTER_MAX_S (24 * 3600)

uint64_t
hook_backlog(const struct hook *h)
{
	uint64_t durable = pr_journal_durable(h->owner->options.journal);
	return durable > h->kept.position ? durable - h->kept.position : 0;
}

int64_t
hook_now_ms(const struct hook *h)
{
	int64_t now = pr_utc_ms(), steady = h->since_utc_ms + pr_mono_ms() - h->since_mono_ms;
	return now < steady ? now : steady;
}

static void
take_time(struct hook *h)
{
	h->since_utc_ms = pr_utc_ms();
	h->since_mono_ms = pr_mono_ms();
}

static void
drop_batch(struct hook *h)
{
	pr_buf_empty(&h->batch.body);
	h->batch.n = 0;
	h->more = hook_backlog(h) > 0;
}

static void
say(const struct hook *h, enum pr_log_level level, const char *event, const char *text)
{
	struct pr_str url = pr_text_str(&h->spec->url);
	PR_LOG(level, event, "%.*s: %s", (int)strcspn(url.p, "?"), url.p, text);
}

/* ---- what was missed ---- */

void
hook_tell_missed(struct hook *h, bool now)
{
	char text[300], at[PR_RFC3339_SIZE];
	const struct pr_webhook_missed *m = &h->untold;
	int64_t mono = pr_loop_now_ms(h->owner->options.loop);
	if (!m->at_ms || (!now && h->told_ms && mono - h->told_ms < TELL_MS))
		return;
	snprintf(text, sizeof text,
	         "%llu events (%llu octets of journal, from %llu to %llu) were not taken within "
	         "keep, and are passed over at %s",
	         (unsigned long long)m->events, (unsigned long long)m->octets,
	         (unsigned long long)m->from, (unsigned long long)m->to,
	         pr_format_rfc3339(m->at_ms, at));
	say(h, PR_LOG_WARNING, "webhook_missed", text);
	h->untold = (struct pr_webhook_missed){0};
	h->told_ms = mono;
}

static void
add_missed(struct pr_webhook_missed *to, const struct pr_webhook_missed *more)
{
	to->events += more->events;
	to->octets += more->octets;
	to->to = more->to;
	to->at_ms = more->at_ms;
}

static void
note_missed(struct hook *h, const struct pr_webhook_missed *m)
{
	if (!m->at_ms)
		return;
	if (!h->untold.at_ms)
		h->untold.from = h->kept.missed.from = m->from;
	add_missed(&h->untold, m);
	add_missed(&h->kept.missed, m);
	h->unsaved = true;
}

/* The journal must not wait any longer for what lies at the cursor. */
static bool
is_beyond_keep(const struct hook *h)
{
	const struct pr_keep *keep = &h->spec->keep;
	uint64_t backlog = hook_backlog(h);
	if (keep->octets)
		return backlog > keep->octets;
	/* when its first event was is known of a batch only */
	return h->batch.n ? h->batch.oldest_ms < hook_now_ms(h) - keep->ms : backlog > 0;
}

/* ---- what comes next ---- */

static void
begin_reading(struct hook *h)
{
	bool far = h->kept.position - h->saved > SAVE_OCTETS;
	drop_batch(h);
	h->due_ms = 0;
	hook_read_submit(h, h->unsaved || far);
}

static void
begin_posting(struct hook *h)
{
	h->posting = true;
	h->post.config = pr_config_ref(h->config);
	h->post.spec = h->spec;
	h->post.body = pr_buf_str(&h->batch.body);
	hook_post_submit(&h->post, h->owner->fetcher);
}

static void
stand_by(struct hook *h, int64_t now)
{
	if (now >= h->look_ms) {
		h->look_ms = now + LOOK_MS;
		if (is_beyond_keep(h)) {
			begin_reading(h);
			return;
		}
	}
	int64_t next = !h->gone && h->until_ms < h->look_ms ? h->until_ms : h->look_ms;
	pr_timer_start(&h->timer, next - now);
}

static void
gather(struct hook *h, int64_t now)
{
	uint64_t backlog = hook_backlog(h);
	if (backlog && h->idle)
		take_time(h);
	h->idle = !backlog;
	if (backlog && !h->due_ms)
		h->due_ms = now + GATHER_MS;
	if (backlog && (h->more || backlog >= ENOUGH_OCTETS || now >= h->due_ms))
		begin_reading(h);
	else if (h->unsaved)
		hook_save_submit(h, false);
	else if (backlog)
		pr_timer_start(&h->timer, h->due_ms - now);
}

void
hook_drain(struct hook *h)
{
	struct pr_webhooks *w = h->owner;
	int64_t now = pr_loop_now_ms(w->options.loop);
	if (w->closing || h->read || h->posting)
		return;
	if (h->batch.n || !h->more) /* nothing more is passed over now */
		hook_tell_missed(h, false);
	if (h->removed) {
		pr_timer_stop(&h->timer);
		hook_save_submit(h, true);
	} else if (h->gone || now < h->until_ms) {
		stand_by(h, now);
	} else if (h->batch.n) {
		begin_posting(h);
	} else {
		gather(h, now);
	}
}

static void
on_timer(struct pr_timer *t)
{
	hook_drain(PR_CONTAINER(t, struct hook, timer));
}

/* ---- what came of it ---- */

static void
take_batch(struct hook *h, const struct hook_read *r)
{
	pr_buf_finish(&h->batch.body);
	h->batch = r->batch;
	h->more = r->more;
	h->kept.position = r->position;
	note_missed(h, &r->missed);
}

/* The lane could not do it: the disk, mostly. */
static void
on_trouble(struct hook *h, const struct hook_read *r)
{
	if (!h->troubled)
		say(h, PR_LOG_ERROR, "webhook_trouble", r->error.text);
	h->troubled = true;
	snprintf(h->error, sizeof h->error, "%s", r->error.text);
	h->until_ms = pr_loop_now_ms(h->owner->options.loop) + TROUBLE_MS;
}

static void
on_done(struct hook *h, const struct hook_read *r)
{
	if (h->troubled)
		h->error[0] = 0;
	h->troubled = false;
	if (r->events)
		take_batch(h, r);
	if (r->spec != h->spec) /* made for what was wanted before a reload */
		drop_batch(h);
}

void
hook_on_read(struct hook *h, struct hook_read *r)
{
	if (r->save && r->saved == 0) {
		h->saved = r->from;
		h->unsaved = false;
	}
	if (r->saved < 0 || r->result < 0) {
		on_trouble(h, r);
		pr_buf_finish(&r->batch.body);
	} else {
		on_done(h, r);
	}
	hook_drain(h);
}

static void
on_answered(struct hook *h)
{
	if (h->failures)
		say(h, PR_LOG_INFO, "webhook_well", "takes its events again");
	h->answered++;
	h->events += h->batch.n;
	h->failures = 0;
	h->until_ms = 0;
	h->kept.position = h->batch.end;
	h->unsaved = true;
	bool more = h->more;
	drop_batch(h);
	h->more = more;
}

static void
on_failed(struct hook *h, const struct hook_post *p)
{
	uint32_t random;
	char text[300];
	pr_random(&random, sizeof random);
	int64_t now = pr_loop_now_ms(h->owner->options.loop);
	int64_t after_s =
	    p->retry_after_s < RETRY_AFTER_MAX_S ? p->retry_after_s : RETRY_AFTER_MAX_S;
	int64_t pause = hook_pause_ms(++h->failures, (double)random / UINT32_MAX);
	h->failed++;
	h->until_ms = now + (after_s * 1000 > pause ? after_s * 1000 : pause);
	h->look_ms = now;
	snprintf(text, sizeof text, "%s; events wait and are posted again", p->why);
	if (h->failures == 1)
		say(h, PR_LOG_WARNING, "webhook_failing", text);
}

void
hook_on_post(struct hook *h)
{
	struct hook_post *p = &h->post;
	h->posting = false;
	if (!h->owner->closing) {
		h->status = p->status;
		h->tried_ms = pr_utc_ms();
		snprintf(h->error, sizeof h->error, "%s", p->why);
		if (!p->why[0])
			on_answered(h);
		else
			on_failed(h, p);
		if (p->spec != h->spec) /* what waits was made for what was wanted before */
			drop_batch(h);
		h->gone = p->status == 410;
		if (h->gone)
			say(h, PR_LOG_ERROR, "webhook_gone",
			    "it answered 410: nothing is posted until a reload");
	}
	hook_post_finish(p);
	hook_drain(h);
}

/* ---- coming and going ---- */

struct hook *
hook_create(struct pr_webhooks *w, struct pr_config *config, const struct pr_webhook *spec)
{
	struct hook *h = pr_calloc(1, sizeof *h);
	h->owner = w;
	h->config = pr_config_ref(config);
	h->spec = spec;
	hook_key(pr_text_str(&spec->url), h->key);
	h->kept.position = h->saved = pr_journal_durable(w->options.journal);
	h->unsaved = true;
	take_time(h);
	pr_timer_init(&h->timer, w->options.loop, on_timer);
	pr_list_init(&h->link);
	return h;
}

void
hook_configure(struct hook *h, struct pr_config *config, const struct pr_webhook *spec)
{
	pr_config_unref(h->config);
	h->config = pr_config_ref(config);
	h->spec = spec;
	h->removed = h->gone = false;
	h->until_ms = 0;
	if (!h->posting)
		drop_batch(h);
}

void
hook_remove(struct hook *h)
{
	h->removed = true;
	hook_drain(h);
}

void
hook_free(struct hook *h)
{
	pr_timer_stop(&h->timer);
	pr_list_remove(&h->link);
	pr_buf_finish(&h->batch.body);
	pr_config_unref(h->config);
	free(h);
}
