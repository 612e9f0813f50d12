/* Prometheus text (format 0.0.4) and health. No address or domain ever becomes a label. */
#include "internal.h"

#include "postrider/routes.h"

#define LAG_UNWELL_US (5 * 1000 * 1000)

static void
head(struct pr_buf *b, const char *name, const char *type, const char *help)
{
	pr_buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
gauge(struct pr_buf *b, const char *name, const char *help, double value)
{
	head(b, name, "gauge", help);
	pr_buf_addf(b, "%s %.15g\n", name, value);
}

static void
counter(struct pr_buf *b, const char *name, const char *help, uint64_t value)
{
	head(b, name, "counter", help);
	pr_buf_addf(b, "%s %llu\n", name, (unsigned long long)value);
}

static void
add_recipients(struct pr_buf *b, const struct pr_delivery_status *s)
{
	head(b, "postrider_recipients", "gauge",
	     "Recipients of campaigns under way or ended in this run, by state.");
	for (int i = 0; i < PR_STATES; i++)
		pr_buf_addf(b, "postrider_recipients{state=\"%s\"} %llu\n",
		            pr_state_word((enum pr_state)i), (unsigned long long)s->recipients[i]);
	counter(b, "postrider_in_doubt_total", "Rows that came to be in doubt.", s->in_doubt_total);
}

/* ---- outcomes by provider ---- */

struct outcomes {
	struct pr_buf *out;
	uint64_t other[PR_STATES];
};

/* A provider's name is the administrator's, of the shaping file. */
static void
add_outcomes(struct pr_buf *b, const char *provider, const uint64_t messages[PR_STATES])
{
	for (int i = 0; i < PR_STATES; i++) {
		if (i == PR_PENDING || i == PR_SENDING)
			continue;
		pr_buf_addf(b, "postrider_messages_total{outcome=\"%s\",provider=",
		            pr_state_word((enum pr_state)i));
		pr_buf_add_json(b, pr_str(provider));
		pr_buf_addf(b, "} %llu\n", (unsigned long long)messages[i]);
	}
}

static void
on_provider(void *context, const char *provider, const uint64_t messages[PR_STATES])
{
	struct outcomes *o = context;
	add_outcomes(o->out, provider, messages);
	for (int i = 0; i < PR_STATES; i++)
		o->other[i] -= messages[i];
}

static void
add_messages(struct pr_buf *b, pr_delivery *d, const struct pr_delivery_status *s)
{
	struct outcomes o = {.out = b};
	memcpy(o.other, s->messages, sizeof o.other);
	head(b, "postrider_messages_total", "counter", "Outcomes since the start.");
	pr_delivery_each_provider(d, on_provider, &o);
	add_outcomes(b, "other", o.other);
}

static void
add_sync(struct pr_buf *b, const pr_journal *j)
{
	struct pr_journal_stats s;
	uint64_t sum = 0;
	pr_journal_stats(j, &s);
	head(b, "postrider_journal_sync_seconds", "histogram",
	     "Time of one fdatasync of the journal.");
	for (int i = 0; i < 15; i++) {
		sum += s.sync_histogram[i];
		pr_buf_addf(b, "postrider_journal_sync_seconds_bucket{le=\"%.6g\"} %llu\n",
		            64e-6 * (double)(1u << i), (unsigned long long)sum);
	}
	pr_buf_addf(b,
	            "postrider_journal_sync_seconds_bucket{le=\"+Inf\"} %llu\n"
	            "postrider_journal_sync_seconds_sum %.6f\n"
	            "postrider_journal_sync_seconds_count %llu\n",
	            (unsigned long long)s.syncs, (double)s.sync_us_total / 1e6,
	            (unsigned long long)s.syncs);
	counter(b, "postrider_journal_records_total", "Records appended since the start.",
	        s.records);
}

static void
add_lag(struct pr_buf *b, const pr_loop *loop)
{
	const uint64_t *h = pr_loop_lag_histogram(loop);
	uint64_t sum = 0;
	head(b, "postrider_loop_lag_seconds", "histogram", "Time one turn of the loop took.");
	for (int i = 0; i < PR_LOOP_LAG_BUCKETS; i++) {
		sum += h[i];
		if (i < PR_LOOP_LAG_BUCKETS - 1)
			pr_buf_addf(b, "postrider_loop_lag_seconds_bucket{le=\"%.3f\"} %llu\n",
			            (double)(1u << i) / 1000, (unsigned long long)sum);
	}
	pr_buf_addf(b,
	            "postrider_loop_lag_seconds_bucket{le=\"+Inf\"} %llu\n"
	            "postrider_loop_lag_seconds_sum %.6f\n"
	            "postrider_loop_lag_seconds_count %llu\n",
	            (unsigned long long)sum, (double)pr_loop_lag_us_total(loop) / 1e6,
	            (unsigned long long)sum);
}

static void
add_connections(struct pr_buf *b, const struct pr_delivery_status *s)
{
	head(b, "postrider_connections", "gauge", "Connections to receivers, by state.");
	pr_buf_addf(b,
	            "postrider_connections{state=\"busy\"} %u\n"
	            "postrider_connections{state=\"idle\"} %u\n"
	            "postrider_connections{state=\"opening\"} %u\n",
	            s->connections_busy, s->connections_idle,
	            s->connections_open - s->connections_busy - s->connections_idle);
}

/* By the result types of RFC 8460 section 4.3. */
static void
add_tls(struct pr_buf *b)
{
	const struct pr_routes_tls_counts *n = pr_routes_tls_counts();
	head(b, "postrider_tls_handshakes_total", "counter", "TLS handshakes, by result.");
	pr_buf_addf(b, "postrider_tls_handshakes_total{result=\"success\"} %llu\n",
	            (unsigned long long)n->successes);
	for (unsigned i = 0; i < PR_ROUTES_TLS_TYPES; i++)
		pr_buf_addf(b, "postrider_tls_handshakes_total{result=\"%s\"} %llu\n",
		            pr_routes_tls_type(i), (unsigned long long)n->failures[i]);
}

static void
add_campaigns(struct pr_buf *b, pr_delivery *d)
{
	unsigned n[PR_CAMPAIGN_STATES][PR_REASONS] = {{0}};
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		struct pr_campaign_view v;
		pr_campaign_view(c, &v);
		n[v.state][v.reason]++;
	}
	head(b, "postrider_campaigns", "gauge", "Campaigns, by state and reason.");
	for (int i = 0; i < PR_CAMPAIGN_STATES; i++)
		for (int k = 0; k < PR_REASONS; k++)
			if (n[i][k] || k == 0)
				pr_buf_addf(b,
				            "postrider_campaigns{state=\"%s\",reason=\"%s\"} %u\n",
				            pr_campaign_state_word((enum pr_campaign_state)i),
				            pr_reason_word((enum pr_reason)k), n[i][k]);
}

