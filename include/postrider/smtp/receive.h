/*
 * The receiving side of SMTP (RFC 5321), for the few mails that come back to us: never a relay.
 * Pure: octets in, octets out; who drives it has the socket, the time and the decision on each
 * mail.
 *
 *   greeting -> EHLO -> MAIL -> RCPT ... -> DATA -> "." -> `mail` -> pr_receive_answer -> MAIL ...
 *
 * It offers SIZE, PIPELINING, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES and, where there is a
 * certificate, STARTTLS. Only CRLF ends a line and only CRLF.CRLF a mail: one that holds a bare CR
 * or LF is refused whole, so that nobody after us reads another end into it. Lines, mails,
 * recipients, errors and what a peer sends ahead are bounded. VRFY and EXPN tell nothing.
 */
#ifndef POSTRIDER_SMTP_RECEIVE_H
#define POSTRIDER_SMTP_RECEIVE_H

#include "postrider/base/buf.h"

#define PR_RECEIVE_COMMAND_MAX 1024u /* octets of a command's line */
#define PR_RECEIVE_LINE_MAX 8192u    /* of a line of a mail; RFC 5321 asks for 1000 */
#define PR_RECEIVE_RECIPIENTS_MAX 20u
#define PR_RECEIVE_ERRORS_MAX 10u        /* of a session */
#define PR_RECEIVE_MAILS_MAX 1000u       /* of a session */
#define PR_RECEIVE_AHEAD_MAX (64u << 10) /* octets behind a mail that is being decided on */

struct pr_received {
	struct pr_str from; /* reverse-path; empty: <> */
	const struct pr_str *to;
	size_t n;
	struct pr_str octets; /* without stuffed dots */
};

struct pr_receive_options {
	const char *hostname;
	size_t size_max;
	bool offers_tls;
	/* May a mail begin now? Else 451, and the peer comes again. */
	bool (*may_begin)(void *context);
	/* Whether it is one of our addresses; "postmaster" may come without a domain. */
	bool (*is_ours)(void *context, struct pr_str address);
	/* A whole mail; valid until it is answered, which may be done at once. */
	void (*mail)(void *context, const struct pr_received *mail);
	void *context;
};

/* What it waits for. */
enum pr_receive_wants {
	PR_RECEIVE_OCTETS,
	PR_RECEIVE_ANSWER, /* to the mail; more may be fed */
	PR_RECEIVE_TLS,    /* once what it said has left: the handshake, then pr_receive_secured */
	PR_RECEIVE_END,    /* once what it said has left: the connection's end */
};

typedef struct pr_receive pr_receive;

/* Says the greeting, or with `busy` that there is no room (421). Options are copied, hostname is
 * not. */
pr_receive *pr_receive_create(const struct pr_receive_options *options, bool busy);
void pr_receive_destroy(pr_receive *r);
enum pr_receive_wants pr_receive_wants(const pr_receive *r);
/* What it has to say: the caller's to send and to empty. */
struct pr_buf *pr_receive_out(pr_receive *r);
void pr_receive_feed(pr_receive *r, const char *octets, size_t n);

enum pr_receive_verdict {
	PR_RECEIVE_TAKEN, /* 250 */
	PR_RECEIVE_LATER, /* 451: the peer keeps it and comes again */
};
void pr_receive_answer(pr_receive *r, enum pr_receive_verdict verdict);
void pr_receive_secured(pr_receive *r); /* what was said before counts for nothing */
/* The peer is too slow, or we end: 421. */
void pr_receive_hang_up(pr_receive *r, const char *why);

#endif
