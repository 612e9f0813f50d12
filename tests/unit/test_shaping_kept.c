/* A shape across a restart: what holds still holds, what cannot be is not believed. */
#include "shaping_world.h"

static const char acme[] =
    "default: {connections: 8, start: 4}\n"
    "providers: {acme: {exchangers: [acme.example]}, b: {exchangers: [b.example]}}\n"
    "rules:\n"
    "- {provider: acme, reply: stop, action: suspend, for: 1h}\n"
    "- {provider: acme, reply: busy, action: suspend, count: 3, within: 10m, for: 2h}\n"
    "- {provider: acme, reply: slow, action: throttle, factor: 0.5, for: 30m}\n"
    "- {provider: acme, reply: fewer, action: fewer_connections, for: 30m}\n"
    "- {provider: acme, reply: short, action: fewer_messages_per_connection, to: 3, for: 30m}\n"
    "- {provider: acme, reply: seldom, action: throttle, connection_rate: 1/h, for: 30m}\n";

static const int64_t wall = 1795000000000; /* 2026-11-18 */
static struct pr_buf saved;

static void
setup(void)
{
	saved = (struct pr_buf){0};
	now = 1000 * HOUR;
}

static void
teardown(void)
{
	world_end();
	pr_buf_finish(&saved);
}

static unsigned
hear(const char *text)
{
	return world_hear(PR_STAGE_MAIL, PR_CLASS_RATE_LIMITED, text).actions;
}

static size_t
save(void)
{
	pr_buf_clear(&saved);
	return pr_shape_save(&shape, now, wall, &saved);
}

/* Another process: its monotonic clock begins anew, the wall clock says `later_ms` more. */
static int
restart(const char *file, const char *provider, int64_t later_ms)
{
	world_end();
	now = 5 * MINUTE;
	world_begin(file, provider);
	return pr_shape_restore(&shape, pr_buf_str(&saved), now, wall + later_ms);
}

START_TEST(an_untouched_lane_keeps_nothing)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(save(), 0);
	world_open(4);
	pr_shape_sent(&shape, now);
	ck_assert_uint_eq(save(), 0);
	hear("421 stop");
	ck_assert_uint_gt(save(), 0);
	now += HOUR;
	ck_assert_uint_eq(save(), 0); /* as if nothing had been */
}
END_TEST

START_TEST(all_that_is_in_force_outlives_a_restart)
{
	world_begin(acme, "acme");
	hear("421 stop");
	hear("421 slow");
	hear("421 fewer");
	hear("421 short");
	hear("421 seldom");
	char before[1000];
	snprintf(before, sizeof before, "%s", world_limits());
	ck_assert_ptr_nonnull(strstr(before, "connections 2 (own.yaml:7 acme, 1800s)"));
	ck_assert_ptr_nonnull(strstr(before, "message_rate 50/s (own.yaml:6 acme, 1800s)"));
	ck_assert_uint_le(save(), PR_SHAPE_TEXT_MAX);
	ck_assert_int_eq(restart(acme, "acme", 0), 0);
	ck_assert_str_eq(world_limits(), before);
	pr_buf_clear(&saved);
	pr_shape_save(&shape, now, wall, &saved);
	ck_assert_int_eq(restart(acme, "acme", 31 * MINUTE), 0);
	ck_assert_str_eq(world_limits(), "connections 4 (adaptive), "
	                                 "messages_per_connection 100 (default), "
	                                 "message_rate 100/s (default), "
	                                 "connection_rate 100/m (default), "
	                                 "suspend (own.yaml:4 acme, 1740s)");
}
END_TEST

START_TEST(pacing_goes_on_by_the_rate_that_was_set)
{
	world_begin(acme, "acme");
	hear("421 seldom");
	save();
	ck_assert_int_eq(restart(acme, "acme", MINUTE), 0);
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), 0);
	world_open(1);
	ck_assert_int_gt(pr_shape_may_connect(&shape, now, &why), now + 59 * MINUTE);
	now += 29 * MINUTE; /* it lifts: the policy's rate again */
	ck_assert_int_le(pr_shape_may_connect(&shape, now, &why), now + SECOND);
}
END_TEST

