/*
 * audience.db: schema, opening, statements, totals.
 *
 * One writer (the desk), any number of readers, in write-ahead mode: a reader sees the last
 * commit and never waits. The pages of a lookup come from the system's cache: the process keeps
 * few, however many suppressions there are.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define UNTRACKED_INDEX                                                                            \
	"CREATE INDEX untracked ON suppressions (scope) WHERE scope = '" PR_SCOPE_OPENS "';"
/* Attributes are columns of contacts: "a_" and their name (contact_change.c). */
#define CONTACTS                                                                                   \
	"CREATE TABLE contacts (id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE,"             \
	" timezone TEXT, language TEXT, created_ms INTEGER, updated_ms INTEGER);"                  \
	"CREATE TABLE attributes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"              \
	" type INTEGER);"                                                                          \
	"CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"                  \
	"CREATE TABLE members (list INTEGER, contact INTEGER, PRIMARY KEY (list, contact))"        \
	" WITHOUT ROWID;"                                                                          \
	"CREATE TABLE consents (contact INTEGER, purpose TEXT, version TEXT, source TEXT,"         \
	" at_ms INTEGER, until_ms INTEGER, PRIMARY KEY (contact, purpose)) WITHOUT ROWID;"
/* The first names have meanings (track.c). */
#define EVENTS                                                                                     \
	"CREATE TABLE event_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"            \
	"INSERT INTO event_names VALUES (1, 'order'), (2, 'open'), (3, 'click'), (4, 'visit'),"    \
	" (5, 'review'), (6, 'signup');"                                                           \
	"CREATE TABLE events (contact INTEGER, name INTEGER, at_ms INTEGER, id TEXT, item TEXT,"   \
	" amount NUMERIC, currency TEXT, PRIMARY KEY (contact, name, at_ms, id, item))"            \
	" WITHOUT ROWID;"                                                                          \
	"CREATE TABLE derived (contact INTEGER PRIMARY KEY, orders INTEGER, revenue REAL,"         \
	" first_order_ms INTEGER, last_order_ms INTEGER, gap_ms INTEGER, engagement REAL,"         \
	" engaged_ms INTEGER);"
/* What campaigns bring has names from the start: a segment may ask for them. */
#define ENGAGED                                                                                    \
	"INSERT OR IGNORE INTO event_names (name) VALUES ('unsubscribe'), ('complaint'),"          \
	" ('bounce'), ('sent');"                                                                   \
	"CREATE TABLE departures (contact INTEGER, list TEXT, at_ms INTEGER, source TEXT,"         \
	" PRIMARY KEY (contact, list, at_ms)) WITHOUT ROWID;"
/* order_hash: of the event's id, 0 without one: refunds look for it. */
#define CREDITS                                                                                    \
	"CREATE TABLE credits (contact INTEGER, order_hash INTEGER, key INTEGER, serial INTEGER,"  \
	" row INTEGER, link INTEGER, at_ms INTEGER, told INTEGER,"                                 \
	" PRIMARY KEY (contact, order_hash, key)) WITHOUT ROWID;"
#define ARRIVALS                                                                                   \
	"CREATE TABLE watched (name INTEGER PRIMARY KEY);"                                         \
	"CREATE TABLE arrivals (seq INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER,"              \
	" contact INTEGER, at_ms INTEGER, seen_ms INTEGER);"
