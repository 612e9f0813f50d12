/*
 * A campaign's life.
 *
 *   importing -> held? -> scheduled -> sending <-> paused -> (all rows settled, all folded)
 *             -> on_finished -> finished | cancelled
 *
 * Before its first message its sender may have to pass preflight (preflight.c).
 *
 * What a campaign waits for is asked for in one place, campaign_gate: it may be called at any
 * time (each second, after a verb, after a jump of the clock) and does what is missing.
 * Every change of state is a record of the journal; the ledger's facts are folded from it.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

struct pr_campaign *
campaign_create(struct pr_delivery *d, const char *id, uint32_t serial, const char *dir,
                uint32_t owner)
{
	struct pr_campaign *c = pr_calloc(1, sizeof *c);
	c->delivery = d;
	snprintf(c->id, sizeof c->id, "%s", id);
	c->name = pr_strdup(id);
	c->dir = pr_strdup(dir);
	c->serial = serial;
	c->owner = owner;
	c->version = 1;
	c->mass = PR_STATES;
	c->next_due_ms = INT64_MAX;
	c->cursor = 1;
	c->gate_again_ms = 0;
	pr_list_init(&c->flows);
	pr_list_init(&c->lookups);
	pr_list_init(&c->slices);
	pr_list_init(&c->paused);
	pr_list_push(&d->campaigns, &c->link);
	pr_map_put(&d->by_serial, serial, c);
	return c;
}

void
campaign_destroy(struct pr_campaign *c)
{
	PR_ASSERT(c->sends == 0);
	preflight_forget(c);
	flows_leave(c);
	refill_drop(c);
	dispatch_forget(c);
	free(c->domains);
	pr_map_finish(&c->settled);
	slices_free(c);
	pr_map_remove(&c->delivery->by_serial, c->serial);
	pr_list_remove(&c->link);
	if (c->content)
		pr_content_unref(c->content);
	if (c->has_timetable)
		pr_timetable_finish(&c->timetable);
	timed_forget(&c->timed);
	series_forget(c);
	pr_manifest_destroy(c->manifest);
	free(c->name);
	free(c->dir);
	free(c->last_error);
	free(c->by);
	free(c);
}

bool
campaign_may_send(const struct pr_campaign *c)
{
	const struct pr_delivery *d = c->delivery;
	return c->state == PR_CAMPAIGN_SENDING && c->gate == PR_GATE_OPEN && c->mass == PR_STATES &&
	       c->outlet && !c->outlet->gone && !d->paused_all && !d->draining && !d->low_space;
}

/* ---- what the manifest says ---- */

static bool
holds_doubt(const struct pr_campaign *c)
{
	const struct pr_config *config = c->delivery->config;
	int policy = c->manifest->in_doubt;
	if (policy == PR_DOUBT_DEFAULT)
		policy = c->manifest->class_ == PR_MARKETING ? config->in_doubt.marketing
		                                             : config->in_doubt.transactional;
	return policy == PR_DOUBT_HOLD;
}

/* What it has of the configuration; again after each reload. */
void
campaign_configure(struct pr_campaign *c)
{
	struct pr_delivery *d = c->delivery;
	struct pr_timetable t;
	struct pr_error e;
	c->doubt_hold = holds_doubt(c);
	c->stop_loss = pr_stop_loss_of(c->manifest, d->config);
	preflight_anew(c);
	if (!c->outlet)
		c->outlet = outlet_of_route(d, c->manifest);
	if (!c->outlet) {
		pr_fail(&e, PR_ENOENT, "postrider.yaml has no route %s: add it and reload",
		        c->manifest->route.p);
		campaign_note_error(c, e.text);
	}
	if (timed_configure(c, &t, &e) < 0) {
		campaign_note_error(c, e.text);
		return;
	}
	if (c->has_timetable)
		pr_timetable_finish(&c->timetable);
	c->timetable = t;
	c->has_timetable = true;
}

