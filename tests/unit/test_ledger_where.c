/* `where` over a ledger: what conditions mean for each row, what they may not say, where they are
 * wrong. */
#include "ledger_help.h"
#include "suite.h"

#include "postrider/base/clock.h"
#include "postrider/journal/conversion.h"
#include "postrider/ledger/where.h"

#define DAY PR_DAY_MS
#define SENT_MS 1700000000000LL
#define NOW_MS (SENT_MS + 10 * DAY)

static pr_ledger *l;
static struct pr_error e;
static const struct pr_str names[] = {PR_STR("plain"), PR_STR("it's")};

/* Rows 1 to 20: 10 and 20 were skipped; 19 is pending still.
 *  1 opened by a person   2 opened by a machine   3 opened by both   4 clicked by a person
 *  5 clicked by a machine 6 converted             7 left             8 complained
 *  9 bounced             11 deferred             12 in doubt        13 two opens, two clicks
 * 14 variant 1           15 variant 2            16 sent 5 days later   17, 18 only delivered */
static const struct {
	uint32_t row;
	enum pr_engagement_kind kind;
	uint16_t evidence;
	const char *url;
} hits[] = {
    {1, PR_ENGAGEMENT_OPEN, 0, ""},
    {2, PR_ENGAGEMENT_OPEN, PR_EVIDENCE_APPLE_PROXY, ""},
    {3, PR_ENGAGEMENT_OPEN, PR_EVIDENCE_APPLE_PROXY, ""},
    {3, PR_ENGAGEMENT_OPEN, 0, ""},
    {4, PR_ENGAGEMENT_CLICK, 0, "https://a.example/sale?x=1"},
    {5, PR_ENGAGEMENT_CLICK, PR_EVIDENCE_SCANNER | PR_EVIDENCE_NO_LANGUAGE,
     "https://a.example/sale?x=1"},
    {7, PR_ENGAGEMENT_UNSUBSCRIBE, 0, "page"},
    {8, PR_ENGAGEMENT_COMPLAINT, 0, "abuse"},
    {13, PR_ENGAGEMENT_OPEN, 0, ""},
    {13, PR_ENGAGEMENT_OPEN, 0, ""},
    {13, PR_ENGAGEMENT_CLICK, 0, "https://a.example/it's"},
    {13, PR_ENGAGEMENT_CLICK, 0, "https://a.example/other"},
};

static void
fold_sent(struct script *s)
{
	static const struct pr_outcome others[] = {
	    [9] = {.state = PR_BOUNCED, .code = 550, .attempts = 1},
	    [11] = {.state = PR_DEFERRED, .code = 451, .attempts = 3, .due_ms = NOW_MS},
	    [12] = {.state = PR_IN_DOUBT, .attempts = 1},
	    [14] = {.state = PR_DELIVERED, .code = 250, .attempts = 1, .variant = 1},
	    [15] = {.state = PR_DELIVERED, .code = 250, .attempts = 1, .variant = 2},
	};
	for (uint32_t row = 1; row < 19; row++) {
		struct pr_outcome o = {.state = PR_DELIVERED, .code = 250, .attempts = 1};
		if (row % 10 == 0)
			continue;
		if (row < sizeof others / sizeof *others && others[row].attempts)
			o = others[row];
		script_outcome(s, row, row, o);
		s->records[s->n - 1].at_ms = row == 16 ? SENT_MS + 5 * DAY : SENT_MS;
	}
}

static void
fold_conversion(struct script *s)
{
	struct pr_buf payload = {0};
	struct pr_conversion c = {.key = 1, .event = PR_STR("order"), .order = PR_STR("A1")};
	pr_conversion_encode(&c, &payload);
	script_add(s,
	           (struct pr_record){.lsn = 200,
	                              .campaign = SERIAL,
	                              .row = 6,
	                              .type = PR_RECORD_ENGAGEMENT,
	                              .at_ms = SENT_MS + DAY},
	           payload);
}

static void
open_world(void)
{
	struct script s = {0};
	make_folder();
	l = make_ledger(20, 2);
	fold_sent(&s);
	for (size_t i = 0; i < ROWS(hits); i++) {
		script_engagement(&s, 100 + i, hits[i].row,
		                  (struct pr_engagement){.kind = (uint8_t)hits[i].kind,
		                                         .evidence = hits[i].evidence,
		                                         .detail = pr_str(hits[i].url)});
		s.records[s.n - 1].at_ms = SENT_MS + (int64_t)(i + 1) * 3600000;
	}
	fold_conversion(&s);
	fold_script(l, &s, 300);
	script_finish(&s);
}

static void
close_world(void)
{
	pr_ledger_close(l);
	remove_folder();
}

