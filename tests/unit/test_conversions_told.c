/* What is told of customers, who may tell it, and which touch it is credited to. */
#include "suite.h"

#include "postrider/audience/track.h"
#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/conversions/attribute.h"
#include "postrider/conversions/payload.h"
#include "postrider/conversions/sign.h"

#include <stdio.h>

static struct pr_arena arena;

static void
begin(void)
{
	pr_arena_init(&arena);
}

static void
end(void)
{
	pr_arena_finish(&arena);
}

/* ---- payloads ---- */

/* "name address amount currency id item token time", "-" for what is not there. */
static const char *
shown(const char *why, const struct pr_told *t)
{
	static char text[800];
	char at[PR_RFC3339_SIZE] = "-";
	if (why)
		return why;
	if (t->ignored)
		return "ignored";
	if (t->has_time)
		pr_format_rfc3339(t->at_ms, at);
#define OR_NONE(s) (int)((s).n ? (s).n : 1), (s).n ? (s).p : "-"
	snprintf(text, sizeof text, "%.*s %.*s %.*s %.*s %.*s %.*s %.*s %s", OR_NONE(t->name),
	         t->has_who ? (int)t->who.n : 1, t->has_who ? t->who.address : "-",
	         OR_NONE(t->amount), OR_NONE(t->currency), OR_NONE(t->id), OR_NONE(t->item),
	         OR_NONE(t->token), at);
	return text;
}

static const struct {
	const char *body, *expected; /* what is wrong: its beginning */
} own[] = {
    {"{\"event\":\"order\",\"email\":\"Ann@A.example\",\"amount\":\"49.90\",\"currency\":\"eur\","
     "\"id\":\"order-17\",\"item\":\"a b\",\"time\":\"2027-01-31T18:00:00+01:00\"}",
     "order Ann@a.example 49.90 EUR order-17 a b - 2027-01-31T17:00:00.000Z"},
    {"{\"event\":\"order\",\"token\":\"t\",\"amount\":49.9,\"id\":17}", "order - 49.90 - 17 - t -"},
    {"{\"event\":\"order\",\"token\":\"t\",\"amount\":-5,\"id\":null}", "refund - 5.00 - - - t -"},
    {"{\"event\":\"visit\",\"token\":\"t\"}", "visit - - - - - t -"},
    {"{\"event\":\"a b\",\"token\":\"t\"}", "event:"},
    {"{\"token\":\"t\"}", "event:"},
    {"{\"event\":\"order\"}", "say email"},
    {"{\"event\":\"order\",\"email\":\"nobody\"}", "email:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"amount\":1e300}", "amount:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"amount\":\"1,5\"}", "amount:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"amount\":\"10000000001\"}", "amount:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"currency\":\"EU1\"}", "currency:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"time\":\"yesterday\"}", "time:"},
    {"{\"event\":\"order\",\"token\":\"t\",\"ammount\":1}", "there is a field"},
    {"{\"event\":\"order\",\"token\":\"t\",\"id\":[1]}", "a field is neither"},
    {"{\"event\":\"order\",\"event\":\"order\",\"token\":\"t\"}", "the body is no"},
    {"{\"event\":\"order\",\"token\":\"t\",\"id\":\"a\\nb\"}", "item, id:"},
    {"[]", "the body is no"},
    {"", "the body is no"},
    {"{", "the body is no"},
};

START_TEST(json_is_read_or_refused_with_a_reason)
{
	struct pr_told t = {0};
	const char *got = shown(pr_told_json(&arena, pr_str(own[_i].body), &t), &t);
	ck_assert_msg(strncmp(got, own[_i].expected, strlen(own[_i].expected)) == 0, "%s: %s",
	              own[_i].body, got);
}
END_TEST

