/* Money: digits in, the same digits out. */
#include "suite.h"

#include "postrider/base/money.h"

static const struct {
	const char *text, *out; /* NULL: refused */
	int64_t micros;
} amounts[] = {
    {"49.90", "49.90", 49900000},
    {"0.1", "0.10", 100000},
    {"-5", "-5.00", -5000000},
    {"+0.000001", "0.000001", 1},
    {"-0.0000010", "-0.000001", -1},
    {"0", "0.00", 0},
    {"-0", "0.00", 0},
    {"000012.5", "12.50", 12500000},
    {"0.30000000000", "0.30", 300000},
    {"10000000000", "10000000000.00", PR_AMOUNT_MAX},
    {"10000000000.000001", NULL, 0},
    {"99999999999999999999", NULL, 0},
    {"0.0000001", NULL, 0},
    {"1,5", NULL, 0},
    {"1.", NULL, 0},
    {".5", NULL, 0},
    {"1e3", NULL, 0},
    {"--1", NULL, 0},
    {"-", NULL, 0},
    {"", NULL, 0},
    {" 1", NULL, 0},
    {"1 ", NULL, 0},
    {"nan", NULL, 0},
    {"0x10", NULL, 0},
    {"1.2.3", NULL, 0},
};

START_TEST(an_amount_is_exact_or_refused)
{
	char out[PR_AMOUNT_SIZE];
	int64_t micros = 77;
	bool good = pr_amount_parse(pr_str(amounts[_i].text), &micros);
	ck_assert_msg(good == (amounts[_i].out != NULL), "%s", amounts[_i].text);
	ck_assert_int_eq(micros, good ? amounts[_i].micros : 77);
	if (good)
		ck_assert_str_eq(pr_amount_format(micros, out), amounts[_i].out);
}
END_TEST

START_TEST(the_ends_of_numbers_are_written_and_sums_stay_there)
{
	char out[PR_AMOUNT_SIZE];
	ck_assert_str_eq(pr_amount_format(INT64_MIN, out), "-9223372036854.775808");
	ck_assert_str_eq(pr_amount_format(INT64_MAX, out), "9223372036854.775807");
	ck_assert_int_eq(pr_amount_add(INT64_MAX, 1), INT64_MAX);
	ck_assert_int_eq(pr_amount_add(INT64_MIN, -1), INT64_MIN);
	ck_assert_int_eq(pr_amount_add(INT64_MAX, -1), INT64_MAX - 1);
}
END_TEST

START_TEST(money_has_a_currency_of_three_letters)
{
	static const char *const bad[] = {"120.00",  "120.00 EU",   "EUR 120", "120EUR",
	                                  "1 2 EUR", "12 EURO",     "12 E1R",  "",
	                                  " EUR",    "12 \xc3\xa9R"};
	struct pr_money m;
	ck_assert(pr_money_parse(PR_STR(" 120.00  eur "), &m));
	ck_assert_int_eq(m.micros, 120000000);
	ck_assert_str_eq(m.currency, "EUR");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!pr_money_parse(pr_str(bad[i]), &m), "%s", bad[i]);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_amount_is_exact_or_refused, ROWS(amounts)},
	    {the_ends_of_numbers_are_written_and_sums_stay_there},
	    {money_has_a_currency_of_three_letters},
	};
	return suite_run("base_money", NULL, NULL, tests, ROWS(tests));
}
