/*
 * A session under test: its messages, what it said, and a log of what it told its owner.
 *
 * The log reads, in order: `w1` wire mark of message 1; `r1:rcpt:550` result; `r1:dot:doubt`,
 * `r1:mail:never` (permanent), `r1:rcpt:lost` (tried in vain), `r1:dot:250:wrong` (return
 * path); `b1` returned; `secure` a handshake is due; `end:quit:221` or `end:mail:-` (not answered).
 */
#ifndef TESTS_SMTP_TALK_H
#define TESTS_SMTP_TALK_H

#include "../../src/smtp/session.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define TALK_MESSAGES 8

struct talk {
	pr_smtp *s;
	int64_t now;
	struct pr_envelope messages[TALK_MESSAGES];
	char to[TALK_MESSAGES][24];
	unsigned n, taken;       /* messages there are, given out */
	int fate[TALK_MESSAGES]; /* results and returns of each */
	bool wired[TALK_MESSAGES], chunked[TALK_MESSAGES];
	struct pr_buf said, log;
	unsigned sends, ends;
	bool reenter; /* wake from within callbacks */
};

static void
talk_log(struct talk *t, const char *text)
{
	if (t->log.len)
		pr_buf_addc(&t->log, ' ');
	pr_buf_adds(&t->log, text);
}

static void
talk_send(void *context, const char *data, size_t n)
{
	struct talk *t = context;
	ck_assert_uint_eq(t->ends, 0);
	pr_buf_add(&t->said, data, n);
	t->sends++;
}

static struct pr_envelope *
talk_next(void *context)
{
	struct talk *t = context;
	ck_assert_uint_eq(t->ends, 0);
	if (t->reenter)
		pr_smtp_wake(t->s, t->now);
	return t->taken < t->n ? &t->messages[t->taken++] : NULL;
}

static void
talk_secure(void *context)
{
	struct talk *t = context;
	talk_log(t, "secure");
	if (t->reenter) /* a handshake that is done at once */
		pr_smtp_secured(t->s, t->now);
}

static void
talk_wire(void *context, struct pr_envelope *m)
{
	struct talk *t = context;
	char text[16];
	ck_assert(!t->wired[m - t->messages]);
	t->wired[m - t->messages] = true;
	snprintf(text, sizeof text, "w%d", (int)(m - t->messages) + 1);
	talk_log(t, text);
}

static void
talk_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct talk *t = context;
	char text[64], code[16];
	int i = (int)(m - t->messages);
	ck_assert_uint_eq(t->ends, 0);
	t->fate[i]++;
	snprintf(code, sizeof code, "%d", r->reply.code);
	ck_assert(r->answered == (r->reply.code != 0) && r->answered == !r->why);
	ck_assert(!r->in_doubt || t->wired[i]);
	ck_assert(r->in_doubt || r->answered || !t->wired[i] || r->chunked);
	ck_assert(!r->wrong_return_path || r->reply.code < 300);
	t->chunked[i] = r->chunked;
	snprintf(text, sizeof text, "r%d:%s:%s%s", i + 1, pr_smtp_stage_word(r->stage),
	         r->answered    ? code
	         : r->in_doubt  ? "doubt"
	         : r->permanent ? "never"
	                        : "lost",
	         r->wrong_return_path ? ":wrong" : "");
	talk_log(t, text);
	if (t->reenter)
		pr_smtp_wake(t->s, t->now);
}

static void
talk_returned(void *context, struct pr_envelope *m)
{
	struct talk *t = context;
	char text[16];
	int i = (int)(m - t->messages);
	ck_assert_uint_eq(t->ends, 0);
	ck_assert(!t->wired[i] || t->s->options.chunking);
	t->fate[i]++;
	snprintf(text, sizeof text, "b%d", i + 1);
	talk_log(t, text);
}

static void
talk_ended(void *context, const struct pr_smtp_result *r)
{
	struct talk *t = context;
	char text[64];
	if (r->answered)
		snprintf(text, sizeof text, "end:%s:%d", pr_smtp_stage_word(r->stage),
		         r->reply.code);
	else
		snprintf(text, sizeof text, "end:%s:-", pr_smtp_stage_word(r->stage));
	talk_log(t, text);
	ck_assert_uint_eq(t->ends++, 0);
	pr_smtp_destroy(t->s);
	t->s = NULL;
}

static const struct pr_smtp_events talk_events = {
    talk_send, talk_next, talk_secure, talk_wire, talk_result, talk_returned, talk_ended};

static void
talk_begin(struct talk *t, const struct pr_smtp_options *options, unsigned messages)
{
	static const char data[] = "Subject: x\r\n\r\nhi\r\n";
	*t = (struct talk){.now = 1000000, .n = messages};
	for (unsigned i = 0; i < TALK_MESSAGES; i++) {
		snprintf(t->to[i], sizeof t->to[i], "r%u@b.example", i + 1);
		t->messages[i] = (struct pr_envelope){
		    .from = "s@a.example", .to = t->to[i], .data = data, .size = sizeof data - 1};
	}
	t->s = pr_smtp_create(options, &talk_events, t);
	ck_assert_int_eq(smtp_stage(t->s), PR_STAGE_CONNECT);
	pr_smtp_connected(t->s, t->now);
}

/* What the session would get from a peer. Nothing when it is over. */
static void
talk_hear(struct talk *t, const char *data, size_t n)
{
	if (t->s)
		pr_smtp_receive(t->s, data, n, t->now);
}

static void
talk_lose(struct talk *t)
{
	if (t->s)
		pr_smtp_lost(t->s, "connection lost", t->now);
}

/* Let time pass until what the session waits for is overdue. */
__attribute__((unused)) static void
talk_wait(struct talk *t)
{
	if (!t->s)
		return;
	int64_t due = pr_smtp_deadline(t->s);
	ck_assert(due < INT64_MAX);
	pr_smtp_tick(t->s, due - 1);
	ck_assert_ptr_nonnull(t->s);
	ck_assert(pr_smtp_deadline(t->s) == due);
	t->now = due;
	pr_smtp_tick(t->s, due);
}

/* Ends it if nothing did; every message that was taken has one fate. */
static void
talk_finish(struct talk *t)
{
	talk_lose(t);
	ck_assert_uint_eq(t->ends, 1);
	for (unsigned i = 0; i < TALK_MESSAGES; i++)
		ck_assert_int_eq(t->fate[i], i < t->taken);
	pr_buf_finish(&t->said);
	pr_buf_finish(&t->log);
}

#endif
