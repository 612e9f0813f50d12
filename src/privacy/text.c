/*
 * Files of text. Read once, record by record (a line, or in CSV what a quotation mark holds
 * together), into a new file that takes the old one's place when something has changed.
 *
 * A quotation mark that is never closed would make one record of all the rest: beyond RECORD_MAX it
 * is no CSV, and there the address alone is overwritten.
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u << 10)
#define RECORD_MAX (1u << 20)
#define PART ".forget.part"

struct rewriting {
	const struct pr_trace *trace;
	enum text_way way;
	uint32_t cells;
	int in, out;
	struct pr_buf record, text; /* being read; to be written */
	bool quoted, changed;
};

static void
mask(struct rewriting *w)
{
	w->changed |= pr_trace_mask(w->trace, w->record.data, w->record.len) > 0;
	pr_buf_add(&w->text, w->record.data, w->record.len);
}

/* Each cell but those to be emptied; separators and the line's end stay. */
static void
copy_cells(struct rewriting *w)
{
	bool quoted = false;
	unsigned cell = 0;
	for (size_t i = 0; i < w->record.len; i++) {
		char c = w->record.data[i];
		bool ends = !quoted && (c == ',' || c == '\r' || c == '\n');
		if (c == '"')
			quoted = !quoted;
		if (ends || cell >= 32 || !(w->cells >> cell & 1))
			pr_buf_addc(&w->text, c);
		cell += ends && c == ',';
	}
	w->changed = true;
}

static void
end_record(struct rewriting *w)
{
	bool named = w->record.len && pr_trace_is_in(w->trace, pr_buf_str(&w->record));
	if (named && w->way == TEXT_RECORDS && w->record.len < RECORD_MAX)
		w->changed = true;
	else if (named && w->way == TEXT_CELLS && w->record.len < RECORD_MAX) {
		copy_cells(w);
		pr_trace_mask(w->trace, w->text.data, w->text.len); /* in other cells */
	} else if (w->record.len)
		mask(w);
	pr_buf_clear(&w->record);
}

static int
flush(struct rewriting *w)
{
	int r = pr_write_all(w->out, w->text.data, w->text.len);
	pr_buf_clear(&w->text);
	return r;
}

static int
take(struct rewriting *w, const char *p, size_t n)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		pr_buf_addc(&w->record, p[i]);
		if (p[i] == '"' && w->way != TEXT_MASK)
			w->quoted = !w->quoted;
		bool ends = p[i] == '\n' && !w->quoted;
		if (!ends && w->record.len < RECORD_MAX)
			continue;
		end_record(w);
		w->quoted = w->quoted && ends;
		if (w->text.len >= CHUNK)
			r = flush(w);
	}
	return r;
}

static int
copy(struct rewriting *w)
{
	char chunk[65536];
	for (;;) {
		ssize_t n = read(w->in, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			end_record(w);
			return n < 0 ? -1 : flush(w);
		}
		if (take(w, chunk, (size_t)n) < 0)
			return -1;
	}
}

/* As readable as the old one was. */
static void
resemble(int in, int out)
{
	struct stat st;
	if (fstat(in, &st) == 0 && fchown(out, (uid_t)-1, st.st_gid) == 0)
		(void)fchmod(out, st.st_mode & 07777);
}

static int
replace(struct rewriting *w, int dir, const char *name, struct pr_error *e)
{
	unlinkat(dir, PART, 0);
	w->out = openat(dir, PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->out < 0)
		return pr_fail_errno(e, "cannot write beside %s", name);
	int r = copy(w);
	resemble(w->in, w->out);
	if (r == 0 && w->changed)
		r = fsync(w->out);
	if (r == 0 && w->changed)
		r = renameat(dir, PART, dir, name);
	if (r == 0 && w->changed)
		r = pr_fsync_dir(dir, ".");
	if (r < 0)
		r = pr_fail_errno(e, "cannot write %s", name);
	close(w->out);
	unlinkat(dir, PART, 0); /* not there any more when it took the place */
	return r < 0 ? r : w->changed;
}

int
text_erase(const struct pr_trace *t, int dir, const char *name, enum text_way way, uint32_t cells,
           struct pr_error *e)
{
	struct rewriting w = {.trace = t, .way = way, .cells = cells};
	w.in = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (w.in < 0)
		return pr_fail_errno(e, "cannot open %s", name);
	int r = replace(&w, dir, name, e);
	close(w.in);
	pr_buf_finish(&w.record);
	pr_buf_finish(&w.text);
	return r;
}
