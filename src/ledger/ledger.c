/*
 * A ledger as a file: schema, statements, opening, closing, facts, progress.
 *
 * A file is a ledger from the moment `imported` is in meta; before that it is the work of
 * an import that did not end, and nobody opens it. Opening runs in write-ahead mode, so
 * readers see the last commit while a fold is under way.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define HITS                                                                                       \
	"CREATE TABLE hits (row INTEGER, lsn INTEGER, at_ms INTEGER, kind INTEGER,"                \
	" device INTEGER, evidence INTEGER, link INTEGER, visitor INTEGER, machine INTEGER,"       \
	" detail TEXT, PRIMARY KEY (row, lsn)) WITHOUT ROWID;"                                     \
	"CREATE TABLE engaged (kind INTEGER, link INTEGER, total INTEGER, uniques INTEGER,"        \
	" machine INTEGER, PRIMARY KEY (kind, link)) WITHOUT ROWID;"                               \
	"CREATE TABLE links (link INTEGER PRIMARY KEY, url TEXT);"

#define CONVERSIONS                                                                                \
	"CREATE TABLE conversions (row INTEGER, key INTEGER, at_ms INTEGER, event TEXT,"           \
	" micros INTEGER, currency TEXT, order_id TEXT, link INTEGER, variant INTEGER,"            \
	" refund INTEGER, counts INTEGER, PRIMARY KEY (row, key)) WITHOUT ROWID;"                  \
	"CREATE TABLE converted (variant INTEGER, currency TEXT, total INTEGER, uniques INTEGER,"  \
	" micros INTEGER, PRIMARY KEY (variant, currency)) WITHOUT ROWID;"

#define SERIES                                                                                     \
	"CREATE TABLE series (person INTEGER, occurrence INTEGER, contact INTEGER,"                \
	" entered_ms INTEGER, step INTEGER, due_ms INTEGER, row INTEGER, outcome INTEGER,"         \
	" coupon INTEGER, PRIMARY KEY (person, occurrence)) WITHOUT ROWID;"                        \
	"CREATE INDEX series_due ON series (due_ms) WHERE due_ms IS NOT NULL;"                     \
	"CREATE TABLE inside (contact INTEGER PRIMARY KEY);"

const char ledger_schema[] =
    "PRAGMA application_id = 1347570759;" /* LEDGER_APPLICATION */
    "CREATE TABLE progress (one INTEGER PRIMARY KEY, folded INTEGER, total INTEGER,"
    " pending INTEGER, sending INTEGER, delivered INTEGER, deferred INTEGER, bounced INTEGER,"
    " suppressed INTEGER, skipped INTEGER, in_doubt INTEGER, cancelled INTEGER,"
    " attempts INTEGER, doubted INTEGER, held INTEGER,"
    " mark_state INTEGER, mark_lsn INTEGER, mark_row INTEGER, mark_reason TEXT,"
    " first_fresh INTEGER, refused INTEGER);"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE domains (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE TABLE rows (row INTEGER PRIMARY KEY, email TEXT, domain INTEGER, data BLOB);"
    "CREATE TABLE state (row INTEGER PRIMARY KEY, state INTEGER, class INTEGER, code INTEGER,"
    " enhanced INTEGER, flags INTEGER, attempts INTEGER, doubts INTEGER, first_ms INTEGER,"
    " last_ms INTEGER, due_ms INTEGER, domain INTEGER, reply TEXT, mx TEXT, version INTEGER,"
    " variant INTEGER);"
    "CREATE TABLE addresses (hash INTEGER, row INTEGER, PRIMARY KEY (hash, row)) WITHOUT ROWID;"
    "CREATE TABLE by_domain (domain INTEGER, row INTEGER, PRIMARY KEY (domain, row))"
    " WITHOUT ROWID;" HITS CONVERSIONS SERIES;
const char ledger_state_indexes[] =
    "PRAGMA threads=1;" /* of the sorter */
    "CREATE INDEX state_due ON state (due_ms) WHERE due_ms IS NOT NULL;"
    "CREATE INDEX state_due_domain ON state (domain, due_ms) WHERE due_ms IS NOT NULL;"
    "CREATE INDEX state_other ON state (state, row) WHERE state <> 2;"
    "PRAGMA threads=0;";

static const struct pr_db_migration migrations[] = {
    {1, HITS},
    {2, "ALTER TABLE state ADD COLUMN variant INTEGER;"},
    {3, CONVERSIONS},
    {4, SERIES},
    {0, NULL}};

#define ENTRY                                                                                      \
	"s.state, s.class, s.code, s.enhanced, s.flags, s.attempts, s.doubts,"                     \
	" s.first_ms, s.last_ms, s.due_ms, s.reply, s.mx, s.version, s.variant"
#define KNOWN "SELECT r.row, r.email, " ENTRY " FROM rows r LEFT JOIN state s ON s.row = r.row "
#define PAGE "SELECT r.row, r.email, " ENTRY " FROM state s "

static const char *const texts[ST_N] = {
    [ST_PROGRESS_GET] = "SELECT * FROM progress WHERE one = 1",
    [ST_PROGRESS_SET] = "REPLACE INTO progress VALUES"
			" (1,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ST_META_GET] = "SELECT value FROM meta WHERE key = ?",
    [ST_META_SET] = "REPLACE INTO meta VALUES (?, ?)",
    [ST_DOMAIN_ADD] = "INSERT INTO domains VALUES (?, ?)",
    [ST_DOMAIN_FIND] = "SELECT id FROM domains WHERE name = ?",
    [ST_ROW_ADD] = "INSERT INTO rows VALUES (?, ?, ?, ?)",
    [ST_ROW_DOMAIN] = "SELECT domain FROM rows WHERE row = ?",
    [ST_ENTRY_ADD] = "INSERT OR IGNORE INTO state VALUES"
		     " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ST_ENTRY_GET] = "SELECT " ENTRY " FROM state s WHERE s.row = ?",
    [ST_ENTRY_SET] = "UPDATE state SET state = ?2, class = ?3, code = ?4, enhanced = ?5,"
		     " flags = ?6, attempts = ?7, doubts = ?8, first_ms = ?9, last_ms = ?10,"
		     " due_ms = ?11, domain = ?12, reply = ?13, mx = ?14, version = ?15,"
		     " variant = ?16"
		     " WHERE row = ?1",
    [ST_ENTRIES_FROM] = "SELECT row FROM state WHERE row >= ? ORDER BY row",
    [ST_FRESH_ROWS] = "SELECT row, domain, email, data FROM rows WHERE row >= ? ORDER BY row",
    [ST_FRESH_DOMAIN] = "SELECT r.row, r.domain, r.email, r.data FROM by_domain b"
			" CROSS JOIN rows r ON r.row = b.row"
			" WHERE b.domain = ?2 AND b.row >= ?1 ORDER BY b.row",
    [ST_DUE] = "SELECT row FROM state INDEXED BY state_due WHERE due_ms <= ? ORDER BY due_ms",
    [ST_DUE_DOMAIN] = "SELECT row FROM state INDEXED BY state_due_domain"
		      " WHERE domain = ?2 AND due_ms <= ?1 ORDER BY due_ms",
    [ST_DUE_NEXT] = "SELECT due_ms FROM state INDEXED BY state_due WHERE due_ms > ?"
		    " ORDER BY due_ms LIMIT 1",
    [ST_DUE_NEXT_DOMAIN] = "SELECT due_ms FROM state INDEXED BY state_due_domain"
			   " WHERE domain = ?2 AND due_ms > ?1 ORDER BY due_ms LIMIT 1",
    [ST_PUT_OFF] = "UPDATE state SET due_ms = ?2 WHERE row = ?1 AND due_ms > 0",
    [ST_UNPARK] = "UPDATE state SET due_ms = ?1 WHERE row IN (SELECT row FROM state"
		  " INDEXED BY state_due WHERE due_ms = ?2 LIMIT ?3)",
    [ST_ROW] = "SELECT r.domain, r.email, r.data, " ENTRY
	       " FROM rows r LEFT JOIN state s ON s.row = r.row WHERE r.row = ?",
    [ST_EMAIL] = "SELECT email FROM rows WHERE row = ?",
    [ST_MASS] = "SELECT s.row, " ENTRY " FROM state s INDEXED BY state_other"
		" WHERE s.state = ? AND s.state <> 2 AND s.row > ? ORDER BY s.row LIMIT 200",
    [ST_PAGE_ANY] = KNOWN "WHERE r.row > ?1 AND r.row <= ?3 ORDER BY r.row",
    [ST_PAGE_STATE] = PAGE "INDEXED BY state_other CROSS JOIN rows r ON r.row = s.row"
			   " WHERE s.state = ?2 AND s.state <> 2 AND s.row > ?1"
			   " AND s.row <= ?3 ORDER BY s.row",
    [ST_PAGE_DELIVERED] = PAGE "NOT INDEXED CROSS JOIN rows r ON r.row = s.row"
			       " WHERE s.state = ?2 AND s.row > ?1 AND s.row <= ?3"
			       " ORDER BY s.row",
    [ST_KNOWN] = KNOWN "WHERE r.row = ?",
    [ST_FIND] = "SELECT row FROM addresses WHERE hash = ? ORDER BY row",
    [ST_INDEX_SCAN] = "SELECT row, domain, email FROM rows"
		      " WHERE row > ? AND row < " PR_SEED_BASE_TEXT " ORDER BY row",
    [ST_ADDRESS_ADD] = "INSERT INTO addresses VALUES (?, ?)",
    [ST_ADDRESS_LAST] = "SELECT hash, row FROM addresses ORDER BY hash DESC, row DESC LIMIT 1",
    [ST_BY_DOMAIN_ADD] = "INSERT INTO by_domain VALUES (?, ?)",
    [ST_BY_DOMAIN_LAST] = "SELECT domain, row FROM by_domain"
			  " ORDER BY domain DESC, row DESC LIMIT 1",
    [ST_CLASS_COUNT] = "SELECT count(*) FROM state WHERE state = ? AND class = ?"
		       " AND row < " PR_SEED_BASE_TEXT,
    [ST_DOMAINS] = "SELECT d.name, d.id FROM (SELECT domain AS id, count(*) AS n FROM by_domain"
		   " GROUP BY domain ORDER BY n DESC, id LIMIT ?) t"
		   " CROSS JOIN domains d ON d.id = t.id ORDER BY t.n DESC, d.id",
    [ST_HITS_GET] = "SELECT lsn, at_ms, kind, device, evidence, link, visitor, machine, detail"
		    " FROM hits WHERE row = ? ORDER BY lsn",
    [ST_HIT_ADD] = "INSERT INTO hits VALUES (?,?,?,?,?,?,?,?,?,?)",
    [ST_HIT_JUDGE] = "UPDATE hits SET machine = ?3 WHERE row = ?1 AND lsn = ?2",
    [ST_ENGAGED_ADD] = "INSERT INTO engaged VALUES (?1, ?2, ?3, ?4, ?5)"
		       " ON CONFLICT DO UPDATE SET total = total + ?3, uniques = uniques + ?4,"
		       " machine = machine + ?5",
    [ST_ENGAGED_ALL] = "SELECT kind, total, uniques, machine FROM engaged"
		       " WHERE link = 4294967295",
    [ST_ENGAGED_LINKS] = "SELECT e.link, e.total, e.uniques, e.machine, l.url"
			 " FROM engaged e LEFT JOIN links l ON l.link = e.link"
			 " WHERE e.kind = 2 AND e.link <> 4294967295 AND e.total > 0"
			 " ORDER BY e.uniques DESC, e.link LIMIT ?",
    [ST_LINK_ADD] = "INSERT OR IGNORE INTO links VALUES (?, ?)",
    [ST_CONVERSION_ADD] = "INSERT OR IGNORE INTO conversions VALUES (?,?,?,?,?,?,?,?,?,?,?)",
    [ST_CONVERSION_HAS] = "SELECT 1 FROM conversions WHERE row = ? AND key = ?",
    [ST_CONVERSION_ITEM] = "SELECT 1 FROM conversions WHERE row = ?1 AND event = ?2"
			   " AND order_id = ?3 AND order_id <> '' AND NOT refund LIMIT 1",
    [ST_CONVERSIONS] = "SELECT row, key, at_ms, event, micros, currency, order_id, link, variant,"
		       " refund FROM conversions WHERE row BETWEEN ? AND ? ORDER BY row, key",
    [ST_CONVERSIONS_COUNT] = "SELECT count(*), count(*) FILTER (WHERE NOT refund)"
			     " FROM conversions WHERE row = ?",
    [ST_CONVERTED_GET] = "SELECT micros FROM converted WHERE variant = ? AND currency = ?",
    [ST_CONVERTED_ADD] = "INSERT INTO converted VALUES (?1, ?2, ?3, ?4, ?5)"
			 " ON CONFLICT DO UPDATE SET total = total + ?3, uniques = uniques + ?4,"
			 " micros = ?5",
    [ST_CONVERTED_ALL] = "SELECT variant, currency, total, uniques, micros FROM converted"
			 " ORDER BY currency, variant",
    /* total() is a double and cannot overflow; amounts of a link are far below where it rounds. */
    [ST_CONVERTED_LINKS] = "SELECT c.link, c.currency, total(c.counts) AS n,"
			   " CAST(total(c.micros) AS INTEGER), l.url FROM conversions c"
			   " LEFT JOIN links l ON l.link = c.link GROUP BY c.link, c.currency"
			   " ORDER BY n DESC, c.link, c.currency LIMIT ?",
    [ST_CONVERTED_HOURS] = "SELECT at_ms / 3600000 AS hour, currency,"
			   " CAST(total(counts) AS INTEGER), CAST(total(micros) AS INTEGER)"
			   " FROM conversions GROUP BY hour, currency ORDER BY hour, currency"
			   " LIMIT ?",
    [ST_CONVERSIONS_ERASE] = "UPDATE conversions SET order_id = '' WHERE row = ?",
    [ST_EMAILS] = "SELECT row, email, domain FROM rows ORDER BY row",
    [ST_EMAILS_ENGAGED] = "SELECT email FROM (SELECT DISTINCT row FROM hits WHERE kind IN (?1, ?2))"
			  " CROSS JOIN rows USING (row)",
    [ST_ROW_ERASE] = "UPDATE rows SET email = '', data = x'' WHERE row = ?",
    [ST_ENTRY_ERASE] = "UPDATE state SET reply = '' WHERE row = ?",
    [ST_HITS_ERASE] = "UPDATE hits SET detail = '', visitor = 0 WHERE row = ?",
    [ST_ADDRESS_ERASE] = "DELETE FROM addresses WHERE hash = ? AND row = ?",
    [ST_DOMAIN_NEW] = "INSERT INTO domains VALUES (NULL, ?)",
    [ST_SERIES_ENTER] = "INSERT OR IGNORE INTO series SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, 0,"
			" 0"
			" WHERE NOT EXISTS (SELECT 1 FROM series WHERE person = ?1"
			" AND entered_ms > ?7)",
    [ST_SERIES_HAS] = "SELECT 1 FROM series WHERE person = ? AND occurrence = ?",
    [ST_SERIES_DUE] = "SELECT person, occurrence, contact, entered_ms, step, row, coupon"
		      " FROM series INDEXED BY series_due WHERE due_ms <= ?1"
		      " ORDER BY due_ms LIMIT ?2",
    [ST_SERIES_NEXT] = "SELECT due_ms FROM series INDEXED BY series_due WHERE due_ms > ?"
		       " ORDER BY due_ms LIMIT 1",
    [ST_SERIES_DUE_SET] = "UPDATE series SET due_ms = ?3 WHERE person = ?1 AND occurrence = ?2",
    [ST_SERIES_END] = "UPDATE series SET due_ms = NULL, outcome = ?3"
		      " WHERE person = ?1 AND occurrence = ?2 AND outcome = 0",
    [ST_SERIES_STEP] = "UPDATE series SET step = ?3, due_ms = ?4, row = ?5, outcome = ?6,"
		       " coupon = ?7"
		       " WHERE person = ?1 AND occurrence = ?2 AND outcome = 0",
    [ST_SERIES_TALLY] = "SELECT outcome, count(*) FROM series GROUP BY outcome",
    /* 6: gone. */
    [ST_SERIES_ERASE] = "UPDATE series SET person = ?2, contact = 0, due_ms = NULL,"
			" outcome = iif(outcome = 0, 6, outcome) WHERE person = ?1",
    [ST_INSIDE] = "SELECT contact FROM inside WHERE contact > ? ORDER BY contact LIMIT ?",
    [ST_INSIDE_ADD] = "INSERT OR IGNORE INTO inside VALUES (?)",
    [ST_INSIDE_GONE] = "DELETE FROM inside WHERE contact = ?",
    [ST_SURVEY_NAMES] = "SELECT id, name FROM domains",
    [ST_SURVEY_DOMAIN] = "SELECT row FROM by_domain WHERE domain = ?",
    [ST_SURVEY_ENTRIES] = "SELECT row, state, class, flags, last_ms, reply, variant,"
			  " code, enhanced FROM state NOT INDEXED ORDER BY row",
    [ST_SURVEY_HITS] = "SELECT row, kind, at_ms, device, machine FROM hits ORDER BY row",
};

int
ledger_statement(pr_ledger *l, enum statement which, sqlite3_stmt **out, struct pr_error *e)
{
	if (!l->statements[which]) {
		int r = pr_db_prepare(l->db, texts[which], &l->statements[which], e);
		if (r < 0)
			return r;
	}
	*out = l->statements[which];
	return 0;
}

int
ledger_synchronous(pr_ledger *l, bool full, struct pr_error *e)
{
	return pr_db_exec(l->db, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", e);
}

/* ---- facts ---- */

int
ledger_set(pr_ledger *l, const char *key, struct pr_str value, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_META_SET, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, pr_str(key));
	pr_db_bind_blob(s, 2, value);
	return pr_db_run(s, e);
}

int
pr_ledger_set(pr_ledger *l, const char *key, struct pr_str value, struct pr_error *e)
{
	PR_ASSERT(l->mode == PR_LEDGER_FOLD);
	return ledger_set(l, key, value, e);
}

int
pr_ledger_get(pr_ledger *l, const char *key, struct pr_buf *value)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_META_GET, &s, NULL);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, pr_str(key));
	r = pr_db_step(s, NULL);
	if (r == 1) {
		pr_buf_add_str(value, pr_db_text(s, 0));
		sqlite3_reset(s);
	}
	return r == 1 ? 0 : r < 0 ? r : PR_ENOENT;
}

