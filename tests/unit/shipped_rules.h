/* The fixture of tests that judge by the rules of this version. */
#ifndef TESTS_SHIPPED_RULES_H
#define TESTS_SHIPPED_RULES_H

#include "postrider/classify.h"

#include <check.h>

static pr_rules *rules;

static void
rules_setup(void)
{
	struct pr_problems problems = {0};
	ck_assert_int_eq(pr_rules_load(NULL, &problems, &rules), 0);
	pr_problems_finish(&problems);
}

static void
rules_teardown(void)
{
	pr_rules_destroy(rules);
}

#endif
