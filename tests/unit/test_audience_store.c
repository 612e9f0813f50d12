/* The store of suppressions: scopes, expiry, hashes, comparing, generations, schema. */
#include "audience_world.h"
#include "suite.h"

#include "../../src/audience/internal.h"

#include <signal.h>
#include <sys/wait.h>

static uint64_t
add_one(pr_audience *a, struct pr_suppression s, bool *added)
{
	struct pr_error e = {0};
	uint64_t generation = 0;
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_add(a, &s, added, &e);
	ok(pr_audience_change_end(a, r, &generation, &e), &e);
	return generation;
}

static unsigned
remove_one(pr_audience *a, const char *address, const char *scope)
{
	struct pr_error e = {0};
	uint64_t generation = 0;
	unsigned n = 0;
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_remove(a, pr_str(address), pr_str(scope), &n, &e);
	ok(pr_audience_change_end(a, r, &generation, &e), &e);
	return n;
}

static const struct {
	const char *scope;
	bool marketing, transactional, of_list; /* what is stopped; of_list: marketing, list news */
} scopes[] = {
    {"all", true, true, true},
    {"marketing", true, false, true},
    {"transactional", false, true, false},
    {"list news", false, false, true},
    {"list New", false, false, false},
};

START_TEST(a_scope_stops_what_it_names)
{
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("ann@a.example", scopes[_i].scope, PR_SUPPRESSION_MANUAL), &added);
	ck_assert_int_eq(*stopped(a, "ann@a.example", false, "", NOW) != 0, scopes[_i].marketing);
	ck_assert_int_eq(*stopped(a, "ann@a.example", true, "", NOW) != 0,
	                 scopes[_i].transactional);
	ck_assert_int_eq(*stopped(a, "ann@a.example", false, "news", NOW) != 0, scopes[_i].of_list);
	ck_assert_str_eq(stopped(a, "bob@a.example", false, "news", NOW), "");
	pr_audience_close(a);
}
END_TEST

static const struct {
	const char *list, *class_;
	enum pr_suppression_reason reason;
	const char *scope; /* NULL: refused */
} said[] = {
    {NULL, NULL, PR_SUPPRESSION_MANUAL, "all"},
    {NULL, NULL, PR_SUPPRESSION_BOUNCED, "all"},
    {NULL, NULL, PR_SUPPRESSION_COMPLAINED, "all"},
    {NULL, NULL, PR_SUPPRESSION_UNSUBSCRIBED, "marketing"},
    {"news", NULL, PR_SUPPRESSION_UNSUBSCRIBED, "list news"},
    {NULL, "all", PR_SUPPRESSION_UNSUBSCRIBED, "all"},
    {NULL, "transactional", PR_SUPPRESSION_MANUAL, "transactional"},
    {"news", "all", PR_SUPPRESSION_MANUAL, NULL},
    {NULL, "everything", PR_SUPPRESSION_MANUAL, NULL},
    {"a list", NULL, PR_SUPPRESSION_MANUAL, NULL},
    {"", NULL, PR_SUPPRESSION_MANUAL, NULL},
    {"n1234567890123456789012345678901234567890123456789012345678901234", NULL,
     PR_SUPPRESSION_MANUAL, NULL},
};

START_TEST(a_scope_is_what_is_said_or_that_of_the_reason)
{
	char scope[PR_SCOPE_SIZE];
	const char *why = NULL;
	int r = pr_scope_of(pr_str(said[_i].list), pr_str(said[_i].class_), said[_i].reason, scope,
	                    &why);
	ck_assert_int_eq(r, said[_i].scope ? 0 : PR_EINVAL);
	if (said[_i].scope)
		ck_assert_str_eq(scope, said[_i].scope);
	else
		ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(case_does_not_matter_and_why_is_told)
{
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("Ann.B@xn--bcher-kva.example", "all", PR_SUPPRESSION_COMPLAINED),
	        &added);
	ck_assert_str_eq(stopped(a, "aNN.b@xn--bcher-kva.example", false, "", NOW),
	                 "complained on 2027-01-15, scope all");
	ck_assert_str_eq(stopped(a, "annb@xn--bcher-kva.example", false, "", NOW), "");
	pr_audience_close(a);
}
END_TEST

