/* The journal in service: appends, turns, syncs, cursors, release, a disk that fails. */
#include "journal_world.h"
#include "suite.h"

/* ---- appending and reading ---- */

START_TEST(records_come_back_across_segments_turns_and_starts)
{
	uint32_t n = 0;
	unsigned starts;
	for (int start = 0; start < 3; start++) {
		must_open();
		ck_assert(same_boot);
		for (int turn = 0; turn < 60; turn++) {
			for (int i = 0; i < turn % 7; i++)
				append(++n);
			pr_loop_turn(loop);
		}
		must_close(); /* writes and syncs what is left */
	}
	ck_assert_uint_eq(read_all(dir, 0, 1, &starts, UINT64_MAX), n);
	ck_assert_uint_eq(starts, 3);
}
END_TEST

START_TEST(lsns_grow_and_say_where_a_cursor_begins)
{
	static uint64_t lsns[301];
	must_open();
	for (uint32_t i = 1; i <= 300; i++) {
		lsns[i] = append(i);
		ck_assert_uint_gt(lsns[i], lsns[i - 1]);
		ck_assert_uint_gt(pr_journal_end(journal), lsns[i]);
	}
	settle();
	for (uint32_t i = 1; i <= 300; i += 13) {
		ck_assert_uint_eq(read_all(dir, lsns[i], i, NULL, UINT64_MAX), 301 - i);
		/* between two records: from the next one on */
		ck_assert_uint_eq(read_all(dir, lsns[i] + 1, i + 1, NULL, UINT64_MAX), 300 - i);
		ck_assert_uint_eq(read_all(dir, lsns[i], i, NULL, lsns[i]), 0);
		ck_assert_uint_eq(read_all(dir, lsns[i], i, NULL, lsns[i] + 1), 1);
	}
	ck_assert_uint_eq(read_all(dir, pr_journal_end(journal), 0, NULL, UINT64_MAX), 0);
}
END_TEST

START_TEST(burst_of_many_segments_in_one_turn_is_written_whole)
{
	must_open();
	for (uint32_t i = 1; i <= 5000; i++)
		append(i);
	ck_assert_uint_gt(pr_journal_end(journal), 40 * SMALL);
	ck_assert_int_eq(pr_journal_flush(journal), 0);
	ck_assert_uint_eq(pr_journal_written(journal), pr_journal_end(journal));
	settle();
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, pr_journal_durable(journal)), 5000);
}
END_TEST

static int left_octets_seen;

static void
octets_leave(struct pr_turn_hook *hook)
{
	(void)hook;
	left_octets_seen++;
	ck_assert_uint_eq(pr_journal_written(journal), pr_journal_end(journal));
}

START_TEST(turn_writes_before_octets_leave_by_a_socket)
{
	struct pr_turn_hook net;
	must_open();
	pr_turn_hook_init(&net, loop, PR_TURN_NET, octets_leave);
	left_octets_seen = 0;
	pr_turn_ask(&net);
	append(1);
	ck_assert_uint_lt(pr_journal_written(journal), pr_journal_end(journal));
	hold_syncs(true); /* no sync is needed for what kill -9 leaves */
	pr_loop_turn(loop);
	ck_assert_int_eq(left_octets_seen, 1);
	copy_folder(dir, other);
	hold_syncs(false);
	ck_assert_uint_eq(read_all(other, 0, 1, NULL, UINT64_MAX), 1);
}
END_TEST

START_TEST(empty_folder_gives_a_cursor_that_finds_the_journal_later)
{
	pr_cursor *c;
	struct pr_record r;
	ck_assert_int_eq(pr_mkdirs(dir, 0750), 0);
	ck_assert_int_eq(pr_cursor_open(dir, 0, &c, &error), 0);
	ck_assert_int_eq(pr_cursor_next(c, UINT64_MAX, &r, &error), 0);
	must_open();
	append(1);
	settle();
	ck_assert_int_eq(pr_cursor_next(c, UINT64_MAX, &r, &error), 1);
	ck_assert_uint_eq(r.type, PR_RECORD_START);
	ck_assert_uint_eq(r.payload_n, PR_BOOT_ID);
	ck_assert_int_eq(memcmp(r.payload, BOOT_A, PR_BOOT_ID), 0);
	ck_assert_int_eq(pr_cursor_next(c, UINT64_MAX, &r, &error), 1);
	check_record(&r, 1);
	pr_cursor_close(c);
	ck_assert_int_eq(pr_cursor_open("/nonexistent", 0, &c, &error), PR_ENOENT);
}
END_TEST

