/*
 * The Liquid room by itself: one template parsed once, orders rendered one after the other.
 *
 *   liquid_bench TEMPLATE ORDERS print          all outputs, as JSON
 *   liquid_bench TEMPLATE ORDERS WHAT SECONDS   renders a second of CPU
 *
 * WHAT is `render`, `escape` (the same with autoescape) or `copy` (memcpy of the outputs
 * rendered before); -warm behind it means always the same output buffer, otherwise they take
 * turns, more of them than a cache holds: a daemon's messages are long gone to the kernel
 * before a buffer comes back.
 */
#include "postrider/base/file.h"
#include "postrider/liquid.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BUFFERS 512u
#define BUFFER_SIZE 16384u

struct bench {
	pr_liquid *template;
	const char **names;
	struct pr_liquid_value **orders; /* one value for each of names */
	struct pr_buf *outputs;          /* of each order, to copy */
	size_t n_names, n_orders;
	struct pr_arena data, arena;
	struct pr_buf buffers[BUFFERS];
	unsigned n_buffers, buffer;
};

static void
die(const char *what)
{
	fprintf(stderr, "liquid_bench: %s\n", what);
	exit(1);
}

static struct pr_liquid_value
text_value(struct bench *b, const char *text, size_t n)
{
	return pr_liquid_string(pr_arena_copy(&b->data, (struct pr_str){text, n}));
}

static struct pr_liquid_value value_of(struct bench *b, json_t *j);

static struct pr_liquid_value
list_value(struct bench *b, json_t *j)
{
	size_t n = json_array_size(j);
	struct pr_liquid_value v = {.type = PR_LIQUID_ARRAY, .n = (uint32_t)n};
	struct pr_liquid_value *items = pr_arena_alloc(&b->data, (n + 1) * sizeof *items);
	for (size_t i = 0; i < n; i++)
		items[i] = value_of(b, json_array_get(j, i));
	v.items = items;
	return v;
}

static struct pr_liquid_value
hash_value(struct bench *b, json_t *j)
{
	size_t n = json_object_size(j), at = 0;
	struct pr_liquid_value v = {.type = PR_LIQUID_HASH, .n = (uint32_t)n};
	struct pr_liquid_value *items = pr_arena_alloc(&b->data, (2 * n + 1) * sizeof *items);
	const char *key;
	json_t *value;
	json_object_foreach(j, key, value)
	{
		items[at++] = text_value(b, key, strlen(key));
		items[at++] = value_of(b, value);
	}
	v.items = items;
	return v;
}

static struct pr_liquid_value
value_of(struct bench *b, json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_STRING: return text_value(b, json_string_value(j), json_string_length(j));
	case JSON_INTEGER:
		return (struct pr_liquid_value){.type = PR_LIQUID_INT, .i = json_integer_value(j)};
	case JSON_REAL:
		return (struct pr_liquid_value){.type = PR_LIQUID_FLOAT, .f = json_real_value(j)};
	case JSON_TRUE:
	case JSON_FALSE:
		return (struct pr_liquid_value){.type = PR_LIQUID_BOOL, .i = json_is_true(j)};
	case JSON_ARRAY: return list_value(b, j);
	case JSON_OBJECT: return hash_value(b, j);
	default: return (struct pr_liquid_value){.type = PR_LIQUID_NIL};
	}
}

/* All orders have the same names: those of the first. */
static void
load_orders(struct bench *b, const char *path)
{
	json_error_t error;
	json_t *list = json_load_file(path, 0, &error), *first = json_array_get(list, 0), *value;
	const char *key;
	if (!json_is_object(first))
		die("no orders");
	b->n_orders = json_array_size(list);
	b->orders = calloc(b->n_orders, sizeof *b->orders);
	b->outputs = calloc(b->n_orders, sizeof *b->outputs);
	b->names = calloc(json_object_size(first) + 1, sizeof *b->names);
	json_object_foreach(first, key, value) b->names[b->n_names++] =
	    pr_arena_strndup(&b->data, key, strlen(key));
	for (size_t i = 0; i < b->n_orders; i++) {
		b->orders[i] = pr_arena_alloc(&b->data, b->n_names * sizeof **b->orders);
		for (size_t k = 0; k < b->n_names; k++)
			b->orders[i][k] =
			    value_of(b, json_object_get(json_array_get(list, i), b->names[k]));
	}
	json_decref(list);
}

