/* Transfer encodings: what a decoder gets back, how lines end, what a line may begin with. */
#include "../../src/message/encode.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

static struct pr_buf out, back, scratch;

static int
hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* A plain decoder, written from RFC 2045 section 6.7. */
static void
decode_qp(void)
{
	pr_buf_clear(&back);
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] != '=') {
			pr_buf_addc(&back, out.data[i]);
		} else if (out.data[i + 1] == '\r') {
			i += 2;
		} else {
			pr_buf_addc(&back,
			            (char)(hex(out.data[i + 1]) * 16 + hex(out.data[i + 2])));
			i += 2;
		}
	}
}

static void
check_lines(size_t longest)
{
	size_t from = 0;
	ck_assert(out.len >= 2 && !memcmp(out.data + out.len - 2, "\r\n", 2));
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '\n') {
			ck_assert(i && out.data[i - 1] == '\r');
			ck_assert_uint_le(i - 1 - from, longest);
			ck_assert_msg(i - 1 == from ||
			                  (out.data[i - 2] != ' ' && out.data[i - 2] != '\t'),
			              "blank at the end of a line");
			ck_assert_int_ne(out.data[from], '.');
			ck_assert(strncmp(out.data + from, "From ", 5) != 0);
			ck_assert(strncmp(out.data + from, "--=_", 4) != 0);
			from = i + 1;
		} else if (out.data[i] == '\r') {
			ck_assert(out.data[i + 1] == '\n');
		}
	}
}

static const struct {
	const char *in, *want;
} qp_cases[] = {
    {"plain\n", "plain\r\n"},
    {"no end", "no end\r\n"},
    {"a=b\r\n", "a=3Db\r\n"},
    {"gr\xC3\xBC\xC3\x9F\n", "gr=C3=BC=C3=9F\r\n"},
    {"blank \ntab\t\n \n", "blank=20\r\ntab=09\r\n=20\r\n"},
    {".dot\n..\n", "=2Edot\r\n=2E.\r\n"},
    {"From me\nFrom\nfrom x\n", "=46rom me\r\nFrom\r\nfrom x\r\n"},
    {"--=_x\n", "--=3D_x\r\n"},
    {"a\rb\r\rc\n\r\n", "a\r\nb\r\n\r\nc\r\n\r\n"},
    {"\x01\x7F\n", "=01=7F\r\n"},
};

START_TEST(qp_writes_each_case_as_the_rfc_has_it)
{
	pr_buf_clear(&out);
	pr_encode_qp(&out, pr_str(qp_cases[_i].in));
	ck_assert_str_eq(out.data, qp_cases[_i].want);
}
END_TEST

/* Texts of every length around the edges, with what is special at every place. */
START_TEST(qp_decodes_to_the_text_whatever_stands_at_the_edge)
{
	static const char *const special[] = {"",      ".",        " ",  "=",   "\t",
	                                      "From ", "\xC3\xA9", "\n", "\x80"};
	for (size_t n = 60; n < 170; n++)
		for (size_t s = 0; s < sizeof special / sizeof *special; s++)
			for (size_t at = 70; at < 80 && at < n; at++) {
				struct pr_buf in = {0};
				for (size_t i = 0; i < n; i++)
					i == at ? pr_buf_adds(&in, special[s])
						: pr_buf_addc(&in, 'x');
				pr_buf_clear(&out);
				pr_encode_qp(&out, pr_buf_str(&in));
				check_lines(76);
				decode_qp();
				pr_buf_clear(&scratch);
				for (size_t i = 0; i < in.len; i++) {
					if (in.data[i] == '\n')
						pr_buf_addc(&scratch, '\r');
					pr_buf_addc(&scratch, in.data[i]);
				}
				if (in.data[in.len - 1] != '\n')
					pr_buf_adds(&scratch, "\r\n");
				ck_assert_str_eq(back.data, scratch.data);
				pr_buf_finish(&in);
			}
}
END_TEST

START_TEST(qp_lines_stay_within_76_for_random_octets)
{
	unsigned seed = 7;
	for (int round = 0; round < 3000; round++) {
		char in[400];
		size_t n = (size_t)(rand_r(&seed) % 400);
		for (size_t i = 0; i < n; i++) {
			int kind = rand_r(&seed) % 8;
			in[i] = (char)(kind == 0   ? rand_r(&seed)
			               : kind == 1 ? " .=\t\r\nF-"[rand_r(&seed) % 8]
			                           : 'a');
		}
		pr_buf_clear(&out);
		pr_encode_qp(&out, pr_str_n(in, n));
		if (n)
			check_lines(76);
	}
}
END_TEST

