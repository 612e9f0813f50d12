/*
 * `where`: some of the rows of an earlier campaign, by a condition over what became of them.
 *
 *   delivered and not opened and not clicked
 *
 * The condition is as condition.h has it, over one row for each recipient. Its columns, 1 or 0
 *   pending deferred delivered bounced suppressed skipped in_doubt cancelled   its state
 *   opened clicked           by a person: what machines did does not count
 *   opened_by_machine        only by machines
 *   converted unsubscribed complained
 * others
 *   opens clicks             how often, by people
 *   variant                  'a', 'b', ... or its name; NULL: none
 *   email domain             as they were sent to
 *   attempts code            how many; the last answer's, as 550
 *   days_since               whole days since the last attempt; NULL: there was none
 * and its function
 *   clicked_link('TEXT')     1 where a person followed a link whose address holds the text
 */
#ifndef POSTRIDER_LEDGER_WHERE_H
#define POSTRIDER_LEDGER_WHERE_H

#include "postrider/ledger.h"
#include "postrider/ledger/condition.h"

struct pr_where_ask {
	struct pr_str condition;
	const struct pr_str *variants; /* their names, in the order of their numbers */
	size_t variants_n;             /* 0: they are called a, b, ... */
	int64_t now_utc_ms;
	int64_t limit_ms; /* PR_ELIMIT then */
};

/* Only what can be said without a ledger. PR_EINVAL: the condition is wrong. */
int pr_where_check(struct pr_str condition, struct pr_error *e);
struct pr_where_counts {
	uint64_t rows;
	uint64_t machine; /* of these: opened, but only by machines */
};
int pr_where_count(pr_ledger *l, const struct pr_where_ask *ask, struct pr_where_counts *out,
                   struct pr_error *e);
/* In the order of rows; those of people who were erased are left out. `each`: 0, or a negative
 * code that ends it and is returned. machine: it was opened, but only by machines. Views. */
int pr_where_each(pr_ledger *l, const struct pr_where_ask *ask,
                  int (*each)(void *context, uint32_t row, struct pr_str email, struct pr_str data,
                              bool machine),
                  void *context, struct pr_error *e);

#endif
