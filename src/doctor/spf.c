/*
 * check_host() of SPF (RFC 7208 section 4): the record is found, parsed whole, and its terms are
 * evaluated from the left until one matches. include and redirect evaluate another domain the
 * same way. All of an evaluation shares two counters (section 4.6.4): terms that look up, at most
 * 10, and look-ups that find nothing, at most 2; beyond them the result is permerror. So no
 * record leads round in circles for long.
 */
#include "spf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TERMS_MAX 10u /* that look up */
#define VOIDS_MAX 2u
#define NAMES_MAX 10u /* of MX and PTR records */

struct evaluation {
	const struct pr_doctor_dns *dns;
	struct spf_address address;
	const char *address_text;
	struct spf_macros macros;
	unsigned terms, voids;
	char validated[PR_DNS_NAME_SIZE]; /* %{p} */
	const char *validated_for;        /* the domain; NULL: not known yet */
	char *why;                        /* 200 octets */
};

/* What a term did. */
enum match { NO, YES, TEMPERROR, PERMERROR };

static enum pr_spf_result check_host(struct evaluation *ev, const char *domain);

const char *
pr_spf_word(enum pr_spf_result result)
{
	static const char *const words[] = {"none",     "neutral",   "pass",     "fail",
	                                    "softfail", "temperror", "permerror"};
	return words[result];
}

static void __attribute__((format(printf, 2, 3)))
say(struct evaluation *ev, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(ev->why, 200, format, ap);
	va_end(ap);
}

static enum match
permerror(struct evaluation *ev, const char *domain, struct pr_str term, const char *what)
{
	char shown[80];
	say(ev, "%s (%s at %.60s)", what, pr_str_show(term, shown, sizeof shown), domain);
	return PERMERROR;
}

/* A look-up of a term. NO: it found nothing. */
static enum match
look_up(struct evaluation *ev, const char *name, enum pr_dns_type type,
        struct pr_doctor_answer *out)
{
	enum pr_dns_status status = ev->dns->look_up(ev->dns->context, name, type, out);
	if (status == PR_DNS_OK)
		return YES;
	if (status == PR_DNS_TEMP) {
		say(ev, "%.100s cannot be looked up now", name);
		return TEMPERROR;
	}
	if (ev->voids++ < VOIDS_MAX)
		return NO;
	say(ev, "more than %u look-ups find nothing (the last: %.100s)", VOIDS_MAX, name);
	return PERMERROR;
}

static enum match
host_matches(struct evaluation *ev, const char *host, const struct spf_term *t)
{
	struct pr_doctor_answer answer;
	struct spf_address found;
	bool v6 = ev->address.v6;
	enum match m = look_up(ev, host, v6 ? PR_DNS_AAAA : PR_DNS_A, &answer);
	if (m != YES)
		return m;
	for (size_t i = 0; i < answer.n; i++)
		if (spf_address_parse(answer.records[i].p, &found) &&
		    spf_address_within(&ev->address, &found, v6 ? t->bits6 : t->bits4))
			return YES;
	return NO;
}

static enum match
match_mx(struct evaluation *ev, const char *domain, const char *target, const struct spf_term *t)
{
	struct pr_doctor_answer answer;
	enum match m = look_up(ev, target, PR_DNS_MX, &answer);
	if (m != YES)
		return m;
	if (answer.n > NAMES_MAX)
		return permerror(ev, domain, t->text, "there are more than 10 MX records");
	for (size_t i = 0; i < answer.n; i++)
		if ((m = host_matches(ev, answer.records[i].p, t)) != NO)
			return m;
	return NO;
}

static bool
below(const char *name, const char *domain)
{
	struct pr_str n = pr_str(name), d = pr_str(domain);
	if (n.n < d.n || !pr_str_eq_nocase(pr_str_n(n.p + n.n - d.n, d.n), d))
		return false;
	return n.n == d.n || n.p[n.n - d.n - 1] == '.';
}

/* Whether a name of the client leads back to it. Failures are no (section 5.5). */
static bool
leads_back(struct evaluation *ev, const char *name)
{
	struct pr_doctor_answer answer;
	struct spf_address found;
	enum pr_dns_type type = ev->address.v6 ? PR_DNS_AAAA : PR_DNS_A;
	ev->dns->look_up(ev->dns->context, name, type, &answer);
	for (size_t i = 0; i < answer.n; i++)
		if (spf_address_parse(answer.records[i].p, &found) &&
		    spf_address_within(&ev->address, &found, found.v6 ? 128 : 32))
			return true;
	return false;
}

