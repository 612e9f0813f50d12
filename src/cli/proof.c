/*
 * `postrider proof DIR|ID --to ADDRESS`: some rows' finished messages, sent to somebody who looks
 * at them. All are made before the first is sent: a folder's here, those of a campaign that the
 * daemon has by the daemon, which has its rows and the version in force. They leave from here in
 * both cases (proof_send.c), by the campaign's route or another one.
 */
#include "proof.h"

#include "postrider/base/clock.h"

#include <stdlib.h>

#define PORT 25

/* What the command line asks for. */
struct asked {
	uint32_t rows[PROOFS_MAX]; /* 0: the first good one */
	unsigned n;
	char host[256];
	struct pr_route via;          /* to host */
	const struct pr_route *route; /* NULL: the campaign's own */
};

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

/* The campaign's, by its name. False: said why. */
static bool
choose_route(struct cli *c, struct asked *a, struct pr_str name)
{
	char shown[200];
	const struct pr_config *config = a->route ? NULL : cli_config(c, true);
	if (config && !(a->route = pr_config_route(config, name)))
		cli_fail("postrider.yaml has no route \"%s\"",
		         pr_str_show(name, shown, sizeof shown));
	return a->route;
}

/* ---- of a folder ---- */

static enum cli_exit
make(struct proofs *p, const struct pr_trial *trial, struct cli_folder *f, uint32_t row)
{
	struct pr_error e = {0};
	struct proof *i = &p->items[p->n];
	if (pr_message_trial(trial, row, &i->made, &f->problems, &e) < 0)
		return cli_fail("%s",
		                e.code ? e.text : "the message cannot be made: see the errors");
	i->row = i->made.row;
	i->envelope = pr_envelope_of(i->made.message);
	p->n++;
	return CLI_DONE;
}

static enum cli_exit
make_all(struct cli *c, struct cli_folder *f, struct proofs *p, struct asked *a)
{
	if (!f->manifest || !f->manifest->sound)
		return cli_fail("%s cannot be sent", cli_show(c->arguments.words[0]));
	if (!choose_route(c, a, pr_text_str(&f->manifest->route)))
		return CLI_FAILED;
	struct pr_trial trial = cli_trial(c, f);
	trial.proof_to = p->to.address;
	enum cli_exit result = cli_trial_variant(c, f, &trial);
	for (unsigned i = 0; result == CLI_DONE && i < a->n; i++)
		result = make(p, &trial, f, a->rows[i]);
	return result;
}

static enum cli_exit
make_from_folder(struct cli *c, struct proofs *p, struct asked *a)
{
	struct cli_folder f;
	struct pr_buf text = {0};
	if (cli_config_named(c) && !cli_config(c, true))
		return CLI_FAILED;
	if (cli_folder_open(&f, c->arguments.words[0]) != CLI_DONE)
		return CLI_FAILED;
	enum cli_exit result = make_all(c, &f, p, a);
	pr_problems_text(&f.problems, &text);
	fputs(text.data ? text.data : "", stderr);
	pr_buf_finish(&text);
	cli_folder_close(&f);
	return result;
}

/* ---- of a campaign ---- */

static bool
take_answer(struct proofs *p, json_t *answer)
{
	struct proof *i = &p->items[p->n];
	const json_t *message = json_object_get(answer, "message");
	const char *from = cli_text_of(answer, "from");
	i->answer = answer; /* its views need it */
	p->n++;
	if (!json_is_string(message) || !from || !cli_text_of(answer, "route"))
		return false;
	i->row = (uint32_t)cli_number_of(answer, "row");
	i->envelope =
	    (struct pr_envelope){.from = from,
	                         .to = p->to.address,
	                         .data = json_string_value(message),
	                         .size = json_string_length(message),
	                         .dots = true, /* for all that is known */
	                         .eight_bit = json_is_true(json_object_get(answer, "eight_bit")),
	                         .smtputf8 = json_is_true(json_object_get(answer, "smtputf8"))};
	return true;
}

