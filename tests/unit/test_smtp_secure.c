/* Sessions that secure their stream (RFC 3207) and say who they are (RFC 4954). */
#include "smtp_script.h"
#include "suite.h"

/* clang-format off */
#define GREETING "S 220 mx\nC EHLO me.example\n=\n"
#define OFFERED GREETING "S 250-mx|250-PIPELINING|250-AUTH PLAIN|250 STARTTLS\n"
#define SECURED OFFERED "C STARTTLS\n=\nS 220 go\ntls\nC EHLO me.example\n=\n"
#define MAIL "C MAIL FROM:<s@a.example>\n"
#define MAY .starttls = PR_SMTP_MAY_TLS
#define MUST .starttls = PR_SMTP_MUST_TLS
#define TIM .user = "tim", .password = "tanstaaftanstaaf"
#define IN_TLS {.secured = true, TIM}
#define IN_CLEAR {.auth_in_clear = true, TIM}
#define B64_PLAIN "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
#define B64_USER "dGlt"
#define B64_PASSWORD "dGFuc3RhYWZ0YW5zdGFhZg=="

static const struct script scripts[] = {
    {"secured, greeted again, and what was offered in clear is forgotten", 1,
     SECURED "S 250 mx\n" MAIL "=\n", "secure r1:mail:lost end:mail:-", {MUST}},
    {"PIPELINING offered in TLS counts", 1,
     SECURED "S 250-mx|250 PIPELINING\n" MAIL "C RCPT TO:<r1@b.example>\nC DATA\n=\n",
     "secure r1:mail:lost end:mail:-", {MAY}},
    {"not asked for", 1, OFFERED MAIL "C RCPT TO:<r1@b.example>\nC DATA\n=\n",
     "r1:mail:lost end:mail:-", {0}},
    {"TLS from the first octet: not asked for", 1, OFFERED MAIL "C RCPT TO:<r1@b.example>\nC DATA\n=\n",
     "r1:mail:lost end:mail:-", {MUST, .secured = true}},
    {"offered in TLS again: not asked for again", 0, SECURED "S 250-mx|250 STARTTLS\n=\n",
     "secure end:idle:-", {MUST}},
    {"not offered, and it may be so", 1, GREETING "S 250 mx\n" MAIL "=\n", "r1:mail:lost end:mail:-", {MAY}},
    {"not offered, and it must be", 1, GREETING "S 250 mx\n=\n", "end:tls:-", {MUST}},
    {"HELO offers nothing", 1, GREETING "S 500 what?\nC HELO me.example\nS 250 mx\n=\n", "end:tls:-", {MUST}},
    {"refused, and it may be so: in clear", 1,
     OFFERED "C STARTTLS\n=\nS 454 not now\n" MAIL "C RCPT TO:<r1@b.example>\nC DATA\n=\n",
     "r1:mail:lost end:mail:-", {MAY}},
    {"refused, and it must be", 1, OFFERED "C STARTTLS\n=\nS 454 not now\n=\n", "end:tls:454", {MUST}},
    {"421 to STARTTLS", 1, OFFERED "C STARTTLS\n=\nS 421 bye\n=\n", "end:tls:421", {MAY}},
    {"354 to STARTTLS", 1, OFFERED "C STARTTLS\n=\nS 354 go\n=\n", "end:tls:-", {MAY}},
    {"a reply injected behind the 220", 1, OFFERED "C STARTTLS\n=\nS 220 go|250 mx\n=\n", "end:tls:-", {MAY}},
    {"a refusal injected behind the 220 is not believed", 1, OFFERED "C STARTTLS\n=\nS 220 go|554 mx\n=\n",
     "end:tls:-", {MAY}},
    {"the handshake never ends", 1, OFFERED "C STARTTLS\n=\nS 220 go\nwait\n=\n", "secure end:tls:-", {MAY}},
    {"the handshake fails", 1, OFFERED "C STARTTLS\n=\nS 220 go\nlost\n=\n", "secure end:tls:-", {MAY}},

    {"PLAIN in its command", 1,
     GREETING "S 250-mx|250 AUTH CRAM-MD5 LOGIN PLAIN\nC AUTH PLAIN " B64_PLAIN "\n=\nS 235 ok\n" MAIL "=\n",
     "r1:mail:lost end:mail:-", IN_TLS},
    {"PLAIN by a peer that asks again", 1,
     GREETING "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\n=\nS 334 \nC " B64_PLAIN "\n=\nS 235 ok\n" MAIL,
     "r1:mail:lost end:mail:-", IN_TLS},
    {"PLAIN by a peer that asks for ever", 1,
     GREETING "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\nS 334 \nC " B64_PLAIN "\nS 334 \n=\n",
     "end:auth:-", IN_TLS},
    {"LOGIN, offered as old peers do", 1,
     GREETING "S 250-mx|250 AUTH=login\nC AUTH LOGIN\n=\nS 334 VXNlcm5hbWU6\nC " B64_USER "\n=\n"
              "S 334 UGFzc3dvcmQ6\nC " B64_PASSWORD "\n=\nS 235 ok\n" MAIL "=\n",
     "r1:mail:lost end:mail:-", IN_TLS},
    {"CRAM-MD5 in clear, as RFC 2195 has it", 1,
     GREETING "S 250-mx|250 AUTH PLAIN CRAM-MD5\nC AUTH CRAM-MD5\n=\n"
              "S 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\n"
              "C dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\n=\nS 235 ok\n" MAIL "=\n",
     "r1:mail:lost end:mail:-", IN_CLEAR},
    {"a challenge that is not base64", 1,
     GREETING "S 250-mx|250 AUTH CRAM-MD5\nC AUTH CRAM-MD5\n=\nS 334 <hello>\n=\n", "end:auth:-", IN_CLEAR},
    {"a challenge cut short", 1,
     GREETING "S 250-mx|250 AUTH CRAM-MD5\nC AUTH CRAM-MD5\n=\nS 334 PDE\n=\n", "end:auth:-", IN_CLEAR},
    {"no challenge", 1,
     GREETING "S 250-mx|250 AUTH CRAM-MD5\nC AUTH CRAM-MD5\n=\nS 334 \nC "
              "dGltIGJhMDAxNjU5MWQ2MTI2NjIzNDhiMjBiY2Q3ZjQ0Mzlh\n=\n", "end:auth:-", IN_CLEAR},
    {"never in clear unless allowed", 1, GREETING "S 250-mx|250 AUTH PLAIN CRAM-MD5\n=\n", "end:auth:-", {TIM}},
    {"after a refused STARTTLS: in clear, so not at all", 1, OFFERED "C STARTTLS\n=\nS 454 no\n=\n",
     "end:auth:-", {MAY, TIM}},
    {"what was offered in clear does not count in TLS", 1, SECURED "S 250 mx\n=\n", "secure end:auth:-",
     {MUST, TIM}},
    {"in TLS after STARTTLS", 1, SECURED "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\n=\n",
     "secure end:auth:-", {MUST, TIM}},
    {"not offered", 1, GREETING "S 250 mx\n=\n", "end:auth:-", IN_TLS},
    {"none that is known", 1, GREETING "S 250-mx|250 AUTH GSSAPI XOAUTH2\n=\n", "end:auth:-", IN_TLS},
    {"refused", 1, GREETING "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\nS 535 5.7.8 bad\n=\n",
     "end:auth:535", IN_TLS},
    {"refused for now", 1, GREETING "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\nS 454 later\n=\n",
     "end:auth:454", IN_TLS},
    {"354 makes no sense", 1, GREETING "S 250-mx|250 AUTH PLAIN\nC AUTH PLAIN " B64_PLAIN "\nS 354 go\n=\n",
     "end:auth:-", IN_TLS},
};
/* clang-format on */