static void
compile(struct bench *b, const char *path, bool escape)
{
	struct pr_problems problems = {0};
	struct pr_buf text = {0};
	if (pr_file_read(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		die("no template");
	struct pr_liquid_source source = {.text = pr_buf_str(&text),
	                                  .file = path,
	                                  .names = b->names,
	                                  .escape_html = escape,
	                                  .names_closed = true};
	int result = pr_liquid_compile(&source, &problems, &b->template);
	for (unsigned i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.items[i].what);
	if (result < 0)
		die("the template does not compile");
	pr_problems_finish(&problems);
	pr_buf_finish(&text);
}

static void
render(struct bench *b, size_t order, struct pr_buf *out)
{
	struct pr_liquid_run run = {
	    .values = b->orders[order], .now_utc_ms = 1772617200000, .random_seed = order};
	pr_arena_reset(&b->arena);
	pr_buf_clear(out);
	if (pr_liquid_render(b->template, &run, &b->arena, out, NULL) < 0)
		die("an order does not render");
}

static void
copy(struct bench *b, size_t order, struct pr_buf *out)
{
	pr_buf_clear(out);
	pr_buf_add_str(out, pr_buf_str(&b->outputs[order]));
}

static void
print(struct bench *b)
{
	json_t *list = json_array();
	for (size_t i = 0; i < b->n_orders; i++)
		json_array_append_new(list, json_stringn(b->outputs[i].data, b->outputs[i].len));
	json_dumpf(list, stdout, JSON_ENSURE_ASCII);
	json_decref(list);
}

static double
cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is called for each order, its rate a second. */
static double
measure(struct bench *b, void (*what)(struct bench *, size_t, struct pr_buf *), double seconds)
{
	double from = cpu(), took;
	size_t n = 0;
	do {
		for (size_t i = 0; i < b->n_orders; i++) {
			what(b, i, &b->buffers[b->buffer]);
			b->buffer = (b->buffer + 1) % b->n_buffers;
		}
		n += b->n_orders;
		took = cpu() - from;
	} while (took < seconds);
	return (double)n / took;
}

static void
finish(struct bench *b)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		pr_buf_finish(&b->buffers[i]);
	for (size_t i = 0; i < b->n_orders; i++)
		pr_buf_finish(&b->outputs[i]);
	free(b->names);
	free(b->orders);
	free(b->outputs);
	pr_arena_finish(&b->arena);
	pr_arena_finish(&b->data);
	pr_liquid_destroy(b->template);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	if (argc < 4)
		die("TEMPLATE ORDERS WHAT [SECONDS]");
	double seconds = argc > 4 ? atof(argv[4]) : 1;
	load_orders(&b, argv[2]);
	compile(&b, argv[1], strncmp(argv[3], "escape", 6) == 0);
	b.n_buffers = strstr(argv[3], "-warm") ? 1 : BUFFERS;
	for (size_t i = 0; i < b.n_orders; i++)
		render(&b, i, &b.outputs[i]);
	for (unsigned i = 0; i < BUFFERS; i++)
		pr_buf_grow(&b.buffers[i], BUFFER_SIZE - 1);
	if (strcmp(argv[3], "print") == 0) {
		print(&b);
	} else {
		void (*what)(struct bench *, size_t, struct pr_buf *) =
		    strncmp(argv[3], "copy", 4) == 0 ? copy : render;
		measure(&b, what, seconds / 4);
		printf("%.1f\n", measure(&b, what, seconds));
	}
	finish(&b);
	return 0;
}
