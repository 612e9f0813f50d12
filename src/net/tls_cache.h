/*
 * Sessions to resume with, by peer: serialised, so that a session costs what it is and not
 * OpenSSL's objects for the peer's certificate. Bounded as net/tls.h says.
 */
#ifndef NET_TLS_CACHE_H
#define NET_TLS_CACHE_H

#include "postrider/base/hash.h"
#include "postrider/base/list.h"
#include "postrider/net/tls.h"

#include <openssl/ssl.h>

struct tls_key {
	uint8_t octets[32]; /* a digest of all that must be equal to resume */
};

struct tls_cache {
	struct pr_map peers;
	struct pr_list used; /* peers, the latest used last */
	size_t sessions;
};

void tls_key_of(const struct pr_tls_want *want, struct tls_key *out);

void tls_cache_init(struct tls_cache *c);
void tls_cache_finish(struct tls_cache *c);
/* Keep what it holds; the session stays the caller's. */
void tls_cache_put(struct tls_cache *c, const struct tls_key *key, SSL_SESSION *session);
/* The latest that has not expired by now_s (Unix time); the caller frees it; NULL: none. One of
 * TLS 1.3 is given once: who watches the line shall not link two connections by its
 * ticket (RFC 8446, C.4). */
SSL_SESSION *tls_cache_take(struct tls_cache *c, const struct tls_key *key, int64_t now_s);
void tls_cache_forget(struct tls_cache *c, const struct tls_key *key);

#endif
