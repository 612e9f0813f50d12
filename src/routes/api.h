/*
 * Between the files of the routes by a provider's API: api.c (the route), sendgrid.c and mailgun.c
 * (what each provider wants), api_answer.c (what its answers mean).
 */
#ifndef POSTRIDER_ROUTES_API_H
#define POSTRIDER_ROUTES_API_H

#include "postrider/base/buf.h"
#include "postrider/smtp.h"

#include <curl/curl.h>

/* One message as a request; the fetch thread's while it is under way. */
struct api_request {
	const char *key;      /* the target's */
	char *to;             /* heap */
	struct pr_buf octets; /* the message */
	struct pr_buf json;   /* sendgrid */
	/* What is given to libcurl, and how far: all given, it may be at the provider. */
	const struct pr_buf *source;
	size_t given;
	curl_mime *form; /* mailgun */
	struct curl_slist *headers;
	const char *unfit; /* why the message cannot be made into a request; NULL: it could */
	char failure[CURL_ERROR_SIZE];
};

/* libcurl's read and seek callbacks; context: the request. */
size_t api_give(char *out, size_t one, size_t n, void *context);
int api_rewind(void *context, curl_off_t offset, int origin);

struct api_provider {
	const char *endpoint; /* unless the route says otherwise */
	/* Of what a message is posted to, behind the endpoint; domain: "" where it has none. */
	void (*path)(struct pr_buf *url, const char *domain);
	/* On the fetch thread: authentication and what is posted, or request->unfit. */
	void (*fill)(struct api_request *r, CURL *curl);
};
extern const struct api_provider api_sendgrid, api_mailgun;

/* The finished octets of a message to `to` as the JSON of POST /v3/mail/send. NULL, or why it
 * cannot be. */
const char *sendgrid_write(const char *to, struct pr_str octets, struct pr_buf *json);

/* ---- api_answer.c ---- */

struct api_answer {
	long status; /* of HTTP */
	struct pr_str body;
	const char *id;        /* X-Message-Id, or NULL */
	int64_t retry_after_s; /* by Retry-After; 0: not said */
	int64_t reset;         /* X-RateLimit-Reset: seconds from now, or since 1970; 0: not said */
	int64_t now_s;         /* since 1970 */
};
/*
 * An answer as an SMTP session would have told it (smtp.h), so that one verdict fits all routes:
 *
 *   2xx                        250, at the final dot
 *   400, 411, 413, 415, 422    553 5.1.3 about the recipient's address, 552 5.3.4 too large,
 *                              else 554 5.6.0: the message bounces
 *   403                        454 4.1.8, the sender: the row waits, and so does the lane
 *   408, 500, 503, other 5xx   451 4.3.0: the row waits
 *   502, 504                   a gateway lost the answer: in doubt
 *   429, and 503 with a time   421 4.7.28: the lane waits until then
 *   401, 404, all others       535 5.7.8: the route's configuration is at fault, the lane waits
 *
 * False: the message was not of interest, it goes back unblamed and the connection ends by *r
 * (the last two lines). *r has views into *text, which is cleared.
 */
bool api_judge(const struct api_answer *a, struct pr_buf *text, struct pr_smtp_result *r);

#endif
