/*
 * One slice of the journal, read through the folder's cursor and applied: at most FOLD_SLICE
 * records, one transaction a ledger.
 *
 *   journal (durable) -cursor-> outcomes, marks, engagement -by campaign-> ledger
 *                              changes of campaigns        -> the ledger's facts
 *                              pause --all                 -> state.db
 *                              all of them, as they come   -> fold_caps.c
 *
 * Campaigns that have ended learn only what came back: their ledgers are in done/ (finished.c).
 * What changed so is told to the loop (answer.c).
 *
 * No room on the disk: the slice is read again later. Any other failure of one ledger takes that
 * ledger out (its campaign fails) and costs the others nothing.
 */
#include "fold.h"

#include <stdio.h>
#include <stdlib.h>

static int
by_campaign_and_lsn(const void *a, const void *b)
{
	const struct pr_record *x = a, *y = b;
	if (x->campaign != y->campaign)
		return x->campaign < y->campaign ? -1 : 1;
	return x->lsn < y->lsn ? -1 : x->lsn > y->lsn;
}

/* Not closed before the end: jobs that were asked for earlier still come by with it. */
static void
take_out(struct folder *f, uint32_t serial, const struct pr_error *e)
{
	pr_ledger *l = pr_map_remove(&f->ledgers, serial);
	if (l)
		pr_map_put(&f->taken_out, serial, l);
	if (f->failed_n < FAILED_MAX) {
		f->failed[f->failed_n].serial = serial;
		f->failed[f->failed_n++].error = *e;
	}
}

/* What can concern a campaign that has ended. */
static bool
has_answer(const struct pr_record *records, size_t n)
{
	struct pr_outcome o;
	for (size_t i = 0; i < n; i++) {
		const struct pr_record *r = &records[i];
		if (r->type == PR_RECORD_ENGAGEMENT)
			return true;
		if (r->type == PR_RECORD_OUTCOME &&
		    pr_outcome_decode(pr_str_n(r->payload, r->payload_n), &o) == 0 &&
		    o.flags & PR_OUTCOME_LATE)
			return true;
	}
	return false;
}

static struct answer *
add_answer(struct folder *f, uint32_t serial)
{
	for (size_t i = 0; i < f->answers_n; i++)
		if (f->answers[i].serial == serial)
			return &f->answers[i];
	if (f->answers_n == f->answers_cap) {
		f->answers_cap = f->answers_cap ? f->answers_cap * 2 : 16;
		f->answers = pr_realloc(f->answers, f->answers_cap * sizeof *f->answers);
	}
	f->answers[f->answers_n] = (struct answer){.serial = serial};
	return &f->answers[f->answers_n++];
}

/* id: of a campaign that has ended; else NULL. */
static int
note_answer(struct folder *f, pr_ledger *l, uint32_t serial, const char *id, struct pr_error *e)
{
	struct answer *a = add_answer(f, serial);
	uint32_t arrived[PR_LEDGER_ARRIVED_MAX];
	unsigned n = pr_ledger_arrived(l, arrived);
	for (unsigned i = 0; i < n && a->arrived_n < PR_LEDGER_ARRIVED_MAX; i++)
		a->arrived[a->arrived_n++] = arrived[i];
	snprintf(a->id, sizeof a->id, "%s", id ? id : "");
	int r = pr_ledger_counts(l, &a->counts, e);
	if (r == 0)
		r = pr_ledger_seed_counts(l, &a->seeds, e);
	if (r == 0)
		r = pr_ledger_engagements(l, &a->engaged, e);
	return r < 0 ? r : pr_ledger_earned(l, &a->earned, e);
}

static int
fold_finished(struct folder *f, const struct pr_record *records, size_t n, uint64_t lsn,
              struct pr_error *e)
{
	pr_ledger *l;
	const char *id;
	int r = finished_ledger(f->finished, records->campaign, &l, &id, e);
	if (r == PR_ENOENT)
		return 0;
	if (r == 0)
		r = pr_ledger_fold(l, records, n, lsn, e);
	if (r == 0)
		r = hard_note(&f->hard, l, records, n, e);
	return r < 0 ? r : note_answer(f, l, records->campaign, id, e);
}

static int
fold_records(struct folder *f, pr_ledger *l, const struct pr_record *records, size_t n,
             uint64_t lsn, struct pr_error *e)
{
	for (size_t i = 0; i < n; i++)
		if (records[i].type == PR_RECORD_CAMPAIGN) {
			int r = work_fold_change(l, &records[i], e);
			if (r < 0)
				return r;
		}
	int r = pr_ledger_fold(l, records, n, lsn, e);
	if (r == 0)
		r = hard_note(&f->hard, l, records, n, e);
	if (r < 0 || !has_answer(records, n))
		return r;
	return note_answer(f, l, records->campaign, NULL, e);
}

