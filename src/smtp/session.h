/*
 * The session's inside: shared by the files of this room only. See session.c for the story.
 */
#ifndef POSTRIDER_SMTP_SESSION_H
#define POSTRIDER_SMTP_SESSION_H

#include "postrider/smtp.h"

/* What is said and answered. The order is that of `steps` in steps.c. */
enum step {
	STEP_BANNER,
	STEP_EHLO,
	STEP_HELO,
	STEP_STARTTLS,
	STEP_HANDSHAKE, /* the owner's: it ends by pr_smtp_secured */
	STEP_AUTH,
	STEP_AUTH_MORE, /* the answer to a 334 */
	STEP_RSET,      /* from here to BDAT: what may travel in one flight */
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_BDAT, /* the command and the whole message */
	STEP_DOT,
	STEP_QUIT,
	STEPS
};

/* One message on its way. */
struct transaction {
	struct pr_envelope *m; /* NULL: its result was told, or the place is free */
	size_t handed;         /* octets of the message given to the stream */
	unsigned open;         /* steps of it in the plan; 0: the place is free */
	bool chunks;           /* by BDAT */
	bool announced;        /* BDAT was said: its octets must follow, whatever happens */
	bool whole;            /* its last octets were handed over */
	bool refused;          /* MAIL or RCPT was: no body may follow a 354 */
	bool fresh;            /* RSET went before it */
	bool unclean;          /* it travelled behind one that was refused, without RSET */
	bool sender_refused;   /* MAIL was */
	bool suspect;          /* and yet its recipient was accepted: it may be taken */
	bool held; /* the refusal is told when BDAT is answered, unless that accepts the message */
	struct pr_smtp_result refusal;
	struct pr_buf refusal_text;
};

struct planned {
	enum step step;
	struct transaction *t; /* NULL for steps of the connection */
};

#define PLAN_MAX 16u /* a power of two; at most 8 are in use: two of RSET, MAIL, RCPT, BDAT */

#define DOMAINS_MAX 64u /* recipients' domains that are told apart where the peer limits them */

enum mechanism { AUTH_PLAIN = 1, AUTH_LOGIN = 2, AUTH_CRAM_MD5 = 4 };

struct pr_smtp {
	struct pr_smtp_options options;
	struct pr_smtp_events events;
	void *context;
	struct pr_reply_parser parser;
	struct pr_buf out; /* this flight */

	struct planned plan[PLAN_MAX]; /* a ring; the cursors only grow */
	unsigned answered, sent, planned;
	struct transaction transactions[2];
	struct transaction *newest; /* the one begun last */

	int64_t now_ms, since_ms;   /* since: the last thing that counts as progress */
	uint64_t size_limit;        /* SIZE; 0: none */
	uint64_t mails_limit;       /* MAILMAX; 0: none */
	uint64_t domains_limit;     /* RCPTDOMAINMAX; 0: none */
	char *domains[DOMAINS_MAX]; /* seen so far, where it counts */
	unsigned domains_n;
	unsigned mechanisms, mechanism;     /* offered, chosen: enum mechanism */
	unsigned auth_turn;                 /* 334s answered */
	struct pr_buf auth_line;            /* the next answer */
	unsigned features, accepted, begun; /* features: PR_SMTP_..., of the last EHLO */
	unsigned depth;                     /* of calls in: the outermost one sends and ends */
	bool connected;
	bool secured;              /* the stream is TLS */
	bool tls_refused;          /* STARTTLS was, and it is not a must */
	bool ready;                /* for messages: greeted, secured, authenticated */
	bool quitting;             /* takes no more */
	bool dry;                  /* `next` had nothing: not asked again before there is cause */
	bool reset_due;            /* no transaction was begun well since one ended badly */
	bool stalled;              /* a part of the body is with the stream: wait for drained */
	bool over, told;           /* ended; and the owner knows */
	struct pr_smtp_result end; /* why, when over */
};

static inline struct planned *
smtp_planned_at(pr_smtp *s, unsigned cursor)
{
	return &s->plan[cursor % PLAN_MAX];
}

static inline bool
smtp_nothing_planned(const pr_smtp *s)
{
	return s->answered == s->planned;
}

