/* Series beside their audience: who enters, and what becomes of those whose step is due. */
#include "audience_world.h"
#include "time_help.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/occur.h"
#include "postrider/audience/track.h"
#include "postrider/campaign/series.h"

#define DAY PR_DAY_MS
#define ANN "ann@a.example"

static pr_audience *audience;
static pr_ledger *ledger;
static struct pr_manifest *manifest;
static struct pr_config config = {.timezone = {.p = "UTC", .n = 3}};
static struct pr_series_source source;
static struct pr_series_found found;
static struct pr_arena arena;
static struct pr_error e;

static void
setup(void)
{
	static const struct pr_str columns[] = {PR_STR("first_name"), PR_STR("gone"),
	                                        PR_STR("email"), PR_STR("coupon")};
	struct pr_ledger_identity i = identity();
	make_world();
	audience = open_store(PR_AUDIENCE_WRITE);
	ok(pr_ledger_create(ledger_path, &i, columns, 4, &ledger, &e), &e);
	ok(pr_ledger_import_done(ledger, &e), &e);
	index_all(ledger);
	pr_arena_init(&arena);
	manifest = NULL;
	found = (struct pr_series_found){0};
}

static void
teardown(void)
{
	pr_series_found_finish(&found);
	pr_arena_finish(&arena);
	pr_manifest_destroy(manifest);
	pr_ledger_close(ledger);
	pr_audience_close(audience);
	remove_folder();
}

/* ---- the series, its people, and what they do ---- */

static void
series(const char *keys, int64_t begun_ms)
{
	struct pr_buf text = {0};
	struct pr_problems problems = {0};
	pr_buf_addf(&text, "from: news@acme.example\nsubject: s\n%s\n", keys);
	pr_manifest_destroy(manifest);
	int r = pr_manifest_parse(pr_buf_str(&text), "s", &problems, &manifest);
	ck_assert_msg(r == 0, "%s: %s", keys, problems.n ? problems.items[0].what : "");
	pr_buf_finish(&text);
	pr_problems_finish(&problems);
	source = (struct pr_series_source){.manifest = manifest,
	                                   .config = &config,
	                                   .audience = audience,
	                                   .ledger = ledger,
	                                   .begun_ms = begun_ms,
	                                   .now_ms = begun_ms};
}

enum { FIRST_NAME, BIRTHDAY, POINTS, AGREED, ATTRIBUTES };

struct person { /* NULL: as it was */
	const char *address, *lists, *timezone;
	const char *values[ATTRIBUTES];
};

static void
put_exact(struct person p, bool exact)
{
	static const struct pr_attribute attributes[] = {{"first_name", PR_ATTRIBUTE_TEXT},
	                                                 {"birthday", PR_ATTRIBUTE_DATE},
	                                                 {"points", PR_ATTRIBUTE_NUMBER},
	                                                 {"agreed", PR_ATTRIBUTE_TEXT}};
	bool forgotten = false;
	struct pr_str values[ATTRIBUTES] = {{0}};
	for (int i = 0; i < ATTRIBUTES; i++)
		if (p.values[i])
			values[i] = pr_str(p.values[i]);
	struct pr_contact c = {.address = pr_str(p.address), .values = values};
	if (p.lists)
		c.lists = pr_str(p.lists);
	if (p.timezone)
		c.timezone = pr_str(p.timezone);
	struct pr_contact_batch b = {.attributes = attributes,
	                             .attributes_n = ATTRIBUTES,
	                             .contacts = &c,
	                             .n = 1,
	                             .exact = exact,
	                             .forgotten = &forgotten};
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_contacts_put(audience, &b, INT64_MAX, &e), &e), &e);
}

static void
put(struct person p)
{
	put_exact(p, false);
}

static void
happen(const char *address, const char *name, int64_t at_ms)
{
	bool forgotten = false;
	struct pr_customer_event v = {
	    .address = pr_str(address), .name = pr_str(name), .at_ms = at_ms};
	struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = &forgotten};
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_events_put(audience, &b, INT64_MAX, &e), &e), &e);
}

static void delete (const char *address)
{
	bool there;
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_contact_delete(audience, pr_str(address), &there, &e), &e),
	   &e);
	ck_assert(there);
}

static int64_t
id_of(const char *address)
{
	int64_t id = 0;
	ck_assert_int_eq(audience_id_of(audience, AU_CONTACT_ID, pr_str(address), &id, &e), 1);
	return id;
}

/* ---- looking ---- */

static void
look(int64_t now_ms)
{
	pr_series_found_finish(&found);
	found = (struct pr_series_found){0};
	source.now_ms = now_ms;
	ok(pr_series_look(&source, &found, &e), &e);
}

/* What was found goes into the ledger, as the daemon does it. */
static void
take(void)
{
	struct pr_series_entering in = {.entries = found.entries,
	                                .n = found.n,
	                                .inside = found.inside,
	                                .inside_n = found.inside_n,
	                                .outside = found.outside,
	                                .outside_n = found.outside_n,
	                                .seen = found.seen,
	                                .step = 1,
	                                .now_ms = source.now_ms,
	                                .again_ms = manifest->trigger.again_ms};
	ok(pr_series_enter(ledger, &in, &e), &e);
}

