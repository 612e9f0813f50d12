/*
 * A snapshot is a segment's query with more to select, and more to ask behind the condition: lists
 * by their ids, and what keeps contacts out. In one statement, so it is one state of the file.
 */
#include "segment.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/snapshot.h"

#include <stdlib.h>

const char *const pr_snapshot_derived[] = {
    "created", "updated", "recency", "frequency", "monetary", "stage", "value", "engagement", NULL};

struct snapshot {
	pr_audience *a;
	const struct pr_snapshot_ask *ask;
	const struct pr_snapshot_rows *rows;
	struct segment *segment;
	struct pr_attribute *attributes;
	size_t attributes_n;
	struct pr_str *names, *fields;
	size_t n;
	struct pr_buf what, behind;
};

/* ---- what is selected ---- */

static void
add_name(struct snapshot *s, struct pr_str name)
{
	s->names[s->n++] = name;
}

static void
add_columns(struct snapshot *s)
{
	struct pr_buf *b = &s->what;
	pr_buf_adds(b, SEGMENT_ID ", c.email");
	add_name(s, PR_STR("email"));
	if (s->ask->bare)
		return;
	pr_buf_adds(b, ", c.timezone, c.language");
	add_name(s, PR_STR("timezone"));
	add_name(s, PR_STR("language"));
	for (size_t i = 0; i < s->attributes_n; i++) {
		const struct pr_attribute *t = &s->attributes[i];
		pr_buf_addf(b,
		            t->type == PR_ATTRIBUTE_BOOLEAN
		                ? ", CASE c.\"%s\" WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
		                : ", c.\"%s\"",
		            t->name);
		add_name(s, pr_str(t->name));
	}
	for (size_t i = 0; i < s->ask->derived_n; i++) {
		const char *name = s->ask->derived[i].p;
		bool number = strcmp(name, "value") == 0 || strcmp(name, "engagement") == 0;
		pr_buf_addf(b, number ? ", round(c.%s, 2)" : ", c.%s", name);
		s->segment->scores |= strcmp(name, "recency") == 0 ||
		                      strcmp(name, "frequency") == 0 ||
		                      strcmp(name, "monetary") == 0;
		add_name(s, pr_str(name));
	}
}

/* The purpose is a name: it holds no quotation mark. */
static void
add_consent(struct snapshot *s)
{
	struct pr_str p = s->ask->purpose;
	pr_buf_addf(&s->what,
	            ", (SELECT 'yes' FROM consents WHERE contact = " SEGMENT_ID
	            " AND purpose = '%.*s')"
	            ", (SELECT iif(until_ms = 0, '', strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ',"
	            " until_ms / 1000, 'unixepoch')) FROM consents"
	            " WHERE contact = " SEGMENT_ID " AND purpose = '%.*s')",
	            (int)p.n, p.p, (int)p.n, p.p);
	add_name(s, PR_STR("consent"));
	add_name(s, PR_STR("consent_expires"));
}

/* ---- who is in it ---- */

static int
add_lists(struct snapshot *s, const struct pr_text *lists, size_t n, const char *begin,
          struct pr_error *e)
{
	for (size_t i = 0; i < n; i++) {
		int64_t id;
		int r = audience_id_of(s->a, AU_LIST_FIND, pr_text_str(&lists[i]), &id, e);
		if (r <= 0)
			return r < 0 ? r
			             : pr_fail(e, PR_EINVAL, "there is no list \"%s\"", lists[i].p);
		pr_buf_addf(&s->behind, "%s%lld", i ? ", " : begin, (long long)id);
	}
	if (n)
		pr_buf_addf(&s->behind, ") AND contact = " SEGMENT_ID ")");
	return 0;
}

