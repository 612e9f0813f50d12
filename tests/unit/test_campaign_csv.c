/* Reading CSV: what people write, what is damaged, encodings; the shared corpus. */
#include "corpus.h"
#include "suite.h"

#include "postrider/campaign/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct pr_problems problems;
static struct pr_buf shown; /* "LINE:field|field!why\n" for each record */

static int
show(void *context, const struct pr_csv_record *record)
{
	pr_buf_addf(&shown, "%llu:", (unsigned long long)record->line);
	for (size_t i = 0; i < record->n; i++) {
		pr_buf_adds(&shown, i ? "|" : "");
		for (size_t k = 0; k < record->fields[i].n; k++) {
			char c = record->fields[i].p[k];
			pr_buf_adds(&shown, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "");
			if (c != '\n' && c != '\r')
				pr_buf_addc(&shown, c);
		}
	}
	if (record->bad)
		pr_buf_addf(&shown, "!%s", record->bad);
	pr_buf_addc(&shown, '\n');
	return context ? *(int *)context : 0;
}

static int
file_of(const void *data, size_t n)
{
	int fd = memfd_create("csv", 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
read_with(const void *data, size_t n, const char *encoding, char delimiter)
{
	struct pr_csv_options o = {"r.csv", encoding, delimiter};
	struct pr_error e = {0};
	int fd = file_of(data, n);
	pr_problems_finish(&problems);
	pr_buf_clear(&shown);
	pr_buf_adds(&shown, "");
	int r = pr_csv_read(fd, &o, show, NULL, &problems, &e);
	close(fd);
	return r;
}

static void
finish(void)
{
	pr_problems_finish(&problems);
	pr_buf_finish(&shown);
}

START_TEST(records_are_what_people_meant)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"", ""},
	    {"\n\r\n", ""},
	    {"a,b\n1,2\n", "1:a|b\n2:1|2\n"},
	    {"a,b\r\n1,2\r\n3,4", "1:a|b\n2:1|2\n3:3|4\n"},
	    {"a,b\r1,2\r", "1:a|b\n2:1|2\n"},
	    {"a,b\n\n\n1,2\n", "1:a|b\n4:1|2\n"},
	    {"a,b\n1,\n,\n", "1:a|b\n2:1|\n3:|\n"},
	    {"a,b\n\"x, y\",\"say \"\"hi\"\"\"\n", "1:a|b\n2:x, y|say \"hi\"\n"},
	    {"a,b\n\"x\r\ny\",2\n3,4\n", "1:a|b\n2:x\\r\\ny|2\n4:3|4\n"},
	    {"a,b\n 1 ,\t2 \n", "1:a|b\n2: 1 |\t2 \n"},
	    {"a,b\n5\" pipe,\"\"\n", "1:a|b\n2:5\" pipe|\n"},
	    {"\"\"\"\"\n", "1:\"\n"},
	    {"a;b\n1,5;2\n", "1:a|b\n2:1,5|2\n"},
	    {"a\tb\n1\t2\n", "1:a|b\n2:1|2\n"},
	    {"\"a,b,c\";d\n1;2\n", "1:a,b,c|d\n2:1|2\n"},
	    {"one\nx\n", "1:one\n2:x\n"},
	    {"sep=;\na;b,c\n1;2\n", "2:a|b,c\n3:1|2\n"},
	    {"sep=|\r\na|b\r\n", "2:a|b\n"},
	    {"a,b\n1,2,3\n4\n", "1:a|b\n2:1|2|3\n3:4\n"},
	    {"\xEF\xBB\xBF\"a\",b\n", "1:a|b\n"},
	    {"a,b\n1,2\rx,y\n", "1:a|b\n2:1|2\n2:x|y\n"},
	    {"a,b\n\"un\"closed,2\n3,4\n", "1:a|b\n2:un\"closed|2!text follows a closing quotation "
	                                   "mark\n3:3|4\n"},
	    {"a,b\n\"Joe \"The Man\" Doe\",2\n3,4\n",
	     "1:a|b\n2:Joe \"The Man\" Doe\"|2!text follows a closing quotation mark\n3:3|4\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(read_with(rows[i].in, strlen(rows[i].in), "auto", 0), 0);
		ck_assert_str_eq(shown.data, rows[i].out);
		ck_assert_uint_eq(problems.n, 0);
	}
	finish();
}
END_TEST

