/* Segments: some of the contacts, by a condition or its name. */
#include "cli.h"

#include <stdlib.h>

static json_t *
ask(struct cli *c, const char *path)
{
	struct pr_buf body = {0};
	struct cli_reply reply;
	const char *limit = cli_value(c, "limit");
	uint64_t n = 0;
	json_t *answer = NULL;
	if (limit && !pr_str_u64(pr_str(limit), &n)) {
		cli_usage(c, "--limit %s: say a number", cli_show(limit));
		return NULL;
	}
	pr_buf_adds(&body, "{\"segment\":");
	pr_buf_add_json(&body, pr_str(c->arguments.words[1]));
	if (limit)
		pr_buf_addf(&body, ",\"limit\":%llu", (unsigned long long)n);
	pr_buf_addc(&body, '}');
	if (cli_call(c, path, body.data, &reply) == CLI_DONE) {
		answer = json_loadb(reply.body.data, reply.body.len, 0, NULL);
		pr_buf_finish(&reply.body);
	}
	pr_buf_finish(&body);
	return answer;
}

static enum cli_exit
look(struct cli *c, const char *path, void (*print)(const json_t *answer))
{
	json_t *answer = ask(c, path);
	if (!answer)
		return CLI_FAILED;
	if (c->arguments.json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else
		print(answer);
	json_decref(answer);
	return CLI_DONE;
}

static void
print_count(const json_t *answer)
{
	printf("%llu\n", (unsigned long long)cli_number_of(answer, "count"));
}

static enum cli_exit
run_count(struct cli *c)
{
	return look(c, "/v1/segments/count", print_count);
}

static void
print_sample(const json_t *answer)
{
	size_t i;
	const json_t *one;
	json_array_foreach(json_object_get(answer, "sample"), i, one)
	    puts(cli_show(json_string_value(one)));
}

static enum cli_exit
run_sample(struct cli *c)
{
	return look(c, "/v1/segments/sample", print_sample);
}

static void
print_explained(const json_t *answer)
{
	size_t i;
	const json_t *one;
	char number[CLI_TEXT], total[CLI_TEXT], share[CLI_TEXT];
	uint64_t n = cli_number_of(answer, "count"), of = cli_number_of(answer, "total");
	printf("%s\n%s of %s contacts", cli_show(cli_text_of(answer, "condition")),
	       cli_number(n, number), cli_number(of, total));
	printf(of ? " (%s)\n" : "\n", cli_percent(n, of ? of : 1, share));
	json_array_foreach(json_object_get(answer, "unknown"), i, one)
	    printf("There is no %s %s yet.\n", cli_text_of(one, "kind"),
	           cli_show(cli_text_of(one, "name")));
}

static enum cli_exit
run_explain(struct cli *c)
{
	return look(c, "/v1/segments/explain", print_explained);
}

enum cli_exit
cli_run_segment(struct cli *c)
{
	static const struct cli_sub subs[] = {{"count", run_count, 2, 2, {0}},
	                                      {"sample", run_sample, 2, 2, {"limit"}},
	                                      {"explain", run_explain, 2, 2, {0}},
	                                      {0}};
	return cli_run_sub(c, subs);
}
