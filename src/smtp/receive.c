/*
 * Lines and mails cut out of what is fed, and the table of commands.
 *
 *   feed -> line (CRLF) -> command -> reply
 *        -> in a mail: scan, octet by octet -> end -> mail() ... answer -> what was sent ahead
 *
 * How it fails: a bare CR or LF in a command ends the session, for the peer and we might not agree
 * where its commands end; in a mail it is refused at its end. The same for a mail that is too large
 * or has too long a line; what can no more be taken is thrown away up to that end, or to twice the
 * size, where the session ends.
 */
#include "receive_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- replies ---- */

void
receive_say(pr_receive *r, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&r->out, format, ap);
	va_end(ap);
	pr_buf_add(&r->out, "\r\n", 2);
}

static void
end(pr_receive *r)
{
	r->wants = PR_RECEIVE_END;
}

void
receive_error(pr_receive *r, const char *reply)
{
	if (++r->errors < PR_RECEIVE_ERRORS_MAX) {
		receive_say(r, "%s", reply);
		return;
	}
	receive_say(r, "421 4.7.0 %s Too many errors", r->options.hostname);
	end(r);
}

void
receive_forget(pr_receive *r)
{
	pr_arena_reset(&r->arena);
	r->has_from = false;
	r->to_n = 0;
	pr_buf_empty(&r->octets);
	r->fault = NULL;
}

/* ---- a mail ---- */

void
receive_begin_data(pr_receive *r)
{
	receive_say(r, "354 End it with <CRLF>.<CRLF>");
	r->scan = SCAN_START;
	r->seen = 0;
	r->line = 0;
	r->in_data = true;
}

/* The first fault is told. */
static void
spoil(pr_receive *r, const char *reply)
{
	if (!r->fault)
		r->fault = reply;
	pr_buf_empty(&r->octets);
}

static void
keep(pr_receive *r, char octet)
{
	if (r->fault)
		return;
	if (r->octets.len >= r->options.size_max)
		spoil(r, "552 5.3.4 It is too large");
	else if (++r->line > PR_RECEIVE_LINE_MAX)
		spoil(r, "550 5.6.0 A line is too long");
	else
		pr_buf_addc(&r->octets, octet);
}

static void
end_data(pr_receive *r)
{
	r->in_data = false;
	if (r->fault) {
		const char *fault = r->fault;
		receive_forget(r);
		receive_error(r, fault);
		return;
	}
	struct pr_received mail = {
	    .from = r->from, .to = r->to, .n = r->to_n, .octets = pr_buf_str(&r->octets)};
	r->wants = PR_RECEIVE_ANSWER;
	r->options.mail(r->options.context, &mail);
}

static enum scan
after_cr(pr_receive *r, char octet)
{
	if (octet == '\n') {
		keep(r, '\r');
		keep(r, '\n');
		r->line = 0;
		return SCAN_START;
	}
	spoil(r, BARE);
	return octet == '\r' ? SCAN_CR : SCAN_LINE;
}

/* RFC 5321 section 4.5.2: a dot that begins a line was put there, or ends the mail. */
static enum scan
scan_octet(pr_receive *r, char octet)
{
	if (r->scan == SCAN_CR)
		return after_cr(r, octet);
	if (r->scan == SCAN_DOT_CR) {
		if (octet == '\n')
			return SCAN_END;
		return after_cr(r, octet);
	}
	if (octet == '\r')
		return r->scan == SCAN_DOT ? SCAN_DOT_CR : SCAN_CR;
	if (octet == '\n')
		spoil(r, BARE);
	if (r->scan == SCAN_START && octet == '.')
		return SCAN_DOT;
	keep(r, octet);
	return SCAN_LINE;
}

/* How many octets it took. */
static size_t
take_data(pr_receive *r, const char *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r->scan = scan_octet(r, octets[i]);
		if (r->scan == SCAN_END) {
			end_data(r);
			return i + 1;
		}
	}
	r->seen += n;
	if (r->seen > 2 * r->options.size_max + PR_RECEIVE_AHEAD_MAX) {
		receive_say(r, "421 4.3.4 %s It is much too large", r->options.hostname);
		end(r);
	}
	return n;
}

/* ---- commands ---- */

