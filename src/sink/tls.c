/*
 * TLS as a server does it, by OpenSSL. Sessions live in tickets only, so nothing is kept for
 * a client that may come again; how many do is counted.
 *
 * How it fails: a channel that failed ends; the alert for the client is in `sealed`.
 */
#include "sink/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define YEAR_S (365 * 86400L)

struct sink_tls {
	SSL_CTX *context;
	BIO *in, *out; /* of the channel that is being served */
};

/* ---- the certificate ---- */

static bool
add_name(X509 *x, const char *name)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	PR_ASSERT(names && one && text);
	ASN1_STRING_set(text, name, -1);
	GENERAL_NAME_set0_value(one, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, one);
	bool good = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return good;
}

/* Valid from yesterday for a year, for nobody to trust. */
static bool
sign_oneself(SSL_CTX *context, const char *name)
{
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	PR_ASSERT(x && key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), YEAR_S);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
	                           (const unsigned char *)"postrider-sink", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	bool good = add_name(x, name) && X509_sign(x, key, EVP_sha256()) > 0 &&
	            SSL_CTX_use_certificate(context, x) == 1 &&
	            SSL_CTX_use_PrivateKey(context, key) == 1;
	X509_free(x);
	EVP_PKEY_free(key);
	return good;
}

static int
fail(const char *what, struct pr_error *e)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	return pr_fail(e, PR_EINVAL, "%s: %s", what, reason ? reason : "not usable");
}

static int
load(SSL_CTX *context, const struct sink_options *o, struct pr_error *e)
{
	ERR_clear_error();
	if (!o->tls_cert)
		return sign_oneself(context, o->tls_name ? o->tls_name : o->hostname)
		           ? 0
		           : fail("--tls-name", e);
	if (SSL_CTX_use_certificate_chain_file(context, o->tls_cert) != 1)
		return fail(o->tls_cert, e);
	if (SSL_CTX_use_PrivateKey_file(context, o->tls_key, SSL_FILETYPE_PEM) != 1)
		return fail(o->tls_key, e);
	return 0;
}

/* ---- the context ---- */

int
sink_tls_create(const struct sink_options *o, struct sink_tls **out, struct pr_error *e)
{
	struct sink_tls *tls = pr_calloc(1, sizeof *tls);
	tls->context = SSL_CTX_new(TLS_server_method());
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	PR_ASSERT(tls->context && tls->in && tls->out);
	BIO_set_mem_eof_return(tls->in, -1); /* empty: come again */
	SSL_CTX_set_min_proto_version(tls->context, o->tls_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(tls->context, (const unsigned char *)"sink", 4);
	int failed = load(tls->context, o, e);
	if (failed)
		sink_tls_destroy(tls);
	else
		*out = tls;
	return failed;
}

void
sink_tls_destroy(struct sink_tls *tls)
{
	SSL_CTX_free(tls->context);
	BIO_free(tls->in);
	BIO_free(tls->out);
	free(tls);
}

/* ---- channels ---- */

struct sink_channel *
sink_channel_begin(struct sink_tls *tls)
{
	struct sink_channel *c = pr_calloc(1, sizeof *c);
	c->tls = tls;
	c->ssl = SSL_new(tls->context);
	PR_ASSERT(c->ssl && BIO_up_ref(tls->in) && BIO_up_ref(tls->out));
	SSL_set_bio(c->ssl, tls->in, tls->out);
	SSL_set_accept_state(c->ssl);
	return c;
}

void
sink_channel_end(struct sink_channel *c)
{
	if (!c)
		return;
	SSL_free(c->ssl);
	pr_buf_finish(&c->sealed);
	free(c);
}

/* What OpenSSL wrote goes to `sealed`. */
static void
collect(struct sink_channel *c)
{
	char *data;
	long n = BIO_get_mem_data(c->tls->out, &data);
	if (n > 0) {
		pr_buf_add(&c->sealed, data, (size_t)n);
		BIO_reset(c->tls->out);
	}
}

/* After a call of OpenSSL that returned r, 1 for success. */
static enum sink_channel_step
step_of(struct sink_channel *c, int r)
{
	int error = SSL_get_error(c->ssl, r);
	collect(c);
	if (r == 1)
		return SINK_CHANNEL_GOES_ON;
	if (error == SSL_ERROR_WANT_READ)
		return SINK_CHANNEL_WAITS;
	BIO_reset(c->tls->in);
	return SINK_CHANNEL_ENDS;
}

void
sink_channel_feed(struct sink_channel *c, const char *octets, size_t n)
{
	BIO_write(c->tls->in, octets, (int)n);
}

enum sink_channel_step
sink_channel_shake(struct sink_channel *c)
{
	ERR_clear_error();
	int r = SSL_do_handshake(c->ssl);
	c->secure = r == 1;
	return step_of(c, r);
}

struct sink_secured
sink_channel_info(const struct sink_channel *c)
{
	return (struct sink_secured){.protocol = SSL_get_version(c->ssl),
	                             .cipher = SSL_get_cipher_name(c->ssl),
	                             .resumed = SSL_session_reused(c->ssl) == 1};
}

enum sink_channel_step
sink_channel_read(struct sink_channel *c, char *out, size_t room, size_t *n)
{
	ERR_clear_error();
	return step_of(c, SSL_read_ex(c->ssl, out, room, n));
}

void
sink_channel_write(struct sink_channel *c, struct pr_str octets)
{
	size_t n;
	ERR_clear_error();
	SSL_write_ex(c->ssl, octets.p, octets.n, &n);
	collect(c);
}

void
sink_channel_goodbye(struct sink_channel *c)
{
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	collect(c);
}
