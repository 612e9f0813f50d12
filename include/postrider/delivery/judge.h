/*
 * The judge of stop-loss: whether a slice of a campaign goes on, by what became of its messages.
 * Pure.
 *
 * Words
 *   slice    what of a campaign goes to one receiver, by the name it has with us: its provider by
 *            shaping, its exchangers, or its domain where a relay finds the exchangers
 *   tried    rows that got their first answer since the slice began, or was resumed: each counts
 *            once, whatever comes of it later
 *   bounced  of those, the ones refused for good; what has expired counts as deferrals
 *   lately   within the window, which moves on by PR_RECENT_PARTS of itself
 */
#ifndef POSTRIDER_DELIVERY_JUDGE_H
#define POSTRIDER_DELIVERY_JUDGE_H

#include "postrider/base/buf.h"
#include "postrider/campaign/stop_loss.h"

enum pr_cause { /* why a slice is paused. Their words are stored */
	        PR_CAUSE_NONE,
	        PR_CAUSE_BOUNCES,
	        PR_CAUSE_COMPLAINTS,
	        PR_CAUSE_DEFERRALS,
	        PR_CAUSE_OPERATOR,
	        PR_CAUSES
};
const char *pr_cause_word(enum pr_cause c); /* "bounces"; "" for none */

struct pr_tried {
	uint64_t tried, bounced, complained;
	uint64_t attempts, deferred; /* lately */
};

/* The first limit that is passed, in the order of enum pr_cause. */
enum pr_cause pr_judge(const struct pr_stop_loss *limits, const struct pr_tried *n);

/* A verdict as one line, for people and to be read back. share: the limit, of 1; 0 and n of zeroes
 * for an operator's. Appends. */
void pr_judge_words(enum pr_cause cause, double share, const struct pr_tried *n,
                    struct pr_buf *out);
enum pr_cause pr_judge_read(const char *words, struct pr_tried *n); /* NONE: no such line */
double pr_judge_share(enum pr_cause cause, const struct pr_stop_loss *limits);

/* ---- attempts of late ---- */

#define PR_RECENT_PARTS 6
struct pr_recent { /* zero-initialised; times of any clock that runs on */
	uint32_t attempts[PR_RECENT_PARTS], deferred[PR_RECENT_PARTS];
	int64_t part; /* the newest */
};
void pr_recent_add(struct pr_recent *r, int64_t window_ms, int64_t now_ms, bool deferred);
/* attempts and deferred of n. */
void pr_recent_read(const struct pr_recent *r, struct pr_tried *n);

#endif
