/* shaping.yaml: what it says is what holds, who said it is known, what is wrong is told. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"
#include "postrider/shaping.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static struct pr_problems problems;
static pr_shaping *shaping;

static void
setup(void)
{
	memset(&problems, 0, sizeof problems);
	shaping = NULL;
}

static void
teardown(void)
{
	pr_problems_finish(&problems);
	pr_shaping_unref(shaping);
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
load(const char *path)
{
	ck_assert_msg(pr_shaping_load(path, &problems, &shaping) == 0, "%s", told());
}

static void
parse(const char *text)
{
	int r = pr_shaping_parse(pr_str(text), "/etc/x/own.yaml", &problems, &shaping);
	ck_assert_msg(r == 0, "%s", told());
}

/* ---- the file that is built in ---- */

START_TEST(the_file_of_the_tree_is_the_one_built_in)
{
	char path[500];
	pr_shaping *other = NULL;
	const char *root = getenv("POSTRIDER_SOURCE");
	snprintf(path, sizeof path, "%s/conf/shaping.yaml", root ? root : ".");
	load(NULL);
	ck_assert_msg(pr_shaping_load(path, &problems, &other) == 0, "%s", told());
	ck_assert_uint_eq(problems.n, 0);
	const struct pr_shaping_policy *a = pr_shaping_policy(shaping, PR_STR("netease"));
	const struct pr_shaping_policy *b = pr_shaping_policy(other, PR_STR("netease"));
	ck_assert(a && b);
	ck_assert_str_eq(a->connections.who, b->connections.who);
	pr_shaping_unref(other);
}
END_TEST

static struct pr_buf conf;

/* "  key: value  # why" or "#   key   what it is" */
static void
must_be_described(void *context, const char *path, const struct pr_yaml_row *row)
{
	char prose[80];
	(void)context;
	if (row->type == PR_YAML_SECTION || row->type == PR_YAML_NAMED ||
	    row->type == PR_YAML_SECTIONS)
		return;
	snprintf(prose, sizeof prose, "#   %s ", row->key);
	bool inline_ = strstr(conf.data, "rate, connection_rate, factor, to, retry   see action") &&
	               strncmp(path, "rules.", 6) == 0;
	ck_assert_msg(inline_ || strstr(conf.data, prose), "%s is not described", path);
}

START_TEST(each_key_is_described_in_the_file)
{
	char path[500];
	struct pr_error e = {0};
	const char *root = getenv("POSTRIDER_SOURCE");
	snprintf(path, sizeof path, "%s/conf/shaping.yaml", root ? root : ".");
	ck_assert_msg(pr_file_read(AT_FDCWD, path, 1 << 20, &conf, &e) == 0, "%s", e.text);
	pr_yaml_each_row(&pr_shaping_schema, must_be_described, NULL);
	pr_buf_finish(&conf);
}
END_TEST

static const struct {
	const char *exchangers[3];
	const char *provider;
} matches[] = {
    {{"gmail-smtp-in.l.google.com", "ALT1.GMAIL-SMTP-IN.L.GOOGLE.COM."}, "google"},
    {{"google.com"}, "google"},
    {{"notgoogle.com"}, ""},
    {{"google.com.example.net"}, ""},
    {{"smtp.google.com", "mx.example.net"}, ""}, /* not all are its own */
    {{"mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"}, "yahoo"},
    {{"outlook-com.olc.protection.outlook.com"}, "outlook"},
    {{"acme-example.mail.protection.outlook.com"}, "office365"},
    {{"acme-example.a-v1.mx.microsoft"}, "office365_dane"},
    {{"mx01.mail.icloud.com", "mx02.mail.icloud.com"}, "apple"},
    {{"mx1.qq.com", "mx2.qq.com", "mx3.qq.com"}, "qq"},
    {{"163mx01.mxmail.netease.com"}, "netease"},
    {{"mx00.gmx.net", "mx01.gmx.net"}, "gmx"},
    {{"mx-ha02.web.de"}, "gmx"},
    {{"d1.ess.barracudanetworks.com"}, "barracuda"},
    {{""}, ""},
    {{"."}, ""},
    {{"..google.com"}, "google"},
    {{NULL}, ""},
#define LABEL "a23456789.b23456789.c23456789.d23456789.e23456789."
    {{LABEL LABEL LABEL LABEL LABEL "google.com"}, ""}, /* longer than names are */
};

