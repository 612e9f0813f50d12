/*
 * Finding the end.
 *
 * The newest begun segment says below which lsn D all was durable when it began. From
 * D on nothing may be trusted after a power loss: pages reach the disk in any order,
 * so a record may be missing while later ones, even in the next segment, are there.
 * The scan therefore starts at D, follows the stream record by record, and ends at the
 * first that does not hold together. What lies behind was never durable, and nobody
 * was told that it was.
 *
 * What was found becomes the truth before anything is appended: the segments from D on
 * are synced (after kill -9 the page cache knows more than the disk), the last one is
 * cut at the end, what lies behind it is removed, the folder synced. Only then a new
 * segment begins exactly at the end. Why a new one, and not on in the old: records of
 * two histories could then lie in one file, and after another crash an old record that
 * happens to begin where a new one ends would read as valid. A fresh file is zero
 * behind its last record, and a fresh salt in its checksums keeps the histories apart
 * even where lsns repeat. Repeating all this after a crash in the midst gives the same
 * end.
 *
 * How it fails. A read error is an error, never an end. The end is read twice and must
 * be the same. Nothing is cut or removed before the whole scan went well. A segment
 * whose header is damaged is refused where it should go on with the stream, and moved
 * aside (.bad) where it never can have held a record.
 */
#include "recover.h"

#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scan {
	int dir;
	struct segment_list *list;
	uint64_t durable;   /* D */
	size_t first, last; /* places in the list: of D, of the end */
	uint64_t end;
	struct reader r;
};

static int
damaged(uint64_t base, struct pr_error *e)
{
	char name[SEGMENT_NAME];
	return pr_fail(e, PR_ECORRUPT,
	               "the journal's segment %s is damaged: its header does not hold together; "
	               "restore it from a backup, or move the file away to go on without it",
	               segment_name(base, name));
}

/* What a segment is, without keeping it open. */
static int
glance(int dir, uint64_t base, struct segment_look *look, struct pr_error *e)
{
	int r = segment_look(dir, base, look, e);
	if (r == 0 && look->fd >= 0)
		close(look->fd);
	return r;
}

/* The newest begun segment: 1, 0 when there is none, or a PR_E code. */
static int
find_newest(struct scan *s, struct pr_error *e)
{
	bool garbage = false;
	for (size_t i = s->list->n; i-- > 0;) {
		struct segment_look look;
		int r = glance(s->dir, s->list->bases[i], &look, e);
		if (r < 0)
			return r;
		garbage = garbage || look.garbage;
		if (look.state == SEGMENT_BEGUN) {
			s->durable = look.durable;
			return 1;
		}
	}
	/* Cannot be told from a journal that lost its only header. */
	return garbage ? damaged(s->list->bases[0], e) : 0;
}

/* Records from lsn to the end of what holds together in this segment. */
static int
scan_segment(struct scan *s, uint64_t *lsn, struct pr_error *e)
{
	struct pr_record record;
	int size;
	while ((size = reader_record(&s->r, *lsn, &record, e)) > 0)
		*lsn += (uint64_t)size;
	return size;
}

static int
enter(struct scan *s, size_t i, struct segment_look *look, struct pr_error *e)
{
	int r = segment_look(s->dir, s->list->bases[i], look, e);
	if (r == 0 && look->state == SEGMENT_BLANK) {
		close(look->fd);
		look->fd = -1;
	}
	return r;
}

/* Does the stream go on in segment i? 1: entered, 0: no, or a PR_E code. */
static int
follow(struct scan *s, size_t i, uint64_t lsn, struct pr_error *e)
{
	struct segment_look look;
	if (i >= s->list->n || !reader_at_end(&s->r, lsn))
		return 0;
	int r = enter(s, i, &look, e);
	if (r < 0)
		return r;
	if (look.garbage && !reader_was_cut(&s->r))
		return damaged(s->list->bases[i], e); /* it was born before this one was full */
	if (look.state != SEGMENT_BEGUN)
		return 0;
	if (!reader_continues_in(&s->r, lsn, &look.head)) {
		close(look.fd);
		return 0;
	}
	r = reader_enter(&s->r, &look, e);
	return r < 0 ? r : 1;
}

