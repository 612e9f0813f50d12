/*
 * What TLS costs a stream: connections to a sink, each with one message on its way.
 *
 *   tls_rate PORT tls|plain [CONNECTIONS [MESSAGES [OCTETS]]]
 *
 * tls: the sink has --tls implicit. Prints how fast the connections came about, the kilobytes
 * of this process that each one takes, messages a second, and its CPU time a message.
 */
#include "postrider/base/buf.h"
#include "postrider/base/clock.h"
#include "postrider/net/tls.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct bench {
	pr_loop *loop;
	pr_tls *tls; /* NULL: in the clear */
	unsigned long left, done;
	unsigned ready, open, n;
	struct client {
		struct bench *b;
		pr_stream *s;
		unsigned lines; /* of replies awaited */
		bool greeted;
	} * clients;
	struct pr_buf message; /* a whole transaction */
};

static void
next(struct client *c)
{
	struct bench *b = c->b;
	if (b->left == 0) {
		pr_stream_close(c->s);
		return;
	}
	b->left--;
	c->lines = 3;
	pr_stream_write(c->s, b->message.data, b->message.len);
}

static void
on_connect(void *context)
{
	struct client *c = context;
	const struct pr_tls_want want = {.name = "sink.example", .session = "sink"};
	if (c->b->tls)
		pr_stream_secure(c->s, c->b->tls, &want);
	pr_stream_write(c->s, "HELO bench.example\r\n", 20);
}

static void
on_data(void *context, const char *data, size_t n)
{
	struct client *c = context;
	struct bench *b = c->b;
	const char *end = data + n;
	for (; (data = memchr(data, '\n', (size_t)(end - data))); data++)
		c->lines--;
	if (c->lines)
		return;
	b->done += c->greeted;
	if (c->greeted) {
		next(c);
		return;
	}
	c->greeted = true;
	if (++b->ready == b->n)
		pr_loop_stop(b->loop);
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct client *c = context;
	if (why->code)
		fprintf(stderr, "%s\n", why->text);
	if (--c->b->open == 0 || why->code)
		pr_loop_stop(c->b->loop);
}

static const struct pr_stream_events events = {
    .on_connect = on_connect, .on_data = on_data, .on_close = on_close};

static double
cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static size_t
heap(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static void
make_message(struct bench *b, size_t size)
{
	pr_buf_addf(&b->message,
	            "MAIL FROM:<news@acme.example>\r\nRCPT TO:<someone@mail.example>\r\n"
	            "BDAT %zu LAST\r\n",
	            size);
	for (size_t i = 0; i < size; i++)
		pr_buf_addc(&b->message, (char)("0123456789abcdef\r\n"[i % 18]));
}

static void
connect_all(struct bench *b, const struct pr_address *to)
{
	size_t before = heap();
	int64_t began_us = pr_mono_us();
	double cpu = cpu_us();
	for (unsigned i = 0; i < b->n; i++) {
		b->clients[i] = (struct client){.b = b, .lines = 2};
		b->clients[i].s = pr_stream_connect(b->loop, to, NULL, &events, &b->clients[i]);
	}
	pr_loop_run(b->loop);
	printf("%u connections, %.0f a second, %.0f us CPU each, %.1f KB each\n", b->ready,
	       b->ready * 1e6 / (double)(pr_mono_us() - began_us), (cpu_us() - cpu) / b->n,
	       (double)(heap() - before) / 1024 / b->n);
}

static void
send_all(struct bench *b)
{
	int64_t began_us = pr_mono_us();
	double cpu = cpu_us();
	for (unsigned i = 0; i < b->n; i++)
		next(&b->clients[i]);
	pr_loop_run(b->loop);
	printf("%lu messages, %.0f a second, %.2f us CPU each\n", b->done,
	       (double)b->done * 1e6 / (double)(pr_mono_us() - began_us),
	       (cpu_us() - cpu) / (double)(b->done ? b->done : 1));
}

int
main(int argc, char **argv)
{
	unsigned long messages = argc > 4 ? strtoul(argv[4], NULL, 10) : 200000;
	struct bench b = {.left = messages, .n = argc > 3 ? (unsigned)atoi(argv[3]) : 20};
	struct pr_address to;
	struct pr_error e;
	if (argc < 3 || !b.n || pr_address_parse("127.0.0.1", (uint16_t)atoi(argv[1]), &to) < 0)
		return 2;
	if (pr_loop_create(&b.loop, &e) < 0 ||
	    (!strcmp(argv[2], "tls") &&
	     pr_tls_create(&(struct pr_tls_options){0}, &b.tls, &e) < 0)) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	make_message(&b, argc > 5 ? strtoul(argv[5], NULL, 10) : 5000);
	b.open = b.n;
	b.clients = pr_calloc(b.n, sizeof *b.clients);
	connect_all(&b, &to);
	if (b.ready == b.n)
		send_all(&b);
	bool good = b.done == messages;
	if (good) {
		pr_loop_turn(b.loop);
		pr_loop_destroy(b.loop);
		pr_tls_destroy(b.tls);
	}
	free(b.clients);
	pr_buf_finish(&b.message);
	return !good;
}
