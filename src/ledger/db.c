/*
 * Connections, statements, transactions and schema versions of SQLite.
 *
 * A full disk reaches us in several shapes: SQLITE_FULL from a write, an I/O error with
 * errno ENOSPC from growing the shared memory file or from a sync. All of them are
 * PR_ENOSPC: the transaction is rolled back and the same call works when there is room.
 */
#include "postrider/ledger/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 10000

static int
code_of(sqlite3 *db)
{
	int number = sqlite3_system_errno(db);
	switch (sqlite3_errcode(db)) {
	case SQLITE_FULL: return PR_ENOSPC;
	case SQLITE_IOERR: return number == ENOSPC || number == EDQUOT ? PR_ENOSPC : PR_EIO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return PR_ECORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return PR_EAGAIN;
	case SQLITE_READONLY:
	case SQLITE_PERM: return PR_EDENIED;
	case SQLITE_CANTOPEN:
		return number == ENOENT   ? PR_ENOENT
		       : number == ENOSPC ? PR_ENOSPC
		       : number == EACCES ? PR_EDENIED
		                          : PR_ESYSTEM;
	default: return PR_ESYSTEM;
	}
}

int
pr_db_fail(sqlite3 *db, struct pr_error *e, const char *doing)
{
	const char *path = sqlite3_db_filename(db, "main");
	int number = sqlite3_system_errno(db);
	bool system = code_of(db) != PR_ECORRUPT && number != 0;
	return pr_fail(e, code_of(db), "%s: cannot %s: %s%s%s", path ? path : "database", doing,
	               sqlite3_errmsg(db), system ? ": " : "", system ? strerror(number) : "");
}

int
pr_db_open(const char *path, int flags, sqlite3 **out, struct pr_error *e)
{
	sqlite3 *db = NULL;
	int r = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (!db)
		return pr_fail(e, PR_ESYSTEM, "%s: cannot open: out of memory", path);
	if (r != SQLITE_OK) {
		r = pr_db_fail(db, e, "open");
		sqlite3_close(db);
		return r;
	}
	sqlite3_extended_result_codes(db, 0);
	sqlite3_busy_timeout(db, BUSY_MS);
	/* What is deleted is overwritten: nobody who was forgotten stays in a free page. */
	sqlite3_exec(db, "PRAGMA secure_delete=ON", NULL, NULL, NULL);
	*out = db;
	return 0;
}

int
pr_db_exec(sqlite3 *db, const char *sql, struct pr_error *e)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return pr_db_fail(db, e, "write");
}

int
pr_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct pr_error *e)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
		return 0;
	return pr_db_fail(db, e, "read");
}

int
pr_db_step(sqlite3_stmt *s, struct pr_error *e)
{
	int r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		return 1;
	r = r == SQLITE_DONE ? 0 : pr_db_fail(sqlite3_db_handle(s), e, "read");
	sqlite3_reset(s);
	return r;
}

int
pr_db_run(sqlite3_stmt *s, struct pr_error *e)
{
	int r = sqlite3_step(s);
	r = r == SQLITE_DONE || r == SQLITE_ROW ? 0 : pr_db_fail(sqlite3_db_handle(s), e, "write");
	sqlite3_reset(s);
	return r;
}

int
pr_db_begin(sqlite3 *db, struct pr_error *e)
{
	return pr_db_exec(db, "BEGIN IMMEDIATE", e);
}

int
pr_db_end(sqlite3 *db, int r, struct pr_error *e)
{
	if (r == 0)
		r = pr_db_exec(db, "COMMIT", e);
	if (r < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int
pragma_int(sqlite3 *db, const char *sql, int *out, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = pr_db_prepare(db, sql, &s, e);
	if (r == 0)
		r = pr_db_step(s, e);
	if (r == 1)
		*out = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return r < 0 ? r : 0;
}

int
pr_db_version(sqlite3 *db, int application, const char *path, int *version, struct pr_error *e)
{
	int id = 0, v = 0;
	int r = pragma_int(db, "PRAGMA application_id", &id, e);
	if (r == 0)
		r = pragma_int(db, "PRAGMA user_version", &v, e);
	if (r == 0 && (id != application && (id != 0 || v != 0)))
		r = pr_fail(e, PR_ECORRUPT, "%s is no database of this kind", path);
	if (r == 0)
		*version = v;
	return r;
}

/* Whole and readable on its own, also while the log of writes is not empty. */
static int
keep_copy(sqlite3 *db, const char *path, int version, struct pr_error *e)
{
	char copy[4096];
	sqlite3_stmt *s = NULL;
	if (snprintf(copy, sizeof copy, "%s.v%d", path, version) >= (int)sizeof copy)
		return pr_fail(e, PR_EINVAL, "path too long: %s", path);
	if (access(copy, F_OK) == 0)
		return 0;
	char part[4100];
	snprintf(part, sizeof part, "%s~", copy);
	unlink(part);
	int r = pr_db_prepare(db, "VACUUM INTO ?", &s, e);
	if (r == 0) {
		pr_db_bind_text(s, 1, pr_str(part));
		r = pr_db_run(s, e);
	}
	sqlite3_finalize(s);
	if (r == 0 && rename(part, copy) < 0)
		r = pr_fail_errno(e, "cannot keep a copy as %s", copy);
	return r;
}

int
pr_db_migrate(sqlite3 *db, const char *path, int version, int to,
              const struct pr_db_migration *migrations, struct pr_error *e)
{
	char sql[64];
	int r = keep_copy(db, path, version, e);
	if (r < 0 || (r = pr_db_begin(db, e)) < 0)
		return r;
	for (; r == 0 && version < to; version++) {
		const struct pr_db_migration *m = migrations;
		while (m->sql && m->from != version)
			m++;
		r = m->sql ? pr_db_exec(db, m->sql, e)
		           : pr_fail(e, PR_EVERSION,
		                     "%s has schema version %d, which this "
		                     "program cannot bring to %d",
		                     path, version, to);
	}
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", to);
	if (r == 0)
		r = pr_db_exec(db, sql, e);
	return pr_db_end(db, r, e);
}

int
pr_db_settle(sqlite3 *db, const char *path, const struct pr_db_schema *schema, void *context,
             struct pr_error *e)
{
	int version, r = pr_db_begin(db, e);
	if (r < 0)
		return r;
	r = pr_db_version(db, schema->application, path, &version, e);
	if (r == 0 && version == 0)
		r = schema->make(context, e);
	r = pr_db_end(db, r, e);
	if (r < 0 || version == 0 || version == schema->version)
		return r;
	if (version > schema->version)
		return pr_fail(e, PR_EVERSION,
		               "%s has schema version %d; this program knows "
		               "versions up to %d: use a newer program",
		               path, version, schema->version);
	return pr_db_migrate(db, path, version, schema->version, schema->migrations, e);
}
