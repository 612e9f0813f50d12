/*
 * A session and the sink, octets carried between them by hand: what one says the other
 * understands, and how often a message waits for an answer. A turn carries all that was
 * said to the sink and all its answers back: one round trip.
 */
#include "sink/session.h"
#include "smtp_talk.h"
#include "suite.h"

#define LATENCY_US 25000

struct line {
	struct talk t;
	struct sink sink;
	struct sink_session peer;
	int64_t now_us;
	unsigned turns;
};

static void
carry_back(struct line *l)
{
	l->now_us += LATENCY_US;
	for (struct pr_str ready; (ready = sink_out_ready(&l->peer.out, l->now_us)).n;) {
		talk_hear(&l->t, ready.p, ready.n);
		sink_out_sent(&l->peer.out, ready.n);
	}
}

/* A large body leaves part by part, and needs no answer for that. */
static void
carry_over(struct line *l)
{
	while (l->t.said.len) {
		sink_session_input(&l->peer, l->t.said.data, l->t.said.len, l->now_us);
		pr_buf_clear(&l->t.said);
		if (l->t.s)
			pr_smtp_drained(l->t.s, l->t.now);
	}
}

/* Until nothing is said any more; the greeting and EHLO do not count. */
static void
converse(struct line *l)
{
	carry_back(l);
	carry_over(l);
	carry_back(l);
	for (; l->t.said.len; l->turns++) {
		carry_over(l);
		carry_back(l);
	}
}

static void
start(struct line *l, const struct pr_smtp_options *options, unsigned messages)
{
	l->sink.options.hostname = "sink.example";
	l->sink.options.latency_us = LATENCY_US;
	l->sink.options.rcpt_max = 100;
	sink_session_begin(&l->peer, &l->sink, 1, 25, l->now_us);
	struct pr_smtp_options o = *options;
	o.hostname = "me.example";
	talk_begin(&l->t, &o, messages);
}

static void
finish(struct line *l)
{
	ck_assert_uint_eq(l->sink.totals.pipelining_errors, 0);
	talk_finish(&l->t);
	sink_session_finish(&l->peer);
	sink_rules_finish(&l->sink.rules);
}

/* ---- round trips ---- */

static const struct {
	bool pipelining, chunking, lookahead, alone;
	unsigned turns; /* of 8 messages */
} trips[] = {
    {true, true, false, false, 8}, /* all of a message in one flight */
    {true, true, true, true, 8},   /* nothing behind it */
    {true, true, true, false, 4},  /* two unanswered: half a round trip a message */
    {true, false, true, true, 9},  /* one a message, and the first envelope */
    {true, false, false, false, 16}, {false, true, true, false, 24},
    {false, false, true, false, 32},
};

START_TEST(a_message_takes_so_many_round_trips)
{
	struct line l = {0};
	l.sink.options.no_pipelining = !trips[_i].pipelining;
	l.sink.options.no_chunking = !trips[_i].chunking;
	start(&l,
	      &(struct pr_smtp_options){.lookahead = trips[_i].lookahead,
	                                .chunk_alone = trips[_i].alone,
	                                .chunking = true,
	                                .dsn = true},
	      8);
	converse(&l);
	ck_assert_uint_eq(l.turns, trips[_i].turns);
	ck_assert_uint_eq(l.sink.totals.messages, 8);
	ck_assert_uint_eq(l.sink.totals.refused, 0);
	ck_assert_uint_eq(pr_smtp_accepted(l.t.s), 8);
	ck_assert(l.t.chunked[0] == trips[_i].chunking);
	/* no RSET after success; one before what is sent when that is not known yet */
	unsigned steps = trips[_i].chunking ? 3 : 4;
	steps += trips[_i].turns == 4;
	ck_assert_uint_le(l.sink.totals.commands, 1 + 8 * steps);
	finish(&l);
}
END_TEST

/* ---- large messages ---- */

START_TEST(large_messages_arrive_whole_and_unchanged)
{
	enum { SIZE = 200000 };
	static char data[SIZE + 1];
	struct line l = {0};
	for (unsigned i = 0; i < SIZE; i += 4)
		memcpy(data + i, ".x\r\n", 4);
	l.sink.options.no_chunking = _i & 1;
	start(&l, &(struct pr_smtp_options){.lookahead = true, .chunking = true}, 2);
	for (unsigned i = 0; i < 2; i++) {
		l.t.messages[i].tail = "the end\r\n";
		l.t.messages[i].tail_n = 9;
		l.t.messages[i].data = data;
		l.t.messages[i].size = SIZE;
		l.t.messages[i].dots = true;
	}
	converse(&l);
	ck_assert_uint_eq(l.sink.totals.messages, 2);
	ck_assert_uint_eq(l.sink.totals.octets, 2 * (SIZE + 9));
	finish(&l);
}
END_TEST

/* ---- refusals ---- */

static const struct {
	const char *rule, *log;
	unsigned accepted; /* of 4 */
	bool alone;        /* no look-ahead */
} refusals[] = {
    {"on=rcpt,match=r1@*,reply=\"550 no\"", "r1:rcpt:550 w2 r2:dot:250", 3, true},
    /* the sink keeps the sender of a refused message, as RFC 5321 has it: RSET stands between */
    {"on=rcpt,match=r1@*,reply=\"550 no\"", "w2 r1:rcpt:550 r2:dot:250 w3 w4 r3:dot:250", 3},
    {"on=mail,first=1,reply=\"451 no\"", "r1:mail:451", 3},
    {"on=dot,after=1,first=1,reply=\"452 no\"", "r2:dot:452", 3},
};

START_TEST(what_the_sink_refuses_is_told_and_the_rest_arrives)
{
	struct line l = {0};
	ck_assert_int_eq(sink_rules_add(&l.sink.rules, refusals[_i].rule, NULL), 0);
	start(&l, &(struct pr_smtp_options){.lookahead = !refusals[_i].alone, .chunking = true}, 4);
	converse(&l);
	ck_assert_msg(strstr(l.t.log.data, refusals[_i].log), "%s", l.t.log.data);
	ck_assert_uint_eq(l.sink.totals.messages, refusals[_i].accepted);
	finish(&l);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_message_takes_so_many_round_trips, ROWS(trips)},
	    {large_messages_arrive_whole_and_unchanged, 2},
	    {what_the_sink_refuses_is_told_and_the_rest_arrives, ROWS(refusals)},
	};
	return suite_run("smtp_sink", NULL, NULL, tests, ROWS(tests));
}
