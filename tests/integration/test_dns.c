/* The resolver against a scripted name server: what is asked, how often, and what fails. */
#include "name_server.h"
#include "dns_world.h"
#include "suite.h"

static struct name_server server;

static const struct name_server_row rows[] = {
    {"two.test", 15, "ttl 120; MX 20 b.two.test; MX 10 a.two.test"},
    {"secure.test", 15, "AD; MX 10 mx.secure.test"},
    {"null.test", 15, "MX 0 ."},
    {"own.test", 1, "A 192.0.2.7"},
    {"own.test", 28, "AAAA 2001:db8::7"},
    {"bare.test", 16, "TXT nothing else"},
    {"half.test", 1, "SERVFAIL"},
    {"bad.test", 15, "MX 5 192.0.2.1; MX 6 localhost; MX 7 .; MX 8 no_dot; MX 9 -x.test"},
    {"some.test", 15, "MX 5 192.0.2.1; MX 6 .; MX 7 good.some.test"},
    {"fail.test", 15, "SERVFAIL"},
    {"refused.test", 15, "REFUSED"},
    {"other.test", 15, "FORMERR"},
    {"silent.test", 15, "SILENT"},
    {"silent.test", 1, "SILENT"},
    {"mute.test", 1, "SILENT"},
    {"mute.test", 28, "SILENT"},
    {"long.test", 15, "LONG MX 10 mx.long.test"},
    {"alias.test", 1, "CNAME real.test; @real.test; A 192.0.2.9"},
    {"out.test", 1, "CNAME real.test"},
    {"real.test", 1, "A 192.0.2.9"},
    {"round.test", 1, "CNAME about.test; @about.test; CNAME round.test"},
    {"far.test", 1, "CNAME afar.test"},
    {"afar.test", 1, "CNAME far.test"},
    {"one.test", 1, "A 192.0.2.1"},
    {"one.test", 28, "SERVFAIL"},
    {"many.test", 1, "A 192.0.2.1; A 192.0.2.2; A 192.0.2.3"},
    {"many.test", 28, "AAAA 2001:db8::1"},
    {"_25._tcp.mx.test", 52, "AD; TLSA 3 1 1 00ff10"},
    {"1.2.0.192.in-addr.arpa", 12, "PTR Host.Example."},
    {NULL, 0, NULL},
};

static void
setup_with(const struct pr_dns_options *o)
{
	name_server_start(&server, rows);
	dns_world_open(o, server.address);
}

static void
setup(void)
{
	setup_with(&(struct pr_dns_options){.trusted = true});
}

static void
teardown(void)
{
	dns_world_close();
	name_server_stop(&server);
}

static const struct {
	const char *domain, *route, *site;
} routes[] = {
    {"two.test", "10 a.two.test, 20 b.two.test", "(a|b).two.test"},
    {"TWO.test.", "10 a.two.test, 20 b.two.test", "(a|b).two.test"},
    {"null.test", "NULL", ""},
    {"own.test", "0 own.test", "own.test"},
    {"bare.test", "NO_HOST", ""},
    {"half.test", "TEMP", ""},
    {"nowhere.test", "NO_DOMAIN", ""},
    {"bad.test", "NO_HOST", ""},
    {"some.test", "7 good.some.test", "good.some.test"},
    {"fail.test", "TEMP", ""},
    {"refused.test", "TEMP", ""},
    {"other.test", "TEMP", ""},
    {"long.test", "10 mx.long.test", "mx.long.test"},
    {"[192.0.2.1]", "0 192.0.2.1", "[192.0.2.1]"},
    {"[IPv6:2001:DB8::1]", "0 2001:db8::1", "[2001:db8::1]"},
    {"[nothing]", "NO_DOMAIN", ""},
    {"not a domain", "NO_DOMAIN", ""},
};

START_TEST(route_of_each_kind_of_domain)
{
	const struct pr_mx *mx = ask_mx(routes[_i].domain);
	ck_assert_msg(strcmp(mx_text(mx), routes[_i].route) == 0, "%s: %s, not %s (%s)",
	              routes[_i].domain, mx_text(mx), routes[_i].route, mx->why);
	ck_assert_str_eq(mx->site, routes[_i].site);
	ck_assert(mx->kind == PR_MX_OK || *mx->why);
	pr_mx_unref(mx);
	ck_assert_uint_eq(server.without_ad, 0);
}
END_TEST

