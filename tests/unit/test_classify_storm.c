/* Storms: told apart from lists that are merely old. */
#include "suite.h"

#include "postrider/base/clock.h"
#include "postrider/classify/storm.h"

#define NOW 1795000000000

/* n outcomes, `unknown` of each 100 of them unknown users, spread over ms. The time behind them. */
static int64_t
pass(struct pr_storm *s, int64_t now, unsigned n, unsigned unknown, int64_t ms)
{
	for (unsigned i = 0; i < n; i++)
		pr_storm_count(s, i * 37 % 100 < unknown, now + ms * i / n);
	return now + ms;
}

static const struct {
	const char *name;
	unsigned before, before_share; /* in the week before */
	unsigned n, share;
	bool storm;
} cases[] = {
    {"a receiver seen for the first time, as usual", 0, 0, 1000, 2, false},
    {"a list that is old", 0, 0, 1000, 8, false},
    {"everybody is unknown at once", 0, 0, 100, 100, true},
    {"a third is unknown", 0, 0, 300, 33, true},
    {"few are unknown, though all of them", 0, 0, 19, 100, false},
    {"a good receiver turns bad", 20000, 1, 300, 25, true},
    {"a good receiver gets a little worse", 20000, 1, 300, 10, false},
    {"a receiver that is always bad", 20000, 15, 300, 40, false},
    {"a receiver that is always bad says no to all", 20000, 15, 300, 100, true},
};

START_TEST(storms_are_what_is_far_from_usual)
{
	struct pr_storm s = {0};
	int64_t now = pass(&s, NOW, cases[_i].before, cases[_i].before_share, 3 * PR_DAY_MS);
	now = pass(&s, now + PR_HOUR_MS, cases[_i].n, cases[_i].share, 2 * PR_MINUTE_MS);
	ck_assert_msg(pr_storm_blows(&s, now) == cases[_i].storm, "%s", cases[_i].name);
}
END_TEST

START_TEST(it_ends_when_people_are_known_again_or_nobody_asks)
{
	struct pr_storm s = {0};
	int64_t now = pass(&s, NOW, 2000, 1, PR_HOUR_MS);
	now = pass(&s, now, 200, 100, PR_MINUTE_MS);
	ck_assert(pr_storm_blows(&s, now));
	ck_assert(!pr_storm_blows(&s, now + PR_HOUR_MS));
	struct pr_storm quiet = s;
	pass(&quiet, now, 4000, 1, PR_MINUTE_MS);
	ck_assert(!pr_storm_blows(&quiet, now + PR_MINUTE_MS));
}
END_TEST

START_TEST(nothing_is_learnt_in_a_storm)
{
	struct pr_storm s = {0};
	int64_t now = pass(&s, NOW, 2000, 1, PR_HOUR_MS);
	double before = s.unknown;
	now = pass(&s, now + PR_HOUR_MS, 5000, 100, PR_MINUTE_MS);
	ck_assert_double_lt(s.unknown - before, 2 * PR_STORM_LEAST);
	ck_assert(pr_storm_blows(&s, now));
}
END_TEST

START_TEST(what_is_usual_survives_as_text)
{
	struct pr_storm s = {0}, back;
	struct pr_buf text = {0};
	int64_t now = pass(&s, NOW, 20000, 15, PR_DAY_MS);
	pr_storm_write(&s, &text);
	ck_assert(pr_storm_read(pr_buf_str(&text), now, &back));
	now = pass(&back, now + PR_MINUTE_MS, 300, 40, PR_MINUTE_MS);
	ck_assert(!pr_storm_blows(&back, now));
	pr_buf_finish(&text);
}
END_TEST

static const char *const wrong[] = {
    "", "1", "1 2", "10 11 5", "a b c", "10 1 -5", "5000000000 1 5", "10 1 5 6", "1.5 1 5"};

START_TEST(other_text_is_not_believed)
{
	struct pr_storm s;
	ck_assert(!pr_storm_read(pr_str(wrong[_i]), NOW, &s));
	ck_assert(s.tried == 0 && s.at_ms == 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {storms_are_what_is_far_from_usual, ROWS(cases)},
	    {it_ends_when_people_are_known_again_or_nobody_asks},
	    {nothing_is_learnt_in_a_storm},
	    {what_is_usual_survives_as_text},
	    {other_text_is_not_believed, ROWS(wrong)},
	};
	return suite_run("classify_storm", NULL, NULL, tests, ROWS(tests));
}
