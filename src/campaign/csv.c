/*
 * CSV: octets -> (iconv) -> UTF-8 -> physical lines -> libcsv -> records.
 *
 * libcsv says neither where it is nor when a field grows beyond bounds. So it is fed line by
 * line: between two calls the line number is known, and what it has gathered is looked at
 * and cut. It runs in its strict mode, which stops at the two cases that are worth a
 * decision; the decision is made here and parsing goes on:
 *
 *   5" pipe      a mark inside an unquoted field: a character
 *   "ab"c        text behind a closing mark: the record is bad. The field counts as unquoted
 *                from there, so that the record ends with its line and takes no other with it
 *
 * An unclosed mark takes the rest of the file with it: that is a problem of the file, told
 * with the line where the field began.
 */
#include "postrider/campaign/csv.h"

#include "csv_encoding.h"

#include <csv.h>
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK 65536u

/* libcsv's own names for the states of its parser (csv_parser.pstate), not in its header. */
#define LIBCSV_ROW_NOT_BEGUN 0
#define LIBCSV_FIELD_BEGUN 2
#define LIBCSV_FIELD_MIGHT_HAVE_ENDED 3

struct reader {
	const struct pr_csv_options *options;
	struct pr_problems *problems;
	int (*each)(void *context, const struct pr_csv_record *record);
	void *context;
	int result; /* of each, or a PR_E code of ours */

	struct csv_parser parser;
	bool started;  /* what the first octets tell is known */
	char line_end; /* '\n', or '\r' in files that have no other */
	uint64_t line; /* the one being fed, from 1 */
	bool open;     /* a record has begun and not ended */
	uint64_t record_line, field_line;
	const char *bad; /* of the open record */

	struct pr_buf data; /* its fields, one behind the other */
	size_t ends[PR_CSV_COLUMNS_MAX], n;
	struct pr_str fields[PR_CSV_COLUMNS_MAX];
};

/* ---- records ---- */

static void
spoil(struct reader *r, const char *why)
{
	if (!r->bad)
		r->bad = why; /* the first reason is the cause of the others */
}

static void
on_field(void *p, size_t n, void *context)
{
	struct reader *r = context;
	r->field_line = r->line;
	if (r->n == PR_CSV_COLUMNS_MAX) {
		spoil(r, "more than 500 columns");
		return;
	}
	if (n > PR_CSV_FIELD_MAX)
		spoil(r, "a field is longer than 64 KiB");
	else if (r->data.len + n > PR_CSV_RECORD_MAX)
		spoil(r, "the row is longer than 1 MiB");
	else
		pr_buf_add(&r->data, p, n);
	r->ends[r->n++] = r->data.len;
}

static void
on_record(int c, void *context)
{
	struct reader *r = context;
	struct pr_csv_record record = {.fields = r->fields,
	                               .n = r->n,
	                               .line = r->record_line,
	                               .last_line = r->line,
	                               .bad = r->bad};
	(void)c;
	for (size_t i = 0, from = 0; i < r->n; from = r->ends[i], i++)
		r->fields[i] = pr_str_n(pr_buf_str(&r->data).p + from, r->ends[i] - from);
	if (r->result == 0)
		r->result = r->each(r->context, &record);
	pr_buf_clear(&r->data);
	r->n = 0;
	r->bad = NULL;
	r->open = false;
	r->record_line = r->field_line = r->line;
}

static int
no_space(unsigned char c)
{
	(void)c;
	return 0; /* RFC 4180: spaces are part of a field */
}

/* ---- feeding libcsv ---- */

/* Strict mode stopped before p[0]: decide, and let it go on. Returns how many octets of p
 * were used up. */
static size_t
decide(struct reader *r, const char *p)
{
	struct csv_parser *parser = &r->parser;
	if (parser->pstate == LIBCSV_FIELD_MIGHT_HAVE_ENDED) {
		spoil(r, "text follows a closing quotation mark");
		parser->pstate = LIBCSV_FIELD_BEGUN;
		parser->quoted = 0;
		return 0;
	}
	csv_set_opts(parser, 0);
	csv_parse(parser, p, 1, on_field, on_record, r);
	csv_set_opts(parser, CSV_STRICT | CSV_STRICT_FINI);
	return 1;
}

/* What a field gathers beyond its bound is dropped; one octet stays, for libcsv takes back
 * the closing mark that it has stored. */
static void
bound_field(struct reader *r)
{
	if (r->parser.entry_pos <= PR_CSV_FIELD_MAX)
		return;
	spoil(r, "a field is longer than 64 KiB");
	r->parser.entry_pos = 1;
}

static bool
is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '\r' && p[i] != '\n')
			return false;
	return true;
}

/* A line, or a piece of one. */
static void
feed(struct reader *r, const char *p, size_t n)
{
	if (!r->open) {
		if (is_blank(p, n))
			return;
		r->open = true;
		r->record_line = r->field_line = r->line;
	}
	if (memchr(p, 0, n))
		spoil(r, "a NUL octet");
	while (n > 0 && r->result == 0) {
		size_t done = csv_parse(&r->parser, p, n, on_field, on_record, r);
		if (done < n && csv_error(&r->parser) == CSV_EPARSE)
			done += decide(r, p + done);
		else if (done < n) {
			r->result = PR_ELIMIT;
			return;
		}
		p += done;
		n -= done;
	}
	bound_field(r);
	r->open = r->parser.pstate != LIBCSV_ROW_NOT_BEGUN;
}

