/* What the files of this room share: distributions, the test of one pair, dice. */
#ifndef STATS_INTERNAL_H
#define STATS_INTERNAL_H

#include "postrider/base/hash.h"
#include "postrider/stats.h"

/* distribution.c */
double stats_normal_below(double x);
double stats_normal_quantile(double p);                /* outside (0, 1): infinite */
double stats_beta_below(double a, double b, double x); /* the regularised incomplete beta */
double stats_t_outside(double t, double df);           /* P(|T| > |t|) */
double stats_t_quantile(double p, double df);          /* 0.5 <= p < 1 */

/* interval.c */
double stats_variance(const struct pr_stats_tally *t); /* of one row's money; n >= 2 */
struct stats_welch {
	double difference, error, df; /* error 0: nothing is known */
};
struct stats_welch stats_welch(const struct pr_stats_tally *a, const struct pr_stats_tally *b);

/* sequential.c: the two parts of the test, for one pair */
struct stats_pair {
	double difference;
	double error;       /* its standard error where there is none; 0: nothing is known */
	double information; /* (mean of both / error)^2 */
	double df;          /* of Student's t for the final look; 0: normal */
};
struct stats_pair stats_pair(enum pr_stats_metric metric, const struct pr_stats_tally *a,
                             const struct pr_stats_tally *b);
double stats_pair_p(const struct stats_pair *pair, bool final);
/* How many standard errors a difference must reach at a look, for a part `alpha` of the error. */
double stats_early_bound(double information, double alpha);

/* SplitMix64 (Steele, Lea, Flood 2014): fast, small, good enough to draw from. */
struct stats_dice {
	uint64_t state;
};

static inline double
stats_uniform(struct stats_dice *d) /* in (0, 1) */
{
	uint64_t x = pr_mix64(d->state);
	d->state += 0x9E3779B97F4A7C15u;
	return ((double)(x >> 12) + 0.5) * 0x1p-52;
}

double stats_draw_normal(struct stats_dice *d);
double stats_draw_beta(struct stats_dice *d, double a, double b); /* a, b >= 1 */

#endif
