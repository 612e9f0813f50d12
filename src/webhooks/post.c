/*
 * Posting a batch: signed and sent on the fetch thread, judged there, told on the loop. The answer
 * is its status; of its body a bounded piece is read and nothing believed. Redirects are answers
 * like others that are not 2xx: whoever got the events by one was not the one who was configured.
 */
#include "internal.h"

#include <curl/curl.h>
#include <stdio.h>

#define CONNECT_MS 10000L
#define ANSWER_MS 60000L
#define ANSWER_MAX (64u << 10)
#define PAUSE_FIRST_MS PR_SECOND_MS
#define PAUSE_MAX_MS (5 * PR_MINUTE_MS)

int64_t
hook_pause_ms(unsigned failures, double random)
{
	int64_t pause = PAUSE_FIRST_MS;
	for (unsigned i = 1; i < failures && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
	int64_t jittered = pause / 2 + (int64_t)((double)pause * random);
	return jittered < PAUSE_FIRST_MS ? PAUSE_FIRST_MS
	       : jittered > PAUSE_MAX_MS ? PAUSE_MAX_MS
	                                 : jittered;
}

/* ---- on the fetch thread ---- */

static void
prepare(struct pr_fetch *f, void *curl)
{
	struct hook_post *p = PR_CONTAINER(f, struct hook_post, fetch);
	char signature[HOOK_SIGNATURE_SIZE], line[HOOK_SIGNATURE_SIZE + 30];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:"); /* no round trip to ask whether */
	if (p->spec->secret) {
		hook_sign(p->spec->secret, pr_utc_ms() / 1000, p->body, signature);
		snprintf(line, sizeof line, "Postrider-Signature: %s", signature);
		headers = curl_slist_append(headers, line);
	}
	p->headers = headers;
	curl_easy_setopt(curl, CURLOPT_URL, p->spec->url.p);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.n);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, p->body.p);
}

static void
collect(struct pr_fetch *f, void *curl, int code)
{
	struct hook_post *p = PR_CONTAINER(f, struct hook_post, fetch);
	curl_off_t retry_after = 0;
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
	p->status = status >= 200 ? (int)status : 0;
	p->retry_after_s = retry_after;
	p->why[0] = 0;
	if (!p->status)
		snprintf(p->why, sizeof p->why, "%s", curl_easy_strerror((CURLcode)code));
	else if (p->status >= 300)
		snprintf(p->why, sizeof p->why, "it answered %d", p->status);
	curl_slist_free_all(p->headers);
	p->headers = NULL;
}

/* ---- on the loop ---- */

static void
done(struct pr_fetch *f)
{
	struct hook_post *p = PR_CONTAINER(f, struct hook_post, fetch);
	hook_on_post(PR_CONTAINER(p, struct hook, post));
}

void
hook_post_submit(struct hook_post *p, pr_fetcher *fetcher)
{
	p->fetch = (struct pr_fetch){
	    .prepare = prepare, .collect = collect, .done = done, .body_max = ANSWER_MAX};
	pr_fetcher_submit(fetcher, &p->fetch);
}

void
hook_post_finish(struct hook_post *p)
{
	pr_buf_finish(&p->fetch.body);
	pr_config_unref(p->config);
	p->config = NULL;
}