/* ---- plan.c ---- */
bool smtp_used_up(const pr_smtp *s); /* no more messages by this connection */
bool smtp_may_take(pr_smtp *s);      /* there is room for a message now */
void smtp_take(pr_smtp *s);          /* ask the owner for one */
void smtp_plan(pr_smtp *s, enum step step, struct transaction *t);
void smtp_cut(pr_smtp *s); /* forget what was planned and not sent */
bool smtp_pipelines(const pr_smtp *s);
void smtp_settle(pr_smtp *s, struct transaction *t, const struct pr_smtp_result *r);
void smtp_return(pr_smtp *s, struct transaction *t);
/* The one that travels behind t; NULL: none does. */
struct transaction *smtp_follower(pr_smtp *s, const struct transaction *t);

/* ---- session.c ---- */
enum pr_smtp_stage smtp_stage(const pr_smtp *s); /* what it waits for */
bool smtp_in_handshake(const pr_smtp *s);
/* Both end the session; the first call counts. */
void smtp_end_answered(pr_smtp *s, enum pr_smtp_stage stage, const struct pr_reply *reply);
void smtp_end(pr_smtp *s, enum pr_smtp_stage stage, const char *why);

/* ---- steps.c ---- */
enum pr_smtp_stage smtp_step_stage(enum step step);
int64_t smtp_step_timeout_ms(const pr_smtp *s, enum step step);
/* Put the step's octets into the flight. False: not all of them yet (a large body). */
bool smtp_step_send(pr_smtp *s, const struct planned *p);
/* An answer whose first digit makes no sense there: ends the session. */
void smtp_nonsense(pr_smtp *s, enum pr_smtp_stage stage);
static inline bool
smtp_good(const struct pr_reply *r)
{
	return r->code < 300;
}
static inline bool
smtp_refused(const struct pr_reply *r)
{
	return r->code >= 400;
}
void smtp_step_reply(pr_smtp *s, const struct planned *p, const struct pr_reply *reply);
/* A reply when none is due. */
void smtp_unasked_reply(pr_smtp *s, const struct pr_reply *reply);

/* ---- transaction.c: what is sent for a step, and what its answer means ---- */
bool smtp_send_mail(pr_smtp *s, struct transaction *t);
bool smtp_send_rcpt(pr_smtp *s, struct transaction *t);
bool smtp_send_data(pr_smtp *s, struct transaction *t);
bool smtp_send_bdat(pr_smtp *s, struct transaction *t);
bool smtp_send_dot(pr_smtp *s, struct transaction *t);
void smtp_on_mail_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
void smtp_on_rcpt_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
void smtp_on_data_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
void smtp_on_message_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r);
/* The transaction ends with the peer's answer; the session goes on. */
void smtp_refuse(pr_smtp *s, struct transaction *t, enum pr_smtp_stage stage,
                 const struct pr_reply *r);

/* ---- auth.c ---- */
unsigned smtp_read_mechanisms(struct pr_str words); /* those known here */
void smtp_begin_auth(pr_smtp *s);
bool smtp_send_auth(pr_smtp *s, struct transaction *t);
bool smtp_send_auth_more(pr_smtp *s, struct transaction *t);
void smtp_on_auth_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r);

/* ---- envelope.c ---- */
/* Why this session cannot carry m, NULL when it can; *too_large is set then, too. */
const char *smtp_unfit(const pr_smtp *s, const struct pr_envelope *m, bool *too_large);
void smtp_add_mail(pr_smtp *s, const struct pr_envelope *m);
void smtp_add_rcpt(pr_smtp *s, const struct pr_envelope *m);
void smtp_add_bdat(pr_smtp *s, const struct pr_envelope *m);
/* Whether the peer's limit of recipients' domains leaves room for m's; it is counted then. */
bool smtp_admit_domain(pr_smtp *s, const struct pr_envelope *m);

/* ---- body.c ---- */
#define BODY_CHUNK 65536u
/* Append octets [at, at + n) of a message as DATA has them, dots stuffed where it has some. */
void smtp_add_body(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n);
/* As they are. */
void smtp_add_octets(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n);
void smtp_add_end(struct pr_buf *out, const struct pr_envelope *m); /* the final dot */

/* ---- features.c ---- */
void smtp_read_features(pr_smtp *s, struct pr_str text); /* in place of earlier ones */

#endif
