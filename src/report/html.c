/*
 * report.html: one self-contained page for people: what became of the recipients, as a bar
 * drawn in SVG and as a table, bounce classes, the largest receivers. No script, no
 * resources from elsewhere; readable on a phone, in print and by a screen reader.
 * Everything that came from outside is escaped.
 */
#include "report_internal.h"

#include <fcntl.h>
#include <stdio.h>

/* States in words for people, in the order of the story, with their colours. */
static const struct {
	enum pr_state state;
	const char *words, *colour, *hint;
} shown[] = {
    {PR_DELIVERED, "accepted", "#2e7d4f", "the next server took the message"},
    {PR_PENDING, "waiting", "#b8c4d0", "not sent yet"},
    {PR_SENDING, "on the way", "#5b8def", "being sent now"},
    {PR_DEFERRED, "will retry", "#e0a030", "the server asked to come back later"},
    {PR_BOUNCED, "bounced", "#c0392b", "the server refused it for good, or retries ran out"},
    {PR_IN_DOUBT, "uncertain", "#8e44ad", "sent, but the answer was lost"},
    {PR_SUPPRESSED, "suppressed", "#7f8c8d", "has left or must not be written to"},
    {PR_SKIPPED, "left out", "#95a5a6", "bad address, missing data or deadline"},
    {PR_CANCELLED, "cancelled", "#bdc3c7", "an operator ended the campaign"},
};
#define SHOWN (sizeof shown / sizeof *shown)

static const char style[] =
    "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 "
    "1rem;color:#1c2733;background:#fff}h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;"
    "margin:2rem 0 .5rem}.sub{color:#5a6876}table{border-collapse:collapse;width:100%}"
    "td,th{padding:.35rem .5rem;border-bottom:1px solid #e3e8ee;text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}i{display:inline-block;"
    "width:.8em;height:.8em;border-radius:2px;margin-right:.5em}svg{width:100%;height:28px;"
    "border-radius:4px;margin:1rem "
    "0}td.url{overflow-wrap:anywhere}.hint{color:#5a6876;font-size:.85em}"
    "@media print{body{margin:0}}</style>";

