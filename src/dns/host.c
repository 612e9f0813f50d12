/*
 * Where a host is: A and AAAA, asked side by side.
 *
 * What is known without DNS is told at once: an address text, "localhost", a name of the hosts
 * file. When one of the two look-ups fails and the other brings addresses, those are used, for
 * the shortest time; when it brings none, nothing is known: to say that there is no address
 * takes both answers.
 */
#include "internal.h"

#include <netinet/in.h>
#include <stdlib.h>

struct asking {
	pr_dns *dns;
	struct dns_entry *entry;
	struct pr_dns_wait a_wait, aaaa_wait;
	const struct pr_dns_answer *a, *aaaa;
};

static struct pr_dns_hosts *
make_hosts(enum pr_dns_status status, size_t n, const char *name, const char *why)
{
	size_t size = sizeof(struct pr_dns_hosts) + n * sizeof(union pr_dns_address);
	struct pr_dns_hosts *h = pr_alloc(size + strlen(name) + strlen(why) + 2);
	char *at = (char *)h + size;
	*h = (struct pr_dns_hosts){.refs = 1, .status = status, .n = n};
	h->name = dns_lay(&at, name);
	h->why = dns_lay(&at, why);
	return h;
}

/* ---- of two answers ---- */

static bool
is_ok(const struct pr_dns_answer *a)
{
	return a->status == PR_DNS_OK;
}

static enum pr_dns_status
status_of(const struct pr_dns_answer *a, const struct pr_dns_answer *aaaa)
{
	if (is_ok(a) || is_ok(aaaa))
		return PR_DNS_OK;
	if (a->status == PR_DNS_TEMP || aaaa->status == PR_DNS_TEMP)
		return PR_DNS_TEMP;
	return a->status == PR_DNS_NXDOMAIN ? a->status : aaaa->status;
}

/* The families in turns, so that the first few tries see both. */
static size_t
interleave(const struct pr_dns_answer *a, const struct pr_dns_answer *aaaa,
           union pr_dns_address *out)
{
	size_t n = 0;
	for (size_t i = 0; n < PR_DNS_ADDRESSES_MAX && (i < a->n || i < aaaa->n); i++) {
		if (i < a->n)
			out[n++] = a->records[i].u.address;
		if (i < aaaa->n && n < PR_DNS_ADDRESSES_MAX)
			out[n++] = aaaa->records[i].u.address;
	}
	return n;
}

/* RFC 7672 section 2.2.2 goes by the addresses that are used; that there are none of the other
 * family need not be proved. Without any address both denials count. */
static bool
is_secure(const struct pr_dns_answer *a, const struct pr_dns_answer *aaaa)
{
	if (is_ok(a) != is_ok(aaaa))
		return is_ok(a) ? a->secure : aaaa->secure;
	return a->secure && aaaa->secure;
}

struct pr_dns_hosts *
dns_hosts_compose(const struct pr_dns_answer *a, const struct pr_dns_answer *aaaa)
{
	union pr_dns_address addresses[PR_DNS_ADDRESSES_MAX];
	enum pr_dns_status status = status_of(a, aaaa);
	size_t n = interleave(a, aaaa, addresses);
	const struct pr_dns_answer *failed = a->status == PR_DNS_TEMP ? a : aaaa;
	const char *name = is_ok(aaaa) && !is_ok(a) ? aaaa->name : a->name;
	struct pr_dns_hosts *h = make_hosts(status, n, name, failed->why);
	memcpy(h->addresses, addresses, n * sizeof *addresses);
	h->secure = is_secure(a, aaaa);
	h->ttl_s = a->ttl_s < aaaa->ttl_s ? a->ttl_s : aaaa->ttl_s;
	return h;
}

/* ---- the look-up ---- */

void
dns_hosts_drop(void *work)
{
	struct asking *k = work;
	pr_dns_answer_unref(k->a);
	pr_dns_answer_unref(k->aaaa);
	free(k);
}

static void
compose_when_both(struct asking *k)
{
	if (!k->a || !k->aaaa)
		return;
	struct pr_dns_hosts *h = dns_hosts_compose(k->a, k->aaaa);
	pr_dns *dns = k->dns;
	struct dns_entry *e = k->entry;
	dns_hosts_drop(k);
	dns_entry_end(dns, e, h);
}

static void
on_a(struct pr_dns_wait *w, const struct pr_dns_answer *answer)
{
	struct asking *k = PR_CONTAINER(w, struct asking, a_wait);
	k->a = answer;
	compose_when_both(k);
}

static void
on_aaaa(struct pr_dns_wait *w, const struct pr_dns_answer *answer)
{
	struct asking *k = PR_CONTAINER(w, struct asking, aaaa_wait);
	k->aaaa = answer;
	compose_when_both(k);
}

void
dns_hosts_begin(pr_dns *dns, struct dns_entry *e)
{
	struct asking *k = pr_calloc(1, sizeof *k);
	k->dns = dns;
	k->entry = e;
	k->a_wait.done.answer = on_a;
	k->aaaa_wait.done.answer = on_aaaa;
	e->work = k;
	k->a = dns_look_up(dns, DNS_ANSWER, PR_DNS_A, e->name, false, &k->a_wait);
	k->aaaa = dns_look_up(dns, DNS_ANSWER, PR_DNS_AAAA, e->name, false, &k->aaaa_wait);
	compose_when_both(k);
}

/* ---- without DNS ---- */

static struct pr_dns_hosts *
hosts_of(const char *name, const union pr_dns_address *addresses, size_t n)
{
	struct pr_dns_hosts *h = make_hosts(PR_DNS_OK, n, name, "");
	memcpy(h->addresses, addresses, n * sizeof *addresses);
	return h;
}

static struct pr_dns_hosts *
known_host(const pr_dns *dns, const char *name)
{
	union pr_dns_address found[PR_DNS_ADDRESSES_MAX];
	size_t n = dns_hosts_file_find(dns->hosts, name, found, PR_DNS_ADDRESSES_MAX);
	if (n)
		return hosts_of(name, found, n);
	if (!dns_is_localhost(name))
		return NULL;
	memset(found, 0, 2 * sizeof *found);
	found[0].in.sin_family = AF_INET;
	found[0].in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	found[1].in6.sin6_family = AF_INET6;
	found[1].in6.sin6_addr = in6addr_loopback;
	return hosts_of(name, found, 2);
}

const struct pr_dns_hosts *
dns_host_part(pr_dns *dns, const char *name, bool keep, struct pr_dns_wait *w)
{
	struct pr_dns_hosts *h = known_host(dns, name);
	return h ? h : dns_look_up(dns, DNS_HOSTS, 0, name, keep, w);
}

const struct pr_dns_hosts *
pr_dns_host(pr_dns *dns, const char *text, struct pr_dns_wait *w)
{
	char name[PR_DNS_NAME_SIZE];
	union pr_dns_address address;
	if (dns_address_read(text, &address))
		return hosts_of(text, &address, 1);
	if (!dns_name_read(text, name))
		return make_hosts(PR_DNS_NXDOMAIN, 0, "", "this is no host name");
	return dns_host_part(dns, name, true, w);
}
