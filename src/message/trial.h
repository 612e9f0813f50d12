/* What preview and check share: content from a folder, without a daemon. */
#ifndef POSTRIDER_MESSAGE_TRIAL_H
#define POSTRIDER_MESSAGE_TRIAL_H

#include "postrider/message.h"

/* The content for a recipients file with these columns. Fails as pr_content_compile. */
int pr_trial_compile(const struct pr_trial *trial, const struct pr_str *columns, size_t n,
                     struct pr_problems *problems, pr_content **out);

#endif
