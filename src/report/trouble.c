/* Sections about what did not arrive: receivers, why it bounced, who was left out, what is
 * uncertain, where it stopped. */
#include "parts.h"

/* ---- receivers ---- */

static void
add_domain(struct pr_buf *b, const struct pr_survey_domain *d)
{
	const struct pr_survey_part *p = &d->part;
	uint64_t accepted = p->of[PR_DELIVERED];
	uint64_t sent = accepted + p->of[PR_BOUNCED] + p->of[PR_DEFERRED] + p->of[PR_IN_DOUBT];
	pr_buf_adds(b, "<tr><th scope=\"row\" class=\"url\">");
	add_text(b, pr_str(d->name));
	pr_buf_adds(b, "</th>");
	cell_number(b, p->rows);
	cell_percent(b, accepted, sent);
	cell_percent(b, p->of[PR_DEFERRED], sent);
	cell_percent(b, p->of[PR_BOUNCED], sent);
	cell_percent(b, p->acted[PR_ENGAGEMENT_OPEN], accepted);
	cell_percent(b, p->acted[PR_ENGAGEMENT_CLICK], accepted);
	cell_number(b, p->acted[PR_ENGAGEMENT_COMPLAINT]);
	row_end(b);
}

void
section_domains(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Domain",      "#Recipients", "#Accepted",
	                                      "#Will retry", "#Bounced",    "#Opened",
	                                      "#Clicked",    "#Complaints", NULL};
	if (m->survey.domains_n == 0)
		return;
	section_begin(
	    b, "receivers", "Receivers",
	    "The largest domains. Accepted, will retry and bounced: of what was sent there; "
	    "opened and clicked: of what was accepted.");
	table_begin(b, "The largest domains", columns);
	for (unsigned i = 0; i < m->survey.domains_n; i++)
		add_domain(b, &m->survey.domains[i]);
	table_end(b);
	section_end(b);
}

/* ---- classes ---- */

/* The most frequent that is not told yet; PR_CLASSES: all are. */
static unsigned
next_class(const uint64_t *tally, const bool *told)
{
	unsigned best = PR_CLASSES;
	for (unsigned i = 0; i < PR_CLASSES; i++)
		if (tally[i] && !told[i] && (best == PR_CLASSES || tally[i] > tally[best]))
			best = i;
	return best;
}

static void
add_class(struct pr_buf *b, unsigned class_, uint64_t n, uint64_t all, const char *example)
{
	pr_buf_adds(b, "<tr><th scope=\"row\" class=\"words\">");
	pr_buf_adds(b, class_for_people((enum pr_class)class_));
	if (*example) {
		pr_buf_adds(b, "<span class=\"reply\">");
		add_text(b, pr_str(example));
		pr_buf_adds(b, "</span>");
	}
	pr_buf_adds(b, "</th>");
	cell_number(b, n);
	cell_percent(b, n, all);
	row_end(b);
}

static void
add_classes(struct pr_buf *b, const struct model *m, enum pr_state state, const char *caption,
            const char examples[][PR_SURVEY_TEXT_MAX])
{
	static const char *const columns[] = {"Why, and a reply as an example", "#Recipients",
	                                      "#Share", NULL};
	const uint64_t *tally = m->survey.classes[state];
	bool told[PR_CLASSES] = {false};
	uint64_t all = 0;
	for (unsigned i = 0; i < PR_CLASSES; i++)
		all += tally[i];
	if (all == 0)
		return;
	pr_buf_addf(b, "<h3>%s</h3>", caption);
	table_begin(b, caption, columns);
	for (unsigned i; (i = next_class(tally, told)) < PR_CLASSES;) {
		told[i] = true;
		add_class(b, i, tally[i], all, examples[i]);
	}
	table_end(b);
}

void
section_classes(struct pr_buf *b, const struct model *m)
{
	const struct pr_counts *c = &m->s->view.counts;
	if (c->of[PR_BOUNCED] + c->of[PR_DEFERRED] == 0)
		return;
	section_begin(b, "bounces", "What bounced, and what will be retried", NULL);
	if (m->survey.late) {
		pr_buf_adds(b, "<p class=\"soft small\">");
		add_number(b, m->survey.late);
		pr_buf_adds(b, " came back after they had been accepted.</p>");
	}
	add_classes(b, m, PR_BOUNCED, "Bounced", m->survey.bounced);
	add_classes(b, m, PR_DEFERRED, "Will retry", m->survey.deferred);
	section_end(b);
}

