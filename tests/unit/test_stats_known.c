/* Distributions and intervals against known values: SciPy 1.10.1 (norm, t, betainc, binomtest's
 * Wilson interval, ttest_ind), but where another source is named. */
#include "../../src/stats/internal.h"

#include "suite.h"

#include <math.h>

#define NEAR(got, want, relative)                                                                  \
	ck_assert_double_eq_tol(got, want, fabs(want) * (relative) + 1e-300)

static const struct {
	double x, below;
} normals[] = {
    {-8, 6.22096057427174e-16},  {-3, 0.00134989803163009}, {-1.96, 0.0249978951482204}, {0, 0.5},
    {2.2414, 0.987499911738798}, {6, 0.999999999013412},
};

START_TEST(the_normal_distribution_is_right_far_out_too)
{
	NEAR(stats_normal_below(normals[_i].x), normals[_i].below, 1e-12);
}
END_TEST

static const struct {
	double p, x;
} quantiles[] = {
    {1e-300, -37.0470962993612}, {1e-10, -6.36134090240406}, {0.001, -3.09023230616781},
    {0.025, -1.95996398454005},  {0.3, -0.524400512708041},  {0.9, 1.2815515655446},
    {0.9999, 3.71901648545571},
};

START_TEST(normal_quantiles_are_right)
{
	NEAR(stats_normal_quantile(quantiles[_i].p), quantiles[_i].x, 1e-12);
}
END_TEST

START_TEST(normal_quantiles_end_in_infinity)
{
	ck_assert_double_eq_tol(stats_normal_quantile(0.5), 0, 1e-15);
	ck_assert(isinf(stats_normal_quantile(0)) && stats_normal_quantile(0) < 0);
	ck_assert(isinf(stats_normal_quantile(1)) && stats_normal_quantile(1) > 0);
}
END_TEST

static const struct {
	double a, b, x, below;
} betas[] = {
    {0.5, 0.5, 0.3, 0.369010119565545},
    {2, 3, 0.4, 0.5248},
    {1, 1, 0.7, 0.7},
    {151, 4851, 0.03, 0.479291953062436},
    {50000, 0.5, 0.9999, 0.00156501976222888},
    {1e5, 2e5, 0.3334, 0.531041168655159},
    {3, 200, 0.001, 0.00116656315311659},
    {2, 3, 0, 0},
    {2, 3, 1, 1},
};

START_TEST(the_incomplete_beta_is_right)
{
	/* lgamma of 3e5 leaves ten digits. */
	NEAR(stats_beta_below(betas[_i].a, betas[_i].b, betas[_i].x), betas[_i].below, 1e-9);
}
END_TEST

static const struct {
	double t, df, outside;
} tails[] = {
    {1, 1, 0.5},
    {2.5, 3.7, 0.0718220229118268},
    {-2.5, 3.7, 0.0718220229118268},
    {1.96, 1000, 0.0502731849557487},
    {12, 30, 5.58018541519926e-13},
    {3, 99999, 0.00270046089071343},
    {2, 5e6, 0.04550031788733},
};

START_TEST(students_tails_are_right)
{
	NEAR(stats_t_outside(tails[_i].t, tails[_i].df), tails[_i].outside,
	     tails[_i].df > 1e6 ? 1e-5 : 1e-9);
}
END_TEST

static const struct {
	double p, df, t;
} t_quantiles[] = {
    {0.975, 1, 12.7062047364321},   {0.975, 4.3, 2.70169489828222},
    {0.98, 30, 2.14696627908979},   {0.999, 2, 22.3271247699754},
    {0.995, 1e5, 2.57587846990837}, {0.975, 9999, 1.96020126362136},
    {0.975, 101, 1.98373100288528}, {0.9999, 101, 3.86014094249583},
};

START_TEST(students_quantiles_are_right)
{
	NEAR(stats_t_quantile(t_quantiles[_i].p, t_quantiles[_i].df), t_quantiles[_i].t, 1e-8);
}
END_TEST

static const struct {
	uint64_t good, rows;
	double level, low, high;
} rates[] = {
    {0, 10, 0.95, 0, 0.277532799862889},
    {10, 10, 0.95, 0.722467200137111, 1},
    {3, 100, 0.95, 0.0102545240240389, 0.0845193642905276},
    {150, 5000, 0.95, 0.0256205332549516, 0.0351011065734021},
    {150, 5000, 0.99, 0.0243817103213752, 0.0368639972114817},
    {1, 1, 0.90, 0.269865948784054, 1},
    {12, 10, 0.95, 0.722467200137111, 1}, /* more than all: all */
    {0, 0, 0.95, 0, 1},
};

