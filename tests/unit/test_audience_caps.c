/* Frequency caps: what they say, and the file that keeps the slots. */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/audience/caps_internal.h"

#define NOW 1800000000000LL
#define HOUR PR_HOUR_MS
#define DAY PR_DAY_MS

/* ---- judging ---- */

#define MARKETING(n, ms)                                                                           \
	{                                                                                          \
		.messages = n, .per = { PR_CAP_ROLLING, ms }                                       \
	}

static const struct {
	const char *what;
	struct pr_cap caps[2];
	size_t caps_n;
	bool transactional;
	struct pr_cap_slot slots[4];
	size_t slots_n;
	int answer;
	uint32_t room;
	int64_t until_ms;
} judged[] = {
    {"nobody had any", {MARKETING(3, 7 * DAY)}, 1, false, {{0}}, 0, PR_CAP_GO, 3, 0},
    {"one of three", {MARKETING(3, 7 * DAY)}, 1, false, {{NOW - HOUR, 0, 0}}, 1, PR_CAP_GO, 2, 0},
    {"full", {MARKETING(1, 7 * DAY)}, 1, false, {{NOW - HOUR, 0, 0}}, 1, PR_CAP_SKIP, 0, 0},
    {"just out", {MARKETING(1, DAY)}, 1, false, {{NOW - DAY, 0, 0}}, 1, PR_CAP_GO, 1, 0},
    {"just in", {MARKETING(1, DAY)}, 1, false, {{NOW - DAY + 1, 0, 0}}, 1, PR_CAP_SKIP, 0, 0},
    {"later than now", {MARKETING(1, DAY)}, 1, false, {{NOW + DAY, 0, 0}}, 1, PR_CAP_SKIP, 0, 0},
    {"held by another",
     {MARKETING(1, DAY)},
     1,
     false,
     {{NOW - 5 * DAY, 0, 1}},
     1,
     PR_CAP_WAIT,
     0,
     NOW + PR_CAP_LOOK_MAX_MS},
    {"held and settled",
     {MARKETING(2, DAY)},
     1,
     false,
     {{NOW - PR_MINUTE_MS, 0, 1}, {NOW - HOUR, 0, 0}},
     2,
     PR_CAP_WAIT,
     0,
     NOW + PR_MINUTE_MS / 2},
    {"full without what is held",
     {MARKETING(1, DAY)},
     1,
     false,
     {{NOW - HOUR, 0, 1}, {NOW - HOUR, 0, 0}},
     2,
     PR_CAP_SKIP,
     0,
     0},
    {"a receipt is not counted", {MARKETING(1, DAY)}, 1, false, {{NOW, 1, 0}}, 1, PR_CAP_GO, 1, 0},
    {"nor stopped", {MARKETING(1, DAY)}, 1, true, {{NOW, 0, 0}}, 1, PR_CAP_GO, PR_CAP_NO_LIMIT, 0},
    {"unless the cap says any",
     {{.class_ = PR_CAP_ANY, .messages = 1, .per = {PR_CAP_ROLLING, DAY}}},
     1,
     true,
     {{NOW, 0, 0}},
     1,
     PR_CAP_SKIP,
     0,
     0},
    {"the strictest holds",
     {MARKETING(3, 7 * DAY), MARKETING(1, DAY)},
     2,
     false,
     {{NOW - 2 * DAY, 0, 0}, {NOW - HOUR, 0, 0}},
     2,
     PR_CAP_SKIP,
     0,
     0},
    {"the least room",
     {MARKETING(3, 7 * DAY), MARKETING(2, DAY)},
     2,
     false,
     {{NOW - 2 * DAY, 0, 0}, {NOW - 3 * DAY, 0, 0}},
     2,
     PR_CAP_GO,
     1,
     0},
    {"waits for the first of two to be a day old",
     {{.messages = 2, .per = {PR_CAP_ROLLING, DAY}, .over = 1}},
     1,
     false,
     {{NOW - HOUR, 0, 0}, {NOW - 3 * HOUR, 0, 0}},
     2,
     PR_CAP_WAIT,
     0,
     NOW + 21 * HOUR},
    {"waits until two of three have gone",
     {{.messages = 2, .per = {PR_CAP_ROLLING, DAY}, .over = 1}},
     1,
     false,
     {{NOW - HOUR, 0, 0}, {NOW - 2 * HOUR, 0, 0}, {NOW - 3 * HOUR, 0, 0}},
     3,
     PR_CAP_WAIT,
     0,
     NOW + 22 * HOUR},
    {"a day that began",
     {{.messages = 1, .per = {PR_CAP_DAY, 2 * DAY}}},
     1,
     false,
     {{NOW - 2 * HOUR, 0, 0}},
     1,
     PR_CAP_SKIP,
     0,
     0},
    {"the day before",
     {{.messages = 1, .per = {PR_CAP_DAY, 2 * DAY}}},
     1,
     false,
     {{NOW - 2 * HOUR - 1, 0, 0}},
     1,
     PR_CAP_GO,
     1,
     0},
    {"the day's end",
     {{.messages = 1, .per = {PR_CAP_DAY, 2 * DAY}, .over = 1}},
     1,
     false,
     {{NOW, 0, 0}},
     1,
     PR_CAP_WAIT,
     0,
     NOW + 22 * HOUR},
};

