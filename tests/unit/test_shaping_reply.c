/* What receivers say, and what follows: rules with their counts and times, and classes. */
#include "shaping_world.h"

/* ---- our own rules, with replies as receivers write them ---- */

static const struct {
	const char *provider, *reply;
	unsigned times; /* until it acts */
	unsigned actions;
	int64_t for_ms;
} known[] = {
    {"google",
     "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your "
     "IP address",
     2, PR_SHAPE_THROTTLED, 30 * MINUTE},
    {"google", "550 5.7.1 Our system has detected that this message is likely unsolicited mail.", 5,
     PR_SHAPE_SUSPENDED, HOUR},
    {"yahoo",
     "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", 1,
     PR_SHAPE_SUSPENDED | PR_SHAPE_THROTTLED | PR_SHAPE_FEWER_CONNECTIONS, 2 * HOUR},
    {"yahoo", "421 4.7.0 [TS02] We're seeing unusual traffic", 3, PR_SHAPE_THROTTLED, 30 * MINUTE},
    {"yahoo", "421 [IPTS05] later", 2, PR_SHAPE_SUSPENDED, 4 * HOUR},
    {"yahoo", "553 5.7.1 [BL21] Connections will not be accepted", 5, PR_SHAPE_SUSPENDED, 2 * HOUR},
    {"", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", 1,
     PR_SHAPE_THROTTLED | PR_SHAPE_FEWER_CONNECTIONS, 90 * MINUTE},
    {"outlook",
     "421 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP "
     "reputation",
     1, PR_SHAPE_THROTTLED | PR_SHAPE_FEWER_CONNECTIONS, 90 * MINUTE},
    {"outlook",
     "451 4.7.652 The mail server [192.0.2.1] has exceeded the maximum number of connections "
     "(S3115)",
     2, PR_SHAPE_FEWER_CONNECTIONS, HOUR},
    {"outlook",
     "451 4.7.651 The mail server [192.0.2.1] has exceeded maximum number of messages per "
     "connection",
     2, PR_SHAPE_FEWER_MESSAGES, HOUR},
    {"outlook", "451 4.7.500 Server busy. Please try again later", 3, PR_SHAPE_THROTTLED,
     15 * MINUTE},
    {"apple", "421 [HCM1] Your mail from 192.0.2.1 was deferred.", 3, PR_SHAPE_SUSPENDED,
     15 * MINUTE},
    {"apple", "451 [BS02] Temporary server error. Please try again later.", 5, PR_SHAPE_SUSPENDED,
     15 * MINUTE},
    {"qq", "550 Ip frequency limited. http://service.mail.qq.com", 5,
     PR_SHAPE_DEFER | PR_SHAPE_SUSPENDED, HOUR},
    {"netease", "421 HL:ICC 163 mx1", 2, PR_SHAPE_FEWER_CONNECTIONS, HOUR},
    {"netease", "550 RP:ORQ 163 mx1", 2, PR_SHAPE_SUSPENDED, HOUR},
    {"gmx", "421 gmx.net Too many connections", 3, PR_SHAPE_FEWER_CONNECTIONS, 30 * MINUTE},
    {"comcast", "421 4.1.0 RL000001 Throttled", 2, PR_SHAPE_THROTTLED, 2 * HOUR},
    {"orange", "421 4.7.0 Trop de connexions, veuillez verifier votre configuration.", 2,
     PR_SHAPE_FEWER_CONNECTIONS, HOUR},
    {"netvigator", "421 Too many messages for this session", 3, PR_SHAPE_SUSPENDED, 30 * MINUTE},
};

START_TEST(replies_that_are_known_lead_to_what_is_written)
{
	struct pr_shape_done done = {0};
	world_begin(NULL, known[_i].provider);
	for (unsigned i = 1; i < known[_i].times; i++) {
		done = world_hear(PR_STAGE_RCPT, PR_CLASS_RATE_LIMITED, known[_i].reply);
		ck_assert(done.matched);
		ck_assert_uint_eq(done.actions & ~(unsigned)PR_SHAPE_DEFER, 0);
	}
	done = world_hear(PR_STAGE_RCPT, PR_CLASS_RATE_LIMITED, known[_i].reply);
	ck_assert_uint_eq(done.actions, known[_i].actions);
	ck_assert_int_eq(done.lifts_ms, now + known[_i].for_ms);
	ck_assert_ptr_nonnull(strstr(done.who, "shaping.yaml:"));
}
END_TEST

