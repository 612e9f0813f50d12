/* Seeds in a ledger: sent like rows, and in no figure but their own. */
#include "ledger_help.h"
#include "suite.h"

#include "postrider/ledger/survey.h"

#include "postrider/ledger/conversions.h"

static const struct pr_outcome delivered = {
    .state = PR_DELIVERED, .attempts = 1, .class_ = PR_CLASS_DELIVERED, .variant = 1};
static const struct pr_outcome deferred = {
    .state = PR_DEFERRED, .attempts = 1, .class_ = PR_CLASS_GREYLISTED, .due_ms = 5000};

static struct pr_batch *
due(pr_ledger *l)
{
	struct pr_batch *b;
	struct pr_error e = {0};
	ok(pr_ledger_refill_due(l, 0, 2, 100, &b, &e), &e);
	return b;
}

static struct pr_batch *
fresh(pr_ledger *l)
{
	struct pr_batch *b;
	struct pr_error e = {0};
	ok(pr_ledger_refill_fresh(l, 0, 1, 100, SIZE_MAX, &b, &e), &e);
	return b;
}

/* The domain of each is a recipient's, too. */
static pr_ledger *
ledger_with_seeds(unsigned n)
{
	struct pr_ledger_identity i = identity();
	struct pr_str column = PR_STR("email");
	struct pr_error e = {0};
	pr_ledger *l;
	ok(pr_ledger_create(ledger_path, &i, &column, 1, &l, &e), &e);
	struct pr_ledger_new rows[] = {
	    {.row = 1, .email = PR_STR("a@x.example"), .domain = PR_STR("x.example")},
	    {.row = 2, .email = PR_STR("b@y.example"), .domain = PR_STR("y.example")},
	};
	for (unsigned k = 0; k < 2; k++)
		ok(pr_ledger_add(l, &rows[k], &e), &e);
	for (unsigned k = 1; k <= n; k++) {
		struct pr_ledger_new seed = {.row = PR_SEED_BASE + k,
		                             .email = PR_STR("me@x.example"),
		                             .domain = PR_STR("x.example"),
		                             .due_ms = 1};
		ok(pr_ledger_add(l, &seed, &e), &e);
	}
	ok(pr_ledger_import_done(l, &e), &e);
	while (pr_ledger_index_slice(l, 100, &e) > 0)
		;
	return l;
}

static bool
count_rows(void *context, const struct pr_known *k)
{
	*(unsigned *)context += 1 + (pr_row_is_seed(k->row) ? 100 : 0);
	return true;
}

/* Nor does the report count them. */
static void
check_survey_apart(const struct pr_counts *n)
{
	struct pr_survey_options options = {.step_ms = 1000, .steps = 1};
	struct pr_error e = {0};
	struct pr_survey s;
	pr_ledger *reader;
	uint64_t rows = 0;
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), &e);
	ok(pr_ledger_survey(reader, &options, &s, &e), &e);
	for (unsigned i = 0; i < s.domains_n; i++)
		rows += s.domains[i].part.rows;
	ck_assert_uint_eq(rows, 2);
	ck_assert_uint_eq(s.classes[PR_DELIVERED][PR_CLASS_DELIVERED], n->of[PR_DELIVERED]);
	pr_survey_finish(&s);
	pr_ledger_close(reader);
}

static void
check_apart(pr_ledger *l)
{
	static const enum pr_state states[] = {PR_STATES, PR_PENDING, PR_DELIVERED, PR_DEFERRED};
	struct pr_error e = {0};
	struct pr_counts n;
	unsigned rows = 0, found = 0;
	for (unsigned i = 0; i < sizeof states / sizeof *states; i++)
		ok(pr_ledger_page(l, states[i], 0, 100, count_rows, &rows, &e), &e);
	ck_assert_uint_eq(rows, 4); /* each under any and under its own state */
	ok(pr_ledger_find(l, PR_STR("me@x.example"), count_rows, &found, &e), &e);
	ck_assert_uint_eq(found, 0);
	ok(pr_ledger_counts(l, &n, &e), &e);
	ck_assert_uint_eq(n.total, 2);
	ck_assert_uint_eq(n.of[PR_PENDING] + n.of[PR_DELIVERED], 2);
	ck_assert_uint_eq(n.attempts, n.of[PR_DELIVERED]);
	check_survey_apart(&n);
}

