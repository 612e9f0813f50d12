/* What the filters' files share. A filter gets its input in *v and puts its result
 * there; the number of arguments has been checked. */
#ifndef POSTRIDER_LIQUID_FILTER_H
#define POSTRIDER_LIQUID_FILTER_H

#include "machine.h"
#include "number.h"

/* Results are built in a buffer of the arena whose size is known or bounded before. */
struct lq_builder {
	struct lq_machine *m;
	char *data;
	size_t len, cap;
	bool failed; /* beyond the limit: the error is set */
};

void lq_build(struct lq_builder *b, struct lq_machine *m, size_t expect);
bool lq_build_room(struct lq_builder *b, size_t n); /* for n more octets; false: the limit */
void lq_build_more(struct lq_builder *b, const char *p, size_t n); /* add beyond cap */
bool lq_build_end(struct lq_builder *b, lq_value *v);

static inline void
lq_build_add(struct lq_builder *b, const char *p, size_t n)
{
	if (__builtin_expect(b->cap - b->len < n, 0)) {
		lq_build_more(b, p, n);
	} else if (n) {
		memcpy(b->data + b->len, p, n);
		b->len += n;
	}
}

static inline void
lq_build_addc(struct lq_builder *b, char c)
{
	if (b->len < b->cap)
		b->data[b->len++] = c;
	else
		lq_build_more(b, &c, 1);
}

static inline void
lq_build_str(struct lq_builder *b, struct pr_str s)
{
	lq_build_add(b, s.p, s.n);
}

/* The input of a filter on lists, as Ruby's: arrays flattened, nil nothing, all else
 * one element. */
struct lq_list {
	const lq_value *items;
	uint32_t n;
};
bool lq_list_of(struct lq_machine *m, const lq_value *v, struct lq_list *list);
lq_value *lq_items(struct lq_machine *m, size_t n); /* room for n values; NULL: limit */

/* Whole text changed octet by octet or by code point. */
struct pr_str lq_trim_left(struct pr_str s);
struct pr_str lq_trim_right(struct pr_str s);

/* unicode.c: upper or lower case of a text, appended; title case is upper case but where
 * one letter becomes two. */
enum lq_case { LQ_UPPER, LQ_LOWER, LQ_TITLE };
void lq_convert_case(struct lq_builder *b, struct pr_str s, enum lq_case to);

lq_filter_run lq_f_append, lq_f_capitalize, lq_f_downcase, lq_f_lstrip, lq_f_newline_to_br,
    lq_f_prepend, lq_f_remove, lq_f_remove_first, lq_f_remove_last, lq_f_replace,
    lq_f_replace_first, lq_f_replace_last, lq_f_rstrip, lq_f_size, lq_f_slice, lq_f_split,
    lq_f_squish, lq_f_strip, lq_f_strip_html, lq_f_strip_newlines, lq_f_truncate,
    lq_f_truncatewords, lq_f_upcase;
lq_filter_run lq_f_abs, lq_f_at_least, lq_f_at_most, lq_f_ceil, lq_f_divided_by, lq_f_floor,
    lq_f_minus, lq_f_modulo, lq_f_plus, lq_f_round, lq_f_times, lq_f_number_with_delimiter,
    lq_f_money, lq_f_random;
lq_filter_run lq_f_compact, lq_f_concat, lq_f_find, lq_f_find_index, lq_f_first, lq_f_has,
    lq_f_join, lq_f_last, lq_f_map, lq_f_reject, lq_f_reverse, lq_f_sort, lq_f_sort_natural,
    lq_f_sum, lq_f_uniq, lq_f_where;
lq_filter_run lq_f_base64_decode, lq_f_base64_encode, lq_f_base64_url_safe_decode,
    lq_f_base64_url_safe_encode, lq_f_default, lq_f_escape, lq_f_escape_once, lq_f_json, lq_f_raw,
    lq_f_url_decode, lq_f_url_encode, lq_f_md5, lq_f_sha1, lq_f_sha256, lq_f_hmac_sha256;
lq_filter_run lq_f_date;

struct lq_locale;
/* The locale of a keyword's value; NULL or nil: none. False: not known, raised. */
bool lq_take_locale(struct lq_machine *m, const lq_value *name, const struct lq_locale **out);

#endif
