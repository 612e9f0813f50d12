/* Whole messages from campaign folders: structure, values, what data may not do. */
#include "message_help.h"

/* ---- structure ---- */

START_TEST(a_text_campaign_is_one_plain_part)
{
	put_text("body.txt", "Hello {{ first_name }}!\nBye.\n");
	must_compile(HEAD "subject: \"For {{ first_name }}\"\n");
	ck_assert_int_eq(compose("ann@b.example", "Ann", "", ""), 0);
	static const char want[] = "Date: Sun, 22 Nov 2026 00:13:00 +0000\r\n"
				   "From: Acme <news@mail.acme.example>\r\n"
				   "To: ann@b.example\r\n"
				   "Subject: For Ann\r\n"
				   "Message-ID: <12.";
	ck_assert(!strncmp(octets.data, want, sizeof want - 1));
	CK_HAS("@mta1.acme.example>\r\nList-Id: <newsletter.mail.acme.example>\r\n"
	       "List-Unsubscribe: <mailto:unsubscribe@mail.acme.example?subject=unsubscribe%2012.");
	CK_HAS(">\r\nMIME-Version: 1.0\r\n"
	       "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	       "Hello Ann!\r\nBye.\r\n");
	ck_assert_str_eq(message->from, "news@mail.acme.example");
	ck_assert_str_eq(message->to, "ann@b.example");
}
END_TEST

START_TEST(html_and_text_are_alternatives_text_first)
{
	put_text("body.html", "<p>Hi {{ first_name }}</p>");
	put_text("body.txt", "Hi {{ first_name }}");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "A&B", "", ""), 0);
	CK_HAS("Content-Type: multipart/alternative;\r\n boundary=\"=_a");
	ck_assert_uint_eq(count("boundary="), 1);
	CK_HAS(
	    "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHi A&B\r\n--=_a");
	CK_HAS("<p>Hi A&amp;B</p>\r\n--=_a");
	ck_assert(!memcmp(octets.data + octets.len - 4, "--\r\n", 4));
}
END_TEST

START_TEST(text_is_derived_from_html_once_or_per_message)
{
	put_text("body.html", _i ? "<p>Hi {{ first_name | raw }}</p><p>{{ x }}</p>"
	                         : "<p>Hi {{ first_name }}</p><p>{{ x }}</p>");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "A & B", "", ""), 0);
	CK_HAS("text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHi A & "
	       "B\r\n--=_a");
	ck_assert_int_eq(compose("a@b.example", "A", "", "x"), 0);
	CK_HAS("\r\n\r\nHi A\r\n\r\nx\r\n--=_a");
}
END_TEST

START_TEST(images_named_by_html_are_related_and_others_left_out)
{
	mkdirat(dir, "images", 0755);
	put("images/logo.png", "\x89PNG", 4);
	put("images/Foto gr\xC3\xBC\xC3\x9F.jpg", "jpg", 3);
	put("images/unused.png", "u", 1);
	put_text("body.html", "<body><img src=\"cid:LOGO.png\"><p "
	                      "background='cid:Foto%20gru%CC%88%C3%9F.jpg'>{{ nope }}");
	must_compile(HEAD "subject: s\npreheader: \"Up to {{ x }}\"\n");
	ck_assert_uint_eq(problem("nope")->column, 81);
	problem("no body names this image");
	ck_assert_int_eq(compose("a@b.example", "", "", "30 <"), 0);
	CK_HAS("multipart/alternative");
	CK_HAS("multipart/related; type=\"text/html\";\r\n boundary=\"=_r");
	CK_HAS("mso-hide:all\">Up to 30 &lt;</div><img src=\"cid:logo.png@");
	CK_HAS("background='cid:Foto_gr____.jpg@");
	CK_HAS("Content-ID: <logo.png@");
	CK_HAS("Content-Disposition: inline;\r\n filename=\"logo.png\"\r\n\r\niVBORw==\r\n");
	CK_HAS("filename*=UTF-8''Foto%20gr%C3%BC%C3%9F.jpg");
	ck_assert(!has("unused.png"));
	ck_assert_uint_eq(count("Content-ID:"), 2);
}
END_TEST

