/*
 * Conversions in the journal: an engagement of a row, by what its person did elsewhere: bought,
 * signed up. Pure.
 *
 * The record is an ENGAGEMENT of kind CONVERSION, so it reaches campaigns under way and those that
 * have ended alike; its at_ms is the time of the event, as the shop tells it.
 */
#ifndef POSTRIDER_JOURNAL_CONVERSION_H
#define POSTRIDER_JOURNAL_CONVERSION_H

#include "postrider/base/money.h"
#include "postrider/journal/record.h"

#define PR_CONVERSION_EVENT_MAX 64 /* octets */
#define PR_CONVERSION_ORDER_MAX 200

struct pr_conversion {
	uint64_t key;  /* of the event: the same event has the same, whoever tells of it again */
	uint32_t link; /* of the click it is credited to; 0: none, or one of the row's own */
	bool refund;   /* gives money back; counts as no conversion */
	struct pr_money amount; /* currency "": there is none */
	struct pr_str event;    /* "order": no white space */
	struct pr_str order;    /* its id in the shop; may be empty */
};
void pr_conversion_encode(const struct pr_conversion *c, struct pr_buf *payload); /* appends */
/* Of an engagement of that kind. Views of its detail; PR_ECORRUPT. */
int pr_conversion_decode(const struct pr_engagement *g, struct pr_conversion *c);

#endif
