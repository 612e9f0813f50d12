/*
 * CSV, streaming: a file of any size, encoding and delimiter becomes records of UTF-8
 * fields, one call each, in memory that does not grow with the file.
 *
 * RFC 4180 read as people write it: CRLF, LF or CR end a line; blank lines are no records; a
 * quotation mark inside an unquoted field is a character; white space belongs to its field.
 * What RFC 4180 forbids and nobody can guess (text behind a closing quotation mark, NUL, too
 * large) spoils its record, and only that one, as far as can be told.
 *
 * Parsing is libcsv's. Needs what only the first octets tell: a byte order mark, `sep=;`, the
 * delimiter of the header.
 */
#ifndef POSTRIDER_CAMPAIGN_CSV_H
#define POSTRIDER_CAMPAIGN_CSV_H

#include "postrider/base/error.h"
#include "postrider/base/problem.h"

#define PR_CSV_FIELD_MAX (64u << 10) /* octets */
#define PR_CSV_RECORD_MAX (1u << 20)
#define PR_CSV_COLUMNS_MAX 500u

struct pr_csv_options {
	const char *file;     /* name for problems */
	const char *encoding; /* for iconv; NULL or "auto": by its mark, else UTF-8 */
	char delimiter;       /* 0: comma, semicolon or tab, whichever the header has most of */
};

struct pr_csv_record {
	const struct pr_str *fields; /* views until the call returns */
	size_t n;
	uint64_t line, last_line; /* physical lines, from 1 */
	const char *bad;          /* why the record cannot be used (static), NULL: it can */
};

/*
 * Reads fd from where it stands to its end. The first record is the header, if the file has
 * one. `each` returns 0, or a negative code that ends reading and is returned.
 * PR_EINVAL: the file cannot be read as it is; the problem has its line and remedy. Other
 * errors go to e.
 */
int pr_csv_read(int fd, const struct pr_csv_options *options,
                int (*each)(void *context, const struct pr_csv_record *record), void *context,
                struct pr_problems *problems, struct pr_error *e);

#endif
