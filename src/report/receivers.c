/*
 * What the large receivers ask of senders, and whether this campaign kept to it. Public figures
 * only: Gmail's and Yahoo's sender guidelines; others say nothing, or tell nobody who complained.
 */
#include "model.h"

#define FEW 100u /* accepted messages below which a share of complaints says nothing */

enum { GMAIL = 1, YAHOO, MICROSOFT, APPLE, QQ, NETEASE, KNOWN };

static const struct {
	unsigned receiver;
	const char *domain; /* "yahoo.": of any country */
} domains[] = {
    {GMAIL, "gmail.com"},  {GMAIL, "googlemail.com"}, {YAHOO, "yahoo."},
    {YAHOO, "ymail.com"},  {YAHOO, "rocketmail.com"}, {YAHOO, "aol."},
    {YAHOO, "aim.com"},    {MICROSOFT, "outlook."},   {MICROSOFT, "hotmail."},
    {MICROSOFT, "live."},  {MICROSOFT, "msn.com"},    {APPLE, "icloud.com"},
    {APPLE, "me.com"},     {APPLE, "mac.com"},        {QQ, "qq.com"},
    {QQ, "foxmail.com"},   {NETEASE, "163.com"},      {NETEASE, "126.com"},
    {NETEASE, "yeah.net"},
};

static const struct {
	const char *name, *note;
	double target, limit;
	bool reports;
} known[KNOWN] = {
    [GMAIL] = {"Gmail", "reports no complaints to senders: see Google Postmaster Tools", 0.001,
               0.003, false},
    [YAHOO] = {"Yahoo and AOL", "", 0, 0.003, true},
    [MICROSOFT] = {"Microsoft (Outlook, Hotmail)", "has no public limit", 0, 0, true},
    [APPLE] = {"Apple iCloud", "has no public limit and reports no complaints", 0, 0, false},
    [QQ] = {"QQ", "has no public limit and reports no complaints", 0, 0, false},
    [NETEASE] = {"NetEase (163, 126)", "has no public limit and reports no complaints", 0, 0,
                 false},
};

/* ".com", ".co.uk": what stands behind the name of a receiver that is in many countries. */
static bool
is_country(struct pr_str rest)
{
	unsigned dots = 0;
	for (size_t i = 0; i < rest.n; i++)
		dots += rest.p[i] == '.';
	return rest.n >= 2 && rest.n <= 6 && dots <= 1;
}

unsigned
receiver_of_domain(struct pr_str domain)
{
	for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
		struct pr_str d = pr_str(domains[i].domain);
		bool any = d.p[d.n - 1] == '.';
		if (any ? pr_str_starts(domain, d.p) &&
		              is_country(pr_str_n(domain.p + d.n, domain.n - d.n))
		        : pr_str_eq(domain, d))
			return domains[i].receiver;
	}
	return 0;
}

static enum receiver_verdict
judge(const struct receiver *r)
{
	if (!r->reports || r->limit <= 0)
		return RECEIVER_SILENT;
	if (r->complained.whole < FEW)
		return RECEIVER_FEW;
	if (r->complained.value >= r->limit)
		return RECEIVER_BEYOND;
	return r->target > 0 && r->complained.value >= r->target ? RECEIVER_ABOVE : RECEIVER_WELL;
}

void
receivers_judge(struct model *m)
{
	for (unsigned i = 1; i < KNOWN; i++) {
		const struct pr_survey_part *p = &m->survey.receivers[i];
		if (p->rows == 0)
			continue;
		struct receiver *r = &m->receivers[m->receivers_n++];
		*r = (struct receiver){
		    .name = known[i].name,
		    .note = known[i].note,
		    .target = known[i].target,
		    .limit = known[i].limit,
		    .reports = known[i].reports,
		    .unsubscribed = p->acted[PR_ENGAGEMENT_UNSUBSCRIBE],
		    .complained = share_of(p->acted[PR_ENGAGEMENT_COMPLAINT], p->of[PR_DELIVERED])};
		r->verdict = judge(r);
	}
	struct receiver *all = &m->receivers[m->receivers_n++];
	*all = (struct receiver){.name = "All receivers",
	                         .note = "",
	                         .target = 0.001,
	                         .limit = 0.003,
	                         .reports = true,
	                         .complained = m->rates[RATE_COMPLAINED],
	                         .unsubscribed = m->people[PR_ENGAGEMENT_UNSUBSCRIBE]};
	all->verdict = judge(all);
}
