/* Strings as views; UTF-8; "did you mean". */
#include "postrider/base/str.h"

bool
pr_str_eq_nocase(struct pr_str a, struct pr_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (pr_lower(a.p[i]) != pr_lower(b.p[i]))
			return false;
	return true;
}

bool
pr_str_starts(struct pr_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

bool
pr_str_starts_nocase(struct pr_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.n >= n && pr_str_eq_nocase(pr_str_n(s.p, n), pr_str_n(prefix, n));
}

bool
pr_str_ends(struct pr_str s, const char *suffix)
{
	size_t n = strlen(suffix);
	return s.n >= n && memcmp(s.p + s.n - n, suffix, n) == 0;
}

struct pr_str
pr_str_trim(struct pr_str s)
{
	while (s.n && pr_is_space(s.p[0]))
		s.p++, s.n--;
	while (s.n && pr_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
pr_str_u64(struct pr_str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!pr_is_digit(s.p[i]))
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

/* The smallest code point that may use a form of n octets. */
static const uint32_t utf8_least[] = {0, 0, 0x80, 0x800, 0x10000};

size_t
pr_utf8_decode(const char *p, size_t n, uint32_t *code)
{
	unsigned char c = (unsigned char)p[0];
	size_t len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t v = len == 1 ? c : c & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)p[i] & 0xC0) != 0x80)
			return 0;
		v = v << 6 | ((unsigned char)p[i] & 0x3Fu);
	}
	if (v < utf8_least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
		return 0;
	*code = v;
	return len;
}

bool
pr_is_ascii(const char *p, size_t n)
{
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t w;
		memcpy(&w, p + i, 8);
		if (w & 0x8080808080808080u)
			return false;
	}
	for (; i < n; i++)
		if ((unsigned char)p[i] & 0x80)
			return false;
	return true;
}

bool
pr_utf8_valid(const char *p, size_t n, size_t *bad)
{
	size_t i = 0;
	while (i < n) {
		if (n - i >= 8 && pr_is_ascii(p + i, 8)) {
			i += 8;
			continue;
		}
		uint32_t code;
		size_t len = pr_utf8_decode(p + i, n - i, &code);
		if (len == 0) {
			if (bad)
				*bad = i;
			return false;
		}
		i += len;
	}
	return true;
}

size_t
pr_utf8_encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3F));
		code >>= 6;
	}
	out[0] = (char)((0xF00u >> len) | code);
	return len;
}

#define NEAREST_MAX 40

/* Edit distance with swaps (optimal string alignment), rows of three. */
static unsigned
distance(struct pr_str a, struct pr_str b)
{
	unsigned rows[3][NEAREST_MAX + 1];
	for (unsigned j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			char x = pr_lower(a.p[i - 1]), y = pr_lower(b.p[j - 1]);
			unsigned best = last[j - 1] + (x != y);
			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && x == pr_lower(b.p[j - 2]) &&
			    pr_lower(a.p[i - 2]) == y && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[a.n % 3][b.n];
}

const char *
pr_nearest(struct pr_str word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned bound = (unsigned)(word.n / 3 < 1 ? 1 : word.n / 3 > 3 ? 3 : word.n / 3) + 1;
	if (word.n < 2 || word.n > NEAREST_MAX) /* any letter is near any other */
		return NULL;
	for (; *candidates; candidates++) {
		struct pr_str c = pr_str(*candidates);
		if (c.n > NEAREST_MAX)
			continue;
		unsigned d = distance(word, c);
		if (d < bound) {
			bound = d;
			best = *candidates;
		}
	}
	return best;
}

char *
pr_str_show(struct pr_str s, char *out, size_t size)
{
	size_t o = 0, i = 0;
	while (i < s.n) {
		uint32_t code;
		size_t len = pr_utf8_decode(s.p + i, s.n - i, &code);
		bool good = len && code >= 0x20 && code != 0x7F && !(code >= 0x80 && code < 0xA0);
		size_t need = good ? len : 1;
		if (o + need >= size)
			break;
		if (good)
			memcpy(out + o, s.p + i, len);
		else
			out[o] = '?';
		o += need;
		i += len ? len : 1;
	}
	if (size)
		out[o] = 0;
	return out;
}
