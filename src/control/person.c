/*
 * One person: all that is held of them as one JSON document, and forgetting them. For operators.
 *
 * The document is read on the reports lane, for every row of every campaign that is kept is looked
 * at: an address may be written in several ways, and stand in another row's fields.
 */
#include "contacts.h"
#include "reading.h"
#include "suppress.h"

#include "postrider/campaign/address.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT_MAX ((size_t)64 << 20)
#define AUDITS_MAX 10000u

struct pending { /* what a webhook has not taken */
	char *url;
	uint64_t from; /* place in the journal */
	unsigned n;
};

struct export_job {
	struct pr_job job;
	struct request *request;
	struct reading *reading;
	const struct pr_config *config;
	char *audience; /* path */
	struct pr_mailbox who;
	struct pr_trace trace;
	struct pr_map rows; /* serial << 32 | row: the person's */
	struct pending *hooks;
	size_t hooks_n;
	pr_ledger *ledger; /* the one being read */
	const char *campaign;
	struct pr_str *columns;
	size_t columns_n;
	struct pr_buf out;
	int result;
	struct pr_error error;
};

/* ---- what the audience holds ---- */

static void
begin_item(struct pr_buf *b)
{
	if (b->data[b->len - 1] != '[')
		pr_buf_addc(b, ',');
}

static bool
add_suppression(void *context, const struct pr_suppression *s)
{
	struct export_job *j = context;
	begin_item(&j->out);
	suppression_json(&j->out, s, pr_utc_ms());
	return true;
}

static bool
add_audit(void *context, const struct pr_audit *line)
{
	struct export_job *j = context;
	begin_item(&j->out);
	audit_json(&j->out, line);
	return true;
}

static int
export_audience(struct export_job *j)
{
	pr_audience *a;
	struct pr_str address = pr_str_n(j->who.address, j->who.n);
	int r = pr_audience_open(j->audience, PR_AUDIENCE_READ, &a, &j->error);
	if (r < 0)
		return r;
	pr_buf_adds(&j->out, ",\"suppressions\":[");
	r = pr_audience_of(a, address, add_suppression, j, &j->error);
	pr_buf_adds(&j->out, "],\"audit\":[");
	if (r == 0)
		r = pr_audience_audits(a, address, AUDITS_MAX, add_audit, j, &j->error);
	pr_buf_addc(&j->out, ']');
	if (r == 0)
		r = contact_export(a, address, &j->out, &j->error);
	pr_audience_close(a);
	return r;
}

/* ---- rows ---- */

static int
add_fields(struct export_job *j, uint32_t row)
{
	struct pr_batch *b;
	int r = pr_ledger_row(j->ledger, row, &b, &j->error);
	if (r < 0)
		return r;
	struct pr_str *fields = pr_calloc(j->columns_n + 1, sizeof *fields);
	pr_fields_unpack(b->rows[0].data, fields, j->columns_n);
	pr_buf_adds(&j->out, ",\"fields\":{");
	for (size_t i = 0; i < j->columns_n; i++) {
		if (i)
			pr_buf_addc(&j->out, ',');
		pr_buf_add_json(&j->out, j->columns[i]);
		pr_buf_addc(&j->out, ':');
		pr_buf_add_json(&j->out, fields[i]);
	}
	pr_buf_addc(&j->out, '}');
	free(fields);
	pr_batch_unref(b);
	return 0;
}

static bool
add_row(void *context, const struct pr_known *k)
{
	struct export_job *j = context;
	known_json(&j->out, k, j->campaign);
	j->result = add_fields(j, k->row);
	if (j->result == 0)
		j->result = engagement_json(&j->out, j->ledger, k->row, &j->error);
	pr_buf_addc(&j->out, '}');
	return false;
}

static int
export_ledger(struct export_job *j)
{
	static char here;
	struct pr_ledger_identity id;
	struct pr_arena arena;
	uint32_t *rows = NULL;
	size_t n = 0;
	pr_arena_init(&arena);
	pr_ledger_identity(j->ledger, &id);
	j->columns_n = pr_ledger_columns(j->ledger, &arena, &j->columns);
	int r = pr_ledger_rows_of(j->ledger, &j->trace, &rows, &n, &j->error);
	for (size_t i = 0; i < n && r == 0; i++) {
		pr_map_put(&j->rows, (uint64_t)id.serial << 32 | rows[i], &here);
		r = pr_ledger_page(j->ledger, PR_STATES, rows[i] - 1, 1, add_row, j, &j->error);
		if (r == 0)
			r = j->result;
		if (r == 0 && j->out.len > EXPORT_MAX)
			r = pr_fail(&j->error, PR_ELIMIT, "there is more than %zu MiB of it",
			            EXPORT_MAX >> 20);
	}
	free(rows);
	pr_arena_finish(&arena);
	return r;
}

