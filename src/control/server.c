/*
 * libmicrohttpd on the loop: its epoll set is polled, MHD_run does what is ready, its
 * time-outs become a timer. A request that needs a disk is suspended and resumed with its
 * answer; nothing here ever waits.
 *
 * Everybody who can reach the socket is untrusted: connections, time, headers and bodies are
 * bounded.
 */
#include "internal.h"

#include "postrider/net.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512 /* who connects in a burst is not turned away: EAGAIN on a Unix socket */
#define CONNECTIONS_MAX 128u
#define TIMEOUT_S 30u
#define HEADERS_MAX 16384u
#define ABSURD_MAX (16u * BODY_MAX)

/* ---- answers ---- */

void
request_answer(struct request *q, unsigned status, const char *type, struct pr_buf *body)
{
	PR_ASSERT(!q->answered);
	q->answered = true;
	q->status = status;
	q->type = type;
	q->answer = *body;
	*body = (struct pr_buf){0};
	if (q->suspended && !q->gone) {
		q->suspended = false;
		MHD_resume_connection(q->connection);
		server_kick(q->server);
	}
}

void
request_json(struct request *q, struct pr_buf *body)
{
	pr_buf_addc(body, '\n');
	request_answer(q, MHD_HTTP_OK, "application/json", body);
}

void
request_fail(struct request *q, unsigned status, const char *code, const char *format, ...)
{
	struct pr_buf text = {0}, body = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&text, format, ap);
	va_end(ap);
	pr_buf_addf(&body, "{\"error\":{\"code\":\"%s\",\"message\":", code);
	pr_buf_add_json(&body, pr_buf_str(&text));
	pr_buf_adds(&body, "}}\n");
	pr_buf_finish(&text);
	request_answer(q, status, "application/json", &body);
}

void
request_fail_code(struct request *q, int code, const char *text)
{
	unsigned status = code == PR_ENOENT         ? MHD_HTTP_NOT_FOUND
	                  : code == PR_EINVAL       ? MHD_HTTP_BAD_REQUEST
	                  : code == PR_ESTATE       ? MHD_HTTP_CONFLICT
	                  : code == PR_EEXIST       ? MHD_HTTP_CONFLICT
	                  : code == PR_EDENIED      ? MHD_HTTP_FORBIDDEN
	                  : code == PR_ENOSPC       ? MHD_HTTP_INSUFFICIENT_STORAGE
	                  : code == PR_EUNAVAILABLE ? MHD_HTTP_NOT_IMPLEMENTED
	                  : code == PR_EAGAIN       ? MHD_HTTP_SERVICE_UNAVAILABLE
	                                            : MHD_HTTP_INTERNAL_SERVER_ERROR;
	request_fail(q, status, pr_error_word(code), "%s", text);
}

void
request_wait(struct request *q)
{
	q->jobs++;
}

static void
free_request(struct request *q)
{
	if (!q->gone || q->jobs > 0)
		return;
	pr_buf_finish(&q->body);
	pr_buf_finish(&q->answer);
	if (q->response) /* nobody was there to take it */
		MHD_destroy_response(q->response);
	free(q);
}

void
request_done(struct request *q)
{
	PR_ASSERT(q->jobs > 0);
	q->jobs--;
	free_request(q);
}

