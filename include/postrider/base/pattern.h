/*
 * Patterns (PCRE2): what the administrator writes, held against what strangers say. Octets, in
 * any case of ASCII letters, a dot is any octet. A match that would cost much is none, and there is
 * no JIT: the service forbids memory that is writable and executable.
 */
#ifndef POSTRIDER_BASE_PATTERN_H
#define POSTRIDER_BASE_PATTERN_H

#include "postrider/base/str.h"

#define PR_PATTERN_WHY_MAX 180

typedef struct pr_pattern pr_pattern; /* never changes: any thread */

/* NULL: `why` says what is wrong ("at its character 3: missing terminating ]"). */
pr_pattern *pr_pattern_compile(struct pr_str text, char why[PR_PATTERN_WHY_MAX]);
void pr_pattern_destroy(pr_pattern *p); /* NULL: nothing */

/* What matching needs beside the pattern: one for many matches, by one thread at a time. */
typedef struct pr_matcher pr_matcher;
pr_matcher *pr_matcher_create(void);
void pr_matcher_destroy(pr_matcher *m); /* NULL: nothing */

/* Whether it is anywhere in the text. */
bool pr_pattern_matches(const pr_pattern *p, struct pr_str text, pr_matcher *m);
/* Whether nothing at all already matches: then everything does. */
bool pr_pattern_matches_all(const pr_pattern *p);

#endif