static const char schema[] =
    "PRAGMA application_id = 1347567957;" /* AUDIENCE_APPLICATION */
    "PRAGMA user_version = 7;"
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE totals (one INTEGER PRIMARY KEY, generation INTEGER, entries INTEGER,"
    " hashed INTEGER, known_by TEXT NOT NULL DEFAULT '');"
    "INSERT INTO totals VALUES (1, 1, 0, 0, '');"
    "CREATE TABLE suppressions (address TEXT, scope TEXT, reason INTEGER, note TEXT, source TEXT,"
    " at_ms INTEGER, until_ms INTEGER, PRIMARY KEY (address, scope)) WITHOUT ROWID;" UNTRACKED_INDEX
    "CREATE TABLE audit (id INTEGER PRIMARY KEY, at_ms INTEGER, uid INTEGER, by TEXT, verb TEXT,"
    " address TEXT, scope TEXT, reason TEXT, source TEXT, n INTEGER);" CONTACTS EVENTS CREDITS
	ENGAGED ARRIVALS;

static const struct pr_db_migration migrations[] = {
    {1, "ALTER TABLE totals ADD COLUMN known_by TEXT NOT NULL DEFAULT '';" UNTRACKED_INDEX},
    {2, CONTACTS},
    {3, EVENTS},
    {4, CREDITS},
    {5, ENGAGED},
    {6, ARRIVALS},
    {0, NULL},
};

#define COLUMNS "address, scope, reason, note, source, at_ms, until_ms"
/* Of events: a campaign brought it, its id is a place in the journal. What others counted stays. */
#define BROUGHT                                                                                    \
	" AND id <> '' AND NOT id GLOB '*[^0-9]*' AND item <> '' AND name IN"                      \
	" (SELECT id FROM event_names WHERE name IN ('open', 'click', 'unsubscribe', 'complaint'," \
	" 'bounce', 'sent'))"
#define AUDIT "at_ms, uid, by, verb, address, scope, reason, source, n"

static const char *const texts[AU_N] = {
    [AU_TOTALS_GET] = "SELECT generation, entries, hashed, known_by FROM totals",
    [AU_TOTALS_SET] = "UPDATE totals SET generation = ?, entries = ?, hashed = ?",
    [AU_CHECK] = "SELECT scope, reason, at_ms FROM suppressions WHERE address = ?1"
		 " AND (until_ms = 0 OR until_ms > ?2)",
    [AU_PAGE] = "SELECT " COLUMNS " FROM suppressions WHERE (address, scope) > (?1, ?2)"
		" AND (?3 = '' OR instr(address, ?3)) ORDER BY address, scope LIMIT ?4",
    [AU_OF] = "SELECT " COLUMNS " FROM suppressions WHERE address IN (?1, ?2)"
	      " ORDER BY address, scope",
    [AU_ADD] = "INSERT OR IGNORE INTO suppressions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    /* Or it says that the person is forgotten (5), which nothing else may hide. */
    [AU_LONGER] = "UPDATE suppressions SET reason = ?3, note = ?4, source = ?5, at_ms = ?6,"
		  " until_ms = ?7 WHERE address = ?1 AND scope = ?2"
		  " AND ((until_ms <> 0 AND (?7 = 0 OR ?7 > until_ms))"
		  " OR (?3 = 5 AND reason <> 5))",
    [AU_REMOVE] = "DELETE FROM suppressions WHERE address = ? AND scope = ?",
    [AU_REMOVE_ALL] = "DELETE FROM suppressions WHERE address = ?",
    [AU_REHASH] = "INSERT OR IGNORE INTO suppressions SELECT ?2, scope, reason, '', '', at_ms,"
		  " until_ms FROM suppressions WHERE address = ?1",
    [AU_UNTRACKED] = "SELECT " COLUMNS " FROM suppressions WHERE scope = '" PR_SCOPE_OPENS "'",
    [AU_KEYS_ADD] = "UPDATE totals SET known_by = known_by || ?1 WHERE NOT instr(known_by, ?1)",
    [AU_AUDIT_REHASH] = "UPDATE audit SET address = ?2 WHERE address = ?1",
    [AU_AUDIT] = "INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [AU_AUDITS] = "SELECT " AUDIT " FROM audit ORDER BY id DESC LIMIT ?1",
    [AU_AUDITS_OF] = "SELECT " AUDIT " FROM audit WHERE address IN (?2, ?3)"
		     " ORDER BY id DESC LIMIT ?1",
    [AU_FORGOTTEN] = "SELECT 1 FROM suppressions WHERE address = ? AND scope = 'all'"
		     " AND reason = 5 AND until_ms = 0",
    [AU_FORGETS] = "SELECT value FROM facts WHERE key = 'forgets'",
    [AU_FORGETS_MORE] = "INSERT INTO facts VALUES ('forgets', 1)"
			" ON CONFLICT DO UPDATE SET value = value + 1",
    [AU_RECALL] = "SELECT value FROM facts WHERE key = ?",
    [AU_REMEMBER] = "INSERT OR REPLACE INTO facts VALUES (?, ?)",
    [AU_UNREMEMBER] = "DELETE FROM facts WHERE key = ?",
    [AU_REMEMBERED] = "SELECT key FROM facts WHERE key > 'soft ' AND key < 'soft!'",
    [AU_ATTRIBUTES] = "SELECT name, type FROM attributes ORDER BY id",
    [AU_ATTRIBUTE_ADD] = "INSERT INTO attributes VALUES (NULL, ?, ?)",
    [AU_LISTS] = "SELECT name, (SELECT count(*) FROM members WHERE list = lists.id) FROM lists"
		 " ORDER BY name",
    [AU_LIST_FIND] = "SELECT id FROM lists WHERE name = ?",
    [AU_LIST_ADD] = "INSERT INTO lists SELECT NULL, ?1 WHERE (SELECT count(*) FROM lists) < ?2",
    [AU_LISTS_OF] = "SELECT name FROM lists WHERE EXISTS (SELECT 1 FROM members"
		    " WHERE list = lists.id AND contact = ?) ORDER BY name",
    [AU_MEMBER_ADD] = "INSERT OR IGNORE INTO members VALUES (?, ?)",
    [AU_MEMBERS_GONE] = "DELETE FROM members WHERE list IN (SELECT id FROM lists)"
			" AND contact = ?",
    [AU_MEMBER_GONE] = "DELETE FROM members WHERE list = (SELECT id FROM lists WHERE name = ?2)"
		       " AND contact = ?1",
    [AU_LEFT_ADD] = "INSERT OR IGNORE INTO departures VALUES (?1, ?2, ?3, ?4)",
    [AU_LEFT_OF] = "SELECT list, at_ms, source FROM departures WHERE contact = ?"
		   " ORDER BY at_ms DESC, list",
    [AU_LEFT_GONE] = "DELETE FROM departures WHERE contact = ?",
    [AU_CONSENT_END] = "UPDATE consents SET until_ms = ?3 WHERE contact = ?1 AND purpose = ?2"
		       " AND (until_ms = 0 OR until_ms > ?3)",
    /* One that has ended is not made to last by whoever tells of the same consent again. */
    [AU_CONSENT_PUT] = "INSERT INTO consents VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		       " ON CONFLICT DO UPDATE SET version = ?3, source = ?4, at_ms = ?5,"
		       " until_ms = ?6 WHERE at_ms < ?5 OR (at_ms = ?5 AND"
		       " (until_ms = 0 OR until_ms > ?7))",
    [AU_CONSENTS_OF] = "SELECT purpose, version, source, at_ms, until_ms FROM consents"
		       " WHERE contact = ?",
    [AU_CONSENTS_GONE] = "DELETE FROM consents WHERE contact = ?",
    [AU_CONTACTS_N] = "SELECT count(*) FROM contacts",
    [AU_CONTACT_ID] = "SELECT id FROM contacts WHERE address = ?",
    [AU_CONTACT_GONE] = "DELETE FROM contacts WHERE id = ?",
    [AU_CONTACT_MAKE] = "INSERT INTO contacts (address, created_ms, updated_ms) VALUES"
			" (?1, ?2, ?2)",
    [AU_EVENT_NAME] = "SELECT id FROM event_names WHERE name = ?",
    [AU_EVENT_NAME_ADD] = "INSERT INTO event_names SELECT NULL, ?1 WHERE"
			  " (SELECT count(*) FROM event_names) < ?2",
    [AU_EVENT_PUT] = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
    [AU_EVENT_REMOVE] = "DELETE FROM events WHERE contact = ? AND name = ? AND at_ms = ?"
			" AND id = ? AND item = ?",
    [AU_SENT_PUT] = "INSERT OR IGNORE INTO events SELECT ?1, ?2, ?3, ?4, ?5, NULL, NULL"
		    " WHERE NOT EXISTS (SELECT 1 FROM events WHERE contact = ?1 AND name = ?2"
		    " AND at_ms >= ?3)",
    [AU_SENT_EARLIER] = "DELETE FROM events WHERE contact = ?1 AND name = ?2 AND at_ms < ?3"
			" AND id <> '' AND NOT id GLOB '*[^0-9]*' AND item <> ''",
    [AU_EVENT_THERE] = "SELECT at_ms FROM events WHERE contact = ? AND name = ? AND id = ?"
		       " AND item = ? LIMIT 1",
    [AU_CREDIT_ADD] = "INSERT OR IGNORE INTO credits VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
    [AU_CREDIT_GET] = "SELECT serial, row, link, at_ms, told FROM credits"
		      " WHERE contact = ? AND order_hash = ? AND key = ?",
    [AU_CREDIT_OF_ORDER] = "SELECT serial, row, link FROM credits"
			   " WHERE contact = ? AND order_hash = ? LIMIT 1",
    [AU_CREDIT_TOLD] = "UPDATE credits SET told = 1 WHERE key = ?2"
		       " AND contact = (SELECT id FROM contacts WHERE address = ?1)",
    [AU_CREDITS_GONE] = "DELETE FROM credits WHERE contact = ?",
    /* What somebody did not do, or did to get away, is no engagement. */
    /* The first names, 1 to 6, are none of these. A list of their ids would be a table made anew
     * for each contact: it took half of all time of an import. */
    [AU_EVENTS_OF] = "SELECT name, at_ms, amount FROM events WHERE contact = ?"
		     " AND (name <= 6 OR NOT EXISTS (SELECT 1 FROM event_names n"
		     " WHERE n.id = events.name AND n.name IN ('unsubscribe', 'complaint',"
		     " 'bounce', 'sent'))) ORDER BY name, at_ms",
    /* Names 2 and 3: "open", "click". In the order of the key, backwards: nothing is sorted. */
    [AU_ENGAGED] = "SELECT at_ms, name = 3 FROM events WHERE contact ="
		   " (SELECT id FROM contacts WHERE address = ?1) AND name IN (2, 3)"
		   " AND at_ms >= ?2 ORDER BY name DESC, at_ms DESC",
    [AU_ENGAGED_FROM] = "SELECT at_ms, name = 3, c.timezone FROM (SELECT id, timezone"
			" FROM contacts WHERE id >= ?1 ORDER BY id LIMIT 1) c JOIN events"
			" ON contact = c.id WHERE name IN (2, 3) AND at_ms >= ?2",
    [AU_CONTACT_LAST] = "SELECT max(id) FROM contacts",
    [AU_EVENTS_TOLD] = "SELECT event_names.name, at_ms, events.id, item, amount, currency"
		       " FROM events JOIN event_names ON event_names.id = events.name"
		       " WHERE contact = ? ORDER BY at_ms",
    [AU_EVENTS_LATEST] = "SELECT event_names.name, at_ms, events.id, item, amount, currency"
			 " FROM events JOIN event_names ON event_names.id = events.name"
			 " WHERE contact = ? ORDER BY at_ms DESC, event_names.id LIMIT ?",
    [AU_ENGAGED_KEEP] = "INSERT OR REPLACE INTO facts VALUES (?, ?)",
    [AU_ENGAGED_POSITION] = "SELECT value FROM facts WHERE key = ?",
    [AU_ENGAGED_OLD] = "SELECT DISTINCT contact FROM events WHERE contact >= ?1"
		       " AND contact < ?2 AND at_ms < ?3" BROUGHT,
    [AU_ENGAGED_DROP] = "DELETE FROM events WHERE contact = ?1 AND at_ms < ?2" BROUGHT,
    [AU_EVENTS_GONE] = "DELETE FROM events WHERE contact = ?",
    [AU_DERIVED_PUT] = "INSERT OR REPLACE INTO derived VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [AU_DERIVED_OF] = "SELECT orders, revenue, first_order_ms, last_order_ms, gap_ms,"
		      " engagement, engaged_ms FROM derived WHERE contact = ?",
    [AU_SCORES] = "SELECT last_order_ms, orders, revenue FROM derived WHERE orders > 0",
    [AU_ABSENT] = "SELECT id, address, timezone, last FROM (SELECT id, address, timezone,"
		  " (SELECT max(at_ms) FROM events WHERE contact = contacts.id AND name = ?3)"
		  " AS last FROM contacts) WHERE last >= ?1 AND last < ?2",
    [AU_ABSENT_ORDERS] = "SELECT id, address, timezone, last_order_ms FROM derived CROSS JOIN"
			 " contacts ON contacts.id = derived.contact"
			 " WHERE last_order_ms >= ?1 AND last_order_ms < ?2 AND orders > 0",
    [AU_WATCH] = "INSERT OR IGNORE INTO watched VALUES (?)",
    [AU_WATCHED] = "SELECT 1 FROM watched WHERE name = ?",
    [AU_ARRIVE] = "INSERT INTO arrivals SELECT NULL, ?1, ?2, ?3, ?4"
		  " WHERE EXISTS (SELECT 1 FROM watched WHERE name = ?1)",
    /* The event is looked for: numbers of contacts that are gone are given anew. */
    [AU_ARRIVED] = "SELECT c.id, c.address, c.timezone, a.at_ms, a.seq FROM arrivals a"
		   " CROSS JOIN contacts c ON c.id = a.contact WHERE a.seq > ?1 AND a.seq <= ?2"
		   " AND a.name = ?3 AND EXISTS (SELECT 1 FROM events v WHERE v.contact = c.id"
		   " AND v.name = a.name AND v.at_ms = a.at_ms) ORDER BY a.seq LIMIT ?4",
    [AU_ARRIVED_BEFORE] = "SELECT seq FROM arrivals WHERE seen_ms < ? ORDER BY seq DESC LIMIT 1",
    [AU_ARRIVED_LAST] = "SELECT seq FROM sqlite_sequence WHERE name = 'arrivals'",
    [AU_ARRIVALS_OLD] = "DELETE FROM arrivals WHERE seq < (SELECT min(seq) FROM arrivals) + ?2"
			" AND seen_ms < ?1",
    [AU_EVENT_SINCE] = "SELECT 1 FROM events WHERE contact = ? AND name = ? AND at_ms > ?"
		       " LIMIT 1",
    [AU_DERIVED_GONE] = "DELETE FROM derived WHERE contact = ?",
};

int
audience_statement(pr_audience *a, enum audience_statement which, sqlite3_stmt **out,
                   struct pr_error *e)
{
	int r = 0;
	if (!a->statements[which])
		r = pr_db_prepare(a->db, texts[which], &a->statements[which], e);
	*out = a->statements[which];
	return r;
}

int
audience_load_totals(pr_audience *a, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_TOTALS_GET, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	if (r == 0)
		return pr_fail(e, PR_ECORRUPT, "%s: its totals are gone", a->path);
	a->totals.generation = (uint64_t)sqlite3_column_int64(s, 0);
	a->totals.entries = (uint64_t)sqlite3_column_int64(s, 1);
	a->totals.hashed = (uint64_t)sqlite3_column_int64(s, 2);
	snprintf(a->known_by, sizeof a->known_by, "%.*s", (int)pr_db_text(s, 3).n,
	         pr_db_text(s, 3).p);
	sqlite3_reset(s);
	return 0;
}

int
pr_audience_counts(pr_audience *a, struct pr_audience_counts *out, struct pr_error *e)
{
	int r = audience_load_totals(a, e);
	if (r == 0)
		*out = a->totals;
	return r;
}

/* ---- opening ---- */

static int
make(void *context, struct pr_error *e)
{
	pr_audience *a = context;
	struct pr_hash_key keys[2];
	sqlite3_stmt *s = NULL;
	pr_random(keys, sizeof keys);
	int r = pr_db_exec(a->db, schema, e);
	if (r == 0)
		r = pr_db_prepare(a->db, "INSERT INTO facts VALUES ('hash_keys', ?)", &s, e);
	if (r == 0) {
		pr_db_bind_blob(s, 1, pr_str_n((const char *)keys, sizeof keys));
		r = pr_db_run(s, e);
	}
	sqlite3_finalize(s);
	return r;
}

static int
load_keys(pr_audience *a, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = pr_db_prepare(a->db, "SELECT value FROM facts WHERE key = 'hash_keys'", &s, e);
	if (r == 0)
		r = pr_db_step(s, e);
	if (r >= 0) {
		struct pr_str keys = r == 1 ? pr_db_text(s, 0) : PR_STR("");
		r = keys.n == sizeof a->keys ? 0 : PR_ECORRUPT;
		if (r == 0)
			memcpy(a->keys, keys.p, sizeof a->keys);
		else
			pr_fail(e, r, "%s: its keys are damaged", a->path);
	}
	sqlite3_finalize(s);
	return r;
}

/* Readers of a write-ahead log need write access to its shared memory; query_only keeps them
 * from everything else. */
static int
open_in(pr_audience *a, enum pr_audience_mode mode, const struct pr_db_schema *kind,
        struct pr_error *e)
{
	int flags = SQLITE_OPEN_READWRITE | (mode == PR_AUDIENCE_WRITE ? SQLITE_OPEN_CREATE : 0);
	int r = pr_db_open(a->path, flags, &a->db, e);
	if (r == 0)
		r = pr_db_exec(a->db,
		               mode == PR_AUDIENCE_WRITE
		                   ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		                     "PRAGMA cache_size=-8000; PRAGMA journal_size_limit=33554432;"
		                   : "PRAGMA query_only=1; PRAGMA cache_size=-4000;",
		               e);
	if (r == 0 && mode == PR_AUDIENCE_WRITE)
		r = pr_db_settle(a->db, a->path, kind, a, e);
	return r == 0 ? load_keys(a, e) : r;
}

int
audience_open_as(const char *path, enum pr_audience_mode mode, const struct pr_db_schema *kind,
                 pr_audience **out, struct pr_error *e)
{
	pr_audience *a = pr_calloc(1, sizeof *a);
	struct pr_db_schema own = *kind;
	own.make = make;
	a->path = pr_strdup(path);
	int r = open_in(a, mode, &own, e);
	if (r < 0) {
		pr_audience_close(a);
		return r;
	}
	*out = a;
	return 0;
}

int
pr_audience_open(const char *path, enum pr_audience_mode mode, pr_audience **out,
                 struct pr_error *e)
{
	static const struct pr_db_schema kind = {AUDIENCE_APPLICATION, PR_AUDIENCE_SCHEMA,
	                                         migrations, NULL};
	return audience_open_as(path, mode, &kind, out, e);
}

void
pr_audience_use(pr_audience *a, const struct pr_audience_keys *keys)
{
	a->names = keys;
}

void
pr_audience_close(pr_audience *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < AU_N; i++)
		sqlite3_finalize(a->statements[i]);
	sqlite3_close(a->db);
	free(a->path);
	free(a);
}
