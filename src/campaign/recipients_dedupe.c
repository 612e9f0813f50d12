/*
 * Duplicates: keyed 64-bit hashes of all addresses are sorted on disk; where hashes are equal
 * the addresses themselves decide; the first row of an address stays.
 *
 *   add: (hash, row and line) -> sorter -> groups of one hash -> addresses compared
 *        -> (row, first row and line) -> second sorter -> told in order of rows
 *
 * The second sorter exists so that what follows (entries of the ledger, rejects.csv) is
 * written in order of rows and not of hashes. Memory is that of the two sorters.
 */
#include "recipients_internal.h"

#include <stdlib.h>

#define GROUP_DISTINCT_MAX 4096u /* addresses of one hash; keyed hashes keep it at 1 */

struct duplicates {
	struct duplicates_options o;
	pr_sorter *hashes, *found;
	uint64_t mask;
};

duplicates *
duplicates_create(const struct duplicates_options *options)
{
	duplicates *d = pr_calloc(1, sizeof *d);
	d->o = *options;
	d->mask = options->hash_bits >= 64 ? UINT64_MAX : (UINT64_C(1) << options->hash_bits) - 1;
	d->hashes = pr_sorter_create(options->dir, options->memory);
	return d;
}

void
duplicates_destroy(duplicates *d)
{
	if (!d)
		return;
	pr_sorter_destroy(d->hashes);
	pr_sorter_destroy(d->found);
	free(d);
}

/* Two numbers in the value of a pair; lines beyond 32 bits are told as the last that fits. */
static uint64_t
join(uint32_t row, uint64_t line)
{
	return (uint64_t)row << 32 | (line < UINT32_MAX ? line : UINT32_MAX);
}

int
duplicates_add(duplicates *d, struct pr_str address, uint32_t row, uint64_t line,
               struct pr_error *e)
{
	uint64_t hash = pr_siphash(d->o.key, address.p, address.n) & d->mask;
	return pr_sorter_add(d->hashes, hash, join(row, line), e);
}

/* ---- groups of one hash ---- */

struct distinct { /* an address of the group, with its first row */
	struct distinct *next;
	uint32_t row;
	struct pr_str address; /* p NULL: not read yet (a group of one is the rule) */
};

struct group {
	duplicates *d;
	struct pr_arena arena;
	struct distinct *first, **last;
	unsigned n;
};

static void
group_clear(struct group *g)
{
	if (g->n)
		pr_arena_reset(&g->arena);
	g->first = NULL;
	g->last = &g->first;
	g->n = 0;
}

static int
read_address(struct group *g, uint32_t row, struct pr_str *out, struct pr_error *e)
{
	struct pr_buf b = {0};
	int r = g->d->o.address(g->d->o.context, row, &b, e);
	if (r == 0)
		*out = pr_arena_copy(&g->arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return r;
}

static struct distinct *
group_add(struct group *g, uint32_t row, struct pr_str address)
{
	struct distinct *a = pr_arena_zero(&g->arena, sizeof *a);
	a->row = row;
	a->address = address;
	*g->last = a;
	g->last = &a->next;
	g->n++;
	return a;
}

/* A row whose hash others had before it. */
static int
group_compare(struct group *g, uint64_t value, struct pr_error *e)
{
	uint32_t row = (uint32_t)(value >> 32);
	struct pr_str address;
	int r = read_address(g, row, &address, e);
	for (struct distinct *a = g->first; r == 0 && a; a = a->next) {
		if (!a->address.p && (r = read_address(g, a->row, &a->address, e)) < 0)
			break;
		if (pr_str_eq(a->address, address))
			return pr_sorter_add(g->d->found, row, join(a->row, (uint32_t)value), e);
	}
	if (r == 0 && g->n < GROUP_DISTINCT_MAX)
		group_add(g, row, address);
	return r;
}

static int
find_all(duplicates *d, struct pr_error *e)
{
	struct group g = {.d = d};
	struct pr_sorter_item item;
	uint64_t hash = 0;
	int r;
	pr_arena_init(&g.arena);
	group_clear(&g);
	while ((r = pr_sorter_next(d->hashes, &item, e)) == 1) {
		if (g.n && item.key == hash)
			r = group_compare(&g, item.value, e);
		else {
			group_clear(&g);
			hash = item.key;
			group_add(&g, (uint32_t)(item.value >> 32), pr_str_n(NULL, 0));
		}
		if (r < 0)
			break;
	}
	pr_arena_finish(&g.arena);
	return r < 0 ? r : 0;
}

int
duplicates_tell(duplicates *d, struct pr_error *e)
{
	struct pr_sorter_item item;
	d->found = pr_sorter_create(d->o.dir, d->o.memory / 4);
	int r = find_all(d, e);
	pr_sorter_destroy(d->hashes);
	d->hashes = NULL;
	while (r >= 0 && (r = pr_sorter_next(d->found, &item, e)) == 1)
		r = d->o.duplicate(d->o.context, (uint32_t)item.key, (uint32_t)(item.value >> 32),
		                   (uint32_t)item.value, e);
	return r < 0 ? r : 0;
}
