/* Who is under way in a series: each enters once, gets each step once, and ends for one reason. */
#include "suite.h"

#include "ledger_help.h"

#include "../../src/ledger/internal.h"

#include "postrider/base/clock.h"
#include "postrider/ledger/series.h"

#define NOW 1800000000000LL
#define DAY PR_DAY_MS
#define ANN "ann@a.example"
#define BOB "Bob@b.example"

/* Three steps: at once, two days later, and another three. */
static const struct pr_series_plan plan = {.n = 3, .after_ms = {0, 2 * DAY, 3 * DAY}};

static pr_ledger *ledger;
static struct pr_series_due due[64];
static struct pr_error e;

static void
setup(void)
{
	make_folder();
	ledger = make_ledger(0, 1);
	index_all(ledger);
}

static void
teardown(void)
{
	pr_ledger_close(ledger);
	remove_folder();
}

/* ---- what a series does, in short ---- */

static struct pr_series_entry
entry_of(const char *address, int64_t occurrence, int64_t due_ms)
{
	return (struct pr_series_entry){.person = pr_series_person(ledger, pr_str(address)),
	                                .occurrence = occurrence,
	                                .contact = 5,
	                                .due_ms = due_ms};
}

static size_t
enter(const char *address, int64_t occurrence, int64_t now_ms, int64_t again_ms)
{
	struct pr_series_entry n = entry_of(address, occurrence, now_ms);
	struct pr_series_entering in = {
	    .entries = &n, .n = 1, .seen = -1, .step = 1, .now_ms = now_ms, .again_ms = again_ms};
	ok(pr_series_enter(ledger, &in, &e), &e);
	return in.entered;
}

static struct pr_series_asked
ask_by(const struct pr_series_plan *p, int64_t now_ms)
{
	struct pr_series_asked a = {.due = due, .max = 64};
	ok(pr_series_ask(ledger, p, now_ms, &a, &e), &e);
	return a;
}

static struct pr_series_asked
ask(int64_t now_ms)
{
	return ask_by(&plan, now_ms);
}

static struct pr_series_move
row_for(const struct pr_series_due *of, const char *address, int64_t due_ms)
{
	return (struct pr_series_move){.of = *of,
	                               .row = {.email = pr_str(address),
	                                       .domain = pr_str(strchr(address, '@') + 1),
	                                       .data = PR_STR(""),
	                                       .reason = PR_STR(""),
	                                       .state = PR_PENDING,
	                                       .due_ms = due_ms}};
}

static struct pr_series_moved
move_all(struct pr_series_move *moves, size_t n, int64_t now_ms, bool variants)
{
	struct pr_series_moved moved;
	ok(pr_series_move(ledger, &plan, moves, n, now_ms, variants, &moved, &e), &e);
	return moved;
}

/* A row of the address for the only one who is due. */
static void
send_to(const char *address, int64_t now_ms)
{
	ck_assert_uint_eq(ask(now_ms).n, 1);
	struct pr_series_move m = row_for(&due[0], address, now_ms);
	ck_assert_uint_eq(move_all(&m, 1, now_ms, false).pending, 1);
}

static void
fold_at(uint32_t row, struct pr_outcome o, int64_t at_ms)
{
	struct script s = {0};
	uint64_t lsn = pr_ledger_folded(ledger) + 1;
	script_outcome(&s, lsn, row, o);
	s.records[0].at_ms = at_ms;
	fold_script(ledger, &s, lsn + 1);
	script_finish(&s);
}

static void
fold_cancel(void)
{
	struct script s = {0};
	uint64_t lsn = pr_ledger_folded(ledger) + 1;
	script_mass(&s, lsn, PR_CANCELLED);
	fold_script(ledger, &s, lsn + 1);
	script_finish(&s);
}

