/* A person is forgotten: their rows stay as numbers, and the files hold no trace. */
#include "suite.h"

#include "ledger_help.h"

#define ROWS_N 40u
#define PERSON "User7@d1.example"

static pr_ledger *ledger;
static struct pr_trace trace;

static void
setup(void)
{
	make_folder();
	ledger = make_ledger(ROWS_N, 3);
	trace = (struct pr_trace){0};
	pr_trace_add(&trace, pr_str(PERSON));
}

static void
teardown(void)
{
	pr_ledger_close(ledger);
	remove_folder();
}

/* In any letter case, anywhere in a file of the ledger. */
static bool
is_on_disk(const char *tail)
{
	char path[200];
	struct pr_buf b = {0};
	size_t at, n;
	snprintf(path, sizeof path, "%s%s", ledger_path, tail);
	bool there = pr_file_read(AT_FDCWD, path, 64u << 20, &b, NULL) == 0 && b.len;
	bool found = there && pr_trace_find(&trace, pr_buf_str(&b), false, 0, &at, &n);
	pr_buf_finish(&b);
	return found;
}

static void
forget(void)
{
	struct pr_error e = {0};
	uint32_t *rows;
	size_t n;
	ok(pr_ledger_rows_of(ledger, &trace, &rows, &n, &e), &e);
	ok(pr_ledger_erase(ledger, &trace, rows, n, &e), &e);
	free(rows);
	ok(pr_ledger_scour(ledger, &trace, &e), &e);
}

START_TEST(rows_of_a_person_are_found_in_any_letter_case)
{
	struct pr_error e = {0};
	uint32_t *rows;
	size_t n;
	ok(pr_ledger_rows_of(ledger, &trace, &rows, &n, &e), &e);
	ck_assert_uint_eq(n, 1); /* not user17@ and not user37@ */
	ck_assert_uint_eq(rows[0], 7);
	free(rows);
}
END_TEST

START_TEST(an_erased_row_keeps_state_and_counts_and_leaves_no_trace)
{
	struct pr_error e = {0};
	fold_one(ledger, 7,
	         (struct pr_outcome){.state = PR_BOUNCED,
	                             .class_ = PR_CLASS_USER_UNKNOWN,
	                             .code = 550,
	                             .attempts = 2,
	                             .reply = PR_STR("550 <USER7@d1.example>: User7 unknown")});
	fold_one(ledger, 8,
	         (struct pr_outcome){.state = PR_DEFERRED,
	                             .attempts = 1,
	                             .due_ms = 5,
	                             .reply = PR_STR("450 try user7@d1.example instead")});
	ok(pr_ledger_set(ledger, "history", PR_STR("{\"detail\":\"row of user7@D1.example\"}"), &e),
	   &e);
	index_all(ledger);
	struct pr_counts before = counts_of(ledger);
	ck_assert(is_on_disk("") || is_on_disk("-wal"));
	forget();
	ck_assert(!is_on_disk(""));
	ck_assert(!is_on_disk("-wal"));
	ledger = reopen(ledger);
	struct pr_counts after = counts_of(ledger);
	ck_assert_mem_eq(&before, &after, sizeof before);
	struct known k = known(ledger, 7);
	ck_assert_int_eq(k.state, PR_BOUNCED);
	ck_assert_uint_eq(k.attempts, 2);
	ck_assert_uint_eq(k.code, 550);
	ck_assert_str_eq(k.email, "");
	ck_assert_str_eq(k.reply, "");
	ck_assert_str_eq(known(ledger, 8).reply, "450 try **************** instead");
	ck_assert_str_eq(known(ledger, 17).email, "user17@d2.example");
}
END_TEST

static bool
never(void *context, const struct pr_known *k)
{
	(void)k;
	*(bool *)context = true;
	return false;
}

START_TEST(an_erased_row_is_found_by_no_address)
{
	struct pr_error e = {0};
	bool found = false;
	index_all(ledger);
	forget();
	ok(pr_ledger_find(ledger, PR_STR("user7@d1.example"), never, &found, &e), &e);
	ok(pr_ledger_find(ledger, PR_STR(""), never, &found, &e), &e);
	ck_assert(!found);
	forget(); /* twice does no harm */
	ck_assert_uint_eq(counts_of(ledger).total, ROWS_N);
}
END_TEST

START_TEST(what_came_back_of_a_person_is_counted_and_not_told)
{
	struct script s = {0};
	struct pr_engagements before, after;
	struct pr_error e = {0};
	script_outcome(&s, 10, 7, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
	script_engagement(
	    &s, 20, 7,
	    (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
	                           .visitor = 5,
	                           .detail = PR_STR("https://x/?m=user7%40d1.example")});
	fold_script(ledger, &s, 30);
	script_finish(&s);
	ok(pr_ledger_engagements(ledger, &before, &e), &e);
	forget();
	ok(pr_ledger_engagements(ledger, &after, &e), &e);
	ck_assert_mem_eq(&before, &after, sizeof before);
	ck_assert_uint_eq(after.of[PR_ENGAGEMENT_CLICK].unique, 1);
	ck_assert(!is_on_disk("") && !is_on_disk("-wal"));
}
END_TEST

START_TEST(a_second_connection_erases_beside_the_one_that_folds)
{
	struct pr_error e = {0};
	pr_ledger *beside = ledger, *folding;
	ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &folding, &e), &e);
	fold_one(folding, 1, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
	forget();
	fold_one(folding, 2, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
	pr_ledger_close(folding);
	ledger = reopen(beside);
	ck_assert_uint_eq(counts_of(ledger).of[PR_DELIVERED], 2);
	ck_assert_str_eq(known(ledger, 7).email, "");
}
END_TEST

static bool
add_up(void *context, uint32_t row, struct pr_str email)
{
	uint64_t *sum = context;
	*sum += row * (email.n > 0);
	return true;
}

START_TEST(all_addresses_are_shown)
{
	struct pr_error e = {0};
	uint64_t sum = 0;
	ok(pr_ledger_emails(ledger, add_up, &sum, &e), &e);
	ck_assert_uint_eq(sum, ROWS_N * (ROWS_N + 1) / 2);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {rows_of_a_person_are_found_in_any_letter_case},
	    {an_erased_row_keeps_state_and_counts_and_leaves_no_trace},
	    {an_erased_row_is_found_by_no_address},
	    {what_came_back_of_a_person_is_counted_and_not_told},
	    {a_second_connection_erases_beside_the_one_that_folds},
	    {all_addresses_are_shown},
	};
	return suite_run("ledger_erase", setup, teardown, tests, ROWS(tests));
}
