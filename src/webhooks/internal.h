/*
 * What the files of webhooks share.
 *
 *   webhooks.c  opening, reloading, closing, looking
 *   hook.c      one webhook: what it waits for, and what comes next
 *   read.c      on the lane: save the cursor, pass over what is beyond keep, make a batch
 *   post.c      on the fetch thread: sign and post a batch, judge the answer
 *   kept.c      the cursor as text of state.db
 *   sign.c      the signature;  sendgrid.c  an event with SendGrid's words
 */
#ifndef WEBHOOKS_INTERNAL_H
#define WEBHOOKS_INTERNAL_H

#include "postrider/events.h"
#include "postrider/net/fetch.h"
#include "postrider/webhooks.h"

#define HOOK_EVENTS_MAX 500u
#define HOOK_OCTETS_MAX (512u << 10)

/* ---- kept.c: pure ---- */
struct hook_kept {
	uint64_t position; /* all below is answered, not wanted or missed */
	struct pr_webhook_missed missed;
};
#define HOOK_FACTS "webhook/" /* keys in state.db: this, and the SHA-256 of the URL */
#define HOOK_KEY_SIZE (sizeof HOOK_FACTS + 64)
void hook_key(struct pr_str url, char out[HOOK_KEY_SIZE]);
void hook_kept_text(const struct hook_kept *kept, struct pr_buf *out); /* appends */
bool hook_kept_parse(struct pr_str text, struct hook_kept *out);

/* ---- sign.c: pure ---- */
#define HOOK_SIGNATURE_SIZE 100
/* "t=UNIX,v1=HEX": HEX is the HMAC-SHA256 of "UNIX.body". */
void hook_sign(const char *secret, int64_t unix_s, struct pr_str body,
               char out[HOOK_SIGNATURE_SIZE]);

/* ---- sendgrid.c: pure ---- */
/* A named event as an object of SendGrid's event webhook; appends. */
void hook_sendgrid(const struct pr_event *event, struct pr_buf *out);

/* ---- post.c ---- */
/* Until the next try after so many failures, the first being 1; random: from 0 to 1. */
int64_t hook_pause_ms(unsigned failures, double random);

struct hook_post {
	struct pr_fetch fetch;
	struct pr_config *config;      /* held */
	const struct pr_webhook *spec; /* of it */
	struct pr_str body;            /* a view of the hook's batch */
	void *headers;                 /* curl_slist */
	/* what came of it */
	int status; /* 0: there was no answer */
	int64_t retry_after_s;
	char why[200]; /* "" when it was answered by 2xx */
};
void hook_post_submit(struct hook_post *p, pr_fetcher *fetcher);
void hook_post_finish(struct hook_post *p);

/* ---- hook.c ---- */

struct hook_batch {
	struct pr_buf body; /* the JSON array */
	unsigned n;
	uint64_t end;      /* the place behind it */
	int64_t oldest_ms; /* UTC of its first event */
};

struct hook {
	struct pr_list link; /* webhooks->hooks */
	struct pr_webhooks *owner;
	struct pr_config *config; /* held */
	const struct pr_webhook *spec;
	char key[HOOK_KEY_SIZE];
	struct pr_timer timer;

	struct hook_kept kept;
	uint64_t saved;          /* the position that state.db has */
	bool unsaved;            /* the last answer is not there yet */
	struct hook_batch batch; /* n 0: none in hand */
	bool more;               /* the lane stopped before the end */

	struct hook_read *read; /* under way */
	struct hook_post post;
	bool posting, removed, gone;
	bool troubled; /* the lane failed last */

	unsigned failures; /* in a row */
	/* on the loop's clock; 0: not set */
	int64_t due_ms;   /* when to read */
	int64_t until_ms; /* when to try again */
	int64_t look_ms;  /* when to look whether keep is exceeded */
	bool idle;        /* nothing waits; when that ended last: */
	int64_t since_utc_ms, since_mono_ms;
	int status;
	char error[sizeof((struct pr_error *)0)->text];
	int64_t tried_ms; /* UTC */
	uint64_t events, answered, failed;

	struct pr_webhook_missed untold; /* missed since the log said so */
	int64_t told_ms;
};

struct pr_webhooks {
	struct pr_webhooks_options options;
	pr_lane *lane;
	pr_fetcher *fetcher;
	struct pr_list hooks;
	char *done_dir;
	bool closing;
};

struct hook *hook_create(struct pr_webhooks *w, struct pr_config *config,
                         const struct pr_webhook *spec);
void hook_configure(struct hook *h, struct pr_config *config, const struct pr_webhook *spec);
void hook_remove(struct hook *h); /* it goes when nothing of it is under way */
void hook_free(struct hook *h);
/* Asks for what comes next; may be called at any time. */
void hook_drain(struct hook *h);
uint64_t hook_backlog(const struct hook *h);
/* UTC, but a clock that is set forward while events wait does not make them old. */
int64_t hook_now_ms(const struct hook *h);
void hook_tell_missed(struct hook *h, bool now);
/* From read.c and post.c: on the loop. */
void hook_on_read(struct hook *h, struct hook_read *r); /* takes its batch */
void hook_on_post(struct hook *h);

/* ---- read.c ---- */

struct hook_read {
	struct pr_job job;
	struct hook *hook;
	const struct pr_webhook *spec; /* held by config */
	struct pr_config *config;
	struct pr_statedb *statedb;
	pr_events *events; /* NULL: save only */
	struct pr_buf fact;
	bool save, forget; /* first */
	uint64_t from, limit;
	uint64_t least; /* what lies below this, or is older than since_ms, is missed */
	int64_t since_ms;
	/* what came of it */
	uint64_t position; /* the batch begins here; all before is done with */
	struct hook_batch batch;
	struct pr_webhook_missed missed;
	bool more;
	int result, saved; /* of reading, of saving: 0 or a PR_E code */
	struct pr_error error;
};
void hook_read_submit(struct hook *h, bool save);
void hook_save_submit(struct hook *h, bool forget); /* or forget what is there */

#endif
