/*
 * The parts of a message that are the same for all rows, laid out once:
 *
 *   mixed { alternative { text, related { html, images } }, attachments }
 *
 * with each level left out that has only one member. Files are read and encoded here; a
 * message only copies them. Boundaries are a function of the campaign, so that a message
 * composed again is the same; they begin with "=_", which no encoded body can hold at the
 * start of a line (encode.h).
 */
#include "internal.h"

#include "encode.h"
#include "header.h"
#include "mime_type.h"

#include "postrider/base/file.h"

#include <stdio.h>
#include <unistd.h>

#define SIZE_MAX_DEFAULT (25u << 20)
#define BODIES_RESERVE (64u << 10) /* of size_max, for what is not known yet */

struct level { /* one multipart, or none */
	bool used;
	char boundary[8 + PR_TOKEN_SIZE];
};

struct layout {
	struct level mixed, alternative, related;
	struct pr_buf open, middle, tail;
	const char **attachments;
	size_t attachments_n, size_max;
};

static void
begin_level(struct pr_compile *x, struct level *level, const char *subtype, const char *extra,
            struct pr_buf *to)
{
	snprintf(level->boundary, sizeof level->boundary, "=_%.1s%s", subtype, x->c->token);
	pr_buf_addf(to, "Content-Type: multipart/%s;%s\r\n boundary=\"%s\"\r\n\r\n--%s\r\n",
	            subtype, extra, level->boundary, level->boundary);
}

static void
next_part(const struct level *level, struct pr_buf *to)
{
	pr_buf_addf(to, "--%s\r\n", level->boundary);
}

static void
end_level(const struct level *level, struct pr_buf *to)
{
	if (level->used)
		pr_buf_addf(to, "--%s--\r\n", level->boundary);
}

/* One file as a part: read, encoded, forgotten. content_id NULL: an attachment. */
static int
add_file(struct pr_compile *x, struct layout *l, const char *folder, const char *name,
         const char *content_id)
{
	struct pr_buf data = {0}, *to = &l->tail;
	struct pr_error e;
	char path[300], shown[260];
	snprintf(path, sizeof path, "%s/%s", folder,
	         pr_str_show(pr_str(name), shown, sizeof shown));
	int fd = pr_folder_open(x->source->dir, folder);
	int result = fd < 0 ? pr_fail_errno(&e, "cannot open %s", folder)
	                    : pr_file_read(fd, name, l->size_max, &data, &e);
	if (fd >= 0)
		close(fd);
	if (result < 0) {
		pr_problem_add(x->problems, PR_PROBLEM, path, 0,
		               "see that it can be read and is not too large", "%s", e.text);
		pr_buf_finish(&data);
		return PR_EINVAL;
	}
	pr_buf_addf(to, "Content-Type: %s", pr_mime_type(name));
	pr_field_param(to, "name", pr_str(name));
	pr_buf_addf(to, "\r\nContent-Transfer-Encoding: base64\r\n");
	if (content_id)
		pr_buf_addf(to, "Content-ID: <%s%s>\r\n", content_id, x->images.suffix);
	pr_buf_addf(to, "Content-Disposition: %s", content_id ? "inline" : "attachment");
	pr_field_param(to, "filename", pr_str(name));
	pr_buf_adds(to, "\r\n\r\n");
	pr_encode_base64(to, data.data, data.len);
	pr_buf_finish(&data);
	return 0;
}

static size_t
images_used(const struct pr_images *images)
{
	size_t n = 0;
	for (size_t i = 0; i < images->n; i++)
		n += images->items[i].used;
	return n;
}

static void
lay_opening(struct pr_compile *x, struct layout *l)
{
	bool html = x->bodies->html.code != NULL, text = x->bodies->text_kind != PR_TEXT_NONE;
	struct pr_buf *before_html = text ? &l->middle : &l->open;
	l->mixed.used = l->attachments_n > 0;
	l->alternative.used = html && text;
	l->related.used = html && images_used(&x->images) > 0;
	if (l->mixed.used)
		begin_level(x, &l->mixed, "mixed", "", &l->open);
	if (l->alternative.used) {
		begin_level(x, &l->alternative, "alternative", "", &l->open);
		next_part(&l->alternative, &l->middle);
	}
	if (l->related.used)
		begin_level(x, &l->related, "related", " type=\"text/html\";", before_html);
}

static int
lay_tail(struct pr_compile *x, struct layout *l)
{
	int result = 0;
	for (size_t i = 0; l->related.used && i < x->images.n && l->tail.len <= l->size_max; i++) {
		const struct pr_image *image = &x->images.items[i];
		if (!image->used)
			continue;
		next_part(&l->related, &l->tail);
		if (add_file(x, l, "images", image->name, image->id) < 0)
			result = PR_EINVAL;
	}
	end_level(&l->related, &l->tail);
	end_level(&l->alternative, &l->tail);
	for (size_t i = 0; i < l->attachments_n && l->tail.len <= l->size_max; i++) {
		next_part(&l->mixed, &l->tail);
		if (add_file(x, l, "attachments", l->attachments[i], NULL) < 0)
			result = PR_EINVAL;
	}
	end_level(&l->mixed, &l->tail);
	return result;
}

static struct pr_str
take(struct pr_arena *arena, struct pr_buf *b)
{
	struct pr_str s = pr_arena_copy(arena, pr_buf_str(b));
	pr_buf_finish(b);
	return s;
}

/* Mostly all bodies of a campaign have the same images and attachments. */
static struct pr_str
take_tail(pr_content *c, struct pr_buf *b)
{
	for (size_t i = 0; i < c->bodies_n; i++)
		if (c->bodies[i].tail.n == b->len && pr_str_eq(c->bodies[i].tail, pr_buf_str(b))) {
			pr_buf_finish(b);
			return c->bodies[i].tail;
		}
	return take(&c->arena, b);
}

int
pr_content_lay_parts(struct pr_compile *x)
{
	pr_content *c = x->c;
	struct layout l = {.size_max =
	                       x->source->size_max ? x->source->size_max : SIZE_MAX_DEFAULT};
	l.attachments =
	    pr_folder_list(x->source->dir, "attachments", &c->arena, x->problems, &l.attachments_n);
	c->size_max = l.size_max;
	lay_opening(x, &l);
	int result = lay_tail(x, &l);
	if (l.tail.len + BODIES_RESERVE > l.size_max) {
		pr_problem_add(x->problems, PR_PROBLEM, "", 0, "leave some out, or link to them",
		               "images and attachments make messages larger than %zu octets",
		               l.size_max);
		result = PR_EINVAL;
	}
	x->bodies->open = take(&c->arena, &l.open);
	x->bodies->middle = take(&c->arena, &l.middle);
	x->bodies->tail = take_tail(c, &l.tail);
	return result;
}