START_TEST(counts_go_on_where_they_were)
{
	world_begin(acme, "acme");
	hear("421 busy");
	now += MINUTE;
	hear("421 busy");
	save();
	ck_assert_int_eq(restart(acme, "acme", 2 * MINUTE), 0);
	ck_assert_uint_eq(hear("421 busy"), PR_SHAPE_SUSPENDED);
	ck_assert_int_eq(restart(acme, "acme", 9 * MINUTE + SECOND), 0); /* one of two is past */
	ck_assert_uint_eq(hear("421 busy"), 0);
	ck_assert_uint_eq(hear("421 busy"), PR_SHAPE_SUSPENDED);
}
END_TEST

START_TEST(the_adaptive_limit_and_its_patience_go_on)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(hear("421 no rule"), PR_SHAPE_HALVED);
	save();
	ck_assert_int_eq(restart(acme, "acme", 10 * SECOND), 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
	ck_assert_uint_eq(hear("421 no rule"), 0);
	now += 21 * SECOND;
	ck_assert_uint_eq(hear("421 no rule"), PR_SHAPE_HALVED);
}
END_TEST

static const struct {
	int64_t jump_ms;
	int64_t suspended_ms; /* from the restart */
} jumps[] = {
    {10 * MINUTE, 50 * MINUTE}, {HOUR, 0}, {-10 * MINUTE, HOUR}, {-24 * 365 * HOUR, HOUR},
    {24 * 3650 * HOUR, 0},
};

START_TEST(nothing_lasts_longer_than_its_rule_whatever_the_clock_does)
{
	world_begin(acme, "acme");
	hear("421 stop");
	hear("421 busy");
	hear("421 busy");
	save();
	ck_assert_int_eq(restart(acme, "acme", jumps[_i].jump_ms), 0);
	int64_t at = pr_shape_may_connect(&shape, now, &why);
	ck_assert_int_eq(at, jumps[_i].suspended_ms ? now + jumps[_i].suspended_ms : 0);
	if (jumps[_i].jump_ms < 0) /* heard in the future: not heard */
		ck_assert_uint_eq(hear("421 busy"), 0);
}
END_TEST

START_TEST(a_clock_that_was_set_back_keeps_no_rule_from_acting)
{
	world_begin(acme, "acme");
	hear("421 fewer");
	save();
	ck_assert_int_eq(restart(acme, "acme", -10 * MINUTE), 0);
	now += 31 * SECOND;
	ck_assert_uint_eq(hear("421 fewer"), PR_SHAPE_FEWER_CONNECTIONS);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 1);
}
END_TEST

START_TEST(rules_that_are_gone_or_others_set_nothing)
{
	world_begin(acme, "acme");
	hear("421 stop");
	hear("421 busy");
	save();
	ck_assert_int_eq(restart("providers: {acme: {domains: [acme.example]}}", "acme", 0), 0);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
	ck_assert_int_eq(restart(acme, "b", 0), 0); /* the site has another provider now */
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
}
END_TEST

START_TEST(a_lower_limit_of_today_holds)
{
	world_begin(acme, "acme");
	shape.limit = 7.5;
	save();
	ck_assert_int_eq(restart("default: {connections: 3}", "", 0), 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 3);
}
END_TEST

static const char *const garbage[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"v\":2}",
    "{\"v\":1,\"x\":1}",
    "{\"v\":1,\"v\":1}",
    "{\"v\":1,\"limit\":\"5\"}",
    "{\"v\":1,\"limit\":null}",
    "{\"v\":1,\"fell\":1.5}",
    "{\"v\":1,\"set\":{}}",
    "{\"v\":1,\"set\":[1]}",
    "{\"v\":1,\"set\":[[1,2,3]]}",
    ("{\"v\":1,\"set\":[[0,0,0,0,0,0,0],[0,0,0,0,0,0,0],[0,0,0,0,0,0,0],[0,0,0,0,0,0,0],"
     "[0,0,0,0,0,0,0],[0,0,0,0,0,0,0]]}"),
    "{\"v\":1,\"heard\":[[1]]}",
    "{\"v\":1,\"heard\":[[1,[\"x\"]]]}",
    "{\"v\":1,\"heard\":[[1,[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]]]}",
    "{\"v\":1}x",
};

START_TEST(garbage_is_refused_and_changes_nothing)
{
	world_begin(acme, "acme");
	hear("421 stop");
	char before[1000];
	snprintf(before, sizeof before, "%s", world_limits());
	ck_assert_int_lt(pr_shape_restore(&shape, pr_str(garbage[_i]), now, wall), 0);
	ck_assert_str_eq(world_limits(), before);
}
END_TEST

