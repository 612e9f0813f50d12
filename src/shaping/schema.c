/*
 * The keys of shaping.yaml. conf/shaping.yaml describes each; a test compares the two.
 */
#include "internal.h"

#define NAME (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)
#define FOR_MAX ((double)PR_SHAPING_FOR_MAX_MS)

static const char *const shaping_tls_words[] = {"",         "none",     "opportunistic",
                                                "required", "verified", NULL};
static const char *const shaping_switch_words[] = {"", "off", "on", NULL};
const char *const shaping_action_words[] = {
    "", "throttle", "suspend", "fewer_connections", "fewer_messages_per_connection", "defer", NULL};

/* clang-format off */
#define PROVIDER(member) offsetof(struct provider_entry, member)
#define FIGURE(key_, type_, field, min_, max_, words_, fallback_)                                  \
	{.key = key_, .type = type_, .min = min_, .max = max_, .words = words_,                    \
	 .fallback = fallback_, .offset = PROVIDER(field), .at = PROVIDER(field##_at)},
#define OWN_FIGURE(key_, type_, field, min_, max_, words_, fallback_)                              \
	FIGURE(key_, type_, field, min_, max_, words_, NULL)
static const struct pr_yaml_row default_rows[] = {
	FIGURES(FIGURE)
	{0},
};
static const struct pr_yaml_row provider_rows[] = {
	{.key = "exchangers", .type = PR_YAML_LIST, .flags = NAME, .max = 1000,
	 .offset = PROVIDER(exchangers)},
	{.key = "domains", .type = PR_YAML_LIST, .flags = NAME, .max = 1000,
	 .offset = PROVIDER(domains)},
	FIGURES(OWN_FIGURE)
	{0},
};

#define RULE(member) offsetof(struct rule_entry, member)
static const struct pr_yaml_row rule_rows[] = {
	{.key = "reply", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "\"too many connections\"", .offset = RULE(reply)},
	{.key = "provider", .type = PR_YAML_TEXT, .flags = NAME, .offset = RULE(provider)},
	{.key = "action", .type = PR_YAML_ENUM, .flags = PR_YAML_REQUIRED,
	 .words = shaping_action_words, .example = "suspend", .offset = RULE(action),
	 .at = RULE(action_at)},
	{.key = "rate", .type = PR_YAML_RATE, .offset = RULE(rate), .at = RULE(rate_at)},
	{.key = "connection_rate", .type = PR_YAML_RATE, .offset = RULE(connection_rate),
	 .at = RULE(connection_rate_at)},
	{.key = "factor", .type = PR_YAML_FLOAT, .min = 0.01, .max = 0.99,
	 .offset = RULE(factor), .at = RULE(factor_at)},
	{.key = "to", .type = PR_YAML_INT, .min = 1, .max = 10000, .offset = RULE(to),
	 .at = RULE(to_at)},
	{.key = "count", .type = PR_YAML_INT, .min = 1, .max = PR_SHAPING_COUNT_MAX,
	 .fallback = "1", .offset = RULE(count), .at = RULE(count_at)},
	{.key = "within", .type = PR_YAML_DURATION, .min = PR_SECOND_MS, .max = FOR_MAX,
	 .fallback = "1h", .offset = RULE(within), .at = RULE(within_at)},
	{.key = "for", .type = PR_YAML_DURATION, .min = PR_SECOND_MS, .max = FOR_MAX,
	 .offset = RULE(for_), .at = RULE(for_at)},
	{.key = "retry", .type = PR_YAML_DURATION, .min = PR_SECOND_MS, .max = FOR_MAX,
	 .offset = RULE(retry), .at = RULE(retry_at)},
	{0},
};

#define WARM_UP(member) offsetof(struct warm_up_entry, member)
static const struct pr_yaml_row warm_up_rows[] = {
	{.key = "days", .type = PR_YAML_LIST, .flags = NAME | PR_YAML_REQUIRED,
	 .max = PR_WARM_UP_DAYS_MAX, .example = "[50, 100, 500]", .offset = WARM_UP(days)},
	{.key = "doubles_every", .type = PR_YAML_DURATION, .min = PR_DAY_MS,
	 .max = PR_WARM_UP_DAYS_MAX * (double)PR_DAY_MS, .offset = WARM_UP(doubles),
	 .at = WARM_UP(doubles_at)},
	{0},
};

static const struct pr_yaml_schema default_schema = {
	.rows = default_rows, .size = sizeof(struct provider_entry),
};
static const struct pr_yaml_schema provider_schema = {
	.rows = provider_rows, .size = sizeof(struct provider_entry),
	.name_offset = PROVIDER(name),
};
static const struct pr_yaml_schema rule_schema = {
	.rows = rule_rows, .size = sizeof(struct rule_entry),
};
static const struct pr_yaml_schema warm_up_schema = {
	.rows = warm_up_rows, .size = sizeof(struct warm_up_entry), .name_offset = WARM_UP(name),
};

#define AT(member) offsetof(struct shaping_file, member)
static const struct pr_yaml_row rows[] = {
	{.key = "default", .type = PR_YAML_SECTION, .schema = &default_schema,
	 .offset = AT(fallback)},
	{.key = "providers", .type = PR_YAML_NAMED, .schema = &provider_schema,
	 .max = PR_SHAPING_PROVIDERS_MAX, .offset = AT(providers)},
	{.key = "rules", .type = PR_YAML_SECTIONS, .schema = &rule_schema,
	 .max = PR_SHAPING_RULES_MAX, .offset = AT(rules)},
	{.key = "warm_up", .type = PR_YAML_NAMED, .schema = &warm_up_schema, .max = 100,
	 .offset = AT(warm_ups)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_shaping_schema = {.rows = rows, .size = sizeof(struct shaping_file)};
