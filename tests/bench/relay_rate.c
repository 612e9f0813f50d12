/*
 * How fast the transport is by itself: relay connections that always have a message ready.
 *
 *   relay_rate PORT [CONNECTIONS [MESSAGES [OCTETS]]]
 *
 * Prints messages a second and microseconds of CPU a message of this process.
 */
#include "postrider/base/clock.h"
#include "postrider/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct bench {
	pr_loop *loop;
	unsigned long left, accepted, other;
	unsigned open;
	struct pr_envelope envelope;
};

static struct pr_envelope *
on_next(void *context)
{
	struct bench *b = context;
	if (b->left == 0)
		return NULL;
	b->left--;
	return &b->envelope;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	(void)context, (void)m;
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct bench *b = context;
	(void)m;
	if (r->answered && r->reply.code == 250)
		b->accepted++;
	else
		b->other++;
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	(void)m;
	((struct bench *)context)->other++;
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct bench *b = context;
	if (r->stage != PR_STAGE_QUIT)
		fprintf(stderr, "ended at %s: %s\n", pr_smtp_stage_word(r->stage),
		        r->why ? r->why : "refused");
	if (--b->open == 0)
		pr_loop_stop(b->loop);
}

static const struct pr_connection_events events = {on_next, on_wire, on_result, on_returned,
                                                   on_ended};

static double
cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
	unsigned connections = argc > 2 ? (unsigned)atoi(argv[2]) : 20;
	unsigned long messages = argc > 3 ? strtoul(argv[3], NULL, 10) : 300000;
	size_t size = argc > 4 ? strtoul(argv[4], NULL, 10) : 3000;
	struct bench b = {.left = messages, .open = connections};
	struct pr_buf data = {0};
	if (argc < 2 || connections == 0)
		return 2;
	pr_buf_adds(&data, "Subject: bench\r\n\r\n");
	while (data.len < size)
		pr_buf_adds(&data,
		            "The quick brown fox jumps over the lazy dog, again and again.\r\n");
	b.envelope = (struct pr_envelope){.from = "news@acme.example",
	                                  .to = "someone@mail.example",
	                                  .data = data.data,
	                                  .size = data.len};
	struct pr_route route = {
	    .via = PR_VIA_RELAY, .host = {.p = "127.0.0.1", .n = 9}, .port = atoi(argv[1])};
	struct pr_target_options options = {.hostname = "bench.example", .idle_ms = 1};
	struct pr_route_target *target;
	struct pr_error e;
	if (pr_loop_create(&b.loop, &e) < 0 ||
	    pr_target_open(b.loop, &route, &options, &target, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	int64_t began = pr_mono_us();
	double cpu = cpu_us();
	for (unsigned i = 0; i < connections; i++)
		pr_connection_open(target, &events, &b);
	pr_loop_run(b.loop);
	double seconds = (double)(pr_mono_us() - began) / 1e6;
	printf("%lu accepted, %lu other, %.0f messages/s, %.2f us CPU each\n", b.accepted, b.other,
	       (double)b.accepted / seconds, (cpu_us() - cpu) / (double)messages);
	pr_loop_turn(b.loop);
	pr_target_close(target);
	pr_loop_destroy(b.loop);
	pr_buf_finish(&data);
	return b.accepted == messages ? 0 : 1;
}
