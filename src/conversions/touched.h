/* Who has a touch in ledgers at rest, so that those of others need not be opened. Private. */
#ifndef CONVERSIONS_TOUCHED_H
#define CONVERSIONS_TOUCHED_H

#include "postrider/campaign/conversions.h"
#include "postrider/ledger.h"

#include <sys/stat.h>

/* The octets of a ledger and of its log, as the file system tells them. */
struct ledger_mark {
	uint64_t device, inode;
	int64_t octets, written_ns;
	int64_t log_octets, log_written_ns; /* 0, 0: no log, or an empty one */
};
/* log: NULL: there is none. */
struct ledger_mark ledger_mark_of(const struct stat *ledger, const struct stat *log);

/* Belongs to the lane. */
struct touched;
struct touched *touched_create(void);
void touched_destroy(struct touched *t); /* NULL: nothing */

/* Begins a round: ledgers that no round since the last one asked for may make room. */
void touched_round(struct touched *t);
/* Is it known who is in the ledger of that mark? */
bool touched_knows(struct touched *t, const struct ledger_mark *m);
/* False: nobody of that address, in any letter case, has a touch in it. */
bool touched_may_hold(struct touched *t, const struct ledger_mark *m, struct pr_str address);
/*
 * Reads who has clicks in it, and openings where the rule counts them. m: from before it was
 * opened, and long after it was written: then whatever is written later gets another mark. Nothing
 * is learned where the rule counts deliveries, where there are too many, or where reading fails.
 */
void touched_learn(struct touched *t, const struct ledger_mark *m, pr_ledger *l,
                   enum pr_touch_kind after);

#endif
