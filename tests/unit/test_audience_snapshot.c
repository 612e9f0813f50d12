/* Snapshots of contacts: who is in one, in which order, with which columns. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/snapshot.h"

#define TEXT(s) ((struct pr_text){.p = (s), .n = sizeof(s) - 1})

static const struct pr_attribute attributes[] = {{"points", PR_ATTRIBUTE_NUMBER},
                                                 {"club", PR_ATTRIBUTE_BOOLEAN}};
static pr_audience *a;
static struct pr_error e;

/* c0 to c5: points 0 to 5 (none for 4), odd ones in the club; c0, c1 on vip, c1, c2, c3 on news.
 * Consent to marketing: c0 for good, c1 until tomorrow, c2 until yesterday, c3 to receipts. */
static void
put_contacts(void)
{
	static const char *const lists[] = {"vip", "vip,news", "news", "news", "", ""};
	static const char *const numbers[] = {"0", "1", "2", "3", "", "5"};
	static const int64_t until_ms[] = {0, NOW + PR_DAY_MS, NOW - PR_DAY_MS, 0};
	static bool forgotten[1];
	for (unsigned i = 0; i < 6; i++) {
		char address[30];
		struct pr_str values[] = {pr_str(numbers[i]), pr_str(i % 2 ? "1" : "0")};
		if (i == 4)
			values[0] = (struct pr_str){0};
		snprintf(address, sizeof address, "%c%u@a.example", i == 5 ? 'C' : 'c', i);
		struct pr_contact c = {.address = pr_str(address),
		                       .language = i == 2 ? PR_STR("de") : PR_STR(""),
		                       .lists = pr_str(lists[i]),
		                       .values = values};
		if (i < 4)
			c.consent = (struct pr_contact_consent){
			    .purpose = i == 3 ? PR_STR("receipts") : PR_STR("marketing"),
			    .at_ms = NOW - 9 * PR_DAY_MS,
			    .until_ms = until_ms[i]};
		struct pr_contact_batch b = {.attributes = attributes,
		                             .attributes_n = 2,
		                             .contacts = &c,
		                             .n = 1,
		                             .forgotten = forgotten};
		ok(pr_contacts_put(a, &b, INT64_MAX, &e), &e);
	}
}

static void
open_world(void)
{
	make_world();
	a = open_store(PR_AUDIENCE_WRITE);
	ok(pr_db_begin(a->db, &e), &e);
	put_contacts();
	ok(pr_db_end(a->db, 0, &e), &e);
}

static void
close_world(void)
{
	pr_audience_close(a);
	remove_folder();
}

struct taken {
	struct pr_buf columns, rows;
	size_t n;
	unsigned stop_after; /* 0: never */
};

static int
take_columns(void *context, const struct pr_str *names, size_t n)
{
	struct taken *t = context;
	ck_assert_uint_eq(t->n, 0); /* first, once */
	ck_assert(!t->columns.len);
	for (size_t i = 0; i < n; i++)
		pr_buf_addf(&t->columns, "%s%.*s", i ? "," : "", (int)names[i].n, names[i].p);
	return 0;
}

static int
take_row(void *context, int64_t id, const struct pr_str *fields, size_t n)
{
	(void)id;
	struct taken *t = context;
	for (size_t i = 0; i < n; i++)
		pr_buf_addf(&t->rows, "%s%.*s",
		            i      ? ","
		            : t->n ? " "
		                   : "",
		            (int)fields[i].n, fields[i].p);
	return ++t->n == t->stop_after ? PR_ECANCELLED : 0;
}

static int
take(struct taken *t, struct pr_snapshot_ask ask)
{
	struct pr_snapshot_rows rows = {take_columns, take_row, t};
	ask.now_utc_ms = NOW;
	ask.limit_ms = 10000;
	pr_buf_addf(&t->rows, "%s", "");
	return pr_snapshot(a, &ask, &rows, &e);
}

static void
taken_finish(struct taken *t)
{
	pr_buf_finish(&t->columns);
	pr_buf_finish(&t->rows);
}

/* ---- who is in it ---- */

static const struct pr_text vip[] = {TEXT("vip")}, news[] = {TEXT("news")},
			    both[] = {TEXT("vip"), TEXT("news")}, nobody[] = {TEXT("nobody")},
			    quoted[] = {TEXT("x' OR '1'='1")};

static const struct {
	const char *name, *condition, *but;
	const struct pr_text *lists, *not_lists;
	size_t lists_n, not_lists_n;
	const char *who; /* numbers of contacts; what is wrong */
} choices[] = {
    {"all", "", "", NULL, NULL, 0, 0, "012345"},
    {"condition", "points >= 2", "", NULL, NULL, 0, 0, "235"},
    {"list", "", "", vip, NULL, 1, 0, "01"},
    {"lists once each", "", "", both, NULL, 2, 0, "0123"},
    {"list and condition", "club", "", news, NULL, 1, 0, "13"},
    {"not a list", "", "", NULL, news, 0, 1, "045"},
    {"list but not another", "", "", news, vip, 1, 1, "23"},
    {"not lists", "", "", NULL, both, 0, 2, "45"},
    {"but", "", "points < 3", NULL, NULL, 0, 0, "345"}, /* not known is not in it */
    {"but alike", "club", "club", NULL, NULL, 0, 0, ""},
    {"binds as a whole", "points = 0 OR points = 5", "club OR 0", NULL, NULL, 0, 0, "0"},
    {"with scores", "", "recency > 1 OR points = 1", NULL, NULL, 0, 0, "02345"},
    {"no list", "", "", nobody, NULL, 1, 0, "there is no list \"nobody\""},
    {"no list to leave out", "", "", NULL, nobody, 0, 1, "there is no list \"nobody\""},
    {"odd list", "", "", quoted, NULL, 1, 0, "there is no list \"x' OR '1'='1\""},
    {"wrong", "points >", "", NULL, NULL, 0, 0, "at 9: "},
    {"wrong but", "1", "points > 1) OR (1", NULL, NULL, 0, 0, "at 11: no ( belongs to this )"},
    {"unknown but", "1", "point > 1", NULL, NULL, 0, 0,
     "at 1: no such column: point: did you mean points?"},
};

