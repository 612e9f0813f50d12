/*
 * Preloaded into the daemon: a trace of all that changes files, from which test_power_loss.py
 * works out what a disk would hold after the power was cut at the trace's end.
 *
 *   POWERLOSS_TRACE  file to append the trace to
 *   POWERLOSS_ROOT   only what lies below this folder
 *   POWERLOSS_BOOT   file to read in place of the kernel's boot id
 *   POWERLOSS_DELAY  microseconds that each sync takes (0); it does not reach the disk
 *
 * Each operation is done and noted under one lock, so the trace has the order in which the
 * kernel saw them. A sync is noted twice, when it begins and when it returned: durable is what
 * was written before it began, once it has returned. Operations go straight to the kernel
 * (syscall): the preloaded names here are all that the program and its libraries call.
 *
 * A record of the trace, little endian: u32 octets of the rest, u8 kind, u64 inode, u64 a, u64 b,
 * u16 octets of path, path, u16 octets of second path, second path, data.
 *   'o' file made: inode, path   'm' folder made: inode, path   'x' nameless file: inode
 *   'w' written: inode, a: offset, data                 't' size set: inode, a
 *   'a' space given: inode, a: the size is at least this
 *   's' sync begins: inode, a: its number; 'S' it returned: a
 *   'r' renamed: path, second path; 'u' removed: path; 'l' linked: path, second path
 * mmap is not seen: of the files only SQLite's shared memory is written so, and that is
 * worth nothing after a restart of the machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static const char *root, *boot;
static unsigned delay_us;
static uint64_t syncs;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("POWERLOSS_TRACE"), *delay = getenv("POWERLOSS_DELAY");
	root = getenv("POWERLOSS_ROOT");
	boot = getenv("POWERLOSS_BOOT");
	delay_us = delay ? (unsigned)atoi(delay) : 0;
	if (path && root)
		trace = (int)syscall(SYS_openat, AT_FDCWD, path,
		                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int
below_root(const char *path)
{
	size_t n = root ? strlen(root) : 0;
	return trace >= 0 && n && strncmp(path, root, n) == 0 && (path[n] == '/' || !path[n]);
}

/* Where a descriptor is; 0 when it is not below the root. */
static int
path_of(int fd, char *out)
{
	char link[40];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = 0;
	return n > 0 && below_root(out);
}

static int
absolute(int dir, const char *path, char *out)
{
	char base[PATH_MAX];
	if (path[0] == '/')
		snprintf(out, PATH_MAX, "%s", path);
	else {
		if (dir == AT_FDCWD) {
			if (!getcwd(base, sizeof base))
				return 0;
		} else
			path_of(dir, base);
		if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
			return 0;
	}
	return below_root(out);
}

/* The inode of a regular file or folder; 0: something else. */
static uint64_t
inode_of(int fd)
{
	struct stat s;
	if (fstat(fd, &s) < 0 || (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode)))
		return 0;
	return s.st_ino;
}

/* A regular file or folder below the root. */
static uint64_t
ours(int fd)
{
	char path[PATH_MAX];
	uint64_t inode = trace >= 0 ? inode_of(fd) : 0;
	return inode && path_of(fd, path) ? inode : 0;
}

static void
note(char kind, uint64_t inode, uint64_t a, uint64_t b, const char *path, const char *second,
     const void *data, size_t n)
{
	int error = errno;
	uint16_t lengths[2] = {(uint16_t)(path ? strlen(path) : 0),
	                       (uint16_t)(second ? strlen(second) : 0)};
	uint32_t rest = (uint32_t)(1 + 24 + 4 + lengths[0] + lengths[1] + n);
	struct iovec v[] = {
	    {&rest, 4},
	    {&kind, 1},
	    {&inode, 8},
	    {&a, 8},
	    {&b, 8},
	    {&lengths[0], 2},
	    {(char *)path, lengths[0]},
	    {&lengths[1], 2},
	    {(char *)second, lengths[1]},
	    {(void *)data, n},
	};
	if (syscall(SYS_writev, trace, v, 10) != (ssize_t)rest + 4)
		abort();
	errno = error;
}

/* ---- opening ---- */

