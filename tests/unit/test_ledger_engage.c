/* Engagement folded into a ledger: counts, changed minds, links, and what a migration brings. */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/ledger/internal.h"

#define LATER 100000 /* lsn, and so the time, of what a person does after some reading */

static const struct pr_outcome delivered = {
    .state = PR_DELIVERED, .code = 250, .attempts = 1, .first_ms = 1000};

static struct pr_engagement
opened(uint64_t visitor, uint16_t evidence)
{
	return (struct pr_engagement){
	    .kind = PR_ENGAGEMENT_OPEN, .visitor = visitor, .evidence = evidence};
}

static struct pr_engagement
clicked(uint32_t link, uint64_t visitor, uint16_t evidence)
{
	static const char *const urls[] = {"https://own.example/7", "https://a.example/1",
	                                   "https://a.example/2", "https://a.example/3"};
	return (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
	                              .link = link,
	                              .visitor = visitor,
	                              .evidence = evidence,
	                              .detail = pr_str(urls[link])};
}

static void
engage_one(pr_ledger *l, uint64_t lsn, uint32_t row, struct pr_engagement g)
{
	struct script s = {0};
	script_engagement(&s, lsn, row, g);
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
}

static pr_ledger *
sent_ledger(unsigned n)
{
	pr_ledger *l = make_ledger(n, 3);
	for (uint32_t row = 1; row <= n; row++)
		if (row % 10)
			fold_one(l, row, delivered);
	return l;
}

static void
expect(pr_ledger *l, enum pr_engagement_kind kind, uint64_t total, uint64_t unique,
       uint64_t machine)
{
	struct pr_engagements all;
	struct pr_error e = {0};
	ok(pr_ledger_engagements(l, &all, &e), &e);
	const struct pr_engaged *n = &all.of[kind];
	ck_assert_msg(n->total == total && n->unique == unique && n->machine == machine,
	              "%s: %llu times, %llu recipients, %llu machines", pr_engagement_word(kind),
	              (unsigned long long)n->total, (unsigned long long)n->unique,
	              (unsigned long long)n->machine);
}

START_TEST(times_and_recipients_are_counted_apart)
{
	pr_ledger *l = sent_ledger(9);
	for (unsigned i = 0; i < 3; i++)
		engage_one(l, LATER + i, 1, opened(1, 0));
	engage_one(l, LATER + 10, 2, opened(2, 0));
	engage_one(l, LATER + 11, 2, clicked(1, 2, 0));
	engage_one(l, LATER + 12, 3, (struct pr_engagement){.kind = PR_ENGAGEMENT_UNSUBSCRIBE});
	engage_one(l, LATER + 13, 3, (struct pr_engagement){.kind = PR_ENGAGEMENT_COMPLAINT});
	expect(l, PR_ENGAGEMENT_OPEN, 4, 2, 0);
	expect(l, PR_ENGAGEMENT_CLICK, 1, 1, 0);
	expect(l, PR_ENGAGEMENT_UNSUBSCRIBE, 1, 1, 0);
	expect(l, PR_ENGAGEMENT_COMPLAINT, 1, 1, 0);
	l = reopen(l);
	expect(l, PR_ENGAGEMENT_OPEN, 4, 2, 0);
	ck_assert_uint_eq(counts_of(l).of[PR_DELIVERED], 9); /* a state of its own has nobody */
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_machine_counts_until_a_person_comes)
{
	pr_ledger *l = sent_ledger(9);
	engage_one(l, LATER, 1, opened(1, PR_EVIDENCE_APPLE_PROXY));
	expect(l, PR_ENGAGEMENT_OPEN, 1, 1, 1);
	engage_one(l, LATER + 1, 1, opened(2, 0));
	expect(l, PR_ENGAGEMENT_OPEN, 2, 1, 0);
	pr_ledger_close(l);
}
END_TEST

START_TEST(what_comes_later_changes_the_mind_in_the_totals_too)
{
	pr_ledger *l = sent_ledger(9);
	engage_one(l, LATER, 1, clicked(1, 5, PR_EVIDENCE_NO_LANGUAGE));
	engage_one(l, LATER + 1, 2, clicked(1, 6, 0));
	expect(l, PR_ENGAGEMENT_CLICK, 2, 2, 0);
	engage_one(l, LATER + 2, 1,
	           (struct pr_engagement){
		       .kind = PR_ENGAGEMENT_EVIDENCE, .visitor = 5, .evidence = PR_EVIDENCE_MANY});
	expect(l, PR_ENGAGEMENT_CLICK, 2, 2, 1);
	pr_ledger_close(l);
}
END_TEST

