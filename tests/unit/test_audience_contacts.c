/* Contacts in the store: attributes, lists, consents, slices, who was forgotten. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"

#include <stdlib.h>

/* ---- attributes ---- */

static const struct {
	const char *head, *name; /* NULL: none */
} names[] = {
    {"First Name", "first_name"},
    {"  a--b  ", "a_b"},
    {"2nd", "_2nd"},
    {"Email", "email_"},
    {"Recency", "recency_"},
    {"consent_at", "consent_at_"},
    {"\xC3\x84", NULL},
    {"", NULL},
    {"a\"; DROP TABLE x", "a_drop_table_x"},
    {"order", "order"},
    {"_", NULL},
};

START_TEST(a_name_is_made_of_small_letters)
{
	char name[PR_ATTRIBUTE_NAME_SIZE];
	ck_assert_int_eq(pr_attribute_name(pr_str(names[_i].head), name), names[_i].name != NULL);
	if (names[_i].name) {
		ck_assert_str_eq(name, names[_i].name);
		ck_assert(pr_attribute_name_is_good(pr_str(name)));
	}
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	char head[200], name[PR_ATTRIBUTE_NAME_SIZE];
	memset(head, 'x', sizeof head - 1);
	head[sizeof head - 1] = 0;
	ck_assert(pr_attribute_name(pr_str(head), name));
	ck_assert(pr_attribute_name_is_good(pr_str(name)));
	ck_assert(!pr_attribute_name_is_good(pr_str(head)));
}
END_TEST

static const struct {
	enum pr_attribute_type type;
	const char *text, *stored; /* NULL: refused */
} values[] = {
    {PR_ATTRIBUTE_TEXT, "any thing", "any thing"},
    {PR_ATTRIBUTE_NUMBER, "-12.50", "-12.50"},
    {PR_ATTRIBUTE_NUMBER, "12.", NULL},
    {PR_ATTRIBUTE_NUMBER, "1e5", NULL},
    {PR_ATTRIBUTE_NUMBER, "", NULL},
    {PR_ATTRIBUTE_NUMBER, "1234567890123456", NULL}, /* more than a double holds exactly */
    {PR_ATTRIBUTE_NUMBER, "1,5", NULL},
    {PR_ATTRIBUTE_BOOLEAN, "Yes", "1"},
    {PR_ATTRIBUTE_BOOLEAN, "FALSE", "0"},
    {PR_ATTRIBUTE_BOOLEAN, "2", NULL},
    {PR_ATTRIBUTE_DATE, "1950-02-28", "1950-02-28"},
    {PR_ATTRIBUTE_DATE, "2024-02-29", "2024-02-29"},
    {PR_ATTRIBUTE_DATE, "1900-02-29", NULL},
    {PR_ATTRIBUTE_DATE, "2024-13-01", NULL},
    {PR_ATTRIBUTE_DATE, "2024-00-10", NULL},
    {PR_ATTRIBUTE_DATE, "2024-01-31 23:30+02:00", "2024-01-31T21:30:00Z"},
    {PR_ATTRIBUTE_DATE, "31/01/2024", NULL},
};

START_TEST(a_value_is_of_its_type_or_refused)
{
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str out;
	bool good = pr_attribute_read(values[_i].type, pr_str(values[_i].text), room, &out);
	ck_assert_int_eq(good, values[_i].stored != NULL);
	if (good)
		ck_assert(pr_str_is(out, values[_i].stored));
}
END_TEST

static const struct {
	const char *text;
	enum pr_attribute_type narrowest;
} guesses[] = {
    {"01067", PR_ATTRIBUTE_TEXT}, {"-007", PR_ATTRIBUTE_TEXT},   {"0.5", PR_ATTRIBUTE_NUMBER},
    {"0", PR_ATTRIBUTE_NUMBER},   {"yes", PR_ATTRIBUTE_BOOLEAN}, {"2024-02-29", PR_ATTRIBUTE_DATE},
    {"+4930", PR_ATTRIBUTE_TEXT}, {"2024", PR_ATTRIBUTE_NUMBER},
};

