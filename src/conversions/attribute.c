/* Which touch an event is credited to; see attribute.h. */
#include "postrider/conversions/attribute.h"

static bool
is_in_window(const struct pr_conversion_rule *rule, int64_t touch_ms, int64_t at_ms)
{
	return touch_ms <= at_ms + PR_TOUCH_SLACK_MS && touch_ms >= at_ms - rule->window_ms;
}

/* PR_TOUCH_UNSAID: it is none. */
static enum pr_touch_kind
kind_of(const struct pr_hit *h, bool by_token)
{
	if (h->kind == PR_ENGAGEMENT_CLICK && (by_token || !h->machine))
		return PR_TOUCH_CLICK;
	if (h->kind == PR_ENGAGEMENT_OPEN && !h->machine)
		return PR_TOUCH_OPEN;
	return PR_TOUCH_UNSAID;
}

/* Of two at the same time the click says more. */
static void
take(struct pr_touch *best, struct pr_touch t)
{
	if (best->kind == PR_TOUCH_UNSAID || t.at_ms > best->at_ms ||
	    (t.at_ms == best->at_ms && t.kind < best->kind))
		*best = t;
}

bool
pr_touch_find(const struct pr_conversion_rule *rule, const struct pr_hit *hits, size_t n,
              int64_t delivered_ms, int64_t at_ms, bool by_token, struct pr_touch *out)
{
	struct pr_touch best = {0};
	for (size_t i = 0; i < n; i++) {
		enum pr_touch_kind kind = kind_of(&hits[i], by_token);
		if (kind == PR_TOUCH_UNSAID || kind > rule->after ||
		    !is_in_window(rule, hits[i].at_ms, at_ms))
			continue;
		take(&best, (struct pr_touch){hits[i].at_ms, kind,
		                              kind == PR_TOUCH_CLICK ? hits[i].link : 0});
	}
	if (rule->after == PR_TOUCH_DELIVERY && delivered_ms &&
	    is_in_window(rule, delivered_ms, at_ms))
		take(&best, (struct pr_touch){delivered_ms, PR_TOUCH_DELIVERY, 0});
	if (best.kind == PR_TOUCH_UNSAID)
		return false;
	*out = best;
	return true;
}
