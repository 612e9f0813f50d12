/*
 * What the journal costs: journal_bench FOLDER [RECORDS].
 *
 *   append   into memory only (its pages fresh from the kernel), outcomes with a reply of 30 octets
 *   turn     append, pwrite at each turn's end, syncs back to back: the rate that
 *            delivery could at most record
 *   read     a cursor over all of it
 *
 * Prints one line each. Not a test: nothing here passes or fails.
 */
#include "postrider/base/clock.h"
#include "postrider/base/file.h"
#include "postrider/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PER_TURN 100

static struct pr_buf payload;

static void
must(int r, const struct pr_error *e)
{
	if (r >= 0)
		return;
	fprintf(stderr, "journal_bench: %s\n", e->text);
	exit(1);
}

static void
append(pr_journal *j, uint32_t row)
{
	struct pr_outcome o = {.state = PR_DELIVERED,
	                       .class_ = PR_CLASS_DELIVERED,
	                       .code = 250,
	                       .attempts = 1,
	                       .reply = PR_STR("2.0.0 Ok: queued as 4F1A2B3C5D"),
	                       .mx = PR_STR("mx1.example.net")};
	pr_buf_clear(&payload);
	pr_outcome_encode(&o, &payload);
	struct pr_record r = {.type = PR_RECORD_OUTCOME,
	                      .campaign = 1,
	                      .row = row,
	                      .at_ms = row,
	                      .payload = payload.data,
	                      .payload_n = (uint16_t)payload.len};
	pr_journal_append(j, &r);
}

/* Wall time, and the loop thread's own: others may use the machine, too. */
struct lap {
	int64_t wall_us, cpu_us;
};

static struct lap
lap(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (struct lap){pr_mono_us(), (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000};
}

static void
say(const char *what, uint32_t n, struct lap began)
{
	struct lap now = lap();
	double wall = (double)(now.wall_us - began.wall_us),
	       cpu = (double)(now.cpu_us - began.cpu_us);
	printf("%-7s %10u records  %8.3f s  %10.0f records/s  %6.3f us of CPU each\n", what, n,
	       wall / 1e6, n * 1e6 / wall, cpu / n);
}

static void
bench_append(pr_journal *j, uint32_t n)
{
	struct lap began = lap();
	for (uint32_t i = 1; i <= n; i++)
		append(j, i);
	say("append", n, began);
}

static void
bench_turns(pr_loop *loop, pr_journal *j, uint32_t n)
{
	struct pr_journal_stats before, after;
	pr_journal_stats(j, &before);
	struct lap began = lap();
	for (uint32_t i = 1; i <= n; i++) {
		append(j, i);
		if (i % PER_TURN == 0)
			pr_loop_turn(loop);
	}
	while (pr_journal_durable(j) < pr_journal_end(j))
		pr_loop_turn_wait(loop);
	say("turn", n, began);
	pr_journal_stats(j, &after);
	uint64_t syncs = after.syncs - before.syncs;
	printf("        %u a turn; %llu syncs, mean %.0f us\n", PER_TURN, (unsigned long long)syncs,
	       syncs ? (double)(after.sync_us_total - before.sync_us_total) / (double)syncs : 0);
}

static void
bench_read(const char *dir, uint64_t limit)
{
	struct pr_error e;
	struct pr_record r;
	pr_cursor *c;
	uint32_t n = 0;
	must(pr_cursor_open(dir, 0, &c, &e), &e);
	struct lap began = lap();
	int got;
	while ((got = pr_cursor_next(c, limit, &r, &e)) == 1)
		n++;
	must(got, &e);
	say("read", n, began);
	pr_cursor_close(c);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: journal_bench FOLDER [RECORDS]; FOLDER/journal-bench is made and "
		      "removed\n",
		      stderr);
		return 2;
	}
	uint32_t n = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2000000;
	char dir[4096];
	struct pr_error e;
	pr_loop *loop;
	pr_journal *j;
	bool same_boot;
	snprintf(dir, sizeof dir, "%s/journal-bench", argv[1]);
	struct pr_journal_options o = {.dir = dir};
	must(pr_loop_create(&loop, &e), &e);
	must(pr_journal_open(loop, &o, &same_boot, &j, &e), &e);
	bench_append(j, PER_TURN); /* warm */
	bench_append(j, n);
	struct lap began = lap();
	must(pr_journal_flush(j), &e);
	say("flush", n, began);
	while (pr_journal_durable(j) < pr_journal_end(j))
		pr_loop_turn_wait(loop);
	bench_turns(loop, j, n);
	bench_read(dir, pr_journal_durable(j));
	pr_journal_close(j);
	pr_loop_destroy(loop);
	pr_buf_finish(&payload);
	return pr_remove_tree(AT_FDCWD, dir) < 0;
}
