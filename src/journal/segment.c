/*
 * Segment files: names, headers, birth.
 *
 * Header, little endian: 8 octets of magic, u32 version, u32 octets of header, u64
 * first lsn, u64 capacity, u64 salt, 36 octets of boot id, u32 CRC-32C of all that.
 * The rest of the page is zero, and the page is never written again, so a torn write
 * of records cannot take the header with it.
 *
 * How it fails. What could not be made whole is removed again. A header that does not
 * hold together marks a file that never held a record (it is synced before the first
 * one); opening moves such a file aside when there is something in it.
 */
#include "segment.h"

#include "postrider/base/hash.h"
#include "crc.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "PostJrn\n"
#define VERSION 1
#define HEAD_SIZE 80 /* of SEGMENT_HEADER, with the checksum */

/* ---- names ---- */

char *
segment_name(uint64_t base, char *out)
{
	snprintf(out, SEGMENT_NAME, "%016llx.journal", (unsigned long long)base);
	return out;
}

static bool
parse_name(const char *name, uint64_t *base)
{
	char again[SEGMENT_NAME];
	*base = strtoull(name, NULL, 16);
	return strcmp(segment_name(*base, again), name) == 0;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

int
segment_list_read(int dir, struct segment_list *out, struct pr_error *e)
{
	*out = (struct segment_list){0};
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int r = pr_fail_errno(e, "cannot list the journal's folder");
		if (fd >= 0)
			close(fd);
		return r;
	}
	uint64_t base;
	for (struct dirent *entry; errno = 0, (entry = readdir(d));)
		if (parse_name(entry->d_name, &base))
			segment_list_add(out, base);
	int r = errno ? pr_fail_errno(e, "cannot list the journal's folder") : 0;
	closedir(d);
	if (r < 0)
		segment_list_finish(out);
	else if (out->n)
		qsort(out->bases, out->n, sizeof *out->bases, compare);
	return r;
}

void
segment_list_add(struct segment_list *l, uint64_t base)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->bases = pr_realloc(l->bases, l->cap * sizeof *l->bases);
	}
	l->bases[l->n++] = base;
}

void
segment_list_drop_first(struct segment_list *l)
{
	PR_ASSERT(l->n > 0);
	memmove(l->bases, l->bases + 1, --l->n * sizeof *l->bases);
}

void
segment_list_finish(struct segment_list *l)
{
	free(l->bases);
	*l = (struct segment_list){0};
}

/* ---- octets ---- */

ssize_t
segment_pread(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;
	while (done < n) {
		ssize_t r = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int
segment_pwrite(const struct pr_journal_disk *disk, int fd, const void *data, size_t n,
               uint64_t offset)
{
	const char *p = data;
	while (n > 0) {
		ssize_t r = disk->pwrite(fd, p, n, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		p += r;
		offset += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

/* ---- header ---- */

static void
encode_head(const struct segment_head *h, char *page)
{
	memset(page, 0, SEGMENT_HEADER);
	memcpy(page, MAGIC, 8);
	put32(page + 8, VERSION);
	put32(page + 12, SEGMENT_HEADER);
	put64(page + 16, h->base);
	put64(page + 24, h->capacity);
	put64(page + 32, h->salt);
	memcpy(page + 40, h->boot_id, PR_BOOT_ID);
	put32(page + 76, journal_crc(page, 76));
}

/* 1: a header, 0: none, PR_EVERSION: a newer one. */
static int
decode_head(const char *page, uint64_t base, struct segment_head *h)
{
	if (memcmp(page, MAGIC, 8) != 0 || get32(page + 76) != journal_crc(page, 76))
		return 0;
	if (get32(page + 8) != VERSION)
		return PR_EVERSION;
	*h = (struct segment_head){
	    .base = get64(page + 16), .capacity = get64(page + 24), .salt = get64(page + 32)};
	memcpy(h->boot_id, page + 40, PR_BOOT_ID);
	return get32(page + 12) == SEGMENT_HEADER && h->base == base && h->capacity % 8 == 0 &&
	       h->capacity >= SEGMENT_MIN - SEGMENT_HEADER && h->capacity <= SEGMENT_MAX &&
	       h->base <= 2 * LSN_MAX;
}

/* ---- birth ---- */

static int
fill(int dir, int fd, const struct segment_head *head, const struct pr_journal_disk *disk)
{
	char page[SEGMENT_HEADER];
	encode_head(head, page);
	int number = disk->fallocate(fd, (off_t)(SEGMENT_HEADER + head->capacity));
	if (number) {
		errno = number;
		return -1;
	}
	if (segment_pwrite(disk, fd, page, sizeof page, 0) < 0 || fsync(fd) < 0)
		return -1;
	return fsync(dir);
}

int
segment_create(int dir, const struct segment_head *head, const struct pr_journal_disk *disk,
               struct pr_error *e)
{
	char name[SEGMENT_NAME];
	segment_name(head->base, name);
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return pr_fail_errno(e, "cannot make the journal's segment %s", name);
	if (fill(dir, fd, head, disk) == 0)
		return fd;
	int r = pr_fail_errno(e, "cannot make the journal's segment %s", name);
	unlinkat(dir, name, 0);
	close(fd);
	return r;
}

/* ---- looking ---- */

static bool
all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* What is in the open file: fills out but for fd. */
static int
look_inside(int fd, const char *name, uint64_t base, struct segment_look *out, struct pr_error *e)
{
	char page[SEGMENT_HEADER + OPENING_SIZE];
	ssize_t n = segment_pread(fd, page, sizeof page, 0);
	if (n < 0)
		return pr_fail_errno(e, "cannot read the journal's segment %s", name);
	memset(page + n, 0, sizeof page - (size_t)n);
	int head = decode_head(page, base, &out->head);
	if (head == PR_EVERSION)
		return pr_fail(e, PR_EVERSION,
		               "the journal's segment %s was written by a newer postrider", name);
	struct pr_record opening;
	if (!head)
		out->garbage = !all_zero(page, sizeof page);
	else if (!pr_record_read(page + SEGMENT_HEADER, OPENING_SIZE, base, out->head.salt,
	                         &opening) ||
	         opening.type != PR_RECORD_PAD || opening.payload_n != 8 ||
	         get64(opening.payload) > base)
		out->state = SEGMENT_BLANK;
	else {
		out->state = SEGMENT_BEGUN;
		out->durable = get64(opening.payload);
	}
	return 0;
}

int
segment_look(int dir, uint64_t base, struct segment_look *out, struct pr_error *e)
{
	char name[SEGMENT_NAME];
	*out = (struct segment_look){.state = SEGMENT_UNBORN, .fd = -1};
	int fd = openat(dir, segment_name(base, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		out->state = SEGMENT_GONE;
		return 0;
	}
	if (fd < 0)
		return pr_fail_errno(e, "cannot open the journal's segment %s", name);
	int r = look_inside(fd, name, base, out, e);
	if (r == 0 && out->state >= SEGMENT_BLANK)
		out->fd = fd;
	else
		close(fd);
	return r;
}