const char *
request_argument(struct request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- requests ---- */

static void
split_path(struct request *q)
{
	unsigned n = 0;
	snprintf(q->segment_text, sizeof q->segment_text, "%s", q->path);
	for (char *save, *p = strtok_r(q->segment_text, "/", &save); p && n < 5;
	     p = strtok_r(NULL, "/", &save))
		q->segments[n++] = p;
}

static struct request *
begin_request(struct server *s, struct MHD_Connection *connection, const char *url,
              const char *method)
{
	struct request *q = pr_calloc(1, sizeof *q);
	q->control = s->control;
	q->server = s;
	q->connection = connection;
	snprintf(q->method, sizeof q->method, "%s", method);
	snprintf(q->path, sizeof q->path, "%s", url);
	split_path(q);
	if (!s->metrics_only)
		peer_of(s->control, connection, &q->peer);
	return q;
}

static enum MHD_Result
send_answer(struct request *q)
{
	struct MHD_Response *r = q->response;
	if (!r) {
		r = MHD_create_response_from_buffer(q->answer.len, q->answer.data,
		                                    MHD_RESPMEM_MUST_COPY);
		pr_buf_finish(&q->answer);
	}
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, q->type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (q->allow)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, q->allow);
	enum MHD_Result result = MHD_queue_response(q->connection, q->status, r);
	MHD_destroy_response(r);
	q->response = NULL;
	return result;
}

