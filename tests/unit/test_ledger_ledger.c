/* The ledger: import, folding, refill, marks, indexes, versions; and what kill -9 leaves. */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/ledger/internal.h"

#include <signal.h>
#include <sys/wait.h>

static const struct pr_outcome delivered = {.state = PR_DELIVERED,
                                            .code = 250,
                                            .attempts = 1,
                                            .class_ = PR_CLASS_DELIVERED,
                                            .first_ms = 1000,
                                            .reply = {"250 ok", 6},
                                            .mx = {"mx.example", 10}};

static struct pr_outcome
deferred(unsigned attempts, int64_t due_ms)
{
	return (struct pr_outcome){.state = PR_DEFERRED,
	                           .code = 451,
	                           .attempts = (uint16_t)attempts,
	                           .class_ = PR_CLASS_GREYLISTED,
	                           .first_ms = 1000,
	                           .due_ms = due_ms,
	                           .reply = PR_STR("451 later")};
}

static struct pr_batch *
fresh(pr_ledger *l, uint32_t from, unsigned max)
{
	struct pr_batch *b;
	struct pr_error e = {0};
	ok(pr_ledger_refill_fresh(l, 0, from, max, SIZE_MAX, &b, &e), &e);
	return b;
}

static struct pr_batch *
due(pr_ledger *l, uint32_t domain, int64_t now_ms, unsigned max)
{
	struct pr_batch *b;
	struct pr_error e = {0};
	ok(pr_ledger_refill_due(l, domain, now_ms, max, &b, &e), &e);
	return b;
}

START_TEST(fields_come_back_as_packed_and_damage_ends_them)
{
	char large[70000];
	memset(large, 'x', sizeof large);
	struct pr_str in[] = {PR_STR("a"), PR_STR(""), {large, 127}, {large, 128}, {large, 70000}};
	struct pr_str out[7];
	struct pr_buf b = {0};
	pr_fields_pack(&b, in, 5);
	ck_assert_uint_eq(pr_fields_unpack(pr_buf_str(&b), out, 7), 5);
	for (int i = 0; i < 5; i++)
		ck_assert(pr_str_eq(in[i], out[i]));
	ck_assert_uint_eq(out[5].n, 0);
	ck_assert_uint_eq(pr_fields_unpack(pr_str_n(b.data, b.len - 1), out, 7), 4);
	ck_assert_uint_eq(out[4].n, 0);
	ck_assert_uint_eq(pr_fields_unpack(pr_str_n("\xFF\xFF\xFF\xFF\xFF\xFF", 6), out, 2), 0);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(import_gives_fresh_rows_in_file_order_without_those_skipped)
{
	pr_ledger *l = make_ledger(100, 7);
	struct pr_batch *b = fresh(l, 1, 1000);
	ck_assert_uint_eq(b->n, 90);
	ck_assert(b->end);
	for (unsigned i = 1; i < b->n; i++)
		ck_assert_uint_gt(b->rows[i].row, b->rows[i - 1].row);
	ck_assert(pr_str_is(b->rows[0].email, "user1@d1.example"));
	struct pr_str fields[3];
	ck_assert_uint_eq(pr_fields_unpack(b->rows[9].data, fields, 3), 2);
	ck_assert(pr_str_is(fields[0], "user11@d4.example") && pr_str_is(fields[1], "Ann"));
	pr_batch_unref(b);
	struct pr_counts c = counts_of(l);
	ck_assert_uint_eq(c.total, 100);
	ck_assert_uint_eq(c.of[PR_PENDING], 90);
	ck_assert_uint_eq(c.of[PR_SKIPPED], 10);
	ck_assert_str_eq(known(l, 20).reply, "bad");

	struct pr_arena a;
	struct pr_str *names;
	pr_arena_init(&a);
	ck_assert_uint_eq(pr_ledger_columns(l, &a, &names), 2);
	ck_assert(pr_str_is(names[1], "name"));
	pr_arena_finish(&a);
	l = reopen(l);
	struct pr_ledger_identity i;
	pr_ledger_identity(l, &i);
	ck_assert_str_eq(i.id, "20261201-test-aaaa");
	ck_assert_uint_eq(i.serial, SERIAL);
	ck_assert_uint_eq(i.address_key.k1, 22);
	pr_ledger_close(l);
}
END_TEST

START_TEST(refill_goes_on_where_the_batch_ended)
{
	pr_ledger *l = make_ledger(1000, 7);
	uint32_t from = 1, rows = 0, last = 0;
	for (;;) {
		struct pr_batch *b;
		struct pr_error e = {0};
		/* 200 octets hold about three rows */
		ok(pr_ledger_refill_fresh(l, 0, from, 17, rows < 300 ? SIZE_MAX : 200, &b, &e), &e);
		ck_assert_uint_le(b->n, rows < 300 ? 17 : 8);
		for (unsigned i = 0; i < b->n; i++) {
			ck_assert_uint_gt(b->rows[i].row, last);
			last = b->rows[i].row;
		}
		rows += b->n;
		from = b->next_row;
		bool end = b->end;
		pr_batch_unref(b);
		if (end)
			break;
	}
	ck_assert_uint_eq(rows, 900);
	pr_ledger_close(l);
}
END_TEST

START_TEST(refill_skips_rows_that_were_tried_however_they_lie)
{
	pr_ledger *l = make_ledger(2000, 7);
	struct script s = {0};
	for (uint32_t row = 1; row <= 2000; row++)
		if (row % 10 && (row < 500 || row % 3 == 0 || (row > 1200 && row < 1900)))
			script_outcome(&s, row, row, delivered);
	fold_script(l, &s, 3000);
	struct pr_batch *b = fresh(l, 1, 5000);
	unsigned expect = 0;
	for (uint32_t row = 1; row <= 2000; row++)
		if (row % 10 && row >= 500 && row % 3 && !(row > 1200 && row < 1900)) {
			ck_assert_uint_eq(b->rows[expect].row, row);
			expect++;
		}
	ck_assert_uint_eq(b->n, expect);
	ck_assert_uint_eq(pr_ledger_first_fresh(l), 502); /* 500 skipped, 501 sent */
	pr_batch_unref(b);
	l = reopen(l);
	ck_assert_uint_eq(pr_ledger_first_fresh(l), 502); /* 500 skipped, 501 sent */
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(unfinished_import_is_no_ledger)
{
	struct pr_ledger_identity i = identity();
	struct pr_error e = {0};
	pr_ledger *l;
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e);
	ok(pr_ledger_add(l,
	                 &(struct pr_ledger_new){.row = 1,
	                                         .email = PR_STR("a@b.c"),
	                                         .domain = PR_STR("b.c"),
	                                         .state = PR_PENDING},
	                 &e),
	   &e);
	pr_ledger_close(l);
	ck_assert_int_eq(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), PR_ESTATE);
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e); /* made anew over it */
	ok(pr_ledger_import_done(l, &e), &e);
	l = reopen(l);
	ck_assert_uint_eq(counts_of(l).total, 0);
	ck_assert_uint_eq(pr_ledger_first_fresh(l), UINT32_MAX);
	pr_ledger_close(l);
	ck_assert_int_eq(pr_ledger_open("/nonexistent/ledger.db", PR_LEDGER_READ, &l, &e),
	                 PR_ENOENT);
}
END_TEST

