/* Binary min-heap; nodes know their place. */
#include "postrider/base/heap.h"

#include "postrider/base/error.h"

#include <stdlib.h>

static void
put(struct pr_heap *h, size_t i, struct pr_heap_node *n)
{
	h->nodes[i] = n;
	n->at = i + 1;
}

static void
sift_up(struct pr_heap *h, size_t i, struct pr_heap_node *n)
{
	while (i > 0 && h->nodes[(i - 1) / 2]->key > n->key) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, n);
}

static void
sift_down(struct pr_heap *h, size_t i, struct pr_heap_node *n)
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->nodes[child + 1]->key < h->nodes[child]->key)
			child++;
		if (h->nodes[child]->key >= n->key)
			break;
		put(h, i, h->nodes[child]);
		i = child;
	}
	put(h, i, n);
}

void
pr_heap_finish(struct pr_heap *h)
{
	free(h->nodes);
	*h = (struct pr_heap){0};
}

void
pr_heap_add(struct pr_heap *h, struct pr_heap_node *n, uint64_t key)
{
	PR_ASSERT(n->at == 0);
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 16;
		h->nodes = pr_realloc(h->nodes, h->cap * sizeof(struct pr_heap_node *));
	}
	n->key = key;
	sift_up(h, h->n++, n);
}

void
pr_heap_remove(struct pr_heap *h, struct pr_heap_node *n)
{
	if (n->at == 0)
		return;
	size_t i = n->at - 1;
	struct pr_heap_node *last = h->nodes[--h->n];
	n->at = 0;
	if (last == n)
		return;
	if (i > 0 && h->nodes[(i - 1) / 2]->key > last->key)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}
