/* The table of filters, and what they share. */
#include "filter.h"

#include <stdlib.h>

static const struct lq_filter filters[] = {
    /* sorted */
    {"abs", lq_f_abs, 0, 0},
    {"append", lq_f_append, 1, 1},
    {"at_least", lq_f_at_least, 1, 1},
    {"at_most", lq_f_at_most, 1, 1},
    {"base64_decode", lq_f_base64_decode, 0, 0},
    {"base64_encode", lq_f_base64_encode, 0, 0},
    {"base64_url_safe_decode", lq_f_base64_url_safe_decode, 0, 0},
    {"base64_url_safe_encode", lq_f_base64_url_safe_encode, 0, 0},
    {"capitalize", lq_f_capitalize, 0, 0},
    {"ceil", lq_f_ceil, 0, 0},
    {"compact", lq_f_compact, 0, 1},
    {"concat", lq_f_concat, 1, 1},
    {"date", lq_f_date, 1, 2},
    {"default", lq_f_default, 0, 2},
    {"divided_by", lq_f_divided_by, 1, 1},
    {"downcase", lq_f_downcase, 0, 0},
    {"escape", lq_f_escape, 0, 0},
    {"escape_once", lq_f_escape_once, 0, 0},
    {"find", lq_f_find, 1, 2},
    {"find_index", lq_f_find_index, 1, 2},
    {"first", lq_f_first, 0, 0},
    {"floor", lq_f_floor, 0, 0},
    {"h", lq_f_escape, 0, 0},
    {"has", lq_f_has, 1, 2},
    {"hmac_sha256", lq_f_hmac_sha256, 1, 1},
    {"join", lq_f_join, 0, 1},
    {"json", lq_f_json, 0, 0},
    {"last", lq_f_last, 0, 0},
    {"lstrip", lq_f_lstrip, 0, 0},
    {"map", lq_f_map, 1, 1},
    {"md5", lq_f_md5, 0, 0},
    {"minus", lq_f_minus, 1, 1},
    {"modulo", lq_f_modulo, 1, 1},
    {"money", lq_f_money, 0, 2},
    {"newline_to_br", lq_f_newline_to_br, 0, 0},
    {"number_with_delimiter", lq_f_number_with_delimiter, 0, 3},
    {"plus", lq_f_plus, 1, 1},
    {"prepend", lq_f_prepend, 1, 1},
    {"random", lq_f_random, 0, 0},
    {"raw", lq_f_raw, 0, 0},
    {"reject", lq_f_reject, 1, 2},
    {"remove", lq_f_remove, 1, 1},
    {"remove_first", lq_f_remove_first, 1, 1},
    {"remove_last", lq_f_remove_last, 1, 1},
    {"replace", lq_f_replace, 1, 2},
    {"replace_first", lq_f_replace_first, 1, 2},
    {"replace_last", lq_f_replace_last, 2, 2},
    {"reverse", lq_f_reverse, 0, 0},
    {"round", lq_f_round, 0, 1},
    {"rstrip", lq_f_rstrip, 0, 0},
    {"sha1", lq_f_sha1, 0, 0},
    {"sha256", lq_f_sha256, 0, 0},
    {"size", lq_f_size, 0, 0},
    {"slice", lq_f_slice, 1, 2},
    {"sort", lq_f_sort, 0, 1},
    {"sort_natural", lq_f_sort_natural, 0, 1},
    {"split", lq_f_split, 1, 1},
    {"squish", lq_f_squish, 0, 0},
    {"strip", lq_f_strip, 0, 0},
    {"strip_html", lq_f_strip_html, 0, 0},
    {"strip_newlines", lq_f_strip_newlines, 0, 0},
    {"sum", lq_f_sum, 0, 1},
    {"times", lq_f_times, 1, 1},
    {"truncate", lq_f_truncate, 0, 2},
    {"truncatewords", lq_f_truncatewords, 0, 2},
    {"uniq", lq_f_uniq, 0, 1},
    {"upcase", lq_f_upcase, 0, 0},
    {"url_decode", lq_f_url_decode, 0, 0},
    {"url_encode", lq_f_url_encode, 0, 0},
    {"where", lq_f_where, 1, 2},
};

#define FILTERS (sizeof filters / sizeof *filters)

