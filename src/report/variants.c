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
	else if (i == 0)
		pr_buf_adds(b, "compared with");
	else
		pr_buf_addf(b, "%+.2f to %+.2f<small>points</small>", 100 * d->low, 100 * d->high);
	pr_buf_adds(b, "</td>");
}

static void
add_verdict(struct pr_buf *b, const struct model *m)
{
	const struct pr_stats_result *r = &m->test.result;
	if (!m->test.judged)
		return;
	pr_buf_adds(b, "<p>");
	switch (r->verdict) {
	case PR_STATS_WINNER:
		pr_buf_adds(b, "<b>");
		add_text(b, pr_str(m->variants[r->winner].name));
		pr_buf_adds(b, "</b> is clicked more than the others: chance alone would say so in "
		               "fewer than 5 of 100 such tests.");
		break;
	case PR_STATS_NO_DIFFERENCE:
		pr_buf_adds(b, "No difference in clicks was found that chance alone could not make.");
		break;
	case PR_STATS_RUNNING:
		pr_buf_adds(b, "Whether one is clicked more than the others cannot be told yet.");
		break;
	}
	pr_buf_adds(b, "</p>");
}

void
section_variants(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Variant",  "#Accepted",   "#Opened", "",
	                                      "#Clicked", "#Difference", NULL};
	double most = 1e-9;
	if (m->variants_n == 0)
		return;
	for (unsigned i = 0; i < m->variants_n; i++)
		most = m->variants[i].clicked.value > most ? m->variants[i].clicked.value : most;
	section_begin(b, "variants", "Variants", NULL);
	add_verdict(b, m);
	table_begin(b, "Variants", columns);
	for (unsigned i = 0; i < m->variants_n; i++) {
		const struct model_variant *v = &m->variants[i];
		row_begin(b, pr_str(v->name));
		cell_number(b, v->part.of[PR_DELIVERED]);
		cell_share(b, &v->opened);
		cell_bar(b, v->clicked.value / most, "hue");
		cell_share(b, &v->clicked);
		add_difference(b, m, i);
		row_end(b);
	}
	table_end(b);
	section_end(b);
}
