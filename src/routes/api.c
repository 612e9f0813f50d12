/*
 * The routes sendgrid and mailgun: a provider's API, one request a message, by libcurl on a thread
 * of the target's own, HTTP/2 where the provider speaks it, so that requests share a connection.
 *
 * A connection is a slot, and so one request at a time. What decides is how far the message got:
 *
 *   an answer                           it is judged (api_answer.c)
 *   none, and not all octets were given to libcurl     unblamed; the lane waits
 *   none, and all were                                 in doubt
 *
 * libcurl repeats a request by itself where a connection that it kept turns out to be dead: only
 * as long as not all octets were given, else a message could go twice.
 */
#include "api.h"
#include "slot.h"

#include "postrider/base/clock.h"
#include "postrider/net/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUESTS_MAX 10000 /* at once; the route's connections are what bounds them */
#define CONNECT_MS 30000
#define ANSWER_MS 300000 /* for the whole request: who gives up early sends twice */
#define ANSWER_MAX (64u * 1024)

struct api_target {
	struct pr_route_target base;
	const struct api_provider *provider;
	pr_fetcher *fetcher;
	struct pr_buf url;
	char *host; /* of it, for people */
};

struct api_connection {
	struct slot slot;
	struct pr_fetch fetch;
	struct api_request request;
	/* what came of it */
	bool tried;
	struct pr_buf text;
	struct pr_smtp_result result;
};

static struct api_connection *
api_of(struct slot *s)
{
	return PR_CONTAINER(s, struct api_connection, slot);
}

static struct api_target *
target_of(struct pr_route_target *t)
{
	return PR_CONTAINER(t, struct api_target, base);
}

/* ---- on the fetch thread ---- */

size_t
api_give(char *out, size_t one, size_t n, void *context)
{
	struct api_request *r = context;
	size_t left = r->source->len - r->given, most = one * n;
	size_t now = left < most ? left : most;
	memcpy(out, r->source->data + r->given, now);
	r->given += now;
	return now;
}

static bool
all_given(const struct api_request *r)
{
	return r->source && r->given > 0 && r->given == r->source->len;
}

int
api_rewind(void *context, curl_off_t offset, int origin)
{
	struct api_request *r = context;
	if (origin != SEEK_SET || all_given(r) || offset < 0 || (size_t)offset > r->source->len)
		return CURL_SEEKFUNC_FAIL;
	r->given = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void
prepare(struct pr_fetch *fetch, void *curl)
{
	struct api_connection *c = PR_CONTAINER(fetch, struct api_connection, fetch);
	struct api_target *t = target_of(c->slot.base.target);
	const struct pr_target_options *o = &t->base.options;
	int64_t connect = o->connect_timeout_ms, answer = o->timeout_dot_ms;
	c->request.key = t->base.password;
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->request.failure);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L); /* rather a stream than a connection */
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect ? connect : CONNECT_MS));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(answer ? answer : ANSWER_MS));
	c->request.headers = curl_slist_append(NULL, "Expect:"); /* no round trip to ask whether */
	t->provider->fill(&c->request, curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, c->request.headers);
	if (!c->request.unfit) /* without a URL it comes back at once */
		curl_easy_setopt(curl, CURLOPT_URL, t->url.data);
}

static const char *
header(CURL *curl, const char *name)
{
	struct curl_header *h;
	return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

static void
judge_answer(struct api_connection *c, CURL *curl, long status)
{
	curl_off_t retry_after = 0;
	const char *reset = header(curl, "X-RateLimit-Reset");
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
	struct api_answer a = {.status = status,
	                       .body = pr_buf_str(&c->fetch.body),
	                       .id = header(curl, "X-Message-Id"),
	                       .retry_after_s = retry_after,
	                       .reset = reset ? strtoll(reset, NULL, 10) : 0,
	                       .now_s = pr_utc_ms() / 1000};
	c->tried = api_judge(&a, &c->text, &c->result);
}

static void
judge_failure(struct api_connection *c, CURLcode code)
{
	struct pr_smtp_result *r = &c->result;
	const char *why = *c->request.failure ? c->request.failure : curl_easy_strerror(code);
	*r = (struct pr_smtp_result){.stage = PR_STAGE_CONNECT};
	c->tried = all_given(&c->request);
	if (c->tried) {
		r->stage = PR_STAGE_DOT;
		r->in_doubt = true;
	} else if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION) {
		r->stage = PR_STAGE_TLS;
	} else if (c->request.given > 0) {
		r->stage = PR_STAGE_BODY;
	}
	pr_buf_clear(&c->text);
	pr_buf_adds(&c->text, why);
	r->why = c->text.data;
}

