/*
 * Text from HTML: gumbo makes a tree as a browser would, a walk writes it as lines. For a
 * template the tree holds marks where code was (marks.h); the walk puts the code back, and
 * checks that every tag came out exactly once and in the order of the source: a parser may
 * move things about, and then the template cannot be derived.
 *
 * White space is written lazily: a block asks for line ends, a blank for a space, and the next
 * visible character pays. Before a tag the wish itself is written down (text_tidy.h), since what
 * follows may not be rendered, or many times; pr_text_tidy then fulfils the largest.
 */
#include "html_text.h"

#include "html_shape.h"
#include "marks.h"
#include "text_tidy.h"

#include <gumbo.h>
#include <stdio.h>

struct writer {
	struct pr_buf *out;
	const struct pr_marks *marks; /* NULL: a finished document */
	size_t next_mark;             /* the mark of a tag that must come out next */
	bool disordered;
	unsigned want, have; /* line ends owed, line ends that out ends with */
	bool broken;         /* some of what is owed is by <br> */
	bool blank;          /* a space is owed */
	bool any;            /* something is in out */
	bool cells_apart;    /* cells of this row are lines of their own */
	unsigned lists;      /* depth */
	unsigned number;     /* of the next item; 0: bullets */
};

enum {
	DROP = 1,  /* nothing of it is text */
	LINE = 2,  /* on lines of its own */
	APART = 4, /* and a blank line around it */
};

static unsigned
kind_of(GumboTag tag)
{
	static const unsigned char kinds[GUMBO_TAG_LAST + 1] = {
	    [GUMBO_TAG_HEAD] = DROP,       [GUMBO_TAG_STYLE] = DROP,
	    [GUMBO_TAG_SCRIPT] = DROP,     [GUMBO_TAG_TITLE] = DROP,
	    [GUMBO_TAG_TEMPLATE] = DROP,   [GUMBO_TAG_OBJECT] = DROP,
	    [GUMBO_TAG_SVG] = DROP,        [GUMBO_TAG_IFRAME] = DROP,
	    [GUMBO_TAG_SELECT] = DROP,     [GUMBO_TAG_TEXTAREA] = DROP,
	    [GUMBO_TAG_NOFRAMES] = DROP,   [GUMBO_TAG_MATH] = DROP,
	    [GUMBO_TAG_AUDIO] = DROP,      [GUMBO_TAG_VIDEO] = DROP,
	    [GUMBO_TAG_DIV] = LINE,        [GUMBO_TAG_TR] = LINE,
	    [GUMBO_TAG_LI] = LINE,         [GUMBO_TAG_TABLE] = LINE,
	    [GUMBO_TAG_CENTER] = LINE,     [GUMBO_TAG_SECTION] = LINE,
	    [GUMBO_TAG_ARTICLE] = LINE,    [GUMBO_TAG_HEADER] = LINE,
	    [GUMBO_TAG_FOOTER] = LINE,     [GUMBO_TAG_MAIN] = LINE,
	    [GUMBO_TAG_ASIDE] = LINE,      [GUMBO_TAG_NAV] = LINE,
	    [GUMBO_TAG_DT] = LINE,         [GUMBO_TAG_DD] = LINE,
	    [GUMBO_TAG_ADDRESS] = LINE,    [GUMBO_TAG_CAPTION] = LINE,
	    [GUMBO_TAG_FIGCAPTION] = LINE, [GUMBO_TAG_FORM] = LINE,
	    [GUMBO_TAG_P] = APART,         [GUMBO_TAG_H1] = APART,
	    [GUMBO_TAG_H2] = APART,        [GUMBO_TAG_H3] = APART,
	    [GUMBO_TAG_H4] = APART,        [GUMBO_TAG_H5] = APART,
	    [GUMBO_TAG_H6] = APART,        [GUMBO_TAG_UL] = APART,
	    [GUMBO_TAG_OL] = APART,        [GUMBO_TAG_DL] = APART,
	    [GUMBO_TAG_PRE] = APART,       [GUMBO_TAG_BLOCKQUOTE] = APART,
	    [GUMBO_TAG_FIGURE] = APART,    [GUMBO_TAG_HR] = APART,
	};
	return tag <= GUMBO_TAG_LAST ? kinds[tag] : 0;
}

/* ---- writing ---- */

static void
settle(struct writer *w)
{
	if (!w->any) {
		w->want = 0;
		w->blank = false;
	}
	if (w->want > w->have)
		w->blank = false;
	if (w->marks && w->want > w->have && !w->broken)
		pr_buf_adds(w->out, w->want > 1 ? PR_TEXT_APART : PR_TEXT_LINE);
	else
		for (; w->have < w->want; w->have++)
			pr_buf_addc(w->out, '\n');
	if (w->blank && w->have == 0)
		pr_buf_addc(w->out, ' ');
	w->want = 0;
	w->blank = w->broken = false;
}

