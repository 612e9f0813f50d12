/*
 * Octets from a peer: into the reply parser alone, then into a session. The input is a
 * program: an octet says what happens next, among it "hear the next n octets as they are"
 * and common answers in short, so that the fuzzer gets beyond the greeting.
 */
#include "postrider/smtp.h"

#include <stdlib.h>

#define MESSAGES 5

struct run {
	struct pr_envelope messages[MESSAGES];
	unsigned taken, wired[MESSAGES], fate[MESSAGES], ends;
};

static void
on_send(void *context, const char *data, size_t n)
{
	struct run *r = context;
	volatile char last = data[n - 1]; /* all of it must be readable */
	(void)last;
	PR_ASSERT(n > 0 && r->ends == 0);
}

static struct pr_envelope *
on_next(void *context)
{
	struct run *r = context;
	PR_ASSERT(r->ends == 0);
	return r->taken < MESSAGES ? &r->messages[r->taken++] : NULL;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	struct run *r = context;
	PR_ASSERT(r->wired[m - r->messages]++ == 0 && r->fate[m - r->messages] == 0);
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *result)
{
	struct run *r = context;
	size_t i = (size_t)(m - r->messages);
	PR_ASSERT(r->fate[i]++ == 0 && r->ends == 0);
	PR_ASSERT(!result->in_doubt || r->wired[i]);
	PR_ASSERT(result->answered == !result->why);
	PR_ASSERT(!result->answered || result->reply.code >= 200);
	PR_ASSERT(!result->answered || result->reply.code >= 400 || r->wired[i]);
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	struct run *r = context;
	PR_ASSERT(r->fate[m - r->messages]++ == 0 && r->wired[m - r->messages] == 0);
}

static void
on_ended(void *context, const struct pr_smtp_result *result)
{
	struct run *r = context;
	PR_ASSERT(r->ends++ == 0);
	PR_ASSERT(result->answered == !result->why);
}

static const struct pr_smtp_events events = {on_send,   on_next,     NULL,    on_wire,
                                             on_result, on_returned, on_ended};

static const char *const shorts[] = {
    "220 mx\r\n",
    "250 ok\r\n",
    "354 go\r\n",
    "550 5.1.1 no\r\n",
    "450 later\r\n",
    "421 bye\r\n",
    "503 nested\r\n",
    "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 200000\r\n",
    "250-mx\r\n250 SMTPUTF8\r\n",
    "221 bye\r\n",
    "250 a\r\n250 b\r\n354 go\r\n",
    "250 taken\r\n250 a\r\n250 b\r\n354 go\r\n",
};
#define SHORTS (sizeof shorts / sizeof *shorts)

static void
parse_alone(const uint8_t *data, size_t n)
{
	struct pr_reply_parser p;
	struct pr_reply reply;
	pr_reply_parser_init(&p);
	while (n) {
		size_t used = 0;
		int rc = pr_reply_feed(&p, (const char *)data, n, &used, &reply);
		if (rc < 0)
			break;
		PR_ASSERT(used <= n && (rc == 1 || used == n));
		if (rc == 1) {
			PR_ASSERT(reply.code >= 200 && reply.code <= 599);
			PR_ASSERT(reply.text.n <= PR_REPLY_TEXT_MAX);
			for (size_t i = 0; i < reply.text.n; i++)
				PR_ASSERT(reply.text.p[i] != '\r' && reply.text.p[i] != 0);
		}
		data += used;
		n -= used;
	}
	pr_reply_parser_finish(&p);
}

/* One instruction; returns the octets it took. */
static size_t
step(pr_smtp *s, const uint8_t *data, size_t n, int64_t *now)
{
	unsigned op = data[0];
	size_t len = op - 100u;
	*now += op;
	if (op < SHORTS) {
		pr_smtp_receive(s, shorts[op], strlen(shorts[op]), *now);
	} else if (op >= 100) {
		len = len < n - 1 ? len : n - 1;
		pr_smtp_receive(s, (const char *)data + 1, len, *now);
		return 1 + len;
	} else if (op < 20) {
		pr_smtp_drained(s, *now);
	} else if (op < 24) {
		pr_smtp_wake(s, *now);
	} else if (op == 24) {
		pr_smtp_quit(s, *now);
	} else if (op == 25) {
		*now = pr_smtp_deadline(s) < INT64_MAX ? pr_smtp_deadline(s) : *now;
		pr_smtp_tick(s, *now);
	} else if (op == 26) {
		pr_smtp_lost(s, "connection lost", *now);
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char large[150000];
	struct run run = {0};
	if (n < 2)
		return 0;
	parse_alone(data, n);
	memset(large, '.', sizeof large);
	for (size_t i = 0; i < MESSAGES; i++)
		run.messages[i] =
		    (struct pr_envelope){"s@a.example", "r@b.example", ".x\r\n", 4, .dots = true};
	run.messages[1].data = large;
	run.messages[1].size = sizeof large;
	run.messages[2].eight_bit = data[0] & 1;
	run.messages[3].to = data[0] & 2 ? "a\nb@c" : "r@b.example";
	int64_t now = 1;
	pr_smtp *s = pr_smtp_create(&(struct pr_smtp_options){.hostname = "me",
	                                                      .lookahead = data[0] & 4,
	                                                      .messages_max = data[0] & 8 ? 2 : 0},
	                            &events, &run);
	pr_smtp_connected(s, now);
	for (size_t at = 1; at < n;)
		at += step(s, data + at, n - at, &now);
	pr_smtp_lost(s, "connection lost", now);
	PR_ASSERT(run.ends == 1);
	for (unsigned i = 0; i < MESSAGES; i++)
		PR_ASSERT(run.fate[i] == (i < run.taken));
	pr_smtp_destroy(s);
	return 0;
}
