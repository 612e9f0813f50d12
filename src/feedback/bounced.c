/*
 * Addresses that are no good, as the receiver said when a row was sent, or that bounced too often:
 * suppressed at once.
 *
 * The journal is what remembers them: until an address is suppressed, durably, a restart reads its
 * record again (pr_feedback_needs). What fails, on a full disk, is tried again.
 */
#include "desk_internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS (5 * PR_SECOND_MS)
#define ORDERED_MAX 64u

struct bounced {
	struct pr_list link;
	pr_feedback_desk *desk;
	struct pr_bounced row;
	bool ordered;
};

static void order_all(pr_feedback_desk *d);

void
bounced_again(pr_feedback_desk *d, const struct pr_error *e)
{
	if (pr_timer_running(&d->again) || d->stopped)
		return;
	PR_LOG(PR_LOG_WARNING, "suppression_waits", "%s", e->text);
	pr_timer_start(&d->again, AGAIN_MS);
}

static void
on_suppressed(void *context, int result, const struct pr_error *e)
{
	struct bounced *b = context;
	pr_feedback_desk *d = b->desk;
	d->ordered--;
	b->ordered = false;
	if (result == 0) {
		d->totals.suppressed++;
		pr_list_remove(&b->link);
		free(b);
	} else
		bounced_again(d, e);
	if (result == 0 && d->ordered == 0)
		order_all(d);
}

static void
order(struct bounced *b)
{
	char note[64];
	snprintf(note, sizeof note, "%s%s", pr_class_word((enum pr_class)b->row.class_),
	         b->row.hard ? "" : ", again and again");
	struct pr_suppression s = {.address = pr_str(b->row.address),
	                           .reason = PR_SUPPRESSION_BOUNCED,
	                           .note = pr_str(note),
	                           .source = PR_STR("reply"),
	                           .at_ms = b->row.at_ms};
	b->ordered = true;
	b->desk->ordered++;
	pr_audience_desk_suppress(b->desk->options.audience, &s, "feedback", on_suppressed, b);
}

static void
order_all(pr_feedback_desk *d)
{
	PR_LIST_EACH(link, &d->bounced) {
		struct bounced *b = PR_CONTAINER(link, struct bounced, link);
		if (d->stopped || d->ordered >= ORDERED_MAX)
			return;
		if (!b->ordered)
			order(b);
	}
}

static void
on_again(struct pr_timer *t)
{
	pr_feedback_desk *d = PR_CONTAINER(t, struct pr_feedback_desk, again);
	order_all(d);
	soft_again(d);
}

void
bounced_add(pr_feedback_desk *d, const struct pr_bounced *row)
{
	struct bounced *b = pr_calloc(1, sizeof *b);
	b->desk = d;
	b->row = *row;
	pr_list_push(&d->bounced, &b->link);
	if (!pr_timer_running(&d->again))
		order_all(d);
}

void
pr_feedback_bounced(pr_feedback_desk *d, const struct pr_bounced *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].hard)
			bounced_add(d, &rows[i]);
		else
			soft_add(d, &rows[i]);
	soft_start(d);
}

/* They come in the order of the journal, but for campaigns that were folded together. */
uint64_t
pr_feedback_needs(const pr_feedback_desk *d)
{
	uint64_t least = soft_needs(d);
	for (const struct pr_list *link = d->bounced.next; link != &d->bounced; link = link->next) {
		const struct bounced *b =
		    (const void *)((const char *)link - offsetof(struct bounced, link));
		if (b->row.lsn < least)
			least = b->row.lsn;
	}
	return least;
}

void
bounced_open(pr_feedback_desk *d)
{
	pr_list_init(&d->bounced);
	pr_timer_init(&d->again, d->options.loop, on_again);
}

void
bounced_stop(pr_feedback_desk *d)
{
	pr_timer_stop(&d->again);
}

void
bounced_close(pr_feedback_desk *d)
{
	while (!pr_list_empty(&d->bounced))
		free(PR_CONTAINER(pr_list_shift(&d->bounced), struct bounced, link));
}
