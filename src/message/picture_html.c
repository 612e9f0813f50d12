/*
 * What of a message's HTML its picture has. Lists of what may stay, never of what must go: what
 * nobody thought of is not there. Style sheets stay: the page that shows the picture forbids them
 * to load anything.
 */
#include "picture_html.h"

#include "encode.h"
#include "mime_type.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"

#include <stdio.h>
#include <stdlib.h>

static const GumboTag kept[] = {
    GUMBO_TAG_ABBR,   GUMBO_TAG_ADDRESS,    GUMBO_TAG_ARTICLE, GUMBO_TAG_ASIDE,    GUMBO_TAG_B,
    GUMBO_TAG_BIG,    GUMBO_TAG_BLOCKQUOTE, GUMBO_TAG_BR,      GUMBO_TAG_CAPTION,  GUMBO_TAG_CENTER,
    GUMBO_TAG_CITE,   GUMBO_TAG_CODE,       GUMBO_TAG_COL,     GUMBO_TAG_COLGROUP, GUMBO_TAG_DD,
    GUMBO_TAG_DEL,    GUMBO_TAG_DIV,        GUMBO_TAG_DL,      GUMBO_TAG_DT,       GUMBO_TAG_EM,
    GUMBO_TAG_FIGURE, GUMBO_TAG_FIGCAPTION, GUMBO_TAG_FONT,    GUMBO_TAG_FOOTER,   GUMBO_TAG_H1,
    GUMBO_TAG_H2,     GUMBO_TAG_H3,         GUMBO_TAG_H4,      GUMBO_TAG_H5,       GUMBO_TAG_H6,
    GUMBO_TAG_HEADER, GUMBO_TAG_HR,         GUMBO_TAG_I,       GUMBO_TAG_INS,      GUMBO_TAG_LI,
    GUMBO_TAG_MAIN,   GUMBO_TAG_NAV,        GUMBO_TAG_OL,      GUMBO_TAG_P,        GUMBO_TAG_PRE,
    GUMBO_TAG_S,      GUMBO_TAG_SECTION,    GUMBO_TAG_SMALL,   GUMBO_TAG_SPAN,     GUMBO_TAG_STRIKE,
    GUMBO_TAG_STRONG, GUMBO_TAG_SUB,        GUMBO_TAG_SUP,     GUMBO_TAG_TABLE,    GUMBO_TAG_TBODY,
    GUMBO_TAG_TD,     GUMBO_TAG_TFOOT,      GUMBO_TAG_TH,      GUMBO_TAG_THEAD,    GUMBO_TAG_TR,
    GUMBO_TAG_TT,     GUMBO_TAG_U,          GUMBO_TAG_UL,      GUMBO_TAG_WBR,
};

static const GumboTag dropped[] = {
    GUMBO_TAG_SCRIPT,  GUMBO_TAG_IFRAME,   GUMBO_TAG_OBJECT,   GUMBO_TAG_EMBED, GUMBO_TAG_APPLET,
    GUMBO_TAG_LINK,    GUMBO_TAG_META,     GUMBO_TAG_BASE,     GUMBO_TAG_TITLE, GUMBO_TAG_TEMPLATE,
    GUMBO_TAG_AUDIO,   GUMBO_TAG_VIDEO,    GUMBO_TAG_SVG,      GUMBO_TAG_MATH,  GUMBO_TAG_INPUT,
    GUMBO_TAG_SELECT,  GUMBO_TAG_TEXTAREA, GUMBO_TAG_NOSCRIPT, GUMBO_TAG_FRAME, GUMBO_TAG_FRAMESET,
    GUMBO_TAG_MAP,     GUMBO_TAG_CANVAS,   GUMBO_TAG_NOFRAMES, GUMBO_TAG_XMP,   GUMBO_TAG_PLAINTEXT,
    GUMBO_TAG_NOEMBED, GUMBO_TAG_PARAM,    GUMBO_TAG_SOURCE,   GUMBO_TAG_TRACK,
};

static const char *const attributes[] = {
    "align",   "alt",   "bgcolor", "border", "cellpadding", "cellspacing", "class",   "color",
    "colspan", "dir",   "face",    "height", "id",          "lang",        "rowspan", "size",
    "span",    "start", "style",   "title",  "type",        "valign",      "width",   NULL};

static bool
has_tag(const GumboTag *list, size_t n, GumboTag tag)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == tag)
			return true;
	return false;
}

