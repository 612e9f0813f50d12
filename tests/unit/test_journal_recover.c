/*
 * The journal after what went wrong: torn, stale and missing octets, crashes in the
 * midst of opening, other boots. Every state is a copy of the folder, spoiled by hand.
 */
#include "../../src/journal/crc.h"
#include "journal_world.h"
#include "suite.h"

static uint64_t lsns[2000]; /* of the record with this number */
static uint32_t appended;

static void
fill(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		appended++;
		lsns[appended] = append(appended);
		if (i % 3 == 0)
			pr_loop_turn(loop);
	}
	pr_loop_turn(loop);
}

static void
begin(void)
{
	world_begin();
	appended = 0;
}

static uint64_t
base_of(const char *folder, uint64_t lsn)
{
	uint64_t bases[200], found = 0;
	unsigned n = list_bases(folder, bases, 200);
	for (unsigned i = 0; i < n; i++)
		if (bases[i] <= lsn)
			found = bases[i];
	return found;
}

static uint64_t
first_base(const char *folder)
{
	uint64_t bases[200];
	ck_assert_uint_gt(list_bases(folder, bases, 200), 0);
	return bases[0];
}

/* Until the two segments that are kept ready exist: a held sync holds their maker, too. */
static void
await_ready_segments(void)
{
	uint64_t bases[200], base = base_of(dir, pr_journal_written(journal) - 1);
	unsigned n;
	do
		n = list_bases(dir, bases, 200);
	while (bases[n - 1] < base + 2 * (SMALL - HEADER));
}

/* Opens `other`, sees that exactly `kept` records are there, appends more, closes, and
 * sees that exactly these followed: nothing stale came back. */
static void
check_goes_on_after(uint32_t kept)
{
	options.dir = other;
	must_open();
	ck_assert_uint_eq(read_all(other, 0, 1, NULL, pr_journal_end(journal)), kept);
	for (uint32_t i = 1; i <= 40; i++)
		append(kept + i);
	must_close();
	ck_assert_uint_eq(read_all(other, 0, 1, NULL, UINT64_MAX), kept + 40);
	options.dir = dir;
}

/* How many records end at or below lsn. */
static uint32_t
whole_below(uint64_t lsn)
{
	uint32_t n = 0;
	char payload[PR_PAYLOAD_MAX];
	while (n < appended && lsns[n + 1] + pr_record_size(payload_of(n + 1, payload)) <= lsn)
		n++;
	return n;
}

/* Whether record `number` is in `other` as it is in `dir`, octet by octet. */
static bool
is_intact(uint32_t number)
{
	char payload[PR_PAYLOAD_MAX], a[PR_RECORD_MAX], b[PR_RECORD_MAX];
	size_t n = pr_record_size(payload_of(number, payload));
	uint64_t base = base_of(dir, lsns[number]);
	off_t at = (off_t)(HEADER + (lsns[number] - base));
	int x = open(segment_path(dir, base), O_RDONLY),
	    y = open(segment_path(other, base), O_RDONLY);
	bool same = pread(x, a, n, at) == (ssize_t)n && pread(y, b, n, at) == (ssize_t)n &&
	            memcmp(a, b, n) == 0;
	close(x);
	close(y);
	return same;
}

START_TEST(tail_torn_at_any_octet_ends_the_stream_there)
{
	static const int values[] = {-1, 0, 0xFF};
	must_open();
	fill(48);
	uint64_t from = lsns[appended - 2], end = pr_journal_end(journal);
	ck_assert_uint_eq(base_of(dir, from), base_of(dir, end));
	must_close();
	for (int v = 0; v < 3; v++)
		for (uint64_t cut = from; cut < end; cut++) {
			copy_folder(dir, other);
			spoil(other, base_of(other, cut), cut, SMALL, values[v]);
			uint32_t whole = whole_below(cut);
			/* zeroes in place of padding change nothing */
			whole += whole < appended && is_intact(whole + 1);
			check_goes_on_after(whole);
		}
}
END_TEST

/*
 * A power loss: of what was written after the last sync each sector is as new, as old
 * or rubbish, in any mixture, across segments.
 */
static void
lose_power(uint64_t durable, uint64_t seed)
{
	uint64_t bases[200];
	unsigned n = list_bases(other, bases, 200);
	for (unsigned i = 0; i < n; i++) {
		uint64_t capacity = SMALL - HEADER;
		for (uint64_t at = 0; at < capacity; at += 512) {
			uint64_t lsn = bases[i] + at, dice = pr_mix64(seed = pr_mix64(seed)) % 8;
			if (lsn + 512 <= durable || dice > 3)
				continue;
			uint64_t from = lsn < durable ? durable : lsn;
			spoil(other, bases[i], from, (size_t)(lsn + 512 - from),
			      dice == 3 ? 0xA5 : 0);
		}
	}
}

