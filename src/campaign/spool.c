/*
 * The folders of spool and state, and their locks.
 *
 * One daemon holds both, by flock on a file in each: the kernel lets go when the process
 * ends, however it ends. The file tells the holder's pid to whom comes second. Renames from
 * active/ to done/ and rejected/ must be one step, so they have to lie on one file system;
 * network file systems are refused, since neither their locks nor their fsync can be had.
 */
#include "postrider/base/file.h"
#include "postrider/campaign/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct pr_spool {
	int spool_lock, state_lock;
};

static const struct {
	const char *name;
	mode_t mode;
} folders[] = {{"incoming", 02770}, {"active", 0750}, {"done", 0750}, {"rejected", 02770}};

/* statfs(2), linux/magic.h */
static const struct {
	unsigned long type;
	const char *name;
} network[] = {
    {0x6969, "NFS"},        {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB"},   {0x517B, "SMB"},
    {0x5346414F, "AFS"},    {0x00C36400, "Ceph"}, {0x01021997, "9P"},    {0x73757245, "Coda"},
    {0x0BD00BD0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636F, "OCFS2"},
};

static int
check_local(const char *path, struct pr_error *e)
{
	struct statfs fs;
	if (statfs(path, &fs) < 0)
		return pr_fail_errno(e, "cannot look at the file system of %s", path);
	for (size_t i = 0; i < sizeof network / sizeof *network; i++)
		if (((unsigned long)fs.f_type & 0xFFFFFFFFu) == network[i].type)
			return pr_fail(e, PR_EINVAL,
			               "%s lies on a network file system (%s): it must be a local "
			               "disk",
			               path, network[i].name);
	return 0;
}

static int
lock(const char *folder, int *out, struct pr_error *e)
{
	char path[4096], holder[32] = "";
	if (snprintf(path, sizeof path, "%s/.lock", folder) >= (int)sizeof path)
		return pr_fail(e, PR_EINVAL, "path too long: %s", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pr_fail_errno(e, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int number = errno;
		ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
		close(fd);
		holder[n < 0 ? 0 : n] = 0;
		holder[strcspn(holder, "\n")] = 0;
		errno = number;
		if (number != EWOULDBLOCK)
			return pr_fail_errno(e, "cannot lock %s", path);
		return pr_fail(e, PR_ESTATE, "%s is in use by another postriderd (process %s)",
		               folder, holder[0] ? holder : "unknown");
	}
	int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, holder, (size_t)n, 0) < 0) {
		/* A full disk: the lock holds all the same, only the pid is not told. */
	}
	*out = fd;
	return 0;
}

/* The service's sandbox forbids the setgid bit; tmpfiles.d sets it there. */
static int
give_mode(const char *path, mode_t mode)
{
	return chmod(path, mode) == 0 ? 0 : chmod(path, mode & 0777);
}

/* The folder's name and the names in it outlast a loss of power: else a campaign that was
 * claimed and copied could be gone with the folder it was copied to. */
static int
sync_names(const char *path, struct pr_error *e)
{
	char parent[4096];
	if (snprintf(parent, sizeof parent, "%s/..", path) >= (int)sizeof parent)
		return pr_fail(e, PR_EINVAL, "path too long: %s", path);
	if (pr_fsync_dir(AT_FDCWD, path) < 0)
		return pr_fail_errno(e, "cannot sync the folder %s", path);
	/* Its parent need not be ours to read: whoever made it did so long ago, then. */
	return pr_fsync_dir(AT_FDCWD, parent) < 0 && errno != EACCES
	           ? pr_fail_errno(e, "cannot sync the folder %s", parent)
	           : 0;
}

static int
check_usable(const char *path, const struct stat *st, struct pr_error *e)
{
	if (!S_ISDIR(st->st_mode))
		return pr_fail(e, PR_EINVAL, "%s is not a folder", path);
	return access(path, R_OK | W_OK | X_OK) < 0
	           ? pr_fail_errno(e, "cannot read and write the folder %s", path)
	           : check_local(path, e);
}

