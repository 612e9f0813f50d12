/*
 * Any octets as the data: every filter with any input and any arguments, and what else
 * looks into values (comparisons, loops, case, cycle, paths, output with and without
 * autoescape). The templates are fixed and compiled once; the first octet says which one
 * runs. Nothing may hang, overrun or leak.
 */
#include "liquid_values.h"

#include <stdio.h>

#define DATA 5
static const char *const names[DATA + 1] = {"a", "b", "c", "d", "k", NULL};

extern const char *const lq_filter_names[]; /* the room's own: a new filter is tried, too */

static const char *const templates[] = {
    "{% if a == b %}1{% elsif a < b %}2{% elsif a >= c and b contains c or d %}3{% endif %}"
    "{% unless a != blank %}4{% endunless %}{% if a > 3 %}5{% endif %}{% if a == empty %}6{% endif "
    "%}",
    "{% for i in a limit: b offset: c %}{{ i }}{{ forloop.index }}{% if i == d %}{% break %}"
    "{% endif %}{{ i[k] }}{{ i.first }}{% else %}none{% endfor %}",
    "{% for i in a reversed %}{% for j in i %}{{ j | json }}{% endfor %}{% cycle a, b, c %}"
    "{% cycle k: a, b %}{% ifchanged %}{{ i }}{% endifchanged %}{% endfor %}",
    "{% tablerow i in a cols: b limit: c offset: d %}{{ i }}{{ tablerowloop.col }}{% endtablerow "
    "%}",
    "{% for i in (b..c) limit: 20 %}{{ i }}{% endfor %}{{ (b..c) | join: d | size }}",
    "{% case a %}{% when b, c %}{{ d }}{% when d or k %}{{ c }}{% else %}-{% endcase %}",
    "{{ a[k] }}{{ a[b][c] }}{{ a.size }}{{ a.first.last }}{{ a.last[d] }}{{ b.key.c }}{{ self[k] "
    "}}",
    "{% capture x %}{{ a }}{{ b | json }}{% endcapture %}{{ x | upcase }}{{ x | size }}"
    "{% assign y = a | concat: b | sort | uniq %}{{ y }}{{ y | where: k, c | map: k | sum }}",
    "{{ a | date: b | date: c, time_zone: d }}{{ a | default: b, allow_false: c }}",
    "{{ a | date: '%A %b %p %^B', locale: 'tr' }}{{ a | date: b, locale: c }}",
    "{{ a | money: b, locale: 'pl' }}{{ a | money: 'JPY', locale: c }}"
    "{{ a | number_with_delimiter: b, c, locale: d }}{{ b | number_with_delimiter: locale: 'fr' }}",
    "{{ a | date: '%a %A %^b %-d %e %j %C %G-%V %U %W %s %N %L %3N %z %::z %Z %10Y %c %x %v %+' }}",
    "{{ a | split: b | join: c | replace: d, k | truncate: b | slice: b, c | escape_once }}",
    "{{ a | sort: k | map: k | compact | uniq | reverse | join }}{{ a | sum: k }}",
    "{{ a | plus: b | times: c | divided_by: d | modulo: b | round: c | minus: a | abs }}",
};

#define FILTERS_MAX 128
#define TEMPLATES (sizeof templates / sizeof *templates)
/* Each filter with no to three arguments, then the templates; all of them twice: as they
 * are, and with autoescape. */
static pr_liquid *compiled[2][FILTERS_MAX * 4 + TEMPLATES];

static size_t
filters_n(void)
{
	size_t n = 0;
	while (n < FILTERS_MAX && lq_filter_names[n])
		n++;
	return n;
}

static void
compile(size_t kind, bool escape)
{
	static const char *const arguments[] = {"", ": b", ": b, c", ": b, c, k: d"};
	char text[600];
	if (kind < filters_n() * 4)
		snprintf(text, sizeof text, "{{ a | %s%s }}", lq_filter_names[kind / 4],
		         arguments[kind % 4]);
	else
		snprintf(text, sizeof text, "%s", templates[kind - filters_n() * 4]);
	struct pr_liquid_source source = {.text = pr_str(text),
	                                  .file = "f",
	                                  .names = names,
	                                  .escape_html = escape,
	                                  .forgiving = true,
	                                  .mode = PR_LIQUID_LAX};
	struct pr_problems problems = {0};
	if (pr_liquid_compile(&source, &problems, &compiled[escape][kind]) < 0) {
		fprintf(stderr, "%s: %s\n", text, problems.n ? problems.items[0].what : "");
		abort();
	}
	pr_problems_finish(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pr_liquid_limits limits = {20000, 200000, 2000000, 12};
	struct pr_liquid_value values[DATA];
	struct octets from = {.p = data, .n = size};
	struct pr_arena arena;
	struct pr_buf out = {0};
	pr_arena_init(&arena);
	uint8_t flags = octet(&from);
	size_t kind = (octet(&from) | (size_t)octet(&from) << 8) % (filters_n() * 4 + TEMPLATES);
	bool escape = flags & 1;
	if (!compiled[escape][kind])
		compile(kind, escape);
	for (unsigned i = 0; i < DATA; i++)
		values[i] = value_of(&from, 0);
	struct pr_liquid_run run = {.values = values,
	                            .now_utc_ms = 1704067318000,
	                            .timezone = flags & 2 ? "Europe/Berlin" : NULL,
	                            .limits = &limits,
	                            .render_errors = flags & 4,
	                            .random_seed = flags};
	struct pr_liquid_failure failure;
	pr_liquid_render(compiled[escape][kind], &run, &arena, &out, &failure);
	pr_buf_finish(&out);
	pr_arena_finish(&arena);
	octets_finish(&from);
	return 0;
}
