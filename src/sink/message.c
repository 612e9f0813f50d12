/*
 * A message coming in: kept or only counted, judged at its end, logged before
 * its reply is queued.
 *
 * Its own refusals: larger than SIZE (552), a bare LF (550), no room in the
 * Maildir (452). A message begun and never ended leaves nothing but a count.
 */
#include "sink/session.h"

#include "sink/log.h"

void
sink_message_begin(struct sink_session *s)
{
	s->scan = (struct sink_scan){0};
	sink_header_reset(&s->header);
	s->header.done = !s->sink->log;
	s->octets = 0;
	s->body_seen = false;
}

void
sink_message_add(struct sink_session *s, struct pr_str octets)
{
	s->octets += octets.n;
	if (!s->header.done)
		sink_header_feed(&s->header, octets);
	if (s->sink->maildir)
		sink_mail_add(s->sink->maildir, &s->kept, octets);
}

void
sink_message_abandon(struct sink_session *s)
{
	s->sink->totals.cut_messages += s->phase == SINK_DATA_OCTETS || s->chunked;
	s->chunked = false;
	if (s->sink->maildir)
		sink_mail_discard(s->sink->maildir, &s->kept);
}

void
sink_message_body(struct sink_session *s)
{
	struct sink_answer a = {354, NULL, NULL, NULL}; /* no reply of its own */
	s->body_seen = true;
	a = sink_session_decide(s, SINK_ON_BODY, s->rcpts.data, s->n_rcpts, a);
	if (a.rule)
		sink_session_give(s, &a);
}

static struct sink_answer
judge(struct sink_session *s)
{
	const struct sink_options *o = &s->sink->options;
	if (o->size_max && s->octets > o->size_max)
		return (struct sink_answer){552, "5.3.4", "Message too large", NULL};
	if (s->scan.bare_lfs && !o->count_bare_lf)
		return (struct sink_answer){550, "5.6.0", "Bare LF in message (RFC 5321, 2.3.8)",
		                            NULL};
	return (struct sink_answer){250, "2.0.0", "Ok, taken", NULL};
}

static void
count(struct sink_session *s, bool taken)
{
	struct sink_totals *t = &s->sink->totals;
	t->bare_lf += s->scan.bare_lfs > 0;
	t->long_lines += s->scan.long_lines > 0;
	if (!taken) {
		t->refused_messages++;
		return;
	}
	s->messages++;
	t->messages++;
	t->recipients += s->n_rcpts;
	t->octets += s->octets;
	t->last_us = s->now_us;
	if (!t->first_us)
		t->first_us = s->now_us;
}

static void
record(struct sink_session *s, const struct sink_answer *a, bool taken)
{
	struct sink_log_message m = {.connection = s->id,
	                             .from = pr_buf_str(&s->from),
	                             .rcpts = s->rcpts.data,
	                             .n_rcpts = s->n_rcpts,
	                             .message_id = pr_buf_str(&s->header.value),
	                             .octets = s->octets,
	                             .code = a->code,
	                             .answered = sink_session_reaches(a),
	                             .tls = s->secured,
	                             .file = taken && s->sink->maildir ? s->kept.name : NULL};
	sink_log_message(s->sink->log, &m);
}

void
sink_message_end(struct sink_session *s)
{
	struct sink_answer a = judge(s);
	a = sink_session_decide(s, SINK_ON_DOT, s->rcpts.data, s->n_rcpts, a);
	bool taken = a.code < 400;
	if (taken && s->sink->maildir && !sink_mail_keep(s->sink->maildir, &s->kept)) {
		a = (struct sink_answer){452, "4.3.1", "The message could not be kept", NULL};
		taken = false;
	}
	sink_header_end(&s->header);
	if (s->sink->log)
		record(s, &a, taken);
	sink_session_log(s, s->chunked ? "LAST" : ".", PR_STR(""), a.code);
	count(s, taken);
	s->phase = SINK_COMMANDS;
	s->chunked = s->alone = false;
	sink_session_reset(s);
	sink_session_give(s, &a);
}

void
sink_message_chunk_end(struct sink_session *s)
{
	const struct sink_options *o = &s->sink->options;
	bool last = s->chunk_last;
	s->phase = SINK_COMMANDS;
	if (s->chunk_void) /* was answered when its command came */
		return;
	if (last) {
		sink_message_end(s);
		return;
	}
	struct sink_answer a = {250, "2.0.0", "Ok, chunk taken", NULL};
	if (o->size_max && s->octets > o->size_max)
		a = (struct sink_answer){552, "5.3.4", "Message too large", NULL};
	a = sink_session_decide(s, SINK_ON_BDAT, s->rcpts.data, s->n_rcpts, a);
	if (!sink_session_give(s, &a))
		sink_session_reset(s); /* RFC 3030, 2: what follows is out of sequence */
}
