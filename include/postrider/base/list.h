/*
 * Doubly linked list, embedded in its members. State is membership of a list:
 * a node not in a list points at itself after pr_list_init or pr_list_remove.
 */
#ifndef POSTRIDER_BASE_LIST_H
#define POSTRIDER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pr_list {
	struct pr_list *next, *prev;
};

#define PR_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void
pr_list_init(struct pr_list *l)
{
	l->next = l->prev = l;
}

static inline bool
pr_list_empty(const struct pr_list *l)
{
	return l->next == l;
}

static inline void
pr_list_insert_before(struct pr_list *at, struct pr_list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void
pr_list_push(struct pr_list *head, struct pr_list *n) /* at the end */
{
	pr_list_insert_before(head, n);
}

static inline void
pr_list_unshift(struct pr_list *head, struct pr_list *n) /* at the front */
{
	pr_list_insert_before(head->next, n);
}

static inline void
pr_list_remove(struct pr_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	pr_list_init(n);
}

/* Remove and return the first node, NULL when empty. */
static inline struct pr_list *
pr_list_shift(struct pr_list *head)
{
	struct pr_list *n = head->next;
	if (n == head)
		return NULL;
	pr_list_remove(n);
	return n;
}

/* Move all of from to the end of to. */
static inline void
pr_list_splice(struct pr_list *to, struct pr_list *from)
{
	if (pr_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	pr_list_init(from);
}

/* Safe against removal of the visited node. */
#define PR_LIST_EACH(node, head)                                                                   \
	for (struct pr_list *node = (head)->next, *node##_next = node->next; node != (head);       \
	     node = node##_next, node##_next = node->next)

#endif
