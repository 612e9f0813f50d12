/*
 * Reading one segment. The chunk is filled from the record asked for, so a record that
 * straddles its end is read again whole.
 */
#include "reader.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)128 << 10)

int
reader_refresh(struct reader *r, struct pr_error *e)
{
	struct stat st;
	r->chunk_n = 0;
	if (fstat(r->fd, &st) < 0)
		return pr_fail_errno(e, "cannot look at a segment of the journal");
	uint64_t n = st.st_size > SEGMENT_HEADER ? (uint64_t)st.st_size - SEGMENT_HEADER : 0;
	r->end = r->head.base + (n < r->head.capacity ? n : r->head.capacity);
	return 0;
}

int
reader_enter(struct reader *r, const struct segment_look *look, struct pr_error *e)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = look->fd;
	r->head = look->head;
	return reader_refresh(r, e);
}

void
reader_finish(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->chunk);
	*r = (struct reader){.fd = -1};
}

static int
fill(struct reader *r, uint64_t lsn, struct pr_error *e)
{
	if (!r->chunk)
		r->chunk = pr_alloc(CHUNK);
	size_t n = r->end - lsn < CHUNK ? (size_t)(r->end - lsn) : CHUNK;
	r->chunk_n = 0;
	ssize_t got = segment_pread(r->fd, r->chunk, n, SEGMENT_HEADER + (lsn - r->head.base));
	if (got < 0)
		return pr_fail_errno(e, "cannot read a segment of the journal");
	r->chunk_lsn = lsn;
	r->chunk_n = (size_t)got;
	return 0;
}

int
reader_record(struct reader *r, uint64_t lsn, struct pr_record *out, struct pr_error *e)
{
	PR_ASSERT(lsn >= r->head.base);
	if (reader_at_end(r, lsn))
		return 0;
	uint64_t chunk_end = r->chunk_lsn + r->chunk_n;
	bool held = r->chunk_n > 0 && lsn >= r->chunk_lsn && lsn < chunk_end;
	/* Near the chunk's end the record may be cut: read from here. */
	if (!held || (chunk_end - lsn < PR_RECORD_MAX && chunk_end < r->end)) {
		int failed = fill(r, lsn, e);
		if (failed < 0)
			return failed;
	}
	size_t at = (size_t)(lsn - r->chunk_lsn);
	if (at >= r->chunk_n)
		return 0; /* the file became shorter */
	return (int)pr_record_read(r->chunk + at, r->chunk_n - at, lsn, r->head.salt, out);
}

bool
reader_at_end(const struct reader *r, uint64_t lsn)
{
	return lsn >= r->end || r->end - lsn < PR_RECORD_HEADER;
}

bool
reader_was_cut(const struct reader *r)
{
	return r->end < r->head.base + r->head.capacity;
}

bool
reader_continues_in(const struct reader *r, uint64_t lsn, const struct segment_head *next)
{
	if (next->salt == r->head.salt) /* the same start of the daemon leaves no gaps */
		return !reader_was_cut(r) && next->base == r->head.base + r->head.capacity;
	return next->base >= lsn;
}
