/* A campaign as JSON: for the status socket and for report.json (figures.c has the rest of that).
 */
#include "report_internal.h"

#include <fcntl.h>
#include <stdlib.h>

static void
add_string(struct pr_buf *b, const char *key, const char *value)
{
	pr_buf_addf(b, ",\"%s\":", key);
	if (value && *value)
		pr_buf_add_json(b, pr_str(value));
	else
		pr_buf_adds(b, "null");
}

static void
add_time(struct pr_buf *b, const char *key, int64_t utc_ms)
{
	char text[PR_RFC3339_SIZE];
	add_string(b, key, utc_ms ? pr_format_rfc3339(utc_ms, text) : NULL);
}

static void
add_number(struct pr_buf *b, const char *key, uint64_t value)
{
	pr_buf_addf(b, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void
add_counts(struct pr_buf *b, const char *key, const struct pr_counts *c)
{
	pr_buf_addf(b, ",\"%s\":{\"total\":%llu", key, (unsigned long long)c->total);
	for (int i = 0; i < PR_STATES; i++)
		add_number(b, pr_state_word((enum pr_state)i), c->of[i]);
	pr_buf_addc(b, '}');
}

static void
add_engagement(struct pr_buf *b, const struct pr_engagements *g)
{
	static const char *const keys[PR_ENGAGEMENT_KINDS] = {
	    [PR_ENGAGEMENT_OPEN] = "opens",
	    [PR_ENGAGEMENT_CLICK] = "clicks",
	    [PR_ENGAGEMENT_UNSUBSCRIBE] = "unsubscribes",
	    [PR_ENGAGEMENT_COMPLAINT] = "complaints",
	};
	for (unsigned i = 0; i < PR_ENGAGEMENT_KINDS; i++) {
		const struct pr_engaged *n = &g->of[i];
		if (keys[i])
			pr_buf_addf(b, ",\"%s\":{\"total\":%llu,\"unique\":%llu,\"machine\":%llu}",
			            keys[i], (unsigned long long)n->total,
			            (unsigned long long)n->unique, (unsigned long long)n->machine);
	}
}

struct slices {
	struct pr_buf *b;
	unsigned n;
};

static void
add_slice(void *context, const struct pr_slice_view *v)
{
	struct slices *x = context;
	struct pr_buf *b = x->b;
	pr_buf_adds(b, x->n++ ? ",{\"name\":" : "{\"name\":");
	pr_buf_add_json(b, pr_str(v->name));
	add_string(b, "reason", pr_cause_word(v->cause));
	add_string(b, "by", v->by);
	add_time(b, "paused", v->paused_ms);
	add_number(b, "tried", v->n.tried);
	add_number(b, "bounced", v->n.bounced);
	add_number(b, "complained", v->n.complained);
	add_number(b, "attempts", v->n.attempts);
	add_number(b, "deferred", v->n.deferred);
	pr_buf_addc(b, '}');
}

void
pr_report_slices_json(const pr_campaign *c, struct pr_buf *b)
{
	struct slices x = {.b = b};
	pr_buf_adds(b, "\"slices\":[");
	pr_campaign_each_slice(c, add_slice, &x);
	pr_buf_addc(b, ']');
}

void
report_kept_slices_json(pr_ledger *l, struct pr_buf *b)
{
	struct slices x = {.b = b};
	pr_buf_adds(b, "\"slices\":[");
	pr_slices_each_kept(l, add_slice, &x);
	pr_buf_addc(b, ']');
}

void
pr_report_campaign_json(const struct pr_campaign_view *v, struct pr_buf *b)
{
	pr_buf_adds(b, "{\"id\":");
	pr_buf_add_json(b, pr_str(v->id));
	add_string(b, "name", v->name);
	add_string(b, "state", pr_campaign_state_word(v->state));
	add_string(b, "reason", pr_reason_word(v->reason));
	add_counts(b, "counts", &v->counts);
	if (v->seeds.total)
		add_counts(b, "seeds", &v->seeds);
	pr_buf_addf(b, ",\"rate\":%.2f", v->rate);
	add_time(b, "eta", v->eta_ms);
	add_time(b, "next", v->next_ms);
	add_time(b, "accepted", v->accepted_ms);
	add_time(b, "start", v->start_ms);
	add_time(b, "started", v->started_ms);
	add_time(b, "first_pass", v->first_pass_ms);
	add_time(b, "finished", v->finished_ms);
	add_time(b, "indexed", v->indexed_ms);
	add_number(b, "version", v->version);
	add_number(b, "attempts", v->counts.attempts);
	add_engagement(b, &v->engaged);
	report_add_earned(b, v);
	report_add_series(b, v);
	add_number(b, "in_doubt_ever", v->counts.in_doubt_ever);
	add_number(b, "needs_decision", v->counts.needs_decision);
	add_number(b, "capped", v->counts.capped);
	add_number(b, "import_rows", v->import_rows);
	add_number(b, "paused_slices", v->paused_slices);
	add_number(b, "priority", v->priority);
	add_number(b, "owner", v->owner);
	add_string(b, "route", v->route);
	add_string(b, "by", v->by);
	add_string(b, "folder", v->dir);
	add_string(b, "last_error", v->last_error);
	pr_buf_addc(b, '}');
}

void
pr_report_history_json(pr_ledger *l, struct pr_buf *b)
{
	struct pr_buf lines = {0};
	pr_buf_adds(b, "\"history\":[");
	if (pr_ledger_get(l, "history", &lines) == 0) {
		struct pr_str rest = pr_str_trim(pr_buf_str(&lines));
		for (size_t i = 0; i < rest.n; i++)
			pr_buf_addc(b, rest.p[i] == '\n' ? ',' : rest.p[i]);
	}
	pr_buf_addc(b, ']');
	pr_buf_finish(&lines);
}
