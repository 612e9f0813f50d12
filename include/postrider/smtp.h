/*
 * SMTP, the client's side (RFC 5321 and extensions). Pure: octets and time come in
 * as arguments, octets and verdict material go out by callbacks. No loop, no socket.
 *
 * A *session* is one connection's conversation. It is fed what the peer sent,
 * asks its owner for messages when it can take one, and tells what the peer
 * answered. PIPELINING: the envelope of the next message travels in the flight of
 * the final dot of the one before ("look-ahead"): one round trip a message.
 */
#ifndef POSTRIDER_SMTP_H
#define POSTRIDER_SMTP_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

/* ---- replies (RFC 5321 section 4.2, RFC 2034 / 3463) ---- */
#define PR_REPLY_TEXT_MAX 2000 /* of all lines together; the rest is dropped */
#define PR_REPLY_LINE_MAX 4096 /* a longer line is a protocol error */
#define PR_REPLY_LINES_MAX 256

struct pr_reply {
	int code;            /* 200 to 599 */
	uint8_t enhanced[3]; /* {0}: none */
	struct pr_str text;  /* lines joined by '\n', codes (also enhanced) taken off, control
	                      * octets shown as '?'; a view */
};

struct pr_reply_parser {
	struct pr_buf line, text;
	int code;
	unsigned lines;
	uint8_t enhanced[3];
};
void pr_reply_parser_init(struct pr_reply_parser *p);
void pr_reply_parser_finish(struct pr_reply_parser *p);
/* Feed octets; *used says how many were taken. 1: *out is a whole reply (valid until the
 * next call); 0: more is needed (all taken); PR_EINVAL: not SMTP. */
int pr_reply_feed(struct pr_reply_parser *p, const char *data, size_t n, size_t *used,
                  struct pr_reply *out);

/* ---- sessions ---- */
typedef struct pr_smtp pr_smtp;

/* A message as the session needs it. Lives until result or returned is called. */
struct pr_envelope {
	const char *from; /* reverse-path without <>; "" for the null path */
	const char *to;   /* one recipient, without <> */
	const char *data; /* the message: CRLF line ends, not dot-stuffed, ends with CRLF */
	size_t size;
	const char *tail; /* its rest, which others share: begins a line, no line with '.' */
	size_t tail_n;
	bool dots;      /* some line of data begins with '.' */
	bool eight_bit; /* some octet above 127: needs 8BITMIME */
	bool smtputf8;  /* an address is not ASCII: needs SMTPUTF8 */
};

static inline size_t
pr_envelope_octets(const struct pr_envelope *m) /* of the whole message */
{
	return m->size + m->tail_n;
}

/* How a transaction, or a try to begin one, ended. */
enum pr_smtp_stage {
	PR_STAGE_CONNECT,
	PR_STAGE_BANNER,
	PR_STAGE_EHLO,
	PR_STAGE_TLS,  /* STARTTLS and the handshake */
	PR_STAGE_AUTH, /* RFC 4954 */
	PR_STAGE_MAIL,
	PR_STAGE_RCPT,
	PR_STAGE_DATA,
	PR_STAGE_BODY, /* octets of the message on their way */
	PR_STAGE_DOT,  /* all sent, no answer yet */
	PR_STAGE_RSET,
	PR_STAGE_QUIT,
	PR_STAGE_IDLE,
};
const char *pr_smtp_stage_word(enum pr_smtp_stage s);

struct pr_smtp_result {
	enum pr_smtp_stage stage; /* whose answer (or absence) decided */
	bool answered;            /* false: connection lost, silent, or not offered (see why) */
	struct pr_reply reply;    /* when answered */
	const char *why;          /* when not: "connection lost", "timed out", "peer does not offer
	                           * SMTPUTF8", ... */
	bool in_doubt;            /* not answered after the last octets were handed over */
	bool permanent;           /* not answered, but no use to try again as it is (no SMTPUTF8) */
	bool too_large;           /* with permanent: larger than the peer's SIZE */
	bool wrong_return_path;   /* accepted although MAIL had been refused */
	int64_t retry_after_ms;   /* the peer said how long it wants to hear nothing; 0: it did
	                           * not */
	bool chunked;             /* its message went, or was going, by BDAT */
};

