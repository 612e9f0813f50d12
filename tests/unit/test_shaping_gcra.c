/* Pacing: the average is exact, bursts are bounded, late timers are caught up. */
#include "postrider/shaping/gcra.h"
#include "suite.h"

/* Events in `seconds` when the loop comes by every tick_us, asking as often as it may. */
static uint64_t
run(struct pr_rate rate, int64_t tick_us, int64_t seconds)
{
	struct pr_gcra g = {0};
	uint64_t n = 0;
	int64_t start = 1000000000, wait;
	pr_gcra_set(&g, rate);
	for (int64_t now = start; now < start + seconds * 1000000; now += tick_us)
		while (pr_gcra_ready(&g, now, &wait)) {
			pr_gcra_take(&g, now);
			n++;
		}
	return n;
}

static const struct {
	struct pr_rate rate;
	int64_t tick_us, seconds;
} averages[] = {
    {{20000, 1000}, 1000, 60},  /* a timer of 1 ms, 20 events each */
    {{20000, 1000}, 15000, 60}, /* a busy loop */
    {{100, 1000}, 1000, 600},   {{5000, 3600000}, 10000, 36000}, {{1, 3600000}, 100000, 360000},
};

START_TEST(the_average_is_within_one_percent)
{
	struct pr_rate r = averages[_i].rate;
	double wanted = (double)r.count * 1000 / r.period_ms * (double)averages[_i].seconds;
	double got = (double)run(r, averages[_i].tick_us, averages[_i].seconds);
	ck_assert_double_ge(got, wanted * 0.99);
	ck_assert_double_le(got, wanted * 1.01 + 1);
}
END_TEST

START_TEST(an_idle_campaign_saves_nothing_up)
{
	struct pr_gcra g = {0};
	int64_t wait, now = 5000000;
	unsigned burst = 0;
	pr_gcra_set(&g, (struct pr_rate){100, 1000});
	pr_gcra_take(&g, now);
	now += 3600LL * 1000000; /* an hour without events */
	while (pr_gcra_ready(&g, now, &wait)) {
		pr_gcra_take(&g, now);
		burst++;
	}
	ck_assert_uint_eq(burst, 1); /* the one that is due */
}
END_TEST

/* How many events go at once now. */
static unsigned
burst_at(struct pr_gcra *g, int64_t now)
{
	unsigned n = 0;
	for (int64_t wait; pr_gcra_ready(g, now, &wait); n++)
		pr_gcra_take(g, now);
	return n;
}

START_TEST(a_stall_of_the_loop_is_made_up_a_longer_one_only_in_part)
{
	struct pr_gcra g = {0};
	int64_t now = 7000000;
	pr_gcra_set(&g, (struct pr_rate){1000, 1000});
	ck_assert_uint_eq(burst_at(&g, now), 1);
	ck_assert_uint_eq(burst_at(&g, now += 80000), 80);
	unsigned late = burst_at(&g, now += 5000000);
	ck_assert_uint_ge(late, 100);
	ck_assert_uint_le(late, 101);
}
END_TEST

START_TEST(a_campaign_that_rested_has_nothing_saved)
{
	struct pr_gcra g = {0};
	int64_t now = 7000000;
	pr_gcra_set(&g, (struct pr_rate){1000, 1000});
	ck_assert_uint_eq(burst_at(&g, now), 1);
	pr_gcra_rest(&g);
	ck_assert_uint_eq(burst_at(&g, now += 5000000), 1);
}
END_TEST

START_TEST(the_wait_says_when_to_come_back)
{
	struct pr_gcra g = {0};
	int64_t wait = 0, now = 1000000;
	pr_gcra_set(&g, (struct pr_rate){1, 3600000});
	pr_gcra_take(&g, now);
	ck_assert(!pr_gcra_ready(&g, now, &wait));
	ck_assert_int_ge(wait, 3599LL * 1000000);
	ck_assert(pr_gcra_ready(&g, now + wait, &wait));
}
END_TEST

START_TEST(another_rate_does_not_wait_by_the_old_one)
{
	struct pr_gcra g = {0};
	int64_t wait = 0;
	pr_gcra_set(&g, (struct pr_rate){1, 3600000});
	pr_gcra_take(&g, 1000000);
	ck_assert(!pr_gcra_ready(&g, 2000000, &wait));
	ck_assert_int_gt(wait, 3000000000);
	pr_gcra_change(&g, (struct pr_rate){10, 1000}, 2000000);
	ck_assert(!pr_gcra_ready(&g, 2000000, &wait)); /* nor is it free of the new one */
	ck_assert_int_le(wait, 100001);
	ck_assert(pr_gcra_ready(&g, 2100001, &wait));
	pr_gcra_change(&g, (struct pr_rate){0}, 2000000);
	ck_assert(pr_gcra_ready(&g, 2000000, &wait));
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
	struct pr_gcra g = {0};
	int64_t wait;
	pr_gcra_set(&g, (struct pr_rate){0});
	for (int i = 0; i < 100000; i++) {
		ck_assert(pr_gcra_ready(&g, 1, &wait));
		pr_gcra_take(&g, 1);
	}
}
END_TEST

static const struct {
	struct pr_rate rate;
	unsigned burst, at_once;
} savings[] = {
    {{1, 60000}, 1, 1},
    {{1, 60000}, 5, 5},
    {{1000, 1000}, 1, 21}, /* 20 ms of it, and the one that is due */
    {{1000, 1000}, 100, 100},
};

START_TEST(a_burst_is_saved_up_and_no_more)
{
	struct pr_gcra g = {0};
	int64_t now = 3600LL * 1000000;
	pr_gcra_set(&g, savings[_i].rate);
	pr_gcra_save(&g, savings[_i].burst);
	for (int pause = 0; pause < 3; pause++, now += 3600LL * 1000000)
		ck_assert_uint_eq(burst_at(&g, now), savings[_i].at_once);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_average_is_within_one_percent, ROWS(averages)},
	    {an_idle_campaign_saves_nothing_up},
	    {a_stall_of_the_loop_is_made_up_a_longer_one_only_in_part},
	    {a_campaign_that_rested_has_nothing_saved},
	    {the_wait_says_when_to_come_back},
	    {another_rate_does_not_wait_by_the_old_one},
	    {no_rate_is_no_limit},
	    {a_burst_is_saved_up_and_no_more, ROWS(savings)},
	};
	return suite_run("shaping_gcra", NULL, NULL, tests, ROWS(tests));
}
