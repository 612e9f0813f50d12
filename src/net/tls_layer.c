/*
 * One TLS connection over buffers, by a BIO of our own: OpenSSL reads from the view `in` and
 * writes to `line`.
 *
 * What was written gathers in the clear and is sealed at the end of the turn: a turn's
 * commands become one record, not one each. With SSL_MODE_RELEASE_BUFFERS OpenSSL holds no
 * record buffers while nothing moves.
 *
 * How it fails: at the first failure the layer is dead; an alert for the peer may be in
 * `line`. After a handshake that did not come to its end all sessions of the peer are
 * forgotten, lest they fail the next one.
 */
#include "tls_layer.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

/* ---- begin ---- */

static bool
is_address(const char *name)
{
	struct in6_addr octets;
	return inet_pton(AF_INET, name, &octets) == 1 || inet_pton(AF_INET6, name, &octets) == 1;
}

static bool
add_records(struct tls_layer *t, const struct pr_tls_want *want)
{
	bool usable = false;
	if (SSL_dane_enable(t->ssl, want->name) <= 0)
		return false;
	SSL_dane_set_flags(t->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7672, 3.1.1 */
	for (size_t i = 0; i < want->tlsa_n; i++) {
		const struct pr_tlsa *r = &want->tlsa[i];
		if (pr_tlsa_usable(r))
			usable |= SSL_dane_tlsa_add(t->ssl, r->usage, r->selector, r->matching,
			                            r->data, r->n) > 0;
	}
	if (!usable) { /* OpenSSL would fall back to PKIX */
		t->failure = "tlsa-invalid";
		pr_fail(&t->why, PR_ETLS, "not one TLSA record of %s is usable", want->name);
	}
	return usable;
}

/* What the certificate must prove. False: it cannot be asked for. */
static bool
set_check(struct tls_layer *t, const struct pr_tls_want *want)
{
	if (want->check == PR_TLS_ANY)
		return true;
	PR_ASSERT(want->name != NULL);
	if (want->check == PR_TLS_DANE && !add_records(t, want))
		return false;
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (want->check == PR_TLS_PKIX && SSL_set1_host(t->ssl, want->name) <= 0)
		return false;
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, tls_on_certificate);
	return true;
}

static bool
set_name(struct tls_layer *t, const char *name)
{
	return !name || is_address(name) || SSL_set_tlsext_host_name(t->ssl, name) == 1;
}

static void
offer_session(struct tls_layer *t, const struct pr_tls_want *want)
{
	tls_key_of(want, &t->key);
	t->resumes = true;
	SSL_SESSION *session = tls_cache_take(&t->tls->cache, &t->key, time(NULL));
	if (!session)
		return;
	SSL_set_session(t->ssl, session);
	SSL_SESSION_free(session);
}

static struct tls_layer *
make(SSL_CTX *context, BIO_METHOD *method, struct pr_buf *line)
{
	struct tls_layer *t = pr_calloc(1, sizeof *t);
	t->line = line;
	t->ssl = SSL_new(context);
	BIO *bio = BIO_new(method);
	PR_ASSERT(t->ssl && bio); /* out of memory */
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	return t;
}

struct tls_layer *
tls_begin_server(pr_tls_server *server, struct pr_buf *line)
{
	struct tls_layer *t = make(server->context, server->method, line);
	t->server = pr_tls_server_ref(server);
	SSL_set_accept_state(t->ssl);
	ERR_clear_error();
	return t;
}

struct tls_layer *
tls_begin(pr_tls *tls, const struct pr_tls_want *want, struct pr_buf *line)
{
	struct tls_layer *t =
	    make(want->check == PR_TLS_ANY ? tls->any : tls->checked, tls->method, line);
	t->tls = tls;
	t->check = want->check;
	SSL_set_connect_state(t->ssl);
	if (!set_name(t, want->name) || !set_check(t, want)) {
		t->dead = true;
		if (t->why.code == 0)
			pr_fail(&t->why, PR_ETLS, "%s is no name for TLS", want->name);
	} else if (want->session) {
		offer_session(t, want);
	}
	ERR_clear_error();
	return t;
}

void
tls_end(struct tls_layer *t)
{
	if (!t->secure && t->resumes)
		tls_cache_forget(&t->tls->cache, &t->key);
	/* Without this OpenSSL takes a peer that hung up for a reason not to resume. */
	SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	pr_tls_server_unref(t->server);
	pr_buf_finish(&t->clear);
	free(t);
}

/* ---- failures ---- */

static enum tls_step
fail(struct tls_layer *t, struct pr_error *why)
{
	if (!t->dead)
		tls_explain(t, why);
	else
		*why = t->why;
	t->dead = true;
	if (!t->failure)
		t->failure = "validation-failure";
	return TLS_FAILED;
}

/* ---- the handshake ---- */

void
tls_feed(struct tls_layer *t, const char *octets, size_t n)
{
	t->in = pr_str_n(octets, n);
}

enum tls_step
tls_shake(struct tls_layer *t, struct pr_error *why)
{
	if (t->dead)
		return fail(t, why);
	ERR_clear_error();
	int r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		t->secure = true;
		return TLS_DONE;
	}
	return SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ ? TLS_WAITS : fail(t, why);
}

struct pr_tls_info
tls_info(const struct tls_layer *t)
{
	bool verified = t->check != PR_TLS_ANY;
	return (struct pr_tls_info){.protocol = SSL_get_version(t->ssl),
	                            .cipher = SSL_get_cipher_name(t->ssl),
	                            .resumed = SSL_session_reused(t->ssl) == 1,
	                            .verified = verified,
	                            .dane = t->check == PR_TLS_DANE};
}

/* ---- data ---- */

enum tls_step
tls_unseal(struct tls_layer *t, char *out, size_t room, size_t *n, struct pr_error *why)
{
	size_t more;
	*n = 0;
	if (t->dead)
		return TLS_WAITS;
	ERR_clear_error();
	while (*n < room && SSL_read_ex(t->ssl, out + *n, room - *n, &more) == 1)
		*n += more;
	if (*n == room)
		return TLS_DONE;
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_WANT_READ: return TLS_WAITS;
	case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
	default: return fail(t, why);
	}
}

enum tls_step
tls_seal(struct tls_layer *t, size_t max, struct pr_error *why)
{
	size_t n = t->clear.len - t->clear_at, sealed;
	if (!t->secure || t->dead || n == 0)
		return TLS_WAITS;
	ERR_clear_error();
	n = n < max ? n : max;
	if (SSL_write_ex(t->ssl, t->clear.data + t->clear_at, n, &sealed) != 1)
		return fail(t, why);
	t->clear_at += sealed;
	if (t->clear_at == t->clear.len) {
		t->clear_at = 0;
		pr_buf_empty(&t->clear);
	}
	return TLS_DONE;
}

void
tls_say_goodbye(struct tls_layer *t)
{
	if (!t->secure || t->dead)
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	t->dead = true;
}