static const char *const names[] = {"ann", "bob", "cid", "dan", "eve"};

/* "ann bob": who is among the entries, in the order of names. */
static const char *
who(void)
{
	static char text[80];
	char address[40];
	size_t told = 0;
	*text = 0;
	for (int i = 0; i < ROWS(names); i++) {
		snprintf(address, sizeof address, "%s@a.example", names[i]);
		for (size_t k = 0; k < found.n; k++)
			if (found.entries[k].person == pr_series_person(ledger, pr_str(address))) {
				strcat(strcat(text, *text ? " " : ""), names[i]);
				ck_assert_int_eq(found.entries[k].contact, id_of(address));
				told++;
			}
	}
	ck_assert_uint_eq(told, found.n);
	return text;
}

/* ---- a day of theirs ---- */

#define BY_RECIPIENT "\nschedule: {timezone: recipient, fallback_timezone: UTC}"
#define BIRTHDAYS "trigger: {date: birthday}" BY_RECIPIENT
#define AT(hour) "trigger: {date: birthday, hour: '" hour "'}" BY_RECIPIENT

static const struct {
	const char *keys, *birthday, *zone;
	const char *due; /* the instant it is due, UTC; NULL: never within these days */
} instants[] = {
    {BIRTHDAYS, "1990-03-02", "", "2027-03-02T09:00"},
    {BIRTHDAYS, "1990-03-02", "Asia/Tokyo", "2027-03-02T00:00"},
    {BIRTHDAYS, "1990-03-02", "Pacific/Kiritimati", "2027-03-01T19:00"}, /* the first */
    {BIRTHDAYS, "1990-03-02", "Pacific/Pago_Pago", "2027-03-02T20:00"},  /* the last */
    {BIRTHDAYS, "1990-03-02", "Asia/Kathmandu", "2027-03-02T03:15"},
    {BIRTHDAYS, "1990-03-02", "Mars/Base", "2027-03-02T09:00"},
    {AT("00:00"), "1990-03-02", "Pacific/Kiritimati", "2027-03-01T10:00"},
    {AT("23:59"), "1990-03-02", "Pacific/Pago_Pago", "2027-03-03T10:59"},
    {AT("02:30"), "1990-03-28", "Europe/Berlin", "2027-03-28T01:30"},    /* not there */
    {AT("01:30"), "1990-11-07", "America/New_York", "2027-11-07T05:30"}, /* there twice */
    {"trigger: {date: birthday}\nschedule: {timezone: Asia/Tokyo}", "1990-03-02", "Europe/Berlin",
     "2027-03-02T00:00"}, /* the campaign's */
    {"trigger: {date: birthday}", "1990-03-02", "Asia/Tokyo", "2027-03-02T09:00"},
    {"trigger: {date: birthday, before: 7d}", "1990-03-02", "", "2027-02-23T09:00"},
    {"trigger: {date: birthday, after: 3d}", "1990-02-27", "", "2027-03-02T09:00"},
    {"trigger: {date: birthday, before: 60d}", "1990-01-10", "", "2027-11-11T09:00"},
    {"trigger: {date: birthday}", "1992-02-29", "", "2027-02-28T09:00"},
    {"trigger: {date: birthday, once: true}", "2027-03-02", "", "2027-03-02T09:00"},
    {"trigger: {date: birthday, once: true}", "1990-03-02", "", NULL},
    {"trigger: {date: birthday}", "2028-03-02", "", NULL},
};

START_TEST(a_day_comes_at_its_hour_where_somebody_is)
{
	int64_t due = instants[_i].due ? utc(instants[_i].due) : utc("2027-03-02T09:00");
	put((struct person){.address = ANN,
	                    .timezone = instants[_i].zone,
	                    .values = {[BIRTHDAY] = instants[_i].birthday}});
	series(instants[_i].keys, utc("2027-01-15T00:00"));
	for (int64_t from = due - 2 * DAY; from < due; from += PR_HOUR_MS * 5) {
		look(from);
		ck_assert_msg(found.n == 0, "%s", show(from));
	}
	look(due - 1);
	ck_assert_uint_eq(found.n, 0);
	look(due);
	ck_assert_uint_eq(found.n, instants[_i].due != NULL);
	ck_assert_int_eq(found.seen, -1);
	if (!instants[_i].due)
		return;
	ck_assert_str_eq(who(), "ann");
	ck_instant_eq(found.entries[0].due_ms, due);
	take();
	look(due + 1);
	ck_assert_uint_eq(found.n, 0); /* entered for it already */
}
END_TEST

static const struct {
	const char *late;         /* of the trigger */
	int64_t begun_ms, now_ms; /* behind the hour */
	size_t n;
} lates[] = {
    {"", -DAY, DAY - 1, 1},
    {"", -DAY, DAY, 0},
    {", late: 2h", -DAY, 2 * PR_HOUR_MS - 1, 1},
    {", late: 2h", -DAY, 2 * PR_HOUR_MS, 0},
    {", late: 20d", -DAY, 20 * DAY - 1, 1},
    {", late: 20d", -DAY, 20 * DAY, 0},
    {"", 0, 0, 1},
    {"", 1, 1, 0}, /* was before it began */
    {"", 1, PR_HOUR_MS, 0},
};

