/* Editions in messages: languages by row, bodies in Markdown. */
#include "message_help.h"

#define BY_X "language: {column: x, fallback: en}\n"

/* ---- languages ---- */

static void
must_compose_for(const char *language)
{
	ck_assert_msg(compose("a@b.example", "Ada", "", language) == 0, "%s", failure.text);
}

START_TEST(each_row_gets_the_edition_of_its_language)
{
	put_text("body.html", "<p>Hello {{ first_name }}</p>");
	put_text("body.de.html", "<p>Hallo {{ first_name }}</p>");
	put_text("body.zh.txt",
	         "Ni hao {{ first_name }} {{ 1 | money: 'CNY', locale: language }}\n");
	must_compile(HEAD BY_X "subject: {en: Hi, de: \"Moin {{ first_name }}\", zh: Ni}\n"
	                       "preheader: {de: vorab}\n");
	ck_assert_uint_eq(problems.n, 0);
	must_compose_for("en");
	CK_HAS("Subject: Hi\r\n");
	CK_HAS("Content-Language: en\r\n");
	CK_HAS("<p>Hello Ada</p>");
	ck_assert(!has("vorab"));
	must_compose_for("de-AT");
	CK_HAS("Subject: Moin Ada\r\n");
	CK_HAS("Content-Language: de\r\n");
	CK_HAS("<p>Hallo Ada</p>");
	CK_HAS("vorab");
	must_compose_for("ZH_tw");
	CK_HAS("Subject: Ni\r\n");
	CK_HAS("Content-Type: text/plain");
	CK_HAS("Ni hao Ada =C2=A51.00");
	ck_assert(!has("text/html"));
	must_compose_for("");
	CK_HAS("Subject: Hi\r\n");
}
END_TEST

static int
compose_variant(unsigned wanted, const char *language)
{
	variant = wanted;
	int r = compose("a@b.example", "Ada", "", language);
	variant = 0;
	return r;
}

START_TEST(each_variant_has_what_it_says_and_else_the_campaign_s)
{
	put_text("body.html", "<p>Hello</p>");
	put_text("body.de.html", "<p>Hallo</p>");
	put_text("loud.html", "<p>HELLO</p>");
	put_text("loud.de.html", "<p>HALLO</p>");
	must_compile(HEAD BY_X
	             "subject: {en: Hi, de: Moin}\n"
	             "variants:\n"
	             "  plain: {}\n"
	             "  loud: {subject: \"{{ first_name | upcase }}!\", html: loud.html}\n"
	             "  ann: {from: \"Ann <ann@mail.acme.example>\"}\n");
	ck_assert_uint_eq(problems.n, 0);
	ck_assert_int_eq(compose_variant(1, "de"), 0);
	CK_HAS("Subject: Moin\r\n");
	CK_HAS("<p>Hallo</p>");
	ck_assert_int_eq(compose_variant(2, "de"), 0);
	CK_HAS("Subject: ADA!\r\n");
	CK_HAS("<p>HALLO</p>");
	ck_assert(!has("From: \"Ann") && !has("From: Ann"));
	ck_assert_int_eq(compose_variant(2, "en"), 0);
	CK_HAS("<p>HELLO</p>");
	ck_assert_int_eq(compose_variant(3, "en"), 0);
	CK_HAS("From: Ann <ann@mail.acme.example>\r\n");
	CK_HAS("<p>Hello</p>");
	ck_assert_int_eq(compose_variant(0, "en"), 0); /* nobody chose: the first */
	CK_HAS("Subject: Hi\r\n");
}
END_TEST

START_TEST(bodies_that_languages_share_are_told_of_once)
{
	put_text("body.html", "<p>{{ nobody_has_this }}</p>");
	put_text("body.txt", "x");
	must_compile(HEAD BY_X "subject: {en: \"{{ nor_this }}\", de: b, fr: c}\n");
	ck_assert_uint_eq(problems.n, 2);
	must_compose_for("fr");
	CK_HAS("Subject: c\r\n");
}
END_TEST

START_TEST(each_language_shows_its_own_images_and_all_get_the_attachments)
{
	mkdirat(dir, "images", 0755);
	mkdirat(dir, "partials", 0755);
	mkdirat(dir, "attachments", 0755);
	put_text("images/en.png", "e");
	put_text("images/de.png", "d");
	put_text("images/logo.png", "l");
	put_text("images/none.png", "n");
	put_text("attachments/a.pdf", "pdf");
	put_text("partials/logo.liquid", "<img src=\"cid:logo.png\">");
	put_text("body.html", "<img src=\"cid:en.png\">{% render 'logo' %}");
	put_text("body.de.html", "<img src=\"cid:de.png\">{% render 'logo' %}");
	must_compile(HEAD BY_X "subject: s\n");
	ck_assert_ptr_nonnull(strstr(problem("no body names this image")->file, "none.png"));
	must_compose_for("en");
	CK_HAS("Content-ID: <en.png@");
	CK_HAS("Content-ID: <logo.png@");
	ck_assert(!has("Content-ID: <de.png@"));
	CK_HAS("filename=\"a.pdf\"");
	must_compose_for("de");
	CK_HAS("Content-ID: <de.png@");
	CK_HAS("Content-ID: <logo.png@");
	ck_assert(!has("Content-ID: <en.png@"));
	CK_HAS("filename=\"a.pdf\"");
}
END_TEST

START_TEST(an_error_names_the_body_of_its_language)
{
	put_text("body.html", "ok");
	put_text("body.de.html", "\n {% if %}");
	ck_assert_int_eq(compile(HEAD BY_X "subject: s\n"), PR_EINVAL);
	ck_assert_str_eq(problems.items[0].file, "body.de.html");
	ck_assert_uint_eq(problems.items[0].line, 2);
}
END_TEST

