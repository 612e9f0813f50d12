/*
 * Series: who is under way in a campaign that has a trigger, in its ledger. Rows come to such a
 * ledger one by one, each with the step it is for.
 *
 * Words
 *   person      a keyed hash of an address, whatever its letter case
 *   occurrence  what somebody entered for, as a number: a day, the time of an event. The same
 * person enters once for each step        the next message for somebody, from 1 end         why
 * there is none any more inside      the contacts that are in the segment of a trigger, as of the
 * last look
 *
 * Whoever enters, and the row of a message with the step that comes behind it, is written in one
 * transaction: killed at any moment, nobody enters twice and no step is lost or repeated.
 *
 * Errors as in ledger.h. FOLD, where it is not said otherwise.
 */
#ifndef POSTRIDER_LEDGER_SERIES_H
#define POSTRIDER_LEDGER_SERIES_H

#include "postrider/ledger.h"

#define PR_SERIES_STEPS_MAX 16u

enum pr_series_end { /* stored: append only */
	             PR_SERIES_UNDER_WAY = 0,
	             PR_SERIES_THROUGH = 1, /* got its last message */
	             PR_SERIES_DID = 2,     /* what it was about: an event of trigger.exit */
	             PR_SERIES_LEFT = 3,    /* is not in the audience, or the segment, any more */
	             PR_SERIES_SUPPRESSED = 4, /* unsubscribed, complained */
	             PR_SERIES_BOUNCED = 5,
	             PR_SERIES_GONE = 6, /* no contact any more */
	             PR_SERIES_CANCELLED = 7,
	             PR_SERIES_ENDS
};
const char *pr_series_end_word(enum pr_series_end end); /* "through" */

uint64_t pr_series_person(const pr_ledger *l, struct pr_str address); /* any mode */

/* ---- entering ---- */

struct pr_series_entry {
	uint64_t person;
	int64_t occurrence, contact; /* contact: its id in the audience */
	int64_t due_ms;              /* UTC: of the first step */
};
struct pr_series_entering {
	const struct pr_series_entry *entries;
	size_t n;
	const int64_t *inside, *outside; /* contacts that came into the segment, and left it */
	size_t inside_n, outside_n;
	int64_t seen;  /* kept as PR_FACT_SERIES_SEEN; below 0: as it was */
	unsigned step; /* the first */
	int64_t now_ms;
	int64_t again_ms; /* not who entered less than that ago; 0: everybody */
	size_t entered;   /* made */
};
#define PR_FACT_SERIES_SEEN "series_seen"
int pr_series_enter(pr_ledger *l, struct pr_series_entering *in, struct pr_error *e);
/* 1: entered for that already; any mode. */
int pr_series_has(pr_ledger *l, uint64_t person, int64_t occurrence, struct pr_error *e);
/* The fact; -1: never. Any mode. */
int64_t pr_series_seen(pr_ledger *l);
/* Those inside behind `after` (0: from the first), by id, at most max, into out; *n: how many. Any
 * mode. */
int pr_series_inside(pr_ledger *l, int64_t after, int64_t *out, size_t max, size_t *n,
                     struct pr_error *e);

/* ---- steps ---- */

struct pr_series_plan { /* [0] is step 1 */
	unsigned n;
	int64_t after_ms[PR_SERIES_STEPS_MAX];
	bool skip[PR_SERIES_STEPS_MAX];
};
unsigned pr_series_next(const struct pr_series_plan *p, unsigned step); /* behind it; 0: none */

struct pr_series_tally { /* people; of[PR_SERIES_UNDER_WAY]: those who are */
	uint64_t of[PR_SERIES_ENDS];
	uint32_t coupons; /* codes that were given away */
};
void pr_series_cancel(struct pr_series_tally *t); /* the campaign has ended for who is under way */
struct pr_series_due {
	uint64_t person;
	int64_t occurrence, contact, entered_ms;
	unsigned step;
	uint32_t
	    coupon; /* the code of its messages, by its place in the file from 1; 0: none yet */
};
struct pr_series_asked {
	struct pr_series_due *due; /* room for `max` */
	size_t max, n;
	bool more;                    /* there may be: ask again at once */
	int64_t next_ms;              /* UTC: the next one; 0: none */
	struct pr_series_tally ended; /* for what became of the message before */
};
/*
 * Whose step is due at now_ms, earliest first. Whose last message has no outcome yet is put off for
 * a while; whose was accepted later than thought, until its time; whose could not be delivered is
 * ended. Rows of outcomes that are not folded count as they were before.
 */
int pr_series_ask(pr_ledger *l, const struct pr_series_plan *p, int64_t now_ms,
                  struct pr_series_asked *a, struct pr_error *e);

struct pr_series_move {
	struct pr_series_due of;  /* with the code it has from now on */
	bool waits;               /* nothing happens to it yet */
	enum pr_series_end end;   /* else UNDER_WAY: `row` is added, and the next step begins */
	struct pr_ledger_new row; /* its number is made; pending, or skipped with a reason */
};
struct pr_series_moved {
	uint64_t pending, skipped; /* rows */
	struct pr_series_tally ended;
};
/* Somebody who was erased meanwhile gets nothing; after a mark nobody does. variants: rows get
 * their step as variant. */
int pr_series_move(pr_ledger *l, const struct pr_series_plan *p, struct pr_series_move *moves,
                   size_t n, int64_t now_ms, bool variants, struct pr_series_moved *out,
                   struct pr_error *e);

/* ---- what is known ---- */

/* Codes that were given away: the first so many. Any mode. */
uint32_t pr_series_coupons(pr_ledger *l);

/* Looks at all of them; after a mark nobody is under way. Any mode. */
int pr_series_tally(pr_ledger *l, struct pr_series_tally *out, struct pr_error *e);

#endif
