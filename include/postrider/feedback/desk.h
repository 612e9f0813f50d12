/*
 * The feedback desk: acts on mails that came back, whoever brings them (the bounce server, a
 * maildir, `postrider feedback`), and on rows that bounced when they were sent.
 *
 * What a mail means is found on a lane of its own (meaning.h); then
 *   bounced     the row is a late bounce; where the address is no good it is suppressed
 *   arrived     a row in doubt is delivered
 *   complained, left   suppressed, with a record
 *   unknown     kept in STATE/feedback, a maildir, for somebody to look at: at most
 *               PR_FEEDBACK_KEPT_MAX, none older than PR_FEEDBACK_KEPT_MS
 * The same mail twice changes nothing. Lives on the loop's thread.
 */
#ifndef POSTRIDER_FEEDBACK_DESK_H
#define POSTRIDER_FEEDBACK_DESK_H

#include "postrider/delivery.h"
#include "postrider/feedback/meaning.h"

#define PR_FEEDBACK_KEPT_MAX 1000u
#define PR_FEEDBACK_KEPT_MS (30 * PR_DAY_MS)

typedef struct pr_feedback_desk pr_feedback_desk;

struct pr_feedback_desk_options {
	pr_loop *loop;
	const struct pr_config *config; /* replaced by pr_feedback_desk_reload */
	pr_delivery *delivery;
	pr_audience_desk *audience;
};
int pr_feedback_desk_open(const struct pr_feedback_desk_options *options, pr_feedback_desk **out,
                          struct pr_error *e);
void pr_feedback_desk_reload(pr_feedback_desk *d, const struct pr_config *config);
/* Ends the lane: what was taken and waits is answered by delivery and the audience as they end. */
void pr_feedback_desk_stop(pr_feedback_desk *d);
void pr_feedback_desk_close(pr_feedback_desk *d); /* after delivery; NULL: nothing */

/* ---- mails ---- */

/* The caller's until done, with its octets. */
struct pr_feedback_mail {
	struct pr_str octets;
	const struct pr_str *to; /* recipients of its envelope; n 0: not known */
	size_t n;
	/* On the loop, once. 0: what it says is durable, or it is kept for review; else e tells
	 * why, and it may be tried again. */
	void (*done)(struct pr_feedback_mail *m, int result, const struct pr_error *e);
	/* Made; valid in done: */
	struct pr_meaning meaning;
	bool moved;      /* a row changed its state */
	bool suppressed; /* the address is (maybe it was) */
	bool kept;       /* for review */
};
void pr_feedback_take(pr_feedback_desk *d, struct pr_feedback_mail *m);

struct pr_feedback_totals { /* since the start */
	uint64_t mails[PR_MEANS_KINDS];
	uint64_t failed;     /* could not be dealt with: they come again */
	uint64_t suppressed; /* addresses, by bounces of any kind */
};
void pr_feedback_totals(const pr_feedback_desk *d, struct pr_feedback_totals *out);

/* ---- rows that tell of their addresses (delivery's on_bounced, is_bouncing, bounced_needs) ----
 */

void pr_feedback_bounced(pr_feedback_desk *d, const struct pr_bounced *rows, size_t n);
bool pr_feedback_is_bouncing(pr_feedback_desk *d, const char *address);
uint64_t pr_feedback_needs(const pr_feedback_desk *d); /* UINT64_MAX: nothing */

#endif
