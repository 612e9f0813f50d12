/*
 * `conversions` of a campaign: what counts as one, and how long after which touch. The same keys
 * stand in a manifest and in postrider.yaml.
 *
 * Words
 *   touch   what a person has of a campaign at a time: a click, an opening, the message itself
 *   window  how long after its touch an event is still credited to a campaign
 */
#ifndef POSTRIDER_CAMPAIGN_CONVERSIONS_H
#define POSTRIDER_CAMPAIGN_CONVERSIONS_H

#include "postrider/base/money.h"
#include "postrider/base/yaml.h"

#define PR_CONVERSION_EVENTS_MAX 20u

enum pr_touch_kind { /* each counts as those above it, too. Their words are stored */
	             PR_TOUCH_UNSAID = 0,
	             PR_TOUCH_CLICK = 1,
	             PR_TOUCH_OPEN = 2,
	             PR_TOUCH_DELIVERY = 3,
	             PR_TOUCHES
};

struct pr_conversion_keys {     /* as they are written */
	int64_t window_ms;      /* 0: not said */
	int after;              /* enum pr_touch_kind */
	struct pr_texts events; /* n 0: not said */
};
extern const struct pr_yaml_schema pr_conversion_schema;

/* What holds: whole, without pointers. */
struct pr_conversion_rule {
	int64_t window_ms;
	enum pr_touch_kind after;
	char events[PR_CONVERSION_EVENTS_MAX][65];
	unsigned events_n;
};
bool pr_conversion_counts(const struct pr_conversion_rule *r, struct pr_str event);

struct pr_manifest;
struct pr_config;
/* Each key as the manifest (NULL: none) says it, else config, else: the last click, 7 days, orders.
 */
void pr_conversion_rule_of(const struct pr_manifest *m, const struct pr_config *config,
                           struct pr_conversion_rule *out);
/* As a line, which a ledger keeps ("conversions"): "604800000 click order,signup". */
void pr_conversion_rule_text(const struct pr_conversion_rule *r, struct pr_buf *out);
bool pr_conversion_rule_read(struct pr_str text, struct pr_conversion_rule *out);

/* "120.00 EUR"; for PR_YAML_PARSED of a struct pr_money. */
const char *pr_cost_parse(struct pr_str text, void *field);

/* Names of events are as lists': tells those that are not. */
int pr_conversion_keys_check(const struct pr_conversion_keys *k, const char *file,
                             struct pr_problems *problems);

struct pr_ledger;
struct pr_error;
/* What the ledger of a new campaign keeps of all this. */
int pr_conversions_keep(struct pr_ledger *l, const struct pr_manifest *m,
                        const struct pr_config *config, struct pr_error *e);

#endif
