/*
 * The route of a domain (RFC 5321 section 5.1):
 *
 *   "[192.0.2.1]"          itself, without DNS
 *   MX records             their hosts, best first; "." alone: it takes no mail (RFC 7505)
 *   no MX record           the domain's own addresses: A, AAAA
 *   no such domain         none
 *
 * What is no exchanger is left out with its reason: "." among others, what is no host name, an
 * address in text, this machine. When nothing remains, the domain says that it takes mail where
 * none can be brought: that is no reason to try its addresses.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_SIZE 300

struct routing {
	pr_dns *dns;
	struct dns_entry *entry;
	struct pr_dns_wait wait;
	const struct pr_dns_answer *mx; /* that there is none */
};

/* ---- results ---- */

static struct pr_mx *
make_mx(enum pr_mx_kind kind, const struct pr_mx_exchanger *exchangers, size_t n, const char *site,
        const char *why)
{
	size_t size = sizeof(struct pr_mx) + n * sizeof *exchangers, text = 0;
	for (size_t i = 0; i < n; i++)
		text += strlen(exchangers[i].name) + 1;
	struct pr_mx *mx = pr_alloc(size + text + strlen(site) + strlen(why) + 2);
	char *at = (char *)mx + size;
	*mx = (struct pr_mx){.refs = 1, .kind = kind, .n = n};
	for (size_t i = 0; i < n; i++) {
		mx->exchangers[i].preference = exchangers[i].preference;
		mx->exchangers[i].name = dns_lay(&at, exchangers[i].name);
	}
	mx->site = dns_lay(&at, site);
	mx->why = dns_lay(&at, why);
	return mx;
}

struct pr_mx *
dns_mx_none(enum pr_mx_kind kind, unsigned ttl_s, const char *why)
{
	struct pr_mx *mx = make_mx(kind, NULL, 0, "", why);
	mx->ttl_s = ttl_s;
	return mx;
}

