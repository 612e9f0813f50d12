/*
 * The resolver against Debian's dnsmasq on a free port of 127.0.0.1: the forms that a real
 * server's answers take, and 100,000 domains in one run. Left out where dnsmasq is missing.
 */
#include "name_server.h"
#include "dns_world.h"
#include "suite.h"

#include "postrider/base/clock.h"

#include <signal.h>
#include <sys/wait.h>

#define DNSMASQ "/usr/sbin/dnsmasq"

static pid_t dnsmasq;
static char server[40];

static void
exec_dnsmasq(const char *port)
{
	char at[40];
	snprintf(at, sizeof at, "--port=%s", port);
	execl(DNSMASQ, DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", at,
	      "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
	      "--pid-file", "--log-facility=/dev/null", "--local=/test/", "--local-ttl=600",
	      "--mx-host=two.test,b.two.test,20", "--mx-host=two.test,a.two.test,10",
	      "--mx-host=null.test,.,0", "--host-record=own.test,192.0.2.7,2001:db8::7",
	      "--txt-record=bare.test,v=spf1 -all", "--cname=www.own.test,own.test",
	      "--address=/any.test/192.0.2.77", "--cache-size=0", "--dns-forward-max=1000",
	      (char *)NULL);
	_exit(127);
}

/* dnsmasq is there when it answers. */
static void
wait_until_it_answers(void)
{
	for (int i = 0; i < 100; i++) {
		const struct pr_dns_answer *a = ask("own.test", PR_DNS_A);
		bool there = a->status == PR_DNS_OK;
		pr_dns_answer_unref(a);
		if (there)
			return;
		struct pr_error e;
		const char *address = server;
		struct pr_dns_options o = {.servers = &address,
		                           .servers_n = 1,
		                           .hosts_file = "",
		                           .trusted = true,
		                           .cache_max = 10000};
		poll(NULL, 0, 20);
		ck_assert_int_eq(pr_dns_configure(dns_world.dns, &o, &e), 0);
	}
	ck_abort_msg("dnsmasq does not answer");
}

static void
setup(void)
{
	struct name_server free_port;
	ck_assert(name_server_bind(&free_port));
	snprintf(server, sizeof server, "%s", free_port.address);
	close(free_port.udp);
	close(free_port.tcp);
	dnsmasq = fork();
	if (dnsmasq == 0)
		exec_dnsmasq(strchr(server, ':') + 1);
	dns_world_open(&(struct pr_dns_options){.trusted = true, .cache_max = 10000}, server);
	wait_until_it_answers();
}

static void
teardown(void)
{
	dns_world_close();
	kill(dnsmasq, SIGTERM);
	waitpid(dnsmasq, NULL, 0);
}

static const struct {
	const char *domain, *route;
} routes[] = {
    {"two.test", "10 a.two.test, 20 b.two.test"},
    {"own.test", "0 own.test"},
    {"www.own.test", "0 www.own.test"},
    {"null.test", "NULL"},
    {"bare.test", "NO_HOST"},
    {"nowhere.test", "NO_DOMAIN"},
    {"not.ours.example", "TEMP"}, /* no upstream: REFUSED */
};

START_TEST(route_of_each_kind_of_domain)
{
	const struct pr_mx *mx = ask_mx(routes[_i].domain);
	ck_assert_msg(strcmp(mx_text(mx), routes[_i].route) == 0, "%s: %s, not %s (%s)",
	              routes[_i].domain, mx_text(mx), routes[_i].route, mx->why);
	pr_mx_unref(mx);
}
END_TEST

START_TEST(host_and_text_are_read)
{
	const struct pr_dns_hosts *h = ask_host("www.own.test");
	ck_assert_uint_eq(h->n, 2);
	ck_assert_str_eq(h->name, "own.test");
	ck_assert_uint_eq(h->ttl_s, 600);
	pr_dns_hosts_unref(h);
	const struct pr_dns_answer *a = ask("bare.test", PR_DNS_TXT);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_str_eq(a->records[0].u.txt.p, "v=spf1 -all");
	pr_dns_answer_unref(a);
}
END_TEST

/* ---- many domains, a window at a time, as the refill asks for them ---- */

#define DOMAINS 100000
#define WINDOW 1000

static struct many {
	struct asker asker;
	bool busy;
} many[WINDOW];
static unsigned next_domain, found;

static void ask_next(struct many *m);

static void
on_one_of_many(struct pr_dns_wait *w, const struct pr_dns_hosts *h)
{
	found += h->status == PR_DNS_OK;
	pr_dns_hosts_unref(h);
	ask_next((struct many *)w);
}

static void
ask_next(struct many *m)
{
	char name[40];
	m->busy = next_domain < DOMAINS;
	if (!m->busy)
		return;
	snprintf(name, sizeof name, "d%u.any.test", next_domain++);
	m->asker.wait = (struct pr_dns_wait){.done.hosts = on_one_of_many};
	ck_assert_ptr_null(pr_dns_host(dns_world.dns, name, &m->asker.wait));
}

START_TEST(a_hundred_thousand_domains_stay_within_the_bound)
{
	int64_t began = pr_mono_ms();
	next_domain = found = 0;
	for (size_t i = 0; i < WINDOW; i++)
		ask_next(&many[i]);
	for (size_t i = 0; i < WINDOW; i++)
		while (many[i].busy)
			pr_loop_turn_wait(dns_world.loop);
	int64_t ms = pr_mono_ms() - began;
	struct pr_dns_counts c = pr_dns_counts(dns_world.dns);
	printf("%u hosts, %llu queries, %lld ms\n", found, (unsigned long long)c.queries,
	       (long long)ms);
	ck_assert_uint_eq(found, DOMAINS);
	ck_assert_uint_eq(c.kept, 10000);
	ck_assert_uint_eq(c.flying, 0);
}
END_TEST

int
main(void)
{
	if (access(DNSMASQ, X_OK) != 0) {
		printf("left out: %s is not there\n", DNSMASQ);
		return 77;
	}
	const struct suite_test tests[] = {
	    {route_of_each_kind_of_domain, ROWS(routes)},
	    {host_and_text_are_read},
	    {a_hundred_thousand_domains_stay_within_the_bound},
	};
	return suite_run("dns_dnsmasq", setup, teardown, tests, ROWS(tests));
}