START_TEST(folding_twice_changes_nothing)
{
	pr_ledger *l = make_ledger(100, 7);
	struct script s = {0};
	script_outcome(&s, 8, 1, delivered);
	script_outcome(&s, 16, 2, deferred(1, 5000));
	script_outcome(
	    &s, 24, 3,
	    (struct pr_outcome){.state = PR_IN_DOUBT, .attempts = 1, .doubts = 1, .due_ms = 9000});
	fold_script(l, &s, 32);
	struct pr_counts before = counts_of(l);
	ck_assert_uint_eq(before.of[PR_DELIVERED], 1);
	ck_assert_uint_eq(before.attempts, 3);
	ck_assert_uint_eq(before.in_doubt_ever, 1);
	ck_assert_uint_eq(before.needs_decision, 0);
	fold_script(l, &s, 32); /* as a whole */
	l = reopen(l);
	ck_assert_uint_eq(pr_ledger_folded(l), 32);
	script_outcome(&s, 32, 4, delivered);
	fold_script(l, &s, 40); /* overlapping */
	struct pr_counts after = counts_of(l);
	ck_assert_uint_eq(after.of[PR_DELIVERED], 2);
	ck_assert_uint_eq(after.attempts, 4);
	ck_assert_uint_eq(l->p.refused, 0);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(records_of_others_and_of_unknown_rows_are_left_out)
{
	pr_ledger *l = make_ledger(10, 7);
	struct script s = {0};
	script_outcome(&s, 1, 1, delivered);
	s.records[0].campaign = SERIAL + 1;
	script_outcome(&s, 2, 11, delivered);
	script_outcome(&s, 3, 0, delivered);
	script_outcome(&s, 4, 2, delivered);
	s.records[3].payload_n = 3; /* cut */
	script_outcome(&s, 5, 3, delivered);
	s.records[4].type = PR_RECORD_INTENT;
	script_outcome(&s, 6, 4, (struct pr_outcome){.state = PR_SENDING});
	fold_script(l, &s, 7);
	ck_assert_uint_eq(counts_of(l).of[PR_PENDING], 9);
	ck_assert_uint_eq(l->p.refused, 4);
	ck_assert_uint_eq(pr_ledger_folded(l), 7);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

/* What an outcome may do to what is known: design.md, "States of a recipient". */
static bool
outcome_may(enum pr_state from, enum pr_state to)
{
	switch (from) {
	case PR_PENDING:
	case PR_DEFERRED: return true;              /* every outcome, by way of sending */
	case PR_IN_DOUBT: return true;              /* sent again, or evidence */
	case PR_DELIVERED: return to == PR_BOUNCED; /* late */
	default: return false;
	}
}

START_TEST(outcomes_move_rows_by_the_table_and_not_otherwise)
{
	static const enum pr_state states[] = {PR_PENDING,  PR_DELIVERED,  PR_DEFERRED,
	                                       PR_BOUNCED,  PR_SUPPRESSED, PR_SKIPPED,
	                                       PR_IN_DOUBT, PR_CANCELLED};
	pr_ledger *l = make_ledger(100, 7);
	uint32_t row = 0;
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			row += row % 10 == 9 ? 2 : 1;
			fold_one(l, row,
			         (struct pr_outcome){.state = (uint8_t)states[i], .attempts = 1});
			ck_assert_int_eq(known(l, row).state, states[i]);
			fold_one(l, row,
			         (struct pr_outcome){.state = (uint8_t)states[j], .attempts = 2});
			bool may = outcome_may(states[i], states[j]);
			struct known k = known(l, row);
			ck_assert_msg(k.state == (may ? states[j] : states[i]), "%s -> %s",
			              pr_state_word(states[i]), pr_state_word(states[j]));
			ck_assert_uint_eq(k.attempts, may ? 2 : 1);
			counts_of(l);
		}
	pr_ledger_close(l);
}
END_TEST

START_TEST(last_outcome_of_a_row_in_a_batch_wins)
{
	pr_ledger *l = make_ledger(10, 7);
	struct script s = {0};
	script_outcome(&s, 1, 5, deferred(1, 100));
	script_outcome(&s, 2, 3, delivered);
	script_outcome(&s, 3, 5, deferred(2, 200));
	script_outcome(&s, 4, 5, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 3});
	script_outcome(&s, 5, 5, deferred(4, 300)); /* no way leads there */
	fold_script(l, &s, 6);
	ck_assert_int_eq(known(l, 5).state, PR_DELIVERED);
	ck_assert_uint_eq(known(l, 5).attempts, 3);
	ck_assert_uint_eq(counts_of(l).attempts, 4);
	ck_assert_uint_eq(l->p.refused, 1);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(evidence_keeps_the_time_of_the_last_attempt)
{
	pr_ledger *l = make_ledger(10, 7);
	fold_one(l, 1, delivered);
	int64_t at = known(l, 1).last_ms;
	fold_one(l, 1,
	         (struct pr_outcome){.state = PR_BOUNCED, .attempts = 1, .flags = PR_OUTCOME_LATE});
	ck_assert_int_eq(known(l, 1).state, PR_BOUNCED);
	ck_assert_int_eq(known(l, 1).last_ms, at);
	pr_ledger_close(l);
}
END_TEST

START_TEST(what_comes_late_moves_only_rows_that_were_delivered_or_are_in_doubt)
{
	static const struct pr_outcome late = {.state = PR_BOUNCED,
	                                       .class_ = PR_CLASS_USER_UNKNOWN,
	                                       .code = 550,
	                                       .flags = PR_OUTCOME_LATE,
	                                       .attempts = 1};
	static const uint8_t states[] = {PR_DELIVERED, PR_IN_DOUBT, PR_DEFERRED, PR_SKIPPED};
	pr_ledger *l = make_ledger(9, 1);
	struct script s = {0};
	for (uint32_t i = 0; i < 4; i++)
		fold_one(l, i + 1, (struct pr_outcome){.state = states[i], .attempts = 1});
	for (uint32_t row = 1; row <= 5; row++)
		for (int twice = 0; twice < 2; twice++)
			fold_one(l, row, late);
	struct pr_counts c = counts_of(l);
	ck_assert_uint_eq(c.of[PR_BOUNCED], 2);
	ck_assert_int_eq(known(l, 1).code, 550);
	ck_assert_int_eq(known(l, 3).state, PR_DEFERRED);
	ck_assert_int_eq(known(l, 5).state, PR_PENDING);
	/* within one batch, on a row that was deferred before, and on one that nobody had tried */
	uint64_t lsn = pr_ledger_folded(l) + 1;
	for (uint32_t row = 3; row <= 6; row += 3) {
		script_outcome(&s, lsn++, row,
		               (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
		script_outcome(&s, lsn++, row, late);
	}
	fold_script(l, &s, lsn);
	ck_assert_uint_eq(counts_of(l).of[PR_BOUNCED], 4);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(row_keeps_the_version_it_was_last_sent_with)
{
	pr_ledger *l = make_ledger(20, 3);
	struct pr_batch *b;
	struct pr_error e = {0};
	fold_one(l, 1, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
	fold_one(l, 2, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1, .version = 3});
	fold_one(l, 3, (struct pr_outcome){.state = PR_DEFERRED, .attempts = 1, .version = 1});
	fold_one(l, 3, (struct pr_outcome){.state = PR_DEFERRED, .attempts = 2, .version = 2});
	fold_one(l, 4, (struct pr_outcome){.state = PR_PENDING}); /* withdrawn unsent */
	l = reopen(l);
	ck_assert_uint_eq(known(l, 1).version, 1);
	ck_assert_uint_eq(known(l, 2).version, 3);
	ck_assert_uint_eq(known(l, 3).version, 2);
	ck_assert_uint_eq(known(l, 4).version, 0);
	ck_assert_uint_eq(known(l, 5).version, 0);  /* fresh */
	ck_assert_uint_eq(known(l, 10).version, 0); /* skipped */
	ok(pr_ledger_row(l, 3, &b, &e), &e);
	ck_assert_uint_eq(b->rows[0].version, 2);
	pr_batch_unref(b);
	struct script s = {0};
	script_mass(&s, pr_ledger_folded(l), PR_CANCELLED);
	fold_script(l, &s, pr_ledger_folded(l) + 1);
	while (pr_ledger_mass_slice(l, 5, &e) > 0)
		;
	ck_assert_uint_eq(known(l, 3).state, PR_CANCELLED);
	ck_assert_uint_eq(known(l, 3).version, 2); /* also where a mark rewrote it */
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(due_rows_come_earliest_first_and_only_once)
{
	pr_ledger *l = make_ledger(100, 7);
	fold_one(l, 1, deferred(1, 3000));
	fold_one(l, 2, deferred(1, 1000));
	fold_one(l, 3, (struct pr_outcome){.state = PR_IN_DOUBT, .due_ms = 2000, .doubts = 1});
	fold_one(l, 4, (struct pr_outcome){.state = PR_PENDING}); /* withdrawn: at once */
	fold_one(l, 5,
	         (struct pr_outcome){
		     .state = PR_IN_DOUBT, .flags = PR_OUTCOME_HELD, .due_ms = 10, .doubts = 1});
	ck_assert_uint_eq(counts_of(l).needs_decision, 1);
	struct pr_batch *b = due(l, 0, 2500, 2);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->rows[0].row, 4);
	ck_assert_uint_eq(b->rows[1].row, 2);
	ck_assert_uint_eq(b->rows[1].state, PR_DEFERRED);
	ck_assert_uint_eq(b->rows[1].attempts, 1);
	ck_assert(!b->end);
	ck_assert_int_eq(b->next_due_ms, 3000);
	pr_batch_unref(b);
	b = due(l, 0, 2500, 10);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 3);
	ck_assert(b->end);
	pr_batch_unref(b);
	b = due(l, 0, 2500, 10); /* all are handed */
	ck_assert_uint_eq(b->n, 0);
	pr_batch_unref(b);
	pr_ledger_give_back(l, 2);
	fold_one(l, 3, deferred(2, 2400)); /* tried and deferred again */
	b = due(l, 0, 2500, 10);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->rows[0].row, 2);
	ck_assert_uint_eq(b->rows[1].row, 3);
	pr_batch_unref(b);
	fold_one(l, 1, delivered);
	b = due(l, 0, 2500, 10);
	ck_assert_int_eq(b->next_due_ms, 0);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(rows_put_off_are_due_each_at_its_own_time)
{
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(100, 7);
	for (unsigned row = 1; row <= 3; row++)
		fold_one(l, row, deferred(1, 1000));
	struct pr_batch *b = due(l, 0, 2000, 10);
	ck_assert_uint_eq(b->n, 3);
	pr_batch_unref(b);
	const struct pr_put_off rows[] = {{1, 9000}, {2, 3000}};
	ok(pr_ledger_put_off(l, rows, 2, &e), &e);
	b = due(l, 0, 2000, 10); /* the third is handed */
	ck_assert_uint_eq(b->n, 0);
	ck_assert_int_eq(b->next_due_ms, 3000);
	pr_batch_unref(b);
	b = due(l, 0, 3000, 10);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 2);
	ck_assert_uint_eq(b->rows[0].attempts, 1);
	pr_batch_unref(b);
	b = due(l, 0, 9000, 10);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 1);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(fresh_rows_put_off_are_fresh_no_more_and_counted_once)
{
	struct pr_error e = {0};
	struct pr_counts counts;
	pr_ledger *l = make_ledger(100, 7);
	fold_one(l, 3, delivered);
	const struct pr_put_off rows[] = {{1, 9000}, {2, 3000}, {3, 3000}, {4, 3000}};
	ok(pr_ledger_put_off(l, rows, 4, &e), &e);
	ok(pr_ledger_put_off(l, rows, 4, &e), &e); /* again, as after a late answer */
	ok(pr_ledger_counts(l, &counts, &e), &e);
	ck_assert_uint_eq(counts.of[PR_PENDING], 89); /* one in ten is skipped */
	ck_assert_uint_eq(counts.of[PR_DELIVERED], 1);
	ck_assert_uint_eq(pr_ledger_first_fresh(l), 5);
	struct pr_batch *b = fresh(l, 1, 10);
	ck_assert_uint_eq(b->rows[0].row, 5);
	pr_batch_unref(b);
	b = due(l, 0, 5000, 10);
	ck_assert_uint_eq(b->n, 2); /* not the delivered one */
	ck_assert_uint_eq(b->rows[0].row, 2);
	ck_assert_int_eq(b->rows[0].state, PR_PENDING);
	pr_batch_unref(b);
	fold_one(l, 2, delivered);
	ok(pr_ledger_counts(l, &counts, &e), &e);
	ck_assert_uint_eq(counts.of[PR_PENDING], 88);
	ck_assert_uint_eq(counts.of[PR_DELIVERED], 2);
	pr_ledger_close(l);
}
END_TEST

START_TEST(parked_rows_are_due_again_when_they_are_told_to)
{
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(100, 7);
	struct pr_put_off rows[5];
	for (unsigned row = 1; row <= 6; row++)
		fold_one(l, row, deferred(1, 1000));
	pr_batch_unref(due(l, 0, 2000, 10));
	for (unsigned i = 0; i < 5; i++)
		rows[i] = (struct pr_put_off){i + 1, PR_LEDGER_PARKED_MS};
	ok(pr_ledger_put_off(l, rows, 5, &e), &e);
	pr_ledger_give_back(l, 6);
	struct pr_batch *b = due(l, 0, 4000, 10);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 6);
	ck_assert_int_eq(b->next_due_ms, PR_LEDGER_PARKED_MS);
	pr_batch_unref(b);
	ck_assert_int_eq(pr_ledger_unpark(l, 5000, 3, &e), 1);
	ck_assert_int_eq(pr_ledger_unpark(l, 5000, 3, &e), 0);
	b = due(l, 0, 5000, 10);
	ck_assert_uint_eq(b->n, 5);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(rows_of_one_domain_are_read_by_its_number)
{
	pr_ledger *l = make_ledger(1000, 7);
	struct pr_batch *b;
	struct pr_error e = {0};
	uint32_t domain;
	b = fresh(l, 1, 1);
	domain = b->rows[0].domain; /* of rows 1, 8, 15, ... */
	pr_batch_unref(b);
	ck_assert_int_eq(pr_ledger_refill_fresh(l, domain, 1, 10, SIZE_MAX, &b, &e), PR_EAGAIN);
	index_all(l);
	ok(pr_ledger_refill_fresh(l, domain, 9, 3, SIZE_MAX, &b, &e), &e);
	ck_assert_uint_eq(b->n, 3);
	ck_assert_uint_eq(b->rows[0].row, 15);
	ck_assert_uint_eq(b->rows[2].row, 29);
	ck_assert(!b->end);
	ck_assert_uint_eq(b->next_row, 30);
	pr_batch_unref(b);
	fold_one(l, 8, deferred(1, 100));
	fold_one(l, 9, deferred(1, 50));
	b = due(l, domain, 500, 10);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 8);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(cancel_takes_every_unsent_row_at_once)
{
	pr_ledger *l = make_ledger(1000, 7);
	struct script s = {0};
	struct pr_error e = {0};
	for (uint32_t row = 1; row < 300; row++)
		if (row % 10)
			script_outcome(&s, row, row, row % 3 ? deferred(1, 100) : delivered);
	script_outcome(
	    &s, 300, 301,
	    (struct pr_outcome){.state = PR_IN_DOUBT, .due_ms = 50, .doubts = 1, .attempts = 1});
	fold_script(l, &s, 400);
	script_finish(&s);
	script_mass(&s, 400, PR_CANCELLED);
	fold_script(l, &s, 401);
	script_finish(&s);

	struct pr_counts c = counts_of(l), again;
	ck_assert_uint_eq(c.of[PR_PENDING] + c.of[PR_DEFERRED], 0);
	ck_assert_uint_eq(c.of[PR_DELIVERED], 90);
	ck_assert_uint_eq(c.of[PR_SKIPPED], 100);
	ck_assert_uint_eq(c.of[PR_IN_DOUBT], 1);
	ck_assert_uint_eq(c.of[PR_CANCELLED], 809);
	ck_assert_uint_eq(pr_ledger_first_fresh(l), UINT32_MAX);
	struct pr_batch *b = fresh(l, 1, 10);
	ck_assert(b->n == 0 && b->end);
	pr_batch_unref(b);
	b = due(l, 0, 1000, 10);
	ck_assert(b->n == 0 && b->end && b->next_due_ms == 0);
	pr_batch_unref(b);
	ck_assert_int_eq(known(l, 1).state, PR_CANCELLED);
	ck_assert_str_eq(known(l, 999).reply, "no stock");

	/* Rows that were in flight: their outcomes are the truth. */
	fold_one(l, 1, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 2});
	fold_one(l, 999, delivered);
	fold_one(l, 998, deferred(1, 9999));
	ck_assert_int_eq(known(l, 1).state, PR_DELIVERED);
	ck_assert_int_eq(known(l, 999).state, PR_DELIVERED);
	ck_assert_int_eq(known(l, 998).state, PR_CANCELLED);

	l = reopen(l); /* the mark outlives the process, half rewritten */
	c = counts_of(l);
	ck_assert_uint_eq(c.of[PR_CANCELLED], 807);
	int r;
	unsigned slices = 0;
	while ((r = pr_ledger_mass_slice(l, 0, &e)) == 1)
		slices++;
	ok(r, &e);
	ck_assert_uint_ge(slices, 1);
	again = counts_of(l);
	ck_assert(memcmp(&c.of, &again.of, sizeof c.of) == 0);
	ck_assert_uint_eq(again.needs_decision, 1); /* nothing is sent again after a mark */
	ck_assert_int_eq(known(l, 301).state, PR_IN_DOUBT);

	fold_one(l, 2,
	         (struct pr_outcome){.state = PR_BOUNCED, .attempts = 2}); /* rewritten, late */
	ck_assert_int_eq(known(l, 2).state, PR_BOUNCED);
	fold_one(
	    l, 301,
	    (struct pr_outcome){.state = PR_IN_DOUBT, .due_ms = 5, .attempts = 2, .doubts = 2});
	ck_assert_uint_eq(counts_of(l).needs_decision, 1);
	pr_ledger_close(l);
}
END_TEST

START_TEST(second_mark_finds_nothing_left)
{
	pr_ledger *l = make_ledger(20, 7);
	struct script s = {0};
	script_mass(&s, 1, PR_DELIVERED); /* no mark at all */
	script_mass(&s, 2, PR_SKIPPED);
	script_mass(&s, 3, PR_CANCELLED);
	fold_script(l, &s, 4);
	ck_assert_uint_eq(counts_of(l).of[PR_SKIPPED], 20);
	ck_assert_uint_eq(l->p.refused, 1);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

static bool
count_page(void *context, const struct pr_known *k)
{
	unsigned *n = context;
	ck_assert_uint_gt(k->row, n[1]);
	n[0]++;
	n[1] = k->row;
	return true;
}

START_TEST(pages_hold_the_rows_of_a_state_in_order)
{
	pr_ledger *l = make_ledger(300, 7), *reader;
	struct script s = {0};
	struct pr_error e = {0};
	for (uint32_t row = 1; row <= 300; row++)
		if (row % 10 && row % 4 == 0)
			script_outcome(&s, row, row, row % 3 ? deferred(1, 100) : delivered);
	fold_script(l, &s, 301);
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), &e);
	for (int pass = 0; pass < 2; pass++) {
		struct pr_counts c = counts_of(reader);
		for (int state = 0; state <= PR_STATES; state++) {
			unsigned n[2] = {0, 0}, total = 0, last;
			do { /* in pages of 7 */
				last = n[1];
				n[0] = 0;
				ok(pr_ledger_page(reader, (enum pr_state)state, last, 7, count_page,
				                  n, &e),
				   &e);
				total += n[0];
			} while (n[0] == 7);
			ck_assert_uint_eq(total, state == PR_STATES ? c.total : c.of[state]);
		}
		script_finish(&s);
		script_mass(&s, 400, PR_CANCELLED);
		fold_script(l, &s, 401);
	}
	script_finish(&s);
	pr_ledger_close(reader);
	pr_ledger_close(l);
}
END_TEST

