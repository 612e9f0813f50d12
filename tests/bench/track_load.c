/*
 * Clicks and opens against the tracking server, all tokens distinct, over connections that are
 * kept alive, one request at a time on each.
 *
 *   track_load PORT CONNECTIONS REQUESTS SERIAL SECRET [KEY]
 *
 * Every other request is a click on link 1 of campaign SERIAL; rows count up from 1. Prints JSON:
 * seconds, answers by kind, latencies in ms. With KEY, that of events: orders of user1@example.com
 * and so on, by POST /e.
 */
#include "postrider/base/buf.h"
#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/message/token.h"
#include "postrider/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define STEP_US 20
#define STEPS 100000 /* 2 s */

struct conn {
	int fd;
	int64_t sent_us;
	size_t n;
	char got[2048];
};

static pr_tokens *keys;
static uint32_t serial;
static const char *events_key; /* NULL: clicks and opens */
static unsigned next_row, wanted, done, good, bad;
static unsigned histogram[STEPS];

static int
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int
order_text(char *text, size_t size, unsigned row)
{
	char body[200];
	int n = snprintf(body, sizeof body,
	                 "{\"event\":\"order\",\"email\":\"user%u@example.com\","
	                 "\"amount\":\"1.01\",\"currency\":\"EUR\",\"id\":\"o-%u\"}",
	                 row, row);
	return snprintf(text, size,
	                "POST /e HTTP/1.1\r\nHost: t.acme.example\r\nAuthorization: Bearer %s\r\n"
	                "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	                events_key, n, body);
}

/* Whoever asks is a different person each time, as one proxy says. */
static int
visit_text(char *text, size_t size, unsigned row)
{
	char token[PR_TOKEN_URL_SIZE];
	bool click = row % 2;
	struct pr_token t = {.kind = click ? PR_TOKEN_CLICK : PR_TOKEN_OPEN,
	                     .campaign = serial,
	                     .row = row,
	                     .link = click ? 1 : 0,
	                     .address = click ? 0 : row};
	pr_token_url(keys, &t, token);
	return snprintf(text, size,
	                "GET /%s/%s%s HTTP/1.1\r\nHost: t.acme.example\r\nAccept: */*\r\n"
	                "User-Agent: Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 "
	                "Firefox/140.0\r\nAccept-Language: de,en;q=0.5\r\n"
	                "X-Forwarded-For: 10.%u.%u.%u\r\n\r\n",
	                click ? "c" : "o", token, click ? "" : ".gif", row >> 16 & 255,
	                row >> 8 & 255, row & 255);
}

static void
send_request(struct conn *c)
{
	char text[1000];
	unsigned row = ++next_row;
	int n =
	    events_key ? order_text(text, sizeof text, row) : visit_text(text, sizeof text, row);
	c->sent_us = pr_mono_us();
	c->n = 0;
	if (write(c->fd, text, (size_t)n) != n)
		fail("write");
}

/* Whether it is there whole. */
static bool
is_whole(const struct conn *c)
{
	const char *end = memmem(c->got, c->n, "\r\n\r\n", 4);
	const char *length = end ? memmem(c->got, c->n, "Content-Length: ", 16) : NULL;
	return length && c->n >= (size_t)(end + 4 - c->got) + strtoul(length + 16, NULL, 10);
}

static void
on_readable(struct conn *c)
{
	ssize_t n = read(c->fd, c->got + c->n, sizeof c->got - 1 - c->n);
	if (n <= 0)
		fail("the server closed a connection");
	c->n += (size_t)n;
	c->got[c->n] = 0;
	if (!is_whole(c))
		return;
	int64_t step = (pr_mono_us() - c->sent_us) / STEP_US;
	histogram[step < STEPS ? step : STEPS - 1]++;
	bool ok =
	    strncmp(c->got, "HTTP/1.1 302", 12) == 0 || strncmp(c->got, "HTTP/1.1 200", 12) == 0;
	good += ok;
	bad += !ok;
	done++;
	if (next_row < wanted)
		send_request(c);
}

static double
percentile_ms(double share)
{
	unsigned sum = 0;
	for (int i = 0; i < STEPS; i++)
		if ((sum += histogram[i]) >= share * done)
			return (i + 1) * STEP_US / 1000.0;
	return 0;
}

static void
connect_all(int epoll, struct conn *conns, unsigned n, uint16_t port)
{
	struct pr_address a;
	pr_address_parse("127.0.0.1", port, &a);
	for (unsigned i = 0; i < n; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
		conns[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(conns[i].fd, (struct sockaddr *)&a.sa, a.n) < 0)
			fail("connect");
		epoll_ctl(epoll, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 6 && argc != 7)
		return 2;
	unsigned n = (unsigned)atoi(argv[2]);
	const char *const secrets[] = {argv[5]};
	struct epoll_event events[256];
	struct conn *conns = pr_calloc(n, sizeof *conns);
	int epoll = epoll_create1(0);
	events_key = argc == 7 ? argv[6] : NULL;
	keys = pr_tokens_create("a", secrets);
	wanted = (unsigned)atoi(argv[3]);
	serial = (uint32_t)atoi(argv[4]);
	connect_all(epoll, conns, n, (uint16_t)atoi(argv[1]));
	int64_t begin = pr_mono_us();
	for (unsigned i = 0; i < n && next_row < wanted; i++)
		send_request(&conns[i]);
	while (done < wanted) {
		int k = epoll_wait(epoll, events, 256, -1);
		for (int i = 0; i < k; i++)
			on_readable(events[i].data.ptr);
	}
	double seconds = (double)(pr_mono_us() - begin) / 1e6;
	printf("{\"seconds\": %.3f, \"good\": %u, \"bad\": %u, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
	       "\"max_ms\": %.2f}\n",
	       seconds, good, bad, percentile_ms(0.5), percentile_ms(0.99), percentile_ms(1));
	free(conns);
	pr_tokens_unref(keys);
	return 0;
}
