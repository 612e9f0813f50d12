/*
 * What a lane and a quota kept: the input is such a text. Holds: whatever is taken over stays
 * within the rules, and what is saved of it is taken over again.
 */
#include "postrider/base/error.h"
#include "postrider/shaping/shape.h"

#define NOW_MS PR_HOUR_MS
#define UTC_MS 1795000000000

static const char rules[] = "default: {connections: 8}\n"
			    "rules:\n"
			    "- {reply: a, action: suspend, count: 3, for: 1h}\n"
			    "- {reply: b, action: throttle, factor: 0.5, for: 1h}\n"
			    "- {reply: c, action: fewer_connections, for: 1h}\n"
			    "- {reply: d, action: fewer_messages_per_connection, for: 1h}\n"
			    "- {reply: e, action: throttle, connection_rate: 1/m, for: 1h}\n";

static void
check(struct pr_shape *s)
{
	unsigned n = pr_shape_connections(s, NOW_MS);
	struct pr_shape_why why;
	int64_t send = pr_shape_may_send(s, NOW_MS, &why);
	PR_ASSERT(s->limit >= 1 && s->limit <= 8 && n <= 8);
	PR_ASSERT(send == 0 || (send > NOW_MS && send <= NOW_MS + PR_HOUR_MS));
	PR_ASSERT(pr_shape_messages(s, NOW_MS) > 0);
	/* nothing is left of it when all times are over */
	PR_ASSERT(pr_shape_may_send(s, NOW_MS + 2 * PR_HOUR_MS, &why) == 0);
}

static void
try_shape(pr_shaping *shaping, struct pr_str text)
{
	struct pr_shape s;
	struct pr_buf saved = {0};
	pr_shape_init(&s, shaping, pr_shaping_default(shaping), NULL, 20);
	if (pr_shape_restore(&s, text, NOW_MS, UTC_MS) == 0 &&
	    pr_shape_save(&s, NOW_MS, UTC_MS, &saved))
		PR_ASSERT(pr_shape_restore(&s, pr_buf_str(&saved), NOW_MS, UTC_MS) == 0);
	check(&s);
	pr_buf_finish(&saved);
	pr_shape_finish(&s);
}

static void
try_quota(struct pr_str text)
{
	struct pr_quota q = {0};
	char out[PR_QUOTA_TEXT_MAX];
	if (pr_quota_restore(&q, text) < 0)
		return;
	PR_ASSERT(pr_quota_save(&q, out) < sizeof out);
	pr_quota_begin(&q, &(struct pr_allowance){.day = 20000, .n = 100, .who = "x"});
	PR_ASSERT(pr_quota_room(&q) == 0 && pr_quota_left(&q) <= 100);
	PR_ASSERT(pr_quota_claim(&q, 50) <= 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static pr_shaping *shaping;
	struct pr_problems problems = {0};
	struct pr_str text = pr_str_n((const char *)data, n);
	if (!shaping)
		PR_ASSERT(pr_shaping_parse(pr_str(rules), "r", &problems, &shaping) == 0);
	try_shape(shaping, text);
	try_quota(text);
	return 0;
}
