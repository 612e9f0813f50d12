/*
 * report.json: the campaign object, and the figures of the model. Keys are promises; states and
 * classes have their own names here, words for people are the page's.
 */
#include "model.h"
#include "report_internal.h"

#include <math.h>

static void
add_number(struct pr_buf *b, const char *key, uint64_t value)
{
	pr_buf_addf(b, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void
add_text(struct pr_buf *b, const char *key, struct pr_str value)
{
	pr_buf_addf(b, ",\"%s\":", key);
	if (value.n)
		pr_buf_add_json(b, value);
	else
		pr_buf_adds(b, "null");
}

static void
add_share(struct pr_buf *b, const char *key, const struct share *s)
{
	pr_buf_addf(b,
	            ",\"%s\":{\"part\":%llu,\"whole\":%llu,\"share\":%.6f,\"low\":%.6f,"
	            "\"high\":%.6f}",
	            key, (unsigned long long)s->part, (unsigned long long)s->whole, s->value,
	            s->low, s->high);
}

/* ---- rates ---- */

static void
add_rates(struct pr_buf *b, const struct model *m)
{
	add_number(b, "sent", m->sent);
	pr_buf_adds(b, ",\"rates\":{\"interval\":0.95");
	for (unsigned i = 0; i < RATES; i++)
		add_share(b, rate_words[i].key, &m->rates[i]);
	pr_buf_addf(b, "},\"earlier\":{\"campaigns\":%u", m->earlier_n);
	for (unsigned i = 0; m->earlier_n && i < RATES; i++)
		pr_buf_addf(b, ",\"%s\":{\"median\":%.6f,\"low\":%.6f,\"high\":%.6f}",
		            rate_words[i].key, m->earlier[i].median, m->earlier[i].low,
		            m->earlier[i].high);
	pr_buf_addc(b, '}');
}

/* ---- time ---- */

static const char *const series[PR_SURVEY_SERIES] = {
    [PR_SURVEY_ACCEPTED] = "accepted",
    [PR_SURVEY_OPENED] = "opened",
    [PR_SURVEY_CLICKED] = "clicked",
};

static void
add_timeline(struct pr_buf *b, const struct timeline *t)
{
	char from[PR_RFC3339_SIZE];
	if (t->n == 0) {
		pr_buf_adds(b, ",\"timeline\":null");
		return;
	}
	pr_buf_addf(b, ",\"timeline\":{\"from\":\"%s\",\"step_s\":%lld",
	            pr_format_rfc3339(t->from_ms, from), (long long)(t->step_ms / 1000));
	for (unsigned k = 0; k < PR_SURVEY_SERIES; k++) {
		pr_buf_addf(b, ",\"%s\":[", series[k]);
		for (unsigned i = 0; i < t->n; i++)
			pr_buf_addf(b, "%s%llu", i ? "," : "", (unsigned long long)t->of[k][i]);
		pr_buf_addf(b, "],\"%s_later\":%llu", series[k], (unsigned long long)t->later[k]);
	}
	pr_buf_addc(b, '}');
}

/* ---- classes ---- */

static void
add_classes(struct pr_buf *b, const struct model *m, enum pr_state state)
{
	const uint64_t *tally = m->survey.classes[state];
	bool first = true;
	pr_buf_addf(b, ",\"%s_classes\":{", pr_state_word(state));
	for (int i = 0; i < PR_CLASSES; i++)
		if (tally[i]) {
			const char *word = pr_class_word((enum pr_class)i);
			pr_buf_addf(b, "%s\"%s\":%llu", first ? "" : ",", *word ? word : "none",
			            (unsigned long long)tally[i]);
			first = false;
		}
	pr_buf_addc(b, '}');
}

static void
add_examples(struct pr_buf *b, const char *key, const char examples[][PR_SURVEY_TEXT_MAX])
{
	bool first = true;
	pr_buf_addf(b, ",\"%s\":{", key);
	for (int i = 0; i < PR_CLASSES; i++)
		if (*examples[i]) {
			const char *word = pr_class_word((enum pr_class)i);
			pr_buf_addf(b, "%s\"%s\":", first ? "" : ",", *word ? word : "none");
			pr_buf_add_json(b, pr_str(examples[i]));
			first = false;
		}
	pr_buf_addc(b, '}');
}

/* ---- lists ---- */

static void
add_part(struct pr_buf *b, const struct pr_survey_part *p)
{
	for (int i = 0; i < PR_STATES; i++)
		add_number(b, pr_state_word((enum pr_state)i), p->of[i]);
	add_number(b, "opened", p->acted[PR_ENGAGEMENT_OPEN]);
	add_number(b, "clicked", p->acted[PR_ENGAGEMENT_CLICK]);
	add_number(b, "unsubscribed", p->acted[PR_ENGAGEMENT_UNSUBSCRIBE]);
	add_number(b, "complained", p->acted[PR_ENGAGEMENT_COMPLAINT]);
}

static void
add_domains(struct pr_buf *b, const struct model *m)
{
	pr_buf_adds(b, ",\"domains\":[");
	for (unsigned i = 0; i < m->survey.domains_n; i++) {
		const struct pr_survey_domain *d = &m->survey.domains[i];
		pr_buf_adds(b, i ? ",{\"domain\":" : "{\"domain\":");
		pr_buf_add_json(b, pr_str(d->name));
		add_part(b, &d->part);
		pr_buf_addc(b, '}');
	}
	pr_buf_addc(b, ']');
}

static void
add_links(struct pr_buf *b, const struct model *m)
{
	pr_buf_adds(b, ",\"links\":[");
	for (unsigned i = 0; i < m->links_n; i++) {
		const struct model_link *l = &m->links[i];
		pr_buf_addf(b, "%s{\"link\":%u", i ? "," : "", l->number);
		add_text(b, "url", l->url);
		add_number(b, "total", l->n.total);
		add_number(b, "unique", l->n.unique);
		add_number(b, "machine", l->n.machine);
		pr_buf_addc(b, '}');
	}
	pr_buf_addc(b, ']');
}

static void
add_receivers(struct pr_buf *b, const struct model *m)
{
	static const char *const verdicts[] = {[RECEIVER_FEW] = "too_few",
	                                       [RECEIVER_WELL] = "within",
	                                       [RECEIVER_ABOVE] = "above_target",
	                                       [RECEIVER_BEYOND] = "above_limit",
	                                       [RECEIVER_SILENT] = "unknown"};
	pr_buf_adds(b, ",\"receivers\":[");
	for (unsigned i = 0; i < m->receivers_n; i++) {
		const struct receiver *r = &m->receivers[i];
		pr_buf_adds(b, i ? ",{\"name\":" : "{\"name\":");
		pr_buf_add_json(b, pr_str(r->name));
		add_share(b, "complained", &r->complained);
		add_number(b, "unsubscribed", r->unsubscribed);
		pr_buf_addf(b, ",\"target\":%.4f,\"limit\":%.4f,\"verdict\":\"%s\"}", r->target,
		            r->limit, verdicts[r->verdict]);
	}
	pr_buf_addc(b, ']');
}

static void
add_device(struct pr_buf *b, const struct model *m, const char *key, unsigned kind)
{
	static const char *const devices[PR_DEVICES] = {[PR_DEVICE_UNKNOWN] = "unknown",
	                                                [PR_DEVICE_DESKTOP] = "desktop",
	                                                [PR_DEVICE_MOBILE] = "mobile",
	                                                [PR_DEVICE_TABLET] = "tablet"};
	pr_buf_addf(b, "\"%s\":{", key);
	for (unsigned i = 0; i < PR_DEVICES; i++)
		pr_buf_addf(b, "%s\"%s\":%llu", i ? "," : "", devices[i],
		            (unsigned long long)m->survey.devices[kind][i]);
	pr_buf_addc(b, '}');
}

static void
add_devices(struct pr_buf *b, const struct model *m)
{
	pr_buf_adds(b, ",\"devices\":{");
	add_device(b, m, "opened", PR_ENGAGEMENT_OPEN);
	pr_buf_addc(b, ',');
	add_device(b, m, "clicked", PR_ENGAGEMENT_CLICK);
	pr_buf_addc(b, '}');
}

static void
add_left_out(struct pr_buf *b, const struct model *m)
{
	const struct pr_survey *s = &m->survey;
	uint64_t more = s->reasons_more;
	pr_buf_adds(b, ",\"left_out\":[");
	for (unsigned i = 0; i < s->reasons_n; i++) {
		const struct pr_survey_reason *r = &s->reasons[i];
		if (i >= REASONS_SHOWN) {
			more += r->rows;
			continue;
		}
		pr_buf_addf(b, "%s{\"state\":\"%s\"", i ? "," : "", pr_state_word(r->state));
		add_text(b, "class", pr_str(pr_class_word(r->class_)));
		add_text(b, "reason", pr_str(r->text));
		add_number(b, "rows", r->rows);
		pr_buf_addc(b, '}');
	}
	pr_buf_addc(b, ']');
	add_number(b, "left_out_more", more);
}

static void
add_test(struct pr_buf *b, const struct model *m)
{
	static const char *const verdicts[] = {[PR_STATS_RUNNING] = "running",
	                                       [PR_STATS_WINNER] = "winner",
	                                       [PR_STATS_NO_DIFFERENCE] = "no_difference"};
	const struct pr_stats_result *r = &m->test.result;
	if (!m->test.judged)
		return;
	pr_buf_addf(b,
	            ",\"test\":{\"metric\":\"%s\",\"verdict\":\"%s\",\"winner\":", m->test.metric,
	            verdicts[r->verdict]);
	if (r->verdict == PR_STATS_WINNER)
		pr_buf_addf(b, "%u}", r->winner + 1);
	else
		pr_buf_adds(b, "null}");
}

/* Without what is not known: JSON has no infinity. */
static void
add_difference(struct pr_buf *b, const struct pr_stats_variant *v)
{
	if (isfinite(v->difference.low) && isfinite(v->difference.high))
		pr_buf_addf(b, ",\"difference\":{\"low\":%.6f,\"high\":%.6f,\"p\":%.6f}",
		            v->difference.low, v->difference.high, v->p);
}

static void
add_variants(struct pr_buf *b, const struct model *m)
{
	if (m->variants_n == 0)
		return;
	pr_buf_adds(b, m->steps ? ",\"steps\":[" : ",\"variants\":[");
	for (unsigned i = 0; i < m->variants_n; i++) {
		const struct model_variant *v = &m->variants[i];
		pr_buf_addf(b, "%s{\"variant\":%u,\"name\":", i ? "," : "", i + 1);
		pr_buf_add_json(b, pr_str(v->name));
		add_part(b, &v->part);
		add_share(b, "opens", &v->opened);
		add_share(b, "clicks", &v->clicked);
		add_share(b, "conversions", &v->converted);
		if (m->test.judged && i != m->test.control)
			add_difference(b, &m->test.result.variants[i]);
		pr_buf_addc(b, '}');
	}
	pr_buf_addc(b, ']');
	add_test(b, m);
}

/* ---- the whole ---- */

int
report_json(const struct model *m, pr_ledger *l, struct pr_buf *b, struct pr_error *e)
{
	const struct pr_report_source *s = m->s;
	char now[PR_RFC3339_SIZE];
	pr_buf_addf(b, "{\"version\":1,\"written\":\"%s\",\"final\":%s,\"serial\":%u",
	            pr_format_rfc3339(m->now_ms, now), s->final ? "true" : "false", s->view.serial);
	/* with it the ids of all rows are known */
	add_text(b, "message_id_tail", pr_str(s->message_ids));
	add_text(b, "list", m->list);
	add_text(b, "class", pr_str(m->class_));
	add_text(b, "subject", m->subject);
	add_text(b, "timezone", pr_str(s->timezone));
	pr_buf_addf(b, ",\"relayed\":%s,\"campaign\":", s->relayed ? "true" : "false");
	pr_report_campaign_json(&s->view, b);
	add_number(b, "opened_by_machines_before", m->chosen_by_machines);
	add_rates(b, m);
	add_timeline(b, &m->time);
	add_classes(b, m, PR_BOUNCED);
	add_classes(b, m, PR_DEFERRED);
	add_classes(b, m, PR_SKIPPED);
	add_examples(b, "bounced_examples", m->survey.bounced);
	add_examples(b, "deferred_examples", m->survey.deferred);
	add_number(b, "late_bounces", m->survey.late);
	add_domains(b, m);
	add_links(b, m);
	int r = report_add_conversions(b, l, e);
	add_receivers(b, m);
	add_devices(b, m);
	add_left_out(b, m);
	add_variants(b, m);
	if (r == 0)
		r = report_add_seeds(m, l, b, e);
	pr_buf_addc(b, ',');
	report_kept_slices_json(l, b);
	pr_buf_addc(b, ',');
	pr_report_decision_json(l, b);
	pr_buf_addc(b, ',');
	pr_report_history_json(l, b);
	pr_buf_adds(b, "}\n");
	return r;
}
