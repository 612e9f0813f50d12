/* The survey of a ledger: each figure against what was folded, and texts that tell on nobody. */
#include "ledger_help.h"
#include "suite.h"

#include "postrider/ledger/survey.h"

#define MINUTE 60000
#define LATER 1000000

static const struct pr_outcome delivered = {
    .state = PR_DELIVERED, .code = 250, .attempts = 1, .first_ms = 1000};

static struct pr_outcome
refused(enum pr_class class_, const char *reply)
{
	return (struct pr_outcome){.state = PR_BOUNCED,
	                           .class_ = (uint8_t)class_,
	                           .code = 550,
	                           .attempts = 1,
	                           .first_ms = 1000,
	                           .reply = pr_str(reply)};
}

/* At 1000 + lsn ms. */
static void
act(pr_ledger *l, uint64_t lsn, uint32_t row, enum pr_engagement_kind kind, enum pr_device device,
    uint16_t evidence)
{
	struct script s = {0};
	script_engagement(&s, lsn, row,
	                  (struct pr_engagement){.kind = (uint8_t)kind,
	                                         .device = (uint8_t)device,
	                                         .evidence = evidence,
	                                         .visitor = row,
	                                         .link = 5,
	                                         .detail = PR_STR("https://a.example/")});
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
}

static struct pr_survey s;

static void
survey(pr_ledger *l, const struct pr_survey_options *o)
{
	struct pr_error e = {0};
	pr_ledger *reader;
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), &e);
	ok(pr_ledger_survey(reader, o, &s, &e), &e);
	pr_ledger_close(reader);
	pr_ledger_close(l);
}

static const struct pr_survey_options plain = {.step_ms = MINUTE, .steps = 100};

static const struct pr_survey_domain *
domain(const char *name)
{
	for (unsigned i = 0; i < s.domains_n; i++)
		if (strcmp(s.domains[i].name, name) == 0)
			return &s.domains[i];
	ck_abort_msg("no domain %s", name);
}