static enum cli_exit
fetch(struct cli *c, struct proofs *p, uint32_t row)
{
	struct pr_buf path = {0};
	pr_buf_adds(&path, cli_campaign_path(c->arguments.words[0], "/preview?proof="));
	cli_path_add(&path, p->to.address);
	if (row)
		pr_buf_addf(&path, "&row=%u", row);
	json_t *answer = cli_get(c, path.data);
	pr_buf_finish(&path);
	if (!answer)
		return CLI_FAILED;
	if (!take_answer(p, answer))
		return cli_fail("the daemon's answer cannot be read: is it of this version?");
	return CLI_DONE;
}

static enum cli_exit
fetch_all(struct cli *c, struct proofs *p, struct asked *a)
{
	enum cli_exit result = CLI_DONE;
	for (unsigned i = 0; result == CLI_DONE && i < a->n; i++)
		result = fetch(c, p, a->rows[i]);
	if (result != CLI_DONE)
		return result;
	const char *route = cli_text_of(p->items[0].answer, "route");
	return choose_route(c, a, pr_str(route)) ? CLI_DONE : CLI_FAILED;
}

/* ---- the command ---- */

/* "3,17". */
static bool
read_rows(const char *list, uint32_t rows[PROOFS_MAX], unsigned *n)
{
	for (*n = 0; list && *n < PROOFS_MAX; list++) {
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

static bool
print(const struct cli *c, const struct proofs *p)
{
	bool good = true;
	for (unsigned i = 0; i < p->n; i++) {
		const struct proof *x = &p->items[i];
		good &= x->accepted;
		if (c->arguments.json) {
			struct pr_buf b = {0};
			pr_buf_addf(&b, "{\"row\":%u,\"accepted\":%s,\"reply\":", x->row,
			            x->accepted ? "true" : "false");
			pr_buf_add_json(&b, pr_str(x->said));
			printf("%s}\n", b.data);
			pr_buf_finish(&b);
		} else
			printf("row %u: %s: %s\n", x->row,
			       x->accepted ? "accepted" : "not accepted", cli_show(x->said));
	}
	return good && !ferror(stdout);
}

static enum cli_exit
prove(struct cli *c, struct proofs *p, struct asked *a)
{
	struct pr_error e;
	enum cli_exit made =
	    cli_is_folder(c->arguments.words[0]) ? make_from_folder(c, p, a) : fetch_all(c, p, a);
	if (made != CLI_DONE)
		return made;
	if (proofs_send(p, cli_config(c, false), a->route, &e) < 0)
		return cli_fail("%s", e.text);
	return print(c, p) ? CLI_DONE : CLI_FAILED;
}

static void
finish(struct proofs *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (p->items[i].answer)
			json_decref(p->items[i].answer);
		else
			pr_trial_message_finish(&p->items[i].made);
	}
	free(p);
}

enum cli_exit
cli_run_proof(struct cli *c)
{
	const char *to = cli_value(c, "to"), *list = cli_value(c, "rows"),
		   *via = cli_value(c, "via");
	struct asked a = {.n = 1};
	struct pr_mailbox mailbox;
	const char *why;
	if (!to)
		return cli_usage(c, "say who gets it: --to ADDRESS");
	if (pr_mailbox_parse(pr_str(to), &mailbox, &why) < 0)
		return cli_usage(c, "--to %s: %s", cli_show(to), why);
	if (list && !read_rows(list, a.rows, &a.n))
		return cli_usage(c, "--rows %s: write up to %u numbers of rows, as 3,17",
		                 cli_show(list), PROOFS_MAX);
	if (via && !read_via(via, a.host, &a.via))
		return cli_usage(c, "--via %s: write HOST or HOST:PORT", cli_show(via));
	if (via)
		a.route = &a.via;
	struct proofs *p = pr_calloc(1, sizeof *p);
	p->to = mailbox;
	enum cli_exit result = prove(c, p, &a);
	finish(p);
	return result;
}
