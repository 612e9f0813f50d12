/*
 * Why TLS failed: a sentence for people and a result type of RFC 8460, 4.3.
 *
 * What a certificate and a peer say of themselves is foreign text: only letters, digits and
 * the like of it are repeated, and not much.
 */
#include "tls_layer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define NAMES_TOLD 3      /* of a certificate */
#define NAME_TOLD_MAX 100 /* octets of one */

/* ---- certificates ---- */

static void
add_foreign(struct pr_buf *b, const ASN1_STRING *s)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);
	for (int i = 0; i < n && i < NAME_TOLD_MAX; i++)
		pr_buf_addc(b, p[i] > ' ' && p[i] < 0x7f ? (char)p[i] : '?');
}

static void
add_name(struct pr_buf *b, const ASN1_STRING *s, unsigned *told)
{
	if (*told < NAMES_TOLD) {
		pr_buf_adds(b, *told ? ", " : "");
		add_foreign(b, s);
	}
	++*told;
}

/* "other.example, www.other.example": DNS names, else the common name. */
static void
add_names(struct pr_buf *b, X509 *certificate)
{
	unsigned told = 0;
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			add_name(b, name->d.dNSName, &told);
	}
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (!told && at >= 0)
		add_name(b, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), &told);
	if (!told)
		pr_buf_adds(b, "nobody");
	if (told > NAMES_TOLD)
		pr_buf_addf(b, " and %u more", told - NAMES_TOLD);
	GENERAL_NAMES_free(names);
}

static void
say_names(struct tls_layer *t, X509_STORE_CTX *chain)
{
	struct pr_buf names = {0};
	const char *wanted = X509_VERIFY_PARAM_get0_host(SSL_get0_param(t->ssl), 0);
	add_names(&names, X509_STORE_CTX_get0_cert(chain));
	pr_fail(&t->why, PR_ETLS, "the certificate is for %s, not %s", names.data,
	        wanted ? wanted : "this address");
	pr_buf_finish(&names);
}

static void
say_date(struct tls_layer *t, X509_STORE_CTX *chain, bool expired)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(chain);
	const ASN1_TIME *date =
	    expired ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate);
	struct tm tm = {0};
	ASN1_TIME_to_tm(date, &tm);
	pr_fail(&t->why, PR_ETLS, "the certificate%s %s %04d-%02d-%02d",
	        X509_STORE_CTX_get_error_depth(chain) > 0 ? " of its issuer" : "",
	        expired ? "expired on" : "is not valid before", tm.tm_year + 1900, tm.tm_mon + 1,
	        tm.tm_mday);
}

int
tls_on_certificate(int good, X509_STORE_CTX *chain)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_layer *t = SSL_get_app_data(ssl);
	int error = X509_STORE_CTX_get_error(chain);
	if (good)
		return good;
	t->failure = "validation-failure";
	switch (error) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		t->failure = "certificate-host-mismatch";
		say_names(t, chain);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		t->failure = "certificate-expired";
		say_date(t, chain, true);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID: say_date(t, chain, false); break;
	case X509_V_ERR_DANE_NO_MATCH:
		pr_fail(&t->why, PR_ETLS, "no TLSA record fits the certificate");
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		t->failure = "certificate-not-trusted";
		pr_fail(&t->why, PR_ETLS, "the certificate is signed by itself, not by a CA");
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		t->failure = "certificate-not-trusted";
		pr_fail(&t->why, PR_ETLS, "no trusted CA stands behind the certificate");
		break;
	default:
		pr_fail(&t->why, PR_ETLS, "the certificate: %s",
		        X509_verify_cert_error_string(error));
	}
	return good;
}

/* ---- all else ---- */

/* The peer's alert, RFC 8446, 6. */
static void
say_alert(const struct tls_layer *t, int alert, struct pr_error *why)
{
	const char *name = SSL_alert_desc_string_long(alert);
	if (alert == TLS1_AD_PROTOCOL_VERSION)
		pr_fail(why, PR_ETLS, "no shared protocol: the peer takes neither TLS 1.2 nor 1.3");
	else
		pr_fail(why, PR_ETLS, "the peer %s: %s",
		        t->secure ? "broke TLS off" : "refused the handshake", name);
}

static void
say_reason(int reason, struct pr_error *why)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
	case SSL_R_BAD_RECORD_TYPE: pr_fail(why, PR_ETLS, "the peer does not speak TLS"); break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_VERSION_TOO_LOW:
		pr_fail(why, PR_ETLS, "no shared protocol: the peer has none from TLS 1.2 up");
		break;
	default: pr_fail(why, PR_ETLS, "TLS: %s", text ? text : "failed without a reason");
	}
}

void
tls_explain(struct tls_layer *t, struct pr_error *why)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);
	if (t->why.code)
		*why = t->why;
	else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
		say_alert(t, reason - SSL_AD_REASON_OFFSET, why);
	else
		say_reason(ERR_GET_LIB(error) == ERR_LIB_SSL ? reason : 0, why);
	ERR_clear_error();
}
