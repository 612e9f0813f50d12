/* The people known: pages of them, one, what is known of them all. Read on the reader lane, with a
 * connection of one's own. For operators. */
#include "contacts.h"

#include "postrider/audience/engaged.h"
#include "postrider/audience/segment.h"
#include "postrider/audience/track.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENTS_SHOWN 100u /* of one contact, the latest */

struct look_job {
	struct pr_job job;
	struct request *request;
	int (*look)(struct look_job *j, pr_audience *a);
	char *path, *condition; /* of a segment; NULL: of none */
	char address[400], list[PR_AUDIENCE_LIST_MAX + 2];
	unsigned limit, n;
	pr_audience *a; /* while it is looked at */
	struct pr_buf out;
	int result;
	struct pr_error error;
};

/* ---- one contact ---- */

static void
comma(struct pr_buf *b)
{
	if (b->data[b->len - 1] != '[' && b->data[b->len - 1] != '{')
		pr_buf_addc(b, ',');
}

static void
add_time(struct pr_buf *b, const char *key, int64_t at_ms)
{
	char at[PR_RFC3339_SIZE];
	json_text(b, key, pr_str(pr_format_rfc3339(at_ms, at)));
}

static bool
add_list(void *context, struct pr_str name)
{
	comma(context);
	pr_buf_add_json(context, name);
	return true;
}

static bool
add_consent(void *context, const struct pr_contact_consent *c)
{
	struct pr_buf *b = context;
	comma(b);
	pr_buf_adds(b, "{\"purpose\":");
	pr_buf_add_json(b, c->purpose);
	json_text(b, "text", c->text);
	json_text(b, "source", c->source);
	add_time(b, "at", c->at_ms);
	if (c->until_ms)
		add_time(b, "until", c->until_ms);
	pr_buf_addc(b, '}');
	return true;
}

static void
add_value(struct pr_buf *b, const struct pr_attribute *attribute, struct pr_str value)
{
	comma(b);
	pr_buf_addf(b, "\"%s\":", attribute->name);
	if (attribute->type == PR_ATTRIBUTE_NUMBER)
		pr_buf_add_str(b, value);
	else if (attribute->type == PR_ATTRIBUTE_BOOLEAN)
		pr_buf_adds(b, pr_str_is(value, "1") ? "true" : "false");
	else
		pr_buf_add_json(b, value);
}

static bool
add_left(void *context, const struct pr_left *l)
{
	struct pr_buf *b = context;
	comma(b);
	pr_buf_adds(b, "{\"list\":");
	pr_buf_add_json(b, l->list);
	add_time(b, "at", l->at_ms);
	json_text(b, "source", l->source);
	pr_buf_addc(b, '}');
	return true;
}

static bool
add_contact(void *context, const struct pr_contact_view *v)
{
	struct look_job *j = context;
	struct pr_buf *b = &j->out;
	if (j->n++)
		pr_buf_addc(b, ',');
	pr_buf_adds(b, "{\"email\":");
	pr_buf_add_json(b, v->address);
	if (v->timezone.n)
		json_text(b, "timezone", v->timezone);
	if (v->language.n)
		json_text(b, "language", v->language);
	add_time(b, "created", v->created_ms);
	add_time(b, "updated", v->updated_ms);
	pr_buf_adds(b, ",\"lists\":[");
	j->result = pr_contact_lists_of(j->a, v->id, add_list, b, &j->error);
	pr_buf_adds(b, "],\"consents\":[");
	if (j->result == 0)
		j->result = pr_contact_consents_of(j->a, v->id, add_consent, b, &j->error);
	pr_buf_adds(b, "],\"left\":[");
	if (j->result == 0)
		j->result = pr_contact_left(j->a, v->id, add_left, b, &j->error);
	pr_buf_adds(b, "],\"attributes\":{");
	for (size_t i = 0; i < v->n; i++)
		if (v->values[i].p)
			add_value(b, &v->attributes[i], v->values[i]);
	pr_buf_adds(b, "}}");
	snprintf(j->address, sizeof j->address, "%.*s", (int)v->address.n, v->address.p);
	return j->result == 0;
}

