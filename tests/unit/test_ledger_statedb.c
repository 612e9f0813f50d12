/* state.db: identity, serials, campaigns, generations of ledgers, sources left behind. */
#include "ledger_help.h"
#include "suite.h"

#include "postrider/ledger/db.h"
#include "postrider/statedb.h"

static char state_path[80];

static pr_statedb *
open_state(void)
{
	struct pr_error e = {0};
	pr_statedb *db;
	snprintf(state_path, sizeof state_path, "%s/state.db", folder);
	ok(pr_statedb_open(state_path, &db, &e), &e);
	return db;
}

START_TEST(identity_is_made_once_and_kept)
{
	struct pr_state_identity a, b, none = {0};
	pr_statedb *db = open_state();
	pr_statedb_identity(db, &a);
	pr_statedb_close(db);
	db = open_state();
	pr_statedb_identity(db, &b);
	pr_statedb_close(db);
	ck_assert(memcmp(&a, &b, sizeof a) == 0);
	ck_assert(memcmp(&a, &none, sizeof a) != 0);
}
END_TEST

START_TEST(serials_grow_over_connections_and_restarts)
{
	struct pr_error e = {0};
	uint32_t serial, last = 0;
	pr_statedb *db = open_state(), *other = open_state();
	for (int i = 0; i < 6; i++) {
		ok(pr_statedb_next_serial(i % 2 ? db : other, &serial, &e), &e);
		ck_assert_uint_eq(serial, last + 1);
		last = serial;
	}
	pr_statedb_close(db);
	pr_statedb_close(other);
	db = open_state();
	ok(pr_statedb_next_serial(db, &serial, &e), &e);
	ck_assert_uint_eq(serial, 7);
	pr_statedb_close(db);
}
END_TEST

static struct pr_accepted
campaign(uint32_t serial, const char *id, int64_t at_ms, uint8_t content)
{
	struct pr_accepted c = {
	    .serial = serial, .owner = 1000, .generation = 1, .accepted_ms = at_ms};
	snprintf(c.id, sizeof c.id, "%s", id);
	snprintf(c.name, sizeof c.name, "Spring");
	memset(c.content, content, sizeof c.content);
	return c;
}

START_TEST(same_content_is_found_while_it_is_young)
{
	struct pr_error e = {0};
	struct pr_accepted c, got;
	pr_statedb *db = open_state();
	c = campaign(1, "a", 1000, 7);
	ok(pr_statedb_put_campaign(db, &c, &e), &e);
	c = campaign(2, "b", 5000, 7);
	ok(pr_statedb_put_campaign(db, &c, &e), &e);
	ok(pr_statedb_same_content(db, c.content, 900, &got, &e), &e);
	ck_assert_str_eq(got.id, "b");
	ck_assert_str_eq(got.name, "Spring");
	ck_assert_uint_eq(got.owner, 1000);
	ck_assert_int_eq(pr_statedb_same_content(db, c.content, 5001, &got, &e), PR_ENOENT);
	ok(pr_statedb_forget_campaign(db, 2, &e), &e);
	ok(pr_statedb_same_content(db, c.content, 900, &got, &e), &e);
	ck_assert_str_eq(got.id, "a");
	ok(pr_statedb_campaign_by_id(db, "a", &got, &e), &e);
	ck_assert_uint_eq(got.serial, 1);
	ck_assert_int_eq(pr_statedb_campaign(db, 2, &got, &e), PR_ENOENT);
	pr_statedb_close(db);
}
END_TEST

/* A ledger as intake makes it: state's identity, generation 1, known to the state. */
static pr_ledger *
known_ledger(pr_statedb *db)
{
	struct pr_error e = {0};
	struct pr_state_identity state;
	struct pr_ledger_identity i = identity();
	struct pr_accepted c = campaign(SERIAL, i.id, 1000, 1);
	pr_ledger *l;
	pr_statedb_identity(db, &state);
	memcpy(i.state_id, state.id, sizeof i.state_id);
	ok(pr_ledger_create(ledger_path, &i, NULL, 0, &l, &e), &e);
	ok(pr_ledger_import_done(l, &e), &e);
	ok(pr_statedb_put_campaign(db, &c, &e), &e);
	return l;
}

