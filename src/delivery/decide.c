/* The fixed test is decided by the sequential rule of stats/; a bandit by what its last shares
 * would be, unless one variant is better for certain. */
#include "postrider/delivery/decide.h"

static enum pr_stats_metric
metric_of(const struct pr_manifest_test *t)
{
	return t->metric == PR_METRIC_REVENUE ? PR_STATS_REVENUE : PR_STATS_RATE;
}

struct pr_stats_tally
pr_test_tally(const struct pr_manifest_test *t, const struct pr_variant_counts *v)
{
	static const enum pr_engagement_kind kinds[] = {
	    [PR_METRIC_CLICKS] = PR_ENGAGEMENT_CLICK,
	    [PR_METRIC_OPENS] = PR_ENGAGEMENT_OPEN,
	    [PR_METRIC_CONVERSIONS] = PR_ENGAGEMENT_CONVERSION,
	    [PR_METRIC_REVENUE] = PR_ENGAGEMENT_CONVERSION,
	};
	return (struct pr_stats_tally){.n = v->delivered,
	                               .successes = v->people[kinds[t->metric]],
	                               .sum = v->revenue,
	                               .sum2 = v->revenue2};
}

static unsigned
largest(const double *shares, unsigned n)
{
	unsigned best = 0;
	for (unsigned i = 1; i < n; i++)
		if (shares[i] > shares[best])
			best = i;
	return best;
}

void
pr_test_decide(const struct pr_manifest_test *t, const struct pr_variant_counts *of, unsigned n,
               bool final, uint64_t seed, struct pr_decision *out)
{
	struct pr_stats_tally tallies[PR_STATS_VARIANTS_MAX] = {{0}};
	struct pr_stats_result result;
	struct pr_stats_test test = {.metric = metric_of(t),
	                             .variants = n,
	                             .control = t->fallback_variant - 1,
	                             .alpha = 1 - t->confidence,
	                             .final = final};
	bool bandit = t->method == PR_TEST_BANDIT;
	*out = (struct pr_decision){0};
	for (unsigned i = 0; i < n; i++)
		tallies[i] = pr_test_tally(t, &of[i]);
	pr_stats_judge(&test, tallies, &result);
	if (bandit)
		pr_stats_thompson(test.metric, tallies, n, t->floor, seed, out->share);
	out->better = result.verdict == PR_STATS_WINNER;
	out->p = result
	             .variants[result.leader == test.control && n > 1 ? (test.control == 0 ? 1 : 0)
	                                                              : result.leader]
	             .p;
	out->decided = final || (out->better && !bandit);
	if (out->better)
		out->variant = result.winner + 1;
	else if (bandit)
		out->variant = largest(out->share, n) + 1;
	else
		out->variant = t->fallback_variant;
}
