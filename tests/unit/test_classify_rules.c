/* bounces.yaml: what texts mean, that it is told what is wrong with a file, and that turning
 * patterns down early never changes an answer. */
#include "suite.h"

#include "../../src/classify/internal.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static struct pr_problems problems;
static pr_rules *rules;

static void
setup(void)
{
	memset(&problems, 0, sizeof problems);
	rules = NULL;
}

static void
teardown(void)
{
	pr_problems_finish(&problems);
	pr_rules_destroy(rules);
}

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	pr_problems_text(&problems, &b);
	return b.data;
}

static void
load(void)
{
	ck_assert_msg(pr_rules_load(NULL, &problems, &rules) == 0, "%s", told());
}

static struct pr_finding
classify(const char *text)
{
	struct pr_said said = pr_said_read(pr_str(text));
	return pr_classify(rules, &said);
}

/* ---- what texts mean ---- */

static const struct {
	const char *text;
	enum pr_class class_;
	bool hard;
	enum pr_action action;
} meanings[] = {
#define HARD true, PR_ACTION_SUPPRESS
#define FIX false, PR_ACTION_FIX
#define RETRY false, PR_ACTION_RETRY
#define REVIEW false, PR_ACTION_REVIEW
    {"250 2.0.0 Ok: queued as 4Xyz", PR_CLASS_DELIVERED, false, PR_ACTION_NONE},
    {"550 5.1.1 <a@b.example>: Recipient address rejected: User unknown", PR_CLASS_USER_UNKNOWN,
     HARD},
    {"550-5.1.1 The email account that you tried to reach does not exist.", PR_CLASS_USER_UNKNOWN,
     HARD},
    {"450 4.1.1 <a@b.example>: Recipient address rejected: User unknown", PR_CLASS_USER_UNKNOWN,
     RETRY},
    {"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
     PR_CLASS_USER_UNKNOWN, HARD},
    {"550 5.4.1 Recipient address rejected: Access denied. [x.prod.protection.outlook.com]",
     PR_CLASS_USER_UNKNOWN, HARD},
    {"554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0]",
     PR_CLASS_USER_UNKNOWN, HARD},
    {"550 5.1.6 recipient no longer on server: a@b.example", PR_CLASS_USER_MOVED, HARD},
    {"550 5.1.2 Host unknown (Name server: b.example: host not found)", PR_CLASS_DOMAIN_UNKNOWN,
     HARD},
    {"556 5.1.10 Recipient address has null MX", PR_CLASS_MAIL_REFUSED, HARD},
    {"554 delivery error: This account has been disabled or discontinued [#102]",
     PR_CLASS_MAILBOX_DISABLED, false, PR_ACTION_SUPPRESS},
    {"452 4.2.2 The email account that you tried to reach is over quota.", PR_CLASS_MAILBOX_FULL,
     RETRY},
    {"552 5.2.2 <a@icloud.com>: user is over quota", PR_CLASS_MAILBOX_FULL, RETRY},
    {"550 5.7.26 Unauthenticated email from b.example is not accepted", PR_CLASS_AUTHENTICATION,
     FIX},
    {"550 5.7.515 Access denied, sending domain B.EXAMPLE doesn't meet the required "
     "authentication level.",
     PR_CLASS_AUTHENTICATION, FIX},
    {"554 5.7.1 Your message was rejected due to b.example's DMARC policy.",
     PR_CLASS_AUTHENTICATION, FIX},
    {"421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or "
     "user complaints - 4.16.55.1",
     PR_CLASS_REPUTATION, FIX},
    {"550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your "
     "Internet service provider since part of their network is on our block list (S3150).",
     PR_CLASS_REPUTATION, FIX},
    {"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
     PR_CLASS_REPUTATION, FIX},
    {"554 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1",
     PR_CLASS_REPUTATION, FIX},
    {"554-mx.gmx.net (mxgmx115) Nemesis ESMTP Service not available\n554-No SMTP service\n"
     "554 IP address is block listed.",
     PR_CLASS_REPUTATION, FIX},
    {"550 Ip frequency limited [x IP: 192.0.2.1]", PR_CLASS_RATE_LIMITED, RETRY},
    {"421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
     PR_CLASS_RATE_LIMITED, RETRY},
    {"421 too many connections, trop de connexions OFR004_104", PR_CLASS_RATE_LIMITED, RETRY},
    {"450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted", PR_CLASS_GREYLISTED, RETRY},
    {"550 DT:SPM mx1, please see http://mail.163.com/help", PR_CLASS_SPAM_CONTENT, FIX},
    {"550 5.7.1 Message content rejected, UBE, id=1", PR_CLASS_SPAM_CONTENT, FIX},
    {"552-5.7.0 This message was blocked because its content presents a potential\n552-5.7.0 "
     "security issue.",
     PR_CLASS_CONTENT, FIX},
    {"554 5.7.1 The message contains a virus: Eicar-Test-Signature", PR_CLASS_VIRUS, FIX},
    {"552 5.3.4 Message size exceeds fixed maximum message size", PR_CLASS_TOO_LARGE, FIX},
    {"553 5.1.8 <a@b.example>... Domain of sender address a@b.example does not exist",
     PR_CLASS_SENDER_REJECTED, FIX},
    {"554 5.7.1 <a@b.example>: Relay access denied", PR_CLASS_RELAY_DENIED, FIX},
    {"530 5.7.0 Must issue a STARTTLS command first", PR_CLASS_TLS, FIX},
    {"550 5.1.1 RCP-P2 http://postmaster.example.com Refused due to recipient preferences",
     PR_CLASS_RECIPIENT_REFUSED, REVIEW},
    {"554 5.7.9 Message not accepted for policy reasons.", PR_CLASS_POLICY, REVIEW},
    {"451 4.3.2 System not accepting network messages", PR_CLASS_SYSTEM, RETRY},
    {"500 5.5.2 Syntax error: command unrecognized", PR_CLASS_PROTOCOL, FIX},
    {"554 4.4.7 Message expired: unable to deliver in 840 minutes.", PR_CLASS_EXPIRED, RETRY},
    {"connect to mx.b.example[192.0.2.1]:25: Connection refused", PR_CLASS_NETWORK, RETRY},
    {"550 nobody knows what this means", PR_CLASS_RECIPIENT_REFUSED, REVIEW},
    {"what?", PR_CLASS_UNDETERMINED, REVIEW},
    {"", PR_CLASS_UNDETERMINED, REVIEW},
    /* maybe about us: nobody is given up for that */
    {"550 This host does not accept mail from a.example", PR_CLASS_RECIPIENT_REFUSED, REVIEW},
    {"550 a.example does not exist", PR_CLASS_DOMAIN_UNKNOWN, REVIEW},
    {"550 5.7.1 user unknown", PR_CLASS_RECIPIENT_REFUSED, REVIEW},
    /* other languages */
    {"550 Benutzer unbekannt", PR_CLASS_USER_UNKNOWN, HARD},
    {"550 Das Postfach ist leider voll", PR_CLASS_MAILBOX_FULL, RETRY},
    {"550 Destinataire inconnu", PR_CLASS_USER_UNKNOWN, HARD},
    {"550 5.1.1 Adresse d au moins un destinataire invalide. OFR_416 [416]", PR_CLASS_USER_UNKNOWN,
     HARD},
    {"550 El usuario no existe", PR_CLASS_USER_UNKNOWN, HARD},
    {"552 Caixa postal cheia", PR_CLASS_MAILBOX_FULL, RETRY},
    {"550 Utente sconosciuto", PR_CLASS_USER_UNKNOWN, HARD},
    {"550 \xe6\x94\xb6\xe4\xbb\xb6\xe4\xba\xba\xe4\xb8\x8d\xe5\xad\x98\xe5\x9c\xa8",
     PR_CLASS_USER_UNKNOWN, HARD}, /* Chinese */
    {"\xe5\xae\x9b\xe5\x85\x88\xe4\xb8\x8d\xe6\x98\x8e", PR_CLASS_USER_UNKNOWN,
     HARD}, /* Japanese */
    /* an address means nothing, nor does an anchor */
    {"550 5.1.1 <full@spam.example> user unknown", PR_CLASS_USER_UNKNOWN, HARD},
    {"550 5.1.1 user unknown, see https://b.example/why#blocked", PR_CLASS_USER_UNKNOWN, HARD},
};

