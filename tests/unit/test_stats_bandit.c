/* A bandit's shares: by what is known, never below the floor, the same from the same. */
#include "../../src/stats/internal.h"

#include "suite.h"

#include <math.h>
#include <string.h>

static const struct {
	struct pr_stats_tally t[2];
	double
	    better; /* P(the second is), by numerical integration of the Betas with SciPy 1.10.1 */
} posteriors[] = {
    {{{5000, 150}, {5000, 190}}, 0.986306780405926},
    {{{500, 10}, {500, 14}}, 0.790781441129733},
    {{{20, 0}, {20, 3}}, 0.946529080675422},
    {{{1000, 300}, {1000, 310}}, 0.686273666446102},
    {{{0, 0}, {0, 0}}, 0.5},
};

START_TEST(a_share_is_the_chance_to_be_the_best)
{
	double shares[2], p = posteriors[_i].better;
	pr_stats_thompson(PR_STATS_RATE, posteriors[_i].t, 2, 0, 17, shares);
	ck_assert_double_eq_tol(shares[1], p, 3 * sqrt(p * (1 - p) / 4000));
	ck_assert_double_eq_tol(shares[0] + shares[1], 1, 1e-12);
}
END_TEST

START_TEST(no_share_is_below_the_floor)
{
	const struct pr_stats_tally t[] = {{5000, 10}, {5000, 500}, {5000, 20}};
	double shares[3];
	pr_stats_thompson(PR_STATS_RATE, t, 3, 0.1, 1, shares);
	ck_assert_double_eq_tol(shares[0], 0.1, 1e-12);
	ck_assert_double_eq_tol(shares[1], 0.8, 1e-12);
	ck_assert_double_eq_tol(shares[2], 0.1, 1e-12);
	pr_stats_thompson(PR_STATS_RATE, t, 3, 0.5, 1, shares); /* more than there is */
	for (int i = 0; i < 3; i++)
		ck_assert_double_eq_tol(shares[i], 1.0 / 3, 1e-12);
}
END_TEST

START_TEST(the_seed_decides)
{
	const struct pr_stats_tally t[] = {{500, 10}, {500, 12}};
	double a[2], b[2], c[2];
	pr_stats_thompson(PR_STATS_RATE, t, 2, 0.05, 42, a);
	pr_stats_thompson(PR_STATS_RATE, t, 2, 0.05, 42, b);
	pr_stats_thompson(PR_STATS_RATE, t, 2, 0.05, 43, c);
	ck_assert(memcmp(a, b, sizeof a) == 0);
	ck_assert(memcmp(a, c, sizeof a) != 0);
}
END_TEST

START_TEST(revenue_goes_by_money)
{
	const struct pr_stats_tally t[] = {{5000, 100, 5000, 250000}, {5000, 60, 9000, 1400000}};
	const struct pr_stats_tally unsold[] = {{500, 0, 0, 0}, {500, 0, 0, 0}, {0, 0, 0, 0}};
	/* One variance for all, and a row at the common mean, 1.4, for each. */
	double n = 10000, sd = sqrt((1650000 - 14000.0 * 14000 / n) / (n - 1));
	double apart = (9001.4 - 5001.4) / 5001, z = apart / (sd * sqrt(2.0 / 5001));
	double shares[3], p = stats_normal_below(z);
	pr_stats_thompson(PR_STATS_REVENUE, t, 2, 0, 5, shares);
	ck_assert_double_eq_tol(shares[1], p, 3 * sqrt(p * (1 - p) / 4000) + 1e-4);
	pr_stats_thompson(PR_STATS_REVENUE, unsold, 3, 0, 5, shares);
	for (int i = 0; i < 3; i++)
		ck_assert_double_gt(shares[i], 0.2);
}
END_TEST

/* 40 batches of 500 rows; the share of the last one that the best variant gets. */
static double
play(const double *rates, unsigned variants, double floor, uint64_t seed)
{
	struct pr_stats_tally t[4] = {{0}};
	struct stats_dice dice = {seed};
	double shares[4];
	for (uint64_t batch = 0; batch < 40; batch++) {
		pr_stats_thompson(PR_STATS_RATE, t, variants, floor, seed + batch, shares);
		for (unsigned row = 0; row < 500; row++) {
			double u = stats_uniform(&dice);
			unsigned v = 0;
			while (v + 1 < variants && u > shares[v])
				u -= shares[v++];
			t[v].n++;
			t[v].successes += stats_uniform(&dice) < rates[v];
		}
	}
	return shares[variants - 1];
}

START_TEST(the_best_gets_nearly_all_in_the_end)
{
	const double rates[] = {0.02, 0.02, 0.025, 0.05};
	double least = 1;
	for (uint64_t game = 0; game < 20; game++)
		least = fmin(least, play(rates, 4, 0.05, 1000 * game));
	ck_assert_double_gt(least, 0.75); /* 0.85 is what the floor leaves */
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_share_is_the_chance_to_be_the_best, ROWS(posteriors)},
	    {no_share_is_below_the_floor},
	    {the_seed_decides},
	    {revenue_goes_by_money},
	    {the_best_gets_nearly_all_in_the_end},
	};
	return suite_run("stats_bandit", NULL, NULL, tests, ROWS(tests));
}
