/* Files that survive a power cut. */
#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static int
read_fd(int fd, size_t max, struct pr_buf *b)
{
	char chunk[65536];
	size_t total = 0;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		total += (size_t)n;
		if (total > max) {
			errno = EFBIG;
			return -1;
		}
		pr_buf_add(b, chunk, (size_t)n);
	}
}

int
pr_file_read(int dir, const char *path, size_t max, struct pr_buf *b, struct pr_error *e)
{
	int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP ? pr_fail(e, PR_EINVAL, "%s is a symbolic link", path)
		                      : pr_fail_errno(e, "cannot open %s", path);
	struct stat st;
	int r = 0;
	if (fstat(fd, &st) < 0)
		r = pr_fail_errno(e, "cannot look at %s", path);
	else if (!S_ISREG(st.st_mode))
		r = pr_fail(e, PR_EINVAL, "%s is not a regular file", path);
	else if (read_fd(fd, max, b) < 0)
		r = errno == EFBIG
		        ? pr_fail(e, PR_ELIMIT, "%s is larger than %zu octets", path, max)
		        : pr_fail_errno(e, "cannot read %s", path);
	close(fd);
	if (r == 0)
		pr_buf_add(b, "", 0);
	return r;
}

int
pr_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int
pr_fsync_dir(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int r = fsync(fd), number = errno;
	close(fd);
	errno = number;
	return r;
}

static int
fsync_parent(int dir, const char *path)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');
	if (!slash)
		return pr_fsync_dir(dir, ".");
	size_t n = slash == path ? 1 : (size_t)(slash - path);
	if (n >= sizeof parent) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, path, n);
	parent[n] = 0;
	return pr_fsync_dir(dir, parent);
}

int
pr_file_replace(int dir, const char *path, const void *data, size_t n, mode_t mode,
                struct pr_error *e)
{
	char temporary[4096];
	if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
		return pr_fail(e, PR_EINVAL, "path too long: %s", path);
	int fd =
	    openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return pr_fail_errno(e, "cannot write %s", temporary);
	int r = pr_write_all(fd, data, n) < 0 || fsync(fd) < 0 ? -1 : 0;
	if (close(fd) < 0)
		r = -1;
	if (r == 0)
		r = renameat(dir, temporary, dir, path);
	if (r == 0)
		r = fsync_parent(dir, path);
	if (r == 0)
		return 0;
	r = pr_fail_errno(e, "cannot write %s", path);
	unlinkat(dir, temporary, 0);
	return r;
}

int
pr_mkdirs(const char *path, mode_t mode)
{
	char *copy = pr_strdup(path);
	int r = 0;
	for (char *p = copy + 1; r == 0; p++) {
		if (*p != '/' && *p != 0)
			continue;
		char kept = *p;
		*p = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			r = -1;
		*p = kept;
		if (!kept)
			break;
	}
	int number = errno;
	free(copy);
	errno = number;
	return r;
}

static int
remove_entries(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	int r = 0;
	if (!d) {
		close(fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), entry->d_name, 0) == 0)
			continue;
		if ((errno != EISDIR && errno != EPERM) || depth == 0) {
			r = -1;
			continue;
		}
		int sub = openat(dirfd(d), entry->d_name,
		                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 || remove_entries(sub, depth - 1) < 0 ||
		    unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR) < 0)
			r = -1;
	}
	int number = errno;
	closedir(d);
	errno = number;
	return r;
}

int
pr_remove_tree(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? unlinkat(dir, path, 0) : -1;
	int r = remove_entries(fd, DEPTH_MAX);
	return unlinkat(dir, path, AT_REMOVEDIR) < 0 ? -1 : r;
}
