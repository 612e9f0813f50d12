/*
 * Rows to the daemon, in pieces of a request each; two are on their way at a time, so that the
 * daemon reads one while it writes the other down.
 */
#include "cli.h"

#include <pthread.h>
#include <stdlib.h>

#define PIECE_ROWS 10000u
#define PIECE_MAX (2 * PIECE_ROWS) /* with those of the same address as the last */
/* The daemon takes 1 MiB: a row may hold six times its octets once it is JSON. */
#define PIECE_OCTETS (700u << 10)
#define PIECE_OCTETS_MAX (750u << 10)
#define SENDERS 2u

struct sender {
	struct cli cli; /* with a connection of its own */
	const char *path;
	pthread_t thread;
	bool busy;
	struct pr_buf body;
	struct cli_reply reply;
	uint64_t lines[PIECE_MAX];
	size_t n; /* rows */
	int result;
	struct pr_error error;
};

void
cli_bad_forgotten(struct cli_bad *b, const json_t *answer, const uint64_t *lines, size_t n)
{
	size_t i;
	const json_t *one;
	json_array_foreach(json_object_get(answer, "forgotten"), i, one)
	{
		json_int_t row = json_integer_value(one);
		if (row >= 1 && (size_t)row <= n)
			cli_bad_note(b, lines[row - 1], PR_STR("its address"),
			             "asked to be forgotten");
	}
}

static void *
send_body(void *context)
{
	struct sender *s = context;
	s->result = cli_request(&s->cli, s->path, s->body.data, &s->reply, &s->error);
	return NULL;
}

static void
note_answer(const struct cli_pieces *p, const struct sender *s)
{
	json_t *answer = json_loadb(s->reply.body.data, s->reply.body.len, 0, NULL);
	p->answered(p->context, answer, s->lines, s->n);
	json_decref(answer);
}

/* Free for the next piece, when the last is through. */
static enum cli_exit
await(const struct cli_pieces *p, struct sender *s)
{
	enum cli_exit result = CLI_DONE;
	if (!s->busy)
		return CLI_DONE;
	pthread_join(s->thread, NULL);
	s->busy = false;
	if (s->result < 0)
		result = cli_fail("%s", s->error.text);
	else if (s->reply.status >= 400)
		result = cli_refused(p->c, &s->reply);
	else
		note_answer(p, s);
	pr_buf_finish(&s->reply.body);
	pr_buf_clear(&s->body);
	s->n = 0;
	return result;
}

static enum cli_exit
send_piece(struct sender *s)
{
	pr_buf_adds(&s->body, "]}");
	s->busy = pthread_create(&s->thread, NULL, send_body, s) == 0;
	return s->busy ? CLI_DONE : cli_fail("cannot start a thread");
}

/* Rows of one address stay in one piece: two pieces may be done in any order. */
static bool
is_full(const struct sender *s, struct pr_str last, const struct cli_row *next)
{
	bool full = s->n >= PIECE_ROWS || s->body.len > PIECE_OCTETS;
	bool must = s->n == PIECE_MAX || s->body.len > PIECE_OCTETS_MAX;
	return must || (full && !pr_str_eq_nocase(last, next->fields[0]));
}

static enum cli_exit
send_each(struct cli_rows *rows, const struct cli_pieces *p, struct sender *senders,
          struct pr_error *e)
{
	struct cli_row row;
	struct pr_str last = PR_STR("");
	struct sender *s = senders;
	enum cli_exit result = CLI_DONE;
	int r = cli_rows_sort(rows, e);
	while (r >= 0 && (r = cli_rows_next(rows, &row, e)) == 1) {
		if (s->n && is_full(s, last, &row)) {
			result = send_piece(s);
			s = s == senders ? s + 1 : senders;
			if (result != CLI_DONE || (result = await(p, s)) != CLI_DONE)
				return result;
		}
		if (s->n == 0)
			p->begin(p->context, &s->body);
		s->lines[s->n++] = row.line;
		p->add(p->context, &s->body, &row);
		last = row.fields[0];
	}
	if (r < 0)
		return cli_fail("%s", e->text);
	return s->n ? send_piece(s) : CLI_DONE;
}

enum cli_exit
cli_rows_send(struct cli_rows *rows, const struct cli_pieces *p)
{
	struct pr_error e;
	if (!cli_socket(p->c)) /* here, not by each sender for itself */
		return CLI_FAILED;
	struct sender *senders = pr_calloc(SENDERS, sizeof *senders);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].cli = *p->c;
		senders[i].cli.curl = NULL;
		senders[i].path = p->path;
	}
	enum cli_exit result = send_each(rows, p, senders, &e);
	for (unsigned i = 0; i < SENDERS; i++) {
		enum cli_exit last = await(p, &senders[i]);
		result = result == CLI_DONE ? last : result;
		pr_buf_finish(&senders[i].body);
		cli_http_finish(&senders[i].cli);
	}
	free(senders);
	return result;
}
