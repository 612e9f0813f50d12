/*
 * What recipients did with the mail of campaigns, kept with the contacts they are: events "open",
 * "click", "unsubscribe", "complaint", "bounce" and "sent" whose item is the campaign's id and
 * whose id is the place of the record in the journal. Who is no contact does not become one by it.
 *
 * A row comes whole, each time something is new about it: an opening that turns out to be a
 * machine's is taken away again. The same row twice changes nothing. How far the journal was read
 * is kept in the same file, in the transaction that ends a batch: for deliveries, which are as many
 * as messages and may come later, apart from the rest.
 */
#ifndef POSTRIDER_AUDIENCE_ENGAGED_H
#define POSTRIDER_AUDIENCE_ENGAGED_H

#include "postrider/audience.h"

enum pr_engaged_kind {
	PR_ENGAGED_OPEN,
	PR_ENGAGED_CLICK,
	PR_ENGAGED_UNSUBSCRIBE,
	PR_ENGAGED_COMPLAINT,
	PR_ENGAGED_BOUNCE, /* the address is no good */
	PR_ENGAGED_SENT,   /* a message was accepted: the latest one only */
	PR_ENGAGED_KINDS
};

struct pr_engaged_event {
	enum pr_engaged_kind kind;
	bool gone;     /* it is not the person's: it must not be there */
	bool implied;  /* an opening that a click stands for: not of who shows none (scope opens) */
	int64_t at_ms; /* UTC */
	uint64_t lsn;
};

struct pr_engaged_row {
	struct pr_str address;
	struct pr_str campaign; /* its id */
	const struct pr_engaged_event *events;
	size_t n;
};

struct pr_engaged_batch { /* the caller's, with all its texts */
	const struct pr_engaged_row *rows;
	size_t n;
	bool deliveries;         /* it is of these, and so is its position */
	uint64_t position;       /* of the journal: all below is in this batch or was before */
	size_t at;               /* the next row; 0 before the first call */
	uint64_t added, removed; /* made: events */
};
/* From `at` on, until all are done (then the position is kept) or the time (monotonic) is over.
 * Within a transaction. */
int pr_engaged_put(pr_audience *a, struct pr_engaged_batch *b, int64_t end_mono_ms,
                   struct pr_error *e);
/* 0: none was kept yet. */
int pr_engaged_position(pr_audience *a, bool deliveries, uint64_t *lsn, struct pr_error *e);
/* Is there any contact at all? Costs one look. */
int pr_engaged_anybody(pr_audience *a, bool *out, struct pr_error *e);
/* Events that campaigns brought before then go, of contacts from *contact on, which moves on; 0
 * when all were looked at. Within a transaction. */
int pr_engaged_sweep(pr_audience *a, int64_t before_ms, int64_t *contact, int64_t end_mono_ms,
                     struct pr_error *e);

/* ---- who has left ---- */

struct pr_left { /* of a list, by saying so */
	struct pr_str list, source;
	int64_t at_ms;
};
/* Latest first; `each` returns false to stop. */
int pr_contact_left(pr_audience *a, int64_t contact,
                    bool (*each)(void *context, const struct pr_left *l), void *context,
                    struct pr_error *e);

#endif
