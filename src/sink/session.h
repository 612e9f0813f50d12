/*
 * One connection of a client, without its socket: octets in, replies out
 * (through sink_out), time as an argument. RFC 5321 with PIPELINING (RFC 2920),
 * CHUNKING (RFC 3030), STARTTLS (RFC 3207), AUTH (RFC 4954), SIZE, 8BITMIME,
 * SMTPUTF8, DSN's parameters and fault rules in between.
 *
 *	commands --MAIL RCPT DATA, 354--> data --dot--> commands
 *	         --BDAT--> chunk --its octets--> commands ... BDAT LAST ends a message
 *	         --AUTH, 334--> auth --its line--> commands
 *	         --STARTTLS, 220--> handshake --sink_session_secured--> commands
 *	any      --a rule drops or stalls, QUIT, 421--> deaf (input is thrown away)
 *
 * Input is taken as it comes, and rules, Maildir and log act at once; only the
 * replies wait for their time.
 */
#ifndef POSTRIDER_SINK_SESSION_H
#define POSTRIDER_SINK_SESSION_H

#include "sink/command.h"
#include "sink/header.h"
#include "sink/maildir.h"
#include "sink/out.h"
#include "sink/scan.h"
#include "sink/sink.h"

struct sink_session {
	struct sink *sink;
	struct sink_out out;
	uint64_t id;    /* from 1 */
	uint16_t port;  /* of the listener */
	int64_t now_us; /* when what is being read arrived */

	enum {
		SINK_COMMANDS,
		SINK_DATA_OCTETS,
		SINK_CHUNK_OCTETS,
		SINK_AUTH_LINE,
		SINK_HANDSHAKE,
		SINK_DEAF
	} phase;
	bool implicit; /* TLS is the first thing, and the greeting waits for the end of the
	                  handshake */
	struct sink_secured secured; /* protocol NULL: not */
	struct sink_auth {
		enum { SINK_AUTH_PLAIN, SINK_AUTH_LOGIN, SINK_AUTH_PASSWORD, SINK_AUTH_CRAM } step;
		char challenge[80]; /* CRAM-MD5 */
		char user[256];     /* LOGIN: was given */
		bool done;
	} auth;
	bool unwelcome; /* greeted with a refusal: only QUIT is left */
	bool esmtp, hello;
	bool overlong;      /* within a line that is too long: skipped to its LF */
	bool alone;         /* the last command had to be the last of its group */
	struct pr_buf line; /* a command line not yet complete */
	uint64_t messages;

	/* The transaction. */
	bool mail, smtputf8, chunked;
	struct pr_buf from, rcpts; /* rcpts: each ended by NUL */
	unsigned n_rcpts;

	/* The message in it. */
	struct sink_scan scan;
	struct sink_header header;
	struct sink_mail kept;
	uint64_t octets, chunk_left;
	bool chunk_last, chunk_void; /* void: its octets are thrown away */
	bool body_seen;
	struct pr_buf scratch; /* a reply being made */
};

void sink_session_begin(struct sink_session *s, struct sink *sink, uint64_t id, uint16_t port,
                        int64_t now_us); /* queues the greeting */
void sink_session_input(struct sink_session *s, const char *p, size_t n, int64_t now_us);
/* While the phase is SINK_HANDSHAKE the owner keeps the octets from the session. The first
 * of TLS have come: false: a rule answers them, in the clear. */
bool sink_session_handshake(struct sink_session *s, int64_t now_us);
/* The handshake is done: what was said before is forgotten (RFC 3207, 4.2). */
void sink_session_secured(struct sink_session *s, const struct sink_secured *secured);
void sink_session_finish(struct sink_session *s);

/* ---- between the session's own files ---- */

/* What a command will be answered, and whether a rule plays a part. */
struct sink_answer {
	int code;
	const char *enhanced; /* "2.1.0"; NULL: none */
	const char *text;     /* lines parted by \n */
	const struct sink_rule *rule;
};

/* Ask the rules, where the usual answer is a yes. rcpts as in sink_event. */
struct sink_answer sink_session_decide(struct sink_session *s, enum sink_on on, const char *rcpts,
                                       unsigned n_rcpts, struct sink_answer usual);
/* Queue it, with what the rule does to it; true: the command takes effect. */
bool sink_session_give(struct sink_session *s, const struct sink_answer *a);
/* The reply will reach the client (later perhaps) as a reply. */
bool sink_session_reaches(const struct sink_answer *a);

void sink_session_command(struct sink_session *s, struct pr_str line);

/* auth.c */
void sink_auth_begin(struct sink_session *s, struct pr_str argument);
void sink_auth_line(struct sink_session *s, struct pr_str line);
/* Offered now: there is a password, and nobody on the line reads it. */
bool sink_auth_offered(const struct sink_session *s);
void sink_session_log(struct sink_session *s, const char *verb, struct pr_str argument, int code);
void sink_session_reset(struct sink_session *s); /* forget the transaction */

/* message.c */
void sink_message_begin(struct sink_session *s);
void sink_message_add(struct sink_session *s, struct pr_str octets);
void sink_message_end(struct sink_session *s);       /* the final dot, or the last chunk */
void sink_message_chunk_end(struct sink_session *s); /* all octets of a chunk are here */
void sink_message_abandon(struct sink_session *s);
void sink_message_body(struct sink_session *s); /* rules on the first octets behind 354 */

#endif
