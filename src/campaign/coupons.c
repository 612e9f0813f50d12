/* Coupons: codes one behind the other in memory, found by where they end. */
#include "postrider/campaign/coupons.h"

#include "postrider/base/hash.h"
#include "postrider/campaign/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* clang-format off */
static const struct pr_yaml_row coupon_rows[] = {
	{.key = "file", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE | PR_YAML_REQUIRED,
	 .example = "codes.csv",
	 .offset = offsetof(struct pr_coupons_source, file)},
	{.key = "column", .type = PR_YAML_TEXT, .flags = PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY,
	 .offset = offsetof(struct pr_coupons_source, column)},
	{0},
};
const struct pr_yaml_schema pr_coupons_schema = {
	.rows = coupon_rows, .size = sizeof(struct pr_coupons_source), .scalar_key = "file",
};
/* clang-format on */

struct code {
	uint64_t begin; /* in text */
	uint32_t line;
	uint16_t n;
};

struct pr_coupons {
	struct pr_buf text;
	struct code *codes;
	size_t n, cap;
};

struct reading {
	const struct pr_coupons_source *source;
	pr_coupons *coupons;
	struct pr_problems *problems;
	size_t column;
	bool have_first;
};

#define ONE_A_LINE "write one code on each line"

/* ---- the file ---- */

static void
tell(struct reading *r, uint64_t line, const char *what, const char *remedy)
{
	pr_problem_add(r->problems, PR_PROBLEM, r->source->file.p, (unsigned)line, remedy, "%s",
	               what);
}

static bool
is_printable(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
			return false;
	return true;
}

static int
add(struct reading *r, struct pr_str code, uint64_t line)
{
	pr_coupons *c = r->coupons;
	if (code.n == 0 || code.n > PR_COUPON_MAX || !is_printable(code)) {
		tell(r, line,
		     code.n == 0              ? "the code is empty"
		     : code.n > PR_COUPON_MAX ? "the code is longer than 200 octets"
		                              : "the code holds a control character",
		     ONE_A_LINE);
		return 0;
	}
	if (c->n == PR_COUPONS_MAX)
		return PR_ELIMIT;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 1024;
		c->codes = pr_realloc(c->codes, c->cap * sizeof *c->codes);
	}
	c->codes[c->n++] = (struct code){
	    .begin = c->text.len,
	    .line = line < UINT32_MAX ? (uint32_t)line : UINT32_MAX,
	    .n = (uint16_t)code.n,
	};
	pr_buf_add_str(&c->text, code);
	return 0;
}

static bool
is_head(struct pr_str first)
{
	static const char *const words[] = {"code", "codes", "coupon", "coupons", "voucher"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (pr_str_eq_nocase(first, pr_str(words[i])))
			return true;
	return false;
}

/* The column that is named; false: told. */
static bool
find_column(struct reading *r, const struct pr_csv_record *head)
{
	const struct pr_text *wanted = &r->source->column;
	char shown[80];
	for (size_t i = 0; i < head->n; i++)
		if (pr_str_eq_nocase(pr_str_trim(head->fields[i]),
		                     pr_str_trim(pr_text_str(wanted)))) {
			r->column = i;
			return true;
		}
	pr_text_problem(r->problems, "campaign.yaml", wanted,
	                "name one that stands in the first line of the file",
	                "coupons.column: %s has no column \"%s\"", r->source->file.p,
	                pr_str_show(pr_text_str(wanted), shown, sizeof shown));
	return false;
}

static int
on_record(void *context, const struct pr_csv_record *record)
{
	struct reading *r = context;
	bool first = !r->have_first;
	r->have_first = true;
	if (record->bad) {
		tell(r, record->line, record->bad, "correct the line");
		return 0;
	}
	if (first && r->source->column.p)
		return find_column(r, record) ? 0 : PR_EINVAL;
	if (!r->source->column.p && record->n > 1) {
		tell(r, record->line, "there are several columns",
		     "name the one with the codes: coupons: {file: ..., column: ...}");
		return PR_EINVAL;
	}
	if (r->column >= record->n) {
		tell(r, record->line, "the line has no code", "correct the line");
		return 0;
	}
	struct pr_str code = pr_str_trim(record->fields[r->column]);
	return first && is_head(code) ? 0 : add(r, code, record->line);
}

/* ---- the same one twice ---- */

struct sorted {
	uint64_t hash;
	uint32_t at;
};

static int
by_hash(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct sorted *
sort(const pr_coupons *c)
{
	struct pr_hash_key key;
	struct sorted *all = pr_calloc(c->n ? c->n : 1, sizeof *all);
	pr_hash_key_random(&key);
	for (size_t i = 0; i < c->n; i++) {
		struct pr_str code = pr_coupons_at(c, i);
		all[i] = (struct sorted){pr_siphash(key, code.p, code.n), (uint32_t)i};
	}
	qsort(all, c->n, sizeof *all, by_hash);
	return all;
}

static void
find_twice(struct reading *r)
{
	const pr_coupons *c = r->coupons;
	struct sorted *all = sort(c);
	for (size_t i = 1; i < c->n; i++) {
		uint32_t a = all[i - 1].at, b = all[i].at;
		if (all[i - 1].hash != all[i].hash ||
		    !pr_str_eq(pr_coupons_at(c, a), pr_coupons_at(c, b)))
			continue;
		pr_problem_add(r->problems, PR_PROBLEM, r->source->file.p, c->codes[b].line,
		               "each code is for one recipient: take one of them out",
		               "the code stands on line %u already", c->codes[a].line);
	}
	free(all);
}

/* ---- the whole ---- */

static int
read_all(struct reading *r, int fd, struct pr_error *e)
{
	const char *name = r->source->file.p;
	unsigned before = r->problems->problems;
	struct pr_csv_options options = {.file = name};
	if (!r->source->column.p)
		options.delimiter = ','; /* nothing is to be guessed from a code */
	int result = pr_csv_read(fd, &options, on_record, r, r->problems, e);
	if (result == PR_ELIMIT)
		tell(r, 0, "there are too many codes", "leave out what no recipient needs");
	if (result == 0)
		find_twice(r);
	if (result == PR_ELIMIT || (result == 0 && r->problems->problems > before))
		result = PR_EINVAL;
	return result;
}

int
pr_coupons_read(const struct pr_coupons_source *source, int dir, pr_coupons **out,
                struct pr_problems *problems, struct pr_error *e)
{
	struct reading r = {.source = source, .problems = problems};
	int fd = openat(dir, source->file.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return pr_fail_errno(e, "cannot open %s", source->file.p);
	r.coupons = pr_calloc(1, sizeof *r.coupons);
	int result = read_all(&r, fd, e);
	close(fd);
	if (result < 0)
		pr_coupons_free(r.coupons);
	else
		*out = r.coupons;
	return result;
}

void
pr_coupons_free(pr_coupons *c)
{
	if (!c)
		return;
	pr_buf_finish(&c->text);
	free(c->codes);
	free(c);
}

size_t
pr_coupons_count(const pr_coupons *c)
{
	return c->n;
}

struct pr_str
pr_coupons_at(const pr_coupons *c, size_t at)
{
	if (at >= c->n)
		return PR_STR("");
	return pr_str_n(c->text.data + c->codes[at].begin, c->codes[at].n);
}
