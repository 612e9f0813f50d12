/* What a campaign brought and cost: for JSON, exact amounts as texts; for people, a few rows. */
#include "parts.h"

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
add_sums(struct pr_buf *b, const struct pr_conversions *n)
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
	add_sums(b, &g->n);
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
		add_sums(b, &n);
		pr_buf_addc(b, '}');
		first = false;
	}
	pr_buf_addc(b, ']');
	return r;
}

static void
add_earning(struct pr_buf *b, uint64_t n, const struct pr_money *revenue)
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
	add_earning(b, n, revenue);
	return true;
}

static bool
add_hour(void *context, int64_t hour_ms, uint64_t n, const struct pr_money *revenue)
{
	struct pr_buf *b = context;
	char at[PR_RFC3339_SIZE];
	pr_buf_addf(b, "%s{\"hour\":\"%s\"", b->data[b->len - 1] == '[' ? "" : ",",
	            pr_format_rfc3339(hour_ms, at));
	add_earning(b, n, revenue);
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
add_money_row(struct pr_buf *b, const char *words, const char *hint, const struct pr_money *m)
{
	pr_buf_addf(b, "<tr><th scope=\"row\">%s<small>%s</small></th><td class=\"n\">", words,
	            hint);
	add_money(b, m);
	pr_buf_adds(b, "</td></tr>");
}

static void
add_orders(struct pr_buf *b, const struct pr_conversions *n)
{
	row_begin(b, PR_STR("Conversions"));
	cell_number(b, n->total);
	row_end(b);
	row_begin(b, PR_STR("People who converted"));
	cell_number(b, n->unique);
	row_end(b);
	for (unsigned i = 0; i < n->currencies; i++)
		add_money_row(b, "Revenue", "less refunds", &n->revenue[i]);
	if (n->more)
		row_begin(b, PR_STR("Revenue in more currencies: see report.json")), row_end(b);
}

void
section_earned(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"What", "#Sum", NULL};
	const struct pr_earned *g = &m->s->view.earned;
	uint64_t accepted = m->s->view.counts.of[PR_DELIVERED];
	struct pr_money cost;
	double roi;
	bool other, has_cost = pr_earned_cost(g, accepted, &cost);
	if (!g->n.total && !g->n.currencies && !has_cost)
		return;
	section_begin(b, "earned", "What it brought", NULL);
	table_begin(b, "What it brought, and what it cost", columns);
	add_orders(b, &g->n);
	if (has_cost)
		add_money_row(b, "Cost", "as its manifest says", &cost);
	if (pr_earned_roi(g, accepted, &roi, &other))
		pr_buf_addf(b,
		            "<tr><th scope=\"row\">ROI<small>return on what it cost: (revenue "
		            "\xE2\x88\x92 cost) / "
		            "cost%s</small></th><td class=\"n\">%.1f\xC2\xA0%%</td></tr>",
		            other ? ", without other currencies" : "", 100 * roi);
	table_end(b);
	section_end(b);
}
