/*
 * Segments: some of the contacts, by a condition over what is known of them.
 *
 *   points > 100 AND in_list('vip') AND days_since('order') < 30
 *
 * The condition is an expression of SQLite (sqlite.org/lang_expr.html) over one row for each
 * contact; NULL is not true. Its columns
 *   email timezone language   text, NULL where not known
 *   created updated           days, as 2027-01-31
 *   NAME                      each attribute; booleans are 1 and 0, dates text that sorts by time
 *   recency frequency monetary  1 to 5: the fifth of all customers by last order, number of
 *                             orders, revenue; 5 is best; equal ones are all in the lowest fifth
 *                             that one of them is in; NULL who has never ordered
 *   stage       'new' (one order, within 90 days), 'active' (the last within 90 days), 'won_back'
 *               (the same, after a pause of more than 365), 'occasional' (within 180), 'at_risk'
 *               (within 365), 'lost'; NULL who has never ordered
 *   value       revenue a year since the first order, which counts as a year at least
 *   engagement  0 to 100: points of events (order 10, review and signup 5, open 1, others 3;
 *               unsubscribe, complaint, bounce and sent none), each of which halves every 30 days
 * and its functions
 *   in_list('NAME')           1 or 0
 *   days_since('EVENT')       whole days since the last one; NULL: there was none
 *   count('EVENT'[, DAYS])    how many, within so many days
 *   sum('EVENT'[, DAYS])      their amounts
 *   abs coalesce date glob ifnull iif instr julianday length like lower ltrim max min nullif
 *   replace round rtrim strftime substr trim upper     as SQLite has them
 *
 * It reads and does nothing else: no statements, no SELECT of its own, no other table; SQLite's
 * authoriser says so once more. It is stopped when its time is over. What is wrong in it is said
 * with its place, the first character is 1.
 */
#ifndef POSTRIDER_AUDIENCE_SEGMENT_H
#define POSTRIDER_AUDIENCE_SEGMENT_H

#include "postrider/audience.h"
#include "postrider/ledger/condition.h"

#define PR_SEGMENT_TEXT_MAX PR_CONDITION_TEXT_MAX /* octets of a condition */

struct pr_segment_ask {
	struct pr_str condition;
	int64_t now_utc_ms;
	int64_t limit_ms; /* how long it may take: PR_ELIMIT then */
};

/* Only what can be said without a store: words, brackets, the arguments of functions. PR_EINVAL. */
int pr_segment_check(struct pr_str condition, struct pr_error *e);
/* PR_EINVAL: the condition is wrong. */
int pr_segment_count(pr_audience *a, const struct pr_segment_ask *ask, uint64_t *out,
                     struct pr_error *e);
/* Those behind the contact `after` (0: from the first), by id, at most `limit`; `each` returns
 * false to stop. */
int pr_segment_each(pr_audience *a, const struct pr_segment_ask *ask, int64_t after, uint64_t limit,
                    bool (*each)(void *context, int64_t id, struct pr_str address), void *context,
                    struct pr_error *e);
/* The names it uses that are in no list and no event yet: `each` once for each, "list x". */
int pr_segment_unknown(pr_audience *a, struct pr_str condition,
                       bool (*each)(void *context, const char *kind, struct pr_str name),
                       void *context, struct pr_error *e);

#endif
