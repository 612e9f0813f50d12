/* The hand-off from the web thread to the journal, on a real loop and journal. */
#include "suite.h"

#include "../../src/track/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/postrider-track-XXXXXX", dir[100];
static pr_track track;
static struct pr_error error;

static void
on_failure(void *context, const struct pr_error *e)
{
	(void)context;
	ck_abort_msg("the journal failed: %s", e->text);
}

static void
begin(void)
{
	bool same_boot;
	strcpy(root + sizeof root - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(dir, sizeof dir, "%s/journal", root);
	track = (pr_track){0};
	ck_assert_int_eq(pr_loop_create(&track.loop, &error), 0);
	struct pr_journal_options o = {.dir = dir, .on_failure = on_failure};
	ck_assert_int_eq(
	    pr_journal_open(track.loop, &o, &same_boot, &track.options.journal, &error), 0);
	track_queue_init(&track.queue, &track);
}

static void
end(void)
{
	char command[200];
	track_queue_finish(&track.queue);
	pr_journal_close(track.options.journal);
	pr_loop_destroy(track.loop);
	snprintf(command, sizeof command, "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

static void
add(uint32_t row, const char *url)
{
	const struct pr_engagement g = {.kind = PR_ENGAGEMENT_CLICK,
	                                .device = PR_DEVICE_TABLET,
	                                .evidence = PR_EVIDENCE_MANY,
	                                .link = row * 2,
	                                .visitor = row * 3,
	                                .detail = pr_str(url)};
	track_queue_add(&track.queue, (struct track_row){5, row}, 1000 + row, &g);
}

/* How many there are, all as they were added. */
static uint32_t
read_back(const char *url)
{
	pr_cursor *c;
	struct pr_record r;
	struct pr_engagement g;
	uint32_t n = 0;
	ck_assert_int_eq(pr_cursor_open(dir, 0, &c, &error) == 0, 1);
	while (pr_cursor_next(c, pr_journal_written(track.options.journal), &r, &error) == 1) {
		if (r.type != PR_RECORD_ENGAGEMENT)
			continue;
		n++;
		ck_assert_int_eq(pr_engagement_decode(pr_str_n(r.payload, r.payload_n), &g), 0);
		ck_assert_uint_eq(r.campaign, 5);
		ck_assert_uint_eq(r.row, n);
		ck_assert_int_eq(r.at_ms, 1000 + n);
		ck_assert_uint_eq(g.link, n * 2);
		ck_assert_uint_eq(g.visitor, n * 3);
		ck_assert(pr_str_is(g.detail, url));
	}
	pr_cursor_close(c);
	return n;
}

START_TEST(what_is_handed_over_comes_to_the_journal_in_order)
{
	const char *url = "https://shop.example/";
	for (uint32_t row = 1; row <= 1000; row++) {
		add(row, url);
		if (row % 7 == 0)
			track_queue_flush(&track.queue);
		if (row % 100 == 0)
			pr_loop_turn(track.loop);
	}
	track_queue_flush(&track.queue);
	while (track.recorded < 1000)
		pr_loop_turn(track.loop);
	pr_loop_turn(track.loop);
	ck_assert_uint_eq(read_back(url), 1000);
	ck_assert_uint_eq(track.queue.dropped, 0);
}
END_TEST

START_TEST(a_loop_that_stands_still_costs_events_but_no_memory)
{
	char url[900];
	memset(url, 'u', sizeof url - 1);
	url[sizeof url - 1] = 0;
	for (uint32_t row = 1; row <= 10000; row++) {
		add(row, url);
		track_queue_flush(&track.queue);
	}
	ck_assert_uint_gt(track.queue.dropped, 0);
	ck_assert_uint_le(track.queue.shared.len, 2u << 20);
	pr_loop_turn(track.loop);
	pr_loop_turn(track.loop);
	ck_assert_uint_gt(track.recorded, 1000);
	ck_assert_uint_eq(track.recorded + track.queue.dropped, 10000);
	ck_assert_uint_eq(read_back(url), track.recorded);
}
END_TEST

START_TEST(nothing_is_appended_while_the_journal_is_full)
{
	track.full = true;
	add(1, "");
	track_queue_flush(&track.queue);
	pr_loop_turn(track.loop);
	ck_assert_uint_eq(track.recorded, 0);
	ck_assert_uint_eq(track.queue.dropped, 1);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_is_handed_over_comes_to_the_journal_in_order},
	    {a_loop_that_stands_still_costs_events_but_no_memory},
	    {nothing_is_appended_while_the_journal_is_full},
	};
	return suite_run("track_queue", begin, end, tests, ROWS(tests));
}