START_TEST(refusals_that_pass_are_deferred_as_written)
{
	world_begin(NULL, "qq");
	struct pr_shape_done done = world_hear(PR_STAGE_RCPT, PR_CLASS_RECIPIENT_REFUSED,
	                                       "550 Mailbox unavailable or access denied [Msg-ID]");
	ck_assert_uint_eq(done.actions, PR_SHAPE_DEFER);
	ck_assert_int_eq(done.retry_ms, 0);
	world_end();
	world_begin(NULL, "netease");
	done = world_hear(PR_STAGE_DOT, PR_CLASS_SPAM_CONTENT, "451 DT:SPM 163 smtp1, try again");
	ck_assert_uint_eq(done.actions, PR_SHAPE_DEFER);
	ck_assert_int_eq(done.retry_ms, 2 * MINUTE);
}
END_TEST

/* ---- counts, windows, lifting ---- */

static const char acme[] =
    "providers: {acme: {exchangers: [acme.example], connections: 8}, b: {domains: [b.example]}}\n"
    "rules:\n"
    "- {provider: acme, reply: busy, action: suspend, count: 3, within: 10m, for: 1h}\n"
    "- {provider: acme, reply: fewer, action: fewer_connections, for: 1h}\n"
    "- {provider: acme, reply: '(?-i)SHORT', action: fewer_messages_per_connection, for: 1h}\n"
    "- {provider: acme, reply: slow, action: throttle, factor: 0.5, for: 10m}\n"
    "- {provider: acme, reply: crawl, action: throttle, rate: 1/m, for: 1m}\n"
    "- {reply: 'too often', action: throttle, connection_rate: 1/h, for: 2h}\n"
    "- {provider: acme, reply: '(x+x+)+y', action: suspend, for: 1h}\n";

static unsigned
hear(const char *text)
{
	return world_hear(PR_STAGE_MAIL, PR_CLASS_RATE_LIMITED, text).actions;
}

START_TEST(it_takes_so_many_within_the_time)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(hear("450 busy"), 0);
	now += 6 * MINUTE;
	ck_assert_uint_eq(hear("450 busy"), 0);
	now += 5 * MINUTE; /* the first is past */
	ck_assert_uint_eq(hear("450 BUSY"), 0);
	now += 4 * MINUTE;
	ck_assert_uint_eq(hear("450 busy"), PR_SHAPE_SUSPENDED);
	ck_assert_uint_eq(hear("450 busy"), 0); /* it counts anew */
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), now + HOUR);
	ck_assert_str_eq(why.limit, "suspend");
	ck_assert_str_eq(why.who, "own.yaml:3 acme");
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), now + HOUR);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 0);
	ck_assert_ptr_nonnull(strstr(world_limits(), "suspend (own.yaml:3 acme, 3600s)"));
	now += HOUR;
	ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 8);
}
END_TEST

START_TEST(it_is_told_which_rule_did_it)
{
	world_begin(acme, "acme");
	struct pr_shape_done done =
	    world_hear(PR_STAGE_MAIL, PR_CLASS_SYSTEM, "421 busy: fewer, and slow");
	ck_assert_uint_eq(done.actions, PR_SHAPE_FEWER_CONNECTIONS | PR_SHAPE_THROTTLED);
	ck_assert_int_eq(done.lifts_ms, now + HOUR); /* the one of the two that holds longer */
	ck_assert_str_eq(done.who, "own.yaml:6 acme");
	ck_assert_str_eq(done.reply, "slow");
	done = world_hear(PR_STAGE_MAIL, PR_CLASS_SYSTEM, "421 busy");
	ck_assert_uint_eq(done.actions, 0);
	ck_assert_int_eq(done.lifts_ms, 0);
	ck_assert_str_eq(done.who, "own.yaml:3 acme"); /* it knows it, but waits for one more */
}
END_TEST

