/* Who gets which variant: by weight, alike at each receiver, and the same for ever. */
#include "suite.h"

#include "postrider/campaign/split.h"

#include <stdio.h>
#include <string.h>

#define ROWS_N 40000u

static struct pr_manifest_variant variants[3];
static struct pr_manifest m;
static struct pr_split split;

static void
begin(double share, double holdout, int64_t a, int64_t b, int64_t c)
{
	memset(&m, 0, sizeof m);
	variants[0].weight = a;
	variants[1].weight = b;
	variants[2].weight = c;
	m.variants.items = (void *)variants;
	m.variants.n = c ? 3 : 2;
	m.test.share = share;
	m.test.holdout = holdout;
	pr_split_init(&split, &m, "20261201-spring-7f3k");
}

static struct pr_str
address(unsigned i, const char *domain)
{
	static char text[60];
	snprintf(text, sizeof text, "user%u@%s", i, domain);
	return pr_str(text);
}

/* Four standard deviations of n throws: these lists are always the same. */
static void
check_near(unsigned got, unsigned n, double share)
{
	double difference = got - n * share;
	ck_assert_msg(difference * difference <= 16 * n * share * (1 - share), "%u of %u, not %g",
	              got, n, share);
}

static const struct {
	const char *domain;
	unsigned n;
} receivers[] = {{"gmail.example", ROWS_N}, {"qq.example", 5000}, {"small.example", 200}};

START_TEST(each_receiver_gets_variants_by_their_weights)
{
	unsigned of[4] = {0}, n = receivers[_i].n;
	begin(1, 0, 1, 2, 5);
	for (unsigned i = 0; i < n; i++)
		of[pr_split_variant(&split, address(i, receivers[_i].domain), NULL)]++;
	ck_assert_uint_eq(of[0], 0);
	check_near(of[1], n, 0.125);
	check_near(of[2], n, 0.25);
	check_near(of[3], n, 0.625);
}
END_TEST

START_TEST(groups_have_their_shares_and_say_nothing_of_the_variant)
{
	unsigned of[3] = {0}, second[3] = {0};
	begin(0.2, 0.05, 1, 1, 0);
	for (unsigned i = 0; i < ROWS_N; i++) {
		struct pr_str a = address(i, "b.example");
		enum pr_group group = pr_split_group(&split, a);
		of[group]++;
		second[group] += pr_split_variant(&split, a, NULL) == 2;
	}
	check_near(of[PR_GROUP_HOLDOUT], ROWS_N, 0.05);
	check_near(of[PR_GROUP_TESTED], ROWS_N, 0.2);
	for (int g = 0; g < 3; g++)
		check_near(second[g], of[g], 0.5);
}
END_TEST

START_TEST(without_a_rest_all_are_tested_but_those_held_out)
{
	unsigned out = 0;
	begin(1, 0.1, 1, 1, 0);
	for (unsigned i = 0; i < ROWS_N; i++) {
		enum pr_group group = pr_split_group(&split, address(i, "b.example"));
		ck_assert_int_ne(group, PR_GROUP_REST);
		out += group == PR_GROUP_HOLDOUT;
	}
	check_near(out, ROWS_N, 0.1);
	begin(1, 0, 1, 1, 0);
	ck_assert_int_eq(pr_split_group(&split, PR_STR("a@b.example")), PR_GROUP_TESTED);
}
END_TEST

START_TEST(the_same_campaign_splits_alike_and_another_one_anew)
{
	struct pr_split again, other;
	unsigned same = 0;
	begin(0.2, 0.05, 1, 1, 0);
	pr_split_init(&again, &m, "20261201-spring-7f3k");
	pr_split_init(&other, &m, "20261202-spring-7f3k");
	for (unsigned i = 0; i < ROWS_N; i++) {
		struct pr_str a = address(i, "b.example");
		unsigned variant = pr_split_variant(&split, a, NULL);
		ck_assert_int_eq(pr_split_group(&split, a), pr_split_group(&again, a));
		ck_assert_uint_eq(variant, pr_split_variant(&again, a, NULL));
		same += variant == pr_split_variant(&other, a, NULL);
	}
	check_near(same, ROWS_N, 0.5);
}
END_TEST

START_TEST(shares_of_a_bandit_stand_before_weights)
{
	static const double shares[] = {0.9, 0.1};
	unsigned second = 0;
	begin(0.2, 0, 1, 1, 0);
	for (unsigned i = 0; i < ROWS_N; i++)
		second += pr_split_variant(&split, address(i, "b.example"), shares) == 2;
	check_near(second, ROWS_N, 0.1);
}
END_TEST

START_TEST(without_variants_there_is_none)
{
	memset(&m, 0, sizeof m);
	m.test.share = 1;
	pr_split_init(&split, &m, "x");
	ck_assert_uint_eq(pr_split_variant(&split, PR_STR("a@b.example"), NULL), 0);
	ck_assert_int_eq(pr_split_group(&split, PR_STR("a@b.example")), PR_GROUP_TESTED);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_receiver_gets_variants_by_their_weights, ROWS(receivers)},
	    {groups_have_their_shares_and_say_nothing_of_the_variant},
	    {without_a_rest_all_are_tested_but_those_held_out},
	    {the_same_campaign_splits_alike_and_another_one_anew},
	    {shares_of_a_bandit_stand_before_weights},
	    {without_variants_there_is_none},
	};
	return suite_run("campaign_split", NULL, NULL, tests, ROWS(tests));
}
