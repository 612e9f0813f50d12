/*
 * Policies: what each provider's entry says, over what the default says; and the tables that
 * lead to them from names of exchangers and domains.
 */
#include "internal.h"

#include "postrider/campaign/address.h"

#include <stdio.h>

#define DOMAIN_MAX 253 /* of a domain, RFC 1035 section 2.3.4 */
#define PROVIDER_NAME_MAX 40

/* ---- figures ---- */

/* One entry over what holds without it. `base` NULL: the default itself, all of whose figures
 * have a value or need none. */
struct making {
	struct pr_shaping *s;
	const struct provider_entry *e;
	const struct pr_shaping_policy *base;
};

static const char *
who_of(const struct making *m, const struct pr_text *at, bool set)
{
	if (at->line)
		return shaping_who(m->s, at, m->base ? m->e->name.p : "default");
	return set ? "default" : "";
}

static struct pr_figure
count_of(const struct making *m, int64_t n, const struct pr_text *at, const struct pr_figure *base)
{
	if (!at->line && m->base)
		return *base;
	return (struct pr_figure){n, who_of(m, at, n)};
}

static struct pr_rate_figure
rate_of(const struct making *m, struct pr_rate rate, const struct pr_text *at,
        const struct pr_rate_figure *base)
{
	if (!at->line && m->base)
		return *base;
	return (struct pr_rate_figure){rate, who_of(m, at, rate.count)};
}

/* Where a provider's connections are known there is nothing to find out. */
static struct pr_figure
start_of(const struct making *m, const struct pr_shaping_policy *p)
{
	const struct pr_figure *base = m->base ? &m->base->start : NULL;
	struct pr_figure start = count_of(m, m->e->start, &m->e->start_at, base);
	if (m->base && m->e->connections_at.line && !m->e->start_at.line)
		start = p->connections;
	return start.n <= p->connections.n ? start : p->connections;
}

