/* SPF: each mechanism, modifier, macro and limit of RFC 7208, over a table of records. */
#include "suite.h"

#include "doctor_zone.h"

#include <stdio.h>

#define A PR_DNS_A
#define AAAA PR_DNS_AAAA
#define MX PR_DNS_MX
#define PTR PR_DNS_PTR
#define TXT PR_DNS_TXT

static const struct zone_row rows[] = {
    /* Appendix A */
    {"example.com", A, "192.0.2.10"},
    {"example.com", A, "192.0.2.11"},
    {"example.com", MX, "mail-a.example.com"},
    {"example.com", MX, "mail-b.example.com"},
    {"amy.example.com", A, "192.0.2.65"},
    {"bob.example.com", A, "192.0.2.66"},
    {"mail-a.example.com", A, "192.0.2.129"},
    {"mail-b.example.com", A, "192.0.2.130"},
    {"example.org", MX, "mail-c.example.org"},
    {"mail-c.example.org", A, "192.0.2.140"},
    {"10.2.0.192.in-addr.arpa", PTR, "example.com"},
    {"11.2.0.192.in-addr.arpa", PTR, "example.com"},
    {"65.2.0.192.in-addr.arpa", PTR, "amy.example.com"},
    {"66.2.0.192.in-addr.arpa", PTR, "bob.example.com"},
    {"129.2.0.192.in-addr.arpa", PTR, "mail-a.example.com"},
    {"4.0.0.10.in-addr.arpa", PTR, "bob.example.com"}, /* a lie */
    {"v6.example.com", AAAA, "2001:db8::10"},
    {"v6.example.com", A, "192.0.2.12"},

    {"plus-all.test", TXT, "v=spf1 +all"},
    {"a.test", TXT, "v=spf1 a:example.com -all"},
    {"a-self.test", TXT, "v=spf1 a -all"},
    {"a-self.test", A, "192.0.2.10"},
    {"a-org.test", TXT, "v=spf1 a:example.org -all"},
    {"a-cidr.test", TXT, "v=spf1 a:example.com/24 -all"},
    {"a-dual.test", TXT, "v=spf1 a:v6.example.com/32//64 -all"},
    {"mx.test", TXT, "v=spf1 mx:example.com -all"},
    {"mx-both.test", TXT, "v=spf1 mx:example.com mx:example.org -all"},
    {"mx-cidr.test", TXT, "v=spf1 mx:example.com/30 mx:example.org/30 -all"},
    {"ptr.test", TXT, "v=spf1 ptr:example.com -all"},
    {"ip4.test", TXT, "v=spf1 ip4:192.0.2.128/28 -all"},
    {"ip4-one.test", TXT, "v=spf1 ip4:192.0.2.1 ?all"},
    {"ip6.test", TXT, "v=spf1 ip6:2001:db8::/32 ~all"},
    {"zero.test", TXT, "v=spf1 ip4:10.0.0.0/0 -all"},
    {"case.test", TXT, "V=SPF1 IP4:192.0.2.1 -ALL"},
    {"blanks.test", TXT, "v=spf1   ip4:192.0.2.1   -all  "},
    {"empty.test", TXT, "v=spf1"},
    {"other-txt.test", TXT, "hello"},
    {"other-txt.test", TXT, "v=spf10 +all"},
    {"two.test", TXT, "v=spf1 +all"},
    {"two.test", TXT, "v=spf1 -all"},
    {"temp.test", TXT, "!"},
    {"temp-a.test", TXT, "v=spf1 a:failing.test -all"},
    {"failing.test", A, "!"},

    /* include and redirect */
    {"in-pass.test", TXT, "v=spf1 include:ip4.test -all"},
    {"in-soft.test", TXT, "v=spf1 ~include:ip4.test -all"},
    {"in-fails.test", TXT, "v=spf1 include:fails.test ?all"},
    {"fails.test", TXT, "v=spf1 -all"},
    {"in-none.test", TXT, "v=spf1 include:nothing.test +all"},
    {"in-temp.test", TXT, "v=spf1 include:temp.test +all"},
    {"in-wrong.test", TXT, "v=spf1 include:wrong.test +all"},
    {"wrong.test", TXT, "v=spf1 +all wrong"},
    {"to.test", TXT, "v=spf1 redirect=ip4.test"},
    {"to-first.test", TXT, "v=spf1 redirect=ip4.test ip4:10.0.0.1"},
    {"to-all.test", TXT, "v=spf1 ?all redirect=fails.test"},
    {"to-none.test", TXT, "v=spf1 redirect=nothing.test"},
    {"to-macro.test", TXT, "v=spf1 redirect=ip4%{d}"},
    {"ip4to-macro.test", TXT, "v=spf1 ip4:192.0.2.1 -all"},
    {"loop.test", TXT, "v=spf1 include:loop.test -all"},
    {"loop-to.test", TXT, "v=spf1 redirect=loop-to.test"},

    /* exists and macros */
    {"exists.test", TXT, "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"},
    {"1.2.0.192.in-addr._spf.exists.test", A, "127.0.0.2"},
    {"exists6.test", TXT, "v=spf1 exists:%{i}.list.test -all"},
    {"2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.list.test", A, "127.0.0.2"},
    {"local.test", TXT, "v=spf1 exists:%{l1r-}.user.%{d} -all"},
    {"strong.user.local.test", A, "127.0.0.2"},

    /* limits */
    {"ten.test", TXT,
     "v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test "
     "a:example.com -all"},
    {"eleven.test", TXT,
     "v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test "
     "a:h.test a:example.com -all"},
    {"h.test", A, "10.9.9.9"},
    {"ip-free.test", TXT,
     "v=spf1 ip4:10.0.0.1 ip4:10.0.0.2 ip4:10.0.0.3 ip4:10.0.0.4 ip4:10.0.0.5 ip4:10.0.0.6 "
     "ip4:10.0.0.7 ip4:10.0.0.8 ip4:10.0.0.9 ip4:10.0.0.10 ip4:10.0.0.11 ip4:192.0.2.1 -all"},
    {"void-2.test", TXT, "v=spf1 a:n1.test a:n2.test ip4:192.0.2.1 -all"},
    {"void-3.test", TXT, "v=spf1 a:n1.test a:n2.test a:n3.test ip4:192.0.2.1 -all"},
    {"void-in.test", TXT, "v=spf1 include:void-2f.test a:n3.test ip4:192.0.2.1 -all"},
    {"void-2f.test", TXT, "v=spf1 a:n1.test exists:n2.test -all"},
    {"mx-many.test", TXT, "v=spf1 mx ip4:192.0.2.1 -all"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {"mx-many.test", MX, "h.test"},
    {NULL, 0, NULL},
};

static const struct {
	const char *domain, *address;
	enum pr_spf_result result;
} cases[] = {
    {"plus-all.test", "10.0.0.1", PR_SPF_PASS},
    {"a.test", "192.0.2.10", PR_SPF_PASS},
    {"a.test", "192.0.2.11", PR_SPF_PASS},
    {"a.test", "192.0.2.12", PR_SPF_FAIL},
    {"a-self.test", "192.0.2.10", PR_SPF_PASS},
    {"a-org.test", "192.0.2.10", PR_SPF_FAIL},
    {"a-cidr.test", "192.0.2.200", PR_SPF_PASS},
    {"a-cidr.test", "192.0.3.1", PR_SPF_FAIL},
    {"a-dual.test", "2001:db8::99", PR_SPF_PASS},
    {"a-dual.test", "2001:db8:0:1::99", PR_SPF_FAIL},
    {"a-dual.test", "192.0.2.12", PR_SPF_PASS},
    {"a-dual.test", "192.0.2.13", PR_SPF_FAIL},
    {"mx.test", "192.0.2.129", PR_SPF_PASS},
    {"mx.test", "192.0.2.10", PR_SPF_FAIL},
    {"mx-both.test", "192.0.2.140", PR_SPF_PASS},
    {"mx-cidr.test", "192.0.2.131", PR_SPF_PASS},
    {"mx-cidr.test", "192.0.2.143", PR_SPF_PASS},
    {"mx-cidr.test", "192.0.2.144", PR_SPF_FAIL},
    {"ptr.test", "192.0.2.10", PR_SPF_PASS},
    {"ptr.test", "192.0.2.65", PR_SPF_PASS},
    {"ptr.test", "10.0.0.4", PR_SPF_FAIL},    /* does not lead back */
    {"ptr.test", "192.0.2.140", PR_SPF_FAIL}, /* has no name */
    {"ip4.test", "192.0.2.129", PR_SPF_PASS},
    {"ip4.test", "192.0.2.65", PR_SPF_FAIL},
    {"ip4.test", "::ffff:192.0.2.129", PR_SPF_PASS},
    {"ip4.test", "2001:db8::1", PR_SPF_FAIL},
    {"ip4-one.test", "192.0.2.1", PR_SPF_PASS},
    {"ip4-one.test", "192.0.2.2", PR_SPF_NEUTRAL},
    {"ip6.test", "2001:db8:ffff::1", PR_SPF_PASS},
    {"ip6.test", "2001:db9::1", PR_SPF_SOFTFAIL},
    {"ip6.test", "32.1.13.184", PR_SPF_SOFTFAIL},
    {"zero.test", "203.0.113.1", PR_SPF_PASS},
    {"case.test", "192.0.2.1", PR_SPF_PASS},
    {"CASE.test", "192.0.2.2", PR_SPF_FAIL},
    {"blanks.test", "192.0.2.1", PR_SPF_PASS},
    {"empty.test", "192.0.2.1", PR_SPF_NEUTRAL},
    {"nothing.test", "192.0.2.1", PR_SPF_NONE},
    {"other-txt.test", "192.0.2.1", PR_SPF_NONE},
    {"one-label", "192.0.2.1", PR_SPF_NONE},
    {"a..test", "192.0.2.1", PR_SPF_NONE},
    {"two.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"temp.test", "192.0.2.1", PR_SPF_TEMPERROR},
    {"temp-a.test", "192.0.2.1", PR_SPF_TEMPERROR},
    {"temp-a.test", "2001:db8::1", PR_SPF_FAIL},
    {"a.test", "no address", PR_SPF_PERMERROR},

    {"in-pass.test", "192.0.2.129", PR_SPF_PASS},
    {"in-pass.test", "192.0.2.1", PR_SPF_FAIL},
    {"in-soft.test", "192.0.2.129", PR_SPF_SOFTFAIL},
    {"in-fails.test", "192.0.2.1", PR_SPF_NEUTRAL},
    {"in-none.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"in-temp.test", "192.0.2.1", PR_SPF_TEMPERROR},
    {"in-wrong.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"to.test", "192.0.2.129", PR_SPF_PASS},
    {"to.test", "192.0.2.1", PR_SPF_FAIL},
    {"to-first.test", "10.0.0.1", PR_SPF_PASS},
    {"to-first.test", "192.0.2.1", PR_SPF_FAIL},
    {"to-all.test", "192.0.2.1", PR_SPF_NEUTRAL},
    {"to-none.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"to-macro.test", "192.0.2.1", PR_SPF_PASS},
    {"loop.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"loop-to.test", "192.0.2.1", PR_SPF_PERMERROR},

    {"exists.test", "192.0.2.1", PR_SPF_PASS},
    {"exists.test", "192.0.2.2", PR_SPF_FAIL},
    {"exists6.test", "2001:db8::1", PR_SPF_PASS},
    {"exists6.test", "2001:db8::2", PR_SPF_FAIL},
    {"local.test", "192.0.2.1", PR_SPF_PASS},

    {"ten.test", "192.0.2.10", PR_SPF_PASS},
    {"eleven.test", "192.0.2.10", PR_SPF_PERMERROR},
    {"eleven.test", "10.9.9.9", PR_SPF_PASS}, /* before the limit */
    {"ip-free.test", "192.0.2.1", PR_SPF_PASS},
    {"void-2.test", "192.0.2.1", PR_SPF_PASS},
    {"void-3.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"void-in.test", "192.0.2.1", PR_SPF_PERMERROR},
    {"mx-many.test", "192.0.2.1", PR_SPF_PERMERROR},
};

static enum pr_spf_result
check(const struct zone_row *zone_rows, const char *domain, const char *address, struct zone *z)
{
	char why[200];
	struct pr_spf_query q = {.address = address,
	                         .sender = "strong-bad",
	                         .domain = domain,
	                         .helo = "mta.example.com"};
	*z = (struct zone){.rows = zone_rows};
	struct pr_doctor_dns dns = zone_dns(z);
	enum pr_spf_result result = pr_spf_check(&dns, &q, why);
	ck_assert_msg(result == PR_SPF_PASS || why[0], "%s: no reason", domain);
	return result;
}

START_TEST(sender_is_judged_as_the_record_says)
{
	struct zone z;
	enum pr_spf_result result = check(rows, cases[_i].domain, cases[_i].address, &z);
	ck_assert_msg(result == cases[_i].result, "%s from %s is %s", cases[_i].domain,
	              cases[_i].address, pr_spf_word(result));
}
END_TEST

/* Each spoils its record, though "+all" comes before it. */
static const char *const wrong[] = {
    "all:x",
    "all/8",
    "ip4",
    "ip4:",
    "ip4:192.0.2",
    "ip4:192.0.2.1/33",
    "ip4:192.0.2.1/08",
    "ip4:192.0.2.1//32",
    "ip4:2001:db8::1",
    "ip6:192.0.2.1",
    "ip6:2001:db8::/129",
    "ip6:zz",
    "ip4:192.0.2.1:25",
    "a:",
    "a:/24",
    "a:x.test/33",
    "a:x.test//129",
    "a:x",
    "a:x.9",
    "a:x.-y",
    "a:x.y-",
    "mx:x.test/99",
    "include",
    "include:",
    "include:x",
    "include:x.test/24",
    "exists",
    "exists:%{c}.x.test", /* c, r and t are for explanations */
    "exists:%{d0}.x.test",
    "exists:%{z}.x.test",
    "exists:%{d.x.test",
    "exists:%d.x.test",
    "exists:%",
    "ptr:",
    "redirect=",
    "redirect=x",
    "redirect=a.test redirect=b.test",
    "exp=a.test exp=b.test",
    "exp=",
    "foo",
    "++all",
    "-",
    "-ip5:1",
    "1a=x",
    "=x",
    "\tall",
    "x=\001",
    "a:\xc3\xa9.test",
};

static enum pr_spf_result
judge_term(const char *term, struct zone *z, const char *address)
{
	static char record[600];
	static struct zone_row one[] = {{"x.test", TXT, record}, {NULL, 0, NULL}};
	snprintf(record, sizeof record, "v=spf1 %s%s", address ? "" : "+all ", term);
	return check(one, "x.test", address ? address : "192.0.2.3", z);
}

START_TEST(wrong_term_spoils_the_whole_record)
{
	struct zone z;
	enum pr_spf_result result = judge_term(wrong[_i], &z, NULL);
	ck_assert_msg(result == PR_SPF_PERMERROR, "%s: %s", wrong[_i], pr_spf_word(result));
}
END_TEST

static const char *const right[] = {
    "all",
    "-ALL",
    "?all",
    "a",
    "a/24",
    "a//64",
    "a/24//64",
    "a:x.test",
    "a:x.test.",
    "a:x.9a",
    "a:x-1.y-z/0//0",
    "mx",
    "ptr",
    "ptr:x.test",
    "include:x.test",
    "include:%{d}",
    "exists:%{l}.%{o}.x%%y.test",
    "exists:a/b.test",
    "exists:%{dr-+,/_=}",
    "ip6:::1",
    "ip6:2001:db8::1/0",
    "ip4:0.0.0.0/0",
    "foo=bar",
    "a=x.test", /* a modifier, not the mechanism */
    "foo=",
    "f-o_o.1=%{c}%",
    "exp=a.test",
    "redirect=%{d}",
};

START_TEST(right_term_is_taken)
{
	struct zone z;
	enum pr_spf_result result = judge_term(right[_i], &z, NULL);
	ck_assert_msg(result == PR_SPF_PASS, "%s: %s", right[_i], pr_spf_word(result));
}
END_TEST

/* Section 7.4, but with other names. */
static const struct {
	const char *spec, *address, *name;
} macros[] = {
    {"%{s}.t.test", "192.0.2.3", "strong-bad@x.test.t.test"},
    {"%{o}.t.test", "192.0.2.3", "x.test.t.test"},
    {"%{d}", "192.0.2.3", "x.test"},
    {"%{d4}", "192.0.2.3", "x.test"},
    {"%{d1}.t.test", "192.0.2.3", "test.t.test"},
    {"%{dr}.t.test", "192.0.2.3", "test.x.t.test"},
    {"%{d1r}.t.test", "192.0.2.3", "x.t.test"},
    {"%{l}.t.test", "192.0.2.3", "strong-bad.t.test"},
    {"%{l-}.t.test", "192.0.2.3", "strong.bad.t.test"},
    {"%{lr}.t.test", "192.0.2.3", "strong-bad.t.test"},
    {"%{lr-}.t.test", "192.0.2.3", "bad.strong.t.test"},
    {"%{l1r-}.t.test", "192.0.2.3", "strong.t.test"},
    {"%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr._spf.x.test"},
    {"%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01",
     "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.x.test"},
    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "bad.strong.lp.3.2.0.192.in-addr._spf.x.test"},
    {"%{h}.t.test", "192.0.2.3", "mta.example.com.t.test"},
    {"%{S}.t.test", "192.0.2.3", "strong-bad%40x.test.t.test"},
    {"a%%b%_c%-d.test", "192.0.2.3", "a%b c%20d.test"},
    {"%{D}.t.test.", "192.0.2.3", "x.test.t.test"},
};

START_TEST(macro_expands)
{
	char term[200];
	struct zone z;
	snprintf(term, sizeof term, "exists:%s", macros[_i].spec);
	judge_term(term, &z, macros[_i].address);
	ck_assert_str_eq(z.last, macros[_i].name);
}
END_TEST

START_TEST(validated_name_expands_to_the_domain_before_others)
{
	static const struct zone_row some[] = {
	    {"x.test", TXT, "v=spf1 exists:%{p}.t.test"},
	    {"x.test", A, "192.0.2.3"},
	    {"other.example", A, "192.0.2.3"},
	    {"3.2.0.192.in-addr.arpa", PTR, "other.example"},
	    {"3.2.0.192.in-addr.arpa", PTR, "x.test"},
	    {NULL, 0, NULL},
	};
	struct zone z;
	check(some, "x.test", "192.0.2.3", &z);
	ck_assert_str_eq(z.last, "x.test.t.test");
	check(some, "x.test", "192.0.2.4", &z);
	ck_assert_str_eq(z.last, "unknown.t.test");
}
END_TEST

START_TEST(long_name_loses_labels_at_the_left)
{
	char term[400] = "exists:";
	struct zone z;
	for (int i = 0; i < 30; i++)
		strcat(term, "123456789.");
	strcat(term, "end.test");
	judge_term(term, &z, "192.0.2.3");
	ck_assert_uint_le(strlen(z.last), 253);
	ck_assert_uint_gt(strlen(z.last), 240);
	ck_assert(pr_str_starts(pr_str(z.last), "123456789."));
	ck_assert(pr_str_ends(pr_str(z.last), ".end.test"));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {sender_is_judged_as_the_record_says, ROWS(cases)},
	    {wrong_term_spoils_the_whole_record, ROWS(wrong)},
	    {right_term_is_taken, ROWS(right)},
	    {macro_expands, ROWS(macros)},
	    {validated_name_expands_to_the_domain_before_others},
	    {long_name_loses_labels_at_the_left},
	};
	return suite_run("doctor_spf", NULL, NULL, tests, ROWS(tests));
}
