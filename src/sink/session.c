/*
 * The session's frame: input cut into lines, data and chunks; answers with the
 * rules' faults; begin and end. What the commands mean is in commands.c, what
 * becomes of a message in message.c.
 *
 * Fails only towards the client: every line gets an answer, whatever it holds.
 */
#include "sink/session.h"

#include "sink/log.h"

/* ---- answers ---- */

struct sink_answer
sink_session_decide(struct sink_session *s, enum sink_on on, const char *rcpts, unsigned n_rcpts,
                    struct sink_answer usual)
{
	if (usual.code >= 400 || !(s->sink->rules.on & on))
		return usual;
	struct sink_event event = {.on = on,
	                           .from = pr_buf_str(&s->from),
	                           .rcpts = rcpts,
	                           .n_rcpts = n_rcpts,
	                           .messages = s->messages,
	                           .port = s->port};
	usual.rule = sink_rules_find(&s->sink->rules, &event);
	if (usual.rule && usual.rule->code)
		usual.code = usual.rule->code;
	return usual;
}

bool
sink_session_reaches(const struct sink_answer *a)
{
	return !a->rule || !(a->rule->drop == SINK_DROP_BEFORE || a->rule->garbage ||
	                     a->rule->stall_us == SINK_STALL_FOREVER);
}

/* "250-2.1.0 first\r\n250 2.1.0 second\r\n" */
static struct pr_str
make_reply(struct sink_session *s, const struct sink_answer *a)
{
	struct pr_buf *b = &s->scratch;
	char code[3] = {(char)('0' + a->code / 100), (char)('0' + a->code / 10 % 10),
	                (char)('0' + a->code % 10)};
	bool enhanced = a->enhanced && !s->sink->options.no_enhanced;
	pr_buf_clear(b);
	for (const char *line = a->text; line;) {
		const char *lf = strchr(line, '\n');
		pr_buf_add(b, code, 3);
		pr_buf_addc(b, lf ? '-' : ' ');
		if (enhanced) {
			pr_buf_adds(b, a->enhanced);
			pr_buf_addc(b, ' ');
		}
		pr_buf_add(b, line, lf ? (size_t)(lf - line) : strlen(line));
		pr_buf_add(b, "\r\n", 2);
		line = lf ? lf + 1 : NULL;
	}
	return pr_buf_str(b);
}

static struct pr_str
make_garbage(struct sink_session *s, uint32_t n)
{
	pr_buf_clear(&s->scratch);
	if (n == 1) {
		pr_buf_adds(&s->scratch, "\xff\xfe\x01 no reply \x80\x1b[2J\r\n");
		return pr_buf_str(&s->scratch);
	}
	for (uint32_t i = 0; i < n; i++)
		pr_buf_addc(&s->scratch, (char)('!' + pr_mix64(i) % 90));
	return pr_buf_str(&s->scratch);
}

static void
go_deaf(struct sink_session *s)
{
	sink_session_reset(s);
	s->phase = SINK_DEAF;
}

static void
count_answer(struct sink_session *s, const struct sink_answer *a)
{
	struct sink_totals *t = &s->sink->totals;
	t->refused += a->code >= 400;
	t->errors += a->code >= 400 && !a->rule;
	t->faults += a->rule != NULL;
}

bool
sink_session_give(struct sink_session *s, const struct sink_answer *a)
{
	const struct sink_rule *rule = a->rule;
	int64_t due = s->now_us + s->sink->options.latency_us;
	bool yes = a->code < 400;
	count_answer(s, a);
	if (!rule) {
		sink_out_add(&s->out, make_reply(s, a), due, 0);
		return yes;
	}
	if (rule->stall_us == SINK_STALL_FOREVER) {
		go_deaf(s);
		return yes;
	}
	due += rule->stall_us;
	if (rule->drop != SINK_DROP_BEFORE) {
		struct pr_str octets = rule->garbage ? make_garbage(s, rule->garbage)
		                       : rule->reply ? pr_str_n(rule->reply, rule->reply_n)
		                                     : make_reply(s, a);
		sink_out_add(&s->out, octets, due, rule->slow);
	}
	if (rule->drop == SINK_DROP_BEFORE || rule->drop == SINK_DROP_AFTER) {
		sink_out_close(&s->out, due);
		go_deaf(s);
	}
	return yes;
}

void
sink_session_log(struct sink_session *s, const char *verb, struct pr_str argument, int code)
{
	if (s->sink->log && s->sink->options.log_commands)
		sink_log_command(s->sink->log, s->id, verb, argument, code);
}

void
sink_session_reset(struct sink_session *s)
{
	sink_message_abandon(s);
	s->mail = s->smtputf8 = s->chunked = false;
	pr_buf_clear(&s->from);
	pr_buf_clear(&s->rcpts);
	s->n_rcpts = 0;
}

/* ---- input ---- */

static void
refuse_line(struct sink_session *s, const char *enhanced, const char *text)
{
	struct sink_answer a = {500, enhanced, text, NULL};
	if (s->phase == SINK_AUTH_LINE)
		s->phase = SINK_COMMANDS;
	sink_session_log(s, "?", PR_STR(""), a.code);
	sink_session_give(s, &a);
}

