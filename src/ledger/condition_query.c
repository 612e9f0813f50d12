/*
 * Asking by a condition: prepared under an authoriser that knows what may be read, stepped until
 * its time is over.
 */
#include "condition.h"

#include "postrider/base/clock.h"

#define STEPS 10000 /* of SQLite's machine between two looks at the clock */

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static int
authorise(void *context, int action, const char *first, const char *second, const char *database,
          const char *inner)
{
	const struct pr_condition_limits *l = context;
	bool good = action == SQLITE_SELECT;
	(void)database;
	(void)inner;
	if (action == SQLITE_READ)
		good = is_one_of(first, l->tables);
	else if (action == SQLITE_FUNCTION)
		good = is_one_of(second, l->functions) || condition_allows(second);
	return good ? SQLITE_OK : SQLITE_DENY;
}

/* A column that is not there is told with the nearest that is. */
static int
tell_wrong(const struct pr_condition_limits *l, size_t place, const char *message,
           struct pr_error *e)
{
	static const char none[] = "no such column: ";
	const char *near = NULL;
	if (pr_str_starts(pr_str(message), none))
		near = pr_nearest(pr_str(message + sizeof none - 1), l->columns);
	return pr_fail(e, PR_EINVAL, "at %zu: %s%s%s%s", place, message,
	               near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static int
on_steps(void *context)
{
	struct pr_condition_query *q = context;
	q->late = pr_mono_ms() >= q->end_mono_ms;
	return q->late;
}

int
pr_condition_prepare(struct pr_condition_query *q, sqlite3 *db, const struct pr_buf *sql,
                     size_t begin, const struct pr_condition_text *text, struct pr_str condition,
                     const struct pr_condition_limits *limits, struct pr_error *e)
{
	*q = (struct pr_condition_query){
	    .limits = limits, .db = db, .end_mono_ms = pr_mono_ms() + limits->limit_ms};
	sqlite3_set_authorizer(db, authorise, (void *)limits);
	int r = sqlite3_prepare_v2(db, sql->data, (int)sql->len, &q->select, NULL);
	sqlite3_set_authorizer(db, NULL, NULL);
	if (r == SQLITE_OK) {
		sqlite3_progress_handler(db, STEPS, on_steps, q);
		return 0;
	}
	int offset = sqlite3_error_offset(db);
	size_t at = offset < 0 || (size_t)offset < begin ? 0 : (size_t)offset - begin;
	if (at >= text->sql.len)
		return pr_fail(e, PR_EINVAL, "at %zu: it ends too early", condition.n + 1);
	return tell_wrong(limits, condition_place(text, at), sqlite3_errmsg(db), e);
}

int
pr_condition_step(struct pr_condition_query *q, struct pr_error *e)
{
	int r = pr_db_step(q->select, e);
	if (r >= 0 || !q->late)
		return r;
	return pr_fail(e, PR_ELIMIT, "the condition takes longer than %lld ms",
	               (long long)q->limits->limit_ms);
}

void
pr_condition_finish(struct pr_condition_query *q)
{
	if (q->db)
		sqlite3_progress_handler(q->db, 0, NULL, NULL);
	sqlite3_finalize(q->select);
	*q = (struct pr_condition_query){0};
}
