/*
 * From octets to a libyaml document, guarded.
 *
 * Before libyaml builds anything the text is measured, checked to be UTF-8, and gone through
 * once event by event: depth, number of values, tags and further documents are refused
 * there, so that what the composer builds is bounded. Syntax errors are told in the words
 * of people who write campaigns, with the line shown.
 */
#include "yaml_internal.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdlib.h>

#define EXCERPT_MAX 200

static unsigned
line_of(struct pr_str text, size_t at)
{
	unsigned line = 1;
	for (size_t i = 0; i < at && i < text.n; i++)
		line += text.p[i] == '\n';
	return line;
}

/* The line by its number, without its end. */
static struct pr_str
find_line(struct pr_str text, unsigned line)
{
	const char *p = text.p, *end = text.p + text.n;
	for (const char *next; line > 1 && (next = memchr(p, '\n', (size_t)(end - p))); line--)
		p = next + 1;
	if (line > 1)
		return pr_str_n(end, 0);
	const char *stop = memchr(p, '\n', (size_t)(end - p));
	struct pr_str found = pr_str_n(p, (size_t)((stop ? stop : end) - p));
	while (found.n && pr_is_space(found.p[found.n - 1]))
		found.n--;
	return found;
}

static char *
excerpt_of(struct pr_str line)
{
	char shown[EXCERPT_MAX], *copy;
	size_t n = line.n < sizeof shown ? line.n : sizeof shown - 1;
	for (size_t i = 0; i < n; i++)
		shown[i] = line.p[i] == '\t' ? ' ' : line.p[i];
	copy = pr_alloc(EXCERPT_MAX);
	return pr_str_show(pr_str_n(shown, n), copy, EXCERPT_MAX);
}

void
pr_yaml_problem(struct pr_yaml_reader *r, unsigned line, unsigned column, const char *remedy,
                const char *format, ...)
{
	va_list ap;
	struct pr_buf what = {0};
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	struct pr_problem *p =
	    pr_problem_add(r->problems, PR_PROBLEM, r->file, line, remedy, "%s", what.data);
	struct pr_str excerpt = line ? find_line(r->text, line) : (struct pr_str){0};
	if (p && excerpt.n) {
		p->column = column;
		p->excerpt = excerpt_of(excerpt);
	}
	pr_buf_finish(&what);
	r->failed = true;
}

static void
problem_at(struct pr_yaml_reader *r, yaml_mark_t at, const char *remedy, const char *what)
{
	pr_yaml_problem(r, (unsigned)at.line + 1, (unsigned)at.column + 1, remedy, "%s", what);
}