static struct pr_where_ask
ask_for(const char *condition)
{
	return (struct pr_where_ask){.condition = pr_str(condition),
	                             .variants = names,
	                             .variants_n = 2,
	                             .now_utc_ms = NOW_MS,
	                             .limit_ms = 10000};
}

struct found {
	char rows[200];
	uint64_t n, machine;
};

static int
note_row(void *context, uint32_t row, struct pr_str email, struct pr_str data, bool machine)
{
	struct found *f = context;
	char expected[40];
	struct pr_str fields[2];
	size_t n = strlen(f->rows);
	snprintf(f->rows + n, sizeof f->rows - n, n ? " %u%s" : "%u%s", row, machine ? "m" : "");
	snprintf(expected, sizeof expected, "user%u@d%u.example", row, row % 2);
	ck_assert(pr_str_is(email, expected));
	pr_fields_unpack(data, fields, 2);
	ck_assert(pr_str_is(fields[1], "Ann"));
	f->n++;
	f->machine += machine;
	return 0;
}

static const struct {
	const char *condition, *rows; /* m: opened, but only by machines */
} means[] = {
    {"delivered and not opened and not clicked", "2m 5 6 7 8 14 15 16 17 18"},
    {"opened", "1 3 13"},
    {"opened_by_machine", "2m"},
    {"not opened and not opened_by_machine and delivered", "4 5 6 7 8 14 15 16 17 18"},
    {"clicked", "4 13"},
    {"converted", "6"},
    {"unsubscribed or complained", "7 8"},
    {"bounced", "9"},
    {"deferred or in_doubt", "11 12"},
    {"pending", "19"},
    {"skipped", "10 20"},
    {"suppressed or cancelled", ""},
    {"opens >= 2", "13"},
    {"opens = 1 AND clicks = 0", "1 3"},
    {"clicks = 2", "13"},
    {"clicked_link('/sale')", "4"},
    {"CLICKED_LINK ( 'it''s' )", "13"},
    {"clicked_link('%') or clicked_link('_')", ""}, /* no pattern */
    {"variant = 'plain'", "14"},
    {"variant = 'it''s'", "15"},
    {"variant IS NULL AND row IS NOT NULL", NULL}, /* there is no such column */
    {"variant IS NOT NULL", "14 15"},
    {"email = 'user17@d1.example'", "17"},
    {"email = 'USER17@d1.example'", ""},
    {"lower('USER17@d1.example') = email", "17"},
    {"email LIKE 'USER1_@D1%'", "11 13 15 17 19"},
    {"domain = 'd0.example' and attempts = 0", "10 20"},
    {"attempts > 1", "11"},
    {"code between 400 and 599", "9 11"},
    {"code IS NULL", "10 12 19 20"},
    {"days_since < 10", "16"},
    {"days_since >= 10 and bounced", "9"},
    {"days_since IS NULL", "10 19 20"},
    {"NULL", ""},
    {"'text'", ""},
    {"0", ""},
    {"delivered\n\tand(clicks)", "4 13"},
};

START_TEST(conditions_mean_what_became_of_people)
{
	struct pr_where_ask ask = ask_for(means[_i].condition);
	struct found f = {0};
	struct pr_where_counts n = {0};
	int r = pr_where_each(l, &ask, note_row, &f, &e);
	if (!means[_i].rows) {
		ck_assert_int_eq(r, PR_EINVAL);
		return;
	}
	ok(r, &e);
	ck_assert_msg(strcmp(f.rows, means[_i].rows) == 0, "%s: %s, not %s", means[_i].condition,
	              f.rows, means[_i].rows);
	ok(pr_where_count(l, &ask, &n, &e), &e);
	ck_assert_uint_eq(n.rows, f.n);
	ck_assert_uint_eq(n.machine, f.machine);
}
END_TEST

