/*
 * A mail that came back. Holds: it is read to an end, what is found is bounded, texts are UTF-8 on
 * one line, and what waits or answers by itself never counts as hard.
 */
#include "postrider/base/error.h"
#include "postrider/feedback.h"

static pr_rules *
load(void)
{
	struct pr_problems problems = {0};
	pr_rules *rules = NULL;
	PR_ASSERT(pr_rules_load(NULL, &problems, &rules) == 0);
	pr_problems_finish(&problems);
	return rules;
}

static void
must_be_sound(const struct pr_feedback *f, const struct pr_feedback_recipient *r)
{
	PR_ASSERT(r->address.n < 1 << 16 && r->diagnostic.n <= PR_FEEDBACK_DIAGNOSTIC_MAX);
	PR_ASSERT(pr_utf8_valid(r->diagnostic.p, r->diagnostic.n, NULL));
	PR_ASSERT(!memchr(r->diagnostic.p, '\n', r->diagnostic.n));
	PR_ASSERT(*pr_class_word(r->finding.class_) && *pr_action_word(r->finding.action));
	PR_ASSERT(!r->finding.hard || (f->kind == PR_FEEDBACK_DSN && r->failed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static pr_rules *rules;
	struct pr_arena arena;
	struct pr_feedback f;
	if (!rules)
		rules = load();
	pr_arena_init(&arena);
	pr_feedback_read(rules, pr_str_n((const char *)data, n), &arena, &f);
	PR_ASSERT(f.n <= PR_FEEDBACK_RECIPIENTS_MAX);
	PR_ASSERT(f.kind != PR_FEEDBACK_UNKNOWN || f.n == 0);
	for (size_t i = 0; i < f.n; i++)
		must_be_sound(&f, &f.recipients[i]);
	pr_feedback_returned(&f, "Message-ID", &arena);
	pr_arena_finish(&arena);
	return 0;
}
