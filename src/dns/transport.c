/*
 * Questions out, octets in: c-ares on the loop, as transport only. It keeps the servers, sends
 * again, goes to the next server and to TCP where an answer was cut off; what an answer says is
 * read elsewhere.
 *
 *   dns_send -> queued -> (at most queries_max at once) in flight -> done
 *
 * The questions are built here: RD, and AD, by which a validating server knows that its AD bit
 * is understood (RFC 6840 section 5.7), with an OPT record for answers of up to 1232 octets.
 *
 * How it fails. c-ares has no time-out for a question as a whole: ours ends it for its owner, by
 * the loop's clock. The flight itself stays counted until c-ares lets go of it, soon after, so
 * that a dead server does not make questions pile up in there.
 */
#include "internal.h"

#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define TIMEOUT_MS 5000
/* A name server's socket holds some 270 small datagrams by the kernel's default (212,992 octets);
 * more at once would be lost, and lost again when they are all sent again together. */
#define QUERIES_MAX 250
#define TRIES 3 /* each twice as long as the one before: 1 + 2 + 4 */
#define TRY_MIN_MS 300
#define TICK_MS 50    /* how often time-outs are looked for while something is in flight */
#define UDP_SIZE 1232 /* fits every path (DNS flag day 2020) */
#define RECEIVE_BUFFER (1 << 20)
#define AD_BIT 0x20 /* in the fourth octet of the header */
#define PORT 53

struct dns_transport {
	pr_loop *loop;
	ares_channel channel;
	int64_t timeout_ms;
	unsigned most, flying;
	uint64_t sent;
	struct pr_list queued, flights, sockets;
	struct pr_turn_hook pump;
	struct pr_timer tick;
	char late[80]; /* what is said of a time-out */
};

struct flight {
	struct pr_list link; /* in the order of sending */
	struct dns_transport *transport;
	struct dns_query *query; /* NULL: its owner was told, or is gone */
	int64_t due_ms;
};

struct socket {
	uv_poll_t poll;
	struct pr_list link;
	struct dns_transport *transport;
	int fd;
};

/* ---- sockets ---- */

static void
on_socket_closed(uv_handle_t *handle)
{
	free(PR_CONTAINER(handle, struct socket, poll));
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct socket *s = PR_CONTAINER(poll, struct socket, poll);
	ares_socket_t in = status < 0 || events & UV_READABLE ? s->fd : ARES_SOCKET_BAD;
	ares_socket_t out = status >= 0 && events & UV_WRITABLE ? s->fd : ARES_SOCKET_BAD;
	ares_process_fd(s->transport->channel, in, out);
}

static struct socket *
socket_of(struct dns_transport *t, int fd)
{
	PR_LIST_EACH(link, &t->sockets) {
		struct socket *s = PR_CONTAINER(link, struct socket, link);
		if (s->fd == fd)
			return s;
	}
	struct socket *s = pr_calloc(1, sizeof *s);
	s->transport = t;
	s->fd = fd;
	if (uv_poll_init(pr_loop_uv(t->loop), &s->poll, fd) < 0) {
		free(s); /* nothing is heard from it: what was asked there times out */
		return NULL;
	}
	pr_list_push(&t->sockets, &s->link);
	return s;
}

/* c-ares says what it waits for on a socket; for nothing: it is about to close it. */
static void
on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct socket *s = socket_of(context, fd);
	if (!s)
		return;
	if (readable || writable) {
		uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
		              on_socket);
		return;
	}
	pr_list_remove(&s->link);
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

/* ---- questions ---- */

static void
on_answer(void *context, int status, int timeouts, unsigned char *packet, int n)
{
	struct flight *f = context;
	struct dns_transport *t = f->transport;
	struct dns_query *q = f->query;
	(void)timeouts;
	pr_list_remove(&f->link);
	free(f);
	if (--t->flying == 0)
		pr_timer_stop(&t->tick);
	if (!pr_list_empty(&t->queued))
		pr_turn_ask(&t->pump);
	if (!q)
		return;
	if (packet && n > 0)
		q->done(q, packet, (size_t)n, NULL);
	else
		q->done(q, NULL, 0, status == ARES_ETIMEOUT ? t->late : ares_strerror(status));
}

