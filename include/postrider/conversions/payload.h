/*
 * What somebody tells of a customer's event, in the words of whoever tells it: our own JSON or form
 * at POST /e, the webhooks of Shopify and WooCommerce. Pure.
 *
 * Nothing is trusted: sizes are bounded, amounts exact or refused, addresses parsed. What is wrong
 * is told as a sentence without any of what was sent.
 */
#ifndef POSTRIDER_CONVERSIONS_PAYLOAD_H
#define POSTRIDER_CONVERSIONS_PAYLOAD_H

#include "postrider/base/arena.h"
#include "postrider/base/money.h"
#include "postrider/campaign/address.h"

#define PR_TOLD_MAX (256u << 10) /* octets of a body */

struct pr_told { /* texts are the arena's, or static */
	bool has_who;
	struct pr_mailbox who;
	struct pr_str token; /* n 0: none */
	struct pr_str name;  /* of the event: as lists' names; what gives money back is "refund" */
	struct pr_str item, id; /* n 0: none; at most PR_EVENT_ITEM_MAX octets */
	struct pr_str amount;   /* as pr_amount_format writes it, never below 0; n 0: none */
	struct pr_str currency; /* three capitals; n 0: none */
	bool has_time;
	int64_t at_ms;
	bool ignored; /* a shop's message that tells of no order: nothing else is set */
};

/* Each: NULL, or what is wrong. */
const char *pr_told_json(struct pr_arena *a, struct pr_str body, struct pr_told *out);
const char *pr_told_form(struct pr_arena *a, struct pr_str body, struct pr_told *out);
/* Body of the topic (NULL: not said). parameter: what carries our token in the shop's address
 * (landing page) or in what the shop notes beside an order. */
const char *pr_told_shopify(struct pr_arena *a, const char *topic, const char *parameter,
                            struct pr_str body, struct pr_told *out);
const char *pr_told_woocommerce(struct pr_arena *a, const char *topic, const char *parameter,
                                struct pr_str body, struct pr_told *out);

#endif
