/*
 * SQLite as the rooms that keep databases use it: every call answers 0 or a PR_E code with a
 * sentence, and a connection is opened one way.
 */
#ifndef POSTRIDER_LEDGER_DB_H
#define POSTRIDER_LEDGER_DB_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"
#include "postrider/base/trace.h"

#include <sqlite3.h>

/* Code and sentence for what failed last on db. */
int pr_db_fail(sqlite3 *db, struct pr_error *e, const char *doing);
/* flags as of sqlite3_open_v2. Waits up to 10 s for other connections. */
int pr_db_open(const char *path, int flags, sqlite3 **out, struct pr_error *e);
int pr_db_exec(sqlite3 *db, const char *sql, struct pr_error *e);
int pr_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct pr_error *e);
/* 1: a row; 0: done (and reset); negative (and reset). */
int pr_db_step(sqlite3_stmt *s, struct pr_error *e);
/* The functions holds(text) and masked(text) of statements, and the same for packed fields:
 * holds_packed(data), masked_packed(data). t lives as long as db uses them. */
int pr_db_traces(sqlite3 *db, const struct pr_trace *t, struct pr_error *e);
/* What was erased is erased on the disk, too: the log of writes is emptied into the file, and where
 * the file still has a trace in what it does not use it is written anew. PR_EAGAIN: others are
 * reading. */
int pr_db_scour(sqlite3 *db, const struct pr_trace *t, struct pr_error *e);
/* For statements that give no rows: step and reset. */
int pr_db_run(sqlite3_stmt *s, struct pr_error *e);
/* BEGIN IMMEDIATE; COMMIT where r is 0, ROLLBACK otherwise. pr_db_end returns r, or why the
 * commit failed (rolled back then). */
int pr_db_begin(sqlite3 *db, struct pr_error *e);
int pr_db_end(sqlite3 *db, int r, struct pr_error *e);

/* Schema versions (PRAGMA user_version) under an application id. */
struct pr_db_migration {
	int from; /* from this version to the next */
	const char *sql;
};
/* *version: 0 for an empty file. PR_ECORRUPT when the file is another program's. */
int pr_db_version(sqlite3 *db, int application, const char *path, int *version, struct pr_error *e);
/* From version to `to`, in one transaction, after a copy PATH.vN was kept (N the old version;
 * an existing copy stays). migrations end with sql NULL. */
int pr_db_migrate(sqlite3 *db, const char *path, int version, int to,
                  const struct pr_db_migration *migrations, struct pr_error *e);

/* What a program knows of a kind of file. make: the tables of a new one, within a transaction. */
struct pr_db_schema {
	int application, version;
	const struct pr_db_migration *migrations;
	int (*make)(void *context, struct pr_error *e);
};
/* Makes a new file, migrates an old one, refuses a newer (PR_EVERSION) or foreign one. Two that
 * open a new file at once make it once. */
int pr_db_settle(sqlite3 *db, const char *path, const struct pr_db_schema *schema, void *context,
                 struct pr_error *e);

static inline struct pr_str
pr_db_text(sqlite3_stmt *s, int column) /* a view until the next step; blobs too */
{
	const char *p = sqlite3_column_blob(s, column);
	return pr_str_n(p ? p : "", (size_t)sqlite3_column_bytes(s, column));
}

static inline void
pr_db_bind_text(sqlite3_stmt *s, int at, struct pr_str v) /* v lives until the step */
{
	sqlite3_bind_text(s, at, v.p ? v.p : "", (int)v.n, SQLITE_STATIC);
}

static inline void
pr_db_bind_blob(sqlite3_stmt *s, int at, struct pr_str v)
{
	sqlite3_bind_blob(s, at, v.p ? v.p : "", (int)v.n, SQLITE_STATIC);
}

#endif