START_TEST(one_that_has_ended_stops_nothing_and_a_longer_one_replaces_it)
{
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	struct pr_suppression s = suppression("a@b.example", "all", PR_SUPPRESSION_MANUAL);
	s.until_ms = NOW + 1000;
	add_one(a, s, &added);
	ck_assert(added);
	ck_assert(*stopped(a, "a@b.example", false, "", NOW + 999));
	ck_assert_str_eq(stopped(a, "a@b.example", false, "", NOW + 1000), "");
	s.until_ms = NOW + 500;
	add_one(a, s, &added);
	ck_assert(!added);
	ck_assert(*stopped(a, "a@b.example", false, "", NOW + 999));
	s.until_ms = 0;
	s.reason = PR_SUPPRESSION_BOUNCED;
	add_one(a, s, &added);
	ck_assert(added);
	s.until_ms = NOW + 5000;
	add_one(a, s, &added);
	ck_assert(!added);
	ck_assert(pr_str_starts(pr_str(stopped(a, "a@b.example", false, "", NOW + 9999)), "boun"));
	pr_audience_close(a);
}
END_TEST

static bool
note_address(void *context, const struct pr_suppression *s)
{
	struct pr_buf *b = context;
	pr_buf_addf(b, "%.*s %.*s;", (int)s->address.n, s->address.p, (int)s->scope.n, s->scope.p);
	return true;
}

static bool
note_audit(void *context, const struct pr_audit *line)
{
	struct pr_buf *b = context;
	pr_buf_addf(b, "%.*s %.*s;", (int)line->verb.n, line->verb.p, (int)line->address.n,
	            line->address.p);
	return true;
}

static void
audit(pr_audience *a, const char *verb, const char *address, const char *reason)
{
	struct pr_error e = {0};
	uint64_t generation;
	struct pr_audit line = {.at_ms = NOW,
	                        .uid = 7,
	                        .by = PR_STR("ann"),
	                        .scope = PR_STR("all"),
	                        .source = PR_STR("test"),
	                        .n = 1};
	line.verb = pr_str(verb);
	line.address = pr_str(address);
	line.reason = pr_str(reason);
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_audit(a, &line, &e);
	ok(pr_audience_change_end(a, r, &generation, &e), &e);
}

START_TEST(a_forgotten_person_stays_suppressed_and_leaves_no_address)
{
	bool added;
	struct pr_error e = {0};
	struct pr_buf seen = {0}, lines = {0};
	struct pr_audience_counts n;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("ann@a.example", "list news", PR_SUPPRESSION_UNSUBSCRIBED), &added);
	audit(a, "add", "ann@a.example", "unsubscribed");
	add_one(a, suppression("Ann@a.example", "all", PR_SUPPRESSION_FORGOTTEN), &added);
	audit(a, "add", "Ann@a.example", "forgotten");
	ck_assert(added);
	ck_assert(pr_str_starts(pr_str(stopped(a, "ANN@a.example", true, "", NOW)), "forgotten"));
	ok(pr_audience_page(a, PR_STR(""), PR_STR(""), PR_STR(""), 10, note_address, &seen, &e),
	   &e);
	ok(pr_audience_audits(a, (struct pr_str){0}, 10, note_audit, &lines, &e), &e);
	ck_assert_ptr_null(strstr(seen.data, "ann"));
	ck_assert_ptr_null(strcasestr(lines.data, "ann@"));
	ck_assert_ptr_nonnull(strstr(seen.data, " list news;"));
	ok(pr_audience_counts(a, &n, &e), &e);
	ck_assert_uint_eq(n.entries, 2);
	ck_assert_uint_eq(n.hashed, 2);
	pr_buf_clear(&seen);
	ok(pr_audience_of(a, PR_STR("ann@A.example"), note_address, &seen, &e), &e);
	ck_assert_ptr_nonnull(strstr(seen.data, " all;#"));
	ck_assert_uint_eq(remove_one(a, "ann@a.example", NULL), 2);
	ck_assert_str_eq(stopped(a, "ann@a.example", false, "news", NOW), "");
	pr_buf_finish(&seen);
	pr_buf_finish(&lines);
	pr_audience_close(a);
}
END_TEST

