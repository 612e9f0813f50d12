/* Sessions: conversations as scripts, then commands, bodies and time one by one. */
#include "smtp_script.h"
#include "suite.h"

/* Conversations are read line by line. */
/* clang-format off */
#define GREETING "S 220 mx ready\nC EHLO me.example\n=\n"
#define PIPED GREETING "S 250-mx|250-PIPELINING|250 8BITMIME\n"
#define PLAIN GREETING "S 250 mx\n"
#define ENVELOPE(n) "C MAIL FROM:<s@a.example>\nC RCPT TO:<r" n "@b.example>\nC DATA\n"
#define AHEAD {.lookahead = true}

static const struct script scripts[] = {
    {"one message pipelined", 1,
     PIPED ENVELOPE("1") "=\nS 250 a|250 b|354 go\nM 1\n=\nS 250 taken\n=\nwait\nC QUIT\nS 221 bye\n",
     "w1 r1:dot:250 end:quit:221", AHEAD},
    {"one message step by step", 1,
     PLAIN "C MAIL FROM:<s@a.example>\n=\nS 250 a\nC RCPT TO:<r1@b.example>\n=\nS 250 b\nC DATA\n=\n"
           "S 354 go\nM 1\n=\nS 250 taken\nquit\nC QUIT\nS 221 bye\n",
     "w1 r1:dot:250 end:quit:221", AHEAD},
    {"HELO when EHLO is not known, and a second message without RSET", 2,
     GREETING "S 502 what?\nC HELO me.example\nS 250 mx\nC MAIL FROM:<s@a.example>\n=\nS 250 a\n"
              "C RCPT TO:<r1@b.example>\nS 250 b\nC DATA\nS 354 go\nM 1\n=\nS 250 taken\n"
              "C MAIL FROM:<s@a.example>\n=\nlost\n",
     "w1 r1:dot:250 r2:mail:lost end:mail:-", AHEAD},
    {"HELO refused too", 1, GREETING "S 500 what?\nC HELO me.example\nS 550 no\n", "end:ehlo:550",
     AHEAD},
    {"next envelope in the flight of the dot", 3,
     PIPED ENVELOPE("1") "=\nS 250 a|250 b|354 go\nM 1\n" ENVELOPE("2") "=\n"
                         "S 250 taken|250 a|250 b|354 go\nM 2\n" ENVELOPE("3") "=\n"
                         "S 250 taken|250 a|250 b|354 go\nM 3\n=\nS 250 taken\n=\n",
     "w1 r1:dot:250 w2 r2:dot:250 w3 r3:dot:250 end:idle:-", AHEAD},
    {"no look-ahead where it is not wanted", 2,
     PIPED ENVELOPE("1") "=\nS 250 a|250 b|354 go\nM 1\n=\nS 250 taken\n" ENVELOPE("2") "=\n",
     "w1 r1:dot:250 r2:mail:lost end:mail:-", {.lookahead = false}},
    {"woken behind a dot, the envelope goes at once", 1,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n=\n+\n" ENVELOPE("2") "=\n+\n=\n"
                         "S 250 taken|250 a|250 b|354 go\nM 2\n" ENVELOPE("3") "=\n",
     "w1 r1:dot:250 w2 r2:dot:doubt b3 end:dot:-", AHEAD},
    {"woken in the middle of a transaction, nothing happens", 1,
     PIPED ENVELOPE("1") "=\n+\n=\nS 250 a\n+\n=\n", "r1:rcpt:lost end:rcpt:-", AHEAD},
    {"refused recipient: RSET begins the next group", 2,
     PIPED ENVELOPE("1") "S 250 a|550 5.1.1 unknown\n=\nS 554 no valid recipients\nC RSET\n" ENVELOPE("2")
     "=\nS 250 reset|250 a|250 b|354 go\nM 2\n=\nS 250 taken\n=\n",
     "r1:rcpt:550 w2 r2:dot:250 end:idle:-", AHEAD},
    {"refused sender: RSET begins the next group", 2,
     PIPED ENVELOPE("1") "S 451 a|503 b|503 c\nC RSET\n" ENVELOPE("2") "=\n",
     "r1:mail:451 b2 end:rset:-", AHEAD},
    {"refused sender, step by step: no RCPT follows", 2,
     PLAIN "C MAIL FROM:<s@a.example>\nS 550 no\nC RSET\n=\nS 250 ok\nC MAIL FROM:<s@a.example>\n=\n",
     "r1:mail:550 r2:mail:lost end:mail:-", AHEAD},
    {"refused recipient, step by step: no DATA follows", 1,
     PLAIN "C MAIL FROM:<s@a.example>\nS 250 a\nC RCPT TO:<r1@b.example>\nS 550 no\n=\n",
     "r1:rcpt:550 end:idle:-", AHEAD},
    {"refused DATA", 2, PIPED ENVELOPE("1") "S 250 a|250 b|451 not now\nC RSET\n" ENVELOPE("2") "=\n",
     "r1:data:451 b2 end:rset:-", AHEAD},
    {"refused dot with an envelope behind it that is taken", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 550 spam|250 a|250 b|354 go\nM 2\n" ENVELOPE("3") "=\nS 250 taken\n",
     "w1 r1:dot:550 w2 r2:dot:250 r3:mail:lost end:mail:-", AHEAD},
    {"refused dot without look-ahead: RSET", 2,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n=\nS 452 full\nC RSET\n" ENVELOPE("2") "=\n",
     "w1 r1:dot:452 b2 end:rset:-", {.lookahead = false}},
    {"nested MAIL behind a refused dot is not that message's fault", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 550 spam|503 nested|250 b|554 no\nC RSET\n" ENVELOPE("3") "=\n",
     "w1 r1:dot:550 b2 b3 end:rset:-", AHEAD},
    {"nested MAIL behind a refused dot, and yet 354: gone before a wrong message", 2,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 550 spam|503 nested|250 b|354 go\n=\n",
     "w1 r1:dot:550 b2 end:data:-", AHEAD},
    {"503 behind an accepted dot counts", 2,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 250 taken|503 no|503 b|503 c\n=\n",
     "w1 r1:dot:250 r2:mail:503 end:idle:-", AHEAD},
    {"second recipient refused in the pipeline", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 250 taken|250 a|550 unknown|554 none\nC RSET\n" ENVELOPE("3") "=\n",
     "w1 r1:dot:250 r2:rcpt:550 b3 end:rset:-", AHEAD},
    {"second recipient refused, and yet 354: no lone dot", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 250 taken|250 a|550 unknown|354 go\n=\n",
     "w1 r1:dot:250 r2:rcpt:550 end:data:-", AHEAD},
    {"refused sender, and yet 354", 1, PIPED ENVELOPE("1") "S 550 no|250 b|354 go\n=\n",
     "r1:mail:550 end:data:-", AHEAD},
    {"lost between the two answers", 2,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2") "S 250 taken\nlost\n",
     "w1 r1:dot:250 r2:mail:lost end:mail:-", AHEAD},
    {"lost with both unanswered", 2, PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2") "lost\n",
     "w1 r1:dot:doubt b2 end:dot:-", AHEAD},
    {"421 to the dot is an answer", 2, PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2") "S 421 closing\n",
     "w1 r1:dot:421 b2 end:dot:421", AHEAD},
    {"421 to RCPT ends the session and leaves the message", 1,
     PIPED ENVELOPE("1") "S 250 a|421 closing\n=\n", "r1:rcpt:lost end:rcpt:421", AHEAD},
    {"421 while idle", 0, PIPED "=\nS 421 idle too long\n", "end:idle:421", AHEAD},
    {"spoken out of turn while idle", 0, PIPED "=\nS 250 hello?\n", "end:idle:-", AHEAD},
    {"answers before the question", 1, "S 220 mx|250-mx|250 PIPELINING\n=\n", "end:ehlo:-", AHEAD},
    {"2xx to DATA", 1, PIPED ENVELOPE("1") "S 250 a|250 b|250 c\n=\n", "r1:data:lost end:data:-", AHEAD},
    {"3xx to MAIL", 1, PIPED ENVELOPE("1") "S 354 a\n=\n", "r1:mail:lost end:mail:-", AHEAD},
    {"3xx to the dot leaves a doubt", 1, PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\nS 354 more\n",
     "w1 r1:dot:doubt end:dot:-", AHEAD},
    {"RSET refused", 2, PIPED ENVELOPE("1") "S 250 a|550 b|554 c\nC RSET\n" ENVELOPE("2") "S 500 what?\n=\n",
     "r1:rcpt:550 b2 end:rset:500", AHEAD},
    {"so many messages a connection, then QUIT", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "S 250 taken|250 a|250 b|354 go\nM 2\n=\nS 250 taken\nC QUIT\n=\nS 221 bye\n",
     "w1 r1:dot:250 w2 r2:dot:250 end:quit:221", {.lookahead = true, .messages_max = 2}},
    {"quit lets what runs end, the look-ahead too", 3,
     PIPED ENVELOPE("1") "S 250 a|250 b|354 go\nM 1\n" ENVELOPE("2")
     "quit\n=\nS 250 taken|250 a|250 b|354 go\nM 2\n=\nS 250 taken\nC QUIT\n=\nlost\n",
     "w1 r1:dot:250 w2 r2:dot:250 end:quit:-", AHEAD},
    {"quit before the banner", 1, "quit\n=\n", "end:quit:-", AHEAD},
    {"quit, and the peer says nothing", 0, PIPED "quit\nC QUIT\n=\nwait\n", "end:quit:-", AHEAD},
    {"idle: QUIT after a while, sooner when told", 0, PIPED "=\nwait\nC QUIT\nS 221 bye\n",
     "end:quit:221", {.idle_ms = 50}},
    {"banner refused", 1, "S 554 not you\n=\n", "end:banner:554", AHEAD},
    {"EHLO refused for now", 1, GREETING "S 451 later\n=\n", "end:ehlo:451", AHEAD},
};
/* clang-format on */

