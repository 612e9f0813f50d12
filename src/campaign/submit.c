/*
 * Handing a folder over: copied to a hidden name in incoming/, synced, renamed. The rename
 * says that it is whole, so it is taken at once.
 *
 * A kill leaves the hidden folder, which nobody looks at; the daemon removes such after a
 * day. The copy is open to the group of incoming/, for the daemon runs as another user.
 */
#include "intake_internal.h"

#include "postrider/campaign/names.h"
#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct submission {
	int from, incoming, copy;
	char hidden[64], wanted[200];
	struct pr_tree tree;
	struct pr_problems problems;
};

/* The last component of DIR, as it really is ("." and "x/.." have names, too). */
static int
name_of(const char *dir, char *out, size_t size, struct pr_error *e)
{
	struct pr_buf normal = {0};
	char *path = realpath(dir, NULL);
	if (!path)
		return pr_fail_errno(e, "cannot find the folder %s", dir);
	const char *slash = strrchr(path, '/');
	int r = 0;
	if (!slash[1] || slash[1] == '.' || !pr_name_normal(slash + 1, &normal) ||
	    normal.len >= size)
		r = pr_fail(e, PR_EINVAL,
		            "%s: the folder needs a name of its own, in UTF-8, of at "
		            "most %zu octets, that does not begin with a dot",
		            dir, size - 1);
	else
		snprintf(out, size, "%s", normal.data);
	pr_buf_finish(&normal);
	free(path);
	return r;
}

static int
first_problem(const struct pr_problems *p, struct pr_error *e)
{
	for (unsigned k = 0; k < p->n; k++)
		if (p->items[k].severity == PR_PROBLEM)
			return pr_fail(e, PR_EINVAL, "%s%s%s", p->items[k].file,
			               p->items[k].file[0] ? " " : "", p->items[k].what);
	return 0;
}

static int
open_all(struct submission *s, const char *dir, const char *spool, const char *prefix,
         struct pr_error *e)
{
	struct pr_buf incoming = {0};
	pr_buf_addf(&incoming, "%s/incoming", spool);
	s->from = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = s->from < 0 ? pr_fail_errno(e, "cannot open the folder %s", dir) : 0;
	if (r == 0 && (s->incoming = open(incoming.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = pr_fail_errno(e, "cannot open %s", incoming.data);
	uint64_t random;
	pr_random(&random, sizeof random);
	snprintf(s->hidden, sizeof s->hidden, "%s%016llx", prefix, (unsigned long long)random);
	if (r == 0 && mkdirat(s->incoming, s->hidden, 0770) < 0)
		r = pr_fail_errno(e, "cannot make a folder in %s", incoming.data);
	if (r == 0 &&
	    (s->copy = openat(s->incoming, s->hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = pr_fail_errno(e, "cannot open what was made in %s", incoming.data);
	pr_buf_finish(&incoming);
	return r;
}

static int
copy_folder(struct submission *s, struct pr_error *e)
{
	struct pr_copy copy = {.file_mode = 0660, .folder_mode = 0770, .problems = &s->problems};
	int r = pr_tree_read(s->from, ".", &s->tree, e);
	if (r == 0) {
		pr_tree_problems(&s->tree, &s->problems);
		r = first_problem(&s->problems, e);
	}
	if (r == 0)
		r = pr_tree_copy(&s->tree, s->from, s->copy, &copy, e);
	return r == 0 ? first_problem(&s->problems, e) : r;
}

static int
show(struct submission *s, char *name, size_t size, struct pr_error *e)
{
	for (unsigned n = 1; n < 1000; n++) {
		if (n == 1)
			snprintf(name, size, "%s", s->wanted);
		else
			snprintf(name, size, "%s-%u", s->wanted, n);
		if (renameat2(s->incoming, s->hidden, s->incoming, name, RENAME_NOREPLACE) == 0) {
			s->hidden[0] = 0;
			return fsync(s->incoming) < 0 ? pr_fail_errno(e, "cannot sync incoming/")
			                              : 0;
		}
		if (errno != EEXIST && errno != ENOTEMPTY)
			return pr_fail_errno(e, "cannot hand over %s", name);
	}
	return pr_fail(e, PR_EEXIST, "too many folders named %s wait already", s->wanted);
}

static int
copy_hidden(struct submission *s, const char *dir, const char *spool, const char *prefix,
            struct pr_error *e)
{
	int r = open_all(s, dir, spool, prefix, e);
	if (r == 0)
		r = copy_folder(s, e);
	if (r == 0) /* the daemon, another user, must be able to read and remove it */
		pr_tree_open_up(s->copy, 0660, 0770, (gid_t)-1);
	return r;
}

static int
finish(struct submission *s, int r)
{
	if (r < 0 && s->copy >= 0 && s->hidden[0])
		(void)pr_remove_tree(s->incoming, s->hidden);
	int fds[] = {s->from, s->incoming, s->copy};
	for (size_t k = 0; k < 3; k++)
		if (fds[k] >= 0)
			close(fds[k]);
	pr_tree_finish(&s->tree);
	pr_problems_finish(&s->problems);
	return r;
}

int
pr_submit(const char *dir, const char *spool, char *name, size_t name_size, struct pr_error *e)
{
	struct submission s = {.from = -1, .incoming = -1, .copy = -1};
	int r = name_of(dir, s.wanted, sizeof s.wanted, e);
	if (r == 0)
		r = copy_hidden(&s, dir, spool, SUBMIT_PREFIX, e);
	if (r == 0)
		r = show(&s, name, name_size, e);
	return finish(&s, r);
}

int
pr_submit_aside(const char *dir, const char *spool, char *name, size_t name_size,
                struct pr_error *e)
{
	struct submission s = {.from = -1, .incoming = -1, .copy = -1};
	int r = copy_hidden(&s, dir, spool, PR_REPLACE_PREFIX, e);
	if (r == 0)
		snprintf(name, name_size, "%s", s.hidden);
	return finish(&s, r);
}
