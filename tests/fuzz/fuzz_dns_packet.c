/* A name server's octets, as an answer of each type, and the route and the site made of it. The
 * first octet chooses the type; the question is always a.test. */
#include "../../src/dns/internal.h"

#include <stdlib.h>

static void
look_at(const struct pr_dns_answer *a)
{
	PR_ASSERT((a->status == PR_DNS_OK) == (a->n > 0));
	PR_ASSERT((a->status == PR_DNS_TEMP) == (*a->why != 0));
	PR_ASSERT(a->n <= PR_DNS_RECORDS_MAX && strlen(a->name) < PR_DNS_NAME_SIZE);
	for (size_t i = 0; i < a->n; i++) {
		const struct pr_dns_record *r = &a->records[i];
		if (a->type == PR_DNS_MX)
			PR_ASSERT(strlen(r->u.mx.name) < PR_DNS_NAME_SIZE);
		if (a->type == PR_DNS_TXT)
			PR_ASSERT(r->u.txt.p[r->u.txt.n] == 0);
		if (a->type == PR_DNS_TLSA)
			PR_ASSERT(r->u.tlsa.data.p[r->u.tlsa.data.n] == 0);
	}
}

static void
route_of(const struct pr_dns_answer *a)
{
	struct pr_mx *mx = dns_mx_compose(a);
	if (!mx)
		return;
	PR_ASSERT((mx->kind == PR_MX_OK) == (mx->n > 0) && mx->n <= PR_MX_EXCHANGERS_MAX);
	PR_ASSERT((mx->kind == PR_MX_OK) == (*mx->site != 0));
	PR_ASSERT(strlen(mx->site) < PR_MX_SITE_SIZE);
	for (size_t i = 0; i < mx->n; i++)
		PR_ASSERT(!dns_host_fault(mx->exchangers[i].name));
	pr_mx_unref(mx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum pr_dns_type types[] = {PR_DNS_A,   PR_DNS_CNAME, PR_DNS_PTR, PR_DNS_MX,
	                                         PR_DNS_TXT, PR_DNS_AAAA,  PR_DNS_TLSA};
	bool dangling;
	if (n < 1)
		return 0;
	enum pr_dns_type type = types[data[0] % (sizeof types / sizeof *types)];
	struct pr_dns_answer *a = dns_packet_read(data + 1, n - 1, "a.test", type, &dangling);
	look_at(a);
	if (type == PR_DNS_MX)
		route_of(a);
	if (type == PR_DNS_A)
		pr_dns_hosts_unref(dns_hosts_compose(a, a));
	pr_dns_answer_unref(a);
	return 0;
}
