/*
 * postrider: everything that is not the daemon. Reads the command line, runs the command,
 * ends with 0 (done), 1 (refused or failed) or 2 (wrong usage).
 */
#include "cli.h"

#include <stdlib.h>

static enum cli_exit
wrong_usage(const struct cli_arguments *a, int code, const struct pr_error *e)
{
	cli_fail("%s", e->text);
	if (code == PR_EUNAVAILABLE)
		return CLI_FAILED;
	fprintf(stderr, "`postrider %s%s--help` tells more\n", a->command ? a->command->name : "",
	        a->command ? " " : "");
	return CLI_USAGE;
}

static enum cli_exit
help(const struct cli_arguments *a)
{
	if (a->version)
		puts("postrider " POSTRIDER_VERSION);
	else if (a->command)
		cli_help_command(a->command, stdout);
	else
		cli_help(stdout);
	return CLI_DONE;
}

int
main(int argc, char **argv)
{
	struct cli c = {0};
	struct pr_error e;
	enum cli_exit result;
	int r = cli_arguments_read(argc, argv, &c.arguments, &e);
	if (r < 0)
		result = wrong_usage(&c.arguments, r, &e);
	else if (c.arguments.help || c.arguments.version)
		result = help(&c.arguments);
	else
		result = c.arguments.command->run(&c);
	cli_http_finish(&c);
	pr_config_unref(c.config);
	free(c.socket);
	if (fflush(stdout) != 0 && result == CLI_DONE)
		result = cli_fail_errno("cannot write");
	return (int)result;
}
