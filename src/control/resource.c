/* The table of paths: method, segments ("*" is any one), handler. */
#include "internal.h"

static void
not_built(struct request *q)
{
	request_fail(q, MHD_HTTP_NOT_IMPLEMENTED, "not_available_yet", "%s is not available yet",
	             q->path);
}

static const struct {
	const char *method;
	const char *path[5];
	void (*handle)(struct request *);
	bool metrics; /* also on the metrics listener */
} resources[] = {
    {"GET", {"v1", "status"}, get_status, false},
    {"GET", {"v1", "campaigns"}, get_campaigns, false},
    {"GET", {"v1", "campaigns", "*"}, get_campaign, false},
    {"GET", {"v1", "campaigns", "*", "recipients"}, get_rows, false},
    {"GET", {"v1", "campaigns", "*", "report"}, get_report, false},
    {"GET", {"v1", "campaigns", "*", "preview"}, get_preview, false},
    {"GET", {"v1", "recipient"}, get_recipient, false},
    {"GET", {"v1", "export"}, get_export, false},
    {"GET", {"v1", "events"}, get_events, false},
    {"GET", {"v1", "sites"}, get_sites, false},
    {"GET", {"v1", "suppressions"}, get_suppressions, false},
    {"GET", {"v1", "suppressions", "audit"}, get_suppression_audit, false},
    {"GET", {"v1", "contacts"}, get_contacts, false},
    {"GET", {"v1", "contacts", "attributes"}, get_contact_attributes, false},
    {"GET", {"v1", "contact"}, get_contact, false},
    {"GET", {"metrics"}, get_metrics, true},
    {"GET", {"healthz"}, get_health, true},
    {"POST", {"v1", "campaigns"}, post_submit, false},
    {"POST", {"v1", "campaigns", "*", "pause"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "resume"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "cancel"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "approve"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "resolve"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "adopt"}, post_verb, false},
    {"POST", {"v1", "campaigns", "*", "replace"}, post_replace, false},
    {"POST", {"v1", "campaigns", "*", "reschedule"}, not_built, false},
    {"POST", {"v1", "suppressions"}, post_suppression, false},
    {"POST", {"v1", "suppressions", "remove"}, post_suppression_remove, false},
    {"POST", {"v1", "suppressions", "import"}, post_suppression_import, false},
    {"POST", {"v1", "forget"}, post_forget, false},
    {"POST", {"v1", "feedback"}, post_feedback, false},
    {"POST", {"v1", "contacts"}, post_contacts, false},
    {"POST", {"v1", "contacts", "delete"}, post_contact_delete, false},
    {"POST", {"v1", "track"}, post_track, false},
    {"POST", {"v1", "segments", "count"}, post_segment_count, false},
    {"POST", {"v1", "segments", "explain"}, post_segment_explain, false},
    {"POST", {"v1", "segments", "sample"}, post_segment_sample, false},
    {"POST", {"v1", "pause"}, post_all, false},
    {"POST", {"v1", "resume"}, post_all, false},
    {"POST", {"v1", "reload"}, post_reload, false},
    {"POST", {"v1", "drain"}, post_drain, false},
};

static bool
fits(const struct request *q, const char *const *path)
{
	for (unsigned i = 0; i < 5; i++) {
		if (!path[i] || !q->segments[i])
			return path[i] == NULL && q->segments[i] == NULL;
		if (strcmp(path[i], "*") != 0 && strcmp(path[i], q->segments[i]) != 0)
			return false;
	}
	return true;
}

void
resource_dispatch(struct request *q)
{
	const char *method = strcmp(q->method, "HEAD") == 0 ? "GET" : q->method;
	bool get = false, post = false; /* other methods of this path */
	if (q->too_large) {
		request_fail(q, 413, "limit", "the body is larger than %u octets", body_max(q));
		return;
	}
	for (unsigned i = 0; i < sizeof resources / sizeof *resources; i++) {
		if ((q->server->metrics_only && !resources[i].metrics) ||
		    !fits(q, resources[i].path))
			continue;
		if (strcmp(resources[i].method, method) == 0) {
			resources[i].handle(q);
			return;
		}
		get |= resources[i].method[0] == 'G';
		post |= resources[i].method[0] == 'P';
	}
	if (get || post)
		q->allow = !post ? "GET, HEAD" : get ? "GET, HEAD, POST" : "POST";
	if (q->allow)
		request_fail(q, MHD_HTTP_METHOD_NOT_ALLOWED, "method", "%s is not possible here",
		             q->method);
	else
		request_fail(q, MHD_HTTP_NOT_FOUND, "not_found", "there is no %s", q->path);
}
