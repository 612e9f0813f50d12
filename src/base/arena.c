/* The arena: a chain of blocks, the newest one in use. */
#include "postrider/base/arena.h"

#include "postrider/base/error.h"

#include <stdlib.h>

#define BLOCK_SIZE 16384u

struct pr_arena_block {
	struct pr_arena_block *older;
	size_t size;
	_Alignas(16) char data[];
};

void
pr_arena_init(struct pr_arena *a)
{
	*a = (struct pr_arena){0};
}

static void
free_blocks(struct pr_arena_block *b)
{
	while (b) {
		struct pr_arena_block *older = b->older;
		free(b);
		b = older;
	}
}

void
pr_arena_finish(struct pr_arena *a)
{
	free_blocks(a->blocks);
	*a = (struct pr_arena){0};
}

void
pr_arena_reset(struct pr_arena *a)
{
	struct pr_arena_block *b = a->blocks;
	a->used = 0;
	if (!b)
		return;
	free_blocks(b->older);
	b->older = NULL;
	if (b->size > 4 * BLOCK_SIZE) { /* one huge message must not be kept for ever */
		free(b);
		*a = (struct pr_arena){0};
		return;
	}
	a->next = b->data;
	a->end = b->data + b->size;
}

void *
pr_arena_grow(struct pr_arena *a, size_t size)
{
	size_t room = size > BLOCK_SIZE / 4 ? size + BLOCK_SIZE : BLOCK_SIZE;
	struct pr_arena_block *b = pr_alloc(sizeof *b + room);
	b->older = a->blocks;
	b->size = room;
	a->blocks = b;
	a->next = b->data + size;
	a->end = b->data + room;
	return b->data;
}

char *
pr_arena_strndup(struct pr_arena *a, const char *p, size_t n)
{
	char *s = pr_arena_alloc(a, n + 1);
	if (n)
		memcpy(s, p, n);
	s[n] = 0;
	return s;
}

struct pr_str
pr_arena_copy(struct pr_arena *a, struct pr_str s)
{
	return (struct pr_str){pr_arena_strndup(a, s.p, s.n), s.n};
}