static void
send_query(struct dns_transport *t, struct dns_query *q)
{
	unsigned char *packet;
	int n;
	uint16_t id;
	pr_random(&id, sizeof id);
	int status = ares_create_query(q->name, 1, (int)q->type, id, 1, &packet, &n, UDP_SIZE);
	if (status != ARES_SUCCESS) {
		q->done(q, NULL, 0, ares_strerror(status));
		return;
	}
	packet[3] |= AD_BIT;
	struct flight *f = pr_alloc(sizeof *f);
	*f = (struct flight){
	    .transport = t, .query = q, .due_ms = pr_loop_now_ms(t->loop) + t->timeout_ms};
	pr_list_push(&t->flights, &f->link);
	t->sent++;
	if (t->flying++ == 0)
		pr_timer_start(&t->tick, TICK_MS);
	ares_send(t->channel, packet, n, on_answer, f);
	ares_free_string(packet);
}

static void
on_pump(struct pr_turn_hook *hook)
{
	struct dns_transport *t = PR_CONTAINER(hook, struct dns_transport, pump);
	struct pr_list *link;
	while (t->flying < t->most && (link = pr_list_shift(&t->queued)))
		send_query(t, PR_CONTAINER(link, struct dns_query, link));
}

void
dns_send(struct dns_transport *t, struct dns_query *q)
{
	pr_list_push(&t->queued, &q->link);
	if (t->flying < t->most)
		pr_turn_ask(&t->pump);
}

