/*
 * Variants of a campaign while it is sent: which one a row gets, and the test that finds the one
 * for the rest.
 *
 *   tested rows  as any row; the variant by hash (campaign/split.h), written with the intent
 *   the rest     parked in the ledger since the import (due PR_LEDGER_PARKED_MS)
 *
 *   begun -> a look every so often: counts by a reader's connection, judged (decide.c)
 *         -> decided: a record says so -> the rest is due
 *   bandit: each look gives out a portion of the rest, by the shares it finds
 *   starts of their own (campaign/timing_rows.c): one look, when the last has been out for the wait
 *
 * A row keeps the variant of its first try. The record of the decision stands in the journal before
 * any intent that relies on it, so nothing has to wait for it; killed between, the rest is parked
 * again and decided anew.
 *
 * A variant may be paused or cancelled alone: its unsent rows are found when they are read, as
 * those of paused slices are.
 */
#include "internal.h"

#include "postrider/delivery/decide.h"
#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS PR_MINUTE_MS
#define LOOKS 40 /* at least so many, of a short wait */

enum variant_state { GOES_ON, PAUSED, CANCELLED };

/* ---- which ---- */

void
variants_configure(struct pr_campaign *c)
{
	const struct pr_manifest *m = c->manifest;
	pr_split_init(&c->split, m, c->id);
	c->test_waits = m->variants.n > 0 && m->test.share < 1;
}

static bool
is_rest(const struct pr_campaign *c, struct pr_str address)
{
	return c->test_waits && pr_split_group(&c->split, address) == PR_GROUP_REST;
}

/* Each seed address gets each of them. */
unsigned
variant_of(const struct pr_campaign *c, const struct pr_row *row)
{
	if (row->variant || c->split.variants == 0)
		return row->variant;
	if (pr_row_is_seed(row->row))
		return (row->row - PR_SEED_BASE - 1) % c->split.variants + 1;
	if (!is_rest(c, row->email))
		return pr_split_variant(&c->split, row->email, NULL);
	if (c->winner)
		return c->winner;
	return pr_split_variant(&c->split, row->email, c->has_shares ? c->shares : NULL);
}

bool
variants_wait(const struct pr_campaign *c)
{
	return c->test_waits && !c->winner;
}

/* Of a bandit what is due was given out. */
bool
variants_hold(const struct pr_campaign *c, const struct pr_row *row)
{
	if (c->split.variants == 0)
		return false;
	if (!row->variant && !c->winner && c->manifest->test.method == PR_TEST_FIXED &&
	    !pr_row_is_seed(row->row) && is_rest(c, row->email))
		return true;
	return c->variants_stopped && c->variant_states[variant_of(c, row)] == PAUSED;
}

static bool
is_cancelled(const struct pr_campaign *c, const struct pr_row *row)
{
	return c->variants_stopped && c->variant_states[variant_of(c, row)] == CANCELLED;
}

/* ---- rows that may not go ---- */

static void
settle(struct pr_campaign *c, const struct pr_row *row)
{
	static const char why[] = "its variant was cancelled";
	if (row->state == PR_IN_DOUBT) /* nobody knows whether it arrived */
		outcome_hold(c, row, why);
	else {
		outcome_settle(c, row, (enum pr_state)row->state, PR_CANCELLED, 0, why);
		counts_tried(c, row->row, row->attempts);
	}
	suppress_note_settled(c, row->row);
}

/* Of rows just read. Fresh ones that wait get an entry in the ledger, parked; due ones have one
 * (due_park). */
void
variants_settle(struct pr_campaign *c, struct pr_batch *b, bool due)
{
	unsigned kept = 0;
	if (c->split.variants == 0)
		return;
	for (unsigned i = 0; i < b->n; i++) {
		const struct pr_row *row = &b->rows[i];
		if (is_cancelled(c, row))
			settle(c, row);
		else if (!due && variants_hold(c, row))
			outcome_put_off(c, row, PR_LEDGER_PARKED_MS);
		else
			b->rows[kept++] = *row;
	}
	b->n = kept;
}

/* ---- looking ---- */

struct look_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	struct pr_manifest_test test;
	unsigned variants;
	uint64_t seed;
	bool final;
	char path[4200];
	uint64_t parked;
	struct pr_decision decision;
	int result;
	struct pr_error error;
};

