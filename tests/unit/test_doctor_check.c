/* The checks together, by a configuration: whom they look at, and what a campaign is told. */
#include "suite.h"

#include "doctor_zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

static const char config_text[] = "hostname: mta.acme.test\n"
				  "routes:\n"
				  "  default: {via: mx}\n"
				  "  by-second: {via: mx, sources: [second, 192.0.2.11]}\n"
				  "dns: {servers: [\"127.0.0.1:9\"], timeout: 1s}\n"
				  "sources:\n"
				  "  first: {address: 192.0.2.10}\n"
				  "  second: {address: \"2001:db8::10\"}\n"
				  "brands:\n"
				  "  one: {from_domains: [acme.test], bounce_domain: b.test}\n"
				  "  two: {from_domains: [acme.test, other.test]}\n";

static const struct zone_row rows[] = {
    {"acme.test", PR_DNS_TXT, "v=spf1 ip4:192.0.2.10 -all"},
    {"acme.test", PR_DNS_A, "192.0.2.10"},
    {"_dmarc.acme.test", PR_DNS_TXT, "v=DMARC1; p=none"},
    {"b.test", PR_DNS_TXT, "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all"},
    {"b.test", PR_DNS_MX, "."},
    {"b.test", PR_DNS_A, "192.0.2.10"},
    {"mta.acme.test", PR_DNS_A, "192.0.2.10"},
    {"mta.acme.test", PR_DNS_AAAA, "2001:db8:0::10"},
    {"10.2.0.192.in-addr.arpa", PR_DNS_PTR, "mta.acme.test"},
    {NULL, 0, NULL},
};

static struct pr_config *config;
static struct pr_doctor_report report;

static void
setup(void)
{
	struct pr_problems problems = {0};
	ck_assert_int_eq(
	    pr_config_parse(pr_str(config_text), "postrider.yaml", "/tmp", &problems, &config), 0);
	pr_problems_finish(&problems);
}

static void
teardown(void)
{
	pr_doctor_report_finish(&report);
	pr_config_unref(config);
}

static void
examine_by(const struct zone_row *table, const struct pr_doctor_question *q)
{
	struct zone z = {.rows = table};
	struct pr_doctor_dns dns = zone_dns(&z);
	struct pr_error e;
	ck_assert_int_eq(pr_doctor_check(&dns, q, &report, &e), 0);
}

static void
examine(const char *domain, const struct pr_brand *brand)
{
	examine_by(rows, &(struct pr_doctor_question){config, domain, brand, NULL});
}

/* How many findings are of this domain, source and check, and of this result. */
static unsigned
count(const char *domain, const char *source, const char *check, enum pr_doctor_result result)
{
	unsigned n = 0;
	for (size_t i = 0; i < report.n; i++)
		n += strcmp(report.items[i].domain, domain) == 0 &&
		     strcmp(report.items[i].source, source) == 0 &&
		     strcmp(report.items[i].check, check) == 0 && report.items[i].result == result;
	return n;
}

