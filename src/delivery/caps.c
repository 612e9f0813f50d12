/*
 * Frequency caps: how many messages one person gets, over all campaigns (audience/caps.h).
 *
 *   refill -> folder lane asks caps.db about the batch, as of all that is folded there
 * (caps_read.c) full -> skipped when the batch arrives, with the cap as the reason full only with
 * what others hold, or `over: wait` -> put off else the row knows how much *room* there is grant ->
 * room less what was taken since: messages on their way (*open*), and outcomes that what the row
 * was told did not know yet (*recent*) enough -> its intent says the person; nobody else can take
 * that slot any more, for grants are made one after the other not -> it goes back and is looked at
 * again: caps.db alone says that somebody is over
 *
 * Recent outcomes are kept in order, so many of them; *floor* tells from where on all are here.
 * A row that was told something older is looked at again. So no time a row spends in memory, no
 * number of campaigns and no kill lets two take the last slot. After a restart nothing is open:
 * what was on the wire is in doubt, which counts.
 *
 * Whose messages are counted: of each class that some cap names, of the configuration or of any
 * campaign under way.
 */
#include "internal.h"

#include <stdlib.h>

#define RECENT_MAX (256u << 10)
#define AGAIN_MS PR_SECOND_MS
#define CLOCK_DRIFT_MS PR_SECOND_MS
#define KEEP_MIN_MS (40 * PR_DAY_MS) /* caps that are added find what was */

struct recent { /* it took a slot */
	uint64_t person;
	uint64_t end;    /* of its outcome: who has folded so far knows it */
	uint64_t before; /* number of the one before it of the same person; 0: none */
};

struct capping {
	bool counts[2]; /* marketing, transactional */
	int64_t keep_ms;
	struct pr_hash_key key;
	struct pr_map open;   /* person without class -> struct send, chained */
	struct pr_map latest; /* the same -> number of its latest outcome */
	struct recent *recent;
	size_t cap;           /* a power of two */
	uint64_t first, next; /* numbers of those that are there; from 1 */
	uint64_t floor;
	int64_t offset_ms; /* due clock less wall clock, as the journal has it */
	bool clock_known;
};

static uint64_t
who(uint64_t person)
{
	return person & ~1ull;
}

static bool
is_transactional(const struct pr_campaign *c)
{
	return c->manifest && c->manifest->class_ != PR_MARKETING;
}

/* ---- recent outcomes ---- */

static struct recent *
recent_at(const struct capping *p, uint64_t number)
{
	return &p->recent[number & (p->cap - 1)];
}

static void
drop_oldest(struct capping *p)
{
	const struct recent *r = recent_at(p, p->first);
	if ((uintptr_t)pr_map_get(&p->latest, r->person) == p->first)
		pr_map_remove(&p->latest, r->person);
	if (r->end > p->floor)
		p->floor = r->end;
	p->first++;
}

static void
grow(struct capping *p)
{
	size_t cap = p->cap ? p->cap * 2 : 1024;
	struct recent *wider = pr_alloc(cap * sizeof *wider);
	for (uint64_t n = p->first; n < p->next; n++)
		wider[n & (cap - 1)] = *recent_at(p, n);
	free(p->recent);
	p->recent = wider;
	p->cap = cap;
}

/* What is not folded yet nobody else knows: it stays. */
static void
add_recent(struct pr_delivery *d, uint64_t person, uint64_t end)
{
	struct capping *p = d->capping;
	while (p->next - p->first >= RECENT_MAX && recent_at(p, p->first)->end <= d->folded)
		drop_oldest(p);
	if (p->next - p->first == p->cap)
		grow(p);
	void *before = pr_map_put(&p->latest, person, (void *)(uintptr_t)p->next);
	*recent_at(p, p->next++) =
	    (struct recent){.person = person, .end = end, .before = (uintptr_t)before};
}

static unsigned
count_recent(const struct capping *p, uint64_t person, uint64_t folded)
{
	unsigned n = 0;
	uint64_t at = (uintptr_t)pr_map_get(&p->latest, person);
	for (; at >= p->first && recent_at(p, at)->end > folded; at = recent_at(p, at)->before)
		n++;
	return n;
}

