/*
 * Segments: counted, sampled, explained. {"segment": a name of postrider.yaml or a condition,
 * "limit"}. On the reader lane, with a connection of one's own, and not for long. For operators.
 */
#include "contacts.h"

#include "postrider/audience/segment.h"

#include <stdio.h>
#include <stdlib.h>

#define LIMIT_MS 15000
#define SAMPLE_DEFAULT 10
#define SAMPLE_MAX 1000

struct segment_job {
	struct pr_job job;
	struct request *request;
	int (*look)(struct segment_job *j, pr_audience *a);
	char *path, *condition;
	size_t limit;
	char **sample;
	uint64_t seen;
	struct pr_buf out;
	int result;
	struct pr_error error;
};

static struct pr_segment_ask
ask_of(const struct segment_job *j)
{
	return (struct pr_segment_ask){pr_str(j->condition), pr_utc_ms(), LIMIT_MS};
}

/* {"condition","count": they are begun. */
static int
begin_count(struct segment_job *j, pr_audience *a)
{
	struct pr_segment_ask ask = ask_of(j);
	uint64_t n = 0;
	int r = pr_segment_count(a, &ask, &n, &j->error);
	pr_buf_adds(&j->out, "{\"condition\":");
	pr_buf_add_json(&j->out, ask.condition);
	pr_buf_addf(&j->out, ",\"count\":%llu", (unsigned long long)n);
	return r;
}

static int
look_count(struct segment_job *j, pr_audience *a)
{
	int r = begin_count(j, a);
	pr_buf_addc(&j->out, '}');
	return r;
}

/* ---- explaining ---- */

struct unknown {
	struct pr_buf *out;
	unsigned n;
};

static bool
add_unknown(void *context, const char *kind, struct pr_str name)
{
	struct unknown *u = context;
	pr_buf_addf(u->out, "%s{\"kind\":\"%s\",\"name\":", u->n++ ? "," : "", kind);
	pr_buf_add_json(u->out, name);
	pr_buf_addc(u->out, '}');
	return true;
}

static int
look_explain(struct segment_job *j, pr_audience *a)
{
	struct unknown u = {.out = &j->out};
	uint64_t total = 0;
	int r = begin_count(j, a);
	if (r == 0)
		r = pr_contact_count(a, &total, &j->error);
	pr_buf_addf(&j->out, ",\"total\":%llu,\"unknown\":[", (unsigned long long)total);
	if (r == 0)
		r = pr_segment_unknown(a, pr_str(j->condition), add_unknown, &u, &j->error);
	pr_buf_adds(&j->out, "]}");
	return r;
}

/* ---- a sample: each is in it with the same probability (reservoir, algorithm R) ---- */

static bool
take(void *context, int64_t id, struct pr_str address)
{
	struct segment_job *j = context;
	uint64_t at = j->seen, draw;
	(void)id;
	if (j->seen++ >= j->limit) {
		pr_random(&draw, sizeof draw);
		at = draw % j->seen;
	}
	if (at < j->limit) {
		free(j->sample[at]);
		j->sample[at] = pr_strndup(address.p, address.n);
	}
	return true;
}

static int
look_sample(struct segment_job *j, pr_audience *a)
{
	struct pr_segment_ask ask = ask_of(j);
	j->sample = pr_calloc(j->limit, sizeof *j->sample);
	int r = pr_segment_each(a, &ask, 0, INT64_MAX, take, j, &j->error);
	pr_buf_addf(&j->out, "{\"count\":%llu,\"sample\":[", (unsigned long long)j->seen);
	for (size_t i = 0; i < j->limit && j->sample[i]; i++) {
		if (i)
			pr_buf_addc(&j->out, ',');
		pr_buf_add_json(&j->out, pr_str(j->sample[i]));
	}
	pr_buf_adds(&j->out, "]}");
	return r;
}

/* ---- the job ---- */

static void
work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct segment_job *j = PR_CONTAINER(job, struct segment_job, job);
	pr_audience *a = NULL;
	j->result = pr_audience_open(j->path, PR_AUDIENCE_READ, &a, &j->error);
	if (j->result == 0)
		j->result = j->look(j, a);
	pr_audience_close(a);
}

static void
done(struct pr_job *job)
{
	struct segment_job *j = PR_CONTAINER(job, struct segment_job, job);
	if (j->result < 0)
		request_fail_code(j->request, j->result, j->error.text);
	else
		request_json(j->request, &j->out);
	request_done(j->request);
	for (size_t i = 0; j->sample && i < j->limit; i++)
		free(j->sample[i]);
	free(j->sample);
	pr_buf_finish(&j->out);
	free(j->path);
	free(j->condition);
	free(j);
}

static void
start(struct request *q, int (*look)(struct segment_job *, pr_audience *))
{
	static const char *const keys[] = {"segment", "limit", NULL};
	json_t *body;
	if (!contacts_allowed(q) || !request_body(q, keys, &body))
		return;
	const char *said = json_string_value(json_object_get(body, "segment"));
	const json_t *limit = json_object_get(body, "limit");
	json_int_t n = limit ? json_integer_value(limit) : SAMPLE_DEFAULT;
	if (!said || n < 1 || n > SAMPLE_MAX) {
		request_fail_code(q, PR_EINVAL,
		                  "say {\"segment\": a name or a condition}, and a limit from 1 to "
		                  "1000");
		json_decref(body);
		return;
	}
	struct segment_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work;
	j->job.done = done;
	j->request = q;
	j->look = look;
	j->limit = (size_t)n;
	j->path = pr_strdup(pr_audience_desk_path(q->control->options.audience));
	j->condition = pr_strdup(pr_config_segment(q->control->options.config, pr_str(said)).p);
	json_decref(body);
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}

void
post_segment_count(struct request *q)
{
	start(q, look_count);
}

void
post_segment_explain(struct request *q)
{
	start(q, look_explain);
}

void
post_segment_sample(struct request *q)
{
	start(q, look_sample);
}
