/*
 * The receiver's side of TLS, without sockets: octets of the line in and out, for one
 * connection of the sink. All channels share two memory BIOs, which are empty between calls,
 * so a quiet channel costs little.
 */
#ifndef POSTRIDER_SINK_TLS_H
#define POSTRIDER_SINK_TLS_H

#include "postrider/base/buf.h"
#include "sink/sink.h"

struct sink_tls;

/* The certificate of --tls-cert, or one signed by itself for --tls-name. */
int sink_tls_create(const struct sink_options *o, struct sink_tls **out, struct pr_error *e);
void sink_tls_destroy(struct sink_tls *tls);

struct sink_channel {
	struct sink_tls *tls;
	struct ssl_st *ssl;
	bool secure;
	struct pr_buf sealed; /* to send; the owner empties it */
};

enum sink_channel_step { SINK_CHANNEL_WAITS, SINK_CHANNEL_GOES_ON, SINK_CHANNEL_ENDS };

struct sink_channel *sink_channel_begin(struct sink_tls *tls);
void sink_channel_end(struct sink_channel *c);
/* Octets of the line; sink_channel_shake or _read must use them up at once. */
void sink_channel_feed(struct sink_channel *c, const char *octets, size_t n);
/* GOES_ON: the handshake is done. */
enum sink_channel_step sink_channel_shake(struct sink_channel *c);
struct sink_secured sink_channel_info(const struct sink_channel *c);
/* GOES_ON: n octets (at most a record) are in out. ENDS: by close_notify, or a failure. */
enum sink_channel_step sink_channel_read(struct sink_channel *c, char *out, size_t room, size_t *n);
void sink_channel_write(struct sink_channel *c, struct pr_str octets);
void sink_channel_goodbye(struct sink_channel *c);

#endif