START_TEST(caps_say_who_may_get_another)
{
	struct pr_cap_times t = {.now_ms = NOW,
	                         .since_ms[PR_CAP_DAY] = NOW - 2 * HOUR,
	                         .until_ms[PR_CAP_DAY] = NOW + 22 * HOUR};
	struct pr_cap_answer a =
	    pr_caps_judge(judged[_i].caps, judged[_i].caps_n, judged[_i].transactional,
	                  judged[_i].slots, judged[_i].slots_n, &t);
	ck_assert_msg((int)a.what == judged[_i].answer, "%s: %d", judged[_i].what, (int)a.what);
	if (a.what == PR_CAP_GO)
		ck_assert_msg(a.room == judged[_i].room, "%s: %u", judged[_i].what, a.room);
	if (a.what == PR_CAP_WAIT)
		ck_assert_msg(a.until_ms == judged[_i].until_ms, "%s: %lld", judged[_i].what,
		              (long long)(a.until_ms - NOW));
}
END_TEST

static const struct {
	struct pr_cap cap;
	const char *words;
} worded[] = {
    {{.messages = 3, .per = {PR_CAP_ROLLING, 7 * DAY}}, "3 marketing messages in 7d"},
    {{.messages = 1, .per = {PR_CAP_ROLLING, 36 * HOUR}}, "1 marketing message in 36h"},
    {{.class_ = PR_CAP_ANY, .messages = 2, .per = {PR_CAP_WEEK, 0}}, "2 messages a week"},
    {{.class_ = PR_CAP_TRANSACTIONAL, .messages = 9, .per = {PR_CAP_DAY, 0}},
     "9 transactional messages a day"},
};

