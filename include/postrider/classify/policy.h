/*
 * When an address is given up that bounces, though never hard: after so many bounces in a row, of
 * so many campaigns, over so long; or when its mailbox was full all the time. A delivery ends the
 * row. What is the sender's affair (reputation, policy, authentication, pace, content) never
 * counts: the address has nothing to do with it. Pure.
 */
#ifndef POSTRIDER_CLASSIFY_POLICY_H
#define POSTRIDER_CLASSIFY_POLICY_H

#include "postrider/campaign/config.h"

#define PR_SOFT_CAMPAIGNS_MAX 16 /* that are told apart; more are not counted */

struct pr_soft { /* what is known of an address since it was delivered to last */
	uint32_t bounces, campaigns_n;
	uint32_t campaigns[PR_SOFT_CAMPAIGNS_MAX]; /* serials */
	int64_t first_ms, last_ms;                 /* UTC */
	int64_t full_ms; /* its mailbox is full since; 0: the last bounce said something else */
	uint64_t lsn;    /* of the last record that counts: it counts once */
};

/* Whether a bounce of this class says something about the address. */
bool pr_soft_counts(enum pr_class class_);
void pr_soft_bounce(struct pr_soft *s, enum pr_class class_, uint32_t campaign, int64_t at_ms,
                    uint64_t lsn);
bool pr_soft_gives_up(const struct pr_soft *s, const struct pr_bounce_policy *policy);

/* As a line of numbers, to be kept. read: false, and *s as new, where it is none. */
void pr_soft_write(const struct pr_soft *s, struct pr_buf *out);
bool pr_soft_read(struct pr_str text, struct pr_soft *s);

#endif
