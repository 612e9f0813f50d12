/* What mails mean: whose they are, by tokens only, and what is to be done. */
#include "suite.h"

#include "postrider/feedback/meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const secrets[] = {"the secret of these tests, long enough"};
static struct pr_problems problems;
static struct pr_config *config;
static struct pr_arena arena;
static char path[200], path2[200], leave[100], leave_url[100];

static size_t
make_token(enum pr_token_kind kind, uint32_t row, bool url, char *out)
{
	struct pr_token t = {.kind = kind,
	                     .campaign = 7,
	                     .row = row,
	                     .address =
	                         pr_token_address(config->tokens, 0, PR_STR("ann@x.example")),
	                     .list = pr_token_list(config->tokens, 0, PR_STR("news"))};
	return url ? pr_token_url(config->tokens, &t, out)
	           : pr_token_local(config->tokens, &t, out);
}

static void
make_path(uint32_t row, char *out, size_t size)
{
	char token[PR_TOKEN_LOCAL_SIZE];
	make_token(PR_TOKEN_BOUNCE, row, false, token);
	snprintf(out, size, "bounce+%s@b.acme.example", token);
}

static void
setup(void)
{
	static const char text[] =
	    "routes: {default: {via: relay, host: 127.0.0.1}}\n"
	    "bounce: {domain: b.acme.example, complaints: fbl@b.acme.example}\n"
	    "brands: {one: {from_domains: [acme.example]},"
	    " two: {from_domains: [other.example], unsubscribe_mailto: stop@other.example}}\n";
	ck_assert_int_eq(pr_config_parse(pr_str(text), "c", "/", &problems, &config), 0);
	config->tokens = pr_tokens_create("a", secrets);
	config->end_tokens = pr_tokens_unref;
	ck_assert_int_eq(pr_rules_load(NULL, &problems, &config->rules), 0);
	config->end_rules = pr_rules_destroy;
	pr_arena_init(&arena);
	make_path(5, path, sizeof path);
	make_path(6, path2, sizeof path2);
	make_token(PR_TOKEN_UNSUBSCRIBE, 5, false, leave);
	make_token(PR_TOKEN_UNSUBSCRIBE, 5, true, leave_url);
}

static void
teardown(void)
{
	pr_arena_finish(&arena);
	pr_config_unref(config);
	pr_problems_finish(&problems);
}

/* $ is the row's return path, # another's, % and ^ its unsubscribe tokens; lines by LF. */
static const char *
fill(const char *text, struct pr_buf *out)
{
	for (const char *p = text; *p; p++) {
		if (*p == '$')
			pr_buf_adds(out, path);
		else if (*p == '#')
			pr_buf_adds(out, path2);
		else if (*p == '%')
			pr_buf_adds(out, leave);
		else if (*p == '^')
			pr_buf_adds(out, leave_url);
		else {
			if (*p == '\n')
				pr_buf_addc(out, '\r');
			pr_buf_addc(out, *p);
		}
	}
	return out->data ? out->data : "";
}

#define REPORT(kind, to)                                                                           \
	"From: MAILER-DAEMON@mx.example\nTo: " to "\nSubject: Undelivered\nMIME-Version: 1.0\n"    \
	"Content-Type: multipart/report; report-type=" kind "; boundary=b\n\n--b\n\nSorry.\n--b\n" \
	"Content-Type: message/" kind "\n\n"
#define STATUS(who, action, status)                                                                \
	"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; " who "\nAction: " action      \
	"\nStatus: " status "\n"
#define ALSO(who, action, status)                                                                  \
	"\nFinal-Recipient: rfc822; " who "\nAction: " action "\nStatus: " status "\n"
#define RETURNED(text) "--b\nContent-Type: text/rfc822-headers\n\nSubject: x\n" text "\n\n--b--\n"
#define DSN "delivery-status"
#define ARF "feedback-report"

