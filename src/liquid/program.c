/* The program's lists and names: grown while compiling, read-only afterwards. */
#include "program.h"

#include "postrider/base/error.h"

#include <stdlib.h>

void *
lq_grow(void *list, uint32_t *cap, size_t size)
{
	*cap = *cap ? *cap * 2 : 16;
	return pr_realloc(list, *cap * size);
}

static uint32_t
bucket(struct pr_str text)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 16777619u;
	return (h ^ h >> 16) % LQ_NAME_BUCKETS;
}

uint32_t
lq_name_find(const pr_liquid *t, struct pr_str text)
{
	for (uint32_t i = t->buckets[bucket(text)]; i != LQ_NONE; i = t->names[i].hash_next)
		if (pr_str_eq(t->names[i].text, text))
			return i;
	return LQ_NONE;
}

uint32_t
lq_name_intern(pr_liquid *t, struct pr_str text)
{
	uint32_t i = lq_name_find(t, text);
	if (i != LQ_NONE)
		return i;
	struct lq_name *name = LQ_ADD(t, names);
	uint32_t *head = &t->buckets[bucket(text)];
	name->text = pr_arena_copy(&t->arena, text);
	name->hash_next = *head;
	*head = t->n_names - 1;
	return *head;
}

static struct pr_str
without_ending(struct pr_str name)
{
	if (pr_str_ends(name, ".liquid"))
		name.n -= 7;
	return name;
}

uint32_t
lq_unit_find(const pr_liquid *t, struct pr_str name)
{
	for (uint32_t i = 1; i < t->n_units; i++)
		if (pr_str_eq_nocase(without_ending(t->units[i].name), without_ending(name)))
			return i;
	return LQ_NONE;
}

enum lq_word
lq_word_find(struct pr_str name)
{
	static const char *const words[] = {
	    [LQ_WORD_SIZE] = "size",
	    [LQ_WORD_FIRST] = "first",
	    [LQ_WORD_LAST] = "last",
	    [LQ_WORD_INDEX] = "index",
	    [LQ_WORD_INDEX0] = "index0",
	    [LQ_WORD_RINDEX] = "rindex",
	    [LQ_WORD_RINDEX0] = "rindex0",
	    [LQ_WORD_LENGTH] = "length",
	    [LQ_WORD_NAME] = "name",
	    [LQ_WORD_PARENTLOOP] = "parentloop",
	    [LQ_WORD_COL] = "col",
	    [LQ_WORD_COL0] = "col0",
	    [LQ_WORD_COL_FIRST] = "col_first",
	    [LQ_WORD_COL_LAST] = "col_last",
	    [LQ_WORD_ROW] = "row",
	};
	for (unsigned i = 1; i < sizeof words / sizeof *words; i++)
		if (pr_str_is(name, words[i]))
			return (enum lq_word)i;
	return LQ_WORD_NONE;
}

void
pr_liquid_destroy(pr_liquid *t)
{
	if (!t)
		return;
	free(t->ops);
	free(t->exprs);
	free(t->segments);
	free(t->calls);
	free(t->pipes);
	free(t->conditions);
	free(t->loops);
	free(t->cycles);
	free(t->partials);
	free(t->units);
	free(t->names);
	free(t->list);
	free(t->counters);
	pr_arena_finish(&t->arena);
	free(t);
}
