/*
 * Folding: outcomes of the journal become entries, in one transaction with the lsn up to
 * which they are in.
 *
 *   records -below what is folded: left out-> sorted by row -last of a row-> entries
 *   mass mark -> progress.mark; effective at once, entries rewritten in slices
 *   engagement -> hits of the row (engage.c)
 *
 * Repeatable: values are absolute, what is folded is never folded again, and a transaction
 * that did not commit left nothing. Each move is checked against the one table of moves
 * (several of a row within one batch count as one way through it); an outcome to which no
 * way leads is left out and counted, never guessed.
 *
 * A mark meets rows in flight. Their outcomes come after it and are the truth: delivered,
 * bounced and in_doubt stand; deferred and pending mean unsent, so they become the mark's
 * state. A row in doubt waits for `resolve` then: nothing is sent again after a mark.
 */
#include "internal.h"

#include "postrider/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define MASS_ROWS 200 /* LIMIT of ST_MASS */

struct fold {
	pr_ledger *l;
	struct progress p; /* as it will be */
	struct ledger_batch outcomes, engagements;
};

/* ---- which way an entry may go ---- */

static bool reachable[PR_STATES][PR_STATES];

/* Transitive closure of the moves (Warshall): a batch may hold several of a row. */
__attribute__((constructor)) static void
close_moves(void)
{
	for (int i = 0; i < PR_STATES; i++)
		for (int j = 0; j < PR_STATES; j++)
			reachable[i][j] = pr_state_may_move((enum pr_state)i, (enum pr_state)j);
	for (int k = 0; k < PR_STATES; k++)
		for (int i = 0; i < PR_STATES; i++)
			for (int j = 0; j < PR_STATES; j++)
				reachable[i][j] |= reachable[i][k] && reachable[k][j];
}

static enum pr_state
real_state(const struct entry *n)
{
	return n->flags & FLAG_BY_MARK ? PR_PENDING : (enum pr_state)n->state;
}

/* Whether the table has a way there. late: what came back tells of mail that was sent, and moves
 * no row that has come to be something else meanwhile. */
static bool
may_become(enum pr_state from, const struct entry *n, bool late)
{
	enum pr_state to = n->flags & FLAG_BY_MARK ? PR_PENDING : (enum pr_state)n->state;
	if (late && from != PR_DELIVERED && from != PR_IN_DOUBT)
		return false;
	return reachable[from][to];
}

/* ---- outcomes ---- */

static bool
read_outcome(const struct pr_record *r, struct entry *out)
{
	struct pr_outcome o;
	if (pr_outcome_decode(pr_str_n(r->payload, r->payload_n), &o) < 0 || o.state >= PR_STATES ||
	    o.state == PR_SENDING)
		return false;
	*out = (struct entry){.row = r->row,
	                      .state = o.state,
	                      .class_ = o.class_,
	                      .code = o.code,
	                      .attempts = o.attempts,
	                      .doubts = o.doubts,
	                      .version = o.version,
	                      .variant = o.variant,
	                      .flags = o.flags,
	                      .enhanced = (uint32_t)o.enhanced[0] << 16 |
	                                  (uint32_t)o.enhanced[1] << 8 | o.enhanced[2],
	                      .first_ms = o.first_ms,
	                      .last_ms = o.attempts ? r->at_ms : 0,
	                      .reply = o.reply,
	                      .mx = o.mx};
	if (o.state == PR_PENDING || o.state == PR_DEFERRED)
		out->due_ms = o.due_ms > 0 ? o.due_ms : 1; /* at once: never stuck */
	else if (o.state == PR_IN_DOUBT && !(o.flags & PR_OUTCOME_HELD))
		out->due_ms = o.due_ms > 0 ? o.due_ms : 0;
	return true;
}

static void
apply_mark(const struct mark *mark, struct entry *n)
{
	if (mark->state == PR_STATES)
		return;
	if (n->state == PR_PENDING || n->state == PR_DEFERRED) {
		n->state = (uint8_t)mark->state;
		n->flags |= FLAG_BY_MARK;
		n->due_ms = 0;
	} else if (n->state == PR_IN_DOUBT && n->due_ms) {
		n->flags |= PR_OUTCOME_HELD;
		n->due_ms = 0;
	}
}

static int
refuse(struct fold *f)
{
	f->p.refused++;
	return 0;
}