static void
collect(struct pr_fetch *fetch, void *curl, int code)
{
	struct api_connection *c = PR_CONTAINER(fetch, struct api_connection, fetch);
	struct api_request *r = &c->request;
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (r->unfit) {
		c->tried = true;
		c->result = (struct pr_smtp_result){
		    .stage = PR_STAGE_MAIL, .permanent = true, .why = r->unfit};
	} else if (status >= 200) {
		judge_answer(c, curl, status); /* also when its body was cut */
	} else {
		judge_failure(c, (CURLcode)code);
	}
	curl_mime_free(r->form);
	curl_slist_free_all(r->headers);
	r->form = NULL;
	r->headers = NULL;
}

/* ---- a message ---- */

static void
clear(struct api_connection *c)
{
	struct api_request *r = &c->request;
	free(r->to);
	pr_buf_finish(&r->octets);
	pr_buf_finish(&r->json);
	pr_buf_finish(&c->fetch.body);
	*r = (struct api_request){0};
}

static void
load(struct slot *s, const struct pr_envelope *m)
{
	struct api_request *r = &api_of(s)->request;
	clear(api_of(s));
	r->to = pr_strdup(m->to);
	pr_buf_add(&r->octets, m->data, m->size);
	pr_buf_add(&r->octets, m->tail, m->tail_n);
}

static void
work(struct slot *s)
{
	pr_fetcher_submit(target_of(s->base.target)->fetcher, &api_of(s)->fetch);
}

static void
done(struct pr_fetch *fetch)
{
	struct api_connection *c = PR_CONTAINER(fetch, struct api_connection, fetch);
	slot_done(&c->slot, c->tried, &c->result);
}

static void
free_connection(struct slot *s)
{
	struct api_connection *c = api_of(s);
	clear(c);
	pr_buf_finish(&c->text);
	free(c);
}

static const struct slot_kind kind = {.load = load, .work = work, .free = free_connection};

/* ---- what routes.h asks ---- */

static char *
host_of(const char *url)
{
	const char *host = strstr(url, "//");
	host = host ? host + 2 : url;
	return pr_strndup(host, strcspn(host, "/"));
}

static void
free_names(struct api_target *t)
{
	pr_buf_finish(&t->url);
	free(t->host);
}

static int
start(struct pr_route_target *base, const struct api_provider *provider, struct pr_error *e)
{
	struct api_target *t = target_of(base);
	const struct pr_target_options *o = &base->options;
	struct pr_fetcher_options how = {.name = base->ops->via,
	                                 .most = REQUESTS_MAX,
	                                 .ca_file = o->tls ? pr_tls_ca_file(o->tls) : NULL};
	if (o->source.n)
		return pr_fail(e, PR_EINVAL, "via: %s cannot choose its source address",
		               base->ops->via);
	if (!base->password)
		return pr_fail(e, PR_EINVAL, "via: %s needs a key_file", base->ops->via);
	t->provider = provider;
	pr_buf_adds(&t->url, *base->where ? base->where : provider->endpoint);
	t->host = host_of(t->url.data);
	provider->path(&t->url, base->user ? base->user : "");
	int rc = pr_fetcher_create(base->loop, &how, &t->fetcher, e);
	if (rc < 0)
		free_names(t);
	return rc;
}

static int
sendgrid_start(struct pr_route_target *t, struct pr_error *e)
{
	return start(t, &api_sendgrid, e);
}

static int
mailgun_start(struct pr_route_target *t, struct pr_error *e)
{
	return start(t, &api_mailgun, e);
}

static void
stop(struct pr_route_target *base)
{
	struct api_target *t = target_of(base);
	pr_fetcher_destroy(t->fetcher);
	free_names(t);
}

static pr_connection *
create(struct pr_route_target *base)
{
	struct api_connection *c = pr_calloc(1, sizeof *c);
	c->fetch = (struct pr_fetch){
	    .prepare = prepare, .collect = collect, .done = done, .body_max = ANSWER_MAX};
	slot_init(&c->slot, &kind, base->loop, target_of(base)->host);
	return &c->slot.base;
}

const struct pr_route_ops route_sendgrid = {
    .via = "sendgrid",
    .target_size = sizeof(struct api_target),
    .start = sendgrid_start,
    .stop = stop,
    .create = create,
    SLOT_OPS,
};

const struct pr_route_ops route_mailgun = {
    .via = "mailgun",
    .target_size = sizeof(struct api_target),
    .start = mailgun_start,
    .stop = stop,
    .create = create,
    SLOT_OPS,
};