START_TEST(who_is_chosen_is_in_it_once)
{
	struct taken t = {0};
	struct pr_buf who = {0};
	int r = take(&t, (struct pr_snapshot_ask){.condition = pr_str(choices[_i].condition),
	                                          .but = pr_str(choices[_i].but),
	                                          .lists = choices[_i].lists,
	                                          .lists_n = choices[_i].lists_n,
	                                          .not_lists = choices[_i].not_lists,
	                                          .not_lists_n = choices[_i].not_lists_n,
	                                          .order = PR_SNAPSHOT_EMAIL});
	pr_buf_adds(&who, "");
	for (size_t i = 1; i < t.rows.len; i++)
		if (t.rows.data[i] == '@')
			pr_buf_addc(&who, t.rows.data[i - 1]);
	if (r < 0) {
		ck_assert_int_eq(r, PR_EINVAL);
		ck_assert_msg(pr_str_starts(pr_str(e.text), choices[_i].who), "%s: %s",
		              choices[_i].name, e.text);
		ck_assert_uint_eq(t.n, 0);
	} else
		ck_assert_msg(strcmp(who.data, choices[_i].who) == 0, "%s: %s", choices[_i].name,
		              who.data);
	pr_buf_finish(&who);
	taken_finish(&t);
}
END_TEST

/* ---- columns ---- */

START_TEST(columns_are_what_is_known_and_what_was_asked_for)
{
	static const struct pr_text derived[] = {TEXT("stage"), TEXT("value"), TEXT("recency")};
	struct taken t = {0};
	ok(take(&t, (struct pr_snapshot_ask){.condition = PR_STR("points < 3"),
	                                     .purpose = PR_STR("marketing"),
	                                     .derived = derived,
	                                     .derived_n = 3,
	                                     .order = PR_SNAPSHOT_EMAIL}),
	   &e);
	ck_assert_str_eq(t.columns.data, "email,timezone,language,points,club,stage,value,recency,"
	                                 "consent,consent_expires");
	ck_assert_str_eq(t.rows.data, "c0@a.example,,,0,false,,0.0,,yes, "
	                              "c1@a.example,,,1,true,,0.0,,yes,2027-01-16T08:00:00Z "
	                              "c2@a.example,,de,2,false,,0.0,,yes,2027-01-14T08:00:00Z");
	taken_finish(&t);
}
END_TEST

START_TEST(what_is_not_known_is_empty)
{
	struct taken t = {0};
	ok(take(&t, (struct pr_snapshot_ask){.condition = PR_STR("points IS NULL"),
	                                     .purpose = PR_STR("marketing")}),
	   &e);
	ck_assert_str_eq(t.rows.data, "c4@a.example,,,,false,,");
	taken_finish(&t);
}
END_TEST

START_TEST(columns_come_where_nobody_is_in_it)
{
	struct taken t = {0};
	ok(take(&t, (struct pr_snapshot_ask){.condition = PR_STR("0")}), &e);
	ck_assert_uint_eq(t.n, 0);
	ck_assert_str_eq(t.columns.data, "email,timezone,language,points,club");
	taken_finish(&t);
}
END_TEST

/* ---- order, end ---- */

START_TEST(each_order_has_everybody_once)
{
	for (int order = PR_SNAPSHOT_ENGAGEMENT; order <= PR_SNAPSHOT_RANDOM; order++) {
		struct taken t = {0};
		ok(take(&t, (struct pr_snapshot_ask){.order = (enum pr_snapshot_order)order}), &e);
		ck_assert_uint_eq(t.n, 6);
		for (char c = '0'; c < '6'; c++) {
			char address[] = "c?@a.example";
			address[1] = c;
			ck_assert_ptr_nonnull(strstr(t.rows.data, address));
		}
		taken_finish(&t);
	}
}
END_TEST

START_TEST(a_reader_ends_it)
{
	struct taken t = {.stop_after = 2};
	ck_assert_int_eq(take(&t, (struct pr_snapshot_ask){.order = PR_SNAPSHOT_EMAIL}),
	                 PR_ECANCELLED);
	ck_assert_uint_eq(t.n, 2);
	taken_finish(&t);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {who_is_chosen_is_in_it_once, ROWS(choices)},
	    {columns_are_what_is_known_and_what_was_asked_for, 0},
	    {what_is_not_known_is_empty, 0},
	    {columns_come_where_nobody_is_in_it, 0},
	    {each_order_has_everybody_once, 0},
	    {a_reader_ends_it, 0},
	};
	return suite_run("audience_snapshot", open_world, close_world, tests, ROWS(tests));
}
