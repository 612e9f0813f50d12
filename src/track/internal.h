/*
 * The inside of tracking. Private to track/.
 *
 *   evidence.c   what headers tell of who asks                       pure
 *   client.c     who asks, behind proxies; visitors                  pure
 *   rate.c       how fast a visitor may ask                          pure
 *   crowd.c      visitors who act for many                           pure
 *   target.c     what a path asks for; hosts of destinations         pure
 *   language.c   which of the pages' languages                       pure
 *   page.c       the pages                                           pure
 *   form.c       what a POST says
 *   link.c       destinations, as state.db has them
 *   untracked.c  whose opens are not to be recorded
 *   queue.c      from the web thread to the journal
 *   visit.c      one request: what it asks, what is recorded, the answer
 *   ask.c        those that the loop or a lane has to answer
 *   view.c       the message in the browser
 *   told.c       what shops tell of customers
 *   server.c     libmicrohttpd on the web thread
 *   track.c      opening, reloading, ending
 *
 * Three threads. The web thread owns struct web and all that is libmicrohttpd's; the loop owns
 * the rest; a lane composes pages. An ask goes from the web thread by post to the loop, perhaps to
 * the lane or to delivery, and home by a list that the web thread looks at when it is woken.
 */
#ifndef TRACK_INTERNAL_H
#define TRACK_INTERNAL_H

#include "postrider/conversions/payload.h"
#include "postrider/delivery/leave.h"
#include "postrider/delivery/whom.h"
#include "postrider/message/token.h"
#include "postrider/net.h"
#include "postrider/track.h"

#include <microhttpd.h>
#include <pthread.h>

struct web;

/* ---- evidence.c ---- */
struct track_headers { /* NULL: not there */
	const char *user_agent, *accept_language, *purpose, *sec_purpose;
	bool head;
};
uint16_t track_evidence(const struct track_headers *h); /* PR_EVIDENCE_* but MANY, HONEYPOT */
enum pr_device track_device(const char *user_agent);    /* NULL: none */

/* ---- client.c ---- */
struct track_proxies {
	struct pr_network *networks;
	size_t n;
};
/* forwarded: all of X-Forwarded-For, or its end. */
void track_client(const struct track_proxies *proxies, const struct sockaddr *peer,
                  struct pr_str forwarded, unsigned char out[16]);
uint64_t track_visitor(struct pr_hash_key key, const unsigned char address[16]); /* never 0 */

/* ---- rate.c ---- */
struct track_rates *track_rates_create(void);
void track_rates_destroy(struct track_rates *r);
/* Whether the visitor may make one more request: two seconds' worth at once. */
bool track_rate_take(struct track_rates *r, struct pr_rate rate, uint64_t visitor, int64_t now_us);

/* The same with so much of the rate at once. */
bool track_rate_take_burst(struct track_rates *r, struct pr_rate rate, int64_t burst_us,
                           uint64_t visitor, int64_t now_us);

/* ---- crowd.c ---- */
#define TRACK_CROWD 10
struct track_row {
	uint32_t serial, row;
};
struct track_crowd *track_crowd_create(void);
void track_crowd_destroy(struct track_crowd *c);
/* The visitor asked for the row: whether it is one who acts for many. When that is found out, its
 * *n earlier rows: a view until the next call. */
bool track_crowd_add(struct track_crowd *c, uint64_t visitor, struct track_row row, uint32_t now_s,
                     const struct track_row **earlier, size_t *n);

/* ---- target.c ---- */
/* The path's room and what stands behind it: a token, as far as one can tell. */
enum pr_track_path track_target(const char *url, struct pr_str *rest);
struct pr_str track_host_of(struct pr_str url); /* n 0: none */

/* ---- language.c ---- */
enum track_language {
	TRACK_EN,
	TRACK_ZH,
	TRACK_DE,
	TRACK_FR,
	TRACK_ES,
	TRACK_LANGUAGES,
};
/* "de", "pt-BR"; TRACK_LANGUAGES: none of ours. */
enum track_language track_language_of(struct pr_str tag);
/* The one preferred most among ours; TRACK_EN: none is asked for. header may be NULL. */
enum track_language track_language_asked(const char *header);
const char *track_language_tag(enum track_language l);

