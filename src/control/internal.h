/*
 * What the files of control share.
 *
 *   server.c   libmicrohttpd on the loop: requests in, answers out
 *   access.c   who may do what, by the peer's uid
 *   resource.c the table of paths
 *   body.c     the JSON of a request
 *   status.c   status and campaigns as JSON
 *   sites.c    lanes as JSON
 *   metrics.c  Prometheus text, health
 *   verbs.c    what changes something; replace.c corrected content
 *   suppress.c whom mail may not go to
 *   feedback.c mails that came back
 *   contacts.c the people known; contacts_read.c what is said of them; track.c what
 *              they did; segment.c some of them
 *   submit.c   new campaigns; handing.c walks the path of what is handed over
 *   preview.c  the message of a row
 *   rows.c     rows of a campaign, one person's story: read on the reader lane
 *   person.c   all that is held of one person; forgetting them
 *   campaign.c one campaign with its history
 *   report.c   a campaign's report, made now, on a lane of its own
 *   events.c   the journal as events: pages and streams; reading.c reads for them
 *   shelf.c    campaigns of earlier runs, from done/
 */
#ifndef CONTROL_INTERNAL_H
#define CONTROL_INTERNAL_H

#include "postrider/base/hash.h"
#include "postrider/control.h"
#include "postrider/poll.h"
#include "postrider/report.h"

#include <jansson.h>
#include <microhttpd.h>

#define BODY_MAX (1u << 20)
#define PATH_MAX_OCTETS 1024
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

/* Who asks. */
struct peer {
	uint32_t uid;
	bool known;       /* came by the Unix socket */
	bool is_operator; /* all, on all campaigns */
	char name[64];    /* of the user, for `by` */
};

/* One of the two listeners: the Unix socket, and the one for metrics. */
struct server {
	struct pr_control *control;
	struct MHD_Daemon *daemon;
	pr_poll *poll;
	struct pr_timer timer;
	struct pr_turn_hook run;
	bool metrics_only;
	int socket;
};

struct pr_control {
	struct pr_control_options options;
	pr_loop *loop;
	struct server unix_server, metrics_server;
	pr_lane *readers;
	pr_lane *reports;        /* those take long: nobody else waits behind them */
	struct pr_list streams;  /* requests that follow events */
	struct pr_list accepted; /* Idempotency-Keys of submissions */
	unsigned accepted_n;
	struct pr_list shelf; /* campaigns that earlier runs finished */
	bool closing;
};

/* A request from its first line to its answer. Freed when libmicrohttpd is through with it. */
struct request {
	struct pr_control *control;
	struct server *server;
	struct MHD_Connection *connection;
	struct peer peer;
	char method[16], path[PATH_MAX_OCTETS];
	char *segments[6]; /* of the path, NULL after the last */
	char segment_text[PATH_MAX_OCTETS];
	struct pr_buf body;
	uint64_t received; /* octets of the body */
	bool too_large, suspended, answered, gone;
	unsigned status;
	const char *type;
	const char *allow; /* of a 405: the methods that are possible (RFC 9110, 15.5.6) */
	struct pr_buf answer;
	struct MHD_Response *response; /* instead of answer: a stream */
	unsigned jobs;                 /* work under way that will answer */
};

