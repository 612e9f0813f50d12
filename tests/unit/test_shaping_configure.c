/* Shaping as postrider.yaml names it: the file, and warm-ups of sources by it. */
#include "suite.h"

#include "postrider/base/file.h"
#include "postrider/campaign/config.h"
#include "postrider/shaping.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_shaping.XXXXXX";
static struct pr_problems problems;
static struct pr_config *config;

static void
setup(void)
{
	strcpy(folder + sizeof folder - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	memset(&problems, 0, sizeof problems);
	config = NULL;
}

static void
teardown(void)
{
	pr_config_unref(config);
	pr_problems_finish(&problems);
	pr_remove_tree(AT_FDCWD, folder);
}

static int
configure(const char *text)
{
	int r = pr_config_parse(pr_str(text), "postrider.yaml", folder, &problems, &config);
	ck_assert_int_eq(r, 0);
	return pr_shaping_configure(config, &problems);
}

static void
write_shaping(const char *text)
{
	char path[100];
	struct pr_error e = {0};
	snprintf(path, sizeof path, "%s/own.yaml", folder);
	ck_assert_msg(pr_file_replace(AT_FDCWD, path, text, strlen(text), 0644, &e) == 0, "%s",
	              e.text);
}

#define BASE "routes: {r: {via: relay, host: 127.0.0.1}}\n"

START_TEST(without_a_key_the_file_of_this_version_holds)
{
	ck_assert_int_eq(configure(BASE), 0);
	ck_assert_ptr_nonnull(pr_shaping_policy(config->shapes, PR_STR("google")));
}
END_TEST

START_TEST(a_file_of_ones_own_takes_its_place_as_a_whole)
{
	write_shaping("providers: {acme: {domains: [acme.example]}}\n");
	ck_assert_int_eq(configure(BASE "shaping: own.yaml\n"), 0);
	ck_assert_ptr_nonnull(pr_shaping_policy(config->shapes, PR_STR("acme")));
	ck_assert_ptr_null(pr_shaping_policy(config->shapes, PR_STR("google")));
}
END_TEST

static const struct {
	const char *config, *shaping, *wanted;
} faults[] = {
    {"shaping: gone.yaml\n", "", "gone.yaml: error: cannot open it"},
    {"shaping: own.yaml\n", "rules: [{reply: '(', action: suspend, for: 1h}]",
     "own.yaml:1:18: error: rules.1.reply"},
    {"sources: {s: {address: 192.0.2.1, warm_up: hasty, since: 2026-11-01}}\n", "",
     "postrider.yaml:2:44: error: sources.s.warm_up: there is no \"hasty\""},
    {"sources: {s: {address: 192.0.2.1, warm_up: moderate, since: soon}}\n", "",
     "sources.s.since: \"soon\" is not a day"},
    {"shaping: own.yaml\nsources: {s: {address: 192.0.2.1, warm_up: moderate, "
     "since: 2026-11-01}}\n",
     "providers: {}", "sources.s.warm_up: there is no \"moderate\""},
};

START_TEST(each_fault_is_told)
{
	char text[400];
	struct pr_buf told = {0};
	write_shaping(faults[_i].shaping);
	snprintf(text, sizeof text, BASE "%s", faults[_i].config);
	ck_assert_int_lt(configure(text), 0);
	pr_problems_text(&problems, &told);
	ck_assert_msg(strstr(told.data, faults[_i].wanted) != NULL, "%s", told.data);
	pr_buf_finish(&told);
}
END_TEST

START_TEST(a_new_source_has_its_plan)
{
	ck_assert_int_eq(configure(BASE "sources: {s: {address: 192.0.2.1, warm_up: moderate, "
	                                "since: 2026-11-01}}\n"),
	                 0);
	ck_assert_uint_eq(problems.n, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {without_a_key_the_file_of_this_version_holds},
	    {a_file_of_ones_own_takes_its_place_as_a_whole},
	    {each_fault_is_told, ROWS(faults)},
	    {a_new_source_has_its_plan},
	};
	return suite_run("shaping_configure", setup, teardown, tests, ROWS(tests));
}
