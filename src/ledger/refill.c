/*
 * Refill: batches of rows for the loop.
 *
 * Fresh rows are what two cursors leave when they are walked side by side: the rows of
 * the file, less the rows that have an entry. Both are in order, so each row costs a step
 * and no look-up. Due rows come by the index of their time.
 *
 * A due row keeps its time in the database until an outcome of it is folded; `handed`
 * remembers that the loop has it, so that it is not read and sent twice in between.
 */
#include "internal.h"

#include <stdlib.h>

#define LOOKED_AT_MAX 20000u /* rows one call may step over beside those it takes */

static struct pr_batch *
new_batch(unsigned max)
{
	struct pr_batch *b = pr_calloc(1, sizeof *b);
	b->refs = 1;
	pr_arena_init(&b->arena);
	b->rows = pr_arena_alloc(&b->arena, (max ? max : 1) * sizeof *b->rows);
	return b;
}

void
pr_batch_unref(struct pr_batch *b)
{
	if (!b)
		return;
	PR_ASSERT(b->refs > 0);
	if (--b->refs > 0)
		return;
	pr_arena_finish(&b->arena);
	free(b);
}

/* ---- fresh rows ---- */

/* The cursor over entries. */
struct entries {
	sqlite3_stmt *s;
	int64_t row; /* where it stands; INT64_MAX: at the end */
};

static int
entries_next(struct entries *c, struct pr_error *e)
{
	int r = pr_db_step(c->s, e);
	c->row = r == 1 ? sqlite3_column_int64(c->s, 0) : INT64_MAX;
	return r < 0 ? r : 0;
}

/* Whether row has an entry. Steps along, or jumps where the rows asked for are far apart. */
static int
entries_has(struct entries *c, int64_t row, bool *has, struct pr_error *e)
{
	int r = 0;
	for (int steps = 0; r == 0 && c->row < row; steps++) {
		if (steps == 32) {
			sqlite3_reset(c->s);
			sqlite3_bind_int64(c->s, 1, row);
		}
		r = entries_next(c, e);
	}
	*has = c->row == row;
	return r;
}

static void
take_fresh(struct pr_batch *b, sqlite3_stmt *s)
{
	struct pr_row *row = &b->rows[b->n++];
	*row = (struct pr_row){.row = (uint32_t)sqlite3_column_int64(s, 0),
	                       .domain = (uint32_t)sqlite3_column_int64(s, 1),
	                       .state = PR_PENDING};
	row->email = pr_arena_copy(&b->arena, pr_db_text(s, 2));
	row->data = pr_arena_copy(&b->arena, pr_db_text(s, 3));
}

static int
walk_fresh(sqlite3_stmt *rows, struct entries *entries, unsigned max, size_t octets_max,
           struct pr_batch *b, struct pr_error *e)
{
	unsigned looked_at = 0;
	size_t before = b->arena.used;
	int r;
	while ((r = pr_db_step(rows, e)) == 1) {
		bool has;
		int64_t row = sqlite3_column_int64(rows, 0);
		if (b->n == max || looked_at == LOOKED_AT_MAX ||
		    (b->n && b->arena.used - before >= octets_max))
			return 0; /* row is where the next call begins */
		if ((r = entries_has(entries, row, &has, e)) < 0)
			return r;
		if (has)
			looked_at++;
		else
			take_fresh(b, rows);
		b->next_row = (uint32_t)row + 1;
	}
	b->end = r == 0;
	return r;
}

int
pr_ledger_refill_fresh(pr_ledger *l, uint32_t domain, uint32_t from, unsigned max,
                       size_t octets_max, struct pr_batch **out, struct pr_error *e)
{
	sqlite3_stmt *rows;
	struct entries entries = {.row = -1};
	if (domain && !l->indexed)
		return pr_fail(e, PR_EAGAIN, "%s: its domain index is not complete yet", l->path);
	int r = ledger_statement(l, domain ? ST_FRESH_DOMAIN : ST_FRESH_ROWS, &rows, e);
	if (r == 0)
		r = ledger_statement(l, ST_ENTRIES_FROM, &entries.s, e);
	if (r < 0)
		return r;
	struct pr_batch *b = new_batch(max);
	if (from < l->p.first_fresh)
		from = l->p.first_fresh;
	b->next_row = from;
	b->end = l->p.mark.state != PR_STATES; /* nothing is sent after a mark */
	sqlite3_bind_int64(rows, 1, from);
	if (domain)
		sqlite3_bind_int64(rows, 2, domain);
	sqlite3_bind_int64(entries.s, 1, from);
	if (!b->end)
		r = walk_fresh(rows, &entries, max, octets_max, b, e);
	sqlite3_reset(rows);
	sqlite3_reset(entries.s);
	if (r < 0)
		pr_batch_unref(b);
	else
		*out = b;
	return r < 0 ? r : 0;
}

uint32_t
pr_ledger_first_fresh(pr_ledger *l)
{
	sqlite3_stmt *s;
	uint32_t row = l->p.first_fresh;
	if (l->p.mark.state != PR_STATES || ledger_statement(l, ST_ENTRIES_FROM, &s, NULL) < 0)
		return UINT32_MAX;
	sqlite3_bind_int64(s, 1, row);
	while (pr_db_step(s, NULL) == 1 && sqlite3_column_int64(s, 0) == row)
		row++;
	sqlite3_reset(s);
	l->p.first_fresh = row; /* kept with the next fold */
	return row <= l->p.tally.rows ? row : UINT32_MAX;
}

/* ---- rows by number, due rows ---- */