START_TEST(texts_mean_what_they_say)
{
	load();
	struct pr_finding f = classify(meanings[_i].text);
	ck_assert_msg(f.class_ == meanings[_i].class_ && f.hard == meanings[_i].hard &&
	                  f.action == meanings[_i].action,
	              "%s: %s %d %s, line %u", meanings[_i].text, pr_class_word(f.class_), f.hard,
	              pr_action_word(f.action), f.line);
}
END_TEST

/* As the large receivers and their gateways put it. */
static const struct {
	enum pr_class class_;
	const char *text;
} replies[] = {
    {PR_CLASS_SPAM_CONTENT,
     "550-5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited "
     "mail. To reduce the amount of spam sent to Gmail, this message has been blocked."},
    {PR_CLASS_RATE_LIMITED, "421-4.7.28 [192.0.2.1 15] Our system has detected an unusual rate of "
                            "unsolicited mail originating from your IP address."},
    {PR_CLASS_PROTOCOL, "550-5.7.1 [192.0.2.1] This message is not RFC 5322 compliant. There are "
                        "multiple Subject headers."},
    {PR_CLASS_AUTHENTICATION,
     "550-5.7.25 The IP address sending this message does not have a PTR record setup, or the "
     "corresponding forward DNS entry does not match the sending IP."},
    {PR_CLASS_MAILBOX_FULL,
     "552-5.2.2 The email account that you tried to reach is over quota and inactive."},
    {PR_CLASS_MAILBOX_FULL, "452-4.2.2 The recipient's inbox is out of storage space."},
    {PR_CLASS_RATE_LIMITED,
     "450-4.2.1 The user you are trying to contact is receiving mail too quickly."},
    {PR_CLASS_MAILBOX_DISABLED, "550-5.2.1 The email account that you tried to reach is disabled."},
    {PR_CLASS_MAILBOX_DISABLED, "550-5.2.1 The email account that you tried to reach is inactive."},
    {PR_CLASS_RATE_LIMITED, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate "
                            "limited due to IP reputation. (S775)"},
    {PR_CLASS_REPUTATION, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request "
                          "removal from this list please visit https://sender.office.com/"},
    {PR_CLASS_AUTHENTICATION, "550 5.7.509 Access denied, sending domain a.example does not pass "
                              "DMARC verification and has a DMARC policy of reject."},
    {PR_CLASS_RELAY_DENIED, "550 5.7.64 TenantAttribution; Relay Access Denied SMTP"},
    {PR_CLASS_USER_UNKNOWN,
     "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."},
    {PR_CLASS_USER_UNKNOWN, "550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found"},
    {PR_CLASS_REPUTATION, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, "
                          "because the ip is in Spamhaus's list"},
    {PR_CLASS_POLICY, "554 Message not allowed - [PH01] Email not accepted for policy reasons. "
                      "Please visit https://postmaster.yahooinc.com/error-codes"},
    {PR_CLASS_SYSTEM, "451 4.3.2 Internal error reading data"},
    {PR_CLASS_REPUTATION,
     "554 5.7.1 Mail from IP 192.0.2.1 was rejected due to listing in Spamhaus PBL. For details "
     "please see http://www.spamhaus.org/query/bl?ip=192.0.2.1"},
    {PR_CLASS_POLICY, "554 5.7.1 [CS01] Message rejected due to local policy. Please visit "
                      "https://support.apple.com/en-us/HT204137"},
    {PR_CLASS_SPAM_CONTENT,
     "550 Mail content denied. "
     "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726"},
    {PR_CLASS_REPUTATION, "550 Suspected spam ip [192.0.2.1]"},
    {PR_CLASS_RATE_LIMITED, "550 Sender frequency limited"},
    {PR_CLASS_USER_UNKNOWN,
     "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?id=20022"},
    {PR_CLASS_SPAM_CONTENT,
     "554 DT:SPM 163 smtp10,DsCowAC,please see http://mail.163.com/help/help_spam_16.htm"},
    {PR_CLASS_USER_UNKNOWN, "550 User not found: jane@163.com"},
    {PR_CLASS_MAILBOX_DISABLED, "550 User suspended"},
    {PR_CLASS_USER_UNKNOWN, "550 Requested action not taken: mailbox unavailable"},
    {PR_CLASS_MAILBOX_FULL, "552 Quota exceeded"},
    {PR_CLASS_AUTHENTICATION,
     "554-kundenserver.de (mxeue) Nemesis ESMTP Service not available 554-No SMTP service 554-Bad "
     "DNS PTR resource record. 554 For explanation visit https://postmaster.1und1.de"},
    {PR_CLASS_SPAM_CONTENT, "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]"},
    {PR_CLASS_RATE_LIMITED, "421 mwinf5c04 ME Trop de connexions, veuillez verifier votre "
                            "configuration. Too many connections, slow down. OFR004_104 [104]"},
    {PR_CLASS_RATE_LIMITED, "421 4.1.0 192.0.2.1 Throttled - try again later. Please see "
                            "http://postmaster.comcast.net/smtp-error-codes.php#RL000010"},
    {PR_CLASS_USER_MOVED, "550 5.1.1 Not our Customer"},
    {PR_CLASS_POLICY, "550 5.7.0 Local Policy Violation"},
    {PR_CLASS_SENDER_REJECTED, "550 Rejected by header based manually Blocked Senders: "
                               "news@a.example - https://community.mimecast.com/docs/DOC-1369#550"},
    {PR_CLASS_USER_UNKNOWN,
     "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [x.uk1]"},
    {PR_CLASS_GREYLISTED, "451 Internal resources are temporarily unavailable - "
                          "https://community.mimecast.com/docs/DOC-1369#451"},
    {PR_CLASS_REPUTATION,
     "550 Local CT IP Reputation - (reject) - https://community.mimecast.com/docs/DOC-1369"},
    {PR_CLASS_REPUTATION,
     "554 Service unavailable; Client host [192.0.2.1] blocked using Barracuda Reputation; "
     "http://www.barracudanetworks.com/reputation/?r=1&ip=192.0.2.1"},
    {PR_CLASS_REPUTATION, "550 5.7.1 Message rejected. Your IP is listed. See "
                          "https://csi.cloudmark.com/en/reset/?ip=192.0.2.1"},
    {PR_CLASS_SENDER_REJECTED,
     "450 4.1.8 <news@a.example>: Sender address rejected: Domain not found"},
    {PR_CLASS_AUTHENTICATION,
     "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]"},
    {PR_CLASS_SENDER_REJECTED,
     "550-Verification failed for <news@a.example> 550-Called: 192.0.2.1 550-Sent: RCPT "
     "TO:<news@a.example> 550-Response: 550 5.1.1 User unknown 550 Sender verify failed"},
    {PR_CLASS_SENDER_REJECTED, "550-Callback setup failed while verifying <news@a.example>"},
    {PR_CLASS_RELAY_DENIED, "550 relay not permitted"},
    {PR_CLASS_AUTHENTICATION, "550 5.7.23 Message rejected due to SPF policy: 192.0.2.1 is not "
                              "allowed to send mail from a.example"},
    {PR_CLASS_RELAY_DENIED,
     "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"},
    {PR_CLASS_NETWORK, "554 5.4.6 Too many hops"},
    {PR_CLASS_SYSTEM, "421 4.3.2 Service not available, closing transmission channel"},
    {PR_CLASS_USER_UNKNOWN, "550 No Such User Here"},
    {PR_CLASS_USER_UNKNOWN, "550 5.1.1 unknown or illegal alias: jane@b.example"},
    {PR_CLASS_USER_UNKNOWN, "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)"},
    {PR_CLASS_MAILBOX_FULL, "552 5.7.1 This message would exceed the quota of the recipient"},
    {PR_CLASS_GREYLISTED, "451 4.7.1 Greylisting in action, please come back in 00:05:00"},
    {PR_CLASS_RATE_LIMITED, "452 4.5.3 Too many recipients"},
    {PR_CLASS_SYSTEM, "452 4.3.1 Insufficient system storage"},
    {PR_CLASS_TOO_LARGE, "552 5.3.4 Message too big for system"},
    {PR_CLASS_SPAM_CONTENT, "550 5.7.1 Message rejected as spam by Content Filtering."},
    {PR_CLASS_RECIPIENT_REFUSED, "550 5.1.1 The recipient does not want to receive your mail"},
    {PR_CLASS_VIRUS, "550 5.7.0 Virus found in message"},
    {PR_CLASS_SPAM_CONTENT, "554 5.7.1 Spam message rejected"},
    {PR_CLASS_POLICY,
     "550 5.7.1 Message rejected due to content restrictions: administrative prohibition"},
    {PR_CLASS_REPUTATION, "554 IP=192.0.2.1 - A problem occurred. Ask your postmaster for help or "
                          "to contact tosa@rx.t-online.de to clarify."},
    {PR_CLASS_REPUTATION, "550 smtp-17.iol.local smtp-17.iol.local IP blacklisted by CSI. For "
                          "remove visit https://csi.cloudmark.com [smtp-17.iol.local; LIB_102]"},
    {PR_CLASS_SPAM_CONTENT, "571 Message Refused: identified as spam"},
};

