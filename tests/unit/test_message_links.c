/* Links, pages and pixel in messages: what is rewritten, and to what. */
#include "message_help.h"
#include "suite.h"

#include "postrider/message/link.h"

#define TRACK "https://t.acme.example"
#define MANIFEST HEAD "subject: s\nhtml: body.html\ntext: body.txt\n"

static struct pr_buf text;

static void
begin(void)
{
	static const char *const secrets[] = {"a secret of the tests, long enough"};
	setup();
	tokens = pr_tokens_create("a", secrets);
}

static void
end(void)
{
	teardown();
	pr_tokens_unref(tokens);
	tokens = NULL;
	proof_to = NULL;
	pr_buf_finish(&text);
}

static void
must_compose(const char *yaml, const char *html, const char *plain)
{
	put_text("body.html", html);
	put_text("body.txt", plain);
	must_compile(yaml);
	ck_assert_msg(compose("ann@b.example", "Ann", "Lee", "https://data.example/?q=1") == 0,
	              "%s", failure.text);
}

/* Quoted-printable as text, from the octets' header on. */
static void
decode(void)
{
	pr_buf_clear(&text);
	for (size_t i = 0; i < octets.len; i++) {
		const char *p = octets.data + i;
		unsigned c;
		if (*p == '=' && p[1] == '\r')
			i += 2;
		else if (*p == '=' && sscanf(p + 1, "%2X", &c) == 1) {
			pr_buf_addc(&text, (char)c);
			i += 2;
		} else
			pr_buf_addc(&text, *p);
	}
}

/* Where the link behind `before` leads: "number URL" for one of the table, "0 URL". */
static const char *
destination(const char *before)
{
	static char out[PR_LINK_MAX + 20];
	struct pr_buf url = {0};
	struct pr_token t;
	size_t n, links_n;
	decode();
	const char *at = strstr(text.data, before);
	ck_assert_msg(at != NULL, "%s", text.data);
	at += strlen(before);
	if (strncmp(at, TRACK "/c/", strlen(TRACK "/c/")) != 0)
		return "as it is";
	at += strlen(TRACK "/c/");
	for (n = 0; pr_is_digit(at[n]) || pr_lower(at[n]) != at[n] || strchr("-_.", at[n]) ||
	            (at[n] >= 'a' && at[n] <= 'z');)
		n++;
	n -= at[n - 1] == '.'; /* of the sentence */
	ck_assert_int_eq(pr_click_read(tokens, pr_str_n(at, n), &t, &url), 0);
	ck_assert_uint_eq(t.campaign, proof_to ? 0 : 7);
	ck_assert_uint_eq(t.row, proof_to ? 0 : 12);
	const struct pr_state_link *links = pr_content_links(content, &links_n);
	for (size_t i = 0; i < links_n && t.link; i++)
		if (links[i].number == t.link)
			pr_buf_add_str(&url, links[i].url);
	snprintf(out, sizeof out, "%s %s", t.link ? "table" : "data", url.data ? url.data : "");
	pr_buf_finish(&url);
	return out;
}

static const struct {
	const char *yaml, *html, *leads; /* of the first href */
} cases[] = {
    {"", "<a href=\"https://a.example/\">x</a>", "table https://a.example/"},
    {"", "<a href=\"https://a.example/?x={{ first_name }}\">x</a>",
     "data https://a.example/?x=Ann"},
    {"", "<a href=\"{{ x }}\">x</a>", "data https://data.example/?q=1"},
    {"", "<a href=\"https://a.example/?a=1&amp;b=2\">x</a>", "table https://a.example/?a=1&b=2"},
    {"", "<a href=\"mailto:a@b.example\">x</a>", "as it is"},
    {"", "<a href=\"https://a.example/\" data-no-track>x</a>", "as it is"},
    {"", "<a href=\"" TRACK "/own\">x</a>", "as it is"},
    {"", "<a href=\"{{ unsubscribe_url }}\">x</a>", "as it is"},
    {"track: {clicks: false}\n", "<a href=\"https://a.example/\">x</a>", "as it is"},
    {"class: transactional\n", "<a href=\"https://a.example/\">x</a>", "as it is"},
    {"class: transactional\ntrack: {clicks: true}\n", "<a href=\"https://a.example/\">x</a>",
     "table https://a.example/"},
    {"track: {utm: {source: a b, medium: email}}\n", "<a href=\"https://a.example/\">x</a>",
     "table https://a.example/?utm_source=a%20b&utm_medium=email"},
    {"track: {utm: {source: a}}\n", "<a href=\"https://a.example/p?q=1#frag?x\">x</a>",
     "table https://a.example/p?q=1&utm_source=a#frag?x"},
    {"track: {utm: {source: a, medium: b}}\n",
     "<a href=\"https://a.example/?utm_medium=mine&x=utm_source\">x</a>",
     "table https://a.example/?utm_medium=mine&x=utm_source&utm_source=a"},
    {"track: {utm: {source: a}}\n", "<a href=\"https://a.example/?\">x</a>",
     "table https://a.example/?utm_source=a"},
    {"track: {utm: {source: a}}\n", "<a href=\"{{ x }}\">x</a>",
     "data https://data.example/?q=1&utm_source=a"},
    {"", "{% for i in (1..2) %}<a href=\"https://a.example/\">{{ i }}</a>{% endfor %}",
     "table https://a.example/"},
};

