/*
 * Draining: no new messages; what no connection holds yet is withdrawn, what is in
 * flight ends, at most for the time given: then connections are dropped, and what their
 * peers owe an answer for is in doubt. Last, what was said is folded, so that each campaign's
 * folder stands alone; that too has its bound, for the journal has it all. Then the owner is
 * told.
 */
#include "internal.h"

#define FOLD_MS (5 * PR_SECOND_MS)

static bool
in_flight(const struct pr_delivery *d)
{
	if (d->sends > 0)
		return true;
	PR_LIST_EACH(link, &d->lanes)
		if (PR_CONTAINER(link, struct lane, link)->conns_n > 0)
			return true;
	return false;
}

static bool
all_folded(struct pr_delivery *d)
{
	fold_ask(d);
	return d->folded >= pr_journal_end(d->journal);
}

static void
on_drain_timer(struct pr_timer *t)
{
	struct pr_delivery *d = PR_CONTAINER(t, struct pr_delivery, drain_timer);
	int64_t now = pr_loop_now_ms(d->loop);
	if (in_flight(d) && now >= d->drain_until_ms)
		PR_LIST_EACH(link, &d->lanes)
			lane_abort(PR_CONTAINER(link, struct lane, link), "the daemon ends");
	else if (!in_flight(d)) {
		if (!d->fold_until_ms)
			d->fold_until_ms = now + FOLD_MS;
		if (all_folded(d) || now >= d->fold_until_ms) { /* a full disk folds nothing */
			d->options.on_drained(d->options.context);
			return;
		}
	}
	pr_timer_start(t, 10);
}

void
drain_init(struct pr_delivery *d)
{
	pr_timer_init(&d->drain_timer, d->loop, on_drain_timer);
}

void
pr_delivery_drain(pr_delivery *d, int64_t timeout_ms)
{
	if (d->draining)
		return;
	d->draining = true;
	d->drain_until_ms = pr_loop_now_ms(d->loop) + timeout_ms;
	PR_LIST_EACH(link, &d->lanes) {
		struct lane *l = PR_CONTAINER(link, struct lane, link);
		lane_withdraw(l, NULL);
		lane_quit(l);
	}
	pr_timer_start(&d->drain_timer, 0);
}
