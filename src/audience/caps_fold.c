/*
 * Folding: records become entries in memory, entries become rows of the file.
 *
 *   intent, wire -> granted: whose slot it is, until the outcome
 *   outcome      -> entry of the row in the young table: settled, held or gone
 *   mass mark    -> what the campaign holds as deferred is given back
 *   clock        -> by how much the due clock is ahead of the times of records
 *
 *   young is large -> it becomes the flushing one -> slices, by person -> "folded to here", synced
 *
 * Random persons would touch a page each: by thousands, in order, they share them.
 *
 * Killed between two slices: some rows of the file are newer than what it says. The restart reads
 * the same records again and comes to the same rows, or to later ones of the same campaign and
 * row: each is an absolute value. So slices are not synced; the last one is, with all before it.
 */
#include "caps_internal.h"

#include <stdlib.h>

#define LAST_MAX 64u

/* ---- tables of entries ---- */

void
caps_table_finish(struct caps_table *t)
{
	pr_map_finish(&t->by_row);
	pr_map_finish(&t->by_person);
	pr_arena_finish(&t->arena);
}

static void
table_clear(struct caps_table *t)
{
	caps_table_finish(t);
	*t = (struct caps_table){0};
	pr_arena_init(&t->arena);
}

const struct caps_entry *
caps_find(const pr_caps *c, uint32_t campaign, uint32_t row)
{
	uint64_t key = caps_key(campaign, row);
	const struct caps_entry *n = pr_map_get(&c->young.by_row, key);
	return n ? n : pr_map_get(&c->flushing.by_row, key);
}

static struct caps_entry *
young_entry(pr_caps *c, uint64_t person, uint32_t campaign, uint32_t row)
{
	struct caps_table *t = &c->young;
	struct caps_entry *n = pr_map_get(&t->by_row, caps_key(campaign, row));
	if (n)
		return n;
	n = pr_arena_zero(&t->arena, sizeof *n);
	n->person = person;
	n->campaign = campaign;
	n->row = row;
	pr_map_put(&t->by_row, caps_key(campaign, row), n);
	n->next = pr_map_put(&t->by_person, person & ~1ull, n);
	return n;
}

/* ---- records ---- */

static void
fold_intent(pr_caps *c, const struct pr_record *r)
{
	struct pr_intent i;
	if (r->payload_n == 0 || pr_intent_decode(pr_str_n(r->payload, r->payload_n), &i) < 0 ||
	    !i.person)
		return;
	pr_map_put(&c->granted, caps_key(r->campaign, r->row), (void *)(uintptr_t)i.person);
}

static uint8_t
kind_of(const struct pr_outcome *o)
{
	switch (o->state) {
	case PR_DELIVERED: return CAPS_SENT;
	case PR_DEFERRED: return CAPS_DEFERRED;
	case PR_IN_DOUBT: return CAPS_DOUBT;
	default: return CAPS_GONE;
	}
}

/* One that ends at its first try was never held. */
static bool
may_be_held(const struct pr_outcome *o)
{
	bool answered =
	    o->state == PR_DELIVERED || o->state == PR_DEFERRED || o->state == PR_BOUNCED;
	return o->doubts > 0 || o->attempts > 1 || (o->attempts == 1 && !answered);
}

static void
put(pr_caps *c, uint64_t person, const struct pr_record *r, const struct pr_outcome *o,
    int64_t at_ms)
{
	uint8_t kind = kind_of(o);
	bool held = may_be_held(o);
	if (kind == CAPS_GONE && !held && !caps_find(c, r->campaign, r->row))
		return; /* nothing ever was */
	struct caps_entry *n = young_entry(c, person, r->campaign, r->row);
	n->kind = kind;
	n->at_ms = at_ms;
	n->was_held |= held;
}

/* The outcome of a row that was not on its way: it may have a slot from before. One that is
 * settled for good keeps it, whatever comes back later. */
static int
fold_unasked(pr_caps *c, const struct pr_record *r, const struct pr_outcome *o, struct pr_error *e)
{
	struct caps_entry was;
	const struct caps_entry *n = caps_find(c, r->campaign, r->row);
	if (!n) {
		int found = caps_held(c, r->campaign, r->row, &was, e);
		if (found <= 0)
			return found;
		n = &was;
	}
	if (n->kind == CAPS_GONE || n->kind == CAPS_SENT)
		return 0;
	was = *n;
	struct caps_entry *now = young_entry(c, was.person, r->campaign, r->row);
	now->kind = kind_of(o);
	now->at_ms = was.at_ms;
	now->was_held = true;
	return 0;
}

static int
fold_outcome(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	struct pr_outcome o;
	void *granted = pr_map_remove(&c->granted, caps_key(r->campaign, r->row));
	if (r->lsn < c->folded || pr_outcome_decode(pr_str_n(r->payload, r->payload_n), &o) < 0)
		return 0;
	if (!granted)
		return fold_unasked(c, r, &o, e);
	put(c, (uint64_t)(uintptr_t)granted, r, &o, r->at_ms + c->offset_ms);
	return 0;
}

/* The same again changes nothing, so it is written at once. */
static int
fold_mass(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (r->lsn < c->folded ||
	    pr_map_put(&c->voided, r->campaign, (void *)(uintptr_t)(r->lsn + 1)))
		return 0;
	int result = caps_statement(c, CAPS_VOID_PUT, &s, e);
	if (result < 0)
		return result;
	sqlite3_bind_int64(s, 1, r->campaign);
	return pr_db_run(s, e);
}

static void
fold_clock(pr_caps *c, const struct pr_record *r)
{
	int64_t offset_ms;
	if (r->lsn >= c->folded &&
	    pr_clock_decode(pr_str_n(r->payload, r->payload_n), &offset_ms) == 0)
		c->offset_ms = offset_ms;
}