static uint64_t
tally(enum pr_series_end end)
{
	struct pr_series_tally t;
	ok(pr_series_tally(ledger, &t, &e), &e);
	return t.of[end];
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt *s;
	ok(pr_db_prepare(ledger->db, sql, &s, &e), &e);
	ck_assert_int_eq(pr_db_step(s, &e), 1);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* ---- entering ---- */

START_TEST(somebody_enters_once_for_each_occurrence_whatever_the_letter_case)
{
	uint64_t person = pr_series_person(ledger, PR_STR(ANN));
	ck_assert_uint_eq(person, pr_series_person(ledger, PR_STR("ANN@A.Example")));
	ck_assert_uint_ne(person, pr_series_person(ledger, PR_STR("ann@a.example.org")));
	ck_assert_int_eq(pr_series_has(ledger, person, 1, &e), 0);
	ck_assert_uint_eq(enter(ANN, 1, NOW, 0), 1);
	ck_assert_uint_eq(enter("Ann@a.example", 1, NOW + DAY, 0), 0);
	ck_assert_uint_eq(enter(ANN, 2, NOW, 0), 1);
	ck_assert_uint_eq(enter(BOB, 1, NOW, 0), 1);
	ck_assert_int_eq(pr_series_has(ledger, person, 1, &e), 1);
	ck_assert_int_eq(pr_series_has(ledger, person, 3, &e), 0);
	ck_assert_uint_eq(tally(PR_SERIES_UNDER_WAY), 3);
}
END_TEST

static const struct {
	int64_t again_ms, passed_ms;
	size_t enters;
} agains[] = {
    {0, 0, 1},
    {0, DAY, 1},
    {30 * DAY, 0, 0},
    {30 * DAY, DAY, 0},
    {30 * DAY, 30 * DAY - 1, 0},
    {30 * DAY, 30 * DAY, 1},
};

START_TEST(somebody_enters_again_after_the_time_that_is_said)
{
	enter(ANN, 1, NOW, agains[_i].again_ms);
	ck_assert_uint_eq(enter(BOB, 2, NOW, agains[_i].again_ms), 1);
	ck_assert_uint_eq(enter(ANN, 2, NOW + agains[_i].passed_ms, agains[_i].again_ms),
	                  agains[_i].enters);
}
END_TEST

START_TEST(who_is_inside_and_how_far_it_has_seen_is_kept)
{
	static const int64_t in1[] = {9, 3, 7}, in2[] = {3, 4}, out2[] = {7, 100};
	struct pr_series_entering in = {.inside = in1, .inside_n = 3, .seen = -1};
	int64_t of[8];
	size_t n;
	ck_assert_int_eq(pr_series_seen(ledger), -1);
	ok(pr_series_enter(ledger, &in, &e), &e);
	ck_assert_int_eq(pr_series_seen(ledger), -1);
	in = (struct pr_series_entering){
	    .inside = in2, .inside_n = 2, .outside = out2, .outside_n = 2, .seen = 77};
	ok(pr_series_enter(ledger, &in, &e), &e);
	ledger = reopen(ledger);
	ck_assert_int_eq(pr_series_seen(ledger), 77);
	ok(pr_series_inside(ledger, 0, of, 8, &n, &e), &e);
	ck_assert(n == 3 && of[0] == 3 && of[1] == 4 && of[2] == 9);
	ok(pr_series_inside(ledger, 0, of, 2, &n, &e), &e);
	ck_assert(n == 2 && of[0] == 3 && of[1] == 4);
	ok(pr_series_inside(ledger, 4, of, 2, &n, &e), &e);
	ck_assert(n == 1 && of[0] == 9);
}
END_TEST

START_TEST(entering_that_fails_in_the_middle_changes_nothing)
{
	static const int64_t inside[] = {1, 2};
	struct pr_series_entry n[] = {entry_of(ANN, 1, NOW), entry_of(BOB, 13, NOW)};
	struct pr_series_entering in = {.entries = n,
	                                .n = 2,
	                                .inside = inside,
	                                .inside_n = 2,
	                                .seen = 5,
	                                .step = 1,
	                                .now_ms = NOW};
	ok(pr_db_exec(ledger->db,
	              "CREATE TRIGGER no BEFORE INSERT ON series WHEN new.occurrence = 13"
	              " BEGIN SELECT RAISE(ABORT, 'no'); END",
	              &e),
	   &e);
	ck_assert_int_lt(pr_series_enter(ledger, &in, &e), 0);
	ck_assert_uint_eq(in.entered, 0);
	ck_assert_uint_eq(tally(PR_SERIES_UNDER_WAY), 0);
	ck_assert_int_eq(pr_series_seen(ledger), -1);
	ok(pr_db_exec(ledger->db, "DROP TRIGGER no", &e), &e);
	ok(pr_series_enter(ledger, &in, &e), &e);
	ck_assert_uint_eq(in.entered, 2);
	ck_assert_int_eq(pr_series_seen(ledger), 5);
}
END_TEST

/* ---- the plan ---- */

static const struct {
	unsigned n;
	bool skip[4];
	unsigned step, next;
} nexts[] = {
    {1, {0}, 0, 1},       {1, {0}, 1, 0},          {3, {0, 0, 0}, 1, 2}, {3, {0, 1, 0}, 1, 3},
    {3, {0, 1, 1}, 1, 0}, {3, {1, 0, 0}, 0, 2},    {3, {1, 1, 1}, 0, 0}, {3, {0, 1, 0}, 2, 3},
    {3, {0, 0, 0}, 7, 0}, {4, {0, 1, 1, 0}, 1, 4},
};

START_TEST(the_next_step_is_the_first_behind_that_is_not_skipped)
{
	struct pr_series_plan p = {.n = nexts[_i].n};
	memcpy(p.skip, nexts[_i].skip, sizeof nexts[_i].skip);
	ck_assert_uint_eq(pr_series_next(&p, nexts[_i].step), nexts[_i].next);
}
END_TEST

/* ---- whose step is due ---- */

START_TEST(who_is_due_comes_earliest_first_and_the_next_one_is_told)
{
	struct pr_series_entry n[] = {entry_of(ANN, 1, NOW - 5), entry_of(BOB, 1, NOW - 9),
	                              entry_of("cy@a.example", 1, NOW + 70),
	                              entry_of("di@a.example", 1, NOW + 60)};
	struct pr_series_entering in = {
	    .entries = n, .n = 4, .seen = -1, .step = 1, .now_ms = NOW - 10};
	ok(pr_series_enter(ledger, &in, &e), &e);
	struct pr_series_asked a = ask(NOW);
	ck_assert_uint_eq(a.n, 2);
	ck_assert(!a.more);
	ck_assert_int_eq(a.next_ms, NOW + 60);
	ck_assert_uint_eq(due[0].person, n[1].person);
	ck_assert_uint_eq(due[1].person, n[0].person);
	ck_assert_int_eq(due[0].occurrence, 1);
	ck_assert_int_eq(due[0].contact, 5);
	ck_assert_int_eq(due[0].entered_ms, NOW - 10);
	ck_assert_uint_eq(due[0].step, 1);
	a.max = 1;
	ok(pr_series_ask(ledger, &plan, NOW, &a, &e), &e);
	ck_assert(a.more && a.n == 1);
	ck_assert_int_eq(ask(NOW + 70).next_ms, 0);
}
END_TEST

enum { DUE, PUT_OFF, ENDED };

/* What became of the first message: step 2 is asked for when its time comes, two days later. */
static const struct {
	const char *name;
	struct pr_outcome outcome; /* state PR_STATES: none */
	int64_t at_ms;             /* behind NOW */
	int what;
	int64_t until_ms; /* behind NOW */
	enum pr_series_end end;
} became[] = {
    {"delivered at once", {.state = PR_DELIVERED, .attempts = 1}, 0, DUE, 0, 0},
    {"delivered a little later",
     {.state = PR_DELIVERED, .attempts = 1},
     PR_HOUR_MS,
     PUT_OFF,
     2 * DAY + PR_HOUR_MS,
     0},
    {"delivered after a day of trying",
     {.state = PR_DELIVERED, .attempts = 9},
     DAY,
     PUT_OFF,
     3 * DAY,
     0},
    {"not sent yet", {.state = PR_STATES}, 0, PUT_OFF, 2 * DAY + 10 * PR_MINUTE_MS, 0},
    {"deferred",
     {.state = PR_DEFERRED, .attempts = 1, .due_ms = NOW + 3 * DAY},
     0,
     PUT_OFF,
     2 * DAY + 10 * PR_MINUTE_MS,
     0},
    {"in doubt",
     {.state = PR_IN_DOUBT, .attempts = 1, .doubts = 1},
     0,
     PUT_OFF,
     2 * DAY + 10 * PR_MINUTE_MS,
     0},
    {"bounced", {.state = PR_BOUNCED, .attempts = 1}, 0, ENDED, 0, PR_SERIES_BOUNCED},
    {"suppressed", {.state = PR_SUPPRESSED}, 0, ENDED, 0, PR_SERIES_SUPPRESSED},
    {"cancelled", {.state = PR_CANCELLED}, 0, ENDED, 0, PR_SERIES_CANCELLED},
    {"skipped: it goes on", {.state = PR_SKIPPED}, DAY, DUE, 0, 0},
};

START_TEST(the_next_step_waits_for_what_became_of_the_message_before)
{
	enter(ANN, 1, NOW, 0);
	send_to(ANN, NOW);
	ck_assert_int_eq(ask(NOW + 2 * DAY - 1).next_ms, NOW + 2 * DAY);
	if (became[_i].outcome.state != PR_STATES)
		fold_at(1, became[_i].outcome, NOW + became[_i].at_ms);
	struct pr_series_asked a = ask(NOW + 2 * DAY);
	ck_assert_msg(a.n == (became[_i].what == DUE), "%s", became[_i].name);
	ck_assert_msg(a.next_ms == (became[_i].until_ms ? NOW + became[_i].until_ms : 0),
	              "%s: %lld", became[_i].name, (long long)(a.next_ms - NOW));
	if (became[_i].what == DUE)
		ck_assert_uint_eq(due[0].step, 2);
	if (became[_i].what == ENDED) {
		ck_assert_uint_eq(a.ended.of[became[_i].end], 1);
		ck_assert_uint_eq(tally(became[_i].end), 1);
	} else {
		ck_assert_uint_eq(tally(PR_SERIES_UNDER_WAY), 1);
	}
}
END_TEST

/* A twentieth of the pause, a second at least, ten minutes at most. */
static const struct {
	int64_t after_ms, wait_ms;
} waits[] = {{0, 1000}, {PR_MINUTE_MS, 3000}, {PR_HOUR_MS, 180000}, {DAY, 600000}};

START_TEST(who_waits_for_an_outcome_is_asked_again_by_the_length_of_the_pause)
{
	struct pr_series_plan p = {.n = 2, .after_ms = {0, waits[_i].after_ms}};
	struct pr_series_moved moved;
	enter(ANN, 1, NOW, 0);
	ck_assert_uint_eq(ask_by(&p, NOW).n, 1);
	struct pr_series_move m = row_for(&due[0], ANN, NOW);
	ok(pr_series_move(ledger, &p, &m, 1, NOW, false, &moved, &e), &e);
	int64_t then = NOW + waits[_i].after_ms;
	struct pr_series_asked a = ask_by(&p, then);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_int_eq(a.next_ms, then + waits[_i].wait_ms);
}
END_TEST

START_TEST(a_step_behind_the_last_one_of_the_plan_is_the_last)
{
	const struct pr_series_plan shorter = {.n = 1};
	enter(ANN, 1, NOW, 0);
	send_to(ANN, NOW);
	fold_at(1, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1}, NOW);
	ck_assert_uint_eq(ask_by(&shorter, NOW + 2 * DAY).n, 1);
	ck_assert_uint_eq(due[0].step, 1);
}
END_TEST