START_TEST(states_are_counted_by_domain_with_rows_nobody_tried)
{
	pr_ledger *l = make_ledger(30, 3); /* 10, 20, 30 skipped: of d1, d2, d0 */
	index_all(l);
	fold_one(l, 1, delivered);
	fold_one(l, 4, delivered);
	fold_one(l, 2, refused(PR_CLASS_USER_UNKNOWN, "no such user"));
	survey(l, &plain);
	ck_assert_uint_eq(s.domains_n, 3);
	ck_assert_uint_eq(domain("d1.example")->part.rows, 10);
	ck_assert_uint_eq(domain("d1.example")->part.of[PR_DELIVERED], 2);
	ck_assert_uint_eq(domain("d1.example")->part.of[PR_SKIPPED], 1);
	ck_assert_uint_eq(domain("d1.example")->part.of[PR_PENDING], 7);
	ck_assert_uint_eq(domain("d2.example")->part.of[PR_BOUNCED], 1);
	ck_assert_uint_eq(domain("d0.example")->part.of[PR_PENDING], 9);
	ck_assert_uint_eq(s.classes[PR_BOUNCED][PR_CLASS_USER_UNKNOWN], 1);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(a_row_counts_at_its_first_act_and_machines_not_at_all)
{
	pr_ledger *l = make_ledger(9, 3);
	index_all(l);
	for (uint32_t row = 1; row <= 9; row++)
		fold_one(l, row, delivered);
	act(l, LATER, 1, PR_ENGAGEMENT_OPEN, PR_DEVICE_UNKNOWN, PR_EVIDENCE_GOOGLE_PROXY);
	act(l, LATER + 5 * MINUTE, 1, PR_ENGAGEMENT_OPEN, PR_DEVICE_MOBILE, 0);
	act(l, LATER + 6 * MINUTE, 2, PR_ENGAGEMENT_OPEN, PR_DEVICE_DESKTOP,
	    PR_EVIDENCE_APPLE_PROXY);
	act(l, LATER + 7 * MINUTE, 3, PR_ENGAGEMENT_OPEN, PR_DEVICE_TABLET, 0);
	act(l, LATER + 8 * MINUTE, 3, PR_ENGAGEMENT_CLICK, PR_DEVICE_TABLET, 0);
	act(l, LATER + 9 * MINUTE, 4, PR_ENGAGEMENT_COMPLAINT, PR_DEVICE_UNKNOWN, 0);
	survey(l, &plain);
	unsigned first = (1000 + LATER) / MINUTE;
	ck_assert_uint_eq(s.series[PR_SURVEY_ACCEPTED][0], 9);
	ck_assert_uint_eq(s.series[PR_SURVEY_OPENED][first], 1);
	ck_assert_uint_eq(s.series[PR_SURVEY_OPENED][first + 5], 0);
	ck_assert_uint_eq(s.series[PR_SURVEY_OPENED][first + 6], 0);
	ck_assert_uint_eq(s.series[PR_SURVEY_OPENED][first + 7], 1);
	ck_assert_uint_eq(s.series[PR_SURVEY_CLICKED][first + 8], 1);
	ck_assert_uint_eq(s.steps_used, first + 9);
	ck_assert_uint_eq(s.devices[PR_ENGAGEMENT_OPEN][PR_DEVICE_MOBILE], 1);
	ck_assert_uint_eq(s.devices[PR_ENGAGEMENT_OPEN][PR_DEVICE_TABLET], 1);
	ck_assert_uint_eq(s.devices[PR_ENGAGEMENT_OPEN][PR_DEVICE_DESKTOP], 0);
	ck_assert_uint_eq(domain("d1.example")->part.acted[PR_ENGAGEMENT_COMPLAINT], 1);
	ck_assert_uint_eq(domain("d0.example")->part.acted[PR_ENGAGEMENT_CLICK], 1);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(what_lies_beyond_the_steps_is_in_the_first_and_the_last)
{
	const struct pr_survey_options few = {.from_ms = LATER, .step_ms = MINUTE, .steps = 3};
	pr_ledger *l = make_ledger(3, 3);
	fold_one(l, 1, delivered); /* before */
	fold_one(l, 2, delivered);
	act(l, LATER + 500 * MINUTE, 2, PR_ENGAGEMENT_OPEN, PR_DEVICE_MOBILE, 0);
	survey(l, &few);
	ck_assert_uint_eq(s.series[PR_SURVEY_ACCEPTED][0], 2);
	ck_assert_uint_eq(s.series[PR_SURVEY_OPENED][2], 1);
	ck_assert_uint_eq(s.steps_used, 3);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(reasons_that_differ_by_the_row_only_are_one)
{
	pr_ledger *l = make_ledger(20, 3); /* two skipped: "bad" */
	for (uint32_t row = 1; row <= 4; row++) {
		char reason[60];
		snprintf(reason, sizeof reason, "duplicate of row %u", row * 100);
		fold_one(l, row, (struct pr_outcome){.state = PR_SKIPPED, .reply = pr_str(reason)});
	}
	survey(l, &plain);
	ck_assert_uint_eq(s.reasons_n, 2);
	ck_assert_str_eq(s.reasons[0].text, "duplicate of row \xE2\x80\xA6");
	ck_assert_uint_eq(s.reasons[0].rows, 4);
	ck_assert_uint_eq(s.reasons[1].rows, 2);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(a_cancelled_campaign_says_so_of_rows_that_have_no_entry)
{
	pr_ledger *l = make_ledger(20, 3);
	struct script mass = {0};
	index_all(l);
	fold_one(l, 1, delivered);
	script_mass(&mass, 50, PR_CANCELLED);
	fold_script(l, &mass, 51);
	script_finish(&mass);
	survey(l, &plain);
	ck_assert_str_eq(s.reasons[0].text, "no stock");
	ck_assert_uint_eq(s.reasons[0].rows, 17);
	ck_assert_int_eq(s.reasons[0].state, PR_CANCELLED);
	ck_assert_uint_eq(domain("d2.example")->part.of[PR_CANCELLED], 6);
	pr_survey_finish(&s);
}
END_TEST

static unsigned
one_receiver(struct pr_str name)
{
	return pr_str_is(name, "d1.example") || pr_str_is(name, "d40.example") ? 3 : 0;
}

START_TEST(a_receiver_is_all_its_domains_also_small_ones)
{
	pr_ledger *l = make_ledger(200, 50); /* more domains than are shown */
	const struct pr_survey_options o = {
	    .step_ms = MINUTE, .steps = 1, .receiver = one_receiver};
	index_all(l);
	fold_one(l, 1, delivered);
	fold_one(l, 51, delivered);
	fold_one(l, 44, delivered);
	survey(l, &o);
	ck_assert_uint_eq(s.domains_n, PR_SURVEY_DOMAINS_MAX);
	ck_assert_uint_eq(s.receivers[3].rows, 8);
	ck_assert_uint_eq(s.receivers[3].of[PR_DELIVERED], 2);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(variants_are_counted_apart_with_what_their_people_did)
{
	pr_ledger *l = make_ledger(9, 3);
	for (uint32_t row = 1; row <= 9; row++) {
		struct pr_outcome of = delivered;
		of.variant = (uint8_t)(row % 3); /* 0: the rest */
		fold_one(l, row, of);
	}
	act(l, LATER, 4, PR_ENGAGEMENT_OPEN, PR_DEVICE_MOBILE, 0);
	act(l, LATER + 1, 5, PR_ENGAGEMENT_CLICK, PR_DEVICE_MOBILE, 0);
	survey(l, &plain);
	ck_assert_uint_eq(s.variants_n, 2);
	ck_assert_uint_eq(s.variants[1].of[PR_DELIVERED], 3);
	ck_assert_uint_eq(s.variants[1].rows, 3);
	ck_assert_uint_eq(s.variants[1].acted[PR_ENGAGEMENT_OPEN], 1);
	ck_assert_uint_eq(s.variants[2].acted[PR_ENGAGEMENT_CLICK], 1);
	ck_assert_uint_eq(s.variants[0].of[PR_DELIVERED], 3);
	pr_survey_finish(&s);
}
END_TEST

START_TEST(an_example_names_no_address)
{
	pr_ledger *l = make_ledger(3, 3);
	fold_one(l, 1,
	         refused(PR_CLASS_USER_UNKNOWN, "5.1.1 <user1@d1.example>: no user \"1\" here"));
	fold_one(l, 2, refused(PR_CLASS_USER_UNKNOWN, "another"));
	survey(l, &plain);
	ck_assert_str_eq(s.bounced[PR_CLASS_USER_UNKNOWN],
	                 "550 5.1.1 <\xE2\x80\xA6@d1.example>: no user \"1\" here");
	ck_assert_str_eq(s.deferred[PR_CLASS_USER_UNKNOWN], "");
	pr_survey_finish(&s);
}
END_TEST

static const struct {
	const char *text, *masked, *shared;
} texts[] = {
    {"", "", ""},
    {"duplicate of row 17", "duplicate of row 17", "duplicate of row \xE2\x80\xA6"},
    {"ann@a.example is full", "\xE2\x80\xA6@a.example is full", "\xE2\x80\xA6@a.example is full"},
    {"to=<x.y+z@a.example>,why", "to=<\xE2\x80\xA6@a.example>,why",
     "to=<\xE2\x80\xA6@a.example>,why"},
    {"two a@b c@d", "two \xE2\x80\xA6@b \xE2\x80\xA6@d", "two \xE2\x80\xA6@b \xE2\x80\xA6@d"},
    {"a@b@c", "\xE2\x80\xA6@c", "\xE2\x80\xA6@c"},
    {"column \"Name\" is blank", "column \"Name\" is blank", "column \xE2\x80\xA6 is blank"},
    {"line\none\ttwo", "line one two", "line one two"},
    {"caf\xC3\xA9 \xFF", "caf\xC3\xA9 ?", "caf\xC3\xA9 ?"},
    {"no @ in it", "no @ in it", "no @ in it"},
    {"a@ and @b", "a@ and @b", "a@ and @b"},
    {"utf8 v2 5.1.1", "utf8 v2 5.1.1", "utf8 v2 5.1.1"},
    {"body.html, line 3: no", "body.html, line 3: no", "body.html, line 3: no"},
    {"a \"quote that ends nowhere", "a \"quote that ends nowhere", "a \"quote that ends nowhere"},
};

START_TEST(texts_are_masked)
{
	char out[PR_SURVEY_TEXT_MAX];
	pr_survey_mask(pr_str(texts[_i].text), false, out, sizeof out);
	ck_assert_str_eq(out, texts[_i].masked);
	pr_survey_mask(pr_str(texts[_i].text), true, out, sizeof out);
	ck_assert_str_eq(out, texts[_i].shared);
}
END_TEST

START_TEST(a_long_text_is_cut_between_characters)
{
	char out[8];
	pr_survey_mask(PR_STR("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"), false, out, sizeof out);
	ck_assert_str_eq(out, "\xC3\xA9\xC3\xA9\xC3\xA9");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {states_are_counted_by_domain_with_rows_nobody_tried},
	    {a_row_counts_at_its_first_act_and_machines_not_at_all},
	    {what_lies_beyond_the_steps_is_in_the_first_and_the_last},
	    {reasons_that_differ_by_the_row_only_are_one},
	    {a_cancelled_campaign_says_so_of_rows_that_have_no_entry},
	    {a_receiver_is_all_its_domains_also_small_ones},
	    {variants_are_counted_apart_with_what_their_people_did},
	    {an_example_names_no_address},
	    {texts_are_masked, ROWS(texts)},
	    {a_long_text_is_cut_between_characters},
	};
	return suite_run("ledger_survey", make_folder, remove_folder, tests, ROWS(tests));
}