START_TEST(a_rate_has_wilsons_interval)
{
	struct pr_stats_interval i = pr_stats_rate(rates[_i].good, rates[_i].rows, rates[_i].level);
	ck_assert_double_eq_tol(i.low, rates[_i].low, 1e-12);
	ck_assert_double_eq_tol(i.high, rates[_i].high, 1e-12);
	ck_assert(i.low <= i.estimate && i.estimate <= i.high);
}
END_TEST

static const struct {
	uint64_t j, n, k, m;
	double low, high;
} differences[] = {
    /* Newcombe 1998, table II, (a): 56 of 70 less 48 of 80, 0.0524 to 0.3339 */
    {48, 80, 56, 70, 0.0524314724023648, 0.333872654036906},
    {0, 10, 0, 20, -0.277532799862889, 0.161125158052819},
    {10, 10, 0, 10, -1, -0.607509350430524},
    {150, 5000, 190, 5000, 0.000888690417133751, 0.0151597279731761},
    {0, 0, 5, 10, -1, 1},
};

START_TEST(a_difference_of_rates_has_newcombes_interval)
{
	struct pr_stats_tally a = {differences[_i].n, differences[_i].j};
	struct pr_stats_tally b = {differences[_i].m, differences[_i].k};
	struct pr_stats_interval i = pr_stats_rate_difference(&a, &b, 0.95);
	ck_assert_double_eq_tol(i.low, differences[_i].low, 1e-12);
	ck_assert_double_eq_tol(i.high, differences[_i].high, 1e-12);
}
END_TEST

/* Ten customers who spent 19.90, 45.50, 12.25 and seven times nothing; seven who spent 30.50, 80,
 * 22.75 and four times nothing. */
static const struct pr_stats_tally ten = {10, 3, 77.65, 2616.3225},
				   seven = {7, 3, 133.25, 7847.8125};

START_TEST(revenue_has_students_interval)
{
	struct pr_stats_interval i = pr_stats_mean(&ten, 0.95);
	ck_assert_double_eq_tol(i.estimate, 7.765, 1e-12);
	ck_assert_double_eq_tol(i.low, -2.93449654784251, 1e-8);
	ck_assert_double_eq_tol(i.high, 18.4644965478425, 1e-8);
}
END_TEST

START_TEST(a_difference_of_revenue_has_welchs_interval)
{
	struct pr_stats_interval i = pr_stats_mean_difference(&ten, &seven, 0.95);
	struct stats_welch w = stats_welch(&ten, &seven);
	ck_assert_double_eq_tol(w.df, 8.14073367312357, 1e-8);
	ck_assert_double_eq_tol(w.difference / w.error, 0.923858867084204, 1e-10);
	ck_assert_double_eq_tol(stats_t_outside(w.difference / w.error, w.df), 0.3821274127640393,
	                        1e-10);
	ck_assert_double_eq_tol(i.low, -16.7771981874545, 1e-7);
	ck_assert_double_eq_tol(i.high, 39.318626758883, 1e-7);
}
END_TEST

START_TEST(of_nothing_nothing_is_known)
{
	struct pr_stats_tally none = {0}, one = {1, 1, 20, 400}, same = {50, 0, 0, 0};
	struct pr_stats_interval i = pr_stats_mean(&none, 0.95);
	ck_assert(isinf(i.low) && isinf(i.high) && i.estimate == 0);
	i = pr_stats_mean(&one, 0.95);
	ck_assert(isinf(i.low) && isinf(i.high) && i.estimate == 20);
	i = pr_stats_mean_difference(&one, &ten, 0.95);
	ck_assert(isinf(i.low) && isinf(i.high));
	i = pr_stats_mean_difference(&same, &same, 0.95);
	ck_assert(isinf(i.low) && isinf(i.high) && i.estimate == 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_normal_distribution_is_right_far_out_too, ROWS(normals)},
	    {normal_quantiles_are_right, ROWS(quantiles)},
	    {normal_quantiles_end_in_infinity},
	    {the_incomplete_beta_is_right, ROWS(betas)},
	    {students_tails_are_right, ROWS(tails)},
	    {students_quantiles_are_right, ROWS(t_quantiles)},
	    {a_rate_has_wilsons_interval, ROWS(rates)},
	    {a_difference_of_rates_has_newcombes_interval, ROWS(differences)},
	    {revenue_has_students_interval},
	    {a_difference_of_revenue_has_welchs_interval},
	    {of_nothing_nothing_is_known},
	};
	return suite_run("stats_known", NULL, NULL, tests, ROWS(tests));
}