/* A line with its LF. */
static void
take_line(struct sink_session *s, struct pr_str line)
{
	line.n--;
	bool cr = line.n && line.p[line.n - 1] == '\r';
	line.n -= cr;
	s->sink->totals.commands++;
	s->sink->totals.pipelining_errors +=
	    !sink_out_empty(&s->out) && (s->alone || s->sink->options.no_pipelining);
	if (s->overlong || line.n > SINK_COMMAND_MAX)
		refuse_line(s, "5.5.2", "Line too long");
	else if (!cr && !s->sink->options.count_bare_lf)
		refuse_line(s, "5.5.2", "The line ends in a bare LF");
	else if (s->phase == SINK_AUTH_LINE)
		sink_auth_line(s, line);
	else
		sink_session_command(s, line);
	s->overlong = false;
}

/* Up to one line of n > 0 octets; returns how many were used. */
static size_t
take_command_octets(struct sink_session *s, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t part = lf ? (size_t)(lf - p) + 1 : n;
	if (lf && s->line.len == 0) {
		take_line(s, pr_str_n(p, part));
		return part;
	}
	size_t room = SINK_COMMAND_MAX + 2 - s->line.len;
	s->overlong |= part > room;
	pr_buf_add(&s->line, p, part < room ? part : room);
	if (lf) {
		s->line.data[s->line.len - 1] = '\n'; /* also where it was cut */
		take_line(s, pr_buf_str(&s->line));
		pr_buf_clear(&s->line);
	}
	return part;
}

static size_t
take_data_octets(struct sink_session *s, const char *p, size_t n)
{
	struct pr_str body;
	if (!s->body_seen) {
		s->sink->totals.pipelining_errors += !sink_out_empty(&s->out);
		sink_message_body(s);
		if (s->phase == SINK_DEAF)
			return n;
	}
	size_t used = sink_scan(&s->scan, p, n, &body);
	sink_message_add(s, body);
	if (s->scan.ended)
		sink_message_end(s);
	return used;
}

static size_t
take_chunk_octets(struct sink_session *s, const char *p, size_t n)
{
	size_t part = n < s->chunk_left ? n : (size_t)s->chunk_left;
	if (!s->chunk_void)
		sink_message_add(s, pr_str_n(p, part));
	s->chunk_left -= part;
	if (s->chunk_left == 0)
		sink_message_chunk_end(s);
	return part;
}

void
sink_session_input(struct sink_session *s, const char *p, size_t n, int64_t now_us)
{
	s->now_us = now_us;
	s->sink->totals.octets_in += n;
	/* What comes behind STARTTLS in the clear is nobody's (RFC 3207, 6). */
	s->sink->totals.pipelining_errors += s->phase == SINK_HANDSHAKE;
	while (n > 0 && s->phase < SINK_HANDSHAKE) {
		size_t used = s->phase == SINK_DATA_OCTETS    ? take_data_octets(s, p, n)
		              : s->phase == SINK_CHUNK_OCTETS ? take_chunk_octets(s, p, n)
		                                              : take_command_octets(s, p, n);
		p += used;
		n -= used;
	}
}

/* ---- TLS ---- */

bool
sink_session_handshake(struct sink_session *s, int64_t now_us)
{
	struct sink_answer a = {220, NULL, "", NULL};
	s->now_us = now_us;
	a = sink_session_decide(s, SINK_ON_HANDSHAKE, NULL, 0, a);
	if (!a.rule)
		return true;
	sink_out_finish(&s->out); /* a greeting that waits: it would have been sealed */
	sink_session_give(s, &a);
	go_deaf(s);
	return false;
}

void
sink_session_secured(struct sink_session *s, const struct sink_secured *secured)
{
	s->secured = *secured;
	s->sink->totals.tls_sessions++;
	s->sink->totals.tls_resumed += secured->resumed;
	sink_session_reset(s);
	s->hello = s->esmtp = s->auth.done = false;
	s->overlong = s->alone = false;
	pr_buf_clear(&s->line);
	s->phase = SINK_COMMANDS;
}

/* ---- begin and end ---- */

void
sink_session_begin(struct sink_session *s, struct sink *sink, uint64_t id, uint16_t port,
                   int64_t now_us)
{
	*s = (struct sink_session){.sink = sink, .id = id, .port = port, .now_us = now_us};
	struct pr_buf text = {0};
	sink_mail_init(&s->kept);
	s->implicit = sink->options.tls == SINK_TLS_IMPLICIT;
	s->phase = s->implicit ? SINK_HANDSHAKE : SINK_COMMANDS;
	pr_buf_addf(&text, "%s ESMTP postrider-sink", sink->options.hostname);
	struct sink_answer a = {220, NULL, text.data, NULL};
	a = sink_session_decide(s, SINK_ON_CONNECT, NULL, 0, a);
	if (sink->log && sink->options.log_commands)
		sink_log_connection(sink->log, id, "open");
	s->unwelcome = !sink_session_give(s, &a);
	pr_buf_finish(&text);
}

void
sink_session_finish(struct sink_session *s)
{
	sink_session_reset(s);
	if (s->sink->log && s->sink->options.log_commands)
		sink_log_connection(s->sink->log, s->id, "close");
	sink_out_finish(&s->out);
	sink_header_finish(&s->header);
	sink_mail_finish(s->sink->maildir, &s->kept);
	pr_buf_finish(&s->line);
	pr_buf_finish(&s->from);
	pr_buf_finish(&s->rcpts);
	pr_buf_finish(&s->scratch);
}
