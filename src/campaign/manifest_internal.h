/* Between the files of the manifest. */
#ifndef POSTRIDER_CAMPAIGN_MANIFEST_INTERNAL_H
#define POSTRIDER_CAMPAIGN_MANIFEST_INTERNAL_H

#include "postrider/campaign/manifest.h"

/* A language tag by its shape: en, pt-BR, zh-Hans-CN. */
bool pr_is_language(struct pr_str s);

/* Bodies that the manifest leaves out are looked for, what it names must be there. 0, or
 * PR_EINVAL and problems told. */
int pr_manifest_find_files(struct pr_manifest *m, int dir, bool recipients,
                           struct pr_problems *problems);

#endif
