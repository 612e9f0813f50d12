/*
 * The picture of a message: rendered for nobody, parsed as a browser does, written anew from what
 * is harmless (picture_html.c), with a mark in each link.
 *
 *   manifest, folder -> content without tracking -> HTML of a row that is made up -> tree ->
 * document
 */
#include "postrider/message/picture.h"

#include "compose.h"
#include "html_shape.h"
#include "links.h"
#include "picture_html.h"

#include <gumbo.h>
#include <stdio.h>

/* Left and right of a made-up value: no value of a link that goes somewhere has them. */
#define OPEN "\xE2\x80\xB9"
#define CLOSE "\xE2\x80\xBA"
#define OPEN_ENCODED "%E2%80%B9"

#define NOWHERE PR_STR("none:") /* a track URL that no link begins with */

static const char style[] =
    "<style>html{background:#fff;color:#000}body{overflow-wrap:break-word}img{max-width:100%;"
    "height:auto}.pr-image{display:inline-block;box-sizing:border-box;max-width:100%;overflow:"
    "hidden;padding:0 .6em;border:1px solid #c9d1da;background:#eef1f5;color:#56616e;font:12px/1.6 "
    "system-ui,sans-serif;text-align:center;vertical-align:middle}a.pr-link{outline:2px solid;"
    "outline-offset:2px;border-radius:2px}.pr-mark{display:inline-block!important;position:static;"
    "margin:2px 0 2px 6px;padding:1px 7px;border-radius:9px;font:600 12px/1.5 system-ui,sans-serif;"
    "letter-spacing:0;text-decoration:none;text-transform:none;white-space:nowrap;vertical-align:"
    "middle}</style>";

struct painter {
	const struct pr_picture *p;
	struct pr_links links;
	size_t images_left;
	struct pr_buf *out;
};

/* ---- links ---- */

static const struct pr_picture_link *
find_link(const struct painter *x, uint32_t number)
{
	for (size_t i = 0; i < x->p->links_n; i++)
		if (x->p->links[i].link == number)
			return &x->p->links[i];
	return NULL;
}

/* The value as written: the table is made of that. */
static struct pr_str
written(const GumboElement *e)
{
	const GumboAttribute *a = gumbo_get_attribute(&e->attributes, "href");
	if (!a)
		return PR_STR("");
	struct pr_str v = pr_str_n(a->original_value.data, a->original_value.length);
	if (v.n >= 2 && (*v.p == '"' || *v.p == '\'') && v.p[v.n - 1] == *v.p)
		v = pr_str_n(v.p + 1, v.n - 2);
	return v;
}

/* NULL with *followed: nobody has clicked; without: no clicks on it are known. */
static const struct pr_picture_link *
link_of(struct painter *x, const GumboElement *e, bool *followed)
{
	struct pr_buf url = {0};
	uint32_t number = pr_links_number(&x->links, written(e), &url);
	bool own = url.data && strstr(url.data, OPEN_ENCODED); /* of each row its own */
	pr_buf_finish(&url);
	*followed = number != 0;
	return number ? find_link(x, own ? 0 : number) : NULL;
}

/* One hue, stronger with the share; text on it reads at any strength (4.5 to 1 and better). */
static void
add_mark_style(struct pr_buf *b, double heat)
{
	int mix = (int)(heat * 100 + 0.5);
	bool dark = mix >= 45;
	pr_buf_addf(b, "background:rgb(%d,%d,%d);color:%s;border:1px solid #1d4f91",
	            225 - (225 - 29) * mix / 100, 234 - (234 - 79) * mix / 100,
	            246 - (246 - 145) * mix / 100,
	            dark ? (mix >= 62 ? "#fff" : "#000") : "#10305c");
}

static void
add_link_begin(struct pr_buf *b, const GumboElement *e, double heat)
{
	static const char *const but[] = {"class", "style", NULL};
	const char *own = pr_picture_attribute(e, "style");
	pr_buf_adds(b, "<a class=\"pr-link ");
	const char *class_ = pr_picture_attribute(e, "class");
	pr_buf_add_html(b, pr_str(class_ ? class_ : ""));
	pr_buf_addc(b, '"');
	pr_picture_attributes(e, but, b);
	pr_buf_adds(b, " style=\"");
	pr_buf_add_html(b, pr_str(own ? own : ""));
	pr_buf_addf(b, ";outline-color:rgba(29,79,145,%.2f)\">", 0.25 + 0.75 * heat);
}

