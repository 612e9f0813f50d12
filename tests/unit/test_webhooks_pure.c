/* Webhooks without a network: the signature, the kept cursor, pauses, SendGrid's words. */
#include "suite.h"

#include "../../src/webhooks/internal.h"

#include <jansson.h>

static struct pr_buf text;

static void
teardown(void)
{
	pr_buf_finish(&text);
}

/* ---- the signature ---- */

START_TEST(signature_is_over_the_time_a_dot_and_the_body)
{
	char out[HOOK_SIGNATURE_SIZE];
	/* printf '1700000000.[{"id":1}]' | openssl dgst -sha256 -hmac hook-secret */
	hook_sign("hook-secret", 1700000000, PR_STR("[{\"id\":1}]"), out);
	ck_assert_str_eq(out, "t=1700000000,v1=e597a831f1ffb6c258a4a945040085cdff07e7060c7d8932d7db"
	                      "c7a8eed999d0");
}
END_TEST

START_TEST(signature_changes_with_time_and_secret)
{
	char a[HOOK_SIGNATURE_SIZE], b[HOOK_SIGNATURE_SIZE], c[HOOK_SIGNATURE_SIZE];
	hook_sign("s", 10, PR_STR("x"), a);
	hook_sign("s", 11, PR_STR("x"), b);
	hook_sign("t", 10, PR_STR("x"), c);
	ck_assert_str_ne(strstr(a, "v1="), strstr(b, "v1="));
	ck_assert_str_ne(a, c);
}
END_TEST

/* ---- the kept cursor ---- */

START_TEST(kept_cursor_comes_back_as_it_was)
{
	struct hook_kept back, kept = {.position = UINT64_MAX, .missed = {1, 2, 3, 4, INT64_MAX}};
	hook_kept_text(&kept, &text);
	ck_assert(hook_kept_parse(pr_buf_str(&text), &back));
	ck_assert_mem_eq(&back, &kept, sizeof kept);
}
END_TEST

static const char *const no_cursors[] = {
    "",
    "1",
    "1 2 3 4 5 6",
    "1 2 3 4 5 6 ",
    "1 2 3 4 5 6 7 8",
    "2 2 3 4 5 6 7",
    "1 -2 3 4 5 6 7",
    "1 2 3 4 5 6 9223372036854775808",
    "1  3 4 5 6 7",
    "1 18446744073709551616 3 4 5 6 7",
};

START_TEST(text_that_is_no_cursor_is_not_believed)
{
	struct hook_kept kept;
	ck_assert(!hook_kept_parse(pr_str(no_cursors[_i]), &kept));
}
END_TEST

START_TEST(key_is_of_the_url_and_tells_nothing_of_it)
{
	char a[HOOK_KEY_SIZE], b[HOOK_KEY_SIZE];
	hook_key(PR_STR("https://crm.example/?key=secret"), a);
	hook_key(PR_STR("https://crm.example/?key=other"), b);
	ck_assert_uint_eq(strlen(a), HOOK_KEY_SIZE - 1);
	ck_assert(strncmp(a, HOOK_FACTS, strlen(HOOK_FACTS)) == 0 && strcmp(a, b) != 0);
	ck_assert_ptr_null(strstr(a, "secret"));
}
END_TEST

/* ---- pauses ---- */

static const struct {
	unsigned failures;
	int64_t least, most; /* ms */
} pauses[] = {{1, 1000, 1500},     {2, 1000, 3000},      {3, 2000, 6000},
              {9, 128000, 300000}, {10, 150000, 300000}, {4000000000u, 150000, 300000}};

START_TEST(pauses_double_within_bounds)
{
	unsigned n = pauses[_i].failures;
	ck_assert_int_eq(hook_pause_ms(n, 0), pauses[_i].least);
	ck_assert_int_eq(hook_pause_ms(n, 1), pauses[_i].most);
	ck_assert_int_ge(hook_pause_ms(n, 0.5), pauses[_i].least);
	ck_assert_int_le(hook_pause_ms(n, 0.5), pauses[_i].most);
}
END_TEST

/* ---- SendGrid's words ---- */

static const struct pr_event base = {.id = 4711,
                                     .at_ms = 1795000000999,
                                     .row = 7,
                                     .campaign = {"20261201-a-7f3k", 15},
                                     .email = {"ann@b.example", 13},
                                     .message_id = {"<7.x@mta.example>", 17},
                                     .open = true};

#define COMMON                                                                                     \
	"\"email\":\"ann@b.example\",\"timestamp\":1795000000,\"sg_event_id\":\"4711\","           \
	"\"sg_message_id\":\"7.x@mta.example\",\"smtp-id\":\"<7.x@mta.example>\","                 \
	"\"campaign\":\"20261201-a-7f3k\",\"row\":7,"

