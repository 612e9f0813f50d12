/*
 * `postrider check DIR`: everything that intake and sending would find, without a daemon and
 * without sending: the folder, the manifest, routes and brands (where a configuration can be
 * read), the recipients and every row's message.
 */
#include "check_times.h"

#include "postrider/campaign/intake.h"

#include <signal.h>
#include <stdatomic.h>

static _Atomic bool stop; /* Ctrl-C: what was found until then is told */

struct judged {
	struct pr_trial_counts counts;
	bool configured; /* routes and brands were looked at */
	bool good;
	struct check_times *times; /* NULL: rows have none */
	struct pr_error e;         /* beside the problems */
};

/* ---- judging ---- */

static void
on_interrupt(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

/* Once: the second Ctrl-C ends the program as ever. */
static void
listen_for_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt,
	                           .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
judge(struct cli *c, const char *path, struct cli_folder *f, struct judged *j)
{
	const struct pr_config *config = cli_config(c, false);
	struct pr_error e = {0};
	int r = pr_folder_check(path, f->manifest, &f->problems, &e);
	if (r < 0 && e.code)
		j->e = e;
	j->configured = config != NULL;
	if (config && f->manifest)
		pr_manifest_check(f->manifest, config, &f->problems);
	if (f->manifest) {
		struct pr_trial trial = cli_trial(c, f);
		trial.stop = &stop;
		e = (struct pr_error){0};
		r = pr_message_check(&trial, &j->counts, &f->problems, &e);
		if (r < 0 && e.code)
			j->e = e;
	}
	if (config && f->manifest && f->manifest->sound && r == 0)
		j->times = check_times_read(f, config);
	j->good = f->manifest && f->problems.problems == 0 && r == 0 && j->e.code == 0;
}

/* More bad rows than allowed: the campaign would be held, which its sender wants to know. */
static void
judge_numbers(struct cli_folder *f, const struct judged *j)
{
	if (!f->manifest || !j->counts.rows)
		return;
	const struct pr_manifest_recipients *m = &f->manifest->recipients;
	uint64_t bad = j->counts.bad;
	if (bad > m->rejects_free && (double)bad > m->max_rejects * (double)j->counts.rows)
		pr_problem_add(&f->problems, PR_WARNING, m->file.p, 0,
		               "correct the rows, or raise recipients.max_rejects",
		               "%llu of %llu rows are bad: the campaign would be held",
		               (unsigned long long)bad, (unsigned long long)j->counts.rows);
	if (m->expect_rows > 0 && (uint64_t)m->expect_rows != j->counts.rows)
		pr_problem_add(&f->problems, PR_WARNING, m->file.p, 0,
		               "check that the file is whole, or correct recipients.expect_rows",
		               "%lld rows are expected, %llu are there: the campaign would be held",
		               (long long)m->expect_rows, (unsigned long long)j->counts.rows);
}

/* ---- telling ---- */

static void
print_json(const struct cli_folder *f, const struct judged *j)
{
	struct pr_buf b = {0};
	pr_buf_addf(&b, "{\"ok\":%s,\"rows\":%llu,\"good\":%llu,\"bad\":%llu,\"failed\":%llu",
	            j->good ? "true" : "false", (unsigned long long)j->counts.rows,
	            (unsigned long long)j->counts.good, (unsigned long long)j->counts.bad,
	            (unsigned long long)j->counts.failed);
	pr_buf_addf(&b,
	            ",\"aborted\":%llu,\"duplicates\":%llu,\"machine_opened\":%llu,"
	            "\"largest\":%zu",
	            (unsigned long long)j->counts.aborted, (unsigned long long)j->counts.duplicates,
	            (unsigned long long)j->counts.machine, j->counts.octets_max);
	pr_buf_addf(&b, ",\"seeds\":%zu", f->manifest ? f->manifest->seeds.n : 0);
	pr_buf_addf(&b, ",\"errors\":%u,\"warnings\":%u", f->problems.problems,
	            f->problems.warnings);
	if (j->times)
		check_times_json(j->times, &b);
	pr_buf_adds(&b, ",\"error\":");
	if (j->e.code)
		pr_buf_add_json(&b, pr_str(j->e.text));
	else
		pr_buf_adds(&b, "null");
	pr_buf_adds(&b, ",\"problems\":");
	pr_problems_json(&f->problems, &b);
	printf("%s}\n", b.data);
	pr_buf_finish(&b);
}

static void
print_summary(const struct judged *j)
{
	char rows[CLI_TEXT], text[CLI_TEXT];
	if (!j->counts.rows)
		return;
	bool composed = j->counts.good || j->counts.failed; /* else no template compiled */
	printf("%s row%s: ", cli_number(j->counts.rows, rows), j->counts.rows == 1 ? "" : "s");
	if (composed)
		printf("%s would be sent, ", cli_number(j->counts.good, text));
	printf("%s bad, ", cli_number(j->counts.bad, text));
	printf("%s duplicate%s", cli_number(j->counts.duplicates, text),
	       j->counts.duplicates == 1 ? "" : "s");
	if (j->counts.failed)
		printf(", %s refused by a template", cli_number(j->counts.failed, text));
	if (j->counts.aborted)
		printf(", %s aborted by the template", cli_number(j->counts.aborted, text));
	if (composed)
		printf("; the largest message has %s", cli_octets(j->counts.octets_max, text));
	putchar('\n');
	if (j->counts.machine)
		printf(
		    "%s of them opened the earlier campaign by machines only, which counts as not "
		    "opened.\n",
		    cli_number(j->counts.machine, text));
	if (j->counts.duplicates_cut)
		puts("There are too many addresses to look for duplicates among all of them here: "
		     "sending does.");
}

/* Rows of a series are whoever is in its audience by now: nobody gets it for that alone. */
static void
print_series(const struct cli_folder *f, const struct judged *j)
{
	char text[CLI_TEXT];
	if (!f->manifest || !pr_manifest_is_series(f->manifest) || !j->counts.rows)
		return;
	unsigned steps = pr_manifest_steps(f->manifest);
	printf("A series: these %s are its audience now; whoever its trigger happens to gets %u "
	       "message%s.\n",
	       cli_number(j->counts.good, text), steps, steps == 1 ? "" : "s at most");
}

static void
print_text(const char *path, const struct cli_folder *f, const struct judged *j,
           const struct pr_config *config)
{
	struct pr_buf text = {0};
	const struct pr_problems *p = &f->problems;
	pr_problems_text(p, &text);
	fputs(text.data ? text.data : "", stdout);
	pr_buf_finish(&text);
	if (j->e.code)
		printf("%s%s\n", j->e.code == PR_ECANCELLED ? "" : "error: ", j->e.text);
	print_summary(j);
	if (f->manifest && f->manifest->seeds.n)
		printf("Besides, counted apart: %zu seed%s\n", f->manifest->seeds.n,
		       f->manifest->seeds.n == 1 ? "" : "s");
	print_series(f, j);
	if (j->times && !pr_manifest_is_series(f->manifest))
		check_times_print(j->times, f, config);
	if (!j->configured)
		puts("Route and brand were not looked at: no postrider.yaml could be read "
		     "(--config).");
	const char *verdict = j->e.code == PR_ECANCELLED ? "was not checked to its end"
	                      : j->good                  ? "can be sent"
	                                                 : "cannot be sent";
	printf("%s: %s", cli_show(path), verdict);
	if (p->problems || p->warnings)
		printf(" (%u error%s, %u warning%s)", p->problems, p->problems == 1 ? "" : "s",
		       p->warnings, p->warnings == 1 ? "" : "s");
	putchar('\n');
}

enum cli_exit
cli_run_check(struct cli *c)
{
	const char *path = c->arguments.words[0];
	struct cli_folder f;
	struct judged j = {0};
	if (cli_config_named(c) && !cli_config(c, true))
		return CLI_FAILED;
	if (cli_folder_open(&f, path) != CLI_DONE)
		return CLI_FAILED;
	listen_for_interrupt();
	judge(c, path, &f, &j);
	judge_numbers(&f, &j);
	if (c->arguments.json)
		print_json(&f, &j);
	else
		print_text(path, &f, &j, cli_config(c, false));
	check_times_free(j.times);
	cli_folder_close(&f);
	return j.good ? CLI_DONE : CLI_FAILED;
}