START_TEST(delimiter_that_is_said_is_taken)
{
	ck_assert_int_eq(read_with("a,b;c\n", 6, NULL, ';'), 0);
	ck_assert_str_eq(shown.data, "1:a,b|c\n");
	ck_assert_int_eq(read_with("sep=,\na,b;c\n", 12, NULL, ';'), 0);
	ck_assert_str_eq(shown.data, "2:a,b|c\n");
	finish();
}
END_TEST

START_TEST(nul_spoils_its_record_only)
{
	ck_assert_int_eq(read_with("a,b\n1,\0x\n3,4\n", 13, NULL, 0), 0);
	struct pr_str end = PR_STR("!a NUL octet\n3:3|4\n");
	ck_assert_ptr_nonnull(memmem(shown.data, shown.len, end.p, end.n));
	finish();
}
END_TEST

START_TEST(what_is_too_large_spoils_its_record_only)
{
	static const struct {
		size_t field, fields, columns;
		const char *why;
	} rows[] = {
	    {PR_CSV_FIELD_MAX, 1, 0, NULL},
	    {PR_CSV_FIELD_MAX + 1, 1, 0, "a field is longer than 64 KiB"},
	    {3 * PR_CSV_FIELD_MAX, 1, 0, "a field is longer than 64 KiB"},
	    {PR_CSV_FIELD_MAX, 17, 0, "the row is longer than 1 MiB"},
	    {1, PR_CSV_COLUMNS_MAX, 0, NULL},
	    {1, PR_CSV_COLUMNS_MAX + 1, 0, "more than 500 columns"},
	};
	for (int quoted = 0; quoted < 2; quoted++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct pr_buf b = {0};
			pr_buf_adds(&b, "a,b\n");
			for (size_t f = 0; f < rows[i].fields; f++) {
				pr_buf_adds(&b, f ? "," : "");
				pr_buf_adds(&b, quoted ? "\"" : "");
				for (size_t k = 0; k < rows[i].field;
				     k++) /* quoted ones over many lines */
					pr_buf_addc(&b, quoted && k % 1000 == 999 ? '\n' : 'x');
				pr_buf_adds(&b, quoted ? "\"" : "");
			}
			pr_buf_adds(&b, "\n3,4\n");
			ck_assert_int_eq(read_with(b.data, b.len, NULL, 0), 0);
			ck_assert_ptr_nonnull(strstr(shown.data, ":3|4\n"));
			char *bad = strchr(shown.data, '!');
			ck_assert(!bad == !rows[i].why);
			if (bad)
				ck_assert_msg(strncmp(bad + 1, rows[i].why, strlen(rows[i].why)) ==
				                  0,
				              "%.50s", bad);
			pr_buf_finish(&b);
		}
	finish();
}
END_TEST

START_TEST(unclosed_quotation_mark_names_the_line_where_it_began)
{
	static const char text[] = "a,b\n1,\"x\ny\"\n5,\"six\n7,8\n9,10\n";
	ck_assert_int_eq(read_with(text, strlen(text), NULL, 0), PR_EINVAL);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_uint_eq(problems.items[0].line, 4);
	/* A field of another line than its record. */
	static const char second[] = "a,b\n\"x\ny\",\"six\n7,8\n";
	ck_assert_int_eq(read_with(second, strlen(second), NULL, 0), PR_EINVAL);
	ck_assert_uint_eq(problems.items[0].line, 3);
	/* And a large one, in bounded memory. */
	struct pr_buf b = {0};
	pr_buf_adds(&b, "a,b\n1,\"2\n");
	for (int i = 0; i < 100000; i++)
		pr_buf_adds(&b, "xxxxxxx,yyyyyyyy\n");
	ck_assert_int_eq(read_with(b.data, b.len, NULL, 0), PR_EINVAL);
	ck_assert_uint_eq(problems.items[0].line, 2);
	pr_buf_finish(&b);
	finish();
}
END_TEST

