/* White space of rendered text: see pr_text_tidy in html_text.h. Runs for every message whose
 * text is derived, so clean lines are found and moved whole. */
#include "html_text.h"

#include "text_tidy.h"

static inline uint64_t
load(const char *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

/* Two blanks beside each other, or a tab. */
static bool
has_run(const char *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101u, high = ones << 7;
	size_t i = 0;
	for (; i + 9 <= n; i += 8) {
		uint64_t x = load(p + i), two = (x ^ ones * ' ') | (load(p + i + 1) ^ ones * ' ');
		uint64_t tab = x ^ ones * '\t';
		if ((((two - ones) & ~two) | ((tab - ones) & ~tab)) & high)
			return true;
	}
	for (; i < n; i++)
		if (p[i] == '\t' || (p[i] == ' ' && i + 1 < n && p[i + 1] == ' '))
			return true;
	return false;
}

static char *
move_line(char *to, const char *p, size_t n)
{
	if (!has_run(p, n)) {
		if (to != p)
			memmove(to, p, n);
		return to + n;
	}
	for (size_t i = 0; i < n; i++) {
		bool blank = p[i] == ' ' || p[i] == '\t';
		if (!blank)
			*to++ = p[i];
		else if (to[-1] != ' ')
			*to++ = ' ';
	}
	return to;
}

/* Takes the wish off the beginning of a line; returns the line ends wanted with it. */
static unsigned
take_wish(struct pr_str *line, unsigned wanted)
{
	char kind = line->n ? line->p[0] : 0;
	if (kind != PR_TEXT_LINE[1] && kind != PR_TEXT_APART[1])
		return wanted < 2 ? wanted + 1 : 2;
	line->p++, line->n--;
	unsigned wish = kind == PR_TEXT_APART[1] ? 2 : 1;
	return wanted > wish ? wanted : wish;
}

void
pr_text_tidy(struct pr_buf *text)
{
	if (text->len == 0)
		return;
	char *to = text->data, *end = text->data + text->len;
	unsigned wanted = 0;
	for (const char *p = to; p < end;) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		struct pr_str line = pr_str_n(p, (size_t)((eol ? eol : end) - p));
		if (p > text->data)
			wanted = take_wish(&line, wanted);
		p = eol ? eol + 1 : end;
		line = pr_str_trim(line);
		if (line.n == 0)
			continue;
		if (to > text->data)
			for (; wanted; wanted--)
				*to++ = '\n';
		wanted = 0;
		to = move_line(to, line.p, line.n);
	}
	text->len = (size_t)(to - text->data);
	if (text->len)
		pr_buf_addc(text, '\n');
}
