/* Text from HTML, and from templates of HTML. */
#include "../../src/message/html_text.h"
#include "suite.h"

#include <stdlib.h>

static struct pr_buf out;

static const struct {
	const char *html, *want;
} cases[] = {
    {"Hello <b>you</b>!", "Hello you!\n"},
    {"<p>One</p>\n<p>Two<br>three</p>", "One\n\nTwo\nthree\n"},
    {"<h1>Sale</h1><div>a</div><div>b</div>", "Sale\n\na\nb\n"},
    {"a  \n\t b<span> c </span>d", "a b c d\n"},
    {"5 &lt; 6 &amp; 7 &eacute; &#x4E2D;", "5 < 6 & 7 \xC3\xA9 \xE4\xB8\xAD\n"},
    {"<a href=\"https://x.example/?a=1&amp;b=2\">Shop</a> now",
     "Shop (https://x.example/?a=1&b=2) now\n"},
    {"<a href='https://x.example/'>https://x.example/</a>", "https://x.example/\n"},
    {"<a href='mailto:a@b.example'>a@b.example</a>, <a href='mailto:a@b.example'>us</a>",
     "a@b.example, us (a@b.example)\n"},
    {"<a href='#top'>up</a> <a name=x>here</a>", "up here\n"},
    {"<a href='https://x.example/'><img src=y></a>", "https://x.example/\n"},
    {"<a href='https://x.example/'><img src=y alt='Our shop'></a>",
     "Our shop (https://x.example/)\n"},
    {"<ul><li>one<li>two<ul><li>in</ul></ul>after", "* one\n* two\n- in\n\nafter\n"},
    {"<ol><li><p>one</p><li>two</ol>", "1. one\n\n2. two\n"},
    {"<table><tr><td>Tea<br>green<td>3<tr><td>Mug<td>4</table>", "Tea\ngreen\n3\nMug 4\n"},
    {"<table><tr><th>Item<th>Price<tr><td>Tea<td>3</table>", "Item Price\nTea 3\n"},
    {"<html><head><title>T</title><style>p{}</style></head><body>x<script>y</script></body></html>",
     "x\n"},
    {"<div style='display: none; max-height:0'>pre&zwnj;</div><p hidden>q</p>x", "x\n"},
    {"<!--[if mso]>Outlook<![endif]--><!--[if !mso]><!-->rest<!--<![endif]-->", "rest\n"},
    {"a<hr>b", "a\n\n--------\n\nb\n"},
    {"&nbsp;&#8203;&shy;x&nbsp;y", "x y\n"},
    {"<pre>a\n  b\n\n\n\nc</pre>", "a\nb\n\nc\n"},
    {"{{ x }} {% y %}", "{{ x }} {% y %}\n"},
    {"", ""},
    {"<div><br></div> <p></p>", ""},
};

START_TEST(text_of_html_reads_as_people_write)
{
	pr_buf_clear(&out);
	ck_assert_int_eq(pr_html_text(pr_str(cases[_i].html), &out, NULL), 0);
	pr_text_tidy(&out);
	ck_assert_str_eq(out.len ? out.data : "", cases[_i].want);
}
END_TEST

static const struct {
	const char *html, *want; /* NULL: must decline */
} template_cases[] = {
    {"<p>Hi {{ name }},</p>", "Hi {{ name }},"},
    {"<p>{{ a }}</p><p>{{- b -}}</p>", "{{ a }}\n\n{{ b }}"},
    {"<a href=\"{{ url }}?x=1&amp;y={{ y }}\">Go</a>", "Go ({{ url }}?x=1&y={{ y }})"},
    {"<a href={{ url }}>{{ url }}</a>", "{{ url }}"},
    {"<a href=\"{% if a %}x{% else %}y{% endif %}\">Go</a>",
     "Go ({% if a %}x{% else %}y{% endif %})"},
    {"<table>{% for i in items %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>",
     "{% for i in items %}\n{{ i }}\n{% endfor %}"},
    {"<ol>{% for i in x %}<li>{{ i }}</li>{% endfor %}</ol>",
     "{% for i in x %}\n* {{ i }}\n{% endfor %}"},
    {"<head>{% assign x = 1 %}<title>{{ x }}</title></head>{{ x }}", "{% assign x = 1 %}{{ x }}"},
    {"<style>{% if a %}p{}{% endif %}</style>b", "{% if a %}{% endif %}b"},
    {"a{% comment %}<b>{{ x }}{% endcomment %}b", "ab"},
    {"<td {% if a %}class=\"x\"{% endif %}>b</td>", "b"},
    {"<td class=\"{% if a %}x{% endif %}\">b</td>", "b"},
    {"<img alt=\"{{ who }}\">", "{{ who }}"},
    {"&#123;{ x }} { y }", "{{ '{' }}{ x }} { y }"},
    {"<!-- {{ x }} {% assign y = 2 %} -->z", "{% assign y = 2 %}z"},
    {"a {% if x %}b{% endif %} c", "a {% if x %}b{% endif %} c"},
    {"<p>{{ x | default: '<b>' }}</p>", "{{ x | default: '<b>' }}"},
    {"{% raw %}{{ x }}{% endraw %}", NULL},
    {"{{ x | raw }}", NULL},
    {"{{ x | upcase | newline_to_br }}", NULL},
    {"<a {% if x %}href=\"a\"{% else %}href=\"b\"{% endif %}>c</a>", NULL},
    {"<td {% if a %}>b</td>{% endif %}", NULL},
    {"<h{{ n }}>x</h{{ n }}>", NULL},
    {"{% autoescape false %}{{ x }}{% endautoescape %}", NULL},
    {"<body>a</body>{% if x %}late{% endif %}", NULL},
    {"<div style=\"{% assign x = 1 %}\">{{ x }}</div>", NULL},
    {"\xF4\x8F\xBF\xB0"
     "0",
     NULL},
    {"{{ open", NULL},
};

