/* The sink's log: records built in one buffer, written in large pieces. */
#include "sink/log.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_AT (256 * 1024)

const char sink_log_help[] =
    "Each line is a JSON object; `ms` is UTC in milliseconds, `conn` numbers the connections.\n"
    "  "
    "{\"event\":\"message\",\"ms\",\"conn\",\"from\",\"to\":[...],\"message_id\",\"octets\","
    "\"code\",\n"
    "   \"answered\",\"tls\",\"cipher\",\"resumed\",\"file\"}   the end of a message was seen; "
    "code: 250 when it was taken;\n"
    "                        answered: false when a rule kept the reply from the client;\n"
    "                        tls, cipher, resumed: where TLS is in use: \"TLSv1.3\" ...\n"
    "                        file: its name in the Maildir's new/, if one is kept\n"
    "and with --log-commands:\n"
    "  {\"event\":\"command\",\"ms\",\"conn\",\"verb\",\"argument\",\"code\"}   argument: of MAIL "
    "and RCPT\n"
    "                        the address alone; code: of the reply, 0 when there is none\n"
    "  {\"event\":\"open\"|\"close\",\"ms\",\"conn\"}\n"
    "Lines are written at the latest 100 ms after their event, on SIGUSR1 (before the totals are\n"
    "printed) and at exit; with --log-sync before the reply leaves.\n";

struct sink_log {
	int fd;
	struct pr_buf buf;
};

int
sink_log_open(const char *path, struct sink_log **out, struct pr_error *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return pr_fail_errno(e, "%s", path);
	*out = pr_calloc(1, sizeof **out);
	(*out)->fd = fd;
	return 0;
}

void
sink_log_close(struct sink_log *log)
{
	sink_log_flush(log);
	close(log->fd);
	pr_buf_finish(&log->buf);
	free(log);
}

int
sink_log_flush(struct sink_log *log)
{
	int failed = pr_write_all(log->fd, log->buf.data, log->buf.len);
	pr_buf_clear(&log->buf);
	return failed ? PR_ESYSTEM : 0;
}

bool
sink_log_waits(const struct sink_log *log)
{
	return log->buf.len > 0;
}

static void
add_number(struct pr_buf *b, const char *name, uint64_t n)
{
	char digits[20], *p = digits + sizeof digits;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	pr_buf_adds(b, name);
	pr_buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

static void
begin(struct pr_buf *b, const char *event, uint64_t connection)
{
	pr_buf_adds(b, "{\"event\":\"");
	pr_buf_adds(b, event);
	add_number(b, "\",\"ms\":", (uint64_t)pr_utc_ms());
	add_number(b, ",\"conn\":", connection);
}

static void
end(struct sink_log *log)
{
	pr_buf_adds(&log->buf, "}\n");
	if (log->buf.len >= FLUSH_AT)
		sink_log_flush(log);
}

void
sink_log_message(struct sink_log *log, const struct sink_log_message *m)
{
	struct pr_buf *b = &log->buf;
	const char *rcpt = m->rcpts;
	begin(b, "message", m->connection);
	pr_buf_adds(b, ",\"from\":");
	pr_buf_add_json(b, m->from);
	pr_buf_adds(b, ",\"to\":[");
	for (unsigned i = 0; i < m->n_rcpts; i++, rcpt += strlen(rcpt) + 1) {
		if (i)
			pr_buf_addc(b, ',');
		pr_buf_add_json(b, pr_str(rcpt));
	}
	pr_buf_adds(b, "],\"message_id\":");
	pr_buf_add_json(b, m->message_id);
	add_number(b, ",\"octets\":", m->octets);
	add_number(b, ",\"code\":", (uint64_t)m->code);
	pr_buf_adds(b, m->answered ? ",\"answered\":true" : ",\"answered\":false");
	if (m->tls.protocol) {
		pr_buf_adds(b, ",\"tls\":\"");
		pr_buf_adds(b, m->tls.protocol);
		pr_buf_adds(b, "\",\"cipher\":\"");
		pr_buf_adds(b, m->tls.cipher);
		pr_buf_adds(b, m->tls.resumed ? "\",\"resumed\":true" : "\",\"resumed\":false");
	}
	if (m->file) {
		pr_buf_adds(b, ",\"file\":");
		pr_buf_add_json(b, pr_str(m->file));
	}
	end(log);
}

void
sink_log_command(struct sink_log *log, uint64_t connection, const char *verb,
                 struct pr_str argument, int code)
{
	struct pr_buf *b = &log->buf;
	begin(b, "command", connection);
	pr_buf_adds(b, ",\"verb\":");
	pr_buf_add_json(b, pr_str(verb));
	pr_buf_adds(b, ",\"argument\":");
	pr_buf_add_json(b, argument);
	add_number(b, ",\"code\":", (uint64_t)code);
	end(log);
}

void
sink_log_connection(struct sink_log *log, uint64_t connection, const char *event)
{
	begin(&log->buf, event, connection);
	end(log);
}
