/*
 * One message by libesmtp: a session of its own, from connect to QUIT, on whatever thread calls.
 * Knows nothing of targets and connections; esmtp.c does.
 */
#ifndef POSTRIDER_ROUTES_ESMTP_H
#define POSTRIDER_ROUTES_ESMTP_H

#include "postrider/base/buf.h"
#include "postrider/smtp.h"

struct ssl_ctx_st;

/* Where to, the same for all messages of a target; read by many threads. */
struct esmtp_server {
	char place[300];             /* "mail.example:25" */
	const char *hostname;        /* EHLO argument */
	const char *user, *password; /* NULL: no AUTH */
	bool auth_in_clear;
	int tls;                    /* enum pr_route_tls, never implicit */
	struct ssl_ctx_st *context; /* NULL: no TLS */
	int64_t banner_ms, command_ms, data_ms, block_ms, dot_ms; /* 0: the RFC's; least 1 s */
};

struct esmtp_try {
	const struct esmtp_server *server;
	char *from, *to;      /* heap */
	struct pr_buf octets; /* the message */
	bool eight_bit;
	/* What became of it. begun false: it failed before MAIL was answered, which the message is
	 * not to blame for. reply.text and why are views into what stands below. */
	bool begun;
	struct pr_smtp_result result;
	/* of the session */
	size_t given; /* octets handed to libesmtp */
	bool all_given, secured, quitting, no_8bit;
	enum pr_smtp_stage stage; /* that the last command belongs to */
	struct pr_reply_parser parser;
	struct pr_buf text, last_text;
	struct pr_reply last; /* the last one before QUIT */
	char why[300];
};

void esmtp_init(void); /* once, before the first try; any number of times */
/* Blocks until the session is over, bounded by its times. */
void esmtp_try(struct esmtp_try *t);
void esmtp_try_clear(struct esmtp_try *t); /* for the next message */
void esmtp_try_finish(struct esmtp_try *t);

#endif
