/* Listening sockets: parse, resolve, bind. Errors name the address. */
#include "sink/listener.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Split at the last colon; brackets around an IPv6 address go. */
static bool
split(const char *where, char **host, const char **port)
{
	const char *colon = strrchr(where, ':');
	if (!colon || !colon[1])
		return false;
	size_t n = (size_t)(colon - where);
	bool v6 = n > 2 && where[0] == '[' && where[n - 1] == ']';
	*host = v6 ? pr_strndup(where + 1, n - 2) : pr_strndup(where, n);
	*port = colon + 1;
	return true;
}

static int
bind_one(const struct addrinfo *a)
{
	int yes = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 4096) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int
sink_listen(const char *where, int *fd, struct pr_error *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
	const char *port;
	char *host;
	if (!split(where, &host, &port))
		return pr_fail(e, PR_EINVAL, "%s: write ADDR:PORT or [IPV6]:PORT", where);
	bool any = !*host || strcmp(host, "*") == 0;
	int failed = getaddrinfo(any ? NULL : host, port, &hints, &found);
	free(host);
	if (failed)
		return pr_fail(e, PR_EINVAL, "%s: %s", where, gai_strerror(failed));
	*fd = bind_one(found);
	freeaddrinfo(found);
	return *fd < 0 ? pr_fail_errno(e, "%s", where) : 0;
}

uint16_t
sink_listening_on(int fd, struct pr_buf *out)
{
	struct sockaddr_storage a = {0};
	socklen_t n = sizeof a;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
	    getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return 0;
	pr_buf_addf(out, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return (uint16_t)atoi(port);
}