/* ---- what is looked at ---- */

#define SEGMENT_MS 15000 /* a page */

/* Its pages go on behind a contact's number, not behind an address. */
static int
look_segment(struct look_job *j, pr_audience *a)
{
	struct pr_segment_ask ask = {pr_str(j->condition), pr_utc_ms(), SEGMENT_MS};
	uint64_t behind = 0;
	if (j->address[0] && (!pr_str_u64(pr_str(j->address), &behind) || behind > INT64_MAX))
		return pr_fail(&j->error, PR_EINVAL, "after: say what `next` said");
	int64_t after = (int64_t)behind;
	pr_buf_adds(&j->out, "{\"contacts\":[");
	int r = pr_contacts_of_segment(a, &ask, pr_str(j->list), &after, j->limit, add_contact, j,
	                               &j->error);
	if (r < 0 || j->result < 0)
		return r < 0 ? r : j->result;
	if (after)
		pr_buf_addf(&j->out, "],\"next\":\"%lld\"}", (long long)after);
	else
		pr_buf_adds(&j->out, "],\"next\":null}");
	return 0;
}

static int
look_page(struct look_job *j, pr_audience *a)
{
	pr_buf_adds(&j->out, "{\"contacts\":[");
	int r = pr_contacts_page(a, pr_str(j->address), pr_str(j->list), j->limit, add_contact, j,
	                         &j->error);
	if (r < 0 || j->result < 0)
		return r < 0 ? r : j->result;
	pr_buf_adds(&j->out, "],\"next\":");
	if (j->n == j->limit)
		pr_buf_add_json(&j->out, pr_str(j->address));
	else
		pr_buf_adds(&j->out, "null");
	pr_buf_addc(&j->out, '}');
	return 0;
}

static bool
add_event(void *context, const struct pr_customer_event *ev)
{
	struct pr_buf *b = context;
	comma(b);
	pr_buf_adds(b, "{\"name\":");
	pr_buf_add_json(b, ev->name);
	add_time(b, "at", ev->at_ms);
	if (ev->item.n)
		json_text(b, "item", ev->item);
	if (ev->id.n)
		json_text(b, "id", ev->id);
	if (ev->amount.n)
		json_text(b, "amount", ev->amount);
	if (ev->currency.n)
		json_text(b, "currency", ev->currency);
	pr_buf_addc(b, '}');
	return true;
}

static bool
add_recent(void *context, const struct pr_contact_view *v)
{
	struct look_job *j = context;
	if (!add_contact(j, v))
		return false;
	j->out.len--; /* the brace */
	pr_buf_adds(&j->out, ",\"events\":[");
	j->result = pr_events_latest(j->a, v->id, EVENTS_SHOWN, add_event, &j->out, &j->error);
	pr_buf_adds(&j->out, "]}");
	return false;
}

static int
look_one(struct look_job *j, pr_audience *a)
{
	int r = pr_contact_find(a, pr_str(j->address), add_recent, j, &j->error);
	return r < 0 ? r : j->result;
}

/* ---- all of one person ---- */

static bool
add_person(void *context, const struct pr_contact_view *v)
{
	struct look_job *j = context;
	if (!add_contact(j, v))
		return false;
	pr_buf_adds(&j->out, ",\"customer_events\":[");
	j->result = pr_events_of(j->a, v->id, add_event, &j->out, &j->error);
	pr_buf_addc(&j->out, ']');
	return false;
}

int
contact_export(pr_audience *a, struct pr_str address, struct pr_buf *out, struct pr_error *e)
{
	struct look_job j = {.a = a, .out = *out};
	pr_buf_adds(&j.out, ",\"contact\":");
	size_t before = j.out.len;
	int r = pr_contact_find(a, address, add_person, &j, e);
	if (j.out.len == before)
		pr_buf_adds(&j.out, "null,\"customer_events\":[]");
	*out = j.out;
	if (j.result < 0)
		*e = j.error;
	return r < 0 && r != PR_ENOENT ? r : j.result;
}