static bool
collect_rows(void *context, const struct pr_known *k)
{
	uint64_t *set = context;
	*set |= UINT64_C(1) << k->row;
	return true;
}

START_TEST(rows_of_an_address_are_found_and_colliding_hashes_are_not_believed)
{
	struct pr_ledger_identity i = identity();
	struct pr_error e = {0};
	pr_ledger *l;
	uint64_t set = 0;
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e);
	static const char *const emails[] = {"a@x.example", "b@x.example", "a@x.example"};
	for (uint32_t row = 1; row <= 3; row++)
		ok(pr_ledger_add(l,
		                 &(struct pr_ledger_new){.row = row,
		                                         .email = pr_str(emails[row - 1]),
		                                         .domain = PR_STR("x.example"),
		                                         .state = PR_PENDING},
		                 &e),
		   &e);
	ok(pr_ledger_import_done(l, &e), &e);
	ck_assert_int_eq(pr_ledger_find(l, PR_STR("a@x.example"), collect_rows, &set, &e),
	                 PR_EAGAIN);
	index_all(l);
	/* Row 2 under the hash of rows 1 and 3. */
	ok(pr_db_exec(l->db, "INSERT INTO addresses SELECT hash, 2 FROM addresses WHERE row = 1",
	              &e),
	   &e);
	ok(pr_ledger_find(l, PR_STR("a@x.example"), collect_rows, &set, &e), &e);
	ck_assert_uint_eq(set, 1 << 1 | 1 << 3);
	set = 0;
	ok(pr_ledger_find(l, PR_STR("c@x.example"), collect_rows, &set, &e), &e);
	ck_assert_uint_eq(set, 0);
	pr_ledger_close(l);
}
END_TEST

