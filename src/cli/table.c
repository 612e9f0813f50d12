/* Tables: aligned columns, two spaces apart; the last one is not padded. */
#include "cli.h"

#include <stdlib.h>

#define COLUMNS_MAX 12u

struct cli_table {
	char *heads[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
	unsigned columns, width[COLUMNS_MAX];
	char **cells;
	size_t n, cap;
};

static void
widen(struct cli_table *t, unsigned column, const char *text)
{
	unsigned width = cli_width(text);
	if (width > t->width[column])
		t->width[column] = width;
}

struct cli_table *
cli_table_create(const char *heads)
{
	struct cli_table *t = pr_calloc(1, sizeof *t);
	while (t->columns < COLUMNS_MAX) {
		size_t n = strcspn(heads, "\t");
		t->right[t->columns] = *heads == '>';
		t->heads[t->columns] = pr_strndup(heads + (*heads == '>'), n - (*heads == '>'));
		widen(t, t->columns, t->heads[t->columns]);
		t->columns++;
		if (!heads[n])
			break;
		heads += n + 1;
	}
	return t;
}

void
cli_table_add(struct cli_table *t, const char *cell)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cells = pr_realloc(t->cells, t->cap * sizeof *t->cells);
	}
	widen(t, (unsigned)(t->n % t->columns), cell);
	t->cells[t->n++] = pr_strdup(cell);
}

static void
print_cell(const struct cli_table *t, unsigned column, const char *text, FILE *to)
{
	unsigned width = cli_width(text);
	int gap = (int)(t->width[column] - width);
	bool last = column + 1 == t->columns;
	if (t->right[column])
		fprintf(to, "%*s%s", gap, "", text);
	else
		fprintf(to, "%s%*s", text, last ? 0 : gap, "");
	fputs(last ? "\n" : "  ", to);
}

static bool
has_heads(const struct cli_table *t)
{
	for (unsigned i = 0; i < t->columns; i++)
		if (t->heads[i][0])
			return true;
	return false;
}

void
cli_table_print(struct cli_table *t, FILE *to)
{
	bool heads = has_heads(t);
	for (unsigned i = 0; i < t->columns; i++) {
		if (heads)
			print_cell(t, i, t->heads[i], to);
		free(t->heads[i]);
	}
	for (size_t i = 0; i < t->n; i++) {
		print_cell(t, (unsigned)(i % t->columns), t->cells[i], to);
		free(t->cells[i]);
	}
	free(t->cells);
	free(t);
}