static int
is_forgotten(pr_audience *a, const char *address)
{
	struct pr_error e = {0};
	uint64_t generation;
	ok(pr_audience_begin(a, &generation, &e), &e);
	int r = pr_audience_forgotten(a, pr_str(address), &e);
	pr_audience_end(a);
	ck_assert_msg(r >= 0, "%s", e.text);
	return r;
}

START_TEST(who_was_forgotten_is_known_by_the_hash_alone)
{
	bool added;
	struct pr_error e = {0};
	uint64_t n;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	ok(pr_audience_forgets(a, &n, &e), &e);
	ck_assert_uint_eq(n, 0);
	add_one(a, suppression("bob@a.example", "all", PR_SUPPRESSION_COMPLAINED), &added);
	add_one(a, suppression("eve@a.example", "list x", PR_SUPPRESSION_FORGOTTEN), &added);
	add_one(a, suppression("ann@a.example", "all", PR_SUPPRESSION_FORGOTTEN), &added);
	ck_assert_int_eq(is_forgotten(a, "ANN@a.example"), 1);
	ck_assert_int_eq(is_forgotten(a, "bob@a.example"), 0);
	ck_assert_int_eq(is_forgotten(a, "eve@a.example"), 0); /* she may get other mail */
	add_one(a, suppression("bob@a.example", "all", PR_SUPPRESSION_FORGOTTEN), &added);
	ck_assert(added); /* though closed to all before */
	ck_assert_int_eq(is_forgotten(a, "bob@a.example"), 1);
	ok(pr_audience_forgets(a, &n, &e), &e);
	ck_assert_uint_eq(n, 3);
	remove_one(a, "ann@a.example", NULL);
	ck_assert_int_eq(is_forgotten(a, "ann@a.example"), 0);
	pr_audience_close(a);
}
END_TEST

START_TEST(nothing_of_a_forgotten_person_is_left_in_the_file)
{
	static const char *const tails[] = {"", "-wal"};
	bool added;
	char name[100], path[120];
	struct pr_error e = {0};
	struct pr_trace t = {0};
	size_t at, n;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	pr_trace_add(&t, PR_STR("p500@a.example"));
	for (unsigned i = 0; i < 3000; i++) { /* in no order: pages are split */
		snprintf(name, sizeof name, "p%u@a.example", i * 2003 % 3000);
		add_one(a, suppression(name, "all", PR_SUPPRESSION_MANUAL), &added);
	}
	struct pr_suppression other = suppression("x@a.example", "all", PR_SUPPRESSION_MANUAL);
	other.note = PR_STR("moved here from P500@a.example");
	add_one(a, other, &added);
	audit(a, "add", "p500@a.example", "manual");
	add_one(a, suppression("P500@a.example", "all", PR_SUPPRESSION_FORGOTTEN), &added);
	ok(pr_audience_scour(a, &t, &e), &e);
	for (unsigned i = 0; i < 2; i++) {
		struct pr_buf b = {0};
		snprintf(path, sizeof path, "%s%s", store_path, tails[i]);
		ok(pr_file_read(AT_FDCWD, path, 64u << 20, &b, &e), &e);
		ck_assert(b.len == 0 || !pr_trace_find(&t, pr_buf_str(&b), false, 0, &at, &n));
		pr_buf_finish(&b);
	}
	ck_assert_str_ne(stopped(a, "p501@a.example", false, "", NOW), "");
	pr_audience_close(a);
}
END_TEST