START_TEST(cursor_follows_the_live_journal_up_to_what_is_durable)
{
	pr_cursor *c;
	struct pr_record r;
	uint32_t appended = 0, seen = 0;
	must_open();
	ck_assert_int_eq(pr_cursor_open(dir, pr_journal_end(journal), &c, &error), 0);
	for (int turn = 0; turn < 400; turn++) {
		for (int i = 0; i < turn % 5; i++)
			append(++appended);
		pr_loop_turn(loop);
		uint64_t limit = pr_journal_durable(journal);
		int got;
		while ((got = pr_cursor_next(c, limit, &r, &error)) == 1) {
			ck_assert_uint_lt(r.lsn, limit);
			check_record(&r, ++seen);
		}
		ck_assert_msg(got == 0, "%s", error.text);
	}
	settle();
	while (pr_cursor_next(c, pr_journal_durable(journal), &r, &error) == 1)
		check_record(&r, ++seen);
	ck_assert_uint_eq(seen, appended);
	pr_cursor_close(c);
}
END_TEST

struct follower {
	pthread_t thread;
	_Atomic uint64_t limit;
	_Atomic bool end;
	uint32_t seen;
};

static void *
follow(void *argument)
{
	struct follower *f = argument;
	struct pr_error e;
	struct pr_record r;
	pr_cursor *c;
	if (pr_cursor_open(dir, 0, &c, &e) < 0)
		return (void *)"cannot open";
	for (bool end = false; !end;) {
		end = f->end;
		int got;
		while ((got = pr_cursor_next(c, f->limit, &r, &e)) == 1)
			if (r.type != PR_RECORD_START && r.row != ++f->seen)
				return (void *)"record missing";
		if (got < 0)
			return (void *)"damaged";
	}
	pr_cursor_close(c);
	return NULL;
}

START_TEST(another_thread_reads_while_the_loop_writes)
{
	struct follower f = {.seen = 0};
	void *complaint;
	must_open();
	f.limit = pr_journal_durable(journal);
	pthread_create(&f.thread, NULL, follow, &f);
	for (uint32_t i = 1; i <= 3000; i++) {
		append(i);
		if (i % 10 == 0)
			pr_loop_turn(loop);
		f.limit = pr_journal_durable(journal);
	}
	settle();
	f.limit = pr_journal_durable(journal);
	f.end = true;
	pthread_join(f.thread, &complaint);
	ck_assert_msg(!complaint, "%s", (char *)complaint);
	ck_assert_uint_eq(f.seen, 3000);
}
END_TEST

/* ---- durable ---- */

static int waiters_run;

static void
on_waiter(struct pr_journal_waiter *w)
{
	ck_assert_uint_ge(pr_journal_durable(journal), w->lsn);
	waiters_run++;
}

START_TEST(waiters_run_when_their_records_are_durable_and_not_before)
{
	struct pr_journal_waiter a = {.durable = on_waiter}, b = a, c = a;
	must_open();
	waiters_run = 0;
	hold_syncs(true);
	append(1);
	pr_journal_wait(journal, &a);
	append(2);
	pr_journal_wait(journal, &b);
	pr_loop_turn(loop);
	pr_loop_turn(loop);
	ck_assert_int_eq(waiters_run, 0);
	hold_syncs(false);
	settle();
	ck_assert_int_eq(waiters_run, 2);
	ck_assert_uint_eq(durable_told, pr_journal_end(journal));
	pr_journal_wait(journal, &c); /* durable already: later all the same */
	ck_assert_int_eq(waiters_run, 2);
	pr_loop_turn(loop);
	ck_assert_int_eq(waiters_run, 3);
}
END_TEST

START_TEST(closing_runs_the_last_waiters)
{
	struct pr_journal_waiter a = {.durable = on_waiter};
	must_open();
	waiters_run = 0;
	append(1);
	pr_journal_wait(journal, &a);
	must_close();
	ck_assert_int_eq(waiters_run, 1);
}
END_TEST