enum pr_picture_kind
pr_picture_kind_of(GumboTag tag)
{
	if (has_tag(kept, sizeof kept / sizeof *kept, tag))
		return PR_PICTURE_KEEP;
	return has_tag(dropped, sizeof dropped / sizeof *dropped, tag) ? PR_PICTURE_DROP
	                                                               : PR_PICTURE_TRANSPARENT;
}

bool
pr_picture_is_void(GumboTag tag)
{
	static const GumboTag list[] = {GUMBO_TAG_BR, GUMBO_TAG_HR, GUMBO_TAG_COL, GUMBO_TAG_WBR};
	return has_tag(list, sizeof list / sizeof *list, tag);
}

static bool
is_in(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

void
pr_picture_attributes(const GumboElement *e, const char *const *but, struct pr_buf *out)
{
	for (unsigned i = 0; i < e->attributes.length; i++) {
		const GumboAttribute *a = e->attributes.data[i];
		if (a->attr_namespace != GUMBO_ATTR_NAMESPACE_NONE || !is_in(a->name, attributes) ||
		    is_in(a->name, but))
			continue;
		pr_buf_addf(out, " %s=\"", a->name);
		pr_buf_add_html(out, pr_str(a->value));
		pr_buf_addc(out, '"');
	}
}

const char *
pr_picture_attribute(const GumboElement *e, const char *name)
{
	const GumboAttribute *a = gumbo_get_attribute(&e->attributes, name);
	return a ? a->value : NULL;
}

/* ---- images ---- */

/* "cid:FILE@..." as content has made it, or as it was written; false: none, or a way out of the
 * folder. */
static bool
file_of(const char *src, char *out, size_t size)
{
	if (!pr_str_starts_nocase(pr_str(src), "cid:"))
		return false;
	src += 4;
	int n = snprintf(out, size, "images/%.*s", (int)strcspn(src, "@"), src);
	return n > 7 && (size_t)n < size && !strchr(out + 7, '/') && out[7] != '.';
}

static bool
add_data(const char *src, int dir, size_t *left, struct pr_buf *out)
{
	char file[300];
	struct pr_buf octets = {0};
	struct pr_error e;
	if (!src || !file_of(src, file, sizeof file))
		return false;
	const char *type = pr_mime_type(file);
	bool shown = strcmp(type, "image/png") == 0 || strcmp(type, "image/jpeg") == 0 ||
	             strcmp(type, "image/gif") == 0 || strcmp(type, "image/webp") == 0;
	if (shown && pr_file_read(dir, file, *left, &octets, &e) == 0) {
		unsigned char *data = (unsigned char *)octets.data;
		*left -= octets.len;
		pr_buf_addf(out, " src=\"data:%s;base64,", type);
		pr_buf_grow(out, (octets.len + 2) / 3 * 4);
		char *end = pr_base64_run(out->data + out->len, data, octets.len);
		out->len = (size_t)(end - out->data);
		out->data[out->len] = 0;
		pr_buf_addc(out, '"');
	} else
		shown = false;
	pr_buf_finish(&octets);
	return shown;
}

/* "600" or "600px"; 0: it is not said, or makes no sense. */
static unsigned
pixels(const GumboElement *e, const char *name)
{
	const char *text = pr_picture_attribute(e, name);
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;
	return n && n <= 4000 && *end != '%' ? (unsigned)n : 0;
}

static void
add_box(const GumboElement *e, struct pr_buf *out)
{
	unsigned width = pixels(e, "width"), height = pixels(e, "height");
	const char *alt = pr_picture_attribute(e, "alt");
	if (width == 1 && height == 1)
		return; /* somebody's pixel */
	pr_buf_adds(out, "<span class=\"pr-image\" style=\"");
	if (width)
		pr_buf_addf(out, "width:%upx;", width);
	if (height)
		pr_buf_addf(out, "height:%upx;line-height:%upx;", height,
		            height > 18 ? height - 2 : height);
	pr_buf_adds(out, "\">");
	pr_buf_add_html(out, pr_str(alt && *alt ? alt : "image"));
	pr_buf_adds(out, "</span>");
}

void
pr_picture_image(const GumboElement *e, int dir, size_t *left, struct pr_buf *out)
{
	static const char *const none[] = {NULL};
	size_t was = out->len;
	pr_buf_adds(out, "<img");
	if (add_data(pr_picture_attribute(e, "src"), dir, left, out)) {
		pr_picture_attributes(e, none, out);
		if (!pr_picture_attribute(e, "alt"))
			pr_buf_adds(out, " alt=\"\"");
		pr_buf_addc(out, '>');
		return;
	}
	out->len = was;
	add_box(e, out);
}