START_TEST(seeds_are_due_at_once_and_counted_apart)
{
	struct pr_error e = {0};
	struct pr_counts n;
	unsigned rows = 0;
	pr_ledger *l = ledger_with_seeds(3);
	check_apart(l);
	struct pr_batch *b = due(l);
	ck_assert_uint_eq(b->n, 3);
	ck_assert_uint_eq(b->rows[0].row, PR_SEED_BASE + 1);
	pr_batch_unref(b);
	b = fresh(l);
	ck_assert_uint_eq(b->n, 2);
	ck_assert(b->end);
	pr_batch_unref(b);
	fold_one(l, PR_SEED_BASE + 1, delivered);
	fold_one(l, 2, delivered);
	fold_one(l, PR_SEED_BASE + 2, deferred);
	check_apart(l);
	ok(pr_ledger_seed_counts(l, &n, &e), &e);
	ck_assert_uint_eq(n.total, 3);
	ck_assert_uint_eq(n.of[PR_DELIVERED], 1);
	ck_assert_uint_eq(n.of[PR_DEFERRED], 1);
	ck_assert_uint_eq(n.of[PR_PENDING], 1);
	ck_assert_uint_eq(n.attempts, 2);
	ok(pr_ledger_page(l, PR_DEFERRED, PR_SEED_BASE, 100, count_rows, &rows, &e), &e);
	ck_assert_uint_eq(rows, 101);
	pr_ledger_close(l);
}
END_TEST

static bool
count_hit(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	(void)hit;
	(void)detail;
	++*(unsigned *)context;
	return true;
}

START_TEST(what_came_back_about_seeds_is_kept_and_adds_up_to_nothing)
{
	struct pr_error e = {0};
	struct pr_engagements engaged;
	struct pr_variant_counts of[2];
	struct pr_conversions sold;
	pr_ledger *l = ledger_with_seeds(1);
	fold_one(l, PR_SEED_BASE + 1, delivered);
	struct script s = {0};
	uint64_t lsn = pr_ledger_folded(l);
	struct pr_buf payload = {0};
	struct pr_conversion order = {
	    .key = 7, .event = PR_STR("order"), .amount = {.micros = 5000000, .currency = "EUR"}};
	script_engagement(&s, lsn, PR_SEED_BASE + 1,
	                  (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
	                                         .link = 1,
	                                         .detail = PR_STR("https://x.example/")});
	pr_conversion_encode(&order, &payload);
	script_add(&s,
	           (struct pr_record){.lsn = lsn + 1,
	                              .campaign = SERIAL,
	                              .row = PR_SEED_BASE + 1,
	                              .type = PR_RECORD_ENGAGEMENT},
	           payload);
	fold_script(l, &s, lsn + 2);
	ok(pr_ledger_engagements(l, &engaged, &e), &e);
	ck_assert_uint_eq(engaged.of[PR_ENGAGEMENT_CLICK].total, 0);
	ok(pr_ledger_variants(l, of, 2, &e), &e);
	ck_assert_uint_eq(of[1].tried + of[1].people[PR_ENGAGEMENT_CLICK], 0);
	ok(pr_ledger_conversions(l, PR_VARIANT_ALL, &sold, &e), &e);
	ck_assert_uint_eq(sold.total, 0);
	unsigned hits = 0;
	ok(pr_ledger_hits(l, PR_SEED_BASE + 1, count_hit, &hits, &e), &e);
	ck_assert_uint_eq(hits, 1);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_cancelled_ledger_takes_its_seeds_and_counts_them_apart)
{
	struct pr_error e = {0};
	struct pr_counts n;
	pr_ledger *l = ledger_with_seeds(2);
	struct script s = {0};
	script_mass(&s, 1, PR_CANCELLED);
	fold_script(l, &s, 2);
	while (pr_ledger_mass_slice(l, 100, &e) > 0)
		;
	l = reopen(l);
	ok(pr_ledger_seed_counts(l, &n, &e), &e);
	ck_assert_uint_eq(n.of[PR_CANCELLED], 2);
	ok(pr_ledger_counts(l, &n, &e), &e);
	ck_assert_uint_eq(n.of[PR_CANCELLED], 2);
	ck_assert_uint_eq(n.total, 2);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {seeds_are_due_at_once_and_counted_apart},
	    {what_came_back_about_seeds_is_kept_and_adds_up_to_nothing},
	    {a_cancelled_ledger_takes_its_seeds_and_counts_them_apart},
	};
	return suite_run("ledger_seeds", make_folder, remove_folder, tests, ROWS(tests));
}