START_TEST(a_column_that_is_not_there_is_told_with_the_nearest)
{
	put_text("body.html", "x");
	ck_assert_int_eq(compile(HEAD "language: {column: frst_name, fallback: en}\nsubject: s\n"),
	                 PR_EINVAL);
	const struct pr_problem *p =
	    problem("language.column: the recipients have no column \"frst_name\"");
	ck_assert_uint_eq(p->line, 3);
	ck_assert_str_eq(p->remedy, "did you mean first_name?");
}
END_TEST

/* ---- Markdown ---- */

/* Whether the message, quoted-printable undone, holds the text. */
static bool
has_plain(const char *text)
{
	struct pr_buf b = {0};
	for (size_t i = 0; i < octets.len; i++)
		if (strncmp(octets.data + i, "=\r\n", 3) == 0)
			i += 2;
		else if (strncmp(octets.data + i, "=3D", 3) == 0) {
			pr_buf_addc(&b, '=');
			i += 2;
		} else
			pr_buf_addc(&b, octets.data[i]);
	bool found = strstr(b.data, text) != NULL;
	pr_buf_finish(&b);
	return found;
}

#define CK_PLAIN(text)                                                                             \
	ck_assert_msg(has_plain(text), "no \"%s\" in\n%.*s", text, (int)octets.len, octets.data)

START_TEST(markdown_makes_html_and_text)
{
	put_text("body.md", "# Hello {{ first_name }}\n\n"
	                    "{% for i in (1..2) -%}\n* point {{ i }}\n{% endfor %}\n\n"
	                    "[Shop](https://a.example/?q={{ x }}) now.\n");
	must_compile(HEAD "subject: s\npreheader: \"for {{ first_name }}\"\nlanguage: en\n");
	ck_assert_uint_eq(problems.n, 0);
	ck_assert_int_eq(compose("a@b.example", "<Ada>", "", "x&y"), 0);
	CK_PLAIN("<h1>Hello &lt;Ada&gt;</h1>");
	CK_PLAIN("<li>point 1</li>");
	CK_PLAIN("<a href=\"https://a.example/?q=x&amp;y\">Shop</a>");
	CK_PLAIN("<html lang=\"en\">");
	CK_PLAIN("for &lt;Ada&gt;</div>");
	CK_PLAIN("Hello <Ada>\r\n");
	CK_PLAIN("* point 1\r\n");
	CK_PLAIN("Shop (https://a.example/?q=x&y) now.");
}
END_TEST

/* What a row holds is text, whatever Markdown would make of it. */
static const struct {
	const char *value, *html;
} literal[] = {
    {"*a* _b_ `c`", "<p>*a* _b_ `c` end</p>"},
    {"[x](http://evil.example)", "<p>[x](http://evil.example) end</p>"},
    {"![x](http://evil.example)", "<p>![x](http://evil.example) end</p>"},
    {"# head", "<p># head end</p>"},
    {"1. one", "<p>1. one end</p>"},
    {"- one", "<p>- one end</p>"},
    {"> quoted", "<p>&gt; quoted end</p>"},
    {"<b>", "<p>&lt;b&gt; end</p>"},
    {"&amp;", "<p>&amp;amp; end</p>"},
    {"a\\*b\\", "<p>a\\*b\\ end</p>"},
    {"<https://evil.example>", "<p>&lt;https://evil.example&gt; end</p>"},
    {"~~~", "<p>~~~ end</p>"},
    {"a\n---", "<p>a --- end</p>"},
    {"a\n\n\n    code\n\n# b", "<p>a code # b end</p>"},
    {"\tcode", "<p>code end</p>"},
};

START_TEST(values_are_never_markdown)
{
	put_text("body.md", "{{ x }} end\n");
	put_text("body.txt", "x");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", literal[_i].value), 0);
	CK_PLAIN(literal[_i].html);
}
END_TEST

START_TEST(filters_that_escape_are_not_escaped_again)
{
	put_text("body.md", "{{ x | escape }}, {{ x | escape_once }}, {{ x | newline_to_br }}\n");
	put_text("body.txt", "x");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", "O'Hara *& <b>"), 0);
	CK_PLAIN(
	    "<p>O'Hara *&amp; &lt;b&gt;, O'Hara *&amp; &lt;b&gt;, O'Hara *&amp; &lt;b&gt;</p>");
}
END_TEST

START_TEST(markdown_keeps_raw_html_of_the_campaign_and_of_raw_values)
{
	put_text("body.md", "<b class=\"x\">{{ x | raw }}</b>\n\n![Logo](cid:logo.png)\n");
	mkdirat(dir, "images", 0755);
	put_text("images/logo.png", "l");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", "*very* <i>good</i>"), 0);
	CK_PLAIN("<b class=\"x\"><em>very</em> <i>good</i></b>");
	CK_PLAIN("<img src=\"cid:logo.png@");
	CK_PLAIN("Content-ID: <logo.png@");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_row_gets_the_edition_of_its_language},
	    {each_variant_has_what_it_says_and_else_the_campaign_s},
	    {bodies_that_languages_share_are_told_of_once},
	    {each_language_shows_its_own_images_and_all_get_the_attachments},
	    {an_error_names_the_body_of_its_language},
	    {a_column_that_is_not_there_is_told_with_the_nearest},
	    {markdown_makes_html_and_text},
	    {values_are_never_markdown, ROWS(literal)},
	    {filters_that_escape_are_not_escaped_again},
	    {markdown_keeps_raw_html_of_the_campaign_and_of_raw_values},
	};
	return suite_run("message_editions", setup, teardown, tests, ROWS(tests));
}
