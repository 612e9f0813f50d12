/* Check: every row of a campaign's folder composed, what is wrong told once and at its place. */
#include "campaign_folder.h"

#include "postrider/message.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pr_manifest *manifest;
static struct pr_problems problems;
static struct pr_error failure;
static struct pr_trial_counts counts;
static _Atomic bool stop;

static void
setup(void)
{
	folder_make();
	folder_fill();
	counts = (struct pr_trial_counts){0};
	failure = (struct pr_error){0};
	stop = false;
}

static void
forget(void)
{
	pr_manifest_destroy(manifest);
	manifest = NULL;
	pr_problems_finish(&problems);
}

static void
teardown(void)
{
	forget();
	folder_remove();
}

static int
check(unsigned threads)
{
	forget();
	(void)pr_manifest_load(dir, "t", &problems, &manifest); /* not sound is good enough */
	ck_assert_ptr_nonnull(manifest);
	struct pr_trial trial = {.manifest = manifest,
	                         .dir = dir,
	                         .campaign_id = "t",
	                         .utc_ms = 1795306380000,
	                         .threads = threads,
	                         .stop = &stop};
	return pr_message_check(&trial, &counts, &problems, &failure);
}

static const struct pr_problem *
problem_at(const char *file, unsigned line, unsigned column)
{
	for (unsigned i = 0; i < problems.n; i++) {
		const struct pr_problem *p = &problems.items[i];
		if (strcmp(p->file, file) == 0 && p->line == line && p->column == column)
			return p;
	}
	ck_abort_msg("no problem at %s:%u:%u", file, line, column);
}

static void
put_rows(unsigned n, const char *(*value)(unsigned row))
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "email,name,n\n");
	for (unsigned i = 1; i <= n; i++)
		pr_buf_addf(&b, "r%u@b.example,R,%s\n", i, value(i));
	put_text("recipients.csv", b.data);
	pr_buf_finish(&b);
}

START_TEST(every_row_is_composed_and_each_error_told_once_at_its_place)
{
	ck_assert_int_eq(check(0), 0);
	ck_assert_uint_eq(counts.rows, 6);
	ck_assert_uint_eq(counts.good, 2);
	ck_assert_uint_eq(counts.bad, 1);
	ck_assert_uint_eq(counts.duplicates, 1);
	ck_assert_uint_eq(counts.failed, 2);
	ck_assert_uint_gt(counts.octets_max, 300);
	ck_assert_uint_eq(problems.problems, 0);
	ck_assert_uint_eq(problems.n, 3);
	const struct pr_problem *p = problem_at("body.txt", 1, 1);
	ck_assert_str_eq(p->what, "divided by 0");
	ck_assert_str_eq(p->excerpt, "{{ 10 | divided_by: n }} for {{ name }}");
	ck_assert_str_eq(p->reach,
	                 "2 rows are not sent, the first is row 3 (line 4 of recipients.csv)");
	ck_assert_uint_eq(p->rows, 2);
	ck_assert_uint_eq(p->first_row, 3);
	ck_assert_str_eq(problem_at("recipients.csv", 3, 0)->reach, "row 2 is not sent");
	ck_assert_uint_eq(problem_at("recipients.csv", 7, 0)->first_row, 6);
}
END_TEST

START_TEST(the_same_words_at_two_places_are_two_errors_in_the_order_of_places)
{
	put_text("body.txt",
	         "{{ 1 | modulo: name }}\n\xF0\x9F\x8C\xB7 {% if n == '0' %}{{ 1 | divided_by: n "
	         "}}{% endif %}\n");
	put_text("recipients.csv",
	         "email,name,n\na@b.example,1,0\nb@b.example,0,1\nc@b.example,1,1\n");
	ck_assert_int_eq(check(0), 0);
	ck_assert_uint_eq(problems.n, 2);
	ck_assert_ptr_eq(problem_at("body.txt", 1, 1), &problems.items[0]);
	ck_assert_ptr_eq(problem_at("body.txt", 2, 23), &problems.items[1]);
}
END_TEST

