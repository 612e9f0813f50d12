/*
 * Which touch an event is credited to. Pure.
 *
 * A touch counts when a person made it, at or before the event and within the window. Of a campaign
 * the latest touch counts, of several campaigns the latest of all.
 */
#ifndef POSTRIDER_CONVERSIONS_ATTRIBUTE_H
#define POSTRIDER_CONVERSIONS_ATTRIBUTE_H

#include "postrider/campaign/conversions.h"
#include "postrider/ledger/people.h"

struct pr_touch {
	int64_t at_ms;
	enum pr_touch_kind kind;
	uint32_t link; /* of a click; else 0 */
};

/* Clocks of shops and ours differ: an event may be so much older than its touch. */
#define PR_TOUCH_SLACK_MS 60000

/*
 * The latest touch of a row by the rule, for an event at at_ms. hits: judged (ledger/people.h).
 * delivered_ms: when the message was accepted; 0: it was not. by_token: the event was told with a
 * token of this row, which its person had in hand: who clicks is not judged. False: none.
 */
bool pr_touch_find(const struct pr_conversion_rule *rule, const struct pr_hit *hits, size_t n,
                   int64_t delivered_ms, int64_t at_ms, bool by_token, struct pr_touch *out);

#endif
