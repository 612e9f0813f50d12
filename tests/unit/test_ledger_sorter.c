/* External sorting: order, stability, any number of runs. */
#include "suite.h"

#include "postrider/base/hash.h"
#include "postrider/ledger/sorter.h"

#include <fcntl.h>

/* n pairs with keys below `keys` come out ordered; equal keys as they went in. */
static void
sorts(size_t n, uint64_t keys)
{
	struct pr_sorter_item item, last = {0, 0};
	struct pr_error e;
	uint64_t sum = 0, got = 0;
	size_t left = n;
	pr_sorter *s = pr_sorter_create(AT_FDCWD, 1); /* the least: runs of 2,048 */
	for (size_t i = 0; i < n; i++) {
		uint64_t key = pr_mix64(i) % keys;
		sum += key * (i + 1);
		ck_assert_int_eq(pr_sorter_add(s, key, i + 1, &e), 0);
	}
	while (pr_sorter_next(s, &item, &e) == 1) {
		ck_assert(item.key > last.key || (item.key == last.key && item.value > last.value));
		got += item.key * item.value;
		last = item;
		left--;
	}
	ck_assert_uint_eq(left, 0);
	ck_assert_uint_eq(sum, got);
	ck_assert_int_eq(pr_sorter_next(s, &item, &e), 0); /* and stays at the end */
	pr_sorter_destroy(s);
}

START_TEST(pairs_come_out_in_order_whatever_their_number)
{
	static const size_t numbers[] = {0, 1, 2, 2047, 2048, 2049, 4096, 50000};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		sorts(numbers[i], UINT64_MAX);
		sorts(numbers[i], 300);
		sorts(numbers[i], 1);
	}
}
END_TEST

START_TEST(unfinished_sorter_leaves_nothing)
{
	struct pr_error e;
	pr_sorter *s = pr_sorter_create(AT_FDCWD, 1);
	for (uint64_t i = 0; i < 5000; i++)
		ck_assert_int_eq(pr_sorter_add(s, i, i, &e), 0);
	pr_sorter_destroy(s);
	pr_sorter_destroy(NULL);
}
END_TEST

START_TEST(folder_that_is_not_there_is_an_error)
{
	struct pr_error e;
	int r = 0;
	pr_sorter *s = pr_sorter_create(-1, 1);
	for (uint64_t i = 0; r == 0 && i < 5000; i++)
		r = pr_sorter_add(s, i, i, &e);
	ck_assert_int_lt(r, 0);
	pr_sorter_destroy(s);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {pairs_come_out_in_order_whatever_their_number},
	    {unfinished_sorter_leaves_nothing},
	    {folder_that_is_not_there_is_an_error},
	};
	return suite_run("ledger_sorter", NULL, NULL, tests, ROWS(tests));
}
