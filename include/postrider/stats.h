/*
 * Statistics of tests: how sure a figure is, whether variants differ, which of them to send, and
 * what a test of a given size can find. Pure; memory is the caller's, nothing is allocated.
 *
 * Words
 *   tally        what came of the rows that were sent with one variant, up to now
 *   metric       what the variants are compared by: a rate (opens, clicks, conversions: people of
 *                those sent) or revenue (money per row sent, those who bought nothing included)
 *   lift         relative difference: 0.2 is a fifth more than the other
 *   look         one call of pr_stats_judge while the test runs
 *   information  how much is known of a difference: (mean / standard error of the difference)^2.
 *                It grows with rows and with what comes of them: for a rate of two equal
 *                variants it is a quarter of all successes / (1 - rate)
 *
 * The test. Two parts share alpha; both are two-sided, for each pair of variants:
 *   - any look, as often as wanted: the mixture sequential probability ratio test (Robbins 1970;
 *     Johari, Pekelis, Walsh, "Always Valid Inference", 2019), a normal mixture over lifts with
 *     standard deviation PR_STATS_MIXTURE, at PR_STATS_EARLY of alpha;
 *   - the final look, once, when the waiting time is over: the score test for two proportions, or
 *     Welch's t for revenue, at what is left of alpha.
 * A pair's p-value is the lesser of the two, each divided by its part (Bonferroni), and pairs are
 * corrected by Holm: the chance of one false difference or more is at most alpha, however often
 * and whenever one looked.
 *
 * Why so: a test has an end, and its mail is out long before it. The sequential test alone pays
 * for looks that never come: for a lift of 0.2 on 3 %, found with power 0.8, it needs 1.76 times
 * the rows of a test that looks once, and this rule 1.07 times; and a clear winner is still found
 * early. Alpha spending (Lan and DeMets) would be as strong, but needs the final number of clicks
 * in advance, and every earlier look kept across restarts. Here a look depends on the tallies
 * alone.
 *
 * What it rests on: the variants are sent side by side, so that their rows are equally old.
 * Opens and clicks that are yet to come are then missing from all alike. Where they are not
 * (variants of send time), give only rows that had the same time each, or look only at the end.
 * And early looks compare what came so far: a variant that is answered sooner, not more, can win.
 */
#ifndef POSTRIDER_STATS_H
#define POSTRIDER_STATS_H

#include <stdbool.h>
#include <stdint.h>

#define PR_STATS_VARIANTS_MAX 16
#define PR_STATS_MIXTURE 0.3
#define PR_STATS_EARLY 0.2
/* Less information than this decides nothing: about 20 successes of two equal variants, at an
 * early look twice that. The normal distribution does not hold before. */
#define PR_STATS_LEAST 5.0

enum pr_stats_metric { PR_STATS_RATE, PR_STATS_REVENUE };

struct pr_stats_tally {
	uint64_t n;         /* rows sent, old enough to be counted */
	uint64_t successes; /* of a rate: rows, not events; more than n count as n */
	double sum, sum2;   /* of revenue: over rows, of the row's money and of its square */
};

/* Of n = 0, and where nothing can be said (one row's revenue): an estimate of 0 (or what there
 * is), from -INFINITY to INFINITY; a rate from 0 to 1, a difference of rates from -1 to 1. */
struct pr_stats_interval {
	double low, estimate, high;
};

/* Intervals for one look; level: 0.95, say. Differences are `b` less `a`. */
/* Wilson's score interval (Wilson 1927). */
struct pr_stats_interval pr_stats_rate(uint64_t successes, uint64_t n, double level);
/* Newcombe's hybrid score interval (Newcombe 1998, method 10). */
struct pr_stats_interval pr_stats_rate_difference(const struct pr_stats_tally *a,
                                                  const struct pr_stats_tally *b, double level);
/* Student's interval of revenue per row. */
struct pr_stats_interval pr_stats_mean(const struct pr_stats_tally *t, double level);
/* Welch's interval (Welch 1947). */
struct pr_stats_interval pr_stats_mean_difference(const struct pr_stats_tally *a,
                                                  const struct pr_stats_tally *b, double level);

enum pr_stats_verdict {
	PR_STATS_RUNNING,
	PR_STATS_WINNER,
	PR_STATS_NO_DIFFERENCE, /* only at the final look: send the fallback */
};

struct pr_stats_test {
	enum pr_stats_metric metric;
	unsigned variants; /* 2 to PR_STATS_VARIANTS_MAX */
	unsigned control;  /* position of the one the others are set against */
	double alpha;      /* 0.05, say: chance of a winner where there is none */
	bool final;        /* the waiting time is over; judged so once, and then no more */
};

struct pr_stats_variant {
	struct pr_stats_interval value; /* 95 %, of this variant alone, for one look */
	/* Against the control (zeroes and p = 1 for the control itself). All intervals of one
	 * test hold together with 1 - alpha, at any look. */
	struct pr_stats_interval difference;
	double p;    /* of that pair, valid at any look, corrected for the number of pairs */
	bool beaten; /* another variant is better than this one, p <= alpha */
};

struct pr_stats_result {
	enum pr_stats_verdict verdict;
	unsigned leader; /* the best as it looks; of equals the control, then the first */
	unsigned winner; /* the leader; only with PR_STATS_WINNER */
	struct pr_stats_variant variants[PR_STATS_VARIANTS_MAX];
};

/* A variant wins at any look when all others are worse than it (p <= alpha). At the final look
 * the leader wins when the control is worse: which of two that beat it is better need not be
 * known to send one of them. Keep a winner that was found: later looks are not asked again. */
void pr_stats_judge(const struct pr_stats_test *test, const struct pr_stats_tally *tallies,
                    struct pr_stats_result *result);

/*
 * A bandit (Thompson 1933): the share each variant gets of the next rows, which is how likely it
 * is the best one by what is known (Beta(1,1) before the first row; revenue: normal, one
 * variance for all), but never less than `floor` (cut to 1 / variants). Shares add up to 1. The
 * same arguments give the same shares. Count only rows that have had time to answer: a variant
 * that got many rows just now would look worse than it is.
 */
void pr_stats_thompson(enum pr_stats_metric metric, const struct pr_stats_tally *tallies,
                       unsigned variants, double floor, uint64_t seed, double *shares);

/* A test to be planned: `variants` of n rows each. */
struct pr_stats_plan {
	enum pr_stats_metric metric;
	double base; /* the control's rate (by the end of the waiting time) or revenue per row */
	double sd;   /* of revenue: standard deviation of one row's money */
	double n;    /* rows of each variant */
	unsigned variants;
	double alpha;
};

/*
 * For the rule of pr_stats_judge as it is, early looks included (64 of them, at equal steps of
 * information), by numerical integration (Armitage, McPherson, Rowe 1969); a pair's p-value is
 * corrected for all pairs at once, so with more than two variants it is a lower bound.
 */
/* The chance that a variant with this lift (-0.5: half as good) is found to differ from the
 * control. */
double pr_stats_power(const struct pr_stats_plan *plan, double lift);
/* The least lift (above 0) that is found with this power, 0.8 say; INFINITY: none is. */
double pr_stats_lift(const struct pr_stats_plan *plan, double power);
/* Rows of each variant to find this lift with this power; plan->n is not looked at. INFINITY:
 * more than 1e10. */
double pr_stats_size(const struct pr_stats_plan *plan, double lift, double power);

#endif
