/*
 * caps.db: tables, opening, one person's slots, sweeping, erasing.
 *
 * A file of its own and not a table of audience.db: its one writer is the folder lane, whose folds
 * would wait for slices of the desk there, and the desk for folds. Write-ahead, synced once a
 * flush: steps in between may be lost, the journal has them (caps_flush.c).
 */
#include "caps_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char schema[] =
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE sent (person INTEGER, at_s INTEGER, campaign INTEGER, row INTEGER,"
    " PRIMARY KEY (person, at_s, campaign, row)) WITHOUT ROWID;"
    "CREATE TABLE held (campaign INTEGER, row INTEGER, person INTEGER, at_ms INTEGER,"
    " kind INTEGER, PRIMARY KEY (campaign, row)) WITHOUT ROWID;"
    "CREATE INDEX held_of ON held (person);"
    "CREATE TABLE void (campaign INTEGER PRIMARY KEY);";

static const char *const texts[CAPS_N] = {
    [CAPS_SENT_OF] = "SELECT person, at_s, campaign, row FROM sent WHERE person BETWEEN ?1 AND ?2",
    [CAPS_HELD_OF] = "SELECT person, at_ms, campaign, row, kind FROM held"
		     " WHERE person BETWEEN ?1 AND ?2",
    [CAPS_HELD_GET] = "SELECT person, at_ms, kind FROM held WHERE campaign = ?1 AND row = ?2",
    [CAPS_SENT_PUT] = "INSERT OR IGNORE INTO sent VALUES (?1, ?2, ?3, ?4)",
    [CAPS_HELD_PUT] = "INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4, ?5)",
    [CAPS_HELD_DROP] = "DELETE FROM held WHERE campaign = ?1 AND row = ?2",
    [CAPS_FACT_PUT] = "INSERT OR REPLACE INTO facts VALUES (?1, ?2)",
    [CAPS_VOID_PUT] = "INSERT OR IGNORE INTO void VALUES (?1)",
    [CAPS_VOID_HELD] = "DELETE FROM held WHERE campaign = ?1 AND row IN (SELECT row FROM held"
		       " WHERE campaign = ?1 AND kind = ?2 LIMIT 500)",
    [CAPS_VOID_DROP] = "DELETE FROM void WHERE campaign = ?1",
    [CAPS_SWEEP_TO] =
	"SELECT person FROM sent WHERE person > ?1 ORDER BY person LIMIT 1 OFFSET 500",
    [CAPS_SWEEP] = "DELETE FROM sent WHERE person > ?1 AND person <= ?2 AND at_s < ?3",
    [CAPS_SWEEP_HELD] = "DELETE FROM held WHERE at_ms < ?1",
};

int
caps_statement(pr_caps *c, enum caps_statement which, sqlite3_stmt **out, struct pr_error *e)
{
	int r = 0;
	if (!c->statements[which])
		r = pr_db_prepare(c->db, texts[which], &c->statements[which], e);
	*out = c->statements[which];
	return r;
}

int
caps_put_fact(pr_caps *c, const char *key, int64_t value, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, CAPS_FACT_PUT, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, pr_str(key));
	sqlite3_bind_int64(s, 2, value);
	return pr_db_run(s, e);
}

/* ---- one person ---- */

static struct pr_cap_slot *
add_slot(pr_caps *c)
{
	if (c->slots_n == c->slots_cap) {
		c->slots_cap = c->slots_cap ? c->slots_cap * 2 : 16;
		c->slots = pr_realloc(c->slots, c->slots_cap * sizeof *c->slots);
	}
	return &c->slots[c->slots_n++];
}

struct asked {
	uint64_t person;
	uint32_t campaign, row; /* not this one */
	int64_t since_ms;
};

static void
note(pr_caps *c, const struct asked *a, const struct caps_entry *n)
{
	bool own = n->campaign == a->campaign && n->row == a->row;
	bool held = n->kind == CAPS_DEFERRED;
	if (n->kind == CAPS_GONE || own || (!held && n->at_ms <= a->since_ms) ||
	    (held && pr_map_get(&c->voided, n->campaign)))
		return;
	*add_slot(c) =
	    (struct pr_cap_slot){.at_ms = n->at_ms, .transactional = n->person & 1, .held = held};
}

static int
note_rows(pr_caps *c, const struct asked *a, enum caps_statement which, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, which, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)(a->person & ~1ull));
	sqlite3_bind_int64(s, 2, (int64_t)(a->person | 1));
	while ((r = pr_db_step(s, e)) == 1) {
		bool sent = which == CAPS_SENT_OF;
		struct caps_entry n = {.person = (uint64_t)sqlite3_column_int64(s, 0),
		                       .at_ms = sqlite3_column_int64(s, 1) * (sent ? 1000 : 1),
		                       .campaign = (uint32_t)sqlite3_column_int64(s, 2),
		                       .row = (uint32_t)sqlite3_column_int64(s, 3),
		                       .kind =
		                           sent ? CAPS_SENT : (uint8_t)sqlite3_column_int(s, 4)};
		if (!caps_find(c, n.campaign, n.row))
			note(c, a, &n);
	}
	return r;
}

