/*
 * libmicrohttpd on the web thread. It polls two things: libmicrohttpd's epoll set, and the eventfd
 * by which others wake it: an ask came home, or it is time to end. All calls into libmicrohttpd
 * are made here, so nothing of it is shared.
 *
 *   poll -> asks that came home are resumed -> MHD_run: requests -> what they recorded is handed
 *   to the loop, once a turn
 */
#include "internal.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BACKLOG 1024
#define TIMEOUT_S 30u
#define HEADERS_MAX 16384u
#define ABSURD_MAX (16u * TRACK_BODY_MAX) /* of a body: more is not even read to be refused */
#define BODIES_MAX (16u << 20)            /* octets, of all that tell of events */
#define LOOK_MS (5 * PR_SECOND_MS)        /* at the store, for whose opens are not to be recorded */
#define GOODBYE_TURNS 20                  /* of 10 ms: for answers under way when it ends */

static char simple; /* the slot of a request that has no state */

/* ---- requests ---- */

static enum MHD_Result
refuse_at_once(struct web *w, struct MHD_Connection *connection, const char *url, unsigned status)
{
	struct pr_str rest;
	struct track_answer a = {.status = status};
	return visit_answer(w, connection, track_target(url, &rest), &a);
}

static bool
is_too_long(struct MHD_Connection *connection, uint64_t max)
{
	uint64_t n;
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	                                                 MHD_HTTP_HEADER_CONTENT_LENGTH);
	return length && (!pr_str_u64(pr_str(length), &n) || n > max);
}

static enum MHD_Result
begin_request(struct web *w, struct MHD_Connection *connection, const char *url, const char *method,
              void **slot)
{
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
		*slot = &simple;
		return MHD_YES;
	}
	if (strcmp(method, "POST") != 0)
		return refuse_at_once(w, connection, url, MHD_HTTP_METHOD_NOT_ALLOWED);
	struct pr_str rest;
	bool raw = track_target(url, &rest) == PR_TRACK_EVENTS;
	if (is_too_long(connection, raw ? PR_TOLD_MAX : TRACK_BODY_MAX))
		return refuse_at_once(w, connection, url, MHD_HTTP_CONTENT_TOO_LARGE);
	if (raw && w->bodies > BODIES_MAX)
		return refuse_at_once(w, connection, url, MHD_HTTP_SERVICE_UNAVAILABLE);
	struct track_ask *a = ask_create(w, connection);
	a->raw = raw;
	if (!raw)
		track_form_begin(&a->form, connection);
	*slot = a;
	return MHD_YES;
}

