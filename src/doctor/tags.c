/* Tag lists (RFC 6376 section 3.2): "name = value; name = value", of DKIM and DMARC records. */
#include "postrider/doctor.h"

static bool
name_valid(struct pr_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = pr_lower(name.p[i]);
		bool alpha = c >= 'a' && c <= 'z';
		if (!alpha && (i == 0 || !(pr_is_digit(c) || c == '_')))
			return false;
	}
	return name.n > 0;
}

static bool
value_valid(struct pr_str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!pr_is_space(value.p[i]) && (value.p[i] < 0x21 || value.p[i] > 0x7e))
			return false;
	return true;
}

static int
add(struct pr_tags *tags, struct pr_str spec)
{
	const char *equals = memchr(spec.p, '=', spec.n);
	if (!equals)
		return PR_EINVAL;
	size_t n = (size_t)(equals - spec.p);
	struct pr_str name = pr_str_trim(pr_str_n(spec.p, n));
	struct pr_str value = pr_str_trim(pr_str_n(equals + 1, spec.n - n - 1));
	if (!name_valid(name) || !value_valid(value))
		return PR_EINVAL;
	for (size_t i = 0; i < tags->n; i++)
		if (pr_str_eq(tags->items[i].name, name))
			return PR_EINVAL;
	if (tags->n == PR_TAGS_MAX)
		return PR_ELIMIT;
	tags->items[tags->n].name = name;
	tags->items[tags->n++].value = value;
	return 0;
}

int
pr_tags_parse(struct pr_str text, struct pr_tags *out)
{
	out->n = 0;
	for (size_t from = 0; from < text.n;) {
		const char *end = memchr(text.p + from, ';', text.n - from);
		size_t n = end ? (size_t)(end - text.p) - from : text.n - from;
		struct pr_str spec = pr_str_trim(pr_str_n(text.p + from, n));
		from += n + 1;
		if (!spec.n && from >= text.n) /* behind the last ';' there may be nothing */
			break;
		int r = add(out, spec);
		if (r < 0)
			return r;
	}
	return out->n ? 0 : PR_EINVAL;
}

struct pr_str
pr_tags_get(const struct pr_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (pr_str_is(tags->items[i].name, name))
			return tags->items[i].value;
	return (struct pr_str){0};
}