/* ---- moving ---- */

static bool
keep_row(void *context, const struct pr_known *k)
{
	*(uint32_t *)context = k->row;
	return false;
}

START_TEST(a_row_is_found_by_address_and_domain_and_is_due_never_fresh)
{
	struct pr_batch *b;
	uint32_t row = 0;
	enter(ANN, 1, NOW, 0);
	enter(BOB, 1, NOW, 0);
	ck_assert_uint_eq(ask(NOW).n, 2);
	struct pr_series_move m[2];
	for (unsigned i = 0; i < 2; i++) {
		bool ann = due[i].person == pr_series_person(ledger, PR_STR(ANN));
		m[ann ? 0 : 1] = row_for(&due[i], ann ? ANN : BOB, NOW);
	}
	ck_assert_uint_eq(move_all(m, 2, NOW, false).pending, 2);
	ledger = reopen(ledger);
	ck_assert_uint_eq(counts_of(ledger).total, 2);
	ck_assert_uint_eq(counts_of(ledger).of[PR_PENDING], 2);
	ok(pr_ledger_find(ledger, PR_STR(BOB), keep_row, &row, &e), &e);
	ck_assert_uint_eq(row, 2);
	ok(pr_ledger_refill_fresh(ledger, 0, 1, 10, 100000, &b, &e), &e);
	ck_assert_uint_eq(b->n, 0);
	pr_batch_unref(b);
	ok(pr_ledger_refill_due(ledger, 0, NOW - 1, 10, &b, &e), &e);
	ck_assert_uint_eq(b->n, 0);
	pr_batch_unref(b);
	ok(pr_ledger_row(ledger, 2, &b, &e), &e);
	uint32_t domain = b->rows[0].domain;
	ck_assert_uint_eq(b->rows[0].variant, 0);
	pr_batch_unref(b);
	ok(pr_ledger_refill_due(ledger, domain, NOW, 10, &b, &e), &e);
	ck_assert_uint_eq(b->n, 1);
	ck_assert_uint_eq(b->rows[0].row, 2);
	ck_assert(pr_str_is(b->rows[0].email, BOB));
	pr_batch_unref(b);
}
END_TEST

