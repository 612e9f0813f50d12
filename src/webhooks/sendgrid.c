/*
 * An event with the field names of SendGrid's event webhook (Twilio's "Event Webhook Reference"),
 * so that what was written for it goes on working.
 *
 *   sending    processed     delivered  delivered     deferred  deferred     bounced  bounce
 *   suppressed, skipped     dropped
 *   open, click, unsubscribe as they are        complaint  spamreport
 *
 * A bounce is of type `bounce` where the address is to blame, else `blocked`, as SendGrid tells
 * them apart. Its unique arguments (their word for what a sender adds) are `campaign`,
 * `variant`, `row`, and `seed` of internal copies.
 */
#include "internal.h"

static const char *
word_of(const struct pr_event *event)
{
	if (event->has_engagement && event->engagement.kind == PR_ENGAGEMENT_COMPLAINT)
		return "spamreport";
	if (event->has_engagement)
		return pr_engagement_word((enum pr_engagement_kind)event->engagement.kind);
	if (!event->has_outcome)
		return "processed";
	switch (event->outcome.state) {
	case PR_DELIVERED: return "delivered";
	case PR_DEFERRED: return "deferred";
	case PR_BOUNCED: return "bounce";
	default: return "dropped";
	}
}

static bool
is_address_to_blame(uint8_t class_)
{
	return class_ == PR_CLASS_USER_UNKNOWN || class_ == PR_CLASS_USER_MOVED ||
	       class_ == PR_CLASS_MAILBOX_DISABLED || class_ == PR_CLASS_DOMAIN_UNKNOWN ||
	       class_ == PR_CLASS_RECIPIENT_REFUSED;
}

/* "5.1.1", else the code of the reply as one. */
static void
add_status(struct pr_buf *b, const struct pr_outcome *o)
{
	if (o->enhanced[0])
		pr_buf_addf(b, ",\"status\":\"%u.%u.%u\"", o->enhanced[0], o->enhanced[1],
		            o->enhanced[2]);
	else if (o->code)
		pr_buf_addf(b, ",\"status\":\"%u.0.0\"", o->code / 100);
}

static void
add_outcome(struct pr_buf *b, const struct pr_outcome *o)
{
	struct pr_str reason =
	    o->reply.n ? o->reply : pr_str(pr_class_word((enum pr_class)o->class_));
	switch (o->state) {
	case PR_DELIVERED: pr_event_add_text(b, "response", o->reply); break;
	case PR_DEFERRED:
		pr_event_add_text(b, "response", o->reply);
		pr_buf_addf(b, ",\"attempt\":\"%u\"", o->attempts);
		add_status(b, o);
		break;
	case PR_BOUNCED:
		pr_event_add_text(b, "reason", reason);
		add_status(b, o);
		pr_event_add_text(b, "type",
		                  pr_str(is_address_to_blame(o->class_) ? "bounce" : "blocked"));
		break;
	default: pr_event_add_text(b, "reason", reason); break;
	}
}

static void
add_engagement(struct pr_buf *b, const struct pr_event *event)
{
	if (event->engagement.kind == PR_ENGAGEMENT_OPEN)
		pr_buf_addf(b, ",\"sg_machine_open\":%s", event->machine ? "true" : "false");
	if (event->engagement.kind == PR_ENGAGEMENT_CLICK)
		pr_event_add_text(b, "url", event->engagement.detail);
}

void
hook_sendgrid(const struct pr_event *event, struct pr_buf *b)
{
	struct pr_str id = event->message_id;
	pr_buf_adds(b, "{\"email\":");
	pr_buf_add_json(b, event->email);
	pr_buf_addf(b, ",\"timestamp\":%lld,\"event\":\"%s\",\"sg_event_id\":\"%llu\"",
	            (long long)(event->at_ms / 1000), word_of(event),
	            (unsigned long long)event->id);
	if (id.n > 2)
		pr_event_add_text(b, "sg_message_id", pr_str_n(id.p + 1, id.n - 2));
	pr_event_add_text(b, "smtp-id", id);
	if (event->has_outcome)
		add_outcome(b, &event->outcome);
	if (event->has_engagement)
		add_engagement(b, event);
	pr_event_add_text(b, "campaign", event->campaign);
	pr_event_add_text(b, "variant", event->variant);
	if (pr_row_is_seed(event->row))
		pr_buf_adds(b, ",\"seed\":true");
	pr_buf_addf(b, ",\"row\":%u}", event->row);
}
