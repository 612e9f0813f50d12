/* What people read: numbers, durations, times, bars, tables. */
#include "cli.h"
#include "suite.h"

#include <stdlib.h>
#include <time.h>

static const struct {
	uint64_t n;
	const char *text;
} numbers[] = {{0, "0"},
               {7, "7"},
               {999, "999"},
               {1000, "1,000"},
               {12345, "12,345"},
               {1234567, "1,234,567"},
               {UINT64_MAX, "18,446,744,073,709,551,615"}};

START_TEST(numbers_have_commas)
{
	char out[CLI_TEXT];
	ck_assert_str_eq(cli_number(numbers[_i].n, out), numbers[_i].text);
}
END_TEST

static const struct {
	int64_t ms;
	const char *text;
} durations[] = {{-5, "0s"},           {0, "0s"},           {499, "0s"},
                 {500, "1s"},          {59000, "59s"},      {59500, "1m 00s"},
                 {125000, "2m 05s"},   {3600000, "1h 00m"}, {11520000, "3h 12m"},
                 {187200000, "2d 04h"}};

START_TEST(durations_show_two_units_at_most)
{
	char out[CLI_TEXT];
	ck_assert_str_eq(cli_duration(durations[_i].ms, out), durations[_i].text);
}
END_TEST

static const struct {
	uint64_t n;
	const char *text;
} octets[] = {{0, "0 octets"},   {1023, "1023 octets"},  {1024, "1.0 KiB"},
              {5497, "5.4 KiB"}, {100 << 10, "100 KiB"}, {13207024436u, "12.3 GiB"}};

START_TEST(octets_in_powers_of_1024)
{
	char out[CLI_TEXT];
	ck_assert_str_eq(cli_octets(octets[_i].n, out), octets[_i].text);
}
END_TEST

static const struct {
	uint64_t part, whole;
	const char *text;
} percents[] = {{0, 0, "0.0 %"},      {0, 10, "0.0 %"},        {1, 3, "33.3 %"},
                {10, 10, "100.0 %"},  {9999, 10000, "99.9 %"}, {99999, 100000, "99.9 %"},
                {1, 100000, "<0.1 %"}};

START_TEST(percent_is_all_or_nothing_only_when_so)
{
	char out[CLI_TEXT];
	ck_assert_str_eq(cli_percent(percents[_i].part, percents[_i].whole, out),
	                 percents[_i].text);
}
END_TEST

static const struct {
	uint64_t part, whole;
	unsigned width;
	const char *text;
} bars[] = {
    {0, 0, 12, "[----------]"},
    {0, 10, 12, "[----------]"},
    {5, 10, 12, "[#####-----]"},
    {10, 10, 12, "[##########]"},
    {99, 100, 12, "[#########-]"},
    {UINT64_MAX - 1, UINT64_MAX, 7, "[####-]"},
    {1, 1, 2, "[]"},
    {20, 10, 12, "[##########]"},
};

START_TEST(bar_is_full_only_at_the_end)
{
	char out[204];
	ck_assert_str_eq(cli_bar(bars[_i].part, bars[_i].whole, bars[_i].width, out),
	                 bars[_i].text);
}
END_TEST

START_TEST(bar_is_bounded)
{
	char out[204];
	ck_assert_uint_eq(strlen(cli_bar(1, 2, 1000, out)), 200);
}
END_TEST

static const struct {
	const char *text;
	bool good;
	int64_t ms;
} times[] = {
    {"1970-01-01T00:00:00.001Z", true, 1},
    {"2026-12-01T08:00:00.000Z", true, 1796112000000},
    {"2026-12-01T08:00:00.000", false, 0},
    {"2026-12-01T08:00:00.000Zx", false, 0},
    {"2026-12-01", false, 0},
    {"", false, 0},
    {NULL, false, 0},
};

START_TEST(times_are_read)
{
	int64_t ms = 0;
	ck_assert_int_eq(cli_parse_time(times[_i].text, &ms), times[_i].good);
	ck_assert_int_eq(ms, times[_i].ms);
}
END_TEST

START_TEST(times_are_shown_in_the_time_zone)
{
	char out[CLI_TEXT];
	ck_assert_str_eq(cli_time(NULL, out), "-");
	setenv("TZ", "UTC", 1);
	tzset();
	ck_assert_str_eq(cli_time("2026-12-01T08:00:00.999Z", out), "2026-12-01 08:00:00 UTC");
	setenv("TZ", "XYZ-3", 1);
	tzset();
	ck_assert_str_eq(cli_time("2026-12-01T08:00:00.000Z", out), "2026-12-01 11:00:00 XYZ");
}
END_TEST