const char *const lq_filter_names[] = {
    "abs",
    "append",
    "at_least",
    "at_most",
    "base64_decode",
    "base64_encode",
    "base64_url_safe_decode",
    "base64_url_safe_encode",
    "capitalize",
    "ceil",
    "compact",
    "concat",
    "date",
    "default",
    "divided_by",
    "downcase",
    "escape",
    "escape_once",
    "find",
    "find_index",
    "first",
    "floor",
    "has",
    "hmac_sha256",
    "join",
    "json",
    "last",
    "lstrip",
    "map",
    "md5",
    "minus",
    "modulo",
    "money",
    "newline_to_br",
    "number_with_delimiter",
    "plus",
    "prepend",
    "random",
    "raw",
    "reject",
    "remove",
    "remove_first",
    "remove_last",
    "replace",
    "replace_first",
    "replace_last",
    "reverse",
    "round",
    "rstrip",
    "sha1",
    "sha256",
    "size",
    "slice",
    "sort",
    "sort_natural",
    "split",
    "squish",
    "strip",
    "strip_html",
    "strip_newlines",
    "sum",
    "times",
    "truncate",
    "truncatewords",
    "uniq",
    "upcase",
    "url_decode",
    "url_encode",
    "where",
    NULL,
};

static int
by_name(const void *key, const void *element)
{
	const struct pr_str *name = key;
	const struct lq_filter *f = element;
	size_t n = strlen(f->name);
	int c = memcmp(name->p, f->name, name->n < n ? name->n : n);
	return c ? c : (name->n > n) - (name->n < n);
}

const struct lq_filter *
lq_filter_find(struct pr_str name)
{
	return bsearch(&name, filters, FILTERS, sizeof *filters, by_name);
}

void
lq_build(struct lq_builder *b, struct lq_machine *m, size_t expect)
{
	*b = (struct lq_builder){.m = m};
	b->data = lq_alloc(m, expect + 1);
	b->cap = b->data ? expect + 1 : 0;
	b->failed = !b->data;
}

bool
lq_build_room(struct lq_builder *b, size_t n)
{
	size_t cap = 2 * b->cap + n;
	if (b->cap - b->len >= n)
		return true;
	char *data = b->failed ? NULL : lq_alloc(b->m, cap);
	if (!data) {
		b->failed = true;
		b->cap = b->len;
		return false;
	}
	memcpy(data, b->data, b->len);
	b->data = data;
	b->cap = cap;
	return true;
}

void
lq_build_more(struct lq_builder *b, const char *p, size_t n)
{
	if (lq_build_room(b, n))
		lq_build_add(b, p, n);
}

bool
lq_build_end(struct lq_builder *b, lq_value *v)
{
	if (!b->failed)
		*v = pr_liquid_string((struct pr_str){b->data, b->len});
	return !b->failed;
}

lq_value *
lq_items(struct lq_machine *m, size_t n)
{
	if (n > UINT32_MAX / sizeof(lq_value) || !lq_spend(m, n / 4)) {
		lq_alloc(m, SIZE_MAX); /* says why */
		return NULL;
	}
	return lq_alloc(m, n * sizeof(lq_value));
}

#define FLATTEN_DEPTH 100

static size_t
flat_size(const lq_value *v, unsigned depth)
{
	size_t n = 0;
	for (uint32_t i = 0; i < v->n; i++)
		n += v->items[i].type == PR_LIQUID_ARRAY && depth < FLATTEN_DEPTH
		         ? flat_size(&v->items[i], depth + 1)
		         : 1;
	return n;
}

static lq_value *
flatten(const lq_value *v, lq_value *to, unsigned depth)
{
	for (uint32_t i = 0; i < v->n; i++)
		if (v->items[i].type == PR_LIQUID_ARRAY && depth < FLATTEN_DEPTH)
			to = flatten(&v->items[i], to, depth + 1);
		else
			*to++ = v->items[i];
	return to;
}

static bool
flat_list(struct lq_machine *m, const lq_value *v, struct lq_list *list)
{
	bool nested = false;
	for (uint32_t i = 0; i < v->n && !nested; i++)
		nested = v->items[i].type == PR_LIQUID_ARRAY;
	*list = (struct lq_list){v->items, v->n};
	if (!nested)
		return lq_spend(m, v->n / 16);
	size_t n = flat_size(v, 0);
	lq_value *items = lq_items(m, n);
	if (!items)
		return false;
	flatten(v, items, 0);
	*list = (struct lq_list){items, (uint32_t)n};
	return true;
}

bool
lq_list_of(struct lq_machine *m, const lq_value *v, struct lq_list *list)
{
	*list = (struct lq_list){NULL, 0};
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (v->type == PR_LIQUID_ARRAY)
		return flat_list(m, v, list);
	uint64_t n = v->type == LQ_RANGE ? lq_range_size(v) : 1;
	lq_value *items = lq_items(m, n);
	if (!items)
		return false;
	for (uint64_t i = 0; i < n; i++)
		items[i] =
		    v->type == LQ_RANGE ? lq_int((int64_t)((uint64_t)lq_range_first(v) + i)) : *v;
	*list = (struct lq_list){items, (uint32_t)n};
	return true;
}
