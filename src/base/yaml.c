/*
 * Sections by their schema: each pair of the document's map is matched to a row and read
 * by its type; what no pair set has its default afterwards. A problem never stops the
 * reading: all of them are told. Only the total of values is bounded, since aliases could
 * multiply them.
 */
#include "postrider/base/yaml.h"

#include "yaml_internal.h"

#include <stdio.h>

#define ROWS_MAX 64

static void read_section(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema,
                         const yaml_node_t *node, char *out);
static void set_defaults(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema, char *out);

static yaml_node_t *
node_at(struct pr_yaml_reader *r, int index)
{
	return yaml_document_get_node(r->document, index);
}

static unsigned
line_at(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

static unsigned
column_at(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.column + 1;
}

/* Append ".key" to the path; the length to go back to with leave. */
static size_t
enter(struct pr_yaml_reader *r, struct pr_str key)
{
	char shown[80];
	size_t before = r->path.len;
	pr_str_show(key, shown, sizeof shown);
	pr_buf_addf(&r->path, "%s%s", before ? "." : "", shown);
	return before;
}

static void
leave(struct pr_yaml_reader *r, size_t before)
{
	r->path.len = before;
	r->path.data[before] = 0;
}

/* ---- nodes as texts ---- */

static bool
is_null(const yaml_node_t *node)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp((const char *)node->data.scalar.value, words[i]) == 0)
			return true;
	return false;
}

/* The text of a scalar, and where its first character stands. */
static struct pr_text
text_of(struct pr_yaml_reader *r, const yaml_node_t *node)
{
	yaml_scalar_style_t style = node->data.scalar.style;
	bool quoted =
	    style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	size_t n = node->data.scalar.length;
	struct pr_text t = {.n = n, .line = line_at(node) + block};
	t.p = pr_arena_strndup(r->arena, (const char *)node->data.scalar.value, n);
	t.column = block ? 1 : column_at(node) + quoted;
	return t;
}

/* Counts towards the bound; tells once when it is passed. */
static bool
may_read(struct pr_yaml_reader *r, const yaml_node_t *node)
{
	if (r->values++ == PR_YAML_VALUES_MAX)
		pr_yaml_problem(r, line_at(node), column_at(node), "write fewer, without aliases",
		                "too many values in one file");
	return r->values <= PR_YAML_VALUES_MAX;
}

static const char *
kind_of(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE    ? "a section"
	       : node->type == YAML_SEQUENCE_NODE ? "a list"
	                                          : "a text";
}

static const char *
how_to_write(const char *wanted)
{
	return wanted[2] == 't'   ? "write one text behind the key, without brackets"
	       : wanted[2] == 'l' ? "write it like [one, two]"
	                          : "write its keys and values on lines below it, indented";
}

static void
wrong_kind(struct pr_yaml_reader *r, const yaml_node_t *node, const char *wanted)
{
	const char *remedy = how_to_write(wanted);
	/* `subject: {{ name }}` is a map in a map to YAML. */
	if (node->type == YAML_MAPPING_NODE && pr_yaml_line_has(r, line_at(node), "{{"))
		remedy = "put quotes around text that begins with {{";
	pr_yaml_problem(r, line_at(node), column_at(node), remedy, "%s: %s is wanted here, not %s",
	                r->path.len ? r->path.data : "a key", wanted, kind_of(node));
}

/* A text without NUL from a scalar; false when told why not. */
static bool
read_scalar(struct pr_yaml_reader *r, const yaml_node_t *node, struct pr_text *out)
{
	if (!may_read(r, node))
		return false;
	if (node->type != YAML_SCALAR_NODE) {
		wrong_kind(r, node, "a text");
		return false;
	}
	*out = text_of(r, node);
	if (!memchr(out->p, 0, out->n))
		return true;
	pr_yaml_problem(r, out->line, out->column, "take it out", "%s: a NUL character inside",
	                r->path.data);
	return false;
}

/* ---- types that hold others ---- */

static size_t
entries_max(const struct pr_yaml_row *row)
{
	return row->max > 0 ? (size_t)row->max : PR_YAML_ENTRIES_MAX;
}

static bool
too_many(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node, size_t n)
{
	if (n <= entries_max(row))
		return false;
	pr_yaml_problem(r, line_at(node), column_at(node), "take some out",
	                "%s: %zu entries, at most %zu may be", r->path.data, n, entries_max(row));
	return true;
}