START_TEST(pages_go_on_where_they_ended_and_look_for_text)
{
	bool added;
	struct pr_error e = {0};
	struct pr_buf seen = {0};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("a@b.example", "all", PR_SUPPRESSION_MANUAL), &added);
	add_one(a, suppression("a@b.example", "list x", PR_SUPPRESSION_MANUAL), &added);
	add_one(a, suppression("c@d.example", "all", PR_SUPPRESSION_MANUAL), &added);
	ok(pr_audience_page(a, PR_STR("a@b.example"), PR_STR("all"), PR_STR(""), 1, note_address,
	                    &seen, &e),
	   &e);
	ck_assert_str_eq(seen.data, "a@b.example list x;");
	pr_buf_clear(&seen);
	ok(pr_audience_page(a, PR_STR(""), PR_STR(""), PR_STR("D.Ex"), 9, note_address, &seen, &e),
	   &e);
	ck_assert_str_eq(seen.data, "c@d.example all;");
	ck_assert_uint_eq(remove_one(a, "a@b.example", "all"), 1);
	ck_assert_uint_eq(remove_one(a, "a@b.example", "all"), 0);
	ck_assert_uint_eq(remove_one(a, "a@b.example", NULL), 1);
	pr_buf_finish(&seen);
	pr_audience_close(a);
}
END_TEST

START_TEST(each_change_raises_the_generation_and_a_reader_sees_one_state)
{
	bool added;
	struct pr_error e = {0};
	uint64_t seen, later;
	struct pr_buf why = {0};
	struct pr_audience_who who = {0};
	pr_audience *a = open_store(PR_AUDIENCE_WRITE), *reader = open_store(PR_AUDIENCE_READ);
	uint64_t first = add_one(a, suppression("a@b.example", "all", 0), &added);
	ok(pr_audience_begin(reader, &seen, &e), &e);
	ck_assert_uint_eq(seen, first);
	ck_assert_uint_gt(add_one(a, suppression("c@d.example", "all", 0), &added), first);
	ck_assert_int_eq(pr_audience_check(reader, PR_STR("c@d.example"), &who, NOW, &why, &e), 0);
	pr_audience_end(reader);
	ok(pr_audience_begin(reader, &later, &e), &e);
	ck_assert_uint_gt(later, seen);
	ck_assert_int_eq(pr_audience_check(reader, PR_STR("c@d.example"), &who, NOW, &why, &e), 1);
	pr_audience_end(reader);
	pr_buf_finish(&why);
	pr_audience_close(reader);
	pr_audience_close(a);
}
END_TEST

START_TEST(an_older_file_is_migrated_with_a_copy_and_a_newer_one_refused)
{
	static const struct pr_db_migration migrations[] = {
	    {PR_AUDIENCE_SCHEMA, "ALTER TABLE audit ADD COLUMN more TEXT;"}, {0, NULL}};
	const struct pr_db_schema newer = {AUDIENCE_APPLICATION, PR_AUDIENCE_SCHEMA + 1, migrations,
	                                   NULL};
	struct pr_error e = {0};
	bool added;
	char copy[120];
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("a@b.example", "all", 0), &added);
	pr_audience_close(a);
	ok(audience_open_as(store_path, PR_AUDIENCE_WRITE, &newer, &a, &e), &e);
	ck_assert(*stopped(a, "a@b.example", false, "", NOW));
	pr_audience_close(a);
	snprintf(copy, sizeof copy, "%s.v%d", store_path, PR_AUDIENCE_SCHEMA);
	ck_assert_int_eq(access(copy, F_OK), 0);
	ck_assert_int_eq(pr_audience_open(store_path, PR_AUDIENCE_WRITE, &a, &e), PR_EVERSION);
	char version[20];
	snprintf(version, sizeof version, "version %d", PR_AUDIENCE_SCHEMA + 1);
	ck_assert_ptr_nonnull(strstr(e.text, version));
}
END_TEST

/* ---- known by token ---- */

