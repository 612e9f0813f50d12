/* exclude: whom an earlier campaign was sent to, and contacts, by address. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"
#include "../../src/campaign/recipients_internal.h"

#include "postrider/audience/contacts.h"

#include <sys/stat.h>
#include <utime.h>

#define TEXT(s) ((struct pr_text){.p = (s), .n = sizeof(s) - 1})
#define ROWS_OF 8u

static pr_audience *audience;
static struct pr_config config;
static struct pr_error e;

/* What became of rows 1 to 8 of a campaign; rows 7 and 8 are pending. */
static const enum pr_state became[] = {PR_DELIVERED, PR_IN_DOUBT,   PR_BOUNCED,
                                       PR_DEFERRED,  PR_SUPPRESSED, PR_DELIVERED};

static void
make_path(const char *parent, const char *id)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", folder, parent);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s/%s", folder, parent, id);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
written(const char *path, int64_t utc_ms)
{
	struct utimbuf times = {utc_ms / 1000, utc_ms / 1000};
	ck_assert_int_eq(utime(path, &times), 0);
}

static void
add_rows(pr_ledger *l, const char *prefix)
{
	static const struct pr_str none = PR_STR("");
	struct pr_buf data = {0};
	pr_fields_pack(&data, &none, 1);
	for (uint32_t row = 1; row <= ROWS_OF; row++) {
		char email[60];
		snprintf(email, sizeof email, "%s%u@%s", prefix, row,
		         row == 6 ? "A.Example" : "a.example");
		struct pr_ledger_new n = {.row = row,
		                          .email = pr_str(email),
		                          .domain = PR_STR("a.example"),
		                          .data = pr_buf_str(&data),
		                          .state = PR_PENDING};
		ok(pr_ledger_add(l, &n, &e), &e);
	}
	pr_buf_finish(&data);
}

/* Sent days ago; row 6 two days before the others. done: its import has ended. */
static void
make_campaign(const char *parent, const char *id, const char *prefix, int days, bool done)
{
	static const struct pr_str columns[] = {PR_STR("email")};
	struct pr_ledger_identity i = identity();
	struct script s = {0};
	char path[300];
	pr_ledger *l;
	make_path(parent, id);
	snprintf(i.id, sizeof i.id, "%s", id);
	snprintf(path, sizeof path, "%s/%s/%s/ledger.db", folder, parent, id);
	ok(pr_ledger_create(path, &i, columns, 1, &l, &e), &e);
	add_rows(l, prefix);
	if (done)
		ok(pr_ledger_import_done(l, &e), &e);
	for (uint32_t row = 1; done && row <= sizeof became / sizeof *became; row++) {
		script_outcome(
		    &s, row, row,
		    (struct pr_outcome){.state = (uint8_t)became[row - 1], .attempts = 1});
		s.records[s.n - 1].at_ms = NOW - (days + (row == 6 ? 2 : 0)) * PR_DAY_MS;
	}
	if (done)
		fold_script(l, &s, 100);
	script_finish(&s);
	pr_ledger_close(l);
	written(path, NOW);
}

static void
put_contact(const char *address, const char *list, const char *points)
{
	static const struct pr_attribute attribute = {"points", PR_ATTRIBUTE_NUMBER};
	static bool forgotten[1];
	struct pr_str value = pr_str(points);
	struct pr_contact c = {.address = pr_str(address), .lists = pr_str(list), .values = &value};
	struct pr_contact_batch b = {.attributes = &attribute,
	                             .attributes_n = 1,
	                             .contacts = &c,
	                             .n = 1,
	                             .forgotten = forgotten};
	ok(pr_contacts_put(audience, &b, INT64_MAX, &e), &e);
}

static void
open_world(void)
{
	make_world();
	config.spool = (struct pr_text){.p = folder, .n = strlen(folder)};
	make_campaign("done", "20270101-spring-sale-aaaa", "s", 1, true);
	make_campaign("done", "20270102-spring-sale-bbbb", "t", 5, true);
	make_campaign("active", "20270103-news-cccc", "n", 0, true);
	make_campaign("active", "20270104-being-read-dddd", "b", 0, false);
	make_path("done", "20270105-spring-sale-eeee"); /* its ledger is gone */
	audience = open_store(PR_AUDIENCE_WRITE);
	ok(pr_db_begin(audience->db, &e), &e);
	put_contact("Ann@a.example", "vip", "10");
	put_contact("bob@a.example", "other", "20");
	put_contact("cy@a.example", "", "5");
	ok(pr_db_end(audience->db, 0, &e), &e);
}

