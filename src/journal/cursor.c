/*
 * Cursors: a reader's place in the stream. Needs the folder only, so any thread may
 * have one; it follows the journal that is being written as long as it asks for
 * nothing at or above what was written.
 *
 * A chunk read while the writer was at work may end in half a record. Such a one does
 * not hold together, so wherever there is no record the chunk is read again first.
 *
 * How it fails. A record that is missing below a limit is damage (PR_ECORRUPT), never
 * an end: what is folded and what is shown must not silently lack a piece. With
 * UINT64_MAX, where nobody knows the end, it is the end unless a later segment begins.
 */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct pr_cursor {
	int dir;
	struct reader r;
	uint64_t lsn;  /* of the next frame */
	uint64_t from; /* records below are passed over */
};

static int
corrupt(const pr_cursor *c, struct pr_error *e)
{
	char name[SEGMENT_NAME];
	return pr_fail(e, PR_ECORRUPT, "the journal is damaged at lsn %llu, segment %s octet %llu",
	               (unsigned long long)c->lsn, segment_name(c->r.head.base, name),
	               (unsigned long long)(SEGMENT_HEADER + c->lsn - c->r.head.base));
}

/* ---- from segment to segment ---- */

/* Open segment base: 1 when it has begun, 0 not (yet), or a PR_E code. */
static int
look_begun(const pr_cursor *c, uint64_t base, struct segment_look *look, struct pr_error *e)
{
	int r = segment_look(c->dir, base, look, e);
	if (r < 0 || look->state == SEGMENT_BEGUN)
		return r < 0 ? r : 1;
	if (look->fd >= 0)
		close(look->fd);
	return 0;
}

/* The segment that holds c->lsn, else the oldest above it: 1, 0: none, or a PR_E code.
 * Where the oldest is above, *released is true. */
static int
enter_first(pr_cursor *c, bool *released, struct pr_error *e)
{
	struct segment_list list;
	struct segment_look look;
	int r = segment_list_read(c->dir, &list, e);
	if (r < 0)
		return r;
	size_t i = list.n;
	while (i > 0 && list.bases[i - 1] > c->lsn)
		i--;
	*released = i == 0 && list.n > 0 && c->lsn > LSN_FIRST;
	uint64_t base = list.n ? list.bases[i ? i - 1 : 0] : 0;
	segment_list_finish(&list);
	r = base ? look_begun(c, base, &look, e) : 0;
	if (r <= 0)
		return r;
	c->lsn = base;
	r = reader_enter(&c->r, &look, e);
	return r < 0 ? r : 1;
}

/* Least base at or above lsn, 0 when there is none; *released: all bases are above. */
static int
next_base(const pr_cursor *c, uint64_t *base, bool *released, struct pr_error *e)
{
	struct segment_list list;
	int r = segment_list_read(c->dir, &list, e);
	if (r < 0)
		return r;
	*base = 0;
	*released = list.n > 0 && list.bases[0] > c->lsn;
	for (size_t i = list.n; i-- > 0 && list.bases[i] >= c->lsn;)
		*base = list.bases[i];
	segment_list_finish(&list);
	return 0;
}

/* The segment ended: 1 when the cursor is in the next one, 0: not there yet. */
static int
enter_next(pr_cursor *c, struct pr_error *e)
{
	uint64_t base;
	bool released;
	struct segment_look look;
	if (!reader_was_cut(&c->r))
		c->lsn = c->r.end; /* over what was too short for a record */
	int r = next_base(c, &base, &released, e);
	if (r < 0 || !base)
		return r;
	if ((r = look_begun(c, base, &look, e)) <= 0)
		return r;
	if (!reader_continues_in(&c->r, c->lsn, &look.head)) {
		close(look.fd);
		return released ? pr_fail(e, PR_ENOENT, "the journal at lsn %llu was released",
		                          (unsigned long long)c->lsn)
		                : corrupt(c, e);
	}
	r = reader_enter(&c->r, &look, e);
	c->lsn = base;
	return r < 0 ? r : 1;
}

/* No record where one could be: the end for now (0), or damage. */
static int
judge_gap(const pr_cursor *c, uint64_t limit, struct pr_error *e)
{
	uint64_t base;
	bool released;
	struct segment_look look;
	if (limit != UINT64_MAX)
		return corrupt(c, e);
	int r = next_base(c, &base, &released, e);
	if (r < 0 || !base || base <= c->r.head.base)
		return r;
	if ((r = look_begun(c, base, &look, e)) <= 0)
		return r;
	close(look.fd);
	return corrupt(c, e);
}

/* ---- records ---- */

/* Like reader_record, but what is not in the chunk may be in the file by now. */
static int
read_frame(pr_cursor *c, struct pr_record *out, struct pr_error *e)
{
	int r = reader_record(&c->r, c->lsn, out, e);
	if (r == 0 && (r = reader_refresh(&c->r, e)) == 0)
		r = reader_record(&c->r, c->lsn, out, e);
	return r;
}

int
pr_cursor_next(pr_cursor *c, uint64_t limit, struct pr_record *out, struct pr_error *e)
{
	while (c->lsn < limit) {
		bool released;
		int r = c->r.fd < 0 ? enter_first(c, &released, e) : 1;
		if (r <= 0)
			return r;
		if (c->lsn >= limit)
			return 0;
		r = read_frame(c, out, e);
		if (r == 0) {
			r = reader_at_end(&c->r, c->lsn) ? enter_next(c, e)
			                                 : judge_gap(c, limit, e);
			if (r <= 0)
				return r;
			continue;
		}
		if (r < 0)
			return r;
		c->lsn += (uint64_t)r;
		if (out->type != PR_RECORD_PAD && out->lsn >= c->from)
			return 1;
	}
	return 0;
}

/* The place is mostly a record's own: then nothing before it needs to be read. */
static int
try_place(pr_cursor *c, uint64_t lsn, struct pr_error *e)
{
	struct pr_record record;
	if (lsn <= c->lsn)
		return 0;
	int r = reader_record(&c->r, lsn, &record, e);
	if (r > 0)
		c->lsn = lsn;
	return r < 0 ? r : 0;
}

int
pr_cursor_open(const char *dir, uint64_t lsn, pr_cursor **out, struct pr_error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pr_fail_errno(e, "cannot open the journal's folder %s", dir);
	pr_cursor *c = pr_calloc(1, sizeof *c);
	*c = (pr_cursor){.dir = fd, .r = {.fd = -1}, .lsn = lsn, .from = lsn};
	bool released = false;
	int r = enter_first(c, &released, e);
	if (r > 0)
		r = try_place(c, lsn, e);
	if (r < 0) {
		pr_cursor_close(c);
		return r;
	}
	*out = c;
	return released ? pr_fail(e, PR_ENOENT, "the journal begins at lsn %llu; %llu was released",
	                          (unsigned long long)c->lsn, (unsigned long long)lsn)
	                : 0;
}

uint64_t
pr_cursor_lsn(const pr_cursor *c)
{
	return c->lsn < c->from ? c->from : c->lsn;
}

void
pr_cursor_close(pr_cursor *c)
{
	if (!c)
		return;
	reader_finish(&c->r);
	close(c->dir);
	free(c);
}