static int
by_line(const void *a, const void *b)
{
	const struct pr_problem *x = a, *y = b;
	if (x->line != y->line) /* about no line: last */
		return x->line - 1 < y->line - 1 ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

void
pr_yaml_arrange(struct pr_str text, const char *file, struct pr_problems *problems, unsigned from)
{
	for (unsigned i = from; i < problems->n; i++) {
		struct pr_problem *p = &problems->items[i];
		struct pr_str line = p->line ? find_line(text, p->line) : (struct pr_str){0};
		if (!p->excerpt && line.n && strcmp(p->file, file) == 0)
			p->excerpt = excerpt_of(line);
	}
	if (problems->n > from)
		qsort(problems->items + from, problems->n - from, sizeof *problems->items, by_line);
}

/* ---- the text as a whole ---- */

static bool
check_octets(struct pr_yaml_reader *r)
{
	size_t bad;
	const char *nul = memchr(r->text.p, 0, r->text.n);
	if (r->text.n > PR_YAML_SIZE_MAX) {
		pr_yaml_problem(r, 0, 0, "take out what does not belong into it",
		                "larger than %u octets", PR_YAML_SIZE_MAX);
		return false;
	}
	if (!pr_utf8_valid(r->text.p, r->text.n, &bad)) {
		pr_yaml_problem(r, line_of(r->text, bad), 0, "save the file as UTF-8",
		                "not valid UTF-8");
		return false;
	}
	if (nul)
		pr_yaml_problem(r, line_of(r->text, (size_t)(nul - r->text.p)), 0,
		                "save the file as UTF-8 text", "a NUL octet");
	return !nul;
}

/* ---- syntax errors ---- */

bool
pr_yaml_line_has(struct pr_yaml_reader *r, unsigned line, const char *what)
{
	struct pr_str found = find_line(r->text, line);
	return found.n && memmem(found.p, found.n, what, strlen(what));
}

static bool
begins_with_tab(struct pr_str line)
{
	size_t i = 0;
	while (i < line.n && line.p[i] == ' ')
		i++;
	return i < line.n && line.p[i] == '\t';
}

static void
syntax_error(struct pr_yaml_reader *r, const yaml_parser_t *parser)
{
	static const char unknown[] =
	    "check indentation, quotes and brackets here and on the line above";
	const char *problem = parser->problem ? parser->problem : "not YAML";
	unsigned number = (unsigned)parser->problem_mark.line + 1;
	const char *remedy = unknown;
	if (begins_with_tab(find_line(r->text, number))) {
		problem = "a tab where YAML wants spaces";
		remedy = "indent with spaces";
	} else if (pr_yaml_line_has(r, number, "{{") || pr_yaml_line_has(r, number, "{%") ||
	           (number > 1 && pr_yaml_line_has(r, number - 1, "{{")))
		remedy = "put quotes around text with {{ }} or {% %} in it";
	else if (strstr(problem, "mapping values are not allowed"))
		remedy = "put quotes around text with a colon in it";
	else if (strstr(problem, "undefined alias"))
		remedy = "put quotes around text that begins with *";
	else if (strstr(problem, "cannot start any token"))
		remedy = "put quotes around text that begins with @, ` or %";
	pr_yaml_problem(r, number, (unsigned)parser->problem_mark.column + 1, remedy, "%s",
	                problem);
}

/* ---- the guard ---- */

struct guard {
	unsigned depth, documents, events;
};

static const yaml_char_t *
tag_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT: return event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT: return event->data.mapping_start.tag;
	default: return NULL;
	}
}

/* False: no need to look further. */
static bool
guard_event(struct pr_yaml_reader *r, struct guard *g, const yaml_event_t *event)
{
	bool opens =
	    event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
	g->depth += opens;
	g->depth -= event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
	if (tag_of(event))
		problem_at(r, event->start_mark, "take the tag out, or put quotes around the text",
		           "tags (!...) are not used here");
	if (event->type == YAML_DOCUMENT_START_EVENT && ++g->documents > 1) {
		problem_at(r, event->start_mark, "keep one and take out the line ---",
		           "several documents in one file");
		return false;
	}
	if (g->depth > PR_YAML_DEPTH_MAX) {
		problem_at(r, event->start_mark, "take the innermost brackets or levels out",
		           "nested too deeply");
		return false;
	}
	if (++g->events > PR_YAML_VALUES_MAX) {
		problem_at(r, event->start_mark, "data belongs into files of its own",
		           "too many values in one file");
		return false;
	}
	return event->type != YAML_STREAM_END_EVENT;
}

static bool
guard(struct pr_yaml_reader *r)
{
	yaml_parser_t parser;
	yaml_event_t event;
	struct guard g = {0};
	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->text.p, r->text.n);
	for (bool more = true; more;) {
		if (!yaml_parser_parse(&parser, &event)) {
			syntax_error(r, &parser);
			break;
		}
		more = guard_event(r, &g, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return !r->failed;
}

bool
pr_yaml_load(struct pr_yaml_reader *r, yaml_document_t *out)
{
	yaml_parser_t parser;
	if (pr_str_starts(r->text, "\xEF\xBB\xBF"))
		r->text = pr_str_n(r->text.p + 3, r->text.n - 3);
	if (!check_octets(r) || !guard(r) || !yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->text.p, r->text.n);
	bool loaded = yaml_parser_load(&parser, out);
	if (!loaded)
		syntax_error(r, &parser);
	yaml_parser_delete(&parser);
	return loaded;
}

/* ---- files ---- */

int
pr_yaml_file(const char *path, const char *remedy, struct pr_buf *out, struct pr_problems *problems)
{
	struct pr_error e = {0};
	char *real = realpath(path, NULL);
	int r = real ? pr_file_read(AT_FDCWD, real, PR_YAML_SIZE_MAX, out, &e)
	             : pr_fail_errno(&e, "cannot open it");
	if (r < 0)
		pr_problem_add(problems, PR_PROBLEM, path, 0, remedy, "%s", e.text);
	free(real);
	return r;
}
