/*
 * Segments: the view of a contact, the query over it, its limits.
 *
 *   condition -rewritten-> SQL over the view c -prepared, authorised-> rows, until the time is over
 *
 * Scores are fifths of all customers: their bounds are found by one pass over what is derived,
 * when a condition asks for them, and written into the view as numbers.
 */
#include "segment.h"

#include "postrider/audience/contacts.h"

#include <math.h>
#include <stdlib.h>

#define FIFTHS 5
#define HALF_LIFE_DAYS 30.0
#define STEPS 10000 /* of SQLite's machine between two looks at the clock */

static const char *const own_columns[] = {"email",   "timezone", "language",  "created",
                                          "updated", "recency",  "frequency", "monetary",
                                          "stage",   "value",    "engagement"};

struct bounds { /* between fifths */
	double of[FIFTHS - 1];
};

struct segment {
	pr_audience *a;
	const struct pr_segment_ask *ask;
	struct segment_text text;
	size_t begin; /* of the condition in the query */
	struct bounds last, orders, revenue;
	sqlite3_stmt *select;
	int64_t end_mono_ms;
	bool late;
};

/* ---- the bounds of scores ---- */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
find_bounds(double *values, size_t n, struct bounds *out)
{
	qsort(values, n, sizeof *values, compare);
	for (size_t i = 1; i < FIFTHS; i++)
		out->of[i - 1] = n ? values[n * i / FIFTHS] : 0;
}

static int
read_scores(struct segment *g, double **columns, size_t *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	size_t room = 0;
	int r = audience_statement(g->a, AU_SCORES, &s, e);
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		if (*n == room) {
			room = room ? room * 2 : 1024;
			for (int k = 0; k < 3; k++)
				columns[k] = pr_realloc(columns[k], room * sizeof **columns);
		}
		for (int k = 0; k < 3; k++)
			columns[k][*n] = sqlite3_column_double(s, k);
		++*n;
		r = 0;
	}
	return r;
}

static int
score(struct segment *g, struct pr_error *e)
{
	struct bounds *const bounds[3] = {&g->last, &g->orders, &g->revenue};
	double *columns[3] = {NULL, NULL, NULL};
	size_t n = 0;
	int r = read_scores(g, columns, &n, e);
	for (int k = 0; k < 3; k++) {
		if (r == 0)
			find_bounds(columns[k], n, bounds[k]);
		free(columns[k]);
	}
	return r;
}

/* ---- the view ---- */

static void
add_score(struct pr_buf *b, const char *column, const struct bounds *bounds, const char *name)
{
	pr_buf_addf(b, ", CASE WHEN orders > 0 THEN 1");
	for (int i = 0; i < FIFTHS - 1; i++)
		pr_buf_addf(b, " + (%s >= %.17g)", column, bounds->of[i]);
	pr_buf_addf(b, " END AS %s", name);
}

static void
add_stage(struct pr_buf *b, int64_t now_ms)
{
	long long day = PR_DAY_MS, now = (long long)now_ms;
	pr_buf_addf(b,
	            ", CASE WHEN coalesce(orders, 0) = 0 THEN NULL"
	            " WHEN last_order_ms < %lld THEN 'lost'"
	            " WHEN last_order_ms < %lld THEN 'at_risk'"
	            " WHEN last_order_ms < %lld THEN 'occasional'"
	            " WHEN orders = 1 THEN 'new' WHEN gap_ms > %lld THEN 'won_back'"
	            " ELSE 'active' END AS stage",
	            now - 365 * day, now - 180 * day, now - 90 * day, 365 * day);
}

static int
add_view(struct segment *g, struct pr_buf *b, struct pr_error *e)
{
	struct pr_attribute *all = NULL;
	size_t n = 0;
	long long now = (long long)g->ask->now_utc_ms;
	int r = pr_contact_attributes(g->a, &all, &n, e);
	if (r < 0)
		return r;
	pr_buf_adds(b, "(SELECT id AS \"contact id\", address AS email, timezone, language,"
	               " date(created_ms / 1000, 'unixepoch') AS created,"
	               " date(updated_ms / 1000, 'unixepoch') AS updated");
	for (size_t i = 0; i < n; i++)
		pr_buf_addf(b, ", \"a_%s\" AS \"%s\"", all[i].name, all[i].name);
	add_score(b, "last_order_ms", &g->last, "recency");
	add_score(b, "orders", &g->orders, "frequency");
	add_score(b, "revenue", &g->revenue, "monetary");
	add_stage(b, g->ask->now_utc_ms);
	pr_buf_addf(b,
	            ", coalesce(revenue / max(1.0, (%lld - first_order_ms) / 31557600000.0), 0.0)"
	            " AS value, coalesce(segment_fade(engagement, %lld - engaged_ms), 0.0)"
	            " AS engagement",
	            now, now);
	pr_buf_adds(b, " FROM contacts LEFT JOIN derived ON derived.contact = contacts.id) AS c");
	free(all);
	return 0;
}