/* A stand-in for what message/token.h does: it knows the keys a and B. */
static uint64_t
hash_address(const struct pr_tokens *tokens, char key, struct pr_str address)
{
	const struct pr_hash_key k = {(uint64_t)key, 1};
	return tokens && (key == 'a' || key == 'B') ? pr_siphash(k, address.p, address.n) | 1 : 0;
}

static uint32_t
hash_list(const struct pr_tokens *tokens, char key, struct pr_str list)
{
	return (uint32_t)hash_address(tokens, key, list);
}

static const struct pr_tokens *const some = (const void *)"some";
static const struct pr_audience_keys keys = {some, hash_address, hash_list};
static const struct pr_audience_keys no_keys;

static void
leave_by_token(pr_audience *a, char key, const char *address, const char *list, const char *scope)
{
	char who[PR_AUDIENCE_TOKEN_SIZE], what[PR_SCOPE_SIZE];
	bool added = false;
	pr_audience_token(key, hash_address(some, key, pr_str(address)), who);
	if (list)
		pr_audience_token_list(key, hash_list(some, key, pr_str(list)), what);
	struct pr_suppression s =
	    suppression(who, list ? what : scope, PR_SUPPRESSION_UNSUBSCRIBED);
	add_one(a, s, &added);
	ck_assert(added);
}

START_TEST(who_is_known_by_token_only_is_stopped_by_their_address)
{
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	leave_by_token(a, 'B', "ann@a.example", NULL, "marketing");
	leave_by_token(a, 'a', "bob@a.example", "news", NULL);
	ck_assert_str_eq(stopped(a, "Ann@a.example", false, "", NOW), ""); /* no keys yet */
	pr_audience_use(a, &keys);
	ck_assert(*stopped(a, "Ann@a.example", false, "", NOW));
	ck_assert_str_eq(stopped(a, "ann@a.example", true, "", NOW), "");
	ck_assert(*stopped(a, "bob@a.example", false, "news", NOW));
	ck_assert_str_eq(stopped(a, "bob@a.example", false, "other", NOW), "");
	ck_assert_str_eq(stopped(a, "bob@a.example", false, "", NOW), "");
	ck_assert_str_eq(stopped(a, "cid@a.example", false, "news", NOW), "");
	pr_audience_use(a, &no_keys);
	ck_assert_str_eq(stopped(a, "ann@a.example", false, "", NOW), "");
	pr_audience_close(a);
}
END_TEST

static bool
count_one(void *context, const struct pr_suppression *s)
{
	(void)s;
	++*(unsigned *)context;
	return true;
}

START_TEST(what_is_known_by_token_is_found_and_removed_by_the_address)
{
	struct pr_error e = {0};
	unsigned n = 0;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	pr_audience_use(a, &keys);
	leave_by_token(a, 'a', "ann@a.example", NULL, "marketing");
	leave_by_token(a, 'B', "ann@a.example", NULL, "all");
	leave_by_token(a, 'a', "bob@a.example", NULL, "all");
	ok(pr_audience_of(a, PR_STR("ANN@a.example"), count_one, &n, &e), &e);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(remove_one(a, "ann@a.example", NULL), 2);
	ck_assert_str_eq(stopped(a, "ann@a.example", false, "", NOW), "");
	ck_assert(*stopped(a, "bob@a.example", false, "", NOW));
	pr_audience_close(a);
}
END_TEST

START_TEST(a_token_of_no_possible_key_is_refused)
{
	struct pr_error e = {0};
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	struct pr_suppression s = suppression("~270123456789abcdef", "all", 0);
	ok(pr_audience_change_begin(a, &e), &e);
	int r = pr_audience_add(a, &s, &added, &e);
	uint64_t generation;
	ck_assert_int_eq(pr_audience_change_end(a, r, &generation, &e), PR_EINVAL);
	pr_audience_close(a);
}
END_TEST