START_TEST(a_missing_image_is_told_with_its_place)
{
	mkdirat(dir, "images", 0755);
	put("images/logo.png", "x", 1);
	put("images/A.png", "x", 1);
	put("images/a.PNG", "x", 1);
	put_text("body.html", "<p>\n<img src=\"cid:lgo.png\"><img src=\"cid:a.png\">");
	ck_assert_int_eq(compile(HEAD "subject: s\n"), PR_EINVAL);
	const struct pr_problem *p = problem("cid:lgo.png: there is no such image");
	ck_assert_str_eq(p->file, "body.html");
	ck_assert_uint_eq(p->line, 2);
	ck_assert_uint_eq(p->column, 15);
	ck_assert_str_eq(p->remedy, "did you mean cid:logo.png?");
	problem("cid:a.png: several images");
}
END_TEST

START_TEST(attachments_are_mixed_and_survive_octet_for_octet)
{
	size_t n = 300000;
	char *big = malloc(n);
	for (size_t i = 0; i < n; i++)
		big[i] = (char)(i * 7);
	mkdirat(dir, "attachments", 0755);
	put("attachments/price list.pdf", big, n);
	put_text("attachments/.hidden", "no");
	put_text("body.html", "<p>x</p>");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", ""), 0);
	CK_HAS("Content-Type: multipart/mixed;\r\n boundary=\"=_m");
	CK_HAS("Content-Type: application/pdf;\r\n name=\"price list.pdf\"\r\n"
	       "Content-Transfer-Encoding: base64\r\n"
	       "Content-Disposition: attachment;\r\n filename=\"price list.pdf\"\r\n\r\n");
	ck_assert(!has("hidden"));
	ck_assert_uint_ge(octets.len, n * 4 / 3);
	free(big);
}
END_TEST

START_TEST(too_large_attachments_are_a_problem)
{
	size_t n = 26u << 20;
	char *big = calloc(1, n);
	mkdirat(dir, "attachments", 0755);
	put("attachments/a.bin", big, n / 2);
	put("attachments/b.bin", big, n / 2);
	put_text("body.txt", "x");
	ck_assert_int_eq(compile(HEAD "subject: s\n"), PR_EINVAL);
	problem("larger than");
	free(big);
}
END_TEST

/* ---- encodings ---- */

static const struct {
	const char *value, *encoding;
	bool dots;
} encoding_cases[] = {
    {"plain", "7bit", false},
    {"x\n.dot", "7bit", true},
    {"x\nFrom here", "quoted-printable", false},
    {"viele gr\xC3\xBC\xC3\x9F"
     "e aus",
     "quoted-printable", false},
    {"\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C\xE4\xBD\xA0\xE5\xA5\xBD", "base64", false},
    {"a\rb", "quoted-printable", false},
};

START_TEST(encoding_follows_the_rendered_body)
{
	char want[100];
	put_text("body.txt", "Hi {{ x }}\n");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", encoding_cases[_i].value), 0);
	snprintf(want, sizeof want, "Content-Transfer-Encoding: %s\r\n",
	         encoding_cases[_i].encoding);
	CK_HAS(want);
	ck_assert_int_eq(message->dots, encoding_cases[_i].dots);
}
END_TEST

/* ---- what data may not do ---- */

static const char *const attacks[] = {
    "x\r\nBcc: victim@c.example\r\n\r\nbody",
    "x\nBcc: victim@c.example",
    "x\r\n.\r\nMAIL FROM:<a@b>\r\n",
    "\r\n\r\n--=_a\r\nContent-Type: text/html\r\n\r\nmine",
    "=?utf-8?q?=0D=0ABcc:_v@c.example?=",
    "x\x01\x7F\ty",
};

