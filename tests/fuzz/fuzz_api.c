/*
 * Providers' APIs: the input's first octet says whether the rest is an answer or a message. Holds:
 * an answer is judged, its text bounded and without control octets; a message becomes JSON, or it
 * is said why not.
 */
#include "../../src/routes/api.h"

#include <jansson.h>

static void
check_answer(struct pr_str in, uint8_t how)
{
	static const long statuses[] = {200, 202, 302, 400, 401, 403, 404, 413,
	                                422, 429, 500, 502, 503, 504, 199, 600};
	struct pr_buf text = {0};
	struct pr_smtp_result r;
	struct api_answer a = {.status = statuses[how & 15],
	                       .body = in,
	                       .retry_after_s = (int64_t)how - 100,
	                       .reset = (int64_t)in.n * how,
	                       .now_s = 1780000000};
	bool tried = api_judge(&a, &text, &r);
	PR_ASSERT(text.len < 700);
	for (size_t i = 0; i < text.len; i++)
		PR_ASSERT((unsigned char)text.data[i] >= ' ' && text.data[i] != 127);
	PR_ASSERT(r.answered ? r.reply.code >= 200 && r.reply.code < 600 : r.why && r.in_doubt);
	PR_ASSERT(r.retry_after_ms >= 0 && r.retry_after_ms <= 86400000);
	PR_ASSERT(tried || r.answered);
	pr_buf_finish(&text);
}

static void
check_message(struct pr_str in)
{
	struct pr_buf json = {0};
	const char *why = sendgrid_write("a@b.example", in, &json);
	json_t *j = why ? NULL : json_loadb(json.data, json.len, 0, NULL);
	PR_ASSERT(why ? json.len == 0 : j != NULL);
	json_decref(j);
	pr_buf_finish(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	struct pr_str rest = pr_str_n((const char *)data + 2, n - 2);
	if (data[0] & 1)
		check_message(rest);
	else
		check_answer(rest, data[1]);
	return 0;
}
