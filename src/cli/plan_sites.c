/*
 * Domains become sites, as delivery makes them: domains with the same exchangers are one, but for
 * those that shaping names. Sites of one provider are one group and one line; those without a
 * provider are one group, and the large ones among them have lines of their own.
 */
#include "plan.h"

#include <stdlib.h>

struct spot {             /* a site in the making */
	const char *name; /* of its largest domain */
	const struct pr_shaping_policy *policy;
	struct pr_plan_wave *waves;
	size_t waves_n;
	uint64_t rows;
	unsigned receiver;
};

struct making {
	struct plan_sites *s;
	const struct plan_rows *rows;
	const pr_shaping *shaping;
	struct spot *spots;
	size_t n;
	struct pr_map by_key; /* hash of the site's text -> spot */
};

/* ---- spots ---- */

static const struct pr_shaping_policy *
policy_of(const struct making *m, const struct plan_domain *d)
{
	const char *names[PR_MX_EXCHANGERS_MAX];
	const struct pr_shaping_policy *own = pr_shaping_match_domain(m->shaping, pr_str(d->name));
	if (own || !d->mx || d->mx->n == 0)
		return own ? own : pr_shaping_default(m->shaping);
	for (size_t i = 0; i < d->mx->n; i++)
		names[i] = d->mx->exchangers[i].name;
	return pr_shaping_match(m->shaping, names, d->mx->n);
}

static bool
takes_no_mail(const struct plan_domain *d)
{
	return d->mx && (d->mx->kind == PR_MX_NULL || d->mx->kind == PR_MX_NO_DOMAIN ||
	                 d->mx->kind == PR_MX_NO_HOST);
}

/* Two lists of waves, each by its time, become one. */
static void
merge_waves(struct spot *spot, const struct plan_domain *d)
{
	size_t n = 0, i = 0, k = 0;
	struct pr_plan_wave *all = pr_calloc(spot->waves_n + d->waves_n, sizeof *all);
	while (i < spot->waves_n || k < d->waves_n) {
		bool first = k == d->waves_n ||
		             (i < spot->waves_n && spot->waves[i].from_ms <= d->waves[k].from_ms);
		struct pr_plan_wave w = first ? spot->waves[i++] : d->waves[k++];
		if (n && all[n - 1].from_ms == w.from_ms)
			all[n - 1].rows += w.rows;
		else
			all[n++] = w;
	}
	free(spot->waves);
	spot->waves = all;
	spot->waves_n = n;
	spot->rows += d->rows;
}

static void
add_domain(struct making *m, const struct plan_domain *d)
{
	bool own = pr_shaping_match_domain(m->shaping, pr_str(d->name)) != NULL;
	bool shared = d->mx && d->mx->kind == PR_MX_OK && !own;
	const char *text = shared ? d->mx->site : d->name;
	uint64_t hash = pr_siphash(m->rows->key, text, strlen(text)) ^ (shared ? 0 : 1);
	struct spot *spot = pr_map_get(&m->by_key, hash);
	if (!spot) {
		spot = &m->spots[m->n++];
		*spot = (struct spot){.name = d->name, .policy = policy_of(m, d)};
		pr_map_put(&m->by_key, hash, spot);
	}
	merge_waves(spot, d);
}

/* ---- groups and receivers ---- */

static unsigned
group_of(struct plan_sites *s, const struct pr_shaping_policy *policy)
{
	for (size_t i = 0; i < s->groups_n; i++)
		if (s->groups[i].policy == policy)
			return (unsigned)i;
	s->groups = pr_realloc(s->groups, (s->groups_n + 1) * sizeof *s->groups);
	s->groups[s->groups_n].policy = policy;
	return (unsigned)s->groups_n++;
}

static unsigned
receiver_of(struct plan_sites *s, unsigned group, const char *name)
{
	for (size_t i = 0; i < s->receivers_n; i++)
		if (s->receivers[i].group == group && strcmp(s->names[i], name) == 0)
			return (unsigned)i;
	size_t n = ++s->receivers_n;
	s->receivers = pr_realloc(s->receivers, n * sizeof *s->receivers);
	s->names = pr_realloc(s->names, n * sizeof *s->names);
	s->rows = pr_realloc(s->rows, n * sizeof *s->rows);
	s->receivers[n - 1].group = group;
	s->names[n - 1] = pr_strdup(name);
	s->rows[n - 1] = 0;
	return (unsigned)n - 1;
}

