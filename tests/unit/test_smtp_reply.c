/* Replies: what is read, what is forgiven, what is refused; whole and torn. */
#include "suite.h"

#include "postrider/smtp.h"

#include <stdlib.h>

struct reply_case {
	const char *octets;
	int code; /* 0: PR_EINVAL; -1: more is needed */
	const char *text;
	uint8_t enhanced[3];
};

static const struct reply_case cases[] = {
    {"250 ok\r\n", 250, "ok"},
    {"250\r\n", 250, ""},
    {"250 \r\n", 250, ""},
    {"250-\r\n250\r\n", 250, "\n"},
    {"250 ok\n", 250, "ok"},
    {"250 ok\r\r\n", 250, "ok"},
    {"250\tok\r\n", 250, "ok"},
    {"550 5.1.1 no such user\r\n", 550, "no such user", {5, 1, 1}},
    {"550 5.1.1\r\n", 550, "", {5, 1, 1}},
    {"451 4.7.652 slow down\r\n", 451, "slow down", {4, 7, 255}},
    {"552 4.2.2 full\r\n", 552, "full", {4, 2, 2}},
    {"550 5.1.1: no blank\r\n", 550, "5.1.1: no blank"},
    {"550 5.1 short\r\n", 550, "5.1 short"},
    {"550 5.1.1234 long\r\n", 550, "5.1.1234 long"},
    {"550 6.1.1 class\r\n", 550, "6.1.1 class"},
    {"550 5.\r\n", 550, "5."},
    {"550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 third\r\n",
     550,
     "first\nsecond\nthird",
     {5, 7, 1}},
    {"550-first\r\n550 5.7.26 second\r\n", 550, "first\nsecond", {5, 7, 26}},
    {"550-one\r\n554 two\r\n", 554, "one\ntwo"},
    {"250-one\n250 two\n", 250, "one\ntwo"},
    {"250 a\001b\x7f"
     "c\td\r\n",
     250, "a?b?c\td"},
    {"250 a\rb\r\n", 250, "a?b"},
    {"250-one\r\n", -1, ""},
    {"250 o", -1, ""},
    {"", -1, ""},
    {"250-fine\r\n550 not\r\n", 0},
    {"550-not\r\n250 fine\r\n", 0},
    {"2500 ok\r\n", 0},
    {"250ok\r\n", 0},
    {"25 ok\r\n", 0},
    {"150 ok\r\n", 0},
    {"650 ok\r\n", 0},
    {"850 ok\r\n", 0},
    {" 250 ok\r\n", 0},
    {"\r\n250 ok\r\n", 0},
    {"\n", 0},
    {"HTTP/1.1 400 Bad Request\r\n", 0},
    {"\x16\x03\x01\x02\n", 0},
    {"250-one\r\ntwo\r\n250 three\r\n", 0},
    {"-250 ok\r\n", 0},
};

/* Feed in parts of `step` octets; the code, 0 when refused, -1 when more is needed. */
static int
feed(struct pr_reply_parser *p, const char *octets, size_t n, size_t step, struct pr_reply *out)
{
	size_t at = 0;
	while (at < n) {
		size_t part = n - at < step ? n - at : step, used = 0;
		int rc = pr_reply_feed(p, octets + at, part, &used, out);
		if (rc < 0)
			return 0;
		at += used;
		if (rc > 0) {
			ck_assert_uint_eq(at, n);
			return out->code;
		}
		ck_assert_uint_eq(used, part);
	}
	return -1;
}

START_TEST(replies_are_read_alike_whole_and_torn)
{
	const struct reply_case *c = &cases[_i];
	size_t n = strlen(c->octets);
	for (size_t step = 1; step <= n + 1; step++) {
		struct pr_reply_parser p;
		struct pr_reply r;
		pr_reply_parser_init(&p);
		ck_assert_int_eq(feed(&p, c->octets, n, step, &r), c->code);
		if (c->code > 0) {
			ck_assert_msg(pr_str_is(r.text, c->text), "%s", r.text.p);
			ck_assert_mem_eq(r.enhanced, c->enhanced, 3);
		}
		pr_reply_parser_finish(&p);
	}
}
END_TEST