static unsigned
count_open(const struct capping *p, uint64_t person)
{
	unsigned n = 0;
	for (const struct send *s = pr_map_get(&p->open, person); s; s = s->of_person)
		n++;
	return n;
}

/* ---- grants and outcomes ---- */

uint64_t
caps_person(const struct pr_campaign *c, struct pr_str address)
{
	const struct capping *p = c->delivery->capping;
	bool transactional = is_transactional(c);
	return p->counts[transactional] ? pr_caps_person(p->key, address, transactional) : 0;
}

bool
caps_let(const struct pr_campaign *c, const struct pr_row *row)
{
	const struct capping *p = c->delivery->capping;
	if (!c->capped || row->room == PR_CAP_NO_LIMIT)
		return true;
	if (row->folded < p->floor)
		return false;
	uint64_t person = who(pr_caps_person(p->key, row->email, false));
	return count_open(p, person) + count_recent(p, person, row->folded) < row->room;
}

/* Outcomes say when by the wall clock; the journal knows how far that is from the due clock. */
static void
note_clock(struct pr_delivery *d)
{
	struct capping *p = d->capping;
	int64_t offset = due_now(d) - pr_utc_ms(), drift = offset - p->offset_ms;
	if (p->clock_known && drift < CLOCK_DRIFT_MS && drift > -CLOCK_DRIFT_MS)
		return;
	p->offset_ms = offset;
	p->clock_known = true;
	pr_buf_clear(&d->scratch);
	pr_clock_encode(offset, &d->scratch);
	struct pr_record r = {.type = PR_RECORD_CLOCK,
	                      .at_ms = pr_utc_ms(),
	                      .payload = d->scratch.data,
	                      .payload_n = (uint16_t)d->scratch.len};
	pr_journal_append(d->journal, &r);
}

void
caps_granted(struct send *s)
{
	struct capping *p = s->campaign->delivery->capping;
	if (!pr_row_is_seed(s->number))
		s->person = caps_person(s->campaign, s->row->email);
	if (s->person)
		s->of_person = pr_map_put(&p->open, who(s->person), s);
}

static void
leave_open(struct capping *p, struct send *s)
{
	struct send *first = pr_map_get(&p->open, who(s->person));
	if (first == s) {
		if (s->of_person)
			pr_map_put(&p->open, who(s->person), s->of_person);
		else
			pr_map_remove(&p->open, who(s->person));
		return;
	}
	while (first->of_person != s)
		first = first->of_person;
	first->of_person = s->of_person;
}

void
caps_before_outcome(const struct send *s)
{
	if (s->person)
		note_clock(s->campaign->delivery);
}

void
caps_after_outcome(struct send *s, const struct pr_outcome *o)
{
	struct pr_campaign *c = s->campaign;
	if (!s->person)
		return;
	leave_open(c->delivery->capping, s);
	if (o->state == PR_DELIVERED || o->state == PR_DEFERRED || o->state == PR_IN_DOUBT)
		add_recent(c->delivery, who(s->person), c->last_lsn);
}

/* ---- a batch arrives ---- */

/* One that nobody has tried gets its time by an outcome; the others have one already. */
void
caps_settle(struct pr_campaign *c, struct pr_batch *b, bool due)
{
	unsigned kept = 0;
	size_t put_off_n = 0;
	struct pr_put_off *put_off = c->capped ? pr_alloc((b->n + 1) * sizeof *put_off) : NULL;
	for (unsigned i = 0; i < b->n; i++) {
		const struct pr_row *row = &b->rows[i];
		if (row->capped)
			outcome_capped(c, row, row->capped);
		else if (row->wait_ms && due)
			put_off[put_off_n++] = (struct pr_put_off){row->row, row->wait_ms};
		else if (row->wait_ms)
			outcome_put_off(c, row, row->wait_ms);
		else
			b->rows[kept++] = *row;
		if (row->capped || (row->wait_ms && !due))
			suppress_note_settled(c, row->row);
	}
	b->n = kept;
	if (put_off_n)
		due_put_off(c, put_off, put_off_n);
	free(put_off);
}

