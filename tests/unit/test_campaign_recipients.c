/* Import of recipients: columns, bad rows, duplicates, what holds a campaign. */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/campaign/recipients_internal.h"

static struct pr_problems problems;
static struct pr_recipients_result result;
static pr_ledger *ledger;
static pr_audience *audience; /* NULL: nobody is suppressed */

static struct pr_manifest
manifest(void)
{
	struct pr_manifest m = {0};
	m.recipients.file = (struct pr_text){.p = "recipients.csv", .n = 14};
	m.recipients.encoding = (struct pr_text){.p = "auto", .n = 4};
	m.recipients.expect_rows = -1;
	m.recipients.max_rejects = 0.05;
	m.recipients.rejects_free = 10;
	return m;
}

static void
write_file(const void *data, size_t n)
{
	struct pr_error e;
	char path[100];
	snprintf(path, sizeof path, "%s/recipients.csv", folder);
	ok(pr_file_replace(AT_FDCWD, path, data, n, 0600, &e), &e);
}

static void
forget_ledger(void)
{
	pr_ledger_close(ledger);
	ledger = NULL;
	pr_problems_finish(&problems);
}

static int
import_as(const struct pr_manifest *m, const char *text)
{
	struct pr_error e = {0};
	struct pr_recipients_source s = {.manifest = m,
	                                 .ledger_path = ledger_path,
	                                 .identity = identity(),
	                                 .audience = audience};
	forget_ledger();
	if (text)
		write_file(text, strlen(text));
	s.dir = open(folder, O_RDONLY | O_DIRECTORY);
	int r = pr_recipients_import(&s, &result, &ledger, &problems, &e);
	close(s.dir);
	return r;
}

static int
import(const char *text)
{
	struct pr_manifest m = manifest();
	return import_as(&m, text);
}

static char *
rejects(void)
{
	static struct pr_buf b;
	char path[100];
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	snprintf(path, sizeof path, "%s/rejects.csv", folder);
	if (pr_file_read(AT_FDCWD, path, 1 << 20, &b, NULL) < 0)
		return NULL;
	return b.data;
}

static void
finish(void)
{
	forget_ledger();
	remove_folder();
}

START_TEST(good_rows_wait_and_bad_ones_are_listed)
{
	ck_assert_int_eq(import("email,name\r\n"
	                        "a@B.example,Ann\r\n"
	                        "nobody,=cmd()\r\n"
	                        "b@b.example,\"B\r\nBcc: x@y.example\"\r\n"
	                        "c@b.example,C,extra\r\n"
	                        "=d@b..example,D\r\n"
	                        ",,\r\n"
	                        "\r\n"
	                        "e@b.example,E\r\n"),
	                 0);
	ck_assert_uint_eq(result.rows, 6);
	ck_assert_uint_eq(result.pending, 3);
	ck_assert_uint_eq(result.skipped, 3);
	ck_assert_uint_eq(result.bad_addresses, 2);
	ck_assert_uint_eq(result.ragged, 1);
	ck_assert_str_eq(rejects(), "row,line,value,reason\r\n"
	                            "2,3,nobody,no @ in the address\r\n"
	                            "4,6,c@b.example,3 fields instead of 2\r\n"
	                            "5,7,'=d@b..example,a dot too many in the domain\r\n");
	ck_assert_str_eq(known(ledger, 1).email, "a@b.example");
	ck_assert_str_eq(known(ledger, 2).email, "nobody");
	ck_assert_str_eq(known(ledger, 2).reply, "no @ in the address");
	struct pr_counts c = counts_of(ledger);
	ck_assert_uint_eq(c.of[PR_PENDING], 3);
	ck_assert_uint_eq(c.of[PR_SKIPPED], 3);
	struct pr_batch *b;
	struct pr_error e = {0};
	struct pr_str fields[2];
	ok(pr_ledger_refill_fresh(ledger, 0, 1, 10, SIZE_MAX, &b, &e), &e);
	ck_assert_uint_eq(b->n, 3);
	pr_fields_unpack(b->rows[0].data, fields, 2);
	ck_assert(pr_str_is(fields[0], "a@B.example")); /* as it stood in the file */
	pr_fields_unpack(b->rows[1].data, fields, 2);
	ck_assert(pr_str_is(fields[1], "B\r\nBcc: x@y.example"));
	pr_batch_unref(b);
}
END_TEST