START_TEST(large_receivers_are_understood)
{
	load();
	struct pr_finding f = classify(replies[_i].text);
	ck_assert_msg(f.class_ == replies[_i].class_, "%s: %s, line %u", replies[_i].text,
	              pr_class_word(f.class_), f.line);
}
END_TEST

START_TEST(the_command_tells_a_filter_from_an_unknown_user)
{
	load();
	struct pr_said said = pr_said_read(PR_STR("550 user unknown"));
	said.to = PR_SAID_TO_RCPT;
	ck_assert(pr_classify(rules, &said).hard);
	said.to = PR_SAID_TO_DATA;
	ck_assert_int_eq(pr_classify(rules, &said).class_, PR_CLASS_RECIPIENT_REFUSED);
	said.to = PR_SAID_TO_MAIL;
	ck_assert_int_eq(pr_classify(rules, &said).class_, PR_CLASS_SENDER_REJECTED);
}
END_TEST

START_TEST(texts_of_any_length_and_octets_are_judged)
{
	struct pr_buf b = {0};
	load();
	for (int i = 0; i < 10000; i++)
		pr_buf_add(&b,
		           "\0\xff@#://"
		           "a b@c ",
		           12);
	struct pr_said said = pr_said_read(pr_buf_str(&b));
	ck_assert_int_eq(pr_classify(rules, &said).class_, PR_CLASS_UNDETERMINED);
	pr_buf_finish(&b);
}
END_TEST

