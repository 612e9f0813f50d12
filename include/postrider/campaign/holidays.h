/*
 * Holidays: days of countries, from the operator's file (conf/holidays.yaml).
 *
 *   countries:
 *     DE: 2026-12-25 2026-12-26
 *
 * A day is a date by the wall clock of whoever keeps it. Read once with the configuration, then
 * immutable.
 */
#ifndef POSTRIDER_CAMPAIGN_HOLIDAYS_H
#define POSTRIDER_CAMPAIGN_HOLIDAYS_H

#include "postrider/base/yaml.h"

struct pr_config;
struct pr_days {
	char country[3]; /* ISO 3166-1 alpha-2, upper case */
	uint32_t n;
	int32_t *days; /* since 1970-01-01, sorted */
};
struct pr_holidays;

/* Of the file that the configuration names; none: nothing. PR_EINVAL: problems told. */
int pr_holidays_load(struct pr_config *config, struct pr_problems *problems);
int pr_holidays_parse(struct pr_str text, const char *file, struct pr_problems *problems,
                      struct pr_holidays **out);
void pr_holidays_destroy(struct pr_holidays *h); /* NULL: nothing */
/* NULL: not known. Any letter case. */
const struct pr_days *pr_holidays_of(const struct pr_holidays *h, struct pr_str country);
bool pr_days_has(const struct pr_days *d, int64_t day);
/* The first one from `day` on; INT64_MAX: none. */
int64_t pr_days_next(const struct pr_days *d, int64_t day);

extern const struct pr_yaml_schema pr_holidays_schema;

#endif
