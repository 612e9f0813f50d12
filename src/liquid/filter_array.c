/*
 * Filters on lists. A property is looked up as Ruby's item[property]: of a hash its
 * value, of a text whether it contains the word, of a number an error, of nil and the
 * like the end of the filter (nil).
 */
#include "filter.h"

#include <stdlib.h>

enum property { FOUND, NO_PROPERTIES, WRONG_TYPE };

static enum property
character(const lq_value *text, const lq_value *index, lq_value *v)
{
	struct pr_str s = lq_str(text);
	if (index->type != PR_LIQUID_INT)
		return WRONG_TYPE;
	int64_t size = (int64_t)lq_utf8_length(s), i = index->i < 0 ? index->i + size : index->i;
	if (i < 0 || i >= size)
		return FOUND;
	size_t from = lq_utf8_offset(s, (size_t)i);
	s = (struct pr_str){s.p + from, s.n - from};
	s.n = lq_utf8_offset(s, 1);
	*v = pr_liquid_string(s);
	return FOUND;
}

static enum property
property(struct lq_machine *m, const lq_value *item, const lq_value *name, lq_value *v)
{
	*v = lq_nil();
	switch (item->type) {
	case PR_LIQUID_HASH:
	case LQ_FORLOOP:
	case LQ_TABLEROW:
	case LQ_SELF:
		if (name->type == PR_LIQUID_STRING)
			*v = lq_member(m, item, lq_str(name));
		return FOUND;
	case PR_LIQUID_STRING:
		if (name->type != PR_LIQUID_STRING)
			return character(item, name, v);
		if (memmem(item->s, item->n, name->s, name->n))
			*v = *name;
		return FOUND;
	case PR_LIQUID_INT: /* Ruby's Integer#[]: a bit */
		if (name->type != PR_LIQUID_INT)
			return WRONG_TYPE;
		*v = lq_int(name->i < 0 ? 0 : item->i >> (name->i > 63 ? 63 : name->i) & 1);
		return FOUND;
	default: return NO_PROPERTIES;
	}
}

static bool
wrong_property(struct lq_machine *m, const lq_value *name)
{
	struct pr_str shown;
	if (!lq_text(m, name, &shown))
		return false;
	return lq_raise(m, "cannot select the property '%.*s'",
	                (int)(shown.n < 200 ? shown.n : 200), shown.p);
}

/* Whether an item passes; *end: the filter's result is nil. */
static bool
passes(struct lq_machine *m, const lq_value *item, const lq_value *args, unsigned n, bool *pass,
       bool *end)
{
	lq_value v;
	enum property p = property(m, item, &args[0], &v);
	if (p == WRONG_TYPE)
		return wrong_property(m, &args[0]);
	*end = p == NO_PROPERTIES;
	*pass = n > 1 && args[1].type != PR_LIQUID_NIL ? lq_equal(&v, &args[1]) : lq_truthy(&v);
	return true;
}

/* Items that pass (or that do not). */
static bool
select_items(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n, bool wanted)
{
	struct lq_list list;
	uint32_t kept = 0;
	bool pass = false, end = false;
	if (!lq_list_of(m, v, &list))
		return false;
	lq_value *items = lq_items(m, list.n);
	if (!items)
		return false;
	for (uint32_t i = 0; i < list.n; i++) {
		if (!passes(m, &list.items[i], args, n, &pass, &end))
			return false;
		if (end)
			break;
		if (pass == wanted)
			items[kept++] = list.items[i];
	}
	*v = end ? lq_nil() : lq_array(items, kept);
	return true;
}

bool
lq_f_where(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return select_items(m, v, args, n, true);
}

bool
lq_f_reject(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return select_items(m, v, args, n, false);
}

/* The first item that passes; NULL: none does. */
struct hit {
	const lq_value *item;
	uint32_t index;
	bool end; /* an item was met that has no properties */
};

static bool
first_item(struct lq_machine *m, const lq_value *v, const lq_value *args, unsigned n,
           struct hit *hit)
{
	struct lq_list list;
	bool pass = false;
	*hit = (struct hit){0};
	if (!lq_list_of(m, v, &list))
		return false;
	for (uint32_t i = 0; i < list.n && !pass && !hit->end; i++) {
		if (!passes(m, &list.items[i], args, n, &pass, &hit->end))
			return false;
		if (pass && !hit->end)
			hit->item = &list.items[hit->index = i];
	}
	return true;
}

bool
lq_f_has(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct hit hit;
	if (!first_item(m, v, args, n, &hit))
		return false;
	*v = hit.end ? lq_nil() : lq_bool(hit.item != NULL);
	return true;
}

bool
lq_f_find(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct hit hit;
	if (!first_item(m, v, args, n, &hit))
		return false;
	*v = hit.item ? *hit.item : lq_nil();
	return true;
}

