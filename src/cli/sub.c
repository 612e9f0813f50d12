/* Commands whose first word is a verb of their own: `suppress add`, `contacts import`. */
#include "cli.h"

static bool
knows(const struct cli_sub *sub, const char *option)
{
	for (unsigned i = 0; i < CLI_SUB_OPTIONS && sub->options[i]; i++)
		if (strcmp(sub->options[i], option) == 0)
			return true;
	return false;
}

enum cli_exit
cli_run_sub(struct cli *c, const struct cli_sub *sub)
{
	const struct cli_arguments *a = &c->arguments;
	const char *name = a->command->name;
	while (sub->word && strcmp(sub->word, a->words[0]) != 0)
		sub++;
	if (!sub->word)
		return cli_usage(c, "there is no `%s %s`", name, cli_show(a->words[0]));
	if (a->n < sub->least)
		return cli_usage(c, "`%s %s` needs one thing more", name, sub->word);
	if (a->n > sub->most)
		return cli_usage(c, "`%s %s` takes nothing more", name, sub->word);
	for (unsigned k = 0; k < a->given_n; k++)
		if (!knows(sub, a->given[k].option->name))
			return cli_usage(c, "`%s %s` has no option --%s", name, sub->word,
			                 a->given[k].option->name);
	return sub->run(c);
}
