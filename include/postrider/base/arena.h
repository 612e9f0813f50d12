/*
 * An arena: memory for one message, request or batch, freed whole. Not for
 * several threads at once. Allocations are aligned for any type.
 */
#ifndef POSTRIDER_BASE_ARENA_H
#define POSTRIDER_BASE_ARENA_H

#include "postrider/base/str.h"

struct pr_arena {
	char *next, *end;
	struct pr_arena_block *blocks;
	size_t used; /* octets handed out since the last reset, for limits */
};

void pr_arena_init(struct pr_arena *a);
void pr_arena_finish(struct pr_arena *a);
void pr_arena_reset(struct pr_arena *a); /* forgets all; keeps one block for the next use */
void *pr_arena_grow(struct pr_arena *a, size_t size); /* slow path of pr_arena_alloc */
char *pr_arena_strndup(struct pr_arena *a, const char *p, size_t n); /* NUL added */
struct pr_str pr_arena_copy(struct pr_arena *a, struct pr_str s);    /* NUL added */

static inline void *
pr_arena_alloc(struct pr_arena *a, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	a->used += size;
	if ((size_t)(a->end - a->next) < size)
		return pr_arena_grow(a, size);
	void *p = a->next;
	a->next += size;
	return p;
}

static inline void *
pr_arena_zero(struct pr_arena *a, size_t size)
{
	return memset(pr_arena_alloc(a, size), 0, size);
}

#endif
