/*
 * External merge sort of pairs.
 *
 *   add -> items -full-> radix sort -> run on disk
 *   next: no run: straight from memory; else a heap over the runs' heads
 *
 * The file has no name (O_TMPFILE, or unlinked at once), so nothing is left after a crash.
 * Read buffers of the merge share the memory that the items had.
 */
#include "postrider/ledger/sorter.h"

#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ITEMS_LEAST 2048u /* 64 KiB with its scratch */
#define READ_LEAST 64u    /* items of a run's read buffer */

struct run {
	uint64_t next, end; /* items in the file not read yet */
	struct pr_sorter_item *items;
	size_t at, n; /* in items */
};

struct pr_sorter {
	int dir, fd;
	size_t cap, n, at;            /* items in memory; at: read so far */
	struct pr_sorter_item *items; /* cap, and as many behind as scratch */
	size_t octets;                /* of items, scratch included */
	uint64_t written;             /* items in the file */
	struct run *runs, **heap;
	size_t runs_n, runs_cap, heap_n, read_n;
	struct pr_sorter_item *buffers;
	bool merging;
};

pr_sorter *
pr_sorter_create(int dir, size_t memory)
{
	pr_sorter *s = pr_calloc(1, sizeof *s);
	s->dir = dir;
	s->fd = -1;
	s->cap = memory / sizeof *s->items / 2;
	if (s->cap < ITEMS_LEAST)
		s->cap = ITEMS_LEAST;
	s->octets = 2 * s->cap * sizeof *s->items;
	/* Mapped, so that it goes back to the system whole; pages cost nothing before use. */
	void *p = mmap(NULL, s->octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	PR_ASSERT(p != MAP_FAILED);
	s->items = p;
	return s;
}

static void
free_items(pr_sorter *s)
{
	if (s->items)
		munmap(s->items, s->octets);
	s->items = NULL;
}

void
pr_sorter_destroy(pr_sorter *s)
{
	if (!s)
		return;
	free_items(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->buffers);
	free(s->heap);
	free(s->runs);
	free(s);
}

/* ---- sorting in memory: least significant octet first, stable ---- */

static void
scatter(const struct pr_sorter_item *from, struct pr_sorter_item *to, size_t n, unsigned shift,
        uint32_t *count)
{
	uint32_t at = 0;
	for (unsigned i = 0; i < 256; i++) {
		uint32_t here = count[i];
		count[i] = at;
		at += here;
	}
	for (size_t i = 0; i < n; i++)
		to[count[from[i].key >> shift & 255]++] = from[i];
}

static void
sort_items(pr_sorter *s)
{
	static _Thread_local uint32_t counts[8][256];
	struct pr_sorter_item *from = s->items, *to = s->items + s->cap;
	memset(counts, 0, sizeof counts);
	for (size_t i = 0; i < s->n; i++)
		for (unsigned b = 0; b < 8; b++)
			counts[b][from[i].key >> (8 * b) & 255]++;
	for (unsigned b = 0; b < 8; b++) {
		if (s->n && counts[b][from[0].key >> (8 * b) & 255] == s->n)
			continue; /* all alike in this octet */
		scatter(from, to, s->n, 8 * b, counts[b]);
		struct pr_sorter_item *t = from;
		from = to;
		to = t;
	}
	if (from != s->items)
		memcpy(s->items, from, s->n * sizeof *from);
}

/* ---- runs ---- */

static int
make_file(pr_sorter *s, struct pr_error *e)
{
	char name[64];
	s->fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	snprintf(name, sizeof name, ".sort-%ld-%p", (long)getpid(), (void *)s);
	s->fd = openat(s->dir, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return pr_fail_errno(e, "cannot make a file for sorting");
	unlinkat(s->dir, name, 0);
	return 0;
}

static int
write_run(pr_sorter *s, struct pr_error *e)
{
	int r = s->fd < 0 ? make_file(s, e) : 0;
	if (r < 0)
		return r;
	sort_items(s);
	if (pr_write_all(s->fd, s->items, s->n * sizeof *s->items) < 0)
		return pr_fail_errno(e, "cannot write while sorting");
	if (s->runs_n == s->runs_cap) {
		s->runs_cap = s->runs_cap ? s->runs_cap * 2 : 16;
		s->runs = pr_realloc(s->runs, s->runs_cap * sizeof *s->runs);
	}
	s->runs[s->runs_n++] = (struct run){.next = s->written, .end = s->written + s->n};
	s->written += s->n;
	s->n = 0;
	return 0;
}

int
pr_sorter_add(pr_sorter *s, uint64_t key, uint64_t value, struct pr_error *e)
{
	PR_ASSERT(!s->merging);
	if (s->n == s->cap) {
		int r = write_run(s, e);
		if (r < 0)
			return r;
	}
	s->items[s->n++] = (struct pr_sorter_item){key, value};
	return 0;
}

/* ---- merging ---- */

static int
fill(pr_sorter *s, struct run *r, struct pr_error *e)
{
	size_t want = s->read_n, got = 0;
	if (want > r->end - r->next)
		want = (size_t)(r->end - r->next);
	while (got < want * sizeof *r->items) {
		ssize_t n = pread(s->fd, (char *)r->items + got, want * sizeof *r->items - got,
		                  (off_t)(r->next * sizeof *r->items + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : EIO;
			return pr_fail_errno(e, "cannot read while sorting");
		}
		got += (size_t)n;
	}
	r->next += want;
	r->n = want;
	r->at = 0;
	return 0;
}

/* Equal keys keep their order because earlier runs hold what came in earlier. */
static bool
comes_before(const struct run *a, const struct run *b)
{
	uint64_t x = a->items[a->at].key, y = b->items[b->at].key;
	return x < y || (x == y && a < b);
}

static void
sink_down(pr_sorter *s, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < s->heap_n; c++)
			if (comes_before(s->heap[c], s->heap[least]))
				least = c;
		if (least == i)
			return;
		struct run *t = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = t;
		i = least;
	}
}

static int
begin_merge(pr_sorter *s, struct pr_error *e)
{
	s->merging = true;
	if (s->runs_n == 0) {
		sort_items(s);
		return 0;
	}
	int r = s->n ? write_run(s, e) : 0;
	if (r < 0)
		return r;
	s->read_n = s->cap / s->runs_n > READ_LEAST ? s->cap / s->runs_n : READ_LEAST;
	free_items(s);
	s->buffers = pr_alloc(s->runs_n * s->read_n * sizeof *s->buffers);
	s->heap = pr_alloc(s->runs_n * sizeof(struct run *));
	for (size_t i = 0; i < s->runs_n; i++) {
		s->runs[i].items = s->buffers + i * s->read_n;
		if ((r = fill(s, &s->runs[i], e)) < 0)
			return r;
		s->heap[s->heap_n++] = &s->runs[i];
	}
	for (size_t i = s->heap_n; i-- > 0;)
		sink_down(s, i);
	return 0;
}

static int
next_merged(pr_sorter *s, struct pr_sorter_item *out, struct pr_error *e)
{
	if (s->heap_n == 0)
		return 0;
	struct run *r = s->heap[0];
	*out = r->items[r->at++];
	if (r->at == r->n && r->next < r->end) {
		int failed = fill(s, r, e);
		if (failed < 0)
			return failed;
	} else if (r->at == r->n)
		s->heap[0] = s->heap[--s->heap_n];
	if (s->heap_n)
		sink_down(s, 0);
	return 1;
}

int
pr_sorter_next(pr_sorter *s, struct pr_sorter_item *out, struct pr_error *e)
{
	if (!s->merging) {
		int r = begin_merge(s, e);
		if (r < 0)
			return r;
	}
	if (s->runs_n)
		return next_merged(s, out, e);
	if (s->at == s->n)
		return 0;
	*out = s->items[s->at++];
	return 1;
}
