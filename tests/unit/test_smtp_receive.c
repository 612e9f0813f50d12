/* The receiving side of SMTP: what is taken, what is refused, and that it does not matter how the
 * octets are cut. */
#include "suite.h"

#include "postrider/smtp/receive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pr_receive *machine;
static struct pr_buf taken; /* what mails came to: "from>to,to:octets|" */
static bool answers_later, too_many;

static bool
may_begin(void *context)
{
	(void)context;
	return !too_many;
}

static bool
is_ours(void *context, struct pr_str address)
{
	(void)context;
	return pr_str_starts(address, "ours") || pr_str_is(address, "postmaster");
}

static void
on_mail(void *context, const struct pr_received *m)
{
	(void)context;
	pr_buf_add_str(&taken, m->from);
	for (size_t i = 0; i < m->n; i++) {
		pr_buf_addc(&taken, i ? ',' : '>');
		pr_buf_add_str(&taken, m->to[i]);
	}
	pr_buf_addc(&taken, ':');
	pr_buf_add_str(&taken, m->octets);
	pr_buf_addc(&taken, '|');
	if (!answers_later)
		pr_receive_answer(machine, PR_RECEIVE_TAKEN);
}

static void
begin(bool tls)
{
	struct pr_receive_options o = {.hostname = "mx.example",
	                               .size_max = 10000,
	                               .offers_tls = tls,
	                               .may_begin = may_begin,
	                               .is_ours = is_ours,
	                               .mail = on_mail};
	machine = pr_receive_create(&o, false);
	pr_buf_clear(pr_receive_out(machine));
	pr_buf_clear(&taken);
}

static void
setup(void)
{
	answers_later = too_many = false;
	begin(false);
}

static void
teardown(void)
{
	pr_receive_destroy(machine);
	pr_buf_finish(&taken);
}

/* The codes of all replies since the last call, final lines only: "250 354 ". */
static const char *
codes(void)
{
	static char out[4000];
	struct pr_buf *said = pr_receive_out(machine);
	size_t n = 0;
	out[0] = 0;
	for (char *line = said->len ? said->data : NULL; line && *line;
	     line = strchr(line, '\n') + 1)
		if (line[3] == ' ')
			n += (size_t)snprintf(out + n, sizeof out - n, "%.3s ", line);
	pr_buf_clear(said);
	return out;
}

static const char *
feed(const char *octets)
{
	pr_receive_feed(machine, octets, strlen(octets));
	return codes();
}

#define MAIL "MAIL FROM:<>\r\nRCPT TO:<ours@a>\r\nDATA\r\n"

struct dialog {
	const char *octets, *codes, *taken;
};
static const struct dialog dialogs[] = {
    {"EHLO x\r\n" MAIL "a\r\n.\r\n", "250 250 250 354 250 ", ">ours@a:a\r\n|"},
    {"HELO x\r\nmail from: <a@b> BODY=8BITMIME SIZE=10000 SMTPUTF8\r\nrcpt to:<ours>\r\n"
     "rcpt to:<@r,@s:ours2>\r\ndata\r\n..x\r\n...\r\n.\r\nQUIT\r\n",
     "250 250 250 250 354 250 221 ", "a@b>ours,ours2:.x\r\n..\r\n|"},
    {"EHLO x\r\n" MAIL ".\r\n", "250 250 250 354 250 ", ">ours@a:|"},
    {"EHLO x\r\nMAIL FROM:<\"a>b\"@c>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<postmaster>\r\n",
     "250 250 550 250 ", ""},
    /* never a relay, nothing told */
    {"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<b%ours@a>\r\nRCPT TO:<>\r\nDATA\r\n",
     "250 250 550 550 501 554 ", ""},
    {"VRFY ours\r\nEXPN ours\r\nAUTH PLAIN x\r\nBDAT 5\r\nSTARTTLS\r\nx\r\n\r\n",
     "502 502 502 502 502 500 500 ", ""},
    /* order */
    {"MAIL FROM:<>\r\nEHLO\r\nEHLO x\r\nRCPT TO:<ours>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n",
     "503 501 250 503 503 250 503 ", ""},
    {"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ours>\r\nRSET\r\nDATA\r\nEHLO x\r\nRCPT TO:<ours>\r\n",
     "250 250 250 250 503 250 503 ", ""},
    {"EHLO x\r\nMAIL FROM:<a\r\nMAIL FROM a\r\nMAIL FROM:<a>b\r\nMAIL FROM:<a> X=1\r\n"
     "MAIL FROM:<a> SIZE=x\r\nMAIL FROM:<a> SIZE=10001\r\n",
     "250 501 501 501 555 501 552 ", ""},
    /* what ends a mail, and what does not */
    {"EHLO x\r\n" MAIL "a\n.\nQUIT\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\r\n" MAIL "a\r.\r\nb\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\r\n" MAIL "a\r\n.\nb\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\r\n" MAIL "a\r\n.\rb\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\r\n" MAIL "a\n.\r\nb\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\r\n" MAIL "a\r\r\n.\r\n", "250 250 250 354 550 ", ""},
    {"EHLO x\nMAIL FROM:<>\r\n", "554 ", ""},
    {"EHLO a\rb\r\nNOOP\r\n", "554 ", ""},
    /* errors end it */
    {"a\r\na\r\na\r\na\r\na\r\na\r\na\r\na\r\na\r\na\r\na\r\n",
     "500 500 500 500 500 500 500 500 500 421 ", ""},
};

