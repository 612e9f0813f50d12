/* Links as mails carry them: they lead where they were made to, and cannot be bent. */
#include "suite.h"

#include "postrider/message/link.h"

static const char *const secrets[] = {"the secret that signs links"};
static const char *const others[] = {"another installation's secret"};
static pr_tokens *keys, *strange;
static struct pr_buf text, url;

static void
setup(void)
{
	keys = pr_tokens_create("a", secrets);
	strange = pr_tokens_create("a", others);
}

static void
teardown(void)
{
	pr_tokens_unref(keys), pr_tokens_unref(strange);
	pr_buf_finish(&text), pr_buf_finish(&url);
}

static struct pr_token
click(uint32_t link)
{
	return (struct pr_token){.kind = PR_TOKEN_CLICK, .campaign = 7, .row = 300, .link = link};
}

static int
read_text(struct pr_token *t)
{
	pr_buf_clear(&url);
	return pr_click_read(keys, pr_buf_str(&text), t, &url);
}

static const struct {
	const char *url;
	bool sound;
} urls[] = {
    {"https://a.example/", true},
    {"http://a.example", true},
    {"HTTPS://A.example/x?y=1&z=%20#part", true},
    {"https://a.example:8443/p", true},
    {"https://a.example/@user", true},
    {"https://[2001:db8::1]/", true},
    {"", false},
    {"https://", false},
    {"https:///path", false},
    {"https://:80/", false},
    {"https://bank.example@evil.example/", false},
    {"https://user:pw@a.example/", false},
    {"javascript:alert(1)", false},
    {"ftp://a.example/", false},
    {"//a.example/", false},
    {"https://a.example/\r\nSet-Cookie: x", false},
    {"https://a.example/ x", false},
    {"https://a.example/\"x", false},
    {"https://a.example\\@evil.example/", false},
    {"https://a.example/\xC3\xBC", false},
};

START_TEST(sound_is_what_may_stand_in_a_header_and_hides_nothing)
{
	ck_assert_int_eq(pr_link_is_sound(pr_str(urls[_i].url)), urls[_i].sound);
}
END_TEST

START_TEST(a_link_of_the_campaign_is_its_number)
{
	struct pr_token t = click(12), back;
	pr_click_write(keys, &t, PR_STR(""), &text);
	ck_assert_int_eq(read_text(&back), 0);
	ck_assert(back.campaign == 7 && back.row == 300 && back.link == 12);
	ck_assert_uint_eq(url.len, 0);
	ck_assert_int_eq(pr_click_read(strange, pr_buf_str(&text), &back, &url), PR_EDENIED);
	pr_buf_adds(&text, ".aHR0cHM6Ly9ldmlsLmV4YW1wbGUv"); /* a destination beside it */
	ck_assert_int_eq(read_text(&back), PR_EDENIED);
}
END_TEST

START_TEST(a_link_from_data_brings_its_destination)
{
	struct pr_token t = click(0), back;
	for (size_t i = 0; i < ROWS(urls); i++) {
		if (!urls[i].sound)
			continue;
		pr_buf_clear(&text);
		pr_click_write(keys, &t, pr_str(urls[i].url), &text);
		ck_assert_int_eq(read_text(&back), 0);
		ck_assert_str_eq(url.data, urls[i].url);
		ck_assert(back.row == 300 && back.link == 0);
	}
}
END_TEST

START_TEST(no_octet_of_it_can_be_changed)
{
	struct pr_token t = click(0), back;
	pr_click_write(keys, &t, PR_STR("https://a.example/x"), &text);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];
		text.data[i] = was == 'A' ? 'B' : 'A';
		ck_assert_int_lt(read_text(&back), 0);
		text.data[i] = was;
	}
	for (size_t n = 0; n < text.len; n++)
		ck_assert_int_lt(pr_click_read(keys, pr_str_n(text.data, n), &back, &url), 0);
	ck_assert_uint_eq(url.len, 0);
}
END_TEST

START_TEST(a_destination_that_is_not_sound_is_refused_although_signed)
{
	struct pr_token t = click(0), back;
	pr_click_write(keys, &t, PR_STR("javascript:alert(1)"), &text);
	ck_assert_int_eq(read_text(&back), PR_EINVAL);
	pr_buf_clear(&text);
	t.link = 3; /* signed with a destination, by a number: nobody writes that */
	char token[PR_TOKEN_URL_SIZE];
	pr_token_url_with(keys, &t, PR_STR("https://a.example/"), token);
	pr_buf_addf(&text, "%s.aHR0cHM6Ly9hLmV4YW1wbGUv", token);
	ck_assert_int_eq(read_text(&back), PR_EINVAL);
}
END_TEST

START_TEST(link_0_without_a_destination_leads_nowhere)
{
	struct pr_token t = click(0), back;
	char token[PR_TOKEN_URL_SIZE];
	pr_token_url(keys, &t, token);
	pr_buf_adds(&text, token);
	ck_assert_int_eq(read_text(&back), PR_EINVAL);
	pr_buf_addc(&text, '.');
	ck_assert_int_eq(read_text(&back), PR_EINVAL);
}
END_TEST

START_TEST(a_destination_has_a_bound)
{
	char longest[PR_LINK_MAX + 2] = "https://a.example/";
	struct pr_token t = click(0), back;
	memset(longest + 18, 'x', PR_LINK_MAX - 18);
	pr_click_write(keys, &t, pr_str(longest), &text);
	ck_assert_int_eq(read_text(&back), 0);
	ck_assert_uint_eq(url.len, PR_LINK_MAX);
	longest[PR_LINK_MAX] = 'x';
	pr_buf_clear(&text);
	pr_click_write(keys, &t, pr_str(longest), &text);
	ck_assert_int_lt(read_text(&back), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {sound_is_what_may_stand_in_a_header_and_hides_nothing, ROWS(urls)},
	    {a_link_of_the_campaign_is_its_number},
	    {a_link_from_data_brings_its_destination},
	    {no_octet_of_it_can_be_changed},
	    {a_destination_that_is_not_sound_is_refused_although_signed},
	    {link_0_without_a_destination_leads_nowhere},
	    {a_destination_has_a_bound},
	};
	return suite_run("message_link", setup, teardown, tests, ROWS(tests));
}
