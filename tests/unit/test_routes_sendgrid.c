/* Messages as the JSON of SendGrid's API. */
#include "suite.h"

#include "../../src/routes/api.h"

#include <jansson.h>

#define HEAD                                                                                       \
	"DKIM-Signature: v=1; a=rsa-sha256;\r\n d=a.example\r\nReceived: from x\r\n"               \
	"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nFrom: =?utf-8?Q?J=C3=BCrg?= <j@a.example>\r\n"   \
	"To: \"Doe, Ann\" <ann@b.example>\r\nReply-To: help@a.example\r\n"                         \
	"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?Q?_an_Ann?=\r\n"                         \
	"Message-ID: <1@a.example>\r\nMIME-Version: 1.0\r\nX-SG-EID: no\r\n"                       \
	"List-Unsubscribe: <mailto:u@a.example>,\r\n <https://a.example/u/1>\r\n"                  \
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
#define TEXT                                                                                       \
	"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "                   \
	"quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
#define HTML "Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>\xfc</p>\r\n"
#define IMAGE                                                                                      \
	"Content-Type: image/png\r\nContent-ID: <logo@a>\r\nContent-Disposition: inline; "         \
	"filename=logo.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n"
#define NOTES                                                                                      \
	"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=\"n\xc3\xb6t.txt\"" \
	"\r\n\r\nnotes\r\n"
#define MULTI(kind, boundary) "Content-Type: multipart/" kind "; boundary=" boundary "\r\n\r\n"

static json_t *
write_json(const char *octets)
{
	struct pr_buf json = {0};
	json_error_t error;
	ck_assert_ptr_null(sendgrid_write("ann@b.example", pr_str(octets), &json));
	json_t *j = json_loadb(json.data, json.len, 0, &error);
	ck_assert_msg(j, "%s", error.text);
	pr_buf_finish(&json);
	return j;
}

static void
expect(json_t *j, const char *key, const char *json)
{
	json_t *wanted = json_loads(json, JSON_DECODE_ANY, NULL);
	char *seen = json_dumps(json_object_get(j, key), JSON_ENCODE_ANY);
	ck_assert_ptr_nonnull(wanted);
	ck_assert_msg(json_equal(json_object_get(j, key), wanted), "%s: %s", key, seen);
	json_decref(wanted);
	free(seen);
}

START_TEST(a_message_is_taken_apart)
{
	json_t *j = write_json(HEAD MULTI("mixed", "M") "--M\r\n" MULTI(
	    "alternative", "A") "--A\r\n" TEXT
	                        "--A\r\n" MULTI("related", "R") "--R\r\n" HTML "--R\r\n" IMAGE
	                                                        "--R--\r\n--A--\r\n--M\r\n" NOTES
	                                                        "--M--\r\n");
	expect(j, "personalizations",
	       "[{\"to\": [{\"email\": \"ann@b.example\", \"name\": \"Doe, Ann\"}]}]");
	expect(j, "from", "{\"email\": \"j@a.example\", \"name\": \"Jürg\"}");
	expect(j, "reply_to", "{\"email\": \"help@a.example\"}");
	expect(j, "subject", "\"Grüße an Ann\"");
	expect(j, "content",
	       "[{\"type\": \"text/plain\", \"value\": \"Grüße\"},"
	       " {\"type\": \"text/html\", \"value\": \"<p>ü</p>\"}]");
	expect(j, "attachments",
	       "[{\"content\": \"iVBORw0K\", \"type\": \"image/png\", \"filename\": \"logo.png\","
	       " \"disposition\": \"inline\", \"content_id\": \"logo@a\"},"
	       " {\"content\": \"bm90ZXM=\", \"type\": \"text/plain\", \"filename\": \"nöt.txt\","
	       " \"disposition\": \"attachment\"}]");
	expect(j, "headers",
	       "{\"Message-ID\": \"<1@a.example>\","
	       " \"List-Unsubscribe\": \"<mailto:u@a.example>, <https://a.example/u/1>\","
	       " \"List-Unsubscribe-Post\": \"List-Unsubscribe=One-Click\"}");
	expect(j, "custom_args", "{\"message_id\": \"1@a.example\"}");
	expect(j, "tracking_settings",
	       "{\"click_tracking\": {\"enable\": false, \"enable_text\": false},"
	       " \"open_tracking\": {\"enable\": false}, \"subscription_tracking\": {\"enable\": "
	       "false}}");
	ck_assert_uint_eq(json_object_size(j), 9);
	json_decref(j);
}
END_TEST

START_TEST(html_alone_and_another_recipient_than_to)
{
	json_t *j = write_json("From: a@a.example\r\nTo: Team <team@b.example>\r\n"
	                       "Reply-To: a@x.example, b@x.example\r\n" HTML);
	expect(j, "personalizations", "[{\"to\": [{\"email\": \"ann@b.example\"}]}]");
	expect(j, "content", "[{\"type\": \"text/html\", \"value\": \"<p>ü</p>\\r\\n\"}]");
	expect(j, "reply_to_list", "[{\"email\": \"a@x.example\"}, {\"email\": \"b@x.example\"}]");
	ck_assert_ptr_null(json_object_get(j, "reply_to"));
	ck_assert_ptr_null(json_object_get(j, "attachments"));
	ck_assert_ptr_null(json_object_get(j, "custom_args"));
	json_decref(j);
}
END_TEST

START_TEST(what_it_cannot_take_is_told)
{
	static const char *const bad[] = {
	    "From: a@a.example\r\n\r\n",
	    "",
	    "From: a@a.example\r\n" IMAGE,
	    "From: a@a.example\r\n" MULTI(
		"mixed",
		"M") "--M\r\n" TEXT
		     "--M\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n--M--\r\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pr_buf json = {0};
		ck_assert_msg(sendgrid_write("a@b.example", pr_str(bad[i]), &json), "%zu", i);
		pr_buf_finish(&json);
	}
}
END_TEST

START_TEST(odd_octets_make_json_all_the_same)
{
	static const char octets[] = "From: \"\xff\xfe\" <a@a.example>\r\nSubject: \xff\r\n"
				     "X-Odd: \xfe\x01\r\n\r\n\xff\xfe\x01\r\n";
	json_t *j = write_json(octets);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "content")), 1);
	json_decref(j);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_message_is_taken_apart},
	    {html_alone_and_another_recipient_than_to},
	    {what_it_cannot_take_is_told},
	    {odd_octets_make_json_all_the_same},
	};
	return suite_run("routes_sendgrid", NULL, NULL, tests, ROWS(tests));
}
