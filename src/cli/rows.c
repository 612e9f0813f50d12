/*
 * Rows of a file on their way to the daemon: what is wrong with some, and the others in the order
 * of addresses.
 *
 * The daemon keeps people by address: rows in that order cost it no more than their octets, in any
 * other a page each. They wait in a file without a name, so that memory does not grow with them;
 * what is sorted are eight octets of the address behind what all addresses begin with, which is
 * order enough.
 */
#include "cli.h"

#include "postrider/ledger/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SORT_MEMORY (64u << 20)
#define LINE_MAX_OCTETS (1 << 20)
#define FIRST_MAX 400u /* octets: longer than an address */
#define BAD_SHOWN 20u
#define BAD_KEPT 1000u /* for --json */

/* ---- bad rows ---- */

void
cli_bad_note(struct cli_bad *b, uint64_t line, struct pr_str value, const char *why)
{
	char shown[200];
	pr_str_show(value, shown, sizeof shown);
	if (!b->list)
		b->list = json_array();
	if (b->n++ < BAD_KEPT)
		json_array_append_new(b->list, json_pack("{s:I,s:s,s:s}", "line", (json_int_t)line,
		                                         "value", shown, "reason", why));
	if (!b->quiet && b->n <= BAD_SHOWN)
		fprintf(stderr, "%s:%llu: %s: %s\n", cli_show(b->file), (unsigned long long)line,
		        shown, why);
}

void
cli_bad_tell(const struct cli_bad *b)
{
	char number[CLI_TEXT];
	if (!b->quiet && b->n > BAD_SHOWN)
		fprintf(stderr, "... and %s more\n", cli_number(b->n - BAD_SHOWN, number));
}

json_t *
cli_bad_json(const struct cli_bad *b)
{
	return b->list ? json_incref(b->list) : json_array();
}

/* ---- rows ---- */

struct cli_rows {
	FILE *file;
	int dir;
	pr_sorter *sorter;
	char *map;
	size_t octets, n, room; /* room: of fields */
	char first[FIRST_MAX];
	size_t common; /* octets that all addresses begin with */
	struct pr_str *fields;
};

struct head { /* of a row in the file; its fields follow, each behind its length */
	uint64_t line;
	uint32_t fields;
};

