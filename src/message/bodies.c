/*
 * The bodies. The HTML is edited before it is compiled: references to images get their ids,
 * and a hidden block with the preheader goes in behind <body>. Where the campaign brings no
 * text, a text template is derived from the HTML's source; where that declines, the text is
 * derived from each rendered HTML.
 */
#include "internal.h"

#include "html_text.h"

#include <stdio.h>

#define PREHEADER_OPEN                                                                             \
	"<div style=\"display:none;max-height:0;overflow:hidden;opacity:0;mso-hide:all\">"
#define PREHEADER PREHEADER_OPEN "{{ postrider_preheader }}</div>"
#define GMAIL_CLIPS_AT (100u << 10)

/* ---- where the preheader goes ---- */

/* The end of what must not be read as markup: Liquid code or a comment; NULL when none begins
 * at p. */
static const char *
skip_opaque(const char *p, const char *end)
{
	static const char *const pairs[][2] = {{"{{", "}}"}, {"{%", "%}"}, {"<!--", "-->"}};
	for (size_t i = 0; i < 3; i++) {
		struct pr_str left = pr_str_n(p, (size_t)(end - p));
		if (!pr_str_starts(left, pairs[i][0]))
			continue;
		const char *close = memmem(p, left.n, pairs[i][1], strlen(pairs[i][1]));
		return close ? close + strlen(pairs[i][1]) : end;
	}
	return NULL;
}

static const char *
tag_end(const char *p, const char *end)
{
	char quote = 0;
	while (p < end) {
		const char *behind = skip_opaque(p, end);
		if (behind) {
			p = behind;
			continue;
		}
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == '>')
			return p + 1;
		p++;
	}
	return NULL;
}

/* Behind the start tag `name`, NULL when there is none. */
static const char *
behind_tag(struct pr_str html, const char *name)
{
	const char *p = html.p, *end = p + html.n;
	size_t n = strlen(name);
	while (p < end) {
		const char *behind = skip_opaque(p, end);
		struct pr_str left = pr_str_n(p, (size_t)(end - p));
		if (!behind && pr_str_starts_nocase(left, name) && left.n > n &&
		    (p[n] == '>' || pr_is_space(p[n])))
			return tag_end(p, end);
		p = behind ? behind : p + 1;
	}
	return NULL;
}

static void
insert_preheader(struct pr_compile *x)
{
	struct pr_source *s = &x->c->html.source;
	const char *at = behind_tag(s->text, "<body");
	if (!at)
		at = behind_tag(s->text, "<!doctype");
	pr_source_insert(s, &x->c->arena, at ? (size_t)(at - s->text.p) : 0, PR_STR(PREHEADER));
}

/* ---- html ---- */

static int
compile_html(struct pr_compile *x)
{
	pr_content *c = x->c;
	const struct pr_text *file = &x->source->manifest->html;
	struct pr_source *s = &c->html.source;
	const char *name = pr_arena_strndup(&c->arena, file->p, file->n);
	int result = pr_source_read(s, x->source->dir, name, name, &c->arena, x->problems);
	if (result < 0)
		return result;
	if (s->text.n > GMAIL_CLIPS_AT)
		pr_problem_add(x->problems, PR_WARNING, s->file, 0, "make it shorter",
		               "it is larger than 100 KiB: Gmail shows only its beginning");
	pr_images_refer(&x->images, s, &c->arena, x->problems);
	if (x->source->manifest->preheader.p)
		insert_preheader(x);
	return pr_template_compile(x, &c->html, PR_USE_HTML, x->problems);
}

static void
keep_partials(struct pr_compile *x)
{
	pr_content *c = x->c;
	c->partials = pr_arena_zero(&c->arena, (x->partials_n + 1) * sizeof *c->partials);
	for (size_t i = 0; i < x->partials_n; i++)
		c->partials[i] = x->partials[i].html;
	c->partials_n = x->partials_n;
}

static void
tell_unused_images(struct pr_compile *x)
{
	char shown[260], path[300];
	for (size_t i = 0; i < x->images.n; i++) {
		const struct pr_image *image = &x->images.items[i];
		if (image->used)
			continue;
		snprintf(path, sizeof path, "images/%s",
		         pr_str_show(pr_str(image->name), shown, sizeof shown));
		pr_problem_add(x->problems, PR_WARNING, path, 0, "name it as cid:FILE in the HTML",
		               "left out: no body names this image");
	}
}

/* ---- text ---- */

static int
compile_text_file(struct pr_compile *x)
{
	pr_content *c = x->c;
	const struct pr_text *file = &x->source->manifest->text;
	c->text_kind = PR_TEXT_FILE;
	const char *name = pr_arena_strndup(&c->arena, file->p, file->n);
	int result =
	    pr_source_read(&c->text.source, x->source->dir, name, name, &c->arena, x->problems);
	return result < 0 ? result : pr_template_compile(x, &c->text, PR_USE_PLAIN, x->problems);
}

/* What is wrong with the derived template was told of the HTML already, or is our own doing:
 * then each message is derived. */
static int
derive_text(struct pr_compile *x)
{
	pr_content *c = x->c;
	struct pr_buf text = {0};
	struct pr_problems quiet = {0};
	struct pr_error e;
	int result = pr_html_text_template(c->html.source.original, &text, &e);
	c->text_kind = PR_TEXT_FROM_HTML;
	if (result == PR_ELIMIT) {
		pr_problem_add(x->problems, PR_PROBLEM, c->html.source.file, 0, "add body.txt",
		               "%s", e.text);
	} else if (result == 0) {
		pr_source_init(&c->text.source, c->html.source.file,
		               pr_arena_copy(&c->arena, pr_buf_str(&text)), 1, 1);
		result = pr_template_compile(x, &c->text, PR_USE_DERIVED, &quiet);
		if (result == 0 && !x->underivable)
			c->text_kind = PR_TEXT_DERIVED;
	}
	if (c->text_kind == PR_TEXT_FROM_HTML && result != PR_ELIMIT)
		pr_problem_add(x->problems, PR_WARNING, c->html.source.file, 0,
		               "add body.txt: it is faster, and reads better",
		               "the text part is made from each message's HTML%s%s",
		               result == PR_EUNAVAILABLE ? ": " : "",
		               result == PR_EUNAVAILABLE ? e.text : "");
	pr_problems_finish(&quiet);
	pr_buf_finish(&text);
	return result == PR_ELIMIT ? PR_EINVAL : 0;
}

int
pr_content_compile_bodies(struct pr_compile *x)
{
	const struct pr_manifest *m = x->source->manifest;
	int html = m->html.p ? compile_html(x) : 0;
	int text = 0;
	if (m->html.p)
		tell_unused_images(x);
	keep_partials(x);
	if (m->text.p)
		text = compile_text_file(x);
	else if (m->html.p && html == 0)
		text = derive_text(x);
	return html < 0 || text < 0 ? PR_EINVAL : 0;
}