void
campaign_adopt_manifest(struct pr_campaign *c, struct pr_manifest *m)
{
	pr_manifest_destroy(c->manifest);
	c->manifest = m;
	free(c->name);
	c->name = pr_strndup(m->name.p, m->name.n);
	c->priority = (unsigned)m->priority;
	c->weight = m->priority ? 2 * (unsigned)m->priority : 1;
	pr_gcra_set(&c->gcra, m->rate);
	variants_configure(c);
	series_adopt(c);
	campaign_configure(c);
	caps_configure(c->delivery, false);
}

/* ---- states ---- */

void
campaign_note_error(struct pr_campaign *c, const char *text)
{
	char safe[PR_DETAIL_MAX + 1];
	pr_str_show(pr_str(text ? text : ""), safe, sizeof safe); /* it may be the one there is */
	free(c->last_error);
	c->last_error = pr_strdup(safe);
}

uint64_t
campaign_record(struct pr_campaign *c, enum pr_record_type type, uint8_t state,
                enum pr_reason reason, const char *verb, const char *by, const char *detail)
{
	struct pr_delivery *d = c->delivery;
	struct pr_change change = {.state = state,
	                           .reason = (uint8_t)reason,
	                           .verb = pr_str(verb),
	                           .by = pr_str(by),
	                           .detail = pr_str(detail)};
	pr_buf_clear(&d->scratch);
	pr_change_encode(&change, &d->scratch);
	struct pr_record r = {.type = (uint8_t)type,
	                      .campaign = c->serial,
	                      .at_ms = c->recorded_ms = pr_utc_ms(),
	                      .payload = d->scratch.data,
	                      .payload_n = (uint16_t)d->scratch.len};
	pr_journal_append(d->journal, &r);
	c->last_lsn = pr_journal_end(d->journal);
	return c->last_lsn;
}

void
campaign_move(struct pr_campaign *c, enum pr_campaign_state to, enum pr_reason reason,
              const char *verb, const char *by, const char *detail)
{
	struct pr_log_about about = {.event = verb, .campaign = c->id, .by = by};
	c->state = to;
	c->reason = reason;
	free(c->by);
	c->by = pr_strdup(by);
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)to, reason, verb, by, detail);
	pr_log(PR_LOG_INFO, &about, "campaign is %s%s%s", pr_campaign_state_word(to),
	       reason ? ": " : "", pr_reason_word(reason));
	if (to != PR_CAMPAIGN_SENDING) {
		flows_leave(c);
		refill_drop(c);
		flows_withdraw(c);
	}
}

void
campaign_fail(struct pr_campaign *c, const char *text)
{
	if (c->state == PR_CAMPAIGN_FAILED)
		return;
	campaign_note_error(c, text);
	campaign_move(c, PR_CAMPAIGN_FAILED, PR_REASON_NONE, "fail", "postriderd", text);
	pr_log(PR_LOG_ERROR, &(struct pr_log_about){.event = "campaign_failed", .campaign = c->id},
	       "%s", text);
}

static void
move_unsent(struct pr_counts *n, enum pr_state to)
{
	static const enum pr_state unsent[] = {PR_PENDING, PR_DEFERRED};
	for (unsigned i = 0; i < 2; i++) {
		PR_ASSERT(pr_state_may_move(unsent[i], to));
		n->of[to] += n->of[unsent[i]];
		n->of[unsent[i]] = 0;
	}
}

void
campaign_mass(struct pr_campaign *c, enum pr_state to, const char *verb, const char *by)
{
	c->mass_lsn =
	    campaign_record(c, PR_RECORD_MASS, (uint8_t)to, PR_REASON_NONE, verb, by, verb);
	c->mass = to;
	move_unsent(&c->counts, to);
	move_unsent(&c->seeds, to);
	c->untried = 0;
	counts_hold_doubts(c);
	c->next_due_ms = INT64_MAX;
	refill_drop(c);
	dispatch_forget(c);
	c->fresh_end = true;
	flows_withdraw(c);
}