static const struct {
	struct pr_outcome outcome;
	const char *wanted;
} words[] = {
    {{.state = PR_DELIVERED, .class_ = PR_CLASS_DELIVERED, .code = 250, .reply = {"Ok \"x\"", 6}},
     "\"event\":\"delivered\",\"response\":\"Ok \\\"x\\\"\""},
    {{.state = PR_DEFERRED,
      .class_ = PR_CLASS_GREYLISTED,
      .code = 451,
      .attempts = 3,
      .reply = {"later", 5}},
     "\"event\":\"deferred\",\"response\":\"later\",\"attempt\":\"3\",\"status\":\"4.0.0\""},
    {{.state = PR_BOUNCED,
      .class_ = PR_CLASS_USER_UNKNOWN,
      .code = 550,
      .enhanced = {5, 1, 1},
      .reply = {"no such user", 12}},
     "\"event\":\"bounce\",\"reason\":\"no such user\",\"status\":\"5.1.1\",\"type\":\"bounce\""},
    {{.state = PR_BOUNCED, .class_ = PR_CLASS_REPUTATION, .code = 554, .reply = {"listed", 6}},
     "\"event\":\"bounce\",\"reason\":\"listed\",\"status\":\"5.0.0\",\"type\":\"blocked\""},
    {{.state = PR_BOUNCED, .class_ = PR_CLASS_EXPIRED},
     "\"event\":\"bounce\",\"reason\":\"expired\",\"type\":\"blocked\""},
    {{.state = PR_SUPPRESSED, .class_ = PR_CLASS_SUPPRESSED},
     "\"event\":\"dropped\",\"reason\":\"suppressed\""},
    {{.state = PR_SKIPPED, .reply = {"deadline", 8}},
     "\"event\":\"dropped\",\"reason\":\"deadline\""},
};

static void
check_sendgrid(const struct pr_event *event, const char *wanted)
{
	pr_buf_clear(&text);
	hook_sendgrid(event, &text);
	json_t *is = json_loads(text.data, 0, NULL);
	pr_buf_clear(&text);
	pr_buf_addf(&text, "{" COMMON "%s}", wanted);
	json_t *should = json_loads(text.data, 0, NULL);
	ck_assert(is && should);
	char *dump = json_dumps(is, JSON_SORT_KEYS);
	ck_assert_msg(json_equal(is, should), "%s\nwanted %s", dump, text.data);
	free(dump);
	json_decref(is);
	json_decref(should);
}

START_TEST(outcomes_have_the_words_of_sendgrid)
{
	struct pr_event event = base;
	event.has_outcome = true;
	event.outcome = words[_i].outcome;
	check_sendgrid(&event, words[_i].wanted);
}
END_TEST

static const struct {
	struct pr_engagement engagement;
	bool machine;
	const char *wanted;
} answers[] = {
    {{.kind = PR_ENGAGEMENT_OPEN}, true, "\"event\":\"open\",\"sg_machine_open\":true"},
    {{.kind = PR_ENGAGEMENT_OPEN}, false, "\"event\":\"open\",\"sg_machine_open\":false"},
    {{.kind = PR_ENGAGEMENT_CLICK, .link = 3, .detail = {"https://a.example/?q=\"", 22}},
     false,
     "\"event\":\"click\",\"url\":\"https://a.example/?q=\\\"\""},
    {{.kind = PR_ENGAGEMENT_UNSUBSCRIBE, .detail = {"page", 4}},
     false,
     "\"event\":\"unsubscribe\""},
    {{.kind = PR_ENGAGEMENT_COMPLAINT, .detail = {"abuse", 5}}, false, "\"event\":\"spamreport\""},
};

START_TEST(answers_have_the_words_of_sendgrid)
{
	struct pr_event event = base;
	event.has_engagement = true;
	event.engagement = answers[_i].engagement;
	event.machine = answers[_i].machine;
	check_sendgrid(&event, answers[_i].wanted);
}
END_TEST

START_TEST(what_begins_to_be_sent_is_processed)
{
	check_sendgrid(&base, "\"event\":\"processed\"");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {signature_is_over_the_time_a_dot_and_the_body},
	    {signature_changes_with_time_and_secret},
	    {kept_cursor_comes_back_as_it_was},
	    {text_that_is_no_cursor_is_not_believed, ROWS(no_cursors)},
	    {key_is_of_the_url_and_tells_nothing_of_it},
	    {pauses_double_within_bounds, ROWS(pauses)},
	    {outcomes_have_the_words_of_sendgrid, ROWS(words)},
	    {answers_have_the_words_of_sendgrid, ROWS(answers)},
	    {what_begins_to_be_sent_is_processed},
	};
	return suite_run("webhooks_pure", NULL, teardown, tests, ROWS(tests));
}