START_TEST(scripted_peers_get_and_cause_what_the_script_says)
{
	script_play(&scripts[_i], false);
	if (!strstr(scripts[_i].log, "secure") || strstr(scripts[_i].lines, "tls\n"))
		script_play(&scripts[_i], true); /* its handshakes are done at once */
}
END_TEST

/* Part of a line, even, behind the 220. */
START_TEST(octets_in_clear_after_220_end_the_session_before_the_handshake)
{
	struct talk t;
	struct pr_buf tmp = {0};
	talk_begin(&t, &(struct pr_smtp_options){.starttls = PR_SMTP_MUST_TLS}, 1);
	script_hear(&t, "220 mx|250-mx|", &tmp);
	script_hear(&t, "250 STARTTLS|", &tmp);
	script_hear(&t, _i ? "220 go|2" : "220 go|", &tmp);
	if (!_i)
		script_hear(&t, "2", &tmp); /* in the handshake: not from within TLS */
	ck_assert_str_eq(t.log.data, _i ? "end:tls:-" : "secure end:tls:-");
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

/* NUL, one, NUL, 369: 496 octets of base64 in a command of 509. */
static const struct {
	size_t n;
	bool alone, fits;
} passwords[] = {{0, false, true},  {1, false, true},   {369, false, true},
                 {370, true, true}, {1024, true, true}, {1025, false, false}};

START_TEST(long_credentials_do_not_stretch_a_command)
{
	char password[1100];
	memset(password, 'x', sizeof password);
	password[passwords[_i].n] = 0;
	struct talk t;
	struct pr_buf tmp = {0};
	talk_begin(
	    &t, &(struct pr_smtp_options){.secured = true, .user = "u", .password = password}, 0);
	script_hear(&t, "220 mx|", &tmp);
	pr_buf_clear(&t.said);
	script_hear(&t, "250-mx|250 AUTH PLAIN|", &tmp);
	size_t line = t.said.len;
	ck_assert_uint_le(line, 512);
	ck_assert((line == 12) == passwords[_i].alone); /* AUTH PLAIN, nothing behind it */
	pr_buf_clear(&t.said);
	script_hear(&t, "334 |", &tmp);
	ck_assert((t.said.len != 0) == passwords[_i].fits);
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

static const char *why;

static void
keep_why(void *context, const struct pr_smtp_result *r)
{
	why = r->why;
	talk_ended(context, r);
}

START_TEST(no_reason_names_the_password)
{
	static const char *const answers[] = {"250 mx|", "250-mx|250 AUTH PLAIN|354 x|",
	                                      "250-mx|250 AUTH PLAIN|rubbish|"};
	struct pr_smtp_events events = talk_events;
	struct pr_buf tmp = {0};
	struct talk t;
	events.ended = keep_why;
	talk_begin(&t, &(struct pr_smtp_options){.secured = true, TIM}, 0);
	t.s->events = events;
	script_hear(&t, "220 mx|", &tmp);
	script_hear(&t, answers[_i], &tmp);
	talk_lose(&t);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(strstr(why, "tanstaaf"));
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

START_TEST(offers_are_those_of_the_last_greeting)
{
	struct talk t;
	struct pr_buf tmp = {0};
	talk_begin(&t, &(struct pr_smtp_options){.starttls = PR_SMTP_MAY_TLS}, 0);
	ck_assert_uint_eq(pr_smtp_offers(t.s), 0);
	script_hear(&t, "220 mx|", &tmp);
	script_hear(&t, "250-mx|250-CHUNKING|250-SIZE 5|250 STARTTLS|", &tmp);
	ck_assert_uint_eq(pr_smtp_offers(t.s),
	                  PR_SMTP_ESMTP | PR_SMTP_CHUNKING | PR_SMTP_SIZE | PR_SMTP_STARTTLS);
	script_hear(&t, "220 go|", &tmp);
	pr_smtp_secured(t.s, t.now);
	script_hear(&t, "250-mx|250 DSN|", &tmp);
	ck_assert_uint_eq(pr_smtp_offers(t.s), PR_SMTP_ESMTP | PR_SMTP_DSN);
	ck_assert_uint_eq(t.s->size_limit, 0);
	talk_finish(&t);
	pr_buf_finish(&tmp);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {scripted_peers_get_and_cause_what_the_script_says, ROWS(scripts)},
	    {octets_in_clear_after_220_end_the_session_before_the_handshake, 2},
	    {long_credentials_do_not_stretch_a_command, ROWS(passwords)},
	    {no_reason_names_the_password, 3},
	    {offers_are_those_of_the_last_greeting},
	};
	return suite_run("smtp_secure", NULL, NULL, tests, ROWS(tests));
}
