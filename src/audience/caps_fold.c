/*
 * Folding: records become entries in memory.
 *
 *   intent, wire -> granted: whose slot it is, until the outcome
 *   outcome      -> entry of the row in the young table: settled, held or gone
 *   mass mark    -> what the campaign holds as deferred is given back
 *   clock        -> by how much the due clock is ahead of the times of records
 *
 * How they become rows of the file: caps_flush.c.
 */
#include "caps_internal.h"

const struct caps_entry *
caps_find(const pr_caps *c, uint32_t campaign, uint32_t row)
{
	uint64_t key = caps_key(campaign, row);
	const struct caps_entry *n = pr_map_get(&c->young.by_row, key);
	return n ? n : pr_map_get(&c->flushing.by_row, key);
}

static struct caps_entry *
young_entry(pr_caps *c, uint64_t person, uint32_t campaign, uint32_t row)
{
	struct caps_table *t = &c->young;
	struct caps_entry *n = pr_map_get(&t->by_row, caps_key(campaign, row));
	if (n)
		return n;
	n = caps_table_add(t, person);
	n->campaign = campaign;
	n->row = row;
	pr_map_put(&t->by_row, caps_key(campaign, row), n);
	n->next = pr_map_put(&t->by_person, person & ~1ull, n);
	return n;
}

/* ---- records ---- */

static void
fold_intent(pr_caps *c, const struct pr_record *r)
{
	struct pr_intent i;
	if (r->payload_n == 0 || pr_intent_decode(pr_str_n(r->payload, r->payload_n), &i) < 0 ||
	    !i.person)
		return;
	pr_map_put(&c->granted, caps_key(r->campaign, r->row), (void *)(uintptr_t)i.person);
}

static uint8_t
kind_of(const struct pr_outcome *o)
{
	switch (o->state) {
	case PR_DELIVERED: return CAPS_SENT;
	case PR_DEFERRED: return CAPS_DEFERRED;
	case PR_IN_DOUBT: return CAPS_DOUBT;
	default: return CAPS_GONE;
	}
}

/* One that ends at its first try was never held. */
static bool
may_be_held(const struct pr_outcome *o)
{
	bool answered =
	    o->state == PR_DELIVERED || o->state == PR_DEFERRED || o->state == PR_BOUNCED;
	return o->doubts > 0 || o->attempts > 1 || (o->attempts == 1 && !answered);
}

static void
put(pr_caps *c, uint64_t person, const struct pr_record *r, const struct pr_outcome *o,
    int64_t at_ms)
{
	uint8_t kind = kind_of(o);
	bool held = may_be_held(o);
	if (kind == CAPS_GONE && !held && !caps_find(c, r->campaign, r->row))
		return; /* nothing ever was */
	struct caps_entry *n = young_entry(c, person, r->campaign, r->row);
	n->kind = kind;
	n->at_ms = at_ms;
	n->was_held |= held;
}

/* The outcome of a row that was not on its way: it may have a slot from before. One that is
 * settled for good keeps it, whatever comes back later. */
static int
fold_unasked(pr_caps *c, const struct pr_record *r, const struct pr_outcome *o, struct pr_error *e)
{
	struct caps_entry was;
	const struct caps_entry *n = caps_find(c, r->campaign, r->row);
	if (!n) {
		int found = caps_held(c, r->campaign, r->row, &was, e);
		if (found <= 0)
			return found;
		n = &was;
	}
	if (n->kind == CAPS_GONE || n->kind == CAPS_SENT)
		return 0;
	was = *n;
	struct caps_entry *now = young_entry(c, was.person, r->campaign, r->row);
	now->kind = kind_of(o);
	now->at_ms = was.at_ms;
	now->was_held = true;
	return 0;
}

static int
fold_outcome(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	struct pr_outcome o;
	void *granted = pr_map_remove(&c->granted, caps_key(r->campaign, r->row));
	if (r->lsn < c->folded || pr_outcome_decode(pr_str_n(r->payload, r->payload_n), &o) < 0)
		return 0;
	if (!granted)
		return fold_unasked(c, r, &o, e);
	put(c, (uint64_t)(uintptr_t)granted, r, &o, r->at_ms + c->offset_ms);
	return 0;
}

/* The same again changes nothing, so it is written at once. */
static int
fold_mass(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (r->lsn < c->folded ||
	    pr_map_put(&c->voided, r->campaign, (void *)(uintptr_t)(r->lsn + 1)))
		return 0;
	int result = caps_statement(c, CAPS_VOID_PUT, &s, e);
	if (result < 0)
		return result;
	sqlite3_bind_int64(s, 1, r->campaign);
	return pr_db_run(s, e);
}

static void
fold_clock(pr_caps *c, const struct pr_record *r)
{
	int64_t offset_ms;
	if (r->lsn >= c->folded &&
	    pr_clock_decode(pr_str_n(r->payload, r->payload_n), &offset_ms) == 0)
		c->offset_ms = offset_ms;
}

int
pr_caps_fold(pr_caps *c, const struct pr_record *r, struct pr_error *e)
{
	switch (r->type) {
	case PR_RECORD_INTENT:
	case PR_RECORD_WIRE: fold_intent(c, r); return 0;
	case PR_RECORD_OUTCOME: return fold_outcome(c, r, e);
	case PR_RECORD_MASS: return fold_mass(c, r, e);
	case PR_RECORD_CLOCK: fold_clock(c, r); return 0;
	default: return 0;
	}
}

uint64_t
pr_caps_needs(const pr_caps *c)
{
	return c->folded;
}
