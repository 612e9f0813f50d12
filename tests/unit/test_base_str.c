/* Strings, buffers, hashes, heaps, durations: what everything stands on. */
#include "suite.h"

#include "postrider/base/buf.h"
#include "postrider/base/clock.h"
#include "postrider/base/hash.h"
#include "postrider/base/heap.h"

START_TEST(utf8_refuses_surrogates_overlong_and_cut_forms)
{
	static const char *const bad[] = {"\xED\xA0\x80", "\xC0\x80", "\xE2\x82", "\xFF",
	                                  "\xF4\x90\x80\x80"};
	ck_assert(pr_utf8_valid("gr\xC3\xBC\xC3\x9F \xE4\xB8\xAD \xF0\x9F\x93\xAE", 16, NULL));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t at = 9;
		ck_assert(!pr_utf8_valid(bad[i], strlen(bad[i]), &at));
		ck_assert_uint_eq(at, 0);
	}
}
END_TEST

START_TEST(nearest_finds_swapped_and_missing_letters_only)
{
	static const char *const words[] = {"subject", "recipients", "schedule", NULL};
	ck_assert_str_eq(pr_nearest(pr_str("recipeints"), words), "recipients");
	ck_assert_str_eq(pr_nearest(pr_str("Subjct"), words), "subject");
	ck_assert_ptr_null(pr_nearest(pr_str("colour"), words));
	ck_assert_ptr_null(pr_nearest(pr_str("x"), (const char *const[]){"a", NULL}));
}
END_TEST

START_TEST(buffer_escapes_for_where_text_goes)
{
	struct pr_buf b = {0};
	pr_buf_add_html(&b, PR_STR("<a href=\"x\">&'"));
	ck_assert_str_eq(b.data, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
	pr_buf_clear(&b);
	pr_buf_add_csv(&b, PR_STR("=cmd|\"x\""));
	ck_assert_str_eq(b.data, "\"'=cmd|\"\"x\"\"\"");
	pr_buf_clear(&b);
	pr_buf_add_json(&b, PR_STR("a\"\n\xFFz"));
	ck_assert_str_eq(b.data, "\"a\\\"\\n\xEF\xBF\xBDz\"");
	pr_buf_finish(&b);
}
END_TEST

START_TEST(siphash_gives_the_papers_vector)
{
	/* Aumasson and Bernstein, SipHash, appendix A. */
	struct pr_hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	unsigned char in[15];
	for (unsigned i = 0; i < 15; i++)
		in[i] = (unsigned char)i;
	ck_assert_uint_eq(pr_siphash(key, in, 15), 0xa129ca6149be45e5u);
}
END_TEST

START_TEST(map_keeps_what_was_put_across_removals)
{
	struct pr_map m = {0};
	static int values[5000];
	for (uint64_t i = 0; i < 5000; i++)
		pr_map_put(&m, i * 7, &values[i]);
	for (uint64_t i = 0; i < 5000; i += 2)
		ck_assert_ptr_eq(pr_map_remove(&m, i * 7), &values[i]);
	ck_assert_uint_eq(m.n, 2500);
	for (uint64_t i = 0; i < 5000; i++)
		ck_assert_ptr_eq(pr_map_get(&m, i * 7), i % 2 ? &values[i] : NULL);
	pr_map_finish(&m);
}
END_TEST

START_TEST(heap_gives_keys_in_order_after_removals)
{
	struct pr_heap h = {0};
	static struct pr_heap_node nodes[1000];
	for (uint64_t i = 0; i < 1000; i++)
		pr_heap_add(&h, &nodes[i], pr_mix64(i) % 500);
	for (uint64_t i = 0; i < 1000; i += 3)
		pr_heap_remove(&h, &nodes[i]);
	uint64_t last = 0;
	for (struct pr_heap_node *n; (n = pr_heap_first(&h)); pr_heap_remove(&h, n)) {
		ck_assert_uint_ge(n->key, last);
		last = n->key;
	}
	pr_heap_finish(&h);
}
END_TEST

START_TEST(people_write_durations_sizes_and_rates)
{
	int64_t ms;
	uint64_t size;
	struct pr_rate rate;
	ck_assert(pr_parse_duration(PR_STR("90s"), &ms) && ms == 90000);
	ck_assert(pr_parse_duration(PR_STR("3d"), &ms) && ms == 3 * PR_DAY_MS);
	ck_assert(!pr_parse_duration(PR_STR("90"), &ms) && !pr_parse_duration(PR_STR("h"), &ms));
	ck_assert(pr_parse_size(PR_STR("25M"), &size) && size == 25u << 20);
	ck_assert(!pr_parse_size(PR_STR("25MB"), &size));
	ck_assert(pr_parse_rate(PR_STR("5000/h"), &rate) && rate.count == 5000 &&
	          rate.period_ms == 3600000);
	ck_assert(!pr_parse_rate(PR_STR("0/s"), &rate) && !pr_parse_rate(PR_STR("5/w"), &rate));
	char text[PR_RFC3339_SIZE];
	ck_assert_str_eq(pr_format_rfc3339(1764576000123, text), "2025-12-01T08:00:00.123Z");
}
END_TEST

static const struct {
	const char *text;
	int64_t ms; /* -1: refused */
} times[] = {
    {"2025-12-01T08:00:00.123Z", 1764576000123},
    {"2025-12-01T08:00:00Z", 1764576000000},
    {" 2025-12-01t08:00:00z ", 1764576000000},
    {"2025-12-01T09:00+01:00", 1764576000000},
    {"2025-12-01 07:30:00.0-00:30", 1764576000000},
    {"2025-12-01", 1764547200000},
    {"2025-12-01T08:00", 1764576000000},
    {"2024-02-29", 1709164800000},
    {"2025-12-01T08:00:00.1239Z", 1764576000123},
    {"2025-02-29", -1},
    {"2025-12-01T24:00Z", -1},
    {"2025-12-01T08:60Z", -1},
    {"2025-12-01T08", -1},
    {"2025-12-01T08:00:00.Z", -1},
    {"2025-12-01T08:00+1:00", -1},
    {"2025-12-01T08:00:00Zx", -1},
    {"1969-12-31", -1},
    {"25-12-01", -1},
    {"tomorrow", -1},
    {"", -1},
};

START_TEST(times_are_read_as_people_and_programs_write_them)
{
	int64_t ms = -1;
	bool good = pr_parse_rfc3339(pr_str(times[_i].text), &ms);
	ck_assert_int_eq(good, times[_i].ms >= 0);
	ck_assert_int_eq(ms, times[_i].ms);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {utf8_refuses_surrogates_overlong_and_cut_forms},
	    {nearest_finds_swapped_and_missing_letters_only},
	    {buffer_escapes_for_where_text_goes},
	    {siphash_gives_the_papers_vector},
	    {map_keeps_what_was_put_across_removals},
	    {heap_gives_keys_in_order_after_removals},
	    {people_write_durations_sizes_and_rates},
	    {times_are_read_as_people_and_programs_write_them, ROWS(times)},
	};
	return suite_run("base_str", NULL, NULL, tests, ROWS(tests));
}
