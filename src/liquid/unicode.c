/*
 * Upper and lower case beyond ASCII, for the alphabets that have them: Latin, Greek,
 * Cyrillic, Armenian, Georgian aside. As simple mappings of the Unicode Character
 * Database, with the one special case that names meet: ß in upper case is SS.
 */
#include "filter.h"

/* Runs of letters: `shift` from lower to upper case, or pairs that alternate. */
struct run {
	uint32_t first, last; /* lower-case letters */
	int32_t shift;        /* upper = lower + shift; 0: pairs, upper first */
};

static const struct run runs[] = {
    {0x61, 0x7A, -32},   {0xE0, 0xF6, -32},     {0xF8, 0xFE, -32},     {0xFF, 0xFF, 121},
    {0x100, 0x12F, 0},   {0x132, 0x137, 0},     {0x139, 0x148, 1},     {0x14A, 0x177, 0},
    {0x179, 0x17E, 1},   {0x1CD, 0x1DC, 1},     {0x1DE, 0x1EF, 0},     {0x1F8, 0x21F, 0},
    {0x222, 0x233, 0},   {0x3AC, 0x3AC, -38},   {0x3AD, 0x3AF, -37},   {0x3B1, 0x3C1, -32},
    {0x3C3, 0x3CB, -32}, {0x3CC, 0x3CC, -64},   {0x3CD, 0x3CE, -63},   {0x3D8, 0x3EF, 0},
    {0x430, 0x44F, -32}, {0x450, 0x45F, -80},   {0x460, 0x481, 0},     {0x48A, 0x4BF, 0},
    {0x4C1, 0x4CE, 1},   {0x4D0, 0x52F, 0},     {0x561, 0x586, -48},   {0x1E00, 0x1E95, 0},
    {0x1EA0, 0x1EFF, 0}, {0x24D0, 0x24E9, -26}, {0xFF41, 0xFF5A, -32}, {0x10428, 0x1044F, -40},
};

/* A run of pairs: shift 0 begins even, shift 1 begins odd; the first of a pair is upper. */
static bool
is_pairs(const struct run *r)
{
	return r->shift == 0 || r->shift == 1;
}

static uint32_t
convert(uint32_t c, enum lq_case to)
{
	for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
		const struct run *r = &runs[i];
		if (is_pairs(r) && c >= r->first && c <= r->last) {
			bool upper = (c & 1) == (uint32_t)(r->shift == 1);
			return to == LQ_LOWER ? c + upper : c - !upper;
		}
		if (is_pairs(r))
			continue;
		if (to != LQ_LOWER && c >= r->first && c <= r->last)
			return (uint32_t)((int32_t)c + r->shift);
		uint32_t first = (uint32_t)((int32_t)r->first + r->shift);
		if (to == LQ_LOWER && c >= first && c - first <= r->last - r->first)
			return c - first + r->first;
	}
	if (c == 0x1E9E && to == LQ_LOWER) /* capital sharp s */
		return 0xDF;
	return c == 0x3C2 && to != LQ_LOWER ? 0x3A3 : c;
}

static char
convert_octet(char c, enum lq_case to)
{
	if (to == LQ_LOWER)
		return pr_lower(c);
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

#define EACH(octet) (0x0101010101010101u * (octet))

/* Eight octets of ASCII at once: a letter's bit 7 is set by the first sum and not by the
 * second, and becomes the bit that tells the cases apart. */
static uint64_t
convert_eight(uint64_t x, enum lq_case to)
{
	unsigned char first = to == LQ_LOWER ? 'A' : 'a';
	uint64_t from = x + EACH(0x80 - first), behind = x + EACH(0x80 - first - 26);
	return x ^ ((from & ~behind & EACH(0x80u)) >> 2);
}

/* The ASCII that s begins with, converted; returns its length. */
static size_t
convert_ascii(char *out, struct pr_str s, enum lq_case to)
{
	size_t i = 0;
	uint64_t x;
	for (; i + sizeof x <= s.n; i += sizeof x) {
		memcpy(&x, s.p + i, sizeof x);
		if (x & EACH(0x80u))
			break;
		x = convert_eight(x, to);
		memcpy(out + i, &x, sizeof x);
	}
	for (; i < s.n && !(s.p[i] & 0x80); i++)
		out[i] = convert_octet(s.p[i], to);
	return i;
}

/* The code point that s begins with; returns its length. */
static size_t
convert_code(struct lq_builder *b, struct pr_str s, enum lq_case to)
{
	char out[4];
	uint32_t code;
	size_t n = pr_utf8_decode(s.p, s.n, &code);
	if (n == 0)
		lq_build_addc(b, s.p[0]);
	else if (code == 0xDF && to != LQ_LOWER)
		lq_build_add(b, to == LQ_UPPER ? "SS" : "Ss", 2);
	else
		lq_build_add(b, out, pr_utf8_encode(convert(code, to), out));
	return n ? n : 1;
}

void
lq_convert_case(struct lq_builder *b, struct pr_str s, enum lq_case to)
{
	while (s.n && lq_build_room(b, s.n)) {
		size_t n = convert_ascii(b->data + b->len, s, to);
		b->len += n;
		if (n < s.n)
			n += convert_code(b, (struct pr_str){s.p + n, s.n - n}, to);
		s.p += n;
		s.n -= n;
	}
}
