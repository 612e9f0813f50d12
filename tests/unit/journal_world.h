/*
 * A journal in a folder of its own, on a disk that can be told to fail: what the tests
 * of the journal share. The records it appends carry their number, and what they hold
 * follows from the number, so whoever reads them back can check them alone.
 */
#ifndef TESTS_JOURNAL_WORLD_H
#define TESTS_JOURNAL_WORLD_H

#include "postrider/base/file.h"
#include "postrider/base/hash.h"
#include "postrider/journal.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_A "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
#define BOOT_B "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
#define SMALL 8192 /* octets of a segment, the least */
#define HEADER 4096

static char root[200], dir[256], other[256];
static pr_loop *loop;
static pr_journal *journal;
static struct pr_journal_options options;
static bool same_boot;
static struct pr_error error;

/* What the journal told. */
static uint64_t durable_told;
static int full_told, room_told, failures_told, failure_code;

/* What the disk is told to do. */
static _Atomic int fallocate_errno, pwrite_errno, sync_errno, syncs_seen;
static _Atomic size_t pwrite_most; /* octets a call takes, 0: all */
static _Atomic bool sync_held;
static pthread_mutex_t hold_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hold_end = PTHREAD_COND_INITIALIZER;

static int
disk_fallocate(int fd, off_t size)
{
	return fallocate_errno ? fallocate_errno : posix_fallocate(fd, 0, size);
}

static ssize_t
disk_pwrite(int fd, const void *data, size_t n, off_t offset)
{
	static _Atomic unsigned calls;
	if (pwrite_errno) {
		errno = pwrite_errno;
		return -1;
	}
	if (pwrite_most && calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	return pwrite(fd, data, pwrite_most && n > pwrite_most ? pwrite_most : n, offset);
}

static int
disk_sync(int fd)
{
	syncs_seen++;
	pthread_mutex_lock(&hold_lock);
	while (sync_held)
		pthread_cond_wait(&hold_end, &hold_lock);
	pthread_mutex_unlock(&hold_lock);
	if (sync_errno) {
		errno = sync_errno;
		return -1;
	}
	return fdatasync(fd);
}

static const struct pr_journal_disk test_disk = {disk_fallocate, disk_pwrite, disk_sync};

static inline void
hold_syncs(bool hold)
{
	pthread_mutex_lock(&hold_lock);
	sync_held = hold;
	pthread_cond_broadcast(&hold_end);
	pthread_mutex_unlock(&hold_lock);
}

static void
on_durable(void *context, uint64_t lsn)
{
	(void)context;
	ck_assert_uint_gt(lsn, durable_told);
	ck_assert_uint_eq(pr_journal_durable(journal), lsn);
	durable_told = lsn;
}

static void
on_space(void *context, bool full)
{
	(void)context;
	full ? full_told++ : room_told++;
}

static void
on_failure(void *context, const struct pr_error *e)
{
	(void)context;
	failures_told++;
	failure_code = e->code;
	ck_assert_uint_gt(strlen(e->text), 10);
}

static inline void
world_begin(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(root, sizeof root, "%s/journal-XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(dir, sizeof dir, "%s/journal", root);
	snprintf(other, sizeof other, "%s/other", root);
	ck_assert_int_eq(pr_loop_create(&loop, NULL), 0);
	journal = NULL;
	options = (struct pr_journal_options){.dir = dir,
	                                      .segment_size = SMALL,
	                                      .boot_id = BOOT_A,
	                                      .disk = &test_disk,
	                                      .on_durable = on_durable,
	                                      .on_space = on_space,
	                                      .on_failure = on_failure};
	durable_told = 0;
	full_told = room_told = failures_told = failure_code = 0;
	fallocate_errno = pwrite_errno = sync_errno = syncs_seen = 0;
	pwrite_most = 0;
	sync_held = false;
}

static inline int
try_open(void)
{
	durable_told = 0;
	error.text[0] = 0;
	return pr_journal_open(loop, &options, &same_boot, &journal, &error);
}

static inline void
must_open(void)
{
	int r = try_open();
	ck_assert_msg(r == 0, "%s", error.text);
}

static inline void
must_close(void)
{
	pr_journal_close(journal);
	journal = NULL;
}

static inline void
world_end(void)
{
	pr_journal_close(journal);
	pr_loop_destroy(loop);
	pr_remove_tree(AT_FDCWD, root);
}

/* Until all that was appended is durable. */
static inline void
settle(void)
{
	while (pr_journal_durable(journal) < pr_journal_end(journal))
		pr_loop_turn_wait(loop);
}

/* ---- records ---- */

static inline size_t
payload_of(uint32_t number, char *out)
{
	size_t n = number % 50 == 49 ? PR_PAYLOAD_MAX : pr_mix64(number) % 90;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(pr_mix64(number) >> i % 57);
	return n;
}

static inline uint64_t
append(uint32_t number)
{
	char payload[PR_PAYLOAD_MAX];
	struct pr_record r = {.type = PR_RECORD_OUTCOME,
	                      .campaign = number ^ 5,
	                      .row = number,
	                      .at_ms = (int64_t)number * 1000,
	                      .payload = payload};
	r.payload_n = (uint16_t)payload_of(number, payload);
	return pr_journal_append(journal, &r);
}

static inline void
check_record(const struct pr_record *r, uint32_t number)
{
	char payload[PR_PAYLOAD_MAX];
	ck_assert_uint_eq(r->row, number);
	ck_assert_uint_eq(r->campaign, number ^ 5);
	ck_assert_int_eq(r->at_ms, (int64_t)number * 1000);
	ck_assert_uint_eq(r->payload_n, payload_of(number, payload));
	ck_assert_int_eq(memcmp(r->payload, payload, r->payload_n), 0);
}

/*
 * Reads a folder from lsn on. The numbered records must go on from `number` one by one.
 * Returns how many there were; *starts (may be NULL): START records; *end_lsn: behind.
 */
static inline uint32_t
read_all(const char *folder, uint64_t lsn, uint32_t number, unsigned *starts, uint64_t limit)
{
	pr_cursor *c;
	struct pr_record r;
	uint32_t n = 0;
	uint64_t last = 0;
	unsigned seen = 0;
	int got = pr_cursor_open(folder, lsn, &c, &error);
	ck_assert_msg(got == 0, "%s", error.text);
	while ((got = pr_cursor_next(c, limit, &r, &error)) == 1) {
		ck_assert_uint_gt(r.lsn, last);
		ck_assert_uint_ge(r.lsn, lsn);
		ck_assert_uint_lt(r.lsn, limit);
		last = r.lsn;
		if (r.type == PR_RECORD_START)
			seen++;
		else
			check_record(&r, number + n++);
	}
	ck_assert_msg(got == 0, "%s", error.text);
	pr_cursor_close(c);
	if (starts)
		*starts = seen;
	return n;
}

/* ---- folders ---- */

static inline void
copy_file(const char *from, const char *to)
{
	char chunk[SMALL];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	ck_assert(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, chunk, sizeof chunk)) > 0;)
		ck_assert_int_eq(pr_write_all(out, chunk, (size_t)n), 0);
	close(in);
	close(out);
}