START_TEST(connections_are_halved_once_by_what_was_under_way)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(hear("421 fewer"), PR_SHAPE_FEWER_CONNECTIONS);
	for (int i = 0; i < 8; i++, now += SECOND)
		ck_assert_uint_eq(hear("421 fewer"), 0);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 4);
	now += 30 * SECOND;
	ck_assert_uint_eq(hear("421 fewer"), PR_SHAPE_FEWER_CONNECTIONS);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 2);
	world_open(2);
	ck_assert_int_eq(pr_shape_may_connect(&shape, now, &why), now + HOUR);
	now += HOUR;
	ck_assert_uint_eq(pr_shape_connections(&shape, now), 8);
}
END_TEST

START_TEST(a_connection_gets_fewer_messages)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(hear("421 short"), PR_SHAPE_HALVED); /* case matters there: its class */
	ck_assert_uint_eq(hear("421 SHORT"), PR_SHAPE_FEWER_MESSAGES);
	ck_assert_uint_eq(pr_shape_messages(&shape, now), 50);
	ck_assert_ptr_nonnull(
	    strstr(world_limits(), "messages_per_connection 50 (own.yaml:5 acme, 3600s)"));
	now += HOUR;
	ck_assert_uint_eq(pr_shape_messages(&shape, now), 100);
}
END_TEST

START_TEST(the_stricter_stands_until_it_lifts)
{
	world_begin(acme, "acme");
	ck_assert_uint_eq(hear("421 slow"), PR_SHAPE_THROTTLED);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 50/s (own.yaml:6 acme, 600s)"));
	ck_assert_uint_eq(hear("421 crawl"), PR_SHAPE_THROTTLED);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 1/m (own.yaml:7 acme, 60s)"));
	pr_shape_sent(&shape, now);
	now += 30 * SECOND;
	ck_assert_uint_eq(hear("421 crawl"), PR_SHAPE_THROTTLED);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 1/m (own.yaml:7 acme, 60s)"));
	int64_t at = pr_shape_may_send(&shape, now, &why);
	ck_assert_int_gt(at, now + 29 * SECOND);
	ck_assert_str_eq(why.who, "own.yaml:7 acme");
	pr_shape_sent(&shape, at);
	now += MINUTE; /* lifted: nothing waits by the old rate */
	ck_assert_int_le(pr_shape_may_send(&shape, now, &why), now + 10);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 100/s (default)"));
}
END_TEST

START_TEST(of_two_that_set_the_same_the_later_end_stands)
{
	world_begin("rules:\n- {reply: long, action: suspend, for: 2h}\n"
	            "- {reply: brief, action: suspend, for: 1h}\n",
	            "");
	ck_assert_uint_eq(hear("421 brief"), PR_SHAPE_SUSPENDED);
	ck_assert_uint_eq(hear("421 long"), PR_SHAPE_SUSPENDED);
	now += MINUTE;
	struct pr_shape_done done = world_hear(PR_STAGE_MAIL, PR_CLASS_SYSTEM, "421 brief");
	ck_assert_uint_eq(done.actions, PR_SHAPE_SUSPENDED);
	ck_assert_int_eq(done.lifts_ms, now + 119 * MINUTE);
	ck_assert_ptr_nonnull(strstr(world_limits(), "suspend (own.yaml:2 default, 7140s)"));
}
END_TEST

START_TEST(what_is_throttled_saves_nothing_up)
{
	world_begin("providers: {a: {domains: [a.example], burst: 50}}\n"
	            "rules: [{reply: slow, action: throttle, rate: 1/m, for: 1h}]\n",
	            "a");
	hear("421 slow");
	now += 30 * MINUTE;
	pr_shape_sent(&shape, now);
	ck_assert_int_gt(pr_shape_may_send(&shape, now, &why), now + 59 * SECOND);
	now += 30 * MINUTE;
	for (int i = 0; i < 50; i++, pr_shape_sent(&shape, now))
		ck_assert_int_eq(pr_shape_may_send(&shape, now, &why), 0);
}
END_TEST

