/* Durable records are overwritten in place: the stream stays whole, whenever it is interrupted. */
#include "suite.h"

#include "journal_world.h"

#define SECRET "ann@a.example"
#define RECORDS 300u

/* Each record says its number; every seventh the secret as well. */
static void
append_text(uint32_t number)
{
	char text[100];
	int n =
	    snprintf(text, sizeof text, "%u %s.", number, number % 7 ? "somebody else" : SECRET);
	struct pr_record r = {
	    .type = PR_RECORD_OUTCOME, .row = number, .payload = text, .payload_n = (uint16_t)n};
	pr_journal_append(journal, &r);
}

static void
begin(void)
{
	world_begin();
	must_open();
	for (uint32_t i = 1; i <= RECORDS; i++)
		append_text(i);
	settle();
}

static bool
mask_secret(void *context, const struct pr_record *r, char *payload)
{
	char *at = memmem(payload, r->payload_n, SECRET, strlen(SECRET));
	(void)context;
	if (at)
		memset(at, '*', strlen(SECRET));
	return at != NULL;
}

static unsigned
rewrite(uint64_t limit)
{
	unsigned n = 0;
	int r = pr_journal_rewrite(dir, limit, mask_secret, NULL, &n, &error);
	ck_assert_msg(r == 0, "%s", error.text);
	return n;
}

/* All records in order; how many of them hold the secret. */
static unsigned
secrets(uint64_t limit)
{
	pr_cursor *c;
	struct pr_record r;
	unsigned found = 0;
	uint32_t next = 1;
	int got = pr_cursor_open(dir, 0, &c, &error);
	ck_assert_msg(got == 0, "%s", error.text);
	while ((got = pr_cursor_next(c, limit, &r, &error)) == 1) {
		if (r.type != PR_RECORD_OUTCOME)
			continue;
		ck_assert_uint_eq(r.row, next);
		ck_assert_int_eq(atoi(r.payload), (int)next++);
		found += memmem(r.payload, r.payload_n, SECRET, strlen(SECRET)) != NULL;
	}
	ck_assert_msg(got == 0, "%s", error.text);
	ck_assert_uint_eq(next, RECORDS + 1);
	pr_cursor_close(c);
	return found;
}

static size_t
read_file(const char *name, char *to, size_t size)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size);
	ck_assert_int_ge((int)n, 0);
	close(fd);
	return (size_t)n;
}

static bool
is_on_disk(void)
{
	static char octets[SMALL];
	bool found = false;
	DIR *d = opendir(dir);
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.') {
			size_t n = read_file(entry->d_name, octets, sizeof octets);
			found |= memmem(octets, n, SECRET, strlen(SECRET)) != NULL;
		}
	closedir(d);
	return found;
}

START_TEST(what_is_masked_is_gone_from_the_disk_and_all_else_stays)
{
	uint64_t durable = pr_journal_durable(journal);
	ck_assert_uint_eq(secrets(durable), RECORDS / 7);
	ck_assert_uint_eq(rewrite(durable), RECORDS / 7);
	ck_assert_uint_eq(secrets(durable), 0);
	ck_assert(!is_on_disk());
	ck_assert_uint_eq(rewrite(durable), 0);
	must_close();
	must_open(); /* and the end is found as before */
	ck_assert_uint_eq(secrets(pr_journal_durable(journal)), 0);
}
END_TEST

START_TEST(the_journal_goes_on_being_written_meanwhile)
{
	uint64_t durable = pr_journal_durable(journal);
	struct pr_record more = {.type = PR_RECORD_WIRE, .row = 5};
	pr_journal_append(journal, &more);
	pr_journal_flush(journal);
	rewrite(durable);
	settle();
	must_close();
	must_open();
	ck_assert_uint_eq(secrets(pr_journal_durable(journal)), 0);
}
END_TEST

START_TEST(records_at_the_limit_and_above_stay)
{
	rewrite(0);
	ck_assert_uint_eq(secrets(pr_journal_durable(journal)), RECORDS / 7);
}
END_TEST

/* ---- killed half-way ---- */

static uint32_t
crc32c(const unsigned char *p, size_t n)
{
	uint32_t crc = ~0u;
	for (; n > 0; n--, p++) {
		crc ^= *p;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return ~crc;
}

static void
write_at(const char *name, const char *octets, size_t n, off_t at, int flags)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | flags, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)pwrite(fd, octets, n, at), (int)n);
	close(fd);
}

/* The redo of a segment as one patch: all that changed in it. */
static void
write_redo(const char *name, const char *after, size_t from, size_t to)
{
	static char redo[2 * SMALL];
	uint64_t base = strtoull(name, NULL, 16), offset = from;
	uint32_t n = (uint32_t)(to - from), body = n + 12;
	memcpy(redo, "PostRdo\n", 8);
	memcpy(redo + 8, &base, 8);
	memcpy(redo + 16, &body, 4);
	memcpy(redo + 24, &offset, 8);
	memcpy(redo + 32, &n, 4);
	memcpy(redo + 36, after + from, n);
	uint32_t crc = crc32c((unsigned char *)redo + 24, body);
	memcpy(redo + 20, &crc, 4);
	write_at("rewrite.redo", redo, 24 + body, 0, O_CREAT);
}

START_TEST(a_start_finishes_what_was_interrupted)
{
	static char before[SMALL], after[SMALL];
	const char *first = "0000000000001000.journal";
	size_t n = read_file(first, before, sizeof before), from = 0, to = 0;
	rewrite(pr_journal_durable(journal));
	must_close();
	ck_assert_uint_eq(read_file(first, after, sizeof after), n);
	for (size_t i = 0; i < n; i++)
		if (before[i] != after[i]) {
			from = from ? from : i;
			to = i + 1;
		}
	ck_assert_uint_gt(to, from + 100);
	write_at(first, before, n, 0, 0); /* as it was, and then half of it overwritten */
	write_redo(first, after, from, to);
	write_at(first, after + from, (to - from) / 2 + 3, (off_t)from, 0);
	must_open();
	ck_assert_uint_eq(secrets(pr_journal_durable(journal)), 0);
	ck_assert(!is_on_disk());
}
END_TEST

START_TEST(a_damaged_redo_stops_the_start_by_name)
{
	must_close();
	write_at("rewrite.redo", "PostRdo\n and then something else", 32, 0, O_CREAT);
	ck_assert_int_eq(try_open(), PR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "rewrite.redo"));
	journal = NULL;
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_is_masked_is_gone_from_the_disk_and_all_else_stays},
	    {the_journal_goes_on_being_written_meanwhile},
	    {records_at_the_limit_and_above_stay},
	    {a_start_finishes_what_was_interrupted},
	    {a_damaged_redo_stops_the_start_by_name},
	};
	return suite_run("journal_rewrite", begin, world_end, tests, ROWS(tests));
}
