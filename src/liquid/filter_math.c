/* Filters on numbers. Texts count as the number they begin with, nil as 0. */
#include "filter.h"

#define LQ_EXACT 1000000000000000 /* below it a double holds every whole number */

static bool
put(struct lq_machine *m, lq_value *v, struct lq_number x)
{
	*v = lq_number_value(m->arena, x);
	return true;
}

bool
lq_f_abs(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_number x = lq_number_of(v);
	(void)args, (void)n;
	return put(
	    m, v, lq_number_compare(x, lq_number_of(&(lq_value){0})) < 0 ? lq_number_negate(x) : x);
}

/* Whole numbers with a whole result are the everyday case, and need no decimals. */
static bool
both_whole(const lq_value *a, const lq_value *b)
{
	return a->type == PR_LIQUID_INT && b->type == PR_LIQUID_INT;
}

bool
lq_f_plus(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	int64_t sum;
	(void)n;
	if (both_whole(v, &args[0]) && !__builtin_add_overflow(v->i, args[0].i, &sum)) {
		*v = lq_int(sum);
		return true;
	}
	return put(m, v, lq_number_add(lq_number_of(v), lq_number_of(&args[0])));
}

bool
lq_f_minus(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	int64_t rest;
	(void)n;
	if (both_whole(v, &args[0]) && !__builtin_sub_overflow(v->i, args[0].i, &rest)) {
		*v = lq_int(rest);
		return true;
	}
	return put(m, v, lq_number_add(lq_number_of(v), lq_number_negate(lq_number_of(&args[0]))));
}

bool
lq_f_times(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	int64_t product;
	(void)n;
	if (both_whole(v, &args[0]) && !__builtin_mul_overflow(v->i, args[0].i, &product)) {
		*v = lq_int(product);
		return true;
	}
	return put(m, v, lq_number_multiply(lq_number_of(v), lq_number_of(&args[0])));
}

/* A whole number by 100.0 and the like: both are exact as they are, the quotient is
 * rounded once. */
static bool
exact_divisor(const lq_value *a, const lq_value *b)
{
	return a->type == PR_LIQUID_INT && a->i < LQ_EXACT && a->i > -LQ_EXACT &&
	       b->type == PR_LIQUID_FLOAT && b->f < LQ_EXACT && b->f >= 1 &&
	       (double)(int64_t)b->f == b->f; /* NOLINT: exact on purpose */
}

bool
lq_f_divided_by(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)n;
	if (exact_divisor(v, &args[0])) {
		*v = lq_float((double)v->i / args[0].f);
		return true;
	}
	struct lq_number by = lq_number_of(&args[0]);
	struct lq_number x = lq_number_of(v);
	if (by.kind == LQ_INTEGER && x.kind == LQ_INTEGER && by.digits == 0)
		return lq_raise(m, "divided by 0");
	return put(m, v, lq_number_divide(x, by));
}

bool
lq_f_modulo(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_number by = lq_number_of(&args[0]);
	(void)n;
	if (lq_number_is_zero(by))
		return lq_raise(m, "divided by 0");
	return put(m, v, lq_number_modulo(lq_number_of(v), by));
}

static bool
whole(struct lq_machine *m, lq_value *v, enum lq_rounding how)
{
	struct lq_number x = lq_number_round(lq_number_of(v), 0, how);
	if (x.kind == LQ_REAL && !__builtin_isfinite(x.real))
		return lq_raise(m, "%s",
		                x.real > 0   ? "Infinity"
		                : x.real < 0 ? "-Infinity"
		                             : "NaN");
	if (x.kind == LQ_DECIMAL)
		x.kind = LQ_INTEGER;
	return put(m, v, x);
}

bool
lq_f_ceil(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return whole(m, v, LQ_CEIL);
}

bool
lq_f_floor(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return whole(m, v, LQ_FLOOR);
}

/* A float with no more decimals than are to stay. */
static bool
is_round(const lq_value *v, const lq_value *places)
{
	int64_t digits;
	unsigned decimals;
	return v->type == PR_LIQUID_FLOAT && places->type == PR_LIQUID_INT && places->i > 0 &&
	       lq_float_decimal(v->f, &digits, &decimals) && digits && decimals <= places->i;
}