/* Points as of now; at most 100. */
static void
fade(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	double days = (double)sqlite3_value_int64(values[1]) / (double)PR_DAY_MS;
	double points = sqlite3_value_double(values[0]) * exp2(-fmax(days, 0) / HALF_LIFE_DAYS);
	if (sqlite3_value_type(values[0]) != SQLITE_NULL)
		sqlite3_result_double(context, fmin(points, 100));
}

/* ---- limits ---- */

static int
authorise(void *context, int action, const char *first, const char *second, const char *database,
          const char *inner)
{
	static const char *const tables[] = {"contacts", "derived", "events", "members", ""};
	static const char *const ours[] = {"count", "total", "max", "segment_fade"};
	bool good = action == SQLITE_SELECT;
	(void)context;
	(void)database;
	(void)inner;
	for (unsigned i = 0; action == SQLITE_READ && i < sizeof tables / sizeof *tables; i++)
		good |= strcmp(first, tables[i]) == 0;
	if (action == SQLITE_READ && strcmp(first, "c") == 0)
		good = true; /* the view */
	for (unsigned i = 0; action == SQLITE_FUNCTION && i < sizeof ours / sizeof *ours; i++)
		good |= strcmp(second, ours[i]) == 0;
	good |= action == SQLITE_FUNCTION && segment_allows(second);
	return good ? SQLITE_OK : SQLITE_DENY;
}

static int
on_steps(void *context)
{
	struct segment *g = context;
	g->late = pr_mono_ms() >= g->end_mono_ms;
	return g->late;
}

/* ---- opening ---- */

static int64_t
find_name(void *context, enum segment_function f, struct pr_str name)
{
	struct segment *g = context;
	int64_t id = -1;
	audience_id_of(g->a, f == SEGMENT_IN_LIST ? AU_LIST_FIND : AU_EVENT_NAME, name, &id, NULL);
	return id;
}

