/* Events of customers: counted once, and what is derived from them. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/track.h"

#define DAY PR_DAY_MS

static struct pr_customer_event
event(const char *address, const char *name, int64_t day, const char *amount, const char *id)
{
	return (struct pr_customer_event){.address = pr_str(address),
	                                  .name = pr_str(name),
	                                  .amount = pr_str(amount),
	                                  .id = pr_str(id),
	                                  .at_ms = day * DAY};
}

static struct pr_event_batch
put(pr_audience *a, const struct pr_customer_event *events, size_t n, int64_t end)
{
	static bool forgotten[1000];
	struct pr_error e = {0};
	struct pr_event_batch b = {.events = events, .n = n, .forgotten = forgotten};
	memset(forgotten, 0, sizeof forgotten);
	while (b.at < b.n) {
		ok(pr_db_begin(a->db, &e), &e);
		ok(pr_db_end(a->db, pr_events_put(a, &b, end, &e), &e), &e);
	}
	return b;
}

static struct pr_derived
derived(pr_audience *a, const char *address)
{
	struct pr_error e = {0};
	struct pr_derived d;
	int64_t id = 0;
	ck_assert_int_eq(audience_id_of(a, AU_CONTACT_ID, pr_str(address), &id, &e), 1);
	ok(pr_derived_of(a, id, &d, &e), &e);
	return d;
}

START_TEST(an_event_is_counted_once_and_makes_its_contact)
{
	const struct pr_customer_event events[] = {
	    event("Ann@a.example", "order", 10, "20.50", "A1"),
	    event("Ann@a.example", "order", 10, "20.50", "A1"),
	    event("Ann@a.example", "order", 10, "4.50", "A2"), /* another item of the same time */
	    event("bob@a.example", "visit", 11, NULL, NULL),
	};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	struct pr_event_batch b = put(a, events, 4, INT64_MAX);
	ck_assert_uint_eq(b.added, 3);
	ck_assert_uint_eq(b.there, 1);
	ck_assert_uint_eq(b.made, 2);
	b = put(a, events, 4, INT64_MAX);
	ck_assert_uint_eq(b.added, 0);
	struct pr_derived d = derived(a, "ann@a.example");
	ck_assert_uint_eq(d.orders, 1);
	ck_assert_double_eq(d.revenue, 25);
	ck_assert_uint_eq(derived(a, "bob@a.example").orders, 0);
	pr_audience_close(a);
}
END_TEST

/* In any order, in one call or in one for each event. */
START_TEST(what_is_derived_does_not_depend_on_how_events_came)
{
	static const unsigned char orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
	const struct pr_customer_event events[] = {
	    event("ann@a.example", "order", 100, "10", "1"),
	    event("ann@a.example", "order", 400, "5.25", "2"),
	    event("ann@a.example", "order", 500, NULL, "3"),
	    event("ann@a.example", "visit", 530, NULL, NULL),
	};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (unsigned i = 0; i < 4; i++)
		put(a, &events[orders[_i][i]], 1, INT64_MAX);
	struct pr_derived d = derived(a, "ann@a.example");
	ck_assert_uint_eq(d.orders, 3);
	ck_assert_double_eq(d.revenue, 15.25);
	ck_assert_int_eq(d.first_order_ms, 100 * DAY);
	ck_assert_int_eq(d.last_order_ms, 500 * DAY);
	ck_assert_int_eq(d.gap_ms, 100 * DAY);
	ck_assert_int_eq(d.engaged_ms, 530 * DAY);
	/* a visit now, an order a half-life ago, and what is left of two old ones */
	ck_assert_double_eq_tol(d.engagement, 3 + 5 + 0.5, 0.05);
	pr_audience_close(a);
}
END_TEST

START_TEST(slices_and_deletion_leave_nothing_half_done)
{
	enum { MANY = 300 };
	static struct pr_customer_event events[MANY];
	struct pr_error e = {0};
	bool found;
	sqlite3_stmt *s;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (unsigned i = 0; i < MANY; i++)
		events[i] = event("ann@a.example", "order", i, "1", NULL);
	ck_assert_uint_eq(put(a, events, MANY, 0).added, MANY); /* the time was over before */
	ck_assert_uint_eq(derived(a, "ann@a.example").orders, MANY);
	ok(pr_contact_delete(a, PR_STR("ann@a.example"), &found, &e), &e);
	ck_assert(found);
	ok(pr_db_prepare(a->db,
	                 "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM derived)",
	                 &s, &e),
	   &e);
	ck_assert_int_eq(pr_db_step(s, &e), 1);
	ck_assert_int_eq(sqlite3_column_int(s, 0), 0);
	sqlite3_finalize(s);
	pr_audience_close(a);
}
END_TEST

START_TEST(who_is_forgotten_gets_no_events)
{
	const struct pr_customer_event events[] = {event("ann@a.example", "visit", 1, NULL, NULL),
	                                           event("bob@a.example", "visit", 1, NULL, NULL)};
	struct pr_error e = {0};
	struct pr_suppression s = suppression("Ann@a.example", "all", PR_SUPPRESSION_FORGOTTEN);
	uint64_t generation;
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_add(a, &s, &added, &e);
	ok(pr_audience_change_end(a, r, &generation, &e), &e);
	struct pr_event_batch b = put(a, events, 2, INT64_MAX);
	ck_assert(b.forgotten[0] && !b.forgotten[1]);
	ck_assert_uint_eq(b.made, 1);
	pr_audience_close(a);
}
END_TEST