START_TEST(a_day_that_is_too_long_ago_or_before_it_began_is_let_go)
{
	int64_t due = utc("2027-03-02T09:00");
	char keys[100];
	put((struct person){.address = ANN, .values = {[BIRTHDAY] = "1990-03-02"}});
	snprintf(keys, sizeof keys, "trigger: {date: birthday%s}", lates[_i].late);
	series(keys, due + lates[_i].begun_ms);
	look(due + lates[_i].now_ms);
	ck_assert_uint_eq(found.n, lates[_i].n);
}
END_TEST

START_TEST(many_zones_are_met_each_at_its_time)
{
	static const char *const zones[] = {"Asia/Tokyo", "Europe/Berlin", "America/Lima",
	                                    "Pacific/Auckland", ""};
	int64_t begin = utc("2027-03-01T12:00");
	unsigned n = 0;
	series(BIRTHDAYS, begin);
	for (int i = 0; i < ROWS(names); i++) {
		char address[40];
		snprintf(address, sizeof address, "%s@a.example", names[i]);
		put((struct person){.address = address,
		                    .timezone = zones[i],
		                    .values = {[BIRTHDAY] = "1990-03-02"}});
	}
	for (int64_t now = begin; now < begin + 3 * DAY; now += PR_HOUR_MS) {
		look(now);
		for (size_t i = 0; i < found.n; i++)
			ck_instant_eq(found.entries[i].due_ms, now); /* none comes late */
		n += found.n;
		take();
	}
	ck_assert_uint_eq(n, ROWS(names));
}
END_TEST

START_TEST(an_attribute_that_is_not_there_is_told)
{
	put((struct person){.address = ANN});
	series("trigger: {date: wedding}", NOW);
	ck_assert_int_eq(pr_series_look(&source, &found, &e), PR_ENOENT);
	ck_assert_str_eq(e.text, "contacts have no attribute wedding");
	series("trigger: {date: points}", NOW);
	ck_assert_int_eq(pr_series_look(&source, &found, &e), PR_ENOENT);
}
END_TEST

START_TEST(only_who_is_in_the_audience_enters)
{
	int64_t now = utc("2027-03-02T09:00");
	put((struct person){ANN, "news", NULL, {[BIRTHDAY] = "1990-03-02"}});
	put((struct person){"bob@a.example", "news,vip", NULL, {[BIRTHDAY] = "1991-03-02"}});
	put((struct person){"cid@a.example", "vip", NULL, {[BIRTHDAY] = "1992-03-02"}});
	put((struct person){"dan@a.example", "news", NULL, {"", "1992-03-02", "7"}});
	series("trigger: {date: birthday}\naudience: {list: news, exclude: {list: vip}}", now);
	look(now);
	ck_assert_str_eq(who(), "ann dan");
	series("trigger: {date: birthday}\naudience: {segment: points > 5}", now);
	look(now);
	ck_assert_str_eq(who(), "dan");
	series("trigger: {date: birthday}\naudience: {list: nolist}", now);
	ck_assert_int_eq(pr_series_look(&source, &found, &e), PR_EINVAL);
	series("trigger: {date: birthday}\naudience: {segment: size > 5}", now);
	ck_assert_int_eq(pr_series_look(&source, &found, &e), PR_EINVAL);
}
END_TEST

/* ---- what they did ---- */

static void
watch(const char *name)
{
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_occur_watch(audience, pr_str(name), &e), &e), &e);
}

START_TEST(events_from_the_beginning_on_are_met_each_once)
{
	int64_t now = pr_utc_ms();
	watch("signup");
	happen("eve@a.example", "signup", now - PR_HOUR_MS);
	series("trigger: {event: signup, after: 1h, late: 2h}", pr_utc_ms() + 1);
	look(now);
	ck_assert(found.n == 0 && found.seen == 1 && !found.more);
	take();
	look(now);
	ck_assert(found.n == 0 && found.seen == -1 && !found.more); /* nothing came */
	happen(ANN, "signup", now - 5);
	happen(ANN, "signup", now);
	happen("bob@a.example", "visit", now);
	happen("bob@a.example", "signup", now - 3 * PR_HOUR_MS + 1); /* due two hours ago, nearly */
	happen("cid@a.example", "signup", now - 3 * PR_HOUR_MS);
	look(now);
	ck_assert_str_eq(who(), "ann ann bob");
	ck_assert(found.seen == 5 && found.more);
	ck_instant_eq(found.entries[0].due_ms, now - 5 + PR_HOUR_MS);
	ck_assert_int_eq(found.entries[0].occurrence, now - 5);
	/* It was killed before that was written: the same again. */
	look(now);
	ck_assert_uint_eq(found.n, 3);
	take();
	look(now);
	ck_assert(found.n == 0 && !found.more);
}
END_TEST

