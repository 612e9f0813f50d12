/* Sections about people: how far they came, how that compares, what they used, who left. */
#include "parts.h"

/* ---- the funnel ---- */

struct step {
	const char *words, *hint;
	uint64_t n;
	const struct share *share; /* of the step before; NULL: none is told */
	const char *whole;
};

static void
add_step(struct pr_buf *b, const struct model *m, const struct step *s)
{
	pr_buf_addf(b, "<tr><th scope=\"row\">%s<small>%s</small></th>", s->words, s->hint);
	cell_bar(b, m->total ? (double)s->n / (double)m->total : 0, s->share ? "hue" : "tint");
	cell_number(b, s->n);
	if (s->share && s->share->whole) {
		pr_buf_adds(b, "<td class=\"n\">");
		add_percent(b, s->share->value);
		pr_buf_addf(b, "<small>%s</small><small>", s->whole);
		add_interval(b, s->share);
		pr_buf_adds(b, "</small></td>");
	} else
		pr_buf_adds(b, "<td class=\"n\"></td>");
	row_end(b);
}

static void
add_machines(struct pr_buf *b, const struct model *m)
{
	const struct pr_engaged *opens = &m->s->view.engaged.of[PR_ENGAGEMENT_OPEN];
	const struct pr_engaged *clicks = &m->s->view.engaged.of[PR_ENGAGEMENT_CLICK];
	if (opens->machine + clicks->machine == 0)
		return;
	pr_buf_adds(b, "<p class=\"soft small\">Not counted: messages that only machines opened (");
	add_number(b, opens->machine);
	pr_buf_adds(b, ") or clicked in (");
	add_number(b, clicks->machine);
	pr_buf_adds(b, "). Mail programs and scanners do so to protect their readers.</p>");
}

static void
add_machines_before(struct pr_buf *b, const struct model *m)
{
	if (m->chosen_by_machines == 0)
		return;
	pr_buf_adds(b, "<p class=\"soft small\">");
	add_number(b, m->chosen_by_machines);
	pr_buf_adds(b, m->chosen_by_machines == 1 ? " recipient comes" : " recipients come");
	pr_buf_adds(b, " from an earlier campaign that only machines had opened for them.</p>");
}

/* What became of all recipients, as one bar; its figures are the table's and the list's. */
static const struct {
	enum pr_state state;
	const char *words, *class_;
} fates[] = {
    {PR_DELIVERED, "accepted", "hue"},
    {PR_DEFERRED, "will retry", "tint"},
    {PR_SENDING, "on the way", "tint"},
    {PR_PENDING, "to send", "pale"},
    {PR_BOUNCED, "bounced", "ink"},
    {PR_IN_DOUBT, "uncertain", "soft"},
    {PR_SKIPPED, "left out", "line"},
    {PR_SUPPRESSED, "left out: may not be written to", "line"},
    {PR_CANCELLED, "left out: cancelled", "line"},
};
#define FATES (sizeof fates / sizeof *fates)

static void
add_fates(struct pr_buf *b, const struct model *m)
{
	const struct pr_counts *c = &m->s->view.counts;
	double x = 0, unit = m->total ? 1000.0 / (double)m->total : 0;
	pr_buf_adds(b,
	            "<figure class=\"keep\"><svg viewBox=\"0 0 1000 16\" "
	            "preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"fate-t fate-d\" "
	            "style=\"height:1rem;border-radius:3px\"><title id=\"fate-t\">What became of "
	            "all recipients</title><desc id=\"fate-d\">");
	for (size_t i = 0; i < FATES; i++)
		if (c->of[fates[i].state]) {
			pr_buf_addf(b, "%s%s ", x > 0 ? ", " : "", fates[i].words);
			add_number(b, c->of[fates[i].state]);
			x = 1;
		}
	pr_buf_adds(b, "</desc>");
	x = 0;
	for (size_t i = 0; i < FATES; i++) {
		double width = unit * (double)c->of[fates[i].state];
		if (width > 0)
			pr_buf_addf(b,
			            "<rect x=\"%.2f\" width=\"%.2f\" height=\"16\" "
			            "style=\"fill:var(--%s)\"/>",
			            x, width > 3 ? width - 1 : width, fates[i].class_);
		x += width;
	}
	pr_buf_adds(b, "</svg><ul class=\"key\">");
	for (size_t i = 0; i < FATES; i++) {
		uint64_t n = c->of[fates[i].state];
		if (n == 0)
			continue;
		pr_buf_addf(b,
		            "<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" "
		            "height=\"1\" style=\"fill:var(--%s)\"/></svg>%s <b class=\"n\">",
		            fates[i].class_, fates[i].words);
		add_number(b, n);
		pr_buf_adds(b, "</b></li>");
	}
	pr_buf_adds(b, "</ul></figure>");
}