/* ---- reading codes ---- */

static const struct {
	const char *text;
	int code;
	uint16_t status[3];
	size_t at;
} lines[] = {
    {"550 5.1.1 no", 550, {5, 1, 1}, 0},
    {"550-5.7.515 no", 550, {5, 7, 515}, 0},
    {"550-no\n550 5.1.1 no", 550, {5, 1, 1}, 0},
    {"host mx.b.example[192.0.2.1] said: 450 4.2.0 later", 450, {4, 2, 0}, 35},
    {"5.1.0 - Unknown address error 550-'no'", 550, {5, 1, 0}, 0},
    {"553 #5.1.1 no", 553, {5, 1, 1}, 0},
    {"(reason: 550 5.1.1 no)", 550, {5, 1, 1}, 9},
    {"250 2.0.0 ok", 250, {2, 0, 0}, 0},
    {"220-mx 421 4.2.1 no", 421, {4, 2, 1}, 0},
    {"[192.4.1.1] 4.1.1.1 no", 0, {0}, 22},
    {"in 240 minutes", 0, {0}, 14},
    {"550", 550, {0}, 0},
    {"5501 5.1.1000 mx550", 0, {0}, 19},
    {"666 9.9.9", 0, {0}, 9},
    {"", 0, {0}, 0},
};