START_TEST(links_lead_through_us_to_where_they_led)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml, MANIFEST "%s", cases[_i].yaml);
	must_compose(yaml, cases[_i].html, "text");
	ck_assert_str_eq(destination("href=\""), cases[_i].leads);
}
END_TEST

START_TEST(links_of_markdown_are_in_the_table_too)
{
	put_text("body.md",
	         "See [this](https://a.example/?a=1&b=2) and [yours](https://b.example/{{ "
	         "row }}).\n");
	must_compile(HEAD "subject: s\nhtml: body.md\n");
	ck_assert_int_eq(compose("ann@b.example", "Ann", "Lee", ""), 0);
	ck_assert_str_eq(destination("See <a href=\""), "table https://a.example/?a=1&b=2");
	ck_assert_str_eq(destination("and <a href=\""), "data https://b.example/12");
}
END_TEST

START_TEST(links_of_the_text_only_where_it_is_asked_for)
{
	static const char plain[] = "Go to https://a.example/x. Or (https://a.example/y?z)!\n"
				    "https://a.example/(w) http://\n";
	must_compose(MANIFEST, "<p>x</p>", plain);
	ck_assert_str_eq(destination("Go to "), "as it is");
	pr_content_unref(content);
	content = NULL;
	pr_manifest_destroy(manifest);
	must_compose(MANIFEST "track: {text: true}\n", "<p>x</p>", plain);
	ck_assert_str_eq(destination("Go to "), "table https://a.example/x");
	ck_assert_str_eq(destination("Or ("), "table https://a.example/y?z");
	ck_assert_ptr_nonnull(strstr(text.data, ")!\r\n"));
	ck_assert_str_eq(destination(")!\r\n"), "table https://a.example/(w)");
}
END_TEST

START_TEST(links_of_a_proof_lead_there_and_name_nobody)
{
	proof_to = "boss@acme.example";
	must_compose(MANIFEST, "<a href=\"https://a.example/\">x</a>", "text");
	ck_assert_str_eq(destination("href=\""), "data https://a.example/");
}
END_TEST

/* ---- pixel and pages ---- */

static unsigned
times(const char *what)
{
	unsigned n = 0;
	decode();
	for (const char *p = text.data; (p = strstr(p, what)); p++)
		n++;
	return n;
}

START_TEST(pixel_stands_before_the_end_of_the_body)
{
	must_compose(MANIFEST, "<body><p>x</p></body></html>\n", "text");
	ck_assert_uint_eq(times("<img src=\"" TRACK "/o/"), 1);
	ck_assert_uint_eq(times("border:0\"></body></html>"), 1);
}
END_TEST

static const struct {
	const char *yaml, *x;
	unsigned pixels;
} consents[] = {
    {"", "no", 1},
    {"track: {opens: false}\n", "yes", 0},
    {"class: transactional\n", "yes", 0},
    {"track: {consent: x}\n", "yes", 1},
    {"track: {consent: x}\n", " TRUE", 1},
    {"track: {consent: x}\n", "1", 1},
    {"track: {consent: x}\n", "0", 0},
    {"track: {consent: x}\n", "", 0},
    {"track: {consent: x}\n", "yes please", 0},
};

START_TEST(pixel_only_for_who_consents)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml, MANIFEST "%s", consents[_i].yaml);
	put_text("body.html", "<p>x</p>");
	put_text("body.txt", "x");
	must_compile(yaml);
	ck_assert_int_eq(compose("ann@b.example", "", "", consents[_i].x), 0);
	ck_assert_uint_eq(times("<img"), consents[_i].pixels);
}
END_TEST