START_TEST(rows_come_behind_those_of_an_import_and_share_its_domains)
{
	pr_ledger_close(ledger);
	pr_ledger_remove(ledger_path);
	ledger = make_ledger(12, 3);
	index_all(ledger);
	uint32_t fresh = pr_ledger_first_fresh(ledger);
	int64_t domains = number("SELECT count(*) FROM domains");
	enter("new@d1.example", 1, NOW, 0);
	send_to("new@d1.example", NOW);
	enter("new@e.example", 1, NOW, 0);
	send_to("new@e.example", NOW);
	ck_assert_str_eq(known(ledger, 13).email, "new@d1.example");
	ck_assert_int_eq(number("SELECT (SELECT domain FROM rows WHERE row = 13) ="
	                        " (SELECT domain FROM rows WHERE row = 1)"),
	                 1);
	ck_assert_int_eq(number("SELECT count(*) FROM domains"), domains + 1);
	ck_assert_uint_eq(counts_of(ledger).total, 14);
	ck_assert_uint_eq(pr_ledger_first_fresh(ledger), fresh);
}
END_TEST

START_TEST(a_row_that_is_skipped_keeps_its_reason_and_the_series_goes_on)
{
	enter(ANN, 1, NOW, 0);
	ck_assert_uint_eq(ask(NOW).n, 1);
	struct pr_series_move m = row_for(&due[0], ANN, 0);
	m.row.state = PR_SKIPPED;
	m.row.reason = PR_STR("first_name is missing");
	struct pr_series_moved moved = move_all(&m, 1, NOW, true);
	ck_assert(moved.skipped == 1 && moved.pending == 0);
	ck_assert_str_eq(known(ledger, 1).reply, "first_name is missing");
	ck_assert_int_eq(known(ledger, 1).state, PR_SKIPPED);
	ck_assert_uint_eq(ask(NOW + 2 * DAY).n, 1);
	ck_assert_uint_eq(due[0].step, 2);
}
END_TEST

