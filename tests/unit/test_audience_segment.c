/* Segments: what conditions mean, what they may not say, where they are wrong. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/segment.h"
#include "postrider/audience/track.h"

#define DAY PR_DAY_MS

static const struct pr_attribute attributes[] = {
    {"points", PR_ATTRIBUTE_NUMBER}, {"club", PR_ATTRIBUTE_BOOLEAN}, {"order", PR_ATTRIBUTE_TEXT}};
static pr_audience *a;
static struct pr_error e;

/* c0 to c9: points 0 to 9, odd ones in the club, the first three on the list vip. c1 ordered 10
 * days ago for 1, c2 20 days ago and 40 for 2 each, ... cN N * 10 days ago and N * 20, ... for N
 * each; c9 also 600 days ago. */
static void
put_contacts(void)
{
	static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	static bool forgotten[10];
	char address[30];
	for (unsigned i = 0; i < 10; i++) {
		struct pr_str values[] = {pr_str(numbers[i]), pr_str(numbers[i % 2]), {0}};
		snprintf(address, sizeof address, "c%u@a.example", i);
		struct pr_contact c = {.address = pr_str(address), .values = values};
		struct pr_contact_batch b = {.attributes = attributes,
		                             .attributes_n = 3,
		                             .contacts = &c,
		                             .n = 1,
		                             .list = pr_str(i < 3 ? "vip" : "all"),
		                             .forgotten = forgotten};
		ok(pr_contacts_put(a, &b, INT64_MAX, &e), &e);
	}
}

static void
put_order(unsigned i, int64_t days, const char *amount)
{
	static bool forgotten[1];
	char address[30];
	snprintf(address, sizeof address, "c%u@a.example", i);
	struct pr_customer_event v = {.address = pr_str(address),
	                              .name = PR_STR("order"),
	                              .amount = pr_str(amount),
	                              .at_ms = NOW - days * DAY - 1000};
	struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = forgotten};
	ok(pr_events_put(a, &b, INT64_MAX, &e), &e);
}

static void
open_world(void)
{
	char amount[10];
	make_world();
	a = open_store(PR_AUDIENCE_WRITE);
	ok(pr_db_begin(a->db, &e), &e);
	put_contacts();
	for (unsigned i = 1; i < 10; i++)
		for (unsigned k = 1; k <= i; k++) {
			snprintf(amount, sizeof amount, "%u", i);
			put_order(i, i * 10 * k, amount);
		}
	put_order(9, 1000, "1");
	ok(pr_db_end(a->db, 0, &e), &e);
}

static void
close_world(void)
{
	pr_audience_close(a);
	remove_folder();
}

static int
count(const char *condition, uint64_t *n)
{
	struct pr_segment_ask ask = {pr_str(condition), NOW, 10000};
	return pr_segment_count(a, &ask, n, &e);
}

static const struct {
	const char *condition;
	uint64_t n;
} means[] = {
    {"1", 10},
    {"points > 4", 5},
    {"points BETWEEN 2 AND 3 OR email LIKE 'c7@%'", 3},
    {"club AND points >= 5", 3},
    {"in_list('vip')", 3},
    {"NOT in_list('vip') AND IN_LIST ( 'all' )", 7},
    {"in_list('nobody')", 0},
    {"days_since('order') <= 30", 3},
    {"days_since('order') IS NULL", 1},
    {"days_since('order') = 20", 1},
    {"count('order') >= 9", 1},
    {"count('order', 100) = 3", 1}, /* c4: 40 and 80; c3: 30, 60, 90 */
    {"sum('order', 365) > 30", 4},  /* c6 to c9 */
    {"count('click', 90) = 0", 10},
    {"points IN (1, 2, 3)", 3},
    {"\"order\" IS NULL", 10},
    {"stage IS NULL", 1},
    {"stage = 'new'", 1},
    {"stage = 'active'", 7},
    {"stage = 'won_back'", 0},
    {"frequency = 5", 2},
    {"recency = 5 AND monetary = 1", 1},
    {"recency IS NULL", 1},
    {"value > 36.5", 2},   /* c7: 49 in 490 days, c8: 64 in 640; c6 36 in less than a year */
    {"engagement > 5", 4}, /* c1 7.9, c2 10.3, c3 8.8, c4 6.6; c5 4.5 */
    {"engagement = 0", 1},
    {"length(email) = 12 - 1", 0},
    {"created >= '2020-01-01'", 10},
    {"lower(upper(email)) = email", 10},
    {"points > 1\n AND (points < 5)", 3},
    {"timezone IS NULL AND 'it''s; --' <> \"email\"", 10},
};

START_TEST(a_condition_means_what_is_written)
{
	uint64_t n = 999;
	ok(count(means[_i].condition, &n), &e);
	ck_assert_uint_eq(n, means[_i].n);
}
END_TEST

static const struct {
	int64_t days[3]; /* of orders, ago; 0: none */
	const char *stage;
} stages[] = {
    {{89}, "new"},
    {{91}, "occasional"},
    {{1, 2}, "active"},
    {{89, 453}, "active"},
    {{89, 455}, "won_back"},
    {{10, 20, 500}, "active"},
    {{179, 180}, "occasional"},
    {{181, 182}, "at_risk"},
    {{364}, "at_risk"},
    {{366}, "lost"},
};

