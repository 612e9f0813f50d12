/* Fetching by HTTP; see fetch.h. */
#include "postrider/net/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#define WAIT_MS 60000 /* a wake-up ends it; so do times of libcurl */

struct pr_fetcher {
	pr_loop *loop;
	CURLM *multi;
	pthread_t thread;
	unsigned most;
	char *ca_file;         /* or NULL */
	struct pr_list active; /* the thread's */
	unsigned active_n;
	pthread_mutex_t lock;
	struct pr_post *first, **last; /* under lock */
	bool ending;                   /* under lock */
};

static struct pr_fetch *
fetch_of(struct pr_post *post)
{
	return PR_CONTAINER(post, struct pr_fetch, post);
}

static void
on_home(struct pr_post *post)
{
	struct pr_fetch *f = fetch_of(post);
	f->done(f);
}

static size_t
on_body(char *data, size_t one, size_t n, void *context)
{
	struct pr_fetch *f = context;
	(void)one; /* 1, says libcurl */
	if (f->body.len + n > f->body_max)
		return 0;
	pr_buf_add(&f->body, data, n);
	return n;
}

static void
begin(pr_fetcher *r, struct pr_fetch *f)
{
	CURL *curl = curl_easy_init();
	PR_ASSERT(curl);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "postrider");
	if (r->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, f);
	f->curl = curl;
	f->prepare(f, curl);
	pr_list_push(&r->active, &f->link);
	r->active_n++;
	curl_multi_add_handle(r->multi, curl);
}

/* From here on it is the loop's. */
static void
send_home(pr_fetcher *r, struct pr_fetch *f, CURLcode code)
{
	f->collect(f, f->curl, (int)code);
	curl_multi_remove_handle(r->multi, f->curl);
	curl_easy_cleanup(f->curl);
	pr_list_remove(&f->link);
	r->active_n--;
	pr_loop_post(r->loop, &f->post);
}

static void
collect(pr_fetcher *r)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURLcode code = m->data.result;
		struct pr_fetch *f;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
		send_home(r, f, code);
	}
}

/* The next of the queue while there is a place; NULL: none. */
static struct pr_fetch *
shift(pr_fetcher *r, bool *ending)
{
	pthread_mutex_lock(&r->lock);
	*ending = r->ending;
	struct pr_post *post = r->active_n < r->most || r->ending ? r->first : NULL;
	if (post && !(r->first = post->next))
		r->last = &r->first;
	pthread_mutex_unlock(&r->lock);
	return post ? fetch_of(post) : NULL;
}

static void
abort_all(pr_fetcher *r)
{
	while (!pr_list_empty(&r->active))
		send_home(r, PR_CONTAINER(r->active.next, struct pr_fetch, link),
		          CURLE_ABORTED_BY_CALLBACK);
}

static void *
run(void *context)
{
	pr_fetcher *r = context;
	struct pr_fetch *f;
	bool ending;
	do {
		while ((f = shift(r, &ending))) {
			f->post.run = on_home;
			begin(r, f);
		}
		if (!ending) {
			int running;
			curl_multi_perform(r->multi, &running);
			collect(r);
			curl_multi_poll(r->multi, NULL, 0, WAIT_MS, NULL);
		}
	} while (!ending);
	abort_all(r);
	return NULL;
}

static void
free_fetcher(pr_fetcher *r)
{
	curl_multi_cleanup(r->multi);
	pthread_mutex_destroy(&r->lock);
	free(r->ca_file);
	curl_global_cleanup();
	free(r);
}

int
pr_fetcher_create(pr_loop *loop, const struct pr_fetcher_options *options, pr_fetcher **out,
                  struct pr_error *e)
{
	pr_fetcher *r = pr_calloc(1, sizeof *r);
	r->loop = loop;
	r->most = options->most;
	r->ca_file = options->ca_file ? pr_strdup(options->ca_file) : NULL;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r->multi = curl_multi_init();
	PR_ASSERT(r->multi);
	pr_list_init(&r->active);
	int status = pr_thread_start(&r->thread, options->name, 0, run, r, e);
	if (status < 0) {
		free_fetcher(r);
		return status;
	}
	*out = r;
	return 0;
}

void
pr_fetcher_destroy(pr_fetcher *r)
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
pr_fetcher_submit(pr_fetcher *r, struct pr_fetch *f)
{
	f->post.next = NULL;
	pthread_mutex_lock(&r->lock);
	*r->last = &f->post;
	r->last = &f->post.next;
	pthread_mutex_unlock(&r->lock);
	curl_multi_wakeup(r->multi);
}
