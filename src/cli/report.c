/* A campaign's report, made now by the daemon: HTML, CSV or JSON, to a file or standard output. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static enum cli_exit
fetch(struct cli *c, const char *path, FILE *to)
{
	struct cli_reply reply;
	struct pr_error e;
	enum cli_exit result = CLI_DONE;
	if (cli_download(c, path, to, &reply, &e) < 0)
		return cli_fail("%s", e.text);
	if (reply.status >= 400)
		result = cli_refused(c, &reply);
	pr_buf_finish(&reply.body);
	return result;
}

/* Beside FILE, then in its place: a report that broke off leaves what was there. */
static enum cli_exit
fetch_to_file(struct cli *c, const char *path, const char *file)
{
	struct pr_buf part = {0};
	pr_buf_addf(&part, "%s.part", file);
	FILE *to = fopen(part.data, "we");
	enum cli_exit result =
	    to ? fetch(c, path, to) : cli_fail_errno("cannot write %s", cli_show(file));
	if (to && fclose(to) != 0 && result == CLI_DONE)
		result = cli_fail_errno("cannot write %s", cli_show(file));
	if (result == CLI_DONE && rename(part.data, file) < 0)
		result = cli_fail_errno("cannot write %s", cli_show(file));
	if (to && result != CLI_DONE)
		unlink(part.data);
	else if (to && c->arguments.json) {
		json_t *answer = json_pack("{s:s}", "file", file);
		char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
		puts(text ? text : "{}");
		free(text);
		json_decref(answer);
	} else if (to)
		printf("%s\n", cli_show(file));
	pr_buf_finish(&part);
	return result;
}

static const char *
format_of(const struct cli *c, const char *file)
{
	struct pr_str name = pr_str(file ? file : "");
	if (cli_given(c, "csv") || pr_str_ends(name, ".csv"))
		return "csv";
	return pr_str_ends(name, ".json") || (!file && c->arguments.json) ? "json" : "html";
}

enum cli_exit
cli_run_report(struct cli *c)
{
	const char *file = cli_value(c, "out"), *id = c->arguments.words[0];
	char rest[40];
	snprintf(rest, sizeof rest, "/report?format=%s", format_of(c, file));
	if (file)
		return fetch_to_file(c, cli_campaign_path(id, rest), file);
	enum cli_exit result = fetch(c, cli_campaign_path(id, rest), stdout);
	if (result == CLI_DONE && fflush(stdout) != 0)
		result = cli_fail_errno("cannot write");
	return result;
}