START_TEST(file_without_bad_rows_has_no_rejects)
{
	ck_assert_int_eq(import("email\nnobody\n"), 0);
	ck_assert_ptr_nonnull(rejects());
	ck_assert_int_eq(import("email\na@b.example\n"), 0);
	ck_assert_ptr_null(rejects());
}
END_TEST

START_TEST(first_row_of_an_address_stays)
{
	ck_assert_int_eq(import("email,n\na@x.example,1\nb@x.example,2\na@X.Example,3\n"
	                        "A@x.example,4\nbad,5\na@x.example,6\n b@x.example ,7\n"),
	                 0);
	ck_assert_uint_eq(result.duplicates, 3);
	ck_assert_uint_eq(result.pending, 3);
	ck_assert_uint_eq(result.skipped, 4);
	ck_assert_str_eq(rejects(), "row,line,value,reason\r\n"
	                            "5,6,bad,no @ in the address\r\n"
	                            "3,4,a@x.example,duplicate of row 1\r\n"
	                            "6,7,a@x.example,duplicate of row 1\r\n"
	                            "7,8,b@x.example,duplicate of row 2\r\n");
	ck_assert_int_eq(known(ledger, 4).state, PR_PENDING); /* local parts are exact */
	ck_assert_int_eq(known(ledger, 6).state, PR_SKIPPED);
	counts_of(ledger);
}
END_TEST

START_TEST(column_of_the_address_is_found_by_its_name)
{
	static const struct {
		const char *header, *wanted, *problem; /* problem NULL: column 1 is the address */
	} rows[] = {
	    {"name,email", NULL, NULL},
	    {"name,E-Mail", NULL, NULL},
	    {"name,E_MAIL", NULL, NULL},
	    {"name,mail", NULL, NULL},
	    {"name,Email Address", NULL, NULL},
	    {"name, email ", NULL, NULL},
	    {"Address,email", NULL, NULL}, /* a street beside */
	    {"mail,email", NULL, NULL},
	    {"name,address", NULL, NULL},
	    {"email,Kontakt", "Kontakt", NULL},
	    {"email,Kontakt", "kontakt", NULL},
	    {"email,E-Mail", NULL, "several columns could be"},
	    {"name,\xE9\x82\xAE\xE7\xAE\xB1", NULL, NULL}, /* by what it holds */
	    {"address,contact", NULL, NULL},
	    {"name,email", "mial", "no column \"mial\""},
	    {"name,x@y.example", NULL, "first row holds the address"},
	    {"email,email", NULL, "two columns are named"},
	    {"name,name,email", NULL, "two columns are named"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pr_manifest m = manifest();
		char text[200];
		if (rows[i].wanted)
			m.recipients.email =
			    (struct pr_text){.p = rows[i].wanted, .n = strlen(rows[i].wanted)};
		snprintf(text, sizeof text, "%s\nAnn,a@b.example\n", rows[i].header);
		int r = import_as(&m, text);
		if (!rows[i].problem) {
			ck_assert_msg(r == 0, "%s", rows[i].header);
			ck_assert_uint_eq(result.pending, 1);
			continue;
		}
		ck_assert_int_eq(r, PR_EINVAL);
		ck_assert_msg(strstr(problems.items[0].what, rows[i].problem), "%s",
		              problems.items[0].what);
		ck_assert_uint_eq(problems.items[0].line, 1);
		ck_assert_int_ne(access(ledger_path, F_OK), 0);
	}
}
END_TEST

START_TEST(column_of_the_address_is_found_by_what_it_holds_where_no_name_tells)
{
	ck_assert_int_eq(import("a,b,c\nx,one@x.example,\ny,no,z@x.example\nz,two@x.example,\n"),
	                 0);
	ck_assert_uint_eq(result.pending, 2);
	ck_assert_int_eq(import("a,b\none@x.example,two@x.example\n"), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "no column is the address"));
	ck_assert_int_eq(import("a,b\nx,1\n"), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "no column is the address"));
}
END_TEST

