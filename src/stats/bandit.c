/* Thompson sampling: how often each variant is the best one in draws from what is known. */
#include "internal.h"

#include "postrider/base/error.h"

#include <math.h>

#define DRAWS 4000 /* a share's standard error is below 0.008 */

double
stats_draw_normal(struct stats_dice *d) /* Box and Muller 1958 */
{
	double radius = sqrt(-2 * log(stats_uniform(d)));
	return radius * cos(2 * M_PI * stats_uniform(d));
}

/* Marsaglia and Tsang 2000; shape >= 1. */
static double
draw_gamma(struct stats_dice *dice, double shape)
{
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
	for (;;) {
		double x = stats_draw_normal(dice), v = 1 + c * x;
		v = v * v * v;
		if (v > 0 && log(stats_uniform(dice)) < x * x / 2 + d * (1 - v + log(v)))
			return d * v;
	}
}

double
stats_draw_beta(struct stats_dice *d, double a, double b)
{
	double x = draw_gamma(d, a);
	return x / (x + draw_gamma(d, b));
}

/* What is known of one variant: Beta(a, b), or the normal distribution. */
struct belief {
	double a, b, mean, sd;
};

static void
believe_rates(const struct pr_stats_tally *tallies, unsigned n, struct belief *out)
{
	for (unsigned i = 0; i < n; i++) {
		double rows = (double)tallies[i].n;
		double good = fmin((double)tallies[i].successes, rows);
		out[i] = (struct belief){.a = 1 + good, .b = 1 + rows - good};
	}
}

/* One variance for all: a variant's own is unknown while it has sold little, and then its mean is
 * 0. One row more for each, at the mean of all, stands for what is known before the first. */
static void
believe_revenue(const struct pr_stats_tally *tallies, unsigned n, struct belief *out)
{
	struct pr_stats_tally all = {0};
	for (unsigned i = 0; i < n; i++) {
		all.n += tallies[i].n;
		all.sum += tallies[i].sum;
		all.sum2 += tallies[i].sum2;
	}
	double mean = all.n ? all.sum / (double)all.n : 0;
	double sd = all.n > 1 ? sqrt(stats_variance(&all)) : 0;
	for (unsigned i = 0; i < n; i++) {
		double rows = (double)tallies[i].n + 1;
		/* Where nothing was sold yet all are alike. */
		out[i] = (struct belief){.mean = (tallies[i].sum + mean) / rows,
		                         .sd = (sd > 0 ? sd : 1) / sqrt(rows)};
	}
}

static unsigned
best_of_a_draw(struct stats_dice *dice, const struct belief *known, unsigned n)
{
	unsigned best = 0;
	double most = -INFINITY;
	for (unsigned i = 0; i < n; i++) {
		const struct belief *k = &known[i];
		double x = k->a > 0 ? stats_draw_beta(dice, k->a, k->b)
		                    : k->mean + k->sd * stats_draw_normal(dice);
		if (x > most) {
			most = x;
			best = i;
		}
	}
	return best;
}

void
pr_stats_thompson(enum pr_stats_metric metric, const struct pr_stats_tally *tallies,
                  unsigned variants, double floor, uint64_t seed, double *shares)
{
	PR_ASSERT(variants >= 1 && variants <= PR_STATS_VARIANTS_MAX);
	struct belief known[PR_STATS_VARIANTS_MAX];
	unsigned won[PR_STATS_VARIANTS_MAX] = {0};
	struct stats_dice dice = {seed};
	if (metric == PR_STATS_RATE)
		believe_rates(tallies, variants, known);
	else
		believe_revenue(tallies, variants, known);
	for (unsigned i = 0; i < DRAWS; i++)
		won[best_of_a_draw(&dice, known, variants)]++;
	floor = fmax(0, fmin(floor, 1.0 / variants));
	for (unsigned i = 0; i < variants; i++)
		shares[i] = floor + (1 - variants * floor) * won[i] / DRAWS;
}
