/*
 * The source of a copy: what was taken must leave incoming/, or be remembered.
 *
 * `.intake` in the copy names the source until it is dealt with. It is written before the
 * copy gets its final name, so a kill in between finds both at the next start: the copy is
 * whole, the source is removed or remembered then, and never taken again.
 *
 * What cannot be removed (files of another user, a sticky folder) is remembered with its
 * content *before* its name is given back; a kill in between finds it known by device and
 * inode, with the same content.
 */
#include "intake_internal.h"

#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_MAX 4096

/* ---- .intake ---- */

static void
add_hex(struct pr_buf *b, const uint8_t *p, size_t n)
{
	for (size_t k = 0; k < n; k++)
		pr_buf_addf(b, "%02x", p[k]);
}

int
intake_record_write(int dir, const struct intake_record *r, struct pr_error *e)
{
	struct pr_buf b = {0};
	pr_buf_addf(&b, "name %s\nowner %u\nserial %u\naccepted_ms %lld\nimported %d\ncontent ",
	            r->name, r->owner, r->serial, (long long)r->accepted_ms, r->imported);
	add_hex(&b, r->content, sizeof r->content);
	if (r->source[0])
		pr_buf_addf(&b, "\ndevice %llu\ninode %llu\nkeep %d\nsource %s",
		            (unsigned long long)r->device, (unsigned long long)r->inode, r->keep,
		            r->source);
	pr_buf_addc(&b, '\n');
	int result = pr_file_replace(dir, INTAKE_FILE, b.data, b.len, 0640, e);
	pr_buf_finish(&b);
	return result;
}

