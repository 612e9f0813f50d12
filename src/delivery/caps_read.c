/*
 * Frequency caps on the folder lane: what caps.db says of the rows of a batch (see caps.c).
 *
 * Caps by the calendar follow the row's column `timezone`, else the configuration's. Their spans
 * begin and end by the wall clock as it is now, and are turned to the due clock, on which slots
 * are kept: a wall clock that is set wrong by whole days moves no midnight.
 */
#include "internal.h"

#include <stdlib.h>

#define ZONES_MAX 1000u /* there are about 600 */
#define COLUMNS_MAX 1000u

struct zone { /* by its name */
	struct zone *chained;
	pr_zone *zone; /* NULL: there is none of that name */
	char name[];
};

struct caps_reader {
	pr_caps *caps;
	struct pr_map zones; /* hash of the name -> zone, chained */
	unsigned zones_n;
	struct pr_hash_key key;
	struct pr_str *fields;
};

struct looking {
	struct caps_reader *reader;
	const struct caps_ask *ask;
	size_t column; /* of the time zone; SIZE_MAX: none */
	int64_t since_ms;
	bool calendar;
	const pr_zone *last; /* whose times these are */
	struct pr_cap_times times;
	struct pr_buf why;
};

/* ---- time zones ---- */

static void
forget_zones(struct caps_reader *r)
{
	for (size_t i = 0; i < r->zones.cap; i++)
		for (struct zone *z = r->zones.slots[i].value, *next; z; z = next) {
			next = z->chained;
			pr_zone_unref(z->zone);
			free(z);
		}
	pr_map_finish(&r->zones);
	r->zones_n = 0;
}

static const pr_zone *
zone_of(struct caps_reader *r, struct pr_str name)
{
	uint64_t hash = pr_siphash(r->key, name.p, name.n);
	struct zone *z = pr_map_get(&r->zones, hash);
	while (z && !pr_str_is(name, z->name))
		z = z->chained;
	if (!z) {
		if (r->zones_n == ZONES_MAX)
			forget_zones(r);
		z = pr_calloc(1, sizeof *z + name.n + 1);
		memcpy(z->name, name.p, name.n);
		if (pr_zone_open(z->name, &z->zone, NULL) < 0)
			z->zone = NULL;
		z->chained = pr_map_put(&r->zones, hash, z);
		r->zones_n++;
	}
	return z->zone;
}

static void
set_times(struct looking *k, const pr_zone *zone)
{
	struct pr_calendar c;
	int64_t offset = k->ask->offset_ms;
	if (zone == k->last)
		return;
	pr_calendar_at(zone, k->ask->now_ms - offset, &c);
	for (int i = 0; i < PR_CALENDAR_SPANS; i++) {
		k->times.since_ms[PR_CAP_DAY + i] = c.since_ms[i] + offset;
		k->times.until_ms[PR_CAP_DAY + i] = c.until_ms[i] + offset;
	}
	k->last = zone;
}

/* A name that is none counts as none. */
static int
calendar_of(struct looking *k, const struct pr_row *row, struct pr_error *e)
{
	struct caps_reader *r = k->reader;
	const pr_zone *zone = NULL;
	if (k->column != SIZE_MAX) {
		pr_fields_unpack(row->data, r->fields, COLUMNS_MAX);
		struct pr_str name = pr_str_trim(r->fields[k->column]);
		if (name.n > 0 && name.n < 64)
			zone = zone_of(r, name);
	}
	if (!zone)
		zone = zone_of(r, pr_str(k->ask->timezone));
	if (!zone)
		return pr_fail(e, PR_EINVAL, "no time zone %s", k->ask->timezone);
	set_times(k, zone);
	return 0;
}

/* ---- rows ---- */

static int
look_at(struct looking *k, struct pr_batch *b, struct pr_row *row, struct pr_error *e)
{
	const struct caps_ask *ask = k->ask;
	struct pr_cap_slot *slots;
	size_t n;
	int r = k->calendar ? calendar_of(k, row, e) : 0;
	if (r < 0)
		return r;
	uint64_t person = pr_caps_person(ask->key, row->email, ask->transactional);
	r = pr_caps_slots(k->reader->caps, person, ask->campaign, row->row, k->since_ms, &slots, &n,
	                  e);
	if (r < 0)
		return r;
	struct pr_cap_answer a =
	    pr_caps_judge(ask->caps, ask->n, ask->transactional, slots, n, &k->times);
	row->room = a.room;
	if (a.what == PR_CAP_WAIT)
		row->wait_ms = a.until_ms;
	if (a.what != PR_CAP_SKIP)
		return 0;
	pr_buf_clear(&k->why);
	pr_buf_adds(&k->why, "frequency cap: ");
	pr_cap_words(a.cap, &k->why);
	row->capped = pr_arena_strndup(&b->arena, k->why.data, k->why.len);
	return 0;
}

static void
find_column(struct looking *k, pr_ledger *l)
{
	struct pr_arena arena;
	struct pr_str *names;
	pr_arena_init(&arena);
	size_t n = pr_ledger_columns(l, &arena, &names);
	k->column = SIZE_MAX;
	for (size_t i = 0; i < n && i < COLUMNS_MAX; i++)
		if (pr_str_eq_nocase(pr_str_trim(names[i]), PR_STR("timezone")))
			k->column = i;
	pr_arena_finish(&arena);
}

static void
prepare(struct looking *k, pr_ledger *l)
{
	int64_t longest = 0;
	for (size_t i = 0; i < k->ask->n; i++) {
		const struct pr_cap_per *per = &k->ask->caps[i].per;
		longest = per->ms > longest ? per->ms : longest;
		k->calendar |= per->span != PR_CAP_ROLLING;
	}
	k->times.now_ms = k->ask->now_ms;
	k->since_ms = k->ask->now_ms - longest;
	if (k->calendar)
		find_column(k, l);
}

/* A row in doubt has a slot already, and may not be left out. */
int
work_caps(struct caps_reader *r, const struct caps_ask *ask, pr_ledger *l, struct pr_batch *b,
          uint64_t folded, struct pr_error *e)
{
	struct looking k = {.reader = r, .ask = ask};
	int result = 0;
	b->folded = folded;
	for (unsigned i = 0; i < b->n; i++) {
		b->rows[i].room = PR_CAP_NO_LIMIT;
		b->rows[i].folded = folded;
	}
	if (!ask)
		return 0;
	prepare(&k, l);
	for (unsigned i = 0; i < b->n && result == 0; i++)
		if (!b->rows[i].suppressed && b->rows[i].state != PR_IN_DOUBT &&
		    !pr_row_is_seed(b->rows[i].row))
			result = look_at(&k, b, &b->rows[i], e);
	pr_buf_finish(&k.why);
	return result;
}

/* ---- open, close ---- */

struct caps_reader *
caps_reader_create(pr_caps *caps)
{
	struct caps_reader *r = pr_calloc(1, sizeof *r);
	r->caps = caps;
	r->fields = pr_calloc(COLUMNS_MAX, sizeof *r->fields);
	pr_hash_key_random(&r->key);
	return r;
}

void
caps_reader_destroy(struct caps_reader *r)
{
	if (!r)
		return;
	forget_zones(r);
	free(r->fields);
	free(r);
}
