/* Problems, collected and told. */
#include "postrider/base/problem.h"

#include "postrider/base/error.h"

#include <stdlib.h>

#define EXCERPT_WIDTH 120 /* octets shown of a line */

static void
finish_item(struct pr_problem *item)
{
	free(item->file);
	free(item->what);
	free(item->remedy);
	free(item->excerpt);
	free(item->reach);
}

void
pr_problems_finish(struct pr_problems *p)
{
	for (unsigned i = 0; i < p->n; i++)
		finish_item(&p->items[i]);
	free(p->items);
	*p = (struct pr_problems){0};
}

static bool
is_told(const struct pr_problems *p, const struct pr_problem *item)
{
	for (unsigned i = 0; i + 1 < p->n; i++) {
		const struct pr_problem *other = &p->items[i];
		if (other->line == item->line && other->severity == item->severity &&
		    strcmp(other->file, item->file) == 0 && strcmp(other->what, item->what) == 0)
			return true;
	}
	return false;
}

static void
count(struct pr_problems *p, enum pr_severity severity)
{
	p->problems += severity == PR_PROBLEM;
	p->warnings += severity == PR_WARNING;
	p->notes += severity == PR_NOTE;
}

struct pr_problem *
pr_problem_add(struct pr_problems *p, enum pr_severity severity, const char *file, unsigned line,
               const char *remedy, const char *format, ...)
{
	if (p->n == PR_PROBLEMS_MAX) {
		count(p, severity);
		return NULL;
	}
	if (!p->items)
		p->items = pr_calloc(PR_PROBLEMS_MAX, sizeof *p->items);
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	struct pr_problem *item = &p->items[p->n++];
	*item = (struct pr_problem){.severity = severity,
	                            .file = pr_strdup(file ? file : ""),
	                            .line = line,
	                            .what = what.data,
	                            .remedy = pr_strdup(remedy ? remedy : "")};
	if (is_told(p, item)) {
		finish_item(&p->items[--p->n]);
		return NULL;
	}
	count(p, severity);
	return item;
}

/* ---- telling ---- */

static const char *
severity_word(enum pr_severity severity)
{
	static const char *const words[] = {
	    [PR_WARNING] = "warning", [PR_PROBLEM] = "error", [PR_NOTE] = "note"};
	return words[severity];
}

static bool
is_inside_character(struct pr_str s, size_t at)
{
	return at < s.n && ((unsigned char)s.p[at] & 0xC0) == 0x80;
}

/* As it stands on a terminal: tabs as blanks, nothing that moves the cursor. */
static void
add_shown(struct pr_buf *out, struct pr_str s)
{
	char blanks[EXCERPT_WIDTH + 8], safe[EXCERPT_WIDTH + 8];
	size_t n = s.n < sizeof blanks ? s.n : sizeof blanks - 1;
	for (size_t i = 0; i < n; i++)
		blanks[i] = s.p[i] == '\t' ? ' ' : s.p[i];
	pr_buf_adds(out, pr_str_show(pr_str_n(blanks, n), safe, sizeof safe));
}

/* How many places of a terminal a text takes: East Asian scripts and emoji take two a
 * character (Unicode Standard Annex 11, its wide blocks). */
static int
width(struct pr_str s)
{
	int places = 0;
	for (size_t i = 0; i < s.n;) {
		uint32_t c = 0;
		size_t n = pr_utf8_decode(s.p + i, s.n - i, &c);
		bool wide = n && ((c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) ||
		                  (c >= 0xAC00 && c < 0xD7A4) || (c >= 0xF900 && c < 0xFB00) ||
		                  (c >= 0xFF00 && c < 0xFF61) || (c >= 0x1F300 && c < 0x1FB00) ||
		                  (c >= 0x20000 && c < 0x40000));
		places += wide ? 2 : 1;
		i += n ? n : 1;
	}
	return places;
}

static void
add_excerpt(const struct pr_problem *p, struct pr_buf *out)
{
	struct pr_str line = pr_str(p->excerpt);
	size_t at = p->column ? p->column - 1 : 0, from = at > EXCERPT_WIDTH * 3 / 4 ? at - 40 : 0;
	if (at > line.n)
		from = 0;
	while (is_inside_character(line, from))
		from++;
	size_t to = line.n - from > EXCERPT_WIDTH ? from + EXCERPT_WIDTH : line.n;
	while (is_inside_character(line, to))
		to--;
	pr_buf_addf(out, "    %s", from ? "..." : "");
	add_shown(out, pr_str_n(line.p + from, to - from));
	pr_buf_addf(out, "%s\n", to < line.n ? "..." : "");
	if (p->column && at <= to)
		pr_buf_addf(out, "    %*s^\n",
		            (from ? 3 : 0) + width(pr_str_n(line.p + from, at - from)), "");
}

void
pr_problems_text(const struct pr_problems *p, struct pr_buf *out)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct pr_problem *item = &p->items[i];
		char safe[1000];
		if (item->file[0])
			pr_buf_addf(out, "%s:", pr_str_show(pr_str(item->file), safe, sizeof safe));
		if (item->line)
			pr_buf_addf(out, "%u:", item->line);
		if (item->line && item->column)
			pr_buf_addf(out, "%u:", item->column);
		pr_buf_addf(out, "%s%s: %s\n", item->file[0] ? " " : "",
		            severity_word(item->severity),
		            pr_str_show(pr_str(item->what), safe, sizeof safe));
		if (item->excerpt)
			add_excerpt(item, out);
		if (item->reach)
			pr_buf_addf(out, "  %s\n",
			            pr_str_show(pr_str(item->reach), safe, sizeof safe));
		if (item->remedy[0])
			pr_buf_addf(out, "  remedy: %s\n",
			            pr_str_show(pr_str(item->remedy), safe, sizeof safe));
	}
	unsigned all = p->problems + p->warnings + p->notes;
	if (all > p->n)
		pr_buf_addf(out, "... and %u more\n", all - p->n);
}

void
pr_problems_json(const struct pr_problems *p, struct pr_buf *out)
{
	pr_buf_addc(out, '[');
	for (unsigned i = 0; i < p->n; i++) {
		const struct pr_problem *item = &p->items[i];
		pr_buf_addf(out, "%s{\"severity\":\"%s\",\"file\":", i ? "," : "",
		            severity_word(item->severity));
		pr_buf_add_json(out, pr_str(item->file));
		pr_buf_addf(out, ",\"line\":%u,\"column\":%u,\"what\":", item->line, item->column);
		pr_buf_add_json(out, pr_str(item->what));
		pr_buf_adds(out, ",\"remedy\":");
		pr_buf_add_json(out, pr_str(item->remedy));
		pr_buf_adds(out, ",\"excerpt\":");
		if (item->excerpt)
			pr_buf_add_json(out, pr_str(item->excerpt));
		else
			pr_buf_adds(out, "null");
		pr_buf_addf(out, ",\"rows\":%llu,\"first_row\":%llu}",
		            (unsigned long long)item->rows, (unsigned long long)item->first_row);
	}
	pr_buf_addc(out, ']');
}
