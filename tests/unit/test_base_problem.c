/* Problems as people see them: the line, the caret, whom it hits. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/base/problem.h"

static struct pr_problems problems;
static struct pr_buf out;

static void
setup(void)
{
}

static void
teardown(void)
{
	pr_problems_finish(&problems);
	pr_buf_finish(&out);
}

static const char *
shown(const char *line, unsigned column)
{
	pr_problems_finish(&problems);
	pr_buf_clear(&out);
	struct pr_problem *p = pr_problem_add(&problems, PR_WARNING, "f", 3, NULL, "odd");
	p->column = column;
	p->excerpt = pr_strdup(line);
	pr_problems_text(&problems, &out);
	return out.data;
}

START_TEST(the_caret_stands_under_the_place_whatever_is_before_it)
{
	ck_assert_str_eq(shown("abc", 3), "f:3:3: warning: odd\n    abc\n      ^\n");
	ck_assert_str_eq(shown("\tabc", 2), "f:3:2: warning: odd\n     abc\n     ^\n");
	ck_assert_str_eq(shown("é!", 3), "f:3:3: warning: odd\n    é!\n     ^\n");
	ck_assert_str_eq(shown("日本!", 7), "f:3:7: warning: odd\n    日本!\n        ^\n");
	ck_assert_str_eq(shown("ab", 3), "f:3:3: warning: odd\n    ab\n      ^\n");
	ck_assert_str_eq(shown("ab", 9), "f:3:9: warning: odd\n    ab\n");
	ck_assert_str_eq(shown("ab", 0), "f:3: warning: odd\n    ab\n");
	ck_assert_str_eq(shown("", 1), "f:3:1: warning: odd\n    \n    ^\n");
}
END_TEST

START_TEST(of_a_long_line_the_part_around_the_place_is_shown)
{
	char line[1000];
	memset(line, 'x', sizeof line);
	line[500] = '!';
	line[999] = 0;
	const char *text = shown(line, 501), *at = strchr(text, '!'), *caret = strchr(text, '^');
	ck_assert_ptr_nonnull(strstr(text, "\n    ...xxx"));
	ck_assert_ptr_nonnull(strstr(text, "xxx...\n"));
	ck_assert_int_lt((int)strlen(text), 400);
	const char *first = strstr(text, "    ..."), *second = strchr(first, '\n') + 1;
	ck_assert_int_eq((int)(at - first), (int)(caret - second));
	for (int i = 0; i + 2 < 999; i += 3)
		memcpy(line + i, "\xE6\x97\xA5", 3);
	ck_assert_ptr_null(strchr(shown(line, 601), '?')); /* never cut inside a character */
}
END_TEST

START_TEST(rows_and_excerpts_are_in_the_json_too)
{
	struct pr_problem *p = pr_problem_add(&problems, PR_NOTE, "f", 3, NULL, "odd");
	p->excerpt = pr_strdup("a \"b\"");
	p->reach = pr_strdup("4 rows");
	p->rows = 4;
	p->first_row = 2;
	pr_problem_add(&problems, PR_PROBLEM, "g", 0, "mend it", "broken");
	pr_problems_json(&problems, &out);
	ck_assert_str_eq(
	    out.data,
	    "[{\"severity\":\"note\",\"file\":\"f\",\"line\":3,\"column\":0,\"what\":"
	    "\"odd\",\"remedy\":\"\",\"excerpt\":\"a \\\"b\\\"\",\"rows\":4,\"first_row\":2},"
	    "{\"severity\":\"error\",\"file\":\"g\",\"line\":0,\"column\":0,\"what\":"
	    "\"broken\",\"remedy\":\"mend it\",\"excerpt\":null,\"rows\":0,"
	    "\"first_row\":0}]");
	pr_buf_clear(&out);
	pr_problems_text(&problems, &out);
	ck_assert_str_eq(out.data, "f:3: note: odd\n    a \"b\"\n  4 rows\n"
	                           "g: error: broken\n  remedy: mend it\n");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_caret_stands_under_the_place_whatever_is_before_it},
	    {of_a_long_line_the_part_around_the_place_is_shown},
	    {rows_and_excerpts_are_in_the_json_too},
	};
	return suite_run("base_problem", setup, teardown, tests, ROWS(tests));
}
