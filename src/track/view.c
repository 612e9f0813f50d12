/*
 * The message in the browser: composed anew, as a preview is, and its HTML taken out of it. Images
 * that it brings along become part of the page (RFC 2397); its own pixel is left out, for whoever
 * looks here has opened nothing in a mailbox. The links are those of the mail.
 */
#include "internal.h"

#include <gmime/gmime.h>

#define PAGE_MAX (32u << 20) /* octets, with all images */

struct parts {
	GMimePart *html, *text;
	GMimePart *images[64];
	unsigned images_n;
};

static void
take_part(GMimeObject *parent, GMimeObject *object, gpointer context)
{
	struct parts *p = context;
	GMimeContentType *type = g_mime_object_get_content_type(object);
	(void)parent;
	if (!GMIME_IS_PART(object) || g_mime_part_is_attachment(GMIME_PART(object)))
		return;
	if (g_mime_content_type_is_type(type, "text", "html") && !p->html)
		p->html = GMIME_PART(object);
	else if (g_mime_content_type_is_type(type, "text", "plain") && !p->text)
		p->text = GMIME_PART(object);
	else if (g_mime_content_type_is_type(type, "image", "*") && p->images_n < 64)
		p->images[p->images_n++] = GMIME_PART(object);
}

/* ---- images ---- */

static const GMimePart *
image_of(const struct parts *p, struct pr_str id)
{
	for (unsigned i = 0; i < p->images_n; i++) {
		const char *has = g_mime_part_get_content_id(p->images[i]);
		if (has && pr_str_is(id, has))
			return p->images[i];
	}
	return NULL;
}

static void
add_data_url(struct pr_buf *to, const GMimePart *image)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(image));
	GMimeStream *memory = g_mime_stream_mem_new();
	g_mime_data_wrapper_write_to_stream(g_mime_part_get_content((GMimePart *)image), memory);
	const GByteArray *octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
	gchar *text = g_base64_encode(octets->data, octets->len);
	pr_buf_addf(to, "data:%s/%s;base64,%s", g_mime_content_type_get_media_type(type),
	            g_mime_content_type_get_media_subtype(type), text);
	g_free(text);
	g_object_unref(memory);
}

/* ---- the text ---- */

static size_t
end_of_word(struct pr_str s, size_t from)
{
	while (from < s.n && !strchr("\"'<> ()\r\n\t", s.p[from]))
		from++;
	return from;
}

/* "https://t.acme.example/o/TOKEN.gif" of ours, beginning at s.p: its length, or 0. */
static size_t
pixel_length(const struct pr_config *c, struct pr_str s)
{
	struct pr_token t;
	size_t n = end_of_word(s, 0);
	const char *room = memmem(s.p, n, "/o/", 3);
	if (!room || !pr_str_ends(pr_str_n(s.p, n), ".gif"))
		return 0;
	struct pr_str token = pr_str_n(room + 3, (size_t)(s.p + n - 4 - (room + 3)));
	return pr_token_read_url(c->tokens, PR_TOKEN_OPEN, token, &t) == 0 ? n : 0;
}

/* What stands for the URL at s.p; how much of it was taken: 0, it is none of these. */
static size_t
add_instead(struct pr_buf *to, const struct parts *p, const struct pr_config *c, struct pr_str s)
{
	if (pr_str_starts_nocase(s, "cid:")) {
		size_t end = end_of_word(s, 4);
		const GMimePart *image = image_of(p, pr_str_n(s.p + 4, end - 4));
		if (image)
			add_data_url(to, image);
		return image ? end : 0;
	}
	size_t n = pr_str_starts(s, "http") ? pixel_length(c, s) : 0;
	if (n)
		pr_buf_adds(to, "data:,");
	return n;
}

static void
add_html(struct pr_buf *to, const struct parts *p, const struct pr_config *c, struct pr_str s)
{
	for (size_t at = 0; at < s.n && to->len < PAGE_MAX;) {
		char before = at ? s.p[at - 1] : ' ';
		size_t n = strchr("\"'=(", before)
		               ? add_instead(to, p, c, pr_str_n(s.p + at, s.n - at))
		               : 0;
		if (n == 0)
			pr_buf_addc(to, s.p[at++]);
		at += n;
	}
}

static void
add_body(struct pr_buf *to, const struct parts *p, const struct pr_config *c)
{
	GMimePart *part = p->html ? p->html : p->text;
	char *text = part && GMIME_IS_TEXT_PART(part)
	                 ? g_mime_text_part_get_text(GMIME_TEXT_PART(part))
	                 : NULL;
	if (p->html)
		add_html(to, p, c, pr_str(text));
	else if (text) {
		pr_buf_adds(to, "<!doctype html><meta charset=\"utf-8\"><title>\xe2\x80\x93</title>"
		                "<pre style=\"white-space:pre-wrap\">");
		pr_buf_add_html(to, pr_str(text));
		pr_buf_adds(to, "</pre>");
	}
	g_free(text);
}

static void
take_apart(struct pr_buf *to, const struct pr_buf *message, const struct pr_config *c)
{
	struct parts p = {0};
	GMimeStream *s = g_mime_stream_mem_new_with_buffer(message->data, message->len);
	GMimeParser *parser = g_mime_parser_new_with_stream(s);
	GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
	if (m) {
		GMimeObject *top = g_mime_message_get_mime_part(m);
		if (GMIME_IS_MULTIPART(top))
			g_mime_multipart_foreach(GMIME_MULTIPART(top), take_part, &p);
		else
			take_part(NULL, top, &p);
		add_body(to, &p, c);
		g_object_unref(m);
	}
	g_object_unref(parser);
	g_object_unref(s);
}

int
view_compose(struct track_ask *a, const struct pr_whom *whom)
{
	struct pr_error e;
	struct pr_preview p = {
	    .config = a->config, .dir = whom->dir, .row = a->token.row, .utc_ms = pr_utc_ms()};
	int r = pr_delivery_preview(&p, &e);
	if (r == 0)
		take_apart(&a->answer.body, &p.message, a->config);
	if (r == 0 && a->answer.body.len == 0)
		r = PR_ENOENT;
	pr_buf_finish(&p.address);
	pr_buf_finish(&p.message);
	pr_buf_finish(&p.from);
	pr_buf_finish(&p.route);
	if (r < 0)
		return r;
	a->answer.status = MHD_HTTP_OK;
	a->answer.html = a->answer.message = true;
	return 0;
}
