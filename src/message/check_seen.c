/* Open addressing, at most three quarters full, doubled when it is. */
#include "check_seen.h"

#include "postrider/base/error.h"

#include <stdlib.h>

#define SLOTS_MIN 4096u

void
seen_init(struct seen *s)
{
	*s = (struct seen){.cap = SLOTS_MIN, .slots = pr_calloc(SLOTS_MIN, sizeof *s->slots)};
	pr_hash_key_random(&s->key);
}

void
seen_finish(struct seen *s)
{
	free(s->slots);
}

/* The slot that holds the hash, or the free one it belongs in. */
static uint64_t *
slot_of(uint64_t *slots, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);
	while (slots[i] && slots[i] != hash)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
grow(struct seen *s)
{
	size_t cap = s->cap * 2;
	uint64_t *slots = pr_calloc(cap, sizeof *slots);
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			*slot_of(slots, cap, s->slots[i]) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
}

bool
seen_before(struct seen *s, struct pr_str address)
{
	uint64_t hash = pr_siphash(s->key, address.p, address.n);
	hash += hash == 0;
	uint64_t *slot = slot_of(s->slots, s->cap, hash);
	if (*slot)
		return true;
	if (s->n == SEEN_MAX)
		return false;
	*slot = hash;
	if (++s->n > s->cap / 4 * 3)
		grow(s);
	return false;
}
