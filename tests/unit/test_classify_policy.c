/* Addresses that bounce, though never hard: when they are given up. */
#include "suite.h"

#include "postrider/classify/policy.h"

#include <stdlib.h>

#define DAY PR_DAY_MS

static const struct pr_bounce_policy usual = {
    .soft = 5, .campaigns = 3, .span = 15 * DAY, .full = 30 * DAY};

struct bounce {
	enum pr_class class_;
	uint32_t campaign;
	int day;
};
struct life {
	bool given_up;
	struct bounce bounces[8]; /* up to the first of class NONE */
};
#define FULL PR_CLASS_MAILBOX_FULL
#define REFUSED PR_CLASS_RECIPIENT_REFUSED
static const struct life lives[] = {
    {false, {{REFUSED, 1, 1}}},
    {true, {{REFUSED, 1, 1}, {REFUSED, 2, 4}, {REFUSED, 3, 8}, {FULL, 3, 9}, {REFUSED, 4, 16}}},
    /* too few, of too few campaigns, within too short a time */
    {false, {{REFUSED, 1, 1}, {REFUSED, 2, 4}, {REFUSED, 3, 8}, {REFUSED, 4, 20}}},
    {false, {{REFUSED, 1, 1}, {REFUSED, 2, 4}, {REFUSED, 1, 8}, {REFUSED, 2, 9}, {REFUSED, 1, 20}}},
    {false, {{REFUSED, 1, 1}, {REFUSED, 2, 4}, {REFUSED, 3, 8}, {REFUSED, 4, 9}, {REFUSED, 5, 15}}},
    /* full all the time, and not */
    {true, {{FULL, 1, 1}, {FULL, 1, 31}}},
    {false, {{FULL, 1, 1}, {FULL, 1, 30}}},
    {false, {{FULL, 1, 1}, {REFUSED, 1, 16}, {FULL, 1, 31}}},
};

static struct pr_soft
live(const struct life *l)
{
	struct pr_soft s = {0};
	for (unsigned i = 0; i < 8 && l->bounces[i].class_; i++)
		for (int twice = 0; twice < 2; twice++) /* a record counts once */
			pr_soft_bounce(&s, l->bounces[i].class_, l->bounces[i].campaign,
			               l->bounces[i].day * DAY, 100 + i);
	return s;
}

START_TEST(an_address_is_given_up_after_enough_bounces_over_enough_time)
{
	struct pr_soft s = live(&lives[_i]);
	ck_assert_int_eq(pr_soft_gives_up(&s, &usual), lives[_i].given_up);
	struct pr_bounce_policy never = {.campaigns = 1};
	ck_assert(!pr_soft_gives_up(&s, &never));
}
END_TEST

START_TEST(what_is_written_is_read_and_nothing_else)
{
	struct pr_soft s = live(&lives[1]), read;
	struct pr_buf text = {0};
	for (uint32_t i = 0; i < 2 * PR_SOFT_CAMPAIGNS_MAX; i++)
		pr_soft_bounce(&s, FULL, 1000 + i, 20 * DAY, 1000 + i);
	pr_soft_write(&s, &text);
	ck_assert(pr_soft_read(pr_buf_str(&text), &read));
	ck_assert_mem_eq(&read, &s, sizeof s);
	ck_assert_uint_eq(s.campaigns_n, PR_SOFT_CAMPAIGNS_MAX);
	pr_buf_adds(&text, " 5");
	ck_assert(!pr_soft_read(pr_buf_str(&text), &read));
	static const char *const bad[] = {"", "1", "2 1 1 1 1 1", "1 1 1 1 1", "1 a 1 1 1 1", " "};
	for (unsigned i = 0; i < ROWS(bad); i++)
		ck_assert(!pr_soft_read(pr_str(bad[i]), &read));
	pr_buf_finish(&text);
}
END_TEST

START_TEST(what_is_the_senders_affair_never_counts)
{
	static const enum pr_class senders[] = {
	    PR_CLASS_SENDER_REJECTED, PR_CLASS_RELAY_DENIED, PR_CLASS_REPUTATION,
	    PR_CLASS_SPAM_CONTENT,    PR_CLASS_CONTENT,      PR_CLASS_POLICY,
	    PR_CLASS_AUTHENTICATION,  PR_CLASS_TLS,          PR_CLASS_RATE_LIMITED,
	    PR_CLASS_GREYLISTED,      PR_CLASS_TOO_LARGE,    PR_CLASS_VIRUS,
	    PR_CLASS_PROTOCOL,        PR_CLASS_UNDETERMINED, PR_CLASS_EXPIRED};
	for (unsigned i = 0; i < ROWS(senders); i++)
		ck_assert(!pr_soft_counts(senders[i]));
	ck_assert(pr_soft_counts(FULL) && pr_soft_counts(REFUSED));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_address_is_given_up_after_enough_bounces_over_enough_time, ROWS(lives)},
	    {what_is_written_is_read_and_nothing_else},
	    {what_is_the_senders_affair_never_counts},
	};
	return suite_run("classify_policy", NULL, NULL, tests, ROWS(tests));
}
