/*
 * Preloaded into the daemon: its wall clock is off by what the file $CLOCK_OFFSET says (an i64 of
 * milliseconds, read anew each time), its monotonic clock by what a second i64 says, where there is
 * one: it may only grow.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("CLOCK_OFFSET");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		offset_ms = p;
	if (fd >= 0)
		close(fd);
}

static const volatile int64_t *
offset_of(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: return offset_ms;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE: return offset_ms + 1;
	default: return NULL;
	}
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, clock, t);
	const volatile int64_t *offset = offset_ms ? offset_of(clock) : NULL;
	if (r < 0 || !offset)
		return r;
	int64_t ns = t->tv_nsec + *offset % 1000 * 1000000;
	t->tv_sec += *offset / 1000 + (ns < 0 ? -1 : ns / 1000000000);
	t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
	return r;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	int r = clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return r;
}

time_t
time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
