/*
 * What a mail that came back proves about a row that was sent.
 *
 *   failed       the row was delivered, or is in doubt: it has bounced after all, late
 *   not failed   (it was delivered, passed on, or only waits): a row in doubt has been delivered
 *
 * A row in any other state stays as it is: the same mail twice changes nothing. Who calls vouches
 * for it: the mail carried a token that only the message itself could tell.
 */
#ifndef POSTRIDER_DELIVERY_LATE_H
#define POSTRIDER_DELIVERY_LATE_H

#include "postrider/delivery.h"

/* The caller's until done, with its texts. */
struct pr_late {
	uint32_t serial, row; /* as in struct pr_token */
	bool failed;
	bool hard;      /* the address is suppressed for it */
	uint8_t class_; /* enum pr_class; this and what follows: as in struct pr_outcome */
	uint16_t code;
	uint8_t enhanced[3];
	struct pr_str reply, mx;
	/* On the loop, once. 0: what changed is durable (*moved: something did); PR_EAGAIN: the row
	 * is on its way just now, or its campaign's folder is, and was so for 10 s; else e tells
	 * why. May be tried again in any case. */
	void (*done)(struct pr_late *l, int result, const struct pr_error *e);
	bool moved;
	/* delivery's: */
	struct pr_list link;
	struct pr_verb verb;
	struct pr_known known;
	bool found; /* in a ledger */
	char id[PR_CAMPAIGN_ID_MAX];
	unsigned tries;
	int result;
};

/* Not after pr_delivery_close. */
void pr_delivery_late(pr_delivery *d, struct pr_late *l);

#endif
