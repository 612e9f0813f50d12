/*
 * The rules of timing.c for the rows of a campaign. What a row says of its zone and country leads
 * to a place, of which there are a few hundred; a place remembers what it was asked last: when the
 * rows of an hour best begin, and the opening of now. So a row costs reading its fields and
 * a look into a table.
 *
 *   row -fields-> zone, country -table-> place -remembered, or timing.c-> opening -jitter-> time
 *
 * Places are bounded: what is beyond PLACES_MAX (somebody made names up) makes the table begin
 * anew. A name that is no zone is a place too, of the fallback, so that it is not looked for again.
 */
#include "postrider/campaign/csv.h"
#include "postrider/campaign/split.h"
#include "postrider/campaign/timing.h"
#include "postrider/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 4096u
#define WHERE_MAX 80 /* octets of zone and country as a row says them; more is no zone */
#define NO_COLUMN SIZE_MAX
#define HOURS 24

struct known { /* an answer: for all instants from <= t < until */
	int64_t from_ms, until_ms;
	struct pr_opening opening;
};

struct place {
	struct place *chained; /* of the same hash */
	pr_zone *own;          /* NULL: it has the fallback's */
	struct pr_place at;
	struct pr_when start; /* of the campaign, or of a variant */
	uint8_t variant;      /* whose; 0: of the campaign */
	bool wrong;           /* says a zone that is none */
	int64_t start_ms;     /* nothing goes before, whatever the ledger says of a row */
	struct known now;
	struct pr_opening first[HOURS + 1]; /* by hour; [HOURS]: where none is known; to_ms 0: not
	                                     * looked at */
	bool passed;
	uint16_t n;
	char where[]; /* zone NUL country */
};

struct pr_timing {
	unsigned refs;
	struct pr_schedule schedule; /* its texts are not looked at any more */
	struct pr_window quiet;
	struct pr_config *config; /* owns the holidays */
	pr_zone *zone, *fallback;
	char fallback_name[80];
	const struct pr_days *holidays; /* of everybody; NULL: by country, or none */
	char kept[64][3];               /* countries whose holidays are kept */
	unsigned kept_n;
	size_t zone_column, country_column, fields_n;
	uint32_t serial;
	int64_t accepted_ms;
	int64_t begin_ms; /* of the campaign: what is due by then goes with the others */
	struct pr_split split;
	struct pr_when starts[PR_MANIFEST_VARIANTS_MAX + 1]; /* of variants; not set: none */
	bool by_variant;
	struct pr_map places;
	struct pr_hash_key key;
	struct pr_timing_found found;
	struct pr_str fields[PR_CSV_COLUMNS_MAX];
};

/* ---- making ---- */

/* "timezone", "Time zone", "TIME_ZONE". */
static bool
is_named(struct pr_str column, const char *plain)
{
	size_t at = 0, n = strlen(plain);
	for (size_t i = 0; i < column.n; i++) {
		if (strchr(" _-", column.p[i]))
			continue;
		if (at == n || pr_lower(column.p[i]) != plain[at++])
			return false;
	}
	return at == n;
}

static size_t
find_column(const struct pr_str *columns, size_t n, const char *plain)
{
	for (size_t i = 0; i < n && i < PR_CSV_COLUMNS_MAX; i++)
		if (is_named(columns[i], plain))
			return i;
	return NO_COLUMN;
}

bool
pr_timing_has_column(const struct pr_str *columns, size_t n, const char *plain)
{
	return find_column(columns, n, plain) != NO_COLUMN;
}

/* Where the countries' column is missing, one country is everybody's. */
static void
take_holidays(pr_timing *t, const struct pr_texts *codes)
{
	for (size_t i = 0; i < codes->n && t->kept_n < 64; i++) {
		const struct pr_days *d =
		    pr_holidays_of(t->config->calendar, pr_text_str(&codes->items[i]));
		if (d)
			memcpy(t->kept[t->kept_n++], d->country, 3);
	}
	if (t->country_column == NO_COLUMN && t->kept_n == 1)
		t->holidays = pr_holidays_of(t->config->calendar, pr_str(t->kept[0]));
}

