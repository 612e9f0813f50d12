/*
 * Who asks. The address is the peer's, or what the proxies in front of us say of theirs: as long
 * as the hop at hand is one of `track.proxies`, the next one is the rightmost of X-Forwarded-For
 * that was not looked at yet. What stands further left anybody may have written.
 *
 * Only a hash of it goes on: by a key of this day and this run, of an IPv6 address by its network
 * (/64: what one household has).
 */
#include "internal.h"

#include <netinet/in.h>

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static bool
parse_hop(struct pr_str text, unsigned char out[16])
{
	char host[64];
	struct pr_address a;
	text = pr_str_trim(text);
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	const char *bracket = text.n && text.p[0] == '[' ? memchr(text.p, ']', text.n) : NULL;
	if (bracket)
		text.n = (size_t)(bracket + 1 - text.p);
	else if (colon && !memchr(colon + 1, ':', text.n - (size_t)(colon + 1 - text.p)))
		text.n = (size_t)(colon - text.p);
	if (text.n >= sizeof host)
		return false;
	memcpy(host, text.p, text.n);
	host[text.n] = 0;
	return pr_address_parse(host, 0, &a) == 0 && pr_address_octets((void *)&a.sa, out);
}

/* The last of a list; what stands before it stays. */
static struct pr_str
take_last(struct pr_str *list)
{
	const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
	size_t from = comma ? (size_t)(comma + 1 - list->p) : 0;
	struct pr_str last = pr_str_n(list->p + from, list->n - from);
	list->n = comma ? (size_t)(comma - list->p) : 0;
	return last;
}

static bool
is_proxy(const struct track_proxies *proxies, const unsigned char address[16])
{
	for (size_t i = 0; i < proxies->n; i++)
		if (pr_network_has(&proxies->networks[i], address))
			return true;
	return false;
}

void
track_client(const struct track_proxies *proxies, const struct sockaddr *peer,
             struct pr_str forwarded, unsigned char out[16])
{
	unsigned char next[16];
	if (!pr_address_octets(peer, out))
		memset(out, 0, 16);
	while (forwarded.n && is_proxy(proxies, out) && parse_hop(take_last(&forwarded), next))
		memcpy(out, next, 16);
}

uint64_t
track_visitor(struct pr_hash_key key, const unsigned char address[16])
{
	static const unsigned char mapped[12] = {[10] = 0xff, 0xff};
	size_t n = memcmp(address, mapped, sizeof mapped) == 0 ? 16 : 8;
	return pr_siphash(key, address, n) | 1; /* 0 is nobody */
}