START_TEST(one_sync_serves_all_that_was_written_before_it)
{
	must_open();
	hold_syncs(true);
	append(1);
	pr_loop_turn(loop);
	while (syncs_seen < 2) /* START's, and the one that is held */
		pr_loop_turn(loop);
	for (uint32_t i = 2; i <= 20; i++) {
		append(i);
		pr_loop_turn(loop);
	}
	hold_syncs(false);
	settle();
	ck_assert_int_eq(syncs_seen, 3);
	struct pr_journal_stats stats;
	pr_journal_stats(journal, &stats);
	ck_assert_uint_eq(stats.records, 21);
	ck_assert_uint_eq(stats.syncs, 2);
	ck_assert_uint_gt(stats.octets, 21 * PR_RECORD_HEADER);
}
END_TEST

/* ---- release ---- */

START_TEST(release_removes_whole_segments_but_for_what_is_kept)
{
	pr_cursor *c;
	struct pr_record r;
	uint64_t lsns[401], bases[100];
	must_open();
	for (uint32_t i = 1; i <= 400; i++)
		lsns[i] = append(i);
	settle();
	ck_assert_uint_gt(list_bases(dir, bases, 100), 2);
	uint64_t first = bases[0];
	pr_journal_release(journal, lsns[300], UINT64_MAX);
	pr_journal_release(journal, lsns[300], pr_journal_end(journal) - lsns[100]);
	must_close(); /* the thread has done what it was asked for */
	ck_assert_uint_gt(list_bases(dir, bases, 100), 2);
	ck_assert_uint_gt(bases[0], first);
	ck_assert_uint_le(bases[0], lsns[100]);
	ck_assert_uint_gt(bases[1], lsns[100]); /* no more was kept than had to be */
	ck_assert_uint_eq(read_all(dir, lsns[100], 100, NULL, UINT64_MAX), 301);
	ck_assert_int_eq(pr_cursor_open(dir, lsns[1], &c, &error), PR_ENOENT);
	ck_assert_uint_eq(pr_cursor_lsn(c), bases[0]);
	ck_assert_int_eq(pr_cursor_next(c, UINT64_MAX, &r, &error), 1);
	ck_assert_uint_le(r.row, 100);
	pr_cursor_close(c);
	must_open();
	pr_journal_release(journal, UINT64_MAX, 0); /* never the segment being written */
	append(401);
	settle();
	must_close();
	ck_assert_uint_eq(read_all(dir, 0, 401, NULL, UINT64_MAX), 1);
}
END_TEST

START_TEST(what_is_held_stays_until_it_is_let_go)
{
	uint64_t lsns[401], bases[100];
	must_open();
	for (uint32_t i = 1; i <= 400; i++)
		lsns[i] = append(i);
	settle();
	pr_journal_hold(journal, lsns[100]);
	pr_journal_release(journal, lsns[300], 0);
	must_close();
	list_bases(dir, bases, 100);
	ck_assert_uint_le(bases[0], lsns[100]);
	ck_assert_uint_gt(bases[1], lsns[100]);
	must_open();
	pr_journal_hold(journal, lsns[100]);
	pr_journal_release(journal, lsns[300], 0);
	pr_journal_hold(journal, UINT64_MAX); /* what was asked for before goes now */
	must_close();
	list_bases(dir, bases, 100);
	ck_assert_uint_gt(bases[0], lsns[100]);
	ck_assert_uint_le(bases[0], lsns[300]);
}
END_TEST

START_TEST(cursor_in_a_released_segment_is_told_so)
{
	pr_cursor *c;
	struct pr_record r;
	must_open();
	for (uint32_t i = 1; i <= 400; i++)
		append(i);
	settle();
	ck_assert_int_eq(pr_cursor_open(dir, 0, &c, &error), 0);
	ck_assert_int_eq(pr_cursor_next(c, UINT64_MAX, &r, &error), 1);
	pr_journal_release(journal, UINT64_MAX, 0);
	must_close();
	int got;
	while ((got = pr_cursor_next(c, UINT64_MAX, &r, &error)) == 1)
		; /* what it has open it may read */
	ck_assert_int_eq(got, PR_ENOENT);
	pr_cursor_close(c);
}
END_TEST

