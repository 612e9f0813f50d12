/*
 * What a test of variants says, by the counts of each. Pure.
 */
#ifndef POSTRIDER_DELIVERY_DECIDE_H
#define POSTRIDER_DELIVERY_DECIDE_H

#include "postrider/campaign/manifest.h"
#include "postrider/ledger.h"
#include "postrider/stats.h"

struct pr_decision {
	bool decided;
	unsigned variant; /* what the rest gets, from 1; only when decided */
	bool better;      /* for certain; else it is the fallback, or of a bandit the best so far */
	double p;         /* of the best beside the one it is set against; see stats.h */
	double share[PR_MANIFEST_VARIANTS_MAX]; /* bandit: of the next rows; else zeroes */
};

/* What the metric counts, of one variant. */
struct pr_stats_tally pr_test_tally(const struct pr_manifest_test *t,
                                    const struct pr_variant_counts *v);

/* of: of the variants 1 to n, at [0]. final: the waiting time is over: it is decided. seed: for
 * the bandit; the same counts and seed give the same shares. */
void pr_test_decide(const struct pr_manifest_test *t, const struct pr_variant_counts *of,
                    unsigned n, bool final, uint64_t seed, struct pr_decision *out);

#endif