START_TEST(codes_are_found_and_numbers_are_none)
{
	struct pr_said said = pr_said_read(pr_str(lines[_i].text));
	ck_assert_int_eq(said.code, lines[_i].code);
	ck_assert_mem_eq(said.status, lines[_i].status, sizeof said.status);
	ck_assert_uint_eq(said.at, lines[_i].at);
}
END_TEST

START_TEST(a_status_stands_alone)
{
	uint16_t status[3] = {1, 2, 3};
	ck_assert(!pr_status_read(PR_STR("5.1.1 "), status));
	ck_assert(!pr_status_read(PR_STR(""), status));
	ck_assert(!pr_status_read(PR_STR("3.1.1"), status));
	ck_assert_uint_eq(status[0], 1);
	ck_assert(pr_status_read(PR_STR("4.7.650"), status));
	ck_assert_uint_eq(status[2], 650);
}
END_TEST

/* ---- patterns ---- */

static const struct {
	const char *pattern;
	unsigned clauses;
} needs[] = {
    {"abc", 1},
    {"abcd", 2},
    {"ab", 0},
    {"a|abc", 0},
    {"abc?", 0},
    {"abcd?", 1},
    {"abc+d", 1},
    {"abc{0,3}", 0},
    {"x(abc|def)", 1},
    {"x(abc|de)", 0},
    {"x(abc|def)?", 0},
    {"x(abc|def){0,1}", 0},
    {"(ab(c|d)|(efg)?hij)", 0},
    {"(?i)abc", 0},
    {"(?=abc)abc", 1},
    {"(?:abc)", 0},
    {"(*COMMIT)abc", 0},
    {"abc\\x41bc", 0},
    {"\\Qabc\\E", 0},
    {"\\babc\\.d", 3},
    {"[abc]def[)]", 1},
    {"[[:alpha:]]abc", 0},
    {"(a[|)]bcd|efgh)", 1},
};