START_TEST(each_return_path_and_source_is_looked_at)
{
	examine(NULL, NULL);
	ck_assert_uint_eq(count("acme.test", "192.0.2.10", "spf", PR_DOCTOR_OK), 2);
	ck_assert_uint_eq(count("acme.test", "2001:db8::10", "spf", PR_DOCTOR_OK), 1);
	ck_assert_uint_eq(count("acme.test", "2001:db8::10", "spf", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(count("other.test", "192.0.2.10", "spf", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(count("", "192.0.2.10", "ptr", PR_DOCTOR_OK), 1);
	ck_assert_uint_eq(count("", "2001:db8::10", "ptr", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(count("", "2001:db8::10", "ehlo", PR_DOCTOR_OK), 1);
}
END_TEST

START_TEST(spf_of_another_organization_does_not_align)
{
	examine("acme.test", pr_config_brand(config, PR_STR("one")));
	ck_assert_uint_eq(count("acme.test", "192.0.2.10", "spf", PR_DOCTOR_OK), 1);
	ck_assert_uint_eq(count("acme.test", "", "dmarc", PR_DOCTOR_PROBLEM), 1);
	/* b.test has an MX that takes no mail (RFC 7505): its address does not count */
	ck_assert_uint_eq(count("acme.test", "", "return-path", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(count("other.test", "192.0.2.10", "spf", PR_DOCTOR_PROBLEM), 0);
}
END_TEST

START_TEST(address_alone_will_do_as_a_return_path_but_is_warned_of)
{
	examine("acme.test", pr_config_brand(config, PR_STR("two")));
	ck_assert_uint_eq(count("acme.test", "", "return-path", PR_DOCTOR_WARNING), 1);
}
END_TEST

START_TEST(exchangers_of_a_return_path_must_have_an_address)
{
	static const struct zone_row lost[] = {
	    {"acme.test", PR_DNS_MX, "gone.acme.test"},
	    {"acme.test", PR_DNS_A, "192.0.2.10"},
	    {NULL, 0, NULL},
	};
	static const struct zone_row found[] = {
	    {"acme.test", PR_DNS_MX, "gone.acme.test"},
	    {"acme.test", PR_DNS_MX, "mx.acme.test"},
	    {"mx.acme.test", PR_DNS_AAAA, "2001:db8::10"},
	    {NULL, 0, NULL},
	};
	const struct pr_doctor_question q = {config, "acme.test",
	                                     pr_config_brand(config, PR_STR("two")), NULL};
	examine_by(lost, &q);
	ck_assert_uint_eq(count("acme.test", "", "return-path", PR_DOCTOR_PROBLEM), 1);
	pr_doctor_report_finish(&report);
	examine_by(found, &q);
	ck_assert_uint_eq(count("acme.test", "", "return-path", PR_DOCTOR_OK), 1);
}
END_TEST

START_TEST(one_spf_record_for_all_sources_is_what_to_publish)
{
	static const struct zone_row nothing[] = {{NULL, 0, NULL}};
	unsigned n = 0;
	examine_by(nothing, &(struct pr_doctor_question){
				config, "acme.test", pr_config_brand(config, PR_STR("two")), NULL});
	for (size_t i = 0; i < report.n; i++) {
		if (strcmp(report.items[i].check, "spf") != 0)
			continue;
		ck_assert_str_eq(report.items[i].remedy,
		                 "publish: acme.test. IN TXT \"v=spf1 ip4:192.0.2.10 "
		                 "ip6:2001:db8::10 ip4:192.0.2.11 -all\"");
		n++;
	}
	ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(nobody_to_look_at_is_an_error)
{
	struct zone z = {.rows = rows};
	struct pr_doctor_dns dns = zone_dns(&z);
	struct pr_doctor_question q = {0};
	struct pr_error e;
	ck_assert_int_eq(pr_doctor_check(&dns, &q, &report, &e), PR_EINVAL);
}
END_TEST

START_TEST(with_a_route_its_sources_and_the_return_path_of_the_campaign_are_looked_at)
{
	const struct pr_route *route = pr_config_route(config, PR_STR("by-second"));
	const struct pr_brand *one = pr_config_brand(config, PR_STR("one"));
	examine_by(rows, &(struct pr_doctor_question){config, "acme.test", one, route});
	ck_assert_uint_eq(count("acme.test", "2001:db8::10", "spf", PR_DOCTOR_OK), 1);
	ck_assert_uint_eq(count("acme.test", "192.0.2.11", "spf", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(count("", "192.0.2.10", "ehlo", PR_DOCTOR_OK), 0);
	pr_doctor_report_finish(&report);
	examine_by(rows, &(struct pr_doctor_question){config, "acme.test", NULL, route});
	ck_assert_uint_eq(count("acme.test", "2001:db8::10", "spf", PR_DOCTOR_PROBLEM), 1);
}
END_TEST

/* What a name server that fails leaves open, and what is known all the same. */
static const struct zone_row failing[] = {
    {"b.test", PR_DNS_TXT, "!"},
    {"b.test", PR_DNS_MX, "!"},
    {"_dmarc.acme.test", PR_DNS_TXT, "v=DMARC1; p=none"},
    {"mta.acme.test", PR_DNS_A, "!"},
    {"mta.acme.test", PR_DNS_AAAA, "2001:db8::11"},
    {"10.2.0.192.in-addr.arpa", PR_DNS_PTR, "mta.acme.test"},
    {NULL, 0, NULL},
};

START_TEST(what_is_not_told_and_what_depends_on_it_is_unknown)
{
	const struct pr_brand *one = pr_config_brand(config, PR_STR("one"));
	examine_by(failing, &(struct pr_doctor_question){config, "acme.test", one, NULL});
	ck_assert_uint_eq(count("acme.test", "192.0.2.10", "spf", PR_DOCTOR_UNKNOWN), 1);
	ck_assert_uint_eq(count("acme.test", "", "dmarc", PR_DOCTOR_UNKNOWN), 1);
	ck_assert_uint_eq(count("acme.test", "", "return-path", PR_DOCTOR_UNKNOWN), 1);
	ck_assert_uint_eq(count("", "192.0.2.10", "ptr", PR_DOCTOR_UNKNOWN), 1);
	ck_assert_uint_eq(count("", "192.0.2.10", "ehlo", PR_DOCTOR_UNKNOWN), 1);
	ck_assert_uint_eq(count("", "2001:db8::10", "ehlo", PR_DOCTOR_PROBLEM), 1);
	ck_assert_uint_eq(report.problems, 3); /* and two addresses have no name */
}
END_TEST

/* Nobody listens at 127.0.0.1:9. */
START_TEST(campaign_is_warned_where_no_name_server_answers)
{
	struct pr_problems problems = {0};
	struct pr_doctor_question q = {.config = config, .domain = "acme.test"};
	ck_assert_int_eq(pr_doctor_campaign(&q, NULL, &problems), PR_EAGAIN);
	ck_assert_uint_eq(problems.problems, 0);
	ck_assert_uint_gt(problems.warnings, 0);
	pr_problems_finish(&problems);
}
END_TEST

/* A name server that is there and says nothing is not even asked. */
START_TEST(who_is_told_to_stop_looks_nothing_up)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char octets[512], server[40];
	socklen_t n = sizeof at;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&at, n), 0);
	getsockname(s, (struct sockaddr *)&at, &n);
	snprintf(server, sizeof server, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
	config->dns.servers.items[0] = (struct pr_text){.p = server, .n = strlen(server)};
	const _Atomic bool stop = true;
	struct pr_problems problems = {0};
	struct pr_doctor_question q = {.config = config, .domain = "acme.test"};
	ck_assert_int_eq(pr_doctor_campaign(&q, &stop, &problems), PR_EAGAIN);
	ck_assert_int_eq(recv(s, octets, sizeof octets, 0), -1);
	pr_problems_finish(&problems);
	close(s);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_return_path_and_source_is_looked_at},
	    {spf_of_another_organization_does_not_align},
	    {address_alone_will_do_as_a_return_path_but_is_warned_of},
	    {exchangers_of_a_return_path_must_have_an_address},
	    {one_spf_record_for_all_sources_is_what_to_publish},
	    {nobody_to_look_at_is_an_error},
	    {with_a_route_its_sources_and_the_return_path_of_the_campaign_are_looked_at},
	    {what_is_not_told_and_what_depends_on_it_is_unknown},
	    {campaign_is_warned_where_no_name_server_answers},
	    {who_is_told_to_stop_looks_nothing_up},
	};
	return suite_run("doctor_check", setup, teardown, tests, ROWS(tests));
}
