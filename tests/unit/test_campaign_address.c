/* Addresses: RFC 5321 and 6531 syntax, our policy, IDN; the shared corpus where it is there. */
#include "corpus.h"
#include "suite.h"

#include "postrider/campaign/address.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(address_is_normalised_for_the_envelope)
{
	static const struct {
		const char *in, *out;
		bool utf8;
	} rows[] = {
	    {"user@EXAMPLE.com", "user@example.com", false},
	    {"User.Name+tag@Example.COM", "User.Name+tag@example.com", false},
	    {" \tuser@example.com ", "user@example.com", false},
	    {"\xC2\xA0user@example.com\xE2\x80\x8B", "user@example.com", false},
	    {"o'brien@example.ie", "o'brien@example.ie", false},
	    {"user@b\xC3\xBC"
	     "cher.example",
	     "user@xn--bcher-kva.example", false},
	    {"user@B\xC3\x9C"
	     "CHER.example",
	     "user@xn--bcher-kva.example", false},
	    {"jos\xC3\xA9@example.com", "jos\xC3\xA9@example.com", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pr_mailbox box;
		const char *why = "";
		ck_assert_msg(pr_mailbox_parse(pr_str(rows[i].in), &box, &why) == 0, "%s: %s",
		              rows[i].in, why);
		ck_assert_str_eq(box.address, rows[i].out);
		ck_assert_uint_eq(box.n, strlen(rows[i].out));
		ck_assert(box.smtputf8 == rows[i].utf8);
		struct pr_str domain = pr_mailbox_domain(&box);
		ck_assert_str_eq(domain.p, strchr(rows[i].out, '@') + 1);
		ck_assert_uint_eq(domain.n, strlen(domain.p));
	}
}
END_TEST

START_TEST(address_with_an_error_is_refused_with_its_reason)
{
	static const struct {
		const char *in, *why;
	} rows[] = {
	    {"", "missing"},
	    {"  ", "missing"},
	    {"nobody", "no @"},
	    {"@example.com", "nothing stands before"},
	    {"a@", "domain is missing"},
	    {"a@b@example.com", "more than one @"},
	    {"a b@example.com", "space"},
	    {"a..b@example.com", "dot"},
	    {".a@example.com", "dot"},
	    {"a@example.com.", "dot too many"},
	    {"a@localhost", "no dot"},
	    {"\"a b\"@example.com", "quoted"},
	    {"a@[192.0.2.1]", "literal"},
	    {"a@exa_mple.com", "character"},
	    {"a@-x.com", "hyphen"},
	    {"a@x.com\r\nRCPT TO:<b@x.com>", "line break"},
	    {"a@x.com\n", "line break"},
	    {"a\xE2\x80\x8B"
	     "b@example.com",
	     "invisible"},
	    {"a\xFF@example.com", "UTF-8"},
	    {"a@\xEF\xBD\x85xample.com", "internationalised"},
	    {"a@\xFF.com", "UTF-8"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pr_mailbox box;
		const char *why = "";
		ck_assert_msg(pr_mailbox_parse(pr_str(rows[i].in), &box, &why) < 0, "%s accepted",
		              rows[i].in);
		ck_assert_msg(strstr(why, rows[i].why), "%s: %s", rows[i].in, why);
	}
	struct pr_mailbox box;
	ck_assert(pr_mailbox_parse(pr_str_n("a\0b@example.com", 15), &box, NULL) < 0);
	ck_assert(pr_mailbox_parse(pr_str_n("a@exam\0ple.com", 14), &box, NULL) < 0);
}
END_TEST

START_TEST(address_sizes_are_those_of_rfc_5321)
{
	char text[400];
	struct pr_mailbox box;
	for (int local = 63; local <= 65; local++) {
		snprintf(text, sizeof text, "%.*s@example.com", local,
		         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		ck_assert_int_eq(pr_mailbox_parse(pr_str(text), &box, NULL) == 0, local <= 64);
	}
	for (int total = 253; total <= 255; total++) {
		char label[64];
		memset(label, 'b', 62), label[62] = 0;
		int n = snprintf(text, sizeof text, "%.*s@%s.%s.", 64,
		                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		                 label, label);
		for (; n < total; n++)
			text[n] = n == total - 4 || n == total - 60 ? '.' : 'c';
		text[n] = 0;
		ck_assert_int_eq(pr_mailbox_parse(pr_str(text), &box, NULL) == 0, total <= 254);
	}
}
END_TEST

START_TEST(header_mailbox_gives_name_and_address)
{
	static const struct {
		const char *in, *name, *address;
	} rows[] = {
	    {"Acme <news@mail.acme.example>", "Acme", "news@mail.acme.example"},
	    {"\"Acme, Inc.\" <news@acme.example>", "Acme, Inc.", "news@acme.example"},
	    {"news@acme.example", "", "news@acme.example"},
	    {"<news@acme.example>", "", "news@acme.example"},
	    {"\xE4\xB8\xAD\xE6\x96\x87 <a@b.example>", "\xE4\xB8\xAD\xE6\x96\x87", "a@b.example"},
	    {"Acme <news@acme.example> x", NULL, NULL},
	    {"Acme news@acme.example>", NULL, NULL},
	    {"\"Acme <news@acme.example>", NULL, NULL},
	    {"Acme\r\nBcc: x@y.example <news@acme.example>", NULL, NULL},
	    {"A <a@b.example>, B <b@b.example>", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pr_mailbox box;
		struct pr_str name;
		const char *why = NULL;
		int r = pr_mailbox_parse_header(pr_str(rows[i].in), &name, &box, &why);
		if (!rows[i].address) {
			ck_assert_msg(r < 0 && why, "%s accepted", rows[i].in);
			continue;
		}
		ck_assert_int_eq(r, 0);
		ck_assert(pr_str_is(name, rows[i].name));
		ck_assert_str_eq(box.address, rows[i].address);
	}
}
END_TEST

/* Legal but unusable forms are refused by policy: not judged here. */
static bool
is_choice(const char *address, const char *category)
{
	const char *at = strrchr(address, '@');
	return strpbrk(address, "\"[(") || !at || !strchr(at, '.') ||
	       (category &&
	        (strcmp(category, "ISEMAIL_CFWS") == 0 || strcmp(category, "ISEMAIL_DEPREC") == 0 ||
	         strcmp(category, "ISEMAIL_RFC5322") == 0));
}

static void
check_email(json_t *line)
{
	json_t *a = json_object_get(line, "address");
	const char *category = json_string_value(json_object_get(line, "category"));
	struct pr_str text = {json_string_value(a), json_string_length(a)};
	struct pr_mailbox box;
	bool valid = pr_mailbox_parse(text, &box, NULL) == 0;
	if (!is_choice(text.p, category))
		ck_assert_msg(valid == json_is_true(json_object_get(line, "valid_envelope")), "%s",
		              json_string_value(json_object_get(line, "id")));
}

START_TEST(addresses_of_the_corpus_are_judged_as_expected)
{
	corpus_each("emails.jsonl", check_email);
}
END_TEST

/* A wildcard is a pattern of certificates and access lists to Postfix; not a host to us. */
static void
check_host(json_t *line)
{
	const char *in = json_string_value(json_object_get(line, "in"));
	const char *ascii = json_string_value(json_object_get(line, "ascii"));
	bool want = ascii || json_is_true(json_object_get(line, "valid"));
	char out[256];
	if (strchr(in, '*'))
		want = false;
	ck_assert_msg((pr_domain_parse(pr_str(in), out, NULL) == 0) == want, "%s", in);
	if (ascii)
		ck_assert_str_eq(out, ascii);
}

START_TEST(hosts_of_the_corpus_are_judged_as_expected)
{
	corpus_each("domains.jsonl", check_host);
}
END_TEST

START_TEST(an_address_is_traced_in_both_ways_of_writing_its_domain)
{
	struct pr_mailbox m;
	struct pr_trace t;
	const char *why;
	ck_assert_int_eq(pr_mailbox_parse(PR_STR("Ann@b\xC3\xBC"
	                                         "cher.example"),
	                                  &m, &why),
	                 0);
	pr_mailbox_trace(&m, &t);
	ck_assert(pr_trace_is(&t, PR_STR("ann@XN--bcher-kva.example")));
	ck_assert(pr_trace_is(&t, PR_STR("ANN@b\xC3\xBC"
	                                 "cher.example")));
	ck_assert_int_eq(pr_mailbox_parse(PR_STR("ann@a.example"), &m, &why), 0);
	pr_mailbox_trace(&m, &t);
	ck_assert_uint_eq(t.n, 2); /* as it is, and in links */
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_address_is_traced_in_both_ways_of_writing_its_domain},
	    {address_is_normalised_for_the_envelope},
	    {address_with_an_error_is_refused_with_its_reason},
	    {address_sizes_are_those_of_rfc_5321},
	    {header_mailbox_gives_name_and_address},
	    {addresses_of_the_corpus_are_judged_as_expected},
	    {hosts_of_the_corpus_are_judged_as_expected},
	};
	return suite_run("campaign_address", NULL, NULL, tests, ROWS(tests));
}
