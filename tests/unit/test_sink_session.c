/* Whole conversations with a session, its clock held by hand. */
#include "sink/session.h"
#include "suite.h"

static struct sink sink;
static struct sink_session session;

static void
begin(const char *rule)
{
	sink = (struct sink){
	    .options = {
		.hostname = "s.example", .rcpt_max = 3, .size_max = 100, .latency_us = 50000}};
	if (rule)
		ck_assert_int_eq(sink_rules_add(&sink.rules, rule, NULL), 0);
	sink_session_begin(&session, &sink, 1, 25, 1000);
}

static void
finish(void)
{
	sink_session_finish(&session);
	sink_rules_finish(&sink.rules);
}

/* What has left the session by now_us, with "\r\n" shown as "|". */
static const char *
replies(int64_t now_us)
{
	static char text[4096];
	size_t n = 0;
	for (struct pr_str ready; (ready = sink_out_ready(&session.out, now_us)).n > 0;) {
		for (size_t i = 0; i < ready.n && n < sizeof text - 1; i++)
			if (ready.p[i] != '\r')
				text[n++] = ready.p[i] == '\n' ? '|' : ready.p[i];
		sink_out_sent(&session.out, ready.n);
	}
	text[n] = 0;
	return text;
}

static void
say(const char *octets, int64_t now_us)
{
	sink_session_input(&session, octets, strlen(octets), now_us);
}

/* Only the codes: "250 250 354 ". */
static const char *
codes(const char *said)
{
	static char text[512];
	size_t n = 0;
	say(said, 10000);
	const char *all = replies(SINK_NEVER - 1);
	for (const char *p = all; *p && n + 5 < sizeof text; p = strchr(p, '|') + 1) {
		if (strlen(p) > 3 && p[3] == ' ') {
			memcpy(text + n, p, 4);
			n += 4;
		}
		if (!strchr(p, '|'))
			break;
	}
	text[n] = 0;
	return text;
}

#define HELLO "EHLO c.example\r\n"
#define OPEN HELLO "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"

static const struct {
	const char *said, *codes;
	unsigned messages;
} conversations[] = {
    {OPEN "DATA\r\nx\r\n.\r\nQUIT\r\n", "220 250 250 250 354 250 221 ", 1},
    {OPEN "DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\ny\r\n.\r\n",
     "220 250 250 250 354 250 250 250 354 250 ", 2},
    {"MAIL FROM:<a@b.example>\r\n", "220 503 ", 0},
    {HELLO "RCPT TO:<c@d.example>\r\n", "220 250 503 ", 0},
    {HELLO "DATA\r\n", "220 250 503 ", 0},
    {OPEN "MAIL FROM:<a@b.example>\r\n", "220 250 250 250 503 ", 0},
    {HELLO "MAIL FROM:<a@b.example>\r\nDATA\r\nNOOP\r\n", "220 250 250 554 250 ", 0},
    {OPEN "RSET\r\nDATA\r\n", "220 250 250 250 250 503 ", 0},
    {OPEN "EHLO again.example\r\nDATA\r\n", "220 250 250 250 250 503 ", 0},
    {OPEN "RCPT TO:<1@d.example>\r\nRCPT TO:<2@d.example>\r\nRCPT TO:<3@d.example>\r\n",
     "220 250 250 250 250 250 452 ", 0},
    {OPEN "BDAT 3\r\na\r\nBDAT 2 LAST\r\nb\nQUIT\r\n", "220 250 250 250 250 250 221 ", 1},
    {OPEN "BDAT 0 LAST\r\nQUIT\r\n", "220 250 250 250 250 221 ", 1},
    {OPEN "BDAT 3\r\na\r\nDATA\r\nRCPT TO:<x@y.example>\r\n", "220 250 250 250 250 503 503 ", 0},
    {HELLO "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "220 250 503 250 ", 0},
    {OPEN "BDAT 5\r\n12345BDAT 200\r\n", "220 250 250 250 250 ", 0},
    {HELLO "MAIL FROM:<a@b.example> SIZE=101\r\n", "220 250 552 ", 0},
    {"HELO c\r\nMAIL FROM:<a@b.example> SIZE=1\r\nMAIL FROM:<a@b.example>\r\n", "220 250 555 250 ",
     0},
    {HELLO "MAIL FROM:<\xC3\xBC@b.example>\r\nMAIL FROM:<\xC3\xBC@b.example> SMTPUTF8\r\n",
     "220 250 553 250 ", 0},
    {OPEN "RCPT TO:<\xC3\xBC@b.example>\r\n", "220 250 250 250 553 ", 0},
    {OPEN "DATA\r\nx\ny\r\n.\r\n", "220 250 250 250 354 550 ", 0},
    {OPEN "DATA\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345678901234567890\r\n.\r\nNOOP\r\n",
     "220 250 250 250 354 552 250 ", 0},
    {"NOOP\nNOOP\r\n", "220 500 250 ", 0},
    {"STARTTLS\r\nVRFY x\r\nHELP\r\nEXPN x\r\nFOO\r\n", "220 502 252 214 502 500 ", 0},
};

START_TEST(conversations_get_the_codes_of_the_standard)
{
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
		begin(NULL);
		const char *got = codes(conversations[i].said);
		ck_assert_msg(!strcmp(got, conversations[i].codes), "%s: %s", conversations[i].said,
		              got);
		ck_assert_uint_eq(sink.totals.messages, conversations[i].messages);
		finish();
	}
}
END_TEST