static void
make_policy(const struct making *m, struct pr_shaping_policy *p)
{
	const struct provider_entry *e = m->e;
	static const struct pr_shaping_policy none = {0};
	const struct pr_shaping_policy *base = m->base ? m->base : &none;
	p->provider = m->base ? e->name.p : "";
#define COUNT(field) p->field = count_of(m, e->field, &e->field##_at, &base->field)
#define RATE(field) p->field = rate_of(m, e->field, &e->field##_at, &base->field)
	COUNT(connections);
	COUNT(messages);
	COUNT(burst);
	COUNT(provider_connections);
	COUNT(daily);
	RATE(message_rate);
	RATE(connection_rate);
	RATE(provider_message_rate);
	p->start = start_of(m, p);
#define WORD(field)                                                                                \
	count_of(m, e->field, &e->field##_at, &(struct pr_figure){base->field, base->field##_who})
	struct pr_figure tls = WORD(tls), chunking = WORD(chunking);
	p->tls = (enum pr_shaping_tls)tls.n;
	p->tls_who = tls.who;
	p->chunking = (enum pr_shaping_switch)chunking.n;
	p->chunking_who = chunking.who;
}

static void
check_figures(struct check *k, const struct provider_entry *e, const char *where)
{
	if (e->start_at.line && e->connections_at.line && e->start > e->connections)
		shaping_tell(k, &e->start_at, "write at most connections",
		             "%sstart: more than connections", where);
}

/* ---- names ---- */

static struct named *
find_named(const struct pr_map *map, struct pr_str name)
{
	struct named *n = pr_map_get(map, shaping_hash(name));
	while (n && !pr_str_eq(n->name, name))
		n = n->next;
	return n;
}

static void
put_named(struct pr_shaping *s, struct pr_map *map, const struct named *n)
{
	struct named *kept = pr_arena_zero(&s->arena, sizeof *kept);
	*kept = *n;
	kept->name = pr_arena_copy(&s->arena, n->name);
	kept->next = pr_map_put(map, shaping_hash(n->name), kept);
}

static void
add_name(struct check *k, struct pr_map *map, const struct pr_text *at, const char *where,
         const struct pr_shaping_policy *policy)
{
	char name[256];
	const char *why = "";
	if (pr_domain_parse(pr_text_str(at), name, &why) < 0) {
		shaping_tell(k, at, "write a name like google.com; those below it are meant, too",
		             "%s: \"%s\" is not a host name: %s", where, at->p, why);
		return;
	}
	const struct named *other = find_named(map, pr_str(name));
	if (other) {
		shaping_tell(k, at, "keep one of them", "%s: \"%s\" is %s's already, on line %u",
		             where, name, other->policy->provider, other->at->line);
		return;
	}
	put_named(k->s, map, &(struct named){pr_str(name), at, policy, NULL});
}

static void
add_names(struct check *k, struct pr_map *map, const struct pr_texts *names, const char *key,
          const struct pr_shaping_policy *policy)
{
	struct pr_buf where = {0};
	pr_buf_addf(&where, "providers.%s.%s", policy->provider, key);
	for (size_t i = 0; i < names->n; i++)
		add_name(k, map, &names->items[i], where.data, policy);
	pr_buf_finish(&where);
}

/* It is a label of metrics, where "other" is whoever has none. */
static void
check_provider_name(struct check *k, const struct pr_text *name)
{
	bool fine = name->n <= PROVIDER_NAME_MAX && !pr_str_is(pr_text_str(name), "other") &&
	            !pr_str_is(pr_text_str(name), "default");
	for (size_t i = 0; i < name->n; i++)
		fine = fine && strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", name->p[i]);
	if (!fine)
		shaping_tell(k, name, "write at most 40 of a-z 0-9 _ -; not other, not default",
		             "providers: \"%s\" cannot be a provider's name", name->p);
}

static void
make_provider(struct check *k, const struct provider_entry *e, struct pr_shaping_policy *p)
{
	struct pr_shaping *s = k->s;
	char where[PROVIDER_NAME_MAX + 16];
	make_policy(&(struct making){.s = s, .e = e, .base = s->policies}, p);
	check_provider_name(k, &e->name);
	put_named(s, &s->names, &(struct named){pr_text_str(&e->name), &e->name, p, NULL});
	snprintf(where, sizeof where, "providers.%.*s.", PROVIDER_NAME_MAX, e->name.p);
	check_figures(k, e, where);
	add_names(k, &s->exchangers, &e->exchangers, "exchangers", p);
	add_names(k, &s->domains, &e->domains, "domains", p);
	if (e->exchangers.n + e->domains.n == 0)
		shaping_tell(k, &e->name, "add exchangers: [example.com]",
		             "%sexchangers: without them and without domains nothing is meant",
		             where);
}

void
shaping_make_policies(struct check *k)
{
	struct pr_shaping *s = k->s;
	const struct provider_entry *entries = s->file.providers.items;
	size_t n = s->file.providers.n;
	s->policies = pr_arena_zero(&s->arena, (n + 1) * sizeof *s->policies);
	make_policy(&(struct making){.s = s, .e = &s->file.fallback}, s->policies);
	check_figures(k, &s->file.fallback, "default.");
	for (s->policies_n = 1; s->policies_n <= n; s->policies_n++)
		make_provider(k, &entries[s->policies_n - 1], &s->policies[s->policies_n]);
}

/* ---- asking ---- */

/* Lower case, without a dot at the end; too long: nothing. */
static struct pr_str
plain_name(struct pr_str name, char out[DOMAIN_MAX + 1])
{
	size_t n = name.n && name.p[name.n - 1] == '.' ? name.n - 1 : name.n;
	if (n > DOMAIN_MAX)
		n = 0;
	for (size_t i = 0; i < n; i++)
		out[i] = pr_lower(name.p[i]);
	return pr_str_n(out, n);
}

/* The longest suffix that is known; NULL: none. */
static const struct pr_shaping_policy *
match_exchanger(const pr_shaping *s, struct pr_str name)
{
	char plain[DOMAIN_MAX + 1];
	struct pr_str rest = plain_name(name, plain);
	while (rest.n) {
		const struct named *n = find_named(&s->exchangers, rest);
		if (n)
			return n->policy;
		const char *dot = memchr(rest.p, '.', rest.n);
		if (!dot)
			break;
		rest = pr_str_n(dot + 1, rest.n - (size_t)(dot + 1 - rest.p));
	}
	return NULL;
}

const struct pr_shaping_policy *
pr_shaping_match(const pr_shaping *s, const char *const names[], size_t n)
{
	const struct pr_shaping_policy *all = n ? match_exchanger(s, pr_str(names[0])) : NULL;
	for (size_t i = 1; all && i < n; i++)
		if (match_exchanger(s, pr_str(names[i])) != all)
			all = NULL;
	return all ? all : s->policies;
}

const struct pr_shaping_policy *
pr_shaping_match_domain(const pr_shaping *s, struct pr_str domain)
{
	char plain[DOMAIN_MAX + 1];
	const struct named *n = find_named(&s->domains, plain_name(domain, plain));
	return n ? n->policy : NULL;
}

const struct pr_shaping_policy *
pr_shaping_default(const pr_shaping *s)
{
	return s->policies;
}

const struct pr_shaping_policy *
pr_shaping_policy(const pr_shaping *s, struct pr_str provider)
{
	if (provider.n == 0)
		return s->policies;
	const struct named *n = find_named(&s->names, provider);
	return n ? n->policy : NULL;
}
