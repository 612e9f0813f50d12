/*
 * Versions of a campaign's content: corrections that reach what is unsent.
 *
 * Version 1 are the campaign's own files. Each later one is a whole copy of a corrected folder,
 * without recipients, in versions/N/ of the campaign's folder; it is made once and never
 * changed. Which one is in force is not told here: the journal and the ledger know.
 *
 *   the corrected folder -copy, compare-> versions/.N.part -check-> versions/N
 *
 * Killed on the way it leaves a part, or a version that nobody knows of: pr_version_sweep
 * removes both. Nothing here runs on the loop's thread, except pr_version_sweep at start.
 */
#ifndef POSTRIDER_CAMPAIGN_VERSION_H
#define POSTRIDER_CAMPAIGN_VERSION_H

#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"

#define PR_VERSIONS_FOLDER "versions"
#define PR_VERSION_MAX 60000u

struct pr_version_source {
	int campaign;                  /* its folder, open */
	int folder;                    /* the corrected one, open; somebody else's */
	unsigned version;              /* the number it gets, from 2 */
	const struct pr_manifest *now; /* of the version in force: what must stay as it is */
	const struct pr_config *config;
	/* May it be sent? Adds problems (templates). dir: the copy. */
	void (*vet)(void *context, int dir, const struct pr_manifest *m,
	            struct pr_problems *problems);
	void *context;
};
/* Copies and checks it like a new campaign, and that it changes nothing that cannot be changed
 * any more. 0: it is there, durable; *out is its manifest. PR_EINVAL: told in problems, all in
 * one go; PR_EAGAIN: it changed while it was copied; else as e tells. Then nothing stays. */
int pr_version_take(const struct pr_version_source *source, struct pr_problems *problems,
                    struct pr_manifest **out, struct pr_error *e);

/* The folder of a version, given that of its campaign: a descriptor, or -1 with errno. Its manifest
 * is read by pr_manifest_load_content: recipients were read once, and need not be there any more.
 */
int pr_version_open(int campaign, unsigned version);
/* Removes what is in versions/ but 2 to `last`. */
void pr_version_sweep(int campaign, unsigned last);

#endif
