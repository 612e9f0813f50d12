/* Addresses as people write them. Numbers only: names are looked up elsewhere. */
#include "postrider/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static int
parse_v6(const char *host, size_t n, uint16_t port, struct pr_address *out)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	if (n >= sizeof text)
		return PR_EINVAL;
	memcpy(text, host, n);
	text[n] = 0;
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return PR_EINVAL;
	*out = (struct pr_address){.n = sizeof in6};
	memcpy(&out->sa, &in6, sizeof in6);
	return 0;
}

int
pr_address_parse(const char *host, uint16_t port, struct pr_address *out)
{
	size_t n = strlen(host);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		*out = (struct pr_address){.n = sizeof in};
		memcpy(&out->sa, &in, sizeof in);
		return 0;
	}
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
		return parse_v6(host + 1, n - 2, port, out);
	return parse_v6(host, n, port, out);
}
