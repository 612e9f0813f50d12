/* Sections about the course of it: the time line, links with the message's picture, history. */
#include "parts.h"

#include <jansson.h>

/* ---- time ---- */

static const struct {
	const char *title, *id, *what;
} charts[PR_SURVEY_SERIES] = {
    [PR_SURVEY_ACCEPTED] = {"Accepted", "ta", "messages accepted"},
    [PR_SURVEY_OPENED] = {"Opened", "to", "people who opened for the first time"},
    [PR_SURVEY_CLICKED] = {"Clicked", "tc", "people who clicked for the first time"},
};

struct sums {
	uint64_t most, all;
	unsigned at; /* of most */
};

static struct sums
add_up(const struct timeline *t, unsigned kind)
{
	struct sums s = {0};
	for (unsigned i = 0; i < t->n; i++) {
		s.all += t->of[kind][i];
		if (t->of[kind][i] > s.most) {
			s.most = t->of[kind][i];
			s.at = i;
		}
	}
	return s;
}

static void
add_chart_words(struct pr_buf *b, const struct model *m, unsigned kind, const struct sums *s)
{
	const struct timeline *t = &m->time;
	pr_buf_addf(b, "<title id=\"%s-t\">%s by ", charts[kind].id, charts[kind].title);
	add_length(b, t->step_ms);
	pr_buf_addf(b, "</title><desc id=\"%s-d\">", charts[kind].id);
	add_number(b, s->all);
	pr_buf_addf(b, " %s from ", charts[kind].what);
	add_when(b, m, t->from_ms);
	pr_buf_adds(b, "; most, ");
	add_number(b, s->most);
	pr_buf_adds(b, ", from ");
	add_when(b, m, t->from_ms + (int64_t)s->at * t->step_ms);
	pr_buf_adds(b, ".</desc>");
}

static void
add_ticks(struct pr_buf *b, const struct model *m)
{
	const struct timeline *t = &m->time;
	int64_t span = (int64_t)t->n * t->step_ms;
	pr_buf_adds(b, "<div class=\"ticks\" aria-hidden=\"true\">");
	for (int i = 0; i <= 2; i++) {
		pr_buf_adds(b, "<span>");
		add_tick(b, m, t->from_ms + (int64_t)t->n * i / 2 * t->step_ms, t->step_ms, span);
		pr_buf_adds(b, "</span>");
	}
	pr_buf_adds(b, "</div>");
}

static void
add_chart(struct pr_buf *b, const struct model *m, unsigned kind)
{
	const struct timeline *t = &m->time;
	struct sums s = add_up(t, kind);
	if (s.all == 0)
		return;
	pr_buf_addf(b, "<figure><figcaption><b>%s</b><span>most in ", charts[kind].title);
	add_length(b, t->step_ms);
	pr_buf_adds(b, ": ");
	add_number(b, s.most);
	pr_buf_addf(b,
	            "</span></figcaption><div class=\"plot\"><svg viewBox=\"0 0 %u 100\" "
	            "preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"%s-t %s-d\">",
	            t->n * 10, charts[kind].id, charts[kind].id);
	add_chart_words(b, m, kind, &s);
	for (unsigned i = 0; i < t->n; i++) {
		double height = 100.0 * (double)t->of[kind][i] / (double)s.most;
		if (height > 0)
			pr_buf_addf(b,
			            "<rect class=\"hue\" x=\"%u\" y=\"%.2f\" width=\"8.6\" "
			            "height=\"%.2f\"/>",
			            i * 10, 100 - height, height);
	}
	pr_buf_adds(b, "</svg></div>");
	add_ticks(b, m);
	pr_buf_adds(b, "</figure>");
}

static void
add_chart_table(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"From", "#Accepted", "#Opened", "#Clicked", NULL};
	const struct timeline *t = &m->time;
	pr_buf_adds(b, "<details><summary>These charts as figures</summary>");
	table_begin(b, "The course as figures", columns);
	for (unsigned i = 0; i < t->n; i++) {
		if (!(t->of[PR_SURVEY_ACCEPTED][i] | t->of[PR_SURVEY_OPENED][i] |
		      t->of[PR_SURVEY_CLICKED][i]))
			continue;
		pr_buf_adds(b, "<tr><th scope=\"row\" class=\"n\" style=\"text-align:left\">");
		add_when(b, m, t->from_ms + (int64_t)i * t->step_ms);
		pr_buf_adds(b, "</th>");
		for (unsigned k = 0; k < PR_SURVEY_SERIES; k++)
			cell_number(b, t->of[k][i]);
		row_end(b);
	}
	table_end(b);
	pr_buf_adds(b, "</details>");
}

static void
add_later(struct pr_buf *b, const struct timeline *t)
{
	if (!(t->later[PR_SURVEY_ACCEPTED] | t->later[PR_SURVEY_OPENED] |
	      t->later[PR_SURVEY_CLICKED]))
		return;
	pr_buf_adds(b, "<p class=\"soft small\">Later than drawn:");
	for (unsigned k = 0; k < PR_SURVEY_SERIES; k++)
		if (t->later[k]) {
			pr_buf_addc(b, ' ');
			add_number(b, t->later[k]);
			pr_buf_addf(b, " %s.", charts[k].what);
		}
	pr_buf_adds(b, "</p>");
}

void
section_time(struct pr_buf *b, const struct model *m)
{
	if (m->time.n == 0)
		return;
	section_begin(b, "time", "When it happened", NULL);
	for (unsigned k = 0; k < PR_SURVEY_SERIES; k++)
		add_chart(b, m, k);
	add_later(b, &m->time);
	add_chart_table(b, m);
	section_end(b);
}

/* ---- links ---- */