static void
take_line(pr_receive *r, struct pr_str line)
{
	if (r->skipping)
		receive_error(r, "500 5.5.2 The line is too long");
	else if (line.n && (memchr(line.p, '\r', line.n) || memchr(line.p, '\n', line.n))) {
		receive_say(r, "554 5.5.2 Lines end with CRLF");
		end(r);
	} else
		receive_command(r, line);
	r->skipping = false;
}

/* Up to the end of one line. */
static size_t
take_command(pr_receive *r, const char *octets, size_t n)
{
	const char *lf = memchr(octets, '\n', n);
	size_t used = lf ? (size_t)(lf - octets) + 1 : n;
	if (!r->skipping)
		pr_buf_add(&r->command, octets, used);
	if (r->command.len > PR_RECEIVE_COMMAND_MAX) {
		r->skipping = true;
		pr_buf_empty(&r->command);
	}
	if (!lf)
		return used;
	struct pr_str line = pr_buf_str(&r->command);
	bool whole = line.n >= 2 && line.p[line.n - 2] == '\r';
	line.n -= line.n ? 1 + whole : 0;
	if (!whole && !r->skipping) {
		receive_say(r, "554 5.5.2 Lines end with CRLF");
		end(r);
	} else
		take_line(r, line);
	pr_buf_empty(&r->command);
	return used;
}

/* ---- in ---- */

static void
keep_for_later(pr_receive *r, const char *octets, size_t n)
{
	if (r->wants == PR_RECEIVE_TLS && n) { /* RFC 3207 section 6: injected, maybe */
		receive_say(r, "554 5.5.1 %s Not before the handshake", r->options.hostname);
		end(r);
	} else if (r->wants == PR_RECEIVE_ANSWER && r->later.len + n <= PR_RECEIVE_AHEAD_MAX)
		pr_buf_add(&r->later, octets, n);
	else if (r->wants == PR_RECEIVE_ANSWER)
		r->flooded = true;
}

void
pr_receive_feed(pr_receive *r, const char *octets, size_t n)
{
	while (n > 0 && r->wants == PR_RECEIVE_OCTETS) {
		size_t used = r->in_data ? take_data(r, octets, n) : take_command(r, octets, n);
		octets += used;
		n -= used;
	}
	keep_for_later(r, octets, n);
}

static void
go_on(pr_receive *r)
{
	struct pr_buf later = r->later;
	r->later = (struct pr_buf){0};
	pr_receive_feed(r, later.data, later.len);
	pr_buf_finish(&later);
}

void
pr_receive_answer(pr_receive *r, enum pr_receive_verdict verdict)
{
	PR_ASSERT(r->wants == PR_RECEIVE_ANSWER);
	r->wants = PR_RECEIVE_OCTETS;
	receive_forget(r);
	receive_say(r, verdict == PR_RECEIVE_TAKEN ? "250 2.0.0 Taken"
	                                           : "451 4.3.0 Not now, try again");
	if (r->flooded || ++r->mails >= PR_RECEIVE_MAILS_MAX) {
		receive_say(r, "421 4.7.0 %s That was much", r->options.hostname);
		end(r);
	} else
		go_on(r);
}

void
pr_receive_secured(pr_receive *r)
{
	PR_ASSERT(r->wants == PR_RECEIVE_TLS);
	r->wants = PR_RECEIVE_OCTETS;
	r->secure = true;
	r->greeted = false;
	receive_forget(r);
}

void
pr_receive_hang_up(pr_receive *r, const char *why)
{
	if (r->wants == PR_RECEIVE_END)
		return;
	receive_say(r, "421 4.4.2 %s %s", r->options.hostname, why);
	end(r);
}

/* ---- begin and end ---- */

pr_receive *
pr_receive_create(const struct pr_receive_options *options, bool busy)
{
	pr_receive *r = pr_calloc(1, sizeof *r);
	r->options = *options;
	pr_arena_init(&r->arena);
	if (busy)
		pr_receive_hang_up(r, "Too many connections, come again");
	else
		receive_say(r, "220 %s ESMTP", options->hostname);
	return r;
}

void
pr_receive_destroy(pr_receive *r)
{
	pr_arena_finish(&r->arena);
	pr_buf_finish(&r->out);
	pr_buf_finish(&r->command);
	pr_buf_finish(&r->octets);
	pr_buf_finish(&r->later);
	free(r);
}

enum pr_receive_wants
pr_receive_wants(const pr_receive *r)
{
	return r->wants;
}

struct pr_buf *
pr_receive_out(pr_receive *r)
{
	return &r->out;
}
