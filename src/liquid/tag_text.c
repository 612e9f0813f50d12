/* Tags about text: comment, # and doc drop it, raw keeps it, liquid reads it as lines
 * of tags. */
#include "parser.h"

static struct lq_scanner *
scanner(struct lq_parser *p)
{
	return &p->scanners[p->n_scanners - 1];
}

static bool
never_closed(struct lq_parser *p, const char *at, const char *name)
{
	scanner(p)->p = scanner(p)->end;
	return lq_error(p, at, "close it with its end tag", "'%s' tag was never closed", name);
}

/* Comments nest, and what is raw in them stays unread. */
static bool
parse_comment(struct lq_parser *p, struct pr_str markup)
{
	const char *at = p->token.whole.p;
	unsigned depth = 1;
	struct lq_token token;
	struct pr_str text;
	(void)markup;
	while (depth) {
		lq_scan(scanner(p), &token);
		if (token.kind == LQ_TOKEN_END)
			return never_closed(p, at, "comment");
		if (token.kind != LQ_TOKEN_TAG)
			continue;
		depth += pr_str_is(token.name, "comment");
		depth -= pr_str_is(token.name, "endcomment");
		if (pr_str_is(token.name, "raw") && !scanner(p)->lines &&
		    !lq_scan_verbatim(scanner(p), "endraw", &text))
			return never_closed(p, at, "raw");
	}
	return true;
}

static bool
parse_raw(struct lq_parser *p, struct pr_str markup)
{
	const char *at = p->token.whole.p;
	struct pr_str text;
	if (pr_str_trim(markup).n)
		return lq_error(p, markup.p, NULL, "Syntax Error in 'raw' - Valid syntax: raw");
	if (scanner(p)->lines || !lq_scan_verbatim(scanner(p), "endraw", &text))
		return never_closed(p, at, "raw");
	if (text.n)
		lq_emit_text(p, text, true);
	return true;
}

static bool
has_tag(struct pr_str text, const char *name)
{
	struct lq_scanner s = {.p = text.p, .end = text.p + text.n};
	struct pr_str ignored;
	return lq_scan_verbatim(&s, name, &ignored);
}

static bool
parse_doc(struct lq_parser *p, struct pr_str markup)
{
	const char *at = p->token.whole.p;
	struct pr_str text;
	if (pr_str_trim(markup).n)
		return lq_error(p, markup.p, NULL,
		                "Syntax Error in 'doc' - Valid syntax: {%% doc %%}{%% enddoc %%}");
	if (scanner(p)->lines || !lq_scan_verbatim(scanner(p), "enddoc", &text))
		return never_closed(p, at, "doc");
	if (has_tag(text, "doc"))
		return lq_error(p, at, NULL,
		                "Syntax Error in 'doc' - Nested doc tags are not allowed");
	return true;
}

/* {% # ... %}: every further line must begin with # too, so that nobody takes tags in
 * it for tags. */
static bool
parse_inline_comment(struct lq_parser *p, struct pr_str markup)
{
	struct pr_str rest = markup;
	const char *eol;
	while ((eol = memchr(rest.p, '\n', rest.n))) {
		rest.n -= (size_t)(eol + 1 - rest.p);
		rest.p = eol + 1;
		struct pr_str line = pr_str_trim(rest);
		if (line.n && line.p[0] != '#')
			return lq_error(p, line.p, NULL,
			                "Syntax error in tag '#' - Each line of comments must be "
			                "prefixed by the '#' character");
	}
	return true;
}

static bool
parse_liquid(struct lq_parser *p, struct pr_str markup)
{
	if (p->n_scanners == LQ_SCANNERS_MAX)
		return lq_error(p, markup.p, NULL, "Nesting too deep");
	p->scanners[p->n_scanners++] =
	    (struct lq_scanner){.p = markup.p, .end = markup.p + markup.n, .lines = true};
	return true;
}

const struct lq_tag lq_text_tags[] = {
    {"comment", parse_comment},  {"raw", parse_raw},       {"doc", parse_doc},
    {"#", parse_inline_comment}, {"liquid", parse_liquid}, {NULL, NULL},
};
