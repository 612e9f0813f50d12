/*
 * What hits of a row come to.
 *
 * A row is told whole: also what is not the person's, so that it goes where it was put before more
 * was known. A click says that the message was open. So the first click by the person stands for
 * an opening at its time, but where one came before it; which click that is may change as well, so
 * of each it is said whether it does.
 */
#include "internal.h"

static bool
is_of_person(const struct pr_hit *h, uint8_t kind)
{
	return h->kind == kind && !h->machine;
}

/* By the person, at its time or before; NULL: none. The earliest, of one time the first. */
static const struct pr_hit *
first_of(const struct pr_hit *hits, size_t n, uint8_t kind)
{
	const struct pr_hit *first = NULL;
	for (size_t i = 0; i < n; i++)
		if (is_of_person(&hits[i], kind) && (!first || hits[i].at_ms < first->at_ms))
			first = &hits[i];
	return first;
}

static struct pr_engaged_event
event(const struct pr_hit *h, enum pr_engaged_kind kind, bool gone)
{
	bool implied = kind == PR_ENGAGED_OPEN && h->kind == PR_ENGAGEMENT_CLICK;
	return (struct pr_engaged_event){kind, gone, implied, h->at_ms, h->lsn};
}

size_t
engage_events(const struct pr_hit *hits, size_t n, struct pr_engaged_event *out)
{
	static const int kinds[PR_ENGAGEMENT_KINDS] = {
	    [PR_ENGAGEMENT_OPEN] = 1 + PR_ENGAGED_OPEN,
	    [PR_ENGAGEMENT_CLICK] = 1 + PR_ENGAGED_CLICK,
	    [PR_ENGAGEMENT_UNSUBSCRIBE] = 1 + PR_ENGAGED_UNSUBSCRIBE,
	    [PR_ENGAGEMENT_COMPLAINT] = 1 + PR_ENGAGED_COMPLAINT};
	const struct pr_hit *opened = first_of(hits, n, PR_ENGAGEMENT_OPEN);
	const struct pr_hit *clicked = first_of(hits, n, PR_ENGAGEMENT_CLICK);
	size_t made = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pr_hit *h = &hits[i];
		int kind = h->kind < PR_ENGAGEMENT_KINDS ? kinds[h->kind] : 0;
		if (!kind)
			continue;
		out[made++] = event(h, (enum pr_engaged_kind)(kind - 1), h->machine);
		bool stands = h == clicked && !(opened && opened->at_ms <= h->at_ms);
		if (h->kind == PR_ENGAGEMENT_CLICK)
			out[made++] = event(h, PR_ENGAGED_OPEN, !stands);
	}
	return made;
}

/* A bounce that came late says by its class alone what a refusal says by its flag. */
bool
engage_is_hard(const struct pr_outcome *o)
{
	if (o->state != PR_BOUNCED || o->flags & PR_OUTCOME_SOFT)
		return false;
	if (!(o->flags & PR_OUTCOME_LATE))
		return o->flags & PR_OUTCOME_SUPPRESS;
	return o->class_ == PR_CLASS_USER_UNKNOWN || o->class_ == PR_CLASS_MAILBOX_DISABLED ||
	       o->class_ == PR_CLASS_DOMAIN_UNKNOWN;
}
