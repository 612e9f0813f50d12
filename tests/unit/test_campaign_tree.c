/* Names as machines make them; folders that change: read, signed, copied. */
#include "suite.h"

#include "postrider/campaign/names.h"
#include "../../src/campaign/tree.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static int at; /* the folder */

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-tree-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	at = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(mkdirat(at, "src", 0755), 0);
	ck_assert_int_eq(mkdirat(at, "dst", 0755), 0);
}

static void
teardown(void)
{
	close(at);
	pr_remove_tree(AT_FDCWD, folder);
}

static void
put(const char *path, const char *text)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(pr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static const char *
get(const char *path)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	return pr_file_read(at, path, 1000, &b, NULL) == 0 ? b.data : NULL;
}

static bool
exists(const char *path)
{
	return faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- names ---- */

START_TEST(debris_partial_and_generated_names_are_told_from_files)
{
	static const struct {
		const char *name;
		bool debris, partial, generated;
	} names[] = {
	    {"body.html", false, false, false},
	    {".DS_Store", true, false, false},
	    {"thumbs.DB", true, false, false},
	    {"desktop.ini", true, false, false},
	    {"~$recipients.xlsx", true, false, false},
	    {"__MACOSX", true, false, false},
	    {"recipients.csv.part", false, true, false},
	    {"x.FilePart", false, true, false},
	    {"x.crdownload", false, true, false},
	    {"x.tmp", false, true, false},
	    {"tmp", false, false, false},
	    {"ledger.db-wal", false, false, true},
	    {"errors.txt", false, false, true},
	    {"report.html", false, false, true},
	    {"report.txt", false, false, false},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *name = names[i].name;
		ck_assert_msg(pr_name_is_debris(name) == names[i].debris, "debris: %s", name);
		ck_assert_msg(pr_name_is_partial(name) == names[i].partial, "partial: %s", name);
		ck_assert_msg(pr_name_is_generated(name) == names[i].generated, "ours: %s", name);
	}
}
END_TEST

START_TEST(normal_names_are_nfc_without_space_at_the_end)
{
	static const struct {
		const char *name, *normal; /* NULL: refused */
	} names[] = {
	    {"body.html", "body.html"},
	    {"u\xcc\x88"
	     "ber.png",
	     "\xc3\xbc"
	     "ber.png"},                            /* macOS */
	    {"recipients.csv  ", "recipients.csv"}, /* Samba, zip */
	    {" x", " x"},
	    {"   ", NULL},
	    {"\xfc"
	     "ber.png",
	     NULL}, /* Latin-1 */
	    {"a\nb", NULL},
	    {"a\\b", NULL},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct pr_buf b = {0};
		bool ok = pr_name_normal(names[i].name, &b);
		ck_assert_msg(ok == (names[i].normal != NULL), "%zu", i);
		if (ok)
			ck_assert_str_eq(b.data, names[i].normal);
		pr_buf_finish(&b);
	}
	ck_assert(pr_name_alike("\xc3\x9c"
	                        "BER.PNG ",
	                        "u\xcc\x88"
	                        "ber.png"));
	ck_assert(!pr_name_alike("a.png", "b.png"));
	ck_assert(!pr_name_alike("\xff", "\xff"));
}
END_TEST

/* ---- reading ---- */

static uint64_t
signature(void)
{
	struct pr_tree t;
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	uint64_t s = t.signature;
	pr_tree_finish(&t);
	return s;
}

START_TEST(signature_changes_with_every_change_and_not_by_renaming_the_folder)
{
	put("src/a", "1");
	ck_assert_int_eq(mkdirat(at, "src/sub", 0755), 0);
	put("src/sub/b", "1");
	uint64_t first = signature(), last = first;
	ck_assert_int_eq(renameat(at, "src", at, "else"), 0);
	ck_assert_int_eq(renameat(at, "else", at, "src"), 0);
	ck_assert_uint_eq(signature(), first);

	static const char *const written[] = {"src/a", "src/sub/b", "src/c", "src/.hidden"};
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		put(written[i], "other size");
		ck_assert_msg(signature() != last, "%s", written[i]);
		last = signature();
	}
	unlinkat(at, "src/c", 0);
	ck_assert_uint_ne(signature(), last);
	last = signature();
	ck_assert_int_eq(fchmodat(at, "src/sub/b", 0600, 0), 0);
	ck_assert_uint_ne(signature(), last);
}
END_TEST

START_TEST(same_size_and_same_mtime_with_other_content_is_another_signature)
{
	struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
	put("src/a", "1");
	utimensat(at, "src/a", old, 0);
	uint64_t first = signature();
	struct stat before, after;
	fstatat(at, "src/a", &before, 0);
	do { /* until the clock of the file system has gone on */
		put("src/a", "2");
		utimensat(at, "src/a", old, 0);
		fstatat(at, "src/a", &after, 0);
	} while (memcmp(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim) == 0);
	ck_assert_uint_ne(signature(), first);
}
END_TEST