START_TEST(a_type_is_guessed)
{
	unsigned could = pr_attribute_guess(pr_str(guesses[_i].text));
	unsigned narrowest = 1u << guesses[_i].narrowest, text = 1u << PR_ATTRIBUTE_TEXT;
	ck_assert_uint_eq(could, narrowest | text);
}
END_TEST

/* ---- the store ---- */

static const struct pr_attribute attributes[] = {{"name", PR_ATTRIBUTE_TEXT},
                                                 {"points", PR_ATTRIBUTE_NUMBER}};

/* One call, as a slice has it: until `end`. */
static int
put(pr_audience *a, struct pr_contact_batch *b, int64_t end, struct pr_error *e)
{
	ok(pr_db_begin(a->db, e), e);
	return pr_db_end(a->db, pr_contacts_put(a, b, end, e), e);
}

static struct pr_contact_batch
put_one(pr_audience *a, const char *address, const char *name, const char *points, bool exact)
{
	struct pr_error e = {0};
	static bool forgotten[1];
	struct pr_str said[] = {pr_str(name), pr_str(points)};
	struct pr_contact c = {.address = pr_str(address), .values = said};
	struct pr_contact_batch b = {.attributes = attributes,
	                             .attributes_n = 2,
	                             .contacts = &c,
	                             .n = 1,
	                             .exact = exact,
	                             .list = PR_STR("all"),
	                             .forgotten = forgotten};
	ok(put(a, &b, INT64_MAX, &e), &e);
	return b;
}

static bool
note(void *context, const struct pr_contact_view *v)
{
	pr_buf_addf(context, "%.*s", (int)v->address.n, v->address.p);
	for (size_t i = 0; i < v->n; i++)
		pr_buf_addf(context, ",%.*s", (int)v->values[i].n,
		            v->values[i].p ? v->values[i].p : "");
	pr_buf_addc(context, ';');
	return true;
}

static const char *
all_of(pr_audience *a, const char *list)
{
	static struct pr_buf out;
	struct pr_error e = {0};
	pr_buf_clear(&out);
	pr_buf_adds(&out, "");
	ok(pr_contacts_page(a, PR_STR(""), pr_str(list), 100, note, &out, &e), &e);
	return out.data;
}

START_TEST(what_is_not_said_stays_and_what_is_empty_goes_when_exact)
{
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	ck_assert_uint_eq(put_one(a, "Bob@b.example", "Bob", "1.50", false).added, 1);
	ck_assert_uint_eq(put_one(a, "ann@a.example", "Ann", NULL, false).added, 1);
	ck_assert_str_eq(all_of(a, ""), "ann@a.example,Ann,;bob@b.example,Bob,1.5;");
	ck_assert_uint_eq(put_one(a, "bob@B.example", NULL, "2", false).kept, 1);
	put_one(a, "ann@a.example", "", NULL, true);
	ck_assert_str_eq(all_of(a, "all"), "ann@a.example,,;bob@b.example,Bob,2;");
	ck_assert_str_eq(all_of(a, "nobody"), "");
	pr_audience_close(a);
}
END_TEST

START_TEST(an_attribute_keeps_its_type)
{
	static const struct pr_attribute other[] = {{"new", PR_ATTRIBUTE_TEXT},
	                                            {"points", PR_ATTRIBUTE_DATE}};
	struct pr_error e = {0};
	struct pr_attribute *all;
	size_t n;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	put_one(a, "ann@a.example", "Ann", "1", false);
	struct pr_contact_batch b = {.attributes = other, .attributes_n = 2};
	ck_assert_int_eq(put(a, &b, INT64_MAX, &e), PR_EINVAL);
	ck_assert_str_eq(e.text, "the attribute points is a number, not a date");
	ok(pr_contact_attributes(a, &all, &n, &e), &e);
	ck_assert_uint_eq(n, 2); /* nothing of it happened */
	free(all);
	pr_audience_close(a);
}
END_TEST

