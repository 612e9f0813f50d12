/*
 * Replies and reasons for a report: what is somebody's own goes out of them, what many rows share
 * stays. An address is any word with an '@' between what may stand in one.
 */
#include "postrider/ledger/survey.h"

#include <stdio.h>

#define HIDDEN "\xE2\x80\xA6" /* an ellipsis */

struct masker {
	char *out;
	size_t n, size;
};

static void
add(struct masker *m, const char *p, size_t n)
{
	if (m->n + n >= m->size)
		return;
	memcpy(m->out + m->n, p, n);
	m->n += n;
}

static bool
is_of_address(char c)
{
	return (unsigned char)c > ' ' && !strchr("<>()[]\"',;:|", c);
}

/* The word with an address in it at p; 0: it is none. *at: where its '@' is. */
static size_t
address_at(const char *p, const char *end, size_t *at)
{
	size_t n = 0;
	bool found = false;
	while (p + n < end && is_of_address(p[n])) {
		if (p[n] == '@' && n > 0 && p + n + 1 < end && is_of_address(p[n + 1])) {
			*at = n;
			found = true;
		}
		n++;
	}
	return found ? n : 0;
}

/* Octets that a quoted value takes, or the number of a row ("of row 17"); 0: there is none at p. */
static size_t
own_at(const char *p, const char *begin, const char *end)
{
	static const char row[] = "row ";
	size_t n = 0, before = sizeof row - 1;
	if (*p == '"') {
		const char *close = memchr(p + 1, '"', (size_t)(end - p) - 1);
		return close ? (size_t)(close - p) + 1 : 0;
	}
	if ((size_t)(p - begin) < before || memcmp(p - before, row, before) != 0)
		return 0;
	while (p + n < end && pr_is_digit(p[n]))
		n++;
	return n;
}

void
pr_survey_mask(struct pr_str text, bool shared, char *out, size_t size)
{
	struct masker m = {.out = out, .size = size};
	const char *p = text.p, *end = text.p + text.n;
	while (p < end) {
		uint32_t code;
		size_t at = 0, n = is_of_address(*p) ? address_at(p, end, &at) : 0;
		if (n) {
			add(&m, HIDDEN, 3);
			add(&m, p + at, n - at);
		} else if (shared && (n = own_at(p, text.p, end)) > 0) {
			add(&m, HIDDEN, 3);
		} else if ((unsigned char)*p < 0x80) {
			n = 1;
			add(&m, (unsigned char)*p < ' ' || *p == 0x7F ? " " : p, 1);
		} else if ((n = pr_utf8_decode(p, (size_t)(end - p), &code)) > 0) {
			add(&m, p, n);
		} else {
			n = 1;
			add(&m, "?", 1);
		}
		p += n;
	}
	out[m.n] = 0;
}
