/*
 * The journal. Records of the person's rows lose what receivers and visitors said; in all others
 * the address is overwritten.
 */
#include "internal.h"

#include "postrider/journal/conversion.h"

/* Views of a payload are overwritten in the copy that they view. True where that changed it. */
static bool
mask(const struct pass *p, struct pr_str text)
{
	return text.n && pr_trace_mask(&p->trace, (char *)text.p, text.n) > 0;
}

static bool
blank(struct pr_str text)
{
	bool changed = false;
	for (size_t i = 0; i < text.n; i++) {
		changed |= text.p[i] != '*';
		((char *)text.p)[i] = '*';
	}
	return changed;
}

static bool
erase_outcome(const struct pass *p, struct pr_str payload, bool own)
{
	struct pr_outcome o;
	if (pr_outcome_decode(payload, &o) < 0)
		return false;
	bool reply = own ? blank(o.reply) : mask(p, o.reply);
	return mask(p, o.mx) || reply;
}

static bool
erase_change(const struct pass *p, struct pr_str payload)
{
	struct pr_change c;
	if (pr_change_decode(payload, &c) < 0)
		return false;
	return mask(p, c.detail);
}

static bool
erase_engagement(const struct pass *p, struct pr_str payload, bool own)
{
	struct pr_engagement g;
	struct pr_conversion c;
	if (pr_engagement_decode(payload, &g) < 0)
		return false;
	if (own && pr_conversion_decode(&g, &c) == 0)
		return blank(c.order); /* what it brought is the campaign's */
	return own ? blank(g.detail) : mask(p, g.detail);
}

static bool
erase_record(void *context, const struct pr_record *r, char *payload)
{
	const struct pass *p = context;
	struct pr_str copy = pr_str_n(payload, r->payload_n);
	bool own = pr_map_get(&p->rows, (uint64_t)r->campaign << 32 | r->row) != NULL;
	switch (r->type) {
	case PR_RECORD_INTENT:
	case PR_RECORD_WIRE: return own && pr_intent_mask(payload, r->payload_n);
	case PR_RECORD_OUTCOME: return erase_outcome(p, copy, own);
	case PR_RECORD_ENGAGEMENT: return erase_engagement(p, copy, own);
	case PR_RECORD_CAMPAIGN:
	case PR_RECORD_GLOBAL:
	case PR_RECORD_MASS: return erase_change(p, copy);
	default: return false; /* numbers only */
	}
}

int
records_erase(struct pass *p, struct pr_error *e)
{
	unsigned n = 0;
	int r = pr_journal_rewrite(p->journal_dir, p->durable, erase_record, p, &n, e);
	if (r == 0 && n)
		pass_did(p, "%u record%s of the journal overwritten", n, n == 1 ? "" : "s");
	return r;
}