START_TEST(many_events_are_met_some_at_a_time)
{
	int64_t now = pr_utc_ms();
	unsigned looks = 0, n = 0;
	watch("signup");
	series("trigger: {event: signup}", now);
	look(now);
	take();
	ok(pr_db_begin(audience->db, &e), &e);
	for (unsigned i = 0; i < 1203; i++) {
		bool forgotten = false;
		char address[40];
		snprintf(address, sizeof address, "p%u@a.example", i);
		struct pr_customer_event v = {
		    .address = pr_str(address), .name = PR_STR("signup"), .at_ms = now};
		struct pr_event_batch b = {.events = &v, .n = 1, .forgotten = &forgotten};
		ok(pr_events_put(audience, &b, INT64_MAX, &e), &e);
	}
	ok(pr_db_end(audience->db, 0, &e), &e);
	do {
		look(now);
		n += found.n;
		looks++;
		take();
	} while (found.more && looks < 10);
	ck_assert_uint_eq(n, 1203);
	ck_assert_uint_eq(looks, 4);
	ck_assert_int_eq(pr_series_seen(ledger), 1203);
}
END_TEST

/* ---- what they did not do ---- */

START_TEST(who_reaches_the_time_of_an_absence_enters_for_it_once)
{
	happen(ANN, "order", NOW - 60 * DAY + 1);
	happen("bob@a.example", "order", NOW - 60 * DAY);
	happen("cid@a.example", "order", NOW - 60 * DAY - 1); /* reached it before */
	put((struct person){.address = "dan@a.example"});     /* never ordered */
	series("trigger: {absence: order, after: 60d}", NOW);
	look(NOW);
	ck_assert_uint_eq(found.n, 0);
	look(NOW + 1);
	ck_assert_str_eq(who(), "bob");
	ck_assert_int_eq(found.entries[0].occurrence, NOW - 60 * DAY);
	ck_instant_eq(found.entries[0].due_ms, NOW + 1);
	take();
	ck_assert_int_eq(pr_series_seen(ledger), 1);
	look(NOW + 2);
	ck_assert_str_eq(who(), "ann");
	happen(ANN, "order", NOW + 2);
	look(NOW + 3);
	ck_assert_uint_eq(found.n, 0);
	happen("bob@a.example", "order", NOW + 5);
	look(NOW + 60 * DAY + 6);
	ck_assert_str_eq(who(), "ann bob"); /* another absence */
}
END_TEST

START_TEST(an_absence_that_was_seen_too_late_is_let_go)
{
	happen(ANN, "order", NOW - 50 * DAY);
	series("trigger: {absence: order, after: 60d, late: 2d}", NOW);
	look(NOW + 12 * DAY);
	ck_assert_str_eq(who(), "ann");
	look(NOW + 12 * DAY + 1);
	ck_assert_uint_eq(found.n, 0);
}
END_TEST

START_TEST(who_is_absent_already_enters_where_it_says_so_and_only_at_the_start)
{
	happen(ANN, "order", NOW - 900 * DAY);
	happen("bob@a.example", "order", NOW - 3 * DAY);
	series("trigger: {absence: order, after: 60d, existing: true}", NOW);
	look(NOW);
	ck_assert_str_eq(who(), "ann");
	ck_assert_int_eq(found.seen, 1);
	take();
	happen("cid@a.example", "order", NOW - 800 * DAY); /* imported later */
	look(NOW + DAY);
	ck_assert_uint_eq(found.n, 0);
}
END_TEST

/* ---- a segment ---- */

static void
points(const char *name, const char *value)
{
	char address[40];
	snprintf(address, sizeof address, "%s@a.example", name);
	put((struct person){.address = address, .values = {[POINTS] = value}});
}

START_TEST(who_comes_into_a_segment_enters_and_who_leaves_may_come_again)
{
	points("ann", "200");
	points("bob", "50");
	points("cid", "60");
	series("trigger: {segment: points > 100}", NOW);
	look(NOW);
	ck_assert(found.n == 0 && found.inside_n == 1 && found.seen == 1);
	take();
	look(NOW + 1);
	ck_assert(found.n == 0 && found.inside_n == 0 && found.outside_n == 0);
	points("bob", "150");
	points("cid", "160");
	points("ann", "1");
	look(NOW + 2);
	ck_assert_str_eq(who(), "bob cid");
	ck_assert(found.inside_n == 2 && found.outside_n == 1);
	ck_assert_int_eq(found.outside[0], id_of(ANN));
	for (size_t i = 0; i < found.n; i++)
		ck_assert_int_eq(found.inside[i], found.entries[i].contact);
	take();
	points("bob", "3");
	delete ("cid@a.example"); /* the last of the order */
	look(NOW + 3);
	ck_assert(found.n == 0 && found.outside_n == 2);
	take();
	points("bob", "300");
	look(NOW + 4);
	ck_assert_str_eq(who(), "bob");
	take(); /* within 30 days: inside, but it is not for them */
	struct pr_series_tally t;
	ok(pr_series_tally(ledger, &t, &e), &e);
	ck_assert_uint_eq(t.of[PR_SERIES_UNDER_WAY], 2);
	look(NOW + 5);
	ck_assert_uint_eq(found.n + found.inside_n, 0);
}
END_TEST