START_TEST(attributes_and_lists_are_bounded)
{
	static struct pr_attribute many[PR_ATTRIBUTES_MAX + 1];
	struct pr_error e = {0};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (unsigned i = 0; i <= PR_ATTRIBUTES_MAX; i++)
		snprintf(many[i].name, sizeof many[i].name, "n%u", i);
	struct pr_contact_batch b = {.attributes = many, .attributes_n = PR_ATTRIBUTES_MAX + 1};
	ck_assert_int_eq(put(a, &b, INT64_MAX, &e), PR_ELIMIT);
	b.attributes_n--;
	ok(put(a, &b, INT64_MAX, &e), &e);
	char list[20];
	b.attributes_n = 0;
	for (unsigned i = 0; i < PR_LISTS_MAX; i++) {
		snprintf(list, sizeof list, "l%u", i);
		b.list = pr_str(list);
		ok(put(a, &b, INT64_MAX, &e), &e);
	}
	b.list = PR_STR("one-more");
	ck_assert_int_eq(put(a, &b, INT64_MAX, &e), PR_ELIMIT);
	pr_audience_close(a);
}
END_TEST

START_TEST(a_slice_ends_in_time_and_the_next_goes_on)
{
	enum { MANY = 500 };
	static struct pr_contact many[MANY];
	static char addresses[MANY][24];
	static bool forgotten[MANY];
	struct pr_error e = {0};
	uint64_t count;
	unsigned slices = 0;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(addresses[i], sizeof addresses[i], "u%03u@a.example", i);
		many[i].address = pr_str(addresses[i]);
	}
	struct pr_contact_batch b = {.contacts = many, .n = MANY, .forgotten = forgotten};
	for (; b.at < b.n; slices++)
		ok(put(a, &b, 0, &e), &e); /* the time was over before */
	ck_assert_uint_gt(slices, 3);
	ck_assert_uint_eq(b.added, MANY);
	ok(pr_contact_count(a, &count, &e), &e);
	ck_assert_uint_eq(count, MANY);
	pr_audience_close(a);
}
END_TEST

static bool
note_consent(void *context, const struct pr_contact_consent *c)
{
	pr_buf_addf(context, "%.*s %.*s;", (int)c->purpose.n, c->purpose.p, (int)c->text.n,
	            c->text.p);
	return true;
}

static bool
note_id(void *context, const struct pr_contact_view *v)
{
	*(int64_t *)context = v->id;
	return true;
}

START_TEST(the_latest_consent_of_a_purpose_stands)
{
	static const struct {
		const char *purpose, *text;
		int64_t at_ms;
	} said[] = {{"news", "v2", 20}, {"news", "v1", 10}, {"sms", "v1", 5}, {"news", "v3", 30}};
	struct pr_error e = {0};
	struct pr_buf out = {0};
	bool forgotten[1] = {false};
	int64_t id = 0;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		struct pr_contact c = {.address = PR_STR("ann@a.example"),
		                       .consent = {.purpose = pr_str(said[i].purpose),
		                                   .text = pr_str(said[i].text),
		                                   .at_ms = said[i].at_ms}};
		struct pr_contact_batch b = {.contacts = &c, .n = 1, .forgotten = forgotten};
		ok(put(a, &b, INT64_MAX, &e), &e);
	}
	ok(pr_contact_find(a, PR_STR("ANN@a.example"), note_id, &id, &e), &e);
	ok(pr_contact_consents_of(a, id, note_consent, &out, &e), &e);
	ck_assert_str_eq(out.data, "news v3;sms v1;");
	pr_buf_finish(&out);
	pr_audience_close(a);
}
END_TEST

