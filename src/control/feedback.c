/* A mail that came back, handed over by an operator: what it meant, once that is durable. */
#include "internal.h"

#include <stdlib.h>

struct feedback_request {
	struct request *request;
	struct pr_buf octets;
	struct pr_feedback_mail mail;
};

static void
add_recipient(struct pr_buf *b, const struct pr_meaning *m)
{
	const struct pr_feedback_recipient *r = &m->recipient;
	json_text(b, "address", r->address);
	json_text(b, "class", pr_str(pr_class_word(r->finding.class_)));
	json_text(b, "diagnostic", r->diagnostic);
	if (r->status[0])
		pr_buf_addf(b, ",\"status\":\"%u.%u.%u\"", r->status[0], r->status[1],
		            r->status[2]);
}

static void
add_meaning(struct pr_buf *b, const struct pr_feedback_mail *mail)
{
	const struct pr_meaning *m = &mail->meaning;
	pr_buf_addf(b, "{\"means\":\"%s\",\"kind\":\"%s\"", pr_means_word(m->means),
	            pr_feedback_word(m->kind));
	json_text(b, "why", pr_str(m->why));
	if (m->token.kind)
		pr_buf_addf(b, ",\"campaign\":%u,\"row\":%u", m->token.campaign, m->token.row);
	if (m->means == PR_MEANS_BOUNCED || m->means == PR_MEANS_ARRIVED)
		add_recipient(b, m);
	if (m->feedback_type.n)
		json_text(b, "feedback_type", m->feedback_type);
	pr_buf_addf(b, ",\"changed\":%s,\"suppressed\":%s,\"kept\":%s}",
	            mail->moved ? "true" : "false", mail->suppressed ? "true" : "false",
	            mail->kept ? "true" : "false");
}

static void
on_acted(struct pr_feedback_mail *mail, int result, const struct pr_error *e)
{
	struct feedback_request *f = PR_CONTAINER(mail, struct feedback_request, mail);
	struct pr_buf b = {0};
	if (result < 0)
		request_fail_code(f->request, result, e->text);
	else {
		add_meaning(&b, mail);
		request_json(f->request, &b);
	}
	request_done(f->request);
	pr_buf_finish(&f->octets);
	free(f);
}

void
post_feedback(struct request *q)
{
	if (!q->peer.is_operator) {
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "only operators may do this");
		return;
	}
	if (q->body.len == 0) {
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "the body is the mail");
		return;
	}
	struct feedback_request *f = pr_calloc(1, sizeof *f);
	f->request = q;
	f->octets = q->body;
	q->body = (struct pr_buf){0};
	f->mail = (struct pr_feedback_mail){.octets = pr_buf_str(&f->octets), .done = on_acted};
	request_wait(q);
	pr_feedback_take(q->control->options.feedback, &f->mail);
}

/* ---- what there is to see ---- */

void
add_feedback(struct pr_buf *b, const struct pr_control *c)
{
	struct pr_feedback_totals n;
	pr_feedback_totals(c->options.feedback, &n);
	for (int i = 0; i < PR_MEANS_KINDS; i++)
		pr_buf_addf(b, "%s\"%s\":%llu", i ? "," : ",\"feedback\":{",
		            pr_means_word((enum pr_means)i), (unsigned long long)n.mails[i]);
	pr_buf_addf(b, ",\"failed\":%llu,\"suppressed\":%llu}", (unsigned long long)n.failed,
	            (unsigned long long)n.suppressed);
}

void
add_feedback_metrics(struct pr_buf *b, const struct pr_control *c)
{
	struct pr_feedback_totals n;
	pr_feedback_totals(c->options.feedback, &n);
	pr_buf_adds(b, "# HELP postrider_feedback_mails_total Mails that came back, by what they "
	               "mean.\n# TYPE postrider_feedback_mails_total counter\n");
	for (int i = 0; i < PR_MEANS_KINDS; i++)
		pr_buf_addf(b, "postrider_feedback_mails_total{means=\"%s\"} %llu\n",
		            pr_means_word((enum pr_means)i), (unsigned long long)n.mails[i]);
	pr_buf_addf(b,
	            "# HELP postrider_bounce_suppressions_total Addresses suppressed because they "
	            "bounced.\n# TYPE postrider_bounce_suppressions_total counter\n"
	            "postrider_bounce_suppressions_total %llu\n",
	            (unsigned long long)n.suppressed);
}
