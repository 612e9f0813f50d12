/* What routes remember: of addresses for a while, of TLS for the process and each target. */
#include "suite.h"

#include "../../src/routes/internal.h"

#include <stdlib.h>

static struct pr_routes_tls_counts
counts_of(const struct pr_route_target *t)
{
	struct pr_routes_tls_counts sum = {0};
	pr_target_tls_counts(t, &sum);
	return sum;
}

static unsigned
type_of(const char *name)
{
	for (unsigned i = 0; i < PR_ROUTES_TLS_TYPES; i++)
		if (strcmp(pr_routes_tls_type(i), name) == 0)
			return i;
	ck_abort_msg("no type %s", name);
}

START_TEST(handshakes_are_counted_for_all_and_for_each_target)
{
	struct pr_route_target good = {0}, bad = {0};
	unsigned expired = type_of("certificate-expired"), other = type_of("validation-failure");
	struct pr_routes_tls_counts before = *pr_routes_tls_counts();
	for (int i = 0; i < 3; i++)
		tls_note_success(&good);
	ck_assert_ptr_null(good.tls_failures); /* costs nothing until there is one */
	tls_note_failure(&bad, "certificate-expired");
	tls_note_failure(&bad, "certificate-expired");
	tls_note_failure(&bad, "something new");
	tls_note_failure(NULL, "certificate-expired");
	ck_assert_uint_eq(counts_of(&good).successes, 3);
	ck_assert_uint_eq(counts_of(&good).failures[expired], 0);
	ck_assert_uint_eq(counts_of(&bad).successes, 0);
	ck_assert_uint_eq(counts_of(&bad).failures[expired], 2);
	ck_assert_uint_eq(counts_of(&bad).failures[other], 1);
	const struct pr_routes_tls_counts *all = pr_routes_tls_counts();
	ck_assert_uint_eq(all->successes - before.successes, 3);
	ck_assert_uint_eq(all->failures[expired] - before.failures[expired], 3);
	free(bad.tls_failures);
}
END_TEST

START_TEST(targets_of_a_lane_are_added_up)
{
	struct pr_route_target old = {0}, new_ = {0};
	struct pr_routes_tls_counts sum = {0};
	unsigned none = type_of("starttls-not-supported");
	tls_note_success(&old);
	tls_note_success(&new_);
	tls_note_failure(&new_, "starttls-not-supported");
	pr_target_tls_counts(&old, &sum);
	pr_target_tls_counts(&new_, &sum);
	ck_assert_uint_eq(sum.successes, 2);
	ck_assert_uint_eq(sum.failures[none], 1);
	free(new_.tls_failures);
}
END_TEST

static struct pr_address
address(const char *text, uint16_t port)
{
	struct pr_address a;
	ck_assert_int_eq(pr_address_parse(text, port, &a), 0);
	return a;
}

START_TEST(what_was_not_reached_is_known_for_a_while_and_by_its_source)
{
	struct pr_address peer = address("192.0.2.1", 25), other = address("192.0.2.1", 587);
	struct pr_address a = address("198.51.100.1", 0), b = address("2001:db8::1", 0);
	unreachable_note(&peer, &a, 1000);
	ck_assert(unreachable(&peer, &a, 1000 + 4 * PR_MINUTE_MS));
	ck_assert(!unreachable(&peer, &a, 1000 + 5 * PR_MINUTE_MS));
	ck_assert(!unreachable(&peer, &b, 1000));
	ck_assert(!unreachable(&other, &a, 1000));
	unreachable_forget(&peer, &b);
	ck_assert(unreachable(&peer, &a, 1000));
	unreachable_forget(&peer, &a);
	ck_assert(!unreachable(&peer, &a, 1000));
	broken_note(&peer, 1000);
	ck_assert(broken_tls(&peer, 1000 + 2 * PR_DAY_MS));
	ck_assert(!broken_tls(&peer, 1000 + 3 * PR_DAY_MS));
	ck_assert(!broken_tls(&other, 1000));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {handshakes_are_counted_for_all_and_for_each_target},
	    {targets_of_a_lane_are_added_up},
	    {what_was_not_reached_is_known_for_a_while_and_by_its_source},
	};
	return suite_run("routes_memory", NULL, NULL, tests, ROWS(tests));
}