static void
add_link(struct pr_buf *b, const struct model_link *l, double most)
{
	pr_buf_adds(b, "<tr><th scope=\"row\" class=\"url\">");
	add_text(b, l->number == 0 ? PR_STR("links that differ from person to person")
	            : l->url.n     ? l->url
	                           : PR_STR("a link that is not known any more"));
	pr_buf_adds(b, "</th>");
	cell_bar(b, l->share.value / most, "hue");
	cell_number(b, l->share.part);
	cell_share(b, &l->share);
	cell_number(b, l->n.total);
	row_end(b);
}

static void
add_picture(struct pr_buf *b, const struct model *m)
{
	pr_buf_adds(b, "<h3>Where they clicked</h3>");
	if (m->picture.len && m->shown) {
		pr_buf_adds(b, "<p class=\"small\">Variant <b>");
		add_text(b, pr_str(m->variants[m->shown - 1].name));
		pr_buf_adds(b, "</b>, which most people got; clicks are of all variants.</p>");
	}
	if (m->picture.len == 0) {
		pr_buf_adds(b, "<p class=\"soft small\">The message is not shown here: ");
		add_text(b, pr_str(m->no_picture.text));
		pr_buf_adds(b, ".</p>");
		return;
	}
	pr_buf_adds(b,
	            "<p class=\"soft small\">The message itself, with the share of people who "
	            "clicked on each link: the darker a mark, the more. What differs from person "
	            "to person stands in \xE2\x80\xB9\xE2\x80\xBA; links lead nowhere here, and "
	            "images from elsewhere are boxes.</p><iframe sandbox=\"\" title=\"The message "
	            "with the share of clicks beside each link\" srcdoc=\"");
	pr_buf_add_html(b, pr_buf_str(&m->picture));
	pr_buf_adds(b, "\"></iframe>");
}

void
section_links(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Link",         "",       "#People",
	                                      "#Of accepted", "#Times", NULL};
	double most = 1e-9;
	if (m->rates[RATE_ACCEPTED].part == 0)
		return;
	section_begin(b, "links", "Links", NULL);
	if (m->links_n == 0)
		pr_buf_adds(b,
		            "<p class=\"soft\">Nobody has clicked on a link that is followed.</p>");
	for (unsigned i = 0; i < m->links_n; i++)
		most = m->links[i].share.value > most ? m->links[i].share.value : most;
	if (m->links_n) {
		table_begin(b, "Links and the people who clicked on them", columns);
		for (unsigned i = 0; i < m->links_n; i++)
			add_link(b, &m->links[i], most);
		table_end(b);
	}
	add_picture(b, m);
	section_end(b);
}

/* ---- history ---- */

static void
add_event(struct pr_buf *b, const struct model *m, const json_t *event)
{
	const char *at = json_string_value(json_object_get(event, "at"));
	const char *verb = json_string_value(json_object_get(event, "verb"));
	const char *by = json_string_value(json_object_get(event, "by"));
	const char *detail = json_string_value(json_object_get(event, "detail"));
	int64_t utc_ms;
	pr_buf_adds(b, "<tr><th scope=\"row\">");
	if (at && pr_parse_rfc3339(pr_str(at), &utc_ms))
		add_when(b, m, utc_ms);
	pr_buf_adds(b, "</th><td class=\"words\">");
	for (const char *p = verb ? verb : ""; *p; p++)
		add_text(b, *p == '_' ? PR_STR(" ") : pr_str_n(p, 1));
	if (detail && *detail) {
		pr_buf_adds(b, "<small>");
		add_text(b, pr_str(detail));
		pr_buf_adds(b, "</small>");
	}
	pr_buf_adds(b, "</td>");
	cell_text(b, pr_str(by));
	row_end(b);
}

static void
add_facts(struct pr_buf *b, const struct model *m)
{
	const struct pr_campaign_view *v = &m->s->view;
	pr_buf_adds(b, "<p class=\"about\"><span>Attempts <b>");
	add_number(b, v->counts.attempts);
	pr_buf_adds(b, "</b></span>");
	if (v->first_pass_ms) {
		pr_buf_adds(b, "<span>Everybody tried once <b>");
		add_when(b, m, v->first_pass_ms);
		pr_buf_adds(b, "</b></span>");
	}
	if (v->started_ms && v->first_pass_ms > v->started_ms)
		pr_buf_addf(b, "<span>Until then <b>%.0f messages/s</b></span>",
		            (double)m->sent * 1000 / (double)(v->first_pass_ms - v->started_ms));
	if (v->route) {
		pr_buf_adds(b, "<span>Route <b>");
		add_text(b, pr_str(v->route));
		pr_buf_adds(b, "</b></span>");
	}
	if (v->version > 1)
		pr_buf_addf(b, "<span>Version <b>%u</b></span>", v->version);
	pr_buf_adds(b, "</p>");
}

void
section_history(struct pr_buf *b, const struct model *m, pr_ledger *l)
{
	static const char *const columns[] = {"When", "What", "By", NULL};
	struct pr_buf text = {0};
	pr_buf_addc(&text, '{');
	pr_report_history_json(l, &text);
	pr_buf_addc(&text, '}');
	json_t *all = json_loadb(text.data, text.len, 0, NULL);
	const json_t *history = json_object_get(all, "history");
	section_begin(b, "history", "How it was run", NULL);
	add_facts(b, m);
	if (json_array_size(history)) {
		table_begin(b, "What was done with the campaign, by whom", columns);
		for (size_t i = 0; i < json_array_size(history); i++)
			add_event(b, m, json_array_get(history, i));
		table_end(b);
	}
	section_end(b);
	json_decref(all);
	pr_buf_finish(&text);
}
