/* A resolver on a loop, and somebody who waits for one result of each kind. */
#ifndef TESTS_DNS_WORLD_H
#define TESTS_DNS_WORLD_H

#include "postrider/dns.h"

#include <check.h>
#include <string.h>

static struct dns_world {
	pr_loop *loop;
	pr_dns *dns;
} dns_world;

struct asker {
	struct pr_dns_wait wait; /* first: the result's handlers find the rest */
	const void *result;
	unsigned told;
};

static inline void
dns_world_open(const struct pr_dns_options *options, const char *server)
{
	struct pr_error e = {0};
	struct pr_dns_options o = *options;
	ck_assert_int_eq(pr_loop_create(&dns_world.loop, &e), 0);
	o.loop = dns_world.loop;
	o.servers = &server;
	o.servers_n = 1;
	o.hosts_file = o.hosts_file ? o.hosts_file : "";
	ck_assert_msg(pr_dns_create(&o, &dns_world.dns, &e) == 0, "%s", e.text);
}

static inline void
dns_world_close(void)
{
	pr_dns_destroy(dns_world.dns);
	while (pr_loop_turn(dns_world.loop))
		;
	pr_loop_destroy(dns_world.loop);
}

static inline void
asker_told(struct asker *a, const void *result)
{
	a->told++;
	a->result = result;
}

static void
asker_on_answer(struct pr_dns_wait *w, const struct pr_dns_answer *answer)
{
	asker_told((struct asker *)w, answer);
}
static void
asker_on_hosts(struct pr_dns_wait *w, const struct pr_dns_hosts *hosts)
{
	asker_told((struct asker *)w, hosts);
}
static void
asker_on_mx(struct pr_dns_wait *w, const struct pr_mx *mx)
{
	asker_told((struct asker *)w, mx);
}

static inline const void *
asker_wait(struct asker *a, const void *at_once)
{
	if (at_once)
		a->result = at_once;
	while (!a->result)
		pr_loop_turn_wait(dns_world.loop);
	return a->result;
}

/* The three look-ups, waited for. The result is the caller's. */
static inline const struct pr_dns_answer *
ask(const char *name, enum pr_dns_type type)
{
	struct asker a = {.wait.done.answer = asker_on_answer};
	return asker_wait(&a, pr_dns_ask(dns_world.dns, name, type, &a.wait));
}
static inline const struct pr_dns_hosts *
ask_host(const char *name)
{
	struct asker a = {.wait.done.hosts = asker_on_hosts};
	return asker_wait(&a, pr_dns_host(dns_world.dns, name, &a.wait));
}
static inline const struct pr_mx *
ask_mx(const char *domain)
{
	struct asker a = {.wait.done.mx = asker_on_mx};
	return asker_wait(&a, pr_dns_mx(dns_world.dns, domain, &a.wait));
}

/* "10 a.test, 20 b.test", or what there is instead. */
static inline const char *
mx_text(const struct pr_mx *mx)
{
	static const char *const kinds[] = {"OK", "NULL", "NO_DOMAIN", "NO_HOST", "TEMP"};
	static char text[4000];
	size_t n = 0;
	snprintf(text, sizeof text, "%s", kinds[mx->kind]);
	for (size_t i = 0; i < mx->n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u %s", i ? ", " : "",
		                      mx->exchangers[i].preference, mx->exchangers[i].name);
	return text;
}

#endif