/* Over an entry that is there already, as it is of what came late. */
static int
put_over(struct fold *f, struct entry *n, bool late, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct entry old = {.row = n->row};
	int r = ledger_statement(f->l, ST_ENTRY_GET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, n->row);
	if ((r = pr_db_step(s, e)) <= 0)
		return r < 0  ? r
		       : late ? refuse(f)
		              : pr_fail(e, PR_ECORRUPT, "%s: row %u is damaged", f->l->path,
		                        (unsigned)n->row);
	ledger_read_entry(s, 0, &old);
	sqlite3_reset(s);
	if (!may_become(real_state(&old), n, late))
		return refuse(f);
	if (n->attempts == old.attempts && n->attempts)
		n->last_ms = old.last_ms; /* evidence came later than the attempt */
	return ledger_replace_entry(f->l, &old, n, &f->p.tally, e);
}

/* All outcomes of one row, from keys[*at] on. */
static int
fold_row(struct fold *f, size_t *at, struct pr_error *e)
{
	const struct ledger_batch *b = &f->outcomes;
	struct entry now, next;
	bool have = false, late = false;
	uint32_t row = (uint32_t)(b->keys[*at] >> 32);
	for (; *at < b->n && (uint32_t)(b->keys[*at] >> 32) == row; ++*at) {
		if (!read_outcome(&b->records[(uint32_t)b->keys[*at]], &next) ||
		    (have &&
		     !may_become((enum pr_state)now.state, &next, next.flags & PR_OUTCOME_LATE))) {
			refuse(f);
			continue;
		}
		late = have ? late : next.flags & PR_OUTCOME_LATE;
		now = next;
		have = true;
	}
	if (!have)
		return 0;
	apply_mark(&f->p.mark, &now);
	int r = late ? PR_EEXIST : ledger_put_entry(f->l, &now, &f->p.tally, e);
	return r == PR_EEXIST ? put_over(f, &now, late, e) : r;
}

/* ---- a batch ---- */

static void
set_mark(struct fold *f, const struct pr_record *r)
{
	struct pr_change c;
	if (pr_change_decode(pr_str_n(r->payload, r->payload_n), &c) < 0 ||
	    (c.state != PR_CANCELLED && c.state != PR_SKIPPED && c.state != PR_SUPPRESSED)) {
		f->p.refused++;
		return;
	}
	if (f->p.mark.state != PR_STATES)
		return; /* the first one has taken every unsent row */
	struct pr_str why = c.detail.n ? c.detail : c.verb;
	f->p.mark = (struct mark){.state = (enum pr_state)c.state, .lsn = r->lsn};
	pr_str_show(why, f->p.mark.reason, sizeof f->p.mark.reason);
}

static int
compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void
batch_add(struct ledger_batch *b, uint32_t row, size_t position)
{
	b->keys[b->n++] = (uint64_t)row << 32 | (uint32_t)position;
}

/* Records come in order where nothing is retried. */
static void
batch_sort(struct ledger_batch *b)
{
	for (size_t i = 1; i < b->n; i++)
		if (b->keys[i - 1] > b->keys[i]) {
			qsort(b->keys, b->n, sizeof *b->keys, compare_keys);
			return;
		}
}

/* Choose what is new and ours, in order of rows. Marks are taken first: what they do to an
 * outcome does not depend on which of the two came first. */
static void
collect(struct fold *f, const struct pr_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct pr_record *r = &records[i];
		if (r->lsn < f->p.folded || r->campaign != f->l->identity.serial)
			continue;
		if (r->type == PR_RECORD_MASS)
			set_mark(f, r);
		if (r->type != PR_RECORD_OUTCOME && r->type != PR_RECORD_ENGAGEMENT)
			continue;
		if (r->row == 0 || (r->row > f->p.tally.rows && !pr_row_is_seed(r->row)))
			f->p.refused++;
		else
			batch_add(r->type == PR_RECORD_OUTCOME ? &f->outcomes : &f->engagements,
			          r->row, i);
	}
	batch_sort(&f->outcomes);
	batch_sort(&f->engagements);
}