/* Whoever sells nothing need not read that nothing was sold. */
static bool
counts_conversions(const struct model *m)
{
	const struct pr_earned *g = &m->s->view.earned;
	return g->n.total || g->n.currencies || g->cost.currency[0];
}

void
section_funnel(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Step", "", "#People", "#Share", NULL};
	static const char *const of_series[] = {"Step", "", "#Messages", "#Share", NULL};
	bool series = m->s->view.is_series;
	const struct pr_counts *c = &m->s->view.counts;
	const struct step steps[] = {
	    {series ? "Messages" : "Recipients",
	     series ? "whose step has come" : "in the campaign's list", m->total, NULL, ""},
	    {"Sent", "a message was begun", m->sent, NULL, ""},
	    {m->s->relayed ? "Accepted by relay" : "Accepted", "the next server took it",
	     c->of[PR_DELIVERED], &m->rates[RATE_ACCEPTED], "of sent"},
	    {"Opened", "with its images", m->people[PR_ENGAGEMENT_OPEN], &m->rates[RATE_OPENED],
	     "of accepted"},
	    {"Clicked", "a link", m->people[PR_ENGAGEMENT_CLICK], &m->rates[RATE_CLICKED],
	     "of accepted"},
	    {"Converted", "an order, or what else counts", m->rates[RATE_CONVERTED].part,
	     &m->rates[RATE_CONVERTED], "of accepted"},
	};
	section_begin(b, "funnel", "How far it came", NULL);
	table_begin(b, "How far it came", series ? of_series : columns);
	size_t n = sizeof steps / sizeof *steps - !counts_conversions(m);
	for (size_t i = 0; i < n; i++)
		add_step(b, m, &steps[i]);
	table_end(b);
	add_machines(b, m);
	add_machines_before(b, m);
	add_fates(b, m);
	section_end(b);
}

/* ---- beside earlier campaigns ---- */

/* The middle half of the earlier ones as a band, their median as a line, this one as a dot. */
static void
add_position(struct pr_buf *b, const struct share *now, const struct spread *was)
{
	double most = now->value > was->high ? now->value : was->high;
	double least = now->value < was->low ? now->value : was->low;
	double room = (most - least) * 0.15, from = least - room, unit = 100 / (most - from + room);
	if (most - least <= 0) {
		from = most - 1;
		unit = 50;
	}
	double low = (was->low - from) * unit, high = (was->high - from) * unit;
	pr_buf_addf(b,
	            "<td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
	            "aria-hidden=\"true\"><line class=\"rule\" x1=\"0\" x2=\"100\" y1=\"5\" "
	            "y2=\"5\"/><rect class=\"tint\" x=\"%.2f\" y=\"2\" width=\"%.2f\" "
	            "height=\"6\"/><line class=\"tick\" x1=\"%.2f\" x2=\"%.2f\" y1=\"0\" "
	            "y2=\"10\"/><rect class=\"hue\" x=\"%.2f\" y=\"0\" width=\"3\" "
	            "height=\"10\"/></svg></td>",
	            low, high - low, (was->median - from) * unit, (was->median - from) * unit,
	            (now->value - from) * unit - 1.5);
}

#define ENOUGH 3u /* campaigns that make something usual */

static const char *
verdict(const struct share *now, const struct spread *was)
{
	if (was->n < ENOUGH || now->whole == 0)
		return "";
	if (now->low > was->high)
		return "higher than usual";
	if (now->high < was->low)
		return "lower than usual";
	return "as usual";
}

static void
add_comparison(struct pr_buf *b, const struct model *m, unsigned i)
{
	const struct share *now = &m->rates[i];
	const struct spread *was = &m->earlier[i];
	pr_buf_addf(b, "<tr><th scope=\"row\">%s<small>%s</small></th>", rate_words[i].word,
	            rate_words[i].whole);
	cell_share(b, now);
	add_position(b, now, was);
	pr_buf_adds(b, "<td class=\"n\">");
	add_percent(b, was->median);
	pr_buf_adds(b, "<small>");
	add_range(b, was->low, was->high);
	pr_buf_adds(b, "</small></td>");
	cell_text(b, pr_str(verdict(now, was)));
	row_end(b);
}

