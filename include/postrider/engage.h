/*
 * Engagement reaches contacts: who reads the journal for what recipients of campaigns did, and puts
 * it to the contacts they are (audience/engaged.h).
 *
 *   journal -> which rows have something new -> their ledgers, which know people from machines
 *           -> events of contacts and the position, one transaction of the audience's desk
 *
 * A click of a person is also an opening, where there was none before it: pictures may be off.
 *
 * Of deliveries a contact has the latest ("sent"). They are as many as messages, so they are read
 * apart, and slowly while mail goes out: seconds to minutes later.
 *
 * How it fails. Killed at any moment: rows of the batch at hand are read and put again, which
 * changes nothing that is there. It reads no further than ledgers are folded, so it never says
 * other than they do. A campaign whose folder is gone is passed over: nobody knows its addresses.
 * Where there are no contacts nothing is read at all.
 */
#ifndef POSTRIDER_ENGAGE_H
#define POSTRIDER_ENGAGE_H

#include "postrider/audience.h"
#include "postrider/campaign/config.h"
#include "postrider/delivery.h"
#include "postrider/journal.h"

typedef struct pr_engage pr_engage;

struct pr_engage_options {
	pr_loop *loop;
	const struct pr_config *config; /* spool and state: they change with a restart only */
	pr_delivery *delivery;
	pr_journal *journal;
	const char *journal_dir;
	pr_audience_desk *audience;
};

/* Goes on where audience.db says that it stood. Texts are copied. */
int pr_engage_open(const struct pr_engage_options *options, pr_engage **out, struct pr_error *e);
void pr_engage_reload(pr_engage *g, const struct pr_config *config);
/* Nothing is begun any more. */
void pr_engage_stop(pr_engage *g);
/* After the audience's desk was stopped: turns the loop until what was under way has ended. */
void pr_engage_settle(pr_engage *g);
void pr_engage_close(pr_engage *g); /* NULL: nothing */

/* What the journal must keep: a restart would read from there. */
uint64_t pr_engage_needs(const pr_engage *g);

struct pr_engage_counts {
	uint64_t behind;            /* octets of the journal not looked at yet */
	uint64_t deliveries_behind; /* the same, for deliveries */
	uint64_t added, removed;    /* events, since the start; deliveries aside */
};
void pr_engage_counts(const pr_engage *g, struct pr_engage_counts *out);

#endif