START_TEST(damage_below_the_limit_is_an_error_and_no_end)
{
	uint64_t lsns[401], bases[100];
	must_open();
	for (uint32_t i = 1; i <= 400; i++)
		lsns[i] = append(i);
	settle();
	list_bases(dir, bases, 100);
	spoil(dir, bases[0], lsns[3] + 9, 1, 0x55);
	uint64_t limits[] = {pr_journal_durable(journal), UINT64_MAX};
	for (int i = 0; i < 2; i++) {
		pr_cursor *c;
		struct pr_record r;
		int got, n = 0;
		ck_assert_int_eq(pr_cursor_open(dir, lsns[1], &c, &error), 0);
		while ((got = pr_cursor_next(c, limits[i], &r, &error)) == 1)
			n++;
		ck_assert_int_eq(n, 2);
		ck_assert_int_eq(got, PR_ECORRUPT);
		pr_cursor_close(c);
	}
}
END_TEST

/* ---- a disk that fails ---- */

START_TEST(full_disk_is_told_while_a_reserve_is_left_and_ends_by_itself)
{
	pr_loop_fake_clock(loop, 1000);
	must_open();
	append(1);
	settle();
	/* Two segments are ahead soon; from here on no more can be made. */
	uint64_t bases[8];
	while (list_bases(dir, bases, 8) < 3)
		pr_loop_turn(loop);
	fallocate_errno = ENOSPC;
	uint32_t n = 1;
	while (full_told == room_told) {
		append(++n);
		settle();
	}
	ck_assert_int_eq(full_told, 1);
	/* What is in flight ends: nearly a whole segment is left for it. */
	uint64_t until = pr_journal_end(journal) + SMALL - HEADER - PR_RECORD_MAX;
	while (pr_journal_end(journal) + PR_RECORD_MAX < until)
		append(++n);
	settle();
	ck_assert_int_eq(failures_told, 0);
	pr_loop_fake_clock(loop, 2500); /* tried again: still full, told once */
	pr_loop_turn(loop);
	fallocate_errno = 0;
	for (int64_t now = 4000; full_told > room_told; now += 1000) {
		pr_loop_fake_clock(loop, now);
		pr_loop_turn(loop);
	}
	ck_assert_int_eq(full_told, 1);
	ck_assert_int_eq(room_told, 1);
	for (int i = 0; i < 200; i++)
		append(++n);
	settle();
	ck_assert_int_eq(failures_told, 0);
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), n);
}
END_TEST

START_TEST(release_makes_room_without_waiting_for_the_clock)
{
	pr_loop_fake_clock(loop, 1000);
	must_open();
	uint32_t n = 0;
	while (n < 200)
		append(++n);
	settle();
	fallocate_errno = ENOSPC;
	while (full_told == room_told) {
		append(++n);
		settle();
	}
	fallocate_errno = 0;
	pr_journal_release(journal, UINT64_MAX, 0);
	while (full_told > room_told)
		pr_loop_turn(loop);
	ck_assert_int_eq(room_told, 1);
}
END_TEST

START_TEST(used_up_reserve_is_a_failure_and_what_was_durable_stays)
{
	pr_loop_fake_clock(loop, 1000);
	must_open();
	fallocate_errno = ENOSPC;
	uint32_t n = 0;
	for (; !failures_told; n++) {
		append(n + 1);
		pr_loop_turn(loop);
	}
	ck_assert_int_eq(failure_code, PR_ENOSPC);
	ck_assert_int_lt(pr_journal_flush(journal), 0);
	uint64_t durable = pr_journal_durable(journal);
	must_close();
	fallocate_errno = 0;
	must_open();
	ck_assert_uint_ge(pr_journal_end(journal), durable);
	must_close();
	uint32_t kept = read_all(dir, 0, 1, NULL, UINT64_MAX);
	ck_assert_uint_ge(kept, n - 2);
}
END_TEST

