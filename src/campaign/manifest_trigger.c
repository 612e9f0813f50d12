/*
 * Trigger and steps: a campaign that runs on and writes to whom something happens, when it does.
 *
 *   trigger: {date: birthday}     steps: {first: {...}, second: {after: 3d, ...}}
 *
 * Steps are wordings by number, as variants are: a row of a series knows its step where another
 * one knows its variant. Who may enter at all is said by `audience`.
 */
#include "manifest_internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/base/error.h"

#define TRIGGER(member) offsetof(struct pr_manifest_trigger, member)
#define EXIT(member) offsetof(struct pr_trigger_exit, member)
#define STEP(member) offsetof(struct pr_manifest_step, member)
#define LINE (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)
#define NOT_SAID (-1)

#define AGAIN_OF_SEGMENT (30 * PR_DAY_MS)
#define LATE_OF_DATE PR_DAY_MS
#define LATE_OF_DATE_MAX (60 * PR_DAY_MS) /* as many days are looked at: PR_OCCUR_DAYS_MAX */
#define LATE (7 * PR_DAY_MS)

/* ---- schemas ---- */

/* A duration; auto: what suits the kind, -1 until that is known. */
static const char *
parse_maybe(struct pr_str text, void *field)
{
	int64_t ms;
	if (pr_str_is(pr_str_trim(text), "auto")) {
		*(int64_t *)field = NOT_SAID;
		return NULL;
	}
	if (!pr_parse_duration(text, &ms))
		return "is not a duration";
	if (ms < 0 || ms > 3660 * PR_DAY_MS)
		return "is out of range (0 to 3660d)";
	*(int64_t *)field = ms;
	return NULL;
}

/* clang-format off */
static const struct pr_yaml_row exit_rows[] = {
	{.key = "event", .type = PR_YAML_LIST, .flags = LINE, .max = 20, .offset = EXIT(event)},
	{.key = "when", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY, .offset = EXIT(when)},
	{.key = "stay", .type = PR_YAML_BOOL, .fallback = "false", .offset = EXIT(stay)},
	{0},
};
static const struct pr_yaml_schema exit_schema = {
	.rows = exit_rows, .size = sizeof(struct pr_trigger_exit),
};

static const struct pr_yaml_row trigger_rows[] = {
	{.key = "date", .type = PR_YAML_TEXT, .flags = LINE, .at = TRIGGER(at),
	 .offset = TRIGGER(date)},
	{.key = "event", .type = PR_YAML_TEXT, .flags = LINE, .at = TRIGGER(at),
	 .offset = TRIGGER(event)},
	{.key = "absence", .type = PR_YAML_TEXT, .flags = LINE, .at = TRIGGER(at),
	 .offset = TRIGGER(absence)},
	{.key = "segment", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY, .at = TRIGGER(at),
	 .offset = TRIGGER(segment)},
	{.key = "before", .type = PR_YAML_DURATION, .max = 366.0 * PR_DAY_MS, .fallback = "0s",
	 .example = "7d", .at = TRIGGER(at), .offset = TRIGGER(before_ms)},
	{.key = "after", .type = PR_YAML_DURATION, .max = 3660.0 * PR_DAY_MS, .fallback = "0s",
	 .example = "60d", .at = TRIGGER(at), .offset = TRIGGER(after_ms)},
	{.key = "once", .type = PR_YAML_BOOL, .fallback = "false", .at = TRIGGER(at),
	 .offset = TRIGGER(once)},
	{.key = "hour", .type = PR_YAML_PARSED, .parse = pr_manifest_parse_hour,
	 .size = sizeof(int), .fallback = "09:00", .example = "09:00", .at = TRIGGER(at),
	 .offset = TRIGGER(minute)},
	{.key = "again", .type = PR_YAML_PARSED, .parse = parse_maybe, .size = sizeof(int64_t),
	 .fallback = "auto", .example = "30d", .at = TRIGGER(at), .offset = TRIGGER(again_ms)},
	{.key = "late", .type = PR_YAML_PARSED, .parse = parse_maybe, .size = sizeof(int64_t),
	 .fallback = "auto", .example = "1d", .at = TRIGGER(at), .offset = TRIGGER(late_ms)},
	{.key = "existing", .type = PR_YAML_BOOL, .fallback = "false", .at = TRIGGER(at),
	 .offset = TRIGGER(existing)},
	{.key = "exit", .type = PR_YAML_SECTION, .schema = &exit_schema, .at = TRIGGER(at),
	 .offset = TRIGGER(exit)},
	{0},
};
const struct pr_yaml_schema pr_trigger_schema = {
	.rows = trigger_rows, .size = sizeof(struct pr_manifest_trigger),
};

