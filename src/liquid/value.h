/*
 * Values inside the room: the private types beside the public ones of
 * pr_liquid_value, and what can be asked of any value. A value is 16 octets and
 * is passed by copy; what it points to belongs to the data, the program or the
 * arena of the render and is never changed.
 */
#ifndef POSTRIDER_LIQUID_VALUE_H
#define POSTRIDER_LIQUID_VALUE_H

#include "postrider/liquid.h"

typedef struct pr_liquid_value lq_value;

enum lq_private_type {
	LQ_RANGE = 16, /* items: two INT values, first and last (inclusive) */
	LQ_FORLOOP,    /* object: struct lq_loop */
	LQ_TABLEROW,   /* object: struct lq_loop */
	LQ_SELF,       /* the variables of a scope themselves: self['name'] */
	LQ_BIG,        /* object: __int128, beyond INT */
	LQ_BLANK,      /* only as an operand of a comparison */
	LQ_EMPTY,
};

#define LQ_SAFE 1u  /* flag of a STRING: HTML already, never escaped again */
#define LQ_FINAL 2u /* and Markdown already */

static inline lq_value
lq_nil(void)
{
	return (lq_value){.type = PR_LIQUID_NIL};
}

static inline lq_value
lq_bool(bool b)
{
	lq_value v = {.type = PR_LIQUID_BOOL};
	v.i = b;
	return v;
}

static inline lq_value
lq_int(int64_t i)
{
	lq_value v = {.type = PR_LIQUID_INT};
	v.i = i;
	return v;
}

static inline lq_value
lq_float(double f)
{
	lq_value v = {.type = PR_LIQUID_FLOAT};
	v.f = f;
	return v;
}

static inline lq_value
lq_array(const lq_value *items, size_t n)
{
	lq_value v = {.type = PR_LIQUID_ARRAY, .n = (uint32_t)n};
	v.items = items;
	return v;
}

/* A private object behind a value. */
static inline lq_value
lq_object(uint8_t type, const void *object)
{
	lq_value v = {.type = type};
	v.items = (const lq_value *)object;
	return v;
}

static inline __int128
lq_big(const lq_value *v)
{
	__int128 i;
	memcpy(&i, v->items, sizeof i);
	return i;
}

static inline struct pr_str
lq_str(const lq_value *v)
{
	return (struct pr_str){v->s, v->n};
}

static inline bool
lq_truthy(const lq_value *v)
{
	return v->type != PR_LIQUID_NIL && (v->type != PR_LIQUID_BOOL || v->i);
}

static inline bool
lq_is_number(const lq_value *v)
{
	return v->type == PR_LIQUID_INT || v->type == PR_LIQUID_FLOAT || v->type == LQ_BIG;
}

static inline int64_t
lq_range_first(const lq_value *v)
{
	return v->items[0].i;
}

/* Elements of a range; 0 when it runs backwards. */
static inline uint64_t
lq_range_size(const lq_value *v)
{
	int64_t first = v->items[0].i, last = v->items[1].i;
	return last < first ? 0 : (uint64_t)last - (uint64_t)first + 1;
}

/* Equality as Ruby's ==, with BLANK and EMPTY as its blank? and empty?. */
bool lq_equal(const lq_value *a, const lq_value *b);
bool lq_is_blank(const lq_value *v);
bool lq_is_empty(const lq_value *v);
/* As Ruby's <=>: -1, 0, 1 in *order; false when the two cannot be compared. */
bool lq_order(const lq_value *a, const lq_value *b, int *order);
/* The value under a key of a HASH, NULL when there is none. */
const lq_value *lq_hash_get(const lq_value *hash, struct pr_str key);
/* "Integer", "String": the class Ruby would name. */
const char *lq_class_name(const lq_value *v);

#define LQ_FLOAT_SIZE 40
#define LQ_BIG_SIZE 44
/* The shortest decimal digits * 10^-places that names f, for everyday numbers (up to 15
 * digits, 9 places); false for others. */
bool lq_float_decimal(double f, int64_t *digits, unsigned *places);

/* A float as Ruby prints it; returns the length. */
size_t lq_float_text(double f, char out[LQ_FLOAT_SIZE]);
size_t lq_int_text(int64_t i, char out[LQ_FLOAT_SIZE]);
size_t lq_big_text(__int128 i, char out[LQ_BIG_SIZE]);

/* Append what {{ v }} prints (arrays without separators), or Ruby's inspect. Nesting
 * beyond a bound and output beyond max end it early; the caller's limits notice. */
void lq_print(struct pr_buf *out, const lq_value *v, size_t max);
void lq_inspect(struct pr_buf *out, const lq_value *v, size_t max);

/* Code points of a text (each octet that is not a continuation counts). */
size_t lq_utf8_length(struct pr_str s);
/* Octet offset of the nth code point, s.n when there are fewer. */
size_t lq_utf8_offset(struct pr_str s, size_t n);

#endif
