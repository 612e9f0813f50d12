/*
 * Distinct failures: those of the same place and words are one, with how many rows it hits and
 * the first of them. Bounded: the first ones are kept, later ones only counted.
 */
#ifndef POSTRIDER_MESSAGE_CHECK_DISTINCT_H
#define POSTRIDER_MESSAGE_CHECK_DISTINCT_H

#include "check_pool.h"

#include "postrider/base/hash.h"

#define DISTINCT_MAX 50u /* kept of a kind */

struct distinct {
	struct distinct_one {
		struct failing first; /* words are a copy; the file is the content's */
		uint64_t rows;
	} items[DISTINCT_MAX];
	unsigned n;
	struct pr_map known; /* by hash: one of items, or `beyond` */
	struct pr_hash_key key;
	uint64_t more, more_rows; /* not kept: how many distinct ones, the rows they hit */
	bool more_cut;            /* more is a lower bound */
};

void distinct_init(struct distinct *d);
void distinct_finish(struct distinct *d);
/* To be called in the order of the rows: then what is kept depends on the file alone. */
void distinct_add(struct distinct *d, const struct failing *f);
void distinct_sort(struct distinct *d); /* by place; nothing may be added later */

#endif
