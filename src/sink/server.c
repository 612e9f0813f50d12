/*
 * One thread, one epoll, level-triggered. All connections are read into one
 * large buffer, handed to their session, and answered by one write at once
 * where the replies are due; later ones wait in a heap by due time.
 *
 *	turn: wait (until the next due reply, log flush or idle check)
 *	      -> accept, read, hand to sessions, write
 *	      -> connections whose replies are due: write, close
 *
 * Where TLS begins (at once, or when the 220 to STARTTLS has left) a channel goes between
 * the socket and the session. Greeting and replies stay queued until it is secure.
 *
 * A connection whose replies pile up (SINK_OUT_MAX) is not read until they have
 * left. One that is to be closed is first shut down for writing and read to its
 * end for LINGER_US, so that the last reply is not lost to a reset. Running out
 * of descriptors stops accepting until a connection ends.
 */
#include "sink/server.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"
#include "postrider/base/heap.h"
#include "postrider/base/list.h"
#include "sink/listener.h"
#include "sink/log.h"
#include "sink/session.h"
#include "sink/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (256 * 1024)
#define CLEAR_SIZE (16 * 1024) /* a record's octets */
#define EVENTS 256
#define LINGER_US (2 * 1000000LL)
#define LOG_DELAY_US 100000LL
#define IDLE_CHECK_US 1000000LL
#define COUNT_GRACE_US 500000LL /* for the last replies when --count is reached */

enum what { LISTENER, SIGNALS, CONNECTION };

struct source { /* what epoll points at; the first member of its owner */
	enum what what;
	int fd;
};

struct listener {
	struct source source;
	uint16_t port;
};

struct connection {
	struct source source;
	struct sink_session session;
	struct sink_channel *channel; /* NULL: in the clear */
	struct pr_heap_node timer;    /* when replies are due or lingering ends */
	struct pr_list idle;          /* in order of the last sign of life */
	int64_t active_us;
	uint32_t events; /* asked of epoll */
	bool ended;      /* the peer sends no more */
	bool lingering;
};

struct server {
	struct sink *sink;
	int epoll;
	struct source signals;
	struct listener *listeners;
	bool accepting;
	struct pr_heap timers;
	struct pr_list idle;
	uint64_t next_id;
	int64_t log_due_us, idle_due_us, stop_us; /* SINK_NEVER: not set */
	bool stopped;
	char *buffer; /* READ_SIZE */
	char *clear;  /* CLEAR_SIZE */
};

/* ---- epoll ---- */

static void
watch(struct server *s, struct source *source, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	epoll_ctl(s->epoll, operation, source->fd, &event);
}

static void
want(struct server *s, struct connection *c, uint32_t events)
{
	if (c->events == events)
		return;
	c->events = events;
	watch(s, &c->source, EPOLL_CTL_MOD, events);
}

static void
accept_again(struct server *s, bool accepting)
{
	if (s->accepting == accepting)
		return;
	s->accepting = accepting;
	for (unsigned i = 0; i < s->sink->options.n_listen; i++)
		watch(s, &s->listeners[i].source, EPOLL_CTL_MOD, accepting ? EPOLLIN : 0);
}

/* ---- connections ---- */

static void
destroy(struct server *s, struct connection *c)
{
	s->sink->totals.open--;
	close(c->source.fd);
	pr_heap_remove(&s->timers, &c->timer);
	pr_list_remove(&c->idle);
	sink_session_finish(&c->session);
	sink_channel_end(c->channel);
	free(c);
	accept_again(s, true);
}

static void
set_timer(struct server *s, struct connection *c, int64_t due_us)
{
	if (c->timer.at && c->timer.key == (uint64_t)due_us)
		return;
	pr_heap_remove(&s->timers, &c->timer);
	if (due_us != SINK_NEVER)
		pr_heap_add(&s->timers, &c->timer, (uint64_t)due_us);
}

/* Octets to the line. False: the connection is gone. */
static bool
send_some(struct server *s, struct connection *c, struct pr_str octets, size_t *sent, bool *blocked)
{
	ssize_t n = send(c->source.fd, octets.p, octets.n, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		destroy(s, c);
		return false;
	}
	*sent = n > 0 ? (size_t)n : 0;
	*blocked |= *sent < octets.n;
	s->sink->totals.octets_out += *sent;
	return true;
}

