/*
 * STATE/feedback: mails that nothing was made of, as a maildir that any mail program reads. New
 * ones are in new/; who has looked at one moves it to cur/ or removes it. Both count.
 *
 * A stranger can write here: mails are few, long ones are cut and old ones go, so the disk is not
 * theirs to fill.
 */
#include "desk_internal.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_OCTETS (64u << 10)
#define SWEEP_EVERY 50u /* mails between two looks at what is there */

struct review {
	int dir;
	unsigned since; /* mails since the last sweep */
	uint64_t number;
};

static int
make_folders(struct review *k, const char *state, struct pr_error *e)
{
	char path[4200];
	static const char *const names[] = {"tmp", "new", "cur"};
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/feedback/%s", state, names[i]);
		if (pr_mkdirs(path, 0700) < 0)
			return pr_fail_errno(e, "cannot make %s", path);
	}
	snprintf(path, sizeof path, "%s/feedback", state);
	k->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return k->dir < 0 ? pr_fail_errno(e, "cannot open %s", path) : 0;
}

int
review_open(const char *state, struct review **out, struct pr_error *e)
{
	struct review *k = pr_calloc(1, sizeof *k);
	k->dir = -1;
	k->since = SWEEP_EVERY;
	int r = make_folders(k, state, e);
	if (r < 0) {
		review_close(k);
		return r;
	}
	*out = k;
	return 0;
}

void
review_close(struct review *k)
{
	if (!k)
		return;
	if (k->dir >= 0)
		close(k->dir);
	free(k);
}

/* ---- what goes ---- */

struct old {
	char name[300];
	int64_t at;
};

static int
by_age(const void *a, const void *b)
{
	const struct old *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void
list(const struct review *k, const char *folder, struct old **all, size_t *n)
{
	int fd = openat(k->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*all = pr_realloc(*all, (*n + 1) * sizeof **all);
		struct old *o = &(*all)[(*n)++];
		o->at = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		snprintf(o->name, sizeof o->name, "%s/%s", folder, entry->d_name);
	}
	if (d)
		closedir(d);
}

static void
sweep(struct review *k)
{
	struct old *all = NULL;
	size_t n = 0;
	int64_t before = (pr_utc_ms() - PR_FEEDBACK_KEPT_MS) * 1000000;
	list(k, "new", &all, &n);
	list(k, "cur", &all, &n);
	if (n)
		qsort(all, n, sizeof *all, by_age);
	for (size_t i = 0; i < n; i++)
		if (all[i].at < before || n - i > PR_FEEDBACK_KEPT_MAX - SWEEP_EVERY)
			unlinkat(k->dir, all[i].name, 0);
	free(all);
	k->since = 0;
}

/* ---- what comes ---- */

static int
write_file(const struct review *k, const char *path, struct pr_str mail, struct pr_error *e)
{
	int fd = openat(k->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return pr_fail_errno(e, "cannot make feedback/%s", path);
	size_t n = mail.n < KEPT_OCTETS ? mail.n : KEPT_OCTETS;
	int r = pr_write_all(fd, mail.p, n) < 0 || fsync(fd) < 0
	            ? pr_fail_errno(e, "cannot write feedback/%s", path)
	            : 0;
	close(fd);
	return r;
}

int
review_add(struct review *k, struct pr_str mail, struct pr_error *e)
{
	char name[80], from[100], to[100];
	if (k->since++ >= SWEEP_EVERY)
		sweep(k);
	snprintf(name, sizeof name, "%lld.%d_%llu.postrider", (long long)pr_utc_ms(), (int)getpid(),
	         (unsigned long long)++k->number);
	snprintf(from, sizeof from, "tmp/%s", name);
	snprintf(to, sizeof to, "new/%s", name);
	int r = write_file(k, from, mail, e);
	if (r == 0 && (renameat(k->dir, from, k->dir, to) < 0 || pr_fsync_dir(k->dir, "new") < 0))
		r = pr_fail_errno(e, "cannot keep feedback/%s", to);
	if (r < 0)
		unlinkat(k->dir, from, 0);
	return r;
}