START_TEST(conversations_may_be_cut_anywhere)
{
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
		begin(NULL);
		for (const char *p = conversations[i].said; *p; p++)
			sink_session_input(&session, p, 1, 10000);
		ck_assert_str_eq(codes(""), conversations[i].codes);
		ck_assert_uint_eq(sink.totals.messages, conversations[i].messages);
		finish();
	}
}
END_TEST

START_TEST(overlong_line_is_skipped_whole)
{
	struct pr_buf line = {0};
	for (int i = 0; i < 100000; i++)
		pr_buf_addc(&line, 'x');
	pr_buf_adds(&line, "\r\nNOOP\r\n");
	for (size_t step = 777; step <= line.len; step += line.len - 777) {
		begin(NULL);
		for (size_t at = 0; at < line.len; at += step)
			sink_session_input(&session, line.data + at,
			                   line.len - at < step ? line.len - at : step, 10000);
		ck_assert_str_eq(codes(""), "220 500 250 ");
		ck_assert_uint_le(session.line.cap, 8192);
		finish();
	}
	pr_buf_finish(&line);
}
END_TEST

START_TEST(replies_of_one_flight_leave_together_after_one_latency)
{
	begin(NULL);
	ck_assert_str_eq(replies(50999), "");
	ck_assert_str_eq(replies(51000), "220 s.example ESMTP postrider-sink|");
	say("NOOP\r\nNOOP\r\n", 100000);
	say("NOOP\r\n", 120000);
	ck_assert_int_eq(sink_out_due(&session.out), 150000);
	ck_assert_str_eq(replies(149999), "");
	ck_assert_str_eq(replies(150000), "250 2.0.0 Ok|250 2.0.0 Ok|");
	ck_assert_int_eq(sink_out_due(&session.out), 170000);
	ck_assert_str_eq(replies(170000), "250 2.0.0 Ok|");
	ck_assert_int_eq(sink_out_due(&session.out), SINK_NEVER);
	finish();
}
END_TEST

START_TEST(data_and_commands_before_they_are_allowed_are_counted)
{
	begin(NULL);
	replies(1000000);
	say(OPEN "DATA\r\n", 100000);
	ck_assert_uint_eq(sink.totals.pipelining_errors, 1); /* behind EHLO */
	replies(1000000);
	say("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", 200000);
	ck_assert_uint_eq(sink.totals.pipelining_errors, 1);
	say("x\r\n.\r\n", 200001); /* before 354 */
	ck_assert_uint_eq(sink.totals.pipelining_errors, 2);
	finish();
}
END_TEST