static void
add_webhooks(struct pr_buf *b, const pr_webhooks *w)
{
	struct pr_webhooks_totals n;
	pr_webhooks_totals(w, &n);
	gauge(b, "postrider_webhook_backlog_bytes", "Octets of events that webhooks lag behind.",
	      (double)n.backlog);
	counter(b, "postrider_webhook_events_total", "Events that webhooks have taken.", n.events);
	head(b, "postrider_webhook_posts_total", "counter", "Posts of webhooks, by result.");
	pr_buf_addf(b,
	            "postrider_webhook_posts_total{result=\"answered\"} %llu\n"
	            "postrider_webhook_posts_total{result=\"failed\"} %llu\n",
	            (unsigned long long)n.answered, (unsigned long long)n.failed);
	counter(b, "postrider_webhook_missed_total",
	        "Events that webhooks have not taken within keep.", n.missed_events);
	counter(b, "postrider_webhook_missed_bytes_total", "The same, in octets of journal.",
	        n.missed_octets);
}

static void
add_answer(void *context, enum pr_track_path path, unsigned status, uint64_t n)
{
	pr_buf_addf(context, "postrider_track_requests_total{path=\"%s\",code=\"%u\"} %llu\n",
	            pr_track_path_word(path), status, (unsigned long long)n);
}

