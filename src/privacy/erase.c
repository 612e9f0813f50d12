/*
 * A pass over all that is kept, on the lane of this room.
 *
 *   active/, done/  folder by folder (folder.c); then the journal, which knows rows by number
 *   rejected/       records that name the address go; other text is overwritten
 *   incoming/       others' files: said, and left alone
 *   STATE/feedback  mails that name it: removed
 *   audience.db, state.db
 *   all else under spool and state is looked through, and said where it names the address
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32u
#define PATH_SIZE 4400

/* ---- what a pass tells ---- */

static void
say(struct pr_buf *b, const char *format, va_list ap)
{
	pr_buf_addvf(b, format, ap);
	pr_buf_addc(b, '\n');
}

void
pass_did(struct pass *p, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	say(&p->did, format, ap);
	va_end(ap);
}

void
pass_left(struct pass *p, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	say(&p->left, format, ap);
	va_end(ap);
}

void
pass_note_rows(struct pass *p, uint32_t serial, const uint32_t *rows, size_t n)
{
	static char here;
	for (size_t i = 0; i < n; i++)
		pr_map_put(&p->rows, (uint64_t)serial << 32 | rows[i], &here);
	p->rows_n += n;
	p->campaigns_n += n > 0;
}

void
pass_finish(struct pass *p)
{
	pr_map_finish(&p->rows);
	pr_buf_finish(&p->did);
	pr_buf_finish(&p->left);
}

/* ---- walking ---- */

struct walk {
	void (*each)(void *context, int dir, const char *name, const char *path_of);
	void *context;
};

static void walk_folder(const struct walk *w, int fd, const char *path_of, unsigned depth);

static void
walk_entry(const struct walk *w, int dir, const char *name, const char *path_of, unsigned depth)
{
	char path[PATH_SIZE];
	struct stat st;
	if (snprintf(path, sizeof path, "%s/%s", path_of, name) >= (int)sizeof path ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(st.st_mode))
		w->each(w->context, dir, name, path);
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			walk_folder(w, fd, path, depth + 1);
	}
}

/* Takes fd. */
static void
walk_folder(const struct walk *w, int fd, const char *path_of, unsigned depth)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			walk_entry(w, dirfd(d), entry->d_name, path_of, depth);
	closedir(d);
}

void
each_file(const char *root, const char *below,
          void (*each)(void *context, int dir, const char *name, const char *path_of),
          void *context)
{
	char path[PATH_SIZE];
	struct walk w = {each, context};
	snprintf(path, sizeof path, "%s%s%s", root, *below ? "/" : "", below);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		walk_folder(&w, fd, *below ? below : ".", 0);
}

static void
erase_campaigns(struct pass *p, const char *parent)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/%s", p->spool, parent);
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			folder_erase(p, parent, entry->d_name);
	if (d)
		closedir(d);
}

/* ---- files that are nobody's or somebody else's ---- */

static bool
is_found(struct pass *p, int dir, const char *name, const char *path_of, bool whole)
{
	struct pr_error e;
	int found = pr_trace_in_file(&p->trace, dir, name, whole, &e);
	if (found < 0)
		pass_left(p, "%s: %s", path_of, e.text);
	return found > 0;
}

static bool
ends_like_a_table(const char *name)
{
	return pr_str_ends(pr_str(name), ".csv") || pr_str_ends(pr_str(name), ".tsv");
}

static void
erase_rejected(void *context, int dir, const char *name, const char *path_of)
{
	struct pass *p = context;
	struct pr_error e;
	if (!is_found(p, dir, name, path_of, true))
		return;
	enum text_way way = ends_like_a_table(name) ? TEXT_RECORDS : TEXT_MASK;
	int r = text_erase(&p->trace, dir, name, way, 0, &e);
	if (r < 0)
		pass_left(p, "%s: %s", path_of, e.text);
	else if (r > 0)
		pass_did(p, "%s overwritten", path_of);
}

static void
look_at_incoming(void *context, int dir, const char *name, const char *path_of)
{
	struct pass *p = context;
	if (is_found(p, dir, name, path_of, true))
		pass_left(p, "%s names the address: it was dropped and is not taken yet", path_of);
}

static void
erase_state(void *context, int dir, const char *name, const char *path_of)
{
	struct pass *p = context;
	bool feedback = pr_str_starts(pr_str(path_of), "./feedback/");
	bool copy = strstr(name, ".db.v") != NULL; /* from before a migration */
	if (pr_str_starts(pr_str(path_of), "./journal/") ||
	    (strstr(name, ".db") && !copy)) /* seen to by their own ways */
		return;
	if (!is_found(p, dir, name, path_of, !copy))
		return;
	if ((feedback || copy) && unlinkat(dir, name, 0) == 0)
		pass_did(p, "%s removed", path_of + 2);
	else
		pass_left(p, "%s/%s names the address", p->state, path_of + 2);
}

/* ---- all ---- */

static int
scour_audience(struct pass *p, pr_audience *a, struct pr_error *e)
{
	int r = pr_audience_scour(a, &p->trace, e);
	if (r == PR_EAGAIN)
		p->again = true;
	return r == PR_EAGAIN ? 0 : r;
}

static int
erase_files(struct pass *p, struct pr_error *e)
{
	erase_campaigns(p, "active");
	erase_campaigns(p, "done");
	int r = records_erase(p, e);
	each_file(p->spool, "rejected", erase_rejected, p);
	each_file(p->spool, "incoming", look_at_incoming, p);
	each_file(p->state, "", erase_state, p);
	return r;
}

int
work_erase(struct pass *p, const char *audience_path, struct pr_error *e)
{
	pr_audience *a;
	int r = pr_audience_open(audience_path, PR_AUDIENCE_WRITE, &a, e);
	if (r < 0)
		return r;
	r = pr_audience_forgets(a, &p->forgets, e);
	if (r == 0)
		r = erase_files(p, e);
	if (r == 0)
		r = scour_audience(p, a, e);
	pr_audience_close(a);
	return r;
}

/* ---- looking only ---- */

struct looking {
	const struct pr_trace *trace;
	const char *root;
	void (*each)(void *context, const char *path);
	void *context;
};

static void
look_at_file(void *context, int dir, const char *name, const char *path_of)
{
	const struct looking *l = context;
	char path[2 * PATH_SIZE];
	struct pr_error e;
	if (strstr(name, ".db") || pr_str_ends(pr_str(name), ".journal") ||
	    pr_trace_in_file(l->trace, dir, name, true, &e) <= 0)
		return;
	snprintf(path, sizeof path, "%s/%s", l->root, path_of + 2); /* without "./" */
	l->each(l->context, path);
}

void
pr_privacy_each_file(const struct pr_config *config, const struct pr_trace *t,
                     void (*each)(void *context, const char *path), void *context)
{
	const char *roots[] = {config->spool.p, config->state.p};
	for (unsigned i = 0; i < 2; i++) {
		struct looking l = {t, roots[i], each, context};
		each_file(roots[i], "", look_at_file, &l);
	}
}
