/* What reports are made of: a view that may leave the loop, or an older report. */
#include "report_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define COPY(member)                                                                               \
	do {                                                                                       \
		snprintf(out->member, sizeof out->member, "%s", view->member ? view->member : ""); \
		out->view.member = view->member ? out->member : NULL;                              \
	} while (0)

/* The id of row 1 without "<1": it is the same in all rows. */
static void
keep_message_ids(struct pr_report_source *out, const pr_content *content)
{
	struct pr_buf id = {0};
	pr_message_id(content, 1, &id);
	if (id.len > 2)
		snprintf(out->message_ids, sizeof out->message_ids, "%s", id.data + 2);
	pr_buf_finish(&id);
}

void
pr_report_source_init(struct pr_report_source *out, const struct pr_campaign_view *view, bool final)
{
	*out = (struct pr_report_source){.view = *view, .final = final};
	COPY(id);
	COPY(name);
	COPY(dir);
	COPY(route);
	COPY(by);
	COPY(last_error);
	if (view->content)
		keep_message_ids(out, view->content);
	out->view.content = NULL;
	if (!final)
		return;
	if (view->state != PR_CAMPAIGN_CANCELLED)
		out->view.state = PR_CAMPAIGN_FINISHED;
	if (!out->view.finished_ms)
		out->view.finished_ms = pr_utc_ms();
}

void
pr_report_source_configure(struct pr_report_source *s, const struct pr_config *config)
{
	const struct pr_route *route =
	    s->view.route ? pr_config_route(config, pr_str(s->view.route)) : NULL;
	snprintf(s->timezone, sizeof s->timezone, "%s",
	         config->timezone.p ? config->timezone.p : "");
	s->relayed = route && route->via != PR_VIA_MX && route->via != PR_VIA_MAILDIR;
}

/* ---- from an older report ---- */

static const char *
get_text(json_t *o, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));
	snprintf(out, size, "%s", text ? text : "");
	return text ? out : NULL;
}

static int64_t
get_time(json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	int64_t utc_ms;
	return text && pr_parse_rfc3339(pr_str(text), &utc_ms) ? utc_ms : 0;
}

static uint64_t
get_number(json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : 0;
}

static enum pr_reason
get_reason(json_t *o)
{
	const char *word = json_string_value(json_object_get(o, "reason"));
	for (int i = PR_REASON_NONE + 1; word && i < PR_REASONS; i++)
		if (strcmp(word, pr_reason_word((enum pr_reason)i)) == 0)
			return (enum pr_reason)i;
	return PR_REASON_NONE;
}

static void
read_view(struct pr_report_source *out, json_t *o)
{
	const char *state = json_string_value(json_object_get(o, "state"));
	bool cancelled = state && strcmp(state, pr_campaign_state_word(PR_CAMPAIGN_CANCELLED)) == 0;
	out->view = (struct pr_campaign_view){
	    .id = get_text(o, "id", out->id, sizeof out->id),
	    .name = get_text(o, "name", out->name, sizeof out->name),
	    .route = get_text(o, "route", out->route, sizeof out->route),
	    .by = get_text(o, "by", out->by, sizeof out->by),
	    .last_error = get_text(o, "last_error", out->last_error, sizeof out->last_error),
	    .dir = out->dir,
	    .owner = (uint32_t)get_number(o, "owner"),
	    .state = cancelled ? PR_CAMPAIGN_CANCELLED : PR_CAMPAIGN_FINISHED,
	    .reason = get_reason(o),
	    .priority = (unsigned)get_number(o, "priority"),
	    .accepted_ms = get_time(o, "accepted"),
	    .start_ms = get_time(o, "start"),
	    .started_ms = get_time(o, "started"),
	    .first_pass_ms = get_time(o, "first_pass"),
	    .finished_ms = get_time(o, "finished"),
	    .import_rows = get_number(o, "import_rows"),
	    .version = (unsigned)get_number(o, "version"),
	    .indexed_ms = get_time(o, "indexed"),
	};
}

static bool
differs(json_t *campaign, const struct pr_counts *now)
{
	json_t *counts = json_object_get(campaign, "counts");
	for (int i = 0; i < PR_STATES; i++)
		if (get_number(counts, pr_state_word((enum pr_state)i)) != now->of[i])
			return true;
	return false;
}

static int
read_report(struct pr_report_source *out, int folder, const struct pr_counts *now,
            struct pr_error *e)
{
	struct pr_buf text = {0};
	int r = pr_file_read(folder, "report.json", REPORT_SIZE_MAX, &text, e);
	json_t *report = r == 0 ? json_loadb(text.data, text.len, 0, NULL) : NULL;
	json_t *campaign = json_object_get(report, "campaign");
	if (r == 0 && !json_is_object(campaign))
		r = pr_fail(e, PR_ECORRUPT, "%s/report.json is no report", out->dir);
	if (r == 0) {
		read_view(out, campaign);
		out->view.counts = *now;
		out->view.is_series = json_is_object(json_object_get(campaign, "series"));
		out->rows_changed = differs(campaign, now);
		out->view.serial = (uint32_t)get_number(report, "serial");
		get_text(report, "message_id_tail", out->message_ids, sizeof out->message_ids);
		get_text(report, "timezone", out->timezone, sizeof out->timezone);
		out->relayed = json_is_true(json_object_get(report, "relayed"));
	}
	if (r == 0 && (!out->view.id || !out->view.name))
		r = pr_fail(e, PR_ECORRUPT, "%s/report.json names no campaign", out->dir);
	json_decref(report);
	pr_buf_finish(&text);
	return r;
}

int
pr_report_source_read(struct pr_report_source *out, const char *dir, int folder, pr_ledger *ledger,
                      struct pr_error *e)
{
	struct pr_counts now;
	*out = (struct pr_report_source){.final = true};
	snprintf(out->dir, sizeof out->dir, "%s", dir);
	int r = pr_ledger_counts(ledger, &now, e);
	if (r == 0)
		r = read_report(out, folder, &now, e);
	if (r == 0)
		r = pr_ledger_seed_counts(ledger, &out->view.seeds, e);
	if (r == 0)
		r = pr_ledger_engagements(ledger, &out->view.engaged, e);
	if (r == 0)
		r = pr_ledger_earned(ledger, &out->view.earned, e);
	return r < 0 ? r : pr_series_tally(ledger, &out->view.series, e);
}
