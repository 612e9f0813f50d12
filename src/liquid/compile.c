/*
 * pr_liquid_compile: sets the program up, has every unit parsed, checks what can
 * only be known at the end (names that nothing provides), and hands it over.
 */
#include "parser.h"

#include "postrider/base/error.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t
add_unit(struct lq_parser *p, struct pr_str name, const char *file, struct pr_str text)
{
	struct lq_unit *u = LQ_ADD(p->t, units);
	u->name = pr_arena_copy(&p->t->arena, name);
	u->file = pr_arena_strndup(&p->t->arena, file, strlen(file));
	u->text = pr_arena_copy(&p->t->arena, text);
	u->first_line = 1;
	u->entry = u->title = LQ_NONE;
	return p->t->n_units - 1;
}

static struct pr_str
last_part(struct pr_str name)
{
	size_t i = name.n;
	while (i && name.p[i - 1] != '/')
		i--;
	return (struct pr_str){name.p + i, name.n - i};
}

uint32_t
lq_unit_request(struct lq_parser *p, struct pr_str name, const char *at)
{
	uint32_t i = lq_unit_find(p->t, name);
	struct pr_str text = {0};
	char file[300], shown[120], hint[100];
	if (i != LQ_NONE)
		return i;
	if (p->source->partial)
		text = p->source->partial(p->source->context, name);
	snprintf(file, sizeof file, "partials/%s.liquid", pr_str_show(name, shown, sizeof shown));
	i = add_unit(p, name, file, text.p ? text : PR_STR(""));
	uint32_t title = lq_bind_name(p, last_part(name));
	p->t->units[i].title = title;
	p->t->units[i].missing = !text.p;
	if (!text.p && !p->source->forgiving) {
		static const char *const none[] = {NULL};
		lq_error(p, at,
		         lq_did_you_mean(name,
		                         p->source->partial_names ? p->source->partial_names : none,
		                         hint),
		         "There is no partial '%s'", shown);
	}
	return i;
}

/* The names of the data, one after the other, so that a render can bind them all. A
 * name given twice keeps its place; the first one counts. */
static void
add_given_names(struct lq_parser *p)
{
	for (const char *const *n = p->source->names; n && *n; n++) {
		uint32_t before = p->t->n_names;
		uint32_t i = lq_name_intern(p->t, pr_str(*n));
		if (i < before) { /* a hidden one, so that the places stay in step */
			struct lq_name *name = LQ_ADD(p->t, names);
			name->hash_next = LQ_NONE;
			i = before;
		}
		p->t->names[i].given = true;
	}
	p->t->given = p->t->n_names;
}

static void
add_own_names(struct lq_parser *p)
{
	p->t->forloop = lq_bind_name(p, PR_STR("forloop"));
	p->t->tablerowloop = lq_bind_name(p, PR_STR("tablerowloop"));
	p->t->self = lq_bind_name(p, PR_STR("self"));
}

static const char **
known_names(struct lq_parser *p)
{
	const char **list = pr_calloc(p->t->n_names + 1, sizeof *list);
	unsigned n = 0;
	for (uint32_t i = 0; i < p->t->n_names; i++)
		if (p->t->names[i].text.n && (p->t->names[i].given || p->t->names[i].bound))
			list[n++] = p->t->names[i].text.p;
	return list;
}

static void
warn_of_unknown_names(struct lq_parser *p)
{
	const char **known = known_names(p);
	char hint[100], what[200];
	for (uint32_t i = 0; i < p->t->n_names; i++) {
		const struct lq_name *n = &p->t->names[i];
		if (!n->used || n->given || n->bound)
			continue;
		const char *near = lq_did_you_mean(n->text, known, hint);
		snprintf(what, sizeof what, "Nothing provides the variable '%.*s': it stays empty",
		         (int)(n->text.n < 100 ? n->text.n : 100), n->text.p);
		lq_warn(p, n->unit, n->at, near, what);
	}
	free(known);
}

static void
begin(struct lq_parser *p)
{
	const struct pr_liquid_source *source = p->source;
	pr_liquid *t = p->t;
	pr_arena_init(&t->arena);
	memset(t->buckets, 0xFF, sizeof t->buckets);
	t->markdown = source->escape_html && source->markdown;
	if (source->partial_missing)
		t->partial_missing = pr_arena_strndup(&t->arena, source->partial_missing,
		                                      strlen(source->partial_missing));
	*LQ_ADD(t, list) = 0; /* so that an empty list has a place too */
	add_given_names(p);
	add_own_names(p);
	uint32_t u = add_unit(p, PR_STR(""), source->file ? source->file : "", source->text);
	t->units[u].first_line = source->first_line ? source->first_line : 1;
}

int
pr_liquid_compile(const struct pr_liquid_source *source, struct pr_problems *problems,
                  pr_liquid **out)
{
	struct lq_parser *p = pr_calloc(1, sizeof *p);
	p->source = source;
	p->problems = problems;
	p->t = pr_calloc(1, sizeof *p->t);
	begin(p);
	if (source->text.n > UINT32_MAX / 4)
		lq_error(p, p->t->units[0].text.p, NULL, "The template is too large");
	else
		lq_parse_units(p);
	if (source->names_closed)
		warn_of_unknown_names(p);
	bool good = p->errors == 0;
	if (good)
		*out = p->t;
	else
		pr_liquid_destroy(p->t);
	free(p->lexemes);
	free(p->path);
	free(p->scratch);
	free(p);
	return good ? 0 : PR_EINVAL;
}
