/*
 * Walks over a schema: what differs between two results of it (for reloads; values are
 * compared by their types, entries of free names are matched by name), and its rows by
 * their paths.
 */
#include "yaml_internal.h"

#include "postrider/base/clock.h"

struct diff {
	struct pr_buf path;
	void (*each)(void *context, const char *path, const struct pr_yaml_row *row);
	void *context;
};

static void diff_section(struct diff *d, const struct pr_yaml_schema *schema, const char *a,
                         const char *b);

static bool
same_text(const struct pr_text *a, const struct pr_text *b)
{
	return (a->p == NULL) == (b->p == NULL) && pr_str_eq(pr_text_str(a), pr_text_str(b));
}

static bool
same_list(const struct pr_texts *a, const struct pr_texts *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = same_text(&a->items[i], &b->items[i]);
	return same;
}

static bool
same_pairs(const struct pr_pairs *a, const struct pr_pairs *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = same_text(&a->items[i].name, &b->items[i].name) &&
		       same_text(&a->items[i].value, &b->items[i].value);
	return same;
}

static bool
same_choice(const struct pr_choice *a, const struct pr_choice *b)
{
	return same_text(&a->text, &b->text) && same_pairs(&a->by, &b->by);
}

static size_t
plain_size(const struct pr_yaml_row *row)
{
	switch (row->type) {
	case PR_YAML_BOOL: return sizeof(bool);
	case PR_YAML_ENUM: return sizeof(int);
	case PR_YAML_RATE: return sizeof(struct pr_rate);
	case PR_YAML_PARSED: return row->size;
	case PR_YAML_LATER: return 0;
	default: return sizeof(int64_t); /* numbers, sizes, durations, shares */
	}
}

static bool
same_value(const struct pr_yaml_row *row, const char *a, const char *b)
{
	switch (row->type) {
	case PR_YAML_TEXT: return same_text((const void *)a, (const void *)b);
	case PR_YAML_LIST: return same_list((const void *)a, (const void *)b);
	case PR_YAML_PAIRS: return same_pairs((const void *)a, (const void *)b);
	case PR_YAML_CHOICE: return same_choice((const void *)a, (const void *)b);
	default: return memcmp(a, b, plain_size(row)) == 0;
	}
}

static size_t
enter(struct diff *d, struct pr_str key)
{
	size_t before = d->path.len;
	if (before)
		pr_buf_addc(&d->path, '.');
	pr_buf_add_str(&d->path, key);
	return before;
}

static void
leave(struct diff *d, size_t before)
{
	d->path.len = before;
	d->path.data[before] = 0;
}

static const struct pr_text *
name_of(const struct pr_yaml_row *row, const char *item)
{
	return (const void *)(item + row->schema->name_offset);
}

static const char *
find_item(const struct pr_yaml_row *row, const struct pr_yaml_array *in, const struct pr_text *name)
{
	for (size_t i = 0; i < in->n; i++) {
		const char *item = (const char *)in->items + i * row->schema->size;
		if (same_text(name_of(row, item), name))
			return item;
	}
	return NULL;
}

/* Entries of `from`: compared with their like in `other`, or only missed there. */
static void
diff_named(struct diff *d, const struct pr_yaml_row *row, const struct pr_yaml_array *from,
           const struct pr_yaml_array *other, bool compare)
{
	for (size_t i = 0; i < from->n; i++) {
		const char *item = (const char *)from->items + i * row->schema->size;
		const char *like = find_item(row, other, name_of(row, item));
		size_t before = enter(d, pr_text_str(name_of(row, item)));
		if (!like)
			d->each(d->context, d->path.data, row);
		else if (compare)
			diff_section(d, row->schema, item, like);
		leave(d, before);
	}
}

static void
note_difference(void *context, const char *path, const struct pr_yaml_row *row)
{
	(void)path, (void)row;
	*(bool *)context = true;
}

/* Entries have no names: they are the same, one by one, or the list differs. */
static bool
same_sections(const struct pr_yaml_row *row, const struct pr_yaml_array *a,
              const struct pr_yaml_array *b)
{
	bool differs = a->n != b->n;
	for (size_t i = 0; !differs && i < a->n; i++)
		pr_yaml_diff(row->schema, (const char *)a->items + i * row->schema->size,
		             (const char *)b->items + i * row->schema->size, note_difference,
		             &differs);
	return !differs;
}

static void
diff_section(struct diff *d, const struct pr_yaml_schema *schema, const char *a, const char *b)
{
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++) {
		const char *x = a + row->offset, *y = b + row->offset;
		size_t before = enter(d, pr_str(row->key));
		if (row->type == PR_YAML_SECTION)
			diff_section(d, row->schema, x, y);
		else if (row->type == PR_YAML_NAMED) {
			diff_named(d, row, (const void *)x, (const void *)y, true);
			diff_named(d, row, (const void *)y, (const void *)x, false);
		} else if (row->type == PR_YAML_SECTIONS
		               ? !same_sections(row, (const void *)x, (const void *)y)
		               : !same_value(row, x, y))
			d->each(d->context, d->path.data, row);
		leave(d, before);
	}
}

void
pr_yaml_diff(const struct pr_yaml_schema *schema, const void *a, const void *b,
             void (*each)(void *context, const char *path, const struct pr_yaml_row *row),
             void *context)
{
	struct diff d = {.each = each, .context = context};
	diff_section(&d, schema, a, b);
	pr_buf_finish(&d.path);
}

/* ---- rows by their paths ---- */

static void
each_row(const struct pr_yaml_schema *schema, struct pr_buf *path,
         void (*each)(void *, const char *, const struct pr_yaml_row *), void *context)
{
	for (const struct pr_yaml_row *row = schema->rows; row->key; row++) {
		size_t before = path->len;
		pr_buf_addf(path, "%s%s", before ? "." : "", row->key);
		each(context, path->data, row);
		if (row->type == PR_YAML_NAMED || row->type == PR_YAML_SECTIONS)
			pr_buf_adds(path, ".*");
		if (row->schema)
			each_row(row->schema, path, each, context);
		path->len = before;
		path->data[before] = 0;
	}
}

void
pr_yaml_each_row(const struct pr_yaml_schema *schema,
                 void (*each)(void *context, const char *path, const struct pr_yaml_row *row),
                 void *context)
{
	struct pr_buf path = {0};
	each_row(schema, &path, each, context);
	pr_buf_finish(&path);
}