static void
open_gate(struct pr_campaign *c, int64_t wall_ms)
{
	if (c->state == PR_CAMPAIGN_SCHEDULED)
		campaign_move(c, PR_CAMPAIGN_SENDING, PR_REASON_NONE,
		              c->started_ms ? "continue" : "begin", "postriderd", "");
	if (!c->started_ms)
		c->started_ms = wall_ms;
	flows_enter(c);
}

void
campaign_gate(struct pr_campaign *c)
{
	int64_t wall = pr_utc_ms(), again;
	if (!c->has_timetable || !c->content)
		return;
	preflight_ask(c);
	/* Only what is paused is left: for a person, but not beyond the deadline. */
	bool waits = c->state == PR_CAMPAIGN_PAUSED && c->reason == PR_REASON_STOP_LOSS;
	if (c->state != PR_CAMPAIGN_SCHEDULED && c->state != PR_CAMPAIGN_SENDING && !waits)
		return;
	enum pr_gate before = c->gate;
	c->gate = pr_timetable_gate(&c->timetable, c->started_ms || c->approved, wall, &again);
	if (waits && c->gate != PR_GATE_OVER)
		return;
	switch (c->gate) {
	case PR_GATE_OPEN:
		if (preflight_lets_begin(c))
			open_gate(c, wall);
		break;
	case PR_GATE_LATE:
		campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_LATE, "hold", "postriderd",
		              "could not begin in time");
		break;
	case PR_GATE_OVER:
		if (c->mass == PR_STATES)
			campaign_mass(c, PR_SKIPPED, "deadline", "postriderd");
		flows_leave(c);
		campaign_check_end(c);
		break;
	case PR_GATE_EARLY:
	case PR_GATE_SHUT:
		flows_leave(c);
		if (before == PR_GATE_OPEN)
			flows_withdraw(c);
		break;
	}
}

/* ---- the end ---- */

#define REPORT_AGAIN_MS (5 * PR_SECOND_MS)

static bool
is_settled(const struct pr_counts *n)
{
	uint64_t again = n->of[PR_IN_DOUBT] - n->needs_decision;
	return n->of[PR_PENDING] + n->of[PR_SENDING] + n->of[PR_DEFERRED] + again == 0;
}

bool
campaign_settled(const struct pr_campaign *c)
{
	return is_settled(&c->counts) && is_settled(&c->seeds) && c->sends == 0;
}

static bool
may_end(const struct pr_campaign *c)
{
	return c->content && !c->finishing && !c->delivery->draining &&
	       (c->state == PR_CAMPAIGN_SENDING || c->state == PR_CAMPAIGN_CANCELLED ||
	        c->state == PR_CAMPAIGN_SCHEDULED || c->state == PR_CAMPAIGN_PAUSED);
}

/* ---- slices of work on the ledger: indexes, mass marks ---- */

struct slice_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	pr_ledger *ledger;
	bool mass;
	int result;
	struct pr_error error;
};

#define SLICE_MS 5

static void
work_slice(struct pr_job *job, void *worker)
{
	(void)worker;
	struct slice_job *j = PR_CONTAINER(job, struct slice_job, job);
	j->result = j->mass ? pr_ledger_mass_slice(j->ledger, SLICE_MS, &j->error)
	                    : pr_ledger_index_slice(j->ledger, SLICE_MS, &j->error);
}

static void slice_submit(struct pr_campaign *c, bool mass);

static void
slice_done(struct pr_job *job)
{
	struct slice_job *j = PR_CONTAINER(job, struct slice_job, job);
	struct pr_campaign *c = j->campaign;
	bool *running = j->mass ? &c->mass_running : &c->index_running;
	*running = false;
	if (j->result == PR_ENOSPC)
		; /* asked for again each second */
	else if (j->result < 0)
		campaign_fail(c, j->error.text);
	else if (j->result > 0)
		slice_submit(c, j->mass);
	else if (j->mass)
		c->mass_done = true;
	else {
		c->indexed = true;
		c->indexed_ms = pr_utc_ms();
	}
	free(j);
	campaign_check_end(c);
}

