/* Secrets: what is read, and what is refused. */
#include "suite.h"

#include "postrider/base/secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[40];
static struct pr_secret_fault fault;

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
	const char *why, *remedy;
} rows[] = {
    {"s3cret\n", "s3cret", 0600},
    {"s3cret\r\nmore\n", "s3cret", 0640},
    {"s3cret", "s3cret", 0400},
    {" kept \n", " kept ", 0660},
    {"\n", NULL, 0600, "its first line is empty", "write the secret"},
    {"", NULL, 0600, "its first line is empty", "write the secret"},
    {"s\n", NULL, 0604, "everybody may read it", "chmod o= file, and make a new one"},
    {"s\n", NULL, 0602, "everybody may write it", "chmod o= file"},
};

START_TEST(the_first_line_of_a_file_that_is_not_open_to_all)
{
	put(rows[_i].text, strlen(rows[_i].text), rows[_i].mode);
	char *secret = pr_secret_read("file", geteuid(), &fault);
	ck_assert_pstr_eq(secret, rows[_i].secret);
	if (!secret) {
		ck_assert_ptr_nonnull(strstr(fault.error.text, rows[_i].why));
		ck_assert_ptr_nonnull(strstr(fault.remedy, rows[_i].remedy));
	}
	pr_secret_free(secret);
	unlink("file");
}
END_TEST

static int
load(const char *path, uid_t owner)
{
	struct pr_buf text = {0};
	int r = pr_secret_load(path, owner, &text, &fault);
	pr_secret_wipe(&text);
	ck_assert_ptr_null(text.data);
	return r;
}

START_TEST(what_is_no_file_is_refused_without_waiting)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(load("fifo", geteuid()), PR_EINVAL);
	ck_assert_int_eq(load(".", geteuid()), PR_EINVAL);
	ck_assert_int_eq(load("gone", geteuid()), PR_ENOENT);
	ck_assert_str_eq(fault.error.text, "cannot open gone: No such file or directory");
	ck_assert_int_eq(load("/nowhere/gone", geteuid()), PR_ENOENT);
	ck_assert_str_eq(fault.remedy, "make it, or correct its name");
	unlink("fifo");
}
END_TEST

START_TEST(a_link_leads_to_the_file_that_is_judged)
{
	put("s\n", 2, 0600);
	ck_assert_int_eq(symlink("file", "link"), 0);
	ck_assert_int_eq(load("link", geteuid()), 0);
	ck_assert_int_eq(chmod("file", 0604), 0);
	ck_assert_int_eq(load("link", geteuid()), PR_EDENIED);
	unlink("link"), unlink("file");
}
END_TEST

START_TEST(a_folder_where_everybody_may_put_another_file_is_refused)
{
	char path[80];
	put("s\n", 2, 0600);
	snprintf(path, sizeof path, "%s/file", folder);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(load(path, PR_SECRET_ANYBODY), PR_EDENIED);
	ck_assert_ptr_nonnull(strstr(fault.error.text, "put another file in its place"));
	ck_assert(pr_str_starts(pr_str(fault.remedy), "chmod o-w /tmp/postrider-secret-"));
	ck_assert_int_eq(load("file", PR_SECRET_ANYBODY), PR_EDENIED);
	ck_assert_int_eq(chmod(folder, 01777), 0); /* as /tmp: only its owner may */
	ck_assert_int_eq(load(path, PR_SECRET_ANYBODY), 0);
	ck_assert_int_eq(chmod(folder, 0700), 0);
	unlink("file");
}
END_TEST

START_TEST(a_file_of_somebody_else_is_refused_but_of_root)
{
	put("s\n", 2, 0640);
	if (chown("file", 12345, (gid_t)-1) == 0) { /* by root only */
		ck_assert_int_eq(load("file", 0), PR_EDENIED);
		ck_assert_str_eq(fault.error.text, "file belongs to user 12345, who may change it");
		ck_assert_str_eq(fault.remedy, "chown root file");
		ck_assert_int_eq(load("file", 12345), 0);
		ck_assert_int_eq(load("file", PR_SECRET_ANYBODY), 0);
		ck_assert_int_eq(chown("file", 0, (gid_t)-1), 0);
		ck_assert_int_eq(load("file", 12345), 0);
	}
	unlink("file");
}
END_TEST

/* As a user of no name. */
static int
load_as_nobody(const char *path, gid_t group)
{
	ck_assert_int_eq(setegid(group), 0);
	ck_assert_int_eq(seteuid(12345), 0);
	int r = load(path, geteuid());
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	return r;
}

START_TEST(who_may_not_read_it_is_told_how_to)
{
	char path[80], inner[80], remedy[300];
	snprintf(path, sizeof path, "%s/file", folder);
	snprintf(inner, sizeof inner, "%s/in/file", folder);
	put("s\n", 2, 0640);
	if (geteuid() == 0) {
		snprintf(remedy, sizeof remedy,
		         "let user 12345 into %s, or keep the file in "
		         "/etc/postrider",
		         folder);
		ck_assert_int_eq(load_as_nobody(path, 12346), PR_EDENIED);
		ck_assert_str_eq(fault.remedy, remedy);
		ck_assert_int_eq(load_as_nobody(inner, 12346), PR_EDENIED);
		ck_assert_str_eq(fault.remedy, remedy);
		ck_assert_int_eq(chmod(folder, 0711), 0);
		ck_assert_int_eq(load_as_nobody(path, 12346), PR_EDENIED);
		snprintf(remedy, sizeof remedy,
		         "let user 12345 read it: chgrp 12346 %s; chmod 640 %s", path, path);
		ck_assert_str_eq(fault.remedy, remedy);
		ck_assert_int_eq(chown("file", 0, 12346), 0);
		ck_assert_int_eq(load_as_nobody(path, 12346), 0);
	}
	unlink("file");
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
	static char text[PR_SECRET_FILE_MAX + 1];
	memset(text, 'x', sizeof text);
	put(text, sizeof text, 0600);
	ck_assert_int_eq(load("file", geteuid()), PR_ELIMIT);
	put(text, PR_SECRET_FILE_MAX, 0600);
	ck_assert_int_eq(load("file", geteuid()), 0);
	ck_assert_ptr_null(pr_secret_read("file", geteuid(), &fault));
	ck_assert_int_eq(fault.error.code, PR_ELIMIT);
	ck_assert_ptr_null(strstr(fault.error.text, "xxx"));
	put(text, PR_SECRET_MAX - 1, 0600);
	char *secret = pr_secret_read("file", geteuid(), NULL);
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
	    {a_link_leads_to_the_file_that_is_judged},
	    {a_folder_where_everybody_may_put_another_file_is_refused},
	    {a_file_of_somebody_else_is_refused_but_of_root},
	    {who_may_not_read_it_is_told_how_to},
	    {what_is_too_large_is_refused},
	};
	return suite_run("base_secret", setup, teardown, tests, ROWS(tests));
}
