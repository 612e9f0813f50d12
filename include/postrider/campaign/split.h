/*
 * Who gets which variant, who waits for the winner, who gets nothing. Pure: a keyed hash of the
 * address decides, so the answer is the same at import, at each try and after a restart, and
 * nothing of it has to be kept.
 *
 * The hash spreads each receiver's addresses as it spreads all: of n at one receiver the share of
 * a variant differs from what it should be by about 1 / (2 sqrt n).
 */
#ifndef POSTRIDER_CAMPAIGN_SPLIT_H
#define POSTRIDER_CAMPAIGN_SPLIT_H

#include "postrider/base/hash.h"
#include "postrider/campaign/manifest.h"

enum pr_group {
	PR_GROUP_TESTED,  /* they try the variants; all, where nobody waits */
	PR_GROUP_REST,    /* they get the winner */
	PR_GROUP_HOLDOUT, /* they get nothing */
};

struct pr_split {
	struct pr_hash_key key;
	double holdout, tested;
	unsigned variants;                      /* 0: none */
	double share[PR_MANIFEST_VARIANTS_MAX]; /* by weight; they add up to 1 */
};

/* campaign_id: of the campaign, whose rows are split alike for ever. */
void pr_split_init(struct pr_split *s, const struct pr_manifest *m, const char *campaign_id);
/* address: as the ledger has it. */
enum pr_group pr_split_group(const struct pr_split *s, struct pr_str address);
/* From 1; 0: there are none. shares: of each variant, adding up to 1; NULL: by weight. */
unsigned pr_split_variant(const struct pr_split *s, struct pr_str address, const double *shares);

#endif
