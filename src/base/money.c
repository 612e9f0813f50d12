/* Exact amounts; see money.h. */
#include "postrider/base/money.h"

#include <stdio.h>
#include <stdlib.h>

#define DECIMALS 6

/* Digits from *at on; how many. */
static unsigned
take_digits(struct pr_str s, size_t *at, int64_t *value, unsigned max)
{
	unsigned n = 0;
	for (; *at < s.n && pr_is_digit(s.p[*at]); (*at)++, n++) {
		if (n >= max) { /* behind the last place that counts only zeroes may stand */
			if (s.p[*at] != '0')
				return UINT32_MAX;
			continue;
		}
		*value = *value * 10 + (s.p[*at] - '0');
	}
	return n;
}

bool
pr_amount_parse(struct pr_str s, int64_t *micros)
{
	size_t at = 0;
	int64_t units = 0, part = 0;
	bool minus = s.n && s.p[0] == '-';
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		at++;
	while (at + 1 < s.n && s.p[at] == '0' && pr_is_digit(s.p[at + 1]))
		at++;
	unsigned before = take_digits(s, &at, &units, 11), behind = 0;
	if (before == 0 || before > 11)
		return false;
	if (at < s.n && s.p[at] == '.') {
		at++;
		behind = take_digits(s, &at, &part, DECIMALS);
		if (behind == 0 || behind == UINT32_MAX)
			return false;
	}
	for (unsigned i = behind; i < DECIMALS; i++)
		part *= 10;
	int64_t all = units * PR_MICROS + part;
	if (at != s.n || all > PR_AMOUNT_MAX)
		return false;
	*micros = minus ? -all : all;
	return true;
}

const char *
pr_amount_format(int64_t micros, char out[PR_AMOUNT_SIZE])
{
	uint64_t all = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
	int n =
	    snprintf(out, PR_AMOUNT_SIZE, "%s%llu.%06llu", micros < 0 ? "-" : "",
	             (unsigned long long)(all / PR_MICROS), (unsigned long long)(all % PR_MICROS));
	for (int k = 0; k < DECIMALS - 2 && out[n - 1] == '0'; k++)
		out[--n] = 0;
	return out;
}

bool
pr_currency_parse(struct pr_str s, char out[4])
{
	char all[4] = "";
	if (s.n != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		char c = pr_lower(s.p[i]);
		if (c < 'a' || c > 'z')
			return false;
		all[i] = (char)(c - 32);
	}
	memcpy(out, all, sizeof all);
	return true;
}

bool
pr_money_parse(struct pr_str s, struct pr_money *out)
{
	struct pr_money m = {0};
	s = pr_str_trim(s);
	if (s.n < 5 || !pr_is_space(s.p[s.n - 4]))
		return false;
	if (!pr_amount_parse(pr_str_trim(pr_str_n(s.p, s.n - 4)), &m.micros) ||
	    !pr_currency_parse(pr_str_n(s.p + s.n - 3, 3), m.currency))
		return false;
	*out = m;
	return true;
}

int64_t
pr_amount_add(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}
