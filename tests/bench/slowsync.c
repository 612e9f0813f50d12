/*
 * A slower disk, for LD_PRELOAD: fsync and fdatasync first wait for
 * POSTRIDER_SLOW_SYNC_US microseconds. Built and used by tests/bench/throughput.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int
slowly(const char *name, int fd)
{
	const char *us = getenv("POSTRIDER_SLOW_SYNC_US");
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	if (us)
		usleep((useconds_t)atoi(us));
	return real(fd);
}

int
fsync(int fd)
{
	return slowly("fsync", fd);
}

int
fdatasync(int fd)
{
	return slowly("fdatasync", fd);
}
