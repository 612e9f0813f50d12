/*
 * Time zones by the names that contacts have, each opened once. People make names up: what is no
 * zone is kept as the fallback, and only so many are kept.
 */
#include "series.h"

#include <stdio.h>

#define ZONES_MAX 4096u
#define NAME_MAX_OCTETS 80u

int
zones_open(struct zones *z, const struct pr_manifest *m, const struct pr_config *config,
           struct pr_error *e)
{
	const struct pr_schedule *s = &m->schedule;
	const char *fallback = s->fallback_timezone ? s->fallback_timezone
	                       : s->timezone        ? s->timezone
	                                            : config->timezone.p;
	z->by_recipient = s->by_recipient;
	pr_hash_key_random(&z->key);
	return pr_zone_open(fallback, &z->fallback, e);
}

const pr_zone *
zone_of(struct zones *z, struct pr_str name)
{
	char text[NAME_MAX_OCTETS + 1];
	pr_zone *zone;
	if (!z->by_recipient || name.n == 0 || name.n > NAME_MAX_OCTETS)
		return z->fallback;
	uint64_t hash = pr_siphash(z->key, name.p, name.n);
	zone = pr_map_get(&z->by_name, hash);
	if (zone || z->by_name.n >= ZONES_MAX)
		return zone ? zone : z->fallback;
	snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
	if (pr_zone_open(text, &zone, NULL) < 0)
		zone = z->fallback;
	pr_map_put(&z->by_name, hash, zone);
	return zone;
}

void
zones_close(struct zones *z)
{
	for (size_t i = 0; i < z->by_name.cap; i++)
		if (z->by_name.slots[i].value && z->by_name.slots[i].value != z->fallback)
			pr_zone_unref(z->by_name.slots[i].value);
	pr_map_finish(&z->by_name);
	pr_zone_unref(z->fallback);
}