START_TEST(text_that_is_not_utf_8_is_refused_with_line_guess_and_key)
{
	static const char text[] = "email,name,city\na@b.de,Ann,Berlin\n"
				   "c@d.de,J\xFCrgen M\xFCller,M\xFCnchen\n";
	ck_assert_int_eq(read_with(text, strlen(text), "auto", 0), PR_EINVAL);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_uint_eq(problems.items[0].line, 3);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "windows-1252"));
	ck_assert_ptr_nonnull(strstr(problems.items[0].remedy, "encoding: windows-1252"));
	ck_assert_int_eq(read_with(text, strlen(text), "windows-1252", 0), 0);
	ck_assert_ptr_nonnull(strstr(shown.data, "3:c@d.de|J\xC3\xBCrgen M\xC3\xBCller|M"));
	finish();
}
END_TEST

/* The same text in an encoding, by iconv's names. */
static void
encode(const char *from, const char *name, struct pr_buf *out)
{
	char command[200], chunk[4096];
	size_t n;
	snprintf(command, sizeof command, "printf '%s' | iconv -f utf-8 -t %s", from, name);
	FILE *f = popen(command, "r");
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		pr_buf_add(out, chunk, n);
	ck_assert_int_eq(pclose(f), 0);
}

START_TEST(encodings_are_taken_by_name_and_guessed_for_people)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
	    {"gb18030",
	     "email,\xE5\xA7\x93\xE5\x90\x8D\\na@b.cn,\xE5\xBC\xA0\xE4\xBC\x9F\xEF\xBC\x8C"
	     "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE6\x88\x91\xE4\xBB\xAC\xE7\x9A\x84\\n"},
	    {"shift_jis",
	     "email,\xE5\x90\x8D\\na@b.jp,\xE5\xB1\xB1\xE7\x94\xB0\xE3\x81\x95\xE3\x82\x93"
	     "\xE3\x81\xAF\xE3\x81\xAA\xE3\x81\x93\\n"},
	    {"windows-1251", "email,name\\na@b.ru,\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD "
	                     "\xD0\x9F\xD0\xB5\xD1\x82\xD1\x80\xD0\xBE\xD0\xB2\\n"},
	    /* a name or two is all there may be */
	    {"gb18030", "email,name\\na@b.cn,\xE4\xBD\xA0\xE5\xA5\xBD\\n"},
	    {"gb18030", "email,name\\na@b.cn,\xE9\x99\x88\xE9\x9D\x99\\n"},
	    {"gb18030",
	     "email,name\\na@b.cn,\xE5\xB0\x8A\xE6\x95\xAC\xE7\x9A\x84\xE5\xAE\xA2\xE6\x88\xB7\\n"},
	    {"euc-kr", "email,name\\na@b.kr,\xEA\xB9\x80\xEC\xB2\xA0\xEC\x88\x98\\n"},
	    {"euc-jp", "email,name\\na@b.jp,\xE7\x94\xB0\xE4\xB8\xAD\xE5\xA4\xAA\xE9\x83\x8E\\n"},
	    {"big5", "email,name\\na@b.tw,\xE7\x8E\x8B\xE5\xB0\x8F\xE6\x98\x8E\\n"},
	    {"windows-1250", "email,name\\na@b.cz,Zden\xC4\x9Bk Dvo\xC5\x99\xC3\xA1k\\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pr_buf b = {0}, utf8 = {0};
		encode(rows[i].text, rows[i].name, &b);
		encode(rows[i].text, "utf-8", &utf8);
		ck_assert_int_eq(read_with(b.data, b.len, "auto", 0), PR_EINVAL);
		ck_assert_msg(strstr(problems.items[0].what, rows[i].name), "%s: %s", rows[i].name,
		              problems.items[0].what);
		ck_assert_int_eq(read_with(b.data, b.len, rows[i].name, 0), 0);
		struct pr_buf expect = {0};
		pr_buf_add(&expect, shown.data, shown.len);
		ck_assert_int_eq(read_with(utf8.data, utf8.len, "auto", 0), 0);
		ck_assert_str_eq(expect.data, shown.data);
		pr_buf_finish(&expect);
		pr_buf_finish(&b);
		pr_buf_finish(&utf8);
	}
	finish();
}
END_TEST

