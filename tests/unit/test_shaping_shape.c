/* A lane's limits: what may happen when, who says so, and what refusals cost. */
#include "shaping_world.h"

static const char acme[] = "default: {connections: 4, start: 2, message_rate: 10/s,\n"
			   "  connection_rate: 60/m}\n"
			   "providers:\n"
			   "  acme: {exchangers: [acme.example], provider_connections: 3,\n"
			   "    provider_message_rate: 5/s}\n"
			   "  slow: {exchangers: [slow.example], message_rate: 1/m, burst: 3}\n";

/* Messages that go at once now. */
static unsigned
send_all(struct pr_shape *s)
{
	unsigned n = 0;
	for (; n < 1000 && pr_shape_may_send(s, now, &why) == 0; n++)
		pr_shape_sent(s, now);
	return n;
}

START_TEST(a_lane_is_small)
{
	ck_assert_uint_le(sizeof(struct pr_shape), 256);
}
END_TEST

START_TEST(messages_go_at_the_rate_and_the_answer_is_when)
{
	world_begin(acme, "");
	ck_assert_uint_eq(send_all(&shape), 1);
	int64_t at = pr_shape_may_send(&shape, now, &why);
	ck_assert_int_gt(at, now + 50);
	ck_assert_int_le(at, now + 100);
	ck_assert_str_eq(why.limit, "message_rate");
	ck_assert_str_eq(why.who, "own.yaml:1 default");
	now = at;
	ck_assert_uint_eq(send_all(&shape), 1);
	now += HOUR; /* nothing is saved up but 20 ms */
	ck_assert_uint_eq(send_all(&shape), 1);
}
END_TEST

START_TEST(a_burst_may_go_at_once_after_a_pause)
{
	world_begin(acme, "slow");
	ck_assert_uint_eq(send_all(&shape), 3);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), now + MINUTE);
	now += MINUTE;
	ck_assert_uint_eq(send_all(&shape), 1);
	now += HOUR;
	ck_assert_uint_eq(send_all(&shape), 3);
}
END_TEST

static const struct {
	const char *figures;
	int64_t horizon_ms;
	unsigned n;
} rooms[] = {
    {"message_rate: 10/s", 0, 1},
    {"message_rate: 10/s", 100, 2},
    {"message_rate: 1000/s", 100, 121},
    {"message_rate: 1/m, burst: 5", 100, 5},
    {"message_rate: 1000/s, provider_message_rate: 10/s", 250, 3},
};

START_TEST(what_may_go_until_then_is_what_goes)
{
	char text[200];
	unsigned n = 0;
	snprintf(text, sizeof text, "providers: {a: {domains: [a.example], %s}}",
	         rooms[_i].figures);
	world_begin(text, "a");
	int64_t until = now + rooms[_i].horizon_ms;
	ck_assert_uint_eq(pr_shape_room(&shape, now, until), rooms[_i].n);
	for (; now <= until; now++)
		n += send_all(&shape);
	ck_assert_uint_eq(n, rooms[_i].n);
	ck_assert_uint_eq(pr_shape_room(&shape, until, until), 0);
}
END_TEST

START_TEST(there_is_no_room_where_nothing_may_go)
{
	world_begin("providers: {a: {domains: [a.example]}}\n"
	            "rules: [{reply: stop, action: suspend, for: 1m}]",
	            "");
	ck_assert_uint_gt(pr_shape_room(&shape, now, now), 0);
	pr_quota_begin(&group.quota,
	               &(struct pr_allowance){.n = 5, .ends_ms = now + HOUR, .who = "x"});
	ck_assert_uint_eq(pr_shape_room(&shape, now, now), 0); /* not claimed */
	pr_quota_begin(&group.quota, &(struct pr_allowance){.n = INT64_MAX, .who = ""});
	world_hear(PR_STAGE_MAIL, PR_CLASS_SYSTEM, "421 stop");
	ck_assert_uint_eq(pr_shape_room(&shape, now, now + SECOND), 0);
	now += MINUTE;
	ck_assert_uint_gt(pr_shape_room(&shape, now, now), 0);
}
END_TEST

