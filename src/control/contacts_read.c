/*
 * Contacts from JSON.
 *
 *   {"columns": ["email", "timezone", {"name": "age", "type": "number"}, ...],
 *    "rows": [["ann@example.com", "Europe/Berlin", 41], ...],
 *    "list", "source", "exact"}
 *
 * A column is what every contact has (email, lists, timezone, language, consent_...), by its name,
 * or an attribute. null says nothing; "" neither, but takes the value away where "exact" is true,
 * and the lists then are all that the contact is on. A row that is wrong refuses all of them:
 * whoever sends them has looked before.
 */
#include "contacts.h"

#include <stdio.h>

struct column {
	struct pr_contact_column as;
	size_t attribute; /* of the batch */
};

struct reading {
	struct contacts_request *s;
	struct pr_contact_reader reader;
	struct column *columns;
	size_t n;
	int64_t now_ms;
};

static int
refuse(struct reading *r, const char *why)
{
	return pr_fail(&r->s->error, PR_EINVAL, "%s", why);
}

/* ---- columns ---- */

static int
read_attribute(struct reading *r, const json_t *o, struct column *out, struct pr_attribute *to)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *type = json_string_value(json_object_get(o, "type"));
	if (!name || !pr_attribute_name_is_good(pr_str(name)))
		return refuse(r, "columns: the name of an attribute is made of a to z, 0 to 9 and "
		                 "'_', and none that every contact has");
	if (!type || !pr_attribute_type_parse(pr_str(type), &to->type))
		return refuse(r, "columns: a type is text, number, boolean or date");
	snprintf(to->name, sizeof to->name, "%s", name);
	snprintf(out->as.name, sizeof out->as.name, "%s", name);
	out->as.role = PR_CONTACT_ATTRIBUTE;
	out->attribute = r->s->batch.attributes_n++;
	return 0;
}

static int
read_column(struct reading *r, const json_t *value, struct column *out, struct pr_attribute *to)
{
	const char *name = json_string_value(value);
	if (json_is_object(value))
		return read_attribute(r, value, out, to);
	if (!name || !pr_contact_column_read(pr_str(name), &out->as) ||
	    out->as.role == PR_CONTACT_ATTRIBUTE)
		return refuse(r, "columns: say email, lists, timezone, language, consent_purpose, "
		                 "..., or {\"name\", \"type\"}");
	return 0;
}

static int
read_columns(struct reading *r)
{
	const json_t *columns = json_object_get(r->s->body, "columns");
	size_t n = json_array_size(columns), most = PR_ATTRIBUTES_MAX + PR_CONTACT_ROLES;
	bool email = false;
	int result = 0;
	if (n == 0 || n > most)
		return refuse(r, "say which columns there are");
	r->columns = pr_arena_zero(&r->s->arena, n * sizeof *r->columns);
	struct pr_attribute *attributes = pr_arena_zero(&r->s->arena, n * sizeof *attributes);
	for (; r->n < n && result == 0; r->n++) {
		result = read_column(r, json_array_get(columns, r->n), &r->columns[r->n],
		                     &attributes[r->s->batch.attributes_n]);
		email |= r->columns[r->n].as.role == PR_CONTACT_EMAIL;
	}
	r->s->batch.attributes = attributes;
	return result < 0 || email ? result : refuse(r, "columns: one must be email");
}

/* ---- rows ---- */

