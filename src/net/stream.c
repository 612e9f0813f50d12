/*
 * Streams over TCP, on libuv.
 *
 * What is written gathers in `next` and goes to the kernel in one call at the end of the
 * turn. What the kernel does not take becomes `leaving`, which libuv writes when it can;
 * meanwhile `next` gathers on. When both are empty, on_drain.
 *
 * With TLS what is written gathers in the layer instead, in the clear, and is sealed into
 * `next` at the end of the turn, a piece at a time, as the kernel takes it.
 *
 * How it fails. Whatever ends a stream is told once, by on_close, when libuv has let go
 * of the handle; the stream is freed then. A failed write does not end it at once: a peer
 * that closes in anger often said why just before, and those octets are still to be read.
 * The read that finds the end follows, with the error of the write. When TLS fails, the
 * alert that says so to the peer leaves first, if the kernel takes it at once.
 */
#include "postrider/net/tls.h"

#include "tls_layer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#define READ_SIZE 65536u
#define SEAL_AT_ONCE (256u * 1024)
#define LISTEN_BACKLOG 128

struct pr_stream {
	uv_tcp_t tcp;
	uv_connect_t connecting;
	uv_write_t writing;
	struct pr_turn_hook flush;
	struct pr_stream_events events;
	void *context;
	struct pr_buf next, leaving;
	struct tls_layer *tls; /* NULL: none */
	bool connected, closing;
	bool owes;   /* something was written, and on_drain has not come for it */
	bool busy;   /* libuv writes `leaving` */
	bool broken; /* a write failed: nothing more is written */
	struct pr_error why;
};

/* One for all streams of a thread: libuv fills it and hands it to on_read at once. */
static _Thread_local char read_buffer[READ_SIZE];
static _Thread_local char unsealed[READ_SIZE];

static void
on_closed(uv_handle_t *handle)
{
	pr_stream *s = handle->data;
	if (s->events.on_close)
		s->events.on_close(s->context, &s->why);
	pr_buf_finish(&s->next);
	pr_buf_finish(&s->leaving);
	if (s->tls)
		tls_end(s->tls);
	free(s);
}

/* What TLS itself has to say at the end: an alert, or that this is the end. Not behind
 * octets that are dropped now: it would vouch for them. */
static void
say_last_words(pr_stream *s)
{
	if (!s->tls || (s->tls->secure && s->owes) || s->busy || s->broken)
		return;
	tls_say_goodbye(s->tls);
	uv_buf_t buf = uv_buf_init(s->next.data, (unsigned)s->next.len);
	if (s->next.len)
		uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
}

static void
end(pr_stream *s)
{
	if (s->closing)
		return;
	say_last_words(s);
	s->closing = true;
	pr_turn_hook_finish(&s->flush);
	uv_close((uv_handle_t *)&s->tcp, on_closed);
}

/* The first reason counts. */
static void
because(pr_stream *s, int code, const char *text)
{
	if (s->why.code || s->closing)
		return;
	if (s->tls && !s->tls->secure)
		pr_fail(&s->why, PR_ETLS, "the TLS handshake was cut off: %s", text);
	else
		pr_fail(&s->why, code, "%s", text);
}

/* What TLS says is nearer to the cause than a write that failed before. */
static void
end_for_tls(pr_stream *s, const struct pr_error *why)
{
	s->why = *why;
	end(s);
}

/* ---- out ---- */

static void
on_write_failed(pr_stream *s, int status)
{
	because(s, PR_ESYSTEM, uv_strerror(status));
	s->broken = true;
	pr_buf_empty(&s->next);
	pr_buf_empty(&s->leaving);
	if (!uv_is_active((uv_handle_t *)&s->tcp))
		end(s);
}

static bool
waits(const pr_stream *s)
{
	return s->next.len || (s->tls && tls_has_clear(s->tls));
}

static void
drained(pr_stream *s)
{
	if (!s->owes || waits(s))
		return;
	s->owes = false;
	if (s->events.on_drain && !s->closing)
		s->events.on_drain(s->context);
}

static void
on_written(uv_write_t *request, int status)
{
	pr_stream *s = request->data;
	s->busy = false;
	if (s->closing)
		return;
	if (status < 0) {
		on_write_failed(s, status);
		return;
	}
	pr_buf_empty(&s->leaving);
	if (waits(s))
		pr_turn_ask(&s->flush);
	else
		drained(s);
}

