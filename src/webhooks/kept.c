/* A webhook's cursor as a fact of state.db: numbers, separated by spaces, the first one the version
 * of the text. */
#include "internal.h"

#include <openssl/evp.h>
#include <stdio.h>

#define VERSION 1
#define NUMBERS 7

void
hook_key(struct pr_str url, char out[HOOK_KEY_SIZE])
{
	unsigned char hash[32];
	unsigned n = sizeof hash;
	PR_ASSERT(EVP_Digest(url.p, url.n, hash, &n, EVP_sha256(), NULL) == 1);
	char *to = out + sprintf(out, "%s", HOOK_FACTS);
	for (unsigned i = 0; i < n; i++)
		to += sprintf(to, "%02x", hash[i]);
}

void
hook_kept_text(const struct hook_kept *kept, struct pr_buf *out)
{
	const struct pr_webhook_missed *m = &kept->missed;
	pr_buf_addf(out, "%d %llu %llu %llu %llu %llu %lld", VERSION,
	            (unsigned long long)kept->position, (unsigned long long)m->events,
	            (unsigned long long)m->octets, (unsigned long long)m->from,
	            (unsigned long long)m->to, (long long)m->at_ms);
}

bool
hook_kept_parse(struct pr_str text, struct hook_kept *out)
{
	uint64_t n[NUMBERS];
	for (int i = 0; i < NUMBERS; i++) {
		const char *space = text.n ? memchr(text.p, ' ', text.n) : NULL;
		size_t length = space ? (size_t)(space - text.p) : text.n;
		if (!pr_str_u64(pr_str_n(text.p, length), &n[i]) || !space != (i == NUMBERS - 1))
			return false;
		length += space != NULL;
		text = pr_str_n(text.p + length, text.n - length);
	}
	if (n[0] != VERSION || n[6] > INT64_MAX)
		return false;
	*out = (struct hook_kept){
	    .position = n[1],
	    .missed = {
		.events = n[2], .octets = n[3], .from = n[4], .to = n[5], .at_ms = (int64_t)n[6]}};
	return true;
}