START_TEST(index_is_the_same_after_a_restart_at_any_slice)
{
	for (int stop_after = 0; stop_after < 40; stop_after += 3) {
		struct pr_error e = {0};
		pr_ledger *l = make_ledger(3000, 50);
		for (int i = 0; i < stop_after; i++)
			ck_assert_int_ge(pr_ledger_index_slice(l, 0, &e), 0);
		l = reopen(l);
		index_all(l);
		sqlite3_stmt *s;
		ok(pr_db_prepare(l->db,
		                 "SELECT (SELECT count(*) FROM addresses),"
		                 " (SELECT count(*) FROM by_domain),"
		                 " (SELECT count(DISTINCT row) FROM addresses)",
		                 &s, &e),
		   &e);
		ck_assert_int_eq(pr_db_step(s, &e), 1);
		for (int c = 0; c < 3; c++)
			ck_assert_int_eq(sqlite3_column_int(s, c), 3000);
		sqlite3_finalize(s);
		pr_ledger_close(l);
	}
}
END_TEST

START_TEST(who_is_over_a_cap_is_counted_where_the_ledger_does_not_say_it)
{
	pr_ledger *l = make_ledger(20, 2); /* two are skipped as bad */
	struct pr_error e = {0};
	fold_one(l, 1, (struct pr_outcome){.state = PR_SKIPPED, .class_ = PR_CLASS_CAPPED});
	ck_assert_uint_eq(counts_of(l).capped, 1);
	ok(pr_db_exec(l->db, "DELETE FROM meta WHERE key = 'capped'", &e), &e);
	l = reopen(l);
	ck_assert_uint_eq(counts_of(l).capped, 1);
	ck_assert_uint_eq(counts_of(l).of[PR_SKIPPED], 3);
	pr_ledger_close(l);
}
END_TEST