START_TEST(columns_without_a_name_are_left_out_with_a_warning)
{
	ck_assert_int_eq(import("email,,name,\na@b.example,1,Ann,2\n"), 0);
	ck_assert_uint_eq(problems.warnings, 1);
	struct pr_arena a;
	struct pr_str *names;
	pr_arena_init(&a);
	ck_assert_uint_eq(pr_ledger_columns(ledger, &a, &names), 2);
	ck_assert(pr_str_is(names[1], "name"));
	pr_arena_finish(&a);
	struct pr_batch *b;
	struct pr_error e = {0};
	struct pr_str fields[2];
	ok(pr_ledger_row(ledger, 1, &b, &e), &e);
	ck_assert_uint_eq(pr_fields_unpack(b->rows[0].data, fields, 2), 2);
	ck_assert(pr_str_is(fields[1], "Ann"));
	pr_batch_unref(b);
}
END_TEST

START_TEST(rows_without_consent_or_whose_consent_has_ended_are_skipped_and_are_no_bad_rows)
{
	struct pr_manifest m = manifest();
	m.consent.column = (struct pr_text){.p = "ok", .n = 2, .line = 9};
	m.consent.expires = (struct pr_text){.p = "until", .n = 5, .line = 9};
	m.recipients.max_rejects = 0;
	ck_assert_int_eq(import_as(&m, "email,ok,until\na@b.example,yes,\nb@b.example,no,\n"
	                               "c@b.example, YES ,2020-01-31\nd@b.example,1,9999-01-01\n"
	                               "e@b.example,,\nf@b.example,on,soon\n"),
	                 0);
	ck_assert_uint_eq(result.pending, 2);
	ck_assert_uint_eq(result.without_consent, 4);
	ck_assert_uint_eq(result.skipped, 4);
	ck_assert(!result.too_many_rejects);
	ck_assert_str_eq(rejects(), "row,line,value,reason\r\n"
	                            "2,3,b@b.example,has not consented (ok)\r\n"
	                            "3,4,c@b.example,until has passed\r\n"
	                            "5,6,e@b.example,has not consented (ok)\r\n"
	                            "6,7,f@b.example,until is no day like 2027-01-31\r\n");
}
END_TEST

START_TEST(a_consent_column_that_is_not_there_is_told)
{
	struct pr_manifest m = manifest();
	m.consent.column = (struct pr_text){.p = "okay", .n = 4, .line = 9};
	ck_assert_int_eq(import_as(&m, "email,ok\na@b.example,yes\n"), PR_EINVAL);
	ck_assert_str_eq(problems.items[0].what,
	                 "consent.column: the recipients have no column \"okay\"");
	ck_assert_uint_eq(problems.items[0].line, 9);
}
END_TEST

START_TEST(a_last_day_counts_to_its_end)
{
	int64_t noon;
	ck_assert(pr_parse_rfc3339(PR_STR("2027-01-31T12:00:00Z"), &noon));
	ck_assert_ptr_null(pr_consent_ended(PR_STR("2027-01-31"), noon));
	ck_assert_ptr_null(pr_consent_ended(PR_STR(" "), noon));
	ck_assert_ptr_nonnull(pr_consent_ended(PR_STR("2027-01-30"), noon));
	ck_assert_ptr_nonnull(pr_consent_ended(PR_STR("2027-01-31T11:59:59Z"), noon));
	ck_assert_ptr_nonnull(pr_consent_ended(PR_STR("31.01.2028"), noon));
}
END_TEST

static struct pr_manifest
with_coupons(const char *codes, const char *column)
{
	struct pr_manifest m = manifest();
	struct pr_error e;
	char path[100];
	snprintf(path, sizeof path, "%s/codes.csv", folder);
	ok(pr_file_replace(AT_FDCWD, path, codes, strlen(codes), 0600, &e), &e);
	m.coupons.file = (struct pr_text){.p = "codes.csv", .n = 9};
	if (column)
		m.coupons.column = (struct pr_text){.p = column, .n = strlen(column), .line = 7};
	return m;
}

/* The code of a row, as its template sees it; "" where it has none. */
static const char *
coupon_of(uint32_t row)
{
	static char code[PR_COUPON_MAX + 1];
	struct pr_str fields[3], *columns;
	struct pr_arena arena;
	struct pr_batch *b;
	struct pr_error e = {0};
	pr_arena_init(&arena);
	size_t n = pr_ledger_columns(ledger, &arena, &columns);
	ck_assert_uint_eq(n, 3);
	ck_assert(pr_str_is(columns[2], "coupon"));
	pr_arena_finish(&arena);
	ok(pr_ledger_row(ledger, row, &b, &e), &e);
	memset(fields, 0, sizeof fields);
	n = pr_fields_unpack(b->rows[0].data, fields, 3);
	snprintf(code, sizeof code, "%.*s", n == 3 ? (int)fields[2].n : 0, fields[2].p);
	pr_batch_unref(b);
	return code;
}

