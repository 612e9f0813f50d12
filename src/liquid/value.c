/*
 * What can be asked of any value: equality, order, emptiness, its text. All walks
 * into arrays and hashes are bounded in depth: what lies deeper counts as equal, or is
 * not printed. Data made by the room itself never nests that deep.
 */
#include "value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 100

static bool equal_items(const lq_value *a, const lq_value *b, unsigned depth);

static bool
equal_hashes(const lq_value *a, const lq_value *b, unsigned depth)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const lq_value *other = lq_hash_get(b, lq_str(&a->items[2 * i]));
		if (!other || !equal_items(&a->items[2 * i + 1], other, depth + 1))
			return false;
	}
	return true;
}

static bool
equal_numbers(const lq_value *a, const lq_value *b)
{
	int order;
	if (a->type == PR_LIQUID_INT && b->type == PR_LIQUID_INT)
		return a->i == b->i;
	return lq_order(a, b, &order) && order == 0;
}

static bool
equal_items(const lq_value *a, const lq_value *b, unsigned depth)
{
	if (lq_is_number(a) && lq_is_number(b))
		return equal_numbers(a, b);
	if (a->type != b->type)
		return false;
	if (depth == DEPTH_MAX)
		return true;
	switch (a->type) {
	case PR_LIQUID_NIL: return true;
	case PR_LIQUID_BOOL: return a->i == b->i;
	case PR_LIQUID_STRING: return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
	case PR_LIQUID_HASH: return a->n == b->n && equal_hashes(a, b, depth);
	case PR_LIQUID_ARRAY:
		if (a->n != b->n)
			return false;
		for (uint32_t i = 0; i < a->n; i++)
			if (!equal_items(&a->items[i], &b->items[i], depth + 1))
				return false;
		return true;
	case LQ_RANGE: return a->items[0].i == b->items[0].i && a->items[1].i == b->items[1].i;
	default: return a->items == b->items;
	}
}

bool
lq_equal(const lq_value *a, const lq_value *b)
{
	if (a->type == LQ_BLANK || a->type == LQ_EMPTY) {
		const lq_value *swap = a;
		a = b;
		b = swap;
	}
	if (b->type == LQ_BLANK)
		return lq_is_blank(a);
	if (b->type == LQ_EMPTY)
		return lq_is_empty(a);
	return equal_items(a, b, 0);
}

bool
lq_is_blank(const lq_value *v)
{
	if (v->type == PR_LIQUID_STRING)
		return pr_str_trim(lq_str(v)).n == 0;
	return !lq_truthy(v) || lq_is_empty(v);
}

bool
lq_is_empty(const lq_value *v)
{
	return (v->type == PR_LIQUID_STRING || v->type == PR_LIQUID_ARRAY ||
	        v->type == PR_LIQUID_HASH) &&
	       v->n == 0;
}

static bool
order_arrays(const lq_value *a, const lq_value *b, int *order)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
		if (a->items[i].type == PR_LIQUID_ARRAY ||
		    !lq_order(&a->items[i], &b->items[i], order))
			return false;
		else if (*order)
			return true;
	*order = (a->n > b->n) - (a->n < b->n);
	return true;
}

static double
as_double(const lq_value *v)
{
	return v->type == PR_LIQUID_INT ? (double)v->i
	       : v->type == LQ_BIG      ? (double)lq_big(v)
	                                : v->f;
}

bool
lq_order(const lq_value *a, const lq_value *b, int *order)
{
	if (a->type == PR_LIQUID_INT && b->type == PR_LIQUID_INT) {
		*order = (a->i > b->i) - (a->i < b->i);
		return true;
	}
	if (a->type == LQ_BIG && b->type == LQ_BIG) {
		__int128 x = lq_big(a), y = lq_big(b);
		*order = (x > y) - (x < y);
		return true;
	}
	if (lq_is_number(a) && lq_is_number(b)) {
		double x = as_double(a), y = as_double(b);
		*order = (x > y) - (x < y);
		return !isnan(x) && !isnan(y);
	}
	if (a->type == PR_LIQUID_STRING && b->type == PR_LIQUID_STRING) {
		uint32_t n = a->n < b->n ? a->n : b->n;
		int c = n ? memcmp(a->s, b->s, n) : 0;
		*order = c ? (c > 0) - (c < 0) : (a->n > b->n) - (a->n < b->n);
		return true;
	}
	if (a->type == PR_LIQUID_ARRAY && b->type == PR_LIQUID_ARRAY)
		return order_arrays(a, b, order);
	*order = 0;
	return lq_equal(a, b);
}

static inline bool
same8(const char *a, const char *b)
{
	uint64_t x, y;
	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x == y;
}

static inline bool
same4(const char *a, const char *b)
{
	uint32_t x, y;
	memcpy(&x, a, 4);
	memcpy(&y, b, 4);
	return x == y;
}

/* memcmp() for the keys of hashes, which are short: a call costs more than they do. */
static inline bool
same_octets(const char *a, const char *b, size_t n)
{
	size_t i = 0;
	if (n >= 8) {
		for (; i + 8 < n; i += 8)
			if (!same8(a + i, b + i))
				return false;
		return same8(a + n - 8, b + n - 8);
	}
	if (n >= 4)
		return same4(a, b) && same4(a + n - 4, b + n - 4);
	while (i < n && a[i] == b[i])
		i++;
	return i == n;
}

