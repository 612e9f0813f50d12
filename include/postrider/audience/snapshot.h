/*
 * A snapshot of contacts: those of lists and a segment, but not those of others, each as a row of
 * text with the same columns. One state of the file: what changes meanwhile is not in it.
 *
 * Columns: email, timezone, language, every attribute (a boolean is true or false), what was asked
 * for of what is derived, and with a purpose `consent` (yes, of an ended one too, or empty) and
 * `consent_expires` (a time, or empty: for good). What is not known of a contact is empty.
 */
#ifndef POSTRIDER_AUDIENCE_SNAPSHOT_H
#define POSTRIDER_AUDIENCE_SNAPSHOT_H

#include "postrider/audience/segment.h"
#include "postrider/base/yaml.h"

enum pr_snapshot_order {
	PR_SNAPSHOT_ENGAGEMENT, /* those who answer most come first; a warm-up wants them */
	PR_SNAPSHOT_EMAIL,
	PR_SNAPSHOT_RANDOM,
	PR_SNAPSHOT_ID, /* of the contact */
};

struct pr_snapshot_ask {                         /* the caller's, with all its texts */
	struct pr_str condition;                 /* n 0: whoever is on the lists */
	const struct pr_text *lists, *not_lists; /* on one of these at least; on none of those */
	size_t lists_n, not_lists_n;             /* 0: whatever lists */
	struct pr_str but;                       /* not who is in this condition; n 0: nobody */
	struct pr_str purpose;                   /* n 0: no columns of consent */
	const struct pr_text *derived;           /* names among pr_snapshot_derived */
	size_t derived_n;
	enum pr_snapshot_order order;
	const int64_t *only; /* ids of contacts: nobody else; NULL: everybody */
	size_t only_n;       /* at most PR_SNAPSHOT_ONLY_MAX */
	bool bare;           /* no column but email */
	int64_t now_utc_ms;
	int64_t limit_ms; /* PR_ELIMIT then */
};
#define PR_SNAPSHOT_ONLY_MAX 1000u

/* What segments have beside what is known: created, stage, engagement, ... Ended by NULL. */
extern const char *const pr_snapshot_derived[];

struct pr_snapshot_rows { /* 0, or a negative code that ends it and is returned; views */
	/* First, once; NULL: nobody asks. */
	int (*columns)(void *context, const struct pr_str *names, size_t n);
	/* [0]: the address; id: of the contact. */
	int (*row)(void *context, int64_t id, const struct pr_str *fields, size_t n);
	void *context;
};

/* PR_EINVAL: a condition is wrong, or there is no such list: e says which. */
int pr_snapshot(pr_audience *a, const struct pr_snapshot_ask *ask,
                const struct pr_snapshot_rows *rows, struct pr_error *e);

#endif