static const struct {
	const char *rule, *said, *codes;
	unsigned messages, faults;
	bool closes;
} faults[] = {
    {"on=rcpt,reply=451 no", OPEN "DATA\r\nNOOP\r\n", "220 250 250 451 554 250 ", 0, 1, false},
    {"on=mail,reply=451 no", HELLO "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n", "220 250 451 503 ",
     0, 1, false},
    {"on=data,reply=451 no", OPEN "DATA\r\nNOOP\r\n", "220 250 250 250 451 250 ", 0, 1, false},
    {"on=dot,reply=554 spam", OPEN "DATA\r\nx\r\n.\r\nNOOP\r\n", "220 250 250 250 354 554 250 ", 0,
     1, false},
    {"on=dot,drop=before", OPEN "DATA\r\nx\r\n.\r\nNOOP\r\n", "220 250 250 250 354 ", 1, 1, true},
    {"on=dot,drop=before,reply=451 x", OPEN "DATA\r\nx\r\n.\r\n", "220 250 250 250 354 ", 0, 1,
     true},
    {"on=dot,drop=after", OPEN "BDAT 1 LAST\r\nxNOOP\r\n", "220 250 250 250 250 ", 1, 1, true},
    {"on=body,drop=after", OPEN "DATA\r\nx\r\n.\r\n", "220 250 250 250 354 ", 0, 1, true},
    {"on=body,reply=421 away", OPEN "DATA\r\nx", "220 250 250 250 354 421 ", 0, 1, true},
    {"on=connect,reply=554 no", HELLO "QUIT\r\n", "554 503 221 ", 0, 1, true},
    {"on=ehlo,reply=502 no,first=1", HELLO "HELO c\r\n", "220 502 250 ", 0, 1, false},
    {"on=bdat,reply=452 full", OPEN "BDAT 1\r\nxBDAT 1 LAST\r\nyNOOP\r\n",
     "220 250 250 250 452 503 250 ", 0, 1, false},
    {"on=rset,reply=421 bye", "RSET\r\nNOOP\r\n", "220 421 ", 0, 1, true},
    {"on=noop,stall", "NOOP\r\nNOOP\r\n", "220 ", 0, 1, false},
    {"on=noop,raw=\"999 what\\r\\n\"", "NOOP\r\nRSET\r\n", "220 999 250 ", 0, 1, false},
    {"on=quit,drop=before", "QUIT\r\n", "220 ", 0, 1, true},
};

START_TEST(rules_change_the_conversation)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		begin(faults[i].rule);
		const char *got = codes(faults[i].said);
		ck_assert_msg(!strcmp(got, faults[i].codes), "%s: %s", faults[i].rule, got);
		ck_assert_msg(sink.totals.messages == faults[i].messages, "%s: messages",
		              faults[i].rule);
		ck_assert_uint_eq(sink.totals.faults, faults[i].faults);
		ck_assert_msg(sink_out_closes(&session.out, SINK_NEVER - 1) == faults[i].closes,
		              "%s: close", faults[i].rule);
		finish();
	}
}
END_TEST

START_TEST(stalled_reply_comes_late_and_holds_those_behind_it)
{
	begin("on=noop,stall=10s,first=1");
	replies(1000000);
	say("NOOP\r\nRSET\r\n", 1000000);
	ck_assert_str_eq(replies(1050000), "");
	ck_assert_int_eq(sink_out_due(&session.out), 11050000);
	ck_assert_str_eq(replies(11050000), "250 2.0.0 Ok|250 2.0.0 Ok|");
	finish();
}
END_TEST

START_TEST(slow_reply_leaves_octet_by_octet)
{
	begin("on=noop,slow=10,reply=\"250 abcdefgh\"");
	replies(1000000);
	say("NOOP\r\nRSET\r\n", 1000000);
	ck_assert_str_eq(replies(1050000), "2");
	ck_assert_int_eq(sink_out_due(&session.out), 1150000);
	ck_assert_str_eq(replies(1149999), "");
	ck_assert_str_eq(replies(1350000), "50 ");
	ck_assert_str_eq(replies(10000000), "abcdefgh|250 2.0.0 Ok|");
	finish();
}
END_TEST