START_TEST(a_pattern_needs_what_it_cannot_do_without)
{
	struct pr_arena arena;
	unsigned clauses = 0;
	pr_arena_init(&arena);
	for (const uint16_t *n = pattern_needs(&arena, pr_str(needs[_i].pattern)); *n; n += 1 + *n)
		clauses++;
	ck_assert_uint_eq(clauses, needs[_i].clauses);
	pr_arena_finish(&arena);
}
END_TEST

/* Every rule, asked with its needs and without. */
START_TEST(no_answer_changes_by_turning_patterns_down)
{
	static const uint16_t nothing[1];
	struct pr_finding found[ROWS(meanings)];
	load();
	for (int i = 0; i < ROWS(meanings); i++)
		found[i] = classify(meanings[i].text);
	for (size_t i = 0; i < rules->rules_n; i++)
		for (size_t k = 0; k < rules->rules[i].patterns_n; k++)
			((struct pattern *)&rules->rules[i].patterns[k])->needs = nothing;
	for (int i = 0; i < ROWS(meanings); i++)
		ck_assert_uint_eq(classify(meanings[i].text).line, found[i].line);
}
END_TEST

START_TEST(a_pattern_that_would_take_long_is_none)
{
	struct pr_buf text = {0};
	const char *file = "rules: [{class: policy, text: '(a+)+b'}]";
	ck_assert_int_eq(pr_rules_parse(pr_str(file), "own.yaml", &problems, &rules), 0);
	for (int i = 0; i < 1000; i++)
		pr_buf_addc(&text, 'a');
	ck_assert_int_eq(classify(text.data).class_, PR_CLASS_UNDETERMINED);
	pr_buf_finish(&text);
}
END_TEST

/* ---- files ---- */

START_TEST(a_rule_takes_all_that_it_names)
{
	const char *file = "classes: {policy: {hard: no, action: fix}}\n"
			   "rules:\n"
			   "  - {class: policy, code: [5xx], status: [5.7.x], text: [no, never]}\n"
			   "  - {class: system, code: ['421'], hard: yes, action: none}\n";
	ck_assert_msg(pr_rules_parse(pr_str(file), "own.yaml", &problems, &rules) == 0, "%s",
	              told());
	ck_assert_int_eq(classify("550 5.7.9 never").action, PR_ACTION_FIX);
	ck_assert_uint_eq(classify("550 5.7.9 never").line, 3);
	ck_assert_int_eq(classify("450 5.7.9 never").class_, PR_CLASS_UNDETERMINED);
	ck_assert_int_eq(classify("550 5.6.9 never").class_, PR_CLASS_UNDETERMINED);
	ck_assert_int_eq(classify("550 5.7.9 yes").class_, PR_CLASS_UNDETERMINED);
	ck_assert_int_eq(classify("421 x").action, PR_ACTION_NONE);
	ck_assert(!classify("421 x").hard); /* for now is never hard */
	ck_assert_int_eq(pr_rules_class(rules, PR_CLASS_VIRUS).action, PR_ACTION_REVIEW);
}
END_TEST