static void
work_look(struct pr_job *job, void *worker)
{
	(void)worker;
	struct look_job *j = PR_CONTAINER(job, struct look_job, job);
	struct pr_variant_counts of[PR_MANIFEST_VARIANTS_MAX + 1];
	pr_ledger *l;
	j->result = pr_ledger_open(j->path, PR_LEDGER_READ, &l, &j->error);
	if (j->result < 0)
		return;
	j->result = pr_ledger_variants(l, of, j->variants + 1, &j->error);
	if (j->result == 0)
		j->result = pr_ledger_parked(l, &j->parked, &j->error);
	pr_ledger_close(l);
	if (j->result == 0)
		pr_test_decide(&j->test, of + 1, j->variants, j->final, j->seed, &j->decision);
}

static void
decide(struct pr_campaign *c, const struct pr_decision *d)
{
	char detail[200];
	const char *name = pr_manifest_wording(c->manifest, d->variant)->name;
	bool bandit = c->manifest->test.method == PR_TEST_BANDIT;
	snprintf(detail, sizeof detail, PR_TEST_DETAIL "%u, %s: %s (p %.4f)", d->variant, name,
	         d->better ? "better than the others"
	         : bandit  ? "the best so far, not for certain"
	                   : "no difference found, the fallback",
	         d->p);
	c->winner = (uint8_t)d->variant;
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, PR_TEST_VERB,
	                "postriderd", detail);
	pr_log(PR_LOG_INFO, &(struct pr_log_about){.event = "test", .campaign = c->id},
	       "the test is decided: %s", detail);
	c->unpark = true;
	slices_unpark(c);
}

/* A portion of the rest, so that what is left lasts for the looks to come. */
static void
give_out(struct pr_campaign *c, const struct look_job *j)
{
	int64_t left = c->started_ms + j->test.wait_ms - pr_utc_ms();
	uint64_t looks = left > 0 ? (uint64_t)(left / c->look_every_ms) + 1 : 1;
	memcpy(c->shares, j->decision.share, sizeof c->shares);
	c->has_shares = true;
	slices_unpark_some(c, j->parked / looks + 1);
}

static void
look_done(struct pr_job *job)
{
	struct look_job *j = PR_CONTAINER(job, struct look_job, job);
	struct pr_campaign *c = j->campaign;
	c->looking = false;
	if (j->result < 0)
		campaign_note_error(c, j->error.text); /* the next look may do better */
	else if (c->winner || c->mass != PR_STATES || c->delivery->closing)
		;
	else if (j->decision.decided)
		decide(c, &j->decision);
	else if (j->test.method == PR_TEST_BANDIT)
		give_out(c, j);
	free(j);
	campaign_check_end(c);
}

static void
look(struct pr_campaign *c, bool final)
{
	struct look_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_look;
	j->job.done = look_done;
	j->campaign = c;
	j->test = c->manifest->test;
	j->test.fallback.p = NULL; /* the manifest may be replaced meanwhile */
	j->variants = c->split.variants;
	j->seed = pr_mix64(c->last_lsn);
	j->final = final;
	snprintf(j->path, sizeof j->path, "%s/ledger.db", c->dir);
	c->looking = true;
	pr_lane_submit(c->delivery->versions_lane, &j->job);
}

void
variants_second(struct pr_campaign *c)
{
	int64_t now = pr_utc_ms();
	if (!c->test_waits || c->winner || c->looking || !c->ledger || !c->started_ms ||
	    c->state != PR_CAMPAIGN_SENDING || c->mass != PR_STATES)
		return;
	int64_t wait = c->manifest->test.wait_ms, last_ms = c->timed.tested_ms;
	bool final = now >= (last_ms > c->started_ms ? last_ms : c->started_ms) + wait;
	c->look_every_ms = wait / LOOKS < LOOK_MS ? wait / LOOKS + 1 : LOOK_MS;
	/* Who got it earlier had more time to answer: nothing is certain before the end. */
	if (!final && (last_ms || now < c->look_again_at_ms))
		return;
	c->look_again_at_ms = now + c->look_every_ms;
	look(c, final);
}

/* ---- what people ask ---- */

static unsigned
find(const struct pr_campaign *c, const char *name)
{
	for (unsigned i = 1; i <= c->split.variants; i++)
		if (strcmp(pr_manifest_wording(c->manifest, i)->name, name) == 0)
			return i;
	return 0;
}

