/*
 * `postrider replace ID DIR`: a copy of the corrected folder is laid on the spool under a
 * hidden name, and the daemon asked to put it in force. It answers when that is durable, or with
 * everything that is wrong. It removes the copy; we do, where it could not.
 */
#include "cli.h"

#include "postrider/base/file.h"
#include "postrider/campaign/intake.h"

#include <fcntl.h>

/* What refuses a folder whatever is in its files: told before anything is copied. */
static enum cli_exit
check_folder(const char *dir)
{
	struct pr_problems problems = {0};
	struct pr_buf text = {0};
	struct pr_error e;
	int r = pr_folder_check(dir, NULL, &problems, &e);
	pr_problems_text(&problems, &text);
	fputs(text.data ? text.data : "", stderr);
	pr_buf_finish(&text);
	pr_problems_finish(&problems);
	return r < 0 ? cli_fail("%s", e.text) : CLI_DONE;
}

static void
print_good(const char *id, const json_t *answer)
{
	char number[CLI_TEXT];
	uint64_t changed = cli_number_of(answer, "changed");
	printf("%s: version %llu, for %s unsent row%s\n", cli_show(id),
	       (unsigned long long)cli_number_of(answer, "version"), cli_number(changed, number),
	       changed == 1 ? "" : "s");
}

static enum cli_exit
tell(struct cli *c, const char *id, const struct cli_reply *reply)
{
	struct pr_str body = pr_buf_str(&reply->body);
	json_t *answer = json_loadb(body.p, body.n, 0, NULL);
	const char *text = cli_text_of(answer, "text");
	enum cli_exit result = CLI_DONE;
	if (text) /* the daemon made it safe to show */
		fputs(text, stderr);
	if (reply->status >= 400)
		result = cli_refused(c, reply);
	else if (c->arguments.json)
		printf("%.*s%s", (int)body.n, body.p, pr_str_ends(body, "\n") ? "" : "\n");
	else
		print_good(id, answer);
	json_decref(answer);
	return result;
}

static enum cli_exit
ask(struct cli *c, const char *id, const char *copy)
{
	struct cli_reply reply = {0};
	struct pr_error e;
	struct pr_buf body = {0};
	pr_buf_adds(&body, "{\"path\":");
	pr_buf_add_json(&body, pr_str(copy));
	pr_buf_addc(&body, '}');
	int r = cli_request(c, cli_campaign_path(id, "/replace"), body.data, &reply, &e);
	enum cli_exit result = r < 0 ? cli_fail("%s; `postrider campaign %s` tells which version "
	                                        "is in force",
	                                        e.text, cli_show(id))
	                             : tell(c, id, &reply);
	pr_buf_finish(&body);
	pr_buf_finish(&reply.body);
	return result;
}

enum cli_exit
cli_run_replace(struct cli *c)
{
	const struct pr_config *config = cli_config(c, true);
	const char *id = c->arguments.words[0], *dir = c->arguments.words[1];
	char name[256];
	struct pr_error e;
	struct pr_buf copy = {0};
	json_t *campaign = NULL;
	if (!config || check_folder(dir) != CLI_DONE ||
	    !(campaign = cli_get(c, cli_campaign_path(id, ""))))
		return CLI_FAILED;
	json_decref(campaign);
	if (pr_submit_aside(dir, config->spool.p, name, sizeof name, &e) < 0)
		return cli_fail("%s", e.text);
	pr_buf_addf(&copy, "%s/incoming/%s", config->spool.p, name);
	enum cli_exit result = ask(c, id, copy.data);
	(void)pr_remove_tree(AT_FDCWD, copy.data);
	pr_buf_finish(&copy);
	return result;
}
