/*
 * A file of rules: read by its table, checked, compiled. All that is wrong is told at once, so
 * each step goes on with what could be read.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define SHIPPED "bounces.yaml"

void
classify_tell(struct making *m, const struct pr_text *at, const char *remedy, const char *format,
              ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_text_problem(m->problems, m->file, at, remedy, "%s%s", m->where, what.data);
	pr_buf_finish(&what);
	m->failed = true;
}

/* ---- classes ---- */

static enum pr_class
class_of(struct pr_str word)
{
	for (unsigned i = PR_CLASS_NONE + 1; i < PR_CLASSES; i++)
		if (pr_str_is(word, pr_class_words[i]))
			return (enum pr_class)i;
	return PR_CLASS_NONE;
}

/* What the file says nothing about somebody has to look at. */
static void
make_classes(struct making *m)
{
	const struct class_entry *e = m->rules->file.classes.items;
	struct pr_finding *classes = m->rules->classes;
	for (unsigned i = 0; i < PR_CLASSES; i++)
		classes[i] = (struct pr_finding){(enum pr_class)i, PR_ACTION_REVIEW};
	for (size_t i = 0; i < m->rules->file.classes.n; i++) {
		enum pr_class c = class_of(pr_text_str(&e[i].name));
		if (c == PR_CLASS_NONE) {
			const char *near = pr_nearest(pr_text_str(&e[i].name), pr_class_words + 1);
			classify_tell(m, &e[i].name, near ? near : "see conf/bounces.yaml",
			              "classes: there is no class \"%s\"", e[i].name.p);
			continue;
		}
		classes[c].hard = e[i].hard == ANSWER_YES;
		classes[c].action = (enum pr_action)e[i].action;
	}
}

/* ---- codes and statuses ---- */

/* A number or a run of x at *p, up to `end`; false: neither. */
static bool
read_place(const char **p, char end, uint16_t *out)
{
	unsigned n = 0;
	const char *s = *p;
	if (*s == 'x') {
		*out = ANY;
		s++;
	} else {
		for (; pr_is_digit(*s) && s - *p < 3; s++)
			n = n * 10 + (unsigned)(*s - '0');
		*out = (uint16_t)n;
	}
	bool good = s > *p && *s == end;
	*p = s + 1;
	return good;
}

static bool
read_status(const char *p, struct mask *out)
{
	return read_place(&p, '.', &out->at[0]) && read_place(&p, '.', &out->at[1]) &&
	       read_place(&p, 0, &out->at[2]);
}

static bool
read_code(const char *p, struct mask *out)
{
	for (int i = 0; i < 3; i++) {
		if (!pr_is_digit(p[i]) && p[i] != 'x')
			return false;
		out->at[i] = p[i] == 'x' ? ANY : (uint16_t)(p[i] - '0');
	}
	return p[3] == 0;
}

static const struct mask *
make_masks(struct making *m, const struct pr_texts *texts, size_t *n,
           bool (*read)(const char *, struct mask *), const char *key, const char *remedy)
{
	struct mask *masks = pr_arena_zero(&m->rules->arena, (texts->n + 1) * sizeof *masks);
	for (size_t i = 0; i < texts->n; i++)
		if (!read(texts->items[i].p, &masks[i]))
			classify_tell(m, &texts->items[i], remedy, "%s: \"%s\" is none", key,
			              texts->items[i].p);
	*n = texts->n;
	return masks;
}

static unsigned
make_commands(struct making *m, const struct pr_texts *texts)
{
	static const char *const words[] = {"", "connect", "mail", "rcpt", "data"};
	unsigned bits = 0;
	for (size_t i = 0; i < texts->n; i++) {
		unsigned known = 0;
		for (unsigned k = PR_SAID_TO_CONNECT; k <= PR_SAID_TO_DATA; k++)
			known |= (unsigned)pr_str_is(pr_text_str(&texts->items[i]), words[k]) << k;
		if (!known)
			classify_tell(m, &texts->items[i], "write connect, mail, rcpt or data",
			              "command: \"%s\" is none", texts->items[i].p);
		bits |= known;
	}
	return bits;
}

/* ---- rules ---- */

static void
make_rule(struct making *m, const struct rule_entry *e, struct rule *r)
{
	struct pattern *patterns =
	    pr_arena_zero(&m->rules->arena, (e->texts.n + 1) * sizeof *patterns);
	r->finding = m->rules->classes[e->class_];
	r->finding.line = e->class_at.line;
	r->finding.by_text = e->texts.n > 0;
	if (e->hard)
		r->finding.hard = e->hard == ANSWER_YES;
	if (e->action)
		r->finding.action = (enum pr_action)e->action;
	r->codes = make_masks(m, &e->codes, &r->codes_n, read_code, "code", "write 550 or 5xx");
	r->statuses = make_masks(m, &e->statuses, &r->statuses_n, read_status, "status",
	                         "write 5.1.1, x.1.1 or 5.7.x");
	r->commands = make_commands(m, &e->commands);
	r->patterns = patterns;
	for (; r->patterns_n < e->texts.n; r->patterns_n++)
		pattern_make(m, &e->texts.items[r->patterns_n], &patterns[r->patterns_n]);
	if (e->class_ && !e->codes.n && !e->statuses.n && !e->texts.n && !e->commands.n)
		classify_tell(m, &e->class_at, "add one of code, status, command and text",
		              "the rule fits whatever is said");
}

void
classify_make_rules(struct making *m)
{
	pr_rules *r = m->rules;
	const struct rule_entry *entries = r->file.rules.items;
	size_t n = r->file.rules.n;
	make_classes(m);
	r->rules = pr_arena_zero(&r->arena, (n + 1) * sizeof *r->rules);
	for (; r->rules_n < n; r->rules_n++) {
		snprintf(m->where, sizeof m->where, "rules.%zu.", r->rules_n + 1);
		make_rule(m, &entries[r->rules_n], &r->rules[r->rules_n]);
	}
}

/* ---- the whole ---- */

int
pr_rules_parse(struct pr_str text, const char *file, struct pr_problems *problems, pr_rules **out)
{
	pr_rules *r = pr_calloc(1, sizeof *r);
	unsigned told = problems->n;
	pr_arena_init(&r->arena);
	struct making m = {.rules = r, .file = file, .problems = problems};
	m.failed = pr_yaml_read(text, file, &pr_classify_schema, &r->arena, &r->file, problems) < 0;
	classify_make_rules(&m);
	pr_yaml_arrange(text, file, problems, told);
	if (m.failed) {
		pr_rules_destroy(r);
		return PR_EINVAL;
	}
	*out = r;
	return 0;
}

int
pr_rules_load(const char *path, struct pr_problems *problems, pr_rules **out)
{
	struct pr_buf text = {0};
	if (!path)
		return pr_rules_parse(pr_str_n((const char *)classify_shipped, classify_shipped_n),
		                      SHIPPED, problems, out);
	int r = pr_yaml_file(path, "name a file that can be read", &text, problems);
	if (r == 0)
		r = pr_rules_parse(pr_buf_str(&text), path, problems, out);
	pr_buf_finish(&text);
	return r;
}

void
pr_rules_destroy(pr_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->rules_n; i++)
		for (size_t k = 0; k < r->rules[i].patterns_n; k++)
			pr_pattern_destroy(r->rules[i].patterns[k].compiled);
	pr_arena_finish(&r->arena);
	free(r);
}
