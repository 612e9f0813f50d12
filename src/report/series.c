/* A campaign with a trigger: how many people entered it, and what became of them. */
#include "parts.h"
#include "report_internal.h"

static const char *const words[PR_SERIES_ENDS] = {
    [PR_SERIES_UNDER_WAY] = "are under way",
    [PR_SERIES_THROUGH] = "got its last message",
    [PR_SERIES_DID] = "did what it was about",
    [PR_SERIES_LEFT] = "left the audience or the segment",
    [PR_SERIES_SUPPRESSED] = "may not be written to any more",
    [PR_SERIES_BOUNCED] = "could not be reached",
    [PR_SERIES_GONE] = "are no contacts any more",
    [PR_SERIES_CANCELLED] = "were under way when it ended",
};

static uint64_t
entered(const struct pr_series_tally *t)
{
	uint64_t n = 0;
	for (int i = 0; i < PR_SERIES_ENDS; i++)
		n += t->of[i];
	return n;
}

void
report_add_series(struct pr_buf *b, const struct pr_campaign_view *v)
{
	if (!v->is_series)
		return;
	pr_buf_addf(b, ",\"series\":{\"entered\":%llu", (unsigned long long)entered(&v->series));
	for (int i = 0; i < PR_SERIES_ENDS; i++)
		pr_buf_addf(b, ",\"%s\":%llu", pr_series_end_word((enum pr_series_end)i),
		            (unsigned long long)v->series.of[i]);
	pr_buf_addf(b, ",\"coupons\":%u}", (unsigned)v->series.coupons);
}

void
section_series(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Of those who entered", "", "#People", "#Share",
	                                      NULL};
	const struct pr_series_tally *t = &m->s->view.series;
	uint64_t all = entered(t);
	if (!m->s->view.is_series)
		return;
	section_begin(b, "series", "The series", NULL);
	pr_buf_adds(b, "<p><b>");
	add_number(b, all);
	pr_buf_adds(b, "</b> entered it; somebody who entered twice counts twice.");
	if (t->coupons) {
		pr_buf_adds(b, " <b>");
		add_number(b, t->coupons);
		pr_buf_adds(b, "</b> codes were given away.");
	}
	pr_buf_adds(b, "</p>");
	table_begin(b, "What became of those who entered", columns);
	for (int i = 0; i < PR_SERIES_ENDS; i++) {
		struct share s = share_of(t->of[i], all);
		if (t->of[i] == 0)
			continue;
		row_begin(b, pr_str(words[i]));
		cell_bar(b, s.value, i == PR_SERIES_UNDER_WAY ? "tint" : "hue");
		cell_number(b, t->of[i]);
		cell_share(b, &s);
		row_end(b);
	}
	table_end(b);
	section_end(b);
}
