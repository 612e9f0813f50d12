/* Touches are found over ledgers that rest, are written, move and go. */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/conversions/find.h"
#include "../../src/conversions/touched.h"

#include "postrider/statedb.h"

#include <sys/stat.h>

#define LATER 100000 /* lsn, and so the time, of what a person does after some reading */
#define CAMPAIGN "20261201-test-aaaa"

static char state_path[100];
static struct finder *finder;
static struct pr_config config;

static void
place(const char *parent)
{
	snprintf(ledger_path, sizeof ledger_path, "%s/%s/" CAMPAIGN "/ledger.db", folder, parent);
}

static void
make_state(void)
{
	struct pr_accepted a = {.serial = SERIAL, .id = CAMPAIGN, .name = "test"};
	struct pr_error e = {0};
	pr_statedb *db;
	ok(pr_statedb_open(state_path, &db, &e), &e);
	ok(pr_statedb_put_campaign(db, &a, &e), &e);
	pr_statedb_close(db);
}

static void
setup(void)
{
	char path[100];
	struct pr_error e = {0};
	make_folder();
	const char *const folders[] = {"active", "done", "done/" CAMPAIGN};
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(state_path, sizeof state_path, "%s/state.db", folder);
	make_state();
	finder = finder_create(folder, state_path, &e);
	ck_assert_msg(finder != NULL, "%s", e.text);
	place("done");
}

static void
teardown(void)
{
	finder_destroy(finder);
	remove_folder();
}

/* Nobody has written for an hour, to whom asks; never at the same time as before. */
static void
rest(void)
{
	static long since_s = 7200;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - since_s--}};
	ck_assert_int_eq(utimensat(AT_FDCWD, ledger_path, times, 0), 0);
}

static void
click(pr_ledger *l, uint64_t lsn, uint32_t row)
{
	static const struct pr_outcome delivered = {
	    .state = PR_DELIVERED, .code = 250, .attempts = 1, .first_ms = 1000};
	struct script s = {0};
	fold_one(l, row, delivered);
	script_engagement(&s, lsn, row,
	                  (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
	                                         .link = 1,
	                                         .visitor = row,
	                                         .detail = PR_STR("https://a.example/1")});
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
}

static pr_ledger *
open_ledger(void)
{
	struct pr_error e = {0};
	pr_ledger *l;
	ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), &e);
	return l;
}

/* Of nine rows the first has clicked. */
static void
make_campaign(const char *rule)
{
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(9, 3);
	ok(pr_ledger_set(l, "conversions", pr_str(rule), &e), &e);
	click(l, LATER, 1);
	while (pr_ledger_index_slice(l, 1000, &e) == 1)
		;
	pr_ledger_close(l);
	rest();
}

/* The row that an order of the address is credited to; 0: none. */
static uint32_t
credited(const char *address)
{
	struct pr_customer_event event = {.address = pr_str(address),
	                                  .name = PR_STR("order"),
	                                  .at_ms = LATER + 60 * PR_MINUTE_MS};
	struct pr_event_credit credit = {0};
	struct pr_order order = {.events = &event, .n = 1, .batch = {.credits = &credit}};
	struct pr_order *orders[] = {&order};
	find_credits(finder, &config, orders, 1);
	ck_assert_int_eq(order.result, 0);
	ck_assert_uint_eq(credit.serial, credit.row ? SERIAL : 0);
	return credit.row;
}

#define CLICKS "604800000 click order"

START_TEST(who_clicked_is_found_before_and_after_a_ledger_is_known)
{
	make_campaign(CLICKS);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(credited("user1@d1.example"), 1);
		ck_assert_uint_eq(credited("USER1@D1.example"), 1);
		ck_assert_uint_eq(credited("user2@d2.example"), 0);
		ck_assert_uint_eq(credited("nobody@a.example"), 0);
	}
}
END_TEST

START_TEST(a_click_that_comes_later_is_found)
{
	make_campaign(CLICKS);
	ck_assert_uint_eq(credited("user2@d2.example"), 0);
	pr_ledger *l = open_ledger(); /* and stays open: the click is in its log only */
	click(l, LATER + 10, 2);
	ck_assert_uint_eq(credited("user2@d2.example"), 2);
	pr_ledger_close(l);
	ck_assert_uint_eq(credited("user2@d2.example"), 2);
	rest();
	ck_assert_uint_eq(credited("user2@d2.example"), 2);
	ck_assert_uint_eq(credited("user1@d1.example"), 1);
}
END_TEST

