/*
 * shaping.yaml, and a lane by it. The input is a file; where it is one, replies made of it are
 * heard. Holds: what is refused is told, limits stay in their bounds, patterns end.
 */
#include "postrider/base/error.h"
#include "postrider/shaping/shape.h"

static void
on_limit(void *context, const struct pr_shape_limit *l)
{
	PR_ASSERT(l->name && l->who && *l->who && strlen(l->value) < sizeof l->value);
	++*(unsigned *)context;
}

static void
hear(pr_shaping *shaping, const struct pr_shaping_policy *policy, struct pr_str text)
{
	struct pr_shape shape;
	unsigned limits = 0;
	int64_t now_ms = PR_HOUR_MS;
	pr_shape_init(&shape, shaping, policy, NULL, 20);
	for (size_t at = 0; at < text.n && now_ms < 2 * PR_HOUR_MS; at += 50, now_ms += 1000) {
		size_t n = text.n - at;
		struct pr_shape_reply reply = {.stage = PR_STAGE_RCPT,
		                               .code = 421,
		                               .text = pr_str_n(text.p + at, n < 80 ? n : 80),
		                               .class_ = PR_CLASS_RATE_LIMITED};
		pr_shape_heard(&shape, now_ms, &reply);
		PR_ASSERT(shape.limit >= 1 && shape.limit <= shape.connections_max);
		PR_ASSERT(pr_shape_messages(&shape, now_ms) > 0);
	}
	pr_shape_limits(&shape, now_ms, on_limit, &limits);
	PR_ASSERT(limits >= 4);
	pr_shape_finish(&shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_problems problems = {0};
	struct pr_str text = pr_str_n((const char *)data, n);
	pr_shaping *s;
	int r = pr_shaping_parse(text, "shaping.yaml", &problems, &s);
	PR_ASSERT(r == 0 || problems.problems > 0);
	if (r == 0) {
		const char *const names[] = {"mx.a.example"};
		hear(s, pr_shaping_match(s, names, 1), text);
		pr_shaping_unref(s);
	}
	pr_problems_finish(&problems);
	return 0;
}
