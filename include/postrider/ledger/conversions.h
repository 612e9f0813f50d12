/*
 * Conversions of a campaign, as its ledger has them: what its people bought after it, what that
 * brought, and what the campaign cost.
 *
 * Words
 *   conversion  an event of a person, credited to a row of this campaign, once
 *               items of one order (the same event and order id) are one conversion
 *   refund      gives money back: counts in the revenue alone
 *   revenue     by currency; never one number made of several
 */
#ifndef POSTRIDER_LEDGER_CONVERSIONS_H
#define POSTRIDER_LEDGER_CONVERSIONS_H

#include "postrider/journal/conversion.h"
#include "postrider/ledger.h"

#define PR_CURRENCIES_MAX 8u
#define PR_VARIANT_ALL 256u
#define PR_ROW_CONVERSIONS_MAX 1000u /* of one row: more are left out */

struct pr_conversions {
	uint64_t total, unique; /* conversions; rows that have any */
	/* What they brought, less refunds, by the names of currencies; more: there are others. */
	struct pr_money revenue[PR_CURRENCIES_MAX];
	unsigned currencies;
	bool more;
};

/* With what the campaign cost, as its manifest said when it was imported. */
struct pr_earned {
	struct pr_conversions n;
	struct pr_money cost;     /* currency "": nothing was said */
	int64_t cost_each_micros; /* beside it for each accepted message, in the same currency */
};
/* What all of it cost. False: it was not said. */
bool pr_earned_cost(const struct pr_earned *r, uint64_t delivered, struct pr_money *out);
/* (revenue - cost) / cost in the currency of the cost. False: no cost, or nothing of it; *other
 * (may be NULL): there is revenue in other currencies, which is not in it. */
bool pr_earned_roi(const struct pr_earned *r, uint64_t delivered, double *out, bool *other);

int pr_ledger_earned(pr_ledger *l, struct pr_earned *out, struct pr_error *e);
/* Those of rows that were sent this variant; PR_VARIANT_ALL: of all. */
int pr_ledger_conversions(pr_ledger *l, unsigned variant, struct pr_conversions *out,
                          struct pr_error *e);
/* By the link that was clicked before, most conversions first, and by currency ("": those without
 * an amount); url is empty for links of the rows' own, and where there was no click (link 0). */
int pr_ledger_tally_converted(pr_ledger *l, unsigned limit,
                              bool (*each)(void *context, uint32_t link, struct pr_str url,
                                           uint64_t conversions, const struct pr_money *revenue),
                              void *context, struct pr_error *e);
/* By the hour (UTC) of the event and by currency, oldest first; at most limit. */
int pr_ledger_conversion_hours(pr_ledger *l, unsigned limit,
                               bool (*each)(void *context, int64_t hour_ms, uint64_t conversions,
                                            const struct pr_money *revenue),
                               void *context, struct pr_error *e);
/* Of one row (0: of all, by rows), until `each` returns false. Views. */
struct pr_converted {
	uint32_t row;
	uint8_t variant;
	int64_t at_ms;
	struct pr_conversion c;
};
int pr_ledger_each_conversion(pr_ledger *l, uint32_t row,
                              bool (*each)(void *context, const struct pr_converted *c),
                              void *context, struct pr_error *e);
/* 1: the row has that one; 0. */
int pr_ledger_has_conversion(pr_ledger *l, uint32_t row, uint64_t key, struct pr_error *e);

#endif
