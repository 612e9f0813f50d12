/* Which files of a campaign's folder belong to it, and what the folder alone tells. */
#include "folder.h"

#include "postrider/campaign/names.h"
#include "postrider/base/file.h"
#include "postrider/campaign/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool
is_text(const struct pr_text *t, const char *name)
{
	return t->p && pr_str_is(pr_text_str(t), name);
}

static bool
in_folder(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* body.md, body.zh.txt...: judged with the manifest. body.html and body.txt are the campaign's
 * where its manifest names no others. */
static bool
is_other_body(const char *name)
{
	struct pr_str s = pr_str(name);
	return pr_str_starts(s, "body.") && !pr_str_is(s, "body.html") &&
	       !pr_str_is(s, "body.txt") &&
	       (pr_str_ends(s, ".html") || pr_str_ends(s, ".txt") || pr_str_ends(s, ".md"));
}

static bool
is_body_of(const struct pr_manifest *m, const char *path)
{
	return is_text(&m->html, path) || is_text(&m->text, path) || pr_manifest_is_body(m, path);
}

bool
pr_folder_knows(void *manifest, const struct pr_tree_entry *entry)
{
	const struct pr_manifest *m = manifest;
	const char *path = entry->path;
	if (in_folder(path, "partials") || in_folder(path, "attachments") ||
	    in_folder(path, "images"))
		return true;
	if (strchr(path, '/'))
		return false;
	if (strcmp(path, PR_MANIFEST_FILE) == 0 || is_other_body(path))
		return true;
	return m && ((is_text(&m->recipients.file, path) || is_text(&m->coupons.file, path) ||
	              is_body_of(m, path)));
}

void
pr_folder_unknown(const struct pr_tree *t, const struct pr_manifest *m,
                  struct pr_problems *problems)
{
	static const char *const names[] = {"campaign.yaml", "recipients.csv", "body.html",
	                                    "body.txt",      "body.md",        "partials",
	                                    "attachments",   "images",         NULL};
	for (size_t i = 0; i < t->n; i++) {
		const struct pr_tree_entry *entry = &t->entries[i];
		if (entry->kind != PR_TREE_FILE || entry->debris ||
		    (entry->path == entry->name && pr_name_is_generated(entry->name)) ||
		    pr_folder_knows((void *)(uintptr_t)m, entry))
			continue;
		char first[256], remedy[320] = "";
		snprintf(first, sizeof first, "%.*s", (int)strcspn(entry->path, "/"), entry->path);
		const char *meant = pr_nearest(pr_str(first), names);
		if (meant && strcmp(meant, first) != 0) /* else it is that, and not for this one */
			snprintf(remedy, sizeof remedy, "did you mean %s?", meant);
		pr_problem_add(problems, PR_WARNING, entry->path, 0, remedy,
		               "is not used by this campaign");
	}
}

/* ---- names ---- */

/* The only entry at the top of t that is alike; NULL: none, or several. */
static const char *
only_alike(const struct pr_tree *t, const char *name)
{
	const char *found = NULL;
	for (size_t i = 0; i < t->n; i++) {
		const struct pr_tree_entry *entry = &t->entries[i];
		if (entry->path != entry->name || entry->kind != PR_TREE_FILE ||
		    !pr_name_alike(entry->name, name))
			continue;
		if (found)
			return NULL;
		found = entry->name;
	}
	return found;
}

static void
fit_name(const struct pr_tree *t, int dir, const char *wanted)
{
	const char *found = only_alike(t, wanted);
	if (found && strcmp(found, wanted) != 0)
		(void)renameat2(dir, found, dir, wanted, RENAME_NOREPLACE);
}

static void
fit_to(const struct pr_tree *t, int dir, const struct pr_manifest *m)
{
	if (m->recipients.file.p)
		fit_name(t, dir, m->recipients.file.p);
	if (m->coupons.file.p)
		fit_name(t, dir, m->coupons.file.p);
	if (m->html.p)
		fit_name(t, dir, m->html.p);
	if (m->text.p)
		fit_name(t, dir, m->text.p);
	else
		fit_name(t, dir, "body.txt");
	fit_name(t, dir, "body.md");
	for (unsigned i = 1; i <= m->variants.n; i++) {
		const struct pr_manifest_variant *v = pr_manifest_variant(m, i);
		if (v->html.p)
			fit_name(t, dir, v->html.p);
		if (v->text.p)
			fit_name(t, dir, v->text.p);
	}
}

/* What cannot be fitted stays as it is, and the manifest's check tells that it is missing. */
void
pr_folder_fit_names(int dir)
{
	struct pr_buf text = {0};
	struct pr_problems ignored = {0};
	struct pr_manifest *m = NULL;
	struct pr_tree t;
	if (pr_file_read(dir, PR_MANIFEST_FILE, PR_YAML_SIZE_MAX, &text, NULL) == 0)
		(void)pr_manifest_parse(pr_buf_str(&text), "campaign", &ignored, &m);
	if (m) { /* sound or not: its problems are told by whoever loads it */
		if (pr_tree_read(dir, ".", &t, NULL) == 0)
			fit_to(&t, dir, m);
		pr_tree_finish(&t);
	}
	pr_manifest_destroy(m);
	pr_problems_finish(&ignored);
	pr_buf_finish(&text);
}

/* ---- for check ---- */

static void
check_readable(const struct pr_tree *t, int dir, struct pr_problems *problems)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].kind == PR_TREE_FILE && !t->entries[i].debris &&
		    faccessat(dir, t->entries[i].path, R_OK, AT_EACCESS) < 0)
			pr_problem_add(problems, PR_PROBLEM, t->entries[i].path, 0,
			               "chmod -R g+rX the folder", "cannot be read: %s",
			               strerror(errno));
}

int
pr_folder_check(const char *path, const struct pr_manifest *manifest, struct pr_problems *problems,
                struct pr_error *e)
{
	struct pr_tree t;
	unsigned before = problems->problems;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return pr_fail_errno(e, "cannot open the folder %s", path);
	int r = pr_tree_read(dir, ".", &t, e);
	if (r == 0) {
		pr_tree_problems(&t, problems);
		check_readable(&t, dir, problems);
		if (manifest) /* without one nobody knows what is used */
			pr_folder_unknown(&t, manifest, problems);
		if (problems->problems > before)
			r = pr_fail(e, PR_EINVAL, "the folder %s cannot be taken as it is", path);
	}
	pr_tree_finish(&t);
	close(dir);
	return r;
}