int
ledger_save_identity(pr_ledger *l, struct pr_error *e)
{
	const struct pr_ledger_identity *i = &l->identity;
	char number[24];
	int r = ledger_set(l, "id", pr_str(i->id), e);
	snprintf(number, sizeof number, "%u", (unsigned)i->serial);
	if (r == 0)
		r = ledger_set(l, "serial", pr_str(number), e);
	snprintf(number, sizeof number, "%llu", (unsigned long long)i->generation);
	if (r == 0)
		r = ledger_set(l, "generation", pr_str(number), e);
	if (r == 0)
		r = ledger_set(l, "state_id", pr_str_n((const char *)i->state_id, 16), e);
	if (r == 0)
		r = ledger_set(l, "address_key", pr_str_n((const char *)&i->address_key, 16), e);
	return r;
}

/* A fact of at most size octets; false when it is missing or of another size. */
static bool
load_fact(pr_ledger *l, const char *key, void *out, size_t size, bool exact)
{
	struct pr_buf b = {0};
	bool good = pr_ledger_get(l, key, &b) == 0 && (exact ? b.len == size : b.len < size);
	if (good) {
		memcpy(out, pr_buf_str(&b).p, b.len);
		if (!exact)
			((char *)out)[b.len] = 0;
	}
	pr_buf_finish(&b);
	return good;
}

