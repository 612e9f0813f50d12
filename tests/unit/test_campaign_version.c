/* Versions of a campaign's content: taken whole or not at all, and only for what may change. */
#include "suite.h"

#include "postrider/base/file.h"
#include "postrider/campaign/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST                                                                                      \
	"name: spring\nfrom: news@acme.example\nsubject: One\nlist: news\n"                        \
	"schedule: {start: 2026-12-01T08:00, timezone: Europe/Berlin, window: Mon-Fri "            \
	"08:00-11:00,"                                                                             \
	" deadline: 2026-12-02T20:00}\n"
#define OTHER "name: spring\nfrom: a@other.example\nsubject: Two\nlist: news\nrate: 5/s\n"
#define SCHEDULE                                                                                   \
	"schedule:\n  start: 2026-12-01T08:00\n  timezone: Europe/Berlin\n"                        \
	"  window: Mon-Fri 08:00-11:00\n  deadline: 2026-12-02T20:00\n"

static char folder[64];
static int at, campaign, corrected;
static struct pr_problems problems;
static struct pr_manifest *now, *taken;
static struct pr_config *config;
static bool vetted, vet_refuses;
static struct pr_error error;

static void
put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(pr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int
make(const char *name)
{
	ck_assert_int_eq(mkdirat(at, name, 0755), 0);
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool
exists(const char *path)
{
	return faccessat(campaign, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_problems_text(&problems, &b);
	return b.data ? b.data : "";
}

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-version-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	at = open(folder, O_RDONLY | O_DIRECTORY);
	campaign = make("campaign");
	corrected = make("corrected");
	put(campaign, "campaign.yaml", FIRST);
	put(campaign, "recipients.csv", "email\na@b.example\n");
	put(campaign, "body.html", "One");
	ck_assert_int_eq(pr_config_parse(PR_STR("hostname: mta.example\nmin_free: 0\n"
	                                        "routes:\n  default: {via: maildir, path: x}\n"),
	                                 "postrider.yaml", folder, &problems, &config),
	                 0);
	ck_assert_int_eq(pr_manifest_load(campaign, "campaign", &problems, &now), 0);
	put(corrected, "campaign.yaml", OTHER SCHEDULE);
	put(corrected, "body.html", "Two");
	vetted = vet_refuses = false;
}

static void
teardown(void)
{
	pr_manifest_destroy(now);
	pr_manifest_destroy(taken);
	now = taken = NULL;
	pr_config_unref(config);
	pr_problems_finish(&problems);
	problems = (struct pr_problems){0};
	close(campaign);
	close(corrected);
	close(at);
	pr_remove_tree(AT_FDCWD, folder);
}

static void
vet(void *context, int dir, const struct pr_manifest *m, struct pr_problems *to)
{
	(void)context;
	vetted = true;
	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(faccessat(dir, "body.html", F_OK, 0), 0);
	if (vet_refuses)
		pr_problem_add(to, PR_PROBLEM, "body.html", 1, NULL, "no");
}

static int
take(unsigned version)
{
	const struct pr_version_source source = {.campaign = campaign,
	                                         .folder = corrected,
	                                         .version = version,
	                                         .now = now,
	                                         .config = config,
	                                         .vet = vet};
	return pr_version_take(&source, &problems, &taken, &error);
}

START_TEST(version_is_a_whole_copy_without_recipients)
{
	put(corrected, "recipients.csv", "email\n");
	ck_assert_int_eq(mkdirat(corrected, "partials", 0755), 0);
	put(corrected, "partials/a.liquid", "a");
	ck_assert_msg(take(2) == 0, "%s%s", told(), error.text);
	ck_assert(vetted);
	ck_assert(exists("versions/2/campaign.yaml") && exists("versions/2/body.html") &&
	          exists("versions/2/partials/a.liquid"));
	ck_assert(!exists("versions/2/recipients.csv"));
	ck_assert(!exists("versions/.2.part"));
	ck_assert_uint_eq(problems.warnings, 1);
	ck_assert_ptr_nonnull(strstr(told(), "recipients.csv"));
	ck_assert_str_eq(taken->editions[0].subject.p, "Two");
	ck_assert_uint_eq(taken->rate.count, 5);
	struct pr_manifest *again;
	int dir = pr_version_open(campaign, 2);
	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(pr_manifest_load_content(dir, "campaign", &problems, &again), 0);
	ck_assert_str_eq(again->from.mailbox.address, "a@other.example");
	pr_manifest_destroy(again);
	close(dir);
}
END_TEST

static const struct {
	const char *manifest, *told;
} changes[] = {
    {OTHER, "schedule.start"},
    {OTHER SCHEDULE "priority: 7\n", "campaign.yaml:11"},
    {OTHER SCHEDULE "hold: true\n", "does not change hold"},
    {OTHER SCHEDULE "brand: acme\n", "does not change brand"},
    {OTHER SCHEDULE "required: [city]\n", "does not change required"},
    {OTHER SCHEDULE "recipients: {max_rejects: 7%}\n", "does not change recipients.max_rejects"},
    {OTHER SCHEDULE "in_doubt: hold\n", "does not change in_doubt"},
    {OTHER SCHEDULE "again: true\n", "does not change again"},
    {OTHER SCHEDULE "variants: {a: {}, b: {subject: B}}\n", "does not change variants"},
    {"name: summer\nfrom: a@b.example\nsubject: s\nlist: news\n" SCHEDULE, "it is \"spring\""},
    {"from: a@b.example\nsubject: s\nlist: other\n" SCHEDULE, "campaign.yaml:3: "},
    {"from: a@b.example\nsubject: s\n" SCHEDULE, "it is \"news\""},
    {"from: a@b.example\nsubject: s\nlist: news\nschedule: {start: 2026-12-01T08:00, window: "
     "Mon-Fri 08:00-11:00, deadline: 2026-12-02T20:00}\n",
     "schedule.timezone"},
    {"from: a@b.example\nsubjet: s\n", "subject"},
};

START_TEST(what_cannot_change_any_more_is_refused_by_name)
{
	put(corrected, "campaign.yaml", changes[_i].manifest);
	ck_assert_int_eq(take(2), PR_EINVAL);
	ck_assert_msg(strstr(told(), changes[_i].told) != NULL, "%s", told());
	ck_assert(!exists("versions/2") && !exists("versions/.2.part"));
}
END_TEST

#define TWO "variants: {a: {}, b: {subject: B}}\n"

/* Rows know their variant by its number: what it is called, and how many there are, stays. */
static const struct {
	const char *variants, *told; /* told NULL: may be so */
} replaced[] = {
    {TWO, NULL},
    {"variants: {b: {subject: B}, a: {}}\n", "does not change variants"},
    {"variants: {a: {}, c: {subject: B}}\n", "does not change variants"},
    {"variants: {a: {}, b: {}, c: {}}\n", "does not change variants"},
    {TWO "test: {share: 20%, wait: 1h}\n", "does not change test"},
    {"", "does not change variants"},
};

START_TEST(variants_stay_as_they_are)
{
	struct pr_buf text = {0};
	put(campaign, "campaign.yaml", FIRST TWO);
	pr_manifest_destroy(now);
	ck_assert_int_eq(pr_manifest_load(campaign, "campaign", &problems, &now), 0);
	pr_buf_adds(&text, OTHER SCHEDULE);
	pr_buf_adds(&text, replaced[_i].variants);
	put(corrected, "campaign.yaml", text.data);
	pr_buf_finish(&text);
	ck_assert_msg(take(2) == (replaced[_i].told ? PR_EINVAL : 0), "%s", told());
	ck_assert_msg(!replaced[_i].told || strstr(told(), replaced[_i].told), "%s", told());
}
END_TEST

#define ON_SIGNUP "trigger: {event: signup}\n"
#define STEPS "steps: {hello: {}, tips: {after: 2d}}\n"

/* Who is under way knows its step by its number, and what it entered for by the trigger. */
static const struct {
	const char *first, *second, *told; /* told NULL: may be so */
} series[] = {
    {ON_SIGNUP STEPS, ON_SIGNUP STEPS, NULL},
    {ON_SIGNUP STEPS, ON_SIGNUP "steps: {hello: {subject: B}, tips: {after: 9d, skip: true}}\n",
     NULL},
    {ON_SIGNUP STEPS, ON_SIGNUP "steps: {hello: {}, tips: {}, more: {after: 1d}}\n", NULL},
    {ON_SIGNUP, ON_SIGNUP STEPS, NULL},
    {ON_SIGNUP STEPS, ON_SIGNUP "steps: {tips: {}, hello: {}}\n",
     "campaign.yaml:12:9: error: steps: number 1 was hello, and people are under way by numbers"},
    {ON_SIGNUP STEPS, ON_SIGNUP "steps: {hello: {}, more: {}, tips: {}}\n",
     "campaign.yaml:12:20: error: steps: number 2 was tips"},
    {ON_SIGNUP STEPS, ON_SIGNUP "steps: {hello: {}}\n",
     "campaign.yaml:11:18: error: steps: number 2 was tips"},
    {ON_SIGNUP STEPS, ON_SIGNUP, "campaign.yaml:11:18: error: steps: number 1 was hello"},
    {ON_SIGNUP, "trigger: {event: signup, after: 1h, late: 1d, exit: {event: order}}\n", NULL},
    {ON_SIGNUP, "trigger: {event: order}\n",
     "campaign.yaml:11:18: error: replace does not change what a series is triggered by"},
    {ON_SIGNUP, "trigger: {absence: signup, after: 9d}\n", "is triggered by"},
    {ON_SIGNUP, "trigger: {date: signup}\n", "is triggered by"},
    {ON_SIGNUP, "trigger: {segment: points > 3}\n", "is triggered by"},
    {ON_SIGNUP, "", "is triggered by"},
    {"", ON_SIGNUP, "is triggered by"},
    {"trigger: {date: birthday}\n", "trigger: {date: wedding}\n", "is triggered by"},
    {"trigger: {date: birthday}\n", "trigger: {date: birthday, before: 7d}\n", NULL},
    {"trigger: {absence: order, after: 9d}\n", "trigger: {absence: order, after: 60d}\n", NULL},
    {"trigger: {absence: order, after: 9d}\n", "trigger: {absence: visit, after: 9d}\n",
     "is triggered by"},
    {"trigger: {segment: points > 3}\n", "trigger: {segment: points > 4}\n", NULL},
};

START_TEST(a_series_keeps_its_trigger_and_the_order_of_its_steps)
{
	struct pr_buf text = {0};
	pr_buf_addf(&text, "%s%s", FIRST, series[_i].first);
	put(campaign, "campaign.yaml", text.data);
	pr_manifest_destroy(now);
	ck_assert_msg(pr_manifest_load(campaign, "campaign", &problems, &now) == 0, "%s", told());
	pr_buf_clear(&text);
	pr_buf_addf(&text, "%s%s", OTHER SCHEDULE, series[_i].second);
	put(corrected, "campaign.yaml", text.data);
	pr_buf_finish(&text);
	ck_assert_msg(take(2) == (series[_i].told ? PR_EINVAL : 0), "%s", told());
	ck_assert_msg(!series[_i].told || strstr(told(), series[_i].told), "%s", told());
	ck_assert(exists("versions/2") == !series[_i].told);
}
END_TEST

START_TEST(everything_that_is_wrong_is_told_in_one_go)
{
	put(corrected, "campaign.yaml", OTHER "priority: 1\nroute: fast\n");
	symlinkat("/etc/passwd", corrected, "link");
	vet_refuses = true;
	ck_assert_int_eq(take(2), PR_EINVAL);
	static const char *const all[] = {"priority", "schedule.start", "\"fast\"", "body.html:1",
	                                  "link"};
	for (int i = 0; i < ROWS(all); i++)
		ck_assert_msg(strstr(told(), all[i]) != NULL, "%s in %s", all[i], told());
	ck_assert(!exists("versions/2") && !exists("versions/.2.part"));
}
END_TEST

START_TEST(leftovers_of_a_kill_are_replaced_and_swept)
{
	ck_assert_int_eq(mkdirat(campaign, "versions", 0755), 0);
	ck_assert_int_eq(mkdirat(campaign, "versions/2", 0755), 0);
	ck_assert_int_eq(mkdirat(campaign, "versions/.2.part", 0755), 0);
	put(campaign, "versions/2/old.txt", "x");
	put(campaign, "versions/.2.part/old.txt", "x");
	ck_assert_msg(take(2) == 0, "%s%s", told(), error.text);
	ck_assert(!exists("versions/2/old.txt"));
	ck_assert_int_eq(mkdirat(campaign, "versions/.3.part", 0755), 0);
	ck_assert_int_eq(mkdirat(campaign, "versions/3", 0755), 0);
	pr_version_sweep(campaign, 2);
	ck_assert(exists("versions/2") && !exists("versions/3") && !exists("versions/.3.part"));
	pr_version_sweep(campaign, 1);
	ck_assert(!exists("versions/2"));
}
END_TEST

START_TEST(versions_of_a_folder_that_comes_back_are_not_the_users)
{
	ck_assert_int_eq(mkdirat(corrected, "versions", 0755), 0);
	ck_assert_int_eq(mkdirat(corrected, "versions/2", 0755), 0);
	put(corrected, "versions/2/body.html", "x");
	ck_assert_msg(take(2) == 0, "%s%s", told(), error.text);
	ck_assert(!exists("versions/2/versions"));
	ck_assert_uint_eq(problems.warnings, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {version_is_a_whole_copy_without_recipients},
	    {what_cannot_change_any_more_is_refused_by_name, ROWS(changes)},
	    {variants_stay_as_they_are, ROWS(replaced)},
	    {a_series_keeps_its_trigger_and_the_order_of_its_steps, ROWS(series)},
	    {everything_that_is_wrong_is_told_in_one_go},
	    {leftovers_of_a_kill_are_replaced_and_swept},
	    {versions_of_a_folder_that_comes_back_are_not_the_users},
	};
	return suite_run("campaign_version", setup, teardown, tests, ROWS(tests));
}
