/* Which files of a campaign's folder belong to it. */
#ifndef POSTRIDER_CAMPAIGN_FOLDER_H
#define POSTRIDER_CAMPAIGN_FOLDER_H

#include "postrider/campaign/manifest.h"
#include "tree.h"

/* Manifest, recipients, bodies, partials, attachments, images: what makes it the same campaign.
 * manifest may be NULL. Fits pr_tree_content; context is the manifest. */
bool pr_folder_knows(void *manifest, const struct pr_tree_entry *entry);
/* A warning for each other file. */
void pr_folder_unknown(const struct pr_tree *t, const struct pr_manifest *m,
                       struct pr_problems *problems);
/* In a copy: a file that the manifest names in another case or another form of Unicode gets
 * the name that the manifest has, when only one can be meant. */
void pr_folder_fit_names(int dir);

#endif
