/* Plan: rates, connections, windows, deadlines, warm-ups and what is shared, against figures worked
 * out by hand; and what must hold for any plan. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW 1795651200000LL /* Thursday 2026-11-26T00:00Z */
#define TODAY (NOW / PR_DAY_MS)
#define SITES_MAX 8

static const int64_t warm_days[] = {50, 100, 500};
static const struct pr_warm_up warm = {.name = "w", .who = "w", .days = warm_days, .days_n = 3};

/* A plan in the making: as many receivers and sites as were added. */
static struct pr_shaping_policy policies[SITES_MAX];
static struct pr_plan_group groups[SITES_MAX];
static struct pr_plan_receiver receivers[SITES_MAX];
static struct pr_plan_site sites[SITES_MAX];
static struct pr_plan_wave waves[SITES_MAX][2];
static struct pr_plan_source sources[2];
static struct pr_schedule schedule;
static struct pr_timetable timetable;
static struct pr_plan_input in;
static struct pr_plan plan;

static void
setup(void)
{
	memset(policies, 0, sizeof policies);
	memset(groups, 0, sizeof groups);
	memset(sites, 0, sizeof sites);
	memset(waves, 0, sizeof waves);
	memset(sources, 0, sizeof sources);
	schedule = (struct pr_schedule){.late_ms = PR_DAY_MS};
	in = (struct pr_plan_input){.now_ms = NOW,
	                            .timetable = &timetable,
	                            .connections = 10,
	                            .connections_all = 1000,
	                            .round_trip_ms = 50,
	                            .sources = sources,
	                            .sources_n = 1,
	                            .groups = groups,
	                            .receivers = receivers,
	                            .sites = sites};
}

static void
teardown(void)
{
	pr_plan_finish(&plan);
	plan = (struct pr_plan){0};
	pr_timetable_finish(&timetable);
}

/* A policy of a group of its own that holds nothing up. */
static struct pr_shaping_policy *
add_group(void)
{
	struct pr_shaping_policy *p = &policies[in.groups_n];
	p->connections.n = p->start.n = 1000000;
	groups[in.groups_n++].policy = p;
	return p;
}

static void
add_site(unsigned group, uint64_t rows)
{
	size_t n = in.sites_n++;
	receivers[in.receivers_n++] = (struct pr_plan_receiver){group};
	waves[n][0].rows = rows;
	sites[n] = (struct pr_plan_site){
	    .receiver = (unsigned)n, .count = 1, .waves = waves[n], .waves_n = 1};
}

static void
add_relay(uint64_t rows)
{
	in.groups_n++;
	add_site((unsigned)in.groups_n - 1, rows);
}

static void
window(const char *text)
{
	ck_assert_ptr_null(pr_window_parse(pr_str(text), &schedule.window));
}

static void
make(void)
{
	ck_assert(pr_timetable_init(&schedule, "UTC", &timetable, NULL) == 0);
	in.zone = timetable.zone;
	pr_plan_make(&in, &plan);
}

/* Seconds from now on. */
static void
expect_times(const struct pr_plan_line *l, double begins, double half, double done)
{
	ck_assert_double_eq_tol((double)(l->begins_ms - NOW) / 1000, begins, 0.03 + begins / 100);
	ck_assert_double_eq_tol((double)(l->half_ms - NOW) / 1000, half, 0.03 + half / 100);
	ck_assert_double_eq_tol((double)(l->done_ms - NOW) / 1000, done, 0.03 + done / 100);
}

static void
expect_day(const struct pr_plan_line *l, size_t i, int64_t day, uint64_t rows)
{
	ck_assert_uint_lt(i, l->days_n);
	ck_assert_int_eq(l->days[i].day, TODAY + day);
	ck_assert_int_le(llabs((int64_t)l->days[i].rows - (int64_t)rows), 2);
}

START_TEST(the_rate_of_a_campaign_decides)
{
	add_relay(1000);
	in.rate = (struct pr_rate){100, 1000};
	make();
	expect_times(&plan.all, 0, 5, 10);
	ck_assert_int_eq(plan.receivers[0].limit, PR_PLAN_RATE);
	ck_assert_int_eq(plan.all.limit, PR_PLAN_RATE);
	ck_assert_uint_eq(plan.all.sent, 1000);
	ck_assert_uint_eq(plan.all.cut + plan.all.left, 0);
}
END_TEST