START_TEST(what_is_left_out_is_told)
{
	const struct pr_mx *mx = ask_mx("some.test");
	ck_assert_ptr_nonnull(strstr(mx->why, "MX 192.0.2.1 is an address"));
	ck_assert_ptr_nonnull(strstr(mx->why, "MX . names no host"));
	pr_mx_unref(mx);
}
END_TEST

START_TEST(answer_cut_off_is_asked_for_by_tcp)
{
	pr_mx_unref(ask_mx("long.test"));
	ck_assert_uint_eq(server.asked_by_tcp, 1);
	ck_assert_uint_eq(server.asked, 2);
}
END_TEST

START_TEST(secure_is_what_a_trusted_server_says)
{
	const struct pr_mx *mx = ask_mx("secure.test");
	ck_assert(mx->secure);
	pr_mx_unref(mx);
	mx = ask_mx("two.test");
	ck_assert(!mx->secure);
	pr_mx_unref(mx);
	struct pr_error e;
	const char *address = server.address;
	struct pr_dns_options o = {.servers = &address, .servers_n = 1, .hosts_file = ""};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	mx = ask_mx("secure.test");
	ck_assert(!mx->secure);
	pr_mx_unref(mx);
}
END_TEST

static const struct {
	const char *name;
	enum pr_dns_status status;
	size_t n;
	const char *last;
} hosts[] = {
    {"own.test", PR_DNS_OK, 2, "own.test"},   {"alias.test", PR_DNS_OK, 1, "real.test"},
    {"out.test", PR_DNS_OK, 1, "real.test"},  {"round.test", PR_DNS_TEMP, 0, NULL},
    {"far.test", PR_DNS_TEMP, 0, NULL},       {"one.test", PR_DNS_OK, 1, "one.test"},
    {"half.test", PR_DNS_TEMP, 0, NULL},      {"bare.test", PR_DNS_NODATA, 0, NULL},
    {"none.test", PR_DNS_NXDOMAIN, 0, NULL},  {"many.test", PR_DNS_OK, 4, "many.test"},
    {"127.0.0.1", PR_DNS_OK, 1, "127.0.0.1"}, {"[::1]", PR_DNS_OK, 1, "[::1]"},
    {"localhost", PR_DNS_OK, 2, "localhost"}, {"no name", PR_DNS_NXDOMAIN, 0, NULL},
};

START_TEST(host_of_each_kind)
{
	const struct pr_dns_hosts *h = ask_host(hosts[_i].name);
	ck_assert_msg(h->status == hosts[_i].status, "%s: %d %s", hosts[_i].name, (int)h->status,
	              h->why);
	ck_assert_uint_eq(h->n, hosts[_i].n);
	if (hosts[_i].last)
		ck_assert_str_eq(h->name, hosts[_i].last);
	ck_assert(h->status != PR_DNS_TEMP || *h->why);
	pr_dns_hosts_unref(h);
}
END_TEST

START_TEST(addresses_come_in_turns_and_take_a_port)
{
	struct pr_address a;
	const struct pr_dns_hosts *h = ask_host("many.test");
	ck_assert_int_eq(h->addresses[0].family, AF_INET);
	ck_assert_int_eq(h->addresses[1].family, AF_INET6);
	ck_assert_int_eq(h->addresses[2].family, AF_INET);
	pr_dns_address_at(&h->addresses[1], 25, &a);
	ck_assert_int_eq(((struct sockaddr_in6 *)&a.sa)->sin6_port, htons(25));
	ck_assert_uint_eq(a.n, sizeof(struct sockaddr_in6));
	pr_dns_hosts_unref(h);
}
END_TEST

START_TEST(hosts_file_names_hosts_and_no_exchangers)
{
	char path[] = "/tmp/postrider-hosts-XXXXXX";
	int fd = mkstemp(path);
	ck_assert(dprintf(fd, "# ours\n192.0.2.50 Relay.internal relay # one\nrubbish\n"
	                      "2001:db8::50 relay\n192.0.2.51 two.test\n") > 0);
	close(fd);
	const char *address = server.address;
	struct pr_error e;
	struct pr_dns_options o = {.servers = &address, .servers_n = 1, .hosts_file = path};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	unlink(path);
	const struct pr_dns_hosts *h = ask_host("relay");
	ck_assert_uint_eq(h->n, 2);
	pr_dns_hosts_unref(h);
	h = ask_host("relay.INTERNAL");
	ck_assert_uint_eq(h->n, 1);
	pr_dns_hosts_unref(h);
	ck_assert_uint_eq(server.asked, 0);
	const struct pr_mx *mx = ask_mx("two.test");
	ck_assert_str_eq(mx_text(mx), "10 a.two.test, 20 b.two.test");
	pr_mx_unref(mx);
}
END_TEST

