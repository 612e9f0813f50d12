/* An event as JSON, with our own words. */
#include "postrider/events.h"

void
pr_event_add_text(struct pr_buf *b, const char *key, struct pr_str text)
{
	if (text.n == 0)
		return;
	pr_buf_addf(b, ",\"%s\":", key);
	pr_buf_add_json(b, text);
}

static void
add_version(struct pr_buf *b, uint16_t version)
{
	pr_buf_addf(b, ",\"version\":%u", version);
}

static void
add_outcome(struct pr_buf *b, const struct pr_outcome *o, bool open)
{
	pr_event_add_text(b, "class", pr_str(pr_class_word((enum pr_class)o->class_)));
	if (o->code)
		pr_buf_addf(b, ",\"code\":%u", o->code);
	if (o->enhanced[0])
		pr_buf_addf(b, ",\"enhanced\":\"%u.%u.%u\"", o->enhanced[0], o->enhanced[1],
		            o->enhanced[2]);
	if (open) /* servers quote addresses */
		pr_event_add_text(b, "reply", o->reply);
	pr_event_add_text(b, "mx", o->mx);
	pr_buf_addf(b, ",\"attempts\":%u", o->attempts);
	if (o->attempts)
		add_version(b, pr_version_sent(o->attempts, o->version));
	if (o->flags & PR_OUTCOME_LATE)
		pr_buf_adds(b, ",\"late\":true");
}

static const char *const device_words[PR_DEVICES] = {
    [PR_DEVICE_UNKNOWN] = "",
    [PR_DEVICE_DESKTOP] = "desktop",
    [PR_DEVICE_MOBILE] = "mobile",
    [PR_DEVICE_TABLET] = "tablet",
};

/* What the detail of each kind is called. */
static const char *const detail_keys[PR_ENGAGEMENT_KINDS] = {
    [PR_ENGAGEMENT_OPEN] = "detail",     [PR_ENGAGEMENT_CLICK] = "url",
    [PR_ENGAGEMENT_UNSUBSCRIBE] = "by",  [PR_ENGAGEMENT_COMPLAINT] = "feedback_type",
    [PR_ENGAGEMENT_EVIDENCE] = "detail",
};

static void
add_conversion(struct pr_buf *b, const struct pr_event *event)
{
	const struct pr_conversion *c = &event->conversion;
	char amount[PR_AMOUNT_SIZE];
	pr_event_add_text(b, "event", c->event);
	if (c->amount.currency[0]) {
		pr_event_add_text(b, "amount", pr_str(pr_amount_format(c->amount.micros, amount)));
		pr_event_add_text(b, "currency", pr_str(c->amount.currency));
	}
	if (c->refund)
		pr_buf_adds(b, ",\"refund\":true");
	if (c->link)
		pr_buf_addf(b, ",\"link\":%u", c->link);
	if (event->open) /* shops put into an id what they like */
		pr_event_add_text(b, "order", c->order);
}

static void
add_engagement(struct pr_buf *b, const struct pr_event *event)
{
	const struct pr_engagement *g = &event->engagement;
	if (g->kind == PR_ENGAGEMENT_OPEN || g->kind == PR_ENGAGEMENT_CLICK)
		pr_buf_adds(b, event->machine ? ",\"machine\":true" : ",\"machine\":false");
	if (event->has_conversion) {
		add_conversion(b, event);
		return;
	}
	pr_event_add_text(b, "device", pr_str(device_words[g->device]));
	if (g->link)
		pr_buf_addf(b, ",\"link\":%u", g->link);
	if (event->open) /* a link may hold an address */
		pr_event_add_text(b, detail_keys[g->kind], g->detail);
}

void
pr_event_json(const struct pr_event *event, struct pr_buf *b)
{
	char at[PR_RFC3339_SIZE];
	pr_buf_addf(b, "{\"id\":%llu,\"at\":\"%s\",\"type\":", (unsigned long long)event->id,
	            pr_format_rfc3339(event->at_ms, at));
	pr_buf_add_json(b, event->type);
	pr_event_add_text(b, "campaign", event->campaign);
	if (event->row)
		pr_buf_addf(b, ",\"row\":%u", event->row);
	if (pr_row_is_seed(event->row))
		pr_buf_adds(b, ",\"seed\":true");
	pr_event_add_text(b, "email", event->email);
	pr_event_add_text(b, "message_id", event->message_id);
	pr_event_add_text(b, "variant", event->variant);
	if (event->version)
		add_version(b, event->version);
	if (event->has_outcome)
		add_outcome(b, &event->outcome, event->open);
	if (event->has_engagement)
		add_engagement(b, event);
	if (event->has_change) {
		pr_event_add_text(b, "by", event->change.by);
		if (event->open)
			pr_event_add_text(b, "detail", event->change.detail);
	}
	pr_buf_addc(b, '}');
}
