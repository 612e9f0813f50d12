/* Mails that come back: what each is, whom it is about and why. All are made by hand, in the forms
 * that mail systems send; and some that nobody should. */
#include "suite.h"

#include "postrider/feedback.h"

#include <stdio.h>

static pr_rules *rules;
static struct pr_arena arena;

static void
setup(void)
{
	struct pr_problems problems = {0};
	ck_assert_int_eq(pr_rules_load(NULL, &problems, &rules), 0);
	pr_problems_finish(&problems);
	pr_arena_init(&arena);
}

static void
teardown(void)
{
	pr_rules_destroy(rules);
	pr_arena_finish(&arena);
}

static struct pr_feedback
read_mail(struct pr_str mail)
{
	struct pr_feedback f;
	pr_feedback_read(rules, mail, &arena, &f);
	return f;
}

#define FROM_MAILER "From: Mail Delivery System <MAILER-DAEMON@mx.b.example>\n"
#define TEXT FROM_MAILER "Subject: failure notice\n\n"
#define RETURNED                                                                                   \
	"Return-Path: <b+token@bounce.a.example>\nReceived: by mx.b.example\n"                     \
	"\tid 1; Thu, 26 Nov 2026 10:00:00 +0000\nMessage-ID: <1.2@a.example>\n"                   \
	"List-Unsubscribe: <https://t.a.example/u/abc>,\n <mailto:u@a.example>\n"                  \
	"From: news@a.example\nTo: jane@b.example\nSubject: spring\n\nbody with x@y.example\n"
#define REPORT(fields)                                                                             \
	FROM_MAILER "Auto-Submitted: auto-replied\nSubject: Undelivered Mail\n"                    \
		    "MIME-Version: 1.0\nContent-Type: multipart/report; "                          \
		    "report-type=delivery-status; boundary=b\n\n"                                  \
		    "--b\n\nI am sorry to have to inform you.\n\n"                                 \
		    "--b\nContent-Type: message/delivery-status\n\n"                               \
		    "Reporting-MTA: dns; mx.b.example\nOriginal-Envelope-Id: e1\n\n" fields        \
		    "\n--b\nContent-Type: message/rfc822\n\n" RETURNED "\n--b--\n"
#define ARF(fields)                                                                                \
	"From: fbl@b.example\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: "               \
	"multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nAbuse.\n\n--b\n"      \
	"Content-Type: message/feedback-report\n\n" fields                                         \
	"User-Agent: x\nVersion: 1\n\n--b\nContent-Type: message/rfc822\n\n" RETURNED "\n--b--\n"

