/* Status and campaigns as JSON: read from delivery's views, on the loop. */
#include "internal.h"

static void
add_flag(struct pr_buf *b, const char *key, bool value)
{
	pr_buf_addf(b, ",\"%s\":%s", key, value ? "true" : "false");
}

static void
add_left_behind(struct pr_buf *b, const pr_intake *intake)
{
	const struct pr_left_behind *list;
	char at[PR_RFC3339_SIZE];
	size_t n = pr_intake_left_behind(intake, &list);
	pr_buf_adds(b, ",\"left_behind\":[");
	for (size_t i = 0; i < n; i++) {
		pr_buf_adds(b, i ? ",{\"name\":" : "{\"name\":");
		pr_buf_add_json(b, pr_str(list[i].name));
		pr_buf_addf(b, ",\"since\":\"%s\"}", pr_format_rfc3339(list[i].since_ms, at));
	}
	pr_buf_addc(b, ']');
}

static void
add_numbers(struct pr_buf *b, const struct pr_delivery_status *s)
{
	pr_buf_adds(b, ",\"campaigns\":{");
	for (int i = 0; i < PR_CAMPAIGN_STATES; i++)
		pr_buf_addf(b, "%s\"%s\":%u", i ? "," : "",
		            pr_campaign_state_word((enum pr_campaign_state)i), s->campaigns[i]);
	pr_buf_addf(b, "},\"paused_slices\":%u,\"recipients\":{", s->paused_slices);
	for (int i = 0; i < PR_STATES; i++)
		pr_buf_addf(b, "%s\"%s\":%llu", i ? "," : "", pr_state_word((enum pr_state)i),
		            (unsigned long long)s->recipients[i]);
	pr_buf_addf(b, "},\"connections\":{\"open\":%u,\"busy\":%u,\"idle\":%u}",
	            s->connections_open, s->connections_busy, s->connections_idle);
	pr_buf_addf(b, ",\"ready\":{\"messages\":%llu,\"octets\":%llu},\"rate\":%.2f",
	            (unsigned long long)s->ready_messages, (unsigned long long)s->ready_octets,
	            s->rate);
	pr_buf_addf(b, ",\"in_doubt_total\":%llu,\"oldest_due_seconds\":%.3f",
	            (unsigned long long)s->in_doubt_total, (double)s->oldest_due_ms / 1000);
	pr_buf_addf(b, ",\"fold_lag_records\":%llu,\"clock_jump_seconds\":%.3f",
	            (unsigned long long)s->fold_lag_records, (double)s->clock_jump_ms / 1000);
}

/* ---- webhooks ---- */

struct webhooks {
	struct pr_buf *out;
	bool open; /* the path of a URL may be a secret */
	unsigned n;
};

/* "key": the time, or null. */
static void
add_time(struct pr_buf *b, const char *key, int64_t utc_ms)
{
	char at[PR_RFC3339_SIZE];
	if (utc_ms)
		pr_buf_addf(b, ",\"%s\":\"%s\"", key, pr_format_rfc3339(utc_ms, at));
	else
		pr_buf_addf(b, ",\"%s\":null", key);
}

static void
on_webhook(void *context, const struct pr_webhook_view *v)
{
	struct webhooks *w = context;
	const struct pr_webhook_missed *m = &v->missed;
	struct pr_buf *b = w->out;
	pr_buf_adds(b, w->n++ ? ",{\"url\":" : "{\"url\":");
	pr_buf_add_json(b, w->open ? v->url : v->origin);
	pr_buf_addf(b, ",\"state\":\"%s\",\"backlog_bytes\":%llu,\"events\":%llu", v->state,
	            (unsigned long long)v->backlog, (unsigned long long)v->events);
	pr_buf_addf(b, ",\"last_status\":%d,\"last_error\":", v->status);
	pr_buf_add_json(b, pr_str(v->error));
	add_time(b, "last_try", v->tried_ms);
	add_time(b, "waits_until", v->until_ms);
	pr_buf_addf(b, ",\"missed\":{\"events\":%llu,\"bytes\":%llu,\"from\":%llu,\"to\":%llu",
	            (unsigned long long)m->events, (unsigned long long)m->octets,
	            (unsigned long long)m->from, (unsigned long long)m->to);
	add_time(b, "at", m->at_ms);
	pr_buf_adds(b, "}}");
}

