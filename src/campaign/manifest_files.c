/*
 * The files of a campaign that its manifest names or leaves to the folder: there, regular,
 * and otherwise told with the name that comes nearest.
 */
#include "manifest_internal.h"

#include "postrider/base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 200

static bool
is_there(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Names of the folder's files, at most NAMES_MAX, ended by NULL. */
static const char **
list_names(int dir, struct pr_arena *arena)
{
	const char **names = pr_arena_zero(arena, (NAMES_MAX + 1) * sizeof *names);
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return names;
	}
	size_t n = 0;
	for (struct dirent *entry; n < NAMES_MAX && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			names[n++] = pr_arena_strndup(arena, entry->d_name, strlen(entry->d_name));
	closedir(d);
	return names;
}

static int
tell_missing(struct pr_manifest *m, int dir, const char *key, const struct pr_text *file,
             struct pr_problems *problems)
{
	char remedy[400], shown[300];
	struct stat st;
	if (fstatat(dir, file->p, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return pr_text_problem(problems, PR_MANIFEST_FILE, file,
		                       "put the file itself into the folder",
		                       "%s: %s is not a regular file", key, file->p);
	const char *near = pr_nearest(pr_text_str(file), list_names(dir, &m->arena));
	snprintf(remedy, sizeof remedy, "put it into the folder");
	if (near)
		snprintf(remedy, sizeof remedy, "did you mean %s?",
		         pr_str_show(pr_str(near), shown, sizeof shown));
	return pr_text_problem(problems, PR_MANIFEST_FILE, file, remedy,
	                       "%s: there is no file %s in the folder", key, file->p);
}

/* A file that is not there is told once: nobody shall try to read it. */
static int
check_file(struct pr_manifest *m, int dir, const char *key, struct pr_text *file,
           struct pr_problems *problems)
{
	if (!file->p || is_there(dir, file->p))
		return 0;
	int r = tell_missing(m, dir, key, file, problems);
	file->p = NULL;
	file->n = 0;
	return r;
}

static bool
find_body(struct pr_text *body, int dir, const char *name)
{
	if (!body->p && is_there(dir, name))
		*body = (struct pr_text){.p = name, .n = strlen(name)};
	return body->p != NULL;
}

/* ---- bodies by language ---- */

struct search {
	struct pr_arena *arena;
	const struct pr_edition_source *source;
	struct pr_language_files *found;
	size_t n;
};

/* What stands before the ending: "body" of "body.html", also where no file is. */
static struct pr_str
stem_of(const struct pr_text *file)
{
	struct pr_str s = file->p ? pr_text_str(file) : PR_STR("body.html");
	const char *dot = memrchr(s.p, '.', s.n);
	return dot && dot > s.p ? pr_str_n(s.p, (size_t)(dot - s.p)) : s;
}

/* The language of "body.zh.html" by its stem; empty when it is not such a name. */
static struct pr_str
language_in(struct pr_str name, struct pr_str stem, const char *ending)
{
	size_t around = stem.n + 1 + strlen(ending);
	if (name.n <= around || memcmp(name.p, stem.p, stem.n) != 0 || name.p[stem.n] != '.' ||
	    !pr_str_ends(name, ending))
		return PR_STR("");
	struct pr_str language = pr_str_n(name.p + stem.n + 1, name.n - around);
	return pr_is_language(language) ? language : PR_STR("");
}

static struct pr_language_files *
files_of(struct search *s, struct pr_str language)
{
	for (size_t i = 0; i < s->n; i++)
		if (pr_str_eq_nocase(pr_str(s->found[i].language), language))
			return &s->found[i];
	struct pr_language_files *f = &s->found[s->n++];
	*f = (struct pr_language_files){.language =
	                                    pr_arena_strndup(s->arena, language.p, language.n)};
	return f;
}

/* HTML comes before Markdown, as without a language. */
static void
look_at(struct search *s, const char *name)
{
	static const char *const endings[] = {".html", ".md", ".txt"};
	for (unsigned i = 0; i < 3; i++) {
		const struct pr_text *base = i < 2 ? &s->source->html : &s->source->text;
		struct pr_str language = language_in(pr_str(name), stem_of(base), endings[i]);
		if (!language.n)
			continue;
		struct pr_language_files *f = files_of(s, language);
		struct pr_text *body = i < 2 ? &f->html : &f->text;
		if (!body->p || i == 0)
			*body = (struct pr_text){.p = name, .n = strlen(name)};
	}
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
pr_manifest_find_languages(struct pr_manifest *m, int dir, struct pr_edition_source *source)
{
	struct search s = {.arena = &m->arena, .source = source};
	const char **names = list_names(dir, &m->arena);
	size_t n = 0;
	while (names[n])
		n++;
	qsort(names, n, sizeof *names, by_name);
	s.found = pr_arena_zero(&m->arena, (n + 1) * sizeof *s.found);
	for (size_t i = 0; i < n; i++)
		if (is_there(dir, names[i]))
			look_at(&s, names[i]);
	source->files = s.found;
	source->files_n = s.n;
}

/* ---- all ---- */

static void
find_bodies(struct pr_manifest *m, int dir, struct pr_problems *problems)
{
	if (!m->html.p && !find_body(&m->html, dir, "body.html"))
		find_body(&m->html, dir, "body.md");
	else if (m->html.p && !pr_is_markdown(pr_text_str(&m->html)) && is_there(dir, "body.md"))
		pr_problem_add(problems, PR_WARNING, "body.md", 0, "remove one of them",
		               "left out: %s is there", m->html.p);
	find_body(&m->text, dir, "body.txt");
}

static int
check_variant_files(struct pr_manifest *m, int dir, struct pr_problems *problems)
{
	int r = 0;
	for (unsigned i = 1; i <= m->variants.n; i++) {
		struct pr_manifest_variant *v = pr_manifest_variant(m, i);
		r |= check_file(m, dir, "variants: html", &v->html, problems);
		r |= check_file(m, dir, "variants: text", &v->text, problems);
	}
	return r;
}

int
pr_manifest_find_files(struct pr_manifest *m, int dir, bool recipients,
                       struct pr_problems *problems)
{
	int r = check_file(m, dir, "html", &m->html, problems);
	r |= check_file(m, dir, "text", &m->text, problems);
	r |= check_variant_files(m, dir, problems);
	if (recipients) {
		r |= check_file(m, dir, "recipients.file", &m->recipients.file, problems);
		r |= check_file(m, dir, "coupons.file", &m->coupons.file, problems);
	}
	find_bodies(m, dir, problems);
	return r ? PR_EINVAL : 0;
}
