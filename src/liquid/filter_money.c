/* Numbers as people write them: grouped digits, money. By locale where one is asked for. */
#include "filter.h"
#include "locale.h"

#define NBSP "\xC2\xA0"

/* ISO 4217: the sign people know, and the digits behind the point where they are not two. */
static const struct currency {
	const char *code, *sign;
	int digits;
} currencies[] = {
    {"EUR", "€", 2},   {"USD", "$", 2},    {"GBP", "£", 2},   {"JPY", "¥", 0},   {"CNY", "¥", 2},
    {"INR", "₹", 2},   {"KRW", "₩", 0},    {"BRL", "R$", 2},  {"PLN", "zł", 2},  {"CZK", "Kč", 2},
    {"SEK", "kr", 2},  {"NOK", "kr", 2},   {"DKK", "kr.", 2}, {"RUB", "₽", 2}, {"TRY", "₺", 2},
    {"UAH", "₴", 2},   {"ILS", "₪", 2},    {"VND", "₫", 0},   {"CAD", "CA$", 2}, {"AUD", "A$", 2},
    {"HKD", "HK$", 2}, {"TWD", "NT$", 2},  {"MXN", "MX$", 2}, {"NZD", "NZ$", 2}, {"CLP", "CLP", 0},
    {"ISK", "kr", 0},  {"XAF", "FCFA", 0}, {"XOF", "CFA", 0}, {"KWD", "KWD", 3}, {"BHD", "BHD", 3},
    {"TND", "TND", 3}, {"JOD", "JOD", 3},
};

static const struct currency *
find_currency(struct pr_str code)
{
	for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++)
		if (pr_str_eq_nocase(code, pr_str(currencies[i].code)))
			return &currencies[i];
	return NULL;
}

/* Keyword locale, the last argument where it is there; takes it off the count. */
static bool
take_locale(struct lq_machine *m, const lq_value *args, unsigned *n, const struct lq_locale **out)
{
	const lq_value *last = *n ? &args[*n - 1] : NULL;
	*out = NULL;
	if (!last || last->type != PR_LIQUID_HASH)
		return true;
	--*n;
	return lq_take_locale(m, lq_hash_get(last, PR_STR("locale")), out);
}

bool
lq_take_locale(struct lq_machine *m, const lq_value *name, const struct lq_locale **out)
{
	struct pr_str text;
	if (!name || name->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, name, &text))
		return false;
	*out = text.n ? lq_locale_find(text) : NULL;
	return *out || text.n == 0 ||
	       lq_raise(m, "locale '%.*s' is not known", (int)(text.n < 40 ? text.n : 40), text.p);
}

/* A number without its sign. */
static void
delimited(struct lq_builder *b, struct pr_str number, struct pr_str group, struct pr_str point,
          size_t group_from)
{
	size_t digits = 0, i = 0;
	while (digits < number.n && pr_is_digit(number.p[digits]))
		digits++;
	for (size_t left = digits; left; left--) {
		lq_build_add(b, &number.p[i++], 1);
		if (left > 1 && (left - 1) % 3 == 0 && digits >= group_from)
			lq_build_str(b, group);
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
	const struct lq_locale *locale;
	struct lq_builder b;
	struct pr_str number;
	lq_value x = lq_number_value(m->arena, lq_number_of(v));
	if (!take_locale(m, args, &n, &locale))
		return false;
	struct pr_str group = pr_str(locale ? locale->group : ",");
	struct pr_str point = pr_str(locale ? locale->point : ".");
	if ((n > 0 && !lq_text(m, &args[0], &group)) || (n > 1 && !lq_text(m, &args[1], &point)) ||
	    !lq_text(m, &x, &number))
		return false;
	bool negative = number.n && number.p[0] == '-';
	lq_build(&b, m, 2 * number.n);
	lq_build_add(&b, number.p, negative);
	delimited(&b, pr_str_n(number.p + negative, number.n - negative), group, point,
	          locale ? (size_t)locale->group_from : 4);
	return lq_build_end(&b, v);
}

/* ---- money ---- */

/* The number rounded to so many digits behind the point, all of them written. */
static size_t
amount_text(const lq_value *v, int digits, char *text)
{
	struct lq_number x = lq_number_round(lq_number_of(v), digits, LQ_HALF_UP);
	size_t n = lq_float_text(lq_number_real(x), text);
	const char *point = memchr(text, '.', n);
	if (!point || memchr(text, 'e', n))
		return n;
	size_t behind = (size_t)(text + n - point) - 1;
	if (digits == 0) /* whole numbers have ".0" */
		return (size_t)(point - text);
	for (; behind < (size_t)digits; behind++)
		text[n++] = '0';
	return n;
}

static bool
is_letter(char c)
{
	return pr_lower(c) >= 'a' && pr_lower(c) <= 'z';
}

struct shape { /* how an amount of money is written */
	struct pr_str unit, group, point;
	size_t group_from;
	bool after, apart;
	struct pr_str blank;
};

/* Without a locale: a sign stands before ("$12.50"), a word behind ("12.50 EUR"). */
static struct shape
plain_shape(struct pr_str unit)
{
	bool sign = pr_str_is(unit, "$") || (!pr_is_ascii(unit.p, unit.n) && unit.n <= 3);
	return (struct shape){unit, PR_STR(","), PR_STR("."), 4, !sign, !sign, PR_STR(" ")};
}

static struct shape
local_shape(struct pr_str unit, const struct currency *currency, const struct lq_locale *l)
{
	struct shape s = {unit,          pr_str(l->group), pr_str(l->point), (size_t)l->group_from,
	                  l->sign_after, l->sign_apart,    PR_STR(NBSP)};
	if (currency)
		s.unit = pr_str(currency->sign);
	if (s.unit.n && is_letter(s.unit.p[s.unit.n - 1])) /* CHF 12.50 */
		s.apart = true;
	return s;
}

/* 12.5 | money: "EUR", locale: "de" -> 12,50 € */
bool
lq_f_money(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	const struct lq_locale *locale;
	struct pr_str unit = PR_STR("");
	struct lq_builder b;
	char text[LQ_FLOAT_SIZE + 4];
	if (!take_locale(m, args, &n, &locale) || (n && !lq_text(m, &args[0], &unit)))
		return false;
	const struct currency *currency = find_currency(unit);
	struct shape s = locale ? local_shape(unit, currency, locale) : plain_shape(unit);
	size_t length = amount_text(v, currency ? currency->digits : 2, text);
	bool negative = length && text[0] == '-';
	lq_build(&b, m, 3 * length + s.unit.n + 4);
	lq_build_add(&b, "-", negative);
	if (s.unit.n && !s.after) {
		lq_build_str(&b, s.unit);
		lq_build_str(&b, s.apart ? s.blank : PR_STR(""));
	}
	delimited(&b, pr_str_n(text + negative, length - negative), s.group, s.point, s.group_from);
	if (s.unit.n && s.after) {
		lq_build_str(&b, s.apart ? s.blank : PR_STR(""));
		lq_build_str(&b, s.unit);
	}
	return lq_build_end(&b, v);
}
