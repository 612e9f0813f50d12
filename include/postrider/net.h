/*
 * Streams: bytes to and from a peer, on the loop.
 *
 * What is written during a turn leaves together at its end (PR_TURN_NET), after
 * the journal: nothing gets to a peer before what it depends on is written.
 * A stream may be closed from any of its callbacks; on_close comes last, once,
 * never from within pr_stream_close itself, and the stream is gone after it.
 * The first stream makes the process ignore SIGPIPE, unless it handles it.
 * A connected stream may be secured with TLS: net/tls.h.
 */
#ifndef POSTRIDER_NET_H
#define POSTRIDER_NET_H

#include "postrider/base/error.h"
#include "postrider/base/str.h"
#include "postrider/loop.h"

#include <sys/socket.h>

struct pr_address {
	struct sockaddr_storage sa;
	socklen_t n;
};
/* "192.0.2.1", "::1" or "[::1]" and a port; PR_EINVAL for names: no look-ups here. */
int pr_address_parse(const char *host, uint16_t port, struct pr_address *out);

/* The 16 octets of its address, IPv4 as IPv6-mapped; false for another family. */
bool pr_address_octets(const struct sockaddr *a, unsigned char out[16]);

struct pr_network { /* addresses that begin with these bits */
	unsigned char address[16];
	unsigned bits;
};
/* "192.0.2.0/24", "2001:db8::/32"; an address alone is a network of one. PR_EINVAL. */
int pr_network_parse(struct pr_str text, struct pr_network *out);
bool pr_network_has(const struct pr_network *n, const unsigned char address[16]);

/* A TCP socket that listens, non-blocking; the caller's to close. */
int pr_listen(const char *host, uint16_t port, int backlog, int *fd, struct pr_error *e);

typedef struct pr_stream pr_stream;
struct pr_tls_info;

struct pr_stream_events {
	void (*on_connect)(void *context);
	/* Octets from the peer; a view until it returns. */
	void (*on_data)(void *context, const char *data, size_t n);
	/* All that was written has left for the kernel. */
	void (*on_drain)(void *context);
	/* The end, for whatever reason: code 0 after pr_stream_close; PR_ENOENT when the peer
	 * closed; PR_ETLS when TLS failed (net/tls.h); PR_ESYSTEM with the text otherwise
	 * (refused, reset, unreachable). */
	void (*on_close)(void *context, const struct pr_error *why);
	/* After pr_stream_secure: the handshake is done. */
	void (*on_secure)(void *context, const struct pr_tls_info *info);
};

/* Begin to connect; from `source` (NULL: any). Nagle off. Never fails at once: errors
 * come by on_close. */
pr_stream *pr_stream_connect(pr_loop *loop, const struct pr_address *to,
                             const struct pr_address *source, const struct pr_stream_events *events,
                             void *context);
/* Copied; leaves at the end of the turn. */
void pr_stream_write(pr_stream *s, const void *data, size_t n);
void pr_stream_close(pr_stream *s); /* what was written and not sent is dropped */

/* ---- peers that come to us ---- */

typedef struct pr_listener pr_listener;

/* on_peer runs when somebody is there, who is taken by pr_listener_accept within it. PR_EEXIST:
 * the address is in use; PR_EDENIED; else PR_ESYSTEM. */
int pr_listener_open(pr_loop *loop, const struct pr_address *at,
                     void (*on_peer)(void *context, pr_listener *l), void *context,
                     pr_listener **out, struct pr_error *e);
/* Connected already: on_connect does not come. NULL: gone again. *peer: who it is. */
pr_stream *pr_listener_accept(pr_listener *l, const struct pr_stream_events *events, void *context,
                              struct pr_address *peer);
void pr_listener_close(pr_listener *l); /* NULL: nothing; its streams stay */

/* For others who write to sockets without MSG_NOSIGNAL: what the first stream does. */
void pr_net_ignore_sigpipe(void);

#endif