START_TEST(scripted_peers_get_and_cause_what_the_script_says)
{
	script_play(&scripts[_i], false);
	script_play(&scripts[_i], true);
}
END_TEST

/* ---- commands ---- */

static const char offers[] =
    "250-mx\r\n250-pipelining\r\n250-Size 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-DSN\r\n250-STARTTLS\r\n250-AUTH=LOGIN\r\n"
    "250 X-UNKNOWN foo\r\n";

static void
open_offering(struct talk *t, const char *ehlo_reply)
{
	talk_hear(t, "220 mx\r\n", 8);
	talk_hear(t, ehlo_reply, strlen(ehlo_reply));
}

START_TEST(parameters_of_mail_follow_what_is_offered_and_needed)
{
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example"}, 1);
	t.messages[0].eight_bit = true;
	t.messages[0].to = "gr\xC3\xBC\xC3\x9F@b.example";
	t.messages[0].from = "";
	open_offering(&t, offers);
	ck_assert_str_eq(t.said.data,
	                 "EHLO me.example\r\nMAIL FROM:<> SIZE=18 BODY=8BITMIME "
	                 "SMTPUTF8\r\nRCPT TO:<gr\xC3\xBC\xC3\x9F@b.example>\r\nDATA\r\n");
	ck_assert_uint_eq(pr_smtp_offers(t.s),
	                  PR_SMTP_PIPELINING | PR_SMTP_8BITMIME | PR_SMTP_SMTPUTF8 | PR_SMTP_SIZE |
	                      PR_SMTP_ESMTP | PR_SMTP_CHUNKING | PR_SMTP_DSN | PR_SMTP_STARTTLS);
	ck_assert_uint_eq(t.s->size_limit, 1000);
	talk_finish(&t);
}
END_TEST

