/* One person: all that is held of them, to a file or standard output; forgetting them. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- export ---- */

/* A file of our own that was not there: nobody else reads it. */
static FILE *
open_private(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	if (fd >= 0 && !to)
		close(fd);
	return to;
}

static enum cli_exit
write_document(const struct cli *c, struct pr_str text, FILE *to)
{
	json_t *document = c->arguments.json ? NULL : json_loadb(text.p, text.n, 0, NULL);
	bool bad = document ? json_dumpf(document, to, JSON_INDENT(2)) < 0 || fputc('\n', to) == EOF
	                    : fwrite(text.p, 1, text.n, to) != text.n;
	json_decref(document);
	return bad || fflush(to) != 0 ? CLI_FAILED : CLI_DONE;
}

enum cli_exit
cli_run_export(struct cli *c)
{
	const char *file = cli_value(c, "out");
	struct pr_buf path = {0};
	struct cli_reply reply;
	pr_buf_adds(&path, "/v1/export?address=");
	cli_path_add(&path, c->arguments.words[0]);
	enum cli_exit result = cli_call_patiently(c, path.data, NULL, &reply);
	pr_buf_finish(&path);
	if (result != CLI_DONE)
		return result;
	FILE *to = file ? open_private(file) : stdout;
	result = to ? write_document(c, pr_buf_str(&reply.body), to) : CLI_FAILED;
	if (result != CLI_DONE)
		cli_fail_errno("cannot write %s", file ? cli_show(file) : "it");
	if (to && file && fclose(to) != 0 && result == CLI_DONE)
		result = cli_fail_errno("cannot write %s", cli_show(file));
	pr_buf_finish(&reply.body);
	return result;
}

/* ---- forget ---- */

/* Who sits at a terminal says yes; scripts say --yes or are taken at their word. */
static bool
is_meant(const struct cli *c)
{
	char line[16] = "";
	if (cli_given(c, "yes") || !isatty(STDIN_FILENO))
		return true;
	fprintf(stderr,
	        "All that is held of %s will be erased. This cannot be undone. Go on? [y/N] ",
	        cli_show(c->arguments.words[0]));
	return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static void
print_lines(const char *head, const json_t *lines)
{
	size_t i;
	json_t *one;
	if (json_array_size(lines) == 0)
		return;
	printf("%s\n", head);
	json_array_foreach(lines, i, one) printf("  %s\n", cli_show(json_string_value(one)));
}

static void
print_forgotten(const struct cli *c, const json_t *answer)
{
	char rows[CLI_TEXT], campaigns[CLI_TEXT];
	printf("%s is forgotten: %s row(s) in %s campaign(s).\n", cli_show(c->arguments.words[0]),
	       cli_number(cli_number_of(answer, "rows"), rows),
	       cli_number(cli_number_of(answer, "campaigns"), campaigns));
	print_lines("Done:", json_object_get(answer, "did"));
	print_lines("Still naming the address:", json_object_get(answer, "left"));
	print_lines("Out of reach:", json_object_get(answer, "out_of_reach"));
}

enum cli_exit
cli_run_forget(struct cli *c)
{
	struct pr_buf body = {0};
	struct cli_reply reply;
	if (!is_meant(c))
		return cli_fail("nothing was erased");
	pr_buf_adds(&body, "{\"address\":");
	pr_buf_add_json(&body, pr_str(c->arguments.words[0]));
	pr_buf_addc(&body, '}');
	enum cli_exit result = cli_call_patiently(c, "/v1/forget", body.data, &reply);
	pr_buf_finish(&body);
	if (result != CLI_DONE)
		return result;
	struct pr_str text = pr_buf_str(&reply.body);
	json_t *answer = json_loadb(text.p, text.n, 0, NULL);
	if (c->arguments.json)
		printf("%.*s%s", (int)text.n, text.p, pr_str_ends(text, "\n") ? "" : "\n");
	else
		print_forgotten(c, answer);
	json_decref(answer);
	pr_buf_finish(&reply.body);
	return CLI_DONE;
}