START_TEST(a_cap_says_itself_in_words)
{
	struct pr_buf b = {0};
	pr_cap_words(&worded[_i].cap, &b);
	ck_assert_str_eq(b.data, worded[_i].words);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(a_person_is_the_address_in_any_letter_case)
{
	struct pr_hash_key key = {1, 2}, other = {1, 3};
	uint64_t ann = pr_caps_person(key, pr_str("Ann@a.example"), false);
	ck_assert_uint_eq(ann, pr_caps_person(key, pr_str("ann@A.example"), false));
	ck_assert_uint_eq(ann | 1, pr_caps_person(key, pr_str("ann@a.example"), true));
	ck_assert_uint_ne(ann, pr_caps_person(key, pr_str("bob@a.example"), false));
	ck_assert_uint_ne(ann, pr_caps_person(other, pr_str("ann@a.example"), false));
	ck_assert_uint_ne(ann & ~1ull, 0);
}
END_TEST

/* ---- the file ---- */

static char path[120];
static pr_caps *caps;

/* A journal: what was appended, to be folded once more after a restart. */
#define RECORDS_MAX 4000
static struct pr_record records[RECORDS_MAX];
static struct pr_buf payloads[RECORDS_MAX];
static unsigned records_n, folded_n;

static void
open_caps(void)
{
	struct pr_error e = {0};
	ok(pr_caps_open(path, true, &caps, &e), &e);
}

static void
setup(void)
{
	make_folder();
	snprintf(path, sizeof path, "%s/caps.db", folder);
	records_n = folded_n = 0;
	open_caps();
}

static void
teardown(void)
{
	pr_caps_close(caps);
	for (unsigned i = 0; i < RECORDS_MAX; i++)
		pr_buf_finish(&payloads[i]);
	memset(payloads, 0, sizeof payloads);
	remove_folder();
}

static struct pr_buf *
append(uint8_t type, uint32_t campaign, uint32_t row, int64_t at_ms)
{
	ck_assert_uint_lt(records_n, RECORDS_MAX);
	records[records_n] = (struct pr_record){.lsn = 100 * (records_n + 1),
	                                        .campaign = campaign,
	                                        .row = row,
	                                        .at_ms = at_ms,
	                                        .type = type};
	pr_buf_clear(&payloads[records_n]);
	return &payloads[records_n++];
}

static void
fold(void)
{
	struct pr_error e = {0};
	for (; folded_n < records_n; folded_n++) {
		struct pr_record *r = &records[folded_n];
		r->payload = payloads[folded_n].data;
		r->payload_n = (uint16_t)payloads[folded_n].len;
		ok(pr_caps_fold(caps, r, &e), &e);
	}
}

static int
flush(bool now, int64_t end_mono_ms)
{
	struct pr_error e = {0};
	int r = pr_caps_flush(caps, 100 * (folded_n + 1), now, end_mono_ms, &e);
	ck_assert_msg(r >= 0, "%s", e.text);
	return r;
}

static void
flush_all(void)
{
	while (flush(true, INT64_MAX))
		;
}

/* As after kill -9: what was not committed is gone; the journal is read again. */
static void
restart(void)
{
	pr_caps_close(caps);
	open_caps();
	folded_n = 0; /* it begins with the oldest intent that is open, or before */
	fold();
}

static void
grant(uint32_t campaign, uint32_t row, uint64_t person)
{
	struct pr_intent i = {.person = person};
	pr_intent_encode(&i, append(PR_RECORD_INTENT, campaign, row, NOW));
}

static void
outcome(uint32_t campaign, uint32_t row, enum pr_state state, uint16_t attempts, uint16_t doubts,
        uint8_t flags, int64_t at_ms)
{
	struct pr_outcome o = {.state = (uint8_t)state,
	                       .attempts = attempts,
	                       .doubts = doubts,
	                       .flags = flags,
	                       .reply = PR_STR(""),
	                       .mx = PR_STR("")};
	pr_outcome_encode(&o, append(PR_RECORD_OUTCOME, campaign, row, at_ms));
}

static void
mass(uint32_t campaign)
{
	struct pr_change c = {.state = PR_CANCELLED,
	                      .verb = PR_STR("cancel"),
	                      .by = PR_STR(""),
	                      .detail = PR_STR("")};
	pr_change_encode(&c, append(PR_RECORD_MASS, campaign, 0, NOW));
}

struct seen {
	unsigned settled, held;
};

static struct seen
slots_of(uint64_t person, uint32_t campaign, uint32_t row)
{
	struct pr_error e = {0};
	struct pr_cap_slot *slots;
	struct seen seen = {0};
	size_t n;
	ok(pr_caps_slots(caps, person, campaign, row, NOW - 30 * DAY, &slots, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		*(slots[i].held ? &seen.held : &seen.settled) += 1;
	return seen;
}

static void
expect_slots(uint64_t person, unsigned settled, unsigned held)
{
	struct seen seen = slots_of(person, 0, 0);
	ck_assert_msg(seen.settled == settled && seen.held == held,
	              "settled %u, held %u instead of %u, %u", seen.settled, seen.held, settled,
	              held);
}

/* What a row goes through, and what it takes of the person's caps then. */
static const struct {
	const char *what;
	struct {
		enum pr_state state;
		bool granted;
		uint16_t attempts, doubts;
		uint8_t flags;
	} steps[4];
	unsigned n, settled, held;
} stories[] = {
    {"accepted", {{PR_DELIVERED, 1, 1, 0, 0}}, 1, 1, 0},
    {"refused", {{PR_BOUNCED, 1, 1, 0, 0}}, 1, 0, 0},
    {"withdrawn", {{PR_PENDING, 1, 0, 0, 0}}, 1, 0, 0},
    {"does not render", {{PR_SKIPPED, 1, 0, 0, 0}}, 1, 0, 0},
    {"deferred", {{PR_DEFERRED, 1, 1, 0, 0}}, 1, 0, 1},
    {"deferred, accepted", {{PR_DEFERRED, 1, 1, 0, 0}, {PR_DELIVERED, 1, 2, 0, 0}}, 2, 1, 0},
    {"deferred, refused", {{PR_DEFERRED, 1, 1, 0, 0}, {PR_BOUNCED, 1, 2, 0, 0}}, 2, 0, 0},
    {"deferred, suppressed", {{PR_DEFERRED, 1, 1, 0, 0}, {PR_SUPPRESSED, 0, 1, 0, 0}}, 2, 0, 0},
    {"deferred, left out", {{PR_DEFERRED, 1, 1, 0, 0}, {PR_SKIPPED, 0, 1, 0, 0}}, 2, 0, 0},
    {"deferred, withdrawn", {{PR_DEFERRED, 1, 1, 0, 0}, {PR_PENDING, 1, 1, 0, 0}}, 2, 0, 0},
    {"in doubt", {{PR_IN_DOUBT, 1, 1, 1, 0}}, 1, 1, 0},
    {"in doubt, opened", {{PR_IN_DOUBT, 1, 1, 1, 0}, {PR_DELIVERED, 0, 1, 1, 0}}, 2, 1, 0},
    {"in doubt, a bounce came",
     {{PR_IN_DOUBT, 1, 1, 1, 0}, {PR_BOUNCED, 0, 1, 1, PR_OUTCOME_LATE}},
     2,
     0,
     0},
    {"in doubt, sent again", {{PR_IN_DOUBT, 1, 1, 1, 0}, {PR_DELIVERED, 1, 2, 1, 0}}, 2, 1, 0},
    {"accepted, a bounce came",
     {{PR_DELIVERED, 1, 1, 0, 0}, {PR_BOUNCED, 0, 1, 0, PR_OUTCOME_LATE}},
     2,
     1,
     0},
};

static void
live(unsigned story, unsigned step)
{
	if (stories[story].steps[step].granted)
		grant(1, 7, 1000);
	outcome(1, 7, stories[story].steps[step].state, stories[story].steps[step].attempts,
	        stories[story].steps[step].doubts, stories[story].steps[step].flags, NOW);
}

START_TEST(a_slot_follows_its_row)
{
	for (unsigned i = 0; i < stories[_i].n; i++)
		live(_i, i);
	fold();
	expect_slots(1000, stories[_i].settled, stories[_i].held);
	ck_assert_uint_eq(slots_of(1000, 1, 7).settled + slots_of(1000, 1, 7).held, 0); /* own */
	flush_all();
	expect_slots(1000, stories[_i].settled, stories[_i].held);
	expect_slots(1002, 0, 0);
}
END_TEST

START_TEST(flushes_and_restarts_between_change_nothing)
{
	for (unsigned i = 0; i < stories[_i].n; i++) {
		live(_i, i);
		fold();
		flush_all();
		restart();
	}
	expect_slots(1000, stories[_i].settled, stories[_i].held);
	restart();
	expect_slots(1000, stories[_i].settled, stories[_i].held);
}
END_TEST

START_TEST(a_campaign_that_is_ended_gives_back_what_is_deferred)
{
	grant(1, 1, 1000);
	outcome(1, 1, PR_DEFERRED, 1, 0, 0, NOW);
	grant(1, 2, 1000);
	outcome(1, 2, PR_IN_DOUBT, 1, 1, 0, NOW);
	grant(1, 3, 1000);
	outcome(1, 3, PR_DELIVERED, 1, 0, 0, NOW);
	grant(2, 1, 1000);
	outcome(2, 1, PR_DEFERRED, 1, 0, 0, NOW);
	fold();
	expect_slots(1000, 2, 2);
	flush_all();
	mass(1);
	fold();
	expect_slots(1000, 2, 1);
	restart();
	expect_slots(1000, 2, 1);
	flush_all();
	for (unsigned i = 0; i < 3; i++) {
		struct pr_error e = {0};
		ok(pr_caps_sweep(caps, NOW - 30 * DAY, pr_mono_ms() + 100, &e), &e);
	}
	ck_assert_uint_eq(caps->voided.n, 0);
	restart();
	expect_slots(1000, 2, 1);
}
END_TEST

START_TEST(times_follow_the_due_clock)
{
	pr_clock_encode(-10 * DAY, append(PR_RECORD_CLOCK, 0, 0, NOW));
	grant(1, 1, 1000); /* the wall clock was set ten days ahead */
	outcome(1, 1, PR_DELIVERED, 1, 0, 0, NOW + 10 * DAY);
	fold();
	struct pr_error e = {0};
	struct pr_cap_slot *slots;
	size_t n;
	ok(pr_caps_slots(caps, 1000, 0, 0, 0, &slots, &n, &e), &e);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(slots->at_ms, NOW);
	flush_all();
	restart(); /* and it is known how far ahead it is */
	grant(1, 2, 1002);
	outcome(1, 2, PR_DELIVERED, 1, 0, 0, NOW + 10 * DAY);
	fold();
	ok(pr_caps_slots(caps, 1002, 0, 0, 0, &slots, &n, &e), &e);
	ck_assert_int_eq(slots->at_ms, NOW);
}
END_TEST

START_TEST(what_is_old_goes)
{
	struct pr_error e = {0};
	for (uint32_t i = 1; i <= 1500; i++) {
		grant(1, i, 2ull * i);
		outcome(1, i, PR_DELIVERED, 1, 0, 0, i % 3 ? NOW - 40 * DAY : NOW);
		if (i % 100 == 0) {
			fold();
			records_n = folded_n = 0;
		}
	}
	flush_all();
	for (unsigned i = 0; i < 5; i++)
		ok(pr_caps_sweep(caps, NOW - 31 * DAY, 0, &e), &e);
	unsigned left = 0;
	for (uint32_t i = 1; i <= 1500; i++) {
		struct pr_cap_slot *slots;
		size_t n;
		ok(pr_caps_slots(caps, 2ull * i, 0, 0, 0, &slots, &n, &e), &e);
		ck_assert_uint_eq(n, i % 3 == 0);
		left += (unsigned)n;
	}
	ck_assert_uint_eq(left, 500);
}
END_TEST

START_TEST(a_person_who_is_forgotten_leaves_no_trace)
{
	struct pr_error e = {0};
	uint64_t ann = 0x1122334455667788ull & ~1ull;
	grant(1, 1, ann);
	outcome(1, 1, PR_DELIVERED, 1, 0, 0, NOW);
	grant(2, 1, ann | 1);
	outcome(2, 1, PR_DEFERRED, 1, 0, 0, NOW);
	grant(2, 2, 1000);
	outcome(2, 2, PR_DELIVERED, 1, 0, 0, NOW);
	fold();
	ok(pr_caps_forget(caps, ann, &e), &e);
	expect_slots(ann, 0, 0);
	expect_slots(1000, 1, 0);
	pr_caps_close(caps);
	struct pr_buf octets = {0};
	ok(pr_file_read(AT_FDCWD, path, 1 << 20, &octets, &e), &e);
	char big_endian[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}; /* as SQLite writes it */
	ck_assert_ptr_null(memmem(octets.data, octets.len, big_endian, sizeof big_endian));
	pr_buf_finish(&octets);
	open_caps();
}
END_TEST

/* ---- steps of a flush ---- */

#define MANY (2 * CAPS_RUN + 300)

static void
send_to_many(void)
{
	for (uint32_t i = 1; i <= MANY; i++) {
		grant(1, i, pr_mix64(i) & ~1ull);
		outcome(1, i, PR_DELIVERED, 1, 0, 0, NOW);
		if (i % 100 == 0 || i == MANY) {
			fold();
			records_n = folded_n = 0;
		}
	}
}

static int64_t
ask_file(const char *sql)
{
	struct pr_error e = {0};
	sqlite3_stmt *s;
	ok(pr_db_prepare(caps->db, sql, &s, &e), &e);
	ck_assert_int_eq(pr_db_step(s, &e), 1);
	int64_t value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

START_TEST(entries_are_sorted_run_by_run_as_they_come)
{
	send_to_many();
	const struct caps_table *t = &caps->young;
	ck_assert_uint_eq(t->n, MANY);
	for (size_t i = 1; i < 2 * CAPS_RUN; i++)
		if (i % CAPS_RUN)
			ck_assert_int_lt((int64_t)t->entries[i - 1]->person,
			                 (int64_t)t->entries[i]->person);
}
END_TEST

START_TEST(a_step_writes_few_and_they_come_in_order)
{
	send_to_many();
	int64_t written = 0, last = INT64_MIN;
	int more = 1;
	for (unsigned steps = 0; more; steps++) {
		more = flush(true, 0);
		int64_t now = ask_file("SELECT count(*) FROM sent");
		ck_assert_int_le(now - written, CAPS_STEP_ENTRIES);
		if (now > written) {
			char sql[120];
			snprintf(sql, sizeof sql, "SELECT count(*) FROM sent WHERE person > %lld",
			         (long long)last);
			ck_assert_int_eq(ask_file(sql), steps ? now - written : now);
			last = ask_file("SELECT max(person) FROM sent");
		}
		written = now;
		ck_assert_uint_le(steps, MANY / CAPS_STEP_ENTRIES + 1);
		ck_assert(more || ask_file("SELECT value FROM facts WHERE key = 'folded'") > 0);
	}
	ck_assert_int_eq(written, MANY);
	ck_assert_uint_eq(caps->flushing.n, 0);
}
END_TEST

START_TEST(a_long_log_is_brought_home_by_a_step_of_its_own)
{
	send_to_many();
	ck_assert_int_eq(flush(true, 0), 1);
	ck_assert_int_gt(caps->log_pages, 0); /* as told by SQLite */
	int64_t written = ask_file("SELECT count(*) FROM sent");
	caps->log_pages = CAPS_LOG_PAGES;
	ck_assert_int_eq(flush(true, 0), 1);
	ck_assert_int_eq(caps->log_pages, 0);
	ck_assert_int_eq(ask_file("SELECT count(*) FROM sent"), written);
	int log, home;
	ck_assert_int_eq(
	    sqlite3_wal_checkpoint_v2(caps->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &home),
	    SQLITE_OK);
	ck_assert_int_eq(log, home);
	flush_all();
	ck_assert_int_eq(ask_file("SELECT count(*) FROM sent"), MANY);
}
END_TEST

START_TEST(a_step_that_fails_is_made_again)
{
	struct pr_error e = {0};
	sqlite3 *other;
	send_to_many();
	ck_assert_int_eq(flush(true, 0), 1);
	ok(pr_db_open(path, SQLITE_OPEN_READWRITE, &other, &e), &e);
	ok(pr_db_begin(other, &e), &e);
	sqlite3_busy_timeout(caps->db, 0);
	ck_assert_int_eq(pr_caps_flush(caps, 1, true, 0, &e), PR_EAGAIN);
	ck_assert_int_eq(pr_caps_flush(caps, 1, true, 0, &e), PR_EAGAIN);
	ok(pr_db_end(other, 0, &e), &e);
	sqlite3_close(other);
	flush_all();
	ck_assert_int_eq(ask_file("SELECT count(*) FROM sent"), MANY);
}
END_TEST

/* ---- at random, against a model ---- */

#define MODEL_ROWS 40
#define PERSONS 8

struct model {
	struct row {
		uint8_t state; /* enum pr_state; PR_SENDING: granted */
		uint16_t attempts, doubts;
	} rows[3][MODEL_ROWS];
	bool ended[3];
};

static uint64_t seed;

static unsigned
chance(unsigned n)
{
	return (unsigned)(pr_mix64(++seed) % n);
}

static uint64_t
person_of(unsigned row)
{
	return 1000 + 2 * (row % PERSONS);
}

static void
random_step(struct model *m)
{
	static const enum pr_state ends[] = {PR_DELIVERED, PR_DEFERRED, PR_BOUNCED, PR_IN_DOUBT,
	                                     PR_PENDING};
	unsigned c = chance(3), n = chance(MODEL_ROWS);
	struct row *r = &m->rows[c][n];
	if (r->state == PR_SENDING) {
		r->state = ends[chance(5)];
		r->attempts += r->state != PR_PENDING;
		r->doubts += r->state == PR_IN_DOUBT;
		outcome(c + 1, n + 1, r->state, r->attempts, r->doubts, 0, NOW);
	} else if ((r->state == PR_PENDING || r->state == PR_DEFERRED || r->state == PR_IN_DOUBT) &&
	           chance(3) && !m->ended[c]) {
		r->state = PR_SENDING;
		grant(c + 1, n + 1, person_of(n));
	} else if (r->state == PR_DEFERRED) {
		r->state = PR_SUPPRESSED;
		outcome(c + 1, n + 1, r->state, r->attempts, r->doubts, 0, NOW);
	} else if (r->state == PR_IN_DOUBT) {
		r->state = chance(2) ? PR_DELIVERED : PR_BOUNCED;
		outcome(c + 1, n + 1, r->state, r->attempts, r->doubts, 0, NOW);
	}
}

static void
end_campaign(struct model *m, unsigned c)
{
	for (unsigned n = 0; n < MODEL_ROWS; n++) {
		struct row *r = &m->rows[c][n];
		if (r->state == PR_SENDING)
			return; /* later */
		if (r->state == PR_DEFERRED || r->state == PR_PENDING)
			r->state = PR_CANCELLED;
	}
	m->ended[c] = true;
	mass(c + 1);
}

static void
compare(const struct model *m)
{
	for (unsigned p = 0; p < PERSONS; p++) {
		unsigned settled = 0, held = 0;
		for (unsigned c = 0; c < 3; c++)
			for (unsigned n = p; n < MODEL_ROWS; n += PERSONS) {
				const struct row *r = &m->rows[c][n];
				settled += r->state == PR_DELIVERED || r->state == PR_IN_DOUBT;
				held += r->state == PR_DEFERRED;
			}
		expect_slots(1000 + 2 * p, settled, held);
	}
}

/* A row on its way has what it had before, for others: those are passed over. */
static bool
any_is_sending(const struct model *m)
{
	for (unsigned c = 0; c < 3; c++)
		for (unsigned n = 0; n < MODEL_ROWS; n++)
			if (m->rows[c][n].state == PR_SENDING)
				return true;
	return false;
}

START_TEST(random_histories_and_kills_come_to_the_same_slots)
{
	struct model m = {0};
	seed = 1000u * (unsigned)_i;
	unsigned compared = 0;
	while (records_n < RECORDS_MAX - 100) {
		random_step(&m);
		if (chance(20) == 0)
			fold();
		if (chance(40) == 0) {
			fold();
			flush(true, chance(2) ? 0 : INT64_MAX); /* a slice, or all */
		}
		if (chance(200) == 0) {
			fold();
			restart();
		}
		if (chance(2000) == 0)
			end_campaign(&m, chance(3));
		if (chance(50) == 0)
			for (unsigned i = 0;
			     i < 2000 && any_is_sending(&m) && records_n < RECORDS_MAX - 100; i++)
				random_step(&m);
		if (!any_is_sending(&m)) {
			fold();
			compare(&m);
			compared++;
		}
		bool settled = true;
		for (unsigned c = 0; c < 3; c++)
			for (unsigned n = 0; n < MODEL_ROWS; n++)
				settled &= m.rows[c][n].state != PR_PENDING &&
				           m.rows[c][n].state != PR_SENDING &&
				           m.rows[c][n].state != PR_DEFERRED &&
				           m.rows[c][n].state != PR_IN_DOUBT;
		if (settled)
			break;
	}
	ck_assert_uint_gt(compared, 0);
}
END_TEST

START_TEST(a_file_of_another_program_is_refused)
{
	struct pr_error e = {0};
	pr_caps *other;
	char foreign[140];
	sqlite3 *db;
	snprintf(foreign, sizeof foreign, "%s/foreign.db", folder);
	ok(pr_db_open(foreign, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, &e), &e);
	ok(pr_db_exec(db, "PRAGMA application_id = 7; CREATE TABLE t (x);", &e), &e);
	sqlite3_close(db);
	ck_assert_int_eq(pr_caps_open(foreign, true, &other, &e), PR_ECORRUPT);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {caps_say_who_may_get_another, ROWS(judged)},
	    {a_cap_says_itself_in_words, ROWS(worded)},
	    {a_person_is_the_address_in_any_letter_case},
	    {a_slot_follows_its_row, ROWS(stories)},
	    {flushes_and_restarts_between_change_nothing, ROWS(stories)},
	    {a_campaign_that_is_ended_gives_back_what_is_deferred},
	    {times_follow_the_due_clock},
	    {what_is_old_goes},
	    {a_person_who_is_forgotten_leaves_no_trace},
	    {entries_are_sorted_run_by_run_as_they_come},
	    {a_step_writes_few_and_they_come_in_order},
	    {a_long_log_is_brought_home_by_a_step_of_its_own},
	    {a_step_that_fails_is_made_again},
	    {random_histories_and_kills_come_to_the_same_slots, 20},
	    {a_file_of_another_program_is_refused},
	};
	return suite_run("audience_caps", setup, teardown, tests, ROWS(tests));
}