static int
compare_exchangers(const void *a, const void *b)
{
	const struct pr_mx_exchanger *x = a, *y = b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
leave_out(char *why, const char *name, const char *fault)
{
	size_t n = strlen(why);
	if (n + 8 < WHY_SIZE)
		snprintf(why + n, WHY_SIZE - n, "%sMX %s %s", n ? "; " : "", name, fault);
}

/* The usable ones; what is wrong with others goes to why. */
static size_t
pick(const struct pr_dns_answer *answer, struct pr_mx_exchanger *out, char *why)
{
	size_t n = 0;
	for (size_t i = 0; i < answer->n; i++) {
		const struct pr_dns_record *r = &answer->records[i];
		const char *name = r->u.mx.name;
		const char *fault = strcmp(name, ".") == 0 ? "names no host" : dns_host_fault(name);
		if (fault)
			leave_out(why, name, fault);
		else
			out[n++] = (struct pr_mx_exchanger){name, r->u.mx.preference};
	}
	return n;
}

/* Sorted; of a host named twice the better preference counts. */
static size_t
arrange(struct pr_mx_exchanger *all, size_t n)
{
	size_t kept = 0;
	qsort(all, n, sizeof *all, compare_exchangers);
	for (size_t i = 0; i < n && kept < PR_MX_EXCHANGERS_MAX; i++) {
		size_t same = 0;
		while (same < kept && strcmp(all[same].name, all[i].name) != 0)
			same++;
		if (same == kept)
			all[kept++] = all[i];
	}
	return kept;
}

static struct pr_mx *
compose_hosts(const struct pr_dns_answer *answer)
{
	struct pr_mx_exchanger all[PR_DNS_RECORDS_MAX];
	const char *names[PR_MX_EXCHANGERS_MAX];
	char why[WHY_SIZE] = "", site[PR_MX_SITE_SIZE];
	size_t n = arrange(all, pick(answer, all, why));
	if (n == 0)
		return dns_mx_none(PR_MX_NO_HOST, answer->ttl_s, why);
	for (size_t i = 0; i < n; i++)
		names[i] = all[i].name;
	pr_mx_site(names, n, site);
	struct pr_mx *mx = make_mx(PR_MX_OK, all, n, site, why);
	mx->secure = answer->secure;
	mx->ttl_s = answer->ttl_s;
	return mx;
}

struct pr_mx *
dns_mx_compose(const struct pr_dns_answer *answer)
{
	switch (answer->status) {
	case PR_DNS_NODATA: return NULL;
	case PR_DNS_NXDOMAIN:
		return dns_mx_none(PR_MX_NO_DOMAIN, answer->ttl_s, "the domain does not exist");
	case PR_DNS_TEMP: return dns_mx_none(PR_MX_TEMP, 0, answer->why);
	case PR_DNS_OK: break;
	}
	if (answer->n == 1 && strcmp(answer->records[0].u.mx.name, ".") == 0)
		return dns_mx_none(PR_MX_NULL, answer->ttl_s,
		                   "the domain says that it takes no mail (null MX)");
	return compose_hosts(answer);
}

struct pr_mx *
dns_mx_implicit(const char *domain, const struct pr_dns_answer *none,
                const struct pr_dns_hosts *hosts)
{
	unsigned ttl_s = none->ttl_s < hosts->ttl_s ? none->ttl_s : hosts->ttl_s;
	switch (hosts->status) {
	case PR_DNS_TEMP: return dns_mx_none(PR_MX_TEMP, 0, hosts->why);
	case PR_DNS_NXDOMAIN:
	case PR_DNS_NODATA:
		return dns_mx_none(PR_MX_NO_HOST, ttl_s,
		                   "the domain has neither a mail exchanger nor an address");
	case PR_DNS_OK: break;
	}
	struct pr_mx_exchanger self = {domain, 0};
	char site[PR_MX_SITE_SIZE];
	pr_mx_site(&domain, 1, site);
	struct pr_mx *mx = make_mx(PR_MX_OK, &self, 1, site, "");
	mx->implicit = true;
	mx->secure = none->secure && hosts->secure;
	mx->ttl_s = ttl_s;
	return mx;
}

/* RFC 5321 section 4.1.3. */
struct pr_mx *
dns_mx_literal(const char *domain)
{
	char text[64], site[PR_MX_SITE_SIZE];
	union pr_dns_address address;
	struct pr_str s = pr_str(domain);
	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return NULL;
	s = pr_str_n(s.p + 1, s.n - 2);
	bool v6 = pr_str_starts_nocase(s, "IPv6:");
	if (v6)
		s = pr_str_n(s.p + 5, s.n - 5);
	if (s.n >= sizeof text)
		return dns_mx_none(PR_MX_NO_DOMAIN, 0, "this is no address literal");
	snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
	if (*text == '[' || !dns_address_read(text, &address) || v6 != (address.family == AF_INET6))
		return dns_mx_none(PR_MX_NO_DOMAIN, 0, "this is no address literal");
	for (char *p = text; *p; p++)
		*p = pr_lower(*p);
	snprintf(site, sizeof site, "[%s]", text);
	struct pr_mx_exchanger self = {text, 0};
	struct pr_mx *mx = make_mx(PR_MX_OK, &self, 1, site, "");
	mx->literal = true;
	mx->ttl_s = DNS_TTL_MAX_S;
	return mx;
}

/* ---- the look-up ---- */

void
dns_mx_drop(void *work)
{
	struct routing *r = work;
	pr_dns_answer_unref(r->mx);
	free(r);
}

static void
end_routing(struct routing *r, struct pr_mx *mx)
{
	pr_dns *dns = r->dns;
	struct dns_entry *e = r->entry;
	dns_mx_drop(r);
	dns_entry_end(dns, e, mx);
}

static void
on_hosts(struct pr_dns_wait *w, const struct pr_dns_hosts *hosts)
{
	struct routing *r = PR_CONTAINER(w, struct routing, wait);
	struct pr_mx *mx = dns_mx_implicit(r->entry->name, r->mx, hosts);
	pr_dns_hosts_unref(hosts);
	end_routing(r, mx);
}

static void
on_mx(struct pr_dns_wait *w, const struct pr_dns_answer *answer)
{
	struct routing *r = PR_CONTAINER(w, struct routing, wait);
	struct pr_mx *mx = dns_mx_compose(answer);
	r->mx = answer;
	if (mx) {
		end_routing(r, mx);
		return;
	}
	/* Kept: who connects asks for it next. */
	w->done.hosts = on_hosts;
	const struct pr_dns_hosts *hosts = dns_host_part(r->dns, r->entry->name, true, w);
	if (hosts)
		on_hosts(w, hosts);
}

void
dns_mx_begin(pr_dns *dns, struct dns_entry *e)
{
	struct routing *r = pr_calloc(1, sizeof *r);
	r->dns = dns;
	r->entry = e;
	r->wait.done.answer = on_mx;
	e->work = r;
	const struct pr_dns_answer *answer =
	    dns_look_up(dns, DNS_ANSWER, PR_DNS_MX, e->name, false, &r->wait);
	if (answer)
		on_mx(&r->wait, answer);
}

const struct pr_mx *
pr_dns_mx(pr_dns *dns, const char *domain, struct pr_dns_wait *w)
{
	char name[PR_DNS_NAME_SIZE];
	struct pr_mx *literal = dns_mx_literal(domain);
	if (literal)
		return literal;
	if (!dns_name_read(domain, name) || dns_host_fault(name))
		return dns_mx_none(PR_MX_NO_DOMAIN, 0, "this is no domain of mail");
	return dns_look_up(dns, DNS_MX, 0, name, true, w);
}
