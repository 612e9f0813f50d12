/* The picture of a message: what stays of it, what its links carry, and that it can do nothing. */
#include "message_help.h"
#include "suite.h"

#include "postrider/message/picture.h"
#include "postrider/message/token.h"

static struct pr_buf page;
static struct pr_picture_link links[3];
static struct pr_picture picture;

static void
begin(void)
{
	setup();
	picture = (struct pr_picture){.dir = dir,
	                              .columns = columns,
	                              .columns_n = 4,
	                              .links = links,
	                              .cold = "0 %",
	                              .utc_ms = NOW};
	memset(links, 0, sizeof links);
}

static void
end(void)
{
	pr_buf_finish(&page);
	teardown();
}

static void
read_manifest(const char *yaml)
{
	put_text("campaign.yaml", yaml);
	ck_assert_int_eq(pr_manifest_load(dir, "test", &problems, &manifest), 0);
	picture.manifest = manifest;
}

static const char *
paint(const char *html)
{
	struct pr_error e = {0};
	put_text("body.html", "x");
	read_manifest(HEAD "subject: s\n");
	int r = pr_picture_of_html(&picture, pr_str(html), &page, &e);
	ck_assert_msg(r == 0, "%s", e.text);
	return page.data;
}

static void
shows(const char *text)
{
	ck_assert_msg(strstr(page.data, text) != NULL, "no %s in\n%s", text, page.data);
}

static void
lacks(const char *text)
{
	ck_assert_msg(strstr(page.data, text) == NULL, "%s in\n%s", text, page.data);
}

/* What is written, and what must not come out of it. */
static const struct {
	const char *html, *not_there;
} hostile[] = {
    {"<script>alert(1)</script>", "alert"},
    {"<svg onload=alert(1)><script>alert(1)</script></svg>", "alert"},
    {"<p onclick=\"alert(1)\">x</p>", "alert"},
    {"<img src=x onerror=alert(1)>", "alert"},
    {"<iframe src=\"https://e.example\"></iframe>", "e.example"},
    {"<meta http-equiv=refresh content=\"0;https://e.example\">", "e.example"},
    {"<base href=\"https://e.example\">", "e.example"},
    {"<link rel=preconnect href=\"https://e.example\">", "e.example"},
    {"<form action=\"https://e.example\"><input name=a><button>go</button></form>", "e.example"},
    {"<img src=\"https://e.example/i.png\" srcset=\"https://e.example/2.png 2x\">", "e.example"},
    {"<table background=\"https://e.example/b.png\"><tr><td>x</table>", "e.example"},
    {"<a href=\"https://e.example/a\">x</a>", "e.example"},
    {"<a href=\"javascript:alert(1)\">x</a>", "alert"},
    {"<video src=\"https://e.example/v\"></video>", "e.example"},
    {"<object data=\"https://e.example/o\"></object>", "e.example"},
    {"<math><mtext><script>alert(1)</script></mtext></math>", "alert"},
    {"<p title='\"><script>alert(1)</script>'>x</p>", "<script"},
    {"&lt;script&gt;alert(1)&lt;/script&gt;", "<script"},
    {"<style>a{}</style><noscript><img src=https://e.example></noscript>", "e.example"},
    {"<img src=\"cid:../secret.png\">", "cid:"},
    {"<x-y onclick=alert(1)>text</x-y>", "alert"},
    {"<!--[if mso]><a href=\"https://e.example\">x</a><![endif]-->", "e.example"},
};

START_TEST(nothing_of_it_can_act_or_load)
{
	paint(hostile[_i].html);
	lacks(hostile[_i].not_there);
	shows("</body></html>");
}
END_TEST

START_TEST(what_lays_it_out_stays)
{
	paint("<html lang=pt><head><style>.b{color:red}</style><title>t</title></head>"
	      "<body bgcolor=\"#eee\" style=\"margin:0\"><table width=\"600\" align=center><tr>"
	      "<td style=\"padding:9px\"><b>Caf\xC3\xA9</b> &amp; more</table></body>");
	shows("lang=\"pt\"");
	shows("<style>.b{color:red}</style>");
	shows("<body bgcolor=\"#eee\" style=\"margin:0\">");
	shows("<table width=\"600\" align=\"center\">");
	shows("<td style=\"padding:9px\"><b>Caf\xC3\xA9</b> &amp; more");
}
END_TEST