START_TEST(tlsa_and_ptr_are_read)
{
	const struct pr_dns_answer *a = ask("_25._tcp.mx.test", PR_DNS_TLSA);
	ck_assert_int_eq(a->status, PR_DNS_OK);
	ck_assert(a->secure);
	ck_assert_uint_eq(a->records[0].u.tlsa.usage, 3);
	ck_assert_uint_eq(a->records[0].u.tlsa.matching, 1);
	ck_assert_uint_eq(a->records[0].u.tlsa.data.n, 3);
	ck_assert_mem_eq(a->records[0].u.tlsa.data.p, "\x00\xff\x10", 3);
	pr_dns_answer_unref(a);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xC0000201)};
	char name[PR_DNS_NAME_SIZE];
	pr_dns_reverse((struct sockaddr *)&in, name);
	a = ask(name, PR_DNS_PTR);
	ck_assert_str_eq(a->records[0].u.name, "host.example");
	pr_dns_answer_unref(a);
}
END_TEST

START_TEST(equal_questions_of_a_time_are_asked_once)
{
	struct asker askers[50] = {0};
	for (int i = 0; i < 50; i++) {
		askers[i].wait.done.mx = asker_on_mx;
		ck_assert_ptr_null(pr_dns_mx(dns_world.dns, "two.test", &askers[i].wait));
	}
	pr_dns_forget(&askers[7].wait);
	for (int i = 0; i < 50; i++)
		if (i != 7)
			pr_mx_unref(asker_wait(&askers[i], NULL));
	ck_assert_uint_eq(askers[7].told, 0);
	ck_assert_uint_eq(askers[8].told, 1);
	ck_assert_uint_eq(server.asked, 1);
	ck_assert_uint_eq(pr_dns_counts(dns_world.dns).joined, 49);
}
END_TEST

static void
ask_again_after(int64_t *now, int64_t ms, const char *domain, unsigned asked)
{
	pr_loop_fake_clock(dns_world.loop, *now += ms);
	pr_mx_unref(ask_mx(domain));
	ck_assert_msg(server.asked == asked, "%s after %lld ms: %u, not %u", domain, (long long)ms,
	              server.asked, asked);
}

START_TEST(results_are_kept_for_their_time)
{
	int64_t now = 1000000;
	ask_again_after(&now, 0, "two.test", 1); /* 120 s */
	ask_again_after(&now, 119999, "two.test", 1);
	ask_again_after(&now, 1, "two.test", 2);
	ask_again_after(&now, 0, "nowhere.test", 3); /* 60 s, by its SOA */
	ask_again_after(&now, 59999, "nowhere.test", 3);
	ask_again_after(&now, 1, "nowhere.test", 4);
	ask_again_after(&now, 0, "fail.test", 5); /* 10 s */
	ask_again_after(&now, 9999, "fail.test", 5);
	ask_again_after(&now, 1, "fail.test", 6);
}
END_TEST

START_TEST(server_that_says_nothing_is_a_failure_after_the_timeout)
{
	struct asker a = {.wait.done.mx = asker_on_mx};
	pr_loop_fake_clock(dns_world.loop, 1000000);
	ck_assert_ptr_null(pr_dns_mx(dns_world.dns, "silent.test", &a.wait));
	while (server.asked == 0)
		pr_loop_turn(dns_world.loop);
	pr_loop_fake_clock(dns_world.loop, 1004999);
	pr_loop_turn(dns_world.loop);
	ck_assert_uint_eq(a.told, 0);
	pr_loop_fake_clock(dns_world.loop, 1005050);
	pr_loop_turn(dns_world.loop);
	pr_loop_turn(dns_world.loop);
	ck_assert_uint_eq(a.told, 1);
	const struct pr_mx *mx = a.result;
	ck_assert_int_eq(mx->kind, PR_MX_TEMP);
	ck_assert_ptr_nonnull(strstr(mx->why, "did not answer within 5000 ms"));
	pr_mx_unref(mx);
}
END_TEST

