/*
 * Hashes: SipHash-2-4 (Aumasson and Bernstein, 2012), keyed, for tables that
 * hold what strangers sent and for the address index; and a table from 64-bit
 * keys to pointers.
 */
#ifndef POSTRIDER_BASE_HASH_H
#define POSTRIDER_BASE_HASH_H

#include "postrider/base/str.h"

struct pr_hash_key {
	uint64_t k0, k1;
};

uint64_t pr_siphash(struct pr_hash_key key, const void *data, size_t n);
void pr_hash_key_random(struct pr_hash_key *key);
void pr_random(void *out, size_t n); /* from the kernel; ends the program where that fails */

static inline uint64_t
pr_mix64(uint64_t x) /* the finaliser of splitmix64: spreads counters and ids */
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

/* Open addressing, at most 3/4 full. Keys are any 64-bit value (spread them with
 * pr_mix64 where they are counters: the table does that itself). Values not NULL. */
struct pr_map {
	struct pr_map_slot {
		uint64_t key;
		void *value; /* NULL: free */
	} * slots;
	size_t n, cap;
};

void pr_map_finish(struct pr_map *m);
void *pr_map_get(const struct pr_map *m, uint64_t key);
void *pr_map_put(struct pr_map *m, uint64_t key, void *value); /* returns what was there */
void *pr_map_remove(struct pr_map *m, uint64_t key);           /* returns what was there */

#endif
