/*
 * Whom mail may not go to: looking, adding, removing, importing.
 *
 * Changes go to the desk and are answered when they are durable and the last check before MAIL
 * knows of them. Pages are read on the reader lane, with a connection of their own.
 */
#include "suppress.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- changes ---- */

static void
suppress_free(struct suppress_request *s)
{
	json_decref(s->body);
	pr_buf_finish(&s->text);
	pr_arena_finish(&s->arena);
	free(s);
}

static void
answer_order(struct suppress_request *s, int result)
{
	struct pr_buf b = {0};
	const struct pr_audience_order *o = &s->order;
	if (result < 0)
		request_fail_code(s->request, result, o->error.text);
	else if (o->verb == PR_AUDIENCE_REMOVE && o->changed == 0)
		request_fail(s->request, MHD_HTTP_NOT_FOUND, "not_found",
		             "there is no such suppression");
	else if (!s->request->peer.is_operator) { /* nor learns who was there already */
		pr_buf_adds(&b, "{\"ok\":true}");
		request_json(s->request, &b);
	} else {
		pr_buf_addf(&b, "{\"ok\":true,\"changed\":%zu,\"already\":%zu,\"generation\":%llu}",
		            o->changed, o->verb == PR_AUDIENCE_REMOVE ? 0 : o->n - o->changed,
		            (unsigned long long)o->generation);
		request_json(s->request, &b);
	}
}

static void
on_order_done(struct pr_audience_order *o, int result)
{
	struct suppress_request *s = PR_CONTAINER(o, struct suppress_request, order);
	answer_order(s, result);
	request_done(s->request);
	suppress_free(s);
}

static struct suppress_request *
suppress_create(struct request *q, enum pr_audience_verb verb)
{
	struct suppress_request *s = pr_calloc(1, sizeof *s);
	s->request = q;
	pr_arena_init(&s->arena);
	snprintf(s->by, sizeof s->by, "%s", q->peer.name);
	snprintf(s->source, sizeof s->source, "by %s", s->by);
	s->order.verb = verb;
	s->order.uid = q->peer.uid;
	s->order.by = s->by;
	s->order.source = pr_str(s->source);
	s->order.done = on_order_done;
	return s;
}

static void
suppress_start(struct suppress_request *s)
{
	request_wait(s->request);
	pr_audience_desk_order(s->request->control->options.audience, &s->order);
}

/* It takes what others have written of somebody out of the store. */
static int
refuse_forgetting(struct suppress_request *s)
{
	if (s->order.entries->reason != PR_SUPPRESSION_FORGOTTEN)
		return 0;
	return pr_fail(&s->order.error, PR_EDENIED, "only operators may forget somebody");
}

static void
order_one(struct request *q, enum pr_audience_verb verb, const char *const *keys)
{
	json_t *body;
	if (!request_body(q, keys, &body))
		return;
	struct suppress_request *s = suppress_create(q, verb);
	s->body = body;
	int r = suppress_read(s, verb == PR_AUDIENCE_REMOVE);
	if (r == 0 && !q->peer.is_operator)
		r = refuse_forgetting(s);
	if (r == 0) {
		suppress_start(s);
		return;
	}
	request_fail_code(q, r, s->order.error.text);
	suppress_free(s);
}

bool
is_for_operators(struct request *q)
{
	return must_operate(q, "only operators may do this; others may add an address");
}

void
post_suppression(struct request *q)
{
	static const char *const keys[] = {"address", "list",  "class",  "reason",
	                                   "note",    "until", "source", NULL};
	if (q->peer.known)
		order_one(q, PR_AUDIENCE_ADD, keys);
	else
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "only by the Unix socket");
}

void
post_suppression_remove(struct request *q)
{
	static const char *const keys[] = {"address", "list", "class", NULL};
	if (is_for_operators(q))
		order_one(q, PR_AUDIENCE_REMOVE, keys);
}

/* Thousands of rows: the body is read on the desk's lane. */
void
post_suppression_import(struct request *q)
{
	if (!is_for_operators(q))
		return;
	struct suppress_request *s = suppress_create(q, PR_AUDIENCE_IMPORT);
	s->text = q->body;
	q->body = (struct pr_buf){0};
	s->order.prepare = suppress_read_import;
	suppress_start(s);
}

/* ---- pages ---- */

struct page_job {
	struct pr_job job;
	struct request *request;
	char *path;
	char address[400], scope[PR_SCOPE_SIZE], match[400];
	bool audit;
	unsigned limit, n;
	int64_t now_ms;
	struct pr_buf out;
	int result;
	struct pr_error error;
};

static void
add_at(struct pr_buf *b, int64_t at_ms)
{
	char at[PR_RFC3339_SIZE];
	pr_buf_addf(b, "{\"at\":\"%s\"", pr_format_rfc3339(at_ms, at));
}