START_TEST(steps_follow_each_other_as_variants_until_somebody_is_through)
{
	struct pr_series_plan p = plan;
	struct pr_series_moved moved = {0};
	struct pr_batch *b;
	int64_t now = NOW;
	p.skip[1] = true;
	enter(ANN, 1, now, 0);
	for (uint32_t row = 1; row <= 2; row++, now += 3 * DAY) {
		unsigned step = row == 1 ? 1 : 3;
		ck_assert_uint_eq(ask_by(&p, now - 1).n, 0);
		ck_assert_uint_eq(ask_by(&p, now).n, 1);
		ck_assert_uint_eq(due[0].step, step);
		struct pr_series_move m = row_for(&due[0], ANN, now);
		ok(pr_series_move(ledger, &p, &m, 1, now, true, &moved, &e), &e);
		ok(pr_ledger_row(ledger, row, &b, &e), &e);
		ck_assert_uint_eq(b->rows[0].variant, step);
		pr_batch_unref(b);
		fold_at(row,
		        (struct pr_outcome){
			    .state = PR_DELIVERED, .attempts = 1, .variant = (uint8_t)step},
		        now);
		ledger = reopen(ledger);
	}
	ck_assert_uint_eq(moved.ended.of[PR_SERIES_THROUGH], 1);
	ck_assert_uint_eq(tally(PR_SERIES_THROUGH), 1);
	ck_assert_int_eq(ask_by(&p, now + 9 * DAY).next_ms, 0);
}
END_TEST

START_TEST(an_end_makes_no_row_and_is_told_once)
{
	for (int end = PR_SERIES_THROUGH; end < PR_SERIES_ENDS; end++) {
		struct pr_series_move m = {.end = (enum pr_series_end)end};
		enter(ANN, end, NOW, 0);
		ck_assert_uint_eq(ask(NOW).n, 1);
		m.of = due[0];
		ck_assert_uint_eq(move_all(&m, 1, NOW, false).ended.of[end], 1);
		ck_assert_uint_eq(move_all(&m, 1, NOW, false).ended.of[end], 0);
		ck_assert_uint_eq(tally(m.end), 1);
		m = row_for(&m.of, ANN, NOW); /* who has ended gets nothing */
		ck_assert_uint_eq(move_all(&m, 1, NOW, false).pending, 0);
	}
	ck_assert_uint_eq(counts_of(ledger).total, 0);
	ck_assert_str_eq(pr_series_end_word(PR_SERIES_ENDS), "unknown");
	ck_assert_str_eq(pr_series_end_word(PR_SERIES_GONE), "gone");
}
END_TEST

START_TEST(after_a_mark_nobody_gets_a_row_and_who_waits_for_one_is_cancelled)
{
	enter(ANN, 1, NOW, 0);
	send_to(ANN, NOW);
	enter(BOB, 1, NOW, 0);
	ck_assert_uint_eq(ask(NOW).n, 1);
	struct pr_series_move m = row_for(&due[0], BOB, NOW);
	fold_cancel();
	struct pr_series_moved moved = move_all(&m, 1, NOW, false);
	ck_assert_uint_eq(moved.pending + moved.skipped, 0);
	ck_assert_uint_eq(counts_of(ledger).total, 1);
	ck_assert_uint_eq(ask(NOW + 2 * DAY).ended.of[PR_SERIES_CANCELLED], 1);
}
END_TEST

START_TEST(moves_that_fail_in_the_middle_change_nothing_and_succeed_later)
{
	struct pr_series_moved moved;
	enter(ANN, 1, NOW - 2, 0);
	enter(BOB, 1, NOW - 1, 0);
	ck_assert_uint_eq(ask(NOW).n, 2);
	struct pr_series_move m[] = {row_for(&due[0], ANN, NOW), row_for(&due[1], BOB, NOW)};
	ok(pr_db_exec(ledger->db,
	              "CREATE TRIGGER no BEFORE INSERT ON rows WHEN new.email = '" BOB "'"
	              " BEGIN SELECT RAISE(ABORT, 'no'); END",
	              &e),
	   &e);
	ck_assert_int_lt(pr_series_move(ledger, &plan, m, 2, NOW, false, &moved, &e), 0);
	ck_assert_uint_eq(moved.pending, 0);
	ck_assert_uint_eq(counts_of(ledger).total, 0);
	ck_assert_int_eq(number("SELECT count(*) FROM rows"), 0);
	ck_assert_uint_eq(ask(NOW).n, 2);
	ok(pr_db_exec(ledger->db, "DROP TRIGGER no", &e), &e);
	ck_assert_uint_eq(move_all(m, 2, NOW, false).pending, 2);
	ledger = reopen(ledger);
	ck_assert_uint_eq(counts_of(ledger).total, 2);
	/* Domains are looked up by an index, that of the failed one is gone with it. */
	ck_assert_int_eq(number("SELECT count(*) FROM sqlite_master WHERE name = 'domains_name'"),
	                 1);
}
END_TEST

