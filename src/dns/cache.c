/*
 * The cache. An entry is
 *
 *   flying   its look-up is on its way; who asks joins those who wait
 *   ended    it has its result; those who wait are told at the end of the turn
 *   kept     nobody waits; in the order of use, until its time is over or others need room
 *
 * and an entry that served only as a part of another look-up goes right after it was told: the
 * other one holds what came of it. Only kept entries count against the bound; those flying are
 * as many as somebody asked for.
 *
 * How it fails: it does not. A result that says "not known now" is kept for some seconds like
 * any other, so that many who ask in vain do not become many questions.
 */
#include "internal.h"

#include "postrider/base/clock.h"

#include <stdlib.h>

#define CACHE_MAX 50000

struct kind {
	void (*begin)(pr_dns *dns, struct dns_entry *e);
	void (*drop)(void *work);
	unsigned (*keep_s)(const void *result);
};

static unsigned
bounded(unsigned ttl_s, unsigned most_s)
{
	return ttl_s < DNS_TTL_MIN_S ? DNS_TTL_MIN_S : ttl_s < most_s ? ttl_s : most_s;
}

static unsigned
status_keep_s(enum pr_dns_status status, unsigned ttl_s)
{
	if (status == PR_DNS_TEMP)
		return DNS_TTL_TEMP_S;
	return bounded(ttl_s, status == PR_DNS_OK ? DNS_TTL_MAX_S : DNS_TTL_NEGATIVE_MAX_S);
}

static unsigned
answer_keep_s(const void *result)
{
	const struct pr_dns_answer *a = result;
	return status_keep_s(a->status, a->ttl_s);
}

static unsigned
hosts_keep_s(const void *result)
{
	const struct pr_dns_hosts *h = result;
	return status_keep_s(h->status, h->ttl_s);
}

static unsigned
mx_keep_s(const void *result)
{
	const struct pr_mx *mx = result;
	if (mx->kind == PR_MX_TEMP)
		return DNS_TTL_TEMP_S;
	return bounded(mx->ttl_s, mx->kind == PR_MX_OK ? DNS_TTL_MAX_S : DNS_TTL_NEGATIVE_MAX_S);
}

static const struct kind kinds[] = {
    [DNS_ANSWER] = {dns_answer_begin, dns_answer_drop, answer_keep_s},
    [DNS_HOSTS] = {dns_hosts_begin, dns_hosts_drop, hosts_keep_s},
    [DNS_MX] = {dns_mx_begin, dns_mx_drop, mx_keep_s},
};

/* ---- references: each kind of result begins with their count ---- */

static const void *
ref(const void *result)
{
	++*(unsigned *)(uintptr_t)result;
	return result;
}

static void
unref(const void *result)
{
	unsigned *refs = (unsigned *)(uintptr_t)result;
	if (refs && --*refs == 0)
		free(refs);
}

void
pr_dns_answer_unref(const struct pr_dns_answer *a)
{
	unref(a);
}

void
pr_dns_hosts_unref(const struct pr_dns_hosts *h)
{
	unref(h);
}

void
pr_mx_unref(const struct pr_mx *mx)
{
	unref(mx);
}

/* ---- entries ---- */

static void
free_entry(pr_dns *dns, struct dns_entry *e)
{
	PR_ASSERT(pr_list_empty(&e->waiting));
	pr_map_remove(&dns->entries, e->key);
	pr_list_remove(&e->link);
	dns->counts.kept -= e->state == DNS_KEPT;
	unref(e->result);
	if (e->work)
		kinds[e->kind].drop(e->work);
	free(e);
}

/* Kept now, as the one used last; those used least make room. */
static void
keep(pr_dns *dns, struct dns_entry *e)
{
	size_t most = dns->options.cache_max ? dns->options.cache_max : CACHE_MAX;
	e->state = DNS_KEPT;
	pr_list_push(&dns->lru, &e->link);
	dns->counts.kept++;
	while (dns->counts.kept > most)
		free_entry(dns, PR_CONTAINER(dns->lru.next, struct dns_entry, link));
}

static void
tell_one(const struct dns_entry *e, struct pr_dns_wait *w)
{
	switch ((enum dns_kind)e->kind) {
	case DNS_ANSWER: w->done.answer(w, ref(e->result)); break;
	case DNS_HOSTS: w->done.hosts(w, ref(e->result)); break;
	case DNS_MX: w->done.mx(w, ref(e->result)); break;
	}
}

/* Those who wait may ask again while they are told, also for this entry: it holds its result. */
static void
tell(pr_dns *dns, struct dns_entry *e)
{
	struct pr_list *link;
	while ((link = pr_list_shift(&e->waiting))) {
		struct pr_dns_wait *w = PR_CONTAINER(link, struct pr_dns_wait, link);
		tell_one(e, w);
	}
	pr_list_remove(&e->link);
	if (e->keep)
		keep(dns, e);
	else
		free_entry(dns, e);
}

