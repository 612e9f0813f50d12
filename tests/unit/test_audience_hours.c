/* The hour that suits somebody best, and the events that tell it. */
#include "suite.h"

#include "audience_world.h"
#include "postrider/audience/hours.h"
#include "postrider/audience/track.h"

static struct pr_hours nobody;

/* "8x3": three openings at eight, in days gone by. */
static struct pr_hours
opened(const int (*at)[2], int n, int64_t age_ms)
{
	struct pr_hours h = {0};
	for (int i = 0; i < n; i++)
		for (int k = 0; k < at[i][1]; k++)
			pr_hours_add(&h, at[i][0] * PR_HOUR_MS + 10 * PR_MINUTE_MS,
			             age_ms + k * PR_DAY_MS, false);
	return h;
}

START_TEST(the_hour_of_most_events_is_best)
{
	static const int at[][2] = {{8, 6}, {20, 3}};
	struct pr_hours h = opened(at, 2, 0);
	ck_assert_int_eq(pr_hours_best(&h, &nobody), 8);
}
END_TEST

START_TEST(too_little_is_no_best_hour)
{
	static const int few[][2] = {{8, 3}}, enough[][2] = {{8, 4}};
	struct pr_hours h = opened(few, 1, 0);
	ck_assert_int_eq(pr_hours_best(&h, &nobody), -1);
	ck_assert_int_eq(pr_hours_best(&nobody, &nobody), -1);
	h = opened(enough, 1, 0);
	ck_assert_int_eq(pr_hours_best(&h, &nobody), 8);
	h = opened(enough, 1, 120 * PR_DAY_MS); /* a fourth of it is left */
	ck_assert_int_eq(pr_hours_best(&h, &nobody), -1);
}
END_TEST

START_TEST(of_late_counts_more_and_a_click_more_than_an_opening)
{
	static const int before[][2] = {{8, 5}}, now[][2] = {{20, 4}};
	struct pr_hours h = opened(before, 1, 100 * PR_DAY_MS), late = opened(now, 1, 0);
	h.of[20] = late.of[20];
	h.n += late.n;
	ck_assert_int_eq(pr_hours_best(&h, &nobody), 20);
	h = (struct pr_hours){0};
	for (int k = 0; k < 3; k++) {
		pr_hours_add(&h, 8 * PR_HOUR_MS, 0, false);
		pr_hours_add(&h, 20 * PR_HOUR_MS, 0, k < 2);
	}
	ck_assert_int_eq(pr_hours_best(&h, &nobody), 20);
}
END_TEST

START_TEST(hours_beside_each_other_help_each_other_over_midnight_too)
{
	static const int at[][2] = {{23, 2}, {0, 2}, {1, 2}, {12, 3}};
	struct pr_hours h = opened(at, 4, 0);
	ck_assert_int_eq(pr_hours_best(&h, &nobody), 0);
	pr_hours_add(&h, -PR_HOUR_MS, 0, false); /* 23:00 in 1969 */
	ck_assert(h.of[23] > h.of[1]);
}
END_TEST

START_TEST(everybody_decides_where_a_person_does_not)
{
	static const int even[][2] = {{7, 2}, {19, 2}}, all[][2] = {{19, 900}, {7, 100}},
			 clear[][2] = {{3, 8}};
	struct pr_hours everybody = opened(all, 2, 0), h = opened(even, 2, 0);
	ck_assert_int_eq(pr_hours_best(&h, &everybody), 19);
	h = opened(clear, 1, 0);
	ck_assert_int_eq(pr_hours_best(&h, &everybody), 3);
}
END_TEST

/* ---- events of a store ---- */

static int64_t seen[100];
static unsigned seen_n, clicks;

static void
on_time(void *context, int64_t at_ms, bool click)
{
	(void)context;
	clicks += click;
	seen[seen_n++] = at_ms;
}

static void
on_sample(void *context, struct pr_str timezone, int64_t at_ms, bool click)
{
	unsigned *unzoned = context;
	*unzoned += timezone.n == 0;
	on_time(NULL, at_ms, click);
}

START_TEST(clicks_then_openings_are_read_the_latest_first)
{
	struct pr_customer_event events[6];
	const char *const names[] = {"open", "click", "order", "open", "open", "open"};
	bool forgotten[6] = {false};
	unsigned unzoned = 0;
	struct pr_error e = {0};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (int i = 0; i < 6; i++)
		events[i] = (struct pr_customer_event){
		    .address = pr_str(i < 5 ? "Ann@a.example" : "bob@a.example"),
		    .name = pr_str(names[i]),
		    .at_ms = NOW - i * PR_DAY_MS};
	struct pr_event_batch b = {.events = events, .n = 6, .forgotten = forgotten};
	ok(pr_events_put(a, &b, INT64_MAX, &e), &e);
	ok(pr_engaged_times(a, PR_STR("ann@A.example"), NOW - 3 * PR_DAY_MS, on_time, NULL, &e),
	   &e);
	ck_assert_uint_eq(seen_n, 3); /* not the order, nor what is older */
	ck_assert_uint_eq(clicks, 1);
	ck_assert_int_eq(seen[0], NOW - PR_DAY_MS);
	ck_assert_int_eq(seen[1], NOW);
	ck_assert_int_eq(seen[2], NOW - 3 * PR_DAY_MS);
	ok(pr_engaged_times(a, PR_STR("nobody@a.example"), 0, on_time, NULL, &e), &e);
	ck_assert_uint_eq(seen_n, 3);
	seen_n = 0;
	ok(pr_engaged_sample(a, 1000, 0, on_sample, &unzoned, &e), &e);
	ck_assert_uint_eq(seen_n, 5);
	ck_assert_uint_eq(unzoned, 5);
	seen_n = 0;
	ok(pr_engaged_sample(a, 1, 0, on_sample, &unzoned, &e), &e); /* one contact of two */
	ck_assert_uint_eq(seen_n, 4);
	pr_audience_close(a);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_hour_of_most_events_is_best},
	    {too_little_is_no_best_hour},
	    {of_late_counts_more_and_a_click_more_than_an_opening},
	    {hours_beside_each_other_help_each_other_over_midnight_too},
	    {everybody_decides_where_a_person_does_not},
	    {clicks_then_openings_are_read_the_latest_first},
	};
	return suite_run("audience_hours", make_world, remove_folder, tests, ROWS(tests));
}
