/*
 * A shaping file: read by its table, checked, made into policies, rules and warm-ups. All that
 * is wrong is told at once, so each step goes on with what could be read.
 */
#include "internal.h"

#include <stdlib.h>

#define SHIPPED "shaping.yaml"

void
shaping_tell(struct check *k, const struct pr_text *at, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_text_problem(k->problems, k->file, at, remedy, "%s", what.data);
	pr_buf_finish(&what);
	k->failed = true;
}

const char *
shaping_who(struct pr_shaping *s, const struct pr_text *at, const char *what)
{
	struct pr_buf who = {0};
	pr_buf_addf(&who, "%s:%u %s", s->name, at->line, what);
	const char *kept = pr_arena_strndup(&s->arena, who.data, who.len);
	pr_buf_finish(&who);
	return kept;
}

uint64_t
shaping_hash(struct pr_str text)
{
	static const struct pr_hash_key fixed = {0x706F737472696465, 0x73686170696E67};
	return pr_siphash(fixed, text.p, text.n);
}

int
pr_shaping_parse(struct pr_str text, const char *file, struct pr_problems *problems,
                 pr_shaping **out)
{
	pr_shaping *s = pr_calloc(1, sizeof *s);
	unsigned told = problems->n;
	const char *slash = strrchr(file, '/');
	s->refs = 1;
	pr_arena_init(&s->arena);
	s->name =
	    pr_arena_strndup(&s->arena, slash ? slash + 1 : file, strlen(slash ? slash + 1 : file));
	struct check k = {.s = s, .file = file, .problems = problems};
	k.failed = pr_yaml_read(text, file, &pr_shaping_schema, &s->arena, &s->file, problems) < 0;
	shaping_make_policies(&k);
	shaping_make_rules(&k);
	shaping_make_warm_ups(&k);
	pr_yaml_arrange(text, file, problems, told);
	if (k.failed) {
		pr_shaping_unref(s);
		return PR_EINVAL;
	}
	*out = s;
	return 0;
}

int
pr_shaping_load(const char *path, struct pr_problems *problems, pr_shaping **out)
{
	struct pr_buf text = {0};
	if (!path)
		return pr_shaping_parse(pr_str_n((const char *)shaping_shipped, shaping_shipped_n),
		                        SHIPPED, problems, out);
	int r = pr_yaml_file(path, "name a file by shaping: in postrider.yaml, or take the key out",
	                     &text, problems);
	if (r == 0)
		r = pr_shaping_parse(pr_buf_str(&text), path, problems, out);
	pr_buf_finish(&text);
	return r;
}

pr_shaping *
pr_shaping_ref(pr_shaping *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
pr_shaping_unref(pr_shaping *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < s->rules_n; i++)
		pr_pattern_destroy(s->rules[i].compiled);
	pr_map_finish(&s->names);
	pr_map_finish(&s->exchangers);
	pr_map_finish(&s->domains);
	pr_arena_finish(&s->arena);
	free(s);
}

/* ---- warm-ups ---- */

static void
make_warm_up(struct check *k, const struct warm_up_entry *e, struct pr_warm_up *out)
{
	int64_t *days = pr_arena_zero(&k->s->arena, (e->days.n + 1) * sizeof *days);
	for (size_t i = 0; i < e->days.n; i++) {
		const struct pr_text *t = &e->days.items[i];
		uint64_t n;
		if (pr_str_u64(pr_text_str(t), &n) && n > 0 && n <= 1000000000000)
			days[i] = (int64_t)n;
		else
			shaping_tell(k, t, "write how many messages, in digits",
			             "warm_up.%s.days: \"%s\" is not a number from 1 to 10^12",
			             e->name.p, t->p);
	}
	if (e->doubles % PR_DAY_MS)
		shaping_tell(k, &e->doubles_at, "write it like 3d",
		             "warm_up.%s.doubles_every: not a number of whole days", e->name.p);
	*out = (struct pr_warm_up){.name = e->name.p,
	                           .who = shaping_who(k->s, &e->name, e->name.p),
	                           .days = days,
	                           .days_n = e->days.n,
	                           .doubles = e->doubles / PR_DAY_MS};
}

void
shaping_make_warm_ups(struct check *k)
{
	struct pr_shaping *s = k->s;
	const struct warm_up_entry *entries = s->file.warm_ups.items;
	size_t n = s->file.warm_ups.n;
	s->warm_ups = pr_arena_zero(&s->arena, (n + 1) * sizeof *s->warm_ups);
	for (; s->warm_ups_n < n; s->warm_ups_n++)
		make_warm_up(k, &entries[s->warm_ups_n], &s->warm_ups[s->warm_ups_n]);
}

const struct pr_warm_up *
pr_shaping_warm_up(const pr_shaping *s, struct pr_str name)
{
	for (size_t i = 0; i < s->warm_ups_n; i++)
		if (pr_str_is(name, s->warm_ups[i].name))
			return &s->warm_ups[i];
	return NULL;
}

int64_t
pr_warm_up_allows(const struct pr_warm_up *w, int64_t day)
{
	if (day < 0)
		return 0;
	if (day < (int64_t)w->days_n)
		return w->days[day];
	if (!w->doubles || !w->days_n)
		return INT64_MAX;
	int64_t times = (day - (int64_t)w->days_n) / w->doubles + 1;
	return times < 22 ? w->days[w->days_n - 1] << times : INT64_MAX;
}