#define FOUR_ROWS "email,name\na@x.example,A\nbad,B\nc@x.example,\nd@x.example,D\n"

START_TEST(each_good_row_gets_one_code_in_the_order_of_both_files)
{
	struct pr_manifest m = with_coupons("Code\r\nAB-1\r\n\r\n AB-2 \r\nAB-3\r\nAB-4\r\n", NULL);
	ck_assert_int_eq(import_as(&m, FOUR_ROWS), 0);
	ck_assert_str_eq(coupon_of(1), "AB-1");
	ck_assert_str_eq(coupon_of(2), "");
	ck_assert_str_eq(coupon_of(3), "AB-2");
	ck_assert_str_eq(coupon_of(4), "AB-3");
	m = with_coupons("n;voucher code\n1;x,1\n2;x,2\n3;x,3\n", "Voucher Code");
	ck_assert_int_eq(import_as(&m, FOUR_ROWS), 0);
	ck_assert_str_eq(coupon_of(4), "x,3");
	m = with_coupons("k1\nk2\nk3\n", NULL); /* no head: the first is a code */
	ck_assert_int_eq(import_as(&m, FOUR_ROWS), 0);
	ck_assert_str_eq(coupon_of(1), "k1");
}
END_TEST

START_TEST(codes_that_cannot_be_given_out_refuse_the_campaign)
{
	char long_code[PR_COUPON_MAX + 10] = "";
	memset(long_code, 'x', PR_COUPON_MAX + 1);
	const struct {
		const char *codes, *column, *what;
		unsigned line, problems;
	} cases[] = {
	    {"k1\nk2\n", NULL, "there are 2 codes for 3 recipients", 0, 1},
	    {"", NULL, "there are 0 codes for 3 recipients", 0, 1},
	    {"k1\nk2\nk1\nk3\nk2\n", NULL, "the code stands on line", 0, 2},
	    {"k1\nk2,x\nk3\n", NULL, "there are several columns", 2, 1},
	    {"a,b\nk1,\nk2,y\n", "b", "the code is empty", 2, 1},
	    {"k1\n\"k\n2\"\nk3\n", NULL, "the code holds a control character", 2, 1},
	    {long_code, NULL, "the code is longer than 200 octets", 1, 1},
	    {"a,b\nk1,x\n", "c", "has no column \"c\"", 7, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pr_manifest m = with_coupons(cases[i].codes, cases[i].column);
		ck_assert_int_eq(import_as(&m, FOUR_ROWS), PR_EINVAL);
		ck_assert_uint_eq(problems.problems, cases[i].problems);
		ck_assert_ptr_nonnull(strstr(problems.items[0].what, cases[i].what));
		if (cases[i].line)
			ck_assert_uint_eq(problems.items[0].line, cases[i].line);
		ck_assert_ptr_null(ledger);
	}
}
END_TEST

START_TEST(a_column_of_the_recipients_is_not_hidden_by_codes)
{
	struct pr_manifest m = with_coupons("k1\n", NULL);
	ck_assert_int_eq(import_as(&m, "email,coupon\na@x.example,mine\n"), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "\"coupon\" of their own"));
}
END_TEST

START_TEST(required_values_that_are_blank_skip_the_row)
{
	struct pr_manifest m = manifest();
	struct pr_text required[] = {{.p = "name", .n = 4, .line = 9},
	                             {.p = "city", .n = 4, .line = 9}};
	m.required = (struct pr_texts){required, 1};
	ck_assert_int_eq(
	    import_as(&m, "email,name\na@b.example,Ann\nb@b.example,  \nc@b.example,\n"), 0);
	ck_assert_uint_eq(result.missing_required, 2);
	ck_assert_uint_eq(result.pending, 1);
	ck_assert_str_eq(known(ledger, 2).reply, "name is missing");
	ck_assert_str_eq(known(ledger, 2).email, "b@b.example");
	m.required.n = 2;
	ck_assert_int_eq(import_as(&m, NULL), PR_EINVAL);
	ck_assert_str_eq(problems.items[0].file, "campaign.yaml");
	ck_assert_uint_eq(problems.items[0].line, 9);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "city"));
	ck_assert_ptr_nonnull(strstr(problems.items[0].remedy, "email, name"));
}
END_TEST