START_TEST(marks_of_a_folder_are_seen_at_its_top_only)
{
	struct pr_tree t;
	ck_assert_int_eq(mkdirat(at, "src/sub", 0755), 0);
	put("src/sub/.ready", "");
	put("src/sub/campaign.yaml", "");
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	ck_assert(!t.ready && !t.manifest && !t.partial);
	pr_tree_finish(&t);
	put("src/.ready", "");
	put("src/Campaign.YAML", "abc");
	put("src/sub/x.part", "");
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	ck_assert(t.ready && t.manifest && t.partial);
	ck_assert_uint_eq(t.octets, 3);
	pr_tree_finish(&t);
}
END_TEST

START_TEST(links_fifos_and_bad_names_are_problems_and_debris_is_none)
{
	struct pr_tree t;
	struct pr_problems p = {0};
	ck_assert_int_eq(symlinkat("/etc/passwd", at, "src/link"), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", at, "src/.link"), 0);
	ck_assert_int_eq(mkfifoat(at, "src/pipe", 0644), 0);
	put("src/\xff", "x");
	put("src/Thumbs.db", "x");
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	pr_tree_problems(&t, &p);
	ck_assert_uint_eq(p.problems, 3);
	ck_assert_str_eq(p.items[0].file, "link");
	ck_assert_str_eq(p.items[1].file, "pipe");
	ck_assert_str_eq(p.items[2].file, "\xff");
	pr_problems_finish(&p);
	pr_tree_finish(&t);
}
END_TEST

START_TEST(folder_too_deep_too_long_or_no_folder_is_bounded)
{
	struct pr_tree t;
	char path[200] = "src";
	for (int i = 0; i < 8; i++) {
		strcat(path, "/d");
		ck_assert_int_eq(mkdirat(at, path, 0755), 0);
	}
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	ck_assert_ptr_nonnull(t.beyond);
	pr_tree_finish(&t);
	put("file", "");
	ck_assert_int_eq(symlinkat("src", at, "link"), 0);
	static const char *const none[] = {"file", "link", "gone"};
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(pr_tree_read(at, none[i], &t, NULL), PR_ENOENT);
		pr_tree_finish(&t);
	}
}
END_TEST

START_TEST(more_files_than_the_bound_are_not_all_read)
{
	struct pr_tree t;
	char path[40];
	for (unsigned i = 0; i <= PR_TREE_FILES_MAX; i++) {
		snprintf(path, sizeof path, "src/%u", i);
		int fd = openat(at, path, O_WRONLY | O_CREAT, 0644);
		close(fd);
	}
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	ck_assert_uint_eq(t.n, PR_TREE_FILES_MAX);
	ck_assert_ptr_nonnull(strstr(t.beyond, "10000"));
	pr_tree_finish(&t);
}
END_TEST

/* ---- copying ---- */

static int
copy(struct pr_problems *p)
{
	struct pr_tree t;
	struct pr_copy c = {.file_mode = 0640, .folder_mode = 0750, .problems = p};
	int src = openat(at, "src", O_RDONLY), dst = openat(at, "dst", O_RDONLY);
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	int r = pr_tree_copy(&t, src, dst, &c, NULL);
	pr_tree_finish(&t);
	close(src);
	close(dst);
	return r;
}

START_TEST(copy_has_normal_names_and_neither_debris_nor_what_is_ours)
{
	struct pr_problems p = {0};
	ck_assert_int_eq(mkdirat(at, "src/Images", 0755), 0);
	ck_assert_int_eq(mkdirat(at, "src/__MACOSX", 0755), 0);
	put("src/CAMPAIGN.YAML", "m");
	put("src/Images/u\xcc\x88.png", "u");
	put("src/body.html ", "b");
	put("src/Empty.txt", "");
	put("src/.ready", "");
	put("src/__MACOSX/x", "x");
	put("src/ledger.db", "not ours");
	put("src/errors.txt", "old");
	ck_assert_int_eq(copy(&p), 0);
	ck_assert_str_eq(get("dst/campaign.yaml"), "m");
	ck_assert_str_eq(get("dst/images/\xc3\xbc.png"), "u");
	ck_assert_str_eq(get("dst/body.html"), "b");
	ck_assert_str_eq(get("dst/Empty.txt"), "");
	ck_assert(!exists("dst/.ready") && !exists("dst/__MACOSX") && !exists("dst/ledger.db") &&
	          !exists("dst/errors.txt"));
	ck_assert_uint_eq(p.problems, 0);
}
END_TEST

