/* What happens to contacts: days, absences, arrivals. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/occur.h"
#include "postrider/audience/track.h"

#include <time.h>

static pr_audience *audience;
static int64_t now; /* arrivals go by the wall clock */
static struct pr_error e;

static void
setup(void)
{
	make_world();
	audience = open_store(PR_AUDIENCE_WRITE);
	now = pr_utc_ms();
}

static void
teardown(void)
{
	pr_audience_close(audience);
	remove_folder();
}

/* ---- contacts, events, and what is told of them ---- */

static void
put_contact(const char *address, const char *attribute, enum pr_attribute_type type,
            const char *value, const char *timezone)
{
	static bool forgotten[1];
	struct pr_attribute a = {.type = type};
	struct pr_str text = pr_str(value);
	struct pr_contact c = {
	    .address = pr_str(address), .timezone = pr_str(timezone), .values = &text};
	struct pr_contact_batch b = {
	    .attributes = &a, .attributes_n = 1, .contacts = &c, .n = 1, .forgotten = forgotten};
	snprintf(a.name, sizeof a.name, "%s", attribute);
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_contacts_put(audience, &b, INT64_MAX, &e), &e), &e);
}

static void
happen_item(const char *address, const char *name, int64_t at_ms, const char *item)
{
	bool forgotten = false;
	struct pr_customer_event v = {
	    .address = pr_str(address), .name = pr_str(name), .item = pr_str(item), .at_ms = at_ms};
	struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = &forgotten};
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_events_put(audience, &b, INT64_MAX, &e), &e), &e);
}

static void
happen(const char *address, const char *name, int64_t at_ms)
{
	happen_item(address, name, at_ms, "");
}

static void delete (const char *address)
{
	bool found;
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_contact_delete(audience, pr_str(address), &found, &e), &e),
	   &e);
	ck_assert(found);
}

static void
watch(const char *name)
{
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_occur_watch(audience, pr_str(name), &e), &e), &e);
}

static int64_t
id_of(const char *address)
{
	int64_t id = 0;
	ck_assert_int_eq(audience_id_of(audience, AU_CONTACT_ID, pr_str(address), &id, &e), 1);
	return id;
}

/* "ann@a.example=20 ": address and occurrence, in the order they come in. */
struct told {
	struct pr_buf text;
	unsigned n, max; /* max 0: all */
};

static bool
tell(void *context, const struct pr_occurrence *o)
{
	struct told *t = context;
	char address[100];
	snprintf(address, sizeof address, "%.*s", (int)o->address.n, o->address.p);
	ck_assert_int_eq(o->contact, id_of(address));
	pr_buf_addf(&t->text, "%.*s=%lld ", (int)strcspn(address, "@"), address,
	            (long long)o->occurrence);
	return ++t->n != t->max;
}

static void
expect(struct told *t, const char *wanted)
{
	pr_buf_adds(&t->text, "");
	ck_assert_str_eq(t->text.data, wanted);
	pr_buf_finish(&t->text);
	*t = (struct told){0};
}

/* ---- days ---- */

static int64_t
day(const char *text)
{
	struct tm tm = {0};
	ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%d", &tm));
	return timegm(&tm) / 86400;
}