/* ---- server.c ---- */
/* Exactly one answer a request, at once or after request_wait. The buffer is taken. */
void request_answer(struct request *q, unsigned status, const char *type, struct pr_buf *body);
void request_json(struct request *q, struct pr_buf *body); /* 200 */
void request_fail(struct request *q, unsigned status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void request_fail_code(struct request *q, int code, const char *text); /* a PR_E code */
void request_wait(struct request *q); /* the answer comes later, from the loop */
void request_done(struct request *q); /* the later work is through (after its answer) */
const char *request_argument(struct request *q, const char *name); /* of the query, or NULL */
void server_kick(struct server *s);                                /* something was resumed */

/* ---- feedback.c ---- */
void add_feedback(struct pr_buf *b, const struct pr_control *c); /* to the status */
void add_feedback_metrics(struct pr_buf *b, const struct pr_control *c);

/* ---- body.c ---- */
/* Octets of the body that are taken: a mail may be longer than what else is asked. */
unsigned body_max(const struct request *q);
/* The body, an object with no other than these keys (ended by NULL; NULL: none at all), in *out:
 * the caller's, NULL where there is no body. False: it was answered. */
bool request_body(struct request *q, const char *const *keys, json_t **out);

/* ---- access.c ---- */
void peer_of(struct pr_control *c, struct MHD_Connection *connection, struct peer *out);
bool may_see_rows(const struct request *q, uint32_t owner);
bool may_act(const struct request *q, uint32_t owner);
bool must_operate(struct request *q, const char *why_not); /* false when it was answered */

/* ---- resource.c ---- */
void resource_dispatch(struct request *q);

/* ---- handlers ---- */
void get_status(struct request *q);
void get_campaigns(struct request *q);
void get_campaign(struct request *q);
void get_sites(struct request *q);
void get_metrics(struct request *q);
void get_health(struct request *q);
void get_rows(struct request *q);
void get_recipient(struct request *q);
void get_export(struct request *q);
void post_forget(struct request *q);
void get_events(struct request *q);
void get_report(struct request *q);
void post_submit(struct request *q);
void post_verb(struct request *q);
void post_all(struct request *q);
void post_replace(struct request *q);
void get_preview(struct request *q);
void get_suppressions(struct request *q);
void get_suppression_audit(struct request *q);
void post_suppression(struct request *q);
void post_suppression_remove(struct request *q);
void post_suppression_import(struct request *q);
void post_feedback(struct request *q);
void get_contacts(struct request *q);
void get_contact(struct request *q);
void get_contact_attributes(struct request *q);
void post_contacts(struct request *q);
void post_contact_delete(struct request *q);
void post_track(struct request *q);
void post_segment_count(struct request *q);
void post_segment_explain(struct request *q);
void post_segment_sample(struct request *q);
void post_reload(struct request *q);
void post_drain(struct request *q);

/* A campaign that an earlier run finished, as far as it must be known without its folder. */
struct shelved {
	struct pr_list link;
	uint32_t serial, owner;
	char id[PR_CAMPAIGN_ID_MAX];
};
void shelf_open(struct pr_control *c); /* reads done/: at the start only */
void shelf_close(struct pr_control *c);
const struct shelved *shelf_find(const struct pr_control *c, const char *id); /* or NULL */

/* A campaign an earlier run finished: answers or 404s. */
void shelf_get(struct request *q, const char *id);
/* Appends the campaigns in done/ that delivery does not know, then answers. */
void shelf_list(struct request *q, struct pr_buf *begun);
bool id_is_sound(const char *id); /* may name a folder */
uint64_t hash_id(const char *id); /* for maps */

/* The campaign in the path, which may be changed by who asks; ended: also one that has ended.
 * False when it was answered. */
bool find_target(struct request *q, bool ended, char id[PR_CAMPAIGN_ID_MAX]);
/* A number of the query; *out stays as it is where there is none. False when it was answered. */
bool read_number(struct request *q, const char *name, uint64_t least, uint64_t most, uint64_t *out);
/* The folder of the campaign in the path; false when it was answered: unknown or not to be seen. */
bool find_folder(struct request *q, char *dir, size_t size);
void json_text(struct pr_buf *b, const char *key, struct pr_str text); /* ,"key":"text" */
/* The object of a row, without its end; campaign NULL: not said. */
void known_json(struct pr_buf *b, const struct pr_known *k, const char *campaign);
int engagement_json(struct pr_buf *b, pr_ledger *l, uint32_t row, struct pr_error *e);
int open_ledger(const char *dir, pr_ledger **out, struct pr_error *e); /* read-only */

void events_close(struct pr_control *c);
void submit_close(struct pr_control *c);

#endif
