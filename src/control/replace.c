/*
 * POST /v1/campaigns/ID/replace {"path": DIR}: corrected content for what is unsent. DIR lies
 * below the spool and is the caller's, as for a submission; it is only read.
 *
 * `postrider replace` hands over a copy with a hidden name that nobody else uses: that one is
 * removed before the answer, whatever the answer is.
 */
#include "handing.h"

#include "postrider/base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct replace_request {
	struct pr_verb verb;
	struct pr_job removal;
	struct request *request;
	char id[PR_CAMPAIGN_ID_MAX], by[64];
	struct handing handing;
	struct pr_problems problems;
	bool is_ours; /* the folder: to be removed */
	int result;
	char *text; /* why not */
};

static void
answer_good(struct replace_request *r)
{
	struct pr_buf b = {0};
	pr_buf_addf(&b,
	            "{\"ok\":true,\"version\":%u,\"changed\":%llu,\"warnings\":", r->verb.version,
	            (unsigned long long)r->verb.changed);
	pr_problems_json(&r->problems, &b);
	if (r->problems.warnings) {
		struct pr_buf text = {0};
		pr_problems_text(&r->problems, &text);
		pr_buf_adds(&b, ",\"text\":");
		pr_buf_add_json(&b, pr_buf_str(&text));
		pr_buf_finish(&text);
	}
	pr_buf_addc(&b, '}');
	request_json(r->request, &b);
}

/* `errors` for programs, `text` as errors.txt of a rejected campaign has it. */
static void
answer_errors(struct replace_request *r)
{
	struct pr_buf b = {0}, text = {0};
	pr_problems_text(&r->problems, &text);
	pr_buf_adds(&b, "{\"error\":{\"code\":\"invalid\",\"message\":");
	pr_buf_add_json(&b, pr_str(r->text));
	pr_buf_adds(&b, "},\"errors\":");
	pr_problems_json(&r->problems, &b);
	pr_buf_adds(&b, ",\"text\":");
	pr_buf_add_json(&b, pr_buf_str(&text));
	pr_buf_adds(&b, "}\n");
	pr_buf_finish(&text);
	request_answer(r->request, MHD_HTTP_BAD_REQUEST, "application/json", &b);
}

static void
answer(struct replace_request *r)
{
	if (r->request->answered)
		; /* who asks may not do it, or there is no such campaign */
	else if (r->result == 0)
		answer_good(r);
	else if (r->problems.problems)
		answer_errors(r);
	else
		request_fail_code(r->request, r->result, r->text);
	request_done(r->request);
	handing_close(&r->handing);
	pr_problems_finish(&r->problems);
	free(r->text);
	free(r);
}

static void
work_remove(struct pr_job *job, void *worker)
{
	(void)worker;
	struct replace_request *r = PR_CONTAINER(job, struct replace_request, removal);
	(void)pr_remove_tree(r->handing.parent, r->handing.name); /* else the next start does it */
}

static void
remove_done(struct pr_job *job)
{
	answer(PR_CONTAINER(job, struct replace_request, removal));
}

static void
end(struct replace_request *r, int result, const char *text)
{
	r->result = result;
	r->text = pr_strdup(text ? text : "");
	if (!r->is_ours) {
		answer(r);
	} else if (r->request->gone) { /* perhaps with the readers, at the end of the daemon */
		work_remove(&r->removal, NULL);
		answer(r);
	} else {
		r->removal.work = work_remove;
		r->removal.done = remove_done;
		pr_lane_submit(r->request->control->readers, &r->removal);
	}
}

static void
on_done(struct pr_verb *v, int result, const char *text)
{
	end(PR_CONTAINER(v, struct replace_request, verb), result, text);
}

static void
replace(struct request *q, const char *path)
{
	struct pr_error e = {0};
	struct replace_request *r = pr_calloc(1, sizeof *r);
	r->request = q;
	snprintf(r->by, sizeof r->by, "%s", q->peer.name);
	request_wait(q);
	int result = handing_open(q, path, true, &r->handing, &e);
	r->is_ours = result == 0 && strcmp(r->handing.parent_path, "incoming") == 0 &&
	             pr_str_starts(pr_str(r->handing.name), PR_REPLACE_PREFIX);
	r->verb = (struct pr_verb){.kind = PR_VERB_REPLACE,
	                           .id = r->id,
	                           .by = r->by,
	                           .folder = r->handing.folder,
	                           .problems = &r->problems,
	                           .done = on_done};
	if (find_target(q, false, r->id) && result == 0)
		pr_delivery_verb(q->control->options.delivery, &r->verb);
	else
		end(r, result, e.text);
}

void
post_replace(struct request *q)
{
	static const char *const keys[] = {"path", NULL};
	json_t *body;
	if (!request_body(q, keys, &body))
		return;
	const char *path = json_string_value(json_object_get(body, "path"));
	if (!q->peer.known)
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "only by the Unix socket");
	else if (!path || path[0] != '/')
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid",
		             "the body must say {\"path\": an absolute path under the spool}");
	else
		replace(q, path);
	json_decref(body);
}
