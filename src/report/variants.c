/* The section of variants: their shares side by side, and what can be said of the difference. */
#include "parts.h"

#include <math.h>
#include <stdio.h>

/* "+1.2 to +3.4 points"; a dash where nothing is known. */
static void
add_difference(struct pr_buf *b, const struct model *m, unsigned i)
{
	const struct pr_stats_interval *d = &m->test.result.variants[i].difference;
	pr_buf_adds(b, "<td class=\"n\">");
	if (!m->test.judged || !isfinite(d->low) || !isfinite(d->high))
		pr_buf_adds(b, "\xE2\x80\x93");
	else if (i == m->test.control)
		pr_buf_adds(b, "compared with");
	else
		pr_buf_addf(b, "%+.2f to %+.2f<small>points</small>", 100 * d->low, 100 * d->high);
	pr_buf_adds(b, "</td>");
}

static void
add_verdict(struct pr_buf *b, const struct model *m)
{
	const struct pr_stats_result *r = &m->test.result;
	if (m->decision.n) {
		pr_buf_adds(b, "<p>The rest got ");
		add_text(b, m->decision);
		pr_buf_adds(b, ".</p>");
	}
	if (!m->test.judged)
		return;
	pr_buf_adds(b, "<p>");
	switch (r->verdict) {
	case PR_STATS_WINNER:
		pr_buf_adds(b, "<b>");
		add_text(b, pr_str(m->variants[r->winner].name));
		pr_buf_addf(b,
		            "</b> has more %s: chance alone would say so in fewer than %.3g of 100 "
		            "such tests.",
		            m->test.metric, 100 * m->test.alpha);
		break;
	case PR_STATS_NO_DIFFERENCE:
		pr_buf_addf(b, "No difference in %s was found that chance alone could not make.",
		            m->test.metric);
		break;
	case PR_STATS_RUNNING:
		pr_buf_addf(b, "Whether one has more %s than the others cannot be told yet.",
		            m->test.metric);
		break;
	}
	pr_buf_adds(b, "</p>");
}

static void
cell_revenue(struct pr_buf *b, const struct pr_conversions *n)
{
	pr_buf_adds(b, "<td class=\"n\">");
	for (unsigned i = 0; i < n->currencies; i++) {
		pr_buf_adds(b, i ? "<br>" : "");
		add_money(b, &n->revenue[i]);
	}
	pr_buf_adds(b, n->currencies ? "</td>" : "\xE2\x80\x93</td>");
}

void
section_variants(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Name",       "#Accepted", "#Opened",
	                                      "",           "#Clicked",  "#Difference",
	                                      "#Converted", "#Revenue",  NULL};
	double most = 1e-9;
	if (m->variants_n == 0)
		return;
	for (unsigned i = 0; i < m->variants_n; i++)
		most = m->variants[i].clicked.value > most ? m->variants[i].clicked.value : most;
	section_begin(b, "variants", m->steps ? "Steps" : "Variants", NULL);
	add_verdict(b, m);
	table_begin(b, m->steps ? "Steps" : "Variants", columns);
	for (unsigned i = 0; i < m->variants_n; i++) {
		const struct model_variant *v = &m->variants[i];
		row_begin(b, pr_str(v->name));
		cell_number(b, v->part.of[PR_DELIVERED]);
		cell_share(b, &v->opened);
		cell_bar(b, v->clicked.value / most, "hue");
		cell_share(b, &v->clicked);
		add_difference(b, m, i);
		cell_share(b, &v->converted);
		cell_revenue(b, &v->earned);
		row_end(b);
	}
	table_end(b);
	section_end(b);
}
