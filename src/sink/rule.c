/*
 * Which rule fires. The conditions are asked from the cheap to the costly; the
 * counters (seen, attempts) only move for what passed all conditions on the
 * event itself, so that `first=3` means the first three that match.
 */
#include "sink/rule.h"

#include <fnmatch.h>
#include <stdlib.h>

static uint32_t
hash32(uint64_t seed, const char *s)
{
	struct pr_hash_key key = {seed, 0x73696e6b};
	return (uint32_t)pr_siphash(key, s, strlen(s));
}

static uint32_t
attempts_of(struct pr_map *attempts, uint64_t key)
{
	return (uint32_t)(uintptr_t)pr_map_get(attempts, key);
}

/* Count an attempt for this recipient; true while there are tries left. */
static bool
try_counts(struct sink_rules *r, struct sink_rule *rule, const char *rcpt)
{
	struct pr_hash_key key = {r->seed, (uint64_t)(rule - r->items)};
	uint64_t who = pr_siphash(key, rcpt, strlen(rcpt));
	uint32_t had = attempts_of(&rule->attempts, who);
	if (had >= rule->tries || (had == 0 && rule->attempts.n >= SINK_TRIES_MAX))
		return false;
	pr_map_put(&rule->attempts, who, (void *)(uintptr_t)(had + 1));
	return true;
}

static bool
rcpt_fits(struct sink_rules *r, struct sink_rule *rule, const char *rcpt)
{
	if (rule->match && fnmatch(rule->match, rcpt, FNM_CASEFOLD) != 0)
		return false;
	if (rule->has_share && hash32(r->seed, rcpt) >= rule->share)
		return false;
	return !rule->tries || try_counts(r, rule, rcpt);
}

/* Any of the event's recipients will do: a message has one reply for all. */
static bool
rcpts_fit(struct sink_rules *r, struct sink_rule *rule, const struct sink_event *event)
{
	const char *rcpt = event->rcpts;
	if (!rule->match && !rule->has_share && !rule->tries)
		return true;
	for (unsigned i = 0; i < event->n_rcpts; i++, rcpt += strlen(rcpt) + 1)
		if (rcpt_fits(r, rule, rcpt))
			return true;
	return false;
}

static bool
from_fits(const struct sink_rule *rule, struct pr_str from)
{
	char text[400];
	if (!rule->from)
		return true;
	if (from.n >= sizeof text)
		return false;
	memcpy(text, from.p, from.n);
	text[from.n] = 0;
	return fnmatch(rule->from, text, FNM_CASEFOLD) == 0;
}

static bool
turn_has_come(struct sink_rules *r, struct sink_rule *rule)
{
	if (rule->has_chance && (uint32_t)pr_mix64(r->seed ^ r->sequence++) >= rule->chance)
		return false;
	uint64_t n = rule->seen++;
	if (n < rule->after || (rule->times && rule->fired >= rule->times))
		return false;
	return !rule->every || (n - rule->after + 1) % rule->every == 0;
}

const struct sink_rule *
sink_rules_find(struct sink_rules *r, const struct sink_event *event)
{
	if (!(r->on & event->on))
		return NULL;
	for (unsigned i = 0; i < r->n; i++) {
		struct sink_rule *rule = &r->items[i];
		if (!(rule->on & event->on) || (rule->port && rule->port != event->port) ||
		    event->messages < rule->messages || !from_fits(rule, event->from) ||
		    !rcpts_fit(r, rule, event) || !turn_has_come(r, rule))
			continue;
		rule->fired++;
		return rule;
	}
	return NULL;
}

void
sink_rules_finish(struct sink_rules *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		free(r->items[i].match);
		free(r->items[i].from);
		free(r->items[i].reply);
		pr_map_finish(&r->items[i].attempts);
	}
	free(r->items);
	*r = (struct sink_rules){0};
}
