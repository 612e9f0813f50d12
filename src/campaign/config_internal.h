/* Between the files of the configuration. */
#ifndef POSTRIDER_CAMPAIGN_CONFIG_INTERNAL_H
#define POSTRIDER_CAMPAIGN_CONFIG_INTERNAL_H

#include "postrider/campaign/config.h"

/* What the tables cannot say. 0, or PR_EINVAL and problems told; writes host names as
 * A-labels. */
int pr_config_check(struct pr_config *c, struct pr_problems *problems);

/* ---- config_url.c ---- */
enum config_url { CONFIG_URL_GOOD, CONFIG_URL_BAD, CONFIG_URL_IN_CLEAR /* and not on this host */ };
/* query: it may have one, and a path of any characters that a URL may have. */
enum config_url config_url_judge(struct pr_str url, bool query);

/* ---- config_webhooks.c ---- */
/* Also turns the names of events into `wanted`. */
int config_check_track(struct pr_config *c, struct pr_problems *problems);
int config_check_webhooks(struct pr_config *c, struct pr_problems *problems);

#endif
