/* Dates, numbers and money in the forms of a language (CLDR). */
#include "liquid_trial.h"
#include "suite.h"

#define D "{{ '2026-03-05 15:04' | date: "

START_TEST(dates_have_the_names_of_their_locale)
{
	static const struct trial_case cases[] = {
	    {D "'%A, %-d. %B %Y', locale: 'de' }}", "Donnerstag, 5. März 2026"},
	    {D "'%a %-d %b', locale: 'de-AT' }}", "Do 5 März"},
	    {D "'%A %-d %B %Y', locale: 'fr' }}", "jeudi 5 mars 2026"},
	    {D "'%-d de %B de %Y', locale: 'pt_br' }}", "5 de março de 2026"},
	    {D "'%-d %B %Y', locale: 'pl' }}", "5 marca 2026"},
	    {D "'%Y年%-m月%-d日 %a %p', locale: 'ja' }}", "2026年3月5日 木 午後"},
	    {D "'%A %p%I', locale: 'zh-Hans' }}", "星期四 下午03"},
	    {D "'%^B %^a', locale: 'de' }}", "MÄRZ DO"},
	    {D "'%B', locale: 'en' }}", "March"},
	    {D "'%B', locale: nothing }}", "March"},
	    {D "'%H:%M %B', locale: 'es', time_zone: 'Europe/Madrid' }}", "16:04 marzo"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

#define NBSP "\xC2\xA0"

START_TEST(money_is_written_as_its_readers_write_it)
{
	static const struct trial_case cases[] = {
	    {"{{ 1234.5 | money }}|{{ 1234.5 | money: 'EUR' }}", "1,234.50|1,234.50 EUR"},
	    {"{{ 1234.5 | money: '$' }}|{{ -5 | money: '€' }}", "$1,234.50|-€5.00"},
	    {"{{ 1234.5 | money: 'EUR', locale: 'de' }}", "1.234,50" NBSP "€"},
	    {"{{ 1234.5 | money: 'EUR', locale: 'en' }}", "€1,234.50"},
	    {"{{ 1234.5 | money: 'EUR', locale: 'fr' }}", "1\xE2\x80\xAF"
	                                                  "234,50" NBSP "€"},
	    {"{{ 1234.5 | money: 'EUR', locale: 'es' }}", "1234,50" NBSP "€"},
	    {"{{ 12345 | money: 'EUR', locale: 'es' }}", "12.345,00" NBSP "€"},
	    {"{{ 1234.5 | money: 'EUR', locale: 'nl' }}", "€" NBSP "1.234,50"},
	    {"{{ 1234.5 | money: 'BRL', locale: 'pt-BR' }}", "R$" NBSP "1.234,50"},
	    {"{{ 1234.5 | money: 'JPY', locale: 'ja' }}", "¥1,235"},
	    {"{{ 1234.5 | money: 'CHF', locale: 'en' }}", "CHF" NBSP "1,234.50"},
	    {"{{ 1.2345 | money: 'KWD' }}", "1.235 KWD"},
	    {"{{ -1234.5 | money: 'PLN', locale: 'pl' }}", "-1234,50" NBSP "zł"},
	    {"{{ '19.9' | money: 'EUR', locale: 'it' }}", "19,90" NBSP "€"},
	    {"{{ nothing | money: 'EUR', locale: 'de' }}", "0,00" NBSP "€"},
	    {"{{ 0.005 | money }} {{ 0.004 | money }}", "0.01 0.00"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(numbers_are_grouped_by_locale)
{
	static const struct trial_case cases[] = {
	    {"{{ 1234567.5 | number_with_delimiter }}", "1,234,567.5"},
	    {"{{ 1234567.5 | number_with_delimiter: '.', ',' }}", "1.234.567,5"},
	    {"{{ -1234567.5 | number_with_delimiter: locale: 'de' }}", "-1.234.567,5"},
	    {"{{ 1234 | number_with_delimiter: locale: 'pl' }}", "1234"},
	    {"{{ 1234 | number_with_delimiter: '_', locale: 'de' }}", "1_234"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(unknown_locales_are_an_error)
{
	static const char *const bad[] = {"{{ 'now' | date: '%B', locale: 'xx' }}",
	                                  "{{ 1 | money: 'EUR', locale: 'klingon' }}",
	                                  "{{ 1 | number_with_delimiter: locale: '-' }}"};
	for (int i = 0; i < ROWS(bad); i++) {
		struct trial t = {0};
		trial_run(&t, bad[i]);
		ck_assert_int_eq(t.code, PR_EINVAL);
		ck_assert_ptr_nonnull(strstr(t.failure.error.text, "is not known"));
		trial_end(&t);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {dates_have_the_names_of_their_locale},
	    {money_is_written_as_its_readers_write_it},
	    {numbers_are_grouped_by_locale},
	    {unknown_locales_are_an_error},
	};
	return suite_run("liquid_locale", NULL, NULL, tests, ROWS(tests));
}
