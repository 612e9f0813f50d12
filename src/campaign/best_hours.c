/*
 * From events to hours: each is put on the wall clock of whoever did it, as it was that day. What
 * everybody does is learnt from some thousands of contacts, once an import.
 */
#include "best_hours.h"

#include "postrider/base/clock.h"
#include "postrider/base/hash.h"

#include <stdlib.h>

#define EVERYBODY 5000u /* contacts */
#define ZONES_MAX 700u  /* more than there are */

struct named_zone {
	struct named_zone *chained;
	pr_zone *zone; /* NULL: there is none of the name */
	size_t n;
	char name[];
};

struct best_hours {
	pr_audience *audience;
	int64_t now_ms;
	const pr_zone *fallback; /* while everybody is read */
	struct pr_hours everybody;
	struct pr_map zones; /* the same */
};

struct person {
	const best_hours *all;
	const pr_zone *zone;
	struct pr_hours hours;
};

static void
add(struct pr_hours *h, const pr_zone *z, int64_t at_ms, int64_t now_ms, bool click)
{
	int64_t age = now_ms - at_ms;
	if (age >= 0) /* what is to come is a mistake */
		pr_hours_add(h, pr_local_ms(z, at_ms), age, click);
}

/* ---- everybody ---- */

static const pr_zone *
zone_named(best_hours *b, struct pr_str name)
{
	uint64_t hash = pr_siphash((struct pr_hash_key){1, 2}, name.p, name.n);
	struct named_zone *first = pr_map_get(&b->zones, hash), *z = first;
	while (z && !pr_str_eq(pr_str_n(z->name, z->n), name))
		z = z->chained;
	if (!z && (name.n == 0 || b->zones.n >= ZONES_MAX))
		return b->fallback;
	if (!z) {
		z = pr_calloc(1, sizeof *z + name.n + 1);
		memcpy(z->name, name.p, name.n);
		z->n = name.n;
		z->chained = first;
		(void)pr_zone_open(z->name, &z->zone, NULL);
		pr_map_put(&b->zones, hash, z);
	}
	return z->zone ? z->zone : b->fallback;
}

static void
on_sample(void *context, struct pr_str timezone, int64_t at_ms, bool click)
{
	best_hours *b = context;
	add(&b->everybody, zone_named(b, timezone), at_ms, b->now_ms, click);
}

static void
forget_zones(best_hours *b)
{
	for (size_t i = 0; i < b->zones.cap; i++)
		for (struct named_zone *z = b->zones.slots[i].value, *next; z; z = next) {
			next = z->chained;
			pr_zone_unref(z->zone);
			free(z);
		}
	pr_map_finish(&b->zones);
}

int
best_hours_create(pr_audience *a, const pr_zone *fallback, int64_t now_ms, best_hours **out,
                  struct pr_error *e)
{
	best_hours *b = pr_calloc(1, sizeof *b);
	b->audience = a;
	b->now_ms = now_ms;
	b->fallback = fallback;
	int r = pr_engaged_sample(a, EVERYBODY, now_ms - PR_HOURS_AGE_MS, on_sample, b, e);
	forget_zones(b);
	if (r < 0)
		free(b);
	else
		*out = b;
	return r;
}

void
best_hours_destroy(best_hours *b)
{
	free(b);
}

/* ---- one person ---- */

static void
on_event(void *context, int64_t at_ms, bool click)
{
	struct person *p = context;
	add(&p->hours, p->zone, at_ms, p->all->now_ms, click);
}

int
best_hours_of(best_hours *b, struct pr_str address, const pr_zone *zone, int *hour,
              struct pr_error *e)
{
	struct person p = {.all = b, .zone = zone};
	int r =
	    pr_engaged_times(b->audience, address, b->now_ms - PR_HOURS_AGE_MS, on_event, &p, e);
	*hour = r == 0 ? pr_hours_best(&p.hours, &b->everybody) : -1;
	return r;
}
