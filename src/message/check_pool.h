/*
 * The composing threads of a check.
 *
 *   reader --pool_add--> batch, batch, ... --> workers compose
 *   reader <--merge----- the same batches, in the order of the file
 *
 * One thread reads and merges, the workers only compose: whatever their number, what is merged
 * comes in the order of the rows. The ring of batches is all the memory there is: the reader
 * waits where the workers are behind.
 */
#ifndef POSTRIDER_MESSAGE_CHECK_POOL_H
#define POSTRIDER_MESSAGE_CHECK_POOL_H

#include "postrider/message.h"

struct failing {          /* a row that would not be sent, and why */
	const char *file; /* of a template, belongs to the content; NULL: no place in one */
	unsigned line, column;
	int code; /* PR_ECANCELLED: {% abort %} */
	const char *text;
	uint32_t row;
	uint64_t row_line; /* in the recipients file */
};

struct composed { /* what became of a batch */
	uint64_t good;
	size_t octets_max;
	const struct failing *failing; /* in the order of the rows; until merge returns */
	unsigned failing_n;
};

struct pool;
struct pool_options {
	const pr_content *content; /* outlives the pool */
	unsigned variants;         /* all are composed */
	int64_t utc_ms;
	unsigned threads;                                       /* 0: one for each core */
	void (*merge)(void *context, const struct composed *c); /* on the reader's thread */
	void *context;
};

/* PR_ESYSTEM: not one thread could be started. */
int pool_create(const struct pool_options *o, struct pool **out, struct pr_error *e);
void pool_add(struct pool *p, const struct pr_row *row, uint64_t row_line); /* copies it */
/* Everything that was added is composed and merged, then the threads end. May be NULL. */
void pool_destroy(struct pool *p);

#endif