static bool
has_own_times(const pr_timing *t)
{
	const struct pr_schedule *s = &t->schedule;
	bool zones = t->zone_column != NO_COLUMN && (t->quiet.n || t->kept_n);
	bool countries = t->kept_n && (t->holidays || t->country_column != NO_COLUMN);
	return s->by_recipient || t->by_variant || s->jitter_ms || s->best_hour || zones ||
	       countries;
}

static int
open_zones(pr_timing *t, const struct pr_timing_source *s, struct pr_error *e)
{
	const struct pr_schedule *m = &t->schedule;
	const char *fallback = m->fallback_timezone ? m->fallback_timezone
	                       : m->timezone        ? m->timezone
	                                            : s->config->timezone.p;
	struct pr_timetable table;
	snprintf(t->fallback_name, sizeof t->fallback_name, "%s", fallback);
	int r = pr_zone_open(fallback, &t->fallback, e);
	if (r == 0 && !m->by_recipient)
		r = pr_zone_open(m->timezone ? m->timezone : s->config->timezone.p, &t->zone, e);
	if (r < 0 || m->by_recipient)
		return r;
	r = pr_timetable_init(m, s->config->timezone.p, &table, e);
	if (r == 0 && table.begin_ms > t->begin_ms)
		t->begin_ms = table.begin_ms;
	if (r == 0)
		pr_timetable_finish(&table);
	return r;
}

static void
take_starts(pr_timing *t, const struct pr_timing_source *s)
{
	const struct pr_manifest *m = s->manifest;
	for (unsigned i = 1; i <= m->variants.n; i++) {
		t->starts[i] = pr_manifest_variant(m, i)->start;
		t->by_variant |= t->starts[i].set;
	}
	if (t->by_variant)
		pr_split_init(&t->split, m, s->campaign_id ? s->campaign_id : "");
}

int
pr_timing_create(const struct pr_timing_source *s, pr_timing **out, struct pr_error *e)
{
	pr_timing *t = pr_calloc(1, sizeof *t);
	t->refs = 1;
	t->schedule = s->manifest->schedule;
	t->quiet = *pr_quiet_of(s->manifest, s->config);
	t->config = pr_config_ref((struct pr_config *)s->config);
	t->serial = s->serial;
	t->accepted_ms = t->begin_ms = s->accepted_ms;
	t->zone_column = find_column(s->columns, s->columns_n, PR_TIMING_ZONE);
	t->country_column = find_column(s->columns, s->columns_n, PR_TIMING_COUNTRY);
	t->found.last_deadline_ms = t->schedule.deadline.set ? INT64_MIN : PR_NEVER_MS;
	take_holidays(t, &t->schedule.holidays);
	take_starts(t, s);
	t->schedule.holidays = (struct pr_texts){0};
	for (int i = 0; i < 2; i++) {
		size_t column = i ? t->country_column : t->zone_column;
		if (column != NO_COLUMN && column >= t->fields_n)
			t->fields_n = column + 1;
	}
	pr_hash_key_random(&t->key);
	int r = has_own_times(t) ? open_zones(t, s, e) : 0;
	if (r < 0 || !has_own_times(t)) {
		pr_timing_unref(t);
		t = NULL;
	}
	if (r == 0)
		*out = t;
	return r;
}