START_TEST(a_provider_is_known_by_all_its_exchangers)
{
	size_t n = 0;
	load(NULL);
	while (n < 3 && matches[_i].exchangers[n])
		n++;
	const struct pr_shaping_policy *p = pr_shaping_match(shaping, matches[_i].exchangers, n);
	ck_assert_str_eq(p->provider, matches[_i].provider);
}
END_TEST

/* ---- figures ---- */

static const char own[] = "default:\n"
			  "  connections: 8\n"
			  "  message_rate: 50/s\n"
			  "providers:\n"
			  "  acme:\n"
			  "    exchangers: [acme.example]\n"
			  "    connections: 3\n"
			  "    daily: 1000\n"
			  "    tls: verified\n"
			  "    chunking: off\n"
			  "  inner:\n"
			  "    exchangers: [mx.acme.example]\n"
			  "    domains: [Big.Example]\n"
			  "    message_rate: 2/m\n";

static const char *
figures(const struct pr_shaping_policy *p)
{
	static char out[300];
	snprintf(out, sizeof out, "%s %d (%s) start %d (%s) rate %u/%u (%s) daily %d (%s)",
	         p->provider, (int)p->connections.n, p->connections.who, (int)p->start.n,
	         p->start.who, p->message_rate.rate.count, p->message_rate.rate.period_ms,
	         p->message_rate.who, (int)p->daily.n, p->daily.who);
	return out;
}

START_TEST(each_figure_says_who_set_it)
{
	parse(own);
	const struct pr_shaping_policy *p = pr_shaping_policy(shaping, PR_STR("acme"));
	ck_assert_str_eq(figures(p),
	                 "acme 3 (own.yaml:7 acme) start 3 (own.yaml:7 acme) "
	                 "rate 50/1000 (own.yaml:3 default) daily 1000 (own.yaml:8 acme)");
	ck_assert_int_eq(p->tls, PR_SHAPING_TLS_VERIFIED);
	ck_assert_str_eq(p->tls_who, "own.yaml:9 acme");
	ck_assert_int_eq(p->chunking, PR_SHAPING_OFF);
	ck_assert_str_eq(p->chunking_who, "own.yaml:10 acme");
	ck_assert_str_eq(figures(pr_shaping_default(shaping)),
	                 " 8 (own.yaml:2 default) start 5 (default) "
	                 "rate 50/1000 (own.yaml:3 default) daily 0 ()");
	ck_assert_str_eq(figures(pr_shaping_policy(shaping, PR_STR("inner"))),
	                 "inner 8 (own.yaml:2 default) start 5 (default) "
	                 "rate 2/60000 (own.yaml:14 inner) daily 0 ()");
	ck_assert_int_eq(pr_shaping_default(shaping)->tls, PR_SHAPING_TLS_UNSET);
	ck_assert_int_eq(pr_shaping_default(shaping)->messages.n, 100);
}
END_TEST

START_TEST(the_longest_name_decides_and_domains_are_meant_alone)
{
	const char *inner[] = {"mx.acme.example", "b.mx.acme.example"}, *outer[] = {"acme.example"};
	parse(own);
	ck_assert_str_eq(pr_shaping_match(shaping, inner, 2)->provider, "inner");
	ck_assert_str_eq(pr_shaping_match(shaping, outer, 1)->provider, "acme");
	ck_assert_str_eq(pr_shaping_match_domain(shaping, PR_STR("BIG.example"))->provider,
	                 "inner");
	ck_assert_ptr_null(pr_shaping_match_domain(shaping, PR_STR("sub.big.example")));
	ck_assert_ptr_null(pr_shaping_match_domain(shaping, PR_STR("example")));
}
END_TEST