/* Of our shape, but nothing that can be: %u is the id of a rule. */
static const struct {
	const char *text;
	int rule;
} absurd[] = {
    {"{\"v\":1,\"limit\":-5}", 0},
    {"{\"v\":1,\"limit\":1e300}", 0},
    {"{\"v\":1,\"fell\":9223372036854775807}", 0},
    {"{\"v\":1,\"fell\":-9223372036854775807}", 0},
    {"{\"v\":1,\"set\":[[4,%u,0,-1,0,0,0]]}", 0},
    {"{\"v\":1,\"set\":[[4,%u,9223372036854775807,9223372036854775807,0,0,0]]}", 0},
    {"{\"v\":1,\"set\":[[99,%u,0,1795000100000,0,0,0]]}", 0},
    {"{\"v\":1,\"set\":[[-1,%u,0,1795000100000,0,0,0]]}", 0},
    {"{\"v\":1,\"set\":[[0,%u,0,1795000100000,0,0,0]]}", 0},          /* suspend sets no number */
    {"{\"v\":1,\"set\":[[2,%u,0,1795000100000,0,0,0]]}", 2},          /* no rate at all */
    {"{\"v\":1,\"set\":[[2,%u,0,1795000100000,0,1,4294967295]]}", 2}, /* nearly never */
    {"{\"v\":1,\"set\":[[0,%u,0,1795000100000,0,0,0]]}", 3},          /* no connection at all */
    {"{\"v\":1,\"heard\":[[%u,[9223372036854775807,-5]]]}", 1},
};

START_TEST(what_cannot_be_is_left_out)
{
	char text[300];
	unsigned n;
	world_begin(acme, "acme");
	hear(absurd[_i].rule == 0   ? "421 stop"
	     : absurd[_i].rule == 1 ? "421 busy"
	     : absurd[_i].rule == 2 ? "421 slow"
	                            : "421 fewer");
	save();
	/* its id is the first number behind the kind, or behind the bracket of what was heard */
	const char *at = strstr(saved.data, absurd[_i].rule == 1 ? "[[" : ",");
	while (at && sscanf(at, absurd[_i].rule == 1 ? "[[%u,[" : ",%u,1", &n) != 1)
		at = strchr(at + 1, ',');
	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof text, absurd[_i].text, n);
	pr_buf_clear(&saved);
	pr_buf_adds(&saved, text);
	ck_assert_int_eq(restart(acme, "acme", 0), 0);
	unsigned connections = pr_shape_connections(&shape, now);
	ck_assert(connections >= 1 && connections <= 8);
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 100/s (default)"));
}
END_TEST

START_TEST(the_largest_text_is_bounded)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "rules:\n");
	for (int i = 0; i < 40; i++)
		pr_buf_addf(&b, "- {reply: 'r%02d', action: suspend, count: 16, for: 7d}\n", i);
	pr_buf_adds(&b, "- {reply: stop, action: suspend, for: 7d}\n");
	world_begin(b.data, "");
	for (int i = 0; i < 15 * 40; i++, now++) {
		char text[20];
		snprintf(text, sizeof text, "450 r%02d", i / 15);
		hear(text);
	}
	hear("421 stop");
	size_t n = save();
	ck_assert_uint_gt(n, 3000);
	ck_assert_uint_le(n, PR_SHAPE_TEXT_MAX);
	ck_assert_int_eq(restart(b.data, "", 0), 0);
	ck_assert_uint_eq(hear("450 r39"), PR_SHAPE_SUSPENDED);
	pr_buf_finish(&b);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_untouched_lane_keeps_nothing},
	    {all_that_is_in_force_outlives_a_restart},
	    {pacing_goes_on_by_the_rate_that_was_set},
	    {counts_go_on_where_they_were},
	    {the_adaptive_limit_and_its_patience_go_on},
	    {nothing_lasts_longer_than_its_rule_whatever_the_clock_does, ROWS(jumps)},
	    {a_clock_that_was_set_back_keeps_no_rule_from_acting},
	    {rules_that_are_gone_or_others_set_nothing},
	    {a_lower_limit_of_today_holds},
	    {garbage_is_refused_and_changes_nothing, ROWS(garbage)},
	    {what_cannot_be_is_left_out, ROWS(absurd)},
	    {the_largest_text_is_bounded},
	};
	return suite_run("shaping_kept", setup, teardown, tests, ROWS(tests));
}
