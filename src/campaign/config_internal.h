/* Between the files of the configuration. */
#ifndef POSTRIDER_CAMPAIGN_CONFIG_INTERNAL_H
#define POSTRIDER_CAMPAIGN_CONFIG_INTERNAL_H

#include "postrider/campaign/config.h"

/* What the tables cannot say. 0, or PR_EINVAL and problems told; writes host names as
 * A-labels. */
int pr_config_check(struct pr_config *c, struct pr_problems *problems);

#endif