static void
slice_submit(struct pr_campaign *c, bool mass)
{
	struct slice_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_slice;
	j->job.done = slice_done;
	j->campaign = c;
	j->ledger = c->ledger;
	j->mass = mass;
	*(mass ? &c->mass_running : &c->index_running) = true;
	pr_lane_submit(c->delivery->folder_lane, &j->job);
}

void
campaign_ledger_work(struct pr_campaign *c)
{
	if (!c->ledger)
		return;
	if (!c->indexed && !c->index_running)
		slice_submit(c, false);
	/* The mark must be folded before its rows can be rewritten. */
	bool folded = c->delivery->folded >= c->mass_lsn;
	if (c->mass != PR_STATES && !c->mass_done && !c->mass_running && folded)
		slice_submit(c, true);
}

void
campaign_check_end(struct pr_campaign *c)
{
	struct pr_delivery *d = c->delivery;
	bool all_tried = c->untried == 0 && c->mass == PR_STATES && /* not: given up */
	                 !series_runs_on(c);
	if (!c->first_pass_ms && c->started_ms && all_tried && c->content) {
		c->first_pass_ms = pr_utc_ms();
		campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, "first_pass",
		                "postriderd", "");
	}
	if (!may_end(c) || !campaign_settled(c) || series_runs_on(c))
		return;
	flows_leave(c);
	campaign_ledger_work(c);
	bool quiet = !c->index_running && !c->mass_running && !c->fresh_running &&
	             !c->due_running && !c->reads && !c->lookups_n && !c->resolving &&
	             !c->replacing && !c->looking && !series_is_busy(c) && !preflight_is_owed(c) &&
	             c->indexed && (c->mass == PR_STATES || c->mass_done);
	if (!quiet || d->folded < c->last_lsn || !c->ledger)
		return;
	c->finishing = true;
	preflight_forget(c);
	dispatch_forget(c);
	if (!c->finished_ms)
		c->finished_ms = pr_utc_ms();
	fold_detach(d, c);
}

void
campaign_detached(struct pr_campaign *c)
{
	if (c->finishing && !c->delivery->closing) /* else the next start finds it settled */
		c->delivery->options.on_finished(c->delivery->options.context, c);
}

/* The last CLOSED_KEPT stay in sight with their numbers; older ones are told from done/. */
static void
forget_oldest_closed(struct pr_delivery *d)
{
	struct pr_campaign *oldest = NULL;
	unsigned n = 0;
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (!c->closed)
			continue;
		n++;
		if (!oldest)
			oldest = c;
	}
	if (n > CLOSED_KEPT)
		campaign_destroy(oldest);
}

/* Every row is settled: only its report is missing. */
void
campaign_report_again(struct pr_campaign *c)
{
	struct pr_delivery *d = c->delivery;
	if (!c->report_again_ms || pr_loop_now_ms(d->loop) < c->report_again_ms)
		return;
	c->report_again_ms = 0;
	d->options.on_finished(d->options.context, c);
}

void
pr_delivery_closed(pr_delivery *d, pr_campaign *c, const char *dir, const struct pr_error *error)
{
	if (error && error->code == PR_ECORRUPT) { /* of the ledger: that does not pass */
		campaign_fail(c, error->text);
		fold_ended(d, c);
		return;
	}
	if (error) {
		campaign_note_error(c, error->text);
		c->report_again_ms = pr_loop_now_ms(d->loop) + REPORT_AGAIN_MS;
		return;
	}
	free(c->dir);
	c->dir = pr_strdup(dir);
	if (c->state != PR_CAMPAIGN_CANCELLED)
		campaign_move(c, PR_CAMPAIGN_FINISHED, PR_REASON_NONE, "finish", "postriderd", "");
	c->closed = true;
	fold_ended(d, c);
	pr_content_unref(c->content);
	c->content = NULL;
	pr_manifest_destroy(c->manifest);
	c->manifest = NULL;
	caps_configure(d, false);
	reopen_closed(d, c);
	forget_oldest_closed(d);
}