static int
load_identity(pr_ledger *l, struct pr_error *e)
{
	struct pr_ledger_identity *i = &l->identity;
	char serial[24], generation[24];
	if (!load_fact(l, "id", i->id, sizeof i->id, false) ||
	    !load_fact(l, "serial", serial, sizeof serial, false) ||
	    !load_fact(l, "generation", generation, sizeof generation, false) ||
	    !load_fact(l, "state_id", i->state_id, sizeof i->state_id, true) ||
	    !load_fact(l, "address_key", &i->address_key, sizeof i->address_key, true))
		return pr_fail(e, PR_ECORRUPT, "%s: its identity is damaged", l->path);
	i->serial = (uint32_t)strtoul(serial, NULL, 10);
	i->generation = strtoull(generation, NULL, 10);
	return 0;
}

void
pr_ledger_identity(const pr_ledger *l, struct pr_ledger_identity *out)
{
	*out = l->identity;
}

size_t
pr_ledger_columns(pr_ledger *l, struct pr_arena *a, struct pr_str **names)
{
	struct pr_buf b = {0};
	size_t n = 0;
	if (pr_ledger_get(l, "columns", &b) == 0) {
		struct pr_str packed = pr_arena_copy(a, pr_buf_str(&b));
		n = pr_fields_unpack(packed, NULL, 0);
		*names = pr_arena_alloc(a, n * sizeof **names);
		pr_fields_unpack(packed, *names, n);
	}
	pr_buf_finish(&b);
	return n;
}

