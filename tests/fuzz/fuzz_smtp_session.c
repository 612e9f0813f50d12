/*
 * Peers at random against a session that has every feature on. The peer reads what the
 * session says as a server would, strictly, and the input decides what it answers; what
 * the owner does in between is decided by the input, too. Held against the contract: each
 * envelope ends once, `ended` comes once and last, no more than two messages are unanswered,
 * BDAT is followed by its octets and by nothing else, and nothing is said in clear between
 * STARTTLS and the handshake.
 */
#include "postrider/smtp.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGES 6
#define LARGE 150000
#define ASKED_MAX 64

struct run {
	pr_smtp *s;
	int64_t now;
	struct pr_envelope messages[MESSAGES];
	char to[MESSAGES][8];
	unsigned taken, fated, wired[MESSAGES], fate[MESSAGES], ends;
	bool handshake;
	/* the peer */
	struct pr_buf said;
	size_t chunk_left;
	unsigned recipient;    /* of the last RCPT */
	bool in_data;          /* 354 was given: text follows */
	char asked[ASKED_MAX]; /* a ring of commands by their first letter */
	unsigned first, last;
};

/* ---- the owner ---- */

static void
on_send(void *context, const char *data, size_t n)
{
	struct run *r = context;
	PR_ASSERT(n > 0 && r->ends == 0 && !r->handshake);
	pr_buf_add(&r->said, data, n);
}

static struct pr_envelope *
on_next(void *context)
{
	struct run *r = context;
	PR_ASSERT(r->ends == 0);
	if (r->taken == MESSAGES)
		return NULL;
	PR_ASSERT(r->taken - r->fated < 2);
	return &r->messages[r->taken++];
}

static void
on_secure(void *context)
{
	struct run *r = context;
	PR_ASSERT(r->ends == 0 && !r->handshake && r->taken == 0);
	r->handshake = true;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	struct run *r = context;
	PR_ASSERT(r->wired[m - r->messages]++ == 0 && r->fate[m - r->messages] == 0);
}

static void
on_fate(struct run *r, const struct pr_envelope *m)
{
	PR_ASSERT(r->fate[m - r->messages]++ == 0 && r->ends == 0);
	r->fated++;
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *result)
{
	struct run *r = context;
	unsigned wired = r->wired[m - r->messages];
	on_fate(r, m);
	PR_ASSERT(!result->in_doubt || wired);
	PR_ASSERT(result->answered == !result->why);
	PR_ASSERT(!result->answered || result->reply.code >= 400 || wired);
	PR_ASSERT(!result->wrong_return_path || (result->chunked && result->reply.code < 300));
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	on_fate(context, m);
}

static void
on_ended(void *context, const struct pr_smtp_result *result)
{
	struct run *r = context;
	PR_ASSERT(r->ends++ == 0 && r->fated == r->taken);
	PR_ASSERT(result->answered == !result->why);
}

static const struct pr_smtp_events events = {on_send,   on_next,     on_secure, on_wire,
                                             on_result, on_returned, on_ended};

/* ---- the peer ---- */

static void
ask(struct run *r, char command)
{
	PR_ASSERT(r->last - r->first < ASKED_MAX);
	r->asked[r->last++ % ASKED_MAX] = command;
}

static void
on_chunk(struct run *r, const char *line)
{
	char expected[40];
	const struct pr_envelope *m = &r->messages[r->recipient];
	snprintf(expected, sizeof expected, "BDAT %zu LAST", pr_envelope_octets(m));
	PR_ASSERT(strcmp(line, expected) == 0 && pr_envelope_octets(m) > 0);
	r->chunk_left = pr_envelope_octets(m);
}

static void
on_line(struct run *r, const char *line)
{
	static const char *const commands[] = {"EHLO ",    "HELO ", "STARTTLS", "AUTH ", "RSET",
	                                       "MAIL ",    "RCPT ", "DATA",     "BDAT ", "QUIT",
	                                       "AHUAcA==", "dQ==",  "cA=="};
	size_t i = 0;
	while (i < sizeof commands / sizeof *commands &&
	       strncmp(line, commands[i], strlen(commands[i])) != 0)
		i++;
	PR_ASSERT(i < sizeof commands / sizeof *commands || strncmp(line, "dSA", 3) == 0);
	if (strncmp(line, "RCPT TO:<r", 10) == 0)
		r->recipient = (unsigned)(line[10] - '0');
	if (line[0] == 'B')
		on_chunk(r, line);
	ask(r, line[0]);
}

/* Everything in `said`: lines, octets of a chunk, text to its dot. */
static void
listen(struct run *r)
{
	while (r->said.len) {
		size_t n = r->chunk_left < r->said.len ? r->chunk_left : r->said.len;
		char *end = n ? NULL : strstr(r->said.data, r->in_data ? "\r\n.\r\n" : "\r\n");
		if (!n && !end)
			return;
		if (n) {
			r->chunk_left -= n;
		} else if (r->in_data) {
			n = (size_t)(end - r->said.data) + 5;
			r->in_data = false;
			ask(r, '.');
		} else {
			n = (size_t)(end - r->said.data) + 2;
			*end = 0;
			on_line(r, r->said.data);
		}
		pr_buf_consume(&r->said, n);
	}
}

