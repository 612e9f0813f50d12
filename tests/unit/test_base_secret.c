/* Secrets: what is read, and what is refused. */
#include "suite.h"

#include "postrider/base/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[40];

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-secret-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void
teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}

static void
put(const char *text, size_t n, mode_t mode)
{
	int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static const struct {
	const char *text, *secret; /* NULL: refused */
	mode_t mode;
	const char *why;
} rows[] = {
    {"s3cret\n", "s3cret", 0600},
    {"s3cret\r\nmore\n", "s3cret", 0640},
    {"s3cret", "s3cret", 0400},
    {" kept \n", " kept ", 0660},
    {"\n", NULL, 0600, "its first line is empty"},
    {"", NULL, 0600, "its first line is empty"},
    {"s\n", NULL, 0604, "everybody may read it"},
    {"s\n", NULL, 0602, "everybody may write it"},
};

START_TEST(the_first_line_of_a_file_that_is_not_open_to_all)
{
	struct pr_error e;
	put(rows[_i].text, strlen(rows[_i].text), rows[_i].mode);
	char *secret = pr_secret_read("file", &e);
	ck_assert_pstr_eq(secret, rows[_i].secret);
	if (!secret)
		ck_assert_ptr_nonnull(strstr(e.text, rows[_i].why));
	pr_secret_free(secret);
	unlink("file");
}
END_TEST

START_TEST(what_is_no_file_is_refused_without_waiting)
{
	struct pr_error e;
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(pr_secret_open("fifo", &e), PR_EINVAL);
	ck_assert_int_eq(pr_secret_open(".", &e), PR_EINVAL);
	ck_assert_int_lt(pr_secret_open("gone", &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "No such file"));
	unlink("fifo");
}
END_TEST

START_TEST(a_line_without_end_is_refused)
{
	char text[PR_SECRET_MAX + 10];
	struct pr_error e;
	memset(text, 'x', sizeof text);
	put(text, sizeof text, 0600);
	ck_assert_ptr_null(pr_secret_read("file", &e));
	ck_assert_int_eq(e.code, PR_ELIMIT);
	ck_assert_ptr_null(strstr(e.text, "xxx"));
	put(text, PR_SECRET_MAX - 1, 0600);
	char *secret = pr_secret_read("file", &e);
	ck_assert_uint_eq(strlen(secret), PR_SECRET_MAX - 1);
	pr_secret_free(secret);
	unlink("file");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {the_first_line_of_a_file_that_is_not_open_to_all, ROWS(rows)},
	    {what_is_no_file_is_refused_without_waiting},
	    {a_line_without_end_is_refused},
	};
	return suite_run("base_secret", setup, teardown, tests, ROWS(tests));
}
