/* Both files of a report, from a ledger and a view: that they say the same, whatever is missing. */
#include "ledger_help.h"
#include "suite.h"

#include "postrider/report.h"

#include <jansson.h>

static struct pr_report_source source;
static struct pr_buf page;
static json_t *report;

static void
begin(void)
{
	make_folder();
	source = (struct pr_report_source){.final = true};
	snprintf(source.dir, sizeof source.dir, "%s", folder);
	source.view.id = "20261201-test-aaaa";
	source.view.name = "Test";
	source.view.state = PR_CAMPAIGN_FINISHED;
	source.view.started_ms = 1000;
}

static void
end(void)
{
	json_decref(report);
	report = NULL;
	pr_buf_finish(&page);
	remove_folder();
}

static void
write_pages(pr_ledger *l)
{
	struct pr_error e = {0};
	struct pr_buf text = {0};
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	pr_ledger *reader;
	pr_ledger_close(l);
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), &e);
	ok(pr_ledger_counts(reader, &source.view.counts, &e), &e);
	ok(pr_ledger_engagements(reader, &source.view.engaged, &e), &e);
	ok(pr_report_write_pages(&source, reader, dir, &e), &e);
	pr_ledger_close(reader);
	ok(pr_file_read(dir, "report.html", 1u << 22, &page, &e), &e);
	ok(pr_file_read(dir, "report.json", 1u << 22, &text, &e), &e);
	report = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(report);
	pr_buf_finish(&text);
	close(dir);
}

static void
says(const char *text)
{
	ck_assert_msg(strstr(page.data, text) != NULL, "no \"%s\" in the page", text);
}

static void
is_silent_of(const char *text)
{
	ck_assert_msg(strstr(page.data, text) == NULL, "\"%s\" in the page", text);
}

static struct pr_outcome
delivered(uint8_t variant)
{
	return (struct pr_outcome){
	    .state = PR_DELIVERED, .code = 250, .attempts = 1, .first_ms = 1, .variant = variant};
}

START_TEST(a_campaign_that_nobody_was_sent_says_so)
{
	write_pages(make_ledger(9, 3));
	says("Nothing has been sent yet to <b>9</b> recipients.");
	says("There is no earlier campaign");
	is_silent_of("When it happened");
	is_silent_of("nan");
	ck_assert(json_is_null(json_object_get(report, "timeline")));
	ck_assert_int_eq(json_integer_value(json_object_get(report, "sent")), 0);
}
END_TEST

START_TEST(a_folder_that_lost_its_files_still_has_a_report)
{
	pr_ledger *l = make_ledger(9, 3);
	index_all(l);
	fold_one(l, 1, delivered(0));
	write_pages(l);
	says("<b>1</b> person was written to; <b>100\xC2\xA0%</b> accepted.");
	says("The message is not shown here: the campaign&#39;s files cannot be read any more.");
	is_silent_of("<iframe");
	says("d1.example");
	says("all times: UTC");
}
END_TEST

START_TEST(what_came_from_outside_is_escaped)
{
	pr_ledger *l = make_ledger(9, 3);
	source.view.name = "<script>alert(1)</script>";
	source.view.route = "\"><em>";
	fold_one(l, 1,
	         (struct pr_outcome){.state = PR_BOUNCED,
	                             .class_ = PR_CLASS_POLICY,
	                             .code = 550,
	                             .attempts = 1,
	                             .reply = PR_STR("<img src=x onerror=alert(1)> \"'&")});
	fold_one(
	    l, 2,
	    (struct pr_outcome){.state = PR_SKIPPED, .reply = PR_STR("<svg onload=alert(1)>")});
	write_pages(l);
	is_silent_of("<script");
	is_silent_of("<img src=x");
	is_silent_of("<svg onload");
	is_silent_of("\"><em>");
	says("550 &lt;img src=x onerror=alert(1)&gt;");
}
END_TEST

/* 300 rows of each variant; every second one of the second clicks, every tenth of the first. */
static pr_ledger *
tested_ledger(void)
{
	pr_ledger *l = make_ledger(660, 3);
	struct script s = {0};
	uint64_t lsn = 100;
	for (uint32_t row = 1; row <= 660; row++) {
		uint8_t variant = (uint8_t)(1 + row % 2);
		if (row % 10 == 0)
			continue;
		script_outcome(&s, lsn++, row, delivered(variant));
	}
	for (uint32_t row = 1; row <= 660; row++)
		if (row % 10 && (row % 2 ? row % 4 == 1 : row % 20 == 2)) {
			lsn += 10000; /* later than machines are */
			script_engagement(
			    &s, lsn, row,
			    (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
			                           .visitor = row,
			                           .link = 5,
			                           .detail = PR_STR("https://a.example/")});
		}
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
	return l;
}