/* The number as sending gives it. */
static uint32_t
number_of(const char *yaml, const char *url)
{
	static const char *const secrets[] = {"0123456789abcdef0123456789abcdef"};
	size_t n;
	tokens = pr_tokens_create("a", secrets);
	must_compile(yaml);
	const struct pr_state_link *table = pr_content_links(content, &n);
	uint32_t number = 0;
	for (size_t i = 0; i < n; i++)
		if (pr_str_is(table[i].url, url))
			number = table[i].number;
	pr_tokens_unref(tokens);
	tokens = NULL;
	pr_content_unref(content);
	content = NULL;
	pr_manifest_destroy(manifest);
	manifest = NULL;
	ck_assert_uint_ne(number, 0);
	return number;
}

START_TEST(each_link_carries_its_mark_and_a_link_of_the_rows_their_own)
{
	static const char yaml[] = HEAD "subject: s\ntrack: {clicks: true, utm: {source: n}}\n";
	struct pr_error e = {0};
	put_text("body.html", "<p>Dear {{ first_name | default: 'friend' }}</p>"
	                      "<a class=big href=\"https://a.example/one?x=1&amp;y=2\">One</a>"
	                      "<a href=\"https://a.example/two\">Two</a>"
	                      "<a href=\"https://a.example/{{ x }}\">Mine</a>"
	                      "<a href=\"mailto:us@a.example\">Write</a>");
	links[0] = (struct pr_picture_link){
	    number_of(yaml, "https://a.example/one?x=1&y=2&utm_source=n"), 1, "12.5 %"};
	links[1] = (struct pr_picture_link){0, 0.1, "3 % <personal>"};
	picture.links_n = 2;
	read_manifest(yaml);
	int r = pr_picture_make(&picture, &page, &e);
	ck_assert_msg(r == 0, "%s", e.text);
	shows("Dear \xE2\x80\xB9"
	      "first_name\xE2\x80\xBA");
	shows("<a class=\"pr-link big\"");
	shows(">One<span class=\"pr-mark\"");
	shows(">12.5 %</span></a>");
	shows(">0 %</span></a>"); /* Two */
	shows(">3 % &lt;personal&gt;</span></a>");
	shows("Write</body>"); /* nobody follows it */
	lacks("href");
}
END_TEST

START_TEST(images_of_the_folder_are_in_it_and_others_are_boxes)
{
	static const char png[] = "\x89PNG not really";
	ck_assert_int_eq(mkdirat(dir, "images", 0755), 0);
	put("images/logo.png", png, sizeof png - 1);
	put_text("images/page.svg", "<svg/>");
	paint("<img src=\"cid:logo.png\" alt=\"Logo\" width=\"40\">"
	      "<img src=\"cid:page.svg\" alt=\"Vector\">"
	      "<img src=\"https://a.example/x.png\" width=\"600\" height=\"200\" alt=\"Sale\">"
	      "<img src=\"https://a.example/o.gif\" width=1 height=1>");
	shows("<img src=\"data:image/png;base64,iVBORyBub3QgcmVhbGx5\" alt=\"Logo\" width=\"40\">");
	shows(">Vector</span>");
	shows("style=\"width:600px;height:200px;line-height:198px;\">Sale</span>");
	lacks("o.gif");
	lacks("a.example");
}
END_TEST

START_TEST(what_is_too_large_or_has_no_html_is_said)
{
	struct pr_error e = {0};
	struct pr_buf large = {0};
	while (large.len <= PR_PICTURE_SIZE_MAX)
		pr_buf_adds(&large, "<p>much</p>");
	put_text("body.txt", "Hello");
	read_manifest(HEAD "subject: s\ntext: body.txt\n");
	ck_assert_int_eq(pr_picture_of_html(&picture, pr_buf_str(&large), &page, &e), PR_ELIMIT);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 300 KB"));
	ck_assert_int_eq(pr_picture_make(&picture, &page, &e), PR_EUNAVAILABLE);
	ck_assert_str_eq(e.text, "the message has no HTML");
	ck_assert_uint_eq(page.len, 0);
	pr_buf_finish(&large);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {nothing_of_it_can_act_or_load, ROWS(hostile)},
	    {what_lays_it_out_stays},
	    {each_link_carries_its_mark_and_a_link_of_the_rows_their_own},
	    {images_of_the_folder_are_in_it_and_others_are_boxes},
	    {what_is_too_large_or_has_no_html_is_said},
	};
	return suite_run("message_picture", begin, end, tests, ROWS(tests));
}