START_TEST(a_factor_never_stops_a_lane)
{
	world_begin(acme, "acme");
	for (int i = 0; i < 100; i++, now += MINUTE)
		ck_assert_uint_ne(hear("421 slow"), 0);
	ck_assert_ptr_nonnull(strstr(world_limits(), "message_rate 1/h (own.yaml:6 acme, 540s)"));
}
END_TEST

START_TEST(rules_of_all_hold_for_all_and_others_rules_for_nobody_else)
{
	world_begin(acme, "b");
	ck_assert_uint_eq(hear("421 busy"), PR_SHAPE_HALVED); /* acme's: by its class here */
	ck_assert_uint_eq(hear("421 too often"), PR_SHAPE_THROTTLED);
	ck_assert_ptr_nonnull(
	    strstr(world_limits(), "connection_rate 1/h (own.yaml:8 default, 7200s)"));
}
END_TEST

START_TEST(a_rule_that_is_gone_takes_along_what_it_set)
{
	world_begin(acme, "acme");
	hear("421 crawl");
	hear("421 fewer");
	hear("421 busy");
	hear("421 busy");
	pr_shaping *new_ = world_parse(
	    "providers: {acme: {exchangers: [acme.example], connections: 6}}\n"
	    "rules:\n"
	    "- {provider: acme, reply: fewer, action: fewer_connections, for: 1h}\n"
	    "- {provider: acme, reply: busy, action: suspend, count: 3, within: 10m, for: 1h}\n");
	pr_shape_configure(&shape, new_, pr_shaping_policy(new_, PR_STR("acme")), &group, 1000,
	                   now);
	pr_shaping_unref(new_);
	ck_assert_str_eq(world_limits(), "connections 4 (own.yaml:3 acme, 3600s), "
	                                 "messages_per_connection 100 (default), "
	                                 "message_rate 100/s (default), "
	                                 "connection_rate 100/m (default)");
	ck_assert_uint_eq(hear("421 busy"), PR_SHAPE_SUSPENDED);
}
END_TEST

START_TEST(a_reply_cannot_make_a_pattern_run_for_long)
{
	struct pr_buf b = {0};
	world_begin(acme, "acme");
	pr_buf_adds(&b, "421 ");
	for (int i = 0; i < 100000; i++)
		pr_buf_addc(&b, 'x');
	ck_assert_uint_eq(hear(b.data), PR_SHAPE_HALVED); /* it does not match: its class decides */
	pr_buf_finish(&b);
}
END_TEST

START_TEST(many_rules_may_count_and_the_oldest_makes_room)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "rules:\n");
	for (int i = 0; i < 40; i++)
		pr_buf_addf(&b, "- {reply: 'r%02d', action: suspend, count: 2, for: 1h}\n", i);
	world_begin(b.data, "");
	for (int i = 0; i < 40; i++, now++) {
		char text[20];
		snprintf(text, sizeof text, "450 r%02d", i);
		ck_assert_uint_eq(hear(text), 0);
	}
	ck_assert_uint_eq(hear("450 r00"), 0); /* forgotten */
	ck_assert_uint_eq(hear("450 r39"), PR_SHAPE_SUSPENDED);
	pr_buf_finish(&b);
}
END_TEST

/* ---- without a rule ---- */

