/*
 * What customers did, in the audience's file: orders, visits, whatever a shop tells, by contact.
 *
 * Words
 *   event    a name ("order", "visit", any), a contact, a time; perhaps an amount, a currency, an
 *            item, an id. The same contact, name, time and item again is the same event, counted
 *            once; where it has an id, at any time
 *   credit   the row of a campaign that an event is credited to, as a conversion; found once, when
 *            the event is new, and kept with it
 *   derived  what segments ask of a contact's events, kept beside them: made anew, in the same
 *            transaction, for each contact that gets an event. So it is never old, and nothing
 *            has to be built before it is asked
 *
 * What recipients of campaigns did comes here as events, too: audience/engaged.h.
 */
#ifndef POSTRIDER_AUDIENCE_TRACK_H
#define POSTRIDER_AUDIENCE_TRACK_H

#include "postrider/audience.h"

#define PR_EVENT_NAME_MAX 64 /* octets; letters, digits, '-', '_', '.', as lists' */
#define PR_EVENT_NAMES_MAX 1000u
#define PR_EVENT_ITEM_MAX 200 /* octets of an item or id: longer ones are refused above */

struct pr_customer_event {
	struct pr_str address; /* as pr_mailbox_parse gives it */
	struct pr_str name, item, id, currency;
	struct pr_str amount; /* a number as pr_attribute_read gives it; n 0: none */
	int64_t at_ms;        /* UTC */
};

struct pr_event_credit {
	/* In: whom the event would be credited to, were it new (serial 0: nobody); out: to whom it
	 * is. link: of the click before it. */
	uint32_t serial, row, link;
	/* made: */
	uint64_t key;  /* of the event: the same for the same event, in this file */
	int64_t at_ms; /* its time, as it was told first */
	bool refund;   /* of an order that is credited: it gets the order's credit */
	bool told;     /* pr_event_credits_told was called for it */
};
/* An event of this name takes back what an order of the same id brought. */
#define PR_EVENT_REFUND "refund"

struct pr_event_batch {                         /* the caller's, with all its texts */
	const struct pr_customer_event *events; /* those of a contact one behind the other */
	size_t n;
	size_t at;                   /* the next; 0 before the first call */
	uint64_t added, there, made; /* made: new ones, those known before; new contacts */
	bool *forgotten;             /* made, n: who was left out; false before the first call */
	struct pr_event_credit *credits; /* n, or NULL: nothing is credited */
};
/* From `at` on, until all are done or the time (monotonic) is over. Within a transaction. An
 * address that is no contact becomes one. PR_ELIMIT: too many names. */
int pr_events_put(pr_audience *a, struct pr_event_batch *b, int64_t end_mono_ms,
                  struct pr_error *e);

/* What is credited is known to the campaigns: it need not be told again. Addresses as in the batch.
 * Within a transaction. */
int pr_event_credits_told(pr_audience *a, const struct pr_str *addresses, const uint64_t *keys,
                          size_t n, struct pr_error *e);

/* All of a contact; `each` returns false to stop. Views; addresses are left out. */
int pr_events_of(pr_audience *a, int64_t contact,
                 bool (*each)(void *context, const struct pr_customer_event *ev), void *context,
                 struct pr_error *e);

/* The latest, newest first, at most `limit`; as pr_events_of. */
int pr_events_latest(pr_audience *a, int64_t contact, unsigned limit,
                     bool (*each)(void *context, const struct pr_customer_event *ev), void *context,
                     struct pr_error *e);

struct pr_derived {      /* of one contact; times in ms UTC, 0: none */
	uint64_t orders; /* at how many times; an order of several items is one */
	double revenue;
	int64_t first_order_ms, last_order_ms;
	int64_t gap_ms;     /* between the last order and the one before it */
	double engagement;  /* points as of engaged_ms; each halves every 30 days */
	int64_t engaged_ms; /* the last event */
};
int pr_derived_of(pr_audience *a, int64_t contact, struct pr_derived *out, struct pr_error *e);

#endif