static const struct {
	const char *in, *want; /* NULL: refused */
	bool dots;
} plain_cases[] = {
    {"a\nb", "a\r\nb\r\n", false},
    {"a\r\nb\r\n", "a\r\nb\r\n", false},
    {"\n\n.\n", "\r\n\r\n.\r\n", true},
    {"x.\n", "x.\r\n", false},
    {"a\rb\n", NULL, false},
    {"a\r", NULL, false},
    {"\xC3\xA9\n", NULL, false},
    {"x\nFrom me\n", NULL, false},
    {"--=_boundary--\n", NULL, false},
    {"a\r\r\n", NULL, false},
};

START_TEST(seven_bit_copies_what_is_safe_and_declines_the_rest)
{
	bool dots = false;
	pr_buf_clear(&out);
	pr_buf_adds(&out, "kept:");
	bool done = pr_encode_7bit(&out, pr_str(plain_cases[_i].in), &dots);
	ck_assert_int_eq(done, plain_cases[_i].want != NULL);
	ck_assert_str_eq(out.data + 5, done ? plain_cases[_i].want : "");
	ck_assert_int_eq(dots, plain_cases[_i].dots);
}
END_TEST

START_TEST(seven_bit_takes_lines_of_998_octets_and_not_of_999)
{
	char line[1000];
	bool dots = false;
	memset(line, 'x', sizeof line);
	pr_buf_clear(&out);
	ck_assert(pr_encode_7bit(&out, pr_str_n(line, 998), &dots));
	ck_assert(!pr_encode_7bit(&out, pr_str_n(line, 999), &dots));
	ck_assert_uint_eq(out.len, 1000);
	line[3] = 0;
	ck_assert(!pr_encode_7bit(&out, pr_str_n(line, 10), &dots));
}
END_TEST

START_TEST(base64_breaks_lines_at_76_and_uses_crlf_in_text)
{
	pr_buf_clear(&out);
	pr_encode_base64(&out, "fooba", 5);
	ck_assert_str_eq(out.data, "Zm9vYmE=\r\n");
	pr_buf_clear(&out);
	pr_encode_base64_text(&out, PR_STR("a\nb\rc\r\nd"), &scratch);
	ck_assert_str_eq(scratch.data, "a\r\nb\r\nc\r\nd\r\n");
	ck_assert_str_eq(out.data, "YQ0KYg0KYw0KZA0K\r\n");
	char big[200] = {0};
	pr_buf_clear(&out);
	pr_encode_base64(&out, big, sizeof big);
	check_lines(76);
	ck_assert_uint_eq(out.len, (200 + 2) / 3 * 4 + 4 * 2);
}
END_TEST

START_TEST(choice_follows_the_share_beyond_ascii)
{
	ck_assert_int_eq(
	    pr_encoding_choose(PR_STR("all plain, long enough to be read eight at once")),
	    PR_ENCODING_7BIT);
	ck_assert_int_eq(pr_encoding_choose(PR_STR("Gr\xC3\xBC\xC3\x9F"
	                                           "e aus der sch\xC3\xB6nen Stadt")),
	                 PR_ENCODING_QP);
	ck_assert_int_eq(pr_encoding_choose(PR_STR("\xE4\xBD\xA0\xE5\xA5\xBD <b>\xE4\xB8\x96</b>")),
	                 PR_ENCODING_BASE64);
	ck_assert_int_eq(pr_encoding_choose(PR_STR("")), PR_ENCODING_7BIT);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {qp_writes_each_case_as_the_rfc_has_it, ROWS(qp_cases)},
	    {qp_decodes_to_the_text_whatever_stands_at_the_edge},
	    {qp_lines_stay_within_76_for_random_octets},
	    {seven_bit_copies_what_is_safe_and_declines_the_rest, ROWS(plain_cases)},
	    {seven_bit_takes_lines_of_998_octets_and_not_of_999},
	    {base64_breaks_lines_at_76_and_uses_crlf_in_text},
	    {choice_follows_the_share_beyond_ascii},
	};
	int failed = suite_run("message_encode", NULL, NULL, tests, ROWS(tests));
	pr_buf_finish(&out);
	pr_buf_finish(&back);
	pr_buf_finish(&scratch);
	return failed;
}
