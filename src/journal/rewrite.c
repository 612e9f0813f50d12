/*
 * Overwriting records in place.
 *
 *   walk a segment, mask -> patches (offset, octets) -> `rewrite.redo`, synced
 *     -> pwrite each, sync the segment -> remove `rewrite.redo`
 *
 * A record that is half old and half new would not hold together, and a journal that is damaged
 * there is worthless from there on. So the new octets are durable before the first old one is
 * touched. They hold nothing of what they replace.
 *
 * Redo, little endian: 8 octets of magic, u64 segment, u32 octets that follow, u32 CRC-32C of them;
 * then patches: u64 offset in the file, u32 length, octets.
 */
#include "rewrite.h"

#include "postrider/base/file.h"
#include "crc.h"
#include "reader.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define REDO "rewrite.redo"
#define MAGIC "PostRdo\n"
#define REDO_HEAD 24
#define PATCH_HEAD 12
#define BATCH (1u << 20) /* octets of patches at once */
#define REDO_MAX (BATCH + REDO_HEAD + PATCH_HEAD + PR_RECORD_MAX)

struct rewriting {
	int dir;
	uint64_t limit;
	bool (*mask)(void *context, const struct pr_record *r, char *payload);
	void *context;
	struct reader r;
	struct pr_buf redo; /* of the segment that r is in */
	unsigned n;
};

/* ---- applying ---- */

static int
apply_patches(int fd, struct pr_str body)
{
	static const struct pr_journal_disk disk = {.pwrite = pwrite};
	while (body.n >= PATCH_HEAD) {
		uint64_t offset = get64(body.p);
		uint32_t n = get32(body.p + 8);
		if (n > body.n - PATCH_HEAD)
			break;
		if (segment_pwrite(&disk, fd, body.p + PATCH_HEAD, n, offset) < 0)
			return -1;
		body = pr_str_n(body.p + PATCH_HEAD + n, body.n - PATCH_HEAD - n);
	}
	return fdatasync(fd);
}

/* A segment that is gone was released: nothing of it is left to overwrite. */
static int
apply(int dir, struct pr_str redo, struct pr_error *e)
{
	char name[SEGMENT_NAME];
	segment_name(get64(redo.p + 8), name);
	int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 && errno != ENOENT
	            ? pr_fail_errno(e, "cannot open the journal's segment %s", name)
	            : 0;
	if (fd >= 0 && apply_patches(fd, pr_str_n(redo.p + REDO_HEAD, redo.n - REDO_HEAD)) < 0)
		r = pr_fail_errno(e, "cannot write the journal's segment %s", name);
	if (fd >= 0)
		close(fd);
	if (r == 0 && (unlinkat(dir, REDO, 0) < 0 || pr_fsync_dir(dir, ".") < 0))
		r = pr_fail_errno(e, "cannot remove the journal's " REDO);
	return r;
}

static bool
is_redo(struct pr_str text)
{
	return text.n >= REDO_HEAD && memcmp(text.p, MAGIC, 8) == 0 &&
	       get32(text.p + 16) == text.n - REDO_HEAD &&
	       get32(text.p + 20) == journal_crc(text.p + REDO_HEAD, text.n - REDO_HEAD);
}

int
journal_rewrite_again(int dir, struct pr_error *e)
{
	struct pr_buf text = {0};
	int r = pr_file_read(dir, REDO, REDO_MAX, &text, e);
	if (r == PR_ENOENT)
		r = 0;
	else if (r == 0 && !is_redo(pr_buf_str(&text)))
		r = pr_fail(e, PR_ECORRUPT,
		            "the journal's " REDO " is damaged; remove it, and see "
		            "that who was to be forgotten is forgotten again");
	else if (r == 0)
		r = apply(dir, pr_buf_str(&text), e);
	pr_buf_finish(&text);
	return r;
}

/* ---- collecting ---- */

static void
begin_redo(struct rewriting *w)
{
	char head[REDO_HEAD] = MAGIC;
	put64(head + 8, w->r.head.base);
	pr_buf_clear(&w->redo);
	pr_buf_add(&w->redo, head, sizeof head);
}

static int
flush_redo(struct rewriting *w, struct pr_error *e)
{
	size_t n = w->redo.len - REDO_HEAD;
	if (n == 0)
		return 0;
	put32(w->redo.data + 16, (uint32_t)n);
	put32(w->redo.data + 20, journal_crc(w->redo.data + REDO_HEAD, n));
	int r = pr_file_replace(w->dir, REDO, w->redo.data, w->redo.len, 0640, e);
	if (r == 0)
		r = apply(w->dir, pr_buf_str(&w->redo), e);
	begin_redo(w);
	return r;
}

static int
look_at(struct rewriting *w, const struct pr_record *r, struct pr_error *e)
{
	char payload[PR_PAYLOAD_MAX], patch[PATCH_HEAD + PR_RECORD_MAX];
	struct pr_record now = *r;
	if (r->payload_n == 0 || r->type == PR_RECORD_PAD)
		return 0;
	memcpy(payload, r->payload, r->payload_n);
	now.payload = payload;
	if (!w->mask(w->context, &now, payload))
		return 0;
	size_t n = pr_record_size(now.payload_n);
	put64(patch, SEGMENT_HEADER + (r->lsn - w->r.head.base));
	put32(patch + 8, (uint32_t)n);
	pr_record_write(patch + PATCH_HEAD, &now, w->r.head.salt);
	pr_buf_add(&w->redo, patch, PATCH_HEAD + n);
	w->n++;
	return w->redo.len < BATCH ? 0 : flush_redo(w, e);
}

static int
walk_segment(struct rewriting *w, struct pr_error *e)
{
	struct pr_record record;
	uint64_t lsn = w->r.head.base;
	int size = 1, r = 0;
	begin_redo(w);
	while (r == 0 && lsn < w->limit && (size = reader_record(&w->r, lsn, &record, e)) > 0) {
		r = look_at(w, &record, e);
		lsn += (uint64_t)size;
	}
	if (r == 0 && size < 0)
		r = size;
	return r == 0 ? flush_redo(w, e) : r;
}

static int
walk(struct rewriting *w, struct pr_error *e)
{
	struct segment_list list;
	struct segment_look look;
	int r = segment_list_read(w->dir, &list, e);
	for (size_t i = 0; r == 0 && i < list.n && list.bases[i] < w->limit; i++) {
		r = segment_look(w->dir, list.bases[i], &look, e);
		if (r == 0 && look.state == SEGMENT_BEGUN) {
			r = reader_enter(&w->r, &look, e);
			if (r == 0)
				r = walk_segment(w, e);
		} else if (r == 0 && look.fd >= 0)
			close(look.fd);
	}
	segment_list_finish(&list);
	return r;
}

int
pr_journal_rewrite(const char *dir, uint64_t limit,
                   bool (*mask)(void *context, const struct pr_record *r, char *payload),
                   void *context, unsigned *n, struct pr_error *e)
{
	struct rewriting w = {.limit = limit, .mask = mask, .context = context, .r = {.fd = -1}};
	w.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.dir < 0)
		return pr_fail_errno(e, "cannot open the journal's folder %s", dir);
	int r = journal_rewrite_again(w.dir, e); /* where an earlier one failed half-way */
	if (r == 0)
		r = walk(&w, e);
	reader_finish(&w.r);
	pr_buf_finish(&w.redo);
	close(w.dir);
	if (r == 0)
		*n = w.n;
	return r;
}