static void
hear(struct run *r, const char *text)
{
	if (!r->ends)
		pr_smtp_receive(r->s, text, strlen(text), r->now);
}

static void
offer(struct run *r, unsigned bits)
{
	static const char *const words[] = {"PIPELINING",    "CHUNKING",
	                                    "STARTTLS",      "AUTH PLAIN LOGIN",
	                                    "AUTH CRAM-MD5", "LIMITS MAILMAX=3 RCPTDOMAINMAX=1",
	                                    "DSN",           "8BITMIME"};
	struct pr_buf text = {0};
	for (unsigned i = 0; i < 8; i++)
		if (bits >> i & 1)
			pr_buf_addf(&text, "250-%s\r\n", i ? words[i] : "mx");
	pr_buf_addf(&text, "250-%s\r\n250 %s\r\n", words[0], bits & 1 ? "CHUNKING" : "SIZE 200000");
	hear(r, text.data);
	pr_buf_finish(&text);
}

/* What a command gets when all is well. */
static void
accept_command(struct run *r, char command, unsigned bits)
{
	switch (command) {
	case 'E': offer(r, bits | (unsigned)(r->now & 15) << 4); return;
	case 'D': hear(r, "354 go\r\n"); return;
	case 'A': hear(r, bits & 1 ? "334 dGV4dA==\r\n" : "235 ok\r\n"); return;
	default: hear(r, "250 ok\r\n"); return;
	}
}

/* 3xx to DATA makes text of what follows. */
static void
answer(struct run *r, unsigned op, unsigned bits)
{
	static const char *const refusals[] = {"550 no\r\n",  "450 no\r\n",      "503 nested\r\n",
	                                       "250 ok\r\n",  "552 no\r\n",      "554 no\r\n",
	                                       "421 bye\r\n", "334 dGV4dA==\r\n"};
	if (r->first == r->last)
		return;
	char command = r->asked[r->first++ % ASKED_MAX];
	const char *refusal = op < 12 ? NULL : refusals[op - 12 + (bits & 1 ? 4 : 0)];
	r->in_data = r->in_data || (command == 'D' && (!refusal || refusal[0] == '3'));
	if (refusal)
		hear(r, refusal);
	else
		accept_command(r, command, bits);
}

/* ---- the program ---- */

static void
act(struct run *r, unsigned op, unsigned bits)
{
	r->now += bits;
	switch (op) {
	case 0: pr_smtp_drained(r->s, r->now); break;
	case 1: pr_smtp_wake(r->s, r->now); break;
	case 2:
		if (bits == 0)
			pr_smtp_quit(r->s, r->now);
		break;
	case 3:
		if (bits == 1 && pr_smtp_deadline(r->s) < INT64_MAX)
			pr_smtp_tick(r->s, r->now = pr_smtp_deadline(r->s));
		break;
	case 4:
		if (bits == 2 && r->first == r->last)
			hear(r, "200 out of turn\r\n");
		break;
	case 5:
		r->handshake = false;
		pr_smtp_secured(r->s, r->now);
		break;
	default: answer(r, op, bits);
	}
	listen(r);
}

static void
prepare(struct run *r, unsigned bits)
{
	static char large[LARGE];
	memset(large, '.', sizeof large);
	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(r->to[i], sizeof r->to[i], "r%u@%c", i, i == 4 ? 'c' : 'b');
		r->messages[i] = (struct pr_envelope){"s@a.example", r->to[i],
		                                      "RSET\r\n.\r\nQUIT\r\n", 15, .dots = true};
	}
	struct pr_envelope *m = &r->messages[bits % MESSAGES];
	m->tail = large;
	m->tail_n = bits & 16 ? 0 : LARGE;
	m->dots = true;
	r->messages[(bits + 1) % MESSAGES].size = bits & 32 ? 0 : 15;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run r = {.now = 1};
	if (n < 3)
		return 0;
	prepare(&r, data[0]);
	struct pr_smtp_options options = {.hostname = "me",
	                                  .lookahead = !(data[1] & 1),
	                                  .chunking = !(data[1] & 2),
	                                  .dsn = data[1] & 4,
	                                  .starttls = data[1] >> 3 & 3,
	                                  .auth_in_clear = data[1] & 64,
	                                  .messages_max = data[1] & 128 ? 3 : 0};
	if (data[1] & 32) {
		options.user = "u";
		options.password = "p";
	}
	r.s = pr_smtp_create(&options, &events, &r);
	pr_smtp_connected(r.s, r.now);
	ask(&r, 'c');
	for (size_t i = 2; i < n && !r.ends; i++)
		act(&r, data[i] & 15, data[i] >> 4);
	pr_smtp_lost(r.s, "connection lost", r.now);
	PR_ASSERT(r.ends == 1 && r.fated == r.taken);
	pr_smtp_destroy(r.s);
	pr_buf_finish(&r.said);
	return 0;
}
