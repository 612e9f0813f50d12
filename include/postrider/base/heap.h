/* Binary min-heap of embedded nodes, ordered by a 64-bit key. */
#ifndef POSTRIDER_BASE_HEAP_H
#define POSTRIDER_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pr_heap_node {
	uint64_t key;
	size_t at; /* position + 1; 0: not in a heap */
};

struct pr_heap {
	struct pr_heap_node **nodes;
	size_t n, cap;
};

void pr_heap_finish(struct pr_heap *h); /* frees the array, not the nodes */
void pr_heap_add(struct pr_heap *h, struct pr_heap_node *n, uint64_t key); /* n not in a heap */
void pr_heap_remove(struct pr_heap *h, struct pr_heap_node *n);            /* no-op when not in */
static inline struct pr_heap_node *
pr_heap_first(const struct pr_heap *h)
{
	return h->n ? h->nodes[0] : NULL;
}

#endif