void
section_earlier(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Share", "#This one", "", "#Usual", "Verdict", NULL};
	const struct pr_campaign_view *v = &m->s->view;
	section_begin(b, "earlier", "Beside earlier campaigns", NULL);
	if (m->earlier_n == 0) {
		pr_buf_adds(b,
		            "<p class=\"soft\">There is no earlier campaign of this list and class "
		            "to compare with.</p>");
		section_end(b);
		return;
	}
	pr_buf_addf(b,
	            "<p class=\"soft small\">The last %u of the same list and class: their median, "
	            "and between which shares the middle half of them lies.",
	            m->earlier_n);
	if (v->started_ms && m->now_ms - v->started_ms < 2 * PR_DAY_MS)
		pr_buf_adds(b, " This one is younger than two days: opens and clicks still come.");
	pr_buf_adds(b, "</p>");
	table_begin(b, "Shares beside those of earlier campaigns", columns);
	for (unsigned i = 0; i < RATES; i++)
		if (i != RATE_CONVERTED || counts_conversions(m) || m->earlier[i].high > 0)
			add_comparison(b, m, i);
	table_end(b);
	section_end(b);
}

/* ---- devices ---- */

void
section_devices(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Device", "", "#Opened", "#Clicked", NULL};
	static const struct {
		enum pr_device device;
		const char *words;
	} devices[] = {{PR_DEVICE_MOBILE, "phone"},
	               {PR_DEVICE_DESKTOP, "computer"},
	               {PR_DEVICE_TABLET, "tablet"},
	               {PR_DEVICE_UNKNOWN, "not known"}};
	const uint64_t *opened = m->survey.devices[PR_ENGAGEMENT_OPEN];
	const uint64_t *clicked = m->survey.devices[PR_ENGAGEMENT_CLICK];
	uint64_t opens = 0, clicks = 0;
	for (unsigned i = 0; i < PR_DEVICES; i++) {
		opens += opened[i];
		clicks += clicked[i];
	}
	if (opens + clicks == 0)
		return;
	section_begin(b, "devices", "What they read it on",
	              "Some mail programs load images through a server of theirs, which hides the "
	              "device.");
	table_begin(b, "Devices of people who opened or clicked", columns);
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		uint64_t o = opened[devices[i].device], c = clicked[devices[i].device];
		if (o + c == 0)
			continue;
		row_begin(b, pr_str(devices[i].words));
		cell_bar(b, opens ? (double)o / (double)opens : (double)c / (double)clicks, "hue");
		cell_percent(b, o, opens);
		cell_percent(b, c, clicks);
		row_end(b);
	}
	table_end(b);
	section_end(b);
}

/* ---- who left ---- */

static void
add_receiver(struct pr_buf *b, const struct receiver *r)
{
	static const char *const verdicts[] = {[RECEIVER_FEW] = "too few messages to tell",
	                                       [RECEIVER_WELL] = "within the limit",
	                                       [RECEIVER_ABOVE] = "above the target",
	                                       [RECEIVER_BEYOND] = "above the limit",
	                                       [RECEIVER_SILENT] = ""};
	bool bad = r->verdict == RECEIVER_ABOVE || r->verdict == RECEIVER_BEYOND;
	row_begin(b, pr_str(r->name));
	cell_number(b, r->complained.whole);
	cell_number(b, r->unsubscribed);
	if (r->reports) {
		cell_number(b, r->complained.part);
		cell_share(b, &r->complained);
	} else
		pr_buf_adds(b,
		            "<td class=\"n\">\xE2\x80\x93</td><td class=\"n\">\xE2\x80\x93</td>");
	pr_buf_adds(b, "<td class=\"n\">");
	if (r->limit > 0)
		add_percent(b, r->limit);
	else
		pr_buf_adds(b, "\xE2\x80\x93");
	if (r->target > 0) {
		pr_buf_adds(b, "<small>better below ");
		add_percent(b, r->target);
		pr_buf_adds(b, "</small>");
	}
	pr_buf_addf(b, "</td><td class=\"words%s\">%s%s</td>", bad ? " warn" : "",
	            bad ? "\xE2\x96\xB2 " : "",
	            r->verdict == RECEIVER_SILENT ? r->note : verdicts[r->verdict]);
	row_end(b);
}

void
section_leavers(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Receiver",    "#Accepted", "#Unsubscribed",
	                                      "#Complaints", "#Share",    "#Limit",
	                                      "Verdict",     NULL};
	if (m->rates[RATE_ACCEPTED].part == 0)
		return;
	section_begin(b, "leavers", "Who left or complained",
	              "What large receivers ask of senders: a share of complaints that stays below "
	              "their limit. Not all of them report complaints to senders.");
	table_begin(b, "Unsubscriptions and complaints against the limits of receivers", columns);
	for (unsigned i = 0; i < m->receivers_n; i++)
		add_receiver(b, &m->receivers[i]);
	table_end(b);
	section_end(b);
}