static int
export_campaigns(struct export_job *j, const char *parent)
{
	char path[4200], dir[4500];
	struct pr_error e;
	int r = 0;
	snprintf(path, sizeof path, "%s/%s", j->config->spool.p, parent);
	DIR *d = opendir(path);
	for (struct dirent *entry; r == 0 && d && (entry = readdir(d));) {
		snprintf(dir, sizeof dir, "%s/%s", path, entry->d_name);
		if (!id_is_sound(entry->d_name) || open_ledger(dir, &j->ledger, &e) < 0)
			continue; /* importing, or no ledger: its files are told below */
		j->campaign = entry->d_name;
		r = export_ledger(j);
		pr_ledger_close(j->ledger);
	}
	if (d)
		closedir(d);
	return r;
}

/* ---- events ---- */

static bool
is_about(const struct export_job *j, const struct pr_event *event)
{
	if (event->row)
		return pr_map_get(&j->rows, (uint64_t)event->serial << 32 | event->row) != NULL;
	return event->has_change && pr_trace_is_in(&j->trace, event->change.detail);
}

static void
add_event(struct export_job *j, struct pr_event *event)
{
	begin_item(&j->out);
	pr_events_name(j->reading->events, event);
	pr_event_json(event, &j->out);
	for (size_t i = 0; i < j->hooks_n; i++)
		j->hooks[i].n += event->id >= j->hooks[i].from;
}

static int
export_events(struct export_job *j)
{
	struct pr_event event;
	uint64_t from;
	pr_events *events = j->reading->events;
	pr_buf_adds(&j->out, "],\"events\":[");
	int r = pr_events_begin(events, 0, &from, &j->error);
	while (r == 0 && (r = pr_events_next(events, j->reading->limit, &event, &j->error)) > 0) {
		if (event.type.n && !event.live && is_about(j, &event))
			add_event(j, &event);
		r = j->out.len > EXPORT_MAX
		        ? pr_fail(&j->error, PR_ELIMIT, "there is too much of it")
		        : 0;
	}
	pr_events_end(events);
	return r;
}

/* ---- the rest ---- */

static void
export_webhooks(struct export_job *j)
{
	pr_buf_adds(&j->out, "],\"webhooks\":[");
	for (size_t i = 0; i < j->hooks_n; i++) {
		begin_item(&j->out);
		pr_buf_addf(&j->out, "{\"pending\":%u", j->hooks[i].n);
		json_text(&j->out, "url", pr_str(j->hooks[i].url));
		pr_buf_addc(&j->out, '}');
	}
}

static void
add_file(void *context, const char *path)
{
	struct export_job *j = context;
	begin_item(&j->out);
	pr_buf_add_json(&j->out, pr_str(path));
}

static void
add_out_of_reach(struct pr_buf *b)
{
	for (size_t i = 0; pr_privacy_out_of_reach[i]; i++) {
		begin_item(b);
		pr_buf_add_json(b, pr_str(pr_privacy_out_of_reach[i]));
	}
}

static void
work_export(struct pr_job *job, void *worker)
{
	(void)worker;
	struct export_job *j = PR_CONTAINER(job, struct export_job, job);
	char now[PR_RFC3339_SIZE];
	pr_buf_adds(&j->out, "{\"address\":");
	pr_buf_add_json(&j->out, pr_str_n(j->who.address, j->who.n));
	json_text(&j->out, "exported", pr_str(pr_format_rfc3339(pr_utc_ms(), now)));
	int r = export_audience(j);
	pr_buf_adds(&j->out, ",\"campaigns\":[");
	if (r == 0)
		r = export_campaigns(j, "active");
	if (r == 0)
		r = export_campaigns(j, "done");
	if (r == 0)
		r = export_events(j);
	export_webhooks(j);
	pr_buf_adds(&j->out, "],\"files\":[");
	if (r == 0)
		pr_privacy_each_file(j->config, &j->trace, add_file, j);
	pr_buf_adds(&j->out, "],\"not_looked_at\":[");
	add_out_of_reach(&j->out);
	pr_buf_adds(&j->out, "]}");
	j->result = r;
}

