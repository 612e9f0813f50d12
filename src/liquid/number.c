/*
 * Decimal arithmetic in 128 bits. An operation that would leave them is done again
 * in floating point: money and percentages never come near, 2^200 does.
 */
#include "number.h"

#include <math.h>
#include <stdlib.h>

#define DIGITS_MAX ((__int128)1 << 120)

static struct lq_number
integer(__int128 i)
{
	return (struct lq_number){.kind = LQ_INTEGER, .digits = i};
}

static struct lq_number
real(double f)
{
	return (struct lq_number){.kind = LQ_REAL, .real = f};
}

static struct lq_number
decimal(__int128 digits, int exponent)
{
	while (digits > INT64_MAX && exponent < 0 && digits % 10 == 0) {
		digits /= 10;
		exponent++;
	}
	return (struct lq_number){
	    .kind = LQ_DECIMAL, .digits = digits, .exponent = digits ? exponent : 0};
}

/* 10^n; false beyond 128 bits. */
static bool
power(int n, __int128 *out)
{
	static const int64_t small[] = {
	    1,
	    10,
	    100,
	    1000,
	    10000,
	    100000,
	    1000000,
	    10000000,
	    100000000,
	    1000000000,
	    10000000000,
	    100000000000,
	    1000000000000,
	    10000000000000,
	    100000000000000,
	    1000000000000000,
	    10000000000000000,
	    100000000000000000,
	    1000000000000000000,
	};
	if (n < 0 || n > 36)
		return false;
	*out = n <= 18 ? small[n] : (__int128)small[18] * small[n - 18];
	return true;
}

/* "-12.340" exactly; real where it has too many digits. */
static struct lq_number
parse_decimal(struct pr_str s)
{
	__int128 digits = 0;
	int exponent = 0;
	bool point = false, negative = s.n && s.p[0] == '-';
	for (size_t i = negative; i < s.n; i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		if (digits > DIGITS_MAX / 10) {
			char copy[400];
			size_t n = s.n < sizeof copy - 1 ? s.n : sizeof copy - 1;
			memcpy(copy, s.p, n);
			copy[n] = 0;
			return real(strtod(copy, NULL));
		}
		digits = digits * 10 + (s.p[i] - '0');
		exponent -= point;
	}
	return decimal(negative ? -digits : digits, exponent);
}

static struct lq_number
from_float(double f)
{
	char text[LQ_FLOAT_SIZE];
	int64_t whole;
	unsigned places;
	if (lq_float_decimal(f, &whole, &places))
		return (struct lq_number){
		    .kind = LQ_DECIMAL, .digits = whole, .exponent = -(int)places};
	if (fabs(f) < 0x1p53 && f == floor(f)) /* NOLINT: exact on purpose */
		return decimal((int64_t)f, 0);
	size_t n = lq_float_text(f, text);
	for (size_t i = 0; i < n; i++)
		if (!pr_is_digit(text[i]) && text[i] != '.' && text[i] != '-')
			return real(f); /* 1.0e+20, NaN, Infinity */
	return parse_decimal((struct pr_str){text, n});
}

int64_t
lq_text_to_i(struct pr_str s)
{
	s = pr_str_trim(s);
	bool negative = s.n && s.p[0] == '-';
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
	int64_t x = 0;
	for (bool digit = false; i < s.n; i++) {
		if (s.p[i] == '_' && digit) {
			digit = false;
			continue;
		}
		if (!pr_is_digit(s.p[i]))
			break;
		digit = true;
		if (__builtin_mul_overflow(x, 10, &x) ||
		    __builtin_sub_overflow(x, s.p[i] - '0', &x))
			return negative ? INT64_MIN : INT64_MAX;
	}
	return negative || x == INT64_MIN ? x : -x;
}

/* The leading integer, in 128 bits. */
static struct lq_number
parse_integer(struct pr_str s)
{
	bool negative = s.n && s.p[0] == '-', digit = false;
	__int128 x = 0;
	for (size_t i = s.n && (negative || s.p[0] == '+'); i < s.n; i++) {
		if (s.p[i] == '_' && digit) {
			digit = false;
			continue;
		}
		if (!pr_is_digit(s.p[i]))
			break;
		digit = true;
		if (x > DIGITS_MAX / 10)
			return real((double)(negative ? -x : x));
		x = x * 10 + (s.p[i] - '0');
	}
	return integer(negative ? -x : x);
}