START_TEST(features_not_offered_are_refused)
{
	begin(NULL);
	sink.options.no_chunking = sink.options.no_8bitmime = sink.options.no_smtputf8 = true;
	sink.options.no_pipelining = sink.options.no_enhanced = sink.options.no_dsn = true;
	replies(1000000);
	say(HELLO, 100000);
	ck_assert_str_eq(replies(1000000), "250-s.example|250-SIZE 100|250 HELP|");
	ck_assert_str_eq(codes("MAIL FROM:<a@b.example> BODY=8BITMIME\r\n"), "555 ");
	ck_assert_str_eq(codes("MAIL FROM:<a@b.example> SMTPUTF8\r\n"), "555 ");
	ck_assert_str_eq(codes("BDAT 0 LAST\r\n"), "502 ");
	say("NOOP\r\n", 100000);
	ck_assert_str_eq(replies(1000000), "250 Ok|");
	sink.options.no_ehlo = true;
	ck_assert_str_eq(codes(HELLO), "502 ");
	finish();
}
END_TEST

/* ---- STARTTLS and AUTH ---- */

#define MAIL "MAIL FROM:<a@b.example>\r\n"
#define PLAIN_RIGHT "AUTH PLAIN AHUAcDpw\r\n" /* u, p:p */
#define PLAIN_WRONG "AUTH PLAIN AHUAcA==\r\n"

static const struct {
	int tls;
	bool secured, auth;
	const char *said, *codes;
	bool authenticated;
} secured[] = {
    {SINK_TLS_STARTTLS, false, false, HELLO "STARTTLS\r\nNOOP\r\n", "220 250 220 ", false},
    {SINK_TLS_STARTTLS, false, false, HELLO MAIL "STARTTLS\r\n", "220 250 250 503 ", false},
    {SINK_TLS_STARTTLS, true, false, HELLO "STARTTLS\r\n" MAIL, "220 250 503 250 ", false},
    {SINK_TLS_STARTTLS, true, false, MAIL, "220 503 ", false}, /* EHLO is forgotten */
    {SINK_TLS_REQUIRED, false, false, HELLO MAIL, "220 250 530 ", false},
    {SINK_TLS_REQUIRED, true, false, HELLO MAIL, "220 250 250 ", false},
    {SINK_TLS_STARTTLS, false, true, HELLO PLAIN_RIGHT MAIL, "220 250 538 530 ", false},
    {SINK_TLS_STARTTLS, true, true, HELLO PLAIN_RIGHT MAIL, "220 250 235 250 ", true},
    {SINK_TLS_STARTTLS, true, true, HELLO PLAIN_WRONG MAIL, "220 250 535 530 ", false},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH PLAIN\r\nAHUAcDpw\r\n" PLAIN_RIGHT,
     "220 250 334 235 503 ", true},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH LOGIN\r\ndQ==\r\ncDpw\r\n", "220 250 334 334 235 ",
     true},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH LOGIN dQ==\r\ncA==\r\n", "220 250 334 535 ", false},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH LOGIN\r\n*\r\nNOOP\r\n", "220 250 334 501 250 ",
     false},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH PLAIN !!!!\r\nAUTH PLAIN abc\r\nAUTH PLAIN =\r\n",
     "220 250 501 501 535 ", false},
    {SINK_TLS_STARTTLS, true, true, HELLO "AUTH CRAM-MD5\r\nbm8=\r\nAUTH X\r\n",
     "220 250 334 535 504 ", false},
    {SINK_TLS_STARTTLS, true, true, "HELO c\r\n" PLAIN_RIGHT, "220 250 503 ", false},
};

START_TEST(what_needs_tls_or_a_password_is_refused_without)
{
	begin(NULL);
	sink.options.tls = secured[_i].tls;
	sink.options.auth = secured[_i].auth ? "u:p:p" : NULL;
	if (secured[_i].secured) {
		say(HELLO, 1000);
		sink_out_finish(&session.out);
		sink_session_secured(&session, &(struct sink_secured){"TLSv1.3", "X", true});
		say("", 1000);
		ck_assert_uint_eq(sink.totals.tls_resumed, 1);
	}
	const char *expected = secured[_i].codes + (secured[_i].secured ? 4 : 0);
	const char *got = codes(secured[_i].said);
	ck_assert_msg(!strcmp(got, expected), "%s: %s", secured[_i].said, got);
	ck_assert_int_eq(session.auth.done, secured[_i].authenticated);
	finish();
}
END_TEST

