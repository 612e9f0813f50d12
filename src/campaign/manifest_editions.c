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
	struct pr_manifest *m;
	const struct pr_language_files *files; /* of the folder; n of them */
	size_t n;
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
	for (size_t i = 0; i < x->n; i++)
		if (same_language(pr_str(x->files[i].language), language))
			return &x->files[i];
	return NULL;
}

static void
take_bodies(struct editions *x, struct pr_manifest_edition *e)
{
	const struct pr_manifest *m = x->m;
	const struct pr_language_files *own = e->language ? files_of(x, pr_str(e->language)) : NULL;
	char remedy[160];
	e->html = own ? own->html : m->html;
	e->text = own ? own->text : m->text;
	if (e->html.p || e->text.p || !e->language)
		return;
	snprintf(remedy, sizeof remedy, "add body.%.40s.html, or body.html for all languages",
	         e->language);
	tell(x, &m->language.column, remedy, "there is no body for the language %s", e->language);
}

static void
take_subject(struct editions *x, struct pr_manifest_edition *e)
{
	const struct pr_choice *subject = &x->m->subject;
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
	const struct pr_choice *preheader = &x->m->preheader;
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
	struct pr_manifest *m = x->m;
	for (size_t i = 0; i < m->editions_n; i++)
		if (language && m->editions[i].language &&
		    same_language(pr_str(language), pr_str(m->editions[i].language)))
			return;
	struct pr_manifest_edition *e = &m->editions[m->editions_n++];
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
	const struct pr_choice *choices[] = {&x->m->subject, &x->m->preheader};
	for (size_t i = 0; i < 2; i++)
		if (choices[i]->by.n)
			tell(x, &choices[i]->by.items[0].name, advice,
			     "%s: by language, but nothing says a recipient's language",
			     i ? "preheader" : "subject");
	for (size_t i = 0; i < x->n; i++) {
		const struct pr_text *file =
		    x->files[i].html.p ? &x->files[i].html : &x->files[i].text;
		pr_problem_add(x->problems, PR_WARNING, file->p, 0, advice,
		               "left out: nothing says a recipient's language");
	}
}

int
pr_manifest_make_editions(struct pr_manifest *m, const struct pr_language_files *files, size_t n,
                          struct pr_problems *problems)
{
	struct editions x = {m, files, n, problems, 0};
	bool many = m->language.column.p != NULL;
	size_t max = 1 + m->subject.by.n + m->preheader.by.n + n;
	m->editions = pr_arena_zero(&m->arena, max * sizeof *m->editions);
	check_names(&x, &m->subject, "subject");
	check_names(&x, &m->preheader, "preheader");
	if (!many)
		check_column(&x);
	add_edition(&x, m->language.fallback.p);
	for (size_t i = 0; many && i < m->subject.by.n; i++)
		add_edition(&x, m->subject.by.items[i].name.p);
	for (size_t i = 0; many && i < m->preheader.by.n; i++)
		add_edition(&x, m->preheader.by.items[i].name.p);
	for (size_t i = 0; many && i < n; i++)
		add_edition(&x, files[i].language);
	return x.result;
}