static void
put_text(const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
put_variants(const char *test)
{
	char yaml[500];
	snprintf(yaml, sizeof yaml,
	         "from: a@b.example\nsubject: s\nvariants: {loud: {subject: One}, plain: {html: "
	         "plain.html}}\n%s",
	         test);
	put_text("campaign.yaml", yaml);
	put_text("body.html", "<p>Loud <a href=\"https://a.example/\">here</a></p>");
	put_text("plain.html", "<p>Plain <a href=\"https://a.example/\">here</a></p>");
}

START_TEST(variants_have_shares_a_difference_and_a_verdict)
{
	put_variants("");
	write_pages(tested_ledger());
	json_t *variants = json_object_get(report, "variants");
	json_t *test = json_object_get(report, "test");
	ck_assert_uint_eq(json_array_size(variants), 2);
	const json_t *second = json_array_get(variants, 1);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "delivered")), 330);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "clicked")), 165);
	ck_assert_double_gt(
	    json_real_value(json_object_get(json_object_get(second, "difference"), "low")), 0.2);
	ck_assert_str_eq(json_string_value(json_object_get(test, "verdict")), "winner");
	ck_assert_int_eq(json_integer_value(json_object_get(test, "winner")), 2);
	ck_assert_str_eq(json_string_value(json_object_get(second, "name")), "plain");
	says("<b>plain</b> has more clicks");
	says("compared with");
	says("Plain &lt;a class"); /* the picture is of the one that most people got */
}
END_TEST

START_TEST(where_the_rest_got_the_winner_or_rows_are_steps_nothing_is_judged)
{
	if (_i == 0)
		put_variants("test: {share: 20%, wait: 1h}\n");
	if (_i == 1) {
		put_text("campaign.yaml", "from: a@b.example\nsubject: s\n");
		put_text("body.txt", "Hello");
	}
	write_pages(tested_ledger());
	ck_assert_ptr_null(json_object_get(report, "test"));
	ck_assert_uint_eq(json_array_size(json_object_get(report, _i == 1 ? "steps" : "variants")),
	                  2);
	says(_i == 0 ? "loud" : _i == 1 ? "Step 2" : "Variant 2");
	is_silent_of("than the others");
}
END_TEST

START_TEST(without_variants_nothing_is_said_of_them)
{
	pr_ledger *l = make_ledger(9, 3);
	fold_one(l, 1, delivered(0));
	write_pages(l);
	is_silent_of("Variant");
	ck_assert_ptr_null(json_object_get(report, "variants"));
	ck_assert_ptr_null(json_object_get(report, "test"));
}
END_TEST

START_TEST(what_it_brought_and_cost_is_told_where_there_is_any)
{
	pr_ledger *l = make_ledger(9, 3);
	fold_one(l, 1, delivered(0));
	fold_one(l, 2, delivered(0));
	if (_i)
		source.view.earned = (struct pr_earned){
		    .n = {.total = 3,
		          .unique = 1,
		          .currencies = 1,
		          .revenue = {{.micros = 1234560000, .currency = "EUR"}}},
		    .cost = {.micros = 1000 * PR_MICROS, .currency = "EUR"}};
	write_pages(l);
	if (!_i) {
		is_silent_of("What it brought");
		is_silent_of("Converted");
		return;
	}
	says("1234.56\xC2\xA0"
	     "EUR");
	says("23.5\xC2\xA0%"); /* (1234.56 - 1000) / 1000 */
	says("Converted<small>");
	json_t *rate = json_object_get(json_object_get(report, "rates"), "converted");
	ck_assert_double_eq_tol(json_real_value(json_object_get(rate, "share")), 0.5, 1e-9);
}
END_TEST

START_TEST(live_pages_come_again_and_final_ones_stay)
{
	source.final = _i;
	write_pages(make_ledger(3, 3));
	ck_assert_int_eq(strstr(page.data, "http-equiv=\"refresh\"") == NULL, _i);
	ck_assert_int_eq(json_is_true(json_object_get(report, "final")), _i);
}
END_TEST

START_TEST(an_older_report_gives_back_what_the_configuration_said)
{
	struct pr_error e = {0};
	struct pr_report_source again;
	pr_ledger *l = make_ledger(3, 3);
	snprintf(source.timezone, sizeof source.timezone, "Europe/Lisbon");
	source.relayed = true;
	fold_one(l, 1, delivered(0));
	write_pages(l);
	says("Accepted by relay");
	says("all times: Europe/Lisbon");
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &l, &e), &e);
	ok(pr_report_source_read(&again, folder, dir, l, &e), &e);
	ck_assert_str_eq(again.timezone, "Europe/Lisbon");
	ck_assert(again.relayed && again.final && !again.rows_changed);
	pr_ledger_close(l);
	close(dir);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_campaign_that_nobody_was_sent_says_so},
	    {a_folder_that_lost_its_files_still_has_a_report},
	    {what_came_from_outside_is_escaped},
	    {variants_have_shares_a_difference_and_a_verdict},
	    {where_the_rest_got_the_winner_or_rows_are_steps_nothing_is_judged, 3},
	    {without_variants_nothing_is_said_of_them},
	    {what_it_brought_and_cost_is_told_where_there_is_any, 2},
	    {live_pages_come_again_and_final_ones_stay, 2},
	    {an_older_report_gives_back_what_the_configuration_said},
	};
	return suite_run("report_pages", begin, end, tests, ROWS(tests));
}
