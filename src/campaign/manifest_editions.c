/*
 * Editions: what recipients of each language get. Languages are those that subject, preheader
 * or a body's file name; a language with a body of its own uses that alone, so that nobody
 * gets HTML in one language and text in another.
 *
 *   subject: {en: ..., zh: ...}  body.en.html  body.zh.html  ->  editions en (fallback), zh
 */
#include "manifest_internal.h"

#include "postrider/base/error.h"

#include <stdio.h>

static const char advice[] = "say which column has it: language: {column: language, fallback: en}";

bool
pr_is_markdown(struct pr_str file)
{
	return file.n > 3 && pr_str_eq_nocase(pr_str_n(file.p + file.n - 3, 3), PR_STR(".md"));
}

/* ---- which language ---- */

/* "pt_BR" and "pt-br" are the same. */
static bool
same_language(struct pr_str a, struct pr_str b)
{
	bool same = a.n == b.n;
	for (size_t i = 0; same && i < a.n; i++)
		same = pr_lower(a.p[i]) == pr_lower(b.p[i]) ||
		       (memchr("-_", a.p[i], 2) && memchr("-_", b.p[i], 2));
	return same;
}

static size_t
find_language(const char *const *languages, size_t n, struct pr_str wanted)
{
	for (size_t i = 0; i < n; i++)
		if (languages[i] && same_language(pr_str(languages[i]), wanted))
			return i;
	return n;
}

size_t
pr_manifest_edition_for(const char *const *languages, size_t n, struct pr_str language)
{
	struct pr_str wanted = pr_str_trim(language), first = {wanted.p, 0};
	size_t found = find_language(languages, n, wanted);
	while (first.n < wanted.n && !memchr("-_", first.p[first.n], 2))
		first.n++;
	if (found == n && first.n < wanted.n)
		found = find_language(languages, n, first);
	return found < n ? found : 0;
}

static const struct pr_text *
by_language(const struct pr_choice *choice, struct pr_str language)
{
	for (size_t i = 0; i < choice->by.n; i++)
		if (same_language(pr_text_str(&choice->by.items[i].name), language))
			return &choice->by.items[i].value;
	return NULL;
}

/* ---- one edition ---- */

struct editions {
	const struct pr_manifest *m;
	const struct pr_edition_source *source;
	struct pr_manifest_wording *w;
	struct pr_problems *problems;
	int result;
};

static void __attribute__((format(printf, 4, 5)))
tell(struct editions *x, const struct pr_text *at, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	x->result = pr_text_problem(x->problems, PR_MANIFEST_FILE, at, remedy, "%s", what.data);
	pr_buf_finish(&what);
}

static const struct pr_language_files *
files_of(const struct editions *x, struct pr_str language)
{
	const struct pr_edition_source *s = x->source;
	for (size_t i = 0; i < s->files_n; i++)
		if (same_language(pr_str(s->files[i].language), language))
			return &s->files[i];
	return NULL;
}

static void
take_bodies(struct editions *x, struct pr_manifest_edition *e)
{
	const struct pr_manifest *m = x->m;
	const struct pr_language_files *own = e->language ? files_of(x, pr_str(e->language)) : NULL;
	char remedy[160];
	e->html = own ? own->html : x->source->html;
	e->text = own ? own->text : x->source->text;
	if (e->html.p || e->text.p || !e->language)
		return;
	snprintf(remedy, sizeof remedy, "add body.%.40s.html, or body.html for all languages",
	         e->language);
	tell(x, &m->language.column, remedy, "there is no body for the language %s", e->language);
}