void
suppression_json(struct pr_buf *b, const struct pr_suppression *s, int64_t now_ms)
{
	char until[PR_RFC3339_SIZE];
	add_at(b, s->at_ms);
	json_text(b, "address", s->address);
	json_text(b, "scope", s->scope);
	json_text(b, "reason", pr_str(pr_suppression_word(s->reason)));
	json_text(b, "note", s->note);
	json_text(b, "source", s->source);
	if (s->until_ms)
		json_text(b, "until", pr_str(pr_format_rfc3339(s->until_ms, until)));
	if (s->until_ms && s->until_ms <= now_ms)
		pr_buf_adds(b, ",\"ended\":true");
	pr_buf_addc(b, '}');
}

static bool
add_suppression(void *context, const struct pr_suppression *s)
{
	struct page_job *j = context;
	if (j->n++)
		pr_buf_addc(&j->out, ',');
	suppression_json(&j->out, s, j->now_ms);
	snprintf(j->address, sizeof j->address, "%.*s", (int)s->address.n, s->address.p);
	snprintf(j->scope, sizeof j->scope, "%.*s", (int)s->scope.n, s->scope.p);
	return true;
}

void
audit_json(struct pr_buf *b, const struct pr_audit *line)
{
	add_at(b, line->at_ms);
	pr_buf_addf(b, ",\"uid\":%u,\"n\":%llu", line->uid, (unsigned long long)line->n);
	json_text(b, "by", line->by);
	json_text(b, "verb", line->verb);
	json_text(b, "address", line->address);
	json_text(b, "scope", line->scope);
	json_text(b, "reason", line->reason);
	json_text(b, "source", line->source);
	pr_buf_addc(b, '}');
}

static bool
add_audit(void *context, const struct pr_audit *line)
{
	struct page_job *j = context;
	if (j->n++)
		pr_buf_addc(&j->out, ',');
	audit_json(&j->out, line);
	return true;
}

static int
read_page(struct page_job *j, pr_audience *a)
{
	struct pr_audience_counts total;
	pr_buf_adds(&j->out, "{\"suppressions\":[");
	int r = pr_audience_page(a, pr_str(j->address), pr_str(j->scope), pr_str(j->match),
	                         j->limit, add_suppression, j, &j->error);
	if (r == 0)
		r = pr_audience_counts(a, &total, &j->error);
	if (r < 0)
		return r;
	pr_buf_addf(&j->out, "],\"total\":%llu,\"generation\":%llu,\"next\":",
	            (unsigned long long)total.entries, (unsigned long long)total.generation);
	if (j->n == j->limit) {
		struct pr_buf next = {0};
		pr_buf_addf(&next, "%s %s", j->address, j->scope);
		pr_buf_add_json(&j->out, pr_buf_str(&next));
		pr_buf_finish(&next);
	} else
		pr_buf_adds(&j->out, "null");
	pr_buf_addc(&j->out, '}');
	return 0;
}

static void
work_page(struct pr_job *job, void *worker)
{
	(void)worker;
	struct page_job *j = PR_CONTAINER(job, struct page_job, job);
	pr_audience *a;
	j->result = pr_audience_open(j->path, PR_AUDIENCE_READ, &a, &j->error);
	if (j->result < 0)
		return;
	if (j->audit) {
		pr_buf_adds(&j->out, "{\"audit\":[");
		j->result =
		    pr_audience_audits(a, (struct pr_str){0}, j->limit, add_audit, j, &j->error);
		pr_buf_adds(&j->out, "]}");
	} else
		j->result = read_page(j, a);
	pr_audience_close(a);
}

static void
page_done(struct pr_job *job)
{
	struct page_job *j = PR_CONTAINER(job, struct page_job, job);
	if (j->result < 0)
		request_fail_code(j->request, j->result, j->error.text);
	else
		request_json(j->request, &j->out);
	request_done(j->request);
	pr_buf_finish(&j->out);
	free(j->path);
	free(j);
}

static void
page_start(struct request *q, bool audit)
{
	uint64_t limit = PAGE_DEFAULT;
	const char *after = request_argument(q, "after"), *match = request_argument(q, "match");
	if (!is_for_operators(q) || !read_number(q, "limit", 1, PAGE_MAX, &limit))
		return;
	struct page_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_page;
	j->job.done = page_done;
	j->request = q;
	j->path = pr_strdup(pr_audience_desk_path(q->control->options.audience));
	j->audit = audit;
	j->limit = (unsigned)limit;
	j->now_ms = pr_utc_ms();
	snprintf(j->match, sizeof j->match, "%s", match ? match : "");
	if (after) { /* "ADDRESS SCOPE", as `next` said */
		size_t n = strcspn(after, " ");
		snprintf(j->address, sizeof j->address, "%.*s", (int)(n < 399 ? n : 399), after);
		snprintf(j->scope, sizeof j->scope, "%.*s", PR_SCOPE_SIZE - 1,
		         after[n] ? after + n + 1 : "");
	}
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}

void
get_suppressions(struct request *q)
{
	page_start(q, false);
}

void
get_suppression_audit(struct request *q)
{
	page_start(q, true);
}
