/*
 * state.db: identity, serials, facts.
 *
 * Every change is one transaction of its own, synced (WAL, synchronous FULL). Two
 * connections may write: BEGIN IMMEDIATE makes the second one wait for the first.
 */
#include "statedb_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define STATE_APPLICATION 0x50525354 /* "PRST" */

#define LINKS                                                                                      \
	"CREATE TABLE links (serial INTEGER, link INTEGER, url TEXT,"                              \
	" PRIMARY KEY (serial, link)) WITHOUT ROWID;"

static const char schema[] =
    "PRAGMA application_id = 1347572564;" /* STATE_APPLICATION */
    "PRAGMA user_version = 2;"
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE campaigns (serial INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT,"
    " owner INTEGER, generation INTEGER, raising INTEGER, accepted_ms INTEGER, content BLOB);"
    "CREATE INDEX campaigns_content ON campaigns (content, accepted_ms);"
    "CREATE TABLE left_behind (device INTEGER, inode INTEGER, ctime_ns INTEGER,"
    " since_ms INTEGER, name TEXT, content BLOB, PRIMARY KEY (device, inode)) WITHOUT ROWID;" LINKS;

static const struct pr_db_migration migrations[] = {{1, LINKS}, {0, NULL}};

/* ---- one statement ---- */

struct state_query
state_ask(pr_statedb *db, const char *sql, struct pr_error *e)
{
	struct state_query q = {.at = 1};
	q.r = pr_db_prepare(db->db, sql, &q.s, e);
	return q;
}

void
state_give(struct state_query *q, int64_t v)
{
	if (q->r == 0)
		sqlite3_bind_int64(q->s, q->at++, v);
}

void
state_give_text(struct state_query *q, struct pr_str v)
{
	if (q->r == 0)
		pr_db_bind_text(q->s, q->at++, v);
}

void
state_give_blob(struct state_query *q, const void *p, size_t n)
{
	if (q->r == 0)
		pr_db_bind_blob(q->s, q->at++, pr_str_n(p, n));
}

int
state_next(struct state_query *q, struct pr_error *e)
{
	if (q->r >= 0)
		q->r = pr_db_step(q->s, e);
	return q->r;
}

int
state_end(struct state_query *q)
{
	sqlite3_finalize(q->s);
	q->s = NULL;
	return q->r;
}

int
state_run(struct state_query *q, struct pr_error *e)
{
	state_next(q, e);
	return state_end(q) < 0 ? q->r : 0;
}

void
state_copy_text(char *to, size_t size, struct pr_str from)
{
	size_t n = from.n < size ? from.n : size - 1;
	while (n < from.n && n > 0 && ((unsigned char)from.p[n] & 0xC0) == 0x80)
		n--; /* never half a character */
	memcpy(to, from.p, n);
	to[n] = 0;
}

/* ---- facts ---- */

int
pr_statedb_set(pr_statedb *db, const char *key, struct pr_str value, struct pr_error *e)
{
	struct state_query q = state_ask(db, "REPLACE INTO facts VALUES (?, ?)", e);
	state_give_text(&q, pr_str(key));
	state_give_blob(&q, value.p, value.n);
	return state_run(&q, e);
}

int
pr_statedb_get(pr_statedb *db, const char *key, struct pr_buf *value)
{
	struct state_query q = state_ask(db, "SELECT value FROM facts WHERE key = ?", NULL);
	state_give_text(&q, pr_str(key));
	if (state_next(&q, NULL) == 1)
		pr_buf_add_str(value, pr_db_text(q.s, 0));
	int r = state_end(&q);
	return r == 1 ? 0 : r < 0 ? r : PR_ENOENT;
}

static int
set_or_forget(pr_statedb *db, const struct pr_fact *f, struct pr_error *e)
{
	if (f->value.p)
		return pr_statedb_set(db, f->key, f->value, e);
	struct state_query q = state_ask(db, "DELETE FROM facts WHERE key = ?", e);
	state_give_text(&q, pr_str(f->key));
	return state_run(&q, e);
}

int
pr_statedb_set_all(pr_statedb *db, const struct pr_fact *facts, size_t n, struct pr_error *e)
{
	int r = pr_db_begin(db->db, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = set_or_forget(db, &facts[i], e);
	return pr_db_end(db->db, r, e);
}

int
pr_statedb_each_fact(pr_statedb *db, const char *prefix,
                     bool (*each)(void *context, struct pr_str key, struct pr_str value),
                     void *context, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "SELECT key, value FROM facts WHERE key >= ? ORDER BY key", e);
	state_give_text(&q, pr_str(prefix));
	while (state_next(&q, e) == 1) {
		struct pr_str key = pr_db_text(q.s, 0);
		if (!pr_str_starts(key, prefix) || !each(context, key, pr_db_text(q.s, 1)))
			break;
	}
	return state_end(&q) < 0 ? q.r : 0;
}

static int
get_number(pr_statedb *db, const char *key, uint64_t *out, struct pr_error *e)
{
	struct pr_buf b = {0};
	int r = pr_statedb_get(db, key, &b);
	*out = 0;
	if (r == 0 && !pr_str_u64(pr_buf_str(&b), out))
		r = PR_ECORRUPT;
	pr_buf_finish(&b);
	if (r == 0 || r == PR_ENOENT)
		return 0;
	return pr_fail(e, r, "%s: cannot read %s", db->path, key);
}

static int
set_number(pr_statedb *db, const char *key, uint64_t v, struct pr_error *e)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	return pr_statedb_set(db, key, pr_str(text), e);
}

