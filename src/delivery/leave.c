/*
 * Somebody has left.
 *
 *   folder lane: whom did the token mean? -> the desk suppresses, durably -> a record of it -> the
 *   journal says that it is durable -> done
 *
 * The suppression comes first: where anything behind it fails, whoever left is not written to any
 * more all the same, and the answer that it failed makes them try again.
 */
#include "internal.h"

#include "postrider/delivery/leave.h"
#include "postrider/delivery/whom.h"
#include "postrider/message/token.h"

#include <stdio.h>

/* ---- on the folder lane ---- */

static void
name_by_token(struct pr_leaving *l)
{
	pr_audience_token(l->key, l->address, l->who);
	if (l->list && !l->what[0] && l->reason == PR_SUPPRESSION_UNSUBSCRIBED)
		pr_audience_token_list(l->key, l->list, l->what);
}

/* The list by its name, where it is still the one that the token was made for. */
static void
name_by_folder(struct pr_leaving *l, const struct pr_whom *w)
{
	const struct pr_tokens *keys = l->config->tokens;
	struct pr_str list = pr_str(w->campaign.list);
	if (pr_token_address(keys, l->key, pr_str(w->address)) != l->address) {
		name_by_token(l);
		return;
	}
	snprintf(l->who, sizeof l->who, "%s", w->address);
	l->first_ms = w->first_ms;
	if (!l->list || l->what[0] || l->reason != PR_SUPPRESSION_UNSUBSCRIBED)
		return;
	if (pr_token_list(keys, l->key, list) == l->list)
		snprintf(l->what, sizeof l->what, "list %s", w->campaign.list);
	else
		pr_audience_token_list(l->key, l->list, l->what);
}

static void
work_leave(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_leaving *l = PR_CONTAINER(job, struct pr_leaving, job);
	struct pr_whom whom;
	struct pr_error why; /* whatever it is: the token says enough */
	pr_statedb *db = l->delivery->options.statedb;
	snprintf(l->what, sizeof l->what, "%s", l->scope ? l->scope : "");
	if (pr_whom_find(&whom, db, l->config, l->serial, l->row, &why) == 0)
		name_by_folder(l, &whom);
	else
		name_by_token(l);
}

/* ---- on the loop ---- */

static void
on_durable(struct pr_journal_waiter *w)
{
	struct pr_leaving *l = PR_CONTAINER(w, struct pr_leaving, waiter);
	l->done(l, 0, NULL);
}

static void
journal(struct pr_leaving *l)
{
	struct pr_delivery *d = l->delivery;
	struct pr_buf payload = {0};
	pr_engagement_encode(&l->how, &payload);
	struct pr_record r = {.campaign = l->serial,
	                      .row = l->row,
	                      .at_ms = pr_utc_ms(),
	                      .type = PR_RECORD_ENGAGEMENT,
	                      .payload_n = (uint16_t)payload.len,
	                      .payload = payload.data};
	pr_journal_append(d->journal, &r);
	pr_buf_finish(&payload);
	if (l->how.kind == PR_ENGAGEMENT_COMPLAINT)
		slice_complained(d, l);
	l->waiter.durable = on_durable;
	pr_journal_wait(d->journal, &l->waiter);
}

static void
on_suppressed(void *context, int result, const struct pr_error *e)
{
	struct pr_leaving *l = context;
	struct pr_error full;
	if (result < 0)
		l->done(l, result, e);
	else if (!l->how.kind)
		l->done(l, 0, NULL);
	else if (l->delivery->journal_full) {
		pr_fail(&full, PR_ENOSPC, "no room for the journal");
		l->done(l, PR_ENOSPC, &full);
	} else
		journal(l);
}

static void
leave_named(struct pr_job *job)
{
	struct pr_leaving *l = PR_CONTAINER(job, struct pr_leaving, job);
	struct pr_suppression s = {.address = pr_str(l->who),
	                           .reason = l->reason,
	                           .note = PR_STR(""),
	                           .source = pr_str(l->source),
	                           .at_ms = pr_utc_ms()};
	if (l->what[0])
		s.scope = pr_str(l->what);
	pr_audience_desk_suppress(l->delivery->options.audience, &s, l->by, on_suppressed, l);
}

void
pr_delivery_leave(pr_delivery *d, struct pr_leaving *l)
{
	PR_ASSERT(d->options.audience);
	l->delivery = d;
	l->config = d->config;
	l->job.work = work_leave;
	l->job.done = leave_named;
	pr_lane_submit(d->folder_lane, &l->job);
}