static void
add_webhooks(struct request *q, struct pr_buf *b)
{
	struct webhooks w = {.out = b, .open = q->peer.is_operator};
	pr_buf_adds(b, ",\"webhooks\":[");
	pr_webhooks_each(q->control->options.webhooks, on_webhook, &w);
	pr_buf_addc(b, ']');
}

static void
add_track(struct request *q, struct pr_buf *b)
{
	struct pr_track_counts n;
	pr_track_counts(q->control->options.track, &n);
	struct pr_conversions_counts told;
	pr_conversions_counts(q->control->options.conversions, &told);
	pr_buf_addf(b, ",\"events\":{\"told\":%llu,\"credited\":%llu,\"waiting\":%u}",
	            (unsigned long long)told.events, (unsigned long long)told.credited,
	            told.waiting);
	struct pr_engage_counts engaged;
	pr_engage_counts(q->control->options.engage, &engaged);
	pr_buf_addf(b,
	            ",\"engagement\":{\"behind_bytes\":%llu,"
	            "\"deliveries_behind_bytes\":%llu,\"added\":%llu,\"removed\":%llu}",
	            (unsigned long long)engaged.behind,
	            (unsigned long long)engaged.deliveries_behind,
	            (unsigned long long)engaged.added, (unsigned long long)engaged.removed);
	pr_buf_addf(b, ",\"track\":{\"listening\":%s,\"recorded\":%llu,\"dropped\":%llu}",
	            n.listening ? "true" : "false", (unsigned long long)n.recorded,
	            (unsigned long long)n.dropped);
}

static void
on_storm(void *context, const char *receiver, int64_t since_ms)
{
	struct pr_buf *b = context;
	char at[PR_RFC3339_SIZE];
	pr_buf_adds(b, b->data[b->len - 1] == '[' ? "{\"receiver\":" : ",{\"receiver\":");
	pr_buf_add_json(b, pr_str(receiver));
	pr_buf_addf(b, ",\"since\":\"%s\"}", pr_format_rfc3339(since_ms, at));
}

static void
add_storms(struct request *q, struct pr_buf *b)
{
	pr_buf_adds(b, ",\"unknown_user_storms\":[");
	pr_delivery_each_storm(q->control->options.delivery, on_storm, b);
	pr_buf_addc(b, ']');
}

void
get_status(struct request *q)
{
	struct pr_control *c = q->control;
	struct pr_delivery_status s;
	struct pr_buf b = {0};
	char now[PR_RFC3339_SIZE];
	pr_delivery_status(c->options.delivery, &s);
	bool disk = s.journal_full || s.low_space;
	pr_buf_addf(&b, "{\"version\":\"%s\",\"at\":\"%s\",\"state\":\"%s\"", c->options.version,
	            pr_format_rfc3339(pr_utc_ms(), now),
	            s.draining     ? "draining"
	            : disk         ? "disk_full"
	            : s.paused_all ? "paused"
	                           : "running");
	add_flag(&b, "paused_all", s.paused_all);
	add_flag(&b, "draining", s.draining);
	add_flag(&b, "journal_full", s.journal_full);
	add_flag(&b, "low_space", s.low_space);
	pr_buf_addf(&b, ",\"spool_free_bytes\":%llu,\"intake_waiting\":%zu",
	            (unsigned long long)c->options.spool_free(c->options.context),
	            pr_intake_waiting(c->options.intake));
	add_feedback(&b, c);
	add_left_behind(&b, c->options.intake);
	add_numbers(&b, &s);
	add_webhooks(q, &b);
	add_track(q, &b);
	add_storms(q, &b);
	pr_buf_addc(&b, '}');
	request_json(q, &b);
}

/* Errors may quote an address a server named; folders are paths of the spool. */
static void
add_campaign(struct request *q, const pr_campaign *campaign, struct pr_buf *b)
{
	struct pr_campaign_view v;
	pr_campaign_view(campaign, &v);
	if (!may_see_rows(q, v.owner))
		v.last_error = NULL;
	pr_report_campaign_json(&v, b);
}

void
get_campaigns(struct request *q)
{
	struct pr_buf b = {0};
	pr_delivery *d = q->control->options.delivery;
	pr_buf_adds(&b, "{\"campaigns\":[");
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		if (b.data[b.len - 1] != '[')
			pr_buf_addc(&b, ',');
		add_campaign(q, c, &b);
	}
	shelf_list(q, &b);
}
