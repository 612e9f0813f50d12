/* Whom mail may not go to: adding, removing, looking. Files are read in suppress_import.c. */
#include "cli.h"

#include <errno.h>

#define EXPORT_PAGE 1000

/* ,"key":"value" of an option that was given. */
static void
add_option(struct pr_buf *b, const struct cli *c, const char *option)
{
	const char *value = cli_value(c, option);
	if (!value)
		return;
	pr_buf_addf(b, ",\"%s\":", option);
	pr_buf_add_json(b, pr_str(value));
}

static enum cli_exit
change(struct cli *c, const char *path, const char *done, bool add)
{
	const char *address = c->arguments.words[1];
	struct pr_buf body = {0}, words = {0};
	if (!address)
		return cli_usage(c, "say which address");
	pr_buf_adds(&body, "{\"address\":");
	pr_buf_add_json(&body, pr_str(address));
	add_option(&body, c, "list");
	add_option(&body, c, "class");
	if (add) {
		add_option(&body, c, "reason");
		add_option(&body, c, "until");
	}
	pr_buf_addc(&body, '}');
	pr_buf_addf(&words, "%s %s", cli_show(address), done);
	enum cli_exit result = cli_act(c, path, body.data, words.data);
	pr_buf_finish(&body);
	pr_buf_finish(&words);
	return result;
}

static enum cli_exit
run_add(struct cli *c)
{
	return change(c, "/v1/suppressions", "is suppressed", true);
}

static enum cli_exit
run_remove(struct cli *c)
{
	return change(c, "/v1/suppressions/remove", "may be written to again", false);
}

/* ---- looking ---- */

static void
add_argument(struct pr_buf *path, const char *name, const char *value)
{
	if (!value)
		return;
	pr_buf_addf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
	cli_path_add(path, value);
}

static void
print_suppressions(const json_t *answer)
{
	size_t i;
	json_t *one;
	char text[CLI_TEXT];
	if (json_array_size(json_object_get(answer, "suppressions")) == 0) {
		puts("None.");
		return;
	}
	struct cli_table *t =
	    cli_table_create("ADDRESS\tSCOPE\tREASON\tSINCE\tUNTIL\tSOURCE\tNOTE");
	json_array_foreach(json_object_get(answer, "suppressions"), i, one)
	{
		const char *until = cli_text_of(one, "until");
		cli_table_add(t, cli_show(cli_text_of(one, "address")));
		cli_table_add(t, cli_show(cli_text_of(one, "scope")));
		cli_table_add(t, cli_show(cli_text_of(one, "reason")));
		cli_table_add(t, cli_time(cli_text_of(one, "at"), text));
		cli_table_add(t, until ? cli_time(until, text) : "-");
		cli_table_add(t, cli_show(cli_text_of(one, "source")));
		cli_table_add(t, cli_show(cli_text_of(one, "note")));
	}
	cli_table_print(t, stdout);
	const char *next = cli_text_of(answer, "next");
	if (next)
		printf("There are more: --after '%s'\n", cli_show(next));
}

static void
print_audit(const json_t *answer)
{
	size_t i;
	json_t *one;
	char text[CLI_TEXT];
	struct cli_table *t =
	    cli_table_create("WHEN\tBY\tWHAT\t>N\tADDRESS\tSCOPE\tREASON\tSOURCE");
	json_array_foreach(json_object_get(answer, "audit"), i, one)
	{
		cli_table_add(t, cli_time(cli_text_of(one, "at"), text));
		cli_table_add(t, cli_show(cli_text_of(one, "by")));
		cli_table_add(t, cli_show(cli_text_of(one, "verb")));
		cli_table_add(t, cli_number(cli_number_of(one, "n"), text));
		cli_table_add(t, cli_show(cli_text_of(one, "address")));
		cli_table_add(t, cli_show(cli_text_of(one, "scope")));
		cli_table_add(t, cli_show(cli_text_of(one, "reason")));
		cli_table_add(t, cli_show(cli_text_of(one, "source")));
	}
	cli_table_print(t, stdout);
}

static enum cli_exit
run_list(struct cli *c)
{
	bool audit = cli_given(c, "audit");
	struct pr_buf path = {0};
	pr_buf_adds(&path, audit ? "/v1/suppressions/audit" : "/v1/suppressions");
	add_argument(&path, "match", cli_value(c, "match"));
	add_argument(&path, "limit", cli_value(c, "limit"));
	add_argument(&path, "after", cli_value(c, "after"));
	enum cli_exit result = cli_look(c, path.data, audit ? print_audit : print_suppressions);
	pr_buf_finish(&path);
	return result;
}

/* ---- export ---- */

static void
write_csv_row(FILE *to, const json_t *one)
{
	static const char *const keys[] = {"address", "scope", "reason", "note",
	                                   "source",  "at",    "until",  NULL};
	struct pr_buf line = {0};
	for (unsigned i = 0; keys[i]; i++) {
		const char *text = cli_text_of(one, keys[i]);
		if (i)
			pr_buf_addc(&line, ',');
		pr_buf_add_csv(&line, pr_str(text ? text : ""));
	}
	pr_buf_adds(&line, "\r\n");
	fwrite(line.data, 1, line.len, to);
	pr_buf_finish(&line);
}

static void
write_json_row(FILE *to, const json_t *one)
{
	json_dumpf(one, to, JSON_COMPACT);
	fputc('\n', to);
}

/* Page by page: what changes meanwhile is in it or not. */
static enum cli_exit
export_pages(struct cli *c, FILE *to)
{
	char *after = pr_strdup("");
	enum cli_exit result = CLI_DONE;
	while (after && result == CLI_DONE) {
		struct pr_buf path = {0};
		size_t i;
		json_t *one;
		pr_buf_addf(&path, "/v1/suppressions?limit=%d&after=", EXPORT_PAGE);
		cli_path_add(&path, after);
		json_t *answer = cli_get(c, path.data);
		json_array_foreach(json_object_get(answer, "suppressions"), i, one)(
		    c->arguments.json ? write_json_row : write_csv_row)(to, one);
		const char *next = answer ? cli_text_of(answer, "next") : NULL;
		free(after);
		after = next ? pr_strdup(next) : NULL;
		result = answer ? CLI_DONE : CLI_FAILED;
		json_decref(answer);
		pr_buf_finish(&path);
	}
	free(after);
	return result;
}

static enum cli_exit
run_export(struct cli *c)
{
	const char *out = cli_value(c, "out");
	FILE *to = out ? fopen(out, "wxe") : stdout;
	if (!to)
		return cli_fail_errno("cannot write %s", cli_show(out));
	if (!c->arguments.json)
		fputs("address,scope,reason,note,source,at,until\r\n", to);
	enum cli_exit result = export_pages(c, to);
	if ((out ? fclose(to) : fflush(to)) != 0 && result == CLI_DONE)
		result = cli_fail_errno("cannot write %s", out ? cli_show(out) : "it");
	return result;
}

/* ---- which of them ---- */

enum cli_exit
cli_run_suppress(struct cli *c)
{
	static const struct cli_sub subs[] = {
	    {"add", run_add, 2, 2, {"list", "class", "reason", "until"}},
	    {"remove", run_remove, 2, 2, {"list", "class"}},
	    {"list", run_list, 1, 1, {"match", "limit", "after", "audit"}},
	    {"import",
	     cli_run_suppress_import,
	     2,
	     2,
	     {"list", "class", "reason", "until", "dry-run"}},
	    {"export", run_export, 1, 1, {"out"}},
	    {0}};
	return cli_run_sub(c, subs);
}