/* A folder that is there is left as it is: tmpfiles.d or the operator gave it its mode. */
static int
make_folder(const char *path, mode_t mode, struct stat *st, struct pr_error *e)
{
	bool there = stat(path, st) == 0;
	if (!there &&
	    (pr_mkdirs(path, 0755) < 0 || give_mode(path, mode) < 0 || stat(path, st) < 0))
		return pr_fail_errno(e, "cannot make the folder %s", path);
	return check_usable(path, st, e);
}

/* Could it be used, or be made? Its parent stands for a folder that is not there. */
static int
look_at_folder(const char *path, mode_t mode, struct stat *st, struct pr_error *e)
{
	char parent[4096];
	if (stat(path, st) == 0)
		return check_usable(path, st, e);
	snprintf(parent, sizeof parent, "%s", path);
	while (errno == ENOENT && strrchr(parent, '/') > parent) {
		*strrchr(parent, '/') = 0;
		if (stat(parent, st) == 0)
			return access(parent, W_OK | X_OK) < 0
			           ? pr_fail_errno(e, "%s is not there, and cannot be made in %s",
			                           path, parent)
			           : check_local(parent, e);
	}
	(void)mode;
	return pr_fail_errno(e, "cannot look at %s", path);
}

typedef int with_folder(const char *path, mode_t mode, struct stat *st, struct pr_error *e);

/* The spool, the folders in it, the state. */
static int
each_folder(const struct pr_config *config, with_folder *with, struct pr_error *e)
{
	struct stat st[4], own;
	char path[4096];
	const char *spool = config->spool.p;
	if (strcmp(spool, config->state.p) == 0)
		return pr_fail(e, PR_EINVAL, "spool and state are the same folder, %s", spool);
	int r = with(spool, 0755, &own, e);
	for (size_t i = 0; i < 4 && r == 0; i++) {
		if (snprintf(path, sizeof path, "%s/%s", spool, folders[i].name) >=
		    (int)sizeof path)
			return pr_fail(e, PR_EINVAL, "path too long: %s", spool);
		r = with(path, folders[i].mode, &st[i], e);
	}
	if (r == 0 && (st[1].st_dev != st[2].st_dev || st[1].st_dev != st[3].st_dev))
		r = pr_fail(e, PR_EINVAL,
		            "active, done and rejected in %s must lie on one file system", spool);
	return r == 0 ? with(config->state.p, 0700, &own, e) : r;
}

int
pr_spool_lock(const struct pr_config *config, pr_spool **out, struct pr_error *e)
{
	pr_spool *s = pr_calloc(1, sizeof *s);
	s->spool_lock = s->state_lock = -1;
	int r = each_folder(config, make_folder, e);
	if (r == 0)
		r = lock(config->spool.p, &s->spool_lock, e);
	if (r == 0)
		r = lock(config->state.p, &s->state_lock, e);
	if (r == 0)
		r = sync_names(config->spool.p, e);
	if (r == 0)
		r = sync_names(config->state.p, e);
	if (r < 0) {
		pr_spool_unlock(s);
		return r;
	}
	*out = s;
	return 0;
}

static int
look_at_lock(const char *folder, struct pr_error *e)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/.lock", folder);
	return access(path, R_OK | W_OK) < 0 && errno != ENOENT
	           ? pr_fail_errno(e, "cannot open %s", path)
	           : 0;
}

int
pr_spool_check(const struct pr_config *config, struct pr_error *e)
{
	int r = each_folder(config, look_at_folder, e);
	if (r == 0)
		r = look_at_lock(config->spool.p, e);
	return r == 0 ? look_at_lock(config->state.p, e) : r;
}

void
pr_spool_unlock(pr_spool *s)
{
	if (!s)
		return;
	if (s->spool_lock >= 0)
		close(s->spool_lock);
	if (s->state_lock >= 0)
		close(s->state_lock);
	free(s);
}