START_TEST(too_many_bad_rows_or_another_number_are_told)
{
	struct pr_manifest m = manifest();
	static const char text[] = "email\na@b.example\nb@b.example\nbad\na@b.example\n";
	ck_assert_int_eq(import_as(&m, text), 0);
	ck_assert(!result.too_many_rejects && !result.count_differs); /* ten are free */
	m.recipients.rejects_free = 0;
	ck_assert_int_eq(import_as(&m, text), 0);
	ck_assert(result.too_many_rejects);
	m.recipients.max_rejects = 0.25; /* duplicates do not count */
	m.recipients.expect_rows = 4;
	ck_assert_int_eq(import_as(&m, text), 0);
	ck_assert(!result.too_many_rejects && !result.count_differs);
	m.recipients.max_rejects = 0.24;
	m.recipients.expect_rows = 3;
	ck_assert_int_eq(import_as(&m, text), 0);
	ck_assert(result.too_many_rejects && result.count_differs);
	m.recipients.max_rejects = 0;
	m.recipients.rejects_free = 1;
	ck_assert_int_eq(import_as(&m, text), 0);
	ck_assert(!result.too_many_rejects);
}
END_TEST

START_TEST(file_that_cannot_be_read_is_a_problem_and_leaves_no_ledger)
{
	static const struct {
		const char *text, *what;
	} rows[] = {
	    {"", "the file is empty"},
	    {"email,name\n", "no recipients"},
	    {"email,name\na@b.example,J\xFCrgen\n", "not valid UTF-8"},
	    {"email,name\na@b.example,\"Ann\nb@b.example,Bob\n", "never closed"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(import(rows[i].text), PR_EINVAL);
		ck_assert_ptr_nonnull(strstr(problems.items[0].what, rows[i].what));
		ck_assert_ptr_null(ledger);
		ck_assert_int_ne(access(ledger_path, F_OK), 0);
		ck_assert_ptr_null(rejects());
	}
	struct pr_manifest m = manifest();
	m.recipients.file.p = "none.csv";
	ck_assert_int_eq(import_as(&m, NULL), PR_EINVAL);
	m.recipients.file.p = "../recipients.csv";
	ck_assert_int_eq(import_as(&m, NULL), PR_EINVAL);
	char link[100];
	snprintf(link, sizeof link, "%s/link.csv", folder);
	ck_assert_int_eq(symlink("/etc/passwd", link), 0);
	m.recipients.file.p = "link.csv";
	ck_assert_int_eq(import_as(&m, NULL), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problems.items[0].what, "symbolic link"));
}
END_TEST

START_TEST(import_stops_when_told_and_leaves_nothing)
{
	struct pr_manifest m = manifest();
	struct pr_error e = {0};
	_Atomic bool stop = true;
	_Atomic uint64_t progress = 0;
	struct pr_recipients_source s = {.manifest = &m,
	                                 .ledger_path = ledger_path,
	                                 .stop = &stop,
	                                 .progress = &progress,
	                                 .identity = identity()};
	struct pr_buf b = {0};
	pr_buf_adds(&b, "email\n");
	for (int i = 0; i < 5000; i++)
		pr_buf_addf(&b, "user%d@b.example\n", i);
	write_file(b.data, b.len);
	s.dir = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(pr_recipients_import(&s, &result, &ledger, &problems, &e), PR_ECANCELLED);
	ck_assert_uint_ge(progress, 1024);
	ck_assert_int_ne(access(ledger_path, F_OK), 0);
	stop = false;
	ok(pr_recipients_import(&s, &result, &ledger, &problems, &e), &e);
	ck_assert_uint_eq(progress, 5000);
	close(s.dir);
	pr_buf_finish(&b);
}
END_TEST

/* ---- reading without a ledger ---- */

struct seen {
	unsigned columns, rows, bad;
	unsigned stop_at;
};

static bool
see_header(void *context, const struct pr_str *columns, size_t n)
{
	struct seen *s = context;
	(void)columns;
	s->columns = (unsigned)n;
	return true;
}