START_TEST(domains_beyond_the_cache_keep_their_numbers)
{
	enum { DOMAINS = 200500 };
	struct pr_ledger_identity i = identity();
	struct pr_error e = {0};
	pr_ledger *l;
	uint32_t row = 0;
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e);
	for (int pass = 0; pass < 2; pass++)
		for (unsigned d = pass ? DOMAINS - 700 : 0; d < DOMAINS; d++) {
			char name[32];
			snprintf(name, sizeof name, "d%u.example", d);
			struct pr_ledger_new n = {.row = ++row,
			                          .email = PR_STR("x"),
			                          .domain = pr_str(name),
			                          .state = PR_PENDING};
			ok(pr_ledger_add(l, &n, &e), &e);
		}
	ok(pr_ledger_import_done(l, &e), &e);
	struct pr_batch *b = fresh(l, DOMAINS - 700, 1500);
	ck_assert_uint_eq(b->n, 1401);
	for (unsigned n = 1; n < 701; n++)
		ck_assert_uint_eq(b->rows[n].domain, b->rows[n + 700].domain);
	ck_assert_uint_eq(b->rows[1].domain, DOMAINS - 699);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(facts_survive_and_readers_see_commits)
{
	pr_ledger *l = make_ledger(10, 7), *reader;
	struct pr_error e = {0};
	struct pr_buf b = {0};
	ok(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), &e);
	ok(pr_ledger_set(l, "state", PR_STR("sending"), &e), &e);
	ok(pr_ledger_set(l, "state", PR_STR("paused"), &e), &e);
	ck_assert_int_eq(pr_ledger_get(reader, "state", &b), 0);
	ck_assert_str_eq(b.data, "paused");
	ck_assert_int_eq(pr_ledger_get(reader, "nothing", &b), PR_ENOENT);
	fold_one(l, 1, delivered);
	ck_assert_uint_eq(counts_of(reader).of[PR_DELIVERED], 1);
	pr_buf_finish(&b);
	pr_ledger_close(reader);
	pr_ledger_close(l);
}
END_TEST