static void
read_list(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
          struct pr_texts *out)
{
	bool many = node->type == YAML_SEQUENCE_NODE;
	const yaml_node_item_t *first = many ? node->data.sequence.items.start : NULL;
	size_t n = many ? (size_t)(node->data.sequence.items.top - first) : 1;
	if (node->type == YAML_MAPPING_NODE) {
		wrong_kind(r, node, "a list");
		return;
	}
	if (too_many(r, row, node, n))
		return;
	out->items = pr_arena_zero(r->arena, (n + 1) * sizeof *out->items);
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct pr_text t;
		if (read_scalar(r, many ? node_at(r, first[i]) : node, &t) &&
		    pr_yaml_check_text(r, row->flags | PR_YAML_NOT_EMPTY, &t))
			out->items[out->n++] = t;
	}
}

/* The key of a pair as a text, refused when it was there before. */
static bool
read_name(struct pr_yaml_reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair,
          struct pr_text *out)
{
	const yaml_node_t *key = node_at(r, pair->key);
	if (!read_scalar(r, key, out) ||
	    !pr_yaml_check_text(r, PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY, out))
		return false;
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *other = node_at(r, p->key);
		if (other->type != YAML_SCALAR_NODE ||
		    !pr_str_is(pr_text_str(out), (const char *)other->data.scalar.value))
			continue;
		pr_yaml_problem(r, out->line, out->column, "keep one of them",
		                "%s: \"%s\" is there twice, first on line %u", r->path.data, out->p,
		                line_at(other));
		return false;
	}
	return true;
}

static size_t
pairs_of(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node)
{
	if (node->type != YAML_MAPPING_NODE) {
		wrong_kind(r, node, "a section");
		return 0;
	}
	size_t n = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	return too_many(r, row, node, n) ? 0 : n;
}

static void
read_pairs(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
           struct pr_pairs *out)
{
	size_t n = pairs_of(r, row, node);
	out->items = pr_arena_zero(r->arena, (n + 1) * sizeof *out->items);
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		const yaml_node_pair_t *pair = node->data.mapping.pairs.start + i;
		struct pr_pair *p = &out->items[out->n];
		if (!read_name(r, node, pair, &p->name))
			continue;
		size_t before = enter(r, pr_text_str(&p->name));
		out->n += read_scalar(r, node_at(r, pair->value), &p->value) &&
		          pr_yaml_check_text(r, row->flags, &p->value);
		leave(r, before);
	}
}

/* `subject: {{ name }}` is a map in a map to YAML. */
static bool
is_liquid(struct pr_yaml_reader *r, const yaml_node_t *node)
{
	const yaml_node_pair_t *first = node->data.mapping.pairs.start;
	return first < node->data.mapping.pairs.top &&
	       node_at(r, first->key)->type == YAML_MAPPING_NODE;
}

static void
read_choice(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
            struct pr_choice *out)
{
	if (node->type == YAML_MAPPING_NODE && !is_liquid(r, node)) {
		read_pairs(r, row, node, &out->by);
		if (node->data.mapping.pairs.top == node->data.mapping.pairs.start)
			pr_yaml_problem(r, line_at(node), column_at(node),
			                "write it, or take the key out", "%s is empty",
			                r->path.data);
	} else if (read_scalar(r, node, &out->text) &&
	           !pr_yaml_check_text(r, row->flags, &out->text))
		out->text = (struct pr_text){0};
}

static void
read_named(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
           struct pr_yaml_array *out)
{
	size_t n = pairs_of(r, row, node);
	char *items = pr_arena_zero(r->arena, (n + 1) * row->schema->size), remedy[200];
	if (row->flags & PR_YAML_REQUIRED && node->type == YAML_MAPPING_NODE && n == 0) {
		snprintf(remedy, sizeof remedy, "add one, like %s",
		         row->example ? row->example : "...");
		pr_yaml_problem(r, line_at(node), column_at(node), remedy, "%s: there is none",
		                r->path.data);
	}
	out->items = items;
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		const yaml_node_pair_t *pair = node->data.mapping.pairs.start + i;
		char *item = items + out->n * row->schema->size;
		struct pr_text *name = (struct pr_text *)(void *)(item + row->schema->name_offset);
		if (!read_name(r, node, pair, name))
			continue;
		size_t before = enter(r, pr_text_str(name));
		read_section(r, row->schema, node_at(r, pair->value), item);
		leave(r, before);
		out->n++;
	}
}

