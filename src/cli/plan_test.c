/*
 * Variants, in a plan: who gets the message when, and what their test can find.
 *
 * How many answer is not known before: what the sender's earlier campaigns had, where their
 * reports can be read, else a usual figure.
 */
#include "plan.h"

#include "postrider/base/file.h"
#include "postrider/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define USUAL_CLICKS 0.025
#define USUAL_OPENS 0.25
#define USUAL_CONVERSIONS 0.01
#define REPORT_MAX (16u << 20)
#define REPORTS_MAX 1000u
#define DELIVERED_MIN 2000u /* of all earlier ones: fewer say little */
#define POWER 0.8
#define SMALL_LIFT 0.1 /* what people hope to see */

/* ---- who gets it when ---- */

struct part {
	double share; /* of the rows */
	int64_t from_ms;
	double owed; /* parts of a row */
};
struct parts {
	struct part items[PR_MANIFEST_VARIANTS_MAX + 2];
	size_t n;
};

static void
add_part(struct parts *parts, double share, int64_t from_ms)
{
	if (share > 0)
		parts->items[parts->n++] = (struct part){.share = share, .from_ms = from_ms};
}

static double
weights(const struct pr_manifest *m)
{
	double sum = 0;
	for (unsigned i = 1; i <= m->variants.n; i++)
		sum += (double)pr_manifest_variant(m, i)->weight;
	return sum;
}

static void
make_parts(const struct planned *p, struct parts *parts)
{
	const struct pr_manifest *m = p->manifest;
	const struct pr_manifest_test *t = &m->test;
	int64_t begins = p->timetable.begin_ms;
	begins = begins > p->input.now_ms ? begins : p->input.now_ms;
	if (m->variants.n && t->share < 1) {
		add_part(parts, t->share, 0);
		add_part(parts, 1 - t->share - t->holdout, begins + t->wait_ms);
		return;
	}
	add_part(parts, 1 - t->holdout, 0);
}

/* Whole rows, so that all parts of all domains come out right within one. */
static uint64_t
take(struct part *part, uint64_t rows)
{
	part->owed += part->share * (double)rows;
	double whole = floor(part->owed + 1e-9);
	part->owed -= whole;
	return (uint64_t)whole;
}

void
plan_split(struct planned *p)
{
	struct parts parts = {0};
	const struct pr_manifest *m = p->manifest;
	if (!m->variants.n && m->test.holdout <= 0)
		return;
	make_parts(p, &parts);
	for (size_t i = 0; i < p->rows.domains_n; i++) {
		struct plan_domain *d = p->rows.domains[i];
		struct pr_plan_wave *waves = d->waves;
		size_t n = d->waves_n;
		d->waves = NULL;
		d->waves_n = d->waves_cap = d->rows = 0;
		for (size_t k = 0; k < n * parts.n; k++) {
			struct part *part = &parts.items[k % parts.n];
			int64_t from = waves[k / parts.n].from_ms;
			plan_domain_add(d, from > part->from_ms ? from : part->from_ms,
			                take(part, waves[k / parts.n].rows));
		}
		free(waves);
	}
}

/* ---- how many answer ---- */

struct answers {
	uint64_t delivered, answered;
	unsigned campaigns;
};

