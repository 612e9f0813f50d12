/*
 * A peer in a thread: listens on loopback, takes connections one after another and plays
 * one script of lines for each:
 *   S text   send text and CRLF (| stands for a line end within)
 *   C text   read a line, which must begin so
 *   B        read up to the final dot
 *   H text   read an HTTP request with a Content-Length, whose first line must begin so
 *   G        wait until the other side closes
 *   D        close       R  reset
 * A script that ends closes. What did not fit is told by peer_join.
 */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include "postrider/base/buf.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	int listener;
	uint16_t port;
	pthread_t thread;
	const char *const *scripts; /* ended by NULL */
	char failure[300];
	struct pr_buf heard; /* of one connection, not yet looked at */
	struct pr_buf bodies;
};

static bool
peer_more(struct peer *p, int fd)
{
	char data[4096];
	ssize_t n = read(fd, data, sizeof data);
	if (n > 0)
		pr_buf_add(&p->heard, data, (size_t)n);
	return n > 0;
}

static bool
peer_expect(struct peer *p, int fd, const char *prefix)
{
	char *end;
	while (!p->heard.len || !(end = strstr(p->heard.data, "\r\n")))
		if (!peer_more(p, fd))
			return false;
	bool fits = strncmp(p->heard.data, prefix, strlen(prefix)) == 0;
	pr_buf_consume(&p->heard, (size_t)(end + 2 - p->heard.data));
	return fits;
}

static bool
peer_body(struct peer *p, int fd)
{
	char *end;
	size_t from = 0; /* what was searched before is not searched again */
	while (!p->heard.len || !(end = strstr(p->heard.data + from, "\r\n.\r\n"))) {
		from = p->heard.len > 4 ? p->heard.len - 4 : 0;
		if (!peer_more(p, fd))
			return false;
	}
	size_t n = (size_t)(end + 5 - p->heard.data);
	pr_buf_add(&p->bodies, p->heard.data, n);
	pr_buf_consume(&p->heard, n);
	return true;
}

static bool
peer_request(struct peer *p, int fd, const char *prefix)
{
	static const char field[] = "\r\nContent-Length: ";
	char *end;
	while (!p->heard.len || !(end = strstr(p->heard.data, "\r\n\r\n")))
		if (!peer_more(p, fd))
			return false;
	const char *length = strcasestr(p->heard.data, field);
	size_t head = (size_t)(end + 4 - p->heard.data);
	size_t n = head + (length ? strtoul(length + sizeof field - 1, NULL, 10) : 0);
	bool fits = strncmp(p->heard.data, prefix, strlen(prefix)) == 0;
	while (p->heard.len < n)
		if (!peer_more(p, fd))
			return false;
	pr_buf_add(&p->bodies, p->heard.data, n);
	pr_buf_consume(&p->heard, n);
	return fits;
}

static bool
peer_say(int fd, const char *text)
{
	struct pr_buf b = {0};
	for (; *text; text++)
		if (*text == '|')
			pr_buf_adds(&b, "\r\n");
		else
			pr_buf_addc(&b, *text);
	pr_buf_adds(&b, "\r\n");
	bool said = send(fd, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
	pr_buf_finish(&b);
	return said;
}

static bool
peer_line(struct peer *p, int fd, const char *line)
{
	char octet;
	switch (line[0]) {
	case 'S': return peer_say(fd, line + 2);
	case 'C': return peer_expect(p, fd, line + 2);
	case 'B': return peer_body(p, fd);
	case 'H': return peer_request(p, fd, line + 2);
	case 'G':
		while (read(fd, &octet, 1) > 0)
			;
		return true;
	case 'R':
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
		           sizeof(struct linger));
		return true;
	default: return line[0] == 'D';
	}
}

static void
peer_play(struct peer *p, int fd, const char *script)
{
	char *lines = strdup(script), *save = NULL;
	pr_buf_clear(&p->heard);
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!peer_line(p, fd, line)) {
			snprintf(p->failure, sizeof p->failure, "at \"%.100s\": heard \"%.150s\"",
			         line, p->heard.len ? p->heard.data : "");
			break;
		}
	free(lines);
	close(fd);
}

static void *
peer_run(void *argument)
{
	struct peer *p = argument;
	for (size_t i = 0; p->scripts[i] && !p->failure[0]; i++) {
		int fd = accept(p->listener, NULL, NULL);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0},
		           sizeof(struct timeval));
		peer_play(p, fd, p->scripts[i]);
	}
	return NULL;
}

/* A socket on 127.0.0.1 and a port of the kernel's choice. */
static int
peer_bind(uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static inline void
peer_start(struct peer *p, const char *const *scripts)
{
	*p = (struct peer){.scripts = scripts};
	p->listener = peer_bind(&p->port);
	ck_assert_int_eq(listen(p->listener, 16), 0);
	ck_assert_int_eq(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static inline void
peer_join(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listener);
	ck_assert_msg(!p->failure[0], "%s", p->failure);
	pr_buf_finish(&p->heard);
	pr_buf_finish(&p->bodies);
}

#endif
