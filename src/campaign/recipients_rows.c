/*
 * Records of the file, judged one by one: is it whole, is the address one, is what the
 * manifest requires there? Rows are numbered from 1 behind the header; a record in which
 * every field is empty (spreadsheets leave many) is no row, like a blank line.
 */
#include "recipients_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rows {
	const struct pr_manifest *m;
	const struct rows_reader *reader;
	struct pr_problems *problems;
	struct columns columns;
	struct columns_hints hints;
	bool have_header;
	uint32_t *rows;
	int64_t now_ms;      /* UTC: consent holds then */
	pr_coupons *coupons; /* NULL: none */
	size_t coupons_taken;
	struct pr_buf data;
	char why[160];
	struct pr_str kept[PR_CSV_COLUMNS_MAX];
};

static bool
is_empty(const struct pr_csv_record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (record->fields[i].n)
			return false;
	return !record->bad;
}

static bool
is_blank(struct pr_str s)
{
	return pr_str_trim(s).n == 0;
}

/* The name of the first required column that is blank, or NULL. */
static const struct pr_str *
missing(const struct columns *c, const struct pr_str *kept)
{
	for (size_t i = 0; i < c->required_n; i++)
		if (is_blank(kept[c->required[i]]))
			return &c->names[c->required[i]];
	return NULL;
}

/* Whether nobody may write to the row; says why. */
static bool
lacks_consent(struct rows *r)
{
	const struct columns *c = &r->columns;
	char name[60];
	if (c->consent != SIZE_MAX && !pr_says_yes(r->kept[c->consent])) {
		snprintf(r->why, sizeof r->why, "has not consented (%s)",
		         pr_str_show(c->names[c->consent], name, sizeof name));
		return true;
	}
	const char *ended =
	    c->expires == SIZE_MAX ? NULL : pr_consent_ended(r->kept[c->expires], r->now_ms);
	if (ended)
		snprintf(r->why, sizeof r->why, "%s %s",
		         pr_str_show(c->names[c->expires], name, sizeof name), ended);
	return ended != NULL;
}

static void
pack(struct rows *r, const struct pr_csv_record *record)
{
	const struct columns *c = &r->columns;
	size_t n = c->n - c->coupons;
	for (size_t i = 0; i < n; i++)
		r->kept[i] = record->fields[c->from[i]];
	pr_buf_clear(&r->data);
	pr_fields_pack(&r->data, r->kept, n);
}

/* The next code, behind all other fields; too few are told when it is known how many. */
static void
pack_coupon(struct rows *r)
{
	struct pr_str code = pr_coupons_at(r->coupons, r->coupons_taken++);
	pr_fields_pack(&r->data, &code, 1);
}

static enum row_fault
check_whole(struct rows *r, const struct pr_csv_record *record, const char **why)
{
	const struct columns *c = &r->columns;
	if (record->bad) {
		*why = record->bad;
		return ROW_BROKEN;
	}
	if (record->n == c->header_n)
		return ROW_GOOD;
	int n = snprintf(r->why, sizeof r->why, "%zu field%s instead of %zu", record->n,
	                 record->n == 1 ? "" : "s", c->header_n);
	if (record->last_line > record->line)
		snprintf(r->why + n, sizeof r->why - (size_t)n,
		         "; the row goes on to line %llu: is a quotation mark not closed?",
		         (unsigned long long)record->last_line);
	*why = r->why;
	return ROW_RAGGED;
}

