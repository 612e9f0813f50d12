/* Merge tags as Mailchimp documents them, in whole messages. */
#include "message_help.h"

#define MANIFEST HEAD "syntax: mailchimp\npostal_address: \"1 Main St\\nLisbon\"\n"

/* Columns: email, first_name, "Last name", x; the row: Ada, O'Hara & Co, and x. */
static const struct {
	const char *text, *x, *wanted;
} good[] = {
    {"*|FNAME|*", "", "Ada"},
    {"*|fname|* *|LNAME|*.", "", "Ada O'Hara & Co."},
    {"*|MERGE1|* *|MERGE2|* *|MERGE0|*", "", "Ada O'Hara & Co a@b.example"},
    {"*|FIRST_NAME|* *|LAST_NAME|*", "", "Ada O'Hara & Co"},
    {"*|EMAIL|*", "", "a@b.example"},
    {"*|UPPER:FNAME|* *|LOWER:FNAME|* *|TITLE:X|*", "jane", "ADA ada Jane"},
    {"https://a.example/?q=*|URL:X|*", "a b&c", "https://a.example/?q=a+b%26c"},
    {"*|IF:X|*yes*|ELSE:|*no*|END:IF|*", "1", "yes"},
    {"*|IF:X|*yes*|ELSE:|*no*|END:IF|*", "", "no"},
    {"*|IFNOT:X|*none*|END:IF|*.", "", NULL}, /* closed by the wrong end */
    {"*|IFNOT:X|*none*|END:IFNOT|*.", "", "none."},
    {"*|IF:X=gold|*G*|ELSEIF:X=silver|*S*|ELSE:|*-*|END:IF|*", "silver", "S"},
    {"*|IF:X!=gold|*other*|END:IF|*.", "gold", "."},
    {"*|IF:X = it's|*ok*|END:IF|*", "it's", "ok"},
    {"*|IF:X>=18|*adult*|ELSE:|*minor*|END:IF|*", "18", "adult"},
    {"*|IF:X>=18|*adult*|ELSE:|*minor*|END:IF|*", "9", "minor"},
    {"*|IF:X&gt;100|*big*|ELSEIF:X>10|*mid*|ELSE:|*small*|END:IF|*", "50.5", "mid"},
    {"*|INTERESTED:X:Tea,Coffee|*drink*|ELSE:|*eat*|END:INTERESTED|*", "Cake, Coffee", "drink"},
    {"*|INTERESTED:X:Tea|*drink*|ELSE:|*eat*|END:INTERESTED|*", "Cake", "eat"},
    {"*|CURRENT_YEAR|*", "", "2026"},
    {"*|DATE:d/m/y|* *|DATE:l, F j, Y|* *|DATE:G:i|*", "",
     "22/11/26 Sunday, November 22, 2026 0:13"},
    {"*|LIST:NAME|* by *|LIST:COMPANY|*", "", "newsletter by Acme"},
    {"*|LIST:ADDRESS|*", "", "1 Main St\r\nLisbon"},
    {"*|UNSUB|*", "", "mailto:unsubscribe@mail.acme.example?subject=unsubscribe%2012."},
    {"*|X|*", "*|FNAME|* {{ first_name }}", "*|FNAME|* {{ first_name }}"},
    /* text that only looks like code */
    {"{{ first_name }} {% if %} }} %}", "", "{{ first_name }} {% if %} }} %}"},
    {"*| |* *||* 2*|3|*4 *|FNAME", "", "*| |* *||* 2*|3|*4 *|FNAME"},
    {"*|FNA\nME|*", "", "*|FNA\r\nME|*"},
};

START_TEST(merge_tags_are_what_mailchimp_says)
{
	put_text("body.txt", good[_i].text);
	if (!good[_i].wanted) {
		ck_assert_int_eq(compile(MANIFEST "subject: s\n"), PR_EINVAL);
		return;
	}
	must_compile(MANIFEST "subject: s\n");
	ck_assert_uint_eq(problems.n, 0);
	ck_assert_int_eq(compose("a@b.example", "Ada", "O'Hara & Co", good[_i].x), 0);
	CK_HAS(good[_i].wanted);
}
END_TEST

