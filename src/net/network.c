/* Networks, and addresses as they compare with them: an IPv4 address is its IPv6-mapped form. */
#include "postrider/net.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool
pr_address_octets(const struct sockaddr *a, unsigned char out[16])
{
	if (a->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
		return true;
	}
	if (a->sa_family != AF_INET)
		return false;
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	return true;
}

int
pr_network_parse(struct pr_str text, struct pr_network *out)
{
	char host[64];
	struct pr_address a;
	uint64_t bits = 128;
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	size_t n = slash ? (size_t)(slash - text.p) : text.n;
	snprintf(host, sizeof host, "%.*s", (int)(n < sizeof host ? n : sizeof host - 1), text.p);
	if (n >= sizeof host || pr_address_parse(host, 0, &a) < 0)
		return PR_EINVAL;
	bool v4 = a.sa.ss_family == AF_INET;
	if (slash &&
	    (!pr_str_u64(pr_str_n(slash + 1, text.n - n - 1), &bits) || bits > (v4 ? 32u : 128u)))
		return PR_EINVAL;
	pr_address_octets((void *)&a.sa, out->address);
	out->bits = (unsigned)(slash && v4 ? bits + 96 : bits);
	return 0;
}

bool
pr_network_has(const struct pr_network *n, const unsigned char address[16])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	return memcmp(n->address, address, whole) == 0 &&
	       (rest == 0 || (n->address[whole] ^ address[whole]) >> (8 - rest) == 0);
}
