/*
 * Groups: what the lanes of one source to one provider share, for routes via mx: caps, and how many
 * messages the day has left, by a warm-up or the provider's `daily`. Lanes to receivers without a
 * provider share a group, too.
 *
 *   runs low -> claim -> kept.c makes it durable -> group_durable -> may be used
 *
 * A crash wastes at most a claim, and never sends more than the day allows.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

#define CLAIM_MAX 1000  /* messages that a crash may waste */
#define CLAIMS_A_DAY 50 /* at least, where that is less */

/* ---- the day ---- */

static int64_t
block_of(const struct pr_quota *q)
{
	int64_t block = q->today.n / CLAIMS_A_DAY + 1;
	return block < CLAIM_MAX ? block : CLAIM_MAX;
}

/* More of the day, when what is claimed runs low. */
void
group_claim(struct group *g)
{
	char text[PR_QUOTA_TEXT_MAX];
	struct pr_quota *q = &g->shared.quota;
	if (!q->limited || pr_quota_claim(q, block_of(q)) <= 0)
		return;
	size_t n = pr_quota_save(q, text);
	if (kept_put(g->delivery, g->key, pr_str_n(text, n), g))
		kept_write(g->delivery);
}

void
group_durable(struct group *g, const char *text)
{
	pr_quota_durable(&g->shared.quota, pr_str(text));
	group_claim(g); /* a claim that was refused while this one was made */
}

static void
group_begin_day(struct group *g)
{
	struct pr_delivery *d = g->delivery;
	const struct pr_config *c = d->config;
	const struct pr_source_address *s = pr_config_source(c, pr_str(g->source));
	const struct pr_shaping_policy *policy =
	    pr_shaping_policy(c->shapes, pr_str(g->tally->provider));
	const struct pr_warm_up *plan = NULL;
	int64_t since = 0;
	if (s && s->warm_up.p && pr_quota_parse_day(pr_text_str(&s->since), &since))
		plan = pr_shaping_warm_up(c->shapes, pr_text_str(&s->warm_up));
	struct pr_allowance today =
	    pr_quota_today(policy ? policy : pr_shaping_default(c->shapes), plan, since, d->zone,
	                   pr_loop_now_ms(d->loop), pr_utc_ms());
	pr_quota_begin(&g->shared.quota, &today);
}

/* ---- coming and going ---- */

static struct tally *
tally_of(struct pr_delivery *d, const char *provider)
{
	PR_LIST_EACH(link, &d->tallies) {
		struct tally *t = PR_CONTAINER(link, struct tally, link);
		if (strcmp(t->provider, provider) == 0)
			return t;
	}
	struct tally *t = pr_calloc(1, sizeof *t);
	t->provider = pr_strdup(provider);
	pr_list_push(&d->tallies, &t->link);
	return t;
}

static struct group *
group_make(struct pr_delivery *d, const char *key, const char *source, const char *provider)
{
	struct group *g = pr_calloc(1, sizeof *g);
	const char *kept = kept_find(d, key);
	g->delivery = d;
	g->key = pr_strdup(key);
	g->source = pr_strdup(source);
	g->tally = tally_of(d, provider);
	if (kept && pr_quota_restore(&g->shared.quota, pr_str(kept)) < 0)
		PR_LOG(PR_LOG_WARNING, "state_odd", "%s: \"%.60s\" is no quota; it begins anew",
		       key, kept);
	pr_list_push(&d->groups, &g->link);
	group_begin_day(g);
	return g;
}

struct group *
group_of(struct pr_delivery *d, const char *source, const char *provider)
{
	struct pr_buf key = {0};
	pr_buf_addf(&key, KEPT_QUOTA "%s/%s", source, provider);
	uint64_t hash = pr_siphash(d->key_of_groups, key.data, key.len);
	struct group *first = pr_map_get(&d->groups_by_key, hash), *g = first;
	while (g && strcmp(g->key, key.data) != 0)
		g = g->chained;
	if (!g) {
		g = group_make(d, key.data, source, provider);
		g->chained = first;
		pr_map_put(&d->groups_by_key, hash, g);
	}
	pr_buf_finish(&key);
	return g;
}

int
groups_open(struct pr_delivery *d, struct pr_error *e)
{
	pr_hash_key_random(&d->key_of_groups);
	return pr_zone_open(d->config->timezone.p, &d->zone, e);
}

void
groups_reload(struct pr_delivery *d)
{
	struct pr_error e;
	pr_zone *zone;
	if (pr_zone_open(d->config->timezone.p, &zone, &e) < 0) {
		PR_LOG(PR_LOG_ERROR, "zone_unusable", "%s; days stay as they were", e.text);
		return;
	}
	pr_zone_unref(d->zone);
	d->zone = zone;
}

void
groups_second(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->groups)
		group_begin_day(PR_CONTAINER(link, struct group, link));
}

void
groups_close(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->groups) {
		struct group *g = PR_CONTAINER(link, struct group, link);
		free(g->key);
		free(g->source);
		free(g);
	}
	PR_LIST_EACH(link, &d->tallies) {
		struct tally *t = PR_CONTAINER(link, struct tally, link);
		free(t->provider);
		free(t);
	}
	pr_map_finish(&d->groups_by_key);
	pr_zone_unref(d->zone);
}

void
pr_delivery_each_provider(pr_delivery *d,
                          void (*each)(void *context, const char *provider,
                                       const uint64_t messages[PR_STATES]),
                          void *context)
{
	PR_LIST_EACH(link, &d->tallies) {
		const struct tally *t = PR_CONTAINER(link, struct tally, link);
		if (*t->provider)
			each(context, t->provider, t->messages);
	}
}
