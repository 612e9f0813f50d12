/* Intervals of rates, of revenue per row, and of their differences. */
#include "internal.h"

#include "postrider/base/error.h"

#include <math.h>

static double
successes(const struct pr_stats_tally *t)
{
	return (double)(t->successes < t->n ? t->successes : t->n);
}

struct pr_stats_interval
pr_stats_rate(uint64_t good, uint64_t rows, double level)
{
	PR_ASSERT(level > 0 && level < 1);
	struct pr_stats_tally t = {.n = rows, .successes = good};
	double n = (double)rows, k = successes(&t), z = stats_normal_quantile((1 + level) / 2);
	if (rows == 0)
		return (struct pr_stats_interval){0, 0, 1};
	double middle = (k + z * z / 2) / (n + z * z);
	double half = z / (n + z * z) * sqrt(k * (n - k) / n + z * z / 4);
	/* At the ends it meets 0 and 1, but for rounding. */
	return (struct pr_stats_interval){k > 0 ? fmax(middle - half, 0) : 0, k / n,
	                                  k < n ? fmin(middle + half, 1) : 1};
}

struct pr_stats_interval
pr_stats_rate_difference(const struct pr_stats_tally *a, const struct pr_stats_tally *b,
                         double level)
{
	struct pr_stats_interval x = pr_stats_rate(a->successes, a->n, level);
	struct pr_stats_interval y = pr_stats_rate(b->successes, b->n, level);
	double d = y.estimate - x.estimate;
	if (a->n == 0 || b->n == 0)
		return (struct pr_stats_interval){-1, d, 1};
	return (struct pr_stats_interval){d - hypot(y.estimate - y.low, x.high - x.estimate), d,
	                                  d + hypot(y.high - y.estimate, x.estimate - x.low)};
}

double
stats_variance(const struct pr_stats_tally *t)
{
	double n = (double)t->n;
	return fmax(t->sum2 - t->sum * t->sum / n, 0) / (n - 1);
}

static double
mean(const struct pr_stats_tally *t)
{
	return t->n ? t->sum / (double)t->n : 0;
}

struct pr_stats_interval
pr_stats_mean(const struct pr_stats_tally *t, double level)
{
	PR_ASSERT(level > 0 && level < 1);
	double m = mean(t), n = (double)t->n;
	if (t->n < 2)
		return (struct pr_stats_interval){-INFINITY, m, INFINITY};
	double half = stats_t_quantile((1 + level) / 2, n - 1) * sqrt(stats_variance(t) / n);
	return (struct pr_stats_interval){m - half, m, m + half};
}

struct stats_welch
stats_welch(const struct pr_stats_tally *a, const struct pr_stats_tally *b)
{
	struct stats_welch w = {.difference = mean(b) - mean(a)};
	if (a->n < 2 || b->n < 2)
		return w;
	double x = stats_variance(a) / (double)a->n, y = stats_variance(b) / (double)b->n;
	w.error = sqrt(x + y);
	if (w.error > 0) /* Satterthwaite's degrees of freedom */
		w.df =
		    (x + y) * (x + y) / (x * x / (double)(a->n - 1) + y * y / (double)(b->n - 1));
	return w;
}

struct pr_stats_interval
pr_stats_mean_difference(const struct pr_stats_tally *a, const struct pr_stats_tally *b,
                         double level)
{
	PR_ASSERT(level > 0 && level < 1);
	struct stats_welch w = stats_welch(a, b);
	if (!(w.error > 0))
		return (struct pr_stats_interval){-INFINITY, w.difference, INFINITY};
	double half = stats_t_quantile((1 + level) / 2, w.df) * w.error;
	return (struct pr_stats_interval){w.difference - half, w.difference, w.difference + half};
}
