/* Files of text: what names a person goes, all else stays octet by octet. */
#include "suite.h"

#include "../../src/privacy/internal.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static int dir;
static struct pr_trace trace;

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	trace = (struct pr_trace){0};
	pr_trace_add(&trace, PR_STR("ann@a.example"));
}

static void
teardown(void)
{
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
}

/* What becomes of the text, and whether it changed. */
static int
erase(const char *text, size_t n, enum text_way way, uint32_t cells, struct pr_buf *after)
{
	struct pr_error e;
	ck_assert_int_eq(pr_file_replace(dir, "f", text, n, 0640, &e), 0);
	int r = text_erase(&trace, dir, "f", way, cells, &e);
	ck_assert_msg(r >= 0, "%s", e.text);
	ck_assert_int_eq(pr_file_read(dir, "f", 64u << 20, after, &e), 0);
	ck_assert_int_eq(faccessat(dir, ".forget.part", F_OK, 0), -1);
	return r;
}

static const struct {
	enum text_way way;
	uint32_t cells;
	const char *text, *after; /* NULL: as it was */
} texts[] = {
    {TEXT_MASK, 0, "row 3: Ann@A.example is bad\nrow 4", "row 3: ************* is bad\nrow 4"},
    {TEXT_MASK, 0, "nobody\n", NULL},
    {TEXT_MASK, 0, "", NULL},
    {TEXT_RECORDS, 0, "email,name\r\nann@a.example,Ann\r\nb@a.example,B\r\n",
     "email,name\r\nb@a.example,B\r\n"},
    {TEXT_RECORDS, 0, "email,note\nann@a.example,\"two\nlines\"\nb@a.example,\"x\"\"\ny\"",
     "email,note\nb@a.example,\"x\"\"\ny\""},
    {TEXT_RECORDS, 0, "joann@a.example,1\n", NULL},
    {TEXT_CELLS, 1u << 1 | 1u << 3,
     "7,ann@a.example,bounced,\"no, \"\"ann\"\"\",1\r\n8,b,c,d,e\r\n",
     "7,,bounced,,1\r\n8,b,c,d,e\r\n"},
    {TEXT_CELLS, 1u << 1, "8,b,see ann@a.example\n", "8,,see *************\n"},
    {TEXT_CELLS, 1u << 1, "7,\"ann@a.example\"", "7,"},
};

START_TEST(what_names_the_person_goes_and_nothing_else)
{
	struct pr_buf after = {0};
	const char *text = texts[_i].text;
	int r = erase(text, strlen(text), texts[_i].way, texts[_i].cells, &after);
	ck_assert_int_eq(r, texts[_i].after != NULL);
	ck_assert_str_eq(after.data, texts[_i].after ? texts[_i].after : text);
	pr_buf_finish(&after);
}
END_TEST

/* Else one stray mark would take all the rest of the file with it. */
START_TEST(beyond_a_mark_that_is_never_closed_only_the_address_goes)
{
	struct pr_buf text = {0}, after = {0};
	pr_buf_adds(&text, "email,note\nb@a.example,\"open\n");
	while (text.len < (3u << 20))
		pr_buf_adds(&text, "c@a.example,more\n");
	size_t n = text.len;
	pr_buf_adds(&text, "ann@a.example,Ann\nd@a.example,D\n");
	ck_assert_int_eq(erase(text.data, text.len, TEXT_RECORDS, 0, &after), 1);
	ck_assert_uint_ge(after.len, n);
	ck_assert(!pr_trace_is_in(&trace, pr_buf_str(&after)));
	ck_assert_ptr_nonnull(strstr(after.data, "d@a.example,D\n"));
	pr_buf_finish(&text);
	pr_buf_finish(&after);
}
END_TEST

START_TEST(a_file_stays_as_readable_as_it_was)
{
	struct pr_error e;
	struct stat st;
	ck_assert_int_eq(pr_file_replace(dir, "f", "ann@a.example", 13, 0640, &e), 0);
	ck_assert_int_eq(fchmodat(dir, "f", 0664, 0), 0);
	ck_assert_int_eq(text_erase(&trace, dir, "f", TEXT_MASK, 0, &e), 1);
	ck_assert_int_eq(fstatat(dir, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0664);
	ck_assert_int_lt(text_erase(&trace, dir, "none", TEXT_MASK, 0, &e), 0);
	ck_assert_int_eq(symlinkat("f", dir, "link"), 0);
	ck_assert_int_lt(text_erase(&trace, dir, "link", TEXT_MASK, 0, &e), 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_names_the_person_goes_and_nothing_else, ROWS(texts)},
	    {beyond_a_mark_that_is_never_closed_only_the_address_goes},
	    {a_file_stays_as_readable_as_it_was},
	};
	return suite_run("privacy_text", setup, teardown, tests, ROWS(tests));
}
