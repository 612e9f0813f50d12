/* What the targets of the liquid room share: values of every type out of any octets. Each
 * text and list is a block of its own, so that the sanitizer sees a step beyond it. */
#ifndef TESTS_FUZZ_LIQUID_VALUES_H
#define TESTS_FUZZ_LIQUID_VALUES_H

#include "postrider/liquid.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_DEPTH 4
#define BLOCKS_MAX 2000 /* of one input */

struct octets {
	const uint8_t *p;
	size_t n;
	void *blocks[BLOCKS_MAX];
	unsigned n_blocks;
};

static inline void
octets_finish(struct octets *from)
{
	while (from->n_blocks)
		free(from->blocks[--from->n_blocks]);
}

static inline uint8_t
octet(struct octets *from)
{
	if (from->n == 0)
		return 0;
	from->n--;
	return *from->p++;
}

static inline void *
block(struct octets *from, size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p)
		abort();
	return from->blocks[from->n_blocks++] = p;
}

/* As many octets as one says, and as there are. */
static inline struct pr_liquid_value
text_of(struct octets *from)
{
	size_t n = octet(from);
	if (from->n_blocks == BLOCKS_MAX)
		return pr_liquid_string(PR_STR(""));
	n = n < from->n ? n : from->n;
	char *text = block(from, n);
	if (n)
		memcpy(text, from->p, n);
	from->p += n;
	from->n -= n;
	return pr_liquid_string((struct pr_str){text, n});
}

static inline struct pr_liquid_value
number_of(struct octets *from, enum pr_liquid_type type)
{
	struct pr_liquid_value v = {.type = (uint8_t)type};
	uint64_t bits = 0;
	for (unsigned i = 0; i < 8; i++)
		bits = bits << 8 | octet(from);
	if (type == PR_LIQUID_INT)
		v.i = (int64_t)bits;
	else
		memcpy(&v.f, &bits, sizeof v.f);
	return v;
}

static struct pr_liquid_value value_of(struct octets *from, unsigned depth);

static inline struct pr_liquid_value
list_of(struct octets *from, bool hash, unsigned depth)
{
	unsigned n = octet(from) % 12;
	struct pr_liquid_value v = {.type = hash ? PR_LIQUID_HASH : PR_LIQUID_ARRAY, .n = n};
	struct pr_liquid_value *items = block(from, 2 * n * sizeof *items);
	for (unsigned i = 0; i < n; i++) {
		if (hash)
			items[2 * i] = text_of(from);
		items[hash ? 2 * i + 1 : i] = value_of(from, depth + 1);
	}
	v.items = items;
	return v;
}

static struct pr_liquid_value
value_of(struct octets *from, unsigned depth)
{
	uint8_t kind = octet(from);
	if (from->n == 0 || from->n_blocks == BLOCKS_MAX)
		return (struct pr_liquid_value){.type = PR_LIQUID_NIL};
	switch (kind % 12) {
	case 0: return (struct pr_liquid_value){.type = PR_LIQUID_NIL};
	case 1: return (struct pr_liquid_value){.type = PR_LIQUID_BOOL, .i = octet(from) & 1};
	case 2: return number_of(from, PR_LIQUID_INT);
	case 3: return (struct pr_liquid_value){.type = PR_LIQUID_INT, .i = (int8_t)octet(from)};
	case 4: return number_of(from, PR_LIQUID_FLOAT);
	case 5:
		return (struct pr_liquid_value){.type = PR_LIQUID_FLOAT,
		                                .f = (int8_t)octet(from) / 8.0};
	case 6:
	case 7: return depth < VALUES_DEPTH ? list_of(from, kind % 12 == 7, depth) : text_of(from);
	default: return text_of(from);
	}
}

#endif