static void
add_report(struct answers *a, int done, const char *name, const char *key)
{
	struct pr_buf text = {0};
	int dir = openat(done, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return;
	if (pr_file_read(dir, "report.json", REPORT_MAX, &text, NULL) == 0) {
		json_t *o = json_loadb(text.data, text.len, 0, NULL);
		const json_t *campaign = json_object_get(o, "campaign");
		uint64_t delivered =
		    cli_number_of(json_object_get(campaign, "counts"), "delivered");
		const json_t *events = json_object_get(campaign, key);
		uint64_t answered = cli_number_of(events, "unique");
		uint64_t machines = cli_number_of(events, "machine");
		answered = machines < answered ? answered - machines : 0; /* people */
		if (delivered && answered) { /* else it was not followed */
			a->delivered += delivered;
			a->answered += answered < delivered ? answered : delivered;
			a->campaigns++;
		}
		json_decref(o);
	}
	pr_buf_finish(&text);
	close(dir);
}

static void
read_reports(const struct pr_config *config, const char *key, struct answers *a)
{
	struct pr_buf path = {0};
	pr_buf_addf(&path, "%s/done", config->spool.p);
	DIR *done = opendir(path.data);
	const struct dirent *entry;
	for (unsigned n = 0; done && n < REPORTS_MAX && (entry = readdir(done)); n++)
		if (entry->d_name[0] != '.')
			add_report(a, dirfd(done), entry->d_name, key);
	if (done)
		closedir(done);
	pr_buf_finish(&path);
}

static double
base_rate(const struct planned *p, struct pr_buf *why)
{
	static const double usual[] = {[PR_METRIC_CLICKS] = USUAL_CLICKS,
	                               [PR_METRIC_OPENS] = USUAL_OPENS,
	                               [PR_METRIC_CONVERSIONS] = USUAL_CONVERSIONS};
	static const char *const words[] = {[PR_METRIC_CLICKS] = "clicks",
	                                    [PR_METRIC_OPENS] = "opens",
	                                    [PR_METRIC_CONVERSIONS] = "conversions"};
	int metric = p->manifest->test.metric;
	struct answers a = {0};
	read_reports(p->config, words[metric], &a);
	double rate = usual[metric];
	bool known = a.delivered >= DELIVERED_MIN;
	if (known)
		rate = (double)a.answered / (double)a.delivered;
	pr_buf_addf(why, "%.3g %% %s ", 100 * rate, words[metric]);
	if (known)
		pr_buf_addf(why, "(as %u earlier campaign%s had)", a.campaigns,
		            a.campaigns == 1 ? "" : "s");
	else
		pr_buf_adds(why, "(assumed: there is too little of earlier campaigns)");
	return rate;
}

/* ---- what it can find ---- */

/* Rows of the smallest variant. */
static double
rows_each(const struct planned *p)
{
	const struct pr_manifest *m = p->manifest;
	double share = fmin(m->test.share, 1 - m->test.holdout), least = INFINITY;
	for (unsigned i = 1; i <= m->variants.n; i++)
		least = fmin(least, (double)pr_manifest_variant(m, i)->weight);
	return floor((double)p->rows.good * share * least / weights(m));
}

static void
add_power(const struct pr_stats_plan *plan, struct pr_buf *out)
{
	char text[CLI_TEXT];
	double lift = pr_stats_lift(plan, POWER), size = pr_stats_size(plan, SMALL_LIFT, POWER);
	if (isinf(lift) || plan->base * (1 + lift) > 1)
		pr_buf_adds(out, ": too few to find any difference");
	else
		pr_buf_addf(out, ": a lift of %.0f %% (to %.3g %%) is found with a chance of 80 %%",
		            100 * lift, 100 * plan->base * (1 + lift));
	if (!isinf(size) && size > plan->n)
		pr_buf_addf(out, "; one of 10 %% would take %s each",
		            cli_number((uint64_t)ceil(size), text));
}

void
plan_test(const struct planned *p, struct pr_buf *out)
{
	char text[CLI_TEXT];
	const struct pr_manifest *m = p->manifest;
	if (m->variants.n < 2)
		return;
	struct pr_stats_plan plan = {.metric = PR_STATS_RATE,
	                             .n = rows_each(p),
	                             .variants = (unsigned)m->variants.n,
	                             .alpha = 1 - m->test.confidence};
	pr_buf_addf(out, "%u variants, %s recipients each at least", plan.variants,
	            cli_number((uint64_t)plan.n, text));
	if (m->test.metric == PR_METRIC_REVENUE || m->test.method == PR_TEST_BANDIT)
		return; /* how revenue spreads is not known; a bandit states no error */
	pr_buf_adds(out, ", ");
	plan.base = base_rate(p, out);
	if (plan.n < 1)
		pr_buf_adds(out, ": too few to find any difference");
	else
		add_power(&plan, out);
}