static void
read_sections(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
              struct pr_yaml_array *out)
{
	bool many = node->type == YAML_SEQUENCE_NODE;
	const yaml_node_item_t *first = many ? node->data.sequence.items.start : NULL;
	size_t n = many ? (size_t)(node->data.sequence.items.top - first) : 1;
	if (too_many(r, row, node, n))
		return;
	out->items = pr_arena_zero(r->arena, (n + 1) * row->schema->size);
	for (out->n = 0; out->n < n; out->n++) {
		char number[24];
		snprintf(number, sizeof number, "%zu", out->n + 1);
		size_t before = enter(r, pr_str(number));
		read_section(r, row->schema, many ? node_at(r, first[out->n]) : node,
		             (char *)out->items + out->n * row->schema->size);
		leave(r, before);
	}
}

/* ---- a row ---- */

static void
not_available(struct pr_yaml_reader *r, const yaml_node_t *node, const char *what)
{
	pr_yaml_problem(r, line_at(node), column_at(node), "take it out",
	                "%s%s is not available yet", r->path.data, what);
}

static void
read_row(struct pr_yaml_reader *r, const struct pr_yaml_row *row, const yaml_node_t *node,
         char *field)
{
	struct pr_text text;
	if (!may_read(r, node))
		return;
	switch (row->type) {
	case PR_YAML_LATER: not_available(r, node, ""); return;
	case PR_YAML_LIST: read_list(r, row, node, (void *)field); return;
	case PR_YAML_PAIRS: read_pairs(r, row, node, (void *)field); return;
	case PR_YAML_CHOICE: read_choice(r, row, node, (void *)field); return;
	case PR_YAML_NAMED: read_named(r, row, node, (void *)field); return;
	case PR_YAML_SECTIONS: read_sections(r, row, node, (void *)field); return;
	case PR_YAML_SECTION: read_section(r, row->schema, node, field); return;
	default: break;
	}
	if (read_scalar(r, node, &text))
		pr_yaml_value(r, row, text, field);
}

static void
set_default(struct pr_yaml_reader *r, const struct pr_yaml_row *row, char *field)
{
	if (row->type == PR_YAML_SECTION)
		set_defaults(r, row->schema, field);
	else if (row->fallback && row->type == PR_YAML_TEXT)
		*(struct pr_text *)(void *)field =
		    (struct pr_text){.p = row->fallback, .n = strlen(row->fallback)};
	else if (row->fallback && row->type != PR_YAML_LATER)
		PR_ASSERT(pr_yaml_value(
		    r, row, (struct pr_text){.p = row->fallback, .n = strlen(row->fallback)},
		    field));
}

static void
set_defaults(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema, char *out)
{
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++)
		set_default(r, row, out + row->offset);
}

/* ---- a section ---- */

/* The section within that has the key, NULL when none: people put `window` beside `schedule`. */
static const char *
section_with(const struct pr_yaml_schema *schema, struct pr_str key)
{
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++)
		for (size_t i = 0; row->type == PR_YAML_SECTION && row->schema->rows[i].key; i++)
			if (pr_str_is(key, row->schema->rows[i].key))
				return row->key;
	return NULL;
}

static void
suggest_key(const struct pr_yaml_schema *schema, struct pr_str key, struct pr_buf *remedy)
{
	const char *known[ROWS_MAX + 1], *section = section_with(schema, key), *near = NULL;
	size_t n = 0;
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++)
		known[n++] = row->key;
	known[n] = NULL;
	if (section)
		pr_buf_addf(remedy, "it belongs into the section \"%s\"", section);
	else if ((near = pr_nearest(key, known)))
		pr_buf_addf(remedy, "did you mean \"%s\"?", near);
	else
		pr_buf_adds(remedy, "known keys:");
	for (const struct pr_yaml_row *row = schema->rows; !section && !near && row->key; row++)
		if (row->type != PR_YAML_LATER)
			pr_buf_addf(remedy, " %s", row->key);
}

static void
unknown_key(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema, const yaml_node_t *node,
            struct pr_str key)
{
	char shown[80];
	struct pr_buf remedy = {0};
	if (pr_str_is(key, "<<")) {
		pr_yaml_problem(r, line_at(node), column_at(node), "write the keys out",
		                "merge keys (<<) are not used here");
		return;
	}
	suggest_key(schema, key, &remedy);
	pr_str_show(key, shown, sizeof shown);
	pr_yaml_problem(r, line_at(node), column_at(node), remedy.data, "unknown key \"%s\"%s%s",
	                shown, r->path.len ? " in " : "", r->path.len ? r->path.data : "");
	pr_buf_finish(&remedy);
}

