/* What changes something on the daemon: durable when answered. */
#include "cli.h"

#include "postrider/base/file.h"

#include <fcntl.h>

enum cli_exit
cli_act(struct cli *c, const char *path, const char *body, const char *words)
{
	struct cli_reply reply;
	char number[CLI_TEXT];
	enum cli_exit result = cli_call(c, path, body, &reply);
	if (result != CLI_DONE)
		return result;
	struct pr_str text = pr_buf_str(&reply.body);
	if (c->arguments.json)
		printf("%.*s%s", (int)text.n, text.p, pr_str_ends(text, "\n") ? "" : "\n");
	else {
		json_t *answer = json_loadb(text.p, text.n, 0, NULL);
		uint64_t changed = cli_number_of(answer, "changed");
		printf("%s", words);
		if (changed)
			printf(", %s rows changed", cli_number(changed, number));
		uint64_t paused = cli_number_of(answer, "still_paused");
		if (paused)
			printf("; what is paused alone stays so (%s): `postrider campaign ID`",
			       cli_number(paused, number));
		putchar('\n');
		json_decref(answer);
	}
	pr_buf_finish(&reply.body);
	return CLI_DONE;
}

static const struct {
	const char *verb, *done;
} verbs[] = {
    {"approve", "approved"}, {"pause", "paused"}, {"resume", "resumed"}, {"cancel", "cancelled"}};

/* part: "domain" or "variant", the option and the key alike. */
static enum cli_exit
act_on_part(struct cli *c, const char *part, const char *rest, const char *done)
{
	const char *id = c->arguments.words[0], *name = cli_value(c, part);
	struct pr_buf body = {0}, words = {0};
	pr_buf_addf(&body, "{\"%s\":", part);
	pr_buf_add_json(&body, pr_str(name));
	pr_buf_addc(&body, '}');
	pr_buf_adds(&words, cli_show(name));
	pr_buf_addf(&words, " %s for %s", done, cli_show(id));
	enum cli_exit result = cli_act(c, cli_campaign_path(id, rest), body.data, words.data);
	pr_buf_finish(&body);
	pr_buf_finish(&words);
	return result;
}

enum cli_exit
cli_run_verb(struct cli *c)
{
	const char *verb = c->arguments.command->name, *id = c->arguments.words[0];
	const char *done = "done";
	char words[300], rest[32];
	for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			done = verbs[i].done;
	if (cli_given(c, "all") ? c->arguments.n != 0 : c->arguments.n != 1)
		return cli_usage(c, c->arguments.command->options ? "say which campaign, or --all"
		                                                  : "say which campaign");
	if (!id && (cli_value(c, "domain") || cli_value(c, "variant")))
		return cli_usage(c, "--domain and --variant are of one campaign");
	if (cli_value(c, "domain") && cli_value(c, "variant"))
		return cli_usage(c, "--domain or --variant, not both");
	if (!id) {
		snprintf(rest, sizeof rest, "/v1/%s", verb);
		return cli_act(c, rest, "",
		               strcmp(verb, "pause") == 0 ? "all sending is paused"
		                                          : "sending goes on");
	}
	snprintf(rest, sizeof rest, "/%s", verb);
	if (cli_value(c, "domain"))
		return act_on_part(c, "domain", rest, done);
	if (cli_value(c, "variant"))
		return act_on_part(c, "variant", rest, done);
	snprintf(words, sizeof words, "%s %s", cli_show(id), done);
	return cli_act(c, cli_campaign_path(id, rest), "", words);
}

/* ---- resolve ---- */

#define ROWS_MAX (64u << 20)

/* A number a line, or the first column of a CSV file with or without a header. */
static enum cli_exit
read_rows(const char *file, struct pr_buf *out)
{
	struct pr_buf text = {0};
	struct pr_error e;
	unsigned line = 0;
	if (pr_file_read(AT_FDCWD, file, ROWS_MAX, &text, &e) < 0)
		return cli_fail("%s", e.text);
	struct pr_str rest = pr_buf_str(&text);
	if (pr_str_starts(rest, "\xEF\xBB\xBF"))
		rest = pr_str_n(rest.p + 3, rest.n - 3);
	pr_buf_adds(out, ",\"rows\":[");
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n, cell = 0;
		uint64_t row;
		while (cell < n && !strchr(",;\t", rest.p[cell]))
			cell++;
		struct pr_str word = pr_str_trim(pr_str_n(rest.p, cell));
		line++;
		if (pr_str_u64(word, &row) && row > 0 && row <= UINT32_MAX)
			pr_buf_addf(out, "%s%llu", out->data[out->len - 1] == '[' ? "" : ",",
			            (unsigned long long)row);
		else if (word.n && line > 1) {
			pr_buf_finish(&text);
			return cli_fail("%s, line %u: write the number of a row on each line",
			                cli_show(file), line);
		}
		n += end != NULL;
		rest = pr_str_n(rest.p + n, rest.n - n);
	}
	pr_buf_addc(out, ']');
	pr_buf_finish(&text);
	return pr_str_ends(pr_buf_str(out), "[]") ? cli_fail("%s names no rows", cli_show(file))
	                                          : CLI_DONE;
}