/* What the kernel would not take now leaves by and by. */
static void
leave_by_and_by(pr_stream *s)
{
	struct pr_buf spare = s->leaving;
	s->leaving = s->next;
	s->next = spare;
	uv_buf_t buf = uv_buf_init(s->leaving.data, (unsigned)s->leaving.len);
	s->writing.data = s;
	s->busy = true;
	int r = uv_write(&s->writing, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
	if (r < 0) {
		s->busy = false;
		on_write_failed(s, r);
	}
}

/* Whether there is something in `next`. */
static bool
fill_next(pr_stream *s)
{
	struct pr_error why;
	if (s->next.len == 0 && s->tls && tls_seal(s->tls, SEAL_AT_ONCE, &why) == TLS_FAILED)
		end_for_tls(s, &why);
	return s->next.len && !s->closing;
}

static void
on_flush(struct pr_turn_hook *hook)
{
	pr_stream *s = PR_CONTAINER(hook, struct pr_stream, flush);
	if (s->closing || !s->connected)
		return;
	while (!s->busy && !s->broken && fill_next(s)) {
		uv_buf_t buf = uv_buf_init(s->next.data, (unsigned)s->next.len);
		int n = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
		if (n < 0 && n != UV_EAGAIN) {
			on_write_failed(s, n);
		} else if (n == (int)s->next.len) {
			pr_buf_empty(&s->next);
		} else {
			pr_buf_consume(&s->next, n > 0 ? (size_t)n : 0);
			leave_by_and_by(s);
		}
	}
	if (!s->busy && !s->broken)
		drained(s);
}

void
pr_stream_write(pr_stream *s, const void *data, size_t n)
{
	if (s->closing || s->broken || n == 0)
		return;
	pr_buf_add(s->tls ? &s->tls->clear : &s->next, data, n);
	s->owes = true;
	pr_turn_ask(&s->flush);
}

/* ---- in ---- */

static void
on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle, (void)suggested;
	*buf = uv_buf_init(read_buffer, READ_SIZE);
}

static void
give(pr_stream *s, const char *data, size_t n)
{
	if (n && s->events.on_data && !s->closing)
		s->events.on_data(s->context, data, n);
}

/* Go on with the handshake. True: it is done, and the owner wants to go on. */
static bool
shake(pr_stream *s)
{
	struct pr_error why;
	enum tls_step step = tls_shake(s->tls, &why);
	if (step == TLS_FAILED)
		end_for_tls(s, &why);
	if (step != TLS_DONE)
		return false;
	struct pr_tls_info info = tls_info(s->tls);
	if (s->events.on_secure)
		s->events.on_secure(s->context, &info);
	return !s->closing;
}

static void
unseal(pr_stream *s)
{
	enum tls_step step;
	struct pr_error why;
	do {
		size_t n;
		step = tls_unseal(s->tls, unsealed, sizeof unsealed, &n, &why);
		give(s, unsealed, n);
	} while (step == TLS_DONE && !s->closing);
	if (step == TLS_FAILED && !s->closing)
		end_for_tls(s, &why);
	if (step != TLS_ENDED)
		return;
	because(s, PR_ENOENT, "closed by the peer");
	end(s);
}

static void
take_sealed(pr_stream *s, const char *octets, size_t n)
{
	tls_feed(s->tls, octets, n);
	if (s->tls->secure || shake(s))
		unseal(s);
	if (!s->closing && waits(s)) /* what the handshake answers, or what waited for it */
		pr_turn_ask(&s->flush);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	pr_stream *s = stream->data;
	if (s->closing || n == 0)
		return;
	if (n > 0) {
		if (s->tls)
			take_sealed(s, buf->base, (size_t)n);
		else
			give(s, buf->base, (size_t)n);
		return;
	}
	if (n == UV_EOF)
		because(s, PR_ENOENT, "closed by the peer");
	else
		because(s, PR_ESYSTEM, uv_strerror((int)n));
	end(s);
}

/* ---- begin and end ---- */

static void
on_connected(uv_connect_t *request, int status)
{
	pr_stream *s = request->data;
	if (s->closing)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&s->tcp, on_room, on_read);
	if (status < 0) {
		because(s, PR_ESYSTEM, uv_strerror(status));
		end(s);
		return;
	}
	s->connected = true;
	if (s->next.len)
		pr_turn_ask(&s->flush);
	if (s->events.on_connect)
		s->events.on_connect(s->context);
}

