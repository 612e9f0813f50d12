/*
 * `postrider proof DIR --to ADDRESS`: some rows' finished messages, sent to somebody who looks at
 * them. All are made before the first is sent; then one connection of the route takes them, on a
 * loop of our own. What a connection that ends did not answer has failed: nothing is tried twice.
 */
#include "trial.h"

#include "postrider/base/clock.h"
#include "postrider/campaign/address.h"
#include "postrider/loop.h"
#include "postrider/routes.h"

#include <stdlib.h>

#define ROWS_MAX 100u
#define PORT 25

struct proof {
	struct pr_trial_message made;
	struct pr_envelope envelope;
	char said[PR_REPLY_TEXT_MAX + 40];
	bool done, accepted;
};

struct proofs {
	const char *to;
	struct proof items[ROWS_MAX];
	unsigned n, taken;
	bool ended;
	pr_connection *connection;
	pr_loop *loop;
};

/* ---- the connection ---- */

static void
say(struct proof *p, const struct pr_smtp_result *r)
{
	char text[PR_REPLY_TEXT_MAX + 1];
	if (p->done)
		return;
	p->done = true;
	p->accepted = r->answered && r->stage == PR_STAGE_DOT && r->reply.code / 100 == 2;
	const uint8_t *x = r->reply.enhanced;
	if (!r->answered)
		snprintf(p->said, sizeof p->said, "%s%s", r->why ? r->why : "not sent",
		         r->in_doubt ? " (it may have arrived)" : "");
	else if (x[0])
		snprintf(p->said, sizeof p->said, "%d %u.%u.%u %s", r->reply.code, x[0], x[1], x[2],
		         pr_str_show(r->reply.text, text, sizeof text));
	else
		snprintf(p->said, sizeof p->said, "%d %s", r->reply.code,
		         pr_str_show(r->reply.text, text, sizeof text));
}

static struct proof *
proof_of(struct pr_envelope *m)
{
	return PR_CONTAINER(m, struct proof, envelope);
}

static struct pr_envelope *
on_next(void *context)
{
	struct proofs *p = context;
	if (p->taken < p->n)
		return &p->items[p->taken++].envelope;
	pr_connection_quit(p->connection);
	return NULL;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	(void)context, (void)m;
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	(void)context;
	say(proof_of(m), r);
}

/* What ended the connection is told of it: see on_ended. */
static void
on_returned(void *context, struct pr_envelope *m)
{
	(void)context, (void)m;
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct proofs *p = context;
	for (unsigned i = 0; i < p->n; i++)
		say(&p->items[i], r);
	p->ended = true;
	pr_loop_stop(p->loop);
}

static const struct pr_connection_events events = {on_next, on_wire, on_result, on_returned,
                                                   on_ended};

static int
run(struct proofs *p, const struct pr_route *route, const struct pr_target_options *options,
    struct pr_error *e)
{
	struct pr_route_target *target;
	int rc = pr_loop_create(&p->loop, e);
	if (rc < 0)
		return rc;
	rc = pr_target_open(p->loop, route, options, &target, e);
	if (rc == 0) {
		p->connection = pr_connection_open(target, &events, p);
		while (!p->ended)
			pr_loop_run(p->loop);
		pr_loop_turn(p->loop);
		pr_target_close(target);
	}
	pr_loop_destroy(p->loop);
	return rc;
}

/* ---- which way ---- */

static bool
read_via(const char *via, char host[256], struct pr_route *route)
{
	uint64_t port = PORT;
	size_t n = strcspn(via, ":");
	if (n == 0 || n > 255 ||
	    (via[n] && (!pr_str_u64(pr_str(via + n + 1), &port) || port == 0 || port > UINT16_MAX)))
		return false;
	memcpy(host, via, n);
	host[n] = '\0';
	*route = (struct pr_route){.via = PR_VIA_ESMTP,
	                           .host = {.p = host, .n = n},
	                           .port = (int64_t)port,
	                           .tls = PR_ROUTE_TLS_OPPORTUNISTIC,
	                           .connections = 1};
	return true;
}

/* NULL: said why. */
static const struct pr_route *
own_route(struct cli *c, const struct cli_folder *f)
{
	const struct pr_config *config = cli_config(c, true);
	if (!config)
		return NULL;
	const struct pr_route *route = pr_config_route(config, pr_text_str(&f->manifest->route));
	if (!route)
		cli_fail("postrider.yaml has no route \"%s\"", cli_show(f->manifest->route.p));
	else if (route->via == PR_VIA_MX) {
		cli_fail("the campaign's route goes to mail exchangers: say --via HOST");
		return NULL;
	}
	return route;
}

static int
send_all(struct cli *c, struct proofs *p, const struct pr_route *route, struct pr_error *e)
{
	const struct pr_config *config = cli_config(c, false);
	struct pr_tls_options tls = {.ca_file = config ? config->tls.ca_file.p : NULL};
	struct pr_target_options options = {
	    .hostname = config && config->hostname.p ? config->hostname.p : "localhost"};
	int rc = route->tls == PR_ROUTE_TLS_NONE ? 0 : pr_tls_create(&tls, &options.tls, e);
	if (rc == 0)
		rc = run(p, route, &options, e);
	pr_tls_destroy(options.tls);
	return rc;
}