static int
by_rows(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;
	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
enter(struct making *m)
{
	struct plan_sites *s = m->s;
	unsigned large = 0;
	qsort(m->spots, m->n, sizeof *m->spots, by_rows);
	for (size_t i = 0; i < m->n; i++) {
		struct spot *spot = &m->spots[i];
		const char *name = spot->policy->provider;
		bool alone = (double)spot->rows >= PLAN_LARGE_SHARE * (double)m->rows->good;
		if (!*name && alone && *spot->name && large < PLAN_LARGE_MAX) {
			name = spot->name;
			large++;
		} else if (!*name)
			name = "others";
		spot->receiver = receiver_of(s, group_of(s, spot->policy), name);
		s->rows[spot->receiver] += spot->rows;
	}
}

/* ---- sites ---- */

/* Sites that are alike are neighbours. */
static int
by_likeness(const void *a, const void *b)
{
	const struct pr_plan_site *x = a, *y = b;
	if (x->receiver != y->receiver)
		return x->receiver < y->receiver ? -1 : 1;
	if (x->waves_n != y->waves_n)
		return x->waves_n < y->waves_n ? -1 : 1;
	for (size_t i = 0; i < x->waves_n; i++) {
		if (x->waves[i].from_ms != y->waves[i].from_ms)
			return x->waves[i].from_ms < y->waves[i].from_ms ? -1 : 1;
		if (x->waves[i].rows != y->waves[i].rows)
			return x->waves[i].rows < y->waves[i].rows ? -1 : 1;
	}
	return 0;
}

static void
unite(struct plan_sites *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->sites_n; i++) {
		if (kept && by_likeness(&s->sites[kept - 1], &s->sites[i]) == 0) {
			s->sites[kept - 1].count++;
			free((void *)s->sites[i].waves);
		} else
			s->sites[kept++] = s->sites[i];
	}
	s->sites_n = kept;
}

static void
make_sites(struct making *m)
{
	struct plan_sites *s = m->s;
	s->sites = pr_calloc(m->n + 1, sizeof *s->sites);
	for (size_t i = 0; i < m->n; i++) {
		const struct spot *spot = &m->spots[i];
		s->sites[s->sites_n++] = (struct pr_plan_site){.receiver = spot->receiver,
		                                               .count = 1,
		                                               .waves = spot->waves,
		                                               .waves_n = spot->waves_n};
	}
	qsort(s->sites, s->sites_n, sizeof *s->sites, by_likeness);
	unite(s);
}

/* Without shaping all is one site. */
static void
make_relay(struct making *m, const char *relay)
{
	struct spot *spot = &m->spots[m->n++];
	*spot = (struct spot){.name = relay};
	for (size_t i = 0; i < m->rows->domains_n; i++)
		merge_waves(spot, m->rows->domains[i]);
	spot->receiver = receiver_of(m->s, group_of(m->s, NULL), relay);
	m->s->rows[spot->receiver] = spot->rows;
}

void
plan_sites_make(struct plan_sites *s, const struct plan_rows *r, const pr_shaping *shaping,
                const char *relay)
{
	struct making m = {.s = s, .rows = r, .shaping = shaping};
	m.spots = pr_calloc(r->domains_n + 1, sizeof *m.spots);
	for (size_t i = 0; shaping && i < r->domains_n; i++) {
		if (takes_no_mail(r->domains[i]))
			s->nowhere += r->domains[i]->rows;
		else
			add_domain(&m, r->domains[i]);
	}
	pr_map_finish(&m.by_key);
	if (shaping)
		enter(&m);
	else
		make_relay(&m, relay);
	make_sites(&m);
	free(m.spots);
}

void
plan_sites_finish(struct plan_sites *s)
{
	for (size_t i = 0; i < s->sites_n; i++)
		free((void *)s->sites[i].waves);
	for (size_t i = 0; i < s->receivers_n; i++)
		free(s->names[i]);
	free(s->sites);
	free(s->names);
	free(s->rows);
	free(s->receivers);
	free(s->groups);
}
