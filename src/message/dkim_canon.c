/*
 * The relaxed canonical forms of RFC 6376 section 3.4. A field: its name in lower case, unfolded,
 * runs of white space one blank, none at the ends and around the colon. A body: runs of white
 * space one blank, none at line ends, no empty lines at the end.
 */
#include "postrider/message/dkim.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

/* Words with one blank between. */
static void
add_words(struct pr_str s, struct pr_buf *out)
{
	bool first = true;
	for (size_t at = 0, end; at < s.n; at = end) {
		while (at < s.n && is_space(s.p[at]))
			at++;
		for (end = at; end < s.n && !is_space(s.p[end]);)
			end++;
		if (end == at)
			break;
		if (!first)
			pr_buf_addc(out, ' ');
		pr_buf_add(out, s.p + at, end - at);
		first = false;
	}
}

void
pr_dkim_relax_field(struct pr_str field, struct pr_buf *out)
{
	const char *colon = memchr(field.p, ':', field.n);
	size_t n = colon ? (size_t)(colon - field.p) : field.n;
	size_t name = n;
	while (name && is_space(field.p[name - 1]))
		name--;
	for (size_t i = 0; i < name; i++)
		pr_buf_addc(out, (char)pr_lower(field.p[i]));
	pr_buf_addc(out, ':');
	if (colon)
		add_words(pr_str_n(colon + 1, field.n - n - 1), out);
}

/* A line without its end and without blanks at its end: runs become one. */
static void
add_line(struct pr_str line, struct pr_buf *out)
{
	size_t from = 0;
	for (size_t i = 0; i < line.n; i++) {
		if (!is_blank(line.p[i]) ||
		    (line.p[i] == ' ' && (i + 1 == line.n || !is_blank(line.p[i + 1]))))
			continue;
		pr_buf_add(out, line.p + from, i - from);
		pr_buf_addc(out, ' ');
		while (i + 1 < line.n && is_blank(line.p[i + 1]))
			i++;
		from = i + 1;
	}
	pr_buf_add(out, line.p + from, line.n - from);
}

void
pr_dkim_relax_body(struct pr_dkim_body *b, struct pr_str part)
{
	const char *p = part.p, *end = part.p + part.n;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;
		size_t n = (size_t)(stop - p);
		if (lf && n && p[n - 1] == '\r')
			n--;
		while (n && is_blank(p[n - 1]))
			n--;
		if (n == 0) {
			b->empty++;
		} else {
			for (; b->empty; b->empty--)
				pr_buf_add(b->out, "\r\n", 2);
			add_line(pr_str_n(p, n), b->out);
			pr_buf_add(b->out, "\r\n", 2);
		}
		p = lf ? lf + 1 : end;
	}
}
