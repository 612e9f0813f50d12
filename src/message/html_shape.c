/* Counting tags: cheap, rough, on the safe side. */
#include "html_shape.h"

#define DEPTH_MAX 1000
#define NODES_MAX 500000
#define SIZE_MAX_HTML (8u << 20)

static bool
is_in(struct pr_str name, const char *const *names)
{
	for (; *names; names++)
		if (pr_str_eq_nocase(name, pr_str(*names)))
			return true;
	return false;
}

static struct pr_str
tag_name(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && n < 12 &&
	       ((pr_lower(p[n]) >= 'a' && pr_lower(p[n]) <= 'z') || pr_is_digit(p[n])))
		n++;
	return pr_str_n(p, n);
}

struct tally {
	size_t tags, depth, deepest, formatting, nodes;
};

static void
count_tag(struct tally *t, struct pr_str name, bool end)
{
	/* Never nested in themselves: void, or closed by the next of their kind. */
	static const char *const flat[] = {"br",   "img",    "hr",    "meta",  "link", "input",
	                                   "col",  "area",   "p",     "li",    "td",   "th",
	                                   "tr",   "option", "dt",    "dd",    "wbr",  "source",
	                                   "base", "tbody",  "thead", "tfoot", NULL};
	static const char *const formatting[] = {"a",      "b",      "big",  "code", "em",
	                                         "font",   "i",      "nobr", "s",    "small",
	                                         "strike", "strong", "tt",   "u",    NULL};
	if (is_in(name, flat)) {
		t->nodes += 1 + t->formatting;
		return;
	}
	bool format = is_in(name, formatting);
	if (end) {
		t->depth -= t->depth > 0;
		t->formatting -= format && t->formatting > 0;
		return;
	}
	t->nodes += 1 + t->formatting;
	t->formatting += format;
	if (++t->depth > t->deepest)
		t->deepest = t->depth;
}

int
pr_html_shape(struct pr_str html, struct pr_error *e)
{
	struct tally t = {0};
	const char *p = html.p, *end = html.p + html.n;
	if (html.n > SIZE_MAX_HTML)
		return pr_fail(e, PR_ELIMIT, "the HTML is larger than 8 MiB");
	while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
		bool closing = ++p < end && *p == '/';
		struct pr_str name = tag_name(p + closing, end);
		if (name.n)
			count_tag(&t, name, closing);
	}
	if (t.deepest > DEPTH_MAX)
		return pr_fail(e, PR_ELIMIT, "the HTML nests more than %d elements: close them",
		               DEPTH_MAX);
	if (t.nodes > NODES_MAX)
		return pr_fail(e, PR_ELIMIT,
		               "the HTML has too many elements, or leaves b, i, font or "
		               "a elements open");
	return 0;
}
