/* Quotas: what a day allows in a zone, claims before use, crashes and clocks that jump. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/shaping/quota.h"

#include <time.h>

static const int64_t days_[] = {50, 100, 500};
static const struct pr_warm_up plan = {
    .name = "p", .who = "own.yaml:7 p", .days = days_, .days_n = 3};

/* "2026-03-29T01:00" UTC in ms. */
static int64_t
utc(const char *text)
{
	struct tm tm = {0};
	ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%dT%H:%M", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static const struct {
	const char *zone, *now, *since;
	int64_t daily, n;
	const char *who;
	double ends_h; /* from now */
} days[] = {
    {"UTC", "2026-11-26T12:00", "2026-11-26", 0, 50, "own.yaml:7 p", 12},
    {"UTC", "2026-11-26T23:00", "2026-11-25", 0, 100, "own.yaml:7 p", 1},
    {"Asia/Tokyo", "2026-11-26T16:00", "2026-11-26", 0, 100, "own.yaml:7 p", 23},
    {"America/New_York", "2026-11-26T04:00", "2026-11-25", 0, 50, "own.yaml:7 p", 1},
    {"Europe/Berlin", "2026-03-28T23:00", "2026-03-27", 0, 500, "own.yaml:7 p", 23}, /* short */
    {"Europe/Berlin", "2026-10-24T22:00", "2026-10-25", 0, 50, "own.yaml:7 p", 25},  /* long */
    {"UTC", "2026-11-26T12:00", "2026-11-27", 0, 0, "own.yaml:7 p", 12},             /* not begun */
    {"UTC", "2026-11-26T12:00", "2026-11-01", 0, INT64_MAX, "", 12},                 /* over */
    {"UTC", "2026-11-26T12:00", "2026-11-01", 900, 900, "own.yaml:3 acme", 12},
    {"UTC", "2026-11-26T12:00", "2026-11-26", 900, 50, "own.yaml:7 p", 12},
    {"UTC", "2026-11-26T12:00", "2026-11-26", 20, 20, "own.yaml:3 acme", 12},
};

START_TEST(a_day_allows_the_lesser_of_two)
{
	pr_zone *zone = NULL;
	int64_t since, now_ms = 5000000;
	struct pr_shaping_policy policy = {.daily = {days[_i].daily, "own.yaml:3 acme"}};
	ck_assert(pr_zone_open(days[_i].zone, &zone, NULL) == 0);
	ck_assert(pr_quota_parse_day(pr_str(days[_i].since), &since));
	struct pr_allowance a =
	    pr_quota_today(&policy, &plan, since, zone, now_ms, utc(days[_i].now));
	ck_assert_int_eq(a.n, days[_i].n);
	ck_assert_str_eq(a.who, days[_i].who);
	ck_assert_int_eq(a.ends_ms - now_ms, (int64_t)(days[_i].ends_h * PR_HOUR_MS));
	pr_zone_unref(zone);
}
END_TEST

static const char *const no_days[] = {"",           "2026-11-1", "2026-02-30", "2026-11-01T",
                                      "1999-01-01", "26-11-01",  "2026/11/01", "2026-11-01 ",
                                      "2026-13-01", "2026-11-0x"};

START_TEST(what_is_no_day_is_refused)
{
	int64_t day;
	ck_assert(!pr_quota_parse_day(pr_str(no_days[_i]), &day));
	ck_assert(pr_quota_parse_day(PR_STR("2026-11-01"), &day) && day == 20758);
}
END_TEST

/* ---- claims ---- */

static char saved[PR_QUOTA_TEXT_MAX];
static size_t saved_n;

static void
begin(struct pr_quota *q, int64_t day, int64_t n)
{
	pr_quota_begin(q, &(struct pr_allowance){.day = day, .n = n, .ends_ms = 1, .who = "x"});
}

static int64_t
claim(struct pr_quota *q, int64_t n)
{
	int64_t more = pr_quota_claim(q, n);
	if (more)
		saved_n = pr_quota_save(q, saved);
	return more;
}

static void
durable(struct pr_quota *q)
{
	pr_quota_durable(q, pr_str_n(saved, saved_n));
}

static void
take(struct pr_quota *q, int64_t n)
{
	while (n-- > 0) {
		ck_assert_int_gt(pr_quota_room(q), 0);
		pr_quota_take(q);
	}
}

START_TEST(nothing_is_used_before_its_claim_is_durable)
{
	struct pr_quota q = {0};
	ck_assert_int_eq(pr_quota_room(&q), INT64_MAX);
	begin(&q, 100, 250);
	ck_assert_int_eq(pr_quota_room(&q), 0);
	ck_assert_int_eq(pr_quota_left(&q), 250);
	ck_assert_int_eq(claim(&q, 100), 100);
	ck_assert_int_eq(claim(&q, 100), 0); /* one is under way */
	ck_assert_int_eq(pr_quota_room(&q), 0);
	durable(&q);
	take(&q, 40);
	ck_assert_int_eq(claim(&q, 100), 0); /* more than half of it is there */
	take(&q, 20);
	ck_assert_int_eq(claim(&q, 100), 60);
	durable(&q);
	durable(&q); /* told twice */
	take(&q, 100);
	ck_assert_int_eq(claim(&q, 100), 90); /* the rest of the day */
	durable(&q);
	take(&q, 90);
	ck_assert_int_eq(claim(&q, 100), 0);
	ck_assert_int_eq(pr_quota_room(&q), 0);
	ck_assert_int_eq(pr_quota_left(&q), 0);
	begin(&q, 101, 250);
	ck_assert_int_eq(pr_quota_left(&q), 250);
	ck_assert_int_eq(claim(&q, 100), 100);
}
END_TEST

