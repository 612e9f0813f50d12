/*
 * Routes: how messages leave.
 *
 * Words
 *   route       a way out as postrider.yaml names it (struct pr_route)
 *   target      a route at work: where it leads (names looked up, addresses tried in turn)
 *               and the connections that lead there
 *   connection  one conversation with a target; takes envelopes one after another, with
 *               look-ahead where the protocol has it. What it tells is what an SMTP session
 *               tells (smtp.h), whatever the route: a Maildir answers 250 too.
 *
 * A connection that fails says so by `ended`, never by an error code; its owner judges by
 * the result (delivery/verdict.h) and opens another one when it likes. Everything here runs
 * on the loop's thread. What waits for the disk or for name look-ups does so on lanes of
 * the target's own.
 */
#ifndef POSTRIDER_ROUTES_H
#define POSTRIDER_ROUTES_H

#include "postrider/campaign/config.h"
#include "postrider/dns.h"
#include "postrider/loop.h"
#include "postrider/message.h"
#include "postrider/net.h"
#include "postrider/net/tls.h"
#include "postrider/smtp.h"

struct pr_route_target;
typedef struct pr_connection pr_connection;

struct pr_target_options {
	const char *hostname;     /* EHLO argument */
	unsigned messages_max;    /* per connection; 0: no limit */
	struct pr_address source; /* to connect from; n 0: any. Of the other family than the
	                           * peer's: that address of the peer is not tried */
	pr_tls *tls;              /* the process's; NULL: no TLS */
	pr_dns *dns;              /* the process's; via mx needs it */
	int tls_least;            /* enum pr_route_tls, when more than the route says: shaping */
	bool no_opportunistic;    /* TLS is broken there: not where it is merely welcome */
	bool no_chunking, no_lookahead;
	int64_t idle_ms;            /* a connection without a message ends; 0: 5 s */
	int64_t connect_timeout_ms; /* per address; 0: 30 s */
	/* Of the protocol; 0: those of RFC 5321. Tests shorten them. */
	int64_t timeout_banner_ms, timeout_command_ms, timeout_data_ms, timeout_block_ms,
	    timeout_dot_ms;
};

/* Connect from `source`: the name of one of the configuration's, then by its hostname, too; or an
 * address. PR_EINVAL: it is neither. hostname is a view of the configuration. */
int pr_target_source(struct pr_target_options *o, const struct pr_config *config,
                     const char *source);

/* How much TLS a receiver is known to want, and whether it bears CHUNKING (shaping.h): tls_least,
 * no_opportunistic, no_chunking. Where there is no TLS none is asked for. */
struct pr_shaping_policy;
void pr_target_shape(struct pr_target_options *o, const struct pr_shaping_policy *policy);

/* Whether the file of its password or key can be read by the user who asks now, and is that
 * user's or root's (base/secret.h). PR_EINVAL: told. */
int pr_route_secret_check(const struct pr_config *config, const struct pr_route *route,
                          struct pr_problems *problems);

/* route and options are copied. PR_EUNAVAILABLE for what is not built yet (TLS), PR_EINVAL
 * for a host that is none; system errors of its lane or folder. Connects nowhere yet. */
int pr_target_open(pr_loop *loop, const struct pr_route *route,
                   const struct pr_target_options *options, struct pr_route_target **out,
                   struct pr_error *e);
/* All its connections have ended. Waits for a look-up that is under way. */
void pr_target_close(struct pr_route_target *t);
/* Whether the route leads elsewhere, or otherwise, than t does: a reload needs a new target. */
bool pr_target_differs(const struct pr_route_target *t, const struct pr_route *route,
                       const struct pr_target_options *options);

/*
 * via mx: where it leads is the owner's to say, and to say again when it changes: the mail
 * exchangers of a site (RFC 5321 section 5.1), best first; equal preferences are taken in an order
 * of each connection's own. Copied. Their addresses, and TLSA records where the resolver is
 * trusted, are looked up by the connection, one exchanger after the other. An address that did
 * not answer is passed over for a while, as long as others are left.
 */