START_TEST(utf_16_is_known_by_its_mark_and_suspected_by_its_zeros)
{
	static const char *const names[] = {"utf-16le", "utf-16be", "utf-32le", "utf-32be"};
	for (int i = 0; i < 4; i++) {
		struct pr_buf b = {0};
		encode("\xEF\xBB\xBF"
		       "email,name\\na@b.cn,\xE5\xBC\xA0\\n",
		       names[i], &b);
		ck_assert_int_eq(read_with(b.data, b.len, "auto", 0), 0);
		ck_assert_str_eq(shown.data, "1:email|name\n2:a@b.cn|\xE5\xBC\xA0\n");
		ck_assert_int_eq(read_with(b.data, b.len, names[i], 0), 0);
		ck_assert_str_eq(shown.data, "1:email|name\n2:a@b.cn|\xE5\xBC\xA0\n");
		size_t mark = i < 2 ? 2 : 4;
		ck_assert_int_eq(read_with(b.data + mark, b.len - mark, names[i], 0), 0);
		ck_assert_str_eq(shown.data, "1:email|name\n2:a@b.cn|\xE5\xBC\xA0\n");
		if (i < 2) {
			ck_assert_int_eq(read_with(b.data + 2, b.len - 2, "auto", 0), PR_EINVAL);
			ck_assert_ptr_nonnull(strstr(problems.items[0].remedy, names[i]));
		}
		ck_assert_int_eq(read_with(b.data, b.len - 1, names[i], 0), PR_EINVAL); /* cut */
		pr_buf_finish(&b);
	}
	finish();
}
END_TEST

START_TEST(wrong_encoding_names_are_problems)
{
	ck_assert_int_eq(read_with("a\n", 2, "utf-9", 0), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "utf-9"));
	ck_assert_int_eq(read_with("a,b\n1,\xFF\xFF\n", 9, "shift_jis", 0), PR_EINVAL);
	ck_assert_uint_eq(problems.items[0].line, 2);
	finish();
}
END_TEST

/* Characters and line ends at every place around the edge of what is read at once. */
START_TEST(edges_of_chunks_do_not_show)
{
	static const char tail[] =
	    "\"\xE5\xBC\xA0\r\n\xF0\x9F\x93\xAE\"\"\",z\r\nlast,\xC3\xBC\r\n";
	for (size_t pad = 65536 - 30; pad < 65536 + 4; pad++) {
		struct pr_buf b = {0};
		while (b.len + 40 < pad)
			pr_buf_adds(&b, "first record of the file,b\r\n");
		while (b.len < pad)
			pr_buf_addc(&b, '\n');
		pr_buf_add(&b, tail, sizeof tail - 1);
		ck_assert_int_eq(read_with(b.data, b.len, NULL, 0), 0);
		struct pr_str end = PR_STR(":\xE5\xBC\xA0\\r\\n\xF0\x9F\x93\xAE\"|z\n");
		ck_assert_ptr_nonnull(memmem(shown.data, shown.len, end.p, end.n));
		ck_assert_ptr_nonnull(strstr(shown.data, ":last|\xC3\xBC\n"));
		ck_assert_ptr_null(strchr(shown.data, '!'));
		pr_buf_finish(&b);
	}
	finish();
}
END_TEST

