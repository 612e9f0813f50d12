/* What the tests of the liquid room share: data of every kind, and a render of a text. */
#ifndef TESTS_LIQUID_TRIAL_H
#define TESTS_LIQUID_TRIAL_H

#include "suite.h"

#include "postrider/liquid.h"

#include <stdio.h>
#include <stdlib.h>

#define LIQUID_NOW_MS 1704067318000 /* 2024-01-01T00:01:58Z */

struct trial {
	const char *file, *timezone;
	bool escape_html, names_closed, ours, render_errors;
	enum pr_liquid_mode mode;
	const struct pr_liquid_limits *limits;
	uint64_t seed;
	int code; /* of compile or render */
	struct pr_problems problems;
	struct pr_liquid_failure failure;
	pr_liquid *template; /* what failure.file belongs to */
	char *output;
};

static inline struct pr_liquid_value
trial_text(const char *s)
{
	return pr_liquid_string(pr_str(s));
}

static inline struct pr_liquid_value
trial_int(int64_t i)
{
	return (struct pr_liquid_value){.type = PR_LIQUID_INT, .i = i};
}

static inline struct pr_liquid_value
trial_list(const struct pr_liquid_value *items, uint32_t n)
{
	return (struct pr_liquid_value){.type = PR_LIQUID_ARRAY, .n = n, .items = items};
}

static inline struct pr_liquid_value
trial_hash(const struct pr_liquid_value *items, uint32_t n)
{
	return (struct pr_liquid_value){.type = PR_LIQUID_HASH, .n = n, .items = items};
}

static const char *const trial_names[] = {"name",    "empty_text", "count",   "price",
                                          "yes",     "no",         "nothing", "items",
                                          "product", "words",      "html",    NULL};
static const char *const trial_partials[] = {"greeting", "loop",  "sets", "again",
                                             "broken",   "stops", NULL};

static inline struct pr_str
trial_partial(void *context, struct pr_str name)
{
	static const char *const texts[] = {"Hello {{ greeting }}{{ who }}",
	                                    "{{ forloop.index }}/{{ forloop.length }}:{{ loop }} ",
	                                    "{% assign name = 'changed' %}{{ name }}",
	                                    "{% render 'again' %}",
	                                    "{{ a | }}",
	                                    "{% break %}never"};
	(void)context;
	for (unsigned i = 0; trial_partials[i]; i++)
		if (pr_str_is(name, trial_partials[i]))
			return pr_str(texts[i]);
	return (struct pr_str){0};
}

static inline void
trial_render(struct trial *t, const pr_liquid *template)
{
	struct pr_liquid_value one[4] = {trial_text("title"), trial_text("Shoe"),
	                                 trial_text("price"), trial_int(30)};
	struct pr_liquid_value two[4] = {trial_text("title"), trial_text("apron"),
	                                 trial_text("price"), trial_int(10)};
	struct pr_liquid_value items[3] = {trial_int(3), trial_int(1), trial_int(2)};
	struct pr_liquid_value products[2] = {trial_hash(one, 2), trial_hash(two, 2)};
	struct pr_liquid_value list_pair[2] = {trial_text("all"), trial_list(products, 2)};
	struct pr_liquid_value words[3] = {trial_text("b"), trial_text("A"), trial_text("c")};
	struct pr_liquid_value values[] = {trial_text("Zo\xC3\xAB <Ann>"),
	                                   trial_text(""),
	                                   trial_int(7),
	                                   {.type = PR_LIQUID_FLOAT, .f = 12.5},
	                                   {.type = PR_LIQUID_BOOL, .i = 1},
	                                   {.type = PR_LIQUID_BOOL},
	                                   {.type = PR_LIQUID_NIL},
	                                   trial_list(items, 3),
	                                   trial_hash(list_pair, 1),
	                                   trial_list(words, 3),
	                                   trial_text("<b>\"x\" & 'y'</b>")};
	struct pr_liquid_run run = {.values = values,
	                            .now_utc_ms = LIQUID_NOW_MS,
	                            .timezone = t->timezone,
	                            .limits = t->limits,
	                            .render_errors = t->render_errors,
	                            .random_seed = t->seed};
	struct pr_arena arena;
	struct pr_buf out = {0};
	pr_arena_init(&arena);
	t->code = pr_liquid_render(template, &run, &arena, &out, &t->failure);
	t->output = strndup(out.data ? out.data : "", out.len);
	pr_buf_finish(&out);
	pr_arena_finish(&arena);
}

static inline void
trial_run(struct trial *t, const char *text)
{
	struct pr_liquid_source source = {.text = pr_str(text),
	                                  .file = t->file ? t->file : "body.html",
	                                  .names = trial_names,
	                                  .escape_html = t->escape_html,
	                                  .forgiving = !t->ours,
	                                  .names_closed = t->names_closed,
	                                  .mode = t->mode,
	                                  .partial = trial_partial,
	                                  .partial_names = trial_partials};
	t->code = pr_liquid_compile(&source, &t->problems, &t->template);
	if (t->code == 0)
		trial_render(t, t->template);
}

static inline void
trial_end(struct trial *t)
{
	pr_problems_finish(&t->problems);
	pr_liquid_destroy(t->template);
	free(t->output);
	*t = (struct trial){0};
}

struct trial_case {
	const char *template, *output;
};

/* Each case in turn, with what `like` asks for. */
static inline void
trial_cases(const struct trial_case *cases, unsigned n, struct trial like)
{
	for (unsigned i = 0; i < n; i++) {
		struct trial t = like;
		trial_run(&t, cases[i].template);
		ck_assert_msg(t.code == 0, "%s: %s", cases[i].template,
		              t.problems.n ? t.problems.items[0].what : t.failure.error.text);
		ck_assert_msg(strcmp(t.output, cases[i].output) == 0, "%s: got <%s>, want <%s>",
		              cases[i].template, t.output, cases[i].output);
		trial_end(&t);
	}
}

/* What is tried one by one: a filter, a tag. */
struct trial_row {
	const char *name, *template, *output;
};

/* Each row in lax mode with errors in the output; and a row for each of names. */
static inline void
trial_rows(const struct trial_row *rows, unsigned n, const char *const *names)
{
	for (unsigned i = 0; i < n; i++) {
		struct trial_case one = {rows[i].template, rows[i].output};
		trial_cases(&one, 1, (struct trial){.mode = PR_LIQUID_LAX, .render_errors = true});
	}
	for (; *names; names++) {
		bool found = false;
		for (unsigned i = 0; i < n && !found; i++)
			found = strcmp(rows[i].name, *names) == 0;
		ck_assert_msg(found, "nothing tries %s", *names);
	}
}

#define TRIAL_CASES(cases, like) trial_cases(cases, sizeof(cases) / sizeof *(cases), like)

#endif
