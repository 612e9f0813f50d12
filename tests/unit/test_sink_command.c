/* Lines of SMTP clients, good and bad. */
#include "sink/command.h"
#include "suite.h"

static const struct {
	const char *line;
	enum sink_verb verb;
	int code;
	const char *address;
} cases[] = {
    {"MAIL FROM:<a@b.example>", SINK_MAIL, 0, "a@b.example"},
    {"mail from:<a@b.example> size=12 BODY=8BITMIME smtputf8 RET=FULL ENVID=x", SINK_MAIL, 0,
     "a@b.example"},
    {"MAIL FROM:<>", SINK_MAIL, 0, ""},
    {"MAIL FROM:<@x.example,@y.example:a@b.example>", SINK_MAIL, 0, "a@b.example"},
    {"MAIL FROM:<\"a>b\"@b.example>", SINK_MAIL, 0, "\"a>b\"@b.example"},
    {"MAIL FROM:<a@b.example>  ", SINK_MAIL, 0, "a@b.example"},
    {"MAIL FROM: <a@b.example>", SINK_MAIL, 501, NULL},
    {"MAIL FROM:a@b.example", SINK_MAIL, 501, NULL},
    {"MAIL FROM:<a@b.example", SINK_MAIL, 501, NULL},
    {"MAIL FROM:<a@b.example>x", SINK_MAIL, 501, NULL},
    {"MAIL TO:<a@b.example>", SINK_MAIL, 501, NULL},
    {"MAIL", SINK_MAIL, 501, NULL},
    {"MAIL FROM:<a>", SINK_MAIL, 553, NULL},
    {"MAIL FROM:<postmaster>", SINK_MAIL, 553, NULL},
    {"MAIL FROM:<a@b.example> SIZE=x", SINK_MAIL, 501, NULL},
    {"MAIL FROM:<a@b.example> FOO=1", SINK_MAIL, 555, NULL},
    {"MAIL FROM:<a@b.example> BODY=BINARYMIME", SINK_MAIL, 555, NULL},
    {"RCPT TO:<gr\xC3\xBC\xC3\x9F@b.example> NOTIFY=NEVER ORCPT=rfc822;a", SINK_RCPT, 0,
     "gr\xC3\xBC\xC3\x9F@b.example"},
    {"RCPT TO:<Postmaster>", SINK_RCPT, 0, "Postmaster"},
    {"RCPT TO:<a@[192.0.2.1]>", SINK_RCPT, 0, "a@[192.0.2.1]"},
    {"RCPT TO:<>", SINK_RCPT, 501, NULL},
    {"RCPT TO:<a@b.example> SIZE=1", SINK_RCPT, 555, NULL},
    {"DATA", SINK_DATA, 0, NULL},
    {"DATA x", SINK_DATA, 501, NULL},
    {"DATAx", SINK_UNKNOWN, 500, NULL},
    {"BDAT 12", SINK_BDAT, 0, NULL},
    {"bdat 0 last", SINK_BDAT, 0, NULL},
    {"BDAT", SINK_BDAT, 501, NULL},
    {"BDAT -1", SINK_BDAT, 501, NULL},
    {"BDAT 99999999999999999999", SINK_BDAT, 501, NULL},
    {"BDAT 1 LAST x", SINK_BDAT, 501, NULL},
    {"EHLO", SINK_EHLO, 501, NULL},
    {"EHLO [127.0.0.1]", SINK_EHLO, 0, NULL},
    {"NOOP anything", SINK_NOOP, 0, NULL},
    {"STARTTLS", SINK_STARTTLS, 0, NULL},
    {"STARTTLS now", SINK_STARTTLS, 501, NULL},
    {"AUTH PLAIN", SINK_AUTH, 0, NULL},
    {"AUTH", SINK_AUTH, 501, NULL},
    {"EXPN x", SINK_OTHER, 0, NULL},
    {"", SINK_UNKNOWN, 500, NULL},
    {" QUIT", SINK_UNKNOWN, 500, NULL},
    {"NOOP \r", SINK_NOOP, 501, NULL},
};

