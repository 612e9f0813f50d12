/*
 * The statistics of tests against simulation: tests without a difference (A/A), with 100 looks
 * while answers come in, and how many found a winner all the same; tests with a known lift, and
 * how many found it, beside what pr_stats_power had said.
 *   stats_bench [RUNS [SEED]]     10,000 of each, seed 1
 * Exit code 1 when a figure is off by more than chance explains (three standard errors; power: and
 * one point of a hundred, for the normal approximation).
 */
#include "../unit/stats_world.h"

#include <stdio.h>
#include <stdlib.h>

#define RATE PR_STATS_RATE
#define MONEY PR_STATS_REVENUE

static const struct world same[] = {
    {RATE, 2, 100, 500, 1, 0.03, 0, 0.05},     {RATE, 2, 100, 1000, 1, 0.03, 0, 0.05},
    {RATE, 2, 100, 5000, 1, 0.03, 0, 0.05},    {RATE, 2, 100, 50000, 1, 0.03, 0, 0.05},
    {RATE, 2, 100, 20000, 1, 0.004, 0, 0.05},  {RATE, 2, 100, 2000, 1, 0.25, 0, 0.05},
    {RATE, 2, 100, 2000, 1, 0.7, 0, 0.05},     {RATE, 2, 100, 5000, 1, 0.03, 0, 0.01},
    {RATE, 2, 100, 8000, 0.25, 0.03, 0, 0.05}, {RATE, 3, 100, 5000, 1, 0.03, 0, 0.05},
    {RATE, 5, 100, 5000, 1, 0.03, 0, 0.05},    {MONEY, 2, 100, 5000, 1, 0.02, 0, 0.05},
    {MONEY, 2, 100, 50000, 1, 0.01, 0, 0.05},  {MONEY, 2, 100, 20000, 0.25, 0.02, 0, 0.05},
    {MONEY, 4, 100, 10000, 1, 0.02, 0, 0.05},  {MONEY, 2, 100, 20000, 0.1, 0.02, 0, 0.05},
};

static const struct world lifted[] = {
    {RATE, 2, 100, 5000, 1, 0.03, 0.2, 0.05},   {RATE, 2, 100, 5000, 1, 0.03, 0.4, 0.05},
    {RATE, 2, 100, 5000, 1, 0.03, -0.3, 0.05},  {RATE, 2, 100, 20000, 1, 0.03, 0.2, 0.05},
    {RATE, 2, 100, 2000, 1, 0.25, 0.15, 0.05},  {RATE, 2, 100, 1000, 1, 0.03, 1, 0.05},
    {RATE, 2, 100, 20000, 1, 0.004, 0.5, 0.05}, {RATE, 4, 100, 10000, 1, 0.03, 0.3, 0.05},
    {MONEY, 2, 100, 20000, 1, 0.02, 0.3, 0.05}, {MONEY, 2, 100, 50000, 1, 0.01, 0.3, 0.05},
};

static void
title(const struct world *w)
{
	printf("%-8s %u x %6.0f", w->metric == RATE ? "rate" : "revenue", w->variants, w->n);
	if (w->others != 1)
		printf(" (others x %.2f)", w->others);
	printf(", %.1f %% answer, alpha %.2f: ", 100 * w->rate, w->alpha);
}

static bool
no_difference(const struct world *w, unsigned runs, uint64_t seed)
{
	struct world_sum s = world_repeat(w, runs, seed);
	double share = (double)s.won / runs;
	bool good = share <= w->alpha + world_error(w->alpha, runs, 3);
	title(w);
	printf("false winners %.2f %%, %.2f %% early (by peeking each time %.1f %%)%s\n",
	       100 * share, 100.0 * s.early / runs, 100.0 * s.peeked / runs,
	       good ? "" : "  TOO MANY");
	return good;
}

static bool
a_lift(const struct world *w, unsigned runs, uint64_t seed)
{
	struct pr_stats_plan plan = world_plan(w);
	struct world_sum s = world_repeat(w, runs, seed);
	double share = (double)s.won / runs, stated = pr_stats_power(&plan, w->lift);
	double off = world_error(stated, runs, 3) + 0.01;
	bool good = share >= stated - off && (w->variants > 2 || share <= stated + off);
	title(w);
	printf("lift %+.0f %%: found %.1f %%, stated %s%.1f %%; the right one %.1f %%; "
	       "a fixed test %.1f %%; early %.1f %%, on the average after %.2f%s\n",
	       100 * w->lift, 100 * share, w->variants > 2 ? "at least " : "", 100 * stated,
	       100.0 * s.right / runs, 100.0 * s.peeked_once / runs, 100.0 * s.early / runs, s.time,
	       good ? "" : "  NOT AS STATED");
	return good;
}

int
main(int argc, char **argv)
{
	unsigned runs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000, bad = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	if (runs == 0) {
		fprintf(stderr, "use: stats_bench [RUNS [SEED]], RUNS 1 or more\n");
		return 2;
	}
	printf("%u tests each, 100 looks, seed %llu\n", runs, (unsigned long long)seed);
	for (unsigned i = 0; i < sizeof same / sizeof *same; i++)
		bad += !no_difference(&same[i], runs, seed + i);
	for (unsigned i = 0; i < sizeof lifted / sizeof *lifted; i++)
		bad += !a_lift(&lifted[i], runs, seed + 100 + i);
	printf("%u off\n", bad);
	return bad > 0;
}