#define PR_EXCHANGERS_MAX 32
struct pr_exchanger {
	const char *name; /* A-label host name, or an address literal's "192.0.2.1" */
	unsigned preference;
	bool secure;   /* by DNSSEC: the MX records that named it (RFC 7672 section 2.2.1) */
	bool verified; /* a certificate for its name is a must: MTA-STS (RFC 8461) in enforce */
};
/* Those of a domain (PR_MX_OK) that its MTA-STS policy lets be used (RFC 8461 section 5); NULL: it
 * has none. How many; names are views of mx. */
size_t pr_exchangers_of(const struct pr_mx *mx, const struct pr_sts_policy *policy,
                        struct pr_exchanger out[PR_EXCHANGERS_MAX]);
void pr_target_lead(struct pr_route_target *t, const struct pr_exchanger *exchangers, size_t n);
/* What the last peer offered (PR_SMTP_...); 0: not known. */
unsigned pr_target_offers(const struct pr_route_target *t);
/* For later connections: how many messages each takes, 0: any number; and that CHUNKING or
 * look-ahead turned out to be more than the peer bears. */
void pr_target_limit(struct pr_route_target *t, unsigned messages_max);
void pr_target_forgo(struct pr_route_target *t, bool chunking, bool lookahead);

static inline struct pr_envelope
pr_envelope_of(const struct pr_message *m) /* a view of it */
{
	return (struct pr_envelope){.from = m->from,
	                            .to = m->to,
	                            .data = m->data,
	                            .size = m->size,
	                            .tail = m->tail.p,
	                            .tail_n = m->tail.n,
	                            .dots = m->dots,
	                            .eight_bit = m->eight_bit,
	                            .smtputf8 = m->smtputf8};
}

struct pr_connection_events {
	/* As in struct pr_smtp_events: a message, or NULL and later pr_connection_wake. The first
	 * call says that the connection is live (EHLO accepted). */
	struct pr_envelope *(*next)(void *context);
	/* The last octets leave at the end of this turn, after the journal. */
	void (*wire)(void *context, struct pr_envelope *m);
	/* Exactly one of these for each envelope taken; see struct pr_smtp_events. */
	void (*result)(void *context, struct pr_envelope *m, const struct pr_smtp_result *r);
	void (*returned)(void *context, struct pr_envelope *m);
	/* Last, once. The connection is gone when this returns: never name it again. Before the
	 * loop is destroyed it must turn once more. */
	void (*ended)(void *context, const struct pr_smtp_result *r);
};

/* Never fails at once and calls nothing back before it returns. events are copied. */
pr_connection *pr_connection_open(struct pr_route_target *t,
                                  const struct pr_connection_events *events, void *context);
void pr_connection_wake(pr_connection *c); /* there may be a message now */
void pr_connection_quit(pr_connection *c); /* take no more; end what runs; leave politely */
/* Drop it now: what is not answered is returned or in doubt. All callbacks, ended too, come
 * before this returns; when called from within one of them, right after that one. `why` is
 * kept as a pointer until then. */
void pr_connection_abort(pr_connection *c, const char *why);

unsigned pr_connection_accepted(const pr_connection *c); /* messages so far */
/* Who answers, for results.csv: "mail.example[192.0.2.1]", "192.0.2.1", a path. Valid as long
 * as the connection; "" before it is known. */
const char *pr_connection_peer(const pr_connection *c);

/* TLS of all connections so far, by the result types of RFC 8460 section 4.3: handshakes, and where
 * there was none for want of STARTTLS though TLS is a must. */
#define PR_ROUTES_TLS_TYPES 6
struct pr_routes_tls_counts {
	uint64_t successes, failures[PR_ROUTES_TLS_TYPES];
};
const struct pr_routes_tls_counts *pr_routes_tls_counts(void);
const char *pr_routes_tls_type(unsigned i); /* "certificate-expired" */
/* The same of a target's connections, added to sum. Not of via esmtp: libesmtp does not tell. */
void pr_target_tls_counts(const struct pr_route_target *t, struct pr_routes_tls_counts *sum);

#endif