START_TEST(a_folder_may_move_and_go_once_its_ledger_is_known)
{
	char from[120], to[120];
	make_campaign(CLICKS);
	ck_assert_uint_eq(credited("user1@d1.example"), 1);
	snprintf(from, sizeof from, "%s/done/" CAMPAIGN, folder);
	snprintf(to, sizeof to, "%s/active/" CAMPAIGN, folder);
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_uint_eq(credited("user1@d1.example"), 1);
	ck_assert_uint_eq(credited("user2@d2.example"), 0);
	pr_remove_tree(AT_FDCWD, to);
	ck_assert_uint_eq(credited("user1@d1.example"), 0);
	ck_assert_int_eq(mkdir(from, 0700), 0);
	make_campaign(CLICKS); /* another file in its place */
	ck_assert_uint_eq(credited("user1@d1.example"), 1);
}
END_TEST

static const struct {
	const char *rule;
	uint32_t of_delivered; /* row 1 clicked, row 3 only got its message */
} rules[] = {
    {CLICKS, 0},
    {"604800000 open order", 0},
    {"604800000 delivery order", 3},
};

START_TEST(each_rule_finds_its_touches_however_often_it_is_asked)
{
	static const struct pr_outcome delivered = {
	    .state = PR_DELIVERED, .code = 250, .attempts = 1, .first_ms = 1000};
	make_campaign(rules[_i].rule);
	pr_ledger *l = open_ledger();
	fold_one(l, 3, delivered);
	pr_ledger_close(l);
	rest();
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(credited("user1@d1.example"), 1);
		ck_assert_uint_eq(credited("user3@d0.example"), rules[_i].of_delivered);
	}
}
END_TEST

/* ---- what is known of a ledger ---- */

static struct ledger_mark
mark(void)
{
	struct stat st;
	ck_assert_int_eq(stat(ledger_path, &st), 0);
	return ledger_mark_of(&st, NULL);
}

static struct touched *
learned(enum pr_touch_kind after)
{
	struct touched *t = touched_create();
	struct ledger_mark m = mark();
	pr_ledger *l = open_ledger();
	touched_learn(t, &m, l, after);
	pr_ledger_close(l);
	return t;
}

START_TEST(those_without_a_touch_are_ruled_out)
{
	make_campaign(CLICKS);
	struct ledger_mark m = mark(), other = m;
	struct touched *t = learned(PR_TOUCH_CLICK);
	ck_assert(touched_knows(t, &m));
	ck_assert(touched_may_hold(t, &m, PR_STR("user1@d1.example")));
	ck_assert(touched_may_hold(t, &m, PR_STR("User1@D1.example")));
	ck_assert(!touched_may_hold(t, &m, PR_STR("user2@d2.example")));
	other.written_ns++; /* it was written: nothing is known */
	ck_assert(!touched_knows(t, &other));
	ck_assert(touched_may_hold(t, &other, PR_STR("user2@d2.example")));
	other = m;
	other.log_octets = 4096;
	ck_assert(!touched_knows(t, &other));
	touched_destroy(t);
}
END_TEST

START_TEST(where_deliveries_count_nothing_is_learned)
{
	make_campaign(CLICKS);
	struct ledger_mark m = mark();
	struct touched *t = learned(PR_TOUCH_DELIVERY);
	ck_assert(!touched_knows(t, &m));
	ck_assert(touched_may_hold(t, &m, PR_STR("user2@d2.example")));
	touched_destroy(t);
}
END_TEST

START_TEST(ledgers_that_nobody_asks_for_make_room)
{
	make_campaign(CLICKS);
	struct touched *t = touched_create();
	struct ledger_mark m = mark(), first = m;
	pr_ledger *l = open_ledger();
	for (unsigned i = 0; i < 2000; i++, m.inode++)
		touched_learn(t, &m, l, PR_TOUCH_CLICK);
	ck_assert(touched_knows(t, &first));
	touched_learn(t, &m, l, PR_TOUCH_CLICK); /* all were asked for just now: no room */
	ck_assert(!touched_knows(t, &m));
	touched_round(t);
	ck_assert(touched_knows(t, &first));
	touched_round(t);
	touched_learn(t, &m, l, PR_TOUCH_CLICK);
	ck_assert(touched_knows(t, &m) && touched_knows(t, &first));
	first.inode++;
	ck_assert(!touched_knows(t, &first));
	pr_ledger_close(l);
	touched_destroy(t);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {who_clicked_is_found_before_and_after_a_ledger_is_known},
	    {a_click_that_comes_later_is_found},
	    {a_folder_may_move_and_go_once_its_ledger_is_known},
	    {each_rule_finds_its_touches_however_often_it_is_asked, ROWS(rules)},
	    {those_without_a_touch_are_ruled_out},
	    {where_deliveries_count_nothing_is_learned},
	    {ledgers_that_nobody_asks_for_make_room},
	};
	return suite_run("conversions_find", setup, teardown, tests, ROWS(tests));
}
