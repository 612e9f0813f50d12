/*
 * Verbs: what a person asks of a campaign. Checked against its state, written to the
 * journal, acted on at once in memory, and answered when the record is durable.
 *
 * resolve is the long one: the rows in doubt are read from the ledger on the folder lane,
 * a page at a time, after everything up to now is folded; each gets its own outcome.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

static void
answer_when_durable(struct pr_journal_waiter *w)
{
	struct pr_verb *v = PR_CONTAINER(w, struct pr_verb, waiter);
	v->done(v, 0, "");
}

void
verb_wait_durable(struct pr_delivery *d, struct pr_verb *v)
{
	v->waiter.durable = answer_when_durable;
	v->waiter.lsn = pr_journal_end(d->journal);
	d->save_asked = true;
	pr_journal_wait(d->journal, &v->waiter);
}

static bool
ended(const struct pr_campaign *c)
{
	return c->state == PR_CAMPAIGN_FINISHED || c->state == PR_CAMPAIGN_CANCELLED ||
	       c->state == PR_CAMPAIGN_FAILED || c->finishing;
}

/* One slice: the campaign itself may be about to begin, or wait for a person. */
static const char *
change_slice(struct pr_campaign *c, struct pr_verb *v)
{
	bool pause = v->kind == PR_VERB_PAUSE;
	if (c->restored || !c->ledger)
		return "the campaign's ledger is closed, or waits to be adopted";
	return (pause ? slice_pause : slice_resume)(c, v->slice, v->by);
}

static const char *
do_pause(struct pr_campaign *c, struct pr_verb *v)
{
	if (v->variant)
		return variant_verb(c, v);
	if (v->slice)
		return change_slice(c, v);
	if (c->state != PR_CAMPAIGN_SENDING && c->state != PR_CAMPAIGN_SCHEDULED)
		return "only a campaign that is sending or scheduled can be paused";
	campaign_move(c, PR_CAMPAIGN_PAUSED, PR_REASON_OPERATOR, "pause", v->by, "");
	return NULL;
}

static const char *
do_resume(struct pr_campaign *c, struct pr_verb *v)
{
	if (v->variant)
		return variant_verb(c, v);
	bool by_preflight = c->state == PR_CAMPAIGN_HELD && c->reason == PR_REASON_PREFLIGHT;
	bool by_slices = c->state == PR_CAMPAIGN_PAUSED && c->reason == PR_REASON_STOP_LOSS;
	const char *refused = v->slice ? change_slice(c, v) : NULL;
	if (refused || (v->slice && !by_slices))
		return refused;
	if (by_slices && !v->slice)
		slices_resume(c, v->by);
	v->still_paused = c->paused_n;
	if (c->state == PR_CAMPAIGN_HELD && !by_preflight)
		return "the campaign is held: use approve";
	if (c->state != PR_CAMPAIGN_PAUSED && !by_preflight)
		return c->paused_n ? "only slices of it are paused: name one with --domain"
		                   : "the campaign is not paused";
	preflight_anew(c);
	campaign_move(c, PR_CAMPAIGN_SCHEDULED, PR_REASON_NONE, "resume", v->by, "");
	campaign_gate(c);
	return NULL;
}

static const char *
do_approve(struct pr_campaign *c, struct pr_verb *v)
{
	if (c->state != PR_CAMPAIGN_HELD)
		return "the campaign is not held";
	if (c->restored)
		return "the campaign comes from a backup or another daemon: use adopt";
	if (!c->content)
		return "the campaign cannot be sent; see last_error";
	bool by_preflight = c->reason == PR_REASON_PREFLIGHT;
	c->approved = true;
	if (by_preflight)
		preflight_override(c);
	campaign_move(c, PR_CAMPAIGN_SCHEDULED, PR_REASON_NONE,
	              by_preflight ? PR_OVERRIDE_VERB : "approve", v->by, "");
	campaign_gate(c);
	return NULL;
}

