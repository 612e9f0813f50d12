/* The end of mail data, wherever the network cuts it. */
#include "sink/header.h"
#include "sink/scan.h"
#include "suite.h"

#include "postrider/base/buf.h"

struct outcome {
	struct pr_buf body;
	size_t used;
	struct sink_scan scan;
};

/* Feed data in pieces that end at the given offsets. */
static struct outcome
scan(struct pr_str data, const size_t *cuts, size_t n_cuts)
{
	struct outcome o = {0};
	for (size_t i = 0; i <= n_cuts; i++) {
		size_t end = i < n_cuts ? cuts[i] : data.n;
		while (o.used < end && !o.scan.ended) {
			struct pr_str body;
			o.used += sink_scan(&o.scan, data.p + o.used, end - o.used, &body);
			pr_buf_add_str(&o.body, body);
		}
	}
	return o;
}

static const struct {
	const char *name, *in, *body, *rest; /* rest: what follows the end; NULL: no end */
	unsigned bare_lfs;
} cases[] = {
    {"empty message", ".\r\n", "", "", 0},
    {"plain", "a\r\nb\r\n.\r\n", "a\r\nb\r\n", "", 0},
    {"commands behind the end", "a\r\n.\r\nMAIL", "a\r\n", "MAIL", 0},
    {"stuffed dots", "..\r\n...a\r\n.b\r\n.\r\n", ".\r\n..a\r\nb\r\n", "", 0},
    {"stuffed line of one CR", ".\rx\r\n.\r\n", "\rx\r\n", "", 0},
    {"stuffed line of two CR", ".\r\r\nb\r\n.\r\n", "\r\r\nb\r\n", "", 0},
    {"dot within a line", "a.\r\n.\r\n", "a.\r\n", "", 0},
    {"LF.LF is no end", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", "", 2},
    {"LF.CRLF is no end", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", "", 1},
    {"CRLF.LF is no end", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", "", 1},
    {"CR.CR is no end", "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", "", 0},
    {"two CR before LF", "a\r\r\n.\r\nx", "a\r\r\n", "x", 0},
    {"bare LF first", "\na\r\n.\r\n", "\na\r\n", "", 1},
    {"blank lines", "\r\n\r\n.\r\n", "\r\n\r\n", "", 0},
    {"NUL octets are data", "a\0b\r\n.\r\n", "a\0b\r\n", "", 0},
    {"not ended", "a\r\n.", "a\r\n", NULL, 0},
};

static struct pr_str
text(const char *s) /* one of the cases holds a NUL */
{
	return s && s[0] == 'a' && !s[1] && s[2] == 'b' ? pr_str_n(s, strlen(s + 2) + 2)
	                                                : pr_str(s);
}

static void
expect(size_t c, struct outcome o)
{
	struct pr_str in = text(cases[c].in), body = text(cases[c].body);
	ck_assert_msg(pr_str_eq(pr_buf_str(&o.body), body), "%s: body", cases[c].name);
	ck_assert_msg(o.scan.ended == (cases[c].rest != NULL), "%s: end", cases[c].name);
	if (cases[c].rest)
		ck_assert_uint_eq(in.n - o.used, strlen(cases[c].rest));
	ck_assert_uint_eq(o.scan.octets, body.n);
	ck_assert_msg(o.scan.bare_lfs == cases[c].bare_lfs, "%s: %u bare LF", cases[c].name,
	              o.scan.bare_lfs);
	pr_buf_finish(&o.body);
}

START_TEST(end_is_found_in_one_piece)
{
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
		expect(c, scan(text(cases[c].in), NULL, 0));
}
END_TEST

START_TEST(end_is_found_when_cut_at_any_two_places)
{
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		size_t n = text(cases[c].in).n;
		for (size_t a = 0; a <= n; a++)
			for (size_t b = a; b <= n; b++)
				expect(c, scan(text(cases[c].in), (size_t[]){a, b}, 2));
	}
}
END_TEST

START_TEST(end_is_found_octet_by_octet)
{
	size_t cuts[64];
	for (size_t i = 0; i < 64; i++)
		cuts[i] = i + 1;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
		expect(c, scan(text(cases[c].in), cuts, text(cases[c].in).n));
}
END_TEST

START_TEST(only_lines_beyond_the_limit_count_as_long)
{
	static const struct {
		size_t length;
		unsigned cut, expect;
	} lines[] = {{998, 0, 0}, {999, 0, 1}, {998, 1, 0}, {999, 1, 1}};
	for (size_t i = 0; i < 4; i++) {
		struct pr_buf in = {0};
		for (size_t k = 0; k < lines[i].length; k++)
			pr_buf_addc(&in, 'x');
		pr_buf_adds(&in, "\r\n.\r\n");
		/* cut between CR and LF */
		size_t cut = lines[i].length + 1;
		struct outcome o = scan(pr_buf_str(&in), &cut, lines[i].cut);
		ck_assert_uint_eq(o.scan.long_lines, lines[i].expect);
		pr_buf_finish(&o.body);
		pr_buf_finish(&in);
	}
}
END_TEST

static const struct {
	const char *message, *id;
} headers[] = {
    {"Message-ID: <1@a>\r\n\r\n", "<1@a>"},
    {"Subject: x\r\nmessage-id:<2@a>\r\nTo: y\r\n\r\n", "<2@a>"},
    {"Message-ID:\r\n <3@a>\r\nTo: y\r\n\r\n", "<3@a>"},
    {"Message-ID: <4@a>\r\nMessage-ID: <5@a>\r\n\r\n", "<4@a>"},
    {"Subject: x\r\n\r\nMessage-ID: <6@a>\r\n", ""},
    {"Subject: x\r\n Message-ID: <7@a>\r\n\r\n", ""},
    {"X-Message-ID: <8@a>\r\n\r\n", ""},
    {"Message-ID: <9@a>", "<9@a>"},
};

START_TEST(message_id_is_found_in_the_header_wherever_it_is_cut)
{
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct pr_str m = pr_str(headers[i].message);
		for (size_t cut = 0; cut <= m.n; cut++) {
			struct sink_header h = {0};
			sink_header_feed(&h, pr_str_n(m.p, cut));
			sink_header_feed(&h, pr_str_n(m.p + cut, m.n - cut));
			sink_header_end(&h);
			ck_assert_msg(pr_str_is(pr_buf_str(&h.value), headers[i].id),
			              "%zu at %zu: %s", i, cut, h.value.data);
			sink_header_finish(&h);
		}
	}
}
END_TEST

START_TEST(header_without_end_is_held_in_bounds)
{
	struct sink_header h = {0};
	char chunk[4096];
	memset(chunk, 'x', sizeof chunk);
	for (int i = 0; i < 100; i++)
		sink_header_feed(&h, pr_str_n(chunk, sizeof chunk));
	ck_assert(h.done);
	ck_assert_uint_le(h.line.len, SINK_FIELD_MAX);
	sink_header_finish(&h);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {end_is_found_in_one_piece},
	    {end_is_found_when_cut_at_any_two_places},
	    {end_is_found_octet_by_octet},
	    {only_lines_beyond_the_limit_count_as_long},
	    {message_id_is_found_in_the_header_wherever_it_is_cut},
	    {header_without_end_is_held_in_bounds},
	};
	return suite_run("sink_scan", NULL, NULL, tests, ROWS(tests));
}