static void
feed_lines(struct reader *r, const char *p, size_t n)
{
	while (n > 0 && r->result == 0) {
		const char *end = memchr(p, r->line_end, n);
		size_t length = end ? (size_t)(end - p) + 1 : n;
		feed(r, p, length);
		if (end)
			r->line++;
		p += length;
		n -= length;
	}
}

/* ---- what the first octets tell ---- */

static char
sniff_delimiter(const char *p, size_t n)
{
	static const char known[] = ",;\t";
	size_t counts[3] = {0}, best = 0;
	bool quoted = false, begun = false;
	for (size_t i = 0; i < n; i++) {
		const char *at = p[i] ? strchr(known, p[i]) : NULL;
		quoted ^= p[i] == '"';
		if (!quoted && (p[i] == '\n' || p[i] == '\r')) {
			if (begun)
				break;
			continue; /* blank lines before the header */
		}
		begun = true;
		if (at && !quoted)
			counts[at - known]++;
	}
	for (size_t i = 1; i < 3; i++)
		if (counts[i] > counts[best])
			best = i;
	return known[best];
}

/* Length of a first line `sep=X`, 0 where there is none. */
static size_t
sep_line(const char *p, size_t n, char *delimiter)
{
	if (n < 6 || memcmp(p, "sep=", 4) != 0 || (p[5] != '\r' && p[5] != '\n') || p[4] == '"' ||
	    (p[4] & 0x80))
		return 0;
	*delimiter = p[4];
	return p[5] == '\r' && n > 6 && p[6] == '\n' ? 7 : 6;
}

/* Returns how many octets were used up. */
static size_t
start(struct reader *r, const char *p, size_t n)
{
	char said = 0;
	size_t skip = sep_line(p, n, &said);
	char delimiter = r->options->delimiter ? r->options->delimiter : said;
	r->started = true;
	r->line_end = memchr(p, '\r', n) && !memchr(p, '\n', n) ? '\r' : '\n';
	if (skip)
		r->line++;
	if (!delimiter)
		delimiter = sniff_delimiter(p + skip, n - skip);
	csv_set_delim(&r->parser, (unsigned char)delimiter);
	return skip;
}

/* Text in UTF-8 that is known to be valid. */
static void
take_text(struct reader *r, const char *p, size_t n)
{
	if (n == 0)
		return;
	size_t skip = r->started ? 0 : start(r, p, n);
	feed_lines(r, p + skip, n - skip);
}

/* ---- octets to text ---- */

struct input {
	int fd;
	const char *encoding; /* to convert from; NULL: UTF-8 */
	iconv_t how;
	size_t n;
	bool end;
	char raw[CHUNK];
	char text[CHUNK * 4];
};