static void
check(struct rows *r, const struct pr_csv_record *record, struct checked_row *out)
{
	const struct columns *c = &r->columns;
	char name[60];
	out->fault = check_whole(r, record, &out->why);
	if (c->from[c->email] < record->n)
		out->value = record->fields[c->from[c->email]];
	if (out->fault != ROW_GOOD)
		return;
	pack(r, record);
	out->data = pr_buf_str(&r->data);
	if (pr_mailbox_parse(out->value, &out->mailbox, &out->why) < 0) {
		out->fault = ROW_BAD_ADDRESS;
		return;
	}
	const struct pr_str *blank = missing(c, r->kept);
	if (blank) {
		snprintf(r->why, sizeof r->why, "%s is missing",
		         pr_str_show(*blank, name, sizeof name));
		out->fault = ROW_MISSING;
	} else if (lacks_consent(r)) {
		out->fault = ROW_NO_CONSENT;
	} else if (r->coupons) {
		pack_coupon(r);
		out->data = pr_buf_str(&r->data);
	}
	out->why = r->why;
}

static int
on_header(void *context, const struct pr_csv_record *record, size_t address)
{
	struct rows *r = context;
	r->have_header = true;
	r->hints.address = address;
	int result = recipients_columns(&r->columns, record, r->m, &r->hints, r->problems);
	return result < 0 ? result : r->reader->header(r->reader->context, &r->columns);
}

static int
on_record(void *context, const struct pr_csv_record *record)
{
	struct rows *r = context;
	if (!r->have_header)
		return on_header(r, record, SIZE_MAX);
	if (is_empty(record))
		return 0;
	if (*r->rows == PR_SEED_BASE - 1)
		return PR_ELIMIT;
	struct checked_row row = {.row = ++*r->rows, .line = record->line};
	check(r, record, &row);
	return r->reader->row(r->reader->context, &row);
}

/* ---- the file ---- */

static int
open_file(int dir, const char *name, struct pr_problems *problems, struct pr_error *e)
{
	struct stat st;
	if (strchr(name, '/')) {
		pr_problem_add(problems, PR_PROBLEM, name, 0,
		               "put the file into the campaign's folder",
		               "the recipients are not in the folder");
		return PR_EINVAL;
	}
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP)) {
		pr_problem_add(
		    problems, PR_PROBLEM, name, 0, "put the file into the campaign's folder",
		    errno == ENOENT ? "the file is missing" : "the file is a symbolic link");
		return PR_EINVAL;
	}
	if (fd < 0)
		return pr_fail_errno(e, "cannot open %s", name);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		return fd;
	}
	close(fd);
	pr_problem_add(problems, PR_PROBLEM, name, 0, "put the file itself into the folder",
	               "not a regular file");
	return PR_EINVAL;
}

static char
delimiter(const struct pr_manifest *m)
{
	switch (m->recipients.delimiter) {
	case PR_DELIMITER_COMMA: return ',';
	case PR_DELIMITER_SEMICOLON: return ';';
	case PR_DELIMITER_TAB: return '\t';
	default: return 0;
	}
}

/* ---- which column looks like addresses ---- */

#define LOOK_AT 100u /* rows */

struct look {
	uint32_t rows, addresses[PR_CSV_COLUMNS_MAX];
	bool have_header;
};

static int
look_at(void *context, const struct pr_csv_record *record)
{
	struct look *l = context;
	if (!l->have_header || is_empty(record)) {
		l->have_header = true;
		return 0;
	}
	for (size_t i = 0; i < record->n; i++)
		l->addresses[i] +=
		    pr_mailbox_parse(record->fields[i], &(struct pr_mailbox){0}, NULL) == 0;
	return ++l->rows < LOOK_AT ? 0 : PR_ECANCELLED;
}

/* The only field that holds an address in most of the first rows; SIZE_MAX: none, or several.
 * What is wrong with the file is for the reading proper to tell. */
static size_t
look_for_addresses(int fd, const struct pr_csv_options *options)
{
	struct pr_problems ignored = {0};
	struct look *l = pr_calloc(1, sizeof *l);
	size_t found = SIZE_MAX;
	bool several = false;
	(void)pr_csv_read(fd, options, look_at, l, &ignored, NULL);
	for (size_t i = 0; i < PR_CSV_COLUMNS_MAX; i++)
		if (l->addresses[i] * 2 > l->rows) {
			several |= found != SIZE_MAX;
			found = i;
		}
	pr_problems_finish(&ignored);
	free(l);
	off_t back = lseek(fd, 0, SEEK_SET);
	PR_ASSERT(back == 0); /* it is a regular file */
	return several ? SIZE_MAX : found;
}

