/*
 * Entries become rows of the file.
 *
 *   young is large -> it becomes the flushing one -> steps, by person -> "folded to here", synced
 *
 * Random persons would touch a page each: by thousands, in order, they share them. Order costs no
 * step of its own: entries are sorted run by run as they come, and steps merge the runs.
 *
 * The lane has other things to do, so a step is small by count: it writes CAPS_STEP_ENTRIES in a
 * transaction, or has SQLite bring its log home, which it would else do within some commit, or is
 * the last one. As many as there is time for are a slice.
 *
 * Killed between two steps: some rows of the file are newer than what it says. The restart reads
 * the same records again and comes to the same rows, or to later ones of the same campaign and
 * row: each is an absolute value. So steps are not synced; the last one is, with all before it.
 * One that fails is made again with the same entries.
 */
#include "caps_internal.h"

#include "postrider/base/list.h"

#include <stdlib.h>

/* ---- tables of entries ---- */

void
caps_table_finish(struct caps_table *t)
{
	pr_map_finish(&t->by_row);
	pr_map_finish(&t->by_person);
	pr_arena_finish(&t->arena);
	free(t->entries);
}

static void
table_clear(struct caps_table *t)
{
	caps_table_finish(t);
	*t = (struct caps_table){0};
	pr_arena_init(&t->arena);
}

/* As SQLite orders them. */
static uint64_t
order(const struct caps_entry *n)
{
	return n->person ^ 1ull << 63;
}

static int
by_person(const void *a, const void *b)
{
	uint64_t x = order(*(struct caps_entry *const *)a);
	uint64_t y = order(*(struct caps_entry *const *)b);
	return x < y ? -1 : x > y;
}

struct caps_entry *
caps_table_add(struct caps_table *t, uint64_t person)
{
	struct caps_entry *n = pr_arena_zero(&t->arena, sizeof *n);
	n->person = person;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : CAPS_RUN;
		t->entries = pr_realloc(t->entries, t->cap * sizeof *t->entries);
	}
	t->entries[t->n++] = n;
	if (t->n % CAPS_RUN == 0)
		qsort(t->entries + t->n - CAPS_RUN, CAPS_RUN, sizeof *t->entries, by_person);
	return n;
}

/* ---- merging ---- */

static void
merge_add(struct caps_flush *f, const struct caps_table *t, struct caps_run *run)
{
	if (run->at < run->end)
		pr_heap_add(&f->heap, &run->node, order(t->entries[run->at]));
}

static void
merge_begin(struct caps_flush *f, const struct caps_table *t)
{
	size_t tail = t->n % CAPS_RUN, n = (t->n + CAPS_RUN - 1) / CAPS_RUN;
	if (tail)
		qsort(t->entries + t->n - tail, tail, sizeof *t->entries, by_person);
	f->runs = pr_calloc(n + 1, sizeof *f->runs);
	for (size_t i = 0; i < n; i++) {
		f->runs[i].at = i * CAPS_RUN;
		f->runs[i].end = i + 1 < n ? (i + 1) * CAPS_RUN : t->n;
		merge_add(f, t, &f->runs[i]);
	}
}

static void
merge_step(struct caps_flush *f, const struct caps_table *t)
{
	struct pr_heap_node *node;
	while (f->step_n < CAPS_STEP_ENTRIES && (node = pr_heap_first(&f->heap))) {
		struct caps_run *run = PR_CONTAINER(node, struct caps_run, node);
		f->step[f->step_n++] = t->entries[run->at++];
		pr_heap_remove(&f->heap, node);
		merge_add(f, t, run);
	}
}

void
caps_flush_finish(struct caps_flush *f)
{
	free(f->runs);
	pr_heap_finish(&f->heap);
}

/* ---- rows ---- */

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
write_entries(pr_caps *c, struct pr_error *e)
{
	int r = pr_db_begin(c->db, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; r == 0 && i < c->flush.step_n; i++)
		r = flush_entry(c, c->flush.step[i], e);
	return pr_db_end(c->db, r, e);
}

static int
write_place(pr_caps *c, struct pr_error *e)
{
	int r = pr_db_begin(c->db, e);
	if (r < 0)
		return r;
	r = caps_put_fact(c, "folded", (int64_t)c->flush.lsn, e);
	if (r == 0)
		r = caps_put_fact(c, "offset", c->flush.offset_ms, e);
	return pr_db_end(c->db, r, e);
}

/* ---- steps ---- */

static void
begin_flush(pr_caps *c)
{
	struct caps_table empty = c->flushing;
	c->flushing = c->young;
	c->young = empty;
	c->flush.lsn = c->last_lsn;
	c->flush.offset_ms = c->offset_ms;
	c->flush.is_on = true;
	merge_begin(&c->flush, &c->flushing);
}

static void
end_flush(pr_caps *c)
{
	c->folded = c->flush.lsn;
	caps_flush_finish(&c->flush);
	c->flush = (struct caps_flush){0};
	table_clear(&c->flushing);
}

/* The last one syncs all of the flush. */
static int
last_step(pr_caps *c, struct pr_error *e)
{
	int r = pr_db_exec(c->db, "PRAGMA synchronous = FULL", e);
	if (r == 0)
		r = write_place(c, e);
	if (r == 0)
		end_flush(c);
	return r;
}

int
caps_bring_home(pr_caps *c, struct pr_error *e)
{
	int left, done;
	int r = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, &done);
	if (r != SQLITE_OK && r != SQLITE_BUSY) /* busy: somebody else is at it */
		return pr_db_fail(c->db, e, "write");
	c->log_pages = 0;
	return 0;
}

/* 1: more to do. */
static int
flush_step(pr_caps *c, struct pr_error *e)
{
	struct caps_flush *f = &c->flush;
	if (c->log_pages >= CAPS_LOG_PAGES) {
		int r = caps_bring_home(c, e);
		return r < 0 ? r : 1;
	}
	merge_step(f, &c->flushing);
	if (f->step_n == 0)
		return last_step(c, e);
	int r = pr_db_exec(c->db, "PRAGMA synchronous = NORMAL", e);
	if (r == 0)
		r = write_entries(c, e);
	if (r < 0)
		return r;
	f->step_n = 0;
	return 1;
}

static bool
is_time(const pr_caps *c, bool now)
{
	uint64_t lag = c->last_lsn > c->folded ? c->last_lsn - c->folded : 0;
	size_t n = c->young.n;
	return n >= CAPS_FLUSH_ENTRIES || lag >= (n ? CAPS_LAG_MAX : CAPS_LAG_EMPTY) ||
	       (now && lag);
}

/* Where more comes than the disk takes, the lane waits for the disk, not memory for the lane. */
static bool
may_rest(const pr_caps *c, int64_t end_mono_ms)
{
	return c->young.n < 2 * CAPS_FLUSH_ENTRIES && pr_mono_ms() >= end_mono_ms;
}

int
pr_caps_flush(pr_caps *c, uint64_t lsn, bool now, int64_t end_mono_ms, struct pr_error *e)
{
	if (lsn > c->last_lsn)
		c->last_lsn = lsn;
	if (!c->flush.is_on && is_time(c, now))
		begin_flush(c);
	if (!c->flush.is_on)
		return 0;
	int r;
	while ((r = flush_step(c, e)) == 1 && !may_rest(c, end_mono_ms))
		;
	return r == 0 && is_time(c, now) ? 1 : r;
}