struct unfit {
	const char *offer, *from, *to;
	size_t size;
	bool eight_bit, too_large, fits;
};

static const struct unfit unfits[] = {
    {"250 mx\r\n", "a@b", "c@d", 10, .fits = true},
    {"250-mx\r\n250 SIZE 9\r\n", "a@b", "c@d", 10, .too_large = true},
    {"250-mx\r\n250 SIZE 10\r\n", "a@b", "c@d", 10, .fits = true},
    {"250-mx\r\n250 SIZE 0\r\n", "a@b", "c@d", 10, .fits = true},
    {"250-mx\r\n250 SIZE\r\n", "a@b", "c@d", 10, .fits = true},
    {"250-mx\r\n250 SIZE 99999999999999999999\r\n", "a@b", "c@d", 10, .fits = true},
    {"250 mx\r\n", "a@b", "c@d", 10, .eight_bit = true},
    {"250-mx\r\n250 8bitmime\r\n", "a@b", "c@d", 10, .eight_bit = true, .fits = true},
    {"250 mx\r\n", "a@b", "\xC3\xA9@d", 10},
    {"250-mx\r\n250 SMTPUTF8\r\n", "a@b", "\xC3\xA9@d", 10, .fits = true},
    {"250 mx\r\n", "\xC3\xA9@b", "c@d", 10},
    {"250 mx\r\n", "a@b", "", 10},
    {"250 mx\r\n", "a@b", "c@d\r\nDATA", 10},
    {"250 mx\r\n", "a@b", "c@d\nDATA", 10},
    {"250 mx\r\n", "a@b> X=Y", "c@d", 10},
    {"250 mx\r\n", "<a@b", "c@d", 10},
    {"250 mx\r\n", "a@b", "c\x7f@d", 10},
    {"250 mx\r\n", "a@b", "\"c d\"@d", 10, .fits = true},
};

