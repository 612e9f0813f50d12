/*
 * Segments: the view of a contact, and the query over it (ledger/condition.h).
 *
 * Scores are fifths of all customers: their bounds are found by one pass over what is derived,
 * when a condition asks for them, and written into the view as numbers.
 */
#include "segment.h"

#include "postrider/audience/contacts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define FIFTHS 5
#define HALF_LIFE_DAYS 30.0

const char *const segment_own_columns[] = {"email",   "timezone", "language",   "created",
                                           "updated", "recency",  "frequency",  "monetary",
                                           "stage",   "value",    "engagement", NULL};
#define OWN_COLUMNS (sizeof segment_own_columns / sizeof *segment_own_columns - 1)

/* ---- the bounds of scores ---- */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* What is above a bound has that many fifths below it: equal values are in one fifth, the lowest
 * they reach. With fewer than five customers there is not always somebody below. */
static void
find_bounds(double *values, size_t n, struct segment_bounds *out)
{
	if (n) /* else there is no array */
		qsort(values, n, sizeof *values, compare);
	for (size_t i = 1; i < FIFTHS; i++) {
		size_t below = n * i / FIFTHS;
		out->of[i - 1] = below ? values[below - 1] : -DBL_MAX;
	}
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
	struct segment_bounds *const bounds[3] = {&g->last, &g->orders, &g->revenue};
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
add_score(struct pr_buf *b, const char *column, const struct segment_bounds *bounds,
          const char *name)
{
	pr_buf_addf(b, ", CASE WHEN orders > 0 THEN 1");
	for (int i = 0; i < FIFTHS - 1; i++)
		pr_buf_addf(b, " + (%s > %.17g)", column, bounds->of[i]);
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

static void
add_view(const struct segment *g, struct pr_buf *b)
{
	long long now = (long long)g->ask->now_utc_ms;
	pr_buf_adds(b, "(SELECT id AS \"contact id\", address AS email, timezone, language,"
	               " date(created_ms / 1000, 'unixepoch') AS created,"
	               " date(updated_ms / 1000, 'unixepoch') AS updated");
	for (size_t i = 0; i < g->attributes_n; i++)
		pr_buf_addf(b, ", \"a_%s\" AS \"%s\"", g->attributes[i].name,
		            g->attributes[i].name);
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

/* ---- opening ---- */

static int64_t
find_name(void *context, enum segment_function f, struct pr_str name)
{
	struct segment *g = context;
	int64_t id = -1;
	audience_id_of(g->a, f == SEGMENT_IN_LIST ? AU_LIST_FIND : AU_EVENT_NAME, name, &id, NULL);
	return id;
}

struct segment_names
segment_names_of(struct segment *g)
{
	return (struct segment_names){find_name, g};
}

/* What the view has: for the view itself, and to tell the nearest one. */
static int
read_columns(struct segment *g, struct pr_error *e)
{
	int r = pr_contact_attributes(g->a, &g->attributes, &g->attributes_n, e);
	if (r < 0)
		return r;
	g->columns = pr_calloc(OWN_COLUMNS + g->attributes_n + 1, sizeof *g->columns);
	memcpy(g->columns, segment_own_columns, OWN_COLUMNS * sizeof *g->columns);
	for (size_t i = 0; i < g->attributes_n; i++)
		g->columns[OWN_COLUMNS + i] = g->attributes[i].name;
	return 0;
}

int
segment_query_open(struct segment *g, struct pr_str what, struct pr_str behind, struct pr_error *e)
{
	static const char *const tables[] = {"contacts", "derived", "events", "members",
	                                     "consents", "",        "c",      NULL};
	static const char *const ours[] = {"count", "total", "max", "segment_fade", "random", NULL};
	struct segment_names names = segment_names_of(g);
	struct pr_buf sql = {0};
	int r = read_columns(g, e);
	if (r == 0)
		r = segment_rewrite(g->ask->condition, g->ask->now_utc_ms, &names, &g->text,
		                    &g->scores, e);
	if (r == 0 && g->scores)
		r = score(g, e);
	if (r < 0)
		return r;
	pr_buf_addf(&sql, "SELECT %.*s FROM ", (int)what.n, what.p);
	add_view(g, &sql);
	pr_buf_adds(&sql, " WHERE (");
	size_t begin = sql.len;
	pr_buf_add_str(&sql, pr_buf_str(&g->text.sql));
	pr_buf_addf(&sql, ") %.*s", (int)behind.n, behind.p);
	sqlite3_create_function(g->a->db, "segment_fade", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
	                        NULL, fade, NULL, NULL);
	g->limits = (struct pr_condition_limits){tables, ours, g->columns, g->ask->limit_ms};
	r = pr_condition_prepare(&g->query, g->a->db, &sql, begin, &g->text, g->ask->condition,
	                         &g->limits, e);
	pr_buf_finish(&sql);
	return r;
}

struct segment *
segment_query_create(pr_audience *a, const struct pr_segment_ask *ask)
{
	struct segment *g = pr_calloc(1, sizeof *g);
	g->a = a;
	g->ask = ask;
	return g;
}

int
segment_query_step(struct segment *g, struct pr_error *e)
{
	return pr_condition_step(&g->query, e);
}

void
segment_query_destroy(struct segment *g)
{
	pr_condition_finish(&g->query);
	pr_condition_text_finish(&g->text);
	free(g->columns);
	free(g->attributes);
	free(g);
}

/* ---- asking ---- */

int
pr_segment_count(pr_audience *a, const struct pr_segment_ask *ask, uint64_t *out,
                 struct pr_error *e)
{
	struct segment *g = segment_query_create(a, ask);
	int r = segment_query_open(g, PR_STR("count(*)"), PR_STR(""), e);
	if (r == 0)
		r = segment_query_step(g, e);
	if (r == 1)
		*out = (uint64_t)sqlite3_column_int64(g->query.select, 0);
	segment_query_destroy(g);
	return r < 0 ? r : 0;
}

int
pr_segment_each(pr_audience *a, const struct pr_segment_ask *ask, int64_t after, uint64_t limit,
                bool (*each)(void *, int64_t, struct pr_str), void *context, struct pr_error *e)
{
	struct segment *g = segment_query_create(a, ask);
	int r = segment_query_open(
	    g, PR_STR(SEGMENT_ID ", c.email"),
	    PR_STR("AND " SEGMENT_ID " > ?1 ORDER BY " SEGMENT_ID " LIMIT ?2"), e);
	if (r == 0) {
		sqlite3_bind_int64(g->query.select, 1, after);
		sqlite3_bind_int64(g->query.select, 2, (int64_t)limit);
	}
	while (r == 0 && (r = segment_query_step(g, e)) == 1)
		r = each(context, sqlite3_column_int64(g->query.select, 0),
		         pr_db_text(g->query.select, 1))
		        ? 0
		        : 2;
	segment_query_destroy(g);
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
	struct unknown u = {segment_query_create(a, &ask), each, context};
	bool scores = false;
	struct segment_names names = {tell_unknown, &u};
	int r = segment_rewrite(condition, 0, &names, &u.g->text, &scores, e);
	segment_query_destroy(u.g);
	return r;
}
