/*
 * GET /v1/campaigns/ID/preview?row=&email=&version=&proof=: the message of a row, made anew on the
 * reader lane. JSON, or the message itself where `Accept: message/rfc822` asks for it. `proof` is
 * the address of who wants to look at it as it arrives: then it is a proof for that address, and
 * the JSON tells by which route it would go, and its envelope. Who asked sends it.
 */
#include "internal.h"

#include "postrider/campaign/address.h"
#include "postrider/campaign/version.h"

#include <stdio.h>
#include <stdlib.h>

struct preview_job {
	struct pr_job job;
	struct request *request;
	struct pr_config *config;
	struct pr_preview preview;
	char dir[4096];
	struct pr_mailbox mailbox, proof_to;
	bool plain; /* the message itself */
	int result;
	struct pr_error error;
};

static void
work_preview(struct pr_job *job, void *worker)
{
	(void)worker;
	struct preview_job *j = PR_CONTAINER(job, struct preview_job, job);
	j->result = pr_delivery_preview(&j->preview, &j->error);
}

static void
add_member(struct pr_buf *b, const char *key, const struct pr_buf *text)
{
	pr_buf_addf(b, ",\"%s\":", key);
	pr_buf_add_json(b, pr_buf_str(text));
}

static void
answer_json(struct preview_job *j)
{
	const struct pr_preview *p = &j->preview;
	struct pr_buf b = {0};
	pr_buf_addf(&b, "{\"row\":%u", p->row);
	add_member(&b, "email", &p->address);
	pr_buf_addf(&b, ",\"version\":%u", p->version);
	add_member(&b, "message", &p->message);
	if (p->proof_to) {
		add_member(&b, "route", &p->route);
		add_member(&b, "from", &p->from);
		pr_buf_addf(&b, ",\"eight_bit\":%s,\"smtputf8\":%s",
		            p->eight_bit ? "true" : "false", p->smtputf8 ? "true" : "false");
	}
	pr_buf_addc(&b, '}');
	request_json(j->request, &b);
}

static void
preview_done(struct pr_job *job)
{
	struct preview_job *j = PR_CONTAINER(job, struct preview_job, job);
	struct request *q = j->request;
	if (j->result < 0)
		request_fail_code(q, j->result, j->error.text);
	else if (j->plain)
		request_answer(q, MHD_HTTP_OK, "message/rfc822", &j->preview.message);
	else
		answer_json(j);
	if (j->preview.content)
		pr_content_unref(j->preview.content);
	pr_config_unref(j->config);
	pr_buf_finish(&j->preview.address);
	pr_buf_finish(&j->preview.message);
	pr_buf_finish(&j->preview.from);
	pr_buf_finish(&j->preview.route);
	free(j);
	request_done(q);
}

/* An address as the ledger has it; n 0: not given. False when it was answered. */
static bool
read_address(struct request *q, const char *name, struct pr_mailbox *out)
{
	const char *why, *text = request_argument(q, name);
	out->n = 0;
	if (!text || pr_mailbox_parse(pr_str(text), out, &why) == 0)
		return true;
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "%s: %s", name, why);
	return false;
}

static void
take_view(struct preview_job *j)
{
	struct request *q = j->request;
	struct pr_campaign_view v;
	pr_campaign *c = pr_delivery_find(q->control->options.delivery, q->segments[2]);
	if (!c)
		return;
	pr_campaign_view(c, &v);
	j->preview.in_force = v.version;
	j->preview.content = (pr_content *)v.content;
	if (v.content)
		pr_content_ref(j->preview.content);
}

void
get_preview(struct request *q)
{
	char dir[4096];
	uint64_t row = 0, version = 0;
	struct pr_mailbox mailbox, proof_to;
	const char *accept = MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, "Accept");
	if (!find_folder(q, dir, sizeof dir) || !read_number(q, "row", 1, UINT32_MAX, &row) ||
	    !read_number(q, "version", 1, PR_VERSION_MAX, &version) ||
	    !read_address(q, "email", &mailbox) || !read_address(q, "proof", &proof_to))
		return;
	if (row && mailbox.n) {
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "say row or email, not both");
		return;
	}
	struct preview_job *j = pr_calloc(1, sizeof *j);
	j->request = q;
	j->config = pr_config_ref((struct pr_config *)q->control->options.config);
	memcpy(j->dir, dir, sizeof j->dir);
	j->mailbox = mailbox;
	j->proof_to = proof_to;
	j->plain = accept && strstr(accept, "message/rfc822");
	j->preview = (struct pr_preview){.config = j->config,
	                                 .dir = j->dir,
	                                 .row = (uint32_t)row,
	                                 .email = pr_str_n(j->mailbox.address, j->mailbox.n),
	                                 .version = (unsigned)version,
	                                 .proof_to = proof_to.n ? j->proof_to.address : NULL,
	                                 .utc_ms = pr_utc_ms()};
	take_view(j);
	j->job.work = work_preview;
	j->job.done = preview_done;
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}
