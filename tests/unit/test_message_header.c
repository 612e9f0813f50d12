/* Header fields. With two arguments ("text", "filter"): see filter(), used by the corpus test. */
#include "../../src/message/header.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

static struct pr_buf out;

static void
check_field(void) /* one field, nothing more, whatever the text was */
{
	size_t from = 0;
	ck_assert(out.len > 2 && !memcmp(out.data + out.len - 2, "\r\n", 2));
	for (size_t i = 0; i < out.len; i++) {
		ck_assert((unsigned char)out.data[i] < 0x7F && out.data[i] != 0);
		if (out.data[i] != '\n')
			continue;
		ck_assert(out.data[i - 1] == '\r');
		ck_assert_uint_le(i - 1 - from, 998);
		if (memmem(out.data + from, i - from, "=?", 2))
			ck_assert_uint_le(i - 1 - from, 76);
		from = i + 1;
		ck_assert(from == out.len || out.data[from] == ' ');
	}
}

static const struct {
	const char *in, *want;
} text_cases[] = {
    {"Hello", "Subject: Hello\r\n"},
    {"", "Subject: \r\n"},
    {"a  b", "Subject: a  b\r\n"},
    {"caf\xC3\xA9", "Subject: =?UTF-8?Q?caf=C3=A9?=\r\n"},
    {"\xE6\x97\xA5\xE6\x9C\xAC", "Subject: =?UTF-8?B?5pel5pys?=\r\n"},
    {"x\r\nBcc: v@e.x", "Subject: =?UTF-8?Q?x__Bcc=3A_v=40e=2Ex?=\r\n"},
    {"=?utf-8?q?x?=", "Subject: =?UTF-8?Q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=\r\n"},
    {"trail ", "Subject: =?UTF-8?Q?trail_?=\r\n"},
    {"bad \xFF octet", "Subject: =?UTF-8?Q?bad_=EF=BF=BD_octet?=\r\n"},
};

START_TEST(text_is_plain_where_it_can_be_and_encoded_where_not)
{
	pr_buf_clear(&out);
	pr_field_text(&out, "Subject", pr_str(text_cases[_i].in));
	ck_assert_str_eq(out.data, text_cases[_i].want);
	check_field();
}
END_TEST

START_TEST(long_plain_text_folds_at_78_and_unfolds_to_itself)
{
	char in[600];
	size_t n = 0;
	while (n < 550)
		n += (size_t)sprintf(in + n, n % 7 ? "word " : "longer-word  ");
	in[--n] = 0;
	while (in[n - 1] == ' ')
		in[--n] = 0;
	pr_buf_clear(&out);
	pr_field_text(&out, "X-Long", pr_str(in));
	check_field();
	char *to = out.data;
	size_t line = 0;
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '\r' && out.data[i + 1] == '\n') {
			i++;
			line = 0;
			continue;
		}
		ck_assert_uint_le(++line, 78);
		*to++ = out.data[i];
	}
	*to = 0;
	ck_assert_str_eq(out.data + 8, in);
}
END_TEST

/* No text, however nasty, makes a second field, a long line or an octet beyond ASCII. */
START_TEST(random_text_stays_one_field)
{
	static const char nasty[] = "\r\n\0 \t=?:<>\"\\,;@";
	unsigned seed = 11;
	for (int round = 0; round < 4000; round++) {
		char in[1500];
		size_t n = (size_t)(rand_r(&seed) % (round % 10 ? 200 : 1500));
		int letters = rand_r(&seed) % 3;
		for (size_t i = 0; i < n; i++)
			in[i] = (char)(letters == 0 ? rand_r(&seed)
			               : rand_r(&seed) % (letters == 1 ? 3 : 300)
			                   ? 'a'
			                   : nasty[rand_r(&seed) % (int)(sizeof nasty - 1)]);
		pr_buf_clear(&out);
		pr_field_text(
		    &out,
		    round % 2
			? "Subject"
			: "X-A-Rather-Long-Name-Of-A-Field-That-Nobody-Would-Choose-By-Themselves",
		    pr_str_n(in, n));
		check_field();
		pr_buf_clear(&out);
		pr_field_mailbox(&out, "From", pr_str_n(in, n), PR_STR("news@mail.acme.example"));
		check_field();
		pr_buf_clear(&out);
		pr_buf_adds(&out, "Content-Disposition: attachment");
		pr_field_param(&out, "filename", pr_str_n(in, n < 255 ? n : 255));
		pr_buf_adds(&out, "\r\n");
		check_field();
	}
}
END_TEST

