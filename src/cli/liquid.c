/*
 * `postrider liquid --jsonl`: {"template","data","partials","mode",...} a line in,
 * {"output"} or {"error":{"message","line","column"},"output"} a line out, in order. A
 * line that is no such object is answered with an error; only the end of the input, or of
 * the reader, ends the filter.
 */
#include "cli_filters.h"

#include "postrider/base/clock.h"
#include "postrider/liquid.h"

#include <jansson.h>
#include <stdlib.h>

#define DEPTH_MAX 200 /* of data; jansson itself stops at 2048 */

/* What the template may ask for while one line is answered. */
struct request {
	json_t *in;
	json_t *partials;
	const char **names; /* of the data */
	const char **partial_names;
	struct pr_liquid_value *values;
	struct pr_arena arena;
};

static struct pr_liquid_value to_value(struct pr_arena *a, const json_t *json, unsigned depth);

static struct pr_liquid_value
to_array(struct pr_arena *a, const json_t *json, unsigned depth)
{
	size_t n = json_array_size(json);
	struct pr_liquid_value *items = pr_arena_alloc(a, n * sizeof *items);
	struct pr_liquid_value v = {.type = PR_LIQUID_ARRAY, .n = (uint32_t)n};
	for (size_t i = 0; i < n; i++)
		items[i] = to_value(a, json_array_get(json, i), depth + 1);
	v.items = items;
	return v;
}

static struct pr_liquid_value
to_hash(struct pr_arena *a, json_t *json, unsigned depth)
{
	size_t n = json_object_size(json), i = 0;
	struct pr_liquid_value *items = pr_arena_alloc(a, 2 * n * sizeof *items);
	struct pr_liquid_value v = {.type = PR_LIQUID_HASH, .n = (uint32_t)n};
	for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at)) {
		items[i++] = pr_liquid_string(pr_str(json_object_iter_key(at)));
		items[i++] = to_value(a, json_object_iter_value(at), depth + 1);
	}
	v.items = items;
	return v;
}

static struct pr_liquid_value
to_value(struct pr_arena *a, const json_t *json, unsigned depth)
{
	struct pr_liquid_value v = {.type = PR_LIQUID_NIL};
	if (depth > DEPTH_MAX)
		return v;
	switch (json_typeof(json)) {
	case JSON_ARRAY: return to_array(a, json, depth);
	case JSON_OBJECT: return to_hash(a, (json_t *)(uintptr_t)json, depth);
	case JSON_STRING:
		return pr_liquid_string(
		    (struct pr_str){json_string_value(json), json_string_length(json)});
	case JSON_INTEGER:
		v.type = PR_LIQUID_INT;
		v.i = json_integer_value(json);
		return v;
	case JSON_REAL:
		v.type = PR_LIQUID_FLOAT;
		v.f = json_real_value(json);
		return v;
	case JSON_TRUE:
	case JSON_FALSE:
		v.type = PR_LIQUID_BOOL;
		v.i = json_is_true(json);
		return v;
	default: return v;
	}
}

static struct pr_str
bare_name(struct pr_str name)
{
	if (pr_str_ends(name, ".liquid"))
		name.n -= 7;
	return name;
}

/* Names of partials match in any case and with or without their ending. */
static struct pr_str
find_partial(void *context, struct pr_str name)
{
	json_t *partials = context;
	for (void *at = json_object_iter(partials); at; at = json_object_iter_next(partials, at)) {
		json_t *text = json_object_iter_value(at);
		struct pr_str key = bare_name(pr_str(json_object_iter_key(at)));
		if (json_is_string(text) && pr_str_eq_nocase(key, bare_name(name)))
			return (struct pr_str){json_string_value(text), json_string_length(text)};
	}
	return (struct pr_str){0};
}

static const char **
keys_of(struct request *r, json_t *object)
{
	const char **keys =
	    pr_arena_alloc(&r->arena, (json_object_size(object) + 1) * sizeof *keys);
	size_t n = 0;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		keys[n++] = json_object_iter_key(at);
	keys[n] = NULL;
	return keys;
}

static void
bind_data(struct request *r)
{
	json_t *data = json_object_get(r->in, "data");
	size_t n = 0;
	if (!json_is_object(data))
		data = NULL;
	r->names = keys_of(r, data);
	r->values = pr_arena_alloc(&r->arena, (json_object_size(data) + 1) * sizeof *r->values);
	for (void *at = json_object_iter(data); at; at = json_object_iter_next(data, at))
		r->values[n++] = to_value(&r->arena, json_object_iter_value(at), 0);
	r->partials = json_object_get(r->in, "partials");
	r->partial_names = keys_of(r, r->partials);
}

static enum pr_liquid_mode
mode_of(const json_t *in)
{
	const char *word = json_string_value(json_object_get(in, "mode"));
	struct pr_str mode = pr_str(word ? word : "");
	if (pr_str_is(mode, "lax") || pr_str_is(mode, "warn"))
		return PR_LIQUID_LAX;
	if (pr_str_is(mode, "strict"))
		return PR_LIQUID_STRICT;
	return pr_str_is(mode, "strict2") ? PR_LIQUID_STRICT2 : PR_LIQUID_OURS;
}

static bool
two_digits(const char *p, int *value)
{
	*value = (p[0] - '0') * 10 + (p[1] - '0');
	return pr_is_digit(p[0]) && pr_is_digit(p[1]);
}

