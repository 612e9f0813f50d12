/*
 * What customers did: {"source", "rows": [[email, event, time, amount, currency, item, id], ...]},
 * null for what is not known. Read on the reader lane, put and credited by the desk of conversions;
 * what is answered is durable. A row that is wrong refuses all of them. For operators.
 */
#include "contacts.h"

#include "postrider/audience/track.h"
#include "postrider/conversions.h"

#include <stdio.h>
#include <stdlib.h>

enum { EMAIL, EVENT, TIME, AMOUNT, CURRENCY, ITEM, ID, FIELDS };

struct track_request {
	struct pr_order order;
	struct pr_job job; /* reads the body */
	struct request *request;
	char by[64], source[96];
	struct pr_buf text; /* the body as it came */
	struct pr_arena arena;
	int result;
	struct pr_error error;
};

/* ---- reading ---- */

static struct pr_str
text_of(struct track_request *s, const json_t *row, size_t at)
{
	const json_t *v = json_array_get(row, at);
	char room[40];
	if (json_is_string(v))
		return pr_arena_copy(&s->arena,
		                     pr_str_n(json_string_value(v), json_string_length(v)));
	if (!json_is_number(v))
		return PR_STR("");
	snprintf(room, sizeof room, "%.15g", json_number_value(v));
	return pr_arena_copy(&s->arena, pr_str(room));
}

static const char *
read_amount(struct pr_str text, struct pr_customer_event *out)
{
	char room[PR_ATTRIBUTE_ROOM];
	bool good = text.n == 0 || pr_attribute_read(PR_ATTRIBUTE_NUMBER, text, room, &out->amount);
	return good ? NULL : "the amount is no number";
}

static const char *
read_event(struct track_request *s, const json_t *row, struct pr_customer_event *out)
{
	struct pr_contact c = {0};
	struct pr_contact_reader reader = {.arena = &s->arena};
	*out = (struct pr_customer_event){.name = text_of(s, row, EVENT),
	                                  .currency = text_of(s, row, CURRENCY),
	                                  .item = text_of(s, row, ITEM),
	                                  .id = text_of(s, row, ID)};
	if (!json_is_array(row) || json_array_size(row) > FIELDS)
		return "say [email, event, time, amount, currency, item, id]";
	if (pr_contact_say(&reader, PR_CONTACT_EMAIL, text_of(s, row, EMAIL), &c) < 0)
		return reader.why;
	out->address = c.address;
	if (!pr_list_name_is_good(out->name))
		return "the event's name is 1 to 64 letters, digits, '-', '_' or '.'";
	if (!pr_parse_rfc3339(text_of(s, row, TIME), &out->at_ms))
		return "the time must read 2027-01-31 or 2027-01-31T18:00:00Z";
	if (out->item.n > PR_EVENT_ITEM_MAX || out->id.n > PR_EVENT_ITEM_MAX ||
	    out->currency.n > PR_EVENT_ITEM_MAX)
		return "an item, id or currency is longer than 200 octets";
	return read_amount(text_of(s, row, AMOUNT), out);
}

static int
read_rows(struct track_request *s, const json_t *rows)
{
	size_t n = json_array_size(rows);
	struct pr_customer_event *all = pr_arena_zero(&s->arena, (n + 1) * sizeof *all);
	if (!json_is_array(rows))
		return pr_fail(&s->error, PR_EINVAL, "rows: say {\"rows\": [[values], ...]}");
	for (size_t i = 0; i < n; i++) {
		const char *why = read_event(s, json_array_get(rows, i), &all[i]);
		if (why)
			return pr_fail(&s->error, PR_EINVAL, "row %zu: %s", i + 1, why);
	}
	s->order.events = all;
	s->order.n = n;
	return 0;
}

static void
read_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct track_request *s = PR_CONTAINER(job, struct track_request, job);
	struct pr_str text = pr_buf_str(&s->text);
	json_t *body = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	const char *source = json_string_value(json_object_get(body, "source"));
	if (source)
		snprintf(s->source, sizeof s->source, "%s", source);
	s->result = read_rows(s, json_object_get(body, "rows"));
	json_decref(body);
	pr_buf_finish(&s->text);
}

/* ---- putting ---- */

static void
finish(struct track_request *s, int result, const struct pr_error *e)
{
	struct pr_buf b = {0};
	const struct pr_order *o = &s->order;
	if (result < 0)
		request_fail_code(s->request, result, e->text);
	else {
		pr_buf_addf(&b,
		            "{\"ok\":true,\"added\":%llu,\"there\":%llu,\"contacts\":%llu,"
		            "\"credited\":%llu",
		            (unsigned long long)o->added, (unsigned long long)o->there,
		            (unsigned long long)o->made, (unsigned long long)o->told);
		add_forgotten(&b, o->forgotten, o->n);
		pr_buf_addc(&b, '}');
		request_json(s->request, &b);
	}
	request_done(s->request);
	pr_arena_finish(&s->arena);
	free(s);
}

static void
order_done(struct pr_order *o, int result, const struct pr_error *e)
{
	finish(PR_CONTAINER(o, struct track_request, order), result, e);
}

static void
read_done(struct pr_job *job)
{
	struct track_request *s = PR_CONTAINER(job, struct track_request, job);
	s->order.source = s->source; /* as the body says it, by now */
	if (s->result < 0)
		finish(s, s->result, &s->error);
	else
		pr_conversions_order(s->request->control->options.conversions, &s->order);
}

void
post_track(struct request *q)
{
	if (!contacts_allowed(q))
		return;
	struct track_request *s = pr_calloc(1, sizeof *s);
	s->request = q;
	pr_arena_init(&s->arena);
	snprintf(s->by, sizeof s->by, "%s", q->peer.name);
	snprintf(s->source, sizeof s->source, "by %s", s->by);
	s->order.uid = q->peer.uid;
	s->order.by = s->by;
	s->order.done = order_done;
	s->text = q->body;
	q->body = (struct pr_buf){0};
	s->job.work = read_work;
	s->job.done = read_done;
	request_wait(q);
	pr_lane_submit(q->control->readers, &s->job);
}
