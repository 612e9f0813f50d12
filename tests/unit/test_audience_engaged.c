/* What campaigns bring to contacts: once, whole rows, with the position; and who leaves lists. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/engaged.h"
#include "postrider/audience/occur.h"
#include "postrider/audience/segment.h"
#include "postrider/audience/track.h"

#define HOUR PR_HOUR_MS

/* ---- a store with Ann (newsletter, vip) and Bob ---- */

static void
put_contacts(pr_audience *a)
{
	struct pr_error e = {0};
	bool forgotten[2] = {false, false};
	const struct pr_contact contacts[] = {
	    {.address = PR_STR("ann@a.example"),
	     .lists = PR_STR("newsletter,vip"),
	     .consent = {PR_STR("newsletter"), PR_STR("v1"), PR_STR("form"), NOW - 5 * HOUR, 0}},
	    {.address = PR_STR("bob@a.example")}};
	struct pr_contact_batch b = {.contacts = contacts, .n = 2, .forgotten = forgotten};
	ok(pr_db_begin(a->db, &e), &e);
	ok(pr_db_end(a->db, pr_contacts_put(a, &b, INT64_MAX, &e), &e), &e);
}

static pr_audience *
open_people(void)
{
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	put_contacts(a);
	return a;
}

static struct pr_engaged_batch
put(pr_audience *a, const struct pr_engaged_row *rows, size_t n, uint64_t position, int64_t end)
{
	struct pr_error e = {0};
	struct pr_engaged_batch b = {.rows = rows, .n = n, .position = position};
	do {
		ok(pr_db_begin(a->db, &e), &e);
		ok(pr_db_end(a->db, pr_engaged_put(a, &b, end, &e), &e), &e);
	} while (b.at < b.n);
	return b;
}

static uint64_t
position(pr_audience *a)
{
	struct pr_error e = {0};
	uint64_t lsn = 1;
	ok(pr_engaged_position(a, false, &lsn, &e), &e);
	return lsn;
}

static uint64_t
count(pr_audience *a, const char *condition)
{
	struct pr_error e = {0};
	uint64_t n = 0;
	const struct pr_segment_ask ask = {pr_str(condition), NOW, PR_MINUTE_MS};
	ok(pr_segment_count(a, &ask, &n, &e), &e);
	return n;
}

static int64_t
contact(pr_audience *a, const char *address)
{
	struct pr_error e = {0};
	int64_t id = 0;
	ck_assert_int_eq(audience_id_of(a, AU_CONTACT_ID, pr_str(address), &id, &e), 1);
	return id;
}

#define OPENED(lsn, hours)                                                                         \
	{                                                                                          \
		PR_ENGAGED_OPEN, false, false, NOW - (hours)*HOUR, lsn                             \
	}
#define CLICKED(lsn, hours)                                                                        \
	{                                                                                          \
		PR_ENGAGED_CLICK, false, false, NOW - (hours)*HOUR, lsn                            \
	}
#define ROW(address, events)                                                                       \
	{                                                                                          \
		PR_STR(address), PR_STR("spring-1"), events, sizeof(events) / sizeof *(events)     \
	}

START_TEST(rows_are_put_once_and_only_to_those_who_are_contacts)
{
	static const struct pr_engaged_event ann[] = {OPENED(10, 3), CLICKED(11, 2)};
	static const struct pr_engaged_event other[] = {OPENED(12, 1)};
	const struct pr_engaged_row rows[] = {ROW("Ann@A.example", ann),
	                                      ROW("eve@a.example", other)};
	struct pr_error e = {0};
	uint64_t contacts = 0;
	pr_audience *a = open_people();
	ck_assert_uint_eq(position(a), 0);
	ck_assert_uint_eq(put(a, rows, 2, 100, INT64_MAX).added, 2);
	ck_assert_uint_eq(put(a, rows, 2, 200, 0).added, 0); /* a row at a time */
	ck_assert_uint_eq(position(a), 200);
	ok(pr_contact_count(a, &contacts, &e), &e);
	ck_assert_uint_eq(contacts, 2);
	ck_assert_uint_eq(count(a, "count('open', 30) = 1 AND count('click', 30) = 1"), 1);
	ck_assert_uint_eq(count(a, "count('open') > 0"), 1);
	ck_assert_uint_eq(count(a, "engagement > 3.9 AND engagement < 4"), 1);
	pr_audience_close(a);
}
END_TEST