static const struct {
	const char *value, *days[3];
	bool every_year;
	const char *found; /* the day it has; NULL: none */
} days[] = {
    {"1990-03-02", {"2027-03-02"}, true, "2027-03-02"},
    {"1990-03-02", {"2027-03-01", "2027-03-02", "2027-03-03"}, true, "2027-03-02"},
    {"1990-03-02", {"2027-03-01", "2027-03-03"}, true, NULL},
    {"1990-03-02", {"2027-03-02"}, false, NULL},
    {"2027-03-02", {"2027-03-02"}, false, "2027-03-02"},
    {"2026-03-02", {"2027-03-02", "2026-03-02"}, false, "2026-03-02"},
    {"1990-12-31", {"2027-01-01", "2026-12-31"}, true, "2026-12-31"},
    {"1990-01-01", {"2027-01-01", "2026-12-31"}, true, "2027-01-01"},
    /* from its own year on */
    {"2027-03-02", {"2027-03-02"}, true, "2027-03-02"},
    {"2028-03-02", {"2027-03-02"}, true, NULL},
    {"2027-12-31", {"2026-12-31", "2027-12-31"}, true, "2027-12-31"},
    /* 29 February */
    {"1988-02-29", {"2028-02-28"}, true, NULL},
    {"1988-02-29", {"2028-02-29"}, true, "2028-02-29"},
    {"1988-02-29", {"2028-02-28", "2028-02-29", "2028-03-01"}, true, "2028-02-29"},
    {"1988-02-29", {"2027-02-28"}, true, "2027-02-28"},
    {"1988-02-29", {"2027-02-27", "2027-02-28", "2027-03-01"}, true, "2027-02-28"},
    {"1988-02-29", {"2027-03-01"}, true, NULL},
    {"1988-02-29", {"2100-02-28"}, true, "2100-02-28"}, /* no leap year */
    {"2000-02-29", {"2000-02-29"}, true, "2000-02-29"},
    {"2028-02-29", {"2027-02-28"}, true, NULL},
    {"2028-02-29", {"2029-02-28"}, false, NULL},
    {"1990-02-28", {"2027-02-28"}, true, "2027-02-28"},
    {"1990-02-28", {"2028-02-28"}, true, "2028-02-28"},
    {"1990-02-28", {"2028-02-29"}, true, NULL},
    /* a point in time is of its day in UTC */
    {"1990-03-02T23:30:00Z", {"2027-03-02"}, true, "2027-03-02"},
    {"2027-03-02T00:00:00Z", {"2027-03-02"}, false, "2027-03-02"},
    {"2027-03-02T00:00:00Z", {"2027-03-01"}, false, NULL},
    {"", {"2027-03-02"}, true, NULL},
    {"1990-03-02", {NULL}, true, NULL},
    /* before 1970 */
    {"1969-12-31", {"1969-12-31"}, false, "1969-12-31"},
};

START_TEST(a_contact_has_its_day)
{
	struct told t = {0};
	char wanted[60] = "";
	int64_t of[3];
	size_t n = 0;
	put_contact("ann@a.example", "birthday", PR_ATTRIBUTE_DATE, days[_i].value, "");
	put_contact("non@a.example", "birthday", PR_ATTRIBUTE_DATE, "", "");
	for (; n < 3 && days[_i].days[n]; n++)
		of[n] = day(days[_i].days[n]);
	ok(pr_occur_dates(audience, PR_STR("birthday"), of, n, days[_i].every_year, tell, &t, &e),
	   &e);
	if (days[_i].found)
		snprintf(wanted, sizeof wanted, "ann=%lld ", (long long)day(days[_i].found));
	expect(&t, wanted);
}
END_TEST

static bool
tell_zone(void *context, const struct pr_occurrence *o)
{
	pr_buf_addf(context, "%.*s %.*s;", (int)o->address.n, o->address.p, (int)o->timezone.n,
	            o->timezone.p);
	return true;
}

START_TEST(as_many_days_as_may_be_asked_for_and_zones_are_told)
{
	int64_t of[PR_OCCUR_DAYS_MAX];
	struct pr_buf b = {0};
	struct told t = {.max = 1};
	for (size_t i = 0; i < PR_OCCUR_DAYS_MAX; i++)
		of[i] = day("2027-03-05") - (int64_t)i;
	put_contact("ann@a.example", "birthday", PR_ATTRIBUTE_DATE, "1990-03-05", "Asia/Tokyo");
	put_contact("bob@a.example", "birthday", PR_ATTRIBUTE_DATE, "1990-01-01", "");
	put_contact("cid@a.example", "birthday", PR_ATTRIBUTE_DATE, "1990-03-06", "");
	put_contact("dan@a.example", "birthday", PR_ATTRIBUTE_DATE, "1992-02-29", "Asia/Tokyo");
	ok(pr_occur_dates(audience, PR_STR("birthday"), of, PR_OCCUR_DAYS_MAX, true, tell_zone, &b,
	                  &e),
	   &e);
	ck_assert_str_eq(b.data, "ann@a.example Asia/Tokyo;bob@a.example ;"
	                         "dan@a.example Asia/Tokyo;");
	pr_buf_finish(&b);
	ok(pr_occur_dates(audience, PR_STR("birthday"), of, PR_OCCUR_DAYS_MAX, true, tell, &t, &e),
	   &e);
	ck_assert_uint_eq(t.n, 1); /* it was stopped */
	pr_buf_finish(&t.text);
}
END_TEST