START_TEST(asking_costs_nothing)
{
	world_begin(acme, "");
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
		ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
	}
}
END_TEST

START_TEST(connections_are_bounded_by_what_is_known_to_be_welcome)
{
	world_begin(acme, "");
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
		pr_shape_connected(&shape, now);
	}
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), INT64_MAX);
	ck_assert_str_eq(why.limit, "connections");
	ck_assert_str_eq(why.who, "adaptive");
	pr_shape_closed(&shape);
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
}
END_TEST

START_TEST(connections_come_at_their_rate)
{
	world_begin(acme, "");
	for (int i = 0; i < 4; i++) { /* as many as it may ever have at once */
		ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
		pr_shape_connected(&shape, now);
		pr_shape_closed(&shape);
	}
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), now + SECOND);
	ck_assert_str_eq(why.limit, "connection_rate");
	ck_assert_str_eq(why.who, "own.yaml:2 default");
}
END_TEST

/* ---- the adaptive limit ---- */

static void
accept_messages(unsigned n, double latency_ms)
{
	for (unsigned i = 0; i < n; i++)
		pr_shape_accepted(&shape, latency_ms);
}

START_TEST(a_limit_rises_when_all_connections_have_had_their_messages)
{
	world_begin(acme, "");
	world_open(2);
	accept_messages(19, 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
	accept_messages(6, 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 3);
	world_open(1);
	accept_messages(10000, 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 4);
	ck_assert_ptr_nonnull(strstr(world_limits(), "connections 4 (own.yaml:1 default)"));
	world_hear(PR_STAGE_MAIL, PR_CLASS_RATE_LIMITED, "421 too fast");
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2); /* nothing had piled up above it */
}
END_TEST

START_TEST(a_limit_that_is_not_reached_does_not_rise)
{
	world_begin(acme, "");
	world_open(1);
	accept_messages(10000, 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
}
END_TEST

START_TEST(latency_only_keeps_it_from_rising)
{
	world_begin(acme, "");
	world_open(2);
	accept_messages(1, 20);
	accept_messages(50, 500);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
	accept_messages(50, 21);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 3);
}
END_TEST

START_TEST(another_latency_becomes_usual)
{
	world_begin(acme, "");
	world_open(2);
	accept_messages(1, 20);
	accept_messages(2000, 500);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 3);
}
END_TEST

START_TEST(the_route_bounds_it_as_well)
{
	world_begin(acme, "");
	pr_shape_configure(&shape, shaping, pr_shaping_default(shaping), &group, 1, now);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 1);
	ck_assert_ptr_nonnull(strstr(world_limits(), "connections 1 (route)"));
}
END_TEST

/* ---- groups ---- */

static struct pr_shape other;

static void
begin_two(void)
{
	world_begin(acme, "acme");
	pr_shape_init(&other, shaping, shape.policy, &group, 1000);
}

START_TEST(lanes_of_a_provider_share_its_connections)
{
	begin_two();
	world_open(2);
	ck_assert_int_eq(pr_shape_may_connect(&other, now, &why), 0);
	pr_shape_connected(&other, now);
	ck_assert_int_eq(pr_shape_may_connect(&other, now, &why), now + PR_SHAPE_POLL_MS);
	ck_assert_str_eq(why.limit, "provider_connections");
	ck_assert_str_eq(why.who, "own.yaml:4 acme");
	pr_shape_closed(&shape);
	ck_assert_int_eq(pr_shape_may_connect(&other, now, &why), 0);
	pr_shape_finish(&other); /* with a connection */
	ck_assert_uint_eq(group.connections, 1);
}
END_TEST