START_TEST(the_position_is_kept_only_with_the_end_of_its_batch)
{
	static const struct pr_engaged_event events[] = {OPENED(10, 3)};
	const struct pr_engaged_row rows[] = {ROW("ann@a.example", events),
	                                      ROW("bob@a.example", events)};
	struct pr_error e = {0};
	struct pr_engaged_batch b = {.rows = rows, .n = 2, .position = 100};
	pr_audience *a = open_people();
	ok(pr_db_begin(a->db, &e), &e);
	ok(pr_db_end(a->db, pr_engaged_put(a, &b, 0, &e), &e), &e);
	ck_assert_uint_eq(b.at, 1);
	ck_assert_uint_eq(position(a), 0);
	/* A crash here: all of it comes again. */
	ck_assert_uint_eq(put(a, rows, 2, 100, INT64_MAX).added, 1);
	ck_assert_uint_eq(position(a), 100);
	ck_assert_uint_eq(count(a, "count('open') = 1"), 2);
	pr_audience_close(a);
}
END_TEST

START_TEST(what_a_machine_did_after_all_goes_and_its_points_with_it)
{
	static const struct pr_engaged_event first[] = {OPENED(10, 3), CLICKED(11, 2)};
	static const struct pr_engaged_event later[] = {
	    OPENED(10, 3), {PR_ENGAGED_CLICK, true, false, NOW - 2 * HOUR, 11}};
	const struct pr_engaged_row then = ROW("ann@a.example", first);
	const struct pr_engaged_row now = ROW("ann@a.example", later);
	pr_audience *a = open_people();
	put(a, &then, 1, 100, INT64_MAX);
	ck_assert_uint_eq(put(a, &now, 1, 200, INT64_MAX).removed, 1);
	ck_assert_uint_eq(put(a, &now, 1, 200, INT64_MAX).removed, 0);
	ck_assert_uint_eq(count(a, "count('open') = 1 AND count('click') = 0"), 1);
	ck_assert_uint_eq(count(a, "engagement > 0.9 AND engagement <= 1"), 1);
	pr_audience_close(a);
}
END_TEST

START_TEST(leaving_complaining_and_bouncing_are_known_and_are_no_engagement)
{
	static const struct pr_engaged_event events[] = {
	    {PR_ENGAGED_UNSUBSCRIBE, false, false, NOW - HOUR, 10},
	    {PR_ENGAGED_COMPLAINT, false, false, NOW - HOUR, 11},
	    {PR_ENGAGED_BOUNCE, false, false, NOW - HOUR, 12}};
	const struct pr_engaged_row row = ROW("ann@a.example", events);
	pr_audience *a = open_people();
	put(a, &row, 1, 100, INT64_MAX);
	ck_assert_uint_eq(count(a, "count('unsubscribe') = 1 AND count('complaint') = 1 AND"
	                           " days_since('bounce') = 0 AND engagement = 0"),
	                  1);
	pr_audience_close(a);
}
END_TEST

