/*
 * Bodies: HTML or Markdown, and text. The HTML is edited before it is compiled: references to
 * images get their ids, and a hidden block with the preheader goes in behind <body>. Where the
 * campaign brings no text, a text template is derived from the HTML's source; where that declines,
 * and for Markdown, the text is derived from each rendered HTML.
 */
#include "internal.h"

#include "html_text.h"
#include "preheader.h"

#define PREHEADER_NAME "postrider_preheader"
#define PREHEADER PR_PREHEADER_OPEN "{{ " PREHEADER_NAME " }}" PR_PREHEADER_CLOSE
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

/* The body shows it itself. */
static bool
has_preheader(struct pr_str html)
{
	return memmem(html.p, html.n, PREHEADER_NAME, strlen(PREHEADER_NAME)) != NULL;
}

static void
insert_preheader(struct pr_compile *x)
{
	struct pr_source *s = &x->bodies->html.source;
	const char *at = behind_tag(s->text, "<body");
	if (!at)
		at = behind_tag(s->text, "<!doctype");
	pr_source_insert(s, &x->c->arena, at ? (size_t)(at - s->text.p) : 0, PR_STR(PREHEADER));
}

/* ---- html ---- */

static int
read_body(struct pr_compile *x, struct pr_str file, struct pr_source *s)
{
	struct pr_arena *arena = &x->c->arena;
	const char *name = pr_arena_strndup(arena, file.p, file.n);
	int result = pr_source_read(s, x->source->dir, name, name, arena, x->problems);
	return result < 0 ? result : pr_template_translate(x, s);
}

static int
compile_html(struct pr_compile *x)
{
	struct pr_bodies *b = x->bodies;
	struct pr_source *s = &b->html.source;
	int result = read_body(x, b->html_file, s);
	if (result < 0)
		return result;
	if (s->text.n > GMAIL_CLIPS_AT)
		pr_problem_add(x->problems, PR_WARNING, s->file, 0, "make it shorter",
		               "it is larger than 100 KiB: Gmail shows only its beginning");
	b->markdown = pr_is_markdown(b->html_file);
	pr_images_refer(&x->images, s, &x->c->arena, x->problems);
	if (b->preheader && !b->markdown && !has_preheader(s->text))
		insert_preheader(x);
	return pr_template_compile(x, &b->html, b->markdown ? PR_USE_MARKDOWN : PR_USE_HTML,
	                           x->problems);
}

/* ---- text ---- */

static int
compile_text_file(struct pr_compile *x)
{
	struct pr_bodies *b = x->bodies;
	int result = read_body(x, b->text_file, &b->text.source);
	b->text_kind = PR_TEXT_FILE;
	return result < 0 ? result : pr_template_compile(x, &b->text, PR_USE_PLAIN, x->problems);
}

static void
tell_slow_text(struct pr_compile *x, const char *why)
{
	pr_problem_add(x->problems, PR_WARNING, x->bodies->html.source.file, 0,
	               "add body.txt: it is faster, and reads better",
	               "the text part is made from each message's HTML%s%s", why ? ": " : "",
	               why ? why : "");
}

/* What is wrong with the derived template was told of the HTML already, or is our own doing:
 * then each message is derived. */
static int
derive_text(struct pr_compile *x)
{
	struct pr_bodies *b = x->bodies;
	struct pr_buf text = {0};
	struct pr_problems quiet = {0};
	struct pr_error e;
	int result = pr_html_text_template(b->html.source.original, &text, &e);
	b->text_kind = PR_TEXT_FROM_HTML;
	if (result == PR_ELIMIT) {
		pr_problem_add(x->problems, PR_PROBLEM, b->html.source.file, 0, "add body.txt",
		               "%s", e.text);
	} else if (result == 0) {
		pr_source_init(&b->text.source, b->html.source.file,
		               pr_arena_copy(&x->c->arena, pr_buf_str(&text)), 1, 1);
		result = pr_template_compile(x, &b->text, PR_USE_DERIVED, &quiet);
		if (result == 0 && !x->underivable)
			b->text_kind = PR_TEXT_DERIVED;
	}
	if (b->text_kind == PR_TEXT_FROM_HTML && result != PR_ELIMIT)
		tell_slow_text(x, result == PR_EUNAVAILABLE ? e.text : NULL);
	pr_problems_finish(&quiet);
	pr_buf_finish(&text);
	return result == PR_ELIMIT ? PR_EINVAL : 0;
}

int
pr_content_compile_bodies(struct pr_compile *x)
{
	struct pr_bodies *b = x->bodies;
	pr_images_begin(&x->images);
	pr_partials_begin(x);
	int html = b->html_file.n ? compile_html(x) : 0, text = 0;
	if (b->text_file.n)
		text = compile_text_file(x);
	else if (b->markdown)
		b->text_kind = PR_TEXT_FROM_HTML;
	else if (b->html_file.n && html == 0)
		text = derive_text(x);
	return html < 0 || text < 0 ? PR_EINVAL : 0;
}