static bool
is_decimal_text(struct pr_str s)
{
	size_t i = s.n && s.p[0] == '-', before = i;
	while (i < s.n && pr_is_digit(s.p[i]))
		i++;
	if (i == before || i == s.n || s.p[i] != '.' || i + 1 == s.n)
		return false;
	for (i++; i < s.n; i++)
		if (!pr_is_digit(s.p[i]))
			return false;
	return true;
}

struct lq_number
lq_number_of(const lq_value *v)
{
	if (v->type == PR_LIQUID_INT)
		return integer(v->i);
	if (v->type == LQ_BIG)
		return integer(lq_big(v));
	if (v->type == PR_LIQUID_FLOAT)
		return from_float(v->f);
	if (v->type != PR_LIQUID_STRING)
		return integer(0);
	struct pr_str s = pr_str_trim(lq_str(v));
	return is_decimal_text(s) ? parse_decimal(s) : parse_integer(s);
}

double
lq_number_real(struct lq_number a)
{
	if (a.kind == LQ_REAL)
		return a.real;
	__int128 magnitude = a.digits < 0 ? -a.digits : a.digits, scale;
	if (a.kind == LQ_INTEGER || a.exponent == 0)
		return (double)a.digits;
	if (magnitude < (__int128)1 << 53 && a.exponent < 0 && a.exponent >= -22 &&
	    power(-a.exponent, &scale))
		return (double)(int64_t)a.digits / (double)scale; /* both exact: rounded once */
	char text[64];
	char *p = text + sizeof text;
	*--p = 0;
	int exponent = a.exponent, e = exponent < 0 ? -exponent : exponent;
	do
		*--p = (char)('0' + e % 10);
	while (e /= 10);
	*--p = exponent < 0 ? '-' : '+';
	*--p = 'e';
	do
		*--p = (char)('0' + (int)(magnitude % 10));
	while (magnitude /= 10);
	double f = strtod(p, NULL);
	return a.digits < 0 ? -f : f;
}

lq_value
lq_number_value(struct pr_arena *a, struct lq_number x)
{
	if (x.kind != LQ_INTEGER)
		return lq_float(lq_number_real(x));
	if (x.digits >= INT64_MIN && x.digits <= INT64_MAX)
		return lq_int((int64_t)x.digits);
	__int128 *big = pr_arena_alloc(a, sizeof *big);
	memcpy(big, &x.digits, sizeof *big);
	return lq_object(LQ_BIG, big);
}

bool
lq_to_i(const lq_value *v, int64_t *i)
{
	if (v->type == PR_LIQUID_INT)
		*i = v->i;
	else if (v->type == PR_LIQUID_NIL)
		*i = 0;
	else if (v->type == PR_LIQUID_STRING)
		*i = lq_text_to_i(lq_str(v));
	else if (v->type == PR_LIQUID_FLOAT && v->f > -9e18 && v->f < 9e18)
		*i = (int64_t)v->f;
	else
		return false;
	return true;
}

static bool
exact(struct lq_number a, struct lq_number b)
{
	return a.kind != LQ_REAL && b.kind != LQ_REAL;
}

/* Both to the smaller exponent; false where 128 bits do not hold that. */
static bool
align(struct lq_number *a, struct lq_number *b)
{
	struct lq_number *larger = a->exponent > b->exponent ? a : b;
	int exponent = a->exponent > b->exponent ? b->exponent : a->exponent;
	__int128 scale, digits;
	if (!exact(*a, *b) || !power(larger->exponent - exponent, &scale) ||
	    __builtin_mul_overflow(larger->digits, scale, &digits) || digits > DIGITS_MAX ||
	    digits < -DIGITS_MAX)
		return false;
	larger->digits = digits;
	larger->exponent = exponent;
	return true;
}

static struct lq_number
result(struct lq_number a, struct lq_number b, __int128 digits, int exponent)
{
	return a.kind == LQ_INTEGER && b.kind == LQ_INTEGER ? integer(digits)
	                                                    : decimal(digits, exponent);
}

