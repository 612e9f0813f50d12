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
	STEP_RSET,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_DOT,
	STEP_QUIT,
	STEPS
};

/* One message on its way. */
struct transaction {
	struct pr_envelope *m; /* NULL: its result was told, or the place is free */
	size_t handed;         /* octets of the message given to the stream */
	unsigned open;         /* steps of it in the plan; 0: the place is free */
	bool refused;          /* MAIL or RCPT was: no body may follow a 354 */
	bool whole;            /* its last octets were handed over */
};

struct planned {
	enum step step;
	struct transaction *t; /* NULL for steps of the connection */
};

#define PLAN_MAX 16u /* a power of two; at most 8 are in use: DOT, RSET, two envelopes */

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

	int64_t now_ms, since_ms; /* since: the last thing that counts as progress */
	uint64_t size_limit;
	unsigned features, accepted, begun; /* features: PR_SMTP_..., of the last EHLO */
	unsigned depth;                     /* of calls in: the outermost one sends and ends */
	bool connected;
	bool ready;                /* EHLO or HELO was accepted */
	bool quitting;             /* takes no more */
	bool dry;                  /* `next` had nothing: not asked again before there is cause */
	bool reset_due;            /* no transaction was begun well since one ended badly */
	bool stalled;              /* a part of the body is with the stream: wait for drained */
	bool over, told;           /* ended; and the owner knows */
	struct pr_smtp_result end; /* why, when over */
};

/* ---- session.c ---- */
void smtp_plan(pr_smtp *s, enum step step, struct transaction *t);
void smtp_cut(pr_smtp *s); /* forget what was planned and not sent */
bool smtp_pipelines(const pr_smtp *s);
enum pr_smtp_stage smtp_stage(const pr_smtp *s); /* what it waits for */
void smtp_settle(pr_smtp *s, struct transaction *t, const struct pr_smtp_result *r);
void smtp_return(pr_smtp *s, struct transaction *t);
/* Both end the session; the first call counts. */
void smtp_end_answered(pr_smtp *s, enum pr_smtp_stage stage, const struct pr_reply *reply);
void smtp_end(pr_smtp *s, enum pr_smtp_stage stage, const char *why);

/* ---- steps.c ---- */
enum pr_smtp_stage smtp_step_stage(enum step step);
int64_t smtp_step_timeout_ms(const pr_smtp *s, enum step step);
/* Put the step's octets into the flight. False: not all of them yet (a large body). */
bool smtp_step_send(pr_smtp *s, const struct planned *p);
void smtp_step_reply(pr_smtp *s, const struct planned *p, const struct pr_reply *reply);
/* A reply when none is due. */
void smtp_unasked_reply(pr_smtp *s, const struct pr_reply *reply);

/* ---- envelope.c ---- */
/* Why this session cannot carry m, NULL when it can; *too_large is set then, too. */
const char *smtp_unfit(const pr_smtp *s, const struct pr_envelope *m, bool *too_large);
void smtp_add_mail(pr_smtp *s, const struct pr_envelope *m);
void smtp_add_rcpt(pr_smtp *s, const struct pr_envelope *m);

/* ---- body.c ---- */
#define BODY_CHUNK 65536u
/* Append octets [at, at + n) of a message, with dots stuffed where it has some. */
void smtp_add_body(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n);
void smtp_add_end(struct pr_buf *out, const struct pr_envelope *m); /* the final dot */

/* ---- features.c ---- */
void smtp_read_features(pr_smtp *s, struct pr_str text);

#endif
