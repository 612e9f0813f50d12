/*
 * results.csv: a line a row, in file order; UTF-8 with a byte order mark, so that
 * spreadsheets read it right; cells that a spreadsheet would take for a formula are guarded.
 * Streamed to a temporary file that replaces the old one when it is whole and synced.
 */
#include "report_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE 2000u
#define CHUNK (256u << 10)
#define HEADER                                                                                     \
	"\xEF\xBB\xBFrow,email,state,class,code,enhanced,reply,attempts,first_attempt,"            \
	"last_attempt,mx,variant,version,message_id,doubted\r\n"

struct writer {
	const struct pr_report_source *source;
	struct pr_buf out, id;
	struct pr_arena arena;
	struct pr_str variants[PR_MANIFEST_VARIANTS_MAX];
	size_t variants_n;
	int fd;
	uint32_t after;
	bool failed;
};

static void
add_time(struct pr_buf *b, int64_t utc_ms)
{
	char text[PR_RFC3339_SIZE];
	if (utc_ms)
		pr_buf_adds(b, pr_format_rfc3339(utc_ms, text));
	pr_buf_addc(b, ',');
}

static void
add_answer(struct pr_buf *b, const struct pr_known *k)
{
	if (k->code)
		pr_buf_addf(b, "%u", k->code);
	pr_buf_addc(b, ',');
	if (k->enhanced[0])
		pr_buf_addf(b, "%u.%u.%u", k->enhanced[0], k->enhanced[1], k->enhanced[2]);
	pr_buf_addc(b, ',');
	pr_buf_add_csv(b, k->reply);
}

/* Rows that were tried have a Message-ID, as they have a version; the others never got one. */
static void
add_message_id(struct writer *w, const struct pr_known *k)
{
	pr_buf_clear(&w->id);
	if (w->source->message_ids[0] && k->attempts)
		pr_buf_addf(&w->id, "<%u%s", k->row, w->source->message_ids);
	pr_buf_add_csv(&w->out, pr_buf_str(&w->id));
}

static bool
add_row(void *context, const struct pr_known *k)
{
	struct writer *w = context;
	struct pr_buf *b = &w->out;
	w->after = k->row;
	pr_buf_addf(b, "%u,", k->row);
	pr_buf_add_csv(b, k->email);
	pr_buf_addf(b, ",%s,%s,", pr_state_word(k->state), pr_class_word(k->class_));
	add_answer(b, k);
	pr_buf_addf(b, ",%u,", k->attempts);
	add_time(b, k->first_ms);
	add_time(b, k->last_ms);
	pr_buf_add_csv(b, k->mx);
	pr_buf_addc(b, ',');
	if (k->variant >= 1 && k->variant <= w->variants_n)
		pr_buf_add_csv(b, w->variants[k->variant - 1]);
	else if (k->variant) /* a step that came later */
		pr_buf_addf(b, "%u", k->variant);
	pr_buf_addc(b, ',');
	if (k->version)
		pr_buf_addf(b, "%u", k->version);
	pr_buf_addc(b, ',');
	add_message_id(w, k);
	pr_buf_addf(b, ",%s\r\n", k->doubts ? "1" : "0");
	if (b->len < CHUNK)
		return true;
	w->failed = pr_write_all(w->fd, b->data, b->len) < 0;
	pr_buf_clear(b);
	return !w->failed;
}

static int
write_rows(struct writer *w, pr_ledger *l, struct pr_error *e)
{
	int r = 0;
	pr_buf_adds(&w->out, HEADER);
	for (uint32_t before = UINT32_MAX; r == 0 && !w->failed && before != w->after;) {
		before = w->after;
		r = pr_ledger_page(l, PR_STATES, w->after, PAGE, add_row, w, e);
	}
	if (r == 0 &&
	    (w->failed || pr_write_all(w->fd, w->out.data, w->out.len) < 0 || fsync(w->fd) < 0))
		r = pr_fail_errno(e, "cannot write results.csv");
	return r;
}

int
pr_report_write_csv(const struct pr_report_source *s, pr_ledger *l, int dir, struct pr_error *e)
{
	struct writer w = {.source = s};
	w.fd = openat(dir, "results.csv.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	              0640);
	if (w.fd < 0)
		return pr_fail_errno(e, "cannot write results.csv");
	pr_arena_init(&w.arena);
	w.variants_n = variant_names(l, &w.arena, w.variants);
	int r = write_rows(&w, l, e);
	close(w.fd);
	pr_buf_finish(&w.out);
	pr_buf_finish(&w.id);
	pr_arena_finish(&w.arena);
	if (r == 0 && (renameat(dir, "results.csv.tmp", dir, "results.csv") < 0 || fsync(dir) < 0))
		r = pr_fail_errno(e, "cannot write results.csv");
	return r;
}
