/*
 * Contacts: inserting, updating, deleting.
 *
 * Its statements are made for the attributes of a batch. In the order of addresses it
 * costs little more than the octets: in any other each contact touches a page of the index.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_VALUE 5  /* its parameter */
#define LOOK_EVERY 32u /* contacts between two looks at the clock */

struct putting {
	pr_audience *a;
	struct pr_contact_batch *b;
	sqlite3_stmt *insert, *update;
	int64_t list; /* of the batch; 0: none */
	int64_t now_ms;
};

/* ---- attributes ---- */

static const struct pr_attribute *
find_attribute(const struct pr_attribute *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

static int
add_attribute(pr_audience *a, const struct pr_attribute *new, struct pr_error *e)
{
	static const char *const affinities[] = {"TEXT", "NUMERIC", "INTEGER", "TEXT"};
	char sql[200];
	sqlite3_stmt *s;
	if (!pr_attribute_name_is_good(pr_str(new->name)))
		return pr_fail(e, PR_EINVAL, "no attribute may be called so");
	int r = audience_statement(a, AU_ATTRIBUTE_ADD, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, pr_str(new->name));
	sqlite3_bind_int(s, 2, new->type);
	r = pr_db_run(s, e);
	snprintf(sql, sizeof sql, "ALTER TABLE contacts ADD COLUMN \"a_%s\" %s", new->name,
	         affinities[new->type]);
	return r < 0 ? r : pr_db_exec(a->db, sql, e);
}

/* It is there, or is made: *n counts them. */
static int
fit_attribute(pr_audience *a, const struct pr_attribute *wanted, const struct pr_attribute *there,
              size_t *n, struct pr_error *e)
{
	if (there && there->type == wanted->type)
		return 0;
	if (there)
		return pr_fail(e, PR_EINVAL, "the attribute %s is a %s, not a %s", wanted->name,
		               pr_attribute_word(there->type), pr_attribute_word(wanted->type));
	if (++*n > PR_ATTRIBUTES_MAX)
		return pr_fail(e, PR_ELIMIT, "contacts have at most %u attributes",
		               PR_ATTRIBUTES_MAX);
	return add_attribute(a, wanted, e);
}

static int
fit_attributes(const struct putting *p, struct pr_error *e)
{
	struct pr_attribute *all = NULL;
	size_t known = 0;
	int r = pr_contact_attributes(p->a, &all, &known, e);
	size_t n = known;
	for (size_t i = 0; r == 0 && i < p->b->attributes_n; i++) {
		const struct pr_attribute *wanted = &p->b->attributes[i];
		r = fit_attribute(p->a, wanted, find_attribute(all, known, wanted->name), &n, e);
	}
	free(all);
	return r;
}

static void
add_attributes(struct pr_buf *sql, const struct pr_contact_batch *b, const char *format)
{
	for (size_t i = 0; i < b->attributes_n; i++) {
		int at = FIRST_VALUE + (int)i;
		for (const char *f = format; *f; f++)
			if (*f == '$')
				pr_buf_addf(sql, "\"a_%s\"", b->attributes[i].name);
			else if (*f == '?')
				pr_buf_addf(sql, "?%d", at);
			else
				pr_buf_addc(sql, *f);
	}
}

/* Parameters: address or id, time zone, language, now, values. One that is NULL changes nothing; an
 * empty one takes the value away, which only exact batches do. */
static int
prepare_insert(struct putting *p, struct pr_error *e)
{
	struct pr_buf sql = {0};
	pr_buf_adds(&sql, "INSERT INTO contacts (address, timezone, language, created_ms,"
	                  " updated_ms");
	add_attributes(&sql, p->b, ", $");
	pr_buf_adds(&sql, ") VALUES (?1, nullif(?2, ''), nullif(?3, ''), ?4, ?4");
	add_attributes(&sql, p->b, p->b->exact ? ", nullif(?, '')" : ", ?");
	pr_buf_adds(&sql, ")");
	int r = pr_db_prepare(p->a->db, sql.data, &p->insert, e);
	pr_buf_finish(&sql);
	return r;
}

static int
prepare_update(struct putting *p, struct pr_error *e)
{
	struct pr_buf sql = {0};
	pr_buf_adds(&sql, "UPDATE contacts SET timezone = iif(?2 IS NULL, timezone, nullif(?2, ''))"
	                  ", language = iif(?3 IS NULL, language, nullif(?3, ''))"
	                  ", updated_ms = ?4");
	add_attributes(&sql, p->b,
	               p->b->exact ? ", $ = iif(? IS NULL, $, nullif(?, ''))"
	                           : ", $ = coalesce(?, $)");
	pr_buf_adds(&sql, " WHERE id = ?1");
	int r = pr_db_prepare(p->a->db, sql.data, &p->update, e);
	pr_buf_finish(&sql);
	return r;
}

/* ---- lists ---- */

int
audience_id_of(pr_audience *a, enum audience_statement which, struct pr_str name, int64_t *id,
               struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, which, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	r = pr_db_step(s, e);
	if (r == 1)
		*id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r;
}

static int
make_list(pr_audience *a, struct pr_str name, int64_t *id, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (!pr_list_name_is_good(name))
		return pr_fail(e, PR_EINVAL, "no list may be called so");
	int r = audience_statement(a, AU_LIST_ADD, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	sqlite3_bind_int64(s, 2, PR_LISTS_MAX);
	r = pr_db_run(s, e);
	if (r == 0 && sqlite3_changes(a->db) == 0)
		r = pr_fail(e, PR_ELIMIT, "there are at most %u lists", PR_LISTS_MAX);
	*id = sqlite3_last_insert_rowid(a->db);
	return r;
}

static int
list_id(pr_audience *a, struct pr_str name, int64_t *id, struct pr_error *e)
{
	int r = audience_id_of(a, AU_LIST_FIND, name, id, e);
	return r == 0 ? make_list(a, name, id, e) : r < 0 ? r : 0;
}

static int
join(pr_audience *a, int64_t list, int64_t contact, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_MEMBER_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, list);
	sqlite3_bind_int64(s, 2, contact);
	return pr_db_run(s, e);
}

static int
join_each(pr_audience *a, struct pr_str names, int64_t contact, struct pr_error *e)
{
	int r = 0;
	while (r == 0 && names.n) {
		const char *comma = memchr(names.p, ',', names.n);
		size_t n = comma ? (size_t)(comma - names.p) : names.n;
		int64_t list;
		r = list_id(a, pr_str_n(names.p, n), &list, e);
		if (r == 0)
			r = join(a, list, contact, e);
		n += comma != NULL;
		names = pr_str_n(names.p + n, names.n - n);
	}
	return r;
}

/* ---- one contact ---- */

static int
run_for(pr_audience *a, enum audience_statement which, int64_t contact, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, which, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	return pr_db_run(s, e);
}

static int
put_lists(const struct putting *p, const struct pr_contact *c, int64_t contact, struct pr_error *e)
{
	int r = 0;
	if (p->b->exact && c->lists.p)
		r = run_for(p->a, AU_MEMBERS_GONE, contact, e);
	if (r == 0 && p->list)
		r = join(p->a, p->list, contact, e);
	return r == 0 ? join_each(p->a, c->lists, contact, e) : r;
}

static int
put_consent(pr_audience *a, const struct pr_contact_consent *c, int64_t contact, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = c->purpose.n ? audience_statement(a, AU_CONSENT_PUT, &s, e) : 0;
	if (r < 0 || c->purpose.n == 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	pr_db_bind_text(s, 2, c->purpose);
	pr_db_bind_text(s, 3, c->text);
	pr_db_bind_text(s, 4, c->source);
	sqlite3_bind_int64(s, 5, c->at_ms);
	sqlite3_bind_int64(s, 6, c->until_ms);
	sqlite3_bind_int64(s, 7, pr_utc_ms());
	return pr_db_run(s, e);
}

void
audience_bind(sqlite3_stmt *s, int at, struct pr_str v)
{
	if (v.p)
		pr_db_bind_text(s, at, v);
	else
		sqlite3_bind_null(s, at);
}

static int
upsert(const struct putting *p, const struct pr_contact *c, struct pr_str normal, int64_t *id,
       struct pr_error *e)
{
	int there = audience_id_of(p->a, AU_CONTACT_ID, normal, id, e);
	sqlite3_stmt *s = there == 1 ? p->update : p->insert;
	if (there < 0)
		return there;
	if (there)
		sqlite3_bind_int64(s, 1, *id);
	else
		pr_db_bind_text(s, 1, normal);
	audience_bind(s, 2, c->timezone);
	audience_bind(s, 3, c->language);
	sqlite3_bind_int64(s, 4, p->now_ms);
	for (size_t i = 0; i < p->b->attributes_n; i++)
		audience_bind(s, FIRST_VALUE + (int)i, c->values[i]);
	int r = pr_db_run(s, e);
	if (r < 0)
		return r;
	if (!there)
		*id = sqlite3_last_insert_rowid(p->a->db);
	p->b->added += !there;
	p->b->kept += there == 1;
	return 0;
}

static int
put_one(const struct putting *p, const struct pr_contact *c, bool *forgotten, struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	struct pr_str normal = audience_normal(c->address, room);
	int64_t id = 0;
	int r = pr_audience_forgotten(p->a, c->address, e);
	*forgotten = r == 1;
	if (r != 0)
		return r < 0 ? r : 0;
	r = upsert(p, c, normal, &id, e);
	if (r == 0)
		r = put_lists(p, c, id, e);
	return r == 0 ? put_consent(p->a, &c->consent, id, e) : r;
}

static int
prepare(struct putting *p, struct pr_error *e)
{
	int r = audience_load_totals(p->a, e);
	if (r == 0 && p->b->at == 0)
		r = fit_attributes(p, e);
	if (r == 0 && p->b->list.n)
		r = list_id(p->a, p->b->list, &p->list, e);
	if (r == 0)
		r = prepare_insert(p, e);
	return r == 0 ? prepare_update(p, e) : r;
}

int
pr_contacts_put(pr_audience *a, struct pr_contact_batch *b, int64_t end_mono_ms, struct pr_error *e)
{
	struct putting p = {.a = a, .b = b, .now_ms = pr_utc_ms()};
	size_t first = b->at;
	int r = prepare(&p, e);
	while (r == 0 && b->at < b->n) {
		if (b->at > first && (b->at - first) % LOOK_EVERY == 0 &&
		    pr_mono_ms() >= end_mono_ms)
			break;
		r = put_one(&p, &b->contacts[b->at], &b->forgotten[b->at], e);
		b->at++;
	}
	sqlite3_finalize(p.insert);
	sqlite3_finalize(p.update);
	return r;
}

int
pr_contact_delete(pr_audience *a, struct pr_str address, bool *found, struct pr_error *e)
{
	static const enum audience_statement gone[] = {
	    AU_MEMBERS_GONE, AU_CONSENTS_GONE, AU_EVENTS_GONE, AU_CREDITS_GONE,
	    AU_DERIVED_GONE, AU_LEFT_GONE,     AU_CONTACT_GONE};
	char room[ADDRESS_MAX + 1];
	int64_t id = 0;
	int r = audience_id_of(a, AU_CONTACT_ID, audience_normal(address, room), &id, e);
	*found = r == 1;
	if (r != 1)
		return r;
	for (unsigned i = 0; r >= 0 && i < sizeof gone / sizeof *gone; i++)
		r = run_for(a, gone[i], id, e);
	return r < 0 ? r : 0;
}