static bool
add_list_size(void *context, struct pr_str name, uint64_t contacts)
{
	comma(context);
	pr_buf_adds(context, "{\"name\":");
	pr_buf_add_json(context, name);
	pr_buf_addf(context, ",\"contacts\":%llu}", (unsigned long long)contacts);
	return true;
}

static int
look_attributes(struct look_job *j, pr_audience *a)
{
	struct pr_attribute *all = NULL;
	uint64_t total = 0;
	size_t n = 0;
	int r = pr_contact_count(a, &total, &j->error);
	if (r == 0)
		r = pr_contact_attributes(a, &all, &n, &j->error);
	pr_buf_addf(&j->out, "{\"total\":%llu,\"attributes\":[", (unsigned long long)total);
	for (size_t i = 0; r == 0 && i < n; i++)
		pr_buf_addf(&j->out, "%s{\"name\":\"%s\",\"type\":\"%s\"}", i ? "," : "",
		            all[i].name, pr_attribute_word(all[i].type));
	free(all);
	pr_buf_adds(&j->out, "],\"lists\":[");
	if (r == 0)
		r = pr_contact_lists(a, add_list_size, &j->out, &j->error);
	pr_buf_adds(&j->out, "]}");
	return r;
}

/* ---- the job ---- */

static void
look_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct look_job *j = PR_CONTAINER(job, struct look_job, job);
	int r = pr_audience_open(j->path, PR_AUDIENCE_READ, &j->a, &j->error);
	if (r == 0)
		r = j->look(j, j->a);
	j->result = r;
	pr_audience_close(j->a);
}

static void
look_done(struct pr_job *job)
{
	struct look_job *j = PR_CONTAINER(job, struct look_job, job);
	if (j->result < 0)
		request_fail_code(j->request, j->result, j->error.text);
	else
		request_json(j->request, &j->out);
	request_done(j->request);
	pr_buf_finish(&j->out);
	free(j->path);
	free(j->condition);
	free(j);
}

static void
look_start(struct request *q, int (*look)(struct look_job *, pr_audience *), const char *address,
           unsigned limit)
{
	const char *list = request_argument(q, "list"), *segment = request_argument(q, "segment");
	struct look_job *j = pr_calloc(1, sizeof *j);
	j->job.work = look_work;
	j->job.done = look_done;
	j->request = q;
	j->look = look;
	j->path = pr_strdup(pr_audience_desk_path(q->control->options.audience));
	j->limit = limit;
	snprintf(j->address, sizeof j->address, "%s", address ? address : "");
	snprintf(j->list, sizeof j->list, "%s", list ? list : "");
	if (segment && look == look_segment)
		j->condition =
		    pr_strdup(pr_config_segment(q->control->options.config, pr_str(segment)).p);
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}

void
get_contacts(struct request *q)
{
	uint64_t limit = PAGE_DEFAULT;
	if (contacts_allowed(q) && read_number(q, "limit", 1, PAGE_MAX, &limit))
		look_start(q, request_argument(q, "segment") ? look_segment : look_page,
		           request_argument(q, "after"), (unsigned)limit);
}

void
get_contact(struct request *q)
{
	struct pr_arena arena;
	struct pr_contact c = {0};
	const char *address = request_argument(q, "address");
	if (!contacts_allowed(q))
		return;
	pr_arena_init(&arena);
	struct pr_contact_reader reader = {.arena = &arena, .why = "say which address"};
	if (!address || pr_contact_say(&reader, PR_CONTACT_EMAIL, pr_str(address), &c) < 0)
		request_fail_code(q, PR_EINVAL, reader.why);
	else
		look_start(q, look_one, c.address.p, 1);
	pr_arena_finish(&arena);
}

void
get_contact_attributes(struct request *q)
{
	if (contacts_allowed(q))
		look_start(q, look_attributes, NULL, 0);
}
