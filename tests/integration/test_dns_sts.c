/* Finding MTA-STS policies: a scripted name server, an HTTPS server, the clock in our hands. */
#include "https_server.h"
#include "name_server.h"
#include "dns_world.h"
#include "suite.h"

#include "postrider/base/buf.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
#define POLICY(mode, mx, age)                                                                      \
	OK "version: STSv1\r\nmode: " mode "\r\nmx: " mx "\r\nmax_age: " age "\r\n"
#define HERE(domain)                                                                               \
	{                                                                                          \
		"mta-sts." domain, 1, "A 127.0.0.1"                                                \
	}

static struct name_server names;
static struct https_server web;
static pr_sts *sts;
static int64_t now;
static struct pr_buf saved; /* what `save` got last */
static unsigned saves;

static struct name_server_row rows[] = {
    {"_mta-sts.good.test", 16, "TXT v=STSv1;id=1"}, /* the first: changed by tests */
    HERE("good.test"),
    {"_mta-sts.two.test", 16, "TXT v=STSv1;id=1; TXT v=STSv1;id=2"},
    HERE("two.test"),
    {"_mta-sts.name.test", 16, "TXT v=STSv1;id=1"},
    HERE("name.test"), /* not in the certificate */
    {"_mta-sts.moved.test", 16, "TXT v=STSv1;id=1"},
    HERE("moved.test"),
    {"_mta-sts.html.test", 16, "TXT v=STSv1;id=1"},
    HERE("html.test"),
    {"_mta-sts.long.test", 16, "TXT v=STSv1;id=1"},
    HERE("long.test"),
    {"_mta-sts.none.test", 16, "TXT v=STSv1;id=1"},
    HERE("none.test"),
    {"_mta-sts.lost.test", 16, "TXT v=STSv1;id=1"}, /* its host has no address */
    {"_mta-sts.fail.test", 16, "SERVFAIL"},
    {NULL, 0, NULL},
};

static void
on_save(void *context, const char *domain, const char *line)
{
	(void)context;
	pr_buf_clear(&saved);
	pr_buf_addf(&saved, "%s %s", domain, line ? line : "(gone)");
	saves++;
}

static void
open_sts(void)
{
	struct pr_error e;
	struct pr_sts_options o = {.dns = dns_world.dns,
	                           .loop = dns_world.loop,
	                           .connect_to = web.address,
	                           .ca_file = web.ca_file,
	                           .cache_max = 6,
	                           .save = on_save};
	ck_assert_int_eq(pr_sts_create(&o, &sts, &e), 0);
}

static void
setup(void)
{
	static struct pr_buf endless;
	rows[0].answer = "TXT v=STSv1;id=1";
	name_server_start(&names, rows);
	https_start(&web, "DNS:mta-sts.good.test,DNS:mta-sts.two.test,DNS:mta-sts.moved.test,"
	                  "DNS:mta-sts.html.test,DNS:mta-sts.long.test,DNS:mta-sts.none.test");
	pr_buf_clear(&endless);
	pr_buf_adds(&endless, POLICY("enforce", "mx.long.test", "600000"));
	while (endless.len < PR_STS_TEXT_MAX + 2000)
		pr_buf_adds(&endless, "more: and more and more\r\n");
	const struct https_row answers[] = {
	    {"mta-sts.good.test", POLICY("enforce", "*.good.test", "600000")},
	    {"mta-sts.moved.test", "HTTP/1.1 302 Found\r\nLocation: "
	                           "https://mta-sts.good.test/.well-known/mta-sts.txt\r\n"
	                           "Connection: close\r\n\r\n"},
	    {"mta-sts.html.test", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
	                          "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 9\n"},
	    {"mta-sts.long.test", endless.data},
	    {"mta-sts.none.test", POLICY("none", "a.test", "600000")},
	};
	memcpy(web.rows, answers, sizeof answers);
	now = 1000000;
	saves = 0;
	dns_world_open(&(struct pr_dns_options){0}, names.address);
	pr_loop_fake_clock(dns_world.loop, now);
	open_sts();
}

static void
teardown(void)
{
	pr_sts_destroy(sts);
	dns_world_close();
	https_stop(&web);
	name_server_stop(&names);
	pr_buf_finish(&saved);
}

static void
on_policy(struct pr_dns_wait *w, const struct pr_sts_policy *p)
{
	asker_told((struct asker *)w, p);
}

/* "enforce *.good.test", the mode and the first pattern. */
static const char *
find(const char *domain)
{
	static const char *const modes[] = {"none", "testing", "enforce"};
	static char text[300];
	struct asker a = {.wait.done.policy = on_policy};
	const struct pr_sts_policy *p = asker_wait(&a, pr_sts_find(sts, domain, &a.wait));
	snprintf(text, sizeof text, "%s%s%s", modes[p->mode], p->n ? " " : "",
	         p->n ? p->mx[0] : "");
	pr_sts_policy_unref(p);
	return text;
}

static void
later(int64_t ms)
{
	pr_loop_fake_clock(dns_world.loop, now += ms);
}

/* Until what goes on beside us is through. */
static void
until_asked(unsigned requests)
{
	while (web.asked < requests || saves < requests)
		pr_loop_turn_wait(dns_world.loop);
}