START_TEST(of_deliveries_the_latest_stands_and_they_have_a_position_of_their_own)
{
	static const struct pr_engaged_event early[] = {
	    {PR_ENGAGED_SENT, false, false, NOW - 50 * HOUR, 10}};
	static const struct pr_engaged_event late[] = {
	    {PR_ENGAGED_SENT, false, false, NOW - 3 * HOUR, 20}};
	const struct pr_engaged_row rows[] = {
	    ROW("ann@a.example", early), ROW("bob@a.example", early), ROW("ann@a.example", late)};
	struct pr_error e = {0};
	pr_audience *a = open_people();
	for (int i = 0; i < 2; i++) { /* again: as after a crash */
		struct pr_engaged_batch b = {
		    .rows = rows, .n = 3, .deliveries = true, .position = 100};
		ok(pr_db_begin(a->db, &e), &e);
		ok(pr_db_end(a->db, pr_engaged_put(a, &b, INT64_MAX, &e), &e), &e);
		ck_assert_uint_eq(b.added, i ? 0 : 3);
		ck_assert_uint_eq(count(a, "days_since('sent') = 0 AND count('sent') = 1"), 1);
		ck_assert_uint_eq(count(a, "days_since('sent') = 2 AND engagement = 0"), 1);
	}
	uint64_t lsn = 0;
	ok(pr_engaged_position(a, true, &lsn, &e), &e);
	ck_assert_uint_eq(lsn, 100);
	ck_assert_uint_eq(position(a), 0);
	pr_audience_close(a);
}
END_TEST

START_TEST(what_is_old_goes_but_what_others_counted_stays)
{
	static const struct pr_engaged_event events[] = {OPENED(10, 500 * 24), OPENED(11, 3)};
	static bool forgotten[2];
	const struct pr_engaged_row row = ROW("ann@a.example", events);
	const struct pr_customer_event imported[] = {{.address = PR_STR("ann@a.example"),
	                                              .name = PR_STR("open"),
	                                              .id = PR_STR("77"),
	                                              .at_ms = NOW - 500 * PR_DAY_MS},
	                                             {.address = PR_STR("ann@a.example"),
	                                              .name = PR_STR("order"),
	                                              .id = PR_STR("78"),
	                                              .item = PR_STR("shoes"),
	                                              .at_ms = NOW - 500 * PR_DAY_MS}};
	struct pr_event_batch b = {.events = imported, .n = 2, .forgotten = forgotten};
	struct pr_error e = {0};
	int64_t from = 0;
	pr_audience *a = open_people();
	put(a, &row, 1, 100, INT64_MAX);
	ok(pr_db_begin(a->db, &e), &e);
	ok(pr_db_end(a->db, pr_events_put(a, &b, INT64_MAX, &e), &e), &e);
	ok(pr_engaged_sweep(a, NOW - 400 * PR_DAY_MS, &from, INT64_MAX, &e), &e);
	ck_assert_int_eq(from, 0);
	ck_assert_uint_eq(count(a, "engagement > 0.9 AND engagement < 1.1"), 1);
	ck_assert_uint_eq(count(a, "count('open') = 2 AND count('open', 400) = 1 AND"
	                           " count('order') = 1"),
	                  1);
	pr_audience_close(a);
}
END_TEST

/* ---- lists ---- */

static void
leave(pr_audience *a, const char *scope, enum pr_suppression_reason reason)
{
	struct pr_error e = {0};
	uint64_t generation;
	bool added;
	struct pr_suppression s = suppression("Ann@a.example", scope, reason);
	ok(pr_audience_change_begin(a, &e), &e);
	ok(pr_audience_change_end(a, pr_audience_add(a, &s, &added, &e), &generation, &e), &e);
}

static bool
add_left(void *context, const struct pr_left *l)
{
	pr_buf_addf(context, "%.*s %.*s %lld;", (int)l->list.n, l->list.p, (int)l->source.n,
	            l->source.p, (long long)(l->at_ms - NOW));
	return true;
}

static bool
add_name(void *context, struct pr_str name)
{
	pr_buf_addf(context, "%.*s;", (int)name.n, name.p);
	return true;
}

