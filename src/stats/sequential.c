/*
 * The test of one pair.
 *
 * Let Z be the difference in standard errors and I the information. Without a difference
 * Z * sqrt(I) is a Brownian motion in the time I: for rows that come one by one, I grows with
 * them; for clicks that come late from rows that are all out, the covariance of two looks s < t
 * is that of odds p / (1 - p), which is I again. So one bound serves both, and everything
 * between. The likelihood ratio against lifts drawn from N(0, tau^2) is then
 *     exp(Z^2 r / (2 (1 + r))) / sqrt(1 + r),   r = tau^2 I
 * and by Ville's inequality it ever exceeds 1 / alpha with a chance of at most alpha.
 */
#include "internal.h"

#include <math.h>

static struct stats_pair
rate_pair(const struct pr_stats_tally *a, const struct pr_stats_tally *b)
{
	double n = (double)a->n, m = (double)b->n;
	double j = fmin((double)a->successes, n), k = fmin((double)b->successes, m);
	if (n < 1 || m < 1)
		return (struct stats_pair){0};
	double p = (j + k) / (n + m), error = sqrt(p * (1 - p) * (1 / n + 1 / m));
	struct stats_pair pair = {.difference = k / m - j / n, .error = error};
	if (error > 0)
		pair.information = p / error * (p / error);
	return pair;
}

/* The error is Welch's, or that of one variance for both where it is greater (with variants of
 * different size only): a small variant that happened to sell little seems to vary little, and
 * would be taken for worse too often (Welch's alone: 5.9 % instead of 5 %, with ten to one and 34
 * orders in the smaller). */
static struct stats_pair
revenue_pair(const struct pr_stats_tally *a, const struct pr_stats_tally *b)
{
	struct stats_welch w = stats_welch(a, b);
	struct stats_pair pair = {.difference = w.difference, .error = w.error, .df = w.df};
	if (!(w.error > 0))
		return pair;
	double n = (double)a->n, m = (double)b->n, mean = (a->sum + b->sum) / (n + m);
	double both = ((n - 1) * stats_variance(a) + (m - 1) * stats_variance(b)) / (n + m - 2);
	pair.error = fmax(w.error, sqrt(both * (1 / n + 1 / m)));
	pair.information = mean / pair.error * (mean / pair.error);
	return pair;
}

struct stats_pair
stats_pair(enum pr_stats_metric metric, const struct pr_stats_tally *a,
           const struct pr_stats_tally *b)
{
	return metric == PR_STATS_RATE ? rate_pair(a, b) : revenue_pair(a, b);
}

double
stats_early_bound(double information, double alpha)
{
	double r = PR_STATS_MIXTURE * PR_STATS_MIXTURE * information;
	if (information < 2 * PR_STATS_LEAST)
		return INFINITY;
	return sqrt((1 + 1 / r) * (log1p(r) - 2 * log(alpha)));
}

static double
early_p(const struct stats_pair *pair)
{
	double r = PR_STATS_MIXTURE * PR_STATS_MIXTURE * pair->information;
	double z = pair->difference / pair->error;
	if (pair->information < 2 * PR_STATS_LEAST)
		return 1;
	return sqrt(1 + r) * exp(-z * z / 2 * r / (1 + r));
}

static double
final_p(const struct stats_pair *pair)
{
	double z = pair->difference / pair->error;
	if (pair->information < PR_STATS_LEAST)
		return 1;
	return pair->df > 0 ? stats_t_outside(z, pair->df) : 2 * stats_normal_below(-fabs(z));
}

double
stats_pair_p(const struct stats_pair *pair, bool final)
{
	if (!(pair->error > 0))
		return 1;
	double p = early_p(pair) / PR_STATS_EARLY;
	if (final)
		p = fmin(p, final_p(pair) / (1 - PR_STATS_EARLY));
	return fmin(p, 1);
}
