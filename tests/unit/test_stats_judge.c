/* Verdicts of tests from tallies alone: who wins, when, and what is said of each variant. */
#include "../../src/stats/internal.h"

#include "suite.h"

#include <math.h>

#define R PR_STATS_RUNNING
#define W PR_STATS_WINNER
#define N PR_STATS_NO_DIFFERENCE

static struct pr_stats_result
judge(enum pr_stats_metric metric, unsigned variants, const struct pr_stats_tally *t, bool final)
{
	struct pr_stats_test test = {metric, variants, 0, 0.05, final};
	struct pr_stats_result r;
	pr_stats_judge(&test, t, &r);
	return r;
}

static const struct {
	struct pr_stats_tally t[4];
	unsigned variants;
	enum pr_stats_verdict early, final;
	unsigned winner;
} tests[] = {
    {{{5000, 150}, {5000, 150}}, 2, R, N},    /* alike */
    {{{5000, 150}, {5000, 190}}, 2, R, W, 1}, /* p = 0.027 is enough at the end only */
    {{{5000, 190}, {5000, 150}}, 2, R, W, 0}, /* the control may win */
    {{{5000, 150}, {5000, 240}}, 2, W, W, 1}, /* clear */
    {{{5000, 150}, {5000, 186}}, 2, R, N},    /* p = 0.046 is not: early looks had a part */
    {{{0, 0}, {0, 0}}, 2, R, N},              /* nothing sent */
    {{{5000, 0}, {5000, 0}}, 2, R, N},        /* nothing came */
    {{{5000, 5000}, {5000, 5000}}, 2, R, N},  /* all came */
    {{{100, 0}, {100, 9}}, 2, R, N},          /* p = 0.002, but by nine people */
    {{{5000, 150}, {0, 0}}, 2, R, N},         /* the other was never sent */
    {{{9000, 200}, {1000, 60}}, 2, W, W, 1},  /* of different size */
    {{{5000, 150}, {5000, 240}, {5000, 245}}, 3, R, W, 2}, /* two beat the control */
    {{{5000, 150}, {5000, 240}, {5000, 350}}, 3, W, W, 2}, /* one beats all */
    {{{5000, 245}, {5000, 240}, {5000, 150}}, 3, R, N},    /* the control is not the best alone */
    {{{5000, 200}, {5000, 240}, {5000, 150}}, 3, R, N},    /* the best does not beat the control */
    {{{5000, 150}, {5000, 150}, {5000, 190}}, 3, R, N},    /* 0.027, but three pairs */
    {{{5000, 250}, {5000, 150}, {5000, 150}, {5000, 160}}, 4, W, W, 0},
};

START_TEST(the_verdict_follows_the_tallies)
{
	struct pr_stats_result r = judge(PR_STATS_RATE, tests[_i].variants, tests[_i].t, false);
	ck_assert_int_eq(r.verdict, tests[_i].early);
	if (r.verdict == W)
		ck_assert_uint_eq(r.winner, tests[_i].winner);
	r = judge(PR_STATS_RATE, tests[_i].variants, tests[_i].t, true);
	ck_assert_int_eq(r.verdict, tests[_i].final);
	if (r.verdict == W)
		ck_assert_uint_eq(r.winner, tests[_i].winner);
}
END_TEST

START_TEST(p_values_are_those_of_the_method)
{
	/* SciPy: z = 2.20715061174367, two-sided 0.0273035388685002; information 87.9917184265011;
	 * sequential p = sqrt(1 + r) exp(-z^2 r / (2 (1 + r))), r = 0.09 * information: 0.3435 */
	const struct pr_stats_tally t[] = {{5000, 150}, {5000, 190}};
	struct stats_pair pair = stats_pair(PR_STATS_RATE, &t[0], &t[1]);
	ck_assert_double_eq_tol(pair.difference / pair.error, 2.20715061174367, 1e-10);
	ck_assert_double_eq_tol(pair.information, 87.9917184265011, 1e-9);
	ck_assert_double_eq(stats_pair_p(&pair, false), 1); /* 0.3435 / 0.2 */
	ck_assert_double_eq_tol(stats_pair_p(&pair, true), 0.0273035388685002 / 0.8, 1e-10);
	pair.difference *= 2;
	ck_assert_double_eq_tol(
	    stats_pair_p(&pair, false) * 0.2,
	    0.343502468214042 * exp(-1.5 * 4.87151382286755 * 7.91925465838510 / 8.91925465838510),
	    1e-9);
}
END_TEST

START_TEST(the_bound_is_where_the_p_value_meets_alpha)
{
	for (double information = 10; information < 1e5; information *= 3) {
		struct stats_pair pair = {
		    .error = 1,
		    .information = information,
		    .difference = stats_early_bound(information, 0.05 * PR_STATS_EARLY)};
		ck_assert_double_eq_tol(stats_pair_p(&pair, false), 0.05, 1e-12);
	}
	ck_assert(isinf(stats_early_bound(9.9, 0.05)));
}
END_TEST