static void walk(struct painter *x, const GumboVector *children);

static void
paint_link(struct painter *x, const GumboElement *e)
{
	bool followed;
	const struct pr_picture_link *link = link_of(x, e, &followed);
	struct pr_buf *b = x->out;
	if (!followed) {
		walk(x, &e->children);
		return;
	}
	add_link_begin(b, e, link ? link->heat : 0);
	walk(x, &e->children);
	pr_buf_adds(b, "<span class=\"pr-mark\" style=\"");
	add_mark_style(b, link ? link->heat : 0);
	pr_buf_adds(b, "\">");
	pr_buf_add_html(b, pr_str(link ? link->label : x->p->cold));
	pr_buf_adds(b, "</span></a>");
}

/* ---- the tree ---- */

static void
paint_style(struct painter *x, const GumboElement *e)
{
	pr_buf_adds(x->out, "<style>");
	for (unsigned i = 0; i < e->children.length; i++) {
		const GumboNode *node = e->children.data[i];
		if (node->type == GUMBO_NODE_TEXT && !strstr(node->v.text.text, "</"))
			pr_buf_adds(x->out, node->v.text.text);
	}
	pr_buf_adds(x->out, "</style>");
}

static void
paint_plain(struct painter *x, const GumboElement *e)
{
	static const char *const none[] = {NULL};
	const char *name = gumbo_normalized_tagname(e->tag);
	pr_buf_addf(x->out, "<%s", name);
	pr_picture_attributes(e, none, x->out);
	pr_buf_addc(x->out, '>');
	if (pr_picture_is_void(e->tag))
		return;
	if (e->tag == GUMBO_TAG_PRE) /* a parser drops the first line end */
		pr_buf_addc(x->out, '\n');
	walk(x, &e->children);
	pr_buf_addf(x->out, "</%s>", name);
}

static void
paint_element(struct painter *x, const GumboElement *e)
{
	if (e->tag_namespace != GUMBO_NAMESPACE_HTML)
		return;
	switch (e->tag) {
	case GUMBO_TAG_A: paint_link(x, e); return;
	case GUMBO_TAG_IMG: pr_picture_image(e, x->p->dir, &x->images_left, x->out); return;
	case GUMBO_TAG_STYLE: paint_style(x, e); return;
	default: break;
	}
	switch (pr_picture_kind_of(e->tag)) {
	case PR_PICTURE_KEEP: paint_plain(x, e); break;
	case PR_PICTURE_TRANSPARENT: walk(x, &e->children); break;
	case PR_PICTURE_DROP: break;
	}
}

static void
walk(struct painter *x, const GumboVector *children)
{
	for (unsigned i = 0; i < children->length; i++) {
		const GumboNode *node = children->data[i];
		switch (node->type) {
		case GUMBO_NODE_ELEMENT: paint_element(x, &node->v.element); break;
		case GUMBO_NODE_TEXT:
		case GUMBO_NODE_WHITESPACE:
		case GUMBO_NODE_CDATA: pr_buf_add_html(x->out, pr_str(node->v.text.text)); break;
		default: break;
		}
	}
}

static const GumboElement *
child(const GumboElement *e, GumboTag tag)
{
	for (unsigned i = 0; e && i < e->children.length; i++) {
		const GumboNode *node = e->children.data[i];
		if (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag)
			return &node->v.element;
	}
	return NULL;
}

/* Style sheets of the head; the rest of it tells a browser nothing about the looks. */
static void
paint_head(struct painter *x, const GumboElement *head)
{
	for (unsigned i = 0; head && i < head->children.length; i++) {
		const GumboNode *node = head->children.data[i];
		if (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == GUMBO_TAG_STYLE)
			paint_style(x, &node->v.element);
	}
}