START_TEST(an_attribute_that_is_not_there_or_no_date_is_told)
{
	int64_t of = 1;
	struct told t = {0};
	put_contact("ann@a.example", "points", PR_ATTRIBUTE_NUMBER, "3", "");
	ck_assert_int_eq(pr_occur_dates(audience, PR_STR("birthday"), &of, 1, true, tell, &t, &e),
	                 PR_ENOENT);
	ck_assert_str_eq(e.text, "contacts have no attribute birthday");
	ck_assert_int_eq(pr_occur_dates(audience, PR_STR("points"), &of, 1, true, tell, &t, &e),
	                 PR_ENOENT);
	ck_assert_str_eq(e.text, "the attribute points is a number, no date");
	ck_assert_int_eq(pr_occur_dates(audience, PR_STR("birthday"), NULL, 0, true, tell, &t, &e),
	                 PR_ENOENT);
	ck_assert_uint_eq(t.n, 0);
}
END_TEST

/* ---- absences ---- */

/* Of orders and of other events, which are looked up in two ways. */
static const char *const absent_from[] = {"order", "visit"};

START_TEST(who_did_it_last_in_that_time_is_absent)
{
	const char *name = absent_from[_i], *other = absent_from[!_i];
	struct told t = {0};
	int64_t from = NOW, to = NOW + PR_DAY_MS;
	happen("first@a.example", name, from);
	happen("before@a.example", name, from - 1);
	happen("last@a.example", name, to - 1);
	happen("behind@a.example", name, to);
	happen("back@a.example", name, from + 5);
	happen("back@a.example", name, to + 5); /* did it again */
	happen("twice@a.example", name, from - PR_DAY_MS);
	happen("twice@a.example", name, from + 7);
	happen("other@a.example", other, from + 5);
	happen("both@a.example", other, to + 5);
	happen("both@a.example", name, from + 9);
	put_contact("never@a.example", "points", PR_ATTRIBUTE_NUMBER, "3", "");
	ok(pr_occur_absences(audience, pr_str(name), from, to, tell, &t, &e), &e);
	expect(&t, "first=1800000000000 last=1800086399999 twice=1800000000007 "
	           "both=1800000000009 ");
	ok(pr_occur_absences(audience, pr_str(name), INT64_MIN, from, tell, &t, &e), &e);
	expect(&t, "before=1799999999999 ");
	ok(pr_occur_absences(audience, pr_str(name), to, to, tell, &t, &e), &e);
	expect(&t, "");
	delete ("first@a.example");
	t.max = 2;
	ok(pr_occur_absences(audience, pr_str(name), from, to, tell, &t, &e), &e);
	expect(&t, "last=1800086399999 twice=1800000000007 ");
}
END_TEST

START_TEST(nobody_is_absent_from_what_nobody_ever_did)
{
	struct told t = {0};
	happen("ann@a.example", "visit", NOW);
	ok(pr_occur_absences(audience, PR_STR("order"), 0, INT64_MAX, tell, &t, &e), &e);
	ok(pr_occur_absences(audience, PR_STR("dance"), 0, INT64_MAX, tell, &t, &e), &e);
	expect(&t, "");
}
END_TEST

/* ---- arrivals ---- */

