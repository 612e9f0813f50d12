/* SipHash, the kernel's randomness, and the table of 64-bit keys. */
#include "postrider/base/hash.h"

#include "postrider/base/error.h"

#include <stdlib.h>
#include <sys/random.h>

static inline uint64_t
rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1, s->v1 = rotl(s->v1, 13) ^ s->v0, s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3, s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3, s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1, s->v1 = rotl(s->v1, 17) ^ s->v2, s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

uint64_t
pr_siphash(struct pr_hash_key key, const void *data, size_t n)
{
	struct sip s = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du,
	                key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u};
	const unsigned char *p = data;
	uint64_t m, last = (uint64_t)n << 56;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&m, p, 8);
		sip_word(&s, m);
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(&s, last);
	s.v2 ^= 0xFF;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void
pr_random(void *out, size_t n)
{
	char *p = out;
	while (n > 0) {
		ssize_t got = getrandom(p, n > 256 ? 256 : n, 0);
		PR_ASSERT(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void
pr_hash_key_random(struct pr_hash_key *key)
{
	pr_random(key, sizeof *key);
}

void
pr_map_finish(struct pr_map *m)
{
	free(m->slots);
	*m = (struct pr_map){0};
}

/* The slot that holds key, or the free one where it would go. */
static struct pr_map_slot *
find(const struct pr_map *m, uint64_t key)
{
	size_t mask = m->cap - 1, i = (size_t)pr_mix64(key) & mask;
	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & mask;
	return &m->slots[i];
}

void *
pr_map_get(const struct pr_map *m, uint64_t key)
{
	return m->cap ? find(m, key)->value : NULL;
}

static void
grow(struct pr_map *m)
{
	struct pr_map bigger = {NULL, m->n, m->cap ? m->cap * 2 : 16};
	bigger.slots = pr_calloc(bigger.cap, sizeof *bigger.slots);
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
}

void *
pr_map_put(struct pr_map *m, uint64_t key, void *value)
{
	PR_ASSERT(value);
	if ((m->n + 1) * 4 > m->cap * 3)
		grow(m);
	struct pr_map_slot *s = find(m, key);
	void *old = s->value;
	m->n += !old;
	*s = (struct pr_map_slot){key, value};
	return old;
}

void *
pr_map_remove(struct pr_map *m, uint64_t key)
{
	if (!m->cap)
		return NULL;
	struct pr_map_slot *s = find(m, key);
	void *old = s->value;
	if (!old)
		return NULL;
	/* Close the gap: move back each follower that may live there. */
	size_t mask = m->cap - 1, gap = (size_t)(s - m->slots);
	for (size_t i = (gap + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = (size_t)pr_mix64(m->slots[i].key) & mask;
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			m->slots[gap] = m->slots[i];
			gap = i;
		}
	}
	m->slots[gap].value = NULL;
	m->n--;
	return old;
}