struct pr_smtp_events {
	/* Octets for the peer. Handed to the stream; leave at the end of the turn. */
	void (*send)(void *context, const char *data, size_t n);
	/* The session can take a message now: its owner returns one, or NULL (then it calls
	 * pr_smtp_wake later). Called for look-ahead as well: a returned envelope is a
	 * commitment (its message composed, its intent durable). */
	struct pr_envelope *(*next)(void *context);
	/* STARTTLS was answered 220, and nothing stood behind that answer: the owner begins the
	 * handshake and calls pr_smtp_secured, or pr_smtp_lost when it failed. */
	void (*secure)(void *context);
	/* The last octets of the message go out after this returns: the wire mark. */
	void (*wire)(void *context, struct pr_envelope *m);
	/* What became of it. Every envelope ends by exactly one of these two. Not answered,
	 * not in doubt and not permanent: tried in vain; its last octets never left, it may go
	 * by another connection. Should that happen to it again and again, it may itself be
	 * what the peer cannot bear. */
	void (*result)(void *context, struct pr_envelope *m, const struct pr_smtp_result *r);
	/* Not tried, and not to blame for anything: it may go by another connection. */
	void (*returned)(void *context, struct pr_envelope *m);
	/* The session is over: the owner closes the stream. `r` says what ended it: stage,
	 * reply (421, 554 banner) or why; after a polite QUIT r->stage is PR_STAGE_QUIT.
	 * Called once; nothing is called after it. */
	void (*ended)(void *context, const struct pr_smtp_result *r);
};

enum pr_smtp_starttls {
	PR_SMTP_NO_TLS, /* never asked for; also where the stream is secured from its first octet */
	PR_SMTP_MAY_TLS,  /* where it is offered; refused: it goes on in clear */
	PR_SMTP_MUST_TLS, /* else the session ends at PR_STAGE_TLS */
};

/* What a peer offered in its last EHLO. */
#define PR_SMTP_PIPELINING 1u
#define PR_SMTP_8BITMIME 2u
#define PR_SMTP_SMTPUTF8 4u
#define PR_SMTP_SIZE 8u
#define PR_SMTP_ESMTP 16u /* EHLO was accepted */
#define PR_SMTP_CHUNKING 32u
#define PR_SMTP_STARTTLS 64u
#define PR_SMTP_DSN 128u
#define PR_SMTP_LIMITS 256u

struct pr_smtp_options {
	const char *hostname;  /* EHLO argument */
	unsigned messages_max; /* per connection; 0: no limit; then QUIT. LIMITS MAILMAX of the
	                        * peer (RFC 9422) counts as well */
	bool lookahead;        /* allow pipelined next envelope */
	bool chunking;         /* BDAT where it is offered (RFC 3030) */
	bool chunk_alone;      /* no look-ahead behind a BDAT: still one round trip a message, one
	                        * in doubt instead of two, no RSET between them */
	bool dsn;              /* NOTIFY=FAILURE RET=HDRS where it is offered (RFC 3461) */
	int starttls;          /* enum pr_smtp_starttls */
	bool secured;          /* the stream is TLS from its first octet */
	const char *user, *password; /* AUTH (RFC 4954): CRAM-MD5, PLAIN or LOGIN; NULL: none */
	bool auth_in_clear;          /* also where the stream is not TLS */
	int64_t idle_ms;             /* without a message for this long: QUIT; 0: 5 s */
	/* RFC 5321 section 4.5.3.2; 0: the RFC's. Tests shorten them. */
	int64_t timeout_banner_ms, timeout_command_ms, timeout_data_ms, timeout_block_ms,
	    timeout_dot_ms;
};

pr_smtp *pr_smtp_create(const struct pr_smtp_options *options, const struct pr_smtp_events *events,
                        void *context);             /* options and events are copied, strings too */
void pr_smtp_destroy(pr_smtp *s);                   /* nothing in flight: after ended */
void pr_smtp_connected(pr_smtp *s, int64_t now_ms); /* the stream is up; waits for the banner */
void pr_smtp_secured(pr_smtp *s,
                     int64_t now_ms); /* the handshake that `secure` asked for is done */
void pr_smtp_receive(pr_smtp *s, const char *data, size_t n, int64_t now_ms);
void pr_smtp_drained(pr_smtp *s, int64_t now_ms); /* what was sent has left: more body may go */
void pr_smtp_lost(pr_smtp *s, const char *why, int64_t now_ms); /* the stream ended */
void pr_smtp_wake(pr_smtp *s, int64_t now_ms);                  /* there may be a message now */
void pr_smtp_quit(pr_smtp *s, int64_t now_ms); /* take no more; end what runs; QUIT */
/* When the peer (or idleness) times out: call pr_smtp_tick at or after it. */
int64_t pr_smtp_deadline(const pr_smtp *s); /* monotonic ms; INT64_MAX: none */
void pr_smtp_tick(pr_smtp *s, int64_t now_ms);
unsigned pr_smtp_accepted(const pr_smtp *s); /* messages accepted on this connection */
unsigned pr_smtp_offers(const pr_smtp *s);   /* PR_SMTP_...; 0 before EHLO was answered */
/* The keyword of an extension and its PR_SMTP_ bit, i from 0; NULL behind the last. */
const char *pr_smtp_extension(unsigned i, unsigned *bit);

#endif