static void
on_tick(struct pr_timer *timer)
{
	struct dns_transport *t = PR_CONTAINER(timer, struct dns_transport, tick);
	int64_t now = pr_loop_now_ms(t->loop);
	PR_LIST_EACH(link, &t->flights) {
		struct flight *f = PR_CONTAINER(link, struct flight, link);
		struct dns_query *q = f->query;
		if (f->due_ms > now)
			break;
		f->query = NULL;
		if (q)
			q->done(q, NULL, 0, t->late);
	}
	ares_process_fd(t->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (t->flying)
		pr_timer_start(&t->tick, TICK_MS);
}

unsigned
dns_flying(const struct dns_transport *t)
{
	return t->flying;
}

uint64_t
dns_sent(const struct dns_transport *t)
{
	return t->sent;
}

/* ---- servers ---- */

/* "192.0.2.1", "192.0.2.1:5353", "::1", "[::1]:53" */
static bool
read_server(const char *text, struct pr_address *out, int *port)
{
	char host[64];
	uint64_t number = PORT;
	const char *colon = strrchr(text, ':');
	size_t n = strlen(text);
	if (colon && (strchr(text, ':') == colon || (text[0] == '[' && colon[-1] == ']'))) {
		if (!pr_str_u64(pr_str(colon + 1), &number))
			return false;
		n = (size_t)(colon - text);
	}
	if (number == 0 || number > UINT16_MAX || n >= sizeof host)
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	*port = (int)number;
	return pr_address_parse(host, 0, out) == 0;
}

static int
read_servers(const struct pr_dns_options *o, struct ares_addr_port_node *nodes, struct pr_error *e)
{
	if (o->servers_n > PR_DNS_SERVERS_MAX)
		return pr_fail(e, PR_EINVAL, "at most %d name servers", PR_DNS_SERVERS_MAX);
	for (size_t i = 0; i < o->servers_n; i++) {
		struct pr_address a;
		int port;
		if (!read_server(o->servers[i], &a, &port))
			return pr_fail(e, PR_EINVAL, "%s is no address of a name server",
			               o->servers[i]);
		union pr_dns_address u;
		memcpy(&u, &a.sa, sizeof u);
		nodes[i] = (struct ares_addr_port_node){.next = i + 1 < o->servers_n ? &nodes[i + 1]
		                                                                     : NULL,
		                                        .family = u.family,
		                                        .udp_port = port,
		                                        .tcp_port = port};
		if (u.family == AF_INET)
			nodes[i].addr.addr4 = u.in.sin_addr;
		else
			memcpy(&nodes[i].addr.addr6, &u.in6.sin6_addr, 16);
	}
	return 0;
}

/* With one server nothing is gained by asking it again after SERVFAIL; with several the next
 * one may know. */
static int
open_channel(struct dns_transport *t, size_t servers)
{
	int flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
	int64_t try_ms = t->timeout_ms / (int64_t)(((1 << TRIES) - 1) * (servers ? servers : 1));
	struct ares_options o = {
	    .flags = flags | (servers == 1 ? ARES_FLAG_NOCHECKRESP : 0),
	    .timeout = (int)(try_ms > TRY_MIN_MS ? try_ms : TRY_MIN_MS),
	    .tries = TRIES,
	    .ednspsz = UDP_SIZE,
	    .socket_receive_buffer_size = RECEIVE_BUFFER,
	    .lookups = (char *)(uintptr_t) "b",
	    .sock_state_cb = on_socket_state,
	    .sock_state_cb_data = t,
	};
	return ares_init_options(&t->channel, &o,
	                         ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	                             ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_RCVBUF | ARES_OPT_LOOKUPS |
	                             ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
}

static size_t
count_servers(ares_channel channel)
{
	struct ares_addr_port_node *nodes = NULL;
	size_t n = 0;
	if (ares_get_servers_ports(channel, &nodes) != ARES_SUCCESS)
		return 0;
	for (struct ares_addr_port_node *at = nodes; at; at = at->next)
		n++;
	ares_free_data(nodes);
	return n;
}

/* Those of the system are known only after the channel is open. */
static int
open_with_servers(struct dns_transport *t, struct ares_addr_port_node *nodes, size_t n)
{
	int status = open_channel(t, n);
	if (status != ARES_SUCCESS)
		return status;
	size_t found = n ? n : count_servers(t->channel);
	if (found == n) {
		status = n ? ares_set_servers_ports(t->channel, nodes) : ARES_SUCCESS;
	} else {
		ares_destroy(t->channel);
		status = open_channel(t, found);
	}
	return status;
}

int
dns_transport_create(const struct pr_dns_options *o, struct dns_transport **out, struct pr_error *e)
{
	struct ares_addr_port_node nodes[PR_DNS_SERVERS_MAX];
	int r = read_servers(o, nodes, e);
	if (r < 0)
		return r;
	struct dns_transport *t = pr_calloc(1, sizeof *t);
	t->loop = o->loop;
	t->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	t->most = o->queries_max ? o->queries_max : QUERIES_MAX;
	snprintf(t->late, sizeof t->late, "the name servers did not answer within %lld ms",
	         (long long)t->timeout_ms);
	pr_list_init(&t->queued);
	pr_list_init(&t->flights);
	pr_list_init(&t->sockets);
	pr_turn_hook_init(&t->pump, t->loop, PR_TURN_WORK, on_pump);
	pr_timer_init(&t->tick, t->loop, on_tick);
	pr_net_ignore_sigpipe(); /* c-ares over TCP */
	ares_library_init(ARES_LIB_INIT_ALL);
	int status = open_with_servers(t, nodes, o->servers_n);
	if (status != ARES_SUCCESS) {
		dns_transport_destroy(t, NULL);
		return pr_fail(e, PR_ESYSTEM, "cannot set up DNS: %s", ares_strerror(status));
	}
	*out = t;
	return 0;
}

void
dns_transport_destroy(struct dns_transport *t, struct dns_transport *heir)
{
	struct pr_list *link;
	PR_LIST_EACH(at, &t->flights) {
		struct flight *f = PR_CONTAINER(at, struct flight, link);
		if (f->query && heir)
			dns_send(heir, f->query);
		f->query = NULL;
	}
	while ((link = pr_list_shift(&t->queued)))
		if (heir)
			dns_send(heir, PR_CONTAINER(link, struct dns_query, link));
	if (t->channel)
		ares_destroy(t->channel); /* ends each flight by on_answer */
	pr_timer_stop(&t->tick);
	pr_turn_hook_finish(&t->pump);
	ares_library_cleanup();
	free(t);
}