int
pr_caps_fold(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	switch (r->type) {
	case PR_RECORD_INTENT:
	case PR_RECORD_WIRE: fold_intent(c, r); return 0;
	case PR_RECORD_OUTCOME: return fold_outcome(c, r, e);
	case PR_RECORD_MASS: return fold_mass(c, r, e);
	case PR_RECORD_CLOCK: fold_clock(c, r); return 0;
	default: return 0;
	}
}

uint64_t
pr_caps_needs(const pr_caps *c)
{
	return c->folded;
}

/* ---- flushing ---- */

static int
by_person(const void *a, const void *b)
{
	const struct caps_entry *x = *(struct caps_entry *const *)a;
	const struct caps_entry *y = *(struct caps_entry *const *)b;
	int64_t p = (int64_t)x->person, q = (int64_t)y->person; /* as SQLite orders them */
	return p != q ? (p < q ? -1 : 1) : x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static void
begin_flush(pr_caps *c)
{
	struct caps_table empty = c->flushing;
	c->flushing = c->young;
	c->young = empty;
	const struct pr_map *rows = &c->flushing.by_row;
	c->sorted = pr_alloc((rows->n + 1) * sizeof *c->sorted);
	c->sorted_n = c->sorted_at = 0;
	for (size_t i = 0; i < rows->cap; i++)
		if (rows->slots[i].value)
			c->sorted[c->sorted_n++] = rows->slots[i].value;
	qsort(c->sorted, c->sorted_n, sizeof *c->sorted, by_person);
	c->flush_lsn = c->last_lsn;
	c->flush_offset_ms = c->offset_ms;
}

static int
drop_held(pr_caps *c, const struct caps_entry *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (!c->any_held)
		return 0;
	int r = caps_statement(c, CAPS_HELD_DROP, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, n->campaign);
	sqlite3_bind_int64(s, 2, n->row);
	return pr_db_run(s, e);
}

static int
put_sent(pr_caps *c, const struct caps_entry *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, CAPS_SENT_PUT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)n->person);
	sqlite3_bind_int64(s, 2, n->at_ms / 1000);
	sqlite3_bind_int64(s, 3, n->campaign);
	sqlite3_bind_int64(s, 4, n->row);
	return pr_db_run(s, e);
}

static int
put_held(pr_caps *c, const struct caps_entry *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, CAPS_HELD_PUT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, n->campaign);
	sqlite3_bind_int64(s, 2, n->row);
	sqlite3_bind_int64(s, 3, (int64_t)n->person);
	sqlite3_bind_int64(s, 4, n->at_ms);
	sqlite3_bind_int(s, 5, n->kind);
	c->any_held = true;
	return pr_db_run(s, e);
}

static int
flush_entry(pr_caps *c, const struct caps_entry *n, struct pr_error *e)
{
	int r =
	    n->was_held && (n->kind == CAPS_SENT || n->kind == CAPS_GONE) ? drop_held(c, n, e) : 0;
	if (r == 0 && n->kind == CAPS_SENT)
		r = put_sent(c, n, e);
	else if (r == 0 && n->kind != CAPS_GONE)
		r = put_held(c, n, e);
	return r;
}

static int
flush_some(pr_caps *c, bool last, int64_t end_mono_ms, struct pr_error *e)
{
	int r = 0;
	size_t end = last ? c->sorted_n : c->sorted_n - LAST_MAX;
	for (unsigned n = 0; r == 0 && c->sorted_at < end; n++) {
		if (!last && n % 64 == 63 && pr_mono_ms() >= end_mono_ms)
			break;
		r = flush_entry(c, c->sorted[c->sorted_at++], e);
	}
	if (r < 0 || !last)
		return r;
	r = caps_put_fact(c, "folded", (int64_t)c->flush_lsn, e);
	return r < 0 ? r : caps_put_fact(c, "offset", c->flush_offset_ms, e);
}

static void
end_flush(pr_caps *c)
{
	c->folded = c->flush_lsn;
	free(c->sorted);
	c->sorted = NULL;
	table_clear(&c->flushing);
}

static bool
is_time(const pr_caps *c, bool now)
{
	uint64_t lag = c->last_lsn > c->folded ? c->last_lsn - c->folded : 0;
	size_t n = c->young.by_row.n;
	return n >= CAPS_FLUSH_ENTRIES || lag >= (n ? CAPS_LAG_MAX : CAPS_LAG_EMPTY) ||
	       (now && lag);
}

/* The last few entries are a slice of their own, which syncs all of the flush. */
static int
flush_slice(pr_caps *c, int64_t end_mono_ms, struct pr_error *e)
{
	size_t before = c->sorted_at;
	bool last = c->sorted_n - c->sorted_at <= LAST_MAX || end_mono_ms == INT64_MAX;
	int r = pr_db_exec(c->db,
	                   last ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", e);
	if (r == 0)
		r = pr_db_begin(c->db, e);
	if (r < 0)
		return r;
	r = pr_db_end(c->db, flush_some(c, last, end_mono_ms, e), e);
	if (r < 0)
		c->sorted_at = before;
	else if (last)
		end_flush(c);
	return r < 0 ? r : !last;
}

int
pr_caps_flush(pr_caps *c, uint64_t lsn, bool now, int64_t end_mono_ms, struct pr_error *e)
{
	if (lsn > c->last_lsn)
		c->last_lsn = lsn;
	if (!c->sorted && is_time(c, now))
		begin_flush(c);
	if (!c->sorted)
		return 0;
	int r = flush_slice(c, end_mono_ms, e);
	return r == 0 && is_time(c, now) ? 1 : r;
}