static const struct {
	const char *text, *wanted;
} faults[] = {
    {"classes: {nobody: {hard: no, action: fix}}", "own.yaml:1:11: error: classes: there is no"},
    {"classes: {polici: {hard: no, action: fix}}", "policy"},
    {"classes: {policy: {action: fix}}", "classes.policy.hard is missing"},
    {"classes: {policy: {hard: maybe, action: fix}}", "classes.policy.hard"},
    {"rules: [{text: a}]", "rules.1.class is missing"},
    {"rules: [{class: polici, text: a}]", "rules.1.class"},
    {"rules: [{class: policy}]", "own.yaml:1:17: error: rules.1.the rule fits whatever is said"},
    {"rules:\n  - {class: policy, code: [55]}", "own.yaml:2:28: error: rules.1.code: \"55\" is"},
    {"rules: [{class: policy, code: [5500]}]", "rules.1.code: \"5500\" is none"},
    {"rules: [{class: policy, status: [5.7]}]", "rules.1.status: \"5.7\" is none"},
    {"rules: [{class: policy, status: [5.7.1.2]}]", "write 5.1.1, x.1.1 or 5.7.x"},
    {"rules: [{class: policy, command: [vrfy]}]", "write connect, mail, rcpt or data"},
    {"rules: [{class: policy, text: '[a'}]",
     "own.yaml:1:32: error: rules.1.text: at its character 3: missing terminating ]"},
    {"rules: [{class: policy, text: 'x*'}]", "matches every text"},
    {"rules: [{class: policy, text: ''}]", "rules.1.text"},
    {"rules: [{class: policy, texts: a}]", "did you mean \"text\"?"},
    {"", "no keys and values"},
};

START_TEST(each_fault_is_told)
{
	int r = pr_rules_parse(pr_str(faults[_i].text), "own.yaml", &problems, &rules);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(strstr(told(), faults[_i].wanted) != NULL, "%s", told());
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told)
{
	ck_assert_int_lt(pr_rules_load("/nonexistent/bounces.yaml", &problems, &rules), 0);
	ck_assert_ptr_nonnull(strstr(told(), "cannot open it: No such file"));
}
END_TEST

static struct pr_buf conf;

static void
must_be_described(void *context, const char *path, const struct pr_yaml_row *row)
{
	char line[80];
	(void)context;
	(void)row;
	const char *last = strrchr(path, '.');
	snprintf(line, sizeof line, "%s %s", last ? "#  " : "\n#", last ? last + 1 : path);
	ck_assert_msg(!last || strstr(conf.data, line), "%s is not described", path);
}

START_TEST(each_key_and_class_is_in_the_file)
{
	char path[500];
	struct pr_error e = {0};
	const char *root = getenv("POSTRIDER_SOURCE");
	snprintf(path, sizeof path, "%s/conf/bounces.yaml", root ? root : ".");
	ck_assert_msg(pr_file_read(AT_FDCWD, path, 1 << 20, &conf, &e) == 0, "%s", e.text);
	pr_yaml_each_row(&pr_classify_schema, must_be_described, NULL);
	load();
	ck_assert_uint_eq(rules->file.classes.n, PR_CLASSES - 1);
	pr_buf_finish(&conf);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {texts_mean_what_they_say, ROWS(meanings)},
	    {large_receivers_are_understood, ROWS(replies)},
	    {the_command_tells_a_filter_from_an_unknown_user},
	    {texts_of_any_length_and_octets_are_judged},
	    {codes_are_found_and_numbers_are_none, ROWS(lines)},
	    {a_status_stands_alone},
	    {a_pattern_needs_what_it_cannot_do_without, ROWS(needs)},
	    {no_answer_changes_by_turning_patterns_down},
	    {a_pattern_that_would_take_long_is_none},
	    {a_rule_takes_all_that_it_names},
	    {each_fault_is_told, ROWS(faults)},
	    {a_file_that_is_not_there_is_told},
	    {each_key_and_class_is_in_the_file},
	};
	return suite_run("classify_rules", setup, teardown, tests, ROWS(tests));
}