/* One row with what is known of it; r 0 and b->n unchanged where there is none. */
static int
take_row(pr_ledger *l, uint32_t number, struct pr_batch *b, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct entry entry;
	int r = ledger_statement(l, ST_ROW, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, number);
	if ((r = pr_db_step(s, e)) <= 0)
		return r;
	bool fresh = sqlite3_column_type(s, 3) == SQLITE_NULL;
	ledger_read_entry(s, 3, &entry);
	struct pr_row *row = &b->rows[b->n++];
	*row = (struct pr_row){.row = number,
	                       .domain = (uint32_t)sqlite3_column_int64(s, 0),
	                       .attempts = entry.attempts,
	                       .doubts = entry.doubts,
	                       .version = entry.version,
	                       .variant = entry.variant,
	                       .first_ms = entry.first_ms,
	                       .state = (uint8_t)ledger_effective(
				   &l->p.mark, fresh ? PR_STATES : (enum pr_state)entry.state)};
	row->email = pr_arena_copy(&b->arena, pr_db_text(s, 1));
	row->data = pr_arena_copy(&b->arena, pr_db_text(s, 2));
	sqlite3_reset(s);
	return 0;
}

int
pr_ledger_row(pr_ledger *l, uint32_t row, struct pr_batch **out, struct pr_error *e)
{
	struct pr_batch *b = new_batch(1);
	int r = take_row(l, row, b, e);
	if (r == 0 && b->n == 0)
		r = pr_fail(e, PR_ENOENT, "there is no row %u", (unsigned)row);
	if (r < 0) {
		pr_batch_unref(b);
		return r;
	}
	b->end = true;
	*out = b;
	return 0;
}

static int
walk_due(pr_ledger *l, sqlite3_stmt *s, unsigned max, struct pr_batch *b, struct pr_error *e)
{
	int r;
	while ((r = pr_db_step(s, e)) == 1) {
		uint32_t row = (uint32_t)sqlite3_column_int64(s, 0);
		if (pr_map_get(&l->handed, row))
			continue;
		if (b->n == max)
			return 0;
		if ((r = take_row(l, row, b, e)) < 0)
			return r;
		pr_map_put(&l->handed, row, l);
	}
	b->end = r == 0;
	return r;
}

static int
next_due(pr_ledger *l, uint32_t domain, int64_t now_utc_ms, int64_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, domain ? ST_DUE_NEXT_DOMAIN : ST_DUE_NEXT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, now_utc_ms);
	if (domain)
		sqlite3_bind_int64(s, 2, domain);
	if ((r = pr_db_step(s, e)) == 1) {
		*out = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}

static int
fill_due(pr_ledger *l, uint32_t domain, int64_t now_utc_ms, unsigned max, struct pr_batch *b,
         struct pr_error *e)
{
	sqlite3_stmt *s;
	b->end = l->p.mark.state != PR_STATES;
	if (b->end)
		return 0;
	int r = ledger_statement(l, domain ? ST_DUE_DOMAIN : ST_DUE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, now_utc_ms);
	if (domain)
		sqlite3_bind_int64(s, 2, domain);
	r = walk_due(l, s, max, b, e);
	sqlite3_reset(s);
	return r < 0 ? r : next_due(l, domain, now_utc_ms, &b->next_due_ms, e);
}

int
pr_ledger_refill_due(pr_ledger *l, uint32_t domain, int64_t now_utc_ms, unsigned max,
                     struct pr_batch **out, struct pr_error *e)
{
	struct pr_batch *b = new_batch(max);
	int r = fill_due(l, domain, now_utc_ms, max, b, e);
	if (r < 0) {
		for (unsigned i = 0; i < b->n; i++)
			pr_map_remove(&l->handed, b->rows[i].row);
		pr_batch_unref(b);
		return r;
	}
	*out = b;
	return 0;
}

/* A row without an entry was fresh and gets one; one with an entry that is not due has an outcome
 * by now, which says more. */
static int
put_off_row(pr_ledger *l, sqlite3_stmt *s, const struct pr_put_off *o, struct tally *t,
            struct pr_error *e)
{
	struct entry n = {.row = o->row, .state = PR_PENDING, .due_ms = o->due_utc_ms};
	sqlite3_bind_int64(s, 1, o->row);
	sqlite3_bind_int64(s, 2, o->due_utc_ms);
	int r = pr_db_run(s, e);
	if (r < 0 || sqlite3_changes(l->db) > 0 || l->p.mark.state != PR_STATES)
		return r;
	r = ledger_put_entry(l, &n, t, e);
	return r == PR_EEXIST ? 0 : r;
}

int
pr_ledger_put_off(pr_ledger *l, const struct pr_put_off *rows, size_t n, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct progress p = l->p;
	int r = ledger_statement(l, ST_PUT_OFF, &s, e);
	if (r == 0)
		r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_off_row(l, s, &rows[i], &p.tally, e);
	if (r == 0 && memcmp(&p.tally, &l->p.tally, sizeof p.tally) != 0)
		r = ledger_save_progress(l, &p, e);
	r = pr_db_end(l->db, r, e);
	if (r == 0)
		l->p = p;
	for (size_t i = 0; i < n; i++)
		pr_map_remove(&l->handed, rows[i].row);
	return r;
}

int
pr_ledger_unpark(pr_ledger *l, int64_t due_utc_ms, unsigned max, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_UNPARK, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, due_utc_ms);
	sqlite3_bind_int64(s, 2, PR_LEDGER_PARKED_MS);
	sqlite3_bind_int64(s, 3, max);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r < 0 ? r : sqlite3_changes(l->db) == (int)max;
}

void
pr_ledger_give_back(pr_ledger *l, uint32_t row)
{
	pr_map_remove(&l->handed, row);
}