START_TEST(power_loss_keeps_all_that_was_durable_and_brings_nothing_back)
{
	must_open();
	fill(90);
	settle();
	uint64_t durable = pr_journal_durable(journal);
	uint32_t safe = appended;
	await_ready_segments();
	hold_syncs(true);
	fill(50);
	ck_assert_uint_gt(pr_journal_end(journal), durable + SMALL - HEADER); /* in two or more */
	char image[300];
	snprintf(image, sizeof image, "%s/image", root);
	copy_folder(dir, image);
	hold_syncs(false);
	must_close();
	for (uint64_t seed = 1; seed <= 150; seed++) {
		copy_folder(image, other);
		lose_power(durable, seed);
		options.dir = other;
		options.boot_id = BOOT_B;
		must_open();
		ck_assert(!same_boot);
		uint32_t kept = read_all(other, 0, 1, NULL, pr_journal_end(journal));
		ck_assert_uint_ge(kept, safe);
		/* other records in place of those that were lost, over the same lsns */
		for (uint32_t i = 1; i <= 100; i++) {
			append(kept + i);
			pr_loop_turn(loop);
		}
		must_close();
		must_open();
		must_close();
		unsigned starts;
		ck_assert_uint_eq(read_all(other, 0, 1, &starts, UINT64_MAX), kept + 100);
		ck_assert_uint_eq(starts, 3);
	}
}
END_TEST

START_TEST(killed_process_loses_nothing_that_was_written)
{
	must_open();
	await_ready_segments();
	hold_syncs(true);
	fill(45);
	copy_folder(dir, other);
	hold_syncs(false);
	must_close();
	check_goes_on_after(45);
}
END_TEST

START_TEST(recovery_reads_through_segments_of_any_length)
{
	options.segment_size = 1 << 20;
	must_open();
	for (uint32_t i = 1; i <= 7000; i++)
		append(i);
	pr_journal_flush(journal);
	ck_assert_uint_eq(base_of(dir, pr_journal_end(journal)), first_base(dir));
	must_close();
	copy_folder(dir, other);
	check_goes_on_after(7000);
}
END_TEST

/* ---- crashes while opening ---- */

START_TEST(opening_may_be_killed_after_any_step)
{
	must_open();
	fill(100);
	uint64_t end = pr_journal_end(journal), base = base_of(dir, lsns[100]);
	char image[300], path[600];
	must_close();
	snprintf(image, sizeof image, "%s/image", root);
	copy_folder(dir, image);
	for (int step = 0; step < 5; step++) {
		copy_folder(image, other);
		if (step >= 1) /* the last segment is cut */
			spoil(other, base, end, 0, -1);
		if (step >= 2) /* what lies behind is removed */
			for (uint64_t b = base + SMALL - HEADER;; b += SMALL - HEADER)
				if (unlink(segment_path(other, b)) < 0)
					break;
		if (step >= 3) { /* the next one exists, without a header */
			snprintf(path, sizeof path, "%s", segment_path(other, end));
			int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
			ck_assert_int_ge(fd, 0);
			ck_assert_int_eq(ftruncate(fd, step == 3 ? 0 : SMALL), 0);
			close(fd);
		}
		check_goes_on_after(100);
	}
}
END_TEST

START_TEST(start_killed_before_its_first_record_leaves_the_boot_of_the_one_before)
{
	must_open();
	fill(10);
	must_close();
	uint64_t bases[8];
	options.boot_id = BOOT_B;
	must_open();
	ck_assert(!same_boot);
	uint64_t boot_lsn = pr_journal_boot_lsn(journal);
	ck_assert_uint_gt(boot_lsn, lsns[10]);
	copy_folder(dir, other);
	must_close();
	/* header, but nothing in it: as if START had not been written */
	ck_assert_uint_ge(list_bases(other, bases, 8), 2);
	ck_assert_uint_eq(base_of(other, boot_lsn), boot_lsn);
	spoil(other, boot_lsn, boot_lsn, SMALL, 0);
	options.dir = other;
	must_open();
	ck_assert(!same_boot);
	ck_assert_uint_eq(pr_journal_boot_lsn(journal), boot_lsn);
}
END_TEST

START_TEST(boot_lsn_names_what_an_earlier_boot_wrote_however_many_starts_ago)
{
	must_open();
	ck_assert(same_boot);
	ck_assert_uint_le(pr_journal_boot_lsn(journal), first_base(dir));
	fill(100);
	must_close();
	options.boot_id = BOOT_B;
	must_open();
	ck_assert(!same_boot);
	uint64_t boot_lsn = pr_journal_boot_lsn(journal);
	ck_assert_uint_gt(boot_lsn, lsns[100]);
	fill(100);
	ck_assert_uint_lt(boot_lsn, lsns[101]);
	must_close();
	for (int i = 0; i < 2; i++) {
		must_open();
		ck_assert(same_boot);
		ck_assert_uint_eq(pr_journal_boot_lsn(journal), boot_lsn);
		must_close();
	}
	options.boot_id = BOOT_A; /* an id that was seen before the last boot does not count */
	must_open();
	ck_assert(!same_boot);
	ck_assert_uint_gt(pr_journal_boot_lsn(journal), lsns[200]);
}
END_TEST

