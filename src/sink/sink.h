/*
 * What all connections of the sink share: its settings, its fault rules, its
 * counts, and where messages and records go.
 */
#ifndef POSTRIDER_SINK_SINK_H
#define POSTRIDER_SINK_SINK_H

#include "postrider/base/buf.h"
#include "sink/rule.h"

#define SINK_COMMAND_MAX                                                                           \
	2048                     /* octets of a command line (RFC 5321: at least 512, and room     \
	                          * for the parameters of extensions) */
#define SINK_OUT_MAX (64 * 1024) /* replies waiting before a connection is read no more */
#define SINK_LISTEN_MAX 64

struct sink_options {
	const char *listen[SINK_LISTEN_MAX]; /* ADDR:PORT */
	unsigned n_listen;
	const char *hostname;
	const char *maildir, *log; /* NULL: none */
	bool log_commands, log_sync;
	bool count_bare_lf; /* take messages and commands with a bare LF */
	int64_t latency_us, timeout_us;
	uint64_t count;    /* end after so many messages; 0: never */
	uint64_t size_max; /* octets of a message; 0: any */
	uint64_t rcpt_max, connections_max;
	enum { SINK_TLS_NONE, SINK_TLS_STARTTLS, SINK_TLS_REQUIRED, SINK_TLS_IMPLICIT } tls;
	const char *tls_cert, *tls_key; /* PEM; NULL: made in memory */
	const char *tls_name;           /* in the one made; NULL: hostname */
	bool tls_13;                    /* not TLS 1.2 */
	const char *auth;               /* USER:PASSWORD; NULL: not offered */
	bool auth_clear;                /* also without TLS */
	bool no_pipelining, no_chunking, no_8bitmime, no_smtputf8, no_enhanced, no_dsn, no_ehlo;
};

struct sink_totals {
	uint64_t connections, open, max_open;
	uint64_t messages, recipients, octets; /* accepted: what 250 was decided for */
	uint64_t commands;
	uint64_t refused; /* replies of 400 and more, of these: */
	uint64_t refused_recipients, refused_messages;
	uint64_t errors;              /* not by a rule: syntax, sequence, limits */
	uint64_t faults;              /* rules fired */
	uint64_t cut_messages;        /* data begun and never ended */
	uint64_t bare_lf, long_lines; /* messages with a bare LF, with lines of over 998 octets */
	uint64_t tls_sessions, tls_resumed,
	    tls_failed; /* handshakes: done, of these resumed; not */
	uint64_t auths, auths_failed;
	uint64_t pipelining_errors; /* commands or data sent before they were allowed (RFC 2920) */
	uint64_t octets_in, octets_out;
	int64_t first_us, last_us; /* when the first and the last message were accepted */
};

/* Of a connection with TLS; static text. */
struct sink_secured {
	const char *protocol, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	bool resumed;
};

struct sink {
	struct sink_options options;
	struct sink_rules rules;
	struct sink_totals totals;
	struct sink_log *log;         /* NULL: none */
	struct sink_maildir *maildir; /* NULL: none */
	struct sink_tls *tls;         /* NULL: none */
};

/* One line of JSON, line end included. */
void sink_totals_json(const struct sink *sink, struct pr_buf *out);

#endif
