/*
 * Who enters a series now.
 *
 *   date     contacts whose day it is, at their hour, unless that is too long ago
 *   event    arrivals behind the last that was seen
 *   absence  whose last event is as old as it is to be; with `existing`, or older
 *   segment  who is in it and was not at the last look: two lists in order, side by side
 *
 * Candidates are asked for in the audience a few hundred at a time; the ledger leaves out who
 * entered for the same already.
 */
#include "recipients_internal.h"

#include "postrider/audience/occur.h"
#include "postrider/audience/snapshot.h"
#include "postrider/campaign/series.h"
#include "series.h"

#include <stdlib.h>

#define ASKED_AT_ONCE 500u
#define DAYS_MAX PR_OCCUR_DAYS_MAX
#define INSIDE_READ 1024u /* contacts of the ledger at once */
#define NOBODY INT64_MAX

struct candidate {
	uint64_t person;
	int64_t contact, occurrence, due_ms;
};

/* Makes room for one more, twice as much at the powers of two; false: that is too many. */
static bool
grow(void **items, size_t n, size_t size)
{
	if (n == PR_SERIES_LOOK_MAX)
		return false;
	if (n < 64 ? n == 0 : (n & (n - 1)) == 0)
		*items = pr_realloc(*items, (n < 64 ? 64 : 2 * n) * size);
	return true;
}

struct look {
	const struct pr_series_source *s;
	struct pr_series_found *out;
	struct zones zones;
	struct candidate waiting[ASKED_AT_ONCE];
	size_t waiting_n;
	int result;
	struct pr_error *e;
};

/* ---- candidates ---- */

static bool
enter(struct pr_series_found *out, uint64_t person, int64_t occurrence, int64_t contact,
      int64_t due_ms)
{
	if (!grow((void **)&out->entries, out->n, sizeof *out->entries))
		return false;
	out->entries[out->n++] = (struct pr_series_entry){person, occurrence, contact, due_ms};
	return true;
}

/* Those of the waiting candidates that are in the audience enter. */
static int
flush(struct look *k)
{
	int64_t contacts[ASKED_AT_ONCE];
	bool in[ASKED_AT_ONCE] = {false};
	struct pr_series_found *out = k->out;
	for (size_t i = 0; i < k->waiting_n; i++)
		contacts[i] = k->waiting[i].contact;
	int r = series_members(k->s, SERIES_AUDIENCE, contacts, k->waiting_n, in, k->e);
	for (size_t i = 0; i < k->waiting_n && r == 0; i++) {
		const struct candidate *c = &k->waiting[i];
		if (in[i] && !enter(out, c->person, c->occurrence, c->contact, c->due_ms))
			out->more = true;
	}
	k->waiting_n = 0;
	return r;
}

/* Somebody it happens to at due_ms. */
static bool
consider(struct look *k, const struct pr_occurrence *o, int64_t due_ms)
{
	uint64_t person = pr_series_person(k->s->ledger, o->address);
	int r = pr_series_has(k->s->ledger, person, o->occurrence, k->e);
	if (r == 0)
		k->waiting[k->waiting_n++] =
		    (struct candidate){person, o->contact, o->occurrence, due_ms};
	if (r >= 0 && k->waiting_n == ASKED_AT_ONCE)
		r = flush(k);
	k->result = r < 0 ? r : 0;
	return r >= 0 && !k->out->more;
}

/* ---- a day of theirs ---- */

static bool
on_date(void *context, const struct pr_occurrence *o)
{
	struct look *k = context;
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	int64_t day = o->occurrence + (t->after_ms - t->before_ms) / PR_DAY_MS;
	int64_t due_ms = pr_local_to_utc_ms(zone_of(&k->zones, o->timezone),
	                                    day * PR_DAY_MS + t->minute * PR_MINUTE_MS);
	if (due_ms > k->s->now_ms || due_ms <= k->s->now_ms - t->late_ms || due_ms < k->s->begun_ms)
		return true;
	return consider(k, o, due_ms);
}

/* The days that may be meant somewhere on Earth. */
static int
look_at_dates(struct look *k)
{
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	int64_t shift = (t->after_ms - t->before_ms) / PR_DAY_MS;
	int64_t first = (k->s->now_ms - t->late_ms) / PR_DAY_MS - shift - 1;
	int64_t last = k->s->now_ms / PR_DAY_MS - shift + 1;
	int64_t days[DAYS_MAX];
	size_t n = 0;
	for (int64_t day = last; day >= first && n < DAYS_MAX; day--)
		days[n++] = day;
	int r = zones_open(&k->zones, k->s->manifest, k->s->config, k->e);
	if (r == 0)
		r = pr_occur_dates(k->s->audience, pr_text_str(&t->date), days, n, !t->once,
		                   on_date, k, k->e);
	return r;
}

/* ---- what they did, or did not ---- */

static bool
on_event(void *context, const struct pr_occurrence *o)
{
	struct look *k = context;
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	int64_t due_ms = o->occurrence + t->after_ms;
	return due_ms <= k->s->now_ms - t->late_ms || consider(k, o, due_ms);
}

