/* The command line, read by tables. */
#include "cli.h"
#include "suite.h"

#define MOST 12

static int
read_line(const char *line, struct cli_arguments *out, struct pr_error *e)
{
	static char copy[400];
	static char *argv[MOST + 1];
	int argc = 1;
	argv[0] = (char *)"postrider";
	snprintf(copy, sizeof copy, "%s", line);
	for (char *save, *word = strtok_r(copy, " ", &save); word && argc < MOST;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return cli_arguments_read(argc, argv, out, e);
}

static const struct {
	const char *line;
	const char *command, *word; /* NULL: none */
} good[] = {
    {"status", "status", NULL},
    {"--json status", "status", NULL},
    {"status --json", "status", NULL},
    {"--socket /s --config /c campaign x", "campaign", "x"},
    {"--socket=/s campaign --config=/c x", "campaign", "x"},
    {"campaign -- --x", "campaign", "--x"},
    {"campaign -", "campaign", "-"},
    {"preview dir --row 3", "preview", "dir"},
    {"preview --row=3 dir", "preview", "dir"},
    {"events -f", "events", NULL},
    {"events --follow --after 3", "events", NULL},
    {"pause --all", "pause", NULL},
    {"watch", "watch", NULL},
    {"watch x", "watch", "x"},
    {"--help", NULL, NULL},
    {"-h", NULL, NULL},
    {"--version", NULL, NULL},
    {"help", NULL, NULL},
    {"help submit", "submit", NULL},
    {"submit --help", "submit", NULL}, /* its word may be missing then */
    {"check -h", "check", NULL},
};

START_TEST(reads_what_is_right)
{
	struct cli_arguments a;
	struct pr_error e;
	ck_assert_msg(read_line(good[_i].line, &a, &e) == 0, "%s: %s", good[_i].line, e.text);
	if (good[_i].command)
		ck_assert_str_eq(a.command->name, good[_i].command);
	else
		ck_assert_ptr_null(a.command);
	ck_assert_uint_eq(a.n, good[_i].word ? 1 : 0);
	if (good[_i].word)
		ck_assert_str_eq(a.words[0], good[_i].word);
}
END_TEST

static const struct {
	const char *line;
	int code;
	const char *told; /* part of it */
} bad[] = {
    {"", PR_EINVAL, "say what to do"},
    {"staus", PR_EINVAL, "did you mean status?"},
    {"campains", PR_EINVAL, "did you mean campaigns?"},
    {"frobnicate", PR_EINVAL, "there is no command frobnicate"},
    {"status --jsn", PR_EINVAL, "did you mean --json?"},
    {"preview d --rows 3", PR_EINVAL, "did you mean --row?"},
    {"status --nothing", PR_EINVAL, "there is no option --nothing of status"},
    {"status -x", PR_EINVAL, "no option"},
    {"events -ff", PR_EINVAL, "no option -ff"},
    {"purge x", PR_EUNAVAILABLE, "purge is not available yet"},
    {"--json backup folder", PR_EUNAVAILABLE, "backup is not available yet"},
    {"status more", PR_EINVAL, "one argument too many: more"},
    {"submit", PR_EINVAL, "usage: postrider submit DIR"},
    {"submit a b", PR_EINVAL, "one argument too many"},
    {"status --socket", PR_EINVAL, "--socket needs a value"},
    {"preview d --row", PR_EINVAL, "--row needs a value"},
    {"status --json=yes", PR_EINVAL, "--json takes no value"},
    {"pause x --all=1", PR_EINVAL, "--all takes no value"},
    {"cancel x --domain d", PR_EUNAVAILABLE, "--domain is not available yet"},
};

START_TEST(refuses_what_is_wrong_and_says_why)
{
	struct cli_arguments a;
	struct pr_error e = {0};
	ck_assert_int_eq(read_line(bad[_i].line, &a, &e), bad[_i].code);
	ck_assert_msg(strstr(e.text, bad[_i].told) != NULL, "%s: %s", bad[_i].line, e.text);
}
END_TEST

START_TEST(keeps_global_options_and_values)
{
	struct cli c = {0};
	struct pr_error e;
	ck_assert_int_eq(
	    read_line("--socket /a preview --socket /b d --row 1 --row 2 --json", &c.arguments, &e),
	    0);
	ck_assert_str_eq(c.arguments.socket, "/b"); /* the last one */
	ck_assert(c.arguments.json);
	ck_assert_ptr_null(c.arguments.config);
	ck_assert_str_eq(cli_value(&c, "row"), "2");
	ck_assert_ptr_null(cli_value(&c, "email"));
	ck_assert(cli_given(&c, "row"));
	ck_assert(!cli_given(&c, "email"));
}
END_TEST

START_TEST(bounds_options)
{
	struct cli_arguments a;
	struct pr_error e;
	char *argv[100];
	argv[0] = (char *)"postrider";
	argv[1] = (char *)"events";
	for (int i = 2; i < 100; i++)
		argv[i] = (char *)"-f";
	ck_assert_int_eq(cli_arguments_read(100, argv, &a, &e), PR_EINVAL);
	ck_assert_str_eq(e.text, "too many options");
}
END_TEST

START_TEST(no_name_is_told_in_two_ways)
{
	for (const struct cli_command *c = cli_commands; c->name; c++) {
		for (const struct cli_command *d = c + 1; d->name; d++)
			ck_assert_str_ne(c->name, d->name);
		for (unsigned i = 0; cli_later[i]; i++)
			ck_assert_str_ne(c->name, cli_later[i]);
		ck_assert_uint_le(c->most, CLI_WORDS_MAX);
		ck_assert_uint_le(c->least, c->most);
		ck_assert(c->run && c->summary && c->group);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {reads_what_is_right, ROWS(good)}, {refuses_what_is_wrong_and_says_why, ROWS(bad)},
	    {keeps_global_options_and_values}, {bounds_options},
	    {no_name_is_told_in_two_ways},
	};
	return suite_run("cli_arguments", NULL, NULL, tests, ROWS(tests));
}
