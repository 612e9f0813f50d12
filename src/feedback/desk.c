/*
 * Acting on a mail.
 *
 *   lane: what does it mean? -> unknown: kept, durable           -> done
 *                            -> nothing                          -> done
 *                            -> loop: suppressed by its token -> the row's outcome -> done
 *
 * Each step is durable before the next one begins, and suppression comes first: whatever fails
 * behind it, nobody writes to that address again, and who brought the mail brings it again.
 */
#include "desk_internal.h"

#include "postrider/base/log.h"
#include "postrider/delivery/late.h"
#include "postrider/delivery/leave.h"

#include <stdlib.h>

#define SOURCE_BOUNCE "bounce"

struct action {
	struct pr_job job;
	pr_feedback_desk *desk;
	struct pr_feedback_mail *mail;
	const struct pr_config *config; /* of then: the program keeps those that are replaced */
	struct pr_arena arena;
	struct pr_leaving leaving;
	struct pr_late late;
	int result;
	struct pr_error error;
};

/* ---- on the lane ---- */

static void
work_meaning(struct pr_job *job, void *worker)
{
	(void)worker;
	struct action *a = PR_CONTAINER(job, struct action, job);
	struct pr_feedback_mail *m = a->mail;
	pr_meaning_read(a->config, m->octets, m->to, m->n, &a->arena, &m->meaning);
	if (m->meaning.means != PR_MEANS_UNKNOWN)
		return;
	a->result = review_add(a->desk->review, m->octets, &a->error);
	m->kept = a->result == 0;
}

/* ---- on the loop ---- */

static void
finish(struct action *a, int result, const struct pr_error *e)
{
	pr_feedback_desk *d = a->desk;
	struct pr_feedback_mail *m = a->mail;
	if (result < 0)
		d->totals.failed++;
	else
		d->totals.mails[m->meaning.means]++;
	if (result < 0)
		PR_LOG(PR_LOG_WARNING, "feedback_failed", "a mail waits: %s", e->text);
	m->done(m, result, e);
	pr_arena_finish(&a->arena);
	free(a);
}

static void
on_late(struct pr_late *l, int result, const struct pr_error *e)
{
	struct action *a = PR_CONTAINER(l, struct action, late);
	a->mail->moved = l->moved;
	finish(a, result, e);
}

/* RFC 3463: details above 255 are nobody's. */
static uint8_t
octet(uint16_t n)
{
	return n > 255 ? 255 : (uint8_t)n;
}

static void
tell_row(struct action *a)
{
	const struct pr_meaning *m = &a->mail->meaning;
	const struct pr_feedback_recipient *r = &m->recipient;
	a->late = (struct pr_late){
	    .serial = m->token.campaign,
	    .row = m->token.row,
	    .failed = m->means == PR_MEANS_BOUNCED,
	    .hard = a->mail->suppressed,
	    .class_ = (uint8_t)r->finding.class_,
	    .code = (uint16_t)r->code,
	    .enhanced = {octet(r->status[0]), octet(r->status[1]), octet(r->status[2])},
	    .reply = r->diagnostic,
	    .mx = m->reporter,
	    .done = on_late};
	pr_delivery_late(a->desk->options.delivery, &a->late);
}

static void
on_left(struct pr_leaving *l, int result, const struct pr_error *e)
{
	struct action *a = PR_CONTAINER(l, struct action, leaving);
	a->mail->suppressed = result == 0;
	if (result == 0 && a->mail->meaning.means == PR_MEANS_BOUNCED) {
		a->desk->totals.suppressed++;
		tell_row(a);
	} else
		finish(a, result, e);
}

static void
suppress(struct action *a, enum pr_suppression_reason reason, const char *source)
{
	const struct pr_meaning *m = &a->mail->meaning;
	const struct pr_token *t = &m->token;
	uint8_t kind = m->means == PR_MEANS_COMPLAINED ? PR_ENGAGEMENT_COMPLAINT
	               : m->means == PR_MEANS_LEFT     ? PR_ENGAGEMENT_UNSUBSCRIBE
	                                               : 0;
	a->leaving = (struct pr_leaving){.serial = t->campaign,
	                                 .row = t->row,
	                                 .key = t->key,
	                                 .address = t->address,
	                                 .list = t->list,
	                                 .reason = reason,
	                                 .how = {.kind = kind, .detail = m->feedback_type},
	                                 .by = "feedback",
	                                 .source = source,
	                                 .done = on_left};
	pr_delivery_leave(a->desk->options.delivery, &a->leaving);
}

static void
act(struct action *a)
{
	const struct pr_finding *f = &a->mail->meaning.recipient.finding;
	switch (a->mail->meaning.means) {
	case PR_MEANS_BOUNCED:
		if (f->action == PR_ACTION_SUPPRESS)
			suppress(a, PR_SUPPRESSION_BOUNCED, SOURCE_BOUNCE);
		else
			tell_row(a);
		break;
	case PR_MEANS_ARRIVED: tell_row(a); break;
	case PR_MEANS_COMPLAINED: suppress(a, PR_SUPPRESSION_COMPLAINED, "complaint"); break;
	case PR_MEANS_LEFT: suppress(a, PR_SUPPRESSION_UNSUBSCRIBED, "mail"); break;
	default: finish(a, 0, NULL);
	}
}

static void
meaning_found(struct pr_job *job)
{
	struct action *a = PR_CONTAINER(job, struct action, job);
	struct pr_error ends;
	if (a->result < 0)
		finish(a, a->result, &a->error);
	else if (a->desk->stopped)
		finish(a, PR_EAGAIN, (pr_fail(&ends, PR_EAGAIN, "the daemon ends"), &ends));
	else
		act(a);
}

void
pr_feedback_take(pr_feedback_desk *d, struct pr_feedback_mail *m)
{
	struct action *a = pr_calloc(1, sizeof *a);
	a->desk = d;
	a->mail = m;
	a->config = d->options.config;
	pr_arena_init(&a->arena);
	a->job.work = work_meaning;
	a->job.done = meaning_found;
	m->moved = m->suppressed = m->kept = false;
	pr_lane_submit(d->lane, &a->job);
}

void
pr_feedback_totals(const pr_feedback_desk *d, struct pr_feedback_totals *out)
{
	*out = d->totals;
}

/* ---- open, close ---- */

int
pr_feedback_desk_open(const struct pr_feedback_desk_options *options, pr_feedback_desk **out,
                      struct pr_error *e)
{
	pr_feedback_desk *d = pr_calloc(1, sizeof *d);
	struct pr_lane_options lane = {.name = "feedback", .threads = 1, .nice = 5};
	d->options = *options;
	bounced_open(d);
	int r = soft_open(d, e);
	if (r == 0)
		r = review_open(options->config->state.p, &d->review, e);
	if (r == 0)
		r = pr_lane_create(options->loop, &lane, &d->lane, e);
	if (r < 0) {
		pr_feedback_desk_close(d);
		return r;
	}
	*out = d;
	return 0;
}

void
pr_feedback_desk_reload(pr_feedback_desk *d, const struct pr_config *config)
{
	d->options.config = config;
}

void
pr_feedback_desk_stop(pr_feedback_desk *d)
{
	d->stopped = true;
	if (d->lane)
		pr_lane_destroy(d->lane);
	d->lane = NULL;
	bounced_stop(d);
}

void
pr_feedback_desk_close(pr_feedback_desk *d)
{
	if (!d)
		return;
	pr_feedback_desk_stop(d);
	bounced_close(d);
	soft_close(d);
	review_close(d->review);
	free(d);
}