/* ---- page.c ---- */
enum track_page {
	TRACK_PAGE_LEAVE,       /* asks */
	TRACK_PAGE_LEFT,        /* it is done */
	TRACK_PAGE_PREFERENCES, /* asks */
	TRACK_PAGE_SAVED,
	TRACK_PAGE_NOT_FOUND,
	TRACK_PAGE_GONE,
	TRACK_PAGE_TOO_FAST,
	TRACK_PAGE_BAD,
	TRACK_PAGE_LATER, /* it could not be done now */
	TRACK_PAGES
};
/* sender: in From, NULL: not known; list: whether there is one to leave. */
void track_add_page(struct pr_buf *to, enum track_page page, enum track_language l,
                    const char *sender, bool list);

/* ---- form.c ---- */
#define TRACK_BODY_MAX 8192u
enum { /* what a form says, together */
       TRACK_SAYS_ONE_CLICK = 1,
       TRACK_SAYS_LEAVE = 2,
       TRACK_SAYS_LIST = 4,
       TRACK_SAYS_ALL = 8,
       TRACK_SAYS_OPENS = 16,
};
#define TRACK_FIELDS 5
struct track_form {
	struct MHD_PostProcessor *processor; /* NULL: no kind of form we know */
	size_t received;
	bool broken;
	struct {
		char text[16];
		size_t n;
	} values[TRACK_FIELDS];
};
void track_form_begin(struct track_form *f, struct MHD_Connection *connection);
void track_form_take(struct track_form *f, const char *data, size_t n);
unsigned track_form_end(struct track_form *f); /* TRACK_SAYS_*; 0: nothing that we know */

/* ---- link.c ---- */
struct track_links;
int track_links_open(const char *state_path, struct track_links **out, struct pr_error *e);
void track_links_close(struct track_links *l); /* NULL: nothing */
/* A view until the next call. PR_ENOENT. */
int track_link(struct track_links *l, uint32_t serial, uint32_t link, struct pr_str *url,
               struct pr_error *e);

/* ---- untracked.c ---- */
struct track_untracked;
int track_untracked_open(const char *audience_path, const struct pr_config *config,
                         struct track_untracked **out, struct pr_error *e);
void track_untracked_close(struct track_untracked *u); /* NULL: nothing */
/* Reads the store again, when it or the configuration (its keys) has changed. */
int track_untracked_refresh(struct track_untracked *u, const struct pr_config *config,
                            struct pr_error *e);
void track_untracked_add(struct track_untracked *u, char key, uint64_t address);
bool track_untracked_has(const struct track_untracked *u, char key, uint64_t address);

/* ---- queue.c ---- */
struct track_queue {
	pr_track *track;
	struct pr_buf filling; /* the web thread's */
	unsigned filling_n;    /* events in it */
	pthread_mutex_t lock;
	struct pr_buf shared;
	bool posted; /* the loop will look */
	struct pr_post post;
	struct pr_buf taken; /* the loop's */
	_Atomic uint64_t dropped;
};
void track_queue_init(struct track_queue *q, pr_track *t);
void track_queue_finish(struct track_queue *q);
/* On the web thread. */
void track_queue_add(struct track_queue *q, struct track_row row, int64_t at_ms,
                     const struct pr_engagement *g);
void track_queue_flush(struct track_queue *q); /* at the end of a turn */
/* On the loop: what is there goes to the journal. */
void track_queue_take(struct track_queue *q);

/* ---- visit.c, ask.c, view.c ---- */

struct track_answer {
	unsigned status;
	bool html;    /* else it has no body */
	bool json;    /* the body is for programs */
	bool message; /* html is what somebody else wrote: it may have images and styles */
	struct pr_buf body;
};

/* A POST, and whatever has to wait for others. The web thread's, and when `away` the loop's but
 * for the members marked web. */
struct track_ask {
	pr_track *track;
	struct MHD_Connection *connection; /* web */
	struct pr_list link;               /* web: of all asks */
	enum pr_track_path path;
	bool suspended, away, gone, given_up; /* web; away: with others */
	struct track_form form;               /* until it is sent away */
	bool raw, body_full;                  /* the body is kept as it comes; it was too long */
	struct pr_buf body;                   /* the same */
	struct track_told *told;              /* what it tells of a customer; NULL: nothing */
	unsigned says;
	struct pr_token token;
	enum track_language language;
	const struct pr_config *config;
	struct pr_post to_loop;
	struct pr_job job;
	struct pr_leaving leaving;
	unsigned left; /* of what it says */
	struct pr_list home;
	struct track_answer answer;
};

