/*
 * TLS between a stream and its octets on the line: no sockets here. The stream feeds what it
 * read, and sends what gathers in `line`.
 */
#ifndef NET_TLS_LAYER_H
#define NET_TLS_LAYER_H

#include "tls_cache.h"

#include "postrider/base/buf.h"

struct pr_tls {
	SSL_CTX *any, *checked; /* contexts: of PR_TLS_ANY, and of the checks */
	BIO_METHOD *method;
	struct tls_cache cache;
	char *ca_file; /* or NULL */
};

struct pr_tls_server {
	SSL_CTX *context;
	BIO_METHOD *method;
	unsigned refs;
};

struct tls_layer {
	pr_tls *tls;           /* NULL: a server's */
	pr_tls_server *server; /* or NULL */
	SSL *ssl;
	enum pr_tls_check check;
	bool secure;  /* the handshake is done */
	bool dead;    /* OpenSSL will do no more */
	bool resumes; /* has a key: sessions are kept */
	struct tls_key key;
	struct pr_str in;    /* fed and not yet read: a view */
	struct pr_buf *line; /* sealed octets for the line: the stream's */
	struct pr_buf clear; /* written and not yet sealed, from clear_at on */
	size_t clear_at;
	const char *failure; /* result type of RFC 8460; NULL: none yet */
	struct pr_error why; /* of the first thing wrong with the certificate */
};

enum tls_step {
	TLS_WAITS,  /* needs octets of the peer */
	TLS_DONE,   /* the handshake is done; or there is more */
	TLS_ENDED,  /* the peer said that it is done */
	TLS_FAILED, /* `why` says */
};

/* Ready for tls_shake. `line` must outlive it. */
struct tls_layer *tls_begin(pr_tls *tls, const struct pr_tls_want *want, struct pr_buf *line);
struct tls_layer *tls_begin_server(pr_tls_server *server, struct pr_buf *line);
void tls_end(struct tls_layer *t);
/* Octets from the line: looked at by the calls that follow, which use them up. */
void tls_feed(struct tls_layer *t, const char *octets, size_t n);
enum tls_step tls_shake(struct tls_layer *t, struct pr_error *why);
struct pr_tls_info tls_info(const struct tls_layer *t);
/* Appends to out, which has room; n is how much. Also what came before an end or a failure. */
enum tls_step tls_unseal(struct tls_layer *t, char *out, size_t room, size_t *n,
                         struct pr_error *why);
/* Seal up to `max` octets of what was written; TLS_WAITS when the handshake is not done. */
enum tls_step tls_seal(struct tls_layer *t, size_t max, struct pr_error *why);
void tls_say_goodbye(struct tls_layer *t); /* close_notify */

static inline bool
tls_has_clear(const struct tls_layer *t)
{
	return t->clear.len > t->clear_at;
}

/* ---- between the layer's own files ---- */

BIO_METHOD *tls_make_method(void); /* joins OpenSSL to a layer */

/* OpenSSL's verify callback: notes what is wrong with the certificate, forgives nothing. */
int tls_on_certificate(int good, X509_STORE_CTX *chain);
/* Why the last call of OpenSSL failed. */
void tls_explain(struct tls_layer *t, struct pr_error *why);

#endif