static void
arrived(const char *name, unsigned max, int64_t *seq, const char *wanted)
{
	struct told t = {0};
	ok(pr_occur_events(audience, pr_str(name), max, seq, tell, &t, &e), &e);
	pr_buf_adds(&t.text, "");
	struct pr_str rest = pr_buf_str(&t.text);
	struct pr_buf names = {0};
	pr_buf_adds(&names, "");
	while (rest.n) { /* times are of now: only names are compared */
		size_t n = strcspn(rest.p, "="), whole = strcspn(rest.p, " ") + 1;
		pr_buf_addf(&names, "%.*s ", (int)n, rest.p);
		rest = pr_str_n(rest.p + whole, rest.n - whole);
	}
	ck_assert_str_eq(names.data, wanted);
	pr_buf_finish(&names);
	pr_buf_finish(&t.text);
}

START_TEST(only_what_comes_after_it_is_watched_is_kept_in_the_order_of_its_coming)
{
	int64_t seq = 0, before;
	arrived("signup", 10, &seq, ""); /* there is no such name */
	ck_assert_int_eq(seq, 0);
	happen("old@a.example", "signup", now - 5);
	watch("signup");
	watch("signup"); /* twice does no harm */
	ok(pr_occur_before(audience, now + PR_DAY_MS, &before, &e), &e);
	ck_assert_int_eq(before, 0);
	happen("ann@a.example", "signup", now - 1);
	happen("bob@a.example", "visit", now);               /* nobody waits for it */
	happen("cid@a.example", "signup", now - PR_HOUR_MS); /* told late */
	happen("ann@a.example", "signup", now - 1);          /* told twice */
	arrived("signup", 10, &seq, "ann cid ");
	arrived("signup", 10, &seq, "");
	happen("ann@a.example", "signup", now);
	arrived("signup", 10, &seq, "ann ");
	arrived("visit", 10, &(int64_t){0}, "");
}
END_TEST

START_TEST(arrivals_are_given_a_few_at_a_time_and_other_names_are_looked_past)
{
	int64_t seq = 0, end;
	watch("signup");
	watch("visit");
	for (int i = 0; i < 5; i++) {
		char address[40];
		snprintf(address, sizeof address, "p%d@a.example", i);
		happen(address, "visit", now - i);
		happen(address, "signup", now - i);
		happen(address, "visit", now - 10 - i);
	}
	arrived("signup", 2, &seq, "p0 p1 ");
	arrived("signup", 2, &seq, "p2 p3 ");
	ck_assert_int_eq(seq, 11);
	arrived("signup", 2, &seq, "p4 ");
	ck_assert_int_eq(seq, 15); /* and past the visit behind it */
	arrived("signup", 2, &seq, "");
	ok(pr_occur_before(audience, now + PR_DAY_MS, &end, &e), &e);
	ck_assert_int_eq(end, 15);
	ok(pr_occur_before(audience, now - PR_DAY_MS, &end, &e), &e);
	ck_assert_int_eq(end, 0);
}
END_TEST

START_TEST(who_stops_in_between_goes_on_behind_the_last_one)
{
	struct told t = {.max = 1};
	int64_t seq = 0;
	watch("signup");
	happen("ann@a.example", "signup", now);
	happen("bob@a.example", "signup", now);
	ok(pr_occur_events(audience, PR_STR("signup"), 10, &seq, tell, &t, &e), &e);
	ck_assert_uint_eq(t.n, 1);
	pr_buf_finish(&t.text);
	arrived("signup", 10, &seq, "bob ");
}
END_TEST

START_TEST(old_events_are_no_arrivals_whenever_they_are_told)
{
	int64_t seq = 0;
	watch("signup");
	happen("old@a.example", "signup", now - PR_ARRIVALS_KEPT_MS - PR_MINUTE_MS);
	happen("new@a.example", "signup", now - PR_ARRIVALS_KEPT_MS + PR_MINUTE_MS);
	happen("next@a.example", "signup", now + PR_DAY_MS); /* another clock */
	arrived("signup", 10, &seq, "new next ");
}
END_TEST