static void
set_state(struct pr_campaign *c, unsigned variant, enum variant_state state)
{
	c->variants_stopped -= c->variant_states[variant] != GOES_ON;
	c->variant_states[variant] = (uint8_t)state;
	c->variants_stopped += state != GOES_ON;
}

/* What is in memory is read again; what was parked, too. */
static void
read_again(struct pr_campaign *c)
{
	flows_leave(c);
	refill_drop(c);
	flows_withdraw(c);
	c->unpark = true;
	slices_unpark(c);
	campaign_gate(c);
}

const char *
variant_verb(struct pr_campaign *c, const struct pr_verb *v)
{
	static const struct {
		enum variant_state to;
		const char *verb;
	} verbs[] = {[PR_VERB_PAUSE] = {PAUSED, "pause_variant"},
	             [PR_VERB_RESUME] = {GOES_ON, "resume_variant"},
	             [PR_VERB_CANCEL] = {CANCELLED, "cancel_variant"}};
	char detail[100];
	unsigned variant = c->manifest ? find(c, v->variant) : 0;
	if (c->restored || !c->ledger || !c->content)
		return "the campaign's ledger is closed, or waits to be adopted";
	if (!variant)
		return "the campaign has no such variant";
	if (c->variant_states[variant] == CANCELLED)
		return "the variant was cancelled";
	if (c->variant_states[variant] == verbs[v->kind].to)
		return v->kind == PR_VERB_PAUSE ? "the variant is paused already"
		                                : "the variant is not paused";
	set_state(c, variant, verbs[v->kind].to);
	snprintf(detail, sizeof detail, PR_TEST_DETAIL "%u, %s", variant, v->variant);
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, verbs[v->kind].verb,
	                v->by, detail);
	read_again(c);
	return NULL;
}

/* ---- as the ledger keeps it ---- */

#define WINNER_FACT "variant"

static unsigned
number_in(struct pr_str detail)
{
	size_t skip = strlen(PR_TEST_DETAIL), n = skip;
	uint64_t variant;
	if (!pr_str_starts(detail, PR_TEST_DETAIL))
		return 0;
	while (n < detail.n && pr_is_digit(detail.p[n]))
		n++;
	return pr_str_u64(pr_str_n(detail.p + skip, n - skip), &variant) &&
	               variant <= PR_MANIFEST_VARIANTS_MAX
	           ? (unsigned)variant
	           : 0;
}

static void
set_fact(pr_ledger *l, const char *key, unsigned value, struct pr_error *e)
{
	char text[12];
	snprintf(text, sizeof text, "%u", value);
	pr_ledger_set(l, key, pr_str(text), e);
}

void
variants_fold(pr_ledger *l, const struct pr_change *change, struct pr_error *e)
{
	static const char *const verbs[] = {[GOES_ON] = "resume_variant",
	                                    [PAUSED] = "pause_variant",
	                                    [CANCELLED] = "cancel_variant"};
	unsigned variant = number_in(change->detail);
	char key[24];
	if (!variant)
		return;
	if (pr_str_is(change->verb, PR_TEST_VERB)) {
		set_fact(l, WINNER_FACT, variant, e);
		pr_ledger_set(l, "verdict", change->detail, e);
	}
	snprintf(key, sizeof key, "variant_%u", variant);
	for (unsigned i = 0; i < 3; i++)
		if (pr_str_is(change->verb, verbs[i]))
			set_fact(l, key, i, e);
}

static unsigned
fact_of(pr_ledger *l, const char *key, unsigned max)
{
	struct pr_buf text = {0};
	uint64_t n = 0;
	if (pr_ledger_get(l, key, &text) < 0 || !pr_str_u64(pr_buf_str(&text), &n) || n > max)
		n = 0;
	pr_buf_finish(&text);
	return (unsigned)n;
}

void
variants_restore(struct pr_campaign *c)
{
	char key[24];
	c->winner = (uint8_t)fact_of(c->ledger, WINNER_FACT, PR_MANIFEST_VARIANTS_MAX);
	for (unsigned i = 1; i <= PR_MANIFEST_VARIANTS_MAX; i++) {
		snprintf(key, sizeof key, "variant_%u", i);
		set_state(c, i, (enum variant_state)fact_of(c->ledger, key, CANCELLED));
	}
	c->unpark |= c->winner > 0; /* killed before all of the rest was due */
}