struct cli_rows *
cli_rows_create(void)
{
	struct cli_rows *r = pr_calloc(1, sizeof *r);
	const char *tmp = getenv("TMPDIR");
	r->dir = open(tmp && *tmp ? tmp : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = r->dir < 0 ? -1 : openat(r->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	r->file = fd < 0 ? NULL : fdopen(fd, "w+");
	return r;
}

void
cli_rows_destroy(struct cli_rows *r)
{
	pr_sorter_destroy(r->sorter);
	if (r->map)
		munmap(r->map, r->octets);
	if (r->file)
		fclose(r->file);
	if (r->dir >= 0)
		close(r->dir);
	free(r->fields);
	free(r);
}

size_t
cli_rows_count(const struct cli_rows *r)
{
	return r->n;
}

static void
note_common(struct cli_rows *r, struct pr_str address)
{
	size_t most = address.n < FIRST_MAX ? address.n : FIRST_MAX;
	if (r->n == 0) {
		memcpy(r->first, address.p, most);
		r->common = most;
	}
	if (most < r->common)
		r->common = most;
	for (size_t i = 0; i < r->common; i++)
		if (pr_lower(address.p[i]) != pr_lower(r->first[i]))
			r->common = i;
}

static void
write_field(struct cli_rows *r, struct pr_str field)
{
	uint32_t n = (uint32_t)field.n;
	fwrite(&n, sizeof n, 1, r->file);
	if (n)
		fwrite(field.p, 1, n, r->file);
	r->octets += sizeof n + n;
}

void
cli_rows_add(struct cli_rows *r, uint64_t line, const struct pr_str *fields, size_t n)
{
	struct head head = {.line = line, .fields = (uint32_t)n};
	if (!r->file)
		return;
	note_common(r, fields[0]);
	fwrite(&head, sizeof head, 1, r->file);
	r->octets += sizeof head;
	for (size_t i = 0; i < n; i++)
		write_field(r, fields[i]);
	if (n > r->room) {
		r->room = n;
		r->fields = pr_realloc(r->fields, n * sizeof *r->fields);
	}
	r->n++;
}

/* The row there; where the next one is. */
static size_t
row_at(const struct cli_rows *r, size_t at, struct cli_row *out)
{
	struct head head;
	memcpy(&head, r->map + at, sizeof head);
	at += sizeof head;
	for (uint32_t i = 0; i < head.fields; i++) {
		uint32_t n;
		memcpy(&n, r->map + at, sizeof n);
		r->fields[i] = pr_str_n(r->map + at + sizeof n, n);
		at += sizeof n + n;
	}
	*out = (struct cli_row){.line = head.line, .fields = r->fields, .n = head.fields};
	return at;
}

static uint64_t
key_of(const struct cli_rows *r, struct pr_str address)
{
	uint64_t key = 0;
	for (size_t i = r->common; i < r->common + 8; i++)
		key = key << 8 | (i < address.n ? (unsigned char)pr_lower(address.p[i]) : 0);
	return key;
}

int
cli_rows_sort(struct cli_rows *r, struct pr_error *e)
{
	struct cli_row row;
	int result = 0;
	if (!r->file || fflush(r->file) != 0)
		return pr_fail_errno(e, "cannot write a temporary file ($TMPDIR)");
	r->sorter = pr_sorter_create(r->dir, SORT_MEMORY);
	if (r->octets) {
		r->map = mmap(NULL, r->octets, PROT_READ, MAP_PRIVATE, fileno(r->file), 0);
		if (r->map == MAP_FAILED) {
			r->map = NULL;
			return pr_fail_errno(e, "cannot read a temporary file");
		}
	}
	for (size_t at = 0, next; result == 0 && at < r->octets; at = next) {
		next = row_at(r, at, &row);
		result = pr_sorter_add(r->sorter, key_of(r, row.fields[0]), at, e);
	}
	return result;
}

int
cli_rows_next(struct cli_rows *r, struct cli_row *out, struct pr_error *e)
{
	struct pr_sorter_item item;
	int result = pr_sorter_next(r->sorter, &item, e);
	if (result == 1)
		row_at(r, item.value, out);
	return result;
}

/* ---- files ---- */

static enum cli_exit
tell_problems(const struct pr_problems *problems, const struct pr_error *e)
{
	for (size_t i = 0; i < problems->n; i++)
		cli_fail("%s, line %u: %s", cli_show(problems->items[i].file),
		         problems->items[i].line, cli_show(problems->items[i].what));
	return problems->n ? CLI_FAILED : cli_fail("%s", e->text);
}

enum cli_exit
cli_read_csv(const char *name, int (*each)(void *, const struct pr_csv_record *), void *context,
             const char *no_column)
{
	struct pr_problems problems = {0};
	struct pr_error e = {0};
	struct pr_csv_options options = {.file = name, .encoding = "auto"};
	enum cli_exit result = CLI_DONE;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_fail_errno("cannot open %s", cli_show(name));
	int r = pr_csv_read(fd, &options, each, context, &problems, &e);
	close(fd);
	if (r == PR_ENOENT)
		result = cli_fail("%s: %s", cli_show(name), no_column);
	else if (r < 0)
		result = tell_problems(&problems, &e);
	pr_problems_finish(&problems);
	return result;
}

bool
cli_is_json_lines(const char *name)
{
	FILE *f = fopen(name, "re");
	int c = f ? fgetc(f) : EOF;
	while (c != EOF && pr_is_space((char)c))
		c = fgetc(f);
	if (f)
		fclose(f);
	return c == '{';
}

enum cli_exit
cli_read_json_lines(const char *name, void (*each)(void *, uint64_t, json_t *), void *context)
{
	FILE *f = fopen(name, "re");
	uint64_t line = 0;
	if (!f)
		return cli_fail_errno("cannot open %s", cli_show(name));
	char *text = pr_alloc(LINE_MAX_OCTETS);
	while (fgets(text, LINE_MAX_OCTETS, f)) {
		struct pr_str one = pr_str_trim(pr_str(text));
		line++;
		if (strlen(text) == LINE_MAX_OCTETS - 1)
			break;
		if (one.n == 0)
			continue;
		json_t *o = json_loadb(one.p, one.n, JSON_REJECT_DUPLICATES, NULL);
		each(context, line, o);
		json_decref(o);
	}
	bool whole = feof(f) && !ferror(f);
	free(text);
	fclose(f);
	return whole ? CLI_DONE
	             : cli_fail("%s: cannot read line %llu, or it is longer than 1 MiB",
	                        cli_show(name), (unsigned long long)line + (line == 0));
}

struct pr_str
cli_unguarded(struct pr_str text)
{
	text = pr_str_trim(text);
	bool guarded = text.n > 1 && text.p[0] == '\'' && strchr("=+-@", text.p[1]);
	return guarded ? pr_str_n(text.p + 1, text.n - 1) : text;
}