/* ---- progress ---- */

#define CAPPED "capped"

static bool
load_capped(pr_ledger *l, uint64_t *out)
{
	struct pr_buf text = {0};
	bool there = pr_ledger_get(l, CAPPED, &text) == 0 && pr_str_u64(pr_buf_str(&text), out);
	pr_buf_finish(&text);
	return there;
}

static int
save_capped(pr_ledger *l, uint64_t n, struct pr_error *e)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	return ledger_set(l, CAPPED, pr_str(text), e);
}

/* Of a ledger whose progress does not say it: once, for whoever folds. */
static int
count_capped(pr_ledger *l, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (l->p.tally.of[PR_SKIPPED] == 0 || load_capped(l, &l->p.tally.capped))
		return 0;
	int r = ledger_statement(l, ST_CLASS_COUNT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, PR_SKIPPED);
	sqlite3_bind_int(s, 2, PR_CLASS_CAPPED);
	if ((r = pr_db_step(s, e)) == 1)
		l->p.tally.capped = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
ledger_load_progress(pr_ledger *l, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct progress p = {0};
	int r = ledger_statement(l, ST_PROGRESS_GET, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	if (r == 0)
		return pr_fail(e, PR_ECORRUPT, "%s: its progress is missing", l->path);
	int c = 1;
	p.folded = (uint64_t)sqlite3_column_int64(s, c++);
	p.tally.rows = (uint64_t)sqlite3_column_int64(s, c++);
	for (int i = 0; i < PR_STATES; i++)
		p.tally.of[i] = (uint64_t)sqlite3_column_int64(s, c++);
	p.tally.attempts = (uint64_t)sqlite3_column_int64(s, c++);
	p.tally.doubted = (uint64_t)sqlite3_column_int64(s, c++);
	p.tally.held = (uint64_t)sqlite3_column_int64(s, c++);
	p.mark.state = (enum pr_state)sqlite3_column_int(s, c++);
	p.mark.lsn = (uint64_t)sqlite3_column_int64(s, c++);
	p.mark.row = (uint32_t)sqlite3_column_int64(s, c++);
	struct pr_str reason = pr_db_text(s, c++);
	snprintf(p.mark.reason, sizeof p.mark.reason, "%.*s", (int)reason.n, reason.p);
	p.first_fresh = (uint32_t)sqlite3_column_int64(s, c++);
	p.refused = (uint64_t)sqlite3_column_int64(s, c++);
	sqlite3_reset(s);
	(void)load_capped(l, &p.tally.capped);
	l->p = p;
	return 0;
}

int
ledger_save_progress(pr_ledger *l, const struct progress *p, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_PROGRESS_SET, &s, e), c = 1;
	if (r == 0 && p->tally.capped != l->p.tally.capped)
		r = save_capped(l, p->tally.capped, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, c++, (int64_t)p->folded);
	sqlite3_bind_int64(s, c++, (int64_t)p->tally.rows);
	for (int i = 0; i < PR_STATES; i++)
		sqlite3_bind_int64(s, c++, (int64_t)p->tally.of[i]);
	sqlite3_bind_int64(s, c++, (int64_t)p->tally.attempts);
	sqlite3_bind_int64(s, c++, (int64_t)p->tally.doubted);
	sqlite3_bind_int64(s, c++, (int64_t)p->tally.held);
	sqlite3_bind_int(s, c++, (int)p->mark.state);
	sqlite3_bind_int64(s, c++, (int64_t)p->mark.lsn);
	sqlite3_bind_int64(s, c++, p->mark.row);
	pr_db_bind_text(s, c++, pr_str(p->mark.reason));
	sqlite3_bind_int64(s, c++, p->first_fresh);
	sqlite3_bind_int64(s, c++, (int64_t)p->refused);
	return pr_db_run(s, e);
}

uint64_t
pr_ledger_folded(const pr_ledger *l)
{
	return l->p.folded;
}

/* ---- opening and closing ---- */

void
pr_ledger_close(pr_ledger *l)
{
	if (!l)
		return;
	for (int i = 0; i < ST_N; i++)
		sqlite3_finalize(l->statements[i]);
	if (l->db)
		sqlite3_close(l->db);
	pr_map_finish(&l->handed);
	ledger_domains_free(l->domains);
	ledger_index_free(l->index);
	free(l->path);
	free(l);
}

/* Bounded: the cache of pages, and the log of writes that waits for a checkpoint. */
static const char fold_pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				   "PRAGMA cache_size=-4000; PRAGMA temp_store=MEMORY;"
				   "PRAGMA wal_autocheckpoint=2000;"
				   "PRAGMA journal_size_limit=33554432;";
static const char read_pragmas[] = "PRAGMA query_only=ON; PRAGMA cache_size=-2000;"
				   "PRAGMA temp_store=MEMORY;";

static int
check_version(pr_ledger *l, int schema, const struct pr_db_migration *list, struct pr_error *e)
{
	int version, r = pr_db_version(l->db, LEDGER_APPLICATION, l->path, &version, e);
	if (r < 0 || version == schema)
		return r;
	if (version == 0)
		return pr_fail(e, PR_ESTATE, "%s: its import did not end", l->path);
	if (version > schema)
		return pr_fail(e, PR_EVERSION,
		               "%s has schema version %d; this program knows "
		               "versions up to %d: use a newer program",
		               l->path, version, schema);
	if (l->mode == PR_LEDGER_READ)
		return pr_fail(e, PR_EVERSION,
		               "%s has schema version %d and waits to be brought "
		               "to %d by postriderd",
		               l->path, version, schema);
	return pr_db_migrate(l->db, l->path, version, schema, list, e);
}

static int
load(pr_ledger *l, int schema, const struct pr_db_migration *list, struct pr_error *e)
{
	char imported[2], indexed[2];
	int r = pr_db_exec(l->db, l->mode == PR_LEDGER_FOLD ? fold_pragmas : read_pragmas, e);
	if (r == 0)
		r = check_version(l, schema, list, e);
	if (r == 0 && !load_fact(l, "imported", imported, 1, true))
		r = pr_fail(e, PR_ESTATE, "%s: its import did not end", l->path);
	if (r == 0)
		r = load_identity(l, e);
	if (r == 0)
		r = ledger_load_progress(l, e);
	if (r == 0 && l->mode == PR_LEDGER_FOLD)
		r = count_capped(l, e);
	l->indexed = r == 0 && load_fact(l, "indexed", indexed, 1, true);
	return r;
}

int
ledger_open_migrating(const char *path, enum pr_ledger_mode mode, int schema,
                      const struct pr_db_migration *list, pr_ledger **out, struct pr_error *e)
{
	pr_ledger *l = pr_calloc(1, sizeof *l);
	l->path = pr_strdup(path);
	l->mode = mode;
	/* Readers of a write-ahead log need write access to its shared memory; query_only
	 * keeps them from everything else. */
	int r = pr_db_open(path, SQLITE_OPEN_READWRITE, &l->db, e);
	if (r == 0)
		r = load(l, schema, list, e);
	if (r < 0) {
		pr_ledger_close(l);
		return r;
	}
	*out = l;
	return 0;
}

int
pr_ledger_open(const char *path, enum pr_ledger_mode mode, pr_ledger **out, struct pr_error *e)
{
	return ledger_open_migrating(path, mode, PR_LEDGER_SCHEMA, migrations, out, e);
}

enum pr_state
pr_ledger_mass(const pr_ledger *l)
{
	return l->p.mark.state;
}