/* ---- left out ---- */

static const char *
words_of(enum pr_state state)
{
	return state == PR_SUPPRESSED  ? "may not be written to"
	       : state == PR_CANCELLED ? "the campaign was ended"
	                               : "";
}

static void
add_reason(struct pr_buf *b, const struct model *m, const struct pr_survey_reason *r)
{
	const char *hint = words_of(r->state);
	pr_buf_adds(b, "<tr><th scope=\"row\" class=\"words\">");
	add_text(b, *r->text ? pr_str(r->text) : PR_STR("no reason given"));
	if (*hint)
		pr_buf_addf(b, "<small>%s</small>", hint);
	pr_buf_adds(b, "</th>");
	cell_number(b, r->rows);
	cell_percent(b, r->rows, m->total);
	row_end(b);
}

void
section_left_out(struct pr_buf *b, const struct model *m)
{
	static const char *const columns[] = {"Why", "#Recipients", "#Of all", NULL};
	const struct pr_survey *s = &m->survey;
	uint64_t more = s->reasons_more;
	if (s->reasons_n == 0)
		return;
	section_begin(b, "left-out", "Who was left out, and why", NULL);
	table_begin(b, "Who was left out, and why", columns);
	for (unsigned i = 0; i < s->reasons_n; i++)
		if (i < REASONS_SHOWN)
			add_reason(b, m, &s->reasons[i]);
		else
			more += s->reasons[i].rows;
	if (more) {
		row_begin(b, PR_STR("other reasons"));
		cell_number(b, more);
		cell_percent(b, more, m->total);
		row_end(b);
	}
	table_end(b);
	section_end(b);
}

/* ---- uncertain ---- */

void
section_doubt(struct pr_buf *b, const struct model *m)
{
	const struct pr_counts *c = &m->s->view.counts;
	if (c->in_doubt_ever == 0)
		return;
	section_begin(b, "uncertain", "What is uncertain", NULL);
	pr_buf_adds(b, "<p>The end of a message was sent, but its answer never came, for <b>");
	add_number(b, c->in_doubt_ever);
	pr_buf_adds(b, c->in_doubt_ever == 1 ? "</b> recipient; <b>" : "</b> recipients; <b>");
	add_number(b, c->of[PR_IN_DOUBT]);
	pr_buf_adds(b, "</b> still are uncertain");
	if (c->needs_decision) {
		pr_buf_adds(b, ", of which <b>");
		add_number(b, c->needs_decision);
		pr_buf_adds(b, "</b> wait for somebody to decide (<code>postrider resolve</code>)");
	}
	pr_buf_adds(b, ".</p>");
	section_end(b);
}

/* ---- where it stopped ---- */

struct slices {
	struct pr_buf *b;
	unsigned n;
};

static void
add_slice(void *context, const struct pr_slice_view *v)
{
	static const char *const columns[] = {"Receiver", "Because of",  "#Tried",
	                                      "#Bounced", "#Complaints", NULL};
	struct slices *x = context;
	if (x->n++ == 0) {
		section_begin(x->b, "paused", "Paused receivers", NULL);
		table_begin(x->b, "Receivers that are paused alone", columns);
	}
	pr_buf_adds(x->b, "<tr><td class=\"url\">");
	add_text(x->b, pr_str(v->name));
	pr_buf_adds(x->b, "</td>");
	cell_text(x->b, pr_str(pr_cause_word(v->cause)));
	cell_number(x->b, v->n.tried);
	cell_number(x->b, v->n.bounced);
	cell_number(x->b, v->n.complained);
	row_end(x->b);
}

void
section_paused(struct pr_buf *b, pr_ledger *l)
{
	struct slices x = {.b = b};
	pr_slices_each_kept(l, add_slice, &x);
	if (x.n == 0)
		return;
	table_end(b);
	section_end(b);
}
