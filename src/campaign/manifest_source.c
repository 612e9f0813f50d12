/*
 * Where recipients come from: a file of the folder, contacts (audience), or an earlier campaign.
 * What can be said without a store is said here: that it is one of them, and that conditions are
 * conditions. A name of postrider.yaml looks like one as well.
 */
#include "manifest_internal.h"

#include "postrider/audience/snapshot.h"
#include "postrider/audience/contacts.h"
#include "postrider/base/error.h"
#include "postrider/ledger/where.h"

static bool
excludes(const struct pr_manifest_exclude *x)
{
	return x->list.n || x->segment.p || x->campaigns.n || x->within_ms;
}

bool
pr_manifest_by_audience(const struct pr_manifest *m)
{
	return m->audience.list.n || m->audience.segment.p || pr_manifest_is_series(m);
}

bool
pr_manifest_by_campaign(const struct pr_manifest *m)
{
	return m->recipients.campaign.p != NULL;
}

bool
pr_manifest_at_start(const struct pr_manifest *m)
{
	return pr_manifest_by_audience(m) || pr_manifest_by_campaign(m) || excludes(&m->exclude);
}

static int
check_condition(const struct pr_text *t, const char *key,
                int (*check)(struct pr_str, struct pr_error *), struct pr_problems *problems)
{
	struct pr_error e;
	bool name = pr_list_name_is_good(pr_text_str(t)); /* maybe one of postrider.yaml */
	if (!t->p || name || check(pr_text_str(t), &e) == 0)
		return 0;
	return pr_text_problem(problems, PR_MANIFEST_FILE, t, "correct the condition", "%s: %s",
	                       key, e.text);
}

int
pr_manifest_check_condition(const struct pr_text *t, const char *key, struct pr_problems *problems)
{
	return check_condition(t, key, pr_segment_check, problems);
}

static int
check_names(const struct pr_texts *names, const char *key, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < names->n; i++)
		if (!pr_list_name_is_good(pr_text_str(&names->items[i])))
			r = pr_text_problem(problems, PR_MANIFEST_FILE, &names->items[i],
			                    "use letters, digits, '-', '_' and '.'",
			                    "%s: \"%s\" cannot be a name of contacts", key,
			                    names->items[i].p);
	return r;
}

static int
check_exclude(const struct pr_manifest_exclude *x, const char *segment, const char *list,
              struct pr_problems *problems)
{
	int r = check_names(&x->list, list, problems);
	return r | check_condition(&x->segment, segment, pr_segment_check, problems);
}

static int
check_derived(const struct pr_texts *columns, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < columns->n; i++) {
		const char *const *known = pr_snapshot_derived;
		while (*known && strcmp(*known, columns->items[i].p) != 0)
			known++;
		if (!*known)
			r = pr_text_problem(
			    problems, PR_MANIFEST_FILE, &columns->items[i],
			    "choose among created, updated, recency, frequency, monetary, "
			    "stage, value, engagement; attributes are there anyway",
			    "audience.columns: nothing called \"%s\" is derived",
			    columns->items[i].p);
	}
	return r;
}

static void
drop_file(struct pr_manifest *m)
{
	m->recipients.file = (struct pr_text){0};
}

/* Consent as contacts have it stands in columns of their own: unless the manifest names others,
 * those are what is asked. */
static void
name_consent(struct pr_manifest *m)
{
	if (!m->audience.consent.p || m->consent.column.p)
		return;
	m->consent.column = (struct pr_text){.p = "consent", .n = 7};
	m->consent.expires = (struct pr_text){.p = "consent_expires", .n = 15};
}

static int
check_audience(struct pr_manifest *m, struct pr_problems *problems)
{
	const struct pr_manifest_audience *a = &m->audience;
	int r = check_names(&a->list, "audience.list", problems);
	r |= check_condition(&a->segment, "audience.segment", pr_segment_check, problems);
	r |= check_exclude(&a->exclude, "audience.exclude.segment", "audience.exclude.list",
	                   problems);
	r |= check_derived(&a->columns, problems);
	if (a->consent.p && !pr_list_name_is_good(pr_text_str(&a->consent)))
		r = pr_text_problem(problems, PR_MANIFEST_FILE, &a->consent,
		                    "name the purpose as consents do, like marketing",
		                    "audience.consent: \"%s\" cannot be a purpose", a->consent.p);
	name_consent(m);
	return r;
}

/* The first of what makes two of it, with what it cannot stand beside. */
static int
check_one(const struct pr_manifest *m, struct pr_problems *problems)
{
	const struct pr_manifest_recipients *f = &m->recipients;
	const struct pr_text *file = f->file.line ? &f->file : f->email.p ? &f->email : NULL;
	const struct pr_text *other = f->campaign.p ? &f->campaign : file;
	if (pr_manifest_is_series(m) && other)
		return pr_text_problem(problems, PR_MANIFEST_FILE, other,
		                       "take it out, and say in audience whom it is for",
		                       "recipients stand beside trigger: they are the contacts it "
		                       "happens to");
	if (pr_manifest_by_audience(m) && other)
		return pr_text_problem(problems, PR_MANIFEST_FILE, other,
		                       "keep audience or recipients",
		                       "recipients stand beside audience: they come from one "
		                       "place");
	if (f->campaign.p && file)
		return pr_text_problem(problems, PR_MANIFEST_FILE, file,
		                       "keep recipients.campaign or the file",
		                       "recipients come from a campaign and from a file");
	if (f->where.p && !f->campaign.p)
		return pr_text_problem(problems, PR_MANIFEST_FILE, &f->where,
		                       "name it: recipients: {campaign: ID, where: ...}",
		                       "recipients.where: of which campaign?");
	return 0;
}

static int
check_half(const struct pr_manifest *m, struct pr_problems *problems)
{
	const struct pr_manifest_audience *a = &m->audience;
	if (pr_manifest_by_audience(m) ||
	    (!a->consent.p && !a->columns.n && !excludes(&a->exclude)))
		return 0;
	pr_problem_add(problems, PR_PROBLEM, PR_MANIFEST_FILE, 0,
	               "add list: NAME or segment: CONDITION", "audience: of whom?");
	return PR_EINVAL;
}

int
pr_manifest_check_source(struct pr_manifest *m, struct pr_problems *problems)
{
	int r = check_one(m, problems);
	r |= check_half(m, problems);
	r |= check_audience(m, problems);
	r |= check_condition(&m->recipients.where, "recipients.where", pr_where_check, problems);
	r |= check_exclude(&m->exclude, "exclude.segment", "exclude.list", problems);
	if (pr_manifest_by_audience(m) || pr_manifest_by_campaign(m))
		drop_file(m);
	return r ? PR_EINVAL : 0;
}
