/*
 * Conversions: what customers did, put into the audience as events of theirs, and credited to the
 * campaign that touched them last.
 *
 * Words
 *   order    what somebody brings: events, and perhaps for each a token of the row it is about
 *   touch    what a person has of a campaign (conversions/attribute.h)
 *   credit   the row an event goes to: found when the event is new, and kept with it for good
 *            (audience/track.h)
 *
 * Lives on the loop's thread; looks for touches on a lane of its own, over the ledgers of campaigns
 * under way and of those that have ended. What was answered is durable: the events in audience.db,
 * the conversions in the journal. The same order brought again changes nothing.
 *
 * Opened behind delivery and the audience's desk; stopped before the desk, closed after the
 * journal.
 */
#ifndef POSTRIDER_CONVERSIONS_H
#define POSTRIDER_CONVERSIONS_H

#include "postrider/audience/track.h"
#include "postrider/delivery.h"
#include "postrider/message/token.h"

typedef struct pr_conversions_desk pr_conversions_desk;

struct pr_conversions_options {
	pr_loop *loop;
	const struct pr_config *config; /* lives as long as the room, as those of reloads do */
	pr_delivery *delivery;
	pr_journal *journal;
	pr_audience_desk *audience;
	const char *state_path; /* state.db */
};

int pr_conversions_open(const struct pr_conversions_options *options, pr_conversions_desk **out,
                        struct pr_error *e);
void pr_conversions_reload(pr_conversions_desk *d, const struct pr_config *config);
/* Nothing is begun any more: orders that wait are answered PR_ESTATE. */
void pr_conversions_stop(pr_conversions_desk *d);
/* After the audience's desk was stopped: turns the loop until what was under way is answered. */
void pr_conversions_settle(pr_conversions_desk *d);
void pr_conversions_close(pr_conversions_desk *d);

#define PR_ORDER_EVENTS_MAX 100000u

/* The caller's until done, with all that it points to. */
struct pr_order {
	/* Those of a contact one behind the other. One with a token may have no address: then the
	 * row's is put there (out: a view of the order's). */
	struct pr_customer_event *events;
	size_t n;
	/* n, or NULL: no event has one. campaign 0: this one has none. Signed ones only. */
	const struct pr_token *tokens;
	/* For the audit line of the whole order; by NULL: none is written. */
	const char *by, *source;
	uint32_t uid;
	/*
	 * On the loop, once. 0: durable; PR_ENOENT: the one event's token names a row that is not
	 * there any more, and there is no address either; negative: e tells why, nothing was
	 * answered, and it may be brought again.
	 */
	void (*done)(struct pr_order *o, int result, const struct pr_error *e);
	/* made: */
	uint64_t added, there, made; /* as in struct pr_event_batch */
	uint64_t credited;           /* those that go to a campaign, whether they are new or not */
	uint64_t told;               /* of these: those that the campaign had not heard of before */
	bool *forgotten;             /* n: who was left out; the desk's, until done returns */
	/* the desk's: */
	struct pr_list link;
	struct pr_arena arena;
	struct pr_event_batch batch;
	int64_t asked_ms;
	uint64_t asked_lsn;
	int result;
};
/* PR_EAGAIN at once, by done, when too many wait. */
void pr_conversions_order(pr_conversions_desk *d, struct pr_order *o);

struct pr_conversions_counts { /* since the start */
	uint64_t events, credited;
	unsigned waiting;
};
void pr_conversions_counts(const pr_conversions_desk *d, struct pr_conversions_counts *out);

#endif