START_TEST(items_of_one_order_are_one_occurrence)
{
	struct told t = {0};
	int64_t seq = 0;
	char wanted[80];
	watch("order");
	happen_item("ann@a.example", "order", now, "hat");
	happen_item("ann@a.example", "order", now, "coat");
	ok(pr_occur_events(audience, PR_STR("order"), 10, &seq, tell, &t, &e), &e);
	snprintf(wanted, sizeof wanted, "ann=%lld ann=%lld ", (long long)now, (long long)now);
	expect(&t, wanted);
}
END_TEST

START_TEST(who_is_gone_does_not_arrive_nor_whoever_gets_their_number)
{
	int64_t seq = 0;
	watch("signup");
	happen("ann@a.example", "signup", now);
	int64_t id = id_of("ann@a.example");
	delete ("ann@a.example");
	arrived("signup", 10, &(int64_t){0}, "");
	happen("bob@a.example", "visit", now);
	ck_assert_int_eq(id_of("bob@a.example"), id); /* given anew */
	happen("cid@a.example", "signup", now);
	arrived("signup", 10, &seq, "cid ");
}
END_TEST

START_TEST(arrivals_that_everybody_has_seen_are_dropped_and_numbers_go_on)
{
	int64_t seq = 0;
	watch("signup");
	happen("ann@a.example", "signup", now - 1);
	happen("bob@a.example", "signup", now - 1);
	ok(pr_db_exec(audience->db, "UPDATE arrivals SET seen_ms = 1000 WHERE seq = 1", &e), &e);
	happen("cid@a.example", "signup", now);
	arrived("signup", 10, &seq, "bob cid ");
	ck_assert_int_eq(seq, 3);
	ok(pr_db_exec(audience->db, "UPDATE arrivals SET seen_ms = 1000", &e), &e);
	happen("dan@a.example", "visit", now);
	arrived("signup", 10, &(int64_t){0}, "");
	happen("eve@a.example", "signup", now);
	arrived("signup", 10, &seq, "eve ");
	ck_assert_int_eq(seq, 4);
}
END_TEST

START_TEST(whether_somebody_did_it_since_is_told_by_name_and_time)
{
	happen("ann@a.example", "order", NOW);
	happen("bob@a.example", "order", NOW + 9);
	int64_t ann = id_of("ann@a.example");
	ck_assert_int_eq(pr_occur_since(audience, ann, PR_STR("order"), NOW - 1, &e), 1);
	ck_assert_int_eq(pr_occur_since(audience, ann, PR_STR("order"), NOW, &e), 0);
	ck_assert_int_eq(pr_occur_since(audience, ann, PR_STR("visit"), 0, &e), 0);
	ck_assert_int_eq(pr_occur_since(audience, ann, PR_STR("dance"), 0, &e), 0);
	ck_assert_int_eq(pr_occur_since(audience, 4711, PR_STR("order"), 0, &e), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_contact_has_its_day, ROWS(days)},
	    {as_many_days_as_may_be_asked_for_and_zones_are_told},
	    {an_attribute_that_is_not_there_or_no_date_is_told},
	    {who_did_it_last_in_that_time_is_absent, ROWS(absent_from)},
	    {nobody_is_absent_from_what_nobody_ever_did},
	    {only_what_comes_after_it_is_watched_is_kept_in_the_order_of_its_coming},
	    {arrivals_are_given_a_few_at_a_time_and_other_names_are_looked_past},
	    {who_stops_in_between_goes_on_behind_the_last_one},
	    {old_events_are_no_arrivals_whenever_they_are_told},
	    {items_of_one_order_are_one_occurrence},
	    {who_is_gone_does_not_arrive_nor_whoever_gets_their_number},
	    {arrivals_that_everybody_has_seen_are_dropped_and_numbers_go_on},
	    {whether_somebody_did_it_since_is_told_by_name_and_time},
	};
	return suite_run("audience_occur", setup, teardown, tests, ROWS(tests));
}