static struct pr_str
text_of(struct reading *r, const json_t *value)
{
	char room[40];
	if (json_is_string(value))
		return pr_arena_copy(&r->s->arena,
		                     pr_str_n(json_string_value(value), json_string_length(value)));
	if (json_is_boolean(value))
		return json_is_true(value) ? PR_STR("true") : PR_STR("false");
	if (json_is_integer(value))
		snprintf(room, sizeof room, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(room, sizeof room, "%.15g", json_real_value(value));
	else
		return (struct pr_str){0};
	return pr_arena_copy(&r->s->arena, pr_str(room));
}

static int
read_value(struct reading *r, const struct column *column, struct pr_str text, struct pr_contact *c,
           struct pr_str *values)
{
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str *to = &values[column->attribute];
	if (!text.p || (text.n == 0 && !r->s->batch.exact))
		return 0;
	if (column->as.role != PR_CONTACT_ATTRIBUTE)
		return pr_contact_say(&r->reader, column->as.role, text, c);
	const struct pr_attribute *a = &r->s->batch.attributes[column->attribute];
	*to = text;
	if (text.n && !pr_attribute_read(a->type, text, room, to)) {
		r->reader.why = "is not of the attribute's type";
		return PR_EINVAL;
	}
	if (to->p == room)
		*to = pr_arena_copy(&r->s->arena, *to);
	return 0;
}

static int
read_row(struct reading *r, const json_t *row, struct pr_contact *c)
{
	size_t n = json_array_size(row);
	struct pr_str *values =
	    pr_arena_zero(&r->s->arena, (r->s->batch.attributes_n + 1) * sizeof *values);
	if (!json_is_array(row) || n > r->n)
		return refuse(r, "is not an array with a value for each column");
	for (size_t i = 0; i < n; i++) {
		struct pr_str text = text_of(r, json_array_get(row, i));
		if (read_value(r, &r->columns[i], text, c, values) < 0)
			return pr_fail(&r->s->error, PR_EINVAL, "%s: %s", r->columns[i].as.name,
			               r->reader.why);
	}
	if (c->address.n == 0)
		return refuse(r, "email: say which address");
	pr_contact_said(c, pr_str(r->s->source), r->now_ms);
	c->values = values;
	return 0;
}

static int
read_rows(struct reading *r)
{
	const json_t *rows = json_object_get(r->s->body, "rows");
	size_t n = json_array_size(rows);
	struct pr_contact *all = pr_arena_zero(&r->s->arena, (n + 1) * sizeof *all);
	if (!json_is_array(rows))
		return refuse(r, "rows: say {\"rows\": [[values], ...]}");
	for (size_t i = 0; i < n; i++) {
		struct pr_error why;
		int result = read_row(r, json_array_get(rows, i), &all[i]);
		if (result < 0) {
			why = r->s->error;
			return pr_fail(&r->s->error, result, "row %zu: %.400s", i + 1, why.text);
		}
	}
	r->s->batch.forgotten = pr_arena_zero(&r->s->arena, n + 1);
	r->s->batch.contacts = all;
	r->s->batch.n = n;
	return 0;
}

/* ---- all of it ---- */

static int
read_options(struct reading *r)
{
	struct contacts_request *s = r->s;
	const char *source = json_string_value(json_object_get(s->body, "source"));
	const char *list = json_string_value(json_object_get(s->body, "list"));
	if (!json_is_object(s->body))
		return refuse(r, "the body must be a JSON object");
	if (source)
		snprintf(s->source, sizeof s->source, "%s", source);
	s->batch.list = pr_arena_copy(&s->arena, pr_str(list));
	s->batch.exact = json_is_true(json_object_get(s->body, "exact"));
	if (list && !pr_list_name_is_good(s->batch.list))
		return refuse(r, "list: 1 to 64 letters, digits, '-', '_' or '.'");
	return 0;
}

int
contacts_read(struct contacts_request *s)
{
	struct reading r = {.s = s, .reader.arena = &s->arena, .now_ms = pr_utc_ms()};
	struct pr_str text = pr_buf_str(&s->text);
	s->body = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	pr_buf_finish(&s->text);
	int result = read_options(&r);
	if (result == 0)
		result = read_columns(&r);
	if (result == 0)
		result = read_rows(&r);
	pr_contact_reader_finish(&r.reader);
	json_decref(s->body); /* here: it is long in the freeing */
	s->body = NULL;
	return result;
}
