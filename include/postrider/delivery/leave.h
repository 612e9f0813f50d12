/*
 * Somebody whom a token names has left: a page, a mail to the unsubscribe address, a complaint.
 *
 * Words
 *   by the folder  the token's campaign is still there: the row's address is suppressed, if it is
 *                  the one that the token was made for
 *   by the token   it is not, or cannot be read: what the token carries is suppressed, and whoever
 *                  has that address is not written to (audience.h)
 */
#ifndef POSTRIDER_DELIVERY_LEAVE_H
#define POSTRIDER_DELIVERY_LEAVE_H

#include "postrider/delivery.h"

/* The caller's until done, with all that it points to. */
struct pr_leaving {
	/* As in struct pr_token. */
	uint32_t serial, row;
	char key;
	uint64_t address;
	uint32_t list; /* 0: none */
	enum pr_suppression_reason reason;
	/* NULL: for an unsubscription the campaign's list, if it has one; else that of the reason
	 * (pr_scope_of) */
	const char *scope;
	struct pr_engagement how; /* goes to the journal; kind 0: nothing does */
	/* The part of the daemon, for the audit ("track", "feedback"), and what it learnt it from
	 * ("one-click", "page", "mail"). by lives as long as the desk. */
	const char *by, *source;
	/* On the loop, once. 0: the suppression and the record are durable, and no message to that
	 * address begins any more; negative: e tells why, and it may be tried again: a second time
	 * does no harm. Also from within the closing of delivery, the desk or the journal. */
	void (*done)(struct pr_leaving *l, int result, const struct pr_error *e);
	/* delivery's: */
	pr_delivery *delivery;
	const struct pr_config *config;
	struct pr_job job;
	struct pr_journal_waiter waiter;
	char who[400], what[PR_SCOPE_SIZE]; /* address, scope */
	int64_t first_ms;                   /* of the row: struct pr_whom */
};

/* Not after pr_delivery_close. */
void pr_delivery_leave(pr_delivery *d, struct pr_leaving *l);

#endif