#define GROUPED_SIZE 32
/* 1,234,567 */
static const char *
grouped(uint64_t n, char *out)
{
	char digits[24], *p = out;
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = 0;
	return out;
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void
add_head(struct pr_buf *b, const struct pr_report_source *s)
{
	pr_buf_adds(b, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
	               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
	if (!s->final)
		pr_buf_adds(b, "<meta http-equiv=\"refresh\" content=\"10\">");
	pr_buf_adds(b, "<title>");
	pr_buf_add_html(b, pr_str(s->view.name));
	pr_buf_addf(b, "</title>%s</head><body><h1>", style);
	pr_buf_add_html(b, pr_str(s->view.name));
	pr_buf_adds(b, "</h1><p class=\"sub\">");
	pr_buf_add_html(b, pr_str(s->view.id));
	pr_buf_addf(b, " · %s", pr_campaign_state_word(s->view.state));
	if (s->view.reason)
		pr_buf_addf(b, " (%s)", pr_reason_word(s->view.reason));
	pr_buf_adds(b, "</p>");
}

static void
add_bar(struct pr_buf *b, const struct pr_counts *c)
{
	double x = 0;
	pr_buf_addf(b,
	            "<svg viewBox=\"0 0 1000 28\" preserveAspectRatio=\"none\" role=\"img\" "
	            "aria-label=\"%.1f percent accepted, %.1f percent bounced\">",
	            share(c->of[PR_DELIVERED], c->total), share(c->of[PR_BOUNCED], c->total));
	for (unsigned i = 0; i < SHOWN; i++) {
		double width = 10 * share(c->of[shown[i].state], c->total);
		if (width <= 0)
			continue;
		pr_buf_addf(b, "<rect x=\"%.2f\" width=\"%.2f\" height=\"28\" fill=\"%s\"/>", x,
		            width, shown[i].colour);
		x += width;
	}
	pr_buf_adds(b, "</svg>");
}

static void
add_states(struct pr_buf *b, const struct pr_counts *c)
{
	char number[GROUPED_SIZE];
	pr_buf_adds(b, "<table><thead><tr><th>Recipients</th><th class=\"n\">number</th>"
	               "<th class=\"n\">share</th></tr></thead><tbody>");
	for (unsigned i = 0; i < SHOWN; i++) {
		uint64_t n = c->of[shown[i].state];
		if (n == 0 && shown[i].state != PR_DELIVERED && shown[i].state != PR_BOUNCED)
			continue;
		pr_buf_addf(b,
		            "<tr><td><i style=\"background:%s\"></i>%s <span class=\"hint\">%s"
		            "</span></td><td class=\"n\">%s</td><td class=\"n\">%.2f %%</td></tr>",
		            shown[i].colour, shown[i].words, shown[i].hint, grouped(n, number),
		            share(n, c->total));
	}
	pr_buf_addf(b, "<tr><th>all</th><th class=\"n\">%s</th><th></th></tr></tbody></table>",
	            grouped(c->total, number));
}

static void
add_fact(struct pr_buf *b, const char *name, const char *value)
{
	pr_buf_addf(b, "<tr><td>%s</td><td class=\"n\">", name);
	pr_buf_add_html(b, pr_str(value));
	pr_buf_adds(b, "</td></tr>");
}

static void
add_time(struct pr_buf *b, const char *name, int64_t utc_ms)
{
	char at[PR_RFC3339_SIZE], text[40];
	if (!utc_ms)
		return;
	pr_format_rfc3339(utc_ms, at);
	snprintf(text, sizeof text, "%.10s %.8s UTC", at, at + 11);
	add_fact(b, name, text);
}

static void
add_facts(struct pr_buf *b, const struct pr_report_source *s)
{
	char number[64];
	const struct pr_campaign_view *v = &s->view;
	pr_buf_adds(b, "<h2>When and how</h2><table><tbody>");
	add_time(b, "began", v->started_ms);
	add_time(b, "everybody tried once", v->first_pass_ms);
	add_time(b, "finished", v->finished_ms);
	if (v->started_ms && v->first_pass_ms > v->started_ms) {
		double rate = (double)v->counts.of[PR_DELIVERED] * 1000 /
		              (double)(v->first_pass_ms - v->started_ms);
		snprintf(number, sizeof number, "%.0f messages/s", rate);
		add_fact(b, "accepted, on average until then", number);
	}
	add_fact(b, "attempts", grouped(v->counts.attempts, number));
	add_fact(b, "were ever uncertain", grouped(v->counts.in_doubt_ever, number));
	add_fact(b, "route", v->route ? v->route : "");
	pr_buf_adds(b, "</tbody></table>");
}

/* ---- what people did ---- */

static const struct {
	enum pr_engagement_kind kind;
	const char *words;
} acts[] = {
    {PR_ENGAGEMENT_OPEN, "opened"},
    {PR_ENGAGEMENT_CLICK, "clicked"},
    {PR_ENGAGEMENT_UNSUBSCRIBE, "unsubscribed"},
    {PR_ENGAGEMENT_COMPLAINT, "complained"},
};
#define ACTS (sizeof acts / sizeof *acts)

static void
add_act(struct pr_buf *b, const char *words, const struct pr_engaged *n, uint64_t accepted)
{
	char people[GROUPED_SIZE], machines[GROUPED_SIZE], times[GROUPED_SIZE];
	pr_buf_addf(b,
	            "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%.2f %%</td>"
	            "<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>",
	            words, grouped(n->unique - n->machine, people),
	            share(n->unique - n->machine, accepted), grouped(n->machine, machines),
	            grouped(n->total, times));
}

static void
add_acts(struct pr_buf *b, const struct pr_campaign_view *v)
{
	uint64_t all = 0;
	for (size_t i = 0; i < ACTS; i++)
		all += v->engaged.of[acts[i].kind].total;
	if (all == 0)
		return;
	pr_buf_adds(b, "<h2>What they did</h2><table><thead><tr><th>Recipients who</th>"
	               "<th class=\"n\">people</th><th class=\"n\">of accepted</th>"
	               "<th class=\"n\">machines only</th><th class=\"n\">times</th></tr>"
	               "</thead><tbody>");
	for (size_t i = 0; i < ACTS; i++)
		add_act(b, acts[i].words, &v->engaged.of[acts[i].kind], v->counts.of[PR_DELIVERED]);
	pr_buf_adds(b, "</tbody></table><p class=\"hint\">Machines load images and follow links to "
	               "look for harm or to hide their reader: they count as nobody.</p>");
}

struct links {
	struct pr_buf *b;
	uint64_t accepted;
	unsigned n;
};

static bool
add_link(void *context, uint32_t link, struct pr_str url, const struct pr_engaged *n)
{
	struct links *x = context;
	char people[GROUPED_SIZE];
	if (x->n++ == 0)
		pr_buf_adds(x->b, "<h2>Links</h2><table><thead><tr><th>link</th>"
		                  "<th class=\"n\">people</th><th class=\"n\">of accepted</th></tr>"
		                  "</thead><tbody>");
	pr_buf_adds(x->b, "<tr><td class=\"url\">");
	pr_buf_add_html(x->b, link ? url : PR_STR("links of the recipient's own"));
	pr_buf_addf(x->b, "</td><td class=\"n\">%s</td><td class=\"n\">%.2f %%</td></tr>",
	            grouped(n->unique - n->machine, people),
	            share(n->unique - n->machine, x->accepted));
	return true;
}

static int
add_links(struct pr_buf *b, const struct pr_campaign_view *v, pr_ledger *l, struct pr_error *e)
{
	struct links x = {.b = b, .accepted = v->counts.of[PR_DELIVERED]};
	int r = pr_ledger_tally_links(l, LINKS_SHOWN, add_link, &x, e);
	if (x.n)
		pr_buf_adds(b, "</tbody></table>");
	return r;
}

/* ---- where it stopped ---- */

struct slices {
	struct pr_buf *b;
	unsigned n;
};

static void
add_slice(void *context, const struct pr_slice_view *v)
{
	struct slices *x = context;
	char tried[GROUPED_SIZE], failed[GROUPED_SIZE];
	if (x->n++ == 0)
		pr_buf_adds(x->b, "<h2>Paused receivers</h2><table><thead><tr><th>receiver</th>"
		                  "<th>because of</th><th class=\"n\">tried</th>"
		                  "<th class=\"n\">bounced</th></tr></thead><tbody>");
	pr_buf_adds(x->b, "<tr><td class=\"url\">");
	pr_buf_add_html(x->b, pr_str(v->name));
	pr_buf_addf(x->b, "</td><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>",
	            pr_cause_word(v->cause), grouped(v->n.tried, tried),
	            grouped(v->n.bounced, failed));
}

static void
add_slices(struct pr_buf *b, pr_ledger *l)
{
	struct slices x = {.b = b};
	pr_slices_each_kept(l, add_slice, &x);
	if (x.n)
		pr_buf_adds(b, "</tbody></table>");
}

/* The class in words: "mailbox full". */
static void
add_class(struct pr_buf *b, const char *word)
{
	for (; *word; word++)
		pr_buf_addc(b, *word == '_' ? ' ' : *word);
}

static int
add_classes(struct pr_buf *b, pr_ledger *l, enum pr_state state, const char *title,
            struct pr_error *e)
{
	uint64_t tally[PR_CLASSES] = {0}, all = 0;
	char number[GROUPED_SIZE];
	int r = pr_ledger_tally_classes(l, state, tally, e);
	for (int i = 0; i < PR_CLASSES; i++)
		all += tally[i];
	if (r < 0 || all == 0)
		return r;
	pr_buf_addf(b, "<h2>%s</h2><table><tbody>", title);
	for (int i = 0; i < PR_CLASSES; i++) {
		const char *word = pr_class_word((enum pr_class)i);
		if (!tally[i])
			continue;
		pr_buf_adds(b, "<tr><td>");
		add_class(b, *word ? word : "other");
		pr_buf_addf(b, "</td><td class=\"n\">%s</td></tr>", grouped(tally[i], number));
	}
	pr_buf_adds(b, "</tbody></table>");
	return 0;
}

static bool
add_domain(void *context, struct pr_str domain, const uint64_t of[PR_STATES])
{
	struct pr_buf *b = context;
	uint64_t all = 0;
	char number[GROUPED_SIZE];
	for (int i = 0; i < PR_STATES; i++)
		all += of[i];
	pr_buf_adds(b, "<tr><td>");
	pr_buf_add_html(b, domain);
	pr_buf_addf(b,
	            "</td><td class=\"n\">%s</td><td class=\"n\">%.1f %%</td>"
	            "<td class=\"n\">%.1f %%</td></tr>",
	            grouped(all, number), share(of[PR_DELIVERED], all), share(of[PR_BOUNCED], all));
	return true;
}

static int
add_domains(struct pr_buf *b, pr_ledger *l, struct pr_error *e)
{
	pr_buf_adds(b, "<h2>Largest receivers</h2><table><thead><tr><th>domain</th>"
	               "<th class=\"n\">recipients</th><th class=\"n\">accepted</th>"
	               "<th class=\"n\">bounced</th></tr></thead><tbody>");
	int r = pr_ledger_tally_domains(l, DOMAINS_SHOWN, add_domain, b, e);
	pr_buf_adds(b, "</tbody></table>");
	return r;
}

int
pr_report_write_html(const struct pr_report_source *s, pr_ledger *l, int dir, struct pr_error *e)
{
	struct pr_buf b = {0};
	char now[PR_RFC3339_SIZE];
	add_head(&b, s);
	add_bar(&b, &s->view.counts);
	add_states(&b, &s->view.counts);
	add_acts(&b, &s->view);
	report_add_earned_html(&b, &s->view);
	int r = add_links(&b, &s->view, l, e);
	add_facts(&b, s);
	add_slices(&b, l);
	if (r == 0)
		r = add_classes(&b, l, PR_BOUNCED, "Why messages bounced", e);
	if (r == 0)
		r = add_classes(&b, l, PR_DEFERRED, "Why messages wait for a retry", e);
	if (r == 0)
		r = add_domains(&b, l, e);
	pr_buf_addf(&b,
	            "<p class=\"hint\">Accepted means that the next server answered 250 to the "
	            "whole message. Written %s by Postrider. Each recipient: "
	            "<code>results.csv</code>.</p></body></html>\n",
	            pr_format_rfc3339(pr_utc_ms(), now));
	if (r == 0)
		r = pr_file_replace(dir, "report.html", b.data, b.len, 0640, e);
	pr_buf_finish(&b);
	return r;
}
