/*
 * Privacy: a person is forgotten. Everything under spool and state that holds their address is
 * erased; what stays is that somebody was there.
 *
 *   order   noted durably (state.db), so that a crash or an end loses none: the next start goes on
 *   close   the address is suppressed for good, as a hash (audience.h): nothing of it begins
 *   settle  what campaigns under way have not sent to it becomes suppressed
 *   erase   ledgers, what was made of them, the journal, databases, mails that came back
 *   done    the note is erased, too; the answer says what was done and what is out of reach
 *
 * The hash is a tombstone: rows of an import that it covers never get an address, and when a folder
 * comes back from a backup the next start finds whom it names and forgets them again (sweep).
 *
 * What it cannot reach is listed in the answer, with each file in which the address is still found.
 */
#ifndef POSTRIDER_PRIVACY_H
#define POSTRIDER_PRIVACY_H

#include "postrider/audience.h"
#include "postrider/campaign/address.h"
#include "postrider/campaign/config.h"
#include "postrider/delivery.h"
#include "postrider/journal.h"
#include "postrider/statedb.h"

typedef struct pr_privacy pr_privacy;

struct pr_privacy_options {
	pr_loop *loop;
	const struct pr_config *config; /* spool and state: they change with a restart only */
	pr_delivery *delivery;
	pr_journal *journal;
	const char *journal_dir;
	pr_audience_desk *audience;
	struct pr_statedb *statedb; /* a connection for this room alone; closed by its owner */
};

/* Takes up orders that were not finished, and begins to sweep. */
int pr_privacy_open(const struct pr_privacy_options *options, pr_privacy **out, struct pr_error *e);
/* Who waits is answered: the next start goes on. Nothing may be ordered any more. */
void pr_privacy_stop(pr_privacy *p);
void pr_privacy_close(pr_privacy *p); /* stopped before, or now */

struct pr_forget_order { /* the caller's until done */
	struct pr_mailbox who;
	const char *by; /* user name, for the audit */
	uint32_t uid;
	/* On the loop. 0: all was done that can be; negative: text tells why not yet. */
	void (*done)(struct pr_forget_order *o, int result, const char *text);
	/* made: sentences of one line, each ended by a newline; views until done returns */
	struct pr_str did, left;
	uint64_t rows, campaigns; /* that were erased, and in how many */
	struct pr_list link;      /* the room's */
};
/* One after the other. The same again does no harm. */
void pr_privacy_forget(pr_privacy *p, struct pr_forget_order *o);

/* Files under spool and state that name the address, databases and the journal aside, by their
 * paths: any thread. */
void pr_privacy_each_file(const struct pr_config *config, const struct pr_trace *t,
                          void (*each)(void *context, const char *path), void *context);

/* What never can be reached, one sentence each; ended by NULL. */
extern const char *const pr_privacy_out_of_reach[];

#endif