static bool
see_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	static const char *const emails[] = {"a@b.example", "bad", "c@b.example"};
	struct seen *s = context;
	ck_assert_uint_eq(row->row, ++s->rows);
	ck_assert_uint_eq(line, s->rows + 1);
	s->bad += bad != NULL;
	ck_assert(pr_str_is(row->email, emails[s->rows - 1]));
	return s->rows != s->stop_at;
}

START_TEST(rows_are_read_for_preview_without_a_ledger)
{
	struct pr_manifest m = manifest();
	struct seen seen = {0};
	struct pr_recipients_reader reader = {see_header, see_row, &seen};
	struct pr_error e = {0};
	static const char text[] = "name,email\nAnn,a@b.example\nBob,bad\nCy,c@b.example,\n";
	write_file(text, strlen(text));
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	ok(pr_recipients_read(&m, dir, &reader, &problems, &e), &e);
	ck_assert_uint_eq(seen.columns, 2);
	ck_assert_uint_eq(seen.rows, 3);
	ck_assert_uint_eq(seen.bad, 2);
	seen = (struct seen){.stop_at = 1};
	ok(pr_recipients_read(&m, dir, &reader, &problems, &e), &e);
	ck_assert_uint_eq(seen.rows, 1);
	close(dir);
}
END_TEST

/* ---- duplicates with hashes that collide ---- */

#define ADDRESSES 3000

static uint32_t
address_number(uint32_t row)
{
	return (uint32_t)pr_mix64(row) % (ADDRESSES * 2 / 3);
}

static int
number_as_text(void *context, uint32_t row, struct pr_buf *out, struct pr_error *e)
{
	(void)context, (void)e;
	pr_buf_addf(out, "user%u@b.example", (unsigned)address_number(row));
	return 0;
}

static int
mark_duplicate(void *context, uint32_t row, uint32_t first, uint64_t line, struct pr_error *e)
{
	uint32_t *firsts = context;
	(void)e;
	ck_assert_uint_eq(line, row + 10);
	ck_assert_uint_gt(row, firsts[0]); /* in order */
	firsts[0] = row;
	firsts[row] = first;
	return 0;
}

START_TEST(addresses_of_equal_hashes_are_told_apart)
{
	static const unsigned widths[] = {0, 1, 5, 12, 64};
	for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
		static uint32_t firsts[ADDRESSES + 1], seen[ADDRESSES];
		struct duplicates_options o = {.dir = AT_FDCWD,
		                               .memory = 1,
		                               .key = {1, 2},
		                               .hash_bits = widths[w],
		                               .address = number_as_text,
		                               .duplicate = mark_duplicate,
		                               .context = firsts};
		struct pr_error e = {0};
		memset(firsts, 0, sizeof firsts);
		memset(seen, 0, sizeof seen);
		duplicates *d = duplicates_create(&o);
		for (uint32_t row = 1; row <= ADDRESSES; row++) {
			struct pr_buf b = {0};
			number_as_text(NULL, row, &b, NULL);
			ok(duplicates_add(d, pr_buf_str(&b), row, row + 10, &e), &e);
			pr_buf_finish(&b);
		}
		ok(duplicates_tell(d, &e), &e);
		for (uint32_t row = 1; row <= ADDRESSES; row++) {
			uint32_t *first = &seen[address_number(row)];
			ck_assert_uint_eq(firsts[row], *first);
			*first = *first ? *first : row;
		}
		duplicates_destroy(d);
	}
}
END_TEST

static void
suppress_for(const char *address, const char *scope, enum pr_suppression_reason reason)
{
	struct pr_error e = {0};
	struct pr_suppression s = {.address = pr_str(address),
	                           .scope = pr_str(scope),
	                           .reason = reason,
	                           .note = PR_STR(""),
	                           .source = PR_STR("")};
	uint64_t generation;
	bool added;
	ok(pr_audience_change_begin(audience, &e), &e);
	int r = pr_audience_add(audience, &s, &added, &e);
	ok(pr_audience_change_end(audience, r, &generation, &e), &e);
}

static void
suppress(const char *address, const char *scope)
{
	suppress_for(address, scope, PR_SUPPRESSION_BOUNCED);
}