START_TEST(reading_ends_where_the_reader_says)
{
	struct pr_csv_options o = {"r.csv", NULL, 0};
	struct pr_error e = {0};
	int stop = PR_ECANCELLED, fd = file_of("a\nb\nc\n", 6);
	pr_buf_clear(&shown);
	ck_assert_int_eq(pr_csv_read(fd, &o, show, &stop, &problems, &e), PR_ECANCELLED);
	ck_assert_str_eq(shown.data, "1:a\n");
	close(fd);
	finish();
}
END_TEST

/* ---- the corpus ---- */

/* Where we decide otherwise than a suite expects. */
static bool
is_ours(const char *id)
{
	static const char *const ids[] = {
	    "own/tab-separated", /* the tab is found to be the delimiter */
	    /* Blank lines are no recipients. */
	    "csv-test-data/all-empty",
	    "csv-test-data/empty-one-column",
	};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (strcmp(id, ids[i]) == 0)
			return true;
	return false;
}

static json_t *rows_read;

static int
keep_json(void *context, const struct pr_csv_record *record)
{
	json_t *row = json_array();
	(void)context;
	for (size_t i = 0; i < record->n; i++)
		json_array_append_new(row, json_stringn(record->fields[i].p, record->fields[i].n));
	json_array_append_new(rows_read, row);
	return 0;
}

/* Records by name become rows under a header, as the file has them. */
static bool
same_records(json_t *expect)
{
	size_t i;
	json_t *record, *header = json_array_get(rows_read, 0), *value;
	const char *name;
	if (json_array_size(rows_read) != json_array_size(expect) + 1)
		return false;
	json_array_foreach(expect, i, record)
	{
		json_t *row = json_array_get(rows_read, i + 1);
		size_t at = 0;
		json_object_foreach(record, name, value)
		{
			const char *column = json_string_value(json_array_get(header, at));
			if (!column || strcmp(column, name) != 0 ||
			    !json_equal(json_array_get(row, at), value))
				return false;
			at++;
		}
	}
	return true;
}

static size_t
base64(const char *in, char *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, v = 0;
	size_t n = 0;
	for (; *in && *in != '='; in++) {
		v = v << 6 | (unsigned)(strchr(digits, *in) - digits);
		if ((bits += 6) >= 8)
			out[n++] = (char)(v >> (bits -= 8));
	}
	return n;
}

static size_t judged;

static void
check_file(json_t *file)
{
	const char *id = corpus_text(file, "id"), *text = corpus_text(file, "csv_b64");
	json_t *expect = json_object_get(file, "expect");
	char *octets = malloc(strlen(text) + 1);
	struct pr_csv_options o = {"r.csv", "auto", 0};
	struct pr_error e = {0};
	int fd = file_of(octets, base64(text, octets));
	rows_read = json_array();
	int r = pr_csv_read(fd, &o, keep_json, NULL, &problems, &e);
	close(fd);
	if (json_is_array(expect) && !is_ours(id)) {
		bool named = json_is_true(json_object_get(file, "header"));
		bool same = named ? same_records(expect) : json_equal(rows_read, expect);
		ck_assert_msg(r == 0 && same, "%s", id);
		judged++;
	}
	json_decref(rows_read);
	free(octets);
}

START_TEST(files_of_the_corpus_read_as_expected)
{
	if (corpus_each("csv.jsonl", check_file))
		ck_assert_uint_gt(judged, 10);
	finish();
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {records_are_what_people_meant},
	    {delimiter_that_is_said_is_taken},
	    {nul_spoils_its_record_only},
	    {what_is_too_large_spoils_its_record_only},
	    {unclosed_quotation_mark_names_the_line_where_it_began},
	    {text_that_is_not_utf_8_is_refused_with_line_guess_and_key},
	    {encodings_are_taken_by_name_and_guessed_for_people},
	    {utf_16_is_known_by_its_mark_and_suspected_by_its_zeros},
	    {wrong_encoding_names_are_problems},
	    {edges_of_chunks_do_not_show},
	    {reading_ends_where_the_reader_says},
	    {files_of_the_corpus_read_as_expected},
	};
	return suite_run("campaign_csv", NULL, NULL, tests, ROWS(tests));
}
