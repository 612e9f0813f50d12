/* The desk: orders are durable and the watcher knows before they are answered; slices let others
 * in between. */
#include "audience_world.h"
#include "suite.h"

static pr_loop *loop;
static pr_audience_desk *desk;
static unsigned answered, watched_before;
static size_t watched;
static uint64_t newest;
static uint64_t last_hash;

static void
on_changed(void *context, const uint64_t *hashes, size_t n, uint64_t generation)
{
	(void)context;
	ck_assert_uint_gt(generation, newest);
	newest = generation;
	watched += n;
	last_hash = hashes[n - 1];
}

static void
open_desk(void)
{
	struct pr_error e = {0};
	make_world();
	answered = watched_before = 0;
	watched = 0;
	newest = 0;
	ok(pr_loop_create(&loop, &e), &e);
	ok(pr_audience_desk_open(loop, store_path, &desk, &e), &e);
	pr_audience_desk_watch(desk, on_changed, NULL);
}

static void
close_desk(void)
{
	pr_audience_desk_close(desk);
	pr_loop_destroy(loop);
	remove_folder();
}

static void
on_done(struct pr_audience_order *o, int result)
{
	ok(result, &o->error);
	answered++;
	watched_before = (unsigned)watched;
}

static void
finish_orders(unsigned n)
{
	while (answered < n)
		pr_loop_turn_wait(loop);
}

START_TEST(an_order_is_in_the_store_and_told_when_it_is_answered)
{
	struct pr_suppression s = suppression("Ann@a.example", "all", 0);
	struct pr_audience_order o = {.verb = PR_AUDIENCE_ADD,
	                              .by = "ann",
	                              .entries = &s,
	                              .n = 1,
	                              .source = PR_STR("test"),
	                              .done = on_done};
	pr_audience_desk_order(desk, &o);
	finish_orders(1);
	ck_assert_uint_eq(watched_before, 1);
	ck_assert_uint_eq(last_hash, pr_audience_desk_hash(desk, PR_STR("aNN@A.example")));
	ck_assert_uint_eq(o.changed, 1);
	pr_audience *a = open_store(PR_AUDIENCE_READ);
	ck_assert(*stopped(a, "ann@a.example", false, "", NOW));
	o.verb = PR_AUDIENCE_REMOVE;
	s.scope.p = NULL;
	pr_audience_desk_order(desk, &o);
	finish_orders(2);
	ck_assert_uint_eq(watched, 1); /* who comes back is no news to a check */
	ck_assert_str_eq(stopped(a, "ann@a.example", false, "", NOW), "");
	pr_audience_close(a);
}
END_TEST

static void
on_suppressed(void *context, int result, const struct pr_error *e)
{
	ok(result, e);
	*(unsigned *)context = (unsigned)watched;
	answered++;
}

static bool
note_source(void *context, const struct pr_suppression *s)
{
	pr_buf_addf(context, "%.*s by %.*s;", (int)s->scope.n, s->scope.p, (int)s->source.n,
	            s->source.p);
	return true;
}

START_TEST(a_page_suppresses_with_texts_of_its_own_and_hears_when_it_is_durable)
{
	char address[] = "ann@a.example", source[] = "one-click";
	unsigned known = 0;
	struct pr_buf seen = {0};
	struct pr_error e = {0};
	struct pr_suppression s = {.address = pr_str(address),
	                           .reason = PR_SUPPRESSION_UNSUBSCRIBED,
	                           .note = PR_STR(""),
	                           .source = pr_str(source),
	                           .at_ms = NOW};
	pr_audience_desk_suppress(desk, &s, "track", on_suppressed, &known);
	memset(address, 'x', sizeof address - 1);
	memset(source, 'x', sizeof source - 1);
	finish_orders(1);
	ck_assert_uint_eq(known, 1);
	pr_audience *a = open_store(PR_AUDIENCE_READ);
	ok(pr_audience_of(a, PR_STR("ann@a.example"), note_source, &seen, &e), &e);
	ck_assert_str_eq(seen.data, "marketing by one-click;");
	pr_buf_finish(&seen);
	pr_audience_close(a);
}
END_TEST