/* What kill -9 at this moment would leave: the folder as the kernel has it. */
static inline void
copy_folder(const char *from, const char *to)
{
	char a[600], b[600];
	pr_remove_tree(AT_FDCWD, to);
	ck_assert_int_eq(mkdir(to, 0750), 0);
	DIR *d = opendir(from);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(a, sizeof a, "%s/%s", from, entry->d_name);
		snprintf(b, sizeof b, "%s/%s", to, entry->d_name);
		copy_file(a, b);
	}
	closedir(d);
}

static inline char *
segment_path(const char *folder, uint64_t base)
{
	static char path[400];
	snprintf(path, sizeof path, "%s/%016llx.journal", folder, (unsigned long long)base);
	return path;
}

/* Bases of the folder's segments, ascending; returns their number. */
static inline unsigned
list_bases(const char *folder, uint64_t *bases, unsigned most)
{
	unsigned n = 0;
	DIR *d = opendir(folder);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *entry; (entry = readdir(d)) && n < most;) {
		if (strlen(entry->d_name) != 24)
			continue;
		uint64_t base = strtoull(entry->d_name, NULL, 16);
		unsigned i = n++;
		for (; i > 0 && bases[i - 1] > base; i--)
			bases[i] = bases[i - 1];
		bases[i] = base;
	}
	closedir(d);
	return n;
}

/* Overwrite octets of the stream from lsn on, n of them or to the file's end, with value;
 * value < 0: cut the file there. */
static inline void
spoil(const char *folder, uint64_t base, uint64_t lsn, size_t n, int value)
{
	int fd = open(segment_path(folder, base), O_RDWR);
	struct stat st;
	ck_assert(fd >= 0 && fstat(fd, &st) == 0);
	off_t from = (off_t)(HEADER + (lsn - base));
	if (value < 0)
		ck_assert_int_eq(ftruncate(fd, from), 0);
	else {
		if (from + (off_t)n > st.st_size)
			n = (size_t)(st.st_size - from);
		char *fill = malloc(n + 1);
		memset(fill, value, n + 1);
		ck_assert_int_eq(pwrite(fd, fill, n, from), (ssize_t)n);
		free(fill);
	}
	close(fd);
}

#endif
