/* Sessions by CHUNKING (RFC 3030): conversations as scripts, then parts of large bodies. */
#include "smtp_script.h"
#include "suite.h"

/* clang-format off */
#define GREETING "S 220 mx\nC EHLO me.example\n=\n"
#define BOTH GREETING "S 250-mx|250-PIPELINING|250 CHUNKING\n"
#define ALONE GREETING "S 250-mx|250 CHUNKING\n"
#define ENVELOPE(n) "C MAIL FROM:<s@a.example>\nC RCPT TO:<r" n "@b.example>\n"
#define WHOLE(n) ENVELOPE(n) "B " n "\n"
#define BEHIND(n) "C RSET\n" WHOLE(n)
#define TAKEN "250 a|250 b|250 taken"
#define CHUNKS {.lookahead = true, .chunking = true}
#define ONE_BY_ONE {.chunking = true}

static const struct script scripts[] = {
    {"a message is one flight, the next one behind it, and no third", 3,
     BOTH WHOLE("1") BEHIND("2") "=\nS " TAKEN "\n" BEHIND("3") "=\n"
          "S 250 clean|" TAKEN "|250 clean|" TAKEN "\n=\nquit\nC QUIT\nS 221 bye\n",
     "w1 w2 r1:dot:250 w3 r2:dot:250 r3:dot:250 end:quit:221", CHUNKS},
    {"no look-ahead where it is not wanted, and no RSET after success", 2,
     BOTH WHOLE("1") "=\nS 250 a|250 b|250 taken\n" WHOLE("2") "=\n",
     "w1 r1:dot:250 w2 r2:dot:doubt end:mail:-", ONE_BY_ONE},
    {"without PIPELINING: three round trips", 2,
     ALONE "C MAIL FROM:<s@a.example>\n=\nS 250 a\nC RCPT TO:<r1@b.example>\n=\nS 250 b\nB 1\n=\n"
           "S 250 taken\nC MAIL FROM:<s@a.example>\n=\n",
     "w1 r1:dot:250 r2:mail:lost end:mail:-", CHUNKS},
    {"without PIPELINING a refused recipient leaves no octets", 1,
     ALONE "C MAIL FROM:<s@a.example>\nS 250 a\nC RCPT TO:<r1@b.example>\nS 550 no\n=\n",
     "r1:rcpt:550 end:idle:-", CHUNKS},
    {"not wanted: DATA", 1, BOTH ENVELOPE("1") "C DATA\n=\n", "r1:mail:lost end:mail:-",
     {.lookahead = true}},
    {"refused recipient: told after BDAT, then RSET", 2,
     BOTH WHOLE("1") "=\nS 250 a|550 5.1.1 unknown\n=\nS 554 none\nC RSET\n" WHOLE("2") "=\n"
          "S 250 ok|250 a|250 b|250 taken\n=\n",
     "w1 r1:rcpt:550 w2 r2:dot:250 end:idle:-", ONE_BY_ONE},
    {"refused recipient: the next one behind it finds a clean slate", 3,
     BOTH WHOLE("1") BEHIND("2") "=\nS 250 a|550 no|554 none\n" BEHIND("3")
          "=\nS 250 clean|" TAKEN "\n=\n",
     "w1 w2 r1:rcpt:550 w3 r2:dot:250 r3:dot:doubt end:rset:-", CHUNKS},
    {"refused sender", 2,
     BOTH WHOLE("1") "=\nS 451 later|503 b|503 c\nC RSET\n" WHOLE("2") "=\n",
     "w1 r1:mail:451 w2 r2:dot:doubt end:rset:-", ONE_BY_ONE},
    {"woken behind a refused recipient, RSET goes before the envelope", 1,
     BOTH WHOLE("1") "=\nS 250 a|550 no\n=\n+\nC RSET\n" WHOLE("2") "=\nS 554 none|250 ok|250 a|250 b|250 taken\n+\n"
          WHOLE("3") "=\n",
     "w1 w2 r1:rcpt:550 r2:dot:250 w3 r3:dot:doubt end:mail:-", CHUNKS},
    {"refused message", 1, BOTH WHOLE("1") "S 250 a|250 b|552 no\n=\n+\nC RSET\n" WHOLE("2") "=\n",
     "w1 r1:dot:552 w2 r2:dot:doubt end:rset:-", ONE_BY_ONE},
    {"RSET refused behind a refused message: what is behind it is in doubt", 2,
     BOTH WHOLE("1") BEHIND("2") "=\nS 250 a|550 no|554 none|502 what?\n",
     "w1 w2 r1:rcpt:550 r2:dot:doubt end:rset:502", CHUNKS},
    {"refused sender, yet taken: by a wrong return path, and QUIT", 4,
     BOTH WHOLE("1") BEHIND("2") "=\nS 503 nested|250 b|250 taken\n"
          "=\nS 250 clean|" TAKEN "\nC QUIT\nS 221 bye\n",
     "w1 w2 r1:dot:250:wrong r2:dot:250 end:quit:221", CHUNKS},
    {"refused sender, recipient taken, then lost: in doubt", 1,
     BOTH WHOLE("1") "=\nS 503 nested|250 b\n=\nlost\n", "w1 r1:dot:doubt end:dot:-", CHUNKS},
    {"refused sender, then lost: refused", 1, BOTH WHOLE("1") "=\nS 503 nested\n=\nlost\n",
     "w1 r1:mail:503 end:rcpt:-", CHUNKS},
    {"refused recipient, yet taken", 1, BOTH WHOLE("1") "S 250 a|550 no|250 taken\n=\n",
     "w1 r1:dot:250 end:idle:-", CHUNKS},
    {"refused recipient, then lost: refused", 1, BOTH WHOLE("1") "S 250 a|550 no\nlost\n",
     "w1 r1:rcpt:550 end:dot:-", CHUNKS},
    {"lost with both unanswered: both in doubt", 2, BOTH WHOLE("1") BEHIND("2") "S 250 a\nlost\n",
     "w1 w2 r1:dot:doubt r2:dot:doubt end:rcpt:-", CHUNKS},
    {"silence: both in doubt", 2, BOTH WHOLE("1") BEHIND("2") "S 250 a|250 b\nwait\n",
     "w1 w2 r1:dot:doubt r2:dot:doubt end:dot:-", CHUNKS},
    {"421 to BDAT is an answer, and the one behind goes again", 2,
     BOTH WHOLE("1") BEHIND("2") "S 250 a|250 b|421 closing\n", "w1 w2 r1:dot:421 b2 end:dot:421", CHUNKS},
    {"421 to RCPT: nothing of it was taken", 2, BOTH WHOLE("1") BEHIND("2") "S 250 a|421 closing\n",
     "w1 w2 r1:rcpt:lost b2 end:rcpt:421", CHUNKS},
    {"354 to BDAT makes no sense", 1, BOTH WHOLE("1") "S 250 a|250 b|354 go\n",
     "w1 r1:dot:doubt end:dot:-", CHUNKS},
    {"1xx is not SMTP", 1, BOTH WHOLE("1") "S 250 a|250 b|150 ok\n", "w1 r1:dot:doubt end:dot:-", CHUNKS},
    {"so many messages a connection, then QUIT", 3,
     BOTH WHOLE("1") BEHIND("2") "=\nS 250 a|250 b|250 x|250 clean|250 a|250 b|250 x\nC QUIT\nS 221 bye\n",
     "w1 w2 r1:dot:250 r2:dot:250 end:quit:221",
     {.lookahead = true, .chunking = true, .messages_max = 2}},
    {"the peer's limit of messages counts, too", 3,
     GREETING "S 250-mx|250-PIPELINING|250-CHUNKING|250 LIMITS RCPTMAX=1 MAILMAX=1\n" WHOLE("1")
     "=\nS 250 a|250 b|250 taken\nC QUIT\nS 221 bye\n",
     "w1 r1:dot:250 end:quit:221", CHUNKS},
    {"a limit that is none", 2,
     GREETING "S 250-mx|250-PIPELINING|250-CHUNKING|250 LIMITS MAILMAX=0 MAILMAX= X\n" WHOLE("1") BEHIND("2") "=\n",
     "w1 w2 r1:dot:doubt r2:dot:doubt end:mail:-", CHUNKS},
    {"reports of failure are asked for where they are offered", 1,
     GREETING "S 250-mx|250-PIPELINING|250-DSN|250 CHUNKING\nC MAIL FROM:<s@a.example> RET=HDRS\n"
              "C RCPT TO:<r1@b.example> NOTIFY=FAILURE\nB 1\n=\n",
     "w1 r1:dot:doubt end:mail:-", {.chunking = true, .dsn = true}},
    {"and not where they are not", 1, BOTH WHOLE("1") "=\n", "w1 r1:dot:doubt end:mail:-",
     {.chunking = true, .dsn = true}},
};
/* clang-format on */