START_TEST(who_is_forgotten_is_no_contact_and_becomes_none)
{
	struct pr_error e = {0};
	struct pr_suppression s = suppression("Ann@a.example", "all", PR_SUPPRESSION_FORGOTTEN);
	uint64_t generation;
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	put_one(a, "ann@a.example", "Ann", "1", false);
	put_one(a, "bob@a.example", "Bob", "2", false);
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_add(a, &s, &added, &e);
	ok(pr_audience_change_end(a, r, &generation, &e), &e);
	ck_assert_str_eq(all_of(a, "all"), "bob@a.example,Bob,2;");
	ck_assert(put_one(a, "ANN@a.example", "Ann", "1", false).forgotten[0]);
	ck_assert(!put_one(a, "bob@a.example", "Bob", "3", false).forgotten[0]);
	ck_assert_str_eq(all_of(a, ""), "bob@a.example,Bob,3;");
	pr_audience_close(a);
}
END_TEST

/* ---- on the desk ---- */

struct counted {
	struct pr_audience_work work;
	unsigned steps, fail_at, answered;
	int result;
};

static int
count_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct counted *c = PR_CONTAINER(w, struct counted, work);
	(void)end_mono_ms;
	char sql[100];
	snprintf(sql, sizeof sql, "INSERT INTO lists VALUES (NULL, 'l%u')", c->steps);
	ok(pr_db_exec(a->db, sql, &w->error), &w->error);
	if (++c->steps == c->fail_at)
		return pr_fail(&w->error, PR_EINVAL, "not so");
	return c->steps < 5;
}

static void
count_done(struct pr_audience_work *w, int result)
{
	struct counted *c = PR_CONTAINER(w, struct counted, work);
	c->answered++;
	c->result = result;
}

static bool
count_list(void *context, struct pr_str name, uint64_t contacts)
{
	(void)name;
	(void)contacts;
	++*(unsigned *)context;
	return true;
}

START_TEST(work_is_done_in_slices_and_one_that_fails_leaves_those_before)
{
	struct pr_error e = {0};
	struct counted c = {.work = {.step = count_step, .done = count_done}, .fail_at = 3};
	unsigned lists = 0;
	pr_loop *loop;
	pr_audience_desk *desk;
	ok(pr_loop_create(&loop, &e), &e);
	ok(pr_audience_desk_open(loop, store_path, &desk, &e), &e);
	pr_audience_desk_work(desk, &c.work);
	while (c.answered == 0)
		pr_loop_turn_wait(loop);
	ck_assert_int_eq(c.result, PR_EINVAL);
	pr_audience *a = open_store(PR_AUDIENCE_READ);
	ok(pr_contact_lists(a, count_list, &lists, &e), &e);
	ck_assert_uint_eq(lists, 2);
	pr_audience_close(a);
	pr_audience_desk_stop(desk);
	pr_audience_desk_work(desk, &c.work);
	ck_assert_int_eq(c.result, PR_ESTATE);
	ck_assert_uint_eq(c.answered, 2);
	pr_audience_desk_close(desk);
	pr_loop_destroy(loop);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_name_is_made_of_small_letters, ROWS(names)},
	    {a_long_name_is_cut},
	    {a_value_is_of_its_type_or_refused, ROWS(values)},
	    {a_type_is_guessed, ROWS(guesses)},
	    {what_is_not_said_stays_and_what_is_empty_goes_when_exact},
	    {an_attribute_keeps_its_type},
	    {attributes_and_lists_are_bounded},
	    {a_slice_ends_in_time_and_the_next_goes_on},
	    {the_latest_consent_of_a_purpose_stands},
	    {who_is_forgotten_is_no_contact_and_becomes_none},
	    {work_is_done_in_slices_and_one_that_fails_leaves_those_before},
	};
	return suite_run("audience_contacts", make_world, remove_folder, tests, ROWS(tests));
}