START_TEST(failed_sync_is_told_once_and_never_tried_again)
{
	struct pr_journal_waiter w = {.durable = on_waiter};
	must_open();
	waiters_run = 0;
	append(1);
	settle();
	uint64_t durable = pr_journal_durable(journal);
	int syncs = syncs_seen;
	sync_errno = EIO;
	append(2);
	pr_journal_wait(journal, &w);
	while (!failures_told)
		pr_loop_turn_wait(loop);
	ck_assert_int_eq(failure_code, PR_EIO);
	ck_assert_int_eq(syncs_seen, syncs + 1);
	sync_errno = 0; /* the kernel would say that all is well now */
	append(3);
	pr_loop_turn(loop);
	ck_assert_int_lt(pr_journal_flush(journal), 0);
	must_close();
	ck_assert_int_eq(syncs_seen, syncs + 1);
	ck_assert_int_eq(failures_told, 1);
	ck_assert_int_eq(waiters_run, 0);
	ck_assert_uint_eq(durable_told, durable);
}
END_TEST

START_TEST(failed_write_is_told_before_octets_leave)
{
	must_open();
	append(1);
	settle();
	pwrite_errno = EIO;
	append(2);
	ck_assert_int_eq(pr_journal_flush(journal), PR_EIO);
	ck_assert_int_eq(failures_told, 1);
	pwrite_errno = 0;
	append(3);
	ck_assert_int_lt(pr_journal_flush(journal), 0);
	pr_loop_turn(loop);
	must_close();
	ck_assert_int_eq(failures_told, 1);
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), 1);
}
END_TEST

START_TEST(short_and_interrupted_writes_go_on)
{
	pwrite_most = 100;
	must_open();
	for (uint32_t i = 1; i <= 200; i++)
		append(i);
	settle();
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), 200);
}
END_TEST

START_TEST(opening_on_a_failing_disk_is_refused_and_can_be_repeated)
{
	static const struct {
		_Atomic int *what;
		int number, code;
	} faults[] = {{&fallocate_errno, ENOSPC, PR_ENOSPC},
	              {&pwrite_errno, EIO, PR_EIO},
	              {&sync_errno, EIO, PR_EIO}};
	must_open();
	append(1);
	must_close();
	for (int i = 0; i < 3; i++) {
		*faults[i].what = faults[i].number;
		ck_assert_int_eq(try_open(), faults[i].code);
		*faults[i].what = 0;
	}
	must_open();
	append(2);
	must_close();
	ck_assert_uint_eq(read_all(dir, 0, 1, NULL, UINT64_MAX), 2);
}
END_TEST

START_TEST(wrong_options_and_a_second_daemon_are_refused)
{
	pr_journal *second;
	bool boot;
	options.segment_size = SMALL - 1;
	ck_assert_int_eq(try_open(), PR_EINVAL);
	options.segment_size = SMALL;
	options.floor = UINT64_MAX;
	ck_assert_int_eq(try_open(), PR_ECORRUPT);
	options.floor = 0;
	options.boot_id = "short";
	ck_assert_int_eq(try_open(), PR_ESYSTEM);
	options.boot_id = NULL; /* the kernel's own */
	must_open();
	ck_assert_int_eq(pr_journal_open(loop, &options, &boot, &second, &error), PR_ESTATE);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {records_come_back_across_segments_turns_and_starts},
	    {lsns_grow_and_say_where_a_cursor_begins},
	    {burst_of_many_segments_in_one_turn_is_written_whole},
	    {turn_writes_before_octets_leave_by_a_socket},
	    {empty_folder_gives_a_cursor_that_finds_the_journal_later},
	    {cursor_follows_the_live_journal_up_to_what_is_durable},
	    {another_thread_reads_while_the_loop_writes},
	    {waiters_run_when_their_records_are_durable_and_not_before},
	    {closing_runs_the_last_waiters},
	    {one_sync_serves_all_that_was_written_before_it},
	    {release_removes_whole_segments_but_for_what_is_kept},
	    {what_is_held_stays_until_it_is_let_go},
	    {cursor_in_a_released_segment_is_told_so},
	    {damage_below_the_limit_is_an_error_and_no_end},
	    {full_disk_is_told_while_a_reserve_is_left_and_ends_by_itself},
	    {release_makes_room_without_waiting_for_the_clock},
	    {used_up_reserve_is_a_failure_and_what_was_durable_stays},
	    {failed_sync_is_told_once_and_never_tried_again},
	    {failed_write_is_told_before_octets_leave},
	    {short_and_interrupted_writes_go_on},
	    {opening_on_a_failing_disk_is_refused_and_can_be_repeated},
	    {wrong_options_and_a_second_daemon_are_refused},
	};
	return suite_run("journal_journal", world_begin, world_end, tests, ROWS(tests));
}
