/*
 * Credits: the row of a campaign that an event is credited to. Whoever brings events has looked for
 * it before (conversions/find.h); what is kept here, in the transaction of the event itself, holds
 * for good: the same event told again, also after a crash, is credited to the same row or to
 * nobody.
 */
#include "internal.h"

#include "postrider/audience/track.h"

/* Of a text and of what follows: lengths are hashed too, so that no two pieces run together. */
static uint64_t
mix(const pr_audience *a, uint64_t so_far, struct pr_str s)
{
	uint64_t in[3] = {so_far, s.n, pr_siphash(a->keys[0], s.p ? s.p : "", s.n)};
	return pr_siphash(a->keys[1], in, sizeof in);
}

/* What the event is told apart by, without the contact's number: a person who is deleted and comes
 * again is the same. */
static uint64_t
key_of(const pr_audience *a, const struct pr_customer_event *v)
{
	char room[ADDRESS_MAX + 1];
	uint64_t key = mix(a, 0, audience_normal(v->address, room));
	key = mix(a, key, v->name);
	key = mix(a, key, v->id);
	key = mix(a, key, v->item);
	return v->id.n ? key : mix(a, key, pr_str_n((const char *)&v->at_ms, sizeof v->at_ms));
}

static int64_t
order_hash(const pr_audience *a, const struct pr_customer_event *v)
{
	return v->id.n ? (int64_t)mix(a, 1, v->id) : 0;
}

/* 1: it is credited, and *c says to whom. */
static int
get(pr_audience *a, int64_t contact, const struct pr_customer_event *v, struct pr_event_credit *c,
    struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CREDIT_GET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, order_hash(a, v));
	sqlite3_bind_int64(s, 3, (int64_t)c->key);
	if ((r = pr_db_step(s, e)) == 1) {
		c->serial = (uint32_t)sqlite3_column_int64(s, 0);
		c->row = (uint32_t)sqlite3_column_int64(s, 1);
		c->link = (uint32_t)sqlite3_column_int64(s, 2);
		c->at_ms = sqlite3_column_int64(s, 3);
		c->told = sqlite3_column_int(s, 4) != 0;
		sqlite3_reset(s);
	}
	return r;
}

/* A refund goes to whom its order went to, or to nobody. */
static int
find_order(pr_audience *a, int64_t contact, const struct pr_customer_event *v,
           struct pr_event_credit *c, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = v->id.n ? audience_statement(a, AU_CREDIT_OF_ORDER, &s, e) : 0;
	c->serial = c->row = c->link = 0;
	if (r < 0 || v->id.n == 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, order_hash(a, v));
	if ((r = pr_db_step(s, e)) == 1) {
		c->serial = (uint32_t)sqlite3_column_int64(s, 0);
		c->row = (uint32_t)sqlite3_column_int64(s, 1);
		c->link = (uint32_t)sqlite3_column_int64(s, 2);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}

static int
add(pr_audience *a, int64_t contact, const struct pr_customer_event *v,
    const struct pr_event_credit *c, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CREDIT_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, order_hash(a, v));
	sqlite3_bind_int64(s, 3, (int64_t)c->key);
	sqlite3_bind_int64(s, 4, c->serial);
	sqlite3_bind_int64(s, 5, c->row);
	sqlite3_bind_int64(s, 6, c->link);
	sqlite3_bind_int64(s, 7, c->at_ms);
	return pr_db_run(s, e);
}

int
audience_credit(pr_audience *a, int64_t contact, const struct pr_customer_event *v, bool added,
                struct pr_event_credit *c, struct pr_error *e)
{
	int r = 0;
	c->key = key_of(a, v);
	c->at_ms = v->at_ms;
	c->told = false;
	c->refund = pr_str_is(v->name, PR_EVENT_REFUND);
	if (!added) {
		c->serial = c->row = c->link = 0;
		r = get(a, contact, v, c, e);
		return r < 0 ? r : 0;
	}
	if (c->refund)
		r = find_order(a, contact, v, c, e);
	return r < 0 || !c->serial ? r : add(a, contact, v, c, e);
}

int
pr_event_credits_told(pr_audience *a, const struct pr_str *addresses, const uint64_t *keys,
                      size_t n, struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	sqlite3_stmt *s;
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if ((r = audience_statement(a, AU_CREDIT_TOLD, &s, e)) < 0)
			return r;
		pr_db_bind_text(s, 1, audience_normal(addresses[i], room));
		sqlite3_bind_int64(s, 2, (int64_t)keys[i]);
		r = pr_db_run(s, e);
	}
	return r;
}
