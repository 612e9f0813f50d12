/* Pieces of a report that are pure: bars of time, what is usual, receivers, figures in words. */
#include "suite.h"

#include "../../src/report/model.h"
#include "../../src/report/report_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define BEGIN 1795305600000 /* 2026-11-22 00:00 UTC */

static struct pr_survey survey;
static uint32_t steps[PR_SURVEY_SERIES][PR_SURVEY_STEPS_MAX];
static struct timeline line;

static void
begin(void)
{
	memset(steps, 0, sizeof steps);
	survey = (struct pr_survey){0};
	for (unsigned i = 0; i < PR_SURVEY_SERIES; i++)
		survey.series[i] = steps[i];
}

static void
put(enum pr_survey_series kind, unsigned at, uint32_t n)
{
	steps[kind][at] += n;
	if (at >= survey.steps_used)
		survey.steps_used = at + 1;
}

static uint64_t
drawn(enum pr_survey_series kind)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < line.n; i++)
		sum += line.of[kind][i];
	return sum;
}

START_TEST(without_times_there_is_no_line)
{
	timeline_make(&survey, BEGIN, PR_MINUTE_MS, &line);
	ck_assert_uint_eq(line.n, 0);
}
END_TEST

/* n minutes with something in each, and the bars that come of it. */
static const struct {
	unsigned minutes;
	int64_t step_ms;
	unsigned bars;
} lengths[] = {
    {1, PR_MINUTE_MS, 6},        {6, PR_MINUTE_MS, 6},         {59, PR_MINUTE_MS, 58},
    {120, 2 * PR_MINUTE_MS, 59}, {600, 10 * PR_MINUTE_MS, 59}, {1440, 30 * PR_MINUTE_MS, 47},
    {2880, PR_HOUR_MS, 47},      {10080, 3 * PR_HOUR_MS, 55},
};

START_TEST(bars_are_as_fine_as_the_length_allows)
{
	for (unsigned i = 0; i < lengths[_i].minutes; i++)
		put(PR_SURVEY_OPENED, i, 100);
	timeline_make(&survey, BEGIN, PR_MINUTE_MS, &line);
	ck_assert_int_eq(line.step_ms, lengths[_i].step_ms);
	ck_assert_uint_eq(line.n, lengths[_i].bars);
	ck_assert_uint_le(line.n, BARS_MAX);
	ck_assert_uint_eq(drawn(PR_SURVEY_OPENED) + line.later[PR_SURVEY_OPENED],
	                  100ull * lengths[_i].minutes);
}
END_TEST

START_TEST(the_last_few_of_weeks_do_not_squeeze_the_first_hours)
{
	put(PR_SURVEY_ACCEPTED, 0, 1000);
	for (unsigned i = 0; i < 100; i++)
		put(PR_SURVEY_OPENED, i, 10);
	put(PR_SURVEY_OPENED, 30000, 5);
	timeline_make(&survey, BEGIN, PR_MINUTE_MS, &line);
	ck_assert_int_eq(line.step_ms, 2 * PR_MINUTE_MS);
	ck_assert_uint_gt(line.later[PR_SURVEY_OPENED], 4);
	ck_assert_uint_eq(drawn(PR_SURVEY_OPENED) + line.later[PR_SURVEY_OPENED], 1005);
	ck_assert_uint_eq(drawn(PR_SURVEY_ACCEPTED), 1000);
}
END_TEST

START_TEST(bars_begin_at_full_steps)
{
	for (unsigned i = 0; i < 300; i++)
		put(PR_SURVEY_OPENED, i, 1);
	timeline_make(&survey, BEGIN + 7 * PR_MINUTE_MS, PR_MINUTE_MS, &line);
	ck_assert_int_eq(line.from_ms % line.step_ms, 0);
	ck_assert_int_le(line.from_ms, BEGIN + 7 * PR_MINUTE_MS);
	ck_assert_uint_eq(drawn(PR_SURVEY_OPENED) + line.later[PR_SURVEY_OPENED], 300);
}
END_TEST

START_TEST(years_by_the_hour_find_room)
{
	for (unsigned i = 0; i < PR_SURVEY_STEPS_MAX; i += 10)
		put(PR_SURVEY_CLICKED, i, 1);
	timeline_make(&survey, BEGIN, PR_HOUR_MS, &line);
	ck_assert_uint_le(line.n, BARS_MAX);
	ck_assert_uint_eq(drawn(PR_SURVEY_CLICKED) + line.later[PR_SURVEY_CLICKED], 5000);
}
END_TEST

START_TEST(what_is_usual_is_the_middle_of_what_was)
{
	double one[] = {0.4}, four[] = {0.4, 0.1, 0.3, 0.2};
	struct spread s = spread_of(NULL, 0);
	ck_assert_uint_eq(s.n, 0);
	s = spread_of(one, 1);
	ck_assert(s.median == 0.4 && s.low == 0.4 && s.high == 0.4);
	s = spread_of(four, 4);
	ck_assert_double_eq_tol(s.median, 0.25, 1e-12);
	ck_assert_double_eq_tol(s.low, 0.175, 1e-12);
	ck_assert_double_eq_tol(s.high, 0.325, 1e-12);
}
END_TEST