/* Fills raw behind what is left in it. */
static int
read_more(struct input *in, struct pr_error *e)
{
	while (in->n < sizeof in->raw && !in->end) {
		ssize_t n = read(in->fd, in->raw + in->n, sizeof in->raw - in->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pr_fail_errno(e, "cannot read the recipients");
		in->end = n == 0;
		in->n += (size_t)n;
	}
	return 0;
}

static void
drop(struct input *in, size_t n)
{
	memmove(in->raw, in->raw + n, in->n - n);
	in->n -= n;
}

static uint64_t
line_of(const struct reader *r, const char *p, size_t n)
{
	uint64_t line = r->line;
	char end = r->started ? r->line_end : '\n';
	for (size_t i = 0; i < n; i++)
		line += p[i] == end;
	return line;
}

static void
tell_encoding(struct reader *r, unsigned line, const char *what, const char *guess)
{
	char remedy[200];
	snprintf(remedy, sizeof remedy,
	         "save the file as UTF-8, or name its encoding in "
	         "campaign.yaml: recipients: {file: \"%.60s\", encoding: %s}",
	         r->options->file, guess ? guess : "windows-1252");
	pr_problem_add(r->problems, PR_PROBLEM, r->options->file, line, remedy,
	               guess ? "%s; it looks like %s" : "%s", what, guess);
}

static int
refuse_utf8(struct reader *r, struct input *in, size_t at)
{
	size_t from = at > 2000 ? at - 2000 : 0;
	while (from < at && from > 0 && in->raw[from - 1] != '\n')
		from++; /* a sample begins with a line */
	const char *guess = pr_encoding_guess(pr_str_n(in->raw + from, in->n - from));
	tell_encoding(r, (unsigned)line_of(r, in->raw, at), "not valid UTF-8", guess);
	return PR_EINVAL;
}

/* Octets at the end of p that may begin a character of UTF-8. */
static size_t
unfinished(const char *p, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = (unsigned char)p[n - back];
		if (c >= 0xC0)
			return c >= (back == 1 ? 0xC0 : back == 2 ? 0xE0 : 0xF0) ? back : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

static int
take_utf8(struct reader *r, struct input *in)
{
	size_t keep = in->end ? 0 : unfinished(in->raw, in->n), bad;
	size_t n = in->n - keep;
	if (!pr_utf8_valid(in->raw, n, &bad))
		return refuse_utf8(r, in, bad);
	take_text(r, in->raw, n);
	drop(in, n);
	return r->result;
}

static int
take_encoded(struct reader *r, struct input *in)
{
	char *from = in->raw, *to = in->text;
	size_t left = in->n, room = sizeof in->text;
	size_t done = iconv(in->how, &from, &left, &to, &room);
	int number = done == (size_t)-1 ? errno : 0;
	size_t n = sizeof in->text - room;
	if (number == EILSEQ || (number == EINVAL && in->end)) {
		unsigned line = (unsigned)line_of(r, in->text, n);
		pr_problem_add(
		    r->problems, PR_PROBLEM, r->options->file, line,
		    "name another encoding in campaign.yaml (recipients: {encoding: ...}), "
		    "or save the file as UTF-8",
		    "not valid %s", in->encoding);
		return PR_EINVAL;
	}
	take_text(r, in->text, n);
	drop(in, (size_t)(from - in->raw));
	return r->result;
}

/* The name by the mark and the option, NULL for UTF-8. Drops the mark. A mark of UTF-8 is
 * believed before the manifest: no text of another encoding begins so. */
static const char *
encoding_name(const char *said, struct input *in)
{
	size_t mark = 0;
	const char *marked = pr_encoding_of_mark(in->raw, in->n, &mark);
	bool automatic = !said || strcmp(said, "auto") == 0;
	bool family = said && marked && strncmp(said, marked, 6) == 0; /* utf-16, utf-32 */
	if (marked && (automatic || family || strcmp(marked, "utf-8") == 0)) {
		drop(in, mark);
		return strcmp(marked, "utf-8") == 0 ? NULL : marked;
	}
	if (automatic || strcmp(said, "utf-8") == 0 || strcmp(said, "utf8") == 0)
		return NULL;
	return said;
}

static int
choose_encoding(struct reader *r, struct input *in)
{
	const char *name = encoding_name(r->options->encoding, in);
	const char *zeros = name ? NULL : pr_encoding_of_zeros(in->raw, in->n);
	if (zeros) {
		tell_encoding(r, 1, "not UTF-8: every second octet is zero", zeros);
		return PR_EINVAL;
	}
	if (!name)
		return 0;
	in->encoding = name;
	in->how = iconv_open("utf-8", name);
	if (in->how != (iconv_t)-1)
		return 0;
	pr_problem_add(r->problems, PR_PROBLEM, r->options->file, 0,
	               "names are those of iconv: utf-16, gb18030, shift_jis, windows-1252, ...",
	               "the encoding \"%.40s\" is not known", name);
	return PR_EINVAL;
}

/* ---- the whole file ---- */

static int
finish_file(struct reader *r)
{
	if (!r->open || r->result < 0)
		return r->result;
	if (csv_fini(&r->parser, on_field, on_record, r) == 0)
		return r->result;
	pr_problem_add(
	    r->problems, PR_PROBLEM, r->options->file, (unsigned)r->field_line,
	    "close the quotation mark, or double it (\"\") where it is meant as a character",
	    "a field begins with a quotation mark and is never closed");
	return PR_EINVAL;
}

static int
read_all(struct reader *r, struct input *in, struct pr_error *e)
{
	int done = read_more(in, e);
	if (done == 0)
		done = choose_encoding(r, in);
	while (done == 0 && (in->n > 0 || !in->end)) {
		size_t before = in->n;
		done = in->encoding ? take_encoded(r, in) : take_utf8(r, in);
		if (done == 0 && in->n == before && in->end)
			break;
		if (done == 0)
			done = read_more(in, e);
	}
	return done < 0 ? done : finish_file(r);
}

int
pr_csv_read(int fd, const struct pr_csv_options *options,
            int (*each)(void *context, const struct pr_csv_record *record), void *context,
            struct pr_problems *problems, struct pr_error *e)
{
	struct reader *r = pr_calloc(1, sizeof *r);
	struct input *in = pr_alloc(sizeof *in);
	*r = (struct reader){.options = options,
	                     .problems = problems,
	                     .each = each,
	                     .context = context,
	                     .line_end = '\n',
	                     .line = 1};
	in->fd = fd;
	in->how = (iconv_t)-1;
	in->encoding = NULL;
	in->n = 0;
	in->end = false;
	int result = csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI) == 0
	                 ? 0
	                 : pr_fail(e, PR_ESYSTEM, "libcsv cannot start");
	csv_set_space_func(&r->parser, no_space);
	csv_set_blk_size(&r->parser, 4096);
	if (result == 0)
		result = read_all(r, in, e);
	csv_free(&r->parser);
	if (in->how != (iconv_t)-1)
		iconv_close(in->how);
	pr_buf_finish(&r->data);
	free(in);
	free(r);
	return result;
}