START_TEST(an_empty_file_leaves_the_defaults)
{
	parse("providers: {}\n");
	ck_assert_str_eq(figures(pr_shaping_default(shaping)),
	                 " 10 (default) start 5 (default) rate 100/1000 (default) daily 0 ()");
}
END_TEST

START_TEST(few_connections_are_begun_with_where_few_are_allowed)
{
	parse("default: {connections: 2}\n");
	ck_assert_str_eq(figures(pr_shaping_default(shaping)),
	                 " 2 (own.yaml:1 default) start 2 (own.yaml:1 default) "
	                 "rate 100/1000 (default) daily 0 ()");
}
END_TEST

/* ---- warm-ups ---- */

static const struct {
	const char *plan;
	int64_t day, allows;
} allowances[] = {
    {"conservative", -1, 0},
    {"conservative", 0, 50},
    {"conservative", 20, 8000},
    {"conservative", 21, 16000},
    {"conservative", 23, 16000},
    {"conservative", 24, 32000},
    {"moderate", 20, 1000000},
    {"moderate", 21, INT64_MAX},
    {"aggressive", 16, 4000000},
    {"aggressive", 17, 8000000},
    {"aggressive", 18, 16000000},
    {"aggressive", 4000, INT64_MAX},
    {"moderate", INT64_MAX, INT64_MAX},
};

START_TEST(a_warm_up_allows_what_its_table_says)
{
	load(NULL);
	const struct pr_warm_up *w = pr_shaping_warm_up(shaping, pr_str(allowances[_i].plan));
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(pr_warm_up_allows(w, allowances[_i].day), allowances[_i].allows);
	ck_assert_ptr_null(pr_shaping_warm_up(shaping, PR_STR("hasty")));
}
END_TEST

/* ---- faults ---- */

static const struct {
	const char *text, *wanted;
} faults[] = {
    {"default: {connections: 0}", "own.yaml:1:24: error: default.connections: 0 is out of range"},
    {"default: {connections: 3, start: 4}", "default.start: more than connections"},
    {"providers: {a: {domains: [x.example], connections: 3, start: 4}}",
     "providers.a.start: more than connections"},
    {"default: {conections: 3}", "did you mean \"connections\"?"},
    {"default: {chunking: maybe}", "default.chunking"},
    {"providers: {a: {connections: 3}}", "own.yaml:1:13: error: providers.a.exchangers: without"},
    {"providers:\n  a: {exchangers: [x.example]}\n  b: {exchangers: [X.example]}",
     "own.yaml:3:20: error: providers.b.exchangers: \"x.example\" is a's already, on line 2"},
    {"providers: {a: {domains: [x..example]}}", "is not a host name"},
    {"providers: {Other: {domains: [x.example]}}", "cannot be a provider's name"},
    {"providers: {other: {domains: [x.example]}}", "cannot be a provider's name"},
    {"rules: [{action: suspend, for: 1h}]", "rules.1.reply is missing"},
    {"rules: [{reply: a, for: 1h}]", "rules.1.action is missing"},
    {"rules: [{reply: a, action: suspend}]", "rules.1.for is missing"},
    {"rules: [{reply: a, action: stop, for: 1h}]", "rules.1.action"},
    {"rules: [{reply: a, action: throttle, for: 1h}]", "throttle takes one of rate"},
    {"rules: [{reply: a, action: throttle, rate: 1/m, factor: 0.5, for: 1h}]",
     "throttle takes one of rate"},
    {"rules: [{reply: a, action: suspend, to: 3, for: 1h}]",
     "rules.1.to does not belong to action: suspend"},
    {"rules: [{reply: a, action: defer, for: 1h}]", "rules.1.for does not belong to action: defer"},
    {"rules: [{reply: a, action: suspend, for: 8d}]", "rules.1.for: 8d is out of range"},
    {"rules: [{reply: a, action: suspend, count: 17, for: 1h}]", "17 is out of range (1 to 16)"},
    {"rules: [{reply: a, provider: b, action: suspend, for: 1h}]", "there is no provider \"b\""},
    {"rules: [{reply: '[a', action: suspend, for: 1h}]",
     "own.yaml:1:18: error: rules.1.reply: at its character 3: missing terminating ]"},
    {"rules: [{reply: '(*UTF)a', action: suspend, for: 1h}]", "rules.1.reply: at its character"},
    {"rules: [{reply: 'x*', action: suspend, for: 1h}]", "matches every reply"},
    {"rules: [{reply: '', action: suspend, for: 1h}]", "rules.1.reply"},
    {"warm_up: {a: {days: [50, many]}}", "\"many\" is not a number"},
    {"warm_up: {a: {days: [0]}}", "\"0\" is not a number from 1"},
    {"warm_up: {a: {days: [5], doubles_every: 36h}}", "not a number of whole days"},
    {"warm_up: {a: {doubles_every: 3d}}", "days is missing"},
    {"rules: 3", "rules.1"},
    {"", "no keys and values"},
};

