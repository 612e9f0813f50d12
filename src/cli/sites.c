/* Where messages leave to: a line a lane. */
#include "cli.h"

/* Those that lift, and who set them; those that stay are the administrator's own figures. */
static void
add_limits(struct pr_buf *b, const json_t *limits)
{
	size_t i;
	const json_t *o;
	char text[CLI_TEXT];
	json_array_foreach(limits, i, o)
	{
		const char *by = cli_text_of(o, "by"), *what = cli_text_of(o, "what");
		const json_t *value = json_object_get(o, "value");
		if (!by || !what || !json_object_get(o, "lifts_s") ||
		    pr_str_starts(pr_str(by), "back-off"))
			continue;
		pr_buf_addf(b, "; %s", cli_show(what));
		if (json_is_integer(value))
			pr_buf_addf(b, " %lld", (long long)json_integer_value(value));
		else if (json_is_string(value))
			pr_buf_addf(b, " %s", cli_show(json_string_value(value)));
		pr_buf_addf(b, " by %s", cli_show(by));
		int64_t ms = (int64_t)(cli_real_of(o, "lifts_s") * 1000);
		pr_buf_addf(b, ", lifts in %s", cli_duration(ms, text));
	}
}

/* Well, or what is wrong and when it is tried again. */
static void
add_state(struct cli_table *t, const json_t *o)
{
	struct pr_buf b = {0};
	char text[CLI_TEXT];
	const char *by = cli_text_of(o, "limited_by");
	if (cli_number_of(o, "failures") == 0)
		pr_buf_adds(&b, by && *by ? cli_show(by) : "well");
	else {
		int64_t ms = (int64_t)(cli_real_of(o, "waits_s") * 1000);
		pr_buf_adds(&b, cli_show(cli_text_of(o, "last_reply")));
		if (ms > 0)
			pr_buf_addf(&b, "; tries again in %s", cli_duration(ms, text));
		else
			pr_buf_adds(&b, "; tries again now");
	}
	add_limits(&b, json_object_get(o, "limits"));
	cli_table_add(t, b.data);
	pr_buf_finish(&b);
}

static void
add_site(struct cli_table *t, const json_t *o)
{
	char text[CLI_TEXT];
	const char *site = cli_text_of(o, "site"), *source = cli_text_of(o, "source");
	cli_table_add(t, cli_show(cli_text_of(o, "route")));
	cli_table_add(t, site && *site ? cli_show(site) : "-");
	cli_table_add(t, source && *source ? cli_show(source) : "-");
	snprintf(text, sizeof text, "%llu/%llu",
	         (unsigned long long)cli_number_of(o, "connections"),
	         (unsigned long long)cli_number_of(o, "connections_max"));
	cli_table_add(t, text);
	cli_table_add(t, cli_number(cli_number_of(o, "ready"), text));
	cli_table_add(t, cli_number(cli_number_of(o, "queued"), text));
	snprintf(text, sizeof text, "%.1f/s", cli_real_of(o, "rate"));
	cli_table_add(t, text);
	add_state(t, o);
}

static void
print_sites(const json_t *answer)
{
	size_t i;
	json_t *one;
	if (json_array_size(json_object_get(answer, "sites")) == 0) {
		puts("No site: nothing was sent there lately.");
		return;
	}
	struct cli_table *t =
	    cli_table_create("ROUTE\tSITE\tSOURCE\t>CONNS\t>READY\t>QUEUED\t>RATE\tSTATE");
	json_array_foreach(json_object_get(answer, "sites"), i, one) add_site(t, one);
	cli_table_print(t, stdout);
	if (json_is_true(json_object_get(answer, "more")))
		puts("There are more: --site TEXT shows some of them.");
}

enum cli_exit
cli_run_sites(struct cli *c)
{
	struct pr_buf path = {0};
	const char *site = cli_value(c, "site"), *limit = cli_value(c, "limit");
	pr_buf_adds(&path, "/v1/sites?site=");
	cli_path_add(&path, site ? site : "");
	if (limit) {
		pr_buf_adds(&path, "&limit=");
		cli_path_add(&path, limit);
	}
	enum cli_exit result = cli_look(c, path.data, print_sites);
	pr_buf_finish(&path);
	return result;
}
