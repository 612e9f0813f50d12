/*
 * Laws that messages show to keep (campaign/law.h). Looked for is what stands in the templates: a
 * variable that is named counts as shown, whatever the conditions around it.
 */
#include "internal.h"

#include "postrider/campaign/law.h"

#define DEPTH_MAX 8 /* of partials in partials */

static bool
names(struct pr_str text, struct pr_str what)
{
	return what.n > 0 && memmem(text.p, text.n, what.p, what.n) != NULL;
}

/* In the template, or in a partial that it names. */
static bool
shows(const struct pr_compile *x, struct pr_str text, struct pr_str what, int depth)
{
	if (names(text, what))
		return true;
	for (size_t i = 0; depth < DEPTH_MAX && i < x->partials_n; i++)
		if (names(text, pr_str(x->partials[i].name)) &&
		    shows(x, x->partials[i].plain.text, what, depth + 1))
			return true;
	return false;
}

/* The problem stands where the manifest asks for the law; a brand's is told without a line. */
static void
tell(struct pr_compile *x, const char *file, const char *remedy, const char *what)
{
	const struct pr_texts *law = &x->source->manifest->law;
	static const struct pr_text nowhere = {.p = ""};
	if (file)
		pr_problem_add(x->problems, PR_PROBLEM, file, 0, remedy, "%s", what);
	else
		pr_text_problem(x->problems, PR_MANIFEST_FILE, law->n ? law->items : &nowhere,
		                remedy, "%s", what);
}

/* ---- us, ca: who sends, and how to leave ---- */

static void
check_body(struct pr_compile *x, const struct pr_source *s)
{
	struct pr_str postal = x->c->fixed[PR_SLOT_POSTAL_ADDRESS];
	if (!shows(x, s->text, PR_STR("postal_address"), 0) && !shows(x, s->text, postal, 0))
		tell(x, s->file, "write {{ postal_address }} where it is to stand",
		     "law us, ca: the postal address is not shown");
	if (!shows(x, s->text, PR_STR("unsubscribe_url"), 0) &&
	    !shows(x, s->text, PR_STR("unsubscribe_mailto"), 0))
		tell(x, s->file, "add a link to {{ unsubscribe_url }}",
		     "law us, ca: there is no way to unsubscribe");
}

static void
check_bodies(struct pr_compile *x)
{
	if (x->c->fixed[PR_SLOT_POSTAL_ADDRESS].n == 0)
		tell(x, NULL, "add postal_address here or to the brand",
		     "law us, ca: there is no postal address");
	for (size_t i = 0; i < x->c->bodies_n; i++) {
		const struct pr_bodies *b = &x->c->bodies[i];
		if (b->html_file.n)
			check_body(x, &b->html.source);
		if (b->text_kind == PR_TEXT_FILE)
			check_body(x, &b->text.source);
	}
}

/* ---- cn: marked as advertising ---- */

static bool
is_marked(struct pr_str subject)
{
	static const struct pr_str mark = {"\xE5\xB9\xBF\xE5\x91\x8A", 6};
	struct pr_str s = pr_str_trim(subject);
	if (pr_str_starts(s, "AD")) /* not the begin of a word */
		return s.n > 2 && !pr_is_digit(s.p[2]) &&
		       (pr_lower(s.p[2]) < 'a' || pr_lower(s.p[2]) > 'z');
	return s.n > mark.n && memcmp(s.p, mark.p, mark.n) == 0;
}

/* Editions that share a subject stand beside each other. */
static void
check_subjects(struct pr_compile *x)
{
	const struct pr_manifest *m = x->source->manifest;
	const char *before = NULL;
	for (size_t i = 0; i < m->wordings_n; i++)
		for (size_t k = 0; k < m->wordings[i].editions_n; k++) {
			const struct pr_text *t = &m->wordings[i].editions[k].subject;
			if (t->p && t->p != before && !is_marked(pr_text_str(t)))
				pr_text_problem(
				    x->problems, PR_MANIFEST_FILE, t,
				    "begin it with \xE5\xB9\xBF\xE5\x91\x8A or AD, and a space",
				    "law cn: the subject does not begin with AD or "
				    "\xE5\xB9\xBF\xE5\x91\x8A");
			before = t->p;
		}
}

/* ---- eu, ca, cn: consent ---- */

static void
check_consent(struct pr_compile *x, unsigned laws)
{
	const struct pr_manifest *m = x->source->manifest;
	if (!m->consent.column.p)
		tell(x, NULL, "add consent: COLUMN, of the recipients",
		     "law eu, ca, cn: no column says who has consented");
	if ((laws & PR_LAW_CA) && !m->consent.expires.p)
		tell(x, NULL, "add consent: {column: COLUMN, expires: COLUMN}",
		     "law ca: no column says when implied consent expires");
	if ((laws & PR_LAW_EU) && x->c->track.opens && !m->track.consent.p)
		tell(x, NULL, "add track: {consent: COLUMN}, or opens: false",
		     "law eu: opens are followed without a consent of their own");
}

void
pr_law_keep(struct pr_compile *x)
{
	const struct pr_manifest *m = x->source->manifest;
	unsigned laws = pr_laws_of(&m->law) | x->source->laws;
	if (m->class_ != PR_MARKETING)
		return;
	if (laws & (PR_LAW_US | PR_LAW_CA))
		check_bodies(x);
	if (laws & PR_LAW_CN)
		check_subjects(x);
	if (laws & (PR_LAW_CA | PR_LAW_EU | PR_LAW_CN))
		check_consent(x, laws);
}