static const char *
do_cancel(struct pr_campaign *c, struct pr_verb *v)
{
	if (c->state == PR_CAMPAIGN_IMPORTING)
		return "the campaign is still importing; cancel it when that is done";
	if (v->variant)
		return variant_verb(c, v);
	if (c->restored)
		return "the campaign comes from a backup or another daemon: adopt it first";
	preflight_forget(c);
	uint64_t before = c->counts.of[PR_CANCELLED];
	if (c->mass == PR_STATES) /* else its deadline has taken what was unsent */
		campaign_mass(c, PR_CANCELLED, "cancel", v->by);
	campaign_move(c, PR_CAMPAIGN_CANCELLED, PR_REASON_OPERATOR, "cancel", v->by, "");
	v->changed = c->counts.of[PR_CANCELLED] - before;
	return NULL;
}

static void
pause_all(struct pr_delivery *d, struct pr_verb *v, bool paused)
{
	struct pr_change change = {.paused_all = paused,
	                           .by = pr_str(v->by),
	                           .verb = paused ? PR_STR("pause_all") : PR_STR("resume_all")};
	pr_buf_clear(&d->scratch);
	pr_change_encode(&change, &d->scratch);
	struct pr_record r = {.type = PR_RECORD_GLOBAL,
	                      .at_ms = pr_utc_ms(),
	                      .payload = d->scratch.data,
	                      .payload_n = (uint16_t)d->scratch.len};
	pr_journal_append(d->journal, &r);
	pr_log(PR_LOG_INFO,
	       &(struct pr_log_about){.event = paused ? "pause_all" : "resume_all", .by = v->by},
	       paused ? "all sending is paused" : "sending goes on");
	d->paused_all = paused;
	if (paused)
		PR_LIST_EACH(link, &d->lanes)
			lane_withdraw(PR_CONTAINER(link, struct lane, link), NULL);
	pump_ask(d);
	verb_wait_durable(d, v);
}

/* ---- resolve ---- */

#define PAGE 1000u

struct resolve_job {
	struct pr_job job;
	struct pr_journal_waiter waiter;
	struct pr_campaign *campaign;
	struct pr_verb *verb;
	struct folder *folder;
	pr_ledger *ledger;
	uint64_t fold_to;
	uint32_t after;
	unsigned n;
	struct pr_row rows[PAGE];
	bool held[PAGE]; /* waits for a decision, not for its next try */
	int result;
	struct pr_error error;
};

static bool
asked_for(const struct pr_verb *v, uint32_t row)
{
	if (!v->rows)
		return true;
	for (size_t i = 0; i < v->rows_n; i++)
		if (v->rows[i] == row)
			return true;
	return false;
}

static bool
collect(void *context, const struct pr_known *k)
{
	struct resolve_job *j = context;
	j->after = k->row;
	if (!asked_for(j->verb, k->row))
		return true;
	j->held[j->n] = k->flags & PR_OUTCOME_HELD;
	j->rows[j->n++] = (struct pr_row){.row = k->row,
	                                  .attempts = k->attempts,
	                                  .doubts = k->doubts,
	                                  .version = k->version,
	                                  .variant = k->variant,
	                                  .first_ms = k->first_ms};
	return true;
}

static void
work_resolve(struct pr_job *job, void *worker)
{
	(void)worker;
	struct resolve_job *j = PR_CONTAINER(job, struct resolve_job, job);
	uint32_t before = j->after;
	j->n = 0;
	j->result = work_fold_to(j->folder, j->fold_to, &j->error);
	while (j->result == 0 && j->n == 0) {
		before = j->after;
		j->result =
		    pr_ledger_page(j->ledger, PR_IN_DOUBT, j->after, PAGE, collect, j, &j->error);
		if (j->after == before && before >= PR_SEED_BASE)
			break;
		if (j->after == before)
			j->after = PR_SEED_BASE; /* and the seeds */
	}
}

static void
send_again(struct pr_campaign *c, const struct pr_row *row)
{
	struct pr_outcome o = {.state = PR_IN_DOUBT,
	                       .attempts = row->attempts,
	                       .doubts = row->doubts,
	                       .version = row->version,
	                       .variant = row->variant,
	                       .first_ms = row->first_ms,
	                       .due_ms = campaign_now(c),
	                       .reply = PR_STR("to be sent again")};
	outcome_append(c, row->row, &o);
}