static void
take_subject(struct editions *x, struct pr_manifest_edition *e)
{
	const struct pr_choice *subject = x->source->subject;
	const struct pr_text *own = e->language ? by_language(subject, pr_str(e->language)) : NULL;
	char remedy[160];
	if (own || subject->by.n == 0) {
		e->subject = own ? *own : subject->text;
		return;
	}
	const struct pr_text *at = &subject->by.items[0].name;
	if (!x->m->language.column.p)
		return; /* told already */
	if (!e->language) {
		snprintf(remedy, sizeof remedy,
		         "add it: language: {column: %.40s, fallback: %.40s}",
		         x->m->language.column.p, at->p);
		tell(x, at, remedy,
		     "language.fallback is missing: which subject is for all others?");
		return;
	}
	snprintf(remedy, sizeof remedy, "add %.40s: \"...\"", e->language);
	tell(x, at, remedy, "subject: there is none for the language %s", e->language);
}

static void
take_preheader(struct editions *x, struct pr_manifest_edition *e)
{
	const struct pr_choice *preheader = x->source->preheader;
	const struct pr_text *own =
	    e->language ? by_language(preheader, pr_str(e->language)) : NULL;
	if (own)
		e->preheader = *own;
	else if (preheader->by.n == 0)
		e->preheader = preheader->text;
}

static void
add_edition(struct editions *x, const char *language)
{
	struct pr_manifest_wording *w = x->w;
	for (size_t i = 0; i < w->editions_n; i++)
		if (language && w->editions[i].language &&
		    same_language(pr_str(language), pr_str(w->editions[i].language)))
			return;
	struct pr_manifest_edition *e = &w->editions[w->editions_n++];
	e->language = language;
	take_subject(x, e);
	take_preheader(x, e);
	take_bodies(x, e);
}

/* ---- all ---- */

/* The names of a choice must be languages. */
static void
check_names(struct editions *x, const struct pr_choice *choice, const char *key)
{
	for (size_t i = 0; i < choice->by.n; i++) {
		const struct pr_text *name = &choice->by.items[i].name;
		if (!pr_is_language(pr_text_str(name)))
			tell(x, name, "write a language tag like en, de or pt-BR",
			     "%s: \"%s\" is not a language", key, name->p);
	}
}

static void
check_column(struct editions *x)
{
	const struct pr_edition_source *s = x->source;
	const struct pr_choice *choices[] = {s->subject, s->preheader};
	for (size_t i = 0; i < 2; i++)
		if (choices[i]->by.n)
			tell(x, &choices[i]->by.items[0].name, advice,
			     "%s: by language, but nothing says a recipient's language",
			     i ? "preheader" : "subject");
	for (size_t i = 0; i < s->files_n; i++) {
		const struct pr_text *file =
		    s->files[i].html.p ? &s->files[i].html : &s->files[i].text;
		pr_problem_add(x->problems, PR_WARNING, file->p, 0, advice,
		               "left out: nothing says a recipient's language");
	}
}

int
pr_manifest_make_editions(struct pr_manifest *m, const struct pr_edition_source *source,
                          struct pr_manifest_wording *w, struct pr_problems *problems)
{
	struct editions x = {m, source, w, problems, 0};
	const struct pr_pairs *subjects = &source->subject->by,
			      *preheaders = &source->preheader->by;
	bool many = m->language.column.p != NULL;
	size_t max = 1 + subjects->n + preheaders->n + source->files_n;
	w->editions = pr_arena_zero(&m->arena, max * sizeof *w->editions);
	if (source->first || source->subject != &m->subject)
		check_names(&x, source->subject, "subject");
	if (source->first || source->preheader != &m->preheader)
		check_names(&x, source->preheader, "preheader");
	if (!many && source->first)
		check_column(&x);
	add_edition(&x, m->language.fallback.p);
	for (size_t i = 0; many && i < subjects->n; i++)
		add_edition(&x, subjects->items[i].name.p);
	for (size_t i = 0; many && i < preheaders->n; i++)
		add_edition(&x, preheaders->items[i].name.p);
	for (size_t i = 0; many && i < source->files_n; i++)
		add_edition(&x, source->files[i].language);
	return x.result;
}