/* ---- opening ---- */

static int
make(void *context, struct pr_error *e)
{
	pr_statedb *db = context;
	struct pr_state_identity i;
	pr_random(i.id, sizeof i.id);
	pr_hash_key_random(&i.address_key);
	int r = pr_db_exec(db->db, schema, e);
	if (r == 0)
		r = pr_statedb_set(db, "identity", pr_str_n((const char *)i.id, sizeof i.id), e);
	if (r == 0)
		r = pr_statedb_set(db, "address_key",
		                   pr_str_n((const char *)&i.address_key, sizeof i.address_key), e);
	return r;
}

static int
load_octets(pr_statedb *db, const char *key, void *out, size_t n, struct pr_error *e)
{
	struct pr_buf b = {0};
	int r = pr_statedb_get(db, key, &b);
	if (r == 0 && b.len == n)
		memcpy(out, b.data, n);
	else
		r = pr_fail(e, PR_ECORRUPT, "%s: its %s is damaged", db->path, key);
	pr_buf_finish(&b);
	return r;
}

static const struct pr_db_schema kind = {STATE_APPLICATION, PR_STATEDB_SCHEMA, migrations, make};

int
pr_statedb_open(const char *path, pr_statedb **out, struct pr_error *e)
{
	pr_statedb *db = pr_calloc(1, sizeof *db);
	db->path = pr_strdup(path);
	int r = pr_db_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db->db, e);
	if (r == 0)
		r = pr_db_exec(db->db,
		               "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		               "PRAGMA cache_size=-1000;",
		               e);
	if (r == 0)
		r = pr_db_settle(db->db, db->path, &kind, db, e);
	if (r == 0)
		r = load_octets(db, "identity", db->identity.id, sizeof db->identity.id, e);
	if (r == 0)
		r = load_octets(db, "address_key", &db->identity.address_key,
		                sizeof db->identity.address_key, e);
	if (r < 0) {
		pr_statedb_close(db);
		return r;
	}
	*out = db;
	return 0;
}

void
pr_statedb_close(pr_statedb *db)
{
	if (!db)
		return;
	sqlite3_close(db->db);
	free(db->path);
	free(db);
}

void
pr_statedb_identity(const pr_statedb *db, struct pr_state_identity *out)
{
	*out = db->identity;
}

int
pr_statedb_scour(pr_statedb *db, const struct pr_trace *t, struct pr_error *e)
{
	return pr_db_scour(db->db, t, e);
}

/* ---- serials ---- */

static int
raise_serial(pr_statedb *db, uint64_t *serial, struct pr_error *e)
{
	int r = get_number(db, "serial", serial, e);
	if (r == 0 && *serial >= UINT32_MAX)
		r = pr_fail(e, PR_ELIMIT, "%s: there are no serials left", db->path);
	if (r == 0)
		r = set_number(db, "serial", ++*serial, e);
	return r;
}

int
pr_statedb_next_serial(pr_statedb *db, uint32_t *serial, struct pr_error *e)
{
	uint64_t n = 0;
	int r = pr_db_begin(db->db, e);
	if (r < 0 || (r = pr_db_end(db->db, raise_serial(db, &n, e), e)) < 0)
		return r;
	*serial = (uint32_t)n;
	return 0;
}

/* ---- folded ---- */

int
pr_statedb_folded(pr_statedb *db, uint64_t *lsn, struct pr_error *e)
{
	return get_number(db, "folded", lsn, e);
}

int
pr_statedb_set_folded(pr_statedb *db, uint64_t lsn, bool paused_all, struct pr_error *e)
{
	int r = pr_db_begin(db->db, e);
	if (r < 0)
		return r;
	r = set_number(db, "folded", lsn, e);
	if (r == 0)
		r = set_number(db, "paused_all", paused_all, e);
	return pr_db_end(db->db, r, e);
}

int
pr_statedb_paused_all(pr_statedb *db, bool *paused, struct pr_error *e)
{
	uint64_t n = 0;
	int r = get_number(db, "paused_all", &n, e);
	if (r == 0)
		*paused = n != 0;
	return r;
}