static bool
add_consent(void *context, const struct pr_contact_consent *c)
{
	pr_buf_addf(context, "%.*s %lld;", (int)c->purpose.n, c->purpose.p,
	            c->until_ms ? (long long)(c->until_ms - NOW) : -1);
	return true;
}

/* "lists|left|consents" */
static const char *
standing(pr_audience *a, const char *address)
{
	static struct pr_buf b;
	struct pr_error e = {0};
	int64_t id = contact(a, address);
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	ok(pr_contact_lists_of(a, id, add_name, &b, &e), &e);
	pr_buf_addc(&b, '|');
	ok(pr_contact_left(a, id, add_left, &b, &e), &e);
	pr_buf_addc(&b, '|');
	ok(pr_contact_consents_of(a, id, add_consent, &b, &e), &e);
	return b.data;
}

static const struct {
	const char *scope;
	enum pr_suppression_reason reason;
	const char *then;
} leavings[] = {
    {"list newsletter", PR_SUPPRESSION_UNSUBSCRIBED, "vip;|newsletter test 0;|newsletter 0;"},
    {"list vip", PR_SUPPRESSION_UNSUBSCRIBED, "newsletter;|vip test 0;|newsletter -1;"},
    {"list other", PR_SUPPRESSION_UNSUBSCRIBED, "newsletter;vip;||newsletter -1;"},
    {"marketing", PR_SUPPRESSION_UNSUBSCRIBED, "|newsletter test 0;vip test 0;|newsletter 0;"},
    {"all", PR_SUPPRESSION_COMPLAINED, "|newsletter test 0;vip test 0;|newsletter 0;"},
    {"transactional", PR_SUPPRESSION_UNSUBSCRIBED, "newsletter;vip;||newsletter -1;"},
    {"opens", PR_SUPPRESSION_UNSUBSCRIBED, "newsletter;vip;||newsletter -1;"},
    {"all", PR_SUPPRESSION_BOUNCED, "newsletter;vip;||newsletter -1;"},
    {"list newsletter", PR_SUPPRESSION_MANUAL, "newsletter;vip;||newsletter -1;"},
};

START_TEST(who_leaves_is_no_member_any_more)
{
	pr_audience *a = open_people();
	leave(a, leavings[_i].scope, leavings[_i].reason);
	ck_assert_str_eq(standing(a, "ann@a.example"), leavings[_i].then);
	ck_assert_str_eq(standing(a, "bob@a.example"), "||");
	leave(a, leavings[_i].scope, leavings[_i].reason);
	ck_assert_str_eq(standing(a, "ann@a.example"), leavings[_i].then);
	pr_audience_close(a);
}
END_TEST

START_TEST(a_consent_that_was_ended_is_not_made_to_last_by_the_same_file_again)
{
	pr_audience *a = open_people();
	leave(a, "list newsletter", PR_SUPPRESSION_UNSUBSCRIBED);
	/* NOW lies ahead of the clock: as if it had ended an hour before the consent */
	struct pr_error e = {0};
	ok(pr_db_exec(a->db, "UPDATE consents SET until_ms = 1", &e), &e);
	put_contacts(a);
	ck_assert_ptr_nonnull(strstr(standing(a, "ann@a.example"), "|newsletter -17999"));
	pr_audience_close(a);
}
END_TEST

START_TEST(a_click_stands_for_no_opening_of_who_does_not_want_them_recorded)
{
	static const struct pr_engaged_event events[] = {
	    CLICKED(10, 3), {PR_ENGAGED_OPEN, false, true, NOW - 3 * HOUR, 10}};
	const struct pr_engaged_row rows[] = {ROW("ann@a.example", events),
	                                      ROW("bob@a.example", events)};
	pr_audience *a = open_people();
	leave(a, "opens", PR_SUPPRESSION_UNSUBSCRIBED);
	put(a, rows, 2, 100, INT64_MAX);
	ck_assert_uint_eq(count(a, "count('click') = 1"), 2);
	ck_assert_uint_eq(count(a, "count('open') = 1 AND email = 'bob@a.example'"), 1);
	ck_assert_uint_eq(count(a, "count('open') > 0"), 1);
	pr_audience_close(a);
}
END_TEST

