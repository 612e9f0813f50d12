/*
 * Variants of a campaign's content, and the test that compares them; the steps of a series have
 * wordings in the same way (manifest_trigger.c).
 *
 *   variants: {plain: {}, loud: {subject: "..."}}  ->  wordings plain, loud
 *   none                                            ->  one wording, the campaign's own
 *
 * A wording is what messages are composed of: editions by language, and From. What a variant
 * leaves out is the campaign's.
 */
#include "manifest_internal.h"

#include "postrider/base/error.h"

#include <stdio.h>

#define NAME_MAX_OCTETS 64u
#define VARIANT(member) offsetof(struct pr_manifest_variant, member)
#define TEST(member) offsetof(struct pr_manifest_test, member)
#define LINE (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)

static const char *const metrics[] = {"clicks", "opens", "conversions", "revenue", NULL};
static const char *const methods[] = {"test", "bandit", NULL};

/* clang-format off */
static const struct pr_yaml_row variant_rows[] = {
	{.key = "from", .type = PR_YAML_TEXT, .flags = LINE, .offset = VARIANT(from.text)},
	{.key = "subject", .type = PR_YAML_CHOICE, .flags = PR_YAML_ONE_LINE,
	 .max = PR_MANIFEST_LANGUAGES_MAX, .offset = VARIANT(subject)},
	{.key = "preheader", .type = PR_YAML_CHOICE, .flags = PR_YAML_ONE_LINE,
	 .max = PR_MANIFEST_LANGUAGES_MAX, .offset = VARIANT(preheader)},
	{.key = "html", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = VARIANT(html)},
	{.key = "text", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = VARIANT(text)},
	{.key = "start", .type = PR_YAML_PARSED, .parse = pr_manifest_parse_when,
	 .size = sizeof(struct pr_when), .example = "2026-12-01T18:00", .at = VARIANT(start_at),
	 .offset = VARIANT(start)},
	{.key = "weight", .type = PR_YAML_INT, .min = 1, .max = 1000, .fallback = "1",
	 .offset = VARIANT(weight)},
	{0},
};
const struct pr_yaml_schema pr_variant_schema = {
	.rows = variant_rows, .size = sizeof(struct pr_manifest_variant),
	.name_offset = VARIANT(name),
};

static const struct pr_yaml_row test_rows[] = {
	{.key = "share", .type = PR_YAML_PERCENT, .max = 1, .fallback = "100%", .example = "20%",
	 .at = TEST(at), .offset = TEST(share)},
	{.key = "wait", .type = PR_YAML_DURATION, .max = 60.0 * PR_DAY_MS, .fallback = "0s",
	 .example = "4h", .at = TEST(at), .offset = TEST(wait_ms)},
	{.key = "metric", .type = PR_YAML_ENUM, .words = metrics, .fallback = "clicks",
	 .at = TEST(at), .offset = TEST(metric)},
	{.key = "method", .type = PR_YAML_ENUM, .words = methods, .fallback = "test",
	 .offset = TEST(method)},
	{.key = "confidence", .type = PR_YAML_PERCENT, .max = 1, .fallback = "95%",
	 .at = TEST(at), .offset = TEST(confidence)},
	{.key = "floor", .type = PR_YAML_PERCENT, .max = 1, .fallback = "5%", .at = TEST(at),
	 .offset = TEST(floor)},
	{.key = "fallback", .type = PR_YAML_TEXT, .flags = LINE, .offset = TEST(fallback)},
	{.key = "holdout", .type = PR_YAML_PERCENT, .max = 1, .fallback = "0%",
	 .at = TEST(at), .offset = TEST(holdout)},
	{0},
};
const struct pr_yaml_schema pr_test_schema = {
	.rows = test_rows, .size = sizeof(struct pr_manifest_test),
};
/* clang-format on */

/* ---- what goes together ---- */

struct checking {
	struct pr_manifest *m;
	struct pr_problems *problems;
	int result;
};

static void __attribute__((format(printf, 4, 5)))
tell(struct checking *k, const struct pr_text *at, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	k->result = pr_text_problem(k->problems, PR_MANIFEST_FILE, at, remedy, "%s", what.data);
	pr_buf_finish(&what);
}

static bool
is_good_name(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!pr_is_digit(s.p[i]) && (pr_lower(s.p[i]) < 'a' || pr_lower(s.p[i]) > 'z') &&
		    !strchr("-_.", s.p[i]))
			return false;
	return s.n > 0 && s.n <= NAME_MAX_OCTETS;
}