static bool
is_restored(pr_statedb *db, pr_ledger *l)
{
	struct pr_error e = {0};
	bool restored = false;
	ok(pr_statedb_check_ledger(db, l, &restored, &e), &e);
	return restored;
}

static void
copy(const char *tail, bool back)
{
	char command[300];
	snprintf(command, sizeof command, back ? "cp %s/kept %s%s" : "cp %s%s %s/kept",
	         back ? folder : ledger_path, back ? ledger_path : tail, back ? tail : folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(restored_copy_of_a_ledger_is_recognised)
{
	pr_statedb *db = open_state();
	pr_ledger *l = known_ledger(db);
	ck_assert(!is_restored(db, l)); /* its first start */
	pr_ledger_close(l);
	copy("", false);
	struct pr_error e = {0};
	for (int start = 0; start < 2; start++) { /* the running one is fine, again and again */
		ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), &e);
		ck_assert(!is_restored(db, l));
		pr_ledger_close(l);
	}
	copy("", true);
	ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), &e);
	ck_assert(is_restored(db, l));
	ck_assert(is_restored(db, l)); /* asking does not make it true */
	ok(pr_statedb_adopt_ledger(db, l, 5000, &e), &e);
	struct pr_ledger_identity i;
	pr_ledger_identity(l, &i);
	ck_assert_uint_ne(i.serial, SERIAL);
	ck_assert_uint_eq(pr_ledger_folded(l), 5000);
	ck_assert(!is_restored(db, l));
	pr_ledger_close(l);
	pr_statedb_close(db);
}
END_TEST

START_TEST(ledger_of_another_state_folder_is_recognised)
{
	pr_statedb *db = open_state();
	pr_ledger *l = known_ledger(db);
	pr_statedb_close(db);
	unlink(state_path);
	db = open_state();
	ck_assert(is_restored(db, l));
	struct pr_accepted c = campaign(SERIAL, "20261201-test-aaaa", 1000, 1);
	struct pr_error e = {0};
	ok(pr_statedb_put_campaign(db, &c, &e), &e);
	ck_assert(is_restored(db, l)); /* the same serial by chance */
	pr_ledger_close(l);
	pr_statedb_close(db);
}
END_TEST

static bool
count_left(void *context, const struct pr_source_left *s)
{
	ck_assert_str_eq(s->name, "Spring");
	++*(int *)context;
	return true;
}

START_TEST(sources_left_behind_are_remembered)
{
	struct pr_error e = {0};
	struct pr_source_left s = {.device = UINT64_MAX,
	                           .inode = 42,
	                           .ctime_ns = 5,
	                           .since_ms = 9,
	                           .name = "Spring",
	                           .content = {3}},
			      got;
	int n = 0;
	pr_statedb *db = open_state();
	ok(pr_statedb_leave_behind(db, &s, &e), &e);
	s.ctime_ns = 6;
	ok(pr_statedb_leave_behind(db, &s, &e), &e);
	pr_statedb_close(db);
	db = open_state();
	ok(pr_statedb_left_behind(db, UINT64_MAX, 42, &got, &e), &e);
	ck_assert_int_eq(got.ctime_ns, 6);
	ck_assert_uint_eq(got.device, UINT64_MAX);
	ck_assert_uint_eq(got.content[0], 3);
	ok(pr_statedb_each_left(db, count_left, &n, &e), &e);
	ck_assert_int_eq(n, 1);
	ok(pr_statedb_forget_left(db, UINT64_MAX, 42, &e), &e);
	ck_assert_int_eq(pr_statedb_left_behind(db, UINT64_MAX, 42, &got, &e), PR_ENOENT);
	pr_statedb_close(db);
}
END_TEST