static void
on_tell(struct pr_turn_hook *hook)
{
	pr_dns *dns = PR_CONTAINER(hook, pr_dns, tell);
	while (!pr_list_empty(&dns->ended))
		tell(dns, PR_CONTAINER(dns->ended.next, struct dns_entry, link));
}

void
dns_entry_end(pr_dns *dns, struct dns_entry *e, void *result)
{
	PR_ASSERT(e->state == DNS_FLYING && !e->result);
	e->work = NULL;
	e->state = DNS_ENDED;
	e->result = result;
	e->due_ms = pr_loop_now_ms(dns->loop) + kinds[e->kind].keep_s(result) * PR_SECOND_MS;
	pr_list_push(&dns->ended, &e->link);
	pr_turn_ask(&dns->tell);
}

static bool
is_of(const struct dns_entry *e, enum dns_kind kind, enum pr_dns_type type, const char *name)
{
	return e->kind == kind && e->type == (uint8_t)type && strcmp(e->name, name) == 0;
}

static struct dns_entry *
new_entry(pr_dns *dns, uint64_t key, enum dns_kind kind, enum pr_dns_type type, const char *name)
{
	size_t size = strlen(name) + 1;
	struct dns_entry *e = pr_calloc(1, sizeof *e + size);
	e->key = key;
	e->kind = (uint8_t)kind;
	e->type = (uint8_t)type;
	memcpy(e->name, name, size);
	pr_list_init(&e->link);
	pr_list_init(&e->waiting);
	pr_map_put(&dns->entries, key, e);
	return e;
}

/* The entry that is there and still good, or a new one: that flies. */
static struct dns_entry *
entry_of(pr_dns *dns, enum dns_kind kind, enum pr_dns_type type, const char *name)
{
	struct dns_entry *e;
	uint64_t key = pr_siphash(dns->hash, name, strlen(name));
	key = pr_mix64(key + ((uint64_t)kind << 8) + (uint64_t)type);
	while ((e = pr_map_get(&dns->entries, key)) && !is_of(e, kind, type, name))
		key = pr_mix64(key); /* two names of one hash: hardly ever */
	if (e && e->state == DNS_KEPT && e->due_ms <= pr_loop_now_ms(dns->loop)) {
		free_entry(dns, e);
		e = NULL;
	}
	return e ? e : new_entry(dns, key, kind, type, name);
}

const void *
dns_look_up(pr_dns *dns, enum dns_kind kind, enum pr_dns_type type, const char *name, bool keep,
            struct pr_dns_wait *w)
{
	struct dns_entry *e = entry_of(dns, kind, type, name);
	bool is_new = e->state == DNS_FLYING && !e->work;
	e->keep |= keep;
	if (keep) {
		dns->counts.asked++;
		dns->counts.hits += e->result != NULL;
		dns->counts.joined += !e->result && !is_new;
	}
	if (is_new)
		kinds[kind].begin(dns, e);
	if (e->state == DNS_KEPT) {
		pr_list_remove(&e->link);
		pr_list_push(&dns->lru, &e->link);
	}
	if (e->result)
		return ref(e->result);
	pr_list_push(&e->waiting, &w->link);
	return NULL;
}

void
pr_dns_forget(struct pr_dns_wait *w)
{
	if (w->link.next)
		pr_list_remove(&w->link);
}

void
dns_cache_init(pr_dns *dns)
{
	pr_hash_key_random(&dns->hash);
	pr_list_init(&dns->lru);
	pr_list_init(&dns->ended);
	pr_turn_hook_init(&dns->tell, dns->loop, PR_TURN_WORK, on_tell);
}

void
dns_cache_empty(pr_dns *dns)
{
	while (!pr_list_empty(&dns->lru))
		free_entry(dns, PR_CONTAINER(dns->lru.next, struct dns_entry, link));
}

/* The waits of others are let go first; those of look-ups made of parts lie within other
 * entries' work, which must not be freed before. */
void
dns_cache_finish(pr_dns *dns)
{
	struct pr_map *m = &dns->entries;
	for (size_t i = 0; i < m->cap; i++) {
		struct dns_entry *e = m->slots[i].value;
		while (e && pr_list_shift(&e->waiting))
			;
	}
	struct pr_list all;
	pr_list_init(&all);
	for (size_t i = 0; i < m->cap; i++) {
		struct dns_entry *e = m->slots[i].value;
		if (!e)
			continue;
		pr_list_remove(&e->link);
		pr_list_push(&all, &e->link);
	}
	while (!pr_list_empty(&all))
		free_entry(dns, PR_CONTAINER(all.next, struct dns_entry, link));
	pr_map_finish(&dns->entries);
	pr_turn_hook_finish(&dns->tell);
}
