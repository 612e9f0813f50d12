/* The JSON of a request: an object whose keys are all known. What is unknown is refused, for a
 * verb meant for a part must never be done to the whole. */
#include "internal.h"

static bool
is_among(const char *key, const char *const *keys)
{
	for (; keys && *keys; keys++)
		if (strcmp(key, *keys) == 0)
			return true;
	return false;
}

static bool
know_all_keys(struct request *q, json_t *body, const char *const *keys)
{
	static const char *const later[] = {"variant", "domain", NULL};
	char shown[64];
	const char *key;
	json_t *value;
	json_object_foreach(body, key, value)
	{
		if (is_among(key, keys))
			continue;
		pr_str_show(pr_str(key), shown, sizeof shown);
		if (is_among(key, later))
			request_fail(q, MHD_HTTP_NOT_IMPLEMENTED, "not_available_yet",
			             "%s with \"%s\" is not available yet", q->path, shown);
		else
			request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid",
			             "the body has an unknown key \"%s\"", shown);
		return false;
	}
	return true;
}

unsigned
body_max(const struct request *q)
{
	return strcmp(q->path, "/v1/feedback") == 0 ? PR_FEEDBACK_SIZE_MAX : BODY_MAX;
}

bool
request_body(struct request *q, const char *const *keys, json_t **out)
{
	*out = NULL;
	if (pr_str_trim(pr_buf_str(&q->body)).n == 0)
		return true;
	json_t *body = json_loadb(q->body.data, q->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(body))
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "the body must be a JSON object");
	else if (know_all_keys(q, body, keys)) {
		*out = body;
		return true;
	}
	json_decref(body);
	return false;
}
