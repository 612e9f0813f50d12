/* Between the files of the manifest. */
#ifndef POSTRIDER_CAMPAIGN_MANIFEST_INTERNAL_H
#define POSTRIDER_CAMPAIGN_MANIFEST_INTERNAL_H

#include "postrider/campaign/manifest.h"

/* A language tag by its shape: en, pt-BR, zh-Hans-CN. */
bool pr_is_language(struct pr_str s);

/* The bodies of one language: body.zh.html, body.zh.txt. */
struct pr_language_files {
	const char *language;
	struct pr_text html, text; /* p NULL: none; not both */
};

/* Bodies that the manifest leaves out are looked for, what it names must be there. 0, or PR_EINVAL
 * and problems told. */
int pr_manifest_find_files(struct pr_manifest *m, int dir, bool recipients,
                           struct pr_problems *problems);

/* What the editions of a wording are made of. */
struct pr_edition_source {
	const struct pr_choice *subject, *preheader;
	struct pr_text html, text;
	const struct pr_language_files
	    *files; /* of the folder, by language; the manifest's arena */
	size_t files_n;
	bool first; /* of the campaign: what all have in common is told with it */
};
void pr_manifest_find_languages(struct pr_manifest *m, int dir, struct pr_edition_source *s);
/* Sets w->editions. PR_EINVAL: problems told. */
int pr_manifest_make_editions(struct pr_manifest *m, const struct pr_edition_source *source,
                              struct pr_manifest_wording *w, struct pr_problems *problems);

/* variants and test: what goes together. PR_EINVAL: problems told. */
int pr_manifest_check_variants(struct pr_manifest *m, struct pr_problems *problems);
/* A variant, or what a step has of one; `what`: "variants". The same. */
int pr_manifest_check_wording(struct pr_manifest *m, struct pr_manifest_variant *v,
                              const char *what, struct pr_problems *problems);
/* trigger and steps: the same. */
int pr_manifest_check_trigger(struct pr_manifest *m, struct pr_problems *problems);
int pr_manifest_check_condition(const struct pr_text *t, const char *key,
                                struct pr_problems *problems);
const char *pr_manifest_parse_hour(struct pr_str text, void *field);
/* Sets m->wordings, and the editions of the first; dir -1: no files are looked for. */
int pr_manifest_make_wordings(struct pr_manifest *m, int dir, struct pr_problems *problems);
int pr_manifest_check_sender(struct pr_sender *s, const char *key, struct pr_problems *problems);
const char *pr_manifest_parse_when(struct pr_str text, void *field);
extern const struct pr_yaml_schema pr_variant_schema, pr_test_schema;
extern const struct pr_yaml_schema pr_trigger_schema, pr_step_schema;
/* Where recipients come from: one of three, said in full. Takes the file's name away where they
 * come from no file. PR_EINVAL: problems told. */
int pr_manifest_check_source(struct pr_manifest *m, struct pr_problems *problems);

#endif
