/* A table of failures by a hash of place and words. */
#include "check_distinct.h"

#include <stdlib.h>

#define KNOWN_MAX 100000u /* hashes; what is distinct beyond them is not counted apart */

static char beyond; /* stands in the table for what is known, but not kept */

void
distinct_init(struct distinct *d)
{
	*d = (struct distinct){0};
	pr_hash_key_random(&d->key);
}

void
distinct_finish(struct distinct *d)
{
	for (unsigned i = 0; i < d->n; i++)
		free((char *)d->items[i].first.text);
	pr_map_finish(&d->known);
}

static uint64_t
hash_of(const struct distinct *d, const struct failing *f)
{
	const uint64_t parts[] = {
	    f->file ? pr_siphash(d->key, f->file, strlen(f->file)) : 0,
	    (uint64_t)f->line << 32 | f->column,
	    (uint64_t)(int64_t)f->code,
	    pr_siphash(d->key, f->text, strlen(f->text)),
	};
	return pr_siphash(d->key, parts, sizeof parts);
}

static void
keep(struct distinct *d, uint64_t hash, const struct failing *f)
{
	struct distinct_one *one = &d->items[d->n++];
	one->first = *f;
	one->first.text = pr_strdup(f->text);
	one->rows = 1;
	pr_map_put(&d->known, hash, one);
}

static void
count_only(struct distinct *d, uint64_t hash, bool known)
{
	d->more_rows++;
	if (known)
		return;
	if (d->known.n < KNOWN_MAX) {
		pr_map_put(&d->known, hash, &beyond);
		d->more++;
	} else
		d->more_cut = true;
}

void
distinct_add(struct distinct *d, const struct failing *f)
{
	uint64_t hash = hash_of(d, f);
	void *known = pr_map_get(&d->known, hash);
	if (known && known != &beyond)
		((struct distinct_one *)known)->rows++;
	else if (!known && d->n < DISTINCT_MAX)
		keep(d, hash, f);
	else
		count_only(d, hash, known != NULL);
}

static int
by_place(const void *a, const void *b)
{
	const struct failing *x = &((const struct distinct_one *)a)->first;
	const struct failing *y = &((const struct distinct_one *)b)->first;
	int files = strcmp(x->file ? x->file : "", y->file ? y->file : "");
	if (files)
		return files;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

void
distinct_sort(struct distinct *d)
{
	pr_map_finish(&d->known);
	d->known = (struct pr_map){0};
	qsort(d->items, d->n, sizeof *d->items, by_place);
}