START_TEST(no_value_of_a_row_adds_a_header_or_a_part)
{
	put_text("body.html", "<p>{{ x }}</p>");
	put_text("body.txt", "{{ x }}\n");
	must_compile(
	    HEAD "subject: \"{{ x }}\"\nheaders: {X-Team: \"{{ x }}\"}\npreheader: \"{{ x }}\"\n");
	ck_assert_int_eq(compose("a@b.example", "", "", attacks[_i]), 0);
	const char *end = memmem(octets.data, octets.len, "\r\n\r\n", 4);
	size_t fields = 0;
	for (const char *p = octets.data; p < end; p++) {
		fields += p[0] == '\n' && p[1] != ' ';
		ck_assert(strncmp(p, "\nBcc", 4) != 0);
	}
	ck_assert_uint_eq(fields + 1, 10);      /* Date to Content-Type, X-Team among them */
	ck_assert_uint_eq(count("\n--=_a"), 3); /* its own: one before each part and the last */
}
END_TEST

START_TEST(a_damaged_address_is_refused)
{
	static const char *const bad[] = {
	    "a@b\r\nRCPT TO:<c@d>", "a b@c", "<a@b.example>", "", "ab", "a@b\n"};
	put_text("body.txt", "x");
	must_compile(HEAD "subject: s\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(compose(bad[i], "", "", ""), PR_EINVAL);
}
END_TEST

START_TEST(file_names_of_attachments_cannot_add_headers)
{
	mkdirat(dir, "attachments", 0755);
	put_text("attachments/a\r\nX-Evil: 1.pdf", "x");
	put_text("attachments/b\";evil=\".pdf", "x");
	put_text("body.txt", "x");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", ""), 0);
	ck_assert(!has("\nX-Evil"));
	CK_HAS("filename=\"b\\\";evil=\\\".pdf\"");
}
END_TEST

START_TEST(a_display_name_stays_a_display_name)
{
	put_text("body.txt", "x");
	must_compile("from: \"\\\"Acme, (Inc) =?x?=\\\" <news@acme.example>\"\nsubject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", ""), 0);
	CK_HAS("From: =?UTF-8?Q?Acme=2C_=28Inc=29_=3D=3Fx=3F=3D?= <news@acme.example>\r\n");
}
END_TEST

/* ---- values ---- */

START_TEST(values_beside_the_columns_are_there)
{
	put_text("body.txt",
	         "{{ email }}|{{ Last_name }}|{{ campaign_name }}|{{ campaign_id }}|{{ row }}|"
	         "{{ postal_address }}|{{ unsubscribe_mailto }}");
	must_compile(HEAD "name: Spring\nsubject: s\npostal_address: 1 Main St\n");
	ck_assert_uint_eq(problems.n, 0);
	ck_assert_int_eq(compose("a@b.example", "", "Lee", ""), 0);
	CK_HAS("a@b.example|Lee|Spring|20261122-test-abcd|12|1 Main "
	       "St|mailto:unsubscribe@mail.acme.example?subject=unsubscribe%2012.");
}
END_TEST

