/* Saying what went wrong, on standard error. */
#include "cli.h"

#include <errno.h>

enum cli_exit
cli_fail(const char *format, ...)
{
	va_list ap;
	fflush(stdout); /* so that both come in order where they go to one place */
	fputs("postrider: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CLI_FAILED;
}

enum cli_exit
cli_usage(const struct cli *c, const char *format, ...)
{
	const struct cli_command *command = c->arguments.command;
	va_list ap;
	fprintf(stderr, "postrider %s: ", command->name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, " (`postrider %s --help`)\n", command->name);
	return CLI_USAGE;
}

enum cli_exit
cli_fail_errno(const char *format, ...)
{
	int number = errno;
	struct pr_buf text = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&text, format, ap);
	va_end(ap);
	if (number)
		cli_fail("%s: %s", text.data, strerror(number));
	else
		cli_fail("%s", text.data);
	pr_buf_finish(&text);
	return CLI_FAILED;
}
