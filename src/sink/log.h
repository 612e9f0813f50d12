/*
 * The log of the sink: a JSON object a line (sink_log_help names the keys).
 * Buffered; complete after sink_log_flush, which the server calls when the
 * buffer is large, a moment after the last record, on SIGUSR1 and at exit.
 */
#ifndef POSTRIDER_SINK_LOG_H
#define POSTRIDER_SINK_LOG_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"
#include "sink/sink.h"

struct sink_log;

struct sink_log_message {
	uint64_t connection;
	struct pr_str from;
	const char *rcpts; /* each ended by NUL */
	unsigned n_rcpts;
	struct pr_str message_id;
	uint64_t octets;
	int code;
	bool answered;           /* a rule did not keep the reply from the client */
	struct sink_secured tls; /* protocol NULL: none */
	const char *file;        /* in the Maildir; NULL: none */
};

extern const char sink_log_help[];

int sink_log_open(const char *path, struct sink_log **out, struct pr_error *e); /* appends */
void sink_log_close(struct sink_log *log);                                      /* flushes */
int sink_log_flush(struct sink_log *log);        /* 0, or PR_E code: records may be lost */
bool sink_log_waits(const struct sink_log *log); /* there is something to flush */
void sink_log_message(struct sink_log *log, const struct sink_log_message *m);
void sink_log_command(struct sink_log *log, uint64_t connection, const char *verb,
                      struct pr_str argument, int code);
void sink_log_connection(struct sink_log *log, uint64_t connection, const char *event);

#endif
