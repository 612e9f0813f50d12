/* Patterns: what matches, what is wrong with one, and that each match ends. */
#include "suite.h"

#include "postrider/base/buf.h"
#include "postrider/base/pattern.h"

static pr_matcher *matcher;

static void
setup(void)
{
	matcher = pr_matcher_create();
}

static void
teardown(void)
{
	pr_matcher_destroy(matcher);
	matcher = NULL;
}

static const struct {
	const char *pattern, *text;
	bool matches;
} rows[] = {
    {"user unknown", "550 User Unknown here", true},
    {"user unknown", "user  unknown", false},
    {"^a.b$", "A\nB", true},
    {"\\[ts[0-9]", "[TS03]", true},
    {"\xc3\xa4", "J\xc3\xa4ger", true},
    {"^.$", "\xff", true},
    {"x", "", false},
};

START_TEST(text_is_searched_in_any_case)
{
	char why[PR_PATTERN_WHY_MAX];
	pr_pattern *p = pr_pattern_compile(pr_str(rows[_i].pattern), why);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(pr_pattern_matches(p, pr_str(rows[_i].text), matcher), rows[_i].matches);
	pr_pattern_destroy(p);
}
END_TEST

START_TEST(what_is_wrong_is_told)
{
	char why[PR_PATTERN_WHY_MAX];
	ck_assert_ptr_null(pr_pattern_compile(PR_STR("[a"), why));
	ck_assert_str_eq(why, "at its character 3: missing terminating ] for character class");
	ck_assert_ptr_null(pr_pattern_compile(PR_STR("(*UTF)a"), why));
}
END_TEST

START_TEST(a_match_that_costs_much_is_none)
{
	char why[PR_PATTERN_WHY_MAX];
	struct pr_buf text = {0};
	pr_pattern *p = pr_pattern_compile(PR_STR("(a+)+b"), why);
	for (int i = 0; i < 100000; i++)
		pr_buf_addc(&text, 'a');
	ck_assert(!pr_pattern_matches(p, pr_buf_str(&text), matcher));
	ck_assert(pr_pattern_matches(p, PR_STR("aab"), matcher)); /* and the next is as good */
	pr_buf_finish(&text);
	pr_pattern_destroy(p);
}
END_TEST

START_TEST(what_matches_anything_is_known)
{
	static const char *const all[] = {"x*", "", "a|", "(b)?$"}, *const some[] = {"x", "^.",
	                                                                             "a|b"};
	char why[PR_PATTERN_WHY_MAX];
	for (int i = 0; i < ROWS(all); i++) {
		pr_pattern *p = pr_pattern_compile(pr_str(all[i]), why);
		ck_assert(pr_pattern_matches_all(p));
		pr_pattern_destroy(p);
	}
	for (int i = 0; i < ROWS(some); i++) {
		pr_pattern *p = pr_pattern_compile(pr_str(some[i]), why);
		ck_assert(!pr_pattern_matches_all(p));
		pr_pattern_destroy(p);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {text_is_searched_in_any_case, ROWS(rows)},
	    {what_is_wrong_is_told},
	    {a_match_that_costs_much_is_none},
	    {what_matches_anything_is_known},
	};
	return suite_run("base_pattern", setup, teardown, tests, ROWS(tests));
}