static void
break_line(struct writer *w)
{
	w->want = w->want < 2 ? w->want + 1 : 2;
	w->broken = true;
}

static void
ask_lines(struct writer *w, unsigned n)
{
	if (w->want < n)
		w->want = n;
}

static void
add_visible(struct writer *w, const char *p, size_t n)
{
	settle(w);
	pr_buf_add(w->out, p, n);
	w->any = true;
	w->have = 0;
}

/* A brace of the text must not become code when the text is a template. */
static void
add_brace(struct writer *w, char next)
{
	bool risky = w->marks && (next == '{' || next == '%');
	add_visible(w, risky ? "{{ '{' }}" : "{", risky ? 9 : 1);
}

static void
add_code(struct writer *w, size_t number)
{
	const struct pr_mark *mark = &w->marks->items[number];
	if (!mark->output && mark->place != PR_MARK_VALUE) {
		w->disordered |= number < w->next_mark;
		for (; w->next_mark < number; w->next_mark++)
			w->disordered |= !w->marks->items[w->next_mark].output &&
			                 w->marks->items[w->next_mark].place != PR_MARK_VALUE;
		w->next_mark = number + 1;
	}
	settle(w);
	pr_mark_write(mark, w->out);
	w->any = true;
	w->have = 0;
}

/* Octets that show nothing: zero width space and no-break space, soft hyphen, grapheme joiner;
 * preheaders are padded with them. Returns their length, 0 for others. A no-break space is a
 * blank: *blank. */
static size_t
invisible(const char *p, size_t n, bool *blank)
{
	*blank = n >= 2 && memcmp(p, "\xC2\xA0", 2) == 0;
	if (*blank || (n >= 2 && (memcmp(p, "\xC2\xAD", 2) == 0 || memcmp(p, "\xCD\x8F", 2) == 0)))
		return 2;
	return n >= 3 && (memcmp(p, "\xE2\x80\x8B", 3) == 0 || memcmp(p, "\xEF\xBB\xBF", 3) == 0)
	           ? 3
	           : 0;
}

static size_t
add_char(struct writer *w, const char *p, size_t n)
{
	bool blank;
	size_t skip = invisible(p, n, &blank);
	if (skip) {
		w->blank |= blank;
		return skip;
	}
	if (*p == '{')
		add_brace(w, n > 1 ? p[1] : 0);
	else
		add_visible(w, p, 1);
	return 1;
}

static void
add_text(struct writer *w, const char *p, size_t n)
{
	size_t i = 0, len;
	while (i < n) {
		long mark = p[i] == PR_MARK_LEAD ? pr_marks_read(w->marks, p + i, n - i, &len) : -1;
		if (mark >= 0) {
			add_code(w, (size_t)mark);
			i += len;
		} else if (pr_is_space(p[i])) {
			w->blank = true;
			i++;
		} else {
			i += add_char(w, p + i, n - i);
		}
	}
}

/* Tags in what is dropped act all the same: an assign in the head, an if around a style. */
static void
add_hidden_tags(struct writer *w, const char *p)
{
	size_t n = strlen(p), len;
	const char *end = p + n;
	while ((p = memchr(p, PR_MARK_LEAD, (size_t)(end - p)))) {
		long mark = pr_marks_read(w->marks, p, (size_t)(end - p), &len);
		if (mark >= 0 && !w->marks->items[mark].output &&
		    w->marks->items[mark].place != PR_MARK_VALUE)
			add_code(w, (size_t)mark);
		p++;
	}
}

/* ---- elements ---- */

static void walk_children(struct writer *w, const GumboVector *children, bool hidden);

static const char *
attribute(const GumboElement *e, const char *name)
{
	const GumboAttribute *a = gumbo_get_attribute(&e->attributes, name);
	return a ? a->value : NULL;
}

/* Finds `word` in a style, blanks left out of account: "display : none". */
static bool
style_has(const char *style, const char *word)
{
	for (; *style; style++) {
		const char *s = style, *v = word;
		while (*v && *s) {
			if (pr_is_space(*s))
				s++;
			else if (pr_lower(*s) == *v)
				s++, v++;
			else
				break;
		}
		if (!*v)
			return true;
	}
	return false;
}

static bool
is_hidden(const GumboElement *e)
{
	const char *style = attribute(e, "style");
	return attribute(e, "hidden") ||
	       (style && (style_has(style, "display:none") || style_has(style, "mso-hide:all") ||
	                  style_has(style, "visibility:hidden")));
}

