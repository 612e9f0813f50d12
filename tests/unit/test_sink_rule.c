/* Fault rules: what can be said, and when they fire. */
#include "sink/rule.h"
#include "suite.h"

#include <stdio.h>

static const struct {
	const char *spec, *problem; /* a part of the sentence; NULL: good */
} specs[] = {
    {"on=rcpt,reply=451 4.7.1 slow down", NULL},
    {"on=rcpt|dot,share=10%,match=*@x.example,tries=1,reply=\"451 a, b\"", NULL},
    {"on=dot,drop=before", NULL},
    {"on=dot,stall", NULL},
    {"on=dot,stall=10s,drop=after", NULL},
    {"on=mail,from=a@*,garbage", NULL},
    {"on=connect,garbage=100,slow=10/s", NULL},
    {"on=mail,first=3,after=2,every=2,messages=5,port=25,slow=1", NULL},
    {"on=mail,raw=\"250\\x20ok\\r\\n\"", NULL},
    {"on=starttls,reply=454 4.7.0 not now", NULL},
    {"on=handshake,stall", NULL},
    {"on=handshake|starttls,garbage=100", NULL},
    {"on=handshake,stall=1s", "stall takes no time"},
    {"on=auth,reply=535 no,first=1", NULL},
    {"", "`on` is missing"},
    {"on=rcpt", "nothing to do"},
    {"on=what,drop=after", "`what` is no value of `on`"},
    {"on=rcpt|,drop=after", "no value of `on`"},
    {"on=rcpt,replay=451 x", "did you mean `reply`"},
    {"on=rcpt,reply=later", "no value of `reply`"},
    {"on=rcpt,reply=", "no value of `reply`"},
    {"on=rcpt,reply=\"451 x", "quote is not closed"},
    {"on=rcpt,reply=\"451 x\"y", "no comma follows"},
    {"on=rcpt,share=110%,drop=after", "no value of `share`"},
    {"on=rcpt,share=10,drop=after", "no value of `share`"},
    {"on=rcpt,share=nan%,drop=after", "no value of `share`"},
    {"on=rcpt,tries=0,drop=after", "no value of `tries`"},
    {"on=rcpt,first=-1,drop=after", "no value of `first`"},
    {"on=rcpt,port=70000,drop=after", "no value of `port`"},
    {"on=rcpt,drop=sometimes", "no value of `drop`"},
    {"on=rcpt,stall=soon", "no value of `stall`"},
    {"on=rcpt,slow=0", "no value of `slow`"},
    {"on=rcpt,garbage=99999999", "no value of `garbage`"},
    {"on=rcpt,raw=\"\\x2\"", "no value of `raw`"},
    {"on=mail,share=10%,drop=after", "need a recipient"},
    {"on=connect,from=a,drop=after", "needs a sender"},
};

START_TEST(specifications_are_taken_or_refused_with_the_key)
{
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		struct sink_rules r = {0};
		struct pr_error e = {0};
		int failed = sink_rules_add(&r, specs[i].spec, &e);
		ck_assert_msg(!failed == !specs[i].problem, "%s: %s", specs[i].spec, e.text);
		if (specs[i].problem)
			ck_assert_msg(strstr(e.text, specs[i].problem), "%s: %s", specs[i].spec,
			              e.text);
		ck_assert_uint_eq(r.n, failed ? 0 : 1);
		sink_rules_finish(&r);
	}
}
END_TEST

static const struct {
	const char *reply, *octets;
	int code;
} replies[] = {
    {"on=rcpt,reply=451 later", "451 later\r\n", 451},
    {"on=rcpt,reply=\"550-a\\n550 b\"", "550-a\r\n550 b\r\n", 550},
    {"on=rcpt,reply=\"550 a\\nb\\nc\"", "550-a\r\n550-b\r\n550 c\r\n", 550},
    {"on=rcpt,reply=\"250 \\\"q\\\" \\\\ ,\"", "250 \"q\" \\ ,\r\n", 250},
    {"on=rcpt,reply=250", "250 \r\n", 250},
    {"on=rcpt,raw=\"2\\x350-no end\"", "250-no end", 0},
    {"on=rcpt,raw=550", "550", 550},
};

START_TEST(replies_become_lines)
{
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		struct sink_rules r = {0};
		struct pr_error e = {0};
		ck_assert_msg(sink_rules_add(&r, replies[i].reply, &e) == 0, "%s", e.text);
		ck_assert_int_eq(r.items[0].code, replies[i].code);
		ck_assert_msg(
		    pr_str_is(pr_str_n(r.items[0].reply, r.items[0].reply_n), replies[i].octets),
		    "%s gives %s", replies[i].reply, r.items[0].reply);
		sink_rules_finish(&r);
	}
}
END_TEST

START_TEST(code_421_closes_unless_told_not_to)
{
	struct sink_rules r = {0};
	ck_assert_int_eq(sink_rules_add(&r, "on=rcpt,reply=421 bye", NULL), 0);
	ck_assert_int_eq(sink_rules_add(&r, "on=rcpt,reply=421 stay,drop=no", NULL), 0);
	ck_assert_int_eq(r.items[0].drop, SINK_DROP_AFTER);
	ck_assert_int_eq(r.items[1].drop, SINK_DROP_NO);
	sink_rules_finish(&r);
}
END_TEST

