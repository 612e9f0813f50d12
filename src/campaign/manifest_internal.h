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

/* Bodies that the manifest leaves out are looked for, what it names must be there; then those of
 * each language are listed (the manifest's arena has them). 0, or PR_EINVAL and problems told. */
int pr_manifest_find_files(struct pr_manifest *m, int dir, bool recipients,
                           struct pr_language_files **languages, size_t *n,
                           struct pr_problems *problems);

/* Sets m->editions. PR_EINVAL: problems told. */
int pr_manifest_make_editions(struct pr_manifest *m, const struct pr_language_files *files,
                              size_t n, struct pr_problems *problems);

#endif