/* The address without what text does not need; empty when it leads nowhere. */
static struct pr_str
link_target(const GumboElement *e)
{
	const char *href = attribute(e, "href");
	struct pr_str url = pr_str_trim(pr_str(href ? href : ""));
	if (pr_str_starts_nocase(url, "javascript:") || (url.n && url.p[0] == '#'))
		return pr_str("");
	if (pr_str_starts_nocase(url, "mailto:"))
		return pr_str_n(url.p + 7, url.n - 7);
	if (pr_str_starts_nocase(url, "tel:"))
		return pr_str_n(url.p + 4, url.n - 4);
	return url;
}

/* A value is written as it is: its blanks are part of it. */
static void
add_value(struct writer *w, struct pr_str s)
{
	size_t i = 0, len;
	while (i < s.n) {
		long mark =
		    s.p[i] == PR_MARK_LEAD ? pr_marks_read(w->marks, s.p + i, s.n - i, &len) : -1;
		if (mark >= 0)
			pr_mark_write(&w->marks->items[mark], w->out);
		else if (s.p[i] == '{')
			add_brace(w, i + 1 < s.n ? s.p[i + 1] : 0);
		else
			pr_buf_addc(w->out, s.p[i] == '\n' || s.p[i] == '\r' ? ' ' : s.p[i]);
		i += mark >= 0 ? len : 1;
	}
	w->have = 0;
	w->any = true;
}

static void
walk_link(struct writer *w, const GumboElement *e)
{
	settle(w);
	size_t from = w->out->len;
	walk_children(w, &e->children, false);
	struct pr_str url = link_target(e);
	struct pr_buf target = {0}, *out = w->out;
	if (url.n == 0)
		return;
	struct writer t = {.out = &target, .marks = w->marks};
	add_value(&t, url);
	struct pr_str shown = pr_str_n(out->data ? out->data + from : "", out->len - from);
	shown = pr_str_trim(shown);
	if (!pr_str_eq_nocase(shown, pr_buf_str(&target))) {
		w->blank |= shown.n > 0;
		add_visible(w, "(", shown.n > 0);
		pr_buf_add_str(out, pr_buf_str(&target));
		pr_buf_add(out, ")", shown.n > 0);
	}
	pr_buf_finish(&target);
}

static void
walk_item(struct writer *w, const GumboElement *e)
{
	char head[16];
	size_t n;
	if (w->number)
		n = (size_t)snprintf(head, sizeof head, "%u. ", w->number++);
	else
		n = (size_t)snprintf(head, sizeof head, w->lists > 1 ? "- " : "* ");
	ask_lines(w, 1);
	add_visible(w, head, n);
	w->have = 2; /* a paragraph inside begins on this line */
	walk_children(w, &e->children, false);
}

static bool
has_code(const GumboVector *children)
{
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *node = children->data[i];
		if (node->type == GUMBO_NODE_COMMENT && strstr(node->v.text.text, PR_MARK_OPEN))
			return true;
	}
	return false;
}

static void
walk_list(struct writer *w, const GumboElement *e)
{
	unsigned number = w->number;
	/* Items that code repeats or leaves out cannot be counted before. */
	w->number = e->tag == GUMBO_TAG_OL && !(w->marks && has_code(&e->children)) ? 1 : 0;
	w->lists++;
	walk_children(w, &e->children, false);
	w->lists--;
	w->number = number;
}

static void
walk_pre(struct writer *w, const GumboVector *children)
{
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *node = children->data[i];
		bool text = node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE;
		if (!text) {
			walk_children(w, &(GumboVector){.data = &children->data[i], .length = 1},
			              false);
			continue;
		}
		for (const char *p = node->v.text.text; *p;) {
			size_t n = strcspn(p, "\n");
			add_text(w, p, n);
			if (p[n] == '\n')
				break_line(w);
			p += n + (p[n] == '\n');
		}
	}
}

static bool
has_lines(const GumboVector *children)
{
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *node = children->data[i];
		if (node->type != GUMBO_NODE_ELEMENT)
			continue;
		const GumboElement *e = &node->v.element;
		if (e->tag == GUMBO_TAG_BR || kind_of(e->tag) & (LINE | APART) ||
		    has_lines(&e->children))
			return true;
	}
	return false;
}

/* Rows of data read as one line; in a row of layout each cell is a block. */
static void
walk_row(struct writer *w, const GumboElement *e)
{
	bool outer = w->cells_apart;
	w->cells_apart = has_lines(&e->children);
	walk_children(w, &e->children, false);
	w->cells_apart = outer;
}