START_TEST(the_places_of_the_manifest_and_of_partials_are_theirs)
{
	mkdirat(dir, "partials", 0755);
	put_text("partials/p.liquid", "\nx {{ 1 | divided_by: n }}");
	put_text("campaign.yaml", "from: news@mail.acme.example\n"
	                          "subject: \"Hi {{ name }} {{ nmae }} {{ 1 | modulo: name }}\"\n");
	put_text("body.txt", "{% render 'p', n: n %}");
	put_text("recipients.csv",
	         "email,name,n\na@b.example,1,0\nb@b.example,0,1\nc@b.example,1,1\n");
	ck_assert_int_eq(check(0), 0);
	ck_assert_str_eq(problem_at("partials/p.liquid", 2, 3)->excerpt,
	                 "x {{ 1 | divided_by: n }}");
	const struct pr_problem *p = problem_at("campaign.yaml", 2, 36);
	ck_assert_str_eq(p->what, "divided by 0");
	ck_assert_ptr_nonnull(strstr(p->excerpt, "subject: \"Hi"));
	p = problem_at("campaign.yaml", 2, 28);
	ck_assert_str_eq(p->remedy, "did you mean 'name'?");
	ck_assert_ptr_nonnull(strstr(p->excerpt, "subject: \"Hi"));
}
END_TEST

START_TEST(rows_a_template_aborts_are_counted_apart_and_are_no_error)
{
	put_text("body.txt", "{% if n == '0' %}{% abort 'no stock' %}{% endif %}x");
	ck_assert_int_eq(check(0), 0);
	ck_assert_uint_eq(counts.aborted, 2);
	ck_assert_uint_eq(counts.failed, 0);
	ck_assert_uint_eq(counts.good, 2);
	ck_assert_uint_eq(problems.problems, 0);
	ck_assert_uint_eq(problems.warnings, 2);
	ck_assert_uint_eq(problems.notes, 1);
	const struct pr_problem *p = problem_at("body.txt", 1, 18);
	ck_assert_int_eq(p->severity, PR_NOTE);
	ck_assert_str_eq(p->what, "aborted by the template: no stock");
	ck_assert_uint_eq(p->rows, 2);
}
END_TEST

START_TEST(a_campaign_of_which_no_row_can_be_sent_is_refused)
{
	put_text("body.txt", "{{ 1 | divided_by: 0 }}");
	ck_assert_int_eq(check(0), PR_EINVAL);
	ck_assert_uint_ge(problems.problems, 1);
}
END_TEST

START_TEST(what_does_not_compile_is_told_and_no_row_composed)
{
	put_text("body.txt", "a {{ name | upcas }}\n{% if %}");
	ck_assert_int_eq(check(0), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(problem_at("body.txt", 1, 13)->remedy, "upcase"));
	ck_assert_uint_eq(problem_at("body.txt", 2, 1)->severity, PR_PROBLEM);
	ck_assert_uint_gt(counts.rows, 0); /* the file may have faults of its own */
	ck_assert_uint_eq(counts.good, 0);
}
END_TEST

/* A manifest, a template and the end of a file that are wrong: one look tells of all three. */
START_TEST(check_goes_on_after_each_error)
{
	put_text("campaign.yaml", "from: nobody\nsubject: \"{{ a | nope }}\"\n");
	put_text("body.txt", "a\n{% if %}");
	put_text("recipients.csv", "email,a\nann@b.example,1\nbob@b.example,\"2\n");
	ck_assert_int_eq(check(0), PR_EINVAL);
	ck_assert(!manifest->sound);
	problem_at("campaign.yaml", 1, 7);
	problem_at("campaign.yaml", 2, 18);
	problem_at("body.txt", 2, 1);
	problem_at("recipients.csv", 3, 0);
}
END_TEST