static void
close_world(void)
{
	pr_audience_close(audience);
	remove_folder();
}

static int
read_it(const struct pr_manifest *m, exclusion **x, struct pr_problems *problems)
{
	struct pr_recipients_from from = {.audience = audience, .config = &config, .utc_ms = NOW};
	return exclusion_read(m, &from, x, problems, &e);
}

static struct pr_text spring[] = {TEXT("spring-sale")}, news[] = {TEXT("20270103-news-cccc")},
		      pattern[] = {TEXT("*-spring-*")}, two[] = {TEXT("Spring Sale"), TEXT("news")},
		      nothing[] = {TEXT("nothing")}, reading[] = {TEXT("*being-read*")},
		      odd[] = {TEXT("../../*"), TEXT(""), TEXT("[")}, vip[] = {TEXT("vip")},
		      id_only[] = {TEXT("20270101-spring-sale-aaaa")};

static const struct {
	const char *name;
	struct pr_manifest_exclude exclude;
	const char *in, *out; /* addresses, with spaces between */
} cases[] = {
    {"by name, whoever it was delivered to or is in doubt",
     {.campaigns = {spring, 1}},
     "s1@a.example s2@a.example s6@a.example t1@a.example t2@a.example t6@a.example",
     "s3@a.example s4@a.example s5@a.example s7@a.example n1@a.example b1@a.example"},
    {"letter case is no difference",
     {.campaigns = {spring, 1}},
     "S1@A.EXAMPLE s1@A.example S6@a.example",
     "s1@b.example s1@a.exampl 1s@a.example"},
    {"by id", {.campaigns = {id_only, 1}}, "s1@a.example", "t1@a.example"},
    {"by pattern", {.campaigns = {pattern, 1}}, "s1@a.example t1@a.example", "n1@a.example"},
    {"under way", {.campaigns = {news, 1}}, "n1@a.example n2@a.example", "s1@a.example"},
    {"several", {.campaigns = {two, 2}}, "n1@a.example s1@a.example t1@a.example", "n3@a.example"},
    {"lately",
     {.campaigns = {spring, 1}, .within_ms = 2 * PR_DAY_MS},
     "s1@a.example s2@a.example", /* row 6: three days ago */
     "s6@a.example t1@a.example t2@a.example"},
    {"lately, three days",
     {.campaigns = {spring, 1}, .within_ms = 3 * PR_DAY_MS},
     "s1@a.example s6@a.example",
     "t1@a.example"},
    {"lately, of any campaign",
     {.within_ms = 36 * PR_HOUR_MS},
     "s1@a.example n1@a.example n2@a.example",
     "t1@a.example s6@a.example n6@a.example b1@a.example"},
    {"of none that there is", {.campaigns = {nothing, 1}}, "", "s1@a.example n1@a.example"},
    {"of one that is being read", {.campaigns = {reading, 1}}, "", "b1@a.example s1@a.example"},
    {"odd names", {.campaigns = {odd, 3}}, "", "s1@a.example n1@a.example"},
    {"a list", {.list = {vip, 1}}, "ann@a.example ANN@A.example", "bob@a.example s1@a.example"},
    {"a segment", {.segment = TEXT("points > 7")}, "ann@a.example bob@a.example", "cy@a.example"},
    {"a list, a segment and a campaign",
     {.list = {vip, 1}, .segment = TEXT("points = 5"), .campaigns = {news, 1}},
     "ann@a.example cy@a.example n1@a.example",
     "bob@a.example s1@a.example"},
};

static void
expect(const exclusion *x, const char *addresses, bool in, const char *name)
{
	struct pr_str rest = pr_str(addresses);
	while (rest.n) {
		const char *space = memchr(rest.p, ' ', rest.n);
		size_t n = space ? (size_t)(space - rest.p) : rest.n;
		struct pr_str one = pr_str_n(rest.p, n);
		ck_assert_msg(exclusion_has(x, one) == in, "%s: %.*s", name, (int)n, one.p);
		rest = pr_str_n(rest.p + n + (space != NULL), rest.n - n - (space != NULL));
	}
}

