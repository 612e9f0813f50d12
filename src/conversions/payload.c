/*
 * POST /e: the event's fields by their names, from JSON or from a form. Both end in one table of
 * fields, and one check.
 */
#include "payload.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/track.h"
#include "postrider/base/clock.h"

#include <stdio.h>

static const char *const keys[TOLD_FIELDS] = {
    [TOLD_EVENT] = "event",   [TOLD_TOKEN] = "token",       [TOLD_EMAIL] = "email",
    [TOLD_AMOUNT] = "amount", [TOLD_CURRENCY] = "currency", [TOLD_ITEM] = "item",
    [TOLD_ID] = "id",         [TOLD_TIME] = "time",
};

/* ---- what it must be ---- */

static const char *
take_amount(struct pr_arena *a, struct pr_str amount, struct pr_str currency, struct pr_told *out)
{
	char *room = pr_arena_alloc(a, PR_AMOUNT_SIZE), *letters = pr_arena_zero(a, 4);
	int64_t micros;
	if (currency.n && !pr_currency_parse(currency, letters))
		return "currency: three letters of ISO 4217, like EUR";
	out->currency = pr_str(letters);
	if (amount.n == 0)
		return NULL;
	if (!pr_amount_parse(amount, &micros))
		return "amount: digits, a point and at most six digits more, like 49.90; at most "
		       "10000000000";
	if (micros < 0)
		out->name = PR_STR(PR_EVENT_REFUND);
	out->amount = pr_str(pr_amount_format(micros < 0 ? -micros : micros, room));
	return NULL;
}

static bool
is_one_line(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
			return false;
	return pr_utf8_valid(s.p, s.n, NULL);
}

const char *
told_check(struct pr_arena *a, const struct pr_str fields[TOLD_FIELDS], struct pr_told *out)
{
	const char *why;
	struct pr_told t = {.token = fields[TOLD_TOKEN],
	                    .name = fields[TOLD_EVENT],
	                    .item = fields[TOLD_ITEM],
	                    .id = fields[TOLD_ID]};
	if (!pr_list_name_is_good(t.name))
		return "event: 1 to 64 letters, digits, '-', '_' or '.', like order";
	if (t.item.n > PR_EVENT_ITEM_MAX || t.id.n > PR_EVENT_ITEM_MAX || !is_one_line(t.item) ||
	    !is_one_line(t.id))
		return "item, id: one line of at most 200 octets of UTF-8";
	if (fields[TOLD_EMAIL].n == 0 && t.token.n == 0)
		return "say email or token";
	t.has_who = fields[TOLD_EMAIL].n > 0;
	if (t.has_who && pr_mailbox_parse(fields[TOLD_EMAIL], &t.who, &why) < 0)
		return "email: this is not an address";
	t.has_time = fields[TOLD_TIME].n > 0;
	if (t.has_time && !pr_parse_rfc3339(fields[TOLD_TIME], &t.at_ms))
		return "time: like 2027-01-31 or 2027-01-31T18:00:00Z";
	if ((why = take_amount(a, fields[TOLD_AMOUNT], fields[TOLD_CURRENCY], &t)))
		return why;
	*out = t;
	return NULL;
}

static int
field_of(struct pr_str key)
{
	int k = 0;
	while (k < TOLD_FIELDS && !pr_str_is(key, keys[k]))
		k++;
	return k;
}

#define UNKNOWN                                                                                    \
	"there is a field that is not known: event, token, email, amount, currency, item, id, "    \
	"time"

/* ---- JSON ---- */

struct pr_str
told_text(struct pr_arena *a, const json_t *v)
{
	char room[40];
	if (json_is_string(v))
		return pr_arena_copy(a, pr_str_n(json_string_value(v), json_string_length(v)));
	if (json_is_integer(v))
		snprintf(room, sizeof room, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		snprintf(room, sizeof room, "%.15g", json_real_value(v));
	else
		return PR_STR("");
	return pr_arena_copy(a, pr_str(room));
}

const char *
pr_told_json(struct pr_arena *a, struct pr_str body, struct pr_told *out)
{
	struct pr_str fields[TOLD_FIELDS] = {{0}};
	const char *key, *why = NULL;
	json_t *v, *o = body.n ? json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(o))
		why = "the body is no JSON object";
	json_object_foreach(o, key, v)
	{
		int k = field_of(pr_str(key));
		if (k == TOLD_FIELDS)
			why = UNKNOWN;
		else if (!json_is_string(v) && !json_is_number(v) && !json_is_null(v))
			why = "a field is neither text nor number";
		else
			fields[k] = told_text(a, v);
	}
	json_decref(o);
	return why ? why : told_check(a, fields, out);
}

/* ---- forms ---- */

static int
hex(char c)
{
	char l = pr_lower(c);
	return pr_is_digit(l) ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* What cannot be decoded stays as it is. */
struct pr_str
told_decode(struct pr_arena *a, struct pr_str s)
{
	char *to = pr_arena_alloc(a, s.n + 1), *p = to;
	for (size_t i = 0; i < s.n; i++) {
		bool escape =
		    s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
		*p++ = escape          ? (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]))
		       : s.p[i] == '+' ? ' '
		                       : s.p[i];
		i += escape ? 2 : 0;
	}
	return pr_str_n(to, (size_t)(p - to));
}

struct pr_str
told_take(struct pr_str *rest, char end)
{
	const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct pr_str piece = pr_str_n(rest->p, at ? (size_t)(at - rest->p) : rest->n);
	size_t n = piece.n + (at != NULL);
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return piece;
}

const char *
pr_told_form(struct pr_arena *a, struct pr_str body, struct pr_told *out)
{
	struct pr_str fields[TOLD_FIELDS] = {{0}};
	while (body.n) {
		struct pr_str value = told_take(&body, '&'), key = told_take(&value, '=');
		if (key.n == 0 && value.n == 0)
			continue;
		int k = field_of(told_decode(a, key));
		if (k == TOLD_FIELDS)
			return UNKNOWN;
		if (fields[k].n)
			return "a field is there twice";
		fields[k] = told_decode(a, value);
	}
	return told_check(a, fields, out);
}