static void
show_wishes(void) /* those of text_tidy.h as the line ends they ask for */
{
	struct pr_buf shown = {0};
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] == '\x1D')
			pr_buf_addc(&shown, '\n');
		else if (out.data[i] != '\x1E')
			pr_buf_addc(&shown, out.data[i]);
	pr_buf_clear(&out);
	pr_buf_add_str(&out, pr_buf_str(&shown));
	pr_buf_finish(&shown);
}

START_TEST(template_keeps_its_code_or_is_declined)
{
	struct pr_error e = {0};
	pr_buf_clear(&out);
	pr_buf_adds(&out, "");
	int result = pr_html_text_template(pr_str(template_cases[_i].html), &out, &e);
	if (template_cases[_i].want) {
		ck_assert_msg(result == 0, "declined: %s", e.text);
		show_wishes();
		struct pr_str got = pr_str_trim(pr_buf_str(&out));
		ck_assert_msg(pr_str_is(got, template_cases[_i].want), "got %.*s", (int)got.n,
		              got.p);
	} else {
		ck_assert_msg(result == PR_EUNAVAILABLE, "accepted: %s", out.data);
		ck_assert_uint_eq(out.len, 0);
		ck_assert(e.text[0]);
	}
}
END_TEST

START_TEST(hostile_html_is_refused_before_it_is_parsed)
{
	struct pr_buf html = {0};
	struct pr_error e;
	for (int i = 0; i < 100000; i++)
		pr_buf_adds(&html, "<div>");
	pr_buf_clear(&out);
	ck_assert_int_eq(pr_html_text(pr_buf_str(&html), &out, &e), PR_ELIMIT);
	pr_buf_clear(&html);
	for (int i = 0; i < 900; i++)
		pr_buf_addf(&html, "<font size=%d>", i);
	for (int i = 0; i < 10000; i++)
		pr_buf_adds(&html, "<p>x");
	ck_assert_int_eq(pr_html_text(pr_buf_str(&html), &out, &e), PR_ELIMIT);
	pr_buf_finish(&html);
}
END_TEST

START_TEST(tidy_trims_lines_and_keeps_one_blank_line)
{
	pr_buf_clear(&out);
	pr_buf_adds(&out, "\n\n  a  b\t c \r\n \n\n\nlong enough to be read in eights  x  \n\n");
	pr_text_tidy(&out);
	ck_assert_str_eq(out.data, "a b c\n\nlong enough to be read in eights x\n");
	pr_buf_clear(&out);
	pr_buf_adds(&out, "\n\x1E"
	                  "a\n\x1E \n\x1E"
	                  "b\n\x1E\n\x1D\n\x1E"
	                  "c\n\x1E\nd");
	pr_text_tidy(&out);
	ck_assert_str_eq(out.data, "a\nb\n\nc\n\nd\n");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {text_of_html_reads_as_people_write, ROWS(cases)},
	    {template_keeps_its_code_or_is_declined, ROWS(template_cases)},
	    {hostile_html_is_refused_before_it_is_parsed},
	    {tidy_trims_lines_and_keeps_one_blank_line},
	};
	int failed = suite_run("message_html_text", NULL, NULL, tests, ROWS(tests));
	pr_buf_finish(&out);
	return failed;
}
