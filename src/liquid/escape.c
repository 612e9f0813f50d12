/*
 * HTML: & < > " ' become entities. Most texts have none of them, so what matters is how
 * fast that is seen: sixteen or eight octets a step, in vectors the compiler turns into
 * what the machine has. The last step overlaps the one before.
 */
#include "filter.h"

typedef uint8_t sixteen __attribute__((vector_size(16)));
typedef uint8_t eight __attribute__((vector_size(8)));

static const bool special[256] = {
    ['&'] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true};

/* & and ' differ in one bit, < and > in another. */
#define SPECIALS(x) ((((x) | 1) == '\'') | (((x) | 2) == '>') | ((x) == '"'))

static inline bool
special_in_sixteen(const char *p)
{
	sixteen x;
	uint64_t half[2];
	memcpy(&x, p, sizeof x);
	sixteen hit = (sixteen)SPECIALS(x);
	memcpy(half, &hit, sizeof half);
	return half[0] | half[1];
}

static inline bool
special_in_eight(const char *p)
{
	eight x;
	uint64_t whole;
	memcpy(&x, p, sizeof x);
	eight hit = (eight)SPECIALS(x);
	memcpy(&whole, &hit, sizeof whole);
	return whole;
}

size_t
lq_plain_length(struct pr_str s)
{
	size_t i = 0;
	if (s.n >= 16) {
		while (i + 16 < s.n && !special_in_sixteen(s.p + i))
			i += 16;
		if (i + 16 >= s.n && !special_in_sixteen(s.p + s.n - 16))
			return s.n;
	} else if (s.n >= 8) {
		if (!special_in_eight(s.p) && !special_in_eight(s.p + s.n - 8))
			return s.n;
	}
	while (i < s.n && !special[(unsigned char)s.p[i]])
		i++;
	return i;
}

struct pr_str
lq_entity(char c)
{
	switch (c) {
	case '&': return PR_STR("&amp;");
	case '<': return PR_STR("&lt;");
	case '>': return PR_STR("&gt;");
	case '"': return PR_STR("&quot;");
	default: return PR_STR("&#39;");
	}
}

void
lq_escape(struct pr_buf *out, struct pr_str s)
{
	for (;;) {
		size_t n = lq_plain_length(s);
		pr_buf_add(out, s.p, n);
		if (n == s.n)
			return;
		pr_buf_add_str(out, lq_entity(s.p[n]));
		s = (struct pr_str){s.p + n + 1, s.n - n - 1};
	}
}

/* CommonMark section 2.5: an entity never counts as markup. White space that could begin a
 * block becomes one blank. */
void
lq_escape_markdown(struct pr_buf *out, struct pr_str s, bool html)
{
	static const char markup[] = "\\`*_{}[]()#+-.!~|=:";
	char last = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = pr_is_space(s.p[i]) ? ' ' : s.p[i];
		if (html && special[(unsigned char)c])
			pr_buf_add_str(out, lq_entity(c));
		else if (c == '#' && !html && last == '&')
			pr_buf_addc(out, c); /* of an entity that a filter made */
		else if (c && strchr(markup, c))
			pr_buf_addf(out, "&#%d;", c);
		else if (c != ' ' || last != ' ')
			pr_buf_addc(out, c);
		last = c;
	}
}
