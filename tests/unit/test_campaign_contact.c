/* Contacts as people and other programs write them: heads, values, consents. */
#include "suite.h"

#include "postrider/campaign/contact.h"

static const struct {
	const char *head;
	enum pr_contact_role role;
	const char *name;
} heads[] = {
    {"Email Address", PR_CONTACT_EMAIL, "email"},
    {"E-Mail", PR_CONTACT_EMAIL, "email"},
    {"Email", PR_CONTACT_EMAIL, "email"},
    {"First Name", PR_CONTACT_ATTRIBUTE, "first_name"},
    {"MEMBER_RATING", PR_CONTACT_ATTRIBUTE, "member_rating"},
    {"Address", PR_CONTACT_ATTRIBUTE, "address"},
    {"OPTIN_TIME", PR_CONTACT_CONSENT_AT, "consent_at"},
    {"consent_purpose", PR_CONTACT_CONSENT_PURPOSE, "consent_purpose"},
    {"consent_other", PR_CONTACT_ATTRIBUTE, "consent_other"},
    {"TIMEZONE", PR_CONTACT_TIMEZONE, "timezone"},
    {"Time Zone", PR_CONTACT_ATTRIBUTE, "time_zone"}, /* "UTC +01:00 Berlin" in HubSpot */
    {"TAGS", PR_CONTACT_LISTS, "lists"},
    {"Unsubscribed from all email", PR_CONTACT_LEFT, "unsubscribed_from_all_email"},
    {"Preferred language", PR_CONTACT_LANGUAGE, "language"},
    {"stage", PR_CONTACT_ATTRIBUTE, "stage_"},
    {"Create Date", PR_CONTACT_ATTRIBUTE, "create_date"},
};

START_TEST(a_head_is_known_or_an_attribute)
{
	struct pr_contact_column c;
	ck_assert(pr_contact_column_read(pr_str(heads[_i].head), &c));
	ck_assert_int_eq(c.role, heads[_i].role);
	if (c.role != PR_CONTACT_LEFT)
		ck_assert_str_eq(c.name, heads[_i].name);
	if (c.role == PR_CONTACT_ATTRIBUTE)
		ck_assert(pr_attribute_name_is_good(pr_str(c.name)));
}
END_TEST

static struct pr_arena arena;
static struct pr_contact_reader reader;

static void
open_reader(void)
{
	pr_arena_init(&arena);
	reader = (struct pr_contact_reader){.arena = &arena};
}

static void
close_reader(void)
{
	pr_contact_reader_finish(&reader);
	pr_arena_finish(&arena);
}

static const struct {
	enum pr_contact_role role;
	const char *text;
	bool good;
} values[] = {
    {PR_CONTACT_EMAIL, "ann@a.example", true},
    {PR_CONTACT_EMAIL, "ann", false},
    {PR_CONTACT_TIMEZONE, "Europe/Berlin", true},
    {PR_CONTACT_TIMEZONE, "", true},
    {PR_CONTACT_TIMEZONE, "Europe/Atlantis", false},
    {PR_CONTACT_TIMEZONE, "../../etc/passwd", false},
    {PR_CONTACT_LANGUAGE, "de", true},
    {PR_CONTACT_LANGUAGE, "pt_BR", true},
    {PR_CONTACT_LANGUAGE, "zh-Hant-TW", true},
    {PR_CONTACT_LANGUAGE, "d", false},
    {PR_CONTACT_LANGUAGE, "german", false},
    {PR_CONTACT_LANGUAGE, "-de", false},
    {PR_CONTACT_LANGUAGE, "de\r\nx", false},
    {PR_CONTACT_LISTS, "a,b;\"c d\",", true},
    {PR_CONTACT_LISTS, "a/b", false},
    {PR_CONTACT_CONSENT_AT, "2024-01-31 18:00", true},
    {PR_CONTACT_CONSENT_AT, "31.1.2024", false},
    {PR_CONTACT_LEFT, "false", true},
    {PR_CONTACT_LEFT, "", true},
    {PR_CONTACT_LEFT, "true", false},
    {PR_CONTACT_LEFT, "2024-01-31 18:00:00", false},
};

START_TEST(a_value_is_checked_by_its_role)
{
	struct pr_contact c = {0};
	for (int again = 0; again < 2; again++) { /* time zones are remembered */
		int r = pr_contact_say(&reader, values[_i].role, pr_str(values[_i].text), &c);
		ck_assert_int_eq(r, values[_i].good ? 0 : PR_EINVAL);
		if (!values[_i].good)
			ck_assert_ptr_nonnull(reader.why);
	}
}
END_TEST

START_TEST(lists_and_languages_come_in_one_form)
{
	struct pr_contact c = {0};
	ck_assert_int_eq(
	    pr_contact_say(&reader, PR_CONTACT_LISTS, PR_STR(" a ;\"big spender\",,"), &c), 0);
	ck_assert_int_eq(pr_contact_say(&reader, PR_CONTACT_LISTS, PR_STR("b"), &c), 0);
	ck_assert_int_eq(pr_contact_say(&reader, PR_CONTACT_LANGUAGE, PR_STR("pt_BR"), &c), 0);
	ck_assert(pr_str_is(c.lists, "a,big-spender,b"));
	ck_assert(pr_str_is(c.language, "pt-BR"));
}
END_TEST

START_TEST(a_consent_gets_what_it_lacks)
{
	struct pr_contact none = {0}, timed = {.consent.at_ms = 5}, full = {0};
	full.consent = (struct pr_contact_consent){
	    .purpose = PR_STR("sms"), .source = PR_STR("till"), .text = PR_STR("v2")};
	pr_contact_said(&none, PR_STR("file"), 9);
	pr_contact_said(&timed, PR_STR("file"), 9);
	pr_contact_said(&full, PR_STR("file"), 9);
	ck_assert_uint_eq(none.consent.purpose.n, 0);
	ck_assert(pr_str_is(timed.consent.purpose, "marketing"));
	ck_assert(pr_str_is(timed.consent.source, "file"));
	ck_assert_int_eq(timed.consent.at_ms, 5);
	ck_assert(pr_str_is(full.consent.source, "till"));
	ck_assert_int_eq(full.consent.at_ms, 9);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_head_is_known_or_an_attribute, ROWS(heads)},
	    {a_value_is_checked_by_its_role, ROWS(values)},
	    {lists_and_languages_come_in_one_form},
	    {a_consent_gets_what_it_lacks},
	};
	return suite_run("campaign_contact", open_reader, close_reader, tests, ROWS(tests));
}
