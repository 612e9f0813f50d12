/* Between the files of classification: what a file of rules is made into. */
#ifndef CLASSIFY_INTERNAL_H
#define CLASSIFY_INTERNAL_H

#include "postrider/base/pattern.h"
#include "postrider/base/yaml.h"
#include "postrider/classify.h"

/* ---- the file as it stands ---- */

enum answer {
	ANSWER_UNSET,
	ANSWER_NO,
	ANSWER_YES,
};
struct class_entry {
	struct pr_text name; /* first */
	int hard, action;
};
struct rule_entry {
	int class_;
	int hard, action;
	struct pr_texts codes, statuses, commands, texts;
	struct pr_text class_at;
};
struct rules_file {
	struct pr_yaml_array classes, rules;
};
extern const struct pr_yaml_schema pr_classify_schema;

/* ---- what it is made into ---- */

/* Three octets of a text, in lower case, as one bit of many: what a pattern needs and a text has
 * not need not be looked for. */
#define GRAM_BITS 8192

struct grams {
	uint64_t words[GRAM_BITS / 64];
};

struct pattern {
	pr_pattern *compiled;
	const uint16_t *needs; /* see pattern_needs */
};

struct mask { /* "5.7.x", "4xx": places of a code, or numbers of a status */
	uint16_t at[3];
};
#define ANY UINT16_MAX

struct rule {
	struct pr_finding finding;
	const struct mask *codes, *statuses;
	const struct pattern *patterns;
	size_t codes_n, statuses_n, patterns_n; /* 0: asks for none */
	unsigned commands;                      /* bits 1 << enum pr_said_to; the same */
};

struct pr_rules {
	struct pr_arena arena;
	struct rules_file file;
	struct pr_finding classes[PR_CLASSES];
	struct rule *rules;
	size_t rules_n;
};

struct making { /* while a file is made into rules */
	pr_rules *rules;
	const char *file;
	struct pr_problems *problems;
	bool failed;
	char where[32]; /* "rules.3." */
};
void classify_tell(struct making *m, const struct pr_text *at, const char *remedy,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void classify_make_rules(struct making *m);

/* ---- patterns ---- */

void pattern_make(struct making *m, const struct pr_text *text, struct pattern *out);
/* What a text must hold for the pattern to match: clauses, each a number and as many grams, of
 * which one must be there; ended by 0. */
const uint16_t *pattern_needs(struct pr_arena *arena, struct pr_str pattern);

static inline unsigned
gram_of(const char *p)
{
	uint32_t v = (uint8_t)pr_lower(p[0]) | (uint32_t)(uint8_t)pr_lower(p[1]) << 8 |
	             (uint32_t)(uint8_t)pr_lower(p[2]) << 16;
	return v * 0x9E3779B1u >> 19;
}

/* conf/bounces.yaml of this version. */
extern const unsigned char classify_shipped[];
extern const size_t classify_shipped_n;

#endif
