/*
 * Fetching policies (RFC 8461 section 3.3). Names are looked up before, by our own resolver;
 * libcurl gets the addresses. The certificate must be good for the host's name; no redirects, no
 * proxy, status 200, text/plain, a bound on octets and time.
 */
#include "internal.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define FETCHES_MAX 32
#define TIMEOUT_MS 60000
#define CONNECT_MS 15000
#define HTTPS_PORT 443

struct dns_fetcher {
	pr_fetcher *fetcher;
	int64_t timeout_ms;
	char *connect_to; /* or NULL */
};

static struct dns_fetch *
fetch_of(struct pr_fetch *fetch)
{
	return PR_CONTAINER(fetch, struct dns_fetch, fetch);
}

static void
set_addresses(struct dns_fetch *f, CURL *curl)
{
	struct pr_buf resolve = {0};
	pr_buf_addf(&resolve, "%s:%d:%s", f->host, HTTPS_PORT, f->addresses);
	f->resolve = curl_slist_append(NULL, resolve.data);
	pr_buf_finish(&resolve);
	curl_easy_setopt(curl, CURLOPT_RESOLVE, f->resolve);
	if (f->fetcher->connect_to) {
		char text[PR_DNS_NAME_SIZE + 64];
		snprintf(text, sizeof text, "::%s", f->fetcher->connect_to);
		f->connect_to = curl_slist_append(NULL, text);
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, f->connect_to);
	}
}

static void
prepare(struct pr_fetch *fetch, void *curl)
{
	struct dns_fetch *f = fetch_of(fetch);
	char url[PR_DNS_NAME_SIZE + 64];
	snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", f->host);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)PR_STS_TEXT_MAX);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)f->fetcher->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	set_addresses(f, curl);
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
collect(struct pr_fetch *fetch, void *curl, int code)
{
	struct dns_fetch *f = fetch_of(fetch);
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		snprintf(f->why, sizeof f->why, "%s", curl_easy_strerror((CURLcode)code));
	else if (status != 200)
		snprintf(f->why, sizeof f->why, "the server answered %ld", status);
	else if (!is_plain(curl))
		snprintf(f->why, sizeof f->why, "what the server sent is not text/plain");
}

static void
done(struct pr_fetch *fetch)
{
	struct dns_fetch *f = fetch_of(fetch);
	f->done(f);
}

void
dns_fetcher_submit(struct dns_fetcher *r, struct dns_fetch *f)
{
	f->fetcher = r;
	f->fetch = (struct pr_fetch){
	    .prepare = prepare, .collect = collect, .done = done, .body_max = PR_STS_TEXT_MAX};
	pr_fetcher_submit(r->fetcher, &f->fetch);
}

void
dns_fetch_finish(struct dns_fetch *f)
{
	curl_slist_free_all(f->resolve);
	curl_slist_free_all(f->connect_to);
	pr_buf_finish(&f->fetch.body);
	free(f->addresses);
}

int
dns_fetcher_create(const struct pr_sts_options *o, struct dns_fetcher **out, struct pr_error *e)
{
	struct dns_fetcher *r = pr_calloc(1, sizeof *r);
	struct pr_fetcher_options how = {
	    .name = "mta-sts", .most = FETCHES_MAX, .ca_file = o->ca_file};
	int rc = pr_fetcher_create(o->loop, &how, &r->fetcher, e);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	r->connect_to = o->connect_to ? pr_strdup(o->connect_to) : NULL;
	*out = r;
	return 0;
}

void
dns_fetcher_destroy(struct dns_fetcher *r)
{
	pr_fetcher_destroy(r->fetcher);
	free(r->connect_to);
	free(r);
}