static int
scan_from_durable(struct scan *s, struct pr_error *e)
{
	uint64_t lsn = s->durable;
	size_t i = s->list->n - 1;
	while (i > 0 && s->list->bases[i] > lsn)
		i--;
	if (lsn < s->list->bases[i])
		lsn = s->list->bases[i]; /* D was released since */
	struct segment_look look;
	int r = enter(s, i, &look, e);
	if (r < 0)
		return r;
	if (look.state != SEGMENT_BEGUN) /* durable, yet not there */
		return damaged(s->list->bases[i], e);
	s->first = i;
	if ((r = reader_enter(&s->r, &look, e)) == 0 && lsn > s->r.end)
		r = damaged(s->list->bases[i], e);
	while (r >= 0) {
		if ((r = scan_segment(s, &lsn, e)) < 0)
			break;
		if ((r = follow(s, i + 1, lsn, e)) <= 0)
			break;
		lsn = s->list->bases[++i];
	}
	s->last = i;
	s->end = lsn;
	return r;
}

/* The same place reads the same again, from the file and not from our memory. */
static int
check_end(struct scan *s, struct pr_error *e)
{
	struct pr_record record;
	int r = reader_refresh(&s->r, e);
	if (r == 0)
		r = reader_record(&s->r, s->end, &record, e);
	return r > 0 ? pr_fail(e, PR_EIO, "the journal's last segment reads differently each time")
	             : r;
}

static int
sync_segments(struct scan *s, struct pr_error *e)
{
	char name[SEGMENT_NAME];
	for (size_t i = s->first; i <= s->last; i++) {
		int fd = openat(s->dir, segment_name(s->list->bases[i], name),
		                O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		bool cut = i == s->last;
		off_t size = (off_t)(SEGMENT_HEADER + (s->end - s->list->bases[i]));
		if (fd < 0 || fsync(fd) < 0 ||
		    (cut && (ftruncate(fd, size) < 0 || fsync(fd) < 0))) {
			int r = pr_fail_errno(e, "cannot sync the journal's segment %s", name);
			if (fd >= 0)
				close(fd);
			return r;
		}
		close(fd);
	}
	return 0;
}

static int
remove_segment(int dir, uint64_t base, struct pr_error *e)
{
	char name[SEGMENT_NAME], aside[SEGMENT_NAME + 8];
	struct segment_look look;
	int r = glance(dir, base, &look, e);
	if (r < 0)
		return r;
	segment_name(base, name);
	snprintf(aside, sizeof aside, "%s.bad", name);
	r = look.garbage ? renameat(dir, name, dir, aside) : unlinkat(dir, name, 0);
	return r < 0 && errno != ENOENT
	           ? pr_fail_errno(e, "cannot remove the journal's segment %s", name)
	           : 0;
}

/* Newest first: whatever is left after a crash here is still a beginning of the stream. */
static int
remove_behind(struct scan *s, size_t keep, struct pr_error *e)
{
	while (s->list->n > keep) {
		int r = remove_segment(s->dir, s->list->bases[s->list->n - 1], e);
		if (r < 0)
			return r;
		s->list->n--;
	}
	return fsync(s->dir) < 0 ? pr_fail_errno(e, "cannot sync the journal's folder") : 0;
}

/* The newest segments that were begun under this boot. */
static int
find_boot(struct scan *s, const char *boot_id, uint64_t *boot_lsn, struct pr_error *e)
{
	for (size_t i = s->list->n; i-- > 0;) {
		struct segment_look look;
		int r = glance(s->dir, s->list->bases[i], &look, e);
		if (r < 0)
			return r;
		if (look.state != SEGMENT_BEGUN ||
		    memcmp(look.head.boot_id, boot_id, PR_BOOT_ID) != 0)
			return 0;
		*boot_lsn = s->list->bases[i];
	}
	return 0;
}

static int
recover(struct scan *s, const char *boot_id, struct recovered *out, struct pr_error *e)
{
	int r = segment_list_read(s->dir, s->list, e);
	if (r == 0)
		r = find_newest(s, e);
	if (r < 0)
		return r;
	if (r == 0)
		return remove_behind(s, 0, e);
	if ((r = scan_from_durable(s, e)) < 0 || (r = check_end(s, e)) < 0 ||
	    (r = sync_segments(s, e)) < 0 || (r = remove_behind(s, s->last + 1, e)) < 0)
		return r;
	out->any = true;
	out->end = s->end;
	return find_boot(s, boot_id, &out->boot_lsn, e);
}

int
journal_recover(int dir, const char *boot_id, struct recovered *out, struct pr_error *e)
{
	*out = (struct recovered){.end = LSN_FIRST};
	struct scan s = {.dir = dir, .list = &out->segments, .r = {.fd = -1}};
	int r = recover(&s, boot_id, out, e);
	reader_finish(&s.r);
	if (r < 0)
		segment_list_finish(&out->segments);
	return r;
}