START_TEST(lines_are_taken_apart_or_refused_with_a_code)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sink_command c;
		sink_command_parse(pr_str(cases[i].line), &c);
		ck_assert_msg(c.verb == cases[i].verb, "%s: verb %d", cases[i].line, c.verb);
		ck_assert_msg(c.code == cases[i].code, "%s: code %d", cases[i].line, c.code);
		if (cases[i].address)
			ck_assert_msg(pr_str_is(c.address, cases[i].address), "%s: address",
			              cases[i].line);
		if (c.code)
			ck_assert(c.enhanced && c.problem);
	}
}
END_TEST

START_TEST(parameters_are_read)
{
	struct sink_command c;
	sink_command_parse(PR_STR("MAIL FROM:<a@b.example> SIZE=12 SMTPUTF8"), &c);
	ck_assert(c.has_size && c.size == 12 && c.smtputf8 && !c.eightbit);
	sink_command_parse(PR_STR("BDAT 77 LAST"), &c);
	ck_assert(c.last && c.size == 77);
	sink_command_parse(PR_STR("NOOP a\0b"), &c);
	ck_assert_int_eq(c.code, 501);
}
END_TEST

static const struct {
	const char *mailbox;
	bool valid;
} mailboxes[] = {
    {"a@b", true},
    {"a.b+c@d-e.example", true},
    {"\"a b\\\"c\"@d.example", true},
    {"a@[IPv6:::1]", true},
    {"a@\xE4\xBE\x8B.example", true},
    {"a", false},
    {"@b", false},
    {"a@", false},
    {".a@b", false},
    {"a.@b", false},
    {"a..b@c", false},
    {"a b@c", false},
    {"a@b..c", false},
    {"a@-b", false},
    {"a@b-", false},
    {"a@b-.c", false},
    {"a@.b", false},
    {"a@b.", false},
    {"a@[1", false},
    {"a@[]", false},
    {"\"a@b", false},
    {"\"\\\"@b", false},
    {"a\xFF@b", false},
    {"a@b_c.example", true},
    {"a\x01@b", false},
};

START_TEST(mailboxes_follow_the_grammar)
{
	for (size_t i = 0; i < sizeof mailboxes / sizeof *mailboxes; i++)
		ck_assert_msg(sink_mailbox_valid(pr_str(mailboxes[i].mailbox)) ==
		                  mailboxes[i].valid,
		              "%s", mailboxes[i].mailbox);
}
END_TEST

START_TEST(mailboxes_beyond_the_limits_are_refused)
{
	char text[400];
	memset(text, 'x', sizeof text);
	memcpy(text + 64, "@b", 2);
	ck_assert(sink_mailbox_valid(pr_str_n(text, 66)));
	memset(text, 'x', sizeof text);
	memcpy(text + 65, "@b", 2);
	ck_assert(!sink_mailbox_valid(pr_str_n(text, 67)));
	memset(text, 'x', sizeof text);
	memcpy(text, "a@", 2);
	ck_assert(sink_mailbox_valid(pr_str_n(text, 2 + 63)));
	ck_assert(!sink_mailbox_valid(pr_str_n(text, 2 + 64)));
	for (size_t i = 10; i < sizeof text; i += 10)
		text[i] = '.';
	ck_assert(sink_mailbox_valid(pr_str_n(text, 2 + 255)));
	ck_assert(!sink_mailbox_valid(pr_str_n(text, 2 + 256)));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {lines_are_taken_apart_or_refused_with_a_code},
	    {parameters_are_read},
	    {mailboxes_follow_the_grammar},
	    {mailboxes_beyond_the_limits_are_refused},
	};
	return suite_run("sink_command", NULL, NULL, tests, ROWS(tests));
}