START_TEST(forgotten_people_are_numbers_without_address_and_fields)
{
	struct pr_manifest m = manifest();
	struct pr_error e = {0};
	struct pr_batch *b;
	char path[100];
	struct pr_text required = {.p = "name", .n = 4};
	m.required = (struct pr_texts){&required, 1};
	snprintf(path, sizeof path, "%s/audience.db", folder);
	ok(pr_audience_open(path, PR_AUDIENCE_WRITE, &audience, &e), &e);
	suppress_for("ann@a.example", "all", PR_SUPPRESSION_FORGOTTEN);
	m.consent.column = (struct pr_text){.p = "ok", .n = 2};
	int r = import_as(&m, "email,name,ok\nAnn@A.example,Ann,1\nbob@a.example,Bob,1\n"
	                      "ANN@a.example,,1\ncat@a.example,,1\nann@a.example,Ann,no\n");
	pr_audience_close(audience);
	audience = NULL;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(result.forgotten, 3);
	ck_assert_uint_eq(result.suppressed, 3);
	ck_assert_uint_eq(result.skipped, 1);
	ck_assert_ptr_null(strcasestr(rejects(), "ann@"));
	ok(pr_ledger_row(ledger, 1, &b, &e), &e);
	ck_assert_int_eq(b->rows[0].state, PR_SUPPRESSED);
	ck_assert_uint_eq(b->rows[0].email.n + b->rows[0].data.n, 0);
	pr_batch_unref(b);
	ck_assert_str_eq(known(ledger, 1).reply, "forgotten");
	ck_assert_str_eq(known(ledger, 2).email, "bob@a.example");
	counts_of(ledger);
}
END_TEST

START_TEST(whoever_is_suppressed_is_so_in_the_ledger_and_neither_bad_nor_a_duplicate)
{
	struct pr_manifest m = manifest();
	struct pr_error e = {0};
	char path[100];
	m.list = (struct pr_text){.p = "news", .n = 4};
	snprintf(path, sizeof path, "%s/audience.db", folder);
	ok(pr_audience_open(path, PR_AUDIENCE_WRITE, &audience, &e), &e);
	suppress("ann@a.example", "all");
	suppress("bob@a.example", "list news");
	suppress("cat@a.example", "list others");
	int r = import_as(&m, "email\nAnn@A.example\nann@a.example\nbob@a.example\n"
	                      "cat@a.example\ncat@a.example\nnobody\n");
	pr_audience_close(audience);
	audience = NULL;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(result.suppressed, 3);
	ck_assert_uint_eq(result.pending, 1);
	ck_assert_uint_eq(result.skipped, 2);
	ck_assert_uint_eq(result.duplicates, 1);
	struct pr_counts c = counts_of(ledger);
	ck_assert_uint_eq(c.total, 6);
	ck_assert_uint_eq(c.of[PR_SUPPRESSED], 3);
	ck_assert_uint_eq(c.of[PR_SKIPPED], 2);
	ck_assert_str_eq(known(ledger, 3).reply, "bounced on 1970-01-01, scope list news");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {good_rows_wait_and_bad_ones_are_listed},
	    {file_without_bad_rows_has_no_rejects},
	    {first_row_of_an_address_stays},
	    {column_of_the_address_is_found_by_its_name},
	    {column_of_the_address_is_found_by_what_it_holds_where_no_name_tells},
	    {columns_without_a_name_are_left_out_with_a_warning},
	    {rows_without_consent_or_whose_consent_has_ended_are_skipped_and_are_no_bad_rows},
	    {a_consent_column_that_is_not_there_is_told},
	    {a_last_day_counts_to_its_end},
	    {each_good_row_gets_one_code_in_the_order_of_both_files},
	    {codes_that_cannot_be_given_out_refuse_the_campaign},
	    {a_column_of_the_recipients_is_not_hidden_by_codes},
	    {required_values_that_are_blank_skip_the_row},
	    {too_many_bad_rows_or_another_number_are_told},
	    {file_that_cannot_be_read_is_a_problem_and_leaves_no_ledger},
	    {import_stops_when_told_and_leaves_nothing},
	    {rows_are_read_for_preview_without_a_ledger},
	    {addresses_of_equal_hashes_are_told_apart},
	    {forgotten_people_are_numbers_without_address_and_fields},
	    {whoever_is_suppressed_is_so_in_the_ledger_and_neither_bad_nor_a_duplicate},
	};
	return suite_run("campaign_recipients", make_folder, finish, tests, ROWS(tests));
}