/* Which of these events fire, as a string of digits: rule + 1, or '-'. */
static void
fire(struct sink_rules *r, const struct sink_event *events, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct sink_rule *rule = sink_rules_find(r, &events[i]);
		out[i] = rule ? (char)('1' + (rule - r->items)) : '-';
	}
	out[n] = 0;
}

static const struct sink_event rcpts[] = {
    {.on = SINK_ON_RCPT, .rcpts = "a@x", .n_rcpts = 1, .from = {"s@t", 3}, .port = 25},
    {.on = SINK_ON_RCPT, .rcpts = "B@Y", .n_rcpts = 1, .from = {"s@t", 3}, .messages = 1},
    {.on = SINK_ON_RCPT, .rcpts = "a@x", .n_rcpts = 1, .from = {"", 0}, .messages = 2},
    {.on = SINK_ON_DOT, .rcpts = "c@z\0b@y", .n_rcpts = 2, .from = {"s@t", 3}, .messages = 3},
    {.on = SINK_ON_MAIL, .from = {"s@t", 3}, .messages = 4},
    {.on = SINK_ON_RCPT, .rcpts = "d@x", .n_rcpts = 1, .from = {"s@t", 3}, .messages = 5},
};

static const struct {
	const char *rules[2], *expect;
} firing[] = {
    {{"on=rcpt,drop=no"}, "111--1"},
    {{"on=mail|dot,drop=no"}, "---11-"},
    {{"on=rcpt,match=*@x,drop=no"}, "1-1--1"},
    {{"on=rcpt|dot,match=b@y,drop=no"}, "-1-1--"},
    {{"on=rcpt,match=*@x,drop=no", "on=rcpt,drop=no"}, "121--1"},
    {{"on=rcpt|mail,from=s@*,drop=no"}, "11--11"},
    {{"on=rcpt,tries=1,drop=no"}, "11---1"},
    {{"on=rcpt,tries=2,drop=no"}, "111--1"},
    {{"on=rcpt,first=2,drop=no"}, "11----"},
    {{"on=rcpt,after=1,times=2,drop=no"}, "-11---"},
    {{"on=rcpt,every=2,drop=no"}, "-1---1"},
    {{"on=rcpt,messages=2,drop=no"}, "--1--1"},
    {{"on=rcpt,port=25,drop=no"}, "1-----"},
    {{"on=rcpt,share=0%,drop=no", "on=rcpt,share=100%,drop=no"}, "222--2"},
    {{"on=rcpt,chance=0%,drop=no", "on=rcpt,chance=100%,drop=no"}, "222--2"},
};

START_TEST(rules_fire_at_what_they_name)
{
	for (size_t i = 0; i < sizeof firing / sizeof *firing; i++) {
		struct sink_rules r = {0};
		char got[8];
		for (int k = 0; k < 2 && firing[i].rules[k]; k++)
			ck_assert_int_eq(sink_rules_add(&r, firing[i].rules[k], NULL), 0);
		fire(&r, rcpts, 6, got);
		ck_assert_msg(!strcmp(got, firing[i].expect), "%s: %s", firing[i].rules[0], got);
		sink_rules_finish(&r);
	}
}
END_TEST

/* How many of 10,000 recipients a share takes; the same ones again: again. */
static unsigned
count_share(const char *spec, uint64_t seed, unsigned *again)
{
	struct sink_rules r = {.seed = seed};
	unsigned n = 0;
	ck_assert_int_eq(sink_rules_add(&r, spec, NULL), 0);
	*again = 0;
	for (unsigned i = 0; i < 10000; i++) {
		char rcpt[32];
		snprintf(rcpt, sizeof rcpt, "user%u@x.example", i);
		struct sink_event e = {.on = SINK_ON_RCPT, .rcpts = rcpt, .n_rcpts = 1};
		bool fired = sink_rules_find(&r, &e) != NULL;
		n += fired;
		*again += fired && sink_rules_find(&r, &e) != NULL;
	}
	sink_rules_finish(&r);
	return n;
}

START_TEST(share_takes_its_part_of_recipients_and_always_the_same)
{
	unsigned again;
	unsigned n = count_share("on=rcpt,share=10%,drop=no", 0, &again);
	ck_assert(n > 900 && n < 1100);
	ck_assert_uint_eq(again, n);
	ck_assert_uint_ne(count_share("on=rcpt,share=10%,drop=no", 1, &again), n);
	n = count_share("on=rcpt,chance=10%,drop=no", 0, &again);
	ck_assert(n > 900 && n < 1200);
	ck_assert_uint_lt(again, n / 2);
	n = count_share("on=rcpt,share=10%,tries=1,drop=no", 0, &again);
	ck_assert(n > 900 && n < 1100);
	ck_assert_uint_eq(again, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {specifications_are_taken_or_refused_with_the_key},
	    {replies_become_lines},
	    {code_421_closes_unless_told_not_to},
	    {rules_fire_at_what_they_name},
	    {share_takes_its_part_of_recipients_and_always_the_same},
	};
	return suite_run("sink_rule", NULL, NULL, tests, ROWS(tests));
}
