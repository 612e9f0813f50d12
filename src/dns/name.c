/*
 * Names as text. DNS itself lets a label hold any octet; what we ask for and what we connect to
 * does not: printable ASCII without what glibc would have to escape.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <stdio.h>

#define NAME_MAX_OCTETS 253
#define LABEL_MAX 63

static bool
is_name_char(char c)
{
	return c > ' ' && c < 0x7f && !strchr("\\\"();@$", c);
}

bool
dns_name_read(const char *text, char out[PR_DNS_NAME_SIZE])
{
	size_t n = strlen(text), label = 0;
	if (n > 1 && text[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool dot = text[i] == '.';
		if (!is_name_char(text[i]) || (dot && label == 0 && n > 1) || label > LABEL_MAX)
			return false;
		label = dot ? 0 : label + 1;
		out[i] = pr_lower(text[i]);
	}
	out[n] = 0;
	return label <= LABEL_MAX && (label > 0 || n == 1);
}

bool
dns_address_read(const char *text, union pr_dns_address *out)
{
	struct pr_address a;
	if (pr_address_parse(text, 0, &a) < 0)
		return false;
	memset(out, 0, sizeof *out);
	memcpy(out, &a.sa, a.n);
	return true;
}

bool
dns_is_localhost(const char *name)
{
	struct pr_str s = pr_str(name);
	return pr_str_is(s, "localhost") || pr_str_ends(s, ".localhost") ||
	       pr_str_is(s, "localhost.localdomain");
}

/* RFC 1123 section 2.1, and underscores: names with them take mail every day. */
static bool
is_label(struct pr_str s)
{
	if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!pr_is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '-' &&
		    s.p[i] != '_')
			return false;
	return true;
}

const char *
dns_host_fault(const char *name)
{
	union pr_dns_address address;
	size_t labels = 0;
	bool digits = true; /* the last label is all digits */
	if (dns_address_read(name, &address))
		return "is an address, not a name";
	if (dns_is_localhost(name))
		return "is this machine";
	for (const char *p = name;; p++) {
		size_t n = strcspn(p, ".");
		if (!is_label(pr_str_n(p, n)))
			return "is no host name";
		digits = strspn(p, "0123456789") == n;
		labels++;
		p += n;
		if (!*p)
			break;
	}
	if (labels < 2)
		return "has no dot";
	return digits ? "is no host name" : NULL;
}

void
pr_dns_reverse(const struct sockaddr *address, char out[PR_DNS_NAME_SIZE])
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		const uint8_t *o = (const uint8_t *)&in->sin_addr;
		snprintf(out, PR_DNS_NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", o[3], o[2], o[1], o[0]);
		return;
	}
	const struct sockaddr_in6 *in6 = (const void *)address;
	char *p = out;
	for (int i = 15; i >= 0; i--) {
		uint8_t octet = in6->sin6_addr.s6_addr[i];
		p += sprintf(p, "%x.%x.", octet & 15, octet >> 4);
	}
	strcpy(p, "ip6.arpa");
}

void
pr_dns_address_at(const union pr_dns_address *a, uint16_t port, struct pr_address *out)
{
	bool v6 = a->family == AF_INET6;
	union pr_dns_address copy = *a;
	*(v6 ? &copy.in6.sin6_port : &copy.in.sin_port) = htons(port);
	*out = (struct pr_address){.n = v6 ? sizeof copy.in6 : sizeof copy.in};
	memcpy(&out->sa, &copy, out->n);
}

const char *
dns_lay(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *laid = memcpy(*at, text, size);
	*at += size;
	return laid;
}