START_TEST(names_that_become_one_are_a_problem_and_nothing_is_overwritten)
{
	struct pr_problems p = {0};
	put("src/\xc3\xbc", "composed");
	put("src/u\xcc\x88", "decomposed");
	ck_assert_int_eq(copy(&p), 0);
	ck_assert_uint_eq(p.problems, 1);
	ck_assert_str_eq(get("dst/\xc3\xbc"), "decomposed"); /* the first by octets */
	pr_problems_finish(&p);
}
END_TEST

START_TEST(file_swapped_for_a_link_or_changed_after_the_list_was_made_is_not_copied)
{
	static const char *const swaps[] = {"link", "write", "remove", "folder"};
	for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
		struct pr_tree t;
		struct pr_copy c = {.file_mode = 0640, .folder_mode = 0750};
		put("secret", "secret");
		put("src/a", "public");
		ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
		if (i == 1) {
			put("src/a", "longer than it was");
		} else {
			unlinkat(at, "src/a", 0);
			if (i == 0)
				ck_assert_int_eq(symlinkat("../secret", at, "src/a"), 0);
			if (i == 3)
				ck_assert_int_eq(mkdirat(at, "src/a", 0755), 0);
		}
		int src = openat(at, "src", O_RDONLY), dst = openat(at, "dst", O_RDONLY);
		ck_assert_msg(pr_tree_copy(&t, src, dst, &c, NULL) == PR_EAGAIN, "%s", swaps[i]);
		ck_assert(!exists("dst/a"));
		close(src);
		close(dst);
		pr_tree_finish(&t);
		ck_assert_int_eq(pr_remove_tree(at, "src/a"), 0 - (i == 2));
	}
}
END_TEST

START_TEST(stop_ends_a_copy)
{
	_Atomic bool stop = true;
	struct pr_tree t;
	struct pr_copy c = {.file_mode = 0640, .folder_mode = 0750, .stop = &stop};
	put("src/a", "1");
	ck_assert_int_eq(pr_tree_read(at, "src", &t, NULL), 0);
	int src = openat(at, "src", O_RDONLY), dst = openat(at, "dst", O_RDONLY);
	ck_assert_int_eq(pr_tree_copy(&t, src, dst, &c, NULL), PR_ECANCELLED);
	unsigned char content[PR_TREE_CONTENT_SIZE];
	ck_assert_int_eq(pr_tree_content(&t, src, &stop, NULL, NULL, content, NULL), PR_ECANCELLED);
	pr_tree_finish(&t);
	close(src);
	close(dst);
}
END_TEST

static void
content(const char *name, unsigned char out[PR_TREE_CONTENT_SIZE])
{
	struct pr_tree t;
	int fd = openat(at, name, O_RDONLY);
	ck_assert_int_eq(pr_tree_read(at, name, &t, NULL), 0);
	ck_assert_int_eq(pr_tree_content(&t, fd, NULL, NULL, NULL, out, NULL), 0);
	pr_tree_finish(&t);
	close(fd);
}

START_TEST(content_is_the_same_in_a_copy_and_differs_by_octet_and_by_name)
{
	unsigned char a[32], b[32];
	put("src/Campaign.yaml", "x");
	put("src/data", "12");
	put("src/.DS_Store", "debris");
	content("src", a);
	ck_assert_int_eq(copy(&(struct pr_problems){0}), 0);
	content("dst", b);
	ck_assert_mem_eq(a, b, 32);
	put("dst/data", "13");
	content("dst", b);
	ck_assert_mem_ne(a, b, 32);
	put("dst/data", "12");
	ck_assert_int_eq(renameat(at, "dst/data", at, "dst/dat"), 0);
	put("dst/dat", "a12"); /* name and octets do not run together */
	content("dst", b);
	ck_assert_mem_ne(a, b, 32);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {debris_partial_and_generated_names_are_told_from_files},
	    {normal_names_are_nfc_without_space_at_the_end},
	    {signature_changes_with_every_change_and_not_by_renaming_the_folder},
	    {same_size_and_same_mtime_with_other_content_is_another_signature},
	    {marks_of_a_folder_are_seen_at_its_top_only},
	    {links_fifos_and_bad_names_are_problems_and_debris_is_none},
	    {folder_too_deep_too_long_or_no_folder_is_bounded},
	    {more_files_than_the_bound_are_not_all_read},
	    {copy_has_normal_names_and_neither_debris_nor_what_is_ours},
	    {names_that_become_one_are_a_problem_and_nothing_is_overwritten},
	    {file_swapped_for_a_link_or_changed_after_the_list_was_made_is_not_copied},
	    {stop_ends_a_copy},
	    {content_is_the_same_in_a_copy_and_differs_by_octet_and_by_name},
	};
	return suite_run("campaign_tree", setup, teardown, tests, ROWS(tests));
}
