/* What preview and check share: content from a folder, without a daemon. */
#ifndef POSTRIDER_MESSAGE_TRIAL_H
#define POSTRIDER_MESSAGE_TRIAL_H

#include "postrider/message.h"

/* The content for a recipients file with these columns. Fails as pr_content_compile. */
int pr_trial_compile(const struct pr_trial *trial, const struct pr_str *columns, size_t n,
                     struct pr_problems *problems, pr_content **out);
/* Why composing failed, without the place that Liquid puts into its words. */
const char *pr_trial_words(const struct pr_compose_failure *failure);
/* Adds a line of one of the campaign's files to a problem that has a place, as it is on disk. */
void pr_trial_add_excerpt(const struct pr_trial *trial, struct pr_problem *p);

#endif
