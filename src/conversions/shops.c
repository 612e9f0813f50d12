/*
 * Webhooks of shops. Of their large documents a few fields are read; all else is theirs.
 *
 *   Shopify      orders/create, orders/paid: id, email, total_price, currency, created_at; test
 * orders are none. Our token: in landing_site, or in note_attributes WooCommerce  order.created,
 * order.updated: id, billing.email, total, currency, date_created_gmt; not while status is failed,
 * cancelled or a draft. Our token: in meta_data. The ping that follows a webhook's making is a
 * form, and is ignored
 *
 * Both tell of the same order more than once: its id makes that one event.
 */
#include "payload.h"

#include <strings.h>

static bool
is_one_of(const char *word, const char *const *list)
{
	for (; word && *list; list++)
		if (strcasecmp(word, *list) == 0)
			return true;
	return false;
}

/* The value of the parameter in the query of an address. */
static struct pr_str
in_query(struct pr_arena *a, struct pr_str url, const char *parameter)
{
	told_take(&url, '?');
	struct pr_str query = told_take(&url, '#');
	while (query.n) {
		struct pr_str value = told_take(&query, '&'), key = told_take(&value, '=');
		if (pr_str_is(key, parameter))
			return told_decode(a, value);
	}
	return PR_STR("");
}

/* The value in a list of {key_name: parameter, "value": ...}. */
static struct pr_str
in_list(struct pr_arena *a, const json_t *list, const char *key_name, const char *parameter)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		const char *key = json_string_value(json_object_get(one, key_name));
		if (key && strcmp(key, parameter) == 0)
			return told_text(a, json_object_get(one, "value"));
	}
	return PR_STR("");
}

static struct pr_str
field(struct pr_arena *a, const json_t *o, const char *key)
{
	return told_text(a, json_object_get(o, key));
}

static struct pr_str
first_of(struct pr_str x, struct pr_str y)
{
	return x.n ? x : y;
}

/* An order of nobody whom we could know (sold over the counter) is no mistake of the shop's. */
static const char *
check_order(struct pr_arena *a, struct pr_str fields[TOLD_FIELDS], struct pr_told *out)
{
	struct pr_mailbox who;
	const char *why;
	if (fields[TOLD_ID].n == 0)
		return "the order has no id";
	if (pr_mailbox_parse(fields[TOLD_EMAIL], &who, &why) < 0)
		fields[TOLD_EMAIL] = PR_STR("");
	if (fields[TOLD_EMAIL].n == 0 && fields[TOLD_TOKEN].n == 0) {
		*out = (struct pr_told){.ignored = true};
		return NULL;
	}
	return told_check(a, fields, out);
}

/* ---- Shopify ---- */

static const char *
read_shopify(struct pr_arena *a, const json_t *o, const char *parameter, struct pr_told *out)
{
	struct pr_str fields[TOLD_FIELDS] = {[TOLD_EVENT] = PR_STR("order")};
	if (!json_is_object(o))
		return "the body is no JSON object";
	if (json_is_true(json_object_get(o, "test"))) {
		*out = (struct pr_told){.ignored = true};
		return NULL;
	}
	fields[TOLD_ID] = field(a, o, "id");
	fields[TOLD_EMAIL] = first_of(first_of(field(a, o, "email"), field(a, o, "contact_email")),
	                              field(a, json_object_get(o, "customer"), "email"));
	fields[TOLD_AMOUNT] = field(a, o, "total_price");
	fields[TOLD_CURRENCY] = field(a, o, "currency");
	fields[TOLD_TIME] = field(a, o, "created_at");
	fields[TOLD_TOKEN] =
	    first_of(in_list(a, json_object_get(o, "note_attributes"), "name", parameter),
	             in_query(a, field(a, o, "landing_site"), parameter));
	return check_order(a, fields, out);
}

const char *
pr_told_shopify(struct pr_arena *a, const char *topic, const char *parameter, struct pr_str body,
                struct pr_told *out)
{
	static const char *const topics[] = {"orders/create", "orders/paid", NULL};
	if (topic && !is_one_of(topic, topics)) {
		*out = (struct pr_told){.ignored = true};
		return NULL;
	}
	json_t *o = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
	const char *why = read_shopify(a, o, parameter, out);
	json_decref(o);
	return why;
}

/* ---- WooCommerce ---- */

static const char *
read_woocommerce(struct pr_arena *a, const json_t *o, const char *parameter, struct pr_told *out)
{
	static const char *const none[] = {"failed",         "cancelled",  "trash",
	                                   "checkout-draft", "auto-draft", NULL};
	struct pr_str fields[TOLD_FIELDS] = {[TOLD_EVENT] = PR_STR("order")};
	if (!json_is_object(o))
		return "the body is no JSON object";
	if (is_one_of(json_string_value(json_object_get(o, "status")), none)) {
		*out = (struct pr_told){.ignored = true};
		return NULL;
	}
	fields[TOLD_ID] = field(a, o, "id");
	fields[TOLD_EMAIL] = field(a, json_object_get(o, "billing"), "email");
	fields[TOLD_AMOUNT] = field(a, o, "total");
	fields[TOLD_CURRENCY] = field(a, o, "currency");
	fields[TOLD_TIME] = field(a, o, "date_created_gmt"); /* UTC without a word of it */
	fields[TOLD_TOKEN] = in_list(a, json_object_get(o, "meta_data"), "key", parameter);
	return check_order(a, fields, out);
}

const char *
pr_told_woocommerce(struct pr_arena *a, const char *topic, const char *parameter,
                    struct pr_str body, struct pr_told *out)
{
	static const char *const topics[] = {"order.created", "order.updated", NULL};
	if ((topic && !is_one_of(topic, topics)) || pr_str_starts(body, "webhook_id=")) {
		*out = (struct pr_told){.ignored = true};
		return NULL;
	}
	json_t *o = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
	const char *why = read_woocommerce(a, o, parameter, out);
	json_decref(o);
	return why;
}
