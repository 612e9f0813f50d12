/*
 * report.html: one self-contained page for people, in the order they ask: what came of it, how that
 * compares, when, where, what went wrong, who was left out. No script, nothing from elsewhere (its
 * own policy forbids both); readable on a phone, on paper and by a screen reader. Everything that
 * came from outside is escaped.
 */
#include "parts.h"

/* While sending, the file is written anew; whoever looks at it sees that without doing anything. */
#define AGAIN_S "15"

static void
add_head(struct pr_buf *b, const struct model *m)
{
	pr_buf_adds(b, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
	               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	               "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action "
	               "'none'\"><meta name=\"referrer\" content=\"no-referrer\">"
	               "<meta name=\"robots\" content=\"noindex\"><link rel=\"icon\" "
	               "href=\"data:,\">");
	if (!m->s->final)
		pr_buf_adds(b, "<meta http-equiv=\"refresh\" content=\"" AGAIN_S "\">");
	pr_buf_adds(b, "<title>");
	add_text(b, pr_str(m->s->view.name));
	pr_buf_addf(b, " \xE2\x80\x93 report</title>%s</head><body>", report_style);
}

static void
add_about(struct pr_buf *b, const char *what, struct pr_str text)
{
	if (text.n == 0)
		return;
	pr_buf_addf(b, "<span>%s <b>", what);
	add_text(b, text);
	pr_buf_adds(b, "</b></span>");
}

static void
add_about_time(struct pr_buf *b, const struct model *m, const char *what, int64_t utc_ms)
{
	if (!utc_ms)
		return;
	pr_buf_addf(b, "<span>%s <b>", what);
	add_when(b, m, utc_ms);
	pr_buf_adds(b, "</b></span>");
}

static void
add_title(struct pr_buf *b, const struct model *m)
{
	const struct pr_campaign_view *v = &m->s->view;
	pr_buf_adds(b, "<header><h1>");
	add_text(b, pr_str(v->name));
	pr_buf_adds(b, "</h1><p><span class=\"state\">");
	pr_buf_adds(b, campaign_state_for_people(v->state));
	if (v->reason)
		pr_buf_addf(b, ": %s", reason_for_people(v->reason));
	pr_buf_adds(b, "</span></p><p class=\"about\">");
	add_about(b, "Subject", m->subject);
	add_about(b, "From", m->from);
	add_about(b, "List", m->list);
	add_about_time(b, m, "Began", v->started_ms);
	add_about_time(b, m, "Finished", v->finished_ms);
	pr_buf_adds(b, "</p>");
}

static void
add_part(struct pr_buf *b, const struct share *s, const char *words)
{
	pr_buf_adds(b, "<b>");
	add_percent(b, s->value);
	pr_buf_addf(b, "</b> %s", words);
}

/* Somebody may get many messages of a series. */
static void
add_sent(struct pr_buf *b, const struct model *m)
{
	if (m->s->view.is_series)
		pr_buf_adds(b, m->sent == 1 ? "</b> message was sent" : "</b> messages were sent");
	else
		pr_buf_adds(b, m->sent == 1 ? "</b> person was written to"
		                            : "</b> people were written to");
}

/* The report in one sentence. */
static void
add_lead(struct pr_buf *b, const struct model *m)
{
	const struct share *accepted = &m->rates[RATE_ACCEPTED];
	const struct pr_counts *c = &m->s->view.counts;
	pr_buf_adds(b, "<p class=\"lead\">");
	if (m->sent == 0 && m->s->view.is_series) {
		pr_buf_adds(b, "Nothing has been sent yet.");
	} else if (m->sent == 0) {
		pr_buf_adds(b, "Nothing has been sent yet to <b>");
		add_number(b, m->total);
		pr_buf_adds(b, m->total == 1 ? "</b> recipient." : "</b> recipients.");
	} else {
		pr_buf_adds(b, "<b>");
		add_number(b, m->sent);
		add_sent(b, m);
		pr_buf_adds(b, m->s->final ? "; " : " so far; ");
		add_part(b, accepted, m->accepted);
		if (m->people[PR_ENGAGEMENT_OPEN] || m->people[PR_ENGAGEMENT_CLICK]) {
			pr_buf_adds(b, ". Of those, ");
			if (m->people[PR_ENGAGEMENT_OPEN])
				add_part(b, &m->rates[RATE_OPENED], "opened it and ");
			add_part(b, &m->rates[RATE_CLICKED], "clicked");
		}
		pr_buf_addc(b, '.');
	}
	if (!m->s->final && c->of[PR_PENDING] && m->sent) {
		pr_buf_adds(b, " <b>");
		add_number(b, c->of[PR_PENDING]);
		pr_buf_adds(b, "</b> still wait to be sent.");
	}
	pr_buf_adds(b, "</p></header>");
}

static void
add_foot(struct pr_buf *b, const struct model *m)
{
	pr_buf_addf(
	    b,
	    "</main><footer><p>%s means that the next server answered 250 to the whole "
	    "message%s. People are counted once, machines that load images or follow links "
	    "apart; an opening is seen only where images are loaded. Small figures below a "
	    "share are the interval in which it lies with 95&nbsp;%% certainty.</p><p>Written ",
	    m->s->relayed ? "Accepted by relay" : "Accepted",
	    m->s->relayed ? "; what the receivers do with it comes back as bounces" : "");
	add_when(b, m, m->now_ms);
	pr_buf_adds(b, " (all times: ");
	add_text(b, pr_str(m->zone_name));
	pr_buf_adds(b, ") by Postrider for campaign <code>");
	add_text(b, pr_str(m->s->view.id));
	pr_buf_adds(b, "</code>. Each recipient: <code>results.csv</code>; the same figures: "
	               "<code>report.json</code>.</p></footer></body></html>\n");
}

void
report_html(const struct model *m, pr_ledger *l, struct pr_buf *b)
{
	add_head(b, m);
	add_title(b, m);
	add_lead(b, m);
	pr_buf_adds(b, "<main>");
	section_funnel(b, m);
	section_earlier(b, m);
	section_series(b, m);
	section_variants(b, m);
	section_earned(b, m);
	section_time(b, m);
	section_links(b, m);
	section_domains(b, m);
	section_classes(b, m);
	section_leavers(b, m);
	section_devices(b, m);
	section_left_out(b, m);
	section_doubt(b, m);
	section_seeds(b, m, l);
	section_paused(b, l);
	section_history(b, m, l);
	add_foot(b, m);
}
