/*
 * Verdicts: from what a peer answered to what becomes of the row and of its lane.
 * Pure. RFC 5321 section 4.2.1, RFC 3463; policy apart from protocol.
 */
#ifndef POSTRIDER_DELIVERY_VERDICT_H
#define POSTRIDER_DELIVERY_VERDICT_H

#include "postrider/classify.h"
#include "postrider/journal/record.h"
#include "postrider/smtp.h"

struct pr_verdict {
	enum pr_state state; /* PR_DELIVERED, PR_DEFERRED, PR_BOUNCED, PR_IN_DOUBT, or PR_PENDING:
	                      * not the row's fault, try again as the lane allows */
	enum pr_class class_;
	bool suppress;       /* bounced: the address is no good, nobody writes to it again */
	bool lane_backs_off; /* the answer speaks of the connection or the sender, not the row */
	bool early_retry;    /* greylisted: the first retry is worth it soon */
	int64_t retry_ms;    /* deferred: after so long; 0: by the schedule */
};

/* A transaction's result (RCPT, MAIL, DATA, end of data, loss). Classes are by the rules. */
struct pr_verdict pr_verdict_message(const pr_rules *rules, const struct pr_smtp_result *r);
/* What ended a connection before or between messages: class and whether the lane backs off. */
struct pr_verdict pr_verdict_connection(const pr_rules *rules, const struct pr_smtp_result *r);

/* Retry schedule: first * factor^(tries-1), at most max, with +-jitter share. `seed` makes the
 * jitter: same row, same tries, same delay. */
struct pr_retry {
	int64_t first_ms, max_ms, give_up_ms;
	double factor, jitter;
};
int64_t pr_retry_delay_ms(const struct pr_retry *retry, unsigned tries, uint64_t seed);

#endif