struct lq_number
lq_number_add(struct lq_number a, struct lq_number b)
{
	struct lq_number x = a, y = b;
	if (!align(&x, &y))
		return real(lq_number_real(a) + lq_number_real(b));
	return result(a, b, x.digits + y.digits, x.exponent);
}

struct lq_number
lq_number_negate(struct lq_number a)
{
	a.digits = -a.digits;
	a.real = -a.real;
	return a;
}

struct lq_number
lq_number_multiply(struct lq_number a, struct lq_number b)
{
	__int128 digits;
	if (!exact(a, b) || __builtin_mul_overflow(a.digits, b.digits, &digits) ||
	    digits > DIGITS_MAX || digits < -DIGITS_MAX)
		return real(lq_number_real(a) * lq_number_real(b));
	return result(a, b, digits, a.exponent + b.exponent);
}

static __int128
floor_divide(__int128 a, __int128 b)
{
	__int128 q = a / b;
	return q - (a % b != 0 && (a < 0) != (b < 0));
}

static bool
small(__int128 i)
{
	return i < (__int128)1 << 53 && i > -((__int128)1 << 53);
}

struct lq_number
lq_number_divide(struct lq_number a, struct lq_number b)
{
	if (a.kind == LQ_INTEGER && b.kind == LQ_INTEGER)
		return integer(floor_divide(a.digits, b.digits));
	__int128 scaled, scale;
	struct lq_number x = a, y = b;
	if (align(&x, &y) && small(x.digits) && small(y.digits))
		return real((double)x.digits / (double)y.digits); /* both exact: rounded once */
	if (!exact(a, b) || b.digits == 0)
		return real(lq_number_real(a) / lq_number_real(b));
	for (int more = 36; more >= 0; more--) /* as many digits as there is room for */
		if (power(more, &scale) && !__builtin_mul_overflow(a.digits, scale, &scaled) &&
		    scaled / b.digits != 0)
			return decimal(scaled / b.digits, a.exponent - b.exponent - more);
	return real(lq_number_real(a) / lq_number_real(b));
}

struct lq_number
lq_number_modulo(struct lq_number a, struct lq_number b)
{
	struct lq_number x = a, y = b;
	if (!align(&x, &y) || y.digits == 0) {
		double f = fmod(lq_number_real(a), lq_number_real(b));
		if (f != 0 && (f < 0) != (lq_number_real(b) < 0))
			f += lq_number_real(b);
		return real(f);
	}
	__int128 digits = x.digits - floor_divide(x.digits, y.digits) * y.digits;
	return result(a, b, digits, x.exponent);
}

static struct lq_number
round_real(double f, int places, enum lq_rounding how)
{
	if (places > 0)
		return real(f);
	double g = how == LQ_HALF_UP ? round(f) : how == LQ_FLOOR ? floor(f) : ceil(f);
	return fabs(g) < 1e37 ? integer((__int128)g) : real(g);
}

struct lq_number
lq_number_round(struct lq_number a, int places, enum lq_rounding how)
{
	__int128 scale, half;
	int drop = -a.exponent - places;
	if (a.kind == LQ_REAL)
		return round_real(a.real, places, how);
	if (drop <= 0)
		return a;
	if (!power(drop, &scale))
		return places < 0 ? integer(0) : decimal(0, 0);
	half = how == LQ_HALF_UP ? scale / 2 : how == LQ_CEIL ? scale - 1 : 0;
	__int128 q;
	if (how == LQ_HALF_UP && a.digits < 0) /* half away from zero */
		q = -floor_divide(-a.digits + half, scale);
	else
		q = floor_divide(a.digits + half, scale);
	if (places >= 0)
		return decimal(q, a.exponent + drop);
	/* tens and hundreds: a whole number, also of decimals, as in Ruby */
	return power(-places, &scale) && !__builtin_mul_overflow(q, scale, &q) ? integer(q)
	                                                                       : integer(0);
}

int
lq_number_compare(struct lq_number a, struct lq_number b)
{
	struct lq_number x = a, y = b;
	if (align(&x, &y))
		return (x.digits > y.digits) - (x.digits < y.digits);
	double f = lq_number_real(a), g = lq_number_real(b);
	return (f > g) - (f < g);
}

bool
lq_number_is_zero(struct lq_number a)
{
	return a.kind == LQ_REAL ? a.real == 0 : a.digits == 0;
}
