/*
 * The normal, Student's and the beta distribution: below and quantile, to about 14 digits.
 * Abramowitz and Stegun, "Handbook of Mathematical Functions", by formula number; the continued
 * fraction of the incomplete beta is DLMF 8.17.22, evaluated by Lentz's method.
 */
#include "internal.h"

#include <math.h>

#define FRACTION_STEPS_MAX 5000
/* From here on Student's t is the normal distribution to all digits that matter. */
#define DF_NORMAL 1e6
#define DF_EXPANSION 100 /* and here its expansion is good to 9 digits */

double
stats_normal_below(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2);
}

double
stats_normal_quantile(double p)
{
	if (!(p > 0))
		return -INFINITY;
	if (p >= 1)
		return INFINITY;
	if (p > 0.5)
		return -stats_normal_quantile(1 - p);
	/* 26.2.23 gives three digits; each of Halley's steps triples them. */
	double t = sqrt(-2 * log(p));
	double x = (2.515517 + t * (0.802853 + t * 0.010328)) /
	               (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
	           t;
	for (int i = 0; i < 3; i++) {
		double step = (stats_normal_below(x) - p) * sqrt(2 * M_PI) * exp(x * x / 2);
		x -= step / (1 + x * step / 2);
	}
	return x;
}

/* One term of Lentz's method; a fraction's parts are kept from being 0. */
static inline double
off_zero(double x)
{
	return fabs(x) < 1e-300 ? 1e-300 : x;
}

static double
beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / off_zero(1 - (a + b) * x / (a + 1)), f = d;
	for (int m = 1; m <= FRACTION_STEPS_MAX; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		d = 1 / off_zero(1 + even * d);
		c = off_zero(1 + even / c);
		f *= c * d;
		d = 1 / off_zero(1 + odd * d);
		c = off_zero(1 + odd / c);
		f *= c * d;
		if (fabs(c * d - 1) < 1e-15)
			break;
	}
	return f;
}

double
stats_beta_below(double a, double b, double x)
{
	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x <
	    (a + 1) / (a + b + 2)) /* where the fraction converges fast; else mirrored, 26.5.2 */
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double
stats_t_outside(double t, double df)
{
	if (df > DF_NORMAL)
		return erfc(fabs(t) * M_SQRT1_2);
	return stats_beta_below(df / 2, 0.5, df / (df + t * t)); /* 26.7.1, 26.5.27 */
}

/* Cornish and Fisher's expansion of Student's quantile by the normal one x, 26.7.5. */
static double
t_expansion(double x, double df)
{
	double y = x * x;
	double g1 = x * (y + 1) / 4, g2 = x * (3 + y * (16 + y * 5)) / 96;
	double g3 = x * (-15 + y * (17 + y * (19 + y * 3))) / 384;
	double g4 = x * (-945 + y * (-1920 + y * (1482 + y * (776 + y * 79)))) / 92160;
	return x + (g1 + (g2 + (g3 + g4 / df) / df) / df) / df;
}

double
stats_t_quantile(double p, double df)
{
	double low = stats_normal_quantile(p), high = low + 1, outside = 2 * (1 - p);
	if (df > DF_EXPANSION)
		return t_expansion(low, df);
	/* Its tails are heavier than the normal ones. */
	while (stats_t_outside(high, df) > outside && high < 1e12)
		high *= 2;
	for (int i = 0; i < 100 && high - low > 1e-13 * high; i++) {
		double middle = (low + high) / 2;
		if (stats_t_outside(middle, df) > outside)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}