START_TEST(full_disk_fails_the_fold_whole_and_it_works_later)
{
	pr_ledger *l = make_ledger(3000, 7);
	struct pr_error e = {0};
	struct script s = {0};
	for (uint32_t row = 1; row <= 3000; row++)
		script_outcome(&s, row, row, delivered);
	/* SQLite's own limit of pages answers SQLITE_FULL like a disk. */
	ok(pr_db_exec(l->db, "PRAGMA max_page_count = 1", &e), &e);
	ck_assert_int_eq(pr_ledger_fold(l, s.records, s.n, 4000, &e), PR_ENOSPC);
	ck_assert_uint_eq(pr_ledger_folded(l), 0);
	ck_assert_uint_eq(counts_of(l).of[PR_PENDING], 2700);
	ok(pr_db_exec(l->db, "PRAGMA max_page_count = 1000000", &e), &e);
	fold_script(l, &s, 4000);
	ck_assert_uint_eq(counts_of(l).of[PR_DELIVERED], 2700);
	script_finish(&s);
	pr_ledger_close(l);
}
END_TEST

START_TEST(damaged_file_is_called_corrupt)
{
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(100, 7);
	pr_ledger_close(l);
	FILE *f = fopen(ledger_path, "r+");
	ck_assert_ptr_nonnull(f);
	fputs("this is no database at all", f);
	fclose(f);
	ck_assert_int_eq(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), PR_ECORRUPT);
}
END_TEST

/* 1 and 4 go with the others, 2 at its own time, 3 waits to be unparked, 5 is a duplicate found
 * later that had a time. */