static const struct {
	const char *condition, *why;
	bool later; /* only a ledger can say it */
} wrong[] = {
    {"", "at 1: there is no condition", false},
    {" \n", "at 1: there is no condition", false},
    {"open", "at 1: no such column: open: did you mean opens?", true},
    {"delivered and clickt", "at 15: no such column: clickt: did you mean clicks?", true},
    {"delivered and", "at 14: it ends too early", true},
    {"opened = = 1", "at 10: near \"=\": syntax error", true},
    {"(opened", "at 8: a ) is missing", false},
    {"opened) or (1", "at 7: no ( belongs to this )", false},
    {"1; DELETE FROM rows", "at 2: this sign means nothing in a condition", false},
    {"1 -- all", "at 3: this sign means nothing in a condition", false},
    {"opened /* all */", "at 8: this sign means nothing in a condition", false},
    {"email = 'user", "at 9: the quotation mark is never closed", false},
    {"email in rows", "at 7: values in brackets must stand behind IN", false},
    {"email in (SELECT email FROM rows)", "at 11: this word means nothing in a condition", false},
    {"load_extension('x')", "at 1: there is no such function", false},
    {"randomblob(9)", "at 1: there is no such function", false},
    {"clicked_link()", "at 14: say which link, as in clicked_link('/sale')", false},
    {"clicked_link('')", "at 14: say which link, as in clicked_link('/sale')", false},
    {"clicked_link(email)", "at 14: say which link, as in clicked_link('/sale')", false},
    {"clicked_link('x', 3)", "at 17: a ) must stand here", false},
    {"opens > 3x", "at 9: a number ends with a letter", false},
    {"opened \xc3\xa9", "at 8: this sign means nothing in a condition", false},
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
	struct pr_where_ask ask = ask_for(wrong[_i].condition);
	struct pr_where_counts n;
	if (wrong[_i].later)
		ok(pr_where_check(ask.condition, &e), &e);
	else
		ck_assert_int_eq(pr_where_check(ask.condition, &e), PR_EINVAL);
	ck_assert_int_eq(pr_where_count(l, &ask, &n, &e), PR_EINVAL);
	ck_assert_str_eq(e.text, wrong[_i].why);
}
END_TEST

START_TEST(a_condition_has_a_largest_length)
{
	struct pr_buf b = {0};
	struct pr_where_counts n;
	pr_buf_adds(&b, "opened");
	while (b.len <= PR_CONDITION_TEXT_MAX)
		pr_buf_adds(&b, " or opened");
	struct pr_where_ask ask = ask_for(b.data);
	ck_assert_int_eq(pr_where_check(ask.condition, &e), PR_EINVAL);
	ask.condition.n = PR_CONDITION_TEXT_MAX - PR_CONDITION_TEXT_MAX % 10 - 4; /* whole words */
	ok(pr_where_count(l, &ask, &n, &e), &e);
	ck_assert_uint_eq(n.rows, 3);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(a_condition_that_takes_too_long_is_stopped)
{
	struct pr_where_ask ask = ask_for(
	    "length(replace(replace(replace(replace(replace(email, 'e', 'eeeeeeeeeeeeeeee'),"
	    " 'e', 'eeeeeeeeeeeeeeee'), 'e', 'eeeeeeeeeeeeeeee'), 'e', 'eeeeeeeeeeeeeeee'),"
	    " 'e', 'eeeeeee')) > 0");
	struct pr_where_counts n;
	ask.limit_ms = 0;
	int r = pr_where_count(l, &ask, &n, &e);
	if (r == 0) /* too few steps for SQLite to ask */
		ck_assert_uint_eq(n.rows, 20);
	else
		ck_assert_int_eq(r, PR_ELIMIT);
}
END_TEST

START_TEST(a_mark_counts_before_rows_are_rewritten)
{
	struct script s = {0};
	struct pr_where_counts n;
	struct pr_where_ask ask = ask_for("cancelled");
	script_mass(&s, 400, PR_CANCELLED);
	fold_script(l, &s, 401);
	script_finish(&s);
	ok(pr_where_count(l, &ask, &n, &e), &e);
	ck_assert_uint_eq(n.rows, 2); /* 19 was pending, 11 deferred */
	ask.condition = PR_STR("pending or deferred");
	ok(pr_where_count(l, &ask, &n, &e), &e);
	ck_assert_uint_eq(n.rows, 0);
}
END_TEST

static int
stop(void *context, uint32_t row, struct pr_str email, struct pr_str data, bool machine)
{
	(void)email;
	(void)data;
	(void)machine;
	*(uint32_t *)context = row;
	return PR_ECANCELLED;
}

START_TEST(reading_ends_when_the_reader_says_so)
{
	struct pr_where_ask ask = ask_for("bounced or deferred");
	uint32_t row = 0;
	ck_assert_int_eq(pr_where_each(l, &ask, stop, &row, &e), PR_ECANCELLED);
	ck_assert_uint_eq(row, 9);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {conditions_mean_what_became_of_people, ROWS(means)},
	    {what_is_wrong_is_told_with_its_place, ROWS(wrong)},
	    {a_condition_has_a_largest_length, 0},
	    {a_condition_that_takes_too_long_is_stopped, 0},
	    {a_mark_counts_before_rows_are_rewritten, 0},
	    {reading_ends_when_the_reader_says_so, 0},
	};
	return suite_run("ledger_where", open_world, close_world, tests, ROWS(tests));
}