/* ---- a person is forgotten ---- */

static void
forget(const char *address)
{
	struct pr_trace trace = {0};
	uint32_t *rows;
	size_t n;
	pr_trace_add(&trace, pr_str(address));
	ok(pr_ledger_rows_of(ledger, &trace, &rows, &n, &e), &e);
	ok(pr_ledger_erase(ledger, &trace, rows, n, &e), &e);
	free(rows);
	ok(pr_ledger_scour(ledger, &trace, &e), &e);
}

START_TEST(who_is_erased_is_nobody_and_gets_nothing_more)
{
	uint64_t ann = pr_series_person(ledger, PR_STR(ANN));
	struct pr_series_move m = {.end = PR_SERIES_DID};
	enter(ANN, 1, NOW, 0);
	send_to(ANN, NOW);
	enter(ANN, 2, NOW, 0); /* has no row yet */
	enter(ANN, 3, NOW, 0); /* has ended */
	enter(BOB, 2, NOW + 1, 0);
	ck_assert_uint_eq(ask(NOW).n, 2);
	m.of = due[due[0].occurrence == 3 ? 0 : 1];
	move_all(&m, 1, NOW, false);
	ck_assert_uint_eq(ask(NOW).n, 1);
	struct pr_series_move late = row_for(&due[0], ANN, NOW);
	forget("Ann@A.Example");
	ck_assert_uint_eq(move_all(&late, 1, NOW, false).pending, 0); /* was asked for before */
	late.end = PR_SERIES_LEFT;
	ck_assert_uint_eq(move_all(&late, 1, NOW, false).ended.of[PR_SERIES_LEFT], 0);
	for (int64_t occurrence = 1; occurrence <= 3; occurrence++)
		ck_assert_int_eq(pr_series_has(ledger, ann, occurrence, &e), 0);
	ledger = reopen(ledger);
	ck_assert_uint_eq(tally(PR_SERIES_GONE), 2);
	ck_assert_uint_eq(tally(PR_SERIES_DID), 1);
	ck_assert_int_eq(number("SELECT count(*) FROM series WHERE contact = 5"), 1);
	ck_assert_uint_eq(ask(NOW + 9 * DAY).n, 1);
	ck_assert_uint_eq(due[0].person, pr_series_person(ledger, PR_STR(BOB)));
	ck_assert_str_eq(known(ledger, 1).email, "");
	ck_assert_uint_eq(counts_of(ledger).total, 1);
}
END_TEST

/* ---- migration ---- */

START_TEST(a_ledger_of_schema_4_learns_of_series)
{
	pr_ledger *reader;
	pr_ledger_close(ledger);
	pr_ledger_remove(ledger_path);
	ledger = make_ledger(9, 2);
	fold_one(ledger, 1, (struct pr_outcome){.state = PR_DELIVERED, .attempts = 1});
	ok(pr_db_exec(ledger->db, "DROP TABLE series; DROP TABLE inside; PRAGMA user_version = 4;",
	              &e),
	   &e);
	ck_assert_int_eq(pr_ledger_open(ledger_path, PR_LEDGER_READ, &reader, &e), PR_EVERSION);
	ledger = reopen(ledger);
	ck_assert_uint_eq(counts_of(ledger).of[PR_DELIVERED], 1);
	ck_assert_uint_eq(enter(ANN, 1, NOW, 0), 1);
	index_all(ledger);
	send_to(ANN, NOW);
	ck_assert_uint_eq(counts_of(ledger).total, 10);
}
END_TEST

/* ---- a life at random, beside a simple model ---- */

#define PEOPLE 40u
#define TIMES 2u /* each may enter so often */
#define TURNS 250u

static const struct pr_series_plan life_plan = {
    .n = 4, .after_ms = {0, DAY, 2 * DAY, DAY}, .skip = {false, false, true, false}};