/* Signatures, return paths and what receivers think of a sender belong to the domain. */
static void
check_from(struct checking *k, struct pr_manifest_variant *v, const char *what)
{
	if (!v->from.text.p)
		return;
	if (pr_manifest_check_sender(&v->from, "from", k->problems) < 0) {
		k->result = PR_EINVAL;
		return;
	}
	struct pr_str ours = pr_mailbox_domain(&k->m->from.mailbox);
	if (k->m->from.text.p && !pr_str_eq(pr_mailbox_domain(&v->from.mailbox), ours))
		tell(k, &v->from.text, "make another campaign for another domain",
		     "%s.%s.from is not of the campaign's domain, %.*s", what, v->name.p,
		     (int)ours.n, ours.p);
}

int
pr_manifest_check_wording(struct pr_manifest *m, struct pr_manifest_variant *v, const char *what,
                          struct pr_problems *problems)
{
	struct checking k = {m, problems, 0};
	char shown[100];
	if (!is_good_name(pr_text_str(&v->name)))
		tell(&k, &v->name, "use up to 64 letters, digits, '-', '_' and '.'",
		     "%s: \"%s\" cannot be a name", what,
		     pr_str_show(pr_text_str(&v->name), shown, sizeof shown));
	check_from(&k, v, what);
	return k.result;
}

static unsigned
find_variant(const struct pr_manifest *m, struct pr_str name)
{
	for (unsigned i = 1; i <= m->variants.n; i++)
		if (pr_str_eq(pr_text_str(&pr_manifest_variant(m, i)->name), name))
			return i;
	return 0;
}

static void
check_fallback(struct checking *k)
{
	struct pr_manifest *m = k->m;
	char shown[100];
	if (!m->test.fallback.p)
		return;
	m->test.fallback_variant = find_variant(m, pr_text_str(&m->test.fallback));
	if (!m->test.fallback_variant)
		tell(k, &m->test.fallback, "name one of the variants",
		     "test.fallback: there is no variant \"%s\"",
		     pr_str_show(pr_text_str(&m->test.fallback), shown, sizeof shown));
}

static void
check_test(struct checking *k)
{
	struct pr_manifest *m = k->m;
	const struct pr_manifest_test *t = &m->test;
	bool rest = t->share < 1;
	if (rest && m->variants.n == 0)
		tell(k, &t->at, "add variants, or take test.share out",
		     "test: there are no variants");
	else if (rest && !t->wait_ms)
		tell(k, &t->at, "say how long the answers are waited for: wait: 4h",
		     "test.wait is missing: when shall the rest get the winner?");
	else if (!rest && t->wait_ms)
		tell(k, &t->at, "say who is to try them: share: 20%",
		     "test.wait without test.share: nobody is left for the winner");
	if (t->share <= 0)
		tell(k, &t->at, "say who is to try them: share: 20%", "test.share is nothing");
	else if (t->share + t->holdout > 1 && t->holdout < 1 && rest)
		tell(k, &t->at, "lower one of them",
		     "test.share and test.holdout are more than all");
	if (t->holdout >= 1)
		tell(k, &t->at, "lower it", "test.holdout leaves nobody to write to");
	if (t->confidence < 0.5 || t->confidence > 0.9999)
		tell(k, &t->at, "write one between 50% and 99.99%",
		     "test.confidence is out of range");
	if (t->method == PR_TEST_BANDIT && t->floor * (double)m->variants.n > 1)
		tell(k, &t->at, "lower it",
		     "test.floor: %zu variants with so much are more than all", m->variants.n);
	check_fallback(k);
}

/* ---- times of their own ---- */

/* What has an offset is compared with what has none by no zone: that is left to nobody. */
static bool
is_alike(const struct pr_when *a, const struct pr_when *b)
{
	return !a->set || !b->set || a->fixed == b->fixed;
}

static bool
is_before(const struct pr_when *a, const struct pr_when *b)
{
	return a->set && b->set && a->local_ms < b->local_ms;
}

static void
check_start(struct checking *k, const struct pr_manifest_variant *v, const struct pr_when *first)
{
	const struct pr_schedule *s = &k->m->schedule;
	const char *name = v->name.p;
	if (!is_alike(&v->start, first) || !is_alike(&v->start, &s->start) ||
	    !is_alike(&v->start, &s->deadline))
		tell(k, &v->start_at, "write all times of the campaign with an offset, or none",
		     "variants.%s.start cannot be compared with the campaign's other times", name);
	else if (is_before(&v->start, &s->start))
		tell(k, &v->start_at, "set a later one, or an earlier schedule.start",
		     "variants.%s.start is before schedule.start", name);
	else if (s->deadline.set && !is_before(&v->start, &s->deadline))
		tell(k, &v->start_at, "set an earlier one, or a later deadline",
		     "variants.%s.start is not before schedule.deadline", name);
}

