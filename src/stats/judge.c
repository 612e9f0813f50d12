/* The verdict of a test: all pairs, corrected by Holm, and who is left as the best. */
#include "internal.h"

#include "postrider/base/error.h"

#include <math.h>
#include <stdlib.h>

#define PAIRS_MAX (PR_STATS_VARIANTS_MAX * (PR_STATS_VARIANTS_MAX - 1) / 2)

struct duel {
	unsigned a, b; /* a < b */
	double p;
};

struct bout {
	const struct pr_stats_test *test;
	const struct pr_stats_tally *tallies;
	struct duel duels[PAIRS_MAX];
	unsigned n;
	double p[PR_STATS_VARIANTS_MAX][PR_STATS_VARIANTS_MAX]; /* corrected, both ways round */
};

static int
by_p(const void *x, const void *y)
{
	const struct duel *a = x, *b = y;
	return (a->p > b->p) - (a->p < b->p);
}

/* Holm (1979): the least p-value times the number of pairs, the next times one less, and none
 * less than the one before it. */
static void
correct(struct bout *bout)
{
	double least = 0;
	qsort(bout->duels, bout->n, sizeof *bout->duels, by_p);
	for (unsigned i = 0; i < bout->n; i++) {
		const struct duel *d = &bout->duels[i];
		least = fmax(least, fmin(d->p * (bout->n - i), 1));
		bout->p[d->a][d->b] = bout->p[d->b][d->a] = least;
	}
}

static void
fight(struct bout *bout)
{
	const struct pr_stats_test *t = bout->test;
	for (unsigned a = 0; a < t->variants; a++)
		for (unsigned b = a + 1; b < t->variants; b++) {
			struct stats_pair pair =
			    stats_pair(t->metric, &bout->tallies[a], &bout->tallies[b]);
			bout->duels[bout->n++] = (struct duel){a, b, stats_pair_p(&pair, t->final)};
		}
	correct(bout);
}

/* That of the early part, at `alpha`: what the bound leaves possible. */
static struct pr_stats_interval
early_difference(const struct stats_pair *pair, enum pr_stats_metric metric, double alpha)
{
	double half = stats_early_bound(pair->information, alpha) * pair->error;
	double d = pair->difference, most = metric == PR_STATS_RATE ? 1 : INFINITY;
	if (!(pair->error > 0) || isinf(half))
		return (struct pr_stats_interval){-most, d, most};
	return (struct pr_stats_interval){fmax(d - half, -most), d, fmin(d + half, most)};
}

static struct pr_stats_interval
difference(const struct bout *bout, unsigned i)
{
	const struct pr_stats_test *t = bout->test;
	const struct pr_stats_tally *a = &bout->tallies[t->control], *b = &bout->tallies[i];
	double alpha = t->alpha / bout->n, level = 1 - alpha * (1 - PR_STATS_EARLY);
	struct stats_pair pair = stats_pair(t->metric, a, b);
	if (!t->final)
		return early_difference(&pair, t->metric, alpha * PR_STATS_EARLY);
	return t->metric == PR_STATS_RATE ? pr_stats_rate_difference(a, b, level)
	                                  : pr_stats_mean_difference(a, b, level);
}

static struct pr_stats_interval
value(enum pr_stats_metric metric, const struct pr_stats_tally *t)
{
	return metric == PR_STATS_RATE ? pr_stats_rate(t->successes, t->n, 0.95)
	                               : pr_stats_mean(t, 0.95);
}

static bool
beats(const struct bout *bout, const struct pr_stats_result *r, unsigned a, unsigned b)
{
	return a != b && bout->p[a][b] <= bout->test->alpha &&
	       r->variants[a].value.estimate > r->variants[b].value.estimate;
}

static void
describe(const struct bout *bout, struct pr_stats_result *r)
{
	const struct pr_stats_test *t = bout->test;
	r->leader = t->control;
	for (unsigned i = 0; i < t->variants; i++) {
		struct pr_stats_variant *v = &r->variants[i];
		v->value = value(t->metric, &bout->tallies[i]);
		v->p = 1;
		if (i == t->control)
			continue;
		v->difference = difference(bout, i);
		v->p = bout->p[t->control][i];
	}
	for (unsigned i = 0; i < t->variants; i++)
		if (r->variants[i].value.estimate > r->variants[r->leader].value.estimate)
			r->leader = i;
}

void
pr_stats_judge(const struct pr_stats_test *t, const struct pr_stats_tally *tallies,
               struct pr_stats_result *r)
{
	PR_ASSERT(t->variants >= 2 && t->variants <= PR_STATS_VARIANTS_MAX);
	PR_ASSERT(t->control < t->variants && t->alpha > 0 && t->alpha < 1);
	struct bout bout = {.test = t, .tallies = tallies};
	unsigned under = 0; /* the leader */
	*r = (struct pr_stats_result){0};
	fight(&bout);
	describe(&bout, r);
	for (unsigned i = 0; i < t->variants; i++) {
		for (unsigned j = 0; j < t->variants; j++)
			r->variants[i].beaten |= beats(&bout, r, j, i);
		under += beats(&bout, r, r->leader, i);
	}
	bool won = under == t->variants - 1 || (t->final && beats(&bout, r, r->leader, t->control));
	r->winner = won ? r->leader : 0;
	r->verdict = won ? PR_STATS_WINNER : t->final ? PR_STATS_NO_DIFFERENCE : PR_STATS_RUNNING;
}