pr_timing *
pr_timing_ref(pr_timing *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

static void
forget_places(pr_timing *t)
{
	for (size_t i = 0; i < t->places.cap; i++)
		for (struct place *p = t->places.slots[i].value, *next; p; p = next) {
			next = p->chained;
			pr_zone_unref(p->own);
			free(p);
		}
	pr_map_finish(&t->places);
}

void
pr_timing_unref(pr_timing *t)
{
	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	forget_places(t);
	pr_zone_unref(t->zone);
	pr_zone_unref(t->fallback);
	pr_config_unref(t->config);
	free(t);
}

/* ---- places ---- */

static const struct pr_days *
holidays_in(const pr_timing *t, struct pr_str country)
{
	const struct pr_days *d = pr_holidays_of(t->config->calendar, country);
	if (t->holidays || !d)
		return t->holidays;
	for (unsigned i = 0; i < t->kept_n; i++)
		if (strcmp(t->kept[i], d->country) == 0)
			return d;
	return NULL;
}

static struct place *
place_create(pr_timing *t, struct pr_str zone, struct pr_str country, unsigned variant)
{
	struct place *p = pr_calloc(1, sizeof *p + zone.n + 1 + country.n);
	memcpy(p->where, zone.p, zone.n);
	memcpy(p->where + zone.n + 1, country.p, country.n);
	p->n = (uint16_t)(zone.n + 1 + country.n);
	p->wrong = zone.n && pr_zone_open(p->where, &p->own, NULL) < 0;
	p->at.person = p->own ? p->own : t->fallback;
	p->at.campaign = t->schedule.by_recipient ? p->at.person : t->zone;
	p->at.holidays = holidays_in(t, country);
	p->variant = (uint8_t)variant;
	p->start = variant ? t->starts[variant] : t->schedule.start;
	struct pr_schedule plain = t->schedule;
	plain.start = p->start;
	plain.best_hour = false; /* whose hour is best is known at the import only */
	int64_t start = pr_place_start_ms(&plain, &p->at, 0, t->accepted_ms);
	p->start_ms = plain.start.set && start != PR_NEVER_MS ? start : 0;
	int64_t deadline = pr_place_deadline_ms(&t->schedule, &p->at);
	if (deadline > t->found.last_deadline_ms)
		t->found.last_deadline_ms = deadline;
	return p;
}

static struct pr_str
field(const pr_timing *t, size_t column, size_t n)
{
	struct pr_str s = column < n ? pr_str_trim(t->fields[column]) : PR_STR("");
	return s.n > WHERE_MAX ? pr_str_n(s.p, WHERE_MAX) : s;
}

static struct place *
find(const pr_timing *t, uint64_t hash, struct pr_str zone, struct pr_str country, unsigned variant)
{
	struct place *p = pr_map_get(&t->places, hash);
	while (p && (p->variant != variant || p->n != zone.n + 1 + country.n ||
	             memcmp(p->where, zone.p, zone.n) != 0 || p->where[zone.n] != 0 ||
	             memcmp(p->where + zone.n + 1, country.p, country.n) != 0))
		p = p->chained;
	return p;
}

/* The variant by whose start the row goes; 0: by the campaign's. */
static unsigned
variant_of(const pr_timing *t, const struct pr_timing_row *row)
{
	unsigned variant = t->by_variant ? row->variant : 0;
	if (t->by_variant && !variant && pr_split_group(&t->split, row->address) == PR_GROUP_TESTED)
		variant = pr_split_variant(&t->split, row->address, NULL);
	return variant <= PR_MANIFEST_VARIANTS_MAX && t->starts[variant].set ? variant : 0;
}

static struct place *
place_of(pr_timing *t, const struct pr_timing_row *row)
{
	size_t n = t->fields_n ? pr_fields_unpack(row->data, t->fields, t->fields_n) : 0;
	unsigned variant = variant_of(t, row);
	struct pr_str zone = field(t, t->zone_column, n);
	struct pr_str country = t->kept_n ? field(t, t->country_column, n) : PR_STR("");
	uint64_t hash =
	    pr_siphash(t->key, zone.p, zone.n) ^ pr_mix64(pr_siphash(t->key, country.p, country.n));
	hash += variant * UINT64_C(0x9e3779b97f4a7c15);
	struct place *p = find(t, hash, zone, country, variant);
	if (p)
		return p;
	if (t->places.n >= PLACES_MAX)
		forget_places(t);
	p = place_create(t, zone, country, variant);
	p->chained = pr_map_get(&t->places, hash);
	pr_map_put(&t->places, hash, p);
	return p;
}

/* ---- times ---- */

static int64_t
with_jitter(const pr_timing *t, uint32_t row, const struct pr_opening *o)
{
	int64_t room = o->to_ms - o->from_ms, most = t->schedule.jitter_ms;
	if (most <= 0)
		return o->from_ms;
	if (room > most)
		room = most;
	return o->from_ms + (int64_t)(pr_mix64((uint64_t)t->serial << 32 | row) % (uint64_t)room);
}

/* The opening in which somebody of the place begins, by this schedule. */
static struct pr_opening
begins(const pr_timing *t, struct place *p, const struct pr_schedule *s, int minute)
{
	struct pr_schedule own = *s;
	own.start = p->start;
	int64_t start = pr_place_start_ms(&own, &p->at, minute, t->accepted_ms);
	p->passed = start == PR_NEVER_MS;
	if (start < t->begin_ms)
		start = t->begin_ms;
	return pr_place_opening(s, &t->quiet, &p->at, start);
}

/* A best hour that does not come before the deadline gives way to the fallback's, then to the
 * start: better at another hour than not at all. */
static struct pr_opening
look_at_first(const pr_timing *t, struct place *p, int hour)
{
	struct pr_schedule plain = t->schedule;
	int fallback = plain.fallback_minute;
	struct pr_opening o = begins(t, p, &t->schedule, hour < HOURS ? hour * 60 : fallback);
	plain.best_hour = false;
	if (o.from_ms == PR_NEVER_MS && t->schedule.best_hour && hour < HOURS)
		o = begins(t, p, &t->schedule, fallback);
	if (o.from_ms == PR_NEVER_MS && t->schedule.best_hour)
		o = begins(t, p, &plain, 0);
	return o;
}

static void
note_zone(pr_timing *t, const struct place *p, uint32_t row)
{
	struct pr_timing_found *f = &t->found;
	if (p->own || t->zone_column == NO_COLUMN)
		return;
	f->without += !p->wrong;
	f->wrong += p->wrong;
	if (f->wrong == 1 && p->wrong) {
		f->wrong_row = row;
		pr_str_show(pr_str(p->where), f->wrong_name, sizeof f->wrong_name);
	}
}

struct pr_first
pr_timing_first(pr_timing *t, const struct pr_timing_row *row, int hour)
{
	struct place *p = place_of(t, row);
	int at = t->schedule.best_hour && hour >= 0 && hour < HOURS ? hour : HOURS;
	struct pr_opening *o = &p->first[at];
	note_zone(t, p, row->row);
	if (!o->to_ms)
		*o = look_at_first(t, p, at);
	if (o->from_ms == PR_NEVER_MS)
		return (struct pr_first){PR_NEVER_MS, p->passed};
	bool waits = o->from_ms > t->accepted_ms;
	int64_t due = waits ? with_jitter(t, row->row, o) : o->from_ms;
	return (struct pr_first){.due_ms = due > t->begin_ms ? due : 0};
}

struct pr_opening
pr_timing_next(pr_timing *t, const struct pr_timing_row *row, int64_t utc_ms)
{
	struct place *p = place_of(t, row);
	struct known *k = &p->now;
	if (utc_ms < k->from_ms || utc_ms >= k->until_ms) {
		k->opening = pr_place_opening(&t->schedule, &t->quiet, &p->at,
		                              utc_ms > p->start_ms ? utc_ms : p->start_ms);
		k->from_ms = utc_ms;
		bool open = k->opening.from_ms == utc_ms;
		k->until_ms = open ? k->opening.to_ms : k->opening.from_ms;
	}
	struct pr_opening o = k->opening;
	if (o.from_ms <= utc_ms)
		o.from_ms = utc_ms;
	else if (o.from_ms != PR_NEVER_MS)
		o.from_ms = with_jitter(t, row->row, &o);
	return o;
}

bool
pr_timing_wants_hours(const pr_timing *t)
{
	return t->schedule.best_hour;
}

const pr_zone *
pr_timing_fallback(const pr_timing *t)
{
	return t->fallback;
}

bool
pr_timing_by_recipient(const pr_timing *t)
{
	return t->schedule.by_recipient;
}

bool
pr_timing_by_variant(const pr_timing *t)
{
	return t->by_variant;
}

const pr_zone *
pr_timing_zone(pr_timing *t, const struct pr_timing_row *row, const char **name)
{
	const struct place *p = place_of(t, row);
	*name = p->own ? p->where : t->fallback_name;
	return p->at.person;
}

void
pr_timing_found(const pr_timing *t, struct pr_timing_found *out)
{
	*out = t->found;
	if (out->last_deadline_ms == INT64_MIN) /* there was nobody */
		out->last_deadline_ms = PR_NEVER_MS;
}