bool
lq_f_round(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	if (n && is_round(v, &args[0]))
		return true;
	struct lq_number places = lq_number_of(n ? &args[0] : &(lq_value){0});
	double p = lq_number_real(places);
	if (p == 0)
		return whole(m, v, LQ_HALF_UP);
	if (!(p > -400 && p < 400)) /* no number has as many digits */
		p = p < 0 ? -400 : 400;
	return put(m, v, lq_number_round(lq_number_of(v), (int)p, LQ_HALF_UP));
}

bool
lq_f_at_least(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_number x = lq_number_of(v), min = lq_number_of(&args[0]);
	(void)n;
	return put(m, v, lq_number_compare(min, x) > 0 ? min : x);
}

bool
lq_f_at_most(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_number x = lq_number_of(v), max = lq_number_of(&args[0]);
	(void)n;
	return put(m, v, lq_number_compare(max, x) < 0 ? max : x);
}

static void
delimited(struct lq_builder *b, struct pr_str number, struct pr_str delimiter, struct pr_str point)
{
	size_t digits = 0, i = number.n && number.p[0] == '-';
	lq_build_add(b, number.p, i);
	while (i + digits < number.n && pr_is_digit(number.p[i + digits]))
		digits++;
	for (size_t left = digits; left; left--) {
		lq_build_add(b, &number.p[i++], 1);
		if (left > 1 && (left - 1) % 3 == 0)
			lq_build_str(b, delimiter);
	}
	if (i < number.n && number.p[i] == '.') {
		lq_build_str(b, point);
		i++;
	}
	lq_build_add(b, number.p + i, number.n - i);
}

/* 1234567.5 | number_with_delimiter: "." , "," -> 1.234.567,5 */
bool
lq_f_number_with_delimiter(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str delimiter = PR_STR(","), point = PR_STR("."), number;
	struct lq_builder b;
	lq_value x = lq_number_value(m->arena, lq_number_of(v));
	if ((n > 0 && !lq_text(m, &args[0], &delimiter)) ||
	    (n > 1 && !lq_text(m, &args[1], &point)) || !lq_text(m, &x, &number))
		return false;
	lq_build(&b, m, 2 * number.n);
	delimited(&b, number, delimiter, point);
	return lq_build_end(&b, v);
}

/* 12.5 | money: "EUR" -> 12.50 EUR; $ and other signs stand before: -$12.50 */
bool
lq_f_money(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str unit = PR_STR("");
	struct lq_builder b;
	struct lq_number x = lq_number_round(lq_number_of(v), 2, LQ_HALF_UP);
	char text[LQ_FLOAT_SIZE + 4];
	if (n && !lq_text(m, &args[0], &unit))
		return false;
	size_t length = lq_float_text(lq_number_real(x), text);
	const char *point = memchr(text, '.', length);
	if (point && text + length - point == 2 && !memchr(text, 'e', length))
		text[length++] = '0';
	bool before = unit.n && !pr_is_ascii(unit.p, unit.n) ? unit.n <= 3 : pr_str_is(unit, "$");
	lq_build(&b, m, 2 * length + unit.n);
	bool negative = before && text[0] == '-';
	if (negative)
		lq_build_addc(&b, '-');
	if (before)
		lq_build_str(&b, unit);
	delimited(&b, (struct pr_str){text + negative, length - negative}, PR_STR(","),
	          PR_STR("."));
	if (unit.n && !before) {
		lq_build_addc(&b, ' ');
		lq_build_str(&b, unit);
	}
	return lq_build_end(&b, v);
}

/* 6 | random: one of 0 .. 5; a list: one of its elements. The same for a recipient
 * whenever the message is composed. */
bool
lq_f_random(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_list list;
	(void)args, (void)n;
	uint64_t x = m->random = m->random * 6364136223846793005u + 1442695040888963407u;
	x ^= x >> 33;
	if (v->type == PR_LIQUID_INT) {
		*v = lq_int(v->i > 0 ? (int64_t)(x % (uint64_t)v->i) : 0);
		return true;
	}
	if (!lq_list_of(m, v, &list))
		return false;
	*v = list.n ? list.items[x % list.n] : lq_nil();
	return true;
}
