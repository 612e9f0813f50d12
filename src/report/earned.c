/* What a campaign brought and cost: for JSON, exact amounts as texts; for people, a few rows. */
#include "report_internal.h"

#include <stdio.h>

#define HOURS_SHOWN 2000u

static void
add_amount(struct pr_buf *b, int64_t micros)
{
	char text[PR_AMOUNT_SIZE];
	pr_buf_addf(b, "\"%s\"", pr_amount_format(micros, text));
}

static void
add_revenue(struct pr_buf *b, const struct pr_conversions *n)
{
	pr_buf_addc(b, '{');
	for (unsigned i = 0; i < n->currencies; i++) {
		pr_buf_addf(b, "%s\"%s\":", i ? "," : "", n->revenue[i].currency);
		add_amount(b, n->revenue[i].micros);
	}
	pr_buf_addc(b, '}');
}

static void
add_numbers(struct pr_buf *b, const struct pr_conversions *n)
{
	pr_buf_addf(b, "\"conversions\":{\"total\":%llu,\"unique\":%llu},\"revenue\":",
	            (unsigned long long)n->total, (unsigned long long)n->unique);
	add_revenue(b, n);
}

void
report_add_earned(struct pr_buf *b, const struct pr_campaign_view *v)
{
	const struct pr_earned *g = &v->earned;
	struct pr_money cost;
	uint64_t delivered = v->counts.of[PR_DELIVERED];
	double roi;
	bool other;
	pr_buf_addc(b, ',');
	add_numbers(b, &g->n);
	if (pr_earned_cost(g, delivered, &cost)) {
		pr_buf_adds(b, ",\"cost\":{\"amount\":");
		add_amount(b, cost.micros);
		pr_buf_addf(b, ",\"currency\":\"%s\"}", cost.currency);
	} else
		pr_buf_adds(b, ",\"cost\":null");
	if (pr_earned_roi(g, delivered, &roi, &other))
		pr_buf_addf(b, ",\"roi\":%.6g,\"roi_leaves_out\":%s", roi,
		            other ? "true" : "false");
	else
		pr_buf_adds(b, ",\"roi\":null,\"roi_leaves_out\":false");
}

/* ---- in report.json: by variant, link and hour ---- */

static int
add_variants(struct pr_buf *b, pr_ledger *l, struct pr_error *e)
{
	struct pr_conversions n;
	bool first = true;
	int r = 0;
	pr_buf_adds(b, ",\"conversions_by_variant\":[");
	for (unsigned v = 0; v < PR_VARIANT_ALL && r == 0; v++) {
		r = pr_ledger_conversions(l, v, &n, e);
		if (r < 0 || (n.total == 0 && n.currencies == 0))
			continue;
		pr_buf_addf(b, "%s{\"variant\":%u,", first ? "" : ",", v);
		add_numbers(b, &n);
		pr_buf_addc(b, '}');
		first = false;
	}
	pr_buf_addc(b, ']');
	return r;
}

static void
add_part(struct pr_buf *b, uint64_t n, const struct pr_money *revenue)
{
	pr_buf_addf(b, ",\"conversions\":%llu", (unsigned long long)n);
	if (revenue->currency[0]) {
		pr_buf_adds(b, ",\"revenue\":");
		add_amount(b, revenue->micros);
		pr_buf_addf(b, ",\"currency\":\"%s\"", revenue->currency);
	}
	pr_buf_addc(b, '}');
}

static bool
add_link(void *context, uint32_t link, struct pr_str url, uint64_t n,
         const struct pr_money *revenue)
{
	struct pr_buf *b = context;
	pr_buf_addf(b, "%s{\"link\":%u,\"url\":", b->data[b->len - 1] == '[' ? "" : ",", link);
	if (url.n)
		pr_buf_add_json(b, url);
	else
		pr_buf_adds(b, "null");
	add_part(b, n, revenue);
	return true;
}

static bool
add_hour(void *context, int64_t hour_ms, uint64_t n, const struct pr_money *revenue)
{
	struct pr_buf *b = context;
	char at[PR_RFC3339_SIZE];
	pr_buf_addf(b, "%s{\"hour\":\"%s\"", b->data[b->len - 1] == '[' ? "" : ",",
	            pr_format_rfc3339(hour_ms, at));
	add_part(b, n, revenue);
	return true;
}

int
report_add_conversions(struct pr_buf *b, pr_ledger *l, struct pr_error *e)
{
	int r = add_variants(b, l, e);
	pr_buf_adds(b, ",\"conversions_by_link\":[");
	if (r == 0)
		r = pr_ledger_tally_converted(l, LINKS_SHOWN, add_link, b, e);
	pr_buf_adds(b, "],\"conversions_by_hour\":[");
	if (r == 0)
		r = pr_ledger_conversion_hours(l, HOURS_SHOWN, add_hour, b, e);
	pr_buf_addc(b, ']');
	return r;
}

/* ---- for people ---- */

static void
add_row(struct pr_buf *b, const char *words, const char *value)
{
	pr_buf_addf(b, "<tr><td>%s</td><td class=\"n\">%s</td></tr>", words, value);
}

static void
add_money_row(struct pr_buf *b, const char *words, const struct pr_money *m)
{
	char amount[PR_AMOUNT_SIZE], text[40];
	snprintf(text, sizeof text, "%s %s", pr_amount_format(m->micros, amount),
	         strcmp(m->currency, PR_NO_CURRENCY) == 0 ? "" : m->currency);
	add_row(b, words, text);
}

void
report_add_earned_html(struct pr_buf *b, const struct pr_campaign_view *v)
{
	const struct pr_earned *g = &v->earned;
	struct pr_money cost;
	char text[64];
	double roi;
	bool other;
	bool has_cost = pr_earned_cost(g, v->counts.of[PR_DELIVERED], &cost);
	if (!g->n.total && !g->n.currencies && !has_cost)
		return;
	pr_buf_adds(b, "<h2>What it brought</h2><table><tbody>");
	snprintf(text, sizeof text, "%llu", (unsigned long long)g->n.total);
	add_row(b, "conversions", text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)g->n.unique);
	add_row(b, "recipients who converted", text);
	for (unsigned i = 0; i < g->n.currencies; i++)
		add_money_row(b, "revenue", &g->n.revenue[i]);
	if (has_cost)
		add_money_row(b, "cost", &cost);
	if (pr_earned_roi(g, v->counts.of[PR_DELIVERED], &roi, &other)) {
		snprintf(text, sizeof text, "%.1f %%%s", 100 * roi,
		         other ? " (other currencies left out)" : "");
		add_row(b, "return on what it cost", text);
	}
	pr_buf_adds(b, "</tbody></table>");
}
