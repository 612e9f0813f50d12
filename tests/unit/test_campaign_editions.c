/* Editions: what recipients of each language get, from manifest and folder. */
#include "suite.h"

#include "postrider/base/file.h"
#include "postrider/campaign/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static int dir;
static struct pr_manifest *m;
static struct pr_problems problems;

static void
setup(void)
{
	strcpy(folder, "/tmp/postrider-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
}

static void
teardown(void)
{
	pr_manifest_destroy(m);
	m = NULL;
	pr_problems_finish(&problems);
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
}

static void
put(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* What is in the manifest beside its sender, and the folder's bodies, by blanks. */
static int
load(const char *yaml, const char *files)
{
	char text[1000], name[64];
	int n;
	snprintf(text, sizeof text, "from: a@b.example\n%s\n", yaml);
	put("campaign.yaml", text);
	put("recipients.csv", "email\n");
	for (; sscanf(files, " %63s%n", name, &n) == 1; files += n)
		put(name, "x");
	return pr_manifest_load(dir, "test", &problems, &m);
}

/* "language subject preheader html text" of each edition. */
static const char *
shown(void)
{
	static char out[1000];
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < m->editions_n; i++) {
		const struct pr_manifest_edition *e = &m->editions[i];
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%s %s %s %s %s", i ? "; " : "",
		                      e->language ? e->language : "-", e->subject.p,
		                      e->preheader.p ? e->preheader.p : "-",
		                      e->html.p ? e->html.p : "-", e->text.p ? e->text.p : "-");
	}
	return out;
}

static const char *
told(void)
{
	static char out[2000];
	size_t n = 0;
	out[0] = 0;
	for (unsigned i = 0; i < problems.n; i++)
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%s:%u %s", i ? "\n" : "",
		                      problems.items[i].file, problems.items[i].line,
		                      problems.items[i].what);
	return out;
}

#define COLUMN "language: {column: l, fallback: en}\n"

static const struct {
	const char *yaml, *files, *editions;
} good[] = {
    {"subject: s", "body.html body.txt", "- s - body.html body.txt"},
    {"subject: s\nlanguage: de", "body.txt", "de s - - body.txt"},
    {"subject: s", "body.md", "- s - body.md -"},
    {"subject: s\nhtml: letter.md", "letter.md body.txt", "- s - letter.md body.txt"},
    {"subject: {en: s, zh: t}\n" COLUMN, "body.html", "en s - body.html -; zh t - body.html -"},
    {"subject: {zh: t, en: s}\npreheader: {zh: p}\n" COLUMN, "body.en.html body.zh.html",
     "en s - body.en.html -; zh t p body.zh.html -"},
    {"subject: s\npreheader: p\n" COLUMN, "body.html body.txt body.pt-BR.html",
     "en s p body.html body.txt; pt-BR s p body.pt-BR.html -"},
    {"subject: s\n" COLUMN, "body.html body.de.md body.de.txt",
     "en s - body.html -; de s - body.de.md body.de.txt"},
    {"subject: s\n" COLUMN, "body.html body.fr.txt body.fr.md body.fr.html",
     "en s - body.html -; fr s - body.fr.html body.fr.txt"},
    {"subject: s\nhtml: mail.html\n" COLUMN, "mail.html mail.de.html body.fr.html",
     "en s - mail.html -; de s - mail.de.html -"},
    {"subject: s\nlanguage: {column: l}", "body.html body.de.html",
     "- s - body.html -; de s - body.de.html -"},
    {"subject: s\n" COLUMN, "body.html body.v2.html body.x.html", "en s - body.html -"},
};

START_TEST(each_language_has_its_own_or_what_is_for_all)
{
	ck_assert_msg(load(good[_i].yaml, good[_i].files) == 0, "%s", told());
	ck_assert_str_eq(shown(), good[_i].editions);
}
END_TEST

static const struct {
	const char *yaml, *files, *told;
} bad[] = {
    {"subject: s", "", ":0 the campaign has no body"},
    {"subject: s", "body.de.html",
     ":0 the campaign has no body\n"
     "body.de.html:0 left out: nothing says a recipient's language"},
    {"subject: {en: s, de: t}", "body.html",
     "campaign.yaml:2 subject: by language, but nothing says a recipient's language"},
    {"subject: {en: s, de: t}\nlanguage: {column: l}", "body.html",
     "campaign.yaml:2 language.fallback is missing: which subject is for all others?"},
    {"subject: {de: t}\n" COLUMN, "body.html",
     "campaign.yaml:2 subject: there is none for the language en"},
    {"subject: {en: s}\n" COLUMN, "body.html body.zh.html",
     "campaign.yaml:2 subject: there is none for the language zh"},
    {"subject: {en: s, zh: t}\n" COLUMN, "body.en.html",
     "campaign.yaml:3 there is no body for the language zh"},
    {"subject: s\n" COLUMN, "body.zh.html", "campaign.yaml:3 there is no body for the language en"},
};

START_TEST(nobody_is_left_without_subject_or_body)
{
	ck_assert_int_eq(load(bad[_i].yaml, bad[_i].files), PR_EINVAL);
	ck_assert_str_eq(told(), bad[_i].told);
}
END_TEST

START_TEST(bodies_by_language_without_a_column_are_warned_of)
{
	ck_assert_int_eq(load("subject: s", "body.html body.md body.de.html"), 0);
	ck_assert_str_eq(shown(), "- s - body.html -");
	ck_assert_str_eq(told(), "body.md:0 left out: body.html is there\n"
	                         "body.de.html:0 left out: nothing says a recipient's language");
}
END_TEST

START_TEST(language_of_a_row_finds_its_edition)
{
	static const char *const editions[] = {"en", "pt", "pt-BR", "zh", NULL};
	static const struct {
		const char *language;
		size_t edition;
	} rows[] = {{"en", 0},    {"pt", 1}, {"PT", 1}, {" pt-br ", 2}, {"pt_BR", 2}, {"pt-AO", 1},
	            {"zh-TW", 3}, {"ja", 0}, {"", 0},   {"-", 0},       {"zhx", 0},   {"en-GB", 0}};
	for (size_t i = 0; i < ROWS(rows); i++)
		ck_assert_msg(pr_manifest_edition_for(editions, 5, pr_str(rows[i].language)) ==
		                  rows[i].edition,
		              "%s", rows[i].language);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_language_has_its_own_or_what_is_for_all, ROWS(good)},
	    {nobody_is_left_without_subject_or_body, ROWS(bad)},
	    {bodies_by_language_without_a_column_are_warned_of},
	    {language_of_a_row_finds_its_edition},
	};
	return suite_run("campaign_editions", setup, teardown, tests, ROWS(tests));
}