static const struct pr_yaml_row step_rows[] = {
	{.key = "after", .type = PR_YAML_DURATION, .max = 3660.0 * PR_DAY_MS, .fallback = "0s",
	 .example = "3d", .offset = STEP(after_ms)},
	{.key = "skip", .type = PR_YAML_BOOL, .fallback = "false", .offset = STEP(skip)},
	{.key = "from", .type = PR_YAML_TEXT, .flags = LINE, .offset = STEP(content.from.text)},
	{.key = "subject", .type = PR_YAML_CHOICE, .flags = PR_YAML_ONE_LINE,
	 .max = PR_MANIFEST_LANGUAGES_MAX, .offset = STEP(content.subject)},
	{.key = "preheader", .type = PR_YAML_CHOICE, .flags = PR_YAML_ONE_LINE,
	 .max = PR_MANIFEST_LANGUAGES_MAX, .offset = STEP(content.preheader)},
	{.key = "html", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = STEP(content.html)},
	{.key = "text", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = STEP(content.text)},
	{0},
};
const struct pr_yaml_schema pr_step_schema = {
	.rows = step_rows, .size = sizeof(struct pr_manifest_step),
	.name_offset = STEP(content.name),
};
/* clang-format on */

/* ---- what goes together ---- */

struct checking {
	struct pr_manifest *m;
	struct pr_problems *problems;
	int result;
};

static void
tell(struct checking *k, const struct pr_text *at, const char *remedy, const char *what)
{
	k->result = pr_text_problem(k->problems, PR_MANIFEST_FILE, at, remedy, "%s", what);
}

/* Which one it is; several are a problem. */
static void
find_kind(struct checking *k)
{
	struct pr_manifest_trigger *t = &k->m->trigger;
	const struct pr_text *const said[] = {NULL, &t->date, &t->event, &t->absence, &t->segment};
	for (int i = PR_TRIGGER_DATE; i <= PR_TRIGGER_SEGMENT; i++) {
		if (!said[i]->p)
			continue;
		if (t->kind)
			tell(k, said[i], "keep one; another series can have the other",
			     "trigger: is one of date, event, absence and segment");
		t->kind = i;
	}
	if (!t->kind && t->at.line)
		tell(k, &t->at, "add one of date, event, absence and segment", "trigger: of what?");
}

static void
check_date(struct checking *k)
{
	const struct pr_manifest_trigger *t = &k->m->trigger;
	if (t->kind != PR_TRIGGER_DATE) {
		if (t->before_ms)
			tell(k, &t->at, "take it out", "trigger.before is for a date");
		if (t->once)
			tell(k, &t->at, "take it out", "trigger.once is for a date");
		return;
	}
	if (!pr_attribute_name_is_good(pr_text_str(&t->date)))
		tell(k, &t->date, "name an attribute of contacts, as `contacts export` does",
		     "trigger.date cannot be the name of an attribute");
	if (t->before_ms && t->after_ms)
		tell(k, &t->at, "keep one of them", "trigger: before and after its day?");
	if (t->late_ms > LATE_OF_DATE_MAX)
		tell(k, &t->at, "write at most 60d", "trigger.late: a date is not met so late");
	if (t->before_ms % PR_DAY_MS || t->after_ms % PR_DAY_MS)
		tell(k, &t->at, "write whole days, and the time of day as hour",
		     "trigger: before and after a date are days");
}

static void
check_event(struct checking *k, const struct pr_text *name)
{
	if (name->p && !pr_list_name_is_good(pr_text_str(name)))
		tell(k, name, "use letters, digits, '-', '_' and '.'",
		     "trigger: no event can be called so");
}