struct life {
	bool entered;
	unsigned step, got; /* got: bits of steps */
	int64_t due_ms;     /* 0: has ended */
	uint32_t row;       /* 0: none */
	enum pr_series_end end;
};
static struct life lives[PEOPLE][TIMES];
static struct pr_outcome last[PEOPLE * TIMES * 4 + 1]; /* of rows, by number */
static int64_t last_ms[PEOPLE * TIMES * 4 + 1];
static uint32_t rows_n;
static uint64_t dice;

static uint64_t
roll(uint64_t sides)
{
	return pr_mix64(++dice) % sides;
}

static const char *
address_of(unsigned person)
{
	static char text[40];
	snprintf(text, sizeof text, "P%u@d%u.example", person, person % 5);
	return text;
}

static struct life *
life_of(const struct pr_series_due *d, unsigned *person)
{
	for (unsigned p = 0; p < PEOPLE; p++)
		if (pr_series_person(ledger, pr_str(address_of(p))) == d->person) {
			*person = p;
			return &lives[p][d->occurrence];
		}
	ck_abort_msg("nobody we know is due");
}

static void
some_enter(int64_t now)
{
	unsigned person = (unsigned)roll(PEOPLE), time = (unsigned)roll(TIMES);
	struct life *v = &lives[person][time];
	ck_assert_uint_eq(enter(address_of(person), time, now, 0), !v->entered);
	if (!v->entered)
		*v = (struct life){.entered = true, .step = 1, .due_ms = now};
}

/* What pr_series_ask is to do with somebody; true: the step is due. */
static bool
look_back(struct life *v, int64_t now)
{
	enum pr_state state = v->row ? (enum pr_state)last[v->row].state : PR_SKIPPED;
	int64_t after = life_plan.after_ms[v->step - 1], then = last_ms[v->row] + after;
	if (state == PR_SKIPPED || (state == PR_DELIVERED && then <= now))
		return true;
	if (state == PR_DELIVERED) {
		v->due_ms = then;
	} else if (state == PR_BOUNCED || state == PR_SUPPRESSED) {
		v->end = state == PR_BOUNCED ? PR_SERIES_BOUNCED : PR_SERIES_SUPPRESSED;
		v->due_ms = 0;
	} else {
		v->due_ms = now + (after / 20 < 600000 ? after / 20 : 600000);
	}
	return false;
}

static size_t
model_asks(int64_t now)
{
	size_t n = 0;
	for (unsigned i = 0; i < PEOPLE * TIMES; i++) {
		struct life *v = &lives[i / TIMES][i % TIMES];
		n += v->entered && v->due_ms && v->due_ms <= now && look_back(v, now);
	}
	return n;
}

static struct pr_series_move
random_move(const struct pr_series_due *d, int64_t now)
{
	static char addresses[64][40];
	unsigned person, at = (unsigned)(d - due);
	struct life *v = life_of(d, &person);
	ck_assert_uint_eq(d->step, v->step);
	ck_assert_int_ne(v->due_ms, 0);
	snprintf(addresses[at], sizeof addresses[at], "%s", address_of(person));
	struct pr_series_move m = row_for(d, addresses[at], now);
	if (roll(12) == 0) {
		m.end = v->end = roll(2) ? PR_SERIES_DID : PR_SERIES_LEFT;
		v->due_ms = 0;
		return m;
	}
	if (roll(10) == 0) {
		m.row.state = PR_SKIPPED;
		m.row.due_ms = 0;
	}
	ck_assert_msg((v->got & 1u << v->step) == 0, "step %u twice", v->step);
	v->got |= 1u << v->step;
	v->row = ++rows_n;
	last[v->row] = (struct pr_outcome){.state = m.row.state};
	unsigned next = pr_series_next(&life_plan, v->step);
	v->step = next;
	v->due_ms = next ? now + life_plan.after_ms[next - 1] : 0;
	v->end = next ? PR_SERIES_UNDER_WAY : PR_SERIES_THROUGH;
	return m;
}

static void
steps_are_made(int64_t now, bool may_fail)
{
	struct pr_series_move m[64];
	struct pr_series_moved moved;
	size_t wanted = model_asks(now);
	struct pr_series_asked a = ask_by(&life_plan, now);
	ck_assert_uint_eq(a.n, wanted < 64 ? wanted : 64);
	if (may_fail && roll(4) == 0) /* killed before they were moved */
		return;
	for (size_t i = 0; i < a.n; i++)
		m[i] = random_move(&due[i], now);
	ok(pr_series_move(ledger, &life_plan, m, a.n, now, true, &moved, &e), &e);
}

static bool
is_settled(uint32_t row)
{
	enum pr_state s = (enum pr_state)last[row].state;
	return s == PR_SKIPPED || s == PR_DELIVERED || s == PR_BOUNCED || s == PR_SUPPRESSED;
}