START_TEST(who_is_in_a_segment_already_enters_where_it_says_so)
{
	points("ann", "200");
	points("bob", "50");
	series("trigger: {segment: points > 100, existing: true}", NOW);
	look(NOW);
	ck_assert_str_eq(who(), "ann");
	ck_assert_int_eq(found.seen, 1);
	take();
	points("bob", "500");
	look(NOW + 1);
	ck_assert_str_eq(who(), "bob");
}
END_TEST

/* In the audience and in the segment: coming into either, for who is in the other, counts. */
START_TEST(a_segment_is_asked_within_the_audience)
{
	static const char *const audiences[] = {"{list: news}",
	                                        "{segment: \"in_list('news') or points < 0\"}"};
	for (int i = 0; i < ROWS(audiences); i++) {
		char keys[200];
		points("ann", "200");
		points("bob", "200");
		put_exact((struct person){.address = "bob@a.example", .lists = ""}, true);
		put((struct person){.address = ANN, .lists = "news"});
		snprintf(keys, sizeof keys,
		         "trigger: {segment: points > 100 or points < -100, existing: true}\n"
		         "audience: %s",
		         audiences[i]);
		series(keys, NOW);
		look(NOW);
		ck_assert_str_eq(who(), "ann");
		put((struct person){.address = "bob@a.example", .lists = "news"});
		look(NOW + 1);
		ck_assert_str_eq(who(), "ann bob");
	}
}
END_TEST

/* ---- making ---- */

static struct pr_series_move moves[PR_SERIES_MAKE_MAX];

static struct pr_series_due
due_of(const char *address, int64_t occurrence)
{
	return (struct pr_series_due){.person = pr_series_person(ledger, pr_str(address)),
	                              .contact = id_of(address),
	                              .occurrence = occurrence,
	                              .entered_ms = NOW,
	                              .step = 1};
}

static void
make(const struct pr_series_due *due, size_t n, int64_t now_ms)
{
	source.now_ms = now_ms;
	ok(pr_series_make(&source, due, n, &arena, moves, &e), &e);
}

static const char *
fields_of(const struct pr_series_move *m)
{
	static char text[200];
	struct pr_str f[4];
	size_t n = pr_fields_unpack(m->row.data, f, 4);
	*text = 0;
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s|", (int)f[i].n,
		         f[i].p);
	return text;
}

START_TEST(a_row_is_what_is_known_now_in_the_columns_of_the_ledger)
{
	put((struct person){"Ann@A.Example", NULL, NULL, {"Ann", "1990-03-02", "5"}});
	series("trigger: {event: signup}", NOW);
	struct pr_series_due due = due_of(ANN, NOW);
	put((struct person){.address = ANN, .values = {"Anna"}}); /* corrected meanwhile */
	make(&due, 1, NOW + 7);
	ck_assert_int_eq(moves[0].end, PR_SERIES_UNDER_WAY);
	ck_assert_int_eq(moves[0].row.state, PR_PENDING);
	ck_instant_eq(moves[0].row.due_ms, NOW + 7);
	ck_assert(pr_str_eq_nocase(moves[0].row.email, PR_STR(ANN)));
	ck_assert(pr_str_is(moves[0].row.domain, "a.example"));
	ck_assert(pr_str_starts(pr_str(fields_of(&moves[0])), "Anna||"));
	ck_assert_uint_eq(moves[0].of.person, due.person);
	struct pr_series_plan plan = pr_series_plan_of(manifest);
	struct pr_series_moved moved;
	ck_assert(plan.n == 1 && plan.after_ms[0] == 0 && !plan.skip[0]);
	struct pr_series_entry in = {due.person, NOW, due.contact, NOW};
	ok(pr_series_enter(
	       ledger, &(struct pr_series_entering){.entries = &in, .n = 1, .seen = -1, .step = 1},
	       &e),
	   &e);
	ok(pr_series_move(ledger, &plan, moves, 1, NOW, false, &moved, &e), &e);
	ck_assert(moved.pending == 1 && moved.ended.of[PR_SERIES_THROUGH] == 1);
}
END_TEST

START_TEST(the_plan_is_what_the_steps_say)
{
	series("trigger: {event: signup}\n"
	       "steps: {a: {}, b: {after: 2d, skip: true}, c: {after: 3h}}",
	       NOW);
	struct pr_series_plan p = pr_series_plan_of(manifest);
	ck_assert_uint_eq(p.n, 3);
	ck_assert(p.after_ms[0] == 0 && p.after_ms[1] == 2 * DAY &&
	          p.after_ms[2] == 3 * PR_HOUR_MS);
	ck_assert(!p.skip[0] && p.skip[1] && !p.skip[2]);
}
END_TEST

#define SIGNUP "trigger: {event: signup}\n"
#define EXIT(what) "trigger: {event: signup, exit: {" what "}}\n"
#define NEWS "audience: {list: news}\n"

