/*
 * CSV: any octets, any encoding, any delimiter. Holds: no record with more fields or octets
 * than the bounds, valid UTF-8 in every field, lines that never run backwards, and a
 * second reading that sees the same.
 */
#include "postrider/campaign/csv.h"
#include "postrider/base/hash.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct sum {
	uint64_t hash, line, records;
};

static int
on_record(void *context, const struct pr_csv_record *record)
{
	struct sum *s = context;
	size_t all = 0;
	if (record->n > PR_CSV_COLUMNS_MAX || record->line < s->line ||
	    record->last_line < record->line)
		abort();
	for (size_t i = 0; i < record->n; i++) {
		struct pr_str f = record->fields[i];
		all += f.n;
		/* A record cut at a bound may hold half a character; it is bad then. */
		if (f.n > PR_CSV_FIELD_MAX || (!record->bad && !pr_utf8_valid(f.p, f.n, NULL)))
			abort();
		s->hash = pr_siphash((struct pr_hash_key){s->hash, i}, f.p, f.n);
	}
	if (all > PR_CSV_RECORD_MAX)
		abort();
	s->line = record->line;
	s->records++;
	return 0;
}

static struct sum
read_once(const uint8_t *data, size_t n, const struct pr_csv_options *o)
{
	struct sum s = {0};
	struct pr_problems problems = {0};
	struct pr_error e = {0};
	int fd = memfd_create("csv", 0);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	lseek(fd, 0, SEEK_SET);
	int r = pr_csv_read(fd, o, on_record, &s, &problems, &e);
	if (r == PR_EINVAL ? problems.problems == 0 : r != 0)
		abort();
	pr_problems_finish(&problems);
	close(fd);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const encodings[] = {"auto",    "auto",      "auto",         "utf-16",
	                                        "gb18030", "shift_jis", "windows-1252", "utf-7"};
	static const char delimiters[] = {0, 0, ';', '\t'};
	struct pr_csv_options o = {.file = "r.csv", .encoding = "auto"};
	if (n > 0) { /* the last octet chooses, so that seeds are plain files */
		o.encoding = encodings[data[n - 1] % 8];
		o.delimiter = delimiters[data[n - 1] / 8 % 4];
		if (data[n - 1] == '\n') {
			o.encoding = "auto";
			o.delimiter = 0;
		}
	}
	struct sum a = read_once(data, n, &o), b = read_once(data, n, &o);
	if (a.hash != b.hash || a.records != b.records)
		abort();
	return 0;
}