/* Of some of the rows on their way; all: none is left on its way. */
static void
outcomes_come(int64_t now, bool all)
{
	static const uint8_t states[] = {PR_DELIVERED, PR_DELIVERED, PR_DELIVERED, PR_DELIVERED,
	                                 PR_DEFERRED,  PR_IN_DOUBT,  PR_BOUNCED,   PR_SUPPRESSED};
	struct script s = {0};
	uint64_t lsn = pr_ledger_folded(ledger) + 1;
	for (uint32_t row = 1; row <= rows_n; row++) {
		if (is_settled(row) || (!all && roll(3)))
			continue;
		struct pr_outcome o = last[row];
		o.state = all ? PR_DELIVERED : states[roll(8)];
		o.attempts++;
		o.doubts += o.state == PR_IN_DOUBT;
		o.due_ms = o.state == PR_DEFERRED ? now + PR_HOUR_MS : 0;
		script_outcome(&s, lsn++, row, o);
		s.records[s.n - 1].at_ms = last_ms[row] = now;
		last[row] = o;
	}
	fold_script(ledger, &s, lsn);
	script_finish(&s);
}

static void
compare(void)
{
	struct pr_series_tally t, model = {0};
	struct pr_counts c = counts_of(ledger);
	uint64_t states[PR_STATES] = {0};
	ok(pr_series_tally(ledger, &t, &e), &e);
	for (unsigned i = 0; i < PEOPLE * TIMES; i++)
		if (lives[i / TIMES][i % TIMES].entered)
			model.of[lives[i / TIMES][i % TIMES].end]++;
	for (uint32_t row = 1; row <= rows_n; row++)
		states[last[row].state]++;
	for (int end = 0; end < PR_SERIES_ENDS; end++)
		ck_assert_msg(t.of[end] == model.of[end], "%s: %llu, not %llu",
		              pr_series_end_word((enum pr_series_end)end),
		              (unsigned long long)t.of[end], (unsigned long long)model.of[end]);
	ck_assert_uint_eq(c.total, rows_n);
	for (int state = 0; state < PR_STATES; state++)
		ck_assert_uint_eq(c.of[state], states[state]);
}

START_TEST(whatever_happens_nobody_gets_a_step_twice_and_all_adds_up)
{
	int64_t now = NOW;
	memset(lives, 0, sizeof lives);
	memset(last, 0, sizeof last);
	memset(last_ms, 0, sizeof last_ms);
	rows_n = 0;
	dice = 1000u * (unsigned)_i;
	for (unsigned turn = 0; turn < TURNS; turn++, now += (int64_t)roll(6 * PR_HOUR_MS)) {
		some_enter(now);
		steps_are_made(now, true);
		if (roll(3))
			outcomes_come(now, false);
		if (roll(8) == 0)
			ledger = reopen(ledger);
		if (roll(16) == 0)
			compare();
	}
	for (unsigned turn = 0; turn < 20; turn++, now += DAY) {
		outcomes_come(now, true);
		steps_are_made(now, false);
	}
	compare();
	ck_assert_uint_eq(tally(PR_SERIES_UNDER_WAY), 0);
	ck_assert_uint_gt(tally(PR_SERIES_THROUGH), 0);
	ck_assert_uint_gt(tally(PR_SERIES_BOUNCED), 0);
}
END_TEST

int
main(void)
{
	static const int seeds[6];
	const struct suite_test tests[] = {
	    {somebody_enters_once_for_each_occurrence_whatever_the_letter_case},
	    {somebody_enters_again_after_the_time_that_is_said, ROWS(agains)},
	    {who_is_inside_and_how_far_it_has_seen_is_kept},
	    {entering_that_fails_in_the_middle_changes_nothing},
	    {the_next_step_is_the_first_behind_that_is_not_skipped, ROWS(nexts)},
	    {who_is_due_comes_earliest_first_and_the_next_one_is_told},
	    {the_next_step_waits_for_what_became_of_the_message_before, ROWS(became)},
	    {who_waits_for_an_outcome_is_asked_again_by_the_length_of_the_pause, ROWS(waits)},
	    {a_step_behind_the_last_one_of_the_plan_is_the_last},
	    {a_row_is_found_by_address_and_domain_and_is_due_never_fresh},
	    {rows_come_behind_those_of_an_import_and_share_its_domains},
	    {a_row_that_is_skipped_keeps_its_reason_and_the_series_goes_on},
	    {steps_follow_each_other_as_variants_until_somebody_is_through},
	    {an_end_makes_no_row_and_is_told_once},
	    {after_a_mark_nobody_gets_a_row_and_who_waits_for_one_is_cancelled},
	    {moves_that_fail_in_the_middle_change_nothing_and_succeed_later},
	    {who_is_erased_is_nobody_and_gets_nothing_more},
	    {a_ledger_of_schema_4_learns_of_series},
	    {whatever_happens_nobody_gets_a_step_twice_and_all_adds_up, ROWS(seeds)},
	};
	return suite_run("ledger_series", setup, teardown, tests, ROWS(tests));
}