START_TEST(consent_of_a_column_that_is_not_there_is_told)
{
	put_text("body.html", "<p>x</p>");
	put_text("body.txt", "x");
	ck_assert_int_eq(compile(MANIFEST "track: {consent: may}\n"), PR_EINVAL);
	pr_problems_text(&problems, &text);
	ck_assert_ptr_nonnull(
	    strstr(text.data, "track.consent: the recipients have no column \"may\""));
}
END_TEST

START_TEST(one_click_is_exactly_what_rfc_8058_asks_for)
{
	must_compose(MANIFEST, "<p>{{ unsubscribe_url }}</p>", "{{ unsubscribe_mailto }}");
	ck_assert_uint_eq(times("List-Unsubscribe: <" TRACK "/u/"), 1);
	ck_assert_uint_eq(
	    times(">,\r\n <mailto:unsubscribe@mail.acme.example?subject=unsubscribe%20"), 1);
	ck_assert_uint_eq(times("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), 1);
	ck_assert_uint_eq(times("<p>" TRACK "/u/"), 1);
	ck_assert_uint_eq(
	    times("\r\n\r\nmailto:unsubscribe@mail.acme.example?subject=unsubscribe%20"), 1);
}
END_TEST

START_TEST(honeypot_is_a_link_that_nobody_sees)
{
	struct pr_buf none = {0};
	struct pr_token t;
	honeypot = true;
	must_compose(MANIFEST, "<body>x</body>", "text");
	ck_assert_uint_eq(times("style=\"display:none\""), 1);
	const char *at =
	    strstr(text.data, "<a href=\"" TRACK "/c/") + strlen("<a href=\"" TRACK "/c/");
	ck_assert_int_eq(pr_click_read(tokens, pr_str_n(at, strcspn(at, "\"")), &t, &none), 0);
	ck_assert_uint_eq(t.link, PR_LINK_HONEYPOT);
	ck_assert_uint_eq(t.row, 12);
	honeypot = false;
}
END_TEST

START_TEST(link_that_shows_a_url_is_warned_of)
{
	must_compose(MANIFEST, "<p><a href=\"https://a.example/\">\n https://a.example/</a></p>\n",
	             "x");
	pr_problems_text(&problems, &text);
	ck_assert_ptr_nonnull(strstr(text.data, "body.html:1: warning: a link shows one URL"));
	pr_content_unref(content);
	content = NULL;
	pr_manifest_destroy(manifest);
	pr_problems_finish(&problems);
	pr_buf_clear(&text);
	must_compose(MANIFEST,
	             "<a data-no-track href=\"https://a.example/\">https://a.example/</a>", "x");
	pr_problems_text(&problems, &text);
	ck_assert_ptr_null(text.len ? strstr(text.data, "shows one URL") : NULL);
}
END_TEST

START_TEST(without_a_secret_it_is_as_it_was)
{
	pr_tokens_unref(tokens);
	tokens = NULL;
	must_compose(MANIFEST,
	             "<a href=\"https://a.example/\">{{ unsubscribe_url }}</a>{{ view_url }}|",
	             "text");
	ck_assert_str_eq(destination("href=\""), "as it is");
	ck_assert_uint_eq(times("List-Unsubscribe-Post"), 0);
	ck_assert_uint_eq(times("List-Unsubscribe: <mailto:"), 1);
	ck_assert_uint_eq(times("\">mailto:unsubscribe@mail.acme.example?subject=unsubscribe%20"),
	                  1);
	ck_assert_uint_eq(times("</a>|"), 1);
	pr_buf_clear(&text);
	pr_problems_text(&problems, &text);
	ck_assert_ptr_nonnull(strstr(text.data, "view_url is empty: there are no pages"));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {links_lead_through_us_to_where_they_led, ROWS(cases)},
	    {links_of_markdown_are_in_the_table_too},
	    {links_of_the_text_only_where_it_is_asked_for},
	    {links_of_a_proof_lead_there_and_name_nobody},
	    {pixel_stands_before_the_end_of_the_body},
	    {pixel_only_for_who_consents, ROWS(consents)},
	    {consent_of_a_column_that_is_not_there_is_told},
	    {one_click_is_exactly_what_rfc_8058_asks_for},
	    {honeypot_is_a_link_that_nobody_sees},
	    {link_that_shows_a_url_is_warned_of},
	    {without_a_secret_it_is_as_it_was},
	};
	return suite_run("message_links", begin, end, tests, ROWS(tests));
}