enum cli_exit
cli_run_resolve(struct cli *c)
{
	bool resend = cli_given(c, "resend"), delivered = cli_given(c, "delivered");
	const char *rows = cli_value(c, "rows"), *id = c->arguments.words[0];
	struct pr_buf body = {0};
	enum cli_exit result = CLI_DONE;
	char words[300];
	if (resend == delivered)
		return cli_usage(c, "say what the rows in doubt are: --resend or --delivered");
	pr_buf_addf(&body, "{\"as\":\"%s\"", resend ? "resend" : "delivered");
	if (rows)
		result = read_rows(rows, &body);
	pr_buf_addc(&body, '}');
	snprintf(words, sizeof words, "%s: uncertain rows %s", cli_show(id),
	         resend ? "are sent again" : "count as delivered");
	if (result == CLI_DONE)
		result = cli_act(c, cli_campaign_path(id, "/resolve"), body.data, words);
	pr_buf_finish(&body);
	return result;
}

enum cli_exit
cli_run_adopt(struct cli *c)
{
	bool trust = cli_given(c, "trust-ledger"), hold = cli_given(c, "hold-unsent");
	const char *id = c->arguments.words[0];
	char words[300];
	if (trust == hold)
		return cli_usage(c, "say how: --trust-ledger or --hold-unsent");
	snprintf(words, sizeof words, "%s adopted", cli_show(id));
	return cli_act(c, cli_campaign_path(id, "/adopt"),
	               trust ? "{\"as\":\"trust-ledger\"}" : "{\"as\":\"hold-unsent\"}", words);
}

/* ---- reload, drain ---- */

static void
print_list(const char *label, const json_t *list)
{
	size_t i;
	json_t *one;
	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	    printf("%s%s", i ? ", " : label, cli_show(json_string_value(one)));
	if (json_array_size(list))
		putchar('\n');
}

static void
print_problems(const json_t *answer)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(answer, "errors"), i, p)
	{
		const char *remedy = cli_text_of(p, "remedy");
		fprintf(stderr, "%s:%llu: %s: %s\n", cli_show(cli_text_of(p, "file")),
		        (unsigned long long)cli_number_of(p, "line"),
		        cli_show(cli_text_of(p, "severity")), cli_show(cli_text_of(p, "what")));
		if (remedy && *remedy)
			fprintf(stderr, "  remedy: %s\n", cli_show(remedy));
	}
}

static enum cli_exit
reload(struct cli *c)
{
	struct cli_reply reply;
	struct pr_error e;
	enum cli_exit result = CLI_DONE;
	if (cli_request(c, "/v1/reload", "", &reply, &e) < 0)
		return cli_fail("%s", e.text);
	struct pr_str text = pr_buf_str(&reply.body);
	json_t *answer = json_loadb(text.p, text.n, 0, NULL);
	if (reply.status >= 400) {
		print_problems(answer);
		result = cli_refused(c, &reply);
	} else if (c->arguments.json)
		printf("%.*s%s", (int)text.n, text.p, pr_str_ends(text, "\n") ? "" : "\n");
	else {
		puts("configuration read again");
		print_list("changed: ", json_object_get(answer, "changed"));
		print_list("takes effect at the next start only: ",
		           json_object_get(answer, "needs_restart"));
	}
	json_decref(answer);
	pr_buf_finish(&reply.body);
	return result;
}

enum cli_exit
cli_run_service(struct cli *c)
{
	if (strcmp(c->arguments.command->name, "reload") == 0)
		return reload(c);
	return cli_act(c, "/v1/drain", "", "the daemon drains and ends");
}
