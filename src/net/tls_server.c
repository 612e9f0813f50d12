/*
 * The context of a server: its certificate and key. Sessions live in tickets only, so nothing is
 * kept for a peer that may come again.
 */
#include "tls_layer.h"

#include <openssl/err.h>
#include <stdlib.h>

static int
fail(const char *what, struct pr_error *e)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	return pr_fail(e, PR_EINVAL, "%s: %s", what, reason ? reason : "not usable");
}

static int
load(SSL_CTX *context, const char *cert_file, const char *key_file, struct pr_error *e)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
		return fail(cert_file, e);
	if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
		return fail(key_file, e);
	return 0;
}

int
pr_tls_server_create(const char *cert_file, const char *key_file, pr_tls_server **out,
                     struct pr_error *e)
{
	pr_tls_server *s = pr_calloc(1, sizeof *s);
	s->refs = 1;
	s->method = tls_make_method();
	s->context = SSL_CTX_new(TLS_server_method());
	PR_ASSERT(s->context != NULL);
	SSL_CTX_set_min_proto_version(s->context, TLS1_2_VERSION);
	SSL_CTX_set_options(s->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(s->context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_OFF);
	int r = load(s->context, cert_file, key_file, e);
	if (r < 0) {
		pr_tls_server_unref(s);
		return r;
	}
	*out = s;
	return 0;
}

pr_tls_server *
pr_tls_server_ref(pr_tls_server *s)
{
	s->refs++;
	return s;
}

void
pr_tls_server_unref(pr_tls_server *s)
{
	if (!s || --s->refs > 0)
		return;
	SSL_CTX_free(s->context);
	BIO_meth_free(s->method);
	free(s);
}