static void
nothing(void)
{
}
static void
leaves_the_list(void)
{
	put_exact((struct person){.address = ANN, .lists = ""}, true);
}
static void
is_deleted(void)
{
	delete (ANN);
}
static void
number_goes_to_another(void)
{
	int64_t id = id_of(ANN);
	delete (ANN);
	put((struct person){"zoe@a.example", "news", NULL, {"Zoe", "", "200", "yes"}});
	ck_assert_int_eq(id_of("zoe@a.example"), id);
}
static void
is_a_contact_anew(void)
{
	delete (ANN);
	put((struct person){ANN, "news", NULL, {"Ann", "", "200", "yes"}});
}
static void
orders(void)
{
	happen(ANN, "order", NOW + 1);
}
static void
ordered_before(void)
{
	happen(ANN, "order", NOW);
}
static void
visits(void)
{
	happen(ANN, "visit", NOW + 1);
}
static void
has_no_name(void)
{
	put_exact((struct person){.address = ANN, .values = {""}}, true);
}
static void
does_not_agree(void)
{
	put((struct person){.address = ANN, .values = {[AGREED] = "no"}});
}
static void
has_few_points(void)
{
	put((struct person){.address = ANN, .values = {[POINTS] = "3"}});
}
static void
leaves_and_orders(void)
{
	leaves_the_list();
	orders();
}

/* Ann is on the list news, is called Ann, has 200 points and agreed; entered at NOW for what was
 * then. */
static const struct {
	const char *keys;
	void (*what)(void);
	enum pr_series_end end;
	const char *skipped; /* why the row is, if it is */
} ends[] = {
    {SIGNUP, nothing, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP NEWS, nothing, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP NEWS, leaves_the_list, PR_SERIES_LEFT, NULL},
    {SIGNUP, leaves_the_list, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP, is_deleted, PR_SERIES_GONE, NULL},
    {SIGNUP NEWS, is_deleted, PR_SERIES_GONE, NULL},
    {SIGNUP NEWS, number_goes_to_another, PR_SERIES_GONE, NULL},
    {SIGNUP NEWS, is_a_contact_anew, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP "audience: {segment: points > 100}", has_few_points, PR_SERIES_LEFT, NULL},
    /* what it was about */
    {EXIT("event: order"), nothing, PR_SERIES_UNDER_WAY, NULL},
    {EXIT("event: order"), orders, PR_SERIES_DID, NULL},
    {EXIT("event: order"), ordered_before, PR_SERIES_UNDER_WAY, NULL},
    {EXIT("event: order"), visits, PR_SERIES_UNDER_WAY, NULL},
    {EXIT("event: [order, visit]"), visits, PR_SERIES_DID, NULL},
    {EXIT("event: dance"), orders, PR_SERIES_UNDER_WAY, NULL},
    {EXIT("event: order") NEWS, leaves_and_orders, PR_SERIES_LEFT, NULL},
    {EXIT("when: points < 100"), nothing, PR_SERIES_UNDER_WAY, NULL},
    {EXIT("when: points < 100"), has_few_points, PR_SERIES_LEFT, NULL},
    {EXIT("when: points < 100, event: order"), orders, PR_SERIES_DID, NULL},
    /* the other kinds */
    {"trigger: {date: birthday, exit: {event: order}}", orders, PR_SERIES_DID, NULL},
    {"trigger: {date: birthday, exit: {event: order}}", ordered_before, PR_SERIES_UNDER_WAY, NULL},
    {"trigger: {absence: order, after: 60d}", orders, PR_SERIES_DID, NULL},
    {"trigger: {absence: order, after: 60d}", ordered_before, PR_SERIES_UNDER_WAY, NULL},
    {"trigger: {absence: order, after: 60d}", visits, PR_SERIES_UNDER_WAY, NULL},
    {"trigger: {absence: order, after: 60d, exit: {event: visit}}", visits, PR_SERIES_DID, NULL},
    {"trigger: {segment: points > 100}", nothing, PR_SERIES_UNDER_WAY, NULL},
    {"trigger: {segment: points > 100}", has_few_points, PR_SERIES_LEFT, NULL},
    {"trigger: {segment: points > 100, exit: {stay: true}}", has_few_points, PR_SERIES_UNDER_WAY,
     NULL},
    {"trigger: {segment: points > 100, exit: {event: order}}", orders, PR_SERIES_DID, NULL},
    {"trigger: {segment: points > 100}", is_deleted, PR_SERIES_GONE, NULL},
    /* what their row lacks */
    {SIGNUP "required: [first_name]", nothing, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP "required: [first_name]", has_no_name, PR_SERIES_UNDER_WAY, "first_name"},
    {SIGNUP, has_no_name, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP "consent: {column: agreed}", nothing, PR_SERIES_UNDER_WAY, NULL},
    {SIGNUP "consent: {column: agreed}", does_not_agree, PR_SERIES_LEFT, NULL},
    {SIGNUP "consent: {column: agreed}", is_deleted, PR_SERIES_GONE, NULL},
};

