/*
 * Strings as views (pointer and length, not ended by NUL), and the few things
 * the whole program does with them.
 */
#ifndef POSTRIDER_BASE_STR_H
#define POSTRIDER_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pr_str {
	const char *p;
	size_t n;
};

#define PR_STR(literal) ((struct pr_str){(literal), sizeof(literal) - 1})

static inline struct pr_str
pr_str(const char *s)
{
	return (struct pr_str){s, s ? strlen(s) : 0};
}

static inline struct pr_str
pr_str_n(const char *p, size_t n)
{
	return (struct pr_str){p, n};
}

static inline bool
pr_str_eq(struct pr_str a, struct pr_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
pr_str_is(struct pr_str a, const char *b)
{
	return pr_str_eq(a, pr_str(b));
}

/* ASCII only: locales never change what the program does. */
static inline char
pr_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline bool
pr_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline bool
pr_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool pr_str_eq_nocase(struct pr_str a, struct pr_str b);
bool pr_str_starts(struct pr_str s, const char *prefix);
bool pr_str_starts_nocase(struct pr_str s, const char *prefix);
bool pr_str_ends(struct pr_str s, const char *suffix);
struct pr_str pr_str_trim(struct pr_str s); /* ASCII white space, both ends */

/* Decimal digits only, whole string; false when empty, too large or not digits. */
bool pr_str_u64(struct pr_str s, uint64_t *out);

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). On
 * false *bad (may be NULL) is the offset of the first offending octet. */
bool pr_utf8_valid(const char *p, size_t n, size_t *bad);
/* Decode one code point at p (n > 0 octets left): its length in octets, 0 when
 * it is not valid. */
size_t pr_utf8_decode(const char *p, size_t n, uint32_t *code);
/* Encode; out needs 4 octets. Returns the length. */
size_t pr_utf8_encode(uint32_t code, char *out);
bool pr_is_ascii(const char *p, size_t n);

/* The candidate nearest to word (Damerau-Levenshtein, at most a third of its
 * length and 3), or NULL: for "did you mean". candidates ends with NULL. */
const char *pr_nearest(struct pr_str word, const char *const *candidates);

/* The same text safe to show on a terminal or in a log: control octets and
 * invalid UTF-8 become '?'; cut to size - 1 octets. Returns out. */
char *pr_str_show(struct pr_str s, char *out, size_t size);

#endif