START_TEST(scripted_peers_get_and_cause_what_the_script_says)
{
	script_play(&scripts[_i], false);
	script_play(&scripts[_i], true);
}
END_TEST

/* ---- bodies ---- */

static void
open_chunks(struct talk *t, const char *data, size_t n, unsigned messages)
{
	const struct pr_smtp_options options = {
	    .hostname = "me.example", .lookahead = true, .chunking = true};
	talk_begin(t, &options, messages);
	t->messages[0].data = data;
	t->messages[0].size = n;
	t->messages[0].dots = true;
	talk_hear(t, "220 mx\r\n", 8);
	pr_buf_clear(&t->said);
	t->sends = 0;
	const char *offer = "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
	talk_hear(t, offer, strlen(offer));
}

START_TEST(octets_of_a_chunk_are_as_they_are)
{
	static const char data[] = ".a\r\n.\r\n..\r\nend";
	struct talk t;
	open_chunks(&t, data, sizeof data - 1, 2);
	ck_assert_uint_eq(t.sends, 1); /* with the next message: one flight, one call */
	ck_assert_ptr_nonnull(
	    strstr(t.said.data, "\r\nBDAT 14 LAST\r\n.a\r\n.\r\n..\r\nendRSET\r\n"));
	ck_assert(t.wired[0] && t.wired[1]);
	talk_finish(&t);
	ck_assert(t.chunked[0] && t.chunked[1]);
}
END_TEST