START_TEST(who_was_refused_has_the_next_connection)
{
	begin_two();
	shape.limit = 4;
	world_open(3);
	ck_assert_int_gt(pr_shape_may_connect(&other, now, &why), now);
	now += 50;
	pr_shape_closed(&shape);
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), now + PR_SHAPE_POLL_MS);
	ck_assert_int_eq(pr_shape_may_connect(&other, now, &why), 0);
	pr_shape_connected(&other, now);
	pr_shape_closed(&shape);
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0); /* nobody waits any more */
	pr_shape_finish(&other);
}
END_TEST

START_TEST(who_has_none_is_not_kept_out_by_who_waits)
{
	struct pr_shape third;
	begin_two();
	shape.limit = 4;
	world_open(3);
	pr_shape_init(&third, shaping, shape.policy, &group, 1000);
	ck_assert_int_gt(pr_shape_may_connect(&other, now, &why), now);
	pr_shape_closed(&shape);
	ck_assert_int_eq(pr_shape_may_connect(&third, now, &why), 0);
	pr_shape_finish(&third);
	pr_shape_finish(&other);
}
END_TEST

START_TEST(late_timers_cost_a_provider_no_rate)
{
	world_begin("providers: {a: {domains: [a.example], message_rate: 100000/s,\n"
	            "  provider_message_rate: 1000/s}}",
	            "a");
	unsigned n = send_all(&shape);
	for (int i = 0; i < 50; i++, now += 20)
		n += send_all(&shape);
	ck_assert_uint_ge(n, 980);
	ck_assert_uint_le(n, 1021);
}
END_TEST

START_TEST(who_does_not_ask_again_is_not_waited_for)
{
	begin_two();
	shape.limit = 4;
	world_open(3);
	ck_assert_int_gt(pr_shape_may_connect(&other, now, &why), now);
	pr_shape_closed(&shape);
	now += 2 * SECOND;
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
	pr_shape_finish(&other);
	ck_assert_ptr_null(group.waiter);
}
END_TEST

START_TEST(lanes_of_a_provider_share_its_rate_and_who_is_refused_pays_nothing)
{
	begin_two();
	unsigned first = 0, second = 0;
	for (int i = 0; i < 10000; i++, now++) {
		first += send_all(&shape);
		second += send_all(&other);
	}
	ck_assert_uint_le(first + second, 51);
	ck_assert_uint_ge(first + second, 50);
	ck_assert_str_eq(why.limit, "provider_message_rate"); /* not its own, asked 10,000 times */
	pr_shape_finish(&other);
}
END_TEST

START_TEST(a_day_that_is_used_up_ends_at_midnight)
{
	world_begin(acme, "slow");
	struct pr_allowance today = {
	    .day = 1, .n = 2, .ends_ms = now + HOUR, .who = "own.yaml:9 first"};
	pr_quota_begin(&group.quota, &today);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), now + PR_SHAPE_POLL_MS);
	ck_assert_str_eq(why.limit, "daily"); /* allowed, but not claimed yet */
	char saved[PR_QUOTA_TEXT_MAX];
	ck_assert_int_eq(pr_quota_claim(&group.quota, 100), 2);
	size_t n = pr_quota_save(&group.quota, saved);
	pr_quota_durable(&group.quota, pr_str_n(saved, n));
	ck_assert_uint_eq(send_all(&shape), 2);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), now + HOUR);
	ck_assert_str_eq(why.who, "own.yaml:9 first");
	ck_assert_ptr_nonnull(strstr(world_limits(), "daily 2 (own.yaml:9 first, 3600s)"));
}
END_TEST

/* ---- a reload ---- */

START_TEST(another_file_holds_at_once)
{
	world_begin(acme, "slow");
	ck_assert_uint_eq(send_all(&shape), 3);
	pr_shaping *new_ = world_parse("default: {message_rate: 10/s, connections: 20, start: 7}");
	pr_shape_configure(&shape, new_, pr_shaping_default(new_), &group, 1000, now);
	pr_shaping_unref(new_);
	ck_assert_int_le(pr_shape_may_send(&shape, now, &why), now + 100);
	ck_assert_str_eq(why.who, "own.yaml:1 default");
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 7);
}
END_TEST

