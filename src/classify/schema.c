/*
 * The keys of bounces.yaml. conf/bounces.yaml describes each; a test compares the two.
 */
#include "internal.h"

static const char *const answer_words[] = {"", "no", "yes", NULL};
static const char *const action_words[] = {"", "none", "suppress", "retry", "fix", "review", NULL};

const char *
pr_action_word(enum pr_action a)
{
	return action_words[a];
}

/* clang-format off */
#define CLASS(member) offsetof(struct class_entry, member)
static const struct pr_yaml_row class_rows[] = {
	{.key = "hard", .type = PR_YAML_ENUM, .flags = PR_YAML_REQUIRED, .words = answer_words,
	 .example = "no", .offset = CLASS(hard)},
	{.key = "action", .type = PR_YAML_ENUM, .flags = PR_YAML_REQUIRED, .words = action_words,
	 .example = "review", .offset = CLASS(action)},
	{0},
};

#define PATTERNS (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)
#define RULE(member) offsetof(struct rule_entry, member)
static const struct pr_yaml_row rule_rows[] = {
	{.key = "class", .type = PR_YAML_ENUM, .flags = PR_YAML_REQUIRED, .words = pr_class_words,
	 .example = "user_unknown", .offset = RULE(class_), .at = RULE(class_at)},
	{.key = "code", .type = PR_YAML_LIST, .flags = PATTERNS, .max = 100, .offset = RULE(codes)},
	{.key = "status", .type = PR_YAML_LIST, .flags = PATTERNS, .max = 100,
	 .offset = RULE(statuses)},
	{.key = "command", .type = PR_YAML_LIST, .flags = PATTERNS, .max = 4,
	 .offset = RULE(commands)},
	{.key = "text", .type = PR_YAML_LIST, .flags = PATTERNS, .max = 1000,
	 .offset = RULE(texts)},
	{.key = "hard", .type = PR_YAML_ENUM, .words = answer_words, .offset = RULE(hard)},
	{.key = "action", .type = PR_YAML_ENUM, .words = action_words, .offset = RULE(action)},
	{0},
};

static const struct pr_yaml_schema class_schema = {
	.rows = class_rows, .size = sizeof(struct class_entry), .name_offset = CLASS(name),
};
static const struct pr_yaml_schema rule_schema = {
	.rows = rule_rows, .size = sizeof(struct rule_entry),
};
static const struct pr_yaml_row rows[] = {
	{.key = "classes", .type = PR_YAML_NAMED, .schema = &class_schema, .max = PR_CLASSES,
	 .offset = offsetof(struct rules_file, classes)},
	{.key = "rules", .type = PR_YAML_SECTIONS, .schema = &rule_schema, .max = PR_RULES_MAX,
	 .offset = offsetof(struct rules_file, rules)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_classify_schema = {.rows = rows, .size = sizeof(struct rules_file)};
