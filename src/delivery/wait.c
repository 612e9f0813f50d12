/*
 * What a lane waits for, across restarts: its back-off, and what its peer has asked for by
 * Retry-After. A receiver that cannot be reached is not tried anew by each daemon that begins. The
 * back-off from a relay is not kept: that server is the operator's own, who restarts the daemon
 * because it is well again.
 */
#include "internal.h"

#include <stdio.h>

static void
key_of(const struct lane *l, struct pr_buf *key)
{
	pr_buf_addf(key, KEPT_WAIT "%s/%s/%s", l->site->outlet->name, l->source, l->site->key);
}

/* By the wall clock; 0: it is over. */
static int64_t
utc_of(const struct lane *l, int64_t until_ms)
{
	int64_t left = until_ms - pr_loop_now_ms(l->delivery->loop);
	return left > 0 ? pr_utc_ms() + left : 0;
}

void
lane_keep_wait(const struct lane *l)
{
	struct pr_buf key = {0}, text = {0};
	unsigned failures = l->site->outlet->mx ? l->failures : 0;
	int64_t hush = utc_of(l, l->hush_until_ms);
	if (failures || hush)
		pr_buf_addf(&text, "%u %lld %lld %lld", failures,
		            (long long)(failures ? utc_of(l, l->retry_at_ms) : 0),
		            (long long)(failures ? l->failing_since_ms : 0), (long long)hush);
	key_of(l, &key);
	kept_put(l->delivery, key.data, pr_buf_str(&text), NULL);
	pr_buf_finish(&key);
	pr_buf_finish(&text);
}

/* Clocks jump, and state may be old: never further ahead than it can be. */
static int64_t
until_of(const struct lane *l, int64_t utc_ms, int64_t most_ms)
{
	int64_t left = utc_ms - pr_utc_ms();
	if (left <= 0)
		return 0;
	return pr_loop_now_ms(l->delivery->loop) + (left < most_ms ? left : most_ms);
}

void
lane_restore_wait(struct lane *l)
{
	struct pr_buf key = {0};
	long long retry, since, hush;
	unsigned failures;
	key_of(l, &key);
	const char *text = kept_find(l->delivery, key.data);
	if (text && sscanf(text, "%u %lld %lld %lld", &failures, &retry, &since, &hush) == 4) {
		l->failures = failures;
		l->failing_since_ms = since;
		l->retry_at_ms = until_of(l, retry, BACK_OFF_MAX_MS);
		l->hush_until_ms = until_of(l, hush, PR_DAY_MS);
	}
	pr_buf_finish(&key);
}