START_TEST(pairs_are_corrected_by_holm)
{
	/* One far pair, and two that alone are at about 0.027 / 0.8. */
	const struct pr_stats_tally t[] = {{5000, 150}, {5000, 190}, {5000, 236}};
	struct stats_pair p01 = stats_pair(PR_STATS_RATE, &t[0], &t[1]);
	struct stats_pair p02 = stats_pair(PR_STATS_RATE, &t[0], &t[2]);
	struct stats_pair p12 = stats_pair(PR_STATS_RATE, &t[1], &t[2]);
	struct pr_stats_result r = judge(PR_STATS_RATE, 3, t, true);
	double a = stats_pair_p(&p01, true), b = stats_pair_p(&p02, true);
	double c = stats_pair_p(&p12, true);
	ck_assert(b < c && c < a);
	ck_assert_double_eq_tol(r.variants[2].p, b * 3, 1e-12);
	ck_assert_double_eq_tol(r.variants[1].p, fmax(c * 2, a), 1e-12);
	ck_assert_double_eq(r.variants[0].p, 1);
}
END_TEST

START_TEST(who_is_beaten_is_said)
{
	const struct pr_stats_tally t[] = {{5000, 150}, {5000, 240}, {5000, 245}};
	struct pr_stats_result r = judge(PR_STATS_RATE, 3, t, true);
	ck_assert(r.variants[0].beaten && !r.variants[1].beaten && !r.variants[2].beaten);
	ck_assert_uint_eq(r.leader, 2);
}
END_TEST

START_TEST(of_equals_the_control_leads)
{
	const struct pr_stats_tally t[] = {{100, 5}, {100, 5}, {100, 5}};
	struct pr_stats_test test = {PR_STATS_RATE, 3, 1, 0.05, true};
	struct pr_stats_result r;
	pr_stats_judge(&test, t, &r);
	ck_assert_uint_eq(r.leader, 1);
	ck_assert_int_eq(r.verdict, N);
}
END_TEST

START_TEST(an_interval_without_zero_goes_with_a_small_p)
{
	for (unsigned k = 100; k < 300; k += 4)
		for (int final = 0; final < 2; final++) {
			const struct pr_stats_tally t[] = {{5000, 150}, {5000, k}};
			struct pr_stats_result r = judge(PR_STATS_RATE, 2, t, final);
			struct pr_stats_interval d = r.variants[1].difference;
			double p = r.variants[1].p;
			ck_assert(d.low <= d.estimate && d.estimate <= d.high);
			ck_assert_double_eq_tol(d.estimate, (k - 150.0) / 5000, 1e-12);
			if (p < 0.045)
				ck_assert_msg(d.low > 0 || d.high < 0, "%u p %g", k, p);
			if (p > 0.055)
				ck_assert_msg(d.low < 0 && d.high > 0, "%u p %g", k, p);
		}
}
END_TEST

START_TEST(before_enough_is_known_anything_is_possible)
{
	const struct pr_stats_tally few[] = {{100, 2}, {100, 6}};
	const struct pr_stats_tally sold[] = {{100, 2, 50, 1300}, {100, 6, 200, 8000}};
	struct pr_stats_interval d = judge(PR_STATS_RATE, 2, few, false).variants[1].difference;
	ck_assert(d.low == -1 && d.high == 1);
	d = judge(PR_STATS_REVENUE, 2, sold, false).variants[1].difference;
	ck_assert(isinf(d.low) && isinf(d.high));
	ck_assert_double_eq_tol(d.estimate, 1.5, 1e-12);
}
END_TEST

START_TEST(revenue_is_judged_by_money_not_by_orders)
{
	/* 100 orders of 50 against 100 of 80, and against 160 of 50. */
	const struct pr_stats_tally t[] = {
	    {5000, 100, 5000, 250000}, {5000, 100, 8000, 640000}, {5000, 160, 8000, 400000}};
	struct pr_stats_result r = judge(PR_STATS_REVENUE, 2, t, true);
	ck_assert_int_eq(r.verdict, W);
	ck_assert_uint_eq(r.winner, 1);
	ck_assert_double_eq_tol(r.variants[1].value.estimate, 1.6, 1e-12);
	ck_assert_double_eq_tol(r.variants[1].difference.estimate, 0.6, 1e-12);
	r = judge(PR_STATS_RATE, 2, t, true);
	ck_assert_int_eq(r.verdict, N);
	r = judge(PR_STATS_REVENUE, 3, t, true);
	ck_assert_int_eq(r.verdict, W);
	ck_assert(r.variants[0].beaten && !r.variants[1].beaten && !r.variants[2].beaten);
}
END_TEST

START_TEST(money_given_back_does_no_harm)
{
	const struct pr_stats_tally t[] = {{500, 3, -90, 3000}, {500, 30, 1500, 80000}};
	struct pr_stats_result r = judge(PR_STATS_REVENUE, 2, t, true);
	ck_assert(isfinite(r.variants[1].difference.low) && r.variants[1].p <= 1);
	ck_assert_uint_eq(r.leader, 1);
}
END_TEST

int
main(void)
{
	const struct suite_test list[] = {
	    {the_verdict_follows_the_tallies, ROWS(tests)},
	    {p_values_are_those_of_the_method},
	    {the_bound_is_where_the_p_value_meets_alpha},
	    {pairs_are_corrected_by_holm},
	    {who_is_beaten_is_said},
	    {of_equals_the_control_leads},
	    {an_interval_without_zero_goes_with_a_small_p},
	    {before_enough_is_known_anything_is_possible},
	    {revenue_is_judged_by_money_not_by_orders},
	    {money_given_back_does_no_harm},
	};
	return suite_run("stats_judge", NULL, NULL, list, ROWS(list));
}
