/* Preview and check: campaigns composed from their folders. */
#include "suite.h"

#include "postrider/base/file.h"
#include "postrider/message.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static int dir;
static struct pr_manifest *manifest;
static struct pr_problems problems;
static struct pr_buf out;
static struct pr_error failure;
static struct pr_trial trial;

static void
put(const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	put("campaign.yaml", "from: news@mail.acme.example\nsubject: \"Hi {{ name }}\"\n");
	put("body.txt", "{{ 10 | divided_by: n }} for {{ name }}\n");
	put("recipients.csv", "email,name,n\nann@b.example,Ann,2\nnot an address,Bob,1\n"
	                      "cid@b.example,Cid,0\ndora@b.example,Dora,5\neve@b.example,Eve,0\n"
	                      "ann@B.example,Ann,2\n");
}

static void
load(void)
{
	ck_assert_int_eq(pr_manifest_load(dir, "t", &problems, &manifest), 0);
	trial = (struct pr_trial){
	    .manifest = manifest, .dir = dir, .campaign_id = "t", .utc_ms = 1795306380000};
}

static void
teardown(void)
{
	pr_manifest_destroy(manifest);
	manifest = NULL;
	pr_problems_finish(&problems);
	pr_buf_finish(&out);
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
}

static int
preview(uint32_t row, const char *email)
{
	pr_buf_clear(&out);
	return pr_message_preview(&trial, row, pr_str(email), &out, &problems, &failure);
}

START_TEST(preview_finds_a_row_by_number_by_address_or_the_first)
{
	load();
	ck_assert_int_eq(preview(4, ""), 0);
	ck_assert_ptr_nonnull(strstr(out.data, "\r\n\r\n2 for Dora\r\n"));
	ck_assert_int_eq(preview(0, "DORA@b.example "), 0);
	ck_assert_ptr_nonnull(strstr(out.data, "Subject: Hi Dora\r\n"));
	ck_assert_int_eq(preview(0, ""), 0);
	ck_assert_ptr_nonnull(strstr(out.data, "To: ann@b.example\r\n"));
}
END_TEST

START_TEST(preview_says_why_there_is_no_message)
{
	load();
	ck_assert_int_eq(preview(99, ""), PR_ENOENT);
	ck_assert_str_eq(failure.text, "there is no row 99");
	ck_assert_int_eq(preview(0, "x@y.example"), PR_ENOENT);
	ck_assert_int_eq(preview(2, ""), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(failure.text, "row 2 (line 3) is not sent: "));
	ck_assert_int_eq(preview(3, ""), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(failure.text, "body.txt, line 1"));
}
END_TEST

START_TEST(check_composes_every_row_and_tells_each_error_once)
{
	struct pr_trial_counts counts;
	load();
	ck_assert_int_eq(pr_message_check(&trial, &counts, &problems, &failure), 0);
	ck_assert_uint_eq(counts.rows, 6);
	ck_assert_uint_eq(counts.good, 2);
	ck_assert_uint_eq(counts.bad, 1);
	ck_assert_uint_eq(counts.duplicates, 1);
	ck_assert_uint_eq(counts.failed, 2);
	ck_assert_uint_gt(counts.octets_max, 300);
	ck_assert_uint_eq(problems.problems, 0);
	ck_assert_uint_eq(problems.n, 3);
	ck_assert_str_eq(problems.items[1].file, "recipients.csv");
	ck_assert_uint_eq(problems.items[1].line, 4);
	ck_assert_msg(!strncmp(problems.items[1].what,
	                       "2 rows are not sent, the first is row 3: body.txt", 49),
	              "%s", problems.items[1].what);
}
END_TEST

START_TEST(check_refuses_a_campaign_of_which_no_row_can_be_sent)
{
	struct pr_trial_counts counts;
	put("body.txt", "{{ 1 | divided_by: 0 }}");
	load();
	ck_assert_int_eq(pr_message_check(&trial, &counts, &problems, &failure), PR_EINVAL);
	ck_assert_uint_ge(problems.problems, 1);
}
END_TEST

START_TEST(check_tells_what_does_not_compile)
{
	struct pr_trial_counts counts = {0};
	put("body.txt", "a\n{% if %}");
	load();
	ck_assert_int_eq(pr_message_check(&trial, &counts, &problems, &failure), PR_EINVAL);
	ck_assert_str_eq(problems.items[0].file, "body.txt");
	ck_assert_uint_eq(problems.items[0].line, 2);
	ck_assert_uint_eq(counts.rows, 6);
	ck_assert_uint_eq(counts.bad, 1);
	ck_assert_uint_eq(counts.good, 0);
}
END_TEST

START_TEST(check_refuses_nul_in_a_body)
{
	struct pr_trial_counts counts = {0};
	int fd = openat(dir, "body.txt", O_WRONLY | O_TRUNC);
	ck_assert_int_eq(pr_write_all(fd, "a\nb\0c\n", 6), 0);
	close(fd);
	load();
	ck_assert_int_eq(pr_message_check(&trial, &counts, &problems, &failure), PR_EINVAL);
	ck_assert_str_eq(problems.items[0].what, "a NUL octet");
	ck_assert_uint_eq(problems.items[0].line, 2);
}
END_TEST

/* A manifest, a template and the end of a file that are wrong: one look tells of all three. */
START_TEST(check_goes_on_after_each_error)
{
	struct pr_trial_counts counts = {0};
	struct pr_buf all = {0};
	put("campaign.yaml", "from: nobody\nsubject: \"{{ a | nope }}\"\n");
	put("body.txt", "a\n{% if %}");
	put("recipients.csv", "email,a\nann@b.example,1\nbob@b.example,\"2\n");
	ck_assert_int_eq(pr_manifest_load(dir, "t", &problems, &manifest), PR_EINVAL);
	ck_assert(manifest && !manifest->sound);
	trial = (struct pr_trial){.manifest = manifest, .dir = dir, .campaign_id = "t"};
	ck_assert_int_eq(pr_message_check(&trial, &counts, &problems, &failure), PR_EINVAL);
	pr_problems_text(&problems, &all);
	for (const char **place = (const char *[]){"campaign.yaml:1", "campaign.yaml:2",
	                                           "body.txt:2", "recipients.csv:3", NULL};
	     *place; place++)
		ck_assert_msg(strstr(all.data, *place) != NULL, "%s in %s", *place, all.data);
	pr_buf_finish(&all);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {preview_finds_a_row_by_number_by_address_or_the_first},
	    {preview_says_why_there_is_no_message},
	    {check_composes_every_row_and_tells_each_error_once},
	    {check_refuses_a_campaign_of_which_no_row_can_be_sent},
	    {check_tells_what_does_not_compile},
	    {check_refuses_nul_in_a_body},
	    {check_goes_on_after_each_error},
	};
	return suite_run("message_trial", setup, teardown, tests, ROWS(tests));
}