static const struct {
	const char *text;
	unsigned columns;
} widths[] = {{"", 0},
              {"abc", 3},
              {"M\xC3\xBCller", 6},
              {"\xE4\xB8\xAD\xE6\x96\x87", 4},
              {"e\xCC\x81", 1},
              {"\xF0\x9F\x93\xA7", 2},
              {"\xFF", 1}};

START_TEST(width_counts_columns)
{
	ck_assert_uint_eq(cli_width(widths[_i].text), widths[_i].columns);
}
END_TEST

START_TEST(show_takes_controls_away)
{
	ck_assert_str_eq(cli_show("a\x1b[31mb\r\n"), "a?[31mb??");
	ck_assert_str_eq(cli_show(NULL), "");
	const char *first = cli_show("one");
	cli_show("two"); /* the texts of one line live together */
	ck_assert_str_eq(first, "one");
}
END_TEST

static void
check_table(struct cli_table *t, const char *expected)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	cli_table_print(t, f);
	fclose(f);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(tables_are_aligned)
{
	struct cli_table *t = cli_table_create("NAME\t>N\tLAST");
	static const char *const cells[] = {"\xE4\xB8\xAD", "1", "x", "abcdef", "1,000", ""};
	for (unsigned i = 0; i < 6; i++)
		cli_table_add(t, cells[i]);
	check_table(t, "NAME        N  LAST\n"
	               "\xE4\xB8\xAD          1  x\n"
	               "abcdef  1,000  \n");
	t = cli_table_create("\t>"); /* no heads */
	cli_table_add(t, "a");
	cli_table_add(t, "10");
	check_table(t, "a  10\n");
	check_table(cli_table_create("A\tB"), "A  B\n");
}
END_TEST

static const struct {
	const char *campaign, *line;
	uint64_t settled;
	bool ended;
} campaigns[] = {
    {"{\"state\":\"sending\",\"counts\":{\"total\":10000,\"delivered\":9120,\"deferred\":300,"
     "\"bounced\":80,\"pending\":400,\"sending\":100}}",
     "9,120 of 10,000 accepted, 300 will retry, 80 bounced, 500 to send", 9200, false},
    {"{\"state\":\"finished\",\"counts\":{\"total\":10,\"delivered\":4,\"in_doubt\":1,"
     "\"skipped\":2,\"suppressed\":3}}",
     "4 of 10 accepted, 1 uncertain, 5 left out", 10, true},
    {"{\"state\":\"cancelled\",\"counts\":{\"total\":2,\"cancelled\":2}}",
     "0 of 2 accepted, 2 cancelled", 2, true},
    {"{\"state\":7,\"counts\":{\"total\":-2,\"delivered\":\"many\"}}", "0 of 0 accepted", 0, false},
    {"{}", "0 of 0 accepted", 0, false},
};

START_TEST(counts_in_honest_words)
{
	json_t *o = json_loads(campaigns[_i].campaign, 0, NULL);
	struct pr_buf line = {0};
	ck_assert_ptr_nonnull(o);
	struct cli_counts n = cli_counts_of(o);
	cli_counts_line(&n, &line);
	ck_assert_str_eq(line.data, campaigns[_i].line);
	ck_assert_uint_eq(cli_settled(&n), campaigns[_i].settled);
	ck_assert_int_eq(cli_ended(o), campaigns[_i].ended);
	pr_buf_finish(&line);
	json_decref(o);
}
END_TEST

START_TEST(ids_cannot_leave_their_path)
{
	ck_assert_str_eq(cli_campaign_path("20261201-spring-7f3k", "/pause"),
	                 "/v1/campaigns/20261201-spring-7f3k/pause");
	ck_assert_str_eq(cli_campaign_path("../a?b#c d\r\n%", ""),
	                 "/v1/campaigns/..%2Fa%3Fb%23c%20d%0D%0A%25");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {numbers_have_commas, ROWS(numbers)},
	    {durations_show_two_units_at_most, ROWS(durations)},
	    {octets_in_powers_of_1024, ROWS(octets)},
	    {percent_is_all_or_nothing_only_when_so, ROWS(percents)},
	    {bar_is_full_only_at_the_end, ROWS(bars)},
	    {bar_is_bounded},
	    {times_are_read, ROWS(times)},
	    {times_are_shown_in_the_time_zone},
	    {width_counts_columns, ROWS(widths)},
	    {show_takes_controls_away},
	    {tables_are_aligned},
	    {counts_in_honest_words, ROWS(campaigns)},
	    {ids_cannot_leave_their_path},
	};
	return suite_run("cli_text", NULL, NULL, tests, ROWS(tests));
}
