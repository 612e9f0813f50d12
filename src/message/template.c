/* Templates and their partials: from sources to Liquid programs, problems at their places. */
#include "internal.h"

#include "html_text.h"
#include "mailchimp.h"

#include <stdio.h>
#include <unistd.h>

#define FOLDER "partials"
#define EXTENSION ".liquid"

struct asking { /* context of the partial callback */
	struct pr_compile *x;
	enum pr_use use;
};

/* ---- partials ---- */

static bool
partial_file(const char *file, char *name, size_t size)
{
	struct pr_str s = pr_str(file);
	if (!pr_str_ends(s, EXTENSION) || s.n == strlen(EXTENSION) || s.n >= size)
		return false;
	snprintf(name, size, "%.*s", (int)(s.n - strlen(EXTENSION)), file);
	return true;
}

static void
read_partial(struct pr_compile *x, int fd, const char *file)
{
	struct pr_arena *arena = &x->c->arena;
	struct pr_partial *partial = &x->partials[x->partials_n];
	char name[256], shown[256], path[300];
	snprintf(path, sizeof path, FOLDER "/%s", pr_str_show(pr_str(file), shown, sizeof shown));
	if (!partial_file(file, name, sizeof name)) {
		pr_problem_add(x->problems, PR_WARNING, path, 0, "partials end with " EXTENSION,
		               "left out: this name is not a partial's");
		return;
	}
	const char *known_as = pr_arena_strndup(arena, path, strlen(path));
	if (pr_source_read(&partial->plain, fd, file, known_as, arena, x->problems) < 0)
		return;
	pr_source_init(&partial->html, known_as, partial->plain.text, 1, 1);
	partial->name = pr_arena_strndup(arena, name, strlen(name));
	x->partial_names[x->partials_n++] = partial->name;
}

void
pr_partials_read(struct pr_compile *x)
{
	struct pr_arena *arena = &x->c->arena;
	size_t n;
	const char **files = pr_folder_list(x->source->dir, FOLDER, arena, x->problems, &n);
	int fd = n ? pr_folder_open(x->source->dir, FOLDER) : -1;
	x->partials = pr_arena_zero(arena, (n + 1) * sizeof *x->partials);
	x->partial_names = pr_arena_zero(arena, (n + 1) * sizeof *x->partial_names);
	for (size_t i = 0; i < n && fd >= 0; i++)
		read_partial(x, fd, files[i]);
	if (fd >= 0)
		close(fd);
}

void
pr_partials_begin(struct pr_compile *x)
{
	x->underivable = false;
	for (size_t i = 0; i < x->partials_n; i++) {
		struct pr_partial *partial = &x->partials[i];
		pr_source_init(&partial->html, partial->html.file, partial->plain.text, 1, 1);
		partial->html_ready = false;
	}
}

static struct pr_str
partial_html(struct pr_compile *x, struct pr_partial *partial)
{
	if (!partial->html_ready)
		pr_images_refer(&x->images, &partial->html, &x->c->arena, x->problems);
	partial->html_ready = true;
	return partial->html.text;
}

static struct pr_str
partial_derived(struct pr_compile *x, struct pr_partial *partial)
{
	struct pr_buf text = {0};
	struct pr_error e;
	if (!partial->derived_ready && pr_html_text_template(partial->plain.text, &text, &e) == 0)
		partial->derived = pr_arena_copy(&x->c->arena, pr_buf_str(&text));
	pr_buf_finish(&text);
	partial->derived_ready = true;
	x->underivable |= !partial->derived.p;
	return partial->derived;
}

static struct pr_str
on_partial(void *context, struct pr_str name)
{
	struct asking *a = context;
	for (size_t i = 0; i < a->x->partials_n; i++) {
		struct pr_partial *partial = &a->x->partials[i];
		if (!pr_str_is(name, partial->name))
			continue;
		pr_track_collect(a->x, &partial->plain, a->use);
		switch (a->use) {
		case PR_USE_HTML:
		case PR_USE_MARKDOWN: return partial_html(a->x, partial);
		case PR_USE_PLAIN: return partial->plain.text;
		case PR_USE_DERIVED: return partial_derived(a->x, partial);
		}
	}
	return (struct pr_str){0};
}

/* ---- compiling ---- */

int
pr_template_translate(struct pr_compile *x, struct pr_source *s)
{
	const struct pr_manifest *m = x->source->manifest;
	const struct pr_mailchimp mailchimp = {
	    .names = x->c->names, .list = pr_text_str(&m->list), .sender = m->from.name};
	if (m->syntax != PR_SYNTAX_MAILCHIMP)
		return 0;
	return pr_mailchimp_translate(&mailchimp, s, &x->c->arena, x->problems);
}

int
pr_template_compile(struct pr_compile *x, struct pr_template *t, enum pr_use use,
                    struct pr_problems *problems)
{
	struct asking asking = {x, use};
	unsigned from = problems->n;
	struct pr_liquid_source source = {
	    .text = t->source.text,
	    .file = t->source.file,
	    .first_line = t->source.first_line,
	    .names = x->c->names,
	    .escape_html = use == PR_USE_HTML || use == PR_USE_MARKDOWN,
	    .markdown = use == PR_USE_MARKDOWN,
	    .names_closed = x->source->columns != NULL,
	    .partial = on_partial,
	    .context = &asking,
	    .partial_names = x->partial_names,
	};
	pr_track_collect(x, &t->source, use);
	int result = pr_liquid_compile(&source, problems, &t->code);
	pr_source_fix_problems(&t->source, problems, from);
	for (size_t i = 0; source.escape_html && i < x->partials_n; i++)
		pr_source_fix_problems(&x->partials[i].html, problems, from);
	return result;
}
