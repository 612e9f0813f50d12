/*
 * Traces of a person in SQLite files: statements that find and overwrite them, and what stays on
 * the disk when a statement is done.
 *
 * An erased value may survive in two places: the log of writes, until a checkpoint cuts it, and
 * octets of the file that no value uses. Connections overwrite what they delete (secure_delete),
 * but moving a value from page to page may leave a copy behind. So the file is looked through, and
 * written anew only where something is found.
 */
#include "postrider/ledger.h"
#include "postrider/ledger/db.h"

#include <fcntl.h>
#include <stdlib.h>

/* ---- functions of statements ---- */

static struct pr_str
argument(sqlite3_value *v)
{
	const char *p = sqlite3_value_blob(v);
	return pr_str_n(p ? p : "", (size_t)sqlite3_value_bytes(v));
}

static void
holds(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	sqlite3_result_int(c, pr_trace_is_in(sqlite3_user_data(c), argument(v[0])));
}

/* Of the type it had. */
static void
give(sqlite3_context *c, sqlite3_value *was, const struct pr_buf *b)
{
	if (sqlite3_value_type(was) == SQLITE_BLOB)
		sqlite3_result_blob(c, pr_buf_str(b).p, (int)b->len, SQLITE_TRANSIENT);
	else
		sqlite3_result_text(c, pr_buf_str(b).p, (int)b->len, SQLITE_TRANSIENT);
}

static void
masked(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct pr_buf b = {0};
	(void)n;
	pr_buf_add_str(&b, argument(v[0]));
	if (b.len)
		pr_trace_mask(sqlite3_user_data(c), b.data, b.len);
	give(c, v[0], &b);
	pr_buf_finish(&b);
}

/* Calls each with every field; they are views into data. Ends where it returns true. */
static bool
walk_fields(struct pr_str data, const struct pr_trace *t,
            bool (*each)(const struct pr_trace *t, struct pr_str field))
{
	size_t n = pr_fields_unpack(data, NULL, 0);
	struct pr_str *fields = pr_calloc(n + 1, sizeof *fields);
	bool ended = false;
	pr_fields_unpack(data, fields, n);
	for (size_t i = 0; i < n && !ended; i++)
		ended = each(t, fields[i]);
	free(fields);
	return ended;
}

static void
holds_packed(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	sqlite3_result_int(c, walk_fields(argument(v[0]), sqlite3_user_data(c), pr_trace_is_in));
}

static bool
mask_field(const struct pr_trace *t, struct pr_str field)
{
	if (field.n)
		pr_trace_mask(t, (char *)field.p, field.n); /* of the buffer of masked_packed */
	return false;
}

static void
masked_packed(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct pr_buf b = {0};
	(void)n;
	pr_buf_add_str(&b, argument(v[0]));
	walk_fields(pr_buf_str(&b), sqlite3_user_data(c), mask_field);
	give(c, v[0], &b);
	pr_buf_finish(&b);
}

int
pr_db_traces(sqlite3 *db, const struct pr_trace *t, struct pr_error *e)
{
	static const struct {
		const char *name;
		void (*call)(sqlite3_context *c, int n, sqlite3_value **v);
	} functions[] = {{"holds", holds},
	                 {"masked", masked},
	                 {"holds_packed", holds_packed},
	                 {"masked_packed", masked_packed}};
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++)
		if (sqlite3_create_function(db, functions[i].name, 1, flags, (void *)t,
		                            functions[i].call, NULL, NULL) != SQLITE_OK)
			return pr_db_fail(db, e, "prepare");
	return 0;
}

/* ---- the file ---- */

static int
empty_log(sqlite3 *db, struct pr_error *e)
{
	int r = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (r == SQLITE_BUSY || r == SQLITE_LOCKED)
		return pr_fail(e, PR_EAGAIN, "%s is in use", sqlite3_db_filename(db, "main"));
	return r == SQLITE_OK ? 0 : pr_db_fail(db, e, "write");
}

int
pr_db_scour(sqlite3 *db, const struct pr_trace *t, struct pr_error *e)
{
	int r = empty_log(db, e);
	if (r == 0)
		r = pr_trace_in_file(t, AT_FDCWD, sqlite3_db_filename(db, "main"), false, e);
	if (r != 1)
		return r;
	r = pr_db_exec(db, "VACUUM", e);
	return r == 0 ? empty_log(db, e) : r;
}