static const struct {
	uint64_t part, whole;
	double low, high;
} shares[] = {
    {0, 0, 0, 0},
    {0, 10, 0, 0.2775},
    {10, 10, 0.7225, 1},
    {5, 10, 0.2366, 0.7634},
    {12, 10, 0.7225, 1}, /* more than all: never above it */
    {310, 1000, 0.2821, 0.3393},
};

START_TEST(shares_have_intervals)
{
	struct share s = share_of(shares[_i].part, shares[_i].whole);
	ck_assert_double_eq_tol(s.low, shares[_i].low, 1e-4);
	ck_assert_double_eq_tol(s.high, shares[_i].high, 1e-4);
	ck_assert_double_ge(s.value, s.low);
	ck_assert_double_le(s.value, s.high);
}
END_TEST

static const struct {
	double share;
	const char *text;
} percents[] = {
    {0, "0"},         {1, "100"},         {0.314159, "31.4"},   {0.0314159, "3.1"},
    {0.0031, "0.31"}, {0.00031, "0.031"}, {0.000001, "<0.001"}, {0.99999, ">99.9"},
    {0.9994, "99.9"}, {-1, "0"},          {2, "100"},
};

START_TEST(percents_never_round_to_all_or_nothing)
{
	char text[PERCENT_SIZE], wanted[PERCENT_SIZE + 8];
	snprintf(wanted, sizeof wanted, "%s\xC2\xA0%%", percents[_i].text);
	ck_assert_str_eq(show_percent(percents[_i].share, text), wanted);
}
END_TEST

START_TEST(thousands_are_set_apart)
{
	char text[GROUPED_SIZE];
	ck_assert_str_eq(show_grouped(0, text), "0");
	ck_assert_str_eq(show_grouped(999, text), "999");
	ck_assert_str_eq(show_grouped(1234567, text), "1,234,567");
	ck_assert_str_eq(show_grouped(UINT64_MAX, text), "18,446,744,073,709,551,615");
}
END_TEST

START_TEST(each_class_and_state_has_words_for_people)
{
	for (int i = 0; i < PR_CLASSES; i++) {
		const char *words = class_for_people((enum pr_class)i);
		ck_assert_ptr_nonnull(words);
		ck_assert_ptr_null(strchr(words, '_'));
	}
	for (int i = 0; i < PR_CAMPAIGN_STATES; i++)
		ck_assert_ptr_nonnull(campaign_state_for_people((enum pr_campaign_state)i));
	for (int i = 1; i < PR_REASONS; i++)
		ck_assert_str_ne(reason_for_people((enum pr_reason)i), "");
}
END_TEST

static const struct {
	const char *domain;
	bool known;
} domains[] = {
    {"gmail.com", true},       {"yahoo.com", true},           {"yahoo.co.uk", true},
    {"outlook.de", true},      {"yahoo.evil.example", false}, {"notgmail.com", false},
    {"mail.gmail.com", false}, {"live.example", false},       {"", false},
};

START_TEST(receivers_are_known_by_their_domains)
{
	ck_assert_int_eq(receiver_of_domain(pr_str(domains[_i].domain)) != 0, domains[_i].known);
}
END_TEST

static enum receiver_verdict
verdict_of(const char *domain, uint64_t accepted, uint64_t complaints)
{
	struct model *m = calloc(1, sizeof *m);
	struct pr_survey_part *p = &m->survey.receivers[receiver_of_domain(pr_str(domain))];
	p->rows = p->of[PR_DELIVERED] = accepted;
	p->acted[PR_ENGAGEMENT_COMPLAINT] = complaints;
	receivers_judge(m);
	ck_assert_uint_eq(m->receivers_n, 2); /* it, and all of them */
	enum receiver_verdict verdict = m->receivers[0].verdict;
	free(m);
	return verdict;
}

START_TEST(complaints_are_held_against_the_limit_of_the_receiver)
{
	ck_assert_int_eq(verdict_of("yahoo.com", 10000, 29), RECEIVER_WELL);
	ck_assert_int_eq(verdict_of("yahoo.com", 10000, 30), RECEIVER_BEYOND);
	ck_assert_int_eq(verdict_of("yahoo.com", 50, 1), RECEIVER_FEW);
	ck_assert_int_eq(verdict_of("gmail.com", 10000, 0), RECEIVER_SILENT);
	ck_assert_int_eq(verdict_of("outlook.com", 10000, 90), RECEIVER_SILENT);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {without_times_there_is_no_line},
	    {bars_are_as_fine_as_the_length_allows, ROWS(lengths)},
	    {the_last_few_of_weeks_do_not_squeeze_the_first_hours},
	    {bars_begin_at_full_steps},
	    {years_by_the_hour_find_room},
	    {what_is_usual_is_the_middle_of_what_was},
	    {shares_have_intervals, ROWS(shares)},
	    {percents_never_round_to_all_or_nothing, ROWS(percents)},
	    {thousands_are_set_apart},
	    {each_class_and_state_has_words_for_people},
	    {receivers_are_known_by_their_domains, ROWS(domains)},
	    {complaints_are_held_against_the_limit_of_the_receiver},
	};
	return suite_run("report_model", begin, NULL, tests, ROWS(tests));
}