START_TEST(a_form_says_the_same)
{
	struct pr_told t = {0};
	const char *why = pr_told_form(
	    &arena,
	    PR_STR(
		"event=order&email=ann%40a.example&amount=49.90&currency=EUR&item=a+%26+b&&id=%zz"),
	    &t);
	ck_assert_str_eq(shown(why, &t), "order ann@a.example 49.90 EUR %zz a & b - -");
	ck_assert_ptr_nonnull(pr_told_form(&arena, PR_STR("event=order&token=t&id=1&id=2"), &t));
	ck_assert_ptr_nonnull(pr_told_form(&arena, PR_STR("event=order&token=t&nonsense=1"), &t));
	ck_assert_ptr_nonnull(pr_told_form(&arena, PR_STR(""), &t));
	ck_assert_ptr_nonnull(
	    pr_told_form(&arena, pr_str_n("event=order&token=t&id=a\0b", 26), &t));
}
END_TEST

/* As the shops' own documents show an order, cut to a few fields. */
static const char shopify_order[] =
    "{\"id\":820982911946154508,\"admin_graphql_api_id\":\"gid://shopify/Order/"
    "820982911946154508\","
    "\"buyer_accepts_marketing\":true,\"contact_email\":\"jon@example.com\","
    "\"created_at\":\"2021-12-31T19:00:00-05:00\",\"currency\":\"USD\",\"email\":\"jon@example."
    "com\","
    "\"landing_site\":\"/products/ipod?utm_source=x&pr_token=TOK%2DEN#top\",\"name\":\"#9999\","
    "\"test\":false,\"total_price\":\"388.00\",\"line_items\":[{\"id\":866550311766439020,"
    "\"price\":\"199.00\"}],\"customer\":{\"email\":\"john@example.com\"}}";
static const char woocommerce_order[] =
    "{\"id\":727,\"parent_id\":0,\"number\":\"727\",\"status\":\"processing\",\"currency\":\"USD\","
    "\"date_created\":\"2017-03-22T16:28:02\",\"date_created_gmt\":\"2017-03-22T19:28:02\","
    "\"total\":\"29.35\",\"billing\":{\"first_name\":\"John\",\"email\":\"john.doe@example.com\"},"
    "\"meta_data\":[{\"id\":13106,\"key\":\"_download_permissions_granted\",\"value\":\"yes\"},"
    "{\"id\":13107,\"key\":\"pr_token\",\"value\":\"TOKEN\"}]}";

static const struct {
	bool shopify;
	const char *topic, *body, *expected;
} shops[] = {
    {true, "orders/create", shopify_order,
     "order jon@example.com 388.00 USD 820982911946154508 - TOK-EN 2022-01-01T00:00:00.000Z"},
    {true, NULL,
     "{\"id\":1,\"customer\":{\"email\":\"c@d.example\"},\"total_price\":\"1.5\","
     "\"note_attributes\":[{\"name\":\"pr_token\",\"value\":\"N\"}]}",
     "order c@d.example 1.50 - 1 - N -"},
    {true, "orders/delete", shopify_order, "ignored"},
    {true, "orders/create", "{\"id\":1,\"email\":\"a@b.example\",\"test\":true}", "ignored"},
    {true, "orders/create", "{\"id\":1,\"email\":null}", "ignored"},
    {true, "orders/create", "{\"id\":1,\"email\":\"no address\"}", "ignored"},
    {true, "orders/create", "{\"email\":\"a@b.example\"}", "the order has no id"},
    {true, "orders/create", "[1]", "the body is no JSON object"},
    {true, "orders/create", "{\"id\":1,\"email\":\"a@b.example\",\"total_price\":{}}",
     "order a@b.example - - 1 - - -"},
    {false, "order.created", woocommerce_order,
     "order john.doe@example.com 29.35 USD 727 - TOKEN 2017-03-22T19:28:02.000Z"},
    {false, "order.updated", "{\"id\":1,\"status\":\"cancelled\"}", "ignored"},
    {false, "order.deleted", woocommerce_order, "ignored"},
    {false, NULL, "webhook_id=7", "ignored"},
    {false, NULL, "{\"id\":1,\"billing\":[]}", "ignored"},
    {false, NULL, "", "the body is no JSON object"},
};

START_TEST(orders_of_shops_are_read)
{
	struct pr_told t = {0};
	struct pr_str body = pr_str(shops[_i].body);
	const char *why = shops[_i].shopify
	                      ? pr_told_shopify(&arena, shops[_i].topic, "pr_token", body, &t)
	                      : pr_told_woocommerce(&arena, shops[_i].topic, "pr_token", body, &t);
	ck_assert_str_eq(shown(why, &t), shops[_i].expected);
}
END_TEST