/* ---- which rows ---- */

static enum cli_exit
make(struct proofs *p, const struct pr_trial *trial, struct cli_folder *f, uint32_t row)
{
	struct pr_error e = {0};
	struct proof *i = &p->items[p->n];
	if (pr_message_trial(trial, row, &i->made, &f->problems, &e) < 0)
		return cli_fail("%s",
		                e.code ? e.text : "the message cannot be made: see the errors");
	const struct pr_message *m = i->made.message;
	i->envelope = (struct pr_envelope){.from = m->from,
	                                   .to = m->to,
	                                   .data = m->data,
	                                   .size = m->size,
	                                   .tail = m->tail.p,
	                                   .tail_n = m->tail.n,
	                                   .dots = m->dots,
	                                   .eight_bit = m->eight_bit,
	                                   .smtputf8 = m->smtputf8};
	p->n++;
	return CLI_DONE;
}

/* "3,17". */
static bool
read_rows(const char *list, uint32_t rows[ROWS_MAX], unsigned *n)
{
	for (*n = 0; list && *n < ROWS_MAX; list++) {
		uint64_t row;
		size_t length = strcspn(list, ",");
		if (!pr_str_u64(pr_str_n(list, length), &row) || row == 0 || row > UINT32_MAX)
			return false;
		rows[(*n)++] = (uint32_t)row;
		list += length;
		if (!*list)
			return true;
	}
	return false;
}

/* ---- the command ---- */

static bool
print(const struct cli *c, const struct proofs *p)
{
	bool good = true;
	for (unsigned i = 0; i < p->n; i++) {
		const struct proof *x = &p->items[i];
		good &= x->accepted;
		if (c->arguments.json) {
			struct pr_buf b = {0};
			pr_buf_addf(&b, "{\"row\":%u,\"accepted\":%s,\"reply\":", x->made.row,
			            x->accepted ? "true" : "false");
			pr_buf_add_json(&b, pr_str(x->said));
			printf("%s}\n", b.data);
			pr_buf_finish(&b);
		} else
			printf("row %u: %s: %s\n", x->made.row,
			       x->accepted ? "accepted" : "not accepted", cli_show(x->said));
	}
	return good && !ferror(stdout);
}

static enum cli_exit
prove(struct cli *c, struct cli_folder *f, struct proofs *p, const struct pr_route *route,
      const uint32_t *rows, unsigned n)
{
	struct pr_error e = {0};
	if (!f->manifest || !f->manifest->sound)
		return cli_fail("%s cannot be sent", cli_show(c->arguments.words[0]));
	if (!route && !(route = own_route(c, f)))
		return CLI_FAILED;
	struct pr_trial trial = cli_trial(c, f);
	trial.proof_to = p->to;
	for (unsigned i = 0; i < n; i++)
		if (make(p, &trial, f, rows[i]) != CLI_DONE)
			return CLI_FAILED;
	if (send_all(c, p, route, &e) < 0)
		return cli_fail("%s", e.text);
	return print(c, p) ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit
open_and_prove(struct cli *c, struct proofs *p, const struct pr_route *route, const uint32_t *rows,
               unsigned n)
{
	struct cli_folder f;
	struct pr_buf text = {0};
	if (cli_config_named(c) && !cli_config(c, true))
		return CLI_FAILED;
	if (cli_folder_open(&f, c->arguments.words[0]) != CLI_DONE)
		return CLI_FAILED;
	enum cli_exit result = prove(c, &f, p, route, rows, n);
	pr_problems_text(&f.problems, &text);
	fputs(text.data ? text.data : "", stderr);
	pr_buf_finish(&text);
	cli_folder_close(&f);
	return result;
}

enum cli_exit
cli_run_proof(struct cli *c)
{
	const char *to = cli_value(c, "to"), *list = cli_value(c, "rows"),
		   *via = cli_value(c, "via");
	uint32_t rows[ROWS_MAX] = {0}; /* 0: the first good one */
	unsigned n = 1;
	struct pr_mailbox mailbox;
	struct pr_route route;
	char host[256];
	const char *why;
	if (!to)
		return cli_usage(c, "say who gets it: --to ADDRESS");
	if (pr_mailbox_parse(pr_str(to), &mailbox, &why) < 0)
		return cli_usage(c, "--to %s: %s", cli_show(to), why);
	if (list && !read_rows(list, rows, &n))
		return cli_usage(c, "--rows %s: write up to %u numbers of rows, as 3,17",
		                 cli_show(list), ROWS_MAX);
	if (via && !read_via(via, host, &route))
		return cli_usage(c, "--via %s: write HOST or HOST:PORT", cli_show(via));
	struct proofs *p = pr_calloc(1, sizeof *p);
	p->to = mailbox.address;
	enum cli_exit result = open_and_prove(c, p, via ? &route : NULL, rows, n);
	for (unsigned i = 0; i < p->n; i++)
		pr_trial_message_finish(&p->items[i].made);
	free(p);
	return result;
}
