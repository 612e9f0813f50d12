/*
 * A file of checks as one program. Its main() lists them and runs the list:
 *
 *	const struct suite_test tests[] = {
 *	    {rows_are_read},                   once
 *	    {each_fault_is_told, ROWS(faults)}, once for each row of its table; _i is the row
 *	};
 *	return suite_run("room_module", setup, teardown, tests, ROWS(tests));
 *
 * A file whose checks need several fixtures ends with several lists and "|" between their
 * runs; tests/lib/count_tests.py adds up the "Checks:" line of each.
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stddef.h>

struct suite_test {
	const TTest *test;
	int rows; /* 0: it has no table */
};

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

/* Runs each test between setup and teardown (NULL: none). Returns what main() returns. */
static inline int
suite_run(const char *name, void (*setup)(void), void (*teardown)(void),
          const struct suite_test *tests, int n)
{
	Suite *suite = suite_create(name);
	TCase *list = tcase_create(name);
	tcase_set_timeout(list, 100); /* holds for a program run by hand: meson's does not fork */
	tcase_add_checked_fixture(list, setup, teardown);
	for (int i = 0; i < n; i++)
		tcase_add_loop_test(list, tests[i].test, 0, tests[i].rows ? tests[i].rows : 1);
	suite_add_tcase(suite, list);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
