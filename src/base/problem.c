/* Problems, collected and told. */
#include "postrider/base/problem.h"

#include "postrider/base/error.h"

#include <stdlib.h>

static void
finish_item(struct pr_problem *item)
{
	free(item->file);
	free(item->what);
	free(item->remedy);
	free(item->excerpt);
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

static void
add_excerpt(const struct pr_problem *p, struct pr_buf *out)
{
	char safe[300];
	pr_buf_addf(out, "    %s\n", pr_str_show(pr_str(p->excerpt), safe, sizeof safe));
	if (p->column && p->column < sizeof safe)
		pr_buf_addf(out, "    %*s^\n", (int)p->column - 1, "");
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
		            item->severity == PR_PROBLEM ? "error" : "warning",
		            pr_str_show(pr_str(item->what), safe, sizeof safe));
		if (item->excerpt)
			add_excerpt(item, out);
		if (item->remedy[0])
			pr_buf_addf(out, "  remedy: %s\n",
			            pr_str_show(pr_str(item->remedy), safe, sizeof safe));
	}
	unsigned all = p->problems + p->warnings;
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
		            item->severity == PR_PROBLEM ? "error" : "warning");
		pr_buf_add_json(out, pr_str(item->file));
		pr_buf_addf(out, ",\"line\":%u,\"column\":%u,\"what\":", item->line, item->column);
		pr_buf_add_json(out, pr_str(item->what));
		pr_buf_adds(out, ",\"remedy\":");
		pr_buf_add_json(out, pr_str(item->remedy));
		pr_buf_addc(out, '}');
	}
	pr_buf_addc(out, ']');
}