START_TEST(no_more_questions_fly_than_may_and_the_cache_keeps_its_bound)
{
	static struct asker askers[300];
	const char *address = server.address;
	struct pr_error e;
	struct pr_dns_options o = {.servers = &address,
	                           .servers_n = 1,
	                           .hosts_file = "",
	                           .queries_max = 7,
	                           .cache_max = 20};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	for (int i = 0; i < 300; i++) {
		char name[40];
		snprintf(name, sizeof name, "d%d.test", i);
		askers[i] = (struct asker){.wait.done.mx = asker_on_mx};
		ck_assert_ptr_null(pr_dns_mx(dns_world.dns, name, &askers[i].wait));
	}
	for (int i = 0; i < 300; i++) {
		while (!askers[i].result) {
			pr_loop_turn_wait(dns_world.loop);
			ck_assert_uint_le(pr_dns_counts(dns_world.dns).flying, 7);
		}
		pr_mx_unref(askers[i].result);
	}
	ck_assert_uint_eq(pr_dns_counts(dns_world.dns).kept, 20);
	ck_assert_uint_eq(server.asked, 300);
}
END_TEST

START_TEST(other_servers_get_what_is_in_flight)
{
	struct name_server second;
	static const struct name_server_row other[] = {{"silent.test", 15, "MX 1 mx.silent.test"},
	                                               {NULL, 0, NULL}};
	struct asker a = {.wait.done.mx = asker_on_mx};
	struct pr_error e;
	name_server_start(&second, other);
	ck_assert_ptr_null(pr_dns_mx(dns_world.dns, "silent.test", &a.wait));
	while (server.asked == 0)
		pr_loop_turn(dns_world.loop);
	const char *address = second.address;
	struct pr_dns_options o = {.servers = &address, .servers_n = 1, .hosts_file = ""};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	const struct pr_mx *mx = asker_wait(&a, NULL);
	ck_assert_str_eq(mx_text(mx), "1 mx.silent.test");
	pr_mx_unref(mx);
	o.servers = (const char *const[]){"not an address"};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), PR_EINVAL);
	mx = ask_mx("silent.test");
	ck_assert_int_eq(mx->kind, PR_MX_OK);
	pr_mx_unref(mx);
	name_server_stop(&second);
}
END_TEST

START_TEST(second_server_is_asked_when_the_first_fails)
{
	struct name_server second;
	static const struct name_server_row other[] = {{"fail.test", 15, "MX 1 mx.fail.test"},
	                                               {NULL, 0, NULL}};
	struct pr_error e;
	name_server_start(&second, other);
	const char *both[] = {server.address, second.address};
	struct pr_dns_options o = {.servers = both, .servers_n = 2, .hosts_file = ""};
	ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	const struct pr_mx *mx = ask_mx("fail.test");
	ck_assert_str_eq(mx_text(mx), "1 mx.fail.test");
	pr_mx_unref(mx);
	name_server_stop(&second);
}
END_TEST

START_TEST(those_who_wait_are_dropped_with_the_resolver)
{
	struct asker a = {.wait.done.mx = asker_on_mx}, b = {.wait.done.hosts = asker_on_hosts},
		     c = {.wait.done.mx = asker_on_mx};
	ck_assert_ptr_null(pr_dns_mx(dns_world.dns, "silent.test", &a.wait));
	ck_assert_ptr_null(pr_dns_host(dns_world.dns, "silent.test", &b.wait));
	ck_assert_ptr_null(pr_dns_mx(dns_world.dns, "mute.test", &c.wait));
	while (server.asked < 6) /* MX, A, AAAA; MX and, for want of it, A, AAAA */
		pr_loop_turn_wait(dns_world.loop);
	pr_dns_destroy(dns_world.dns);
	dns_world.dns = NULL;
	ck_assert_uint_eq(a.told + b.told + c.told, 0);
	pr_dns_forget(&a.wait); /* nobody waits there: nothing */
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {route_of_each_kind_of_domain, ROWS(routes)},
	    {what_is_left_out_is_told},
	    {answer_cut_off_is_asked_for_by_tcp},
	    {secure_is_what_a_trusted_server_says},
	    {host_of_each_kind, ROWS(hosts)},
	    {addresses_come_in_turns_and_take_a_port},
	    {hosts_file_names_hosts_and_no_exchangers},
	    {tlsa_and_ptr_are_read},
	    {equal_questions_of_a_time_are_asked_once},
	    {results_are_kept_for_their_time},
	    {server_that_says_nothing_is_a_failure_after_the_timeout},
	    {no_more_questions_fly_than_may_and_the_cache_keeps_its_bound},
	    {other_servers_get_what_is_in_flight},
	    {second_server_is_asked_when_the_first_fails},
	    {those_who_wait_are_dropped_with_the_resolver},
	};
	return suite_run("dns", setup, teardown, tests, ROWS(tests));
}