bool
lq_f_find_index(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct hit hit;
	if (!first_item(m, v, args, n, &hit))
		return false;
	*v = hit.item ? lq_int(hit.index) : lq_nil();
	return true;
}

/* The values of a property, for those filters that take one or work on the items. */
static bool
keys_of(struct lq_machine *m, const struct lq_list *list, const lq_value *name, lq_value **keys,
        bool *end)
{
	*end = false;
	*keys = lq_items(m, list->n);
	if (!*keys)
		return false;
	for (uint32_t i = 0; i < list->n && !*end; i++) {
		enum property p = FOUND;
		(*keys)[i] = list->items[i];
		if (name && name->type != PR_LIQUID_NIL)
			p = property(m, &list->items[i], name, &(*keys)[i]);
		if (p == WRONG_TYPE)
			return wrong_property(m, name);
		*end = p == NO_PROPERTIES;
	}
	return true;
}

bool
lq_f_map(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	(void)n;
	if (!lq_list_of(m, v, &list))
		return false;
	lq_value *items = lq_items(m, list.n);
	if (!items)
		return false;
	for (uint32_t i = 0; i < list.n; i++)
		if (property(m, &list.items[i], &args[0], &items[i]) == WRONG_TYPE)
			return wrong_property(m, &args[0]);
	*v = lq_array(items, list.n);
	return true;
}

bool
lq_f_compact(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	lq_value *keys;
	uint32_t kept = 0;
	bool end;
	if (!lq_list_of(m, v, &list) || !keys_of(m, &list, n ? &args[0] : NULL, &keys, &end))
		return false;
	for (uint32_t i = 0; i < list.n && !end; i++)
		if (keys[i].type != PR_LIQUID_NIL)
			keys[kept++] = list.items[i];
	*v = end ? lq_nil() : lq_array(keys, kept);
	return true;
}

/* Ruby's eql?: 1 and 1.0 are two things. */
static bool
same(const lq_value *a, const lq_value *b)
{
	return a->type == b->type && lq_equal(a, b);
}

bool
lq_f_uniq(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	lq_value *keys, *items;
	uint32_t kept = 0, j;
	bool end;
	if (!lq_list_of(m, v, &list) || !keys_of(m, &list, n ? &args[0] : NULL, &keys, &end) ||
	    !(items = lq_items(m, list.n)))
		return false;
	for (uint32_t i = 0; i < list.n && !end; i++) {
		for (j = 0; j < kept && !same(&keys[j], &keys[i]); j++)
			continue;
		if (!lq_spend(m, j / 4))
			return false;
		if (j < kept)
			continue;
		keys[kept] = keys[i];
		items[kept++] = list.items[i];
	}
	*v = end ? lq_nil() : lq_array(items, kept);
	return true;
}

bool
lq_f_reverse(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	(void)args, (void)n;
	if (!lq_list_of(m, v, &list))
		return false;
	lq_value *items = lq_items(m, list.n);
	if (!items)
		return false;
	for (uint32_t i = 0; i < list.n; i++)
		items[i] = list.items[list.n - 1 - i];
	*v = lq_array(items, list.n);
	return true;
}

bool
lq_f_concat(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	(void)n;
	if (args[0].type != PR_LIQUID_ARRAY)
		return lq_raise(m, "concat filter requires an array argument");
	if (!lq_list_of(m, v, &list))
		return false;
	lq_value *items = lq_items(m, (size_t)list.n + args[0].n);
	if (!items)
		return false;
	if (list.n)
		memcpy(items, list.items, list.n * sizeof *items);
	if (args[0].n)
		memcpy(items + list.n, args[0].items, args[0].n * sizeof *items);
	*v = lq_array(items, (size_t)list.n + args[0].n);
	return true;
}

bool
lq_f_join(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	struct pr_str glue = PR_STR(" "), s;
	struct lq_builder b;
	if (!lq_list_of(m, v, &list) || (n && !lq_text(m, &args[0], &glue)))
		return false;
	lq_build(&b, m, 16 * (size_t)list.n);
	for (uint32_t i = 0; i < list.n && !b.failed; i++) {
		if (i)
			lq_build_str(&b, glue);
		if (!lq_text(m, &list.items[i], &s))
			return false;
		lq_build_str(&b, s);
	}
	return lq_build_end(&b, v);
}

