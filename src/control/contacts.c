/*
 * The people known: putting and deleting. Bodies are read on the reader lane, for they hold
 * thousands of rows, and go to the desk in slices; what is answered is durable. For operators.
 */
#include "contacts.h"

#include <stdio.h>
#include <stdlib.h>

bool
contacts_allowed(struct request *q)
{
	return must_operate(q, "only operators see and change contacts");
}

static void
contacts_free(struct contacts_request *s)
{
	json_decref(s->body);
	pr_buf_finish(&s->text);
	pr_arena_finish(&s->arena);
	free(s);
}

static void
answer(struct contacts_request *s, int result, const struct pr_error *e, struct pr_buf *good)
{
	if (result < 0)
		request_fail_code(s->request, result, e->text);
	else
		request_json(s->request, good);
	request_done(s->request);
	contacts_free(s);
}

static struct contacts_request *
contacts_create(struct request *q, const char *verb)
{
	struct contacts_request *s = pr_calloc(1, sizeof *s);
	s->request = q;
	pr_arena_init(&s->arena);
	snprintf(s->by, sizeof s->by, "%s", q->peer.name);
	snprintf(s->source, sizeof s->source, "by %s", s->by);
	s->audit = (struct pr_audit){.uid = q->peer.uid,
	                             .by = pr_str(s->by),
	                             .verb = pr_str(verb),
	                             .address = PR_STR(""),
	                             .scope = PR_STR(""),
	                             .reason = PR_STR("")};
	return s;
}

static int
write_audit(struct contacts_request *s, pr_audience *a, uint64_t n)
{
	s->audit.at_ms = pr_utc_ms();
	s->audit.source = pr_str(s->source);
	s->audit.n = n;
	return pr_audience_audit(a, &s->audit, &s->work.error);
}

/* ---- putting ---- */

void
add_forgotten(struct pr_buf *b, const bool *forgotten, size_t n)
{
	unsigned told = 0;
	pr_buf_adds(b, ",\"forgotten\":[");
	for (size_t i = 0; i < n; i++)
		if (forgotten[i])
			pr_buf_addf(b, "%s%zu", told++ ? "," : "", i + 1);
	pr_buf_addc(b, ']');
}

static int
put_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct contacts_request *s = PR_CONTAINER(w, struct contacts_request, work);
	int r = pr_contacts_put(a, &s->batch, end_mono_ms, &w->error);
	if (r < 0 || s->batch.at < s->batch.n)
		return r < 0 ? r : 1;
	return write_audit(s, a, s->batch.added + s->batch.kept);
}

static void
put_done(struct pr_audience_work *w, int result)
{
	struct contacts_request *s = PR_CONTAINER(w, struct contacts_request, work);
	struct pr_buf b = {0};
	pr_buf_addf(&b, "{\"ok\":true,\"added\":%llu,\"updated\":%llu",
	            (unsigned long long)s->batch.added, (unsigned long long)s->batch.kept);
	add_forgotten(&b, s->batch.forgotten, s->batch.n);
	pr_buf_addc(&b, '}');
	answer(s, result, &w->error, &b);
	pr_buf_finish(&b);
}

static void
read_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct contacts_request *s = PR_CONTAINER(job, struct contacts_request, job);
	s->result = contacts_read(s);
}

static void
read_done(struct pr_job *job)
{
	struct contacts_request *s = PR_CONTAINER(job, struct contacts_request, job);
	if (s->result < 0) {
		answer(s, s->result, &s->error, NULL);
		return;
	}
	if (s->batch.n == 1)
		s->audit.address = s->batch.contacts->address;
	s->work.step = put_step;
	s->work.done = put_done;
	pr_audience_desk_work(s->request->control->options.audience, &s->work);
}

void
post_contacts(struct request *q)
{
	if (!contacts_allowed(q))
		return;
	struct contacts_request *s = contacts_create(q, "contacts put");
	s->text = q->body;
	q->body = (struct pr_buf){0};
	s->job.work = read_work;
	s->job.done = read_done;
	request_wait(q);
	pr_lane_submit(q->control->readers, &s->job);
}

/* ---- deleting ---- */

static int
delete_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	(void)end_mono_ms;
	struct contacts_request *s = PR_CONTAINER(w, struct contacts_request, work);
	int r = pr_contact_delete(a, s->address, &s->found, &w->error);
	if (r == 0 && !s->found)
		return pr_fail(&w->error, PR_ENOENT, "there is no such contact");
	return r < 0 ? r : write_audit(s, a, 1);
}

static void
delete_done(struct pr_audience_work *w, int result)
{
	struct contacts_request *s = PR_CONTAINER(w, struct contacts_request, work);
	struct pr_buf b = {0};
	pr_buf_adds(&b, "{\"ok\":true}");
	answer(s, result, &w->error, &b);
	pr_buf_finish(&b);
}

void
post_contact_delete(struct request *q)
{
	static const char *const keys[] = {"address", NULL};
	struct pr_contact c = {0};
	json_t *body;
	if (!contacts_allowed(q) || !request_body(q, keys, &body))
		return;
	struct contacts_request *s = contacts_create(q, "contacts delete");
	struct pr_contact_reader reader = {.arena = &s->arena, .why = "say which address"};
	const char *address = json_string_value(json_object_get(body, "address"));
	s->body = body;
	if (!address || pr_contact_say(&reader, PR_CONTACT_EMAIL, pr_str(address), &c) < 0) {
		request_fail_code(q, PR_EINVAL, reader.why);
		contacts_free(s);
		return;
	}
	s->address = s->audit.address = c.address;
	s->work.step = delete_step;
	s->work.done = delete_done;
	request_wait(q);
	pr_audience_desk_work(q->control->options.audience, &s->work);
}