START_TEST(the_same_row_gives_the_same_octets_and_another_row_another_id)
{
	struct pr_buf a = {0}, b = {0};
	put_text("body.html", "<p>{{ x }}</p>");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", "1"), 0);
	pr_buf_add(&a, octets.data, octets.len);
	ck_assert_int_eq(compose("a@b.example", "", "", "1"), 0);
	ck_assert(octets.len == a.len && !memcmp(octets.data, a.data, a.len));
	pr_buf_clear(&a);
	pr_message_id(content, 12, &a);
	CK_HAS(a.data);
	pr_message_id(content, 13, &b);
	ck_assert_str_ne(a.data, b.data);
	pr_buf_finish(&a);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(transactional_mail_has_no_unsubscribe_header)
{
	put_text("body.txt", "x");
	must_compile(HEAD "subject: s\nclass: transactional\n");
	ck_assert_int_eq(compose("a@b.example", "", "", ""), 0);
	ck_assert(!has("List-Unsubscribe"));
}
END_TEST

START_TEST(an_address_beyond_ascii_asks_for_smtputf8)
{
	put_text("body.txt", "x");
	must_compile(HEAD "subject: \xC3\xA9\n");
	ck_assert_int_eq(compose("a@b.example", "", "", ""), 0);
	ck_assert(!message->smtputf8);
	ck_assert_int_eq(compose("j\xC3\xB6rg@b.example", "", "", ""), 0);
	ck_assert(message->smtputf8 && !message->eight_bit);
}
END_TEST

/* ---- errors ---- */

START_TEST(a_template_error_names_file_line_and_column)
{
	mkdirat(dir, "partials", 0755);
	put_text("partials/foot.liquid", "ok\n{{ 1 | nofilter }}");
	put_text("body.html", "<body>\n<p>{% if %}</p>\n{% render 'foot' %}");
	ck_assert_int_eq(compile(HEAD "subject: \"{{ x | \"\npreheader: p\n"), PR_EINVAL);
	bool yaml = false, html = false;
	for (unsigned i = 0; i < problems.n; i++) {
		const struct pr_problem *p = &problems.items[i];
		if (strcmp(p->file, "campaign.yaml") == 0) {
			yaml = true;
			ck_assert_uint_eq(p->line, 3);
			ck_assert_uint_ge(p->column, 11);
		}
		if (strcmp(p->file, "body.html") == 0) {
			html = true;
			ck_assert_uint_eq(p->line, 2);
			ck_assert_uint_ge(p->column, 4);
		}
	}
	ck_assert(yaml && html);
}
END_TEST

START_TEST(a_row_that_fails_to_render_is_refused_with_its_place)
{
	put_text("body.html", "<body>\n<b>{{ 5 | divided_by: x }}</b>");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", "2"), 0);
	ck_assert_int_eq(compose("a@b.example", "", "", "0"), PR_EINVAL);
	ck_assert_msg(!strncmp(failure.text, "body.html, line 2, column 4: ", 29), "%s",
	              failure.text);
}
END_TEST

START_TEST(bodies_must_be_utf8)
{
	put("body.html", "<p>\nlatin \xE9", 11);
	ck_assert_int_eq(compile(HEAD "subject: s\n"), PR_EINVAL);
	ck_assert_uint_eq(problem("not UTF-8")->line, 2);
}
END_TEST

START_TEST(partials_serve_html_and_derived_text)
{
	mkdirat(dir, "partials", 0755);
	mkdirat(dir, "images", 0755);
	put_text("images/i.png", "x");
	put_text(
	    "partials/foot.liquid",
	    "<p><a href=\"https://a.example/{{ who }}\"><img src='cid:i.png' alt='Us'></a></p>");
	put_text("body.html", "<p>Hi</p>{% render 'foot', who: x %}");
	must_compile(HEAD "subject: s\n");
	ck_assert_int_eq(compose("a@b.example", "", "", "z"), 0);
	CK_HAS("\r\n\r\nHi\r\n\r\nUs (https://a.example/z)\r\n");
	CK_HAS("src='cid:i.png@");
	CK_HAS("Content-ID: <i.png@");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_text_campaign_is_one_plain_part},
	    {html_and_text_are_alternatives_text_first},
	    {text_is_derived_from_html_once_or_per_message, 2},
	    {images_named_by_html_are_related_and_others_left_out},
	    {a_missing_image_is_told_with_its_place},
	    {attachments_are_mixed_and_survive_octet_for_octet},
	    {too_large_attachments_are_a_problem},
	    {encoding_follows_the_rendered_body, ROWS(encoding_cases)},
	    {no_value_of_a_row_adds_a_header_or_a_part, ROWS(attacks)},
	    {a_damaged_address_is_refused},
	    {file_names_of_attachments_cannot_add_headers},
	    {a_display_name_stays_a_display_name},
	    {values_beside_the_columns_are_there},
	    {the_same_row_gives_the_same_octets_and_another_row_another_id},
	    {transactional_mail_has_no_unsubscribe_header},
	    {an_address_beyond_ascii_asks_for_smtputf8},
	    {a_template_error_names_file_line_and_column},
	    {a_row_that_fails_to_render_is_refused_with_its_place},
	    {bodies_must_be_utf8},
	    {partials_serve_html_and_derived_text},
	};
	return suite_run("message_compose", setup, teardown, tests, ROWS(tests));
}