/* Move first_fresh over the entries behind it, a bounded way. */
static int
advance_fresh(struct fold *f, struct pr_error *e)
{
	sqlite3_stmt *s;
	size_t steps = f->outcomes.n + 1000;
	int r = ledger_statement(f->l, ST_ENTRIES_FROM, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, f->p.first_fresh);
	while (steps-- > 0 && (r = pr_db_step(s, e)) == 1 &&
	       sqlite3_column_int64(s, 0) == f->p.first_fresh)
		f->p.first_fresh++;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

static int
fold_all(struct fold *f, uint64_t lsn, struct pr_error *e)
{
	const struct ledger_batch *b = &f->outcomes;
	int r = 0;
	for (size_t at = 0; r == 0 && at < b->n;)
		r = fold_row(f, &at, e);
	if (r == 0 && b->n && (uint32_t)(b->keys[0] >> 32) <= f->p.first_fresh)
		r = advance_fresh(f, e);
	if (r == 0)
		r = ledger_engage(f->l, &f->engagements, &f->p.refused, e);
	f->p.folded = lsn;
	return r < 0 ? r : ledger_save_progress(f->l, &f->p, e);
}

int
pr_ledger_fold(pr_ledger *l, const struct pr_record *records, size_t n, uint64_t lsn,
               struct pr_error *e)
{
	PR_ASSERT(l->mode == PR_LEDGER_FOLD && !l->importing && n < UINT32_MAX);
	if (lsn <= l->p.folded)
		return 0;
	uint64_t *keys = pr_alloc((2 * n + 1) * sizeof *keys);
	struct fold f = {.l = l,
	                 .p = l->p,
	                 .outcomes = {.records = records, .keys = keys},
	                 .engagements = {.records = records, .keys = keys + n}};
	unsigned arrived = l->arrived_n;
	collect(&f, records, n);
	int r = pr_db_begin(l->db, e);
	if (r == 0)
		r = pr_db_end(l->db, fold_all(&f, lsn, e), e);
	if (r == 0) {
		l->p = f.p;
		for (size_t i = 0; i < f.outcomes.n; i++)
			pr_map_remove(&l->handed, keys[i] >> 32);
	} else
		l->arrived_n = arrived;
	free(keys);
	return r;
}

unsigned
pr_ledger_arrived(pr_ledger *l, uint32_t rows[PR_LEDGER_ARRIVED_MAX])
{
	unsigned n = l->arrived_n;
	memcpy(rows, l->arrived, n * sizeof *rows);
	l->arrived_n = 0;
	return n;
}

/* ---- rewriting after a mark ---- */

/* Up to MASS_ROWS entries of a state behind a row, with their own memory. */
static int
read_entries(pr_ledger *l, enum pr_state state, uint32_t after, struct pr_arena *a,
             struct entry *out, size_t *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_MASS, &s, e);
	*n = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, (int)state);
	sqlite3_bind_int64(s, 2, after);
	while (*n < MASS_ROWS && (r = pr_db_step(s, e)) == 1) {
		struct entry *entry = &out[(*n)++];
		ledger_read_entry(s, 1, entry);
		entry->row = (uint32_t)sqlite3_column_int64(s, 0);
		entry->reply = pr_arena_copy(a, entry->reply);
		entry->mx = pr_arena_copy(a, entry->mx);
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* One step: entries that wait to be sent, then rows in doubt that were to be sent again. */
static int
mass_step(pr_ledger *l, struct progress *p, struct pr_arena *a, struct pr_error *e)
{
	struct entry entries[MASS_ROWS];
	size_t n = 0;
	int r = read_entries(l, PR_PENDING, 0, a, entries, &n, e);
	if (r == 0 && n == 0)
		r = read_entries(l, PR_DEFERRED, 0, a, entries, &n, e);
	if (r == 0 && n == 0) {
		r = read_entries(l, PR_IN_DOUBT, p->mark.row, a, entries, &n, e);
		p->mark.row = n ? entries[n - 1].row : UINT32_MAX;
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct entry after = entries[i];
		apply_mark(&p->mark, &after);
		r = ledger_replace_entry(l, &entries[i], &after, &p->tally, e);
	}
	return r;
}

int
pr_ledger_mass_slice(pr_ledger *l, int64_t slice_ms, struct pr_error *e)
{
	struct progress p = l->p;
	struct pr_arena a;
	int64_t end_us = pr_mono_us() + slice_ms * 1000;
	if (p.mark.state == PR_STATES || p.mark.row == UINT32_MAX)
		return 0;
	int r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	pr_arena_init(&a);
	do {
		r = mass_step(l, &p, &a, e);
		pr_arena_reset(&a);
	} while (r == 0 && p.mark.row != UINT32_MAX && pr_mono_us() < end_us);
	pr_arena_finish(&a);
	if (r == 0)
		r = ledger_save_progress(l, &p, e);
	r = pr_db_end(l->db, r, e);
	if (r == 0)
		l->p = p;
	return r < 0 ? r : p.mark.row != UINT32_MAX;
}
