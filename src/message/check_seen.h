/* Addresses seen so far, as hashes alone: eight octets each, none beyond a bound. */
#ifndef POSTRIDER_MESSAGE_CHECK_SEEN_H
#define POSTRIDER_MESSAGE_CHECK_SEEN_H

#include "postrider/base/hash.h"

#define SEEN_MAX 12000000u /* addresses: 128 MiB at most */

struct seen {
	uint64_t *slots; /* 0: free */
	size_t n, cap;
	struct pr_hash_key key;
};

void seen_init(struct seen *s);
void seen_finish(struct seen *s);
/* True: it was there before (two addresses of 12 million are taken for one with a chance of 1 in
 * 250,000). False when there are SEEN_MAX already: import finds the rest. */
bool seen_before(struct seen *s, struct pr_str address);

#endif