static void
read_hex(struct pr_str s, uint8_t *out, size_t n)
{
	for (size_t k = 0; k < n && 2 * k + 1 < s.n; k++) {
		char pair[3] = {s.p[2 * k], s.p[2 * k + 1], 0};
		out[k] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static void
read_line(struct intake_record *r, struct pr_str key, struct pr_str value)
{
	uint64_t number = 0;
	pr_str_u64(value, &number);
	if (pr_str_is(key, "name"))
		snprintf(r->name, sizeof r->name, "%.*s", (int)value.n, value.p);
	else if (pr_str_is(key, "source"))
		snprintf(r->source, sizeof r->source, "%.*s", (int)value.n, value.p);
	else if (pr_str_is(key, "owner"))
		r->owner = (uint32_t)number;
	else if (pr_str_is(key, "serial"))
		r->serial = (uint32_t)number;
	else if (pr_str_is(key, "accepted_ms"))
		r->accepted_ms = (int64_t)number;
	else if (pr_str_is(key, "imported"))
		r->imported = number == 1;
	else if (pr_str_is(key, "device"))
		r->device = number;
	else if (pr_str_is(key, "inode"))
		r->inode = number;
	else if (pr_str_is(key, "keep"))
		r->keep = number == 1;
	else if (pr_str_is(key, "content"))
		read_hex(value, r->content, sizeof r->content);
}

int
intake_record_read(int dir, struct intake_record *r, struct pr_error *e)
{
	struct pr_buf b = {0};
	*r = (struct intake_record){0};
	int result = pr_file_read(dir, INTAKE_FILE, RECORD_MAX, &b, e);
	for (size_t at = 0; result == 0 && at < b.len;) {
		size_t n = strcspn(b.data + at, "\n"), key = strcspn(b.data + at, " \n");
		if (key < n)
			read_line(r, pr_str_n(b.data + at, key),
			          pr_str_n(b.data + at + key + 1, n - key - 1));
		at += n + 1;
	}
	pr_buf_finish(&b);
	return result;
}

/* ---- leaving it behind ---- */

bool
intake_unclaim(pr_intake *i, const char *claimed, const char *name)
{
	intake_step(i, "unclaim");
	if (renameat2(i->incoming, claimed, i->incoming, name, RENAME_NOREPLACE) < 0)
		return false;
	intake_read_moves(i); /* or our own rename looked like a folder that came whole */
	struct waiting *w = intake_find_waiting(i, name);
	if (w)
		w->whole = false;
	return true;
}

/* What is in the folder now, for statedb. */
static int
describe(pr_intake *i, const char *source, struct pr_source_left *s, struct pr_error *e)
{
	struct pr_tree t;
	int fd = openat(i->incoming, source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? pr_fail_errno(e, "cannot open %s", source)
	               : pr_tree_read(i->incoming, source, &t, e);
	if (r == 0) {
		s->device = t.st.st_dev;
		s->inode = t.st.st_ino;
		s->ctime_ns = t.changed_ns;
		r = pr_tree_content(&t, fd, NULL, NULL, NULL, s->content, e);
	}
	if (fd >= 0) {
		pr_tree_finish(&t);
		close(fd);
	}
	return r;
}

static int
leave_behind(pr_intake *i, const struct intake_record *r, struct pr_error *e)
{
	struct pr_source_left s = {.since_ms = intake_utc_ms(i)};
	struct stat st;
	bool claimed = strcmp(r->source, r->name) != 0;
	snprintf(s.name, sizeof s.name, "%s", r->source);
	int result = describe(i, r->source, &s, e);
	if (result == 0) {
		intake_step(i, "leave");
		result = pr_statedb_leave_behind(i->statedb, &s, e);
	}
	if (result < 0 || !claimed || !intake_unclaim(i, r->source, r->name))
		return result;
	/* The rename changed its ctime, and its name. */
	snprintf(s.name, sizeof s.name, "%s", r->name);
	if (fstatat(i->incoming, r->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		int64_t ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
		s.ctime_ns = ctime_ns > s.ctime_ns ? ctime_ns : s.ctime_ns;
	}
	return pr_statedb_leave_behind(i->statedb, &s, e);
}

/* Is what has that name still what was copied? */
static bool
is_there(pr_intake *i, const struct intake_record *r)
{
	struct stat st;
	return fstatat(i->incoming, r->source, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == r->device && st.st_ino == r->inode;
}

static int
finish_source(pr_intake *i, int copy, struct intake_record *r, struct pr_error *e)
{
	int result = 0;
	intake_step(i, "remove");
	if (is_there(i, r) && (r->keep || pr_remove_tree(i->incoming, r->source) < 0) &&
	    is_there(i, r))
		result = leave_behind(i, r, e);
	if (result < 0)
		return result;
	if (fsync(i->incoming) < 0)
		return pr_fail_errno(e, "cannot sync incoming/");
	intake_step(i, "removed");
	r->source[0] = 0;
	return copy < 0 ? 0 : intake_record_write(copy, r, e);
}

/* copy: where its .intake is; it may have moved on to done/ meanwhile, or be gone. */
static int
finish_source_of(pr_intake *i, int parent, const char *copy, struct intake_record *r,
                 struct pr_error *e)
{
	int dir = openat(parent, copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		dir = openat(i->done, copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct intake_record tried = *r; /* not written: it is tried whole again */
	int result = finish_source(i, dir, &tried, e);
	if (result == 0)
		*r = tried;
	if (dir >= 0)
		close(dir);
	return result;
}

void
intake_settle_source(pr_intake *i, int parent, const char *copy, struct intake_record *r)
{
	struct pr_error e = {0};
	if (!r->source[0] || finish_source_of(i, parent, copy, r, &e) == 0)
		return;
	intake_tell_trouble(i, r->name, &e);
	struct unfinished *u = pr_calloc(1, sizeof *u);
	u->record = *r;
	u->parent = parent;
	snprintf(u->copy, sizeof u->copy, "%s", copy);
	u->retry_ms = i->now_ms + intake_backoff_ms(++u->failures);
	pr_list_push(&i->unfinished, &u->link);
}

void
intake_retry_sources(pr_intake *i)
{
	PR_LIST_EACH(node, &i->unfinished) {
		struct unfinished *u = PR_CONTAINER(node, struct unfinished, link);
		if (u->retry_ms > i->now_ms)
			continue;
		if (finish_source_of(i, u->parent, u->copy, &u->record, NULL) == 0) {
			pr_list_remove(&u->link);
			free(u);
		} else {
			u->retry_ms = i->now_ms + intake_backoff_ms(++u->failures);
		}
	}
}

bool
intake_is_unfinished(const pr_intake *i, const struct waiting *w)
{
	PR_LIST_EACH(node, &i->unfinished) {
		const struct unfinished *u = PR_CONTAINER(node, struct unfinished, link);
		if (u->record.device == w->device && u->record.inode == w->inode)
			return true;
	}
	return false;
}

int
intake_is_left(pr_intake *i, const struct waiting *w, bool *known, struct pr_error *e)
{
	struct pr_source_left s, now = {0};
	int r = pr_statedb_left_behind(i->statedb, w->device, w->inode, &s, e);
	*known = r == 0;
	if (r < 0)
		return r;
	if (s.ctime_ns == w->changed_ns)
		return 0;
	if (!e)
		return PR_ENOENT; /* only looking: what changed settles first */
	r = describe(i, w->name, &now, e);
	if (r == 0 && memcmp(now.content, s.content, sizeof s.content) != 0)
		r = pr_fail(e, PR_ENOENT, "%s was changed", w->name);
	if (r < 0)
		return r;
	snprintf(s.name, sizeof s.name, "%s", w->name);
	s.ctime_ns = now.ctime_ns;
	return pr_statedb_leave_behind(i->statedb, &s, e);
}
