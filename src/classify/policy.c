/* Counting of bounces that are not hard. */
#include "postrider/classify/policy.h"

#define NUMBERS (6 + PR_SOFT_CAMPAIGNS_MAX)

bool
pr_soft_counts(enum pr_class class_)
{
	switch (class_) {
	case PR_CLASS_USER_UNKNOWN: /* for now only, or it would be hard */
	case PR_CLASS_USER_MOVED:
	case PR_CLASS_MAILBOX_DISABLED:
	case PR_CLASS_MAILBOX_FULL:
	case PR_CLASS_DOMAIN_UNKNOWN:
	case PR_CLASS_MAIL_REFUSED:
	case PR_CLASS_RECIPIENT_REFUSED:
	case PR_CLASS_NETWORK:
	case PR_CLASS_SYSTEM: return true;
	default: return false;
	}
}

static void
note_campaign(struct pr_soft *s, uint32_t campaign)
{
	for (uint32_t i = 0; i < s->campaigns_n; i++)
		if (s->campaigns[i] == campaign)
			return;
	if (s->campaigns_n < PR_SOFT_CAMPAIGNS_MAX)
		s->campaigns[s->campaigns_n++] = campaign;
}

void
pr_soft_bounce(struct pr_soft *s, enum pr_class class_, uint32_t campaign, int64_t at_ms,
               uint64_t lsn)
{
	if (lsn <= s->lsn)
		return;
	s->lsn = lsn;
	s->bounces++;
	note_campaign(s, campaign);
	s->last_ms = at_ms;
	if (!s->first_ms)
		s->first_ms = at_ms;
	if (class_ != PR_CLASS_MAILBOX_FULL)
		s->full_ms = 0;
	else if (!s->full_ms)
		s->full_ms = at_ms;
}

bool
pr_soft_gives_up(const struct pr_soft *s, const struct pr_bounce_policy *p)
{
	bool full = p->full && s->full_ms && s->last_ms - s->full_ms >= p->full;
	return full || (p->soft && s->bounces >= p->soft && s->campaigns_n >= p->campaigns &&
	                s->last_ms - s->first_ms >= p->span);
}

/* ---- as text ---- */

void
pr_soft_write(const struct pr_soft *s, struct pr_buf *out)
{
	pr_buf_addf(out, "1 %u %llu %llu %llu %llu", s->bounces, (unsigned long long)s->first_ms,
	            (unsigned long long)s->last_ms, (unsigned long long)s->full_ms,
	            (unsigned long long)s->lsn);
	for (uint32_t i = 0; i < s->campaigns_n; i++)
		pr_buf_addf(out, " %u", s->campaigns[i]);
}

/* How many numbers; 0: it is something else. */
static size_t
read_numbers(struct pr_str text, uint64_t numbers[NUMBERS])
{
	size_t n = 0;
	while (text.n) {
		const char *space = memchr(text.p, ' ', text.n);
		size_t word = space ? (size_t)(space - text.p) : text.n;
		if (n == NUMBERS || !pr_str_u64(pr_str_n(text.p, word), &numbers[n++]))
			return 0;
		word += space != NULL;
		text = pr_str_n(text.p + word, text.n - word);
	}
	return n;
}

bool
pr_soft_read(struct pr_str text, struct pr_soft *s)
{
	uint64_t numbers[NUMBERS];
	size_t n = read_numbers(text, numbers);
	*s = (struct pr_soft){0};
	if (n < 6 || numbers[0] != 1)
		return false;
	*s = (struct pr_soft){.bounces = (uint32_t)numbers[1],
	                      .first_ms = (int64_t)numbers[2],
	                      .last_ms = (int64_t)numbers[3],
	                      .full_ms = (int64_t)numbers[4],
	                      .lsn = numbers[5],
	                      .campaigns_n = (uint32_t)n - 6};
	for (size_t i = 6; i < n; i++)
		s->campaigns[i - 6] = (uint32_t)numbers[i];
	return true;
}