START_TEST(replies_in_one_segment_come_one_by_one)
{
	static const char octets[] = "250 one\r\n354-go\r\n354 on\r\n550 5.1.1 three\r\n22";
	static const int codes[] = {250, 354, 550};
	struct pr_reply_parser p;
	struct pr_reply r;
	size_t at = 0, used;
	pr_reply_parser_init(&p);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pr_reply_feed(&p, octets + at, sizeof octets - 1 - at, &used, &r),
		                 1);
		ck_assert_int_eq(r.code, codes[i]);
		at += used;
	}
	ck_assert(pr_str_is(r.text, "three"));
	ck_assert_int_eq(pr_reply_feed(&p, octets + at, sizeof octets - 1 - at, &used, &r), 0);
	ck_assert_uint_eq(used, 2);
	pr_reply_parser_finish(&p);
}
END_TEST

START_TEST(an_enhanced_code_of_one_reply_is_not_in_the_next)
{
	struct pr_reply_parser p;
	struct pr_reply r;
	size_t used;
	pr_reply_parser_init(&p);
	ck_assert_int_eq(pr_reply_feed(&p, "550 5.1.1 x\r\n", 13, &used, &r), 1);
	ck_assert_int_eq(r.enhanced[0], 5);
	ck_assert_int_eq(pr_reply_feed(&p, "250 y\r\n", 7, &used, &r), 1);
	ck_assert_int_eq(r.enhanced[0], 0);
	pr_reply_parser_finish(&p);
}
END_TEST

START_TEST(nul_becomes_a_question_mark)
{
	struct pr_reply_parser p;
	struct pr_reply r;
	size_t used;
	pr_reply_parser_init(&p);
	ck_assert_int_eq(pr_reply_feed(&p, "250 a\0b\r\n", 9, &used, &r), 1);
	ck_assert(pr_str_is(r.text, "a?b"));
	pr_reply_parser_finish(&p);
}
END_TEST

/* A line of n octets (CRLF not counted), fed in parts. */
static int
feed_long_line(size_t n, size_t step, size_t *text)
{
	char *octets = malloc(n + 2);
	memset(octets, 'x', n);
	memcpy(octets, "250 ", 4);
	memcpy(octets + n, "\r\n", 2);
	struct pr_reply_parser p;
	struct pr_reply r = {0};
	pr_reply_parser_init(&p);
	int rc = feed(&p, octets, n + 2, step, &r);
	*text = r.text.n;
	pr_reply_parser_finish(&p);
	free(octets);
	return rc;
}

START_TEST(lines_and_replies_without_end_are_refused_and_long_texts_cut)
{
	size_t text;
	ck_assert_int_eq(feed_long_line(PR_REPLY_LINE_MAX - 1, 5000, &text), 250);
	ck_assert_uint_eq(text, PR_REPLY_TEXT_MAX);
	ck_assert_int_eq(feed_long_line(PR_REPLY_LINE_MAX - 1, 1000, &text), 250);
	ck_assert_int_eq(feed_long_line(PR_REPLY_LINE_MAX + 1, 5000, &text), 0);
	ck_assert_int_eq(feed_long_line(PR_REPLY_LINE_MAX + 1, 100, &text), 0);

	struct pr_reply_parser p;
	struct pr_reply r;
	size_t used;
	pr_reply_parser_init(&p);
	for (int i = 0; i < PR_REPLY_LINES_MAX - 1; i++)
		ck_assert_int_eq(pr_reply_feed(&p, "250-0123456789\r\n", 16, &used, &r), 0);
	struct pr_reply_parser other = p;
	ck_assert_int_eq(pr_reply_feed(&p, "250 end\r\n", 9, &used, &r), 1);
	ck_assert_uint_eq(r.text.n, PR_REPLY_TEXT_MAX);
	p.lines = other.lines;
	ck_assert_int_eq(pr_reply_feed(&p, "250-more\r\n", 10, &used, &r), 0);
	ck_assert_int_eq(pr_reply_feed(&p, "250 end\r\n", 9, &used, &r), PR_EINVAL);
	pr_reply_parser_finish(&p);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {replies_are_read_alike_whole_and_torn, ROWS(cases)},
	    {replies_in_one_segment_come_one_by_one},
	    {an_enhanced_code_of_one_reply_is_not_in_the_next},
	    {nul_becomes_a_question_mark},
	    {lines_and_replies_without_end_are_refused_and_long_texts_cut},
	};
	return suite_run("smtp_reply", NULL, NULL, tests, ROWS(tests));
}
