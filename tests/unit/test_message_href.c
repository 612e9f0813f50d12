/* Links of HTML: where they are, and where they lead. */
#include "suite.h"

#include "../../src/message/href.h"

static struct pr_buf text;

static void
teardown(void)
{
	pr_buf_finish(&text);
}

/* Each link's value in brackets, untracked ones with a '!'. */
static const char *
links_of(const char *html)
{
	struct pr_href_scan scan = {.html = pr_str(html)};
	struct pr_href h;
	pr_buf_clear(&text);
	pr_buf_adds(&text, "");
	while (pr_href_next(&scan, &h))
		pr_buf_addf(&text, "%s[%.*s]", h.untracked ? "!" : "", (int)h.value.n, h.value.p);
	return text.len ? text.data : "";
}

static const struct {
	const char *html, *links;
} pages[] = {
    {"", ""},
    {"no markup, a < b", ""},
    {"<a href=\"https://a/\">x</a>", "[https://a/]"},
    {"<A HREF='https://a/'>", "[https://a/]"},
    {"<a href=https://a/x>y", "[https://a/x]"},
    {"<a href=https://a/ class=b>y", "[https://a/]"},
    {"<a\n\thref = \"https://a/\"\n>", "[https://a/]"},
    {"<a/href=\"https://a/\">", "[https://a/]"},
    {"<a class=\"x>y\" href=\"https://a/\">", "[https://a/]"},
    {"<a title='it is \"x\"' href=\"https://a/\">", "[https://a/]"},
    {"<area shape=rect href=\"https://m/\"><a href=\"https://n/\">", "[https://m/][https://n/]"},
    {"<a name=x><a href=\"\"><a href><a href=\"b\">", "[][][b]"},
    {"<a href=\"1\" href=\"2\">", "[1]"},
    {"<abbr href=\"no\"><address href=no><link href=\"no\"><img src=\"no\">", ""},
    {"<img alt=\"<a href='no'>\"><a href=\"yes\">", "[yes]"},
    {"<!-- <a href=\"no\"> --><a href=\"yes\">", "[yes]"},
    {"<!--[if mso]><a href=\"no\"><![endif]--><a href=\"yes\">", "[yes]"},
    {"<!--[if !mso]><!--><a href=\"yes\"><!--<![endif]-->", "[yes]"},
    {"<!-- no end <a href=\"no\">", ""},
    {"<style>a > b {} <a href=\"no\"></style><a href=\"yes\">", "[yes]"},
    {"<script>var x = '<a href=\"no\">'</script><a href=\"yes\">", "[yes]"},
    {"<script>no end <a href=\"no\">", ""},
    {"<title><a href=\"no\"></TITLE ><a href=\"yes\">", "[yes]"},
    {"<a href=\"x\" data-no-track><a data-no-track=\"\" href=y><a href=z>", "![x]![y][z]"},
    {"<a clicktracking=off href=\"x\"><a clicktracking=\"on\" href=\"y\">", "![x][y]"},
    {"</a href=\"no\"><?a href=\"no\"?><!a href=\"no\">", ""},
    {"<a href=\"https://a/\"", "[https://a/]"},
    {"<a href=\"https://a/", "[https://a/]"},
    {"<a href=\"https://a/?x={{ y }}\">", "[https://a/?x={{ y }}]"},
    {"<", ""},
    {"<a", ""},
    {"<a ", ""},
};

START_TEST(links_are_where_a_browser_finds_them)
{
	ck_assert_str_eq(links_of(pages[_i].html), pages[_i].links);
}
END_TEST

START_TEST(the_tag_ends_where_it_says)
{
	struct pr_href_scan scan = {.html = PR_STR("x<a href='1>2'>y</a>")};
	struct pr_href h;
	ck_assert(pr_href_next(&scan, &h));
	ck_assert_uint_eq(h.tag_end, 15);
	ck_assert_uint_eq(scan.at, 15);
}
END_TEST

static const struct {
	const char *value, *url; /* NULL: left alone */
} values[] = {
    {"https://a.example/", "https://a.example/"},
    {"  https://a.example/ \n", "https://a.example/"},
    {"HTTP://A.example", "HTTP://A.example"},
    {"https://a.example/?a=1&amp;b=2&c=3#x&amp;y", "https://a.example/?a=1&b=2&c=3#x&y"},
    {"https://a.example/?a&#38;b&#x26;c&#x26d", "https://a.example/?a&b&c%C9%AD"},
    {"https://a.example/?copy=1&copy=2", "https://a.example/?copy=1&copy=2"},
    {"https://a.example/?a=1&amp=2", "https://a.example/?a=1&amp=2"},
    {"https://a.example/?&eacute;", NULL},
    {"https://a.example/a b\"c<d>|{}", "https://a.example/a%20b%22c%3Cd%3E%7C%7B%7D"},
    {"https://a.example/%20%zz", "https://a.example/%20%zz"},
    {"https://a.exam\nple/\tx", "https://a.example/x"},
    {"https://a.example/\xC3\xBC?\xE4\xBD\xA0#\xC3\xA9",
     "https://a.example/%C3%BC?%E4%BD%A0#%C3%A9"},
    {"https://b\xC3\xBC"
     "cher.example/x",
     "https://xn--bcher-kva.example/x"},
    {"https://a.example/&#0;", "https://a.example/%EF%BF%BD"},
    {"https://a.example/&#x110000;", "https://a.example/%EF%BF%BD"},
    {"https://a.example/&#99999999999999999999;", "https://a.example/%EF%BF%BD"},
    {"https://a.example/&#;&#x;", "https://a.example/&#;&#x;"},
    {"&#104;ttps://a.example/", "https://a.example/"},
    {"mailto:a@b.example", NULL},
    {"tel:+123", NULL},
    {"sms:123", NULL},
    {"cid:logo.png", NULL},
    {"#top", NULL},
    {"/relative", NULL},
    {"//a.example/", NULL},
    {"javascript:alert(1)", NULL},
    {"https:a.example", NULL},
    {"https:\\\\a.example\\", NULL},
    {"https://user@a.example/", NULL},
    {"https:///x", NULL},
    {"", NULL},
};

START_TEST(urls_are_what_a_browser_would_go_to)
{
	pr_buf_clear(&text);
	pr_buf_adds(&text, "=");
	bool good = pr_href_url(pr_str(values[_i].value), &text);
	ck_assert_int_eq(good, values[_i].url != NULL);
	ck_assert_str_eq(text.data + 1, good ? values[_i].url : "");
}
END_TEST

START_TEST(body_ends_at_its_last_end_tag)
{
	ck_assert_uint_eq(pr_html_body_end(PR_STR("<body></body></html>")), 6);
	ck_assert_uint_eq(pr_html_body_end(PR_STR("a</BODY >b</bod")), 1);
	ck_assert_uint_eq(pr_html_body_end(PR_STR("x<!--</body>-->y</body>")), 16);
	ck_assert_uint_eq(pr_html_body_end(PR_STR("nothing")), 7);
	ck_assert_uint_eq(pr_html_body_end(PR_STR("")), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {links_are_where_a_browser_finds_them, ROWS(pages)},
	    {the_tag_ends_where_it_says},
	    {urls_are_what_a_browser_would_go_to, ROWS(values)},
	    {body_ends_at_its_last_end_tag},
	};
	return suite_run("message_href", NULL, teardown, tests, ROWS(tests));
}