/* "2024-01-01T00:01:58Z"; the present where it is left out or odd. */
static int64_t
now_of(const json_t *in)
{
	const char *s = json_string_value(json_object_get(in, "now"));
	int century, year, month, day, hour, minute, second;
	if (!s || strlen(s) < 19 || !two_digits(s, &century) || !two_digits(s + 2, &year) ||
	    !two_digits(s + 5, &month) || !two_digits(s + 8, &day) || !two_digits(s + 11, &hour) ||
	    !two_digits(s + 14, &minute) || !two_digits(s + 17, &second))
		return pr_utc_ms();
	int64_t y = century * 100 + year - (month <= 2);
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + doy - 719468;
	return (((days * 24 + hour) * 60 + minute) * 60 + second) * PR_SECOND_MS;
}

static void
limit(const json_t *limits, const char *key, uint64_t *value)
{
	json_int_t given = json_integer_value(json_object_get(limits, key));
	if (given > 0 && (uint64_t)given < *value)
		*value = (uint64_t)given;
}

/* Our names, and those of Ruby's resource limits. */
static struct pr_liquid_limits
limits_of(const json_t *in)
{
	struct pr_liquid_limits l = pr_liquid_limits_default;
	const json_t *given = json_object_get(in, "limits");
	uint64_t output = l.output, memory = l.memory, nesting = l.nesting;
	limit(given, "steps", &l.steps);
	limit(given, "render_score_limit", &l.steps);
	limit(given, "output", &output);
	limit(given, "render_length_limit", &output);
	limit(given, "memory", &memory);
	limit(given, "assign_score_limit", &memory);
	limit(given, "nesting", &nesting);
	l.output = output;
	l.memory = memory;
	l.nesting = (unsigned)nesting;
	return l;
}

static json_t *
text_or_replaced(const char *p, size_t n)
{
	json_t *text = json_stringn(p, n);
	if (text)
		return text;
	struct pr_buf b = {0};
	pr_buf_add_json(&b, (struct pr_str){p, n}); /* what is no UTF-8 becomes U+FFFD */
	text = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	pr_buf_finish(&b);
	return text;
}

static json_t *
error_answer(const char *message, unsigned line, unsigned column, const struct pr_buf *output)
{
	struct pr_str so_far = output ? pr_buf_str(output) : PR_STR("");
	return json_pack("{s:{s:o,s:i,s:i},s:o}", "error", "message",
	                 text_or_replaced(message, strlen(message)), "line", (int)line, "column",
	                 (int)column, "output", text_or_replaced(so_far.p, so_far.n));
}

static json_t *
compile_answer(const struct pr_problems *problems)
{
	char message[700];
	for (unsigned i = 0; i < problems->n; i++) {
		const struct pr_problem *p = &problems->items[i];
		if (p->severity != PR_PROBLEM)
			continue;
		snprintf(message, sizeof message, "Liquid syntax error (line %u): %s", p->line,
		         p->what);
		return error_answer(message, p->line, p->column, NULL);
	}
	return error_answer("Liquid syntax error", 0, 0, NULL);
}

static json_t *
render(struct request *r, const pr_liquid *t)
{
	struct pr_liquid_limits limits = limits_of(r->in);
	struct pr_liquid_run run = {
	    .values = r->values,
	    .now_utc_ms = now_of(r->in),
	    .timezone = json_string_value(json_object_get(r->in, "tz")),
	    .limits = &limits,
	    .render_errors = json_is_true(json_object_get(r->in, "render_errors")),
	};
	struct pr_liquid_failure failure = {0};
	struct pr_arena arena;
	struct pr_buf output = {0};
	pr_arena_init(&arena);
	json_t *answer;
	if (pr_liquid_render(t, &run, &arena, &output, &failure) < 0) {
		answer = error_answer(failure.error.text, failure.line, failure.column, &output);
	} else {
		struct pr_str s = pr_buf_str(&output);
		answer = json_pack("{s:o}", "output", text_or_replaced(s.p, s.n));
	}
	pr_buf_finish(&output);
	pr_arena_finish(&arena);
	return answer;
}

static json_t *
answer_request(struct request *r)
{
	json_t *template = json_object_get(r->in, "template"), *answer;
	struct pr_problems problems = {0};
	pr_liquid *t;
	if (!json_is_string(template))
		return error_answer("\"template\" must be a text", 0, 0, NULL);
	bind_data(r);
	struct pr_liquid_source source = {
	    .text = {json_string_value(template), json_string_length(template)},
	    .names = r->names,
	    .forgiving = true,
	    .mode = mode_of(r->in),
	    .partial = find_partial,
	    .context = r->partials,
	    .partial_names = r->partial_names,
	    .partial_missing = json_string_value(json_object_get(r->in, "partials_error")),
	};
	if (pr_liquid_compile(&source, &problems, &t) < 0) {
		answer = compile_answer(&problems);
	} else {
		answer = render(r, t);
		pr_liquid_destroy(t);
	}
	pr_problems_finish(&problems);
	return answer;
}

static json_t *
answer_line(const char *line, size_t n)
{
	struct request r = {0};
	json_error_t why;
	json_t *answer;
	pr_arena_init(&r.arena);
	r.in = json_loadb(line, n, JSON_ALLOW_NUL, &why);
	if (!json_is_object(r.in))
		answer =
		    error_answer(r.in ? "the line is not a JSON object" : why.text, 0, 0, NULL);
	else
		answer = answer_request(&r);
	json_decref(r.in);
	pr_arena_finish(&r.arena);
	return answer;
}

int
pr_cli_liquid(FILE *in, FILE *out)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool ok = true;
	while (ok && (n = getline(&line, &cap, in)) > 0) {
		json_t *answer = answer_line(line, (size_t)n);
		ok = answer && json_dumpf(answer, out, JSON_COMPACT) == 0 &&
		     putc('\n', out) != EOF && fflush(out) == 0;
		json_decref(answer);
	}
	free(line);
	return ok && !ferror(in) ? 0 : 1;
}
