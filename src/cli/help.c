/* Help, made from the table of commands. */
#include "cli.h"

static void
print_options(const struct cli_option *options, FILE *to)
{
	for (const struct cli_option *o = options; o && o->name; o++) {
		char left[40], letter[6] = "";
		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
		         o->value ? o->value : "");
		fprintf(to, "  %-22s %s%s\n", left, o->help,
		        o->later ? " (not available yet)" : "");
	}
}

static void
print_later(FILE *to)
{
	fputs("\nNot available yet: ", to);
	for (unsigned i = 0, column = 19; cli_later[i]; i++) {
		size_t n = strlen(cli_later[i]);
		if (column + n > 76) {
			fputs("\n  ", to);
			column = 2;
		}
		fprintf(to, "%s%s", cli_later[i], cli_later[i + 1] ? ", " : "\n");
		column += (unsigned)n + 2;
	}
}

void
cli_help(FILE *to)
{
	const char *group = "";
	fputs("usage: postrider [OPTIONS] COMMAND ...\n"
	      "\n"
	      "Prepares e-mail campaigns, hands them to postriderd, and watches them.\n",
	      to);
	for (const struct cli_command *command = cli_commands; command->name; command++) {
		char left[60];
		if (strcmp(group, command->group) != 0)
			fprintf(to, "\n%s\n", group = command->group);
		snprintf(left, sizeof left, "%s%s%s", command->name,
		         command->arguments[0] ? " " : "", command->arguments);
		fprintf(to, "  %-28s %s\n", left, command->summary);
	}
	fputs("\nOptions of all commands\n", to);
	print_options(cli_global_options, to);
	print_later(to);
	fputs("\n`postrider COMMAND --help` tells more. Exit status: 0 done, 1 refused or failed,\n"
	      "2 wrong usage. Times are shown in the time zone of $TZ.\n",
	      to);
}

void
cli_help_command(const struct cli_command *command, FILE *to)
{
	fprintf(to, "usage: postrider %s%s%s%s\n\n%s.\n", command->name,
	        command->arguments[0] ? " " : "", command->arguments,
	        command->options ? " [OPTIONS]" : "", command->summary);
	if (command->help)
		fprintf(to, "\n%s\n", command->help);
	if (command->options) {
		fputs("\nOptions\n", to);
		print_options(command->options, to);
	}
	fputs("\nOptions of all commands\n", to);
	print_options(cli_global_options, to);
}
