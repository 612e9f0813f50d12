/*
 * Gathering a report: the view (or an older report), one survey of the ledger, the manifest of the
 * version in force, earlier campaigns. Nothing but the ledger can fail it: what else cannot be read
 * is left out, and the report says so where somebody would look for it.
 */
#include "model.h"

#include "report_internal.h"

#include "postrider/campaign/manifest.h"
#include "postrider/campaign/recipients.h"
#include "postrider/campaign/version.h"
#include "postrider/message/picture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTES_FOR                                                                                \
	(31 * PR_DAY_MS) /* so long a campaign is counted by the minute, then by hours */
#define MARK_SHARE_MIN 1e-9

const struct rate_words rate_words[RATES] = {
    [RATE_ACCEPTED] = {"accepted", "accepted", "of sent"},
    [RATE_BOUNCED] = {"bounced", "bounced", "of sent"},
    [RATE_OPENED] = {"opened", "opened", "of accepted"},
    [RATE_CLICKED] = {"clicked", "clicked", "of accepted"},
    [RATE_UNSUBSCRIBED] = {"unsubscribed", "unsubscribed", "of accepted"},
    [RATE_COMPLAINED] = {"complained", "complained", "of accepted"},
    [RATE_CONVERTED] = {"converted", "converted", "of accepted"},
};

#define LEVEL 0.95

struct share
share_of(uint64_t part, uint64_t whole)
{
	struct share s = {.part = part, .whole = whole};
	if (whole == 0)
		return s;
	struct pr_stats_interval i = pr_stats_rate(part, whole, LEVEL);
	s.value = part < whole ? (double)part / (double)whole : 1;
	s.low = i.low;
	s.high = i.high;
	return s;
}

/* ---- counts ---- */

static uint64_t
people_of(const struct pr_engaged *n)
{
	return n->unique > n->machine ? n->unique - n->machine : 0;
}

static void
count(struct model *m)
{
	const struct pr_counts *c = &m->s->view.counts;
	uint64_t accepted = c->of[PR_DELIVERED];
	m->total = c->total;
	m->sent = accepted + c->of[PR_BOUNCED] + c->of[PR_IN_DOUBT] + c->of[PR_DEFERRED];
	for (unsigned i = 0; i < PR_ENGAGEMENT_KINDS; i++)
		m->people[i] = people_of(&m->s->view.engaged.of[i]);
	m->rates[RATE_ACCEPTED] = share_of(accepted, m->sent);
	m->rates[RATE_BOUNCED] = share_of(c->of[PR_BOUNCED], m->sent);
	m->rates[RATE_OPENED] = share_of(m->people[PR_ENGAGEMENT_OPEN], accepted);
	m->rates[RATE_CLICKED] = share_of(m->people[PR_ENGAGEMENT_CLICK], accepted);
	m->rates[RATE_UNSUBSCRIBED] = share_of(m->people[PR_ENGAGEMENT_UNSUBSCRIBE], accepted);
	m->rates[RATE_COMPLAINED] = share_of(m->people[PR_ENGAGEMENT_COMPLAINT], accepted);
	m->rates[RATE_CONVERTED] = share_of(m->s->view.earned.n.unique, accepted);
}

static void
look_at_decision(struct model *m, pr_ledger *l)
{
	struct pr_buf verdict = {0};
	if (pr_ledger_get(l, "verdict", &verdict) == 0)
		m->decision = pr_arena_copy(&m->arena, pr_buf_str(&verdict));
	pr_buf_finish(&verdict);
}

static void
look_at_source(struct model *m, pr_ledger *l)
{
	struct pr_buf n = {0};
	if (pr_ledger_get(l, PR_FACT_MACHINE, &n) == 0)
		m->chosen_by_machines = strtoull(n.data, NULL, 10);
	pr_buf_finish(&n);
}

static int
look_at_variants(struct model *m, pr_ledger *l, const struct pr_manifest *manifest,
                 struct pr_error *e)
{
	int r = 0;
	m->variants_n = m->survey.variants_n;
	m->steps = manifest && manifest->variants.n == 0;
	unsigned wordings = manifest ? (unsigned)(manifest->variants.n + manifest->steps.n) : 0;
	if (wordings > m->variants_n)
		m->variants_n = wordings;
	m->variants = pr_arena_zero(&m->arena, (m->variants_n + 1) * sizeof *m->variants);
	for (unsigned i = 0; i < m->variants_n && r == 0; i++) {
		struct model_variant *v = &m->variants[i];
		snprintf(v->name, sizeof v->name, m->steps ? "Step %u" : "Variant %u", i + 1);
		if (i < wordings)
			snprintf(v->name, sizeof v->name, "%s", manifest->wordings[i].name);
		v->part = m->survey.variants[i + 1];
		uint64_t accepted = v->part.of[PR_DELIVERED];
		v->opened = share_of(v->part.acted[PR_ENGAGEMENT_OPEN], accepted);
		v->clicked = share_of(v->part.acted[PR_ENGAGEMENT_CLICK], accepted);
		r = pr_ledger_conversions(l, i + 1, &v->earned, e);
		v->converted = share_of(v->earned.unique, accepted);
	}
	return r;
}