/* libuv writes without MSG_NOSIGNAL: a peer that hangs up would end the program. */
void
pr_net_ignore_sigpipe(void)
{
	struct sigaction now;
	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

static int
begin_connect(pr_stream *s, const struct pr_address *to, const struct pr_address *source)
{
	int r = uv_tcp_nodelay(&s->tcp, 1);
	if (r == 0 && source)
		r = uv_tcp_bind(&s->tcp, (const struct sockaddr *)&source->sa, 0);
	if (r == 0)
		r = uv_tcp_connect(&s->connecting, &s->tcp, (const struct sockaddr *)&to->sa,
		                   on_connected);
	return r;
}

static pr_stream *
make(pr_loop *loop, const struct pr_stream_events *events, void *context)
{
	pr_stream *s = pr_calloc(1, sizeof *s);
	s->events = *events;
	s->context = context;
	PR_ASSERT(uv_tcp_init(pr_loop_uv(loop), &s->tcp) == 0); /* no flags: cannot fail */
	s->tcp.data = s->connecting.data = s;
	pr_turn_hook_init(&s->flush, loop, PR_TURN_NET, on_flush);
	return s;
}

pr_stream *
pr_stream_connect(pr_loop *loop, const struct pr_address *to, const struct pr_address *source,
                  const struct pr_stream_events *events, void *context)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, pr_net_ignore_sigpipe);
	pr_stream *s = make(loop, events, context);
	int r = begin_connect(s, to, source);
	if (r < 0) {
		because(s, PR_ESYSTEM, uv_strerror(r));
		end(s);
	}
	return s;
}

void
pr_stream_close(pr_stream *s)
{
	if (s->closing)
		return;
	s->why = (struct pr_error){0};
	end(s);
}

/* ---- peers that come to us ---- */

struct pr_listener {
	uv_tcp_t tcp;
	pr_loop *loop;
	void (*on_peer)(void *context, pr_listener *l);
	void *context;
};

static void
on_knock(uv_stream_t *tcp, int status)
{
	pr_listener *l = tcp->data;
	if (status == 0)
		l->on_peer(l->context, l);
}

static void
on_listener_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
pr_listener_close(pr_listener *l)
{
	if (l)
		uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

static int
listen_failed(int status, struct pr_error *e)
{
	int code = status == UV_EADDRINUSE ? PR_EEXIST
	           : status == UV_EACCES   ? PR_EDENIED
	                                   : PR_ESYSTEM;
	return pr_fail(e, code, "cannot listen: %s", uv_strerror(status));
}

int
pr_listener_open(pr_loop *loop, const struct pr_address *at, void (*on_peer)(void *, pr_listener *),
                 void *context, pr_listener **out, struct pr_error *e)
{
	pr_listener *l = pr_calloc(1, sizeof *l);
	*l = (pr_listener){.loop = loop, .on_peer = on_peer, .context = context};
	pr_net_ignore_sigpipe();
	PR_ASSERT(uv_tcp_init(pr_loop_uv(loop), &l->tcp) == 0);
	l->tcp.data = l;
	int r = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&at->sa, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&l->tcp, LISTEN_BACKLOG, on_knock);
	if (r < 0) {
		pr_listener_close(l);
		return listen_failed(r, e);
	}
	*out = l;
	return 0;
}

pr_stream *
pr_listener_accept(pr_listener *l, const struct pr_stream_events *events, void *context,
                   struct pr_address *peer)
{
	pr_stream *s = make(l->loop, events, context);
	int n = sizeof peer->sa;
	int r = uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&s->tcp);
	if (r == 0)
		r = uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&peer->sa, &n);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&s->tcp, on_room, on_read);
	if (r < 0) { /* nobody hears of it */
		s->events = (struct pr_stream_events){0};
		end(s);
		return NULL;
	}
	peer->n = (socklen_t)n;
	uv_tcp_nodelay(&s->tcp, 1);
	s->connected = true;
	return s;
}

/* ---- TLS ---- */

void
pr_stream_secure_server(pr_stream *s, pr_tls_server *server)
{
	if (s->closing)
		return;
	PR_ASSERT(s->connected && !s->tls);
	s->tls = tls_begin_server(server, &s->next);
}

void
pr_stream_secure(pr_stream *s, pr_tls *tls, const struct pr_tls_want *want)
{
	if (s->closing)
		return;
	PR_ASSERT(s->connected && !s->tls);
	s->tls = tls_begin(tls, want, &s->next);
	shake(s); /* says hello, or finds that it cannot */
	if (!s->closing)
		pr_turn_ask(&s->flush);
}

const char *
pr_stream_tls_failure(const pr_stream *s)
{
	if (s->why.code != PR_ETLS)
		return NULL;
	return s->tls->failure ? s->tls->failure : "validation-failure";
}