START_TEST(rows_with_a_time_of_their_own_are_due_not_fresh)
{
	static const int64_t due[] = {0, 5000, PR_LEDGER_PARKED_MS, 0, 7000};
	struct pr_ledger_identity i = identity();
	struct pr_error e = {0};
	pr_ledger *l;
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e);
	for (uint32_t row = 1; row <= 5; row++)
		ok(pr_ledger_add(l,
		                 &(struct pr_ledger_new){.row = row,
		                                         .email = PR_STR("a@x.example"),
		                                         .domain = PR_STR("x.example"),
		                                         .state = PR_PENDING,
		                                         .due_ms = due[row - 1]},
		                 &e),
		   &e);
	ok(pr_ledger_skip(l, 5, PR_STR("duplicate of row 1"), &e), &e);
	ok(pr_ledger_import_done(l, &e), &e);
	l = reopen(l);
	ck_assert_uint_eq(counts_of(l).of[PR_PENDING], 4);
	ck_assert_uint_eq(counts_of(l).of[PR_SKIPPED], 1);
	struct pr_batch *b = fresh(l, 1, 10);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->rows[1].row, 4);
	pr_batch_unref(b);
	ok(pr_ledger_refill_due(l, 0, 4999, 10, &b, &e), &e);
	ck_assert_uint_eq(b->n, 0);
	ck_assert_int_eq(b->next_due_ms, 5000);
	pr_batch_unref(b);
	ck_assert_int_eq(pr_ledger_unpark(l, 5001, 10, &e), 0);
	ok(pr_ledger_refill_due(l, 0, 5001, 10, &b, &e), &e);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->rows[0].row, 2);
	ck_assert_uint_eq(b->rows[1].row, 3);
	ck_assert_uint_eq(b->rows[1].state, PR_PENDING);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_row_keeps_the_variant_it_was_sent_with)
{
	struct pr_error e = {0};
	struct pr_batch *b;
	pr_ledger *l = make_ledger(9, 2);
	fold_one(l, 3,
	         (struct pr_outcome){
		     .state = PR_DEFERRED, .attempts = 1, .version = 2, .variant = 7, .due_ms = 1});
	l = reopen(l);
	ok(pr_ledger_row(l, 3, &b, &e), &e);
	ck_assert_uint_eq(b->rows[0].variant, 7);
	ck_assert_uint_eq(b->rows[0].version, 2);
	pr_batch_unref(b);
	ok(pr_ledger_row(l, 4, &b, &e), &e);
	ck_assert_uint_eq(b->rows[0].variant, 0);
	pr_batch_unref(b);
	pr_ledger_close(l);
}
END_TEST

START_TEST(newer_schema_is_refused_by_name_and_older_migrated_after_a_copy)
{
	static const struct pr_db_migration list[] = {
	    {PR_LEDGER_SCHEMA, "ALTER TABLE rows ADD COLUMN variant INTEGER"},
	    {PR_LEDGER_SCHEMA + 1, "UPDATE rows SET variant = 9"},
	    {0, NULL}};
	struct pr_error e = {0};
	char copy[100], number[8];
	pr_ledger *l = make_ledger(10, 7);
	fold_one(l, 1, delivered);
	pr_ledger_close(l);
	ck_assert_int_eq(
	    ledger_open_migrating(ledger_path, PR_LEDGER_READ, PR_LEDGER_SCHEMA + 2, list, &l, &e),
	    PR_EVERSION);
	ok(ledger_open_migrating(ledger_path, PR_LEDGER_FOLD, PR_LEDGER_SCHEMA + 2, list, &l, &e),
	   &e);
	ck_assert_uint_eq(counts_of(l).of[PR_DELIVERED], 1);
	pr_ledger_close(l);
	ck_assert_int_eq(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), PR_EVERSION);
	snprintf(number, sizeof number, " %d;", PR_LEDGER_SCHEMA + 2);
	ck_assert_ptr_nonnull(strstr(e.text, number));
	snprintf(number, sizeof number, " %d:", PR_LEDGER_SCHEMA);
	ck_assert_ptr_nonnull(strstr(e.text, number));
	snprintf(copy, sizeof copy, "%s.v%d", ledger_path, PR_LEDGER_SCHEMA);
	ok(pr_ledger_open(copy, PR_LEDGER_FOLD, &l, &e), &e);
	ck_assert_uint_eq(counts_of(l).of[PR_DELIVERED], 1);
	pr_ledger_close(l);
	ck_assert_int_eq(
	    ledger_open_migrating(ledger_path, PR_LEDGER_FOLD, PR_LEDGER_SCHEMA + 3, list, &l, &e),
	    PR_EVERSION); /* no way leads there */
}
END_TEST

/* A campaign's life at random: outcomes of random rows, some of which no way leads to. */
static struct pr_outcome
random_outcome(uint64_t seed)
{
	static const uint8_t states[] = {PR_DELIVERED, PR_DELIVERED, PR_DEFERRED, PR_DEFERRED,
	                                 PR_BOUNCED,   PR_IN_DOUBT,  PR_PENDING,  PR_SUPPRESSED};
	struct pr_outcome o = {.state = states[seed % 8]};
	o.attempts = (uint16_t)(1 + seed / 8 % 5);
	o.doubts = o.state == PR_IN_DOUBT;
	o.due_ms = (int64_t)(seed / 64 % 1000);
	return o;
}

static void
random_script(struct script *s, unsigned rows, unsigned n, uint64_t from, uint64_t seed)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t x = pr_mix64(seed + from + i);
		if (from + i == 1500)
			script_mass(s, from + i, PR_CANCELLED);
		else
			script_outcome(s, from + i, 1 + (uint32_t)(x % rows),
			               random_outcome(x >> 20));
	}
}

