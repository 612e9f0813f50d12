/* Storms of "unknown user"; see storm.h. */
#include "postrider/classify/storm.h"

#include "postrider/base/clock.h"

#include <math.h>

#define DAYS_MS (7.0 * PR_DAY_MS)
#define MINUTES_MS (10.0 * PR_MINUTE_MS)
#define COUNT_MAX UINT32_MAX

static struct pr_storm
faded(const struct pr_storm *s, int64_t now_ms)
{
	struct pr_storm f = *s;
	double passed = s->at_ms && now_ms > s->at_ms ? (double)(now_ms - s->at_ms) : 0;
	double days = exp(-passed / DAYS_MS), minutes = exp(-passed / MINUTES_MS);
	f.tried *= days;
	f.unknown *= days;
	f.tried_now *= minutes;
	f.unknown_now *= minutes;
	f.at_ms = now_ms;
	return f;
}

static bool
blows(const struct pr_storm *s)
{
	double usual = (s->unknown + PR_STORM_USUAL * PR_STORM_KNOWN) / (s->tried + PR_STORM_KNOWN);
	double share = s->tried_now > 0 ? s->unknown_now / s->tried_now : 0;
	return s->unknown_now >= PR_STORM_LEAST && share >= PR_STORM_SHARE &&
	       share >= PR_STORM_TIMES * usual;
}

/* Fading is worth a look at the clock once a second. */
void
pr_storm_count(struct pr_storm *s, bool unknown, int64_t now_ms)
{
	if (!s->at_ms || now_ms - s->at_ms >= PR_SECOND_MS)
		*s = faded(s, now_ms);
	s->tried_now++;
	s->unknown_now += unknown;
	if (blows(s))
		return;
	s->tried++;
	s->unknown += unknown;
}

bool
pr_storm_blows(const struct pr_storm *s, int64_t now_ms)
{
	struct pr_storm f = faded(s, now_ms);
	return blows(&f);
}

void
pr_storm_write(const struct pr_storm *s, struct pr_buf *out)
{
	pr_buf_addf(out, "%.0f %.0f %lld", s->tried, s->unknown, (long long)s->at_ms);
}

bool
pr_storm_read(struct pr_str text, int64_t now_ms, struct pr_storm *s)
{
	uint64_t n[3];
	*s = (struct pr_storm){0};
	for (int i = 0; i < 3; i++) {
		const char *space = text.n ? memchr(text.p, ' ', text.n) : NULL;
		size_t word = space && i < 2 ? (size_t)(space - text.p) : text.n;
		if (!pr_str_u64(pr_str_n(text.p, word), &n[i]))
			return false;
		word += word < text.n;
		text = pr_str_n(text.p + word, text.n - word);
	}
	if (n[0] > COUNT_MAX || n[1] > n[0] || n[2] > INT64_MAX)
		return false;
	struct pr_storm kept = {
	    .tried = (double)n[0], .unknown = (double)n[1], .at_ms = (int64_t)n[2]};
	*s = faded(&kept, now_ms);
	return true;
}
