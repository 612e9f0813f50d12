/* `postrider preview DIR`: one row's finished message, octets as they would leave. */
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

enum cli_exit
cli_run_preview(struct cli *c)
{
	const char *row_text = cli_value(c, "row"), *email = cli_value(c, "email");
	struct cli_folder f;
	uint64_t row = 0;
	if (row_text && email)
		return cli_usage(c, "say --row or --email, not both");
	if (row_text && (!pr_str_u64(pr_str(row_text), &row) || row == 0 || row > UINT32_MAX))
		return cli_usage(c, "--row %s: write the number of a row, from 1",
		                 cli_show(row_text));
	if (cli_config_named(c) && !cli_config(c, true))
		return CLI_FAILED;
	if (cli_folder_open(&f, c->arguments.words[0]) != CLI_DONE)
		return CLI_FAILED;
	enum cli_exit result = show(c, &f, (uint32_t)row, email);
	print_problems(&f.problems);
	cli_folder_close(&f);
	return result;
}