/* PR_EINVAL: told. */
static int
check_coupons(const struct rows *r)
{
	char remedy[100];
	size_t there = r->coupons ? pr_coupons_count(r->coupons) : 0;
	if (r->coupons_taken <= there || pr_manifest_is_series(r->m))
		return 0;
	snprintf(remedy, sizeof remedy, "add %zu codes, or take as many recipients out",
	         r->coupons_taken - there);
	pr_problem_add(r->problems, PR_PROBLEM, r->m->coupons.file.p, 0, remedy,
	               "there are %zu codes for %zu recipients", there, r->coupons_taken);
	return PR_EINVAL;
}

static int
read_file(struct rows *r, int dir, struct pr_error *e)
{
	const struct pr_manifest *m = r->m;
	const char *name = m->recipients.file.p;
	struct pr_csv_options options = {name, m->recipients.encoding.p, delimiter(m)};
	int fd = open_file(dir, name, r->problems, e);
	if (fd < 0)
		return fd;
	r->hints.file = name;
	r->hints.contents = m->recipients.email.p ? SIZE_MAX : look_for_addresses(fd, &options);
	int result = pr_csv_read(fd, &options, on_record, r, r->problems, e);
	close(fd);
	if (result == 0 && *r->rows == 0) {
		pr_problem_add(
		    r->problems, PR_PROBLEM, name, 0,
		    "the first row holds the names of the columns, each further row a recipient",
		    r->have_header ? "there are no recipients behind the first row"
				   : "the file is empty");
		result = PR_EINVAL;
	}
	return result;
}

/* Without a file. */
static int
read_from(struct rows *r, const struct pr_recipients_from *from, struct pr_recipients_noted *noted,
          struct pr_error *e)
{
	const struct pr_manifest *m = r->m;
	struct records_reader reader = {on_header, on_record, r};
	r->hints.file = PR_MANIFEST_FILE;
	r->hints.contents = SIZE_MAX;
	int result = recipients_from(m, from, &reader, noted, r->problems, e);
	if (result == 0 && *r->rows == 0 && !pr_manifest_is_series(m))
		result = pr_text_problem(
		    r->problems, PR_MANIFEST_FILE,
		    pr_manifest_by_campaign(m) ? &m->recipients.campaign
		    : m->audience.segment.p    ? &m->audience.segment
					       : &m->audience.list.items[0],
		    "look with `postrider segment count`, or at the report of the campaign",
		    "nobody is in it: there are no recipients");
	return result;
}

int
recipients_rows(const struct pr_manifest *m, int dir, const struct pr_recipients_from *from,
                struct pr_recipients_noted *noted, const struct rows_reader *reader, uint32_t *rows,
                struct pr_problems *problems, struct pr_error *e)
{
	struct rows *r = pr_calloc(1, sizeof *r);
	*r = (struct rows){
	    .m = m, .reader = reader, .problems = problems, .rows = rows, .now_ms = pr_utc_ms()};
	*rows = 0;
	int result = 0;
	if (m->coupons.file.p && !(from && from->only)) /* a series gives them out later */
		result = pr_coupons_read(&m->coupons, dir, &r->coupons, problems, e);
	if (result == 0)
		result = m->recipients.file.p ? read_file(r, dir, e) : read_from(r, from, noted, e);
	if (result == 0)
		result = check_coupons(r);
	if (result == PR_ELIMIT)
		pr_fail(e, result, "there are more recipients than can be numbered");
	recipients_columns_finish(&r->columns);
	pr_coupons_free(r->coupons);
	pr_buf_finish(&r->data);
	free(r);
	return result;
}