START_TEST(names_of_events_are_checked_and_bounded)
{
	struct pr_error e = {0};
	char name[20];
	bool forgotten[1] = {false};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	int r = 0;
	unsigned i = 0;
	for (; i <= PR_EVENT_NAMES_MAX && r == 0; i++) {
		snprintf(name, sizeof name, "n%u", i);
		const struct pr_customer_event v = event("a@b.example", name, 1, NULL, NULL);
		struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = forgotten};
		ok(pr_db_begin(a->db, &e), &e);
		r = pr_db_end(a->db, pr_events_put(a, &b, INT64_MAX, &e), &e);
	}
	ck_assert_int_eq(r, PR_ELIMIT);
	ck_assert_uint_eq(i, PR_EVENT_NAMES_MAX - 10 + 1); /* ten are there */
	pr_audience_close(a);
}
END_TEST

static struct pr_event_credit
credited(pr_audience *a, struct pr_customer_event v, uint32_t row, bool *added)
{
	struct pr_error e = {0};
	bool forgotten = false;
	struct pr_event_credit c = {.serial = row ? 7 : 0, .row = row, .link = row};
	struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = &forgotten, .credits = &c};
	ok(pr_db_begin(a->db, &e), &e);
	ok(pr_db_end(a->db, pr_events_put(a, &b, INT64_MAX, &e), &e), &e);
	*added = b.added > 0;
	return c;
}

START_TEST(an_event_is_credited_when_it_is_new_and_never_again)
{
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	struct pr_event_credit first =
	    credited(a, event("ann@a.example", "order", 10, "5", "A1"), 3, &added);
	ck_assert(added && first.serial == 7 && first.row == 3 && !first.told);
	/* told again with another time, and by whoever found another row meanwhile */
	struct pr_event_credit again =
	    credited(a, event("Ann@a.example", "order", 12, "5", "A1"), 4, &added);
	ck_assert(!added && again.row == 3 && again.link == 3);
	ck_assert(again.key == first.key && again.at_ms == 10 * DAY);
	/* nobody at first is nobody for good */
	ck_assert_uint_eq(
	    credited(a, event("ann@a.example", "order", 13, "5", "A2"), 0, &added).serial, 0);
	ck_assert_uint_eq(
	    credited(a, event("ann@a.example", "order", 13, "5", "A2"), 4, &added).serial, 0);
	/* without an id the time tells them apart */
	credited(a, event("ann@a.example", "order", 14, "5", NULL), 5, &added);
	ck_assert(added);
	credited(a, event("ann@a.example", "order", 15, "5", NULL), 5, &added);
	ck_assert(added);
	pr_audience_close(a);
}
END_TEST

START_TEST(a_refund_goes_where_its_order_went)
{
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	credited(a, event("ann@a.example", "order", 10, "5", "A1"), 3, &added);
	struct pr_event_credit r =
	    credited(a, event("ann@a.example", "refund", 11, "5", "A1"), 9, &added);
	ck_assert(added && r.refund && r.row == 3);
	r = credited(a, event("ann@a.example", "refund", 11, "5", "A9"), 9, &added);
	ck_assert(added && r.refund && r.serial == 0);
	r = credited(a, event("bob@a.example", "refund", 11, "5", "A1"), 9, &added);
	ck_assert_uint_eq(r.serial, 0); /* another person's order */
	pr_audience_close(a);
}
END_TEST

START_TEST(what_was_told_is_known_and_goes_with_the_contact)
{
	bool added, found;
	struct pr_error e = {0};
	struct pr_str who = PR_STR("Ann@a.example");
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	struct pr_event_credit c =
	    credited(a, event("ann@a.example", "order", 10, "5", "A1"), 3, &added);
	ok(pr_event_credits_told(a, &who, &c.key, 1, &e), &e);
	ck_assert(credited(a, event("ann@a.example", "order", 10, "5", "A1"), 3, &added).told);
	ok(pr_contact_delete(a, PR_STR("ann@a.example"), &found, &e), &e);
	struct pr_event_credit again =
	    credited(a, event("ann@a.example", "order", 10, "5", "A1"), 4, &added);
	ck_assert(added && again.row == 4 && !again.told);
	ck_assert_uint_eq(again.key, c.key);
	pr_audience_close(a);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_event_is_credited_when_it_is_new_and_never_again},
	    {a_refund_goes_where_its_order_went},
	    {what_was_told_is_known_and_goes_with_the_contact},
	    {an_event_is_counted_once_and_makes_its_contact},
	    {what_is_derived_does_not_depend_on_how_events_came, 3},
	    {slices_and_deletion_leave_nothing_half_done},
	    {who_is_forgotten_gets_no_events},
	    {names_of_events_are_checked_and_bounded},
	};
	return suite_run("audience_track", make_world, remove_folder, tests, ROWS(tests));
}