static const struct {
	const char *name, *want;
} mailbox_cases[] = {
    {"", "From: n@a.example\r\n"},
    {"Acme News", "From: Acme News <n@a.example>\r\n"},
    {"Acme, Inc.", "From: \"Acme, Inc.\" <n@a.example>\r\n"},
    {"The \"A\" \\", "From: \"The \\\"A\\\" \\\\\" <n@a.example>\r\n"},
    {"x@y <z>", "From: \"x@y <z>\" <n@a.example>\r\n"},
    {"M\xC3\xBCller, J\xC3\xBCrgen",
     "From: =?UTF-8?Q?M=C3=BCller=2C_J=C3=BCrgen?= <n@a.example>\r\n"},
    {"a\r\nBcc: x@y", "From: =?UTF-8?Q?a__Bcc=3A_x=40y?= <n@a.example>\r\n"},
};

START_TEST(display_name_is_atoms_quoted_or_encoded)
{
	pr_buf_clear(&out);
	pr_field_mailbox(&out, "From", pr_str(mailbox_cases[_i].name), PR_STR("n@a.example"));
	ck_assert_str_eq(out.data, mailbox_cases[_i].want);
}
END_TEST

static const struct {
	const char *in, *want;
} param_cases[] = {
    {"a b.pdf", ";\r\n filename=\"a b.pdf\""},
    {"q\"uote.pdf", ";\r\n filename=\"q\\\"uote.pdf\""},
    {"f\xC3\xBC.pdf", ";\r\n filename*=UTF-8''f%C3%BC.pdf"},
    {"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E.pdf",
     ";\r\n filename*0*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E%E6%97%A5%E6%9C%AC"
     ";\r\n filename*1*=%E8%AA%9E.pdf"},
};

START_TEST(file_names_follow_rfc_2231)
{
	pr_buf_clear(&out);
	pr_field_param(&out, "filename", pr_str(param_cases[_i].in));
	ck_assert_str_eq(out.data, param_cases[_i].want);
}
END_TEST

START_TEST(date_is_rfc_5322)
{
	char date[PR_RFC5322_SIZE];
	pr_format_rfc5322(1795306380000, date);
	ck_assert_str_eq(date, "Sun, 22 Nov 2026 00:13:00 +0000");
	pr_format_rfc5322(951782400000, date);
	ck_assert_str_eq(date, "Tue, 29 Feb 2000 00:00:00 +0000");
}
END_TEST

START_TEST(tidy_leaves_one_line_without_edges)
{
	pr_buf_clear(&out);
	pr_buf_adds(&out, " \r\n a\t\x01 b\r\nBcc: c \n");
	pr_field_tidy(&out);
	ck_assert_str_eq(out.data, "a b Bcc: c");
	ck_assert_uint_eq(out.len, 10);
}
END_TEST

START_TEST(field_names_are_checked)
{
	ck_assert(pr_field_name_valid(PR_STR("X-Team")));
	ck_assert(!pr_field_name_valid(PR_STR("X Team")));
	ck_assert(!pr_field_name_valid(PR_STR("X:")));
	ck_assert(!pr_field_name_valid(PR_STR("X\r\nY")));
	ck_assert(!pr_field_name_valid(PR_STR("")));
}
END_TEST

/* Reads records "LENGTH\nOCTETS\n" and answers each as the field Subject in the same form. */
static int
filter(void)
{
	size_t n;
	while (scanf("%zu", &n) == 1) {
		char *in = malloc(n + 1);
		getchar();
		if (fread(in, 1, n, stdin) != n)
			return 1;
		pr_buf_clear(&out);
		pr_field_text(&out, "Subject", pr_str_n(in, n));
		printf("%zu\n", out.len);
		fwrite(out.data, 1, out.len, stdout);
		putchar('\n');
		free(in);
	}
	pr_buf_finish(&out);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "filter") == 0)
		return filter();
	const struct suite_test tests[] = {
	    {text_is_plain_where_it_can_be_and_encoded_where_not, ROWS(text_cases)},
	    {long_plain_text_folds_at_78_and_unfolds_to_itself},
	    {random_text_stays_one_field},
	    {display_name_is_atoms_quoted_or_encoded, ROWS(mailbox_cases)},
	    {file_names_follow_rfc_2231, ROWS(param_cases)},
	    {date_is_rfc_5322},
	    {tidy_leaves_one_line_without_edges},
	    {field_names_are_checked},
	};
	int failed = suite_run("message_header", NULL, NULL, tests, ROWS(tests));
	pr_buf_finish(&out);
	return failed;
}
