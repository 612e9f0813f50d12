/*
 * Fetching policies (RFC 8461 section 3.3): one thread, libcurl's multi interface.
 *
 *   submit -> queue -> (at most FETCHES_MAX at once) libcurl -> post -> done on the loop
 *
 * Names are looked up before, by our own resolver; libcurl gets the addresses. The certificate
 * must be good for the host's name; no redirects, no proxy, status 200, text/plain, a bound on
 * octets and time: a slow or hostile server costs one of the places, no more.
 */
#include "internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FETCHES_MAX 32
#define TIMEOUT_MS 60000
#define CONNECT_MS 15000
#define WAIT_MS 1000
#define HTTPS_PORT 443

struct dns_fetcher {
	pr_loop *loop;
	CURLM *multi;
	pthread_t thread;
	int64_t timeout_ms;
	char *connect_to, *ca_file; /* or NULL */
	struct pr_list active;      /* the thread's */
	unsigned active_n;
	pthread_mutex_t lock;
	struct pr_post *first, **last; /* under lock */
	bool ending;                   /* under lock */
};

static struct dns_fetch *
fetch_of(struct pr_post *post)
{
	return PR_CONTAINER(post, struct dns_fetch, post);
}

static void
on_home(struct pr_post *post)
{
	struct dns_fetch *f = fetch_of(post);
	f->done(f);
}

static size_t
on_body(char *data, size_t one, size_t n, void *context)
{
	struct dns_fetch *f = context;
	(void)one; /* 1, says libcurl */
	if (f->body.len + n > PR_STS_TEXT_MAX)
		return 0;
	pr_buf_add(&f->body, data, n);
	return n;
}

static void
set_how(const struct dns_fetcher *r, CURL *curl)
{
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)PR_STS_TEXT_MAX);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "postrider");
	if (r->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file);
}

static void
begin(struct dns_fetcher *r, struct dns_fetch *f)
{
	char text[PR_DNS_NAME_SIZE + 64];
	struct pr_buf resolve = {0};
	CURL *curl = curl_easy_init();
	PR_ASSERT(curl);
	set_how(r, curl);
	snprintf(text, sizeof text, "https://%s/.well-known/mta-sts.txt", f->host);
	curl_easy_setopt(curl, CURLOPT_URL, text);
	pr_buf_addf(&resolve, "%s:%d:%s", f->host, HTTPS_PORT, f->addresses);
	f->resolve = curl_slist_append(NULL, resolve.data);
	pr_buf_finish(&resolve);
	curl_easy_setopt(curl, CURLOPT_RESOLVE, f->resolve);
	if (r->connect_to) {
		snprintf(text, sizeof text, "::%s", r->connect_to);
		f->connect_to = curl_slist_append(NULL, text);
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, f->connect_to);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, f);
	f->curl = curl;
	pr_list_push(&r->active, &f->link);
	r->active_n++;
	curl_multi_add_handle(r->multi, curl);
}

/* text/plain, with parameters or without; a server that says nothing is believed. */
static bool
is_plain(CURL *curl)
{
	const char *type = NULL;
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	return !type || (pr_str_starts_nocase(pr_str(type), "text/plain") &&
	                 strchr("; \t", type[sizeof "text/plain" - 1]));
}

static void
judge(struct dns_fetch *f, CURL *curl, CURLcode code)
{
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		snprintf(f->why, sizeof f->why, "%s", curl_easy_strerror(code));
	else if (status != 200)
		snprintf(f->why, sizeof f->why, "the server answered %ld", status);
	else if (!is_plain(curl))
		snprintf(f->why, sizeof f->why, "what the server sent is not text/plain");
}

static void
let_go(struct dns_fetcher *r, struct dns_fetch *f)
{
	curl_multi_remove_handle(r->multi, f->curl);
	curl_easy_cleanup(f->curl);
	pr_list_remove(&f->link);
	r->active_n--;
}

static void
collect(struct dns_fetcher *r)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURL *curl = m->easy_handle;
		CURLcode code = m->data.result;
		struct dns_fetch *f;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(curl, CURLINFO_PRIVATE, &f);
		judge(f, curl, code);
		let_go(r, f);
		pr_loop_post(r->loop, &f->post); /* from here on it is the loop's */
	}
}

/* The next of the queue while there is a place; false: the thread is to end. */
static bool
take(struct dns_fetcher *r)
{
	struct pr_post *post = NULL;
	do {
		pthread_mutex_lock(&r->lock);
		bool ending = r->ending;
		post = r->active_n < FETCHES_MAX ? r->first : NULL;
		if (post && !(r->first = post->next))
			r->last = &r->first;
		pthread_mutex_unlock(&r->lock);
		if (ending)
			return false;
		if (post) {
			post->run = on_home;
			begin(r, fetch_of(post));
		}
	} while (post);
	return true;
}

static void *
run(void *context)
{
	struct dns_fetcher *r = context;
	int running;
	while (take(r)) {
		curl_multi_perform(r->multi, &running);
		collect(r);
		curl_multi_poll(r->multi, NULL, 0, WAIT_MS, NULL);
	}
	return NULL;
}

static void
free_fetcher(struct dns_fetcher *r)
{
	while (!pr_list_empty(&r->active))
		let_go(r, PR_CONTAINER(r->active.next, struct dns_fetch, link));
	curl_multi_cleanup(r->multi);
	pthread_mutex_destroy(&r->lock);
	free(r->connect_to);
	free(r->ca_file);
	curl_global_cleanup();
	free(r);
}

void
dns_fetcher_destroy(struct dns_fetcher *r)
{
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_mutex_unlock(&r->lock);
	curl_multi_wakeup(r->multi);
	pthread_join(r->thread, NULL);
	pr_loop_run_posts(r->loop); /* what came home is told; nothing comes any more */
	free_fetcher(r);
}

void
dns_fetcher_submit(struct dns_fetcher *r, struct dns_fetch *f)
{
	f->post.next = NULL;
	pthread_mutex_lock(&r->lock);
	*r->last = &f->post;
	r->last = &f->post.next;
	pthread_mutex_unlock(&r->lock);
	curl_multi_wakeup(r->multi);
}

void
dns_fetch_finish(struct dns_fetch *f)
{
	curl_slist_free_all(f->resolve);
	curl_slist_free_all(f->connect_to);
	pr_buf_finish(&f->body);
	free(f->addresses);
}

int
dns_fetcher_create(const struct pr_sts_options *o, struct dns_fetcher **out, struct pr_error *e)
{
	struct dns_fetcher *r = pr_calloc(1, sizeof *r);
	r->loop = o->loop;
	r->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	r->connect_to = o->connect_to ? pr_strdup(o->connect_to) : NULL;
	r->ca_file = o->ca_file ? pr_strdup(o->ca_file) : NULL;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r->multi = curl_multi_init();
	PR_ASSERT(r->multi);
	pr_list_init(&r->active);
	int status = pr_thread_start(&r->thread, "mta-sts", 0, run, r, e);
	if (status < 0) {
		free_fetcher(r);
		return status;
	}
	*out = r;
	return 0;
}
