/*
 * Fetching by HTTP: one thread with libcurl's multi interface, asked from the loop.
 *
 *   submit -> queue -> (at most so many at once) prepare, libcurl, collect -> post -> done
 *
 * Who asks says what by `prepare`, with libcurl's own options, and reads by `collect` what came;
 * both run on the thread, `done` on the loop. A slow or hostile server costs one of the places, no
 * more: answers are bounded, and prepare sets a time-out.
 */
#ifndef POSTRIDER_NET_FETCH_H
#define POSTRIDER_NET_FETCH_H

#include "postrider/base/buf.h"
#include "postrider/loop.h"

typedef struct pr_fetcher pr_fetcher;

struct pr_fetcher_options {
	const char *name;    /* of the thread */
	unsigned most;       /* at once; the rest waits in its order */
	const char *ca_file; /* PEM; NULL: the system's trusted CAs */
};

/* Embedded in its owner's memory, which stays until done is called. */
struct pr_fetch {
	/* On the thread. curl: a CURL * that has no redirects, TLS 1.2 and up, no signals, and
	 * fills body; the URL, the time-outs and the rest are prepare's to set. */
	void (*prepare)(struct pr_fetch *f, void *curl);
	/* On the thread, once: code is a CURLcode. */
	void (*collect)(struct pr_fetch *f, void *curl, int code);
	void (*done)(struct pr_fetch *f); /* on the loop; last */
	size_t body_max;                  /* octets; more ends the transfer (CURLE_WRITE_ERROR) */
	struct pr_buf body;               /* begins empty; the owner's to finish */
	/* the fetcher's */
	struct pr_post post;
	struct pr_list link;
	void *curl;
};

/* Options are copied. System errors of the thread. */
int pr_fetcher_create(pr_loop *loop, const struct pr_fetcher_options *options, pr_fetcher **out,
                      struct pr_error *e);
/* Ends what is under way and what waits, by CURLE_ABORTED_BY_CALLBACK; all done are called. */
void pr_fetcher_destroy(pr_fetcher *r);
void pr_fetcher_submit(pr_fetcher *r, struct pr_fetch *f);

#endif
