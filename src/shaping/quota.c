/*
 * Daily quotas. What is claimed is durable before it is used, so that after a crash all that was
 * claimed counts as sent: `used` is never kept, it begins at `claimed`.
 */
#include "postrider/shaping/quota.h"

#include <stdio.h>

bool
pr_quota_parse_day(struct pr_str text, int64_t *day)
{
	char instant[32];
	struct pr_when when;
	if (text.n != 10)
		return false;
	snprintf(instant, sizeof instant, "%.10sT00:00Z", text.p);
	if (!pr_when_parse(pr_str(instant), &when))
		return false;
	*day = when.local_ms / PR_DAY_MS;
	return true;
}

static int64_t
day_of(const pr_zone *zone, int64_t utc_ms)
{
	int64_t local_ms = utc_ms + pr_zone_offset_s(zone, utc_ms) * 1000;
	return local_ms / PR_DAY_MS - (local_ms % PR_DAY_MS < 0);
}

struct pr_allowance
pr_quota_today(const struct pr_shaping_policy *policy, const struct pr_warm_up *warm_up,
               int64_t since, const pr_zone *zone, int64_t now_ms, int64_t utc_ms)
{
	struct pr_allowance today = {.day = day_of(zone, utc_ms), .n = INT64_MAX, .who = ""};
	struct pr_when midnight = {.set = true, .local_ms = (today.day + 1) * PR_DAY_MS};
	today.ends_ms = now_ms + pr_when_utc_ms(&midnight, zone) - utc_ms;
	if (policy->daily.n) {
		today.n = policy->daily.n;
		today.who = policy->daily.who;
	}
	int64_t warm = warm_up ? pr_warm_up_allows(warm_up, today.day - since) : INT64_MAX;
	if (warm < today.n) {
		today.n = warm;
		today.who = warm_up->who;
	}
	return today;
}

void
pr_quota_begin(struct pr_quota *q, const struct pr_allowance *today)
{
	int64_t was = q->today.day;
	bool set_back = q->asked && today->day < was;
	q->today = *today;
	q->limited = today->n != INT64_MAX;
	if (set_back && was - today->day <= 1)
		q->today.day = was; /* it is counted as what it was a moment ago */
	else if (!set_back && today->day != was)
		q->claimed = q->asked = q->used = 0;
}

int64_t
pr_quota_left(const struct pr_quota *q)
{
	if (!q->limited)
		return INT64_MAX;
	return q->used < q->today.n ? q->today.n - q->used : 0;
}

int64_t
pr_quota_room(const struct pr_quota *q)
{
	int64_t left = pr_quota_left(q), there = q->claimed - q->used;
	if (!q->limited || left < there)
		return left;
	return there > 0 ? there : 0;
}

int64_t
pr_quota_claim(struct pr_quota *q, int64_t n)
{
	int64_t there = q->claimed - q->used, most = q->today.n - q->claimed;
	if (!q->limited || q->asked > q->claimed || there >= n - n / 2 || most <= 0)
		return 0;
	int64_t more = n - there < most ? n - there : most;
	q->asked = q->claimed + more;
	return more;
}

size_t
pr_quota_save(const struct pr_quota *q, char out[PR_QUOTA_TEXT_MAX])
{
	if (q->asked == 0)
		return 0;
	return (size_t)snprintf(out, PR_QUOTA_TEXT_MAX, "%lld %lld", (long long)q->today.day,
	                        (long long)q->asked);
}

static bool
parse_saved(struct pr_str saved, uint64_t *day, uint64_t *n)
{
	const char *space = saved.n ? memchr(saved.p, ' ', saved.n) : NULL;
	if (!space || saved.n >= PR_QUOTA_TEXT_MAX)
		return false;
	size_t at = (size_t)(space - saved.p);
	return pr_str_u64(pr_str_n(saved.p, at), day) &&
	       pr_str_u64(pr_str_n(space + 1, saved.n - at - 1), n) && *day < 1u << 20 &&
	       *n < 1ull << 60;
}

void
pr_quota_durable(struct pr_quota *q, struct pr_str saved)
{
	uint64_t day, n;
	if (!parse_saved(saved, &day, &n) || (int64_t)day != q->today.day)
		return;
	if ((int64_t)n > q->claimed && (int64_t)n <= q->asked)
		q->claimed = (int64_t)n;
}

int
pr_quota_restore(struct pr_quota *q, struct pr_str saved)
{
	uint64_t day, n;
	if (!parse_saved(saved, &day, &n))
		return PR_EINVAL;
	*q = (struct pr_quota){.today.day = (int64_t)day};
	q->claimed = q->asked = q->used = (int64_t)n;
	return 0;
}

void
pr_quota_take(struct pr_quota *q)
{
	q->used++; /* also without a limit: one may come with a reload */
}
