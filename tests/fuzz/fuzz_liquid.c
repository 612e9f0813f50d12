/*
 * Any octets as a template: compiled in one of the four modes, rendered with data of
 * every type, small limits, and partials that are the source itself. What stands behind
 * the first NUL is the data (liquid_values.h); without one it is always the same. Nothing
 * may hang, overrun or leak; the result does not matter.
 */
#include "liquid_values.h"

static struct pr_str source_text;

static struct pr_str
partial(void *context, struct pr_str name)
{
	(void)context;
	if (name.n == 1 && name.p[0] == 'q')
		return PR_STR("{{ q }}{{ forloop.index }}{% break %}");
	return name.n == 1 && name.p[0] == 'p' ? source_text : (struct pr_str){0};
}

static struct pr_liquid_value
text(const char *s)
{
	return pr_liquid_string(pr_str(s));
}

static void
render(const pr_liquid *t, uint8_t flags, struct octets *data)
{
	static const struct pr_liquid_limits limits = {20000, 200000, 2000000, 12};
	struct pr_liquid_value pairs[4] = {
	    text("k"), text("v <b>"), text("n"), {.type = PR_LIQUID_INT, .i = -7}};
	struct pr_liquid_value list[5] = {{.type = PR_LIQUID_INT, .i = 3},
	                                  {.type = PR_LIQUID_FLOAT, .f = 2.5},
	                                  text("z\xC3\xA9"),
	                                  {.type = PR_LIQUID_HASH, .n = 2, .items = pairs},
	                                  {.type = PR_LIQUID_NIL}};
	struct pr_liquid_value values[6] = {
	    text("2024-02-29 10:20 +0200"),
	    {.type = PR_LIQUID_INT, .i = INT64_MIN},
	    {.type = PR_LIQUID_FLOAT, .f = 1e300},
	    {.type = PR_LIQUID_ARRAY, .n = 5, .items = list},
	    {.type = PR_LIQUID_HASH, .n = 2, .items = pairs},
	    text("bad \xFF\xC3 utf"),
	};
	struct pr_liquid_run run = {.values = values,
	                            .now_utc_ms = 1704067318000,
	                            .timezone = flags & 32 ? "Europe/Berlin" : NULL,
	                            .limits = &limits,
	                            .render_errors = flags & 16};
	struct pr_liquid_failure failure;
	struct pr_arena arena;
	struct pr_buf out = {0};
	pr_arena_init(&arena);
	for (unsigned i = 0; i < 6 && data->n; i++)
		values[i] = value_of(data, 0);
	pr_liquid_render(t, &run, &arena, &out, &failure);
	pr_buf_finish(&out);
	pr_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"s", "i", "f", "a", "h", "u", NULL};
	static const char *const partials[] = {"p", "q", NULL};
	if (size == 0)
		return 0;
	uint8_t flags = data[0];
	const uint8_t *end = memchr(data + 1, 0, size - 1);
	size_t n = end ? (size_t)(end - data) - 1 : size - 1;
	struct octets behind = {.p = data + 1 + n, .n = size - 1 - n};
	source_text = (struct pr_str){(const char *)data + 1, n};
	struct pr_liquid_source source = {
	    .text = source_text,
	    .file = "f",
	    .names = names,
	    .escape_html = flags & 4,
	    .markdown = flags & 128,
	    .forgiving = flags & 8,
	    .names_closed = flags & 64,
	    .mode = (enum pr_liquid_mode)(flags & 3),
	    .partial = partial,
	    .partial_names = partials,
	};
	struct pr_problems problems = {0};
	pr_liquid *t;
	if (pr_liquid_compile(&source, &problems, &t) == 0) {
		octet(&behind); /* the NUL */
		render(t, flags, &behind);
		pr_liquid_destroy(t);
	}
	octets_finish(&behind);
	pr_problems_finish(&problems);
	return 0;
}
