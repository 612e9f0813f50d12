/* Between the files of the YAML reader: load (libyaml), sections (schema), values (text). */
#ifndef POSTRIDER_BASE_YAML_INTERNAL_H
#define POSTRIDER_BASE_YAML_INTERNAL_H

#include "postrider/base/error.h"
#include "postrider/base/yaml.h"

#include <yaml.h>

#define PR_YAML_DEPTH_MAX 32
#define PR_YAML_VALUES_MAX 50000 /* events of a file, and values read (aliases multiply) */
#define PR_YAML_ENTRIES_MAX                                                                        \
	1000 /* of a list or a map with free keys, where the row says nothing                      \
	      */

struct pr_yaml_reader {
	struct pr_str text;
	const char *file;
	struct pr_problems *problems;
	struct pr_arena *arena;
	yaml_document_t *document;
	struct pr_buf path; /* dotted path of what is being read, for messages */
	unsigned values;    /* read so far */
	bool failed;
};

/* Checks the text as a whole and loads it; false when told why not. */
bool pr_yaml_load(struct pr_yaml_reader *r, yaml_document_t *out);

/* Add a problem at a line and column (from 1), with the line as excerpt. */
void pr_yaml_problem(struct pr_yaml_reader *r, unsigned line, unsigned column, const char *remedy,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether the line (from 1) holds `what`. */
bool pr_yaml_line_has(struct pr_yaml_reader *r, unsigned line, const char *what);

/* A text as a value of the row's type (all but the types that hold others) into field;
 * false when told why not. `at` is where it stands. */
bool pr_yaml_value(struct pr_yaml_reader *r, const struct pr_yaml_row *row, struct pr_text at,
                   void *field);
/* Flags of TEXT, LIST and PAIRS: trims and checks *t in place. */
bool pr_yaml_check_text(struct pr_yaml_reader *r, unsigned flags, struct pr_text *t);

#endif
