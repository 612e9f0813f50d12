/*
 * A TLS server in a thread, with certificates made on the spot: takes connections one after
 * another, and treats each as its script says, by one letter each:
 *   T  the handshake         g  "hello" CRLF           e  echo until the other side ends
 *   p  plain "220 go" CRLF   x  plain "250 evil" CRLF  s  silence until the other side ends
 *   h  read the first octets (a ClientHello, say)      r  reset
 *   f  send FLOOD octets     d  read FLOOD octets, say "thanks" CRLF
 *   k  update the keys (TLS 1.3)                       b  a record that is not sound
 *   c  close_notify and the end of the connection
 */
#ifndef TESTS_TLS_PEER_H
#define TESTS_TLS_PEER_H

#include "peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define TLS_PEER_FLOOD (8u << 20)
#define DAY 86400

struct tls_identity {
	X509 *certificate;
	EVP_PKEY *key;
};

struct tls_peer {
	int listener;
	uint16_t port;
	pthread_t thread;
	const char *const *scripts; /* ended by NULL */
	SSL_CTX *context;
	char sni[256];
	unsigned resumed, handshakes, goodbyes;
	char alert[80]; /* the last the client sent that was not a goodbye */
};

static inline void
tls_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ck_assert_ptr_nonnull(x);
	X509_add_ext(certificate, x, -1);
	X509_EXTENSION_free(x);
}

/* Signed by `ca`, or by itself; a CA where san is NULL; valid from and to days from now. */
static inline struct tls_identity
tls_identity_make(const struct tls_identity *ca, const char *name, const char *san, int from,
                  int to)
{
	static long serial;
	struct tls_identity id = {X509_new(), EVP_EC_gen("P-256")};
	X509_set_version(id.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(id.certificate), from * (long)DAY);
	X509_gmtime_adj(X509_getm_notAfter(id.certificate), to * (long)DAY);
	X509_set_pubkey(id.certificate, id.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id.certificate), "CN", MBSTRING_ASC,
	                           (const unsigned char *)name, -1, -1, 0);
	X509 *issuer = ca ? ca->certificate : id.certificate;
	X509_set_issuer_name(id.certificate, X509_get_subject_name(issuer));
	tls_extend(id.certificate, issuer, NID_basic_constraints,
	           san ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (san)
		tls_extend(id.certificate, issuer, NID_subject_alt_name, san);
	ck_assert_int_gt(X509_sign(id.certificate, ca ? ca->key : id.key, EVP_sha256()), 0);
	return id;
}

static inline void
tls_identity_finish(struct tls_identity *id)
{
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
}

/* ---- the server ---- */

static void
tls_peer_flood(SSL *ssl)
{
	char data[30000];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)('a' + i % 23);
	for (size_t left = TLS_PEER_FLOOD; left > 0;) {
		int n = SSL_write(ssl, data, left < sizeof data ? (int)left : (int)sizeof data);
		if (n <= 0)
			return;
		left -= (size_t)n;
	}
}

static void
tls_peer_drain(SSL *ssl)
{
	char data[16384];
	int n;
	for (size_t left = TLS_PEER_FLOOD; left > 0; left -= (size_t)n)
		if ((n = SSL_read(ssl, data, sizeof data)) <= 0)
			return;
	SSL_write(ssl, "thanks\r\n", 8);
}

static void
tls_peer_echo(struct tls_peer *p, SSL *ssl)
{
	char data[4096];
	int n;
	while ((n = SSL_read(ssl, data, sizeof data)) > 0)
		SSL_write(ssl, data, n);
	p->goodbyes += SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN;
}

static bool
tls_peer_accept(struct tls_peer *p, SSL *ssl)
{
	ERR_clear_error();
	bool good = SSL_accept(ssl) == 1;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(p->sni, sizeof p->sni, "%s", name ? name : "");
	p->handshakes += good;
	p->resumed += good && SSL_session_reused(ssl);
	int reason = ERR_GET_REASON(ERR_peek_error());
	if (!good && reason > SSL_AD_REASON_OFFSET)
		snprintf(p->alert, sizeof p->alert, "%s",
		         SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	return good;
}

static bool
tls_peer_step(struct tls_peer *p, SSL *ssl, int fd, char step)
{
	char octets[4096];
	switch (step) {
	case 'T': return tls_peer_accept(p, ssl);
	case 'g': return SSL_write(ssl, "hello\r\n", 7) == 7;
	case 'e': tls_peer_echo(p, ssl); return true;
	case 'p': return send(fd, "220 go\r\n", 8, MSG_NOSIGNAL) == 8;
	case 'x': return send(fd, "250 evil\r\n", 10, MSG_NOSIGNAL) == 10;
	case 'b':
		return send(fd, "\x17\x03\x03\x00\x20 this was never sealed by anyone", 37, 0) > 0;
	case 'h': return read(fd, octets, sizeof octets) > 0;
	case 'f': tls_peer_flood(ssl); return true;
	case 'd': tls_peer_drain(ssl); return true;
	case 'k': return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1;
	case 'c': SSL_shutdown(ssl); return false;
	case 's':
		while (read(fd, octets, sizeof octets) > 0)
			;
		return true;
	default: /* r */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
		           sizeof(struct linger));
		return false;
	}
}

static void *
tls_peer_run(void *argument)
{
	struct tls_peer *p = argument;
	for (size_t i = 0; p->scripts[i]; i++) {
		int fd = accept(p->listener, NULL, NULL);
		SSL *ssl = SSL_new(p->context);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0},
		           sizeof(struct timeval));
		SSL_set_fd(ssl, fd);
		for (const char *step = p->scripts[i]; *step; step++)
			if (!tls_peer_step(p, ssl, fd, *step))
				break;
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

/* `issuer` (NULL: none) is sent with the certificate. */
static inline void
tls_peer_start(struct tls_peer *p, const char *const *scripts, const struct tls_identity *id,
               const struct tls_identity *issuer, int version)
{
	*p = (struct tls_peer){.scripts = scripts, .context = SSL_CTX_new(TLS_server_method())};
	SSL_CTX_use_certificate(p->context, id->certificate);
	SSL_CTX_use_PrivateKey(p->context, id->key);
	if (issuer)
		SSL_CTX_add1_chain_cert(p->context, issuer->certificate);
	SSL_CTX_set_security_level(p->context, 0);
	SSL_CTX_set_min_proto_version(p->context, version);
	SSL_CTX_set_max_proto_version(p->context, version);
	SSL_CTX_set_session_id_context(p->context, (const unsigned char *)"peer", 4);
	SSL_CTX_set_mode(p->context, SSL_MODE_AUTO_RETRY);
	p->listener = peer_bind(&p->port);
	ck_assert_int_eq(listen(p->listener, 16), 0);
	ck_assert_int_eq(pthread_create(&p->thread, NULL, tls_peer_run, p), 0);
}

static inline void
tls_peer_join(struct tls_peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listener);
	SSL_CTX_free(p->context);
}

#endif