START_TEST(a_step_is_made_or_ends_by_what_became_of_somebody)
{
	put((struct person){ANN, "news", NULL, {"Ann", "", "200", "yes"}});
	series(ends[_i].keys, NOW);
	struct pr_series_due due = due_of(ANN, NOW);
	ends[_i].what();
	make(&due, 1, NOW + DAY);
	ck_assert_msg(moves[0].end == ends[_i].end, "%s: %s, not %s", ends[_i].keys,
	              pr_series_end_word(moves[0].end), pr_series_end_word(ends[_i].end));
	if (moves[0].end != PR_SERIES_UNDER_WAY)
		return;
	ck_assert_int_eq(moves[0].row.state, ends[_i].skipped ? PR_SKIPPED : PR_PENDING);
	ck_instant_eq(moves[0].row.due_ms, ends[_i].skipped ? 0 : NOW + DAY);
	ck_assert(!ends[_i].skipped || strstr(moves[0].row.reason.p, ends[_i].skipped));
	ck_assert(pr_str_is(moves[0].row.email, ANN));
}
END_TEST

START_TEST(who_is_due_twice_gets_both_and_each_ends_by_its_own_occurrence)
{
	put((struct person){ANN, "news", NULL, {"Ann"}});
	put((struct person){"bob@a.example", "news", NULL, {"Bob"}});
	series(EXIT("event: order"), NOW);
	struct pr_series_due due[] = {due_of(ANN, NOW + 5), due_of("bob@a.example", NOW),
	                              due_of(ANN, NOW)};
	make(due, 3, NOW + DAY);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(moves[i].end, PR_SERIES_UNDER_WAY);
		ck_assert_int_eq(moves[i].of.occurrence, due[i].occurrence);
		ck_assert(pr_str_is(moves[i].row.email, i == 1 ? "bob@a.example" : ANN));
	}
	happen(ANN, "order", NOW + 3);
	make(due, 3, NOW + DAY);
	ck_assert_int_eq(moves[0].end, PR_SERIES_UNDER_WAY); /* signed up after it */
	ck_assert_int_eq(moves[1].end, PR_SERIES_UNDER_WAY);
	ck_assert_int_eq(moves[2].end, PR_SERIES_DID);
}
END_TEST

START_TEST(as_many_as_may_be_due_at_once_are_made)
{
	static struct pr_series_due due[PR_SERIES_MAKE_MAX];
	series(SIGNUP NEWS, NOW);
	for (unsigned i = 0; i < PR_SERIES_MAKE_MAX; i++) {
		char address[40];
		snprintf(address, sizeof address, "p%u@a.example", i);
		put((struct person){address, i % 5 ? "news" : "", NULL, {"P"}});
		due[PR_SERIES_MAKE_MAX - 1 - i] = due_of(address, NOW);
	}
	make(due, PR_SERIES_MAKE_MAX, NOW);
	for (unsigned i = 0; i < PR_SERIES_MAKE_MAX; i++)
		ck_assert_int_eq(moves[PR_SERIES_MAKE_MAX - 1 - i].end,
		                 i % 5 ? PR_SERIES_UNDER_WAY : PR_SERIES_LEFT);
	make(due, 0, NOW); /* nobody: nothing to do */
}
END_TEST

/* The first contact that has an attribute makes it: the ledger was made before. */
START_TEST(what_is_required_may_become_an_attribute_later)
{
	struct pr_contact c = {.address = PR_STR(ANN)};
	bool forgotten = false;
	struct pr_contact_batch b = {.contacts = &c, .n = 1, .forgotten = &forgotten};
	ok(pr_db_begin(audience->db, &e), &e);
	ok(pr_db_end(audience->db, pr_contacts_put(audience, &b, INT64_MAX, &e), &e), &e);
	series(SIGNUP "required: [first_name]", NOW);
	struct pr_series_due due = due_of(ANN, NOW);
	ck_assert_int_eq(pr_series_make(&source, &due, 1, &arena, moves, &e), PR_EINVAL);
	ck_assert_msg(strstr(e.text, "no column \"first_name\""), "%s", e.text);
	put((struct person){.address = ANN, .values = {"Ann"}});
	make(&due, 1, NOW);
	ck_assert_int_eq(moves[0].row.state, PR_PENDING);
	ck_assert(pr_str_starts(pr_str(fields_of(&moves[0])), "Ann||"));
}
END_TEST

/* ---- coupons ---- */

static pr_coupons *
codes_of(const char *text)
{
	static const struct pr_coupons_source file = {.file = {.p = "codes.csv", .n = 9}};
	struct pr_problems problems = {0};
	pr_coupons *c = NULL;
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	int fd = openat(dir, "codes.csv", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	ok(pr_coupons_read(&file, dir, &c, &problems, &e), &e);
	close(dir);
	pr_problems_finish(&problems);
	return c;
}

/* "A1 - C3": the codes of the moves made last; "-": who waits. */
static const char *
codes_made(size_t n)
{
	static char text[100];
	struct pr_str f[4];
	*text = 0;
	for (size_t i = 0; i < n; i++) {
		pr_fields_unpack(moves[i].row.data, f, 4);
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i ? " " : "",
		         moves[i].waits ? 1 : (int)f[3].n, moves[i].waits ? "-" : f[3].p);
	}
	return text;
}

