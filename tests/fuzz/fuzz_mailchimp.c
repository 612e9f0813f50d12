/*
 * Merge tags: any text translated to Liquid. Holds: lines stay where they were; what was no
 * merge tag renders as it stood, so that no text becomes code; places can be counted back.
 */
#include "../../src/message/mailchimp.h"

#include "postrider/liquid.h"

#include <stdlib.h>

static size_t
lines(struct pr_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void
render_alike(struct pr_str original, struct pr_str translated, const char *const *names)
{
	const struct pr_liquid_source source = {.text = translated, .names = names};
	static const struct pr_liquid_value nothing[4];
	const struct pr_liquid_run run = {.values = nothing};
	struct pr_problems problems = {0};
	struct pr_arena arena;
	struct pr_buf out = {0};
	pr_liquid *t;
	bool tags = memmem(original.p, original.n, "*|", 2) != NULL;
	pr_arena_init(&arena);
	if (pr_liquid_compile(&source, &problems, &t) == 0) {
		int r = pr_liquid_render(t, &run, &arena, &out, NULL);
		if (!tags && (r < 0 || !pr_str_eq(pr_buf_str(&out), original)))
			abort();
		pr_liquid_destroy(t);
	} else if (!tags) {
		abort();
	}
	pr_buf_finish(&out);
	pr_problems_finish(&problems);
	pr_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"email", "first_name", "Plan", "x", NULL};
	const struct pr_mailchimp m = {
	    .names = names, .list = PR_STR("news\"{{"), .sender = PR_STR("A \\ %} B")};
	struct pr_problems problems = {0};
	struct pr_arena arena;
	struct pr_source s;
	size_t bad;
	if (!pr_utf8_valid((const char *)data, size, &bad) || memchr(data, 0, size))
		return 0;
	pr_arena_init(&arena);
	struct pr_str text = pr_arena_copy(&arena, pr_str_n((const char *)data, size));
	pr_source_init(&s, "body.html", text, 1, 1);
	if (pr_mailchimp_translate(&m, &s, &arena, &problems) == 0) {
		if (lines(s.text) != lines(text))
			abort();
		for (unsigned column = 1; column < 40; column++)
			(void)pr_source_column(&s, 1, column);
		render_alike(text, s.text, names);
	}
	pr_problems_finish(&problems);
	pr_arena_finish(&arena);
	return 0;
}