START_TEST(connections_and_round_trip_decide_where_nothing_else_does)
{
	add_relay(2000);
	make();
	expect_times(&plan.all, 0, 5, 10); /* 10 connections of 20 a second */
	ck_assert_int_eq(plan.all.limit, PR_PLAN_CONNECTIONS);
}
END_TEST

START_TEST(few_rows_are_held_up_by_nothing)
{
	add_relay(2);
	make();
	ck_assert_int_eq(plan.all.limit, PR_PLAN_NONE);
	ck_assert_int_le(plan.all.done_ms, NOW + 20);
	ck_assert_uint_eq(plan.all.sent, 2);
}
END_TEST

static const struct {
	const char *name;
	int connections, start, messages, provider_connections;
	struct pr_rate rate, connection_rate, provider_rate;
	enum pr_plan_limit limit;
	double per_s;
} paces[] = {
    {"message_rate", 100, 100, 0, 0, {60, 60000}, {0}, {0}, PR_PLAN_MESSAGE_RATE, 1},
    {"connections", 2, 2, 0, 0, {0}, {0}, {0}, PR_PLAN_CONNECTIONS, 40},
    {"connection_rate", 100, 100, 5, 0, {0}, {60, 60000}, {0}, PR_PLAN_CONNECTION_RATE, 5},
    {"provider_connections", 100, 100, 0, 3, {0}, {0}, {0}, PR_PLAN_PROVIDER_CONNECTIONS, 60},
    {"provider_message_rate",
     100,
     100,
     0,
     0,
     {0},
     {0},
     {7, 1000},
     PR_PLAN_PROVIDER_MESSAGE_RATE,
     7},
};

START_TEST(each_figure_of_a_receiver_decides_where_it_is_the_least)
{
	struct pr_shaping_policy *p = add_group();
	double rate;
	p->connections.n = paces[_i].connections;
	p->start.n = paces[_i].start;
	p->messages.n = paces[_i].messages;
	p->provider_connections.n = paces[_i].provider_connections;
	p->message_rate.rate = paces[_i].rate;
	p->connection_rate.rate = paces[_i].connection_rate;
	p->provider_message_rate.rate = paces[_i].provider_rate;
	add_site(0, (uint64_t)(paces[_i].per_s * 100));
	make();
	expect_times(&plan.all, 0, 50, 100);
	ck_assert_int_eq(plan.all.limit, paces[_i].limit);
	ck_assert_str_eq(pr_plan_limit_name(plan.all.limit), paces[_i].name);
	ck_assert_int_eq(pr_plan_pace(&in, &groups[0], &rate), paces[_i].limit);
	ck_assert_double_eq_tol(rate, paces[_i].per_s, 1e-9);
}
END_TEST

START_TEST(connections_are_found_out_by_and_by)
{
	struct pr_shaping_policy *p = add_group();
	p->connections.n = 10;
	p->start.n = 2;
	add_site(0, 480); /* 2 more a second: 4 s from 2 to 10 of 20 a second each */
	make();
	expect_times(&plan.all, 0, 2.606, 4);
}
END_TEST

START_TEST(sites_of_a_provider_share_what_it_grants)
{
	struct pr_shaping_policy *p = add_group();
	p->provider_message_rate.rate = (struct pr_rate){10, 1000};
	add_site(0, 100);
	add_site(0, 300);
	add_group();
	add_site(1, 100);
	make();
	expect_times(&plan.receivers[0], 0, 10, 20); /* half of it, while both have rows */
	expect_times(&plan.receivers[1], 0, 25, 40);
	expect_times(&plan.receivers[2], 0, 0.25, 0.5); /* is no part of it */
	ck_assert_int_eq(plan.all.limit, PR_PLAN_PROVIDER_MESSAGE_RATE);
}
END_TEST

START_TEST(what_a_slow_receiver_leaves_of_the_rate_goes_to_the_others)
{
	add_group()->message_rate.rate = (struct pr_rate){1, 1000};
	add_site(0, 10);
	add_group();
	add_site(1, 90);
	in.rate = (struct pr_rate){10, 1000};
	make();
	expect_times(&plan.receivers[0], 0, 5, 10);
	expect_times(&plan.receivers[1], 0, 5, 10);
	ck_assert_int_eq(plan.receivers[0].limit, PR_PLAN_MESSAGE_RATE);
	ck_assert_int_eq(plan.receivers[1].limit, PR_PLAN_RATE);
}
END_TEST