START_TEST(what_a_session_cannot_carry_never_reaches_a_command)
{
	const struct unfit *u = &unfits[_i];
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example"}, 1);
	t.messages[0].from = u->from;
	t.messages[0].to = u->to;
	t.messages[0].size = u->size;
	t.messages[0].eight_bit = u->eight_bit;
	open_offering(&t, u->offer);
	bool said = strcmp(t.said.data, "EHLO me.example\r\n") != 0;
	ck_assert(said == u->fits);
	ck_assert(u->fits || strcmp(t.log.data, "r1:mail:never") == 0);
	talk_finish(&t);
}
END_TEST

START_TEST(overlong_addresses_are_refused_here)
{
	char address[400];
	memset(address, 'a', sizeof address);
	memcpy(address + 321 - 4, "@b.c", 5);
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){0}, 2);
	t.messages[0].to = address;
	t.messages[1].to = address + 1;
	open_offering(&t, "250 mx\r\n");
	ck_assert_str_eq(t.log.data, "r1:mail:never");
	ck_assert_ptr_nonnull(strstr(t.said.data, "EHLO localhost\r\nMAIL FROM"));
	talk_finish(&t);
}
END_TEST

START_TEST(a_host_name_cannot_end_its_line)
{
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me\r\nMAIL FROM:<x@y>"}, 0);
	talk_hear(&t, "220 mx\r\n", 8);
	ck_assert_str_eq(t.said.data, "EHLO localhost\r\n");
	talk_finish(&t);
}
END_TEST

/* ---- bodies ---- */

/* Up to the body of message 1. */
static void
open_body(struct talk *t, const char *data, size_t n, bool dots)
{
	talk_begin(t, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true}, 2);
	t->messages[0].data = data;
	t->messages[0].size = n;
	t->messages[0].dots = dots;
	open_offering(t, "250-mx\r\n250 PIPELINING\r\n");
	pr_buf_clear(&t->said);
	t->sends = 0;
	talk_hear(t, "250 a\r\n250 b\r\n354 go\r\n", 22);
}