START_TEST(a_slow_pace_of_the_provider_is_gone_with_its_figure)
{
	world_begin("providers: {a: {domains: [a.example], provider_message_rate: 1/h}}", "a");
	ck_assert_uint_eq(send_all(&shape), 1);
	ck_assert_int_gt(pr_shape_may_send(&shape, now, &why), now + 59 * MINUTE);
	pr_shaping *new_ =
	    world_parse("providers: {a: {domains: [a.example], provider_message_rate: 5/s}}");
	pr_shape_configure(&shape, new_, pr_shaping_policy(new_, PR_STR("a")), &group, 1000, now);
	pr_shaping_unref(new_);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), now + 200);
	pr_shape_init(&other, shape.shaping, shape.policy, &group, 1000); /* one more lane */
	ck_assert_int_eq(pr_shape_may_send(&other, now, &why), now + 200);
	pr_shape_finish(&other);
}
END_TEST

START_TEST(a_route_that_allows_more_lets_a_fresh_lane_begin_higher)
{
	world_begin(acme, "slow");
	pr_shape_configure(&shape, shaping, shape.policy, &group, 1, now);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 1);
	pr_shape_configure(&shape, shaping, shape.policy, &group, 20, now);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
}
END_TEST

START_TEST(connections_move_along_to_another_group)
{
	struct pr_shape_group elsewhere = {0};
	world_begin(acme, "acme");
	world_open(2);
	pr_shape_configure(&shape, shaping, pr_shaping_default(shaping), &elsewhere, 1000, now);
	ck_assert_uint_eq(group.connections, 0);
	ck_assert_uint_eq(elsewhere.connections, 2);
	pr_shape_configure(&shape, shaping, pr_shaping_default(shaping), NULL, 1000, now);
	ck_assert_uint_eq(elsewhere.connections, 0);
	pr_shape_closed(&shape);
}
END_TEST

START_TEST(limits_in_force_are_told_with_who_set_them)
{
	world_begin(acme, "acme");
	ck_assert_str_eq(world_limits(), "connections 2 (adaptive), "
	                                 "messages_per_connection 100 (default), "
	                                 "message_rate 10/s (own.yaml:1 default), "
	                                 "connection_rate 60/m (own.yaml:2 default), "
	                                 "provider_connections 3 (own.yaml:4 acme), "
	                                 "provider_message_rate 5/s (own.yaml:5 acme)");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_lane_is_small},
	    {messages_go_at_the_rate_and_the_answer_is_when},
	    {a_burst_may_go_at_once_after_a_pause},
	    {what_may_go_until_then_is_what_goes, ROWS(rooms)},
	    {there_is_no_room_where_nothing_may_go},
	    {asking_costs_nothing},
	    {connections_are_bounded_by_what_is_known_to_be_welcome},
	    {connections_come_at_their_rate},
	    {a_limit_rises_when_all_connections_have_had_their_messages},
	    {a_limit_that_is_not_reached_does_not_rise},
	    {latency_only_keeps_it_from_rising},
	    {another_latency_becomes_usual},
	    {the_route_bounds_it_as_well},
	    {lanes_of_a_provider_share_its_connections},
	    {who_was_refused_has_the_next_connection},
	    {who_has_none_is_not_kept_out_by_who_waits},
	    {late_timers_cost_a_provider_no_rate},
	    {who_does_not_ask_again_is_not_waited_for},
	    {lanes_of_a_provider_share_its_rate_and_who_is_refused_pays_nothing},
	    {a_day_that_is_used_up_ends_at_midnight},
	    {another_file_holds_at_once},
	    {a_slow_pace_of_the_provider_is_gone_with_its_figure},
	    {a_route_that_allows_more_lets_a_fresh_lane_begin_higher},
	    {connections_move_along_to_another_group},
	    {limits_in_force_are_told_with_who_set_them},
	};
	return suite_run("shaping_shape", NULL, world_end, tests, ROWS(tests));
}