static enum match
look_up_names(struct evaluation *ev, struct pr_doctor_answer *out)
{
	char name[PR_DNS_NAME_SIZE];
	struct pr_address address;
	if (pr_address_parse(ev->address_text, 0, &address) < 0)
		return NO;
	pr_dns_reverse((const struct sockaddr *)&address.sa, name);
	enum match m = look_up(ev, name, PR_DNS_PTR, out);
	if (out->n > NAMES_MAX)
		out->n = NAMES_MAX;
	return m;
}

static enum match
match_ptr(struct evaluation *ev, const char *target)
{
	struct pr_doctor_answer names;
	enum match m = look_up_names(ev, &names);
	if (m != YES)
		return m == PERMERROR ? m : NO;
	for (size_t i = 0; i < names.n; i++)
		if (below(names.records[i].p, target) && leads_back(ev, names.records[i].p))
			return YES;
	return NO;
}

/* The domain itself, a name below it, any that leads back, or "unknown" (section 7.3). */
static void
find_validated(struct evaluation *ev, const char *domain)
{
	struct pr_doctor_answer names;
	unsigned best = 0;
	strcpy(ev->validated, "unknown");
	if (look_up_names(ev, &names) != YES)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.records[i].p;
		bool same = pr_str_eq_nocase(names.records[i], pr_str(domain));
		unsigned rank = same ? 3 : below(name, domain) ? 2 : 1;
		if (rank <= best || !leads_back(ev, name))
			continue;
		best = rank;
		snprintf(ev->validated, sizeof ev->validated, "%s", name);
	}
}

/* %{p}; looked up once a term, however often its macros say it. */
static const char *
validated(void *context, const char *domain)
{
	struct evaluation *ev = context;
	if (!ev->validated_for)
		find_validated(ev, domain);
	ev->validated_for = domain;
	return ev->validated;
}

static enum match
match_include(struct evaluation *ev, const char *domain, const char *target, struct pr_str text)
{
	switch (check_host(ev, target)) {
	case PR_SPF_PASS: return YES;
	case PR_SPF_TEMPERROR: return TEMPERROR;
	case PR_SPF_PERMERROR: return PERMERROR;
	case PR_SPF_NONE:
		return permerror(ev, domain, text, "the included domain has no SPF record");
	default: return NO;
	}
}

static void
target_of(struct evaluation *ev, const char *domain, const struct spf_term *t,
          char out[PR_DNS_NAME_SIZE])
{
	ev->macros.domain = domain;
	ev->validated_for = NULL;
	if (t->domain.n)
		spf_expand(&ev->macros, t->domain, out);
	else
		snprintf(out, PR_DNS_NAME_SIZE, "%s", domain);
}

static enum match
evaluate(struct evaluation *ev, const char *domain, const struct spf_term *t)
{
	struct pr_doctor_answer answer;
	char target[PR_DNS_NAME_SIZE];
	if (t->kind == SPF_ALL)
		return YES;
	if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
		return spf_address_within(&ev->address, &t->address,
		                          t->address.v6 ? t->bits6 : t->bits4)
		           ? YES
		           : NO;
	if (ev->terms++ >= TERMS_MAX)
		return permerror(ev, domain, t->text, "more than 10 terms need look-ups");
	target_of(ev, domain, t, target);
	switch (t->kind) {
	case SPF_A: return host_matches(ev, target, t);
	case SPF_MX: return match_mx(ev, domain, target, t);
	case SPF_PTR: return match_ptr(ev, target);
	case SPF_INCLUDE: return match_include(ev, domain, target, t->text);
	default: return look_up(ev, target, PR_DNS_A, &answer); /* exists: by IPv4 always */
	}
}

static enum pr_spf_result
redirect(struct evaluation *ev, const char *domain, const struct spf_term *t)
{
	char target[PR_DNS_NAME_SIZE];
	if (ev->terms++ >= TERMS_MAX) {
		permerror(ev, domain, t->text, "more than 10 terms need look-ups");
		return PR_SPF_PERMERROR;
	}
	target_of(ev, domain, t, target);
	enum pr_spf_result result = check_host(ev, target);
	if (result != PR_SPF_NONE)
		return result;
	permerror(ev, domain, t->text, "the domain it redirects to has no SPF record");
	return PR_SPF_PERMERROR;
}