static int
fold_campaign(struct folder *f, const struct pr_record *records, size_t n, uint64_t lsn,
              struct pr_error *e)
{
	uint32_t serial = records->campaign;
	pr_ledger *l = pr_map_get(&f->ledgers, serial);
	if (l)
		return fold_records(f, l, records, n, lsn, e);
	if (pr_map_get(&f->taken_out, serial) || !has_answer(records, n))
		return 0;
	if (!finished_is_ending(f->finished, serial))
		return fold_finished(f, records, n, lsn, e);
	finished_keep_back(f->finished, records, n);
	return 0;
}

static int
fold_global(struct folder *f, const struct pr_record *r, struct pr_error *e)
{
	struct pr_change c;
	if (r->type != PR_RECORD_GLOBAL ||
	    pr_change_decode(pr_str_n(r->payload, r->payload_n), &c) < 0)
		return 0;
	f->paused_all = c.paused_all;
	return pr_statedb_set_folded(f->statedb, f->kept.lsn, f->paused_all, e);
}

static bool
is_folded(const struct pr_record *r)
{
	return r->type == PR_RECORD_OUTCOME || r->type == PR_RECORD_ENGAGEMENT ||
	       r->type == PR_RECORD_MASS || r->type == PR_RECORD_CAMPAIGN ||
	       r->type == PR_RECORD_GLOBAL;
}

/* Read one slice into f->records. 1: there may be more, 0: the limit was reached. */
static int
read_slice(struct folder *f, uint64_t limit, struct pr_error *e)
{
	struct pr_record r;
	int got = 1;
	f->n = 0;
	pr_arena_reset(&f->arena);
	for (unsigned seen = 0; f->n < FOLD_SLICE && seen < 8 * FOLD_SLICE; seen++) {
		got = pr_cursor_next(f->cursor, limit, &r, e);
		if (got <= 0)
			break;
		int result = pr_caps_fold(f->caps, &r, e);
		if (result < 0)
			return result;
		if (!is_folded(&r))
			continue;
		if (r.payload_n)
			r.payload = pr_arena_strndup(&f->arena, r.payload, r.payload_n);
		f->records[f->n++] = r;
	}
	return got;
}

static int
apply_slice(struct folder *f, uint64_t lsn, struct pr_error *e)
{
	qsort(f->records, f->n, sizeof *f->records, by_campaign_and_lsn);
	for (unsigned i = 0, run; i < f->n; i += run) {
		const struct pr_record *first = &f->records[i];
		for (run = 1; i + run < f->n && f->records[i + run].campaign == first->campaign;)
			run++;
		int r = 0;
		if (first->campaign == 0)
			for (unsigned k = 0; k < run && r == 0; k++)
				r = fold_global(f, first + k, e);
		else
			r = fold_campaign(f, first, run, lsn, e);
		if (r == PR_ENOSPC || (r < 0 && first->campaign == 0))
			return r;
		if (r < 0)
			take_out(f, first->campaign, e);
	}
	return 0;
}

/* What came while folders moved: before anything newer of the same campaigns. */
static int
fold_kept_back(struct folder *f, struct pr_error *e)
{
	struct pr_record *records;
	int r = 0;
	for (size_t n; r == 0 && (n = finished_next(f->finished, &records)) > 0;) {
		uint32_t serial = records->campaign;
		r = fold_finished(f, records, n, f->position, e);
		free(records);
		if (r < 0 && r != PR_ENOSPC) {
			take_out(f, serial, e);
			r = 0;
		}
		if (r == 0)
			finished_drop(f->finished, serial);
	}
	return r;
}

int
fold_slice(struct folder *f, uint64_t limit, struct pr_error *e)
{
	int r = fold_kept_back(f, e);
	if (r < 0)
		return r;
	int more = read_slice(f, limit, e);
	uint64_t lsn = pr_cursor_lsn(f->cursor);
	r = more < 0 ? more : apply_slice(f, lsn, e);
	if (r < 0) { /* read it again when there is room */
		finished_undo(f->finished, f->position);
		pr_cursor_close(f->cursor);
		f->cursor = NULL;
		int again = pr_cursor_open(f->journal_dir, f->position, &f->cursor, e);
		return again < 0 ? again : r;
	}
	f->position = lsn;
	for (unsigned i = 0; i < f->n; i++)
		f->folded_records += f->records[i].type == PR_RECORD_OUTCOME;
	r = fold_caps_flush(f, e);
	return r < 0 ? r : more;
}

int
work_fold_to(struct folder *f, uint64_t lsn, struct pr_error *e)
{
	int r = 1;
	while (f->position < lsn && r > 0)
		r = fold_slice(f, lsn, e);
	return r < 0 ? r : 0;
}
