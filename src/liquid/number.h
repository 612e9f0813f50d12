/*
 * Exact decimals, as Ruby's BigDecimal gives them to Liquid's arithmetic: a float
 * enters as the shortest decimal that names it and leaves rounded once. What does
 * not fit in 38 digits falls back to floating point.
 */
#ifndef POSTRIDER_LIQUID_NUMBER_H
#define POSTRIDER_LIQUID_NUMBER_H

#include "value.h"

enum lq_number_kind { LQ_INTEGER, LQ_DECIMAL, LQ_REAL };

struct lq_number {
	enum lq_number_kind kind;
	int exponent;    /* DECIMAL: digits * 10^exponent */
	__int128 digits; /* INTEGER, DECIMAL */
	double real;     /* REAL */
};

enum lq_rounding { LQ_HALF_UP, LQ_FLOOR, LQ_CEIL };

struct lq_number lq_number_of(const lq_value *v); /* what is no number counts as 0 */
/* Back to a value; whole numbers beyond 64 bits are kept in the arena. */
lq_value lq_number_value(struct pr_arena *a, struct lq_number x);
/* Ruby's to_i of nil, numbers and texts; false for all else. */
bool lq_to_i(const lq_value *v, int64_t *i);
struct lq_number lq_number_add(struct lq_number a, struct lq_number b);
struct lq_number lq_number_negate(struct lq_number a);
struct lq_number lq_number_multiply(struct lq_number a, struct lq_number b);
/* The divisor is not zero for integers; integers divide towards minus infinity. */
struct lq_number lq_number_divide(struct lq_number a, struct lq_number b);
struct lq_number lq_number_modulo(struct lq_number a, struct lq_number b);
struct lq_number lq_number_round(struct lq_number a, int places, enum lq_rounding how);
int lq_number_compare(struct lq_number a, struct lq_number b);
bool lq_number_is_zero(struct lq_number a);
double lq_number_real(struct lq_number a);
/* Leading digits of a text, as Ruby's String#to_i. */
int64_t lq_text_to_i(struct pr_str s);

#endif