static enum pr_spf_result
evaluate_record(struct evaluation *ev, const char *domain, const struct spf_term *terms, size_t n)
{
	const struct spf_term *elsewhere = NULL;
	char shown[80];
	for (size_t i = 0; i < n; i++) {
		const struct spf_term *t = &terms[i];
		if (t->kind == SPF_REDIRECT)
			elsewhere = t;
		if (t->kind >= SPF_REDIRECT)
			continue;
		enum match m = evaluate(ev, domain, t);
		if (m == TEMPERROR || m == PERMERROR)
			return m == TEMPERROR ? PR_SPF_TEMPERROR : PR_SPF_PERMERROR;
		if (m == NO)
			continue;
		say(ev, "by %s of %.100s", pr_str_show(t->text, shown, sizeof shown), domain);
		return t->result;
	}
	if (elsewhere)
		return redirect(ev, domain, elsewhere);
	say(ev, "no term of %.100s matches", domain);
	return PR_SPF_NEUTRAL;
}

static bool
is_spf(struct pr_str txt)
{
	return pr_str_starts_nocase(txt, "v=spf1") && (txt.n == 6 || txt.p[6] == ' ');
}

/* The one SPF record. PR_SPF_PASS: found. */
static enum pr_spf_result
find_record(struct evaluation *ev, const char *domain, struct pr_str *record)
{
	struct pr_doctor_answer answer;
	unsigned found = 0;
	/* Not counted as a void look-up: what it means is the result itself (section 4.4). */
	if (ev->dns->look_up(ev->dns->context, domain, PR_DNS_TXT, &answer) == PR_DNS_TEMP) {
		say(ev, "%.100s cannot be looked up now", domain);
		return PR_SPF_TEMPERROR;
	}
	for (size_t i = 0; i < answer.n; i++)
		if (is_spf(answer.records[i]) && found++ == 0)
			*record = answer.records[i];
	if (found > 1)
		say(ev, "%.100s has %u SPF records", domain, found);
	else if (found == 0)
		say(ev, "%.100s has no SPF record", domain);
	return found > 1 ? PR_SPF_PERMERROR : found ? PR_SPF_PASS : PR_SPF_NONE;
}

/* A domain name of several labels (section 4.3). */
static bool
is_domain(const char *domain)
{
	size_t n = strlen(domain), label = 0;
	if (n == 0 || n > 253 || !strchr(domain, '.'))
		return false;
	for (size_t i = 0; i < n; i++) {
		label = domain[i] == '.' ? 0 : label + 1;
		if (label > 63 || (label == 0 && (i == 0 || domain[i - 1] == '.')))
			return false;
	}
	return true;
}

static enum pr_spf_result
check_host(struct evaluation *ev, const char *domain)
{
	struct pr_str record = {0}, bad = {0};
	size_t n = 0;
	if (!is_domain(domain)) {
		say(ev, "%.100s is no domain", domain);
		return PR_SPF_NONE;
	}
	enum pr_spf_result result = find_record(ev, domain, &record);
	if (result != PR_SPF_PASS)
		return result;
	/* On the heap: eleven of them may be open at once. */
	struct spf_term *terms = pr_calloc(SPF_TERMS_MAX, sizeof *terms);
	if (spf_parse(record, terms, &n, &bad) < 0) {
		permerror(ev, domain, bad, "a term is wrong");
		result = PR_SPF_PERMERROR;
	} else {
		result = evaluate_record(ev, domain, terms, n);
	}
	free(terms);
	return result;
}

enum pr_spf_result
pr_spf_check(const struct pr_doctor_dns *dns, const struct pr_spf_query *q, char why[200])
{
	struct evaluation ev = {.dns = dns, .why = why, .address_text = q->address};
	why[0] = 0;
	if (!spf_address_parse(q->address, &ev.address)) {
		say(&ev, "%.100s is no IP address", q->address);
		return PR_SPF_PERMERROR;
	}
	ev.macros =
	    (struct spf_macros){.sender = q->sender && *q->sender ? q->sender : "postmaster",
	                        .sender_domain = q->domain,
	                        .helo = q->helo ? q->helo : q->domain,
	                        .address = &ev.address,
	                        .validated = validated,
	                        .context = &ev};
	return check_host(&ev, q->domain);
}
