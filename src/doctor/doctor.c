/*
 * All checks of all subjects and sources, into a report. A subject passes DMARC when SPF (from
 * every source) or DKIM (by one key) is good and of an aligned domain; so that check comes after
 * those two. What a failing name server keeps to itself is unknown, and so is what depends on it:
 * receivers may meet the same, or not.
 */
#include "examination.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the report ---- */

const char *
pr_doctor_word(enum pr_doctor_result result)
{
	static const char *const words[] = {"ok", "warning", "unknown", "problem"};
	return words[result];
}

void
pr_doctor_report_finish(struct pr_doctor_report *report)
{
	free(report->items);
	pr_arena_finish(&report->arena);
	*report = (struct pr_doctor_report){0};
}

static const char *
formatted(struct examination *x, const char *format, va_list ap)
{
	struct pr_buf text = {0};
	pr_buf_addvf(&text, format, ap);
	const char *kept = pr_arena_copy(&x->report->arena, pr_buf_str(&text)).p;
	pr_buf_finish(&text);
	return kept;
}

const char *
doctor_remedy(struct examination *x, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	const char *text = formatted(x, format, ap);
	va_end(ap);
	return text;
}

void
doctor_say(struct examination *x, struct about about, enum pr_doctor_result result,
           const char *remedy, const char *format, ...)
{
	struct pr_doctor_report *r = x->report;
	va_list ap;
	r->problems += result == PR_DOCTOR_PROBLEM;
	r->unknowns += result == PR_DOCTOR_UNKNOWN;
	r->warnings += result == PR_DOCTOR_WARNING;
	if (r->n == PR_DOCTOR_FINDINGS_MAX)
		return;
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 64;
		r->items = pr_realloc(r->items, r->room * sizeof *r->items);
	}
	va_start(ap, format);
	r->items[r->n++] = (struct pr_doctor_finding){
	    about.domain, about.source, about.check, result, formatted(x, format, ap), remedy};
	va_end(ap);
}

/* ---- DMARC ---- */

static void
judge_alignment(struct examination *x, const struct subject *s, const struct proof *proof)
{
	struct about about = {s->domain, "", "dmarc"};
	if (proof->spf && proof->dkim)
		doctor_say(x, about, PR_DOCTOR_OK, "", "SPF and DKIM are aligned with %s.",
		           s->domain);
	else if (proof->dkim)
		doctor_say(x, about, PR_DOCTOR_OK, "", "DKIM is aligned with %s.", s->domain);
	else if (proof->spf)
		doctor_say(x, about, PR_DOCTOR_WARNING,
		           "sign with a key (dkim) of this domain: SPF is lost in forwarding",
		           "SPF alone is aligned with %s.", s->domain);
	else if (!proof->spf_looked_at)
		doctor_say(x, about, PR_DOCTOR_WARNING, "sign with a key (dkim) of this domain",
		           "DKIM is not aligned with %s, and SPF is not known.", s->domain);
	else if (proof->unknown)
		doctor_say(
		    x, about, PR_DOCTOR_UNKNOWN, LATER,
		    "Whether SPF or DKIM passes for a domain aligned with %s is not known now.",
		    s->domain);
	else
		doctor_say(x, about, PR_DOCTOR_PROBLEM,
		           "sign with a key (dkim) of this domain, or let its return path pass SPF",
		           "Neither SPF nor DKIM passes for a domain aligned with %s.", s->domain);
}

static void
tell_policy(struct examination *x, const struct subject *s, const struct pr_dmarc_walk *w)
{
	static const char *const words[] = {"none", "quarantine", "reject"};
	struct about about = {s->domain, "", "dmarc"};
	bool own = strcmp(w->at, s->domain) == 0;
	if (!w->at[0]) {
		doctor_say(x, about, PR_DOCTOR_PROBLEM,
		           doctor_remedy(x, "publish: _dmarc.%s. IN TXT \"v=DMARC1; p=none\"",
		                         w->organization),
		           "There is no DMARC record for %s.", s->domain);
		return;
	}
	doctor_say(x, about, PR_DOCTOR_OK, "", "DMARC of %s is found at _dmarc.%s: %s%s.",
	           s->domain, w->at, words[own ? w->record.p : w->record.sp],
	           w->record.testing ? ", testing" : "");
}