/* Beside `recipients` and within `audience` it says the same. */
START_TEST(whom_it_means)
{
	for (unsigned within = 0; within < 2; within++) {
		struct pr_manifest m = {0};
		struct pr_problems problems = {0};
		exclusion *x = NULL;
		if (within && (cases[_i].exclude.list.n || cases[_i].exclude.segment.p))
			break; /* contacts are left out by the snapshot then */
		*(within ? &m.audience.exclude : &m.exclude) = cases[_i].exclude;
		ok(read_it(&m, &x, &problems), &e);
		ck_assert_ptr_nonnull(x);
		expect(x, cases[_i].in, true, cases[_i].name);
		expect(x, cases[_i].out, false, cases[_i].name);
		exclusion_free(x);
		pr_problems_finish(&problems);
	}
}
END_TEST

START_TEST(nothing_said_excludes_nobody)
{
	struct pr_manifest m = {0};
	exclusion *x = NULL;
	ok(read_it(&m, &x, NULL), &e);
	ck_assert_ptr_null(x);
	ck_assert(!exclusion_has(x, PR_STR("s1@a.example")));
	exclusion_free(x);
}
END_TEST

static struct pr_text nobody[] = {TEXT("nobody")};
static const struct {
	struct pr_manifest_exclude exclude;
	const char *why;
} wrong[] = {
    {{.list = {nobody, 1}}, "exclude: there is no list \"nobody\""},
    {{.segment = TEXT("point > 1")}, "exclude: at 1: no such column: point: did you mean points?"},
    {{.segment = TEXT("drop()")}, "exclude: at 1: there is no such function"},
};

START_TEST(what_is_wrong_is_told)
{
	struct pr_manifest m = {.exclude = wrong[_i].exclude};
	struct pr_problems problems = {0};
	exclusion *x = NULL;
	ck_assert_int_eq(read_it(&m, &x, &problems), PR_EINVAL);
	ck_assert_ptr_null(x);
	ck_assert_uint_eq(problems.problems, 1);
	ck_assert_msg(strstr(problems.items[0].what, wrong[_i].why) != NULL, "%s",
	              problems.items[0].what);
	pr_problems_finish(&problems);
}
END_TEST

START_TEST(where_nobody_can_be_looked_up_it_says_so)
{
	struct pr_manifest m = {.exclude = {.campaigns = {spring, 1}}};
	struct pr_recipients_from from = {.config = &config, .utc_ms = NOW};
	exclusion *x = NULL;
	ck_assert_int_eq(exclusion_read(&m, NULL, &x, NULL, &e), PR_EDENIED);
	ok(exclusion_read(&m, &from, &x, NULL, &e), &e); /* campaigns need no contacts */
	exclusion_free(x);
	m.exclude = (struct pr_manifest_exclude){.list = {vip, 1}};
	ck_assert_int_eq(exclusion_read(&m, &from, &x, NULL, &e), PR_EDENIED);
}
END_TEST

START_TEST(a_damaged_ledger_excludes_nobody_and_stops_nothing)
{
	struct pr_manifest m = {.exclude = {.campaigns = {spring, 1}}};
	struct pr_problems problems = {0};
	exclusion *x = NULL;
	char path[300];
	snprintf(path, sizeof path, "%s/done/20270105-spring-sale-eeee/ledger.db", folder);
	ok(pr_file_replace(AT_FDCWD, path, "no ledger at all", 16, 0600, &e), &e);
	ok(read_it(&m, &x, &problems), &e);
	expect(x, "s1@a.example", true, "beside a damaged one");
	exclusion_free(x);
	pr_problems_finish(&problems);
}
END_TEST

START_TEST(ledgers_of_long_ago_are_not_looked_at)
{
	struct pr_manifest m = {.exclude = {.within_ms = PR_DAY_MS}};
	struct pr_problems problems = {0};
	exclusion *x = NULL;
	char path[300];
	snprintf(path, sizeof path, "%s/active/20270103-news-cccc/ledger.db", folder);
	written(path, NOW - 9 * PR_DAY_MS);
	ok(read_it(&m, &x, &problems), &e);
	expect(x, "n1@a.example", false, "by the time of its file");
	exclusion_free(x);
	pr_problems_finish(&problems);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {whom_it_means, ROWS(cases)},
	    {nothing_said_excludes_nobody, 0},
	    {what_is_wrong_is_told, ROWS(wrong)},
	    {where_nobody_can_be_looked_up_it_says_so, 0},
	    {a_damaged_ledger_excludes_nobody_and_stops_nothing, 0},
	    {ledgers_of_long_ago_are_not_looked_at, 0},
	};
	return suite_run("campaign_exclude", open_world, close_world, tests, ROWS(tests));
}
