/* Traces of an address: found however it is written, never as a part of another one. */
#include "suite.h"

#include "postrider/base/trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct pr_trace
trace_of(const char *address)
{
	struct pr_trace t = {0};
	pr_trace_add(&t, pr_str(address));
	return t;
}

static const struct {
	const char *text, *masked;
} texts[] = {
    {"ann@a.example", "*************"},
    {"550 5.1.1 <Ann@A.Example>: unknown", "550 5.1.1 <*************>: unknown"},
    {"to ann@a.example. And ANN@a.example", "to *************. And *************"},
    {"/u?e=ann%40a.example&x=1", "/u?e=***************&x=1"},
    {"joann@a.example", NULL},
    {"jo.ann@a.example", NULL},
    {"jo+ann@a.example", NULL},
    {"ann@a.example.org", NULL},
    {"ann@a.example-shop", NULL},
    {"ann@a.exampled", NULL},
    {"ann@a.exampl", NULL},
    {"\xC3\xBC"
     "ann@a.example",
     NULL},
    {"@@@%%", NULL},
    {"", NULL},
};

START_TEST(what_is_the_address_is_masked_and_nothing_else)
{
	struct pr_trace t = trace_of("Ann@a.example");
	char text[100];
	snprintf(text, sizeof text, "%s", texts[_i].text);
	unsigned n = pr_trace_mask(&t, text, strlen(text));
	ck_assert_str_eq(text, texts[_i].masked ? texts[_i].masked : texts[_i].text);
	ck_assert_int_eq(n > 0, texts[_i].masked != NULL);
	ck_assert(!pr_trace_is_in(&t, pr_str(text)));
}
END_TEST

START_TEST(among_octets_a_part_of_another_counts_too)
{
	struct pr_trace t = trace_of("ann@a.example");
	size_t at, n;
	ck_assert(pr_trace_find(&t, PR_STR("\x02joann@a.examples"), false, 0, &at, &n));
	ck_assert_uint_eq(at, 3);
	ck_assert_uint_eq(n, 13);
	ck_assert(!pr_trace_find(&t, PR_STR("\x02joann@a.examples"), false, 4, &at, &n));
}
END_TEST

START_TEST(several_forms_are_one_person)
{
	struct pr_trace t = trace_of("ann@xn--bcher-kva.example");
	pr_trace_add(&t, PR_STR("ann@b\xC3\xBC"
	                        "cher.example"));
	ck_assert(pr_trace_is(&t, PR_STR("ANN@b\xC3\xBC"
	                                 "cher.example")));
	ck_assert(pr_trace_is(&t, PR_STR("ann@XN--bcher-kva.example")));
	ck_assert(!pr_trace_is(&t, PR_STR("ann@bucher.example")));
	ck_assert(pr_trace_is_in(&t, PR_STR("x=ann%40b\xC3\xBC"
	                                    "cher.example")));
}
END_TEST

START_TEST(what_is_no_address_leaves_no_trace)
{
	static const char *const none[] = {"", "@", "ann", "@a.example", "ann@"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct pr_trace t = trace_of(none[i]);
		ck_assert_uint_eq(t.n, 0);
		ck_assert(!pr_trace_is_in(&t, PR_STR("ann@a.example @")));
	}
}
END_TEST

/* Across the edges of what is read at once, too. */
START_TEST(a_file_is_looked_through_to_its_end)
{
	static const struct {
		size_t at;
		const char *text;
		int whole, loose;
	} files[] = {{0, "ann@a.example", 1, 1},
	             {(1u << 20) - 6, "ANN@a.example\n", 1, 1},
	             {(1u << 20) - 13, "ann@a.example.org", 0, 1},
	             {(1u << 20) - 13, "ann@a.example", 1, 1},
	             {(2u << 20) - 3, "joann@a.example", 0, 1},
	             {(1u << 20) - 14, " ann@a.example", 1, 1},
	             {100, "nobody", 0, 0}};
	struct pr_trace t = trace_of("ann@a.example");
	char path[] = "/tmp/postrider-test-XXXXXX";
	int fd = mkstemp(path);
	struct pr_error e;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		size_t n = strlen(files[i].text);
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq((int)pwrite(fd, files[i].text, n, (off_t)files[i].at), (int)n);
		ck_assert_int_eq(pr_trace_in_file(&t, AT_FDCWD, path, true, &e), files[i].whole);
		ck_assert_int_eq(pr_trace_in_file(&t, AT_FDCWD, path, false, &e), files[i].loose);
	}
	close(fd);
	unlink(path);
	ck_assert_int_eq(pr_trace_in_file(&t, AT_FDCWD, path, true, &e), 0);
	ck_assert_int_eq(pr_trace_in_file(&t, AT_FDCWD, "/tmp", true, &e), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_is_the_address_is_masked_and_nothing_else, ROWS(texts)},
	    {among_octets_a_part_of_another_counts_too},
	    {several_forms_are_one_person},
	    {what_is_no_address_leaves_no_trace},
	    {a_file_is_looked_through_to_its_end},
	};
	return suite_run("base_trace", NULL, NULL, tests, ROWS(tests));
}