/* What came before it began is not for it. */
static int
look_at_events(struct look *k)
{
	int64_t before = pr_series_seen(k->s->ledger), seq = before;
	if (before < 0)
		return pr_occur_before(k->s->audience, k->s->begun_ms, &k->out->seen, k->e);
	int r = pr_occur_events(k->s->audience, pr_text_str(&k->s->manifest->trigger.event),
	                        ASKED_AT_ONCE, &seq, on_event, k, k->e);
	if (r == 0 && seq != before) {
		k->out->seen = seq;
		k->out->more = true; /* until nothing is behind it */
	}
	return r;
}

static bool
on_absence(void *context, const struct pr_occurrence *o)
{
	struct look *k = context;
	return consider(k, o, k->s->now_ms);
}

/* `existing` is asked once: from then on it is a matter of who reaches the time. */
static int
look_at_absences(struct look *k)
{
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	bool all = t->existing && pr_series_seen(k->s->ledger) < 0;
	int64_t begun = k->s->begun_ms, late = k->s->now_ms - t->late_ms;
	int64_t from = all ? INT64_MIN : (begun > late ? begun : late) - t->after_ms;
	return pr_occur_absences(k->s->audience, pr_text_str(&t->absence), from,
	                         k->s->now_ms - t->after_ms, on_absence, k, k->e);
}

/* ---- a segment ---- */

struct members { /* of both, in order of their ids */
	struct look *look;
	int64_t before[INSIDE_READ]; /* some of them, as the ledger has them */
	size_t n, at;
	int64_t was; /* who was inside, at hand; NOBODY: no more */
	bool begins; /* nobody was ever looked for */
};

/* The next one that was inside. */
static int
next_before(struct members *m)
{
	int r = 0;
	if (m->at == m->n && m->was != NOBODY) {
		m->at = 0;
		r = pr_series_inside(m->look->s->ledger, m->was, m->before, INSIDE_READ, &m->n,
		                     m->look->e);
	}
	if (r == 0)
		m->was = m->at < m->n ? m->before[m->at++] : NOBODY;
	return r;
}

static void
leave(struct members *m, int64_t contact)
{
	struct pr_series_found *out = m->look->out;
	if (grow((void **)&out->outside, out->outside_n, sizeof *out->outside))
		out->outside[out->outside_n++] = contact;
	else
		out->more = true;
}

static void
come(struct members *m, int64_t contact, struct pr_str address)
{
	const struct pr_series_source *s = m->look->s;
	struct pr_series_found *out = m->look->out;
	if (!grow((void **)&out->inside, out->inside_n, sizeof *out->inside)) {
		out->more = true;
		return;
	}
	out->inside[out->inside_n++] = contact;
	if (!m->begins || s->manifest->trigger.existing)
		enter(out, pr_series_person(s->ledger, address), s->now_ms, contact, s->now_ms);
}

static int
on_member(void *context, int64_t id, const struct pr_str *fields, size_t n)
{
	struct members *m = context;
	(void)n;
	int r = 0;
	while (r == 0 && m->was < id) {
		leave(m, m->was);
		r = next_before(m);
	}
	if (r == 0 && m->was == id)
		r = next_before(m);
	else if (r == 0)
		come(m, id, fields[0]);
	return r;
}

/* Until all that are there at the beginning are in the ledger, nobody comes. */
static int
look_at_segment(struct look *k)
{
	struct members m = {.look = k, .begins = pr_series_seen(k->s->ledger) < 0};
	struct pr_snapshot_rows rows = {.row = on_member, .context = &m};
	struct pr_buf both = {0};
	struct pr_snapshot_ask ask = series_ask(k->s, SERIES_BOTH, &both);
	ask.order = PR_SNAPSHOT_ID;
	int r = next_before(&m);
	if (r == 0)
		r = pr_snapshot(k->s->audience, &ask, &rows, k->e);
	while (r == 0 && m.was != NOBODY) {
		leave(&m, m.was);
		r = next_before(&m);
	}
	if (r == 0 && m.begins && !k->out->more)
		k->out->seen = 1;
	pr_buf_finish(&both);
	return r;
}

/* ---- all ---- */

int
pr_series_look(const struct pr_series_source *s, struct pr_series_found *out, struct pr_error *e)
{
	static int (*const looks[])(struct look *) = {[PR_TRIGGER_DATE] = look_at_dates,
	                                              [PR_TRIGGER_EVENT] = look_at_events,
	                                              [PR_TRIGGER_ABSENCE] = look_at_absences,
	                                              [PR_TRIGGER_SEGMENT] = look_at_segment};
	struct look *k = pr_calloc(1, sizeof *k);
	k->s = s;
	k->out = out;
	k->e = e;
	out->seen = -1;
	int r = looks[s->manifest->trigger.kind](k);
	if (r == 0)
		r = k->result;
	if (r == 0 && k->waiting_n)
		r = flush(k);
	bool absent = s->manifest->trigger.kind == PR_TRIGGER_ABSENCE;
	if (r == 0 && absent && !out->more && pr_series_seen(s->ledger) < 0)
		out->seen = 1;
	zones_close(&k->zones);
	free(k);
	return r;
}

void
pr_series_found_finish(struct pr_series_found *f)
{
	free(f->entries);
	free(f->inside);
	free(f->outside);
}