static void
note_table(pr_caps *c, const struct asked *a, const struct caps_table *t)
{
	const struct caps_entry *n = pr_map_get(&t->by_person, a->person & ~1ull);
	for (; n; n = n->next)
		if (caps_find(c, n->campaign, n->row) == n)
			note(c, a, n);
}

int
pr_caps_slots(pr_caps *c, uint64_t person, uint32_t campaign, uint32_t row, int64_t since_ms,
              struct pr_cap_slot **slots, size_t *n, struct pr_error *e)
{
	struct asked a = {person, campaign, row, since_ms};
	c->slots_n = 0;
	int r = note_rows(c, &a, CAPS_SENT_OF, e);
	if (r == 0 && c->any_held)
		r = note_rows(c, &a, CAPS_HELD_OF, e);
	if (r < 0)
		return r;
	note_table(c, &a, &c->flushing);
	note_table(c, &a, &c->young);
	*slots = c->slots;
	*n = c->slots_n;
	return 0;
}

int
caps_held(pr_caps *c, uint32_t campaign, uint32_t row, struct caps_entry *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (!c->any_held)
		return 0;
	int r = caps_statement(c, CAPS_HELD_GET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, campaign);
	sqlite3_bind_int64(s, 2, row);
	if ((r = pr_db_step(s, e)) <= 0)
		return r;
	*out = (struct caps_entry){.person = (uint64_t)sqlite3_column_int64(s, 0),
	                           .at_ms = sqlite3_column_int64(s, 1),
	                           .campaign = campaign,
	                           .row = row,
	                           .kind = (uint8_t)sqlite3_column_int(s, 2)};
	sqlite3_reset(s);
	return 1;
}

/* ---- what nobody asks for any more ---- */

static int
run_with(pr_caps *c, enum caps_statement which, int64_t first, int64_t second, int64_t third,
         struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, which, &s, e);
	if (r < 0)
		return r;
	int64_t values[] = {first, second, third};
	for (int i = 0; i < sqlite3_bind_parameter_count(s); i++)
		sqlite3_bind_int64(s, i + 1, values[i]);
	r = pr_db_run(s, e);
	return r < 0 ? r : sqlite3_changes(c->db);
}

/* What campaigns that were ended hold: of one of them at a time. Once all from before its mark is
 * in the file and nothing is left, the campaign can be forgotten. */
static int
sweep_void(pr_caps *c, struct pr_error *e)
{
	size_t i = 0;
	while (i < c->voided.cap && !c->voided.slots[i].value)
		i++;
	if (i == c->voided.cap)
		return 0;
	uint32_t campaign = (uint32_t)c->voided.slots[i].key;
	bool flushed = (uintptr_t)c->voided.slots[i].value <= c->folded;
	int n = run_with(c, CAPS_VOID_HELD, campaign, CAPS_DEFERRED, 0, e);
	if (n != 0 || !flushed)
		return n < 0 ? n : 0;
	pr_map_remove(&c->voided, campaign);
	n = run_with(c, CAPS_VOID_DROP, campaign, 0, 0, e);
	return n < 0 ? n : 0;
}

static int
sweep_sent(pr_caps *c, int64_t before_ms, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = caps_statement(c, CAPS_SWEEP_TO, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, c->sweep_at);
	if ((r = pr_db_step(s, e)) < 0)
		return r;
	int64_t to = r == 1 ? sqlite3_column_int64(s, 0) : INT64_MAX;
	sqlite3_reset(s);
	int n = run_with(c, CAPS_SWEEP, c->sweep_at, to, before_ms / 1000, e);
	c->sweep_at = to == INT64_MAX ? INT64_MIN : to;
	return n < 0 ? n : to != INT64_MAX;
}

int
pr_caps_sweep(pr_caps *c, int64_t before_ms, int64_t end_mono_ms, struct pr_error *e)
{
	if (c->log_pages >= CAPS_LOG_PAGES)
		return caps_bring_home(c, e);
	int r = pr_db_begin(c->db, e);
	if (r < 0)
		return r;
	r = sweep_void(c, e);
	if (r == 0 && c->any_held)
		r = run_with(c, CAPS_SWEEP_HELD, before_ms, 0, 0, e);
	while (r >= 0 && (r = sweep_sent(c, before_ms, e)) == 1 && pr_mono_ms() < end_mono_ms)
		;
	return pr_db_end(c->db, r < 0 ? r : 0, e);
}