/* What was counted for a variant by the metric of the test. Revenue is compared by who bought: how
 * it is spread over rows is not known here. */
static const struct share *
measured(const struct model_variant *v, int metric)
{
	switch (metric) {
	case PR_METRIC_OPENS: return &v->opened;
	case PR_METRIC_CONVERSIONS:
	case PR_METRIC_REVENUE: return &v->converted;
	default: return &v->clicked;
	}
}

static void
judge_variants(struct model *m, const struct pr_manifest *manifest)
{
	static const char *const metrics[] = {[PR_METRIC_CLICKS] = "clicks",
	                                      [PR_METRIC_OPENS] = "opens",
	                                      [PR_METRIC_CONVERSIONS] = "conversions",
	                                      [PR_METRIC_REVENUE] = "conversions"};
	struct pr_stats_tally tallies[PR_STATS_VARIANTS_MAX];
	if (!manifest || manifest->variants.n != m->variants_n || m->variants_n < 2 ||
	    m->variants_n > PR_STATS_VARIANTS_MAX || manifest->test.share < 1)
		return;
	const struct pr_manifest_test *t = &manifest->test;
	m->test = (struct model_test){.judged = true,
	                              .metric = metrics[t->metric],
	                              .control = t->fallback_variant ? t->fallback_variant - 1 : 0,
	                              .alpha = 1 - t->confidence};
	for (unsigned i = 0; i < m->variants_n; i++) {
		const struct share *s = measured(&m->variants[i], t->metric);
		tallies[i] = (struct pr_stats_tally){.n = s->whole, .successes = s->part};
	}
	pr_stats_judge(&(struct pr_stats_test){.metric = PR_STATS_RATE,
	                                       .variants = m->variants_n,
	                                       .control = m->test.control,
	                                       .alpha = m->test.alpha,
	                                       .final = m->s->final},
	               tallies, &m->test.result);
}

static int
look_at_rows(struct model *m, pr_ledger *l, const struct pr_manifest *manifest, struct pr_error *e)
{
	const struct pr_campaign_view *v = &m->s->view;
	int64_t from = v->started_ms ? v->started_ms : m->now_ms;
	int64_t age = m->now_ms - from;
	int64_t unit = age < MINUTES_FOR ? PR_MINUTE_MS : PR_HOUR_MS;
	from -= from % unit;
	int64_t steps = (age > 0 ? age : 0) / unit + 2;
	struct pr_survey_options o = {.from_ms = from,
	                              .step_ms = unit,
	                              .steps = steps < PR_SURVEY_STEPS_MAX ? (unsigned)steps
	                                                                   : PR_SURVEY_STEPS_MAX,
	                              .receiver = receiver_of_domain};
	int r = pr_ledger_survey(l, &o, &m->survey, e);
	if (r < 0)
		return r;
	timeline_make(&m->survey, from, unit, &m->time);
	r = look_at_variants(m, l, manifest, e);
	look_at_decision(m, l);
	look_at_source(m, l);
	if (r == 0)
		judge_variants(m, manifest);
	return r;
}

static bool
add_link(void *context, uint32_t number, struct pr_str url, const struct pr_engaged *n)
{
	struct model *m = context;
	struct model_link *link = &m->links[m->links_n++];
	*link =
	    (struct model_link){.number = number, .url = pr_arena_copy(&m->arena, url), .n = *n};
	link->share = share_of(people_of(n), m->s->view.counts.of[PR_DELIVERED]);
	return m->links_n < LINKS_SHOWN;
}

/* ---- the manifest and the message ---- */

static struct pr_str
keep(struct model *m, const struct pr_text *t)
{
	return t->p ? pr_arena_copy(&m->arena, pr_text_str(t)) : PR_STR("");
}

/* How much warmer a link is than others: of the warmest. */
static void
heat_links(const struct model *m, struct pr_picture_link *links)
{
	double most = MARK_SHARE_MIN;
	for (unsigned i = 0; i < m->links_n; i++)
		most = m->links[i].share.value > most ? m->links[i].share.value : most;
	for (unsigned i = 0; i < m->links_n; i++) {
		const struct model_link *from = &m->links[i];
		char percent[PERCENT_SIZE];
		links[i] = (struct pr_picture_link){.link = from->number,
		                                    .heat = from->share.value / most};
		snprintf(links[i].label, sizeof links[i].label, "%s",
		         show_percent(from->share.value, percent));
	}
}