static const struct {
	const char *domain, *policy;
	unsigned requests;
} domains[] = {
    {"good.test", "enforce *.good.test", 1},
    {"GOOD.test.", "enforce *.good.test", 1},
    {"none.test", "none a.test", 1},
    {"bare.test", "none", 0},
    {"two.test", "none", 0},   /* two records */
    {"name.test", "none", 0},  /* the certificate is for others */
    {"moved.test", "none", 1}, /* no redirects */
    {"html.test", "none", 1},
    {"long.test", "none", 1},
    {"lost.test", "none", 0},
    {"fail.test", "none", 0},
    {"no domain", "none", 0},
};

START_TEST(policy_of_each_kind_of_domain)
{
	ck_assert_str_eq(find(domains[_i].domain), domains[_i].policy);
	ck_assert_str_eq(find(domains[_i].domain), domains[_i].policy);
	ck_assert_uint_eq(web.asked, domains[_i].requests);
}
END_TEST

START_TEST(policy_is_kept_for_its_time_whatever_fails)
{
	find("good.test");
	rows[0].answer = "SERVFAIL";
	later(100000 * 1000LL);
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	rows[0].answer = "TXT v=STSv1;id=2";
	web.rows[0].answer = "HTTP/1.1 500 No\r\n\r\n";
	later(100000 * 1000LL);
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	later(400001 * 1000LL);
	ck_assert_str_eq(find("good.test"), "none");
	ck_assert_str_eq(saved.data, "good.test (gone)");
}
END_TEST

START_TEST(new_id_brings_the_new_policy_while_the_old_one_serves)
{
	find("good.test");
	later(4000 * 1000LL);
	rows[0].answer = "TXT v=STSv1;id=2";
	web.rows[0].answer = POLICY("testing", "new.good.test", "600000");
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	until_asked(2);
	ck_assert_str_eq(find("good.test"), "testing new.good.test");
	ck_assert_ptr_nonnull(strstr(saved.data, "good.test 1 2 testing 600000 "));
}
END_TEST

START_TEST(policy_is_fetched_again_after_a_day_and_not_before)
{
	find("good.test");
	for (int hours = 2; hours < 24; hours += 2) {
		later(2 * 3600 * 1000LL);
		find("good.test");
		while (pr_dns_counts(dns_world.dns).flying)
			pr_loop_turn_wait(dns_world.loop);
	}
	ck_assert_uint_eq(web.asked, 1);
	later(2 * 3600 * 1000LL);
	find("good.test");
	until_asked(2);
}
END_TEST

START_TEST(saved_line_brings_the_policy_back)
{
	find("good.test");
	char *line = strdup(strchr(saved.data, ' ') + 1);
	pr_sts_destroy(sts);
	open_sts();
	ck_assert_int_eq(pr_sts_restore(sts, "good.test", line), 0);
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	ck_assert_int_eq(pr_sts_restore(sts, "x.test", "nonsense"), PR_EINVAL);
	ck_assert_int_eq(pr_sts_restore(sts, "x.test", "1 a none 600 1000 400"), PR_ENOENT);
	later(500000 * 1000LL);
	rows[0].answer = "SERVFAIL";
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	later(100001 * 1000LL);
	ck_assert_str_eq(find("good.test"), "none");
	free(line);
}
END_TEST

START_TEST(policies_stay_when_domains_without_one_need_room)
{
	char name[40];
	find("good.test");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "other%d.test", i);
		ck_assert_str_eq(find(name), "none");
	}
	rows[0].answer = "SERVFAIL";
	ck_assert_str_eq(find("good.test"), "enforce *.good.test");
	ck_assert_uint_eq(web.asked, 1);
}
END_TEST

START_TEST(those_who_wait_share_one_check_or_are_dropped)
{
	struct asker a = {.wait.done.policy = on_policy}, b = {.wait.done.policy = on_policy};
	ck_assert_ptr_null(pr_sts_find(sts, "good.test", &a.wait));
	ck_assert_ptr_null(pr_sts_find(sts, "good.test", &b.wait));
	pr_sts_policy_unref(asker_wait(&a, NULL));
	pr_sts_policy_unref(asker_wait(&b, NULL));
	ck_assert_uint_eq(web.asked, 1);
	struct asker c = {.wait.done.policy = on_policy};
	web.rows[4].answer = "HOLD";
	ck_assert_ptr_null(pr_sts_find(sts, "none.test", &c.wait));
	while (web.asked < 2)
		pr_loop_turn(dns_world.loop);
	pr_sts_destroy(sts);
	ck_assert_uint_eq(c.told, 0);
	open_sts();
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {policy_of_each_kind_of_domain, ROWS(domains)},
	    {policy_is_kept_for_its_time_whatever_fails},
	    {new_id_brings_the_new_policy_while_the_old_one_serves},
	    {policy_is_fetched_again_after_a_day_and_not_before},
	    {saved_line_brings_the_policy_back},
	    {policies_stay_when_domains_without_one_need_room},
	    {those_who_wait_share_one_check_or_are_dropped},
	};
	return suite_run("dns_sts", setup, teardown, tests, ROWS(tests));
}