struct mail_case {
	const char *mail, *to; /* envelope; NULL: not known */
	enum pr_means means;
	bool suppress;
};
static const struct mail_case mails[] = {
    {REPORT(DSN, "$") STATUS("ann@x.example", "failed", "5.1.1"), "$", PR_MEANS_BOUNCED, true},
    {REPORT(DSN, "$") STATUS("ann@x.example", "failed", "5.1.1"), NULL, PR_MEANS_BOUNCED, true},
    {REPORT(DSN, "x@y") STATUS("ann@x.example", "failed", "5.1.1") RETURNED("Return-Path: <$>"),
     NULL, PR_MEANS_BOUNCED, true},
    {REPORT(DSN, "$") STATUS("ann@x.example", "failed", "5.2.2"), "$", PR_MEANS_BOUNCED},
    {REPORT(DSN, "$") STATUS("ann@x.example", "failed", "5.7.1"), "$", PR_MEANS_BOUNCED},
    {REPORT(DSN, "$") STATUS("ann@x.example", "failed", "4.4.7"), "$", PR_MEANS_BOUNCED},
    {REPORT(DSN, "$") STATUS("ann@x.example", "delayed", "4.4.1"), "$", PR_MEANS_ARRIVED},
    {REPORT(DSN, "$") STATUS("ann@x.example", "delivered", "2.0.0"), "$", PR_MEANS_ARRIVED},
    {REPORT(DSN, "$") STATUS("ann@x.example", "relayed", "2.0.0"), "$", PR_MEANS_ARRIVED},
    /* forwarded to another, and to many */
    {REPORT(DSN, "$") STATUS("bob@y.example", "failed", "5.1.1"), "$", PR_MEANS_BOUNCED, true},
    {REPORT(DSN, "$") STATUS("bob@y.example", "failed", "5.1.1")
         ALSO("carl@y.example", "delivered", "2.0.0"),
     "$", PR_MEANS_UNKNOWN},
    {REPORT(DSN, "$") STATUS("bob@y.example", "failed", "5.1.1")
         ALSO("ann@x.example", "delayed", "4.0.0"),
     "$", PR_MEANS_ARRIVED},
    {REPORT(DSN, "$") STATUS("bob@y.example", "failed", "5.2.2")
         ALSO("carl@y.example", "failed", "5.2.2"),
     "$", PR_MEANS_BOUNCED},
    /* the envelope counts for more than what stands in it; two rows tell nothing */
    {REPORT(DSN, "#") STATUS("ann@x.example", "failed", "5.1.1"), "$", PR_MEANS_BOUNCED, true},
    {REPORT(DSN, "#") STATUS("ann@x.example", "failed", "5.1.1") RETURNED("Return-Path: <$>"), NULL,
     PR_MEANS_UNKNOWN},
    /* no token, or one that everybody has to whom the mail was forwarded */
    {REPORT(DSN, "bounce@b.acme.example") STATUS("ann@x.example", "failed", "5.1.1"), NULL,
     PR_MEANS_UNKNOWN},
    {REPORT(DSN, "x@y") STATUS("ann@x.example", "failed", "5.1.1")
         RETURNED("List-Unsubscribe: <https://t.example/u/^>"),
     NULL, PR_MEANS_UNKNOWN},
    /* complaints */
    {REPORT(ARF, "fbl@b.acme.example") "Feedback-Type: abuse\nVersion: 1\n"
                                       "Original-Mail-From: <$>\n",
     "fbl@b.acme.example", PR_MEANS_COMPLAINED},
    {REPORT(ARF, "fbl@b.acme.example") "Feedback-Type: fraud\nVersion: 1\n" RETURNED(
	 "List-Unsubscribe: <https://t.example/u/^>"),
     "fbl@b.acme.example", PR_MEANS_COMPLAINED},
    {REPORT(ARF, "x@y") "Feedback-Type: opt-out\nVersion: 1\nOriginal-Mail-From: <$>\n", NULL,
     PR_MEANS_LEFT},
    {REPORT(ARF, "x@y") "Feedback-Type: not-spam\nVersion: 1\nOriginal-Mail-From: <$>\n", NULL,
     PR_MEANS_NOTHING},
    {REPORT(ARF, "x@y") "Feedback-Type: abuse\nVersion: 1\n", NULL, PR_MEANS_UNKNOWN},
    /* letters */
    {"From: ann@x.example\nSubject: unsubscribe %\n\n", "unsubscribe@acme.example", PR_MEANS_LEFT},
    {"From: ann@x.example\nSubject: unsubscribe %\n\n", "stop@other.example", PR_MEANS_LEFT},
    {"From: ann@x.example\nSubject: unsubscribe %\n\n", NULL, PR_MEANS_LEFT},
    {"From: ann@x.example\nSubject: unsubscribe %\n\n", "postmaster@b.acme.example",
     PR_MEANS_UNKNOWN},
    {"From: ann@x.example\nSubject: unsubscribe\n\n", "unsubscribe@acme.example", PR_MEANS_UNKNOWN},
    {"From: ann@x.example\nTo: $\nSubject: hello\n\nThanks!\n", "$", PR_MEANS_UNKNOWN},
    {"From: ann@x.example\nTo: $\nAuto-Submitted: auto-replied\nSubject: on holiday\n\nHi\n", "$",
     PR_MEANS_NOTHING},
    {"", "$", PR_MEANS_UNKNOWN},
};

