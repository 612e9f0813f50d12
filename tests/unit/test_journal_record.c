/* Records: frames, payloads, words, moves. */
#include "../../src/journal/crc.h"
#include "suite.h"

#include "postrider/journal/record.h"

#include <stdlib.h>

#define SALT 0x1234567890abcdefu

static char reply[] = "550 5.1.1 <a@b>: no such user";

static void
frame(char *to, uint64_t lsn, const char *payload, size_t n)
{
	struct pr_record r = {.lsn = lsn,
	                      .campaign = 7,
	                      .row = 4000000000u,
	                      .at_ms = -5,
	                      .type = PR_RECORD_OUTCOME,
	                      .payload = payload,
	                      .payload_n = (uint16_t)n};
	pr_record_write(to, &r, SALT);
}

START_TEST(checksum_is_that_of_rfc_3720_with_and_without_the_processors_help)
{
	unsigned char in[48] = {0};
	memset(in, 0, 32);
	ck_assert_uint_eq(journal_crc(in, 32), 0x8a9136aa);
	memset(in, 0xFF, 32);
	ck_assert_uint_eq(journal_crc(in, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		in[i] = (unsigned char)i;
	ck_assert_uint_eq(journal_crc(in, 32), 0x46dd794e);
	ck_assert_uint_eq(journal_crc("123456789", 9), 0xe3069283);
	for (unsigned n = 0; n <= sizeof in; n++)
		ck_assert_uint_eq(journal_crc(in, n), journal_crc_plain(in, n));
}
END_TEST

START_TEST(record_gives_back_every_field_at_every_length)
{
	static char payload[PR_PAYLOAD_MAX], out[PR_RECORD_MAX];
	for (size_t n = 0; n <= PR_PAYLOAD_MAX; n = n < 70 ? n + 1 : n + 989) {
		memset(payload, (int)n | 1, n);
		memset(out, 0xEE, sizeof out);
		frame(out, 1ull << 40 | n, payload, n);
		struct pr_record r;
		size_t size = pr_record_read(out, sizeof out, 1ull << 40 | n, SALT, &r);
		ck_assert_uint_eq(size, pr_record_size(n));
		ck_assert_uint_eq(size % 8, 0);
		ck_assert_uint_eq(r.lsn, 1ull << 40 | n);
		ck_assert_uint_eq(r.campaign, 7);
		ck_assert_uint_eq(r.row, 4000000000u);
		ck_assert_int_eq(r.at_ms, -5);
		ck_assert_uint_eq(r.type, PR_RECORD_OUTCOME);
		ck_assert_uint_eq(r.payload_n, n);
		ck_assert_int_eq(memcmp(r.payload, payload, n), 0);
	}
}
END_TEST

START_TEST(cut_record_is_none)
{
	char out[128];
	struct pr_record r;
	frame(out, 4096, reply, sizeof reply);
	size_t size = pr_record_size(sizeof reply);
	for (size_t n = 0; n < size; n++) {
		char *exact = malloc(n ? n : 1); /* so that a sanitizer sees reads beyond */
		memcpy(exact, out, n);
		ck_assert_uint_eq(pr_record_read(exact, n, 4096, SALT, &r), 0);
		free(exact);
	}
	ck_assert_uint_eq(pr_record_read(out, size, 4096, SALT, &r), size);
}
END_TEST

START_TEST(record_with_any_bit_flipped_is_none)
{
	char out[128];
	struct pr_record r;
	frame(out, 4096, reply, sizeof reply);
	size_t size = pr_record_size(sizeof reply);
	for (size_t bit = 0; bit < size * 8; bit++) {
		out[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_msg(pr_record_read(out, sizeof out, 4096, SALT, &r) == 0, "bit %zu", bit);
		out[bit / 8] ^= (char)(1 << bit % 8);
	}
}
END_TEST

START_TEST(record_elsewhere_or_of_another_history_is_none)
{
	char out[128] = {0};
	struct pr_record r;
	ck_assert_uint_eq(pr_record_read(out, sizeof out, 0, 0, &r), 0); /* zeroes */
	frame(out, 4096, reply, sizeof reply);
	ck_assert_uint_eq(pr_record_read(out, sizeof out, 4096 + 8, SALT, &r), 0);
	ck_assert_uint_eq(pr_record_read(out, sizeof out, 4096 + (1ull << 32), SALT, &r), 0);
	ck_assert_uint_eq(pr_record_read(out, sizeof out, 4096, SALT + 1, &r), 0);
}
END_TEST

static struct pr_outcome
full_outcome(void)
{
	return (struct pr_outcome){
	    .state = PR_BOUNCED,
	    .class_ = PR_CLASS_USER_UNKNOWN,
	    .code = 550,
	    .enhanced = {5, 1, 255},
	    .flags = PR_OUTCOME_LATE | PR_OUTCOME_REFUSED_DOUBT,
	    .attempts = 65535,
	    .doubts = 2,
	    .version = 65534,
	    .due_ms = INT64_MAX,
	    .first_ms = -1,
	    .reply = pr_str(reply),
	    .mx = PR_STR("mx1.example.net"),
	};
}

START_TEST(outcome_gives_back_every_field)
{
	struct pr_outcome o = full_outcome(), back;
	struct pr_buf b = {0};
	pr_buf_adds(&b, "xy"); /* appended, also where nothing is aligned */
	pr_outcome_encode(&o, &b);
	ck_assert_int_eq(pr_outcome_decode(pr_str_n(b.data + 2, b.len - 2), &back), 0);
	ck_assert_uint_eq(back.state, o.state);
	ck_assert_uint_eq(back.class_, o.class_);
	ck_assert_uint_eq(back.code, o.code);
	ck_assert_int_eq(memcmp(back.enhanced, o.enhanced, 3), 0);
	ck_assert_uint_eq(back.flags, o.flags);
	ck_assert_uint_eq(back.attempts, o.attempts);
	ck_assert_uint_eq(back.doubts, o.doubts);
	ck_assert_uint_eq(back.version, o.version);
	ck_assert_int_eq(back.due_ms, o.due_ms);
	ck_assert_int_eq(back.first_ms, o.first_ms);
	ck_assert(pr_str_eq(back.reply, o.reply));
	ck_assert(pr_str_eq(back.mx, o.mx));
	pr_buf_finish(&b);
}
END_TEST

START_TEST(intent_says_its_version_only_above_the_first)
{
	static const struct {
		struct pr_intent in, out;
		size_t n;
	} cases[] = {
	    {{0, 0, 0}, {1, 0, 0}, 0},
	    {{1, 0, 0}, {1, 0, 0}, 0},
	    {{2, 0, 0}, {2, 0, 0}, 2},
	    {{65535, 0, 0}, {65535, 0, 0}, 2},
	    {{1, 255, 0}, {1, 255, 0}, 3},
	    {{7, 2, 0}, {7, 2, 0}, 3},
	    {{0, 0, UINT64_MAX}, {1, 0, UINT64_MAX}, 11},
	    {{3, 20, 1}, {3, 20, 1}, 11},
	};
	struct pr_buf b = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pr_intent out = {.version = 77};
		pr_buf_clear(&b);
		pr_intent_encode(&cases[i].in, &b);
		ck_assert_uint_eq(b.len, cases[i].n);
		ck_assert_int_eq(pr_intent_decode(pr_buf_str(&b), &out), 0);
		ck_assert_uint_eq(out.version, cases[i].out.version);
		ck_assert_uint_eq(out.variant, cases[i].out.variant);
		ck_assert_uint_eq(out.person, cases[i].out.person);
	}
	pr_buf_finish(&b);
}
END_TEST

START_TEST(intent_of_any_other_length_or_version_is_corrupt)
{
	static const struct pr_str wrong[] = {{"\2", 1},
	                                      {"\0\0", 2},
	                                      {"\0\0\1", 3},
	                                      {"\2\0\0\0", 4},
	                                      {"\2\0\0\0\0\0\0\0\0\0", 10},
	                                      {"\2\0\0\0\0\0\0\0\0\0\0\0", 12}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct pr_intent out = {.version = 77};
		ck_assert_int_eq(pr_intent_decode(wrong[i], &out), PR_ECORRUPT);
		ck_assert_uint_eq(out.version, 77);
	}
}
END_TEST

START_TEST(outcome_of_any_other_length_or_state_is_corrupt)
{
	struct pr_outcome o = full_outcome(), back;
	struct pr_buf b = {0};
	pr_outcome_encode(&o, &b);
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(pr_outcome_decode(pr_str_n(b.data, n), &back), PR_ECORRUPT);
	pr_buf_addc(&b, 'x');
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	b.len--;
	b.data[0] = PR_STATES;
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	b.data[0] = PR_PENDING;
	b.data[1] = PR_CLASSES;
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	pr_buf_finish(&b);
}
END_TEST

static struct pr_engagement
full_engagement(void)
{
	return (struct pr_engagement){.kind = PR_ENGAGEMENT_CLICK,
	                              .device = PR_DEVICE_TABLET,
	                              .evidence = PR_EVIDENCE_HEAD | PR_EVIDENCE_PREFETCH,
	                              .link = UINT32_MAX,
	                              .visitor = UINT64_MAX - 1,
	                              .detail = PR_STR("https://a.example/?x=1")};
}

START_TEST(engagement_gives_back_every_field)
{
	struct pr_engagement g = full_engagement(), back;
	struct pr_buf b = {0};
	pr_buf_adds(&b, "x");
	pr_engagement_encode(&g, &b);
	ck_assert_int_eq(pr_engagement_decode(pr_str_n(b.data + 1, b.len - 1), &back), 0);
	ck_assert_uint_eq(back.kind, g.kind);
	ck_assert_uint_eq(back.device, g.device);
	ck_assert_uint_eq(back.evidence, g.evidence);
	ck_assert_uint_eq(back.link, g.link);
	ck_assert_uint_eq(back.visitor, g.visitor);
	ck_assert(pr_str_eq(back.detail, g.detail));
	pr_buf_finish(&b);
}
END_TEST

START_TEST(engagement_of_any_other_length_or_kind_is_corrupt)
{
	struct pr_engagement g = full_engagement(), back;
	struct pr_buf b = {0};
	pr_engagement_encode(&g, &b);
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(pr_engagement_decode(pr_str_n(b.data, n), &back), PR_ECORRUPT);
	b.data[0] = 0;
	ck_assert_int_eq(pr_engagement_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	b.data[0] = PR_ENGAGEMENT_KINDS;
	ck_assert_int_eq(pr_engagement_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	b.data[0] = PR_ENGAGEMENT_OPEN;
	b.data[1] = PR_DEVICES;
	ck_assert_int_eq(pr_engagement_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(reply_becomes_one_line_and_is_cut_between_characters)
{
	char longer[PR_REPLY_MAX + 10];
	struct pr_outcome o = {.reply = PR_STR("250-a\r\n250 b\x01\x7F"),
	                       .mx = PR_STR("mx\r\nX: y")},
			  back;
	struct pr_buf b = {0};
	pr_outcome_encode(&o, &b);
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), 0);
	ck_assert(pr_str_is(back.reply, "250-a  250 b  "));
	ck_assert(pr_str_is(back.mx, "mx  X: y"));
	memset(longer, 'a', sizeof longer);
	memcpy(longer + PR_REPLY_MAX - 2, "\xE2\x82\xAC", 3); /* the third octet is beyond */
	o.reply = pr_str_n(longer, sizeof longer);
	pr_buf_clear(&b);
	pr_outcome_encode(&o, &b);
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), 0);
	ck_assert_uint_eq(back.reply.n, PR_REPLY_MAX - 2);
	memset(longer, 0x80, sizeof longer); /* not UTF-8 at all */
	pr_buf_clear(&b);
	pr_outcome_encode(&o, &b);
	ck_assert_int_eq(pr_outcome_decode(pr_buf_str(&b), &back), 0);
	ck_assert_uint_eq(back.reply.n, PR_REPLY_MAX);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(largest_payloads_fit_a_record)
{
	char text[3000];
	memset(text, 'x', sizeof text);
	struct pr_str s = pr_str_n(text, sizeof text);
	struct pr_outcome o = {.reply = s, .mx = s};
	struct pr_change c = {.verb = s, .by = s, .detail = s};
	struct pr_engagement g = {.kind = PR_ENGAGEMENT_OPEN, .detail = s};
	struct pr_buf b = {0};
	pr_engagement_encode(&g, &b);
	ck_assert_uint_le(b.len, PR_PAYLOAD_MAX);
	pr_buf_clear(&b);
	pr_outcome_encode(&o, &b);
	ck_assert_uint_le(b.len, PR_PAYLOAD_MAX);
	pr_buf_clear(&b);
	pr_change_encode(&c, &b);
	ck_assert_uint_le(b.len, PR_PAYLOAD_MAX);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(change_gives_back_every_field_and_refuses_other_lengths)
{
	struct pr_change c = {.state = PR_CAMPAIGN_PAUSED,
	                      .reason = PR_REASON_OPERATOR,
	                      .paused_all = 1,
	                      .verb = PR_STR("pause"),
	                      .by = PR_STR("ana"),
	                      .detail = PR_STR("until\nnoon")},
			 back;
	struct pr_buf b = {0};
	pr_change_encode(&c, &b);
	ck_assert_int_eq(pr_change_decode(pr_buf_str(&b), &back), 0);
	ck_assert_uint_eq(back.state, c.state);
	ck_assert_uint_eq(back.reason, c.reason);
	ck_assert_uint_eq(back.paused_all, 1);
	ck_assert(pr_str_is(back.verb, "pause"));
	ck_assert(pr_str_is(back.by, "ana"));
	ck_assert(pr_str_is(back.detail, "until noon"));
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(pr_change_decode(pr_str_n(b.data, n), &back), PR_ECORRUPT);
	pr_buf_addc(&b, 0);
	ck_assert_int_eq(pr_change_decode(pr_buf_str(&b), &back), PR_ECORRUPT);
	pr_buf_finish(&b);
}
END_TEST

/* design.md, "States of a recipient", one line a state it leaves. */
START_TEST(only_the_moves_of_the_design_are_legal)
{
	static const char *const legal[PR_STATES] = {
	    [PR_PENDING] = "sending suppressed skipped cancelled",
	    [PR_SENDING] = "pending delivered deferred bounced in_doubt skipped suppressed",
	    [PR_DELIVERED] = "bounced",
	    [PR_DEFERRED] = "sending suppressed skipped cancelled bounced",
	    [PR_BOUNCED] = "",
	    [PR_SUPPRESSED] = "",
	    [PR_SKIPPED] = "",
	    [PR_IN_DOUBT] = "sending delivered bounced",
	    [PR_CANCELLED] = "",
	};
	for (int from = 0; from < PR_STATES; from++)
		for (int to = 0; to < PR_STATES; to++)
			ck_assert_msg(pr_state_may_move(from, to) ==
			                  (strstr(legal[from], pr_state_word(to)) != NULL),
			              "%s -> %s", pr_state_word(from), pr_state_word(to));
	ck_assert(!pr_state_may_move(PR_STATES, PR_SENDING));
}
END_TEST

START_TEST(words_are_those_of_the_formats_and_unknown_numbers_have_none)
{
	enum pr_state s;
	for (int i = 0; i < PR_STATES; i++)
		ck_assert(pr_state_parse(pr_str(pr_state_word(i)), &s) && (int)s == i);
	ck_assert(!pr_state_parse(PR_STR("Pending"), &s));
	ck_assert(!pr_state_parse(PR_STR(""), &s));
	ck_assert_str_eq(pr_state_word(PR_STATES), "");
	for (int i = 1; i < PR_CLASSES; i++)
		ck_assert_uint_gt(strlen(pr_class_word(i)), 1);
	ck_assert_str_eq(pr_class_word(PR_CLASS_NONE), "");
	ck_assert_str_eq(pr_class_word(PR_CLASS_RATE_LIMITED), "rate_limited");
	ck_assert_str_eq(pr_class_word(PR_CLASSES), "");
	ck_assert_str_eq(pr_campaign_state_word(PR_CAMPAIGN_FINISHED), "finished");
	ck_assert_str_eq(pr_campaign_state_word(PR_CAMPAIGN_STATES), "");
	ck_assert_str_eq(pr_reason_word(PR_REASON_STOP_LOSS), "stop_loss");
	ck_assert_str_eq(pr_reason_word(PR_REASONS), "");
	ck_assert_str_eq(pr_engagement_word(PR_ENGAGEMENT_UNSUBSCRIBE), "unsubscribe");
	ck_assert_str_eq(pr_engagement_word(PR_ENGAGEMENT_EVIDENCE), "");
	ck_assert_str_eq(pr_engagement_word(PR_ENGAGEMENT_KINDS), "");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {checksum_is_that_of_rfc_3720_with_and_without_the_processors_help},
	    {record_gives_back_every_field_at_every_length},
	    {cut_record_is_none},
	    {record_with_any_bit_flipped_is_none},
	    {record_elsewhere_or_of_another_history_is_none},
	    {intent_says_its_version_only_above_the_first},
	    {intent_of_any_other_length_or_version_is_corrupt},
	    {outcome_gives_back_every_field},
	    {outcome_of_any_other_length_or_state_is_corrupt},
	    {engagement_gives_back_every_field},
	    {engagement_of_any_other_length_or_kind_is_corrupt},
	    {reply_becomes_one_line_and_is_cut_between_characters},
	    {largest_payloads_fit_a_record},
	    {change_gives_back_every_field_and_refuses_other_lengths},
	    {only_the_moves_of_the_design_are_legal},
	    {words_are_those_of_the_formats_and_unknown_numbers_have_none},
	};
	return suite_run("journal_record", NULL, NULL, tests, ROWS(tests));
}