START_TEST(sites_that_are_alike_are_told_as_one)
{
	add_group()->message_rate.rate = (struct pr_rate){1, 1000};
	add_site(0, 10);
	sites[0].count = 1000;
	make();
	ck_assert_uint_eq(plan.all.rows, 10000);
	expect_times(&plan.all, 0, 5, 10);
	in.rate = (struct pr_rate){100, 1000};
	pr_plan_finish(&plan);
	pr_plan_make(&in, &plan);
	expect_times(&plan.all, 0, 50, 100);
}
END_TEST

START_TEST(sources_add_up)
{
	add_group()->message_rate.rate = (struct pr_rate){10, 1000};
	add_site(0, 200);
	in.sources_n = 2;
	make();
	expect_times(&plan.all, 0, 5, 10);
}
END_TEST

START_TEST(a_warm_up_takes_its_days)
{
	add_group();
	add_site(0, 600);
	sources[0] = (struct pr_plan_source){&warm, TODAY};
	make();
	expect_day(&plan.all, 0, 0, 50);
	expect_day(&plan.all, 1, 1, 100);
	expect_day(&plan.all, 2, 2, 450);
	ck_assert_uint_eq(plan.all.days_n, 3);
	ck_assert_int_eq(plan.all.limit, PR_PLAN_WARM_UP);
	expect_times(&plan.all, 0, 2 * 86400 + 0.75, 2 * 86400 + 2.25);
}
END_TEST

START_TEST(a_warm_source_sends_what_the_new_one_may_not)
{
	add_group();
	add_site(0, 6000);
	sources[0] = (struct pr_plan_source){&warm, TODAY};
	in.sources_n = 2;
	make();
	ck_assert_uint_eq(plan.all.days_n, 1);
	expect_times(&plan.all, 0, 14.9, 29.75); /* 5950 by one, 200 a second */
}
END_TEST

START_TEST(a_days_number_holds_for_each_day)
{
	add_group()->daily.n = 100;
	add_site(0, 250);
	make();
	expect_day(&plan.all, 0, 0, 100);
	expect_day(&plan.all, 1, 1, 100);
	expect_day(&plan.all, 2, 2, 50);
	ck_assert_int_eq(plan.all.limit, PR_PLAN_DAILY);
}
END_TEST

START_TEST(a_window_that_is_too_short_goes_on_the_next_day)
{
	add_relay(5400);
	in.rate = (struct pr_rate){1, 1000};
	window("08:00-09:00");
	make();
	expect_day(&plan.all, 0, 0, 3600);
	expect_day(&plan.all, 1, 1, 1800);
	expect_times(&plan.all, 8 * 3600, 8 * 3600 + 2700, 86400 + 8 * 3600 + 1800);
	ck_assert_int_eq(plan.all.limit, PR_PLAN_RATE);
}
END_TEST

START_TEST(a_start_is_waited_for)
{
	add_relay(1000);
	in.rate = (struct pr_rate){100, 1000};
	ck_assert(pr_when_parse(pr_str("2026-11-26T06:00"), &schedule.start));
	make();
	expect_times(&plan.all, 21600, 21605, 21610);
	ck_assert(!plan.late);
}
END_TEST

START_TEST(a_start_long_ago_would_be_held)
{
	add_relay(1000);
	schedule.late_ms = PR_HOUR_MS;
	ck_assert(pr_when_parse(pr_str("2026-11-25T06:00"), &schedule.start));
	make();
	ck_assert(plan.late);
	ck_assert_uint_eq(plan.all.sent, 1000);
}
END_TEST

START_TEST(a_deadline_cuts_off_the_rest)
{
	add_relay(1000);
	in.rate = (struct pr_rate){1, 1000};
	ck_assert(pr_when_parse(pr_str("2026-11-26T00:10"), &schedule.deadline));
	make();
	ck_assert_int_le(llabs((int64_t)plan.all.sent - 600), 1);
	ck_assert_uint_eq(plan.all.sent + plan.all.cut, 1000);
	ck_assert_int_le(plan.all.done_ms, NOW + 600000);
}
END_TEST

START_TEST(waves_begin_at_their_times)
{
	add_relay(100);
	waves[0][1] = (struct pr_plan_wave){NOW + 3600000, 100};
	sites[0].waves_n = 2;
	in.rate = (struct pr_rate){10, 1000};
	make();
	expect_times(&plan.all, 0, 10, 3610);
	ck_assert_int_eq(plan.all.limit, PR_PLAN_RATE); /* not the wait in between */
}
END_TEST

