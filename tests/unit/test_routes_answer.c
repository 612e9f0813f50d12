/* Answers of providers' APIs as verdict material. */
#include "shipped_rules.h"
#include "suite.h"

#include "../../src/routes/api.h"

#include "postrider/delivery/verdict.h"

static const struct {
	long status;
	const char *body, *id;
	int64_t retry_after_s, reset;
	bool returned; /* the message goes back, the lane waits */
	int code;
	const char *text;
	int64_t wait_ms;
	enum pr_state state; /* of the row, unless returned */
} rows[] = {
    {202, "", "abc-1", 0, 0, false, 250, "HTTP 202 abc-1", 0, PR_DELIVERED},
    {200, "{\"id\": \"<1@x>\", \"message\": \"Queued. Thank you.\"}", NULL, 0, 0, false, 250,
     "HTTP 200: Queued. Thank you. <1@x>", 0, PR_DELIVERED},
    {200, "no JSON", NULL, 0, 0, false, 250, "HTTP 200", 0, PR_DELIVERED},
    {400,
     "{\"errors\": [{\"message\": \"Does not contain a valid address.\", \"field\": "
     "\"personalizations.0.to.0.email\"}]}",
     NULL, 0, 0, false, 553,
     "HTTP 400: Does not contain a valid address. (personalizations.0.to.0.email)", 0, PR_BOUNCED},
    {400, "{\"message\": \"'to' parameter is not a valid address. please check documentation\"}",
     NULL, 0, 0, false, 553,
     "HTTP 400: 'to' parameter is not a valid address. please check documentation", 0, PR_BOUNCED},
    {400, "{\"errors\": [{\"message\": \"a\\r\\nb\", \"field\": null}, 7, {\"message\": \"c\"}]}",
     NULL, 0, 0, false, 554, "HTTP 400: a  b: c", 0, PR_BOUNCED},
    {413, "<html>", NULL, 0, 0, false, 552, "HTTP 413", 0, PR_BOUNCED},
    {422, "[]", NULL, 0, 0, false, 554, "HTTP 422", 0, PR_BOUNCED},
    {403, "{\"errors\": [{\"message\": \"not a verified Sender\", \"field\": \"from\"}]}", NULL, 0,
     0, false, 454, "HTTP 403: not a verified Sender (from)", 0, PR_DEFERRED},
    {408, "", NULL, 0, 0, false, 451, "HTTP 408", 0, PR_DEFERRED},
    {500, "", NULL, 0, 0, false, 451, "HTTP 500", 0, PR_DEFERRED},
    {503, "", NULL, 0, 0, false, 451, "HTTP 503", 0, PR_DEFERRED},
    {502, "", NULL, 0, 0, false, 0, "HTTP 502", 0, PR_IN_DOUBT},
    {504, "", NULL, 0, 0, false, 0, "HTTP 504", 0, PR_IN_DOUBT},
    {503, "", NULL, 30, 0, true, 421, "HTTP 503", 30000},
    {429, "", NULL, 0, 0, true, 421, "HTTP 429", 60000},
    {429, "", NULL, 12, 99, true, 421, "HTTP 429", 12000},
    {429, "", NULL, 0, 1000045, true, 421, "HTTP 429", 45000},
    {429, "", NULL, 0, 1780000045000, true, 421, "HTTP 429", 86400000},
    {429, "", NULL, 0, 45, true, 421, "HTTP 429", 45000},
    {429, "", NULL, 0, -5, true, 421, "HTTP 429", 60000},
    {429, "", NULL, 0, 999999, true, 421, "HTTP 429", 60000},
    {401, "{\"message\": \"Forbidden\"}", NULL, 0, 0, true, 535,
     "HTTP 401: Forbidden; see key_file of the route"},
    {404, "{\"message\": \"Domain not found: x\"}", NULL, 0, 0, true, 535,
     "HTTP 404: Domain not found: x; see endpoint and domain of the route"},
    {302, "", NULL, 0, 0, true, 535, "HTTP 302; see endpoint and domain of the route"},
};

START_TEST(an_answer_means_what_a_session_would_have_told)
{
	struct api_answer a = {.status = rows[_i].status,
	                       .body = pr_str(rows[_i].body),
	                       .id = rows[_i].id,
	                       .retry_after_s = rows[_i].retry_after_s,
	                       .reset = rows[_i].reset,
	                       .now_s = 1000000};
	struct pr_buf text = {0};
	struct pr_smtp_result r;
	bool tried = api_judge(&a, &text, &r);
	ck_assert_int_eq(tried, !rows[_i].returned);
	ck_assert_int_eq(r.reply.code, rows[_i].code);
	ck_assert_str_eq(text.data, rows[_i].text);
	ck_assert_int_eq(r.retry_after_ms, rows[_i].wait_ms);
	if (tried)
		ck_assert_int_eq(pr_verdict_message(rules, &r).state, rows[_i].state);
	if (!tried || r.reply.code == 454)
		ck_assert(pr_verdict_connection(rules, &r).lane_backs_off);
	pr_buf_finish(&text);
}
END_TEST

START_TEST(what_it_says_is_bounded)
{
	struct pr_buf body = {0}, text = {0};
	struct pr_smtp_result r;
	pr_buf_adds(&body, "{\"errors\": [{\"message\": \"");
	for (int i = 0; i < 10000; i++)
		pr_buf_adds(&body, "xy");
	pr_buf_adds(&body, "\"}]}");
	api_judge(&(struct api_answer){.status = 400, .body = pr_buf_str(&body)}, &text, &r);
	ck_assert_uint_lt(text.len, 600);
	pr_buf_finish(&body);
	pr_buf_finish(&text);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_answer_means_what_a_session_would_have_told, ROWS(rows)},
	    {what_it_says_is_bounded},
	};
	return suite_run("routes_answer", rules_setup, rules_teardown, tests, ROWS(tests));
}