/* A column that is not there is told with the nearest that is. */
static int
tell_wrong(struct segment *g, size_t at, const char *message, struct pr_error *e)
{
	static const char none[] = "no such column: ";
	struct pr_attribute *all = NULL;
	size_t n = 0, own = sizeof own_columns / sizeof *own_columns, place;
	const char *near = NULL;
	place = segment_place(&g->text, at);
	if (pr_str_starts(pr_str(message), none) &&
	    pr_contact_attributes(g->a, &all, &n, NULL) == 0) {
		const char **names = pr_calloc(own + n + 1, sizeof *names);
		memcpy(names, own_columns, sizeof own_columns);
		for (size_t i = 0; i < n; i++)
			names[own + i] = all[i].name;
		near = pr_nearest(pr_str(message + sizeof none - 1), names);
		free(names);
	}
	int r = pr_fail(e, PR_EINVAL, "at %zu: %s%s%s%s", place, message,
	                near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
	free(all);
	return r;
}

static int
prepare(struct segment *g, const struct pr_buf *sql, struct pr_error *e)
{
	sqlite3 *db = g->a->db;
	sqlite3_set_authorizer(db, authorise, g);
	int r = sqlite3_prepare_v2(db, sql->data, (int)sql->len, &g->select, NULL);
	sqlite3_set_authorizer(db, NULL, NULL);
	if (r == SQLITE_OK)
		return 0;
	int offset = sqlite3_error_offset(db);
	size_t at = offset < 0 || (size_t)offset < g->begin ? 0 : (size_t)offset - g->begin;
	if (at >= g->text.sql.len)
		return pr_fail(e, PR_EINVAL, "at %zu: it ends too early", g->ask->condition.n + 1);
	return tell_wrong(g, at, sqlite3_errmsg(db), e);
}

/* `what` of the contacts that are in it, and what follows. */
static int
open_segment(struct segment *g, const char *what, const char *behind, struct pr_error *e)
{
	struct segment_names names = {find_name, g};
	struct pr_buf sql = {0};
	int r = segment_rewrite(g->ask->condition, g->ask->now_utc_ms, &names, &g->text, e);
	if (r == 0 && g->text.scores)
		r = score(g, e);
	pr_buf_addf(&sql, "SELECT %s FROM ", what);
	if (r == 0)
		r = add_view(g, &sql, e);
	pr_buf_adds(&sql, " WHERE (");
	g->begin = sql.len;
	pr_buf_add_str(&sql, pr_buf_str(&g->text.sql));
	pr_buf_addf(&sql, ") %s", behind);
	sqlite3_create_function(g->a->db, "segment_fade", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
	                        NULL, fade, NULL, NULL);
	if (r == 0)
		r = prepare(g, &sql, e);
	pr_buf_finish(&sql);
	if (r == 0)
		sqlite3_progress_handler(g->a->db, STEPS, on_steps, g);
	return r;
}

static struct segment *
create(pr_audience *a, const struct pr_segment_ask *ask)
{
	struct segment *g = pr_calloc(1, sizeof *g);
	g->a = a;
	g->ask = ask;
	g->end_mono_ms = pr_mono_ms() + ask->limit_ms;
	return g;
}

static int
step(struct segment *g, struct pr_error *e)
{
	int r = pr_db_step(g->select, e);
	if (r >= 0 || !g->late)
		return r;
	return pr_fail(e, PR_ELIMIT, "the condition takes longer than %lld ms",
	               (long long)g->ask->limit_ms);
}

static void
destroy(struct segment *g)
{
	sqlite3_progress_handler(g->a->db, 0, NULL, NULL);
	sqlite3_finalize(g->select);
	segment_text_finish(&g->text);
	free(g);
}

/* ---- asking ---- */

int
pr_segment_count(pr_audience *a, const struct pr_segment_ask *ask, uint64_t *out,
                 struct pr_error *e)
{
	struct segment *g = create(a, ask);
	int r = open_segment(g, "count(*)", "", e);
	if (r == 0)
		r = step(g, e);
	if (r == 1)
		*out = (uint64_t)sqlite3_column_int64(g->select, 0);
	destroy(g);
	return r < 0 ? r : 0;
}

int
pr_segment_each(pr_audience *a, const struct pr_segment_ask *ask, int64_t after, uint64_t limit,
                bool (*each)(void *, int64_t, struct pr_str), void *context, struct pr_error *e)
{
	struct segment *g = create(a, ask);
	int r = open_segment(g, SEGMENT_ID ", c.email",
	                     "AND " SEGMENT_ID " > ?1 ORDER BY " SEGMENT_ID " LIMIT ?2", e);
	if (r == 0) {
		sqlite3_bind_int64(g->select, 1, after);
		sqlite3_bind_int64(g->select, 2, (int64_t)limit);
	}
	while (r == 0 && (r = step(g, e)) == 1)
		r = each(context, sqlite3_column_int64(g->select, 0), pr_db_text(g->select, 1)) ? 0
		                                                                                : 2;
	destroy(g);
	return r < 0 ? r : 0;
}

struct unknown {
	struct segment *g;
	bool (*each)(void *context, const char *kind, struct pr_str name);
	void *context;
};

static int64_t
tell_unknown(void *context, enum segment_function f, struct pr_str name)
{
	struct unknown *u = context;
	int64_t id = find_name(u->g, f, name);
	if (id < 0)
		u->each(u->context, f == SEGMENT_IN_LIST ? "list" : "event", name);
	return id;
}

int
pr_segment_unknown(pr_audience *a, struct pr_str condition,
                   bool (*each)(void *, const char *, struct pr_str), void *context,
                   struct pr_error *e)
{
	struct pr_segment_ask ask = {.condition = condition};
	struct unknown u = {create(a, &ask), each, context};
	struct segment_names names = {tell_unknown, &u};
	int r = segment_rewrite(condition, 0, &names, &u.g->text, e);
	destroy(u.g);
	return r;
}