START_TEST(a_stage_follows_the_last_order_and_the_pause_before_it)
{
	char condition[80];
	uint64_t n;
	for (unsigned i = 0; i < 3 && stages[_i].days[i]; i++)
		put_order(99, stages[_i].days[i], "1");
	snprintf(condition, sizeof condition, "email = 'c99@a.example' AND stage = '%s'",
	         stages[_i].stage);
	ok(count(condition, &n), &e);
	ck_assert_uint_eq(n, 1);
}
END_TEST

static const struct {
	const char *condition, *why; /* begins with its place */
} wrong[] = {
    {"", "at 1: there is no condition"},
    {"points >", "at 9: it ends too early"},
    {"points AND (", "at 13: a ) is missing"},
    {"points > 3 AND pointss < 4", "at 16: no such column: pointss: did you mean points?"},
    {"points > 3) OR (1", "at 11: no ( belongs to this )"},
    {"(points > 3", "at 12: a ) is missing"},
    {"1; DROP TABLE contacts", "at 2: this sign"},
    {"1 -- x", "at 3: this sign"},
    {"points = ?", "at 10: this sign"},
    {"email = 'ann", "at 9: the quotation mark"},
    {"(SELECT 1)", "at 2: this word"},
    {"EXISTS (VALUES(1))", "at 1: this word"},
    {"points IN suppressions", "at 8: values in brackets"},
    {"load_extension('x')", "at 1: there is no such function"},
    {"randomblob(100) IS NULL", "at 1: there is no such function"},
    {"in_list(email)", "at 9: say which list"},
    {"days_since('a b')", "at 12: say which event"},
    {"days_since('order', 3)", "at 19: a ) must"},
    {"count('order', points)", "at 16: say how many days"},
    {"count('order', 0)", "at 16: say how many days"},
    {"\"contact id\" IN (SELECT 1)", "at 18: this word"},
    {"points 3", "at 8: near \"3\": syntax error"},
    {"3x", "at 1: a number"},
    {"contacts.id = 1", "at 9: this sign"},
    {"max(points) > 3", "at 1: misuse of aggregate"},
};

START_TEST(what_is_wrong_is_refused_with_its_place)
{
	uint64_t n = 999;
	int r = count(wrong[_i].condition, &n);
	ck_assert_int_eq(r, PR_EINVAL);
	ck_assert_msg(pr_str_starts(pr_str(e.text), wrong[_i].why), "%s", e.text);
	ck_assert_uint_eq(n, 999);
}
END_TEST

START_TEST(one_that_takes_too_long_is_stopped)
{
	struct pr_segment_ask ask = {PR_STR("length(replace(replace(replace(email, 'c', "
	                                    "'cccccccccc'), 'c', 'cccccccccc'), 'c', 'cc')) > 0"),
	                             NOW, 0};
	struct pr_contact c;
	struct pr_contact_batch b = {.contacts = &c, .n = 1};
	char address[30];
	bool forgotten[1] = {false};
	uint64_t n;
	ok(pr_db_begin(a->db, &e), &e);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(address, sizeof address, "m%u@a.example", i);
		c = (struct pr_contact){.address = pr_str(address)};
		b.at = 0;
		b.forgotten = forgotten;
		ok(pr_contacts_put(a, &b, INT64_MAX, &e), &e);
	}
	ok(pr_db_end(a->db, 0, &e), &e);
	ck_assert_int_eq(pr_segment_count(a, &ask, &n, &e), PR_ELIMIT);
	ask.limit_ms = 60000;
	ok(pr_segment_count(a, &ask, &n, &e), &e);
	ck_assert_uint_eq(n, 5010);
}
END_TEST

struct seen {
	struct pr_buf text;
	int64_t last;
};

static bool
note(void *context, int64_t id, struct pr_str address)
{
	struct seen *s = context;
	s->last = id;
	pr_buf_addf(&s->text, "%.2s ", address.p);
	return true;
}

static bool
note_unknown(void *context, const char *kind, struct pr_str name)
{
	pr_buf_addf(context, "%s %.*s;", kind, (int)name.n, name.p);
	return true;
}

START_TEST(contacts_come_in_pages_and_unknown_names_are_told)
{
	struct seen s = {0};
	struct pr_buf unknown = {0};
	struct pr_segment_ask ask = {PR_STR("points > 5 OR points < 2"), NOW, 10000};
	ok(pr_segment_each(a, &ask, 0, 4, note, &s, &e), &e);
	ok(pr_segment_each(a, &ask, s.last, 4, note, &s, &e), &e);
	ck_assert_str_eq(s.text.data, "c0 c1 c6 c7 c8 c9 ");
	ok(pr_segment_unknown(a, PR_STR("in_list('vip') OR in_list('x') OR count('y') = 0"),
	                      note_unknown, &unknown, &e),
	   &e);
	ck_assert_str_eq(unknown.data, "list x;event y;");
	pr_buf_finish(&unknown);
	pr_buf_finish(&s.text);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_condition_means_what_is_written, ROWS(means)},
	    {a_stage_follows_the_last_order_and_the_pause_before_it, ROWS(stages)},
	    {what_is_wrong_is_refused_with_its_place, ROWS(wrong)},
	    {one_that_takes_too_long_is_stopped},
	    {contacts_come_in_pages_and_unknown_names_are_told},
	};
	return suite_run("audience_segment", open_world, close_world, tests, ROWS(tests));
}