const lq_value *
lq_hash_get(const lq_value *hash, struct pr_str key)
{
	for (uint32_t i = 0; i < hash->n; i++) {
		const lq_value *k = &hash->items[2 * i];
		if (k->n == key.n && same_octets(k->s, key.p, key.n))
			return k + 1;
	}
	return NULL;
}

const char *
lq_class_name(const lq_value *v)
{
	switch (v->type) {
	case PR_LIQUID_NIL: return "NilClass";
	case PR_LIQUID_BOOL: return v->i ? "TrueClass" : "FalseClass";
	case PR_LIQUID_INT:
	case LQ_BIG: return "Integer";
	case PR_LIQUID_FLOAT: return "Float";
	case PR_LIQUID_STRING: return "String";
	case PR_LIQUID_ARRAY: return "Array";
	case PR_LIQUID_HASH: return "Hash";
	case LQ_RANGE: return "Range";
	case LQ_FORLOOP: return "Liquid::ForloopDrop";
	case LQ_TABLEROW: return "Liquid::TablerowloopDrop";
	case LQ_SELF: return "Liquid::SelfDrop";
	default: return "";
	}
}

/* The digits of u, the last of them before `end`; where they begin. */
static inline char *
digits_before(char *end, uint64_t u)
{
	do {
		*--end = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	return end;
}

static size_t
copy_text(char out[LQ_FLOAT_SIZE], const char *from, const char *end)
{
	size_t n = (size_t)(end - from);
	memcpy(out, from, n);
	out[n] = 0;
	return n;
}

size_t
lq_int_text(int64_t i, char out[LQ_FLOAT_SIZE])
{
	char text[24], *end = text + sizeof text;
	char *p = digits_before(end, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
	if (i < 0)
		*--p = '-';
	return copy_text(out, p, end);
}

size_t
lq_big_text(__int128 i, char out[LQ_BIG_SIZE])
{
	char reverse[LQ_BIG_SIZE];
	size_t n = 0, at = 0;
	unsigned __int128 u = i < 0 ? 0 - (unsigned __int128)i : (unsigned __int128)i;
	do {
		reverse[n++] = (char)('0' + (int)(u % 10));
		u /= 10;
	} while (u);
	if (i < 0)
		out[at++] = '-';
	while (n)
		out[at++] = reverse[--n];
	out[at] = 0;
	return at;
}

/* The shortest digits that name f, and where the point stands behind the first. */
static size_t
shortest_digits(double f, char digits[24], int *exponent)
{
	char text[LQ_FLOAT_SIZE];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*e", precision - 1, f);
		if (strtod(text, NULL) == f) /* NOLINT: exact on purpose */
			break;
	}
	size_t n = 0;
	char *p = text;
	for (; *p != 'e'; p++)
		if (pr_is_digit(*p))
			digits[n++] = *p;
	*exponent = atoi(p + 1);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = 0;
	return n;
}

bool
lq_float_decimal(double f, int64_t *digits, unsigned *places)
{
	static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
	for (unsigned k = 0; k < sizeof powers / sizeof *powers; k++) {
		double scaled = f * powers[k];
		if (!(scaled > -1e15 && scaled < 1e15))
			return false;
		int64_t whole = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
		if ((double)whole / powers[k] == f) { /* 15 digits come back unchanged */
			*digits = whole;
			*places = k;
			return true;
		}
	}
	return false;
}

/* digits * 10^-places with the point in it. */
static size_t
decimal_text(int64_t digits, unsigned places, char out[LQ_FLOAT_SIZE])
{
	char text[LQ_FLOAT_SIZE], *end = text + sizeof text, *p = end;
	uint64_t u = digits < 0 ? 0 - (uint64_t)digits : (uint64_t)digits;
	if (!places)
		*--p = '0';
	for (; places; places--, u /= 10)
		*--p = (char)('0' + u % 10);
	*--p = '.';
	p = digits_before(p, u);
	if (digits < 0)
		*--p = '-';
	return copy_text(out, p, end);
}

size_t
lq_float_text(double f, char out[LQ_FLOAT_SIZE])
{
	char digits[24];
	int exponent;
	const char *sign = signbit(f) ? "-" : "";
	int64_t whole;
	unsigned places;
	if (fabs(f) >= 1e-4 && lq_float_decimal(f, &whole, &places))
		return decimal_text(whole, places, out);
	if (isnan(f))
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "NaN");
	if (isinf(f))
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%sInfinity", sign);
	if (f == 0)
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%s0.0", sign);
	int n = (int)shortest_digits(fabs(f), digits, &exponent);
	if (exponent < -4 || (exponent >= 15 && n <= exponent + 1)) /* a fraction is shown */
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%s%c.%se%c%02d", sign, digits[0],
		                        n > 1 ? digits + 1 : "0", exponent < 0 ? '-' : '+',
		                        abs(exponent));
	if (exponent < 0)
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%s0.%.*s%s", sign, -exponent - 1,
		                        "0000", digits);
	if (n <= exponent + 1)
		return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%s%s%.*s.0", sign, digits,
		                        exponent + 1 - n, "000000000000000000");
	return (size_t)snprintf(out, LQ_FLOAT_SIZE, "%s%.*s.%s", sign, exponent + 1, digits,
	                        digits + exponent + 1);
}