static bool
send_sealed(struct server *s, struct connection *c, bool *blocked)
{
	size_t sent;
	if (!c->channel || c->channel->sealed.len == 0)
		return true;
	if (!send_some(s, c, pr_buf_str(&c->channel->sealed), &sent, blocked))
		return false;
	pr_buf_consume(&c->channel->sealed, sent);
	return true;
}

static bool
is_secure(const struct connection *c)
{
	return c->channel && c->channel->secure;
}

/* The greeting waits for TLS. */
static bool
holds_back(const struct connection *c)
{
	return c->session.implicit && c->session.phase == SINK_HANDSHAKE;
}

/* All is said: shut down, then read to the end for a while. */
static void
linger(struct server *s, struct connection *c, int64_t now_us)
{
	if (c->ended) {
		destroy(s, c);
		return;
	}
	if (is_secure(c)) {
		bool blocked = false;
		sink_channel_goodbye(c->channel);
		if (!send_sealed(s, c, &blocked))
			return;
	}
	c->lingering = true;
	shutdown(c->source.fd, SHUT_WR);
	want(s, c, EPOLLIN);
	set_timer(s, c, now_us + LINGER_US);
}

/* Send what is due. False: the connection is gone. */
static bool
write_replies(struct server *s, struct connection *c, int64_t now_us, bool *blocked)
{
	struct sink_out *out = &c->session.out;
	if (!send_sealed(s, c, blocked))
		return false;
	for (struct pr_str ready;
	     !*blocked && !holds_back(c) && (ready = sink_out_ready(out, now_us)).n > 0;) {
		size_t sent = ready.n;
		if (s->sink->options.log_sync && s->sink->log)
			sink_log_flush(s->sink->log);
		if (is_secure(c))
			sink_channel_write(c->channel, ready);
		else if (!send_some(s, c, ready, &sent, blocked))
			return false;
		sink_out_sent(out, sent);
		if (!send_sealed(s, c, blocked))
			return false;
	}
	return true;
}

/* After anything that may have changed what the connection waits for. */
static void
update(struct server *s, struct connection *c, int64_t now_us)
{
	struct sink_out *out = &c->session.out;
	bool blocked = false;
	if (c->lingering || !write_replies(s, c, now_us, &blocked))
		return;
	if (sink_out_closes(out, now_us) || (c->ended && (sink_out_empty(out) || holds_back(c)))) {
		linger(s, c, now_us);
		return;
	}
	bool read = !c->ended && sink_out_waiting(out) < SINK_OUT_MAX;
	want(s, c, (read ? EPOLLIN : 0) | (blocked ? EPOLLOUT : 0));
	set_timer(s, c, blocked || holds_back(c) ? SINK_NEVER : sink_out_due(out));
}

/* The handshake failed: the alert leaves, nothing else. */
static void
give_up(struct server *s, struct connection *c, int64_t now_us)
{
	s->sink->totals.tls_failed++;
	sink_out_finish(&c->session.out);
	sink_out_close(&c->session.out, now_us);
	c->session.phase = SINK_DEAF;
}

/* True: it is done. */
static bool
shake(struct server *s, struct connection *c, int64_t now_us)
{
	enum sink_channel_step step = sink_channel_shake(c->channel);
	if (step == SINK_CHANNEL_ENDS)
		give_up(s, c, now_us);
	if (step != SINK_CHANNEL_GOES_ON)
		return false;
	struct sink_secured secured = sink_channel_info(c->channel);
	sink_session_secured(&c->session, &secured);
	return true;
}

static void
take_sealed(struct server *s, struct connection *c, size_t n, int64_t now_us)
{
	enum sink_channel_step step;
	if (!c->channel && !sink_session_handshake(&c->session, now_us))
		return;
	if (!c->channel)
		c->channel = sink_channel_begin(s->sink->tls);
	sink_channel_feed(c->channel, s->buffer, n);
	if (!c->channel->secure && !shake(s, c, now_us))
		return;
	while ((step = sink_channel_read(c->channel, s->clear, CLEAR_SIZE, &n)) ==
	       SINK_CHANNEL_GOES_ON)
		sink_session_input(&c->session, s->clear, n, now_us);
	c->ended |= step == SINK_CHANNEL_ENDS;
}

static void
take(struct server *s, struct connection *c, size_t n, int64_t now_us)
{
	struct sink_session *session = &c->session;
	bool may_begin = session->phase == SINK_HANDSHAKE &&
	                 (session->implicit || sink_out_empty(&session->out));
	if (c->channel || may_begin)
		take_sealed(s, c, n, now_us);
	else
		sink_session_input(session, s->buffer, n, now_us);
}