static void
export_done(struct pr_job *job)
{
	struct export_job *j = PR_CONTAINER(job, struct export_job, job);
	if (j->result < 0)
		request_fail_code(j->request, j->result, j->error.text);
	else
		request_json(j->request, &j->out);
	request_done(j->request);
	reading_free(j->reading);
	for (size_t i = 0; i < j->hooks_n; i++)
		free(j->hooks[i].url);
	free(j->hooks);
	pr_map_finish(&j->rows);
	pr_buf_finish(&j->out);
	free(j->audience);
	free(j);
}

static void
note_webhook(void *context, const struct pr_webhook_view *v)
{
	struct export_job *j = context;
	j->hooks = pr_realloc(j->hooks, (j->hooks_n + 1) * sizeof *j->hooks);
	uint64_t end = j->reading->limit;
	j->hooks[j->hooks_n++] = (struct pending){.url = pr_strndup(v->url.p, v->url.n),
	                                          .from = end > v->backlog ? end - v->backlog : 0};
}

/* False: it was answered. */
static bool
read_person(struct request *q, const char *address, struct pr_mailbox *out)
{
	const char *why;
	if (address && pr_mailbox_parse(pr_str(address), out, &why) == 0)
		return true;
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "address: %s",
	             address ? why : "say whose");
	return false;
}

void
get_export(struct request *q)
{
	struct pr_mailbox who;
	struct pr_control *c = q->control;
	if (!is_for_operators(q) || !read_person(q, request_argument(q, "address"), &who))
		return;
	struct export_job *j = pr_calloc(1, sizeof *j);
	j->request = q;
	j->config = c->options.config;
	j->audience = pr_strdup(pr_audience_desk_path(c->options.audience));
	j->who = who;
	pr_mailbox_trace(&who, &j->trace);
	j->reading = reading_create(q, 0, false, 0);
	pr_webhooks_each(c->options.webhooks, note_webhook, j);
	j->job.work = work_export;
	j->job.done = export_done;
	request_wait(q);
	pr_lane_submit(c->reports, &j->job);
}

/* ---- forgetting ---- */

struct forget_request {
	struct pr_forget_order order;
	struct request *request;
	char by[64];
};

/* Sentences, one a line. */
static void
add_lines(struct pr_buf *b, const char *key, struct pr_str lines)
{
	pr_buf_addf(b, ",\"%s\":[", key);
	while (lines.n) {
		const char *end = memchr(lines.p, '\n', lines.n);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;
		begin_item(b);
		pr_buf_add_json(b, pr_str_n(lines.p, n));
		n += end != NULL;
		lines = pr_str_n(lines.p + n, lines.n - n);
	}
	pr_buf_addc(b, ']');
}

static void
on_forgotten(struct pr_forget_order *o, int result, const char *text)
{
	struct forget_request *f = PR_CONTAINER(o, struct forget_request, order);
	struct pr_buf b = {0};
	if (result < 0)
		request_fail_code(f->request, result, text);
	else {
		pr_buf_addf(&b, "{\"ok\":true,\"rows\":%llu,\"campaigns\":%llu",
		            (unsigned long long)o->rows, (unsigned long long)o->campaigns);
		add_lines(&b, "did", o->did);
		add_lines(&b, "left", o->left);
		pr_buf_adds(&b, ",\"out_of_reach\":[");
		add_out_of_reach(&b);
		pr_buf_adds(&b, "]}");
		request_json(f->request, &b);
	}
	request_done(f->request);
	free(f);
}

void
post_forget(struct request *q)
{
	static const char *const keys[] = {"address", NULL};
	json_t *body;
	struct pr_mailbox who;
	if (!is_for_operators(q) || !request_body(q, keys, &body))
		return;
	bool good = read_person(q, json_string_value(json_object_get(body, "address")), &who);
	json_decref(body);
	if (!good)
		return;
	struct forget_request *f = pr_calloc(1, sizeof *f);
	f->request = q;
	snprintf(f->by, sizeof f->by, "%s", q->peer.name);
	f->order = (struct pr_forget_order){
	    .who = who, .by = f->by, .uid = q->peer.uid, .done = on_forgotten};
	request_wait(q);
	pr_privacy_forget(q->control->options.privacy, &f->order);
}