static void
print_scalar(struct pr_buf *out, const lq_value *v)
{
	char text[LQ_BIG_SIZE];
	switch (v->type) {
	case LQ_BIG: pr_buf_add(out, text, lq_big_text(lq_big(v), text)); break;
	case PR_LIQUID_BOOL: pr_buf_adds(out, v->i ? "true" : "false"); break;
	case PR_LIQUID_INT: pr_buf_add(out, text, lq_int_text(v->i, text)); break;
	case PR_LIQUID_FLOAT: pr_buf_add(out, text, lq_float_text(v->f, text)); break;
	case PR_LIQUID_STRING: pr_buf_add(out, v->s, v->n); break;
	case LQ_RANGE:
		print_scalar(out, &v->items[0]);
		pr_buf_adds(out, "..");
		print_scalar(out, &v->items[1]);
		break;
	case LQ_FORLOOP:
	case LQ_TABLEROW:
	case LQ_SELF: pr_buf_adds(out, lq_class_name(v)); break;
	default: break;
	}
}

static void inspect(struct pr_buf *out, const lq_value *v, size_t max, unsigned depth);

static void
inspect_text(struct pr_buf *out, const lq_value *v)
{
	static const char from[] = "\n\t\r\x1b\"\\", to[] = "ntre\"\\";
	pr_buf_addc(out, '"');
	for (uint32_t i = 0; i < v->n; i++) {
		const char *special = v->s[i] ? strchr(from, v->s[i]) : NULL;
		bool hash = v->s[i] == '#' && i + 1 < v->n && strchr("{$@", v->s[i + 1]);
		if (special || hash)
			pr_buf_addc(out, '\\');
		pr_buf_addc(out, special ? to[special - from] : v->s[i]);
	}
	pr_buf_addc(out, '"');
}

static void
inspect_list(struct pr_buf *out, const lq_value *v, size_t max, unsigned depth)
{
	bool hash = v->type == PR_LIQUID_HASH;
	pr_buf_addc(out, hash ? '{' : '[');
	for (uint32_t i = 0; i < v->n && out->len < max; i++) {
		if (i)
			pr_buf_adds(out, ", ");
		if (hash) {
			inspect(out, &v->items[2 * i], max, depth + 1);
			pr_buf_adds(out, "=>");
		}
		inspect(out, &v->items[hash ? 2 * i + 1 : i], max, depth + 1);
	}
	pr_buf_addc(out, hash ? '}' : ']');
}

static void
inspect(struct pr_buf *out, const lq_value *v, size_t max, unsigned depth)
{
	if (depth == DEPTH_MAX)
		return;
	if (v->type == PR_LIQUID_STRING)
		inspect_text(out, v);
	else if (v->type == PR_LIQUID_NIL)
		pr_buf_adds(out, "nil");
	else if (v->type == PR_LIQUID_ARRAY || v->type == PR_LIQUID_HASH)
		inspect_list(out, v, max, depth);
	else
		print_scalar(out, v);
}

void
lq_inspect(struct pr_buf *out, const lq_value *v, size_t max)
{
	inspect(out, v, max, 0);
}

static void
print(struct pr_buf *out, const lq_value *v, size_t max, unsigned depth)
{
	if (v->type == PR_LIQUID_HASH) {
		inspect(out, v, max, 0);
	} else if (v->type != PR_LIQUID_ARRAY) {
		print_scalar(out, v);
	} else {
		for (uint32_t i = 0; i < v->n && depth < DEPTH_MAX && out->len < max; i++)
			print(out, &v->items[i], max, depth + 1);
	}
}

void
lq_print(struct pr_buf *out, const lq_value *v, size_t max)
{
	print(out, v, max, 0);
}

/* How many of eight octets begin a code point: those that are not 10xxxxxx. */
static inline unsigned
begun_in_eight(const char *p)
{
	uint64_t x, ones = 0x0101010101010101u;
	memcpy(&x, p, sizeof x);
	x = (~x >> 7 | x >> 6) & ones;
	return (unsigned)(x * ones >> 56);
}

static inline bool
begins_code(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

size_t
lq_utf8_length(struct pr_str s)
{
	size_t n = 0, i = 0;
	for (; i + 8 <= s.n; i += 8)
		n += begun_in_eight(s.p + i);
	for (; i < s.n; i++)
		n += begins_code(s.p[i]);
	return n;
}

size_t
lq_utf8_offset(struct pr_str s, size_t n)
{
	size_t i = 0;
	for (unsigned begun; i + 8 <= s.n && (begun = begun_in_eight(s.p + i)) <= n; i += 8)
		n -= begun;
	for (; i < s.n; i++)
		if (begins_code(s.p[i]) && n-- == 0)
			break;
	return i;
}