static void
check_exit(struct checking *k)
{
	const struct pr_trigger_exit *x = &k->m->trigger.exit;
	for (size_t i = 0; i < x->event.n; i++)
		check_event(k, &x->event.items[i]);
	k->result |= pr_manifest_check_condition(&x->when, "trigger.exit.when", k->problems);
	if (x->stay && k->m->trigger.kind != PR_TRIGGER_SEGMENT)
		tell(k, &k->m->trigger.at, "take it out", "trigger.exit.stay is for a segment");
}

static void
check_trigger(struct checking *k)
{
	struct pr_manifest_trigger *t = &k->m->trigger;
	bool lasts = t->kind == PR_TRIGGER_ABSENCE || t->kind == PR_TRIGGER_SEGMENT;
	check_date(k);
	check_event(k, &t->event);
	check_event(k, &t->absence);
	k->result |= pr_manifest_check_condition(&t->segment, "trigger.segment", k->problems);
	if (t->kind == PR_TRIGGER_ABSENCE && !t->after_ms)
		tell(k, &t->absence, "add how long: after: 60d",
		     "trigger.absence: absent for how long?");
	if (t->existing && !lasts)
		tell(k, &t->at, "take it out",
		     "trigger.existing is for an absence or a segment: nothing else lasts");
	check_exit(k);
	if (t->again_ms == NOT_SAID)
		t->again_ms = t->kind == PR_TRIGGER_SEGMENT ? AGAIN_OF_SEGMENT : 0;
	if (t->late_ms == NOT_SAID)
		t->late_ms = t->kind == PR_TRIGGER_DATE ? LATE_OF_DATE : LATE;
}

static void
check_steps(struct checking *k)
{
	unsigned skipped = 0;
	for (unsigned i = 1; i <= k->m->steps.n; i++) {
		struct pr_manifest_step *s = pr_manifest_step(k->m, i);
		k->result |= pr_manifest_check_wording(k->m, &s->content, "steps", k->problems);
		skipped += s->skip;
	}
	if (k->m->steps.n && skipped == k->m->steps.n)
		tell(k, &pr_manifest_step(k->m, 1)->content.name, "let one of them be sent",
		     "steps: all are skipped");
}

/* Where it says whom; NULL: nobody. */
static const struct pr_text *
excludes(const struct pr_manifest *m)
{
	const struct pr_manifest_exclude *x = &m->exclude;
	return x->list.n        ? &x->list.items[0]
	       : x->segment.p   ? &x->segment
	       : x->campaigns.n ? &x->campaigns.items[0]
	       : x->within_ms   ? &m->trigger.at
	                        : NULL;
}

/* Rows come to a series one by one: what looks at all of them at once has nothing to look at. */
static void
check_beside(struct checking *k)
{
	const struct pr_manifest *m = k->m;
	const struct pr_manifest_trigger *t = &m->trigger;
	if (m->variants.n)
		tell(k, &pr_manifest_variant(m, 1)->name,
		     "take variants out, or send them as a campaign without trigger",
		     "variants stand beside trigger: they are compared in one campaign");
	if (m->test.at.line)
		tell(k, &m->test.at, "take it out", "test stands beside trigger");
	if (excludes(m))
		tell(k, excludes(m), "write audience: {exclude: {list: ..., segment: ...}}",
		     "exclude stands beside trigger");
	if (m->seeds.n)
		tell(k, &m->seeds.items[0],
		     "take them out; `postrider proof` sends each step to you",
		     "seeds stand beside trigger: there is no start with which they could go");
	if (m->schedule.best_hour)
		tell(k, &t->at, "take it out; a date has trigger.hour",
		     "schedule.hour stands beside trigger");
}

int
pr_manifest_check_trigger(struct pr_manifest *m, struct pr_problems *problems)
{
	struct checking k = {m, problems, 0};
	find_kind(&k);
	if (m->trigger.kind) {
		check_trigger(&k);
		check_beside(&k);
	} else if (m->steps.n) {
		tell(&k, &pr_manifest_step(m, 1)->content.name,
		     "add a trigger, or make a campaign of each",
		     "steps: what begins them? There is no trigger");
	}
	check_steps(&k);
	return k.result ? PR_EINVAL : 0;
}