START_TEST(check_refuses_nul_in_a_body)
{
	int fd = openat(dir, "body.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_eq(pr_write_all(fd, "a\nb\0c\n", 6), 0);
	close(fd);
	ck_assert_int_eq(check(0), PR_EINVAL);
	ck_assert_str_eq(problem_at("body.txt", 2, 0)->what, "a NUL octet");
}
END_TEST

static const char *
mixed(unsigned row)
{
	static char text[16];
	snprintf(text, sizeof text, "%u", row % 7 == 3 ? 0 : row % 11 == 5 ? 1000 + row : 1);
	return text;
}

START_TEST(what_is_told_does_not_depend_on_the_threads)
{
	static const unsigned threads[] = {1, 2, 5};
	struct pr_buf told[3] = {0};
	put_text("body.txt",
	         "{% assign n = n | plus: 0 %}{% if n > 1000 %}{% abort n %}{% endif %}\n"
	         "{{ 10 | divided_by: n }}");
	put_rows(3000, mixed);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(check(threads[i]), 0);
		ck_assert_uint_eq(counts.rows, 3000);
		ck_assert_uint_eq(counts.failed, 429);
		ck_assert_uint_eq(counts.good + counts.failed + counts.aborted, 3000);
		pr_problems_json(&problems, &told[i]);
		pr_problems_text(&problems, &told[i]);
	}
	ck_assert_str_eq(told[0].data, told[1].data);
	ck_assert_str_eq(told[0].data, told[2].data);
	ck_assert_ptr_nonnull(strstr(told[0].data, "429 rows are not sent, the first is row 3 ("));
	for (unsigned i = 0; i < 3; i++)
		pr_buf_finish(&told[i]);
}
END_TEST

static const char *
ascending(unsigned row)
{
	static char text[16];
	snprintf(text, sizeof text, "%u", row);
	return text;
}

START_TEST(of_very_many_distinct_ones_the_first_are_told_and_the_rest_counted)
{
	put_text("body.txt",
	         "{% assign k = n | modulo: 400 %}{% if k > 0 %}{% abort k %}{% endif %}");
	put_rows(800, ascending);
	ck_assert_int_eq(check(3), 0);
	ck_assert_uint_eq(counts.aborted, 798);
	ck_assert_uint_eq(problems.n, 51);
	ck_assert_str_eq(problems.items[0].what, "aborted by the template: 1");
	ck_assert_uint_eq(problems.items[49].first_row, 50);
	ck_assert_uint_eq(problems.items[49].rows, 2);
	ck_assert_str_eq(problems.items[50].what,
	                 "349 more distinct reasons to leave rows out: 698 rows are not sent");
}
END_TEST

START_TEST(it_stops_when_told_and_tells_what_was_found)
{
	stop = true;
	ck_assert_int_eq(check(2), PR_ECANCELLED);
	ck_assert_str_eq(failure.text, "stopped after 0 rows");
	ck_assert_uint_eq(problems.problems, 0);
}
END_TEST

START_TEST(a_file_that_ends_badly_ends_the_check_but_not_without_what_was_found)
{
	put_text("recipients.csv", "email,name,n\na@b.example,1,0\nb@b.example,\xFF,1\n");
	ck_assert_int_eq(check(2), PR_EINVAL);
	ck_assert_uint_ge(problems.problems, 1);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {every_row_is_composed_and_each_error_told_once_at_its_place},
	    {the_same_words_at_two_places_are_two_errors_in_the_order_of_places},
	    {the_places_of_the_manifest_and_of_partials_are_theirs},
	    {rows_a_template_aborts_are_counted_apart_and_are_no_error},
	    {a_campaign_of_which_no_row_can_be_sent_is_refused},
	    {what_does_not_compile_is_told_and_no_row_composed},
	    {check_goes_on_after_each_error},
	    {check_refuses_nul_in_a_body},
	    {what_is_told_does_not_depend_on_the_threads},
	    {of_very_many_distinct_ones_the_first_are_told_and_the_rest_counted},
	    {it_stops_when_told_and_tells_what_was_found},
	    {a_file_that_ends_badly_ends_the_check_but_not_without_what_was_found},
	};
	return suite_run("message_check", setup, teardown, tests, ROWS(tests));
}
