/*
 * When to try again: an interval that grows by `factor` with each try up to `max`, moved
 * by a jitter that depends on the row and the try alone. So a restart does not change the
 * plan, and rows that failed together do not come back together.
 */
#include "postrider/base/hash.h"
#include "postrider/delivery/verdict.h"

int64_t
pr_retry_delay_ms(const struct pr_retry *retry, unsigned tries, uint64_t seed)
{
	double delay = (double)retry->first_ms, max = (double)retry->max_ms;
	for (unsigned i = 1; i < tries && delay < max && retry->factor > 1; i++)
		delay *= retry->factor;
	if (delay > max)
		delay = max;
	/* 53 bits of the hash as a share from -1 up to 1 */
	double share = (double)(pr_mix64(seed ^ pr_mix64(tries)) >> 11) / (double)(1ULL << 52) - 1;
	delay += delay * retry->jitter * share;
	return delay < 1 ? 1 : (int64_t)delay;
}
