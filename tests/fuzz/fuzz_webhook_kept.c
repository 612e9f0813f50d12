/*
 * Where a webhook stands, as state.db kept it. Holds: what is taken over comes back the same from
 * what is saved of it, and fits where the daemon writes it.
 */
#include "../../src/webhooks/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hook_kept kept, again;
	struct pr_buf text = {0};
	if (!hook_kept_parse(pr_str_n((const char *)data, n), &kept))
		return 0;
	PR_ASSERT(kept.missed.at_ms >= 0);
	hook_kept_text(&kept, &text);
	PR_ASSERT(hook_kept_parse(pr_buf_str(&text), &again));
	PR_ASSERT(memcmp(&kept, &again, sizeof kept) == 0);
	pr_buf_finish(&text);
	return 0;
}
