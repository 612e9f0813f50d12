/*
 * The contexts of TLS: settings that all connections share, and the BIO that joins OpenSSL
 * to a stream's buffers.
 *
 * There are two: PR_TLS_ANY takes what old receivers still have (small keys, no RFC 5746)
 * and looks at no certificate at all, which also saves the time; the checks have OpenSSL's
 * own level of security, the trusted CAs and DANE.
 */
#include "postrider/net/tls.h"

#include "tls_layer.h"

#include <openssl/err.h>
#include <stdlib.h>

#define LEVEL_ANY 1 /* keys of 1024 bits and up; the usual 2: of 2048 */

/* ---- the BIO ---- */

static int
bio_read(BIO *bio, char *out, size_t room, size_t *n)
{
	struct tls_layer *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	*n = t->in.n < room ? t->in.n : room;
	if (*n == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(out, t->in.p, *n);
	t->in = pr_str_n(t->in.p + *n, t->in.n - *n);
	return 1;
}

static int
bio_write(BIO *bio, const char *data, size_t n, size_t *written)
{
	struct tls_layer *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	pr_buf_add(t->line, data, n);
	*written = n;
	return 1;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *
tls_make_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
	PR_ASSERT(m && BIO_meth_set_read_ex(m, bio_read) && BIO_meth_set_write_ex(m, bio_write) &&
	          BIO_meth_set_ctrl(m, bio_control) && BIO_meth_set_create(m, bio_create));
	return m;
}

/* ---- contexts ---- */

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_layer *t = SSL_get_app_data(ssl);
	if (t->resumes)
		tls_cache_put(&t->tls->cache, &t->key, session);
	return 0; /* the session remains OpenSSL's */
}

static SSL_CTX *
make_context(void)
{
	SSL_CTX *x = SSL_CTX_new(TLS_client_method());
	PR_ASSERT(x != NULL);
	SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(x, 0);
	SSL_CTX_set_options(x, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(x, on_session);
	return x;
}

/* SSL_VERIFY_NONE alone would still look the chain up, and then forgive it. */
static int
take_any(X509_STORE_CTX *chain, void *context)
{
	(void)chain, (void)context;
	return 1;
}

static SSL_CTX *
make_any(void)
{
	SSL_CTX *x = make_context();
	SSL_CTX_set_security_level(x, LEVEL_ANY);
	SSL_CTX_set_options(x, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_verify(x, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(x, take_any, NULL);
	return x;
}

static SSL_CTX *
make_checked(void)
{
	SSL_CTX *x = make_context();
	SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(x), X509_V_FLAG_PARTIAL_CHAIN);
	PR_ASSERT(SSL_CTX_dane_enable(x) == 1);
	return x;
}

static int
load_cas(SSL_CTX *x, const char *file, struct pr_error *e)
{
	ERR_clear_error();
	if (file ? SSL_CTX_load_verify_file(x, file) == 1 : SSL_CTX_set_default_verify_paths(x))
		return 0;
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	return pr_fail(e, file ? PR_EINVAL : PR_ENOENT, "trusted CAs: %s: %s",
	               file ? file : "the system's", reason ? reason : "cannot be read");
}

struct ssl_ctx_st *
pr_tls_context(const pr_tls *tls)
{
	SSL_CTX *x = make_context();
	SSL_CTX_sess_set_new_cb(x, NULL); /* it looks for a stream */
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	/* libesmtp polls first and reads then; tickets that TLS 1.3 sends behind the handshake make
	 * it wait for data that nobody sends. */
	SSL_CTX_set_max_proto_version(x, TLS1_2_VERSION);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(x), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set1_cert_store(x, SSL_CTX_get_cert_store(tls->checked));
	return x;
}

void
pr_tls_context_free(struct ssl_ctx_st *context)
{
	SSL_CTX_free(context);
}

int
pr_tls_create(const struct pr_tls_options *options, pr_tls **out, struct pr_error *e)
{
	pr_tls *tls = pr_calloc(1, sizeof *tls);
	tls->ca_file = options->ca_file ? pr_strdup(options->ca_file) : NULL;
	tls->method = tls_make_method();
	tls->any = make_any();
	tls->checked = make_checked();
	tls_cache_init(&tls->cache);
	int failed = load_cas(tls->checked, options->ca_file, e);
	if (failed) {
		pr_tls_destroy(tls);
		return failed;
	}
	*out = tls;
	return 0;
}

void
pr_tls_destroy(pr_tls *tls)
{
	if (!tls)
		return;
	tls_cache_finish(&tls->cache);
	SSL_CTX_free(tls->any);
	SSL_CTX_free(tls->checked);
	BIO_meth_free(tls->method);
	free(tls->ca_file);
	free(tls);
}

const char *
pr_tls_ca_file(const pr_tls *tls)
{
	return tls->ca_file;
}