/* Whether a domain counts for the subject, where `passed` (1, 0, PR_EAGAIN) says so. */
static bool
counts(struct examination *x, const struct subject *s, const struct pr_dmarc_walk *w, int passed,
       const char *domain, bool strict, struct proof *proof)
{
	if (passed == 1)
		passed = pr_dmarc_aligned(x->dns, s->domain, w, domain, strict);
	proof->unknown |= passed < 0;
	return passed == 1;
}

static void
prove_by_dkim(struct examination *x, const struct subject *s, const struct pr_dmarc_walk *w,
              struct proof *proof)
{
	for (size_t i = 0; x->config && i < x->config->dkim.n; i++) {
		const struct pr_dkim_key *key = &pr_config_dkim(x->config)[i];
		int passed =
		    doctor_signs(key, s->domain) ? doctor_check_dkim(x, s->domain, key) : 0;
		if (w)
			proof->dkim |=
			    counts(x, s, w, passed, key->domain.p, w->record.strict_dkim, proof);
	}
}

static void
check_subject(struct examination *x, const struct subject *s)
{
	struct pr_dmarc_walk walk;
	struct proof proof = {.spf_looked_at = x->sources_n > 0};
	bool found = pr_dmarc_find(x->dns, s->domain, &walk) == 0;
	int spf = doctor_check_spf(x, s);
	if (found)
		proof.spf = counts(x, s, &walk, spf, s->bounce, walk.record.strict_spf, &proof);
	prove_by_dkim(x, s, found ? &walk : NULL, &proof);
	if (found) {
		tell_policy(x, s, &walk);
		judge_alignment(x, s, &proof);
	} else {
		doctor_say(x, (struct about){s->domain, "", "dmarc"}, PR_DOCTOR_UNKNOWN, LATER,
		           "DMARC of %s cannot be looked up now.", s->domain);
	}
	doctor_check_return_path(x, s);
}

/* ---- all of it ---- */

int
pr_doctor_check(const struct pr_doctor_dns *dns, const struct pr_doctor_question *question,
                struct pr_doctor_report *report, struct pr_error *e)
{
	struct examination x = {.dns = dns, .config = question->config, .report = report};
	pr_arena_init(&report->arena);
	doctor_collect(&x, question);
	if (!x.subjects_n)
		return pr_fail(e, PR_EINVAL,
		               "the configuration names no From domain: say which to look at");
	for (size_t i = 0; i < x.subjects_n; i++)
		check_subject(&x, &x.subjects[i]);
	for (size_t i = 0; i < x.sources_n; i++)
		doctor_check_source(&x, &x.sources[i]);
	if (!x.sources_n)
		doctor_say(&x, (struct about){"", "", "sources"}, PR_DOCTOR_WARNING,
		           "name the addresses that mail leaves from under sources",
		           "SPF and the names of addresses were not looked at: which address mail "
		           "leaves from is not known.");
	return 0;
}

/* What is not ok, as problems of a campaign. */
static void
hand_over(const struct pr_doctor_report *report, struct pr_problems *problems)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct pr_doctor_finding *f = &report->items[i];
		if (f->result != PR_DOCTOR_OK)
			pr_problem_add(problems,
			               f->result == PR_DOCTOR_PROBLEM ? PR_PROBLEM : PR_WARNING, "",
			               0, f->remedy, "%s", f->text);
	}
}

int
pr_doctor_campaign(const struct pr_doctor_question *question, const _Atomic bool *stop,
                   struct pr_problems *problems)
{
	struct pr_doctor_report report = {0};
	struct pr_error e = {0};
	pr_doctor_resolver *resolver = NULL;
	int r = pr_doctor_resolver_create(question->config, &resolver, &e);
	if (r == 0) {
		pr_doctor_resolver_limit(resolver, PR_DOCTOR_CAMPAIGN_MS, stop);
		struct pr_doctor_dns dns = pr_doctor_resolver_dns(resolver);
		r = pr_doctor_check(&dns, question, &report, &e);
		hand_over(&report, problems);
		pr_doctor_resolver_destroy(resolver);
	}
	if (r < 0) /* it could not look at all */
		pr_problem_add(problems, PR_WARNING, "", 0, NULL, "%s", e.text);
	int result = report.problems ? PR_EINVAL : r < 0 || report.unknowns ? PR_EAGAIN : 0;
	pr_doctor_report_finish(&report);
	return result;
}
