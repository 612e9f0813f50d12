/* What a provider's answers mean; see api.h. Both tell errors in JSON: SendGrid
 * {"errors": [{"message", "field"}]}, Mailgun {"message"}. */
#include "api.h"

#include <jansson.h>

#define TEXT_MAX 500
#define WAIT_S 60              /* where a 429 does not say how long */
#define WAIT_MAX_S (24 * 3600) /* then it is asked again */

/* ---- what it says ---- */

static void
add_clean(struct pr_buf *text, const char *words)
{
	for (; *words && text->len < TEXT_MAX; words++) {
		char c = (unsigned char)*words < ' ' || *words == 127 ? ' ' : *words;
		pr_buf_add(text, &c, 1);
	}
}

static void
add_error(struct pr_buf *text, const json_t *error)
{
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *field = json_string_value(json_object_get(error, "field"));
	if (!message)
		return;
	pr_buf_adds(text, ": ");
	add_clean(text, message);
	if (field) {
		pr_buf_adds(text, " (");
		add_clean(text, field);
		pr_buf_adds(text, ")");
	}
}

/* "HTTP 400: to is not valid (personalizations.0.to.0.email)" */
static json_t *
read_body(const struct api_answer *a, struct pr_buf *text)
{
	json_t *body = json_loadb(a->body.p ? a->body.p : "", a->body.n, 0, NULL), *error;
	size_t i;
	pr_buf_clear(text);
	pr_buf_addf(text, "HTTP %ld", a->status);
	add_error(text, body);
	json_array_foreach(json_object_get(body, "errors"), i, error) add_error(text, error);
	const char *id = a->id ? a->id : json_string_value(json_object_get(body, "id"));
	if (id && a->status < 300) {
		pr_buf_adds(text, " ");
		add_clean(text, id);
	}
	return body;
}

/* Whether the first thing that is wrong is the address we send to. */
static bool
is_about_recipient(const json_t *body)
{
	const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
	const char *field = json_string_value(json_object_get(first, "field"));
	const char *message = json_string_value(json_object_get(body, "message"));
	return (field && strncmp(field, "personalizations", 16) == 0) ||
	       (message && (strstr(message, "'to' parameter") || strstr(message, "to parameter")));
}

/* ---- what it means ---- */

static int64_t
wait_s(const struct api_answer *a)
{
	int64_t reset = a->reset > 100000000000 ? a->reset / 1000 : a->reset; /* some say ms */
	int64_t s = a->retry_after_s;
	if (s <= 0)
		s = reset > WAIT_MAX_S ? reset - a->now_s : reset;
	if (s <= 0)
		s = WAIT_S;
	return s < WAIT_MAX_S ? s : WAIT_MAX_S;
}

static void
refuse(struct pr_reply *reply, long status, const json_t *body)
{
	if (status == 413)
		*reply = (struct pr_reply){.code = 552, .enhanced = {5, 3, 4}};
	else if (is_about_recipient(body))
		*reply = (struct pr_reply){.code = 553, .enhanced = {5, 1, 3}};
	else
		*reply = (struct pr_reply){.code = 554, .enhanced = {5, 6, 0}};
}

/* False: see api_judge. */
static bool
weigh(const struct api_answer *a, const json_t *body, struct pr_smtp_result *r)
{
	if (a->status == 429 || (a->status == 503 && a->retry_after_s > 0)) {
		r->reply = (struct pr_reply){.code = 421, .enhanced = {4, 7, 28}};
		r->retry_after_ms = wait_s(a) * 1000;
		return false;
	}
	switch (a->status) {
	case 400:
	case 411:
	case 413:
	case 415:
	case 422: refuse(&r->reply, a->status, body); return true;
	case 403: r->reply = (struct pr_reply){.code = 454, .enhanced = {4, 1, 8}}; return true;
	case 502:
	case 504:
		r->answered = false;
		r->in_doubt = true;
		return true;
	}
	if (a->status / 100 == 2) {
		r->reply = (struct pr_reply){.code = 250, .enhanced = {2, 0, 0}};
		return true;
	}
	if (a->status / 100 == 5 || a->status == 408) {
		r->reply = (struct pr_reply){.code = 451, .enhanced = {4, 3, 0}};
		return true;
	}
	r->stage = PR_STAGE_AUTH;
	r->reply = (struct pr_reply){.code = 535, .enhanced = {5, 7, 8}};
	return false;
}

bool
api_judge(const struct api_answer *a, struct pr_buf *text, struct pr_smtp_result *r)
{
	json_t *body = read_body(a, text);
	*r = (struct pr_smtp_result){.stage = PR_STAGE_DOT, .answered = true};
	bool tried = weigh(a, body, r);
	json_decref(body);
	if (a->status == 401)
		pr_buf_adds(text, "; see key_file of the route");
	else if (!tried && r->stage == PR_STAGE_AUTH)
		pr_buf_adds(text, "; see endpoint and domain of the route");
	r->reply.text = pr_buf_str(text);
	r->why = r->answered ? NULL : text->data;
	return tried;
}