START_TEST(a_message_of_no_octets_is_no_chunk)
{
	struct talk t;
	open_chunks(&t, "", 0, 1);
	ck_assert_ptr_nonnull(strstr(t.said.data, "\r\nDATA\r\n"));
	talk_finish(&t);
	ck_assert(!t.chunked[0]);
}
END_TEST

#define LARGE 200000u

static char *
large_body(void)
{
	static char body[LARGE + 1];
	memset(body, '.', LARGE);
	memcpy(body + LARGE - 2, "\r\n", 2);
	return body;
}

/* Let all of the body out. What is behind the command must be the body and nothing else. */
static void
drain_body(struct talk *t)
{
	struct pr_buf got = {0};
	while (t->s && !t->wired[0]) {
		pr_buf_add_str(&got, pr_buf_str(&t->said));
		pr_buf_clear(&t->said);
		pr_smtp_wake(t->s, t->now);
		ck_assert_uint_eq(t->said.len, 0);
		pr_smtp_drained(t->s, t->now += 1000);
	}
	pr_buf_add_str(&got, pr_buf_str(&t->said));
	pr_buf_clear(&t->said);
	const char *at = strstr(got.data, "BDAT 200000 LAST\r\n");
	ck_assert_ptr_nonnull(at);
	size_t before = (size_t)(at - got.data) + 18;
	ck_assert_uint_ge(got.len - before, LARGE);
	ck_assert_mem_eq(got.data + before, large_body(), LARGE);
	pr_buf_consume(&got, before + LARGE);
	pr_buf_add_str(&t->said, pr_buf_str(&got)); /* what follows the body */
	pr_buf_finish(&got);
}