bool
lq_end_of(struct lq_machine *m, const lq_value *list, bool last, lq_value *v)
{
	if (list->type == PR_LIQUID_STRING) {
		struct pr_str s = lq_str(list);
		size_t from = last && s.n ? lq_utf8_offset(s, lq_utf8_length(s) - 1) : 0;
		s = (struct pr_str){s.p + from, s.n - from};
		s.n = lq_utf8_offset(s, 1);
		*v = pr_liquid_string(s);
		return true;
	}
	bool ordered = list->type == PR_LIQUID_ARRAY || list->type == LQ_RANGE ||
	               (list->type == PR_LIQUID_HASH && !last);
	uint64_t n = ordered ? lq_count_elements(list) : 0;
	if (n)
		return lq_element(m, list, last ? n - 1 : 0, v);
	*v = lq_nil();
	return true;
}

bool
lq_f_first(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return lq_end_of(m, v, false, v);
}

bool
lq_f_last(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return lq_end_of(m, v, true, v);
}

bool
lq_f_sum(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	struct lq_number sum = lq_number_of(&(lq_value){0});
	bool named = n && args[0].type != PR_LIQUID_NIL;
	if (!lq_list_of(m, v, &list))
		return false;
	for (uint32_t i = 0; i < list.n; i++) {
		lq_value item = list.items[i];
		if (named && property(m, &list.items[i], &args[0], &item) == WRONG_TYPE)
			return wrong_property(m, &args[0]);
		sum = lq_number_add(sum, lq_number_of(&item));
	}
	*v = lq_number_value(m->arena, sum);
	return true;
}

struct sorted {
	lq_value key;
	const lq_value *item;
};

struct sorting {
	struct lq_machine *m;
	bool natural;
};

static int
fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
order_natural(struct lq_machine *m, const lq_value *a, const lq_value *b, int *order)
{
	struct pr_str s, t;
	size_t i = 0;
	if (a->type == PR_LIQUID_NIL || b->type == PR_LIQUID_NIL) {
		*order = (a->type == PR_LIQUID_NIL) - (b->type == PR_LIQUID_NIL);
		return true;
	}
	if (!lq_text(m, a, &s) || !lq_text(m, b, &t))
		return false;
	while (i < s.n && i < t.n && fold((unsigned char)s.p[i]) == fold((unsigned char)t.p[i]))
		i++;
	*order = i < s.n && i < t.n
	             ? (fold((unsigned char)s.p[i]) > fold((unsigned char)t.p[i]) ? 1 : -1)
	             : (s.n > t.n) - (s.n < t.n);
	return true;
}

static bool
order(struct sorting *s, const lq_value *a, const lq_value *b, int *result)
{
	if (!lq_spend(s->m, 1))
		return false;
	if (s->natural)
		return order_natural(s->m, a, b, result);
	if (lq_order(a, b, result))
		return true;
	if (a->type == PR_LIQUID_NIL || b->type == PR_LIQUID_NIL) {
		*result = a->type == PR_LIQUID_NIL ? 1 : -1;
		return true;
	}
	return lq_raise(s->m, "cannot sort values of incompatible types");
}

/* Merge a[0..n) and a[n..n+k) by way of `spare`. */
static bool
merge(struct sorting *s, struct sorted *a, size_t n, size_t k, struct sorted *spare)
{
	size_t i = 0, j = 0, out = 0;
	int result;
	memcpy(spare, a, n * sizeof *a);
	while (i < n && j < k) {
		if (!order(s, &spare[i].key, &a[n + j].key, &result))
			return false;
		a[out++] = result <= 0 ? spare[i++] : a[n + j++];
	}
	while (i < n)
		a[out++] = spare[i++];
	return true;
}

static bool
merge_sort(struct sorting *s, struct sorted *a, size_t n, struct sorted *spare)
{
	for (size_t width = 1; width < n; width *= 2)
		for (size_t at = 0; at + width < n; at += 2 * width) {
			size_t left = n - at - width;
			if (!merge(s, a + at, width, left < width ? left : width, spare))
				return false;
		}
	return true;
}

static bool
sort(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n, bool natural)
{
	struct lq_list list;
	lq_value *keys, *items;
	struct sorting s = {m, natural};
	bool end;
	if (!lq_list_of(m, v, &list) || !keys_of(m, &list, n ? &args[0] : NULL, &keys, &end) ||
	    !(items = lq_items(m, list.n)))
		return false;
	struct sorted *a = lq_alloc(m, 2 * sizeof *a * (size_t)list.n);
	if (!a)
		return false;
	for (uint32_t i = 0; i < list.n; i++)
		a[i] = (struct sorted){keys[i], &list.items[i]};
	if (!end && !merge_sort(&s, a, list.n, a + list.n))
		return false;
	for (uint32_t i = 0; i < list.n; i++)
		items[i] = *a[i].item;
	*v = end ? lq_nil() : lq_array(items, list.n);
	return true;
}

bool
lq_f_sort(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return sort(m, v, args, n, false);
}

bool
lq_f_sort_natural(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return sort(m, v, args, n, true);
}