static const char *const bodies[][2] = {
    {".\r\n", "..\r\n"},
    {"..\r\n", "...\r\n"},
    {"a\r\n.\r\n", "a\r\n..\r\n"},
    {"a\r\n.b\r\n.c\r\n", "a\r\n..b\r\n..c\r\n"},
    {"a.\r\nb.c\r\n", "a.\r\nb.c\r\n"},
    {".a\r\n\r\n.\r\n..\r\n", "..a\r\n\r\n..\r\n...\r\n"},
    {"a\n.\n\r\n", "a\n..\n\r\n"},
    {"no end", "no end\r\n"},
    {"half\r", "half\r\r\n"},
    {"\r\n", "\r\n"},
};

START_TEST(dots_at_line_begin_are_doubled_everywhere)
{
	struct talk t;
	open_body(&t, bodies[_i][0], strlen(bodies[_i][0]), true);
	size_t n = strlen(bodies[_i][1]);
	ck_assert_mem_eq(t.said.data, bodies[_i][1], n);
	ck_assert_mem_eq(t.said.data + n, ".\r\nMAIL", 7);
	ck_assert_uint_eq(t.sends, 1); /* body and next envelope: one flight, one call */
	talk_finish(&t);
}
END_TEST

/* The reference: line by line. */
static void
stuff_slowly(const char *p, size_t n, struct pr_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && (i == 0 || p[i - 1] == '\n'))
			pr_buf_addc(out, '.');
		pr_buf_addc(out, p[i]);
	}
	pr_buf_adds(out, ".\r\n");
}

START_TEST(large_bodies_go_in_parts_and_are_marked_before_the_last)
{
	enum { SIZE = 200000 };
	struct pr_buf body = {0}, want = {0}, got = {0};
	unsigned seed = 7;
	while (body.len < SIZE)
		pr_buf_adds(&body,
		            (seed = seed * 1103515245 + 12345) >> 16 & 3 ? ".\r\n" : "xy\r\n..");
	pr_buf_adds(&body, "\r\n");
	stuff_slowly(body.data, body.len, &want);
	struct talk t;
	open_body(&t, body.data, body.len, true);
	unsigned parts = 0;
	while (!t.wired[0]) {
		ck_assert_int_eq(smtp_stage(t.s), PR_STAGE_BODY);
		ck_assert_uint_le(t.said.len, 2 * 65536 + 100);
		ck_assert_uint_ne(t.said.len, 0);
		pr_buf_add(&got, t.said.data, t.said.len);
		pr_buf_clear(&t.said);
		pr_smtp_wake(t.s, t.now); /* nothing goes before the last part has left */
		ck_assert_uint_eq(t.said.len, 0);
		pr_smtp_drained(t.s, t.now += 1000);
		parts++;
	}
	pr_buf_add(&got, t.said.data, t.said.len);
	ck_assert_uint_eq(parts, body.len / 65536);
	ck_assert_uint_gt(got.len, want.len);
	ck_assert_mem_eq(got.data, want.data, want.len);
	ck_assert_mem_eq(got.data + want.len, "MAIL", 4);
	ck_assert_int_eq(smtp_stage(t.s), PR_STAGE_DOT);
	talk_finish(&t);
	pr_buf_finish(&body), pr_buf_finish(&want), pr_buf_finish(&got);
}
END_TEST

