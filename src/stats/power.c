/*
 * What a test can find: the chance that the rule of sequential.c tells two variants apart.
 *
 * The difference is followed as W = Z sqrt(t) over the part t of the final information, a
 * Brownian motion with drift. Its density over a grid goes from look to look; what lies beyond
 * the early bound has been found and leaves. From the last look but one the final bound is taken
 * exactly. With less than PR_STATS_LEAST information nothing is found.
 */
#include "internal.h"

#include "postrider/base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 64
#define STEP 0.05           /* of the grid: less than half a look's standard deviation */
#define REACH 10.0          /* the early bound times sqrt(t) stays below */
#define CELLS (2 * 200 + 1) /* REACH / STEP to either side of 0 */
#define TAIL 7.0            /* standard deviations of one move that are followed */
#define MOVE (2 * 80 + 1)   /* and as many cells, with room */
#define DEVIATION_LEAST 0.5 /* of Z: lifts that nearly fill a rate make it small */
#define DEVIATION_MOST 4.0
#define SIZE_MAX_ROWS 1e10
#define HALVINGS 40

/* A planned test of one pair. */
struct course {
	double drift;       /* of Z at the end */
	double deviation;   /* of Z: 1, but for lifts that change the variance */
	double information; /* at the end */
	double alpha;       /* of this pair */
};

static struct course
course(const struct pr_stats_plan *plan, double lift)
{
	double other = plan->base * (1 + lift), m = (plan->base + other) / 2, n = plan->n;
	double pairs = plan->variants * (plan->variants - 1) / 2.0;
	double null = plan->sd * plan->sd, real = null;
	if (plan->metric == PR_STATS_RATE) {
		null = m * (1 - m);
		real = (plan->base * (1 - plan->base) + other * (1 - other)) / 2;
	}
	double error = sqrt(2 * null / n);
	return (struct course){.drift = (other - plan->base) / error,
	                       .deviation = sqrt(real / null),
	                       .information = m / error * (m / error),
	                       .alpha = plan->alpha / pairs};
}

/* The density after one more look: each cell's part moves by a normal step. */
static void
move(const struct course *c, const double *from, double *to)
{
	double sd = c->deviation / sqrt(LOOKS), mean = c->drift / LOOKS;
	int middle = (int)lround(mean / STEP), half = (int)ceil(TAIL * sd / STEP);
	double weight[MOVE];
	half = half < MOVE / 2 ? half : MOVE / 2;
	for (int i = -half; i <= half; i++) {
		double z = ((middle + i) * STEP - mean) / sd;
		weight[i + half] = exp(-z * z / 2) / sqrt(2 * M_PI) * STEP / sd;
	}
	memset(to, 0, CELLS * sizeof *to);
	for (int x = 0; x < CELLS; x++)
		for (int i = -half; from[x] > 0 && i <= half; i++) {
			int y = x + middle + i;
			if (y >= 0 && y < CELLS) /* beyond REACH: found */
				to[y] += from[x] * weight[i + half];
		}
}

/* What lies beyond the bound leaves; a cell across it in part. */
static void
absorb(double *density, double bound)
{
	for (int x = 0; x < CELLS; x++) {
		double inside = (bound - abs(x - CELLS / 2) * STEP) / STEP + 0.5;
		density[x] *= fmax(0, fmin(inside, 1));
	}
}

/* How much of the density ends within the final bound. */
static double
missed(const struct course *c, const double *density, double bound)
{
	double sd = c->deviation / sqrt(LOOKS), mean = c->drift / LOOKS, sum = 0;
	for (int x = 0; x < CELLS; x++) {
		double w = (x - CELLS / 2) * STEP + mean;
		sum += density[x] * (stats_normal_below((bound - w) / sd) -
		                     stats_normal_below((-bound - w) / sd));
	}
	return sum;
}

static double
power_of(const struct course *c)
{
	double cells[2][CELLS] = {{0}};
	if (!(c->information >= PR_STATS_LEAST))
		return 0;
	/* So far off that the first look finds it; the grid would not hold it. */
	if (fabs(c->drift) > LOOKS * REACH / 4)
		return 1;
	PR_ASSERT(c->deviation <= DEVIATION_MOST);
	cells[0][CELLS / 2] = 1;
	for (int look = 1; look < LOOKS; look++) {
		double t = (double)look / LOOKS;
		double bound = stats_early_bound(c->information * t, c->alpha * PR_STATS_EARLY);
		move(c, cells[(look + 1) % 2], cells[look % 2]);
		absorb(cells[look % 2], bound * sqrt(t));
	}
	double last = stats_normal_quantile(1 - c->alpha * (1 - PR_STATS_EARLY) / 2);
	double early = stats_early_bound(c->information, c->alpha * PR_STATS_EARLY);
	return 1 - missed(c, cells[(LOOKS - 1) % 2], fmin(last, early));
}

static bool
possible(const struct pr_stats_plan *plan)
{
	PR_ASSERT(plan->variants >= 2 && plan->variants <= PR_STATS_VARIANTS_MAX);
	PR_ASSERT(plan->alpha > 0 && plan->alpha < 1);
	if (plan->metric == PR_STATS_RATE)
		return plan->base > 0 && plan->base < 1;
	return plan->base > 0 && plan->sd > 0;
}

static double
lift_most(const struct pr_stats_plan *plan)
{
	return plan->metric == PR_STATS_RATE ? 1 / plan->base - 1 : 1e6;
}

double
pr_stats_power(const struct pr_stats_plan *plan, double lift)
{
	if (!possible(plan) || !(plan->n >= 1))
		return 0;
	struct course c = course(plan, fmax(-1, fmin(lift, lift_most(plan))));
	c.deviation = fmax(c.deviation, DEVIATION_LEAST);
	return power_of(&c);
}

double
pr_stats_lift(const struct pr_stats_plan *plan, double power)
{
	double low = 0, high;
	if (!possible(plan) || pr_stats_power(plan, lift_most(plan)) < power)
		return INFINITY;
	for (high = fmin(1e-3, lift_most(plan)); pr_stats_power(plan, high) < power; high *= 2)
		low = high;
	high = fmin(high, lift_most(plan));
	for (int i = 0; i < HALVINGS && high - low > 1e-6 * high; i++) {
		double middle = (low + high) / 2;
		if (pr_stats_power(plan, middle) < power)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double
pr_stats_size(const struct pr_stats_plan *plan, double lift, double power)
{
	struct pr_stats_plan p = *plan;
	double low = 1, high = 2;
	for (p.n = high; pr_stats_power(&p, lift) < power; p.n = high *= 2) {
		low = high;
		if (high > SIZE_MAX_ROWS)
			return INFINITY;
	}
	while (ceil(low) + 1 < high && high - low > 1e-6 * high) {
		p.n = (low + high) / 2;
		if (pr_stats_power(&p, lift) < power)
			low = p.n;
		else
			high = p.n;
	}
	return ceil(high);
}
