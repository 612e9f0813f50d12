/*
 * An SMTP session over TCP, in clear or TLS: what routes to one next server and to mail
 * exchangers have in common. The kind says which address is next; all else is here.
 *
 *   next_hop -> connect [-> TLS] -> the session speaks -> ended -> stream closed
 *      ^___________|___________|  did not come about: the next one
 */
#ifndef POSTRIDER_ROUTES_WIRE_H
#define POSTRIDER_ROUTES_WIRE_H

#include "internal.h"
#include "postrider/net.h"
#include "postrider/net/tls.h"

#define WIRE_TLSA_MAX 16

/* Where to connect, and how. */
struct hop {
	struct pr_address address;
	char name[256]; /* of the host: SNI, and what its certificate must name; by TLSA
	                 * records the name they are of (RFC 7672 section 2.2.3) */
	int tls;        /* enum pr_route_tls */
	bool dane;      /* by these; tls is at least required */
	struct pr_tlsa tlsa[WIRE_TLSA_MAX];
	size_t tlsa_n;
};

struct wire {
	pr_connection base;
	const struct wire_kind *kind;
	struct hop hop;
	pr_stream *stream; /* NULL: none, or gone */
	pr_smtp *smtp;     /* NULL: nobody to talk to yet, or it is over */
	struct pr_timer timer;
	int64_t due_ms; /* of the timer while it runs */
	bool begun;     /* the first hop is being looked for, or was */
	bool in_clear;  /* TLS with this peer is known to be broken, and not a must */
	bool aborted;   /* by its owner, or to end soon: no other hop */
	bool over;
	char why[600];
	struct pr_smtp_result last; /* how the last hop ended the talk, when it did */
	char last_text[300];
};

struct wire_kind {
	/* The next address: calls wire_connect, or wire_give_up, at once or later. */
	void (*next_hop)(struct wire *w);
	/* It was reached. */
	void (*reached)(struct wire *w);
	/* It was not, for w->why. */
	void (*missed)(struct wire *w);
	bool goes_on; /* a hop that refuses before any message: the next one is tried */
	/* Nothing travels behind a chunk: strangers refuse recipients every day, and one that keeps
	 * its sender until RSET would take the next message under it. */
	bool chunk_alone;
	void (*forget)(struct wire *w); /* of look-ups under way: the connection ends */
};

static inline struct wire *
wire_of(pr_connection *c)
{
	return PR_CONTAINER(c, struct wire, base);
}

void wire_init(struct wire *w, const struct wire_kind *kind, struct pr_route_target *t);
void wire_connect(struct wire *w); /* to w->hop */
/* There is no other address. */
void wire_give_up(struct wire *w, const char *why);

/* For the table of the kind. */
void wire_begin(pr_connection *base);
void wire_wake(pr_connection *base);
void wire_quit(pr_connection *base);
void wire_abort(pr_connection *base, const char *why);
unsigned wire_accepted(const pr_connection *c);

#endif
