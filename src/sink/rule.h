/*
 * Fault rules: what the sink does wrong on purpose. A rule is a list of
 * key=value pairs (sink_rule_help lists them); for each event the first rule
 * that fires decides. Deterministic: the seed, the addresses and the order of
 * events are all that counts.
 */
#ifndef POSTRIDER_SINK_RULE_H
#define POSTRIDER_SINK_RULE_H

#include "postrider/base/error.h"
#include "postrider/base/hash.h"

/* Bits of sink_rule.on. */
enum sink_on {
	SINK_ON_CONNECT = 1 << 0,
	SINK_ON_EHLO = 1 << 1, /* and HELO */
	SINK_ON_MAIL = 1 << 2,
	SINK_ON_RCPT = 1 << 3,
	SINK_ON_DATA = 1 << 4, /* the command */
	SINK_ON_BODY = 1 << 5, /* the first octets behind 354 */
	SINK_ON_DOT = 1 << 6,  /* the end of a message: the final dot, or BDAT LAST */
	SINK_ON_BDAT = 1 << 7, /* a chunk that is not the last */
	SINK_ON_RSET = 1 << 8,
	SINK_ON_NOOP = 1 << 9,
	SINK_ON_QUIT = 1 << 10,
	SINK_ON_STARTTLS = 1 << 11,
	SINK_ON_HANDSHAKE = 1 << 12, /* the first octets of TLS */
	SINK_ON_AUTH = 1 << 13,      /* the last reply of an exchange that was right */
};
#define SINK_ON_ENVELOPE (SINK_ON_RCPT | SINK_ON_DATA | SINK_ON_BODY | SINK_ON_DOT | SINK_ON_BDAT)
#define SINK_ON_SENDER (SINK_ON_ENVELOPE | SINK_ON_MAIL)

enum sink_drop { SINK_DROP_UNSET, SINK_DROP_NO, SINK_DROP_BEFORE, SINK_DROP_AFTER };

#define SINK_STALL_FOREVER INT64_MAX
#define SINK_GARBAGE_MAX (1024 * 1024)
#define SINK_RULES_MAX 64
#define SINK_TRIES_MAX (8 * 1000 * 1000) /* recipients a rule with tries= can remember */

struct sink_rule {
	/* When. Zero or NULL: no such condition. */
	unsigned on;
	char *match, *from;     /* shell patterns on a recipient, on the sender */
	uint64_t share, chance; /* of 2^32: of addresses, of occurrences */
	bool has_share, has_chance;
	uint64_t after, times, every; /* occurrences to let pass; to fire at; one of so many */
	uint32_t tries;               /* attempts of each recipient to fire at */
	uint64_t messages;            /* the connection has had so many accepted */
	uint16_t port;                /* of the listener */
	/* What. */
	int code;    /* of the reply; 0: the usual reply */
	char *reply; /* all its octets with line ends; NULL: the usual reply */
	size_t reply_n;
	enum sink_drop drop;
	int64_t stall_us; /* the reply comes so much later */
	uint32_t slow;    /* octets a second; 0: at once */
	uint32_t garbage; /* octets of nonsense in place of the reply; 1: one short line */
	/* What happened. */
	uint64_t seen, fired;
	struct pr_map attempts; /* by hash of recipient: how many, as a pointer's value */
};

struct sink_rules {
	struct sink_rule *items;
	unsigned n;
	unsigned on; /* all events that any rule is about */
	uint64_t seed, sequence;
};

/* An event as the rules see it. */
struct sink_event {
	enum sink_on on;
	struct pr_str from;
	const char *rcpts; /* recipients it is about, each ended by NUL: one at RCPT */
	unsigned n_rcpts;
	uint64_t messages; /* accepted on this connection */
	uint16_t port;
};

/* Parse one specification and append it. */
int sink_rules_add(struct sink_rules *r, const char *spec, struct pr_error *e);
/* The rule that fires now, counted; NULL: none. */
const struct sink_rule *sink_rules_find(struct sink_rules *r, const struct sink_event *event);
void sink_rules_finish(struct sink_rules *r);

extern const char sink_rule_help[];

#endif
