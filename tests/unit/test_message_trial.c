/* Preview: one message composed from a campaign's folder. */
#include "campaign_folder.h"

#include "postrider/message.h"

static struct pr_manifest *manifest;
static struct pr_problems problems;
static struct pr_buf out;
static struct pr_error failure;
static struct pr_trial trial;

static void
setup(void)
{
	folder_make();
	folder_fill();
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
	folder_remove();
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
	ck_assert_str_eq(failure.text, "row 3 (line 4) is not sent");
	ck_assert_str_eq(problems.items[0].file, "body.txt");
	ck_assert_str_eq(problems.items[0].what, "divided by 0");
	ck_assert_str_eq(problems.items[0].excerpt, "{{ 10 | divided_by: n }} for {{ name }}");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {preview_finds_a_row_by_number_by_address_or_the_first},
	    {preview_says_why_there_is_no_message},
	};
	return suite_run("message_trial", setup, teardown, tests, ROWS(tests));
}