static void
on_end(struct server *s, struct connection *c)
{
	c->ended = true;
	s->sink->totals.tls_failed += c->session.phase == SINK_HANDSHAKE;
}

static void
on_readable(struct server *s, struct connection *c)
{
	ssize_t n = recv(c->source.fd, s->buffer, READ_SIZE, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	int64_t now_us = pr_mono_us();
	if (n < 0 || (n == 0 && c->lingering)) {
		destroy(s, c);
		return;
	}
	if (c->lingering)
		return;
	c->active_us = now_us;
	pr_list_remove(&c->idle);
	pr_list_push(&s->idle, &c->idle);
	if (n > 0)
		take(s, c, (size_t)n, now_us);
	else
		on_end(s, c);
	update(s, c, now_us);
}

static void
on_connection(struct server *s, struct connection *c, uint32_t events)
{
	if (events & EPOLLIN)
		on_readable(s, c);
	else if (events & (EPOLLERR | EPOLLHUP))
		destroy(s, c);
	else
		update(s, c, pr_mono_us());
}

/* ---- accepting ---- */

static void
refuse_connection(struct server *s, int fd)
{
	static const char text[] = "421 4.3.2 Too many connections\r\n";
	s->sink->totals.refused++;
	if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		s->sink->totals.errors++;
	close(fd);
}

static void
add_connection(struct server *s, int fd, uint16_t port)
{
	struct sink_totals *t = &s->sink->totals;
	struct connection *c = pr_calloc(1, sizeof *c);
	int yes = 1;
	int64_t now_us = pr_mono_us();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	t->open++;
	if (t->open > t->max_open)
		t->max_open = t->open;
	c->source = (struct source){CONNECTION, fd};
	c->active_us = now_us;
	c->events = EPOLLIN;
	pr_list_init(&c->idle);
	pr_list_push(&s->idle, &c->idle);
	watch(s, &c->source, EPOLL_CTL_ADD, c->events);
	sink_session_begin(&c->session, s->sink, ++s->next_id, port, now_us);
	update(s, c, now_us);
}

static void
on_listener(struct server *s, struct listener *l)
{
	for (int i = 0; i < EVENTS; i++) {
		int fd = accept4(l->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				accept_again(s, false);
			return;
		}
		s->sink->totals.connections++;
		if (s->sink->totals.open >= s->sink->options.connections_max)
			refuse_connection(s, fd);
		else
			add_connection(s, fd, l->port);
	}
}

/* ---- signals and totals ---- */

static void
print_totals(struct server *s)
{
	struct pr_buf line = {0};
	if (s->sink->log)
		sink_log_flush(s->sink->log);
	sink_totals_json(s->sink, &line);
	pr_write_all(STDOUT_FILENO, line.data, line.len);
	pr_buf_finish(&line);
}

static void
on_signal(struct server *s)
{
	struct signalfd_siginfo info;
	while (read(s->signals.fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGUSR1)
			print_totals(s);
		else
			s->stopped = true;
	}
}

static int
open_signals(struct server *s)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signals = (struct source){SIGNALS, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
	watch(s, &s->signals, EPOLL_CTL_ADD, EPOLLIN);
	return s->signals.fd;
}

/* ---- time ---- */

static void
flush_log_in_time(struct server *s, int64_t now_us)
{
	if (!s->sink->log || !sink_log_waits(s->sink->log)) {
		s->log_due_us = SINK_NEVER;
	} else if (s->log_due_us == SINK_NEVER) {
		s->log_due_us = now_us + LOG_DELAY_US;
	} else if (s->log_due_us <= now_us) {
		sink_log_flush(s->sink->log);
		s->log_due_us = SINK_NEVER;
	}
}

static void
run_timers(struct server *s, int64_t now_us)
{
	for (struct pr_heap_node *n;
	     (n = pr_heap_first(&s->timers)) && n->key <= (uint64_t)now_us;) {
		struct connection *c = PR_CONTAINER(n, struct connection, timer);
		pr_heap_remove(&s->timers, n);
		if (c->lingering)
			destroy(s, c);
		else
			update(s, c, now_us);
	}
}

static void
drop_idle(struct server *s, int64_t now_us)
{
	int64_t oldest = now_us - s->sink->options.timeout_us;
	if (now_us < s->idle_due_us)
		return;
	s->idle_due_us = now_us + IDLE_CHECK_US;
	PR_LIST_EACH(node, &s->idle) {
		struct connection *c = PR_CONTAINER(node, struct connection, idle);
		if (c->active_us > oldest)
			break;
		destroy(s, c);
	}
}

/* --count: true when enough was taken and the last replies have left. */
static bool
has_enough(struct server *s, int64_t now_us)
{
	const struct sink_options *o = &s->sink->options;
	if (!o->count || s->sink->totals.messages < o->count)
		return false;
	if (s->stop_us == SINK_NEVER)
		s->stop_us = now_us + o->latency_us + COUNT_GRACE_US;
	PR_LIST_EACH(node, &s->idle) {
		struct connection *c = PR_CONTAINER(node, struct connection, idle);
		if (!sink_out_empty(&c->session.out))
			return now_us >= s->stop_us;
	}
	return true;
}

static int64_t
earliest(const struct server *s)
{
	const struct pr_heap_node *first = pr_heap_first(&s->timers);
	int64_t due = first ? (int64_t)first->key : SINK_NEVER;
	if (s->log_due_us < due)
		due = s->log_due_us;
	if (s->stop_us < due)
		due = s->stop_us;
	if (s->idle_due_us < due && !pr_list_empty(&s->idle))
		due = s->idle_due_us;
	return due;
}

/* Latencies are wanted to the microsecond, so not by epoll_wait's milliseconds. */
static int
wait_for_events(struct server *s, struct epoll_event *events)
{
	int64_t due = earliest(s), wait_us = due == SINK_NEVER ? 0 : due - pr_mono_us();
	struct timespec t = {0};
	if (wait_us > 0)
		t = (struct timespec){wait_us / 1000000, wait_us % 1000000 * 1000};
	return epoll_pwait2(s->epoll, events, EVENTS, due == SINK_NEVER ? NULL : &t, NULL);
}

static void
turn(struct server *s)
{
	struct epoll_event events[EVENTS];
	int n = wait_for_events(s, events);
	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;
		if (source->what == CONNECTION)
			on_connection(s, (struct connection *)(void *)source, events[i].events);
		else if (source->what == LISTENER)
			on_listener(s, (struct listener *)(void *)source);
		else
			on_signal(s);
	}
	int64_t now_us = pr_mono_us();
	run_timers(s, now_us);
	drop_idle(s, now_us);
	flush_log_in_time(s, now_us);
	s->stopped |= has_enough(s, now_us);
}

