/* Patterns by PCRE2. Its limits make a match end: how many steps, how deep, how much memory. */
#include "postrider/base/pattern.h"

#include "postrider/base/error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define MATCH_STEPS_MAX 10000
#define MATCH_DEPTH_MAX 250
#define MATCH_HEAP_MAX_KIB 256

struct pr_pattern {
	pcre2_code *code;
};
struct pr_matcher {
	pcre2_match_context *limits;
	pcre2_match_data *data;
};

pr_pattern *
pr_pattern_compile(struct pr_str text, char why[PR_PATTERN_WHY_MAX])
{
	int error = 0;
	size_t at = 0;
	PCRE2_UCHAR8 reason[120] = "";
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR8)text.p, text.n,
	                  PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_UTF, &error, &at, NULL);
	if (!code) {
		pcre2_get_error_message(error, reason, sizeof reason);
		snprintf(why, PR_PATTERN_WHY_MAX, "at its character %zu: %s", at + 1,
		         (const char *)reason);
		return NULL;
	}
	pr_pattern *p = pr_alloc(sizeof *p);
	p->code = code;
	return p;
}

void
pr_pattern_destroy(pr_pattern *p)
{
	if (p)
		pcre2_code_free(p->code);
	free(p);
}

pr_matcher *
pr_matcher_create(void)
{
	pr_matcher *m = pr_alloc(sizeof *m);
	m->data = pcre2_match_data_create(1, NULL);
	m->limits = pcre2_match_context_create(NULL);
	PR_ASSERT(m->data && m->limits);
	pcre2_set_match_limit(m->limits, MATCH_STEPS_MAX);
	pcre2_set_depth_limit(m->limits, MATCH_DEPTH_MAX);
	pcre2_set_heap_limit(m->limits, MATCH_HEAP_MAX_KIB);
	return m;
}

void
pr_matcher_destroy(pr_matcher *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->limits);
	free(m);
}

bool
pr_pattern_matches(const pr_pattern *p, struct pr_str text, pr_matcher *m)
{
	return pcre2_match(p->code, (PCRE2_SPTR8)text.p, text.n, 0, 0, m->data, m->limits) >= 0;
}

bool
pr_pattern_matches_all(const pr_pattern *p)
{
	pr_matcher *m = pr_matcher_create();
	bool all = pr_pattern_matches(p, PR_STR(""), m);
	pr_matcher_destroy(m);
	return all;
}
