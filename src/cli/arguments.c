/*
 * The command line: options and words in any order, `--` ends the options, --name VALUE and
 * --name=VALUE. The first error ends it. The first word is the command; whatever stands before
 * it must be an option of all commands.
 */
#include "cli.h"

const struct cli_option cli_global_options[] = {
    {"socket", "PATH", "the daemon's status socket ($POSTRIDER_SOCKET)", 0, false},
    {"config", "FILE", "postrider.yaml: tells socket and spool ($POSTRIDER_CONFIG)", 0, false},
    {"json", NULL, "print JSON", 0, false},
    {"help", NULL, "help, overall or of a command", 'h', false},
    {"version", NULL, "print the version", 0, false},
    {0}};

struct reading {
	struct cli_arguments *out;
	int argc, at;
	char **argv;
	bool words_only; /* -- was seen */
	struct pr_error *e;
};

static const struct cli_option *
find(const struct cli_option *o, struct pr_str name, char letter)
{
	for (; o && o->name; o++)
		if (letter ? o->letter == letter : pr_str_is(name, o->name))
			return o;
	return NULL;
}

static int
unknown_option(struct reading *r, struct pr_str name)
{
	const char *names[64];
	char shown[64];
	unsigned n = 0;
	const struct cli_command *command = r->out->command;
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		names[n++] = o->name;
	for (const struct cli_option *o = command ? command->options : NULL; o && o->name; o++)
		names[n++] = o->name;
	names[n] = NULL;
	const char *near = pr_nearest(name, names);
	pr_str_show(name, shown, sizeof shown);
	return pr_fail(r->e, PR_EINVAL, "there is no option --%s%s%s%s", shown,
	               near      ? ": did you mean --"
	               : command ? " of "
	                         : "",
	               near      ? near
	               : command ? command->name
	                         : "",
	               near ? "?" : "");
}

static void
set_global(struct cli_arguments *a, const struct cli_option *o, const char *value)
{
	switch (o - cli_global_options) {
	case 0: a->socket = value; break;
	case 1: a->config = value; break;
	case 2: a->json = true; break;
	case 3: a->help = true; break;
	default: a->version = true; break;
	}
}

static int
set(struct reading *r, const struct cli_option *o, bool global, const char *value)
{
	struct cli_arguments *a = r->out;
	if (o->later)
		return pr_fail(r->e, PR_EUNAVAILABLE, "%s --%s is not available yet",
		               a->command->name, o->name);
	if (o->value && !value && r->at + 1 < r->argc)
		value = r->argv[++r->at];
	else if (o->value && !value)
		return pr_fail(r->e, PR_EINVAL, "--%s needs a value: --%s %s", o->name, o->name,
		               o->value);
	else if (!o->value && value)
		return pr_fail(r->e, PR_EINVAL, "--%s takes no value", o->name);
	if (global)
		set_global(a, o, value);
	else if (a->given_n == CLI_GIVEN_MAX)
		return pr_fail(r->e, PR_EINVAL, "too many options");
	else {
		a->given[a->given_n].option = o;
		a->given[a->given_n++].value = value;
	}
	return 0;
}

static int
read_option(struct reading *r, const char *text)
{
	const struct cli_command *command = r->out->command;
	const char *equals = strchr(text, '=');
	char letter = text[1] == '-' ? 0 : text[1];
	struct pr_str name = letter   ? pr_str_n(text + 1, strlen(text + 1))
	                     : equals ? pr_str_n(text + 2, (size_t)(equals - text - 2))
	                              : pr_str(text + 2);
	const struct cli_option *o = NULL;
	if (letter && text[2])
		return pr_fail(r->e, PR_EINVAL, "there is no option %.40s", text);
	if (command)
		o = find(command->options, name, letter);
	if (o)
		return set(r, o, false, letter || !equals ? NULL : equals + 1);
	o = find(cli_global_options, name, letter);
	return o ? set(r, o, true, letter || !equals ? NULL : equals + 1) : unknown_option(r, name);
}

static int
unknown_command(struct reading *r, const char *word)
{
	const char *names[100];
	char shown[64];
	unsigned n = 0;
	for (unsigned i = 0; cli_commands[i].name; i++)
		names[n++] = cli_commands[i].name;
	for (unsigned i = 0; cli_later[i]; i++) {
		if (strcmp(cli_later[i], word) == 0)
			return pr_fail(r->e, PR_EUNAVAILABLE, "%s is not available yet", word);
		names[n++] = cli_later[i];
	}
	names[n] = NULL;
	const char *near = pr_nearest(pr_str(word), names);
	pr_str_show(pr_str(word), shown, sizeof shown);
	return pr_fail(r->e, PR_EINVAL, "there is no command %s%s%s%s", shown,
	               near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static int
read_word(struct reading *r, const char *word)
{
	struct cli_arguments *a = r->out;
	if (!a->command) {
		for (unsigned i = 0; cli_commands[i].name; i++)
			if (strcmp(cli_commands[i].name, word) == 0)
				a->command = &cli_commands[i];
		if (strcmp(word, "help") == 0 && !a->help)
			a->help = true;
		else if (!a->command)
			return unknown_command(r, word);
		return 0;
	}
	if (a->n == a->command->most || a->n == CLI_WORDS_MAX)
		return pr_fail(r->e, PR_EINVAL, "%s: one argument too many: %.100s",
		               a->command->name, word);
	if (!*word) /* in a script: a variable that was never set */
		return pr_fail(r->e, PR_EINVAL, "%s: %s is empty", a->command->name,
		               a->command->arguments);
	a->words[a->n++] = word;
	return 0;
}

int
cli_arguments_read(int argc, char **argv, struct cli_arguments *out, struct pr_error *e)
{
	struct reading r = {.out = out, .argc = argc, .argv = argv, .e = e};
	*out = (struct cli_arguments){0};
	for (r.at = 1; r.at < argc; r.at++) {
		const char *text = argv[r.at];
		int result = 0;
		if (!r.words_only && strcmp(text, "--") == 0)
			r.words_only = true;
		else if (!r.words_only && text[0] == '-' && text[1])
			result = read_option(&r, text);
		else
			result = read_word(&r, text);
		if (result < 0)
			return result;
	}
	if (out->help || out->version)
		return 0;
	if (!out->command)
		return pr_fail(e, PR_EINVAL, "say what to do");
	if (out->n < out->command->least)
		return pr_fail(e, PR_EINVAL, "usage: postrider %s %s", out->command->name,
		               out->command->arguments);
	return 0;
}

const char *
cli_value(const struct cli *c, const char *option)
{
	for (unsigned i = c->arguments.given_n; i-- > 0;)
		if (strcmp(c->arguments.given[i].option->name, option) == 0)
			return c->arguments.given[i].value;
	return NULL;
}

bool
cli_given(const struct cli *c, const char *option)
{
	for (unsigned i = 0; i < c->arguments.given_n; i++)
		if (strcmp(c->arguments.given[i].option->name, option) == 0)
			return true;
	return false;
}
