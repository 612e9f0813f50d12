/*
 * Rows with times of their own: by the recipient's clock, quiet hours, holidays.
 *
 *   batch read -> folder lane asks of each row when it may go -> now: until when it may
 *              -> later: put off in the ledger, fresh rows too
 *              -> never: its deadline has passed, it is skipped
 *
 * Import gave most rows a time already; what is asked here holds for retries, for rows that waited
 * for a person or a slow receiver, and for those that quiet hours met on their way. What is in
 * memory may go until some moment: at the first of these all that is not granted is dropped and
 * read again, and what is granted is withdrawn when a connection would take it.
 *
 * Such a campaign lives by the wall clock, its retries too: what is nine in the morning is not
 * for the due clock to say.
 */
#include "internal.h"

#include <stdlib.h>

/* ---- what the ledger says, once ---- */

static int64_t
number_of(pr_ledger *l, const char *key)
{
	struct pr_buf text = {0};
	long long value = pr_ledger_get(l, key, &text) == 0 ? strtoll(text.data, NULL, 10) : 0;
	pr_buf_finish(&text);
	return value;
}

void
work_timed_read(struct timed *t, pr_ledger *l)
{
	pr_arena_init(&t->arena);
	t->columns_n = pr_ledger_columns(l, &t->arena, &t->columns);
	t->first_ms = number_of(l, PR_FACT_FIRST_MS);
	t->last_ms = number_of(l, PR_FACT_LAST_MS);
	t->tested_ms = number_of(l, PR_FACT_TESTED_MS);
	t->known = true;
	t->shut_ms = INT64_MAX;
}

void
timed_forget(struct timed *t)
{
	pr_timing_unref(t->timing);
	if (t->known)
		pr_arena_finish(&t->arena);
	*t = (struct timed){0};
}

/* ---- the configuration ---- */

static struct pr_when
instant(int64_t utc_ms)
{
	return (struct pr_when){.set = utc_ms > 0, .fixed = true, .local_ms = utc_ms};
}

/* Nobody knows yet where those who enter a series are. */
static struct pr_when
last_on_earth(const struct pr_when *w)
{
	return w->set && !w->fixed ? instant(w->local_ms + 12 * 60 * PR_MINUTE_MS) : *w;
}

static int
make_timing(struct pr_campaign *c, struct pr_error *e)
{
	struct timed *t = &c->timed;
	struct pr_timing_source source = {.manifest = c->manifest,
	                                  .config = c->delivery->config,
	                                  .columns = t->columns,
	                                  .columns_n = t->columns_n,
	                                  .campaign_id = c->id,
	                                  .serial = c->serial,
	                                  .accepted_ms = c->accepted_ms};
	pr_timing *made = NULL;
	int r = t->known ? pr_timing_create(&source, &made, e) : 0;
	if (r < 0)
		return r;
	pr_timing_unref(t->timing);
	t->timing = made;
	t->shut_ms = 0; /* what is in memory was asked by other rules */
	return 0;
}

/* Quiet hours are for each row to keep where rows have times; else they are the campaign's. */
int
timed_configure(struct pr_campaign *c, struct pr_timetable *out, struct pr_error *e)
{
	const struct pr_config *config = c->delivery->config;
	struct pr_schedule s = c->manifest->schedule;
	int r = make_timing(c, e);
	if (r < 0)
		return r;
	if (!c->timed.timing &&
	    !pr_window_without(&s.window, pr_quiet_of(c->manifest, config), &s.window))
		return pr_fail(e, PR_EINVAL, "nothing of its window lies outside the quiet hours");
	if (s.by_recipient) {
		s.start = instant(c->timed.first_ms);
		s.deadline = c->series ? last_on_earth(&s.deadline) : instant(c->timed.last_ms);
		s.window.n = 0;
	}
	return pr_timetable_init(&s, config->timezone.p, out, e);
}

int64_t
campaign_now(const struct pr_campaign *c)
{
	return c->timed.timing ? pr_utc_ms() : due_now(c->delivery);
}

/* ---- on the folder lane ---- */

void
work_timed(pr_timing *t, struct pr_batch *b)
{
	int64_t now = pr_utc_ms();
	for (unsigned i = 0; t && i < b->n; i++) {
		if (pr_row_is_seed(b->rows[i].row)) /* as soon as its campaign may */
			continue;
		struct pr_timing_row row = {b->rows[i].row, b->rows[i].data, b->rows[i].email,
		                            b->rows[i].variant};
		struct pr_opening o = pr_timing_next(t, &row, now);
		b->rows[i].from_ms = o.from_ms;
		b->rows[i].until_ms = o.to_ms;
	}
}

/* ---- a batch arrives ---- */

/* Never: a row in doubt waits for a person from then on, as at the deadline of a campaign. */
static bool
is_over(struct pr_campaign *c, struct pr_row *row)
{
	if (row->from_ms != PR_NEVER_MS)
		return false;
	if (row->state == PR_IN_DOUBT) {
		row->from_ms = PR_LEDGER_PARKED_MS;
		return false;
	}
	outcome_skipped(c, row, "deadline");
	suppress_note_settled(c, row->row);
	return true;
}

void
timed_settle(struct pr_campaign *c, struct pr_batch *b)
{
	struct timed *t = &c->timed;
	unsigned kept = 0, later = 0;
	int64_t now = pr_utc_ms();
	if (!t->timing || b->n == 0)
		return;
	struct pr_put_off *put = pr_alloc(b->n * sizeof *put);
	for (unsigned i = 0; i < b->n; i++) {
		struct pr_row *row = &b->rows[i];
		if (is_over(c, row))
			continue;
		if (row->from_ms > now) {
			put[later++] = (struct pr_put_off){row->row, row->from_ms};
			continue;
		}
		if (row->until_ms && row->until_ms < t->shut_ms)
			t->shut_ms = row->until_ms;
		b->rows[kept++] = *row;
	}
	b->n = kept;
	due_put_off(c, put, later);
	free(put);
}

/* ---- what is on its way ---- */

void
timed_second(struct pr_campaign *c)
{
	struct timed *t = &c->timed;
	if (!t->timing || pr_utc_ms() < t->shut_ms)
		return;
	t->shut_ms = INT64_MAX;
	refill_drop(c);
	pump_ask(c->delivery);
}

bool
timed_stops(const struct send *s)
{
	return s->until_ms && pr_utc_ms() >= s->until_ms;
}

int64_t
timed_next(const struct pr_campaign *c)
{
	bool busy = c->sends || c->fresh || c->due || c->held_n || !c->fresh_end;
	bool waits = c->state == PR_CAMPAIGN_SENDING && c->timed.timing && !busy;
	return waits && c->next_due_ms < PR_LEDGER_PARKED_MS && c->next_due_ms > pr_utc_ms()
	           ? c->next_due_ms
	           : 0;
}