/* ---- begin and end ---- */

static int
open_listeners(struct server *s, struct pr_error *e)
{
	struct pr_buf line = {0};
	int failed = 0;
	s->accepting = true;
	for (unsigned i = 0; i < s->sink->options.n_listen && !failed; i++) {
		struct listener *l = &s->listeners[i];
		l->source = (struct source){LISTENER, -1};
		failed = sink_listen(s->sink->options.listen[i], &l->source.fd, e);
		if (failed)
			break;
		pr_buf_adds(&line, "listening ");
		l->port = sink_listening_on(l->source.fd, &line);
		pr_buf_addc(&line, '\n');
		watch(s, &l->source, EPOLL_CTL_ADD, EPOLLIN);
	}
	if (!failed)
		pr_write_all(STDOUT_FILENO, line.data, line.len);
	pr_buf_finish(&line);
	return failed;
}

static void
allow_many_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
finish(struct server *s)
{
	PR_LIST_EACH(node, &s->idle)
		destroy(s, PR_CONTAINER(node, struct connection, idle));
	for (unsigned i = 0; i < s->sink->options.n_listen; i++)
		if (s->listeners[i].source.fd > 0)
			close(s->listeners[i].source.fd);
	free(s->listeners);
	free(s->buffer);
	free(s->clear);
	pr_heap_finish(&s->timers);
	close(s->signals.fd);
	close(s->epoll);
}

int
sink_serve(struct sink *sink, struct pr_error *e)
{
	struct server s = {.sink = sink, .log_due_us = SINK_NEVER, .stop_us = SINK_NEVER};
	pr_list_init(&s.idle);
	allow_many_descriptors();
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	s.listeners = pr_calloc(sink->options.n_listen, sizeof *s.listeners);
	s.buffer = pr_alloc(READ_SIZE);
	s.clear = pr_alloc(CLEAR_SIZE);
	int failed = open_signals(&s) < 0 ? pr_fail_errno(e, "signalfd") : open_listeners(&s, e);
	if (!failed) {
		while (!s.stopped)
			turn(&s);
		print_totals(&s);
	}
	finish(&s);
	return failed;
}