START_TEST(a_crash_wastes_a_claim_and_never_gives_one)
{
	struct pr_quota q = {0};
	int64_t sent = 0, crashes = 0;
	begin(&q, 100, 1000);
	for (unsigned i = 0; pr_quota_left(&q) > 0; i++) {
		if (claim(&q, 30) && i % 3) /* else it crashes before it is told */
			durable(&q);
		if (pr_quota_room(&q) > 0) {
			pr_quota_take(&q);
			sent++;
		}
		if (i % 50 < 49)
			continue;
		crashes++;
		q = (struct pr_quota){0};
		ck_assert_int_eq(pr_quota_restore(&q, pr_str_n(saved, saved_n)), 0);
		begin(&q, 100, 1000);
	}
	ck_assert_int_le(sent, 1000);
	ck_assert_int_ge(sent, 1000 - 31 * crashes);
	ck_assert_int_gt(crashes, 5);
}
END_TEST

START_TEST(a_claim_of_yesterday_is_none_of_today)
{
	struct pr_quota q = {0};
	begin(&q, 100, 50);
	ck_assert_int_eq(claim(&q, 50), 50);
	begin(&q, 101, 50);
	durable(&q);
	ck_assert_int_eq(pr_quota_room(&q), 0);
	ck_assert_int_eq(claim(&q, 50), 50);
}
END_TEST

START_TEST(a_clock_that_is_set_back_gives_nothing)
{
	struct pr_quota q = {0};
	begin(&q, 100, 50);
	claim(&q, 50);
	durable(&q);
	take(&q, 50);
	for (int i = 0; i < 5; i++) { /* to and fro across midnight */
		begin(&q, 99, 50);
		ck_assert_int_eq(pr_quota_left(&q), 0);
		begin(&q, 100, 50);
		ck_assert_int_eq(pr_quota_left(&q), 0);
	}
	begin(&q, 90, 50); /* by far: that day it is, with all it has had */
	ck_assert_int_eq(pr_quota_left(&q), 0);
	begin(&q, 91, 50);
	ck_assert_int_eq(pr_quota_left(&q), 50);
}
END_TEST

START_TEST(a_limit_that_comes_with_a_reload_counts_what_was_sent)
{
	struct pr_quota q = {0};
	begin(&q, 100, INT64_MAX);
	take(&q, 70);
	ck_assert_int_eq(claim(&q, 10), 0);
	begin(&q, 100, 100);
	ck_assert_int_eq(pr_quota_left(&q), 30);
	ck_assert_int_eq(pr_quota_room(&q), 0);
	ck_assert_int_eq(claim(&q, 10), 80);
	durable(&q);
	ck_assert_int_eq(pr_quota_room(&q), 10);
	begin(&q, 100, 60);
	ck_assert_int_eq(pr_quota_room(&q), 0);
	ck_assert_int_eq(claim(&q, 10), 0);
}
END_TEST

static const char *const garbage[] = {"",
                                      "1",
                                      "1 ",
                                      " 1",
                                      "1 2 3",
                                      "-1 2",
                                      "1 -2",
                                      "a b",
                                      "1 2\n",
                                      "99999999 1",
                                      "1 99999999999999999999",
                                      "{\"v\":1}"};

START_TEST(garbage_is_refused)
{
	struct pr_quota q = {.claimed = 7};
	ck_assert_int_lt(pr_quota_restore(&q, pr_str(garbage[_i])), 0);
	pr_quota_durable(&q, pr_str(garbage[_i]));
	ck_assert_int_eq(q.claimed, 7);
}
END_TEST

START_TEST(nothing_claimed_is_nothing_kept)
{
	struct pr_quota q = {0};
	begin(&q, 100, INT64_MAX);
	take(&q, 5);
	ck_assert_uint_eq(pr_quota_save(&q, saved), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_day_allows_the_lesser_of_two, ROWS(days)},
	    {what_is_no_day_is_refused, ROWS(no_days)},
	    {nothing_is_used_before_its_claim_is_durable},
	    {a_crash_wastes_a_claim_and_never_gives_one},
	    {a_claim_of_yesterday_is_none_of_today},
	    {a_clock_that_is_set_back_gives_nothing},
	    {a_limit_that_comes_with_a_reload_counts_what_was_sent},
	    {garbage_is_refused, ROWS(garbage)},
	    {nothing_claimed_is_nothing_kept},
	};
	return suite_run("shaping_quota", NULL, NULL, tests, ROWS(tests));
}