/* ---- floors and damage ---- */

START_TEST(floor_keeps_lsns_above_what_was_folded)
{
	options.floor = 1000001;
	must_open();
	ck_assert_uint_gt(pr_journal_end(journal), 1000001);
	fill(100);
	must_close();
	options.floor = 50000000;
	must_open();
	fill(100);
	ck_assert_uint_gt(lsns[101], 50000000);
	must_close();
	options.floor = 7; /* lower than the end: no matter */
	must_open();
	fill(100);
	ck_assert_uint_gt(lsns[201], lsns[200]);
	must_close();
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), 300);
	ck_assert_uint_eq(read_all(dir, lsns[150], 150, NULL, UINT64_MAX), 151);
}
END_TEST

static void
spoil_header(const char *folder, uint64_t base, int at, int value)
{
	int fd = open(segment_path(folder, base), O_RDWR | O_CREAT, 0640);
	unsigned char c = (unsigned char)value;
	ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

START_TEST(damaged_header_within_the_stream_is_refused_and_nothing_removed)
{
	uint64_t bases[200], again[200];
	must_open();
	fill(400);
	copy_folder(dir, other);
	must_close();
	unsigned n = list_bases(other, bases, 200);
	/* the newest that has records, and the only one left */
	uint64_t newest = base_of(other, lsns[400]);
	spoil_header(other, newest, 20, 0x77);
	options.dir = other;
	int r = pr_journal_open(loop, &options, &same_boot, &journal, &error);
	ck_assert_int_eq(r, PR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, strrchr(segment_path(other, newest), '/') + 1));
	ck_assert_uint_eq(list_bases(other, again, 200), n);
	for (unsigned i = 0; i < n; i++)
		if (bases[i] != newest)
			unlink(segment_path(other, bases[i]));
	r = pr_journal_open(loop, &options, &same_boot, &journal, &error);
	ck_assert_int_eq(r, PR_ECORRUPT);
	ck_assert_uint_eq(list_bases(other, again, 200), 1);
}
END_TEST

START_TEST(rubbish_behind_the_end_is_moved_aside)
{
	must_open();
	fill(10);
	must_close();
	copy_folder(dir, other);
	uint64_t base = base_of(other, lsns[10]) + 10 * (SMALL - HEADER);
	spoil_header(other, base, 20, 0x77);
	check_goes_on_after(10);
	char path[600];
	snprintf(path, sizeof path, "%s.bad", segment_path(other, base));
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_ne(access(segment_path(other, base), F_OK), 0);
}
END_TEST

START_TEST(journal_of_a_newer_version_is_refused_by_name)
{
	must_open();
	fill(10);
	must_close();
	uint64_t base = base_of(dir, lsns[10]);
	char page[80];
	int fd = open(segment_path(dir, base), O_RDWR);
	ck_assert_int_eq(pread(fd, page, 80, 0), 80);
	page[8]++;
	uint32_t crc = journal_crc(page, 76);
	memcpy(page + 76, &crc, 4);
	ck_assert_int_eq(pwrite(fd, page, 80, 0), 80);
	close(fd);
	ck_assert_int_eq(try_open(), PR_EVERSION);
}
END_TEST

START_TEST(foreign_files_in_the_folder_are_left_alone)
{
	static const char *const names[] = {"0000000000001000.journal.bak", "README",
	                                    "000000000000100G.journal", "1000.journal",
	                                    "0000000000001000.JOURNAL"};
	char path[600];
	must_open();
	fill(5);
	must_close();
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		close(open(path, O_WRONLY | O_CREAT, 0640));
	}
	must_open();
	fill(5);
	must_close();
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), 10);
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		ck_assert_int_eq(access(path, F_OK), 0);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {tail_torn_at_any_octet_ends_the_stream_there},
	    {power_loss_keeps_all_that_was_durable_and_brings_nothing_back},
	    {killed_process_loses_nothing_that_was_written},
	    {recovery_reads_through_segments_of_any_length},
	    {opening_may_be_killed_after_any_step},
	    {start_killed_before_its_first_record_leaves_the_boot_of_the_one_before},
	    {boot_lsn_names_what_an_earlier_boot_wrote_however_many_starts_ago},
	    {floor_keeps_lsns_above_what_was_folded},
	    {damaged_header_within_the_stream_is_refused_and_nothing_removed},
	    {rubbish_behind_the_end_is_moved_aside},
	    {journal_of_a_newer_version_is_refused_by_name},
	    {foreign_files_in_the_folder_are_left_alone},
	};
	return suite_run("journal_recover", begin, world_end, tests, ROWS(tests));
}