START_TEST(each_has_one_code_for_all_their_messages_and_waits_where_there_is_none)
{
	struct pr_series_due due[3];
	struct pr_series_entry in[3];
	struct pr_series_moved moved;
	series("trigger: {event: signup}\ncoupons: codes.csv\n"
	       "steps: {a: {}, b: {after: 1d}}",
	       NOW);
	pr_coupons *two = codes_of("A1\nB2\n"), *four = codes_of("A1\nB2\nC3\nD4\n");
	for (int i = 0; i < 3; i++) {
		char address[40];
		snprintf(address, sizeof address, "%s@a.example", names[i]);
		put((struct person){.address = address, .values = {"X"}});
		due[i] = due_of(address, NOW);
		in[i] = (struct pr_series_entry){due[i].person, NOW, due[i].contact, NOW};
	}
	struct pr_series_entering entering = {.entries = in, .n = 3, .seen = -1, .step = 1};
	ok(pr_series_enter(ledger, &entering, &e), &e);
	struct pr_series_plan plan = pr_series_plan_of(manifest);
	source.coupons = two;
	make(due, 3, NOW);
	ck_assert_str_eq(codes_made(3), "A1 B2 -");
	ok(pr_series_move(ledger, &plan, moves, 3, NOW, true, &moved, &e), &e);
	ck_assert_uint_eq(moved.pending, 2);
	ck_assert_uint_eq(pr_series_coupons(ledger), 2);
	struct pr_series_due found_due[3];
	struct pr_series_asked asked = {.due = found_due, .max = 3};
	ok(pr_series_ask(ledger, &plan, NOW, &asked, &e), &e);
	ck_assert(asked.n == 1 && asked.due[0].coupon == 0); /* who waits is still due */
	source.coupons = four;
	due[0].coupon = 1; /* as the ledger has it */
	make(due, 3, NOW);
	ck_assert_str_eq(codes_made(3), "A1 C3 D4"); /* bob asks as if for the first time */
	pr_coupons_free(two);
	pr_coupons_free(four);
}
END_TEST

static const struct {
	const char *now;
	const char *told; /* NULL: nothing */
} follows[] = {
    {"A1\nB2\nC3\nD4\n", NULL},
    {"A1\nB2\nX9\n", NULL}, /* the third was not given away */
    {"A1\nB2\n", NULL},
    {"A1\nC3\nB2\n", "coupons: code 2 is another one, and 2 are given away"},
    {"A1\n", "coupons: code 2 is another one, and 2 are given away"},
};

START_TEST(codes_that_are_given_away_stay_in_their_place)
{
	static const struct pr_text at = {.p = "codes.csv", .n = 9, .line = 3};
	struct pr_problems problems = {0};
	pr_coupons *before = codes_of("A1\nB2\nC3\n"), *now = codes_of(follows[_i].now);
	int r = pr_series_coupons_follow(before, now, 2, &at, &problems);
	ck_assert_int_eq(r, follows[_i].told ? PR_EINVAL : 0);
	if (follows[_i].told)
		ck_assert_str_eq(problems.items[0].what, follows[_i].told);
	pr_problems_finish(&problems);
	pr_coupons_free(before);
	pr_coupons_free(now);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_day_comes_at_its_hour_where_somebody_is, ROWS(instants)},
	    {a_day_that_is_too_long_ago_or_before_it_began_is_let_go, ROWS(lates)},
	    {many_zones_are_met_each_at_its_time},
	    {an_attribute_that_is_not_there_is_told},
	    {only_who_is_in_the_audience_enters},
	    {events_from_the_beginning_on_are_met_each_once},
	    {many_events_are_met_some_at_a_time},
	    {who_reaches_the_time_of_an_absence_enters_for_it_once},
	    {an_absence_that_was_seen_too_late_is_let_go},
	    {who_is_absent_already_enters_where_it_says_so_and_only_at_the_start},
	    {who_comes_into_a_segment_enters_and_who_leaves_may_come_again},
	    {who_is_in_a_segment_already_enters_where_it_says_so},
	    {a_segment_is_asked_within_the_audience},
	    {a_row_is_what_is_known_now_in_the_columns_of_the_ledger},
	    {the_plan_is_what_the_steps_say},
	    {a_step_is_made_or_ends_by_what_became_of_somebody, ROWS(ends)},
	    {who_is_due_twice_gets_both_and_each_ends_by_its_own_occurrence},
	    {as_many_as_may_be_due_at_once_are_made},
	    {what_is_required_may_become_an_attribute_later},
	    {each_has_one_code_for_all_their_messages_and_waits_where_there_is_none},
	    {codes_that_are_given_away_stay_in_their_place, ROWS(follows)},
	};
	return suite_run("campaign_series", setup, teardown, tests, ROWS(tests));
}
