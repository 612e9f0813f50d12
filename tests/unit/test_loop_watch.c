/* Watching a folder: changes are told, and none after the watch was closed. */
#include "suite.h"

#include "postrider/base/file.h"
#include "postrider/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static pr_loop *loop;
static char folder[64], path[128];
static int told;
static bool late;

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(pr_loop_create(&loop, NULL), 0);
	told = 0;
	late = false;
}

static void
teardown(void)
{
	pr_loop_destroy(loop);
	pr_remove_tree(AT_FDCWD, folder);
}

static void
on_changed(void *context)
{
	ck_assert_ptr_eq(context, folder);
	told++;
}

static void
on_late(struct pr_timer *t)
{
	(void)t;
	late = true;
}

/* Until something was told, at most two seconds. */
static bool
wait_told(void)
{
	struct pr_timer t;
	late = false;
	pr_timer_init(&t, loop, on_late);
	pr_timer_start(&t, 2000);
	while (!told && !late)
		pr_loop_turn_wait(loop);
	pr_timer_stop(&t);
	return told > 0;
}

static void
write_file(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
}

START_TEST(folder_made_written_renamed_and_removed_in_it_is_told)
{
	pr_watch *w;
	ck_assert_int_eq(pr_watch_open(loop, folder, on_changed, folder, &w, NULL), 0);
	write_file("a");
	ck_assert(wait_told());
	char to[128];
	snprintf(to, sizeof to, "%s/b", folder);
	told = 0;
	ck_assert_int_eq(rename(path, to), 0);
	ck_assert(wait_told());
	told = 0;
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(wait_told());
	told = 0;
	ck_assert_int_eq(unlink(to), 0);
	ck_assert(wait_told());
	pr_watch_close(w);
}
END_TEST

START_TEST(closed_watch_tells_nothing_also_not_what_had_happened_before)
{
	pr_watch *w, *other;
	ck_assert_int_eq(pr_watch_open(loop, folder, on_changed, NULL, &w, NULL), 0);
	ck_assert_int_eq(pr_watch_open(loop, folder, on_changed, folder, &other, NULL), 0);
	write_file("a");
	pr_watch_close(w); /* on_changed would not accept its context */
	ck_assert(wait_told());
	pr_watch_close(other);
}
END_TEST

START_TEST(folder_that_is_not_there_is_refused_with_its_name)
{
	pr_watch *w = NULL;
	struct pr_error e;
	snprintf(path, sizeof path, "%s/none", folder);
	ck_assert_int_eq(pr_watch_open(loop, path, on_changed, folder, &w, &e), PR_ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, path));
	ck_assert_ptr_null(w);
}
END_TEST

START_TEST(folder_that_is_removed_while_watched_is_told_and_closing_still_works)
{
	pr_watch *w;
	ck_assert_int_eq(pr_watch_open(loop, folder, on_changed, folder, &w, NULL), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert(wait_told());
	pr_watch_close(w);
	pr_watch_close(NULL);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {folder_made_written_renamed_and_removed_in_it_is_told},
	    {closed_watch_tells_nothing_also_not_what_had_happened_before},
	    {folder_that_is_not_there_is_refused_with_its_name},
	    {folder_that_is_removed_while_watched_is_told_and_closing_still_works},
	};
	return suite_run("loop_watch", setup, teardown, tests, ROWS(tests));
}
