/*
 * Problems: everything wrong with a campaign or a configuration, collected in
 * one go and told with file, line and remedy. The same of the same line is told once.
 * Bounded: after PR_PROBLEMS_MAX the rest is only counted.
 */
#ifndef POSTRIDER_BASE_PROBLEM_H
#define POSTRIDER_BASE_PROBLEM_H

#include "postrider/base/buf.h"

#define PR_PROBLEMS_MAX 200

enum pr_severity {
	PR_WARNING,
	PR_PROBLEM,
	PR_NOTE, /* nothing is wrong: something its reader wants to know */
};

struct pr_problem {
	enum pr_severity severity;
	char *file;      /* as the user knows it: "campaign.yaml"; "" when about the whole */
	unsigned line;   /* from 1; 0: no line */
	unsigned column; /* from 1; 0: none */
	char *what;      /* one sentence */
	char *remedy;    /* what to do; "" when obvious */
	char *excerpt;   /* the offending line, NULL when none; shown with a caret under column */
	char *reach;     /* whom it hits, a sentence; NULL: the whole */
	uint64_t rows, first_row; /* the same in numbers; 0: it is not about rows */
};

struct pr_problems {
	struct pr_problem *items;
	unsigned n;        /* kept */
	unsigned problems; /* of severity PR_PROBLEM, also those not kept */
	unsigned warnings;
	unsigned notes;
};

void pr_problems_finish(struct pr_problems *p);
/* Adds one; returns it so that column and excerpt can be set, NULL when it is told already or
 * beyond the bound. remedy may be NULL. */
struct pr_problem *pr_problem_add(struct pr_problems *p, enum pr_severity severity,
                                  const char *file, unsigned line, const char *remedy,
                                  const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Text for people: "file:line:column: error: what\n    excerpt\n       ^\n  reach\n  remedy:
 * ...\n". Of a long excerpt the part around the column is shown. */
void pr_problems_text(const struct pr_problems *p, struct pr_buf *out);
/* JSON array of {severity,file,line,column,what,remedy,excerpt,rows,first_row}. */
void pr_problems_json(const struct pr_problems *p, struct pr_buf *out);

#endif