/* The variant that most people got, from 1; 0: there are none. */
static unsigned
most_sent(const struct model *m)
{
	unsigned most = 0;
	uint64_t rows = 0;
	for (unsigned i = 0; i < m->variants_n && !m->steps; i++)
		if (m->variants[i].part.of[PR_DELIVERED] > rows) {
			rows = m->variants[i].part.of[PR_DELIVERED];
			most = i + 1;
		}
	return most;
}

static void
paint(struct model *m, const struct pr_manifest *manifest, int dir, pr_ledger *l)
{
	struct pr_str *columns;
	struct pr_picture_link *links = pr_arena_zero(&m->arena, (m->links_n + 1) * sizeof *links);
	size_t columns_n = pr_ledger_columns(l, &m->arena, &columns);
	m->shown = most_sent(m);
	heat_links(m, links);
	const struct pr_picture p = {.manifest = manifest,
	                             .dir = dir,
	                             .columns_n = columns_n,
	                             .columns = columns,
	                             .variant = m->shown,
	                             .links = links,
	                             .links_n = m->links_n,
	                             .cold = "0\xC2\xA0%",
	                             .utc_ms =
	                                 m->s->view.started_ms ? m->s->view.started_ms : m->now_ms};
	if (pr_picture_make(&p, &m->picture, &m->no_picture) < 0)
		pr_buf_clear(&m->picture);
}

static void
take_manifest(struct model *m, const struct pr_manifest *manifest)
{
	if (manifest->wordings_n == 1) /* else there are several */
		m->subject = keep(m, &manifest->editions[0].subject);
	m->from = keep(m, &manifest->from.text);
	m->list = keep(m, &manifest->list);
	m->class_ = manifest->class_ == PR_TRANSACTIONAL ? "transactional" : "marketing";
	if (manifest->schedule.timezone)
		m->zone_name = pr_arena_strndup(&m->arena, manifest->schedule.timezone,
		                                strlen(manifest->schedule.timezone));
}

/* *dir: of the version in force; -1 and NULL where it cannot be read. */
static struct pr_manifest *
open_manifest(struct model *m, int *dir)
{
	struct pr_problems problems = {0};
	struct pr_manifest *manifest = NULL;
	int campaign = open(m->s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned version = m->s->view.version ? m->s->view.version : 1;
	*dir = campaign < 0 ? -1 : pr_version_open(campaign, version);
	if (*dir < 0 || pr_manifest_load_content(*dir, "campaign", &problems, &manifest) < 0) {
		pr_fail(&m->no_picture, PR_ENOENT, "the campaign's files cannot be read any more");
		pr_manifest_destroy(manifest); /* of what is not sound */
		manifest = NULL;
	}
	if (campaign >= 0)
		close(campaign);
	pr_problems_finish(&problems);
	return manifest;
}

static void
open_zone(struct model *m)
{
	if (!m->zone_name && m->s->timezone[0])
		m->zone_name = m->s->timezone;
	if (!m->zone_name || pr_zone_open(m->zone_name, &m->zone, NULL) < 0) {
		m->zone = NULL;
		m->zone_name = "UTC";
	}
}

/* ---- the whole ---- */

int
model_gather(const struct pr_report_source *s, pr_ledger *l, bool picture, struct model *m,
             struct pr_error *e)
{
	int dir;
	*m = (struct model){.s = s, .now_ms = pr_utc_ms(), .class_ = ""};
	pr_arena_init(&m->arena);
	pr_arena_init(&m->survey.arena);
	m->accepted = s->relayed ? "accepted by relay" : "accepted";
	count(m);
	struct pr_manifest *manifest = open_manifest(m, &dir);
	if (manifest)
		take_manifest(m, manifest);
	open_zone(m);
	m->links = pr_arena_zero(&m->arena, LINKS_SHOWN * sizeof *m->links);
	int r = look_at_rows(m, l, manifest, e);
	if (r == 0)
		r = pr_ledger_tally_links(l, LINKS_SHOWN, add_link, m, e);
	if (r == 0)
		receivers_judge(m);
	if (r == 0)
		earlier_gather(m);
	if (r == 0 && picture && manifest)
		paint(m, manifest, dir, l);
	pr_manifest_destroy(manifest);
	if (dir >= 0)
		close(dir);
	return r;
}

void
model_finish(struct model *m)
{
	pr_buf_finish(&m->picture);
	pr_survey_finish(&m->survey);
	if (m->zone)
		pr_zone_unref(m->zone);
	pr_arena_finish(&m->arena);
}