/* An event on its way. */
struct track_told {
	struct track_ask *ask;
	struct pr_arena arena;
	struct pr_told told;
	bool keyed; /* whoever tells it has a key, or a shop's secret */
	struct pr_token token;
	struct pr_customer_event event;
	struct pr_order order;
};

/* What one request is about, on the web thread. */
struct track_visit {
	struct web *web;
	struct MHD_Connection *connection;
	enum pr_track_path path;
	struct pr_str rest;
	bool head;
	uint64_t visitor;
	uint16_t evidence;
	uint8_t device;
	enum track_language language;
};
void visit_begin(struct track_visit *v, struct web *w, struct MHD_Connection *connection,
                 const char *url, bool head);
/* GET and HEAD; *slot: an ask, when it has to wait. */
enum MHD_Result visit_get(struct track_visit *v, void **slot);
enum MHD_Result visit_post(struct track_visit *v, struct track_ask *a);
enum MHD_Result visit_page(struct track_visit *v, unsigned status, enum track_page page);
enum MHD_Result visit_refuse_method(struct track_visit *v);
/* Takes the body. */
enum MHD_Result visit_answer(struct web *w, struct MHD_Connection *connection,
                             enum pr_track_path path, struct track_answer *a);
void visit_page_answer(struct track_answer *a, unsigned status, enum track_page page,
                       enum track_language l);

struct track_ask *ask_create(struct web *w, struct MHD_Connection *connection);
void ask_send(struct track_ask *a);    /* on the web thread: suspends its connection */
void ask_release(struct track_ask *a); /* on the web thread: its connection is done with it */
void asks_come_home(struct web *w);    /* on the web thread */
void asks_give_up(struct web *w);      /* on the web thread: they are answered 503 */

/* told.c */
enum MHD_Result visit_told(struct track_visit *v, struct track_ask *a); /* POST /e */
void told_order(struct track_ask *a);                                   /* on the loop */
void told_free(struct track_told *t);                                   /* NULL: nothing */

bool visit_is_fast_enough(struct track_visit *v);
bool visit_is_crowded(const struct track_visit *v); /* too many asks wait for others */
void ask_go_home(struct track_ask *a);              /* on the loop: it is answered */

/* On the lane. Negative: there is nothing to show. */
int view_compose(struct track_ask *a, const struct pr_whom *whom);

/* ---- server.c ---- */

struct web {
	pr_track *track;
	const struct pr_config *config;
	struct track_proxies proxies;
	struct MHD_Daemon *daemon;
	struct MHD_Response *gif;
	int epoll;
	struct track_rates *rates, *tellers; /* of visitors; of tokens at POST /e */
	size_t bodies;                       /* octets of raw ones */
	struct track_crowd *crowd;
	struct track_links *links;
	struct track_untracked *untracked;
	struct pr_hash_key key; /* of visitors */
	int64_t key_day, looked_ms;
	int64_t now_us, utc_ms;                         /* of this turn */
	struct pr_list asks;                            /* whose connections are here */
	unsigned away;                                  /* asks that are with others */
	struct pr_buf forwarded, destination, location; /* of the request at hand */
};
int web_open(struct web *w, pr_track *t, struct pr_error *e);
void web_run(struct web *w); /* until the track is stopping */
void web_close(struct web *w);

/* ---- track.c ---- */

#define TRACK_STATUSES 12
struct pr_track {
	struct pr_track_options options;
	pr_loop *loop;
	const struct pr_config *_Atomic config; /* in force */
	struct track_queue queue;
	_Atomic uint64_t answers[PR_TRACK_PATHS][TRACK_STATUSES];
	struct web web;
	pthread_t thread;
	bool running;
	_Atomic bool stopping;
	int wake; /* an eventfd: the web thread has something to look at */
	pthread_mutex_t home_lock;
	struct pr_list home; /* asks that are answered */
	pr_lane *lane;       /* its workers have a pr_statedb; NULL: stopped */
	bool full;           /* the journal is */
	uint64_t recorded;
};
void track_wake(pr_track *t);
void track_count(pr_track *t, enum pr_track_path path, unsigned status);

#endif
