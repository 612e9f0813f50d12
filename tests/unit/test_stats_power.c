/*
 * What a test of a given size finds, and that the rule keeps what it states, by simulation:
 * seeded, so the same each time. The same at length: tests/bench/stats_bench.c.
 */
#include "stats_world.h"

#include "suite.h"

static const struct pr_stats_plan clicks = {PR_STATS_RATE, 0.03, 0, 5000, 2, 0.05};

START_TEST(power_without_a_lift_is_the_error_rate)
{
	/* The final look's 0.04, and what the early looks add, which is less than their 0.01. */
	double p = pr_stats_power(&clicks, 0);
	ck_assert(p > 0.0401 && p <= 0.05);
}
END_TEST

START_TEST(power_grows_with_lift_and_size)
{
	struct pr_stats_plan p = clicks;
	for (double lift = 0.05, before = 0; lift < 40; lift *= 1.3) {
		double now = pr_stats_power(&p, lift);
		ck_assert_msg(now >= before - 1e-9 && now <= 1 + 1e-9, "lift %g: %g", lift, now);
		before = now;
	}
	p.n = 50;
	for (double before = 0; p.n < 1e9; p.n *= 2) {
		double now = pr_stats_power(&p, -0.2);
		ck_assert_msg(now >= before - 1e-9 && now <= 1 + 1e-9, "n %g: %g", p.n, now);
		before = now;
	}
	ck_assert_double_gt(pr_stats_power(&p, -0.2), 0.9999);
}
END_TEST

START_TEST(it_costs_little_beside_a_test_that_looks_once)
{
	/* z(0.975) + z(0.8), Fleiss 1981: 2 m (1 - m) (1.95996 + 0.84162)^2 / d^2 */
	double once = 2 * 0.033 * 0.967 * 2.80158 * 2.80158 / (0.006 * 0.006);
	double size = pr_stats_size(&clicks, 0.2, 0.8);
	ck_assert_double_gt(size, once);
	ck_assert_double_lt(size, once * 1.08);
}
END_TEST

START_TEST(lift_and_size_are_power_turned_round)
{
	struct pr_stats_plan p = clicks;
	double lift = pr_stats_lift(&p, 0.8);
	ck_assert_double_eq_tol(pr_stats_power(&p, lift), 0.8, 1e-4);
	p.n = pr_stats_size(&clicks, lift, 0.8);
	ck_assert_double_eq_tol(p.n, clicks.n, 2);
	p = (struct pr_stats_plan){PR_STATS_REVENUE, 1.2, 9, 20000, 4, 0.05};
	lift = pr_stats_lift(&p, 0.9);
	ck_assert_double_eq_tol(pr_stats_power(&p, lift), 0.9, 1e-4);
}
END_TEST

START_TEST(what_cannot_be_found_is_said)
{
	struct pr_stats_plan p = clicks;
	p.n = 8; /* never 20 successes */
	ck_assert(isinf(pr_stats_lift(&p, 0.8)));
	ck_assert_double_eq(pr_stats_power(&p, 30), 0);
	ck_assert(isinf(pr_stats_size(&clicks, 0, 0.8)));
	p = (struct pr_stats_plan){PR_STATS_RATE, 0, 0, 5000, 2, 0.05};
	ck_assert_double_eq(pr_stats_power(&p, 1), 0);
	ck_assert(isinf(pr_stats_lift(&p, 0.8)) && isinf(pr_stats_size(&p, 1, 0.8)));
}
END_TEST

START_TEST(more_variants_find_less)
{
	struct pr_stats_plan p = clicks;
	double two = pr_stats_power(&p, 0.4);
	p.variants = 4;
	ck_assert_double_lt(pr_stats_power(&p, 0.4), two);
}
END_TEST

static const struct world same[] = {
    {PR_STATS_RATE, 2, 100, 5000, 1, 0.03, 0, 0.05},
    {PR_STATS_RATE, 2, 100, 1000, 1, 0.3, 0, 0.05},
    {PR_STATS_RATE, 4, 100, 2000, 1, 0.05, 0, 0.05},
    {PR_STATS_RATE, 2, 100, 8000, 0.25, 0.02, 0, 0.05},
    {PR_STATS_REVENUE, 2, 100, 5000, 1, 0.02, 0, 0.05},
};

START_TEST(without_a_difference_few_find_a_winner)
{
	unsigned runs = 1000;
	struct world_sum s = world_repeat(&same[_i], runs, 11 + _i);
	double share = (double)s.won / runs;
	ck_assert_msg(share <= 0.05 + world_error(0.05, runs, 2), "%g", share);
	ck_assert_msg(s.early <= runs / 50, "%u early", s.early);
	/* The world does tempt: who looks each time finds one in every fifth and more. */
	ck_assert_msg(s.peeked > runs / 5, "%u peeked", s.peeked);
}
END_TEST

static const struct world lifted[] = {
    {PR_STATS_RATE, 2, 100, 5000, 1, 0.03, 0.2, 0.05},
    {PR_STATS_RATE, 2, 100, 5000, 1, 0.03, 0.4, 0.05},
    {PR_STATS_RATE, 2, 100, 1000, 1, 0.3, -0.2, 0.05},
    {PR_STATS_REVENUE, 2, 100, 10000, 1, 0.02, 0.4, 0.05},
};

START_TEST(a_lift_is_found_as_often_as_stated)
{
	unsigned runs = 1000;
	struct pr_stats_plan plan = world_plan(&lifted[_i]);
	struct world_sum s = world_repeat(&lifted[_i], runs, 31 + _i);
	double share = (double)s.won / runs, stated = pr_stats_power(&plan, lifted[_i].lift);
	ck_assert_double_eq_tol(share, stated, world_error(stated, runs, 2.5) + 0.01);
	if (lifted[_i].lift > 0) /* the wrong one never, but by accident */
		ck_assert_uint_ge(s.right + runs / 100, s.won);
	else
		ck_assert_uint_le(s.right, runs / 100);
	ck_assert_uint_gt(s.early, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {power_without_a_lift_is_the_error_rate},
	    {power_grows_with_lift_and_size},
	    {it_costs_little_beside_a_test_that_looks_once},
	    {lift_and_size_are_power_turned_round},
	    {what_cannot_be_found_is_said},
	    {more_variants_find_less},
	    {without_a_difference_few_find_a_winner, ROWS(same)},
	    {a_lift_is_found_as_often_as_stated, ROWS(lifted)},
	};
	return suite_run("stats_power", NULL, NULL, tests, ROWS(tests));
}