static const struct {
	const char *midway, *behind; /* heard while the body leaves, and after it */
	const char *said, *log;
} larges[] = {
    {"", "250 a|250 b|250 taken|", "RSET", "w1 w2 r1:dot:250 r2:dot:doubt end:rset:-"},
    {"250 a|250 b|", "250 taken|", "RSET", "w1 w2 r1:dot:250 r2:dot:doubt end:rset:-"},
    {"250 a|550 no|", "554 none|250 ok|", "RSET", "w1 w2 r1:rcpt:550 r2:dot:doubt end:mail:-"},
    {"451 later|503 b|", "503 c|250 ok|", "RSET", "w1 w2 r1:mail:451 r2:dot:doubt end:mail:-"},
};

START_TEST(announced_octets_follow_whatever_is_refused)
{
	struct talk t;
	struct pr_buf tmp = {0};
	open_chunks(&t, large_body(), LARGE, 2);
	script_hear(&t, larges[_i].midway, &tmp);
	ck_assert(!t.wired[0] && !t.fate[0]);
	drain_body(&t);
	ck_assert_ptr_nonnull(strstr(t.said.data, larges[_i].said));
	ck_assert_ptr_eq(strstr(t.said.data, larges[_i].said), t.said.data);
	script_hear(&t, larges[_i].behind, &tmp);
	talk_lose(&t);
	ck_assert_str_eq(t.log.data, larges[_i].log);
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

/* What ends the session while a large body is under way. */
static const struct {
	const char *heard; /* NULL: silence */
	const char *log;
} midway[] = {
    {NULL, "r1:mail:lost end:mail:-"},
    {"250 a|", "r1:rcpt:lost end:rcpt:-"},
    {"250 a|250 b|", "r1:body:lost end:body:-"},
    {"250 a|250 b|552 too much|", "r1:body:552 end:body:552"},
    {"250 a|550 no|554 none|", "r1:rcpt:550 end:body:554"},
    {"250 a|550 no|", "r1:rcpt:550 end:body:-"},
    {"250 a|421 bye|", "r1:rcpt:lost end:rcpt:421"},
    {"250 a|250 b|250 fine already|", "r1:body:lost end:body:-"},
    {"250 a|250 b|rubbish|", "r1:body:lost end:body:-"},
};

START_TEST(a_chunk_cut_short_is_never_taken_for_sent)
{
	struct talk t;
	struct pr_buf tmp = {0};
	open_chunks(&t, large_body(), LARGE, 2);
	if (midway[_i].heard)
		script_hear(&t, midway[_i].heard, &tmp);
	if (t.s)
		talk_wait(&t);
	ck_assert_str_eq(t.log.data, midway[_i].log);
	talk_finish(&t);
	ck_assert(t.chunked[0]);
	pr_buf_finish(&tmp);
}
END_TEST

START_TEST(more_domains_than_the_peer_takes_go_by_another_connection)
{
	struct talk t;
	struct pr_buf tmp = {0};
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true}, 3);
	t.messages[1].to = "r2@B.Example";
	t.messages[2].to = "r3@c.example";
	script_hear(&t, "220 mx|250-mx|", &tmp);
	script_hear(&t, "250-PIPELINING|250 LIMITS RCPTDOMAINMAX=1|", &tmp);
	script_hear(&t, "250 a|250 b|354 go|", &tmp);
	script_hear(&t, "250 taken|250 a|250 b|354 go|", &tmp);
	script_hear(&t, "250 taken|", &tmp);
	ck_assert_ptr_nonnull(strstr(t.said.data, "QUIT\r\n"));
	script_hear(&t, "221 bye|", &tmp);
	ck_assert_str_eq(t.log.data, "w1 r1:dot:250 w2 b3 r2:dot:250 end:quit:221");
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {scripted_peers_get_and_cause_what_the_script_says, ROWS(scripts)},
	    {octets_of_a_chunk_are_as_they_are},
	    {a_message_of_no_octets_is_no_chunk},
	    {announced_octets_follow_whatever_is_refused, ROWS(larges)},
	    {a_chunk_cut_short_is_never_taken_for_sent, ROWS(midway)},
	    {more_domains_than_the_peer_takes_go_by_another_connection},
	};
	return suite_run("smtp_chunking", NULL, NULL, tests, ROWS(tests));
}
