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

/* body.md, or body.LANGUAGE with one of the extensions. */
static bool
is_later_body(struct pr_str name, struct pr_str *language)
{
	static const char *const extensions[] = {".html", ".txt", ".md"};
	*language = pr_str_n(name.p, 0);
	if (pr_str_is(name, "body.md"))
		return true;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen("body.") + strlen(extensions[i]);
		if (name.n <= n || !pr_str_starts(name, "body.") ||
		    !pr_str_ends(name, extensions[i]))
			continue;
		*language = pr_str_n(name.p + strlen("body."), name.n - n);
		return pr_is_language(*language);
	}
	return false;
}

/* Bodies that the formats know and we do not have yet: never passed over in silence. */
static int
refuse_later_bodies(struct pr_manifest *m, int dir, struct pr_problems *problems)
{
	int r = 0;
	struct pr_str language;
	for (const char **name = list_names(dir, &m->arena); *name; name++) {
		struct pr_str s = pr_str(*name);
		if (!is_later_body(s, &language) || pr_str_eq(s, pr_text_str(&m->html)) ||
		    pr_str_eq(s, pr_text_str(&m->text)))
			continue;
		pr_problem_add(problems, PR_PROBLEM, *name, 0,
		               language.n ? "take it out; body.html and body.txt are for all"
		                          : "write body.html or body.txt",
		               language.n ? "bodies by language are not available yet"
		                          : "Markdown bodies are not available yet");
		r = PR_EINVAL;
	}
	return r;
}

static void
find_body(struct pr_text *body, int dir, const char *name)
{
	if (!body->p && is_there(dir, name))
		*body = (struct pr_text){.p = name, .n = strlen(name)};
}

int
pr_manifest_find_files(struct pr_manifest *m, int dir, struct pr_problems *problems)
{
	bool named = m->html.p || m->text.p;
	int r = check_file(m, dir, "html", &m->html, problems);
	r |= check_file(m, dir, "text", &m->text, problems);
	r |= check_file(m, dir, "recipients.file", &m->recipients.file, problems);
	find_body(&m->html, dir, "body.html");
	find_body(&m->text, dir, "body.txt");
	int later = refuse_later_bodies(m, dir, problems);
	if (m->html.p || m->text.p || named || later)
		return r || later ? PR_EINVAL : 0;
	pr_problem_add(problems, PR_PROBLEM, "", 0,
	               "add body.html or body.txt, or name the file by the key html or text",
	               "the campaign has no body");
	return PR_EINVAL;
}
