/* Contacts: looking through them, by address. */
#include "internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/segment.h"

#include <stdio.h>
#include <stdlib.h>

#define OWN_COLUMNS 6 /* before the attributes */

int
pr_contact_attributes(pr_audience *a, struct pr_attribute **out, size_t *n, struct pr_error *e)
{
	struct pr_attribute *all = pr_alloc(PR_ATTRIBUTES_MAX * sizeof *all);
	sqlite3_stmt *s;
	size_t found = 0;
	int r = audience_statement(a, AU_ATTRIBUTES, &s, e);
	while (r == 0 && found < PR_ATTRIBUTES_MAX && (r = pr_db_step(s, e)) == 1) {
		struct pr_str name = pr_db_text(s, 0);
		snprintf(all[found].name, sizeof all[found].name, "%.*s", (int)name.n, name.p);
		all[found++].type = (enum pr_attribute_type)sqlite3_column_int(s, 1);
		r = 0;
	}
	if (r < 0) {
		free(all);
		return r;
	}
	sqlite3_reset(s);
	*out = all;
	*n = found;
	return 0;
}

int
pr_contact_count(pr_audience *a, uint64_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CONTACTS_N, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return 0;
}

int
pr_contact_lists(pr_audience *a, bool (*each)(void *, struct pr_str, uint64_t), void *context,
                 struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_LISTS, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1)
		if (!each(context, pr_db_text(s, 0), (uint64_t)sqlite3_column_int64(s, 1)))
			break;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_contact_lists_of(pr_audience *a, int64_t id, bool (*each)(void *, struct pr_str), void *context,
                    struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_LISTS_OF, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	while ((r = pr_db_step(s, e)) == 1)
		if (!each(context, pr_db_text(s, 0)))
			break;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_contact_consents_of(pr_audience *a, int64_t id,
                       bool (*each)(void *, const struct pr_contact_consent *), void *context,
                       struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CONSENTS_OF, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_contact_consent c = {.purpose = pr_db_text(s, 0),
		                               .text = pr_db_text(s, 1),
		                               .source = pr_db_text(s, 2),
		                               .at_ms = sqlite3_column_int64(s, 3),
		                               .until_ms = sqlite3_column_int64(s, 4)};
		if (!each(context, &c))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* ---- contacts ---- */

struct looking {
	pr_audience *a;
	struct pr_attribute *attributes;
	size_t n;
	struct pr_str *values;
	sqlite3_stmt *select;
	bool (*each)(void *context, const struct pr_contact_view *v);
	void *context;
	unsigned seen;
};

static int
prepare(struct looking *l, const char *where, struct pr_error *e)
{
	struct pr_buf sql = {0};
	int r = pr_contact_attributes(l->a, &l->attributes, &l->n, e);
	if (r < 0)
		return r;
	l->values = pr_calloc(l->n + 1, sizeof *l->values);
	pr_buf_adds(&sql, "SELECT id, address, timezone, language, created_ms, updated_ms");
	for (size_t i = 0; i < l->n; i++)
		pr_buf_addf(&sql, ", \"a_%s\"", l->attributes[i].name);
	pr_buf_addf(&sql, " FROM contacts %s", where);
	r = pr_db_prepare(l->a->db, sql.data, &l->select, e);
	pr_buf_finish(&sql);
	return r;
}

static bool
show(struct looking *l)
{
	sqlite3_stmt *s = l->select;
	struct pr_contact_view v = {.id = sqlite3_column_int64(s, 0),
	                            .address = pr_db_text(s, 1),
	                            .timezone = pr_db_text(s, 2),
	                            .language = pr_db_text(s, 3),
	                            .created_ms = sqlite3_column_int64(s, 4),
	                            .updated_ms = sqlite3_column_int64(s, 5),
	                            .attributes = l->attributes,
	                            .values = l->values,
	                            .n = l->n};
	for (size_t i = 0; i < l->n; i++) {
		int at = OWN_COLUMNS + (int)i;
		bool none = sqlite3_column_type(s, at) == SQLITE_NULL;
		l->values[i] = none ? (struct pr_str){0} : pr_db_text(s, at);
	}
	l->seen++;
	return l->each(l->context, &v);
}

static int
look(struct looking *l, struct pr_error *e)
{
	int r;
	while ((r = pr_db_step(l->select, e)) == 1)
		if (!show(l))
			break;
	return r < 0 ? r : 0;
}

static void
finish(struct looking *l)
{
	sqlite3_finalize(l->select);
	free(l->attributes);
	free(l->values);
}

#define ON_LIST                                                                                    \
	"EXISTS (SELECT 1 FROM members WHERE list = (SELECT id FROM lists WHERE name = ?3)"        \
	" AND contact = contacts.id)"

int
pr_contacts_page(pr_audience *a, struct pr_str after, struct pr_str list, unsigned limit,
                 bool (*each)(void *, const struct pr_contact_view *), void *context,
                 struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	struct looking l = {.a = a, .each = each, .context = context};
	int r = prepare(&l,
	                list.n ? "WHERE address > ?1 AND " ON_LIST " ORDER BY address LIMIT ?2"
	                       : "WHERE address > ?1 ORDER BY address LIMIT ?2",
	                e);
	if (r == 0) {
		pr_db_bind_text(l.select, 1, audience_normal(after, room));
		sqlite3_bind_int64(l.select, 2, limit);
		if (list.n)
			pr_db_bind_text(l.select, 3, list);
		r = look(&l, e);
	}
	finish(&l);
	return r;
}

int
pr_contact_find(pr_audience *a, struct pr_str address,
                bool (*each)(void *, const struct pr_contact_view *), void *context,
                struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	struct looking l = {.a = a, .each = each, .context = context};
	int r = prepare(&l, "WHERE address = ?1", e);
	if (r == 0) {
		pr_db_bind_text(l.select, 1, audience_normal(address, room));
		r = look(&l, e);
	}
	if (r == 0 && l.seen == 0)
		r = pr_fail(e, PR_ENOENT, "there is no such contact");
	finish(&l);
	return r;
}

/* ---- of a segment ---- */

struct chosen {
	int64_t *ids;
	size_t n;
};

static bool
choose(void *context, int64_t id, struct pr_str address)
{
	struct chosen *c = context;
	(void)address;
	c->ids[c->n++] = id;
	return true;
}

static int
look_at_chosen(struct looking *l, const struct chosen *c, struct pr_error *e)
{
	int r = 0;
	bool more = true;
	for (size_t i = 0; i < c->n && r == 0 && more; i++) {
		sqlite3_bind_int64(l->select, 1, c->ids[i]);
		if ((r = pr_db_step(l->select, e)) == 1) {
			more = show(l);
			r = 0;
		}
		sqlite3_reset(l->select);
	}
	return r;
}

int
pr_contacts_of_segment(pr_audience *a, const struct pr_segment_ask *ask, struct pr_str list,
                       int64_t *after, unsigned limit,
                       bool (*each)(void *, const struct pr_contact_view *), void *context,
                       struct pr_error *e)
{
	struct looking l = {.a = a, .each = each, .context = context};
	struct chosen c = {.ids = pr_alloc((limit + 1) * sizeof *c.ids)};
	int r = pr_segment_each(a, ask, *after, limit, choose, &c, e);
	if (r == 0)
		r = prepare(&l, list.n ? "WHERE id = ?1 AND " ON_LIST : "WHERE id = ?1", e);
	if (r == 0) {
		if (list.n)
			pr_db_bind_text(l.select, 3, list);
		r = look_at_chosen(&l, &c, e);
	}
	*after = c.n && c.n == limit ? c.ids[c.n - 1] : 0;
	finish(&l);
	free(c.ids);
	return r;
}
