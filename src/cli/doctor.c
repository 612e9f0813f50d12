/*
 * `postrider doctor [DOMAIN]`: whether receivers will believe mail from this domain, by what the
 * DNS says. Needs no daemon. A configuration is needed where no domain is given.
 */
#include "cli.h"

#include "postrider/campaign/address.h"
#include "postrider/doctor.h"

static void
print_json(const struct pr_doctor_report *report)
{
	json_t *all = json_array();
	for (size_t i = 0; i < report->n; i++) {
		const struct pr_doctor_finding *f = &report->items[i];
		json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "domain",
		                                     f->domain, "source", f->source, "check",
		                                     f->check, "result", pr_doctor_word(f->result),
		                                     "text", f->text, "remedy", f->remedy));
	}
	json_dumpf(all, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(all);
}

static const char *
about(const struct pr_doctor_finding *f)
{
	return *f->domain ? f->domain : *f->source ? f->source : "all";
}

static void
print_text(const struct pr_doctor_report *report)
{
	const char *before = "";
	for (size_t i = 0; i < report->n; i++) {
		const struct pr_doctor_finding *f = &report->items[i];
		if (strcmp(before, about(f)) != 0)
			printf("%s%s\n", i ? "\n" : "", about(f));
		before = about(f);
		printf("  %-8s %s\n", pr_doctor_word(f->result), cli_show(f->text));
		if (*f->remedy) /* whole: a key is longer than what cli_show keeps */
			printf("           remedy: %s\n", f->remedy);
	}
	printf("\n%u problem%s, %u warning%s", report->problems, report->problems == 1 ? "" : "s",
	       report->warnings, report->warnings == 1 ? "" : "s");
	if (report->unknowns)
		printf(", %u not known", report->unknowns);
	putchar('\n');
}

static enum cli_exit
examine(struct cli *c, const struct pr_doctor_question *question)
{
	struct pr_doctor_report report = {0};
	struct pr_error e = {0};
	pr_doctor_resolver *resolver;
	if (pr_doctor_resolver_create(question->config, &resolver, &e) < 0)
		return cli_fail("%s", e.text);
	struct pr_doctor_dns dns = pr_doctor_resolver_dns(resolver);
	int r = pr_doctor_check(&dns, question, &report, &e);
	enum cli_exit result =
	    r == 0 && !report.problems && !report.unknowns ? CLI_DONE : CLI_FAILED;
	if (r < 0)
		result = cli_usage(c, "%s", e.text);
	else if (c->arguments.json)
		print_json(&report);
	else
		print_text(&report);
	pr_doctor_report_finish(&report);
	pr_doctor_resolver_destroy(resolver);
	return result;
}

enum cli_exit
cli_run_doctor(struct cli *c)
{
	struct pr_doctor_question question = {0};
	char domain[PR_DNS_NAME_SIZE];
	const char *why = "";
	if (c->arguments.n) {
		if (pr_domain_parse(pr_str(c->arguments.words[0]), domain, &why) < 0)
			return cli_usage(c, "%s: %s", cli_show(c->arguments.words[0]), why);
		question.domain = domain;
	}
	question.config = cli_config(c, !question.domain);
	if (!question.config && (!question.domain || cli_config_named(c)))
		return CLI_FAILED;
	return examine(c, &question);
}