/* ---- who tells ---- */

/* RFC 4231, test case 2: HMAC-SHA256 with the key "Jefe". */
#define JEFE "what do ya want for nothing?"
#define JEFE_BASE64 "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="

START_TEST(a_signature_is_of_this_body_and_this_secret)
{
	ck_assert(pr_signed_base64("Jefe", JEFE_BASE64, PR_STR(JEFE)));
	ck_assert(!pr_signed_base64("Jefe", JEFE_BASE64, PR_STR(JEFE "!")));
	ck_assert(!pr_signed_base64("jefe", JEFE_BASE64, PR_STR(JEFE)));
	ck_assert(!pr_signed_base64("Jefe", JEFE_BASE64 "=", PR_STR(JEFE)));
	ck_assert(!pr_signed_base64("Jefe", "", PR_STR(JEFE)));
	ck_assert(!pr_signed_base64("Jefe", NULL, PR_STR(JEFE)));
	ck_assert(!pr_signed_base64(NULL, JEFE_BASE64, PR_STR(JEFE)));
}
END_TEST

/* Computed by Python's hmac, of the time, a dot and the body. */
#define SIGNED "t=1700000000,v1=fa5f6481efc59da48b19c9dc10196c9953e5651f8304b3a318b6b87d70272e0a"

START_TEST(a_timed_signature_is_good_for_a_while)
{
	const char *good = SIGNED;
	ck_assert(pr_signed_timed("Jefe", good, PR_STR("{\"a\":1}"), 1700000000));
	ck_assert(pr_signed_timed("Jefe", good, PR_STR("{\"a\":1}"), 1700000000 + 300));
	ck_assert(!pr_signed_timed("Jefe", good, PR_STR("{\"a\":1}"), 1700000000 + 301));
	ck_assert(!pr_signed_timed("Jefe", good, PR_STR("{\"a\":1}"), 1700000000 - 301));
	ck_assert(!pr_signed_timed("Jefe", good, PR_STR("{\"a\":2}"), 1700000000));
	ck_assert(!pr_signed_timed("jefe", good, PR_STR("{\"a\":1}"), 1700000000));
	static const char *const bad[] = {"",
	                                  "t=",
	                                  "t=1700000000",
	                                  "t=1700000000,v1=",
	                                  "t=x,v1=00",
	                                  "v1=00,t=1700000000",
	                                  "t=17000000000000000000000,v1=00"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!pr_signed_timed("Jefe", bad[i], PR_STR("{}"), 1700000000), "%s",
		              bad[i]);
	ck_assert(!pr_signed_timed("Jefe", NULL, PR_STR("{}"), 1700000000));
}
END_TEST

START_TEST(a_key_is_borne_whole)
{
	ck_assert(pr_bears("0123456789abcdef", "Bearer 0123456789abcdef"));
	ck_assert(pr_bears("0123456789abcdef", "bearer 0123456789abcdef"));
	ck_assert(!pr_bears("0123456789abcdef", "Bearer 0123456789abcde"));
	ck_assert(!pr_bears("0123456789abcdef", "Bearer 0123456789abcdeff"));
	ck_assert(!pr_bears("0123456789abcdef", "Basic 0123456789abcdef"));
	ck_assert(!pr_bears("0123456789abcdef", NULL));
	ck_assert(!pr_bears(NULL, "Bearer "));
}
END_TEST

/* ---- touches ---- */

#define HOUR PR_HOUR_MS
#define AT (1000 * HOUR)

/* Hits as words: "c-5" a click 5 hours before the event, "C" by a machine, "o", "O" openings, "u"
 * an unsubscription, "d" the delivery. */