static void
walk_cell(struct writer *w, const GumboElement *e)
{
	w->blank = true;
	ask_lines(w, w->cells_apart);
	walk_children(w, &e->children, false);
	ask_lines(w, w->cells_apart);
}

static void
walk_plain(struct writer *w, const GumboElement *e)
{
	const char *alt;
	switch (e->tag) {
	case GUMBO_TAG_BR: break_line(w); break;
	case GUMBO_TAG_HR: add_visible(w, "--------", 8); break;
	case GUMBO_TAG_IMG:
		if ((alt = attribute(e, "alt")))
			add_text(w, alt, strlen(alt));
		break;
	case GUMBO_TAG_A: walk_link(w, e); break;
	case GUMBO_TAG_LI: walk_item(w, e); break;
	case GUMBO_TAG_UL:
	case GUMBO_TAG_OL: walk_list(w, e); break;
	case GUMBO_TAG_PRE: walk_pre(w, &e->children); break;
	case GUMBO_TAG_TR: walk_row(w, e); break;
	case GUMBO_TAG_TD:
	case GUMBO_TAG_TH: walk_cell(w, e); break;
	default: walk_children(w, &e->children, false); break;
	}
}

static void
walk_element(struct writer *w, const GumboElement *e, bool hidden)
{
	unsigned kind = kind_of(e->tag);
	unsigned lines = kind & APART ? 2 : kind & LINE ? 1 : 0;
	if (e->tag == GUMBO_TAG_UL || e->tag == GUMBO_TAG_OL)
		lines = w->lists ? 1 : 2;
	if (hidden || kind & DROP || is_hidden(e)) {
		if (w->marks)
			walk_children(w, &e->children, true);
		return;
	}
	ask_lines(w, lines);
	walk_plain(w, e);
	ask_lines(w, lines);
}

static bool
is_mark(const struct writer *w, const char *comment)
{
	size_t len;
	long mark = pr_marks_read(w->marks, comment, strlen(comment), &len);
	return mark >= 0 && comment[len] == 0 && w->marks->items[mark].place == PR_MARK_TEXT;
}

static void
walk_node(struct writer *w, const GumboNode *node, bool hidden)
{
	bool comment = node->type == GUMBO_NODE_COMMENT;
	if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) {
		walk_element(w, &node->v.element, hidden);
	} else if (!w->marks) {
		if (!comment && !hidden)
			add_text(w, node->v.text.text, strlen(node->v.text.text));
	} else if (hidden || (comment && !is_mark(w, node->v.text.text))) {
		add_hidden_tags(w, node->v.text.text);
	} else {
		add_text(w, node->v.text.text, strlen(node->v.text.text));
	}
}

static void
walk_children(struct writer *w, const GumboVector *children, bool hidden)
{
	for (unsigned i = 0; i < children->length; i++)
		walk_node(w, children->data[i], hidden);
}

/* ---- the whole ---- */

static void
walk_document(struct writer *w, struct pr_str html)
{
	GumboOptions options = kGumboDefaultOptions;
	options.max_errors = 0;
	GumboOutput *tree = gumbo_parse_with_options(&options, html.p, html.n);
	walk_children(w, &tree->document->v.document.children, false);
	gumbo_destroy_output(&options, tree);
	if (w->marks) /* all tags that are left must have come out */
		for (; w->next_mark < w->marks->n; w->next_mark++)
			w->disordered |= !w->marks->items[w->next_mark].output &&
			                 w->marks->items[w->next_mark].place != PR_MARK_VALUE;
}

int
pr_html_text(struct pr_str html, struct pr_buf *out, struct pr_error *e)
{
	struct writer w = {.out = out};
	int result = pr_html_shape(html, e);
	if (result == 0 && html.n)
		walk_document(&w, html);
	return result;
}

static int
derive(struct pr_str html, struct pr_marks *marks, struct pr_buf *marked, struct pr_buf *out,
       struct pr_error *e)
{
	struct writer w = {.out = out, .marks = marks};
	int result = pr_marks_protect(html, marks, marked, e);
	if (result == 0)
		result = pr_html_shape(pr_buf_str(marked), e);
	if (result < 0)
		return result;
	if (marked->len)
		walk_document(&w, pr_buf_str(marked));
	settle(&w);
	return w.disordered ? pr_fail(e, PR_EUNAVAILABLE, "code and markup overlap") : 0;
}

int
pr_html_text_template(struct pr_str html, struct pr_buf *out, struct pr_error *e)
{
	struct pr_marks marks = {0};
	struct pr_buf marked = {0};
	size_t was = out->len;
	int result = derive(html, &marks, &marked, out, e);
	if (result < 0)
		out->len = was;
	pr_marks_finish(&marks);
	pr_buf_finish(&marked);
	return result;
}