static void
paint_document(struct painter *x, const GumboElement *html)
{
	static const char *const none[] = {NULL};
	const GumboElement *body = child(html, GUMBO_TAG_BODY);
	const char *language = pr_picture_attribute(html, "lang");
	pr_buf_adds(x->out, "<!DOCTYPE html><html");
	if (language) {
		pr_buf_adds(x->out, " lang=\"");
		pr_buf_add_html(x->out, pr_str(language));
		pr_buf_addc(x->out, '"');
	}
	pr_buf_adds(x->out, "><head><meta charset=\"utf-8\"><title>Message</title>");
	paint_head(x, child(html, GUMBO_TAG_HEAD));
	pr_buf_addf(x->out, "%s</head><body", style);
	if (body)
		pr_picture_attributes(body, none, x->out);
	pr_buf_addc(x->out, '>');
	if (body)
		walk(x, &body->children);
	pr_buf_adds(x->out, "</body></html>");
}

int
pr_picture_of_html(const struct pr_picture *p, struct pr_str html, struct pr_buf *out,
                   struct pr_error *e)
{
	if (html.n > PR_PICTURE_SIZE_MAX)
		return pr_fail(e, PR_ELIMIT, "the message has %zu KB, more than %u KB",
		               html.n >> 10, PR_PICTURE_SIZE_MAX >> 10);
	int r = pr_html_shape(html, e);
	if (r < 0)
		return r;
	struct painter x = {.p = p, .images_left = PR_PICTURE_IMAGES_MAX, .out = out};
	struct pr_arena arena;
	pr_arena_init(&arena);
	pr_links_init(&x.links, &p->manifest->track.utm, NOWHERE, &arena);
	GumboOutput *tree = gumbo_parse_with_options(&kGumboDefaultOptions, html.p, html.n);
	paint_document(&x, &tree->root->v.element);
	gumbo_destroy_output(&kGumboDefaultOptions, tree);
	pr_links_finish(&x.links);
	pr_arena_finish(&arena);
	return 0;
}

/* ---- rendering ---- */

static void
make_up(const struct pr_picture *p, struct pr_buf *data)
{
	struct pr_str values[PR_PICTURE_COLUMNS_MAX] = {{0}};
	struct pr_buf text[PR_PICTURE_COLUMNS_MAX] = {{0}};
	size_t n = p->columns_n < PR_PICTURE_COLUMNS_MAX ? p->columns_n : PR_PICTURE_COLUMNS_MAX;
	for (size_t i = 0; i < n; i++) {
		pr_buf_adds(&text[i], OPEN);
		pr_buf_add_str(&text[i], pr_str_trim(p->columns[i]));
		pr_buf_adds(&text[i], CLOSE);
		values[i] = pr_buf_str(&text[i]);
	}
	pr_fields_pack(data, values, n);
	for (size_t i = 0; i < n; i++)
		pr_buf_finish(&text[i]);
}

static int
render(const struct pr_picture *p, const pr_content *content, struct pr_buf *html,
       struct pr_error *e)
{
	pr_composer *composer;
	struct pr_buf data = {0};
	make_up(p, &data);
	struct pr_row row = {
	    .row = 1, .email = PR_STR("somebody@example.com"), .data = pr_buf_str(&data)};
	int r = pr_composer_create(&composer);
	PR_ASSERT(r == 0);
	r = pr_compose_html(composer, content, &row, p->variant, p->utc_ms, html, e);
	pr_composer_destroy(composer);
	pr_buf_finish(&data);
	return r;
}

int
pr_picture_make(const struct pr_picture *p, struct pr_buf *out, struct pr_error *e)
{
	struct pr_problems problems = {0};
	struct pr_buf html = {0};
	pr_content *content = NULL;
	struct pr_content_source source = pr_content_source_of(p->manifest, NULL);
	source.dir = p->dir;
	source.columns = p->columns;
	source.columns_n = p->columns_n;
	source.campaign_id = "picture";
	int r = pr_content_compile(&source, &problems, &content);
	if (r < 0)
		pr_fail(e, r, "its templates do not compile any more");
	else
		r = render(p, content, &html, e);
	if (r == 0)
		r = pr_picture_of_html(p, pr_buf_str(&html), out, e);
	if (content)
		pr_content_unref(content);
	pr_buf_finish(&html);
	pr_problems_finish(&problems);
	return r;
}