/* What is in memory comes to nothing when it is flushed. */
static void
forget_entries(struct caps_table *t, uint64_t person)
{
	for (struct caps_entry *n = pr_map_get(&t->by_person, person & ~1ull); n; n = n->next) {
		n->kind = CAPS_GONE;
		n->was_held = true;
	}
}

int
pr_caps_forget(pr_caps *c, uint64_t person, struct pr_error *e)
{
	long long first = (long long)(person & ~1ull), last = (long long)(person | 1);
	char sql[300];
	forget_entries(&c->flushing, person);
	forget_entries(&c->young, person);
	snprintf(sql, sizeof sql,
	         "PRAGMA secure_delete = 1; PRAGMA synchronous = FULL;"
	         "DELETE FROM sent WHERE person BETWEEN %lld AND %lld;"
	         "DELETE FROM held WHERE person BETWEEN %lld AND %lld;",
	         first, last, first, last);
	int r = pr_db_exec(c->db, sql, e);
	return r < 0 ? r : pr_db_exec(c->db, "PRAGMA wal_checkpoint(TRUNCATE);", e);
}

/* ---- opening ---- */

static int
make(void *context, struct pr_error *e)
{
	char head[100];
	pr_caps *c = context;
	snprintf(head, sizeof head, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
	         CAPS_APPLICATION, CAPS_SCHEMA);
	int r = pr_db_exec(c->db, head, e);
	return r < 0 ? r : pr_db_exec(c->db, schema, e);
}

/* A number that some statement answers; 0: none. */
static int
ask(pr_caps *c, const char *sql, int64_t *out, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = pr_db_prepare(c->db, sql, &s, e);
	if (r == 0)
		r = pr_db_step(s, e);
	*out = r == 1 ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return r < 0 ? r : 0;
}

static int
load_void(pr_caps *c, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = pr_db_prepare(c->db, "SELECT campaign FROM void", &s, e);
	while (r >= 0 && (r = pr_db_step(s, e)) == 1)
		pr_map_put(&c->voided, (uint64_t)sqlite3_column_int64(s, 0), (void *)(uintptr_t)1);
	sqlite3_finalize(s);
	return r;
}

static int
load(pr_caps *c, struct pr_error *e)
{
	int64_t folded, held;
	int r = ask(c, "SELECT value FROM facts WHERE key = 'folded'", &folded, e);
	if (r == 0)
		r = ask(c, "SELECT value FROM facts WHERE key = 'offset'", &c->offset_ms, e);
	if (r == 0)
		r = ask(c, "SELECT EXISTS (SELECT 1 FROM held)", &held, e);
	if (r == 0)
		r = load_void(c, e);
	c->folded = c->last_lsn = (uint64_t)folded;
	c->any_held = held;
	return r;
}

/* In place of SQLite's own: which would bring its log home within a commit. */
static int
on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((pr_caps *)context)->log_pages = pages;
	return SQLITE_OK;
}

static int
open_in(pr_caps *c, bool write, struct pr_error *e)
{
	static const struct pr_db_migration none[] = {{0, NULL}};
	static const struct pr_db_schema kind = {CAPS_APPLICATION, CAPS_SCHEMA, none, make};
	int flags = SQLITE_OPEN_READWRITE | (write ? SQLITE_OPEN_CREATE : 0);
	int r = pr_db_open(c->path, flags, &c->db, e);
	if (r == 0)
		r = pr_db_exec(c->db,
		               write ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		                       "PRAGMA cache_size=-16000;"
		                       "PRAGMA journal_size_limit=67108864;"
		                     : "PRAGMA query_only=1; PRAGMA cache_size=-1000;",
		               e);
	if (r == 0 && write)
		sqlite3_wal_hook(c->db, on_commit, c);
	if (r == 0 && write)
		r = pr_db_settle(c->db, c->path, &kind, c, e);
	return r == 0 ? load(c, e) : r;
}

int
pr_caps_open(const char *path, bool write, pr_caps **out, struct pr_error *e)
{
	pr_caps *c = pr_calloc(1, sizeof *c);
	c->path = pr_strdup(path);
	c->sweep_at = INT64_MIN;
	pr_arena_init(&c->young.arena);
	pr_arena_init(&c->flushing.arena);
	int r = open_in(c, write, e);
	if (r < 0) {
		pr_caps_close(c);
		return r;
	}
	*out = c;
	return 0;
}

void
pr_caps_close(pr_caps *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CAPS_N; i++)
		sqlite3_finalize(c->statements[i]);
	sqlite3_close(c->db);
	caps_table_finish(&c->young);
	caps_table_finish(&c->flushing);
	pr_map_finish(&c->voided);
	pr_map_finish(&c->granted);
	caps_flush_finish(&c->flush);
	free(c->slots);
	free(c->path);
	free(c);
}