static const struct {
	const char *what, *mail;
	enum pr_feedback_kind kind;
	size_t n;
	const char *address, *status;
	enum pr_class class_;
	bool hard;
	enum pr_action action;
	const char *diagnostic; /* is in it */
} mails[] = {
    {"a report of a failure",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550 5.1.1 <jane@b.example>:\n    User unknown\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "550 5.1.1 <jane@b.example>: User unknown"},
    {"the address written to counts",
     REPORT("Original-Recipient: rfc822;jane@b.example\nFinal-Recipient: rfc822; j@c.example\n"
            "Action: failed\nStatus: 5.2.2\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.2.2", PR_CLASS_MAILBOX_FULL, false, PR_ACTION_RETRY,
     ""},
    {"the better status counts",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: failed\nStatus: 5.0.0 (odd)\n"
            "Diagnostic-Code: smtp; 550 5.7.26 Unauthenticated email is not accepted\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.7.26", PR_CLASS_AUTHENTICATION, false, PR_ACTION_FIX,
     "Unauthenticated"},
    {"two recipients, two verdicts",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: failed\nStatus: 5.1.1\n\n"
            "Final-Recipient: rfc822; joe@b.example\nAction: delayed\nStatus: 4.4.1\n"),
     PR_FEEDBACK_DSN, 2, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     ""},
    {"no line between the recipients",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: failed\nStatus: 5.1.1\n"
            "Final-Recipient: rfc822; joe@b.example\nAction: failed\nStatus: 5.1.1\n"),
     PR_FEEDBACK_DSN, 2, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     ""},
    {"a delay is no failure",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: delayed\nStatus: 4.0.0\n"
            "Diagnostic-Code: smtp; 550 5.1.1 user unknown\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, false, PR_ACTION_NONE,
     ""},
    {"a delay for no reason given",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: Delayed\nStatus: 4.4.0\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "4.4.0", PR_CLASS_EXPIRED, false, PR_ACTION_NONE, ""},
    {"a success",
     REPORT("Final-Recipient: rfc822; jane@b.example\nAction: relayed\nStatus: 2.0.0\n"),
     PR_FEEDBACK_DSN, 1, "jane@b.example", "2.0.0", PR_CLASS_DELIVERED, false, PR_ACTION_NONE, ""},
    {"an international report",
     "From: postmaster@b.example\nMIME-Version: 1.0\nContent-Type: multipart/report; "
     "report-type=delivery-status; boundary=b\n\n--b\n\nno\n\n--b\n"
     "Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: 8bit\n\n"
     "Reporting-MTA: dns; b.example\n\nFinal-Recipient: utf-8; j\xc3\xa4ne@b.example\n"
     "Action: failed\nStatus: 5.1.1\n\n--b--\n",
     PR_FEEDBACK_DSN, 1, "j\xc3\xa4ne@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true,
     PR_ACTION_SUPPRESS, ""},
    {"the reason stands in the notice",
     "From: postmaster@b.example\nMIME-Version: 1.0\nContent-Type: multipart/report; "
     "boundary=b\n\n--b\n\n<jane@b.example>: mailbox is full\n\n--b\nContent-Type: "
     "message/delivery-status\n\nFinal-Recipient: rfc822;jane@b.example\nAction: failed\n"
     "Status: 5.0.0\n\n--b--\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.0.0", PR_CLASS_MAILBOX_FULL, false, PR_ACTION_RETRY,
     ""},
    {"a report in the text",
     TEXT "Technical report:\n\nReporting-MTA: dns; b.example\nAction: failed\n"
          "Final-Recipient: rfc822; jane@b.example\nStatus: 5.1.1\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     ""},
    {"a report whose boundary never comes",
     "From: MAILER-DAEMON\nMIME-Version: 1.0\nContent-Type: multipart/report; boundary=never\n\n"
     "Final-Recipient: rfc822; jane@b.example\nAction: failed\nStatus: 5.1.1\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     ""},
    {"a report that somebody passed on",
     "From: joe@c.example\nSubject: Fwd\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
     "boundary=o\n\n--o\n\nlook\n\n--o\nContent-Type: message/rfc822\n\n"
     "From: postmaster@b.example\nMIME-Version: 1.0\nContent-Type: multipart/report; "
     "boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
     "Final-Recipient: rfc822;jane@b.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n\n--o--\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     ""},

    {"qmail",
     TEXT
     "Hi. This is the qmail-send program at b.example.\nI'm afraid I wasn't able to deliver "
     "your message to the following addresses.\n\n<jane@b.example>:\nSorry, no mailbox "
     "here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n" RETURNED,
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "no mailbox here"},
    {"Exim",
     FROM_MAILER "X-Failed-Recipients: jane@b.example,\n  joe@b.example\nSubject: Mail delivery "
                 "failed\n\nThe following address(es) failed:\n\n  jane@b.example\n    SMTP error "
                 "from remote mail server after RCPT TO:<jane@b.example>:\n    host mx [192.0.2.1]:"
                 " 550 5.1.1 User Unknown\n  joe@b.example\n    host mx [192.0.2.1]: 552 5.2.2 "
                 "mailbox full\n\n------ This is a copy of the message ------\n\n" RETURNED,
     PR_FEEDBACK_DSN, 2, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "User Unknown"},
    {"Exim, about the sender",
     FROM_MAILER "X-Failed-Recipients: jane@b.example\nSubject: Mail delivery failed\n\n  "
                 "jane@b.example\n    SMTP error from remote mail server after MAIL FROM:"
                 "<news@a.example>:\n    host mx [192.0.2.1]: 550 no such domain a.example\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_SENDER_REJECTED, false, PR_ACTION_FIX,
     "no such domain"},
    {"Exim's warning",
     FROM_MAILER "Subject: Warning: message 1 delayed 24 hours\n\nA message that you sent has not "
                 "yet been delivered to one or more of its\nrecipients.\n\n  jane@b.example\n    "
                 "host mx [192.0.2.1]: 451 mailbox is full\n\nNo action is required.\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_MAILBOX_FULL, false, PR_ACTION_NONE,
     "mailbox is full"},
    {"sendmail, with its transcript",
     TEXT "   ----- The following addresses had permanent fatal errors -----\n<jane@b.example>\n\n"
          "   ----- Transcript of session follows -----\n... while talking to mx.b.example.:\n"
          ">>> RCPT To:<jane@b.example>\n<<< 550 5.1.1 User unknown\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "550 5.1.1"},
    {"an old Exchange",
     "From: System Administrator <postmaster@b.example>\nSubject: Undeliverable: spring\n\nYour "
     "message\n\n  To:      joe@b.example\n  Subject: spring\n\ndid not reach the following "
     "recipient(s):\n\njane@b.example on Thu, 26 Nov 2026\n    The recipient name is not "
     "recognized\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "not recognized"},
    {"Notes: the reason first",
     TEXT "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n"
          "jane@b.example\n\n------- Returned Message --------\n\n" RETURNED,
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS, ""},
    {"only the returned message names it",
     TEXT "The mailbox of the recipient is full.\n\n" RETURNED, PR_FEEDBACK_DSN, 1,
     "jane@b.example", "", PR_CLASS_MAILBOX_FULL, false, PR_ACTION_RETRY, ""},
    {"HTML alone",
     FROM_MAILER "Subject: Undeliverable\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html>"
                 "<style>p {x: y@z.example}</style><p>To &lt;jane@b.example&gt;: <b>user</b> "
                 "unknown</p>",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "user unknown"},
    {"Japanese in seven bits, charset not said", TEXT "\x1b$B08@hITL@\x1b(B\n<jane@b.example>\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS, ""},
    {"quoted local part", TEXT "<\"jane doe\"@b.example>: user unknown\n", PR_FEEDBACK_DSN, 1,
     "\"jane doe\"@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS, ""},
    {"who gets the bounce, and who sends it, are not meant",
     FROM_MAILER "To: news@a.example\nSubject: failure notice\n\nWrite to postmaster@b.example.\n"
                 "Mail from news@a.example to jane@b.example failed: user unknown\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS, ""},
    {"Amazon SES by SNS",
     "From: no-reply@sns.amazonaws.com\nSubject: AWS Notification Message\n\n"
     "{\"notificationType\":\"Bounce\",\"bounce\":{\"bouncedRecipients\":[{\"emailAddress\":"
     "\"jane@b.example\",\"action\":\"failed\",\"status\":\"5.1.1\",\"diagno\nsticCode\":"
     "\"smtp; 550 5.1.1 user unknown\"}]}}\n\n--\nIf you wish to stop\n",
     PR_FEEDBACK_DSN, 1, "jane@b.example", "5.1.1", PR_CLASS_USER_UNKNOWN, true, PR_ACTION_SUPPRESS,
     "550 5.1.1 user unknown"},

    {"a complaint", ARF("Feedback-Type: abuse\nOriginal-Rcpt-To: <jane@b.example>\n"),
     PR_FEEDBACK_ARF, 1, "jane@b.example", "", PR_CLASS_COMPLAINT, false, PR_ACTION_SUPPRESS, ""},
    {"a complaint that hides its recipient",
     ARF("Feedback-Type: abuse\nOriginal-Rcpt-To: redacted@b.example\n"), PR_FEEDBACK_ARF, 1,
     "jane@b.example", "", PR_CLASS_COMPLAINT, false, PR_ACTION_SUPPRESS, ""},
    {"opt-out of several",
     ARF("Feedback-Type: opt-out\nRemoval-Recipient: jane@b.example\n"
         "Removal-Recipient: joe@b.example\n"),
     PR_FEEDBACK_ARF, 2, "jane@b.example", "", PR_CLASS_COMPLAINT, false, PR_ACTION_SUPPRESS, ""},
    {"a recommendation", ARF("Feedback-Type: not-spam\nOriginal-Rcpt-To: jane@b.example\n"),
     PR_FEEDBACK_ARF, 1, "jane@b.example", "", PR_CLASS_COMPLAINT, false, PR_ACTION_NONE, ""},
    {"a failed authentication", ARF("Feedback-Type: auth-failure\nAuth-Failure: dmarc\n"),
     PR_FEEDBACK_ARF, 1, "jane@b.example", "", PR_CLASS_AUTHENTICATION, false, PR_ACTION_FIX, ""},
    {"Microsoft's form",
     "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\n"
     "MIME-Version: 1.0\nContent-Type: message/rfc822\n\n"
     "X-HmXmrOriginalRecipient: jane@b.example\n" RETURNED,
     PR_FEEDBACK_ARF, 1, "jane@b.example", "", PR_CLASS_COMPLAINT, false, PR_ACTION_SUPPRESS, ""},

    {"an autoreply",
     "From: Jane <jane@b.example>\nAuto-Submitted: auto-replied (vacation)\nSubject: Re: spring\n"
     "\nI am away; user unknown is what you would get.\n",
     PR_FEEDBACK_AUTOREPLY, 1, "jane@b.example", "", PR_CLASS_AUTOREPLY, false, PR_ACTION_NONE, ""},
    {"an autoreply by its subject",
     "From: jane@b.example\nSubject: =?utf-8?B?6Ieq5Yqo5Zue5aSNOiBzcHJpbmc=?=\n\nhello\n",
     PR_FEEDBACK_AUTOREPLY, 1, "jane@b.example", "", PR_CLASS_AUTOREPLY, false, PR_ACTION_NONE, ""},
    {"a person", "From: jane@b.example\nSubject: Re: spring\n\nWrite to joe@b.example, please.\n",
     PR_FEEDBACK_UNKNOWN, 0, "", "", PR_CLASS_NONE, false, PR_ACTION_NONE, ""},
    {"a person with an attachment",
     "From: jane@b.example\nSubject: what you sent\nMIME-Version: 1.0\nContent-Type: "
     "multipart/mixed; boundary=b\n\n--b\n\nhere it is\n\n--b\nContent-Type: "
     "message/rfc822\n\n" RETURNED "\n--b--\n",
     PR_FEEDBACK_UNKNOWN, 0, "", "", PR_CLASS_NONE, false, PR_ACTION_NONE, ""},
    {"nothing", "", PR_FEEDBACK_UNKNOWN, 0, "", "", PR_CLASS_NONE, false, PR_ACTION_NONE, ""},
    {"a failure of nobody", TEXT "Something went wrong.\n", PR_FEEDBACK_UNKNOWN, 0, "", "",
     PR_CLASS_NONE, false, PR_ACTION_NONE, ""},
};

static void
must_be_read(int row, struct pr_str mail)
{
	struct pr_feedback f = read_mail(mail);
	char status[20] = "";
	ck_assert_msg(f.kind == mails[row].kind && f.n == mails[row].n, "%s: %s, %zu recipients",
	              mails[row].what, pr_feedback_word(f.kind), f.n);
	if (f.n == 0)
		return;
	const struct pr_feedback_recipient *r = f.recipients;
	if (r->status[0])
		snprintf(status, sizeof status, "%u.%u.%u", r->status[0], r->status[1],
		         r->status[2]);
	ck_assert_msg(pr_str_is(r->address, mails[row].address), "%s: %.*s", mails[row].what,
	              (int)r->address.n, r->address.p);
	ck_assert_msg(!strcmp(status, mails[row].status), "%s: %s", mails[row].what, status);
	ck_assert_msg(r->finding.class_ == mails[row].class_ &&
	                  r->finding.hard == mails[row].hard &&
	                  r->finding.action == mails[row].action,
	              "%s: %s %d %s", mails[row].what, pr_class_word(r->finding.class_),
	              r->finding.hard, pr_action_word(r->finding.action));
	const char *found = memmem(r->diagnostic.p, r->diagnostic.n, mails[row].diagnostic,
	                           strlen(mails[row].diagnostic));
	ck_assert_msg(found != NULL, "%s: %.*s", mails[row].what, (int)r->diagnostic.n,
	              r->diagnostic.p);
}

START_TEST(each_mail_is_understood)
{
	must_be_read(_i, pr_str(mails[_i].mail));
}
END_TEST

/* How the one it is about may stand in a notice. */
static const char *const notices[] = {
    "<jane@b.example>",
    "jane@b.example",
    "  * jane@b.example",
    "    Jane Doe (jane@b.example)",
    "Failed recipient: jane@b.example",
    "Undeliverable Address: jane@b.example",
    "undeliverable to jane@b.example",
    "User mailbox exceeds allowed size: jane@b.example",
    "SMTP <jane@b.example>",
    "'jane@b.example' on 26.11.2026",
    "jane\n    (expanded from: <jane@b.example>)",
    "Failed to deliver to '<jane@b.example>'",
    "  Recipient address: jane@b.example",
    "Your message to jane@b.example was rejected.",
    "There was an error delivering your mail to <jane@b.example>.",
    "jane@b.example; Failed; 5.1.1 (bad destination mailbox address)",
};

START_TEST(the_one_it_is_about_is_found)
{
	struct pr_buf b = {0};
	pr_buf_addf(&b, TEXT "Mail of news@a.example:\n\n%s\n\nAsk admin@b.example.\n\n" RETURNED,
	            notices[_i]);
	struct pr_feedback f = read_mail(pr_buf_str(&b));
	ck_assert_msg(f.n == 1, "%s: %zu recipients", notices[_i], f.n);
	ck_assert(pr_str_is(f.recipients->address, "jane@b.example"));
	pr_buf_finish(&b);
}
END_TEST

/* By the line ends of SMTP, and of an old Macintosh; out of a mailbox. */
START_TEST(line_ends_do_not_matter)
{
	struct pr_buf b = {0};
	const char *mail = mails[_i].mail;
	for (int form = 0; form < 3; form++) {
		pr_buf_clear(&b);
		pr_buf_adds(&b, form == 2 ? "From MAILER-DAEMON Thu Nov 26 10:00:00 2026\n" : "");
		for (const char *p = mail; *p; p++) {
			if (*p == '\n' && form < 2)
				pr_buf_addc(&b, '\r');
			if (*p != '\n' || form != 1)
				pr_buf_addc(&b, *p);
		}
		must_be_read(_i, pr_buf_str(&b));
	}
	pr_buf_finish(&b);
}
END_TEST

/* Cut anywhere, and with octets that do not belong: whatever comes of it, it ends well. */
START_TEST(a_mail_may_be_cut_or_broken_anywhere)
{
	struct pr_buf b = {0};
	size_t n = strlen(mails[_i].mail);
	for (size_t i = 0; i < n; i += 7) {
		pr_arena_reset(&arena);
		read_mail(pr_str_n(mails[_i].mail, i));
		pr_buf_clear(&b);
		pr_buf_add(&b, mails[_i].mail, n);
		b.data[i] = (char)(i % 3 ? 0 : 0xff);
		read_mail(pr_buf_str(&b));
	}
	pr_buf_finish(&b);
}
END_TEST

START_TEST(what_was_returned_is_at_hand)
{
	struct pr_feedback f = read_mail(pr_str(mails[0].mail));
	ck_assert(pr_str_is(f.envelope_id, "e1"));
	ck_assert(pr_str_is(pr_feedback_returned(&f, "message-id", &arena), "<1.2@a.example>"));
	ck_assert(pr_str_is(pr_feedback_returned(&f, "List-Unsubscribe", &arena),
	                    "<https://t.a.example/u/abc>, <mailto:u@a.example>"));
	ck_assert_uint_eq(pr_feedback_returned(&f, "X-None", &arena).n, 0);
	f = read_mail(PR_STR(TEXT "jane@b.example: user unknown\n\n" RETURNED));
	ck_assert(pr_str_is(pr_feedback_returned(&f, "To", &arena), "jane@b.example"));
	f = read_mail(PR_STR(ARF("Feedback-Type: opt-out\n")));
	ck_assert(pr_str_is(f.feedback_type, "opt-out"));
}
END_TEST

/* ---- bounds ---- */

START_TEST(recipients_and_diagnostics_are_bounded)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, TEXT);
	for (int i = 0; i < 3000; i++)
		pr_buf_addf(&b, "<j%d@b.example>: user unknown\n", i);
	struct pr_feedback f = read_mail(pr_buf_str(&b));
	ck_assert_uint_eq(f.n, PR_FEEDBACK_RECIPIENTS_MAX);
	pr_buf_clear(&b);
	pr_buf_adds(&b,
	            TEXT "Final-Recipient: rfc822; jane@b.example\nDiagnostic-Code: smtp; 550 ");
	for (int i = 0; i < 3000; i++)
		pr_buf_adds(&b, "\xc3\xa4\r\t");
	f = read_mail(pr_buf_str(&b));
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_le(f.recipients->diagnostic.n, PR_FEEDBACK_DIAGNOSTIC_MAX);
	ck_assert(pr_utf8_valid(f.recipients->diagnostic.p, f.recipients->diagnostic.n, NULL));
	pr_buf_finish(&b);
}
END_TEST

START_TEST(parts_within_parts_end_somewhere)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, FROM_MAILER "MIME-Version: 1.0\n");
	for (int i = 0; i < 20000; i++)
		pr_buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	read_mail(pr_buf_str(&b));
	pr_buf_clear(&b);
	for (int i = 0; i < 20000; i++)
		pr_buf_adds(&b, "Content-Type: message/rfc822\n\n");
	read_mail(pr_buf_str(&b));
	pr_buf_clear(&b);
	pr_buf_adds(&b, FROM_MAILER "Content-Type: text/html\n\n");
	for (int i = 0; i < 200000; i++)
		pr_buf_adds(&b, "<a&<@");
	read_mail(pr_buf_str(&b));
	pr_buf_finish(&b);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_mail_is_understood, ROWS(mails)},
	    {the_one_it_is_about_is_found, ROWS(notices)},
	    {line_ends_do_not_matter, ROWS(mails)},
	    {a_mail_may_be_cut_or_broken_anywhere, ROWS(mails)},
	    {what_was_returned_is_at_hand},
	    {recipients_and_diagnostics_are_bounded},
	    {parts_within_parts_end_somewhere},
	};
	return suite_run("feedback_mail", setup, teardown, tests, ROWS(tests));
}