static const struct {
	const char *text, *what;
	unsigned line, column;
} bad[] = {
    {"a\n  *|FORWARD|*", "*|FORWARD|*: this merge tag is not available", 2, 3},
    {"*|RSSITEM:TITLE|*", "*|RSSITEM:TITLE|*: this merge tag is not available", 1, 1},
    {"*|FNAME|* *|IF:X>old|**|END:IF|*", "*|IF:X>old|*: only numbers are larger or smaller", 1, 11},
    {"*|IF:X=a\"b'c|**|END:IF|*", "a value cannot have both kinds of quotes", 1, 1},
    {"*|IF:X!5|**|END:IF|*", "not a condition", 1, 1},
    {"*|INTERESTED:Drinks:Tea|**|END:INTERESTED|*", "no column has the choices of this group", 1,
     1},
};

START_TEST(tags_that_cannot_be_kept_are_told_with_their_place)
{
	put_text("body.txt", bad[_i].text);
	ck_assert_int_eq(compile(MANIFEST "subject: s\n"), PR_EINVAL);
	const struct pr_problem *p = problem(bad[_i].what);
	ck_assert_str_eq(p->file, "body.txt");
	ck_assert_uint_eq(p->line, bad[_i].line);
	ck_assert_uint_eq(p->column, bad[_i].column);
}
END_TEST

START_TEST(errors_of_liquid_name_the_place_of_the_tag)
{
	put_text("body.html", "<p>*|FNAME|* *|LNAME|* *|IF:X|* never closed</p>");
	ck_assert_int_eq(compile(MANIFEST "subject: s\n"), PR_EINVAL);
	ck_assert_uint_eq(problems.items[0].line, 1);
	ck_assert_uint_eq(problems.items[0].column, 24);
	ck_assert_str_eq(problems.items[0].excerpt,
	                 "<p>*|FNAME|* *|LNAME|* *|IF:X|* never closed</p>");
}
END_TEST

START_TEST(unknown_fields_are_warned_of_in_their_place)
{
	put_text("body.txt", "*|FNAME|*, *|FRST_NAME|*");
	must_compile(MANIFEST "subject: s\n");
	ck_assert_uint_eq(problems.warnings, 1);
	ck_assert_uint_eq(problems.items[0].column, 12);
}
END_TEST

START_TEST(html_escapes_values_and_images_keep_their_places)
{
	mkdirat(dir, "images", 0755);
	put_text("images/i.png", "i");
	put_text("body.html", "<body>*|MC_PREVIEW_TEXT|*<p>*|FNAME|* <img src=\"cid:i.png\"> "
	                      "*|HTML:X|*</p></body>");
	must_compile(MANIFEST "subject: \"For *|FNAME|*\"\npreheader: \"Up *|LNAME|*\"\n");
	ck_assert_int_eq(compose("a@b.example", "<A>", "&B", "<i>x</i>"), 0);
	CK_HAS("Subject: For <A>\r\n");
	CK_HAS("<p>&lt;A&gt; <img");
	CK_HAS("<i>x</i></p>");
	ck_assert_uint_eq(count("Up &amp;B"), 1);
	ck_assert_uint_eq(count("Content-ID: <i.png@"), 1);
	put_text("body.html", "*|FNAME|* <img src=\"cid:j.png\">");
	pr_content_unref(content);
	content = NULL;
	pr_manifest_destroy(manifest);
	manifest = NULL;
	ck_assert_int_eq(compile(MANIFEST "subject: s\n"), PR_EINVAL);
	ck_assert_uint_eq(problem("no such image")->column, 25);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {merge_tags_are_what_mailchimp_says, ROWS(good)},
	    {tags_that_cannot_be_kept_are_told_with_their_place, ROWS(bad)},
	    {errors_of_liquid_name_the_place_of_the_tag},
	    {unknown_fields_are_warned_of_in_their_place},
	    {html_escapes_values_and_images_keep_their_places},
	};
	return suite_run("message_mailchimp", setup, teardown, tests, ROWS(tests));
}