START_TEST(a_tail_follows_the_data_and_counts_in_size)
{
	enum { TAIL = 150000 };
	static char tail[TAIL + 1];
	struct pr_buf got = {0};
	struct talk t;
	memset(tail, 'A', TAIL);
	memcpy(tail + TAIL - 2, "\r\n", 2);
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true}, 2);
	t.messages[0].data = "text\r\n.\r\n";
	t.messages[0].size = 9;
	t.messages[0].dots = true;
	t.messages[0].tail = tail;
	t.messages[0].tail_n = TAIL;
	open_offering(&t, "250-mx\r\n250-PIPELINING\r\n250 SIZE 150009\r\n");
	ck_assert_ptr_nonnull(strstr(t.said.data, " SIZE=150009\r\n"));
	pr_buf_clear(&t.said);
	talk_hear(&t, "250 a\r\n250 b\r\n354 go\r\n", 22);
	while (!t.wired[0]) {
		pr_buf_add_str(&got, pr_buf_str(&t.said));
		pr_buf_clear(&t.said);
		pr_smtp_drained(t.s, t.now += 1000);
	}
	pr_buf_add_str(&got, pr_buf_str(&t.said));
	ck_assert_mem_eq(got.data, "text\r\n..\r\nAAA", 13);
	ck_assert_mem_eq(got.data + 10, tail, TAIL);
	ck_assert_mem_eq(got.data + 10 + TAIL, ".\r\nMAIL", 7);
	talk_finish(&t);
	pr_buf_finish(&got);
}
END_TEST

/* What may happen while a large body is on its way. */
static const struct {
	const char *heard; /* NULL: lost; "": silence */
	const char *log;
} midway[] = {
    {NULL, "r1:body:lost end:body:-"},
    {"", "r1:body:lost end:body:-"},
    {"552 too much\r\n", "r1:body:552 end:body:552"},
    {"452 disk full\r\n", "r1:body:452 end:body:452"},
    {"421 closing\r\n", "r1:body:lost end:body:421"},
    {"250 fine already\r\n", "r1:body:lost end:body:-"},
    {"rubbish\r\n", "r1:body:lost end:body:-"},
};

START_TEST(a_body_cut_short_is_never_taken_for_sent)
{
	size_t n = 100000;
	char *body = malloc(n);
	memset(body, 'x', n);
	memcpy(body + n - 2, "\r\n", 2);
	struct talk t;
	open_body(&t, body, n, false);
	if (!midway[_i].heard)
		talk_lose(&t);
	else if (!*midway[_i].heard)
		talk_wait(&t);
	else
		talk_hear(&t, midway[_i].heard, strlen(midway[_i].heard));
	ck_assert_str_eq(t.log.data, midway[_i].log);
	talk_finish(&t);
	free(body);
}
END_TEST

/* ---- time ---- */

START_TEST(waits_are_those_of_rfc_5321)
{
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true}, 1);
	int64_t minute = 60000;
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5 * minute);
	talk_hear(&t, "220 mx\r\n", 8);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5 * minute);
	talk_hear(&t, "250-mx\r\n250 PIPELINING\r\n", 24);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5 * minute);
	t.now += 1000;
	talk_hear(&t, "250 a\r\n2", 8); /* a torn reply does not buy time */
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5 * minute);
	t.now += 1000;
	talk_hear(&t, "50 b", 4);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5 * minute - 1000);
	talk_hear(&t, "\r\n", 2);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 2 * minute);
	talk_hear(&t, "354 go\r\n", 8);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 10 * minute);
	talk_hear(&t, "250 taken\r\n", 11);
	ck_assert_int_eq(pr_smtp_deadline(t.s) - t.now, 5000);
	ck_assert_int_eq(smtp_stage(t.s), PR_STAGE_IDLE);
	ck_assert_uint_eq(pr_smtp_accepted(t.s), 1);
	talk_finish(&t);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {scripted_peers_get_and_cause_what_the_script_says, ROWS(scripts)},
	    {parameters_of_mail_follow_what_is_offered_and_needed},
	    {what_a_session_cannot_carry_never_reaches_a_command, ROWS(unfits)},
	    {overlong_addresses_are_refused_here},
	    {a_host_name_cannot_end_its_line},
	    {dots_at_line_begin_are_doubled_everywhere, ROWS(bodies)},
	    {large_bodies_go_in_parts_and_are_marked_before_the_last},
	    {a_tail_follows_the_data_and_counts_in_size},
	    {a_body_cut_short_is_never_taken_for_sent, ROWS(midway)},
	    {waits_are_those_of_rfc_5321},
	};
	return suite_run("smtp_session", NULL, NULL, tests, ROWS(tests));
}