START_TEST(who_is_deleted_leaves_nothing)
{
	static const struct pr_engaged_event events[] = {OPENED(10, 3)};
	const struct pr_engaged_row row = ROW("ann@a.example", events);
	struct pr_error e = {0};
	pr_audience *a = open_people();
	put(a, &row, 1, 100, INT64_MAX);
	leave(a, "marketing", PR_SUPPRESSION_UNSUBSCRIBED);
	leave(a, "all", PR_SUPPRESSION_FORGOTTEN);
	ck_assert_uint_eq(put(a, &row, 1, 200, INT64_MAX).added, 0);
	static const char *const tables[] = {"events", "departures", "members", "consents",
	                                     "derived"};
	for (unsigned i = 0; i < sizeof tables / sizeof *tables; i++) {
		char sql[80];
		sqlite3_stmt *s = NULL;
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
		ok(pr_db_prepare(a->db, sql, &s, &e), &e);
		ck_assert_int_eq(pr_db_step(s, &e), 1);
		ck_assert_msg(sqlite3_column_int(s, 0) == 0, "%s", tables[i]);
		sqlite3_finalize(s);
	}
	pr_audience_close(a);
}
END_TEST

static int64_t
number(pr_audience *a, const char *sql)
{
	struct pr_error e = {0};
	sqlite3_stmt *s = NULL;
	ok(pr_db_prepare(a->db, sql, &s, &e), &e);
	ck_assert_int_eq(pr_db_step(s, &e), 1);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

START_TEST(a_click_arrives_for_a_series_and_what_is_old_there_goes)
{
	static const struct pr_engaged_event events[] = {OPENED(10, 3), CLICKED(11, 2)};
	const struct pr_engaged_row row = ROW("ann@a.example", events);
	struct pr_error e = {0};
	pr_audience *a = open_people();
	ok(pr_db_begin(a->db, &e), &e);
	ok(pr_db_end(a->db, pr_occur_watch(a, PR_STR("click"), &e), &e), &e);
	ok(pr_db_exec(a->db, "INSERT INTO arrivals VALUES (1, 3, 2, 0, 0)", &e), &e);
	put(a, &row, 1, 100, INT64_MAX);
	ck_assert_int_eq(number(a, "SELECT count(*) FROM arrivals"), 1);
	ck_assert_int_eq(number(a, "SELECT name FROM arrivals"), 3);
	ck_assert_int_eq(number(a, "SELECT contact FROM arrivals"), contact(a, "ann@a.example"));
	put(a, &row, 1, 200, INT64_MAX); /* it is there: it does not arrive again */
	ck_assert_int_eq(number(a, "SELECT count(*) FROM arrivals"), 1);
	pr_audience_close(a);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {rows_are_put_once_and_only_to_those_who_are_contacts},
	    {the_position_is_kept_only_with_the_end_of_its_batch},
	    {what_a_machine_did_after_all_goes_and_its_points_with_it},
	    {leaving_complaining_and_bouncing_are_known_and_are_no_engagement},
	    {what_is_old_goes_but_what_others_counted_stays},
	    {of_deliveries_the_latest_stands_and_they_have_a_position_of_their_own},
	    {who_leaves_is_no_member_any_more, ROWS(leavings)},
	    {a_consent_that_was_ended_is_not_made_to_last_by_the_same_file_again},
	    {a_click_stands_for_no_opening_of_who_does_not_want_them_recorded},
	    {who_is_deleted_leaves_nothing},
	    {a_click_arrives_for_a_series_and_what_is_old_there_goes},
	};
	return suite_run("audience_engaged", make_world, remove_folder, tests, ROWS(tests));
}
