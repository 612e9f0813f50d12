/*
 * Arrivals: a campaign from intake becomes one of delivery's.
 *
 *   importing -> imported -> (compiled on a composer's thread) -> held | scheduled -> ...
 *
 * Until it is compiled its ledger belongs to that job; then to the folder lane.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

struct prepare_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	pr_ledger *ledger;
	struct pr_content_source source;
	struct pr_config *config;
	pr_content *content;
	struct pr_recipients_result recipients;
	struct pr_earned earned;
	struct timed timed;
	int result;
	struct pr_error error;
};

void
pr_delivery_importing(pr_delivery *d, const struct pr_taken *t)
{
	struct pr_campaign *c = pr_map_get(&d->by_serial, t->serial);
	if (!c) {
		c = campaign_create(d, t->id, t->serial, t->dir, t->owner);
		c->accepted_ms = t->accepted_ms;
	}
	c->waits_ms = t->waits_ms;
	c->state = t->waits_ms ? PR_CAMPAIGN_SCHEDULED : PR_CAMPAIGN_IMPORTING;
	if (t->name) { /* people look for it by its name already */
		free(c->name);
		c->name = pr_strdup(t->name);
	}
}

void
pr_delivery_rejected(pr_delivery *d, const struct pr_taken *t)
{
	struct pr_campaign *c = pr_map_get(&d->by_serial, t->serial);
	if (!c || (c->state != PR_CAMPAIGN_IMPORTING && !c->waits_ms))
		return;
	if (c->withdrawn)
		c->withdrawn->done(c->withdrawn, 0, "");
	campaign_destroy(c);
}

static void
work_prepare(struct pr_job *job, void *worker)
{
	(void)worker;
	struct prepare_job *j = PR_CONTAINER(job, struct prepare_job, job);
	j->result = pr_ledger_earned(j->ledger, &j->earned, &j->error);
	if (j->result < 0)
		return;
	work_timed_read(&j->timed, j->ledger);
	j->result =
	    work_compile(&j->source, j->campaign->dir, 1, j->ledger, &j->content, &j->error);
	if (j->result < 0)
		return;
	j->result = content_keep_links(j->config, j->source.serial, j->content, &j->error);
	if (j->result < 0)
		pr_content_unref(j->content);
}

/* Held for a person, or on its way. */
void
campaign_first_state(struct pr_campaign *c, const struct pr_recipients_result *r)
{
	struct pr_buf remark = {0};
	pr_recipients_remark(r, c->manifest, c->delivery->config, &remark);
	if (r->too_many_rejects)
		campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_REJECTS, "hold", "postriderd",
		              "more bad rows than max_rejects; see rejects.csv");
	else if (r->count_differs)
		campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_REJECTS, "hold", "postriderd",
		              "the number of rows is not expect_rows");
	else if (c->manifest->hold)
		campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_APPROVAL, "hold", "postriderd",
		              remark.data ? remark.data : "the manifest asks for approval");
	else
		campaign_move(c, PR_CAMPAIGN_SCHEDULED, PR_REASON_NONE, "accept", "postriderd",
		              remark.data ? remark.data : "");
	pr_buf_finish(&remark);
}

static void
prepare_done(struct pr_job *job)
{
	struct prepare_job *j = PR_CONTAINER(job, struct prepare_job, job);
	struct pr_campaign *c = j->campaign;
	c->ledger = j->ledger;
	c->earned = j->earned;
	fold_attach(c->delivery, c->serial, j->ledger);
	if (j->result < 0) {
		timed_forget(&j->timed);
		campaign_fail(c, j->error.text);
	} else {
		c->content = j->content;
		timed_forget(&c->timed);
		c->timed = j->timed;
		campaign_configure(c); /* with what the ledger says of times */
		campaign_first_state(c, &j->recipients);
		campaign_gate(c);
		campaign_ledger_work(c);
		campaign_check_end(c);
	}
	if (c->withdrawn) { /* its import had begun */
		struct pr_verb *cancel = c->withdrawn;
		c->withdrawn = NULL;
		pr_delivery_verb(c->delivery, cancel);
	}
	pr_config_unref(j->config);
	free(j);
}

/* Recovery found no ledger, or one whose import seems not to have ended. */
static void
show_lost(struct pr_delivery *d, const struct pr_taken *t)
{
	struct pr_campaign *c = campaign_create(d, t->id, t->serial, t->dir, t->owner);
	c->accepted_ms = t->accepted_ms;
	c->state = PR_CAMPAIGN_FAILED;
	campaign_note_error(c, "ledger.db is gone or damaged, though its import had ended");
	pr_log(PR_LOG_ERROR, &(struct pr_log_about){.event = "ledger_lost", .campaign = c->id},
	       "%s", c->last_error);
}

void
pr_delivery_imported(pr_delivery *d, struct pr_taken *t)
{
	if (!t->ledger) { /* imported by an earlier run: recovery has it */
		if (!pr_map_get(&d->by_serial, t->serial))
			show_lost(d, t);
		pr_taken_free(t);
		return;
	}
	pr_delivery_importing(d, t);
	struct pr_campaign *c = pr_map_get(&d->by_serial, t->serial);
	struct prepare_job *j = pr_calloc(1, sizeof *j);
	campaign_adopt_manifest(c, t->manifest);
	c->counts.total = t->recipients.pending + t->recipients.skipped + t->recipients.suppressed;
	c->counts.of[PR_PENDING] = c->untried = t->recipients.pending;
	c->seeds = t->recipients.seeds;
	c->next_due_ms = 0; /* rows with a time of their own: ask the ledger */
	c->counts.of[PR_SKIPPED] = t->recipients.skipped;
	c->counts.of[PR_SUPPRESSED] = t->recipients.suppressed;
	j->campaign = c;
	j->ledger = t->ledger;
	j->recipients = t->recipients;
	j->source = pr_content_source_of(c->manifest, d->config);
	j->source.campaign_id = c->id;
	j->source.serial = c->serial;
	j->config = pr_config_ref((struct pr_config *)d->config);
	j->job.work = work_prepare;
	j->job.done = prepare_done;
	t->manifest = NULL;
	t->ledger = NULL;
	pr_taken_free(t);
	pr_lane_submit(d->composers, &j->job);
}