static char *
dump(pr_ledger *l)
{
	struct pr_buf b = {0};
	struct pr_error e = {0};
	sqlite3_stmt *s;
	ok(pr_db_prepare(l->db, "SELECT * FROM state ORDER BY row", &s, &e), &e);
	while (pr_db_step(s, &e) == 1) {
		for (int c = 0; c < sqlite3_column_count(s); c++)
			pr_buf_addf(&b, "%s|", (const char *)sqlite3_column_text(s, c));
		pr_buf_addc(&b, '\n');
	}
	sqlite3_finalize(s);
	struct pr_counts c = counts_of(l);
	for (int i = 0; i < PR_STATES; i++)
		pr_buf_addf(&b, "%llu ", (unsigned long long)c.of[i]);
	pr_buf_addf(&b, "%llu %llu %llu\n", (unsigned long long)c.attempts,
	            (unsigned long long)c.in_doubt_ever, (unsigned long long)c.needs_decision);
	return b.data;
}

START_TEST(counts_equal_what_the_rows_say_after_any_life)
{
	pr_ledger *l = make_ledger(400, 7);
	for (uint64_t at = 1; at < 3000; at += 60) {
		struct script s = {0};
		uint64_t of[PR_STATES] = {0};
		random_script(&s, 400, 60, at, 99);
		fold_script(l, &s, at + 60);
		script_finish(&s);
		struct pr_counts c = counts_of(l);
		for (uint32_t row = 1; row <= 400; row++)
			of[known(l, row).state]++;
		ck_assert(memcmp(of, c.of, sizeof of) == 0);
		if (at % 7 == 0)
			l = reopen(l);
	}
	pr_ledger_close(l);
}
END_TEST

/* Fold the whole script in batches of n. */
static void
fold_in_batches(pr_ledger *l, struct script *s, size_t n)
{
	for (size_t at = 0; at < s->n; at += n) {
		struct pr_error e = {0};
		size_t end = at + n < s->n ? at + n : s->n;
		ok(pr_ledger_fold(l, s->records + at, end - at, s->records[end - 1].lsn + 1, &e),
		   &e);
	}
}

#define STEP 30 /* records a fold */

START_TEST(killed_while_folding_it_folds_to_the_same)
{
	struct script s = {0};
	random_script(&s, 400, 3000, 1, 5);
	pr_ledger *l = make_ledger(400, 7);
	fold_in_batches(l, &s, STEP);
	char *expect = dump(l);
	pr_ledger_close(l);
	for (unsigned round = 0; round < 8; round++) {
		l = make_ledger(400, 7);
		pr_ledger_close(l);
		int ready[2];
		ck_assert_int_eq(pipe(ready), 0);
		pid_t child = fork();
		if (child == 0) {
			struct pr_error e = {0};
			if (pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e) < 0)
				_exit(1);
			for (size_t at = 0; at < s.n; at += STEP) {
				if (pr_ledger_fold(l, s.records + at, STEP,
				                   s.records[at + STEP - 1].lsn + 1, &e) < 0)
					_exit(2);
				if (write(ready[1], "x", 1) != 1)
					_exit(3);
			}
			pause();
		}
		char octet; /* killed while it works on what follows this batch */
		for (unsigned i = 0; i < 1 + round * 11; i++)
			ck_assert_int_eq(read(ready[0], &octet, 1), 1);
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		ck_assert(WIFSIGNALED(status));
		close(ready[0]);
		close(ready[1]);
		struct pr_error e = {0};
		ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), &e);
		ck_assert_uint_ge(pr_ledger_folded(l),
		                  s.records[STEP - 1 + round * 11 * STEP].lsn + 1);
		fold_in_batches(l, &s, STEP); /* from the beginning: what is folded is left out */
		char *got = dump(l);
		ck_assert_str_eq(got, expect);
		free(got);
		pr_ledger_close(l);
	}
	free(expect);
	script_finish(&s);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {fields_come_back_as_packed_and_damage_ends_them},
	    {import_gives_fresh_rows_in_file_order_without_those_skipped},
	    {refill_goes_on_where_the_batch_ended},
	    {refill_skips_rows_that_were_tried_however_they_lie},
	    {unfinished_import_is_no_ledger},
	    {folding_twice_changes_nothing},
	    {records_of_others_and_of_unknown_rows_are_left_out},
	    {outcomes_move_rows_by_the_table_and_not_otherwise},
	    {last_outcome_of_a_row_in_a_batch_wins},
	    {evidence_keeps_the_time_of_the_last_attempt},
	    {what_comes_late_moves_only_rows_that_were_delivered_or_are_in_doubt},
	    {row_keeps_the_version_it_was_last_sent_with},
	    {due_rows_come_earliest_first_and_only_once},
	    {rows_put_off_are_due_each_at_its_own_time},
	    {fresh_rows_put_off_are_fresh_no_more_and_counted_once},
	    {parked_rows_are_due_again_when_they_are_told_to},
	    {rows_of_one_domain_are_read_by_its_number},
	    {cancel_takes_every_unsent_row_at_once},
	    {second_mark_finds_nothing_left},
	    {pages_hold_the_rows_of_a_state_in_order},
	    {rows_of_an_address_are_found_and_colliding_hashes_are_not_believed},
	    {index_is_the_same_after_a_restart_at_any_slice},
	    {who_is_over_a_cap_is_counted_where_the_ledger_does_not_say_it},
	    {domains_beyond_the_cache_keep_their_numbers},
	    {facts_survive_and_readers_see_commits},
	    {full_disk_fails_the_fold_whole_and_it_works_later},
	    {damaged_file_is_called_corrupt},
	    {rows_with_a_time_of_their_own_are_due_not_fresh},
	    {a_row_keeps_the_variant_it_was_sent_with},
	    {newer_schema_is_refused_by_name_and_older_migrated_after_a_copy},
	    {counts_equal_what_the_rows_say_after_any_life},
	    {killed_while_folding_it_folds_to_the_same},
	};
	return suite_run("ledger_ledger", make_folder, remove_folder, tests, ROWS(tests));
}