void
open_rows(struct pr_campaign *c, struct pr_map *rows)
{
	PR_LIST_EACH(link, &c->delivery->open) {
		struct send *s = PR_CONTAINER(link, struct send, order);
		if (s->campaign == c)
			pr_map_put(rows, s->number, s);
	}
}

/* Rows in memory that wait for their grant go back first: some of them are resolved here. */
static void
resolve_rows(struct resolve_job *j)
{
	struct pr_campaign *c = j->campaign;
	struct pr_map open = {0};
	refill_drop(c);
	open_rows(c, &open);
	for (unsigned i = 0; i < j->n; i++) {
		const struct pr_row *row = &j->rows[i]; /* open ones settle themselves */
		struct pr_counts *n = counts_of(c, row->row);
		if (pr_map_get(&open, row->row) || n->of[PR_IN_DOUBT] == 0)
			continue;
		if (j->verb->delivered)
			outcome_settle(c, row, PR_IN_DOUBT, PR_DELIVERED, PR_OUTCOME_REFUSED_DOUBT,
			               j->verb->why ? j->verb->why : "resolved by an operator");
		else
			send_again(c, row);
		n->needs_decision -= j->held[i] && n->needs_decision > 0;
		j->verb->changed++;
	}
	pr_map_finish(&open);
}

static void
resolve_done(struct pr_job *job)
{
	struct resolve_job *j = PR_CONTAINER(job, struct resolve_job, job);
	struct pr_campaign *c = j->campaign;
	if (j->result == 0 && j->n > 0) {
		resolve_rows(j);
		pr_lane_submit(c->delivery->folder_lane, &j->job);
		return;
	}
	if (j->result < 0)
		j->verb->done(j->verb, j->result, j->error.text);
	else
		verb_wait_durable(c->delivery, j->verb);
	free(j);
	c->resolving--;
	pump_ask(c->delivery);
	campaign_check_end(c);
}

static void
resolve_start(struct pr_journal_waiter *w)
{
	struct resolve_job *j = PR_CONTAINER(w, struct resolve_job, waiter);
	pr_lane_submit(j->campaign->delivery->folder_lane, &j->job);
}

static const char *
do_resolve(struct pr_campaign *c, struct pr_verb *v)
{
	struct pr_delivery *d = c->delivery;
	if (!c->ledger || c->restored)
		return "the campaign's ledger is closed, or waits to be adopted";
	c->resolving++; /* the gate may end what is settled */
	campaign_gate(c);
	c->resolving--;
	if (!v->delivered && c->mass != PR_STATES)
		return "the campaign sends nothing any more: only --delivered is possible";
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, "resolve", v->by,
	                v->delivered ? "delivered" : "resend");
	struct resolve_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_resolve;
	j->job.done = resolve_done;
	j->campaign = c;
	j->verb = v;
	j->folder = d->folder;
	j->ledger = c->ledger;
	j->fold_to = pr_journal_end(d->journal);
	j->waiter.lsn = j->fold_to;
	j->waiter.durable = resolve_start;
	c->resolving++;
	pr_journal_wait(d->journal, &j->waiter);
	return NULL;
}

/* ---- adopt: a restored folder becomes the one that counts ---- */

struct adopt_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	struct pr_verb *verb;
	struct folder *folder;
	struct pr_statedb *statedb;
	pr_ledger *ledger;
	uint64_t lsn;
	int result;
	uint32_t serial;
	struct pr_error error;
};

static void
work_adopt(struct pr_job *job, void *worker)
{
	(void)worker;
	struct adopt_job *j = PR_CONTAINER(job, struct adopt_job, job);
	struct pr_ledger_identity identity;
	j->result = pr_statedb_adopt_ledger(j->statedb, j->ledger, j->lsn, &j->error);
	if (j->result < 0)
		return;
	pr_ledger_identity(j->ledger, &identity);
	j->serial = identity.serial;
	work_fold_attach(j->folder, j->serial, j->ledger);
}

