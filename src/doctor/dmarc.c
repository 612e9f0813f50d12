/*
 * DMARC (RFC 9989): records, and the walk up the tree that finds them and the organizational
 * domain. A walk asks at the domain, then at its parents of at most seven labels, down to one,
 * so that no long name costs more than eight look-ups.
 */
#include "postrider/doctor.h"

#include <stdio.h>

#define LABELS_MAX 7u /* of the parents that are asked */

static bool
read_policy(const struct pr_tags *tags, const char *name, enum pr_dmarc_policy *out)
{
	struct pr_str v = pr_tags_get(tags, name);
	if (!v.p)
		return true;
	if (pr_str_eq_nocase(v, PR_STR("none")))
		*out = PR_DMARC_NONE;
	else if (pr_str_eq_nocase(v, PR_STR("quarantine")))
		*out = PR_DMARC_QUARANTINE;
	else if (pr_str_eq_nocase(v, PR_STR("reject")))
		*out = PR_DMARC_REJECT;
	else
		return false;
	return true;
}

static bool
is(const struct pr_tags *tags, const char *name, const char *value)
{
	struct pr_str v = pr_tags_get(tags, name);
	return v.p && pr_str_eq_nocase(v, pr_str(value));
}

/* A wrong or missing p= with rua= counts as p=none, without as no record (section 4.7). */
static int
read_policies(const struct pr_tags *tags, struct pr_dmarc_record *r)
{
	struct pr_str rua = pr_tags_get(tags, "rua");
	bool good = pr_tags_get(tags, "p").p && read_policy(tags, "p", &r->p);
	r->sp = r->p;
	good = good && read_policy(tags, "sp", &r->sp);
	r->np = r->sp;
	good = good && read_policy(tags, "np", &r->np);
	r->reports = rua.n > 0;
	if (!good && !r->reports)
		return PR_EINVAL;
	if (!good)
		r->p = r->sp = r->np = PR_DMARC_NONE;
	return 0;
}

int
pr_dmarc_record_parse(struct pr_str txt, struct pr_dmarc_record *out)
{
	struct pr_tags tags;
	struct pr_dmarc_record r = {.psd = 'u'};
	const char *end = memchr(txt.p, ';', txt.n);
	struct pr_str first = pr_str_n(txt.p, end ? (size_t)(end - txt.p) : txt.n);
	if (pr_tags_parse(first, &tags) < 0 || !pr_str_is(tags.items[0].name, "v") ||
	    !pr_str_is(tags.items[0].value, "DMARC1"))
		return PR_ENOENT;
	if (pr_tags_parse(txt, &tags) < 0 || read_policies(&tags, &r) < 0)
		return PR_EINVAL;
	if (is(&tags, "psd", "y") || is(&tags, "psd", "n"))
		r.psd = is(&tags, "psd", "y") ? 'y' : 'n';
	r.testing = is(&tags, "t", "y");
	r.strict_dkim = is(&tags, "adkim", "s");
	r.strict_spf = is(&tags, "aspf", "s");
	*out = r;
	return 0;
}

/* The one record at a name: 1 there is one, 0 none (or several), PR_EAGAIN. */
static int
record_at(const struct pr_doctor_dns *dns, const char *domain, struct pr_dmarc_record *out)
{
	char name[PR_DNS_NAME_SIZE + 8];
	struct pr_doctor_answer answer;
	struct pr_dmarc_record record;
	unsigned found = 0;
	snprintf(name, sizeof name, "_dmarc.%s", domain);
	if (dns->look_up(dns->context, name, PR_DNS_TXT, &answer) == PR_DNS_TEMP)
		return PR_EAGAIN;
	bool good = false;
	for (size_t i = 0; i < answer.n; i++) {
		int r = pr_dmarc_record_parse(answer.records[i], &record);
		found += r != PR_ENOENT;
		if (r < 0)
			continue;
		good = true;
		*out = record;
	}
	return good && found == 1;
}

static unsigned
labels(const char *domain)
{
	unsigned n = *domain != 0;
	for (const char *p = domain; *p; p++)
		n += *p == '.';
	return n;
}

static const char *
parent(const char *domain)
{
	const char *dot = strchr(domain, '.');
	return dot ? dot + 1 : "";
}

/* The next to ask: the parent, of a long name its end of seven labels. */
static const char *
next_up(const char *domain)
{
	domain = parent(domain);
	while (labels(domain) > LABELS_MAX)
		domain = parent(domain);
	return domain;
}

/* What is one label below `above` on the way from domain. */
static const char *
one_below(const char *domain, const char *above)
{
	while (*domain && parent(domain) != above)
		domain = parent(domain);
	return domain;
}

struct visit {
	const char *at; /* within the domain the walk began at */
	bool found;
	struct pr_dmarc_record record;
};

static int
walk(const struct pr_doctor_dns *dns, const char *domain, struct visit *visits, unsigned *n)
{
	*n = 0;
	for (const char *at = domain; *at && *n < PR_DMARC_QUERIES_MAX; at = next_up(at)) {
		struct visit *v = &visits[(*n)++];
		*v = (struct visit){.at = at};
		int r = record_at(dns, at, &v->record);
		if (r < 0)
			return r;
		v->found = r;
		if (v->found && v->record.psd != 'u')
			break;
	}
	return 0;
}

/* Where psd=n is said; below where psd=y is said, above the start; else the highest with a
 * record (section 4.10.2). */
static const char *
organization_of(const char *domain, const struct visit *visits, unsigned n)
{
	const char *highest = domain;
	for (unsigned i = 0; i < n; i++) {
		if (!visits[i].found)
			continue;
		if (i > 0 && visits[i].record.psd == 'y')
			return one_below(domain, visits[i].at);
		highest = visits[i].at;
	}
	return highest;
}

/* The record at the start, else of the organizational domain, else of the public suffix
 * (section 4.10.1). NULL: none. */
static const struct visit *
policy_of(const char *organization, const struct visit *visits, unsigned n)
{
	if (visits[0].found)
		return &visits[0];
	for (unsigned i = 0; i < n; i++)
		if (visits[i].found && visits[i].at == organization)
			return &visits[i];
	return visits[n - 1].found && visits[n - 1].record.psd == 'y' ? &visits[n - 1] : NULL;
}

int
pr_dmarc_find(const struct pr_doctor_dns *dns, const char *domain, struct pr_dmarc_walk *out)
{
	struct visit visits[PR_DMARC_QUERIES_MAX];
	struct pr_dmarc_walk w = {0};
	int r = walk(dns, domain, visits, &w.queries);
	if (r < 0)
		return r;
	const char *organization = organization_of(domain, visits, w.queries);
	const struct visit *policy = w.queries ? policy_of(organization, visits, w.queries) : NULL;
	snprintf(w.organization, sizeof w.organization, "%s", organization);
	if (policy) {
		w.record = policy->record;
		snprintf(w.at, sizeof w.at, "%s", policy->at);
	}
	*out = w;
	return 0;
}

int
pr_dmarc_aligned(const struct pr_doctor_dns *dns, const char *from_domain,
                 const struct pr_dmarc_walk *from, const char *domain, bool strict)
{
	struct pr_dmarc_walk w;
	if (pr_str_eq_nocase(pr_str(from_domain), pr_str(domain)))
		return 1;
	if (strict)
		return 0;
	int r = pr_dmarc_find(dns, domain, &w);
	if (r < 0)
		return r;
	return pr_str_eq_nocase(pr_str(w.organization), pr_str(from->organization));
}