START_TEST(a_mail_means_what_it_says_about_the_row_that_its_token_names)
{
	const struct mail_case *c = &mails[_i];
	struct pr_buf mail = {0}, to = {0};
	struct pr_meaning m;
	fill(c->mail, &mail);
	struct pr_str address = pr_str(fill(c->to ? c->to : "", &to));
	pr_meaning_read(config, pr_buf_str(&mail), &address, c->to ? 1 : 0, &arena, &m);
	ck_assert_str_eq(pr_means_word(m.means), pr_means_word(c->means));
	if (c->means > PR_MEANS_NOTHING) {
		ck_assert_uint_eq(m.token.campaign, 7);
		ck_assert_uint_eq(m.token.row, 5);
	}
	if (c->means == PR_MEANS_BOUNCED) {
		ck_assert_int_eq(m.recipient.finding.action == PR_ACTION_SUPPRESS, c->suppress);
		ck_assert(pr_str_is(m.reporter, "mx.example"));
	}
	ck_assert_int_eq(c->means == PR_MEANS_UNKNOWN, *m.why != 0);
	pr_buf_finish(&mail);
	pr_buf_finish(&to);
}
END_TEST

struct address_case {
	const char *address;
	bool ours;
};
static const struct address_case addresses[] = {
    {"$", true},
    {"bounce@b.acme.example", false},
    {"bounce+x@b.acme.example", false},
    {"bounce+%@b.acme.example", false}, /* of another kind */
    {"postmaster", true},
    {"Postmaster@B.acme.example", true},
    {"abuse@b.acme.example", true},
    {"abuse@acme.example", false},
    {"postmaster@acme.example", false},
    {"fbl@b.acme.example", true},
    {"Unsubscribe@acme.example", true},
    {"unsubscribe@other.example", false}, /* it has another one */
    {"stop@other.example", true},
    {"unsubscribe@elsewhere.example", false},
    {"", false},
    {"@", false},
};

START_TEST(addresses_of_ours_are_known_and_no_others)
{
	struct pr_buf address = {0};
	fill(addresses[_i].address, &address);
	ck_assert_int_eq(pr_meaning_is_ours(config, pr_buf_str(&address)), addresses[_i].ours);
	for (size_t n = 0; addresses[_i].ours && addresses[_i].address[0] == '$' && n < address.len;
	     n++) {
		char was = address.data[n];
		address.data[n] = was == 'q' ? 'w' : 'q';
		ck_assert(!pr_meaning_is_ours(config, pr_buf_str(&address)));
		address.data[n] = was;
	}
	pr_buf_finish(&address);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_mail_means_what_it_says_about_the_row_that_its_token_names, ROWS(mails)},
	    {addresses_of_ours_are_known_and_no_others, ROWS(addresses)},
	};
	return suite_run("feedback_meaning", setup, teardown, tests, ROWS(tests));
}