/* Signed as it came, so it is kept as it came. */
static enum MHD_Result
take_raw(struct track_ask *a, const char *data, size_t *n)
{
	a->body_full |= a->body.len + *n > PR_TOLD_MAX || a->track->web.bodies > BODIES_MAX;
	if (!a->body_full) {
		pr_buf_add(&a->body, data, *n);
		a->track->web.bodies += *n;
	}
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result
take_body(struct track_ask *a, const char *data, size_t *n)
{
	if (a->raw)
		return take_raw(a, data, n);
	track_form_take(&a->form, data, *n);
	*n = 0;
	return a->form.received <= ABSURD_MAX ? MHD_YES : MHD_NO;
}

/* It was away, and is home or given up. */
static enum MHD_Result
answer_ask(struct web *w, struct track_ask *a)
{
	struct track_answer later = {.status = MHD_HTTP_SERVICE_UNAVAILABLE};
	return visit_answer(w, a->connection, a->path, a->given_up ? &later : &a->answer);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *n, void **slot)
{
	struct web *w = context;
	struct track_visit v;
	struct track_ask *a = *slot != &simple ? *slot : NULL;
	(void)version;
	if (!*slot)
		return begin_request(w, connection, url, method, slot);
	if (*n > 0)
		return a ? take_body(a, data, n) : MHD_NO;
	if (a && (a->given_up || a->answer.status))
		return answer_ask(w, a);
	visit_begin(&v, w, connection, url, strcmp(method, "HEAD") == 0);
	return a ? visit_post(&v, a) : visit_get(&v, slot);
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **slot,
             enum MHD_RequestTerminationCode why)
{
	(void)context, (void)connection, (void)why;
	if (*slot && *slot != &simple)
		ask_release(*slot);
	*slot = NULL;
}

/* What holds %00 stays as it was sent: decoded, the rest of it would be lost to C strings. */
static size_t
unescape(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context, (void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

/* ---- turns ---- */

static void
take_config(struct web *w)
{
	const struct pr_config *c = w->track->config;
	if (c == w->config)
		return;
	w->config = c;
	free(w->proxies.networks);
	w->proxies.n = 0;
	w->proxies.networks = pr_calloc(c->track.proxies.n + 1, sizeof *w->proxies.networks);
	for (size_t i = 0; i < c->track.proxies.n; i++)
		if (pr_network_parse(pr_text_str(&c->track.proxies.items[i]),
		                     &w->proxies.networks[w->proxies.n]) == 0)
			w->proxies.n++;
	w->looked_ms = 0;
}

/* A visitor is known for a day of UTC at most. */
static void
take_time(struct web *w)
{
	struct pr_error e; /* the store is read again soon */
	w->now_us = pr_mono_us();
	w->utc_ms = pr_utc_ms();
	if (w->utc_ms / PR_DAY_MS != w->key_day) {
		pr_hash_key_random(&w->key);
		w->key_day = w->utc_ms / PR_DAY_MS;
	}
	if (w->looked_ms && w->now_us / 1000 - w->looked_ms < LOOK_MS)
		return;
	w->looked_ms = w->now_us / 1000;
	(void)track_untracked_refresh(w->untracked, w->config, &e);
}

static int
time_to_wait(struct web *w)
{
	unsigned long long ms;
	if (MHD_get_timeout(w->daemon, &ms) != MHD_YES || ms > 1000)
		return 1000;
	return (int)ms;
}

static void
turn(struct web *w, int wait_ms)
{
	struct pollfd fds[2] = {{.fd = w->epoll, .events = POLLIN},
	                        {.fd = w->track->wake, .events = POLLIN}};
	eventfd_t n;
	poll(fds, 2, wait_ms);
	if (fds[1].revents)
		eventfd_read(w->track->wake, &n);
	take_config(w);
	take_time(w);
	asks_come_home(w);
	MHD_run(w->daemon);
	track_queue_flush(&w->track->queue);
}

void
web_run(struct web *w)
{
	while (!w->track->stopping)
		turn(w, time_to_wait(w));
	MHD_socket listening = MHD_quiesce_daemon(w->daemon);
	if (listening != MHD_INVALID_SOCKET)
		close(listening);
	asks_give_up(w);
	for (int i = 0; i < GOODBYE_TURNS && !pr_list_empty(&w->asks); i++)
		turn(w, 10);
}

/* ---- opening ---- */

static int
start_daemon(struct web *w, struct pr_error *e)
{
	const struct pr_config *c = w->config;
	struct pr_error why;
	int fd, r = pr_listen(c->track.listen.host, c->track.listen.port, BACKLOG, &fd, &why);
	if (r < 0)
		return pr_fail(e, r, "track.listen: %s", why.text);
	w->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, w,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->track.connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HEADERS_MAX, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
	if (!w->daemon) {
		close(fd);
		return pr_fail(e, PR_ESYSTEM, "cannot start the tracking server");
	}
	w->epoll = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return 0;
}

/* 43 octets: transparent, 1 by 1. No copy of it is kept anywhere, so each look is seen. */
static struct MHD_Response *
make_gif(void)
{
	static const char octets[] = "GIF89a\1\0\1\0\200\0\0\0\0\0\377\377\377!\371\4\1\0\0\0\0,"
				     "\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
	static const char *const headers[][2] = {
	    {"Content-Type", "image/gif"},
	    {"Cache-Control", "private, no-store, no-cache, max-age=0, must-revalidate"},
	    {"Pragma", "no-cache"},
	    {"Expires", "0"},
	    {"X-Robots-Tag", "noindex"}};
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    sizeof octets - 1, (void *)(uintptr_t)octets, MHD_RESPMEM_PERSISTENT);
	for (size_t i = 0; r && i < sizeof headers / sizeof *headers; i++)
		MHD_add_response_header(r, headers[i][0], headers[i][1]);
	return r;
}

int
web_open(struct web *w, pr_track *t, struct pr_error *e)
{
	w->track = t;
	pr_list_init(&w->asks);
	take_config(w);
	w->rates = track_rates_create();
	w->tellers = track_rates_create();
	w->crowd = track_crowd_create();
	w->gif = make_gif();
	int r = w->gif ? 0 : pr_fail(e, PR_ESYSTEM, "no memory for the pixel");
	if (r == 0)
		r = track_links_open(t->options.state_path, &w->links, e);
	if (r == 0)
		r = track_untracked_open(t->options.audience_path, w->config, &w->untracked, e);
	return r == 0 ? start_daemon(w, e) : r;
}

void
web_close(struct web *w)
{
	if (w->daemon)
		MHD_stop_daemon(w->daemon);
	if (w->gif)
		MHD_destroy_response(w->gif);
	track_untracked_close(w->untracked);
	track_links_close(w->links);
	track_crowd_destroy(w->crowd);
	track_rates_destroy(w->rates);
	track_rates_destroy(w->tellers);
	free(w->proxies.networks);
	pr_buf_finish(&w->forwarded);
	pr_buf_finish(&w->destination);
	pr_buf_finish(&w->location);
	w->daemon = NULL;
	w->untracked = NULL;
}