START_TEST(folded_lsn_pause_and_facts_survive)
{
	struct pr_error e = {0};
	struct pr_buf b = {0};
	uint64_t lsn = 9;
	bool paused = true;
	pr_statedb *db = open_state();
	ok(pr_statedb_folded(db, &lsn, &e), &e);
	ok(pr_statedb_paused_all(db, &paused, &e), &e);
	ck_assert(lsn == 0 && !paused);
	ok(pr_statedb_set_folded(db, 1u << 31, true, &e), &e);
	ok(pr_statedb_set(db, "boot_id", PR_STR("x\0y"), &e), &e);
	pr_statedb_close(db);
	db = open_state();
	ok(pr_statedb_folded(db, &lsn, &e), &e);
	ok(pr_statedb_paused_all(db, &paused, &e), &e);
	ck_assert(lsn == 1u << 31 && paused);
	ck_assert_int_eq(pr_statedb_get(db, "boot_id", &b), 0);
	ck_assert_uint_eq(b.len, 3);
	ck_assert_int_eq(pr_statedb_get(db, "none", &b), PR_ENOENT);
	pr_buf_finish(&b);
	pr_statedb_close(db);
}
END_TEST

static bool
add_fact(void *context, struct pr_str key, struct pr_str value)
{
	struct pr_buf *b = context;
	pr_buf_add_str(b, key);
	pr_buf_addc(b, '=');
	pr_buf_add_str(b, value);
	pr_buf_addc(b, ' ');
	return !pr_str_is(value, "stop");
}

static void
assert_facts(pr_statedb *db, const char *prefix, const char *expected)
{
	struct pr_error e = {0};
	struct pr_buf b = {0};
	ok(pr_statedb_each_fact(db, prefix, add_fact, &b, &e), &e);
	ck_assert_str_eq(b.data ? b.data : "", expected);
	pr_buf_finish(&b);
}

START_TEST(facts_are_set_together_and_told_by_their_prefix)
{
	struct pr_error e = {0};
	pr_statedb *db = open_state();
	const struct pr_fact first[] = {{"q/b", PR_STR("2")},
	                                {"q/a", PR_STR("1")},
	                                {"q0", PR_STR("not")},
	                                {"p/x", PR_STR("not")}};
	ok(pr_statedb_set_all(db, first, 4, &e), &e);
	pr_statedb_close(db);
	db = open_state();
	assert_facts(db, "q/", "q/a=1 q/b=2 ");
	const struct pr_fact second[] = {{"q/a", {NULL, 0}},
	                                 {"q/c", PR_STR("stop")},
	                                 {"q/d", PR_STR("4")},
	                                 {"q/none", {NULL, 0}}};
	ok(pr_statedb_set_all(db, second, 4, &e), &e);
	assert_facts(db, "q/", "q/b=2 q/c=stop ");
	assert_facts(db, "r/", "");
	pr_statedb_close(db);
}
END_TEST

static bool
add_link(void *context, uint32_t link, struct pr_str url)
{
	pr_buf_addf(context, "%u=%.*s ", link, (int)url.n, url.p);
	return true;
}

static void
assert_links(pr_statedb *db, uint32_t serial, const char *wanted)
{
	struct pr_error e = {0};
	struct pr_buf b = {0};
	ok(pr_statedb_each_link(db, serial, add_link, &b, &e), &e);
	ck_assert_str_eq(b.len ? b.data : "", wanted);
	pr_buf_finish(&b);
}

