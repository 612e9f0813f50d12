/*
 * A made-up world of A/B tests, to hold the rule of stats.h against: rows go out during the first
 * part of the waiting time, people answer after delays of their own, and the test is looked at
 * again and again while answers come in. What is simulated knows nothing of how the rule is made.
 */
#ifndef STATS_WORLD_H
#define STATS_WORLD_H

#include "../../src/stats/internal.h"

#include "postrider/stats.h"

#include <math.h>
#include <string.h>

#define WORLD_LOOKS_MAX 100
#define WORLD_SENDING 0.2      /* of the waiting time: until the last row is out */
#define WORLD_DELAY 0.08       /* of the waiting time: by then half of those who answer have */
#define WORLD_DELAY_SPREAD 1.4 /* standard deviation of its logarithm */
#define WORLD_MONEY_SPREAD 0.8 /* of an order's amount, likewise; the median is 50 */
#define WORLD_MONEY 50.0

struct world {
	enum pr_stats_metric metric;
	unsigned variants, looks;
	double n;      /* rows of the first variant */
	double others; /* rows of each other, in rows of the first */
	double rate;   /* of rows that answer at all, sooner or later */
	double lift;   /* of the last variant */
	double alpha;
};

/* How many of those who answer at all do so within the waiting time. */
static inline double
world_in_time(void)
{
	double sum = 0;
	for (int i = 0; i < 1000; i++) {
		double left = 1 - WORLD_SENDING * (i + 0.5) / 1000;
		sum += stats_normal_below(log(left / WORLD_DELAY) / WORLD_DELAY_SPREAD);
	}
	return sum / 1000;
}

/* The same test as it is planned. */
static inline struct pr_stats_plan
world_plan(const struct world *w)
{
	double rate = w->rate * world_in_time(), v = WORLD_MONEY_SPREAD * WORLD_MONEY_SPREAD;
	double mean = WORLD_MONEY * exp(v / 2), square = WORLD_MONEY * WORLD_MONEY * exp(2 * v);
	struct pr_stats_plan p = {w->metric, rate, 0, w->n, w->variants, w->alpha};
	if (w->metric == PR_STATS_REVENUE) { /* orders of both variants make the variance */
		double both = rate * (1 + w->lift / 2);
		p.base = rate * mean;
		p.sd = sqrt(both * square - both * mean * both * mean);
	}
	return p;
}

/* What a variant has gained by each look. */
typedef struct pr_stats_tally world_course[WORLD_LOOKS_MAX + 1];

static inline void
world_send(const struct world *w, struct stats_dice *dice, double rows, double rate,
           world_course out)
{
	memset(out, 0, sizeof(world_course));
	/* From one who answers to the next: a geometric step. */
	for (double row = -1;;) {
		row += 1 + floor(log(stats_uniform(dice)) / log1p(-rate));
		if (row >= rows)
			break;
		double delay = WORLD_DELAY * exp(WORLD_DELAY_SPREAD * stats_draw_normal(dice));
		double look = ceil((row / rows * WORLD_SENDING + delay) * w->looks);
		double amount = 0;
		if (look > w->looks)
			continue;
		if (w->metric == PR_STATS_REVENUE)
			amount = WORLD_MONEY * exp(WORLD_MONEY_SPREAD * stats_draw_normal(dice));
		struct pr_stats_tally *t = &out[look < 1 ? 1 : (int)look];
		t->successes++;
		t->sum += amount;
		t->sum2 += amount * amount;
	}
	for (unsigned i = 1; i <= w->looks; i++) {
		out[i].n = (uint64_t)(rows * fmin(1, i / (WORLD_SENDING * w->looks)));
		out[i].successes += out[i - 1].successes;
		out[i].sum += out[i - 1].sum;
		out[i].sum2 += out[i - 1].sum2;
	}
}

struct world_end {
	bool won;        /* a winner was found */
	unsigned winner; /* which */
	double time;     /* when, or when the test ended, of the waiting time */
	bool peeked; /* one who looks each time with 1.96 standard errors would have found one */
	bool peeked_once; /* and at the end only */
};

static inline bool
world_peek(const struct world *w, const struct pr_stats_tally *now)
{
	for (unsigned i = 1; i < w->variants; i++) {
		struct stats_pair p = stats_pair(w->metric, &now[0], &now[i]);
		if (p.error > 0 && fabs(p.difference / p.error) > 1.96)
			return true;
	}
	return false;
}

static inline struct world_end
world_run(const struct world *w, uint64_t seed)
{
	static world_course courses[PR_STATS_VARIANTS_MAX];
	struct stats_dice dice = {pr_mix64(seed)};
	struct pr_stats_test test = {w->metric, w->variants, 0, w->alpha, false};
	struct world_end end = {.time = 1};
	for (unsigned i = 0; i < w->variants; i++)
		world_send(w, &dice, w->n * (i ? w->others : 1),
		           w->rate * (i + 1 == w->variants ? 1 + w->lift : 1), courses[i]);
	for (unsigned look = 1; look <= w->looks; look++) {
		struct pr_stats_tally now[PR_STATS_VARIANTS_MAX];
		struct pr_stats_result r;
		for (unsigned i = 0; i < w->variants; i++)
			now[i] = courses[i][look];
		end.peeked_once = world_peek(w, now);
		end.peeked |= end.peeked_once;
		test.final = look == w->looks;
		if (!end.won)
			pr_stats_judge(&test, now, &r);
		if (!end.won && r.verdict == PR_STATS_WINNER) {
			end.won = true;
			end.winner = r.winner;
			end.time = (double)look / w->looks;
		}
	}
	return end;
}

struct world_sum {
	unsigned runs, won, right, peeked, peeked_once, early;
	double time; /* mean, of the waiting time */
};

static inline struct world_sum
world_repeat(const struct world *w, unsigned runs, uint64_t seed)
{
	struct world_sum s = {.runs = runs};
	for (unsigned i = 0; i < runs; i++) {
		struct world_end end = world_run(w, seed * 1000003 + i);
		s.won += end.won;
		s.right += end.won && end.winner == w->variants - 1;
		s.peeked += end.peeked;
		s.peeked_once += end.peeked_once;
		s.early += end.time < 1;
		s.time += end.time / runs;
	}
	return s;
}

/* By how much a share seen in so many runs may be off by chance: `widths` standard errors. */
static inline double
world_error(double share, unsigned runs, double widths)
{
	return widths * sqrt(fmax(share * (1 - share), 1e-4) / runs);
}

#endif
