/* A TCP socket that listens; whoever polls it accepts. */
#include "postrider/net.h"

#include <sys/socket.h>
#include <unistd.h>

int
pr_listen(const char *host, uint16_t port, int backlog, int *out, struct pr_error *e)
{
	struct pr_address a;
	int one = 1;
	if (pr_address_parse(host, port, &a) < 0)
		return pr_fail(e, PR_EINVAL, "%s is no IP address", host);
	int fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, (struct sockaddr *)&a.sa, a.n) < 0 || listen(fd, backlog) < 0) {
		int r = pr_fail_errno(e, "cannot listen on %s:%u", host, port);
		if (fd >= 0)
			close(fd);
		return r;
	}
	*out = fd;
	return 0;
}