void
caps_again(struct pr_campaign *c, const struct pr_row *row)
{
	struct pr_put_off later = {row->row, due_now(c->delivery) + AGAIN_MS};
	if (row->state == PR_PENDING)
		outcome_put_off(c, row, later.due_utc_ms);
	else
		due_put_off(c, &later, 1);
}

/* ---- which caps there are ---- */

static size_t
caps_of(const struct pr_yaml_array *a, const struct pr_cap **first)
{
	*first = a->items;
	return a->n;
}

static void
note_caps(struct capping *p, const struct pr_yaml_array *a)
{
	const struct pr_cap *cap;
	size_t n = caps_of(a, &cap);
	for (size_t i = 0; i < n; i++) {
		for (unsigned class_ = 0; class_ < 2; class_++)
			p->counts[class_] |= pr_cap_stops(&cap[i], class_);
		if (cap[i].per.ms > p->keep_ms)
			p->keep_ms = cap[i].per.ms;
	}
}

static bool
any_stops(const struct pr_yaml_array *a, bool transactional)
{
	const struct pr_cap *cap;
	size_t n = caps_of(a, &cap);
	for (size_t i = 0; i < n; i++)
		if (pr_cap_stops(&cap[i], transactional))
			return true;
	return false;
}

/* After a reload rows in memory were read under other caps: they are read again. */
void
caps_configure(struct pr_delivery *d, bool reloaded)
{
	struct capping *p = d->capping;
	p->counts[0] = p->counts[1] = false;
	p->keep_ms = KEEP_MIN_MS;
	note_caps(p, &d->config->caps);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (!c->manifest || c->closed)
			continue;
		note_caps(p, &c->manifest->caps);
		bool capped = any_stops(&d->config->caps, is_transactional(c)) ||
		              any_stops(&c->manifest->caps, is_transactional(c));
		if (reloaded && (capped || c->capped))
			refill_drop(c);
		c->capped = capped;
	}
}

int64_t
caps_oldest_ms(const struct pr_delivery *d)
{
	return due_now(d) - d->capping->keep_ms;
}

static void
add_caps(struct caps_ask *ask, const struct pr_yaml_array *a)
{
	const struct pr_cap *cap;
	size_t n = caps_of(a, &cap);
	for (size_t i = 0; i < n && ask->n < 2 * PR_CAPS_MAX; i++)
		if (pr_cap_stops(&cap[i], ask->transactional))
			ask->caps[ask->n++] = cap[i];
}

struct caps_ask *
caps_ask_of(const struct pr_campaign *c)
{
	const struct pr_delivery *d = c->delivery;
	if (!c->capped)
		return NULL;
	struct caps_ask *ask = pr_calloc(1, sizeof *ask);
	ask->campaign = c->serial;
	ask->transactional = is_transactional(c);
	ask->key = d->capping->key;
	ask->now_ms = due_now(d);
	ask->offset_ms = ask->now_ms - pr_utc_ms();
	ask->timezone = pr_strdup(d->config->timezone.p);
	add_caps(ask, &d->config->caps);
	add_caps(ask, &c->manifest->caps);
	return ask;
}

void
caps_ask_free(struct caps_ask *ask)
{
	if (ask)
		free(ask->timezone);
	free(ask);
}

/* ---- open, close ---- */

void
caps_open(struct pr_delivery *d)
{
	struct pr_state_identity id;
	struct capping *p = d->capping = pr_calloc(1, sizeof *p);
	pr_statedb_identity(d->options.statedb, &id);
	p->key = id.address_key;
	p->first = p->next = 1;
	p->keep_ms = KEEP_MIN_MS;
}

/* What recovery found in doubt is not among the recent ones. */
void
caps_recovered(struct pr_delivery *d)
{
	d->capping->floor = pr_journal_end(d->journal);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->capped)
			c->fresh_after = d->capping->floor;
	}
}

void
caps_close(struct pr_delivery *d)
{
	struct capping *p = d->capping;
	if (!p)
		return;
	pr_map_finish(&p->open);
	pr_map_finish(&p->latest);
	free(p->recent);
	free(p);
	d->capping = NULL;
}