START_TEST(folding_the_same_twice_counts_it_once)
{
	pr_ledger *l = sent_ledger(9);
	struct script s = {0};
	script_engagement(&s, LATER, 1, opened(1, 0));
	script_engagement(&s, LATER + 1, 1, opened(1, 0));
	fold_script(l, &s, LATER + 2);
	fold_script(l, &s, LATER + 2);
	fold_script(l, &s, LATER + 3); /* the position moves on, the records are old */
	expect(l, PR_ENGAGEMENT_OPEN, 2, 1, 0);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(outcome_and_engagement_of_one_batch_belong_together)
{
	pr_ledger *l = make_ledger(9, 3);
	struct script s = {0};
	script_outcome(&s, 500, 1, delivered);
	script_engagement(&s, 501, 1, clicked(1, 1, PR_EVIDENCE_NO_LANGUAGE)); /* 1 ms later */
	fold_script(l, &s, 600);
	expect(l, PR_ENGAGEMENT_CLICK, 1, 1, 1);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

struct links {
	char text[300];
};
static bool
add_link(void *context, uint32_t link, struct pr_str url, const struct pr_engaged *n)
{
	struct links *out = context;
	size_t at = strlen(out->text);
	snprintf(out->text + at, sizeof out->text - at, "%u %.*s %llu/%llu/%llu; ", link,
	         (int)url.n, url.p, (unsigned long long)n->total, (unsigned long long)n->unique,
	         (unsigned long long)n->machine);
	return true;
}

START_TEST(links_are_counted_each_and_know_where_they_lead)
{
	pr_ledger *l = sent_ledger(9);
	struct links links = {0};
	struct pr_error e = {0};
	engage_one(l, LATER, 1, clicked(1, 1, 0));
	engage_one(l, LATER + 1, 1, clicked(2, 1, 0));
	engage_one(l, LATER + 2, 2, clicked(2, 2, 0));
	engage_one(l, LATER + 3, 2, clicked(2, 2, 0));
	engage_one(l, LATER + 4, 3, clicked(0, 3, 0));
	ok(pr_ledger_tally_links(l, 10, add_link, &links, &e), &e);
	ck_assert_str_eq(links.text, "2 https://a.example/2 3/2/0; 0  1/1/0; "
	                             "1 https://a.example/1 1/1/0; ");
	expect(l, PR_ENGAGEMENT_CLICK, 5, 3, 0);
	pr_ledger_close(l);
}
END_TEST

static bool
add_hit(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	struct links *out = context;
	size_t at = strlen(out->text);
	snprintf(out->text + at, sizeof out->text - at, "%lld %s %u %.*s;", (long long)hit->at_ms,
	         pr_engagement_word(hit->kind), hit->link, (int)detail.n, detail.p);
	return true;
}

START_TEST(a_rows_hits_are_told_in_the_order_of_their_coming)
{
	pr_ledger *l = sent_ledger(9);
	struct links hits = {0};
	struct pr_error e = {0};
	engage_one(l, LATER, 4, opened(1, 0));
	engage_one(l, LATER + 1, 4, clicked(0, 1, 0));
	engage_one(l, LATER + 2, 4, clicked(3, 1, 0));
	ok(pr_ledger_hits(l, 4, add_hit, &hits, &e), &e);
	ck_assert_str_eq(hits.text, "101000 open 0 ;101001 click 0 https://own.example/7;"
	                            "101002 click 3 ;");
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_row_in_doubt_that_answers_has_arrived)
{
	struct pr_outcome doubt = {.state = PR_IN_DOUBT,
	                           .attempts = 1,
	                           .doubts = 1,
	                           .flags = PR_OUTCOME_HELD,
	                           .first_ms = 1000};
	uint32_t rows[PR_LEDGER_ARRIVED_MAX];
	pr_ledger *l = make_ledger(9, 3);
	fold_one(l, 1, doubt);
	fold_one(l, 2, delivered);
	engage_one(
	    l, LATER, 1,
	    (struct pr_engagement){.kind = PR_ENGAGEMENT_EVIDENCE, .evidence = PR_EVIDENCE_HEAD});
	engage_one(l, LATER + 1, 2, opened(1, 0));
	ck_assert_uint_eq(pr_ledger_arrived(l, rows), 0);
	engage_one(l, LATER + 2, 1, opened(1, 0));
	ck_assert_uint_eq(pr_ledger_arrived(l, rows), 1);
	ck_assert_uint_eq(rows[0], 1);
	ck_assert_uint_eq(pr_ledger_arrived(l, rows), 0);
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_row_keeps_so_many_and_no_more)
{
	pr_ledger *l = sent_ledger(3);
	struct script s = {0};
	for (unsigned i = 0; i < 500; i++)
		script_engagement(&s, LATER + i, 1 + i % 2, opened(1, 0));
	fold_script(l, &s, LATER + 600);
	expect(l, PR_ENGAGEMENT_OPEN, 400, 2, 0);
	ck_assert_uint_eq(l->p.refused, 100);
	engage_one(l, LATER + 700, 1, opened(1, 0));
	expect(l, PR_ENGAGEMENT_OPEN, 400, 2, 0);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(rows_that_are_not_there_and_damaged_records_are_left_out)
{
	pr_ledger *l = sent_ledger(9);
	struct script s = {0};
	script_engagement(&s, LATER, 10, opened(1, 0));
	script_engagement(&s, LATER + 1, 0, opened(1, 0));
	script_engagement(&s, LATER + 2, 1, opened(1, 0));
	s.records[2].payload_n--;
	fold_script(l, &s, LATER + 3);
	expect(l, PR_ENGAGEMENT_OPEN, 0, 0, 0);
	ck_assert_uint_eq(l->p.refused, 3);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_ledger_of_the_first_schema_learns_to_count)
{
	struct pr_error e = {0};
	pr_ledger *l = sent_ledger(9);
	ok(pr_db_exec(l->db,
	              "DROP TABLE hits; DROP TABLE engaged; DROP TABLE links;"
	              "DROP TABLE conversions; DROP TABLE converted;"
	              "DROP TABLE series; DROP TABLE inside;"
	              "ALTER TABLE state DROP COLUMN variant;"
	              "PRAGMA user_version = 1;",
	              &e),
	   &e);
	l = reopen(l);
	engage_one(l, LATER, 1, opened(1, 0));
	expect(l, PR_ENGAGEMENT_OPEN, 1, 1, 0);
	ck_assert_uint_eq(counts_of(l).of[PR_DELIVERED], 9);
	pr_ledger_close(l);
}
END_TEST

/* Whatever the order and the batches, the totals are what the hits say. */
START_TEST(totals_equal_what_the_hits_say_after_any_life)
{
	pr_ledger *l = sent_ledger(900);
	sqlite3_stmt *s;
	struct pr_error e = {0};
	for (uint64_t at = LATER; at < LATER + 3000; at += 75) {
		struct script script = {0};
		for (uint64_t lsn = at; lsn < at + 75; lsn++) {
			uint64_t x = pr_mix64(lsn);
			uint16_t evidence = x % 3 ? 0 : (uint16_t)(1u << (x >> 8) % 8);
			struct pr_engagement g = x % 2
			                             ? opened(x >> 16 & 3, evidence)
			                             : clicked(x >> 20 & 3, x >> 16 & 3, evidence);
			if (x % 11 == 0)
				g.kind = PR_ENGAGEMENT_EVIDENCE;
			script_engagement(&script, lsn, 1 + (uint32_t)(x >> 32) % 900, g);
		}
		fold_script(l, &script, at + 75);
		script_finish(&script);
	}
	ok(pr_db_prepare(l->db,
	                 "WITH all_of AS (SELECT kind, row, count(*) AS n, min(machine) AS m"
	                 " FROM hits GROUP BY kind, row)"
	                 " SELECT kind, sum(n), count(*), sum(m) FROM all_of GROUP BY kind",
	                 &s, &e),
	   &e);
	unsigned kinds = 0;
	while (pr_db_step(s, &e) == 1) {
		enum pr_engagement_kind kind = (enum pr_engagement_kind)sqlite3_column_int(s, 0);
		if (kind == PR_ENGAGEMENT_EVIDENCE)
			continue;
		expect(l, kind, (uint64_t)sqlite3_column_int64(s, 1),
		       (uint64_t)sqlite3_column_int64(s, 2), (uint64_t)sqlite3_column_int64(s, 3));
		ck_assert_int_gt(sqlite3_column_int(s, 3), 0); /* some of them */
		kinds++;
	}
	ck_assert_uint_eq(kinds, 2);
	sqlite3_finalize(s);
	pr_ledger_close(l);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {times_and_recipients_are_counted_apart},
	    {a_machine_counts_until_a_person_comes},
	    {what_comes_later_changes_the_mind_in_the_totals_too},
	    {folding_the_same_twice_counts_it_once},
	    {outcome_and_engagement_of_one_batch_belong_together},
	    {links_are_counted_each_and_know_where_they_lead},
	    {a_rows_hits_are_told_in_the_order_of_their_coming},
	    {a_row_in_doubt_that_answers_has_arrived},
	    {a_row_keeps_so_many_and_no_more},
	    {rows_that_are_not_there_and_damaged_records_are_left_out},
	    {a_ledger_of_the_first_schema_learns_to_count},
	    {totals_equal_what_the_hits_say_after_any_life},
	};
	return suite_run("ledger_engage", make_folder, remove_folder, tests, ROWS(tests));
}
