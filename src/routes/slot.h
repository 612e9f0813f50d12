/*
 * Slots: connections that hold one message at a time, which is worked on off the loop: by a thread
 * that blocks, or by libcurl's. What is the same for all of them; a kind says the rest.
 *
 *   begin -> next -> load, wire mark -> (NET phase) work -> slot_done -> next ...
 *
 * The wire mark is set when the message is taken and the work begins in the NET phase, when the
 * mark is on disk: coarser than native SMTP, where it is set before the last octets only. After a
 * power cut a message may thus be in doubt that never left.
 */
#ifndef POSTRIDER_ROUTES_SLOT_H
#define POSTRIDER_ROUTES_SLOT_H

#include "internal.h"

struct slot;
struct slot_kind {
	/* Why such a message cannot go this way at all; NULL: it can. NULL: they all can. */
	const char *(*unfit)(const struct pr_envelope *m);
	/* Copy what the work needs: the envelope may be gone while it runs. */
	void (*load)(struct slot *s, const struct pr_envelope *m);
	/* Begin; slot_done is called once, later. */
	void (*work)(struct slot *s);
	void (*free)(struct slot *s);
};

struct slot {
	pr_connection base; /* first */
	const struct slot_kind *kind;
	struct pr_timer timer; /* begins, ends when idle, frees */
	struct pr_turn_hook hand_over;
	struct pr_envelope *m; /* the owner's, until it has its result */
	bool running;          /* what load filled is the work's, untouched by the loop */
	unsigned accepted;
	bool begun, asking, quitting, ended;
};

/* s is zeroed memory of the kind's; peer: who answers. */
void slot_init(struct slot *s, const struct slot_kind *kind, pr_loop *loop, const char *peer);
/* What the work came to. tried false: it failed before the message was of any interest; that goes
 * back unblamed, and the connection ends by r. It also ends when r has no answer. The slot may be
 * gone when this returns. */
void slot_done(struct slot *s, bool tried, const struct pr_smtp_result *r);

/* Of pr_route_ops. An abort leaves the work to its own times. */
void slot_begin(pr_connection *c);
void slot_wake(pr_connection *c);
void slot_quit(pr_connection *c);
void slot_abort(pr_connection *c, const char *why);
unsigned slot_accepted(const pr_connection *c);
#define SLOT_OPS                                                                                   \
	.begin = slot_begin, .wake = slot_wake, .quit = slot_quit, .abort = slot_abort,            \
	.accepted = slot_accepted

#endif
