/*
 * `stop_loss`: how much may fail at one receiver before a campaign stops sending there. The same
 * keys stand in a manifest, a brand and postrider.yaml itself.
 */
#ifndef POSTRIDER_CAMPAIGN_STOP_LOSS_H
#define POSTRIDER_CAMPAIGN_STOP_LOSS_H

#include "postrider/base/yaml.h"

struct pr_stop_loss {
	/* Shares of 1 that may not be passed; 0: not judged. Bounces and complaints of the rows
	 * tried, deferrals of the latest attempts. */
	double bounces, complaints, deferrals;
	int64_t least;     /* rows tried, or attempts, before it is judged; 0: not said */
	int64_t window_ms; /* how old the attempts may be; 0: not said */
};
extern const struct pr_yaml_schema pr_stop_loss_schema;

struct pr_manifest;
struct pr_config;
/* What holds for a campaign: each key as its manifest says it, else its brand, else config. */
struct pr_stop_loss pr_stop_loss_of(const struct pr_manifest *m, const struct pr_config *config);
static inline bool
pr_stop_loss_judges(const struct pr_stop_loss *l)
{
	return l->bounces > 0 || l->complaints > 0 || l->deferrals > 0;
}

#endif
