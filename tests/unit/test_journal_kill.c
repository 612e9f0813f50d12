/*
 * kill -9 at moments nobody chose: a child appends, and says by a pipe what it was told
 * is durable or knows to be written; its parent kills it and opens what it left.
 */
#include "journal_world.h"
#include "suite.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 25

/* What the child promises, in this order: records up to these numbers. */
struct promise {
	uint32_t written, durable;
};

static uint32_t child_appended, child_durable;
static uint64_t child_lsns[1 << 20];

static void
child_on_durable(void *context, uint64_t lsn)
{
	(void)context;
	while (child_durable < child_appended && child_lsns[child_durable + 1] < lsn)
		child_durable++;
}

/* Appends from number + 1 on until it is killed. */
static void
child(int pipe_out, uint32_t number)
{
	options.on_durable = child_on_durable;
	child_appended = child_durable = number;
	ck_assert_int_eq(pr_loop_create(&loop, NULL), 0); /* not the parent's descriptors */
	must_open();
	for (uint32_t turn = 0;; turn++) {
		for (uint64_t i = pr_mix64(turn) % 40; i > 0 && child_appended < (1 << 20) - 2;
		     i--) {
			uint64_t lsn = append(child_appended + 1);
			child_lsns[++child_appended] = lsn;
		}
		pr_loop_turn(loop);
		if (turn % 64 == 63) /* segments go as they come */
			pr_journal_release(journal, UINT64_MAX, 100 * SMALL);
		struct promise p = {child_appended, child_durable};
		if (write(pipe_out, &p, sizeof p) != sizeof p)
			_exit(1);
	}
}

/* Reads promises until `wanted` were made, kills, reads the rest. */
static struct promise
kill_after(pid_t pid, int pipe_in, unsigned wanted)
{
	struct promise p, last = {0, 0};
	for (unsigned n = 0; read(pipe_in, &p, sizeof p) == sizeof p; n++) {
		last = p;
		if (n == wanted)
			kill(pid, SIGKILL);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return last;
}

/* Number of the last record of the folder; they must go on one by one from any first. */
static uint32_t
last_number(void)
{
	pr_cursor *c;
	struct pr_record r;
	uint32_t last = 0;
	int got = pr_cursor_open(dir, 0, &c, &error);
	ck_assert_msg(got == 0, "%s", error.text);
	uint64_t limit = pr_journal_durable(journal);
	while ((got = pr_cursor_next(c, limit, &r, &error)) == 1)
		if (r.type != PR_RECORD_START) {
			check_record(&r, last ? last + 1 : r.row);
			last = r.row;
		}
	ck_assert_msg(got == 0, "%s", error.text);
	pr_cursor_close(c);
	return last;
}

START_TEST(all_that_was_written_survives_kill_at_any_moment)
{
	uint32_t number = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		int ends[2];
		ck_assert_int_eq(pipe(ends), 0);
		/* Also right at the begin, while opening is under way. */
		unsigned wanted = round % 5 == 0 ? 0 : (unsigned)(pr_mix64(round) % 300);
		pid_t pid = fork();
		if (pid == 0) {
			close(ends[0]);
			child(ends[1], number);
		}
		close(ends[1]);
		struct promise p = kill_after(pid, ends[0], wanted);
		close(ends[0]);
		must_open();
		ck_assert(same_boot);
		uint32_t found = last_number();
		must_close();
		ck_assert_uint_ge(p.written, p.durable);
		ck_assert_uint_ge(found, p.written);
		number = found;
	}
	ck_assert_uint_gt(number, 1000);
}
END_TEST

START_TEST(opening_survives_kill_at_any_moment)
{
	must_open();
	for (uint32_t i = 1; i <= 500; i++)
		append(i);
	must_close();
	for (unsigned round = 0; round < 40; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			ck_assert_int_eq(pr_loop_create(&loop, NULL), 0);
			for (;;) {
				must_open();
				must_close();
			}
		}
		for (uint64_t spin = pr_mix64(round) % 2000000; spin > 0; spin--)
			__asm__ volatile("");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		must_open();
		ck_assert_uint_eq(last_number(), 500);
		must_close();
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {all_that_was_written_survives_kill_at_any_moment},
	    {opening_survives_kill_at_any_moment},
	};
	return suite_run("journal_kill", world_begin, world_end, tests, ROWS(tests));
}
