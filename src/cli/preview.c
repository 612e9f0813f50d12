/*
 * `postrider preview DIR|ID`: one row's finished message, octets as they would leave. A folder is
 * read here; of a campaign the daemon has, it makes the message.
 */
#include "trial.h"

static void
print_problems(const struct pr_problems *problems)
{
	struct pr_buf text = {0};
	pr_problems_text(problems, &text);
	fputs(text.data ? text.data : "", stderr);
	pr_buf_finish(&text);
}

static enum cli_exit
show(struct cli *c, struct cli_folder *f, uint32_t row, const char *email)
{
	struct pr_error e = {0};
	struct pr_buf message = {0};
	struct pr_trial trial = cli_trial(c, f);
	if (!f->manifest || !f->manifest->sound)
		return cli_fail("%s cannot be shown", cli_show(c->arguments.words[0]));
	if (cli_trial_variant(c, f, &trial) != CLI_DONE)
		return CLI_FAILED;
	int r =
	    pr_message_preview(&trial, row, pr_str(email ? email : ""), &message, &f->problems, &e);
	if (r < 0) {
		cli_fail("%s", e.code ? e.text : "the message cannot be made: see the errors");
	} else if (c->arguments.json) {
		struct pr_buf b = {0};
		pr_buf_adds(&b, "{\"message\":");
		pr_buf_add_json(&b, pr_buf_str(&message));
		printf("%s}\n", b.data);
		pr_buf_finish(&b);
	} else
		fwrite(message.data, 1, message.len, stdout);
	pr_buf_finish(&message);
	return r < 0 || ferror(stdout) ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit
show_folder(struct cli *c, uint32_t row, const char *email)
{
	struct cli_folder f;
	if (cli_config_named(c) && !cli_config(c, true))
		return CLI_FAILED;
	if (cli_folder_open(&f, c->arguments.words[0]) != CLI_DONE)
		return CLI_FAILED;
	enum cli_exit result = show(c, &f, row, email);
	print_problems(&f.problems);
	cli_folder_close(&f);
	return result;
}

static enum cli_exit
print_answer(const struct cli *c, struct pr_str text)
{
	if (c->arguments.json) {
		fwrite(text.p, 1, text.n, stdout);
		return ferror(stdout) ? CLI_FAILED : CLI_DONE;
	}
	json_t *answer = json_loadb(text.p, text.n, 0, NULL);
	const json_t *message = json_object_get(answer, "message");
	if (json_is_string(message))
		fwrite(json_string_value(message), 1, json_string_length(message), stdout);
	else
		cli_fail("the daemon's answer cannot be read: is it of this version?");
	bool good = json_is_string(message) && !ferror(stdout);
	json_decref(answer);
	return good ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit
show_campaign(struct cli *c, uint32_t row, const char *email, uint64_t version)
{
	struct pr_buf rest = {0};
	struct cli_reply reply;
	pr_buf_addf(&rest, "/preview?");
	if (row)
		pr_buf_addf(&rest, "row=%u&", row);
	if (version)
		pr_buf_addf(&rest, "version=%llu&", (unsigned long long)version);
	if (email) {
		pr_buf_adds(&rest, "email=");
		cli_path_add(&rest, email);
	}
	struct pr_buf path = {0};
	pr_buf_adds(&path, cli_campaign_path(c->arguments.words[0], ""));
	pr_buf_add_str(&path, pr_buf_str(&rest));
	enum cli_exit result = cli_call(c, path.data, NULL, &reply);
	if (result == CLI_DONE) {
		result = print_answer(c, pr_buf_str(&reply.body));
		pr_buf_finish(&reply.body);
	}
	pr_buf_finish(&rest);
	pr_buf_finish(&path);
	return result;
}

enum cli_exit
cli_run_preview(struct cli *c)
{
	const char *row_text = cli_value(c, "row"), *email = cli_value(c, "email");
	const char *version_text = cli_value(c, "version");
	uint64_t row = 0, version = 0;
	if (row_text && email)
		return cli_usage(c, "say --row or --email, not both");
	if (row_text && (!pr_str_u64(pr_str(row_text), &row) || row == 0 || row > UINT32_MAX))
		return cli_usage(c, "--row %s: write the number of a row, from 1",
		                 cli_show(row_text));
	if (version_text && (!pr_str_u64(pr_str(version_text), &version) || version == 0))
		return cli_usage(c, "--version %s: write the number of a version, from 1",
		                 cli_show(version_text));
	if (cli_value(c, "variant") && !cli_is_folder(c->arguments.words[0]))
		return cli_usage(c, "--variant: of a campaign each row has its own");
	if (!cli_is_folder(c->arguments.words[0]))
		return show_campaign(c, (uint32_t)row, email, version);
	if (version)
		return cli_usage(c, "--version: only a campaign's ID has versions");
	return show_folder(c, (uint32_t)row, email);
}