static void
add_events(struct pr_buf *b, const pr_conversions_desk *d)
{
	struct pr_conversions_counts n;
	pr_conversions_counts(d, &n);
	counter(b, "postrider_customer_events_total", "Events of customers that are new.",
	        n.events);
	counter(b, "postrider_conversions_total", "Of these, credited to a campaign.", n.credited);
	gauge(b, "postrider_customer_events_waiting", "Orders of events that wait.", n.waiting);
}

static void
add_engagement(struct pr_buf *b, const pr_engage *g)
{
	struct pr_engage_counts n;
	pr_engage_counts(g, &n);
	gauge(b, "postrider_engagement_backlog_bytes",
	      "Octets of the journal whose openings and clicks contacts do not have yet.",
	      (double)n.behind);
	gauge(b, "postrider_engagement_deliveries_backlog_bytes",
	      "The same, of deliveries, which may be later.", (double)n.deliveries_behind);
	counter(b, "postrider_engagement_events_total",
	        "Events of campaigns that were put to contacts.", n.added);
}

static void
add_track(struct pr_buf *b, const pr_track *t)
{
	struct pr_track_counts n;
	pr_track_counts(t, &n);
	head(b, "postrider_track_requests_total", "counter",
	     "Answers of the tracking server, by path and status.");
	pr_track_each_answer(t, add_answer, b);
	counter(b, "postrider_track_recorded_total", "Its events that went to the journal.",
	        n.recorded);
	counter(b, "postrider_track_dropped_total", "Its events that found no room.", n.dropped);
}

void
get_metrics(struct request *q)
{
	struct pr_control *c = q->control;
	const struct pr_left_behind *left;
	struct pr_delivery_status s;
	struct pr_buf b = {0};
	pr_delivery_status(c->options.delivery, &s);
	add_recipients(&b, &s);
	add_messages(&b, c->options.delivery, &s);
	add_connections(&b, &s);
	add_tls(&b);
	add_campaigns(&b, c->options.delivery);
	add_sync(&b, c->options.journal);
	add_lag(&b, c->loop);
	gauge(&b, "postrider_oldest_due_seconds", "How long the oldest due row has waited.",
	      (double)s.oldest_due_ms / 1000);
	gauge(&b, "postrider_fold_lag_records", "Outcomes not folded into the ledgers yet.",
	      (double)s.fold_lag_records);
	add_webhooks(&b, c->options.webhooks);
	add_track(&b, c->options.track);
	add_events(&b, c->options.conversions);
	add_engagement(&b, c->options.engage);
	add_feedback_metrics(&b, c);
	gauge(&b, "postrider_spool_free_bytes", "Free octets where spool and state are.",
	      (double)c->options.spool_free(c->options.context));
	gauge(&b, "postrider_paused_all", "1 when everything is paused.", s.paused_all);
	gauge(&b, "postrider_intake_left_behind", "Sources taken that could not be removed.",
	      (double)pr_intake_left_behind(c->options.intake, &left));
	gauge(&b, "postrider_ready_bytes", "Octets of composed messages that wait.",
	      (double)s.ready_octets);
	request_answer(q, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &b);
}

void
get_health(struct request *q)
{
	struct pr_delivery_status s;
	struct pr_buf b = {0};
	pr_delivery_status(q->control->options.delivery, &s);
	bool well = !s.journal_full && pr_loop_lag_us(q->control->loop) < LAG_UNWELL_US;
	pr_buf_adds(&b, well ? "ok\n" : "unwell\n");
	request_answer(q, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", &b);
}