START_TEST(who_is_known_by_token_may_be_anyone_to_the_watcher)
{
	char who[PR_AUDIENCE_TOKEN_SIZE];
	unsigned known = 0;
	struct pr_suppression s = suppression("", "all", PR_SUPPRESSION_UNSUBSCRIBED);
	s.address = pr_audience_token('a', 77, who);
	pr_audience_desk_suppress(desk, &s, "track", on_suppressed, &known);
	finish_orders(1);
	ck_assert_uint_eq(last_hash, 0);
	pr_audience_desk_suppress(desk, &s, "track", on_suppressed, &known);
	finish_orders(2);
	ck_assert_uint_ne(last_hash, 0); /* nothing new: nobody need look again */
}
END_TEST

static void
on_stopped(void *context, int result, const struct pr_error *e)
{
	(void)context;
	ck_assert_int_eq(result, PR_ESTATE);
	ck_assert(*e->text);
	answered++;
}

START_TEST(a_desk_that_is_stopped_refuses)
{
	struct pr_suppression s = suppression("ann@a.example", "all", PR_SUPPRESSION_MANUAL);
	pr_audience_desk_stop(desk);
	pr_audience_desk_suppress(desk, &s, "track", on_stopped, NULL);
	ck_assert_uint_eq(answered, 1);
}
END_TEST

#define MANY 20000u
static char addresses[MANY][24];
static struct pr_suppression many[MANY];
static unsigned small_answered_at;

static void
on_small(struct pr_audience_order *o, int result)
{
	ok(result, &o->error);
	small_answered_at = (unsigned)watched;
}

START_TEST(an_order_of_one_does_not_wait_for_one_of_many)
{
	struct pr_suppression s = suppression("ann@a.example", "all", 0);
	struct pr_audience_order small = {.verb = PR_AUDIENCE_ADD,
	                                  .by = "ann",
	                                  .entries = &s,
	                                  .n = 1,
	                                  .source = PR_STR("test"),
	                                  .done = on_small};
	struct pr_audience_order large = {.verb = PR_AUDIENCE_IMPORT,
	                                  .by = "ann",
	                                  .entries = many,
	                                  .n = MANY,
	                                  .source = PR_STR("file"),
	                                  .done = on_done};
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(addresses[i], sizeof addresses[i], "u%06u@a.example", i);
		many[i] = suppression(addresses[i], "all", PR_SUPPRESSION_IMPORTED);
	}
	pr_audience_desk_order(desk, &large);
	pr_audience_desk_order(desk, &small);
	finish_orders(1);
	ck_assert_uint_eq(large.changed, MANY);
	ck_assert_uint_eq(watched, MANY + 1);
	ck_assert_uint_lt(small_answered_at, MANY / 2);
}
END_TEST

static int
refuse(struct pr_audience_order *o)
{
	return pr_fail(&o->error, PR_EINVAL, "not so");
}

static void
on_refused(struct pr_audience_order *o, int result)
{
	ck_assert_int_eq(result, PR_EINVAL);
	ck_assert_str_eq(o->error.text, "not so");
	answered++;
}

START_TEST(what_cannot_be_prepared_changes_nothing)
{
	struct pr_audience_order o = {
	    .verb = PR_AUDIENCE_IMPORT, .by = "ann", .prepare = refuse, .done = on_refused};
	pr_audience_desk_order(desk, &o);
	finish_orders(1);
	ck_assert_uint_eq(newest, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_order_is_in_the_store_and_told_when_it_is_answered},
	    {a_page_suppresses_with_texts_of_its_own_and_hears_when_it_is_durable},
	    {who_is_known_by_token_may_be_anyone_to_the_watcher},
	    {a_desk_that_is_stopped_refuses},
	    {an_order_of_one_does_not_wait_for_one_of_many},
	    {what_cannot_be_prepared_changes_nothing},
	};
	return suite_run("audience_desk", open_desk, close_desk, tests, ROWS(tests));
}