static void
missing(struct pr_yaml_reader *r, const struct pr_yaml_row *row, unsigned line, unsigned column)
{
	char remedy[200];
	size_t before = enter(r, pr_str(row->key));
	snprintf(remedy, sizeof remedy, "add %s: %s", row->key,
	         row->example ? row->example : "...");
	pr_yaml_problem(r, line, column, remedy, "%s is missing", r->path.data);
	leave(r, before);
}

/* One pair of a section: marks its row in *seen, and in *set when it had a value. */
static void
read_pair(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema,
          const yaml_node_pair_t *pair, unsigned lines[ROWS_MAX], bool set[ROWS_MAX], char *out)
{
	const yaml_node_t *key = node_at(r, pair->key), *value = node_at(r, pair->value);
	const struct pr_yaml_row *row = schema->rows;
	struct pr_text name;
	if (!read_scalar(r, key, &name))
		return;
	while (row->key && !pr_str_is(pr_text_str(&name), row->key))
		row++;
	if (!row->key) {
		unknown_key(r, schema, key, pr_text_str(&name));
		return;
	}
	size_t i = (size_t)(row - schema->rows), before = enter(r, pr_str(row->key));
	if (lines[i])
		pr_yaml_problem(r, line_at(key), column_at(key), "keep one of them",
		                "%s is there twice, first on line %u", r->path.data, lines[i]);
	else if (!is_null(value)) {
		set[i] = true;
		if (row->at)
			*(struct pr_text *)(void *)(out + row->at) =
			    (struct pr_text){.line = line_at(value), .column = column_at(value)};
		read_row(r, row, value, out + row->offset);
	}
	if (!lines[i])
		lines[i] = line_at(key);
	leave(r, before);
}

static void
read_map(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema, const yaml_node_t *node,
         char *out)
{
	unsigned lines[ROWS_MAX] = {0};
	bool set[ROWS_MAX] = {0};
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	for (; pair < node->data.mapping.pairs.top; pair++)
		read_pair(r, schema, pair, lines, set, out);
	for (size_t i = 0; schema->rows[i].key; i++) {
		const struct pr_yaml_row *row = &schema->rows[i];
		if (row->flags & PR_YAML_REQUIRED && !set[i])
			missing(r, row, lines[i] ? lines[i] : line_at(node),
			        lines[i] ? 0 : column_at(node));
	}
}

/* A text where a section may be: the value of the row scalar_key. */
static void
read_short_form(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema,
                const yaml_node_t *node, char *out)
{
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++)
		if (strcmp(row->key, schema->scalar_key) == 0)
			read_row(r, row, node, out + row->offset);
}

static void
read_section(struct pr_yaml_reader *r, const struct pr_yaml_schema *schema, const yaml_node_t *node,
             char *out)
{
	size_t rows = 0;
	while (schema->rows[rows].key)
		rows++;
	PR_ASSERT(rows <= ROWS_MAX);
	set_defaults(r, schema, out);
	if (!may_read(r, node))
		return;
	if (node->type == YAML_MAPPING_NODE)
		read_map(r, schema, node, out);
	else if (node->type == YAML_SCALAR_NODE && schema->scalar_key && !is_null(node))
		read_short_form(r, schema, node, out);
	else
		wrong_kind(r, node, "a section");
}

/* ---- the whole ---- */

int
pr_yaml_read(struct pr_str text, const char *file, const struct pr_yaml_schema *schema,
             struct pr_arena *arena, void *out, struct pr_problems *problems)
{
	yaml_document_t document;
	struct pr_yaml_reader r = {
	    .text = text, .file = file, .problems = problems, .arena = arena};
	memset(out, 0, schema->size);
	pr_buf_addc(&r.path, 0);
	pr_buf_clear(&r.path);
	if (!pr_yaml_load(&r, &document))
		set_defaults(&r, schema, out);
	else {
		r.document = &document;
		const yaml_node_t *root = yaml_document_get_root_node(&document);
		if (root && root->type == YAML_MAPPING_NODE)
			read_section(&r, schema, root, out);
		else {
			set_defaults(&r, schema, out);
			pr_yaml_problem(&r, root ? line_at(root) : 0, 1,
			                "write lines like  key: value", "no keys and values");
		}
		yaml_document_delete(&document);
	}
	pr_buf_finish(&r.path);
	return r.failed ? PR_EINVAL : 0;
}

int
pr_text_problem(struct pr_problems *problems, const char *file, const struct pr_text *at,
                const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	struct pr_problem *p =
	    pr_problem_add(problems, PR_PROBLEM, file, at->line, remedy, "%s", what.data);
	if (p)
		p->column = at->column;
	pr_buf_finish(&what);
	return PR_EINVAL;
}