START_TEST(a_response_to_a_challenge_is_checked)
{
	begin(NULL);
	sink.options.auth = "tim:tanstaaftanstaaf"; /* RFC 2195, 2 */
	sink.options.auth_clear = true;
	ck_assert_str_eq(codes(HELLO "AUTH CRAM-MD5\r\n"), "220 250 334 ");
	strcpy(session.auth.challenge, "<1896.697170952@postoffice.reston.mci.net>");
	ck_assert_str_eq(codes("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"), "235 ");
	finish();
}
END_TEST

START_TEST(words_in_the_clear_behind_starttls_are_thrown_away)
{
	begin(NULL);
	sink.options.tls = SINK_TLS_STARTTLS;
	ck_assert_str_eq(codes(HELLO "STARTTLS\r\n" MAIL), "220 250 220 ");
	ck_assert_int_eq(session.phase, SINK_HANDSHAKE);
	say(MAIL "RSE", 20000);
	sink_session_secured(&session, &(struct sink_secured){"TLSv1.3", "X", false});
	ck_assert_str_eq(codes(HELLO MAIL), "250 250 ");
	finish();
}
END_TEST

static const struct {
	const char *rule, *octets;
	bool closes;
} handshakes[] = {
    {"on=handshake,drop=before", "", true},
    {"on=handshake,stall", "", false},
    {"on=handshake,reply=454 not now", "454 not now|", false},
    {"on=handshake,raw=\"junk\\n\",drop=after", "junk|", true},
};

START_TEST(rules_take_the_place_of_a_handshake)
{
	begin(handshakes[_i].rule);
	sink.options.tls = SINK_TLS_STARTTLS;
	ck_assert_str_eq(codes(HELLO "STARTTLS\r\n"), "220 250 220 ");
	ck_assert(!sink_session_handshake(&session, 20000));
	ck_assert_str_eq(replies(SINK_NEVER - 1), handshakes[_i].octets);
	ck_assert_int_eq(sink_out_closes(&session.out, SINK_NEVER - 1), handshakes[_i].closes);
	ck_assert_int_eq(session.phase, SINK_DEAF);
	finish();
}
END_TEST

START_TEST(a_greeting_that_waits_for_tls_never_leaves_in_the_clear)
{
	sink = (struct sink){.options = {.hostname = "s.example"}};
	sink.options.tls = SINK_TLS_IMPLICIT;
	ck_assert_int_eq(sink_rules_add(&sink.rules, "on=handshake,raw=junk", NULL), 0);
	sink_session_begin(&session, &sink, 1, 465, 1000);
	ck_assert(session.implicit && session.phase == SINK_HANDSHAKE);
	ck_assert(!sink_session_handshake(&session, 20000));
	ck_assert_str_eq(replies(SINK_NEVER - 1), "junk");
	finish();
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {conversations_get_the_codes_of_the_standard},
	    {conversations_may_be_cut_anywhere},
	    {overlong_line_is_skipped_whole},
	    {replies_of_one_flight_leave_together_after_one_latency},
	    {data_and_commands_before_they_are_allowed_are_counted},
	    {rules_change_the_conversation},
	    {stalled_reply_comes_late_and_holds_those_behind_it},
	    {slow_reply_leaves_octet_by_octet},
	    {features_not_offered_are_refused},
	    {what_needs_tls_or_a_password_is_refused_without, ROWS(secured)},
	    {a_response_to_a_challenge_is_checked},
	    {words_in_the_clear_behind_starttls_are_thrown_away},
	    {rules_take_the_place_of_a_handshake, ROWS(handshakes)},
	    {a_greeting_that_waits_for_tls_never_leaves_in_the_clear},
	};
	return suite_run("sink_session", NULL, NULL, tests, ROWS(tests));
}
