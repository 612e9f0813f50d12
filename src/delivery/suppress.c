/*
 * Suppression at the last moment.
 *
 *   refill -> folder lane checks the batch against the store, stamps it with the generation
 *          -> rows that are suppressed get their outcome when the batch arrives
 *   somebody leaves -> the desk commits -> *recent*: the address's hash and its generation
 *   a connection takes a message -> is it in recent, with a generation above the row's stamp?
 *          -> then it is withdrawn, and the refill that reads it again knows why
 *
 * So the store alone decides, in one place, with scope and reason; what the loop holds may be
 * wrong only towards looking again. Recent is bounded: when it is full, or nothing is in memory,
 * or whoever left is known by token only, it is emptied and *floor* says which stamps are too old
 * to be believed; rows below it go back and are read and checked again.
 *
 * A row that was settled when its batch arrived is not known to its ledger before that is folded.
 * Whoever steps back over it meanwhile (a pause, a domain that is behind) reads it again:
 * `settled` remembers it until then. The same holds for rows over a frequency cap (caps.c).
 */
#include "internal.h"

#include <stdlib.h>

#define RECENT_MAX (128u << 10) /* addresses */

struct suppressing {
	pr_audience *store; /* the folder lane's */
	pr_audience_desk *desk;
	struct pr_map recent; /* hash of the address -> generation, as a number */
	uint64_t newest, floor;
};

/* ---- on the folder lane ---- */

struct pr_audience_who
suppress_who(const struct pr_campaign *c)
{
	return c->manifest ? pr_manifest_who(c->manifest) : (struct pr_audience_who){0};
}

static int
check_rows(pr_audience *a, struct pr_batch *b, const struct pr_audience_who *who,
           struct pr_error *e)
{
	int64_t now = pr_utc_ms();
	struct pr_buf why = {0};
	int r = 0;
	for (unsigned i = 0; i < b->n && r >= 0; i++) {
		struct pr_row *row = &b->rows[i];
		pr_buf_clear(&why);
		if (row->email.n == 0) { /* erased; no other row without an address is ever read */
			pr_buf_adds(&why, "forgotten");
			r = 1;
		} else
			r = pr_audience_check(a, row->email, who, now, &why, e);
		row->stamp = b->stamp;
		if (r == 1)
			row->suppressed = pr_arena_strndup(&b->arena, why.data, why.len);
	}
	pr_buf_finish(&why);
	return r < 0 ? r : 0;
}

int
work_suppress(struct suppressing *s, struct pr_batch *b, const struct pr_audience_who *who,
              struct pr_error *e)
{
	if (!s)
		return 0;
	int r = pr_audience_begin(s->store, &b->stamp, e);
	if (r < 0)
		return r;
	r = check_rows(s->store, b, who, e);
	pr_audience_end(s->store);
	return r;
}

/* ---- a batch arrives ---- */

bool
suppress_is_old(const struct pr_delivery *d, uint64_t stamp)
{
	return d->suppressing && stamp < d->suppressing->floor;
}

void
suppress_note_settled(struct pr_campaign *c, uint32_t row)
{
	pr_map_put(&c->settled, row, (void *)(uintptr_t)c->last_lsn);
}

/* Whoever has folded the outcome knows what the row is since. */
static bool
is_old_news(const struct pr_campaign *c, const struct pr_batch *b, uint32_t row)
{
	return (uintptr_t)pr_map_get(&c->settled, row) > b->folded;
}

bool
suppress_is_settled(const struct pr_campaign *c, uint32_t row)
{
	return pr_map_get(&c->settled, row) != NULL;
}

void
suppress_row(struct pr_campaign *c, const struct pr_row *row, const char *why)
{
	outcome_suppressed(c, row, why);
	suppress_note_settled(c, row->row);
}

void
suppress_settle(struct pr_campaign *c, struct pr_batch *b)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < b->n; i++) {
		const struct pr_row *row = &b->rows[i];
		if (is_old_news(c, b, row->row))
			continue;
		if (row->suppressed)
			suppress_row(c, row, row->suppressed);
		else
			b->rows[kept++] = *row;
	}
	b->n = kept;
}

/* What is folded the ledger knows: what stands behind d->folded stays. */
void
suppress_folded(struct pr_campaign *c)
{
	struct pr_map left = {0};
	if (c->settled.n == 0)
		return;
	for (size_t i = 0; i < c->settled.cap; i++) {
		struct pr_map_slot *slot = &c->settled.slots[i];
		if (slot->value && (uintptr_t)slot->value > c->delivery->folded)
			pr_map_put(&left, slot->key, slot->value);
	}
	pr_map_finish(&c->settled);
	c->settled = left;
}

/* ---- the last look ---- */

bool
suppress_stops(const struct send *s)
{
	const struct suppressing *p = s->campaign->delivery->suppressing;
	if (!p || s->stamp >= p->newest)
		return false;
	if (s->stamp < p->floor)
		return true;
	uint64_t hash = pr_audience_desk_hash(p->desk, pr_str(s->envelope.to));
	return (uintptr_t)pr_map_get(&p->recent, hash) > s->stamp;
}

/* ---- somebody has left ---- */

static bool
is_idle(const struct pr_delivery *d)
{
	if (d->sends > 0)
		return false;
	PR_LIST_EACH(link, &d->campaigns) {
		const struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->fresh || c->due || c->held_n || c->fresh_running || c->due_running ||
		    c->reads)
			return false;
	}
	return true;
}

/* They are read and checked again. Ready messages are withdrawn when a connection would take
 * them. */
static void
drop_rows(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns)
		refill_drop(PR_CONTAINER(link, struct pr_campaign, link));
	pump_ask(d);
}

/* Somebody known by token may be anybody here. */
static bool
holds_anyone(const uint64_t *hashes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hashes[i] == 0)
			return true;
	return false;
}

static void
on_changed(void *context, const uint64_t *hashes, size_t n, uint64_t generation)
{
	struct pr_delivery *d = context;
	struct suppressing *s = d->suppressing;
	s->newest = generation;
	bool idle = is_idle(d);
	bool full = s->recent.n + n > RECENT_MAX || holds_anyone(hashes, n);
	if (idle || full) {
		s->floor = generation;
		pr_map_finish(&s->recent);
	}
	if (full && !idle)
		drop_rows(d);
	for (size_t i = 0; i < n && !idle && !full; i++)
		pr_map_put(&s->recent, hashes[i], (void *)(uintptr_t)generation);
}

/* ---- open, close ---- */

int
suppress_open(struct pr_delivery *d, struct pr_error *e)
{
	pr_audience_desk *desk = d->options.audience;
	if (!desk)
		return 0;
	struct suppressing *s = d->suppressing = pr_calloc(1, sizeof *s);
	s->desk = desk;
	pr_audience_desk_watch(desk, on_changed, d);
	int r = pr_audience_open(pr_audience_desk_path(desk), PR_AUDIENCE_READ, &s->store, e);
	if (r == 0)
		suppress_reload(d);
	return r;
}

void
suppress_reload(struct pr_delivery *d)
{
	struct suppressing *s = d->suppressing;
	if (!s)
		return;
	pr_audience_use(s->store, &d->config->names);
	pr_audience_desk_use(s->desk, &d->config->names);
}

void
suppress_close(struct pr_delivery *d)
{
	struct suppressing *s = d->suppressing;
	if (!s)
		return;
	pr_audience_desk_watch(s->desk, NULL, NULL);
	pr_audience_close(s->store);
	pr_map_finish(&s->recent);
	free(s);
	d->suppressing = NULL;
}