START_TEST(each_fault_is_told)
{
	int r = pr_shaping_parse(pr_str(faults[_i].text), "own.yaml", &problems, &shaping);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(strstr(told(), faults[_i].wanted) != NULL, "%s", told());
}
END_TEST

START_TEST(all_faults_are_told_at_once)
{
	const char *text = "default: {connections: 0}\nproviders: {A: {}}\n"
			   "rules: [{reply: '(', action: suspend}]\nwarm_up: {w: {days: [x]}}\n";
	ck_assert_int_lt(pr_shaping_parse(pr_str(text), "own.yaml", &problems, &shaping), 0);
	ck_assert_uint_eq(problems.n, 6);
	for (unsigned i = 1; i < problems.n; i++)
		ck_assert_uint_le(problems.items[i - 1].line, problems.items[i].line);
}
END_TEST

START_TEST(a_pattern_may_not_be_endless)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "rules: [{action: suspend, for: 1h, reply: '");
	for (int i = 0; i <= PR_SHAPING_PATTERN_MAX; i++)
		pr_buf_addc(&b, 'a');
	pr_buf_adds(&b, "'}]");
	ck_assert_int_lt(pr_shaping_parse(pr_buf_str(&b), "own.yaml", &problems, &shaping), 0);
	ck_assert_ptr_nonnull(strstr(told(), "a pattern of 1025 octets, at most 1024 may be"));
	pr_buf_finish(&b);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told)
{
	ck_assert_int_lt(pr_shaping_load("/nonexistent/shaping.yaml", &problems, &shaping), 0);
	ck_assert_ptr_nonnull(strstr(told(), "cannot open it: No such file"));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_file_of_the_tree_is_the_one_built_in},
	    {each_key_is_described_in_the_file},
	    {a_provider_is_known_by_all_its_exchangers, ROWS(matches)},
	    {each_figure_says_who_set_it},
	    {the_longest_name_decides_and_domains_are_meant_alone},
	    {an_empty_file_leaves_the_defaults},
	    {few_connections_are_begun_with_where_few_are_allowed},
	    {a_warm_up_allows_what_its_table_says, ROWS(allowances)},
	    {each_fault_is_told, ROWS(faults)},
	    {all_faults_are_told_at_once},
	    {a_pattern_may_not_be_endless},
	    {a_file_that_is_not_there_is_told},
	};
	return suite_run("shaping_file", setup, teardown, tests, ROWS(tests));
}
