/*
 * What addresses did lately, for the whole process: those that could not be reached from a
 * source, and those whose TLS is broken. Bounded tables by address, where the new takes the place
 * of the old; what is forgotten too early costs one more try. The loop's thread.
 */
#include "internal.h"

#include "postrider/base/clock.h"
#include "postrider/base/hash.h"

#include <netinet/in.h>
#include <string.h>

#define SLOTS 8192u /* a power of two */
#define UNREACHABLE_MS (5 * PR_MINUTE_MS)
#define BROKEN_TLS_MS (3 * PR_DAY_MS)

struct slot {
	uint64_t key; /* 0: free */
	int64_t until_ms;
};

static struct slot unreachables[SLOTS], brokens[SLOTS];
static struct pr_routes_tls_counts tls_counts;

static uint64_t
hash_of(const struct pr_address *a)
{
	static const struct pr_hash_key key = {0x61646472, 0x657373};
	const struct sockaddr_in *in = (const void *)&a->sa;
	const struct sockaddr_in6 *in6 = (const void *)&a->sa;
	return a->sa.ss_family == AF_INET
	           ? pr_siphash(key, &in->sin_addr, sizeof in->sin_addr) ^ in->sin_port
	           : pr_siphash(key, &in6->sin6_addr, sizeof in6->sin6_addr) ^ in6->sin6_port;
}

/* Address and port, and from where: a source that leads nowhere says nothing of others. */
static uint64_t
key_of(const struct pr_address *a, const struct pr_address *source)
{
	uint64_t hash = hash_of(a);
	if (source && source->n)
		hash ^= pr_mix64(hash_of(source));
	return hash ? hash : 1;
}

static bool
known(const struct slot *table, uint64_t key, int64_t now_ms)
{
	const struct slot *s = &table[key % SLOTS];
	return s->key == key && now_ms < s->until_ms;
}

static void
note(struct slot *table, uint64_t key, int64_t until_ms)
{
	table[key % SLOTS] = (struct slot){key, until_ms};
}

bool
unreachable(const struct pr_address *a, const struct pr_address *source, int64_t now_ms)
{
	return known(unreachables, key_of(a, source), now_ms);
}

void
unreachable_note(const struct pr_address *a, const struct pr_address *source, int64_t now_ms)
{
	note(unreachables, key_of(a, source), now_ms + UNREACHABLE_MS);
}

void
unreachable_forget(const struct pr_address *a, const struct pr_address *source)
{
	uint64_t key = key_of(a, source);
	if (unreachables[key % SLOTS].key == key)
		unreachables[key % SLOTS].key = 0;
}

bool
broken_tls(const struct pr_address *a, int64_t now_ms)
{
	return known(brokens, key_of(a, NULL), now_ms);
}

void
broken_note(const struct pr_address *a, int64_t now_ms)
{
	note(brokens, key_of(a, NULL), now_ms + BROKEN_TLS_MS);
}

/* ---- RFC 8460 section 4.3 ---- */

static const char *const types[PR_ROUTES_TLS_TYPES] = {
    "starttls-not-supported", "certificate-host-mismatch",
    "certificate-expired",    "certificate-not-trusted",
    "tlsa-invalid",           "validation-failure"};

void
tls_note_failure(struct pr_route_target *t, const char *type)
{
	unsigned i = 0;
	while (i < PR_ROUTES_TLS_TYPES - 1 && strcmp(types[i], type) != 0)
		i++;
	tls_counts.failures[i]++;
	if (!t)
		return;
	if (!t->tls_failures) /* few ever have one, and there are many */
		t->tls_failures = pr_calloc(PR_ROUTES_TLS_TYPES, sizeof *t->tls_failures);
	t->tls_failures[i]++;
}

void
tls_note_success(struct pr_route_target *t)
{
	tls_counts.successes++;
	t->tls_successes++;
}

void
pr_target_tls_counts(const struct pr_route_target *t, struct pr_routes_tls_counts *sum)
{
	sum->successes += t->tls_successes;
	for (unsigned i = 0; t->tls_failures && i < PR_ROUTES_TLS_TYPES; i++)
		sum->failures[i] += t->tls_failures[i];
}

const struct pr_routes_tls_counts *
pr_routes_tls_counts(void)
{
	return &tls_counts;
}

const char *
pr_routes_tls_type(unsigned i)
{
	return types[i];
}