/* Where each has a time of its own, the campaign begins with the earliest. */
static void
check_starts(struct checking *k)
{
	struct pr_manifest *m = k->m;
	const struct pr_manifest_variant *first = NULL;
	size_t n = 0;
	for (unsigned i = 1; i <= m->variants.n; i++) {
		const struct pr_manifest_variant *v = pr_manifest_variant(m, i);
		if (!v->start.set)
			continue;
		check_start(k, v, first ? &first->start : &v->start);
		if (!first || is_before(&v->start, &first->start))
			first = v;
		n++;
	}
	if (!first)
		return;
	if (m->test.share < 1 && m->test.method == PR_TEST_BANDIT)
		tell(k, &first->start_at, "take it out, or test.method",
		     "variants.%s.start: a bandit cannot compare what goes at other times",
		     first->name.p);
	if (n == m->variants.n && !m->schedule.start.set)
		m->schedule.start = first->start;
}

int
pr_manifest_check_variants(struct pr_manifest *m, struct pr_problems *problems)
{
	struct checking k = {m, problems, 0};
	m->test.fallback_variant = 1;
	for (unsigned i = 1; i <= m->variants.n; i++)
		k.result |=
		    pr_manifest_check_wording(m, pr_manifest_variant(m, i), "variants", problems);
	if (m->variants.n == 1)
		tell(&k, &pr_manifest_variant(m, 1)->name, "add another one, or take variants out",
		     "variants: there is only one");
	check_test(&k);
	check_starts(&k);
	return k.result;
}

/* ---- wordings ---- */

/* What a key names and is not there was told already. */
static int
check_body(struct pr_manifest *m, const struct pr_edition_source *s,
           const struct pr_manifest_variant *v, struct pr_problems *problems)
{
	bool named = m->html.line || m->text.line || (v && (v->html.line || v->text.line));
	if (s->html.p || s->text.p || named || (s->files_n && m->language.column.p))
		return 0;
	if (v)
		return pr_text_problem(problems, PR_MANIFEST_FILE, &v->name,
		                       "name its own by html or text, or add body.html for all",
		                       "%s.%s has no body", m->steps.n ? "steps" : "variants",
		                       v->name.p);
	pr_problem_add(
	    problems, PR_PROBLEM, "", 0,
	    "add body.html, body.md or body.txt, or name the file by the key html or text",
	    "the campaign has no body");
	return PR_EINVAL;
}

static int
add_wording(struct pr_manifest *m, int dir, struct pr_manifest_variant *v,
            struct pr_problems *problems)
{
	struct pr_manifest_wording *w = &m->wordings[m->wordings_n++];
	bool own = v && (v->html.p || v->text.p);
	struct pr_edition_source source = {
	    .subject = v && (v->subject.text.p || v->subject.by.n) ? &v->subject : &m->subject,
	    .preheader =
		v && (v->preheader.text.p || v->preheader.by.n) ? &v->preheader : &m->preheader,
	    .html = own ? v->html : m->html,
	    .text = own ? v->text : m->text,
	    .first = m->wordings_n == 1};
	w->name = v ? v->name.p : NULL;
	w->from = v && v->from.text.p ? &v->from : &m->from;
	int r = 0;
	if (dir >= 0) {
		pr_manifest_find_languages(m, dir, &source);
		r = check_body(m, &source, v, problems);
	}
	return r | pr_manifest_make_editions(m, &source, w, problems);
}

/* NULL: there are neither variants nor steps, and this is the campaign's own. */
static struct pr_manifest_variant *
own_of(const struct pr_manifest *m, unsigned i)
{
	if (m->steps.n)
		return &pr_manifest_step(m, i)->content;
	return m->variants.n ? pr_manifest_variant(m, i) : NULL;
}

int
pr_manifest_make_wordings(struct pr_manifest *m, int dir, struct pr_problems *problems)
{
	size_t n = m->steps.n ? m->steps.n : m->variants.n ? m->variants.n : 1;
	int r = 0;
	m->wordings = pr_arena_zero(&m->arena, n * sizeof *m->wordings);
	for (unsigned i = 1; i <= n; i++)
		r |= add_wording(m, dir, own_of(m, i), problems);
	m->editions = m->wordings[0].editions;
	m->editions_n = m->wordings[0].editions_n;
	return r ? PR_EINVAL : 0;
}

const struct pr_manifest_wording *
pr_manifest_wording(const struct pr_manifest *m, unsigned variant)
{
	return &m->wordings[variant >= 1 && variant <= m->wordings_n ? variant - 1 : 0];
}

bool
pr_manifest_is_body(const struct pr_manifest *m, const char *file)
{
	for (size_t i = 0; i < m->wordings_n; i++)
		for (size_t k = 0; k < m->wordings[i].editions_n; k++) {
			const struct pr_manifest_edition *e = &m->wordings[i].editions[k];
			if ((e->html.p && strcmp(e->html.p, file) == 0) ||
			    (e->text.p && strcmp(e->text.p, file) == 0))
				return true;
		}
	return false;
}
