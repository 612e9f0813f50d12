/* People and machines; see people.h. The weights are those that operators of tracking publish:
 * a sign that many people show as well weighs less than the score, one that no person shows more
 * than half of it. */
#include "postrider/ledger/people.h"

#define ASKS_LIKE_A_PROGRAM (PR_EVIDENCE_HEAD | PR_EVIDENCE_NO_LANGUAGE)

static const struct {
	uint16_t evidence; /* any of these */
	unsigned score;
} weights[] = {
    {ASKS_LIKE_A_PROGRAM, 3},
    {PR_EVIDENCE_SCANNER, 3},
    {PR_EVIDENCE_MANY, 2},
    {PR_EVIDENCE_HONEYPOT, 5},
    {PR_EVIDENCE_PREFETCH, PR_MACHINE_SCORE},
    {PR_EVIDENCE_APPLE_PROXY, PR_MACHINE_SCORE},
};

static bool
is_judged(const struct pr_hit *h)
{
	return h->kind == PR_ENGAGEMENT_OPEN || h->kind == PR_ENGAGEMENT_CLICK;
}

/* What is known of the visitor by all they did with this message. */
static uint16_t
evidence_of(const struct pr_hit *hits, size_t n, const struct pr_hit *h)
{
	uint16_t evidence = h->evidence;
	for (size_t i = 0; i < n; i++)
		if (h->visitor && hits[i].visitor == h->visitor &&
		    hits[i].kind == PR_ENGAGEMENT_EVIDENCE)
			evidence |= hits[i].evidence;
	return evidence;
}

static bool
is_near(const struct pr_hit *a, const struct pr_hit *b)
{
	int64_t between = a->at_ms - b->at_ms;
	return (between < 0 ? -between : between) <= PR_BURST_MS;
}

/* h is one of clicks on several links at about the same time. */
static bool
is_in_burst(const struct pr_hit *hits, size_t n, const struct pr_hit *h)
{
	uint32_t links[PR_BURST_LINKS];
	unsigned found = 0;
	for (size_t i = 0; i < n && found < PR_BURST_LINKS; i++) {
		bool fresh = hits[i].kind == PR_ENGAGEMENT_CLICK && is_near(&hits[i], h);
		for (unsigned k = 0; k < found && fresh; k++)
			fresh = links[k] != hits[i].link;
		if (fresh)
			links[found++] = hits[i].link;
	}
	return found == PR_BURST_LINKS;
}

static bool
has_open(const struct pr_hit *hits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].kind == PR_ENGAGEMENT_OPEN)
			return true;
	return false;
}

static unsigned
score_evidence(uint16_t evidence)
{
	unsigned score = 0;
	for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
		if (evidence & weights[i].evidence)
			score += weights[i].score;
	return score;
}

static bool
is_machine(const struct pr_hit *hits, size_t n, const struct pr_hit *h, int64_t delivered_ms,
           bool images)
{
	uint16_t evidence = evidence_of(hits, n, h);
	bool soon = delivered_ms && h->at_ms - delivered_ms < PR_SOON_MS;
	if (evidence & PR_EVIDENCE_GOOGLE_PROXY && h->kind == PR_ENGAGEMENT_OPEN)
		return soon; /* all else it shows is the proxy's, not the reader's */
	unsigned score = score_evidence(evidence);
	if (soon)
		score += 3;
	if (h->kind == PR_ENGAGEMENT_CLICK) {
		score += is_in_burst(hits, n, h) ? 3 : 0;
		score += images && !has_open(hits, n) ? 1 : 0;
	}
	return score >= PR_MACHINE_SCORE;
}

void
pr_people_judge(struct pr_hit *hits, size_t n, int64_t delivered_ms, bool images)
{
	for (size_t i = 0; i < n; i++)
		hits[i].machine =
		    is_judged(&hits[i]) && is_machine(hits, n, &hits[i], delivered_ms, images);
}
