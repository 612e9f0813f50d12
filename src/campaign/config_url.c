/* URLs of servers that get what is not for everybody: https, or http on this host. */
#include "config_internal.h"

/* A host, a port and a path; no user, query or fragment. */
static bool
is_plain(struct pr_str rest)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-._~:[]/";
	for (size_t i = 0; i < rest.n; i++)
		if (!memchr(plain, pr_lower(rest.p[i]), sizeof plain - 1))
			return false;
	return rest.n > 0 && !strchr("-._~:/]", rest.p[0]);
}

static bool
is_loopback(struct pr_str rest)
{
	static const char v6[] = "[::1]", octets[] = "0123456789.";
	size_t n = 0;
	if (pr_str_starts(rest, v6))
		return rest.n == sizeof v6 - 1 || strchr(":/", rest.p[sizeof v6 - 1]);
	while (n < rest.n && !strchr(":/", rest.p[n]))
		n++;
	struct pr_str host = pr_str_n(rest.p, n);
	for (size_t i = 0; i < n && pr_str_starts(host, "127."); i++)
		if (!memchr(octets, host.p[i], sizeof octets - 1))
			return false;
	return pr_str_starts(host, "127.") || pr_str_eq_nocase(host, pr_str("localhost"));
}

/* Of the characters of RFC 3986 section 2 all but '#'. */
static bool
is_query(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"#<>\\^`{|}", s.p[i]))
			return false;
	return true;
}

enum config_url
config_url_judge(struct pr_str url, bool query)
{
	bool clear = pr_str_starts(url, "http://");
	size_t scheme = strlen(clear ? "http://" : "https://"), host = scheme;
	if (!(clear || pr_str_starts(url, "https://")) || url.n == scheme)
		return CONFIG_URL_BAD;
	while (query && host < url.n && !strchr("/?", url.p[host]))
		host++;
	size_t plain = query ? host : url.n;
	struct pr_str rest = pr_str_n(url.p + scheme, plain - scheme);
	if (!is_plain(rest) || !is_query(pr_str_n(url.p + plain, url.n - plain)))
		return CONFIG_URL_BAD;
	return clear && !is_loopback(rest) ? CONFIG_URL_IN_CLEAR : CONFIG_URL_GOOD;
}
