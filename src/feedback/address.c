/* Addresses in running text: what looks like one, loosely. Whether it is ours a token proves. */
#include "internal.h"

static bool
in_local(char c)
{
	return (uint8_t)c > ' ' && c != 127 && !strchr("<>()[]\",:;@\\", c);
}

static bool
in_domain(char c)
{
	return (c >= '0' && c <= '9') || (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') || c == '-' ||
	       c == '.' || c == '_' || (uint8_t)c >= 128;
}

/* Punctuation of the sentence around it. */
static void
shorten(struct pr_str text, size_t *from, size_t *to)
{
	while (*from < *to && strchr("'`*=|/.&{", text.p[*from]))
		++*from;
	while (*to > *from && strchr(".-_", text.p[*to - 1]))
		--*to;
}

/* Around the '@' at `at`. */
static bool
address_around(struct pr_str text, size_t at, struct pr_str *out)
{
	size_t from = at, to = at + 1;
	if (at > 0 && text.p[at - 1] == '"') { /* "john smith"@example.org */
		from--;
		while (from > 0 && at - from < 66 && text.p[from - 1] != '"' &&
		       text.p[from - 1] != '\n')
			from--;
		from -= from > 0 && text.p[from - 1] == '"';
	} else {
		while (from > 0 && at - from < 250 && in_local(text.p[from - 1]))
			from--;
	}
	while (to < text.n && to - at < 254 && in_domain(text.p[to]))
		to++;
	shorten(text, &from, &to);
	if (from >= at || to <= at + 1 || text.p[at + 1] == '.')
		return false;
	*out = pr_str_n(text.p + from, to - from);
	return true;
}

bool
address_next(struct pr_str text, size_t *at, struct pr_str *out)
{
	while (*at < text.n) {
		const char *sign = memchr(text.p + *at, '@', text.n - *at);
		if (!sign)
			break;
		size_t i = (size_t)(sign - text.p);
		*at = i + 1;
		if (address_around(text, i, out)) {
			*at = (size_t)(out->p + out->n - text.p);
			return true;
		}
	}
	*at = text.n;
	return false;
}

struct pr_str
address_of_field(struct pr_str value)
{
	const char *type = value.n ? memchr(value.p, ';', value.n) : NULL;
	struct pr_str found;
	size_t at = 0;
	if (address_next(value, &at, &found))
		return found;
	if (type)
		value = pr_str_n(type + 1, (size_t)(value.p + value.n - type - 1));
	value = pr_str_trim(value);
	if (value.n >= 2 && value.p[0] == '<' && value.p[value.n - 1] == '>')
		value = pr_str_n(value.p + 1, value.n - 2);
	return value;
}
