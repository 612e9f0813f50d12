/* A campaign's folder opened by check, preview, proof and submit, without a daemon. */
#ifndef POSTRIDER_CLI_TRIAL_H
#define POSTRIDER_CLI_TRIAL_H

#include "cli.h"

#include "postrider/message.h"

struct cli_folder {
	int dir;
	char name[256];               /* of the folder */
	struct pr_manifest *manifest; /* NULL: cannot be read, told in problems */
	struct pr_problems problems;
	pr_audience *audience; /* where it may be read here; NULL: not asked, or not allowed */
	struct pr_recipients_from from;
};

/* DIR, where a command takes DIR|ID: an id has no slash; a folder that is there is meant. */
bool cli_is_folder(const char *word);
/* CLI_FAILED: there is no such folder; said so. What is wrong inside goes to problems. */
enum cli_exit cli_folder_open(struct cli_folder *f, const char *path);
void cli_folder_close(struct cli_folder *f);
struct pr_trial cli_trial(struct cli *c, struct cli_folder *f);
/* The one that --variant names, if it is given. CLI_FAILED, told: there is none. */
enum cli_exit cli_trial_variant(struct cli *c, const struct cli_folder *f, struct pr_trial *trial);

#endif
