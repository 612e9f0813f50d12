/*
 * Suppressions from JSON.
 *
 *   {"address", "list" or "class", "reason", "note", "until", "at", "source"}
 *   import: the same without an address, for all, and "rows": addresses, or objects like the above
 *           where one differs
 *
 * A row that is wrong refuses all of them, by its place: whoever sends them has looked before.
 */
#include "suppress.h"

#include "postrider/campaign/address.h"

#include <stdio.h>

static int
refuse(struct suppress_request *s, const char *what, const char *why)
{
	return pr_fail(&s->order.error, PR_EINVAL, "%s%s%s", what, *what ? ": " : "", why);
}

static int
read_address(struct suppress_request *s, const json_t *value, struct pr_suppression *out)
{
	struct pr_mailbox m;
	const char *why = "say which address", *text = json_string_value(value);
	if (!text || pr_mailbox_parse(pr_str(text), &m, &why) < 0)
		return refuse(s, "address", why);
	out->address = pr_arena_copy(&s->arena, pr_str_n(m.address, m.n));
	return 0;
}

/* A word of ours is the reason; anything else is why somebody did it by hand. */
static int
read_reason(struct suppress_request *s, const json_t *o, struct pr_suppression *out)
{
	struct pr_str reason = pr_str(json_string_value(json_object_get(o, "reason")));
	const char *note = json_string_value(json_object_get(o, "note"));
	if (json_object_get(o, "reason") && !reason.p)
		return refuse(s, "reason", "must be text");
	if (reason.p && !pr_suppression_parse(reason, &out->reason)) {
		out->reason = PR_SUPPRESSION_MANUAL;
		out->note = reason;
	}
	if (note)
		out->note = pr_str(note);
	return 0;
}

static int
read_time(struct suppress_request *s, const json_t *o, const char *key, int64_t *utc_ms)
{
	const json_t *value = json_object_get(o, key);
	const char *text = json_string_value(value);
	if (!value || json_is_null(value))
		return 0;
	if (!text || !pr_parse_rfc3339(pr_str(text), utc_ms))
		return refuse(s, key, "must be a time: 2027-01-31 or 2027-01-31T18:00:00Z");
	return 0;
}

/* What o says lies over what *out has. */
static int
read_scope(struct suppress_request *s, const json_t *o, struct pr_suppression *out)
{
	char scope[PR_SCOPE_SIZE];
	const char *why = NULL;
	struct pr_str list = pr_str(json_string_value(json_object_get(o, "list")));
	struct pr_str class_ = pr_str(json_string_value(json_object_get(o, "class")));
	bool said = list.p || class_.p;
	if (!said && out->scope.p)
		return 0;
	if (pr_scope_of(list, class_, out->reason, scope, &why) < 0)
		return refuse(s, "", why);
	out->scope = pr_arena_copy(&s->arena, pr_str(scope));
	return 0;
}

static int
read_facts(struct suppress_request *s, const json_t *o, struct pr_suppression *out)
{
	const char *source = json_string_value(json_object_get(o, "source"));
	if (source)
		out->source = pr_str(source);
	int r = read_reason(s, o, out);
	if (r == 0)
		r = read_time(s, o, "until", &out->until_ms);
	if (r == 0)
		r = read_time(s, o, "at", &out->at_ms);
	return r;
}

static struct pr_suppression
anew(struct suppress_request *s, enum pr_suppression_reason reason)
{
	return (struct pr_suppression){.reason = reason,
	                               .note = PR_STR(""),
	                               .source = pr_str(s->source),
	                               .at_ms = pr_utc_ms()};
}

static bool
says_scope(const json_t *o)
{
	return json_object_get(o, "list") || json_object_get(o, "class");
}

int
suppress_read(struct suppress_request *s, bool remove)
{
	struct pr_suppression *one = pr_arena_zero(&s->arena, sizeof *one);
	*one = anew(s, PR_SUPPRESSION_MANUAL);
	int r = read_address(s, json_object_get(s->body, "address"), one);
	if (r == 0 && !remove)
		r = read_facts(s, s->body, one);
	if (r == 0 && (!remove || says_scope(s->body)))
		r = read_scope(s, s->body, one);
	s->order.entries = one;
	s->order.n = 1;
	s->order.source = one->source;
	return r;
}

/* ---- import ---- */

static int
read_row(struct suppress_request *s, const json_t *row, struct pr_suppression *out)
{
	bool object = json_is_object(row);
	int r = read_address(s, object ? json_object_get(row, "address") : row, out);
	if (r == 0 && object)
		r = read_facts(s, row, out);
	return r == 0 ? read_scope(s, row, out) : r;
}

static int
read_rows(struct suppress_request *s, const struct pr_suppression *all, const json_t *rows)
{
	size_t n = json_array_size(rows);
	struct pr_suppression *list = pr_arena_alloc(&s->arena, (n + 1) * sizeof *list);
	struct pr_error why;
	for (size_t i = 0; i < n; i++) {
		list[i] = *all;
		int r = read_row(s, json_array_get(rows, i), &list[i]);
		if (r < 0) {
			why = s->order.error;
			return pr_fail(&s->order.error, r, "row %zu: %.400s", i + 1, why.text);
		}
	}
	s->order.entries = list;
	s->order.n = n;
	return 0;
}

int
suppress_read_import(struct pr_audience_order *o)
{
	struct suppress_request *s = PR_CONTAINER(o, struct suppress_request, order);
	struct pr_suppression all = anew(s, PR_SUPPRESSION_IMPORTED);
	s->body =
	    json_loadb(s->text.data ? s->text.data : "", s->text.len, JSON_REJECT_DUPLICATES, NULL);
	pr_buf_finish(&s->text);
	const json_t *rows = json_object_get(s->body, "rows");
	if (!json_is_array(rows))
		return refuse(s, "", "the body must say {\"rows\": [addresses]}");
	int r = read_facts(s, s->body, &all);
	if (r == 0 && says_scope(s->body))
		r = read_scope(s, s->body, &all);
	o->source = all.source;
	return r == 0 ? read_rows(s, &all, rows) : r;
}
