/* Dates: what is understood, how it is printed, in which zone. The clock stands at
 * 2024-01-01T00:01:58Z, a Monday. */
#include "liquid_trial.h"

START_TEST(conversions_print_as_rubys_strftime)
{
	static const struct trial_case cases[] = {
	    {"{{ '2024-02-05 09:08:07' | date: '%Y %C %y %m %B %b %^b %-m %d %e %-d %j' }}",
	     "2024 20 24 02 February Feb FEB 2 05  5 5 036"},
	    {"{{ '2024-02-05 09:08:07' | date: '%H %k %I %l %P %p %M %S %L %3N %s' }}",
	     "09  9 09  9 am AM 08 07 000 000 1707124087"},
	    {"{{ '2024-12-30 23:00' | date: '%A %a %^A %u %w %G %V %g %U %W' }}",
	     "Monday Mon MONDAY 1 1 2025 01 25 52 53"},
	    {"{{ '2024-02-05 09:08:07 +0530' | date: '%z %:z %::z [%Z]' }}",
	     "+0530 +05:30 +05:30:00 []"},
	    {"{{ '2024-02-05' | date: '%c|%D|%F|%T|%R|%r|%x|%X|%v|%+' }}",
	     "Mon Feb  5 00:00:00 2024|02/05/24|2024-02-05|00:00:00|00:00|12:00:00 AM|02/05/24|"
	     "00:00:00| 5-FEB-2024|Mon Feb  5 00:00:00 UTC 2024"},
	    {"{{ '2024-02-05' | date: '%10Y %_m %05d %-H %% %n%t%q %' }}",
	     "0000002024  2 00005 0 % \n\t%q %"},
	    {"{{ '2024-02-05' | date: '' }}{{ 'no date' | date: '%Y' }}{{ nothing | date: '%Y' }}",
	     "2024-02-05no date"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(texts_are_understood_as_rubys_time_parse)
{
	static const char *const same[] = {
	    "2024-03-14",         "March 14, 2024", "14 March 2024", "Mar 14 2024",
	    "14th of March 2024", "14-Mar-2024",    "2024/03/14",    "14.3.2024",
	    "Thu, 14 Mar 2024",   "14/03/2024",     "14 Mar 24",
	};
	for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
		char template[100];
		struct trial t = {0};
		snprintf(template, sizeof template, "{{ '%s' | date: '%%F %%T' }}", same[i]);
		trial_run(&t, template);
		ck_assert_msg(strcmp(t.output, "2024-03-14 00:00:00") == 0, "%s: %s", same[i],
		              t.output);
		trial_end(&t);
	}
	static const struct trial_case cases[] = {
	    {"{{ '2024-03-14T15:09:26.535Z' | date: '%F %T.%L %z' }}",
	     "2024-03-14 15:09:26.535 +0000"},
	    {"{{ 'Thu, 14 Mar 2024 15:09:26 -0500' | date: '%F %T %z' }}",
	     "2024-03-14 15:09:26 -0500"},
	    {"{{ '2024-03-14 3:09 pm' | date: '%T' }}{{ '2024-03-14 12am' | date: ' %T' }}",
	     "15:09:00 00:00:00"},
	    {"{{ '20240314T150926+0100' | date: '%F %T %z' }}", "2024-03-14 15:09:26 +0100"},
	    {"{{ 'March 2023' | date: '%F' }} {{ '10:20' | date: '%F %H:%M' }}",
	     "2023-03-01 2024-01-01 10:20"},
	    {"{{ '20240314' | date: '%F' }}", "1970-08-23"}, /* digits alone count seconds */
	    {"{{ 1152098955 | date: '%F %T' }} {{ '1152098955' | date: '%F' }}",
	     "2006-07-05 11:29:15 2006-07-05"},
	    {"{{ 'now' | date: '%F %T' }} {{ 'today' | date: '%a' }}", "2024-01-01 00:01:58 Mon"},
	    {"{{ -86400 | date: '%F' }} {{ '2024-13-40' | date: '%F' }}", "1969-12-31 2024-13-40"},
	    /* as machines write them: read without a search */
	    {"{{ '2024-03-14T15:09:26Z' | date: '%F %T %Z' }} {{ '2024-03-14 15:09' | date: '%F "
	     "%T' }}",
	     "2024-03-14 15:09:26 UTC 2024-03-14 15:09:00"},
	    {"{{ '0099-12-31T23:59:60' | date: '%F %T' }} {{ '2023-02-29' | date: '%F' }}",
	     "0100-01-01 00:00:00 2023-03-01"},
	    {"{{ '2024-00-14' | date: '%F' }} {{ '2024-03-32' | date: '%F' }} "
	     "{{ '2024-03-14T25:00' | date: '%F' }} {{ '2024-03-14T10:60' | date: '%F' }}",
	     "2024-00-14 2024-03-32 2024-03-14T25:00 2024-03-14T10:60"},
	    {"{{ '2024-03-14Z' | date: '%F' }} {{ '2024-03-14T' | date: '%F' }} "
	     "{{ '2024-03-14 ' | date: '%F' }} {{ '2024-03-14T15:09:26+02:00' | date: '%T %z' }}",
	     "2024-03-14 2024-03-14 2024-03-14 15:09:26 +0200"},
	    /* damaged: rather as it stands than another day */
	    {"{{ '2024-081-31' | date: '%F' }} {{ '2024-06-15 08:205' | date: '%T' }} "
	     "{{ '20240-01-31' | date: '%F' }} {{ '2024-06-15 038:05' | date: '%T' }}",
	     "2024-081-31 2024-06-15 08:205 20240-01-31 2024-06-15 038:05"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(zones_shift_what_has_no_offset)
{
	static const struct trial_case berlin[] = {
	    {"{{ 'now' | date: '%F %T %z %Z' }}", "2024-01-01 01:01:58 +0100 CET"},
	    {"{{ '2024-07-01 12:00' | date: '%T %z %Z %s' }}", "12:00:00 +0200 CEST 1719828000"},
	    {"{{ '2024-07-01T12:00Z' | date: '%T %Z' }}", "12:00:00 UTC"},
	    {"{{ '2050-07-01 12:00' | date: '%z' }}", "+0200"},
	    {"{{ '2024-03-31 01:59:59' | date: '%z' }}{{ '2024-03-31 03:00' | date: '%z' }}",
	     "+0100+0200"},
	    {"{{ 'now' | date: '%T %Z', time_zone: 'Asia/Tokyo' }}", "09:01:58 JST"},
	    {"{{ 'now' | date: '%T', time_zone: 'America/New_York' }}", "19:01:58"},
	    {"{{ 'now' | date: '%T %z', time_zone: 'Asia/Kolkata' }}", "05:31:58 +0530"},
	};
	TRIAL_CASES(berlin, ((struct trial){.timezone = "Europe/Berlin"}));
}
END_TEST

START_TEST(unknown_zones_are_an_error)
{
	static const char *const bad[] = {"No/Where", "../../etc/passwd", "", "/etc/localtime"};
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		char template[100];
		struct trial t = {0};
		snprintf(template, sizeof template, "{{ 'now' | date: '%%T', time_zone: '%s' }}",
		         bad[i]);
		trial_run(&t, template);
		ck_assert_int_eq(t.code, PR_EINVAL);
		trial_end(&t);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {conversions_print_as_rubys_strftime},
	    {texts_are_understood_as_rubys_time_parse},
	    {zones_shift_what_has_no_offset},
	    {unknown_zones_are_an_error},
	};
	return suite_run("liquid_date", NULL, NULL, tests, ROWS(tests));
}