START_TEST(links_keep_their_numbers_and_where_they_lead)
{
	static const struct pr_state_link links[] = {{1, PR_STR("https://a.example/")},
	                                             {4000000000, PR_STR("https://b/?q")}};
	static const struct pr_state_link other[] = {{7, PR_STR("https://c/")},
	                                             {1, PR_STR("https://evil/")}};
	struct pr_error e = {0};
	struct pr_buf url = {0};
	pr_statedb *db = open_state();
	ok(pr_statedb_put_links(db, 7, links, 2, &e), &e);
	ok(pr_statedb_put_links(db, 8, links + 1, 1, &e), &e);
	ok(pr_statedb_put_links(db, 7, links, 2, &e), &e); /* after a kill: once more */
	ok(pr_statedb_put_links(db, 7, links, 0, &e), &e);
	pr_statedb_close(db);
	db = open_state();
	assert_links(db, 7, "1=https://a.example/ 4000000000=https://b/?q ");
	ck_assert_int_eq(pr_statedb_put_links(db, 7, other, 2, &e), PR_EEXIST);
	assert_links(db, 7, "1=https://a.example/ 4000000000=https://b/?q ");
	ok(pr_statedb_put_links(db, 7, other, 1, &e), &e);
	assert_links(db, 7, "1=https://a.example/ 7=https://c/ 4000000000=https://b/?q ");
	ok(pr_statedb_link(db, 8, 4000000000, &url, &e), &e);
	ck_assert_str_eq(url.data, "https://b/?q");
	ck_assert_int_eq(pr_statedb_link(db, 8, 2, &url, &e), PR_ENOENT);
	ck_assert_int_eq(pr_statedb_link(db, 9, 1, &url, &e), PR_ENOENT);
	pr_buf_finish(&url);
	pr_statedb_close(db);
}
END_TEST

START_TEST(links_of_old_campaigns_are_dropped_and_a_first_schema_learns_them)
{
	static const struct pr_state_link link = {1, PR_STR("https://a.example/")};
	struct pr_error e = {0};
	pr_statedb *db = open_state();
	struct pr_accepted old = {.serial = 1, .accepted_ms = 1000, .id = "old"};
	struct pr_accepted young = {.serial = 2, .accepted_ms = 2000, .id = "young"};
	ok(pr_statedb_put_campaign(db, &old, &e), &e);
	ok(pr_statedb_put_campaign(db, &young, &e), &e);
	pr_statedb_close(db);
	sqlite3 *raw;
	ok(pr_db_open(state_path, SQLITE_OPEN_READWRITE, &raw, &e), &e);
	ok(pr_db_exec(raw, "DROP TABLE links; PRAGMA user_version = 1;", &e), &e);
	sqlite3_close(raw);
	db = open_state();
	ok(pr_statedb_put_links(db, 1, &link, 1, &e), &e);
	ok(pr_statedb_put_links(db, 2, &link, 1, &e), &e);
	ok(pr_statedb_drop_links(db, 2000, &e), &e);
	assert_links(db, 1, "");
	assert_links(db, 2, "1=https://a.example/ ");
	pr_statedb_close(db);
}
END_TEST

START_TEST(ledger_is_not_taken_for_a_state_database)
{
	struct pr_error e = {0};
	pr_statedb *db;
	pr_ledger *l = make_ledger(10, 7);
	pr_ledger_close(l);
	ck_assert_int_eq(pr_statedb_open(ledger_path, &db, &e), PR_ECORRUPT);
	db = open_state();
	pr_statedb_close(db);
	ck_assert_int_eq(pr_ledger_open(state_path, PR_LEDGER_FOLD, &l, &e), PR_ECORRUPT);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {identity_is_made_once_and_kept},
	    {serials_grow_over_connections_and_restarts},
	    {same_content_is_found_while_it_is_young},
	    {restored_copy_of_a_ledger_is_recognised},
	    {ledger_of_another_state_folder_is_recognised},
	    {sources_left_behind_are_remembered},
	    {folded_lsn_pause_and_facts_survive},
	    {facts_are_set_together_and_told_by_their_prefix},
	    {links_keep_their_numbers_and_where_they_lead},
	    {links_of_old_campaigns_are_dropped_and_a_first_schema_learns_them},
	    {ledger_is_not_taken_for_a_state_database},
	};
	return suite_run("ledger_statedb", make_folder, remove_folder, tests, ROWS(tests));
}
