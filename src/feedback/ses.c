/*
 * Amazon's notifications by mail: SES tells of bounces, complaints and deliveries in JSON, which
 * SNS sends as a text, folded where a line got too long, with a word of its own behind.
 */
#include "internal.h"

#include <jansson.h>

static struct pr_str
text_at(struct findings *f, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return pr_arena_copy(f->mail->arena,
	                     pr_str_n(json_string_value(value) ? json_string_value(value) : "",
	                              json_string_length(value)));
}

/* An entry of bouncedRecipients: the fields of a delivery report by other names. */
static void
add_bounced(struct findings *f, const json_t *entry)
{
	struct pr_feedback_recipient *r = found_add(f, text_at(f, entry, "emailAddress"));
	if (!r)
		return;
	pr_status_read(text_at(f, entry, "status"), r->status);
	r->failed = true;
	r->diagnostic = diagnostic_of(f->mail->arena, text_at(f, entry, "diagnosticCode"));
	found_judge(f, r, PR_STR(""));
}

static void
add_complained(struct findings *f, const json_t *entry)
{
	struct pr_feedback_recipient *r = found_add(f, text_at(f, entry, "emailAddress"));
	if (r)
		r->finding = pr_rules_class(f->rules, PR_CLASS_COMPLAINT);
}

static void
each(struct findings *f, const json_t *object, const char *key,
     void (*add)(struct findings *, const json_t *))
{
	const json_t *entries = json_object_get(object, key);
	for (size_t i = 0; i < json_array_size(entries); i++)
		add(f, json_array_get(entries, i));
}

static enum pr_feedback_kind
take_notification(struct findings *f, const json_t *root)
{
	const json_t *bounce = json_object_get(root, "bounce");
	const json_t *complaint = json_object_get(root, "complaint");
	each(f, bounce, "bouncedRecipients", add_bounced);
	each(f, complaint, "complainedRecipients", add_complained);
	if (complaint)
		f->out->feedback_type = text_at(f, complaint, "complaintFeedbackType");
	if (f->out->n == 0)
		return PR_FEEDBACK_UNKNOWN;
	return complaint ? PR_FEEDBACK_ARF : PR_FEEDBACK_DSN;
}

static struct pr_str
unfolded(const struct mail *m, struct pr_str text)
{
	char *out = pr_arena_alloc(m->arena, text.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\n' && text.p[i] != '\r')
			out[n++] = text.p[i];
	return pr_str_n(out, n);
}

bool
read_ses(struct findings *f)
{
	struct pr_str text = pr_str_trim(f->mail->notice);
	if (!pr_str_starts(text, "{") || !holds_nocase(text, "notificationtype\""))
		return false;
	text = unfolded(f->mail, text);
	json_t *root = json_loadb(text.p, text.n, JSON_DISABLE_EOF_CHECK, NULL);
	f->out->kind = take_notification(f, root);
	json_decref(root);
	return f->out->kind != PR_FEEDBACK_UNKNOWN;
}