static void
adopt_done(struct pr_job *job)
{
	struct adopt_job *j = PR_CONTAINER(job, struct adopt_job, job);
	struct pr_campaign *c = j->campaign;
	struct pr_verb *v = j->verb;
	if (j->result < 0)
		v->done(v, j->result, j->error.text);
	else {
		pr_map_remove(&c->delivery->by_serial, c->serial);
		c->serial = j->serial;
		pr_map_put(&c->delivery->by_serial, c->serial, c);
		c->restored = false;
		if (v->trust_ledger)
			campaign_move(c, PR_CAMPAIGN_SCHEDULED, PR_REASON_NONE, "adopt", v->by,
			              "the ledger is trusted");
		else
			campaign_move(c, PR_CAMPAIGN_PAUSED, PR_REASON_RESTORED, "adopt", v->by,
			              "what is unsent is held");
		campaign_gate(c);
		verb_wait_durable(c->delivery, v);
	}
	free(j);
}

static const char *
do_adopt(struct pr_campaign *c, struct pr_verb *v)
{
	struct pr_delivery *d = c->delivery;
	if (!c->restored)
		return "the campaign is not restored: there is nothing to adopt";
	struct adopt_job *j = pr_calloc(1, sizeof *j);
	*j = (struct adopt_job){.campaign = c,
	                        .verb = v,
	                        .folder = d->folder,
	                        .ledger = c->ledger,
	                        .statedb = d->options.statedb,
	                        .lsn = pr_journal_end(d->journal)};
	j->job.work = work_adopt;
	j->job.done = adopt_done;
	pr_lane_submit(d->folder_lane, &j->job);
	return NULL;
}

/* One that waits for its start has no ledger yet: what could be asked of it could not be kept. */
static void
verb_waiting(struct pr_campaign *c, struct pr_verb *v)
{
	struct pr_delivery *d = c->delivery;
	if (v->kind != PR_VERB_CANCEL) {
		v->done(v, PR_ESTATE,
		        "the campaign waits for its start, its recipients are not chosen before: "
		        "until then it can only be cancelled");
		return;
	}
	if (c->withdrawn) {
		v->done(v, PR_ESTATE, "the campaign is being cancelled");
		return;
	}
	c->withdrawn = v;
	d->options.on_withdraw(d->options.context, c->id, v->by);
}

void
pr_delivery_verb(pr_delivery *d, struct pr_verb *v)
{
	v->changed = v->still_paused = 0;
	if (v->kind == PR_VERB_PAUSE_ALL || v->kind == PR_VERB_RESUME_ALL) {
		pause_all(d, v, v->kind == PR_VERB_PAUSE_ALL);
		return;
	}
	struct pr_campaign *c = pr_delivery_find(d, v->id);
	if (v->kind == PR_VERB_RESOLVE && (!c || c->closed)) {
		reopen_start(d, v);
		return;
	}
	if (v->kind == PR_VERB_RESOLVE && c->finishing) {
		reopen_later(d, v);
		return;
	}
	if (!c) {
		v->done(v, PR_ENOENT, "there is no such campaign");
		return;
	}
	if (c->waits_ms) {
		verb_waiting(c, v);
		return;
	}
	bool over = ended(c) && v->kind != PR_VERB_RESOLVE;
	const char *refused = over                         ? "the campaign has ended"
	                      : v->kind == PR_VERB_PAUSE   ? do_pause(c, v)
	                      : v->kind == PR_VERB_RESUME  ? do_resume(c, v)
	                      : v->kind == PR_VERB_APPROVE ? do_approve(c, v)
	                      : v->kind == PR_VERB_CANCEL  ? do_cancel(c, v)
	                      : v->kind == PR_VERB_ADOPT   ? do_adopt(c, v)
	                      : v->kind == PR_VERB_REPLACE ? replace_start(c, v)
	                                                   : do_resolve(c, v);
	if (refused)
		v->done(v, PR_ESTATE, refused);
	else if (v->kind != PR_VERB_RESOLVE && v->kind != PR_VERB_ADOPT &&
	         v->kind != PR_VERB_REPLACE)
		verb_wait_durable(d, v);
	if (!refused)
		campaign_check_end(c);
}