START_TEST(opens_not_to_be_recorded_stop_no_mail)
{
	struct pr_error e = {0};
	unsigned n = 0;
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("ann@a.example", PR_SCOPE_OPENS, 1), &added);
	add_one(a, suppression("bob@a.example", "list opens", 1), &added);
	ck_assert_str_eq(stopped(a, "ann@a.example", false, "news", NOW), "");
	ck_assert_str_eq(stopped(a, "ann@a.example", true, "", NOW), "");
	ok(pr_audience_each_untracked(a, count_one, &n, &e), &e);
	ck_assert_uint_eq(n, 1);
	pr_audience_close(a);
}
END_TEST

/* As version 0.1 made it. */
START_TEST(a_file_of_the_first_schema_is_taken_over)
{
	struct pr_error e = {0};
	bool added;
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	add_one(a, suppression("ann@a.example", "all", 0), &added);
	ok(pr_db_exec(
	       a->db,
	       "DROP TABLE events; DROP TABLE event_names; DROP TABLE derived; DROP TABLE credits;"
	       "DROP TABLE watched; DROP TABLE arrivals;"
	       "DROP TABLE contacts; DROP TABLE attributes; DROP TABLE lists; DROP TABLE members;"
	       "DROP TABLE consents; DROP TABLE departures; DROP INDEX untracked; ALTER TABLE "
	       "totals DROP COLUMN known_by;"
	       "PRAGMA user_version = 1",
	       &e),
	   &e);
	pr_audience_close(a);
	a = open_store(PR_AUDIENCE_WRITE);
	pr_audience_use(a, &keys);
	leave_by_token(a, 'a', "bob@a.example", NULL, "all");
	ck_assert(*stopped(a, "ann@a.example", false, "", NOW));
	ck_assert(*stopped(a, "bob@a.example", false, "", NOW));
	pr_audience_close(a);
}
END_TEST

/* A child adds user1, user2, ... and says each number when it is told that it is durable. */
START_TEST(what_was_answered_survives_a_kill)
{
	int fds[2], n = 0, last = 0;
	char address[40];
	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pr_audience *a = open_store(PR_AUDIENCE_WRITE);
		bool added;
		for (int i = 1;; i++) {
			snprintf(address, sizeof address, "user%d@a.example", i);
			add_one(a, suppression(address, "all", 0), &added);
			if (write(fds[1], &i, sizeof i) != sizeof i)
				_exit(1);
		}
	}
	close(fds[1]);
	while (read(fds[0], &n, sizeof n) == sizeof n) {
		last = n;
		if (n == 40)
			kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	close(fds[0]);
	pr_audience *a = open_store(PR_AUDIENCE_WRITE);
	ck_assert_int_ge(last, 40);
	for (int i = 1; i <= last; i++) {
		snprintf(address, sizeof address, "user%d@a.example", i);
		ck_assert_msg(*stopped(a, address, false, "", NOW), "%s of %d", address, last);
	}
	pr_audience_close(a);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_scope_stops_what_it_names, ROWS(scopes)},
	    {a_scope_is_what_is_said_or_that_of_the_reason, ROWS(said)},
	    {case_does_not_matter_and_why_is_told},
	    {one_that_has_ended_stops_nothing_and_a_longer_one_replaces_it},
	    {a_forgotten_person_stays_suppressed_and_leaves_no_address},
	    {who_was_forgotten_is_known_by_the_hash_alone},
	    {nothing_of_a_forgotten_person_is_left_in_the_file},
	    {pages_go_on_where_they_ended_and_look_for_text},
	    {each_change_raises_the_generation_and_a_reader_sees_one_state},
	    {an_older_file_is_migrated_with_a_copy_and_a_newer_one_refused},
	    {what_was_answered_survives_a_kill},
	    {who_is_known_by_token_only_is_stopped_by_their_address},
	    {what_is_known_by_token_is_found_and_removed_by_the_address},
	    {a_token_of_no_possible_key_is_refused},
	    {opens_not_to_be_recorded_stop_no_mail},
	    {a_file_of_the_first_schema_is_taken_over},
	};
	return suite_run("audience_store", make_world, remove_folder, tests, ROWS(tests));
}