static const struct {
	enum pr_smtp_stage stage;
	enum pr_class class_;
	const char *reply;
	bool halves;
} classes[] = {
    {PR_STAGE_RCPT, PR_CLASS_RATE_LIMITED, "451 4.7.1 not so fast", true},
    {PR_STAGE_RCPT, PR_CLASS_RATE_LIMITED, "550 frequency", true},
    {PR_STAGE_MAIL, PR_CLASS_REPUTATION, "554 5.7.1 listed", true},
    {PR_STAGE_BANNER, PR_CLASS_POLICY, "554 no", true},
    {PR_STAGE_DOT, PR_CLASS_POLICY, "451 4.7.1 later", true},
    {PR_STAGE_DOT, PR_CLASS_SYSTEM, "421 4.3.2 shutting down", true},
    {PR_STAGE_BANNER, PR_CLASS_SYSTEM, "450 come back", true},
    {PR_STAGE_CONNECT, PR_CLASS_NETWORK, "connection refused", true},
    {PR_STAGE_BODY, PR_CLASS_NETWORK, "connection lost", true},
    {PR_STAGE_IDLE, PR_CLASS_NETWORK, "closed", false},
    {PR_STAGE_QUIT, PR_CLASS_NONE, "", false},
    {PR_STAGE_RCPT, PR_CLASS_GREYLISTED, "450 4.2.0 greylisted", false},
    {PR_STAGE_RCPT, PR_CLASS_GREYLISTED, "421 4.7.0 greylisted", false},
    {PR_STAGE_RCPT, PR_CLASS_RATE_LIMITED, "450 4.2.1 receiving mail at a rate", false},
    {PR_STAGE_RCPT, PR_CLASS_MAILBOX_FULL, "452 4.2.2 full", false},
    {PR_STAGE_RCPT, PR_CLASS_USER_UNKNOWN, "550 5.1.1 unknown", false},
    {PR_STAGE_RCPT, PR_CLASS_RECIPIENT_REFUSED, "450 not now", false},
    {PR_STAGE_RCPT, PR_CLASS_SYSTEM, "451 4.3.0 local error", false},
    {PR_STAGE_EHLO, PR_CLASS_SYSTEM, "450 come back", true},
    {PR_STAGE_MAIL, PR_CLASS_SYSTEM, "451 4.3.0 local error", false},
    {PR_STAGE_RCPT, PR_CLASS_POLICY, "500 5.7.1 refused", false},
    {PR_STAGE_DOT, PR_CLASS_POLICY, "550 5.7.1 message refused", false},
    {PR_STAGE_DOT, PR_CLASS_SPAM_CONTENT, "550 5.7.1 spam", false},
    {PR_STAGE_DOT, PR_CLASS_DELIVERED, "250 2.0.0 ok", false},
};

START_TEST(only_what_speaks_of_us_halves_the_limit)
{
	world_begin(acme, "acme");
	struct pr_shape_done done =
	    world_hear(classes[_i].stage, classes[_i].class_, classes[_i].reply);
	ck_assert_uint_eq(done.actions, classes[_i].halves ? PR_SHAPE_HALVED : 0);
	ck_assert(!done.matched && !done.who);
	ck_assert_uint_eq(pr_shape_connections(&shape, now), classes[_i].halves ? 4 : 8);
}
END_TEST

START_TEST(it_is_halved_once_in_a_while_and_never_below_one)
{
	static const unsigned wanted[] = {4, 2, 1, 1, 1};
	world_begin(acme, "acme");
	for (int i = 0; i < 5; i++, now += 30 * SECOND)
		for (int k = 0; k < 100; k++) {
			hear("421 go away");
			ck_assert_uint_eq(pr_shape_connections(&shape, now), wanted[i]);
		}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {replies_that_are_known_lead_to_what_is_written, ROWS(known)},
	    {refusals_that_pass_are_deferred_as_written},
	    {it_takes_so_many_within_the_time},
	    {it_is_told_which_rule_did_it},
	    {connections_are_halved_once_by_what_was_under_way},
	    {a_connection_gets_fewer_messages},
	    {the_stricter_stands_until_it_lifts},
	    {of_two_that_set_the_same_the_later_end_stands},
	    {what_is_throttled_saves_nothing_up},
	    {a_factor_never_stops_a_lane},
	    {rules_of_all_hold_for_all_and_others_rules_for_nobody_else},
	    {a_rule_that_is_gone_takes_along_what_it_set},
	    {a_reply_cannot_make_a_pattern_run_for_long},
	    {many_rules_may_count_and_the_oldest_makes_room},
	    {only_what_speaks_of_us_halves_the_limit, ROWS(classes)},
	    {it_is_halved_once_in_a_while_and_never_below_one},
	};
	return suite_run("shaping_reply", NULL, world_end, tests, ROWS(tests));
}