static void
add_only(struct snapshot *s)
{
	const struct pr_snapshot_ask *ask = s->ask;
	PR_ASSERT(ask->only_n <= PR_SNAPSHOT_ONLY_MAX);
	if (!ask->only)
		return;
	pr_buf_adds(&s->behind, " AND " SEGMENT_ID " IN (");
	for (size_t i = 0; i < ask->only_n; i++)
		pr_buf_addf(&s->behind, "%s%lld", i ? "," : "", (long long)ask->only[i]);
	pr_buf_adds(&s->behind, ")");
}

/* Judged alone first: what is wrong in it is told with its own places. */
static int
add_but(struct snapshot *s, struct pr_error *e)
{
	struct pr_segment_ask alone = {s->ask->but, s->ask->now_utc_ms, s->ask->limit_ms};
	struct segment *g = segment_query_create(s->a, &alone);
	int r = segment_query_open(g, PR_STR("1"), PR_STR("LIMIT 0"), e);
	if (r == 0) {
		pr_buf_addf(&s->behind, " AND NOT coalesce((%.*s), 0)", (int)g->text.sql.len,
		            g->text.sql.data);
		s->segment->scores |= g->scores;
	}
	segment_query_destroy(g);
	return r;
}

static int
compose(struct snapshot *s, struct pr_error *e)
{
	static const char *const orders[] = {" ORDER BY c.engagement DESC, " SEGMENT_ID,
	                                     " ORDER BY c.email", " ORDER BY random()",
	                                     " ORDER BY " SEGMENT_ID};
	const struct pr_snapshot_ask *ask = s->ask;
	int r = pr_contact_attributes(s->a, &s->attributes, &s->attributes_n, e);
	if (r < 0)
		return r;
	s->names = pr_calloc(s->attributes_n + ask->derived_n + 5, sizeof *s->names);
	s->fields = pr_calloc(s->attributes_n + ask->derived_n + 5, sizeof *s->fields);
	add_columns(s);
	if (ask->purpose.n && !ask->bare)
		add_consent(s);
	add_only(s);
	r = add_lists(s, ask->lists, ask->lists_n,
	              " AND EXISTS (SELECT 1 FROM members WHERE list IN (", e);
	if (r == 0)
		r = add_lists(s, ask->not_lists, ask->not_lists_n,
		              " AND NOT EXISTS (SELECT 1 FROM members WHERE list IN (", e);
	if (r == 0 && ask->but.n)
		r = add_but(s, e);
	pr_buf_adds(&s->behind, orders[ask->order]);
	return r;
}

/* ---- the rows ---- */

static int
give_rows(struct snapshot *s, struct pr_error *e)
{
	sqlite3_stmt *select = s->segment->query.select;
	int r = s->rows->columns ? s->rows->columns(s->rows->context, s->names, s->n) : 0;
	while (r == 0 && (r = segment_query_step(s->segment, e)) == 1) {
		for (size_t i = 0; i < s->n; i++)
			s->fields[i] = pr_db_text(select, (int)i + 1);
		r = s->rows->row(s->rows->context, sqlite3_column_int64(select, 0), s->fields,
		                 s->n);
	}
	return r;
}

int
pr_snapshot(pr_audience *a, const struct pr_snapshot_ask *ask, const struct pr_snapshot_rows *rows,
            struct pr_error *e)
{
	struct pr_segment_ask in = {ask->condition.n ? ask->condition : PR_STR("1"),
	                            ask->now_utc_ms, ask->limit_ms};
	struct snapshot s = {.a = a, .ask = ask, .rows = rows};
	s.segment = segment_query_create(a, &in);
	int r = compose(&s, e);
	if (r == 0)
		r = segment_query_open(s.segment, pr_buf_str(&s.what), pr_buf_str(&s.behind), e);
	if (r == 0)
		r = give_rows(&s, e);
	segment_query_destroy(s.segment);
	free(s.attributes);
	free(s.names);
	free(s.fields);
	pr_buf_finish(&s.what);
	pr_buf_finish(&s.behind);
	return r;
}