/* More than this is not even read to be thrown away. */
static bool
is_absurd(struct MHD_Connection *connection)
{
	uint64_t n;
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	                                                 MHD_HTTP_HEADER_CONTENT_LENGTH);
	return length && pr_str_u64(pr_str(length), &n) && n > ABSURD_MAX;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *n, void **slot)
{
	(void)version;
	struct request *q = *slot;
	if (!q) {
		*slot = q = begin_request(context, connection, url, method);
		if (!is_absurd(connection))
			return MHD_YES;
		q->too_large = true;
		resource_dispatch(q);
		return send_answer(q);
	}
	if (*n > 0) { /* a part of the body */
		q->received += *n;
		if (q->received > ABSURD_MAX)
			return MHD_NO;
		if (q->body.len + *n > body_max(q))
			q->too_large = true;
		else
			pr_buf_add(&q->body, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (!q->answered && !q->suspended) {
		resource_dispatch(q);
		if (!q->answered) {
			q->suspended = true;
			MHD_suspend_connection(connection);
		}
	}
	return q->answered ? send_answer(q) : MHD_YES;
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **slot,
             enum MHD_RequestTerminationCode why)
{
	(void)context;
	(void)connection;
	(void)why;
	struct request *q = *slot;
	if (!q)
		return;
	*slot = NULL;
	q->gone = true;
	free_request(q);
}

/* What holds %00 stays as it was sent: decoded, the rest of it would be lost to C strings. */
static size_t
unescape(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

/* ---- on the loop ---- */

static void
run(struct server *s)
{
	unsigned long long timeout;
	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &timeout) == MHD_YES)
		pr_timer_start(&s->timer, timeout > 1000 ? 1000 : (int64_t)timeout);
	else
		pr_timer_stop(&s->timer);
}

static void
on_readable(void *context)
{
	run(context);
}

static void
on_timer(struct pr_timer *t)
{
	run(PR_CONTAINER(t, struct server, timer));
}

static void
on_turn(struct pr_turn_hook *hook)
{
	run(PR_CONTAINER(hook, struct server, run));
}

void
server_kick(struct server *s)
{
	pr_turn_ask(&s->run);
}

static int
server_open(struct pr_control *c, struct server *s, int fd, bool metrics_only, struct pr_error *e)
{
	*s = (struct server){.control = c, .metrics_only = metrics_only, .socket = fd};
	pr_timer_init(&s->timer, c->loop, on_timer);
	pr_turn_hook_init(&s->run, c->loop, PR_TURN_WORK, on_turn);
	s->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX * 2,
	    MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
	if (!s->daemon) {
		close(fd);
		return pr_fail(e, PR_ESYSTEM, "cannot start the HTTP server");
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return pr_poll_open(c->loop, info->epoll_fd, on_readable, s, &s->poll, e);
}

static void
server_close(struct server *s)
{
	if (!s->daemon)
		return;
	MHD_run(s->daemon); /* sends what was answered last */
	pr_poll_close(s->poll);
	pr_timer_stop(&s->timer);
	pr_turn_hook_finish(&s->run);
	MHD_stop_daemon(s->daemon);
	s->daemon = NULL;
}

/* ---- sockets ---- */

static int
give_to_group(const struct pr_config *config, struct pr_error *e)
{
	const char *path = config->socket.path.p;
	struct group *g = config->socket.group.p ? getgrnam(config->socket.group.p) : NULL;
	if (config->socket.group.p && !g)
		return pr_fail(e, PR_EINVAL, "socket.group: there is no group %s",
		               config->socket.group.p);
	if (g && chown(path, (uid_t)-1, g->gr_gid) < 0 && errno != EPERM)
		return pr_fail_errno(e, "cannot give %s to group %s", path, g->gr_name);
	if (chmod(path, config->socket.mode) < 0)
		return pr_fail_errno(e, "cannot set the mode of %s", path);
	return 0;
}

static int
listen_unix(const struct pr_config *config, int *out, struct pr_error *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = config->socket.path.p;
	size_t n = strlen(path);
	if (n >= sizeof a.sun_path)
		return pr_fail(e, PR_EINVAL, "socket.path is longer than %zu octets",
		               sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, n + 1);
	struct stat st;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return pr_fail(e, PR_EEXIST, "socket.path: %s is there and is no socket", path);
	unlink(path); /* stale: the lock on the state folder says that we are alone */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t before = umask(0177);
	int r = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0
	            ? pr_fail_errno(e, "cannot listen on %s", path)
	            : 0;
	umask(before);
	if (r == 0)
		r = give_to_group(config, e);
	if (r < 0 && fd >= 0)
		close(fd);
	*out = fd;
	return r;
}

static int
listen_metrics(const struct pr_config *config, int *out, struct pr_error *e)
{
	struct pr_error why;
	const struct pr_endpoint *p = &config->metrics.listen;
	int r = pr_listen(p->host, p->port, BACKLOG, out, &why);
	return r < 0 ? pr_fail(e, r, "metrics.listen: %s", why.text) : 0;
}

/* ---- the room ---- */

int
pr_control_open(const struct pr_control_options *options, pr_control **out, struct pr_error *e)
{
	struct pr_control *c = pr_calloc(1, sizeof *c);
	struct pr_lane_options readers = {.name = "reader", .threads = 2, .nice = 5};
	struct pr_lane_options reports = {.name = "report", .threads = 1, .nice = 10};
	int fd = -1;
	c->options = *options;
	c->options.journal_dir = pr_strdup(options->journal_dir);
	c->loop = options->loop;
	pr_list_init(&c->streams);
	pr_list_init(&c->accepted);
	shelf_open(c);
	int r = pr_lane_create(c->loop, &readers, &c->readers, e);
	if (r == 0)
		r = pr_lane_create(c->loop, &reports, &c->reports, e);
	if (r == 0)
		r = listen_unix(options->config, &fd, e);
	if (r == 0)
		r = server_open(c, &c->unix_server, fd, false, e);
	if (r == 0 && options->config->metrics.listen.host[0]) {
		r = listen_metrics(options->config, &fd, e);
		if (r == 0)
			r = server_open(c, &c->metrics_server, fd, true, e);
	}
	if (r < 0) {
		pr_control_close(c);
		return r;
	}
	*out = c;
	return 0;
}

void
pr_control_reload(pr_control *c, const struct pr_config *config)
{
	c->options.config = config;
}

void
pr_control_close(pr_control *c)
{
	c->closing = true;
	if (c->readers)
		pr_lane_destroy(c->readers); /* what is being read is answered */
	if (c->reports)
		pr_lane_destroy(c->reports);
	events_close(c);
	if (c->unix_server.daemon)
		unlink(c->options.config->socket.path.p);
	server_close(&c->unix_server);
	server_close(&c->metrics_server);
	submit_close(c);
	shelf_close(c);
	free((char *)(uintptr_t)c->options.journal_dir);
	free(c);
}
