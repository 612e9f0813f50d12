/* The judge of stop-loss: when a slice has failed too much, and how it says so. */
#include "suite.h"

#include "postrider/delivery/judge.h"

static const struct pr_stop_loss all = {
    .bounces = 0.05, .complaints = 0.001, .deferrals = 0.5, .least = 200, .window_ms = 60000};

static const struct {
	struct pr_tried n;
	enum pr_cause cause;
} cases[] = {
    {{0}, PR_CAUSE_NONE},
    {{.tried = 199, .bounced = 199}, PR_CAUSE_NONE},
    {{.tried = 200, .bounced = 10}, PR_CAUSE_NONE}, /* 5 %, exactly */
    {{.tried = 200, .bounced = 11}, PR_CAUSE_BOUNCES},
    {{.tried = 1000, .complained = 1}, PR_CAUSE_NONE},
    {{.tried = 1000, .complained = 2}, PR_CAUSE_COMPLAINTS},
    {{.tried = 200, .bounced = 11, .complained = 9}, PR_CAUSE_BOUNCES},
    {{.tried = 1000, .attempts = 199, .deferred = 199}, PR_CAUSE_NONE},
    {{.tried = 1000, .attempts = 200, .deferred = 100}, PR_CAUSE_NONE},
    {{.attempts = 200, .deferred = 101}, PR_CAUSE_DEFERRALS},
};

START_TEST(a_limit_is_passed_by_more_than_its_share_of_enough)
{
	ck_assert_int_eq(pr_judge(&all, &cases[_i].n), cases[_i].cause);
}
END_TEST

START_TEST(a_share_of_100_percent_and_one_left_out_are_never_passed)
{
	struct pr_stop_loss limits = {.bounces = 1, .least = 1};
	struct pr_tried n = {50, 50, 50, 50, 50};
	ck_assert_int_eq(pr_judge(&limits, &n), PR_CAUSE_NONE);
	limits.bounces = 0.29; /* no such number in binary: 100 * 0.29 is below 29 */
	n = (struct pr_tried){.tried = 100, .bounced = 29};
	ck_assert_int_eq(pr_judge(&limits, &n), PR_CAUSE_NONE);
	n.bounced = 30;
	ck_assert_int_eq(pr_judge(&limits, &n), PR_CAUSE_BOUNCES);
}
END_TEST

START_TEST(a_verdict_is_read_back_from_its_words)
{
	enum pr_cause cause = (enum pr_cause)(PR_CAUSE_BOUNCES + _i);
	struct pr_tried n = {200, 40, 1, 210, 3}, read = {0};
	struct pr_buf b = {0};
	if (cause == PR_CAUSE_OPERATOR)
		n = (struct pr_tried){0};
	pr_judge_words(cause, 0.05, &n, &b);
	ck_assert_int_eq(pr_judge_read(b.data, &read), cause);
	ck_assert_mem_eq(&read, &n, sizeof n);
	if (cause == PR_CAUSE_BOUNCES)
		ck_assert_str_eq(b.data, "bounces above 5%: of 200 tried 40 bounced, 1 complained; "
		                         "of 210 attempts lately 3 deferred");
	pr_buf_finish(&b);
}
END_TEST

static const char *const texts[] = {
    "",
    " ",
    "bounces",
    "bounces above 5%",
    "none above 5%: of 1 tried 1 bounced",
    "bounces above 5%: of 200 tried 40 bounced, 1 complained; of x"};

START_TEST(what_is_no_verdict_is_none)
{
	struct pr_tried n = {.tried = 7};
	ck_assert_int_eq(pr_judge_read(texts[_i], &n), PR_CAUSE_NONE);
	ck_assert_uint_eq(n.tried, 7);
}
END_TEST

START_TEST(attempts_leave_the_window)
{
	struct pr_recent r = {0};
	struct pr_tried n = {0};
	int64_t begin = 1000000000, window = 60000;
	for (int i = 0; i < 10; i++)
		pr_recent_add(&r, window, begin, true);
	pr_recent_add(&r, window, begin + 30000, false);
	pr_recent_read(&r, &n);
	ck_assert_uint_eq(n.attempts, 11);
	ck_assert_uint_eq(n.deferred, 10);
	pr_recent_add(&r, window, begin + 70000, false);
	pr_recent_read(&r, &n);
	ck_assert_uint_eq(n.attempts, 2);
	ck_assert_uint_eq(n.deferred, 0);
	pr_recent_add(&r, window, begin + 1000 * window, true);
	pr_recent_read(&r, &n);
	ck_assert_uint_eq(n.attempts, 1);
	ck_assert_uint_eq(n.deferred, 1);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_limit_is_passed_by_more_than_its_share_of_enough, ROWS(cases)},
	    {a_share_of_100_percent_and_one_left_out_are_never_passed},
	    {a_verdict_is_read_back_from_its_words, PR_CAUSES - PR_CAUSE_BOUNCES},
	    {what_is_no_verdict_is_none, ROWS(texts)},
	    {attempts_leave_the_window},
	};
	return suite_run("delivery_judge", NULL, NULL, tests, ROWS(tests));
}
