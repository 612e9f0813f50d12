/* What a test of variants says by its counts: running, better, no difference; bandits. */
#include "suite.h"

#include "postrider/delivery/decide.h"

static struct pr_manifest_test
of_method(int method)
{
	return (struct pr_manifest_test){.metric = PR_METRIC_CLICKS,
	                                 .method = method,
	                                 .confidence = 0.95,
	                                 .floor = 0.1,
	                                 .fallback_variant = 2};
}

static struct pr_variant_counts
counts(uint64_t delivered, uint64_t clicks, uint64_t opens)
{
	struct pr_variant_counts v = {.tried = delivered, .delivered = delivered};
	v.people[PR_ENGAGEMENT_CLICK] = clicks;
	v.people[PR_ENGAGEMENT_OPEN] = opens;
	return v;
}

static const struct {
	uint64_t n, a, b;
	bool final, decided, better;
	unsigned variant; /* when decided */
} cases[] = {
    {0, 0, 0, false, false, false, 0},
    {0, 0, 0, true, true, false, 2}, /* nobody answered: the fallback */
    {1000, 30, 31, false, false, false, 0},
    {1000, 30, 31, true, true, false, 2},
    {1000, 60, 30, true, true, true, 1},
    {1000, 30, 60, true, true, true, 2},
    {5000, 400, 100, false, true, true, 1}, /* so clear that it need not wait */
    {5, 5, 0, false, false, false, 0},      /* too few for anything */
};

START_TEST(a_test_is_decided_by_certainty_or_by_its_end)
{
	struct pr_manifest_test t = of_method(PR_TEST_FIXED);
	const struct pr_variant_counts of[] = {counts(cases[_i].n, cases[_i].a, 0),
	                                       counts(cases[_i].n, cases[_i].b, 0)};
	struct pr_decision d;
	pr_test_decide(&t, of, 2, cases[_i].final, 1, &d);
	ck_assert_int_eq(d.decided, cases[_i].decided);
	ck_assert_int_eq(d.better, cases[_i].better);
	if (d.decided)
		ck_assert_uint_eq(d.variant, cases[_i].variant);
	ck_assert(d.p >= 0 && d.p <= 1);
	ck_assert(d.better ? d.p <= 0.05 : d.p > 0.05);
}
END_TEST

START_TEST(the_metric_says_what_is_counted)
{
	struct pr_manifest_test t = of_method(PR_TEST_FIXED);
	const struct pr_variant_counts of[] = {counts(1000, 60, 200), counts(1000, 30, 400)};
	struct pr_decision d;
	ck_assert_uint_eq(pr_test_tally(&t, &of[0]).successes, 60);
	ck_assert_uint_eq(pr_test_tally(&t, &of[0]).n, 1000);
	t.metric = PR_METRIC_OPENS;
	ck_assert_uint_eq(pr_test_tally(&t, &of[0]).successes, 200);
	pr_test_decide(&t, of, 2, true, 1, &d);
	ck_assert_uint_eq(d.variant, 2);
	ck_assert(d.better);
}
END_TEST

START_TEST(conversions_and_revenue_are_metrics_as_well)
{
	struct pr_manifest_test t = of_method(PR_TEST_FIXED);
	struct pr_variant_counts of[] = {counts(5000, 500, 0), counts(5000, 400, 0)};
	struct pr_decision d;
	of[0].people[PR_ENGAGEMENT_CONVERSION] = 50;
	of[1].people[PR_ENGAGEMENT_CONVERSION] = 150;
	t.metric = PR_METRIC_CONVERSIONS;
	pr_test_decide(&t, of, 2, true, 1, &d);
	ck_assert(d.better && d.variant == 2);
	for (unsigned i = 0; i < 2; i++) { /* fewer buy, for ten times as much each */
		of[i].revenue = i ? 150 * 10 : 50 * 100;
		of[i].revenue2 = i ? 150 * 10 * 10 : 50 * 100 * 100;
	}
	t.metric = PR_METRIC_REVENUE;
	pr_test_decide(&t, of, 2, true, 1, &d);
	ck_assert(d.better && d.variant == 1);
}
END_TEST

START_TEST(a_bandit_prefers_what_does_better_and_goes_on_to_its_end)
{
	struct pr_manifest_test t = of_method(PR_TEST_BANDIT);
	const struct pr_variant_counts of[] = {counts(5000, 400, 0), counts(5000, 100, 0)};
	struct pr_decision d;
	pr_test_decide(&t, of, 2, false, 1, &d);
	ck_assert(!d.decided);
	ck_assert_double_eq_tol(d.share[0], 0.9, 1e-9); /* the floor is the other's */
	ck_assert_double_eq_tol(d.share[1], 0.1, 1e-9);
	pr_test_decide(&t, of, 2, true, 1, &d);
	ck_assert(d.decided && d.better);
	ck_assert_uint_eq(d.variant, 1);
}
END_TEST

START_TEST(a_bandit_that_is_not_certain_ends_with_the_best_so_far)
{
	struct pr_manifest_test t = of_method(PR_TEST_BANDIT);
	const struct pr_variant_counts of[] = {counts(1000, 34, 0), counts(1000, 30, 0)};
	struct pr_decision d;
	pr_test_decide(&t, of, 2, true, 1, &d);
	ck_assert(d.decided && !d.better);
	ck_assert_uint_eq(d.variant, 1);
}
END_TEST

START_TEST(of_three_the_one_that_beats_the_fallback_wins)
{
	struct pr_manifest_test t = of_method(PR_TEST_FIXED);
	const struct pr_variant_counts of[] = {counts(3000, 90, 0), counts(3000, 90, 0),
	                                       counts(3000, 200, 0)};
	struct pr_decision d;
	pr_test_decide(&t, of, 3, true, 1, &d);
	ck_assert(d.decided && d.better);
	ck_assert_uint_eq(d.variant, 3);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_test_is_decided_by_certainty_or_by_its_end, ROWS(cases)},
	    {the_metric_says_what_is_counted},
	    {conversions_and_revenue_are_metrics_as_well},
	    {a_bandit_prefers_what_does_better_and_goes_on_to_its_end},
	    {a_bandit_that_is_not_certain_ends_with_the_best_so_far},
	    {of_three_the_one_that_beats_the_fallback_wins},
	};
	return suite_run("delivery_decide", NULL, NULL, tests, ROWS(tests));
}
