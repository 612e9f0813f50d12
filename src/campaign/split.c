/* The hash of an address: its upper half says the group, its lower half the variant. */
#include "postrider/campaign/split.h"

/* Not secret: whoever knows the campaign may know who is in which group. */
static const struct pr_hash_key base = {0x706f737472696465u, 0x722e73706c69742eu};

void
pr_split_init(struct pr_split *s, const struct pr_manifest *m, const char *campaign_id)
{
	double sum = 0;
	*s = (struct pr_split){.holdout = m->test.holdout,
	                       .tested = m->variants.n ? m->test.share : 1};
	s->key.k0 = pr_siphash(base, campaign_id, strlen(campaign_id));
	s->key.k1 = pr_mix64(s->key.k0);
	s->variants = (unsigned)m->variants.n;
	for (unsigned i = 1; i <= s->variants; i++)
		sum += (double)pr_manifest_variant(m, i)->weight;
	for (unsigned i = 1; i <= s->variants; i++)
		s->share[i - 1] = (double)pr_manifest_variant(m, i)->weight / sum;
}

static double
part(uint32_t half)
{
	return half / 4294967296.0;
}

/* All who are not held out are tested where the share says all. */
enum pr_group
pr_split_group(const struct pr_split *s, struct pr_str address)
{
	if (s->holdout <= 0 && s->tested >= 1)
		return PR_GROUP_TESTED;
	double at = part((uint32_t)(pr_siphash(s->key, address.p, address.n) >> 32));
	if (at < s->holdout)
		return PR_GROUP_HOLDOUT;
	return s->tested >= 1 || at < s->holdout + s->tested ? PR_GROUP_TESTED : PR_GROUP_REST;
}

unsigned
pr_split_variant(const struct pr_split *s, struct pr_str address, const double *shares)
{
	if (s->variants == 0)
		return 0;
	double at = part((uint32_t)pr_siphash(s->key, address.p, address.n)), upto = 0;
	const double *of = shares ? shares : s->share;
	for (unsigned i = 0; i + 1 < s->variants; i++) {
		upto += of[i];
		if (at < upto)
			return i + 1;
	}
	return s->variants;
}