START_TEST(a_dialog_goes_as_it_should_however_it_is_cut)
{
	const struct dialog *d = &dialogs[_i];
	size_t n = strlen(d->octets);
	for (size_t step = n; step > 0; step = step > 7 ? step / 2 : step - 1) {
		pr_receive_destroy(machine);
		begin(false);
		for (size_t at = 0; at < n; at += step)
			pr_receive_feed(machine, d->octets + at, n - at < step ? n - at : step);
		ck_assert_str_eq(codes(), d->codes);
		ck_assert_str_eq(taken.len ? taken.data : "", d->taken);
	}
}
END_TEST

START_TEST(what_comes_ahead_waits_for_the_answer_and_is_bounded)
{
	char flood[5000];
	answers_later = true;
	ck_assert_str_eq(feed("EHLO x\r\n" MAIL "a\r\n.\r\n" MAIL "b\r\n.\r\nNOOP\r\n"),
	                 "250 250 250 354 ");
	ck_assert_int_eq(pr_receive_wants(machine), PR_RECEIVE_ANSWER);
	pr_receive_answer(machine, PR_RECEIVE_LATER);
	ck_assert_str_eq(codes(), "451 250 250 354 ");
	ck_assert_str_eq(taken.data, ">ours@a:a\r\n|>ours@a:b\r\n|");
	memset(flood, 'x', sizeof flood);
	for (size_t n = 0; n <= PR_RECEIVE_AHEAD_MAX; n += sizeof flood)
		pr_receive_feed(machine, flood, sizeof flood);
	pr_receive_answer(machine, PR_RECEIVE_TAKEN);
	ck_assert_str_eq(codes(), "250 421 ");
	ck_assert_int_eq(pr_receive_wants(machine), PR_RECEIVE_END);
}
END_TEST

START_TEST(a_mail_beyond_the_size_is_refused_at_its_end_and_endless_ones_end_the_session)
{
	char line[1002];
	memset(line, 'x', 1000);
	memcpy(line + 1000, "\r\n", 2);
	feed("EHLO x\r\n" MAIL);
	for (int i = 0; i < 10; i++)
		pr_receive_feed(machine, line, sizeof line);
	ck_assert_str_eq(feed(".\r\n"), "552 ");
	feed(MAIL);
	for (int i = 0; i < 200; i++)
		pr_receive_feed(machine, line, sizeof line);
	ck_assert_str_eq(codes(), "421 ");
	ck_assert_uint_eq(taken.len, 0);
}
END_TEST

START_TEST(long_lines_are_refused_and_what_follows_is_understood)
{
	char line[PR_RECEIVE_LINE_MAX + 10];
	memset(line, 'x', sizeof line);
	pr_receive_feed(machine, line, PR_RECEIVE_COMMAND_MAX + 1);
	ck_assert_str_eq(feed("\r\nNOOP\r\n"), "500 250 ");
	feed("EHLO x\r\n" MAIL);
	pr_receive_feed(machine, line, PR_RECEIVE_LINE_MAX + 1);
	ck_assert_str_eq(feed("\r\n.\r\n"), "550 ");
	feed(MAIL);
	ck_assert_str_eq(feed("short\r\n.\r\n"), "250 ");
}
END_TEST

START_TEST(starttls_forgets_all_and_takes_no_octets_from_before)
{
	pr_receive_destroy(machine);
	begin(true);
	ck_assert_str_eq(feed("EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\n"), "250 250 220 ");
	ck_assert_int_eq(pr_receive_wants(machine), PR_RECEIVE_TLS);
	pr_receive_secured(machine);
	ck_assert_str_eq(feed("RCPT TO:<ours>\r\nMAIL FROM:<>\r\nEHLO x\r\nSTARTTLS\r\n"),
	                 "503 503 250 502 ");
	pr_receive_destroy(machine);
	begin(true);
	ck_assert_str_eq(feed("EHLO x\r\nSTARTTLS\r\nNOOP\r\n"), "250 220 554 ");
	ck_assert_int_eq(pr_receive_wants(machine), PR_RECEIVE_END);
}
END_TEST

START_TEST(who_comes_too_often_and_too_many_recipients_are_put_off)
{
	too_many = true;
	ck_assert_str_eq(feed("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ours>\r\n"), "250 451 503 ");
	too_many = false;
	feed("MAIL FROM:<>\r\n");
	for (unsigned i = 0; i < PR_RECEIVE_RECIPIENTS_MAX; i++)
		ck_assert_str_eq(feed("RCPT TO:<ours>\r\n"), "250 ");
	ck_assert_str_eq(feed("RCPT TO:<ours>\r\n"), "452 ");
	pr_receive_hang_up(machine, "Too slow");
	ck_assert_str_eq(codes(), "421 ");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_dialog_goes_as_it_should_however_it_is_cut, ROWS(dialogs)},
	    {what_comes_ahead_waits_for_the_answer_and_is_bounded},
	    {a_mail_beyond_the_size_is_refused_at_its_end_and_endless_ones_end_the_session},
	    {long_lines_are_refused_and_what_follows_is_understood},
	    {starttls_forgets_all_and_takes_no_octets_from_before},
	    {who_comes_too_often_and_too_many_recipients_are_put_off},
	};
	return suite_run("smtp_receive", setup, teardown, tests, ROWS(tests));
}