START_TEST(what_takes_too_long_is_left)
{
	add_relay(1000);
	in.rate = (struct pr_rate){1, 86400000};
	make();
	ck_assert_int_le(llabs((int64_t)plan.all.left - 600), 2);
	ck_assert_uint_eq(plan.all.sent + plan.all.left, 1000);
}
END_TEST

static unsigned
roll(unsigned n)
{
	return (unsigned)rand() % n;
}

/* Any figures: each row is somewhere, days add up, nothing is faster than it may be. */
START_TEST(counts_add_up_and_no_limit_is_passed)
{
	srand((unsigned)_i + 1);
	unsigned n = 1 + roll(4);
	for (unsigned g = 0; g < n; g++) {
		struct pr_shaping_policy *p = add_group();
		p->connections.n = 1 + roll(20);
		p->start.n = 1 + roll((unsigned)p->connections.n);
		p->messages.n = roll(3) * 10;
		p->daily.n = roll(2) * (200 + roll(2000));
		p->message_rate.rate = (struct pr_rate){roll(3) * 7, 1000};
		p->provider_message_rate.rate = (struct pr_rate){roll(2) * 9, 1000};
		p->connection_rate.rate = (struct pr_rate){roll(2) * 100, 60000};
		add_site(g, 1 + roll(5000));
		sites[in.sites_n - 1].count = 1 + roll(3);
	}
	in.sources_n = 1 + roll(2);
	sources[0] = (struct pr_plan_source){roll(2) ? &warm : NULL, TODAY - roll(3)};
	in.rate = (struct pr_rate){1 + roll(100), 1000};
	if (roll(2))
		window("Mon-Fri 00:00-00:05, 10:00-10:07");
	make();
	uint64_t rows = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct pr_plan_line *l = &plan.receivers[i];
		const struct pr_shaping_policy *p = &policies[i];
		uint64_t days = 0;
		ck_assert_uint_eq(l->sent + l->cut + l->left, l->rows);
		ck_assert_uint_eq(l->rows, waves[i][0].rows * sites[i].count);
		ck_assert_uint_eq(l->left, 0);
		for (size_t d = 0; d < l->days_n; d++) {
			days += l->days[d].rows;
			if (p->daily.n)
				ck_assert_uint_le(l->days[d].rows, p->daily.n * in.sources_n + 1);
		}
		ck_assert_int_le(llabs((int64_t)(days - l->sent)), (int64_t)l->days_n);
		double s = (double)(l->done_ms - l->begins_ms) / 1000 + 0.05;
		uint32_t each = p->provider_message_rate.rate.count;
		if (each)
			ck_assert_double_ge(s * each * in.sources_n, (double)l->rows * 0.99);
		ck_assert_int_le(l->begins_ms, l->half_ms);
		ck_assert_int_le(l->half_ms, l->done_ms);
		rows += l->rows;
	}
	ck_assert_uint_eq(plan.all.sent, rows);
	double s = (double)(plan.all.done_ms - plan.all.begins_ms) / 1000 + 0.05;
	ck_assert_double_ge(s * in.rate.count, (double)rows * 0.99);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_rate_of_a_campaign_decides},
	    {connections_and_round_trip_decide_where_nothing_else_does},
	    {few_rows_are_held_up_by_nothing},
	    {each_figure_of_a_receiver_decides_where_it_is_the_least, ROWS(paces)},
	    {connections_are_found_out_by_and_by},
	    {sites_of_a_provider_share_what_it_grants},
	    {what_a_slow_receiver_leaves_of_the_rate_goes_to_the_others},
	    {sites_that_are_alike_are_told_as_one},
	    {sources_add_up},
	    {a_warm_up_takes_its_days},
	    {a_warm_source_sends_what_the_new_one_may_not},
	    {a_days_number_holds_for_each_day},
	    {a_window_that_is_too_short_goes_on_the_next_day},
	    {a_start_is_waited_for},
	    {a_start_long_ago_would_be_held},
	    {a_deadline_cuts_off_the_rest},
	    {waves_begin_at_their_times},
	    {what_takes_too_long_is_left},
	    {counts_add_up_and_no_limit_is_passed, 100},
	};
	return suite_run("plan_plan", setup, teardown, tests, ROWS(tests));
}