static int
open_noted(int dir, const char *path, int flags, mode_t mode)
{
	char where[PATH_MAX];
	struct stat s;
	if (boot && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		path = boot;
	if (trace < 0 || (flags & (O_CREAT | O_TRUNC | __O_TMPFILE)) == 0 ||
	    !absolute(dir, path, where))
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	pthread_mutex_lock(&lock);
	int nameless = (flags & O_TMPFILE) == O_TMPFILE;
	int is_new = fstatat(dir, path, &s, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
	int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && (is_new || nameless))
		note(nameless ? 'x' : 'o', inode_of(fd), 0, 0, where, NULL, NULL, 0);
	else if (fd >= 0 && (flags & O_TRUNC))
		note('t', inode_of(fd), 0, 0, NULL, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return fd;
}

#define OPEN_MODE(flags, mode)                                                                     \
	mode_t mode = 0;                                                                           \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                                     \
		va_list list;                                                                      \
		va_start(list, flags);                                                             \
		mode = va_arg(list, mode_t);                                                       \
		va_end(list);                                                                      \
	}

int
open(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_noted(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_noted(AT_FDCWD, path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_noted(dir, path, flags, mode);
}

int
openat64(int dir, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_noted(dir, path, flags, mode);
}

/* ---- content ---- */

static ssize_t
written(uint64_t inode, const void *data, ssize_t n, off_t at)
{
	if (n > 0)
		note('w', inode, (uint64_t)at, 0, NULL, NULL, data, (size_t)n);
	return n;
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	uint64_t inode = ours(fd);
	if (!inode)
		return syscall(SYS_pwrite64, fd, data, n, at);
	pthread_mutex_lock(&lock);
	ssize_t r = written(inode, data, syscall(SYS_pwrite64, fd, data, n, at), at);
	pthread_mutex_unlock(&lock);
	return r;
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	return pwrite(fd, data, n, at);
}

ssize_t
write(int fd, const void *data, size_t n)
{
	uint64_t inode = ours(fd);
	if (!inode)
		return syscall(SYS_write, fd, data, n);
	pthread_mutex_lock(&lock);
	ssize_t r = syscall(SYS_write, fd, data, n);
	off_t end = r > 0 ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : 0;
	written(inode, data, r, end - r);
	pthread_mutex_unlock(&lock);
	return r;
}

/* Copies leave through write(), where they are seen. */
ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	(void)in, (void)in_at, (void)out, (void)out_at, (void)n, (void)flags;
	errno = EXDEV;
	return -1;
}

ssize_t
sendfile(int out, int in, off_t *at, size_t n)
{
	if (!ours(out))
		return syscall(SYS_sendfile, out, in, at, n);
	errno = EINVAL;
	return -1;
}

int
ftruncate(int fd, off_t size)
{
	uint64_t inode = ours(fd);
	pthread_mutex_lock(&lock);
	int r = (int)syscall(SYS_ftruncate, fd, size);
	if (r == 0 && inode)
		note('t', inode, (uint64_t)size, 0, NULL, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	uint64_t inode = ours(fd);
	pthread_mutex_lock(&lock);
	int r = syscall(SYS_fallocate, fd, 0, at, n) < 0 ? errno : 0;
	if (r == 0 && inode)
		note('a', inode, (uint64_t)(at + n), 0, NULL, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	return posix_fallocate(fd, at, n);
}

/* ---- sync ---- */

static int
sync_noted(int fd)
{
	uint64_t inode = ours(fd);
	if (!inode)
		return 0;
	pthread_mutex_lock(&lock);
	uint64_t number = ++syncs;
	note('s', inode, number, 0, NULL, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	if (delay_us)
		usleep(delay_us);
	pthread_mutex_lock(&lock);
	note('S', inode, number, 0, NULL, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return 0;
}

int
fsync(int fd)
{
	return sync_noted(fd);
}

int
fdatasync(int fd)
{
	return sync_noted(fd);
}

/* ---- names ---- */

int
mkdirat(int dir, const char *path, mode_t mode)
{
	char where[PATH_MAX];
	struct stat s;
	int noted = absolute(dir, path, where);
	pthread_mutex_lock(&lock);
	int r = (int)syscall(SYS_mkdirat, dir, path, mode);
	if (r == 0 && noted && fstatat(dir, path, &s, AT_SYMLINK_NOFOLLOW) == 0)
		note('m', s.st_ino, 0, 0, where, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char old[PATH_MAX], new[PATH_MAX];
	int noted = absolute(from_dir, from, old);
	noted &= absolute(to_dir, to, new);
	pthread_mutex_lock(&lock);
	int r = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (r == 0 && noted)
		note('r', 0, 0, 0, old, new, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	char where[PATH_MAX];
	int noted = absolute(dir, path, where);
	pthread_mutex_lock(&lock);
	int r = (int)syscall(SYS_unlinkat, dir, path, flags);
	if (r == 0 && noted)
		note('u', 0, 0, 0, where, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char old[PATH_MAX], new[PATH_MAX];
	int noted = absolute(from_dir, from, old);
	noted &= absolute(to_dir, to, new);
	pthread_mutex_lock(&lock);
	int r = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (r == 0 && noted)
		note('l', 0, 0, 0, old, new, NULL, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