static const struct {
	const char *hits;
	enum pr_touch_kind after;
	bool by_token;
	int found; /* hours before; 999: none */
	uint32_t link;
} touches[] = {
    {"c5", PR_TOUCH_CLICK, false, 5, 5},       {"c9 c5 c7", PR_TOUCH_CLICK, false, 5, 5},
    {"c5 C2", PR_TOUCH_CLICK, false, 5, 5},    {"C2", PR_TOUCH_CLICK, false, 999, 0},
    {"C2", PR_TOUCH_CLICK, true, 2, 2},        {"c5 o2", PR_TOUCH_CLICK, false, 5, 5},
    {"c5 o2", PR_TOUCH_OPEN, false, 2, 0},     {"O2", PR_TOUCH_OPEN, true, 999, 0},
    {"c2 o2", PR_TOUCH_OPEN, false, 2, 2},     {"u2 d3", PR_TOUCH_OPEN, false, 999, 0},
    {"u2 d3", PR_TOUCH_DELIVERY, false, 3, 0}, {"o1 d3", PR_TOUCH_DELIVERY, false, 1, 0},
    {"c24", PR_TOUCH_CLICK, false, 24, 24},    {"c25", PR_TOUCH_CLICK, false, 999, 0},
    {"d25", PR_TOUCH_DELIVERY, false, 999, 0}, {"c-1", PR_TOUCH_CLICK, false, 999, 0},
    {"c0", PR_TOUCH_CLICK, false, 0, 0},       {"", PR_TOUCH_DELIVERY, true, 999, 0},
};

static size_t
read_hits(const char *text, struct pr_hit *hits, int64_t *delivered_ms)
{
	size_t n = 0;
	char kind;
	int hours, used;
	for (; sscanf(text, " %c%d%n", &kind, &hours, &used) == 2; text += used) {
		struct pr_hit h = {.at_ms = AT - hours * HOUR,
		                   .link = (uint32_t)hours,
		                   .machine = kind == 'C' || kind == 'O',
		                   .kind = kind == 'u'                  ? PR_ENGAGEMENT_UNSUBSCRIBE
		                           : kind == 'o' || kind == 'O' ? PR_ENGAGEMENT_OPEN
		                                                        : PR_ENGAGEMENT_CLICK};
		if (kind == 'd')
			*delivered_ms = h.at_ms;
		else
			hits[n++] = h;
	}
	return n;
}

START_TEST(the_latest_touch_by_a_person_within_the_window)
{
	struct pr_hit hits[10];
	int64_t delivered_ms = 0;
	struct pr_touch t = {0};
	size_t n = read_hits(touches[_i].hits, hits, &delivered_ms);
	const struct pr_conversion_rule rule = {.window_ms = 24 * HOUR, .after = touches[_i].after};
	bool found = pr_touch_find(&rule, hits, n, delivered_ms, AT, touches[_i].by_token, &t);
	ck_assert_msg(found == (touches[_i].found != 999), "%s", touches[_i].hits);
	if (!found)
		return;
	ck_assert_int_eq((AT - t.at_ms) / HOUR, touches[_i].found);
	ck_assert_uint_eq(t.link, touches[_i].link);
}
END_TEST

START_TEST(a_rule_is_kept_as_a_line)
{
	struct pr_conversion_rule r;
	struct pr_buf b = {0};
	ck_assert(pr_conversion_rule_read(PR_STR("3600000 open order,sign.up"), &r));
	ck_assert(pr_conversion_counts(&r, PR_STR("sign.up")));
	ck_assert(!pr_conversion_counts(&r, PR_STR("sign")));
	pr_conversion_rule_text(&r, &b);
	ck_assert_str_eq(b.data, "3600000 open order,sign.up");
	pr_buf_finish(&b);
	static const char *const bad[] = {"",
	                                  "x",
	                                  "1",
	                                  "0 open order",
	                                  "1 none order",
	                                  "1 open",
	                                  "1 open ",
	                                  "99999999999999 open order"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!pr_conversion_rule_read(pr_str(bad[i]), &r), "%s", bad[i]);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {json_is_read_or_refused_with_a_reason, ROWS(own)},
	    {a_form_says_the_same},
	    {orders_of_shops_are_read, ROWS(shops)},
	    {a_signature_is_of_this_body_and_this_secret},
	    {a_timed_signature_is_good_for_a_while},
	    {a_key_is_borne_whole},
	    {the_latest_touch_by_a_person_within_the_window, ROWS(touches)},
	    {a_rule_is_kept_as_a_line},
	};
	return suite_run("conversions_told", begin, end, tests, ROWS(tests));
}
