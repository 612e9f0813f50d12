/*
 * Traces: where one e-mail address stands in octets, in any letter case and in the ways programs
 * write it. For erasing a person: what is found is overwritten, never moved, so that lengths and
 * places around it stay what they were. Pure, but for files.
 */
#ifndef POSTRIDER_BASE_TRACE_H
#define POSTRIDER_BASE_TRACE_H

#include "postrider/base/error.h"
#include "postrider/base/str.h"

#define PR_TRACE_FORMS 4
#define PR_TRACE_FORM_SIZE 700

struct pr_trace {
	struct {
		char text[PR_TRACE_FORM_SIZE]; /* in lower case */
		size_t n, local_n;             /* local_n: octets before what stands for "@" */
	} forms[PR_TRACE_FORMS];
	unsigned n;
};

/* The address as it is, and with "%40" for its "@" (in links). Without an "@", or too long: none.
 */
void pr_trace_add(struct pr_trace *t, struct pr_str address);

/*
 * The first one at or behind `from`. whole: not as a part of another address ("ann@a.example" is
 * none of joann@a.example, nor of ann@a.example.org): for text; what stands around it in a
 * database's pages says nothing.
 */
bool pr_trace_find(const struct pr_trace *t, struct pr_str in, bool whole, size_t from, size_t *at,
                   size_t *n);
bool pr_trace_is_in(const struct pr_trace *t, struct pr_str text); /* whole */
/* The text is the address. */
bool pr_trace_is(const struct pr_trace *t, struct pr_str text);
/* 1: the file has one; 0: it has none, or is no regular file. */
int pr_trace_in_file(const struct pr_trace *t, int dir, const char *path, bool whole,
                     struct pr_error *e);
/* Overwrites the whole ones with '*'; how many there were. */
unsigned pr_trace_mask(const struct pr_trace *t, char *text, size_t n);

#endif
