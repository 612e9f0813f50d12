/*
 * Preloaded into the daemon: while the file $FAILDISK exists, fdatasync of a file of the journal
 * fails with EIO, as a dying disk's would.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
is_journal(int fd)
{
	char link[40], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = 0;
	return strstr(path, ".journal") != NULL;
}

int
fdatasync(int fd)
{
	const char *when = getenv("FAILDISK");
	if (when && access(when, F_OK) == 0 && is_journal(fd)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}
