/* What comes for a campaign while its folder moves: kept back, once, until it can be folded. */
#include "suite.h"

#include "../../src/delivery/internal.h"

#include <stdio.h>
#include <stdlib.h>

static struct finished *f;

static void
setup(void)
{
	f = finished_create("/nowhere", NULL);
}

static void
teardown(void)
{
	finished_destroy(f);
}

static void
keep_back(uint32_t campaign, uint64_t lsn)
{
	const struct pr_record r = {
	    .campaign = campaign, .lsn = lsn, .payload = "octets", .payload_n = 6};
	finished_keep_back(f, &r, 1);
}

/* The places of what can be folded now. */
static const char *
next(void)
{
	static char text[100];
	struct pr_record *records;
	size_t n = finished_next(f, &records), at = 0;
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(memcmp(records[i].payload, "octets", 6), 0);
		at += (size_t)snprintf(text + at, sizeof text - at, "%u:%llu ",
		                       (unsigned)records[i].campaign,
		                       (unsigned long long)records[i].lsn);
	}
	if (n)
		free(records);
	return text;
}

START_TEST(what_is_kept_back_waits_for_the_end_of_its_campaign)
{
	finished_begin(f, 7);
	finished_begin(f, 8);
	keep_back(7, 40);
	keep_back(8, 20);
	keep_back(7, 60);
	ck_assert(finished_is_ending(f, 7));
	ck_assert_str_eq(next(), "");
	ck_assert_uint_eq(finished_needs(f), 20);
	finished_end(f, 7);
	ck_assert_str_eq(next(), "7:40 7:60 ");
	finished_drop(f, 7);
	ck_assert_str_eq(next(), "");
	finished_end(f, 8);
	ck_assert_str_eq(next(), "8:20 ");
	finished_drop(f, 8);
	ck_assert_uint_eq(finished_needs(f), UINT64_MAX);
}
END_TEST

START_TEST(what_is_read_again_is_not_kept_twice)
{
	finished_begin(f, 7);
	keep_back(7, 40);
	keep_back(7, 60);
	finished_undo(f, 50); /* the slice from there did not fit on the disk */
	keep_back(7, 60);
	finished_end(f, 7);
	ck_assert_str_eq(next(), "7:40 7:60 ");
}
END_TEST

START_TEST(what_is_kept_back_has_a_bound)
{
	finished_begin(f, 7);
	for (uint64_t lsn = 1; lsn < 100000; lsn++)
		keep_back(7, lsn);
	ck_assert(!finished_is_full(f));
	keep_back(7, 100000);
	ck_assert(finished_is_full(f));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_is_kept_back_waits_for_the_end_of_its_campaign},
	    {what_is_read_again_is_not_kept_twice},
	    {what_is_kept_back_has_a_bound},
	};
	return suite_run("delivery_finished", setup, teardown, tests, ROWS(tests));
}
