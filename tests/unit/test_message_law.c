/* Laws that a campaign is to keep: what is refused, where, and what is not asked of whom. */
#include "message_help.h"
#include "suite.h"

#include "postrider/message/token.h"

#include <sys/stat.h>

#define ADVERT "\xE5\xB9\xBF\xE5\x91\x8A"
#define GOOD "{{ postal_address }} <a href=\"{{ unsubscribe_url }}\">leave</a>"

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	for (unsigned i = 0; i < problems.n; i++)
		if (problems.items[i].severity == PR_PROBLEM)
			pr_buf_addf(&b, "%s:%u %s\n", problems.items[i].file,
			            problems.items[i].line, problems.items[i].what);
	return b.data && b.len ? b.data : "";
}

/* After HEAD, so `subject` is on line 3 and what follows on line 4. */
static const struct {
	const char *keys, *html, *told;
} cases[] = {
    {"subject: s\n", "x", ""}, /* no law is asked for */
    {"subject: s\nlaw: us\npostal_address: 1 Main St\n", GOOD, ""},
    {"subject: s\nlaw: us\npostal_address: 1 Main St\n",
     "1 Main St, <a href=\"{{ unsubscribe_mailto }}\">leave</a>", ""},
    {"subject: s\nlaw: us\n", GOOD, "campaign.yaml:4 law us, ca: there is no postal address\n"},
    {"subject: s\nlaw: us\npostal_address: 1 Main St\n", "x",
     "body.html:0 law us, ca: the postal address is not shown\n"
     "body.html:0 law us, ca: there is no way to unsubscribe\n"},
    {"subject: s\nlaw: us\npostal_address: 1 Main St\n", "{% render 'foot' %}", ""},
    {"subject: s\nlaw: us\nclass: transactional\n", "x", ""},
    {"subject: s\nlaw: eu\nconsent: x\n", "x", ""},
    {"subject: s\nlaw: [EU]\n", "x",
     "campaign.yaml:4 law eu, ca, cn: no column says who has consented\n"},
    {"subject: s\nlaw: ca\npostal_address: 1 Main St\nconsent: x\n", GOOD,
     "campaign.yaml:4 law ca: no column says when implied consent expires\n"},
    {"subject: s\nlaw: ca\npostal_address: 1 Main St\nconsent: {column: x, expires: x}\n", GOOD,
     ""},
    {"subject: AD Sale\nlaw: cn\nconsent: x\n", "x", ""},
    {"subject: \"" ADVERT " Sale\"\nlaw: cn\nconsent: x\n", "x", ""},
    {"subject: ADmiral\nlaw: cn\nconsent: x\n", "x",
     "campaign.yaml:3 law cn: the subject does not begin with AD or " ADVERT "\n"},
    {"subject: \"{{ x }} AD\"\nlaw: cn\nconsent: x\n", "x",
     "campaign.yaml:3 law cn: the subject does not begin with AD or " ADVERT "\n"},
    {"subject: Sale\nlaw: cn\nclass: transactional\n", "x", ""},
};

START_TEST(what_a_law_asks_for_is_there_or_refused)
{
	char yaml[500];
	struct pr_str wanted = pr_str(cases[_i].told);
	snprintf(yaml, sizeof yaml, HEAD "%s", cases[_i].keys);
	put_text("body.html", cases[_i].html);
	if (strstr(cases[_i].html, "foot")) {
		ck_assert_int_eq(mkdirat(dir, "partials", 0755), 0);
		put_text("partials/foot.liquid", GOOD);
	}
	ck_assert_int_eq(compile(yaml), wanted.n ? PR_EINVAL : 0);
	ck_assert_str_eq(told(), cases[_i].told);
}
END_TEST

START_TEST(a_text_body_of_its_own_keeps_them_too)
{
	put_text("body.html", GOOD);
	put_text("body.txt", "Hello");
	ck_assert_int_eq(compile(HEAD "subject: s\nlaw: us\npostal_address: 1 Main St\n"),
	                 PR_EINVAL);
	ck_assert_str_eq(told(), "body.txt:0 law us, ca: the postal address is not shown\n"
	                         "body.txt:0 law us, ca: there is no way to unsubscribe\n");
}
END_TEST

START_TEST(following_opens_in_europe_needs_a_consent_of_its_own)
{
	static const char *const keys[] = {"", "track: {opens: false}\n", "track: {consent: x}\n"};
	char yaml[300];
	const char *secrets[] = {"a secret that tests share with nobody"};
	snprintf(yaml, sizeof yaml, HEAD "subject: s\nlaw: eu\nconsent: x\n%s", keys[_i]);
	put_text("body.html", "<body>x</body>");
	tokens = pr_tokens_create("a", secrets);
	int result = compile(yaml);
	pr_tokens_unref(tokens);
	tokens = NULL;
	ck_assert_int_eq(result, _i == 0 ? PR_EINVAL : 0);
	ck_assert_str_eq(
	    told(), _i == 0 ? "campaign.yaml:4 law eu: opens are followed without a consent of "
			      "their own\n"
			    : "");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_a_law_asks_for_is_there_or_refused, ROWS(cases)},
	    {a_text_body_of_its_own_keeps_them_too},
	    {following_opens_in_europe_needs_a_consent_of_its_own, 3},
	};
	return suite_run("message_law", setup, teardown, tests, ROWS(tests));
}
